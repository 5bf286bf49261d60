exec perl -e '
use strict; use warnings; use POSIX ();
my %h = map { $_ => $_ ** 2 } 1 .. 5; print join(",", map { "$_=$h{$_}" } sort keys %h), "\n";
open(my $f, ">", "p.txt") or die; print $f "line $_\n" for 1 .. 3; close $f;
open($f, "<", "p.txt"); my @l = <$f>; print scalar(@l), " $l[2]";
my $pid = fork; if (!$pid) { exit 4 } waitpid $pid, 0; print "child ", $? >> 8, "\n";
pipe(my $r, my $w); if (!fork) { close $r; print $w "from child"; exit } close $w; print <$r>, "\n"; wait;
$SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select undef, undef, undef, 3;
print `echo backticks`; system("exit 3"); print $? >> 8, "\n";
my @s = stat "p.txt"; print "size $s[7]\n"; unlink "p.txt"; print -e "p.txt" ? "there" : "gone", "\n";
eval { die "oops\n" }; print "caught $@"; local $SIG{USR1} = sub { print "usr1\n" }; kill "USR1", $$; 
print POSIX::strftime("%Y", gmtime 0), "\n"; printf "%s\n", join " ", sort { $b <=> $a } 3, 10, 2;
use Socket; socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC); syswrite $a, "sock"; sysread $b, my $buf, 10; print "$buf\n";
'
