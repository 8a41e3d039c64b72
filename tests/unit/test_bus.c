/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus: dispatch, cutting of wide accesses, strangers, overlap, look-up under change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <pthread.h>
#include <cmocka.h>

#include "core/bus.h"

/* A device that remembers its calls. */
struct probe {
	char log[256];
	uint64_t answer;
};

static uint64_t probe_read(void *dev, uint64_t offset, unsigned size)
{
	struct probe *probe = dev;
	size_t used = strlen(probe->log);

	snprintf(probe->log + used, sizeof(probe->log) - used, "r%u@%d ", size,
		 (int)offset);
	return probe->answer >> (8 * offset);
}

static void probe_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct probe *probe = dev;
	size_t used = strlen(probe->log);

	snprintf(probe->log + used, sizeof(probe->log) - used, "w%u@%d=%llx ", size,
		 (int)offset, (unsigned long long)value);
}

static void probe_read_string(void *dev, uint64_t offset, unsigned size, unsigned count,
			      void *data)
{
	struct probe *probe = dev;
	size_t used = strlen(probe->log);

	snprintf(probe->log + used, sizeof(probe->log) - used, "R%u@%dx%u ", size,
		 (int)offset, count);
	memset(data, (int)probe->answer, (size_t)size * count);
}

static void probe_write_string(void *dev, uint64_t offset, unsigned size, unsigned count,
			       const void *data)
{
	struct probe *probe = dev;
	size_t used = strlen(probe->log);

	snprintf(probe->log + used, sizeof(probe->log) - used, "W%u@%dx%u=%.*s ", size,
		 (int)offset, count, (int)(size * count), (const char *)data);
}

static const struct io_ops byte_ops = {
	.read = probe_read,
	.write = probe_write,
	.max_size = 1,
};
static const struct io_ops wide_ops = {
	.read = probe_read,
	.write = probe_write,
	.max_size = 4,
};
static const struct io_ops string_ops = {
	.read = probe_read,
	.write = probe_write,
	.max_size = 2,
	.read_string = probe_read_string,
	.write_string = probe_write_string,
};

static struct bus bus;
static struct probe a, b;

static int setup(void **state)
{
	(void)state;
	bus_init(&bus);
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bus_destroy(&bus);
	return 0;
}

static int add(enum bus_space space, uint64_t base, uint64_t size,
	       const struct io_ops *ops, struct probe *probe)
{
	const struct bus_range range = {
		.base = base,
		.size = size,
		.name = probe == &a ? "a" : "b",
		.ops = ops,
		.dev = probe,
	};
	struct err err;

	return bus_add(&bus, space, &range, &err);
}

static uint64_t get(enum bus_space space, uint64_t address, unsigned size)
{
	uint64_t value = 0;

	bus_access(&bus, space, address, &value, size, false);
	return value;
}

static void put(enum bus_space space, uint64_t address, unsigned size, uint64_t value)
{
	bus_access(&bus, space, address, &value, size, true);
}

static void test_unclaimed_reads_all_ones(void **state)
{
	(void)state;
	for (int space = 0; space < BUS_SPACES; space++) {
		assert_int_equal(get(space, 0x1234, 1), 0xff);
		assert_int_equal(get(space, 0x1234, 2), 0xffff);
		assert_int_equal(get(space, 0x1234, 4), 0xffffffff);
		assert_true(get(space, 0x1234, 8) == UINT64_MAX);
		put(space, 0x1234, 4, 5);
		assert_int_equal(bus.maps[space].unclaimed, 5);
		assert_int_equal(bus.maps[space].strangers[0].address, 0x1234);
		assert_int_equal(bus.maps[space].strangers[0].count, 5);
		assert_string_equal(bus_name(&bus, space, 0x1234), "unclaimed");
	}
}

static void test_strangers_are_bounded(void **state)
{
	(void)state;
	for (unsigned port = 0; port < 10000; port++)
		put(BUS_PIO, port, 1, 0);
	assert_int_equal(bus.maps[BUS_PIO].unclaimed, 10000);
	assert_int_equal(bus.maps[BUS_PIO].strangers[BUS_MAX_STRANGERS - 1].address,
			 BUS_MAX_STRANGERS - 1);
}

static void test_dispatch(void **state)
{
	(void)state;
	assert_int_equal(add(BUS_PIO, 0x100, 8, &wide_ops, &a), 0);
	assert_int_equal(add(BUS_MMIO, 0x100, 8, &wide_ops, &b), 0);
	a.answer = 0x8877665544332211;
	assert_int_equal(get(BUS_PIO, 0x100, 4), 0x44332211);
	assert_int_equal(get(BUS_PIO, 0x104, 2), 0x6655);
	put(BUS_PIO, 0x107, 1, 0xab);
	assert_string_equal(a.log, "r4@0 r2@4 w1@7=ab ");
	put(BUS_MMIO, 0x100, 4, 0xdeadbeef);
	assert_string_equal(b.log, "w4@0=deadbeef ");
	assert_string_equal(bus_name(&bus, BUS_PIO, 0x107), "a");
	assert_string_equal(bus_name(&bus, BUS_MMIO, 0x107), "b");
	assert_int_equal(bus.maps[BUS_PIO].ranges[0].reads, 2);
	assert_int_equal(bus.maps[BUS_PIO].ranges[0].writes, 1);
}

/* A word on a byte device, as `outw` to an index and its data port. */
static void test_wide_access_is_cut(void **state)
{
	(void)state;
	add(BUS_PIO, 0x70, 1, &byte_ops, &a);
	add(BUS_PIO, 0x71, 1, &byte_ops, &b);
	put(BUS_PIO, 0x70, 2, 0x3412);
	assert_string_equal(a.log, "w1@0=12 ");
	assert_string_equal(b.log, "w1@0=34 ");
	a.answer = 0xaa;
	b.answer = 0xbb;
	assert_int_equal(get(BUS_PIO, 0x70, 2), 0xbbaa);
	/* Over the edge: the unclaimed part reads all ones. */
	assert_int_equal(get(BUS_PIO, 0x71, 4), 0xffffffbb);
	assert_int_equal(get(BUS_PIO, 0x6f, 2), 0xaaff);
}

static void test_odd_sizes_and_the_end_of_the_ports(void **state)
{
	(void)state;
	add(BUS_MMIO, 0x1000, 16, &wide_ops, &a);
	put(BUS_MMIO, 0x1000, 3, 0x030201);
	assert_string_equal(a.log, "w1@0=1 w1@1=2 w1@2=3 ");
	a.log[0] = '\0';
	put(BUS_MMIO, 0x1008, 8, 0x1);
	assert_string_equal(
		a.log, "w1@8=1 w1@9=0 w1@10=0 w1@11=0 w1@12=0 w1@13=0 w1@14=0 w1@15=0 ");
	add(BUS_PIO, 0xffff, 1, &byte_ops, &b);
	b.answer = 0x42;
	assert_int_equal(get(BUS_PIO, 0xffff, 4), 0xffffff42);
	assert_int_equal(get(BUS_MMIO, UINT64_MAX, 8), UINT64_MAX);
}

static void test_overlap_is_refused(void **state)
{
	static const struct {
		uint64_t base, size;
	} bad[] = {
		{ 0x100, 8 },    { 0xff, 2 },       { 0x107, 1 }, { 0x107, 100 },
		{ 0x0, 0x1000 }, { 0x103, 1 },      { 0x200, 0 }, { 0xffff, 2 },
		{ 0x10000, 1 },  { UINT64_MAX, 2 },
	};

	(void)state;
	assert_int_equal(add(BUS_PIO, 0x100, 8, &byte_ops, &a), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(add(BUS_PIO, bad[i].base, bad[i].size, &byte_ops, &b),
				 -1);
	assert_int_equal(add(BUS_PIO, 0xf8, 8, &byte_ops, &b), 0);
	assert_int_equal(add(BUS_PIO, 0x108, 8, &byte_ops, &b), 0);
	assert_int_equal(add(BUS_MMIO, UINT64_MAX - 15, 16, &byte_ops, &b), 0);
	assert_int_equal(bus.maps[BUS_PIO].nr_ranges, 3);
}

static void test_table_full(void **state)
{
	(void)state;
	for (unsigned i = 0; i < BUS_MAX_RANGES; i++)
		assert_int_equal(add(BUS_MMIO, i * 0x1000, 1, &byte_ops, &a), 0);
	assert_int_equal(add(BUS_MMIO, 0x10000000, 1, &byte_ops, &a), -1);
	bus_remove(&bus, BUS_MMIO, 0);
	assert_int_equal(add(BUS_MMIO, 0x10000000, 1, &byte_ops, &a), 0);
}

/* While ranges come and go in front of it, a range that stays is always found. */
static bool stop;

static void *mover(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (uint64_t i = 0; i < 16; i++)
			add(BUS_MMIO, i * 16, 16, &wide_ops, &b);
		for (uint64_t i = 0; i < 16; i++)
			bus_remove(&bus, BUS_MMIO, i * 16);
	}
	return NULL;
}

static void test_look_up_under_change(void **state)
{
	pthread_t thread;
	unsigned wrong = 0;

	(void)state;
	stop = false;
	a.answer = 0x55;
	add(BUS_MMIO, 0x8000, 1, &byte_ops, &a);
	pthread_create(&thread, NULL, mover, NULL);
	for (unsigned i = 0; i < 20000; i++) {
		a.log[0] = '\0';
		wrong += get(BUS_MMIO, 0x8000, 1) != 0x55;
		wrong += get(BUS_MMIO, 0x9000, 1) != 0xff;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(wrong, 0);
}

/* A chip that takes strings gets them whole; any other gets the accesses one by one. */
static void test_strings(void **state)
{
	char data[8] = "abcdefg";

	(void)state;
	assert_int_equal(add(BUS_PIO, 0x100, 4, &string_ops, &a), 0);
	assert_int_equal(add(BUS_PIO, 0x200, 4, &wide_ops, &b), 0);
	a.answer = 0x41;
	bus_access_string(&bus, 0x100, data, 2, 3, true);
	bus_access_string(&bus, 0x101, data, 2, 3, false);
	assert_string_equal(a.log, "W2@0x3=abcdef R2@1x3 ");
	assert_memory_equal(data, "AAAAAAg", 7);
	bus_access_string(&bus, 0x200, data, 2, 2, true);
	assert_string_equal(b.log, "w2@0=4141 w2@0=4141 ");

	/* Too wide for it, or beyond its end: cut as single accesses are. */
	a.log[0] = '\0';
	bus_access_string(&bus, 0x100, data, 4, 1, true);
	bus_access_string(&bus, 0x103, data, 2, 2, true);
	assert_string_equal(a.log, "w1@0=41 w1@1=41 w1@2=41 w1@3=41 w1@3=41 w1@3=41 ");
	memset(data, 0, sizeof(data));
	bus_access_string(&bus, 0x300, data, 2, 3, false);
	assert_memory_equal(data, "\xff\xff\xff\xff\xff\xff\0", 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unclaimed_reads_all_ones, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_strangers_are_bounded, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_dispatch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wide_access_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_sizes_and_the_end_of_the_ports,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlap_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_look_up_under_change, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
