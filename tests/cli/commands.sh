#!/bin/sh
# SPDX-License-Identifier: MIT
# Commands other than run: help, suggestions, formats, completions, the manual page.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317
. "$(dirname "$0")/lib.sh"

json() { python3 -c 'import json, sys; json.load(sys.stdin)' <"$work/out"; }

status "--help" 0 "$picket" --help
for c in run pull load images inspect rmi mount umount prune verify doctor info version completion help; do
  status "$c --help" 0 "$picket" "$c" --help
  says "Usage: picket $c"
  status "help $c" 0 "$picket" help "$c"
  says "Usage: picket $c"
done
status "no command" 1 "$picket"
status "mistyped" 1 "$picket" imgaes
says "did you mean picket images?"
status "a mistyped group" 1 "$picket" minikub enable
says "did you mean picket minikube?"
status "far from everything" 1 "$picket" xyzzy
one_sentence
status "unknown of a group" 1 "$picket" image frob
one_sentence
status "mistyped option" 1 "$picket" images --fromat json
says "did you mean --format?"
status "version" 0 "$picket" version
status "--version" 0 "$picket" --version
for c in "version" "doctor" "info"; do
  status "$c --format json" 0 "$picket" "$c" --format json
  check "  is JSON" json
done
status "images --format json, of none" 0 "$picket" images --format json
check "  is nothing" test ! -s "$work/out"
status "info --format" 0 "$picket" info --format '{{.Images}} {{.OSType}}'
says "0 linux"
status "info of nothing such" 1 "$picket" info --format '{{.Nothing}}'
one_sentence
status "docker's words" 0 "$picket" image ls
says "REPOSITORY"
status "rmi of nothing" 1 "$picket" rmi no-such-image
one_sentence
status "rmi -f of nothing" 0 "$picket" rmi -f no-such-image
status "inspect of nothing" 1 "$picket" inspect no-such-image
one_sentence
status "umount of nothing" 1 "$picket" umount /nowhere
one_sentence
status "load of nothing" 1 "$picket" load "$work/nothing.tar"
status "prune" 0 "$picket" prune
status "verify" 0 "$picket" verify
status "output that cannot be written" 1 sh -c "'$picket' images >/dev/full"
check "no colour without a terminal" sh -c "! '$picket' doctor 2>&1 | grep -q '$(printf '\033')'"

# Completions: each shell takes its script (completion.py has the rest).
for shell in bash zsh fish; do
  status "completion $shell" 0 "$picket" completion $shell
  if command -v $shell >/dev/null; then check "  is $shell" $shell -n "$work/out"; fi
done
status "completion of no shell" 1 "$picket" completion csh
status "what may follow" 0 "$picket" __complete zsh -- run ho
says "host"
finish
