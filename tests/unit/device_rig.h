/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device with nothing around it but memory, a loop and a driver that
 * does what the test says: no KVM, no transport, no guest.
 *
 *	rig_init(&rig);
 *	rig_attach(&rig, virtio_..._new(&rig.platform, ...));
 *	rig_drive(&rig, features);		queues are set up, DRIVER_OK
 *	... ring_driver_add(&rig.rings[0], ...);
 *	rig_kick(&rig, 0);			and the loop runs until nothing is left
 *
 * RAM is RIG_RAM bytes from 0. Ring n and its buffers begin at (16 + n) MiB.
 */
#ifndef TESTS_UNIT_DEVICE_RIG_H
#define TESTS_UNIT_DEVICE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <string.h>

#include <cmocka.h>

#include "ring_driver.h"
#include "virtio/virtio.h"

#define RIG_RAM       (64ull << 20)
#define RIG_QUEUES    40
#define RIG_RING_SIZE 16
#define RIG_RING(n)   ((16ull + (n)) << 20)

struct rig {
	struct memory memory;
	struct loop loop;
	struct platform platform;
	struct virtio *virtio;
	struct ring_driver rings[RIG_QUEUES];
	unsigned interrupts[RIG_QUEUES];
	unsigned config_interrupts;
};

static inline void rig_interrupt(void *transport, int queue)
{
	struct rig *rig = transport;

	if (queue == VIRTIO_CONFIG_QUEUE)
		rig->config_interrupts++;
	else
		rig->interrupts[queue]++;
}

static inline int rig_interrupt_fd(void *transport, unsigned queue)
{
	(void)transport;
	(void)queue;
	return -1;
}

static inline void rig_nothing(void *transport)
{
	(void)transport;
}

static inline int rig_save(const void *transport, struct state_writer *writer,
			   struct err *err)
{
	(void)transport;
	(void)writer;
	(void)err;
	return 0;
}

static inline int rig_load(void *transport, struct bytes image, struct err *err)
{
	(void)transport;
	(void)image;
	(void)err;
	return 0;
}

static const struct virtio_transport_ops rig_transport = {
	.interrupt = rig_interrupt,
	.interrupt_fd = rig_interrupt_fd,
	.start = rig_nothing,
	.reset = rig_nothing,
	.free = rig_nothing,
	.save = rig_save,
	.load = rig_load,
};

static inline int rig_init(struct rig *rig)
{
	struct err err;

	memset(rig, 0, sizeof(*rig));
	platform_init(&rig->platform);
	rig->platform.memory = &rig->memory;
	rig->platform.loop = &rig->loop;
	return loop_init(&rig->loop, &err) ||
	       memory_add_ram(&rig->memory, 0, RIG_RAM, &err);
}

static inline void rig_attach(struct rig *rig, struct virtio *virtio)
{
	assert_non_null(virtio);
	rig->virtio = virtio;
	virtio->transport_ops = &rig_transport;
	virtio->transport = rig;
}

static inline void rig_destroy(struct rig *rig)
{
	virtio_free(rig->virtio);
	platform_destroy(&rig->platform);
	loop_destroy(&rig->loop);
	memory_destroy(&rig->memory);
}

/* Is anything ready for the loop? */
static inline bool rig_is_busy(const struct rig *rig, int timeout_ms)
{
	struct pollfd pollfd = { .fd = rig->loop.epoll_fd, .events = POLLIN };

	return poll(&pollfd, 1, timeout_ms) > 0;
}

/* Run the loop until nothing is left to do; not for ever. */
static inline void rig_settle(struct rig *rig)
{
	struct err err;

	for (unsigned i = 0; rig_is_busy(rig, 0); i++) {
		assert_true(i < 100000);
		assert_int_equal(loop_turn(&rig->loop, 0, &err), 0);
	}
}

/* Run the loop until a condition is true, at most some seconds. */
#define rig_wait_until(rig, condition)                                           \
	do {                                                                     \
		const int64_t until_ = loop_now() + 20000000000ll;               \
		struct err err_;                                                 \
                                                                                 \
		while (!(condition)) {                                           \
			assert_true(loop_now() < until_);                        \
			assert_int_equal(loop_turn(&(rig)->loop, 50, &err_), 0); \
		}                                                                \
	} while (0)

static inline void rig_kick(struct rig *rig, unsigned queue)
{
	virtio_kick(rig->virtio, queue);
	rig_settle(rig);
}

/* As a driver does: features, rings, DRIVER_OK. VERSION_1 goes without saying. */
static inline void rig_drive_ring(struct rig *rig, uint64_t features, uint16_t ring_size)
{
	struct virtio *virtio = rig->virtio;

	features |= VIRTIO_BIT(VIRTIO_F_VERSION_1);
	virtio_set_status(virtio, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	virtio_accept(virtio, 0, (uint32_t)features);
	virtio_accept(virtio, 1, (uint32_t)(features >> 32));
	virtio_set_status(virtio, virtio->status | VIRTIO_STATUS_FEATURES_OK);
	assert_true(virtio->status & VIRTIO_STATUS_FEATURES_OK);
	for (unsigned i = 0; i < virtio->nr_queues; i++) {
		assert_int_equal(ring_driver_init(&rig->rings[i], &rig->memory,
						  RIG_RING(i), ring_size, features),
				 0);
		ring_driver_set_up(&rig->rings[i], &virtio->queues[i].ring);
	}
	virtio_set_status(virtio, virtio->status | VIRTIO_STATUS_DRIVER_OK);
	rig_settle(rig);
}

static inline void rig_drive(struct rig *rig, uint64_t features)
{
	rig_drive_ring(rig, features, RIG_RING_SIZE);
}

static inline void rig_reset(struct rig *rig)
{
	virtio_set_status(rig->virtio, 0);
	rig_settle(rig);
	assert_int_equal(rig->virtio->status, 0);
}

static inline bool rig_is_broken(const struct rig *rig)
{
	return rig->virtio->status & VIRTIO_STATUS_NEEDS_RESET;
}

static inline uint64_t rig_config(struct rig *rig, unsigned offset, unsigned size)
{
	uint64_t value = 0;

	virtio_read_config(rig->virtio, offset, &value, size);
	return value;
}

/* A chain of one buffer for the device to read. Its ID, or -1. */
static inline int rig_send(struct rig *rig, unsigned queue, const void *data, size_t size)
{
	struct ring_driver *ring = &rig->rings[queue];
	const uint64_t gpa = ring_driver_buffer(ring, data, size);

	assert_int_not_equal(gpa, 0);
	return ring_driver_add(
		ring, &(struct ring_segment){ gpa, (uint32_t)size, RING_OUT }, 1);
}

/* A chain of one buffer for the device to write. Where it is. */
static inline uint64_t rig_post(struct rig *rig, unsigned queue, uint32_t size)
{
	struct ring_driver *ring = &rig->rings[queue];
	const uint64_t gpa = ring_driver_buffer(ring, NULL, size);

	assert_int_not_equal(gpa, 0);
	assert_int_not_equal(
		ring_driver_add(ring, &(struct ring_segment){ gpa, size, RING_IN }, 1),
		-1);
	return gpa;
}

#endif
