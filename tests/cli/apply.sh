#!/bin/sh
# SPDX-License-Identifier: MIT
# --share-cow, diff and apply: what a run would change is seen, and what is chosen of it is done, and nothing else.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2016
. "$(dirname "$0")/lib.sh"
cp "$build/sentry/picket-sentry" "$work/bin/picket-sentry" || exit 1
HOME=$work/home
export HOME
unset PICKET_CONFIG XDG_CONFIG_HOME
p=$HOME/project
mkdir -p "$p" && cd "$p" || exit 1
run() { "$picket" run --network none "$@"; }

fill() {
  cd "$HOME" && rm -rf "$p" && mkdir -p "$p/d" "$p/keep" && cd "$p" || exit 1
  echo one >a && echo two >b && echo x >d/x && echo same >mode && echo k >keep/k
  sleep 0.05
}
fill
status "a run with --share-cow" 0 run --name c host --share-cow . -- sh -c '
  echo more >>a; rm b; rm -r d; mkdir d; echo y >d/y; chmod 700 mode; mkdir -p n/m; echo new >n/f; chmod 4755 n/f; ln -s f n/l
  ln -s /etc/passwd n/out; ln -s ../../x n/up; mkfifo n/p; ln n/f n/h; rm -r keep; mkdir -p .git/hooks; echo h >.git/hooks/post-merge
  touch .git/x; printf x >"$(printf "odd\033[31mname")"; touch /etc/mine; echo >/tmp/t'
check "the directory is as it was" test "$(cat a b d/x keep/k)" = "one
two
x
k"
"$picket" diff c >"$work/diff" 2>&1
cat >"$work/wanted" <<EOF
C /etc
A /etc/mine
A /tmp
A /tmp/t
EOF
sed -i 's/^C \/tmp$/A \/tmp/' "$work/diff"
check "diff: the sandbox's own tree" sh -c "grep -v ' $p' '$work/diff' | cmp - '$work/wanted'"
cat >"$work/wanted" <<EOF
A $p/.git
A $p/.git/hooks
A $p/.git/hooks/post-merge
A $p/.git/x
C $p/a
D $p/b
C $p/d
D $p/d/x
A $p/d/y
D $p/keep
C $p/mode
A $p/n
A $p/n/f
A $p/n/h
A $p/n/l
A $p/n/m
A $p/n/out
A $p/n/p
A $p/n/up
A $p/odd?[31mname
EOF
"$picket" diff --share c >"$work/diff" 2>&1
check "diff: the shared directory" sh -c "LC_ALL=C sort -k2 '$work/diff' | cmp - '$work/wanted'"
check "diff as JSON" sh -c "'$picket' diff --format json --share c | python3 -c 'import json, sys; d = json.load(sys.stdin); assert len(d) == 20 and all(x[\"share\"] == \"$p\" for x in d)'"

status "apply without saying what" 1 "$picket" apply c
one_sentence
status "apply --dry-run" 1 "$picket" apply -n c
says "Nothing was done"
check "  does nothing" test "$(cat a b d/x keep/k)" = "one
two
x
k"
status "apply of one file" 0 "$picket" apply c n/f
check "  it is there" grep -q new n/f
check "  without set-user-ID" test "$(stat -c %a n/f)" = 755
check "  and nothing else" test ! -e n/l -a -e b -a ! -e d/y
status "apply of what was not changed" 1 "$picket" apply c keep/none
echo here >>a
status "apply --all" 1 "$picket" apply --all c
says "a is left out: it was changed there"
says "hooks is left out"
says "n/out is left out: it is a symbolic link"
says "n/up is left out: it is a symbolic link"
says "n/p is left out: it is a device"
check "  the conflict is as it was" test "$(cat a)" = "one
here"
check "  done: removed" test ! -e b -a ! -e keep -a ! -e d/x
check "  done: made" test -e d/y -a -d n/m -a -L n/l -a -e n/h -a -e .git/x
check "  done: mode" test "$(stat -c %a mode)" = 700
check "  not done" test ! -e .git/hooks -a ! -L n/out -a ! -L n/up -a ! -e n/p
check "  nothing is left over" sh -c '! find . -name ".picket-apply*" | grep .'
status "apply --force of the conflict" 0 "$picket" apply --force c a
check "  the sandbox's counts" test "$(cat a)" = "one
more"
status "what git runs, by name" 0 "$picket" apply c .git/hooks
check "  it is there" test -e .git/hooks/post-merge
status "again: the rest" 1 "$picket" apply --all c

# Other ways to what git runs, and a link that leads out by way of another.
fill
run --name g host --share-cow . -- sh -c 'mkdir -p sub/evil bare/objects bare/refs .GIT/Hooks .git/rebase-merge w d2
  echo "gitdir: ./evil" >sub/.git; ln -s sub/evil d2/.git; echo "ref: refs/heads/x" >bare/HEAD; echo h >.GIT/Hooks/pre-push
  echo ../sub/evil >.git/commondir; echo "exec id" >.git/rebase-merge/git-rebase-todo; echo ok >.git/description
  echo {} >.Picket.json; ln -s .. w/l; ln -s w/l/.. out; ln -s ../w/l w/in' || exit 1
status "apply --all of what leads git astray" 1 "$picket" apply --all g
says "sub/.git is left out: git runs what stands there, or is led by it"
check "  not done" test ! -e sub/.git -a ! -L d2/.git -a ! -e bare/HEAD -a ! -e .GIT/Hooks -a ! -e .git/commondir
check "  nor this" test ! -e .git/rebase-merge/git-rebase-todo -a ! -e .Picket.json -a ! -L out
check "  done" test -e .git/description -a -L w/l -a -L w/in -a -d sub/evil
status "by name" 0 "$picket" apply g sub/.git bare/HEAD
check "  they are there" test -e sub/.git -a -e bare/HEAD

# The host's side is hostile too: links where directories were.
fill
mkdir "$work/outside" && echo safe >"$work/outside/y"
run --name l host --share-cow . -- sh -c 'echo evil >d/y; rm keep/k; echo n >a; mkdir -p deep/er; echo z >deep/er/f' || exit 1
rm -rf d keep && ln -s "$work/outside" d && ln -s "$work/outside" keep && rm a && ln -s "$work/outside/y" a
status "links in the way" 1 "$picket" apply --all l
check "  are not followed" test "$(cat "$work/outside/y")" = safe -a "$(ls "$work/outside")" = y
status "links in the way, by force" 0 "$picket" apply --all --force l
check "  are not followed" test "$(cat "$work/outside/y")" = safe -a "$(ls "$work/outside")" = y
check "  a link is replaced by the file" test ! -L a -a "$(cat a)" = n

fill
run --name i host --share-cow . -- sh -c 'echo 1 >n1; echo 2 >n2; echo 3 >n3' || exit 1
printf 'n\ny\nq\n' | "$picket" apply -i i >/dev/null 2>&1
check "--interactive" test ! -e n1 -a -e n2 -a ! -e n3
status "a file becomes a directory and back" 0 run --name t host --share-cow . -- sh -c 'rm a; mkdir a; echo i >a/i; rm -r d; echo f >d'
status "  applied" 0 "$picket" apply -a t
check "  so" test -f a/i -a -f d
fill
run --name k host --share-cow . -- sh -c 'rm -r d' || exit 1
echo late >d/late
status "a directory with something new in it is not removed" 1 "$picket" apply -a k
check "  it is there" test -e d/late -a -e d/x
fill
run --name ro host --share-cow . -- sh -c 'mkdir -p closed/in && echo c >closed/in/f && chmod 555 closed/in closed' || exit 1
status "a closed directory" 0 "$picket" apply -a ro
check "  has what is in it" grep -q c closed/in/f
status "a sandbox without --share-cow" 0 run --name none --keep host true
status "  has nothing to apply" 1 "$picket" apply -a none
one_sentence
status "diff of no sandbox" 1 "$picket" diff nobody
one_sentence
finish
