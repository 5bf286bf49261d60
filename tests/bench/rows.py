# SPDX-License-Identifier: MIT
"""What is measured inside running sandboxes, and the goal of each row: the ratio to native."""

MOST, LEAST = "≤", "≥"


class Row:
    """One row; sample(system) gives a list of figures, or none if it does not work there."""

    def __init__(self, name, goal=None, sense=MOST, unit="µs", rounds=3):
        self.name, self.goal, self.sense, self.unit, self.rounds = name, goal, sense, unit, rounds

    def prepare(self, system):
        pass

    def finish(self, system):
        pass

    def goal_text(self):
        return "%s %g" % (self.sense, self.goal) if self.goal else ""

    def met(self, ratio):
        return ratio <= self.goal if self.sense == MOST else ratio >= self.goal


class Call(Row):
    """A row of calls.c, which times its own batches."""

    def sample(self, system):
        lines, status, _ = system.run(["/srv/calls", self.name], "/tmp", True)
        return [float(line.split()[1]) for line in lines] if status == 0 else []


class Program(Row):
    """The wall time of a program inside, in ms."""

    def __init__(self, name, words, directory="/", before=None, times=1, scale=1, warm=True, ok=(0,), **kw):
        super().__init__(name, unit="ms", **kw)
        self.words, self.directory, self.before, self.times, self.scale, self.warm, self.ok = \
            words, directory, before, times, scale, warm, ok

    def once(self, system):
        if self.before:
            system.run(self.before, self.directory)
        _, status, us = system.run(self.words, self.directory)
        return [us / 1000 * self.scale] if status in self.ok else []

    def prepare(self, system):
        if self.warm:
            self.once(system)

    def sample(self, system):
        return [t for _ in range(self.times) for t in self.once(system)]


class Redis(Row):
    """redis-benchmark's requests a second; client and server in the same sandbox."""

    PORT = "17379"

    def prepare(self, system):
        system.run(["redis-server", "--daemonize", "yes", "--save", "", "--bind", "127.0.0.1", "--port", self.PORT], "/tmp")
        for _ in range(50):
            if system.run(["redis-cli", "-p", self.PORT, "ping"])[1] == 0:
                break
            system.run(["sleep", "0.1"])

    def sample(self, system):
        lines, status, _ = system.run(["redis-benchmark", "-p", self.PORT, "-n", "20000", "-c", "50", "-t", "set,get", "--csv"], "/tmp", True)
        figures = [float(line.split(",")[1].strip('"')) for line in lines if line.startswith(('"SET"', '"GET"'))]
        return [sum(figures) / len(figures)] if figures and status == 0 else []

    def finish(self, system):
        system.run(["redis-cli", "-p", self.PORT, "shutdown", "nosave"])


def sqlite(database):
    """2,000 transactions of one insert each, given as the time of 10,000."""
    return dict(words=["sqlite3", database, ".read /srv/transactions.sql"], before=["rm", "-f", database], scale=5, warm=False)


CALLS = [
    Call("getpid", 0.1), Call("getppid", 0.1), Call("gettid", 0.1), Call("geteuid", 0.1), Call("sched_yield"), Call("sigaltstack", 0.1),
    Call("sigprocmask", 0.1),
    Call("pread-64", 1), Call("pread-16k"), Call("pwrite-64", 1), Call("pwrite-64k"), Call("lseek"),
    Call("stat", 0.5), Call("fstat"), Call("access-absent"), Call("open+close", 0.6),
    Call("pipe-write+read", 1), Call("socketpair-write+read"), Call("eventfd-write+read"), Call("poll"), Call("epoll_wait"),
    Call("pipe-ping-pong", 1.5), Call("fork+exit+wait", 2), Call("vfork+exec+exit+wait", 2), Call("thread-create+join", 2),
    Call("mmap+touch+munmap", 1.05), Call("mmap-file"), Call("malloc-heavy", 1.05), Call("page-fault", 1.05),
    Call("mutex", 1.05), Call("futex-wake", 1.05), Call("mutex-contended", 1.05), Call("futex-turns"),
    Call("fast-entry-getppid"),
]

PROGRAMS = [
    Program("true", ["/usr/bin/true"], times=10),
    Program("bash -c :", ["bash", "-c", ":"], times=10, goal=1.25),
    Program("python3 -c pass", ["python3", "-c", "pass"], times=5, goal=1.25),
    Program("node -e 0", ["node", "-e", "0"], times=3, goal=1.25),
    Program("find /", ["find", "/", "-xdev"], times=3, goal=1.0),
    Program("grep -r", ["grep", "-r", "no-such-word-anywhere", "/usr/include", "/usr/lib/python3.11", "/usr/share", "/srv/repo"],
            times=1, goal=1.0, ok=(1,)),
    Program("git status", ["git", "status"], directory="/srv/repo", times=3, goal=1.0),
    Program("sqlite3, 10,000 transactions, disk", **sqlite("/srv/bench.db"), goal=1.3),
    Program("sqlite3, 10,000 transactions, /dev/shm", **sqlite("/dev/shm/bench.db"), goal=1.3),
    Redis("redis-benchmark", 0.7, LEAST, "requests/s"),
    Program("make -j2, 200 files", ["make", "-j2", "-s"], directory="/srv/project", before=["make", "-s", "clean"], goal=1.25, rounds=2,
            warm=False),
]
