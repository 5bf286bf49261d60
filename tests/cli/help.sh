#!/bin/sh
# SPDX-License-Identifier: MIT
# Help: every command of the table explains itself, with examples; suggestions; colours only where they are wanted.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317
. "$(dirname "$0")/lib.sh"
docs=$(dirname "$0")/../../docs
esc=$(printf '\033')

status "picket alone" 1 "$picket"
says "Usage: picket"
status "--help" 0 "$picket" --help
cp "$work/out" "$work/overview"
says "Images:"
"$picket" __man >"$work/commands"
while read -r c; do
  # shellcheck disable=SC2086  # two words
  status "$c --help" 0 "$picket" $c --help
  says "Usage: picket $c"
  says "Examples:"
  cp "$work/out" "$work/first"
  # shellcheck disable=SC2086
  status "help $c" 0 "$picket" help $c
  check "  says the same" cmp -s "$work/out" "$work/first"
  check "  in lines of 100 columns" sh -c "! grep -v '^  picket ' '$work/out' | grep -qE '.{103}'"
  check "$c is in the overview" grep -q "^  ${c%% *} " "$work/overview"
  check "$c is in docs/cli.md" grep -qE "\`$c(\`| )" "$docs/cli.md"
done <"$work/commands"
status "a group" 0 "$picket" image --help
says "picket image COMMAND"
status "  by help" 0 "$picket" help image
says "ls"
status "a group alone" 1 "$picket" image
one_sentence
says "picket image --help"
status "a mistyped command" 1 "$picket" imgaes
says "did you mean picket images?"
status "a mistyped group" 1 "$picket" imagee ls
one_sentence
status "a mistyped second word" 1 "$picket" image inspct
says "did you mean picket image inspect?"
status "a mistyped second word of a command" 1 "$picket" config tust
says "did you mean picket config trust?"
status "far from everything" 1 "$picket" xyzzy
one_sentence
says "picket --help"
status "a mistyped option" 125 "$picket" run --netwrok none x
says "did you mean --network?"
status "an option that is cut off" 125 "$picket" run --entry x y
says "did you mean --entrypoint?"
status "an option with one dash" 125 "$picket" run -rm x
says "did you mean --rm?"
status "a mistyped value" 125 "$picket" run --network nnoe x
says "did you mean none?"
status "no value" 125 "$picket" run --network
one_sentence
status "a mistyped image" 1 "$picket" inspect no-such-image
one_sentence
check "no colour without a terminal" sh -c "! '$picket' --help | grep -q '$esc'"
if command -v script >/dev/null; then
  check "colour on a terminal" sh -c "TERM=xterm script -qec \"'$picket' --help\" /dev/null </dev/null | grep -q '$esc\[1m'"
  check "none with NO_COLOR" sh -c "! NO_COLOR=1 TERM=xterm script -qec \"'$picket' --help\" /dev/null </dev/null | grep -q '$esc\[1m'"
  check "none with TERM=dumb" sh -c "! TERM=dumb script -qec \"'$picket' --help\" /dev/null </dev/null | grep -q '$esc\[1m'"
fi
finish
