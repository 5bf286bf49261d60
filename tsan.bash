==1==WARNING: reading executable name failed with errno 2, some stack frames may not be symbolized
==1==WARNING: reading executable name failed with errno 2, some stack frames may not be symbolized
y z 3
v
1 3 5 7 9 
HERE DOCUMENT 42
here string
2c2
< 2
---
> 3
diff 1
got TERM
p2 5
p1 0
job 1
job 2
job 3
job 4
1 0
pipefail 1
sub 3
to-coproc
via5
123
a\ b
ulimit ok
read 1
bash: line 25:    30 Segmentation fault      ( kill -SEGV $BASHPID )
segv 139
ignored INT
not found 127
not executable 126
timeout 124
1 2 3 4 5 a b c
1099511627776 31
exit trap
