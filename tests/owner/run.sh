#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh native|inside PROGRAM [BUILD]: a program of tests/diff as root with many ids in a directory of this file system: natively, or in a
# sandbox whose root file system that directory is, with real owners. To be run by `unshare -r --map-auto`.
set -eu
way=$1 program=$2 build=${3:-}
umask 022
dir=$(mktemp -d "$PWD/owner.XXXXXX")
chmod 755 "$dir"
trap 'cd /; rm -rf "$dir"' EXIT
status=0
if [ "$way" = native ]; then
	cd "$dir"
	unshare -n -i -u -m -- sh -c 'ip link set lo up 2>/dev/null; exec "$@"' sh "$program" || status=$?
	exit "$status"
fi
mkdir -p "$dir/etc" "$dir/usr" "$dir/t" "$dir/root" "$dir/mnt" "$dir/home" "$dir/run" "$dir/var"
mkdir -m 1777 "$dir/tmp"
mkdir "$dir/tmp/scratch"
for l in bin sbin lib lib64; do
	[ -L "/$l" ] && ln -s "$(readlink "/$l")" "$dir/$l"
done
cp /etc/passwd /etc/group "$dir/etc/"
PICKET_SENTRY=$build/sentry/picket-sentry "$build/tests/owner/owner-run" -v /usr:/usr:ro -v "$(dirname "$program"):/t:ro" \
	--cwd /tmp/scratch "$dir" "/t/$(basename "$program")" || status=$?
exit "$status"
