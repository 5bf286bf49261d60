#!/bin/sh
# SPDX-License-Identifier: MIT
# docker's getting-started tasks as its pages have them, with docker being picket: each command is written, and its output is
# expected, as docker's. docs/docker.md says what is different. Arguments behind the build directory: parts to walk.
# shellcheck source=tests/cli/lib.sh disable=SC2154,SC2317,SC2016,SC2034
. "$(dirname "$0")/lib.sh"
cp "$build/sentry/picket-sentry" "$work/bin/picket-sentry" || exit 1
for p in "$build"/cmd/guest/picket-guest "$build"/cmd/picket-guest; do
  [ -x "$p" ] && cp "$p" "$work/bin/"
done
export HOME="$work/home" PICKET_TEST_MODE=oneruntime
mkdir "$HOME"

docker() { timeout 60 "$picket" "$@"; }

mkfifo "$work/hold"
python3 -B "$(dirname "$0")/local_registry.py" "$work/registry" <"$work/hold" &
exec 9>"$work/hold"
# Whatever happens, nothing of the walk is left running.
leave() {
  ids=$(docker ps -aq 2>/dev/null) && [ -n "$ids" ] && docker rm -f $ids >/dev/null 2>&1
  exec 9>&-
  cd /
  chmod -R u+rwx "$work" 2>/dev/null
  rm -rf "$work"
}
trap leave EXIT
for _ in $(seq 100); do [ -s "$work/registry" ] && break; sleep 0.1; done
R=$(cat "$work/registry")

# t NAME STATUS COMMAND: what it prints is, line by line, the extended regular expressions on standard input; "..." stands for any
# lines, at the end only.
t() {
  name=$1 wanted=$2
  cat >"$work/expected"
  (cd "$work" && eval "$3") >"$work/out" 2>"$work/err" </dev/null
  got=$?
  awk -v out="$work/out" '
    $0 == "..." { rest = 1; exit }
    { n++; if ((getline line < out) <= 0) { print "line " n " is missing: " $0; bad = 1; exit }
      if (line !~ "^" $0 "$") { print "line " n " is \"" line "\", not " $0; bad = 1; exit } }
    END { if (!bad && !rest && (getline line < out) > 0) print "one more line: " line }' "$work/expected" >"$work/difference"
  if [ "$got" -eq "$wanted" ] && [ ! -s "$work/difference" ]; then
    passed "$name"
  else
    failed "$name: $3"
    { echo "status $got, should be $wanted"; cat "$work/difference" "$work/err"; } | head -12 | sed 's/^/# /'
  fi
}
# e PATTERN: the command before said this on standard error.
e() {
  if grep -qE -- "$1" "$work/err"; then passed "  says $1"; else
    failed "  says $1"
    head -3 "$work/err" | sed 's/^/# /'
  fi
}
ID='[0-9a-f]{64}' SHORT='[0-9a-f]{12}' NAME='[a-z]+_[a-z]+[0-9]*' SIZE='[0-9.]+ ?[kKMGT]?i?B'
parts=${2:-}
part() {
  [ -z "$parts" ] || case " $parts " in *" $1 "*) true ;; *) false ;; esac
}
# ready NAME: until it answers.
ready() {
  for _ in $(seq 50); do
    docker exec "$1" true 2>/dev/null && return
    sleep 0.1
  done
}
# page PORT: what the application shows.
page() {
  python3 - "$1" <<'P'
import sys, time, urllib.request
for _ in range(50):
    try:
        sys.stdout.write(urllib.request.urlopen("http://127.0.0.1:%s/" % sys.argv[1], timeout=5).read().decode())
        break
    except OSError as e:
        last = e
        time.sleep(0.1)
else:
    sys.exit("no page: %s" % last)
P
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# --- images -----------------------------------------------------------------------------------------------------------------

t "pull" 0 'docker pull $R/busybox' <<E
Using default tag: latest
...
E
t "pull: what is there already" 0 'docker pull -q $R/busybox:latest' <<E
$R/busybox:latest
E
t "images" 0 'docker images' <<E
REPOSITORY +TAG +IMAGE ID +CREATED +SIZE
$R/busybox +latest +$SHORT +[A-Za-z0-9 ]+ ago +$SIZE
E
t "images -q" 0 'docker images -q' <<E
$SHORT
E
t "run: an image that is not there is pulled" 0 'docker run --rm $R/getting-started cat index.html' <<E
Add a new todo item below!
E
e "Unable to find image '.*getting-started:latest' locally"
t "image ls by reference" 0 "docker image ls --format '{{.Repository}}:{{.Tag}}' $R/getting-started" <<E
$R/getting-started:latest
E
t "tag" 0 'docker tag $R/busybox box && docker tag box box:mine && docker images --format "{{.Repository}}:{{.Tag}}" | grep ^box | sort' <<E
box:latest
box:mine
E
t "images --filter" 0 'docker images --filter "reference=b?x" --format "{{.Repository}} {{.Tag}}"; docker images -q --filter dangling=true; docker images --filter label=org.opencontainers.image.title=getting-started --format "{{.Tag}}"' <<E
box latest
box mine
latest
E
t "images --digests" 0 'docker images --digests --no-trunc box:mine | tail -1' <<E
box +mine +sha256:$ID +sha256:$ID +[A-Za-z0-9 ]+ ago +$SIZE
E
t "images: a table of one's own" 0 'docker images --format "table {{.Tag}}\t{{.ID}}" box:mine' <<E
TAG +IMAGE ID
mine +$SHORT
E
t "images: no such filter" 1 'docker images --filter size=3' <<E
E
e "reference"
t "rmi of one tag" 0 'docker rmi box:mine' <<E
Untagged: box:mine
E
t "run: no such image" 125 'docker run --rm $R/nothing true' <<E
E
t "inspect an image" 0 'docker inspect --format "{{json .Config.Cmd}} {{.Os}}/{{.Architecture}}" $R/busybox' <<E
\["sh"\] linux/amd64
E

# --- containerize an application: run, ps, logs, stop, rm ---------------------------------------------------------------------

if part app; then
  P=$(free_port)
  t "run -d -p" 0 'docker run -d -p 127.0.0.1:$P:80 --name web $R/getting-started' <<E
$ID
E
  ready web
  t "the page" 0 'page $P' <<E
Add a new todo item below!
E
  t "ps" 0 'docker ps' <<E
CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES
$SHORT +$R/getting-started +"httpd -f -v -p 80 -…" +[A-Za-z0-9 ]+ ago +Up ([0-9]+ seconds?|Less than a second) +127.0.0.1:$P->80/tcp +web
E
  t "ps -q" 0 'docker ps -q' <<E
$SHORT
E
  t "ps --filter, --format" 0 'docker ps --filter name=web --filter status=running --format "{{.Names}} {{.Image}} {{.Ports}}"' <<E
web $R/getting-started 127.0.0.1:$P->80/tcp
E
  t "port" 0 'docker port web' <<E
80/tcp -> 127.0.0.1:$P
E
  t "port of one" 0 'docker port web 80' <<E
127.0.0.1:$P
E
  t "the name is taken" 125 'docker run -d --name web $R/busybox true' <<E
E
  e "web"
  t "inspect --format" 0 'docker inspect --format "{{.Name}} {{.State.Status}} {{.State.Running}} {{.Config.Image}} {{.RestartCount}}" web' <<E
/web running true $R/getting-started 0
E
  t "inspect: lists and functions" 0 'docker inspect -f "{{json .Config.Cmd}} {{range \$p, \$c := .NetworkSettings.Ports}}{{\$p}} {{(index \$c 0).HostPort}}{{end}}" web' <<E
\["httpd","-f","-v","-p","80","-h","/www"\] 80/tcp $P
E
  t "inspect: all" 0 'docker inspect web | head -2' <<E
\[
 +\{
E
  t "inspect: what is not there" 1 'docker inspect nothing' <<E
\[\]
E
  t "top" 0 'docker top web' <<E
UID +PID +PPID +C +STIME +TTY +TIME +CMD
.*httpd -f -v -p 80 -h /www
E
  t "stats" 0 'docker stats --no-stream web' <<E
CONTAINER ID +NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET I/O +BLOCK I/O +PIDS
$SHORT +web +[0-9.]+% +$SIZE / $SIZE +[0-9.]+% +$SIZE / $SIZE +$SIZE / $SIZE +[0-9]+
E
  t "rm of one that runs" 1 'docker rm web' <<E
E
  e "running"
  t "stop" 0 'docker stop -t 5 web' <<E
web
E
  t "ps shows only what runs" 0 'docker ps' <<E
CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES
E
  t "ps -a" 0 'docker ps -a --format "{{.Names}} {{.Status}}"' <<E
web Exited \(143\) .* ago
E
  t "start" 0 'docker start web' <<E
web
E
  ready web
  t "the page again" 0 'page $P' <<E
Add a new todo item below!
E
  t "restart" 0 'docker restart -t 1 web' <<E
web
E
  t "rename" 0 'docker rename web site && docker ps --format "{{.Names}}"' <<E
site
E
  t "kill" 0 'docker kill -s KILL site' <<E
site
E
  t "wait" 0 'docker wait site' <<E
137
E
  t "rm" 0 'docker rm site' <<E
site
E
  t "rm: what is not there" 1 'docker rm site' <<E
E
  e "[Nn]o such (container|sandbox)|no sandbox"
fi

# --- update the application ------------------------------------------------------------------------------------------------------

if part update; then
  P=$(free_port)
  t "the new version" 0 'docker run -dp 127.0.0.1:$P:80 $R/getting-started:v2' <<E
$ID
E
  id=$(cat "$work/out")
  t "its page" 0 'page $P' <<E
You have no todo items yet! Add one above!
E
  t "the port is in use" 125 'docker run -dp 127.0.0.1:$P:80 $R/getting-started' <<E
...
E
  e "$P"
  t "a name of its own" 0 "docker ps --filter id=$id --format '{{.Names}}'" <<E
$NAME
E
  short=$(echo "$id" | cut -c1-12)
  t "rm -f by a short id" 0 "docker rm -f $short" <<E
$short
E
  docker ps -aq | xargs -r timeout 60 "$picket" rm -f >"$work/out" 2>&1
fi

# --- persist the database: writes that stay, exec, volumes -----------------------------------------------------------------------

if part persist; then
  t "a file in a container" 0 'docker run -d --name u1 $R/busybox sh -c "echo 4711 >/data.txt && tail -f /dev/null"' <<E
$ID
E
  ready u1
  t "exec" 0 'docker exec u1 cat /data.txt' <<E
4711
E
  t "another container has no such file" 1 'docker run --rm $R/busybox cat /data.txt' <<E
E
  t "exec: options" 0 'docker exec -e A=b -w /tmp -u guest u1 sh -c "echo \$A \$PWD \$(id -un)"' <<E
b /tmp guest
E
  t "exec: status" 7 'docker exec u1 sh -c "exit 7"' <<E
E
  t "exec: no such program" 127 'docker exec u1 nothing' <<E
E
  t "exec -i" 0 'echo word | docker exec -i u1 cat' <<E
word
E
  t "exec -d" 0 'docker exec -d u1 sh -c "echo x >/from-exec"; for i in 1 2 3 4 5 6 7 8 9; do docker exec u1 test -s /from-exec && break; sleep 0.1; done; docker exec u1 cat /from-exec' <<E
x
E
  t "diff" 0 'docker diff u1 | sort' <<E
A /data.txt
A /from-exec
E
  t "writes stay over stop and start" 0 'docker stop -t 0 u1 && docker start u1 && docker exec u1 cat /from-exec' <<E
u1
u1
x
E
  t "exec of one that does not run" 1 'docker stop -t 0 u1 >/dev/null; docker exec u1 true' <<E
E
  e "not running|does not run"
  t "rm -f of several" 0 'docker create --name u2 $R/busybox true >/dev/null; docker rm -f u1 u2' <<E
u1
u2
E
fi

# --- volumes ----------------------------------------------------------------------------------------------------------------------

if part volumes; then
  t "volume create" 0 'docker volume create todo-db' <<E
todo-db
E
  t "volume ls" 0 'docker volume ls' <<E
DRIVER +VOLUME NAME
local +todo-db
E
  t "a volume" 0 'docker run --rm -v todo-db:/etc/todos $R/busybox sh -c "echo kept >/etc/todos/a"' <<E
E
  t "what is in it stays" 0 'docker run --rm --mount type=volume,src=todo-db,target=/etc/todos $R/busybox cat /etc/todos/a' <<E
kept
E
  t "volume inspect" 0 'docker volume inspect --format "{{.Name}} {{.Driver}} {{.Scope}}" todo-db' <<E
todo-db local local
E
  t "a volume in use" 1 'docker create --name user -v todo-db:/v $R/busybox true >/dev/null; docker volume rm todo-db' <<E
E
  e "in use|uses it"
  t "volume rm" 0 'docker rm user >/dev/null; docker volume rm todo-db' <<E
todo-db
E
  t "volume rm: no such volume" 1 'docker volume rm todo-db' <<E
E
fi

# --- bind mounts, logs -------------------------------------------------------------------------------------------------------------

if part bind; then
  mkdir "$work/app"
  echo 'console.log(1)' >"$work/app/index.js"
  t "a directory of this machine" 0 'docker run --rm --mount type=bind,src="$work/app",target=/src $R/busybox cat /src/index.js' <<E
console.log\(1\)
E
  t "a change comes through" 0 'docker run --rm -w /app -v "$work/app:/app" $R/busybox sh -c "echo 2 >new"; cat app/new' <<E
2
E
  t "a program that logs" 0 'docker run -d --name l $R/busybox sh -c "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three; sleep 1000"' <<E
$ID
E
  for _ in $(seq 50); do docker logs l 2>&1 | grep -q three && break; sleep 0.1; done
  t "logs" 0 'docker logs l' <<E
one
three
E
  e "^two$"
  t "logs --tail" 0 'docker logs --tail 1 l' <<E
three
E
  t "logs -t" 0 'docker logs -t -n 1 l' <<E
20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9:]+\.[0-9]+Z three
E
  t "logs -f until the end" 0 '(sleep 1; docker kill l) >/dev/null & docker logs -f --tail 1 l; wait' <<E
three
E
  t "logs --since, --until" 0 'docker logs --since 1h l 2>/dev/null | head -1; docker logs --until 1h l' <<E
one
E
  t "rm" 0 'docker rm l' <<E
l
E
fi

# --- files in and out, and images of containers ----------------------------------------------------------------------------------

if part files; then
  t "a container" 0 'docker run -d --name c $R/busybox sleep 1000' <<E
$ID
E
  ready c
  echo text >"$work/in.txt"
  t "cp in" 0 'docker cp in.txt c:/tmp/there.txt && docker exec c cat /tmp/there.txt' <<E
text
E
  t "cp out" 0 'docker cp c:/tmp/there.txt out.txt && cat out.txt' <<E
text
E
  t "cp of a directory" 0 'docker cp c:/etc etc && head -1 etc/group' <<E
root:x:0:
E
  t "cp - is a tar stream" 0 'docker cp c:/tmp/there.txt - | tar tf -' <<E
there.txt
E
  t "cp - in" 0 'tar cf - in.txt | docker cp - c:/tmp && docker exec c cat /tmp/in.txt' <<E
text
E
  t "cp: what is not there" 1 'docker cp c:/nothing x' <<E
E
  t "cp of a stopped container" 0 'docker stop -t 0 c >/dev/null; docker cp c:/tmp/in.txt again.txt && cat again.txt' <<E
text
E
  t "commit" 0 'docker commit -m "with a file" c saved:v1' <<E
sha256:$ID
E
  t "the new image" 0 'docker run --rm saved:v1 cat /tmp/there.txt' <<E
text
E
  t "commit --change" 0 "docker commit --change 'CMD [\"cat\",\"/tmp/in.txt\"]' --change 'ENV A=b' c saved:v2 >/dev/null && docker run --rm saved:v2" <<E
text
E
  t "export" 0 'docker export c | tar tf - | grep -x tmp/there.txt' <<E
tmp/there.txt
E
  t "save and load" 0 'docker save -o saved.tar saved:v1 && docker rmi saved:v1 >/dev/null && docker load -i saved.tar' <<E
Loaded image: saved:v1
E
  t "the loaded image" 0 'docker run --rm saved:v1 cat /tmp/there.txt' <<E
text
E
  t "rmi of an image in use" 1 'docker rmi $R/busybox box' <<E
...
E
  docker rm -f c >"$work/out" 2>&1
  t "rmi" 0 'docker rmi saved:v1 saved:v2 >all; grep -c ^Untagged: all; grep -q ^Deleted: all' <<E
2
E
fi

# --- the rest of everyday ------------------------------------------------------------------------------------------------------------

if part rest; then
  t "create" 0 'docker create --name r --label app=todo -e A=b --memory 64m --pids-limit 50 $R/busybox sh -c "echo \$A; sleep 1000"' <<E
$ID
E
  t "ps -a: created" 0 'docker ps -a --filter label=app=todo --format "{{.Names}} {{.Status}} {{.Label \"app\"}}"' <<E
r Created todo
E
  t "start" 0 'docker start r' <<E
r
E
  t "pause" 0 'docker pause r && docker ps --format "{{.Names}} {{.Status}}"' <<E
r
r Up .*\(Paused\)
E
  t "exec of a paused one" 1 'docker exec r true' <<E
E
  e "paused"
  t "unpause" 0 'docker unpause r && docker exec r echo yes' <<E
r
yes
E
  t "limits" 0 'docker inspect -f "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}" r' <<E
67108864 50
E
  t "update" 0 'docker update --memory 128m r && docker inspect -f "{{.HostConfig.Memory}}" r' <<E
r
134217728
E
  t "events" 0 'docker events --since 1h --until 0s --filter container=r --format "{{.Type}} {{.Action}}" | sort -u | grep -E " (create|start|pause|unpause)$"' <<E
container create
container pause
container start
container unpause
E
  t "stop, wait" 0 'docker stop -t 0 r; docker wait r' <<E
r
137
E
  t "start -a" 3 'docker create --name a $R/busybox sh -c "echo out; exit 3" >/dev/null; docker start -a a' <<E
out
E
  t "run: status of the program" 42 'docker run --rm $R/busybox sh -c "exit 42"' <<E
E
  t "run: no such program" 127 'docker run --rm $R/busybox nothing' <<E
E
  t "run -i" 0 'echo word | docker run --rm -i $R/busybox tr a-z A-Z' <<E
WORD
E
  t "run --restart" 0 'docker run -d --name again --restart on-failure:2 $R/busybox sh -c "exit 1" >/dev/null; for i in 1 2 3 4 5 6 7 8 9; do [ "$(docker inspect -f "{{.RestartCount}} {{.State.Status}}" again)" = "2 exited" ] && break; sleep 0.5; done; docker inspect -f "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}" again' <<E
2 exited 1
E
  t "run --init" 0 'docker run --rm --init $R/busybox sh -c "[ \$\$ != 1 ] && echo second"' <<E
second
E
  t "run --cidfile" 0 'docker run --rm --cidfile cid $R/busybox true; cat cid; echo' <<E
$ID
E
  t "health" 0 'docker run -d --name h --health-cmd true --health-interval 1s $R/busybox sleep 1000 >/dev/null; for i in 1 2 3 4 5 6 7 8 9; do [ "$(docker inspect -f "{{.State.Health.Status}}" h)" = healthy ] && break; sleep 0.5; done; docker inspect -f "{{.State.Health.Status}}" h; docker rm -f h' <<E
healthy
h
E
  t "system df" 0 'docker system df --format "{{.Type}} {{.TotalCount}} {{.Active}}"' <<E
Images [0-9]+ [0-9]+
Containers 3 0
Local Volumes [0-9]+ [0-9]+
E
  t "container prune" 0 'docker container prune -f' <<E
Deleted Containers:
$ID
$ID
$ID

Total reclaimed space: $SIZE
E
  t "nothing is left" 0 'docker ps -aq' <<E
E
  t "image prune -a" 0 'docker image prune -af | tail -1' <<E
Total reclaimed space: $SIZE
E
  t "no image is left" 0 'docker images -q' <<E
E
  t "version --format" 0 'docker version --format "{{.Client.Version}}"' <<E
[0-9]+\..*
E
fi

# --- what Picket does not do is said --------------------------------------------------------------------------------------------------

if part none; then
  for c in "build -t app ." "push app" "network create todo-app" "compose up" "swarm init" "login"; do
    t "no $c" 1 "docker $c >/dev/null || exit 1" <<E
E
    e "${c%% *} is not offered: "
  done
fi

exit $((failures > 0))
