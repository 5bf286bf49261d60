#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the manual pages: one for each command, from the table of options, and those written here, picket-runtime's with what its --help says.
# Use: pages.sh PICKET RUNTIME SCDOC VERSION OUT; the pages are OUT/man1, OUT/man5 and OUT/man7.
set -eu
picket=$1 runtime=$2 scdoc=$3 version=$4 out=$5
here=$(dirname "$0")
rm -rf "$out/man1" "$out/man5" "$out/man7"
mkdir -p "$out/man1" "$out/man5" "$out/man7"
"$picket" __man >"$out/commands"
while read -r command; do
  # shellcheck disable=SC2086  # a command may have two words
  "$picket" __man $command | "$scdoc" >"$out/man1/picket-$(echo "$command" | tr ' ' '-').1"
done <"$out/commands"
"$picket" __man commands >"$out/commands"

# The options of picket-runtime, or of one of its verbs, as --help has them.
options() {
  "$runtime" "$@" --help | sed -n '/^Options:/,/^$/{/^Options:/d;/^$/d;s/^  /\t/p;}'
}
options >"$out/options"
"$runtime" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' | while read -r verb; do
  usage=$("$runtime" "$verb" --help | sed -n 's/^Usage: picket-runtime \[OPTIONS\] [a-z]* *//p')
  printf '## %s\n\n%s.\n\n```\n\tpicket-runtime %s\n' "$verb" "$("$runtime" "$verb" --help | sed -n '1s/^[^:]*: //p')" "$verb $usage"
  options "$verb"
  printf '```\n\n'
done >"$out/verbs"
for page in "$here"/*.scd; do
  name=$(basename "$page" .scd)
  sed -e "s/@VERSION@/$version/" -e "/@COMMANDS@/{r $out/commands" -e 'd;}' -e "/@OPTIONS@/{r $out/options" -e 'd;}' \
    -e "/@VERBS@/{r $out/verbs" -e 'd;}' "$page" | "$scdoc" >"$out/man${name##*.}/$name"
done
rm "$out/commands" "$out/options" "$out/verbs"
