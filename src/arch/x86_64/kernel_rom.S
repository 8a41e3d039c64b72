/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The option ROM that boots -k under firmware.
 *
 * BIOS scans option ROMs, finds by the $PnP header that this one can boot (BEV), and
 * calls it when its turn comes. The items of fw_cfg that hold a bzImage are moved to
 * their places by DMA, which reaches all of the first 4 GiB from real mode; then the
 * setup code of Linux is entered as by any boot loader (Linux, x86/boot.rst). All that
 * can be worked out on the host has been, in firmware_kernel.c, but how much RAM BIOS
 * keeps for itself at its end: the initrd goes below that.
 *
 * What fails leads to INT 18h, by which BIOS tries what comes next.
 */
#ifdef __CET__
#include <cet.h>
#endif

#define PORT_FW_CFG_DMA_LOW 0x518

#define KEY_KERNEL_ADDR  0x07
#define KEY_KERNEL_SIZE  0x08
#define KEY_INITRD_ADDR  0x0a
#define KEY_INITRD_SIZE  0x0b
#define KEY_KERNEL_DATA  0x11
#define KEY_INITRD_DATA  0x12
#define KEY_CMDLINE_ADDR 0x13
#define KEY_CMDLINE_SIZE 0x14
#define KEY_CMDLINE_DATA 0x15
#define KEY_SETUP_ADDR   0x16
#define KEY_SETUP_SIZE   0x17
#define KEY_SETUP_DATA   0x18

#define DMA_SELECT_READ 0x0a
#define DMA_ERROR_SWAPPED 0x01000000

/* Where a boot sector would be: the structure of a DMA, and a number that was read. */
#define DMA    0x7c00
#define NUMBER 0x7c10

#define STACK_TOP     0xe000 /* in the segment of the setup code: its heap ends there */
#define RAMDISK_IMAGE 0x218  /* of the setup header */
#define PAGE_MASK     -4096

	.section .rodata
	.balign	16
	.globl	kernel_rom
kernel_rom:
	.code16
	.byte	0x55, 0xaa
	.byte	(kernel_rom_end - kernel_rom) / 512
	lretw				/* nothing to set up */
	.org	kernel_rom + 0x1a
	.word	pnp - kernel_rom

	.balign	16
pnp:
	.ascii	"$PnP"
	.byte	1, (pnp_end - pnp) / 16
	.word	0			/* no further header */
	.byte	0, 0			/* reserved, checksum: filled in later */
	.long	0			/* device */
	.word	maker - kernel_rom, product - kernel_rom
	.byte	0x02, 0, 0		/* class: mass storage, of no kind */
	.byte	0x14			/* a read can be cached, an IPL device */
	.word	0, 0			/* no BCV, no disconnect vector */
	.word	boot - kernel_rom	/* BEV */
	.word	0, 0
pnp_end:
maker:	.asciz	"tane"
product: .asciz	"kernel of the command line (-k)"

/* What has a fixed place: keys of data, size and address. */
fixed:
	.byte	KEY_SETUP_DATA, KEY_SETUP_SIZE, KEY_SETUP_ADDR
	.byte	KEY_CMDLINE_DATA, KEY_CMDLINE_SIZE, KEY_CMDLINE_ADDR
	.byte	KEY_KERNEL_DATA, KEY_KERNEL_SIZE, KEY_KERNEL_ADDR
fixed_end:

boot:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$DMA, %sp
	sti
	cld
	movw	$(fixed - kernel_rom), %si
1:	movzbl	%cs:1(%si), %eax
	calll	read_number
	movl	%eax, %ecx
	movzbl	%cs:2(%si), %eax
	calll	read_number
	movl	%eax, %edx
	movzbl	%cs:(%si), %eax
	calll	read_item
	addw	$3, %si
	cmpw	$(fixed_end - kernel_rom), %si
	jne	1b
	calll	load_initrd

	movl	$KEY_SETUP_ADDR, %eax
	calll	read_number
	shrl	$4, %eax
	cli
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	movw	$STACK_TOP, %sp
	addw	$0x20, %ax
	pushw	%ax
	pushw	$0
	lretw

/* As high as the kernel and BIOS allow. */
load_initrd:
	movl	$KEY_INITRD_SIZE, %eax
	calll	read_number
	movl	%eax, %ecx
	jecxz	2f
	calll	end_of_memory
	movl	$KEY_INITRD_ADDR, %eax
	calll	read_number
	addl	%ecx, %eax		/* the end that the host wants */
	cmpl	%ebx, %eax
	jbe	1f
	movl	%ebx, %eax
1:	subl	%ecx, %eax
	andl	$PAGE_MASK, %eax
	movl	%eax, %edx
	movl	$KEY_INITRD_DATA, %eax
	calll	read_item
	movl	$KEY_SETUP_ADDR, %eax
	calll	read_number
	shrl	$4, %eax
	movw	%ax, %es
	movl	%edx, %es:RAMDISK_IMAGE
2:	retl

/* EBX: where RAM below 4 GiB ends, as BIOS sees it. Keeps ECX. */
end_of_memory:
	pushl	%ecx
	xorl	%ebx, %ebx
	xorl	%eax, %eax
	movw	$0xe801, %ax
	int	$0x15
	jc	fail
	movzwl	%bx, %ebx		/* blocks of 64 KiB above 16 MiB */
	testl	%ebx, %ebx
	jz	1f
	shll	$16, %ebx
	addl	$0x1000000, %ebx
	jmp	2f
1:	movzwl	%ax, %ebx		/* KiB between 1 and 16 MiB */
	shll	$10, %ebx
	addl	$0x100000, %ebx
2:	popl	%ecx
	retl

/* EAX: the item of key EAX, a number of 32 bits. Keeps all others. */
read_number:
	pushl	%ecx
	pushl	%edx
	movl	$4, %ecx
	movl	$NUMBER, %edx
	calll	read_item
	movl	NUMBER, %eax
	popl	%edx
	popl	%ecx
	retl

/* ECX bytes of the item of key EAX to address EDX. Keeps all but EAX. */
read_item:
	pushl	%ecx
	pushl	%edx
	shll	$16, %eax
	orl	$DMA_SELECT_READ, %eax
	bswapl	%eax
	movl	%eax, DMA
	bswapl	%ecx
	movl	%ecx, DMA + 4
	movl	$0, DMA + 8
	bswapl	%edx
	movl	%edx, DMA + 12
	movl	$DMA, %eax
	bswapl	%eax
	movw	$PORT_FW_CFG_DMA_LOW, %dx
	outl	%eax, %dx
1:	movl	DMA, %eax
	testl	$DMA_ERROR_SWAPPED, %eax
	jnz	fail
	testl	%eax, %eax
	jnz	1b
	popl	%edx
	popl	%ecx
	retl

fail:
	movw	%cs, %ax
	movw	%ax, %ds
	movw	$(message - kernel_rom), %si
1:	lodsb
	testb	%al, %al
	jz	2f
	movb	$0x0e, %ah
	movw	$0x0007, %bx
	int	$0x10
	jmp	1b
2:	int	$0x18

message: .asciz	"tane: fw_cfg did not give the kernel\r\n"

	.byte	0			/* so that there is a byte for the checksum */
	.balign	512
kernel_rom_end:

	.section .note.GNU-stack, "", @progbits
