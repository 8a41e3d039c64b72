/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all virtio devices share: the status machine, features, configuration, resets
 * with requests in flight, broken rules, saved state.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "chip.h"
#include "core/io_thread.h"
#include "device_rig.h"
#include "fake_virtio.h"

#define ACK         VIRTIO_STATUS_ACKNOWLEDGE
#define DRIVER      VIRTIO_STATUS_DRIVER
#define FEATURES_OK VIRTIO_STATUS_FEATURES_OK
#define DRIVER_OK   VIRTIO_STATUS_DRIVER_OK
#define NEEDS_RESET VIRTIO_STATUS_NEEDS_RESET
#define LIVE        (ACK | DRIVER | FEATURES_OK | DRIVER_OK)

static struct rig rig;
static struct fake fake;
static struct virtio *virtio;

static int set_up(bool packed)
{
	if (rig_init(&rig))
		return -1;
	virtio = fake_init(&fake, &rig.platform, VIRTIO_ID_RNG, packed);
	rig_attach(&rig, virtio);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return set_up(true);
}

static int teardown(void **state)
{
	(void)state;
	rig_destroy(&rig);
	return 0;
}

/* Up to FEATURES_OK, with these features. */
static void agree(uint64_t features)
{
	virtio_set_status(virtio, ACK | DRIVER);
	virtio_accept(virtio, 0, (uint32_t)features);
	virtio_accept(virtio, 1, (uint32_t)(features >> 32));
	virtio_set_status(virtio, ACK | DRIVER | FEATURES_OK);
}

/* -- features -- */

static void test_offered_features(void **state)
{
	(void)state;
	assert_int_equal(virtio_offered(virtio, 0), 1u << FAKE_FEATURE |
							    1u << VIRTIO_F_INDIRECT_DESC |
							    1u << VIRTIO_F_EVENT_IDX);
	assert_int_equal(virtio_offered(virtio, 1),
			 1u << (VIRTIO_F_VERSION_1 - 32) |
				 1u << (VIRTIO_F_RING_PACKED - 32));
	/* 4.1.4.3: a selector above the last word reads 0. */
	assert_int_equal(virtio_offered(virtio, 2), 0);
	assert_int_equal(virtio_offered(virtio, ~0u), 0);
}

static void test_packed_rings_are_asked_for(void **state)
{
	(void)state;
	rig_destroy(&rig);
	assert_int_equal(set_up(false), 0);
	assert_int_equal(virtio_offered(virtio, 1), 1u << (VIRTIO_F_VERSION_1 - 32));
}

static void test_features_are_agreed(void **state)
{
	(void)state;
	agree(VIRTIO_BIT(FAKE_FEATURE) | VIRTIO_BIT(VIRTIO_F_VERSION_1));
	assert_int_equal(virtio->status, ACK | DRIVER | FEATURES_OK);
	assert_true(virtio_has(virtio, FAKE_FEATURE));
	assert_false(virtio_has(virtio, VIRTIO_F_EVENT_IDX));
	/* 3.1.1: none may be added after that. */
	virtio_accept(virtio, 0, ~0u);
	assert_int_equal(virtio_accepted(virtio, 0), 1u << FAKE_FEATURE);
}

static void test_features_are_refused(void **state)
{
	(void)state;
	/* 6.1: without VERSION_1. */
	agree(VIRTIO_BIT(FAKE_FEATURE));
	assert_int_equal(virtio->status, ACK | DRIVER);
	/* 2.2: what was not offered. */
	agree(VIRTIO_BIT(FAKE_OTHER) | VIRTIO_BIT(VIRTIO_F_VERSION_1));
	assert_int_equal(virtio->status, ACK | DRIVER);
	/* The driver may try again with less. */
	agree(VIRTIO_BIT(VIRTIO_F_VERSION_1));
	assert_int_equal(virtio->status, ACK | DRIVER | FEATURES_OK);
}

static void test_accept_of_no_word(void **state)
{
	(void)state;
	virtio_accept(virtio, 2, ~0u);
	virtio_accept(virtio, 1u << 31, ~0u);
	assert_int_equal(virtio->features, 0);
}

/* -- status -- */

static void test_not_live_without_features(void **state)
{
	(void)state;
	virtio_set_status(virtio, ACK | DRIVER);
	virtio_set_status(virtio, ACK | DRIVER | DRIVER_OK);
	assert_int_equal(virtio->status, ACK | DRIVER);
	rig_settle(&rig);
	assert_int_equal(fake.starts, 0);
	assert_false(virtio->was_driven);
	/* Nor when both come at once and the features are bad. */
	virtio_set_status(virtio, LIVE);
	assert_int_equal(virtio->status, ACK | DRIVER);
}

static void test_status_bits_stay(void **state)
{
	(void)state;
	agree(VIRTIO_BIT(VIRTIO_F_VERSION_1));
	/* 2.1.1: only a reset clears bits. */
	virtio_set_status(virtio, DRIVER);
	assert_int_equal(virtio->status, ACK | DRIVER | FEATURES_OK);
	/* Bits that do not exist, and the device's own. */
	virtio_set_status(virtio, 0x30 | NEEDS_RESET);
	assert_int_equal(virtio->status, ACK | DRIVER | FEATURES_OK);
	virtio_set_status(virtio, VIRTIO_STATUS_FAILED);
	assert_int_equal(virtio->status,
			 ACK | DRIVER | FEATURES_OK | VIRTIO_STATUS_FAILED);
}

static void test_live(void **state)
{
	(void)state;
	rig_drive(&rig, VIRTIO_BIT(FAKE_FEATURE));
	assert_int_equal(virtio->status, LIVE);
	assert_int_equal(fake.starts, 1);
	assert_true(fake.agreed & VIRTIO_BIT(FAKE_FEATURE));
	assert_true(virtio->was_driven);
	/* Each ring is looked into once: it may have been filled before. */
	for (unsigned i = 0; i < FAKE_QUEUES; i++)
		assert_int_equal(fake.kicks[i], 1);
	/* DRIVER_OK again is nothing new. */
	virtio_set_status(virtio, LIVE);
	rig_settle(&rig);
	assert_int_equal(fake.starts, 1);
}

static void test_queue_that_is_not_ready_is_not_served(void **state)
{
	(void)state;
	agree(VIRTIO_BIT(VIRTIO_F_VERSION_1));
	virtio_set_status(virtio, LIVE);
	rig_settle(&rig);
	assert_int_equal(fake.starts, 1);
	rig_kick(&rig, 0);
	assert_int_equal(fake.kicks[0], 0);
}

static void test_kicks(void **state)
{
	(void)state;
	rig_kick(&rig, 1); /* before anything */
	assert_int_equal(fake.kicks[1], 0);
	rig_drive(&rig, 0);
	rig_kick(&rig, 1);
	assert_int_equal(fake.kicks[1], 2);
	/* Queues that do not exist. */
	rig_kick(&rig, FAKE_QUEUES);
	rig_kick(&rig, ~0u);
	assert_int_equal(fake.kicks[0] + fake.kicks[1] + fake.kicks[2], 4);
}

/* The doorbell may be heard before the news of DRIVER_OK: both are in one batch. */
static void test_kick_overtakes_driver_ok(void **state)
{
	(void)state;
	agree(VIRTIO_BIT(VIRTIO_F_VERSION_1));
	ring_driver_init(&rig.rings[0], &rig.memory, RIG_RING(0), RIG_RING_SIZE, 0);
	ring_driver_set_up(&rig.rings[0], &virtio->queues[0].ring);
	virtio_kick(virtio, 0);
	virtio_set_status(virtio, LIVE);
	rig_settle(&rig);
	assert_int_equal(fake.starts, 1);
	assert_true(fake.kicks[0] >= 1);
}

static void test_queue_setup_ends_with_driver_ok(void **state)
{
	(void)state;
	assert_ptr_equal(virtio_queue_setup(virtio, 0), &virtio->queues[0]);
	assert_null(virtio_queue_setup(virtio, FAKE_QUEUES));
	assert_null(virtio_queue_setup(virtio, ~0u));
	rig_drive(&rig, 0);
	assert_null(virtio_queue_setup(virtio, 0));
	rig_reset(&rig);
	assert_ptr_equal(virtio_queue_setup(virtio, 0), &virtio->queues[0]);
}

/* -- a reset -- */

static void test_reset_before_driver_ok_is_at_once(void **state)
{
	(void)state;
	agree(VIRTIO_BIT(VIRTIO_F_VERSION_1));
	virtio->queues[2].ring.state.ready = 1;
	virtio->queues[2].ring.state.desc = 0x1000;
	virtio_set_status(virtio, 0);
	assert_int_equal(virtio->status, 0);
	assert_int_equal(virtio->features, 0);
	assert_false(virtio->resetting);
	assert_int_equal(virtio->queues[2].ring.state.ready, 0);
	assert_true(virtio->queues[2].ring.state.desc == 0);
	assert_int_equal(fake.stops, 0);
}

static void test_reset_of_a_live_device(void **state)
{
	(void)state;
	rig_drive(&rig, VIRTIO_BIT(FAKE_FEATURE));
	virtio_set_status(virtio, 0);
	/* 4.1.4.3.1: 0 is presented when it is done, and not before. */
	assert_int_equal(virtio->status, LIVE);
	rig_settle(&rig);
	assert_int_equal(virtio->status, 0);
	assert_int_equal(virtio->features, 0);
	assert_int_equal(virtio->queues[0].ring.state.ready, 0);
	assert_int_equal(fake.stops, 1);
	/* And once more from the start. */
	rig_drive(&rig, 0);
	assert_int_equal(fake.starts, 2);
	assert_false(virtio_has(virtio, FAKE_FEATURE));
}

static void test_reset_waits_for_requests_in_flight(void **state)
{
	uint8_t byte = 7;

	(void)state;
	rig_drive(&rig, 0);
	fake.is_busy = true;
	virtio_set_status(virtio, 0);
	rig_settle(&rig);
	assert_int_equal(fake.stops, 1);
	assert_int_equal(virtio->status, LIVE);
	/* Nothing that the driver does meanwhile counts. */
	virtio_set_status(virtio, LIVE | VIRTIO_STATUS_FAILED);
	virtio_set_status(virtio, 0);
	virtio_accept(virtio, 0, ~0u);
	virtio_write_config(virtio, 0, &byte, 1);
	rig_kick(&rig, 0);
	assert_null(virtio_queue_setup(virtio, 0));
	assert_int_equal(virtio->status, LIVE);
	assert_int_equal(virtio_accepted(virtio, 0), 0);
	assert_int_equal(fake.config[0], 0);
	assert_int_equal(fake.kicks[0], 1);
	assert_int_equal(fake.stops, 1);
	/* The last request is over. */
	virtio_stopped(virtio);
	assert_int_equal(virtio->status, 0);
	assert_false(virtio->resetting);
}

static void test_reset_after_driver_ok_that_nobody_saw(void **state)
{
	(void)state;
	agree(VIRTIO_BIT(VIRTIO_F_VERSION_1));
	virtio_set_status(virtio, LIVE);
	virtio_set_status(virtio, 0);
	rig_settle(&rig);
	assert_int_equal(virtio->status, 0);
	assert_int_equal(fake.starts, 0);
	assert_int_equal(fake.stops, 0);
}

/* -- a vCPU that waits -- */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned waiting, wakes;
};

static struct waiter waiter = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0,
				0 };

static void wait_as_vcpu(void *opaque, bool (*ready)(void *arg), void *arg)
{
	(void)opaque;
	pthread_mutex_lock(&waiter.lock);
	waiter.waiting++;
	pthread_cond_broadcast(&waiter.changed);
	while (!ready(arg))
		pthread_cond_wait(&waiter.changed, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
}

static void wake_vcpus(void *opaque)
{
	(void)opaque;
	pthread_mutex_lock(&waiter.lock);
	waiter.wakes++;
	pthread_cond_broadcast(&waiter.changed);
	pthread_mutex_unlock(&waiter.lock);
}

/* What a driver does on two CPUs: one resets, the other touches a register. */
static void *touch_register(void *arg)
{
	uint8_t *status = arg;

	virtio_settle(virtio);
	pthread_mutex_lock(&virtio->lock);
	*status = virtio->status;
	pthread_mutex_unlock(&virtio->lock);
	return NULL;
}

static void test_vcpu_waits_for_a_reset(void **state)
{
	uint8_t status = 0xff;
	pthread_t vcpu;

	(void)state;
	waiter.waiting = waiter.wakes = 0;
	rig.platform.wait = wait_as_vcpu;
	rig.platform.wake = wake_vcpus;
	rig_drive(&rig, 0);
	fake.is_busy = true;
	virtio_set_status(virtio, 0);
	rig_settle(&rig);
	assert_int_equal(pthread_create(&vcpu, NULL, touch_register, &status), 0);
	pthread_mutex_lock(&waiter.lock);
	while (!waiter.waiting)
		pthread_cond_wait(&waiter.changed, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
	/* It holds no lock, or this would hang. */
	pthread_mutex_lock(&virtio->lock);
	assert_int_equal(virtio->status, LIVE);
	pthread_mutex_unlock(&virtio->lock);
	virtio_stopped(virtio);
	assert_int_equal(pthread_join(vcpu, NULL), 0);
	assert_int_equal(status, 0);
	assert_true(waiter.wakes >= 1);
}

/* -- broken rules -- */

static void test_broken_rule(void **state)
{
	(void)state;
	rig_drive(&rig, 0);
	fake.fails = true;
	rig_kick(&rig, 1);
	assert_int_equal(virtio->status, LIVE | NEEDS_RESET);
	/* 2.1.2: the driver is told. */
	assert_int_equal(rig.config_interrupts, 1);
	/* The device is stopped, and no queue is served. */
	assert_int_equal(fake.stops, 1);
	rig_kick(&rig, 0);
	rig_kick(&rig, 1);
	assert_int_equal(fake.kicks[0], 1);
	assert_int_equal(fake.kicks[1], 2);
	/* Not even if the driver says DRIVER_OK once more. */
	virtio_set_status(virtio, LIVE);
	rig_settle(&rig);
	assert_int_equal(fake.starts, 1);
	fake.fails = false;
	rig_reset(&rig);
	assert_int_equal(fake.stops, 1);
	rig_drive(&rig, 0);
	rig_kick(&rig, 0);
	assert_int_equal(virtio->status, LIVE);
	assert_int_equal(fake.kicks[0], 3);
}

static void test_reset_while_a_broken_device_stops(void **state)
{
	(void)state;
	rig_drive(&rig, 0);
	fake.fails = fake.is_busy = true;
	rig_kick(&rig, 0);
	assert_int_equal(fake.stops, 1);
	virtio_set_status(virtio, 0);
	rig_settle(&rig);
	assert_int_equal(virtio->status, LIVE | NEEDS_RESET);
	virtio_stopped(virtio);
	assert_int_equal(virtio->status, 0);
	assert_int_equal(fake.stops, 1);
}

static void test_ring_outside_ram(void **state)
{
	(void)state;
	agree(VIRTIO_BIT(VIRTIO_F_VERSION_1));
	ring_driver_init(&rig.rings[0], &rig.memory, RIG_RING(0), RIG_RING_SIZE, 0);
	ring_driver_set_up(&rig.rings[0], &virtio->queues[0].ring);
	ring_driver_set_up(&rig.rings[0], &virtio->queues[1].ring);
	virtio->queues[1].ring.state.desc = 1ull << 50;
	virtio_set_status(virtio, LIVE);
	rig_settle(&rig);
	assert_int_equal(virtio->status, LIVE | NEEDS_RESET);
	assert_int_equal(fake.starts, 0);
	/* The ring that was started before it is stopped again. */
	assert_null(virtio->queues[0].ring.layout);
	rig_reset(&rig);
	assert_int_equal(fake.stops, 0);
}

static void test_warnings_are_few(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * PLATFORM_WARNINGS; i++) {
		rig_drive(&rig, 0);
		fake.fails = true;
		rig_kick(&rig, 0);
		fake.fails = false;
		rig_reset(&rig);
	}
	assert_int_equal(virtio->warnings, 0);
}

/* -- configuration -- */

static void test_config_space_has_an_end(void **state)
{
	uint64_t value = ~0ull;

	(void)state;
	memcpy(fake.config, "\1\2\3\4\5\6\7\10", 8);
	virtio_read_config(virtio, 0, &value, 8);
	assert_true(value == 0x0807060504030201ull);
	/* The part that is there, then zeroes. */
	value = ~0ull;
	virtio_read_config(virtio, 6, &value, 4);
	assert_int_equal((uint32_t)value, 0x0807);
	value = ~0ull;
	virtio_read_config(virtio, 8, &value, 4);
	assert_int_equal((uint32_t)value, 0);
	virtio_read_config(virtio, UINT64_MAX - 1, &value, 4);
	assert_int_equal((uint32_t)value, 0);

	value = ~0ull;
	virtio_write_config(virtio, 7, &value, 2);
	virtio_write_config(virtio, 8, &value, 1);
	virtio_write_config(virtio, UINT64_MAX, &value, 8);
	assert_memory_equal(fake.config, "\1\2\3\4\5\6\7\10", 8);
	virtio_write_config(virtio, 7, &value, 1);
	assert_int_equal(fake.config[7], 0xff);
}

static void test_config_change(void **state)
{
	const uint8_t before = virtio->config_generation;

	(void)state;
	virtio_config_changed(virtio);
	assert_int_equal(virtio->config_generation, (uint8_t)(before + 1));
	/* 2.1.2: no notification before DRIVER_OK. */
	assert_int_equal(rig.config_interrupts, 0);
	rig_drive(&rig, 0);
	virtio_config_changed(virtio);
	assert_int_equal(rig.config_interrupts, 1);
	rig_reset(&rig);
	virtio_config_changed(virtio);
	assert_int_equal(rig.config_interrupts, 1);
}

static void test_publish_interrupts(void **state)
{
	struct iovec iov[FAKE_QUEUE_SIZE];
	struct virtq_chain chain = { .iov = iov, .max_iov = FAKE_QUEUE_SIZE };

	(void)state;
	rig_drive(&rig, 0);
	rig_post(&rig, 2, 16);
	assert_int_equal(virtq_pop(&virtio->queues[2].ring, &chain), 1);
	virtio_publish(virtio, 2);
	assert_int_equal(rig.interrupts[2], 0); /* nothing was pushed */
	virtq_push(&virtio->queues[2].ring, &chain, 0);
	virtio_publish(virtio, 2);
	assert_int_equal(rig.interrupts[2], 1);
}

/* vhost reads the doorbell itself, and our loop does not. */
static void test_taken_kick(void **state)
{
	uint64_t count;
	int fd;

	(void)state;
	rig_drive(&rig, 0);
	fd = virtio_take_kick(virtio, 1);
	rig_kick(&rig, 1);
	assert_int_equal(fake.kicks[1], 1);
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	virtio_give_kick_back(virtio, 1);
	rig_kick(&rig, 1);
	assert_int_equal(fake.kicks[1], 2);
}

/* -- power-on -- */

static void test_power_on(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(virtio_power_on(virtio, 1000, &err), 0);
	rig_drive(&rig, 0);
	assert_int_equal(virtio_power_on(virtio, 1000, &err), 0);
	assert_int_equal(virtio->status, 0);
	assert_int_equal(fake.stops, 1);
}

static void test_power_on_has_a_deadline(void **state)
{
	struct err err;

	(void)state;
	rig_drive(&rig, 0);
	fake.is_busy = true;
	assert_int_equal(virtio_power_on(virtio, 10, &err), -1);
	assert_non_null(strstr(err.text, "fake"));
	assert_non_null(strstr(err.text, "in flight"));
	virtio_stopped(virtio);
	assert_int_equal(virtio_power_on(virtio, 10, &err), 0);
}

static void test_power_on_of_a_device_with_a_thread(void **state)
{
	struct io_thread thread;
	struct fake threaded;
	struct err err;

	(void)state;
	assert_int_equal(io_thread_init(&thread, NULL, &err), 0);
	rig.platform.loop = &thread.loop;
	assert_non_null(fake_init(&threaded, &rig.platform, VIRTIO_ID_RNG, false));
	assert_int_equal(io_thread_start(&thread, 0, &err), 0);
	for (unsigned i = 0; i < 100; i++) {
		virtio_accept(&threaded.virtio, 1, 1);
		virtio_set_status(&threaded.virtio, LIVE);
		assert_true(threaded.virtio.status & DRIVER_OK);
		assert_int_equal(virtio_power_on(&threaded.virtio, 20000, &err), 0);
		assert_int_equal(threaded.virtio.status, 0);
	}
	io_thread_stop(&thread);
	assert_int_equal(threaded.starts, threaded.stops);
	/* After its end the thread that is left may turn the loop. */
	virtio_accept(&threaded.virtio, 1, 1);
	virtio_set_status(&threaded.virtio, LIVE);
	assert_int_equal(virtio_power_on(&threaded.virtio, 20000, &err), 0);
	virtio_free(&threaded.virtio);
	io_thread_destroy(&thread);
}

/* -- saved state -- */

static struct state_writer writer;

static void save(void)
{
	struct err err;

	state_writer_free(&writer);
	assert_int_equal(virtio_save(virtio, &writer, &err), 0);
}

static void make_new(void **state)
{
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
}

static void test_save_and_load(void **state)
{
	struct err err;

	rig_drive(&rig, VIRTIO_BIT(FAKE_FEATURE));
	rig_post(&rig, 1, 16);
	save();
	make_new(state);
	assert_int_equal(virtio_load(virtio, chip_image(&writer), &err), 0);
	rig_settle(&rig);
	assert_int_equal(virtio->status, LIVE);
	assert_int_equal(fake.starts, 1);
	assert_true(fake.agreed & VIRTIO_BIT(FAKE_FEATURE));
	assert_int_equal(virtio->queues[1].ring.state.size, RIG_RING_SIZE);
	assert_true(virtio->queues[1].ring.state.desc == RIG_RING(1));
	state_writer_free(&writer);
}

/* See what was saved refused, by a new device. */
static void assert_image_refused(void **state, const char *word)
{
	struct err err;

	make_new(state);
	assert_int_equal(virtio_load(virtio, chip_image(&writer), &err), -1);
	assert_non_null(strstr(err.text, word));
	assert_int_equal(virtio->status, 0);
	state_writer_free(&writer);
}

static void assert_refused(void **state, const char *word)
{
	save();
	assert_image_refused(state, word);
}

static void test_hostile_states_are_refused(void **state)
{
	rig_drive(&rig, 0);
	virtio->features |= VIRTIO_BIT(FAKE_OTHER);
	assert_refused(state, "features");
	rig_drive(&rig, 0);
	virtio->features = 0;
	assert_refused(state, "features");
	virtio->status = ACK | DRIVER | DRIVER_OK;
	assert_refused(state, "status");
	virtio->status = 0x10;
	assert_refused(state, "status");
	virtio->queues[2].ring.state.size = 17;
	assert_refused(state, "size");
	virtio->nr_queues--;
	save();
	virtio->nr_queues++;
	assert_image_refused(state, "queues");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_offered_features),
		TEST(test_packed_rings_are_asked_for),
		TEST(test_features_are_agreed),
		TEST(test_features_are_refused),
		TEST(test_accept_of_no_word),
		TEST(test_not_live_without_features),
		TEST(test_status_bits_stay),
		TEST(test_live),
		TEST(test_queue_that_is_not_ready_is_not_served),
		TEST(test_kicks),
		TEST(test_kick_overtakes_driver_ok),
		TEST(test_queue_setup_ends_with_driver_ok),
		TEST(test_reset_before_driver_ok_is_at_once),
		TEST(test_reset_of_a_live_device),
		TEST(test_reset_waits_for_requests_in_flight),
		TEST(test_reset_after_driver_ok_that_nobody_saw),
		TEST(test_vcpu_waits_for_a_reset),
		TEST(test_broken_rule),
		TEST(test_reset_while_a_broken_device_stops),
		TEST(test_ring_outside_ram),
		TEST(test_warnings_are_few),
		TEST(test_config_space_has_an_end),
		TEST(test_config_change),
		TEST(test_publish_interrupts),
		TEST(test_taken_kick),
		TEST(test_power_on),
		TEST(test_power_on_has_a_deadline),
		TEST(test_power_on_of_a_device_with_a_thread),
		TEST(test_save_and_load),
		TEST(test_hostile_states_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
