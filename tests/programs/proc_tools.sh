# SPDX-License-Identifier: MIT
# Programs that read /proc and /sys: what they print fits together. Values differ from the host's; relations do not.
have() { command -v "$1" > /dev/null; }

sleep 1000 & bg=$!
until [ "$(cut -d' ' -f3 /proc/$bg/stat)" = S ] && [ "$(cat /proc/$bg/comm)" = sleep ]; do :; done

echo "# ps"
ps -o stat=,comm= -p $bg | tr -s ' '
ps -o ppid= -p $bg | tr -d ' ' | grep -qx $$ && echo "parent agrees"
ps -eLf | head -1 | tr -s ' '
ps -o nlwp=,ni=,cls= -p $bg | tr -s ' '
ps axjf > /dev/null && echo "forest"
test "$(ps -o lstart= -p $bg | wc -w)" -eq 5 && echo "start"
test "$(ps -o rss= -p $bg)" -gt 100 && test "$(ps -o vsz= -p $bg)" -gt 1000 && echo "sizes"

echo "# pgrep, pkill, pidof, pstree, kill"
pgrep -P $$ -x sleep | grep -qx $bg && echo "pgrep"
have pidof && pidof sleep | tr ' ' '\n' | grep -qx $bg && echo "pidof"
have pstree && pstree -p $$ | grep -q "sleep($bg)" && echo "pstree"
renice -n 5 -p $bg > /dev/null && ps -o ni= -p $bg | tr -d ' '
have taskset && taskset -cp 0 $bg > /dev/null && taskset -p $bg | sed 's/.*: //'
have prlimit && prlimit --pid $bg --nofile=100:200 && grep 'open files' /proc/$bg/limits | tr -s ' '

echo "# top, htop, vmstat, free, uptime, w"
TERM=dumb top -bn1 -p $bg | grep -c 'sleep *$'
TERM=dumb top -bn1 | grep -q '^MiB Mem' && echo "top memory"
free | awk '/^Mem:/ { print "free", ($2 > 0 && $3 <= $2) }'
vmstat | awk 'NR == 3 { print "vmstat", (NF >= 17) }'
vmstat -s | grep -c 'forks'
uptime | grep -q 'load average: [0-9.]*, [0-9.]*, [0-9.]*$' && echo "uptime"
w -h > /dev/null && echo "w"

echo "# processors"
n=$(nproc)
test "$(lscpu -p=cpu | grep -vc '^#')" -eq "$n" && echo "lscpu"
test "$(getconf _NPROCESSORS_ONLN)" -eq "$n" && echo "getconf"
test "$(python3 -c 'import os; print(os.cpu_count())')" -eq "$n" && echo "python"
test "$(python3 -c 'import os; print(len(os.sched_getaffinity(0)))')" -eq "$n" && echo "affinity"
have node && { test "$(node -p 'os.cpus().length')" -eq "$n" && echo "node"; }

echo "# lsof, fuser"
exec 9> lsof-file
have lsof && lsof -a -p $$ -d 9 -Fn | grep -q 'lsof-file$' && echo "lsof"
have lsof && lsof -a -p $$ -d cwd -Ft | grep -x tDIR
have lsof && lsof -t lsof-file 2> /dev/null | sort | head -1 | grep -qx $$ && echo "lsof by name"
have fuser && fuser lsof-file 2> /dev/null | tr ' ' '\n' | grep -qx $$ && echo "fuser"
exec 9>&-

echo "# mounts"
mount | grep -c ' on /proc type proc '
have findmnt && findmnt -no FSTYPE /proc
df . > /dev/null && echo "df"

echo "# network"
ip -o link show lo | grep -o 'LOOPBACK,UP' | sed 's/,/ /'
have ss && ss -an > /dev/null && echo "ss"
have netstat && netstat -an > /dev/null && echo "netstat"
cat /sys/class/net/lo/address

echo "# settings"
sysctl -n kernel.ostype kernel.pid_max | head -1
sysctl -a 2> /dev/null | grep -c '^kernel.ostype'
sysctl -n net.ipv4.ip_default_ttl

echo "# the rest"
have pmap && pmap $bg | grep -q 'sleep$' && echo "pmap"
ipcs -a > /dev/null && echo "ipcs"
have lsblk && lsblk > /dev/null; echo "lsblk"
python3 -c 'import psutil' 2> /dev/null && python3 - $bg <<'EOF'
import psutil, sys
p = psutil.Process(int(sys.argv[1]))
print(p.name(), p.status(), p.num_threads(), p.nice(), p.cmdline())
print(p.memory_info().rss > 0, p.memory_full_info().uss >= 0, len(p.open_files()), p.num_fds() >= 3)
print(psutil.cpu_count() > 0, psutil.virtual_memory().total > 0, psutil.swap_memory().total >= 0)
print(len(psutil.cpu_times()) >= 8, "lo" in psutil.net_if_stats(), psutil.boot_time() > 1e9)
print(p.parent().pid > 0, p.uids().real, p.io_counters().read_count >= 0, p.cpu_affinity())
print(p.pid in psutil.pids(), len(psutil.getloadavg()), p.is_running(), bool(p.exe()), p.memory_maps() != [])
EOF
pkill -P $$ -x sleep && wait $bg; echo "pkill $?"
