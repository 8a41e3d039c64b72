/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI as a guest sees it: configuration space by both ways, BARs, INTx. */
#include "pci_test.h"

#define COMMAND 0x04
#define STATUS  0x06
#define BAR(n)  (0x10 + 4 * (n))

#define IO         1u
#define MEMORY     2u
#define BUS_MASTER 4u
#define NO_INTX    0x400u

/* Device 1 has an I/O BAR 0, a memory BAR 1 and a 64-bit one at 2 and 3. */
static void make(struct test_bus *t)
{
	struct err err = { "" };

	test_bus_init(t);
	test_function(t, 0);
	test_add_bar(t, 0, 0, PCI_BAR_IO, 32);
	test_add_bar(t, 0, 1, PCI_BAR_MEM32, 0x1000);
	test_add_bar(t, 0, 2, PCI_BAR_MEM64, 0x4000);
	if (pci_bus_plug(&t->pci, &t->devices[0].function, &err))
		fail_msg("%s", err.text);
	pci_bus_reset(&t->pci);
}

static void test_ids(void **state)
{
	struct test_bus t;

	(void)state;
	make(&t);
	/* Linux believes in mechanism 1 only if it finds such a host bridge. */
	assert_int_equal(config_in(&t, 0, 0, 8, 4) >> 16, 0x0600);
	assert_int_equal(config_in(&t, 1, 0, 0, 4), 0x56001234);
	assert_int_equal(config_in(&t, 1, 0, 8, 4), 0x02010307);
	assert_int_equal(config_in(&t, 1, 0, 0x2c, 4), 0xdef09abc);
	assert_int_equal(config_in(&t, 1, 0, 0xe, 1), 0); /* one function, type 0 */
	assert_int_equal(config_in(&t, 1, 0, 0x3d, 1), 1);
	assert_int_equal(config_in(&t, 0, 0, 0x3d, 1), 0);
	/* Parts of a register, wherever they begin. */
	assert_int_equal(config_in(&t, 1, 0, 1, 1), 0x12);
	assert_int_equal(config_in(&t, 1, 0, 2, 2), 0x5600);
	assert_int_equal(config_in(&t, 1, 0, 1, 2), 0x0012);
	/* They are not to be changed. */
	config_out(&t, 1, 0, 0, 4, 0);
	config_out(&t, 1, 0, 8, 4, 0);
	config_out(&t, 1, 0, 0x2c, 4, 0);
	assert_int_equal(config_in(&t, 1, 0, 0, 4), 0x56001234);
	assert_int_equal(config_in(&t, 1, 0, 8, 4), 0x02010307);
	assert_int_equal(config_in(&t, 1, 0, 0x2c, 4), 0xdef09abc);
	test_bus_destroy(&t);
}

static void test_absent_functions_read_all_ones(void **state)
{
	struct test_bus t;

	(void)state;
	make(&t);
	for (unsigned devfn = 0; devfn < 256; devfn++) {
		const bool is_there = devfn == 0 || devfn == 8;
		const uint32_t id = config_in(&t, devfn / 8, devfn % 8, 0, 4);

		assert_true((id != 0xffffffff) == is_there);
		assert_int_equal(guest_read(&t, BUS_MMIO,
					    ecam_address(devfn / 8, devfn % 8, 0), 4),
				 id);
		if (!is_there) {
			config_out(&t, devfn / 8, devfn % 8, 4, 4, 0xffffffff);
			assert_int_equal(config_in(&t, devfn / 8, devfn % 8, 4, 2),
					 0xffff);
		}
	}
	test_bus_destroy(&t);
}

/* 0xcf8 answers to 32 bits only; its reserved bits read 0; without bit 31 nobody answers. */
static void test_mechanism_1(void **state)
{
	struct test_bus t;

	(void)state;
	make(&t);
	guest_write(&t, BUS_PIO, PORTS, 4, 0xffffffff);
	assert_int_equal(guest_read(&t, BUS_PIO, PORTS, 4), 0x80fffffc);
	guest_write(&t, BUS_PIO, PORTS, 4, 0x80000800);
	guest_write(&t, BUS_PIO, PORTS, 1, 0x55);
	guest_write(&t, BUS_PIO, PORTS + 3, 1, 1); /* the way Linux begins its probe */
	guest_write(&t, BUS_PIO, PORTS, 2, 0x5555);
	guest_write(&t, BUS_PIO, PORTS + 2, 4, 0x55555555);
	assert_int_equal(guest_read(&t, BUS_PIO, PORTS, 4), 0x80000800);
	assert_int_equal(guest_read(&t, BUS_PIO, PORTS, 1), 0xff);
	assert_int_equal(guest_read(&t, BUS_PIO, PORTS, 2), 0xffff);
	assert_int_equal(guest_read(&t, BUS_PIO, PORTS + 4, 4), 0x56001234);

	guest_write(&t, BUS_PIO, PORTS, 4, 0x00000800);
	assert_int_equal(guest_read(&t, BUS_PIO, PORTS + 4, 4), 0xffffffff);
	guest_write(&t, BUS_PIO, PORTS + 4, 4, 0);
	guest_write(&t, BUS_PIO, PORTS, 4, 0x80010800); /* bus 1 */
	assert_int_equal(guest_read(&t, BUS_PIO, PORTS + 4, 4), 0xffffffff);
	/* Across the end of the ports: the part beyond is nobody's. */
	guest_write(&t, BUS_PIO, PORTS, 4, 0x80000800);
	assert_int_equal(guest_read(&t, BUS_PIO, PORTS + 7, 2), 0xff56);
	test_bus_destroy(&t);
}

static void test_ecam(void **state)
{
	struct test_bus t;

	(void)state;
	make(&t);
	for (unsigned offset = 0; offset < 256; offset += 4)
		assert_int_equal(guest_read(&t, BUS_MMIO, ecam_address(1, 0, offset), 4),
				 config_in(&t, 1, 0, offset, 4));
	guest_write(&t, BUS_MMIO, ecam_address(1, 0, 0x3c), 1, 0x42);
	assert_int_equal(config_in(&t, 1, 0, 0x3c, 1), 0x42);
	guest_write(&t, BUS_MMIO, ecam_address(1, 0, COMMAND), 2, MEMORY);
	assert_int_equal(config_in(&t, 1, 0, COMMAND, 2), MEMORY);
	/* 64 bits are cut into pieces; conventional functions end at 256. */
	assert_true(guest_read(&t, BUS_MMIO, ecam_address(1, 0, 0), 8) ==
		    0x0000000256001234ull);
	assert_int_equal(guest_read(&t, BUS_MMIO, ecam_address(1, 0, 0x100), 4),
			 0xffffffff);
	assert_int_equal(guest_read(&t, BUS_MMIO, ecam_address(1, 0, 0xffe), 4),
			 0xffffffff);
	guest_write(&t, BUS_MMIO, ecam_address(0, 7, 0xffe), 4, 0xffffffff);
	assert_int_equal(config_in(&t, 1, 0, 0, 4), 0x56001234);
	test_bus_destroy(&t);
}

static void test_bars_are_decoded_after_reset(void **state)
{
	struct test_bus t;

	(void)state;
	make(&t);
	assert_int_equal(config_in(&t, 1, 0, COMMAND, 2), IO | MEMORY);
	for (unsigned bar = 0; bar < 3; bar++) {
		const uint32_t low = config_in(&t, 1, 0, BAR(bar), 4);

		assert_int_equal(low & 0xf, bar == 0 ? 1 : bar == 1 ? 0 : 4);
		assert_true(t.devices[0].bases[bar] == (low & (bar ? ~0xfu : ~3u)));
	}
	/* In reach of a guest of 32 bits, though it could be anywhere. */
	assert_int_equal(config_in(&t, 1, 0, BAR(3), 4), 0);
	assert_true(t.devices[0].bases[0] >= IO_WINDOW);
	assert_true(t.devices[0].bases[1] >= MEM_WINDOW);
	assert_int_equal(t.devices[0].bases[1] % 0x1000, 0);
	assert_int_equal(t.devices[0].bases[2] % 0x4000, 0);
	assert_int_equal(guest_read(&t, BUS_PIO, t.devices[0].bases[0] + 3, 1), 3);
	assert_true(guest_read(&t, BUS_MMIO, t.devices[0].bases[2] + 0x3ff8, 8) ==
		    0x1122334455667700ull + 0x3ff8);
	guest_write(&t, BUS_MMIO, t.devices[0].bases[1], 4, 0xabcd1234);
	assert_int_equal(t.devices[0].written[0], 0xabcd1234);
	test_bus_destroy(&t);
}

/* With firmware a function waits: BARs at 0, nothing decoded, until somebody places them. */
static void test_bars_wait_for_firmware(void **state)
{
	struct test_bus t;
	struct err err = { "" };

	(void)state;
	test_bus_make(&t, true);
	test_function(&t, 0);
	test_add_bar(&t, 0, 0, PCI_BAR_IO, 32);
	test_add_bar(&t, 0, 1, PCI_BAR_MEM32, 0x1000);
	assert_int_equal(pci_bus_plug_at(&t.pci, &t.devices[0].function, 0, 0, &err), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(config_in(&t, 0, 0, COMMAND, 2), 0);
		assert_int_equal(config_in(&t, 0, 0, BAR(0), 4), 1);
		assert_int_equal(config_in(&t, 0, 0, BAR(1), 4), 0);
		assert_int_equal(t.devices[0].moves[0] + t.devices[0].moves[1], 2 * i);
		config_out(&t, 0, 0, BAR(0), 4, 0xc000);
		config_out(&t, 0, 0, BAR(1), 4, 0xfebf0000);
		config_out(&t, 0, 0, COMMAND, 2, IO | MEMORY);
		assert_int_equal(t.devices[0].bases[0], 0xc000);
		assert_int_equal(t.devices[0].bases[1], 0xfebf0000);
		pci_bus_reset(&t.pci);
		assert_int_equal(t.devices[0].bases[0] + t.devices[0].bases[1], 0);
	}
	test_bus_destroy(&t);
}

/* All ones, and the size comes back with the type bits in place; then the old value. */
static void test_sizing(void **state)
{
	static const uint32_t sizes[PCI_BARS] = {
		0xffffffe1, 0xfffff000, 0xffffc004, 0xffffffff, 0, 0,
	};
	struct test_bus t;
	uint32_t before[PCI_BARS];

	(void)state;
	make(&t);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		before[i] = config_in(&t, 1, 0, BAR(i), 4);
		config_out(&t, 1, 0, BAR(i), 4, 0xffffffff);
		assert_int_equal(config_in(&t, 1, 0, BAR(i), 4), sizes[i]);
		config_out(&t, 1, 0, BAR(i), 4, before[i]);
		assert_int_equal(config_in(&t, 1, 0, BAR(i), 4), before[i]);
	}
	config_out(&t, 1, 0, 0x30, 4, 0xfffff800); /* no ROM */
	assert_int_equal(config_in(&t, 1, 0, 0x30, 4), 0);
	/* It answers where it answered before. */
	assert_int_equal(guest_read(&t, BUS_PIO, before[0] & ~3u, 1), 0);
	assert_int_equal(guest_read(&t, BUS_MMIO, before[1], 4), 0x55667700);
	test_bus_destroy(&t);
}

static void test_relocation(void **state)
{
	struct test_bus t;
	uint64_t old;

	(void)state;
	make(&t);
	old = t.devices[0].bases[2];
	/* A 64-bit BAR moves in two writes. */
	config_out(&t, 1, 0, COMMAND, 2, 0);
	config_out(&t, 1, 0, BAR(2), 4, 0x00008000);
	config_out(&t, 1, 0, BAR(3), 4, 0x10);
	assert_int_equal(t.devices[0].bases[2], 0);
	config_out(&t, 1, 0, COMMAND, 2, MEMORY);
	assert_true(t.devices[0].bases[2] == BIG_WINDOW + 0x8000);
	assert_true(guest_read(&t, BUS_MMIO, BIG_WINDOW + 0x8000, 4) == 0x55667700);
	assert_int_equal(guest_read(&t, BUS_MMIO, old, 4), 0xffffffff);
	/* Byte by byte too, without switching it off: a guest's privilege. */
	config_out(&t, 1, 0, BAR(1) + 3, 1, 0xd0);
	config_out(&t, 1, 0, BAR(1) + 2, 1, 0x12);
	assert_true((t.devices[0].bases[1] & ~0xffffull) == 0xd0120000);
	assert_int_equal(guest_read(&t, BUS_MMIO, t.devices[0].bases[1] + 1, 1), 1);
	/* The lower bits are not the guest's. */
	config_out(&t, 1, 0, BAR(1), 4, 0xd2345fff);
	assert_true(t.devices[0].bases[1] == 0xd2345000);
	config_out(&t, 1, 0, COMMAND, 2, IO | MEMORY);
	config_out(&t, 1, 0, BAR(0), 4, 0x2003);
	assert_true(t.devices[0].bases[0] ==
		    0x2000); /* bit 0 is not part of the address */
	assert_int_equal(guest_read(&t, BUS_PIO, 0x2000, 1), 0);
	assert_int_equal(guest_read(&t, BUS_PIO, 0x2020, 1), 0xff);
	test_bus_destroy(&t);
}

static void test_command_switches_decoding(void **state)
{
	struct test_bus t;
	uint64_t port, memory;

	(void)state;
	make(&t);
	port = t.devices[0].bases[0];
	memory = t.devices[0].bases[1];
	config_out(&t, 1, 0, COMMAND, 2, IO);
	assert_int_equal(guest_read(&t, BUS_PIO, port, 1), 0);
	assert_int_equal(guest_read(&t, BUS_MMIO, memory, 4), 0xffffffff);
	config_out(&t, 1, 0, COMMAND, 2, MEMORY);
	assert_int_equal(guest_read(&t, BUS_PIO, port, 1), 0xff);
	assert_int_equal(guest_read(&t, BUS_MMIO, memory, 4), 0x55667700);
	config_out(&t, 1, 0, COMMAND, 1, 0);
	assert_int_equal(guest_read(&t, BUS_MMIO, memory, 4), 0xffffffff);
	/* What it does not do it does not show. */
	config_out(&t, 1, 0, COMMAND, 2, 0xffff);
	assert_int_equal(config_in(&t, 1, 0, COMMAND, 2),
			 IO | MEMORY | BUS_MASTER | NO_INTX);
	config_out(&t, 0, 0, COMMAND, 2, 0xffff); /* the bridge has no BARs */
	assert_int_equal(config_in(&t, 0, 0, COMMAND, 2), BUS_MASTER | NO_INTX);
	test_bus_destroy(&t);
}

static void test_bus_master(void **state)
{
	struct test_bus t;

	(void)state;
	make(&t);
	assert_false(pci_is_bus_master(&t.devices[0].function));
	config_out(&t, 1, 0, COMMAND, 2, BUS_MASTER);
	assert_true(pci_is_bus_master(&t.devices[0].function));
	pci_bus_reset(&t.pci);
	assert_false(pci_is_bus_master(&t.devices[0].function));
	test_bus_destroy(&t);
}

static void move_to(struct test_bus *t, uint64_t address)
{
	config_out(t, 1, 0, BAR(2), 4, (uint32_t)address);
	config_out(t, 1, 0, BAR(3), 4, (uint32_t)(address >> 32));
}

/* On RAM, on another chip, at the ends of the space: no harm is done. */
static void test_wild_addresses(void **state)
{
	static const uint64_t wild[] = {
		0,          0x1000,     0xb0000000,  0xbfffc000,
		0xe0000000, 0xe00fc000, 0x13fffc000, 0x100000000,
	};
	struct test_bus t;

	(void)state;
	make(&t);
	for (size_t i = 0; i < ARRAY_LENGTH(wild); i++) {
		move_to(&t, wild[i]);
		assert_int_equal(t.devices[0].bases[2], 0);
	}
	move_to(&t, UINT64_MAX); /* where the address space ends */
	assert_true(guest_read(&t, BUS_MMIO, 0xffffffffffffc004, 4) == 0x55667704);
	config_out(&t, 1, 0, BAR(0), 4, 0xcf8);
	assert_int_equal(t.devices[0].bases[0], 0);
	config_out(&t, 1, 0, BAR(0), 4, 0x60);
	assert_int_equal(t.devices[0].bases[0], 0);
	config_out(&t, 1, 0, BAR(0), 4, 0xfffff001);
	assert_int_equal(t.devices[0].bases[0], 0);
	config_out(&t, 1, 0, BAR(0), 4, 0x10000);
	assert_int_equal(t.devices[0].bases[0], 0);
	/* Configuration space still works, and so do the BARs once they are put right. */
	assert_int_equal(guest_read(&t, BUS_MMIO, ECAM, 2), 0x1b36);
	move_to(&t, 0xc1000000);
	assert_true(t.devices[0].bases[2] == 0xc1000000);
	pci_bus_reset(&t.pci);
	assert_true(t.devices[0].bases[0] >= IO_WINDOW);
	test_bus_destroy(&t);
}

/* Linux without ACPI knows no windows: it takes what lies behind RAM. */
static void test_places_outside_of_the_windows(void **state)
{
	struct test_bus t;

	(void)state;
	make(&t);
	move_to(&t, 0x140000000);
	assert_true(t.devices[0].bases[2] == 0x140000000);
	t.memory.regions[0].size = 1ull << 29;
	move_to(&t, 0x20000000);
	assert_true(t.devices[0].bases[2] == 0x20000000);
	assert_true(guest_read(&t, BUS_MMIO, 0x20000004, 4) == 0x55667704);
	test_bus_destroy(&t);
}

static void plug_second(struct test_bus *t)
{
	struct err err;

	test_function(t, 1);
	test_add_bar(t, 1, 0, PCI_BAR_MEM32, 0x1000);
	assert_int_equal(pci_bus_plug(&t->pci, &t->devices[1].function, &err), 0);
	pci_bus_reset(&t->pci);
}

/* Of two BARs at one place one is decoded, and the other as soon as that one leaves. */
static void test_overlapping_bars(void **state)
{
	struct test_bus t;
	uint64_t first, second;

	(void)state;
	make(&t);
	plug_second(&t);
	first = t.devices[0].bases[1];
	second = t.devices[1].bases[0];
	assert_true(first != second);
	config_out(&t, 1, 0, BAR(1), 4, (uint32_t)second);
	assert_int_equal(t.devices[0].bases[1], 0);
	assert_true(t.devices[1].bases[0] == second);
	/* They change places. */
	config_out(&t, 2, 0, BAR(0), 4, (uint32_t)first);
	assert_true(t.devices[0].bases[1] == second);
	assert_true(t.devices[1].bases[0] == first);
	guest_write(&t, BUS_MMIO, first, 4, 1);
	guest_write(&t, BUS_MMIO, second, 4, 2);
	assert_int_equal(t.devices[1].written[0], 1);
	assert_int_equal(t.devices[0].written[0], 2);
	test_bus_destroy(&t);
}

static void test_reset(void **state)
{
	struct test_bus t;
	uint32_t before[64];

	(void)state;
	make(&t);
	for (unsigned i = 0; i < 64; i++)
		before[i] = config_in(&t, 1, 0, 4 * i, 4);
	for (unsigned i = 0; i < 64; i++)
		config_out(&t, 1, 0, 4 * i, 4, 0xffffffff);
	pci_set_intx(&t.devices[0].function, true);
	pci_bus_reset(&t.pci);
	assert_int_equal(guest_read(&t, BUS_PIO, PORTS, 4), 0);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(config_in(&t, 1, 0, 4 * i, 4), before[i]);
	assert_false(t.wires[1].level);
	assert_true(t.devices[0].bases[1] == (before[5] & ~0xfu));
	test_bus_destroy(&t);
}

static void test_multi_function_device(void **state)
{
	struct test_bus t;
	struct err err;

	(void)state;
	make(&t);
	test_function(&t, 1);
	assert_int_equal(pci_bus_plug_at(&t.pci, &t.devices[1].function, 1, 3, &err), 0);
	assert_int_equal(config_in(&t, 1, 0, 0xe, 1), 0x80);
	assert_int_equal(config_in(&t, 1, 3, 0, 4), 0x56011234);
	assert_int_equal(config_in(&t, 1, 1, 0, 4), 0xffffffff);
	assert_int_equal(config_in(&t, 1, 3, 0x3d, 1), 4); /* INTD# */
	pci_set_intx(&t.devices[1].function, true);
	assert_true(t.wires[0].level); /* INTD# of device 1 */
	pci_bus_reset(&t.pci);
	assert_int_equal(config_in(&t, 1, 0, 0xe, 1), 0x80);
	/* A place that is taken, and a device without a function 0. */
	test_function(&t, 2);
	assert_int_equal(pci_bus_plug_at(&t.pci, &t.devices[2].function, 1, 3, &err), -1);
	assert_int_equal(pci_bus_plug_at(&t.pci, &t.devices[2].function, 2, 1, &err), -1);
	assert_int_equal(pci_bus_plug_at(&t.pci, &t.devices[2].function, 32, 0, &err),
			 -1);
	test_bus_destroy(&t);
}

static void test_capabilities(void **state)
{
	static const uint8_t vendor[16] = { 9, 0xee, 16, 1 },
			     odd[5] = { 0x42, 0, 1, 2, 3 };
	static const uint8_t large[200] = { 9 };
	struct test_bus t;
	struct pci_function *function;
	unsigned first, second;
	struct err err;

	(void)state;
	make(&t);
	function = test_function(&t, 1);
	first = pci_function_add_capability(function, odd, sizeof(odd));
	second = pci_function_add_capability(function, vendor, sizeof(vendor));
	assert_int_equal(pci_function_add_capability(function, large, sizeof(large)), 0);
	assert_int_equal(pci_bus_plug(&t.pci, function, &err), 0);

	assert_int_equal(config_in(&t, 1, 0, STATUS, 2) & 0x10, 0); /* it has none */
	assert_int_equal(config_in(&t, 1, 0, 0x34, 1), 0);
	assert_int_equal(config_in(&t, 2, 0, STATUS, 2) & 0x10, 0x10);
	assert_int_equal(config_in(&t, 2, 0, 0x34, 1), first);
	assert_true(first >= 0x40 && first % 4 == 0 && second % 4 == 0);
	assert_int_equal(config_in(&t, 2, 0, first, 1), 0x42);
	assert_int_equal(config_in(&t, 2, 0, first + 1, 1), second);
	assert_int_equal(config_in(&t, 2, 0, first + 4, 1), 3);
	assert_int_equal(config_in(&t, 2, 0, second, 4), 0x01100009);
	config_out(&t, 2, 0, second, 4, 0xffffffff);
	assert_int_equal(config_in(&t, 2, 0, second, 4), 0x01100009);
	test_bus_destroy(&t);
}

struct hook {
	struct pci_function *function;
	unsigned reads, writes, offset, size;
};

static void hook_read(void *dev, unsigned offset, unsigned size)
{
	struct hook *hook = dev;

	hook->reads++;
	hook->offset = offset;
	hook->size = size;
	hook->function->config[hook->function->hook_offset + offset] = 0x77;
}

static void hook_write(void *dev, unsigned offset, unsigned size)
{
	struct hook *hook = dev;

	hook->writes++;
	hook->offset = offset;
	hook->size = size;
}

/* A window into the device sees what touches it, and only that. */
static void test_hook(void **state)
{
	static const uint8_t body[20] = { 9, 0, 20 };
	struct test_bus t;
	struct hook hook = { 0 };
	struct err err;
	unsigned at;

	(void)state;
	test_bus_init(&t);
	hook.function = test_function(&t, 0);
	at = pci_function_add_capability(hook.function, body, sizeof(body));
	hook.function->hook_offset = (uint16_t)(at + 16);
	hook.function->hook_size = 4;
	hook.function->config_read = hook_read;
	hook.function->config_write = hook_write;
	hook.function->dev = &hook;
	memset(&hook.function->writable[at + 16], 0xff, 4);
	assert_int_equal(pci_bus_plug(&t.pci, hook.function, &err), 0);

	assert_int_equal(config_in(&t, 1, 0, at + 18, 1), 0x77);
	assert_int_equal(hook.offset, 2);
	assert_int_equal(hook.size, 1);
	config_in(&t, 1, 0, at + 12, 4);
	config_out(&t, 1, 0, at + 12, 4, 0);
	assert_int_equal(hook.reads, 1);
	assert_int_equal(hook.writes, 0);
	config_out(&t, 1, 0, at + 16, 4, 0x01020304);
	assert_int_equal(hook.writes, 1);
	assert_int_equal(hook.offset, 0);
	assert_int_equal(hook.size, 4);
	assert_int_equal(load_le32(&hook.function->config[at + 16]), 0x01020304);
	/* Across its begin: only the part inside. */
	guest_write(&t, BUS_MMIO, ecam_address(1, 0, at + 14), 4, 0xaabbccdd);
	assert_int_equal(hook.writes, 2);
	assert_int_equal(hook.offset, 0);
	assert_int_equal(hook.size, 2);
	test_bus_destroy(&t);
}

static void test_intx(void **state)
{
	struct test_bus t;
	struct pci_function *function = &t.devices[0].function;

	(void)state;
	make(&t);
	pci_set_intx(function, true);
	assert_true(t.wires[1].level); /* INTA# of device 1 */
	assert_int_equal(config_in(&t, 1, 0, STATUS, 2) & 8, 8);
	/* The status tells what the device wants; COMMAND only cuts the wire (6.2.3). */
	config_out(&t, 1, 0, COMMAND, 2, NO_INTX);
	assert_false(t.wires[1].level);
	assert_int_equal(config_in(&t, 1, 0, COMMAND, 4) >> 16 & 8, 8);
	pci_set_intx(function, false);
	assert_int_equal(config_in(&t, 1, 0, STATUS, 1) & 8, 0);
	pci_set_intx(function, true);
	assert_false(t.wires[1].level);
	config_out(&t, 1, 0, COMMAND, 2, 0);
	assert_true(t.wires[1].level);
	pci_set_intx(function, false);
	assert_false(t.wires[1].level);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(t.wires[i].redundant, 0);
	test_bus_destroy(&t);
}

/* Devices 1 and 5 are on one wire: it is free when both let go. */
static void test_shared_wire(void **state)
{
	struct test_bus t;
	struct err err;

	(void)state;
	make(&t);
	test_function(&t, 1);
	assert_int_equal(pci_bus_plug_at(&t.pci, &t.devices[1].function, 5, 0, &err), 0);
	pci_set_intx(&t.devices[0].function, true);
	pci_set_intx(&t.devices[1].function, true);
	pci_set_intx(&t.devices[0].function, false);
	assert_true(t.wires[1].level);
	pci_set_intx(&t.devices[1].function, false);
	assert_false(t.wires[1].level);
	assert_int_equal(t.wires[1].raised, 1);
	test_bus_destroy(&t);
}

static void test_too_many_devices(void **state)
{
	static struct pci_function functions[PCI_DEVICES];
	const struct pci_ids ids = { .vendor = 1 };
	struct test_bus t;
	struct err err;

	(void)state;
	test_bus_init(&t);
	for (unsigned i = 0; i < PCI_DEVICES; i++) {
		pci_function_init(&functions[i], &ids, "one-more");
		assert_int_equal(pci_bus_plug(&t.pci, &functions[i], &err),
				 i < PCI_DEVICES - 1 ? 0 : -1);
	}
	assert_non_null(strstr(err.text, "one-more"));
	test_bus_destroy(&t);
}

/* A large BAR goes where there is room; without any it is an error. */
static void test_large_bars(void **state)
{
	struct test_bus t;
	struct err err;

	(void)state;
	test_bus_init(&t);
	test_function(&t, 0);
	test_add_bar(&t, 0, 0, PCI_BAR_MEM64_PREFETCH, 1ull << 32);
	assert_int_equal(pci_bus_plug(&t.pci, &t.devices[0].function, &err), 0);
	assert_int_equal(config_in(&t, 1, 0, BAR(0), 4), 0xc);
	assert_int_equal(config_in(&t, 1, 0, BAR(1), 4), BIG_WINDOW >> 32);
	config_out(&t, 1, 0, BAR(0), 4, 0xffffffff);
	config_out(&t, 1, 0, BAR(1), 4, 0xffffffff);
	assert_int_equal(config_in(&t, 1, 0, BAR(0), 4), 0xc);
	assert_int_equal(config_in(&t, 1, 0, BAR(1), 4), 0xffffffff);
	test_function(&t, 1);
	test_add_bar(&t, 1, 0, PCI_BAR_MEM32, 1ull << 30);
	assert_int_equal(pci_bus_plug(&t.pci, &t.devices[1].function, &err), -1);
	assert_non_null(strstr(err.text, "BAR 0 of device"));
	test_bus_destroy(&t);
}

static void test_save_and_load(void **state)
{
	struct test_bus t, other;
	struct state_writer writer = { 0 };
	struct err err = { "" };

	(void)state;
	make(&t);
	config_out(&t, 1, 0, BAR(1), 4, 0xd0000000);
	config_out(&t, 1, 0, 0x3c, 1, 0x55);
	pci_set_intx(&t.devices[0].function, true);
	guest_write(&t, BUS_PIO, PORTS, 4, 0x80000804);
	assert_int_equal(pci_bus_save(&t.pci, &writer, &err), 0);
	assert_int_equal(pci_function_save(&t.devices[0].function, &writer, &err), 0);

	make(&other);
	if (pci_bus_load(&other.pci, chip_image(&writer), &err) ||
	    pci_function_load(&other.devices[0].function, chip_image(&writer), &err))
		fail_msg("%s", err.text);
	assert_int_equal(guest_read(&other, BUS_PIO, PORTS, 4), 0x80000804);
	assert_true(other.devices[0].bases[1] == 0xd0000000);
	assert_true(other.wires[1].level);
	for (unsigned i = 0; i < 256; i += 4)
		assert_int_equal(config_in(&other, 1, 0, i, 4),
				 config_in(&t, 1, 0, i, 4));
	state_writer_free(&writer);
	test_bus_destroy(&other);
	test_bus_destroy(&t);
}

/* A state of another device must not change what this one is. */
static void test_hostile_states_are_refused(void **state)
{
	struct test_bus t;
	uint8_t config[PCI_CONFIG_SIZE];
	struct err err;

	(void)state;
	make(&t);
	memcpy(config, t.devices[0].function.config, sizeof(config));
	for (unsigned i = 0; i < sizeof(config); i++) {
		const struct state_field fields[] = {
			{ .name = "config", .size = sizeof(config) },
		};
		const struct state_layout layout = { 1, 1, fields };
		struct state_writer writer = { 0 };
		int expected = t.devices[0].function.writable[i] & 0x80 ? 0 : -1;

		config[i] ^= 0x80;
		assert_int_equal(state_save(&writer, "device.pci", &layout, config, &err),
				 0);
		assert_int_equal(pci_function_load(&t.devices[0].function,
						   chip_image(&writer), &err),
				 expected);
		config[i] ^= 0x80;
		state_writer_free(&writer);
	}
	assert_int_equal(config_in(&t, 1, 0, 0, 4), 0x56001234);
	test_bus_destroy(&t);
}

/* Whatever a guest does to it, the function stays what it is. */
static void test_random_operations(void **state)
{
	uint32_t seed = 0x1234567;
	struct test_bus t;

	(void)state;
	make(&t);
	plug_second(&t);
	for (unsigned i = 0; i < 200000; i++) {
		const uint32_t r = chip_random(&seed);
		const unsigned size = 1u << (r >> 8) % 3, device = r % 3;
		const unsigned offset = (r >> 16) % 64 & ~(size - 1);

		if (r >> 12 & 1)
			config_out(&t, device, 0, offset, size, chip_random(&seed));
		else
			guest_write(&t, BUS_MMIO, ecam_address(device, 0, offset), size,
				    chip_random(&seed));
		if (i % 16 == 0)
			pci_set_intx(&t.devices[r & 1].function, r >> 13 & 1);
		for (unsigned bar = 0; bar < 3; bar++) {
			const uint64_t base = t.devices[0].bases[bar];

			if (base)
				assert_int_equal(guest_read(&t, bar ? BUS_MMIO : BUS_PIO,
							    base + 5, 1),
						 5);
		}
	}
	assert_int_equal(config_in(&t, 1, 0, 0, 4), 0x56001234);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(t.wires[i].redundant, 0);
	pci_bus_reset(&t.pci);
	assert_int_not_equal(t.devices[0].bases[0], 0);
	assert_int_not_equal(t.devices[0].bases[2], 0);
	test_bus_destroy(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_absent_functions_read_all_ones),
		cmocka_unit_test(test_mechanism_1),
		cmocka_unit_test(test_ecam),
		cmocka_unit_test(test_bars_are_decoded_after_reset),
		cmocka_unit_test(test_bars_wait_for_firmware),
		cmocka_unit_test(test_sizing),
		cmocka_unit_test(test_relocation),
		cmocka_unit_test(test_command_switches_decoding),
		cmocka_unit_test(test_bus_master),
		cmocka_unit_test(test_wild_addresses),
		cmocka_unit_test(test_places_outside_of_the_windows),
		cmocka_unit_test(test_overlapping_bars),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_multi_function_device),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_hook),
		cmocka_unit_test(test_intx),
		cmocka_unit_test(test_shared_wire),
		cmocka_unit_test(test_too_many_devices),
		cmocka_unit_test(test_large_bars),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_hostile_states_are_refused),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
