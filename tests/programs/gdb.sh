# gdb: breakpoints, steps, watchpoints, threads, forks, catches, attaching, crashes. What it prints is compared without addresses.
[ -n "$BASH_VERSION" ] || exec bash "$0"
cat >a.c <<'E'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int counter;
static int add(int a, int b) { int c = a + b; return c; }
static void on_usr1(int s) { counter += 100; }
static void child(void) { counter = 7; }
static void *work(void *arg) { counter += (int)(long)arg; return NULL; }
static void loop(void) { for (;;) { counter++; usleep(1000); } }
int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "crash")) *(volatile int *)0 = 1;
	if (argc > 1 && !strcmp(argv[1], "fork")) { pid_t p = fork(); if (!p) { child(); execl("/bin/true", "true", NULL); } waitpid(p, NULL, 0); return 0; }
	if (argc > 1 && !strcmp(argv[1], "threads")) { pthread_t t; for (long i = 1; i < 4; i++) { pthread_create(&t, NULL, work, (void *)i); pthread_join(t, NULL); } return 0; }
	if (argc > 1 && !strcmp(argv[1], "loop")) loop();
	if (argc > 1 && !strcmp(argv[1], "calls")) { for (int i = 0; i < 3; i++) counter += getppid() >= 0; return counter; }
	if (argc > 1 && !strcmp(argv[1], "spin")) for (;;) counter += getppid() >= 0;
	signal(SIGUSR1, on_usr1);
	for (int i = 0; i < 3; i++)
		counter = add(counter, i);
	raise(SIGUSR1);
	return counter == 103 ? 0 : 1;
}
E
gcc -g -O0 -no-pie -o a a.c -pthread
norm() { sed -E 's/0x[0-9a-f]+/A/g; s/(process|LWP|PID) [0-9]+/\1 P/g; s/^\[New (Thread|process).*//; s/^\[Thread .*//; s/Thread A \(LWP P\)/T/; s/expected=[0-9]+/expected=N/; s/on_usr1 \(s=[0-9]+\)/on_usr1/; s/^ +Id +Target.*//; s/.*: line [0-9]+: *[0-9]* Killed.*//; s/\[Detaching after.*//' | grep -v '^$\|^warning\|^Using host\|libthread\|No such file or directory\|debuginfo'; }
g() { # NAME ARGS... -- COMMANDS
	echo "== $1"; shift; local args=() cmds=(); while [ "$1" != -- ]; do args+=("$1"); shift; done; shift
	for c in "$@"; do cmds+=(-ex "$c"); done
	timeout 60 gdb -nx -batch -ex 'set pagination off' -ex 'set style enabled off' -ex 'set confirm off' "${cmds[@]}" --args ./a "${args[@]}" </dev/null 2>&1 | norm
}
g break -- 'break add' run bt 'print a' 'print b' finish continue 'info breakpoints' 'delete' continue
g step -- 'break main' run next next step 'stepi 3' 'up' 'down' 'info locals' 'x/2i $pc' 'kill'
g watch -- 'break main' run 'watch counter' continue continue 'info watchpoints' delete continue
g condition -- 'break add if b == 2' run 'print a' continue
g signals -- 'handle SIGUSR1 stop print pass' run 'print counter' 'print $_siginfo.si_signo' 'stepi' 'bt 1' continue
g crash crash -- run bt 'print $_siginfo.si_signo' 'print $_siginfo._sifields._sigfault.si_addr' continue
g threads threads -- 'break work' run 'print (long)arg' 'continue' 'bt 1' continue 'delete' continue
g child fork -- 'set follow-fork-mode child' 'break child' run 'bt 1' 'delete' 'catch exec' continue 'delete' continue
g parent fork -- 'break child' 'catch fork' run 'bt 1' continue
g both fork -- 'set detach-on-fork off' 'set schedule-multiple on' 'break child' run 'bt 1' 'kill inferiors 1 2'
g syscall -- 'catch syscall exit_group' run 'bt 1' continue continue
g set -- 'break add' run 'set var counter = 50' 'set var a = 40' finish delete continue
g calls calls -- 'break main' run 'x/3i getppid' 'break getppid' continue 'x/i $pc' bt stepi 'x/i $pc' stepi 'x/i $pc' 'x/2xb getppid' continue delete 'stepi 30' continue
g many -- 'break main' run 'stepi 300' 'delete' continue
./a loop & p=$!
sleep 0.3
timeout 60 gdb -nx -batch -ex 'print counter > 0' -ex 'break loop' -ex 'stepi' -ex 'next' -ex 'set var counter = -1000000' -ex detach -p $p </dev/null 2>&1 | grep -c '^\$1 = 1\|detached'
grep -h '^TracerPid' /proc/$p/status; timeout 60 gdb -nx -batch -ex 'print counter < 0' -ex 'kill' -p $p </dev/null 2>&1 | grep '^\$1\|killed' | norm; wait $p; echo "killed $?"
./a spin & p=$!
sleep 0.3
for i in 1 2 3; do
	timeout 60 gdb -nx -batch -ex 'set pagination off' -ex 'stepi 30' -ex 'break getppid' -ex continue -ex 'x/i $pc' -ex 'stepi 2' -ex 'x/i $pc' -ex delete -ex detach -p $p </dev/null 2>&1 | grep 'Breakpoint\|^=>\|detached' | norm
done
kill -0 $p && echo "spins on"; kill -9 $p; wait $p; echo "killed $?"
timeout 60 gdb -nx -batch -ex run -ex 'print $_exitcode' --args bash -c 'exit 3' </dev/null 2>&1 | norm
