/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pam_rom: firmware of 64 KiB for tests of the i440FX's PAM registers. It prints on the
 * debug console, for two segments and each way of routing them (PAM's RE and WE),
 *
 *	SEGMENT ROUTE VALUE READ RAM
 *
 * what it wrote to the segment's first byte, what it read there then, and what was in RAM,
 * all in hexadecimal. At 0xf0000 the ROM has 5A; at 0xc8000 there is none. Then
 *
 *	edge BYTE BYTE BYTE BYTE	RAM around 0xcc000, after a write of 44332211
 *					across it when it is RAM only below
 *	run AA				by code that runs in RAM that is read-only
 *
 * and the power goes off. The code runs at the top of 4 GiB, whatever PAM says.
 */
	.set	DEBUG_CONSOLE, 0xe9
	.set	PAM, 0x80000058		/* the register of PCI that PAM0 to PAM3 are in */

	.code16
	.text
	.globl	_start
_start:
	.byte	0x5a

start:
	xorw	%ax, %ax
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movb	$0x10, %bh		/* what is written */

	movw	$0xc800, %ax
	movw	%ax, %ds
	movl	$0x01000000, %ebp	/* PAM2, lower half */
	call	test
	movw	$0xf000, %ax
	movw	%ax, %ds
	movl	$0x1000, %ebp		/* PAM0, upper half */
	call	test

	movw	$0xc800, %ax
	movw	%ax, %ds
	movl	$0x03000000, %eax	/* 0xc8000 is RAM, 0xcc000 is not */
	call	set_pam
	movl	$0x44332211, 0x3ffe
	movl	$0x33000000, %eax
	call	set_pam
	movw	$edge - _start, %si
	call	print
	movw	$0x3ffe, %di
	movw	$4, %cx
1:	movb	(%di), %al
	call	hex
	movb	$' ', %al
	call	put
	incw	%di
	loop	1b
	call	newline

	movw	$run - _start, %si
	call	print
	movl	$0xcbaab0, 0		/* movb $0xaa, %al; lret */
	movl	$0x31000000, %eax
	call	set_pam
	lcall	$0xc800, $0
	call	hex
	call	newline

	movw	$0x604, %dx
	movw	$0x2000, %ax
	outw	%ax, %dx
1:	hlt
	jmp	1b

test:					/* the segment DS, whose route 1 is EBP */
	xorl	%esi, %esi
1:	movl	%esi, %eax
	mull	%ebp
	call	set_pam
	incb	%bh
	movb	%bh, 0
	movb	0, %bl
	movl	%ebp, %eax
	movl	$3, %edx
	mull	%edx
	call	set_pam
	movw	%ds, %ax
	xchgb	%ah, %al
	call	hex
	xchgb	%ah, %al
	call	hex
	movw	%si, %ax
	call	field
	movb	%bh, %al
	call	field
	movb	%bl, %al
	call	field
	movb	0, %al
	call	field
	call	newline
	incw	%si
	cmpw	$4, %si
	jne	1b
	ret

set_pam:				/* PAM0 to PAM2: EAX, behind its lowest byte */
	pushl	%eax
	movl	$PAM, %eax
	movw	$0xcf8, %dx
	outl	%eax, %dx
	popl	%eax
	movb	$0xfc, %dl
	outl	%eax, %dx
	ret

field:
	pushw	%ax
	movb	$' ', %al
	call	put
	popw	%ax
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
	jmp	put

newline:
	movb	$'\n', %al
put:					/* the character AL */
	outb	%al, $DEBUG_CONSOLE
	ret

print:					/* the text at SI */
	movb	%cs:(%si), %al
	incw	%si
	testb	%al, %al
	jz	1f
	call	put
	jmp	print
1:	ret

edge:	.asciz	"edge "
run:	.asciz	"run "

	.org	0xfff0
	jmp	start
	.org	0x10000

	.section .note.GNU-stack, "", @progbits
