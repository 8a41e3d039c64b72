/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * setup: a bzImage as boot loaders see one, and what its real-mode code is given.
 *
 *	gcc -m32 -nostdlib -static -Wl,--oformat=binary,-Ttext=0,--build-id=none \
 *		-o setup.bzImage setup.S
 *	tane run --bios -k setup.bzImage -i FILE -p "words"
 *
 * One sector of setup code behind the boot sector, with the header of protocol 2.06, and
 * a page of "protected-mode code". The setup code prints on port 0xe9, line by line:
 *
 *	loader		type_of_loader and loadflags, in hexadecimal
 *	cmdline		the command line
 *	initrd		its address and size, then its first 16 bytes as they are
 *	code		the first 16 bytes of what lies at 1 MiB
 *	sum		the sum of all bytes of the initrd
 *
 * Then it powers off. High memory is reached with the segment limits of protected mode.
 */
	.set	PORT, 0xe9
	.set	PM1_CNT, 0x604
	.set	SLP_EN, 0x2000

	.code16
	.text
	.globl	_start
_start:
	.org	0x1f1
	.byte	1			/* setup_sects */
	.word	0
	.long	(code_end - code) / 16	/* syssize */
	.word	0, 0xffff, 0
	.word	0xaa55			/* boot_flag */
	.byte	0xeb, begin - 1f	/* jump */
1:	.ascii	"HdrS"
	.word	0x0206			/* version */
	.long	0
	.word	0, 0
type_of_loader:
	.byte	0
loadflags:
	.byte	1			/* LOADED_HIGH */
	.word	0
	.long	0x100000		/* code32_start */
ramdisk_image:
	.long	0
ramdisk_size:
	.long	0
	.long	0
heap_end_ptr:
	.word	0, 0
cmd_line_ptr:
	.long	0
	.long	0x37ffffff		/* initrd_addr_max */
	.long	0x1000
	.byte	0, 0
	.word	0
	.long	255			/* cmdline_size */
begin:
	movw	$(1f - _start), %bx	/* CS is 0x20 more: one segment for all */
	pushw	%ds
	pushw	%bx
	lretw
1:	cli
	cld
	movw	$(loader_text - _start), %si
	call	print
	movzbl	type_of_loader - _start, %eax
	call	print_hex
	movzbl	loadflags - _start, %eax
	call	print_hex
	movw	$(cmdline_text - _start), %si
	call	print
	movl	cmd_line_ptr - _start, %esi
	call	print_cmdline

	call	enter_unreal
	movw	$(initrd_text - _start), %si
	call	print
	movl	ramdisk_image - _start, %eax
	call	print_hex
	movl	ramdisk_size - _start, %eax
	call	print_hex
	movl	ramdisk_image - _start, %esi
	call	print_16
	movw	$(code_text - _start), %si
	call	print
	movl	$0x100000, %esi
	call	print_16
	movw	$(sum_text - _start), %si
	call	print
	call	sum
	call	print_hex
	movb	$'\n', %al
	outb	%al, $PORT
	movw	$SLP_EN, %ax
	movw	$PM1_CNT, %dx
	outw	%ax, %dx
1:	hlt
	jmp	1b

/* ES with a limit of 4 GiB and base 0. */
enter_unreal:
	xorl	%eax, %eax
	movw	%ds, %ax
	shll	$4, %eax
	addl	$(gdt - _start), %eax
	movl	%eax, gdt_pointer + 2 - _start
	lgdtl	gdt_pointer - _start
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	movw	$8, %bx
	movw	%bx, %es
	andb	$0xfe, %al
	movl	%eax, %cr0
	xorw	%bx, %bx
	movw	%bx, %es
	ret

print:
	lodsb
	testb	%al, %al
	jz	1f
	outb	%al, $PORT
	jmp	print
1:	ret

/* A text at the linear address ESI below 1 MiB. */
print_cmdline:
	pushw	%ds
	movl	%esi, %eax
	shrl	$4, %eax
	movw	%ax, %ds
	andl	$15, %esi
	call	print
	popw	%ds
	ret

print_16:
	movl	$16, %ecx
1:	movb	%es:(%esi), %al
	outb	%al, $PORT
	incl	%esi
	loopl	1b
	ret

sum:
	xorl	%eax, %eax
	movl	ramdisk_image - _start, %esi
	movl	ramdisk_size - _start, %ecx
	jecxz	2f
1:	movzbl	%es:(%esi), %ebx
	addl	%ebx, %eax
	incl	%esi
	decl	%ecx
	jnz	1b
2:	ret

/* EAX in eight digits and a space. */
print_hex:
	movl	%eax, %edx
	movw	$8, %cx
1:	roll	$4, %edx
	movb	%dl, %al
	andb	$15, %al
	addb	$'0', %al
	cmpb	$'9', %al
	jbe	2f
	addb	$'a' - '9' - 1, %al
2:	outb	%al, $PORT
	loop	1b
	movb	$' ', %al
	outb	%al, $PORT
	ret

loader_text:	.asciz	"loader "
cmdline_text:	.asciz	"\ncmdline "
initrd_text:	.asciz	"\ninitrd "
code_text:	.asciz	"\ncode "
sum_text:	.asciz	"\nsum "

	.balign	8
gdt:	.quad	0, 0x00cf92000000ffff
gdt_pointer:
	.word	15
	.long	0

	.org	1024
code:	.ascii	"code at one MiB!"
	.org	1024 + 4096
code_end:

	.section .note.GNU-stack, "", @progbits
