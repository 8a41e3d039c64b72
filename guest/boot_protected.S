/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_protected: a boot sector that switches to protected mode and prints from 32-bit
 * code, on COM1 and on the screen's memory.
 *
 * It opens the A20 gate, loads a GDT of two flat segments, sets CR0.PE and jumps. Above
 * 1 MiB, where real mode does not reach, it leaves a number and reads it back. Built as
 * boot_b8000.S is.
 */
	.set	FAST_A20, 0x92
	.set	COM1, 0x3f8
	.set	LSR_THRE, 0x20
	.set	DEBUG_EXIT, 0xf4
	.set	SCREEN, 0xb8000
	.set	CR0_PE, 0x01
	.set	CODE, 8
	.set	DATA, 16

	.text
	.globl	_start
	.code16
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	inb	$FAST_A20, %al
	orb	$2, %al
	andb	$~1, %al		/* bit 0 would reset the CPU */
	outb	%al, $FAST_A20
	lgdtl	gdtr
	movl	%cr0, %eax
	orl	$CR0_PE, %eax
	movl	%eax, %cr0
	ljmpl	$CODE, $protected

	.code32
protected:
	movw	$DATA, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$_start, %esp
	cld

	movl	$0x12345678, 0x100500
	movl	$0, 0x500		/* where that would be with the gate shut */
	cmpl	$0x12345678, 0x100500
	jne	end
	movl	$text, %esi
	movl	$SCREEN, %edi
1:	lodsb
	testb	%al, %al
	jz	end
	movb	$0x0f, %ah		/* white on black */
	stosw
	call	putc
	jmp	1b

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

text:	.asciz	"Hello from protected mode"

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* code, 32 bits, 4 GiB */
	.quad	0x00cf93000000ffff	/* data, 4 GiB */
gdtr:	.word	gdtr - gdt - 1
	.long	gdt

	.org	510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
