# SPDX-License-Identifier: MIT
# What the package scripts share. Sourced with $src (the tree) set.
# shellcheck shell=bash disable=SC2154,SC2034
version=$(sed -n "s/^  version: '\(.*\)',/\1/p" "$src/meson.build" | head -1)
arch=$(dpkg --print-architecture 2>/dev/null || uname -m)
# The date of what is packaged, so that the same tree gives the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -c safe.directory='*' -C "$src" log -1 --format=%ct 2>/dev/null || stat -c %Y "$src/meson.build")}
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
# shellcheck disable=SC2064  # the name now
trap "rm -rf '$work'" EXIT

# built PREFIX LIBEXECDIR RELOCATABLE: builds the tree (in $PICKET_BUILD, or build-package) and installs it below $work/stage.
built() {
  local build=${PICKET_BUILD:-$src/build-package} again=()
  [ ! -e "$build/build.ninja" ] || again=(--reconfigure)
  meson setup "${again[@]}" "$build" "$src" --prefix "$1" --libexecdir "$2" -Drelocatable="$3" >"$work/log" ||
    { cat "$work/log" >&2; return 1; }
  ninja -C "$build" --quiet >"$work/log" || { tail -40 "$work/log" >&2; return 1; }
  DESTDIR=$work/stage meson install -C "$build" --no-rebuild --quiet
  # shellcheck disable=SC2016  # the inner shell's $1
  find "$work/stage" -type f -perm -100 -exec sh -c 'head -c4 "$1" | grep -q ELF' sh {} \; \
    -exec strip --strip-unneeded {} \;
  find "$work/stage" -path '*/man/man*' -type f -exec gzip -9n {} +
}
