#!/bin/sh
# SPDX-License-Identifier: MIT
# picket run --init: a first process of Picket's own that reaps and passes signals on.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317,SC2016
. "$(dirname "$0")/lib.sh"
cp "$build/sentry/picket-sentry" "$build/cmd/picket-guest" "$work/bin/" || exit 1

init() { timeout 60 "$picket" run --rm --network none --init host -- "$@"; }
status "the program's status" 7 init sh -c 'exit 7'
status "a signal's" 137 init sh -c 'kill -9 $$'
status "not found" 127 init no-such-program
says "no-such-program: not found"
status "no program" 126 init /etc/passwd
says "cannot be executed"
status "the program is the second process" 0 init sh -c 'test $$ -eq 2 && test $PPID -eq 1 && tr "\0" " " </proc/1/cmdline'
says "picket-guest init -- sh"
status "orphans are reaped" 0 init sh -c '(sh -c "exit 0" & ) ; sleep 0.3; ! grep -l "^State:.Z" /proc/[0-9]*/status'
status "signals may be ignored" 0 init sh -c 'trap "" TERM; kill -TERM 1; sleep 0.2; echo still'
says "still"
"$picket" run --rm --network none --init host -- sh -c 'trap "exit 9" TERM; while :; do sleep 0.05; done' &
sleep 0.7
kill -TERM $!
wait $!
check "SIGTERM is passed on" test $? -eq 9
mkdir -p "$work/root/bin"
cp "$(command -v busybox)" "$work/root/bin/busybox"
status "in a tree that has nothing" 3 timeout 60 "$picket" run --rm --network none --init --rootfs "$work/root" -- /bin/busybox sh -c 'exit 3'
status "as a user" 0 timeout 60 "$picket" run --rm --network none --init -u 7 host -- sh -c 'test "$(id -u)" -eq 7'
finish
