#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sessions in a sandbox whose processes are against them: they are killed, traced, stopped; names lead to fifos; nobody reads.

Use: exec_hostile.py BUILD-DIRECTORY [NAME…]. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from exec_sentry import Sentry, check, read_all, run_tests  # noqa: E402

KILLER = """
import os, signal
me = os.getpid()
while True:
    for n in os.listdir("/proc"):
        if n.isdigit() and int(n) not in (1, me):
            try: os.kill(int(n), signal.SIGKILL)
            except OSError: pass
"""

STOPPER = """
import os, signal
me, seen = os.getpid(), set()
while True:
    for n in os.listdir("/proc"):
        if n.isdigit() and int(n) not in (1, me):
            try: os.kill(int(n), signal.SIGSTOP if int(n) not in seen else signal.SIGCONT)
            except OSError: pass
            seen ^= {int(n)}
"""

TRACER = """
import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
me = os.getpid()
while True:
    for n in os.listdir("/proc"):
        if n.isdigit() and int(n) not in (1, me):
            p = int(n)
            if c.ptrace(16, p, 0, 0) == 0:      # ATTACH
                try: os.waitpid(p, 0x40000000)  # __WALL
                except OSError: pass
                c.ptrace(17, p, 0, 0)           # DETACH; the stop of the attachment may come after another one
                try: os.kill(p, 18)
                except OSError: pass
"""

FORKER = """
import os, time
while True:
    try:
        if os.fork() == 0:
            time.sleep(0.2); os._exit(0)
    except OSError: pass
"""


def storm(name, script, good):
    """Many sessions while *script* is the sandbox's first process; *good* tells which ends may be."""
    s = Sentry("python3", "-c", script)
    ends = {}
    for i in range(60):
        end = s.open("sh", "-c", "exit 3").end()
        ends[end] = ends.get(end, 0) + 1
    check(f"{name}: each session ends", all(good(e) for e in ends), ends)
    tty = [socket.socketpair() for _ in range(10)]
    many = [s.open("sh", "-c", "echo x; exit 3", stdio=(b.fileno(), b.fileno(), None), tty=(24, 80)) for _, b in tty]
    for _, b in tty:
        b.close()
    ends = [p.end() for p in many]
    check(f"{name}: with terminals too", all(good(e) for e in ends), ends)
    check(f"{name}: the sentry goes", s.close() == 0)


def test_killer():
    storm("killed", KILLER, lambda e: e in ("exit 9", "exit 768"))


def test_stopper():
    storm("stopped", STOPPER, lambda e: e == "exit 768")


def test_tracer():
    storm("traced", TRACER, lambda e: e in ("exit 768", "exit 9"))


def test_forker():
    storm("no room", FORKER, lambda e: e == "exit 768" or "limit of processes" in e or e in ("exit 512", "exit 32512") or
          e.startswith("error 125 cannot start"))


def test_names(s):
    """Names that exec looks at lead astray."""
    s.run("mkfifo", "/tmp/fifo")
    end, out = s.run("sh", "-c", "mv /etc/passwd /tmp/passwd && mkfifo /etc/passwd && mv /etc/group /tmp/group && ln -s /dev/zero /etc/group")
    check("passwd is a fifo", end == "exit 0", (end, out))
    t = time.time()
    check("  a number still does", s.run("id", "-u", user="12")[0] == "exit 0")
    check("  a name is not found", s.run("id", user="bin")[0].startswith("error 125 no user"))
    check("  a group is not found", s.run("id", user="1:adm")[0].startswith("error 125 no group"))
    check("  without waiting", time.time() - t < 10)
    s.run("sh", "-c", "rm -f /etc/passwd /etc/group; ln -s /etc/passwd /etc/passwd; mkdir /etc/group")
    check("passwd is a loop", s.run("true", user="7")[0] == "exit 0")
    check("a fifo as program", s.run("/tmp/fifo")[0].startswith("error 126"))
    check("a fifo as directory", s.run("true", cwd="/tmp/fifo")[0].startswith("error 126"))
    s.run("sh", "-c", "printf '#!/tmp/fifo\\n' >/tmp/script; chmod +x /tmp/script; ln -s /tmp/l2 /tmp/l1; ln -s /tmp/l1 /tmp/l2")
    check("a fifo as interpreter", s.run("/tmp/script")[0].startswith("error 126"))
    check("a loop as program", s.run("/tmp/l1")[0].startswith("error 126"))
    check("a loop as directory", s.run("true", cwd="/tmp/l1")[0].startswith("error 126"))
    check("a program of another kind", s.run("/proc/self/mem")[0].startswith("error 126"))
    check("/dev/tty as program", s.run("/dev/tty")[0].startswith("error 126"))


def test_flood(s):
    """Nobody reads what a terminal says, then the peer goes."""
    for i in range(20):
        a, b = socket.socketpair()
        p = s.open("sh", "-c", "yes", stdio=(b.fileno(), b.fileno(), None), tty=(24, 80))
        b.close()
        if i % 2:
            time.sleep(0.02)
        p.sock.close()
        a.close()
    time.sleep(0.5)
    left = s.run("ps", "-eo", "stat,comm")[1]  # nobody reaps here
    check("floods end", not [r for r in left.split("\n") if "yes" in r and r[0] != "Z"], left)
    a, b = socket.socketpair()
    p = s.open("sh", "-c", "head -c 200000 /dev/zero; exit 4", stdio=(b.fileno(), b.fileno(), None), tty=(24, 80))
    b.close()
    time.sleep(0.3)
    out = read_all(a.fileno())
    check("a slow reader gets all", len(out) == 200000 and p.end() == "exit 1024", len(out))
    t = time.time()
    a, b = socket.socketpair()
    p = s.open("sh", "-c", "head -c 2000 /dev/zero; exit 4", stdio=(b.fileno(), b.fileno(), None), tty=(24, 80))
    b.close()
    check("who does not read is not waited for long", p.end() == "exit 1024" and time.time() - t < 5)
    fill = "import os,pty\nfor i in range(5000):\n  try: os.open('/dev/ptmx', os.O_RDWR)\n  except OSError: break\nprint(i)\nimport time; time.sleep(3)"
    hog = s.open("python3", "-c", fill)
    time.sleep(1)
    a, b = socket.socketpair()
    end = s.open("true", stdio=(b.fileno(), b.fileno(), None), tty=(24, 80)).end()
    check("a sandbox with many terminals", end == "exit 0" or end.startswith("error 125"), end)
    hog.sock.close()


def test_instant(s):
    """Peers that are gone at once, and processes that are."""
    for i in range(100):
        p = s.open("true")
        p.sock.close()
    for i in range(100):
        a, b = socket.socketpair()
        p = s.open("true", stdio=(b.fileno(), b.fileno(), None), tty=(24, 80))
        b.close()
        a.close()
        if i % 3:
            p.end()
        else:
            p.sock.close()
    time.sleep(0.5)
    check("still there", s.run("true")[0] == "exit 0")
    check("no session is left", s.threads() < 40, s.threads())
    for text in ("", "signal", "signal 99", "signal -1", "winsize 1", "winsize 99999 99999", "x" * 100):
        p = s.open("sh", "-c", "sleep 0.05; exit 2")
        p.started()
        if text:
            p.tell(text)
        end = p.end()
        check(f"nonsense on the session: {text[:20]!r}", end == "exit 512", end)
    closer = s.open("python3", "-c", "import os\nos.closerange(0, 1024)\nos.execv('/bin/true', ['true'])")
    check("a process that closes all", closer.end() == "exit 0")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
