/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_echo_int16: a boot sector that prints what is typed, by the BIOS: INT 0x16, AH=0
 * (wait for a key) and INT 0x10, AH=0x0e. Keys that are no character show as their scan
 * code, such as [48]. Esc ends it. Built as boot_b8000.S is.
 *
 *	tane run --display text -d boot_echo_int16
 */
	.set	DEBUG_EXIT, 0xf4
	.set	ESC, 27

	.code16
	.text
	.globl	_start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$_start, %sp
	cld
	sti

	movw	$prompt, %si
1:	lodsb
	testb	%al, %al
	jz	next
	call	putc
	jmp	1b

next:	movb	$0, %ah
	int	$0x16			/* AL: character, AH: scan code */
	cmpb	$ESC, %al
	je	end
	testb	%al, %al
	jz	code
	cmpb	$0xe0, %al		/* the keys that a PC/AT did not have */
	je	code
	call	putc
	cmpb	$'\r', %al
	jne	next
	movb	$'\n', %al
	call	putc
	jmp	next

code:	movb	%ah, %dl
	movb	$'[', %al
	call	putc
	movb	%dl, %al
	shrb	$4, %al
	call	digit
	movb	%dl, %al
	andb	$15, %al
	call	digit
	movb	$']', %al
	call	putc
	jmp	next

end:	movb	$0, %al			/* --debug-exit: the end, with status 1 */
	outb	%al, $DEBUG_EXIT
	cli
1:	hlt
	jmp	1b

digit:	addb	$'0', %al		/* AL, 0 to 15, and on to putc */
	cmpb	$'9', %al
	jbe	putc
	addb	$('a' - '9' - 1), %al

putc:	movb	$0x0e, %ah
	movw	$0x0007, %bx		/* page 0 */
	int	$0x10
	ret

prompt:	.asciz	"type> "

	.org	510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
