#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes picket_VERSION_ARCH.deb of this tree. Use: deb.sh [DIRECTORY]; it is written there, or here.
# Staged and packed by dpkg-deb itself: nothing is patched, and no helper has to know meson, the table or this tree.
set -euo pipefail
src=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
out=$(readlink -f "${1:-.}")
# shellcheck source=.ci/package/lib.sh
. "$src/.ci/package/lib.sh"

umask 022
built /usr libexec false
stage=$work/stage
doc=$stage/usr/share/doc/picket
rm -f "$doc/LICENSE"
# Where Debian's zsh looks.
mv "$stage/usr/share/zsh/site-functions" "$stage/usr/share/zsh/vendor-completions"
mkdir -p "$doc" "$stage/DEBIAN" "$work/debian" "$stage/usr/share/lintian/overrides"
{
  printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: picket\n\n'
  printf 'Files: *\nCopyright: 2026 The Picket authors\nLicense: MIT\n'
  sed -e '1,/^Copyright/d' -e 's/^$/./' -e 's/^/ /' "$src/LICENSE" | sed '1{/^ \.$/d;}'
} >"$doc/copyright"
{
  printf 'picket (%s) unstable; urgency=medium\n\n  * Built from the tree.\n\n' "$version"
  printf ' -- Picket <picket@localhost>  %s\n' "$(date -uR -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$doc/changelog.gz"
cat >"$stage/usr/share/lintian/overrides/picket" <<'EOF'
# Picket's own kernel runs programs that have no libraries yet: static on purpose.
picket: shared-library-lacks-prerequisites [usr/libexec/picket/picket-sentry]
picket: shared-library-lacks-prerequisites [usr/bin/picket-runtime]
picket: statically-linked-binary [usr/libexec/picket/picket-guest]
picket: bogus-mail-host *
picket: bogus-mail-host-in-debian-changelog *
picket: initial-upload-closes-no-bugs [usr/share/doc/picket/changelog.gz:1]
EOF

# What the programs link decides what is depended on.
printf 'Source: picket\n\nPackage: picket\nArchitecture: %s\n' "$arch" >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O --ignore-missing-info "$stage/usr/bin/picket" "$stage"/usr/libexec/picket/* 2>/dev/null |
  sed -n 's/^shlibs:Depends=//p')
cat >"$stage/DEBIAN/control" <<EOF
Package: picket
Version: $version
Architecture: $arch
Maintainer: Picket <picket@localhost>
Installed-Size: $(du -sk --exclude DEBIAN "$stage" | cut -f1)
Depends: $depends
Recommends: slirp4netns (>= 0.4.2), fuse3, ca-certificates
Suggests: bash-completion
Section: admin
Priority: optional
Homepage: https://localhost/picket
Description: sandboxes for untrusted code, without root or a daemon
 Picket runs programs on container images, on the tools of this machine, or on a
 directory, under an application kernel in user space: the kernel of the machine
 serves almost none of their system calls. Commands and options are docker's.
 .
 picket-runtime brings the same to containers of podman, docker and containerd,
 and to pods of Kubernetes, in place of runc or crun.
EOF
sed -i '/^Homepage:/d' "$stage/DEBIAN/control"

# The AppArmor profile: only where AppArmor can read it (4.0), and never over a file that was changed by hand.
cat >"$stage/DEBIAN/postinst" <<'EOF'
#!/bin/sh
set -e
new=/usr/share/picket/apparmor/picket
old=/var/lib/picket/apparmor-picket
profile=/etc/apparmor.d/picket
if [ "$1" = configure ] && [ -e /etc/apparmor.d/abi/4.0 ]; then
	if [ ! -e "$profile" ] && [ ! -e "$old" ]; then
		cp "$new" "$profile"
	elif [ -e "$profile" ] && [ -e "$old" ] && cmp -s "$profile" "$old"; then
		cp "$new" "$profile"
	fi
	mkdir -p /var/lib/picket
	cp "$new" "$old"
	if [ -e "$profile" ] && [ -d /sys/kernel/security/apparmor ] && command -v apparmor_parser >/dev/null; then
		apparmor_parser -r -T -W "$profile" || echo "picket: the AppArmor profile $profile could not be loaded" >&2
	fi
fi
EOF
cat >"$stage/DEBIAN/postrm" <<'EOF'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /sys/kernel/security/apparmor ] && command -v apparmor_parser >/dev/null; then
	[ ! -e /etc/apparmor.d/picket ] || apparmor_parser -R /etc/apparmor.d/picket 2>/dev/null || true
fi
if [ "$1" = purge ]; then
	rm -f /etc/apparmor.d/picket /var/lib/picket/apparmor-picket
	[ ! -d /var/lib/picket ] || rmdir /var/lib/picket 2>/dev/null || true
fi
EOF
chmod 755 "$stage/DEBIAN/postinst" "$stage/DEBIAN/postrm"
(cd "$stage" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$stage/DEBIAN/md5sums"
find "$stage" -type d -exec chmod 755 {} +
find "$stage" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$stage" "$out/picket_${version}_$arch.deb" >&2
echo "$out/picket_${version}_$arch.deb"
