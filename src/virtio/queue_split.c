/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split virtqueue (virtio 1.2, 2.7). Three tables, each written by one side only:
 *
 *	descriptor table	available ring		used ring
 *	(driver)		(driver)		(device)
 *
 *	0 | addr len    |	flags			flags
 *	1 | addr len  --+-+	idx = 7			idx = 5
 *	2 | addr len    | |	ring[0]: 1		ring[0]: id 4, len 512
 *	3 | addr len <--+-+	ring[1]: 0		...
 *	  ...			...			avail_event
 *				used_event
 *
 * A chain is a list of descriptors, linked by `next`; its head stands for it in both
 * rings. The last descriptor of a chain may be indirect: then it refers to a table
 * elsewhere, in which the chain goes on.
 *
 * Each ring has an `idx` that says where its owner will write next. It only grows, modulo
 * 2^16, and ring[idx % size] is the entry. So there are four positions on one endless
 * line, and everything that a driver may do to them follows from their order:
 *
 *	shown_used <= next_used <= next_avail <= avail->idx <= shown_used + size
 *	     |             |            |             |
 *	what the      what we have  what we have  what the driver
 *	driver knows  pushed        popped        has made available
 *
 * To the left of shown_used the driver owns all; at most `size` chains are to its
 * right, since each takes at least one descriptor. One comparison in
 * fetch_avail() checks all of that.
 *
 * With VIRTIO_F_EVENT_IDX each side names, behind the ring that it writes, the entry
 * of the other's ring that it wants to hear of, instead of a flag for all or nothing.
 */
#include "virtio/queue_private.h"

/* The areas (2.7), and a state that we may have been given by a snapshot. */
static int split_start(struct virtq *queue)
{
	const struct virtq_state *state = &queue->state;
	const uint64_t size = state->size;

	/* "Queue Size value is always a power of 2". */
	if (size & (size - 1))
		return virtq_breach(queue, "2.7",
				    "a split queue of %u entries, not a power of 2",
				    state->size);
	/* Of a snapshot: what devices hold they give back before they are saved. */
	if (state->next_avail != state->next_used)
		return virtq_breach(queue, "2.7", "it was saved with requests in flight");

	queue->desc = virtq_map_area(queue, &(struct virtq_area){ "descriptor table",
								  state->desc, 16 * size,
								  16, "2.7" });
	queue->driver = virtq_map_area(
		queue, &(struct virtq_area){ "available ring", state->driver,
					     6 + 2 * size, 2, "2.7" });
	queue->device =
		virtq_map_area(queue, &(struct virtq_area){ "used ring", state->device,
							    6 + 8 * size, 4, "2.7" });
	if (!queue->desc || !queue->driver || !queue->device)
		return -1;
	queue->avail_seen = state->next_avail;
	return 0;
}

static uint16_t load_avail_idx(const struct virtq *queue)
{
	const struct virtq_avail *avail = queue->driver;

	/* Rule 1: what idx covers was written before it (2.7.13.3.1). */
	return __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE);
}

/* How far has the driver come? */
static int fetch_avail(struct virtq *queue)
{
	const struct virtq_state *state = &queue->state;
	const uint16_t idx = load_avail_idx(queue);
	const uint16_t more = (uint16_t)(idx - state->next_avail);
	const uint16_t busy = (uint16_t)(state->next_avail - queue->shown_used);

	/*
	 * No more chains than descriptors (2.7.13), and it "MUST NOT decrement"
	 * (2.7.6.1): an idx that went back looks like one that is far ahead.
	 */
	if (more > state->size - busy)
		return virtq_breach(
			queue, "2.7.6.1, 2.7.13",
			"the available index went from %u to %u; %u of %u were free",
			state->next_avail, idx, state->size - busy, state->size);
	queue->avail_seen = idx;
	return 0;
}

/* A table of descriptors: that of the ring, or an indirect one. */
struct table {
	const uint8_t *descs; /* indirect ones lie anywhere: bytes */
	uint32_t nr;
	bool is_indirect;
};

/* A descriptor has the flag INDIRECT: the chain goes on at the start of its table. */
static int enter_table(struct virtq *queue, const struct virtq_desc *desc,
		       struct table *table)
{
	/* "MUST NOT set the INDIRECT flag within an indirect descriptor". */
	if (table->is_indirect)
		return virtq_breach(queue, "2.7.5.3.1",
				    "an indirect descriptor in an indirect table");
	/* "MUST NOT set both INDIRECT and NEXT". WRITE is to be ignored (2.7.5.3.2). */
	if (desc->flags & VIRTQ_DESC_F_NEXT)
		return virtq_breach(queue, "2.7.5.3.1",
				    "a descriptor with both INDIRECT and NEXT");
	table->descs = virtq_map_table(queue, desc->addr, desc->len, &table->nr);
	table->is_indirect = true;
	return table->descs ? 0 : -1;
}

/* Ends: all but one of the steps add an element, and the chain has room for `size`. */
static int read_chain(struct virtq *queue, struct virtq_chain *chain, uint16_t head)
{
	struct table table = { queue->desc, queue->state.size, false };
	uint32_t index = head;

	for (;;) {
		struct virtq_desc desc;

		virtq_copy_once(&desc, table.descs + 16 * (size_t)index, sizeof(desc));
		if (desc.flags & VIRTQ_DESC_F_INDIRECT) {
			if (enter_table(queue, &desc, &table))
				return -1;
			index = 0;
			continue;
		}
		if (virtq_add_element(queue, chain, desc.addr, desc.len,
				      desc.flags & VIRTQ_DESC_F_WRITE))
			return -1;
		if (!(desc.flags & VIRTQ_DESC_F_NEXT))
			return 0;
		/* `next` is an index into the same table (2.7.5, 2.7.5.3). */
		if (desc.next >= table.nr)
			return virtq_breach(queue, "2.7.5, 2.7.5.3",
					    "a chain goes on at descriptor %u of %u",
					    desc.next, table.nr);
		index = desc.next;
	}
}

static int split_pop(struct virtq *queue, struct virtq_chain *chain)
{
	const struct virtq_avail *avail = queue->driver;
	struct virtq_state *state = &queue->state;
	uint16_t head;

	if (queue->avail_seen == state->next_avail) {
		if (fetch_avail(queue))
			return -1;
		if (queue->avail_seen == state->next_avail)
			return 0;
	}
	head = __atomic_load_n(&avail->ring[state->next_avail & (state->size - 1)],
			       __ATOMIC_RELAXED);
	if (virtq_check_id(queue, head) || read_chain(queue, chain, head))
		return -1;
	chain->id = head;
	state->next_avail++;
	return 1;
}

static void split_unpop(struct virtq *queue, const struct virtq_chain *chain)
{
	(void)chain;
	queue->state.next_avail--;
}

static void split_push(struct virtq *queue, const struct virtq_chain *chain,
		       uint32_t written)
{
	struct virtq_used *used = queue->device;
	struct virtq_state *state = &queue->state;
	struct virtq_used_elem *elem = &used->ring[state->next_used & (state->size - 1)];

	__atomic_store_n(&elem->id, chain->id, __ATOMIC_RELAXED);
	__atomic_store_n(&elem->len, written, __ATOMIC_RELAXED);
	state->next_used++;
}

static void split_show(struct virtq *queue)
{
	const struct virtq_state *state = &queue->state;
	struct virtq_used *used = queue->device;

	/* Rule 2: "MUST set len prior to updating the used idx" (2.7.8.2). */
	__atomic_store_n(&used->idx, state->next_used, __ATOMIC_RELEASE);
	/* All of it: a page or two, and the entries go round its end. */
	memory_mark_written(queue->memory, used,
			    sizeof(*used) + sizeof(used->ring[0]) * state->size);
}

/* 2.7.7.2. Called after split_show() and a full fence. */
static bool split_wants_interrupt(const struct virtq *queue)
{
	const struct virtq_avail *avail = queue->driver;
	const uint16_t nr = (uint16_t)(queue->state.next_used - queue->shown_used);
	uint16_t used_event;

	if (!queue->event_idx)
		return !(__atomic_load_n(&avail->flags, __ATOMIC_RELAXED) &
			 VIRTQ_AVAIL_F_NO_INTERRUPT);
	/* Is used_event the index of one of the `nr` entries from shown_used on? */
	used_event = __atomic_load_n(&avail->ring[queue->state.size], __ATOMIC_RELAXED);
	return (uint16_t)(used_event - queue->shown_used) < nr;
}

/* 2.7.10.2 */
static void split_ask(struct virtq *queue, bool kicks)
{
	struct virtq_used *used = queue->device;
	uint16_t *avail_event = (uint16_t *)&used->ring[queue->state.size];

	if (!queue->event_idx) {
		__atomic_store_n(&used->flags, kicks ? 0 : VIRTQ_USED_F_NO_NOTIFY,
				 __ATOMIC_RELAXED);
		memory_mark_written(queue->memory, &used->flags, sizeof(used->flags));
		return;
	}
	/* The entry of the last time is behind the driver: to refuse, leave it there. */
	if (!kicks)
		return;
	__atomic_store_n(avail_event, queue->state.next_avail, __ATOMIC_RELAXED);
	memory_mark_written(queue->memory, avail_event, sizeof(*avail_event));
}

static bool split_has_more(const struct virtq *queue)
{
	return load_avail_idx(queue) != queue->state.next_avail;
}

const struct virtq_layout virtq_split_layout = {
	.start = split_start,
	.pop = split_pop,
	.unpop = split_unpop,
	.push = split_push,
	.show = split_show,
	.wants_interrupt = split_wants_interrupt,
	.ask = split_ask,
	.has_more = split_has_more,
};
