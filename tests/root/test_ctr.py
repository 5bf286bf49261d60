#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ctr and containerd's runc shim with picket-runtime as BinaryName: the same script prints what it prints with runc."""
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench  # noqa: E402
from bench import until  # noqa: E402

IMAGE = "docker.io/library/busybox:1"


REASONS = ("executable file not found in", "[Nn]o such file or directory", "[Pp]ermission denied")


class Script:
    """The script, under one runtime; what it prints is in self.lines."""

    def __init__(self, b, name, binary):
        self.b, self.name, self.binary, self.lines = b, name, binary, []
        self.seen = os.path.join(b.work, name + ".events")
        with open(self.seen, "w") as f:
            self.events = subprocess.Popen(b.ctr_argv("events"), stdout=f, stderr=subprocess.DEVNULL, env=b.environment())

    def say(self, text):
        self.lines.append(text)

    def clean(self, text):
        """What differs from run to run: ids, numbers of processes, times, the name of the runtime's program."""
        text = text.replace(self.binary, "RUNTIME").replace(self.name, "NAME")
        text = re.sub(r'time="[^"]*" ', "", text)
        # Which of the reasons that callers look for; the words around them are each runtime's own.
        for reason in REASONS:
            text = re.sub(r"ctr: failed to create shim task: .*%s.*" % reason, "ctr: no task: " + reason, text)
            text = re.sub(r"ctr: OCI runtime exec failed: .*%s.*" % reason, "ctr: no exec: " + reason, text)
        return text

    def step(self, title, *argv, input=None, timeout=30):
        try:
            p = self.b.ctr(*argv, check=False, input=input, timeout=timeout)
        except subprocess.TimeoutExpired as e:
            self.say("## %s: FAILED: not within %d s\n%s" % (title, timeout, self.clean((e.stdout or b"").decode(errors="replace"))))
            return None
        self.say("## %s: %d" % (title, p.returncode))
        self.say(self.clean(p.stdout + p.stderr).strip())
        return p

    def run(self, title, id, *command, options=(), **more):
        return self.step(title, "run", "--rm", "--runc-binary", self.binary, *options, IMAGE, self.id(id), *command, **more)

    def id(self, what):
        return self.name + "-" + what

    def detach(self, id, *command, options=()):
        return self.step("run -d " + id, "run", "-d", "--runc-binary", self.binary, *options, IMAGE, self.id(id), *command)

    def status(self, id):
        for line in self.b.ctr("task", "ls", check=False).stdout.splitlines():
            f = line.split()
            if f and f[0] == self.id(id):
                return f[2]
        return "none"

    def wait_status(self, id, status):
        until("%s is %s" % (id, status), lambda: self.status(id) == status)
        self.say("%s is %s" % (id, status))

    def drop(self, id):
        self.step("rm " + id, "task", "rm", "-f", self.id(id))
        self.step("container rm " + id, "container", "rm", self.id(id))

    def terminal(self, title, *argv, type=(), size=None, timeout=30):
        """ctr on a terminal of its own: what appears on it. type is [(wait for this text, then type that)]."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(self.b.program("ctr"), self.b.ctr_argv(*argv), self.b.environment())
        if size:
            import fcntl, struct, termios
            fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        seen, todo, end = b"", list(type), time.monotonic() + timeout
        while time.monotonic() < end:
            if select.select([fd], [], [], 0.2)[0]:
                try:
                    got = os.read(fd, 65536)
                except OSError:
                    break
                if not got:
                    break
                seen += got
            if todo and todo[0][0].encode() in seen:
                os.write(fd, todo.pop(0)[1].encode())
        else:
            os.kill(pid, 9)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        self.say("## %s: %d" % (title, status))
        # busybox' shell asks the terminal where its cursor is, and may draw its prompt again.
        text = re.sub(r"\x1b\[6n|\r/ # \x1b\[J", "", seen.decode(errors="replace").replace("\r\n", "\n"))
        self.say(self.clean(text).strip())


def first_programs(s):
    s.run("echo", "c1", "echo", "hello")
    s.run("status 7", "c2", "sh", "-c", "exit 7")
    s.run("signal", "c3", "sh", "-c", "kill -9 $$")
    s.run("term", "c3b", "sh", "-c", "kill -TERM $$; sleep 1")
    s.run("both outputs", "c4", "sh", "-c", "echo out; echo err >&2")
    s.run("input", "c5", "head", "-n", "2", input="some input\nmore\n")
    s.run("large input", "c5b", "sh", "-c", "head -c 300000 | wc -c", input="x" * 300000)
    s.run("no such program", "c6", "/nothing/here")
    s.run("not in PATH", "c7", "nothing-here")
    s.run("not executable", "c8", "/etc/passwd")
    s.run("environment", "c9", "sh", "-c", "echo $A $PATH; pwd; hostname; id", options=["--env", "A=b", "--cwd", "/tmp"])
    s.run("read-only root", "c11", "sh", "-c", "touch /x; echo $?", options=["--read-only"])
    s.run("capabilities", "c13", "grep", "^Cap[PEB]", "/proc/self/status")
    s.run("capability dropped", "c13b", "sh", "-c", "grep ^CapE /proc/self/status; chown 5 /tmp; echo $?", options=["--cap-drop", "CAP_CHOWN"])
    s.run("privileged", "c14", "sh", "-c", "grep ^CapE /proc/self/status", options=["--privileged"])
    s.run("no new privileges", "c15", "grep", "NoNewPrivs", "/proc/self/status")
    s.run("limits", "c16", "sh", "-c", "ulimit -n")
    s.run("mounts", "c17", "sh", "-c", "cut -d' ' -f2,3 /proc/mounts | grep -v -e cgroup -e '^/ ' -e /proc/acpi")
    s.run("devices", "c18", "sh", "-c", "ls /dev | tr '\\n' ' '")
    s.run("masked", "c19", "sh", "-c", "wc -c </proc/kcore; cat /proc/keys | wc -c; ls /proc/scsi /sys/firmware | wc -l; echo 1 >/proc/sys/kernel/hostname; echo $?")
    s.run("seccomp", "c20", "grep", "^Seccomp:", "/proc/self/status", options=["--seccomp"])
    s.run("written", "c21", "sh", "-c", "echo a >/etc/new; cat /etc/new; rm /etc/passwd; ls /etc; mkdir /d; chown 5:6 /d; stat -c '%u %g' /d")


# A shell without line editing, which would show a typed line in as many pieces as it comes in.
TYPED = "stty -echo; echo '#'; read -r line; eval \"$line\""


def kept_program(s):
    s.detach("d1", "sh", "-c", "trap 'echo got; exit 3' TERM; while :; do sleep 0.1; done")
    s.wait_status("d1", "RUNNING")
    s.step("exec", "task", "exec", "--exec-id", "e1", s.id("d1"), "echo", "inside")
    s.step("exec status", "task", "exec", "--exec-id", "e2", s.id("d1"), "sh", "-c", "exit 9")
    s.step("exec input", "task", "exec", "--exec-id", "e3", s.id("d1"), "cat", input="to the exec\n")
    s.step("exec both", "task", "exec", "--exec-id", "e4", s.id("d1"), "sh", "-c", "echo o; echo e >&2; exit 4")
    s.step("exec user, cwd", "task", "exec", "--exec-id", "e5", "--user", "1000", "--cwd", "/etc", s.id("d1"), "sh", "-c", "id; pwd")
    s.step("exec not there", "task", "exec", "--exec-id", "e6", s.id("d1"), "nothing-here")
    s.step("exec sees", "task", "exec", "--exec-id", "e7", s.id("d1"), "sh", "-c", "cat /proc/1/comm; ls /proc/1/fd | tr '\\n' ' '")
    s.terminal("exec on a terminal", "task", "exec", "-t", "--exec-id", "e8", s.id("d1"), "sh", "-c", "tty; sleep 0.2; stty size; echo end; sleep 0.2", size=(33, 99))
    s.terminal("typed", "task", "exec", "-t", "--exec-id", "e9", s.id("d1"), "sh", "-c", TYPED, type=[("#", "echo $((6*7)); sleep 0.2; exit 5\n")])
    s.step("exec -d", "task", "exec", "-d", "--exec-id", "e10", s.id("d1"), "sleep", "100")
    ps = s.b.ctr("task", "ps", s.id("d1"), check=False)
    rows = [r.split() for r in ps.stdout.splitlines()[1:]]
    s.say("ps: status %d, host processes %s" % (ps.returncode, bool(rows) and all(os.path.exists("/proc/" + r[0]) for r in rows)))
    s.step("exec -d killed", "task", "kill", "-s", "KILL", "--exec-id", "e10", s.id("d1"))
    s.step("pause", "task", "pause", s.id("d1"))
    s.wait_status("d1", "PAUSED")
    s.step("exec while paused", "task", "exec", "--exec-id", "e11", s.id("d1"), "true", timeout=30)
    s.step("resume", "task", "resume", s.id("d1"))
    s.wait_status("d1", "RUNNING")
    m = s.b.ctr("task", "metrics", s.id("d1"), check=False)
    found = dict((f.split() + [""])[:2] for f in m.stdout.splitlines() if f.strip())
    s.say("metrics: status %d, memory %s, cpu %s" % (m.returncode, int(found.get("memory.usage_in_bytes", "0") or 0) > 100000,
                                                      int(found.get("cpuacct.usage", "0") or 0) > 100000))
    if not s.name.startswith("runc"):
        p = s.b.ctr("task", "checkpoint", s.id("d1"), check=False)
        if p.returncode == 0 or "saved" not in p.stderr:
            s.say("checkpoint: %d %s" % (p.returncode, p.stderr))
    s.step("rm of what runs", "task", "rm", s.id("d1"))
    s.step("container rm of what runs", "container", "rm", s.id("d1"))
    s.step("kill TERM", "task", "kill", "-s", "TERM", s.id("d1"))
    s.wait_status("d1", "STOPPED")
    s.step("kill what ended", "task", "kill", "-s", "TERM", s.id("d1"))
    s.step("exec in what ended", "task", "exec", "--exec-id", "e12", s.id("d1"), "true")
    s.step("task rm", "task", "rm", s.id("d1"))
    s.step("container rm", "container", "rm", s.id("d1"))


def ends(s):
    s.detach("k1", "sleep", "1000")
    s.step("kill 9", "task", "kill", "-s", "KILL", s.id("k1"))
    s.wait_status("k1", "STOPPED")
    s.drop("k1")
    s.detach("k2", "sh", "-c", "sleep 1000 & sleep 1000")
    s.step("kill --all", "task", "kill", "--all", "-s", "KILL", s.id("k2"))
    s.wait_status("k2", "STOPPED")
    s.drop("k2")
    s.detach("k3", "sleep", "1000")
    s.drop("k3")
    s.step("same name", "run", "-d", "--runc-binary", s.binary, IMAGE, s.id("k5"), "sleep", "100")
    s.step("same name again", "run", "-d", "--runc-binary", s.binary, IMAGE, s.id("k5"), "sleep", "100")
    s.drop("k5")


# containerd may drop what a terminal's program writes just before it ends: none here ends at once.
def terminals(s):
    s.terminal("run -t", "run", "--rm", "-t", "--runc-binary", s.binary, IMAGE, s.id("t1"), "sh", "-c", "tty; test -t 0 && echo terminal; sleep 0.2; exit 6")
    s.terminal("run -t typed", "run", "--rm", "-t", "--runc-binary", s.binary, IMAGE, s.id("t2"), "sh", "-c", TYPED,
               type=[("#", "stty size; sleep 0.2; exit 2\n")], size=(31, 101))
    s.terminal("^C", "run", "--rm", "-t", "--runc-binary", s.binary, IMAGE, s.id("t3"), "sh", "-c", "trap 'echo INT; sleep 0.2; exit 8' INT; echo go; while :; do sleep 0.1; done",
               type=[("go", "\x03")])


def limits(s):
    s.run("memory", "m1", "sh", "-c", "tail /dev/zero; echo $?", options=["--memory-limit", str(48 << 20)], timeout=60)
    log = os.path.join(s.b.work, s.name + ".log")
    s.step("run -d with a log", "run", "-d", "--runc-binary", s.binary, "--log-uri", "file://" + log, IMAGE, s.id("l1"), "sh", "-c", "echo one; echo two")
    s.wait_status("l1", "STOPPED")
    s.say(open(log).read().strip())
    s.drop("l1")


def volumes(s):
    d = os.path.join(s.b.work, s.name + "-volume")
    os.mkdir(d)
    os.chmod(d, 0o777)
    mount = "type=bind,src=%s,dst=/v,options=rbind:%s"
    s.run("bind", "v1", "sh", "-c", "echo written >/v/file; mkdir /v/dir; chown 7:8 /v/dir; chmod 2751 /v/dir; ls -ln /v | awk '{print $1,$3,$4,$NF}'", options=["--mount", mount % (d, "rw")])
    st = os.stat(d + "/dir") if os.path.isdir(d + "/dir") else None
    s.say("on the host: %s %s" % (open(d + "/file").read().strip() if os.path.exists(d + "/file") else "none", st and (st.st_uid, st.st_gid, oct(st.st_mode))))
    s.run("bind ro", "v2", "sh", "-c", "cat /v/file; echo x >/v/file; echo $?", options=["--mount", mount % (d, "ro")])
    s.run("bind of a file", "v3", "cat", "/one", options=["--mount", "type=bind,src=%s/file,dst=/one,options=bind:ro" % d])
    s.run("tmpfs", "v4", "sh", "-c", "grep ' /t ' /proc/mounts | cut -d' ' -f1-3; echo x >/t/x && cat /t/x", options=["--mount", "type=tmpfs,src=tmpfs,dst=/t,options=size=1m"])
    s.run("not there", "v5", "true", options=["--mount", mount % (d + "/nothing", "rw")])


def events(s):
    s.detach("ev", "sleep", "100")
    s.step("exec", "task", "exec", "--exec-id", "e", s.id("ev"), "true")
    s.step("pause", "task", "pause", s.id("ev"))
    s.step("resume", "task", "resume", s.id("ev"))
    s.step("kill", "task", "kill", "-s", "KILL", s.id("ev"))
    s.wait_status("ev", "STOPPED")
    s.drop("ev")
    s.run("for events", "oom", "tail", "/dev/zero", options=["--memory-limit", str(48 << 20)], timeout=60)
    for id in ("ev", "oom"):
        def lines():
            return [line for line in open(s.seen) if '"container_id":"%s"' % s.id(id) in line]
        try:
            until("the last event", lambda: any("/tasks/delete" in line for line in lines()), 5)
        except AssertionError:
            pass
        s.say("## events: " + re.sub(r"(oom )+", "oom ", " ".join(re.search(r" /tasks/(\S+)", line).group(1) for line in lines())))


PARTS = (first_programs, kept_program, ends, terminals, limits, volumes, events)


def run_part(s, part, tell):
    s.lines, start = [], time.monotonic()
    try:
        part(s)
    except (AssertionError, subprocess.TimeoutExpired, OSError) as e:
        s.say("FAILED: %s" % e)
    if tell:
        print("%s %s: %.1f s" % (s.name, part.__name__, time.monotonic() - start), flush=True)
    return "\n".join(s.lines)


def run_all(b, binaries, part, suffix, tell):
    """{runtime: what the part printed}"""
    results = {}
    for name, binary in binaries.items():
        s = Script(b, name + suffix, binary)
        results[name] = run_part(s, part, tell)
        s.events.kill()
    return results


def main():
    bench.need("containerd", "ctr", "runc", "unshare", "ip", "cc")
    bench.enter()
    binaries = {"runc": "/usr/sbin/runc"}
    picket = bench.picket_runtime(sys.argv[1])
    if picket:
        binaries["picket"] = picket
    b, r = bench.Bench(binaries), bench.Report()
    wanted = [a for a in sys.argv[2:] if not a.startswith("-")]
    b.start()
    b.load("busybox:1")
    for part in PARTS:
        if wanted and part.__name__ not in wanted:
            continue
        results = run_all(b, binaries, part, "", "-v" in sys.argv)
        if len(set(results.values())) > 1 or "FAILED" in results["runc"]:
            # On a busy machine ctr loses the output of a program that ends at once, whatever the runtime is: twice it does not.
            results = run_all(b, binaries, part, "-again", "-v" in sys.argv)
        good = "FAILED" not in results["runc"]
        r.ok("runc: " + part.__name__, good, "" if good else results["runc"])
        if picket:
            r.same("picket-runtime: " + part.__name__, results["runc"], results["picket"])
    left = bench.nothing_left()
    r.ok("nothing is left", not left, left)
    b.stop()
    r.end()


if __name__ == "__main__":
    main()
