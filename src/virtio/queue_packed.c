/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packed virtqueue (virtio 1.2, 2.8). One ring of descriptors, written by both sides:
 *
 *	       addr  len  id  flags
 *	0    |		   7  USED .. | <- used: the answer to some chain
 *	1    |			      |	   not looked at: the chain had two
 *	2  > |		   3  AVAIL   | <- next_used: the next answer goes here
 *	3    |		      AVAIL N | \
 *	4    |		   1  AVAIL   | / a chain of two (N: NEXT), in flight
 *	5  > |			      | <- next_avail: not available yet
 *
 * The driver writes chains into consecutive descriptors, the device overwrites
 * descriptors with answers from the same place on, in the order in which it is done: an
 * answer for a chain of n descriptors takes one and skips n - 1. The buffer ID, which
 * stands in the last descriptor of a chain, says which chain is meant. So of a
 * descriptor that was popped nothing can be read again; the chain has all that is needed.
 *
 * No index tells what is available: the flags AVAIL and USED do, and they change their
 * meaning with each round through the ring (2.8.1). Each side counts rounds in one
 * bit, its wrap counter, which is 1 in the first round:
 *
 *	available	AVAIL == wrap counter, USED != wrap counter
 *	used		AVAIL == USED == wrap counter
 *
 * A position is an index and the wrap counter there. The positions have the same order
 * as in queue_split.c, and are at most `size` descriptors apart: distance().
 *
 * Interrupts and kicks are governed by a structure of 4 bytes for each side, read and
 * written as one word, so that its fields belong together.
 */
#include "virtio/queue_private.h"

/* The low half is pvirtq_event_suppress.desc, the high half its flags. */
#define EVENT_WORD(desc, flags) ((uint32_t)(desc) | (uint32_t)(flags) << 16)

struct position {
	uint16_t index;
	uint8_t wrap;
};

static struct position advance(const struct virtq *queue, struct position at, unsigned by)
{
	unsigned index = at.index + by;

	if (index >= queue->state.size)
		return (struct position){ (uint16_t)(index - queue->state.size),
					  !at.wrap };
	return (struct position){ (uint16_t)index, at.wrap };
}

/*
 * How many descriptors `to` is ahead of `from`, in a circle of two rounds: 0 to size for
 * positions of ours in their order.
 */
static unsigned distance(const struct virtq *queue, struct position from,
			 struct position to)
{
	if (from.wrap != to.wrap)
		return queue->state.size + to.index - from.index;
	if (to.index < from.index)
		return 2 * queue->state.size + to.index - from.index;
	return to.index - from.index;
}

static struct position next_avail(const struct virtq *queue)
{
	return (struct position){ queue->state.next_avail, queue->state.avail_wrap };
}

static struct position next_used(const struct virtq *queue)
{
	return (struct position){ queue->state.next_used, queue->state.used_wrap };
}

static struct position shown_used(const struct virtq *queue)
{
	return (struct position){ queue->shown_used, queue->shown_wrap };
}

/* The areas (2.8.10.1), and a state that we may have been given by a snapshot. */
static int packed_start(struct virtq *queue)
{
	const struct virtq_state *state = &queue->state;

	if (state->next_avail >= state->size || state->avail_wrap > 1)
		return virtq_breach(queue, "2.8.1", "it was saved at %u.%u of %u entries",
				    state->next_avail, state->avail_wrap, state->size);
	/* Of a snapshot: what devices hold they give back before they are saved. */
	if (state->next_avail != state->next_used ||
	    state->avail_wrap != state->used_wrap)
		return virtq_breach(queue, "2.8", "it was saved with requests in flight");

	queue->desc = virtq_map_area(
		queue, &(struct virtq_area){ "descriptor ring", state->desc,
					     16ull * state->size, 16, "2.8.10.1" });
	queue->driver = virtq_map_area(
		queue, &(struct virtq_area){ "driver event suppression", state->driver, 4,
					     4, "2.8.10.1" });
	queue->device = virtq_map_area(
		queue, &(struct virtq_area){ "device event suppression", state->device, 4,
					     4, "2.8.10.1" });
	return queue->desc && queue->driver && queue->device ? 0 : -1;
}

/* 2.8.1 */
static bool is_available(uint16_t flags, struct position at)
{
	const bool avail = flags & VIRTQ_DESC_F_AVAIL, used = flags & VIRTQ_DESC_F_USED;

	return avail == at.wrap && used != at.wrap;
}

static uint16_t load_flags(const struct virtq *queue, struct position at)
{
	const struct pvirtq_desc *ring = queue->desc;

	/* Rule 1: all of the chain was written before its first flags (2.8.21.1.1). */
	return __atomic_load_n(&ring[at.index].flags, __ATOMIC_ACQUIRE);
}

/* All of the table is the chain (2.8.7); of its flags only WRITE has a meaning. */
static int read_table(struct virtq *queue, struct virtq_chain *chain,
		      const struct pvirtq_desc *desc)
{
	const uint8_t *table;
	uint32_t nr;

	/* "MUST NOT ... INDIRECT set in a scatter-gather list linked by NEXT". */
	if (chain->nr_slots > 1 || desc->flags & VIRTQ_DESC_F_NEXT)
		return virtq_breach(queue, "2.8.19",
				    "an indirect descriptor in a chain of several");
	table = virtq_map_table(queue, desc->addr, desc->len, &nr);
	if (!table)
		return -1;
	for (uint32_t i = 0; i < nr; i++) {
		struct pvirtq_desc element;

		virtq_copy_once(&element, table + 16 * (size_t)i, sizeof(element));
		if (virtq_add_element(queue, chain, element.addr, element.len,
				      element.flags & VIRTQ_DESC_F_WRITE))
			return -1;
	}
	return 0;
}

/*
 * The chain at `at`, whose first flags are `flags`: those are not read again. Ends: each
 * step takes one of the descriptors of the ring that are not in flight.
 */
static int read_chain(struct virtq *queue, struct virtq_chain *chain, struct position at,
		      uint16_t flags)
{
	const struct pvirtq_desc *ring = queue->desc;
	const unsigned room =
		queue->state.size - distance(queue, shown_used(queue), next_avail(queue));

	for (;;) {
		struct pvirtq_desc desc;

		/* Longer than the ring, or over descriptors that it must not touch. */
		if (chain->nr_slots == room)
			return virtq_breach(
				queue, "2.8.16, 2.8.17",
				"a chain of more than the %u free descriptors", room);
		virtq_copy_once(&desc, &ring[at.index], sizeof(desc));
		if (!chain->nr_slots)
			desc.flags = flags;
		/* AVAIL and USED "must be set/cleared correctly in all descriptors". */
		else if (!is_available(desc.flags, at))
			return virtq_breach(
				queue, "2.8.6",
				"a chain goes on at descriptor %u, which is not "
				"available",
				at.index);
		chain->nr_slots++;
		/* "Buffer ID is included in the last descriptor in the list" (2.8.6). */
		chain->id = desc.id;
		if (desc.flags & VIRTQ_DESC_F_INDIRECT)
			return read_table(queue, chain, &desc);
		if (virtq_add_element(queue, chain, desc.addr, desc.len,
				      desc.flags & VIRTQ_DESC_F_WRITE))
			return -1;
		if (!(desc.flags & VIRTQ_DESC_F_NEXT))
			return 0;
		at = advance(queue, at, 1);
	}
}

static int packed_pop(struct virtq *queue, struct virtq_chain *chain)
{
	struct position at = next_avail(queue);
	const uint16_t flags = load_flags(queue, at);

	if (!is_available(flags, at))
		return 0;
	if (read_chain(queue, chain, at, flags) || virtq_check_id(queue, chain->id))
		return -1;
	at = advance(queue, at, chain->nr_slots);
	queue->state.next_avail = at.index;
	queue->state.avail_wrap = at.wrap;
	return 1;
}

/* The descriptors are still as they were: answers have not come this far. */
static void packed_unpop(struct virtq *queue, const struct virtq_chain *chain)
{
	struct virtq_state *state = &queue->state;

	if (state->next_avail < chain->nr_slots) {
		state->next_avail = (uint16_t)(state->next_avail + state->size);
		state->avail_wrap = !state->avail_wrap;
	}
	state->next_avail = (uint16_t)(state->next_avail - chain->nr_slots);
}

/*
 * The driver looks at one place only, behind the last answer that it saw (2.8.2). So the
 * flags of the first answer hold back all that follow, until packed_show().
 */
static void packed_push(struct virtq *queue, const struct virtq_chain *chain,
			uint32_t written)
{
	struct virtq_state *state = &queue->state;
	struct position at = next_used(queue);
	struct pvirtq_desc *desc = (struct pvirtq_desc *)queue->desc + at.index;
	uint16_t flags = at.wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0;

	/* WRITE: something was written, and len says how much (2.8.3, 2.8.4). */
	if (written)
		flags |= VIRTQ_DESC_F_WRITE;
	__atomic_store_n(&desc->id, chain->id, __ATOMIC_RELAXED);
	__atomic_store_n(&desc->len, written, __ATOMIC_RELAXED);
	if (queue->pushed)
		__atomic_store_n(&desc->flags, flags, __ATOMIC_RELEASE);
	else
		queue->shown_flags = flags;

	at = advance(queue, at, chain->nr_slots);
	state->next_used = at.index;
	state->used_wrap = at.wrap;
}

static void packed_show(struct virtq *queue)
{
	struct pvirtq_desc *ring = queue->desc;

	/* Rule 2, and no change behind this (2.8.15). */
	__atomic_store_n(&ring[queue->shown_used].flags, queue->shown_flags,
			 __ATOMIC_RELEASE);
	/* All of it: a page or two, and the answers go round its end. */
	memory_mark_written(queue->memory, ring, sizeof(*ring) * queue->state.size);
}

/* 2.8.10. Called after packed_show() and a full fence. */
static bool packed_wants_interrupt(const struct virtq *queue)
{
	const uint32_t event =
		__atomic_load_n((const uint32_t *)queue->driver, __ATOMIC_RELAXED);
	const struct position wanted = { event & 0x7fff, event >> 15 & 1 };
	const uint32_t flags = event >> 16 & 3;

	if (flags == RING_EVENT_FLAGS_DISABLE)
		return false;
	/*
	 * What makes no sense (the reserved value, DESC without EVENT_IDX, an offset
	 * outside the ring) breaks nothing: better one interrupt too many.
	 */
	if (flags != RING_EVENT_FLAGS_DESC || !queue->event_idx ||
	    wanted.index >= queue->state.size)
		return true;
	/* Is it one of the descriptors from shown_used to next_used? */
	return distance(queue, shown_used(queue), wanted) <
	       distance(queue, shown_used(queue), next_used(queue));
}

/* 2.8.10, 2.8.14 */
static void packed_ask(struct virtq *queue, bool kicks)
{
	const struct position at = next_avail(queue);
	uint32_t event = EVENT_WORD(0, RING_EVENT_FLAGS_ENABLE);

	if (!kicks)
		event = EVENT_WORD(0, RING_EVENT_FLAGS_DISABLE);
	else if (queue->event_idx)
		event = EVENT_WORD(at.index | at.wrap << 15, RING_EVENT_FLAGS_DESC);
	__atomic_store_n((uint32_t *)queue->device, event, __ATOMIC_RELAXED);
	memory_mark_written(queue->memory, queue->device, sizeof(event));
}

static bool packed_has_more(const struct virtq *queue)
{
	const struct position at = next_avail(queue);

	return is_available(load_flags(queue, at), at);
}

const struct virtq_layout virtq_packed_layout = {
	.start = packed_start,
	.pop = packed_pop,
	.unpop = packed_unpop,
	.push = packed_push,
	.show = packed_show,
	.wants_interrupt = packed_wants_interrupt,
	.ask = packed_ask,
	.has_more = packed_has_more,
};
