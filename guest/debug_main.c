/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_main: a 64-bit kernel for a debugger to look at. It goes its way, and where there
 * is a choice a debugger makes it: by setting one of the variables that are 0.
 *
 * Link debug_start.S with it.
 */
#include "guest.h"

#define LAPIC_ICR_LOW  0xfee00300ul
#define LAPIC_ICR_HIGH 0xfee00310ul
#define ICR_INIT       0x4500u
#define ICR_STARTUP    0x4600u
#define SECOND_PAGE    0x8000ul

struct gate {
	uint16_t offset_low, selector, type, offset_middle;
	uint32_t offset_high, reserved;
};

struct __attribute__((packed)) table {
	uint16_t limit;
	uint64_t base;
};

extern const char second_start[], second_end[], on_debug[], on_breakpoint[];

/* Choices. */
volatile int with_second_cpu, with_exceptions, with_reset, with_fault, go_on;

/* What there is to see. */
volatile int own_debugs, own_breakpoints, second_count, spins;
volatile int word, other_word;

static struct gate idt[4];

void debug_main(void);
void second_main(void);
int count(int n);
void count_second(void);
void main_done(void);

__attribute__((noinline)) int count(int n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

__attribute__((noinline)) void count_second(void)
{
	second_count++;
}

__attribute__((noinline)) void main_done(void)
{
	__asm__ volatile("");
}

/* Where the second CPU gets to. */
void second_main(void)
{
	for (;;)
		count_second();
}

static void set_gate(unsigned vector, const char *handler)
{
	const uint64_t offset = (uint64_t)handler;

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)offset,
		.selector = 8,
		.type = 0x8e00,
		.offset_middle = (uint16_t)(offset >> 16),
		.offset_high = (uint32_t)(offset >> 32),
	};
}

/* INT3, and a single step over NOP. */
static void raise_exceptions(void)
{
	const struct table pointer = { sizeof(idt) - 1, (uint64_t)idt };

	set_gate(1, on_debug);
	set_gate(3, on_breakpoint);
	__asm__ volatile("lidt %0" : : "m"(pointer));
	__asm__ volatile("int3" : : : "memory");
	__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop" : : : "memory", "cc");
}

static void write_lapic(uint64_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

static void start_second_cpu(void)
{
	volatile char *to = (volatile char *)SECOND_PAGE;

	for (const char *from = second_start; from < second_end; from++)
		*to++ = *from;
	write_lapic(LAPIC_ICR_HIGH, 1u << 24);
	write_lapic(LAPIC_ICR_LOW, ICR_INIT);
	write_lapic(LAPIC_ICR_HIGH, 1u << 24);
	write_lapic(LAPIC_ICR_LOW, ICR_STARTUP | SECOND_PAGE >> 12);
	while (!second_count)
		;
}

static void fault(void)
{
	const struct table none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

void debug_main(void)
{
	int n = 1;

	n = count(n);
	n = count(n);
	word = 0x1234;
	other_word = word + n;
	if (with_exceptions)
		raise_exceptions();
	if (with_second_cpu)
		start_second_cpu();
	if (with_reset)
		outb(0xcf9, 6);
	if (with_fault)
		fault();
	main_done();
	while (!go_on)
		spins++;
	outb(DEBUG_CONSOLE, 'd');
	power_off();
}
