/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * monitor: a guest that does what its command line says, for tests.
 *
 * A multiboot kernel without interrupts, paging or floating point, so that it
 * runs on any KVM. The command line is a list of words: commands, each followed
 * by its arguments, which are hexadecimal numbers or texts without a space.
 * What a command finds out it prints as one line, "COMMAND ARGUMENT = VALUE",
 * on the debug console (port 0xe9). At the end it powers off.
 *
 *	inb P, inw P, inl P		read port P
 *	outb P V, outw P V, outl P V	write it
 *	insb P N			read it N times by one `rep insb`
 *	outsb P TEXT			write TEXT by one `rep outsb`
 *	rdb A, rdw A, rdl A		read memory
 *	wrb A V, wrw A V, wrl A V	write it
 *	until P MASK V			read port P until the bits of MASK are V, or too long
 *	wait N				let N sixteenths of a second pass
 *	say TEXT			print it
 *	com1 TEXT			print it and a line feed on COM1, as a driver does
 *	lines N				print N numbered lines on COM1, as a driver does
 *	blast N				the same, without asking whether there is room
 *	debuglines N			the same on the debug console
 *	receive N			take N bytes from COM1; their sum (Fletcher's)
 *	info				what the loader handed over
 *	cpuid LEAF SUBLEAF
 *	boots				count boots in the RTC's RAM, say which this is
 *	onboot N			skip to the next onboot unless this is boot N
 *	button				wait for the power button
 *	sleep TYPE			write this SLP_TYP with SLP_EN
 *	halt				HLT with interrupts off, for good
 *	spin				loop for good
 *	fault				triple fault
 */
#include "guest.h"

#define COM1      0x3f8
#define COM1_LSR  0x3fd
#define LSR_DR    0x01
#define LSR_THRE  0x20
#define RTC_INDEX 0x70
#define RTC_DATA  0x71
#define RTC_BOOTS 0x50 /* a byte of its RAM that nobody else uses */

#define TICKS    (3579545u / 16) /* of the PM timer in a sixteenth of a second */
#define PATIENCE (16 * 20)       /* how long `until` tries */

struct multiboot_module {
	uint32_t start, end, string, reserved;
};

struct multiboot_map {
	uint32_t size; /* of the rest */
	uint32_t base_low, base_high, length_low, length_high, type;
};

static const struct multiboot_info *info;
static uint32_t magic;
static const char *words; /* what is left of the command line */
static uint8_t buffer[4096];
static uint8_t boot_number;

static void print_pair(uint32_t high, uint32_t low)
{
	print(" ");
	print_hex(high, 8);
	print_hex(low, 8);
}

static const char *next_word(void)
{
	return take_word(&words);
}

static uint32_t next_number(void)
{
	return number_of(next_word());
}

/* "COMMAND ARGUMENT = VALUE" */
static void report(const char *command, uint32_t argument, uint32_t value,
		   unsigned digits)
{
	print(command);
	print(" ");
	print_hex(argument, 8);
	print(" = ");
	print_hex(value, digits);
	print("\n");
}

static void com1_put(uint8_t byte)
{
	while (!(inb(COM1_LSR) & LSR_THRE))
		;
	outb(COM1, byte);
}

/* Line `number` of seven digits, so that each line tells its own place. */
static void make_line(char line[8], uint32_t number)
{
	format(line, number, 7);
	line[7] = '\n';
}

static void do_read_port(const char *command)
{
	const uint16_t port = (uint16_t)next_number();

	if (command[2] == 'b')
		report(command, port, inb(port), 2);
	else if (command[2] == 'w')
		report(command, port, inw(port), 4);
	else
		report(command, port, inl(port), 8);
}

static void do_write_port(const char *command)
{
	const uint16_t port = (uint16_t)next_number();
	const uint32_t value = next_number();

	if (command[3] == 'b')
		outb(port, (uint8_t)value);
	else if (command[3] == 'w')
		outw(port, (uint16_t)value);
	else
		outl(port, value);
}

static void do_read_memory(const char *command)
{
	const uint32_t at = next_number();

	if (command[2] == 'b')
		report(command, at, *(volatile uint8_t *)at, 2);
	else if (command[2] == 'w')
		report(command, at, *(volatile uint16_t *)at, 4);
	else
		report(command, at, *(volatile uint32_t *)at, 8);
}

static void do_write_memory(const char *command)
{
	const uint32_t at = next_number();
	const uint32_t value = next_number();

	if (command[2] == 'b')
		*(volatile uint8_t *)at = (uint8_t)value;
	else if (command[2] == 'w')
		*(volatile uint16_t *)at = (uint16_t)value;
	else
		*(volatile uint32_t *)at = value;
}

static void do_insb(const char *command)
{
	const uint16_t port = (uint16_t)next_number();
	const uint32_t count = next_number() % sizeof(buffer);

	insb(port, buffer, count);
	print(command);
	print(" =");
	for (uint32_t i = 0; i < count; i++) {
		print(" ");
		print_hex(buffer[i], 2);
	}
	print("\n");
}

static void do_outsb(const char *command)
{
	const uint16_t port = (uint16_t)next_number();
	const char *text = next_word();

	(void)command;
	outsb(port, text, length_of(text));
}

static void do_until(const char *command)
{
	const uint16_t port = (uint16_t)next_number();
	const uint32_t mask = next_number(), value = next_number();
	const uint32_t start = inl(PM_TIMER);
	bool found;

	do {
		found = (inb(port) & mask) == value;
	} while (!found && inl(PM_TIMER) - start < PATIENCE * TICKS);
	print(command);
	print(found ? " = yes\n" : " = no\n");
}

static void do_wait(const char *command)
{
	const uint32_t start = inl(PM_TIMER), ticks = next_number() * TICKS;

	(void)command;
	while (inl(PM_TIMER) - start < ticks)
		;
}

static void do_say(const char *command)
{
	(void)command;
	print(next_word());
	print("\n");
}

static void do_com1(const char *command)
{
	(void)command;
	for (const char *at = next_word(); *at; at++)
		com1_put((uint8_t)*at);
	com1_put('\n');
}

static void do_lines(const char *command)
{
	const uint32_t count = next_number();
	char line[8];

	(void)command;
	for (uint32_t i = 0; i < count; i++) {
		make_line(line, i);
		for (unsigned k = 0; k < sizeof(line); k++)
			com1_put((uint8_t)line[k]);
	}
}

static void do_blast(const char *command)
{
	const uint16_t port = command[0] == 'd' ? DEBUG_CONSOLE : COM1;
	const uint32_t count = next_number();
	char line[8];

	for (uint32_t i = 0; i < count; i++) {
		make_line(line, i);
		outsb(port, line, sizeof(line));
	}
}

static void do_receive(const char *command)
{
	const uint32_t count = next_number();
	uint32_t a = 0, b = 0;

	for (uint32_t i = 0; i < count; i++) {
		while (!(inb(COM1_LSR) & LSR_DR))
			;
		a = (a + inb(COM1)) & 0xffff;
		b = (b + a) & 0xffff;
	}
	report(command, count, b << 16 | a, 8);
}

static void print_modules(void)
{
	const struct multiboot_module *module = (const void *)info->mods_addr;

	for (uint32_t i = 0; i < info->mods_count; i++, module++) {
		print("module ");
		print_hex(module->start, 8);
		print(" ");
		print_hex(module->end, 8);
		print(" ");
		print((const char *)module->string);
		print(" = ");
		outsb(DEBUG_CONSOLE, (const void *)module->start,
		      module->end - module->start);
		print("\n");
	}
}

static void print_map(void)
{
	uint32_t at = info->mmap_addr;

	while (at < info->mmap_addr + info->mmap_length) {
		const struct multiboot_map *row = (const void *)at;

		print("map");
		print_pair(row->base_high, row->base_low);
		print_pair(row->length_high, row->length_low);
		print(" ");
		print_hex(row->type, 1);
		print("\n");
		at += row->size + 4;
	}
}

static void do_info(const char *command)
{
	report("magic", 0, magic, 8);
	report("flags", 0, info->flags, 8);
	report("mem_lower", 0, info->mem_lower, 8);
	report("mem_upper", 0, info->mem_upper, 8);
	print("cmdline = ");
	print((const char *)info->cmdline);
	print("\n");
	print_modules();
	print_map();
	(void)command;
}

static void do_cpuid(const char *command)
{
	uint32_t a = next_number(), b, c = next_number(), d;

	print(command);
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	print(" =");
	print_pair(a, b);
	print_pair(c, d);
	print("\n");
}

static void do_boots(const char *command)
{
	(void)command;
	outb(RTC_INDEX, RTC_BOOTS);
	boot_number = (uint8_t)(inb(RTC_DATA) + 1);
	outb(RTC_INDEX, RTC_BOOTS);
	outb(RTC_DATA, boot_number);
	print("boot ");
	print_hex(boot_number, 2);
	print("\n");
}

static void do_onboot(const char *command)
{
	if (next_number() == boot_number)
		return;
	while (*words && !is_same(next_word(), command))
		;
	if (*words)
		do_onboot(command);
}

static void do_button(const char *command)
{
	outw(PM1_STS, PM1_PWRBTN);
	print("waiting\n");
	while (!(inw(PM1_STS) & PM1_PWRBTN))
		;
	print(command);
	print("\n");
}

static void do_sleep(const char *command)
{
	(void)command;
	outw(PM1_CNT, (uint16_t)(next_number() << 10 | PM1_SLP_EN));
}

static void do_halt(const char *command)
{
	(void)command;
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void do_spin(const char *command)
{
	(void)command;
	for (;;)
		;
}

/* Without a table of interrupts even the double fault has no handler. */
static void do_fault(const char *command)
{
	static const uint8_t none[6];

	(void)command;
	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static const struct {
	const char *name;
	void (*run)(const char *command);
} commands[] = {
	{ "inb", do_read_port },    { "inw", do_read_port },
	{ "inl", do_read_port },    { "outb", do_write_port },
	{ "outw", do_write_port },  { "outl", do_write_port },
	{ "rdb", do_read_memory },  { "rdw", do_read_memory },
	{ "rdl", do_read_memory },  { "wrb", do_write_memory },
	{ "wrw", do_write_memory }, { "wrl", do_write_memory },
	{ "insb", do_insb },        { "outsb", do_outsb },
	{ "until", do_until },      { "wait", do_wait },
	{ "say", do_say },          { "com1", do_com1 },
	{ "lines", do_lines },      { "blast", do_blast },
	{ "debuglines", do_blast }, { "receive", do_receive },
	{ "info", do_info },        { "cpuid", do_cpuid },
	{ "boots", do_boots },      { "onboot", do_onboot },
	{ "button", do_button },    { "sleep", do_sleep },
	{ "halt", do_halt },        { "spin", do_spin },
	{ "fault", do_fault },
};

static void run_command(const char *word)
{
	for (unsigned i = 0; i < COUNT(commands); i++) {
		if (is_same(commands[i].name, word)) {
			commands[i].run(commands[i].name);
			return;
		}
	}
	print("unknown command ");
	print(word);
	print("\n");
}

void guest_main(uint32_t loader_magic, const struct multiboot_info *loader_info)
{
	const char *word;

	magic = loader_magic;
	info = loader_info;
	words = (const char *)info->cmdline;
	while (*(word = next_word()))
		run_command(word);
	power_off();
}
