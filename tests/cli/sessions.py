#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a person does at a terminal: shells with job control, editors, multiplexers, nested terminals.

Use: sessions.py BUILD-DIRECTORY [--native] [FILTER ...]. Each scenario is driven through a pseudo terminal from outside
`picket run -t`; with --native the same scenario runs without Picket, which shows that it asks for what Linux does. Prints
"ok NAME" or "not ok NAME".
"""
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time

build = os.path.abspath(sys.argv[1])
native = "--native" in sys.argv
verbose = "-v" in sys.argv
filters = [a for a in sys.argv[2:] if not a.startswith("-")]
picket = build + "/cmd/picket"
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TERM": "xterm", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
       "PS1": "@> ", "HOME": tempfile.mkdtemp(prefix="picket-home-"), "HISTFILE": "", "INPUTRC": "/dev/null"}
failures = 0
SLOW = float(os.environ.get("SESSION_PATIENCE", "20"))


class Failed(Exception):
    pass


class Session:
    """A program on a terminal of its own."""

    def __init__(self, *argv, rows=24, cols=80, env=None, options=(), outside=False, iutf8=False):
        env = {**ENV, **(env or {})}
        if native or outside:
            command = argv
        else:
            command = [picket, "run", "--network", "none", "-it", *options]
            for k, v in env.items():
                command += ["-e", k + "=" + v]
            command += ["host", "--", *argv]
            env = {**os.environ, "TERM": env["TERM"]}
        self.buffer, self.seen = "", ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            if iutf8:
                t = termios.tcgetattr(0)
                t[0] |= 0o40000
                termios.tcsetattr(0, termios.TCSANOW, t)
            os.chdir("/tmp")
            os.execvpe(command[0], list(command), env)

    def send(self, text):
        data = text.encode()
        while data:
            data = data[os.write(self.fd, data):]

    def expect(self, pattern, seconds=None):
        """Wait for *pattern* in what came since the last match."""
        end = time.monotonic() + (seconds or SLOW)
        while True:
            m = re.search(pattern, self.buffer, re.S)
            if m:
                self.seen += self.buffer[:m.end()]
                self.buffer = self.buffer[m.end():]
                return m
            left = end - time.monotonic()
            if left <= 0 or not self.more(left):
                raise Failed("%r not in %r" % (pattern, self.buffer[-1500:]))

    def more(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.buffer += data.decode(errors="replace")
        return bool(data)

    def line(self, text, pattern=None):
        """Type a line, wait for the pattern in what follows its echo, then for a prompt."""
        self.send(text + "\r")
        m = self.expect(pattern) if pattern else None
        self.expect("@> $")
        return m

    def quiet(self, seconds=0.3):
        while self.more(seconds):
            pass
        text, self.buffer = self.buffer, ""
        return text

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def wait(self, seconds=None):
        end = time.monotonic() + (seconds or SLOW)
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            if select.select([self.fd], [], [], 0.02)[0]:
                self.more(0)
        raise Failed("does not end; last %r" % self.buffer[-500:])

    def close(self):
        os.close(self.fd)
        if not self.pid:
            return
        for _ in range(100):
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return
            time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


SCENARIOS = []


def scenario(*needs):
    def enter(fn):
        SCENARIOS.append((fn.__name__, needs, fn))
        return fn
    return enter


def job_control(s):
    """What every shell does alike."""
    s.line("sleep 100 &", r"\d\n?")
    s.line("jobs", r"[Rr]unning")
    s.send("fg\r")
    s.expect("sleep 100")
    time.sleep(0.2)
    s.send("\x1a")
    s.expect("([Ss]topped|suspended)")
    s.expect("@> ")
    s.line("jobs", "([Ss]topped|suspended)")
    s.line("bg", "sleep 100")
    s.line("jobs", "[Rr]unning")
    s.line("kill %1; wait; echo wai''ted", "waited")
    s.send("cat | cat | cat\r")
    time.sleep(0.3)
    s.send("typed\r")
    s.expect("typed\r+\ntyped")
    s.send("\x03")
    s.expect(r"\^C")
    s.expect("@> ")
    s.line("echo st=$?", "st=130")
    s.send("sleep 100 | cat\r")
    time.sleep(0.3)
    s.send("\x1a")
    s.expect("([Ss]topped|suspended)")
    s.expect("@> ")
    s.send("fg\r")
    s.expect("sleep 100")
    time.sleep(0.2)
    s.send("\x03")
    s.expect("@> ")
    s.send("cat &\r")
    s.expect("@> ")
    time.sleep(0.5)
    s.line("jobs", r"([Ss]topped|suspended)[^\n]*cat|cat[^\n]*([Ss]topped|suspended)|tty input")
    s.line("kill -9 %1; wait; echo wai''ted", "waited")
    s.line("")
    s.send("sleep 100\r")
    time.sleep(0.3)
    s.send("\x1c")
    s.expect("@> ")
    s.line("echo st=$?", "st=131")


@scenario("bash")
def bash_jobs():
    s = Session("bash", "--norc", "--noprofile")
    s.expect("@> ")
    job_control(s)
    s.line("sleep 50 & disown; jobs; echo no''ne", "none")
    s.send("sleep 60\r")
    time.sleep(0.3)
    s.send("\x1a")
    s.expect("Stopped")
    s.expect("@> ")
    s.send("exit\r")
    s.expect("There are stopped jobs")
    s.expect("@> ")
    s.line("kill %1; kill -CONT %1; wait; trap 'echo tr''apped' INT")
    s.send("\x03")
    s.line("", None)
    s.line("set -m; (sleep 0.1; echo in''ner) & wait", "inner")
    s.line("stty tostop; (echo x) & sleep 0.3; jobs", "Stopped")
    s.line("stty -tostop; kill -9 %%; wait")
    s.send("exit 7\r")
    if s.wait() != 7:
        raise Failed("status")
    s.close()


@scenario("dash")
def dash_jobs():
    s = Session("dash", "-i")
    s.expect("@> ")
    job_control(s)
    s.send("exit 7\r")
    if s.wait() != 7:
        raise Failed("status")
    s.close()


@scenario("zsh")
def zsh_jobs():
    s = Session("zsh", "-f", "-i", "+Z", env={"PS1": "@> "})
    s.expect("@> ")
    s.line("unsetopt prompt_sp prompt_cr zle notify; PS1='@> '", None)
    job_control(s)
    s.send("exit 7\r")
    if s.wait() != 7:
        raise Failed("status")
    s.close()


@scenario("bash")
def suspend_nested_shell():
    s = Session("bash", "--norc", "--noprofile")
    s.expect("@> ")
    s.line("PS1='in''ner@> ' bash --norc --noprofile", None)
    s.send("suspend\r")
    s.expect("Stopped")
    s.expect("@> ")
    s.send("fg\r")
    s.expect("@> ")
    s.line("echo ba''ck", "back")
    s.line("exit")
    s.send("exit\r")
    s.wait()
    s.close()


@scenario("vim")
def vim_edit():
    s = Session("bash", "--norc", "--noprofile")
    s.expect("@> ")
    s.send("cd /tmp; rm -f edited; vim -u NONE -i NONE -n edited\r")
    s.expect("edited")
    s.expect(r"\[New\]|New File|All")
    s.send("ihello from vim\x1b")
    s.expect("hello from vim")
    s.resize(30, 100)
    time.sleep(0.5)
    s.send(":set lines? columns?\r")
    s.expect("lines=30")
    s.expect("columns=100")
    s.send("\r")
    s.quiet()
    s.send("\x1a")
    s.expect("Stopped")
    s.expect("@> ")
    s.line("stty size; stty -a | grep -c ' icanon'", "30 100.*1")
    s.send("fg\r")
    s.expect("hello from vim")
    s.send(":wq\r")
    s.expect("@> ")
    s.line("cat edited", "hello from vim")
    s.send("exit\r")
    s.wait()
    s.close()


@scenario("tmux")
def tmux_session():
    s = Session("bash", "--norc", "--noprofile", env={"TMUX_TMPDIR": "/tmp", "SHELL": "/bin/bash"})
    s.expect("@> ")
    s.line("mkdir -p /tmp/tm; export TMUX_TMPDIR=/tmp/tm")
    s.line("cat >/tmp/tm/conf <<'END'\nset -g default-command \"env PS1='@> ' bash --norc --noprofile\"\nEND")
    s.send("tmux -f /tmp/tm/conf new -s work\r")
    s.expect("work")
    s.quiet()
    s.send("stty size\r")
    s.expect("2[34] 80")
    s.expect("@> ")
    s.send("\x02\"")
    s.expect("@> ")
    time.sleep(0.3)
    s.send("tty; echo sec''ond\r")
    s.expect("second")
    s.resize(40, 120)
    time.sleep(0.5)
    s.quiet()
    s.send("stty size\r")
    s.expect(r"(\d+) 120")
    s.send("\x02d")
    s.expect("detached")
    s.expect("@> ")
    s.line("tmux ls", "work: 1 windows")
    s.send("tmux attach -t work\r")
    s.expect("second")
    s.quiet()
    s.send("\x02:")
    s.expect(":")
    time.sleep(0.3)
    s.send("kill-server\r")
    s.expect("server exited")
    s.expect("@> ")
    s.send("exit\r")
    s.wait()
    s.close()


@scenario("less")
def less_pages():
    s = Session("bash", "--norc", "--noprofile", env={"LESS": ""})
    s.expect("@> ")
    s.send("seq 1000 | less\r")
    s.expect("23\r\n:")
    s.send(" ")
    s.expect("46\r\n")
    s.send("/777\r")
    s.expect("777")
    s.send("G")
    s.expect("1000\r\n")
    s.quiet() # less acts on a signal when it waits for a key, and not on one that comes just before
    s.send("\x1a")
    s.expect("Stopped")
    s.expect("@> ")
    s.send("fg\r")
    s.expect("1000")
    s.send("q")
    s.expect("@> ")
    s.send("seq 200000 | less\r")
    s.expect(":")
    s.quiet()
    s.send("\x03")
    s.expect("\x07") # and it draws anew; what is typed before that is lost
    s.expect(":")
    s.quiet()
    s.send("q")
    s.expect("@> ")
    s.send("exit\r")
    s.wait()
    s.close()


@scenario("htop", "top")
def tops():
    s = Session("bash", "--norc", "--noprofile")
    s.expect("@> ")
    s.send("top\r")
    s.expect("COMMAND")
    s.expect("top")
    s.send("q")
    s.expect("@> ")
    s.send("htop\r")
    s.expect("Quit")
    s.resize(40, 130)
    s.quiet()
    s.send("q")
    s.expect("@> ")
    s.line("stty -a | grep -c ' icanon'", "1")
    s.send("exit\r")
    s.wait()
    s.close()


@scenario("nano")
def nano_edit():
    s = Session("bash", "--norc", "--noprofile")
    s.expect("@> ")
    s.send("cd /tmp; rm -f nanoed; nano -I nanoed\r")
    s.expect("nanoed")
    s.quiet()
    s.send("typed in nano\x0f\r")
    s.expect("Wrote 1 line")
    s.send("\x18")
    s.expect("@> ")
    s.line("cat nanoed", "typed in nano")
    s.send("exit\r")
    s.wait()
    s.close()


@scenario("python3")
def python_repl():
    s = Session("python3", "-q", "-S")
    s.expect(">>> ")
    s.send("import readline, os\r")
    s.expect(">>> ")
    s.send("6*7\r")
    s.expect("42")
    s.expect(">>> ")
    s.send("\x10\r")
    s.expect("42")
    s.expect(">>> ")
    s.send("'ab\x7fc'\r")
    s.expect("'ac'\r\n")
    s.expect(">>> ")
    s.send("while 1: pass\r\r")
    time.sleep(0.5)
    s.send("\x03")
    s.expect("KeyboardInterrupt")
    s.expect(">>> ")
    s.send("os.get_terminal_size()\r")
    s.expect("columns=80, lines=24")
    s.expect(">>> ")
    s.send("\x04")
    if s.wait() != 0:
        raise Failed("status")
    s.close()


@scenario("script", "bash")
def script_inside():
    s = Session("bash", "--norc", "--noprofile", rows=33, cols=99)
    s.expect("@> ")
    s.line("cd /tmp; rm -f ts; SHELL=/bin/bash script -q -c \"env PS1='@> ' bash --norc --noprofile\" ts")
    s.line("tty; stty size", r"/dev/pts/\d+\r\n33 99")
    s.resize(41, 88)
    time.sleep(0.5)
    s.line("stty size", "41 88")
    s.send("sleep 100\r")
    time.sleep(0.3)
    s.send("\x03")
    s.expect("@> ")
    s.line("exit")
    s.line("grep -c '33 99' ts", "1")
    s.send("exit\r")
    s.wait()
    s.close()


@scenario("expect")
def expect_inside():
    s = Session("expect", "-c", """
set timeout 15
spawn bash --norc --noprofile
expect "@> "
send "echo got \\$((40+2)); stty size\\r"
expect "got 42"
expect "@> "
send "cat\\r"
after 300
send "\\003"
expect "@> "
send "exit 3\\r"
expect eof
puts "status [lindex [wait] 3]"
""")
    s.expect("status 3")
    s.wait()
    s.close()


@scenario("script", "tmux", "bash")
def picket_in_script_in_tmux():
    if native:
        return
    with tempfile.TemporaryDirectory() as d:
        inner = "%s run --network none -it -e 'PS1=in> ' host -- bash --norc --noprofile" % picket
        s = Session("tmux", "-f", "/dev/null", "-S", d + "/sock", "new", "script -q -c '%s' /dev/null" % inner.replace("'", "'\\''"),
                    outside=True)
        s.expect("in> ", 30)
        s.send("stty size; echo do''ne\r")
        s.expect("23 80")
        s.expect("done")
        s.resize(50, 110)
        time.sleep(0.7)
        s.quiet()
        s.send("stty size; echo do''ne\r")
        s.expect("49 110")
        s.expect("done")
        s.send("sleep 100\r")
        time.sleep(0.3)
        s.send("\x03")
        s.expect("in> ")
        s.send("exit\r")
        s.expect("exited")
        s.wait()
        s.close()


@scenario("python3")
def nested_terminal():
    """A terminal in a terminal passes sizes on: what sshd and its kin do."""
    s = Session("python3", "-S", "-c", """
import os, pty, fcntl, termios, struct, signal, select, sys, tty
pid, fd = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "--noprofile"])
def size(*a):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, b"\\0" * 8))
signal.signal(signal.SIGWINCH, size)
size()
tty.setraw(0)
while True:
    r = select.select([0, fd], [], [])[0]
    for a, b in ((0, fd), (fd, 1)):
        if a in r:
            try:
                data = os.read(a, 1024)
            except OSError:
                sys.exit(5)
            os.write(b, data)
""", rows=20, cols=70)
    s.expect("@> ")
    s.line("stty size", "20 70")
    s.resize(31, 71)
    time.sleep(0.5)
    s.line("stty size", "31 71")
    s.send("sleep 100\r")
    time.sleep(0.3)
    s.send("\x1a")
    s.expect("Stopped")
    s.expect("@> ")
    s.line("kill -9 %1; sleep 0.3")
    s.line("")
    s.send("exit\r")
    if s.wait() != 5:
        raise Failed("status")
    s.close()


@scenario("bash")
def terminal_goes_away():
    """The window is closed: everything in it is hung up."""
    mark = tempfile.mktemp(prefix="hup", dir="/tmp")
    options = [] if native else ["-v", "/tmp:/tmp"]
    s = Session("bash", "--norc", "--noprofile", options=options)
    s.expect("@> ")
    s.send("trap 'echo gone >%s; exit' HUP; while :; do sleep 0.1; done\r" % mark)
    time.sleep(0.5)
    s.quiet()
    s.close()
    for _ in range(100):
        if os.path.exists(mark):
            os.unlink(mark)
            return
        time.sleep(0.05)
    raise Failed("not hung up")


def children(pid):
    return [int(c) for c in open("/proc/%d/task/%d/children" % (pid, pid)).read().split()]


@scenario("bash")
def sentry_killed():
    """The sandbox dies under the user: the terminal is as before, and picket says so."""
    if native:
        return
    s = Session("bash", "--norc", "--noprofile")
    before = termios.tcgetattr(s.fd)
    s.expect("@> ")
    if termios.tcgetattr(s.fd)[3] & termios.ICANON:
        raise Failed("not raw")
    for keeper in children(s.pid):
        for child in children(keeper):
            os.kill(child, signal.SIGKILL)
    s.expect("sentry was ended by signal 9")
    if s.wait() != 125:
        raise Failed("status")
    if termios.tcgetattr(s.fd)[3] & (termios.ICANON | termios.ECHO) != termios.ICANON | termios.ECHO:
        raise Failed("still raw")
    s.close()


@scenario("bash")
def utf8_line_editing():
    s = Session("sh", "-c", "stty iutf8; cat; echo en''d" if native else "cat; echo en''d", iutf8=True)
    time.sleep(0.5)
    s.send("a\u00e4\u20ac\x7f\x7fb\r")
    s.expect("\b \b\b \bb\r\nab\r\n")
    s.send("\x04")
    s.expect("end")
    s.wait()
    s.close()


@scenario("bash")
def flood_and_interrupt():
    """Ctrl-C gets through a flood of output, Ctrl-S stops it, Ctrl-Q lets it go on."""
    s = Session("bash", "--norc", "--noprofile")
    s.expect("@> ")
    s.send("yes flood\r")
    s.expect("flood\r\nflood\r\nflood")
    s.send("\x13")
    end = time.monotonic() + 5
    while time.monotonic() < end and s.more(0.5):
        s.buffer = s.buffer[-100:]
    if s.more(0.5):
        raise Failed("not stopped")
    s.send("\x11")
    s.expect("flood\r\nflood\r\nflood")
    s.send("\x03")
    end = time.monotonic() + SLOW
    while time.monotonic() < end and s.more(0.5):
        s.buffer = s.buffer[-100:]
    s.expect("@> $")
    s.line("echo st=$?", "st=130")
    s.send("exit\r")
    s.wait()
    s.close()


def gdb_start(s):
    s.expect(r"\(gdb\) ")
    for line in ("set pagination off", "set confirm off", "set style enabled off", "set debuginfod enabled off", "set width 0"):
        s.send(line + "\r")
        s.expect(r"\(gdb\) ")


def gdb_line(s, text, pattern=None):
    s.send(text + "\r")
    m = s.expect(pattern) if pattern else None
    s.expect(r"\(gdb\) $")
    return m


GDB = ("gdb", "-q", "-nx")
# Some kernels do not take the extended state back that they gave; no function can be called then.
GDB_CALLED = r"\$1 = (\d+)" + ("|Couldn't write extended state" if native else "")
INFERIOR = r"""
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
volatile int counter, go = 1;
static void *other(void *arg) { while (go) usleep(1000); return arg; }
static int add(int n) { counter += n; return counter; }
int main(void)
{
	pthread_t th;
	int i;
	for (i = 0; i < 3; i++)
		add(i + 1);
	pthread_create(&th, NULL, other, NULL);
	printf("added %d\\n", counter);
	fflush(stdout);
	while (go) usleep(1000);
	printf("went on\\n");
	pthread_join(th, NULL);
	return 7;
}
"""


@scenario("gdb", "gcc")
def gdb_on_a_program():
    """Breakpoints, steps, a watchpoint, threads, calls and Ctrl-C, all from a terminal."""
    with tempfile.TemporaryDirectory(prefix="picket-gdb-") as d:
        os.chmod(d, 0o755)
        with open(d + "/a.c", "w") as f:
            f.write(INFERIOR)
        if os.system("gcc -g -O0 -pthread -o %s/a %s/a.c" % (d, d)):
            raise Failed("gcc")
        s = Session(*GDB, d + "/a" if native else "/x/a", options=("-v", d + ":/x"))
        gdb_start(s)
        gdb_line(s, "break main", "Breakpoint 1 at")
        gdb_line(s, "run", r"Breakpoint 1, main \(\)")
        gdb_line(s, "next", "\\d")
        gdb_line(s, "break add", "Breakpoint 2 at")
        gdb_line(s, "continue", r"Breakpoint 2.* add \(n=1\)")
        gdb_line(s, "bt", r"#0 +add \(n=1\).*#1 .*main \(\)")
        gdb_line(s, "watch counter", "Hardware watchpoint 3: counter")
        gdb_line(s, "continue", "Old value = 0\r\nNew value = 1")
        gdb_line(s, "delete 2 3")
        gdb_line(s, "step")
        pid = gdb_line(s, "print (int)getpid()", GDB_CALLED).group(1)
        gdb_line(s, "info inferiors", "process " + (pid or ""))
        s.send("continue\r")
        s.expect("added 6")
        time.sleep(0.3)
        s.send("\x03")
        s.expect("received signal SIGINT, Interrupt.")
        s.expect(r"\(gdb\) $")
        gdb_line(s, "info threads", r" 1 .* 2 ")
        gdb_line(s, "thread apply all bt 2", r"Thread 2.*Thread 1")
        gdb_line(s, "set var go = 0")
        gdb_line(s, "continue", r"went on.*exited with code 07")
        gdb_line(s, "run", r"Breakpoint 1, main \(\)")
        gdb_line(s, "kill", "killed")
        s.send("quit\r")
        if s.wait():
            raise Failed("gdb fails")
        s.close()


@scenario("gdb", "python3")
def gdb_on_python():
    program = "import time\nprint('be' + 'gun', flush=True)\nwhile 1: time.sleep(0.01)"
    with tempfile.TemporaryDirectory(prefix="picket-gdb-") as d:
        os.chmod(d, 0o755)
        with open(d + "/p.py", "w") as f:
            f.write(program)
        s = Session(*GDB, "--args", "/usr/bin/python3", d + "/p.py" if native else "/x/p.py", options=("-v", d + ":/x"))
        gdb_start(s)
        s.send("run\r")
        s.expect("begun", 60)
        time.sleep(0.3)
        s.send("\x03")
        s.expect("received signal SIGINT")
        s.expect(r"\(gdb\) $")
        gdb_line(s, "bt", "#0 ")
        gdb_line(s, "info threads", r"\* 1 ")
        gdb_line(s, "stepi")
        gdb_line(s, "call (int)getpid()", GDB_CALLED)
        s.send("continue\r")
        time.sleep(0.5)
        s.send("\x03")
        s.expect("received signal SIGINT")
        s.expect(r"\(gdb\) $")
        gdb_line(s, "kill", "killed")
        s.send("quit\r")
        if s.wait():
            raise Failed("gdb fails")
        s.close()


@scenario("strace", "bash")
def strace_attached():
    """strace -p follows a program that runs, and Ctrl-C lets go of it."""
    s = Session("bash", "--norc", "--noprofile")
    s.expect("@> ")
    s.line("(while :; do sleep 0.1; done) & p=$!", r"\d\n?")
    s.send("strace -f -p $p\r")
    s.expect(r"(attached.*)(clone|wait4|vfork|execve).*exited with 0")
    s.send("\x03")
    s.expect("detached")
    s.expect("@> $")
    s.line("kill -0 $p && echo there''", "there")
    s.line("grep TracerPid /proc/$p/status", r"TracerPid:\s+0\r")
    s.line("kill $p; wait $p; echo st''=$?", "st=143")
    s.line("strace -e trace=write -o /dev/stdout echo hel''lo", r"exited with 0")
    s.send("strace -e trace=none sleep 100\r")
    time.sleep(0.5)
    s.send("\x03")
    s.expect("strace: Process \\d+ detached|killed by SIGINT")
    s.expect("@> $")
    s.send("exit\r")
    s.wait()
    s.close()


def main():
    global failures
    for name, needs, fn in SCENARIOS:
        if filters and not any(f in name for f in filters):
            continue
        missing = [p for p in needs if not shutil.which(p)]
        if missing:
            print("ok %s # SKIP no %s" % (name, missing[0]), flush=True)
            continue
        start = time.monotonic()
        try:
            fn()
            print("ok %s (%.1f s)" % (name, time.monotonic() - start), flush=True)
        except (Failed, OSError) as e:
            failures += 1
            print("not ok %s: %s" % (name, e), flush=True)
    sys.exit(1 if failures else 0)


main()
