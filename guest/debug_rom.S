/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_rom: real-mode code for a debugger to look at, a ROM at 0x10000 (CS 0x1000), which
 * is also linked as an ELF file with symbols. It counts, writes a word, and prints "done".
 */
	.set	PORT, 0x01

	.code16
	.text
	.globl	_start, count, after_count, word, words_end
_start:
	movw	%cs, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0xf000, %sp
	xorl	%ebx, %ebx
	call	count
after_count:
	call	count
	movw	$0x1234, word - _start
words_end:
	movw	$text - _start, %si
	movw	$5, %cx
	movw	$PORT, %dx
	rep outsb
	hlt

count:
	incl	%ebx
	ret

	.balign	4
word:
	.word	0
text:
	.ascii	"done\n"

	.section .note.GNU-stack, "", @progbits
