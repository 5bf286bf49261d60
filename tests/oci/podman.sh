# SPDX-License-Identifier: MIT
# What people do with podman, as scripts: tests/oci/podman.py runs each under Picket and compares what it prints with what it printed under crun (podman.expected).
# A line "#: NAME [WORD …]" begins a script; the words say where it can run: `rootless`, `root` (else both). `p` is podman with the runtime,
# `sort_ps` and the like are in podman.py's prelude. Names of containers are the script's own; it removes what it makes. The image is `bb` (busybox).

#: run_status
p run --rm bb true; echo $?
p run --rm bb false; echo $?
p run --rm bb sh -c 'exit 42'; echo $?
echo input | p run -i --rm bb cat
p run --rm bb sh -c 'echo out; echo err >&2' 2>/dev/null
p run --rm bb sh -c 'echo out; echo err >&2' 2>&1 >/dev/null

#: run_errors
p run --rm bb /nosuch 2>&1 | short; echo ${PIPESTATUS[0]}
p run --rm bb nosuch 2>&1 | short; echo ${PIPESTATUS[0]}
p run --rm bb /etc 2>&1 | short; echo ${PIPESTATUS[0]}
p run --rm bb /etc/passwd 2>&1 | short; echo ${PIPESTATUS[0]}
p run --rm --nosuchflag bb true >/dev/null 2>&1; echo $?
p run --rm -w /nosuchdir bb pwd 2>&1 | ids; echo ${PIPESTATUS[0]}

#: detached
id=$(p run -d --name c bb sh -c 'echo one; echo two >&2; trap "echo bye; exit 7" TERM; while :; do sleep 0.05; done')
echo ${#id}
wait_for_log c two
p ps --format '{{.Names}} {{.Status}}' | sed 's/Up .*/Up/'
p inspect c --format '{{.State.Status}} {{.State.Running}} {{.State.Paused}} {{.State.ExitCode}} {{.OCIRuntime}}' | sed 's/[^ ]*$//'
p exec c echo hello; echo $?
p stop -t 5 c; echo $?
p wait c
p logs c 2>/dev/null
p logs c 2>&1 >/dev/null
p inspect c --format '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}'
p ps -a --format '{{.Names}} {{.Status}}' | sed 's/).*/)/'
p exec c true 2>&1 | ids; echo ${PIPESTATUS[0]}
p rm c

#: exec
p run -d --name c bb sleep 100 >/dev/null
p exec c sh -c 'exit 3'; echo $?
p exec c sh -c 'kill -9 $$'; echo $?
p exec c nosuch 2>&1 | short; echo ${PIPESTATUS[0]}
p exec c /etc 2>&1 | short; echo ${PIPESTATUS[0]}
p exec -w /tmp c pwd
p exec -w /nosuchdir c pwd 2>&1 | short; echo ${PIPESTATUS[0]}
p exec -e A=1 -e B='x y' c sh -c 'echo $A $B $HOME $PATH'
p exec -u user c sh -c 'id; echo $HOME; cd; pwd'
p exec -u 1234:5678 c id
p exec -u user:extra c id
p exec -u nobodythere c id 2>&1 | ids; echo ${PIPESTATUS[0]}
echo in | p exec -i c cat
p exec c sh -c 'echo out; echo err >&2' 2>/dev/null
p exec c sh -c 'echo out; echo err >&2' 2>&1 >/dev/null
p exec c cat </dev/null; echo $?
p exec -d c sh -c 'echo detached > /tmp/d' | ids 
p exec c sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do [ -s /tmp/d ] && break; sleep 0.2; done; cat /tmp/d'
p exec --privileged c grep CapEff /proc/self/status
p exec c grep Cap /proc/self/status
p exec c grep -E 'Seccomp:|NoNewPrivs' /proc/self/status
p exec --preserve-fds 1 c sh -c 'cat <&3' 3</etc/hostname | wc -l
p exec c sh -c 'sleep 50' & 
sleep 0.3
p rm -f -t 0 c
wait $!; echo $?

#: exec_many
p run -d --name c bb sleep 100 >/dev/null
for i in 1 2 3 4 5 6 7 8; do p exec c sh -c "sleep 0.2; exit $i" & jobs="$jobs $!"; done
for j in $jobs; do wait $j; echo $?; done
p rm -f -t 0 c

#: tty
pty 30,100 -- $P run --rm -it bb sh -c 'tty; until [ "$(stty size 2>/dev/null)" = "30 100" ]; do sleep 0.05; done; test -t 0 && test -t 1 && test -t 2 && echo all; exit 5'; echo $?
pty 24,80 expect:ready send:hello expect:hello send:^D -- $P run --rm -it bb sh -c 'echo ready; cat; echo end'
pty 24,80 expect:ready size:40,120 expect:'40 120' -- $P run --rm -it bb sh -c 'echo ready; until [ "$(stty size 2>/dev/null)" = "40 120" ]; do sleep 0.05; done; stty size'
pty 24,80 expect:ready send:^C expect:int -- $P run --rm -it bb sh -c 'trap "echo int; exit 9" INT; echo ready; while :; do sleep 0.05; done'; echo $?
p run --rm -t bb sh -c 'tty; ls -l /dev/console | cut -c1; readlink /proc/$$/fd/1'

#: tty_exec
p run -d --name c bb sleep 100 >/dev/null
pty 33,99 -- $P exec -it c sh -c 'tty; until [ "$(stty size 2>/dev/null)" = "33 99" ]; do sleep 0.05; done; exit 6'; echo $?
pty 24,80 expect:ready send:abc expect:abc send:^D -- $P exec -it c sh -c 'echo ready; cat; echo end'
pty 24,80 expect:ready size:41,121 expect:'41 121' -- $P exec -it c sh -c 'echo ready; until [ "$(stty size 2>/dev/null)" = "41 121" ]; do sleep 0.05; done; stty size'
pty 24,80 expect:ready send:^C -- $P exec -it c sh -c 'echo ready; sleep 20'; echo $?
p exec -t c sh -c 'tty; echo $TERM'
pty 24,80 expect:'# ' send:'exit 3' -- $P exec -it c sh >/dev/null; echo $?
p rm -f -t 0 c

#: tty_detached
p run -dit --name c bb sh -c 'tty; read x; echo got $x; read y; exit $y' >/dev/null
wait_for_log c /dev
pty 24,80 send:word expect:'got word' send:11 -- $P attach c >/dev/null
p wait c
p logs c | sed 's/\r//' | grep -v '^[0-9 ]*$'
p rm c

#: logs
p run -d --name c bb sh -c 'for i in 1 2 3 4 5; do echo $i; sleep 0.1; done; echo -n unfinished' >/dev/null
p logs -f c; echo
p wait c
p logs --tail 2 c; echo
p rm c

#: signals
for s in TERM 15 SIGUSR1 INT HUP; do
	p run -d --name c bb sh -c 'for s in TERM USR1 INT HUP; do trap "echo $s; exit 3" $s; done; echo up; while :; do sleep 0.05; done' >/dev/null
	wait_for_log c up
	p kill -s $s c
	p wait c
	p logs c
	p rm c >/dev/null
done
p run -d --name c bb sleep 100 >/dev/null
p kill c; p wait c; p kill c 2>&1 | ids; echo ${PIPESTATUS[0]}
p rm c
p run -d --stop-signal USR2 --name c bb sh -c 'trap "echo usr2; exit 4" USR2; echo up; while :; do sleep 0.05; done' >/dev/null
wait_for_log c up
p stop c; p wait c; p logs c; p rm c
p run -d --name c bb sh -c 'trap "" TERM; echo up; while :; do sleep 0.05; done' >/dev/null
wait_for_log c up
p stop -t 1 c 2>&1 | ids; p wait c; p rm c
p run -d --name c --sig-proxy=false bb sleep 100 >/dev/null; p rm -f -t 0 c

#: sigproxy root
$P run --name c bb sh -c 'trap "echo usr; exit 8" USR1; echo up; while :; do sleep 0.05; done' &
wait_for_log c up
kill -USR1 $!; wait $!; echo $?
p rm c

#: first_process
p run --rm bb sh -c 'kill -9 $$'; echo $?
p run --rm bb sh -c 'kill -TERM $$'; echo $?
p run -d --name c bb sleep 100 >/dev/null
p exec c sh -c 'kill -9 1; kill -TERM 1; sleep 0.2; echo lives'; echo $?
p stop -t 1 c 2>&1 | ids; p wait c; p rm c

#: pause root
p run -d --name c bb sh -c 'while :; do echo x >> /tmp/f; sleep 0.02; done' >/dev/null
p pause c; echo $?
p inspect c --format '{{.State.Status}}'
p exec c true 2>&1 | ids; echo ${PIPESTATUS[0]}
p pause c 2>&1 | ids; echo ${PIPESTATUS[0]}
p unpause c; echo $?
p inspect c --format '{{.State.Status}}'
p exec c sh -c 'a=$(wc -l </tmp/f); sleep 0.3; b=$(wc -l </tmp/f); [ $b -gt $a ] && echo goes'
p unpause c 2>&1 | ids; echo ${PIPESTATUS[0]}
p rm -f -t 0 c

#: health
p run -d --name c --health-cmd 'test -e /tmp/ok' --health-interval disable --health-retries 1 bb sleep 100 >/dev/null
p healthcheck run c; echo $?
p exec c touch /tmp/ok
p healthcheck run c; echo $?
p inspect c --format '{{.State.Health.Status}}'
p rm -f -t 0 c

#: create_start
p create --name c -it bb sh >/dev/null; p rm c
p create --name c bb sh -c 'echo $0 $1; hostname' a b >/dev/null
p inspect c --format '{{.State.Status}}'
p start -a c >/dev/null; echo $?
p start -a c | wc -l; p restart -t 0 c; p wait c; p logs c | wc -l
p init c; p inspect c --format '{{.State.Status}}'; p start c; p wait c
p rm c
p create --name c bb sh -c 'sleep 20' >/dev/null; p init c >/dev/null; p rm -f -t 0 c

#: inspect
p run -d --name c -l a=b -e X=y --hostname hh bb sleep 100 >/dev/null
p inspect c --format '{{.Config.Hostname}} {{.Config.Labels.a}} {{.State.ExitCode}}'
pid=$(p inspect c --format '{{.State.Pid}}'); [ "$pid" -gt 1 ] && echo pid
p top c user comm >/dev/null; echo $?
p rm -f -t 0 c

#: copy
p run -d --name c bb sleep 100 >/dev/null
mkdir -p in/sub; echo a > in/a; echo b > in/sub/b; chmod 640 in/a
p cp in c:/tmp/; p exec c sh -c 'cd /tmp/in; ls -lR | grep -v total | awk "{print \$1,\$3,\$4,\$5,\$9}"; cat a sub/b'
p exec c sh -c 'echo out > /root/out; chmod 600 /root/out; chown 1000:1000 /root/out'
p cp c:/root/out got; cat got; stat -c %a got
p cp in/a c:/root/out; p exec c cat /root/out
p cp c:/nosuch got 2>&1 | ids; echo ${PIPESTATUS[0]}
p stop -t 0 c >/dev/null; p cp c:/tmp/in/sub/b -  | tar xO; p rm c >/dev/null; rm -rf in got

#: changes
p run -d --name c bb sh -c 'echo new > /new; rm /etc/group; chown 1000:1000 /var/log; chmod 4755 /bin/ls; mkdir /d; ln -s /x /d/l; mkfifo /d/fifo; touch /done; sleep 100' >/dev/null
p exec c sh -c 'while ! [ -e /done ]; do sleep 0.05; done'
p container diff c | sort # `diff c` is of an image, if the id of one begins with c
p commit -q c bb2 >/dev/null
p run --rm bb2 sh -c 'exec 2>&1; cat /new; ls -ld /var/log /bin/ls /d/l /d/fifo | awk "{print \$1,\$3,\$4}"; ls /etc/group'
p rm -f -t 0 c; p rmi bb2 >/dev/null
p create --name c bb true >/dev/null; p export c | tar t | sort | grep -c bin/; p rm c >/dev/null

#: volumes
mkdir v; echo host > v/f; chmod 777 v
p run --rm -v $PWD/v:/v bb sh -c 'cat /v/f; echo in > /v/g; ls -ln /v | awk "NR>1 {print \$1,\$3,\$4,\$9}"'; cat v/g
p run --rm -v $PWD/v:/v:ro bb sh -c 'echo no > /v/h'; echo $?
p run --rm -v $PWD/v/f:/file bb sh -c 'cat /file; echo more >> /file'; cat v/f
p run --rm -v $PWD/v/f:/file:ro bb sh -c 'echo more >> /file'; echo $?
p volume create vol >/dev/null
p run --rm -v vol:/data bb sh -c 'echo kept > /data/k; chown 1000:1000 /data/k; chmod 600 /data/k'
p run --rm -v vol:/data bb sh -c 'cat /data/k; stat -c "%u %g %a" /data/k'
p run --rm -u user -v vol:/data:U bb sh -c 'stat -c "%u %g" /data /data/k; echo w > /data/w && echo wrote'
p run --rm -v vol:/etc/x:nocopy,noexec bb sh -c 'cp /bin/true /etc/x/t; /etc/x/t'; echo $?
p run --rm -v vol:/home bb sh -c 'ls /home'
p volume rm vol
p run --rm -v vol2:/home bb sh -c 'ls -ld /home/user | cut -c1-10'; p volume rm vol2
p run --rm -v /anon bb sh -c 'touch /anon/x && echo ok'
p run --rm --mount type=tmpfs,dst=/m,tmpfs-size=1m bb sh -c 'dd if=/dev/zero of=/m/x bs=1k count=2000 2>&1 | tail -1 | cut -d" " -f1-2; df -k /m | tail -1 | awk "{print \$2}"'
p run --rm --mount type=bind,src=$PWD/v,dst=/m,ro bb sh -c 'ls /m; touch /m/x'; echo $?
p run --rm -v $PWD/nosuch:/v bb true 2>&1 | sed 's/.*: //'; echo ${PIPESTATUS[0]}
p unshare rm -rf v 2>/dev/null || rm -rf v

#: volumes_shared
p run -d --name a -v sh:/s bb sh -c 'while ! [ -e /s/b ]; do sleep 0.05; done; echo saw > /s/a; sleep 100' >/dev/null
p run --rm --volumes-from a bb sh -c 'echo > /s/b; while ! [ -s /s/a ]; do sleep 0.05; done; cat /s/a'
p rm -f -t 0 a >/dev/null; p volume rm sh

#: readonly
p run --rm --read-only bb sh -c 'exec 2>&1; touch /x; echo $?; touch /tmp/x; echo $?; touch /run/x; echo $?; touch /dev/shm/x; echo $?'
p run --rm --read-only --read-only-tmpfs=false bb sh -c 'exec 2>&1; touch /tmp/x; echo $?'
p run --rm --tmpfs /t:size=64k,mode=1770,noexec bb sh -c 'exec 2>&1; stat -c %a /t; df -k /t | tail -1 | awk "{print \$2}"; cp /bin/true /t; /t/true; echo $?'
p run --rm --shm-size 2m bb sh -c 'df -k /dev/shm | tail -1 | awk "{print \$2}"'

#: users
p run --rm --user 1000 bb sh -c 'exec 2>&1; id; echo $HOME; touch /x; echo $?'
p run --rm --user user bb id
p run --rm --user 55:66 bb sh -c 'id; grep Cap /proc/self/status'
p run --rm --user user:extra --group-add 77 bb id
p run --rm --user nosuch bb id 2>&1 | ids; echo ${PIPESTATUS[0]}
p run --rm --umask 0077 bb sh -c umask
p run --rm -w /var/log bb pwd
p run --rm --env A=b --env-host=false bb sh -c 'env | sort | grep -v HOSTNAME'
p run --rm --entrypoint '["echo","x"]' bb y

#: rights
p run --rm bb grep Cap /proc/self/status
p run --rm --cap-drop all bb sh -c 'exec 2>&1; grep Cap /proc/self/status; chown 1:1 /etc/passwd; echo $?'
p run --rm --cap-drop all --cap-add chown,net_bind_service bb grep Cap /proc/self/status
p run --rm --cap-add sys_admin bb sh -c 'grep CapEff /proc/self/status'
p run --rm --security-opt no-new-privileges bb grep NoNewPrivs /proc/self/status
p run --rm --security-opt seccomp=unconfined bb grep Seccomp: /proc/self/status
p run --rm bb grep Seccomp: /proc/self/status
printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}' > prof.json
p run --rm --security-opt seccomp=$PWD/prof.json bb sh -c 'exec 2>&1; mkdir /x; echo $?; touch /y; echo $?'
p run --rm --user 1000 --cap-add net_raw bb grep Cap /proc/self/status
p run --rm bb sh -c 'exec 2>&1; mount -t tmpfs x /tmp; echo $?; unshare -m true; echo $?; hostname foo; echo $?; chroot / true; echo $?; mknod /tmp/n p; echo $?; nice -n -5 true; echo $?' 2>&1
p run --rm bb sh -c 'exec 2>&1; cat /proc/keys | wc -c; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/core_uses_pid; echo $?' 2>&1

#: privileged
p run --rm --privileged bb sh -c 'grep -E "CapEff|Seccomp:|NoNewPrivs" /proc/self/status; mkdir /m && mount -t tmpfs x /m && echo mounted; ls /dev/null; hostname foo && hostname'

#: limits
p run --rm --ulimit nofile=123:456 --ulimit nproc=77:88 bb sh -c 'ulimit -n; ulimit -Hn; grep processes /proc/self/limits'
p run --rm --ulimit nofile=64 --ulimit nproc=64 --ulimit core=0 --ulimit stack=1000000 bb sh -c 'ulimit -c; ulimit -s'
p run --rm --oom-score-adj 500 bb cat /proc/self/oom_score_adj
p run --rm --sysctl net.ipv4.ip_default_ttl=50 --network none bb cat /proc/sys/net/ipv4/ip_default_ttl
p run --rm --sysctl kernel.msgmax=1234 bb cat /proc/sys/kernel/msgmax
p run --rm --shm-size 1m bb sh -c 'df /dev/shm | tail -1 | awk "{print \$2}"'

#: limits_root root
p run --name c --memory 32m --memory-swap 32m bb sh -c 'x=x; while :; do x=$x$x$x; done'; echo $?
p inspect c --format '{{.State.OOMKilled}} {{.State.ExitCode}}'; p rm c
p run --rm --pids-limit 10 bb sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done; wait' 2>&1 | sed 's/.*: //' | sort -u
p run -d --name c --memory 64m --cpus 0.5 --pids-limit 33 bb sleep 100 >/dev/null
p stats --no-stream --format '{{.Name}} {{.MemLimit}}' c
p update --memory 96m c >/dev/null; p stats --no-stream --format '{{.MemUsage}}' c | sed 's,.*/,,'
p rm -f -t 0 c

#: names
p run --rm --hostname myhost bb sh -c 'hostname; cat /etc/hostname; cat /proc/sys/kernel/hostname; grep -c myhost /etc/hosts'
p run --rm --network none --add-host foo:1.2.3.4 bb grep foo /etc/hosts
p run --rm --network none bb cat /etc/resolv.conf
p run --rm --uts host bb hostname | grep -c .
p run --rm --ipc private bb sh -c 'ls /dev/shm | wc -l; ls /dev/mqueue | wc -l'
p run --rm --tz UTC bb date +%Z
p run --rm --name nm bb sh -c 'cat /run/.containerenv | wc -l; echo $container'

#: devices
p run --rm bb sh -c 'ls /dev | grep -v core | sort | tr "\n" " "; echo; ls -l /dev/null /dev/zero /dev/tty /dev/ptmx /dev/fd | sed "s/.*[0-9]:[0-9]* //"'
p run --rm --device /dev/fuse bb sh -c 'ls -l /dev/fuse | cut -c1,5-10 | sed "s/.*/&/"'
p run --rm --device /dev/null:/dev/mynull bb sh -c 'echo x > /dev/mynull; test -c /dev/mynull && echo char'
p run --rm bb sh -c 'head -c 4 /dev/urandom | wc -c; head -c 4 /dev/zero | od -An -tx1; echo x > /dev/full'; echo $?

#: net_none
p run --rm --network none bb sh -c 'exec 2>&1; ip -o link | cut -d: -f2; ip -o addr | awk "{print \$2,\$4}"; ip route; ping -c1 -W1 127.0.0.1 | grep -c "1 packets received"; ping -c1 -W1 1.2.3.4; echo $?' 2>&1

#: net_host
p run --rm --network host bb sh -c 'ip -o link | cut -d: -f2 | grep -c lo; cat /proc/net/dev | grep -c lo:'
nc -l -p 34555 </dev/null >got & sleep 0.2
p run --rm --network host bb sh -c 'echo hi | nc -w 1 127.0.0.1 34555'; wait; cat got; rm got

#: net_slirp rootless
p run --rm --network slirp4netns --dns 9.9.9.9 --dns-search ex.org --dns-option ndots:3 bb cat /etc/resolv.conf
p run --rm --network slirp4netns bb sh -c 'ip -o -4 addr | awk "{print \$2,\$4}"; ip route; cat /etc/resolv.conf | grep -c nameserver' | sed 's/2:.*tap0/tap0/'
p run -d --name c --network slirp4netns -p 127.0.0.1:34556:80 bb sh -c 'while :; do echo answer | nc -l -p 80; done' >/dev/null
retry 'echo | nc -w 1 127.0.0.1 34556 | grep answer'
p port c
p rm -f -t 0 c
p run --rm --network slirp4netns:allow_host_loopback=true bb sh -c 'echo ok'

#: net_bridge root
p network create --subnet 10.201.77.0/24 pnet >/dev/null
p run -d --name c --network pnet --ip 10.201.77.9 -p 127.0.0.1:34557:80 bb sh -c 'while :; do echo answer | nc -l -p 80; done' >/dev/null
p run --rm --network pnet --dns 9.9.9.9 --dns-search ex.org bb cat /etc/resolv.conf
p exec c sh -c 'ip -o -4 addr | awk "{print \$2,\$4}"; ip route | sort'
retry 'echo | nc -w 1 127.0.0.1 34557 | grep answer'
retry 'echo | nc -w 1 10.201.77.9 80 | grep answer'
p run --rm --network pnet bb sh -c 'sleep 0.3; echo | nc -w 1 10.201.77.9 80; ping -c 1 -W 1 10.201.77.9 | grep -c "1 packets received"'
p rm -f -t 0 c; p network rm pnet

#: net_container
p run -d --name a --network none bb sh -c 'while :; do echo answer | nc -l -p 81; done' >/dev/null
retry 'p run --rm --network container:a bb sh -c "echo | nc -w 1 127.0.0.1 81" | grep answer'
p run --rm --network container:a bb sh -c 'ip -o addr | awk "{print \$2,\$4}"; netstat -ltn | grep -c :81'
p rm -f -t 0 a

#: init
printf '#!/bin/sh\nshift\n"$@" &\ntrap "kill $!" TERM\nwait\n' > ini; chmod 755 ini; I="--init --init-path $PWD/ini"
p run --rm $I bb sh -c 'tr "\0" " " </proc/1/cmdline; echo; test $$ -gt 1 && echo child'
p run -d $I --name c bb sleep 100 >/dev/null; p stop -t 5 c; p wait c; p rm c

#: restart
p run -d --name c --restart on-failure:2 bb sh -c 'echo run; exit 3' >/dev/null
for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(p logs c | wc -l)" = 3 ] && break; sleep 0.2; done
p logs c; p inspect c --format '{{.RestartCount}}'; p rm -f -t 0 c
p run -d --name c bb sleep 100 >/dev/null; p restart -t 0 c; p inspect c --format '{{.State.Status}}'; p rm -f -t 0 c

#: pod
p pod create --name pd --infra-image pause --infra-command /pause >/dev/null
p run -d --pod pd --name a bb sh -c 'while :; do echo answer | nc -l -p 82; done' >/dev/null
retry 'p run --rm --pod pd bb sh -c "echo | nc -w 1 127.0.0.1 82" | grep answer'
p run --rm --pod pd bb hostname
p pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}}'
p pod stop -t 0 pd >/dev/null; p pod ps --format '{{.Status}}'
p pod start pd >/dev/null; p pod ps --format '{{.Status}}'
p pod rm -f -t 0 pd >/dev/null; p ps -aq | wc -l

#: kube
cat > pod.yaml <<X
apiVersion: v1
kind: Pod
metadata: {name: kp, labels: {app: kp}}
spec:
  restartPolicy: Never
  containers:
  - name: web
    image: localhost/bb:latest
    command: [sh, -c, 'while ! [ -s /shared/x ]; do sleep 0.05; done; cat /shared/x; while :; do cat /shared/x | nc -l -p 83; done']
    env: [{name: K, value: v}]
    resources: {limits: {memory: 64Mi}}
    livenessProbe: {exec: {command: [cat, /shared/x]}, periodSeconds: 100}
    volumeMounts: [{name: sh, mountPath: /shared}]
  - name: side
    image: localhost/bb:latest
    command: [sh, -c, 'id -u; echo from side > /shared/x; sleep 100']
    securityContext: {runAsUser: 1000, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}, allowPrivilegeEscalation: false}
    volumeMounts: [{name: sh, mountPath: /shared}]
  volumes:
  - name: sh
    hostPath: {path: $PWD/shared, type: DirectoryOrCreate}
X
mkdir -m 777 -p shared; chmod 777 shared
p play kube pod.yaml --network none >/dev/null 2>kube.err || cat kube.err
wait_for_log kp-web from
p logs kp-web; p logs kp-side
retry 'p exec kp-side sh -c "echo | nc -w 1 127.0.0.1 83" | grep side'
p exec kp-web sh -c 'echo $K'
p exec kp-side grep -E 'Cap|NoNewPrivs' /proc/self/status
p healthcheck run kp-web; echo $?
p generate kube kp | grep -c 'name:'
p play kube --down pod.yaml 2>&1 | grep -c -v '^[0-9a-f]*$'
p ps -aq | wc -l; p unshare rm -rf shared 2>/dev/null || rm -rf shared; rm -f pod.yaml kube.err

#: many
for i in 1 2 3 4 5 6; do p run --rm bb sh -c "echo $i; exit $i" > o$i 2>&1 & jobs="$jobs $!"; done
for j in $jobs; do wait $j; echo $?; done; cat o?; rm o?

#: rm_force
p run -d --name c bb sh -c 'trap "" TERM; sleep 100' >/dev/null; p rm c 2>&1 | ids | sed 's/.*cannot/cannot/'; p rm -f -t 0 c; p ps -aq | wc -l
p run -d --rm --name c bb sh -c 'sleep 100' >/dev/null; p kill c; retry '[ -z "$(p ps -aq)" ] && echo gone'

#: output
p run --rm bb sh -c 'i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done' | md5sum
head -c 3000000 /dev/zero | p run -i --rm bb sh -c 'cat' | wc -c
p run --rm bb sh -c 'echo first; sleep 0.1; exec >&-; exec 2>&-; sleep 0.1'; echo $?
p run -d --name c bb sh -c 'sleep 100 & echo bg' >/dev/null; p wait c; p logs c; p rm c

#: proc
p run --rm bb sh -c 'echo $$; cat /proc/1/comm; ls /proc | grep -c "^[0-9]"'
p run --rm bb sh -c 'cat /proc/self/mounts | awk "{print \$2,\$3}" | grep -E "^/(proc|sys|dev|dev/pts|dev/mqueue) " | sort'
p run --rm bb sh -c 'awk "\$5 == \"/\" {print \$6}" /proc/self/mountinfo | cut -d, -f1'
