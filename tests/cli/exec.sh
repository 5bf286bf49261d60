#!/bin/sh
# SPDX-License-Identifier: MIT
# picket exec in a sandbox that runs: what the process gets, and how its end comes back.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317,SC2016
. "$(dirname "$0")/lib.sh"
cp "$build/sentry/picket-sentry" "$work/bin/picket-sentry" || exit 1
export PICKET_STORE="$work/store"

x() { timeout 60 "$picket" exec "$@"; }
# gives NAME TEXT WORDS…: the output is exactly TEXT.
gives() {
  name=$1 text=$2
  shift 2
  got=$(x "$@" 2>&1)
  if [ "$got" = "$text" ]; then passed "$name"; else failed "$name: \"$got\""; fi
}
# ends NAME STATUS TEXT WORDS…: exit status, and TEXT in what it says.
ends() {
  name=$1 status=$2 text=$3
  shift 3
  got=$(x "$@" 2>&1 </dev/null)
  s=$?
  case $got in
  *"$text"*) if [ $s -eq "$status" ]; then passed "$name"; else failed "$name: status $s"; fi ;;
  *) failed "$name: \"$got\"" ;;
  esac
}

"$picket" run -d --name box --network none -e A=1 -w /usr host -- sleep 1000 >/dev/null || exit 1

gives "the sandbox's variables and directory" "1 /usr 0" box sh -c 'echo $A $PWD $(id -u)'
gives "-e" "2 x" -e A=2 -e B=x box sh -c 'echo $A $B'
gives "-e takes away" "unset" -e A box sh -c 'echo ${A-unset}'
printf 'B=3\n' >"$work/env"
gives "--env-file" "1 3" --env-file "$work/env" box sh -c 'echo $A $B'
gives "-w" "/usr/bin" -w /usr/bin box pwd
gives "-u" "1:2" -u 1:2 box sh -c 'echo $(id -u):$(id -g)'
gives "the same files" "yes" box sh -c 'echo yes >/tmp/f; cat /tmp/f'
gives "  and they stay" "yes" box cat /tmp/f
gives "the same processes" "sleep" box cat /proc/1/comm
gives "no parent" "0" box sh -c 'echo $PPID'
got=$(echo text | x -i box cat)
check "-i" test "$got" = text
got=$(echo text | x box cat)
check "no -i: nothing to read" test -z "$got"
got=$(x box sh -c 'echo out; echo err >&2' 2>/dev/null)
check "output and error output apart" test "$got" = out
ends "status" 7 "" box sh -c 'exit 7'
ends "status 255" 255 "" box sh -c 'exit 255'
ends "signal" 143 "" box sh -c 'kill $$'
ends "not found" 127 "nosuch: not found" box nosuch
ends "no program" 126 "cannot be executed" box /etc/passwd
ends "no directory" 127 "/nowhere" -w /nowhere box true
ends "no user" 125 "no user 'nobody-such'" -u nobody-such box true
ends "no sandbox" 1 "no such sandbox" nosuchbox true
ends "no command" 125 "needs more arguments" box
ends "-t without a terminal" 125 "not a terminal" -it box true
ends "--privileged" 125 "no privileges" --privileged box true
ends "-d" 0 "" -d box sh -c 'echo >/tmp/d; sleep 100'
sleep 0.2
check "  runs" x box sh -c 'test -e /tmp/d'
ends "-d, not found" 127 "not found" -d box nosuch

"$picket" exec box sleep 101 &
sleep 0.5
kill -INT $!
wait $!
check "Ctrl-C ends the process" test $? -eq 130
check "  it is gone" test "$(x box sh -c 'cat /proc/[0-9]*/cmdline' | tr '\0' ' ' | grep -c 'sleep 101 ')" -eq 0
"$picket" exec box sh -c 'trap "exit 9" TERM; while :; do sleep 0.05; done' &
sleep 0.5
kill -TERM $!
wait $!
check "SIGTERM is passed on" test $? -eq 9

"$picket" exec box sleep 100 &
waiting=$!
sleep 0.3
x box kill -9 1
wait $waiting
check "the sandbox's end is the process's" test $? -eq 137
sleep 0.3
ends "not running" 1 "not running" box true
"$picket" rm -f box >/dev/null 2>&1
finish
