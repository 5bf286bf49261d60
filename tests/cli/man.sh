#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages: one for each command, with all its options, and those of the concepts; rendered without a warning.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317
. "$(dirname "$0")/lib.sh"
pages=$(dirname "$0")/../../docs/man

if ! command -v scdoc >/dev/null || ! command -v man >/dev/null; then
  echo "ok nothing to do without scdoc and man"
  exit 0
fi
status "all pages" 0 sh "$pages/pages.sh" "$picket" "$build/cmd/picket-runtime" scdoc 0.0 "$work/man"
for page in "$work"/man/man*/*; do
  name=$(basename "$page")
  LC_ALL=C.UTF-8 MANWIDTH=100 man -l --warnings -E UTF-8 "$page" >"$work/text" 2>"$work/warnings"
  check "$name without a warning" test ! -s "$work/warnings"
  col -b <"$work/text" >"$work/plain" 2>/dev/null || cp "$work/text" "$work/plain"
  if command -v mandoc >/dev/null; then
    check "  mandoc finds no fault" mandoc -T lint -W error "$page"
  fi
  # Every page it names is there, or another program's.
  grep -oE 'picket(-[a-z]+)*\([157]\)' "$work/plain" | sort -u | tr '()' '  ' | while read -r ref section; do
    [ -e "$work/man/man$section/$ref.$section" ] || echo "$ref($section)"
  done >"$work/lost"
  check "  the pages it names are there" test ! -s "$work/lost"
done
"$picket" __man | while read -r c; do
  page=$work/man/man1/picket-$(echo "$c" | tr ' ' '-').1
  LC_ALL=C.UTF-8 MANWIDTH=400 man -l "$page" 2>/dev/null | col -b >"$work/plain"
  # shellcheck disable=SC2086
  "$picket" $c --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | while read -r option; do
    grep -qE -- "$option( |=|\[|\$)" "$work/plain" || echo "$c $option"
  done
done >"$work/lost"
check "every option of --help is in its page" test ! -s "$work/lost"
LC_ALL=C.UTF-8 MANWIDTH=400 man -l "$work/man/man1/picket-runtime.1" 2>/dev/null | col -b >"$work/plain"
{
  "$build/cmd/picket-runtime" --help
  "$build/cmd/picket-runtime" update --help
  "$build/cmd/picket-runtime" exec --help
} | grep -oE '^ +(-., )?--[a-z-]+ .*' | tr -s ' ' | while read -r option; do
  tr -s '[:blank:]' ' ' <"$work/plain" | grep -qF -- "$option" || echo "$option"
done >"$work/lost"
check "every option of picket-runtime is in its page" test ! -s "$work/lost"
finish
