/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest memory: no range that is not all RAM gets through, and writes are recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "core/memory.h"

#define LOW_SIZE  0x200000ull
#define HIGH      0x100000000ull
#define HIGH_SIZE 0x3000ull

static struct memory memory;

static int setup(void **state)
{
	struct err err;

	(void)state;
	memset(&memory, 0, sizeof(memory));
	return memory_add_ram(&memory, 0, LOW_SIZE, &err) ||
	       memory_add_ram(&memory, HIGH, HIGH_SIZE, &err);
}

static int teardown(void **state)
{
	(void)state;
	memory_destroy(&memory);
	return 0;
}

static void test_bounds(void **state)
{
	static const struct {
		uint64_t gpa, len;
		bool good;
	} cases[] = {
		{ 0, 1, true },
		{ 0, LOW_SIZE, true },
		{ LOW_SIZE - 1, 1, true },
		{ LOW_SIZE - 1, 2, false },
		{ LOW_SIZE, 1, false },
		{ 0, LOW_SIZE + 1, false },
		{ HIGH - 1, 1, false },
		{ HIGH, HIGH_SIZE, true },
		{ HIGH, HIGH_SIZE + 1, false },
		{ HIGH - 1, 2, false },
		{ 1, UINT64_MAX, false },
		{ UINT64_MAX, 1, false },
		{ UINT64_MAX, UINT64_MAX, false },
		{ UINT64_MAX - 1, 3, false },
		{ HIGH + 1, UINT64_MAX - HIGH, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(memory_for_read(&memory, cases[i].gpa, cases[i].len) !=
					 NULL,
				 cases[i].good);
		assert_int_equal(memory_for_write(&memory, cases[i].gpa, cases[i].len) !=
					 NULL,
				 cases[i].good);
	}
}

static void test_read_write(void **state)
{
	uint32_t value = 0x12345678, back = 0;

	(void)state;
	assert_true(memory_write(&memory, HIGH + 0x2ffc, &value, 4));
	assert_true(memory_read(&memory, HIGH + 0x2ffc, &back, 4));
	assert_int_equal(back, value);
	back = 7;
	assert_false(memory_read(&memory, HIGH + 0x2ffd, &back, 4));
	assert_int_equal(back, 7);
	assert_false(memory_write(&memory, LOW_SIZE - 2, &value, 4));
	assert_true(memory_read(&memory, LOW_SIZE - 4, &back, 4));
	assert_int_equal(back, 0); /* nothing of the refused write went in */
}

static void test_dirty(void **state)
{
	uint8_t bytes[2] = { 1, 2 };

	(void)state;
	assert_non_null(memory_for_read(&memory, 0x5000, 1));
	assert_false(memory_take_dirty(&memory, 0, 5));
	assert_true(memory_write(&memory, 0x6fff, bytes, 2));
	assert_false(memory_take_dirty(&memory, 0, 5));
	assert_true(memory_take_dirty(&memory, 0, 6));
	assert_true(memory_take_dirty(&memory, 0, 7));
	assert_false(memory_take_dirty(&memory, 0, 8));
	assert_false(memory_take_dirty(&memory, 0, 6)); /* taken is gone */
	assert_non_null(memory_for_write(&memory, HIGH + 0x1000, 0x1000));
	assert_false(memory_take_dirty(&memory, 1, 0));
	assert_true(memory_take_dirty(&memory, 1, 1));
	assert_false(memory_take_dirty(&memory, 1, 2));
	assert_false(memory_take_dirty(&memory, 1, 1 << 30));
	assert_false(memory_take_dirty(&memory, 9, 0));
}

/* DMA: mapped pages are marked when somebody wrote, and only where. */
static void test_mark_written(void **state)
{
	uint8_t *low, *high;
	uint8_t ours;

	(void)state;
	low = memory_map(&memory, 0x4000, 0x4000);
	high = memory_map(&memory, HIGH, HIGH_SIZE);
	assert_non_null(low);
	assert_non_null(high);
	assert_ptr_equal(low, memory_for_read(&memory, 0x4000, 1));
	for (unsigned page = 4; page < 8; page++)
		assert_false(memory_take_dirty(&memory, 0, page));

	memory_mark_written(&memory, low + 0x1fff, 2); /* the ends of pages 5 and 6 */
	memory_mark_written(&memory, high + HIGH_SIZE - 1, 1);
	assert_false(memory_take_dirty(&memory, 0, 4));
	assert_true(memory_take_dirty(&memory, 0, 5));
	assert_true(memory_take_dirty(&memory, 0, 6));
	assert_false(memory_take_dirty(&memory, 0, 7));
	assert_false(memory_take_dirty(&memory, 1, 1));
	assert_true(memory_take_dirty(&memory, 1, 2));

	/* A range over many words of the bitmap, and the pages beside it. */
	low = memory_map(&memory, 0, LOW_SIZE);
	memory_mark_written(&memory, low + 60 * 4096 + 4095, 260 * 4096);
	for (unsigned page = 0; page < LOW_SIZE / 4096; page++)
		assert_int_equal(memory_take_dirty(&memory, 0, page),
				 page >= 60 && page <= 320);
	low += 0x4000;

	/* Nothing written, behind the end, not RAM at all. */
	memory_mark_written(&memory, low, 0);
	memory_mark_written(&memory, high + HIGH_SIZE - 1, 2);
	memory_mark_written(&memory, high, UINT64_MAX);
	memory_mark_written(&memory, &ours, 1);
	assert_false(memory_take_dirty(&memory, 0, 4));
	for (unsigned page = 0; page < HIGH_SIZE / 4096; page++)
		assert_false(memory_take_dirty(&memory, 1, page));

	assert_null(memory_map(&memory, LOW_SIZE - 1, 2));
	assert_null(memory_map(&memory, HIGH + 1, UINT64_MAX - HIGH));
}

/* A long range marks whole words of the bitmap, and not a page too many. */
static void test_mark_many(void **state)
{
	uint8_t *low = memory_map(&memory, 0, LOW_SIZE);

	(void)state;
	assert_non_null(low);
	memory_mark_written(&memory, low + 60 * 4096, 200 * 4096);
	for (unsigned page = 0; page < LOW_SIZE / 4096; page++)
		assert_int_equal(memory_take_dirty(&memory, 0, page),
				 page >= 60 && page < 260);
}

/* Of the pool are whole huge pages, and as many as it has; no RAM is made of less. */
static void test_hugepages_refused(void **state)
{
	struct memory huge = { .hugepages = true };
	struct err err;

	(void)state;
	assert_int_equal(memory_add_ram(&huge, 0, LOW_SIZE + 0x1000, &err), -1);
	assert_non_null(strstr(err.text, "multiple of 2M"));
	assert_int_equal(memory_add_ram(&huge, 0, 1ull << 50, &err), -1);
	assert_non_null(strstr(err.text, "--hugepages: the host has not 536870912 free"));
	assert_int_equal(huge.nr_regions, 0);
}

static bool is_resident(const uint8_t *page)
{
	unsigned char there = 0;

	assert_int_equal(mincore((void *)page, 1, &there), 0);
	return there & 1;
}

static void test_give_back(void **state)
{
	uint8_t *low = memory_map(&memory, 0, LOW_SIZE);
	uint8_t ours[8192] = { 1 };

	(void)state;
	assert_non_null(low);
	memset(low, 0x55, 0x8000);
	assert_true(is_resident(low + 0x3000));
	/* Only whole pages go: half of page 1 and of page 4 stay. */
	assert_int_equal(memory_give_back(&memory, low + 0x1800, 0x3000), 0x2000);
	assert_false(is_resident(low + 0x2000));
	assert_false(is_resident(low + 0x3000));
	assert_int_equal(low[0x1fff], 0x55);
	assert_int_equal(low[0x4000], 0x55);
	assert_int_equal(low[0x2000], 0);
	assert_int_equal(low[0x3fff], 0);
	/* They changed, as a snapshot sees it, and the others did not. */
	for (unsigned page = 0; page < 8; page++)
		assert_int_equal(memory_take_dirty(&memory, 0, page),
				 page == 2 || page == 3);
	/* They can be used again at once. */
	low[0x2000] = 1;
	assert_true(is_resident(low + 0x2000));

	assert_int_equal(memory_give_back(&memory, low + 1, 4096), 0);
	assert_int_equal(memory_give_back(&memory, low, 0), 0);
	assert_int_equal(memory_give_back(&memory, low, LOW_SIZE + 4096), 0);
	assert_int_equal(memory_give_back(&memory, low + 4096, UINT64_MAX), 0);
	assert_int_equal(memory_give_back(&memory, ours, sizeof(ours)), 0);
	assert_int_equal(low[0x4000], 0x55);
	assert_int_equal(ours[0], 1);
}

static void test_discard(void **state)
{
	uint8_t byte = 0x55;
	struct err err;

	(void)state;
	assert_true(memory_write(&memory, 0x1234, &byte, 1));
	assert_int_equal(memory_discard(&memory, &err), 0);
	assert_true(memory_read(&memory, 0x1234, &byte, 1));
	assert_int_equal(byte, 0);
	/* Every page may differ from what a snapshot has. */
	assert_true(memory_take_dirty(&memory, 0, 0));
	assert_true(memory_take_dirty(&memory, 0, LOW_SIZE / 4096 - 1));
	assert_true(memory_take_dirty(&memory, 1, 2));
}

static void test_refused_regions(void **state)
{
	struct err err;
	const unsigned before = memory.nr_regions;

	(void)state;
	assert_int_equal(memory_add_ram(&memory, 0x200000000, 0, &err), -1);
	assert_int_equal(memory_add_ram(&memory, 0x200000000, 4095, &err), -1);
	assert_int_equal(memory_add_ram(&memory, 0x200000001, 4096, &err), -1);
	assert_int_equal(memory_add_ram(&memory, UINT64_MAX - 4095, 8192, &err), -1);
	assert_int_equal(memory_add_ram(&memory, 0, 1ull << 60, &err), -1);
	assert_non_null(strstr(err.text, "--mem"));
	assert_int_equal(memory.nr_regions, before);
}

static void test_owns(void **state)
{
	const uint8_t *low = memory_for_read(&memory, 0, 1);
	int ours;

	(void)state;
	assert_true(memory_owns(&memory, (uintptr_t)low));
	assert_true(memory_owns(&memory, (uintptr_t)low + LOW_SIZE - 1));
	assert_false(memory_owns(&memory, (uintptr_t)&ours));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dirty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hugepages_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_give_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_discard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_regions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owns, setup, teardown),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
