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
	mov $0x8000000, %esi	/* SLOTS_SIZE */
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

	.bss
	.balign 64
	.skip 8192
stub_boot_stack_end:

	.section .note.GNU-stack, "", @progbits
