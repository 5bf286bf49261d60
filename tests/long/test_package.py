#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The packages of this tree, made by their own scripts: what tests/cli/package.sh looks at, and the .deb installed by apt into a
Debian root of the release that this machine has, used there, removed and purged. Nothing of the machine is changed; packages
come from the sources that apt is configured with.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "..", "..")

# Runs beside the root, $1; a name is printed when what it stands for was seen.
HOOK = r"""#!/bin/sh
root=$1
in_root() { chroot "$root" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"; }
seen() { name=$1; shift; if "$@" >"$root/tmp/said" 2>&1; then echo "SEEN $name"; else echo "MISSED $name"; sed 's/^/# /' "$root/tmp/said"; fi; }
has_files() { for f; do test -s "$root/$f" || { echo "no $f"; return 1; }; done; }
is_gone() {
  left=$(find "$root/usr" "$root/etc" "$root/var/lib" -name '*picket*' ! -path '*/var/lib/apt/*')
  test -z "$left" || { echo "$left"; return 1; }
}
cp DEB "$root/tmp/picket.deb"
seen "apt installs it" in_root apt-get install -y --no-install-recommends /tmp/picket.deb
seen "picket version" in_root sh -c 'picket version | grep -q "^picket"'
seen "picket help run" in_root sh -c 'picket help run | grep -q -- --rm'
seen "it runs a program" in_root sh -c 'test "$(picket run --rm --network none host -- sh -c "echo in \$((6 * 7))")" = "in 42"'
seen "all its programs have their libraries" in_root sh -c 'for p in /usr/libexec/picket/*; do ldd "$p" 2>/dev/null | grep "not found" && exit 1; done; exit 0'
seen "completion and pages" has_files usr/share/bash-completion/completions/picket usr/share/zsh/vendor-completions/_picket \
  usr/share/fish/vendor_completions.d/picket.fish usr/share/man/man1/picket.1.gz usr/share/man/man1/picket-run.1.gz \
  usr/share/man/man5/picket-config.5.gz usr/share/doc/picket/copyright
seen "bash reads its completion" in_root bash -c '. /usr/share/bash-completion/completions/picket && complete -p picket'
seen "no AppArmor 4: no profile in /etc" test ! -e "$root/etc/apparmor.d/picket" -o -e "$root/etc/apparmor.d/abi/4.0"
mkdir -p "$root/etc/apparmor.d/abi" && touch "$root/etc/apparmor.d/abi/4.0"
seen "installed again" in_root dpkg -i /tmp/picket.deb
seen "AppArmor 4: the profile" cmp "$root/etc/apparmor.d/picket" "$root/usr/share/picket/apparmor/picket"
echo '# mine' >>"$root/etc/apparmor.d/picket"
seen "and again" in_root dpkg -i /tmp/picket.deb
seen "a profile changed by hand stays" grep -q mine "$root/etc/apparmor.d/picket"
seen "remove" in_root dpkg --remove picket
seen "the profile stays until the purge" test -e "$root/etc/apparmor.d/picket"
seen "purge" in_root dpkg --purge picket
rm -rf "$root/tmp/picket.deb" "$root/tmp/said"
seen "nothing is left" is_gone
exit 0
"""


def mirror():
    """The archive and the suite that this machine's packages come from."""
    for path in ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*")):
        try:
            text = open(path, encoding="utf-8", errors="replace").read()
        except OSError:
            continue
        m = re.search(r"^deb (?:\[[^]]*\] )?(\S+/debian)/? (\w+) ", text, re.M)
        if m:
            return m.group(1), m.group(2)
        m = re.search(r"^URIs: *(\S+/debian)/? *$(?:.*\n)*?^Suites: *(\w+)", text, re.M)
        if m:
            return m.group(1), m.group(2)
    return None


def made(work):
    """Both packages, in work."""
    env = dict(os.environ, PICKET_BUILD=os.path.join(work, "build"))
    for script in "deb.sh", "tarball.sh":
        p = subprocess.run([os.path.join(SOURCE, ".ci", "package", script), work], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print("%sok %s" % ("" if p.returncode == 0 else "not ", script), flush=True)
        if p.returncode:
            print(p.stdout[-3000:])
            return False
    return True


def installed(work):
    found, ok = mirror(), True
    if not found or not shutil.which("mmdebstrap"):
        print("ok installing into a Debian root # SKIP no mmdebstrap, or no Debian archive among apt's sources")
        return True
    hook = os.path.join(work, "hook")
    with open(hook, "w", encoding="utf-8") as f:
        f.write(HOOK.replace("DEB", glob.glob(os.path.join(work, "picket_*.deb"))[0]))
    os.chmod(hook, 0o755)
    os.chmod(work, 0o755)
    p = subprocess.run(["mmdebstrap", "--quiet", "--variant=apt", "--include=ca-certificates", "--customize-hook=%s \"$1\"" % hook, found[1], "/dev/null",
                        found[0]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    if "SEEN" not in p.stdout and "MISSED" not in p.stdout:
        print("ok installing into a Debian root # SKIP mmdebstrap could not make one: %s" % p.stdout.strip().split("\n")[-1][:200])
        return True
    for line in p.stdout.split("\n"):
        if line.startswith(("SEEN ", "MISSED ")):
            ok = ok and line.startswith("SEEN")
            print(("" if line.startswith("SEEN") else "not ") + "ok " + line.split(" ", 1)[1])
        elif line.startswith("#"):
            print(line)
    print("%sok the root was made to its end" % ("" if p.returncode == 0 else "not "))
    return ok and p.returncode == 0


def main(build):
    work = tempfile.mkdtemp(prefix="picket-package-")
    try:
        ok = made(work)
        ok = ok and subprocess.run(["bash", os.path.join(SOURCE, "tests", "cli", "package.sh"), build, work]).returncode == 0
        ok = ok and installed(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(0 if ok else 1)


main(os.path.abspath(sys.argv[1]))
