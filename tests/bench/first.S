/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * first: the first process of the guest, before /init (rdinit=/first).
 *
 * It says "bench: init" on the console, which is when the kernel's part of the
 * boot has ended, and becomes /init. 64 bit, static, without a C library.
 */
	.set	SYS_write, 1
	.set	SYS_execve, 59
	.set	SYS_exit, 60

	.text
	.globl	_start
_start:
	movl	$1, %edi
	leaq	message(%rip), %rsi
	movl	$message_end - message, %edx
	movl	$SYS_write, %eax
	syscall
	leaq	path(%rip), %rdi
	leaq	8(%rsp), %rsi		/* argv */
	movq	(%rsp), %rax		/* argc */
	leaq	16(%rsp, %rax, 8), %rdx	/* envp */
	movl	$SYS_execve, %eax
	syscall
	movl	$1, %edi
	movl	$SYS_exit, %eax
	syscall

	.section .rodata
message:
	.ascii	"bench: init\n"
message_end:
path:
	.asciz	"/init"

	.section .note.GNU-stack, "", @progbits
