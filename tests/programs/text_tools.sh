# find, tar, gzip, sed, awk, grep -r on a tree.
set -eu
mkdir -p t/one/two t/three
for i in 1 2 3 4 5 6 7 8 9; do echo "line $i of file" >t/one/f$i; echo "needle $i" >t/one/two/n$i; done
dd if=/dev/zero of=t/three/z bs=4096 count=10 2>/dev/null
find t | sort; find t -name 'n*' -size -2 | sort | wc -l; find t -type d -empty; find t -type f -exec wc -c {} + | tail -1
grep -r needle t | sort; grep -rc line t | sort | head -3; grep -rl 'needle [5-7]' t | sort
tar czf t.tgz t; rm -r t; tar xzf t.tgz; find t -type f | sort | xargs cat | sha256sum; tar tzf t.tgz | sort | wc -l
gzip -k t/three/z; stat -c %s t/three/z; zcat t/three/z.gz | wc -c; gunzip -f t/three/z.gz; gzip -l t.tgz | wc -l
sed -n '/5/p' t/one/f5; sed -i s/line/LINE/ t/one/f1; cat t/one/f1; sed -e 's/\(.*\) of \(.*\)/\2 \1/' t/one/f2
awk '{ s += $2 } END { print s }' t/one/f*; awk 'BEGIN { for (i = 0; i < 3; i++) printf "%d ", i * i; print "" ; "echo sub" | getline x; print x }'
cpio --version >/dev/null 2>&1 || true; echo x | xargs -n1 echo; printf '1\0002\000' | xargs -0 -n1 echo
diff -r t t && echo same; cp -r t u; echo changed >u/one/f3; diff -rq t u || true; cmp t/one/f1 u/one/f1
find t -delete; ls t 2>/dev/null || echo gone
