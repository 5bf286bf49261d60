#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make layers for test_snap_ingest: OUT/NAME/{1.tar,2.tar..., expect}.

expect holds one line per path of the merged image, as the test prints them, or "error: PART" of the sentence with which
the archive must be refused.
"""
import hashlib
import io
import os
import stat
import struct
import subprocess
import sys
import tarfile

OUT = sys.argv[1]
KINDS = {stat.S_IFREG: '-', stat.S_IFDIR: 'd', stat.S_IFLNK: 'l', stat.S_IFCHR: 'c', stat.S_IFBLK: 'b', stat.S_IFIFO: 'p'}
TYPES = {tarfile.REGTYPE: '-', tarfile.AREGTYPE: '-', tarfile.DIRTYPE: 'd', tarfile.SYMTYPE: 'l',
         tarfile.CHRTYPE: 'c', tarfile.BLKTYPE: 'b', tarfile.FIFOTYPE: 'p'}


def line(path, kind, mode, uid, gid, size, sec, nsec, nlink, extra):
    return f'{path} {kind} {mode:04o} {uid} {gid} {size} {sec}.{nsec:09d} {nlink} {extra}'


def digest(data):
    return hashlib.sha256(data).hexdigest()


def save(name, tars, expect):
    d = os.path.join(OUT, name)
    os.makedirs(d)
    for i, data in enumerate(tars):
        with open(f'{d}/{i + 1}.tar', 'wb') as f:
            f.write(data)
    with open(f'{d}/expect', 'w') as f:
        f.write(expect if isinstance(expect, str) else ''.join(l + '\n' for l in sorted(expect)))


class Layer:
    """A tar made entry by entry."""

    def __init__(self, fmt=tarfile.PAX_FORMAT):
        self.buf = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buf, mode='w', format=fmt)

    def add(self, name, data=None, type=tarfile.REGTYPE, mode=0o644, uid=0, gid=0, mtime=1000, link='', dev=(0, 0), pax=None):
        ti = tarfile.TarInfo(name)
        ti.type, ti.mode, ti.uid, ti.gid, ti.mtime, ti.linkname = type, mode, uid, gid, mtime, link
        ti.devmajor, ti.devminor = dev
        ti.pax_headers = pax or {}
        if data is not None:
            ti.size = len(data)
        self.tar.addfile(ti, io.BytesIO(data) if data is not None else None)
        return self

    def dir(self, name, **kw):
        kw.setdefault('mode', 0o755)
        return self.add(name, type=tarfile.DIRTYPE, **kw)

    def sym(self, name, to, **kw):
        kw.setdefault('mode', 0o777)
        return self.add(name, type=tarfile.SYMTYPE, link=to, **kw)

    def hard(self, name, to, **kw):
        return self.add(name, type=tarfile.LNKTYPE, link=to, **kw)

    def bytes(self):
        self.tar.close()
        return self.buf.getvalue()


def d(path, nlink, mode=0o755, uid=0, gid=0, sec=1000, extra=''):
    return line(path, 'd', mode, uid, gid, 0, sec, 0, nlink, extra)


def f(path, data, mode=0o644, uid=0, gid=0, sec=1000, nsec=0, nlink=1, extra=''):
    return line(path, '-', mode, uid, gid, len(data), sec, nsec, nlink, digest(data) + extra)


def s(path, to):
    return line(path, 'l', 0o777, 0, 0, len(to), 1000, 0, 1, to)


def root(n=2):
    return d('/', n, sec=0)


def raw(name=b'x', size=b'00000000000\0', type=b'0', mode=b'0000644\0', uid=b'0000000\0', mtime=b'00000001750\0', link=b'',
        magic=b'ustar\x0000', prefix=b'', tail=None, bad_sum=False):
    """A header block by hand."""
    h = bytearray(512)
    h[0:len(name)] = name
    h[100:108] = mode
    h[108:116] = uid
    h[116:124] = b'0000000\0'
    h[124:136] = size
    h[136:148] = mtime
    h[148:156] = b' ' * 8
    h[156:157] = type
    h[157:157 + len(link)] = link
    h[257:265] = magic
    h[345:345 + len(prefix)] = prefix
    if tail:
        h[345:345 + len(tail)] = tail
    h[148:156] = b'%06o\0 ' % (sum(h) + (1 if bad_sum else 0))
    return bytes(h)


def pad(data):
    return data + b'\0' * (-len(data) % 512)


END = b'\0' * 1024


def pax_record(key, value):
    body = b' ' + key + b'=' + value + b'\n'
    n = len(body)
    while len(str(n)) + len(body) != n:
        n = len(str(n)) + len(body)
    return str(n).encode() + body


def pax(records):
    body = b''.join(pax_record(k, v) for k, v in records)
    return raw(b'pax', b'%011o\0' % len(body), b'x') + pad(body)


def plain():
    big = bytes(range(256)) * 4097
    for name, fmt in (('ustar', tarfile.USTAR_FORMAT), ('gnu', tarfile.GNU_FORMAT), ('pax', tarfile.PAX_FORMAT)):
        l = Layer(fmt).dir('./', mode=0o711).dir('bin').add('bin/sh', b'#!x', mode=0o755)
        l.add('bin/su', b'su', mode=0o4755).add('empty', b'', mode=0).sym('lib', 'usr/lib').add('big', big, uid=1000, gid=100)
        l.add('tmp', type=tarfile.DIRTYPE, mode=0o1777).hard('bin/ash', 'bin/sh').hard('bin/busybox', './bin/sh')
        l.add('null', type=tarfile.CHRTYPE, dev=(1, 3), mode=0o666).add('sda', type=tarfile.BLKTYPE, dev=(8, 4095), mode=0o660)
        l.add('fifo', type=tarfile.FIFOTYPE, mode=0o600)
        long = '/'.join(['d' * 50] * 3)
        l.add(long + '/' + 'f' * 90, b'long')
        exp = [d('/', 5, 0o711), d('/bin', 2), f('/bin/sh', b'#!x', 0o755, nlink=3), f('/bin/ash', b'#!x', 0o755, nlink=3),
               f('/bin/busybox', b'#!x', 0o755, nlink=3), f('/bin/su', b'su', 0o4755), f('/empty', b'', 0), s('/lib', 'usr/lib'),
               f('/big', big, uid=1000, gid=100), d('/tmp', 2, 0o1777), line('/null', 'c', 0o666, 0, 0, 0, 1000, 0, 1, '1:3'),
               line('/sda', 'b', 0o660, 0, 0, 0, 1000, 0, 1, '8:4095'), line('/fifo', 'p', 0o600, 0, 0, 0, 1000, 0, 1, '')]
        p = ''
        for i in range(3):
            p += '/' + 'd' * 50
            exp.append(d(p, 3 if i < 2 else 2, sec=0))
        exp.append(f(p + '/' + 'f' * 90, b'long'))
        save('plain-' + name, [l.bytes()], exp)


def long_names():
    name = 'n' * 255
    path = '/'.join(['p' * 254] * 16)[:4090]
    link = 't' * 4095
    for kind, fmt in (('gnu', tarfile.GNU_FORMAT), ('pax', tarfile.PAX_FORMAT)):
        l = Layer(fmt).add(name, b'1').add(path, b'2').sym('s', link)
        exp = [f('/' + name, b'1'), f('/' + path, b'2'), s('/s', link)]
        at = ''
        for part in path.split('/')[:-1]:
            at += '/' + part
            exp.append(d(at, 3, sec=0))
        exp[-1] = d(at, 2, sec=0)
        save('long-' + kind, [l.bytes()], exp + [root(3)])
    save('name-256', [Layer().add('n' * 256, b'').bytes()], 'error: longer than 255')
    save('path-4097', [Layer().add('/'.join(['a' * 240] * 18), b'').bytes()], 'error: the most is 4095')
    save('deep', [Layer().add('a/' * 2040 + 'x', b'').bytes()], [root(3)] + [d('/' + '/'.join('a' * i), 3 if i < 2040 else 2, sec=0)
         for i in range(1, 2041)] + [f('/' + 'a/' * 2040 + 'x', b'')])


def numbers():
    b256 = lambda v, n: bytes([0x80]) + v.to_bytes(n - 1, 'big')
    neg = (-5).to_bytes(12, 'big', signed=True)
    t = raw(b'a', uid=b256(3000000, 8), mtime=neg) + raw(b'b', size=b256(3, 12)) + pad(b'abc') + END
    save('base256', [t], [root(), line('/a', '-', 0o644, 3000000, 0, 0, -5, 0, 1, digest(b'')), f('/b', b'abc')])
    t = pax([(b'mtime', b'123.456789012345'), (b'uid', b'4000000000'), (b'size', b'4')]) + raw(b'a') + pad(b'data')
    t += pax([(b'mtime', b'-1.25')]) + raw(b'b') + END
    save('pax-numbers', [t], [root(), f('/a', b'data', uid=4000000000, sec=123, nsec=456789012),
                              f('/b', b'', sec=-2, nsec=750000000)])
    t = raw(b'a', uid=b'    12 \0', magic=b'\0' * 8) + raw(b'dir/', type=b'\0', magic=b'\0' * 8, mode=b'0000700\0') + END
    save('v7', [t], [root(3), line('/a', '-', 0o644, 10, 0, 0, 1000, 0, 1, digest(b'')), d('/dir', 2, 0o700)])
    save('size-overflow', [raw(size=bytes([0xff]) * 12) + END], 'error: claims a file of')
    save('size-huge', [raw(size=b256(1 << 62, 12)) + END], 'error: claims a file of')
    save('size-huge-2', [raw(size=b256(1 << 80, 12)) + END], 'error: size is not a number')
    save('size-junk', [raw(size=b'0000zz00000\0') + END], 'error: size is not a number')
    save('pax-size-huge', [pax([(b'size', b'99999999999999999999')]) + raw() + END], 'error: is not a size')
    save('uid-negative', [raw(uid=b'\xff' * 8) + END], 'error: user is not a number')
    save('checksum', [raw(bad_sum=True) + END], 'error: checksum')
    save('pax-junk', [raw(b'p', b'%011o\0' % 5, b'x') + pad(b'hello') + END], 'error: not made of records')
    save('pax-length', [raw(b'p', b'%011o\0' % 9, b'x') + pad(b'99 a=b\n\0\0') + END], 'error: not made of records')
    save('pax-nul', [pax([(b'path', b'a\0b')]) + raw() + END], 'error: holds a NUL')
    save('pax-big', [raw(b'p', b'%011o\0' % (2 << 20), b'x') + END], 'error: has a header of')
    save('type', [raw(type=b'Q') + END], 'error: unknown type')
    save('device', [raw(type=b'3', tail=None).replace(b'', b'') + END], [root(), line('/x', 'c', 0o644, 0, 0, 0, 1000, 0, 1, '0:0')])


def xattrs():
    caps = bytes([1, 0, 0, 2, 0, 4, 0, 0] + [0] * 12)
    t = pax([(b'SCHILY.xattr.security.capability', caps), (b'SCHILY.xattr.user.note', b'a=b\nc'), (b'comment', b'x')]) + raw(b'ping') + END
    save('xattr', [t], [root(), f('/ping', b'', extra=f' security.capability={caps.hex()} user.note={b"a=b" .hex()}0a63')])
    save('xattr-long', [pax([(b'SCHILY.xattr.user.x', b'v' * 70000)]) + raw() + END], 'error: extended attribute')
    save('xattr-many', [pax([(b'SCHILY.xattr.user.%d' % i, b'v') for i in range(65)]) + raw() + END], 'error: more than 64')


def sparse():
    src = os.path.join(OUT, '.sparse')
    os.makedirs(src)
    with open(src + '/many', 'wb') as h:
        for i in range(60):
            h.seek(i * 65536 + (i % 5) * 700)
            h.write(bytes([i + 1]) * (100 + i * 37))
        h.truncate(5 << 20)
    with open(src + '/hole', 'wb') as h:
        h.truncate(64 << 20)
    with open(src + '/tail', 'wb') as h:
        h.seek(10 << 20)
        h.write(b'end')
    data = open(src + '/many', 'rb').read()
    zero = hashlib.sha256()
    for _ in range(64):
        zero.update(bytes(1 << 20))
    for how in (['--format=gnu'], ['--format=pax', '--sparse-version=0.0'], ['--format=pax', '--sparse-version=0.1'],
                ['--format=pax', '--sparse-version=1.0']):
        t = subprocess.run(['tar', '-C', src, '-S', '--owner=0', '--group=0', '--mode=0644', '--mtime=@1000', *how, '-cf', '-',
                            'many', 'hole', 'tail'], stdout=subprocess.PIPE, check=True).stdout
        assert len(t) < 1 << 20
        save('sparse' + how[-1][-4:].strip('-='), [t], [root(), f('/many', data), f('/tail', bytes(10 << 20) + b'end'),
             line('/hole', '-', 0o644, 0, 0, 64 << 20, 1000, 0, 1, zero.hexdigest())])
    one = lambda m, size, data: (pax([(b'GNU.sparse.major', b'1'), (b'GNU.sparse.minor', b'0'), (b'GNU.sparse.name', b'a'),
                                      (b'GNU.sparse.realsize', b'%d' % size)]) +
                                 raw(b'GNUSparse/a', b'%011o\0' % (len(pad(m)) + len(data))) + pad(m) + pad(data) + END)
    save('sparse-order', [one(b'2\n512\n4\n0\n4\n', 1024, b'aaaabbbb')], 'error: out of order')
    save('sparse-past', [one(b'1\n1000\n100\n', 1024, b'a' * 100)], 'error: out of bounds')
    save('sparse-sum', [one(b'1\n0\n100\n', 1024, b'a' * 50)], 'error: does not match')
    save('sparse-overflow', [one(b'1\n18446744073709551615\n2\n', 1024, b'aa')], 'error: not made of numbers')
    save('sparse-junk', [one(b'x\n', 1024, b'')], 'error: not made of numbers')
    save('sparse-count', [one(b'99999999\n0\n1\n', 1024, b'a')], 'error: pieces')


def hostile():
    save('dotdot', [Layer().add('../etc/passwd', b'x').bytes()], "error: leads out of the root with '..'")
    save('dotdot-inner', [Layer().add('a/../../x', b'x').bytes()], "error: leads out of the root with '..'")
    save('dotdot-clean', [Layer().dir('a').add('a/b/../c', b'x').bytes()], [root(3), d('/a', 2), f('/a/c', b'x')])
    save('absolute', [Layer().add('/etc/passwd', b'x').bytes()], [root(3), d('/etc', 2, sec=0), f('/etc/passwd', b'x')])
    save('link-dotdot', [Layer().hard('a', '../../etc/shadow').bytes()], "error: leads out of the root with '..'")
    save('link-missing', [Layer().hard('a', 'b').bytes()], "error: hard link to 'b', which is no file")
    save('link-dir', [Layer().dir('b').hard('a', 'b').bytes()], 'error: hard link to a directory')
    save('link-root', [Layer().hard('a', '/').bytes()], 'error: hard link to nothing')
    save('symlink-out', [Layer().sym('a', '/../../..').add('a/x', b'x').bytes()], [root(), s('/a', '/../../..'), f('/x', b'x')])
    save('symlink-abs', [Layer().sym('a', '/etc').add('a/x', b'x').bytes()],
         [root(3), s('/a', '/etc'), d('/etc', 2, sec=0), f('/etc/x', b'x')])
    save('symlink-ring', [Layer().sym('a', 'b').sym('b', 'a').add('a/x', b'x').bytes()], 'error: ring')
    save('symlink-empty', [raw(type=b'2') + END], 'error: symbolic link to nothing')
    save('parent-file', [Layer().add('a', b'').add('a/x', b'x').bytes()], 'error: parent that is not a directory')
    save('root-file', [Layer().add('.', b'x').bytes()], 'error: is the root but not a directory')
    save('truncated', [Layer().add('a', b'x' * 5000).bytes()[:3000]], 'error: ends in the middle')
    save('truncated-head', [Layer().add('a', b'x').bytes()[:300]], 'error: ends in the middle')
    save('truncated-pax', [pax([(b'path', b'abc')])], 'error: ends behind')
    save('no-trailer', [raw(b'a', b'%011o\0' % 3) + b'abc'], [root(), f('/a', b'abc')])
    save('no-trailer-padded', [raw(b'a', b'%011o\0' % 3) + pad(b'abc')], [root(), f('/a', b'abc')])
    save('empty', [b''], [root()])
    save('only-end', [END], [root()])
    save('trailing-junk', [Layer().add('a', b'x').bytes() + b'junk' * 1000], [root(), f('/a', b'x')])


def duplicates():
    save('dup-file', [Layer().add('a', b'1').add('a', b'22').bytes()], [root(), f('/a', b'22')])
    save('dup-dir', [Layer().dir('a', mode=0o700).add('a/x', b'').dir('a', mode=0o711).bytes()], [root(3), d('/a', 2, 0o711), f('/a/x', b'')])
    save('dup-kind', [Layer().dir('a').add('a/x', b'').add('a', b'now').bytes()], [root(), f('/a', b'now')])
    save('dup-kind2', [Layer().add('a', b'').dir('a').add('a/x', b'1').bytes()], [root(3), d('/a', 2), f('/a/x', b'1')])
    same = b'same content ' * 10000
    save('dup-content', [Layer().add('a', same).add('b', same).add('c', same[:-1] + b'X').bytes(), Layer().add('d', same).bytes()],
         [root(), f('/a', same), f('/b', same), f('/c', same[:-1] + b'X'), f('/d', same)])


def merging():
    low = Layer().dir('a', mode=0o700).add('a/1', b'1').add('a/2', b'2').dir('a/d').add('a/d/x', b'x').sym('lib', 'usr/lib')
    low = low.dir('usr').dir('usr/lib').add('keep', b'k').bytes()
    keep = [s('/lib', 'usr/lib'), d('/usr', 3), d('/usr/lib', 2), f('/keep', b'k')]
    wh = lambda *names: [Layer().add(n, b'').bytes() for n in names]
    full = [d('/a', 3, 0o700), f('/a/1', b'1'), f('/a/2', b'2'), d('/a/d', 2), f('/a/d/x', b'x')]
    save('wh-file', [low] + wh('a/.wh.1'), keep + [root(4)] + full[:1] + full[2:])
    save('wh-dir', [low] + wh('.wh.a'), keep + [root(3)])
    save('wh-missing', [low] + wh('a/.wh.none', 'nowhere/.wh.x'), keep + [root(5), d('/nowhere', 2, sec=0)] + full)
    save('wh-opaque', [low, Layer().add('a/.wh..wh..opq', b'').add('a/new', b'n').bytes()],
         keep + [root(4), d('/a', 2, 0o700), f('/a/new', b'n')])
    save('wh-opaque-after', [low, Layer().dir('a').add('a/new', b'n').add('a/.wh..wh..opq', b'').bytes()],
         keep + [root(4), d('/a', 2), f('/a/new', b'n')])
    save('wh-own', [low, Layer().dir('a').add('a/3', b'3').add('.wh.a', b'').bytes()], keep + [root(4), d('/a', 2), f('/a/3', b'3')])
    save('wh-then-file', [low, Layer().add('.wh.a', b'').add('a', b'file').bytes()], keep + [root(3), f('/a', b'file')])
    save('wh-then-dir', [low, Layer().add('.wh.a', b'').add('a/3', b'3').bytes()], keep + [root(4), d('/a', 2, sec=0), f('/a/3', b'3')])
    save('wh-aufs', [low] + wh('.wh..wh.plnk'), keep + [root(4)] + full)
    save('wh-dots', wh('.wh...'), 'error: whiteout of no name')
    save('wh-none', wh('.wh.'), 'error: whiteout of no name')
    save('wh-data', [low, Layer().add('a/.wh.1', b'data' * 2000).bytes()], keep + [root(4)] + full[:1] + full[2:])
    save('over-dir', [low, Layer().add('a', b'f').bytes()], keep + [root(3), f('/a', b'f')])
    save('over-file', [low, Layer().dir('keep').add('keep/x', b'').bytes()], keep[:3] + [root(5), d('/keep', 2), f('/keep/x', b'')] + full)
    save('over-link', [low, Layer().dir('lib').add('lib/x', b'').bytes()], keep[1:] + [root(5), d('/lib', 2), f('/lib/x', b'')] + full)
    save('through-link', [low, Layer().add('lib/x', b'').bytes()], keep + [root(4), f('/usr/lib/x', b'')] + full)
    save('implicit', [low, Layer().add('a/new', b'n').bytes()], keep + [root(4), f('/a/new', b'n')] + full)
    save('attributes', [low, Layer().dir('a', mode=0o711, uid=5).bytes()], keep + [root(4), d('/a', 3, 0o711, uid=5)] + full[1:])
    save('link-below', [low, Layer().hard('k2', 'keep').bytes()],
         keep[:3] + [root(4), f('/keep', b'k', nlink=2), f('/k2', b'k', nlink=2)] + full)
    save('link-below-gone', [low, Layer().hard('k2', 'keep').add('.wh.keep', b'').bytes()], keep[:3] + [root(4), f('/k2', b'k')] + full)
    save('three', [low, Layer().add('.wh.a', b'').bytes(), Layer().dir('a').add('a/1', b'one').bytes()],
         keep + [root(4), d('/a', 2), f('/a/1', b'one')])


def real_tree():
    """A tree of this machine, archived by GNU tar, against lstat."""
    base = '/usr/share/doc/tar'
    base = base if os.path.isdir(base) else '/usr/share/misc'
    t = subprocess.run(['tar', '-C', base, '--format=pax', '-cf', '-', '.'], stdout=subprocess.PIPE, check=True).stdout
    exp = []
    for top, dirs, files in os.walk(base):
        for p in [top] + [os.path.join(top, x) for x in files + [x for x in dirs if os.path.islink(os.path.join(top, x))]]:
            st = os.lstat(p)
            rel = '/' + os.path.relpath(p, base) if p != base else '/'
            kind = KINDS[stat.S_IFMT(st.st_mode)]
            size, nlink, extra = st.st_size, st.st_nlink, ''
            if kind == 'd':
                size, nlink = 0, 2 + sum(os.path.isdir(os.path.join(p, x)) and not os.path.islink(os.path.join(p, x)) for x in os.listdir(p))
            elif kind == 'l':
                extra = os.readlink(p)
            else:
                extra = digest(open(p, 'rb').read())
            exp.append(line(rel, kind, stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, size, st.st_mtime_ns // 10**9,
                            st.st_mtime_ns % 10**9, nlink, extra))
    save('real-tree', [t], exp)


for make in (plain, long_names, numbers, xattrs, sparse, hostile, duplicates, merging, real_tree):
    make()
