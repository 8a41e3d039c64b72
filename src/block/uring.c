/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads, writes and flushes by io_uring: one system call hands over all that was
 * queued, and what the page cache has is done when it returns.
 *
 * System calls are what an I/O costs, so there are few:
 *
 *	- epoll watches the ring itself, there is no eventfd to be read;
 *	- DEFER_TASKRUN: completions gather in the kernel, without interrupting this
 *	  thread, until it asks for them, which uring_reap() does once per wake-up;
 *	- one call submits and reaps;
 *	- the file and the ring are registered, which spares the look-ups.
 *
 * With DEFER_TASKRUN a ring belongs to one thread. It is made disabled by the thread that
 * opens the block, and enabled by the first kick, which comes on the loop's thread.
 *
 * Everything else is left to the pool: what the kernel would do by a thread of its own
 * (fallocate), misaligned O_DIRECT, and any read or write that came back short or
 * undecided, which begins again there at the byte that it has reached.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "block/engine.h"

#ifdef HAVE_LIBURING
#include <liburing.h>
#include <poll.h>

#define SQ_ENTRIES 128u    /* one call hands over at most so many */
#define CQ_ENTRIES 1024u   /* in flight at most, so the completion ring never overflows */
#define RETRY_NS   1000000 /* the kernel had no memory for a request */
#define CLOSE_NS   10000000000

struct uring {
	struct block *block;
	struct io_uring ring;
	bool deferred; /* DEFER_TASKRUN */
	bool enabled;  /* and watched by the loop */
	unsigned in_flight;
	struct loop_source source; /* the ring */
	struct loop_timer retry;
};

static void ring_ready(void *opaque, uint32_t epoll_events)
{
	struct uring *uring = opaque;

	(void)epoll_events;
	block_run(uring->block, uring_reap);
}

static void retry_fn(void *opaque)
{
	struct uring *uring = opaque;

	block_run(uring->block, uring_reap);
}

static int setup(struct uring *uring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED |
			 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		.cq_entries = CQ_ENTRIES,
	};
	int r = io_uring_queue_init_params(SQ_ENTRIES, &uring->ring, &params);

	uring->deferred = r == 0;
	if (r == -EINVAL) {
		/* Linux before 6.1 */
		params = (struct io_uring_params){
			.flags = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED,
			.cq_entries = CQ_ENTRIES,
		};
		r = io_uring_queue_init_params(SQ_ENTRIES, &uring->ring, &params);
	}
	return r;
}

struct uring *uring_open(struct block *block, struct err *err)
{
	struct uring *uring = calloc(1, sizeof(*uring));
	int r;

	if (!uring) {
		err_set(err, "out of memory");
		return NULL;
	}
	uring->block = block;
	r = setup(uring);
	if (r) {
		errno = -r;
		err_errno(err, "the host gives us no io_uring");
		free(uring);
		return NULL;
	}
	uring->source = (struct loop_source){ .fd = uring->ring.ring_fd,
					      .ready = ring_ready,
					      .opaque = uring };
	r = io_uring_register_files(&uring->ring, &block->fd, 1);
	if (r) {
		errno = -r;
		err_errno(err, "io_uring does not take the file");
	}
	if (r || loop_timer_init(&uring->retry, block->loop, retry_fn, uring, err)) {
		io_uring_queue_exit(&uring->ring);
		free(uring);
		return NULL;
	}
	return uring;
}

/* Wait, with an end, until the kernel has left all buffers alone. */
static void wait_for_all(struct uring *uring)
{
	struct pollfd pollfd = { .fd = uring->ring.ring_fd, .events = POLLIN };
	int64_t deadline = loop_now() + CLOSE_NS;

	uring->in_flight -= io_uring_sq_ready(&uring->ring);
	while (uring->in_flight && loop_now() < deadline) {
		unsigned n;

		if (uring->deferred)
			(void)io_uring_get_events(&uring->ring);
		n = io_uring_cq_ready(&uring->ring);
		io_uring_cq_advance(&uring->ring, n);
		uring->in_flight -= n;
		if (!n)
			(void)poll(&pollfd, 1, 100);
	}
}

void uring_close(struct uring *uring)
{
	if (!uring)
		return;
	wait_for_all(uring);
	if (uring->enabled)
		loop_remove(uring->block->loop, &uring->source);
	loop_timer_destroy(&uring->retry, uring->block->loop);
	io_uring_queue_exit(&uring->ring);
	free(uring);
}

/* The ring becomes that of the calling thread. */
static bool enable(struct uring *uring)
{
	struct err err;

	if (io_uring_enable_rings(&uring->ring))
		return false;
	if (loop_add(uring->block->loop, &uring->source, EPOLLIN, &err))
		return false;
	/* It only makes things a little faster. */
	(void)io_uring_register_ring_fd(&uring->ring);
	uring->enabled = true;
	return true;
}

static bool takes(const struct block *block, const struct block_request *request)
{
	if (raw_check(block, request))
		return false;
	switch (request->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		return request->length > 0 && request->length <= INT_MAX &&
		       raw_is_aligned(block, request);
	case BLOCK_FLUSH:
		return true;
	default:
		return false;
	}
}

static void prepare(struct io_uring_sqe *sqe, struct block_request *request)
{
	/* More segments than one call takes come back as a short read or write. */
	unsigned n = request->nr_iov < IOV_MAX ? request->nr_iov : IOV_MAX;

	if (request->op == BLOCK_FLUSH)
		io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
	else if (n == 1 && request->op == BLOCK_READ)
		io_uring_prep_read(sqe, 0, request->iov->iov_base,
				   (unsigned)request->length, request->offset);
	else if (n == 1)
		io_uring_prep_write(sqe, 0, request->iov->iov_base,
				    (unsigned)request->length, request->offset);
	else if (request->op == BLOCK_READ)
		io_uring_prep_readv(sqe, 0, request->iov, n, request->offset);
	else
		io_uring_prep_writev(sqe, 0, request->iov, n, request->offset);
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, request);
}

static void submit(struct uring *uring)
{
	int r;

	if (!io_uring_sq_ready(&uring->ring))
		return;
	do {
		r = uring->deferred ? io_uring_submit_and_get_events(&uring->ring)
				    : io_uring_submit(&uring->ring);
	} while (r == -EINTR);
	/*
	 * EAGAIN: no memory now. What the kernel has not taken stays in the ring, and is
	 * handed over with the next call.
	 */
	if (io_uring_sq_ready(&uring->ring))
		loop_timer_arm(&uring->retry, loop_now() + RETRY_NS);
}

/* What is left of a request, if anything is. */
static void complete(struct block *block, struct block_request *request, int result)
{
	if (result >= 0 && request->op != BLOCK_FLUSH) {
		request->finished = (uint64_t)result;
		if (request->finished == request->length) {
			block_finish(block, request, 0);
			return;
		}
		if (block->direct)
			request->finished -=
				request->finished % block->info.logical_block_size;
		pool_submit(block, request);
		return;
	}
	if (result == -EINTR || result == -EAGAIN) {
		pool_submit(block, request);
		return;
	}
	block_finish(block, request, -result);
}

/* Deliver what is in the completion ring; no system call. */
static void drain(struct uring *uring)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	io_uring_for_each_cqe(&uring->ring, head, cqe)
	{
		complete(uring->block, io_uring_cqe_get_data(cqe), cqe->res);
		n++;
	}
	io_uring_cq_advance(&uring->ring, n);
	uring->in_flight -= n;
}

void uring_reap(struct block *block)
{
	struct uring *uring = block->uring;

	/* Completions that wait in the kernel for this thread; a call without a wait. */
	if (uring->deferred)
		(void)io_uring_get_events(&uring->ring);
	drain(uring);
}

void uring_kick(struct block *block)
{
	struct uring *uring = block->uring;
	struct block_request *request;

	if (!uring->enabled && !enable(uring)) {
		uring_close(uring);
		block->uring = NULL;
		return;
	}
	while (uring->in_flight < CQ_ENTRIES && (request = block_take(block))) {
		struct io_uring_sqe *sqe = NULL;

		if (takes(block, request)) {
			sqe = io_uring_get_sqe(&uring->ring);
			if (!sqe) {
				submit(uring);
				sqe = io_uring_get_sqe(&uring->ring);
			}
		}
		if (!sqe) {
			pool_submit(block, request);
			continue;
		}
		prepare(sqe, request);
		uring->in_flight++;
	}
	submit(uring);
	drain(uring);
}

#else /* HAVE_LIBURING */

struct uring *uring_open(struct block *block, struct err *err)
{
	(void)block;
	err_set(err, "this tane was built without liburing");
	return NULL;
}

void uring_kick(struct block *block)
{
	(void)block;
}

void uring_reap(struct block *block)
{
	(void)block;
}

void uring_close(struct uring *uring)
{
	(void)uring;
}

#endif
