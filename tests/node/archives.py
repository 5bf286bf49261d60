#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""archives.py BUILD: one image in every form in which it is handed around comes to the same in the store, and what `picket save`
writes is read by others."""
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile

PICKET = os.path.abspath(sys.argv[1]) + "/cmd/picket"
TYPES = {"plain": "", "gzip": "+gzip", "zstd": "+zstd"}
failures = 0


def check(name, ok, detail=""):
    global failures
    print("%s - %s" % ("ok" if ok else "not ok", name), flush=True)
    if not ok:
        failures += 1
        print("# " + str(detail).replace("\n", "\n# ")[:3000], flush=True)


def run(*argv, env=None, input=None):
    p = subprocess.run(argv, env=env, input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return p.returncode, p.stdout.decode(errors="replace")


def pack(kind, data):
    if kind == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if kind == "zstd":
        return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def sha(data):
    return hashlib.sha256(data).hexdigest()


def tar_of(members):
    """{name: bytes, or a string: a symbolic link, or None: a directory}"""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, data in members:
            i = tarfile.TarInfo(name)
            i.mtime = 1700000000
            if data is None:
                i.type, i.mode = tarfile.DIRTYPE, 0o755
                t.addfile(i)
            elif isinstance(data, str):
                i.type, i.linkname = tarfile.SYMTYPE, data
                t.addfile(i)
            else:
                i.size, i.mode = len(data), 0o644
                t.addfile(i, io.BytesIO(data))
    return out.getvalue()


# The first and the third layer are the same: docker writes the second time a link.
LAYERS = [tar_of([("etc", None), ("etc/a", b"one\n")]), tar_of([("etc/a", b"two\n"), ("etc/link", "a")]), tar_of([("etc", None), ("etc/a", b"one\n")]),
          tar_of([("last", os.urandom(70000))])]
CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/x"], "Env": ["A=1"]},
                     "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(l) for l in LAYERS]}}).encode()


def docker(kind, legacy):
    """A docker-archive: directories with layer.tar and links between them (legacy), or files by digest."""
    members, paths, seen = [], [], {}
    for n, layer in enumerate(LAYERS):
        data = pack(kind, layer)
        if legacy:
            d = sha(b"%d" % n)
            path = d + "/layer.tar"
            members += [(d, None), (d + "/VERSION", b"1.0"), (path, "../" + seen[data] if data in seen else data)]
            seen.setdefault(data, path)
        else:
            path = sha(data) + ".tar"
            if path not in paths:
                members.append((path, data))
        paths.append(path)
    name = sha(CONFIG) + ".json"
    members += [(name, CONFIG), ("manifest.json", json.dumps([{"Config": name, "RepoTags": ["form:1"], "Layers": paths}]).encode()),
                ("repositories", b'{"form":{"1":"x"}}')]
    return members


def oci(kind, hybrid):
    members, descriptors = [("blobs", None), ("blobs/sha256", None)], []

    def blob(data, media):
        path = "blobs/sha256/" + sha(data)
        if path not in [m[0] for m in members]:
            members.append((path, data))
        return {"mediaType": "application/vnd.oci.image." + media, "digest": "sha256:" + sha(data), "size": len(data)}

    for layer in LAYERS:
        descriptors.append(blob(pack(kind, layer), "layer.v1.tar" + TYPES[kind]))
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": blob(CONFIG, "config.v1+json"), "layers": descriptors}).encode()
    top = blob(manifest, "manifest.v1+json")
    top["annotations"] = {"io.containerd.image.name": "docker.io/library/form:1", "org.opencontainers.image.ref.name": "1"}
    members += [("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
                ("index.json", json.dumps({"schemaVersion": 2, "manifests": [top]}).encode())]
    if hybrid:
        members.append(("manifest.json", json.dumps([{"Config": "blobs/sha256/" + sha(CONFIG), "RepoTags": ["form:1"],
                                                      "Layers": ["blobs/sha256/" + d["digest"][7:] for d in descriptors]}]).encode()))
    return members


class Store:
    def __init__(self, work, name):
        self.env = dict(os.environ, PICKET_STORE="%s/store-%s" % (work, name))

    def picket(self, *args):
        return run(PICKET, *args, env=self.env)


def every_form(work):
    reference = None
    kinds = [k for k in TYPES if k != "zstd" or shutil.which("zstd")]
    forms = {"docker, links": lambda k: docker(k, True), "docker": lambda k: docker(k, False), "OCI layout": lambda k: oci(k, False),
             "both in one": lambda k: oci(k, True)}
    for name, form in forms.items():
        for layers in kinds:
            members = form(layers)
            for outer in kinds:
                s = Store(work, "x")
                path = work + "/in.tar"
                with open(path, "wb") as f:
                    f.write(pack(outer, tar_of(members)))
                status, said = s.picket("load", path)
                s.picket("save", "-o", work + "/out.tar", "form:1")
                data = open(work + "/out.tar", "rb").read() if os.path.exists(work + "/out.tar") else b""
                reference = reference or data
                ident = s.picket("images", "-q", "--no-trunc", "form:1")[1].strip()
                check("%s, layers %s, archive %s" % (name, layers, outer), status == 0 and "form:1" in said and data == reference and data and
                      sha(CONFIG) in ident, (status, said, ident, len(data), len(reference)))
                shutil.rmtree(s.env["PICKET_STORE"], ignore_errors=True)
                if os.path.exists(work + "/out.tar"):
                    os.unlink(work + "/out.tar")
    return reference


def others(work, archive):
    """What we write, read by them; what they write, read by us: the image is the one it was."""
    out = work + "/ours.tar"
    with open(out, "wb") as f:
        f.write(archive)
    t = tarfile.open(out, "r:")
    entry = json.load(t.extractfile("manifest.json"))[0]
    ident = entry["Config"].rpartition("/")[2]
    check("our archive is plain, a layout and a docker-archive", {"oci-layout", "index.json", "manifest.json"} <= set(t.getnames()))
    if shutil.which("skopeo"):
        for source in ("docker-archive:" + out, "oci-archive:" + out):
            status, said = run("unshare", "-r", "skopeo", "inspect", "--config", source)  # it gives files to root
            check("skopeo reads %s" % source.partition(":")[0], status == 0 and '"A=1"' in said, said)
        for target in ("docker-archive:%s/s1.tar:form:1" % work, "oci-archive:%s/s2.tar:form:1" % work, "oci:%s/s3:form" % work):
            status, said = run("skopeo", "copy", "-q", "docker-archive:" + out, target)
            s = Store(work, "y")
            got, words = s.picket("load", "-q", target.split(":")[1])
            # As OCI it writes another configuration, of the same layers.
            have = s.picket("inspect", "--format", "{{json .RootFS.Layers}}", s.picket("images", "-q")[1].split()[0])[1]
            want = json.dumps(["sha256:" + l.rpartition("/")[2] for l in entry["Layers"]], separators=(",", ":"))
            check("and what skopeo writes is read: %s" % target.partition(":")[0], status == 0 and got == 0 and have.strip() == want, (said, words, have, want))
            shutil.rmtree(s.env["PICKET_STORE"], ignore_errors=True)
    else:
        print("ok - no skopeo here # SKIP")
    if shutil.which("podman") and run("unshare", "-r", "true")[0] == 0:
        os.mkdir(work + "/run", 0o700)
        podman = ["env", "XDG_RUNTIME_DIR=%s/run" % work, "podman", "--root", work + "/pr", "--runroot", work + "/prr", "--storage-driver", "vfs", "--log-level", "error"]
        status, said = run(*podman, "load", "-q", "-i", out)
        if status and ("newuidmap" in said or "subuid" in said or "cannot clone" in said):
            print("ok - podman does not run here # SKIP")
            return
        check("podman load", status == 0 and "form:1" in said, said)
        status, said = run(*podman, "images", "-q", "--no-trunc")
        check("  by its ID", ident in said, (said, ident))
        for form in ("docker-archive", "oci-archive"):
            status, said = run(*podman, "save", "-q", "--format", form, "-o", "%s/p-%s.tar" % (work, form), "docker.io/library/form:1")
            s = Store(work, "z")
            got, words = s.picket("load", "%s/p-%s.tar" % (work, form))
            have = s.picket("images", "-q", "--no-trunc", "form:1")[1]
            check("  and podman save as %s is read" % form, status == 0 and got == 0 and ident in have, (status, said, words, have))
            shutil.rmtree(s.env["PICKET_STORE"], ignore_errors=True)
        run(*podman, "rmi", "-fa")
        run(*podman, "unshare", "rm", "-rf", work + "/pr", work + "/prr")
        # It keeps a process that holds its user namespace.
        for base, _, files in os.walk(work + "/run"):
            if "pause.pid" in files:
                os.kill(int(open(base + "/pause.pid").read()), signal.SIGKILL)
    else:
        print("ok - no podman here # SKIP")


def main():
    work = tempfile.mkdtemp(prefix="picket-archives-")
    try:
        others(work, every_form(work))
    finally:
        subprocess.run(["chmod", "-R", "u+rwX", work], stderr=subprocess.DEVNULL)
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
