# SPDX-License-Identifier: MIT
"""A small registry on loopback whose misbehaviour a test can choose, and makers of images to put into it."""
import base64
import gzip
import hashlib
import http.server
import io
import json
import random
import socket
import tarfile
import threading
import time
import urllib.parse

OCI = 'application/vnd.oci.image.'
DOCKER = 'application/vnd.docker.'


def sha(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def make_tar(files):
    """files: name -> bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def compress(kind, tar):
    if kind == 'gzip':
        return gzip.compress(tar, 1, mtime=0)
    if kind == 'members':
        step = len(tar) // 3 + 1
        return b''.join(gzip.compress(tar[i:i + step], 1, mtime=0) for i in range(0, len(tar), step))
    return tar


class Image:
    """Blobs and a manifest; `form` is oci or docker."""

    def __init__(self, layers, kind='gzip', form='oci', arch='amd64', config=None, compressed=None):
        self.tars = layers
        self.layers = compressed or [compress(kind, t) for t in layers]
        self.form = form
        doc = {'architecture': arch, 'os': 'linux', 'config': {'Env': ['A=b'], 'Cmd': ['/bin/sh']},
               'rootfs': {'type': 'layers', 'diff_ids': [sha(t) for t in layers]}}
        self.config = json.dumps(doc).encode() if config is None else config
        suffix = '' if kind == 'plain' else '+gzip' if form == 'oci' else '.gzip'
        layer_type = OCI + 'layer.v1.tar' + suffix if form == 'oci' else DOCKER + 'image.rootfs.diff.tar' + suffix
        self.type = OCI + 'manifest.v1+json' if form == 'oci' else DOCKER + 'distribution.manifest.v2+json'
        self.doc = {
            'schemaVersion': 2, 'mediaType': self.type,
            'config': {'mediaType': OCI + 'config.v1+json' if form == 'oci' else DOCKER + 'container.image.v1+json',
                       'digest': sha(self.config), 'size': len(self.config)},
            'layers': [{'mediaType': layer_type, 'digest': sha(b), 'size': len(b)} for b in self.layers]}

    @property
    def manifest(self):
        return json.dumps(self.doc).encode()


def index_of(images, form='oci'):
    """(type, bytes) of an index of (Image, platform dict)."""
    kind = OCI + 'index.v1+json' if form == 'oci' else DOCKER + 'distribution.manifest.list.v2+json'
    return kind, json.dumps({'schemaVersion': 2, 'mediaType': kind, 'manifests': [
        {'mediaType': i.type, 'digest': sha(i.manifest), 'size': len(i.manifest), 'platform': p} for i, p in images]}).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    timeout = 30

    def log_message(self, *args):
        pass

    def reply(self, status, body=b'', headers=None):
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        if not headers or 'Content-Length' not in headers:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def error(self, status, message='no', headers=None):
        body = json.dumps({'errors': [{'code': 'X', 'message': message}]}).encode()
        self.reply(status, body, dict(headers or {}, **{'Content-Type': 'application/json'}))

    def serve(self):
        reg = self.server.registry
        path = urllib.parse.urlsplit(self.path)
        length = int(self.headers.get('Content-Length') or 0)
        self.form = self.rfile.read(length).decode() if length else ''
        with reg.lock:
            reg.log.append((self.command, self.path, dict(self.headers)))
        try:
            for hook in reg.hooks:
                if hook(self, path.path):
                    return
            reg.answer(self, path)
        except (BrokenPipeError, ConnectionResetError):
            pass

    do_GET = do_HEAD = do_POST = serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def finish_request(self, request, client_address):
        # A TLS greeting: hang up, as a server without TLS should.
        if request.recv(1, socket.MSG_PEEK) == b'\x16':
            return
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass


class Registry:
    """Attributes a test may set: hooks (called first; true means answered), auth (None, 'basic', 'token'), ranges."""

    def __init__(self):
        self.server = Server(('127.0.0.1', 0), Handler)
        self.server.registry = self
        self.port = self.server.server_address[1]
        self.host = '127.0.0.1:%d' % self.port
        self.lock = threading.Lock()
        self.hooks, self.log = [], []
        self.blobs, self.manifests = {}, {}
        self.auth = None
        self.user = ('user', 'secret')
        self.tokens = {}        # token -> requests it is good for
        self.token_life = 1000
        self.ranges = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def put(self, repo, tag, image):
        self.put_doc(repo, tag, image.type, image.manifest)
        for blob in image.layers + [image.config]:
            self.blobs[sha(blob)] = blob

    def put_doc(self, repo, tag, kind, data):
        self.manifests[repo, tag] = self.manifests[repo, sha(data)] = (kind, data)

    def count(self, part, method='GET'):
        with self.lock:
            return sum(1 for m, p, _ in self.log if part in p and m == method)

    # ---- answers ----

    def basic(self):
        return 'Basic ' + base64.b64encode(':'.join(self.user).encode()).decode()

    def authorized(self, h):
        got = h.headers.get('Authorization', '')
        if self.auth == 'basic':
            if got == self.basic():
                return True
            h.error(401, 'login', {'WWW-Authenticate': 'Basic realm="fake"'})
            return False
        with self.lock:
            left = self.tokens.get(got[7:], 0) if got.startswith('Bearer ') else 0
            if left > 0:
                self.tokens[got[7:]] = left - 1
                return True
        h.error(401, 'token', {'WWW-Authenticate': 'Bearer realm="http://%s/token",service="fake, inc",'
                               'scope="repository:x:pull"' % self.host})
        return False

    def token(self, h):
        identity = 'refresh_token=idtoken' in h.form and h.command == 'POST'
        if self.user and not identity and h.headers.get('Authorization', self.basic()) != self.basic():
            h.error(401, 'bad password')
            return
        with self.lock:
            token = 'tok%d' % len(self.tokens)
            self.tokens[token] = self.token_life
        h.reply(200, json.dumps({'token': token, 'expires_in': 60}).encode())

    def answer(self, h, path):
        if path.path == '/token':
            self.token(h)
            return
        if self.auth and not self.authorized(h):
            return
        part = path.path.split('/')
        repo, kind, name = '/'.join(part[2:-2]), part[-2], part[-1]
        if kind == 'manifests' and (repo, name) in self.manifests:
            media, data = self.manifests[repo, name]
            h.reply(200, data, {'Content-Type': media, 'Docker-Content-Digest': sha(data)})
        elif kind == 'blobs' and name in self.blobs:
            self.send_blob(h, self.blobs[name])
        else:
            h.error(404, 'unknown')

    def send_blob(self, h, data):
        wanted = h.headers.get('Range')
        if wanted and self.ranges:
            start, last = (int(n) if n else len(data) - 1 for n in wanted[6:].split('-'))
            if start >= len(data):
                h.error(416)
                return
            last = min(last, len(data) - 1)
            h.reply(206, data[start:last + 1], {'Content-Range': 'bytes %d-%d/%d' % (start, last, len(data))})
        else:
            h.reply(200, data)


def trickle(h, data, bytes_at_once, pause, seconds):
    """A body that comes slowly for as long as the client listens."""
    h.send_response(200)
    h.send_header('Content-Length', str(len(data)))
    h.end_headers()
    end = time.time() + seconds
    for i in range(0, len(data), bytes_at_once):
        if time.time() > end:
            break
        h.wfile.write(data[i:i + bytes_at_once])
        h.wfile.flush()
        time.sleep(pause)
    h.close_connection = True


def break_after(h, data, keep, status=200, headers=None):
    """Promise all, send the first `keep` bytes, cut the connection."""
    h.send_response(status)
    h.send_header('Content-Length', str(len(data)))
    for key, value in (headers or {}).items():
        h.send_header(key, value)
    h.end_headers()
    h.wfile.write(data[:keep])
    h.wfile.flush()
    h.connection.shutdown(socket.SHUT_RDWR)
    h.close_connection = True
