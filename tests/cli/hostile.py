#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A sentry that has been taken over against its keeper and the commands that ask; and what a guest leaves behind for the host.

Use: hostile.py BUILD-DIRECTORY [FILTER], as an ordinary user. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import array
import json
import os
import pty
import random
import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

build = os.path.abspath(sys.argv[1])
wanted = sys.argv[2] if len(sys.argv) > 2 else ""
work = tempfile.mkdtemp(prefix="picket-test-")
os.environ.update(XDG_RUNTIME_DIR=work + "/run", PICKET_STORE=work + "/store", PICKET_CONFIG=work + "/config",
                  ASAN_OPTIONS="detect_leaks=0")
for d in ("/run", "/bin"):
    os.mkdir(work + d, 0o700)
shutil.copy(build + "/cmd/picket", work + "/bin/picket")
shutil.copy(build + "/tests/cli/fake-sentry", work + "/bin/picket-sentry")
REAL, FAKE = build + "/cmd/picket", work + "/bin/picket"
failures = 0


def check(name, good, detail=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + ("" if good else f" ({detail!r})"), flush=True)


def call(picket, *args, timeout=60):
    try:
        return subprocess.run([picket, *args], capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(args, -1, b"", b"it took too long")


def begin(picket, *args):
    r = call(picket, "run", "-d", "--network", "none", *args)
    assert r.returncode == 0, r.stderr
    return r.stdout.decode().strip()


def keeper_of(name):
    ident = os.readlink(work + "/store/names/" + name)
    return json.load(open(f"{work}/store/sandboxes/{ident}/state.json"))["pid"]


def resident(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) >> 10
    return 0


def test_flood():
    for text in ("started", "oom 7 x", "answer 1 ok x", "x" * 4000):
        name = "flood" + str(len(text))
        begin(FAKE, "--name", name, "host", "--", "flood", text)
        keeper = keeper_of(name)
        time.sleep(1)
        start = time.time()
        r = call(FAKE, "stop", "-t", "1", name, timeout=15)
        check(f"a sentry that says {text[:10]} for ever: stop", r.returncode == 0 and time.time() - start < 8, r.stderr)
        if r.returncode:
            check("  its keeper is small", resident(keeper) < 120, resident(keeper))
        check("  rm", call(FAKE, "rm", "-f", name).returncode == 0)
    starts = open(work + "/run/picket/events.json").read().count('"Action":"start"')
    check("each start is told once", starts == 4, starts)


def test_flood_foreground():
    """A client in the foreground that does not read: nothing is queued for it without end."""
    r, w = os.pipe()
    p = subprocess.Popen([FAKE, "run", "--network", "none", "--name", "front", "host", "--", "flood", "started"],
                         stdin=subprocess.DEVNULL, stdout=w, stderr=w)
    os.close(w)
    end = time.time() + 10
    while not os.path.islink(work + "/store/names/front") and time.time() < end:
        time.sleep(0.05)
    time.sleep(0.3)
    keeper = keeper_of("front")
    os.kill(p.pid, 19)
    time.sleep(2)
    check("a stopped client in the foreground: the keeper is small", resident(keeper) < 120, resident(keeper))
    os.kill(p.pid, 9)
    p.wait()
    os.close(r)
    check("  rm", call(FAKE, "rm", "-f", "front").returncode == 0)


def test_control():
    """Anything on the keeper's socket: it goes on, and keeps no descriptor."""
    begin(REAL, "-i", "--name", "asked", "host", "--", "sleep", "300")
    keeper = keeper_of("asked")
    path = work + "/run/picket/" + os.readlink(work + "/store/names/asked")[:12] + "/control.sock"
    before = len(os.listdir(f"/proc/{keeper}/fd"))
    rnd = random.Random(4)
    values = [None, True, -1, 1 << 62, 1e300, "", "x" * 50000, "\0", [], {}, "top", "exec", "../..", "next-exit"]
    held = []
    for _ in range(400):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(0.2)
        message = rnd.choice([
            b"", os.urandom(900), b"[" * 60000, b'{"a":' * 12000, b"x" * 65536, b"x" * 100000,
            *[json.dumps({"do": rnd.choice(["state", "ask", "exec", "attach", "update", "reload", "wait", 5, [], "x"]),
                          rnd.choice(["text", "limits", "condition", "command", "no_stdin"]): rnd.choice(values)}).encode()
              for _ in range(8)]])
        fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(rnd.choice([0, 0, 1, 3, 16, 40]))]
        try:
            s.connect(path)
            s.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
            for _ in range(rnd.randrange(3)):
                s.send(rnd.choice([b"i", b"I", b"w", b"d", b"a", b"\0", b"w70000 -1", b"i" * 32000, b"q" * 40000]))
        except OSError:
            pass
        for f in fds:
            os.close(f)
        held.append(s)
        if len(held) > 100:
            held.pop(rnd.randrange(100)).close()
    for s in held:
        s.close()
    end = time.time() + 10
    while len(os.listdir(f"/proc/{keeper}/fd")) > before and time.time() < end:
        time.sleep(0.1)
    after = len(os.listdir(f"/proc/{keeper}/fd"))
    check("anything on the control socket: no descriptor stays", after <= before, (before, after))
    r = call(REAL, "exec", "asked", "echo", "here")
    check("  the keeper goes on", r.stdout == b"here\n" and resident(keeper) < 120, (r.stderr, resident(keeper)))
    call(REAL, "rm", "-f", "asked")


def test_liar():
    begin(FAKE, "--name", "liar", "host", "--", "liar")
    for words in (("top", "liar"), ("stats", "--no-stream", "liar"), ("pause", "liar"), ("unpause", "liar"),
                  ("update", "--memory", "64m", "liar")):
        r = call(FAKE, *words, timeout=20)
        grown = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
        check(f"a sentry that lies: {words[0]} ends, small, and shows no orders",
              r.returncode in (0, 1) and grown < 200 and b"\x1b" not in r.stdout + r.stderr and b"\xc2\x9b" not in r.stdout + r.stderr,
              (r.returncode, grown, r.stdout[:200], r.stderr[:200]))
    check("  rm", call(FAKE, "rm", "-f", "liar").returncode == 0)


def test_deep():
    deep = "import os\nos.chdir('/deep' if os.path.isdir('/deep') else '/root')\nfor i in range(5000): os.mkdir('d'); os.chdir('d')"
    r = call(REAL, "run", "--network", "none", "--name", "deep", "-v", "vol:/deep", "host", "--", "python3", "-c", deep)
    check("a volume deeper than there are descriptors", r.returncode == 0, r.stderr)
    r = call(REAL, "run", "--network", "none", "--name", "deep2", "host", "--", "python3", "-c", deep)
    check("a sandbox too", r.returncode == 0, r.stderr)
    r = call(REAL, "rm", "deep", "deep2")
    check("  rm", r.returncode == 0, r.stderr)
    check("  nothing is left", os.listdir(work + "/store/sandboxes") == [], os.listdir(work + "/store/sandboxes"))
    r = call(REAL, "volume", "rm", "vol")
    check("  volume rm", r.returncode == 0 and os.listdir(work + "/store/volumes") == [], r.stderr)


def on_terminal(script, typed, quiet=2.0):
    """Run sh -c SCRIPT on a terminal of its own; type after a second. What it showed."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv("/bin/sh", ["sh", "-c", script])
    time.sleep(quiet)
    os.write(fd, typed)
    seen, end = b"", time.time() + 20
    while time.time() < end:
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            seen += os.read(fd, 4096)
        except OSError:
            break
    os.waitpid(pid, 0)
    os.close(fd)
    return seen


def test_terminal():
    """What exec leaves running in the sandbox has nothing of the terminal that it was started from."""
    begin(REAL, "--name", "box", "host", "--", "sleep", "300")
    inside = "(cat <&5; cat /dev/fd/6; cat <&6; sleep 1; echo LATER >&6) >/tmp/stolen 2>&1 & sleep 0.2; echo MINE"
    for flags in ("", "-i"):
        seen = on_terminal(f"{REAL} exec {flags} box sh -c 'exec 5<&0 6>&2; {inside}'; read x; echo got=$x; sleep 0.5", b"secret\nsecond\n")
        stolen = call(REAL, "exec", "box", "cat", "/tmp/stolen").stdout
        check(f"exec {flags}: its output comes", b"MINE" in seen, seen)
        check("  what is typed later is not read inside", b"secret" not in stolen and b"second" not in stolen and b"got=secret" in seen,
              (stolen, seen))
        check("  nothing is written later", b"LATER" not in seen, seen)
    seen = on_terminal(f"{REAL} exec -i box sh -c 'read x; echo [$x]'", b"typed\n", 1)
    check("exec -i: what is typed meanwhile is", b"[typed]" in seen, seen)
    seen = on_terminal(f"{REAL} exec box sh -c 'head -c 300000 /dev/zero | tr \"\\0\" x'; echo status=$?", b"")
    check("exec: all of a long output", seen.count(b"x") >= 300000 and b"status=0" in seen, (len(seen), seen[-100:]))
    seen = on_terminal(f"{REAL} run --rm --network none host -- sh -c 'cat /dev/fd/1; cat /dev/fd/2; sleep 1'; read x; echo got=$x", b"secret\n", 1)
    check("run: the output is no way to what is typed", b"got=secret" in seen, seen)
    call(REAL, "rm", "-f", "box")


for name, test in list(globals().items()):
    if name.startswith("test_") and wanted in name:
        test()
subprocess.run("picket ps -aq | xargs -r picket rm -f", shell=True, capture_output=True, env={**os.environ, "PATH": build + "/cmd:/usr/bin:/bin"})
subprocess.run(["rm", "-rf", work])
sys.exit(failures > 0)
