# /proc/self/maps names the guest's own files, and nothing of the host's.
grep -c -m1 '\[stack\]' /proc/self/maps; grep -c -m1 'libc.so.6' /proc/self/maps; awk '{ print NF >= 5 }' /proc/self/maps | sort -u; grep -c stub /proc/self/maps; cat /proc/self/statm | wc -w
