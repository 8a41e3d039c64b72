/* SPDX-License-Identifier: BSD-2-Clause */
/* The program of this folder as data, see src/boot/initramfs.c. */
	.section .rodata
	.global	init_image, init_image_size
	.hidden	init_image, init_image_size
	.balign	16
init_image:
	.incbin	INIT
init_image_end:

	.balign	8
init_image_size:
	.8byte	init_image_end - init_image

	.section .note.GNU-stack, "", %progbits
