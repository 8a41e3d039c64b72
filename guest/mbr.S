/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mbr: a boot sector, for tests of the machine with firmware. It prints on
 * the debug console, each on a line of its own,
 *
 *	mbr drive=80 boot=00		drive and how often this machine has booted
 *	e820 BASE LENGTH TYPE		each row of the memory map
 *	pam AA BB CC DD EE FF GG	the PAM registers as firmware left them
 *	f000 XX YY			a byte of the firmware, before and after a write
 *
 * and then does what the byte at 0x1b0 says: 'p' powers off; 'c', 'k', '9' and 't' reset the
 * machine by port 0xcf9, the 8042, port 0x92 and a triple fault when it boots for the
 * first time, and power off when for the second. The count is in the RTC's RAM.
 */
	.set	DEBUG_CONSOLE, 0xe9
	.set	CMOS_COUNT, 0x70
	.set	ENTRY, 0x1000		/* of the memory map */

	.code16
	.text
	.globl	_start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp

	movw	$drive, %si
	call	print
	movb	%dl, %al
	call	hex
	movw	$boot, %si
	call	print
	movb	$CMOS_COUNT, %al
	outb	%al, $0x70
	inb	$0x71, %al
	movb	%al, count
	incb	%al
	outb	%al, $0x71
	decb	%al
	call	hex
	call	newline

	xorl	%ebx, %ebx
1:	movl	$0xe820, %eax
	movl	$0x534d4150, %edx	/* "SMAP" */
	movl	$20, %ecx
	movw	$ENTRY, %di
	int	$0x15
	jc	3f
	movw	$e820, %si
	call	print
	movw	$(ENTRY + 7), %si
	call	hex64
	movw	$(ENTRY + 15), %si
	call	hex64
	movb	ENTRY + 16, %al
	call	hex
	call	newline
	testl	%ebx, %ebx
	jnz	1b
3:
	movw	$pam, %si
	call	print
	movl	$0x80000058, %ebx
4:	incl	%ebx			/* 0x59 to 0x5f */
	movl	%ebx, %eax
	andb	$0xfc, %al
	movw	$0xcf8, %dx
	outl	%eax, %dx
	movb	%bl, %dl
	andb	$3, %dl
	orb	$0xfc, %dl
	inb	%dx, %al
	call	hex
	cmpb	$0x5f, %bl
	jne	4b
	call	newline

	movw	$0xf000, %ax
	movw	%ax, %fs
	movw	$f000, %si
	call	print
	movb	%fs:0xfff0, %al
	call	hex
	notb	%al
	movb	%al, %fs:0xfff0
	movb	%fs:0xfff0, %al
	call	hex
	call	newline

	cmpb	$0, count
	jne	off
	movb	action, %al
	cmpb	$'c', %al
	jne	5f
	movw	$0xcf9, %dx
	movb	$6, %al
	outb	%al, %dx
5:	cmpb	$'k', %al
	jne	6f
	movb	$0xfe, %al
	outb	%al, $0x64
6:	cmpb	$'9', %al
	jne	7f
	inb	$0x92, %al
	orb	$1, %al
	outb	%al, $0x92
7:	cmpb	$'t', %al
	jne	off
	cli
	lidt	no_idt
	movl	%cr0, %eax		/* in protected mode no KVM overlooks its limit */
	incl	%eax
	movl	%eax, %cr0
	ud2
off:
	movw	$0x604, %dx
	movw	$0x2000, %ax
	outw	%ax, %dx
8:	hlt
	jmp	8b

hex64:					/* eight bytes that end at SI, and a blank */
	std
	movw	$8, %cx
1:	lodsb
	call	hex
	loop	1b
	cld
	movb	$' ', %al
	jmp	put

newline:
	movb	$'\n', %al
	jmp	put

hex:					/* AL as two digits */
	pushw	%ax
	shrb	$4, %al
	call	digit
	popw	%ax
	pushw	%ax
	andb	$15, %al
	call	digit
	popw	%ax
	ret
digit:
	cmpb	$10, %al
	sbbb	$0x69, %al
	das
put:					/* the character AL */
	outb	%al, $DEBUG_CONSOLE
	ret

print:					/* the text at SI */
	lodsb
	testb	%al, %al
	jz	1f
	call	put
	jmp	print
1:	ret

drive:	.asciz	"mbr drive="
boot:	.asciz	" boot="
e820:	.asciz	"e820 "
pam:	.asciz	"pam "
f000:	.asciz	"f000 "
no_idt:	.word	0
	.long	0
count:	.byte	0

	.org	0x1b0
action:	.byte	'p'
	.org	510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
