/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milestone: tell tane that the guest has come this far.
 *
 *	milestone N
 *
 * writes the byte N (decimal) to the milestone register, I/O port 0xe8, from
 * user space: ioperm(2) opens the port, so no /dev/port is needed, which
 * Debian's cloud kernel lacks. It is a whole program without a C library, 64
 * bit and static; tools/initramfs builds it and puts it into the initramfs.
 * The exit status is 0, or 1 if N is missing or the port is refused: by the
 * kernel, or by the CPU, whose fault is caught. A CPU that QEMU emulates may
 * refuse it: it wants a TSS that is not busy, and KVM_SET_SREGS leaves one.
 */
	.set	SYS_rt_sigaction, 13
	.set	SYS_exit, 60
	.set	SYS_ioperm, 173
	.set	PORT, 0xe8
	.set	SIGSEGV, 11
	.set	SA_RESTORER, 0x04000000

	.text
	.globl	_start
_start:
	cmpl	$2, (%rsp)		/* argc */
	jne	fail
	movq	16(%rsp), %rsi		/* argv[1] */
	xorl	%ebx, %ebx
1:	movzbl	(%rsi), %eax
	subl	$'0', %eax
	cmpl	$9, %eax
	ja	2f			/* its end, or no digit */
	imull	$10, %ebx, %ebx
	addl	%eax, %ebx
	incq	%rsi
	jmp	1b
2:	movl	$SIGSEGV, %edi
	leaq	on_fault(%rip), %rsi
	xorl	%edx, %edx
	movl	$8, %r10d		/* size of its signal mask */
	movl	$SYS_rt_sigaction, %eax
	syscall
	movl	$PORT, %edi
	movl	$1, %esi		/* one port */
	movl	$1, %edx		/* on */
	movl	$SYS_ioperm, %eax
	syscall
	testq	%rax, %rax
	jnz	fail
	movl	%ebx, %eax
	outb	%al, $PORT
	xorl	%edi, %edi
	jmp	exit
fail:
	movl	$1, %edi
exit:
	movl	$SYS_exit, %eax
	syscall

	.section .rodata
	.balign	8
on_fault:				/* struct sigaction of the kernel */
	.quad	fail, SA_RESTORER, fail, 0

	.section .note.GNU-stack, "", @progbits
