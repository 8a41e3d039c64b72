/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * where: a ROM that prints the CS:IP it was entered at, such as "0000:7c00",
 * and a line feed. It runs at any address.
 */
	.set	PORT, 0x01

	.code16
	.text
	.globl	_start
_start:
	call	1f
1:	popw	%bx
	subw	$(1b - _start), %bx
	movw	%cs, %dx
	call	print
	movb	$':', %al
	outb	%al, $PORT
	movw	%bx, %dx
	call	print
	movb	$'\n', %al
	outb	%al, $PORT
	hlt

print:					/* DX as four hexadecimal digits */
	movw	$4, %cx
1:	rolw	$4, %dx
	movb	%dl, %al
	andb	$15, %al
	addb	$'0', %al
	cmpb	$'9', %al
	jbe	2f
	addb	$'a' - '9' - 1, %al
2:	outb	%al, $PORT
	loop	1b
	ret

	.section .note.GNU-stack, "", @progbits
