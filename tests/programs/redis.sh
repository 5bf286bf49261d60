# SPDX-License-Identifier: MIT
# redis: epoll, pipelining, a unix socket, background saving by fork.
command -v redis-server >/dev/null || { echo "redis is missing: skipped"; exit 0; }
d=$(mktemp -d)
redis-server --port 6379 --unixsocket "$d/sock" --dir "$d" --save "" --daemonize no >"$d/log" 2>&1 &
pid=$!
n=0
while [ $n -lt 50 ] && ! redis-cli ping >/dev/null 2>&1; do n=$((n + 1)); sleep 0.1; done
redis-cli ping
redis-cli set name value
redis-cli -s "$d/sock" get name
for i in $(seq 500); do echo "SET key$i $i"; done | redis-cli --pipe | tail -1
redis-cli dbsize
redis-benchmark -q -n 2000 -c 20 -P 4 -t set,get 2>/dev/null | tr '\r' '\n' | grep -c 'requests per second, '
redis-cli bgsave
n=0
while [ $n -lt 50 ] && [ "$(redis-cli info persistence | tr -d '\r' | sed -n 's/^rdb_bgsave_in_progress://p')" != 0 ]; do n=$((n + 1)); sleep 0.1; done
test -s "$d/dump.rdb" && echo saved
timeout 3 redis-cli subscribe channel >"$d/sub" &
sub=$!
n=0
while [ $n -lt 50 ] && [ "$(redis-cli pubsub numsub channel | tail -1)" != 1 ]; do n=$((n + 1)); sleep 0.1; done
redis-cli publish channel message
wait $sub
cat "$d/sub"
redis-cli shutdown nosave
wait $pid
echo "status $?"
rm -rf "$d"
