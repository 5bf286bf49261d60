#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Scopes that the user's systemd gives: the conversation, with a stand-in on a bus of the test's own; and sandboxes in such scopes, where
this user has a systemd and its cgroup v2 has controllers (a login of an ordinary machine).

Use: scope.py BUILD-DIRECTORY. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = sys.argv[1]
PICKET = BUILD + "/cmd/picket"
TRY = BUILD + "/tests/cli/scope-try"
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
ID = "org.freedesktop.systemd1"
failures = 0
home = tempfile.mkdtemp(prefix="picket-scope-")
sanitizer = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}


def check(name, good, more=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + (f": {more}" if not good else ""), flush=True)


# The manager's part: `manner` says how. It writes down what it was asked.
def stand_in(manner, told):
    import dbus
    import dbus.mainloop.glib
    import dbus.service
    from gi.repository import GLib

    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.bus.BusConnection(os.environ["DBUS_SESSION_BUS_ADDRESS"])

    class Manager(dbus.service.Object):
        @dbus.service.method(ID + ".Manager", in_signature="ssa(sv)a(sa(sv))", out_signature="o",
                             async_callbacks=("done", "failed"))
        def StartTransientUnit(self, name, mode, properties, aux, done, failed):
            with open(told, "w") as f:
                print(name, mode, sorted((str(k), repr(v)) for k, v in properties), len(aux), file=f)
            if manner == "refuse":
                failed(dbus.DBusException("no more scopes today", name=ID + ".Beer"))
                return
            if manner == "silent":
                return
            done(dbus.ObjectPath("/org/freedesktop/systemd1/job/7"))
            self.JobRemoved(6, "/org/freedesktop/systemd1/job/6", "other.scope", "failed")
            if manner != "forget":
                self.JobRemoved(7, "/org/freedesktop/systemd1/job/7", name, "failed" if manner == "fail" else "done")

        @dbus.service.signal(ID + ".Manager", signature="uoss")
        def JobRemoved(self, number, job, unit, result):
            pass

    name = dbus.service.BusName(ID, bus)
    Manager(name, "/org/freedesktop/systemd1")
    print("ready", flush=True)
    GLib.MainLoop().run()


def ask(env, *before):
    """Result, milliseconds, the process, its group, the reason."""
    out = subprocess.run([*before, TRY], env={"PATH": PATH, **sanitizer, **env}, capture_output=True, text=True, timeout=30)
    words = out.stdout.rstrip("\n").split(" ", 4)
    if len(words) < 5 or out.returncode:
        return -1, 0, 0, "", out.stdout + out.stderr
    return int(words[0]), int(words[1]), int(words[2]), words[3], words[4]


def test_absent():
    r = ask({"XDG_RUNTIME_DIR": home})
    check("no systemd", r[0] < 0 and r[1] < 500 and "no systemd of the user's own" in r[4], r)
    r = ask({"XDG_RUNTIME_DIR": home, "DBUS_SESSION_BUS_ADDRESS": f"unixexec:path=/bin/touch,argv1={home}/touched"})
    check("only sockets are asked", r[0] < 0 and not os.path.exists(home + "/touched"), r)
    r = ask({"XDG_RUNTIME_DIR": home, "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/none;unixexec:path=/bin/touch,argv1={home}/touched"})
    check("nor programs in a list", r[0] < 0 and not os.path.exists(home + "/touched"), r)
    r = ask({"XDG_RUNTIME_DIR": "/"})
    check("another user's directory is not looked at", r[0] < 0 and "no systemd of the user's own" in r[4], r)


def test_hung():
    os.mkdir(home + "/h u%ng", 0o700)
    s = socket.socket(socket.AF_UNIX)
    s.bind(home + "/h u%ng/bus")
    s.listen()
    r = ask({"XDG_RUNTIME_DIR": home + "/h u%ng"})
    check("a bus that says nothing is left after a second", r[0] < 0 and 950 <= r[1] < 5000 and "in time" in r[4], r)
    s.close()
    r = ask({"XDG_RUNTIME_DIR": home + "/h u%ng"})
    check("a dead bus", r[0] < 0 and r[1] < 900 and "refused" in r[4], r)


def manager(bus, manner):
    told = home + "/told"
    if os.path.exists(told):
        os.unlink(told)
    m = subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), BUILD, "--manager", manner, told], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, env={"PATH": PATH, "DBUS_SESSION_BUS_ADDRESS": bus})
    if m.stdout.readline() != b"ready\n":
        m.kill()
        m.wait()
        return None, told
    return m, told


def end(process):
    process.kill()
    process.wait()


def test_stand_in():
    run = home + "/run"
    os.mkdir(run, 0o700)
    if not shutil.which("dbus-daemon"):
        print("ok stand-in # SKIP no dbus-daemon")
        return
    daemon = subprocess.Popen(["dbus-daemon", "--session", f"--address=unix:path={run}/bus", "--nofork", "--nopidfile"], stderr=subprocess.DEVNULL)
    end_of = time.time() + 20
    while not os.path.exists(run + "/bus") and time.time() < end_of:
        time.sleep(0.02)
    r = ask({"XDG_RUNTIME_DIR": run})
    check("a bus without systemd", r[0] < 0 and r[1] < 900 and "the user's systemd:" in r[4], r)
    for manner, good in [("accept", lambda r: r[0] == 0), ("refuse", lambda r: r[0] < 0 and r[1] < 900 and r[4].endswith("no more scopes today")),
                         ("fail", lambda r: r[0] < 0 and r[1] < 900 and r[4].endswith("could not start a scope: failed")),
                         ("silent", lambda r: r[0] < 0 and r[1] >= 950 and "in time" in r[4]),
                         ("forget", lambda r: r[0] < 0 and r[1] >= 950 and "in time" in r[4])]:
        m, told = manager(f"unix:path={run}/bus", manner)
        if not m:
            print("ok stand-in # SKIP no python3-dbus with python3-gi")
            break
        r = ask({"XDG_RUNTIME_DIR": run})
        check("manager: " + manner, good(r), r)
        if manner == "accept":
            with open(told) as f:
                said = f.read()
            check("what is asked", said.startswith(f"picket-try-{r[2]}.scope fail ") and all(w in said for w in (
                "'CollectMode', ", "'inactive-or-failed'", "'Delegate', 'dbus.Boolean(True", f"dbus.UInt32({r[2]})", "'PIDs', ", "'Description', ")), said)
            r = ask({"XDG_RUNTIME_DIR": "/", "DBUS_SESSION_BUS_ADDRESS": f"unix:path={run}/bus"})
            check("DBUS_SESSION_BUS_ADDRESS", r[0] == 0, r)
            if subprocess.run(["unshare", "-Urpf", "true"], capture_output=True).returncode == 0:
                r = ask({"XDG_RUNTIME_DIR": "/", "DBUS_SESSION_BUS_ADDRESS": f"unix:path={run}/bus"}, "unshare", "-Urpf")
                check("another PID namespace", r[0] < 0 and "PID namespace" in r[4], r)
        end(m)
    end(daemon)


# From here on with this user's real systemd.

def picket(*args, more=None):
    env = {k: os.environ[k] for k in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS") if k in os.environ}
    env.update(sanitizer, PATH=PATH, HOME=home, PICKET_STORE=home + "/store", **(more or {}))
    return subprocess.run([PICKET, *args], env=env, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


def has_real():
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    try:
        with open("/sys/fs/cgroup/cgroup.controllers") as f:
            return "memory" in f.read().split() and os.path.exists(runtime + "/systemd/private")
    except OSError:
        return False


def group_of(name):
    r = picket("inspect", "--format", "{{.State.Pid}}", name)
    with open(f"/proc/{r.stdout.strip()}/cgroup") as f:
        return "/sys/fs/cgroup" + f.read().strip().split("::")[1]


def value(path, name):
    with open(path + "/" + name) as f:
        return f.read().strip()


def gone(path):
    end_of = time.time() + 20
    while os.path.exists(path) and time.time() < end_of:
        time.sleep(0.05)
    return not os.path.exists(path)


def start(name, *args, more=None):
    env = {k: os.environ[k] for k in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS") if k in os.environ}
    env.update(sanitizer, PATH=PATH, HOME=home, PICKET_STORE=home + "/store", **(more or {}))
    p = subprocess.Popen([PICKET, "run", "--network", "none", "--name", name, *args], env=env, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE)
    check(name + " starts", p.stdout.readline() == b"up\n")
    return p


def limits_of(name, group):
    check(name + ": limits", [value(group, "memory.max"), value(group, "pids.max"), value(group, "cpu.max")] ==
          [str((100 << 20) + (64 << 20)), "290", "50000 100000"], [value(group, n) for n in ("memory.max", "pids.max", "cpu.max")])


def test_none():
    r = picket("info", "--format", "{{.CgroupDriver}}", more={"PICKET_TEST_MODE": "nocgroup"})
    check("info without groups", r.stdout == "none\n", r.stdout + r.stderr)
    r = picket("info", more={"PICKET_TEST_MODE": "nocgroup"})
    check("info's line says why", "held by the sentry alone: switched off" in r.stdout, r.stdout)
    r = picket("doctor", more={"PICKET_TEST_MODE": "noscope"})
    check("doctor says why", "scopes are switched off" in r.stdout or "groups below" in r.stdout, r.stdout)


def test_real():
    if not has_real():
        print("ok sandboxes in scopes # SKIP this user has no systemd with cgroup v2's controllers")
        return
    limits = ("--memory", "100m", "--pids-limit", "17", "--cpus", "0.5")
    sleep = ("host", "--", "sh", "-c", "echo up; exec sleep 100")
    with open("/proc/self/cgroup") as f:
        login = f"/user-{os.getuid()}.slice/session-" in f.read()
    stays = login or os.path.exists("/var/lib/systemd/linger/" + pwd.getpwuid(os.getuid()).pw_name)
    for name, more in [("direct", ("--rm",)), ("kept", ())]:
        p = start(name, *more, *limits, *sleep)
        group = group_of(name)
        check(name + ": its group", "/picket-" in group, group)
        limits_of(name, group)
        r = picket("update", "--memory", "120m", name)
        check(name + ": update", value(group, "memory.max") == str((120 << 20) + (64 << 20)), r.stderr)
        picket("kill", name)
        p.wait()
        check(name + ": the group is gone", gone(group) and gone(os.path.dirname(group)), group)
    r = picket("start", "kept")
    check("start", r.returncode == 0, r.stderr)
    check("a detached one is in a scope where systemd stays", (".scope/picket-" in group_of("kept")) == stays, group_of("kept"))
    picket("rm", "-f", "kept")
    p = start("crash", *limits, "--rm", *sleep)
    group = group_of("crash")
    p.send_signal(signal.SIGKILL)
    p.wait()
    check("after a crash the scope is gone", gone(os.path.dirname(group)), group)
    p = start("plain", "--rm", *sleep)
    check("without a limit there is no scope", "/picket-" not in group_of("plain"), group_of("plain"))
    picket("kill", "plain")
    p.wait()
    p = start("other", *limits, "--rm", *sleep, more={"PICKET_TEST_MODE": "noscope"})
    check("noscope", "/picket-" not in group_of("other"), group_of("other"))
    picket("kill", "other")
    p.wait()
    r = picket("doctor")
    check("doctor", "in scopes of your systemd" in r.stdout, r.stdout)
    r = picket("info", "--format", "{{.CgroupDriver}} {{.CgroupVersion}}")
    check("info", r.stdout == "systemd 2\n", r.stdout + r.stderr)
    check("info's line", "scopes of your systemd below /sys/fs/cgroup/user.slice" in picket("info").stdout)


if len(sys.argv) > 3 and sys.argv[2] == "--manager":
    stand_in(sys.argv[3], sys.argv[4])
    sys.exit(0)
try:
    for test in (test_absent, test_hung, test_stand_in, test_none, test_real):
        test()
finally:
    shutil.rmtree(home, ignore_errors=True)
sys.exit(failures != 0)
