#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Network namespaces of containers, given by path, new, or the caller's: the same scripts under runc and under picket-runtime print the same.

As root, and as an ordinary user (tests/modes/test_network) in a user namespace of its own, as rootless engines are.

"The world" is a network namespace of its own with the other end of the containers' cable, so that nothing of this machine's network is touched."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
ROOTLESS = os.environ.get("PICKET_TEST_ROOTLESS") == "1"
RUNTIMES = {"runc": [shutil.which("runc")] + ["--rootless=true"] * ROOTLESS, "picket": [os.path.join(BUILD, "cmd/picket-runtime")]}
NAME = "pkt%d" % os.getpid()
failed = 0

CAPS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETUID", "CAP_SETGID", "CAP_NET_BIND_SERVICE", "CAP_KILL"]


def sh(*argv, check=True, **more):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=60, **more)
    if check and p.returncode:
        sys.exit("%s: %s" % (" ".join(argv), p.stdout))
    return p.stdout


def ok(good, title, text=""):
    global failed
    print("%s %s" % ("ok" if good else "not ok", title))
    if not good:
        failed += 1
        print(text)


def in_ns(ns, *argv, **more):
    return sh("ip", "netns", "exec", ns, *argv, **more)


class Container:
    """One of one runtime; it is deleted at the end of a `with`."""

    def __init__(self, work, kind, id, script, net=None, sysctl=None, uid=0, caps=CAPS, caller=None, annotations=None):
        self.kind, self.id = kind, "%s-%s-%s" % (NAME, kind, id)
        self.dir = tempfile.mkdtemp(dir=work)
        self.out = os.path.join(self.dir, "out")
        self.caller = caller  # the network namespace that the runtime itself is in
        root = os.path.join(self.dir, "root")
        for d in ("usr", "etc", "proc", "sys", "dev", "tmp", "run", "var", "t"):
            os.makedirs(os.path.join(root, d))
        os.chmod(os.path.join(root, "tmp"), 0o1777)
        for l in ("bin", "sbin", "lib", "lib64"):
            os.symlink("usr/" + l, os.path.join(root, l))
        with open(os.path.join(root, "t/script"), "w") as f:
            f.write(script)
        subprocess.run(["runc", "spec"], cwd=self.dir, check=True)
        with open(os.path.join(self.dir, "config.json")) as f:
            c = json.load(f)
        sets = ("bounding", "effective", "permitted")
        c["process"].update(terminal=False, args=["/bin/sh", "/t/script"], user={"uid": uid, "gid": uid},
                            capabilities={s: caps if uid == 0 or s == "bounding" else [] for s in sets})
        c["root"] = {"path": "root", "readonly": False}
        c["mounts"] += [{"destination": "/" + d, "source": "/" + d, "type": "bind", "options": ["rbind", "ro"]} for d in ("usr", "etc")]
        spaces = [{"type": t} for t in ("pid", "ipc", "uts", "mount")]
        if net:
            spaces.append({"type": "network", "path": net} if net != "new" else {"type": "network"})
        c["linux"] = {"namespaces": spaces}
        if sysctl:
            c["linux"]["sysctl"] = sysctl
        if annotations:
            c["annotations"] = annotations
        with open(os.path.join(self.dir, "config.json"), "w") as f:
            json.dump(c, f)

    def runtime(self, *argv, check=True, **more):
        command = RUNTIMES[self.kind] + ["--root", os.path.join(os.path.dirname(self.dir), "state-" + self.kind)] + list(argv)
        if self.caller:
            command = ["nsenter", "--net=/run/netns/" + self.caller] + command
        p = subprocess.run(command, timeout=60, universal_newlines=True, **more)
        if check and p.returncode:
            sys.exit("%s: %s failed; it wrote: %s" % (self.kind, argv[0], self.output()))
        return p

    def create(self):
        with open(self.out, "w") as f:
            self.runtime("create", "-b", self.dir, self.id, stdin=subprocess.DEVNULL, stdout=f, stderr=f)
        return self

    def start(self):
        self.runtime("start", self.id)
        return self

    def state(self):
        return json.loads(self.runtime("state", self.id, stdout=subprocess.PIPE).stdout)

    def wait(self, seconds=30):
        end = time.time() + seconds
        while self.state()["status"] != "stopped":
            if time.time() > end:
                sys.exit("%s: %s still runs; it wrote: %s" % (self.kind, self.id, self.output()[-2000:]))
            time.sleep(0.05)
        return self.output()

    def until(self, text, seconds=20):
        """Wait for a line that it writes."""
        end = time.time() + seconds
        while text not in self.output().splitlines():
            if time.time() > end:
                sys.exit("%s: no \"%s\" in: %s" % (self.kind, text, self.output()[-2000:]))
            time.sleep(0.02)

    def output(self):
        with open(self.out) as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, *e):
        self.runtime("delete", "--force", self.id, check=False, stderr=subprocess.DEVNULL)


class World:
    """Two namespaces and a cable between them."""

    def __init__(self):
        self.outside, self.inside = NAME + "w", NAME + "c"

    def __enter__(self):
        for n in (self.outside, self.inside):
            sh("ip", "netns", "add", n)
            in_ns(n, "ip", "link", "set", "lo", "up")
        return self

    def __exit__(self, *e):
        for n in (self.outside, self.inside):
            sh("ip", "netns", "del", n, check=False)

    def path(self):
        return "/run/netns/" + self.inside

    def connect(self):
        """What an engine does between create and start."""
        in_ns(self.outside, "ip", "link", "add", "w0", "type", "veth", "peer", "name", "eth0", "netns", self.inside)
        for ns, dev, n in ((self.outside, "w0", 1), (self.inside, "eth0", 2)):
            in_ns(ns, "ip", "addr", "add", "10.231.7.%d/24" % n, "dev", dev)
            in_ns(ns, "ip", "addr", "add", "fd00:231:7::%d/64" % n, "dev", dev, "nodad")
            in_ns(ns, "ip", "link", "set", dev, "addrgenmode", "none", "address", "02:00:00:00:00:%02x" % n, "up")
        in_ns(self.inside, "ip", "route", "add", "default", "via", "10.231.7.1")
        in_ns(self.inside, "ip", "-6", "route", "add", "default", "via", "fd00:231:7::1")

    def parameter(self, ns, name):
        return in_ns(ns, "cat", "/proc/sys/net/" + name).split()


def tidy(text):
    text = re.sub(r"^warning: no control group.*\n", "", text, flags=re.M)  # of a rootless caller
    text = re.sub(r"(qdisc|state|group|qlen|link-netnsid|netns) \S+ ?", "", text)
    text = re.sub(r"NO-CARRIER,|@if\d+|expires \d+sec|time=\S+|hoplimit \d+ ?|used \S+|probes \d+|\b(REACHABLE|STALE|DELAY|PERMANENT)\b", "", text)
    text = re.sub(r"^rtt .*|^round-trip .*", "", text, flags=re.M)
    return re.sub(r"[ \t]+", " ", text)


def compare(title, work, script, before=None, during=None, **options):
    """*script* under both; *before* is called between create and start, *during* while it runs."""
    out = {}
    for kind in RUNTIMES:
        with World() as w:
            net = options.get("net", w.path())
            with Container(work, kind, "one", script, **dict(options, net=net)) as c:
                c.create()
                if before:
                    before(w)
                c.start()
                more = during(w, c) if during else ""
                out[kind] = tidy(c.wait() + (more or ""))
    ok(out["runc"] == out["picket"], title, "--- runc\n%s\n--- picket\n%s" % (out["runc"][:4000], out["picket"][:4000]))
    return out


LOOK = """
ip addr; ip link; ip -s link show eth0 | head -1; ip route; ip -6 route; ip route get 10.231.7.1 | head -1; ip route get 8.8.8.8 | head -1; ip rule
cat /proc/net/route; sort /proc/net/if_inet6; cut -d: -f1 /proc/net/dev; ls /sys/class/net; cat /sys/class/net/eth0/address
python3 - <<END
import socket, fcntl, struct
print(socket.if_nameindex())
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for name in ("eth0", "lo"):
    for call in (0x8915, 0x891b, 0x8921, 0x8913, 0x8927):
        answer = bytearray(fcntl.ioctl(s, call, struct.pack("256s", name.encode()))[16:24])
        if call == 0x8913:
            answer[0] &= ~0x40  # IFF_RUNNING comes some time after the other end is up
        print(name, hex(call), answer.hex())
END
ip link set eth0 down; echo $?
ip addr add 10.9.9.9/8 dev eth0; echo $?
ip route del default; echo $?
"""

TALK = """
curl -s http://10.231.7.1:8080/; curl -g -s 'http://[fd00:231:7::1]:8080/'
python3 - <<END
import socket, os
def attempt(what, f):
    try:
        print(what, f())
    except OSError as e:
        print(what, e.strerror)
def udp(family, address):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(10)
    s.sendto(b"hello", (address, 9))
    return s.recv(100)
attempt("udp", lambda: udp(socket.AF_INET, "10.231.7.1"))
attempt("udp6", lambda: udp(socket.AF_INET6, "fd00:231:7::1"))
attempt("refused", lambda: socket.create_connection(("10.231.7.1", 81), 5))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 255))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3))
def low(port):
    s = socket.socket()
    s.bind(("0.0.0.0", port))
    return s.getsockname()
attempt("port 80", lambda: low(80))
attempt("port 443", lambda: low(443))
END
ip neigh show 10.231.7.1
grep -c 10.231.7.1 /proc/net/arp
"""

SERVER = """
import socket, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("you are %s\\n" % self.client_address[0]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a):
        pass
class Server6(HTTPServer):
    address_family = socket.AF_INET6
def udp():
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(("::", 9))
    while True:
        data, who = s.recvfrom(100)
        s.sendto(data.upper(), who)
threading.Thread(target=udp, daemon=True).start()
server = Server6(("::", 8080), Handler)
print("up", flush=True)
server.serve_forever()
"""


def serve(w):
    p = subprocess.Popen(["ip", "netns", "exec", w.outside, "python3", "-c", SERVER], stdout=subprocess.PIPE)
    p.stdout.readline()
    return p


def joined(work):
    compare("interfaces, addresses and routes that are made between create and start", work, LOOK, before=lambda w: w.connect())

    servers = []

    def connect(w):
        w.connect()
        servers.append(serve(w))

    try:
        out = compare("TCP, UDP, IPv6, low ports of root", work, TALK, before=connect)["picket"]
        ok("you are ::ffff:10.231.7.2" in out and "you are fd00:231:7::2" in out and "b'HELLO'" in out and "('0.0.0.0', 80)" in out,
           "the world answers", out)
        compare("low ports of others, where the namespace has them", work, TALK, before=connect, uid=1000,
                sysctl={"net.ipv4.ip_unprivileged_port_start": "443"})
    finally:
        for p in servers:
            p.kill()
            p.wait()

    def later(w, c):
        c.until("first")
        in_ns(w.inside, "ip", "link", "add", "eth7", "type", "veth", "peer", "name", "w7", "netns", w.outside)
        in_ns(w.inside, "ip", "addr", "add", "10.77.0.1/16", "dev", "eth7")
        in_ns(w.inside, "ip", "link", "set", "eth7", "up")

    compare("an interface that comes while the program runs", work, """
ls /sys/class/net; echo first
until ip -4 addr show dev eth7 2>/dev/null | grep -q 10.77.0.1; do sleep 0.1; done
sleep 0.3; ip -4 addr show dev eth7; ip route | grep 10.77; ls /sys/class/net; grep -c eth7 /proc/net/dev; ls /proc/sys/net/ipv4/conf
""", during=later)
    def change(w, c):
        c.until("listening")
        in_ns(w.inside, "ip", "link", "add", "eth8", "type", "veth", "peer", "name", "w8", "netns", w.outside)
        in_ns(w.inside, "ip", "link", "set", "eth8", "up")
        in_ns(w.inside, "ip", "addr", "add", "10.78.0.1/16", "dev", "eth8")
        in_ns(w.inside, "ip", "route", "add", "10.79.0.0/16", "via", "10.78.0.2")
        in_ns(w.inside, "ip", "link", "del", "eth8")

    compare("events of what changes", work, """python3 - <<END
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.bind((0, 1 | 0x10 | 0x40))
print("listening", flush=True)
seen = set()
while True:
    data = s.recv(65536)
    length, kind = struct.unpack("IH", data[:6])
    link = struct.unpack("i", data[20:24])[0] if kind in (16, 17, 20, 21) else 0
    seen.add((kind, data[16], link))
    if kind == 17 and link == max(l for k, f, l in seen):
        break
print(sorted(seen))
END
""", during=change)
    compare("ss", work, "python3 -c 'import socket, time; s=socket.socket(); s.bind((\"0.0.0.0\", 5001)); s.listen(7); time.sleep(2)' & "
            "until ss -Htln | grep -q 5001; do sleep 0.1; done; ss -Htln | tr -s ' ' | cut -d' ' -f1,4; ss -Htun; "
            "sed 1d /proc/net/tcp | tr -s ' ' | cut -d' ' -f3,5,8-10; wait")

    def many(w):
        for i in range(5):
            in_ns(w.inside, "ip", "link", "add", "a%d" % i, "type", "veth", "peer", "name", "b%d" % i)
            in_ns(w.inside, "ip", "addr", "add", "10.%d.0.1/16" % i, "dev", "a%d" % i)

    compare("more interfaces than fit into a page", work, """
python3 -c 'import socket; print(socket.if_nameindex())'
busybox ip addr | grep -v link/; busybox ip route; ip -o link | wc -l; getent ahosts localhost | wc -l; hostname -I
""", before=many)
    compare("kernel parameters", work, """
cd /proc/sys/net
for f in core/somaxconn ipv4/ip_forward ipv4/ip_local_port_range ipv4/conf/all/rp_filter ipv4/conf/lo/forwarding ipv4/ip_unprivileged_port_start \
 ipv6/conf/all/disable_ipv6 ipv4/ping_group_range ipv4/tcp_rmem; do echo $f $(cat $f); done
""", sysctl={"net.core.somaxconn": "555", "net.ipv4.ip_forward": "1", "net.ipv4.ip_local_port_range": "40000 40100", "net.ipv4.conf.lo.forwarding": "0",
             "net.ipv4.conf.all.rp_filter": "2", "net.ipv4.ip_unprivileged_port_start": "100", "net.ipv4.ping_group_range": "5 100"})
    ping = "busybox ping -c1 -W5 10.231.7.1; busybox ping -6 -c1 -W5 fd00:231:7::1; busybox ping -c1 -W5 127.0.0.1"
    compare("ping", work, ping, before=lambda w: w.connect(), caps=CAPS + ["CAP_NET_RAW"])


def made(work):
    compare("a new namespace", work, "ip addr; ip route; busybox ping -c1 127.0.0.1; curl -s http://10.231.7.1/; echo $?", net="new",
            caps=CAPS + ["CAP_NET_RAW"])
    compare("a parameter of a new namespace", work, "cat /proc/sys/net/core/somaxconn", net="new", sysctl={"net.core.somaxconn": "1"})


def servers(work):
    nginx = """
mkdir -p /tmp/n
cat > /tmp/n/conf <<END
daemon off; error_log stderr crit; pid /tmp/n/pid; worker_processes 2; user root;
events {}
http { access_log off; client_body_temp_path /tmp/n/b; proxy_temp_path /tmp/n/p; fastcgi_temp_path /tmp/n/f; uwsgi_temp_path /tmp/n/u; scgi_temp_path /tmp/n/s;
 server { listen 80; listen [::]:80; location / { return 200 "from nginx to \\$remote_addr\\n"; } } }
END
nginx -c /tmp/n/conf & n=$!
redis-server --port 6379 --protected-mode no --save "" --bind '* -::*' --daemonize no >/dev/null 2>&1 & r=$!
until [ $(busybox netstat -ltn | grep -c LISTEN) = 4 ]; do sleep 0.1; done
echo up
while [ ! -e /t/stop ]; do sleep 0.1; done
busybox netstat -ltn | grep LISTEN | sort
kill $n $r; wait; echo down
"""

    def ask(w, c):
        c.until("up")
        text = "".join(in_ns(w.outside, "curl", "-g", "-sS", "http://%s/" % a, check=False) for a in ("10.231.7.2", "[fd00:231:7::2]"))
        text += in_ns(w.outside, "python3", "-c", """
import socket
s = socket.create_connection(("10.231.7.2", 6379), 10)
for q in (b"SET a 5\\r\\n", b"INCR a\\r\\n"):
    s.sendall(q)
    print(s.recv(100))
""")
        open(os.path.join(c.dir, "root/t/stop"), "w").close()
        return text

    out = compare("nginx on port 80 and redis, asked from outside", work, nginx, before=lambda w: w.connect(), during=ask)["picket"]
    ok("from nginx to 10.231.7.1" in out and "from nginx to fd00:231:7::1" in out and ":6\\r\\n" in out, "they answer", out)


def pod(work):
    """Two containers in one namespace: loopback is shared; abstract names are each sentry's own."""
    with World() as w:
        listen = """python3 - <<END
import socket
s = socket.socket(); s.bind(("127.0.0.1", 7000)); s.listen()
u = socket.socket(socket.AF_UNIX); u.bind("\\0name"); u.listen()
print("up", flush=True)
c, a = s.accept(); c.sendall(b"hello from the other container"); c.close()
END
"""
        ask = """python3 - <<END
import socket
print(socket.create_connection(("127.0.0.1", 7000)).recv(100))
u = socket.socket(socket.AF_UNIX)
try:
    u.connect("\\0name"); print("connected")
except OSError as e:
    print(e.strerror)
END
grep -c ':1B58' /proc/net/tcp
"""
        with Container(work, "picket", "a", listen, net=w.path()) as a, Container(work, "picket", "b", ask, net=w.path()) as b:
            a.create().start()
            a.until("up")
            b.create().start()
            out = b.wait()
            ok("hello from the other container" in out and "Connection refused" in out, "two containers of a pod", out)
            a.wait()


LOW = """python3 - <<END
import socket, threading
def attempt(port, family, type, address, then=lambda s: None):
    s = socket.socket(family, type)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind((address, port))
        print(port, "up", s.getsockname())
        return s
    except OSError as e:
        print(port, e.strerror)
a = attempt(80, socket.AF_INET, socket.SOCK_STREAM, "0.0.0.0")
if a:
    a.listen()
    c = socket.create_connection(("127.0.0.1", 80)); print(c.getpeername())
    b = attempt(80, socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1")
attempt(53, socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1")
attempt(443, socket.AF_INET6, socket.SOCK_STREAM, "::1")
attempt(81, socket.AF_INET, socket.SOCK_STREAM, "10.99.99.99")
many = [socket.socket() for i in range(40)]
def bind(i):
    try:
        many[i].bind(("127.0.0.1", 200 + i))
    except OSError:
        pass
threads = [threading.Thread(target=bind, args=(i,)) for i in range(40)]
for t in threads: t.start()
for t in threads: t.join()
print(len([s for s in many if s.getsockname()[1]]))
END
"""


def host(work):
    """The caller's network: its sockets, and nothing is set there."""
    script = "ip -4 addr show lo; python3 -c 'import socket; s=socket.socket(); s.bind((\"127.0.0.1\", 5000)); print(s.getsockname())'"
    names = ("ipv4/ip_unprivileged_port_start", "ipv4/ping_group_range")
    out = {}
    with World() as w:
        before = [w.parameter(w.inside, n) for n in names]
        for kind in RUNTIMES:
            with Container(work, kind, "h", script, net=None, caller=w.inside) as c:
                out[kind] = c.create().start().wait()
        ok(tidy(out["runc"]) == tidy(out["picket"]), "the caller's network", str(out))
        low = {}
        for kind in RUNTIMES:
            for uid, caps in ((0, CAPS), (1000, CAPS), (0, ["CAP_KILL"])):
                with Container(work, kind, "l", LOW, net=None, caller=w.inside, uid=uid, caps=caps) as c:
                    low[kind] = low.get(kind, "") + c.create().start().wait()
        ok(tidy(low["runc"]) == tidy(low["picket"]) and "80 up" in low["runc"], "low ports of the caller's network", "%(runc)s\n%(picket)s" % low)
        with Container(work, "picket", "p", script, net=w.path(), caller=w.inside) as c:
            text = c.create().start().wait()
        ok(tidy(text) == tidy(out["runc"]), "the caller's network by its path", text)
        ok(before == [w.parameter(w.inside, n) for n in names], "nothing is set in the caller's namespace")
        with Container(work, "picket", "s", "true", net=None, caller=w.inside, sysctl={"net.ipv4.ip_forward": "1"}) as c:
            p = c.runtime("create", "-b", c.dir, c.id, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            ok(p.returncode and 'sysctl "net.ipv4.ip_forward" not allowed in host network namespace' in p.stdout, "no parameters for the caller's", p.stdout)
        with Container(work, "picket", "x", "true", net="/run/netns/no-such", caller=w.inside) as c:
            p = c.runtime("create", "-b", c.dir, c.id, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            ok(p.returncode and "/run/netns/no-such: No such file or directory" in p.stdout, "a namespace that is not there", p.stdout)
        with Container(work, "picket", "j", script, net=w.path()) as c:
            c.create()
            pid = c.state()["pid"]
            ok(os.stat("/proc/%d/ns/net" % pid).st_ino == os.stat(w.path()).st_ino, "the monitor is in the container's namespace")
            ok(w.parameter(w.inside, names[0]) == ["0"], "low ports are opened there")


def enter_namespaces():
    """Become root of a user namespace with many ids, and give it a place for the names of network namespaces."""
    if "inside" not in sys.argv:
        if subprocess.run(["unshare", "-Urnm", "--map-auto", "true"], stderr=subprocess.DEVNULL).returncode:
            print("needs user namespaces, and subordinate ids of the user")
            sys.exit(77)
        os.execvp("unshare", ["unshare", "-Urnm", "--map-auto", sys.executable, __file__, BUILD, "inside"])
    sh("mount", "-t", "tmpfs", "none", "/run")
    os.mkdir("/run/netns")
    sh("ip", "link", "set", "lo", "up")
    os.environ["XDG_RUNTIME_DIR"] = "/run"


def none(work):
    """The annotation: nothing but loopback, whatever the container's namespace has."""
    with World() as w, Container(work, "picket", "n", "ls /sys/class/net; busybox ping -c1 127.0.0.1 | grep -c ttl; curl -s http://10.231.7.1/; echo $?",
                                 net=w.path(), caps=CAPS + ["CAP_NET_RAW"], annotations={"dev.picket.network": "none"}) as c:
        c.create()
        w.connect()
        text = tidy(c.start().wait())
        ok(text.split() == ["lo", "1", "7"], "dev.picket.network: none", text)


def main():
    if ROOTLESS:
        enter_namespaces()
    if os.geteuid():
        print("needs root")
        sys.exit(77)
    for program in ("runc", "runc", "ip", "busybox", "curl", "nginx", "redis-server", "nsenter"):
        if not shutil.which(program):
            print("needs " + program)
            sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="picket-net.") as work:
        os.chmod(work, 0o755)
        for part in (joined, made, servers, pod, host, none):
            part(work)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
