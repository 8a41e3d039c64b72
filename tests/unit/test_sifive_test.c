/* SPDX-License-Identifier: BSD-2-Clause */
/* SiFive's test device: which writes end the machine, and how. */
#include "chip.h"

#include "dev/sifive_test.h"

struct bench {
	struct sifive_test test;
	unsigned finished;
	enum sifive_test_finish how;
	uint16_t code;
};

static void finish(void *opaque, enum sifive_test_finish how, uint16_t code)
{
	struct bench *bench = opaque;

	bench->finished++;
	bench->how = how;
	bench->code = code;
}

static void out(struct bench *b, uint64_t offset, unsigned size, uint32_t value)
{
	sifive_test_io.write(&b->test, offset, size, value);
}

static void test_commands(void **state)
{
	static const struct {
		unsigned size;
		uint32_t value;
		enum sifive_test_finish how;
		uint16_t code;
	} commands[] = {
		{ 4, 0x5555, SIFIVE_TEST_PASS, 0 },
		{ 4, 0x12345555, SIFIVE_TEST_PASS, 0 },
		{ 4, 0x7777, SIFIVE_TEST_RESET, 0 },
		{ 4, 0x3333, SIFIVE_TEST_FAIL, 0 },
		{ 4, 0x13333, SIFIVE_TEST_FAIL, 1 },
		{ 4, 0xffff3333, SIFIVE_TEST_FAIL, 0xffff },
		{ 2, 0x5555, SIFIVE_TEST_PASS, 0 },
	};
	struct bench b = { 0 };

	(void)state;
	sifive_test_init(&b.test, finish, &b);
	for (unsigned i = 0; i < ARRAY_LENGTH(commands); i++) {
		out(&b, 0, commands[i].size, commands[i].value);
		assert_int_equal(b.finished, i + 1);
		assert_int_equal(b.how, commands[i].how);
		assert_int_equal(b.code, commands[i].code);
	}
}

static void test_what_does_nothing(void **state)
{
	struct bench b = { 0 };

	(void)state;
	sifive_test_init(&b.test, finish, &b);
	assert_int_equal(sifive_test_io.read(&b.test, 0, 4), 0);
	assert_int_equal(sifive_test_io.read(&b.test, SIFIVE_TEST_SIZE - 4, 4), 0);
	out(&b, 0, 4, 0);
	out(&b, 0, 4, 0x5554);
	out(&b, 0, 4, 0x55550000);
	out(&b, 0, 1, 0x55);
	out(&b, 4, 4, 0x5555);
	out(&b, 2, 2, 0x5555);
	assert_int_equal(b.finished, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_what_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
