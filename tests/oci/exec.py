#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Further processes in containers: exec, consoles, pause. usage: exec.py BUILD

Callers are what matters: what they get in pid files, over console sockets, as statuses, in the log. An ordinary user runs it as user 0 of a user
namespace with the ids of /etc/subuid.
"""
import array
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

from oci import Runtime

rt = None


def check(*args):
    rt.check(*args)


def fresh(id, *args, start=True, **more):
    rt.config(*(args or ("sleep", "1000")), **more)
    with open(os.devnull) as null:
        r = rt.call("create", "--bundle", rt.bundle, "--pid-file", rt.work + "/" + id + ".pid", id, stdin=null)
    if r.returncode == 0 and start:
        r = rt.call("start", id)
    if r.returncode:
        print("# " + r.stderr.decode(errors="replace").strip())
    with open(rt.work + "/" + id + ".pid") as f:
        return int(f.read())


def gone(id):
    rt.call("delete", "--force", id)


def log_of(*args):
    """The status, and the sentence in the log."""
    log = rt.work + "/log.json"
    if os.path.exists(log):
        os.unlink(log)
    r = rt.call("--log", log, "--log-format", "json", *args)
    with open(log) as f:
        text = f.read()
    return r.returncode, json.loads(text)["msg"] if text else ""


def process(*args, **more):
    path = rt.work + "/process.json"
    p = {"args": list(args), "cwd": "/", "env": ["PATH=/bin", "TERM=xterm"], "user": {"uid": 0, "gid": 0}}
    p.update(more)
    with open(path, "w") as f:
        json.dump(p, f)
    return path


def test_untold():
    """A pid that cannot be told is no process: nobody would end it."""
    fresh("u")
    for options in ((), ("--detach",)):
        begin = time.monotonic()
        r = rt.call("exec", *options, "--pid-file", rt.work + "/missing/e", "u", "sleep", "5")
        check("exec fails if its pid file cannot be written", r.returncode == 255 and b"pid file" in r.stderr, (r.returncode, r.stderr))
        check("at once", time.monotonic() - begin < 4)
    end = time.monotonic() + 3
    while time.monotonic() < end and b"sleep 5" in rt.call("exec", "u", "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout:
        time.sleep(0.05)
    check("and the processes have ended", time.monotonic() < end)
    gone("u")


def test_direct():
    fresh("a")
    r = rt.call("exec", "a", "sh", "-c", "echo $0 $1; exit 7", "x", "y z")
    check("words and status", r.returncode == 7 and r.stdout == b"x y z\n", (r.returncode, r.stdout, r.stderr))
    r = rt.call("exec", "--cwd", "/tmp", "--env", "A=b", "-e", "C=d", "a", "sh", "-c", "pwd; echo $A$C")
    check("--cwd, --env", r.stdout == b"/tmp\nbd\n", r.stdout)
    r = rt.call("exec", "a", "sh", "-c", "kill -9 $$")
    check("killed by a signal", r.returncode == 137, r.returncode)
    r = rt.call("exec", "--user", "12:34", "--additional-gids", "56,78", "a", "id")
    check("--user, --additional-gids", b"uid=12 gid=34 groups=34,56,78" in r.stdout or b"uid=12 gid=34 groups=56,78" in r.stdout, r.stdout)
    r = rt.call("exec", "--no-new-privs", "--cap", "CAP_KILL", "a", "cat", "/proc/self/status")
    check("--no-new-privs, --cap", b"NoNewPrivs:\t1" in r.stdout and b"CapEff:\t0000000000000020" in r.stdout)
    r = rt.call("exec", "--apparmor", "x", "--process-label", "y", "--cgroup", "z", "a", "true")
    check("options without a meaning", r.returncode == 0, r.stderr)
    read, write = os.pipe()
    os.write(write, b"from outside\n")
    os.close(write)
    r = subprocess.run(["sh", "-c", 'exec "$0" "$@" 3<&%d' % read, *rt.command("exec", "--preserve-fds", "1", "a", "sh", "-c", "cat <&3")],
                       pass_fds=[read], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=20)
    os.close(read)
    check("--preserve-fds", r.stdout == b"from outside\n", r.stdout)
    gone("a")


def test_process():
    fresh("b")
    p = process("sh", "-c", "id; umask; ulimit -n; cat /proc/self/oom_score_adj; cat /proc/self/status; exit 5",
                user={"uid": 5, "gid": 6, "additionalGids": [7, 8], "umask": 0o77}, noNewPrivileges=True, oomScoreAdj=900,
                rlimits=[{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}],
                capabilities={k: ["CAP_CHOWN", "CAP_NET_RAW"] for k in ("bounding", "effective", "permitted", "inheritable", "ambient")})
    r = rt.call("exec", "--process", p, "b")
    out = r.stdout.decode()
    check("status", r.returncode == 5, (r.returncode, r.stderr))
    check("ids", out.startswith("uid=5 gid=6 groups=") and "7,8" in out.splitlines()[0], out[:60])
    check("umask, limits, oom score", "0077\n77\n900\n" in out, out[:90])
    check("capabilities", all("Cap%s:\t0000000000002001" % c in out for c in ("Inh", "Prm", "Eff", "Bnd", "Amb")), out)
    check("no new privileges", "NoNewPrivs:\t1" in out)
    status, text = log_of("exec", "--process", process("nosuch"), "b")
    check("a command that is not there", status == 255 and 'exec: "nosuch": executable file not found in $PATH' in text, (status, text))
    status, text = log_of("exec", "--process", process("/bin"), "b")
    check("one that cannot be run", "permission denied" in text, text)
    status, text = log_of("exec", "--process", process("true", cwd="/nosuch"), "b")
    check("a directory that is not there", "no such file or directory" in text, text)
    status, text = log_of("exec", "--process", rt.work + "/nosuch.json", "b")
    check("a file that is not there", status == 255 and text, text)
    gone("b")


def test_detached():
    fresh("c")
    pids = []
    for i in range(1, 6):
        r = rt.call("exec", "--detach", "--pid-file", rt.work + "/e%d" % i, "--process", process("sh", "-c", "sleep 0.3; exit %d" % i), "c")
        check("detached %d" % i, r.returncode == 0, r.stderr)
        with open(rt.work + "/e%d" % i) as f:
            pids.append(int(f.read()))
    check("a process each", len(set(pids)) == 5)
    check("they end with the statuses", [rt.reap(p) for p in pids] == [1, 2, 3, 4, 5])
    r = rt.call("exec", "-d", "--pid-file", rt.work + "/e", "c", "sleep", "1000")
    with open(rt.work + "/e") as f:
        pid = int(f.read())
    for _ in range(100):
        with open("/proc/%d/status" % pid) as f:
            rights = re.findall(r"^(?:CapEff|CapPrm|CapBnd|Seccomp):\t(.*)$", f.read(), re.M)
        if rights[3] == "2":
            break
        time.sleep(0.05)
    check("its monitor keeps no right", rights == ["0" * 16] * 3 + ["2"], rights)
    os.kill(pid, signal.SIGTERM)
    check("a signal to the monitor is one for the process", rt.reap(pid) == 143)
    rt.call("exec", "-d", "--pid-file", rt.work + "/e", "c", "sleep", "4321")
    with open(rt.work + "/e") as f:
        pid = int(f.read())
    os.kill(pid, signal.SIGKILL)
    rt.reap(pid)
    r = rt.call("exec", "c", "sh", "-c", "sleep 0.2; cat /proc/*/cmdline")
    check("the monitor's death is the process's", r.returncode == 0 and b"4321" not in r.stdout, r.stdout)
    rt.call("exec", "-d", "--pid-file", rt.work + "/e", "c", "sleep", "1000")
    with open(rt.work + "/e") as f:
        pid = int(f.read())
    rt.call("kill", "c", "KILL")
    check("the container's end is its end", rt.reap(pid) == 137)
    gone("c")


def test_states():
    fresh("d", start=False)
    r = rt.call("exec", "d", "echo", "early")
    check("in a created container", r.returncode == 0 and r.stdout == b"early\n", (r.returncode, r.stderr))
    rt.call("start", "d")
    check("pause", rt.call("pause", "d").returncode == 0 and rt.status("d") == "paused")
    check("pause twice", log_of("pause", "d")[0] == 1)
    status, text = log_of("exec", "d", "true")
    check("in a paused one", status == 255 and "cannot exec in a paused container" in text, text)
    check("resume", rt.call("resume", "d").returncode == 0 and rt.status("d") == "running")
    check("resume twice", log_of("resume", "d") == (1, "container not paused"), log_of("resume", "d"))
    check("it goes on", rt.call("exec", "d", "true").returncode == 0)
    rt.call("pause", "d")
    check("a paused one is killed", rt.call("kill", "d", "KILL").returncode == 0 and rt.wait_status("d", "stopped"))
    status, text = log_of("exec", "d", "true")
    check("in a stopped one", status == 255 and "cannot exec in a stopped container" in text, text)
    check("pause of a stopped one", log_of("pause", "d") == (1, "container not running"), log_of("pause", "d"))
    gone("d")
    check("in none", "does not exist" in log_of("exec", "d", "true")[1])


def test_ending():
    """While the container ends: never a hang, never a success that was none."""
    bad = []
    for i in range(8):
        fresh("e")
        killer = threading.Timer(0.003 * i, lambda: rt.call("kill", "e", "KILL"))
        killer.start()
        try:
            r = rt.call("exec", "e", "sleep", "30", timeout=20)
            if r.returncode not in (137, 255):
                bad.append(r.returncode)
        except subprocess.TimeoutExpired:
            bad.append("hangs")
        killer.join()
        gone("e")
    check("exec while the container is killed", not bad, bad)


class Console:
    """What conmon and shims do: listen, and receive one descriptor."""

    def __init__(self, name):
        self.path = rt.work + "/" + name
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(self.path)
        self.sock.listen(1)

    def master(self):
        self.sock.settimeout(10)
        connection, _ = self.sock.accept()
        fds = array.array("i")
        name, control, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(16 * fds.itemsize))
        for level, kind, data in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data)
        check("one descriptor and a name", len(fds) == 1 and 0 < len(name) < 4096, (len(fds), name))
        connection.close()
        self.sock.close()
        os.unlink(self.path)
        return fds[0]


def read_until(fd, text, seconds=10):
    seen, end = b"", time.monotonic() + seconds
    os.set_blocking(fd, False)
    while text not in seen and time.monotonic() < end:
        try:
            seen += os.read(fd, 4096)
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            break
    return seen


SHELL = """tty; stty size; echo ready; until [ "$(stty size)" = "44 111" ]; do sleep 0.02; done; echo resized; while read x; do echo "<$x>"; done; exit 4"""


def try_console(name, pid, master):
    seen = read_until(master, b"ready")
    check(name + ": a terminal of this size", b"/dev/pts/" in seen and b"33 99" in seen, seen)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 111, 0, 0))
    seen = read_until(master, b"resized")
    check(name + ": the new size", b"resized" in seen, seen)
    os.write(master, b"word\r")
    seen = read_until(master, b"<word>")
    check(name + ": input, echo", b"word\r\n" in seen, seen)


def test_console():
    fresh("f")
    c = Console("s1")
    p = process("sh", "-c", SHELL, terminal=True, consoleSize={"height": 33, "width": 99})
    r = rt.call("exec", "--process", p, "--console-socket", c.path, "--detach", "--pid-file", rt.work + "/p", "f")
    master = c.master()
    with open(rt.work + "/p") as f:
        pid = int(f.read())
    check("exec with a console", r.returncode == 0, r.stderr)
    try_console("exec", pid, master)
    os.write(master, b"\4")
    check("exec: end of input, status", rt.reap(pid) == 4)
    os.close(master)
    c = Console("s2")
    rt.call("exec", "--process", p, "--console-socket", c.path, "--detach", "--pid-file", rt.work + "/p", "f")
    master = c.master()
    with open(rt.work + "/p") as f:
        pid = int(f.read())
    read_until(master, b"ready")
    os.close(master)
    check("a master that is closed hangs up", rt.reap(pid) == 129)
    status, text = log_of("exec", "--process", p, "--console-socket", rt.work + "/nosuch", "--detach", "f")
    check("a console socket that is not there", status == 255 and "console socket" in text, text)
    gone("f")


def test_first_console():
    c = Console("s3")
    rt.config("sh", "-c", SHELL)
    with open(rt.bundle + "/config.json") as f:
        config = json.load(f)
    config["process"].update(terminal=True, consoleSize={"height": 33, "width": 99})
    with open(rt.bundle + "/config.json", "w") as f:
        json.dump(config, f)
    check("a terminal that nobody takes is refused", log_of("create", "--bundle", rt.bundle, "g")[0] == 1)
    r = rt.call("create", "--bundle", rt.bundle, "--console-socket", c.path, "--pid-file", rt.work + "/g.pid", "g")
    check("create with a console", r.returncode == 0, r.stderr)
    master = c.master()
    with open(rt.work + "/g.pid") as f:
        pid = int(f.read())
    rt.call("start", "g")
    try_console("create", pid, master)
    os.close(master)
    status = rt.reap(pid)
    check("create: a master that is closed ends the input of the first program, whom SIGHUP spares", status == 4, status)
    gone("g")


def main():
    global rt
    if os.getuid() and not os.environ.get("PICKET_EXEC_INSIDE"):
        inside = ["unshare", "-Ur", "--map-auto"]
        if subprocess.run([*inside, "true"], stderr=subprocess.DEVNULL).returncode:
            print("skipped: no ids for this user in /etc/subuid")
            sys.exit(77)
        os.environ["PICKET_EXEC_INSIDE"] = "1"
        os.execvp("unshare", [*inside, sys.executable, "-B", *sys.argv])
    rt = Runtime(sys.argv[1])
    for test in (test_direct, test_untold, test_process, test_detached, test_states, test_ending, test_console, test_first_console):
        try:
            test()
        except Exception as e:
            check(test.__name__, False, repr(e))
            for id in "abcdefgu":
                gone(id)
    rt.done()


main()
