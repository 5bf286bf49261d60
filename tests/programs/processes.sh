# ps, top, id, su, pgrep: what they print of processes that both sides have.
sleep 30.$$ & s=$!
ps -o comm= -p $s; ps aux | head -1; ps aux | grep -c "[s]leep 30.$$"; ps -o pid= -p $s | tr -d ' ' | grep -qx $s && echo "pid right"; ps -o ppid= -p $s | tr -d ' ' | grep -qx $$ && echo "parent right"
ps -ef | head -1; ps -o stat= -p $s | cut -c1; top -bn1 | head -1 | grep -q '^top - ' && echo "top runs"; top -bn1 | grep -c '^ *PID'; pgrep -x sleep | grep -qx $s && echo pgrep
id -u; id -un; id -gn; kill $s; wait $s; echo "killed $?"; cat /proc/self/comm; cat /proc/self/cmdline | tr '\0' ' '; echo; readlink /proc/self/cwd | grep -qx "$PWD" && echo cwd
cat /proc/$$/status | grep -E '^(Name|State|Pid|PPid|Threads|Uid):' | grep -c :; ls /proc/self/fd | head -3; [ -d /proc/$$/task/$$ ] && echo task; uptime >/dev/null && echo uptime; free >/dev/null && echo free
grep -c '^processor' /proc/cpuinfo | grep -qx "$(nproc)" && echo cpus; awk '/MemTotal/ { print $2 > 0 }' /proc/meminfo; kill -0 1 2>/dev/null; echo done
