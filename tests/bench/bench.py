#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure Picket beside the native machine, bubblewrap, rootless podman with crun, and runsc, in one run.

usage: bench.py BUILD-DIRECTORY [OPTION …]

  --only WORD,…      only rows whose name contains one of the words ("start" and "idle" are those of whole sandboxes)
  --systems NAME,…   only these of native, picket, bubblewrap, podman, runsc; picket-host adds `picket run host` (calls and small programs)
  --rounds N         instead of each row's own number of rounds
  --json FILE        all medians as JSON too
  --tree DIRECTORY   a tree of tree.py that is there already (programs write into it)
  --pull             also pull.sh

Peers are those on PATH, and those named in $PEERS (paths, separated by colons; runsc is run with --platform=systrap). All systems
run the same programs on the same tree: as an image (picket), by chroot (native), as their root (others). One sandbox of each is
there from the beginning, and the program inside does the measuring, system after system, round after round. Prints
medians, ratios against native, and whether goals are met. Keep the machine quiet.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import rows as all_rows
import systems as all_systems
import tree as all_tree

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGE = "bench:1"
START_RUNS = 15
ORDER = ["native", "picket", "picket-host", "bubblewrap", "podman", "runsc"]


def wall(argv, env=None):
    start = time.monotonic()
    r = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return None if r.returncode else (time.monotonic() - start) * 1000


def cell(figure):
    return "–" if figure is None else "%.0f" % figure if figure >= 1000 else "%.3g" % figure


class Table:
    """Rows as they come; a row is printed when it is known."""

    def __init__(self, title, columns, base="native"):
        self.columns, self.base, self.result, self.goals = columns, base, {}, {}
        print("\n%s\n\n| | goal | %s | |\n|%s" % (title, " | ".join(columns), " --- |" * (len(columns) + 3)))

    def add(self, name, unit, values, goal="", verdict=""):
        base, cells = values.get(self.base), []
        for c in self.columns:
            v = values.get(c)
            cells.append(cell(v) if v is None or c == self.base or not base else "%s (%.2f×)" % (cell(v), v / base))
        print("| %s, %s | %s | %s | %s |" % (name, unit, goal, " | ".join(cells), verdict), flush=True)
        self.result[name] = {"unit": unit, "goal": goal, "verdict": verdict, **values}


def measure(row, systems, rounds):
    """Medians by system; the systems take turns."""
    figures = {s.name: [] for s in systems}
    for s in systems:
        row.prepare(s)
    for _ in range(rounds or row.rounds):
        for s in systems:
            figures[s.name] += row.sample(s)
    for s in systems:
        row.finish(s)
    return {name: statistics.median(f) for name, f in figures.items() if f}


def inside(table, rows, systems, rounds):
    for row in rows:
        usable = [s for s in systems if s.process and (s.name != "picket-host" or row in all_rows.CALLS or row in all_rows.PROGRAMS[:4])]
        values = measure(row, usable, rounds)
        if not values:
            continue
        verdict = ""
        if row.goal and values.get("native") and values.get("picket"):
            verdict = "met" if row.met(values["picket"] / values["native"]) else "missed"
        table.add(row.name, row.unit, values, row.goal_text(), verdict)


def starts(table, systems, rounds):
    """Whole runs of `true`, from this machine's exec to the exit status; the systems take turns."""
    commands = []
    for s in systems:
        if s.name == "picket":
            base = s.argv([])[:-1]
            for kept in ("--rm", "--keep"):
                for network in ("none", "slirp"):
                    words = base[:2] + [kept, "--network", network, IMAGE, "true"]
                    commands.append(("run IMAGE true %s, network %s" % (kept, network), s.name, words, s.env))
        for program in (["/usr/bin/true"], ["/usr/bin/python3", "-c", "pass"], ["/bin/bash", "-c", ":"]):
            words = s.argv(program) if s.name != "native" else program
            commands.append(("run " + " ".join(program).replace("/usr", "").replace("/bin/", ""), s.name, words, s.env))
    figures = {}
    for i in range((rounds or START_RUNS) + 2):
        for row, name, words, env in commands:
            t = wall(words, env)
            if i >= 2 and t is not None:
                figures.setdefault(row, {}).setdefault(name, []).append(t)
    medians = {row: {name: statistics.median(t) for name, t in f.items()} for row, f in figures.items()}
    for row in sorted(medians, key=lambda r: "IMAGE" in r):
        values, goal, verdict = medians[row], "", ""
        if row == "run true" and "picket" in values:
            bwrap = values.get("bubblewrap")
            goal = "≤ 20 ms, ≤ 3 × bubblewrap"
            verdict = "met" if values["picket"] <= 20 and (not bwrap or values["picket"] <= 3 * bwrap) else "missed"
        table.add(row, "ms", values, goal, verdict)


def descendants(pid):
    parents = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % p) as f:
                parents[int(p)] = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            pass
    out, todo = {pid}, [pid]
    while todo:
        q = todo.pop()
        new = [c for c, pp in parents.items() if pp == q and c not in out]
        out.update(new)
        todo += new
    return out


def memory(pid, field):
    total = 0
    for p in descendants(pid):
        try:
            with open("/proc/%d/smaps_rollup" % p) as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith(field + ":"))
        except OSError:
            pass
    return total / 1024


def idle(table, systems):
    """All processes of a sandbox in which nothing but a sleep is; with -i, whose processes are all below the command."""
    fields = {"idle sandbox, resident": "Rss", "idle sandbox, proportional": "Pss"}
    values = {row: {} for row in fields}
    for s in systems:
        if s.name == "native":
            continue
        p = subprocess.Popen(s.argv(["/usr/bin/sleep", "30"]), env=s.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(1.5)
        for row, field in fields.items():
            values[row][s.name] = memory(p.pid, field)
        p.terminate()
        try:
            p.wait(2)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    for row, v in values.items():
        resident = row.endswith("resident")
        table.add(row, "MiB", v, "≤ 8" if resident else "",
                  ("met" if v["picket"] <= 8 else "missed") if resident and "picket" in v else "")


def find_systems(build, work, tree, wanted):
    """The systems that are there, and what has to be called at the end."""
    def is_wanted(name):
        return name in wanted if wanted else name != "picket-host"

    found, ends = [], []
    if is_wanted("native"):
        found.append(all_systems.native(tree))
    if is_wanted("picket"):
        found.append(all_systems.picket(build, work, tree, IMAGE))
    if is_wanted("picket-host"):
        found.append(all_systems.host(build, work, tree))
    if is_wanted("bubblewrap"):
        found.append(all_systems.bubblewrap(tree))
    if is_wanted("podman"):
        system, end = all_systems.podman(tree)
        found.append(system)
        ends += [end] if end else []
    if is_wanted("runsc"):
        found.append(all_systems.runsc(tree))
    return [s for s in found if s], ends


def options(argv):
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0], add_help=True)
    parser.add_argument("build")
    parser.add_argument("--only", default="")
    parser.add_argument("--systems", default="")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--json")
    parser.add_argument("--tree")
    parser.add_argument("--pull", action="store_true")
    args = parser.parse_args(argv)
    args.only = [w for w in args.only.split(",") if w]
    args.systems = [w for w in args.systems.split(",") if w]
    return args


def main(argv):
    args = options(argv)
    build, begin = os.path.abspath(args.build), time.monotonic()

    def chosen(name):
        return not args.only or any(w in name for w in args.only)

    work = tempfile.mkdtemp(prefix="picket-bench-")
    os.chmod(work, 0o755)
    tree, ends = args.tree or work + "/tree", []
    try:
        if not args.tree:
            all_tree.make(tree)
        systems, ends = find_systems(build, work, tree, args.systems)
        columns = [n for n in ORDER if n in {s.name for s in systems}]
        for s in systems:
            if not s.start():
                print("bench: %s does not run here" % s.name, file=sys.stderr)
                s.end()
        table = Table("Inside running sandboxes (ratio to native)", columns)
        inside(table, [r for r in all_rows.CALLS + all_rows.PROGRAMS if chosen(r.name)], systems, args.rounds)
        for s in systems:
            s.end()
        result = {"inside": table.result}
        if chosen("start") or chosen("idle"):
            table = Table("Whole sandboxes", columns, None)
            if chosen("start"):
                starts(table, systems, args.rounds)
            if chosen("idle"):
                idle(table, systems)
            result["whole"] = table.result
        if args.json:
            with open(args.json, "w") as f:
                json.dump(result, f, indent=1, ensure_ascii=False)
        print("\n%d s" % (time.monotonic() - begin), flush=True)
        if not args.only:
            subprocess.run([sys.executable, "-B", os.path.join(HERE, "runtime.py"), build])
        if args.pull:
            subprocess.run([os.path.join(HERE, "pull.sh"), os.path.join(build, "net", "picket-fetch")])
    finally:
        for end in ends:
            end()
        subprocess.run(["chmod", "-R", "u+rwX", work])
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
