/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X as a guest sees it: the capability, the table and the Pending Bit Array. Without
 * KVM a message that may be sent is one whose `attached` is set.
 */
#include <stdlib.h>
#include <unistd.h>

#include "pci_test.h"

#define COMMAND    0x04
#define MEMORY     2u
#define BUS_MASTER 4u
#define ENABLE     0x8000u
#define MASK_ALL   0x4000u
#define BAR        1u

struct msix_test {
	struct test_bus t;
	struct pci_function *function;
	unsigned capability;
	uint64_t table, pba; /* guest addresses */
	unsigned vectors;
};

static void make(struct msix_test *m, unsigned vectors)
{
	struct err err = { "" };
	uint32_t place;

	test_bus_init(&m->t);
	m->vectors = vectors;
	m->function = test_function(&m->t, 0);
	if (pci_function_add_msix(m->function, &m->t.platform, BAR, vectors, &err) ||
	    pci_bus_plug(&m->t.pci, m->function, &err))
		fail_msg("%s", err.text);
	pci_bus_reset(&m->t.pci);
	m->capability = config_in(&m->t, 1, 0, 0x34, 1);
	place = config_in(&m->t, 1, 0, 0x14, 4);
	m->table = place + (config_in(&m->t, 1, 0, m->capability + 4, 4) & ~7u);
	m->pba = place + (config_in(&m->t, 1, 0, m->capability + 8, 4) & ~7u);
}

static void control(struct msix_test *m, uint32_t value)
{
	config_out(&m->t, 1, 0, m->capability + 2, 2, value);
}

static void command(struct msix_test *m, uint32_t value)
{
	config_out(&m->t, 1, 0, COMMAND, 2, value);
}

static void set_entry(struct msix_test *m, unsigned vector, uint64_t address,
		      uint32_t data, uint32_t mask)
{
	const uint64_t at = m->table + 16 * vector;

	guest_write(&m->t, BUS_MMIO, at, 4, (uint32_t)address);
	guest_write(&m->t, BUS_MMIO, at + 4, 4, address >> 32);
	guest_write(&m->t, BUS_MMIO, at + 8, 4, data);
	guest_write(&m->t, BUS_MMIO, at + 12, 4, mask);
}

/* The message of a vector, as the platform has it. */
static const struct msi *msi_of(const struct msix_test *m, unsigned vector)
{
	return m->t.platform.msis[vector];
}

static bool is_pending(struct msix_test *m, unsigned vector)
{
	return guest_read(&m->t, BUS_MMIO, m->pba + vector / 8, 1) >> vector % 8 & 1;
}

/* How often the eventfd was signalled since it was last asked. */
static uint64_t signals(const struct msix_test *m, unsigned vector)
{
	uint64_t count = 0;

	return read(pci_msix_fd(m->function, vector), &count, 8) == 8 ? count : 0;
}

static void test_capability(void **state)
{
	static const unsigned counts[] = { 1, 2, 5, 128, 129, 256 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
		struct msix_test m;
		uint32_t size;

		make(&m, counts[i]);
		assert_int_equal(config_in(&m.t, 1, 0, m.capability, 1), 0x11);
		assert_int_equal(config_in(&m.t, 1, 0, m.capability + 2, 2),
				 counts[i] - 1);
		assert_int_equal(config_in(&m.t, 1, 0, m.capability + 4, 1) & 7, BAR);
		assert_int_equal(config_in(&m.t, 1, 0, m.capability + 8, 1) & 7, BAR);
		assert_int_equal(pci_msix_vectors(m.function), counts[i]);
		/* Both fit the BAR and do not meet. */
		config_out(&m.t, 1, 0, 0x14, 4, 0xffffffff);
		size = -config_in(&m.t, 1, 0, 0x14, 4);
		assert_true(m.table + 16 * counts[i] <= m.pba);
		assert_true(m.pba + (counts[i] + 63) / 64 * 8 <= m.table + size);
		test_bus_destroy(&m.t);
	}
}

static void test_impossible_numbers(void **state)
{
	struct test_bus t;
	struct err err;

	(void)state;
	test_bus_init(&t);
	test_function(&t, 0);
	assert_int_equal(
		pci_function_add_msix(&t.devices[0].function, &t.platform, 1, 0, &err),
		-1);
	assert_int_equal(
		pci_function_add_msix(&t.devices[0].function, &t.platform, 1, 257, &err),
		-1);
	assert_int_equal(pci_msix_vectors(&t.devices[0].function), 0);
	assert_int_equal(pci_msix_fd(&t.devices[0].function, 0), -1);
	test_bus_destroy(&t);
}

/* All masked after reset (6.8.2.9); reserved bits read 0; any width of access works. */
static void test_table(void **state)
{
	struct msix_test m;

	(void)state;
	make(&m, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(guest_read(&m.t, BUS_MMIO, m.table + 16 * i, 8) == 0);
		assert_true(guest_read(&m.t, BUS_MMIO, m.table + 16 * i + 8, 8) ==
			    1ull << 32);
	}
	guest_write(&m.t, BUS_MMIO, m.table, 8, UINT64_MAX);
	guest_write(&m.t, BUS_MMIO, m.table + 8, 8, UINT64_MAX);
	assert_true(guest_read(&m.t, BUS_MMIO, m.table, 8) == ~3ull);
	assert_true(guest_read(&m.t, BUS_MMIO, m.table + 8, 8) == 0x1ffffffffull);
	guest_write(&m.t, BUS_MMIO, m.table + 16 + 9, 1, 0xab);
	guest_write(&m.t, BUS_MMIO, m.table + 16 + 10, 2, 0xcdef);
	assert_int_equal(guest_read(&m.t, BUS_MMIO, m.table + 16 + 8, 4), 0xcdefab00);
	assert_int_equal(guest_read(&m.t, BUS_MMIO, m.table + 16 + 9, 1), 0xab);
	/* Across two entries. */
	guest_write(&m.t, BUS_MMIO, m.table + 16 + 12, 8, 0x00000000ffffffff);
	assert_true(guest_read(&m.t, BUS_MMIO, m.table + 16 + 12, 8) == 1);
	guest_write(&m.t, BUS_MMIO, m.table + 16 + 12, 8, 0xffffffff00000000);
	assert_true(guest_read(&m.t, BUS_MMIO, m.table + 16 + 12, 8) ==
		    0xfffffffc00000000);
	/* Behind the table there is nothing, and the PBA is read-only. */
	guest_write(&m.t, BUS_MMIO, m.table + 48, 8, UINT64_MAX);
	guest_write(&m.t, BUS_MMIO, m.table + 44, 8, UINT64_MAX);
	guest_write(&m.t, BUS_MMIO, m.pba, 8, UINT64_MAX);
	assert_true(guest_read(&m.t, BUS_MMIO, m.table + 48, 8) == 0);
	assert_true(guest_read(&m.t, BUS_MMIO, m.pba, 8) == 0);
	test_bus_destroy(&m.t);
}

/* A message is on its way only while everything allows it. */
static void test_who_may_send(void **state)
{
	struct msix_test m;

	(void)state;
	make(&m, 2);
	set_entry(&m, 1, 0x1fee01000, 0x4123, 0);
	for (unsigned i = 0; i < 8; i++) {
		const bool master = i & 1, enabled = i & 2, masked = i & 4;

		command(&m, MEMORY | (master ? BUS_MASTER : 0));
		control(&m, (enabled ? ENABLE : 0) | (masked ? MASK_ALL : 0));
		assert_int_equal(pci_msix_enabled(m.function), enabled);
		assert_int_equal(msi_of(&m, 1)->attached, master && enabled && !masked);
		assert_false(msi_of(&m, 0)->attached);
	}
	control(&m, ENABLE);
	assert_true(msi_of(&m, 1)->attached);
	assert_true(msi_of(&m, 1)->address == 0x1fee01000);
	assert_int_equal(msi_of(&m, 1)->data, 0x4123);
	set_entry(&m, 1, 0xfee02000, 0x41, 1);
	assert_false(msi_of(&m, 1)->attached);
	set_entry(&m, 1, 0xfee02000, 0x42, 0);
	assert_true(msi_of(&m, 1)->attached);
	assert_true(msi_of(&m, 1)->address == 0xfee02000);
	assert_int_equal(msi_of(&m, 1)->data, 0x42);
	/* It changes while it may be sent. */
	guest_write(&m.t, BUS_MMIO, m.table + 16 + 8, 4, 0x43);
	assert_int_equal(msi_of(&m, 1)->data, 0x43);
	assert_int_equal(config_in(&m.t, 1, 0, m.capability + 2, 2), ENABLE | 1);
	test_bus_destroy(&m.t);
}

static void test_pending(void **state)
{
	struct msix_test m;

	(void)state;
	make(&m, 70);
	command(&m, MEMORY | BUS_MASTER);
	control(&m, ENABLE);
	pci_msix_signal(m.function, 3);
	pci_msix_signal(m.function, 3);
	pci_msix_signal(m.function, 69);
	assert_true(guest_read(&m.t, BUS_MMIO, m.pba, 8) == 8);
	assert_true(guest_read(&m.t, BUS_MMIO, m.pba + 8, 8) == 1ull << 5);
	assert_int_equal(guest_read(&m.t, BUS_MMIO, m.pba + 8, 1), 1 << 5);
	assert_int_equal(guest_read(&m.t, BUS_MMIO, m.pba + 4, 4), 0);
	/* Reading changes nothing. Unmasked, it is sent and no longer pending. */
	assert_true(is_pending(&m, 3));
	set_entry(&m, 3, 0xfee00000, 0x31, 0);
	assert_false(is_pending(&m, 3));
	assert_int_equal(signals(&m, 3), 2);
	assert_true(is_pending(&m, 69));
	test_bus_destroy(&m.t);
}

static void test_signals(void **state)
{
	struct msix_test m;

	(void)state;
	make(&m, 2);
	command(&m, MEMORY | BUS_MASTER);
	/* Not enabled: it would be an interrupt by INTx, and is no message later either. */
	pci_msix_signal(m.function, 0);
	control(&m, ENABLE);
	assert_false(is_pending(&m, 0));
	set_entry(&m, 0, 0xfee00000, 0x31, 0);
	assert_int_equal(signals(&m, 0), 0);
	pci_msix_signal(m.function, 0);
	assert_int_equal(signals(&m, 0), 1);
	assert_int_equal(signals(&m, 1), 0);
	/* Vectors that do not exist. */
	pci_msix_signal(m.function, 2);
	pci_msix_signal(m.function, 0xffff);
	pci_msix_signal(m.function, UINT32_MAX);
	assert_int_equal(signals(&m, 0), 0);
	assert_int_equal(signals(&m, 1), 0);
	assert_int_equal(pci_msix_fd(m.function, 2), -1);
	assert_int_equal(pci_msix_fd(m.function, UINT32_MAX), -1);
	test_bus_destroy(&m.t);
}

/* What vhost has signalled by the eventfd while MSI-X was off is forgotten, too. */
static void test_stale_signals(void **state)
{
	const uint64_t one = 1;
	struct msix_test m;

	(void)state;
	make(&m, 1);
	command(&m, MEMORY | BUS_MASTER);
	assert_int_equal(write(pci_msix_fd(m.function, 0), &one, 8), 8);
	assert_false(is_pending(&m, 0));
	control(&m, ENABLE);
	assert_false(is_pending(&m, 0));
	pci_msix_signal(m.function, 0);
	assert_true(is_pending(&m, 0));
	pci_msix_forget(m.function);
	assert_false(is_pending(&m, 0));
	test_bus_destroy(&m.t);
}

static void test_no_intx_with_msix(void **state)
{
	struct msix_test m;

	(void)state;
	make(&m, 1);
	pci_set_intx(m.function, true);
	assert_true(m.t.wires[1].level);
	control(&m, ENABLE);
	assert_false(m.t.wires[1].level);
	control(&m, ENABLE | MASK_ALL);
	assert_false(m.t.wires[1].level);
	control(&m, 0);
	assert_true(m.t.wires[1].level);
	test_bus_destroy(&m.t);
}

static void test_reset(void **state)
{
	struct msix_test m;

	(void)state;
	make(&m, 2);
	command(&m, MEMORY | BUS_MASTER);
	control(&m, ENABLE);
	set_entry(&m, 0, 0xfee00000, 0x31, 0);
	pci_msix_signal(m.function, 1);
	assert_true(msi_of(&m, 0)->attached);
	pci_bus_reset(&m.t.pci);
	assert_false(pci_msix_enabled(m.function));
	assert_false(msi_of(&m, 0)->attached);
	assert_int_equal(config_in(&m.t, 1, 0, m.capability + 2, 2), 1);
	assert_true(guest_read(&m.t, BUS_MMIO, m.table, 8) == 0);
	assert_true(guest_read(&m.t, BUS_MMIO, m.table + 8, 8) == 1ull << 32);
	assert_int_equal(signals(&m, 1), 0);
	test_bus_destroy(&m.t);
}

static void save(struct msix_test *m, struct state_writer *writer)
{
	struct err err;

	assert_int_equal(pci_function_save(m->function, writer, &err), 0);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct msix_test m, other;
	struct err err = { "" };

	(void)state;
	make(&m, 3);
	command(&m, MEMORY | BUS_MASTER);
	control(&m, ENABLE);
	set_entry(&m, 0, 0xfee00000, 0x31, 0);
	set_entry(&m, 2, 0xfee01000, 0x32, 1);
	pci_msix_signal(m.function, 2);
	save(&m, &writer);

	make(&other, 3);
	if (pci_function_load(other.function, chip_image(&writer), &err))
		fail_msg("%s", err.text);
	assert_true(msi_of(&other, 0)->attached);
	assert_int_equal(msi_of(&other, 0)->data, 0x31);
	assert_false(msi_of(&other, 2)->attached);
	assert_false(is_pending(&other, 0));
	assert_true(is_pending(&other, 2));
	for (unsigned i = 0; i < 48; i += 8)
		assert_true(guest_read(&other.t, BUS_MMIO, other.table + i, 8) ==
			    guest_read(&m.t, BUS_MMIO, m.table + i, 8));
	state_writer_free(&writer);
	test_bus_destroy(&other.t);
	test_bus_destroy(&m.t);
}

/* Reserved bits, vectors that do not exist, another number of them: nothing changes. */
static void test_hostile_states_are_refused(void **state)
{
	static const struct {
		unsigned at; /* in the table */
		uint8_t value;
		int expected;
	} cases[] = {
		{ 4, 0xff, 0 },   { 0, 0x02, -1 },      { 12, 0x02, -1 },
		{ 15, 0x80, -1 }, { 3 * 16, 0x10, -1 }, { 255 * 16, 1, -1 },
		{ 31, 0x01, -1 }, { 28, 0x00, 0 },
	};
	struct state_writer good = { 0 };
	struct msix_test m;
	struct err err;

	(void)state;
	make(&m, 3);
	save(&m, &good);
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		static uint8_t table[4096];
		const struct state_field field = { .name = "table",
						   .size = sizeof(table) };
		const struct state_layout layout = { 1, 1, &field };
		struct state_writer writer = { 0 };

		memset(table, 0, sizeof(table));
		for (unsigned vector = 0; vector < 3; vector++)
			table[16 * vector + 12] = 1;
		table[cases[i].at] = cases[i].value;
		/* The first section of a name counts. */
		assert_int_equal(state_save(&writer, "device.msix", &layout, table, &err),
				 0);
		writer.data = realloc(writer.data, writer.size + good.size);
		assert_non_null(writer.data);
		memcpy(writer.data + writer.size, good.data, good.size);
		writer.size += good.size;
		assert_int_equal(pci_function_load(m.function, chip_image(&writer), &err),
				 cases[i].expected);
		state_writer_free(&writer);
	}
	state_writer_free(&good);
	test_bus_destroy(&m.t);
}

static void test_random_operations(void **state)
{
	uint32_t seed = 0x2468ace;
	struct msix_test m;

	(void)state;
	make(&m, 5);
	command(&m, MEMORY | BUS_MASTER);
	for (unsigned i = 0; i < 100000; i++) {
		const uint32_t r = chip_random(&seed);
		const unsigned size = 1u << (r >> 8) % 4;

		switch (r % 8) {
		case 0:
			control(&m, chip_random(&seed));
			break;
		case 1:
			pci_msix_signal(m.function, r >> 16 & 7);
			break;
		case 2:
			(void)guest_read(&m.t, BUS_MMIO, m.pba + (r >> 16 & 31), size);
			break;
		default:
			guest_write(&m.t, BUS_MMIO, m.table + (r >> 16) % 128, size,
				    (uint64_t)chip_random(&seed) << 32 |
					    chip_random(&seed));
		}
		for (unsigned vector = 0; vector < 5; vector++) {
			const uint64_t entry = m.table + 16 * vector;
			const uint32_t mask =
				(uint32_t)guest_read(&m.t, BUS_MMIO, entry + 12, 4);
			const uint32_t now = config_in(&m.t, 1, 0, m.capability + 2, 2);

			assert_true(mask <= 1);
			assert_int_equal(msi_of(&m, vector)->attached,
					 (now & ENABLE) && !(now & MASK_ALL) && !mask);
			if (msi_of(&m, vector)->attached)
				assert_true(msi_of(&m, vector)->address ==
					    guest_read(&m.t, BUS_MMIO, entry, 8));
		}
	}
	test_bus_destroy(&m.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capability),
		cmocka_unit_test(test_impossible_numbers),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_who_may_send),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_stale_signals),
		cmocka_unit_test(test_no_intx_with_msix),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_hostile_states_are_refused),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests_name("pci_msix", tests, NULL, NULL);
}
