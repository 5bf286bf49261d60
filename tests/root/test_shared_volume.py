#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Containers that share a volume (tests/isolation/test_shared_volume.py), by root of the first user namespace."""
import os
import runpy

runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "isolation", "test_shared_volume.py"))
