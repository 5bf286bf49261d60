#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Docker's engine with `runtimes.picket`: the same script prints what it prints with runc. PICKET_DOCKER is a directory with its programs if they
are not this machine's own."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench  # noqa: E402
from bench import until  # noqa: E402

MIB = 1 << 20
BRIDGE, SUBNET = "pkdocker0", "10.94.9"


def page(url):
    try:
        return urllib.request.urlopen(url, timeout=5).read().decode().strip()
    except OSError as e:
        return str(e)


class Docker:
    def __init__(self, runtime):
        self.work = os.environ["PICKET_BENCH_WORK"]
        self.path = "/usr/sbin:/usr/bin:/sbin:/bin"
        if os.environ.get("PICKET_DOCKER"):
            self.path = os.environ["PICKET_DOCKER"] + ":" + self.path
        self.socket = os.path.join(self.work, "docker.sock")
        self.environment = {"PATH": self.path, "HOME": self.work, "LANG": "C.UTF-8", "DOCKER_HOST": "unix://" + self.socket}
        self.runtime, self.process = runtime, None

    def program(self, name):
        return shutil.which(name, path=self.path)

    def start(self):
        for words in (["link", "add", BRIDGE, "type", "bridge"], ["addr", "add", SUBNET + ".1/24", "dev", BRIDGE], ["link", "set", BRIDGE, "up"]):
            subprocess.run(["ip", *words], check=True)
        config = {"runtimes": {"picket": {"path": self.runtime}}, "bridge": BRIDGE, "iptables": False, "ip6tables": False, "ip-masq": False,
                  "data-root": self.work + "/data", "exec-root": self.work + "/exec", "pidfile": self.work + "/dockerd.pid",
                  "hosts": ["unix://" + self.socket], "storage-driver": "vfs", "cgroup-parent": "/" + bench.group(),
                  "exec-opts": ["native.cgroupdriver=cgroupfs"], "default-shm-size": "8M"}
        with open(self.work + "/daemon.json", "w") as f:
            json.dump(config, f)
        with open(self.work + "/dockerd.log", "w") as log:
            self.process = subprocess.Popen([self.program("dockerd"), "--config-file", self.work + "/daemon.json"], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self.environment)
        until("dockerd answers", lambda: self.docker("version").returncode == 0 or self.process.poll() is not None, 30)
        if self.process.poll() is not None:
            bench.skip("dockerd does not run here: " + open(self.work + "/dockerd.log").read()[-300:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # What dockerd itself leaves mounted.
        for mount in (self.work + "/exec/netns/default", self.work + "/data"):
            subprocess.run(["umount", mount], stderr=subprocess.DEVNULL)

    def docker(self, *argv, timeout=30, input=None):
        return subprocess.run([self.program("docker"), *argv], capture_output=True, text=True, errors="replace", timeout=timeout, env=self.environment,
                              **({"input": input} if input is not None else {"stdin": subprocess.DEVNULL}))

    def image(self):
        tree = self.work + "/tree"
        for d in ("bin", "etc", "tmp"):
            os.makedirs(os.path.join(tree, d))
        shutil.copy(shutil.which("busybox"), tree + "/bin/busybox")
        for name in subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
            if name != "busybox":
                os.symlink("busybox", os.path.join(tree, "bin", name))
        with open(tree + "/etc/passwd", "w") as f:
            f.write("root:x:0:0::/:/bin/sh\nwww:x:33:33::/:/bin/sh\n")
        with open(tree + "/etc/group", "w") as f:
            f.write("root:x:0:\nwww:x:33:\nfive:x:5:\n")
        tar = subprocess.run(["tar", "-C", tree, "-c", "."], capture_output=True, check=True).stdout
        subprocess.run([self.program("docker"), "import", "-", "bb"], input=tar, env=self.environment, check=True, capture_output=True)


class Script:
    def __init__(self, d, name):
        self.d, self.name, self.lines = d, name, []

    def clean(self, text):
        text = text.replace("runc create failed: unable to start container process: ", "").replace(self.name, "NAME")
        text = re.sub(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b", "ID", text)
        return "\n".join(line for line in text.strip().splitlines() if "error waiting for container" not in line)

    def step(self, title, *argv, input=None, timeout=30, sort=False):
        try:
            p = self.d.docker(*argv, input=input, timeout=timeout)
        except subprocess.TimeoutExpired:
            self.lines.append("## %s: FAILED: not within %d s" % (title, timeout))
            return None
        out = self.clean(p.stdout) + "\n" + self.clean(p.stderr)
        self.lines.append("## %s: %d" % (title, p.returncode))
        self.lines.append("\n".join(sorted(out.splitlines())) if sort else out.strip())
        return p

    def run(self, title, *argv, **more):
        self.step(title, "run", "--rm", "--runtime", self.name, *argv, **more)

    def inspect(self, name, template):
        return self.d.docker("inspect", name, "--format", template).stdout.strip()

    def note(self, title, value):
        self.lines.append("%s: %s" % (title, value))

    def everything(self):
        c = "c-" + self.name
        vol = os.path.join(self.d.work, "vol-" + self.name)
        os.makedirs(vol)
        self.step("run -d", "run", "-d", "--name", c, "--runtime", self.name, "-m", "128m", "--memory-swap", "128m", "--cpus", "0.5", "--pids-limit", "40",
                  "-v", vol + ":/vol", "-e", "A=b", "--health-cmd", "test -f /tmp/ok", "--health-interval", "500ms", "--health-retries", "1",
                  "-p", "127.0.0.1:18080:80", "bb", "sh", "-c",
                  'trap "echo term; exit 5" TERM; touch /tmp/ok; echo hello; echo to err >&2; mkdir /w; echo page > /w/index.html; httpd -p 80 -h /w; '
                  "echo $A > /vol/out; while :; do sleep 0.1; done")
        self.step("health", "inspect", c, "--format", "{{.State.Status}}")
        try:
            until("healthy", lambda: self.inspect(c, "{{.State.Health.Status}}") == "healthy", 10)
        except AssertionError as e:
            self.note("health", e)
        self.step("logs", "logs", c, sort=True)
        self.note("volume", open(vol + "/out").read().strip() if os.path.exists(vol + "/out") else None)
        self.step("exec", "exec", c, "sh", "-c", "echo in; id -u; exit 4")
        self.step("exec as another", "exec", "-u", "www", "-w", "/tmp", "-e", "X=y", c, "sh", "-c", "id; pwd; echo $X")
        self.step("exec -i", "exec", "-i", c, "cat", input="typed\n")
        self.step("exec of nothing", "exec", c, "nosuch")
        self.note("top", self.d.docker("top", c).stdout.splitlines()[:1])
        stats = self.d.docker("stats", "--no-stream", "--format", "{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}", c).stdout
        self.note("stats", bool(re.match(r"\S+ [\d.]+% [\d.]+[KM]iB / [\d.]+MiB \d+", stats)) or stats)
        address = self.inspect(c, "{{.NetworkSettings.IPAddress}}")
        for url in ("http://127.0.0.1:18080/", "http://%s/" % address):
            self.note("page", page(url))
        self.step("update", "update", "-m", "200m", "--memory-swap", "200m", "--cpus", "0.25", "--pids-limit", "60", c)
        self.groups(c)
        with open(self.d.work + "/in", "w") as f:
            f.write("copied\n")
        self.step("cp in", "cp", self.d.work + "/in", c + ":/w/cpin")
        self.step("cat", "exec", c, "cat", "/w/cpin")
        self.step("diff", "diff", c, sort=True)
        self.step("pause", "pause", c)
        self.note("status", self.inspect(c, "{{.State.Status}}"))
        self.step("exec while paused", "exec", c, "true")
        self.step("unpause", "unpause", c)
        self.step("stop", "stop", "-t", "5", c)
        self.note("ended", self.inspect(c, "{{.State.ExitCode}} {{.State.Status}}"))
        self.step("start", "start", c)
        self.step("restart", "restart", "-t", "3", c)
        self.step("kill", "kill", c)
        self.note("killed", self.inspect(c, "{{.State.ExitCode}}"))
        self.step("rm", "rm", c)
        self.alone()
        self.together()

    def groups(self, c):
        id, extra = self.inspect(c, "{{.Id}}"), self.name == "picket"
        for d, file, more in (("memory", "memory.limit_in_bytes", 64 * MIB), ("cpu", "cpu.cfs_quota_us", 0), ("pids", "pids.max", 0)):
            path = "/sys/fs/cgroup/%s/%s/%s/%s" % (d, bench.group(), id, file)
            if not os.path.exists(path):
                self.note(file, "not on this host")
                continue
            value = int(open(path).read()) - (more if extra else 0)
            self.note(file, (value - 256) // 2 if extra and d == "pids" else value)

    def alone(self):
        self.run("terminal", "-t", "bb", "sh", "-c", "tty; echo end")
        self.run("init", "--init", "bb", "sh", "-c", "grep -c . /proc/1/comm; exit 7")
        self.run("not found", "bb", "nosuch")
        self.run("not executable", "bb", "/etc/passwd")
        self.run("user", "-u", "33:44", "--group-add", "5", "bb", "id")
        self.run("read only", "--read-only", "--tmpfs", "/run:size=1m", "bb", "sh", "-c", "touch /x; touch /run/y && echo ok; df -k /run | tail -1", sort=True)
        self.run("network none", "--network", "none", "bb", "ip", "-o", "link")
        self.run("network host", "--network", "host", "bb", "sh", "-c", "ip -o link | grep -c %s:" % BRIDGE)
        self.run("limits", "--ulimit", "nofile=100:200", "--sysctl", "net.ipv4.ip_forward=1", "--hostname", "hh", "--shm-size", "8m", "bb", "sh", "-c",
                 "ulimit -n; cat /proc/sys/net/ipv4/ip_forward; hostname; df -k /dev/shm | tail -1")
        self.run("no capabilities", "--cap-drop", "ALL", "bb", "sh", "-c", "grep Cap /proc/self/status; chown 5 /tmp")
        self.run("no new privileges", "--security-opt", "no-new-privileges", "bb", "grep", "NoNewPrivs", "/proc/self/status")
        self.run("status", "bb", "sh", "-c", "kill -9 $$")
        self.run("out of memory", "-m", "32m", "--memory-swap", "32m", "bb", "sh", "-c", "dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null; echo dd $?")

    def together(self):
        o = "o-" + self.name
        self.step("oom", "run", "--name", o, "--runtime", self.name, "-m", "32m", "--memory-swap", "32m", "bb", "sh", "-c",
                  "exec dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null")
        self.note("oom", self.inspect(o, "{{.State.OOMKilled}} {{.State.ExitCode}}"))
        self.step("rm", "rm", o)
        self.step("write", "run", "--name", o, "--runtime", self.name, "bb", "sh", "-c", "echo data > /data; chown 33:44 /data; chmod 640 /data")
        self.step("commit", "commit", o, "again-" + self.name)
        self.run("committed", "again-" + self.name, "stat", "-c", "%a %u %g %s", "/data")
        self.step("rm", "rm", o)
        self.step("rmi", "rmi", "--force", "again-" + self.name, sort=True)
        self.step("one", "run", "-d", "--name", o, "--runtime", self.name, "bb", "sleep", "60")
        self.run("network of another", "--network", "container:" + o, "bb", "sh", "-c", "ip -4 addr show eth0 | grep -c inet")
        self.step("rm -f", "rm", "-f", o)
        self.step("restart policy", "run", "-d", "--name", o, "--restart", "on-failure:2", "--runtime", self.name, "bb", "sh", "-c", "exit 3")
        try:
            until("restarts", lambda: self.inspect(o, "{{.RestartCount}} {{.State.ExitCode}} {{.State.Status}}") == "2 3 exited", 15)
        except AssertionError:
            self.note("restarts", self.inspect(o, "{{.RestartCount}} {{.State.ExitCode}} {{.State.Status}}"))
        self.step("rm -f", "rm", "-f", o)


def main():
    bench.enter()
    bench.need("runc", "busybox", "ip")
    runtime = bench.picket_runtime(sys.argv[1])
    if not runtime:
        bench.skip("picket-runtime is not built")
    d, report, seen = Docker(runtime), bench.Report(), {}
    if not d.program("dockerd") or not d.program("docker"):
        bench.skip("dockerd is missing")
    os.chmod(d.work, 0o711)
    d.start()
    try:
        d.image()
        for name in ("runc", "picket"):
            s = Script(d, name)
            try:
                s.everything()
            except Exception as e:
                s.lines.append("FAILED: %r" % e)
            seen[name] = "\n".join(s.lines)
        left = d.docker("ps", "-aq").stdout.split()
        if left:
            report.ok("no container hangs", False, left)
            d.process.kill()
    finally:
        d.stop()
    report.same("what docker shows with picket is what it shows with runc", seen["runc"], seen["picket"])
    report.ok("nothing is left", not bench.nothing_left(), bench.nothing_left())
    report.end()


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    main()
