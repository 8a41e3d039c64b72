/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_start: the way of a small 64-bit kernel from its PVH entry, in protected mode, to
 * long mode at debug_main() in C, and that of a second CPU from real mode to second_main().
 * All with labels for a debugger. The low 4 GiB are mapped to themselves, the first 2 MiB
 * at 0xffffffff80000000 too.
 */
	.set	CR0_PG_PE, 0x80000001
	.set	CR4_PAE, 0x20
	.set	MSR_EFER, 0xc0000080
	.set	EFER_LME, 0x100
	.set	PTE, 3			/* present, writable */
	.set	PTE_LARGE, 0x83

	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	_start

	.text
	.code32
	.globl	_start, tables_done, start_64
_start:
	movl	$stack_end, %esp
	movl	$pdpt + PTE, pml4
	movl	$pdpt_high + PTE, pml4 + 511 * 8
	movl	$directories + PTE, pdpt_high + 510 * 8
	movl	$directories + PTE, %eax
	movl	$pdpt, %edi
	movl	$4, %ecx
1:	movl	%eax, (%edi)
	addl	$4096, %eax
	addl	$8, %edi
	loop	1b
	movl	$PTE_LARGE, %eax
	movl	$directories, %edi
	movl	$2048, %ecx
2:	movl	%eax, (%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	loop	2b
tables_done:
	call	enter_long_mode
	lgdt	gdt_pointer
	ljmp	$8, $start_64

	.code64
start_64:
	call	debug_main
3:	hlt
	jmp	3b

	/* For both CPUs; the code is the same in 16 and 32 bits but for its prefixes. */
	.macro	ENTER_LONG_MODE
	movl	%cr4, %eax
	orl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$CR0_PG_PE, %eax
	movl	%eax, %cr0
	.endm

	.code32
enter_long_mode:
	ENTER_LONG_MODE
	ret

	/* Copied to a page below 1 MiB: second_start up to second_end. */
	.code16
	.globl	second_start, second_end
second_start:
	cli
	ENTER_LONG_MODE
	lgdtl	%cs:gdt_pointer_here - second_start
	ljmpl	$8, $second_64
gdt_pointer_here:
	.word	gdt_end - gdt - 1
	.long	gdt
second_end:

	.code64
second_64:
	movl	$16, %eax
	movl	%eax, %ss
	movl	$second_stack_end, %esp
	call	second_main
4:	hlt
	jmp	4b

	/* Handlers of its own exceptions; single steps end with the first. */
	.globl	on_debug, on_breakpoint
on_debug:
	incl	own_debugs
	andq	$~0x100, 16(%rsp)
	iretq
on_breakpoint:
	incl	own_breakpoints
	iretq

	.balign	8
gdt:
	.quad	0
	.quad	0x00af9a000000ffff	/* 8: 64-bit code */
	.quad	0x00cf92000000ffff	/* 16: data */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt

	.bss
	.balign	4096
pml4:
	.skip	4096
pdpt:
	.skip	4096
pdpt_high:
	.skip	4096
directories:
	.skip	4 * 4096
	.skip	4096
stack_end:
	.skip	4096
second_stack_end:

	.section .note.GNU-stack, "", @progbits
