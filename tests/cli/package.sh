#!/bin/bash
# SPDX-License-Identifier: MIT
# Packages: the .deb and the tarball, made of this tree, hold what they should and run where nothing else of Picket is.
# Use: package.sh BUILD-DIRECTORY [DIRECTORY-OF-PACKAGES]. Without packages made before (./bootstrap deb, tarball), what
# `meson install` gives is looked at alone.
set -u
build=${1:?usage: $0 BUILD-DIRECTORY [PACKAGES]} packages=${2:-}
failures=0
work=$(mktemp -d /tmp/picket-package-XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
export PICKET_STORE=$work/store XDG_RUNTIME_DIR=$work/run PICKET_CONFIG=$work/config
mkdir -m 700 "$work/run"
check() {
  local name=$1
  shift
  if "$@" >"$work/out" 2>&1; then echo "ok $name"; else echo "not ok $name"; sed 's/^/# /' "$work/out"; failures=$((failures + 1)); fi
}
runs() { [ "$("$1" run --rm --network none host -- sh -c 'echo in $((6 * 7))')" = "in 42" ]; }

# meson install, into a directory with a space, and moved: all that is needed is found beside the program.
check "meson install" env DESTDIR="$work/first place" meson install -C "$build" --no-rebuild --quiet
bin=$(find "$work/first place" -type f -name picket -perm -100 | head -1)
check "  runs where it was put" runs "$bin"
prefix=${bin%/bin/picket}
mv "$prefix" "$work/second place"
check "  and where it was moved to" runs "$work/second place/bin/picket"
cd "$work/second place" || exit 1
for f in libexec/picket/picket-{sentry,fetch,snapd,guest} share/bash-completion/completions/picket share/zsh/site-functions/_picket \
  share/fish/vendor_completions.d/picket.fish share/picket/apparmor/picket share/doc/picket/LICENSE \
  bin/picket-runtime share/picket/node/node.sh share/picket/node/addon/{kustomization.yaml,node.sh}; do
  check "  has $f" test -s "$f"
done
if command -v scdoc >/dev/null; then check "  has its pages" test -s share/man/man1/picket-run.1 -a -s share/man/man5/picket-config.5; fi
check "  the profile names the program" grep -q '^profile picket /.*/bin/picket flags=(unconfined)' share/picket/apparmor/picket
if command -v apparmor_parser >/dev/null; then
  # Before 4.0 the parser knows neither the abi nor the rule: the rest of the grammar is checked.
  if [ -e /etc/apparmor.d/abi/4.0 ]; then cp share/picket/apparmor/picket "$work/profile"
  else sed -e '/^abi/d' -e '/userns/d' share/picket/apparmor/picket >"$work/profile"; fi
  check "  and can be parsed" sh -c "apparmor_parser -Q -K '$work/profile' 2>'$work/said' || ! grep -q 'parser error' '$work/said'"
fi
cd /

deb=$(ls "$packages"/picket_*.deb 2>/dev/null | head -1)
if [ -n "$packages" ] && [ -n "$deb" ]; then
  check "the .deb unpacks" dpkg-deb -x "$deb" "$work/deb root"
  check "  and runs" runs "$work/deb root/usr/bin/picket"
  dpkg-deb -f "$deb" Depends Recommends >"$work/fields"
  check "  depends on what it links" grep -q 'libcap2.*libfuse3' "$work/fields"
  check "  recommends the network" grep -q slirp4netns "$work/fields"
  check "  its scripts are sh" sh -c "dpkg-deb -e '$deb' '$work/control' && sh -n '$work/control/postinst' && sh -n '$work/control/postrm'"
  if command -v lintian >/dev/null && [ "$(id -u)" -ne 0 ]; then check "  lintian finds no error" lintian --fail-on error "$deb"; fi
fi
tarball=$(ls "$packages"/picket-*.tar.gz 2>/dev/null | head -1)
if [ -n "$packages" ] && [ -n "$tarball" ]; then
  mkdir "$work/an odd  place"
  check "the tarball unpacks" tar -xzf "$tarball" -C "$work/an odd  place" --strip-components=1
  at="$work/an odd  place"
  check "  and runs" runs "$at/bin/picket"
  for p in picket-fetch picket-snapd; do
    check "  $p has its libraries beside it" sh -c "ldd '$at/libexec/picket/$p' | grep -vE 'lib(c|m|dl|rt|pthread|resolv)\.so|ld-linux|linux-vdso' | grep -v ' => $at' | grep -c . | grep -qx 0"
  done
  # A tree of this libc and a shell, without one of our libraries.
  if command -v busybox >/dev/null; then
    root=$work/root
    mkdir -p "$root"/{bin,lib64,lib/x86_64-linux-gnu,picket,tmp,proc}
    cp "$(command -v busybox)" "$root/bin/sh"
    cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/" 2>/dev/null
    for l in libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1 libresolv.so.2; do
      cp -L "/lib/x86_64-linux-gnu/$l" "$root/lib/x86_64-linux-gnu/" 2>/dev/null
    done
    cp -a "$at/." "$root/picket/"
    check "  starts where no library of ours is" sh -c "'$at/bin/picket' run --rm --network none --rootfs '$root' -- /picket/bin/picket version | grep -q picket"
    check "  so does picket-fetch" sh -c "'$at/bin/picket' run --rm --network none --rootfs '$root' -- /bin/sh -c '/picket/libexec/picket/picket-fetch --version; test \$? -lt 126'"
  fi
fi
[ "$failures" -eq 0 ]
