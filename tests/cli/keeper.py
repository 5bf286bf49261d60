#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kept sandboxes: their keeper, streams, logs, restart policies, and what is left when something is killed.

Use: keeper.py BUILD-DIRECTORY [FILTER]. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import json
import os
import pty
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

build = sys.argv[1]
wanted = sys.argv[2] if len(sys.argv) > 2 else ""
work = tempfile.mkdtemp(prefix="picket-test-")
os.environ["XDG_RUNTIME_DIR"] = work + "/run"
os.environ["PICKET_STORE"] = work + "/store"
os.mkdir(work + "/run", 0o700)
picket = build + "/cmd/picket"
failures = 0


def check(name, good, detail=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + ("" if good or not detail else f" ({detail})"), flush=True)


def call(*args, **kw):
    kw.setdefault("timeout", 60)
    return subprocess.run([picket, *args], capture_output=True, **kw)


def run(*args, **kw):
    return call("run", "--network", "none", *args, **kw)


def start(name, script, *options):
    r = run("-d", "--name", name, *options, "host", "--", "sh", "-c", script)
    assert r.returncode == 0, r.stderr
    return r.stdout.decode().strip()


def entry(name):
    return work + "/store/sandboxes/" + os.readlink(work + "/store/names/" + name).split("/")[-1]


def state(name):
    return json.load(open(entry(name) + "/state.json"))


def until(condition, seconds=10):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def ended(name):
    return until(lambda: state(name)["status"] == "exited")


def keepers():
    """Living processes of ours: their runtime directory names them."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            environ = open(f"/proc/{pid}/environ", "rb").read()
            stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if b"XDG_RUNTIME_DIR=" + work.encode() in environ and stat != "Z" and int(pid) != os.getpid():
            found.append(int(pid))
    return found


class Terminal:
    """A command on a new terminal."""

    def __init__(self, *args):
        self.out = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(picket, [picket, *args])

    def type(self, text):
        os.write(self.fd, text)

    def read(self, wanted, seconds=15):
        end = time.time() + seconds
        while wanted not in self.out and time.time() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    data = os.read(self.fd, 4096)
                except OSError:
                    break
                if not data:
                    break
                self.out += data
        found = wanted in self.out
        if found:
            self.out = self.out.split(wanted, 1)[1]
        return found

    def raw(self):
        return not termios.tcgetattr(self.fd)[3] & termios.ICANON

    def end(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


# ---- Runs ----

def test_kept():
    r = run("--keep", "--name", "kept", "host", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    check("output, error output and status of a kept run", (r.stdout, r.stderr, r.returncode) == (b"out\n", b"err\n", 3))
    check("its state", state("kept")["status"] == "exited" and state("kept")["exit_code"] == 3)
    r = run("--keep", "--name", "lost", "host", "--", "/nonexistent/program")
    check("a program that is not there", r.returncode == 127 and b"not found" in r.stderr, r.stderr)
    r = run("--keep", "host", "--", "cat", input=b"")
    check("no -i: the input is empty", r.returncode == 0 and r.stdout == b"")
    data = os.urandom(3_000_000)
    r = run("-i", "--keep", "host", "--", "cat", input=data)
    check("3 MB through a kept run, both ways", r.stdout == data)
    r = run("-i", "--keep", "host", "--", "head", "-c", "10", input=data)
    check("a program that does not read its input to the end", r.stdout == data[:10] and r.returncode == 0)


def test_detached():
    t = time.time()
    name = start("far", "sleep 2; exit 9")
    check("run -d returns at once, with the id", time.time() - t < 1.5 and re.fullmatch("[0-9a-f]{64}", name))
    check("and the sandbox runs", state("far")["status"] == "running" and state("far")["detached"])
    r = subprocess.run(f"{picket} run -d --network none host -- sleep 3 2>&1 | cat; true", shell=True, timeout=2.5,
                       capture_output=True)
    check("who reads its output is not held", len(r.stdout.strip()) == 64)
    check("it ends by itself", ended("far") and state("far")["exit_code"] == 9)
    r = run("-d", "host", "--", "/nonexistent/program")
    check("run -d of what is not there", r.returncode == 127 and b"not found" in r.stderr and not r.stdout, r)


def test_slow_reader():
    p = subprocess.Popen([picket, "run", "--network", "none", "--keep", "--name", "fast", "host", "--", "sh", "-c",
                          "i=0; while [ $i -lt 40000 ]; do echo $i-----------------------------------------; i=$((i+1)); "
                          "done; echo done >&2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1.5)
    check("a slow reader in the foreground stops the program", state("fast")["status"] == "running")
    out, err = p.communicate(timeout=60)
    check("and loses nothing", len(out.splitlines()) == 40000 and err == b"done\n" and p.returncode == 0)
    r = call("logs", "fast")
    check("neither does the log", r.stdout == out)
    p = subprocess.run(f"{picket} run --network none --keep --name pipe host -- yes | head -1", shell=True,
                       capture_output=True, timeout=20)
    check("a pipe that breaks ends it", p.stdout == b"y\n" and ended("pipe"))


def test_foreground_killed():
    p = subprocess.Popen([picket, "run", "--network", "none", "--keep", "--name", "front", "host", "--", "sleep", "100"])
    until(lambda: os.path.exists(work + "/store/names/front") and state("front")["status"] == "running")
    p.kill()
    p.wait()
    check("kill -9 of the command ends the sandbox", ended("front") and state("front")["exit_code"] == 137)


def test_signals():
    p = subprocess.Popen([picket, "run", "--network", "none", "--keep", "--name", "sig", "host", "--", "sh", "-c",
                          "trap 'echo got; exit 6' USR1; echo ready; while :; do sleep 0.05; done"], stdout=subprocess.PIPE)
    p.stdout.readline()
    p.send_signal(signal.SIGUSR1)
    check("signals are passed on", p.stdout.readline() == b"got\n" and p.wait() == 6)
    p = subprocess.Popen([picket, "run", "--network", "none", "--keep", "host", "--", "sh", "-c",
                          "trap '' INT; echo ready; while :; do sleep 0.05; done"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    p.stdout.readline()
    for _ in range(3):
        p.send_signal(signal.SIGINT)
        time.sleep(0.1)
    check("the third Ctrl-C ends it by force", p.wait(10) == 130 and b"by force" in p.stderr.read())
    p = subprocess.Popen([picket, "run", "--network", "none", "--keep", "host", "--", "sh", "-c",
                          "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done"], stdout=subprocess.PIPE)
    p.stdout.readline()
    p.send_signal(signal.SIGTSTP)
    stopped = os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WEXITED)
    time.sleep(0.2)
    os.set_blocking(p.stdout.fileno(), False)
    while p.stdout.read(65536):
        pass
    time.sleep(0.3)
    check("Ctrl-Z stops the sandbox", stopped.si_code == os.CLD_STOPPED and not p.stdout.read(65536))
    p.send_signal(signal.SIGCONT)
    check("fg continues it", until(lambda: p.stdout.read(65536)))
    p.send_signal(signal.SIGTERM)
    check("and it ends", p.wait(10) == 143)


# ---- Streams ----

def test_attach():
    start("att", "sleep 0.7; echo hello; sleep 0.3; exit 7")
    r = call("attach", "att")
    check("attach shows what comes and returns the status", (r.stdout, r.returncode) == (b"hello\n", 7), r)
    r = call("attach", "att")
    check("attach to what does not run", r.returncode == 1 and b"not running" in r.stderr, r)
    start("echo", "while read line; do echo got $line; done", "-i")
    one = subprocess.Popen([picket, "attach", "echo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    two = subprocess.Popen([picket, "attach", "--no-stdin", "echo"], stdout=subprocess.PIPE)
    time.sleep(0.3)
    one.stdin.write(b"x\n")
    one.stdin.flush()
    check("input of an attached client", one.stdout.readline() == b"got x\n")
    check("another one sees the output too", two.stdout.readline() == b"got x\n")
    one.stdin.close()
    time.sleep(0.3)
    check("the end of its input is not the program's", state("echo")["status"] == "running" and one.poll() is None)
    two.send_signal(signal.SIGTERM)
    check("signals go to the program", one.wait(10) == 143 and two.wait(10) == 143)


def test_terminal():
    t = Terminal("run", "-it", "--network", "none", "--keep", "--name", "tty", "host", "--", "sh", "-c",
                 "stty size; while read line; do echo got-$line; stty size; done")
    check("the terminal is raw", t.read(b"24 80") or t.read(b"0 0"))
    t.type(b"one\r")
    check("what is typed arrives", t.read(b"got-one"))
    t.type(b"\x10x\r")
    check("the first detach key alone is passed on", t.read(b"got-\x10x"))
    t.type(b"\x10\x11")
    check("detach keys leave it", t.end() == 0 and state("tty")["status"] == "running")
    check("as detached", state("tty")["detached"])
    t = Terminal("attach", "--detach-keys", "ctrl-a,d", "tty")
    time.sleep(0.3)
    t.type(b"two\r")
    check("attach to a terminal", t.read(b"got-two"))
    import fcntl
    import struct
    fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    time.sleep(0.3)
    t.type(b"three\r")
    check("with its window's size", t.read(b"33 99"))
    t.type(b"\x10\x11\r")
    check("other detach keys", t.read(b"got-"))
    t.type(b"\x01d")
    check("detach again", t.end() == 0)
    t = Terminal("attach", "tty")
    time.sleep(0.3)
    check("raw", t.raw())
    t.type(b"\x04")
    check("Ctrl-D ends the program", t.end() == 0 and ended("tty"))
    r = call("attach", "--detach-keys", "bogus", "tty")
    check("wrong detach keys", r.returncode == 1 and b"detach-keys" in r.stderr)


def test_hangup():
    t = Terminal("run", "-it", "--network", "none", "--keep", "--name", "hup", "host", "--", "sleep", "100")
    until(lambda: os.path.exists(work + "/store/names/hup") and state("hup")["status"] == "running")
    time.sleep(0.2)
    os.close(t.fd)
    check("a terminal that hangs up ends the sandbox", ended("hup"))
    os.waitpid(t.pid, 0)


# ---- Logs ----

def test_logs():
    start("log", r"printf 'a\nb\n'; printf 'e\n' >&2; sleep 0.5; printf 'c'; sleep 0.2; printf 'd\n\377\200x\303\244\n'; printf tail")
    p = subprocess.Popen([picket, "logs", "-f", "log"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    check("logs -f sees the first lines while it runs", p.stdout.readline() == b"a\n")
    out, err = p.communicate(timeout=20)
    check("and ends with it", out == "b\ncd\n\ufffd\ufffdxä\ntail".encode() and err == b"e\n" and p.returncode == 0, out)
    check("logs of one that has ended", call("logs", "log").stdout == b"a\n" + out)
    check("--tail", call("logs", "--tail", "2", "log").stdout == b"\xef\xbf\xbd\xef\xbf\xbdx\xc3\xa4\ntail")
    check("-n 0", call("logs", "-n", "0", "log").stdout == b"")
    r = call("logs", "-t", "log")
    check("-t", all(re.match(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", line) for line in r.stdout.splitlines()))
    third = [line.split()[0].decode() for line in r.stdout.splitlines()][2]
    check("--since", call("logs", "--since", third, "log").stdout.startswith(b"cd\n"))
    check("--until", call("logs", "--until", third, "log").stdout.startswith(b"a\nb\ncd\n"))
    first = r.stdout.splitlines()[0].split()[0].decode()
    check("--until, in the middle", call("logs", "--until", first, "log").stdout == b"a\nb\n")
    check("--until, long ago", call("logs", "--until", "1h", "log").stdout == b"")
    check("--since, relative", call("logs", "--since", "1h30m", "log").stdout == b"a\n" + out)
    r = call("logs", "--since", "yesterday", "log")
    check("a time that is none", r.returncode == 1 and len(r.stderr.splitlines()) == 1)
    for line in open(entry("log") + "/log.json"):
        json.loads(line)
    start("quiet", "echo x", "--log-driver", "none")
    ended("quiet")
    r = call("logs", "quiet")
    check("no log", r.returncode == 1 and b"keeps no log" in r.stderr)


def test_rotation():
    script = "i=0; while [ $i -lt 3000 ]; do echo line-$i; i=$((i+1)); done"
    start("rot", script, "--log-opt", "max-size=4k", "--log-opt", "max-file=1000")
    r = call("logs", "-f", "rot")
    whole = b"".join(b"line-%d\n" % i for i in range(3000))
    check("logs -f across rotations loses nothing", r.stdout == whole)
    ended("rot")
    check("nor do logs", call("logs", "rot").stdout == whole)
    check("--tail across rotations", call("logs", "-n", "1000", "rot").stdout == whole[-10000:])
    start("few", script, "--log-opt", "max-size=4k", "--log-opt", "max-file=3")
    ended("few")
    files = sorted(f for f in os.listdir(entry("few")) if f.startswith("log.json"))
    check("no more files than asked for", files == ["log.json", "log.json.1", "log.json.2"], files)
    check("none longer than asked for", all(os.path.getsize(entry("few") + "/" + f) <= 4096 for f in files))
    out = call("logs", "few").stdout
    check("what is left is the end", whole.endswith(out) and len(out) > 500)
    r = run("--keep", "--log-opt", "max-file=3", "host", "--", "true")
    check("max-file without max-size", r.returncode == 125 and b"max-size" in r.stderr)


# ---- Policies ----

def test_restart():
    start("again", "echo run; exit 1", "--restart", "on-failure:3")
    check("--restart on-failure:3", ended("again") and state("again")["restarts"] == 3 and state("again")["exit_code"] == 1)
    check("its log goes on", call("logs", "again").stdout == b"run\n" * 4)
    start("fine", "exit 0", "--restart", "on-failure")
    check("not after success", ended("fine") and state("fine")["restarts"] == 0)
    start("ever", "exit 0", "--restart", "always")
    check("--restart always", until(lambda: state("ever")["restarts"] >= 2))
    r = run("--keep", "--restart", "sometimes", "host", "true")
    check("a policy that is none", r.returncode == 125 and len(r.stderr.splitlines()) == 1)
    r = run("--rm", "--restart", "always", "host", "true")
    check("--rm and --restart", r.returncode == 125)
    ask("ever", {"do": "stop", "timeout": 0})
    check("stop ends it for good", state("ever")["status"] == "exited")


def ask(name, request):
    import socket
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(30)
    s.connect(work + "/run/picket/" + entry(name).split("/")[-1][:12] + "/control.sock")
    s.send(json.dumps(request).encode())
    answer = s.recv(65536)
    return json.loads(answer) if answer else None


def test_requests():
    start("req", "trap 'exit 8' TERM; trap 'echo hup' HUP; echo up; while :; do sleep 0.05; done")
    until(lambda: call("logs", "req").stdout == b"up\n")
    check("state", ask("req", {"do": "state"})["status"] == "running")
    check("a request that is none", ask("req", {"do": "dance"})["ok"] is False)
    check("what is no request", ask("req", [1])["ok"] is False)
    check("kill with a signal", ask("req", {"do": "kill", "signal": 1})["ok"] and
          until(lambda: b"hup" in call("logs", "req").stdout))
    started = state("req")["started"]
    check("restart", ask("req", {"do": "restart"})["ok"] and state("req")["started"] > started)
    until(lambda: call("logs", "req").stdout.splitlines().count(b"up") == 2)
    a = ask("req", {"do": "stop"})
    check("stop", a == {"ok": True, "exit_code": 8}, a)
    check("the entry says so when stop has been answered", state("req")["status"] == "exited")
    start("deaf", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    until(lambda: call("logs", "deaf").stdout == b"up\n")
    t = time.time()
    a = ask("deaf", {"do": "stop", "timeout": 1})
    check("stop by force after its time", a and a["exit_code"] == 137 and 0.9 < time.time() - t < 5, a)


def cpu(pid):
    return sum(map(int, open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def test_idle():
    """A keeper that waits uses no processor time: between two starts, and for a client that does not read."""
    start("pauses", "exit 3", "--restart", "always")
    until(lambda: state("pauses")["restarts"] >= 5, 20)  # the pauses are seconds by now
    pid, before = state("pauses")["pid"], cpu(state("pauses")["pid"])
    time.sleep(1)
    check("between two starts it sleeps", cpu(pid) - before < 0.3, cpu(pid) - before)
    os.kill(pid, signal.SIGTERM)
    check("and hears signals", until(lambda: state("pauses")["status"] == "exited", 5))
    p = subprocess.Popen([picket, "run", "--name", "flood", "--network", "none", "host", "--", "yes"], stdout=subprocess.PIPE)
    until(lambda: os.path.lexists(work + "/store/names/flood") and os.path.exists(entry("flood") + "/state.json") and
          state("flood")["status"] == "running")
    time.sleep(1)
    before = cpu(state("flood")["pid"])
    time.sleep(1)
    check("for who does not read too", cpu(state("flood")["pid"]) - before < 0.3, cpu(state("flood")["pid"]) - before)
    read = p.stdout.read(1 << 20)
    check("who gets all when he reads again", len(read) == 1 << 20)
    p.kill()
    p.wait()
    p.stdout.close()
    check("its end is noticed", ended("flood"))


def test_full_table():
    start("crowded", "sleep 60")
    pid = state("crowded")["pid"]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")) + 10,) * 2)
    many = [connect("crowded") for i in range(80)]
    time.sleep(0.3)
    before = cpu(pid)
    time.sleep(1)
    check("without a free descriptor it sleeps", cpu(pid) - before < 0.3, cpu(pid) - before)
    for s in many:
        s.close()
    check("and answers when there are some", ask("crowded", {"do": "state"})["status"] == "running")
    call("rm", "-f", "crowded")


def connect(name):
    import socket
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(30)
    s.connect(work + "/run/picket/" + entry(name).split("/")[-1][:12] + "/control.sock")
    return s


def test_askers():
    """Who asks meets others, and his own earlier wishes."""
    start("busy", "trap 'sleep 0.95; exit 4' TERM; echo up; while :; do sleep 0.05; done")
    until(lambda: call("logs", "busy").stdout == b"up\n")
    wrong = []
    for i in range(40):
        first, second = connect("busy"), None
        first.send(json.dumps({"do": "ask", "text": "stats"}).encode())
        first.close()  # the answer is for nobody; not for who comes next
        second = connect("busy")
        second.send(json.dumps({"do": "wait"}).encode())
        if select.select([second], [], [], 0.02)[0]:
            wrong.append(second.recv(65536))
        second.close()
    check("an answer is for who has asked alone", not wrong, wrong[:1])
    for i in range(3):
        started = state("busy")["started"]
        # The time of each is over near the moment the next start begins.
        a = ask("busy", {"do": "restart", "timeout": 1})
        time.sleep(1.2)
        check("restarted, and so it stays", a["ok"] and state("busy")["status"] == "running" and state("busy")["started"] > started)
        until(lambda: call("logs", "busy").stdout.count(b"up") == i + 2)
    a, b = connect("busy"), connect("busy")
    a.send(json.dumps({"do": "pause"}).encode())
    b.send(json.dumps({"do": "stop", "timeout": 8}).encode())
    t = time.time()
    answer = json.loads(b.recv(65536))
    check("a stop that meets a pause lets it go on", answer.get("exit_code") == 4 and time.time() - t < 6, (answer, time.time() - t))


def test_damaged_update():
    start("worse", "sleep 60")
    path = entry("worse") + "/config.json"
    good = open(path).read()
    bad = json.loads(good)
    bad["options"].append("--no-such-option")
    open(path, "w").write(json.dumps(bad))
    for i in range(20):
        ask("worse", {"do": "update"})
    check("an entry that went bad does not end what runs", ask("worse", {"do": "state"})["status"] == "running")
    open(path, "w").write(good)
    check("and it can be stopped", call("rm", "-f", "worse").returncode == 0)


def test_deep():
    script = "import os\nfor i in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\n"
    r = run("--name", "deep", "-w", "/root", "host", "--", "python3", "-c", script)
    check("a tree deeper than there are descriptors", r.returncode == 0, r.stderr)
    where = entry("deep")
    r = call("rm", "deep")
    check("is removed", r.returncode == 0, r.stderr)
    check("and nothing of it is left", not os.path.exists(where) and not [n for n in os.listdir(work + "/store/sandboxes")
                                                                          if n.startswith(".gone-")])


def test_memory():
    r = run("--keep", "--name", "oom", "--memory", "64m", "host", "--", "python3", "-c", "x = bytearray(300 << 20); print(len(x))")
    check("an end for want of memory is 137, and said so", r.returncode == 137 and b"memory" in r.stderr, r)
    check("and kept", state("oom")["oom_killed"] and "memory" in state("oom")["error"], state("oom"))
    r = subprocess.run(["nohup", picket, "run", "--network", "none", "--keep", "--name", "nohup", "-d", "host", "sleep", "50"],
                       capture_output=True)
    p = subprocess.Popen(["nohup", picket, "run", "--network", "none", "--keep", "--name", "hupped", "host", "--", "sh", "-c",
                          "echo up; sleep 1; exit 3"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    p.stdout.readline()
    p.send_signal(signal.SIGHUP)
    check("nohup", p.wait(10) == 3)
    ask("nohup", {"do": "stop", "timeout": 0})


def test_times():
    t = time.time()
    r = run("--timeout", "500ms", "host", "--", "sleep", "60")
    check("--timeout", r.returncode == 124 and b"--timeout" in r.stderr and time.time() - t < 5, r)
    r = run("--timeout", "0.5", "--keep", "--name", "slow", "--stop-timeout", "0", "host", "--", "sh", "-c",
            "trap '' TERM; while :; do sleep 0.1; done")
    check("--timeout of a kept run that is deaf", r.returncode == 124 and state("slow")["exit_code"] == 124, r)
    check("and its reason is kept", "--timeout" in state("slow")["error"])
    check("one that is not reached", run("--timeout", "1m", "host", "--", "sh", "-c", "exit 3").returncode == 3)
    check("one that is none", run("--timeout", "soon", "host", "true").returncode == 125)
    start("usr", "trap 'exit 3' USR1; echo up; while :; do sleep 0.05; done", "--stop-signal", "USR1")
    until(lambda: call("logs", "usr").stdout == b"up\n")
    check("--stop-signal", ask("usr", {"do": "stop"})["exit_code"] == 3)
    start("short", "trap '' TERM; echo up; while :; do sleep 0.05; done", "--stop-timeout", "1")
    until(lambda: call("logs", "short").stdout == b"up\n")
    t = time.time()
    check("--stop-timeout", ask("short", {"do": "stop"})["exit_code"] == 137 and time.time() - t < 5)
    check("a signal that is none", run("--stop-signal", "NONE", "host", "true").returncode == 125)
    start("term", "trap 'exit 4' TERM; echo up; while :; do sleep 0.05; done")
    until(lambda: call("logs", "term").stdout == b"up\n")
    os.kill(state("term")["pid"], signal.SIGTERM)
    check("SIGTERM to the keeper stops the sandbox", ended("term") and state("term")["exit_code"] == 4)


def test_events():
    p = subprocess.Popen([picket, "events", "-f", "container=ev", "--format", "{{.Action}}"], stdout=subprocess.PIPE)
    time.sleep(0.3)
    run("--keep", "--name", "ev", "--label", "colour=red", "host", "--", "sh", "-c", "exit 3")
    call("rename", "ev", "ev2")
    call("rename", "ev2", "ev")
    call("rm", "ev")
    time.sleep(0.3)
    p.terminate()
    got = p.communicate()[0].split()
    check("events of a life", got == [b"create", b"start", b"die", b"rename", b"destroy"], got)
    r = call("events", "--since", "1m", "--until", "0s", "-f", "container=ev", "-f", "event=die", "--format", "json")
    e = json.loads(r.stdout)
    check("in docker's form", e["Type"] == "container" and e["Actor"]["Attributes"]["exitCode"] == "3" and
          e["Actor"]["Attributes"]["image"] == "host", e)
    r = call("events", "--since", "1m", "--until", "0s", "-f", "label=colour=red", "-f", "event=create")
    check("as text", re.fullmatch(rb"\S+ container create [0-9a-f]{64} \(.*name=ev.*\)\n", r.stdout), r.stdout)
    check("a filter that is none", call("events", "-f", "colour=red").returncode == 1)
    ps = [subprocess.Popen([picket, "run", "--network", "none", "--name", f"many{i}", "--rm", "host", "true"])
          for i in range(10)]
    for p in ps:
        p.wait()
    r = call("events", "--since", "1m", "--until", "0s", "--format", "json")
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    check("events of many at once", sum(e["Action"] == "destroy" and "many" in e["Actor"]["Attributes"]["name"] for e in lines)
          == 10)
    times = [e["timeNano"] for e in lines]
    check("bounded", os.path.getsize(work + "/run/picket/events.json") < 3 << 20 and times)


def exec_events(name):
    r = call("events", "--since", "1m", "--until", "0s", "-f", "container=" + name, "--format", "json")
    return [e for e in map(json.loads, r.stdout.splitlines()) if e["Action"].startswith("exec_")]


def exec_ids(name):
    return json.loads(call("inspect", name, "--format", "{{json .ExecIDs}}").stdout)


def ends(name):
    return [e["Actor"]["Attributes"]["exitCode"] for e in exec_events(name) if e["Action"] == "exec_die"]


def test_exec_events():
    start("xe", "sleep 60")
    check("no exec", exec_ids("xe") is None)
    call("exec", "xe", "sh", "-c", "exit 7")
    check("its end", until(lambda: ends("xe") == ["7"]), exec_events("xe"))
    got = exec_events("xe")
    check("create, start and die", [e["Action"] for e in got] ==
          ["exec_create: sh -c exit 7", "exec_start: sh -c exit 7", "exec_die"], got)
    check("of one", len({e["Actor"]["Attributes"]["execID"] for e in got}) == 1, got)
    call("exec", "xe", "/no/such")
    check("what cannot start", until(lambda: ends("xe") == ["7", "127"]), ends("xe"))
    call("exec", "-d", "xe", "sh", "-c", "sleep 0.5; exit 5")
    ids = exec_ids("xe")
    check("its id while it runs", ids and len(ids) == 1 and
          ids[0] == exec_events("xe")[-1]["Actor"]["Attributes"]["execID"], ids)
    check("of -d", until(lambda: ends("xe") == ["7", "127", "5"]), ends("xe"))
    check("no more", exec_ids("xe") is None)
    client = subprocess.Popen([picket, "exec", "xe", "sh", "-c", "sleep 0.5; exit 6"])
    until(lambda: exec_ids("xe"))
    client.kill()
    client.wait()
    check("of a killed client", until(lambda: ends("xe") == ["7", "127", "5", "6"]), ends("xe"))
    call("exec", "-d", "xe", "sleep", "60")
    call("kill", "xe")
    check("with the sandbox", until(lambda: ends("xe") == ["7", "127", "5", "6", "137"]), ends("xe"))


def test_killed_early():
    """A kill while a start is under way is an end by that signal, and the start no failure."""
    start("early", "sleep 60")
    for _ in range(20):
        call("kill", "early")
        call("wait", "early")
        p = subprocess.Popen([picket, "start", "early"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(lambda: call("kill", "early").returncode == 0 or p.poll() is not None)
        err = p.communicate()[1]
        if p.returncode or err:
            break
        call("kill", "early")
        if not until(lambda: state("early")["exit_code"] == 137 and state("early")["status"] == "exited"):
            break
    else:
        check("a kill while it starts", True)
        return
    check("a kill while it starts", False, (p.returncode, err, state("early")))


def test_health():
    start("well", "sleep 60", "--health-cmd", "echo checked; test -e /tmp/well", "--health-interval", "200ms",
          "--health-retries", "2", "--health-start-period", "60s")
    check("it starts", state("well")["health"] == "starting")
    call("exec", "well", "touch", "/tmp/well")
    check("healthy", until(lambda: state("well")["health"] == "healthy"))
    check("ps says so", b"(healthy)" in call("ps").stdout)
    call("exec", "well", "rm", "/tmp/well")
    check("unhealthy after two failures", until(lambda: state("well")["health"] == "unhealthy"))
    h = json.loads(call("inspect", "well").stdout)[0]["State"]["Health"]
    check("inspect has the last checks", h["Status"] == "unhealthy" and h["FailingStreak"] >= 2 and
          h["Log"][-1]["Output"] == "checked\n" and h["Log"][-1]["ExitCode"] == 1, h)
    r = call("events", "--since", "1m", "--until", "0s", "-f", "event=health_status", "-f", "container=well",
             "--format", "{{.Action}}")
    check("events of it", r.stdout.splitlines() == [b"health_status: healthy", b"health_status: unhealthy"], r.stdout)
    ask("well", {"do": "stop", "timeout": 0})
    start("late", "sleep 60", "--health-cmd", "sleep 30", "--health-interval", "100ms", "--health-timeout", "200ms",
          "--health-retries", "1")
    check("a check that takes too long", until(lambda: state("late")["health"] == "unhealthy"))
    ask("late", {"do": "stop", "timeout": 0})
    start("young", "sleep 60", "--health-cmd", "exit 1", "--health-interval", "100ms", "--health-start-interval", "100ms",
          "--health-retries", "1", "--health-start-period", "1s")
    time.sleep(0.5)
    check("failures in the start period do not count", state("young")["health"] == "starting")
    check("but then", until(lambda: state("young")["health"] == "unhealthy"))
    ask("young", {"do": "stop", "timeout": 0})
    check("a length that is none", run("--health-cmd", "x", "--health-interval", "soon", "host", "true").returncode == 125)


def make_image(name, config):
    """An image of the machine's busybox, as an OCI layout."""
    import hashlib
    import io
    import tarfile
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as t:
        d = tarfile.TarInfo("bin")
        d.type, d.mode = tarfile.DIRTYPE, 0o755
        t.addfile(d)
        t.add(shutil.which("busybox"), "bin/busybox")
        for applet in ("sh", "sleep", "test", "touch"):
            link = tarfile.TarInfo("bin/" + applet)
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            t.addfile(link)
    layer = tar.getvalue()
    directory = work + "/" + name
    os.makedirs(directory + "/blobs/sha256")

    def blob(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        open(f"{directory}/blobs/sha256/{digest}", "wb").write(data)
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data)}

    c = {"architecture": "amd64", "os": "linux", "config": config,
         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": blob(json.dumps(c).encode(), "config.v1+json"), "layers": [blob(layer, "layer.v1.tar")]}
    index = blob(json.dumps(manifest).encode(), "manifest.v1+json")
    index["annotations"] = {"org.opencontainers.image.ref.name": name + ":latest"}
    json.dump({"schemaVersion": 2, "manifests": [index]}, open(directory + "/index.json", "w"))
    json.dump({"imageLayoutVersion": "1.0.0"}, open(directory + "/oci-layout", "w"))
    r = call("load", "-q", directory)
    assert r.returncode == 0, r.stderr


def test_image():
    if not shutil.which("busybox"):
        print("# no busybox: images are not tested")
        return
    make_image("checked", {"Env": ["PATH=/bin"], "Cmd": ["sh", "-c", "trap 'exit 5' USR2; touch /up; while :; do sleep 0.1; done"],
                           "StopSignal": "SIGUSR2",
                           "Healthcheck": {"Test": ["CMD-SHELL", "test -e /up"], "Interval": 100_000_000, "Retries": 1}})
    r = run("-d", "--name", "im", "checked")
    check("an image with a health check", r.returncode == 0 and until(lambda: state("im")["health"] == "healthy"), r)
    a = ask("im", {"do": "stop"})
    check("and a stop signal of its own", a == {"ok": True, "exit_code": 5}, a)
    r = run("-d", "--name", "unchecked", "--no-healthcheck", "checked")
    time.sleep(0.3)
    check("--no-healthcheck", state("unchecked")["health"] == "")
    ask("unchecked", {"do": "stop"})
    r = run("--name", "kept-image", "checked", "sh", "-c", "exit 4")
    check("a run of an image is kept", r.returncode == 4 and state("kept-image")["exit_code"] == 4)
    r = run("--rm", "--name", "gone-image", "checked", "sh", "-c", "exit 4")
    check("but with --rm", r.returncode == 4 and not os.path.exists(work + "/store/names/gone-image"))
    check("kill -9 of picket-snapd ends the sandbox, with a reason", kill_snapd())


def kill_snapd():
    run("-d", "--name", "victim", "checked")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if (work + "/store").encode() in open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0"):
                os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pass
    if os.access("/dev/fuse", os.W_OK) and not ended("victim"):
        return False
    ask("victim", {"do": "stop", "timeout": 0}) if state("victim")["status"] == "running" else None
    return state("victim")["status"] == "exited"


# ---- Deaths ----

def test_killed():
    start("k1", "sleep 100")
    s = state("k1")
    os.kill(s["sentry"], signal.SIGKILL)
    check("kill -9 of the sentry", ended("k1") and state("k1")["exit_code"] == 125 and "signal 9" in state("k1")["error"])
    start("k2", "sleep 100")
    s = state("k2")
    os.kill(s["pid"], signal.SIGKILL)
    check("kill -9 of the keeper takes all along", until(lambda: not os.path.exists(f"/proc/{s['sentry']}") or
          open(f"/proc/{s['sentry']}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"))
    p = subprocess.Popen([picket, "run", "--network", "none", "--keep", "--name", "k3", "host", "--", "sleep", "100"],
                         stderr=subprocess.PIPE)
    until(lambda: os.path.exists(work + "/store/names/k3") and state("k3")["status"] == "running")
    os.kill(state("k3")["pid"], signal.SIGKILL)
    check("the command in the foreground says so", p.wait(10) == 125 and b"keeper" in p.stderr.read())


def children(pid):
    found = []
    for child in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = open(f"/proc/{child}/stat").read().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        if int(parent) == pid:
            found += [int(child)] + children(int(child))
    return found


def test_moments():
    """kill -9 of anything at any moment: the entry says that it has ended, and can be removed."""
    import random
    random.seed(int(os.environ.get("SEED", "7")))
    wrong = []
    for i in range(25):
        name = f"m{i}"
        how = random.choice((["--keep"], ["-d"], ["-d", "--restart", "always"], ["--rm"]))
        p = subprocess.Popen([picket, "run", "--network", "none", "--name", name, *how, "host", "--", "sh", "-c",
                              "sleep 100 & while :; do sleep 0.05; done"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(random.random() * 0.25)
        family = [p.pid] + children(p.pid)
        keeper = [pid for pid in keepers() if pid not in family and pid != p.pid]
        victim = random.choice(family + keeper)
        try:
            os.kill(victim, signal.SIGKILL)
        except OSError:
            pass
        time.sleep(random.random() * 0.1)
        r = call("rm", "-f", name)
        p.kill() if p.poll() is None and "-d" not in how else None
        p.wait(20)
        call("rm", "-f", name)
        r = call("ps", "-a", "--format", "{{.Names}}")
        if name in r.stdout.decode().split():
            wrong.append((name, how, victim))
    check("kill -9 at random moments leaves nothing that cannot be removed", not wrong, wrong)
    check("nor a name", not [n for n in os.listdir(work + "/store/names") if re.fullmatch(r"m\d+", n)])


try:
    for name, test in list(globals().items()):
        if name.startswith("test_") and wanted in name:
            test()
    check("no process is left", until(lambda: not keepers(), 20), keepers())
    call("ps", "-a")
    left = os.listdir(work + "/run/picket") if os.path.exists(work + "/run/picket") else []
    check("and no directory", not [f for f in left if re.fullmatch("[0-9a-f]{12}", f)], left)
finally:
    for pid in keepers():
        os.kill(pid, signal.SIGKILL)
    subprocess.run(["rm", "-rf", work])  # shutil.rmtree goes no deeper than its stack
sys.exit(failures != 0)
