#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Images that sandboxes are made of stay, whoever removes and collects at the same time.

Use: life_images.py BUILD-DIRECTORY. Prints "ok NAME" or "not ok NAME".
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

build = os.path.abspath(sys.argv[1])
here = os.path.dirname(os.path.abspath(__file__))
picket = build + "/cmd/picket"
work = tempfile.mkdtemp(prefix="picket-images-")
os.mkdir(work + "/run", 0o700)
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": work, "XDG_RUNTIME_DIR": work + "/run",
       "LANG": "C.UTF-8"}
failures = 0
if not shutil.which("busybox"):
    print("ok (skipped: no busybox)")
    sys.exit(0)
subprocess.run(["python3", here + "/../lib/mkimage.py", "--busybox", work + "/oci", "box:1"], check=True)


def run(*args, **kw):
    return subprocess.run([picket, *args], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=kw.pop("stdin", subprocess.DEVNULL), timeout=120, **kw)


def check(name, good, detail=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + (": %s" % (detail,) if detail and not good else ""), flush=True)


def load():
    r = run("load", "-q", work + "/oci")
    assert r.returncode == 0, r.stderr


load()
image_id = json.loads(run("inspect", "box:1").stdout)[0]["Id"]
r = run("run", "--name", "kept", "--network", "none", "-l", "own=1", "box:1", "sh", "-c", "echo one >>/file; cat /file")
check("a run of an image is kept", (r.stdout, r.returncode) == ("one\n", 0), r)
r = run("image", "inspect", "kept")
check("image inspect sees images alone", r.returncode == 1 and "no image 'kept' here" in r.stderr)
r = run("inspect", "kept")
c = json.loads(r.stdout)[0]
check("inspect names the image", c["Image"] == image_id and c["Config"]["Image"] == "box:1")
check("ancestor by name, without a tag it has not, by id", all(
    run("ps", "-a", "-f", "ancestor=" + a, "--format", "{{.Names}}").stdout == b
    for a, b in (("box:1", "kept\n"), (image_id[:19], "kept\n"), (image_id[7:19], "kept\n"), ("box", ""), ("box:2", ""))))
r = run("inspect", "-f", '{{json .Config.Labels}} {{index .Config.Labels "x"}} {{.Config.User}}', "box:1")
check("what an image does not say can be asked for", r.returncode == 0 and r.stdout == "null  \n", r)
r = run("rmi", "box:1")
check("rmi refuses the image of a sandbox", r.returncode == 1 and "the sandbox kept (" in r.stderr, r.stderr)
check("  and says how", "picket rmi -f" in r.stderr)
r = run("tag", "box:1", "other:1")
r = run("rmi", "other:1")
check("another name of it may go", r.returncode == 0, r.stderr)
r = run("rmi", "-f", "box:1")
check("rmi -f takes the name", r.returncode == 0 and "Untagged: box:1" in r.stdout, r.stderr)
run("prune")
r = run("start", "-a", "kept")
check("the sandbox starts without a name of its image, also after prune", (r.stdout, r.returncode) == ("one\none\n", 0), r)
check("inspect still knows what the image said", "/bin" in run("inspect", "-f", "{{json .Config.Env}}", "kept").stdout)
run("rm", "kept")


def own_volumes(name):
    mounts = json.loads(run("inspect", name).stdout)[0]["Mounts"]
    return {m["Destination"]: m["Name"] for m in mounts if m["Type"] == "volume"}


# VOLUME: each sandbox has its own, which begin with what the image has there, stay over starts and go with rm -v.
load()
run("run", "--name", "v0", "--network", "none", "box:1", "sh", "-c", "mkdir /data; echo seed >/data/seed; chmod 2770 /data")
r = run("commit", "-c", "VOLUME /data /other", "v0", "vol:1")
check("an image with VOLUME", r.returncode == 0, r.stderr)
for n in ("v1", "v2"):
    r = run("run", "--name", n, "--network", "none", "vol:1", "sh", "-c", "cat /data/seed; ls /data /other; echo >/data/" + n)
    check(n + " has what the image has", r.stdout == "seed\n/data:\nseed\n\n/other:\n", r)
r = run("start", "-a", "v1")
check("its writes stay", r.stdout == "seed\n/data:\nseed\nv1\n\n/other:\n", r)
mine = own_volumes("v1")
listed = run("volume", "ls", "-q").stdout.split()
check("inspect names them", sorted(mine) == ["/data", "/other"] and set(mine.values()) < set(listed) and len(listed) == 4, (mine, listed))
r = run("run", "--name", "v3", "--network", "none", "-v", "mine:/data", "--tmpfs", "/other", "vol:1", "cat", "/data/seed")
check("an option's are instead of them", r.stdout == "seed\n" and own_volumes("v3") == {"/data": "mine"}, (r, own_volumes("v3")))
run("rm", "-v", "v1", "v3")
listed = run("volume", "ls", "-q").stdout.split()
check("rm -v takes its own alone", sorted(listed) == sorted([*own_volumes("v2").values(), "mine"]), listed)
run("rm", "-v", "v2", "v0")
run("volume", "rm", "mine")
run("rmi", "-f", "vol:1")
r = run("run", "--rm", "--network", "none", "-v", "/x", "--name", "m", "box:1", "true")
check("those of dropped ones are in memory", run("volume", "ls", "-q").stdout == "", r)
run("rmi", "-f", "box:1")


def collected():
    """picket-snapd holds an image for some seconds after its last user."""
    for _ in range(60):
        run("prune")
        if not os.listdir(work + "/.local/share/picket/images"):
            return True
        time.sleep(0.25)
    return False


check("with the sandbox goes the image", collected())
check("  and its record", not os.listdir(work + "/.local/share/picket/records"))

load()
run("create", "--name", "user", "box:1")
run("tag", "box:1", "spare:1")
r = run("image", "prune", "-af")
check("image prune -a leaves images of sandboxes", r.returncode == 0 and run("images", "-q", "spare:1").stdout != "", r)
run("prune", "-a")
check("  and so does prune -a", run("images", "-q", "spare:1").stdout != "")
r = run("system", "prune", "-af")
check("system prune -a takes sandboxes first, then their images", "Total reclaimed space" in r.stdout and
      collected(), r)

# Somebody collects all the time while sandboxes are made and names go: what is made can be started.
end = time.time() + 8
bad, made = [], 0


def collector():
    while time.time() < end:
        run("rmi", "-f", "box:1")
        run("prune")


load()
thread = threading.Thread(target=collector)
thread.start()
while time.time() < end:
    load()
    r = run("create", "box:1", "echo", "x")
    if r.returncode:
        if "no image 'box:1' here" not in r.stderr and "picket-fetch" not in r.stderr and "cannot" not in r.stderr:
            bad.append(r.stderr)
        continue
    made += 1
    sid = r.stdout.strip()
    r = run("start", "-a", sid)
    if r.stdout != "x\n":
        bad.append((r.returncode, r.stdout, r.stderr))
    run("rm", "-f", sid)
thread.join()
check("what was made before a collection starts after it (%d made)" % made, made > 0 and not bad, bad[:5])
shutil.rmtree(work, ignore_errors=True)
sys.exit(1 if failures else 0)
