#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fields of config.json: what a program inside sees of them. spec.py [-v] [--update] RUNTIME [FILTER ...]

Each case changes a configuration and runs a shell script in it. What that prints must be what it prints under runc or crun: spec.expected
holds it, and --update writes that file with RUNTIME, which then is the reference. A case that no reference can run without more rights (or that is about
what is refused) says itself what is expected. Output is TAP. An ordinary user runs all of it in a user namespace with many ids.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = os.path.join(HERE, "spec.expected")
BUSYBOX = shutil.which("busybox")
APPLETS = "sh ls cat id mount grep touch mkdir stat echo head hostname chmod sed awk tr sort readlink umask true pwd cut wc dnsdomainname ln".split()
DEFAULT = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
]
CAPS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_NET_BIND_SERVICE"]


def base():
    return {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": [], "env": ["PATH=/bin"], "cwd": "/",
                    "capabilities": {s: list(CAPS) for s in ("bounding", "effective", "permitted")},
                    "noNewPrivileges": True},
        "root": {"path": "rootfs"},
        "hostname": "box",
        "mounts": [dict(m) for m in DEFAULT],
        "linux": {"namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "network")]},
    }


CASES = []


def case(name, script, expect=None, fails=None):
    """A decorator: the function changes the configuration (and the directory of the bundle, where it may make what is needed). A function *fails*
    looks at that directory afterwards, and returns what is wrong."""
    def add(change):
        CASES.append((name, script, expect, fails, change))
        return change
    return add


def mount(c, destination, type_, source=None, options=()):
    c["mounts"].append({"destination": destination, "type": type_, "source": source or type_, "options": list(options)})


def write(path, text="", mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def make(b, *names):
    for n in names:
        os.makedirs(os.path.join(b, n), exist_ok=True)


# --- process --------------------------------------------------------------------------------------------------------------------------

STATUS = "grep -E '^(Uid|Gid|Groups|Umask|Cap|NoNew)' /proc/self/status"


@case("user_root", STATUS)
def _(c, b):
    pass


@case("user_ids", STATUS + "; id -u; id -g; touch /tmp/f; stat -c '%u %g %a' /tmp/f; umask")
def _(c, b):
    make(b, "rootfs/tmp")
    os.chmod(b + "/rootfs/tmp", 0o1777)
    c["process"]["user"] = {"uid": 1000, "gid": 100, "umask": 0o27, "additionalGids": [7, 5, 300]}


@case("capabilities_sets", STATUS)
def _(c, b):
    c["process"]["noNewPrivileges"] = False
    c["process"]["user"] = {"uid": 1000, "gid": 100}
    c["process"]["capabilities"] = {"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"], "effective": ["CAP_KILL"],
                                    "permitted": ["CAP_KILL", "CAP_CHOWN"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}


@case("capabilities_absent", STATUS)
def _(c, b):
    del c["process"]["capabilities"]


@case("rlimits", "cat /proc/self/limits | sed -n '/open files/p;/stack/p;/core/p;/cpu time/p;/file size/p'")
def _(c, b):
    c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 100}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
                               {"type": "RLIMIT_STACK", "soft": 1 << 20, "hard": 1 << 21}, {"type": "RLIMIT_CPU", "soft": 100, "hard": 200},
                               {"type": "RLIMIT_FSIZE", "soft": 1 << 30, "hard": 1 << 31}]


@case("oom_score_adj", "cat /proc/self/oom_score_adj")
def _(c, b):
    c["process"]["oomScoreAdj"] = 777


@case("cwd_is_made", "pwd; stat -c '%u %a' .")
def _(c, b):
    c["process"]["cwd"] = "/new/deep/dir"


@case("home_of_passwd", "echo $HOME; echo $A; echo $B")
def _(c, b):
    write(b + "/rootfs/etc/passwd", "root:x:0:0::/root:/bin/sh\n1000:x:7:7::/wrong:/bin/sh\njoe:x:1000:1000::/home/joe:/bin/sh\n")
    c["process"]["user"] = {"uid": 1000, "gid": 1000}
    c["process"]["env"] += ["B=first", "A=1", "BB=", "B=x=y"]


@case("names", "hostname; cat /proc/sys/kernel/domainname", expect="some-host\nexample.org\n")  # runc 1.1 knows no domainname
def _(c, b):
    c["hostname"] = "some-host"
    c["domainname"] = "example.org"


# --- root and mounts -----------------------------------------------------------------------------------------------------------------

OPTIONS = r"""m() { awk -v at="$1" '$5 == at { for (i = 7; i < NF && $i != "-"; i++) n = i; t = $(i + 1); if (t !~ /^(tmpfs|proc|sysfs|devpts|mqueue)$/) t = "bind"; print $5, $6, t }' /proc/self/mountinfo; }
"""


@case("root_readonly", "touch /x 2>/dev/null; echo $?; ls -d /made/here; touch /made/here/f && echo w; touch /etc/x 2>/dev/null; echo $?")
def _(c, b):
    c["root"]["readonly"] = True
    mount(c, "/made/here", "tmpfs")


@case("root_is_written", "echo text > /file; mkdir -p /d/e; chmod 1751 /d; stat -c '%a %u %g' /d; cat /file")
def _(c, b):
    pass


@case("mounts_in_order", OPTIONS + "cat /a/f /a/in/f /a/in/deeper/f; m /a; m /a/in; m /a/in/deeper; cat /over/f; ls /hidden")
def _(c, b):
    for i, n in enumerate(("one", "two", "three", "four")):
        write(f"{b}/{n}/f", f"{n}\n")
    write(b + "/rootfs/hidden/f")
    write(b + "/rootfs/over/f", "below\n")
    mount(c, "/a", "bind", b + "/one", ["rbind"])
    mount(c, "/a/in", "bind", b + "/two", ["rbind", "ro"])
    make(b, "one/in", "two/deeper")
    mount(c, "/a/in/deeper", "bind", b + "/three", ["bind", "nosuid", "nodev", "noexec"])
    mount(c, "/over", "bind", b + "/one", ["bind"])
    mount(c, "/over", "bind", b + "/four", ["bind"])
    mount(c, "/hidden", "tmpfs")


@case("bind_options", OPTIONS + """m /ro; m /rw; m /nx; m /file
touch /ro/x 2>/dev/null; echo $?; touch /rw/x; echo $?; /nx/busybox true 2>/dev/null; echo $?; cat /file; echo more >> /file; cat /file
echo x 2>/dev/null >> /rofile; echo $?; cat /rofile""")
def _(c, b):
    make(b, "ro", "rw", "nx")
    shutil.copy(BUSYBOX, b + "/nx/busybox")
    write(b + "/file", "first\n")
    write(b + "/rofile", "fixed\n")
    mount(c, "/ro", "bind", b + "/ro", ["rbind", "ro"])
    mount(c, "/rw", "bind", b + "/rw", ["rbind", "rw", "nosuid", "nodev"])
    mount(c, "/nx", "bind", b + "/nx", ["bind", "noexec"])
    mount(c, "/file", "bind", b + "/file", ["bind"])
    mount(c, "/rofile", "bind", b + "/rofile", ["bind", "ro"])


@case("bind_relative_source", "cat /there/f")
def _(c, b):
    write(b + "/dir/f", "relative\n")
    mount(c, "/there", "bind", "dir", ["rbind"])


@case("links_stay_inside", "cat /etc/target /real/f /new/place/f /up/f; ls -l / | sed -n 's/.* \\(up -> .*\\)/\\1/p;s/.* \\(abs -> .*\\)/\\1/p'", fails="outside")
def _(c, b):
    r = b + "/rootfs"
    for n in ("one", "two", "three", "four"):
        write(f"{b}/{n}/f", f"{n}\n")
    make(r, "real", "etc")
    os.symlink("/real", r + "/abs")                         # to a directory
    os.symlink("../../../../../../../new/place", r + "/up2")  # leads out if followed outside, and nowhere
    os.symlink("/../../../tmp/picket-spec-outside", r + "/up")  # the same
    os.symlink("/etc/target", r + "/link")
    mount(c, "/abs", "bind", b + "/one", ["bind"])
    mount(c, "/up2", "bind", b + "/two", ["bind"])
    mount(c, "/up", "bind", b + "/three", ["bind"])
    mount(c, "/link", "bind", b + "/four/f", ["bind"])


@case("tmpfs_options", "stat -c '%n %a %u %g' /t /u /v; grep -E ' /(t|u) ' /proc/mounts | sed 's/,inode64//;s/,uid=[0-9]*//;s/,gid=[0-9]*//'; head -c 3000000 /dev/zero > /t/f 2>/dev/null; echo $?; stat -c %s /t/f")
def _(c, b):
    make(b, "rootfs/v")
    os.chmod(b + "/rootfs/v", 0o751)
    mount(c, "/t", "tmpfs", "tmpfs", ["size=1m", "mode=710", "nosuid"])
    mount(c, "/u", "tmpfs", "tmpfs", ["size=64k", "mode=1770", "uid=5", "gid=6", "noexec"])
    mount(c, "/v", "tmpfs", "tmpfs", ["mode=0751"])


@case("tmpfs_copy_up", "cd /up; ls -ln | sed -E 's/[A-Z][a-z]{2} .. ..:..//' | grep -v total; cat f d/g; readlink l; echo new > f; cat f; grep -c ' /up tmpfs' /proc/mounts")
def _(c, b):
    r = b + "/rootfs/up"
    write(r + "/f", "old\n", 0o640)
    write(r + "/d/g", "deep\n", 0o755)
    os.chmod(r + "/d", 0o750)
    os.symlink("f", r + "/l")
    mount(c, "/up", "tmpfs", "tmpfs", ["tmpcopyup", "nodev"])


@case("proc_options", OPTIONS + "m /proc; grep -o hidepid /proc/mounts; touch /proc/sys/x 2>/dev/null; echo $?")
def _(c, b):
    c["mounts"][0]["options"] = ["nosuid", "noexec", "nodev", "hidepid=2"]


@case("sysfs", OPTIONS + "m /sys; ls -d /sys/kernel /sys/class /sys/devices")
def _(c, b):
    mount(c, "/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"])


@case("devices_default", r"""cd /dev; for f in *; do if [ -L $f ]; then echo "$f -> $(readlink $f)"; elif [ -c $f ]; then stat -c '%n %F %a %t:%T' $f; else stat -c '%n %F' $f; fi; done
echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c; echo x 2>/dev/null > /dev/full; echo $?; grep ' /dev/pts ' /proc/mounts | sed 's/.*ptmxmode/ptmxmode/'""")
def _(c, b):
    pass


@case("device_is_bound", "echo x > /dev/n; echo $?; stat -c '%F %t:%T' /dev/n")
def _(c, b):
    mount(c, "/dev/n", "bind", "/dev/null", ["bind"])


@case("devices_of_list", "stat -c '%n %F %a %u %g %t:%T' /dev/mine /dev/sub/fifo /dev/fuse; echo x > /dev/mine && echo w; cat /dev/fuse 2>&1",
      expect="/dev/mine character special file 640 5 6 1:3\n/dev/sub/fifo fifo 600 0 0 0:0\n/dev/fuse character special file 666 0 0 a:e5\nw\n"
      "cat: can't open '/dev/fuse': No such device or address\n")
def _(c, b):
    c["linux"]["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 5, "gid": 6},
                             {"path": "/dev/sub/fifo", "type": "p", "fileMode": 0o600},
                             {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666}]


@case("masked_and_readonly", OPTIONS + """cat /secret; ls /secrets; ls -ld /secrets | cut -c 1; touch /secrets/x 2>/dev/null; echo $?; touch /locked/x 2>/dev/null; echo $?; cat /locked/f
touch /proc/sys/kernel/msgmax 2>/dev/null; echo 1 2>/dev/null > /proc/sys/kernel/msgmax || echo ro; m /locked; m /proc/sys""")
def _(c, b):
    r = b + "/rootfs"
    write(r + "/secret", "secret\n")
    write(r + "/secrets/f", "secret\n")
    write(r + "/locked/f", "locked\n")
    c["linux"]["maskedPaths"] = ["/secret", "/secrets", "/no/such/path"]
    c["linux"]["readonlyPaths"] = ["/locked", "/proc/sys", "/nor/this"]


@case("propagation", "awk '$5 == \"/s\" || $5 == \"/p\" || $5 == \"/u\" { $1 = \"\"; print $5, $7 ~ /^shared:/ ? \"shared\" : $7 }' /proc/self/mountinfo")
def _(c, b):
    mount(c, "/s", "tmpfs", "tmpfs", ["shared"])
    mount(c, "/p", "tmpfs", "tmpfs", ["private"])
    mount(c, "/u", "tmpfs", "tmpfs", ["unbindable"])


@case("sysctl", "cat /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max /proc/sys/kernel/sem | tr '\\t' ' '; echo 1 2>/dev/null > /proc/sys/kernel/msgmax; echo $?",
      expect="9999\n33\n100 2000 50 64\n1\n")
def _(c, b):
    c["linux"]["sysctl"] = {"kernel.msgmax": "9999", "fs.mqueue.msg_max": "33", "kernel.sem": "100 2000 50 64"}
    c["linux"]["readonlyPaths"] = ["/proc/sys"]


# The sentry's own process is what a procfs of the host calls self.
@case("host_proc", "cat /hp/self/comm; cat /h/proc/self/comm 2>/dev/null; echo $?; ls -d /h/usr", expect="cat\n1\n/h/usr\n")
def _(c, b):
    mount(c, "/hp", "bind", "/proc", ["rbind"])
    mount(c, "/h", "bind", "/", ["rbind"])


@case("own_user_namespace", "id -u; touch /f; stat -c '%u %g' /f /etc", fails="owner",
      expect="0\n0 0\n0 0\n")
def _(c, b):
    c["linux"]["namespaces"].append({"type": "user"})
    c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 1000, "size": 1000}]
    for d, dirs, files in os.walk(b + "/rootfs"):
        os.chown(d, 1000, 1000)
        for f in files:
            os.chown(os.path.join(d, f), 1000, 1000, follow_symlinks=False)
    os.chown(b, 1000, 1000)


# The host protects links where its fs.protected_hardlinks is 1, which it is nearly everywhere.
@case("hard_links_of_others", "cd /tmp; for f in secret setuid writable own; do ln $f l-$f 2>/dev/null && echo $f; done; true", expect="writable\nown\n")
def _(c, b):
    os.mkdir(b + "/rootfs/tmp")
    os.chmod(b + "/rootfs/tmp", 0o777)
    for name, mode in (("secret", 0o644), ("setuid", 0o4777), ("writable", 0o666), ("own", 0o600)):
        write(b + "/rootfs/tmp/" + name)
        os.chmod(b + "/rootfs/tmp/" + name, mode)
    os.chown(b + "/rootfs/tmp/own", 1000, 1000)
    c["process"]["user"] = {"uid": 1000, "gid": 1000}
    del c["process"]["capabilities"]


@case("network_is_there", "cat /proc/net/dev | sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p'")
def _(c, b):
    pass


@case("annotation_network", "cat /proc/net/dev | sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p'", expect="lo\n")
def _(c, b):
    c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "network"]
    c["annotations"] = {"dev.picket.network": "none"}


def traced(b):
    with open(b + "/picket-trace/trace") as f:
        text = f.read()
    return "" if text.startswith("before\n") and " write(1, " in text else "the trace is not there\n"


@case("annotation_trace", "echo hello", expect="hello\n", fails=traced)
def _(c, b):
    os.mkdir(b + "/picket-trace", 0o755)
    write(b + "/picket-trace/trace", "before\n")
    c["annotations"] = {"dev.picket.trace": b + "/picket-trace/trace"}


# --- what is refused ----------------------------------------------------------------------------------------------------------------

def refusal(name, words, change):
    CASES.append(("refused_" + name, "", words, "create", change))


def traced_to(c, b, path, mode=0o755):
    os.mkdir(b + "/picket-trace")
    os.chmod(b + "/picket-trace", mode)
    os.symlink("../passwd", b + "/picket-trace/link")
    os.mkfifo(b + "/picket-trace/fifo")
    os.symlink("/etc", b + "/rootfs/picket-trace")
    write(b + "/passwd")
    c["annotations"] = {"dev.picket.trace": b + path}


# Images and pods bring annotations: no file of the host is written for them but where its owner has made a place.
for name, path, mode in (("anywhere", "/passwd", 0o755), ("everybodys", "/picket-trace/t", 0o777), ("linked_directory", "/rootfs/picket-trace/cron", 0o755),
                         ("link", "/picket-trace/link", 0o755), ("above", "/picket-trace/..", 0o755), ("fifo", "/picket-trace/fifo", 0o755)):
    refusal("trace_" + name, "annotations: ", lambda c, b, path=path, mode=mode: traced_to(c, b, path, mode))
refusal("type", 'mounts[5].type: "overlay" is not supported', lambda c, b: mount(c, "/o", "overlay"))
refusal("idmap", '"idmap" is not supported', lambda c, b: mount(c, "/o", "bind", "/etc", ["bind", "idmap"]))
refusal("source", "mounts[5].source: cannot open /no/such for /o: No such file or directory", lambda c, b: mount(c, "/o", "bind", "/no/such", ["bind"]))
refusal("pid_namespace", "joining a pid namespace", lambda c, b: c["linux"]["namespaces"].__setitem__(0, {"type": "pid", "path": "/proc/self/ns/pid"}))
refusal("sysctl", 'sysctl "vm.swappiness" is not in a separate kernel namespace', lambda c, b: c["linux"].update(sysctl={"vm.swappiness": "1"}))
refusal("no_args", "process.args must not be empty", lambda c, b: c["process"].update(args=[]))
refusal("cwd", "process.cwd must be an absolute path", lambda c, b: c["process"].update(cwd="tmp"))
refusal("root", "root.path: cannot open", lambda c, b: c["root"].update(path="no"))
refusal("version", '"7.0" is not a version', lambda c, b: c.update(ociVersion="7.0"))
refusal("rdt", "linux.intelRdt is not supported", lambda c, b: c["linux"].update(intelRdt={"closID": "x"}))
refusal("over_root", "cannot mount at /", lambda c, b: mount(c, "/", "tmpfs"))
refusal("file_on_directory", "cannot mount at /etc", lambda c, b: mount(c, "/etc", "bind", "/dev/null", ["bind"]))


# --- running -------------------------------------------------------------------------------------------------------------------------

class Bench:
    def __init__(self, runtime):
        self.runtime = runtime
        self.picket = "picket" in os.path.basename(runtime)
        self.dir = tempfile.mkdtemp(prefix="picket-spec-")
        os.chmod(self.dir, 0o755)
        self.n = 0

    def call(self, *args, **kw):
        options = ["--root", self.dir + "/state"]
        if os.path.basename(self.runtime) == "crun":
            options += ["--cgroup-manager", "disabled"]
        return subprocess.run([self.runtime, *options, *args], timeout=60, **kw)

    def bundle(self):
        b = f"{self.dir}/{self.n}"
        os.makedirs(b + "/rootfs/bin")
        for d in ("proc", "dev", "sys", "etc"):
            os.mkdir(f"{b}/rootfs/{d}")
        shutil.copy(BUSYBOX, b + "/rootfs/bin/busybox")
        for a in APPLETS:
            os.symlink("busybox", f"{b}/rootfs/bin/{a}")
        return b

    def run(self, script, change, fails):
        """(output, what create said)"""
        self.n += 1
        b = self.bundle()
        c = base()
        c["process"]["args"] = ["sh", "-c", script]
        change(c, b)
        if not self.picket and os.geteuid() == 0 and "user" not in [n["type"] for n in c["linux"]["namespaces"]]:
            c["linux"].setdefault("resources", {})
        with open(b + "/config.json", "w") as f:
            json.dump(c, f)
        name, out = f"spec{os.getpid()}-{self.n}", b + "/out"
        with open(out, "wb") as f:
            r = self.call("create", "--bundle", b, "--pid-file", b + "/pid", name, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT)
        if r.returncode == 0:
            self.finish(b, name)
        if fails == "outside" and os.path.lexists("/tmp/picket-spec-outside"):
            return "a link was followed out of the root", r.returncode
        if fails == "owner" and r.returncode == 0 and os.stat(b + "/rootfs/f").st_uid != 1000:
            return "the file has the wrong owner outside", r.returncode
        with open(out, errors="replace") as f:
            text = f.read()
        if callable(fails) and r.returncode == 0:
            text += fails(b)
        subprocess.run(["rm", "-rf", b])
        return text, r.returncode

    def finish(self, b, name):
        with open(b + "/pid") as f:
            fd = os.pidfd_open(int(f.read()))
        self.call("start", name)
        deadline = time.monotonic() + 30
        import select
        p = select.poll()
        p.register(fd, select.POLLIN)
        p.poll(max(0, deadline - time.monotonic()) * 1000)
        os.close(fd)
        self.call("delete", "--force", name)

    def end(self):
        subprocess.run(["rm", "-rf", self.dir])


def without_warnings(text):
    """What the runtime itself says beside what the program prints."""
    return "".join(l for l in text.splitlines(True) if "warning" not in l.split(":")[0:2] and not l.startswith(("time=", "picket-runtime: ")))


def into_namespace():
    """An ordinary user becomes user 0 of a namespace with his subordinate ids."""
    if os.geteuid() == 0 or os.environ.get("SPEC_INSIDE"):
        return
    probe = ["unshare", "-Ur", "--map-auto", "-m", "true"]
    if subprocess.run(probe, stderr=subprocess.DEVNULL).returncode:
        print("no subordinate ids")
        sys.exit(77)
    os.environ["SPEC_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "-Ur", "--map-auto", "-mpf", "--mount-proc", sys.executable, os.path.abspath(__file__), *sys.argv[1:]])


def main():
    args = sys.argv[1:]
    verbose = "-v" in args
    update = "--update" in args
    args = [a for a in args if not a.startswith("-")]
    if not BUSYBOX:
        print("no busybox")
        return 77
    into_namespace()
    filters = args[1:]
    with open(EXPECTED) if os.path.exists(EXPECTED) else open(os.devnull) as f:
        expected = json.loads(f.read() or "{}")
    bench = Bench(os.path.abspath(args[0]))
    cases = [c for c in CASES if not filters or any(x in c[0] for x in filters)]
    failed = 0
    if not update:
        print(f"1..{len(cases)}")
    try:
        for i, (name, script, expect, fails, change) in enumerate(cases, 1):
            if update and expect is not None:
                continue
            text, status = bench.run(script, change, fails)
            if update:
                expected[name] = text
                continue
            if fails == "create":
                good = status != 0 and expect in text
                want = "a refusal: " + expect
            else:
                text = without_warnings(text)
                want = expect if expect is not None else expected.get(name, "(nothing recorded)")
                good = text == want
            failed += not good
            print(f"{'ok' if good else 'not ok'} {i} - {name}", flush=True)
            if not good or verbose:
                print("".join(f"#   {l}\n" for l in f"wanted:\n{want}\ngot:\n{text}".splitlines()), end="")
    finally:
        bench.end()
    if update:
        with open(EXPECTED, "w") as f:
            json.dump(expected, f, indent=1, sort_keys=True)
            f.write("\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
