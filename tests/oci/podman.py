#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the scripts of podman.sh with picket-runtime under podman: podman.py [-v] [--update] RUNTIME [FILTER ...]

RUNTIME is the program (or crun, runc). What a script prints is compared with what it printed under crun, which podman.expected
holds; --update writes that file (with crun as RUNTIME). Output is TAP. It runs as the caller: as root, or rootless.
Everything podman makes (images, containers, configuration) is in a directory of its own, which is removed.
"""
import difflib
import fcntl
import os
import pty
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import termios
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 90  # seconds a script may take
WORKERS = 2

# No bridge that others use, and no more open files than a container in a container may have.
ROOT_CONF = 'netns = "none"\ndefault_ulimits = ["nofile=%d:%d", "nproc=1024:1024"]\n' % ((resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

PRELUDE = r"""
p() { $P "$@"; }
nc() { busybox nc "$@"; }
ids() { sed -E 's/[0-9a-f]{64}/ID/g; s/"?[0-9a-f]{12}"?/ID/g; s/(OCI runtime error: |OCI permission denied: )?(crun|runc|picket-runtime)/RUNTIME/'; }
short() { grep -o -i -E 'not found|no such file or directory|permission denied|is a directory|exec format' | head -n 1 | tr A-Z a-z | sed 's/no such file or directory/not found/'; }
retry() { local i; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do eval "$1" 2>/dev/null && return; sleep 0.2; done; echo "never: $1"; }
wait_for_log() { local i; for i in $(seq 200); do $P logs "$1" 2>&1 | grep -q -e "$2" && return; sleep 0.05; done; echo "$1 never said $2"; }
pty() { python3 "$DRIVER" pty "$@"; }
jobs=
"""


def pty_main(args):
    """pty ROWS,COLS [expect:TEXT | send:TEXT | size:ROWS,COLS] … -- COMMAND: run it in a terminal, print what it shows."""
    at = args.index("--")
    steps, command = args[1:at], args[at + 1:]
    pid, master = pty.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        rows = struct.pack("HHHH", *map(int, args[0].split(",")), 0, 0)
        fcntl.ioctl(0, termios.TIOCSWINSZ, rows)
        os.execvp(command[0], command)
    seen, mark, end = b"", 0, time.monotonic() + 30

    def more():
        nonlocal seen
        if not select.select([master], [], [], max(0, end - time.monotonic()))[0]:
            return False
        try:
            data = os.read(master, 65536)
        except OSError:
            return False
        seen += data
        return bool(data)

    for step in steps:
        verb, text = step.split(":", 1)
        if verb == "expect":
            while text.encode() not in seen[mark:]:
                if not more():
                    sys.stdout.write("never shown: %s\n" % text)
                    break
            found = seen.find(text.encode(), mark)
            mark = found + len(text) if found >= 0 else mark
        elif verb == "send":
            time.sleep(0.1)
            os.write(master, {"^C": b"\3", "^D": b"\4"}.get(text, text.encode() + b"\r"))
        elif verb == "size":
            time.sleep(0.1)
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *map(int, text.split(",")), 0, 0))
    while more():
        pass
    if time.monotonic() >= end:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    sys.stdout.write(seen.decode(errors="replace").replace("\r\n", "\n"))
    return os.waitstatus_to_exitcode(status) % 256


def scripts():
    found, name = [], None
    with open(os.path.join(HERE, "podman.sh")) as f:
        for line in f:
            if line.startswith("#: "):
                words = line.split()[1:]
                name, text = words[0], []
                found.append((name, words[1:], text))
            elif name:
                text.append(line)
    return [(name, words, "".join(text)) for name, words, text in found]


def expected():
    """What podman.expected holds: name → text."""
    result, name = {}, None
    try:
        with open(os.path.join(HERE, "podman.expected")) as f:
            for line in f:
                if line.startswith("#: "):
                    name = line.split()[1]
                    result[name] = ""
                elif name:
                    result[name] += line[1:]
    except FileNotFoundError:
        pass
    return result


class Podman:
    """A podman with storage, configuration and runtime directory of its own."""

    def __init__(self, runtime):
        # Short: sockets of conmon's are below it.
        self.dir = tempfile.mkdtemp(prefix="pkp-", dir="/tmp")
        self.runtime = os.path.abspath(shutil.which(runtime) or runtime)
        d = self.dir
        for sub in ("run", "home", "conf", "w", "conf/net"):
            os.mkdir(os.path.join(d, sub), 0o700)
        os.chmod(d, 0o755)
        os.chmod(d + "/w", 0o755)
        self.env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TERM": "xterm", "HOME": d + "/home", "TMPDIR": d + "/w",
            "XDG_RUNTIME_DIR": d + "/run", "CONTAINERS_CONF": d + "/conf/containers.conf",
            "CONTAINERS_STORAGE_CONF": d + "/conf/storage.conf", "DRIVER": os.path.abspath(__file__),
            "P": "podman --log-level error --runtime " + self.runtime, "LC_ALL": "C.UTF-8",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        with open(d + "/conf/containers.conf", "w") as f:
            f.write("""[containers]
%s[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "%s/run/libpod"
infra_image = "localhost/pause:latest"
infra_command = "/pause"
runtime_supports_json = ["crun", "runc", "picket-runtime"]
[network]
network_config_dir = "%s/conf/net"
""" % ('' if os.getuid() else ROOT_CONF, d, d))

    def podman(self, *args, **kw):
        return subprocess.run([*self.env["P"].split(), *args], env=self.env, cwd=self.dir + "/w", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT, **kw)

    def storage(self, driver):
        with open(self.dir + "/conf/storage.conf", "w") as f:
            f.write('[storage]\ndriver = "%s"\ngraphroot = "%s/storage"\nrunroot = "%s/run/storage"\n' %
                    (driver, self.dir, self.dir))

    def start(self):
        for driver in ("overlay", "vfs"):
            self.storage(driver)
            r = self.podman("info")
            if r.returncode == 0:
                break
        else:
            return r.stdout.decode(errors="replace")
        for name in ("bb", "pause"):
            tar = image(self.dir, name == "pause")
            r = self.podman("import", "-q", "-c", "ENV PATH=/usr/local/bin:/usr/bin:/bin", "-c",
                            'CMD ["/pause"]' if name == "pause" else 'CMD ["sh"]', tar, name)
            os.unlink(tar)
            if r.returncode:
                return r.stdout.decode(errors="replace")
        return None

    def run(self, text):
        p = subprocess.Popen(["bash", "-c", PRELUDE + text], env=self.env, cwd=self.dir + "/w", stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            out, _ = p.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.stdout.close()
            out = b"[timed out]\n"
        return out.decode(errors="replace").replace(self.dir, "DIR").replace("\r", "^M")

    def tidy(self):
        """What a script has left behind is a failure of it; and is removed for the next."""
        left = self.podman("ps", "-aq", "--external").stdout.decode(errors="replace")
        if not left.strip():
            return ""
        self.podman("pod", "rm", "-af", "-t", "0")
        self.podman("rm", "-af", "-t", "0")
        self.podman("volume", "prune", "-f")
        return "[left behind: %s]\n" % re.sub("[0-9a-f]{12}", "ID", left.strip())

    def end(self):
        self.podman("pod", "rm", "-af", "-t", "0")
        self.podman("rm", "-af", "-t", "0")
        if os.getuid():
            self.podman("unshare", "rm", "-rf", self.dir + "/home", self.dir + "/w")
            try:
                with open(self.dir + "/run/libpod/pause.pid") as f:
                    os.kill(int(f.read()), signal.SIGTERM)
            except (OSError, ValueError):
                pass
        else:
            subprocess.run(["umount", self.dir + "/storage/overlay"], stderr=subprocess.DEVNULL)
        # conmon lets podman clear away behind each container, which makes its directories again.
        for _ in range(50):
            shutil.rmtree(self.dir, ignore_errors=True)
            time.sleep(0.1)
            if not os.path.exists(self.dir):
                break


PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"
GROUP = "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n"
PAUSE = "#!/bin/sh\ntrap 'exit 0' TERM INT\nwhile :; do sleep 1000 & wait; done\n"


def image(directory, pause):
    """A tar archive of a small root file system: busybox, and two users."""
    import io

    path = os.path.join(directory, "image.tar")
    with tarfile.open(path, "w") as t:
        def add(name, kind=tarfile.DIRTYPE, mode=0o755, data=b"", **kw):
            i = tarfile.TarInfo(name)
            i.type, i.mode, i.size, i.mtime = kind, mode, len(data), 1700000000
            for k, v in kw.items():
                setattr(i, k, v)
            t.addfile(i, io.BytesIO(data))

        for name in ("bin", "etc", "root", "home", "proc", "sys", "dev", "var", "var/log", "run", "usr", "usr/bin"):
            add(name)
        add("tmp", mode=0o1777)
        add("home/user", uid=1000, gid=1000)
        add("etc/passwd", tarfile.REGTYPE, 0o644, PASSWD.encode())
        add("etc/group", tarfile.REGTYPE, 0o644, GROUP.encode())
        with open(shutil.which("busybox"), "rb") as f:
            add("bin/busybox", tarfile.REGTYPE, 0o755, f.read())
        for applet in subprocess.run(["busybox", "--list"], stdout=subprocess.PIPE, check=True).stdout.decode().split():
            if applet != "busybox":
                add("bin/" + applet, tarfile.LNKTYPE, linkname="bin/busybox")
        if pause:
            add("pause", tarfile.REGTYPE, 0o755, PAUSE.encode())
    return path


def usable():
    """Why podman cannot be tried here, or None."""
    for program in ("podman", "conmon", "busybox", "bash"):
        if not shutil.which(program, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"):
            return program + " is not installed"
    if os.getuid():
        import getpass

        for file in ("/etc/subuid", "/etc/subgid"):
            try:
                with open(file) as f:
                    if not any(line.startswith((getpass.getuser() + ":", "%d:" % os.getuid())) for line in f):
                        return "no ids for this user in " + file
            except OSError:
                return "no " + file
    return None


class Runner:
    def __init__(self, runtime, todo, verbose):
        self.runtime, self.todo, self.verbose = runtime, list(todo), verbose
        self.results, self.lock, self.trouble = {}, threading.Lock(), None

    def worker(self):
        podman = Podman(self.runtime)
        try:
            trouble = podman.start()
            while not trouble:
                with self.lock:
                    if not self.todo:
                        break
                    name, _, text = self.todo.pop(0)
                start = time.monotonic()
                out = podman.run(text) + podman.tidy()
                with self.lock:
                    self.results[name] = out
                    if self.verbose:
                        print("# %s %.1f s" % (name, time.monotonic() - start), flush=True)
            if trouble:
                self.trouble = trouble
        finally:
            podman.end()

    def run(self):
        threads = [threading.Thread(target=self.worker) for _ in range(min(WORKERS, len(self.todo)))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()


def podman_version():
    return subprocess.run(["podman", "--version"], stdout=subprocess.PIPE).stdout.decode().split()[-1]


def reference(todo):
    """Another podman has other words: what do they print with it under a runtime of Linux's? Nothing is said of those that cannot be run."""
    for name in ("crun", "runc"):
        program = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        r = Runner(program, [s for s in todo if s[0] == "run_status"], False) if program else None
        if r:
            r.run()
        if r and r.results.get("run_status", "").startswith("0\n"):
            r = Runner(program, todo, False)
            r.run()
            return r.results
    todo.clear()
    return {}


def main(args):
    flags = [a for a in args if a.startswith("-")]
    args = [a for a in args if not a.startswith("-")]
    why = usable()
    if why:
        print("1..0 # SKIP " + why)
        return 77
    here = "rootless" if os.getuid() else "root"
    reference = os.path.basename(args[0]) in ("crun", "runc")
    todo = [s for s in scripts() if not (reference and "picket" in s[1]) and (here in s[1] or not {"root", "rootless"} & set(s[1])) and (len(args) < 2 or any(a in s[0] for a in args[1:]))]
    r = Runner(args[0], todo, "-v" in flags)
    r.run()
    if r.trouble:
        print("Bail out! podman does not work here: " + r.trouble)
        return 1
    want = expected()
    if "--update" not in flags and not podman_version().startswith("4.3."):
        want = reference(todo)
    if "--update" in flags:
        for name, text in r.results.items():
            # As root it is mostly the same.
            want.pop(name + "@root", None)
            if here == "root" and want.get(name, text) != text:
                name += "@root"
            want[name] = text
        with open(os.path.join(HERE, "podman.expected"), "w") as f:
            f.write("# SPDX-License-Identifier: MIT\n# What the scripts of podman.sh print under crun (podman.py --update).\n")
            for name in [s[0] + suffix for s in scripts() for suffix in ("", "@root") if s[0] + suffix in want]:
                f.write("#: %s\n" % name + "".join("|" + line for line in want[name].splitlines(True)))
        return 0
    bad = 0
    for name, _, _ in todo:
        wanted = want.get(name + "@" + here, want.get(name, ""))
        same = r.results[name] == wanted
        bad += not same
        print("%s podman/%s/%s" % ("ok" if same else "not ok", here, name))
        if not same:
            for line in list(difflib.unified_diff(wanted.splitlines(), r.results[name].splitlines(), "crun", "here",
                                                  lineterm="", n=1))[:40]:
                print("#   " + line)
    print("1..%d" % len(todo))
    return bad != 0


if __name__ == "__main__":
    sys.exit(pty_main(sys.argv[2:]) if sys.argv[1:2] == ["pty"] else main(sys.argv[1:]))
