#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls a second of 1, 2, 4 and 8 threads or processes that share nothing, natively and inside (tests/bench/scaling.c).

usage: scaling.py BUILD-DIRECTORY [--rounds N] [--locks] [KIND …]

Prints thousands of calls a second, and the gain over one thread: with two processors twice is all that can be had. A row whose gain inside is far
below the native one has found a lock. --locks: of a build with -Dlockdep=true, with four lanes: for each rank that was taken how often, for a call, and
how often its lock was last held by another thread; who found it so, and who waited.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ("getppid", "pread", "pwrite", "stat", "open", "pipe", "unix", "inet", "futex", "mmap", "fork")
LANES = (1, 2, 4, 8)


def rank_names():
    """Of enum lock_rank, by number."""
    out, value = {}, {}
    with open(os.path.join(HERE, "..", "..", "sentry", "lib", "lock.h")) as f:
        for name, base, more in re.findall(r"^\t(RANK_\w+)(?: = (\w+) \+ (\d+))?,", f.read(), re.M):
            value[name] = value[base] + int(more) if base else max(value.values(), default=-1) + 1
            out[value[name]] = name
    return out


def tell_locks(sentry, calls, text):
    ranks = rank_names()
    symbols = subprocess.run(["nm", sentry], capture_output=True, text=True).stdout.splitlines()
    base = next(int(line.split()[0], 16) for line in symbols if line.endswith(" lock_init"))
    for m in re.finditer(r"rank (\d+): taken (\d+) moved (\d+) waited (\d+)", text):
        rank, taken, moved, waited = (int(x) for x in m.groups())
        if taken > calls / 20:
            print("    %-20s taken %.2f moved %.4f waited %.4f of each call" % (ranks[rank], taken / calls, moved / calls, waited / calls))
    sites = [[int(x) for x in m.groups()] for m in re.finditer(r"site lock_init([+-]\d+) rank (\d+): moved (\d+) waited (\d+)", text)]
    for offset, rank, moved, waited in sorted(sites, key=lambda x: -x[2] - x[3])[:5]:
        at = subprocess.run(["addr2line", "-fe", sentry, hex(base + offset - 1)], capture_output=True, text=True).stdout.split()
        if moved + waited > calls / 100:
            print("        %s (%s): %s moved %.3f waited %.3f" % (at[0], os.path.basename(at[1]), ranks[rank], moved / calls, waited / calls))


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--locks", action="store_true")
    p.add_argument("kinds", nargs="*", default=KINDS)
    o = p.parse_intermixed_args()
    work = tempfile.mkdtemp(prefix="picket-scaling-")
    os.chmod(work, 0o755)
    subprocess.run(["cc", "-O2", "-pthread", "-w", "-D_GNU_SOURCE", "-static", "-o", work + "/scaling", HERE + "/scaling.c"], check=True)
    picket = [os.path.join(os.path.abspath(o.build), "cmd", "picket"), "run", "--rm", "--network", "none", "-v", work + ":/t:ro", "host", "--"]
    env = dict(os.environ, PICKET_LOCK_COUNTS="1") if o.locks else None

    def once(where, program, kind, how, n):
        r = subprocess.run([*where, program, kind, how, str(n)], capture_output=True, text=True, timeout=60, env=env)
        if r.returncode:
            raise SystemExit("%s %s %d: %s" % (kind, how, n, r.stderr))
        if o.locks:
            print("%s, %d %s: %.0f thousand a second" % (kind, n, how, float(r.stdout) / 1000))
            tell_locks(os.path.join(os.path.abspath(o.build), "sentry", "picket-sentry"), float(r.stdout) * 0.3, r.stderr)
        return float(r.stdout) / 1000

    if o.locks:
        for kind in o.kinds:
            for how in ("threads", "processes"):
                once(picket, "/t/scaling", kind, how, 4)
        shutil.rmtree(work, ignore_errors=True)
        return
    print("| | " + " | ".join("native %d" % n for n in LANES) + " | " + " | ".join("inside %d" % n for n in LANES) + " |")
    print("|" + " --- |" * (2 * len(LANES) + 1))
    for kind in o.kinds:
        for how in ("threads", "processes"):
            cells = []
            for where, program in (([], work + "/scaling"), (picket, "/t/scaling")):
                rates = [statistics.median(once(where, program, kind, how, n) for _ in range(o.rounds)) for n in LANES]
                cells += ["%.0f" % rates[0]] + ["%.0f (%.2f×)" % (r, r / rates[0]) for r in rates[1:]]
            print("| %s, %s | %s |" % (kind, how, " | ".join(cells)), flush=True)
    shutil.rmtree(work, ignore_errors=True)


main()
