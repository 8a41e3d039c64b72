/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool of threads for a loop: jobs that wait are done there, and come back to the
 * loop (see pool.c). Disks and shares have one each.
 *
 * All functions: the loop's thread, or while neither it nor a thread of the pool runs.
 */
#ifndef TANE_CORE_POOL_H
#define TANE_CORE_POOL_H

#include <stdbool.h>

#include "core/loop.h"
#include "util/err.h"

#define POOL_MAX_THREADS 8
#define POOL_STACK_SIZE  (256u << 10)

/* Embedded in what shall be done; the pool's from pool_submit() until pool_reap(). */
struct pool_job {
	struct pool_job *next;
};

struct pool_setup {
	struct loop *loop;
	/* On a thread, which has all signals blocked: do it. */
	void (*perform)(void *opaque, struct pool_job *job);
	/* On the loop: some are done; may come when pool_reap() has had them already. */
	void (*finished)(void *opaque);
	void *opaque;
};

/* NULL with a message: the host has no thread or no descriptor for us. */
struct pool *pool_open(const struct pool_setup *setup, struct err *err);

/* Have a thread do the job. In the order of submission, as far as threads are free. */
void pool_submit(struct pool *pool, struct pool_job *job);

/* Take a submitted job back; false: it has begun, or is done already. */
bool pool_withdraw(struct pool *pool, struct pool_job *job);

/* All jobs that are done, the first to be done first, linked by `next`; NULL: none. */
struct pool_job *pool_reap(struct pool *pool);

/*
 * Wait for the jobs that have begun, and forget all: none is handed back any more. NULL is
 * fine.
 */
void pool_close(struct pool *pool);

#endif
