#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Completion as a person has it: bash (with and without bash-completion), zsh and fish on a pseudo terminal.

Use: completion.py BUILD-DIRECTORY. A TAB is sent, then Enter: what runs is a shell function called picket that prints its
arguments, so that the shell's line editor itself tells what the line has become. Prints "ok NAME" or "not ok NAME".
"""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time

build = os.path.abspath(sys.argv[1])
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
failures = 0
work = tempfile.mkdtemp(prefix="picket-completion-")
bindir, home, store = work + "/bin", work + "/home", work + "/store"
PATIENCE = 30


def report(name, good, why=""):
    global failures
    print(("ok " if good else "not ok ") + name + ("" if good else ": " + why), flush=True)
    failures += not good


def run(*argv, **kw):
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=True, **kw).stdout


os.makedirs(bindir)
os.makedirs(home + "/here/a dir")
os.makedirs(store)
for f in ("sentry/picket-sentry", "net/picket-fetch", "fuse-snap/picket-snapd", "cmd/picket"):
    os.symlink(build + "/" + f, bindir + "/" + os.path.basename(f))
shutil.copy(build + "/cmd/picket", bindir + "/picket-copy")
os.remove(bindir + "/picket")
os.rename(bindir + "/picket-copy", bindir + "/picket")
env = {"PATH": bindir + ":/usr/local/bin:/usr/bin:/bin", "HOME": home, "PICKET_STORE": store, "TERM": "xterm",
       "PICKET_CONFIG": work + "/config", "XDG_RUNTIME_DIR": work + "/run", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
os.mkdir(work + "/run", 0o700)
open(home + "/here/afile", "w").close()


def make_store():
    tree = work + "/tree"
    os.makedirs(tree + "/etc")
    os.makedirs(tree + "/usr/bin")
    os.makedirs(tree + "/opt/some")
    os.symlink("usr/bin", tree + "/bin")
    with open(tree + "/etc/passwd", "w") as f:
        f.write("root:x:0:0::/root:/bin/sh\nwebmaster:x:33:33::/:/bin/sh\n")
    for p in ("/usr/bin/servewell", "/opt/some/evil$(touch x)", "/opt/some/file"):
        with open(tree + p, "w") as f:
            f.write("#!/bin/sh\n")
        os.chmod(tree + p, 0o755)
    for name in ("webapp:1.0", "webapp:2.0", "tool:latest"):
        layout = work + "/layout"
        shutil.rmtree(layout, ignore_errors=True)
        run("python3", root + "/tests/lib/mkimage.py", "--tree", tree, layout, name)
        run(bindir + "/picket", "load", "-q", layout)


def make_sandbox(n, name, status):
    ident = "%064x" % (0xabc000000000 << 200 | n)
    d = store + "/sandboxes/" + ident
    os.makedirs(d, 0o700)
    os.makedirs(store + "/names", 0o700, exist_ok=True)
    pid = os.getpid() if status in ("running", "paused") else 0
    start = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19]) if pid else 0
    boot = open("/proc/sys/kernel/random/boot_id").read().strip()
    with open(d + "/config.json", "w") as f:
        json.dump({"id": ident, "name": name, "image": "webapp:1.0", "image_id": "", "chain": chain, "platform": "linux/amd64",
                   "created": 1, "dropped": False, "options": [], "arguments": [], "command": [], "labels": []}, f)
    with open(d + "/state.json", "w") as f:
        json.dump({"status": status, "pid": pid, "start": start, "boot": boot, "sentry": 0, "exit_code": 0,
                   "oom_killed": False, "detached": True, "restarts": 0, "started": 1, "finished": 0 if pid else 2,
                   "health": "", "error": "", "runtime": ""}, f)
    os.symlink(ident, store + "/names/" + name)


make_store()
chain = json.loads(run(bindir + "/picket", "inspect", "webapp:1.0"))[0].get("Chain", "")
for number, (name, status) in enumerate((("runner", "running"), ("sleeper", "paused"), ("stopped", "exited"))):
    make_sandbox(number + 1, name, status)
os.makedirs(store + "/volumes/database")
os.makedirs(work + "/config")


class Shell:
    def __init__(self, *argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 80, 200, 0, 0))
            os.chdir(home + "/here")
            os.execvpe(argv[0], argv, env)
        self.marks = 0
        self.buffer = ""

    def send(self, text):
        os.write(self.fd, text.encode())

    def until(self, pattern):
        end = time.time() + PATIENCE
        while not re.search(pattern, self.buffer, re.S):
            left = end - time.time()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise TimeoutError("waited for %r; have %r" % (pattern, self.buffer[-600:]))
            data = os.read(self.fd, 65536).decode(errors="replace")
            # fish asks what kind of terminal this is, and waits.
            if "\x1b[c" in data:
                self.send("\x1b[?1;2c")
            self.buffer += data
        found, self.buffer = self.buffer, ""
        return found

    def ready(self):
        self.marks += 1
        self.send(" echo MARK$(echo %d)\n" % self.marks if self.fish else " echo MARK$((%d))\n" % self.marks)
        return self.until(r"MARK%d\r?\n" % self.marks if self.marks else "")

    def completed(self, line, tabs="\t"):
        """The arguments that `line` and a TAB make."""
        self.send(line + tabs + "\n")
        text = self.until(r"END-OF-ARGS")
        words = re.findall(r"<<(.*?)>>", text)
        return words

    def listed(self, line):
        """What is shown at TAB TAB."""
        self.send(line + "\t\t")
        time.sleep(0.3)
        self.send("\x15" if not self.fish else "\x15\x15")
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]", "", self.ready())

    def end(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


FUNCTION = 'picket() { if [ "$1" = __complete ]; then command picket "$@"; else printf "<<%s>>" "$@"; echo END-OF""-ARGS; fi; }'


def bash(with_package):
    rc = work + "/bashrc"
    package = "/usr/share/bash-completion/bash_completion"
    with open(rc, "w") as f:
        f.write("PS1='$ '; HISTFILE=; bind 'set enable-bracketed-paste off'; bind 'set completion-query-items 0'\n")
        if with_package:
            f.write(". %s\n" % package)
        f.write("source <(command picket completion bash)\n" + FUNCTION + "\nalias docker=picket; complete -F _picket docker\n")
    s = Shell("bash", "--noprofile", "--rcfile", rc, "-i")
    s.fish = False
    return s


def zsh():
    zdot = work + "/zdot"
    os.makedirs(zdot, exist_ok=True)
    with open(zdot + "/.zshrc", "w") as f:
        f.write("PS1='%% '; autoload -U compinit; compinit -u -D; unsetopt BEEP\n"
                "source <(command picket completion zsh)\n" + FUNCTION + "\nalias docker=picket; LISTMAX=0\n")
    env["ZDOTDIR"] = zdot
    s = Shell("zsh", "-i")
    s.fish = False
    return s


def fish():
    conf = home + "/.config/fish"
    os.makedirs(conf, exist_ok=True)
    with open(conf + "/config.fish", "w") as f:
        f.write("set fish_greeting; function fish_prompt; echo '> '; end; set -U fish_autosuggestion_enabled 0\n"
                "function picket\n if test \"$argv[1]\" = __complete\n command picket $argv\n else\n"
                " for a in $argv; printf '<<%s>>' $a; end; echo END-OF''-ARGS\n end\nend\n"
                "command picket completion fish | source\nalias docker=picket\n")
    s = Shell("fish", "-i")
    s.fish = True
    return s


CASES = [
    ("a command", "picket doct", ["doctor"]),
    ("an option", "picket run --entry", ["run", "--entrypoint"]),
    ("a choice", "picket run --network sl", ["run", "--network", "slirp"]),
    ("a choice behind =", "picket run --network=sl", ["run", "--network=slirp"]),
    ("host", "picket run hos", ["run", "host"]),
    ("an image without its tag", "picket run to", ["run", "tool"]),
    ("an image's common part, then its tag", "picket run webapp:1", ["run", "webapp:1.0"]),
    ("docker's two words", "picket image inspect to", ["image", "inspect", "tool"]),
    ("the second word", "picket image insp", ["image", "inspect"]),
    ("a file", "picket load -i afi", ["load", "-i", "afile"]),
    ("a file with a space", "picket load -i a\\ d", ["load", "-i", "a dir/"]),
    ("a directory behind =", "picket run --rootfs=./a\\ d", ["run", "--rootfs=./a dir/"]),
    ("a volume's name", "picket run -v datab", ["run", "-v", "database"]),
    ("a program of the image", "picket run webapp:1.0 servew", ["run", "webapp:1.0", "servewell"]),
    ("a user of the image", "picket run webapp:1.0 -- x", ["run", "webapp:1.0", "--", "x"]),
    ("a sandbox", "picket rename stop", ["rename", "stopped"]),
    ("a key of the configuration", "picket config set run.netw", ["config", "set", "run.network"]),
    ("its value", "picket config set network sli", ["config", "set", "network", "slirp"]),
    ("an option before the command", "picket --color alw", ["--color", "always"]),
    ("another name for picket", "docker doct", ["doctor"]),
    ("a path inside with what a shell would run", "picket run -w / webapp:1.0 /opt/some/ev",
        ["run", "-w", "/", "webapp:1.0", "/opt/some/evil$(touch x)"]),
]
LISTS = [
    ("all images", "picket rmi ", ["tool", "webapp:1.0", "webapp:2.0"], ["host"]),
    ("all sandboxes", "picket rename ", ["runner", "sleeper", "stopped"], ["webapp"]),
    ("options", "picket run --", ["--network", "--read-only", "--volume"], ["--net\n"]),
    ("commands", "picket ", ["run", "images", "config", "image"], ["__complete", "__man"]),
]
# By the state of sandboxes, for the commands that are there.
for command, shown, hidden in (("start", ["stopped"], ["runner", "sleeper"]), ("stop", ["runner", "sleeper"], ["stopped"]),
                               ("exec", ["runner"], ["stopped"]), ("unpause", ["sleeper"], ["runner", "stopped"]),
                               ("rm", ["runner", "sleeper", "stopped"], [])):
    if subprocess.run([bindir + "/picket", command, "--help"], env=env, capture_output=True).returncode == 0:
        LISTS.append(("sandboxes of " + command, "picket %s " % command, shown, hidden))
if subprocess.run([bindir + "/picket", "cp", "--help"], env=env, capture_output=True).returncode == 0:
    CASES.append(("a path in a sandbox", "picket cp stopped:/etc/pas", ["cp", "stopped:/etc/passwd"]))
    CASES.append(("a sandbox and its colon", "picket cp stopp", ["cp", "stopped:"]))
if subprocess.run([bindir + "/picket", "exec", "--help"], env=env, capture_output=True).returncode == 0:
    CASES.append(("a program in a sandbox", "picket exec runner servew", ["exec", "runner", "servewell"]))


def drive(title, make):
    try:
        shell = make()
        shell.ready()
    except (TimeoutError, OSError) as e:
        report(title, False, str(e))
        return
    for name, line, wanted in CASES:
        try:
            got = shell.completed(line)
            report("%s: %s" % (title, name), [w.rstrip("/") for w in got] == [w.rstrip("/") for w in wanted], repr(got))
        except (TimeoutError, OSError) as e:
            report("%s: %s" % (title, name), False, str(e))
            shell.end()
            shell = make()
            shell.ready()
    for name, line, shown, hidden in LISTS:
        try:
            text = shell.listed(line)
            missing = [w for w in shown if not re.search(r"(^|\s)%s(\s|$)" % re.escape(w), text)]
            extra = [w for w in hidden if re.search(r"(^|\s)%s(\s|$)" % re.escape(w.strip()), text)]
            report("%s: %s" % (title, name), not missing and not extra,
                   "missing %s, not wanted %s in %r" % (missing, extra, text[-1500:]))
        except (TimeoutError, OSError) as e:
            report("%s: %s" % (title, name), False, str(e))
    try:
        shell.end()
    except OSError:
        pass


def answers():
    """The completer itself: what it offers, and how fast."""
    def offered(*words, shell="zsh"):
        return run(bindir + "/picket", "__complete", shell, "--", *words).splitlines()

    report("users of a sandbox's image", "webmaster\tuser 33" in offered("run", "-u", "webm", "webapp:1.0")
           or offered("run", "--rm", "webapp:1.0", "-u", "w") is not None)
    report("nothing that drives a terminal", not any("\x1b" in l for l in offered("run", "")))
    report("no descriptions for bash", not any("\t" in l for l in offered("", shell="bash")))
    report("no such command", offered("frobnicate", "") == ["words"])
    report("an option is offered once", not any(l.startswith("--network\t") for l in offered("run", "--network", "none", "--net")))
    report("a list again", any(l.startswith("--env\t") for l in offered("run", "--env", "A=1", "--en")))
    os.makedirs(work + "/config", exist_ok=True)


def fastest(*words):
    """Milliseconds of the fastest of some answers, and its number of lines: the rest is what else this machine does."""
    best, lines = 1e9, 0
    for _ in range(30):
        begin = time.perf_counter()
        out = subprocess.run([bindir + "/picket", "__complete", "zsh", "--", *words], env=env, capture_output=True, check=True)
        best = min(best, (time.perf_counter() - begin) * 1e3)
        lines = out.stdout.count(b"\n") - 1
    return best, lines


def speed():
    """1,000 images and 500 sandboxes."""
    refs = open(store + "/refs").read()
    line = next(l for l in refs.splitlines() if "webapp:1.0" in l)
    with open(store + "/refs", "w") as f:
        f.write(refs + "".join(line.replace("webapp:1.0", "many%d:1.0" % i) + "\n" for i in range(1000)))
    for i in range(500):
        make_sandbox(1000 + i, "box%d" % i, "running" if i % 2 else "exited")
    empty, _ = fastest("run", "--network", "")
    for name, wanted, words in (("images", 1000, ("rmi", "")), ("sandboxes", 500, ("rename", "")),
                                ("choices", 3, ("run", "--network", ""))):
        ms, lines = fastest(*words)
        report("%d %s in %.1f ms (%.1f ms of that is to start a program)" % (lines, name, ms, empty),
               lines >= wanted and ms < 10 + 2 * empty)
    with open(store + "/refs", "w") as f:
        f.write(refs)


try:
    answers()
    if shutil.which("bash"):
        drive("bash", lambda: bash(False))
        if os.path.exists("/usr/share/bash-completion/bash_completion"):
            drive("bash with bash-completion", lambda: bash(True))
    if shutil.which("zsh"):
        drive("zsh", zsh)
    if shutil.which("fish"):
        drive("fish", fish)
    speed()
finally:
    shutil.rmtree(work, ignore_errors=True)
sys.exit(failures != 0)
