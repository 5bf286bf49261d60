#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes picket-VERSION-ARCH.tar.gz: a directory that runs from anywhere, with the libraries it needs but libc's own.
# Use: tarball.sh [DIRECTORY]; it is written there, or here.
set -euo pipefail
src=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
out=$(readlink -f "${1:-.}")
# shellcheck source=.ci/package/lib.sh
. "$src/.ci/package/lib.sh"

umask 022
built / libexec true
name=picket-$version-$(uname -m)
mv "$work/stage" "$work/$name"
cd "$work/$name"
mkdir -p lib

# Everything that is linked, but what belongs to libc: that and the loader must be the machine's, as they fit each other.
for program in bin/picket libexec/picket/*; do
  (ldd "$program" 2>/dev/null || true) | sed -n 's/^\t\([^ ]*\) => \(\/[^ ]*\) .*/\1 \2/p'
done | sort -u | while read -r soname path; do
  case $soname in
    libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.* | libresolv.so.* | ld-linux*) ;;
    *) install -m 644 "$path" "lib/$soname"; strip --strip-unneeded "lib/$soname" ;;
  esac
done
cp "$src/LICENSE" "$src/README.md" .
mkdir -p share/doc/picket/libraries
for lib in lib/*; do
  path=$(ldconfig -p | sed -n "s/.*$(basename "$lib") (.*) => //p" | head -1)
  package=$(dpkg -S "$(readlink -f "$path")" 2>/dev/null | head -1 | cut -d: -f1 || true)
  [ -z "$package" ] || cp -n "/usr/share/doc/$package/copyright" "share/doc/picket/libraries/$package" 2>/dev/null || true
done
cd "$work"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime "@$SOURCE_DATE_EPOCH" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
echo "$out/$name.tar.gz"
