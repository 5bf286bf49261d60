#!/bin/sh
# SPDX-License-Identifier: MIT
# commit: the image of a sandbox is what the sandbox was.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2016
. "$(dirname "$0")/lib.sh"
cp "$build/sentry/picket-sentry" "$build/cmd/picket-guest" "$work/bin/" || exit 1
python3 "$(dirname "$0")/odd_image.py" "$work/oci" && "$picket" load --quiet "$work/oci" >/dev/null || exit 1
cd "$work" || exit 1
run() { "$picket" run --network none "$@"; }
gives() {
  name=$1 wanted=$2
  shift 2
  got=$("$@" 2>&1)
  if [ "$got" = "$wanted" ]; then passed "$name"; else failed "$name: \"$got\""; fi
}
if ! command -v busybox >/dev/null; then echo "ok skipped: no busybox"; exit 0; fi
status "a sandbox" 0 run --name w -e B=2 -w /tmp --label x=y odd:1 sh -c 'echo hi >/new; rm /etc/new; rm -rf /dir; mkdir /dir
  echo z >/dir/z; ln /new /new2; chown 5:7 /new; mknod /dev2 c 1 5; chmod 4755 /big; ln -s new /lnk; mkdir -p /p/q/r; mkfifo /ff; touch /tmp/t'
status "commit" 0 "$picket" commit -m 'a word' -a 'A <a@b>' -c 'ENV C=3 D="4 5"' -c 'EXPOSE 80 81/udp' -c 'LABEL l=2' -c 'WORKDIR /p' w mine:1
check "  prints the image's ID" grep -qE '^sha256:[0-9a-f]{64}$' "$work/out"
gives "  which it has" "$(cut -c8-19 "$work/out")" "$picket" images -q mine:1
status "  the store is sound" 0 "$picket" verify
mkdir tree && "$picket" export w 2>/dev/null | tar -C tree -xf - --exclude=dev --exclude=proc --exclude=sys 2>/dev/null
run --rm mine:1 sh -c "cd / && find . -xdev -type f ! -path './etc/*' | sort" >new.txt
(cd tree && find . -type f ! -path './etc/*' | sort) >old.txt
check "  the same files as the sandbox has" sh -c 'test -s new.txt && cmp new.txt old.txt'
gives "files" "hi z" run --rm mine:1 sh -c 'echo $(cat /new) $(cat /dir/z)'
gives "removed" "no no" run --rm mine:1 sh -c 'echo $(test -e /etc/new || echo no) $(test -e /dir/c || echo no)'
gives "owners, links, devices" "5 7 2 1 5 pipe 4755 3000000" run --rm mine:1 sh -c \
  'echo $(stat -c "%u %g %h" /new) $(stat -c "%t %T" /dev2) $(test -p /ff && echo pipe) $(stat -c "%a %u" /big)'
gives "variables" "1 2 3 4 5" run --rm mine:1 sh -c 'echo $A $B $C $D'
gives "working directory" "/p" run --rm mine:1 pwd
"$picket" inspect mine:1 >"$work/inspect.json"
check "configuration" python3 - <<'PY'
import json
c = json.load(open("inspect.json"))[0]
assert c["Config"]["Labels"] == {"l": "2", "x": "y"} and sorted(c["Config"]["ExposedPorts"]) == ["80/tcp", "81/udp"], c["Config"]
assert c["Config"]["Cmd"][:2] == ["sh", "-c"] and c["Author"] == "A <a@b>" and len(c["RootFS"]["Layers"]) == 3
PY
status "history" 0 "$picket" history mine:1
says "a word"
gives "--change CMD" "hi" sh -c "'$picket' commit -c 'CMD [\"cat\", \"/new\"]' w mine:2 >/dev/null && '$picket' run --rm --network none mine:2"
gives "--change CMD for the shell" "hi there" sh -c "'$picket' commit -c 'CMD echo hi there' w mine:3 >/dev/null && '$picket' run --rm --network none mine:3"
gives "--change ENTRYPOINT, USER" "5 x" sh -c "'$picket' commit -c 'ENTRYPOINT [\"sh\", \"-c\", \"echo \$(id -u) \$0\"]' -c 'USER 5' w mine:4 >/dev/null && '$picket' run --rm --network none mine:4 x"
status "an unknown --change" 1 "$picket" commit -c 'FROM x' w mine:5
one_sentence
status "  makes nothing" 125 "$picket" run --pull never mine:5 true
status "a name with a digest" 1 "$picket" commit w "x@sha256:$(printf '%064d' 0)"
status "no such sandbox" 1 "$picket" commit nobody x
status "commit without a name" 0 "$picket" commit w
status "  the store is sound" 0 "$picket" verify


# A file of several names, one of which is changed: the others are the same file.
status "several names" 0 run --name h0 odd:1 sh -c 'mkdir -p /h1 /h2/deep /h3; echo a >/h1/a; ln /h1/a /h1/z; ln /h1/a /h2/deep/b; ln /h1/a /h3/d
  echo s >/h1/s; ln /h1/s /h3/t; ln /h1/s /h3/u'
status "  committed" 0 "$picket" commit h0 hard:0
status "one of them changed" 0 run --name h1 hard:0 sh -c 'echo more >>/h2/deep/b; rm /h1/z; mv /h1 /h9; chmod 600 /h3/t'
gives "  diff tells all" "A /h9 A /h9/a A /h9/s C /h2 C /h2/deep C /h2/deep/b C /h3 C /h3/d C /h3/t C /h3/u D /h1" \
  sh -c "'$picket' diff h1 | grep ' /h' | LC_ALL=C sort | tr '\\n' ' ' | sed 's/ \$//'"
status "  committed" 0 "$picket" commit h1 hard:1
gives "  all are changed" "a more a more a more 3 3 3" run --rm -w / hard:1 sh -c \
  'echo $(cat /h9/a /h2/deep/b /h3/d) $(stat -c %h /h9/a /h2/deep/b /h3/d)'
gives "  the attributes too" "600 600 600 3 s s s" run --rm -w / hard:1 sh -c \
  'echo $(stat -c %a /h9/s /h3/t /h3/u) $(stat -c %h /h3/u) $(cat /h9/s /h3/t /h3/u)'
gives "  and are one file" "3 more" run --rm -w / hard:1 sh -c 'echo 1 >/h3/d; echo $(stat -c %h /h9/a) $(test "$(cat /h2/deep/b)" = 1 && echo more)'
status "  the store is sound" 0 "$picket" verify

status "one on the other" 0 run --name w2 mine:1 sh -c 'rm -r /p; echo 2 >/new; rm /new2; mkdir /dir2'
status "  committed" 0 "$picket" commit w2 mine:6
gives "  is both" "2 no no z" run --rm -w / mine:6 sh -c 'echo $(cat /new) $(test -e /p || echo no) $(test -e /new2 || echo no) $(cat /dir/z)'
status "a sandbox that runs" 0 run -d --name r mine:1 sh -c 'echo r >/r; sleep 60'
sleep 0.5
status "  committed" 0 "$picket" commit r run:1
gives "  it has the file" "r" run --rm run:1 cat /r
status "  and goes on" 0 "$picket" exec r cat /r
"$picket" rm -f r >/dev/null 2>&1
status "save of a committed image" 0 "$picket" save -o run.tar run:1
status "a sandbox on host" 0 run --name h --keep host true
status "  is no image" 1 "$picket" commit h x
says "picket export"

"$picket" export w >tree.tar
status "import" 0 "$picket" import -c 'CMD ["cat", "/new"]' -c 'ENV I=1' -m 'a tree' tree.tar tree:1
gives "  it runs" "hi" run --rm tree:1
gives "  with its configuration" "1" run --rm tree:1 sh -c 'echo $I'
gives "  owners" "5 7 2" run --rm tree:1 sh -c 'echo $(stat -c "%u %g %h" /new)'
status "  history" 0 "$picket" history tree:1
says "a tree"
status "import from standard input" 0 sh -c "'$picket' import - tree:2 <tree.tar"
status "import of something compressed" 1 sh -c "gzip -c tree.tar | '$picket' import - tree:3"
says "compressed"
status "import of no archive" 1 "$picket" import "$0" tree:4
status "import of nothing" 1 sh -c "'$picket' import - tree:4 </dev/null"
one_sentence
status "  the store is sound" 0 "$picket" verify
finish
