/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_int10: a boot sector that prints the letter A by the BIOS: INT 0x10, AH=0x0e
 * (teletype output). Built as boot_b8000.S is.
 */
	.set	DEBUG_EXIT, 0xf4

	.code16
	.text
	.globl	_start
_start:
	movw	$0x0e41, %ax		/* AL: the letter */
	movw	$0x0007, %bx		/* page 0 */
	int	$0x10

	movb	$0, %al			/* --debug-exit: the end, with status 1 */
	outb	%al, $DEBUG_EXIT
	cli
1:	hlt
	jmp	1b

	.org	510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
