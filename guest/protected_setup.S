/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protected_setup: what makes a bzImage of a flat 32-bit program, so that firmware boots it
 * as it boots Linux: boot sector and setup code, 1024 bytes, with the program behind them
 * (and its size, in paragraphs, at 0x1f4).
 *
 *	gcc -m32 -nostdlib -static -Wl,--oformat=binary,-Ttext=0,--build-id=none \
 *		-o setup protected_setup.S
 *
 * It enters the program at 1 MiB, in protected mode with flat segments.
 */
	.code16
	.text
	.globl	_start
_start:
	.org	0x1f1
	.byte	1			/* setup_sects */
	.word	0
	.long	0			/* syssize: filled in later */
	.word	0, 0xffff, 0
	.word	0xaa55			/* boot_flag */
	.byte	0xeb, begin - 1f	/* jump */
1:	.ascii	"HdrS"
	.word	0x0206			/* version */
	.long	0
	.word	0, 0
	.byte	0			/* type_of_loader */
	.byte	1			/* loadflags: LOADED_HIGH */
	.word	0
	.long	0x100000		/* code32_start */
	.long	0, 0			/* initrd */
	.long	0
	.word	0, 0
	.long	0			/* cmd_line_ptr */
	.long	0x37ffffff		/* initrd_addr_max */
	.long	0x1000
	.byte	0, 0
	.word	0
	.long	255			/* cmdline_size */
begin:
	cli
	xorl	%eax, %eax
	movw	%ds, %ax
	shll	$4, %eax
	addl	$(gdt - _start), %eax
	movl	%eax, gdt_pointer + 2 - _start
	lgdtl	gdt_pointer - _start
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	ljmpl	$0x08, $0x100000

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff
gdt_pointer:
	.word	23
	.long	0

	.org	1024

	.section .note.GNU-stack, "", @progbits
