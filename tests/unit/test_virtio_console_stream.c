/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports of the virtio console that are streams: no byte is lost or out of order, ends and
 * hang-ups come through, and nobody is waited for.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "console_rig.h"

/* Ports 1 (stdin) and 2 (stdout) are our pipes. */

enum { STDIN_RX = 4, STDOUT_TX = 7 };

static int setup_streams(void **state)
{
	(void)state;
	quits = 0;
	path[0] = '\0';
	if (rig_init(&rig) || pipe(in) || pipe(out))
		return -1;
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	memset(&config, 0, sizeof(config));
	config.ports[0] = (struct config_port){ .kind = SERIAL_NULL, .is_console = true };
	config.ports[1] = (struct config_port){ .kind = SERIAL_STREAM,
						.name = "in",
						.title = "standard input",
						.in = in[0],
						.out = -1 };
	config.ports[2] = (struct config_port){ .kind = SERIAL_STREAM,
						.name = "out",
						.title = "standard output",
						.in = -1,
						.out = out[1] };
	config.nr_ports = 3;
	make_device();
	return 0;
}

/* The driver knows and has opened all ports. */
static void open_streams(uint64_t features)
{
	struct message message;

	rig_drive(&rig, features | MULTIPORT);
	post_messages(14);
	tell(UINT32_MAX, DEVICE_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		tell(i, PORT_READY, 1);
	for (unsigned i = 1; i < 3; i++)
		tell(i, PORT_OPEN, 1);
	while (hear(&message)) {
		if (message.event == PORT_OPEN)
			assert_int_equal(message.value, 1);
	}
	post_messages(6);
}

/* Our side of the port has closed, and nothing else was told. */
static void assert_closed(uint32_t id)
{
	struct message message;

	rig_settle(&rig);
	assert_true(hear(&message));
	assert_int_equal(message.id, id);
	assert_int_equal(message.event, PORT_OPEN);
	assert_int_equal(message.value, 0);
	assert_false(hear(&message));
}

/* Bytes wait in the pipe for buffers, and the end comes behind the last of them. */
static void stream_input_as(uint64_t features)
{
	struct message message;
	uint64_t first, second, third;

	type("early");
	open_streams(features);
	first = rig_post(&rig, STDIN_RX, 3);
	second = rig_post(&rig, STDIN_RX, 100);
	rig_kick(&rig, STDIN_RX);
	assert_input(STDIN_RX, first, "ear");
	assert_input(STDIN_RX, second, "ly");
	/* Those that get nothing stay where they were. */
	first = rig_post(&rig, STDIN_RX, 100);
	second = rig_post(&rig, STDIN_RX, 2);
	third = rig_post(&rig, STDIN_RX, 4);
	rig_kick(&rig, STDIN_RX);
	type("more");
	assert_input(STDIN_RX, first, "more");
	assert_int_equal(ring_driver_take(&rig.rings[STDIN_RX], NULL), -1);
	type("2+4444");
	assert_input(STDIN_RX, second, "2+");
	assert_input(STDIN_RX, third, "4444");
	/* No buffer, so the end is not reached. */
	type("last");
	close(in[1]);
	rig_settle(&rig);
	assert_false(hear(&message));
	first = rig_post(&rig, STDIN_RX, 100);
	rig_post(&rig, STDIN_RX, 100);
	rig_kick(&rig, STDIN_RX);
	assert_input(STDIN_RX, first, "last");
	assert_closed(1);
	in[1] = dup(in[0]);
}

/* Drain the device. What it prints on stderr of that. */
static void drain_and_read(const struct console_interrupt *interrupt, char *text,
			   size_t size)
{
	const int saved = dup(STDERR_FILENO);
	FILE *file = tmpfile();

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	virtio_console_drain(rig.virtio, interrupt, -1);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

/* A source that breaks is told of, by the name that the user knows, and not taken for one that has ended. */
static void test_stream_failure(void **state)
{
	bool failed = false;
	const struct console_interrupt interrupt = { .fd = -1, .failed = &failed };
	int folder = open("/tmp", O_RDONLY | O_DIRECTORY);
	char text[200];

	(void)state;
	rig_destroy(&rig);
	assert_int_equal(rig_init(&rig), 0);
	config.ports[1].in = folder;
	make_device();
	open_streams(0);
	rig_post(&rig, STDIN_RX, 100);
	rig_kick(&rig, STDIN_RX);
	assert_closed(1);
	drain_and_read(&interrupt, text, sizeof(text));
	assert_true(failed);
	assert_string_equal(text, "tane: standard input: Is a directory\n");
	close(folder);
}

static void test_stream_input(void **state)
{
	(void)state;
	stream_input_as(EVENT_IDX);
}

static void test_stream_input_packed(void **state)
{
	(void)state;
	stream_input_as(EVENT_IDX | PACKED);
}

/* A port that the guest has not open, or no longer, takes nothing from the pipe. */
static void test_stream_input_waits(void **state)
{
	uint64_t gpa;
	char got[8];

	(void)state;
	open_streams(0);
	tell(1, PORT_OPEN, 0);
	gpa = rig_post(&rig, STDIN_RX, 100);
	rig_kick(&rig, STDIN_RX);
	type("abc");
	assert_int_equal(ring_driver_take(&rig.rings[STDIN_RX], NULL), -1);
	tell(1, PORT_OPEN, 1);
	rig_settle(&rig);
	assert_input(STDIN_RX, gpa, "abc");
	tell(1, PORT_OPEN, 0);
	type("left");
	fcntl(in[0], F_SETFL, O_NONBLOCK);
	assert_int_equal(read(in[0], got, sizeof(got)), 4);
}

/* More than fits into the pipe: what is not out stays in the queue; nothing is lost. */
static void stream_output_as(uint64_t features)
{
	enum { CHAIN = 40000, CHAINS = 12, ALL = CHAIN * CHAINS };
	static uint8_t text[ALL], got[ALL];

	for (size_t i = 0; i < ALL; i++)
		text[i] = (uint8_t)(i * 13 + i / 777);
	open_streams(features);
	for (size_t i = 0; i < CHAINS; i++)
		assert_int_not_equal(rig_send(&rig, STDOUT_TX, text + i * CHAIN, CHAIN),
				     -1);
	rig_kick(&rig, STDOUT_TX);
	/* 64 KiB are in the pipe and nothing anywhere else: one chain is done. */
	assert_int_not_equal(ring_driver_take(&rig.rings[STDOUT_TX], NULL), -1);
	assert_int_equal(ring_driver_take(&rig.rings[STDOUT_TX], NULL), -1);
	assert_int_equal(read_output(got, ALL), ALL);
	assert_memory_equal(got, text, ALL);
	for (unsigned i = 1; i < CHAINS; i++)
		assert_int_not_equal(ring_driver_take(&rig.rings[STDOUT_TX], NULL), -1);
	/* And the driver is heard again. */
	rig_send(&rig, STDOUT_TX, "more", 4);
	assert_true(ring_driver_must_kick(&rig.rings[STDOUT_TX]));
	rig_kick(&rig, STDOUT_TX);
	assert_output("more");
}

static void test_stream_output(void **state)
{
	(void)state;
	stream_output_as(EVENT_IDX);
}

static void test_stream_output_packed(void **state)
{
	(void)state;
	stream_output_as(EVENT_IDX | PACKED);
}

/* Nobody reads: the driver is told once, and what comes still is dropped. */
static void test_stream_reader_goes(void **state)
{
	struct message message;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	open_streams(0);
	rig_send(&rig, STDOUT_TX, "abc", 3);
	rig_kick(&rig, STDOUT_TX);
	assert_output("abc");
	close(out[0]);
	rig_send(&rig, STDOUT_TX, "def", 3);
	rig_send(&rig, STDOUT_TX, "ghi", 3);
	rig_kick(&rig, STDOUT_TX);
	assert_closed(2);
	for (unsigned i = 0; i < 3; i++)
		assert_int_not_equal(ring_driver_take(&rig.rings[STDOUT_TX], NULL), -1);
	rig_send(&rig, STDOUT_TX, "jkl", 3);
	rig_kick(&rig, STDOUT_TX);
	rig_settle(&rig);
	assert_int_not_equal(ring_driver_take(&rig.rings[STDOUT_TX], NULL), -1);
	assert_false(hear(&message));
	/* A driver that comes later hears it at once. */
	rig_reset(&rig);
	rig_drive(&rig, MULTIPORT);
	post_messages(14);
	tell(2, PORT_READY, 1);
	assert_true(hear(&message));
	assert_int_equal(message.event, PORT_OPEN);
	assert_int_equal(message.value, 0);
	out[0] = dup(out[1]);
}

static void test_stream_drain(void **state)
{
	static uint8_t text[100000], got[sizeof(text)];
	const struct console_interrupt nothing = { .fd = -1 };
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 11 + i / 321);
	open_streams(0);
	rig_send(&rig, STDOUT_TX, text, 60000);
	virtio_console_drain(rig.virtio, &nothing, -1);
	rig_send(&rig, STDOUT_TX, text + 60000, 40000);
	/* The pipe is full, and its reader takes his time; or too much of it. */
	virtio_console_drain(rig.virtio, &nothing, 20);
	n = read_now(got, sizeof(got));
	assert_in_range(n, 60000, 65536);
	virtio_console_drain(rig.virtio, &nothing, 20);
	assert_int_equal(n + read_now(got + n, sizeof(got) - n), sizeof(got));
	assert_memory_equal(got, text, sizeof(text));
}

/* Whatever the driver breaks, the rules are the same. */
static void test_stream_breaches(void **state)
{
	const struct ring_segment segments[] = { { 0x100000, 10, RING_IN },
						 { 0x100000, 10, RING_OUT } };

	(void)state;
	type("input");
	open_streams(0);
	ring_driver_add(&rig.rings[STDOUT_TX], segments, 1);
	rig_kick(&rig, STDOUT_TX);
	assert_true(rig_is_broken(&rig));
	rig_reset(&rig);
	open_streams(0);
	ring_driver_add(&rig.rings[STDIN_RX], segments + 1, 1);
	rig_kick(&rig, STDIN_RX);
	assert_true(rig_is_broken(&rig));
	rig_reset(&rig);
	open_streams(0);
	/* An empty chain of output is none, and is given back. */
	ring_driver_add(&rig.rings[STDOUT_TX],
			&(struct ring_segment){ 0x100000, 0, RING_OUT }, 1);
	rig_kick(&rig, STDOUT_TX);
	assert_int_not_equal(ring_driver_take(&rig.rings[STDOUT_TX], NULL), -1);
	assert_false(rig_is_broken(&rig));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_streams, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stream_input),        TEST(test_stream_failure),
		TEST(test_stream_input_packed), TEST(test_stream_input_waits),
		TEST(test_stream_output),       TEST(test_stream_output_packed),
		TEST(test_stream_reader_goes),  TEST(test_stream_drain),
		TEST(test_stream_breaches),
	};

	return cmocka_run_group_tests_name("virtio_console_stream", tests, NULL, NULL);
}
