#!/bin/sh
# SPDX-License-Identifier: MIT
# Named volumes, and --storage-opt: volumes.sh BUILD-DIRECTORY
set -u
P=$1/cmd/picket
WORK=$(mktemp -d)
export XDG_DATA_HOME=$WORK/data
trap 'chmod -R u+rwX "$WORK"; rm -rf "$WORK"' EXIT
n=0
check() { # what, wanted, have
	n=$((n + 1))
	if [ "$2" = "$3" ]; then echo "ok $n - $1"; else echo "not ok $n - $1: \"$3\", not \"$2\""; fi
}
run() { timeout 30 "$P" run --network none "$@" 2>&1; }

check "create prints the name" data "$("$P" volume create --label a=b data)"
run --rm -v data:/v host -- sh -c 'echo hi > /v/f; chown 33:44 /v/f; chmod 4755 /v/f; mknod /v/null c 1 3; ln -s x /v/l'
check "owners, modes and devices stay" "33:44 4755 1:3 x" \
	"$(run --rm -v data:/v host -- sh -c 'echo $(stat -c "%u:%g %a" /v/f) $(stat -c %t:%T /v/null) $(readlink /v/l)')"
check "read only" 1 "$(run --rm -v data:/v:ro host -- sh -c 'echo x > /v/f' | grep -c 'Read-only')"
check "an empty one gets what is there" "$(ls /etc/apt | wc -l)" "$(run --rm -v apt:/etc/apt host -- sh -c 'ls /etc/apt | wc -l')"
check "nocopy: it does not" 0 "$(run --rm -v apt2:/etc/apt:nocopy host -- sh -c 'ls /etc/apt | wc -l')"
check "ls -q" "apt apt2 data" "$(echo $("$P" volume ls -q))"
check "ls by label" data "$("$P" volume ls -q -f label=a)"
check "ls --format" "local data" "$("$P" volume ls -f label=a --format '{{.Driver}} {{.Name}}')"
run --keep --name v1 -v /anon -v data:/v host -- sh -c 'echo x > /anon/x' > /dev/null
check "one of its own" 1 "$("$P" volume ls -q | grep -c '^[0-9a-f]\{64\}$')"
check "rm of one in use" 1 "$("$P" volume rm data 2>&1 | grep -c 'the sandbox v1 uses it')"
check "its own is there again" x "$(timeout 30 "$P" start -a v1 > /dev/null 2>&1; cat "$XDG_DATA_HOME"/picket/volumes/*/upper/root/x)"
"$P" rm -v v1 > /dev/null
check "rm -v removes it" 0 "$("$P" volume ls -q | grep -c '^[0-9a-f]\{64\}$')"
check "inspect" "local $XDG_DATA_HOME/picket/volumes/data/upper/root" "$("$P" volume inspect -f '{{.Driver}} {{.Mountpoint}}' data)"
check "rm" data "$("$P" volume rm data)"
check "rm of what is not there" 1 "$("$P" volume rm data 2>&1 | grep -c 'no such volume')"
"$P" volume prune -af > /dev/null
check "prune -af" "" "$("$P" volume ls -q)"
for way in --rm "--keep --name s1"; do
	check "size with $way" "No space left on device 1" "$(run $way --storage-opt size=8m host -- sh -c \
		'dd if=/dev/zero of=/tmp/x bs=1M count=20 2>&1 | sed -n "s/.*: \(No space.*\)/\1/p"; rm /tmp/x; dd if=/dev/zero of=/tmp/y bs=1M count=6 2> /dev/null && echo 1' | tr '\n' ' ' | sed 's/ $//')"
done
check "size after a restart" "No space left on device" "$(run --keep --name s2 --storage-opt size=8m host -- sh -c \
	'[ -e /tmp/y ] && dd if=/dev/zero of=/tmp/x bs=1M count=4 2>&1 | sed -n "s/.*: \(No space.*\)/\1/p"; dd if=/dev/zero of=/tmp/y bs=1M count=6 2> /dev/null'; timeout 30 "$P" start -a s2 2>&1)"
"$P" rm s1 s2 > /dev/null
echo "1..$n"
