#!/bin/sh
# SPDX-License-Identifier: MIT
# The options of picket run, with the real sentry: each does what it says to a real program.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317,SC2016
. "$(dirname "$0")/lib.sh"
cp "$build/sentry/picket-sentry" "$work/bin/picket-sentry" || exit 1

run() { "$picket" run --network none "$@"; }
# inside COMMAND: run a shell command on the host's tools, with the options in $opts.
inside() {
  # shellcheck disable=SC2086
  run $opts host -- sh -c "$1"
}
# gives NAME TEXT COMMAND: the command's output is exactly TEXT.
gives() {
  got=$(inside "$3" 2>&1)
  if [ "$got" = "$2" ]; then passed "$1"; else failed "$1: \"$got\""; fi
}

mkdir "$work/vol"
echo data >"$work/vol/file"

opts=
gives "root" "0:0" 'echo $(id -u):$(id -g)'
gives "empty home" "0" 'find /root /tmp /home -mindepth 1 | wc -l'
gives "working directory of host" "/root" 'pwd'
gives "HOME" "/root" 'echo $HOME'
gives "the environment is small" "HOME HOSTNAME PATH PWD" "env | cut -d= -f1 | grep -v '^_$' | sort | tr '\n' ' ' | sed 's/ $//'"
gives "nothing of the user's" "no" "test -e '$work' && echo yes || echo no"
gives "no secrets" "no" 'cat /etc/shadow >/dev/null 2>&1 && echo yes || echo no'
gives "the root can be written, privately" "1" 'echo 1 >/usr/x && cat /usr/x'
check "  and the host is untouched" test ! -e /usr/x
opts="-e A=1 -e B=two"
gives "-e" "1 two" 'echo $A $B'
printf 'C=3\n# no\nA=overridden\n' >"$work/env"
opts="--env-file $work/env -e A=1"
gives "--env-file" "1 3" 'echo $A $C'
opts="-w /made/for/it"
gives "-w" "/made/for/it" 'pwd'
opts="-u 12:34"
gives "-u" "12:34" 'echo $(id -u):$(id -g)'
opts="-u nobody"
gives "-u by name" "nobody" 'id -un'
opts="--hostname box"
gives "--hostname" "box box" 'echo $(hostname) $(cat /etc/hostname)'
opts="-v $work/vol:/v"
gives "-v" "data" 'cat /v/file; echo new >/v/new'
check "  writes to the host" grep -q new "$work/vol/new"
opts="-v $work/vol:/v:ro"
gives "-v ro" "data no" 'echo $(cat /v/file) $(touch /v/x 2>/dev/null && echo yes || echo no)'
opts="-v $work/vol/file:/etc/one"
gives "-v of a file" "data" 'cat /etc/one'
opts="--mount type=bind,src=$work/vol,dst=/deep/er,readonly"
gives "--mount" "data" 'cat /deep/er/file'
opts="--mount type=bind,src=$work/vol,dst=/v,bind-propagation=rslave --disable-content-trust"
gives "words of docker's without a meaning here" "data" 'cat /v/file'
status "-a" 125 run -a stdout host true
says "--attach is not offered"
opts="--tmpfs /t:size=64k,mode=700,uid=5"
gives "--tmpfs" "700 5 full" 'echo $(stat -c "%a %u" /t) $(head -c 100000 /dev/zero >/t/x 2>/dev/null || echo full)'
opts="--tmpfs /x -v $work/vol:/x/y"
gives "a volume in a tmpfs" "data" 'cat /x/y/file'
opts="--read-only --tmpfs /t"
gives "--read-only" "no yes" 'echo $(touch /x 2>/dev/null && echo yes || echo no) $(touch /t/x && echo yes)'
status "--pids-limit" 2 run --pids-limit 20 host -- sh -c 'i=0; while [ $i -lt 40 ]; do sleep 2 & i=$((i + 1)); done'
says "fork"
status "--memory" 137 run --memory 64m host -- python3 -c 'print(len(bytearray(300 << 20)))'
opts=
gives "no network, but loopback" "lo:" "awk 'NR > 2 { print \$1 }' /proc/net/dev"
status "--trace" 0 run --trace="$work/trace" host true
check "  has calls" grep -q 'exit_group(0)' "$work/trace"
status "--entrypoint" 0 run --entrypoint /bin/echo host hello
says hello
status "not found" 127 run host no-such-program
one_sentence
status "not executable" 126 run host /etc/passwd
one_sentence
status "a directory" 126 run host /usr
one_sentence
status "no such user" 125 run -u nobody-at-all host true
one_sentence
status "a signal's status" 143 run host -- sh -c 'sh -c "kill -15 \$\$"; exit $?'
mkdir -p "$work/root/bin"
if command -v busybox >/dev/null; then
  cp "$(command -v busybox)" "$work/root/bin/busybox"
  status "--rootfs" 0 run --rootfs "$work/root" -- /bin/busybox sh -c '/bin/busybox touch /made && /bin/busybox ls /'
  says made
  check "  is not written to" test ! -e "$work/root/made"
fi
for mode in nouserns nofuse nouserns,nofuse; do
  status "mode $mode" 7 env PICKET_TEST_MODE=$mode "$picket" run host -- sh -c 'echo a | cat >/tmp/x && test -s /tmp/x && exit 7'
done
status "inside unshare -r" 7 unshare -r "$picket" run --network none host -- sh -c 'echo a | cat >/tmp/x && test -s /tmp/x && exit 7'
status "where /proc is masked, as in a container" 7 unshare -rm sh -c \
  "mount -t tmpfs none /proc/sys && '$picket' run --network none host -- sh -c 'echo a | cat >/tmp/x && test -s /tmp/x && exit 7'"
if [ -w /dev/net/tun ] && command -v slirp4netns >/dev/null; then
  status "slirp is up when the program starts" 0 "$picket" run host -- sh -c 'grep -q tap0 /proc/net/dev && cat /etc/resolv.conf'
  says "nameserver 10.0.2.3"
fi
finish
