/* SPDX-License-Identifier: BSD-2-Clause */
/* The IDE function of the PIIX3: ports, and the bus master with tables of all kinds. */
#include "chip.h"

#include <stdlib.h>

#include "core/memory.h"
#include "dev/piix_ide.h"

#define RAM_SIZE 0x80000u
#define TABLE    0x1000u
#define DATA     0x10000u

#define SSBM  0x01
#define RWCON 0x08 /* to memory */

#define ACTIVE    0x01
#define ERROR     0x02
#define INTERRUPT 0x04

#define EOT 0x80000000u

#define READY_DRQ 0x58

static struct piix_ide ide;
static struct memory memory;
static struct bus bus;
static struct platform platform;
static struct pci_bus pci;
static struct chip_irq irqs[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ata_request request;
static struct ata_channel *pending;
static uint8_t disk[1 << 20];

static void submit(void *opaque, struct ata_channel *channel,
		   const struct ata_request *asked)
{
	assert_ptr_equal(opaque, &ide);
	assert_null(pending);
	pending = channel;
	request = *asked;
}

static void finish(void)
{
	struct ata_channel *channel = pending;

	assert_non_null(channel);
	pending = NULL;
	if (request.op == ATA_IO_READ)
		memcpy(channel->regs.buffer, disk + request.offset, request.length);
	if (request.op == ATA_IO_WRITE)
		memcpy(disk + request.offset, channel->regs.buffer, request.length);
	ata_io_done(channel, 0);
}

static void add_port(uint64_t base, uint64_t size, const struct io_ops *ops, unsigned n)
{
	const struct bus_range range = {
		.base = base,
		.size = size,
		.name = "ide",
		.ops = ops,
		.dev = &ide.channels[n],
		.lock = &lock,
	};
	struct err err;

	assert_int_equal(bus_add(&bus, BUS_PIO, &range, &err), 0);
}

static int setup(void **state)
{
	const struct ata_identity identity = {
		.kind = ATA_DISK,
		.sectors = sizeof(disk) / 512,
		.physical_block_size = 512,
	};
	const struct pci_window io = { .base = 0xc000, .size = 0x1000 }, none = { 0 };
	const struct irq_line lines[2] = { chip_irq_line(&irqs[0]),
					   chip_irq_line(&irqs[1]) };
	const struct irq_line intx[4] = { 0 };
	struct err err;

	(void)state;
	memset(&memory, 0, sizeof(memory));
	memset(irqs, 0, sizeof(irqs));
	memset(&ide, 0, sizeof(ide));
	pending = NULL;
	for (unsigned i = 0; i < sizeof(disk); i++)
		disk[i] = (uint8_t)(i * 3 + i / 512);
	bus_init(&bus);
	platform_init(&platform);
	platform.bus = &bus;
	platform.memory = &memory;
	assert_int_equal(memory_add_ram(&memory, 0, RAM_SIZE, &err), 0);
	assert_int_equal(pci_bus_init(&pci, &platform, &io, &none, &none, intx, &err), 0);
	piix_ide_init(&ide, &memory, &lock, lines, submit, &ide);
	ata_channel_plug(&ide.channels[0].ata, 0, &identity);
	piix_ide_enable_channels(&ide);
	assert_int_equal(pci_bus_plug(&pci, &ide.pci, &err), 0);
	add_port(0x1f0, 8, &piix_ide_command_io, 0);
	add_port(0x3f6, 1, &piix_ide_control_io, 0);
	add_port(0x170, 8, &piix_ide_command_io, 1);
	add_port(0x376, 1, &piix_ide_control_io, 1);
	ide.pci.config[4] |= 4; /* bus master */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pci_function_destroy(&ide.pci);
	pci_bus_destroy(&pci);
	platform_destroy(&platform);
	memory_destroy(&memory);
	bus_destroy(&bus);
	return 0;
}

static uint32_t in(unsigned port, unsigned size)
{
	uint32_t value = 0;

	bus_access(&bus, BUS_PIO, port, &value, size, false);
	return value;
}

static void out(unsigned port, unsigned size, uint32_t value)
{
	bus_access(&bus, BUS_PIO, port, &value, size, true);
}

static uint8_t bmis(void)
{
	return (uint8_t)in(0xc002, 1);
}

static void put_prd(uint32_t at, uint32_t address, uint32_t count)
{
	uint8_t prd[8];

	store_le32(prd, address);
	store_le32(prd + 4, count);
	assert_true(memory_write(&memory, at, prd, sizeof(prd)));
}

static void command(uint8_t cmd, unsigned lba, unsigned count)
{
	out(0x1f6, 1, 0xe0);
	out(0x1f2, 1, count);
	out(0x1f3, 1, lba & 0xff);
	out(0x1f4, 1, lba >> 8);
	out(0x1f5, 1, 0);
	out(0x1f7, 1, cmd);
}

/* The table is at `table`: READ DMA of `count` sectors from 5 on, as drivers do it. */
static void read_dma(uint32_t table, unsigned count)
{
	out(0xc002, 1, ERROR | INTERRUPT);
	out(0xc004, 4, table);
	out(0xc000, 1, RWCON);
	command(0xc8, 5, count);
	out(0xc000, 1, RWCON | SSBM);
	while (pending)
		finish();
}

static const uint8_t *ram(uint32_t at, uint32_t size)
{
	const uint8_t *p = memory_for_read(&memory, at, size);

	assert_non_null(p);
	return p;
}

static void soft_reset(void)
{
	out(0xc000, 1, 0);
	out(0x3f6, 1, 4);
	out(0x3f6, 1, 0);
	assert_int_equal(in(0x1f7, 1), 0x50);
}

static void test_decoding(void **state)
{
	uint8_t data[8];

	(void)state;
	assert_int_equal(in(0x1f7, 1), 0x50);
	assert_int_equal(in(0x177, 1), 0xff); /* no drives: not enabled */
	assert_int_equal(in(0x376, 1), 0xff);
	bus_access_string(&bus, 0x170, data, 2, 4, false);
	assert_memory_equal(data, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	ide.pci.config[0x43] = 0x80; /* IDETIM of the second */
	assert_int_equal(in(0x177, 1), 0);
	assert_int_equal(in(0x376, 1), 0);
	ide.pci.config[4] &= 0xfe; /* I/O */
	assert_int_equal(in(0x1f7, 1), 0xff);
	out(0x1f2, 1, 9);
	ide.pci.config[4] |= 1;
	assert_int_equal(in(0x1f2, 1), 1);
}

static void test_string(void **state)
{
	uint8_t data[512];

	(void)state;
	command(0x20, 3, 1);
	finish();
	assert_true(irqs[0].level);
	bus_access_string(&bus, 0x1f0, data, 2, 256, false);
	assert_memory_equal(data, disk + 3 * 512, 512);
	memset(data, 0x42, sizeof(data));
	command(0x30, 9, 1);
	bus_access_string(&bus, 0x1f0, data, 4, 128, true);
	finish();
	assert_memory_equal(disk + 9 * 512, data, 512);
	assert_int_equal(in(0x1f7, 1), 0x50);
	data[0] = 7;
	bus_access_string(&bus, 0x1f2, data, 1, 2, true);
	bus_access_string(&bus, 0x1f2, data + 10, 1, 2, false);
	assert_int_equal(data[10], 0x42);
}

static void test_registers(void **state)
{
	(void)state;
	out(0xc004, 4, 0x12345677);
	assert_int_equal(in(0xc004, 4), 0x12345674);
	out(0xc00c, 4, 0x1000);
	assert_int_equal(in(0xc00c, 4), 0x1000);
	out(0xc002, 1, 0x60);
	assert_int_equal(bmis(), 0x60);
	out(0xc002, 1, 0x20);
	assert_int_equal(bmis(), 0x20);
	out(0xc008, 1, 0xff);
	assert_int_equal(in(0xc008, 1), SSBM | RWCON);
	assert_int_equal(in(0xc00a, 1), ACTIVE);
	/* The table stays where it is while it is in use. */
	out(0xc00c, 4, 0x2000);
	assert_int_equal(in(0xc00c, 4), 0x1000);
	out(0xc008, 1, 0);
	assert_int_equal(in(0xc00a, 1), 0);
}

static void test_read(void **state)
{
	(void)state;
	/* Three pieces, the first at an odd address, whose bit does not count. */
	put_prd(TABLE, DATA + 1, 2);
	put_prd(TABLE + 8, DATA + 0x1000, 0xfff & ~1u);
	put_prd(TABLE + 16, DATA + 0x3000, (20 * 512 - 0xffe - 2) | EOT);
	read_dma(TABLE, 20);
	assert_int_equal(bmis(), INTERRUPT);
	assert_int_equal(irqs[0].raised, 1);
	assert_int_equal(in(0x1f7, 1), 0x50);
	assert_false(irqs[0].level);
	assert_memory_equal(ram(DATA, 2), disk + 5 * 512, 2);
	assert_memory_equal(ram(DATA + 0x1000, 0xffe), disk + 5 * 512 + 2, 0xffe);
	assert_memory_equal(ram(DATA + 0x3000, 20 * 512 - 0x1000),
			    disk + 5 * 512 + 0x1000, 20 * 512 - 0x1000);
	out(0xc002, 1, INTERRUPT);
	assert_int_equal(bmis(), 0);
}

/* A count of 0 is 64 KiB, and so is 1, as bit 0 does not count. */
static void test_count_of_zero(void **state)
{
	(void)state;
	put_prd(TABLE, DATA, 0);
	put_prd(TABLE + 8, DATA + 0x10000, 1 | EOT);
	read_dma(TABLE, 0);
	assert_int_equal(bmis(), INTERRUPT);
	assert_memory_equal(ram(DATA, 0x20000), disk + 5 * 512, 0x20000);
	/* It is the edge that sets the bit; that INTRQ falls changes nothing. */
	out(0xc002, 1, INTERRUPT);
	assert_int_equal(in(0x1f7, 1), 0x50);
	assert_false(irqs[0].level);
	assert_int_equal(bmis(), 0);
}

static void test_write(void **state)
{
	uint8_t *data = memory_for_write(&memory, DATA, 200 * 512);

	(void)state;
	for (unsigned i = 0; i < 200 * 512; i++)
		data[i] = (uint8_t)(i * 5 + i / 256);
	put_prd(TABLE, DATA, 100 * 512);
	put_prd(TABLE + 8, DATA + 100 * 512, 100 * 512 | EOT);
	out(0xc004, 4, TABLE);
	out(0xc000, 1, 0);
	command(0xca, 300, 200);
	out(0xc000, 1, SSBM);
	while (pending) {
		assert_int_equal(bmis() & (ACTIVE | ERROR), ACTIVE);
		finish();
	}
	assert_int_equal(bmis(), INTERRUPT);
	assert_memory_equal(disk + 300 * 512, data, 200 * 512);
}

static void test_table_with_room_for_more(void **state)
{
	(void)state;
	put_prd(TABLE, DATA, 1024 | EOT);
	read_dma(TABLE, 1);
	assert_int_equal(bmis(), INTERRUPT | ACTIVE);
	out(0xc000, 1, 0);
	assert_int_equal(bmis(), INTERRUPT);
}

/* The drive waits; a second table goes on, and a reset ends it. */
static void test_table_that_is_too_short(void **state)
{
	(void)state;
	put_prd(TABLE, DATA, 512 | EOT);
	read_dma(TABLE, 2);
	assert_int_equal(bmis(), 0);
	assert_false(irqs[0].level);
	assert_int_equal(in(0x3f6, 1), READY_DRQ);
	put_prd(TABLE, DATA + 512, 512 | EOT);
	out(0xc000, 1, RWCON);
	out(0xc000, 1, RWCON | SSBM);
	assert_int_equal(bmis(), INTERRUPT);
	assert_memory_equal(ram(DATA, 1024), disk + 5 * 512, 1024);
	assert_int_equal(in(0x1f7, 1), 0x50);
	put_prd(TABLE, DATA, 512 | EOT);
	read_dma(TABLE, 2);
	soft_reset();
}

static void assert_error_of(uint32_t table, const char *what)
{
	read_dma(table, 1);
	if ((bmis() & (ACTIVE | ERROR | INTERRUPT)) != ERROR)
		fail_msg("%s: BMIS is 0x%x", what, bmis());
	assert_false(irqs[0].level);
	soft_reset();
	put_prd(0x2000, DATA, 512 | EOT);
	read_dma(0x2000, 1);
	assert_int_equal(bmis(), INTERRUPT);
	assert_int_equal(in(0x1f7, 1), 0x50);
}

static void test_hostile_tables(void **state)
{
	(void)state;
	assert_error_of(RAM_SIZE, "a table behind RAM");
	assert_error_of(RAM_SIZE - 4, "a table that leaves RAM");
	assert_error_of(0xfffffffc, "a table at the end of 4 GiB");
	put_prd(TABLE, RAM_SIZE, 512 | EOT);
	assert_error_of(TABLE, "data behind RAM");
	put_prd(TABLE, RAM_SIZE - 256, 512 | EOT);
	assert_error_of(TABLE, "data that leaves RAM");
	put_prd(TABLE, 0xfffffffe, 512 | EOT);
	assert_error_of(TABLE, "data that leaves 4 GiB");
	/* The table must not cross 64 KiB. */
	put_prd(0x1fff8, DATA, 256);
	put_prd(0x20000, DATA, 256 | EOT);
	assert_error_of(0x1fff8, "a table that crosses 64 KiB");
	/* Nor has it an end. */
	for (uint32_t at = 0x30000; at < 0x40000; at += 8)
		put_prd(at, DATA, 2);
	read_dma(0x30000, 64); /* 16384 descriptors would be needed */
	assert_int_equal(bmis(), ERROR);
	assert_int_equal(ide.channels[0].bus_master.next, 0x10000);
	soft_reset();
}

static void test_not_allowed(void **state)
{
	(void)state;
	put_prd(TABLE, DATA, 512 | EOT);
	ide.pci.config[4] &= 0xfb; /* no bus master */
	read_dma(TABLE, 1);
	assert_int_equal(bmis(), ERROR);
	ide.pci.config[4] |= 4;
	soft_reset();
	/* The other way round. */
	out(0xc002, 1, ERROR);
	out(0xc000, 1, 0);
	command(0xc8, 5, 1);
	out(0xc000, 1, SSBM);
	finish();
	assert_int_equal(bmis(), ERROR);
	soft_reset();
	assert_int_equal(*ram(DATA, 1), 0);
}

static void test_start_before_the_command(void **state)
{
	(void)state;
	put_prd(TABLE, DATA, 512 | EOT);
	out(0xc004, 4, TABLE);
	out(0xc000, 1, RWCON | SSBM);
	assert_int_equal(bmis(), ACTIVE);
	out(0xc000, 1, SSBM); /* the direction stays */
	assert_int_equal(in(0xc000, 1), RWCON | SSBM);
	command(0xc8, 5, 1);
	finish();
	assert_int_equal(bmis(), INTERRUPT);
	assert_memory_equal(ram(DATA, 512), disk + 5 * 512, 512);
}

static void test_reset(void **state)
{
	(void)state;
	out(0xc004, 4, TABLE);
	command(0xc8, 5, 1);
	piix_ide_reset(&ide);
	assert_true(ide.channels[0].ata.io_busy);
	finish();
	piix_ide_reset(&ide);
	assert_int_equal(in(0xc004, 4), 0);
	assert_int_equal(in(0x1f7, 1), 0x50);
	assert_false(irqs[0].level);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct err err;

	(void)state;
	/* In the middle: the table was too short for all of it. */
	put_prd(TABLE, DATA, 512 | EOT);
	read_dma(TABLE, 2);
	out(0xc002, 1, 0x20);
	assert_int_equal(piix_ide_save(&ide, &writer, "ide", &err), 0);
	soft_reset();
	out(0xc004, 4, 0);
	assert_int_equal(piix_ide_load(&ide, chip_image(&writer), "ide", &err), 0);
	assert_int_equal(in(0xc004, 4), TABLE);
	assert_int_equal(bmis(), 0x20);
	put_prd(TABLE, DATA + 512, 512 | EOT);
	out(0xc000, 1, RWCON);
	out(0xc000, 1, RWCON | SSBM);
	assert_memory_equal(ram(DATA, 1024), disk + 5 * 512, 1024);
	state_writer_free(&writer);
}

static void test_hostile_states_are_refused(void **state)
{
	static const struct piix_bus_master hostile[] = {
		{ .command = 0x02 }, { .status = 0x80 }, { .status = ACTIVE },
		{ .table = 2 },      { .next = 4 },      { .next = 0x10008 },
		{ .left = 0x10002 }, { .is_last = 2 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(hostile); i++) {
		struct state_writer writer = { 0 };
		struct err err;

		ide.channels[0].bus_master = hostile[i];
		assert_int_equal(piix_ide_save(&ide, &writer, "ide", &err), 0);
		ide.channels[0].bus_master = (struct piix_bus_master){ 0 };
		if (!piix_ide_load(&ide, chip_image(&writer), "ide", &err))
			fail_msg("state %u was taken", i);
		assert_int_equal(bmis(), 0);
		state_writer_free(&writer);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_decoding),
		TEST(test_string),
		TEST(test_registers),
		TEST(test_read),
		TEST(test_count_of_zero),
		TEST(test_write),
		TEST(test_table_with_room_for_more),
		TEST(test_table_that_is_too_short),
		TEST(test_hostile_tables),
		TEST(test_not_allowed),
		TEST(test_start_before_the_command),
		TEST(test_reset),
		TEST(test_save_and_load),
		TEST(test_hostile_states_are_refused),
	};

	return cmocka_run_group_tests_name("piix_ide", tests, NULL, NULL);
}
