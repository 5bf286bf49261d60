==1==WARNING: reading executable name failed with errno 2, some stack frames may not be symbolized
==1==WARNING: reading executable name failed with errno 2, some stack frames may not be symbolized
sum 4950
child
exit status 3
served /0
served /1
served /2
user defined signal 1
after
file
8000
recovered runtime error: invalid memory address or nil pointer dereference
sum 4950
child
exit status 3
served /0
served /1
served /2
user defined signal 1
after
file
8000
recovered runtime error: invalid memory address or nil pointer dereference
sum 4950
child
exit status 3
served /0
served /1
served /2
user defined signal 1
after
file
8000
recovered runtime error: invalid memory address or nil pointer dereference
