#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
PostgreSQL inside the sandbox, with its main shared memory from mmap and from System V, and dynamic shared memory of each kind: a
cluster is made, clients run against it at once, a query runs in parallel workers, and after the end nothing is left of its IPC.
"""
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite, ours  # noqa: E402

SCRIPT = """
set -e
export PATH=%(bin)s:$PATH LC_ALL=C HOME=/tmp/pg
mkdir /tmp/pg; chown postgres /tmp/pg; cd /tmp/pg
pg() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
pg initdb -D d -A trust --set shared_memory_type=%(main)s >/dev/null 2>&1 || pg initdb -D d -A trust >/dev/null
printf "listen_addresses=''\\nunix_socket_directories='/tmp/pg'\\nshared_memory_type=%(main)s\\ndynamic_shared_memory_type=%(dynamic)s\\n" >>d/postgresql.conf
pg pg_ctl -D d -l log -w start >/dev/null || { cat log; exit 1; }
q() { pg psql -h /tmp/pg -d postgres -Atqc "$1"; }
q 'create table t(i int); insert into t select generate_series(1,10000)'
q 'select sum(i) from t'
pg pgbench -h /tmp/pg -i -q postgres >/dev/null 2>&1
pg pgbench -h /tmp/pg -c 4 -t 100 postgres 2>/dev/null | grep 'actually processed'
q 'set force_parallel_mode=on; select count(*) from pgbench_accounts'
pg pg_ctl -D d -m fast -w stop | tail -1
echo left $(ipcs -m | grep -c '^0x') $(ipcs -s | grep -c '^0x') $(ls /dev/shm | wc -l)
"""
WANTED = """50005000
number of transactions actually processed: 400/400
100000
server stopped
left 0 0 0
"""


def main(build):
    s = Suite(build)
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        print("ok postgresql # SKIP not installed")
        s.finish()
    before = ours()
    for kind, dynamic in ("mmap", "posix"), ("sysv", "sysv"), ("sysv", "mmap"):
        script = SCRIPT % {"bin": found[-1], "main": kind, "dynamic": dynamic}
        status, out = s.run(["sh", "-c", script], ["-w", "/tmp"], timeout=180)
        s.check("postgresql, %s and %s shared memory" % (kind, dynamic), status == 0 and out == WANTED, "%s\n%s" % (status, out[-1500:]))
    left = ours() - before
    s.check("postgresql leaves nothing", not left, str(left))
    s.finish()


main(sys.argv[1])
