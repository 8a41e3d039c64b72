/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that do requests: all of them where the host has no io_uring, else those
 * that the kernel would make wait or that take more than one system call.
 *
 * A block has a pool from its first such request on. If the host has no thread or no
 * descriptor for us, the loop itself does the work: slow, but right.
 */
#include "block/engine.h"

static struct block_request *request_of(struct pool_job *job)
{
	return (void *)((char *)job - offsetof(struct block_request, job));
}

static void perform(void *opaque, struct pool_job *job)
{
	struct block_request *request = request_of(job);

	request->error = raw_perform(opaque, request);
}

static void reap(struct block *block)
{
	struct pool_job *job = pool_reap(block->pool), *next;

	for (; job; job = next) {
		next = job->next; /* done() may submit it again */
		block_finish(block, request_of(job), request_of(job)->error);
	}
}

static void finished(void *opaque)
{
	block_run(opaque, reap);
}

void threads_submit(struct block *block, struct block_request *request)
{
	const struct pool_setup setup = {
		.loop = block->loop,
		.perform = perform,
		.finished = finished,
		.opaque = block,
	};
	struct err err;

	if (!block->pool)
		block->pool = pool_open(&setup, &err);
	if (block->pool)
		pool_submit(block->pool, &request->job);
	else
		block_finish(block, request, raw_perform(block, request));
}
