/* SPDX-License-Identifier: BSD-2-Clause */
/* Keyboard and mouse as their drivers speak to them, with no controller in between. */
#include "chip.h"

#include "dev/ps2_keyboard.h"
#include "dev/ps2_mouse.h"

struct typist {
	struct ps2_keyboard keyboard;
	key_event events[64];
	unsigned typed, taken;
};

static bool next_key(void *opaque, key_event *event)
{
	struct typist *typist = opaque;

	if (typist->taken == typist->typed)
		return false;
	*event = typist->events[typist->taken++];
	return true;
}

static void typist_init(struct typist *typist)
{
	memset(typist, 0, sizeof(*typist));
	ps2_keyboard_init(&typist->keyboard, next_key, typist);
}

static void type(struct typist *typist, key_event event)
{
	typist->events[typist->typed++] = event;
}

/* All that the device has to send is this. */
static void expect(const struct ps2_ops *ops, void *dev, const char *bytes, unsigned n)
{
	uint8_t byte;

	for (unsigned i = 0; i < n; i++) {
		assert_true(ops->send(dev, &byte));
		assert_int_equal(byte, (uint8_t)bytes[i]);
	}
	assert_false(ops->send(dev, &byte));
}

#define EXPECT(typist, bytes) \
	expect(&ps2_keyboard_ops, &(typist)->keyboard, bytes, sizeof(bytes) - 1)
#define EXPECT_MOUSE(mouse, bytes) expect(&ps2_mouse_ops, mouse, bytes, sizeof(bytes) - 1)

static void tell(struct typist *typist, unsigned byte)
{
	ps2_keyboard_ops.receive(&typist->keyboard, (uint8_t)byte);
}

static void tell_mouse(struct ps2_mouse *mouse, unsigned byte)
{
	ps2_mouse_ops.receive(mouse, (uint8_t)byte);
}

static void test_commands(void **state)
{
	struct typist t;

	(void)state;
	typist_init(&t);
	EXPECT(&t, "");
	tell(&t, 0xff);
	EXPECT(&t, "\xfa\xaa");
	tell(&t, 0xf2);
	EXPECT(&t, "\xfa\xab\x83");
	tell(&t, 0xee);
	EXPECT(&t, "\xee");
	tell(&t, 0xed);
	EXPECT(&t, "\xfa");
	tell(&t, 0x04);
	EXPECT(&t, "\xfa");
	assert_int_equal(t.keyboard.regs.leds, 4);
	tell(&t, 0xf3);
	EXPECT(&t, "\xfa");
	tell(&t, 0x00);
	EXPECT(&t, "\xfa");
	tell(&t, 0xf4);
	EXPECT(&t, "\xfa");
	tell(&t, 0xf7); /* of set 3 */
	EXPECT(&t, "\xfe");
	tell(&t, 0x00);
	EXPECT(&t, "\xfe");
}

static void test_resend(void **state)
{
	struct typist t;
	uint8_t byte;

	(void)state;
	typist_init(&t);
	tell(&t, 0xf2);
	assert_true(ps2_keyboard_ops.send(&t.keyboard, &byte));
	assert_true(ps2_keyboard_ops.send(&t.keyboard, &byte));
	tell(&t, 0xfe); /* ends the answer, too */
	EXPECT(&t, "\xab");
}

static void test_a_command_instead_of_a_parameter(void **state)
{
	struct typist t;

	(void)state;
	typist_init(&t);
	tell(&t, 0xed);
	tell(&t, 0xf4);
	EXPECT(&t, "\xfa");
	tell(&t, 0x07); /* no parameter any more */
	EXPECT(&t, "\xfe");
	assert_int_equal(t.keyboard.regs.leds, 0);
}

static void test_scan_code_sets(void **state)
{
	struct typist t;

	(void)state;
	typist_init(&t);
	tell(&t, 0xf0);
	tell(&t, 0);
	EXPECT(&t, "\xfa\x02");
	type(&t, KEY_EXTENDED | 0x48);
	type(&t, KEY_EXTENDED | 0x48 | KEY_RELEASED);
	EXPECT(&t, "\xe0\x75\xe0\xf0\x75");
	tell(&t, 0xf0);
	tell(&t, 1);
	EXPECT(&t, "\xfa");
	type(&t, KEY_EXTENDED | 0x48);
	type(&t, KEY_EXTENDED | 0x48 | KEY_RELEASED);
	EXPECT(&t, "\xe0\x48\xe0\xc8");
	tell(&t, 0xf0);
	tell(&t, 3);
	EXPECT(&t, "\xfe");
	tell(&t, 0xf0);
	tell(&t, 0);
	EXPECT(&t, "\xfa\x01");
	tell(&t, 0xf6);
	EXPECT(&t, "\xfa");
	type(&t, KEY_PAUSE);
	type(&t, KEY_PAUSE | KEY_RELEASED);
	EXPECT(&t, "\xe1\x14\x77\xe1\xf0\x14\xf0\x77");
}

/* Set 2, translated by the controller, is set 1: for each key of set 1. */
static void test_translation(void **state)
{
	uint8_t set1[SCANCODES_MAX], set2[SCANCODES_MAX];

	(void)state;
	for (unsigned key = 1; key < 0x80; key++) {
		assert_int_equal(scancodes_of((key_event)key, 1, set1), 1);
		assert_int_equal(set1[0], key);
		assert_int_equal(scancodes_of((key_event)key, 2, set2), 1);
		assert_int_not_equal(set2[0], 0);
		assert_int_equal(scancode_translate(set2[0]), key);
	}
	assert_int_equal(scancodes_of(0x41, 2, set2), 1);
	assert_int_equal(set2[0], 0x83); /* F7 */
	assert_int_equal(scancode_translate(0xaa), 0xaa);
	assert_int_equal(scancode_translate(0xfa), 0xfa);
}

/* Keys wait until they are wanted, and are in time for all. */
static void test_keys_wait(void **state)
{
	struct typist t;
	uint8_t byte;

	(void)state;
	typist_init(&t);
	tell(&t, 0xf5);
	for (unsigned i = 0; i < 60; i++)
		type(&t, 0x1e);
	EXPECT(&t, "\xfa"); /* disabled */
	assert_int_equal(t.taken, 0);
	tell(&t, 0xf4);
	tell(&t, 0xed);
	EXPECT(&t, "\xfa"); /* a parameter is missing */
	tell(&t, 0x00);
	assert_true(ps2_keyboard_ops.send(&t.keyboard, &byte));
	assert_int_equal(byte, 0xfa);
	for (unsigned i = 0; i < 60; i++) {
		assert_true(ps2_keyboard_ops.send(&t.keyboard, &byte));
		assert_int_equal(byte, 0x1c);
		assert_int_equal(t.taken, i + 1);
	}
	assert_false(ps2_keyboard_ops.send(&t.keyboard, &byte));
}

static void test_enable_clears_the_queue(void **state)
{
	struct typist t;
	uint8_t byte;

	(void)state;
	typist_init(&t);
	type(&t, KEY_EXTENDED | 0x48);
	assert_true(ps2_keyboard_ops.send(&t.keyboard, &byte));
	tell(&t, 0xf4);
	EXPECT(&t, "\xfa");
}

static void test_mouse_commands(void **state)
{
	struct ps2_mouse m;

	(void)state;
	ps2_mouse_init(&m);
	tell_mouse(&m, 0xff);
	EXPECT_MOUSE(&m, "\xfa\xaa\x00");
	tell_mouse(&m, 0xf2);
	EXPECT_MOUSE(&m, "\xfa\x00");
	tell_mouse(&m, 0xe9);
	EXPECT_MOUSE(&m, "\xfa\x00\x02\x64");
	tell_mouse(&m, 0xf4);
	tell_mouse(&m, 0xe7);
	tell_mouse(&m, 0xf0);
	tell_mouse(&m, 0xe8);
	tell_mouse(&m, 3);
	tell_mouse(&m, 0xf3);
	tell_mouse(&m, 200);
	tell_mouse(&m, 0xe9);
	EXPECT_MOUSE(&m, "\xfa\x70\x03\xc8");
	tell_mouse(&m, 0xeb);
	EXPECT_MOUSE(&m, "\xfa\x08\x00\x00");
	tell_mouse(&m, 0xe8);
	tell_mouse(&m, 4);
	EXPECT_MOUSE(&m, "\xfe");
	tell_mouse(&m, 0xe1);
	EXPECT_MOUSE(&m, "\xfe");
	tell_mouse(&m, 0xea);
	tell_mouse(&m, 0xe6);
	tell_mouse(&m, 0xf5);
	tell_mouse(&m, 0xe9);
	EXPECT_MOUSE(&m, "\xfa\x00\x03\xc8");
	tell_mouse(&m, 0xf6);
	tell_mouse(&m, 0xe9);
	EXPECT_MOUSE(&m, "\xfa\x00\x02\x64");
}

/* A driver that looks for a wheel asks so; this mouse has none. */
static void test_mouse_has_no_wheel(void **state)
{
	const uint8_t knock[] = { 200, 100, 80 };
	struct ps2_mouse m;

	(void)state;
	ps2_mouse_init(&m);
	for (unsigned i = 0; i < sizeof(knock); i++) {
		tell_mouse(&m, 0xf3);
		tell_mouse(&m, knock[i]);
	}
	tell_mouse(&m, 0xf2);
	EXPECT_MOUSE(&m, "\xfa\x00");
}

static void test_mouse_wrap(void **state)
{
	struct ps2_mouse m;

	(void)state;
	ps2_mouse_init(&m);
	tell_mouse(&m, 0xee);
	EXPECT_MOUSE(&m, "\xfa");
	tell_mouse(&m, 0xf4);
	EXPECT_MOUSE(&m, "\xf4");
	tell_mouse(&m, 0x17);
	EXPECT_MOUSE(&m, "\x17");
	tell_mouse(&m, 0xec);
	EXPECT_MOUSE(&m, "\xfa");
	tell_mouse(&m, 0xfe);
	EXPECT_MOUSE(&m, "\xfa");
	tell_mouse(&m, 0xe9); /* it was not enabled */
	EXPECT_MOUSE(&m, "\xfa\x00\x02\x64");
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct typist a, b;
	struct ps2_mouse mouse, copy;
	struct err err;
	uint8_t byte;

	(void)state;
	typist_init(&a);
	tell(&a, 0xf0);
	tell(&a, 1);
	EXPECT(&a, "\xfa");
	type(&a, KEY_EXTENDED | 0x48);
	assert_true(ps2_keyboard_ops.send(&a.keyboard, &byte));
	tell(&a, 0xf2);
	assert_int_equal(ps2_keyboard_save(&a.keyboard, &writer, "chip", &err), 0);
	typist_init(&b);
	assert_int_equal(
		ps2_keyboard_load(&b.keyboard, chip_image(&writer), "chip", &err), 0);
	EXPECT(&b, "\xfa\xab\x83\x48");
	state_writer_free(&writer);

	ps2_mouse_init(&mouse);
	tell_mouse(&mouse, 0xf4);
	tell_mouse(&mouse, 0xf3);
	assert_int_equal(ps2_mouse_save(&mouse, &writer, "chip", &err), 0);
	ps2_mouse_init(&copy);
	assert_int_equal(ps2_mouse_load(&copy, chip_image(&writer), "chip", &err), 0);
	tell_mouse(&copy, 40);
	tell_mouse(&copy, 0xe9);
	EXPECT_MOUSE(&copy, "\xfa\x20\x02\x28");
	state_writer_free(&writer);
}

static void refuse(const char *field, uint8_t value)
{
	struct state_writer writer = { 0 };
	struct typist t;
	struct err err;

	typist_init(&t);
	chip_section(&writer, field, &value, 1);
	assert_int_equal(
		ps2_keyboard_load(&t.keyboard, chip_image(&writer), "chip", &err), -1);
	state_writer_free(&writer);
}

static void refuse_mouse(const char *field, uint8_t value)
{
	struct state_writer writer = { 0 };
	struct ps2_mouse m;
	struct err err;

	ps2_mouse_init(&m);
	chip_section(&writer, field, &value, 1);
	assert_int_equal(ps2_mouse_load(&m, chip_image(&writer), "chip", &err), -1);
	state_writer_free(&writer);
}

static void test_hostile_states_are_refused(void **state)
{
	(void)state;
	refuse("scanning", 2);
	refuse("set", 0);
	refuse("set", 3);
	refuse("leds", 8);
	refuse("typematic", 0x80);
	refuse("command", 0xf4);
	refuse("scans.head", 16);
	refuse("scans.used", 17);
	refuse("answers.head", 16);
	refuse("answers.used", 17);
	refuse_mouse("status", 0x80);
	refuse_mouse("resolution", 4);
	refuse_mouse("sample_rate", 101);
	refuse_mouse("wrap", 2);
	refuse_mouse("command", 0xf4);
	refuse_mouse("answers.head", 16);
	refuse_mouse("answers.used", 17);
}

/* Whatever is sent, what there is to read ends. */
static void test_random_operations(void **state)
{
	uint32_t seed = 2;
	struct ps2_mouse m;
	struct typist t;
	uint8_t byte;

	(void)state;
	typist_init(&t);
	ps2_mouse_init(&m);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t r = chip_random(&seed);
		unsigned n = 0;

		tell(&t, r);
		tell_mouse(&m, r >> 8);
		if (r >> 16 & 1)
			continue;
		t.typed = t.taken = 0;
		type(&t, (key_event)(r >> 16));
		while (ps2_keyboard_ops.send(&t.keyboard, &byte))
			n++;
		assert_true(n <= 2 * PS2_FIFO_SIZE);
		while (ps2_mouse_ops.send(&m, &byte))
			n++;
		assert_true(n <= 3 * PS2_FIFO_SIZE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_resend),
		cmocka_unit_test(test_a_command_instead_of_a_parameter),
		cmocka_unit_test(test_scan_code_sets),
		cmocka_unit_test(test_translation),
		cmocka_unit_test(test_keys_wait),
		cmocka_unit_test(test_enable_clears_the_queue),
		cmocka_unit_test(test_mouse_commands),
		cmocka_unit_test(test_mouse_has_no_wheel),
		cmocka_unit_test(test_mouse_wrap),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_hostile_states_are_refused),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
