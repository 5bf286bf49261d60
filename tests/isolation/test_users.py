#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Users inside are the sentry's own: su, set-user-ID programs, and what one user may not do to another."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite  # noqa: E402


def main(build):
    s = Suite(build)
    status, out = s.run(["su", "nobody", "-s", "/bin/sh", "-c", "id -un; id -u; touch /root/x 2>/dev/null || echo refused"])
    s.check("su to a user drops root", status == 0 and out.split() == ["nobody", "65534", "refused"], "%s %s" % (status, out))
    status, out = s.run(["sh", "-c", "cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id; su nobody -s /bin/sh -c '/tmp/id -u; id -u'"])
    s.check("a set-user-ID program runs as its owner", status == 0 and out.split() == ["0", "65534"], "%s %s" % (status, out))
    status, out = s.run(["setpriv", "--no-new-privs", "sh", "-c", "cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id; "
                         "su nobody -s /bin/sh -c '/tmp/id -u'"])
    s.check("but not with no_new_privs", status == 0 and out.split() == ["65534"], "%s %s" % (status, out))
    status, out = s.run(["sh", "-c", "su -c id </dev/null 2>&1; echo $?"], ["-u", "nobody"])
    s.check("su to root without its password is refused", status == 0 and out.strip().endswith("1"), "%s %s" % (status, out))
    status, out = s.run(["sh", "-c", "sleep 9 & echo secret >/tmp/s; chmod 600 /tmp/s; su nobody -s /bin/sh -c "
                         "\"cat /tmp/s; kill $!; cat /proc/$!/environ; ls /proc/$!/fd\" 2>&1 | grep -c -i 'denied\\|not permitted'"])
    s.check("one user does not touch another's files and processes", status == 0 and out.strip() == "4", "%s %s" % (status, out))
    status, out = s.run(["id"], ["-u", "65534:65534"])
    s.check("run --user", status == 0 and "uid=65534" in out and "gid=65534" in out, "%s %s" % (status, out))
    s.finish()


main(sys.argv[1])
