#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write docs/syscalls.md from sentry/syscalls/table_*.def; with --check, say whether it is up to date."""
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
LINE = re.compile(r'(FULL|PARTIAL|NONE)\((\d+), (\w+), "[^"]*"(?:, (E\w+))?(?:, "([^"]*)")?\)')


def entries():
    for path in glob.glob(os.path.join(HERE, "..", "sentry", "syscalls", "table_*.def")):
        with open(path) as f:
            text = re.sub(r"\n\s+", " ", f.read())
        for m in LINE.finditer(text):
            yield int(m.group(2)), m.group(1), m.group(3), m.group(4), m.group(5) or ""


def page():
    rows = sorted(entries())
    count = {s: sum(r[1] == s for r in rows) for s in ("FULL", "PARTIAL", "NONE")}
    out = ["# System calls", "",
           "Made from the sentry's table (sentry/syscalls/table_*.def) by docs/syscalls-doc.py. Of %d numbers, %d are implemented as Linux"
           % (len(rows), count["FULL"]),
           "has them, %d in part, %d answer with the errno named. Calls the stub's filter leaves to the host (docs/platform.md) behave as"
           % (count["PARTIAL"], count["NONE"]),
           "the host's.", "", "| nr | call | state | what is missing |", "| --- | --- | --- | --- |"]
    for nr, state, name, err, reason in rows:
        out.append("| %d | %s | %s | %s |" % (nr, name, {"FULL": "full", "PARTIAL": "partial", "NONE": err}[state], reason))
    return "\n".join(out) + "\n"


def main():
    path = os.path.join(HERE, "syscalls.md")
    text = page()
    if "--check" in sys.argv:
        with open(path) as f:
            if f.read() != text:
                sys.exit("docs/syscalls.md is out of date: run docs/syscalls-doc.py")
        print("ok docs/syscalls.md is up to date")
        return
    with open(path, "w") as f:
        f.write(text)


main()
