#!/bin/sh
# SPDX-License-Identifier: MIT
# picket cp, export and top with a sandbox that runs: docker's rules for SRC and DST in both directions.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317,SC2016
. "$(dirname "$0")/lib.sh"
cp "$build/sentry/picket-sentry" "$build/cmd/picket-guest" "$work/bin/" || exit 1
cd "$work" || exit 1

mkdir -p root/bin src/d
cp "$(command -v busybox)" root/bin/busybox || exit 77
echo hello >src/f
touch -d '2001-02-03 04:05:06.789' src/f
ln -s f src/l
ln src/f src/h
echo deep >src/d/x
chmod 4751 src/d/x
mkfifo src/p

pk() { timeout 60 "$picket" "$@"; }
pk run -d --rm --name box --network none --tmpfs /t --rootfs root -- /bin/busybox sleep 1000 >/dev/null || exit 1
in_box() { pk exec box /bin/busybox sh -c "$1"; }
# inside NAME TEXT COMMAND: what the command prints in the sandbox.
inside() {
  got=$(in_box "$3" 2>&1)
  if [ "$got" = "$2" ]; then passed "$1"; else failed "$1: \"$got\""; fi
}
is() { if [ "$2" = "$3" ]; then passed "$1"; else failed "$1: \"$2\""; fi; }

status "a directory to a new name" 0 pk cp src box:/new
inside "  its files" "d f h l p" 'cd /new && echo *'
inside "  mode and owner" "4751 0:0" 'stat -c "%a %u:%g" /new/d/x'
inside "  time" "$(stat -c %Y src/f)" 'stat -c %Y /new/f'
inside "  hard link" "2" 'stat -c %h /new/f'
inside "  symbolic link" "f" 'readlink /new/l'
status "the same again goes into it" 0 pk cp src box:/new
inside "  there" "hello" 'cat /new/src/f'
status "SRC/. is what it holds" 0 pk cp src/. box:/new/d
inside "  there" "d f h l p x" 'cd /new/d && echo *'
status "SRC/. to a new name" 0 pk cp src/. box:/contents
inside "  there" "d f h l p" 'cd /contents && echo *'
status "a file to a new name" 0 pk cp src/f box:/g
status "a file over a file" 0 pk cp src/d/x box:/g
inside "  there" "deep" 'cat /g'
status "a file into a directory" 0 pk cp src/d/x box:/new
inside "  there" "deep" 'cat /new/x'
status "a file to a directory that is not there" 1 pk cp src/f box:/none/
says "does not exist"
status "a file below a directory that is not there" 1 pk cp src/f box:/none/x
says "cannot be used"
status "a directory over a file" 1 pk cp src box:/g
says "cannot copy a directory"
status "a source that is not there" 1 pk cp nothing box:/
says "cannot copy nothing"
one_sentence
status "a link as itself" 0 pk cp src/l box:/l1
inside "  there" "f" 'readlink /l1'
status "-L: what it leads to" 0 pk cp -L src/l box:/l2
inside "  there" "hello" 'test ! -L /l2 && cat /l2'
status "-a keeps numbers" 0 pk cp -a src/f box:/owned
inside "  there" "$(id -u):$(id -g)" 'stat -c %u:%g /owned'
in_box 'mkdir /real; ln -s real /linked; ln -s later /dangling'
status "through a link to a directory" 0 pk cp src/f box:/linked
inside "  there" "hello" 'cat /real/f'
status "through a link to nothing" 0 pk cp src/f box:/dangling
inside "  there" "hello" 'cat /later'
status "into a tmpfs" 0 pk cp src/f box:/t/f
inside "  there" "hello" 'cat /t/f'
tar cf a.tar src
status "an archive" 0 sh -c "'$picket' cp - box:/t <a.tar"
inside "  there" "hello" 'cat /t/src/f'
status "an archive to what is no directory" 1 sh -c "'$picket' cp - box:/g <a.tar"
says "must be a directory"
status "no archive" 1 sh -c "echo junk | '$picket' cp - box:/t"
one_sentence

status "out: a directory to a new name" 0 pk cp box:/new/src o
is "  its files" "$(cd o && echo *)" "d f h l p"
is "  owner" "$(stat -c %u o/f)" "$(id -u)"
is "  mode, without set-user-ID" "$(stat -c %a o/d/x)" 751
is "  time" "$(stat -c %Y o/f)" "$(stat -c %Y src/f)"
is "  hard link" "$(stat -c %h o/f)" 2
is "  symbolic link" "$(readlink o/l)" f
status "out: the same again goes into it" 0 pk cp box:/new/src o
check "  there" test -e o/src/f
status "out: what it holds" 0 pk cp box:/new/src/. held
is "  there" "$(cd held && echo *)" "d f h l p"
status "out: a file over a file" 0 pk cp box:/g o/f
is "  there" "$(cat o/f)" deep
is "  its other name is untouched" "$(cat o/h)" hello
status "out: a file into a directory" 0 pk cp box:/g held/
is "  there" "$(cat held/g)" deep
status "out: to a directory that is not there" 1 pk cp box:/g none/
status "out: a directory over a file" 1 pk cp box:/new o/f
status "out: what is not there" 1 pk cp box:/none .
says "no /none in the sandbox"
one_sentence
status "out: a link as itself" 0 pk cp box:/l1 .
is "  there" "$(readlink l1)" f
status "out: -L" 0 pk cp -L box:/new/l followed
is "  there" "$(cat followed)" hello
status "out: a path with dots" 0 pk cp box:/new/../new/./f dots
is "  there" "$(cat dots)" hello
status "out: a relative path is the root's" 0 pk cp box:g rel
is "  there" "$(cat rel)" deep
status "out: as an archive" 0 sh -c "'$picket' cp box:/new/src - | tar tf - | sort | tr '\n' ' '"
says "src/ src/d/ src/d/x src/f src/h src/l src/p"
status "out: a device is left out" 0 pk cp box:/dev/null .
says "warning"
in_box 'for i in 1 2 3 4 5 6 7 8 9 0; do mkdir -p $(printf "%0200d" $i); cd $(printf "%0200d" $i); done; echo end >ümlaut'
status "out: long names" 0 pk cp "box:/$(printf %0200d 1)" long
is "  there" "$(find long -name 'ümlaut' | wc -l)" 1

status "between sandboxes" 1 pk cp box:/a box:/b
status "without a sandbox" 1 pk cp a b
status "no sandbox" 1 pk cp nosuch:/a .
touch with:colon
status "a local name with a colon" 0 pk cp ./with:colon box:/
in_box 'dd if=/dev/urandom of=/big bs=1M count=40 2>/dev/null'
status "40 MB out" 0 pk cp box:/big .
status "40 MB in" 0 pk cp big box:/big2
inside "  the same" "" 'cmp /big /big2'
is "  the same" "$(md5sum <big)" "$(in_box 'md5sum </big' | sed 's/ *-$//')  -"

pk run --name stopped --network none --cap-drop ALL --rootfs root -- /bin/busybox sh -c 'echo left >/a' || failed "a kept run"
status "out of a stopped one" 0 pk cp stopped:/a .
is "  there" "$(cat a)" left
status "into a stopped one" 0 pk cp src stopped:/in
status "  and out again" 0 pk cp stopped:/in/d/x back
is "  there" "$(cat back)" deep
status "what a stopped one has not" 1 pk cp stopped:/none .
says "no /none in the sandbox"
one_sentence
status "what a stopped one cannot take" 1 pk cp src/f stopped:/none/
one_sentence
status "a stopped one's tree" 0 pk export -o stopped.tar stopped
tar tf stopped.tar >list
check "  has the files" grep -qx in/d/x list
"$picket" cp big stopped:/big &
sleep 0.03
kill -9 $!
wait $! 2>/dev/null
status "a copy that was killed locks nothing" 0 pk cp big stopped:/big
status "  and all of it is there" 0 sh -c "'$picket' cp stopped:/big - | tar xO | cmp - big"
status "not running: no exec" 1 pk exec stopped true
status "not running: no top" 1 pk top stopped
status "removed" 0 pk rm stopped

status "export" 0 pk export -o tree.tar box
tar tf tree.tar >list
check "  has the files" grep -qx new/src/d/x list
check "  has mount points" grep -qx t/ list
check "  has nothing of mounts" sh -c "! grep -q '^t/.\|^proc/.\|^dev/.' list"
status "export to standard output" 0 sh -c "'$picket' export box | tar tf - | grep -c 'new/src/f'"
status "export to where nothing can be written" 1 pk export -o /proc/x box
one_sentence

status "top" 0 pk top box
says "UID"
says "/bin/busybox sleep 1000"
status "top aux" 0 pk top box aux
says "%MEM"
status "top -o" 0 pk top box -eo pid,comm=WHAT
says "1 busybox"
says "WHAT"
status "top with an unknown column" 1 pk top box -o wchan
one_sentence
status "top of nothing" 1 pk top nosuch
in_box 'kill -9 1'
finish
