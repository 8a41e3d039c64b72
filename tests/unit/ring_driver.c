/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of a virtqueue: see ring_driver.h. Written from the driver's
 * half of the specification (virtio 1.2, 2.7.13, 2.7.14, 2.8.21, 2.8.22) and sharing
 * nothing with src/virtio but the structures, so that a misreading shows.
 */
#include <string.h>

#include "ring_driver.h"
#include "util/bytes.h"

/* Zeroed guest memory at *gpa, which then points behind it. */
static void *take_memory(struct ring_driver *ring, uint64_t *gpa, uint64_t size,
			 uint64_t alignment)
{
	void *hva;

	*gpa = align_up(ring->heap, alignment);
	hva = memory_for_write(ring->memory, *gpa, size);
	if (hva) {
		memset(hva, 0, size);
		ring->heap = *gpa + size;
	}
	return hva;
}

int ring_driver_init(struct ring_driver *ring, struct memory *memory, uint64_t gpa,
		     uint16_t size, uint64_t features)
{
	if (!size || size > RING_DRIVER_MAX)
		return -1;
	memset(ring, 0, sizeof(*ring));
	ring->memory = memory;
	ring->size = size;
	ring->nr_free = size;
	ring->heap = gpa;
	ring->packed = features >> VIRTIO_F_RING_PACKED & 1;
	ring->event_idx = features >> VIRTIO_F_EVENT_IDX & 1;
	ring->avail_wrap = ring->used_wrap = true;

	if (ring->packed) {
		ring->packed_desc = take_memory(ring, &ring->desc_gpa, 16ull * size, 16);
		ring->driver_event = take_memory(ring, &ring->driver_gpa, 4, 4);
		ring->device_event = take_memory(ring, &ring->device_gpa, 4, 4);
		return ring->packed_desc && ring->driver_event && ring->device_event ? 0
										     : -1;
	}
	ring->desc = take_memory(ring, &ring->desc_gpa, 16ull * size, 16);
	ring->avail = take_memory(ring, &ring->driver_gpa, 6 + 2ull * size, 2);
	ring->used = take_memory(ring, &ring->device_gpa, 6 + 8ull * size, 4);
	if (!ring->desc || !ring->avail || !ring->used)
		return -1;
	for (unsigned i = 0; i < size; i++)
		ring->next_free[i] = (uint16_t)(i + 1);
	return 0;
}

void ring_driver_set_up(const struct ring_driver *ring, struct virtq *queue)
{
	queue->state.size = ring->size;
	queue->state.desc = ring->desc_gpa;
	queue->state.driver = ring->driver_gpa;
	queue->state.device = ring->device_gpa;
	queue->state.ready = 1;
}

uint64_t ring_driver_buffer(struct ring_driver *ring, const void *data, size_t size)
{
	uint64_t gpa;
	void *hva = take_memory(ring, &gpa, size, 16);

	if (!hva)
		return 0;
	if (data)
		memcpy(hva, data, size);
	return gpa;
}

/* -- split -- */

void ring_driver_add_head(struct ring_driver *ring, uint16_t head)
{
	ring->avail->ring[ring->next_avail % ring->size] = head;
	ring->next_avail++;
	__atomic_store_n(&ring->avail->idx, ring->next_avail, __ATOMIC_RELEASE);
}

uint16_t *ring_driver_used_event(const struct ring_driver *ring)
{
	return &ring->avail->ring[ring->size];
}

uint16_t *ring_driver_avail_event(const struct ring_driver *ring)
{
	return (uint16_t *)&ring->used->ring[ring->size];
}

/* 2.7.13.1 */
static int split_add(struct ring_driver *ring, const struct ring_segment *segments,
		     unsigned nr_segments, unsigned extra_flags)
{
	uint16_t head = ring->first_free, index = head;

	if (!nr_segments || nr_segments > ring->nr_free)
		return -1;
	for (unsigned i = 0; i < nr_segments; i++) {
		struct virtq_desc *desc = &ring->desc[index];

		desc->addr = segments[i].gpa;
		desc->len = segments[i].len;
		desc->flags =
			(uint16_t)(extra_flags |
				   (segments[i].direction == RING_IN ? VIRTQ_DESC_F_WRITE
								     : 0) |
				   (i + 1 < nr_segments ? VIRTQ_DESC_F_NEXT : 0));
		desc->next = ring->next_free[index];
		ring->last[head] = index;
		index = ring->next_free[index];
	}
	ring->first_free = index;
	ring->nr_free = (uint16_t)(ring->nr_free - nr_segments);
	ring->slots[head] = (uint16_t)nr_segments;
	ring_driver_add_head(ring, head);
	return head;
}

static int split_take(struct ring_driver *ring, uint32_t *written)
{
	uint16_t idx = __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE);
	struct virtq_used_elem elem;

	if (idx == ring->last_used)
		return -1;
	elem = ring->used->ring[ring->last_used % ring->size];
	ring->last_used++;
	if (written)
		*written = elem.len;
	if (elem.id < ring->size && ring->slots[elem.id]) {
		ring->next_free[ring->last[elem.id]] = ring->first_free;
		ring->first_free = (uint16_t)elem.id;
		ring->nr_free = (uint16_t)(ring->nr_free + ring->slots[elem.id]);
		ring->slots[elem.id] = 0;
	}
	return (int)elem.id;
}

/* -- packed -- */

uint16_t ring_driver_avail_flags(const struct ring_driver *ring)
{
	return ring->avail_wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
}

static void packed_advance(const struct ring_driver *ring, uint16_t *index, bool *wrap,
			   unsigned by)
{
	unsigned next = *index + by;

	if (next >= ring->size) {
		next -= ring->size;
		*wrap = !*wrap;
	}
	*index = (uint16_t)next;
}

void ring_driver_add_packed(struct ring_driver *ring, uint64_t addr, uint32_t len,
			    uint16_t id, unsigned flags)
{
	struct pvirtq_desc *desc = &ring->packed_desc[ring->next_avail];

	desc->addr = addr;
	desc->len = len;
	desc->id = id;
	__atomic_store_n(&desc->flags, (uint16_t)(flags | ring_driver_avail_flags(ring)),
			 __ATOMIC_RELEASE);
	packed_advance(ring, &ring->next_avail, &ring->avail_wrap, 1);
	ring->added++;
}

/* 2.8.21.1: the first descriptor becomes available last. */
static int packed_add(struct ring_driver *ring, const struct ring_segment *segments,
		      unsigned nr_segments, unsigned extra_flags)
{
	struct pvirtq_desc *first = &ring->packed_desc[ring->next_avail];
	uint16_t id = 0, first_flags = 0;

	if (!nr_segments || nr_segments > ring->nr_free)
		return -1;
	while (ring->slots[id])
		id++;
	for (unsigned i = 0; i < nr_segments; i++) {
		struct pvirtq_desc *desc = &ring->packed_desc[ring->next_avail];
		uint16_t flags =
			(uint16_t)(extra_flags | ring_driver_avail_flags(ring) |
				   (segments[i].direction == RING_IN ? VIRTQ_DESC_F_WRITE
								     : 0) |
				   (i + 1 < nr_segments ? VIRTQ_DESC_F_NEXT : 0));

		desc->addr = segments[i].gpa;
		desc->len = segments[i].len;
		desc->id = id;
		if (i)
			desc->flags = flags;
		else
			first_flags = flags;
		packed_advance(ring, &ring->next_avail, &ring->avail_wrap, 1);
	}
	ring->nr_free = (uint16_t)(ring->nr_free - nr_segments);
	ring->added = (uint16_t)(ring->added + nr_segments);
	ring->slots[id] = (uint16_t)nr_segments;
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE);
	return id;
}

static int packed_take(struct ring_driver *ring, uint32_t *written)
{
	const struct pvirtq_desc *desc = &ring->packed_desc[ring->last_used];
	uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);
	bool avail = flags & VIRTQ_DESC_F_AVAIL, used = flags & VIRTQ_DESC_F_USED;
	uint16_t id = desc->id;

	if (avail != used || used != ring->used_wrap)
		return -1;
	/* 2.8.4: without WRITE the length is reserved. */
	if (written)
		*written = flags & VIRTQ_DESC_F_WRITE ? desc->len : 0;
	if (id < ring->size && ring->slots[id]) {
		packed_advance(ring, &ring->last_used, &ring->used_wrap, ring->slots[id]);
		ring->nr_free = (uint16_t)(ring->nr_free + ring->slots[id]);
		ring->slots[id] = 0;
	}
	return id;
}

/* -- both -- */

int ring_driver_add(struct ring_driver *ring, const struct ring_segment *segments,
		    unsigned nr_segments)
{
	return ring->packed ? packed_add(ring, segments, nr_segments, 0)
			    : split_add(ring, segments, nr_segments, 0);
}

static void fill_table(const struct ring_driver *ring, void *table,
		       const struct ring_segment *segments, unsigned nr_segments)
{
	struct pvirtq_desc *packed = table;
	struct virtq_desc *split = table;

	for (unsigned i = 0; i < nr_segments; i++) {
		const struct ring_segment *segment = &segments[i];
		uint16_t flags = segment->direction == RING_IN ? VIRTQ_DESC_F_WRITE : 0;

		if (ring->packed) {
			packed[i] = (struct pvirtq_desc){ .addr = segment->gpa,
							  .len = segment->len,
							  .flags = flags };
			continue;
		}
		split[i] = (struct virtq_desc){ .addr = segment->gpa,
						.len = segment->len,
						.flags = flags };
		if (i + 1 < nr_segments) {
			split[i].flags |= VIRTQ_DESC_F_NEXT;
			split[i].next = (uint16_t)(i + 1);
		}
	}
}

int ring_driver_add_indirect(struct ring_driver *ring,
			     const struct ring_segment *segments, unsigned nr_segments)
{
	struct ring_segment segment = { .len = 16 * nr_segments };
	uint16_t id = ring->first_free;
	void *table;

	if (!nr_segments || nr_segments > ring->size || !ring->nr_free)
		return -1;
	if (ring->packed)
		for (id = 0; ring->slots[id]; id++)
			;
	if (!ring->tables[id] &&
	    !take_memory(ring, &ring->tables[id], 16ull * ring->size, 16)) {
		ring->tables[id] = 0;
		return -1;
	}
	segment.gpa = ring->tables[id];
	table = memory_for_write(ring->memory, segment.gpa, segment.len);
	fill_table(ring, table, segments, nr_segments);
	return ring->packed ? packed_add(ring, &segment, 1, VIRTQ_DESC_F_INDIRECT)
			    : split_add(ring, &segment, 1, VIRTQ_DESC_F_INDIRECT);
}

int ring_driver_take(struct ring_driver *ring, uint32_t *written)
{
	return ring->packed ? packed_take(ring, written) : split_take(ring, written);
}

/* 2.7.10.1: was the entry with index avail_event among those that were added? */
static bool split_must_kick(struct ring_driver *ring)
{
	uint16_t from = ring->kicked_avail, to = ring->next_avail;

	ring->kicked_avail = to;
	if (from == to)
		return false;
	if (!ring->event_idx)
		return !(ring->used->flags & VIRTQ_USED_F_NO_NOTIFY);
	for (uint16_t i = from; i != to; i++)
		if (i == *ring_driver_avail_event(ring))
			return true;
	return false;
}

/* 2.8.10: was the descriptor with that offset and wrap counter among them? */
static bool packed_must_kick(struct ring_driver *ring)
{
	struct pvirtq_event_suppress event = *ring->device_event;
	uint16_t index = ring->next_avail;
	bool wrap = ring->avail_wrap, crossed = false;
	unsigned added = ring->added;

	ring->added = 0;
	for (unsigned i = 0; i < added; i++) {
		if (!index) {
			index = ring->size;
			wrap = !wrap;
		}
		index--;
		if (event.desc == (index | wrap << 15))
			crossed = true;
	}
	if ((event.flags & 3) == RING_EVENT_FLAGS_DESC)
		return crossed;
	return added && (event.flags & 3) == RING_EVENT_FLAGS_ENABLE;
}

bool ring_driver_must_kick(struct ring_driver *ring)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ring->packed ? packed_must_kick(ring) : split_must_kick(ring);
}

void ring_driver_want_interrupts(struct ring_driver *ring, unsigned later)
{
	uint16_t index = ring->last_used;
	bool wrap = ring->used_wrap;

	if (!ring->packed) {
		ring->avail->flags = 0;
		*ring_driver_used_event(ring) = (uint16_t)(index + later);
		return;
	}
	packed_advance(ring, &index, &wrap, later);
	ring->driver_event->desc = (uint16_t)(index | wrap << 15);
	ring->driver_event->flags =
		ring->event_idx ? RING_EVENT_FLAGS_DESC : RING_EVENT_FLAGS_ENABLE;
}

void ring_driver_refuse_interrupts(struct ring_driver *ring)
{
	if (ring->packed)
		ring->driver_event->flags = RING_EVENT_FLAGS_DISABLE;
	else if (ring->event_idx)
		*ring_driver_used_event(ring) = (uint16_t)(ring->last_used - 1);
	else
		ring->avail->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
}
