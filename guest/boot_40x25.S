/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_40x25: a boot sector that sets text mode 1, of 40 columns, by the BIOS, puts the
 * cursor into the middle, and prints there; a key then sets 80x50, the next one
 * graphics, the third 80x25, the fourth ends it. Built as boot_b8000.S is.
 */
	.set	DEBUG_EXIT, 0xf4

	.code16
	.text
	.globl	_start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
	cld

	movw	$0x0001, %ax		/* AH=0: set the mode */
	int	$0x10
	movb	$0x02, %ah		/* set the cursor's place */
	movb	$0, %bh			/* page 0 */
	movw	$(12 << 8 | 15), %dx	/* row 12, column 15 */
	int	$0x10
	movw	$wide, %si
	call	print

	call	key
	movw	$0x0003, %ax
	int	$0x10
	movw	$0x1112, %ax		/* the font of 8 lines: 50 rows */
	movb	$0, %bl
	int	$0x10
	movb	$0x02, %ah
	movb	$0, %bh
	movw	$(49 << 8), %dx
	int	$0x10
	movb	$0x01, %ah		/* no cursor */
	movw	$0x2000, %cx
	int	$0x10
	movw	$small, %si
	call	print

	call	key
	movw	$0x0013, %ax		/* 320x200, 256 colours */
	int	$0x10

	call	key
	movw	$0x0003, %ax
	int	$0x10
	movw	$again, %si
	call	print

	call	key
	movb	$0, %al			/* --debug-exit: the end, with status 1 */
	outb	%al, $DEBUG_EXIT
	cli
1:	hlt
	jmp	1b

key:					/* wait for one */
	movb	$0, %ah
	int	$0x16
	ret

print:					/* the string at SI */
	lodsb
	testb	%al, %al
	jz	1f
	movb	$0x0e, %ah
	movw	$0x0007, %bx
	int	$0x10
	jmp	print
1:	ret

wide:	.asciz	"40 columns"
small:	.asciz	"50 rows"
again:	.asciz	"text again"

	.org	510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
