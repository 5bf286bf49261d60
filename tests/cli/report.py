#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--report: what a run says it has touched is what it has touched, and nothing of it speaks to the terminal.

Use: report.py BUILD-DIRECTORY, as an ordinary user. Prints "ok NAME" or "not ok NAME".
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

build = os.path.abspath(sys.argv[1])
picket = build + "/cmd/picket"
work = tempfile.mkdtemp(prefix="picket-report-")
os.environ.update(XDG_RUNTIME_DIR=work + "/run", PICKET_STORE=work + "/store", HOME=work + "/home", LC_ALL="C.UTF-8")
for d in ("run", "store", "home", "project"):
    os.mkdir(work + "/" + d, 0o700)
os.chdir(work + "/project")
failures = 0


def check(name, fine, what=""):
    global failures
    print(("ok " if fine else "not ok ") + name)
    if not fine:
        failures += 1
        print("#", what)


def run(*args, network="none"):
    p = subprocess.run([picket, "run", "--network", network, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return p.returncode, p.stdout.decode(), p.stderr.decode("utf-8", "backslashreplace")


def report(*args, **kw):
    status, out, err = run("--report=json", *args, **kw)
    start = err.find("\n{") + 1 if not err.startswith("{") else 0
    return json.loads(err[start:]), status, err


def find(r, kind, **fields):
    return [x for x in r[kind] if all(x.get(k) == v for k, v in fields.items())]


def files():
    for name, text in (("old", "1"), ("gone", "2"), ("replaced", "3"), ("read", "4")):
        with open(name, "w") as f:
            f.write(text)
    os.mkdir("mode", 0o755)
    r, status, err = report("--share", ".", "host", "--", "sh", "-c", """
        echo x >new; echo y >>old; rm gone; echo z >tmp; mv tmp replaced; mv new newer; mkdir -p a/b; chmod 700 mode; cat read
        ln -s x link; ln old hard; echo >/tmp/inside; touch brief; rm brief; exit 7""")
    p = os.getcwd() + "/"
    got = {f["path"]: f["change"] for f in r["files"] if f["change"] != "temporary"}
    want = {p + "old": "changed", p + "gone": "removed", p + "replaced": "changed", p + "newer": "made", p + "a": "made",
            p + "a/b": "made", p + "mode": "changed", p + "link": "made", p + "hard": "made"}
    check("files of a share", got == want, got)
    check("temporary files are marked", find(r, "files", path=p + "brief", change="temporary"), r["files"])
    check("exit status", status == 7 and r["exit_status"] == 7, status)
    progs = {x["path"].split("/")[-1]: x["count"] for x in r["programs"]}
    check("programs", progs.get("mv") == 2 and progs.get("cat") == 1, progs)
    u = r["resources"]
    check("resources", 0 < u["wall_ns"] < 60e9 and 0 < u["user_ns"] + u["system_ns"] < 60e9 and u["processes"] >= 5, u)
    r, _, _ = report("host", "sh", "-c", "echo x >/usr/bin/x; rm /etc/hostname; echo >>/etc/passwd; echo >/tmp/y; echo >/root/z; mkdir /usr/n")
    got = {f["path"]: f["change"] for f in r["inside"]}
    check("the sandbox's own tree", got == {"/usr/bin/x": "made", "/etc/hostname": "removed", "/etc/passwd": "changed", "/usr/n": "made"},
          got)
    check("  is nobody's files", r["files"] == [], r["files"])
    r, _, _ = report("-v", os.getcwd() + ":/v", "host", "sh", "-c", "echo >/v/x")
    check("files of a volume, as the guest calls them", find(r, "files", path="/v/x", change="made"), r["files"])
    r, _, _ = report("--share-ro", ".", "host", "sh", "-c", "echo >x; cat read")
    check("nothing of what is read only", r["files"] == [], r["files"])
    check("the refusal is said", find(r, "calls", error="EROFS", path="x"), r["calls"])


def calls():
    r, _, err = report("host", "python3", "-c", "import ctypes, os\nl = ctypes.CDLL(None)\nfor i in range(3): l.syscall(246, 0)\n"
                       "l.syscall(9999)\nos.setuid(5)\ntry: os.chroot('/tmp')\nexcept OSError: pass\n")
    check("an unsupported call, counted, with its reason",
          any(x["count"] == 3 and x.get("reason") for x in find(r, "calls", name="kexec_load")), r["calls"])
    check("a number that Linux does not have", find(r, "calls", name="9999", error="ENOSYS"), r["calls"])
    check("a right that is missing, with the path", find(r, "calls", name="chroot", error="EPERM", path="/tmp"), r["calls"])


def hosts():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(8)
    port = server.getsockname()[1]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    uport = udp.getsockname()[1]
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    cport = closed.getsockname()[1]
    code = f"""
import socket
for i in range(2): socket.create_connection(("127.0.0.1", {port})).close()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.sendto(b"x", ("127.0.0.1", {uport}))
u.connect(("127.0.0.1", {uport})); u.send(b"y")
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.connect(("127.0.0.1", 9))
try: socket.create_connection(("127.0.0.1", {cport}))
except OSError: pass
"""
    r, _, err = report("host", "python3", "-c", code, network="host")
    check("tcp", find(r, "hosts", protocol="tcp", address="127.0.0.1", port=port, count=2), r["hosts"])
    check("udp", find(r, "hosts", protocol="udp", port=uport, count=2), r["hosts"])
    check("a datagram socket that sends nothing is no contact", not find(r, "hosts", port=9), r["hosts"])
    check("a refused connection", find(r, "hosts", port=cport, error="ECONNREFUSED"), r["hosts"])
    r, _, _ = report("host", "python3", "-c", "import socket\ns = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
                     "socket.create_connection(s.getsockname())")
    check("the sandbox's own loopback is no host", r["hosts"] == [], r["hosts"])


def hostile():
    code = """
import os, ctypes
os.symlink("x", "esc\\x1b[31m"); os.symlink("x", b"\\xff\\xfe"); os.symlink("x", 'q"\\\\'); os.symlink("x", "rtl\\u202egpj")
os.symlink("x", "line\\n{\\"kind\\":\\"host\\"}")
"""
    r, _, err = report("--share", ".", "host", "--", "python3", "-c", code)
    names = {f["path"].rsplit("/", 1)[-1] for f in r["files"] if "\n" not in f["path"]}
    check("odd names in JSON", {"esc\x1b[31m", 'q"\\', "rtl\u202egpj", "\ufffd\ufffd"} <= names and r["hosts"] == [], names)
    for f in os.listdir(b"."):
        if os.path.islink(f):
            os.unlink(f)
    _, _, err = run("--report", "--share", ".", "host", "--", "python3", "-c", code)
    check("odd names in text", "\x1b" not in err and "\u202e" not in err and "esc?[31m" in err, err)
    os.mkdir("many")
    r, _, err = report("--share", ".", "host", "--", "python3", "-c",
                       "for i in range(9000): open('many/%d' % i, 'w').close()")
    check("bounded, and what is lost is counted", len(r["files"]) == 8192 and r["lost"]["files"] >= 800,
          (len(r["files"]), r["lost"]))


def options():
    status, _, err = run("--report=xml", "host", "true")
    check("an unknown format", status == 125 and "--report takes" in err, err)
    status, _, err = run(f"--report=json:{work}/out.json", "host", "true")
    check("into a file", status == 0 and err == "" and json.load(open(work + "/out.json"))["exit_status"] == 0, err)
    status, _, err = run("--report", "host", "true")
    check("for people", "No host was contacted" in err and "Used" in err and "/true" in err, err)
    status, _, err = run("--report", "host", "/no/such")
    check("none where nothing started", status == 127 and "no report" in err, err)


def memory():
    """A short run is over before anybody has looked; its peak is the kernel's."""
    r, _, _ = report("host", "--", "dash", "-c", "true")
    check("memory of a short run", 500_000 < r["resources"]["memory_peak"] < 20_000_000, r["resources"])
    # Several times: the host takes the memory of a process away as soon as it is killed, so a late look sees none.
    peaks = [report("host", "--", "python3", "-c", "b'x' * 50_000_000")[0]["resources"]["memory_peak"] for _ in range(8)]
    check("memory at its peak", all(50_000_000 < p < 120_000_000 for p in peaks), peaks)


def at_once():
    """Many processes and threads that write the tables beside each other."""
    r, status, err = report("--share", ".", "host", "--", "sh", "-c",
                            "for i in 1 2 3 4; do (for j in 1 2 3 4 5; do echo >p$i-$j; cat p$i-$j; done) & done; wait")
    check("side by side", sum("/p" in f["path"] for f in r["files"]) == 20 and status == 0, r["files"])


try:
    for test in (files, calls, hosts, hostile, options, memory, at_once):
        test()
finally:
    os.chdir("/")
    shutil.rmtree(work, ignore_errors=True)
sys.exit(1 if failures else 0)
