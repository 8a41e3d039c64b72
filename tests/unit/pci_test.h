/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of PCI share: a bus without KVM, and a guest's ways to it. All
 * accesses go by the machine's bus, as those of a guest do.
 */
#ifndef TESTS_UNIT_PCI_TEST_H
#define TESTS_UNIT_PCI_TEST_H

#include "chip.h"

#include "core/platform.h"
#include "dev/pci.h"

#define PORTS      0xcf8u
#define ECAM       0xe0000000ull
#define IO_WINDOW  0x1000u
#define MEM_WINDOW 0xc0000000ull
#define BIG_WINDOW 0x1000000000ull

/* A function with registers behind its BARs that remember what was written last. */
struct test_device {
	struct pci_function function;
	uint64_t written[PCI_BARS];
	unsigned moves[PCI_BARS]; /* calls of mapped() */
	uint64_t bases[PCI_BARS]; /* where it was last mapped; 0: it is not */
};

struct test_bus {
	struct bus bus;
	struct platform platform;
	struct memory memory; /* its regions have no memory behind them */
	struct pci_bus pci;
	struct chip_irq wires[4];
	struct test_device devices[4];
};

static inline uint64_t test_bar_read(void *dev, uint64_t offset, unsigned size)
{
	(void)dev;
	(void)size;
	return 0x1122334455667700ull + offset;
}

static inline void test_bar_write(void *dev, uint64_t offset, unsigned size,
				  uint64_t value)
{
	struct test_device *device = dev;

	(void)offset;
	(void)size;
	device->written[0] = value;
}

static const struct io_ops test_bar_ops = {
	.read = test_bar_read,
	.write = test_bar_write,
	.max_size = 8,
};

static inline void test_bar_mapped(void *dev, unsigned bar, uint64_t base)
{
	struct test_device *device = dev;

	device->moves[bar]++;
	device->bases[bar] = base;
}

static inline void test_bar_unmapped(void *dev, unsigned bar, uint64_t base)
{
	struct test_device *device = dev;

	assert_true(device->bases[bar] == base);
	device->bases[bar] = 0;
}

/* With a host bridge, or bare: a bus as firmware finds it. */
static inline void test_bus_make(struct test_bus *t, bool bare)
{
	const struct pci_window io = { .base = IO_WINDOW, .size = 0xf000 };
	const struct pci_window mem32 = { .base = MEM_WINDOW, .size = 0x20000000 };
	const struct pci_window mem64 = { .base = BIG_WINDOW, .size = BIG_WINDOW };
	const struct bus_range ports = { .base = PORTS,
					 .size = 8,
					 .name = "ports",
					 .ops = &pci_config_ports,
					 .dev = &t->pci };
	const struct bus_range ecam = { .base = ECAM,
					.size = PCI_ECAM_SIZE,
					.name = "ecam",
					.ops = &pci_ecam,
					.dev = &t->pci };
	struct irq_line intx[4];
	struct err err = { "" };

	memset(t, 0, sizeof(*t));
	for (unsigned i = 0; i < 4; i++)
		intx[i] = chip_irq_line(&t->wires[i]);
	bus_init(&t->bus);
	platform_init(&t->platform);
	t->memory.regions[0].size = 3ull << 30;
	t->memory.regions[1].gpa = 4ull << 30;
	t->memory.regions[1].size = 1ull << 30;
	t->memory.nr_regions = 2;
	t->platform.bus = &t->bus;
	t->platform.memory = &t->memory;
	if (bare)
		pci_bus_init_bare(&t->pci, &t->platform, &io, &mem32, &mem64, intx);
	else
		assert_int_equal(pci_bus_init(&t->pci, &t->platform, &io, &mem32, &mem64,
					      intx, &err),
				 0);
	assert_int_equal(bus_add(&t->bus, BUS_PIO, &ports, &err), 0);
	assert_int_equal(bus_add(&t->bus, BUS_MMIO, &ecam, &err), 0);
}

static inline void test_bus_init(struct test_bus *t)
{
	test_bus_make(t, false);
}

static inline void test_bus_destroy(struct test_bus *t)
{
	for (unsigned i = 0; i < ARRAY_LENGTH(t->devices); i++)
		pci_function_destroy(&t->devices[i].function);
	pci_bus_destroy(&t->pci);
	platform_destroy(&t->platform);
	bus_destroy(&t->bus);
}

static inline struct pci_function *test_function(struct test_bus *t, unsigned index)
{
	const struct pci_ids ids = {
		.vendor = 0x1234,
		.device = (uint16_t)(0x5600 + index),
		.subsystem_vendor = 0x9abc,
		.subsystem = 0xdef0,
		.revision = 7,
		.class_code = 0x020103,
		.interrupt_pin = true,
	};

	pci_function_init(&t->devices[index].function, &ids, "device");
	return &t->devices[index].function;
}

static inline void test_add_bar(struct test_bus *t, unsigned index, unsigned bar,
				enum pci_bar_kind kind, uint64_t size)
{
	const struct pci_bar description = {
		.kind = kind,
		.size = size,
		.name = "bar",
		.ops = &test_bar_ops,
		.dev = &t->devices[index],
		.mapped = test_bar_mapped,
		.unmapped = test_bar_unmapped,
	};

	pci_function_add_bar(&t->devices[index].function, bar, &description);
}

/* -- a guest's accesses -- */

static inline uint64_t guest_read(struct test_bus *t, enum bus_space space,
				  uint64_t address, unsigned size)
{
	uint64_t value = 0;

	bus_access(&t->bus, space, address, &value, size, false);
	return value;
}

static inline void guest_write(struct test_bus *t, enum bus_space space, uint64_t address,
			       unsigned size, uint64_t value)
{
	bus_access(&t->bus, space, address, &value, size, true);
}

/* By mechanism 1. */
static inline uint32_t config_in(struct test_bus *t, unsigned device, unsigned function,
				 unsigned offset, unsigned size)
{
	guest_write(t, BUS_PIO, PORTS, 4,
		    0x80000000u | device << 11 | function << 8 | (offset & 0xfc));
	return (uint32_t)guest_read(t, BUS_PIO, PORTS + 4 + offset % 4, size);
}

static inline void config_out(struct test_bus *t, unsigned device, unsigned function,
			      unsigned offset, unsigned size, uint32_t value)
{
	guest_write(t, BUS_PIO, PORTS, 4,
		    0x80000000u | device << 11 | function << 8 | (offset & 0xfc));
	guest_write(t, BUS_PIO, PORTS + 4 + offset % 4, size, value);
}

static inline uint64_t ecam_address(unsigned device, unsigned function, unsigned offset)
{
	return ECAM + (device << 15 | function << 12 | offset);
}

#endif
