/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * second_cpu: where a second CPU begins: in real mode, on a page below 1 MiB, to
 * which second_start up to second_end is copied. It goes on in protected mode with flat
 * segments, at second_main() in C, on a stack of 4 KiB.
 */
	.text
	.code16
	.globl	second_start, second_size
second_start:
	cli
	lgdtl	%cs:gdt_pointer - second_start
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$8, $second_flat

gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
second_end:

	.balign	4
second_size:
	.long	second_end - second_start

	.code32
second_flat:
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$second_stack_end, %esp
	call	second_main
1:	hlt
	jmp	1b

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9a000000ffff	/* 8: code */
	.quad	0x00cf92000000ffff	/* 16: data */
gdt_end:

	.bss
	.balign	16
	.skip	4096
second_stack_end:

	.section .note.GNU-stack, "", @progbits
