/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtqueue, split or packed (virtio 1.2, 2.6 to 2.8), seen from the device. queue.c
 * tells how it works. No other code reads a ring. All of it belongs to the loop of the
 * device, but for the fields that the transport sets while the queue is not in use.
 *
 *	while (virtq_pop(q, &chain) == 1) {
 *		... chain.iov[0 .. nr_out) to read, [nr_out .. nr_out + nr_in) to write
 *		virtq_push(q, &chain, bytes_written);
 *	}
 *	if (virtq_publish(q))
 *		interrupt the driver
 */
#ifndef TANE_VIRTIO_QUEUE_H
#define TANE_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/memory.h"
#include "util/err.h"
#include "util/state.h"

#define VIRTQ_MAX_SIZE 1024u

/* Feature bits that shape a ring. */
#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_EVENT_IDX     29
#define VIRTIO_F_VERSION_1     32
#define VIRTIO_F_RING_PACKED   34

/* What the driver set up, and where the device is in the ring: all that is saved. */
struct virtq_state {
	uint16_t size;   /* what the driver chose, at most max_size */
	uint8_t ready;   /* the driver enabled it */
	uint64_t desc;   /* descriptor area */
	uint64_t driver; /* driver area: avail ring, or driver event suppression */
	uint64_t device; /* device area: used ring, or device event suppression */
	uint16_t next_avail, next_used;
	uint8_t avail_wrap, used_wrap; /* packed only */
};

struct virtq_layout;

struct virtq {
	const struct memory *memory;
	uint16_t max_size;
	struct virtq_state state;
	bool packed, event_idx, indirect; /* as virtq_start() was told */
	/* What the driver did wrong, with the clause, and pop gives -1; empty: nothing. */
	char fault[160];

	/* Private to queue.c, queue_split.c and queue_packed.c. */
	const struct virtq_layout *layout; /* NULL: stopped */
	void *desc, *driver, *device;      /* the three areas in host memory */
	bool *ids_out;        /* by head or buffer ID: popped and not pushed; owned */
	uint16_t in_flight;   /* how many of them */
	uint16_t avail_seen;  /* split: the available index when it was last read */
	bool kicks_wanted;    /* what the driver was last told */
	bool pushed;          /* since the last virtq_publish() */
	uint16_t shown_used;  /* next_used at the last virtq_publish() ... */
	uint8_t shown_wrap;   /* ... and used_wrap: as far as the driver can see */
	uint16_t shown_flags; /* packed: flags for the descriptor there, held back */
};

/*
 * One request of the driver. `iov` is the caller's and has room for max_iov
 * segments; virtq->state.size of them always suffice, fewer are a limit of the device
 * (2.7.4.1). No segment is empty. They point into guest memory: the driver can change
 * the bytes at any time, so copy once what you check. After 0 or -1 of virtq_pop() there
 * is nothing in it.
 */
struct virtq_chain {
	struct iovec *iov;
	unsigned max_iov;
	unsigned nr_out;            /* segments that the device reads; they come first */
	unsigned nr_in;             /* segments that the device writes */
	uint64_t out_size, in_size; /* bytes, below 2^32 together; may be 0 */
	uint16_t id;                /* private: head, or buffer ID */
	uint16_t nr_slots;          /* private: ring entries that it takes (packed) */
	uint16_t nr_elements;       /* private: descriptors with data, empty ones too */
};

/* `max_size`: at most VIRTQ_MAX_SIZE, and a power of two for split rings. */
void virtq_init(struct virtq *queue, const struct memory *memory, uint16_t max_size);
void virtq_destroy(struct virtq *queue);
/* Forget all that the driver set up, and what it did wrong. Stops the queue. */
void virtq_reset(struct virtq *queue);

/*
 * Begin to use the ring as the driver set it up, or as it was saved, with the agreed
 * `features`; checks sizes, alignment and that each area is RAM. -1 with `fault` set if
 * it is not right. Nothing may be in flight; kicks are wanted from now on.
 */
int virtq_start(struct virtq *queue, uint64_t features);
/* Touch the ring no more. What is still in flight may be pushed, to no effect. */
void virtq_stop(struct virtq *queue);

/* 1: *chain is the next request. 0: none now, or stopped. -1: the ring is broken. */
int virtq_pop(struct virtq *queue, struct virtq_chain *chain);

/*
 * Undo the last virtq_pop(): nothing was done for it (no buffer was large enough yet).
 * Several can be undone, the last first.
 */
void virtq_unpop(struct virtq *queue, const struct virtq_chain *chain);

/*
 * Give a chain back: `written` bytes (at most in_size) were written to its in-segments,
 * from the first on. They are marked as written in guest memory. In any order. Not seen
 * by the driver before virtq_publish().
 */
void virtq_push(struct virtq *queue, const struct virtq_chain *chain, uint32_t written);

/* Show all pushed chains to the driver. Returns whether it wants an interrupt. */
bool virtq_publish(struct virtq *queue);

/*
 * Ask the driver for kicks, or tell it to save them. Asking returns true if
 * requests came in meanwhile: then go on popping, no kick will come for those.
 */
bool virtq_want_kicks(struct virtq *queue);
void virtq_refuse_kicks(struct virtq *queue);

/*
 * Copy from the out-segments or to the in-segments, from their byte `offset` on. Returns
 * how many bytes there were to copy. Each byte of the guest is read once.
 */
size_t virtq_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to,
			size_t size);
size_t virtq_chain_write(const struct virtq_chain *chain, uint64_t offset,
			 const void *from, size_t size);

extern const struct state_layout virtq_state_layout;

#endif
