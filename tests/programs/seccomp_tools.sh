# Programs that put themselves under seccomp filters: man, file, strace with filters, and libseccomp from python.
file -b /bin/sh /etc/passwd | cut -d, -f1
man -P cat true 2>/dev/null | sed -n 1,4p
strace --seccomp-bpf -f -e trace=unlinkat -o log sh -c 'touch a b; rm a; (rm b)' && sed 's/^[0-9]* *//; s/+++ .*//' log | grep unlinkat
cat >lib.py <<'END'
import ctypes, errno, os, signal, sys, threading
lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
lib.seccomp_init.restype = ctypes.c_void_p
ALLOW, KILL, TRAP = 0x7fff0000, 0x80000000, 0x00030000
def ERRNO(n): return 0x00050000 | n

def load(default, rules):
    ctx = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(default)))
    for name, action in rules:
        nr = lib.seccomp_syscall_resolve_name(name.encode())
        assert lib.seccomp_rule_add(ctx, ctypes.c_uint32(action), nr, 0) == 0
    r = lib.seccomp_load(ctx)
    lib.seccomp_release(ctx)
    return r

def child(f):
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        f(); sys.stdout.flush(); os._exit(0)
    print(f.__name__, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

def errno_rule():
    print(load(ALLOW, [("uname", ERRNO(errno.EXDEV)), ("mkdir", ERRNO(errno.EDQUOT)), ("mkdirat", ERRNO(errno.EDQUOT))]))
    for f in os.uname, lambda: os.mkdir("x"):
        try: f(); print("made")
        except OSError as e: print(errno.errorcode[e.errno])
    t = threading.Thread(target=lambda: print("thread runs")); t.start(); t.join()
    os.system("echo a shell runs; mkdir y 2>/dev/null || echo but makes nothing")

def kill_rule():
    load(ALLOW, [("uname", KILL)])
    os.uname()

def trap_rule():
    signal.signal(signal.SIGSYS, lambda *a: print("SIGSYS"))
    load(ALLOW, [("sync", TRAP)])
    os.sync()
    print("went on")

def white_list():
    names = "read write close fstat newfstatat lseek mmap munmap mprotect madvise brk rt_sigaction rt_sigprocmask rt_sigreturn futex exit exit_group getpid gettid ioctl".split()
    load(ERRNO(errno.EPERM), [(n, ALLOW) for n in names])
    try: open("/etc/passwd")
    except OSError as e: print(e)
    print(sum(range(1000)), len(bytearray(10 << 20)))

for f in errno_rule, kill_rule, trap_rule, white_list:
    child(f)
END
python3 lib.py
