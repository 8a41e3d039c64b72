/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_floppy: a boot sector of a floppy disk that uses it by the BIOS, and prints on
 * the debug console
 *
 *	drive=00 count=01 type=04 cylinder=4f head=01 sector=12		AH=08, all hexadecimal
 *	...		the text in cylinder 2, head 1, from sector 3 on, five sectors: AH=02
 *	write=00	AH=03: the text, to cylinder 3, head 0, sector 1
 *	verify=00	AH=04 of that
 *	error=01	AH=02 of sector 60, which no floppy disk has
 *
 * where write, verify and error are AH, 00 for success. Built as boot_b8000.S is, and made
 * as long as a floppy disk by zeros: tane run --console none --floppy FILE --debug-exit
 */
	.set	DEBUG_CONSOLE, 0xe9
	.set	DEBUG_EXIT, 0xf4
	.set	BUFFER, 0x8000

	.code16
	.text
	.globl	_start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$_start, %sp
	cld
	movb	%dl, drive

	movw	$is_drive, %si
	call	show			/* DL */
	movb	$0x08, %ah
	movb	drive, %dl
	xorw	%di, %di
	int	$0x13
	xorw	%di, %di
	movw	%di, %es		/* it has pointed ES:DI to a table */
	pushw	%cx
	pushw	%dx
	movw	$is_count, %si
	call	show
	movb	%bl, %dl
	movw	$is_type, %si
	call	show
	movb	%ch, %dl
	movw	$is_cylinder, %si
	call	show
	popw	%dx
	movb	%dh, %dl
	movw	$is_head, %si
	call	show
	popw	%dx			/* CX */
	andb	$0x3f, %dl
	movw	$is_sector, %si
	call	show
	movb	$'\n', %al
	call	putc

	movw	$0x0205, %ax
	movw	$0x0203, %cx
	movb	$1, %dh
	call	disk
	movw	$BUFFER, %si
	call	print

	movw	$0x0301, %ax
	movw	$0x0301, %cx
	movb	$0, %dh
	call	disk
	movw	$is_write, %si
	call	report
	movw	$0x0401, %ax
	movw	$0x0301, %cx
	movb	$0, %dh
	call	disk
	movw	$is_verify, %si
	call	report
	movw	$0x0201, %ax
	movw	$0x003c, %cx
	movb	$0, %dh
	call	disk
	movw	$is_error, %si
	call	report

	movb	$0, %al			/* --debug-exit: the end, with status 1 */
	outb	%al, $DEBUG_EXIT
	cli
1:	hlt
	jmp	1b

disk:					/* INT 0x13 with AX, CX, DH and the buffer */
	movb	drive, %dl
	movw	$BUFFER, %bx
	int	$0x13
	movb	%ah, %dl		/* what report shows */
	ret

report:					/* the text at SI, DL, and a new line */
	call	show
	movb	$'\n', %al
	jmp	putc

show:					/* the text at SI and DL */
	call	print
	movb	%dl, %al
	shrb	$4, %al
	call	digit
	movb	%dl, %al
	andb	$15, %al
digit:
	cmpb	$10, %al
	sbbb	$0x69, %al
	das
putc:					/* the character AL */
	outb	%al, $DEBUG_CONSOLE
	ret

print:					/* the text at SI */
	lodsb
	testb	%al, %al
	jz	1f
	call	putc
	jmp	print
1:	ret

drive:		.byte	0
is_drive:	.asciz	"drive="
is_count:	.asciz	" count="
is_type:	.asciz	" type="
is_cylinder:	.asciz	" cylinder="
is_head:	.asciz	" head="
is_sector:	.asciz	" sector="
is_write:	.asciz	"write="
is_verify:	.asciz	"verify="
is_error:	.asciz	"error="

	.org	510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
