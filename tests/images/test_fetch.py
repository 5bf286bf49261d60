#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""picket-fetch against a fake registry that may be hostile, and against archives. Prints TAP.

usage: test_fetch.py PICKET-FETCH [NAME-PART]
"""
import base64
import gzip
import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake_registry import (DOCKER, OCI, Image, Registry, break_after, compress, index_of, make_tar, noise, sha, trickle)

FETCH = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else 'picket-fetch'
TESTS = []


def test(f):
    TESTS.append(f)
    return f


class Skip(Exception):
    pass


class Case:
    """A fake registry, an empty store, and a home directory for one test."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='picket-fetch-')
        self.store = self.dir + '/store'
        self.home = self.dir + '/home'
        os.mkdir(self.home)
        self.reg = Registry()
        self.image = Image([make_tar({'etc/motd': b'hello\n', 'bin/noise': noise(3 << 20)}),
                            make_tar({'etc/two': b'two\n'})])
        self.reg.put('x', '1', self.image)
        self.name = self.reg.host + '/x:1'

    def close(self):
        self.reg.close()
        shutil.rmtree(self.dir)

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(('PICKET_', 'DOCKER_', 'XDG_')) and 'proxy' not in k.lower()}
        env.update(HOME=self.home, PICKET_STORE=self.store, **more)
        return env

    def start(self, *args, stdin=None, env=None, wrap=()):
        return subprocess.Popen([*wrap, FETCH, *args], env=env or self.env(), stdin=stdin, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, errors='replace')

    def run(self, *args, **kw):
        p = self.start(*args, **kw)
        try:
            out, err = p.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            p.kill()
            raise AssertionError('it hangs: ' + ' '.join(args))
        return p.returncode, out, err

    def pull(self, *args, **kw):
        return self.run('pull', '--progress=none', '--retry-delay=10', '--retries=3', *(args or (self.name,)), **kw)

    def good(self, *args, **kw):
        code, out, err = self.pull(*args, **kw)
        assert code == 0, 'exit %d: %s' % (code, err)
        return out

    def bad(self, *words, args=(), **kw):
        """It must fail with one sentence that has these words, and leave no image."""
        code, out, err = self.pull(*args, **kw)
        self.refused(code, out, err, words)

    def refused(self, code, out, err, words):
        assert code == 125, 'exit %d, out %r, err %r' % (code, out, err)
        assert err.startswith('picket: ') and err.count('\n') == 1 and not out, 'not one sentence: %r %r' % (out, err)
        for word in words:
            assert word in err, '%r is not in %r' % (word, err)
        assert self.names() == [], 'references are left: %r' % self.names()
        for folder in ('images', 'tmp'):
            path = self.store + '/' + folder
            assert not os.path.isdir(path) or not os.listdir(path), folder + ' is not empty'

    def names(self):
        try:
            return [l for l in open(self.store + '/refs', errors='replace').read().splitlines() if '/x' in l or 'lib' in l]
        except FileNotFoundError:
            return []

    def layers(self):
        return sorted(os.listdir(self.store + '/layers'))

    def login(self, doc):
        os.makedirs(self.home + '/.docker', exist_ok=True)
        with open(self.home + '/.docker/config.json', 'w') as f:
            json.dump(doc, f)

    def auths(self, user='user', password='secret'):
        self.login({'auths': {self.reg.host: {'auth': base64.b64encode((user + ':' + password).encode()).decode()}}})


def on_blob(data, action, times=1 << 30):
    """A hook that acts on GETs of one blob, a number of times."""
    left = [times]

    def hook(h, path):
        if sha(data) not in path or h.command != 'GET' or left[0] == 0:
            return False
        left[0] -= 1
        action(h)
        return True
    return hook


def on_path(part, action, times=1 << 30):
    left = [times]

    def hook(h, path):
        if part not in path or left[0] == 0:
            return False
        left[0] -= 1
        action(h)
        return True
    return hook


# ---- What must work ----

@test
def pull_twice(c):
    out = c.good()
    assert 'Digest: ' + sha(c.image.manifest) in out and out.endswith(c.name + '\n'), out
    assert c.layers() == sorted(sha(t)[7:] for t in c.image.tars)
    before = len(c.reg.log)
    out = c.good()
    assert 'up to date' in out and len(c.reg.log) == before + 1, c.reg.log[before:]


@test
def layers_held_are_not_fetched(c):
    c.good()
    more = Image(c.image.tars + [make_tar({'etc/three': b'3\n'})])
    c.reg.put('x', '2', more)
    before = c.reg.count('/blobs/')
    c.good(c.reg.host + '/x:2')
    assert c.reg.count('/blobs/') == before + 2  # config, one layer


@test
def quiet_prints_the_name_alone(c):
    code, out, err = c.run('pull', '-q', c.name)
    assert (code, out, err) == (0, c.name + '\n', '')


@test
def compressions(c):
    for n, kind in enumerate(('members', 'plain')):
        c.reg.put('x', kind, Image([make_tar({'f%d' % n: noise(300000, n)})], kind))
        c.good(c.reg.host + '/x:' + kind)
    if not shutil.which('zstd'):
        return
    tar = make_tar({'z': noise(1 << 20, 9), 'y': b'a' * 5000000})
    packed = subprocess.run(['zstd', '-qc'], input=tar, stdout=subprocess.PIPE, check=True).stdout
    half = subprocess.run(['zstd', '-qc'], input=b'', stdout=subprocess.PIPE, check=True).stdout
    c.reg.put('x', 'zstd', Image([tar], compressed=[packed + half]))
    c.good(c.reg.host + '/x:zstd')


@test
def docker_schema_2_and_lists(c):
    good = Image([make_tar({'a': b'amd'})], form='docker')
    arm = Image([make_tar({'a': b'arm'})], form='docker', arch='arm64')
    c.reg.put('x', 'a', good)
    c.reg.put('x', 'b', arm)
    c.reg.put_doc('x', 'list', *index_of([(arm, {'os': 'linux', 'architecture': 'arm64', 'variant': 'v8'}),
                                          (good, {'os': 'linux', 'architecture': 'amd64'})], 'docker'))
    c.good(c.reg.host + '/x:list')
    assert c.layers() == [sha(good.tars[0])[7:]]
    c.good('--platform', 'linux/arm64', c.reg.host + '/x:list')
    assert sha(arm.tars[0])[7:] in c.layers()


@test
def index_by_digest(c):
    kind, data = index_of([(c.image, {'os': 'linux', 'architecture': 'amd64'})])
    c.reg.put_doc('x', 'i', kind, data)
    name = '%s/x@%s' % (c.reg.host, sha(data))
    assert sha(data) in c.good(name)
    before = len(c.reg.log)
    assert 'up to date' in c.good(name)
    assert len(c.reg.log) == before, 'a pull by a known digest needs no network'


@test
def same_layer_twice(c):
    tar = make_tar({'a': b'a'})
    c.reg.put('x', '1', Image([tar, make_tar({'b': b'b'}), tar]))
    c.good()
    assert len(c.layers()) == 2


@test
def basic_auth(c):
    c.reg.auth = 'basic'
    c.bad('user name and password', 'docker login')
    c.auths(password='wrong')
    c.bad('denies access', 'credentials')
    c.auths()
    c.good()


@test
def token_auth(c):
    c.reg.auth = 'token'
    c.good()
    asked = [p for m, p, _ in c.reg.log if p.startswith('/token')]
    assert len(asked) == 1 and 'service=fake%2C%20inc' in asked[0] and 'scope=repository%3Ax%3Apull' in asked[0], asked


@test
def token_with_password(c):
    c.reg.auth = 'token'
    c.auths(password='wrong')
    c.bad('credentials')
    c.auths()
    c.good()
    assert any(h.get('Authorization') == c.reg.basic() for m, p, h in c.reg.log if p.startswith('/token'))
    assert all('Basic' not in h.get('Authorization', '') for m, p, h in c.reg.log if p.startswith('/v2'))


@test
def token_expires_on_the_way(c):
    c.reg.auth = 'token'
    c.reg.token_life = 1
    c.good()
    assert c.reg.count('/token') >= 3


@test
def identity_token(c):
    c.reg.auth = 'token'
    c.login({'auths': {'http://%s/v2/' % c.reg.host: {'identitytoken': 'idtoken'}}})
    c.good()
    assert c.reg.count('/token', 'POST') == 1


@test
def credential_helper(c):
    os.mkdir(c.home + '/bin')
    with open(c.home + '/bin/docker-credential-fake', 'w') as f:
        f.write('#!/bin/sh\nread server\n[ "$1" = get ] && [ "$server" = %s ] || exit 1\n'
                'echo \'{"ServerURL":"x","Username":"user","Secret":"secret"}\'\n' % c.reg.host)
    os.chmod(c.home + '/bin/docker-credential-fake', 0o755)
    c.reg.auth = 'basic'
    env = c.env(PATH=c.home + '/bin:' + os.environ['PATH'])
    c.login({'credHelpers': {c.reg.host: 'fake'}})
    c.good(env=env)
    shutil.rmtree(c.store)
    c.login({'credsStore': '../../evil'})
    c.bad('helper', 'not valid', env=env)
    c.login({'credsStore': 'missing-helper'})
    c.bad('docker-credential-missing-helper', env=env)


@test
def redirect_keeps_the_secret(c):
    cdn = Registry()
    cdn.blobs = c.reg.blobs
    c.reg.auth = 'token'
    for layer in c.image.layers:
        where = 'http://%s/v2/x/blobs/%s' % (cdn.host, sha(layer))
        c.reg.hooks.append(on_blob(layer, lambda h, where=where: h.reply(307, b'', {'Location': where})))
    c.good()
    assert len(cdn.log) == 2 and not any('Authorization' in h for _, _, h in cdn.log)
    cdn.close()


@test
def broken_connection_resumes(c):
    layer = c.image.layers[0]
    c.reg.hooks.append(on_blob(layer, lambda h: break_after(h, layer, 1 << 20), 1))
    c.good()
    ranges = [h['Range'] for _, _, h in c.reg.log if 'Range' in h]
    assert len(ranges) == 1 and 0 < int(ranges[0][6:-1]) <= 1 << 20, ranges


@test
def broken_connection_without_ranges(c):
    layer = c.image.layers[0]
    c.reg.ranges = False
    c.reg.hooks.append(on_blob(layer, lambda h: break_after(h, layer, 1 << 20), 1))
    c.good()


@test
def ranges_refused(c):
    layer = c.image.layers[0]
    c.reg.hooks.append(on_blob(layer, lambda h: break_after(h, layer, 1 << 20), 1))
    c.reg.hooks.append(lambda h, path: 'Range' in h.headers and (h.error(501) or True))
    c.good()


@test
def busy_then_well(c):
    c.reg.hooks.append(on_path('/manifests/', lambda h: h.error(429, 'slow down', {'Retry-After': '0'}), 1))
    c.reg.hooks.append(on_path('/blobs/', lambda h: h.error(503), 3))
    c.good()


@test
def killed_pull_is_resumed(c):
    layer = c.image.layers[0]
    c.reg.hooks.append(on_blob(layer, lambda h: trickle(h, layer, 1 << 18, 0.1, 20), 1))
    p = c.start('pull', '--progress=none', c.name)
    partial = '%s/partial/%s' % (c.store, sha(layer)[7:])
    for _ in range(100):
        if os.path.exists(partial) and os.path.getsize(partial) > 1 << 20:
            break
        time.sleep(0.05)
    p.send_signal(signal.SIGKILL)
    p.communicate()
    assert c.names() == [] and os.listdir(c.store + '/images') == []
    c.good()
    assert any(int(h.get('Range', 'bytes=0-')[6:-1]) >= 1 << 20 for _, _, h in c.reg.log), 'it started at zero'
    assert os.listdir(c.store + '/partial') == [] and os.listdir(c.store + '/tmp') == []


@test
def killed_at_any_moment(c):
    image = Image([make_tar({'noise%d' % n: noise(6 << 20, n), 'small': b's' * n}) for n in range(3)])
    c.reg.put('x', 'k', image)
    name = c.reg.host + '/x:k'
    for n in range(15):
        p = c.start('pull', '--progress=none', name)
        time.sleep(0.02 + 0.02 * n)
        p.kill()
        p.communicate()
        for layer in os.listdir(c.store + '/layers') if os.path.isdir(c.store + '/layers') else []:
            assert sorted(os.listdir(c.store + '/layers/' + layer)) == ['index', 'pack', 'twins'], 'half a layer'
    c.good(name)
    assert os.listdir(c.store + '/tmp') == [] and os.listdir(c.store + '/partial') == []
    assert c.layers() == sorted(sha(t)[7:] for t in image.tars)


@test
def damaged_partial_file(c):
    layer = c.image.layers[0]
    os.makedirs(c.store + '/partial')
    with open('%s/partial/%s' % (c.store, sha(layer)[7:]), 'wb') as f:
        f.write(layer[:1000] + bytes(2 << 20))
    c.good()


@test
def partial_file_of_a_layer_held(c):
    c.good()
    partial = '%s/partial/%s' % (c.store, sha(c.image.layers[0])[7:])
    with open(partial, 'wb') as f:
        f.write(c.image.layers[0])
    c.reg.put('x', '2', Image(c.image.tars + [make_tar({'etc/three': b'3\n'})]))
    c.good(c.reg.host + '/x:2')
    assert not os.path.exists(partial)


@test
def two_at_once(c):
    for layer in c.image.layers:
        c.reg.hooks.append(on_blob(layer, lambda h, layer=layer: trickle(h, layer, 1 << 20, 0.2, 20)))
    both = [c.start('pull', '--progress=none', c.name) for _ in range(2)]
    for p in both:
        out, err = p.communicate(timeout=60)
        assert p.returncode == 0, err
    for layer in c.image.layers:
        assert c.reg.count(sha(layer)) == 1, 'fetched twice'


@test
def progress_on_a_terminal(c):
    master, slave = pty.openpty()
    p = subprocess.Popen([FETCH, 'pull', c.name], env=c.env(TERM='xterm'), stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    text = b''
    while True:
        try:
            more = os.read(master, 65536)
        except OSError:
            break
        if not more:
            break
        text += more
    os.close(master)
    assert p.wait() == 0 and b'MB' in text and sha(c.image.layers[0])[7:19].encode() in text and b'total' in text, text


@test
def several_connections(c):
    tar = make_tar({'noise': noise(41 << 20, 3)})
    image = Image([tar, c.image.tars[1]])
    layer = image.layers[0]
    c.reg.put('x', 'big', image)
    args = ('--connections=4', c.reg.host + '/x:big')

    def ranges():
        return sorted(int(h['Range'][6:].split('-')[0]) for m, p, h in c.reg.log if 'Range' in h)
    c.good(*args)
    assert ranges() == [i << 23 for i in range(6)], ranges()
    broken = []

    def break_first(h, path):
        if broken or h.headers.get('Range') != 'bytes=0-8388607':
            return False
        broken.append(1)
        break_after(h, layer[:1 << 23], 1 << 20, 206, {'Content-Range': 'bytes 0-8388607/%d' % len(layer)})
        return True
    for hook in (on_blob(layer, lambda h: h.error(503), 3), break_first):
        shutil.rmtree(c.store)
        c.reg.hooks[:] = [hook]
        c.good(*args)
    shutil.rmtree(c.store)
    c.reg.hooks[:] = []
    c.reg.ranges = False
    c.good(*args)
    shutil.rmtree(c.store)
    c.reg.ranges = True
    c.reg.blobs[sha(layer)] = layer[:30 << 20] + b'!' + layer[(30 << 20) + 1:]
    c.bad('wrong digest', args=args)
    c.reg.blobs[sha(layer)] = layer[:30 << 20]
    c.bad(sha(layer), args=args)
    c.reg.blobs[sha(layer)] = layer
    shutil.rmtree(c.store)
    c.reg.hooks[:] = [on_blob(layer, lambda h: h.error(500))]
    c.bad('status 500', args=args)


@test
def proxies(c):
    dead = 'http://127.0.0.1:1'
    c.good(env=c.env(http_proxy=dead, https_proxy=dead))
    shutil.rmtree(c.store)
    proxy = 'http://' + c.reg.host
    c.good('--tls-verify=false', 'registry.invalid/x:1', env=c.env(http_proxy=proxy, https_proxy=proxy))


# ---- What must fail well ----

@test
def unknown_image(c):
    c.bad('not found', 'nosuch', args=(c.reg.host + '/nosuch:1',))


@test
def unreachable(c):
    c.reg.close()
    c.bad('cannot reach the registry', c.reg.host)
    c.bad('cannot reach the registry', 'no.such.host.invalid', args=('no.such.host.invalid/x:1',))
    c.reg = Registry()


@test
def announced_too_long(c):
    c.reg.hooks.append(on_path('/manifests/', lambda h: h.reply(200, b'{}', {'Content-Length': str(1 << 40)})))
    start = time.time()
    c.bad('more for the manifest')
    assert time.time() - start < 10


@test
def statuses(c):
    for status, words in ((401, ('no way to log in',)), (403, ('forbids',)), (404, ('not found',)), (429, ('too many requests',)),
                          (500, ('status 500',)), (503, ('status 503',)), (418, ('status 418',))):
        c.reg.hooks[:] = [on_path('/manifests/', lambda h, status=status: h.error(status, 'told \x1b[31myou'))]
        c.bad(*words)
    c.reg.hooks[:] = [on_path('/manifests/', lambda h: h.error(429, 'later', {'Retry-After': '3600'}))]
    start = time.time()
    c.bad('too many requests')
    assert time.time() - start < 5


@test
def control_characters_do_not_reach_the_terminal(c):
    c.reg.hooks.append(on_path('/manifests/', lambda h: h.error(403, 'a\x1b[2Jb\nc\x9b')))
    code, out, err = c.pull()
    assert '\x1b' not in err and '\x9b' not in err and 'it says: a [2Jb c' in err, repr(err)


@test
def wrong_digests(c):
    layer = c.image.layers[0]
    damaged = layer[:5000] + b'X' + layer[5001:]
    c.reg.blobs[sha(layer)] = damaged
    c.bad('layer ' + sha(layer), 'wrong digest')
    c.reg.blobs[sha(layer)] = b'<html>' + bytes(len(layer) - 6)
    c.bad('wrong digest')
    c.reg.blobs[sha(layer)] = layer
    c.reg.blobs[sha(c.image.config)] = c.image.config.replace(b'amd64', b'amd65')
    c.bad('config', 'wrong digest')
    c.reg.blobs[sha(c.image.config)] = c.image.config
    asked = '%s/x@%s' % (c.reg.host, sha(c.image.manifest))
    c.reg.manifests['x', sha(c.image.manifest)] = (c.image.type, c.image.manifest + b' ')
    c.bad('manifest', 'wrong digest', args=(asked,))
    c.reg.hooks.append(on_path('/manifests/', lambda h: h.reply(200, c.image.manifest + b' ', {
        'Content-Type': c.image.type, 'Docker-Content-Digest': sha(c.image.manifest)})))
    c.bad('manifest', 'wrong digest')


@test
def wrong_diffid(c):
    image = Image([make_tar({'a': b'a'})], compressed=[gzip.compress(make_tar({'a': b'b'}))])
    c.reg.put('x', '1', image)
    c.bad('diffID')


@test
def wrong_sizes(c):
    layer = c.image.layers[0]
    c.reg.blobs[sha(layer)] = layer[:-1000]
    c.bad('wrong size', str(len(layer)))
    c.reg.blobs[sha(layer)] = layer + b'more'
    c.bad('wrong size')

    def chunked(data):
        def send(h):
            h.send_response(200)
            h.send_header('Transfer-Encoding', 'chunked')
            h.end_headers()
            for i in range(0, len(data), 100000):
                part = data[i:i + 100000]
                h.wfile.write(b'%x\r\n%s\r\n' % (len(part), part))
            h.wfile.write(b'0\r\n\r\n')
        return send
    c.reg.hooks[:] = [on_blob(layer, chunked(layer + bytes(1000)))]
    c.bad('longer than')
    c.reg.hooks[:] = [on_blob(layer, chunked(layer[:-1000]))]
    c.reg.ranges = False
    c.bad('cut short')
    c.reg.hooks[:] = [on_blob(layer, chunked(layer))]
    c.good()


@test
def truncated_for_ever(c):
    layer = c.image.layers[0]
    c.reg.ranges = False
    c.reg.hooks.append(on_blob(layer, lambda h: break_after(h, layer, 100000)))
    c.bad('broke')


@test
def lying_range(c):
    layer = c.image.layers[0]
    c.reg.hooks.append(on_blob(layer, lambda h: break_after(h, layer, 1 << 20), 1))
    c.reg.hooks.append(on_blob(layer, lambda h: h.reply(206, layer[-100:], {
        'Content-Range': 'bytes %d-%d/%d' % (len(layer) - 100, len(layer) - 1, len(layer))})))
    c.bad('another part')


@test
def slow_for_ever(c):
    layer = c.image.layers[0]
    c.reg.hooks.append(on_blob(layer, lambda h: trickle(h, layer, 1, 0.2, 60)))
    start = time.time()
    code, out, err = c.run('pull', '--progress=none', '--retries=1', '--retry-delay=10', '--stall-timeout=2', c.name)
    c.refused(code, out, err, ('too slow',))
    assert time.time() - start < 20


@test
def endless_redirects(c):
    c.reg.hooks.append(lambda h, path: h.reply(302, b'', {'Location': h.path}) or True)
    c.bad('redirects without end')
    c.reg.hooks[:] = [lambda h, path: h.reply(302, b'', {'Location': 'file:///etc/passwd'}) or True]
    c.bad('no usable URL')


@test
def manifests_of_the_wrong_shape(c):
    good = json.loads(c.image.manifest)

    def doc(**changes):
        return json.dumps({k: v for k, v in dict(good, **changes).items() if v is not None}).encode()
    deep = b'[' * 100000 + b']' * 100000
    cases = [
        (b'', 'not valid JSON'), (b'{', 'not valid JSON'), (b'[]', 'wrong shape'), (b'null', 'JSON'),
        (b'{"a":' + deep + b'}', 'nested more'), (doc(config=None), 'wrong shape'), (doc(config=[]), 'wrong shape'),
        (doc(layers=None), 'wrong shape'), (doc(layers={}), 'wrong shape'), (doc(layers=[7]), 'wrong shape'),
        (doc(layers=[{'digest': 'sha256:zz', 'size': 1}]), 'digest'),
        (doc(layers=[{'digest': '../../etc/passwd', 'size': 1}]), 'digest'),
        (doc(layers=[{'digest': sha(b''), 'size': -1}]), 'size'),
        (doc(layers=[{'digest': sha(b''), 'size': 1 << 62}]), 'size'),
        (doc(layers=[{'digest': sha(b''), 'size': 1e10}]), 'size'),
        (doc(layers=[{'digest': sha(b''), 'size': 10 ** 30}]), 'JSON'),
        (doc(config=dict(good['config'], size=9 << 20)), 'limit'),
        (doc(layers=good['layers'] * 1000), 'layers'),
        (doc(layers=good['layers'][:1]), 'contradicts'),
        (doc(manifests=[]), 'at once'),
        (doc(schemaVersion=1), 'schema 1'),
        (doc(mediaType=OCI + 'index.v1+json'), 'calls itself'),
        (doc(layers=[dict(good['layers'][0], mediaType='application/vnd.cncf.helm.chart.content.v1.tar+gzip')]), 'helm'),
        (doc(config=dict(good['config'], mediaType='application/vnd.wasm.config.v1+json')), 'not a container image'),
        (b'x' * (5 << 20), 'more'),
    ]
    for data, word in cases:
        c.reg.put_doc('x', '1', c.image.type, data)
        try:
            c.bad(word)
        except AssertionError as e:
            raise AssertionError('%r: %s' % (data[:200], e))
    c.reg.put_doc('x', '1', DOCKER + 'distribution.manifest.v1+prettyjws', b'{"schemaVersion":1}')
    c.bad('schema 1')


@test
def configs_of_the_wrong_shape(c):
    good = json.loads(c.image.config)
    for change in ({'rootfs': None}, {'rootfs': {'diff_ids': 'x'}}, {'rootfs': {'diff_ids': ['sha256:1', '2']}}, {'config': 7},
                   {'config': {'Env': {}}}, {'config': {'Cmd': [1]}}, {'config': {'User': []}}, {'config': {'Labels': []}},
                   {'architecture': '\x1b[31m'}):
        image = Image(c.image.tars, config=json.dumps(dict(good, **change)).encode())
        c.reg.put('x', '1', image)
        c.bad('config', 'wrong shape')


@test
def no_such_platform(c):
    arm = Image([make_tar({'a': b'arm'})], arch='arm64')
    c.reg.put('x', 'arm', arm)
    c.reg.put_doc('x', 'list', *index_of([(arm, {'os': 'linux', 'architecture': 'arm64', 'variant': 'v8'}),
                                          (arm, {'os': 'windows', 'architecture': 'amd64'}),
                                          (arm, {'os': 'unknown', 'architecture': 'unknown'})]))
    c.bad('no image for linux/amd64', 'linux/arm64, windows/amd64', args=(c.reg.host + '/x:list',))
    c.bad('no image for linux/amd64', 'linux/arm64', args=(c.reg.host + '/x:arm',))
    c.bad('platform', args=('--platform=linux', c.name))


@test
def nested_indexes(c):
    kind, data = index_of([(c.image, {'os': 'linux', 'architecture': 'amd64'})])
    for _ in range(8):
        c.reg.put_doc('x', 'deep', kind, data)
        data = json.dumps({'schemaVersion': 2, 'mediaType': kind, 'manifests': [
            {'mediaType': kind, 'digest': sha(data), 'size': len(data), 'platform': {'os': 'linux', 'architecture': 'amd64'}}]}).encode()
    c.reg.put_doc('x', 'deep', kind, data)
    c.bad('nested too deep', args=(c.reg.host + '/x:deep',))


@test
def bombs(c):
    tar = make_tar({'zeros': bytes(64 << 20)})
    c.reg.put('x', '1', Image([tar]))
    c.bad('decompression bomb', args=('--max-layer-size=8000000', c.name))
    c.good()


@test
def damaged_compression(c):
    tar = make_tar({'a': noise(100000)})
    packed = gzip.compress(tar)
    for data, words in ((packed[:-4], ('damaged',)), (packed[:50000], ('damaged',)), (packed + b'garbage', ('damaged',)),
                        (packed[:-8] + bytes(8), ('damaged',)), (b'BZh91AY&SY' + packed, ('bzip2',)), (b'', ('layer',)),
                        (b'\x28\xb5\x2f\xfd' + packed, ('zstd',))):
        c.reg.put('x', '1', Image([tar], compressed=[data]))
        c.bad(*words)
    c.reg.put('x', '1', Image([tar], compressed=[packed + bytes(512)]))
    c.good()


@test
def references(c):
    for ref in ('', 'UPPER', 'a//b', 'a/../b', 'a:', 'a:.b', 'a@sha256:12', 'a@md5:' + '0' * 64, '-a', 'a' * 300, 'a b', 'a\nb',
                'http://a/b', 'user@host/x', '127.0.0.1:99999999/x', '127.0.0.1:5000:1/x', 'a?b', 'a%2fb', 'a:' + 'x' * 129,
                'a..b/c', 'a___b', 'a-/b', '[::1/x', 'x.y_z/a'):
        c.bad(args=(ref,))


@test
def full_disk(c):
    if subprocess.run(['unshare', '-Urm', 'true'], stderr=subprocess.DEVNULL).returncode:
        raise Skip('no user namespaces')
    os.mkdir(c.dir + '/small')
    env = c.env()
    env['PICKET_STORE'] = c.dir + '/small/store'
    script = 'mount -t tmpfs -o size=2m none "$1" && shift && "$@"; code=$?; find "$PICKET_STORE" -type f -size +0 -printf "%P " >&2; exit $code'
    code, out, err = c.pull(env=env, wrap=('unshare', '-Urm', 'sh', '-c', script, 'sh', c.dir + '/small'))
    assert code == 125 and 'full' in err, err
    left = err.splitlines()[1]
    assert 'images/' not in left and 'partial/' not in left and 'tmp/' not in left, left


@test
def command_line(c):
    for args in (('pull',), ('pull', 'a', 'b'), ('pull', '--nonsense', 'a'), ('pull', '--tls-verify=maybe', 'a'), ('push', 'a'),
                 ('pull', '--jobs=0', 'a'), ('pull', '--progress=x', 'a')):
        code, out, err = c.run(*args)
        assert code == 125 and err.startswith('picket: ') and err.count('\n') == 1, (args, err)
    assert c.run('--help')[0] == 0


# ---- Archives ----

def add(tar, name, data=b'', kind=tarfile.REGTYPE, link=''):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, link
    tar.addfile(info, io.BytesIO(data))


def archive(fill):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w') as tar:
        fill(tar)
    return out.getvalue()


def docker_archive(images):
    """(Image, tags): layers as id/layer.tar, those seen before as symbolic links, as docker did."""
    def fill(tar):
        seen, docs = {}, []
        for n, (image, tags) in enumerate(images):
            paths = []
            for m, layer in enumerate(image.tars):
                path = 'i%dl%d/layer.tar' % (n, m)
                if layer in seen:
                    add(tar, path, kind=tarfile.SYMTYPE, link='../' + seen[layer])
                else:
                    add(tar, path, layer)
                    seen[layer] = path
                paths.append(path)
            config = sha(image.config)[7:] + '.json'
            add(tar, config, image.config)
            docs.append({'Config': config, 'RepoTags': tags, 'Layers': paths})
        add(tar, 'manifest.json', json.dumps(docs).encode())
    return archive(fill)


def oci_files(image, annotations):
    files = {'oci-layout': b'{"imageLayoutVersion":"1.0.0"}'}
    for blob in image.layers + [image.config, image.manifest]:
        files['blobs/sha256/' + sha(blob)[7:]] = blob
    files['index.json'] = json.dumps({'schemaVersion': 2, 'manifests': [
        {'mediaType': image.type, 'digest': sha(image.manifest), 'size': len(image.manifest), 'annotations': annotations}]}).encode()
    return files


def oci_archive(files):
    return archive(lambda tar: [add(tar, './' + name, data) for name, data in files.items()])


def write(c, name, data):
    with open(c.dir + '/' + name, 'wb') as f:
        f.write(data)
    return c.dir + '/' + name


def load(c, *args, **kw):
    return c.run('load', '--progress=none', *args, **kw)


@test
def load_docker_archives(c):
    other = Image([c.image.tars[0], make_tar({'z': b'z'})])
    data = docker_archive([(c.image, ['lib:1', 'lib:one']), (other, ['other.example/lib:2'])])
    path = write(c, 'a.tar', data)
    want = 'Loaded image: lib:1\nLoaded image: lib:one\nLoaded image: other.example/lib:2\n'
    assert load(c, path)[:2] == (0, want)
    assert len(c.layers()) == 3
    for name, packed in (('a.tgz', gzip.compress(data)), ('b.tgz', compress('members', data))):
        shutil.rmtree(c.store)
        assert load(c, write(c, name, packed))[:2] == (0, want)
    shutil.rmtree(c.store)
    with open(path, 'rb') as f:
        assert load(c, '-', stdin=f)[:2] == (0, want)
    shutil.rmtree(c.store)
    cat = subprocess.Popen(['cat', c.dir + '/a.tgz'], stdout=subprocess.PIPE)
    assert load(c, '-', stdin=cat.stdout)[:2] == (0, want)
    cat.wait()


@test
def load_without_names(c):
    path = write(c, 'a.tar', docker_archive([(c.image, None)]))
    assert load(c, path)[:2] == (0, 'Loaded image ID: %s\n' % sha(c.image.config))
    assert load(c, '--ref', 'lib:3', path)[:2] == (0, 'Loaded image: lib:3\n')
    both = write(c, 'b.tar', docker_archive([(c.image, None), (Image([make_tar({'z': b'z'})]), [])]))
    code, out, err = load(c, '--ref', 'lib:4', both)
    assert code == 125 and 'several images' in err, err
    assert load(c, '-q', '--ref', 'lib:3', path)[:2] == (0, 'docker.io/library/lib:3\n')


@test
def load_oci_layouts(c):
    files = oci_files(c.image, {'io.containerd.image.name': 'docker.io/library/lib:5', 'org.opencontainers.image.ref.name': '5'})
    assert load(c, write(c, 'o.tar', oci_archive(files)))[:2] == (0, 'Loaded image: lib:5\n')
    shutil.rmtree(c.store)
    for name, data in files.items():
        os.makedirs(os.path.dirname(c.dir + '/lay/' + name), exist_ok=True)
        write(c, 'lay/' + name, data)
    assert load(c, c.dir + '/lay')[:2] == (0, 'Loaded image: lib:5\n')
    files = oci_files(c.image, {'org.opencontainers.image.ref.name': 'v7'})
    path = write(c, 'thing.tar', oci_archive(files))
    assert load(c, path)[:2] == (0, 'Loaded image: thing:v7\n')
    assert load(c, '--ref=lib:8', path)[:2] == (0, 'Loaded image: lib:8\n')
    assert load(c, '--ref=lib', path)[:2] == (0, 'Loaded image: lib:v7\n')
    files = oci_files(c.image, {'org.opencontainers.image.ref.name': 'some/lib:9'})
    assert load(c, write(c, 'o.tar', oci_archive(files)))[:2] == (0, 'Loaded image: some/lib:9\n')


@test
def load_one_platform_of_several(c):
    arm = Image([make_tar({'a': b'arm'})], arch='arm64')
    files = dict(oci_files(arm, {}), **oci_files(c.image, {}))
    files['index.json'] = json.dumps({'schemaVersion': 2, 'manifests': [
        {'mediaType': i.type, 'digest': sha(i.manifest), 'size': len(i.manifest)} for i in (arm, c.image)]}).encode()
    path = write(c, 'p.tar', oci_archive(files))
    assert load(c, '--ref=lib:p', path)[:2] == (0, 'Loaded image: lib:p\n')
    assert load(c, '--platform=linux/arm64', path)[:2] == (0, 'Loaded image ID: %s\n' % sha(arm.config))
    shutil.rmtree(c.store)
    code, out, err = load(c, '--platform=linux/s390x', path)
    c.refused(code, out, err, ('no image for linux/s390x',))


@test
def load_hybrids(c):
    files = oci_files(c.image, {})
    files['manifest.json'] = json.dumps([{'Config': 'blobs/sha256/' + sha(c.image.config)[7:], 'RepoTags': ['lib:h'],
                                          'Layers': ['blobs/sha256/' + sha(l)[7:] for l in c.image.layers]}]).encode()
    assert load(c, write(c, 'h.tar', oci_archive(files)))[:2] == (0, 'Loaded image: lib:h\n')
    shutil.rmtree(c.store)
    del files['index.json']
    assert load(c, write(c, 'h.tar', oci_archive(files)))[:2] == (0, 'Loaded image: lib:h\n')


@test
def load_damaged(c):
    data = docker_archive([(c.image, ['lib:1'])])
    config = sha(c.image.config)[7:] + '.json'

    def bad(data, *words):
        shutil.rmtree(c.store, ignore_errors=True)
        code, out, err = load(c, write(c, 'bad.tar', data))
        c.refused(code, out, err, words)
    bad(b'', 'archive')
    bad(b'not a tar at all' * 100, 'tar')
    bad(data[:1000], 'damaged')
    bad(data[:len(data) // 2], 'damaged')
    bad(gzip.compress(data)[:-20], 'damaged')
    bad(archive(lambda t: add(t, 'x', b'x')), 'neither')
    bad(archive(lambda t: add(t, 'manifest.json', b'{}')), 'wrong shape')
    bad(archive(lambda t: add(t, 'manifest.json', b'[{"Config":"x","Layers":[]}]')), "no 'x'")
    bad(archive(lambda t: add(t, 'manifest.json', b'[{"Config":"../../../etc/passwd","Layers":[]}]')), 'has no')

    def loop(t):
        add(t, 'manifest.json', b'[{"Config":"a","Layers":[]}]')
        add(t, 'a', kind=tarfile.SYMTYPE, link='b')
        add(t, 'b', kind=tarfile.SYMTYPE, link='a')
    bad(archive(loop), 'a')

    def wrong_name(t):
        add(t, 'f' * 64 + '.json', c.image.config)
        add(t, 'manifest.json', json.dumps([{'Config': 'f' * 64 + '.json', 'Layers': []}]).encode())
    bad(archive(wrong_name), 'wrong digest')

    def missing_layer(t):
        add(t, config, c.image.config)
        add(t, 'l2', c.image.tars[1])
        add(t, 'manifest.json', json.dumps([{'Config': config, 'Layers': ['l1', 'l2']}]).encode())
    bad(archive(missing_layer), "no 'l1'")

    def swapped(t):
        add(t, config, c.image.config)
        add(t, 'l1', c.image.tars[1])
        add(t, 'l2', c.image.tars[0])
        add(t, 'manifest.json', json.dumps([{'Config': config, 'Layers': ['l1', 'l2']}]).encode())
    bad(archive(swapped), 'diffID')
    files = oci_files(c.image, {'org.opencontainers.image.ref.name': 'lib:1'})
    for name in [n for n in files if n.startswith('blobs')]:
        bad(oci_archive(dict(files, **{name: files[name][:-1] + b'!'})), 'wrong digest')
        bad(oci_archive({k: v for k, v in files.items() if k != name}), name)


@test
def load_directory_stays_inside(c):
    files = oci_files(c.image, {'org.opencontainers.image.ref.name': 'lib:1'})
    os.makedirs(c.dir + '/lay/blobs/sha256')
    for name, data in files.items():
        write(c, 'lay/' + name, data)
    outside = write(c, 'outside', c.image.layers[0])
    layer = c.dir + '/lay/blobs/sha256/' + sha(c.image.layers[0])[7:]
    os.unlink(layer)
    os.symlink(outside, layer)
    code, out, err = load(c, c.dir + '/lay')
    c.refused(code, out, err, ('incomplete',))


def main():
    part = sys.argv[2] if len(sys.argv) > 2 else ''
    chosen = [t for t in TESTS if part in t.__name__]
    failed = 0
    print('1..%d' % len(chosen))
    for n, t in enumerate(chosen, 1):
        c = Case()
        try:
            t(c)
            print('ok %d - %s' % (n, t.__name__))
        except Skip as e:
            print('ok %d - %s # SKIP %s' % (n, t.__name__, e))
        except Exception:
            failed += 1
            print('not ok %d - %s' % (n, t.__name__))
            for line in traceback.format_exc().splitlines()[-6:]:
                print('#   ' + line[:600].encode('ascii', 'backslashreplace').decode())
        finally:
            c.close()
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
