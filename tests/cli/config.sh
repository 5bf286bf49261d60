#!/bin/sh
# SPDX-License-Identifier: MIT
# Configuration: where values come from, which place is stronger, what is not read, and how mistakes are told.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317,SC2016
. "$(dirname "$0")/lib.sh"

HOME=$work/home
mkdir -p "$HOME/project/deep"
export HOME
unset XDG_CONFIG_HOME PICKET_CONFIG
config=$HOME/.config/picket/config.json
cd "$HOME/project/deep" || exit 1

# writes FILE TEXT
writes() { mkdir -p "$(dirname "$1")"; printf '%s\n' "$2" >"$1"; }
# The list of what is configured, its places without their directory.
listed() { "$picket" config 2>/dev/null | tail -n +2 | sed "s|$work/home/||; s|  *| |g"; }
# gives NAME TEXT COMMAND…
gives() {
  name=$1 wanted=$2
  shift 2
  got=$("$@" 2>&1)
  if [ "$got" = "$wanted" ]; then passed "$name"; else failed "$name: \"$got\""; fi
}

gives "nothing is configured" "store $PICKET_STORE PICKET_STORE" listed
gives "path" "$config" "$picket" config path
status "get of nothing" 1 "$picket" config get network
one_sentence
status "set" 0 "$picket" config set network none
gives "get" none "$picket" config get run.network
status "set a list" 0 "$picket" config set run.env A=1 B=2
gives "get a list" '["A=1","B=2"]' "$picket" config get env
status "set a flag" 0 "$picket" config set run.read-only true
status "set another command's" 0 "$picket" config set images.format json
gives "the file" '{"run":{"network":"none","env":["A=1","B=2"],"read-only":true},"images":{"format":"json"}}' \
  python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1])), separators=(",", ":")))' "$config"
check "is the user's alone" test "$(stat -c %a "$config")" = 600
status "it is used" 0 "$picket" images
check "  no table" test ! -s "$work/out"
status "the command line is stronger" 0 "$picket" images --format table
says REPOSITORY
status "a variable is stronger" 0 env PICKET_IMAGES_FORMAT=table "$picket" images
says REPOSITORY
status "a bad variable" 125 env PICKET_PULL=alwas "$picket" run host true
one_sentence
says "PICKET_PULL"
says "did you mean always?"
gives "listed with its place" "run.network none .config/picket/config.json" sh -c "'$picket' config | grep network | sed 's|$work/home/||; s|  *| |g'"
status "unset" 0 "$picket" config unset images.format
status "unset of nothing" 1 "$picket" config unset images.format
one_sentence

# Mistakes: file, line, key, suggestion.
writes "$config" '{
  "run": {
    "env": ["A=1"],
    "netwrok": "none"
  }
}'
status "an unknown key" 125 "$picket" run --rm host true
one_sentence
says "$config:4: "
says 'did you mean "run.network"?'
status "  is not in the way of config" 0 "$picket" config path
status "  nor of help" 0 "$picket" help run
writes "$config" '{"run": {"memory": "lots"}}'
status "a bad value" 125 "$picket" run --rm host true
says "$config:1: "
says 'size such as'
writes "$config" '{"run": {"env": 7, "network": ["none"]}}'
status "a wrong type" 125 "$picket" run --rm host true
says 'takes a'
writes "$config" '{"run": {"network": "nnoe"}}'
status "a wrong choice" 125 "$picket" run --rm host true
says 'did you mean none?'
writes "$config" '{
  "run": {'
status "no JSON" 125 "$picket" run --rm host true
one_sentence
says "$config:3: not JSON"
writes "$config" '{"stroe": "/x"}'
status "an unknown setting" 1 "$picket" images
says 'did you mean "store"?'
writes "$config" '{"network": "none"}'
status "an option without its command" 1 "$picket" images
says '"run": {"network"'
writes "$config" '{"run": {"name": "x"}}'
status "what can have no default" 1 "$picket" images
one_sentence
status "set of an unknown key" 1 "$picket" config set run.netwrok none
says 'did you mean "run.network"?'
status "set of a bad value" 1 "$picket" config set run.network nnoe
says 'did you mean none?'
rm "$config"

# Files that others may have written.
writes "$config" '{"images": {"format": "json"}}'
mkdir -m 500 "$work/readonly"
status "a directory that cannot be written" 1 env PICKET_CONFIG="$work/readonly/deep/config" "$picket" config set color never
says "Permission denied"
chmod 666 "$config"
status "a file that others may change" 1 "$picket" images
one_sentence
chmod 600 "$config"
chmod 777 "$(dirname "$config")"
status "a directory that others may change" 1 "$picket" images
one_sentence
chmod 700 "$(dirname "$config")"
status "the user's own" 0 "$picket" images
check "  no table" test ! -s "$work/out"
rm "$config"
mkfifo "$config"
status "no regular file" 1 timeout 5 "$picket" images
rm "$config"

# The environment inside tells what was used: the program prints it.
shown() { "$picket" run --rm "$@" host -- sh -c 'echo $A $B'; }
cp "$build/sentry/picket-sentry" "$work/bin/picket-sentry"
writes "$config" '{"run": {"network": "none", "env": {"A": "user", "B": "user"}}}'
gives "the user's file" "user user" shown
writes "$HOME/project/.picket.json" '{"run": {"env": ["A=project"]}}'
status "a project that is not approved" 0 shown
says "picket config trust"
says "user user"
one_sentence
status "approving it shows it" 0 "$picket" config trust
says "A=project"
gives "an approved project is stronger" "project user" shown
gives "a variable is stronger" "variable user" env PICKET_ENV=A=variable "$picket" run --rm host -- sh -c 'echo $A $B'
gives "the command line is strongest" "line user" env PICKET_ENV=A=variable "$picket" run --rm -e A=line host -- sh -c 'echo $A $B'
gives "the list says all of a list" 3 sh -c "PICKET_ENV=A=variable '$picket' config | grep -c run.env"
writes "$HOME/project/.picket.json" '{"run": {"env": ["A=changed"]}}'
status "a changed project" 0 shown
says "not as it was when you approved it"
says "user user"
status "config set --project of a file that is not approved" 0 "$picket" config set --project run.workdir /tmp
status "  does not approve it" 0 shown
says "user user"
status "trust by name" 0 "$picket" config trust ../.picket.json
gives "  counts" "changed user" shown
status "config set --project of an approved file" 0 "$picket" config set --project run.env A=set
gives "  keeps it approved" "set user" shown
status "untrust" 0 "$picket" config untrust
status "  takes it back" 0 shown
says "user user"
writes "$HOME/project/.picket.json" '{"store": "/tmp/x"}'
"$picket" config trust >/dev/null
status "a project sets no store" 125 shown
one_sentence
says ".picket.json:1:"
rm "$HOME/project/.picket.json"
writes "$work/.picket.json" '{"run": {"env": ["A=above"]}}'
status "nothing above the home directory is looked at" 0 shown
check "  without a word" test ! -s "$work/err"
mkdir "$HOME/project/data"
echo found >"$HOME/project/data/file"
writes "$HOME/project/.picket.json" '{"run": {"volume": ["./data:/data"]}}'
"$picket" config trust >/dev/null
gives "paths of a project begin at its file" found "$picket" run --rm host -- cat /data/file
rm "$HOME/project/.picket.json"
writes "$config" '{"store": "'"$work"'/other"}'
gives "the store" "Store $work/other" sh -c "unset PICKET_STORE; '$picket' info | grep Store | sed 's|  *| |g'"
gives "PICKET_STORE is stronger" "Store $work/store" sh -c "'$picket' info | grep Store | sed 's|  *| |g'"
gives "XDG_CONFIG_HOME" "$work/xdg/picket/config.json" env XDG_CONFIG_HOME="$work/xdg" "$picket" config path
status "without HOME" 0 env -u HOME "$picket" images
rm "$config"

# Options before the command stand for the variables.
gives "--store" "Store $work/third" sh -c "'$picket' --store '$work/third' info | grep Store | sed 's|  *| |g'"
gives "--config=" "$work/there/config.json" "$picket" --config="$work/there" config path
gives "PICKET_RUNTIME" "Runtime $work/rt" sh -c "PICKET_RUNTIME='$work/rt' '$picket' info | grep Runtime | sed 's|  *| |g'"
status "--color" 1 "$picket" --color sometimes info
one_sentence
check "--color always" sh -c "'$picket' --color always images | grep -q '$(printf '\033')'"
check "PICKET_COLOR=never" sh -c "! PICKET_COLOR=never '$picket' --color auto images | grep -q '$(printf '\033')'"
status "an option of no command" 1 "$picket" --debug info
one_sentence

# What it costs to have none: few looks.
if command -v strace >/dev/null; then
  cd "$HOME" || exit 1
  strace -f -e trace=file "$picket" images >/dev/null 2>"$work/calls"
  check "one look without configuration" test "$(grep -c 'config\.json\|picket\.json\|approved' "$work/calls")" -eq 1
fi
finish
