/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of a virtqueue, split or packed, in a `struct memory`: what a
 * guest does, for tests of devices. It needs neither KVM nor a transport.
 *
 *	struct ring_driver ring;
 *
 *	16 entries at 0x10000, told to the queue as a transport would:
 *
 *	ring_driver_init(&ring, &memory, 0x10000, 16, features);
 *	ring_driver_set_up(&ring, &virtio->queues[0].ring);
 *	... virtq_start(), or DRIVER_OK
 *
 *	A request of 16 bytes, with room for 512 to be written:
 *
 *	uint64_t header = ring_driver_buffer(&ring, &hdr, 16);
 *	uint64_t data = ring_driver_buffer(&ring, NULL, 512);
 *	int id = ring_driver_add(&ring, (struct ring_segment[]){
 *		{ header, 16, RING_OUT }, { data, 512, RING_IN } }, 2);
 *	... kick the device
 *	uint32_t written;
 *	assert_int_equal(ring_driver_take(&ring, &written), id);
 *	memory_read(&memory, data, result, 512);
 *
 * `features` decides the layout (VIRTIO_F_RING_PACKED) and whether EVENT_IDX and
 * indirect descriptors are spoken. To break a rule on purpose, change what desc(),
 * avail and the like point to, between add and kick, or use the raw functions below.
 *
 * It asserts nothing, so fuzz targets can use it: -1 means "no room", or "nothing".
 */
#ifndef TESTS_UNIT_RING_DRIVER_H
#define TESTS_UNIT_RING_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"
#include "virtio/queue.h"
#include "virtio/ring.h"

#define RING_DRIVER_MAX 1024

enum ring_direction {
	RING_OUT, /* the device reads it */
	RING_IN,  /* the device writes it */
};

struct ring_segment {
	uint64_t gpa;
	uint32_t len;
	enum ring_direction direction;
};

struct ring_driver {
	struct memory *memory;
	uint16_t size;
	bool packed, event_idx;
	uint64_t desc_gpa, driver_gpa, device_gpa; /* the three areas */
	uint64_t heap;                             /* the next free guest address */

	/* The areas in host memory; those of the other layout are NULL. */
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	struct pvirtq_desc *packed_desc;
	struct pvirtq_event_suppress *driver_event, *device_event;

	uint16_t nr_free;               /* ring entries */
	uint16_t next_avail, last_used; /* free-running if split, below size if packed */
	bool avail_wrap, used_wrap;     /* packed */
	uint16_t kicked_avail; /* next_avail at the last ring_driver_must_kick() */
	uint16_t added;        /* entries since then (packed) */
	uint16_t first_free;   /* split: the list of free descriptors */
	uint16_t next_free[RING_DRIVER_MAX];
	uint16_t
		slots[RING_DRIVER_MAX]; /* by ID: entries that the chain takes; 0: free */
	uint16_t last[RING_DRIVER_MAX]; /* split, by ID: its last descriptor */
	uint64_t tables[RING_DRIVER_MAX]; /* by ID: its indirect table, 0: none yet */
};

/*
 * Put a ring of `size` entries at `gpa` (a multiple of 16) and zero it. Buffers are taken
 * from behind it. -1 if memory is too small or `size` above RING_DRIVER_MAX.
 */
int ring_driver_init(struct ring_driver *ring, struct memory *memory, uint64_t gpa,
		     uint16_t size, uint64_t features);

/* Write size, addresses and `ready` into the state of a queue, as a transport does. */
void ring_driver_set_up(const struct ring_driver *ring, struct virtq *queue);

/* `size` bytes of guest memory, a copy of `data` or (NULL) zero; 0 if there are none. */
uint64_t ring_driver_buffer(struct ring_driver *ring, const void *data, size_t size);

/*
 * Make a chain available, directly or by an indirect table. The device sees it at
 * once. Returns its ID: the head, or the buffer ID. -1 if the ring is full.
 */
int ring_driver_add(struct ring_driver *ring, const struct ring_segment *segments,
		    unsigned nr_segments);
int ring_driver_add_indirect(struct ring_driver *ring,
			     const struct ring_segment *segments, unsigned nr_segments);

/* The next chain that the device used, or -1. `written` may be NULL. */
int ring_driver_take(struct ring_driver *ring, uint32_t *written);

/* After adding: does the device want a kick for what was added since the last call? */
bool ring_driver_must_kick(struct ring_driver *ring);

/*
 * Ask for an interrupt with the next used chain (or, with EVENT_IDX, the one after
 * `later` more), or for none.
 */
void ring_driver_want_interrupts(struct ring_driver *ring, unsigned later);
void ring_driver_refuse_interrupts(struct ring_driver *ring);

/* -- raw: split only, for chains that break rules -- */

/* Write any value into the next entry of the available ring and increase its idx. */
void ring_driver_add_head(struct ring_driver *ring, uint16_t head);

/* EVENT_IDX fields of the split ring. */
uint16_t *ring_driver_used_event(const struct ring_driver *ring);
uint16_t *ring_driver_avail_event(const struct ring_driver *ring);

/* -- raw: packed only -- */

/* AVAIL and USED as they say "available" at next_avail. */
uint16_t ring_driver_avail_flags(const struct ring_driver *ring);
/* Write a descriptor at next_avail, with `flags` and those above, and go on behind it. */
void ring_driver_add_packed(struct ring_driver *ring, uint64_t addr, uint32_t len,
			    uint16_t id, unsigned flags);

#endif
