#!/bin/sh
# SPDX-License-Identifier: MIT
# picket run and the launcher, with a sentry that plays its part: what is handed over, exit statuses, refusals.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317
. "$(dirname "$0")/lib.sh"

run() { "$picket" run --network none "$@"; }

# What the sentry is left with.
status "report" 0 run host report
for fact in "pid 1" "session leader yes" "death signal 9" "environment 1" "core 0" "capabilities none" "bounding none" \
  "no_new_privs 1" "descriptors 0 1 2 3 4 10 11 12" "root writable no" "home visible no" "loopback up yes" "nouserns no" \
  "proc self 1"; do
  says "$fact"
done
check "  only loopback" grep -qx 'interfaces lo' "$work/out"

# Directories of the host: nothing leads out of them, and the kernel keeps a read-only one so.
mkdir "$work/volume"
status "directories" 0 run -v "$work/volume:/rw" -v "$work/volume:/ro:ro" host report
check "  none of host leads out" sh -c "! grep -q '^[a-z0-9]* leads out' '$work/out'"
says "/rw leads out no, written yes"
says "/ro leads out no, written no"

# The configuration.
SECRET=1 NAMED=yes status "configuration" 0 run -e NAMED -e A=b --env=C=d -w /work -u 5:6 --hostname box --read-only \
  --memory 64m --pids-limit 77 -v /tmp:/x:ro -v /etc/passwd:/y --tmpfs /z:size=1k host config one -- two
for line in "arg config" "arg one" "arg --" "arg two" "env NAMED=yes" "env A=b" "env C=d" "env HOSTNAME=box" "cwd /work" \
  "user 5:6" "hostname box" "root kind 4 ro 1" "host usr dir" "bind /x ro" "tmpfs /z size=1024" "memory 67108864" \
  "pids 77" "file /etc/hostname 644 4" "network none"; do
  says "$line"
done
check "  nothing else of the caller's" test "$(grep -c '^env ' "$work/out")" -eq 5

# Exit statuses.
status "exit 0" 0 run host exit 0
status "exit 7" 7 run host exit 7
status "exit 255" 255 run host -- exit 255
status "killed by 9" 137 run host killed 9
status "error 126" 126 run host error 126 "x: permission denied"
says "x: permission denied"
one_sentence
status "error 127" 127 run host error 127 "y: not found"
status "a sentry that crashes" 125 run host crash
one_sentence

# Standard input.
status "no -i: nothing to read" 0 sh -c "echo hello | '$picket' run --network none host cat"
check "  nothing came" test ! -s "$work/out"
status "-i" 0 sh -c "echo hello | '$picket' run -i --network none host cat"
says "hello"
status "-t without a terminal" 125 sh -c "'$picket' run -it --network none host exit 0 </dev/null"
one_sentence

# Directories.
mkdir "$work/root"
status "--rootfs" 0 run --rootfs "$work/root" -- config
says "root kind 2"
says "cwd /"
status "--rootfs that is not there" 125 run --rootfs "$work/nowhere" true
one_sentence
status "--rootfs without a command" 125 run --rootfs "$work/root"
one_sentence

# Refusals.
status "no image" 125 "$picket" run
one_sentence
status "unknown image" 125 run --pull never no-such-image:1 true
one_sentence
status "volume that is not there" 125 run -v "$work/nowhere:/x" host exit 0
one_sentence
status "a name that is none of a volume" 125 run -v da/ta:/x host exit 0
one_sentence
status "relative place" 125 run -v /tmp:x host exit 0
one_sentence
status "unknown option" 125 run --frobnicate host exit 0
one_sentence
status "unknown network" 125 run --network beer host exit 0
one_sentence
status "trace file that cannot be made" 125 run --trace=/nonexistent/t host exit 0
one_sentence

# Names.
"$picket" run --rm --network none --name twin host wait >"$work/first" &
first=$!
while ! grep -q ready "$work/first" 2>/dev/null; do sleep 0.05; done
status "a name that is in use" 125 run --rm --name twin host exit 0
one_sentence
check "live names" sh -c "'$picket' __complete bash -- rename '' | grep -qx twin"
kill -TERM $first
wait $first
check "a signal is forwarded and its status returned" test $? -eq 143
status "the name is free again" 0 run --rm --name twin host exit 0
check "nothing is left in the runtime directory" test -z "$(find "$XDG_RUNTIME_DIR/picket" -mindepth 1 -type d ! -name names)"

# Modes.
PICKET_TEST_MODE=nouserns status "no user namespaces" 0 "$picket" run host report
says "nouserns yes"
says "no_new_privs 1"
says "capabilities none"
PICKET_TEST_MODE=nouserns status "no user namespaces, but a network asked for" 125 "$picket" run --network slirp host exit 0
says "--network none"
PICKET_TEST_MODE=nouserns status "no user namespaces, the host's network asked for" 125 "$picket" run --network host host exit 0
PICKET_TEST_MODE=nouserns,nolandlock status "neither namespaces nor landlock" 125 "$picket" run host exit 0
one_sentence
PICKET_TEST_MODE=noslirp status "no slirp4netns, by default" 0 "$picket" run host config
says "network none"
PICKET_TEST_MODE=noslirp status "no slirp4netns, asked for" 125 "$picket" run --network slirp host exit 0
says "--network none"
status "in a user namespace of another's" 0 unshare -r "$picket" run --network none host report
says "pid 1"
says "capabilities none"
poor=$build/tests/cli/poor-host
for kind in container apparmor; do
  status "a host like a $kind" 0 "$poor" $kind "$picket" run host report
  says "nouserns yes"
  says "the sandbox has no network"
  status "  with a network asked for" 125 "$poor" $kind "$picket" run --network slirp host exit 0
  status "  with namespaces asked for" 125 "$poor" $kind "$picket" run --userns=auto host exit 0
  status "  doctor" 0 "$poor" $kind "$picket" doctor
  says "without namespaces"
done
status "without landlock, with namespaces" 0 "$poor" nolandlock "$picket" run --network none host report
says "nouserns no"
status "neither landlock nor namespaces" 125 "$poor" bare "$picket" run host exit 0
one_sentence
status "  doctor" 1 "$poor" bare "$picket" doctor
says "Sandboxes cannot run here"
status "no user namespaces left" 0 unshare -r sh -c \
  "echo 0 >/proc/sys/user/max_user_namespaces && '$picket' run host report"
says "nouserns yes"
if [ -w /dev/net/tun ] && command -v slirp4netns >/dev/null; then
  status "slirp" 0 "$picket" run --network slirp host report
  says "tap0"
  status "slirp in a nested user namespace" 0 unshare -r "$picket" run --network slirp host report
  says "tap0"
fi
status "host network warns" 0 "$picket" run --network host host config
says "unsafe"
says "network host"
finish
