#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sessions of a sentry, asked for on its control socket as the keeper does (docs/sandboxes.md), without picket between.

Use: exec_sentry.py BUILD-DIRECTORY [NAME…]. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import array
import os
import select
import signal
import socket
import subprocess
import sys
import time

SENTRY = sys.argv[1] + "/sentry/picket-sentry"
LIMIT = 20  # seconds that anything may take
failures = 0


def check(name, good, more=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + (f": {more}" if not good else ""), flush=True)


def records(*rows):
    return b"".join(str(w).encode() + b"\0" for row in rows for w in row)


def memfd(data):
    fd = os.memfd_create("config")
    os.write(fd, data)
    os.lseek(fd, 0, 0)
    return fd


def root_host(fds):
    rows = [("root-host",)]
    for name in ("usr", "etc", "bin", "sbin", "lib", "lib64"):
        if os.path.islink("/" + name):
            rows.append(("host-link", name, os.readlink("/" + name)))
        elif os.path.isdir("/" + name):
            fds.append(os.open("/" + name, os.O_RDONLY | os.O_DIRECTORY))
            rows.append(("host-dir", name, fds[-1]))
    return rows


class Sentry:
    def __init__(self, *command, more=(), fds=(), stdio=(-1, 1, 2)):
        """*fds*: descriptors of the caller's that *more* and *stdio* name."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.unasked = []  # what it says by itself
        lent = list(fds)
        fds = [theirs.fileno(), os.open("/proc", os.O_PATH)]
        rows = [("version", 1), ("id", "0123456789ab")] + [("arg", w) for w in command]
        rows += [("env", "PATH=/usr/bin:/bin"), ("stdio", *stdio), ("control", fds[0]), ("proc", fds[1]), ("nouserns",)]
        rows += root_host(fds) + list(more)
        config = memfd(records(*rows))
        self.proc = subprocess.Popen([SENTRY, "--config-fd", str(config)], pass_fds=fds + lent + [config, 1, 2],
                                     stdin=subprocess.DEVNULL, start_new_session=True)
        for fd in fds[1:] + [config]:
            os.close(fd)
        theirs.close()
        self.control.settimeout(LIMIT)
        self.n = 0
        self.first = self.control.recv(4096).decode()

    def ask(self, text, fds=()):
        self.n += 1
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.control.sendmsg([f"ask {self.n} {text}".encode()], rights)
        while True:
            answer = self.control.recv(4096).decode()
            if answer.startswith("answer "):
                assert answer.split(" ")[1] == str(self.n), answer
                return answer.split(" ", 2)[2]
            self.unasked.append(answer)

    def open(self, *command, stdio=(None, None, None), env=(), cwd="/", user="", tty=None):
        """A session; stdio of host descriptors or None."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        given = [fd for fd in stdio if fd is not None]
        places = [given.index(fd) if fd is not None else -1 for fd in stdio]
        rows = [("version", 1)] + [("arg", w) for w in command] + [("env", e) for e in env]
        rows += [("cwd", cwd), ("user", user), ("stdio", *places)]
        if tty:
            rows.append(("tty", *tty, 1))
        config = memfd(records(*rows))
        answer = self.ask("exec", [theirs.fileno(), config] + given)
        theirs.close()
        os.close(config)
        return Session(mine, answer)

    def run(self, *command, **kw):
        """A whole session: (its end, its output)."""
        r, w = os.pipe()
        s = self.open(*command, stdio=(None, w, w), **kw)
        os.close(w)
        out = b""
        while True:
            if not select.select([r], [], [], LIMIT)[0]:
                break
            data = os.read(r, 65536)
            if not data:
                break
            out += data
        os.close(r)
        return s.end(), out.decode()

    def fds(self):
        return len(os.listdir(f"/proc/{self.proc.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.proc.pid}/task"))

    def memory(self):
        with open(f"/proc/{self.proc.pid}/statm") as f:
            return int(f.read().split()[1]) * 4096

    def close(self):
        self.control.close()
        try:
            return self.proc.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            return "hangs"


class Session:
    def __init__(self, sock, answer):
        self.sock, self.answer = sock, answer
        sock.settimeout(LIMIT)
        self.pid = None

    def message(self):
        try:
            return self.sock.recv(4096).decode()
        except socket.timeout:
            return "(nothing)"

    def started(self):
        m = self.message()
        if m.startswith("started "):
            self.pid = int(m.split()[1])
        return m

    def end(self):
        """The last word: "exit N" or "error …"."""
        while True:
            m = self.message()
            if not m.startswith("started "):
                self.sock.close()
                return m
            self.pid = int(m.split()[1])

    def tell(self, text):
        self.sock.send(text.encode())


def test_basics(s):
    check("started", s.first == "started", s.first)
    check("status 0", s.run("true") == ("exit 0", ""))
    end, out = s.run("sh", "-c", "echo out; echo err >&2; exit 7")
    check("status and output", (end, out) == ("exit 1792", "out\nerr\n"), (end, out))
    check("signal", s.run("sh", "-c", "kill -9 $$")[0] == "exit 9")
    check("not found", s.run("no-such-program")[0].startswith("error 127 no-such-program: not found"))
    check("no program", s.run("/etc/passwd")[0].startswith("error 126 /etc/passwd: cannot be executed"))
    check("directory", s.run("/etc")[0].startswith("error 126"))
    check("no cwd", s.run("true", cwd="/nowhere")[0].startswith("error 12"))
    check("cwd", s.run("pwd", cwd="/usr/bin") == ("exit 0", "/usr/bin\n"))
    check("environment", "A=b\n" in s.run("env", env=("PATH=/bin", "A=b"))[1])
    check("home", "HOME=/root\n" in s.run("env")[1])
    check("user", s.run("id", "-u", user="1:2") == ("exit 0", "1\n"))
    check("group", s.run("id", "-g", user="1:2") == ("exit 0", "2\n"))
    check("no user", s.run("id", user="nobody-of-that-name")[0].startswith("error 125 no user"))
    check("null input", s.run("cat") == ("exit 0", ""))
    out = s.run("sh", "-c", "read -r a b c d e f g h </proc/self/stat; echo $PPID; ps -o pid=,ppid=,sid=,pgid= -p $$")[1].split()
    check("parent is outside", out[0] == "0" and out[2] == "0", out)
    check("own session and group", out[1] == out[3] == out[4], out)
    check("sees the first process", s.run("cat", "/proc/1/comm") == ("exit 0", "sleep\n"))
    check("no terminal", "not a tty" in s.run("tty")[1])
    check("hidden from none", "sleep" in s.run("ps", "-e")[1])


def test_frame(s):
    check("unknown verb", s.ask("dance").startswith("error 38 "), s.ask("dance"))
    check("descriptors missing", s.ask("exec").startswith("error 22 "))
    check("descriptors too many", s.ask("exec", [0] * 17).startswith("error 22 "))
    for name, rows in (("empty", []), ("no command", [("version", 1)]), ("launch record", [("version", 1), ("arg", "x"), ("root-host",)]),
                       ("bad place", [("version", 1), ("arg", "x"), ("stdio", 0, -1, -1)]), ("unknown", [("version", 1), ("x",)])):
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        config = memfd(records(*rows))
        s.ask("exec", [theirs.fileno(), config])
        theirs.close()
        os.close(config)
        end = Session(mine, "").end()
        check("configuration: " + name, end.startswith("error 125 the session's configuration: "), end)


def test_children(s):
    """What a session leaves behind is the first process's."""
    end, out = s.run("sh", "-c", "(sleep 0.3; ps -o ppid= -p $(sh -c 'echo $PPID')) & exit 0")
    check("orphans are init's", end == "exit 0" and out.split() == ["1"], (end, out))
    r, w = os.pipe()
    p = s.open("sh", "-c", "trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.05; done", stdio=(None, w, w))
    os.close(w)
    p.started()
    os.read(r, 100)
    p.tell("signal 15")
    end = p.end()
    check("signal goes to the process", end == "exit 1280", end)
    os.close(r)
    p = s.open("sleep", "100")
    p.started()
    check("killed by a guest", s.run("kill", "-9", str(p.pid))[0] == "exit 0" and p.end() == "exit 9")
    p = s.open("sh", "-c", "exec sleep 0.3")
    p.started()
    p.sock.close()
    time.sleep(0.1)
    check("goes on without its caller", "sleep" in s.run("cat", f"/proc/{p.pid}/comm")[1])


def read_all(fd, seconds=LIMIT, until=None):
    out, end = b"", time.time() + seconds
    while time.time() < end and (until is None or until not in out):
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        data = os.read(fd, 65536)
        if not data:
            break
        out += data
    return out


def test_terminal(s):
    a, b = socket.socketpair()
    p = s.open("sh", "-c", "tty; stty size; sleep 0.1; echo end", stdio=(b.fileno(), b.fileno(), None), tty=(11, 22))
    b.close()
    check("terminal's session ends", p.end() == "exit 0")
    out = read_all(a.fileno())
    check("terminal", out == b"/dev/pts/0\r\n11 22\r\nend\r\n", out)
    pairs = [socket.socketpair() for _ in range(3)]
    scripts = ["tty; while read x; do echo got $x; done"] * 2 + ["trap 'stty size' WINCH; tty; while :; do sleep 0.1; done"]
    shells = []
    for t, q in zip(scripts, pairs):
        shells.append(s.open("sh", "-c", t, stdio=(q[1].fileno(), q[1].fileno(), None), tty=(24, 80)))
        shells[-1].started()  # the next has the next terminal
    for q in pairs:
        q[1].close()
    names = [read_all(q[0].fileno(), until=b"\n") for q in pairs]
    check("three terminals", len(set(names)) == 3 and all(n.startswith(b"/dev/pts/") for n in names), names)
    pairs[1][0].send(b"hello\n")
    out = read_all(pairs[1][0].fileno(), until=b"got hello\r\n")
    check("echo and answer", out == b"hello\r\ngot hello\r\n", out)
    shells[2].tell("winsize 33 44")
    out = read_all(pairs[2][0].fileno(), until=b"33 44")
    check("window size", b"33 44" in out, out)
    pairs[0][0].send(b"\x03")
    check("Ctrl-C", shells[0].end() == "exit 2")
    pairs[1][0].send(b"\x04")
    check("Ctrl-D", shells[1].end() == "exit 0")
    pid = shells[2].pid
    shells[2].sock.close()
    time.sleep(0.3)
    check("hang-up ends the shell", s.run("cat", f"/proc/{pid}/comm")[0] != "exit 0")
    check("numbers are free again", s.run("ls", "/dev/pts")[1] == "ptmx\n", s.run("ls", "/dev/pts")[1])
    a, b = socket.socketpair()
    p = s.open("sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; exit 3", stdio=(b.fileno(), b.fileno(), None), tty=(24, 80))
    b.close()
    out = read_all(a.fileno())
    check("all output comes", out.count(b"x") == 300000 and p.end() == "exit 768", len(out))


def test_many(s):
    for _ in range(20):
        s.run("true")
    time.sleep(0.2)
    fds, threads, memory = s.fds(), s.threads(), s.memory()
    for _ in range(300):
        if s.run("true")[0] != "exit 0":
            check("one of many", False)
    time.sleep(0.5)
    check("no descriptor is left", s.fds() <= fds + 4, (fds, s.fds()))
    check("no thread is left", s.threads() <= threads + 8, (threads, s.threads()))
    check("no memory is left", s.memory() < memory + (4 << 20), (memory, s.memory()))
    all50 = [s.open("sh", "-c", f"exit {i}") for i in range(50)]
    ends = [p.end() for p in all50]
    check("fifty at once", ends == [f"exit {i << 8}" for i in range(50)], ends)
    n = s.run("sh", "-c", "ls -d /proc/[0-9]* | wc -l")[1]
    check("no process is left", int(n) <= 4, n)


def test_end():
    s = Sentry("sh", "-c", "read x < /dev/zero; sleep 1")
    p = s.open("sleep", "100")
    q = s.open("sh", "-c", "kill -9 1; sleep 100")
    check("the first process's end ends all", (p.end(), q.end()) == ("exit 9", "exit 9"))
    s.close()


def failed():
    return failures


def run_tests(names):
    for name, f in sorted(names.items()):
        if not name.startswith("test_") or (sys.argv[2:] and name[5:] not in sys.argv[2:]):
            continue
        if f.__code__.co_argcount == 0:
            f()
            continue
        s = Sentry("sleep", "1000")
        f(s)
        check(name[5:] + ": the sentry goes", s.close() == 0)
    return failed() > 0


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
