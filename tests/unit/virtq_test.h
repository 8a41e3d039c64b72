/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of virtqueues share: memory with a hole, a queue, the driver's side
 * of it (ring_driver.h), and how a breach shows.
 *
 * Memory: 64 MiB at 0, 64 KiB at 4 GiB, nothing between. The ring lies at RING, buffers
 * behind it.
 */
#ifndef TESTS_UNIT_VIRTQ_TEST_H
#define TESTS_UNIT_VIRTQ_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ring_driver.h"

#define LOW_SIZE  (64ull << 20)
#define HIGH      0x100000000ull
#define HIGH_SIZE 0x10000ull
#define RING      0x10000ull

#define BIT(feature) (1ull << (feature))
#define SPLIT        0ull
#define PACKED       BIT(VIRTIO_F_RING_PACKED)
#define INDIRECT     BIT(VIRTIO_F_INDIRECT_DESC)
#define EVENT_IDX    BIT(VIRTIO_F_EVENT_IDX)

static const uint64_t virtq_layouts[] = { SPLIT, PACKED };

struct virtq_fixture {
	uint64_t layout; /* SPLIT or PACKED: what a test for both runs with */
	struct memory memory;
	struct virtq queue;
	struct ring_driver ring;
	struct virtq_chain chain;
	struct iovec iov[VIRTQ_MAX_SIZE];
};

/* cmocka: *state is NULL or the layout at first, and the fixture in the test. */
static inline int virtq_setup(void **state)
{
	struct virtq_fixture *f = calloc(1, sizeof(*f));
	struct err err;

	if (!f)
		return -1;
	f->layout = *state ? *(const uint64_t *)*state : SPLIT;
	*state = f;
	virtq_init(&f->queue, &f->memory, VIRTQ_MAX_SIZE);
	f->chain.iov = f->iov;
	f->chain.max_iov = VIRTQ_MAX_SIZE;
	return memory_add_ram(&f->memory, 0, LOW_SIZE, &err) ||
	       memory_add_ram(&f->memory, HIGH, HIGH_SIZE, &err);
}

static inline int virtq_teardown(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_destroy(&f->queue);
	memory_destroy(&f->memory);
	free(f);
	return 0;
}

/* A test that runs with a ring of either layout. */
#define VIRTQ_BOTH(name)                                                            \
	cmocka_unit_test_prestate_setup_teardown(name, virtq_setup, virtq_teardown, \
						 (void *)&virtq_layouts[0]),        \
		cmocka_unit_test_prestate_setup_teardown(                           \
			name, virtq_setup, virtq_teardown, (void *)&virtq_layouts[1])

/* A new ring of `size` entries, and the queue on it; with the layout of the fixture. */
static inline void virtq_begin(struct virtq_fixture *f, uint16_t size, uint64_t features)
{
	virtq_reset(&f->queue);
	assert_int_equal(
		ring_driver_init(&f->ring, &f->memory, RING, size, f->layout | features),
		0);
	ring_driver_set_up(&f->ring, &f->queue);
	assert_int_equal(virtq_start(&f->queue, f->layout | features), 0);
	assert_string_equal(f->queue.fault, "");
}

/* A chain of one segment. */
static inline int virtq_add_one(struct virtq_fixture *f, uint64_t gpa, uint32_t len,
				enum ring_direction direction)
{
	return ring_driver_add(&f->ring, &(struct ring_segment){ gpa, len, direction },
			       1);
}

static inline int virtq_pop_one(struct virtq_fixture *f)
{
	return virtq_pop(&f->queue, &f->chain);
}

/* The next pop finds a breach of `clause`, and nothing works after it. */
static inline void virtq_assert_breach(struct virtq_fixture *f, const char *clause)
{
	char first[sizeof(f->queue.fault)];

	assert_int_equal(virtq_pop_one(f), -1);
	if (!strstr(f->queue.fault, clause))
		fail_msg("\"%s\" does not name %s", f->queue.fault, clause);
	memcpy(first, f->queue.fault, sizeof(first));

	virtq_push(&f->queue, &f->chain, 0);
	virtq_unpop(&f->queue, &f->chain);
	virtq_refuse_kicks(&f->queue);
	assert_false(virtq_want_kicks(&f->queue));
	assert_false(virtq_publish(&f->queue));
	assert_int_equal(virtq_pop_one(f), -1);
	assert_int_equal(virtq_start(&f->queue, f->layout), -1);
	assert_string_equal(f->queue.fault, first);
}

/* One request: pop, push with `written`, show. Did the driver want an interrupt? */
static inline bool virtq_serve(struct virtq_fixture *f, uint32_t written)
{
	assert_int_equal(virtq_pop_one(f), 1);
	virtq_push(&f->queue, &f->chain, written);
	return virtq_publish(&f->queue);
}

/* The guest physical address of a segment. */
static inline uint64_t virtq_gpa(struct virtq_fixture *f, unsigned segment)
{
	const struct memory_region *low = &f->memory.regions[0];
	const struct memory_region *high = &f->memory.regions[1];
	const uint8_t *base = f->iov[segment].iov_base;

	if (base >= low->hva && base < low->hva + low->size)
		return (uint64_t)(base - low->hva);
	return HIGH + (uint64_t)(base - high->hva);
}

#endif
