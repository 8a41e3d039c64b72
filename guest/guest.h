/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest: what the small 32-bit guests share: ports, numbers, texts, the debug
 * console, and the command line that a multiboot loader hands over.
 */
#ifndef TANE_GUEST_GUEST_H
#define TANE_GUEST_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#define DEBUG_CONSOLE 0xe9
#define POST_CODE     0x80 /* a port whose use changes nothing */
#define PM1_STS       0x600
#define PM1_CNT       0x604
#define PM1_PWRBTN    0x100
#define PM1_SLP_EN    0x2000
#define SLP_TYP_S5    5
#define PM_TIMER      0x608

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4], mmap_length, mmap_addr;
};

/* Called by multiboot.S. When it returns, the CPU halts. */
void guest_main(uint32_t loader_magic, const struct multiboot_info *loader_info);

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline void insb(uint16_t port, void *to, uint32_t count)
{
	__asm__ volatile("cld; rep insb" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static inline void outsb(uint16_t port, const void *from, uint32_t count)
{
	__asm__ volatile("cld; rep outsb"
			 : "+S"(from), "+c"(count)
			 : "d"(port)
			 : "memory");
}

static inline uint32_t length_of(const char *text)
{
	uint32_t n = 0;

	while (text[n])
		n++;
	return n;
}

static inline bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static inline void print(const char *text)
{
	outsb(DEBUG_CONSOLE, text, length_of(text));
}

/* The number in `digits` hexadecimal digits at `to`. */
static inline void format(char *to, uint32_t value, unsigned digits)
{
	while (digits--) {
		to[digits] = "0123456789abcdef"[value & 15];
		value >>= 4;
	}
}

static inline void print_hex(uint32_t value, unsigned digits)
{
	char text[9] = "";

	format(text, value, digits);
	print(text);
}

/* The next word of the text at *words, which moves on, or "" at its end. It is good
 * until the next call. */
static inline const char *take_word(const char **words)
{
	static char word[256];
	unsigned n = 0;

	while (**words == ' ')
		(*words)++;
	while (**words && **words != ' ' && n < sizeof(word) - 1)
		word[n++] = *(*words)++;
	word[n] = '\0';
	return word;
}

/* A hexadecimal number. */
static inline uint32_t number_of(const char *text)
{
	uint32_t value = 0;

	for (; *text; text++)
		value = value << 4 | (uint32_t)(*text <= '9' ? *text - '0'
							     : (*text | 0x20) - 'a' + 10);
	return value;
}

static inline void power_off(void)
{
	outw(PM1_CNT, SLP_TYP_S5 << 10 | PM1_SLP_EN);
}

#endif
