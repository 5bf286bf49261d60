#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""picket-fetch against a real docker-registry on loopback, filled by skopeo. Prints TAP; skips where they are missing.

usage: test_registry.py PICKET-FETCH
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake_registry import Image, make_tar, noise, sha

warnings.simplefilter('ignore')
FETCH = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else 'picket-fetch'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def layout(path, image):
    """Write an OCI layout with the tag `t`."""
    os.makedirs(path + '/blobs/sha256')
    for blob in image.layers + [image.config, image.manifest]:
        with open(path + '/blobs/sha256/' + sha(blob)[7:], 'wb') as f:
            f.write(blob)
    entry = {'mediaType': image.type, 'digest': sha(image.manifest), 'size': len(image.manifest),
             'annotations': {'org.opencontainers.image.ref.name': 't'}}
    for name, doc in (('index.json', {'schemaVersion': 2, 'manifests': [entry]}), ('oci-layout', {'imageLayoutVersion': '1.0.0'})):
        with open(path + '/' + name, 'w') as f:
            json.dump(doc, f)


class Registry:
    def __init__(self, where, port, host='127.0.0.1', extra=''):
        os.makedirs(where, exist_ok=True)
        with open(where + '/config.yml', 'w') as f:
            f.write('version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n'
                    'storage: {filesystem: {rootdirectory: %s/data}}\nhttp: {addr: "%s:%d"%s}\n'
                    % (where, host, port, extra if 'tls' in extra else ''))
            if 'auth' in extra:
                f.write(extra)
        self.process = subprocess.Popen(['docker-registry', 'serve', where + '/config.yml'], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as s:
                if not s.connect_ex(('127.0.0.1', port)):
                    return
            time.sleep(0.05)
        raise RuntimeError('the registry does not start')

    def close(self):
        self.process.kill()
        self.process.wait()


class Cases:
    def __init__(self, where):
        self.dir = where
        self.home = where + '/home'
        os.mkdir(self.home)
        self.image = Image([make_tar({'noise': noise(2 << 20), 'text': b'x' * 100000}), make_tar({'b': b'b'})])
        layout(where + '/oci', self.image)

    def env(self):
        env = {k: v for k, v in os.environ.items() if 'proxy' not in k.lower() and not k.startswith('XDG_')}
        env.update(HOME=self.home, PICKET_STORE=self.dir + '/store')
        return env

    def skopeo(self, target, *options):
        # Not /run/containers/UID, which may be another's.
        env = dict(self.env(), REGISTRY_AUTH_FILE=self.home + '/skopeo-auth.json')
        subprocess.run(['skopeo', 'copy', '-q', '--insecure-policy', '--dest-tls-verify=false', *options, 'oci:%s/oci:t' % self.dir,
                        'docker://' + target], check=True, env=env, stdout=subprocess.DEVNULL)

    def fetch(self, *args):
        p = subprocess.run([FETCH, 'pull', '--progress=none', *args], env=self.env(), stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=60)
        return p.returncode, p.stdout, p.stderr

    def fresh(self):
        shutil.rmtree(self.dir + '/store', ignore_errors=True)

    def plain_http(self):
        port = free_port()
        reg = Registry(self.dir + '/r1', port)
        try:
            name = '127.0.0.1:%d/some/image:1' % port
            self.skopeo(name)
            self.skopeo(name + 'docker', '--format', 'v2s2')
            code, out, err = self.fetch(name)
            assert code == 0 and sha(self.image.manifest) in out, err
            assert 'up to date' in self.fetch(name)[1]
            assert self.fetch('localhost:%d/some/image@%s' % (port, sha(self.image.manifest)))[0] == 0
            self.fresh()
            assert self.fetch(name + 'docker')[0] == 0
            code, out, err = self.fetch('127.0.0.1:%d/some/image:2' % port)
            assert code == 125 and 'not found' in err and 'manifest unknown' in err, err
            code, out, err = self.fetch('127.0.0.1:%d/other:2' % port)
            assert code == 125 and 'not found' in err, err
        finally:
            reg.close()

    def basic_auth(self):
        try:
            import crypt  # gone from Python 3.13; nothing else there makes bcrypt
        except ImportError:
            return
        port = free_port()
        host = '127.0.0.1:%d' % port
        with open(self.dir + '/htpasswd', 'w') as f:
            f.write('ada:%s\n' % crypt.crypt('love', crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << 5)))
        reg = Registry(self.dir + '/r2', port, extra='auth: {htpasswd: {realm: r, path: %s/htpasswd}}\n' % self.dir)
        try:
            self.skopeo(host + '/x:1', '--dest-creds', 'ada:love')
            self.fresh()
            code, out, err = self.fetch(host + '/x:1')
            assert code == 125 and 'docker login' in err, err
            subprocess.run(['skopeo', 'login', '--authfile', self.home + '/.docker/config.json', '--tls-verify=false', '-u', 'ada',
                            '-p', 'love', host], check=True, env=self.env(), stdout=subprocess.DEVNULL)
            code, out, err = self.fetch(host + '/x:1')
            assert code == 0, err
        finally:
            reg.close()

    def tls(self):
        port = free_port()
        pem = self.dir + '/cert.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=elsewhere', '-addext',
                        'subjectAltName=IP:0.0.0.0', '-keyout',
                        self.dir + '/key.pem', '-out', pem], check=True, stderr=subprocess.DEVNULL)
        reg = Registry(self.dir + '/r3', port, host='', extra=', tls: {certificate: %s, key: %s/key.pem}' % (pem, self.dir))
        try:
            self.skopeo('127.0.0.1:%d/x:1' % port)
            self.fresh()
            assert self.fetch('127.0.0.1:%d/x:1' % port)[0] == 0
            # This address is the same machine, but no loopback address.
            name = '0.0.0.0:%d/x:1' % port
            code, out, err = self.fetch(name)
            assert code == 125 and 'not trusted' in err and '--tls-verify=false' in err, err
            self.fresh()
            code, out, err = self.fetch('--tls-verify=false', name)
            assert code == 0, err
            self.fresh()
            os.environ['SSL_CERT_FILE'] = pem
            code, out, err = self.fetch(name)
            del os.environ['SSL_CERT_FILE']
            assert code == 0, err
        finally:
            reg.close()


def main():
    tests = ('plain_http', 'basic_auth', 'tls')
    print('1..%d' % len(tests))
    missing = [p for p in ('docker-registry', 'skopeo', 'openssl') if not shutil.which(p)]
    where = tempfile.mkdtemp(prefix='picket-registry-')
    cases = Cases(where)
    failed = 0
    for n, name in enumerate(tests, 1):
        if missing:
            print('ok %d - %s # SKIP no %s' % (n, name, ', '.join(missing)))
            continue
        try:
            getattr(cases, name)()
            print('ok %d - %s' % (n, name))
        except Exception as e:
            failed += 1
            print('not ok %d - %s\n#   %s: %.600s' % (n, name, type(e).__name__, str(e).replace('\n', ' ')))
        sys.stdout.flush()
    shutil.rmtree(where)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
