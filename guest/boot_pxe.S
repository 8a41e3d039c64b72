/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_pxe: a boot file of a network ("network bootstrap program"; Intel, Preboot Execution
 * Environment 2.1). What has fetched it has put it at 0000:7c00, as a boot sector, and left
 * a pointer to its !PXE structure on the stack, behind the address to return to. It asks
 * that, by PXENV_GET_CACHED_INFO, what DHCP has said, and prints on the debug console
 *
 *	pxe file=NAME server=0A000202		hexadecimal
 *
 * Built as boot_b8000.S is. tane run --boot net -n user,tftp=FOLDER,bootfile=NAME
 */
	.set	DEBUG_CONSOLE, 0xe9
	.set	PXE_SIGNATURE, 0x45585021	/* "!PXE" */
	.set	PXE_ENTRY, 0x10			/* EntryPointSP */
	.set	PXENV_GET_CACHED_INFO, 0x71
	.set	PACKET_DHCP_ACK, 2
	.set	BOOTP_SIADDR, 20
	.set	BOOTP_FILE, 108

	.code16
	.text
	.globl	_start
_start:
	movw	%sp, %bp
	lesw	%ss:4(%bp), %bx
	xorw	%ax, %ax
	movw	%ax, %ds
	cld
	movw	$no_pxe, %si
	cmpl	$PXE_SIGNATURE, %es:(%bx)
	jne	fail
	movl	%es:PXE_ENTRY(%bx), %eax
	movl	%eax, entry

	pushw	%ds
	pushw	$info
	pushw	$PXENV_GET_CACHED_INFO
	lcallw	*entry
	addw	$6, %sp
	xorw	%bx, %bx
	movw	%bx, %ds
	cld
	movw	$no_info, %si
	testw	%ax, %ax
	jnz	fail

	movw	$file, %si
	call	print
	lesw	buffer, %bx
	leaw	BOOTP_FILE(%bx), %si
	movw	%es, %ax
	movw	%ax, %ds
	call	print
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	$server, %si
	call	print
	movl	%es:BOOTP_SIADDR(%bx), %edx
	movw	$4, %cx
1:	movb	%dl, %al
	call	hex
	shrl	$8, %edx
	loop	1b
	movw	$end, %si
fail:
	call	print
	movw	$0x604, %dx			/* power off */
	movw	$0x2000, %ax
	outw	%ax, %dx
2:	hlt
	jmp	2b

hex:					/* AL as two digits */
	pushw	%ax
	shrb	$4, %al
	call	digit
	popw	%ax
	andb	$15, %al
digit:
	cmpb	$10, %al
	sbbb	$0x69, %al
	das
	outb	%al, $DEBUG_CONSOLE
	ret

print:					/* the text at DS:SI */
	lodsb
	testb	%al, %al
	jz	3f
	outb	%al, $DEBUG_CONSOLE
	jmp	print
3:	ret

file:	.asciz	"pxe file="
server:	.asciz	" server="
end:	.asciz	"\n"
no_pxe:	.asciz	"no !PXE structure\n"
no_info: .asciz	"no cached packet\n"

	.balign	4
entry:	.long	0			/* far pointer */
info:					/* t_PXENV_GET_CACHED_INFO */
	.word	0			/* Status */
	.word	PACKET_DHCP_ACK
	.word	0			/* BufferSize: where is yours? */
buffer:	.long	0			/* far pointer */
	.word	0			/* BufferLimit */

	.section .note.GNU-stack, "", @progbits
