/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_ide: a guest that attacks its IDE drives: tables of the bus master, counts and
 * addresses of ATA, packets, resets in flight, registers of PCI that move meanwhile.
 *
 * A multiboot kernel as hostile is. It needs a disk as primary master, whose sector n
 * begins with the 32-bit number n, and a CD-ROM as secondary master. Behind each attack on
 * a channel it resets that, and reads sector 3 by PIO and sector 5 by DMA; and the CD-ROM
 * has to answer. Then it prints "ok NAME" or "not ok NAME: why"; at last "done N".
 */
#include <stddef.h>

#include "guest.h"

#define DISK    0x1f0
#define CDROM   0x170
#define CONTROL 0x206 /* from a channel's ports */

#define STATUS  7
#define COMMAND 7
#define BSY     0x80
#define DRQ     0x08
#define ERR     0x01

#define BMIC   0
#define BMIS   2
#define BMIDTP 4
#define SSBM   0x01
#define RWCON  0x08
#define ERROR  0x02
#define EOT    0x80000000u

#define TABLE  0x02000000u
#define DATA   0x02100000u
#define RAM    0x08000000u /* the test gives 128 MiB */
#define HOLE   0xc8000000u
#define LAPIC  0xfee00000u
#define IOAPIC 0xfec00000u
#define ECAM   0xe0000000u

#define PATIENCE 2000000

static unsigned attacks;
static uint16_t master;   /* BAR 4 */
static uint32_t function; /* of CONFIG_ADDRESS */

static uint32_t random_number(void)
{
	static uint32_t state = 0x2545f491;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* -- PCI -- */

static uint32_t config_read(uint8_t offset)
{
	outl(0xcf8, function | offset);
	return inl(0xcfc);
}

static void config_write(uint8_t offset, uint32_t value)
{
	outl(0xcf8, function | offset);
	outl(0xcfc, value);
}

static bool find_function(void)
{
	for (uint32_t place = 0; place < 256; place++) {
		function = 0x80000000u | place << 8;
		if (config_read(0) == 0x70108086) {
			config_write(4, 5); /* I/O, bus master */
			master = config_read(0x20) & 0xfffc;
			return true;
		}
	}
	return false;
}

/* -- a driver -- */

static bool wait_until(uint16_t base, uint8_t mask, uint8_t value)
{
	for (unsigned i = 0; i < PATIENCE; i++) {
		if ((inb(base + CONTROL) & mask) == value)
			return true;
	}
	return false;
}

static bool reset(uint16_t base)
{
	outb(master + (base == CDROM) * 8 + BMIC, 0);
	outb(master + (base == CDROM) * 8 + BMIS, 0x06);
	outb(base + CONTROL, 0x04);
	outb(base + CONTROL, 0x02); /* nIEN: nobody hears interrupts here */
	return wait_until(base, BSY, 0);
}

static void command(uint8_t cmd, uint32_t lba, uint8_t count)
{
	outb(DISK + 6, (uint8_t)(0xe0 | (lba >> 24 & 0xf)));
	outb(DISK + 2, count);
	outb(DISK + 3, (uint8_t)lba);
	outb(DISK + 4, (uint8_t)(lba >> 8));
	outb(DISK + 5, (uint8_t)(lba >> 16));
	outb(DISK + COMMAND, cmd);
}

static void prd(uint32_t at, uint32_t address, uint32_t count)
{
	volatile uint32_t *entry = (void *)at;

	entry[0] = address;
	entry[1] = count;
}

static void start(uint32_t table, uint8_t direction)
{
	outl(master + BMIDTP, table);
	outb(master + BMIC, direction);
	outb(master + BMIC, direction | SSBM);
}

static bool reads_by_pio(void)
{
	uint32_t first;

	command(0x20, 3, 1);
	if (!wait_until(DISK, BSY | DRQ | ERR, DRQ))
		return false;
	first = inl(DISK);
	for (unsigned i = 1; i < 128; i++)
		(void)inl(DISK);
	return first == 3 && wait_until(DISK, BSY | DRQ | ERR, 0);
}

static bool reads_by_dma(void)
{
	volatile uint32_t *data = (void *)DATA;

	*data = 0;
	prd(TABLE, DATA, 512 | EOT);
	command(0xc8, 5, 1);
	start(TABLE, RWCON);
	if (!wait_until(DISK, BSY | DRQ | ERR, 0) || inb(master + BMIS) & (ERROR | SSBM))
		return false;
	outb(master + BMIC, 0);
	return *data == 5;
}

static void send_packet(const uint8_t *bytes, uint16_t limit, uint8_t features)
{
	outb(CDROM + 6, 0xa0);
	outb(CDROM + 1, features);
	outb(CDROM + 4, (uint8_t)limit);
	outb(CDROM + 5, (uint8_t)(limit >> 8));
	outb(CDROM + COMMAND, 0xa0);
	if (!wait_until(CDROM, BSY | DRQ, DRQ))
		return;
	for (unsigned i = 0; i < 12; i += 2)
		outw(CDROM, (uint16_t)(bytes[i] | bytes[i + 1] << 8));
}

static bool cdrom_answers(void)
{
	static const uint8_t inquiry[12] = { 0x12, 0, 0, 0, 36 };
	uint16_t first;

	send_packet(inquiry, 36, 0);
	if (!wait_until(CDROM, BSY | DRQ | ERR, DRQ))
		return false;
	first = inw(CDROM);
	for (unsigned i = 1; i < 18; i++)
		(void)inw(CDROM);
	return first == 0x8005 && wait_until(CDROM, BSY | DRQ | ERR, 0);
}

/* -- reports -- */

static void tell(const char *name, const char *why)
{
	print(why ? "not ok " : "ok ");
	print(name);
	if (why) {
		print(": ");
		print(why);
	}
	print("\n");
}

static void check(const char *name)
{
	const char *why = NULL;

	attacks++;
	if (!reset(DISK) || !reset(CDROM))
		why = "a channel is busy for ever";
	else if (!reads_by_pio())
		why = "the disk does not read by PIO";
	else if (!reads_by_dma())
		why = "the disk does not read by DMA";
	else if (!cdrom_answers())
		why = "the CD-ROM does not answer";
	tell(name, why);
}

/* -- attacks -- */

/* A table of one descriptor, and the way it goes. */
struct transfer {
	const char *name;
	uint32_t table, address, count;
	uint8_t command, direction;
	uint8_t sectors;
};

static const struct transfer transfers[] = {
	{ "table_at_0", 0, DATA, 512 | EOT, 0xc8, RWCON, 1 },
	{ "table_in_the_hole", HOLE, 0, 0, 0xc8, RWCON, 1 },
	{ "table_in_the_lapic", LAPIC, 0, 0, 0xc8, RWCON, 1 },
	{ "table_in_the_ioapic", IOAPIC, 0, 0, 0xca, 0, 1 },
	{ "table_in_ecam", ECAM, 0, 0, 0xca, 0, 1 },
	{ "table_crosses_the_end", RAM - 4, 0, 0, 0xc8, RWCON, 1 },
	{ "table_at_the_last_word", 0xfffffffc, 0, 0, 0xc8, RWCON, 1 },
	{ "data_in_the_hole", TABLE, HOLE, 512 | EOT, 0xc8, RWCON, 1 },
	{ "data_in_the_lapic", TABLE, LAPIC, 512 | EOT, 0xc8, RWCON, 1 },
	{ "data_from_the_ioapic", TABLE, IOAPIC, 512 | EOT, 0xca, 0, 1 },
	{ "data_crosses_the_end", TABLE, RAM - 256, 512 | EOT, 0xc8, RWCON, 1 },
	{ "data_wraps", TABLE, 0xfffffffe, 512 | EOT, 0xc8, RWCON, 1 },
	{ "count_0_of_1_sector", TABLE, DATA, 0 | EOT, 0xc8, RWCON, 1 },
	{ "count_1", TABLE, DATA, 1 | EOT, 0xc8, RWCON, 200 },
	{ "count_too_short", TABLE, DATA, 510 | EOT, 0xc8, RWCON, 1 },
	{ "count_odd", TABLE, DATA + 1, 513 | EOT, 0xc8, RWCON, 1 },
	{ "all_sectors_into_2_bytes", TABLE, DATA, 2 | EOT, 0xc8, RWCON, 0 },
	{ "over_its_own_table", TABLE, TABLE, 0 | EOT, 0xc8, RWCON, 128 },
	{ "write_too_short", TABLE, DATA, 1022 | EOT, 0xca, 0, 4 },
	{ "wrong_direction", TABLE, DATA, 512 | EOT, 0xc8, 0, 1 },
	{ "other_wrong_direction", TABLE, DATA, 512 | EOT, 0xca, RWCON, 1 },
};

static bool is_ram(uint32_t table)
{
	return table <= RAM - 8;
}

static void attack_transfers(void)
{
	for (unsigned i = 0; i < COUNT(transfers); i++) {
		const struct transfer *t = &transfers[i];

		if (is_ram(t->table))
			prd(t->table, t->address, t->count);
		command(t->command, 100, t->sectors);
		start(t->table, t->direction);
		for (unsigned look = 0; look < 50; look++)
			(void)inb(master + BMIS);
		check(t->name);
	}
}

/* A table without an end, of 2 bytes each, on any number of sectors. */
static void attack_endless_table(void)
{
	for (uint32_t at = TABLE; at < TABLE + 0x20000; at += 8)
		prd(at, DATA, 2);
	command(0xc8, 0, 0);
	start(TABLE, RWCON);
	check("endless_table");
	for (uint32_t at = TABLE; at < TABLE + 0x20000; at += 8)
		prd(at, DATA, 2);
	command(0xc8, 0, 0);
	start(TABLE + 0xfff8, RWCON);
	check("table_crosses_64_KiB");
}

static void attack_start_and_stop(void)
{
	prd(TABLE, DATA, 0 | EOT);
	command(0xc8, 0, 128);
	for (unsigned i = 0; i < 500; i++) {
		outb(master + BMIC, RWCON | (i & 1));
		outl(master + BMIDTP, TABLE + 8 * (i & 1));
	}
	check("start_and_stop");
	for (unsigned i = 0; i < 50; i++) {
		command(0xca, 600 + i, 64);
		start(TABLE, 0);
		outb(DISK + CONTROL, 0x06);
		outb(DISK + CONTROL, 0x02);
		(void)wait_until(DISK, BSY, 0);
		outb(master + BMIC, 0);
	}
	check("reset_in_flight");
}

/* Each command, with numbers of all kinds, and whatever data it wants. */
static void attack_commands(void)
{
	for (unsigned cmd = 0; cmd < 256; cmd++) {
		for (unsigned reg = 1; reg < 6; reg++) {
			outb((uint16_t)(DISK + reg), (uint8_t)random_number());
			outb((uint16_t)(DISK + reg), (uint8_t)random_number());
		}
		outb(DISK + 6, (uint8_t)(0xa0 | (random_number() & 0x4f)));
		/* Sector 3 and 5 are for the check. */
		outb(DISK + 5, (uint8_t)(random_number() | 1));
		outb(DISK + COMMAND, (uint8_t)cmd);
		for (unsigned i = 0; i < 8; i++)
			(void)inw(DISK);
		if (cmd % 16 == 0 && !reset(DISK))
			break;
	}
	/* INITIALIZE DEVICE PARAMETERS and STANDBY do no harm to what follows. */
	check("all_commands");
}

static uint16_t junk[2048];

static void insw(uint16_t port, uint32_t count)
{
	void *to = junk;

	__asm__ volatile("cld; rep insw" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static void insl(uint16_t port, uint32_t count)
{
	void *to = junk;

	__asm__ volatile("cld; rep insl" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static void outsw(uint16_t port, uint32_t count)
{
	const void *from = junk;

	__asm__ volatile("cld; rep outsw"
			 : "+S"(from), "+c"(count)
			 : "d"(port)
			 : "memory");
}

static void attack_data_port(void)
{
	for (unsigned i = 0; i < 64; i++)
		insw(DISK, COUNT(junk));
	check("read_without_data");
	command(0x20, 0, 2);
	insl(DISK, COUNT(junk) / 2);
	check("read_while_busy");
	command(0x30, 900, 1);
	outsw(DISK, COUNT(junk));
	check("write_too_much");
	command(0x30, 900, 255);
	outsb(DISK, junk, sizeof(junk) - 1);
	check("write_odd");
}

static void attack_packets(void)
{
	uint8_t bytes[12];

	for (unsigned i = 0; i < 300; i++) {
		for (unsigned j = 0; j < 12; j++)
			bytes[j] = (uint8_t)random_number();
		if (i < 256)
			bytes[0] = (uint8_t)i;
		send_packet(bytes, (uint16_t)(i % 5 ? random_number() : i % 3), i & 1);
		for (unsigned j = 0; j < 20; j++)
			(void)inw(CDROM);
		if (!reset(CDROM))
			break;
	}
	/* One of them has opened the tray, or locked it. */
	bytes[0] = 0x1b;
	bytes[4] = 3;
	send_packet(bytes, 0, 0);
	check("packets");
}

/* Bus mastering off, ports not decoded, the BAR elsewhere, while it works. */
static void attack_pci(void)
{
	prd(TABLE, DATA, 0 | EOT);
	command(0xc8, 0, 128);
	config_write(4, 1);
	start(TABLE, RWCON);
	config_write(4, 5);
	check("no_bus_master");
	command(0xc8, 0, 128);
	start(TABLE, RWCON);
	config_write(0x20, 0xfffffff0);
	config_write(0x20, 0x1f1);
	config_write(0x20, master);
	config_write(0x40, 0);
	(void)inb(DISK + STATUS);
	config_write(0x40, 0x80008000);
	config_write(4, 0);
	config_write(4, 5);
	check("bar_moves");
}

void guest_main(uint32_t loader_magic, const struct multiboot_info *loader_info)
{
	(void)loader_magic;
	(void)loader_info;
	if (!find_function() || !reset(DISK) || !reset(CDROM)) {
		print("not ok: no IDE\n");
	} else {
		check("nothing");
		attack_transfers();
		attack_endless_table();
		attack_start_and_stop();
		attack_commands();
		attack_data_port();
		attack_packets();
		attack_pci();
	}
	print("done ");
	print_hex(attacks, 8);
	print("\n");
	power_off();
}
