#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The root file system that all measured systems run on: this machine's own packages, a git repository, a C project.

usage: tree.py DIRECTORY     make it there

/usr with bash, coreutils, gcc, git, make, node, python, redis and sqlite and all they depend on; /srv/repo: 10,000 files under git; /srv/project:
200 generated C files and their Makefile; /srv/calls: calls.c. About 25,000 files, 650 MB.
"""
import os
import random
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ["base-files", "bash", "dash", "coreutils", "findutils", "grep", "make", "gcc", "libc6-dev", "git", "nodejs", "python3", "sqlite3",
            "redis-server", "redis-tools", "procps"]
REPO_FILES = 10000
PROJECT_FILES = 200


def closure(packages):
    """The packages and all they depend on, of those that are installed."""
    depends, provided = {}, {}
    out = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\t${Depends}, ${Pre-Depends}\t${Provides}\n"], check=True,
                         capture_output=True, text=True).stdout
    for line in out.splitlines():
        package, needs, gives = line.split("\t")
        depends[package] = [[a.split("(")[0].strip().split(":")[0] for a in n.split("|")] for n in needs.split(",")]
        for name in gives.split(","):
            provided.setdefault(name.split("(")[0].strip().split(":")[0], package)
    seen, todo = set(), list(packages)
    while todo:
        package = todo.pop()
        package = package if package in depends else provided.get(package)
        if not package or package in seen:
            continue
        seen.add(package)
        for alternatives in depends[package]:
            todo += [a for a in alternatives if a and (a in depends or a in provided)][:1]
    return sorted(seen)


def copy_packages(root):
    out = subprocess.run(["dpkg", "-L", *closure(PACKAGES)], check=True, capture_output=True, text=True).stdout
    names, seen = [], set()
    for name in out.splitlines():
        # Paths as dpkg knows them may go through /lib, which is a link to /usr/lib.
        name = os.path.realpath(os.path.dirname(name)) + "/" + os.path.basename(name)
        if name.startswith(("/usr/", "/opt/")) and name not in seen and (os.path.islink(name) or os.path.isfile(name)) \
                and os.access(os.path.dirname(name), os.R_OK) and (os.path.islink(name) or os.access(name, os.R_OK)):
            seen.add(name)
            names.append(name[1:])
    for link in os.listdir("/etc/alternatives"):
        names.append("etc/alternatives/" + link)
    for link in os.listdir("/usr/bin"):
        path = "/usr/bin/" + link
        if path not in seen and os.path.islink(path) and os.readlink(path).startswith("/etc/alternatives/"):
            names.append(path[1:])
    tar = subprocess.Popen(["tar", "-C", "/", "--null", "-T", "-", "-cf", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    untar = subprocess.Popen(["tar", "-C", root, "--no-same-owner", "-xf", "-"], stdin=tar.stdout)
    tar.stdin.write(b"\0".join(n.encode() for n in names) + b"\0")
    tar.stdin.close()
    if tar.wait() or untar.wait():
        sys.exit("tree.py: cannot copy the packages' files")


def skeleton(root):
    for d in ("usr", "etc", "proc", "sys", "dev", "tmp", "run", "root", "srv", "var/tmp"):
        os.makedirs(os.path.join(root, d), exist_ok=True)
    os.chmod(root + "/tmp", 0o1777)
    for d in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink("/" + d):
            os.symlink("usr/" + d, os.path.join(root, d))
    for name, text in (("passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("group", "root:x:0:\n"),
                       ("gitconfig", "[safe]\n\tdirectory = *\n[gc]\n\tauto = 0\n[user]\n\tname = bench\n\temail = bench@localhost\n")):
        with open(os.path.join(root, "etc", name), "w") as f:
            f.write(text)
    shutil.copy("/etc/ld.so.cache", root + "/etc/ld.so.cache")


def repository(root):
    """Real text of all sizes: sources and documents of the packages."""
    repo, sources = root + "/srv/repo", []
    for top in ("usr/lib/python3.11", "usr/share/perl", "usr/include", "usr/share/doc", "usr/share/nodejs"):
        for d, dirs, files in os.walk(os.path.join(root, top)):
            dirs.sort()
            sources += [os.path.join(d, f) for f in sorted(files) if f.endswith((".py", ".pm", ".pl", ".h", ".js", ".pod", "copyright"))]
    sources = [s for s in sources if os.path.isfile(s)]
    for i in range(REPO_FILES):
        path = "%s/%02d/%02d/file-%04d.txt" % (repo, i % 25, i // 25 % 20, i)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(sources[i % len(sources)], "rb") as f, open(path, "wb") as out:
            out.write(b"%d\n" % i + f.read(20000))
    env = dict(os.environ, HOME=root + "/root", GIT_CONFIG_GLOBAL=root + "/etc/gitconfig", GIT_CONFIG_SYSTEM="/dev/null")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "all"], ["repack", "-q", "-a", "-d"]):
        subprocess.run(["git", *command], cwd=repo, env=env, check=True)


def project(root):
    """Sources as people have them: some system headers, some functions, a library's header of their own."""
    rng, directory = random.Random(1), root + "/srv/project"
    os.makedirs(directory)
    with open(directory + "/all.h", "w") as f:
        f.write("#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n")
        f.writelines("int f%d(int);\n" % i for i in range(PROJECT_FILES))
    for i in range(PROJECT_FILES):
        with open("%s/f%d.c" % (directory, i), "w") as f:
            f.write('#include "all.h"\n')
            for k in range(4):
                f.write("static int part%d(int a)\n{\n\tint s = %d;\n\tfor (int i = 0; i < a; i++)\n\t\ts += i * %d ^ (s >> %d);\n\treturn s;\n}\n"
                        % (k, rng.randrange(1000), rng.randrange(1000), rng.randrange(1, 8)))
            f.write("int f%d(int a)\n{\n\treturn part0(a) + part1(a) + part2(a) + part3(a);\n}\n" % i)
    with open(directory + "/main.c", "w") as f:
        f.write('#include "all.h"\nint main(void)\n{\n\tint s = 0;\n')
        f.writelines("\ts += f%d(s & 15);\n" % i for i in range(PROJECT_FILES))
        f.write('\tprintf("%d\\n", s);\n\treturn 0;\n}\n')
    with open(directory + "/Makefile", "w") as f:
        f.write("objs := $(patsubst %.c,%.o,$(wildcard *.c))\nall: $(objs)\n\tgcc -o all $^\n"
                "%.o: %.c all.h\n\tgcc -O1 -c -o $@ $<\nclean:\n\trm -f $(objs) all\n.PHONY: clean\n")


def transactions(root):
    with open(root + "/srv/transactions.sql", "w") as f:
        f.write("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value INTEGER);\n")
        f.writelines("INSERT INTO t(name, value) VALUES('name %d', %d);\n" % (i, i * i) for i in range(2000))


def make(root):
    os.makedirs(root)
    skeleton(root)
    copy_packages(root)
    subprocess.run(["cc", "-O2", "-pthread", "-w", "-D_GNU_SOURCE", "-o", root + "/srv/calls", HERE + "/calls.c"], check=True)
    repository(root)
    project(root)
    transactions(root)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(os.path.abspath(sys.argv[1]))
