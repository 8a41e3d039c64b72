/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_drives: a boot sector that reads from and writes to where it came from by the
 * BIOS, and prints on the debug console. From a disk:
 *
 *	drive=80
 *	CHS: TEXT	sector 2 of cylinder 0, head 0 (INT 0x13, AH=0x02)
 *	CHS: TEXT	sector 5 of cylinder 1, head 3
 *	LBA: TEXT	sector 500 (AH=0x42)
 *	written		sector 500 to 501 (AH=0x43) and to sector 9 (AH=0x03)
 *
 * and from a CD-ROM (drive 0xe0 or above), started by El Torito without emulation:
 *
 *	drive=E0
 *	LBA: CD001	the volume descriptor in sector 16
 *
 * Then it ends by debug exit with 0, or with 1 where a call failed. Built as boot_b8000.S.
 */
	.set	DEBUG_CONSOLE, 0xe9
	.set	DEBUG_EXIT, 0xf4
	.set	BUFFER, 0x8000

	.code16
	.text
	.globl	_start
_start:
	ljmp	$0, $1f
1:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movb	%dl, drive
	movw	$drive_is, %si
	call	print
	movb	%dl, %al
	call	hex
	call	newline
	cmpb	$0xe0, %dl
	jae	cdrom

	movw	$0x0002, %cx		/* cylinder 0, sector 2 */
	movb	$0, %dh
	call	read_chs
	movw	$0x0105, %cx		/* cylinder 1, sector 5 */
	movb	$3, %dh
	call	read_chs
	movl	$500, lba
	call	read_lba
	movw	$BUFFER, %si
	call	print
	call	newline

	movl	$501, lba
	movw	$0x4300, %ax
	call	by_packet
	movw	$0x0301, %ax		/* write one sector ... */
	movw	$0x000a, %cx		/* ... to sector 10 of the track */
	movb	$0, %dh
	movw	$BUFFER, %bx
	call	bios
	movw	$written, %si
	call	print
	jmp	end

cdrom:
	movl	$16, lba
	call	read_lba
	movb	$0, BUFFER + 6
	movw	$(BUFFER + 1), %si
	call	print
	call	newline
end:	xorw	%ax, %ax
	outb	%al, $DEBUG_EXIT
	hlt

read_chs:
	movw	$0x0201, %ax
	movw	$BUFFER, %bx
	call	bios
	movw	$chs, %si
	call	print
	movw	$BUFFER, %si
	call	print
	jmp	newline

read_lba:
	movw	$0x4200, %ax
	call	by_packet
	movw	$lba_is, %si
	jmp	print

by_packet:
	movw	$packet, %si
bios:	movb	drive, %dl
	int	$0x13
	jc	failed
	ret

failed:	movb	$1, %al
	outb	%al, $DEBUG_EXIT
	hlt

print:	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, $DEBUG_CONSOLE
	jmp	print
2:	ret

newline:
	movb	$'\n', %al
	outb	%al, $DEBUG_CONSOLE
	ret

hex:	pushw	%ax
	shrb	$4, %al
	call	3f
	popw	%ax
3:	andb	$15, %al
	cmpb	$10, %al
	jb	4f
	addb	$('A' - '0' - 10), %al
4:	addb	$'0', %al
	outb	%al, $DEBUG_CONSOLE
	ret

drive_is: .asciz "drive="
chs:	.asciz	"CHS: "
lba_is:	.asciz	"LBA: "
written: .asciz	"written\n"
	.balign	4
packet:	.byte	16, 0
	.word	1
	.word	BUFFER, 0
lba:	.quad	0
drive:	.byte	0
	.org	510
	.word	0xaa55
