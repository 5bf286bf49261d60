#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Modules of Python's own test suite (Debian's libpython3.11-testsuite) natively and in the sandbox: the same results, test by
test. What differs is in EXPLAINED, each with its reason. PYTHON_MODULES names others than all.
"""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite  # noqa: E402

MODULES = os.environ.get("PYTHON_MODULES", """test_signal test_subprocess test_threading test_thread test_os test_posix test_pty
test_fork1 test_wait3 test_wait4 test_time test_mmap test_resource test_multiprocessing_fork test_multiprocessing_spawn
test_concurrent_futures test_asyncio test_faulthandler test_pwd test_grp test_fcntl test_select test_selectors test_poll test_epoll
test_eintr test_tempfile test_shutil test_glob test_sqlite3 test_mailbox test_zipfile test_tarfile""").split()
# What differs for a reason: a part of the test's name → the reason.
EXPLAINED = {
    r"test_preexec_fork_failure":
        "needs RLIMIT_NPROC to bind, which it does not for the root of the machine; natively the tests' root is one of a user namespace",
}
NATIVE = ["unshare", "-r", "-n", "sh", "-c", "ip link set lo up; exec \"$@\"", "sh"]


def results(s, wrap, name):
    """Status of a run, result of each test by its name, and what it printed. What it writes for programs goes through s.work."""
    path = os.path.join(s.work, "results", name)
    command = ["/usr/bin/python3", "-m", "test", "-v", "--junit-xml", "/results/" + name if wrap is None else path, name]
    argv = s.argv(command, ["-v", os.path.dirname(path) + ":/results"]) if wrap is None else wrap + command
    try:
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1500)
        status, text = p.returncode, p.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as e:
        status, text = "timeout", (e.output or b"").decode(errors="replace")
    words = {}
    if os.path.exists(path):
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            bad = [c.tag for c in case if c.tag in ("skipped", "failure", "error")]
            if case.get("name"):
                words[case.get("name")] = bad[0] if bad else "ok"
        os.unlink(path)
    return status, words, text


def compare(native, inside):
    """Tests that pass natively and are skipped, fail or are missing inside."""
    worse = []
    for name, word in sorted(native.items()):
        got = inside.get(name, "absent")
        if word == "ok" and got != "ok" and not any(re.search(e, name) for e in EXPLAINED):
            worse.append("%s: natively %s, inside %s" % (name, word, got))
    return worse


def excerpt(text, name):
    name = name.rpartition(".")[2]
    at = max(text.find("FAIL: " + name), text.find("ERROR: " + name))
    return text[at:at + 1200] if at >= 0 else ""


def main(build):
    s = Suite(build)
    if not os.path.isdir("/usr/lib/python3.11/test/support"):
        print("ok python's suite # SKIP no libpython3.11-testsuite")
        s.finish()
    os.mkdir(os.path.join(s.work, "results"))
    for m in MODULES:
        native = results(s, NATIVE, m)
        inside = results(s, None, m)
        worse = compare(native[1], inside[1])
        ended = inside[0] == native[0] or inside[0] == 0 or (native[1] and not worse)
        s.check("%s: %d tests" % (m, len(inside[1])), ended and not worse,
                "natively %s, in the sandbox %s\n%s\n%s" % (native[0], inside[0], "\n".join(worse),
                                                            "\n".join(excerpt(inside[2], w.split(":")[0]) for w in worse[:4])))
    s.finish()


main(sys.argv[1])
