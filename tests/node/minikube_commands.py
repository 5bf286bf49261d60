#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""minikube_commands.py BUILD: picket minikube, minikube:IMAGE and their completion, over a minikube that is played."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from node_script import CONTAINERD, CTR, RESTART

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(sys.argv[1])
PICKET = BUILD + "/cmd/picket"
CONFIG = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]\n  runtime_type = "io.containerd.runc.v2"'
failures = 0


def check(name, ok, detail=""):
    global failures
    print("%s - %s" % ("ok" if ok else "not ok", name), flush=True)
    if not ok:
        failures += 1
        print("# " + str(detail).replace("\n", "\n# "), flush=True)


class World:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="picket-minikube-")
        self.home = self.dir + "/minikube"
        self.bin = self.dir + "/bin"
        for d in (self.home + "/nodes", self.bin, self.dir + "/home", self.dir + "/run"):
            os.makedirs(d)
        os.symlink(HERE + "/minikube", self.bin + "/minikube")
        self.env = {"PATH": self.bin + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": self.dir + "/home", "FAKE_MINIKUBE": self.home,
                    "XDG_DATA_HOME": self.dir + "/data", "XDG_RUNTIME_DIR": self.dir + "/run", "TMPDIR": self.dir, "LANG": "C.UTF-8"}
        os.chmod(self.dir + "/run", 0o700)
        self.state = {"active": "minikube", "profiles": {}}
        self.profile("minikube", ["minikube"])

    def profile(self, name, nodes, runtime="containerd", status="OK", driver="docker"):
        self.state["profiles"][name] = {"nodes": nodes, "runtime": runtime, "status": status, "driver": driver}
        for n in nodes:
            d = "%s/nodes/%s" % (self.home, n)
            for sub in ("/etc/containerd", "/var/lib/minikube", "/bin", "/state", "/images"):
                os.makedirs(d + sub)
            self.write(d + "/etc/containerd/config.toml", CONFIG)
            for program, text in (("containerd", CONTAINERD), ("ctr", CTR), ("systemctl", RESTART),
                                  ("sudo", '#!/bin/sh\nexec "$@"\n'),
                                  ("crictl", '#!/bin/sh\nfor f in "$NODE"/images/*.json; do f=${f##*/}; echo "sha256:${f%.json}"; done\n')):
                self.write("%s/bin/%s" % (d, program), text, 0o755)
            open(d + "/state/running", "w").close()
        self.save()

    def save(self):
        self.write(self.home + "/profiles.json", json.dumps(self.state))

    def mode(self, node, words):
        self.write("%s/nodes/%s/mode" % (self.home, node), words)

    def write(self, path, text, mode=0o644):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)

    def config(self, node):
        return open("%s/nodes/%s/etc/containerd/config.toml" % (self.home, node)).read()

    def restarts(self, node):
        try:
            return len(open("%s/nodes/%s/state/restarts" % (self.home, node)).read().split())
        except FileNotFoundError:
            return 0

    def cluster(self, name="minikube"):
        try:
            return json.load(open("%s/cluster-%s.json" % (self.home, name)))
        except FileNotFoundError:
            return {"class": None, "labels": {}}

    def calls(self):
        path = self.home + "/calls"
        text = open(path).read() if os.path.exists(path) else ""
        open(path, "w").close()
        return text

    def picket(self, *args, env=None, timeout=120):
        p = subprocess.run([PICKET, *args], env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=timeout, text=True, errors="replace")
        return p.returncode, p.stdout, p.stderr

    def close(self):
        subprocess.run(["chmod", "-R", "u+rwX", self.dir])
        shutil.rmtree(self.dir, ignore_errors=True)


def complaints(w):
    def refused(name, result, *words):
        status, _, err = result
        check(name, status == 1 and err.count("\n") == 1 and all(x in err for x in words), result)

    refused("no minikube", w.picket("minikube", "status", env={"PATH": "/usr/bin:/bin"}), "no minikube in PATH")
    refused("no such profile", w.picket("minikube", "enable", "-p", "other"), "no profile other", "it has: minikube")
    refused("a profile that is no name", w.picket("minikube", "enable", "-p", "a;b"), "no name of a profile")
    refused("no such node", w.picket("minikube", "enable", "--node", "m07"), "no node m07")
    for status, words in (("Stopped", "minikube start"), ("Paused", "minikube unpause"), ("Unknown", "Unknown")):
        w.state["profiles"]["minikube"]["status"] = status
        w.save()
        refused("a profile that is %s" % status, w.picket("minikube", "enable"), words)
    w.state["profiles"]["minikube"]["status"] = "OK"
    for runtime, words in (("docker", "is docker"), ("crio", "is cri-o")):
        w.state["profiles"]["minikube"]["runtime"] = runtime
        w.save()
        refused("the container runtime %s" % runtime, w.picket("minikube", "enable"), words, "--container-runtime=containerd")
    w.state["profiles"]["minikube"].update(runtime="containerd", driver="none")
    w.save()
    refused("the driver none", w.picket("minikube", "enable"), "this machine itself")
    w.state["profiles"]["minikube"]["driver"] = "docker"
    w.save()
    refused("an archive that is not there", w.picket("minikube", "enable", "--archive", "/none.tar.gz"), "/none.tar.gz")
    refused("an archive that is none", w.picket("minikube", "enable", "--archive", "/etc/passwd"), "minikube: ")
    check("  and nothing is changed", w.config("minikube") == CONFIG and w.cluster()["class"] is None and os.listdir(
        w.home + "/nodes/minikube/var/lib/minikube") in ([], ["picket"]), os.listdir(w.home + "/nodes/minikube/var/lib/minikube"))
    profiles, w.state["profiles"] = w.state["profiles"], {}
    w.save()
    refused("no profile at all", w.picket("minikube", "enable"), "minikube start --container-runtime=containerd")
    w.state["profiles"] = profiles
    w.save()
    w.picket("minikube", "disable")


def enabling(w):
    status, out, err = w.picket("minikube", "status")
    check("status before", status == 1 and "minikube: disabled" in out and "RuntimeClass picket: none" in out, (status, out, err))
    status, out, err = w.picket("minikube", "enable")
    first, cluster = w.config("minikube"), w.cluster()
    check("enable", status == 0 and err == "" and "minikube: programs: " in out and ".runtimes.picket]" in first and
          w.restarts("minikube") >= 1, (status, out, err, first))
    check("  the class is there, for nodes that have it", cluster["class"] == "picket" and 'picket.dev/node: "true"' in cluster["yaml"] and
          cluster["labels"]["minikube"] == {"picket.dev/node": "true"}, cluster)
    place = w.home + "/nodes/minikube/var/lib/minikube"
    runtime = place + "/picket/picket-runtime"
    check("  the program on the node runs", subprocess.run([runtime, "--version"], stdout=subprocess.DEVNULL).returncode == 0)
    check("  nothing is left of the way there", os.listdir(place) == ["picket"], os.listdir(place))
    n = w.restarts("minikube")
    status, out, err = w.picket("minikube", "enable")
    check("enable again: nothing", status == 0 and w.config("minikube") == first and w.restarts("minikube") == n, (status, out, err))
    status, out, err = w.picket("minikube", "status")
    check("status", status == 0 and "minikube: enabled" in out and "sandboxes: 0" in out, (status, out, err))
    status, out, err = w.picket("minikube", "status", "--format", "json")
    said = json.loads(out)
    check("status for programs", status == 0 and said["nodes"][0]["state"] == "enabled" and said["runtimeClass"] == "picket" and
          said["profile"] == "minikube", out)
    w.write(w.home + "/nodes/minikube/etc/containerd/config.toml", CONFIG)  # a virtual machine that was started anew
    status, out, err = w.picket("minikube", "status")
    check("a node that forgot its configuration", status == 1 and "minikube: incomplete" in out, (status, out, err))
    status, out, err = w.picket("minikube", "enable")
    check("  is mended by enable", status == 0 and w.config("minikube") == first, (status, out, err))
    status, out, err = w.picket("minikube", "disable")
    check("disable", status == 0 and w.config("minikube") == CONFIG and w.cluster()["class"] is None and
          w.cluster()["labels"]["minikube"] == {} and os.listdir(place) == [], (status, out, err, os.listdir(place)))
    status, out, err = w.picket("minikube", "disable")
    check("disable again: nothing", status == 0 and w.config("minikube") == CONFIG, (status, out, err))
    w.state["old"] = True
    w.save()
    status, out, err = w.picket("minikube", "status")
    check("an older minikube marks the active profile", status == 1 and "minikube: disabled" in out, (status, out, err))
    del w.state["old"]
    w.save()


def many_nodes(w):
    nodes = ["dev", "dev-m02", "dev-m03"]
    w.profile("dev", nodes)
    status, out, err = w.picket("minikube", "enable", "-p", "dev", "--node", "m02")
    check("one node of three", status == 0 and [".picket]" in w.config(n) for n in nodes] == [False, True, False] and
          list(w.cluster("dev")["labels"]) == ["dev-m02"], (status, out, err))
    status, out, err = w.picket("minikube", "enable", "-p", "dev")
    check("all three", status == 0 and all(".picket]" in w.config(n) for n in nodes), (status, out, err))
    status, out, err = w.picket("minikube", "disable", "-p", "dev", "-n", "dev-m02")
    check("less one: the class stays", status == 0 and ".picket]" not in w.config("dev-m02") and w.cluster("dev")["class"] == "picket", (status, out, err))
    status, out, err = w.picket("minikube", "status", "-p", "dev")
    check("  and status tells", status == 1 and "dev-m02: disabled" in out and "dev-m03: enabled" in out, (status, out, err))
    status, out, err = w.picket("minikube", "disable", "-p", "dev")
    check("none: the class goes", status == 0 and w.cluster("dev")["class"] is None, (status, out, err))
    open(w.home + "/nodes/dev-m03/state/refuse", "w").close()
    status, out, err = w.picket("minikube", "enable", "-p", "dev")
    check("a node whose containerd does not come back: said, the others have it", status == 1 and "dev-m03: containerd did not come back" in err and
          "2 of 3" in err and w.config("dev-m03") == CONFIG and ".picket]" in w.config("dev-m02") and
          not w.cluster("dev")["labels"].get("dev-m03"), (status, out, err))
    w.picket("minikube", "disable", "-p", "dev")
    path = w.home + "/cluster-dev.json"
    w.write(path, json.dumps({"class": "other", "labels": {}}))
    status, out, err = w.picket("minikube", "enable", "-p", "dev", "-n", "dev")
    check("a class picket of somebody else's", status == 1 and "immutable" in err, (status, out, err))
    w.write(path, json.dumps({"class": None, "labels": {}}))
    w.picket("minikube", "disable", "-p", "dev")


def image(w, name, text):
    """An image of one file; its ID."""
    tree = tempfile.mkdtemp(dir=w.dir)
    w.write(tree + "/note", text)
    os.mkdir(tree + "/bin")
    shutil.copy("/bin/busybox", tree + "/bin/busybox")
    os.symlink("busybox", tree + "/bin/cat")
    subprocess.run(["tar", "-cf", tree + ".tar", "-C", tree, "."], check=True)
    r = w.picket("import", "-c", "CMD [\"/bin/cat\", \"/note\"]", tree + ".tar", name)
    assert r[0] == 0, r


def to_minikube(w):
    image(w, "app:1", "one\n")
    status, out, err = w.picket("minikube", "load", "app:1")
    listed = json.loads(subprocess.run([w.bin + "/minikube", "image", "ls", "--format", "json"], env=w.env, stdout=subprocess.PIPE).stdout)
    check("load", status == 0 and "Loaded image: app:1" in out and len(listed) == 1 and listed[0]["repoTags"] == ["docker.io/library/app:1"],
          (status, out, err, listed))
    check("  by its ID", listed[0]["id"][7:19] in out, (out, listed))
    check("  no file is left", not [n for n in os.listdir(w.dir) if n.startswith("picket-")], os.listdir(w.dir))
    image(w, "app:1", "two\n")
    w.mode("minikube", "eats")
    status, out, err = w.picket("minikube", "load", "app:1")
    check("a load that loads nothing is found out, though the name is there", status == 1 and "did not arrive" in err, (status, out, err))
    w.mode("minikube", "")
    status, out, err = w.picket("minikube", "load", "app:1")
    check("load again", status == 0, (status, out, err))
    w.mode("dev-m02", "eats")
    status, out, err = w.picket("minikube", "load", "-p", "dev", "app:1")
    check("one node of three has it not", status == 1 and "on the node dev-m02" in err, (status, out, err))
    w.mode("dev-m02", "")
    status, out, err = w.picket("minikube", "load", "-q", "-p", "dev", "app:1")
    check("all three have it", status == 0 and err == "", (status, out, err))
    status, out, err = w.picket("minikube", "load", "none:1")
    check("no such image", status == 1 and "none" in err, (status, out, err))


def from_minikube(w):
    w.picket("rmi", "-f", "app:1")
    w.calls()
    status, out, err = w.picket("run", "--rm", "--network", "none", "minikube:app:1")
    check("run minikube:app:1", status == 0 and out == "two\n", (status, out, err))
    check("  it was fetched", "image save docker.io/library/app:1" in w.calls())
    status, out, err = w.picket("run", "--rm", "--network", "none", "minikube:app:1")
    calls = w.calls()
    check("  and is not fetched again", status == 0 and out == "two\n" and "image save" not in calls and "image ls" in calls, (status, out, err, calls))
    check("  the store calls it as Minikube does", "app" in w.picket("images", "app:1")[1])
    # Another image gets the name, there: this is the one that runs.
    here = w.dir + "/keep.tar"
    image(w, "app:1", "three\n")
    w.picket("minikube", "load", "-q", "app:1")
    w.picket("save", "-o", here, "app:1")
    w.picket("rmi", "-f", "app:1")
    image(w, "app:1", "of this machine\n")
    status, out, err = w.picket("pull", "minikube:app:1")
    check("pull minikube:app:1", status == 0 and out == "app:1\n", (status, out, err))
    status, out, err = w.picket("run", "--rm", "--network", "none", "app:1")
    check("  is Minikube's from now on", status == 0 and out == "three\n", (status, out, err))
    w.calls()
    status, out, err = w.picket("run", "--rm", "--network", "none", "--pull", "never", "minikube:app:1")
    check("--pull never does not ask", status == 0 and out == "three\n" and w.calls() == "", (status, out, err))
    listed = json.loads(subprocess.run([w.bin + "/minikube", "image", "ls", "--format", "json"], env=w.env, stdout=subprocess.PIPE).stdout)
    ident = [i["id"][7:] for i in listed if i["repoTags"]][0]
    status, out, err = w.picket("run", "--rm", "--network", "none", "minikube:" + ident[:12])
    check("by ID", status == 0 and out == "three\n", (status, out, err))
    w.picket("rmi", "-f", "app:1")
    w.picket("prune", "-a")
    w.mode("minikube", "discarded")
    status, out, err = w.picket("run", "--rm", "--network", "none", "minikube:app:1")
    check("an image whose layers the node has thrown away", status == 125 and "throw the layers" in err and "picket pull" in err, (status, out, err))
    w.mode("minikube", "other")
    subprocess.run([PICKET, "import", w.dir + "/none", "x"], env=w.env, stderr=subprocess.DEVNULL)
    image(w, "decoy:1", "decoy\n")
    w.picket("save", "-o", w.home + "/nodes/minikube/other.tar", "decoy:1")
    w.picket("rmi", "-f", "decoy:1")
    status, out, err = w.picket("pull", "minikube:app:1")
    check("another image than was asked for", status == 1 and "another image" in err, (status, out, err))
    w.mode("minikube", "")
    status, out, err = w.picket("run", "--rm", "--network", "none", "minikube:none:1")
    check("no such image there", status == 125 and "has no image none:1" in err, (status, out, err))
    status, out, err = w.picket("run", "--rm", "minikube:")
    check("no name", status == 125 and "followed by the name" in err, (status, out, err))
    check("no file is left", not [n for n in os.listdir(w.dir) if n.startswith("picket-")], os.listdir(w.dir))


def ended(w):
    """A signal in the middle: no file is left, nothing more is started."""
    w.write(w.home + "/nodes/dev/bin/sha256sum", "#!/bin/sh\ntouch %s/slow\nsleep 60\n" % w.dir, 0o755)
    p = subprocess.Popen([PICKET, "minikube", "enable", "-p", "dev"], env=w.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    while not os.path.exists(w.dir + "/slow") and p.poll() is None:
        time.sleep(0.05)
    w.calls()
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=30)
    os.unlink(w.home + "/nodes/dev/bin/sha256sum")
    check("a signal in the middle ends it", p.returncode == 1 and "ended by signal 15" in err and err.count("\n") == 1 and w.calls() == "", (out, err))
    check("  no file is left", not [n for n in os.listdir(w.dir) if n.startswith("picket-")], os.listdir(w.dir))
    w.picket("minikube", "enable", "-p", "dev")
    status, out, err = w.picket("minikube", "disable", "-p", "dev")
    check("  and all can be done and undone afterwards", status == 0 and w.config("dev") == CONFIG, (status, out, err))


def completion(w):
    def offered(*words):
        return w.picket("__complete", "bash", "--", *words)[1].split("\n")[1:-1]

    check("completion: profiles", offered("minikube", "enable", "--profile", "") == ["minikube", "dev"], offered("minikube", "enable", "--profile", ""))
    check("completion: nodes of the profile", offered("minikube", "enable", "-p", "dev", "--node", "dev-") == ["dev-m02", "dev-m03"],
          offered("minikube", "enable", "-p", "dev", "--node", "dev-"))
    check("completion: minikube:", "minikube:" in offered("run", "mini"), offered("run", "mini"))
    w.calls()
    offered("run", "")
    check("  minikube is not asked before", w.calls() == "")
    check("completion: images there", offered("run", "minikube:a") == ["minikube:app:1"], offered("run", "minikube:a"))
    check("completion: pull", offered("pull", "minikube:a") == ["minikube:app:1"], offered("pull", "minikube:a"))
    check("completion: load", offered("minikube", "l") == ["load"], offered("minikube", "l"))


def main():
    if subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"]).returncode:
        print("skipped: no user namespaces")
        return 77
    if "INTERP" in subprocess.run(["readelf", "-lW", BUILD + "/cmd/picket-runtime"], stdout=subprocess.PIPE, text=True).stdout:
        print("skipped: this build's programs are not static")
        return 77
    w = World()
    try:
        for part in (complaints, enabling, many_nodes, to_minikube, from_minikube, ended, completion):
            part(w)
    finally:
        w.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
