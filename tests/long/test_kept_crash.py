#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/kept/test_crash.py with 600 kills."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.exit(subprocess.run([sys.executable, os.path.join(HERE, "..", "kept", "test_crash.py"), sys.argv[1], "600", "100"]).returncode)
