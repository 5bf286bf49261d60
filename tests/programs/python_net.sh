exec python3 - <<'E'
import asyncio, http.server, threading, urllib.request, socket, socketserver, os, selectors, ssl
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers(); self.wfile.write(b"path " + self.path.encode())
    def do_POST(self):
        d = self.rfile.read(int(self.headers["Content-Length"])); self.send_response(201); self.end_headers(); self.wfile.write(d[::-1])
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H); threading.Thread(target=s.serve_forever, daemon=True).start(); u = "http://127.0.0.1:%d" % s.server_port
for i in range(5): print(urllib.request.urlopen(u + "/%d" % i).read())
r = urllib.request.urlopen(u, data=b"x" * 100000); print(r.status, len(r.read())); s.shutdown()
async def echo(r, w):
    while d := await r.readline(): w.write(d.upper()); await w.drain()
    w.close()
async def main():
    srv = await asyncio.start_server(echo, "127.0.0.1", 0); port = srv.sockets[0].getsockname()[1]
    async def client(i):
        r, w = await asyncio.open_connection("127.0.0.1", port); w.write(b"client %d\n" % i); l = await r.readline(); w.close(); return l
    print(sorted(await asyncio.gather(*[client(i) for i in range(10)])))
    p = await asyncio.create_subprocess_exec("sh", "-c", "read x; echo got $x; exit 4", stdin=-1, stdout=-1); print(await p.communicate(b"line\n"), p.returncode)
    try: await asyncio.wait_for(asyncio.sleep(5), 0.05)
    except asyncio.TimeoutError: print("timeout")
    print(await asyncio.to_thread(lambda: 42)); srv.close()
    us = await asyncio.start_unix_server(echo, "u.sock"); r, w = await asyncio.open_unix_connection("u.sock"); w.write(b"unix\n"); print(await r.readline()); w.close(); us.close()
asyncio.run(main())
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(("127.0.0.1", 0)); b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); b.sendto(b"dgram", a.getsockname()); print(a.recvfrom(100)[0])
try: socket.create_connection(("127.0.0.1", 1), 2)
except ConnectionRefusedError: print("refused")
print(socket.gethostbyname("localhost")); s6 = socket.socket(socket.AF_INET6); s6.bind(("::1", 0)); s6.listen(); c = socket.create_connection(("::1", s6.getsockname()[1])); print(s6.accept()[1][0])
x, y = socket.socketpair(); f = os.open("/etc/passwd", os.O_RDONLY); socket.send_fds(x, [b"fd"], [f]); m, fds, *_ = socket.recv_fds(y, 10, 2); print(m, os.read(fds[0], 4))
E
