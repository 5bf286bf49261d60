# Everyday commands of coreutils.
set -u
mkdir -p a/b/c; echo text >a/f; printf 'b\na\nc\n' >l
cat l; tac l; sort l; sort -r l | uniq -c | sed 's/^ *//'; head -1 l; tail -1 l; wc l | tr -s ' '; nl l | tr -s ' \t' '  '
cp -a a a2; mv a2 a3; ls -R a3; ln -s f a/s; ln a/f a/h; stat -c '%F %h %s %a' a/f a/s; readlink -f a/s | sed 's#.*/##'
rm -r a3; rmdir a/b/c; touch -d '2001-02-03 04:05:06 UTC' a/f; date -u -r a/f '+%F %T'; stat -c %Y a/f
chmod 640 a/f; stat -c %a a/f; chmod u+s,g+x a/f; stat -c %A a/f; install -m 755 a/f inst; stat -c %a inst
cut -d: -f1 /etc/passwd | head -1; paste l l; join l l 2>/dev/null | head -1; comm l l 2>/dev/null | wc -l; tr a-z A-Z <l
seq 3 | tee t1 t2 | cat; cmp t1 t2; md5sum l; sha1sum l; sha256sum l; cksum l; sum l; b2sum l; base64 l; base32 l
od -c l; split -l 1 l x; ls x??; csplit -s l 2; cat xx00; fold -w 1 l | wc -l; fmt l; expand l; unexpand l
basename /a/b.c .c; dirname /a/b; pathchk l; realpath a/f | sed 's#.*/##'; mktemp -u XXXX | wc -c
expr 3 + 4; factor 360; printf '%d %x\n' 255 255; test 1 -lt 2 && echo yes; [ -d a ] && echo dir; true; false || echo false
env -i X=1 env; echo hi | dd bs=1 count=2 2>/dev/null; echo; truncate -s 10000 sp; stat -c %s sp; du -s --apparent-size --block-size=1 sp | cut -f1
id -u; whoami; groups | wc -w; nproc >/dev/null && echo nproc; uname -s; arch; tty; echo $?; sleep 0.01; timeout 1 true; echo $?
nice -n 5 nice; nohup echo nohup 2>/dev/null; stdbuf -o0 echo stdbuf; yes | head -3; shuf -e 1 | cat; numfmt --to=iec 2048; tsort <<E
a b
b c
E
df . >/dev/null && echo df; sync; ls -l a | awk 'NR>1{print $1,$2,$NF}'; ls -la | wc -l; dircolors -b >/dev/null; date -u -d @0 +%s
mkfifo ff; stat -c %F ff; unlink ff; link l l2; stat -c %h l; shred -u l2; ls l; pr l | grep -c b; ptx l | wc -l; chroot --version | head -1
sh -c 'echo 1 >/dev/full' 2>/dev/null; echo "full $?"; { cat nonexistent; echo "cat $?"; rm nonexistent; echo "rm $?"; mkdir a; echo "mkdir $?"; rmdir a; echo "rmdir $?"; } 2>&1
