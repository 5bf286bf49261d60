# dash: what /bin/sh scripts lean on.
exec dash -c '
set -e
x=5; while [ $x -gt 0 ]; do printf %s "$x "; x=$((x-1)); done; echo
v="a:b:c"; IFS=:; set -- $v; echo "$# $2"; unset IFS
case abc in a*) echo match;; esac
mkfifo p; (echo through fifo >p) & cat p; wait
f() { local y=1; y=$((y+1)); echo $y; }; f
echo "${v%%:*} ${v##*:} ${#v}"
(umask 027; : >u; ls -l u | cut -c1-10)
cd /; pwd; cd "$OLDPWD"
set +e; (exit 200); echo $?
trap "echo bye" 0
kill -0 $$ && echo alive
sh -c "exit 3" & wait $!; echo $?
echo a >f1; cat <f1 >f2; cmp f1 f2 && echo same
>f3; [ -s f3 ] || echo empty
command -v ls >/dev/null && echo found
'
