/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disk images of the host: sizes and requests in bytes, completion by callback. It
 * knows no guest and no ring. block.c opens files and picks the engine that moves
 * the data (uring.c or threads.c). All on one thread, the loop's, but for opening and
 * closing, which is while the loop does not run.
 */
#ifndef TANE_BLOCK_BLOCK_H
#define TANE_BLOCK_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/config.h"
#include "core/loop.h"
#include "core/pool.h"
#include "util/err.h"

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,        /* all writes that were done() before are durable; once it
			     * failed it fails for ever, but with O_DIRECT */
	BLOCK_DISCARD,      /* the contents do not matter any more; a hint */
	BLOCK_WRITE_ZEROES, /* reads zeroes from now on */
};

/*
 * One request. The caller owns it, and the iov and its buffers, until done(), which
 * comes on the loop's thread (maybe before block_kick() returns), with 0 or an
 * errno. A short read or write is continued here; the end of the file is EIO. Ranges
 * that are not inside info->size are EINVAL, so are offsets and lengths of reads, writes
 * and zeroes that are no multiple of the logical block size.
 */
struct block_request {
	enum block_op op;
	uint64_t offset, length; /* length is the sum of the iov for reads and writes */
	const struct iovec *iov; /* is not changed */
	unsigned nr_iov;
	bool may_unmap; /* BLOCK_WRITE_ZEROES may give the blocks back */
	void (*done)(struct block_request *request, int error);

	struct block_request *next; /* private: in the queue for the engines */
	struct pool_job job;        /* private: in a pool */
	uint64_t finished;          /* private: bytes moved so far */
	int error;                  /* private */
};

struct block_info {
	uint64_t size; /* bytes */
	uint32_t logical_block_size, physical_block_size;
	bool read_only;
	bool can_discard, can_write_zeroes;
	uint32_t discard_granularity; /* bytes */
};

struct block;

/*
 * Open disk->path, take an OFD lock on it (a write lock unless read_only), and refuse
 * what is no raw image but looks like one (qcow2). The message says what to do. The
 * loop must not run yet. NULL on error.
 */
struct block *block_open(const struct config_disk *disk, struct loop *loop,
			 struct err *err);
/*
 * Requests in flight are waited for, since the kernel writes to their buffers, but done()
 * is not called any more. NULL is fine.
 */
void block_close(struct block *block);

const struct block_info *block_info(const struct block *block);

/* Queue a request; nothing happens before block_kick() hands over all that is queued. */
void block_submit(struct block *block, struct block_request *request);
void block_kick(struct block *block);

/*
 * Call `fn` after each row of done(), before the loop waits again: what requests share, as
 * an interrupt, can be done once for all of them. Both may call block_submit() and
 * block_kick(). Before the first request.
 */
void block_on_batch(struct block *block, void (*fn)(void *opaque), void *opaque);

#endif
