#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""200 random interleavings of commands and kill -9 on the same sandboxes (tests/cli/races.py); RACES_SEED repeats a run."""
import os
import sys

os.execv(sys.executable, [sys.executable, "-B", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli", "races.py"), sys.argv[1],
                          os.environ.get("RACES_ROUNDS", "200")])
