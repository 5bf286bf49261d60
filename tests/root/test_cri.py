#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pods through the container runtime interface, as the kubelet makes them: the same script under runc and under picket-runtime."""
import glob
import json
import os
import re
import signal
import socket
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench  # noqa: E402
import cri  # noqa: E402
from bench import until  # noqa: E402

IMAGE = "docker.io/library/busybox:1"
MIB = 1 << 20


class Pod:
    """A pod: its sandbox, its containers, its logs."""

    def __init__(self, s, name, host_network=False, **fields):
        self.s, self.name, self.client, self.pb = s, name, s.client, s.client.pb
        self.logs = os.path.join(s.b.work, "logs", s.name, name)
        self.uid = "%s-%s" % (s.name, name)
        mode = self.pb.NODE if host_network else self.pb.POD
        self.namespaces = self.pb.NamespaceOption(network=mode, pid=self.pb.CONTAINER, ipc=self.pb.POD)
        linux = fields.pop("linux", {})
        security = fields.pop("security", {})
        self.config = self.pb.PodSandboxConfig(
            metadata=self.pb.PodSandboxMetadata(name=name, uid=self.uid, namespace="test"), log_directory=self.logs,
            hostname="" if host_network else fields.pop("hostname", name),
            linux=self.pb.LinuxPodSandboxConfig(
                cgroup_parent="/%s/kubepods/burstable/pod%s" % (bench.group(), self.uid), **linux,
                security_context=self.pb.LinuxSandboxSecurityContext(namespace_options=self.namespaces, **security)), **fields)
        self.id = self.client.RunPodSandbox(config=self.config, runtime_handler=s.handler).pod_sandbox_id
        self.containers = []
        s.pods.append(self)

    def create(self, name, *command, attempt=0, security=None, resources=None, **fields):
        pb = self.pb
        security = dict(security or {})
        security.setdefault("namespace_options", self.namespaces)
        resources = pb.LinuxContainerResources(**dict({"cpu_shares": 102, "oom_score_adj": 900}, **(resources or {})))
        config = pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=name, attempt=attempt), image=pb.ImageSpec(image=IMAGE), command=command,
            log_path="%s/%d.log" % (name, attempt), **fields,
            linux=pb.LinuxContainerConfig(resources=resources, security_context=pb.LinuxContainerSecurityContext(**security)))
        os.makedirs(os.path.join(self.logs, name), exist_ok=True)
        id = self.client.CreateContainer(pod_sandbox_id=self.id, config=config, sandbox_config=self.config).container_id
        self.containers.append(id)
        return id

    def run(self, name, *command, **more):
        id = self.create(name, *command, **more)
        self.client.StartContainer(container_id=id)
        return id

    def finish(self, name, *command, seconds=20, **more):
        """Run a container to its end: (status, what it wrote, both outputs in the order in which they were written)."""
        if command[:2] == ("sh", "-c"):
            command = ("sh", "-c", "exec 2>&1; " + command[2], *command[3:])
        id = self.run(name, *command, **more)
        until("%s ends" % name, lambda: self.client.state(id)[0] == "EXITED", seconds)
        return self.client.state(id)[1], self.text(name, more.get("attempt", 0))

    def log(self, name, attempt=0):
        path = os.path.join(self.logs, name, "%d.log" % attempt)
        return open(path).read() if os.path.exists(path) else ""

    def text(self, name, attempt=0):
        """What a container wrote: the words behind time, stream and tag."""
        return "\n".join(line.split(" ", 3)[3] for line in self.log(name, attempt).splitlines())

    def ip(self):
        return self.client.PodSandboxStatus(pod_sandbox_id=self.id).status.network.ip

    def remove(self):
        self.client.StopPodSandbox(pod_sandbox_id=self.id)
        self.client.RemovePodSandbox(pod_sandbox_id=self.id)


class Script:
    def __init__(self, b, name, binary, client):
        self.b, self.name, self.binary, self.client, self.handler = b, name, binary, client, name
        self.lines, self.pods = [], []

    def say(self, text):
        self.lines.append(re.sub(r"\b[0-9a-f]{64}\b", "ID", str(text)))

    def tell(self, title, result):
        self.say("%s: %s" % (title, result))

    def sync(self, title, id, *argv, timeout=20):
        status, out, err = self.client.exec_sync(id, *argv, timeout=timeout)
        self.say("%s: %d %r %r" % (title, status, out, err))

    def refused(self, title, call, *words):
        """A call that must fail: which of the words its text has."""
        try:
            call()
            self.say(title + ": done")
        except cri.Error as e:
            self.say("%s: %s %s" % (title, e.code, [w for w in words if re.search(w, e.text)] or e.text))

    def end_part(self):
        for p in self.pods:
            try:
                p.remove()
            except cri.Error as e:
                self.say("remove %s: %s" % (p.name, e))
        self.pods = []


SERVER = "mkdir /www; echo served by $0 >/www/index.html; exec httpd -f -p %d -h /www"


def get(url):
    with urllib.request.urlopen(url, timeout=5) as r:
        return r.read().decode().strip()


def answers(url):
    def once():
        try:
            return get(url)
        except OSError:
            return None
    return until(url, once, 10)


def pods(s):
    """Two containers of a pod, their network and volume; probes; restart."""
    shared = os.path.join(s.b.work, s.name + "-shared")
    os.mkdir(shared)
    os.chmod(shared, 0o777)
    p = Pod(s, "pair", labels={"app": "x"}, annotations={"a": "b"},
            dns_config=s.client.pb.DNSConfig(servers=["10.0.0.10"], searches=["svc.local"], options=["ndots:5"]))
    volume = [s.client.pb.Mount(container_path="/shared", host_path=shared)]
    hosts = os.path.join(s.b.work, s.name + "-hosts")
    with open(hosts, "w") as f:
        f.write("127.0.0.1 localhost\n10.1.2.3 aliased\n")
    web = p.run("web", "sh", "-c", SERVER % 80, mounts=volume + [s.client.pb.Mount(container_path="/etc/hosts", host_path=hosts)])
    side = p.run("side", "sh", "-c", "trap 'exit 0' TERM; echo from side >/shared/note; while :; do sleep 0.1; done", mounts=volume)
    s.tell("ready", s.client.PodSandboxStatus(pod_sandbox_id=p.id).status.state)
    s.tell("address", re.sub(r"\d+$", "N", p.ip()))
    s.tell("http probe", answers("http://%s:80/" % p.ip()))
    s.sync("localhost of the pod", side, "wget", "-qO-", "http://127.0.0.1:80/")
    s.sync("own address", side, "wget", "-qO-", "http://%s:80/" % p.ip())
    s.sync("the other's file", web, "cat", "/shared/note")
    s.tell("on the node", open(shared + "/note").read())
    s.sync("host name", web, "hostname")
    s.sync("resolv.conf", web, "cat", "/etc/resolv.conf")
    s.sync("hosts", web, "cat", "/etc/hosts")
    s.sync("interfaces", web, "sh", "-c", "ls /sys/class/net | tr '\\n' ' '; ip -o -4 addr show eth0 | grep -c %s" % p.ip())
    s.sync("routes", web, "sh", "-c", "ip route | sed 's/ src.*//' | sort")
    s.sync("processes", side, "sh", "-c", "cat /proc/1/comm; ls /proc | grep -c httpd")
    s.sync("to the node", web, "sh", "-c", "ping -c1 -W5 %s | grep -c '1 packets received'" % bench.GATEWAY)
    listener = socket.create_server((bench.GATEWAY, 8099))
    threading.Thread(target=lambda: listener.accept()[0].sendall(b"from the node\n"), daemon=True).start()
    s.sync("a connection to the node", web, "nc", bench.GATEWAY, "8099")
    listener.close()
    q = Pod(s, "other")
    other = q.run("main", "sleep", "1000")
    s.sync("from another pod", other, "wget", "-qO-", "http://%s:80/" % p.ip())
    # exec probes
    s.sync("probe ok", side, "cat", "/shared/note")
    s.sync("probe fails", side, "sh", "-c", "echo no >&2; exit 3")
    s.refused("probe too slow", lambda: s.client.exec_sync(side, "sleep", "100", timeout=1), "DeadlineExceeded", "timeout 1s exceeded", "timed out")
    s.refused("probe not there", lambda: s.client.exec_sync(side, "/nothing"), "[Nn]o such file or directory", "executable file not found")
    s.refused("probe not in PATH", lambda: s.client.exec_sync(side, "nothing"), "executable file not found in")
    until("the slow probe is gone", lambda: "sleep 100" not in s.client.exec_sync(side, "ps")[1] or s.client.exec_sync(side, "ps"))
    s.sync("large output", side, "sh", "-c", "head -c 1000000 /dev/zero | wc -c; head -c 100000 /dev/zero | tr '\\0' x | md5sum")
    # restart of one
    s.client.StopContainer(container_id=side, timeout=5)
    s.tell("stopped", s.client.state(side))
    again = p.run("side", "sh", "-c", "cat /shared/note; sleep 1000", attempt=1, mounts=volume)
    s.tell("again", until("its line", lambda: p.text("side", 1)))
    s.tell("state", s.client.state(again))
    s.tell("still served", answers("http://%s:80/" % p.ip()))


def stopping(s):
    p = Pod(s, "stops")
    quick = p.run("quick", "sh", "-c", "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.1; done")
    until("up", lambda: "up" in p.text("quick"))
    s.client.StopContainer(container_id=quick, timeout=10)
    s.tell("within the grace period", s.client.state(quick))
    until("its word", lambda: "bye" in p.text("quick"))
    deaf = p.run("deaf", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done")
    until("up", lambda: "up" in p.text("deaf"))
    start = time.monotonic()
    s.client.StopContainer(container_id=deaf, timeout=1)
    s.tell("after it", (s.client.state(deaf), 0.9 < time.monotonic() - start < 8))
    now = p.run("now", "sleep", "1000")
    s.client.StopContainer(container_id=now, timeout=0)
    s.tell("at once", s.client.state(now))
    s.tell("ends by itself", p.finish("self", "sh", "-c", "exit 42"))
    s.client.StopContainer(container_id=now, timeout=0)
    s.tell("stopped twice", s.client.state(now))
    s.refused("exec in it", lambda: s.client.exec_sync(now, "true"), "is in CONTAINER_EXITED state")
    s.client.RemoveContainer(container_id=now)
    s.refused("status of a removed one", lambda: s.client.state(now), "not found")
    waiting = p.create("waiting", "true")
    s.tell("created", s.client.state(waiting))
    s.client.RemoveContainer(container_id=waiting)
    s.refused("no such program", lambda: p.run("none", "/nothing"), "[Nn]o such file or directory")
    s.client.StopPodSandbox(pod_sandbox_id=p.id)
    s.tell("pod", s.client.PodSandboxStatus(pod_sandbox_id=p.id).status.state)


def logs(s):
    p = Pod(s, "logs")
    id = p.run("log", "sh", "-c", "echo out; echo err >&2; printf partial; sleep 0.5; echo; i=0; while sleep 0.1; do i=$((i+1)); echo line; done")
    until("lines", lambda: p.text("log").count("line") > 1)
    head = p.log("log").splitlines()
    s.tell("form", all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[-+]\d\d:\d\d) (stdout|stderr) [FP] ", line) for line in head))
    s.tell("streams", sorted(set(line.split(" ", 3)[1] + " " + line.split(" ", 3)[3] for line in head)))
    # Rotation, as the kubelet does it: rename, then reopen.
    path = os.path.join(p.logs, "log", "0.log")
    os.rename(path, path + ".1")
    s.client.ReopenContainerLog(container_id=id)
    until("lines in the new file", lambda: p.text("log").count("line") > 1)
    size = os.path.getsize(path + ".1")
    time.sleep(0.3)
    s.tell("the old one rests", size == os.path.getsize(path + ".1"))
    long = p.finish("long", "sh", "-c", "head -c 40000 /dev/zero | tr '\\0' x; echo; echo end")[1]
    s.tell("a long line", (len(long), [line.split(" ", 3)[2] for line in p.log("long").splitlines()]))


def resources(s):
    p = Pod(s, "resources")
    id = p.run("main", "sh", "-c", "while :; do :; done", resources={"memory_limit_in_bytes": 100 * MIB, "cpu_quota": 20000, "cpu_period": 100000})
    time.sleep(1.2)
    c = s.client.ContainerStats(container_id=id).stats
    s.tell("cpu is counted, and limited", 100e6 < c.cpu.usage_core_nano_seconds.value < 600e6)
    s.tell("memory is counted", 0 < c.memory.working_set_bytes.value < 100 * MIB)
    try:
        w = s.client.PodSandboxStats(pod_sandbox_id=p.id).stats.linux
        s.tell("of the pod", (len(w.containers), w.network.default_interface.name, w.memory.working_set_bytes.value > 0, w.process.process_count.value > 0))
    except cri.Error as e:
        s.say(e.code)
    s.client.UpdateContainerResources(container_id=id, linux=s.client.pb.LinuxContainerResources(memory_limit_in_bytes=64 * MIB, cpu_quota=50000, cpu_period=100000, cpu_shares=200))
    dirs = bench.group_dirs("%s/kubepods/burstable/pod%s/%s" % (bench.group(), p.uid, id))
    s.tell("groups", sorted(os.path.relpath(d, "/sys/fs/cgroup").split("/")[0] for d in dirs))
    for file in ("cpu.cfs_quota_us", "cpu.shares", "cpu.max"):
        for d in dirs:
            if os.path.exists(d + "/" + file):
                s.tell(file, open(d + "/" + file).read().strip())
    # Above the container's own limit there is room for the sentry.
    for d in dirs:
        for file in ("memory.limit_in_bytes", "memory.max"):
            if os.path.exists(d + "/" + file):
                s.tell("memory", 64 * MIB <= int(open(d + "/" + file).read()) <= 128 * MIB)
    info = json.loads(s.client.ContainerStatus(container_id=id, verbose=True).info["info"])
    s.tell("its process is in the group", id in open("/proc/%d/cgroup" % info["pid"]).read())
    s.sync("what it sees of its limit", id, "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max")


def out_of_memory(s):
    p = Pod(s, "oom")
    id = p.run("hog", "sh", "-c", "exec tail /dev/zero", resources={"memory_limit_in_bytes": 40 * MIB})
    until("it ends", lambda: s.client.state(id)[0] == "EXITED", 40)
    until("the reason", lambda: s.client.state(id)[2] != "Error" or time.sleep(1) or True, 5)
    s.tell("out of memory", s.client.state(id))
    again = p.run("hog", "sleep", "1000", attempt=1, resources={"memory_limit_in_bytes": 40 * MIB})
    s.sync("after the restart", again, "echo", "well")
    child = p.run("child", "sh", "-c", "exec 2>/dev/null; tail /dev/zero; echo the child ended with $?; sleep 1000", resources={"memory_limit_in_bytes": 40 * MIB})
    s.tell("a child", until("its line", lambda: p.text("child"), 40))
    s.tell("goes on", s.client.state(child))


def security(s):
    pb = s.client.pb
    p = Pod(s, "security", security={"privileged": True})
    who = "id; grep -E '^(Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status"
    s.tell("as it comes", p.finish("plain", "sh", "-c", who))
    s.tell("user", p.finish("user", "sh", "-c", who, security={"run_as_user": pb.Int64Value(value=1000), "run_as_group": pb.Int64Value(value=2000)}))
    s.tell("user by name", p.finish("name", "sh", "-c", "id", security={"run_as_username": "guest"}))
    s.tell("groups", p.finish("groups", "id", security={"run_as_user": pb.Int64Value(value=1000), "supplemental_groups": [3000, 4000]}))
    s.tell("capabilities", p.finish("caps", "sh", "-c", who + "; chown 1 /tmp; echo $?", security={"capabilities": pb.Capability(add_capabilities=["NET_ADMIN"], drop_capabilities=["CHOWN"])}))
    s.tell("none", p.finish("nocaps", "sh", "-c", who, security={"capabilities": pb.Capability(drop_capabilities=["ALL"]), "no_new_privs": True}))
    s.tell("read-only", p.finish("ro", "sh", "-c", "touch /x; echo $?; touch /dev/shm/x; echo $?", security={"readonly_rootfs": True}))
    s.tell("seccomp", p.finish("seccomp", "sh", "-c", "grep ^Seccomp: /proc/self/status; unshare -U true; echo $?; mkdir /a; echo $?",
                               security={"seccomp": pb.SecurityProfile(profile_type=pb.SecurityProfile.RuntimeDefault)}))
    profile = os.path.join(s.b.work, "profile.json")
    with open(profile, "w") as f:
        json.dump({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}, f)
    s.tell("own seccomp", p.finish("own", "sh", "-c", "mkdir /a; echo $?", security={
        "seccomp": pb.SecurityProfile(profile_type=pb.SecurityProfile.Localhost, localhost_ref=profile)}))
    s.tell("unconfined", p.finish("unconfined", "sh", "-c", "grep ^Seccomp: /proc/self/status", security={
        "seccomp": pb.SecurityProfile(profile_type=pb.SecurityProfile.Unconfined)}))
    s.tell("privileged", p.finish("privileged", "sh", "-c", who + "; touch /proc/sys/kernel/domainname; echo $?", security={"privileged": True}))
    s.tell("masked", p.finish("masked", "sh", "-c", "cat /proc/timer_list | wc -c; echo x >/proc/sys/kernel/domainname; echo $?",
                              security={"masked_paths": ["/proc/timer_list"], "readonly_paths": ["/proc/sys"]}))
    s.tell("environment", p.finish("env", "sh", "-c", "echo $A; pwd", envs=[pb.KeyValue(key="A", value="b c")], working_dir="/var"))
    s.tell("arguments", p.finish("args", "sh", args=["-c", "echo $0 $1", "zero", "one"]))


def odd_pods(s):
    pb = s.client.pb
    p = Pod(s, "sysctls", linux={"sysctls": {"net.ipv4.ip_local_port_range": "40000 40100", "kernel.shm_rmid_forced": "1"}})
    s.tell("sysctls", p.finish("main", "sh", "-c", "cat /proc/sys/net/ipv4/ip_local_port_range"))
    h = Pod(s, "hostnet", host_network=True)
    id = h.run("main", "sh", "-c", SERVER % 8098)
    s.tell("host network", answers("http://127.0.0.1:8098/"))
    s.sync("its interfaces", id, "sh", "-c", "ls /sys/class/net | grep -c pkbench0; ip -o -4 addr show | grep -c %s" % bench.GATEWAY)
    message = os.path.join(s.b.work, s.name + "-message")
    open(message, "w").close()
    os.chmod(message, 0o666)
    m = Pod(s, "message")
    m.finish("main", "sh", "-c", "echo why it ended >/dev/termination-log; exit 1", mounts=[pb.Mount(container_path="/dev/termination-log", host_path=message)])
    s.tell("termination message", open(message).read())
    ro = os.path.join(s.b.work, s.name + "-ro")
    os.mkdir(ro)
    with open(ro + "/token", "w") as f:
        f.write("secret")
    s.tell("read-only volume", m.finish("ro", "sh", "-c", "cat /var/run/token/token; echo x >/var/run/token/x; echo $?",
                                        mounts=[pb.Mount(container_path="/var/run/token", host_path=ro, readonly=True)]))
    # A volume's file is replaced on the node while it is mounted, as the kubelet does with config maps.
    live = os.path.join(s.b.work, s.name + "-live")
    os.makedirs(live + "/..one")
    os.symlink("..one", live + "/..data")
    os.symlink("..data/key", live + "/key")
    with open(live + "/..one/key", "w") as f:
        f.write("old")
    reader = m.run("reader", "sleep", "1000", mounts=[pb.Mount(container_path="/config", host_path=live, readonly=True)])
    s.sync("config map", reader, "cat", "/config/key")
    os.mkdir(live + "/..two")
    with open(live + "/..two/key", "w") as f:
        f.write("new")
    os.symlink("..two", live + "/..tmp")
    os.rename(live + "/..tmp", live + "/..data")
    s.sync("changed", reader, "cat", "/config/key")
    s.sync("shm", reader, "sh", "-c", "echo x >/dev/shm/x && cat /dev/shm/x; df -m /dev/shm | tail -1 | awk '{print $2}'")
    u = Pod(s, "users", security={"run_as_user": pb.Int64Value(value=65535)})
    s.tell("pod of a user", u.finish("main", "id", security={"run_as_user": pb.Int64Value(value=65535)}))


def streams(s):
    p = Pod(s, "streams")
    id = p.run("main", "sh", "-c", SERVER % 8080)
    client = s.client

    def stream(*argv, tty=False, stdin=False, stderr=True):
        return client.stream(client.Exec(container_id=id, cmd=argv, tty=tty, stdin=stdin, stdout=True, stderr=stderr and not tty).url)
    s.tell("exec", stream("sh", "-c", "echo out; echo err >&2; exit 3").rest())
    s.tell("exec ends well", stream("echo", "hello").rest())
    e = stream("head", "-c", "100000", stdin=True)
    sent = bytes(i * 7 & 0xff for i in range(100000))
    writer = threading.Thread(target=e.write, args=(sent,))
    writer.start()
    out, err, end = e.rest()
    writer.join()
    s.tell("bytes there and back", (out == sent, len(out), err, end))
    out, err, end = stream("head", "-c", "3000000", "/dev/zero").rest()
    s.tell("much output", (len(out), end))
    t = stream("sh", tty=True, stdin=True)
    t.resize(30, 90)
    t.write(b"stty -echo; echo re''ady\n")
    t.until(b"ready\r\n")
    t.write(b"tty; stty size; echo do''ne\n")
    s.tell("terminal", re.sub(rb"\x1b\[6n|\r?/ # (\x1b\[J)?", b"", t.until(b"done\r\n")))
    t.resize(41, 123)
    t.write(b"sleep 0.3; stty size; exit 5\n")
    out, err, end = t.rest()
    s.tell("another size", (b"41 123" in out, end))
    t = stream("sh", "-c", "trap 'echo INT; exit 9' INT; echo go; while :; do sleep 0.1; done", tty=True, stdin=True)
    t.until(b"go")
    t.write(b"\x03")
    s.tell("^C", t.rest())
    s.tell("not there", stream("/nothing").rest()[2] not in ("", "0"))
    tar = stream("tar", "cf", "-", "-C", "/www", ".")
    out, err, end = tar.rest()
    s.tell("cp from it", (b"index.html" in out, end))
    # attach
    a = p.run("attached", "sh", "-c", "while read line; do echo got $line; [ $line = end ] && exit 6; done", stdin=True)
    t = client.stream(client.Attach(container_id=a, stdin=True, stdout=True, stderr=True).url)
    t.write(b"one\n")
    t.until(b"got one")
    t.write(b"end\n")
    s.tell("attach", t.until(b"got end\n"))
    until("it ends", lambda: client.state(a)[0] == "EXITED")
    s.tell("its end", client.state(a))
    a = p.run("tty", "sh", stdin=True, tty=True)
    t = client.stream(client.Attach(container_id=a, stdin=True, stdout=True, tty=True).url)
    t.resize(22, 77)
    t.write(b"stty -echo; stty size\n")
    s.tell("attach to a terminal", b"22 77" in t.until(b"22 77"))
    t.close()
    # port-forward
    answers("http://%s:8080/" % p.ip())
    f = client.stream(client.PortForward(pod_sandbox_id=p.id, port=[8080]).url)
    f.frame(), f.frame()
    f.send(0, b"GET /index.html HTTP/1.0\r\n\r\n")
    seen = b""
    while b"served" not in seen:
        got = f.frame()
        if not got:
            break
        seen += got[1]
    s.tell("port-forward", seen.split(b"\r\n\r\n")[-1])
    f.close()


def killed(s, p, name, victims):
    """What belongs to a container is killed: it ends with 137, exec in it too, and nothing of it is left."""
    id = p.run(name, "sh", "-c", "sleep 1000 & sleep 1000")
    pid = json.loads(s.client.ContainerStatus(container_id=id, verbose=True).info["info"])["pid"]
    tree = bench.descendants(pid)
    for v in victims(pid, tree):
        try:
            os.kill(v, signal.SIGKILL)
        except ProcessLookupError:  # it went with one that was killed before
            pass
    until("%s ends" % name, lambda: s.client.state(id)[0] == "EXITED")
    until("all of %s is gone" % name, lambda: not [t for t in tree if bench.runs(t)], 5)
    s.tell(name, s.client.state(id))
    s.client.RemoveContainer(container_id=id)


def accidents(s):
    """containerd ends and comes back; what belongs to a container is killed."""
    p = Pod(s, "accidents")
    id = p.run("main", "sh", "-c", SERVER % 80)
    other = p.run("ends", "sh", "-c", "sleep 3; exit 5")
    url = "http://%s/" % p.ip()
    answers(url)
    s.b.stop()
    s.tell("served without containerd", answers(url))
    time.sleep(3)
    s.b.launch()
    s.client.connect()
    until("containerd has it", lambda: s.client.state(id)[0] == "RUNNING")
    s.tell("after the restart", s.client.state(id))
    until("what ended meanwhile", lambda: s.client.state(other)[0] == "EXITED")
    s.tell("what ended meanwhile", s.client.state(other))
    s.sync("exec", id, "echo", "still here")
    s.client.StopContainer(container_id=id, timeout=0)
    s.tell("stopped", s.client.state(id))

    def pid_of(c):
        return json.loads(s.client.ContainerStatus(container_id=c, verbose=True).info["info"])["pid"]
    id = p.run("first", "sleep", "1000")
    os.kill(pid_of(id), signal.SIGKILL)
    until("it ends", lambda: s.client.state(id)[0] == "EXITED")
    s.tell("its process killed", s.client.state(id))
    killed(s, p, "first-process", lambda pid, tree: [pid])
    killed(s, p, "all-of-it", lambda pid, tree: tree)
    if s.name != "runc":
        killed(s, p, "sentry", lambda pid, tree: [t for t in tree if bench.command(t).startswith("picket-sentry")])
    else:
        s.tell("sentry", ("EXITED", 137, "Error"))
    id = p.run("second", "sleep", "1000")
    pid = pid_of(id)
    parent = int(open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[1])
    s.tell("its parent is the shim", b"containerd-shim" in open("/proc/%d/cmdline" % parent, "rb").read())
    os.kill(parent, signal.SIGKILL)
    until("the pod is not ready", lambda: s.client.PodSandboxStatus(pod_sandbox_id=p.id).status.state == s.client.pb.SANDBOX_NOTREADY)
    s.tell("shim killed", (s.client.state(id)[0], s.client.PodSandboxStatus(pod_sandbox_id=p.id).status.state))
    # containerd up to 1.7 has them deleted; 2.x leaves containers of a shim that is gone to whoever finds them.
    if s.b.version()[0] < 2:
        until("its processes are gone", lambda: not os.path.exists("/proc/%d" % pid))
    else:
        os.kill(pid, signal.SIGKILL)


def volumes(s):
    """What a volume is to two containers, and to the node."""
    pb = s.client.pb
    v = os.path.join(s.b.work, s.name + "-between")
    os.mkdir(v)
    os.chmod(v, 0o777)
    program = os.path.join(s.b.work, "mapped")
    if not os.path.exists(program):
        bench.compile_static("mapped.c", program)
    os.mkdir(v + "/inner")
    bench.mount_tmpfs(v + "/inner")
    mounts = [pb.Mount(container_path="/v", host_path=v), pb.Mount(container_path="/mapped", host_path=program, readonly=True)]
    p = Pod(s, "volumes")
    a = p.run("a", "sh", "-c", "/mapped wait /v/map; sleep 1000", mounts=mounts)
    b = p.run("b", "sleep", "1000", mounts=mounts)
    s.sync("memory of a file", b, "/mapped", "tell", "/v/map")
    s.sync("written", a, "sh", "-c", "echo one >/v/file; chmod 640 /v/file; chown 12:34 /v/file")
    s.sync("read by the other", b, "sh", "-c", "cat /v/file; stat -c '%a %u:%g' /v/file; echo two >>/v/file")
    st = os.stat(v + "/file")
    s.tell("on the node", (open(v + "/file").read(), oct(st.st_mode), st.st_uid, st.st_gid))
    s.sync("renamed", b, "sh", "-c", "mv /v/file /v/new; mkdir /v/dir; ln -s new /v/link; ln /v/new /v/hard")
    s.sync("seen", a, "sh", "-c", "cat /v/link; ls /v; stat -c %h /v/hard")
    c = p.run("c", "/mapped", "hold", "/v/new", mounts=mounts)
    s.tell("a lock", until("it", lambda: p.text("c")))
    s.sync("is held for the other", b, "/mapped", "try", "/v/new")
    s.client.StopContainer(container_id=c, timeout=0)
    s.sync("and then no more", b, "/mapped", "try", "/v/new")
    with open(v + "/new", "a") as f:
        f.write("three\n")
    s.sync("from the node", a, "tail", "-n", "1", "/v/new")
    s.sync("a mount below it", a, "sh", "-c", "echo x >/v/inner/x; cat /v/inner/x")
    s.tell("is the node's", os.path.exists(v + "/inner/x"))


def many(s):
    """Pods made, used and removed at once."""
    results = {}

    def one(i):
        try:
            p = Pod(s, "many%d" % i)
            p.run("web", "sh", "-c", SERVER % 80)
            side = p.run("side", "sleep", "1000")
            answers("http://%s/" % p.ip())
            said = [s.client.exec_sync(side, "wget", "-qO-", "http://127.0.0.1/") for _ in range(3)]
            p.remove()
            results[i] = said
        except (AssertionError, cri.Error, OSError) as e:
            results[i] = e
    threads = [threading.Thread(target=one, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    s.pods = []
    for i in sorted(results):
        s.say("%d: %s" % (i, results[i]))


def differences(s):
    """What is not as under runc, in the words of docs/kubernetes.md and docs/oci.md."""
    pb = s.client.pb
    p = Pod(s, "differs", security={"privileged": True})
    p.namespaces.pid = pb.POD
    s.refused("shared processes", lambda: p.run("shared", "true"), "pid namespace")
    p.namespaces.pid = pb.NODE
    s.refused("processes of the node", lambda: p.run("node", "true"), "pid namespace")
    p.namespaces.pid = pb.CONTAINER
    v = os.path.join(s.b.work, s.name + "-differs")
    os.mkdir(v)
    bench.mount_tmpfs(v, shared=True)
    os.mkdir(v + "/late")
    mounts = [pb.Mount(container_path="/v", host_path=v, propagation=1)]
    a = p.run("a", "sh", "-c", "mkfifo /v/fifo; cat /v/fifo; sleep 1000", mounts=mounts)
    b = p.run("b", "sleep", "1000", mounts=mounts)
    until("the fifo", lambda: os.path.exists(v + "/fifo"))
    s.sync("a fifo between containers", b, "timeout", "1", "sh", "-c", "echo x >/v/fifo")
    bench.mount_tmpfs(v + "/late")
    open(v + "/late/x", "w").close()
    s.sync("a mount made later", b, "ls", "/v/late")
    bench.unmount(v + "/late")
    s.sync("devices", p.run("devices", "sleep", "1000", security={"privileged": True}), "sh", "-c", "head -c1 /dev/vda >/dev/null 2>&1; mount -t tmpfs x /mnt 2>/dev/null || mkdir /m && mount -t tmpfs x /m && echo mounted inside")
    s.sync("the network", a, "ip", "link", "set", "eth0", "down")


DIFFERENCES = """shared processes: UNKNOWN ['pid namespace']
processes of the node: UNKNOWN ['pid namespace']
a fifo between containers: 143 '' ''
a mount made later: 0 '' ''
devices: 0 'mounted inside\\n' ''
the network: 2 '' 'ip: SIOCSIFFLAGS: Operation not permitted\\n'
"""

PARTS = (pods, stopping, logs, resources, out_of_memory, security, volumes, many, odd_pods, streams, accidents)


def run_part(s, part):
    start = time.monotonic()
    try:
        part(s)
    except (AssertionError, cri.Error, OSError, KeyError, EOFError) as e:
        s.say("FAILED: %s: %s" % (type(e).__name__, e))
    s.end_part()
    text, s.lines = "\n".join(s.lines), []
    return text, time.monotonic() - start


def main():
    bench.need("containerd", "ctr", "runc", "unshare", "ip", "cc", "protoc")
    if not os.path.exists("/usr/lib/cni/bridge"):
        bench.skip("containernetworking-plugins is missing")
    try:
        import google.protobuf  # noqa: F401
        import grpc  # noqa: F401
    except ImportError as e:
        bench.skip(str(e))
    bench.enter()
    binaries = {"runc": "/usr/sbin/runc"}
    picket = bench.picket_runtime(sys.argv[1])
    if picket:
        binaries["picket"] = picket
    b, r = bench.Bench(binaries), bench.Report()
    wanted = [a for a in sys.argv[2:] if not a.startswith("-")]
    b.start()
    b.load_pause()
    b.load("busybox:1", namespace="k8s.io")
    client = cri.Client(b.work, b.socket)
    until("images", lambda: client.ImageStatus(image=client.pb.ImageSpec(image=IMAGE)).image.id)
    scripts = [Script(b, name, binary, client) for name, binary in binaries.items() if not wanted or name in wanted or not set(binaries) & set(wanted)]
    for part in PARTS:
        if part is accidents and b.version()[0] >= 2:
            # What it leaves of a shim that was killed is containerd's.
            left = bench.nothing_left()
            r.ok("nothing is left before accidents", not left, left)
        if [w for w in wanted if w not in binaries] and part.__name__ not in wanted:
            continue
        results = {}
        for s in scripts:
            results[s.name], seconds = run_part(s, part)
            if "-v" in sys.argv:
                print("%s %s: %.1f s" % (s.name, part.__name__, seconds), flush=True)
                if len(scripts) == 1:
                    print(results[s.name])
        if "runc" in results:
            good = "FAILED" not in results["runc"]
            r.ok("runc: " + part.__name__, good, "" if good else results["runc"])
        if len(results) > 1:
            r.same("picket-runtime: " + part.__name__, results["runc"], results["picket"])
    if picket and (not wanted or "differences" in wanted):
        text, _ = run_part(scripts[-1], differences)
        r.same("picket-runtime: differences", DIFFERENCES.strip(), text)
    if b.version()[0] < 2:
        left = bench.nothing_left()
        r.ok("nothing is left", not left, left)
    b.stop()
    r.end()


if __name__ == "__main__":
    main()
