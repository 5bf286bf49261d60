#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the manual pages: one for each command, from the table of options, and those written here.
# Use: pages.sh PICKET SCDOC VERSION OUT; the pages are OUT/man1, OUT/man5 and OUT/man7.
set -eu
picket=$1 scdoc=$2 version=$3 out=$4
here=$(dirname "$0")
rm -rf "$out/man1" "$out/man5" "$out/man7"
mkdir -p "$out/man1" "$out/man5" "$out/man7"
"$picket" __man >"$out/commands"
while read -r command; do
  # shellcheck disable=SC2086  # a command may have two words
  "$picket" __man $command | "$scdoc" >"$out/man1/picket-$(echo "$command" | tr ' ' '-').1"
done <"$out/commands"
"$picket" __man commands >"$out/commands"
for page in "$here"/*.scd; do
  name=$(basename "$page" .scd)
  sed -e "s/@VERSION@/$version/" -e "/@COMMANDS@/{r $out/commands" -e 'd;}' "$page" | "$scdoc" >"$out/man${name##*.}/$name"
done
rm "$out/commands"
