/* SPDX-License-Identifier: BSD-2-Clause */
/* The keyboard controller as probing kernels and firmware use it. */
#include "chip.h"

#include "dev/i8042.h"

#define OBF     0x01
#define IBF     0x02
#define SYS     0x04
#define COMMAND 0x08
#define AUX     0x20
#define TIMEOUT 0x40

/* Something on a port: what it was sent, and what it has to send. */
struct device {
	uint8_t received[8], sends[64];
	unsigned nr_received, sent, to_send;
};

struct bench {
	struct i8042 kbc;
	struct chip_irq irq, mouse_irq;
	unsigned resets;
	struct device keyboard, mouse;
};

static void device_receive(void *dev, uint8_t byte)
{
	struct device *device = dev;

	device->received[device->nr_received++ % sizeof(device->received)] = byte;
}

static bool device_send(void *dev, uint8_t *byte)
{
	struct device *device = dev;

	if (device->sent == device->to_send)
		return false;
	*byte = device->sends[device->sent++ % sizeof(device->sends)];
	return true;
}

static const struct ps2_ops device_ops = {
	.receive = device_receive,
	.send = device_send,
};

static void bench_reset(void *opaque)
{
	struct bench *bench = opaque;

	bench->resets++;
}

static void bench_init(struct bench *bench)
{
	const struct irq_line lines[I8042_NR_PORTS] = {
		[I8042_KEYBOARD] = chip_irq_line(&bench->irq),
		[I8042_MOUSE] = chip_irq_line(&bench->mouse_irq),
	};

	memset(bench, 0, sizeof(*bench));
	i8042_init(&bench->kbc, bench_reset, lines, bench);
}

static void bench_plug(struct bench *bench)
{
	i8042_plug(&bench->kbc, I8042_KEYBOARD, &device_ops, &bench->keyboard);
	i8042_plug(&bench->kbc, I8042_MOUSE, &device_ops, &bench->mouse);
}

/* The device has these bytes to send now. */
static void has(struct bench *bench, struct device *device, const void *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		device->sends[device->to_send++ % sizeof(device->sends)] =
			((const uint8_t *)bytes)[i];
	i8042_poll(&bench->kbc);
}

static uint8_t status(struct bench *bench)
{
	return chip_in(&i8042_command_io, &bench->kbc, 0);
}

static uint8_t read_data(struct bench *bench)
{
	return chip_in(&i8042_data_io, &bench->kbc, 0);
}

static void command(struct bench *bench, unsigned value)
{
	chip_out(&i8042_command_io, &bench->kbc, 0, value);
}

static void write_data(struct bench *bench, unsigned value)
{
	chip_out(&i8042_data_io, &bench->kbc, 0, value);
}

/* A command with an answer: OBF announces it and goes away. */
static uint8_t ask(struct bench *bench, unsigned cmd)
{
	uint8_t value;

	command(bench, cmd);
	assert_int_equal(status(bench) & (OBF | IBF), OBF);
	value = read_data(bench);
	assert_int_equal(status(bench) & (OBF | IBF), 0);
	return value;
}

static void test_power_on(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(status(&b), 0x14); /* idle, unlocked, self test passed */
	assert_int_equal(ask(&b, 0x20), 0x65);
	assert_int_equal(b.irq.level, false);
}

/* Linux's i8042 driver without a keyboard, in its order; it must find no mouse port. */
static void test_linux_probe(void **state)
{
	struct bench b;
	unsigned raised;
	uint8_t ctr;

	(void)state;
	bench_init(&b);
	assert_int_equal(status(&b) & OBF, 0); /* i8042_flush() */
	ctr = ask(&b, 0x20);
	assert_int_equal(ask(&b, 0x20), ctr);
	command(&b, 0x60);
	write_data(&b, (ctr | 0x10) & ~0x01u);
	raised = b.irq.raised;
	assert_int_equal(ask(&b, 0x20), (ctr | 0x10) & ~0x01u);

	command(&b, 0xd3); /* mouse loop: an answer, but not from the mouse */
	write_data(&b, 0x5a);
	assert_int_equal(status(&b) & (OBF | AUX), OBF);
	assert_int_equal(ask(&b, 0xa9), 0x01); /* mouse port: clock line stuck low */
	assert_int_equal(b.irq.raised, raised);

	command(&b, 0x60); /* the keyboard is enabled, with its interrupt */
	write_data(&b, ctr & ~0x10u);
	write_data(&b, 0xf2); /* identify: nobody there, and no waiting for it */
	assert_true(b.irq.level);
	assert_int_equal(status(&b) & (OBF | AUX | TIMEOUT), OBF | TIMEOUT);
	assert_int_equal(read_data(&b), 0xfe);
	assert_int_equal(status(&b) & (OBF | TIMEOUT), 0);
	assert_false(b.irq.level);
	assert_int_equal(b.resets, 0);
}

static void test_self_tests(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(ask(&b, 0xaa), 0x55);
	assert_int_equal(ask(&b, 0xab), 0x00);
	assert_int_equal(ask(&b, 0xc0), 0x80);
	assert_int_equal(ask(&b, 0xe0), 0x00);
	command(&b, 0x60); /* the self test sets the system flag again */
	write_data(&b, 0);
	assert_int_equal(status(&b) & SYS, 0);
	assert_int_equal(ask(&b, 0xaa), 0x55);
	assert_int_equal(status(&b) & SYS, SYS);
}

static void test_command_or_data(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	command(&b, 0xae);
	assert_int_equal(status(&b) & COMMAND, COMMAND);
	write_data(&b, 0);
	assert_int_equal(status(&b) & COMMAND, 0);
}

static void test_ram(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 32; i++) {
		command(&b, 0x60 + i);
		write_data(&b, 0xa0 + i);
	}
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(ask(&b, 0x20 + i), 0xa0 + i);
	/* Only the byte after the command is its data. */
	command(&b, 0x61);
	write_data(&b, 1);
	write_data(&b, 2);
	read_data(&b);
	assert_int_equal(ask(&b, 0x21), 1);
	/* And another command in between cancels it. */
	command(&b, 0x61);
	command(&b, 0xae);
	write_data(&b, 3);
	read_data(&b);
	assert_int_equal(ask(&b, 0x21), 1);
}

static void test_enable_bits(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	command(&b, 0xad);
	assert_int_equal(ask(&b, 0x20) & 0x10, 0x10);
	command(&b, 0xae);
	assert_int_equal(ask(&b, 0x20) & 0x10, 0);
	command(&b, 0xa8);
	assert_int_equal(ask(&b, 0x20) & 0x20, 0);
	command(&b, 0xa7);
	assert_int_equal(ask(&b, 0x20) & 0x20, 0x20);
	command(&b, 0xad); /* writing to the keyboard enables it */
	write_data(&b, 0xff);
	read_data(&b);
	assert_int_equal(ask(&b, 0x20) & 0x10, 0);
}

static void test_a20(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(ask(&b, 0xd0), 0x03);
	command(&b, 0xdd);
	assert_int_equal(ask(&b, 0xd0), 0x01);
	command(&b, 0xdf);
	assert_int_equal(ask(&b, 0xd0), 0x03);
	command(&b, 0xd1); /* as Linux does */
	write_data(&b, 0xdf);
	command(&b, 0xff);
	assert_int_equal(ask(&b, 0xd0), 0xcf); /* two lines show the interrupts */
	assert_int_equal(b.resets, 0);
}

static void test_reset_lines(void **state)
{
	struct bench b;
	unsigned expected = 0;

	(void)state;
	bench_init(&b);
	for (unsigned cmd = 0xf0; cmd <= 0xff; cmd++) {
		command(&b, cmd);
		expected += !(cmd & 1);
		assert_int_equal(b.resets, expected);
	}
	command(&b, 0xd1);
	write_data(&b, 0xfe);
	assert_int_equal(b.resets, expected + 1);
	i8042_reset(&b.kbc);
	assert_int_equal(ask(&b, 0xd0), 0x03);
}

static void test_loops(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	command(&b, 0xd2); /* as if from the keyboard */
	write_data(&b, 0x1c);
	assert_true(b.irq.level);
	assert_int_equal(status(&b) & (OBF | AUX), OBF);
	assert_int_equal(read_data(&b), 0x1c);
	assert_false(b.irq.level);
	command(&b, 0xd4); /* to the mouse: not there */
	write_data(&b, 0xf2);
	assert_int_equal(status(&b) & (OBF | AUX | TIMEOUT), OBF | AUX | TIMEOUT);
	assert_false(b.irq.level); /* line 12, which nobody drives */
	assert_int_equal(read_data(&b), 0xfe);
	assert_int_equal(status(&b) & (OBF | AUX | TIMEOUT), 0);
}

static void test_interrupt_needs_its_enable_bit(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	command(&b, 0x60);
	write_data(&b, 0);
	command(&b, 0xaa);
	assert_false(b.irq.level);
	read_data(&b);
	command(&b, 0x60);
	write_data(&b, 1);
	command(&b, 0xaa);
	assert_true(b.irq.level);
	i8042_reset(&b.kbc);
	assert_false(b.irq.level);
	assert_int_equal(status(&b), 0x14);
}

/* One byte, one edge; and the next one only after the last was read. */
static void test_keys_come_one_by_one(void **state)
{
	const uint8_t keys[] = { 0x1c, 0xf0, 0x1c, 0xe0, 0x75, 0xe0, 0xf0, 0x75, 0x83 };
	const uint8_t expected[] = { 0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8, 0x41 };
	struct bench b;

	(void)state;
	bench_init(&b);
	bench_plug(&b);
	has(&b, &b.keyboard, keys, sizeof(keys));
	for (unsigned i = 0; i < sizeof(expected); i++) {
		assert_int_equal(b.irq.raised, i + 1);
		assert_true(b.irq.level);
		assert_int_equal(status(&b) & (OBF | AUX), OBF);
		assert_int_equal(read_data(&b), expected[i]);
	}
	assert_false(b.irq.level);
	assert_int_equal(b.irq.raised, sizeof(expected));
	assert_int_equal(status(&b) & OBF, 0);
	assert_int_equal(read_data(&b), 0x41); /* what was there last, as the chip does */
	assert_int_equal(b.mouse_irq.raised, 0);
	assert_int_equal(b.irq.redundant, 0);
}

static void test_without_translation(void **state)
{
	const uint8_t keys[] = { 0xf0, 0x1c };
	struct bench b;

	(void)state;
	bench_init(&b);
	bench_plug(&b);
	command(&b, 0x60);
	write_data(&b, 0x05);
	has(&b, &b.keyboard, keys, 2);
	assert_int_equal(read_data(&b), 0xf0);
	assert_int_equal(read_data(&b), 0x1c);
}

static void test_devices_wait_while_disabled(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	bench_plug(&b);
	command(&b, 0xad);
	has(&b, &b.keyboard, "\x1c", 1);
	has(&b, &b.mouse, "\x08", 1); /* disabled since power-on */
	assert_int_equal(status(&b) & OBF, 0);
	command(&b, 0xa8);
	assert_int_equal(status(&b) & (OBF | AUX), OBF | AUX);
	assert_false(b.mouse_irq.level); /* not enabled */
	command(&b, 0xae);
	assert_int_equal(read_data(&b), 0x08);
	assert_int_equal(status(&b) & (OBF | AUX), OBF);
	assert_int_equal(read_data(&b), 0x1e);
}

static void test_mouse_has_its_interrupt(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	bench_plug(&b);
	command(&b, 0x60);
	write_data(&b, 0x43); /* both enabled, both interrupts */
	has(&b, &b.mouse, "\x1c", 1);
	assert_true(b.mouse_irq.level);
	assert_false(b.irq.level);
	assert_int_equal(read_data(&b), 0x1c); /* not translated */
	assert_false(b.mouse_irq.level);
	assert_int_equal(b.mouse_irq.raised, 1);
	assert_int_equal(b.irq.raised, 0);
}

static void test_bytes_reach_the_devices(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	bench_plug(&b);
	command(&b, 0xad);
	command(&b, 0xa7);
	write_data(&b, 0xed);
	command(&b, 0xd4);
	write_data(&b, 0xf2);
	write_data(&b, 0x02);
	assert_int_equal(b.keyboard.nr_received, 2);
	assert_memory_equal(b.keyboard.received, "\xed\x02", 2);
	assert_int_equal(b.mouse.nr_received, 1);
	assert_int_equal(b.mouse.received[0], 0xf2);
	assert_int_equal(ask(&b, 0x20) & 0x30, 0); /* both are enabled by that */
	assert_int_equal(ask(&b, 0xa9), 0x00);
	command(&b, 0xd3); /* the mouse's loop says where it comes from */
	write_data(&b, 0x5a);
	assert_int_equal(status(&b) & (OBF | AUX), OBF | AUX);
	assert_int_equal(read_data(&b), 0x5a);
}

/* A key is there unread: the command's answer is what is read next, then the key. */
static void test_an_answer_goes_before_a_key(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	bench_plug(&b);
	has(&b, &b.keyboard, "\x1c\x32", 2);
	command(&b, 0xd0);
	command(&b, 0xaa); /* and an answer replaces an answer */
	assert_int_equal(read_data(&b), 0x55);
	assert_int_equal(b.irq.raised, 2);
	assert_int_equal(read_data(&b), 0x1e);
	assert_int_equal(read_data(&b), 0x30);
	assert_int_equal(status(&b) & OBF, 0);
	assert_int_equal(b.irq.raised, 3);
	has(&b, &b.keyboard, "\x1c", 1);
	command(&b, 0xd0);
	assert_int_equal(read_data(&b) & 0x30, 0x10); /* the line to interrupt 1 */
}

static void test_save_and_load_with_devices(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a);
	bench_plug(&a);
	has(&a, &a.keyboard, "\x1c\xf0", 2);
	command(&a, 0xaa);
	assert_int_equal(i8042_save(&a.kbc, &writer, "chip", &err), 0);
	bench_init(&b);
	bench_plug(&b);
	assert_int_equal(i8042_load(&b.kbc, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(read_data(&b), 0x55);
	assert_int_equal(read_data(&b), 0x1e);
	assert_int_equal(status(&b) & OBF, 0);

	/* "Released" was read, but not what: the key comes after the load. */
	bench_init(&a);
	bench_plug(&a);
	has(&a, &a.keyboard, "\xf0", 1);
	state_writer_free(&writer);
	assert_int_equal(i8042_save(&a.kbc, &writer, "chip", &err), 0);
	assert_int_equal(i8042_load(&b.kbc, chip_image(&writer), "chip", &err), 0);
	has(&b, &b.keyboard, "\x1c", 1);
	assert_int_equal(read_data(&b), 0x9e);
	state_writer_free(&writer);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a);
	command(&a, 0x6a);
	write_data(&a, 0x77);
	command(&a, 0xdd);
	command(&a, 0xaa); /* an answer waits */
	command(&a, 0x6b); /* and a command waits for its data */
	assert_true(a.irq.level);
	assert_int_equal(i8042_save(&a.kbc, &writer, "chip", &err), 0);
	bench_init(&b);
	assert_int_equal(i8042_load(&b.kbc, chip_image(&writer), "chip", &err), 0);
	state_writer_free(&writer);
	assert_true(b.irq.level);
	assert_int_equal(status(&b), status(&a));
	assert_int_equal(read_data(&b), 0x55);
	write_data(&b, 0x78);
	assert_int_equal(ask(&b, 0x2a), 0x77);
	assert_int_equal(ask(&b, 0x2b), 0x78);
	assert_int_equal(ask(&b, 0xd0), 0x01);
}

static void test_load_of_other_states(void **state)
{
	const uint8_t output = 0x99, bad_status = IBF, held_status = OBF;
	struct state_writer writer = { 0 };
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b);
	command(&b, 0xaa);
	chip_section(&writer, "status", &bad_status, 1);
	assert_int_equal(i8042_load(&b.kbc, chip_image(&writer), "chip", &err), -1);
	chip_section(&writer, "held_status", &held_status, 1); /* by no answer */
	assert_int_equal(i8042_load(&b.kbc, chip_image(&writer), "chip", &err), -1);
	assert_true(b.irq.level);
	assert_int_equal(status(&b) & OBF, OBF);
	chip_section(&writer, "output", &output, 1); /* an older one */
	assert_int_equal(i8042_load(&b.kbc, chip_image(&writer), "chip", &err), 0);
	assert_false(b.irq.level);
	assert_int_equal(status(&b), 0x14);
	assert_int_equal(ask(&b, 0x20), 0x65);
	state_writer_free(&writer);
}

/* Never busy, and one read empties it: no guest can wait for ever. */
static void test_random_operations(void **state)
{
	uint32_t seed = 8042;
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t r = chip_random(&seed);

		switch (r % 4) {
		case 0:
			write_data(&b, r >> 8);
			break;
		case 1:
			read_data(&b);
			assert_int_equal(status(&b) & OBF, 0);
			assert_false(b.irq.level);
			break;
		default:
			command(&b, r >> 8);
			break;
		}
		assert_int_equal(status(&b) & IBF, 0);
		assert_int_equal(b.irq.redundant, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_on),
		cmocka_unit_test(test_linux_probe),
		cmocka_unit_test(test_self_tests),
		cmocka_unit_test(test_command_or_data),
		cmocka_unit_test(test_ram),
		cmocka_unit_test(test_enable_bits),
		cmocka_unit_test(test_a20),
		cmocka_unit_test(test_reset_lines),
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_interrupt_needs_its_enable_bit),
		cmocka_unit_test(test_keys_come_one_by_one),
		cmocka_unit_test(test_without_translation),
		cmocka_unit_test(test_devices_wait_while_disabled),
		cmocka_unit_test(test_mouse_has_its_interrupt),
		cmocka_unit_test(test_bytes_reach_the_devices),
		cmocka_unit_test(test_an_answer_goes_before_a_key),
		cmocka_unit_test(test_save_and_load_with_devices),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_load_of_other_states),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
