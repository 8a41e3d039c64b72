/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_echo_port60: a boot sector that prints on COM1 what is typed, with no BIOS: it polls
 * the keyboard controller. Port 0x64 says whether there is a byte (bit 0), and whether it
 * is the mouse's (bit 5); port 0x60 has it: a code of scan code set 1, with bit 7 when the
 * key is released. Letters, digits, Space, Enter, Shift; Esc ends it. Built as boot_b8000.S
 * is.
 */
	.set	KBD_DATA, 0x60
	.set	KBD_STATUS, 0x64
	.set	COM1, 0x3f8
	.set	LSR_THRE, 0x20
	.set	DEBUG_EXIT, 0xf4
	.set	LEFT_SHIFT, 0x2a
	.set	ESC, 0x01

	.code16
	.text
	.globl	_start
_start:
	cli				/* the BIOS would take the bytes */
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$_start, %sp
	movb	$'>', %al
	call	putc

next:	inb	$KBD_STATUS, %al
	testb	$0x01, %al
	jz	next
	movb	%al, %ah
	inb	$KBD_DATA, %al
	testb	$0x20, %ah
	jnz	next
	cmpb	$LEFT_SHIFT, %al
	je	down
	cmpb	$(LEFT_SHIFT | 0x80), %al
	je	up
	cmpb	$ESC, %al
	je	end
	cmpb	$(keys_end - keys), %al	/* releases are above, too */
	jae	next
	movzbw	%al, %bx
	movb	keys(%bx), %al
	cmpb	$'a', %al
	jb	1f
	subb	shift, %al		/* a capital letter */
1:	testb	%al, %al
	jz	next
	call	putc
	jmp	next

down:	movb	$('a' - 'A'), shift
	jmp	next
up:	movb	$0, shift
	jmp	next

end:	movb	$0, %al			/* --debug-exit: the end, with status 1 */
	outb	%al, $DEBUG_EXIT
1:	hlt
	jmp	1b

putc:	movb	%al, %ah
	movw	$(COM1 + 5), %dx
1:	inb	%dx, %al
	testb	$LSR_THRE, %al
	jz	1b
	movb	%ah, %al
	movw	$COM1, %dx
	outb	%al, %dx
	ret

shift:	.byte	0
keys:	.ascii	"\0\0001234567890\0\0\0\0qwertyuiop\0\0\n\0asdfghjkl\0\0\0\0\0zxcvbnm"
	.ascii	"\0\0\0\0\0\0 "
keys_end:

	.org	510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
