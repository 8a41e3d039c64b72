/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_sector2: a boot sector that reads the disk's second sector by the BIOS, in both
 * ways there are, and prints on the debug console what it says:
 *
 *	INT 0x13, AH=0x02	by cylinder, head and sector, as floppies have them
 *	INT 0x13, AH=0x42	by the number of the block ("extensions", disks only)
 *
 * Built as boot_b8000.S is. A disk: tane run -d boot_sector2; a floppy: pad it with zeros
 * to 1440K first.
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

	movw	$by_chs, %si
	call	print
	movw	$0x0201, %ax		/* one sector */
	movw	$0x0002, %cx		/* cylinder 0, sector 2: they count from 1 */
	movb	drive, %dl
	movb	$0, %dh			/* head 0 */
	movw	$BUFFER, %bx
	int	$0x13
	call	report

	movw	$by_lba, %si
	call	print
	movb	$0x42, %ah
	movb	drive, %dl
	movw	$packet, %si
	int	$0x13
	call	report

	movb	$0, %al			/* --debug-exit: the end, with status 1 */
	outb	%al, $DEBUG_EXIT
	cli
1:	hlt
	jmp	1b

report:					/* CF, AH: how it went; clears the buffer */
	movw	$failed, %si
	jc	print
	movw	$BUFFER, %si
	call	print
	movb	$0, BUFFER
	ret

print:					/* the text at SI */
	lodsb
	testb	%al, %al
	jz	1f
	outb	%al, $DEBUG_CONSOLE
	jmp	print
1:	ret

drive:	.byte	0
by_chs:	.asciz	"AH=02: "
by_lba:	.asciz	"AH=42: "
failed:	.asciz	"cannot read\n"

	.balign	4
packet:	.byte	16, 0			/* its size */
	.word	1			/* blocks */
	.word	BUFFER, 0		/* offset, segment */
	.quad	1			/* the first block; they count from 0 */

	.org	510
	.word	0xaa55

	.asciz	"this is sector 2\n"
	.org	1024

	.section .note.GNU-stack, "", @progbits
