/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_b8000: a boot sector that writes to the screen's memory, 0xb8000: a character and
 * an attribute for each cell. It calls no BIOS, so it runs as a ROM too:
 *
 *	gcc -m32 -nostdlib -static -Wl,--oformat=binary,-Ttext=0x7c00,--build-id=none \
 *		-o boot_b8000.bin boot_b8000.S
 *	tane run --rom boot_b8000.bin@0x7c00 --screen-dump /dev/stdout
 *	tane run -d boot_b8000.bin --display text
 */
	.set	DEBUG_EXIT, 0xf4
	.set	COLS, 80

	.code16
	.text
	.globl	_start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	$0xb800, %ax
	movw	%ax, %es
	cld

	movw	$text, %si		/* row 2, column 4: yellow on blue */
	movw	$((2 * COLS + 4) * 2), %di
	movb	$0x1e, %ah
1:	lodsb
	testb	%al, %al
	jz	2f
	stosw
	jmp	1b

2:	movw	$(24 * COLS * 2), %di	/* the last row: all attributes, a box of the BIOS's font */
	movw	$0x00db, %ax
	movw	$16, %cx
3:	stosw
	incb	%ah
	loop	3b

	movb	$0, %al			/* --debug-exit: the end, with status 1 */
	outb	%al, $DEBUG_EXIT
	cli
4:	hlt
	jmp	4b

text:	.asciz	"Hello, \xc9\xcd\xbb \x01 B8000"

	.org	510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
