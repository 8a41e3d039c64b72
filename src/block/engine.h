/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between block.c, which opens files, and the engines that move the data. Private to
 * src/block/. Unless stated otherwise a function belongs to the loop's thread.
 *
 *	block_submit()	puts a request into the queue of the block
 *	block_kick()	has an engine take all of them:
 *	uring.c		reads, writes and flushes, by the kernel
 *	threads.c	all else, or all: threads, which call
 *	raw.c		one request on a raw file, from its start to its end
 *	block_finish()	hands a request back to its owner
 */
#ifndef TANE_BLOCK_ENGINE_H
#define TANE_BLOCK_ENGINE_H

#include "block/block.h"

struct uring;

struct block {
	int fd;
	struct loop *loop;
	struct block_info info;
	bool is_device;        /* a block device of the host, not a regular file */
	bool direct;           /* O_DIRECT: buffers and lengths have to be aligned */
	uint32_t memory_align; /* of buffers, in bytes, a power of two; with `direct` */

	/* Learnt on the way: the file system cannot do that. Atomic. */
	bool no_punch, no_zero_range;

	/*
	 * A flush failed, with this errno: what the page cache lost then it takes for clean,
	 * and the next fdatasync() says that all is well. So none is believed any more.
	 */
	int lost;

	/* Submitted, and not yet taken by an engine. */
	struct block_request *first, **last;

	struct uring *uring; /* NULL: threads do all */
	struct pool *pool;   /* NULL: not needed yet */
	bool busy;           /* in block_run(): who kicks now need not call it again */
	bool delivered;      /* done() was called since the last batch() */
	void (*batch)(void *opaque);
	void *opaque;
};

/* Take the first request from the queue. NULL: it is empty. */
struct block_request *block_take(struct block *block);

/* `request` is over: 0 or an errno. Inside block_run() only. */
void block_finish(struct block *block, struct block_request *request, int error);

/*
 * Deliver what is done, by `reap`, and go on with the queue, until there is no
 * progress without waiting. All ways from the loop into the block layer lead through
 * here, so that done() may submit and kick without recursion.
 */
void block_run(struct block *block, void (*reap)(struct block *block));

/* -- raw.c; any thread -- */

/* Are the buffers of a read or write, and its place, such that O_DIRECT takes them? */
bool raw_is_aligned(const struct block *block, const struct block_request *request);

/* Is it a request that makes sense for this file? 0 or an errno. */
int raw_check(const struct block *block, const struct block_request *request);

/* Do all that is left of the request, beginning with byte `finished`; waits. 0 or an errno. */
int raw_perform(struct block *block, struct block_request *request);

/* Can the file give blocks back? Changes no contents. */
bool raw_can_discard(struct block *block);

/* -- threads.c -- */

/*
 * Have a thread do the request. The pool is made on first use; where it cannot be, the
 * caller does the work. Inside block_run() only.
 */
void threads_submit(struct block *block, struct block_request *request);

/* -- uring.c -- */

/* NULL: the host has no io_uring for us; err says why. */
struct uring *uring_open(struct block *block, struct err *err);
/* Take the queue, as far as there is room; what is done at once is delivered. */
void uring_kick(struct block *block);
/* Deliver what the kernel has put into the completion ring. */
void uring_reap(struct block *block);
void uring_close(struct uring *uring);

/* -- device.c: block devices of the host -- */

struct device_limits {
	uint32_t logical_block_size, physical_block_size;
	uint32_t discard_granularity; /* 0: cannot discard */
	bool read_only;
};

int device_limits(int fd, struct device_limits *limits, struct err *err);
/* 0, or -1 with errno. Any thread; waits. */
int device_discard(int fd, uint64_t offset, uint64_t length);

#endif
