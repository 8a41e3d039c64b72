/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pam_loop_rom: firmware of 64 KiB that prints a dot on the debug console and then has all
 * segments below 1 MiB moved between RAM and ROM, for ever, as fast as it can.
 */
	.code16
	.text
	.globl	_start
_start:
	movb	$'.', %al
	outb	%al, $0xe9
	movl	$0x33333333, %ebx
1:	movl	$0x80000058, %esi	/* PAM0 to PAM2 */
	call	write
	movl	$0x8000005c, %esi	/* PAM3 to PAM6 */
	call	write
	notl	%ebx
	jmp	1b

write:					/* EBX to the register ESI */
	movl	%esi, %eax
	movw	$0xcf8, %dx
	outl	%eax, %dx
	movl	%ebx, %eax
	movb	$0xfc, %dl
	outl	%eax, %dx
	ret

	.org	0xfff0
	movw	$0x7c00, %sp
	jmp	_start
	.org	0x10000

	.section .note.GNU-stack, "", @progbits
