/* SPDX-License-Identifier: MIT */
/*
 * The stub's assembly: start, system calls, the signal return, and the first steps of cloned threads, which must not touch
 * the stack before it is their own.
 */
	.section .text.start, "ax"
	.globl stub_start
stub_start:
	xor %ebp, %ebp
	mov %rsp, %rdi
	lea stub_boot_stack_end(%rip), %rsp
	call stub_main
	ud2

	.text
/* long stub_syscall(nr, a0, a1, a2, a3, a4, a5): the last on the stack */
	.globl stub_syscall
stub_syscall:
	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	mov 8(%rsp), %r9
	syscall
	ret

/* The signal handler: (signo, siginfo, ucontext) in rdi, rsi, rdx, as the kernel leaves them. */
	.globl stub_handler
stub_handler:
	mov %rdx, %rbx
	call stub_signal
	mov %rbx, %rdi
/* noreturn void stub_resume(struct ucontext *uc): load the registers of the frame */
	.globl stub_resume
stub_resume:
	mov %rdi, %rsp
	.globl stub_restorer
stub_restorer:
	mov $15, %eax
	syscall
	ud2

/*
 * long stub_clone(const struct stub_order *o, nr): clone as ordered. The parent gets clone's result. A child of fork first
 * maps its own slots over the inherited ones; both kinds of child then continue in stub_child(ucontext, nonce) on a stack
 * below their copy of the signal frame.
 */
	.globl stub_clone
stub_clone:
	push %rbx
	push %r12
	push %r13
	push %r14
	mov %rsi, %r14
	mov 24(%rdi), %rbx	/* args[2]: ucontext of the child */
	mov 40(%rdi), %r12	/* args[4]: descriptor of the slots, nonce above */
	mov 48(%rdi), %r13	/* args[5]: nonce */
	mov 32(%rdi), %r10	/* args[3]: ctid */
	mov 16(%rdi), %rsi	/* args[1]: stack */
	mov 8(%rdi), %rdi	/* args[0]: flags */
	xor %edx, %edx
	xor %r8d, %r8d
	mov %r13, %r9
	mov $56, %eax
	syscall
	test %rax, %rax
	jz 1f
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	ret
1:	cmp $0x1001, %r14	/* ORDER_FORK */
	jne 2f
	mov $9, %eax
	movabs $0x7f9000000000, %rdi	/* STUB_SLOTS */
	mov $0x40000000, %esi	/* SLOTS_SIZE */
	mov $3, %edx
	mov $0x11, %r10d	/* MAP_SHARED | MAP_FIXED */
	mov %r12, %r8
	xor %r9d, %r9d
	syscall
	cmp %rdi, %rax
	jne 3f
2:	lea -512(%rbx), %rsp
	and $-64, %rsp
	mov %rbx, %rdi
	mov %r13, %rsi
	mov %r14, %rdx
	call stub_child
	mov %rbx, %rdi
	jmp stub_resume
3:	mov $231, %eax
	mov $1, %edi
	syscall
	ud2

/*
 * The fast entry: called (return address on the stack) with the registers of a system call; like `syscall` it changes rax, rcx
 * and r11, and the flags besides. gs is the slot, unless the guest has set it. It is not in the stub's own text: to the
 * filter its plain call is one of the guest's. An interrupt between stub_fast and stub_fast_end, or around the bell,
 * only sets fast_pending.
 */
#define REQ 1
#define BUSY 2
#define BUSY_BELL 3
#define REPLY 4
#define SPINS 600	/* of pause: some 20 microseconds */

	.section .text.fast, "ax"
	.globl stub_fast, stub_fast_end, stub_fast_call, stub_fast_trap, stub_fast_out
	.balign 64
stub_fast:
	rdgsbase %r11
	mov %r11, %rcx
	shr $30, %rcx
	cmp $0x1fe40, %rcx		/* STUB_SLOTS / SLOTS_SIZE */
	jne stub_fast_call
	cmpl $0, 128(%r11)		/* poller_on */
	je stub_fast_call
	rdpid %rcx
	cmp %ecx, 132(%r11)		/* poller_cpu */
	je stub_fast_call
	mov %ecx, 88(%r11)
	mov %rax, 704(%r11)
	mov %rdi, 712(%r11)
	mov %eax, 8(%r11)
	mov %rdi, 16(%r11)
	mov %rsi, 24(%r11)
	mov %rdx, 32(%r11)
	mov %r10, 40(%r11)
	mov %r8, 48(%r11)
	mov %r9, 56(%r11)
	mov $REQ, %ecx
	xchg %ecx, (%r11)
	mov $SPINS, %ecx
1:	cmpl $REPLY, (%r11)
	jae 2f
	pause
	dec %ecx
	jnz 1b
	mov $REQ, %eax			/* give up: nobody has taken it? */
	lock cmpxchg %ecx, (%r11)	/* ecx is 0: FAST_IDLE */
	jne 3f
	mov 704(%r11), %rax
	jmp 4f
3:	mov $BUSY, %eax
	mov $BUSY_BELL, %ecx
	lock cmpxchg %ecx, (%r11)
	jne 2f				/* answered meanwhile */
	jmp stub_fast_bell
	.globl stub_fast_rung
stub_fast_rung:				/* rdi, r11 and the flags are spoiled, rax is the bell's answer */
	rdgsbase %r11
	mov 712(%r11), %rdi
2:	mov 704(%r11), %rax
	cmpl $REPLY, (%r11)
	movl $0, (%r11)
	jne 4f				/* FAST_SLOW */
	mov 16(%r11), %rax
	cmpl $0, 4(%r11)		/* fast_pending */
stub_fast_end:
	je stub_fast_out
	movl $0, 4(%r11)
stub_fast_trap:
	ud2				/* the handler turns it into the interrupt, and goes on at stub_fast_out */
4:	cmpl $0, 4(%r11)
	je stub_fast_call
	movl $0, 4(%r11)		/* the interrupt came before the call: it may as well come after it */
	jmp stub_fast_trap_before
	.balign 16
stub_fast_call:
	syscall
stub_fast_out:
	ret
	.globl stub_fast_trap_before
stub_fast_trap_before:
	ud2				/* the same, going on at stub_fast_call */

/*
 * Where a watched guest's futex calls are made after the sentry has seen them: the watching filter lets them through from here
 * alone. The trap behind brings the result to the sentry.
 */
	.globl stub_native
	.balign 16
stub_native:
	syscall
	ud2

	.text
	.globl stub_fast_bell, stub_fast_bell_end
stub_fast_bell:
	mov $4, %edi			/* BELL_FAST */
	mov $0x7fb, %eax		/* STUB_BELL */
	syscall
	test %rax, %rax
	js 1f
	jmp stub_fast_rung
stub_fast_bell_end:
1:	mov $231, %eax			/* the sentry is gone */
	mov $1, %edi
	syscall
	ud2

	.bss
	.balign 64
	.skip 8192
stub_boot_stack_end:

	.section .note.GNU-stack, "", @progbits
