/* SPDX-License-Identifier: BSD-2-Clause */
/* Port 0x61: what Linux waits for must come, and what it clears must go. */
#include "chip.h"

#include "dev/system_control.h"

struct bench {
	struct system_control sc;
	bool output;
	unsigned speaker_calls;
	uint8_t speaker;
};

static bool bench_output(void *opaque)
{
	struct bench *bench = opaque;

	return bench->output;
}

static void bench_speaker(void *opaque, uint8_t low2bits)
{
	struct bench *bench = opaque;

	bench->speaker_calls++;
	bench->speaker = low2bits;
}

static const struct system_control_ops bench_ops = {
	.timer2_output = bench_output,
	.speaker = bench_speaker,
};

static void bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	system_control_init(&bench->sc, &bench_ops, bench);
}

static uint8_t in(struct bench *bench)
{
	return chip_in(&system_control_io, &bench->sc, 0);
}

static void out(struct bench *bench, unsigned value)
{
	chip_out(&system_control_io, &bench->sc, 0, value);
}

static void test_bits_are_set_and_cleared(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(in(&b) & 0xef, 0);
	for (unsigned value = 0; value < 256; value++) {
		out(&b, value);
		assert_int_equal(in(&b) & 0xef, value & 0x0f);
	}
	out(&b, 0);
	assert_int_equal(in(&b) & 0xef, 0);
}

static void test_timer2_output(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, 0x21); /* bit 5 is no one's to write */
	assert_int_equal(in(&b) & 0x20, 0);
	b.output = true;
	assert_int_equal(in(&b) & 0x2f, 0x21);
	b.output = false;
	assert_int_equal(in(&b) & 0x20, 0);
}

static void test_refresh_changes(void **state)
{
	struct bench b;
	uint8_t last;

	(void)state;
	bench_init(&b);
	last = in(&b);
	for (unsigned i = 0; i < 10; i++) {
		uint8_t now = in(&b);

		assert_int_equal((now ^ last) & 0x10, 0x10);
		last = now;
	}
}

static void test_speaker(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, 0x0c);
	assert_int_equal(b.speaker_calls, 0);
	out(&b, 0x0d);
	assert_int_equal(b.speaker_calls, 1);
	assert_int_equal(b.speaker, SYSTEM_CONTROL_TIMER2_GATE);
	out(&b, 0xff);
	assert_int_equal(b.speaker_calls, 2);
	assert_int_equal(b.speaker, SYSTEM_CONTROL_TIMER2_GATE | SYSTEM_CONTROL_SPEAKER);
	out(&b, 0xff);
	assert_int_equal(b.speaker_calls, 2);
	system_control_reset(&b.sc);
	assert_int_equal(b.speaker, 0);
	assert_int_equal(in(&b) & 0xef, 0);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	const uint8_t bad_control = 0x10, bad_refresh = 0x01;
	struct bench a, b;
	struct err err;
	uint8_t last;

	(void)state;
	bench_init(&a);
	bench_init(&b);
	out(&a, 0x0e);
	in(&a);
	assert_int_equal(system_control_save(&a.sc, &writer, "chip", &err), 0);
	assert_int_equal(system_control_load(&b.sc, chip_image(&writer), "chip", &err),
			 0);
	assert_int_equal(b.speaker, 2); /* timer 2 and the speaker are told */
	last = in(&a);
	assert_int_equal(in(&b), last);
	chip_section(&writer, "control", &bad_control, 1);
	assert_int_equal(system_control_load(&b.sc, chip_image(&writer), "chip", &err),
			 -1);
	chip_section(&writer, "refresh", &bad_refresh, 1);
	assert_int_equal(system_control_load(&b.sc, chip_image(&writer), "chip", &err),
			 -1);
	assert_int_equal(in(&b) & 0xef, 0x0e);
	chip_section(&writer, "refresh", &(uint8_t){ 0 }, 1); /* an older one */
	assert_int_equal(system_control_load(&b.sc, chip_image(&writer), "chip", &err),
			 0);
	assert_int_equal(in(&b) & 0xef, 0);
	assert_int_equal(b.speaker, 0);
	state_writer_free(&writer);
}

static void test_without_a_speaker(void **state)
{
	const struct system_control_ops ops = { .timer2_output = bench_output };
	struct bench b;

	(void)state;
	bench_init(&b);
	system_control_init(&b.sc, &ops, &b);
	out(&b, 3);
	assert_int_equal(in(&b) & 0xef, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bits_are_set_and_cleared),
		cmocka_unit_test(test_timer2_output),
		cmocka_unit_test(test_refresh_changes),
		cmocka_unit_test(test_speaker),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_without_a_speaker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
