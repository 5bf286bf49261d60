#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each libFuzzer target for a while (FUZZ_SECONDS, 60), built by clang with ASan and UBSan."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.path.dirname(os.path.dirname(HERE))


def main():
    if not shutil.which("clang"):
        print("ok fuzz # SKIP no clang")
        return 0
    seconds = os.environ.get("FUZZ_SECONDS", "60")
    build = tempfile.mkdtemp(prefix="picket-fuzz-")
    failed = 0
    try:
        subprocess.run(["meson", "setup", build, SRC], env=dict(os.environ, CC="clang"), check=True, stdout=subprocess.DEVNULL)
        for source in sorted(glob.glob(os.path.join(SRC, "tests", "fuzz", "fuzz_*.c"))):
            name = os.path.basename(source)[:-2]
            subprocess.run(["ninja", "-C", build, "--quiet", "tests/fuzz/" + name], check=True)
            corpus = os.path.join(build, "corpus-" + name)
            os.mkdir(corpus)
            r = subprocess.run([os.path.join(build, "tests", "fuzz", name), "-max_total_time=" + seconds, "-rss_limit_mb=2048",
                                "-timeout=20", corpus], cwd=build, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            print("%s %s" % ("not ok" if r.returncode else "ok", name), flush=True)
            if r.returncode:
                failed += 1
                print("# " + r.stderr.decode(errors="replace")[-1500:].replace("\n", "\n# "))
    finally:
        shutil.rmtree(build, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
