/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * multiboot: header and entry of a small 32-bit multiboot 1 kernel, whose rest
 * is guest_main(magic, info) in C. Protected mode, flat segments as the loader
 * left them, no paging, interrupts off; a stack of 16 KiB.
 */
	.set	MAGIC, 0x1BADB002
	.set	FLAGS, 0x00000003	/* modules on pages, memory map wanted */

	.text			/* the header has to be in the first 8 KiB of the file */
	.balign	4
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.globl	_start
_start:
	movl	$stack_end, %esp
	pushl	%ebx
	pushl	%eax
	call	guest_main
1:	cli
	hlt
	jmp	1b

	.bss
	.balign	16
	.skip	16384
stack_end:

	.section .note.GNU-stack, "", @progbits
