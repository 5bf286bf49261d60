# SPDX-License-Identifier: MIT
# nginx with two workers on a port and on a unix socket, asked by curl; a large file; a graceful end.
command -v nginx >/dev/null && command -v curl >/dev/null || { echo "nginx or curl is missing: skipped"; exit 0; }
d=$(mktemp -d)
echo hello >"$d/index.html"
head -c 3000000 /dev/zero | tr '\0' 'x' >"$d/big"
cat >"$d/conf" <<EOF
worker_processes 2; daemon off; pid $d/pid; error_log $d/log; user root;
events { worker_connections 64; }
http { access_log off; client_body_temp_path $d/a; proxy_temp_path $d/b; fastcgi_temp_path $d/c; uwsgi_temp_path $d/d;
  scgi_temp_path $d/e; server { listen 127.0.0.1:8080; listen unix:$d/sock; root $d; } }
EOF
nginx -p "$d" -c "$d/conf" 2>/dev/null &
pid=$!
n=0
while [ $n -lt 50 ] && ! curl -s -o /dev/null http://127.0.0.1:8080/; do n=$((n + 1)); sleep 0.1; done
curl -s http://127.0.0.1:8080/
curl -s --unix-socket "$d/sock" http://local/
curl -s http://127.0.0.1:8080/big | cksum
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/none
curl -s -r 5-9 http://127.0.0.1:8080/big; echo
for i in 1 2 3 4 5 6 7 8; do curl -s "http://127.0.0.1:8080/?$i" -o "$d/out$i" & p="$p $!"; done
wait $p
cat "$d"/out*
kill -QUIT $pid
wait $pid
echo "status $?"
rm -rf "$d"
