#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes picket-node-ARCH.tar.gz: what a node of Kubernetes gets, all static, in one directory; its checksum; and beside it
# picket-addon/, the directory for kubectl apply -k, which has that checksum in it. Use: node.sh [DIRECTORY]; they are written
# there, or here. The same tree and compiler give the same bytes. With $PICKET_NODE_BUILT they are of that build directory, as it is.
set -euo pipefail
src=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
out=$(readlink -f "${1:-.}")
# shellcheck source=.ci/package/lib.sh
. "$src/.ci/package/lib.sh"

umask 022
arch=$(uname -m)
build=${PICKET_NODE_BUILT:-${PICKET_NODE_BUILD:-$src/build-node}}
if [ -z "${PICKET_NODE_BUILT:-}" ]; then
  again=()
  [ ! -e "$build/build.ninja" ] || again=(--reconfigure)
  # The build ID is a sum of debugging information, which names directories, as assertions do.
  mkdir -p "$build"
  meson setup "${again[@]}" "$build" "$src" -Dstatic=true -Dc_link_args=-Wl,--build-id=none \
    "-Dc_args=-ffile-prefix-map=$(realpath --relative-to="$build" "$src")=." >"$work/log" || { cat "$work/log" >&2; exit 1; }
  ninja -C "$build" --quiet cmd/picket-runtime sentry/picket-sentry cmd/picket-guest >"$work/log" || { tail -40 "$work/log" >&2; exit 1; }
fi

name=picket-node-$arch
mkdir "$work/$name"
cd "$work/$name"
for program in cmd/picket-runtime sentry/picket-sentry cmd/picket-guest; do
  install -m 755 "$build/$program" .
  strip --strip-all "$(basename "$program")"
  if readelf -lW "$(basename "$program")" | grep -q INTERP; then
    echo "$program is not static" >&2
    exit 1
  fi
done
echo "$version" >VERSION
echo "$arch" >ARCH
install -m 755 "$src/cmd/minikube/node.sh" .
install -m 644 "$src/LICENSE" .
sha256sum ARCH LICENSE VERSION node.sh picket-guest picket-runtime picket-sentry >SHA256SUMS
cd "$work"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime "@$SOURCE_DATE_EPOCH" --format=ustar -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")

sum=$(cut -d' ' -f1 "$out/$name.tar.gz.sha256")
rm -rf "$out/picket-addon"
mkdir "$out/picket-addon"
install -m 644 "$src"/cmd/minikube/addon/* "$src/cmd/minikube/node.sh" "$out/picket-addon"
sed -i "s/sha256=unset/sha256=$sum/" "$out/picket-addon/kustomization.yaml"
echo "$out/$name.tar.gz"
echo "$out/$name.tar.gz.sha256"
echo "$out/picket-addon"
