#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Random tracing inside the sandbox (tests/long/fuzz_ptrace.c) for FUZZ_PTRACE_SECONDS (300): no stop gets lost, all can be killed. FUZZ_PTRACE_SEED
repeats a run, as far as threads let it.
"""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite  # noqa: E402

SECONDS = int(os.environ.get("FUZZ_PTRACE_SECONDS", "300"))
SEED = int(os.environ.get("FUZZ_PTRACE_SEED", str(int(time.time()) % 100000)))


def main(build):
    s = Suite(build)
    s.compile("long/fuzz_ptrace.c")
    argv = s.argv(["/t/fuzz_ptrace", str(SECONDS), str(SEED)], ["--memory", "1g", "--pids-limit", "800"])
    try:
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS + 300, errors="replace")
        status, text = p.returncode, p.stdout + p.stderr
    except subprocess.TimeoutExpired as e:
        status, text = "hangs", str(e.output)
    s.check("fuzz ptrace: " + (text.strip().splitlines() or [""])[-1], status == 0 and "episodes " in text,
            "seed %d: status %s\n%s" % (SEED, status, text[-5000:]))
    s.finish()


main(sys.argv[1])
