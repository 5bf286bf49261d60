#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""linux.seccomp: one program asks about every call under runc and under picket-runtime, with the profile of the containers package and with others."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
RUNTIMES = {"runc": shutil.which("runc"), "picket": os.path.join(BUILD, "cmd/picket-runtime")}
ENGINE = "/usr/share/containers/seccomp.json"
CAPS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETUID", "CAP_SETGID", "CAP_KILL"]
FILTER_ERRNO = 1000  # as seccomp_guest.c
failed = 0


def ok(good, title, text=""):
    global failed
    print("%s %s" % ("ok" if good else "not ok", title))
    if not good:
        failed += 1
        print(text)


def engine_profile():
    """The engine's list for these capabilities, as the engine would write it; errors that say where they come from."""
    with open(ENGINE) as f:
        p = json.load(f)
    entries = []
    for s in p["syscalls"]:
        inc, exc = s.get("includes") or {}, s.get("excludes") or {}
        if any(c not in CAPS for c in inc.get("caps") or []) or any(c in CAPS for c in exc.get("caps") or []):
            continue
        if (inc.get("arches") and "amd64" not in inc["arches"]) or "amd64" in (exc.get("arches") or []):
            continue
        e = {k: s[k] for k in ("names", "action", "args", "errnoRet") if s.get(k)}
        if e["action"] == "SCMP_ACT_ERRNO":
            e["errnoRet"] = FILTER_ERRNO + s.get("errnoRet", 1)
        entries.append(e)
    return {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": FILTER_ERRNO + p.get("defaultErrnoRet", 1),
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": entries}


def refuse(name, action="SCMP_ACT_ERRNO", errno=1, args=None):
    e = {"names": name if isinstance(name, list) else [name], "action": action}
    if action in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
        e["errnoRet"] = FILTER_ERRNO + errno
    if args:
        e["args"] = args
    return e


def arg(index, op, value, two=0):
    return {"index": index, "value": value, "valueTwo": two, "op": "SCMP_CMP_" + op}


PROFILES = {
    "actions": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
        refuse(["symlink", "no_such_call"]), refuse("chroot", "SCMP_ACT_KILL_PROCESS"), refuse("lchown", "SCMP_ACT_KILL_THREAD"),
        refuse("mknod", "SCMP_ACT_TRACE", 5), refuse("rename", "SCMP_ACT_TRAP"), refuse("link", "SCMP_ACT_LOG"), refuse("rmdir", "SCMP_ACT_KILL")]},
    "arguments": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        refuse("personality", args=[arg(0, "EQ", 8)]), refuse("personality", errno=2, args=[arg(0, "GT", 0x10000)]),
        refuse("socket", errno=3, args=[arg(0, "EQ", 16), arg(2, "EQ", 9)]), refuse("socket", errno=4, args=[arg(0, "EQ", 40), arg(0, "EQ", 41)]),
        refuse("mprotect", errno=5, args=[arg(2, "MASKED_EQ", 4, 4)]), refuse("clone", errno=6, args=[arg(0, "MASKED_EQ", 0x4000000, 0x4000000)]),
        refuse("unshare", errno=7, args=[arg(0, "NE", 0), arg(1, "LE", 5)])]},
    "native calls": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        refuse("madvise"), refuse("sched_yield", errno=2), refuse("mremap", errno=3), refuse("futex_waitv", errno=4),
        refuse("mprotect", errno=5, args=[arg(2, "EQ", 4)])]},
    "traps": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [refuse(["getpgid", "mincore", "rename"], "SCMP_ACT_TRAP")]},
}


def bundle(work, name, profile, args=("/guest",)):
    d = os.path.join(work, name.replace(" ", "-"))
    shutil.rmtree(d, ignore_errors=True)
    for sub in ("proc", "dev", "sys", "tmp"):
        os.makedirs(os.path.join(d, "root", sub))
    shutil.copy(os.path.join(work, "guest"), os.path.join(d, "root/guest"))
    subprocess.run(["runc", "spec"], cwd=d, check=True)
    path = os.path.join(d, "config.json")
    with open(path) as f:
        c = json.load(f)
    c["process"].update(terminal=False, args=list(args), noNewPrivileges=False,
                        capabilities={s: CAPS for s in ("bounding", "effective", "permitted")})
    c["root"] = {"path": "root", "readonly": False}
    c["linux"] = {"namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "network")], "seccomp": profile}
    with open(path, "w") as f:
        json.dump(c, f)
    return d


def traced(work, name, profile):
    """How often the sentry saw what, of 100 each."""
    d, trace = bundle(work, name, profile, ["/guest", "native"]), os.path.join(work, "picket-trace", name.replace(" ", "-"))
    os.makedirs(os.path.dirname(trace), 0o755, exist_ok=True)
    path = os.path.join(d, "config.json")
    with open(path) as f:
        c = json.load(f)
    c["annotations"] = {"dev.picket.trace": trace}
    if not profile:
        del c["linux"]["seccomp"]
    with open(path, "w") as f:
        json.dump(c, f)
    run(work, "picket", d)
    with open(trace) as f:
        text = f.read()
    return [len(re.findall(r"\b%s\(" % call, text)) // 100 for call in ("getpgid", "mmap", "munmap", "futex", "sched_yield")]


def runtime(work, kind, *argv, **more):
    return subprocess.run([RUNTIMES[kind], "--root", os.path.join(work, "state-" + kind), *argv], universal_newlines=True, timeout=60, **more)


def run(work, kind, d):
    """(what it wrote, its words if it could not be created)"""
    id, out = "s%d%s" % (os.getpid(), kind), os.path.join(work, "out")
    try:
        with open(out, "w") as f:
            if runtime(work, kind, "create", "-b", d, id, stdin=subprocess.DEVNULL, stdout=f, stderr=f).returncode:
                return None, open(out).read()
            runtime(work, kind, "start", id, stdout=f, stderr=f)
        end = time.time() + 60
        while time.time() < end:
            s = runtime(work, kind, "state", id, stdout=subprocess.PIPE)
            if json.loads(s.stdout)["status"] == "stopped":
                break
            time.sleep(0.05)
        return open(out).read(), ""
    finally:
        runtime(work, kind, "delete", "--force", id, stderr=subprocess.DEVNULL)


def execed(work, kind):
    """What a process of exec finds."""
    id, d = "s%d%s" % (os.getpid(), kind), bundle(work, "exec", PROFILES["actions"], ["/guest", "wait"])
    try:
        runtime(work, kind, "create", "-b", d, id, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        runtime(work, kind, "start", id)
        p = runtime(work, kind, "exec", id, "/guest", "status", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return p.stdout
    finally:
        runtime(work, kind, "delete", "--force", id, stderr=subprocess.DEVNULL)


def main():
    if os.geteuid():
        print("needs root")
        sys.exit(77)
    for program in ("runc", "cc"):
        if not shutil.which(program):
            print("needs " + program)
            sys.exit(77)
    profiles = dict(PROFILES)
    if os.path.exists(ENGINE):
        profiles["engine"] = engine_profile()
        profiles["engine, EPERM"] = dict(profiles["engine"])
        del profiles["engine, EPERM"]["defaultErrnoRet"]
    with tempfile.TemporaryDirectory(prefix="picket-seccomp.") as work:
        os.chmod(work, 0o755)
        subprocess.run(["cc", "-O1", "-static", "-o", os.path.join(work, "guest"), os.path.join(HERE, "seccomp_guest.c")], check=True)
        for name, profile in profiles.items():
            d = bundle(work, name, profile, ["/guest", "future"] if name == "engine, EPERM" else ["/guest"])
            out = {kind: run(work, kind, d)[0] for kind in RUNTIMES}
            if out["runc"] != out["picket"]:
                for kind in out:
                    with open("/tmp/seccomp." + kind if os.environ.get("KEEP") else os.devnull, "w") as f:
                        f.write(out[kind] or "")
            a, b = ((out[k] or "nothing").splitlines() for k in ("runc", "picket"))
            ok(a == b and len(a) > 400, "the same verdicts: %s" % name,
               "\n".join("%s | %s" % p for p in zip(a, b) if p[0] != p[1]) + "\n%d and %d lines" % (len(a), len(b)))
        out = {kind: execed(work, kind) for kind in RUNTIMES}
        ok(out["runc"] == out["picket"] and "errno 1001" in out["runc"], "the same for exec", str(out))
        for name, profile in (("no profile", None), ("engine", profiles.get("engine"))):
            seen = traced(work, name, profile)
            ok(seen == [1, 0, 0, 0, 0], "the sentry does not see what stubs serve natively: " + name, str(seen))
        seen = traced(work, "watched", PROFILES["native calls"])
        ok(seen == [1, 1, 1, 1, 1], "it sees all of it if the profile may refuse some", str(seen))
        text = run(work, "picket", bundle(work, "notify", {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/x", "syscalls": [
            {"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}]}))[1]
        ok("SCMP_ACT_NOTIFY is not supported" in text, "a listener is refused in words", text)
        none = bundle(work, "execve", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["execve"], "action": "SCMP_ACT_ERRNO"}]})
        out, text = run(work, "picket", none)
        ok("operation not permitted" in ((out or "") + text).lower(), "a profile that refuses execve", "%s %s" % (out, text))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
