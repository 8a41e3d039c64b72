/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello: the smallest guest. Real mode, 41 bytes, no data, no stack.
 *
 *	gcc -m32 -nostdlib -static -Wl,--oformat=binary,-Ttext=0,--build-id=none \
 *		-o hello.rom hello.S
 *	tane run --rom hello.rom
 *
 * Each letter is an OUT to port 0x01, which prints it; HLT, with nothing that
 * could interrupt it, ends the machine.
 */
	.set	PORT, 0x01
	.set	SPACE, 0x20

	.code16
	.text
	.globl	_start
_start:
	.irp	letter, 'H, 'e, 'l, 'l, 'o, SPACE, 'K, 'V, 'M, '!
	movb	$\letter, %al
	outb	%al, $PORT
	.endr
	hlt

	.section .note.GNU-stack, "", @progbits
