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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite  # noqa: E402

MODULES = os.environ.get("PYTHON_MODULES", """test_signal test_subprocess test_threading test_thread test_os test_posix test_pty
test_fork1 test_wait3 test_wait4 test_time test_mmap test_resource test_multiprocessing_fork test_multiprocessing_spawn
test_concurrent_futures test_asyncio test_faulthandler test_pwd test_grp test_fcntl test_select test_selectors test_poll test_epoll
test_eintr test_socket test_tempfile test_shutil test_glob test_sqlite3 test_mailbox test_zipfile test_tarfile""").split()
# What differs for a reason: test → the reason.
EXPLAINED = {
    "test_preexec_fork_failure (test.test_subprocess.POSIXProcessTestCase.test_preexec_fork_failure)":
        "needs RLIMIT_NPROC to bind, which it does not for the root of the machine; natively the tests' root is one of a user namespace",
}
NATIVE = ["unshare", "-r", "-n", "sh", "-c", "ip link set lo up; exec \"$@\"", "sh"]
# A test's line, with or without a line of its description; what tests print may stand before the word.
LINE = re.compile(r"^(test\w* \([\w.]+\))(?:\n[^\n]*)?? \.\.\. (?:.*?)(ok|skipped|FAIL|ERROR|expected failure)\b", re.M)
FINE = ("ok", "expected failure")


def results(argv):
    try:
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1500)
    except subprocess.TimeoutExpired as e:
        return "timeout", {}, (e.output or b"").decode(errors="replace")
    text = p.stdout.decode(errors="replace")
    words = dict(LINE.findall(text))
    words.update((name, word) for word, name in re.findall(r"^(ERROR|FAIL): (\w+ \([\w.]+\))", text, re.M))
    return p.returncode, words, text


def compare(native, inside):
    """Tests that pass natively and are skipped, fail or are missing inside."""
    worse = []
    for name, word in sorted(native.items()):
        got = inside.get(name, "absent")
        if word in FINE and got not in FINE and name not in EXPLAINED:
            worse.append("%s: natively %s, inside %s" % (name, word, got))
    return worse


def excerpt(text, name):
    at = max(text.find("FAIL: " + name), text.find("ERROR: " + name))
    return text[at:at + 1200] if at >= 0 else ""


def main(build):
    s = Suite(build)
    if not os.path.isdir("/usr/lib/python3.11/test/support"):
        print("ok python's suite # SKIP no libpython3.11-testsuite")
        s.finish()
    for m in MODULES:
        command = ["/usr/bin/python3", "-m", "test", "-v", m]
        native = results(NATIVE + command)
        inside = results(s.argv(command))
        worse = compare(native[1], inside[1])
        ended = inside[0] == native[0] or inside[0] == 0 or (native[1] and not worse)
        s.check("%s: %d tests" % (m, len(inside[1])), ended and not worse,
                "natively %s, in the sandbox %s\n%s\n%s" % (native[0], inside[0], "\n".join(worse),
                                                            "\n".join(excerpt(inside[2], w.split(":")[0]) for w in worse[:4])))
    s.finish()


main(sys.argv[1])
