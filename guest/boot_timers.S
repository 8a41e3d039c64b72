/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_timers: a boot sector that uses the clocks of a PC, and prints on the debug
 * console a letter for each step that went as it should, or '!' and the end:
 *
 *	o	timer 2 (8254, mode 0): OUT, bit 5 of port 0x61, is low while it counts
 *	O	... and goes high when its 55 ms are over
 *	r	bit 4 of that port, the refresh of memory, goes up and down
 *	s	bit 1, the speaker, reads as it was written
 *	t	timer 0 interrupts a thousand times a second: ten times
 *	p	the real-time clock's periodic interrupt, 1024 a second: ten times
 *	a	... and its alarm, a second or two from now
 *
 * The gate of timer 2, bit 0, is open: KVM's timer counts in mode 0 without it too, which
 * one of metal does not. All waiting is HLT, which an interrupt ends. Built as boot_b8000.S
 * is.
 */
	.set	DEBUG_CONSOLE, 0xe9
	.set	DEBUG_EXIT, 0xf4
	.set	PIT_0, 0x40
	.set	PIT_2, 0x42
	.set	PIT_MODE, 0x43
	.set	CONTROL, 0x61
	.set	PIC_1, 0x20
	.set	PIC_2, 0xa0
	.set	RTC, 0x70

	.code16
	.text
	.globl	_start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$_start, %sp
	movw	$timer, 0x08 * 4
	movw	%ax, 0x08 * 4 + 2
	movw	$clock, 0x70 * 4
	movw	%ax, 0x70 * 4 + 2
	movb	$0xfa, %al		/* all but timer and cascade are masked */
	outb	%al, $PIC_1 + 1
	movb	$0xfe, %al		/* and but the clock */
	outb	%al, $PIC_2 + 1
	movb	$0x34, %al		/* timer 0, mode 2: 1193 Hz */
	outb	%al, $PIT_MODE
	movb	$0xe8, %al
	outb	%al, $PIT_0
	movb	$0x03, %al
	outb	%al, $PIT_0

	inb	$CONTROL, %al
	andb	$~3, %al
	orb	$1, %al
	outb	%al, $CONTROL
	/* Whoever is not let run for 55 ms sees it high at once: it has ten tries. */
	movw	$10, %cx
1:	movb	$0xb0, %al
	outb	%al, $PIT_MODE
	movb	$0xff, %al
	outb	%al, $PIT_2
	outb	%al, $PIT_2
	inb	$CONTROL, %al
	testb	$0x20, %al
	loopnz	1b
	movb	$'o', %bl
	call	step_if_zero
	movw	$2000, %cx		/* looks, one in a millisecond */
2:	pushw	%cx
	movw	$1, %cx
	call	wait_timer
	popw	%cx
	inb	$CONTROL, %al
	xorb	$0x20, %al
	testb	$0x20, %al
	loopnz	2b
	movb	$'O', %bl
	call	step_if_zero

	movb	$'r', %bl
	xorw	%cx, %cx		/* 65536 looks */
	inb	$CONTROL, %al
	movb	%al, %ah
1:	inb	$CONTROL, %al
	xorb	%ah, %al
	testb	$0x10, %al
	loopz	1b
	xorb	$0x10, %al
	testb	$0x10, %al
	call	step_if_zero

	movb	$'s', %bl
	inb	$CONTROL, %al
	orb	$2, %al
	outb	%al, $CONTROL
	inb	$CONTROL, %al
	notb	%al
	testb	$3, %al
	call	step_if_zero

	movw	$10, %cx
	call	wait_timer
	movb	$'t', %al
	call	putc

	movb	$0x0a, %al		/* the periodic rate */
	movb	$0x26, %ah
	call	set_clock
	movb	$0x0b, %al		/* PIE, 24 hours */
	movb	$0x42, %ah
	call	set_clock
	movw	$0, clocks
1:	call	wait
	cmpw	$10, clocks
	jb	1b
	movb	$'p', %al
	call	putc

	movb	$0x0b, %al
	movb	$0x02, %ah
	call	set_clock
	movb	$1, %al			/* alarm: any hour, any minute, any second */
	movb	$0xff, %ah
	call	set_clock
	movb	$3, %al
	call	set_clock
	movb	$5, %al
	call	set_clock
	movb	$0x0b, %al		/* AIE */
	movb	$0x22, %ah
	call	set_clock
1:	call	wait
	testb	$0x20, flags		/* AF; the PIC may still have had a periodic one */
	jz	1b
	movb	$'a', %al
	call	putc
	jmp	end

step_if_zero:				/* print BL, or it is the end */
	jnz	bad
	pushw	%ax
	movb	%bl, %al
	call	putc
	popw	%ax
	ret
bad:	movb	$'!', %al
	call	putc
end:	movb	$0, %al			/* --debug-exit: the end, with status 1 */
	outb	%al, $DEBUG_EXIT
1:	hlt
	jmp	1b

wait_timer:				/* CX interrupts of the timer */
	movw	$0, timers
1:	call	wait
	cmpw	%cx, timers
	jb	1b
	ret

wait:	sti
	hlt
	cli
	ret

set_clock:				/* register AL := AH; and register C forgets */
	outb	%al, $RTC
	movb	%ah, %al
	outb	%al, $RTC + 1
	movb	$0x0c, %al
	outb	%al, $RTC
	inb	$RTC + 1, %al
	ret

timer:					/* interrupt 0 */
	pushw	%ax
	incw	timers
	movb	$0x20, %al
	outb	%al, $PIC_1
	popw	%ax
	iret

clock:					/* interrupt 8 */
	pushw	%ax
	incw	clocks
	movb	$0x0c, %al
	outb	%al, $RTC
	inb	$RTC + 1, %al
	movb	%al, flags
	movb	$0x20, %al
	outb	%al, $PIC_2
	outb	%al, $PIC_1
	popw	%ax
	iret

putc:					/* the character AL */
	outb	%al, $DEBUG_CONSOLE
	ret

timers:	.word	0
clocks:	.word	0
flags:	.byte	0

	.org	510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
