/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtqueues: how a driver and a device pass buffers to each other through memory that
 * both can write at any time (virtio 1.2, 2.6).
 *
 * The driver describes a request as a chain of segments, first those that the device
 * reads, then those that it writes, and makes it available. The device pops it, does the
 * work, and pushes the chain back as used, with the number of bytes that it wrote.
 * Between the two the chain is in flight, and it is the device's. Chains are popped in
 * order and pushed in any order.
 *
 *	driver	    fills descriptors, makes available ....... sees it used
 *				   |				  ^
 *	device			   +-> pop  -> work -> push -> publish
 *
 * There are two layouts in memory, and the driver chooses: queue_split.c has three
 * tables, queue_packed.c one. This file has what does not depend on the layout.
 *
 * What we trust
 *
 *   Nothing. A descriptor is copied once, and the copy is checked and used, so that
 *   it does not matter when the driver changes the original. A chain is checked whole
 *   before the device hears of it: a device never gets the first half of a bad one. Each
 *   step of a walk adds an element to the chain, and a chain has at most as many as the
 *   queue has entries: so a loop is found by its length. What has to be known between
 *   pop and push is in our own memory and in the caller's chain, not in the ring.
 *
 *   A breach of a rule sets `fault`, which names the rule and its clause, and is final:
 *   pop gives -1 from then on, push and publish do nothing, until the driver resets the
 *   device. There is no way back into step with a driver that has lost count.
 *
 *   What the specification tells a device to ignore, such as reserved flags, is ignored.
 *   A segment of no bytes is nowhere forbidden: it counts towards the length of its
 *   chain and is then left out.
 *
 * Who sees what, and when
 *
 *   The CPUs of both sides may reorder what they do to memory. Four rules follow, and
 *   each stands in the code as an atomic operation or a fence:
 *
 *   1. The driver writes descriptors before it makes them available; so we look whether
 *	they are available first, with acquire, and at the descriptors second.
 *   2. We write data and used entries before we show that they are used: release.
 *   3. We show what is used, then look whether the driver wants an interrupt. The driver
 *	asks for interrupts, then looks whether something is used. With a full fence
 *	between the two steps on both sides, at least one sees the other. With
 *	anything less both could look too early, and the guest would wait for ever.
 *   4. The same with the roles exchanged: we ask for kicks, full fence, and look
 *	whether something is available: virtq_want_kicks().
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/bytes.h"
#include "virtio/queue_private.h"

#define FIELD(member) STATE_FIELD(struct virtq_state, member)

static const struct state_field state_fields[] = {
	FIELD(size),      FIELD(ready),      FIELD(desc),
	FIELD(driver),    FIELD(device),     FIELD(next_avail),
	FIELD(next_used), FIELD(avail_wrap), FIELD(used_wrap),
};

const struct state_layout virtq_state_layout = {
	.version = 1,
	.nr_fields = sizeof(state_fields) / sizeof(state_fields[0]),
	.fields = state_fields,
};

int virtq_breach(struct virtq *queue, const char *clause, const char *fmt, ...)
{
	char text[120];
	va_list args;

	if (queue->fault[0])
		return -1;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(queue->fault, sizeof(queue->fault), "%s (virtio 1.2: %s)", text, clause);
	return -1;
}

/* -- life -- */

void virtq_init(struct virtq *queue, const struct memory *memory, uint16_t max_size)
{
	memset(queue, 0, sizeof(*queue));
	queue->memory = memory;
	queue->max_size = max_size;
	virtq_reset(queue);
}

void virtq_destroy(struct virtq *queue)
{
	virtq_stop(queue);
	free(queue->ids_out);
	queue->ids_out = NULL;
}

void virtq_reset(struct virtq *queue)
{
	virtq_stop(queue);
	queue->fault[0] = '\0';
	queue->state = (struct virtq_state){
		.size = queue->max_size,
		/* 2.8.1: both wrap counters begin with 1. */
		.avail_wrap = 1,
		.used_wrap = 1,
	};
}

void *virtq_map_area(struct virtq *queue, const struct virtq_area *area)
{
	void *hva;

	if (area->gpa % area->alignment) {
		virtq_breach(queue, area->clause,
			     "the %s at 0x%llx is not at a multiple of %u", area->name,
			     (unsigned long long)area->gpa, area->alignment);
		return NULL;
	}
	hva = memory_map(queue->memory, area->gpa, area->size);
	if (!hva)
		virtq_breach(queue, area->clause,
			     "the %s, %llu bytes at 0x%llx, is not in RAM", area->name,
			     (unsigned long long)area->size,
			     (unsigned long long)area->gpa);
	return hva;
}

/* What we noted about chains in flight: none. */
static int forget_ids(struct virtq *queue)
{
	if (!queue->ids_out)
		queue->ids_out = calloc(queue->max_size, sizeof(*queue->ids_out));
	if (!queue->ids_out) {
		snprintf(queue->fault, sizeof(queue->fault), "the host has no memory");
		return -1;
	}
	memset(queue->ids_out, 0, queue->max_size * sizeof(*queue->ids_out));
	queue->in_flight = 0;
	return 0;
}

int virtq_start(struct virtq *queue, uint64_t features)
{
	const struct virtq_state *state = &queue->state;
	const struct virtq_layout *layout;

	virtq_stop(queue);
	if (queue->fault[0])
		return -1;
	queue->packed = features >> VIRTIO_F_RING_PACKED & 1;
	queue->event_idx = features >> VIRTIO_F_EVENT_IDX & 1;
	queue->indirect = features >> VIRTIO_F_INDIRECT_DESC & 1;

	/* No more than the transport offered (4.1.4.3, 4.2.2). */
	if (!state->size || state->size > queue->max_size)
		return virtq_breach(queue, "2.6",
				    "a queue of %u entries; it may have 1 to %u",
				    state->size, queue->max_size);
	layout = queue->packed ? &virtq_packed_layout : &virtq_split_layout;
	if (layout->start(queue) || forget_ids(queue))
		return -1;

	queue->layout = layout;
	queue->pushed = false;
	queue->shown_used = state->next_used;
	queue->shown_wrap = state->used_wrap;
	queue->kicks_wanted = true;
	layout->ask(queue, true);
	return 0;
}

void virtq_stop(struct virtq *queue)
{
	queue->layout = NULL;
	queue->desc = queue->driver = queue->device = NULL;
}

static bool is_usable(const struct virtq *queue)
{
	return queue->layout && !queue->fault[0];
}

/* -- from the driver -- */

int virtq_check_id(struct virtq *queue, uint16_t id)
{
	/*
	 * Split: a head is an index into the descriptor table (2.7.6). Packed: IDs are
	 * the driver's to choose, but its book of them has as many entries as the queue;
	 * 2.8.22 says so, in code only.
	 */
	if (id >= queue->state.size)
		return virtq_breach(queue, queue->packed ? "2.8.22" : "2.7.6",
				    "%s %u in a queue of %u entries",
				    queue->packed ? "buffer ID" : "head", id,
				    queue->state.size);
	/* 2.7.13.1 "next free descriptor", 2.8.21.1 "next free buffer id". */
	if (queue->ids_out[id])
		return virtq_breach(queue, queue->packed ? "2.8.21.1" : "2.7.13.1",
				    "%s %u was given again before it was used",
				    queue->packed ? "buffer ID" : "head", id);
	return 0;
}

int virtq_add_element(struct virtq *queue, struct virtq_chain *chain, uint64_t addr,
		      uint32_t len, bool device_writable)
{
	const unsigned nr = chain->nr_out + chain->nr_in;
	void *hva;

	/* "MUST NOT create a descriptor chain longer than the Queue Size"; no loops. */
	if (chain->nr_elements == queue->state.size)
		return virtq_breach(queue, "2.7.5.3.1, 2.8.17",
				    "a chain of more than %u descriptors",
				    queue->state.size);
	chain->nr_elements++;
	if (!len)
		return 0;

	/* "MAY have a reasonable limit of descriptors it will allow in a chain". */
	if (nr == chain->max_iov)
		return virtq_breach(
			queue, "2.7.4.1, 2.8.18",
			"a chain of more than %u segments; the device takes no more",
			chain->max_iov);
	/* "any device-writable descriptor elements after any device-readable" ones. */
	if (!device_writable && chain->nr_in)
		return virtq_breach(queue, "2.7.4.2, 2.8.17",
				    "a segment to read behind one to write");
	/*
	 * "MUST NOT add a descriptor chain longer than 2^32 bytes in total". 2^32 itself
	 * would be allowed, but the 32 bits that say how much was written cannot
	 * express it (2.7.8, 2.8.4).
	 */
	if (chain->out_size + chain->in_size + len > UINT32_MAX)
		return virtq_breach(queue, "2.7.5.2, 2.8.4",
				    "a chain of 2^32 bytes or more");
	/* "addr is a physical address": all of it RAM, in one piece, and no wrap. */
	hva = memory_map(queue->memory, addr, len);
	if (!hva)
		return virtq_breach(queue, "2.7.5, 2.8.13",
				    "a segment of %u bytes at 0x%llx, which is not RAM",
				    len, (unsigned long long)addr);

	chain->iov[nr] = (struct iovec){ .iov_base = hva, .iov_len = len };
	if (device_writable) {
		chain->nr_in++;
		chain->in_size += len;
	} else {
		chain->nr_out++;
		chain->out_size += len;
	}
	return 0;
}

const uint8_t *virtq_map_table(struct virtq *queue, uint64_t addr, uint32_t len,
			       uint32_t *nr)
{
	const uint8_t *table;

	/* "MUST NOT set the flag unless VIRTIO_F_INDIRECT_DESC was negotiated". */
	if (!queue->indirect) {
		virtq_breach(queue, "2.7.5.3.1, 2.8.19",
			     "an indirect descriptor, which was not negotiated");
		return NULL;
	}
	/* "desc[len / 16]", and a buffer has at least one element (2.7.13.1, 2.8). */
	if (!len || len % 16) {
		virtq_breach(queue, "2.7.5.3, 2.8.7",
			     "an indirect table of %u bytes, not of whole descriptors",
			     len);
		return NULL;
	}
	table = memory_map(queue->memory, addr, len);
	if (!table)
		virtq_breach(queue, "2.7.5.3, 2.8.7",
			     "an indirect table of %u bytes at 0x%llx, which is not RAM",
			     len, (unsigned long long)addr);
	*nr = len / 16;
	return table;
}

int virtq_pop(struct virtq *queue, struct virtq_chain *chain)
{
	int got;

	if (!is_usable(queue))
		return queue->fault[0] ? -1 : 0;
	chain->nr_out = chain->nr_in = 0;
	chain->out_size = chain->in_size = 0;
	chain->nr_slots = chain->nr_elements = 0;
	got = queue->layout->pop(queue, chain);
	if (got == 1) {
		queue->ids_out[chain->id] = true;
		queue->in_flight++;
	}
	return got;
}

/* Is it in flight? No longer if the queue was stopped or broke meanwhile. */
static bool take_back(struct virtq *queue, const struct virtq_chain *chain)
{
	if (!is_usable(queue) || chain->id >= queue->state.size ||
	    !queue->ids_out[chain->id])
		return false;
	queue->ids_out[chain->id] = false;
	queue->in_flight--;
	return true;
}

void virtq_unpop(struct virtq *queue, const struct virtq_chain *chain)
{
	if (take_back(queue, chain))
		queue->layout->unpop(queue, chain);
}

/* -- to the driver -- */

/* The first `written` bytes of the in-segments changed (docs/design.md, promise 2). */
static void mark_written(const struct virtq *queue, const struct virtq_chain *chain,
			 uint32_t written)
{
	const struct iovec *in = chain->iov + chain->nr_out;

	for (unsigned i = 0; i < chain->nr_in && written; i++) {
		uint32_t n = in[i].iov_len < written ? (uint32_t)in[i].iov_len : written;

		memory_mark_written(queue->memory, in[i].iov_base, n);
		written -= n;
	}
}

void virtq_push(struct virtq *queue, const struct virtq_chain *chain, uint32_t written)
{
	if (written > chain->in_size)
		written = (uint32_t)chain->in_size;
	/* Also when the driver will not hear of it: the bytes are there. */
	mark_written(queue, chain, written);
	if (!take_back(queue, chain))
		return;
	queue->layout->push(queue, chain, written);
	queue->pushed = true;
}

bool virtq_publish(struct virtq *queue)
{
	bool wanted;

	if (!is_usable(queue) || !queue->pushed)
		return false;
	queue->layout->show(queue);
	/* Rule 3. The driver's half: 2.7.7, and the examples in 2.7.14 and 2.8.22. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wanted = queue->layout->wants_interrupt(queue);
	queue->pushed = false;
	queue->shown_used = queue->state.next_used;
	queue->shown_wrap = queue->state.used_wrap;
	return wanted;
}

/* -- notifications from the driver -- */

bool virtq_want_kicks(struct virtq *queue)
{
	if (!is_usable(queue))
		return false;
	queue->kicks_wanted = true;
	queue->layout->ask(queue, true);
	/* Rule 4. The driver's half: 2.7.13.4.1 and 2.8.21.3.1. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return queue->layout->has_more(queue);
}

void virtq_refuse_kicks(struct virtq *queue)
{
	if (!is_usable(queue) || !queue->kicks_wanted)
		return;
	queue->kicks_wanted = false;
	queue->layout->ask(queue, false);
}

/* -- the contents of a chain -- */

struct segments {
	const struct iovec *iov;
	unsigned nr;
};

/* Copy between `buffer` and the segments; to them if `in`. */
static size_t copy_segments(struct segments segments, uint64_t offset, uint8_t *buffer,
			    size_t size, bool in)
{
	size_t done = 0;

	for (unsigned i = 0; i < segments.nr && done < size; i++) {
		const struct iovec *iov = &segments.iov[i];
		uint8_t *guest = iov->iov_base;
		size_t n;

		if (offset >= iov->iov_len) {
			offset -= iov->iov_len;
			continue;
		}
		n = iov->iov_len - offset;
		if (n > size - done)
			n = size - done;
		if (in)
			memcpy(guest + offset, buffer + done, n);
		else
			virtq_copy_once(buffer + done, guest + offset, n);
		done += n;
		offset = 0;
	}
	return done;
}

size_t virtq_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to,
			size_t size)
{
	struct segments out = { chain->iov, chain->nr_out };

	return copy_segments(out, offset, to, size, false);
}

size_t virtq_chain_write(const struct virtq_chain *chain, uint64_t offset,
			 const void *from, size_t size)
{
	struct segments in = { chain->iov + chain->nr_out, chain->nr_in };

	return copy_segments(in, offset, (uint8_t *)from, size, true);
}
