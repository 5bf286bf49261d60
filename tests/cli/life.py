#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The life of sandboxes from outside: create, start, stop, kill, restart, wait, rm, rename, ps, inspect, prune.

Use: life.py BUILD-DIRECTORY [FILTER ...]. Prints "ok NAME" or "not ok NAME". Has a store and a runtime directory of its own.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

build = os.path.abspath(sys.argv[1])
filters = sys.argv[2:]
picket = build + "/cmd/picket"
work = tempfile.mkdtemp(prefix="picket-life-")
os.mkdir(work + "/run", 0o700)
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": work, "XDG_RUNTIME_DIR": work + "/run",
       "LANG": "C.UTF-8"}
failures = 0
HOST = ["--network", "none", "host", "--"]


def run(*args, env=None, timeout=60, **kw):
    return subprocess.run([picket, *args], env=env or ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=kw.pop("stdin", subprocess.DEVNULL), timeout=timeout, **kw)


def out(*args, **kw):
    r = run(*args, **kw)
    assert r.returncode == 0, "%s: %d %s" % (args, r.returncode, r.stderr)
    return r.stdout.rstrip("\n")


def fails(status, text, *args, **kw):
    r = run(*args, **kw)
    assert r.returncode == status, "%s: status %d, not %d: %s" % (args, r.returncode, status, r.stderr)
    assert text in r.stderr, "%s says %r" % (args, r.stderr)
    return r


def equal(a, b):
    assert a == b, "%r is not %r" % (a, b)


def eventually(what, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def store(*path):
    return os.path.join(work, ".local/share/picket", *path)


def status(name):
    return out("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)


def test_create_start():
    sid = out("create", "--name", "one", *HOST, "sh", "-c", "echo hello; exit 3")
    assert re.fullmatch("[0-9a-f]{64}", sid), sid
    equal(status("one"), "created 0")
    fails(1, "no such sandbox: ome; did you mean one?", "start", "ome")
    equal(os.readlink(store("names/one")), sid)
    r = run("start", "-a", "one")
    equal((r.stdout, r.returncode), ("hello\n", 3))
    equal(status("one"), "exited 3")
    equal(out("start", "one"), "one")
    equal(out("wait", "one"), "3")
    equal(out("rm", sid[:12]), sid[:12])
    fails(1, "no such sandbox: one", "start", "one")
    equal(os.listdir(store("sandboxes")), [])
    equal(os.listdir(store("names")), [])


def test_what_is_kept():
    run("run", *HOST, "true")
    equal(out("ps", "-aq"), "")
    run("run", "--keep", *HOST, "true")
    run("run", "--name", "named", *HOST, "true")
    run("run", "--rm", "--name", "gone", *HOST, "true")
    sid = out("run", "-d", *HOST, "true")
    equal(len(out("ps", "-aq").split()), 3)
    out("wait", sid)
    out("rm", *out("ps", "-aq").split())
    equal(out("ps", "-aq"), "")


def test_environment_is_of_creation():
    env = {**ENV, "WHEN": "then", "ELSE": "x"}
    with open(work + "/vars", "w") as f:
        f.write("FROMFILE=f\n")
    out("create", "--name", "e", "-e", "WHEN", "-e", "NEVER", "--env-file", work + "/vars", *HOST, "sh", "-c",
        "echo $WHEN $NEVER $FROMFILE", env=env)
    os.unlink(work + "/vars")
    equal(out("start", "-a", "e", env={**ENV, "WHEN": "now", "NEVER": "set"}), "then f")
    os.mkdir(work + "/here")
    with open(work + "/here/file", "w") as f:
        f.write("text")
    out("create", "--name", "v", "-v", "./here:/there", *HOST, "cat", "/there/file", cwd=work)
    equal(out("start", "-a", "v", cwd="/"), "text")
    out("rm", "e", "v")


def test_stop_kill_restart():
    for name in ("a", "b"):
        out("run", "-d", "--name", name, *HOST, "sleep", "1000")
    begin = time.time()
    equal(out("stop", "-t", "1", "a", "b"), "a\nb")
    assert time.time() - begin < 8
    equal(status("a"), "exited 143" if status("a").endswith("143") else "exited 137")
    equal(out("stop", "a"), "a")
    fails(1, "it is not running", "kill", "a")
    fails(1, "is no signal", "kill", "-s", "NONSENSE", "a")
    fails(1, "--time takes", "stop", "-t", "x", "a")
    out("restart", "-t", "1", "a")
    equal(status("a"), "running 0")
    out("restart", "-t", "1", "a")
    equal(status("a"), "running 0")
    out("kill", "a")
    equal(out("wait", "a"), "137")
    r = fails(1, "no such sandbox: nothing", "start", "nothing", "b")
    equal(r.stdout, "b\n")
    fails(1, "which is running: stop it first", "rm", "b")
    equal(out("rm", "-f", "a", "b", "nothing"), "a\nb")


def test_trap():
    """stop sends the signal that was asked for, and a program that ends on it ends with its own status."""
    out("run", "-d", "--name", "t", *HOST, "sh", "-c", "trap 'exit 9' USR1; trap '' TERM; while :; do sleep 0.05; done")
    time.sleep(0.3)
    out("stop", "-s", "USR1", "t")
    equal(status("t"), "exited 9")
    out("rm", "t")


def test_names():
    sid = out("create", "--name", "n1", *HOST, "true")
    fails(125, 'the name "n1" is in use by the sandbox ' + sid[:12], "create", "--name", "n1", *HOST, "true")
    fails(125, "is no name for a sandbox", "create", "--name", "bad name", *HOST, "true")
    fails(125, "is no name for a sandbox", "create", "--name", "../x", *HOST, "true")
    out("rename", "n1", "n2")
    fails(1, "no such sandbox: n1", "rename", "n1", "n3")
    equal(out("ps", "-a", "--format", "{{.Names}}"), "n2")
    fails(1, "is called n2 already", "rename", "n2", "n2")
    out("create", "--name", "n1", *HOST, "true")
    fails(1, 'the name "n1" is in use', "rename", "n2", "n1")
    equal(out("inspect", "-f", "{{.Name}}", sid[:5]), "/n2")
    # A name that runs, and is dropped at its end, is one too.
    p = subprocess.Popen([picket, "run", "--rm", "--name", "live", *HOST, "sleep", "1000"], env=ENV)
    eventually(lambda: out("ps", "-q", "-f", "name=live"))
    fails(125, 'the name "live" is in use', "create", "--name", "live", *HOST, "true")
    out("rename", "live", "alive")
    out("rm", "-f", "alive")
    p.wait(20)
    equal(out("ps", "-aq", "-f", "name=live"), "")
    # Links that lead nowhere do not hold a name.
    os.symlink("0" * 64, store("names/dead"))
    out("create", "--name", "dead", *HOST, "true")
    random = out("create", *HOST, "true")
    assert re.fullmatch("[a-z]+_[a-z]+[0-9]*", out("ps", "-lf", "id=" + random, "--format", "{{.Names}}"))
    out("rm", "n1", "n2", "dead", random)


def test_ps():
    a = out("create", "--name", "aa", "-l", "x=1", "-l", "only", *HOST, "sleep", "1000")
    b = out("run", "-d", "--name", "bb", "-l", "x=2", *HOST, "sleep", "1000")
    run("run", "--name", "cc", *HOST, "sh", "-c", "exit 5")
    equal(out("ps", "-q"), b[:12])
    equal(out("ps", "-aq", "--no-trunc", "-f", "name=^a"), a)
    equal(len(out("ps", "-a", "-n", "2", "-q").split()), 2)
    equal(out("ps", "-l", "--format", "{{.Names}}"), "cc")
    lines = out("ps", "-a").split("\n")
    equal(re.split("  +", lines[0]), ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"])
    assert re.search(r"Exited \(5\) .* ago +cc$", lines[1]), lines[1]
    assert re.search(r'^%s +host +"sleep 1000" .* Up .* bb$' % b[:12], lines[2]), lines[2]
    assert re.search("Created +aa$", lines[3]), lines[3]

    def names(*args):
        words = []
        for f in args:
            words += ["-f", f]
        return sorted(out("ps", "-a", "--format", "{{.Names}}", *words).split())

    equal(names("label=x"), ["aa", "bb"])
    equal(names("label=x=1"), ["aa"])
    equal(names("label=x", "label=only"), ["aa"])
    equal(names("status=created", "status=running"), ["aa", "bb"])
    equal(names("exited=5"), ["cc"])
    equal(names("before=bb"), ["aa"])
    equal(names("since=aa"), ["bb", "cc"])
    equal(names("id=" + a[:7]), ["aa"])
    equal(names("ancestor=host"), ["aa", "bb", "cc"])
    equal(names("ancestor=other"), [])
    equal(names("health=none", "name=b"), ["bb"])
    fails(1, "--filter nonsense=1", "ps", "-f", "nonsense=1")
    fails(1, "--filter status=up", "ps", "-f", "status=up")
    fails(1, "no such sandbox: zz", "ps", "-f", "before=zz")
    fails(1, "which is not there; there are: ", "ps", "-a", "--format", "{{.Nope}}")
    fails(1, "--format: the template is wrong", "ps", "--format", "{{.ID")
    rows = [json.loads(line) for line in out("ps", "-a", "--format", "json").split("\n")]
    equal([r["Names"] for r in rows], ["cc", "bb", "aa"])
    equal(rows[2]["Labels"], "x=1,only=")
    equal(rows[1]["State"], "running")
    equal(out("ps", "-a", "--format", 'table {{.Names}}\\t{{.Label "x"}}').split("\n")[0].split()[0], "NAMES")
    out("rm", "-f", "aa", "bb", "cc")


def test_inspect():
    sid = out("create", "--name", "i", "-e", "A=b", "-w", "/tmp", "-v", work + ":/mnt:ro", "-l", "k=v", "-m", "64m", *HOST,
              "sh", "-c", "x")
    c = json.loads(out("inspect", "i"))[0]
    equal(c["Id"], sid)
    equal(c["Name"], "/i")
    equal((c["Path"], c["Args"]), ("sh", ["-c", "x"]))
    equal(c["State"]["Status"], "created")
    equal(c["State"]["Health"], None)
    equal(c["Config"]["Cmd"], ["sh", "-c", "x"])
    assert "A=b" in c["Config"]["Env"] and c["Config"]["WorkingDir"] == "/tmp"
    equal(c["Config"]["Labels"], {"k": "v"})
    equal(c["HostConfig"]["Memory"], 64 << 20)
    equal(c["HostConfig"]["NetworkMode"], "none")
    m = c["Mounts"][0]
    equal((m["Type"], m["Source"], m["Destination"], m["RW"]), ("bind", work, "/mnt", False))
    equal(out("inspect", "-f", "{{range .Mounts}}{{.Destination}}{{end}} {{index .Config.Labels \"k\"}}", "i"), "/mnt v")
    r = fails(1, "no such sandbox or image: none", "inspect", "i", "none")
    equal(len(json.loads(r.stdout)), 1)
    fails(1, "--type takes", "inspect", "--type", "thing", "i")
    out("start", "i")
    out("rm", "-f", "i")


def test_files():
    cid, pid = work + "/cid", work + "/pid"
    with open(work + "/labels", "w") as f:
        f.write("# none\nfrom=file\n")
    sid = out("run", "-d", "--cidfile", cid, "--pid-file", pid, "--label-file", work + "/labels", *HOST, "sleep", "1000")
    with open(cid) as f:
        equal(f.read(), sid)
    with open(pid) as f:
        keeper = int(f.read())
    fails(125, "the file is there already", "run", "--cidfile", cid, *HOST, "true")
    equal(out("ps", "-aq", "-f", "label=from=file"), sid[:12])
    # Who ends the keeper ends the sandbox.
    os.kill(keeper, signal.SIGTERM)
    out("wait", sid)
    out("rm", sid)
    fails(125, "", "run", "--cidfile", work + "/cid2", "--name", "bad/name", *HOST, "true")
    assert not os.path.exists(work + "/cid2")


def test_crash():
    """A keeper that is killed leaves an entry that counts as exited, and nothing else."""
    sid = out("run", "-d", "--name", "k", "--pid-file", work + "/kp", *HOST, "sleep", "1000")
    with open(work + "/kp") as f:
        os.kill(int(f.read()), signal.SIGKILL)
    eventually(lambda: status("k") == "exited 137")
    equal(out("inspect", "-f", "{{.State.Error}}", "k"), "the keeper was killed")
    equal(os.path.exists(work + "/run/picket/" + sid[:12]), False)
    equal(out("start", "k"), "k")
    equal(status("k"), "running 0")
    out("rm", "-f", "k")
    p = subprocess.Popen([picket, "run", "--rm", "--name", "kk", *HOST, "sleep", "1000"], env=ENV)
    eventually(lambda: out("ps", "-q", "-f", "name=kk"))
    p.kill()
    p.wait()
    equal(out("ps", "-aq"), "")
    out("create", "--name", "kk", *HOST, "true")
    out("rm", "kk")
    # A state of another boot.
    sid = out("create", "--name", "boot", *HOST, "true")
    with open(store("sandboxes", sid, "state.json"), "w") as f:
        json.dump({"status": "running", "pid": os.getpid(), "start": 1, "boot": "x"}, f)
    equal(status("boot"), "exited 137")
    out("rm", "boot")


def test_damaged():
    """Files that are not as they should be hurt nobody else."""
    good = out("create", "--name", "good", *HOST, "true")
    for i, text in enumerate(("", "{", "[]", '{"id": 3}', '{"id": "%s", "name": 7}', '{"id": "%s", "name": "../../x"}',
                              '{"id": "%s", "name": "ok", "options": "x"}')):
        bad = ("%d" % i) * 64
        os.mkdir(store("sandboxes", bad), 0o700)
        with open(store("sandboxes", bad, "config.json"), "w") as f:
            f.write(text.replace("%s", bad))
    equal(out("ps", "-aq"), good[:12])
    fails(1, "is damaged; picket rm -f", "start", "1" * 64)
    for i in range(7):
        equal(out("rm", "-f", ("%d" % i) * 12), ("%d" % i) * 12)
    equal(os.listdir(store("sandboxes")), [good])
    with open(store("sandboxes", good, "state.json"), "w") as f:
        f.write('{"status": "running", "pid": -1}')
    fails(1, "the entry of the sandbox good is damaged; picket rm -f good removes it", "start", "good")
    out("rm", "-f", "good")
    equal(os.listdir(store("sandboxes")), [])
    # The name is free again.
    out("rm", out("create", "--name", "good", *HOST, "true"))


def test_prune():
    a = out("create", "--name", "p1", "-l", "keep", *HOST, "true")
    out("create", "--name", "p2", *HOST, "true")
    out("run", "-d", "--name", "p3", *HOST, "sleep", "1000")
    r = subprocess.run([picket, "container", "prune"], env=ENV, input="n\n", text=True, capture_output=True)
    assert "Are you sure" in r.stdout and r.returncode == 0
    equal(len(out("ps", "-aq").split()), 3)
    out("container", "prune", "-f", "--filter", "until=1h")
    equal(len(out("ps", "-aq").split()), 3)
    assert "Total reclaimed space" in out("container", "prune", "-f", "--filter", "label!=keep")
    equal(sorted(out("ps", "-a", "--format", "{{.Names}}").split()), ["p1", "p3"])
    r = subprocess.run([picket, "container", "prune"], env=ENV, input="y\n", text=True, capture_output=True)
    assert a in r.stdout
    equal(out("ps", "-a", "--format", "{{.Names}}"), "p3")
    out("rm", "-f", "p3")


def test_own_volumes():
    """A volume without a name goes with its sandbox by rm -v, or when it is alone by system prune --volumes."""
    own = ["--network", "none", "-v", "/data", "host", "--", "sh", "-c", "echo x >/data/f"]
    equal(run("run", "--name", "ov1", *own).returncode, 0)
    equal(run("run", "--name", "ov2", *own).returncode, 0)
    equal(len(out("volume", "ls", "-q").split()), 2)
    out("rm", "-v", "ov1")
    equal(len(out("volume", "ls", "-q").split()), 1)
    out("rm", "ov2")
    out("system", "prune", "-f")
    equal(len(out("volume", "ls", "-q").split()), 1)
    assert "Deleted volume: " in out("system", "prune", "-f", "--volumes")
    equal(out("volume", "ls", "-q"), "")


def test_two_words():
    sid = out("container", "create", "--name", "tw", *HOST, "true")
    equal(out("container", "ls", "-aq"), sid[:12])
    out("container", "start", "tw")
    out("container", "wait", "tw")
    equal(out("container", "inspect", "-f", "{{.State.ExitCode}}", "tw"), "0")
    out("container", "rm", "tw")


def test_poor_surroundings():
    bare = {"PATH": ENV["PATH"]}
    equal(out("run", "--network", "none", "host", "--", "echo", "x", env=bare), "x")
    fails(125, "HOME", "run", "-d", "--network", "none", "host", "--", "true", env=bare)
    equal(out("run", "--rm", *HOST, "echo", "x", env={**ENV, "HOME": "/proc/nowhere"}), "x")
    r = run("create", *HOST, "true", env={**ENV, "HOME": "/proc/nowhere"})
    equal(r.returncode, 125)
    # Another runtime directory than where it was started: as from cron.
    other = {**ENV}
    del other["XDG_RUNTIME_DIR"]
    out("run", "-d", "--name", "far", *HOST, "sleep", "1000")
    equal(out("ps", "--format", "{{.Names}}", "-f", "name=far", env=other), "far")
    equal(out("stop", "-t", "1", "far", env=other), "far")
    out("start", "far", env=other)
    out("rm", "-f", "far")


def sandbox_left():
    """Directories of sandboxes in the runtime directory."""
    return [n for n in os.listdir(work + "/run/picket") if re.fullmatch("[0-9a-f]{12}", n)]


tests = [(n[5:], f) for n, f in list(globals().items()) if n.startswith("test_")]
try:
    for name, test in tests:
        if filters and not any(f in name for f in filters):
            continue
        try:
            test()
            eventually(lambda: not sandbox_left(), 10)
            print("ok " + name, flush=True)
        except (AssertionError, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as e:
            failures += 1
            print("not ok %s: %s" % (name, e), flush=True)
            subprocess.run("%s rm -f $(%s ps -aq)" % (picket, picket), shell=True, env=ENV, capture_output=True)
finally:
    subprocess.run("%s rm -f $(%s ps -aq)" % (picket, picket), shell=True, env=ENV, capture_output=True)
    shutil.rmtree(work, ignore_errors=True)
sys.exit(1 if failures else 0)
