/* SPDX-License-Identifier: BSD-2-Clause */
/* The debug console: bytes go out, and a read tells that it is there. */
#include "chip.h"

#include "dev/debug_console.h"

struct sink {
	char text[16];
	size_t size;
};

static void put(void *opaque, uint8_t byte)
{
	struct sink *sink = opaque;

	sink->text[sink->size++] = (char)byte;
}

static void test_debug_console(void **state)
{
	struct debug_console console;
	struct sink sink = { 0 };

	(void)state;
	debug_console_init(&console, put, &sink);
	for (const char *c = "Hello KVM!"; *c; c++)
		chip_out(&debug_console_io, &console, 0, *c);
	assert_string_equal(sink.text, "Hello KVM!");
	assert_int_equal(chip_in(&debug_console_io, &console, 0), 0xe9);
	assert_int_equal(sink.size, 10);
	assert_int_equal(debug_console_io.max_size, 1); /* wider writes come as bytes */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_debug_console) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
