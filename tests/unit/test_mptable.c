/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MP table, read as a kernel without ACPI reads it: from the floating
 * pointer on, by the offsets of the MultiProcessor Specification 1.4.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "arch/x86_64/layout.h"
#include "arch/x86_64/tables.h"
#include "util/bytes.h"

struct built {
	struct tables_area area;
	uint8_t floating[16];
};

/* The table behind 5 bytes of others, in memory that held something else before. */
static struct built build_config(const struct tables_config *config)
{
	struct built built = {
		.area = { .size = LAYOUT_TABLES_SIZE, .used = 5, .gpa = LAYOUT_TABLES },
	};
	struct err err = { "" };

	built.area.data = malloc(LAYOUT_TABLES_SIZE);
	assert_non_null(built.area.data);
	memset(built.area.data, 0xa5, LAYOUT_TABLES_SIZE);
	if (mptable_build(&built.area, config, built.floating, &err) < 0)
		fail_msg("%s", err.text);
	return built;
}

static struct built build(unsigned nr_cpus)
{
	struct tables_config config = { .nr_cpus = nr_cpus };

	return build_config(&config);
}

static void release(struct built *built)
{
	free(built->area.data);
}

static uint8_t sum(const uint8_t *bytes, size_t size)
{
	uint8_t total = 0;

	while (size--)
		total = (uint8_t)(total + *bytes++);
	return total;
}

/* The configuration table, found by the floating pointer. */
static const uint8_t *table_of(const struct built *built)
{
	uint32_t gpa = load_le32(built->floating + 4);
	const uint8_t *table;
	uint16_t length;

	assert_memory_equal(built->floating, "_MP_", 4);
	assert_int_equal(sum(built->floating, 16), 0);
	assert_int_equal(gpa % 16, 0);
	assert_true(gpa >= built->area.gpa);
	assert_true(range_within(gpa - built->area.gpa, 44, built->area.used));
	table = built->area.data + (gpa - built->area.gpa);
	assert_memory_equal(table, "PCMP", 4);
	length = load_le16(table + 4);
	assert_true(range_within(gpa - built->area.gpa, length, built->area.used));
	assert_int_equal(sum(table, length), 0);
	return table;
}

/* What a walk over the entries finds. */
struct walk {
	unsigned count[5]; /* by type */
	const uint8_t *ioapic;
	const uint8_t *irq[16];  /* I/O interrupt entries by ISA interrupt */
	const uint8_t *pci[128]; /* ... by device << 2 | pin */
	unsigned nr_pci;
	const uint8_t *local[2]; /* by LINT */
};

static void walk_interrupt(struct walk *walk, const uint8_t *entry)
{
	assert_int_equal(entry[1], 0); /* INT */
	if (entry[4] == 0) {           /* the PCI bus */
		assert_true(entry[5] < 128);
		assert_null(walk->pci[entry[5]]);
		walk->pci[entry[5]] = entry;
		walk->nr_pci++;
		return;
	}
	assert_int_equal(entry[4], 1); /* the ISA bus */
	assert_true(entry[5] < 16);
	assert_null(walk->irq[entry[5]]);
	walk->irq[entry[5]] = entry;
}

static struct walk walk_table(const uint8_t *table)
{
	static const unsigned sizes[5] = { 20, 8, 8, 8, 8 };
	unsigned length = load_le16(table + 4);
	unsigned at = 44, entries = 0, last_type = 0;
	struct walk walk = { 0 };

	for (; at < length; entries++) {
		const uint8_t *entry = table + at;

		assert_true(entry[0] < 5);
		assert_true(entry[0] >= last_type); /* sorted */
		last_type = entry[0];
		switch (entry[0]) {
		case 0: /* processor: APIC ID, version, enabled and bootstrap */
			assert_int_equal(entry[1], walk.count[0]);
			assert_int_equal(entry[2], 0x14);
			assert_int_equal(entry[3], walk.count[0] == 0 ? 3 : 1);
			assert_true(load_le32(entry + 8) & 1u << 9); /* has an APIC */
			break;
		case 1: /* bus 0 of PCI must be number 0: Linux compares them */
			assert_int_equal(entry[1], walk.count[1]);
			assert_memory_equal(entry + 2,
					    walk.count[1] ? "ISA   " : "PCI   ", 6);
			break;
		case 2:
			walk.ioapic = entry;
			break;
		case 3:
			walk_interrupt(&walk, entry);
			break;
		case 4:
			assert_true(entry[7] < 2);
			walk.local[entry[7]] = entry;
			break;
		}
		walk.count[entry[0]]++;
		at += sizes[entry[0]];
	}
	assert_int_equal(at, length);
	assert_int_equal(entries, load_le16(table + 34));
	return walk;
}

static void test_floating_pointer(void **state)
{
	struct built built = build(1);

	(void)state;
	table_of(&built);
	assert_int_equal(built.floating[8], 1);  /* in units of 16 bytes */
	assert_int_equal(built.floating[9], 4);  /* version 1.4 */
	assert_int_equal(built.floating[11], 0); /* no default configuration */
	assert_int_equal(built.floating[12], 0); /* virtual wire, no IMCR */
	release(&built);
}

static void test_header(void **state)
{
	struct built built = build(2);
	const uint8_t *table = table_of(&built);

	(void)state;
	assert_int_equal(table[6], 4);
	assert_memory_equal(table + 8, "TANE    ", 8);
	assert_memory_equal(table + 16, "TANE        ", 12);
	assert_int_equal(load_le32(table + 28), 0); /* no OEM table */
	assert_int_equal(load_le32(table + 36), 0xfee00000);
	assert_int_equal(load_le16(table + 40), 0); /* no extended table */
	release(&built);
}

static void test_cpus(void **state)
{
	static const struct {
		unsigned cpus, processors, ioapic_id;
	} cases[] = {
		{ 1, 1, 1 },     { 2, 2, 2 },     { 254, 254, 254 },
		{ 255, 255, 0 }, { 300, 255, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct built built = build(cases[i].cpus);
		struct walk walk = walk_table(table_of(&built));

		assert_int_equal(walk.count[0], cases[i].processors);
		assert_int_equal(walk.count[1], 2);
		assert_int_equal(walk.count[2], 1);
		assert_int_equal(walk.ioapic[1], cases[i].ioapic_id);
		assert_int_equal(walk.ioapic[3], 1); /* usable */
		assert_int_equal(load_le32(walk.ioapic + 4), 0xfec00000);
		release(&built);
	}
}

/* Timer on pin 2, no interrupt 2, all others on the pin of their number; SCI level. */
static void test_interrupts_of_the_ioapic(void **state)
{
	struct built built = build(4);
	struct walk walk = walk_table(table_of(&built));
	unsigned irq;

	(void)state;
	assert_int_equal(walk.count[3], 15);
	for (irq = 0; irq < 16; irq++) {
		if (irq == 2) {
			assert_null(walk.irq[irq]);
			continue;
		}
		assert_non_null(walk.irq[irq]);
		assert_int_equal(load_le16(walk.irq[irq] + 2), irq == 9 ? 0xd : 0);
		assert_int_equal(walk.irq[irq][6], walk.ioapic[1]);
		assert_int_equal(walk.irq[irq][7], irq == 0 ? 2 : irq);
	}
	release(&built);
}

/* Pins of PCI devices: level, active low, on the pins of the I/O APIC above ISA's. */
static void test_interrupts_of_pci(void **state)
{
	const struct tables_config config = {
		.nr_cpus = 2,
		.pci_interrupts = { { 1, 0, 17 },
				    { 5, 0, 17 },
				    { 5, 3, 16 },
				    { 31, 2, 17 } },
		.nr_pci_interrupts = 4,
	};
	struct built built = build_config(&config);
	struct walk walk = walk_table(table_of(&built));

	(void)state;
	assert_int_equal(walk.nr_pci, 4);
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *entry = walk.pci[config.pci_interrupts[i].device << 2 |
						config.pci_interrupts[i].pin];

		assert_non_null(entry);
		assert_int_equal(load_le16(entry + 2), 0xf);
		assert_int_equal(entry[6], walk.ioapic[1]);
		assert_int_equal(entry[7], config.pci_interrupts[i].gsi);
	}
	release(&built);
}

/* virtio-mmio has level-triggered interrupts: an edge that comes too early is lost. */
static void test_interrupts_of_virtio_mmio(void **state)
{
	const struct tables_config config = {
		.nr_cpus = 1,
		.virtio_mmio = { { 0xe0100000, 512, 5 }, { 0xe0101000, 512, 10 } },
		.nr_virtio_mmio = 2,
	};
	struct built built = build_config(&config);
	struct walk walk = walk_table(table_of(&built));

	(void)state;
	for (unsigned irq = 0; irq < 16; irq++) {
		const bool level = irq == 5 || irq == 9 || irq == 10;

		if (irq != 2)
			assert_int_equal(load_le16(walk.irq[irq] + 2), level ? 0xd : 0);
	}
	release(&built);
}

static void test_local_interrupts(void **state)
{
	struct built built = build(2);
	struct walk walk = walk_table(table_of(&built));

	(void)state;
	assert_int_equal(walk.count[4], 2);
	assert_int_equal(walk.local[0][1], 3);    /* ExtINT to LINT0 */
	assert_int_equal(walk.local[0][6], 0xff); /* of every CPU */
	assert_int_equal(walk.local[1][1], 1);    /* NMI to LINT1 */
	assert_int_equal(walk.local[1][6], 0xff);
	release(&built);
}

/* Whatever the room, nothing behind it is touched, and the error names the limit. */
static void test_small_area_is_an_error(void **state)
{
	struct tables_config config = { .nr_cpus = 3 };
	uint8_t data[512], floating[16];
	struct tables_area area = { .data = data,
				    .size = sizeof(data),
				    .gpa = LAYOUT_TABLES };
	size_t need, size, i;
	struct err err;
	char limit[32];

	(void)state;
	assert_int_equal(mptable_build(&area, &config, floating, &err), 0);
	need = area.used;
	for (size = 0; size < need; size++) {
		memset(data, 0xee, sizeof(data));
		memset(floating, 0xee, sizeof(floating));
		area = (struct tables_area){ .data = data,
					     .size = size,
					     .gpa = LAYOUT_TABLES };
		assert_int_equal(mptable_build(&area, &config, floating, &err), -1);
		snprintf(limit, sizeof(limit), "%zu bytes", size);
		assert_non_null(strstr(err.text, limit));
		for (i = size; i < sizeof(data); i++)
			assert_int_equal(data[i], 0xee);
		assert_int_equal(floating[0], 0xee); /* points to nothing half made */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floating_pointer),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_interrupts_of_the_ioapic),
		cmocka_unit_test(test_interrupts_of_pci),
		cmocka_unit_test(test_interrupts_of_virtio_mmio),
		cmocka_unit_test(test_local_interrupts),
		cmocka_unit_test(test_small_area_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
