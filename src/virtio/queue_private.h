/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two layouts, queue_split.c and queue_packed.c, share with queue.c. Nobody
 * else includes this.
 */
#ifndef TANE_VIRTIO_QUEUE_PRIVATE_H
#define TANE_VIRTIO_QUEUE_PRIVATE_H

#include <string.h>

#include "virtio/queue.h"
#include "virtio/ring.h"

/*
 * One layout of rings. queue.c calls these only while the queue runs, and keeps account
 * of the chains in flight; see queue.h for what each does.
 */
struct virtq_layout {
	/* Check and map the areas, check where the state says that we are. */
	int (*start)(struct virtq *queue);
	/* Fills the chain and moves next_avail when it returns 1. */
	int (*pop)(struct virtq *queue, struct virtq_chain *chain);
	void (*unpop)(struct virtq *queue, const struct virtq_chain *chain);
	/* Writes a used entry that is not seen yet, and moves next_used. */
	void (*push)(struct virtq *queue, const struct virtq_chain *chain,
		     uint32_t written);
	/* Show what was pushed. */
	void (*show)(struct virtq *queue);
	/* Does the driver want an interrupt for what was used since shown_used? */
	bool (*wants_interrupt)(const struct virtq *queue);
	/* Write down whether we want kicks, and: are there chains to pop? */
	void (*ask)(struct virtq *queue, bool kicks);
	bool (*has_more)(const struct virtq *queue);
};

extern const struct virtq_layout virtq_split_layout;
extern const struct virtq_layout virtq_packed_layout;

/*
 * The driver broke a rule: set `fault` to the text and the clause of virtio 1.2. The
 * first breach stays. Always returns -1.
 */
int virtq_breach(struct virtq *queue, const char *clause, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The host address of an area of the ring. NULL: it is a breach of `clause`. */
struct virtq_area {
	const char *name;
	uint64_t gpa, size;
	unsigned alignment;
	const char *clause;
};

void *virtq_map_area(struct virtq *queue, const struct virtq_area *area);

/* May this head or buffer ID be popped? */
int virtq_check_id(struct virtq *queue, uint16_t id);

/* Append one descriptor of a buffer to the chain. */
int virtq_add_element(struct virtq *queue, struct virtq_chain *chain, uint64_t addr,
		      uint32_t len, bool device_writable);

/*
 * The indirect table that a descriptor refers to, of *nr descriptors of 16 bytes. It may
 * lie at any address, also an odd one. NULL: it is a breach.
 */
const uint8_t *virtq_map_table(struct virtq *queue, uint64_t addr, uint32_t len,
			       uint32_t *nr);

/*
 * Copy what the guest may be changing, once: behind the fence the compiler cannot go
 * back to the source for a part of the copy. The bytes may be torn, which is the
 * driver's loss; what was checked is what is used, which is ours to see to.
 */
static inline void virtq_copy_once(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
