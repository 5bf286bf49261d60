#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The life of a container under picket-runtime: verbs in every state, texts that callers match, the log, hooks, pid files, descriptors.

Use: life.py BUILD-DIRECTORY [FILTER]. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oci

rt = oci.Runtime(sys.argv[1])
wanted = sys.argv[2] if len(sys.argv) > 2 else ""
check = rt.check


def err(r):
    return r.stderr.decode(errors="replace").strip()


def create(id, *args, **kw):
    return rt.call("create", "--bundle", rt.bundle, "--pid-file", rt.work + "/pid", *args, id, **kw)


def pid_of():
    with open(rt.work + "/pid") as f:
        return int(f.read())


def delete(id):
    rt.call("delete", "--force", id)
    rt.reap_all()


def test_plain():
    rt.config("sh", "-c", "echo out; echo err >&2; exit 7")
    out = open(rt.work + "/out", "w+b")
    said = open(rt.work + "/err", "w+b")
    r = create("one", stdout=out, stderr=said)
    check("create succeeds", r.returncode == 0, r)
    s = rt.state("one")
    check("state is created, complete", s["status"] == "created" and s["pid"] == pid_of() and s["bundle"] == rt.bundle and
          s["rootfs"] == rt.bundle + "/rootfs" and s["annotations"] == {"test.key": "value"} and s["id"] == "one" and
          re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", s["created"]) and s["ociVersion"], s)
    check("the program has not run", os.fstat(out.fileno()).st_size == 0)
    r = rt.call("start", "one")
    check("start succeeds", r.returncode == 0, err(r))
    check("the process of the pid file ends with the program's status", rt.reap(pid_of()) == 7)
    out.seek(0)
    said.seek(0)
    check("standard output and error are the caller's", out.read() == b"out\n" and said.read().endswith(b"err\n"))
    s = rt.state("one")
    check("it is stopped, pid 0", s["status"] == "stopped" and s["pid"] == 0, s)
    check("delete succeeds", rt.call("delete", "one").returncode == 0)
    check("its directory is gone", rt.containers() == [], rt.containers())


def test_signal_status():
    rt.config("sleep", "60")
    create("sig")
    rt.call("start", "sig")
    rt.call("kill", "sig", "SIGKILL")
    check("the status of signal N is 128 + N", rt.reap(pid_of()) == 128 + signal.SIGKILL)
    delete("sig")


def test_states():
    rt.config("sleep", "60")
    create("st")
    r = create("st")
    check("an id is taken once", r.returncode == 1 and "container with given ID already exists" in err(r), err(r))
    check("start", rt.call("start", "st").returncode == 0)
    check("it runs", rt.status("st") == "running")
    r = rt.call("start", "st")
    check("a running one is not started", r.returncode == 1 and "cannot start an already running container" in err(r), err(r))
    r = rt.call("delete", "st")
    check("a running one is not deleted", r.returncode == 1 and "not stopped" in err(r), err(r))
    check("kill by name", rt.call("kill", "st", "KILL").returncode == 0)
    check("it stops", rt.wait_status("st", "stopped"))
    r = rt.call("start", "st")
    check("a stopped one is not started", r.returncode == 1 and "cannot start a container that has stopped" in err(r), err(r))
    r = rt.call("kill", "st", "9")
    check("kill of a stopped one says so", r.returncode == 1 and "container not running" in err(r), err(r))
    check("kill --all of a stopped one succeeds", rt.call("kill", "--all", "st", "9").returncode == 0)
    check("delete", rt.call("delete", "st").returncode == 0)
    for verb in (["start"], ["state"], ["kill"], ["delete"], ["pause"], ["exec"], ["ps"]):
        r = rt.call(*verb, "st", *(["true"] if verb == ["exec"] else []))
        check("%s of one that is not there" % verb[0], r.returncode != 0 and "does not exist" in err(r), err(r))
    check("delete --force of one that is not there succeeds", rt.call("delete", "--force", "st").returncode == 0)
    rt.reap_all()


def test_created():
    rt.config("sleep", "60")
    create("cr")
    pid = pid_of()
    check("kill of a created one", rt.call("kill", "cr", "KILL").returncode == 0)
    check("ends it by that signal", rt.reap(pid) == 137)
    delete("cr")
    create("cr")
    check("a created one is deleted", rt.call("delete", "cr").returncode == 0 and rt.containers() == [])
    create("cr")
    rt.call("start", "cr")
    check("delete --force ends a running one", rt.call("delete", "-f", "cr").returncode == 0 and rt.containers() == [])


def test_kill_all():
    rt.config("sh", "-c", "trap 'sleep 0.3; echo first; exit 3' USR1; (trap 'echo second; exit' USR1; while :; do sleep 0.05; done) & "
              "echo ready; while :; do sleep 0.05; done")
    out = open(rt.work + "/out", "w+b")
    create("all", stdout=out)
    rt.call("start", "all")
    for _ in range(100):
        out.seek(0)
        if out.read():
            break
        time.sleep(0.02)
    time.sleep(0.1)
    check("kill --all", rt.call("kill", "--all", "all", "USR1").returncode == 0)
    check("the first program got it", rt.reap(pid_of()) == 3)
    out.seek(0)
    got = out.read()
    check("so did the other", b"second" in got, got)
    delete("all")


def test_not_found():
    for args, code, text in ((["nothing"], 1, 'exec: "nothing": executable file not found in $PATH'),
                             (["/bin/nothing"], 1, "no such file or directory"),
                             (["/etc/file"], 1, "permission denied")):
        open(rt.bundle + "/rootfs/etc/file", "w").close()
        rt.config(*args)
        r = create("nf")
        check("create refuses %s" % args[0], r.returncode == code and text in err(r), err(r))
        check("and leaves nothing", rt.containers() == [] and not rt.left_over())
    r = rt.call("create", "--bundle", rt.work + "/nowhere", "nf")
    check("a bundle that is not there", r.returncode == 1 and "nowhere" in err(r), err(r))


def test_help():
    r = rt.call("help", "create")
    check("help of a verb", r.returncode == 0 and b"--console-socket" in r.stdout and r.stdout == rt.call("create", "--help").stdout, r.stdout)
    check("no heading without options", b"Options" not in rt.call("start", "--help").stdout)
    r = rt.call("help", "starts")
    check("help of no verb", r.returncode == 1 and "there is no verb starts" in err(r), err(r))


def test_debug():
    for how, options, annotations in (("--debug", ["--debug"], {}), ("the annotation", [], {"dev.picket.debug": "true"})):
        rt.config("true", annotations=annotations)
        log = rt.work + "/debug.log"
        r = rt.call("--log", log, "--log-format", "json", *options, "create", "--bundle", rt.bundle, "db")
        with open(log) as f:
            lines = [json.loads(line) for line in f]
        check("%s says what is done" % how, r.returncode == 0 and [l["msg"] for l in lines if l["level"] == "debug"][-1:] == ["db is created"], lines)
        os.unlink(log)
        delete("db")


def test_ids():
    rt.config("true")
    for id in ("a/b", "..", ".", "", "a b", "x" * 1025):
        r = create(id)
        check("id %r is refused" % id[:8], r.returncode == 1 and "invalid container ID format" in err(r), err(r))
    name = "A_b+c-d.e:1" + "x" * 180
    check("id of every character", create(name).returncode == 0)
    check("it is listed", rt.call("list", "-q").stdout.decode().split() == [name])
    delete(name)


def test_log():
    for form in ("json", "text"):
        if os.path.exists(rt.log):
            os.unlink(rt.log)
        r = rt.call("--log", rt.log, "--log-format", form, "kill", "nobody", "9")
        with open(rt.log) as f:
            text = f.read()
        if form == "json":
            v = json.loads(text)
            check("the log is one JSON object", v["level"] == "error" and "does not exist" in v["msg"] and v["time"], text)
        else:
            check("the log is logrus' text", re.fullmatch(r'time="[^"]+" level=error msg="container does not exist: nobody"\n', text), text)
        check("standard error has it too", "does not exist" in err(r))
    rt.config("nothing")
    os.unlink(rt.log)
    rt.call("--log", rt.log, "--log-format", "json", "create", "--bundle", rt.bundle, "lg")
    with open(rt.log) as f:
        check("create logs one object", "executable file not found" in json.loads(f.read())["msg"])
    rt.config("\x1b]0;title\x07\nlevel=error")
    r = rt.call("create", "--bundle", rt.bundle, "lg")
    check("a name of a program does nothing to a terminal", "?]0;title??level=error" in err(r) and "\x1b" not in err(r) and err(r).count("\n") <= 1, err(r))
    rt.config("true")
    r = rt.call("--log", rt.work + "/no/log", "list")
    check("a log that cannot be opened is an error", r.returncode == 1 and "/no/log" in err(r), err(r))


def hook(name, command="true", **more):
    script = "cat > %s/hook.%s; %s" % (rt.work, name, command)
    return dict({"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin", "NAME=" + name]}, **more)


def order(name):
    return hook(name, "echo %s >> %s/order" % (name, rt.work))


def test_hooks():
    kinds = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
    hooks = {k: [order(k)] for k in kinds}
    hooks["startContainer"] = [{"path": "/bin/sh", "args": ["sh", "-c", "cat > /tmp/state; echo $NAME $PPID > /tmp/hook"], "env": ["NAME=inside"]}]
    rt.config("sh", "-c", "cat /tmp/hook; sleep 60", hooks=hooks)
    out = open(rt.work + "/out", "w+b")
    r = create("hk", stdout=out)
    check("create with hooks", r.returncode == 0, err(r))

    def ran():
        with open(rt.work + "/order") as f:
            return f.read().split()

    check("those of create have run", ran() == kinds[:3], ran())
    with open(rt.work + "/hook.createRuntime") as f:
        s = json.load(f)
    check("with the state on standard input", s["id"] == "hk" and s["status"] == "creating" and s["pid"] == pid_of() and
          s["bundle"] == rt.bundle and s["annotations"], s)
    r = rt.call("start", "hk")
    check("start with hooks", r.returncode == 0, err(r))
    check("poststart has run", ran() == kinds[:4], ran())
    with open(rt.bundle + "/rootfs/tmp/state") as f:
        s = json.load(f)
    check("startContainer ran inside, before the program", s["id"] == "hk" and s["status"] == "created", s)
    for _ in range(100):
        out.seek(0)
        got = out.read()
        if got:
            break
        time.sleep(0.02)
    check("with its own variables", got == b"inside 0\n", got)
    rt.call("kill", "hk", "9")
    rt.reap(pid_of())
    check("delete", rt.call("delete", "hk").returncode == 0)
    check("poststop has run", ran() == kinds, ran())
    with open(rt.work + "/hook.poststop") as f:
        s = json.load(f)
    check("when it was stopped", s["status"] == "stopped", s)
    os.unlink(rt.work + "/order")


def test_hooks_fail():
    for kind in ("prestart", "createRuntime", "createContainer"):
        rt.config("true", hooks={kind: [hook(kind, "echo it is broken >&2; exit 3")]})
        r = create("hf")
        check("create fails by %s" % kind, r.returncode == 1 and kind in err(r) and "it is broken" in err(r), err(r))
        check("and leaves nothing", rt.containers() == [] and not rt.left_over())
    rt.config("true", hooks={"prestart": [hook("slow", "sleep 20", timeout=1)]})
    start = time.monotonic()
    r = create("hf")
    check("a hook has its timeout", r.returncode == 1 and "timeout" in err(r) and time.monotonic() - start < 10, err(r))
    rt.config("true", hooks={"startContainer": [{"path": "/bin/false"}]})
    create("hf")
    r = rt.call("start", "hf")
    check("start fails by startContainer", r.returncode == 1 and "startContainer" in err(r), err(r))
    check("and the container has ended", rt.status("hf") == "stopped")
    delete("hf")
    rt.config("true", hooks={"poststart": [{"path": "/nowhere"}], "poststop": [{"path": "/nowhere"}]})
    create("hf")
    r = rt.call("start", "hf")
    check("a poststart hook that fails is a warning", r.returncode == 0 and "warning" in err(r), err(r))
    rt.reap(pid_of())
    r = rt.call("delete", "hf")
    check("so is a poststop hook", r.returncode == 0 and "warning" in err(r), err(r))


def test_descriptors():
    rt.config("sh", "-c", "cat <&3; echo into >&4; ls /proc/self/fd")
    with open(rt.work + "/in", "w") as f:
        f.write("from three\n")
    r_in = os.open(rt.work + "/in", os.O_RDONLY)
    r, w = os.pipe()
    other = os.open("/dev/null", os.O_RDONLY)
    out = open(rt.work + "/out", "w+b")

    def place():
        saved = [os.dup(fd) for fd in (r_in, w, other)]
        for i, fd in enumerate(saved):
            os.dup2(fd, 60 + i)
        for i in range(3):
            os.dup2(60 + i, 3 + i, inheritable=True)

    p = create("fd", "--preserve-fds", "2", stdout=out, preexec_fn=place, close_fds=False)
    check("create with descriptors", p.returncode == 0, err(p))
    os.close(w)
    rt.call("start", "fd")
    rt.reap(pid_of())
    out.seek(0)
    got = out.read().decode()
    check("they arrive as 3 and 4, and no other", got.split("\n")[:1] == ["from three"] and "4" in got.split() and "5" not in got.split()[2:-1] or
          got.split() == ["from", "three", "0", "1", "2", "3", "4"], got)
    check("what it writes comes out", os.read(r, 100) == b"into\n")
    check("nobody else holds them", os.read(r, 100) == b"")
    for fd in (r_in, r, other):
        os.close(fd)
    delete("fd")
    r, w = os.pipe()
    rt.config("sleep", "60")
    create("fd", preexec_fn=lambda: os.dup2(w, 30, inheritable=True), close_fds=False)
    os.close(w)
    rt.call("start", "fd")
    check("what was not asked for is not held", select.select([r], [], [], 5)[0] == [r])
    os.close(r)
    delete("fd")


def test_detached():
    """containerd's shim sets a death signal on the command it starts."""
    rt.config("sleep", "60")
    script = ("import ctypes, os, subprocess, sys\n"
              "def die():\n ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)\n"
              "r = subprocess.run(sys.argv[1:], preexec_fn=die, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)\n"
              "sys.exit(r.returncode)\n")
    r = subprocess.run([sys.executable, "-c", script, *rt.command("create", "--bundle", rt.bundle, "--pid-file", rt.work + "/pid", "dt")])
    check("a caller with a death signal", r.returncode == 0)
    r = subprocess.run([sys.executable, "-c", script, *rt.command("start", "dt")])
    time.sleep(0.1)
    check("takes nothing along", rt.status("dt") == "running")
    with open("/proc/%d/stat" % pid_of()) as f:
        ppid, _, sid = f.read().rsplit(")", 1)[1].split()[1:4]
    check("the monitor is the subreaper's child, in a session of its own", int(ppid) == os.getpid() and int(sid) == pid_of(), (ppid, sid))
    if os.geteuid():  # what follows is of a monitor that has more rights than its sentry
        delete("dt")
        return
    with open("/proc/%d/status" % pid_of()) as f:
        caps = {k: int(v, 16) for k, v in (line.split(":") for line in f if line.startswith("Cap"))}
    with open("/proc/%d/task/%d/children" % (pid_of(), pid_of())) as f:
        sentry = int(f.read())
    with open("/proc/%d/task/%d/children" % (sentry, sentry)) as f:
        stubs = f.read().split()
    open_ones = [p for p in stubs if re.search(r"^Seccomp:\t0$", open("/proc/%s/status" % p).read(), re.M)]
    # What its user may not look into is not his in /proc.
    theirs = [os.stat("/proc/%s/mem" % p).st_uid == os.stat("/proc/%s" % p).st_uid for p in open_ones]
    check("the sentry cannot look into what has no filter", theirs == [False], theirs)
    enter = ["nsenter", "-m", "-t", str(pid_of()), "/bin/cat"]
    r = subprocess.run([*enter, "/proc/1/comm"], capture_output=True, text=True)
    host = subprocess.run([*enter, "/proc/1/root" + os.path.abspath(__file__)], capture_output=True, text=True)
    check("who enters its mount namespace finds processes, and no way to the host", r.stdout == "picket-monitor\n" and host.returncode == 1 and not host.stdout,
          (r, host.stdout[:100]))
    if shutil.which("setpriv"):
        r = subprocess.run(["setpriv", "--bounding-set", "-all,+kill,+chown", "--", "ls", "/proc/%d/root/" % pid_of()], capture_output=True, text=True)
        check("another container's root in its pid namespace cannot look into it", r.returncode and "ermission denied" in r.stderr and not r.stdout, r)
    check("and may end the sentry, and nothing else", caps["CapEff"] == 1 << 5 and caps["CapPrm"] == 1 << 5 and caps["CapBnd"] == 0, caps)
    delete("dt")


def test_pidfd():
    rt.config("sleep", "60")
    path = rt.work + "/pidfd"
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen()
    r = create("pf", "--pidfd-socket", path)
    check("create --pidfd-socket", r.returncode == 0, err(r))
    c, _ = s.accept()
    _, fds, _, _ = socket.recv_fds(c, 100, 4)
    with open("/proc/self/fdinfo/%d" % fds[0]) as f:
        check("sends the pidfd", "Pid:\t%d" % pid_of() in f.read())
    delete("pf")
    check("which tells its end", select.select(fds, [], [], 5)[0] == fds)


def test_run():
    rt.config("sh", "-c", "echo hello; exit 5")
    r = rt.call("run", "--bundle", rt.bundle, "rn")
    check("run ends with the program's status", r.returncode == 5 and r.stdout == b"hello\n", r)
    check("and leaves nothing", rt.containers() == [])
    rt.config("nothing")
    r = rt.call("run", "--bundle", rt.bundle, "rn")
    check("a run that fails leaves nothing", r.returncode == 1 and rt.containers() == [], err(r))
    rt.config("sleep", "60")
    r = rt.call("run", "-d", "--bundle", rt.bundle, "--pid-file", rt.work + "/pid", "rn")
    check("run --detach leaves it behind", r.returncode == 0 and rt.status("rn") == "running")
    delete("rn")
    rt.config("sh", "-c", "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    p = subprocess.Popen(rt.command("run", "--bundle", rt.bundle, "rn"), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    p.stdout.readline()
    time.sleep(0.1)
    p.send_signal(signal.SIGTERM)
    out = p.stdout.read()
    check("run passes signals on", p.wait(10) == 9 and out == b"got\n", out)


def test_run_terminal():
    rt.config("sh", "-c", "tty; stty size; read x; echo got $x; exit 4", terminal=True)
    pid, master = pty.fork()
    if pid == 0:
        import fcntl, struct, termios
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
        os.execv(rt.program, rt.command("run", "--bundle", rt.bundle, "tt"))
    seen, end = b"", time.monotonic() + 15
    typed = False
    while time.monotonic() < end:
        if not select.select([master], [], [], 0.5)[0]:
            continue
        try:
            part = os.read(master, 4096)
        except OSError:
            break
        if not part:
            break
        seen += part
        if b"30 90" in seen and not typed:
            os.write(master, b"word\r")
            typed = True
    _, status = os.waitpid(pid, 0)
    check("run on a terminal", os.waitstatus_to_exitcode(status) == 4 and b"/dev/pts/0" in seen and b"30 90" in seen and b"got word" in seen, seen)
    os.close(master)
    delete("tt")


def test_list():
    rt.config("sleep", "60")
    check("an empty list", rt.call("list", "--format=json").stdout.strip() in (b"[]", b"null"))
    create("l2")
    create("l1")
    rt.call("start", "l1")
    v = json.loads(rt.call("list", "--format=json").stdout)
    check("list --format json", [(c["id"], c["status"]) for c in v] == [("l1", "running"), ("l2", "created")] and v[0]["bundle"] == rt.bundle, v)
    lines = rt.call("list").stdout.decode().splitlines()
    check("a table", lines[0].split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"] and len(lines) == 3 and
          lines[1].split()[0] == "l1" and lines[1].split()[2] == "running", lines)
    check("list -q", rt.call("list", "-q").stdout == b"l1\nl2\n")
    delete("l1")
    delete("l2")


def test_accepted():
    rt.config("true")
    r = create("ac", "--no-pivot", "--no-new-keyring")
    check("--no-pivot and --no-new-keyring are accepted", r.returncode == 0, err(r))
    delete("ac")
    for verb in ("checkpoint", "restore"):
        r = rt.call(verb, "--image-path", "/x", "-no-subreaper", "--work-path=/y", "ac")
        check("%s is refused in words" % verb, r.returncode == 1 and "not supported" in err(r), err(r))
    r = rt.call("nonsense")
    check("a verb that is not there", r.returncode != 0 and "nonsense" in err(r))
    r = rt.call("create", "--nonsense", "x")
    check("an option that is not there", r.returncode == 1 and "--nonsense" in err(r), err(r))
    check("--version", rt.call("--version").stdout.startswith(b"picket-runtime version"))
    check("a verb's --help", b"--pid-file" in rt.call("create", "--help").stdout)


def test_long_root():
    old = rt.root
    rt.root = rt.work + "/" + "/".join(["d" * 100] * 3)
    rt.config("sleep", "60")
    r = create("lr")
    check("a root with a long path", r.returncode == 0 and rt.call("start", "lr").returncode == 0 and rt.status("lr") == "running", err(r))
    delete("lr")
    rt.root = old


def test_hung():
    """A sentry that does not answer is ended by force, however often it is asked for."""
    rt.config("sleep", "60")
    create("hu")
    pid = pid_of()
    rt.call("start", "hu")
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        sentry = int(f.read().split()[0])
    os.kill(sentry, signal.SIGSTOP)
    end = time.monotonic() + 8
    while rt.status("hu") == "running" and time.monotonic() < end:
        rt.call("kill", "hu", "KILL")
        time.sleep(0.3)
    check("kill -9 again and again ends one that hangs", rt.status("hu") == "stopped")
    check("with the signal's status", rt.reap(pid) == 137)
    delete("hu")


def test_damaged():
    """A state that nobody understands: what it was is ended and removed all the same."""
    for text in ("", "{", "[]"):
        rt.config("sleep", "60")
        create("da")
        pid = pid_of()
        rt.call("start", "da")
        with open(rt.root + "/da/state.json", "w") as f:
            f.write(text)
        r = rt.call("state", "da")
        check("a damaged state is said to be that", r.returncode == 1 and "is damaged" in err(r), err(r))
        check("delete does not touch it", rt.call("delete", "da").returncode == 1 and rt.containers() == ["da"])
        r = rt.call("delete", "--force", "da")
        check("delete --force removes it", r.returncode == 0 and rt.containers() == [], err(r))
        check("and ends it", rt.reap(pid) == 137)


def test_deaths():
    """Whoever is killed, the rest ends, and delete clears away."""
    for what in ("monitor", "sentry"):
        for started in (False, True):
            rt.config("sleep", "60")
            create("de")
            pid = pid_of()
            if started:
                rt.call("start", "de")
            with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
                sentry = int(f.read().split()[0])
            os.kill(pid if what == "monitor" else sentry, signal.SIGKILL)
            status = rt.reap(pid)
            check("kill -9 of the %s of a %s one ends all" % (what, "running" if started else "created"),
                  status in (-9, 137) and rt.status("de") == "stopped", (status, rt.status("de")))
            end = time.monotonic() + 5
            while os.path.exists("/proc/%d" % sentry) and time.monotonic() < end:
                rt.reap_all()
                time.sleep(0.02)
            check("nothing of it runs", not os.path.exists("/proc/%d" % sentry))
            check("delete removes it", rt.call("delete", "de").returncode == 0 and rt.containers() == [])


def test_damaged():
    rt.config("sleep", "60")
    create("dm")
    with open(rt.root + "/dm/state.json", "w") as f:
        f.write('{"pid": ')
    r = rt.call("state", "dm")
    check("a damaged state is said", r.returncode == 1 and "damaged" in err(r), err(r))
    check("a list works all the same", rt.call("list").returncode == 0)
    check("delete --force removes it", rt.call("delete", "-f", "dm").returncode == 0 and rt.containers() == [])
    check("and ends what runs", not rt.left_over())


for name, test in list(globals().items()):
    if name.startswith("test_") and wanted in name:
        try:
            test()
        except Exception as e:
            check(name, False, repr(e))
rt.done()
