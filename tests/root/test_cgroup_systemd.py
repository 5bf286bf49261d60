#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""picket-runtime --systemd-cgroup, with a stand-in for systemd on a bus of the test's own: what it is asked, and what comes of its answers."""
import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench  # noqa: E402
from bench import until  # noqa: E402

ID = "org.freedesktop.systemd1"
MIB = 1 << 20
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's python3-dbus is for


def stand_in(manner, told, group):
    """systemd's manager, as far as scopes go: a directory in one hierarchy, `group` above all."""
    import dbus
    import dbus.mainloop.glib
    import dbus.service
    from gi.repository import GLib

    top = "/sys/fs/cgroup/memory/" + group
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.bus.BusConnection(os.environ["DBUS_SYSTEM_BUS_ADDRESS"])
    units, failed_once = {}, set()

    def tell(*what):
        with open(told, "a") as f:
            print(*what, file=f)

    def plain(v):
        return [plain(x) for x in v] if isinstance(v, (list, tuple, dbus.Array)) else int(v) if isinstance(v, (int, dbus.Byte)) else str(v)

    class Manager(dbus.service.Object):
        @dbus.service.method(ID + ".Manager")
        def Subscribe(self):
            pass

        @dbus.service.method(ID + ".Manager", in_signature="ssa(sv)a(sa(sv))", out_signature="o", async_callbacks=("done", "failed"))
        def StartTransientUnit(self, name, mode, properties, aux, done, failed):
            p = {str(k): plain(v) for k, v in properties}
            pids = p.pop("PIDs")
            tell("start", json.dumps([str(name), str(mode), p, len(aux)], sort_keys=True))
            if manner == "refuse":
                return failed(dbus.DBusException("no more scopes today", name=ID + ".Beer"))
            if name in units or (manner == "failed-before" and name not in failed_once):
                return failed(dbus.DBusException("Unit %s already exists." % name, name=ID + ".UnitExists"))
            units[name] = os.path.join(top, p.get("Slice", "none"), str(name))
            if manner != "lie":
                os.makedirs(units[name])
                for pid in pids:
                    with open(units[name] + "/cgroup.procs", "w") as f:
                        f.write(str(pid))
            done(dbus.ObjectPath("/org/freedesktop/systemd1/job/7"))
            self.JobRemoved(6, "/org/freedesktop/systemd1/job/6", "other.scope", "failed")
            self.JobRemoved(7, "/org/freedesktop/systemd1/job/7", name, "failed" if manner == "fail" else "done")

        @dbus.service.method(ID + ".Manager", in_signature="sba(sv)")
        def SetUnitProperties(self, name, runtime, properties):
            tell("set", json.dumps([str(name), int(runtime), {str(k): plain(v) for k, v in properties}], sort_keys=True))

        @dbus.service.method(ID + ".Manager", in_signature="ss", out_signature="o", async_callbacks=("done", "failed"))
        def StopUnit(self, name, mode, done, failed):
            tell("stop", name)
            if name not in units:
                return failed(dbus.DBusException("Unit %s not loaded." % name, name=ID + ".NoSuchUnit"))
            units.pop(name)
            done(dbus.ObjectPath("/org/freedesktop/systemd1/job/8"))
            self.JobRemoved(8, "/org/freedesktop/systemd1/job/8", name, "done")

        @dbus.service.method(ID + ".Manager", in_signature="s")
        def ResetFailedUnit(self, name):
            failed_once.add(name)

        @dbus.service.signal(ID + ".Manager", signature="uoss")
        def JobRemoved(self, number, job, unit, result):
            pass

    name = dbus.service.BusName(ID, bus)
    Manager(name, "/org/freedesktop/systemd1")
    print("ready", flush=True)
    GLib.MainLoop().run()


class Test:
    def __init__(self, runtime, report):
        self.work, self.runtime, self.report = os.environ["PICKET_BENCH_WORK"], runtime, report
        self.told, self.bundle = self.work + "/told", self.work + "/bundle"
        os.makedirs(self.bundle + "/rootfs/bin")
        shutil.copy(shutil.which("busybox"), self.bundle + "/rootfs/bin/sleep")
        self.bus = "unix:path=" + self.work + "/bus"
        self.environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.bus)

    def configure(self, path, resources, annotations={}):
        config = {"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "annotations": annotations,
                  "process": {"args": ["/bin/sleep", "100"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
                  "linux": {"resources": resources, "namespaces": [{"type": t} for t in ("pid", "mount", "ipc", "uts", "network")]}}
        if path is not None:
            config["linux"]["cgroupsPath"] = path
        with open(self.bundle + "/config.json", "w") as f:
            json.dump(config, f)

    def run(self, *argv):
        with open(self.work + "/out", "w+") as out:
            p = subprocess.run([self.runtime, "--root", self.work + "/root", "--systemd-cgroup", *argv], stdin=subprocess.DEVNULL, stdout=out,
                               stderr=subprocess.STDOUT, env=self.environment, timeout=60)
        p.text = open(self.work + "/out").read()
        return p

    def asked(self, what):
        """What the manager was asked of this kind: JSON, or a unit's name."""
        lines = open(self.told).read().splitlines() if os.path.exists(self.told) else []
        words = [line.split(" ", 1)[1] for line in lines if line.startswith(what + " ")]
        return words if what == "stop" else [json.loads(w) for w in words]

    def manager(self, manner):
        if os.path.exists(self.told):
            os.remove(self.told)
        m = subprocess.Popen([SYSTEM_PYTHON, "-B", os.path.abspath(__file__), "--manager", manner, self.told, bench.group()], stdout=subprocess.PIPE,
                             env=self.environment)
        if m.stdout.readline() != b"ready\n":
            m.kill()
            bench.skip("the stand-in does not run")
        return m

    def accept(self):
        ok = self.report.ok
        self.configure("pk-a.slice:pre:one", {"memory": {"limit": 100 * MIB}, "cpu": {"quota": 33333, "period": 100000, "shares": 512}, "pids": {"limit": 9}},
                       {"org.systemd.property.TimeoutStopUSec": "uint64 5000000", "org.systemd.property.CollectMode": "'inactive'"})
        p = self.run("create", "--bundle", self.bundle, "--pid-file", self.work + "/pid", "c")
        ok("create", p.returncode == 0, p.text)
        pid = open(self.work + "/pid").read()
        groups = {line.strip().split(":", 2)[2] for line in open("/proc/%s/cgroup" % pid)}
        want = "/%s/pk-a.slice/pre-one.scope" % bench.group()
        ok("all hierarchies have the same group, those too that systemd does not fill", all(g.endswith(want) for g in groups), groups)
        (name, mode, properties, aux), = self.asked("start")
        memory = properties.get("MemoryLimit", properties.get("MemoryMax"))
        ok("the unit", (name, mode, aux) == ("pre-one.scope", "fail", 0), name)
        ok("its slice, delegated", properties["Slice"] == "pk-a.slice" and properties["Delegate"] == 1 and properties["DefaultDependencies"] == 0, properties)
        ok("its limits", memory == 164 * MIB and properties["CPUQuotaPerSecUSec"] == 340000 and properties["TasksMax"] == 274, properties)
        ok("annotations", properties["TimeoutStopUSec"] == 5000000 and properties["CollectMode"] == "inactive", properties)
        p = self.run("update", "--memory", "200m", "c")
        (name, runtime, changed), = self.asked("set")
        ok("update", p.returncode == 0 and name == "pre-one.scope" and runtime == 1 and 264 * MIB in changed.values(), (p.text, changed))
        self.configure("pk-a.slice:pre:one", {})
        p = self.run("create", "--bundle", self.bundle, "d")
        ok("a unit that is there", p.returncode == 1 and "already exists" in p.text, p.text)
        ok("is not stopped by who did not get it", not self.asked("stop") and os.path.exists("/proc/" + pid), self.asked("stop"))
        p = self.run("delete", "--force", "c")
        ok("delete", p.returncode == 0 and self.asked("stop") == ["pre-one.scope"], p.text)
        ok("no group is left", not [d for r in os.listdir("/sys/fs/cgroup") for d in [os.path.join("/sys/fs/cgroup", r) + want] if os.path.exists(d)])
        self.configure(None, {})
        p = self.run("create", "--bundle", self.bundle, "e")
        ok("without a path", p.returncode == 0 and self.asked("start")[-1][0] == "picket-e.scope" and self.asked("start")[-1][2]["Slice"] == "system.slice",
           p.text)
        ok("delete", self.run("delete", "--force", "e").returncode == 0)
        self.configure("/a/b", {})
        p = self.run("create", "--bundle", self.bundle, "f")
        ok("a path that is none", p.returncode == 1 and 'of format "slice:prefix:name" for systemd cgroups, got "/a/b" instead' in p.text, p.text)
        self.configure("x.slice:y:z", {}, {"org.systemd.property.A1": "x"})
        p = self.run("create", "--bundle", self.bundle, "f")
        ok("an annotation that is none", p.returncode == 1 and "org.systemd.property.A1" in p.text, p.text)

    def other(self, manner, want):
        self.configure("x.slice:y:" + manner, {})
        m = self.manager(manner)
        p = self.run("create", "--bundle", self.bundle, "g")
        self.report.ok("systemd: " + manner, (p.returncode == 0) == (want is None) and (want or "") in p.text, p.text)
        self.run("delete", "--force", "g")
        m.kill()
        m.wait()


def main():
    bench.enter()
    bench.need("dbus-daemon", "busybox")
    if subprocess.run([SYSTEM_PYTHON, "-c", "import dbus.service, gi.repository.GLib"], capture_output=True).returncode:
        bench.skip("python3-dbus or python3-gi is missing")
    if not os.path.isdir("/sys/fs/cgroup/memory"):
        bench.skip("needs cgroup v1")
    runtime = bench.picket_runtime(sys.argv[1])
    if not runtime:
        bench.skip("picket-runtime is not built")
    report = bench.Report()
    t = Test(runtime, report)
    daemon = subprocess.Popen(["dbus-daemon", "--session", "--address=" + t.bus, "--nofork", "--nopidfile"], stderr=subprocess.DEVNULL)
    until("the bus is there", lambda: os.path.exists(t.work + "/bus"))
    t.configure("x.slice:y:z", {})
    p = t.run("create", "--bundle", t.bundle, "c")
    report.ok("a bus without systemd", p.returncode == 1 and "unable to apply cgroup configuration" in p.text, p.text)
    m = t.manager("accept")
    try:
        t.accept()
    finally:
        m.kill()
        m.wait()
    t.other("refuse", "no more scopes today")
    t.other("fail", "ended: failed")
    t.other("lie", "but the process is not in it")
    t.other("failed-before", None)
    daemon.terminate()
    daemon.wait()
    end = time.monotonic() + 5
    while bench.live("picket-") and time.monotonic() < end:
        time.sleep(0.05)
    report.ok("no process is left", not bench.live("picket-"), bench.live("picket-"))
    report.end()


if __name__ == "__main__":
    if sys.argv[1] == "--manager":
        stand_in(*sys.argv[2:])
    else:
        main()
