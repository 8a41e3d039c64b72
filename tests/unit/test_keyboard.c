/* SPDX-License-Identifier: BSD-2-Clause */
/* From a text on the host to bytes at port 0x60. */
#include "chip.h"

#include <stdlib.h>

#include "arch/x86_64/keyboard.h"

struct bench {
	struct keyboard keyboard;
	unsigned rests; /* asked for, and not over */
	struct chip_irq irq, mouse_irq;
};

static void nothing(void *opaque)
{
	(void)opaque;
}

static void rest(void *opaque)
{
	struct bench *bench = opaque;

	bench->rests++;
}

static const struct keyboard_ops ops = {
	.reset = nothing,
	.rest = rest,
};

static struct bench *bench_new(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	const struct irq_line lines[I8042_NR_PORTS] = {
		[I8042_KEYBOARD] = chip_irq_line(&bench->irq),
		[I8042_MOUSE] = chip_irq_line(&bench->mouse_irq),
	};

	assert_non_null(bench);
	keyboard_init(&bench->keyboard, &ops, lines, bench);
	return bench;
}

static bool has_byte(struct bench *bench)
{
	return chip_in(&i8042_command_io, &bench->keyboard.controller, 0) & 1;
}

/* The millisecond is over. */
static void pass_time(struct bench *bench)
{
	if (!bench->rests)
		return;
	bench->rests--;
	keyboard_tick(&bench->keyboard);
}

static uint8_t read_data(struct bench *bench)
{
	return chip_in(&i8042_data_io, &bench->keyboard.controller, 0);
}

static uint8_t read_byte(struct bench *bench)
{
	uint8_t byte;

	assert_true(has_byte(bench));
	byte = read_data(bench);
	assert_true(bench->rests <= 1);
	pass_time(bench);
	return byte;
}

static void write_byte(struct bench *bench, unsigned value)
{
	chip_out(&i8042_data_io, &bench->keyboard.controller, 0, value);
}

static void type(struct bench *bench, const char *text)
{
	struct err err;

	assert_int_equal(keyboard_type(&bench->keyboard, text, &err), 0);
}

static void test_a_key_is_an_interrupt_and_a_byte(void **state)
{
	struct bench *b = bench_new();

	(void)state;
	type(b, "a");
	assert_int_equal(b->irq.raised, 1);
	assert_int_equal(read_byte(b), 0x1e);
	assert_int_equal(b->irq.raised, 2);
	assert_int_equal(read_byte(b), 0x9e);
	assert_false(has_byte(b));
	assert_false(b->irq.level);
	free(b);
}

/* What the BIOS reads after whoever has hooked its interrupt is the same byte. */
static void test_a_byte_can_be_read_twice(void **state)
{
	struct bench *b = bench_new();

	(void)state;
	type(b, "ab");
	keyboard_tick(
		&b->keyboard); /* too late: nothing happens before the guest reads */
	assert_int_equal(b->rests, 0);
	assert_int_equal(read_data(b), 0x1e);
	assert_false(has_byte(b));
	assert_int_equal(read_data(b), 0x1e);
	type(b, "c"); /* nor does it disturb */
	assert_int_equal(read_data(b), 0x1e);
	assert_int_equal(b->rests, 1);
	pass_time(b);
	assert_int_equal(read_byte(b), 0x9e);
	assert_int_equal(read_byte(b), 0x30);
	assert_int_equal(read_byte(b), 0xb0);
	assert_int_equal(read_byte(b), 0x2e);
	free(b);
}

/* 4096 characters wait, in order, until the guest reads them; one more is refused. */
static void test_long_text(void **state)
{
	struct bench *b = bench_new();
	char text[4097];
	struct err err;

	(void)state;
	memset(text, 'X', 4096);
	text[4096] = '\0';
	type(b, text);
	memset(text, 'x', 4096);
	assert_int_equal(keyboard_type(&b->keyboard, text, &err), -1);
	assert_non_null(strstr(err.text, "has not read"));
	for (unsigned i = 0; i < 4096; i++) {
		assert_int_equal(read_byte(b), 0x2a);
		assert_int_equal(read_byte(b), 0x2d);
		assert_int_equal(read_byte(b), 0xad);
		assert_int_equal(read_byte(b), 0xaa);
	}
	assert_false(has_byte(b)); /* nothing of what was refused */
	assert_int_equal(b->irq.raised, 4 * 4096);
	free(b);
}

static void test_a_wrong_name_types_nothing(void **state)
{
	struct bench *b = bench_new();
	struct err err;

	(void)state;
	assert_int_equal(keyboard_type(&b->keyboard, "abc<nokey>", &err), -1);
	assert_false(has_byte(b));
	free(b);
}

/* Linux's atkbd, after which keys typed before it was ready arrive. */
static void test_identify_and_enable(void **state)
{
	struct bench *b = bench_new();

	(void)state;
	write_byte(b, 0xf5);
	assert_int_equal(read_byte(b), 0xfa);
	type(b, "<up>");
	write_byte(b, 0xf2);
	assert_int_equal(read_byte(b), 0xfa);
	assert_int_equal(read_byte(b), 0xab);
	assert_int_equal(read_byte(b), 0x41); /* translated */
	write_byte(b, 0xed);
	assert_int_equal(read_byte(b), 0xfa);
	write_byte(b, 0x02);
	assert_int_equal(read_byte(b), 0xfa);
	assert_false(has_byte(b));
	write_byte(b, 0xf4);
	assert_int_equal(read_byte(b), 0xfa);
	assert_int_equal(read_byte(b), 0xe0);
	assert_int_equal(read_byte(b), 0x48);
	assert_int_equal(read_byte(b), 0xe0);
	assert_int_equal(read_byte(b), 0xc8);
	assert_false(has_byte(b));
	free(b);
}

static void test_reset_forgets(void **state)
{
	struct bench *b = bench_new();

	(void)state;
	type(b, "a long text for the guest that went away");
	keyboard_reset(&b->keyboard);
	assert_false(has_byte(b));
	assert_false(b->irq.level);
	type(b, "b");
	assert_int_equal(read_byte(b), 0x30);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_key_is_an_interrupt_and_a_byte),
		cmocka_unit_test(test_a_byte_can_be_read_twice),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_a_wrong_name_types_nothing),
		cmocka_unit_test(test_identify_and_enable),
		cmocka_unit_test(test_reset_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
