#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Published ports and the other network options of picket run, by the real sentry and slirp4netns.

Use: ports.py BUILD-DIRECTORY [NAME…]. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed; 77: no network here.
"""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PICKET = sys.argv[1] + "/cmd/picket"
failures = 0
home = tempfile.mkdtemp(prefix="picket-ports-")
env = {**{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": home, "XDG_RUNTIME_DIR": home + "/run",
       "PICKET_STORE": home + "/store"}
os.mkdir(home + "/run", 0o700)

SERVER = """
import socket, sys
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("0.0.0.0", 53))
t = socket.socket(); t.bind(("0.0.0.0", 80)); t.listen()
t2 = socket.socket(); t2.bind(("0.0.0.0", 81)); t2.listen()
print("up", flush=True)
import select
while True:
    for s in select.select([u, t, t2], [], [])[0]:
        if s is u:
            d, a = u.recvfrom(100); u.sendto(b"udp " + d, a)
        else:
            c, a = s.accept(); c.send(b"port %d" % s.getsockname()[1]); c.close()
"""


def check(name, good, more=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + (f": {more}" if not good else ""), flush=True)


def picket(*args, timeout=60):
    return subprocess.run([PICKET, *args], env=env, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)


def free_port(n=1):
    """The first of n free ports."""
    for port in range(20000 + os.getpid() % 5000, 60000, 7):
        socks = []
        try:
            for i in range(n):
                s = socket.socket()
                socks.append(s)
                s.bind(("127.0.0.1", port + i))
        except OSError:
            continue
        finally:
            for s in socks:
                s.close()
        return port


def tcp(port, ip="127.0.0.1"):
    for i in range(100):
        try:
            with socket.create_connection((ip, port), 5) as s:
                s.settimeout(5)
                got = s.recv(100).decode()
                if got:
                    return got
        except OSError as e:
            got = str(e)
        time.sleep(0.05)
    return got


class Server:
    def __init__(self, *options, name=None):
        name = ["--name", name] if name else []
        self.p = subprocess.Popen([PICKET, "run", "--rm", *name, *options, "host", "--", "python3", "-c", SERVER], env=env,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self.first = self.p.stdout.readline().strip()

    def end(self):
        self.p.terminate()
        self.p.communicate(timeout=20)


def test_published():
    port = free_port(3)
    s = Server("-p", f"127.0.0.1:{port}:80", "-p", f"{port + 1}:53/udp", "-p", f"{port + 2}:81")
    check("the server runs", s.first == "up", s.p.stderr.read() if s.first != "up" else "")
    check("tcp", tcp(port) == "port 80", tcp(port))
    check("all addresses", tcp(port + 2) == "port 81")
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.connect(("192.0.2.99", 9))
    own = u.getsockname()[0]  # not the loopback's
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.settimeout(5)
    u.sendto(b"x", (own, port + 1))
    check("udp", u.recv(100) == b"udp x")
    for i in range(3):
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        u.settimeout(5)
        u.sendto(b"%d" % i, ("127.0.0.1", port + 1))
        check("udp on the loopback", u.recv(100) == b"udp %d" % i)
    r = picket("run", "--rm", "-p", f"{port}:80", "host", "--", "true")
    check("in use: said", r.returncode == 125 and "in use already" in r.stderr, r.stderr)
    s.end()
    check("free again", tcp_refused(port))


def tcp_refused(port):
    for i in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_range():
    port = free_port(2)
    s = Server("-p", f"{port}-{port + 1}:80-81")
    check("a range", s.first == "up" and (tcp(port), tcp(port + 1)) == ("port 80", "port 81"))
    t = Server("-p", f"{port}-{port + 5}:80")
    got = [p for p in range(port + 2, port + 6) if not tcp_quick(p)]
    check("a free one of a range", t.first == "up" and len(got) == 3, got)
    t.end()
    s.end()


def tcp_quick(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as s:
            s.settimeout(2)
            return s.recv(100) == b"port 80"
    except OSError:
        return False


def published(name):
    r = picket("port", name)
    return r.returncode, r.stdout, r.stderr


def test_port_command():
    s = Server("-p", "80", "-p", "127.0.0.1::53/udp", name="ports-web")
    code, out, err = published("ports-web")
    m = re.fullmatch(r"80/tcp -> 0\.0\.0\.0:(\d+)\n53/udp -> 127\.0\.0\.1:(\d+)\n", out)
    check("picket port", code == 0 and m, out + err)
    if m:
        check("it is that port", tcp(int(m[1])) == "port 80")
        one = picket("port", "ports-web", "80")
        check("one port", one.stdout == f"0.0.0.0:{m[1]}\n", one)
        one = picket("port", "ports-web", "53/udp")
        check("one port of udp", one.stdout == f"127.0.0.1:{m[2]}\n", one)
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        u.settimeout(5)
        u.sendto(b"y", ("127.0.0.1", int(m[2])))
        check("udp of the loopback alone", u.recv(100) == b"udp y")
    row = picket("ps", "--format", "{{.Ports}}", "--filter", "name=ports-web").stdout
    check("ps", m and f"0.0.0.0:{m[1]}->80/tcp" in row and "->53/udp" in row, row)
    row = picket("inspect", "--format", "{{json .NetworkSettings.Ports}} {{json .HostConfig.PortBindings}}", "ports-web")
    check("inspect", m and f'"HostPort":"{m[2]}"' in row.stdout.replace(": ", ":") and '"80/tcp"' in row.stdout, row)
    no = picket("port", "ports-web", "53")
    check("one that is not published", no.returncode == 1 and "no port 53/tcp" in no.stderr, no)
    s.end()
    no = picket("port", "ports-web")
    check("one that is gone", no.returncode == 1, no)


def test_restart():
    port = free_port()
    r = picket("run", "-d", "--name", "ports-again", "-p", f"{port}:80", "-P", "--expose", "53/udp", "--expose", "81", "host", "--",
               "python3", "-c", SERVER)
    check("detached", r.returncode == 0, r.stderr)
    check("it serves", tcp(port) == "port 80")
    out = picket("port", "ports-again").stdout
    m = re.search(r"81/tcp -> 0\.0\.0\.0:(\d+)", out)
    check("-P", m and "53/udp -> " in out and tcp(int(m[1])) == "port 81", out)
    r = picket("restart", "-t", "0", "ports-again")
    check("restart", r.returncode == 0, r.stderr)
    check("published again", tcp(port) == "port 80")
    check("stop", picket("stop", "-t", "0", "ports-again").returncode == 0)
    check("free", tcp_refused(port))
    check("none of one that does not run", picket("port", "ports-again").stdout == "")
    blocker = socket.socket()
    blocker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    blocker.bind(("0.0.0.0", port))
    blocker.listen()
    r = picket("start", "ports-again")
    check("start, but the port is taken", r.returncode == 1 and "in use already" in r.stderr, r)
    blocker.close()
    check("start", picket("start", "ports-again").returncode == 0)
    check("published once more", tcp(port) == "port 80")
    check("rm -f", picket("rm", "-f", "ports-again").returncode == 0)


def test_refused():
    for spec, word in [("x", "not ["), ("0", "not ["), ("70000:80", "not ["), ("8000-8002:80-81", "differ"), ("80/sctp", "tcp and udp"),
                       ("[::1]:80:80", "IPv4"), ("1.2.3:80:80", "no IPv4"), ("80:80", "below"), ("203.0.113.9:8099:80", "no address")]:
        r = picket("run", "--rm", "-p", spec, "host", "--", "true")
        check(f"-p {spec}", r.returncode == 125 and word in r.stderr, r.stderr)
    r = picket("run", "--rm", "--network", "none", "-p", "8080:80", "host", "--", "true")
    check("none: discarded", r.returncode == 0 and "discarded" in r.stderr, r.stderr)
    r = picket("run", "--rm", "--network", "beer", "host", "--", "true")
    check("unknown network", r.returncode == 125 and '"beer"' in r.stderr, r.stderr)
    for option in ("--ip=1.2.3.4", "--network-alias=x", "--link=x", "--privileged", "--device=/dev/kvm"):
        r = picket("run", "--rm", option, "host", "--", "true")
        check(option + " is refused", r.returncode == 125 and "is not offered" in r.stderr, r.stderr)


def test_files():
    r = picket("run", "--rm", "--hostname", "me", "--add-host", "foo:1.2.3.4", "--add-host", "bar=::2", "--dns", "9.9.9.9", "--dns-search",
               "a.b", "--dns-search", "c", "--dns-option", "ndots:2", "host", "--", "cat", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname")
    lines = r.stdout.splitlines()
    check("hosts", "1.2.3.4\tfoo" in lines and "::2\tbar" in lines and "10.0.2.100\tme" in lines, r.stdout)
    check("resolv.conf", "nameserver 9.9.9.9" in lines and "search a.b c" in lines and "options ndots:2" in lines, r.stdout)
    check("no other name server", "nameserver 10.0.2.3" not in lines, r.stdout)
    for bad in (["--add-host", "foo"], ["--add-host", "foo:x"], ["--dns", "foo"], ["--mac-address", "1"]):
        r = picket("run", "--rm", *bad, "host", "--", "true")
        check(" ".join(bad), r.returncode == 125 and bad[0][:8] in r.stderr or "MAC" in r.stderr, r.stderr)
    r = picket("run", "--rm", "--mac-address", "02:00:00:00:00:17", "host", "--", "cat", "/sys/class/net/tap0/address", "/proc/net/arp")
    check("--mac-address", "02:00:00:00:00:17" in r.stdout or r.returncode == 1, r)


def test_container():
    s = Server(name="ports-one")
    prog = "import socket; s = socket.create_connection(('127.0.0.1', 80), 5); print(s.recv(100).decode(), socket.gethostname())"
    r = picket("run", "--rm", "--network", "container:ports-one", "host", "--", "python3", "-c", prog)
    check("the same localhost", r.stdout.startswith("port 80 "), r.stdout + r.stderr)
    two = subprocess.Popen([PICKET, "run", "--rm", "--name", "ports-two", "--network", "container:ports-one", "host", "--", "sleep", "30"],
                           env=env, stdin=subprocess.DEVNULL)
    for i in range(100):
        r = picket("run", "--rm", "--network", "container:ports-two", "host", "--", "python3", "-c", prog)
        if r.returncode == 0:
            break
        time.sleep(0.1)
    check("one more in the same", r.stdout.startswith("port 80 "), r.stdout + r.stderr)
    r = picket("run", "--rm", "--network", "container:ports-one", "-p", "8080:80", "host", "--", "true")
    check("no ports", r.returncode == 125 and "leave -p" in r.stderr, r.stderr)
    r = picket("run", "--rm", "--network", "container:nobody", "host", "--", "true")
    check("nobody there", r.returncode == 125 and "nobody" in r.stderr, r.stderr)
    two.terminate()
    two.wait()
    s.end()


def main():
    if not shutil.which("slirp4netns") or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return 77
    for name, fn in sorted(globals().items()):
        if name.startswith("test_") and (not sys.argv[2:] or name[5:] in sys.argv[2:]):
            fn()
    left = subprocess.run(["pgrep", "-u", str(os.getuid()), "-f", home], capture_output=True, text=True).stdout
    check("no process is left", not left, left)
    shutil.rmtree(home)
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
