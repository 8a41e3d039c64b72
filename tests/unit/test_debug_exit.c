/* SPDX-License-Identifier: BSD-2-Clause */
/* The debug exit port: one write of any width is one exit with the whole value. */
#include "chip.h"

#include "dev/debug_exit.h"

struct exits {
	unsigned count;
	uint32_t value;
};

static void note(void *opaque, uint32_t value)
{
	struct exits *exits = opaque;

	exits->count++;
	exits->value = value;
}

static void test_debug_exit(void **state)
{
	static const uint32_t values[] = { 0x21, 0x4321, 0x87654321 };
	struct exits exits = { 0 };
	struct debug_exit dev;

	(void)state;
	debug_exit_init(&dev, note, &exits);
	for (unsigned i = 0; i < ARRAY_LENGTH(values); i++) {
		debug_exit_io.write(&dev, 0, 1u << i, values[i]);
		assert_int_equal(exits.count, i + 1);
		assert_int_equal(exits.value, values[i]);
		assert_int_equal(debug_exit_io.read(&dev, 0, 1u << i), 0);
	}
	assert_int_equal(exits.count, 3); /* reading does nothing */
	assert_int_equal(debug_exit_io.max_size, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_debug_exit) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
