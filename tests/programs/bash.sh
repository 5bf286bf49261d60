# bash: pipelines, here-documents, traps, background jobs and wait, arrays, process substitution.
exec bash -c '
set -u
a=(x y z); echo "${a[@]:1} ${#a[@]}"
declare -A m=([k]=v); echo "${m[k]}"
seq 10 | while read -r n; do ((n % 2)) && echo -n "$n "; done; echo
cat <<END | tr a-z A-Z
here document $((6 * 7))
END
cat <<<"here string"
diff <(printf "1\n2\n") <(printf "1\n3\n"); echo "diff $?"
trap "echo got TERM" TERM; kill -TERM $$; sleep 0.05
trap "echo exit trap" EXIT
sleep 0.2 & p1=$!; (exit 5) & p2=$!
wait $p2; echo "p2 $?"; wait $p1; echo "p1 $?"
for i in 1 2 3 4; do (sleep 0.0$i; echo "job $i" >>out.$i) & done; wait; cat out.*
false | true; echo "${PIPESTATUS[@]}"
set -o pipefail; false | true; echo "pipefail $?"
x=$(echo sub; exit 3); echo "$x $?"
coproc cat; echo to-coproc >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"; kill $COPROC_PID; wait $COPROC_PID 2>/dev/null
exec 5>file5; echo via5 >&5; exec 5>&-; cat file5
[[ "abc123" =~ ([a-z]+)([0-9]+) ]] && echo "${BASH_REMATCH[2]}"
printf "%q\n" "a b"
ulimit -n >/dev/null && echo ulimit ok
read -t 0.1 -r z </dev/null || echo "read $?"
(kill -SEGV $BASHPID); echo "segv $?"
(trap "" INT; kill -INT $BASHPID; echo "ignored INT")
nonexistent-command 2>/dev/null; echo "not found $?"
/etc/passwd 2>/dev/null; echo "not executable $?"
time_out=$(timeout 0.2 sleep 5; echo $?); echo "timeout $time_out"
echo {1..5} {a..c}; echo $((2**40)) $((0x1f))
exit 9
'
