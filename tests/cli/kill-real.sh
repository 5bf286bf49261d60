#!/bin/sh
# SPDX-License-Identifier: MIT
# kill -9 of each process of a run with the real sentry: nothing is left running or mounted within two seconds.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317
. "$(dirname "$0")/lib.sh"
cp "$build/sentry/picket-sentry" "$work/bin/picket-sentry" || exit 1

# All processes that belong to a run: the descendants of picket, and whatever else has files of this test's directory open.
tree() {
  for child in $(ps -o pid= --ppid "$1"); do
    echo "$child"
    tree "$child"
  done
}

# Serving processes are nobody's children.
servers() {
  for exe in /proc/[0-9]*/exe; do
    case $(readlink "$exe" 2>/dev/null) in
    "$work"/bin/picket-snapd*)
      pid=${exe#/proc/}
      echo "${pid%/exe}"
      ;;
    esac
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

gone() {
  name=$1
  shift
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    alive "$@" || break
    sleep 0.2
  done
  if alive "$@"; then
    failed "$name: left over: $(ps -o pid=,stat=,comm= -p "$(echo "$@" | tr ' ' ,)" | tr '\n' ' ')"
    kill -9 "$@" 2>/dev/null
  else
    passed "$name"
  fi
}

# A shell, a pipeline, a busy loop, a sleeper, all deaf to what they can be deaf to.
program='trap "" INT TERM HUP; sleep 1000 & cat /dev/zero >/dev/null & (while :; do :; done) & echo ready; wait; sleep 1000'

start() {
  : >"$work/out"
  "$picket" run "$@" sh -c "$program" >"$work/out" 2>"$work/err" &
  main=$!
  for _ in $(seq 100); do
    grep -q ready "$work/out" && break
    sleep 0.05
  done
  sleep 0.2
  all="$(tree $main) $(servers)"
}

child() { ps -o pid=,comm= --ppid "$main" | awk -v c="$1" '$2 ~ c { print $1 }'; }

mounts() { grep -c "$work" /proc/self/mounts; }

# An image of the machine's busybox, so that picket-snapd has something to serve.
image=
if command -v busybox >/dev/null && command -v python3 >/dev/null && [ -x "$work/bin/picket-snapd" ]; then
  mkdir -p "$work/img/bin"
  cp "$(command -v busybox)" "$work/img/bin/busybox"
  for applet in sh cat sleep; do ln -s busybox "$work/img/bin/$applet"; done
  tar -C "$work/img" -cf "$work/layer.tar" . && python3 - "$work" <<'PY' && "$picket" load --quiet "$work/oci" >/dev/null && image=kill-test
import hashlib, json, os, sys
work = sys.argv[1]
blobs = work + "/oci/blobs/sha256"
os.makedirs(blobs)
def put(data, kind, **more):
    name = hashlib.sha256(data).hexdigest()
    open(blobs + "/" + name, "wb").write(data)
    return dict(mediaType="application/vnd.oci.image." + kind, digest="sha256:" + name, size=len(data), **more)
layer = put(open(work + "/layer.tar", "rb").read(), "layer.v1.tar")
config = put(json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"]},
                         "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}).encode(), "config.v1+json")
manifest = put(json.dumps({"schemaVersion": 2, "config": config, "layers": [layer]}).encode(), "manifest.v1+json",
               annotations={"org.opencontainers.image.ref.name": "docker.io/library/kill-test:latest"})
json.dump({"schemaVersion": 2, "manifests": [manifest]}, open(work + "/oci/index.json", "w"))
json.dump({"imageLayoutVersion": "1.0.0"}, open(work + "/oci/oci-layout", "w"))
PY
fi

network=none
[ -w /dev/net/tun ] && command -v slirp4netns >/dev/null && network=slirp
for root in host $image; do
  for mode in auto none; do
    [ $mode = none ] && net=none || net=$network
    for victim in picket picket-sentry stub snapd; do
      start --userns=$mode --network "$net" "$root"
      case $victim in
      picket) pid=$main ;;
      stub) pid=$(tree "$(child picket-sentry)" | tail -n 1) ;;
      snapd) pid=$(servers | head -n 1) ;;
      *) pid=$(child $victim) ;;
      esac
      if [ -z "$pid" ]; then
        kill -9 "$main"
        # shellcheck disable=SC2086
        gone "$root, userns $mode: no $victim; picket killed" $all
        continue
      fi
      check "$root, userns $mode, $victim: it runs" grep -q ready "$work/out"
      kill -9 "$pid"
      [ $victim = stub ] && sleep 0.5 && kill -9 "$main" 2>/dev/null
      wait "$main" 2>/dev/null
      # shellcheck disable=SC2086
      gone "  kill -9" $all
      check "  nothing is mounted" test "$(mounts)" -eq 0
    done
  done
done
finish
