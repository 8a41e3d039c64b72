/* SPDX-License-Identifier: BSD-2-Clause */
/* Port 0x92: fast A20 and fast reset. */
#include "chip.h"

#include "dev/port92.h"

static void count(void *opaque)
{
	unsigned *resets = opaque;

	(*resets)++;
}

static uint8_t in(struct port92 *port)
{
	return chip_in(&port92_io, port, 0);
}

static void out(struct port92 *port, unsigned value)
{
	chip_out(&port92_io, port, 0, value);
}

static void test_a20(void **state)
{
	struct port92 port;
	unsigned resets = 0;

	(void)state;
	port92_init(&port, count, &resets);
	assert_int_equal(in(&port), PORT92_A20);
	for (unsigned value = 0; value < 256; value += 2) {
		out(&port, value);
		assert_int_equal(in(&port), value);
	}
	assert_int_equal(resets, 0);
}

static void test_reset_on_the_rising_edge(void **state)
{
	struct port92 port;
	unsigned resets = 0;

	(void)state;
	port92_init(&port, count, &resets);
	out(&port, PORT92_A20 | PORT92_RESET);
	assert_int_equal(resets, 1);
	out(&port, PORT92_RESET);
	assert_int_equal(resets, 1);
	out(&port, 0);
	assert_int_equal(resets, 1);
	out(&port, PORT92_RESET);
	assert_int_equal(resets, 2);
	port92_reset(&port);
	assert_int_equal(in(&port), PORT92_A20);
	out(&port, PORT92_RESET);
	assert_int_equal(resets, 3);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct port92 a, b;
	unsigned resets = 0;
	struct err err;

	(void)state;
	port92_init(&a, count, &resets);
	port92_init(&b, count, &resets);
	out(&a, 0x5c);
	assert_int_equal(port92_save(&a, &writer, "chip", &err), 0);
	assert_int_equal(port92_load(&b, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(&b), 0x5c);
	writer.data[writer.size - 1] ^= 1; /* damaged: it stays as it was */
	out(&b, 0x44);
	assert_int_equal(port92_load(&b, chip_image(&writer), "chip", &err), -1);
	assert_int_equal(in(&b), 0x44);
	assert_int_equal(resets, 0);
	state_writer_free(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a20),
		cmocka_unit_test(test_reset_on_the_rising_edge),
		cmocka_unit_test(test_save_and_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
