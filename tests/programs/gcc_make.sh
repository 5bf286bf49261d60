# gcc and make -j2 of a small project, and its program.
set -e
cat >main.c <<'E'
#include <stdio.h>
#include <math.h>
int add(int, int); int mul(int, int);
int main(int c, char **v) { printf("%d %d %.3f %d\n", add(2, 3), mul(4, 5), sqrt(2.0), c); return 7; }
E
echo 'int add(int a, int b) { return a + b; }' >add.c
echo 'int mul(int a, int b) { return a * b; }' >mul.c
for i in $(seq 1 8); do echo "int unused$i(int x) { return x * $i; }" >u$i.c; done
cat >Makefile <<'E'
OBJS := $(patsubst %.c,%.o,$(wildcard *.c))
prog: $(OBJS)
	@$(CC) -o $@ $^ -lm
%.o: %.c
	@$(CC) -O2 -c -o $@ $<
E
make -s -j2; ./prog a b || echo "status $?"; make -s -q && echo "up to date"
echo 'int main(void) { return undefined(); }' >bad.c; gcc -w -o bad bad.c 2>/dev/null || echo "link failed $?"
printf '#include <iostream>\n#include <vector>\n#include <thread>\nint main() { std::vector<std::thread> v; int s[4] = {}; for (int i = 0; i < 4; i++) v.emplace_back([&s, i] { s[i] = i * i; }); for (auto &t : v) t.join(); try { throw 5; } catch (int x) { std::cout << s[3] + x << "\\n"; } }\n' >t.cc
g++ -O1 -pthread -o tcc t.cc; ./tcc; gcc -static -o st add.c mul.c main.c -lm; ./st || echo "static $?"; objdump -d add.o | grep -c ret; nm add.o; strip prog; ar rcs lib.a add.o mul.o; ar t lib.a
