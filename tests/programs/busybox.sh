# busybox's own shell and tools: pipelines, loops, functions, files.
exec busybox sh -c '
set -e
f() { echo "f: $1 $2"; return 3; }
f a b || echo "status $?"
i=0; while [ $i -lt 5 ]; do echo "$i"; i=$((i + 1)); done | busybox tac | busybox tr "\n" ,; echo
echo "one two three" | busybox awk "{ print \$2, NF }"
busybox mkdir d; busybox cp /etc/passwd d/p 2>/dev/null || echo x >d/p
echo hello >d/h; busybox ln -s h d/l; busybox ln d/h d/hard
busybox ls d | busybox sort; busybox cat d/l; busybox readlink d/l
busybox stat -c "%n %s %h %F" d/h
busybox tar cf t.tar d; busybox rm -r d; busybox tar xf t.tar; busybox cat d/hard
busybox seq 1 1000 | busybox md5sum
(exit 7); echo "subshell $?"
trap "echo trapped" USR1; kill -USR1 $$; echo after
cat <<END
here $i
END
busybox sleep 0.1 & wait $!; echo "waited $?"
busybox sh -c "kill -9 \$\$" || echo "killed $?"
busybox dd if=/dev/zero bs=1k count=64 2>/dev/null | busybox wc -c
busybox find d -type f | busybox sort | busybox xargs busybox wc -c | busybox tail -1
busybox printf "%05d %s\n" 42 x
busybox test -e /nonexistent || echo absent
'
