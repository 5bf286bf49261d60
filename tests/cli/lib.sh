# SPDX-License-Identifier: MIT
# What the scripts of this directory share. Use: sh SCRIPT BUILD-DIRECTORY, as an ordinary user.
# Prints "ok NAME" or "not ok NAME" for each test; the exit status tells whether all passed.
# shellcheck shell=sh disable=SC2034

build=${1:?usage: $0 BUILD-DIRECTORY}
failures=0
work=$(mktemp -d /tmp/picket-test-XXXXXX) || exit 1
trap 'cd /; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# A runtime directory and a store of our own: other tests may run beside this one.
XDG_RUNTIME_DIR=$work/run
PICKET_STORE=$work/store
mkdir -m 700 "$XDG_RUNTIME_DIR"
export XDG_RUNTIME_DIR PICKET_STORE
unset PICKET_TEST_MODE NO_COLOR
# Nothing of the user's configuration.
PICKET_CONFIG=$work/config
export PICKET_CONFIG

# picket with a sentry that only plays its part (fake-sentry.c).
picket=$work/bin/picket
mkdir "$work/bin"
cp "$build/cmd/picket" "$picket"
cp "$build/tests/cli/fake-sentry" "$work/bin/picket-sentry"
for p in "$build/net/picket-fetch" "$build/fuse-snap/picket-snapd" "$build/cmd/picket-runtime"; do
  [ -x "$p" ] && cp "$p" "$work/bin/"
done

passed() { echo "ok $1"; }
failed() { echo "not ok $1"; failures=$((failures + 1)); }

# check NAME COMMAND…: the command succeeds.
check() {
  name=$1
  shift
  if "$@"; then passed "$name"; else failed "$name"; fi
}

# status NAME N COMMAND…: the command ends with status N; what it says is in $work/out and $work/err.
status() {
  name=$1 wanted=$2
  shift 2
  "$@" >"$work/out" 2>"$work/err"
  got=$?
  if [ "$got" -eq "$wanted" ]; then
    passed "$name"
  else
    failed "$name (status $got, not $wanted)"
    sed 's/^/# /' "$work/err"
  fi
}

# says TEXT: the last command's output or messages hold the text.
says() {
  if grep -qF -- "$1" "$work/out" "$work/err"; then
    passed "  says: $1"
  else
    failed "  says: $1"
    sed 's/^/# /' "$work/out" "$work/err"
  fi
}

# one_sentence: the last command said exactly one line on standard error (besides what a sanitizer says of itself).
one_sentence() {
  grep -vE '^==[0-9]+==|^False positive|^For details see|^$' "$work/err" >"$work/said"
  check "  in one sentence" test "$(wc -l <"$work/said")" -eq 1
}

finish() { [ "$failures" -eq 0 ]; exit; }
