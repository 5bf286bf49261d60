#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What nodes get, made of the programs of this build: the same bytes twice, static, and running in a root that has nothing else;
# and the add-on as kubectl understands it. Use: package.sh BUILD
set -u
build=$1
src=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
failures=0
check() {
  local what=$1
  shift
  if "$@" >"$work/said" 2>&1; then echo "ok - $what"; else echo "not ok - $what"; failures=1; sed 's/^/# /' "$work/said" | head -20; fi
}
if readelf -lW "$build/cmd/picket-runtime" | grep -q INTERP; then
  echo "skipped: this build's programs are not static"
  exit 77
fi
mkdir "$work/a" "$work/b"
check "made" env PICKET_NODE_BUILT="$build" "$src/.ci/package/node.sh" "$work/a"
sleep 1 # another second, other times of files
check "made again" env PICKET_NODE_BUILT="$build" bash -c "umask 077; exec '$src/.ci/package/node.sh' '$work/b'"
check "  the same bytes" cmp "$work/a/picket-node-$(uname -m).tar.gz" "$work/b/picket-node-$(uname -m).tar.gz"
check "  the same add-on" diff -r "$work/a/picket-addon" "$work/b/picket-addon"
check "the checksum is right" sh -c "cd '$work/a' && sha256sum -c picket-node-*.sha256"
check "the add-on has it" grep -q "sha256=$(sha256sum <"$work/a/picket-node-$(uname -m).tar.gz" | cut -c1-64)" "$work/a/picket-addon/kustomization.yaml"

mkdir -p "$work/root/tmp" "$work/root/proc" "$work/root/dev" "$work/root/sys"
check "it unpacks" tar -xzf "$work/a/picket-node-$(uname -m).tar.gz" -C "$work/root"
node=picket-node-$(uname -m)
check "it needs no library" sh -c "for p in '$work/root/$node/picket-'*; do ! readelf -dW \"\$p\" | grep NEEDED || exit 1; done"
check "its sums are right" sh -c "cd '$work/root/$node' && sha256sum -c SHA256SUMS"

# A container in a root that has the node's directory, a program to run, and nothing else: no libc, no loader, no shell.
cat >"$work/hello.c" <<'END'
#include <stdio.h>
#include <unistd.h>
#include <sys/utsname.h>
int main(void) { struct utsname u; uname(&u); printf("hello from %d, %s\n", (int)getpid(), u.nodename); return 7; }
END
mkdir -p "$work/root/bundle/rootfs/proc" "$work/root/run"
check "a program" cc -O1 -static -o "$work/root/bundle/rootfs/hello" "$work/hello.c"
cat >"$work/root/bundle/config.json" <<'END'
{"ociVersion": "1.0.2", "root": {"path": "rootfs", "readonly": true}, "hostname": "bare",
 "process": {"args": ["/hello"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/"], "noNewPrivileges": true},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
 "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}]}}
END
in_root="mount --rbind '$work/root' '$work/root' && mount --rbind /dev '$work/root/dev' && mount -t proc proc '$work/root/proc' && exec chroot '$work/root'"
# With the ids of /etc/subuid where there are some: then the sentry gets one of its own.
map=-r
if unshare -r --map-auto true 2>/dev/null; then map="-r --map-auto"; fi
# shellcheck disable=SC2086  # options
bare() { unshare $map -m -p -f --kill-child sh -c "$in_root \"\$@\"" sh "$@"; }
check "picket-runtime says its version in an empty root" bare "/$node/picket-runtime" --version
check "  and lists what there is" bare "/$node/picket-runtime" list
if bare "/$node/picket-runtime" --help | grep -q '^  run '; then
bare "/$node/picket-runtime" --root /run/picket run --bundle /bundle hello >"$work/out" 2>&1
status=$?
check "  and runs a container: its output" grep -qx "hello from 1, bare" "$work/out"
check "  and its status" test "$status" -eq 7
[ "$status" -eq 7 ] || sed 's/^/# /' "$work/out"
fi
check "picket-guest starts" sh -c "unshare -r chroot '$work/root' /$node/picket-guest 2>&1; test \$? -lt 126"

if command -v kubectl >/dev/null && kubectl kustomize --help >/dev/null 2>&1; then
  check "kubectl kustomize takes the add-on" sh -c "kubectl kustomize '$work/a/picket-addon' >'$work/yaml'"
  check "  a namespace, a runtime class, a daemon set, two maps" test "$(grep -Ec '^kind: (Namespace|RuntimeClass|DaemonSet|ConfigMap)$' "$work/yaml")" -eq 5
  check "  the script in it is the node's" grep -q 'node.sh: "#!/bin/sh' "$work/yaml"
  if python3 -c 'import yaml' 2>/dev/null; then
    check "  and byte for byte the same" python3 - "$work/yaml" "$src/cmd/minikube/node.sh" <<'END'
import sys, yaml
maps = [d for d in yaml.safe_load_all(open(sys.argv[1])) if d["kind"] == "ConfigMap" and "node.sh" in d["data"]]
sys.exit(maps[0]["data"]["node.sh"] != open(sys.argv[2]).read())
END
  fi
else
  echo "ok - no kubectl here # SKIP"
fi
exit $failures
