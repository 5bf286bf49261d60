#!/bin/sh
# SPDX-License-Identifier: MIT
# podman as root: tests/oci/podman.sh. usage: test_podman.sh BUILD
exec python3 -B "$(dirname "$0")/../oci/podman.py" "$1/cmd/picket-runtime"
