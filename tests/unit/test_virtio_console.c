/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio console: no byte is lost either way, ports take input when they are open,
 * and a driver that talks nonsense changes nothing.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "console_rig.h"

static int begin(unsigned nr_ports)
{
	int fd;

	quits = 0;
	snprintf(path, sizeof(path), "/tmp/test_virtio_console.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || rig_init(&rig) || pipe(in) || pipe(out))
		return -1;
	close(fd);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	rig.platform.quit = on_quit;
	memset(&config, 0, sizeof(config));
	config.ports[0] =
		(struct config_port){ .kind = SERIAL_CONSOLE, .is_console = true };
	config.ports[1] = (struct config_port){ .kind = SERIAL_FILE,
						.path = path,
						.name = "org.tane.file" };
	config.ports[2] = (struct config_port){ .kind = SERIAL_NULL };
	config.nr_ports = nr_ports;
	make_device();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return begin(1);
}

static int setup_three(void **state)
{
	(void)state;
	return begin(3);
}

static void test_configuration(void **state)
{
	(void)state;
	assert_int_equal(rig.virtio->offered & 0xffffff, SIZE | EMERG);
	assert_int_equal(rig.virtio->nr_queues, 2);
	assert_int_equal(rig_config(&rig, 0, 4), 0);
	assert_int_equal(rig_config(&rig, 4, 4), 1);
	assert_int_equal(rig_config(&rig, 8, 4), 0);
	/* Sizes are not the driver's to write. */
	virtio_write_config(rig.virtio, 0, "\xff\xff\xff\xff", 4);
	assert_int_equal(rig_config(&rig, 0, 4), 0);
}

static void output_as(uint64_t features)
{
	const struct ring_segment segments[] = {
		{ 0x100000, 3, RING_OUT },
		{ 0x200000, 0, RING_OUT },
		{ 0x300000, 4, RING_OUT },
	};
	uint32_t written = 1;

	rig_drive(&rig, features);
	rig_send(&rig, TX, "hello ", 6);
	rig_kick(&rig, TX);
	assert_output("hello ");
	assert_int_not_equal(ring_driver_take(&rig.rings[TX], &written), -1);
	assert_int_equal(written, 0);
	assert_true(memory_write(&rig.memory, 0x100000, "wor", 3));
	assert_true(memory_write(&rig.memory, 0x300000, "ld\r\n", 4));
	assert_int_not_equal(ring_driver_add(&rig.rings[TX], segments, 3), -1);
	rig_kick(&rig, TX);
	assert_output("world\r\n");
	assert_int_not_equal(ring_driver_take(&rig.rings[TX], &written), -1);
	assert_true(rig.interrupts[TX] > 0);
}

static void test_output(void **state)
{
	(void)state;
	output_as(EVENT_IDX);
}

static void test_output_packed(void **state)
{
	(void)state;
	output_as(PACKED);
}

/* A reader that stands still: chains wait in the guest's queue, and all comes out. */
static void output_waits_as(uint64_t features)
{
	enum { CHAIN = 40000, CHAINS = 12, ALL = CHAIN * CHAINS };
	static uint8_t text[ALL], got[ALL];
	unsigned taken = 0;

	for (size_t i = 0; i < ALL; i++)
		text[i] = (uint8_t)(i * 7 + i / 999);
	rig_drive(&rig, features);
	for (size_t i = 0; i < CHAINS; i++)
		assert_int_not_equal(rig_send(&rig, TX, text + i * CHAIN, CHAIN), -1);
	rig_kick(&rig, TX);
	/* 64 KiB are in the pipe, as much in the ring; a chain is given back when it is out. */
	while (ring_driver_take(&rig.rings[TX], NULL) != -1)
		taken++;
	assert_in_range(taken, 2, 4);
	assert_int_equal(read_output(got, ALL), ALL);
	assert_memory_equal(got, text, ALL);
	while (ring_driver_take(&rig.rings[TX], NULL) != -1)
		taken++;
	assert_int_equal(taken, CHAINS);
	/* And the driver is heard again. */
	rig_send(&rig, TX, "more", 4);
	assert_true(ring_driver_must_kick(&rig.rings[TX]));
	rig_kick(&rig, TX);
	assert_output("more");
}

static void test_output_waits(void **state)
{
	(void)state;
	output_waits_as(EVENT_IDX);
}

static void test_output_waits_packed(void **state)
{
	(void)state;
	output_waits_as(EVENT_IDX | PACKED);
}

/* A reset in the middle of a chain: the rest of it is not printed by its successor. */
static void test_reset_in_the_middle(void **state)
{
	static uint8_t text[200000], got[sizeof(text)];
	size_t n = 0;

	(void)state;
	memset(text, 'a', sizeof(text));
	rig_drive(&rig, 0);
	rig_send(&rig, TX, text, sizeof(text));
	rig_kick(&rig, TX);
	assert_int_equal(ring_driver_take(&rig.rings[TX], NULL), -1);
	rig_reset(&rig);
	rig_drive(&rig, 0);
	rig_send(&rig, TX, "bcd", 3);
	rig_kick(&rig, TX);
	while (!n || got[n - 1] != 'd')
		assert_int_equal(read_output(got + n++, 1), 1);
	assert_true(n < sizeof(text));
	assert_memory_equal(got + n - 4, "abcd", 4);
}

static void input_as(uint64_t features)
{
	uint64_t first, second, third;

	type("early ");
	rig_drive(&rig, features);
	/* No buffer: it waits. Then it goes where it has room. */
	type("birds");
	first = rig_post(&rig, RX, 4);
	second = rig_post(&rig, RX, 100);
	third = rig_post(&rig, RX, 100);
	rig_kick(&rig, RX);
	assert_input(RX, first, "earl");
	assert_input(RX, second, "y ");
	assert_input(RX, third, "birds");
	assert_true(rig.interrupts[RX] > 0);
	first = rig_post(&rig, RX, 100);
	rig_kick(&rig, RX);
	assert_int_equal(ring_driver_take(&rig.rings[RX], NULL), -1);
	type("x");
	assert_input(RX, first, "x");
	/* All are used up, and the driver was asked to tell of more. */
	type("y");
	first = rig_post(&rig, RX, 100);
	assert_true(ring_driver_must_kick(&rig.rings[RX]));
	rig_kick(&rig, RX);
	assert_input(RX, first, "y");
}

static void test_input(void **state)
{
	(void)state;
	input_as(EVENT_IDX);
}

static void test_input_packed(void **state)
{
	(void)state;
	input_as(EVENT_IDX | PACKED);
}

static void test_breaches(void **state)
{
	static const struct {
		unsigned queue;
		struct ring_segment segments[2];
		unsigned nr;
	} cases[] = {
		{ TX, { { 0x100000, 10, RING_IN } }, 1 },
		{ TX, { { 0x100000, 10, RING_OUT }, { 0x100000, 10, RING_IN } }, 2 },
		{ TX, { { 0, 32 << 20, RING_OUT } }, 1 },
		{ TX, { { RIG_RAM - 1, 2, RING_OUT } }, 1 },
		{ RX, { { 0x100000, 10, RING_OUT } }, 1 },
		{ RX, { { 0x100000, 10, RING_OUT }, { 0x100000, 10, RING_IN } }, 2 },
		{ RX, { { 0x100000, 0, RING_IN } }, 1 },
		{ RX, { { RIG_RAM, 10, RING_IN } }, 1 },
	};
	uint64_t gpa;

	(void)state;
	type("input");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_drive(&rig, 0);
		ring_driver_add(&rig.rings[cases[i].queue], cases[i].segments,
				cases[i].nr);
		rig_kick(&rig, cases[i].queue);
		assert_true(rig_is_broken(&rig));
		rig_reset(&rig);
	}
	/* Not a byte of the input was lost by that. */
	rig_drive(&rig, 0);
	gpa = rig_post(&rig, RX, 100);
	rig_kick(&rig, RX);
	assert_input(RX, gpa, "input");
}

/* An empty chain is nothing to print, and no reason to stop. */
static void test_empty_output(void **state)
{
	(void)state;
	rig_drive(&rig, 0);
	ring_driver_add(&rig.rings[TX], &(struct ring_segment){ 0x100000, 0, RING_OUT },
			1);
	rig_send(&rig, TX, "after", 5);
	rig_kick(&rig, TX);
	assert_output("after");
	assert_int_not_equal(ring_driver_take(&rig.rings[TX], NULL), -1);
	assert_int_not_equal(ring_driver_take(&rig.rings[TX], NULL), -1);
}

static void test_emergency_write(void **state)
{
	(void)state;
	/* No driver has come yet. */
	virtio_write_config(rig.virtio, 8, "!\0\0\0", 4);
	virtio_write_config(rig.virtio, 8, "?", 1);
	virtio_write_config(rig.virtio, 9, "xxx", 3);
	assert_output("!?");
	/* A guest that never stops is not waited for, and costs nothing. */
	for (unsigned i = 0; i < 300000; i++)
		virtio_write_config(rig.virtio, 8, "z", 1);
	rig_settle(&rig);
}

static void test_size(void **state)
{
	(void)state;
	virtio_console_resize(rig.virtio, 80, 25);
	assert_int_equal(rig_config(&rig, 0, 2), 80);
	assert_int_equal(rig_config(&rig, 2, 2), 25);
	assert_int_equal(rig.config_interrupts, 0);
	/* Linux looks when it is told that something changed, so it is. */
	rig_drive(&rig, SIZE);
	assert_int_equal(rig.config_interrupts, 1);
	virtio_console_resize(rig.virtio, 132, 50);
	assert_int_equal(rig.config_interrupts, 2);
	assert_int_equal(rig_config(&rig, 0, 2), 132);
	virtio_console_resize(rig.virtio, 132, 50);
	assert_int_equal(rig.config_interrupts, 2);
}

/* What still waits in the guest's queue at its end comes out too. */
static void test_drain(void **state)
{
	const struct console_interrupt nothing = { .fd = -1 };
	uint8_t got[30];

	(void)state;
	rig_drive(&rig, 0);
	for (unsigned i = 0; i < 15; i++)
		rig_send(&rig, TX, "ab", 2);
	virtio_console_drain(rig.virtio, &nothing, -1);
	assert_int_equal(read(out[0], got, sizeof(got)), 30);
	assert_memory_equal(got, "ababababababababababababababab", 30);
	/* A reader that is slow, and gone in the end. */
	for (unsigned i = 0; i < 15; i++)
		ring_driver_add(&rig.rings[TX],
				&(struct ring_segment){ 0, 1 << 20, RING_OUT }, 1);
	virtio_console_drain(rig.virtio, &nothing, 50);
	assert_int_equal(read(out[0], got, sizeof(got)), sizeof(got));
}

/* -- several ports -- */

/* The way of Linux: be ready, hear of ports, be ready for each, open them. */
static void get_ready(uint64_t features)
{
	struct message message;

	rig_drive(&rig, features | MULTIPORT | SIZE);
	post_messages(14);
	tell(UINT32_MAX, DEVICE_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_hears(i, PORT_ADD);
	for (unsigned i = 0; i < 3; i++)
		tell(i, PORT_READY, 1);
	assert_hears(0, CONSOLE_PORT);
	assert_hears(0, PORT_OPEN);
	assert_true(hear(&message));
	assert_int_equal(message.event, RESIZE);
	assert_int_equal(message.size, 4);
	assert_hears(1, PORT_OPEN);
	assert_true(hear(&message));
	assert_int_equal(message.id, 1);
	assert_int_equal(message.event, PORT_NAME);
	assert_int_equal(message.size, 13);
	assert_memory_equal(message.rest, "org.tane.file", 13);
	assert_hears(2, PORT_OPEN);
	assert_false(hear(&message));
	post_messages(6);
}

static void test_multiport(void **state)
{
	struct message message;
	uint64_t gpa;
	FILE *file;
	char got[64];

	(void)state;
	assert_int_equal(rig.virtio->offered & 0xffffff, SIZE | MULTIPORT | EMERG);
	assert_int_equal(rig.virtio->nr_queues, 8);
	assert_int_equal(rig_config(&rig, 4, 4), 3);
	virtio_console_resize(rig.virtio, 100, 30);
	get_ready(EVENT_IDX);

	/* Input waits until somebody in the guest has the port open, and while he has. */
	gpa = rig_post(&rig, RX, 100);
	rig_kick(&rig, RX);
	type("abc");
	assert_int_equal(ring_driver_take(&rig.rings[RX], NULL), -1);
	tell(0, PORT_OPEN, 1);
	rig_settle(&rig);
	assert_input(RX, gpa, "abc");
	gpa = rig_post(&rig, RX, 100);
	tell(0, PORT_OPEN, 0);
	type("def");
	assert_int_equal(ring_driver_take(&rig.rings[RX], NULL), -1);
	tell(0, PORT_OPEN, 1);
	rig_settle(&rig);
	assert_input(RX, gpa, "def");

	/* Ports 1 and 2 have queues 5 and 7 for output. */
	rig_send(&rig, 5, "to the file\n", 12);
	rig_send(&rig, 7, "to nobody\n", 10);
	rig_send(&rig, TX, "to the terminal\n", 16);
	rig_kick(&rig, 5);
	rig_kick(&rig, 7);
	rig_kick(&rig, TX);
	assert_output("to the terminal\n");
	assert_int_not_equal(ring_driver_take(&rig.rings[7], NULL), -1);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(got, sizeof(got), file));
	assert_string_equal(got, "to the file\n");
	fclose(file);

	/* The window changes. */
	virtio_console_resize(rig.virtio, 120, 40);
	rig_settle(&rig);
	assert_true(hear(&message));
	assert_int_equal(message.id, 0);
	assert_int_equal(message.event, RESIZE);
	assert_int_equal(load_le16(message.rest), 120);
	assert_int_equal(load_le16(message.rest + 2), 40);
}

static void test_multiport_packed(void **state)
{
	(void)state;
	get_ready(PACKED);
}

/* A driver that does not know MULTIPORT has port 0, and only that. */
static void test_multiport_refused(void **state)
{
	(void)state;
	rig_drive(&rig, 0);
	rig_send(&rig, TX, "x", 1);
	rig_send(&rig, 5, "y", 1);
	rig_send(&rig, CONTROL_TX, "\0\0\0\0\0\0\1\0", 8);
	for (unsigned i = 0; i < 8; i++)
		rig_kick(&rig, i);
	assert_output("x");
	assert_int_equal(ring_driver_take(&rig.rings[5], NULL), -1);
	assert_int_equal(ring_driver_take(&rig.rings[CONTROL_TX], NULL), -1);
	assert_false(rig_is_broken(&rig));
}

/* What is to be told waits for buffers, as often as it comes. */
static void test_messages_wait(void **state)
{
	struct message message;
	unsigned heard = 0;

	(void)state;
	rig_drive(&rig, MULTIPORT | SIZE | EVENT_IDX);
	for (unsigned i = 0; i < 1000; i++) {
		tell(i % 4, DEVICE_READY, 1);
		tell(i % 4, PORT_READY, 1);
		virtio_console_resize(rig.virtio, (uint16_t)i, 25);
		rig_settle(&rig);
	}
	for (unsigned i = 0; i < 20; i++) {
		post_messages(1);
		heard += hear(&message);
	}
	/* 3 PORT_ADD, 3 PORT_OPEN, a name, a console, a size. */
	assert_int_equal(heard, 9);
}

static void test_nonsense_is_ignored(void **state)
{
	static const uint16_t events[] = {
		PORT_READY, PORT_OPEN, PORT_ADD, PORT_REMOVE, CONSOLE_PORT,
		RESIZE,     PORT_NAME, 8,        0xffff
	};
	static const uint32_t ids[] = { 3, 16, 17, 0x80000000, UINT32_MAX };
	struct message message;

	(void)state;
	get_ready(0);
	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		for (unsigned j = 0; j < sizeof(events) / sizeof(events[0]); j++) {
			tell(ids[i], events[j], 1);
			tell(ids[i], events[j], 0xffff);
		}
	}
	for (unsigned j = 2; j < sizeof(events) / sizeof(events[0]); j++)
		tell(1, events[j], 1);
	tell(1, PORT_READY, 0);
	tell(0, DEVICE_READY, 0);
	assert_false(hear(&message));
	assert_false(rig_is_broken(&rig));
	rig_send(&rig, TX, "alive", 5);
	rig_kick(&rig, TX);
	assert_output("alive");
}

static void test_broken_messages(void **state)
{
	(void)state;
	/* Too short, and with nothing to read at all. */
	rig_drive(&rig, MULTIPORT);
	rig_send(&rig, CONTROL_TX, "\0\0\0\0\0\0\1", 7);
	rig_kick(&rig, CONTROL_TX);
	assert_true(rig_is_broken(&rig));
	rig_reset(&rig);
	rig_drive(&rig, MULTIPORT);
	rig_post(&rig, CONTROL_TX, 8);
	rig_kick(&rig, CONTROL_TX);
	assert_true(rig_is_broken(&rig));
	rig_reset(&rig);
	/* A buffer that has no room for a message. */
	rig_drive(&rig, MULTIPORT);
	rig_post(&rig, CONTROL_RX, 7);
	tell(0, DEVICE_READY, 1);
	assert_true(rig_is_broken(&rig));
	rig_reset(&rig);
	get_ready(0);
}

static void test_save_and_load(void **state)
{
	static uint8_t text[300000], got[sizeof(text)];
	struct state_writer writer = { 0 };
	struct err err;
	size_t before, after;
	uint64_t gpa;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 3 + i / 1000);
	get_ready(0);
	tell(0, PORT_OPEN, 1);
	gpa = rig_post(&rig, RX, 100);
	rig_kick(&rig, RX);
	/* In the middle of a chain: the pipe is full and the console's ring. */
	rig_send(&rig, TX, text, sizeof(text));
	rig_kick(&rig, TX);
	assert_int_equal(virtio_save(rig.virtio, &writer, &err), 0);
	virtio_free(rig.virtio);
	before = read_now(got, sizeof(got));
	assert_memory_equal(got, text, before);

	make_device();
	assert_int_equal(
		virtio_load(rig.virtio, (struct bytes){ writer.data, writer.size }, &err),
		0);
	rig_settle(&rig);
	/* It goes on where the first one was; what that had in its ring is its to print. */
	after = read_output(got, sizeof(text) - before - 61440);
	while (ring_driver_take(&rig.rings[TX], NULL) == -1) {
		rig_settle(&rig);
		after += read_now(got + after, sizeof(got) - after);
	}
	virtio_console_drain(rig.virtio, &(struct console_interrupt){ .fd = -1 }, -1);
	after += read_now(got + after, sizeof(got) - after);
	assert_true(before + after < sizeof(text));
	assert_memory_equal(got, text + sizeof(text) - after, after);
	type("open still");
	assert_input(RX, gpa, "open still");
	state_writer_free(&writer);
}

static void test_bad_ports(void **state)
{
	struct vm_config bad = config;
	char name[100];
	struct err err;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[64] = '\0';
	bad.ports[1].name = name;
	assert_null(virtio_console_new(&rig.platform, &bad, false, &err));
	assert_string_equal(err.text,
			    "virtio port 1: its name has 64 bytes; 1 to 63 are possible");
	name[63] = '\0';
	bad.ports[1].path = "/nonexistent/file";
	assert_null(virtio_console_new(&rig.platform, &bad, false, &err));
	assert_non_null(strstr(err.text, "virtio port 1 (nnn"));
	assert_non_null(strstr(err.text, "\"/nonexistent/file\": No such file"));
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_THREE(name) cmocka_unit_test_setup_teardown(name, setup_three, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_configuration),
		TEST(test_output),
		TEST(test_output_packed),
		TEST(test_output_waits),
		TEST(test_output_waits_packed),
		TEST(test_reset_in_the_middle),
		TEST(test_input),
		TEST(test_input_packed),
		TEST(test_breaches),
		TEST(test_empty_output),
		TEST(test_emergency_write),
		TEST(test_size),
		TEST(test_drain),
		TEST_THREE(test_multiport),
		TEST_THREE(test_multiport_packed),
		TEST_THREE(test_multiport_refused),
		TEST_THREE(test_messages_wait),
		TEST_THREE(test_nonsense_is_ignored),
		TEST_THREE(test_broken_messages),
		TEST_THREE(test_save_and_load),
		TEST_THREE(test_bad_ports),
	};

	return cmocka_run_group_tests_name("virtio_console", tests, NULL, NULL);
}
