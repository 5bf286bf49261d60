/* SPDX-License-Identifier: MIT */
/* Clocks, sleeping, timers. clock_gettime(2), nanosleep(2), setitimer(2), timer_create(2). */
#include "kernel/cpu_clock.h"
#include "kernel/time.h"
#include "syscalls/syscalls.h"

#include <string.h>
#include <sys/time.h>
#include <sys/timex.h>

#define NSEC 1000000000ll
#define TICK_NS 10000000
#define TICK_RES_NS 4000000 /* of clocks that go by ticks of the kernel */
#define ADJ_OFFSET_SS_READ_MODE 0xa001

static int copy_out_ns(struct task *t, uint64_t addr, int64_t ns)
{
	struct timespec ts = {ns / NSEC, ns % NSEC};

	return copy_out(t, addr, &ts, sizeof(ts));
}

int64_t sys_clock_gettime(struct task *t, const uint64_t *a)
{
	int64_t ns;
	int r = clock_now(t, ARG_INT(a, 0), &ns);

	return r ? r : copy_out_ns(t, a[1], ns);
}

int64_t sys_clock_getres(struct task *t, const uint64_t *a)
{
	clockid_t c = ARG_INT(a, 0);
	int64_t ns;
	int r = clock_now(t, c, &ns);

	if (r)
		return r;
	ns = c == CLOCK_REALTIME_COARSE || c == CLOCK_MONOTONIC_COARSE || (c < 0 && (c & 3) != CPU_CLOCK_SCHED) ? TICK_RES_NS : 1;
	return a[1] ? copy_out_ns(t, a[1], ns) : 0;
}

/* The clock is the host's; CPU clocks cannot be set by anybody, the others not by this call. */
int64_t sys_clock_settime(struct task *t, const uint64_t *a)
{
	clockid_t c = ARG_INT(a, 0);
	int64_t ns;
	int r;

	if (c != CLOCK_REALTIME && (c >= 0 ? !clock_is_cpu(c) || c > 0 : clock_is_dynamic(c)))
		return -EINVAL;
	r = a[1] ? copy_in_timespec(t, a[1], &ns) : -EFAULT;
	if (!r && c < 0)
		r = clock_now(t, c, &ns);
	return r ? r : -EPERM;
}

int64_t sys_gettimeofday(struct task *t, const uint64_t *a)
{
	int64_t ns = kernel_now_real();
	struct timeval tv = {ns / NSEC, ns % NSEC / 1000};
	struct timezone tz = {0};

	if (a[0] && copy_out(t, a[0], &tv, sizeof(tv)))
		return -EFAULT;
	return a[1] && copy_out(t, a[1], &tz, sizeof(tz)) ? -EFAULT : 0;
}

int64_t sys_settimeofday(struct task *t, const uint64_t *a)
{
	struct timezone tz;
	struct timeval tv;

	if (a[0] && copy_in(t, &tv, a[0], sizeof(tv)))
		return -EFAULT;
	if (a[0] && (tv.tv_sec < 0 || tv.tv_usec < 0 || tv.tv_usec >= 1000000))
		return -EINVAL;
	if (a[1] && copy_in(t, &tz, a[1], sizeof(tz)))
		return -EFAULT;
	return -EPERM;
}

int64_t sys_time(struct task *t, const uint64_t *a)
{
	int64_t s = kernel_now_real() / NSEC;

	return a[0] && copy_out(t, a[0], &s, sizeof(s)) ? -EFAULT : s;
}

/* Reading the state is for everyone; setting it is the host's business. */
static int64_t do_adjtime(struct task *t, clockid_t clock, uint64_t addr)
{
	struct timex tx;
	int64_t now;

	if (copy_in(t, &tx, addr, sizeof(tx)))
		return -EFAULT;
	if (clock != CLOCK_REALTIME)
		return clock_now(t, clock, &now) ? -EINVAL : -EOPNOTSUPP;
	if (tx.modes && tx.modes != ADJ_OFFSET_SS_READ_MODE)
		return -EPERM;
	/* A clock that nobody steers, as seen from here. */
	memset(&tx, 0, sizeof(tx));
	tx.status = STA_UNSYNC;
	tx.maxerror = tx.esterror = 16000000;
	tx.precision = 1;
	tx.tolerance = 32768000;
	tx.tick = 10000;
	now = kernel_now_real();
	tx.time.tv_sec = now / NSEC;
	tx.time.tv_usec = now % NSEC / 1000;
	return copy_out(t, addr, &tx, sizeof(tx)) ? -EFAULT : TIME_ERROR;
}

int64_t sys_adjtimex(struct task *t, const uint64_t *a)
{
	return do_adjtime(t, CLOCK_REALTIME, a[0]);
}

int64_t sys_clock_adjtime(struct task *t, const uint64_t *a)
{
	return do_adjtime(t, ARG_INT(a, 0), a[1]);
}

/* --- sleeping ------------------------------------------------------------------------------------------------------------ */

/* Sleep until *deadline* on *clock*; wall-clock sleeps look again every second because the clock may be set. */
static int sleep_until(struct task *t, clockid_t clock, int64_t deadline)
{
	for (;;) {
		int64_t now, left;
		int r = clock_now(t, clock, &now);

		if (r)
			return r;
		left = deadline - now;
		if (left <= 0)
			return 0;
		if (clock == CLOCK_REALTIME && left > NSEC)
			left = NSEC;
		if (clock_is_cpu(clock) && left < 1000000)
			left = 1000000;
		r = task_block(t, kernel_now_mono() + left);
		if (r && r != -ETIMEDOUT)
			return r;
	}
}

static int64_t relative_sleep(struct task *t, clockid_t clock, int64_t deadline, uint64_t rem);

static int64_t restart_sleep(struct task *t, struct restart_block *rb)
{
	return relative_sleep(t, (clockid_t)rb->arg[0], rb->deadline_ns, rb->arg[1]);
}

static int64_t relative_sleep(struct task *t, clockid_t clock, int64_t deadline, uint64_t rem)
{
	int64_t now, r = sleep_until(t, clock, deadline);

	if (r != -ERESTARTSYS)
		return r;
	if (rem && !clock_now(t, clock, &now) && copy_out_ns(t, rem, deadline > now ? deadline - now : 0))
		return -EFAULT;
	t->restart.fn = restart_sleep;
	t->restart.arg[0] = (uint64_t)clock;
	t->restart.arg[1] = rem;
	t->restart.deadline_ns = deadline;
	return -ERESTART_RESTARTBLOCK;
}

static int64_t start_sleep(struct task *t, clockid_t clock, uint64_t req, uint64_t rem)
{
	int64_t ns, now;
	int r = req ? copy_in_timespec(t, req, &ns) : -EFAULT;

	if (!r)
		r = clock_now(t, clock, &now);
	if (r)
		return r;
	return relative_sleep(t, clock, now + ns, rem);
}

int64_t sys_nanosleep(struct task *t, const uint64_t *a)
{
	return start_sleep(t, CLOCK_MONOTONIC, a[0], a[1]);
}

#define CLOCK_SGI 10 /* the number after the last that Linux has without a gap */

static bool can_sleep_on(clockid_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI ||
	       clock == CLOCK_PROCESS_CPUTIME_ID || (clock < 0 && clock_is_cpu(clock));
}

int64_t sys_clock_nanosleep(struct task *t, const uint64_t *a)
{
	clockid_t clock = ARG_INT(a, 0);
	int64_t ns, now, r;

	if (!can_sleep_on(clock))
		return clock_is_dynamic(clock) || (clock >= 0 && clock < CLOCK_SGI) ? -EOPNOTSUPP : -EINVAL;
	if (clock_is_cpu(clock)) {
		r = a[2] ? copy_in_timespec(t, a[2], &ns) : -EFAULT;
		if (!r)
			r = cpu_clock_is_own_thread(t, clock) ? -EINVAL : clock_now(t, clock, &now); /* it would never end */
		if (r)
			return r;
	}
	/* A relative sleep is not moved by setting the wall clock. */
	if (!(ARG_INT(a, 1) & TIMER_ABSTIME))
		return start_sleep(t, clock == CLOCK_REALTIME || clock == CLOCK_TAI ? CLOCK_MONOTONIC : clock, a[2], a[3]);
	r = a[2] ? copy_in_timespec(t, a[2], &ns) : -EFAULT;
	if (r)
		return r;
	r = sleep_until(t, clock, ns);
	return r == -ERESTARTSYS ? -ERESTARTNOHAND : r;
}

int64_t sys_restart_syscall(struct task *t, const uint64_t *a)
{
	return t->restart.fn ? t->restart.fn(t, &t->restart) : -EINTR;
}

/* --- timers ------------------------------------------------------------------------------------------------------------------- */

static int64_t tv_ns(const struct timeval *tv)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)tv->tv_sec, NSEC, &ns))
		return INT64_MAX / 4;
	return ns > INT64_MAX / 4 ? INT64_MAX / 4 : ns + tv->tv_usec * 1000;
}

static bool tv_ok(const struct timeval *tv)
{
	return tv->tv_sec >= 0 && tv->tv_usec >= 0 && tv->tv_usec < 1000000;
}

static int copy_out_itimerval(struct task *t, uint64_t addr, const struct itimerspec_ns *s)
{
	int64_t v = (s->value + 999) / 1000;
	struct itimerval it = {
		.it_interval = {s->interval / NSEC, s->interval % NSEC / 1000},
		.it_value = {v / 1000000, v % 1000000},
	};

	return copy_out(t, addr, &it, sizeof(it));
}

int64_t sys_getitimer(struct task *t, const uint64_t *a)
{
	struct itimerspec_ns s;
	int r = itimer_set(t, ARG_INT(a, 0), NULL, &s);

	return r ? r : copy_out_itimerval(t, a[1], &s);
}

int64_t sys_setitimer(struct task *t, const uint64_t *a)
{
	struct itimerval it = {0};
	struct itimerspec_ns n, old;
	int r;

	if (a[1] && copy_in(t, &it, a[1], sizeof(it)))
		return -EFAULT;
	if (!tv_ok(&it.it_value) || !tv_ok(&it.it_interval))
		return -EINVAL;
	n.value = tv_ns(&it.it_value);
	n.interval = tv_ns(&it.it_interval);
	r = itimer_set(t, ARG_INT(a, 0), &n, &old);
	if (r)
		return r;
	return a[2] && copy_out_itimerval(t, a[2], &old) ? -EFAULT : 0;
}

int64_t sys_alarm(struct task *t, const uint64_t *a)
{
	struct itimerspec_ns n = {.value = (int64_t)ARG_UINT(a, 0) * NSEC}, old;
	int r = itimer_set(t, ITIMER_REAL, &n, &old);

	return r ? r : (old.value + NSEC / 2) / NSEC + (old.value && old.value < NSEC / 2);
}

int64_t sys_timer_create(struct task *t, const uint64_t *a)
{
	struct sigevent_args ev = {.notify = SIGEV_SIGNAL, .signo = SIGALRM, .value_is_id = true};
	struct {
		uint64_t value;
		int32_t signo, notify, tid;
		uint8_t pad[44];
	} g;
	int id;

	_Static_assert(sizeof(g) == 64, "struct sigevent");
	if (a[1]) {
		if (copy_in(t, &g, a[1], sizeof(g)))
			return -EFAULT;
		ev = (struct sigevent_args){.notify = g.notify, .signo = g.signo, .tid = g.tid, .value = g.value};
	}
	id = posix_timer_create(t, ARG_INT(a, 0), &ev);
	if (id < 0)
		return id;
	if (copy_out(t, a[2], &id, sizeof(id))) {
		posix_timer_delete(t, id);
		return -EFAULT;
	}
	return 0;
}

static int copy_out_itimerspec(struct task *t, uint64_t addr, const struct itimerspec_ns *s)
{
	struct itimerspec it = {
		.it_interval = {s->interval / NSEC, s->interval % NSEC},
		.it_value = {s->value / NSEC, s->value % NSEC},
	};

	return copy_out(t, addr, &it, sizeof(it));
}

int64_t sys_timer_settime(struct task *t, const uint64_t *a)
{
	struct itimerspec_ns n, old;
	int r;

	if (!a[2])
		return -EINVAL;
	r = copy_in_timespec(t, a[2], &n.interval);
	if (!r)
		r = copy_in_timespec(t, a[2] + sizeof(struct timespec), &n.value);
	if (!r)
		r = posix_timer_settime(t, ARG_INT(a, 0), ARG_INT(a, 1) & TIMER_ABSTIME, &n, &old);
	if (r)
		return r;
	return a[3] && copy_out_itimerspec(t, a[3], &old) ? -EFAULT : 0;
}

int64_t sys_timer_gettime(struct task *t, const uint64_t *a)
{
	struct itimerspec_ns s;
	int r = posix_timer_gettime(t, ARG_INT(a, 0), &s);

	return r ? r : copy_out_itimerspec(t, a[1], &s);
}

int64_t sys_timer_getoverrun(struct task *t, const uint64_t *a)
{
	return posix_timer_getoverrun(t, ARG_INT(a, 0));
}

int64_t sys_timer_delete(struct task *t, const uint64_t *a)
{
	return posix_timer_delete(t, ARG_INT(a, 0));
}

int64_t sys_times(struct task *t, const uint64_t *a)
{
	struct cpu_times c;
	int64_t tms[4];

	cpu_charge(t);
	tg_cpu_times(t->tg, &c);
	tms[0] = (int64_t)(c.utime_ns / TICK_NS);
	tms[1] = (int64_t)(c.stime_ns / TICK_NS);
	tms[2] = (int64_t)(t->tg->cutime_ns / TICK_NS);
	tms[3] = (int64_t)(t->tg->cstime_ns / TICK_NS);
	if (a[0] && copy_out(t, a[0], tms, sizeof(tms)))
		return -EFAULT;
	return kernel_now_mono() / TICK_NS;
}

int64_t sys_getrusage(struct task *t, const uint64_t *a)
{
	struct rusage ru;

	switch (ARG_INT(a, 0)) {
	case RUSAGE_SELF:
		usage_self(t, &ru);
		break;
	case RUSAGE_CHILDREN:
		usage_children(t, &ru);
		break;
	case 1: /* RUSAGE_THREAD */
		usage_thread(t, &ru);
		break;
	default:
		return -EINVAL;
	}
	return copy_out(t, a[1], &ru, sizeof(ru));
}
