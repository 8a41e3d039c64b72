/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flat_entry: where a flat 32-bit program begins that nobody has cleared memory for; the
 * first bytes of it. The rest is guest_main() in C, with nothing in its arguments.
 */
	.text
	.globl	_start
_start:
	cld
	movl	$__bss_start, %edi
	movl	$_end, %ecx
	subl	%edi, %ecx
	xorl	%eax, %eax
	rep stosb
	movl	$stack_end, %esp
	pushl	$0
	pushl	$0
	call	guest_main
1:	cli
	hlt
	jmp	1b

	.bss
	.balign	16
	.skip	16384
stack_end:

	.section .note.GNU-stack, "", @progbits
