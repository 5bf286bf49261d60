#!/bin/sh
# SPDX-License-Identifier: MIT
# --share, --share-ro, --secret, --allow-env, with the real sentry: what comes in, and what does not.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317,SC2016
. "$(dirname "$0")/lib.sh"
cp "$build/sentry/picket-sentry" "$work/bin/picket-sentry" || exit 1

HOME=$work/home
mkdir -p "$HOME/project/deep" "$HOME/other" "$PICKET_STORE/inner" "$HOME/.config/picket"
export HOME
unset PICKET_CONFIG XDG_CONFIG_HOME
cd "$HOME/project" || exit 1
run() { "$picket" run --network none "$@"; }
# gives NAME TEXT COMMAND…: the command's output is exactly TEXT.
gives() {
  name=$1 wanted=$2
  shift 2
  got=$("$@" 2>&1)
  if [ "$got" = "$wanted" ]; then passed "$name"; else failed "$name: \"$got\""; fi
}

echo data >file
gives "--share: the same place, the working directory" "$HOME/project data" \
  run host --share . -- sh -c 'echo $(pwd) $(cat file); echo new >made'
check "  writes to the host" grep -q new made
gives "  a directory that nobody may enter is given back" "drwxr-xr-x" run host --share . -- \
  sh -c 'mkdir shut; chmod 0 shut; chmod 755 shut; stat -c %A shut; rmdir shut'
gives "--share: nothing beside it" "project" run --share . host ls "$HOME"
gives "--share of a parent" "$HOME/project/deep" sh -c "cd deep && '$picket' run --network none --share .. host pwd"
gives "--share elsewhere" "/root" run --share "$HOME/other" host pwd
gives "-w counts more" "/tmp" run --share . -w /tmp host pwd
gives "--share-ro" "data no" run host --share-ro . -- sh -c 'echo $(cat file) $(touch x 2>/dev/null || echo no)'
gives "a read-only part" "yes no" run host --share . --share-ro deep -- \
  sh -c 'echo $(touch x && echo yes) $(touch deep/x 2>/dev/null || echo no)'
ln -s project "$HOME/link"
gives "--share through a link" "data" run --share "$HOME/link" host cat "$HOME/project/file"

status "--share of nothing" 125 run --share nothing-there host true
says "nothing-there: cannot share it: No such file or directory"
status "a program that is not shared" 127 run host ./file
says "that --share or -v names"
began=$(date +%s%N)
status "a start that fails" 125 run -v wrong host true
check "  does not wait for the sandbox" test $((($(date +%s%N) - began) / 1000000)) -lt 900

gives "--share-cow --rm: written, and gone" "data x x" run --rm --share-cow . host sh -c 'echo x >cow; rm made; echo $(cat file) $(cat cow) $(test -e made || echo x)'
check "  the directory is as it was" test ! -e cow -a -e made
gives "--share-cow is kept" "x" run --name cow --share-cow . host sh -c 'echo x >cow; cat cow'
check "  the directory is as it was" test ! -e cow
check "  the writes are with the sandbox" sh -c 'test -f "$PICKET_STORE"/sandboxes/*/cow/0/root/cow'
status "--share-cow of the home directory" 125 run --share-cow "$HOME" host true
status "a directory shared twice" 125 run --share . --share-ro . host true
one_sentence
status "--share /" 125 run --share / host true
says "whole machine"
one_sentence
status "--share of the home directory" 125 run --share "$HOME" host true
says "home directory"
status "--share above it" 125 run --share-ro "$work" host true
says "home directory"
status "--share of what is not there" 125 run --share ./none host true
one_sentence
status "--share of a file" 125 run --share file host true
says "not a directory"
status "--share of /proc" 125 run --share /proc/self host true
status "a volume of the store" 125 run -v "$PICKET_STORE/inner:/x" host true
says "Picket's own"
mkdir "$HOME/.settings" && ln -s ../.settings "$HOME/.config/link"
export PICKET_CONFIG="$HOME/.config/link/missing/picket"
gives "a volume above the configuration: it cannot be changed" "0 1 1 1 1 1 1 1 done" run -v "$HOME:/x" host -- sh -c '
  cd /x
  echo done >done
  try() { "$@" 2>/dev/null; printf "%s " $?; }
  try mkdir .config/other
  try mv .config other
  try mv .config/link .config/l
  try rm .config/link
  try mv .settings s
  try mkdir .settings/missing/picket
  try mv .config/other .settings/missing/picket
  try ln -s /x .settings/missing/picket
  cat done'
check "  the way there is made" test -d "$HOME/.settings/missing" -a ! -e "$HOME/.settings/missing/picket"
mkdir "$HOME/.settings/missing/picket"
gives "  nor is it seen" "2 1 1 " run -v "$HOME:/x" host -- sh -c '
  mkdir /x/empty
  try() { "$@" >/dev/null 2>&1; printf "%s " $?; }
  try ls /x/.settings/missing/picket
  try rmdir /x/.settings/missing/picket
  try python3 -c "import os; os.rename(\"/x/empty\", \"/x/.settings/missing/picket\")"
  ls -A /x/.settings/missing'
rm -r "$HOME/.settings" "$HOME/.config/link" "$HOME/.config/other" "$HOME/empty" "$HOME/done"
export PICKET_CONFIG="$HOME/.config/picket"
(
  unset XDG_RUNTIME_DIR
  gives "without XDG_RUNTIME_DIR /tmp can be given" "hi 0 1" run --rm -v /tmp:/x host -- sh -c "
    echo hi >/x/${work#/tmp/}/there; echo \$(cat /x/${work#/tmp/}/there) \$(ls /x | grep -c '^picket-$(id -u)\$') \$(mkdir /x/picket-$(id -u) 2>/dev/null; echo \$?)"
  [ "$failures" -eq 0 ]
) || failures=$((failures + 1))
rm -f "$work/there"
gives "read only, and Picket's own is hidden" "project none" \
  run -v "$HOME:/x:ro" host sh -c 'echo $(ls -d /x/project | cut -d/ -f3) $(ls -A /x/.config | grep . || echo none)'

# Variables that say where Picket's own is protect that, and what a later command without them reads.
(
  export PICKET_STORE="$work/store2" PICKET_CONFIG="$work/config2"
  gives "with PICKET_STORE: the usual places are held too" "held held" run -v "$HOME:/x" host \
    sh -c 'echo $(mkdir -p /x/.local/share/picket/sandboxes 2>/dev/null || echo held) $(mkdir -p /x/.config/picket 2>/dev/null && ls /x/.config/picket/config.json 2>/dev/null || echo held)'
  [ "$failures" -eq 0 ]
) || failures=$((failures + 1))
mkdir guarded && echo '{}' >guarded/.picket.json
gives ".picket.json can be read, not changed" "{}" run host --share . -- sh -c '
  cd guarded && mkdir deep && echo 1 >file
  cat .picket.json
  { echo x >.picket.json; rm .picket.json; mv .picket.json b; mv file .picket.json; ln .picket.json c; chmod 777 .picket.json
    echo 1 >deep/.picket.json; ln -s /x deep/.picket.json; mkdir deep/.picket.json; cp file deep/a; mv deep/a deep/.picket.json
    truncate -s 0 .picket.json; python3 -c "import os; os.truncate(\".picket.json\", 0)"; } 2>/dev/null; exit 0'
check "  it is as it was" test "$(cat guarded/.picket.json)" = '{}'
check "  and none is new" test ! -e guarded/deep/.picket.json -a ! -L guarded/deep/.picket.json -a ! -e guarded/b -a ! -e guarded/c

status "a word between host and --" 125 run host --share . sh -- true
says "belongs behind the --"
gives "without -- options are the program's" "-c" run host echo -c
gives "a -- of the program" "-- x" run host echo -- x
gives "a -- behind the --" "a -- b" run host --share . -- echo a -- b

echo hush >"$work/secret"
gives "--secret" "400 0 hush" run --secret "key=$work/secret" host \
  sh -c 'echo $(stat -c "%a %u" /run/secrets/key) $(cat /run/secrets/key)'
gives "--secret of the run's user" "12 hush" run -u 12 --secret "id=key,src=$work/secret" host \
  sh -c 'echo $(stat -c %u /run/secrets/key) $(cat /run/secrets/key)'
export HIDDEN=whisper
gives "--secret of a variable, not in the environment" "whisper 0" run --secret key=env:HIDDEN host \
  sh -c 'echo $(cat /run/secrets/key) $(env | grep -c whisper)'
gives "--secret cannot be changed" "no no" run --secret key=env:HIDDEN host \
  sh -c 'echo $(rm -f /run/secrets/key 2>/dev/null || echo no) $(echo x 2>/dev/null >/run/secrets/new || echo no)'
status "a secret of a kept sandbox" 0 run --name sec --secret "key=$work/secret" --secret v=env:HIDDEN host sh -c 'cat /run/secrets/* | tr a-z n-za-m'
says "uhfu"
check "  is nowhere in its entry" sh -c "! grep -rqs -e hush -e whisper '$work/store' '$work/run'"
check "  but its source is" grep -rqs "$work/secret" "$work/store/sandboxes"
echo other >"$work/secret"
status "  start asks the source again" 0 "$picket" start -a sec
says "bgure"
(unset HIDDEN; "$picket" start -a sec >"$work/out" 2>"$work/err")
says "HIDDEN is not set"
"$picket" rm -f sec >/dev/null
echo hush >"$work/secret"
head -c 300000 /dev/urandom >"$work/big"
gives "--secret of any bytes" "$(md5sum <"$work/big")" run --secret "key=$work/big" host sh -c 'md5sum </run/secrets/key'
head -c 600000 /dev/zero >"$work/big"
status "a secret too long" 125 run --secret "key=$work/big" host true
one_sentence
status "a secret without a source" 125 run --secret key host true
status "a secret of a variable that is not set" 125 run --secret key=env:NOT_SET host true
says "NOT_SET"
status "a secret's name" 125 run --secret "../x=$work/secret" host true
status "a secret's file is missing" 125 run --secret "x=$work/none" host true
check "no secret in the runtime directory or the store" sh -c "! grep -rqs -e hush -e whisper '$work/run' '$work/store'"

export NPM_A=1 NPM_B=2 OTHER=3
gives "--allow-env" "3" run --allow-env OTHER --allow-env NOT_SET host sh -c 'echo $OTHER$NPM_A'
gives "--allow-env with a pattern" "12" run --allow-env 'NPM_*' host sh -c 'echo $OTHER$NPM_A$NPM_B'
gives "-e counts more" "5" run --allow-env OTHER -e OTHER=5 host sh -c 'echo $OTHER'
status "--allow-env of all" 125 run --allow-env '*' host true
says "name of a variable"
finish
