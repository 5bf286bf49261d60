# strace: the calls of a static program, following processes and threads, attaching, injecting, counting.
[ -n "$BASH_VERSION" ] || exec bash "$0"
cat >st.c <<'E'
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	int p[2], s;
	char c;
	void *m;
	pid_t k;
	if (pipe(p) || write(p[1], "x", 1) != 1 || read(p[0], &c, 1) != 1) return 1;
	m = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(m, 4096, PROT_READ); madvise(m, 8192, MADV_DONTNEED); munmap(m, 8192);
	open("/nonexistent", O_RDONLY); close(-1); sched_yield();
	signal(SIGUSR1, SIG_IGN); kill(getpid(), SIGUSR1);
	if (!(k = fork())) _exit(3);
	waitpid(k, &s, 0);
	return write(1, "done\n", 5) != 5;
}
E
gcc -static -o st st.c
# What is the machine's own: addresses, process numbers, random bytes, rseq.
norm() { sed -E 's/0x[0-9a-f]{3,}/A/g; s/\b(getpid\(\) *= |kill\(|si_pid=|si_uid=|wait4\(|set_tid_address\(A\) *= )[0-9]+/\1P/g; s/(clone\(.*) = [0-9]+$/\1 = P/; s/(wait4\(.*) = [0-9]+$/\1 = P/; s/, [0-9]+ vars/, vars/; s/\/\* [0-9]+ vars \*\//vars/; s/"(\\x[0-9a-f]{2})+"/R/; s/si_utime=.*, si_stime=.*\}/}/; s/ +=/ =/' | grep -v '^rseq\|^prlimit\|^readlink\|^brk\|^uname\|^--- SIGCHLD'; }
strace -o trace ./st; norm <trace
strace -f -o trace ./st; sed 's/^[0-9]* *//' trace | norm | grep -c 'exit_group\|+++ exited'
strace -f -o trace bash -c 'echo a | tr a b | cat' && grep -c '+++ exited with 0' trace
strace -f -o trace python3 -c 'import threading
t = [threading.Thread(target=print, args=(i,)) for i in range(3)]
for x in t: x.start(); x.join()' && grep -c 'clone3*(.*CLONE_THREAD' trace
strace -o /dev/null -e inject=write:error=ENOSPC:when=1 sh -c 'echo x' 2>&1 | sed 's/.*: //'; strace -o /dev/null -e inject=getppid:retval=4242 sh -c 'exit 0'; echo "inject $?"
strace -c -o trace true; grep -c 'execve$' trace; strace -q -e trace=exit_group sh -c 'exit 5' 2>&1; echo "status $?"
strace -q -e trace=none -e signal=all sh -c 'kill -USR1 $$' 2>&1 | sed 's/si_pid=.*}/}/'; echo "status $?"
strace -f -q -o trace -e trace=none sh -c 'kill -STOP $$' & s=$!
for i in $(seq 100); do grep -q 'stopped by SIGSTOP' trace 2>/dev/null && break; sleep 0.05; done
grep -c 'stopped by SIGSTOP' trace; kill -CONT $(sed -n 's/^\([0-9]*\) .*stopped by SIGSTOP.*/\1/p' trace | head -1); wait $s; echo "stopped one $?"
sleep 30 & p=$!
timeout 20 strace -q -p $p -o trace & s=$!
for i in $(seq 100); do grep -q nanosleep trace 2>/dev/null && break; sleep 0.05; done
kill -INT $s; wait $s; grep -o '^[a-z_]*nanosleep\|restart_syscall' trace | head -1 | sed 's/.*/attached/'; grep -h TracerPid /proc/$p/status; kill $p; wait $p; echo "sleep $?"
