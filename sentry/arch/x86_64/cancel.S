/* SPDX-License-Identifier: MIT */
/*
 * long arch_ioctl_cancellable(int fd, unsigned long request, void *arg, const _Atomic int *cancel)
 * An ioctl that is not begun once *cancel is set, and ends with -EINTR when the signal that announces it arrives: the
 * signal handler moves an ip between arch_ioctl_begin and arch_ioctl_end to arch_ioctl_cancelled, so that no wake-up falls
 * between the check and the call.
 */
	.text
	.globl arch_ioctl_cancellable, arch_ioctl_begin, arch_ioctl_end, arch_ioctl_cancelled
	.type arch_ioctl_cancellable, @function
arch_ioctl_cancellable:
	endbr64
	mov $16, %eax
arch_ioctl_begin:
	cmpl $0, (%rcx)
	jne arch_ioctl_cancelled
	syscall
arch_ioctl_end:
	ret
arch_ioctl_cancelled:
	mov $-4, %rax
	ret
	.size arch_ioctl_cancellable, . - arch_ioctl_cancellable
	.section .note.GNU-stack, "", @progbits
