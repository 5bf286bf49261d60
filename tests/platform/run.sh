#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh MINI GUEST [poller]: each thing the platform does, once; the status says whether all went well.
mini=$1
guest=$2
[ "$3" = poller ] && export MINI_POLLER=1
failed=0

expect() { # status, words
	want=$1
	shift
	out=$(timeout 60 "$mini" "$guest" "$@" 2>&1)
	status=$?
	if [ $status != "$want" ]; then
		echo "FAIL $*: status $status, not $want: $out"
		failed=1
	fi
}

for words in hello light full fast fastsignal faststorm "fork 50" "exec 20" "spawn 20" "threads 5" "pingpong 500" "signal 200" \
	interrupt "sleepers 10" "fault 50" mmap native watch vsyscall forkmix "killloop 5" "jump 40" bell sigreturn closer replace true; do
	expect 0 $words
done
expect 139 segv
expect 137 rawclone
expect 137 int80
expect 137 scribble
exit $failed
