#!/bin/sh
# SPDX-License-Identifier: MIT
# kill -9 of each process of a run: nothing is left running or mounted within two seconds, and the next run cleans up.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317
. "$(dirname "$0")/lib.sh"

# All descendants of a process.
tree() {
  for child in $(ps -o pid= --ppid "$1"); do
    echo "$child"
    tree "$child"
  done
}

alive() {
  for pid in "$@"; do
    case $(ps -o stat= -p "$pid") in
    '' | Z*) ;;
    *) return 0 ;;
    esac
  done
  return 1
}

# gone NAME PID…: none of them runs after two seconds.
gone() {
  name=$1
  shift
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    alive "$@" || break
    sleep 0.2
  done
  if alive "$@"; then
    failed "$name: left over: $(ps -o pid=,comm= -p "$(echo "$@" | tr ' ' ,)" | tr '\n' ' ')"
  else
    passed "$name"
  fi
}

# start OPTION…: a run whose program has two children that ignore every signal they can; sets $main and $all.
start() {
  : >"$work/out"
  "$picket" run "$@" host family >"$work/out" 2>"$work/err" &
  main=$!
  for _ in $(seq 100); do
    grep -q ready "$work/out" && break
    sleep 0.05
  done
  sleep 0.1
  all=$(tree $main)
}

child() { ps -o pid=,comm= --ppid "$main" | awk -v c="$1" '$2 ~ c { print $1 }'; }

networks=none
[ -w /dev/net/tun ] && command -v slirp4netns >/dev/null && networks="none slirp"
for mode in auto none; do
  for network in $networks; do
    [ $mode = none ] && [ "$network" = slirp ] && continue
    start --userns=$mode --network "$network"
    check "userns $mode, network $network: there is a family" test "$(echo "$all" | wc -w)" -ge 3
    kill -9 "$main"
    wait "$main" 2>/dev/null
    # Without a pid namespace the children are the real sentry's to tie to itself.
    if [ $mode = none ]; then
      gone "  kill -9 picket: the sentry ends" "$(echo "$all" | head -n 1)"
      for pid in $all; do kill -9 "$pid" 2>/dev/null; done
    else
      # shellcheck disable=SC2086
      gone "  kill -9 picket" $all
    fi

    start --userns=$mode --network "$network"
    kill -9 "$(child picket-sentry)"
    wait "$main"
    check "  kill -9 sentry: status 125" test $? -eq 125
    # shellcheck disable=SC2086
    gone "  kill -9 sentry" $all
  done
done
if [ "$networks" != none ]; then
  start --network slirp
  kill -9 "$(child slirp4netns)"
  sleep 0.3
  check "kill -9 slirp4netns: the sandbox goes on" kill -0 "$main"
  check "  and says so" grep -q 'no network any more' "$work/err"
  kill -9 "$main"
  # shellcheck disable=SC2086
  gone "  and all end" $all
fi
status "the next run" 0 "$picket" run --network none host exit 0
check "cleans what the crashes left" test -z "$(find "$XDG_RUNTIME_DIR/picket" -mindepth 1 -type d ! -name names)"
finish
