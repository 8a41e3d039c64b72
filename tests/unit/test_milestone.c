/* SPDX-License-Identifier: BSD-2-Clause */
/* The milestone register: each number written is told once, in order. */
#include "chip.h"

#include "dev/milestone.h"

static void next(void *opaque, uint8_t number)
{
	unsigned *expected = opaque;

	assert_int_equal(number, *expected);
	(*expected)++;
}

static void test_milestone(void **state)
{
	struct milestone dev;
	unsigned expected = 0;

	(void)state;
	milestone_init(&dev, next, &expected);
	for (unsigned number = 0; number < 256; number++) {
		chip_out(&milestone_io, &dev, 0, number);
		assert_int_equal(expected, number + 1);
		assert_int_equal(chip_in(&milestone_io, &dev, 0), 0xff);
	}
	assert_int_equal(expected, 256);
}

/* As a port and in memory, through the bus: an access of any width is one milestone. */
static void test_any_width(void **state)
{
	struct bus_range range = { .base = 0xe8,
				   .name = "milestone",
				   .ops = &milestone_io };
	struct milestone dev;
	unsigned expected = 0;
	struct bus bus;
	struct err err;

	(void)state;
	milestone_init(&dev, next, &expected);
	bus_init(&bus);
	range.dev = &dev;
	range.size = 1;
	assert_int_equal(bus_add(&bus, BUS_PIO, &range, &err), 0);
	range.size = MILESTONE_SIZE;
	assert_int_equal(bus_add(&bus, BUS_MMIO, &range, &err), 0);
	for (unsigned space = 0; space < BUS_SPACES; space++) {
		for (unsigned size = 1; size <= 4; size *= 2) {
			uint32_t value = 0x01010100 | expected;

			bus_access(&bus, space, 0xe8, &value, size, true);
			bus_access(&bus, space, 0xe8, &value, size, false);
			assert_int_equal(value & 0xff, 0xff);
		}
	}
	assert_int_equal(expected, 6);
	bus_destroy(&bus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_milestone),
		cmocka_unit_test(test_any_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
