#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Modules of Python's own test suite (Debian's libpython3.11-testsuite) natively and in the sandbox: the same results."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite  # noqa: E402

MODULES = """test_signal test_subprocess test_threading test_os test_wait3 test_wait4 test_fork1 test_pty test_fcntl test_select
test_selectors test_poll test_epoll test_mmap test_time test_posix test_resource test_socket test_tempfile test_shutil test_glob
test_sqlite3 test_mailbox test_zipfile test_tarfile test_asyncio test_concurrent_futures""".split()


def results(argv):
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
    text = p.stdout.decode(errors="replace")
    bad = set(re.findall(r"^(?:ERROR|FAIL): (\S+ \(\S+\))", text, re.M))
    ran = re.search(r"^Ran (\d+) tests?", text, re.M)
    return p.returncode, bad, ran.group(1) if ran else "?"


def main(build):
    s = Suite(build)
    if not os.path.isdir("/usr/lib/python3.11/test/support"):
        print("ok python's suite # SKIP no libpython3.11-testsuite")
        s.finish()
    for m in MODULES:
        command = ["/usr/bin/python3", "-m", "test", "-v", m]
        native = results(["unshare", "-r", "-n", "sh", "-c", "ip link set lo up; exec \"$@\"", "sh", *command])
        inside = results(s.argv(command))
        new = inside[1] - native[1]
        s.check("%s: %s tests" % (m, inside[2]), not new and (inside[0] == native[0] or inside[1] <= native[1]),
                "natively %s of %s, in the sandbox %s of %s; new: %s" % (native[0], native[2], inside[0], inside[2], sorted(new)))
    s.finish()


main(sys.argv[1])
