#!/bin/sh
# SPDX-License-Identifier: MIT
# Fields of config.json (tests/oci/spec.py), with real root's rights.
exec python3 "$(dirname "$0")/../oci/spec.py" "$1/cmd/picket-runtime"
