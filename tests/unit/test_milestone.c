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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_milestone) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
