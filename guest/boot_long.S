/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_long: a boot sector that switches to long mode and prints from 64-bit code, on COM1
 * and on the screen's memory.
 *
 * It maps the first 2 MiB to themselves by one large page, sets CR4.PAE, CR3, EFER.LME and
 * CR0.PG, and jumps to a 64-bit code segment, straight from real mode: CR0.PE and CR0.PG
 * may be set by the same MOV. The number that it prints does not fit into 32 bits. Built
 * as boot_b8000.S is.
 */
	.set	COM1, 0x3f8
	.set	LSR_THRE, 0x20
	.set	DEBUG_EXIT, 0xf4
	.set	SCREEN, 0xb8000
	.set	PML4, 0x1000
	.set	PDPT, 0x2000
	.set	PD, 0x3000
	.set	PAGE_PRESENT_RW, 0x03
	.set	PAGE_LARGE, 0x80
	.set	MSR_EFER, 0xc0000080
	.set	EFER_LME, 0x100
	.set	CR4_PAE, 0x20
	.set	CR0_PE_PG, 0x80000001
	.set	CODE, 8

	.text
	.globl	_start
	.code16
_start:
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	$PML4, %di
	movw	$(3 * 0x1000 / 2), %cx
	rep stosw
	movw	$(PDPT | PAGE_PRESENT_RW), PML4
	movw	$(PD | PAGE_PRESENT_RW), PDPT
	movw	$(PAGE_LARGE | PAGE_PRESENT_RW), PD

	movl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$PML4, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	lgdtl	gdtr
	movl	%cr0, %eax
	orl	$CR0_PE_PG, %eax
	movl	%eax, %cr0
	ljmpl	$CODE, $long_mode

	.code64
long_mode:
	xorl	%eax, %eax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$_start, %esp
	movl	$text, %esi
	movl	$SCREEN, %edi
1:	lodsb
	testb	%al, %al
	jz	2f
	call	putc
	jmp	1b

2:	movl	$0x89abcdef, %ebx
	movl	$0x01234567, %eax
	shlq	$32, %rax
	orq	%rax, %rbx
	movl	$16, %ecx
3:	rolq	$4, %rbx
	movb	%bl, %al
	andb	$15, %al
	addb	$'0', %al
	cmpb	$'9', %al
	jbe	4f
	addb	$('a' - '9' - 1), %al
4:	call	putc
	decl	%ecx
	jnz	3b

	movb	$0, %al			/* --debug-exit: the end, with status 1 */
	outb	%al, $DEBUG_EXIT
5:	hlt
	jmp	5b

putc:	movb	$0x0f, %ah		/* white on black */
	stosw
	movb	%al, %ah
	movw	$(COM1 + 5), %dx
1:	inb	%dx, %al
	testb	$LSR_THRE, %al
	jz	1b
	movb	%ah, %al
	movw	$COM1, %dx
	outb	%al, %dx
	ret

text:	.asciz	"Hello from long mode: "

	.balign	8
gdt:	.quad	0
	.quad	0x00af9b000000ffff	/* code, 64 bits */
gdtr:	.word	gdtr - gdt - 1
	.long	gdt

	.org	510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
