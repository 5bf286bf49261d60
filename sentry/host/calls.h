/* SPDX-License-Identifier: MIT */
/*
 * Every host call the sentry may make once it is locked down, and why. host/calls-filter.c makes the filter from this table,
 * host/calls-doc.py the page docs/host-calls.md. A call that is not here fails with ENOSYS; those of HOST_DEADLY end the
 * sentry.
 *
 *   CALL(name, reason)          any arguments
 *   RULE(name, rule, reason)    arguments as the function rule_<rule> in calls-filter.c says
 */
#pragma once

#define HOST_CALLS(CALL, RULE)                                                                                         \
	/* Files and descriptors: all were given by the launcher, or are opened beneath one that was. */               \
	CALL(read, "guest's files, sockets, terminals")                                                                \
	CALL(write, "the same, and the trace")                                                                         \
	CALL(pread64, "files of snapshots, volumes, memory files")                                                     \
	CALL(pwrite64, "files of volumes, memory files")                                                               \
	CALL(readv, "stdio in several pieces")                                                                         \
	CALL(writev, "stdio in several pieces; messages of the C library")                                             \
	CALL(preadv2, "stdio without blocking (RWF_NOWAIT)")                                                           \
	CALL(pwritev2, "stdio without blocking (RWF_NOWAIT), appending to files of volumes (RWF_APPEND)")              \
	CALL(lseek, "SEEK_DATA and SEEK_HOLE of volumes")                                                              \
	CALL(close, "descriptors")                                                                                     \
	RULE(fcntl, fcntl, "F_DUPFD_CLOEXEC, F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_ADD_SEALS, F_GET_SEALS, and F_OFD_SETLK, F_OFD_GETLK: locks of volumes that others have too") \
	RULE(ioctl, ioctl, "seccomp's listener; FIONREAD, TIOCGWINSZ, SIOCATMARK, interface queries")                  \
	CALL(fstat, "sizes of given descriptors")                                                                      \
	CALL(newfstatat, "the C library's form of fstat")                                                              \
	CALL(statx, "attributes of volumes")                                                                           \
	CALL(fstatfs, "statfs of volumes")                                                                             \
	RULE(openat2, beneath, "names beneath a given directory, never an absolute path")                              \
	CALL(getdents64, "directories of volumes")                                                                     \
	CALL(readlinkat, "symbolic links of volumes")                                                                  \
	CALL(mkdirat, "writable volumes")                                                                              \
	CALL(mknodat, "fifos and sockets in writable volumes")                                                         \
	CALL(unlinkat, "writable volumes")                                                                             \
	CALL(linkat, "writable volumes")                                                                               \
	CALL(symlinkat, "writable volumes")                                                                            \
	CALL(renameat2, "writable volumes")                                                                            \
	CALL(fchmod, "writable volumes")                                                                               \
	CALL(fchmodat2, "writable volumes, of O_PATH descriptors")                                                     \
	CALL(fchmodat, "the same, by /proc/self/fd, on kernels before 6.6")                                            \
	CALL(fchownat, "files with real owners; refused by the kernel unless the sentry was given CAP_CHOWN")          \
	CALL(utimensat, "writable volumes")                                                                            \
	CALL(ftruncate, "writable volumes, memory files, slots of new stubs")                                          \
	CALL(fallocate, "writable volumes, holes in memory files")                                                     \
	CALL(flock, "locks of volumes that others have too")                                                          \
	CALL(fsync, "writable volumes")                                                                                \
	CALL(fdatasync, "writable volumes")                                                                            \
	CALL(syncfs, "sync(2) and syncfs(2) on layers of writes that are kept")                                        \
	CALL(fgetxattr, "volumes")                                                                                     \
	CALL(fsetxattr, "writable volumes")                                                                            \
	CALL(flistxattr, "volumes")                                                                                    \
	CALL(fremovexattr, "writable volumes")                                                                         \
	CALL(memfd_create, "slots of new stubs; files of tmpfs")                                                       \
	/* Waiting. */                                                                                                 \
	CALL(epoll_ctl, "the loop that watches host descriptors")                                                      \
	CALL(epoll_wait, "the same")                                                                                   \
	CALL(epoll_pwait, "the same, as some C libraries make it")                                                     \
	CALL(poll, "readiness of one descriptor")                                                                      \
	CALL(ppoll, "the same")                                                                                        \
	CALL(eventfd2, "wake-ups of the loop")                                                                         \
	CALL(futex, "locks and sleeping workers")                                                                      \
	CALL(clock_nanosleep, "pauses of the platform")                                                                \
	CALL(restart_syscall, "sleeps that a stop has interrupted")                                                    \
	CALL(clock_gettime, "time, where the vdso cannot tell it")                                                     \
	CALL(clock_getres, "resolution of the host's clocks")                                                          \
	/* Own memory and threads. */                                                                                  \
	RULE(mmap, noexec, "own memory, snapshots, slots; never executable")                                           \
	RULE(mprotect, noexec, "stacks of threads; never executable")                                                  \
	CALL(munmap, "own memory")                                                                                     \
	CALL(mremap, "growing of large allocations")                                                                   \
	CALL(madvise, "giving memory back")                                                                            \
	CALL(brk, "the allocator")                                                                                     \
	RULE(clone, thread, "a thread of the sentry; not a process")                                                   \
	CALL(set_robust_list, "start of a thread")                                                                     \
	CALL(rseq, "start of a thread")                                                                                \
	CALL(gettid, "start of a thread")                                                                              \
	CALL(getpid, "own number")                                                                                     \
	CALL(sched_yield, "waiting for a short time")                                                                  \
	CALL(sched_getaffinity, "number of processors")                                                                \
	CALL(sched_setaffinity, "the guest's wishes for its own threads, within the sentry's processors; the poller's")  \
	CALL(getcpu, "the processor a poller runs on")                                                                 \
	RULE(prctl, prctl, "names of threads and of memory")                                                           \
	CALL(rt_sigaction, "the handler that takes a worker out of a wait")                                            \
	CALL(rt_sigprocmask, "start and end of threads")                                                               \
	CALL(rt_sigreturn, "return from that handler")                                                                 \
	CALL(exit, "end of a thread")                                                                                  \
	CALL(exit_group, "end of the sandbox")                                                                         \
	CALL(getrandom, "the guest's random numbers, nonces")                                                          \
	/* Stubs. */                                                                                                   \
	CALL(process_vm_readv, "the guest's memory")                                                                   \
	CALL(process_vm_writev, "the guest's memory")                                                                  \
	CALL(waitid, "deaths of stubs")                                                                                \
	RULE(kill, kill, "SIGKILL to a stub, and 0")                                                                   \
	RULE(prlimit64, limits, "RLIMIT_AS and RLIMIT_DATA of a stub, where its guest has such a limit")               \
	RULE(tgkill, tgkill, "interrupts of stub threads and of own workers; abort()")                                 \
	CALL(sendmsg, "commands to the zygote; the guest's sockets")                                                   \
	CALL(recvmsg, "listeners of new stubs; the guest's sockets")                                                   \
	CALL(sendto, "the control socket; the guest's sockets")                                                        \
	CALL(recvfrom, "the same")

/* Only when the sandbox has a network: sockets of its own network namespace. */
#define HOST_NET_CALLS(CALL, RULE)                                                                                     \
	RULE(socket, family, "TCP, UDP and ICMP echo of AF_INET and AF_INET6, opened on the guest's behalf")            \
	CALL(bind, "the guest's sockets")                                                                              \
	CALL(connect, "the guest's sockets")                                                                           \
	CALL(listen, "the guest's sockets")                                                                            \
	CALL(accept4, "the guest's sockets")                                                                           \
	CALL(getsockname, "the guest's sockets")                                                                       \
	CALL(getpeername, "the guest's sockets")                                                                       \
	CALL(shutdown, "the guest's sockets")                                                                          \
	CALL(setsockopt, "options on a list of sentry/net")                                                            \
	CALL(getsockopt, "options on a list of sentry/net")

/* Nothing of ours ever makes these: whoever does has taken the sentry over. */
#define HOST_DEADLY(CALL)                                                                                              \
	CALL(execve, "")                                                                                               \
	CALL(execveat, "")                                                                                             \
	CALL(fork, "")                                                                                                 \
	CALL(vfork, "")                                                                                                \
	CALL(ptrace, "")                                                                                               \
	CALL(mount, "")                                                                                                \
	CALL(unshare, "")                                                                                              \
	CALL(setns, "")                                                                                                \
	CALL(bpf, "")                                                                                                  \
	CALL(keyctl, "")                                                                                               \
	CALL(io_uring_setup, "")                                                                                       \
	CALL(userfaultfd, "")                                                                                          \
	CALL(perf_event_open, "")                                                                                      \
	CALL(init_module, "")                                                                                          \
	CALL(finit_module, "")                                                                                         \
	CALL(kexec_load, "")
