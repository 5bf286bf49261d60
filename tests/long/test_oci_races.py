#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/oci/races.py for some minutes."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = "3000"

sys.exit(subprocess.run([sys.executable, os.path.join(HERE, "..", "oci", "races.py"), sys.argv[1], ROUNDS]).returncode)
