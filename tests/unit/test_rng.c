/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy device: random bytes, and never many at once. */
#include "chip.h"
#include "device_rig.h"
#include "virtio/rng.h"

#define PACKED    VIRTIO_BIT(VIRTIO_F_RING_PACKED)
#define EVENT_IDX VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define MAX_BYTES 4096u /* of one buffer */
#define MAX_BURST 16    /* buffers for one turn of the loop */

static struct rig rig;

static int setup(void **state)
{
	struct err err;

	(void)state;
	if (rig_init(&rig))
		return -1;
	rig_attach(&rig, virtio_rng_new(&rig.platform, true, &err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_destroy(&rig);
	return 0;
}

/* Are these bytes all alike? Random ones are not, but for one time in 2^120. */
static bool is_flat(uint64_t gpa, uint32_t size)
{
	uint8_t bytes[MAX_BYTES];

	assert_true(size <= sizeof(bytes));
	assert_true(memory_read(&rig.memory, gpa, bytes, size));
	for (uint32_t i = 1; i < size; i++) {
		if (bytes[i] != bytes[0])
			return false;
	}
	return true;
}

static void fill_one(uint64_t features)
{
	uint32_t written;
	uint64_t gpa;

	rig_drive(&rig, features);
	for (unsigned i = 0; i < 100; i++) {
		gpa = rig_post(&rig, 0, 64);
		rig_kick(&rig, 0);
		assert_int_not_equal(ring_driver_take(&rig.rings[0], &written), -1);
		assert_int_equal(written, 64);
		assert_false(is_flat(gpa, 64));
	}
	assert_int_equal(rig.interrupts[0], 100);
}

static void test_split(void **state)
{
	(void)state;
	fill_one(0);
}

static void test_split_event_idx(void **state)
{
	(void)state;
	rig_drive(&rig, EVENT_IDX);
	ring_driver_want_interrupts(&rig.rings[0], 0);
	rig_post(&rig, 0, 64);
	assert_true(ring_driver_must_kick(&rig.rings[0]));
	rig_kick(&rig, 0);
	assert_int_equal(rig.interrupts[0], 1);
	/* It asks for the next kick as well. */
	rig_post(&rig, 0, 64);
	assert_true(ring_driver_must_kick(&rig.rings[0]));
}

static void test_packed(void **state)
{
	(void)state;
	fill_one(PACKED);
}

/* A buffer that was posted before DRIVER_OK needs no kick. */
static void test_posted_before_driver_ok(void **state)
{
	struct ring_driver *ring = &rig.rings[0];
	struct virtio *virtio = rig.virtio;

	(void)state;
	virtio_accept(virtio, 1, 1);
	virtio_set_status(virtio, VIRTIO_STATUS_FEATURES_OK);
	ring_driver_init(ring, &rig.memory, RIG_RING(0), RIG_RING_SIZE, 0);
	ring_driver_set_up(ring, &virtio->queues[0].ring);
	rig_post(&rig, 0, 16);
	virtio_set_status(virtio, virtio->status | VIRTIO_STATUS_DRIVER_OK);
	rig_settle(&rig);
	assert_int_not_equal(ring_driver_take(ring, NULL), -1);
}

static void test_one_buffer_gets_a_part(void **state)
{
	uint32_t written;
	uint64_t gpa;
	uint8_t byte;

	(void)state;
	rig_drive(&rig, 0);
	gpa = rig_post(&rig, 0, 3 * MAX_BYTES);
	rig_kick(&rig, 0);
	assert_int_not_equal(ring_driver_take(&rig.rings[0], &written), -1);
	assert_int_equal(written, MAX_BYTES);
	assert_true(memory_read(&rig.memory, gpa + MAX_BYTES, &byte, 1));
	assert_int_equal(byte, 0);
}

/* A driver that kicks as fast as it can has to share the loop. */
static void test_one_turn_serves_a_part(void **state)
{
	unsigned served = 0;
	struct err err;

	(void)state;
	virtio_accept(rig.virtio, 1, 1);
	virtio_set_status(rig.virtio, VIRTIO_STATUS_FEATURES_OK);
	ring_driver_init(&rig.rings[0], &rig.memory, RIG_RING(0), 64, 0);
	ring_driver_set_up(&rig.rings[0], &rig.virtio->queues[0].ring);
	virtio_set_status(rig.virtio, VIRTIO_STATUS_DRIVER_OK);
	rig_settle(&rig);
	for (unsigned i = 0; i < 40; i++)
		rig_post(&rig, 0, 16);
	virtio_kick(rig.virtio, 0);
	assert_int_equal(loop_turn(&rig.loop, 0, &err), 0);
	while (ring_driver_take(&rig.rings[0], NULL) != -1)
		served++;
	assert_int_equal(served, MAX_BURST);
	/* The rest follows without another kick. */
	rig_settle(&rig);
	while (ring_driver_take(&rig.rings[0], NULL) != -1)
		served++;
	assert_int_equal(served, 40);
}

/* Nothing to write, and something to read: both are given back, with no byte written. */
static void test_strange_buffers(void **state)
{
	const uint8_t data[16] = { 1, 2, 3 };
	uint32_t written;

	(void)state;
	rig_drive(&rig, 0);
	rig_send(&rig, 0, data, sizeof(data));
	rig_post(&rig, 0, 0);
	rig_kick(&rig, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_not_equal(ring_driver_take(&rig.rings[0], &written), -1);
		assert_int_equal(written, 0);
	}
	assert_false(rig_is_broken(&rig));
}

static void test_buffer_outside_ram(void **state)
{
	struct ring_segment segment = { RIG_RAM - 8, 64, RING_IN };

	(void)state;
	rig_drive(&rig, 0);
	assert_int_not_equal(ring_driver_add(&rig.rings[0], &segment, 1), -1);
	rig_kick(&rig, 0);
	assert_true(rig_is_broken(&rig));
	rig_reset(&rig);
	fill_one(0);
}

/* It has no configuration space. */
static void test_no_configuration(void **state)
{
	(void)state;
	assert_int_equal(rig_config(&rig, 0, 4), 0);
	assert_int_equal(rig.virtio->config_size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_split),
		TEST(test_split_event_idx),
		TEST(test_packed),
		TEST(test_posted_before_driver_ok),
		TEST(test_one_buffer_gets_a_part),
		TEST(test_one_turn_serves_a_part),
		TEST(test_strange_buffers),
		TEST(test_buffer_outside_ram),
		TEST(test_no_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
