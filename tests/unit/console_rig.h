/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio console whose terminal, or streams, are pipes of the test's: what was sent to it,
 * what it says, and its control messages. One for each program.
 */
#ifndef TESTS_UNIT_CONSOLE_RIG_H
#define TESTS_UNIT_CONSOLE_RIG_H

#include <stdio.h>
#include <unistd.h>

#include "device_rig.h"
#include "virtio/console.h"

#define SIZE      VIRTIO_BIT(0)
#define MULTIPORT VIRTIO_BIT(1)
#define EMERG     VIRTIO_BIT(2)
#define PACKED    VIRTIO_BIT(VIRTIO_F_RING_PACKED)
#define EVENT_IDX VIRTIO_BIT(VIRTIO_F_EVENT_IDX)

enum { RX, TX, CONTROL_RX, CONTROL_TX };
enum {
	DEVICE_READY,
	PORT_ADD,
	PORT_REMOVE,
	PORT_READY,
	CONSOLE_PORT,
	RESIZE,
	PORT_OPEN,
	PORT_NAME
};

static struct rig rig;
static struct vm_config config;
static int in[2], out[2]; /* what the terminal of the tests is */
static unsigned quits;
static char path[64];

static inline void on_quit(void *opaque)
{
	(void)opaque;
	quits++;
}

/* The device with its ports; our pipes are its stdin and stdout. */
static inline void make_device(void)
{
	const int real_in = dup(STDIN_FILENO), real_out = dup(STDOUT_FILENO);
	struct virtio *virtio;
	struct err err;

	fflush(stdout);
	assert_int_not_equal(dup2(in[0], STDIN_FILENO), -1);
	assert_int_not_equal(dup2(out[1], STDOUT_FILENO), -1);
	virtio = virtio_console_new(&rig.platform, &config, true, &err);
	dup2(real_in, STDIN_FILENO);
	dup2(real_out, STDOUT_FILENO);
	close(real_in);
	close(real_out);
	rig_attach(&rig, virtio);
}

static inline int teardown(void **state)
{
	(void)state;
	rig_destroy(&rig);
	for (unsigned i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
	unlink(path);
	return 0;
}

/* Read until `n` bytes have come, or nothing comes any more. */
static inline size_t read_output(uint8_t *to, size_t n)
{
	const int64_t until = loop_now() + 20000000000ll;
	size_t got = 0;
	struct err err;

	while (got < n && loop_now() < until) {
		ssize_t r = read(out[0], to + got, n - got);

		if (r > 0)
			got += (size_t)r;
		else
			assert_int_equal(loop_turn(&rig.loop, 20, &err), 0);
	}
	return got;
}

static inline void assert_output(const char *text)
{
	uint8_t got[256];
	const size_t n = strlen(text);

	assert_int_equal(read_output(got, n), n);
	assert_memory_equal(got, text, n);
}

static inline void type(const char *text)
{
	assert_int_equal(write(in[1], text, strlen(text)), strlen(text));
	rig_settle(&rig);
}

/* The next buffer of a queue has this in it. */
static inline void assert_input(unsigned queue, uint64_t gpa, const char *text)
{
	uint8_t got[4096];
	uint32_t written = 0;

	assert_int_not_equal(ring_driver_take(&rig.rings[queue], &written), -1);
	assert_int_equal(written, strlen(text));
	assert_true(memory_read(&rig.memory, gpa, got, written));
	assert_memory_equal(got, text, written);
}

/* -- control messages -- */

struct message {
	uint32_t id;
	uint16_t event, value;
	uint8_t rest[64];
	size_t size;
};

static uint64_t message_buffers[RIG_RING_SIZE];

/* Tell the device something. */
static inline void tell(uint32_t id, uint16_t event, uint16_t value)
{
	uint8_t bytes[8];

	store_le32(bytes, id);
	store_le16(bytes + 4, event);
	store_le16(bytes + 6, value);
	assert_int_not_equal(rig_send(&rig, CONTROL_TX, bytes, 8), -1);
	rig_kick(&rig, CONTROL_TX);
	assert_int_not_equal(ring_driver_take(&rig.rings[CONTROL_TX], NULL), -1);
}

/* What the device has told; false: nothing. */
static inline bool hear(struct message *message)
{
	uint8_t bytes[80];
	uint32_t written;
	int id = ring_driver_take(&rig.rings[CONTROL_RX], &written);

	*message = (struct message){ 0 };
	if (id < 0)
		return false;
	assert_in_range(written, 8, sizeof(bytes));
	assert_true(memory_read(&rig.memory, message_buffers[id], bytes, written));
	message->id = load_le32(bytes);
	message->event = load_le16(bytes + 4);
	message->value = load_le16(bytes + 6);
	message->size = written - 8;
	memcpy(message->rest, bytes + 8, message->size);
	return true;
}

static inline void assert_hears(uint32_t id, uint16_t event)
{
	struct message message;

	assert_true(hear(&message));
	assert_int_equal(message.id, id);
	assert_int_equal(message.event, event);
	assert_int_equal(message.value, 1);
}

/* Buffers for control messages. */
static inline void post_messages(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const uint64_t gpa = ring_driver_buffer(&rig.rings[CONTROL_RX], NULL, 80);
		int id = ring_driver_add(&rig.rings[CONTROL_RX],
					 &(struct ring_segment){ gpa, 80, RING_IN }, 1);

		assert_in_range(id, 0, RIG_RING_SIZE - 1);
		message_buffers[id] = gpa;
	}
	rig_kick(&rig, CONTROL_RX);
}

/* Read all that is there. */
static inline size_t read_now(uint8_t *to, size_t n)
{
	size_t got = 0;
	ssize_t r;

	while (got < n && (r = read(out[0], to + got, n - got)) > 0)
		got += (size_t)r;
	return got;
}

#endif
