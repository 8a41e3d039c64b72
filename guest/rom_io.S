/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rom_io: what the machine of a ROM has besides RAM and its one port: nothing.
 * Linked for address 0; give it 512K of memory. It prints a line each:
 *
 *	port 0x60, where nobody is, read as a byte, a word and a long word
 *	memory at 0x90000, where there is no RAM
 *	a text by `rep outsb`: the data moves on, the port does not
 *	four bytes of an absent port by `rep insb`, after 00 00 00 00
 */
	.set	PORT, 0x01
	.set	ABSENT, 0x60

	.code16
	.text
	.globl	_start
_start:
	movw	$0x8000, %sp
	xorl	%eax, %eax
	inb	$ABSENT, %al
	call	print
	xorl	%eax, %eax
	inw	$ABSENT, %ax
	call	print
	xorl	%eax, %eax
	inl	$ABSENT, %eax
	call	print

	movw	$0x9000, %ax
	movw	%ax, %ds
	movl	%ds:0, %eax
	call	print
	xorw	%ax, %ax
	movw	%ax, %ds

	cld
	movw	$text, %si
	movw	$(text_end - text), %cx
	movw	$PORT, %dx
	rep outsb

	movw	%ax, %es
	movw	$buffer, %di
	movw	$4, %cx
	movw	$ABSENT, %dx
	rep insb
	movl	buffer, %eax
	call	print
	hlt

print:					/* EAX as eight digits and a line feed */
	movl	%eax, %edx
	movw	$8, %cx
1:	roll	$4, %edx
	movb	%dl, %al
	andb	$15, %al
	addb	$'0', %al
	cmpb	$'9', %al
	jbe	2f
	addb	$'a' - '9' - 1, %al
2:	outb	%al, $PORT
	loop	1b
	movb	$'\n', %al
	outb	%al, $PORT
	ret

text:	.ascii	"rep outsb moves through the text\n"
text_end:
buffer:	.long	0

	.section .note.GNU-stack, "", @progbits
