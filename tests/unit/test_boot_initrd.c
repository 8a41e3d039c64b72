/* SPDX-License-Identifier: BSD-2-Clause */
/* Several initrds in one piece of memory, and where that piece goes. */
#include "boot_test.h"

#include "boot/initrd.h"

static void one_begins_at_0(void **state)
{
	uint64_t size = 12345, offset, total;
	struct err err = { "" };

	(void)state;
	assert_int_equal(0, initrd_plan(&size, 1, &offset, &total, &err));
	assert_int_equal(0, offset);
	assert_int_equal(12345, total);
}

/* Each begins at a multiple of 4; the last one is not padded. */
static void each_begins_aligned(void **state)
{
	const uint64_t sizes[] = { 5, 8, 0, 3, 1 };
	uint64_t offsets[5], total;
	struct err err = { "" };

	(void)state;
	assert_int_equal(0, initrd_plan(sizes, 5, offsets, &total, &err));
	assert_int_equal(0, offsets[0]);
	assert_int_equal(8, offsets[1]);
	assert_int_equal(16, offsets[2]);
	assert_int_equal(16, offsets[3]);
	assert_int_equal(20, offsets[4]);
	assert_int_equal(21, total);
}

static void none_has_no_size(void **state)
{
	uint64_t total = 1;
	struct err err = { "" };

	(void)state;
	assert_int_equal(0, initrd_plan(NULL, 0, NULL, &total, &err));
	assert_int_equal(0, total);
}

static void refuses_a_sum_that_wraps(void **state)
{
	const uint64_t sum[] = { UINT64_MAX - 7, 8 }, padding[] = { UINT64_MAX, 0 };
	uint64_t offsets[2], total;
	struct err err = { "" };

	(void)state;
	assert_int_equal(-1, initrd_plan(sum, 2, offsets, &total, &err));
	assert_non_null(strstr(err.text, "the initrds together are too large"));
	assert_int_equal(-1, initrd_plan(padding, 2, offsets, &total, &err));
}

/* Memory of a 5 GiB guest. */
static const struct boot_memory memory[] = {
	{ 0, 0x9fc00, BOOT_MEMORY_RAM },
	{ 0x9fc00, 0x400, BOOT_MEMORY_RESERVED },
	{ 0x100000, 0xbff00000, BOOT_MEMORY_RAM },
	{ 0xfffbc000, 0x4000, BOOT_MEMORY_RESERVED },
	{ 0x100000000, 0x80000000, BOOT_MEMORY_RAM },
};

static uint64_t place(uint64_t size, uint64_t limit, uint64_t avoid_low,
		      uint64_t avoid_high)
{
	uint64_t gpa = 0;

	if (!boot_place_high(memory, 5, size, limit, avoid_low, avoid_high, &gpa))
		return 0;
	assert_int_equal(0, gpa % 4096);
	assert_true(size <= limit - gpa + 1);
	return gpa;
}

#define KERNEL 0x1000000, 0x4000000

static void goes_as_high_as_the_limit(void **state)
{
	(void)state;
	/* The last byte may be at the limit. */
	assert_int_equal(0x7ffff000, place(0x1000, 0x7fffffff, KERNEL));
	assert_int_equal(0x7fffe000, place(0x1001, 0x7fffffff, KERNEL));
	assert_int_equal(0x7fffe000, place(0x1000, 0x7ffffffe, KERNEL));
	assert_int_equal(0xbfffe000, place(0x1000, 0xbffffffe, KERNEL));
	/* Low RAM ends before the limit. */
	assert_int_equal(0xbffff000, place(1, 0xffffffff, KERNEL));
	assert_int_equal(0x17ffff000, place(1, UINT64_MAX, KERNEL));
	/* Too large for what is above 4 GiB. */
	assert_int_equal(0x30000000, place(0x90000000, UINT64_MAX, KERNEL));
}

static void keeps_off_the_kernel(void **state)
{
	(void)state;
	/* Above it, to the last byte; else below it. */
	assert_int_equal(0x4000000, place(0x1000, 0x4000fff, KERNEL));
	assert_int_equal(0xfff000, place(0x1001, 0x4000fff, KERNEL) + 0x1000);
	assert_int_equal(0x100000, place(0xf00000, 0x4000fff, KERNEL));
	/* Nowhere: also not below 1 MiB. */
	assert_int_equal(0, place(0xf00001, 0x4000fff, KERNEL));
	assert_int_equal(0, place(0x1000, 0x1fffff, 0x100000, 0x4000000));
	/* An end of the kernel that is not on a page. */
	assert_int_equal(0x4001000, place(0x1000, 0x4002ffe, 0x1000000, 0x4000001));
	assert_int_equal(0, place(0x1000, 0x4001ffe, 0x100000, 0x4000001));
	/* A kernel that fills the RAM above 4 GiB. */
	assert_int_equal(0xbffff000, place(0x1000, UINT64_MAX, 0x100000000, 0x180000000));
}

static void fits_exactly_or_not(void **state)
{
	const uint64_t all = 0xbff00000;

	(void)state;
	assert_int_equal(0x100000, place(all, UINT32_MAX, 0, 0));
	assert_int_equal(0, place(all + 1, UINT32_MAX, 0, 0));
	assert_int_equal(0, place(UINT64_MAX, UINT64_MAX, 0, 0));
	assert_int_equal(0, place(1, 0xfffff, 0, 0));
	assert_int_equal(0, place(1, 0, 0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_begins_at_0),
		cmocka_unit_test(each_begins_aligned),
		cmocka_unit_test(none_has_no_size),
		cmocka_unit_test(refuses_a_sum_that_wraps),
		cmocka_unit_test(goes_as_high_as_the_limit),
		cmocka_unit_test(keeps_off_the_kernel),
		cmocka_unit_test(fits_exactly_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
