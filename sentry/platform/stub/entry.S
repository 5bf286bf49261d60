/* SPDX-License-Identifier: MIT */
/*
 * The stub's assembly: start, system calls, the signal return, and the first steps of cloned threads, which must not touch
 * the stack before it is their own.
 */
#include "site.h"

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
 * stub_site (docs/fastpath.md): entered by a jump with the registers of a system call, rcx = S, the address of the original
 * instruction, r11 free. It leaves to S with all else as it came (plain), or to S+2 with the result in rax. The guest's stack is
 * never touched. gs leads to the slot, unless the guest has set it. Signals in here: stub/site.c, which knows from the labels
 * where the guest's registers are.
 */
#define SAVED(n) SLOT_SAVED + 8 * (n)

	.section .text.fast, "ax"
	.globl stub_site, site_swapped, site_other, site_ours, site_stored, site_saved, site_call, site_called, site_leave
	.globl site_checked, site_trap, site_jump, site_end, site_fault
	.balign 64
stub_site:
	rdgsbase %r11
	bswap %r11
	lea 0x6f810000(%r11), %r11d	/* 0 if gs is in the 4 GiB from STUB_SLOTS on */
	xchg %rcx, %r11
site_swapped:
	jrcxz site_ours
	xchg %rcx, %r11
site_other:
	jmp *%rcx
	.balign 16
site_ours:
	rdgsbase %rcx
	mov %r11, SAVED(REG_IP)(%rcx)
	mov %rax, SAVED(REG_AX)(%rcx)
site_stored:
	lahf
	seto %al
	mov %eax, SAVED(REG_STATUS)(%rcx)
site_saved:
	mov SAVED(REG_AX)(%rcx), %eax
	cmp $MARSHAL_NR, %eax
	jae site_plain
	lea stub_how(%rip), %r11
	movzbl (%r11,%rax), %eax
	test SLOT_MODE(%rcx), %al	/* HOW_ANSWER, HOW_CALL: bits of the mode that it needs */
	jz site_plain
	test $HOW_IDENT, %al
	jz site_full
	and $HOW_WORD, %eax
	shr $HOW_SHIFT, %eax
	mov SLOT_IDENT(%rcx,%rax,4), %eax
site_answer:				/* rax is the result */
	mov %rax, %r11
	mov SAVED(REG_STATUS)(%rcx), %eax
	add $127, %al			/* OF again */
	sahf
	mov %r11, %rax
	mov SAVED(REG_IP)(%rcx), %r11
	lea 2(%r11), %r11
site_leave:				/* all as the guest shall have it, r11 is where it goes */
	mov SLOT_FAST_PENDING(%rcx), %ecx
site_checked:
	jrcxz 1f
site_trap:
	ud2				/* the interrupt that came in between */
1:	mov %r11, %rcx
site_jump:
	jmp *%rcx

	.balign 16
site_plain:
	mov SAVED(REG_STATUS)(%rcx), %eax
	add $127, %al
	sahf
	mov SAVED(REG_AX)(%rcx), %rax
	mov SAVED(REG_IP)(%rcx), %r11
	jmp site_leave

	.balign 16
site_full:
	mov %rdi, SAVED(REG_DI)(%rcx)
	mov %rsi, SAVED(REG_SI)(%rcx)
	mov %rdx, SAVED(REG_DX)(%rcx)
	mov %r10, SAVED(REG_R10)(%rcx)
	mov %r8, SAVED(REG_R8)(%rcx)
	mov %r9, SAVED(REG_R9)(%rcx)
	mov %rbx, SAVED(REG_BX)(%rcx)
	mov %rbp, SAVED(REG_BP)(%rcx)
	mov %r12, SAVED(REG_R12)(%rcx)
	mov %r13, SAVED(REG_R13)(%rcx)
	mov %r14, SAVED(REG_R14)(%rcx)
	mov %r15, SAVED(REG_R15)(%rcx)
	mov %rsp, SAVED(REG_SP)(%rcx)
site_call:				/* from here to site_called the registers are those of the slot */
	lea SLOT_FAST_STACK_TOP(%rcx), %rsp
	pushfq
	pop %rax
	mov %rax, SAVED(REG_FLAGS)(%rcx)
	cld
	mov %rcx, %rbx
	mov %rcx, %rdi
	call stub_fast_call		/* rax: the result, rdx: whether it is one */
	mov %rbx, %rcx
site_fault:				/* the same, from the signal handler */
	testl $0x400, SAVED(REG_FLAGS)(%rcx)
	jz 1f
	std
1:	test %edx, %edx
	mov SAVED(REG_DI)(%rcx), %rdi
	mov SAVED(REG_SI)(%rcx), %rsi
	mov SAVED(REG_DX)(%rcx), %rdx
	mov SAVED(REG_R10)(%rcx), %r10
	mov SAVED(REG_R8)(%rcx), %r8
	mov SAVED(REG_R9)(%rcx), %r9
	mov SAVED(REG_BX)(%rcx), %rbx
	mov SAVED(REG_BP)(%rcx), %rbp
	mov SAVED(REG_R12)(%rcx), %r12
	mov SAVED(REG_R13)(%rcx), %r13
	mov SAVED(REG_R14)(%rcx), %r14
	mov SAVED(REG_R15)(%rcx), %r15
	mov SAVED(REG_SP)(%rcx), %rsp
site_called:
	jnz site_answer
	jmp site_plain
site_end:

/*
 * Where a watched guest's futex calls are made after the sentry has seen them: the watching filter lets them through from here
 * alone. The trap behind brings the result to the sentry.
 */
	.globl stub_native
	.balign 16
stub_native:
	syscall
	ud2

	.bss
	.balign 64
	.skip 8192
stub_boot_stack_end:

	.section .note.GNU-stack, "", @progbits
