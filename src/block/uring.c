/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads, writes and flushes by io_uring: one system call hands over all that was
 * queued, and what the page cache has is done when it returns.
 *
 * System calls are what an I/O costs, so there are few. epoll watches the ring itself:
 * there is no eventfd that has to be read, nor is the kernel asked for completions,
 * which are found in the ring. What was done at once leaves nothing that would wake the loop.
 * COOP_TASKRUN: completions do not interrupt this thread at work, it meets them with
 * its next system call. (DEFER_TASKRUN would take a call to fetch them, and does
 * not wake epoll.)
 *
 * The file is not registered with the ring: the kernel would keep it, and its lock, for
 * a while after this process has ended, and the next one would be refused.
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
	unsigned in_flight;        /* not yet in the completion ring */
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

	/* With an empty queue this still hands over what is in the ring. */
	block_run(uring->block, uring_kick);
}

static int setup(struct uring *uring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN,
		.cq_entries = CQ_ENTRIES,
	};
	int r = io_uring_queue_init_params(SQ_ENTRIES, &uring->ring, &params);

	if (r == -EINVAL) {
		/* Linux before 5.19 */
		params = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE,
						   .cq_entries = CQ_ENTRIES };
		r = io_uring_queue_init_params(SQ_ENTRIES, &uring->ring, &params);
	}
	/* Linux before 5.7: too young to rely on. */
	if (r == 0 && !(params.features & IORING_FEAT_FAST_POLL)) {
		io_uring_queue_exit(&uring->ring);
		r = -ENOSYS;
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
	uring->retry.source.fd = -1;
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
	if (loop_timer_init(&uring->retry, block->loop, retry_fn, uring, err) ||
	    loop_add(block->loop, &uring->source, EPOLLIN, err)) {
		uring_close(uring);
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
		unsigned n = io_uring_cq_ready(&uring->ring);
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
	loop_remove(uring->block->loop, &uring->source);
	loop_timer_destroy(&uring->retry, uring->block->loop);
	io_uring_queue_exit(&uring->ring);
	free(uring);
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

static void prepare(struct io_uring_sqe *sqe, int fd, struct block_request *request)
{
	/* More segments than one call takes come back as a short read or write. */
	unsigned n = request->nr_iov < IOV_MAX ? request->nr_iov : IOV_MAX;

	if (request->op == BLOCK_FLUSH)
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	else if (n == 1 && request->op == BLOCK_READ)
		io_uring_prep_read(sqe, fd, request->iov->iov_base,
				   (unsigned)request->length, request->offset);
	else if (n == 1)
		io_uring_prep_write(sqe, fd, request->iov->iov_base,
				    (unsigned)request->length, request->offset);
	else if (request->op == BLOCK_READ)
		io_uring_prep_readv(sqe, fd, request->iov, n, request->offset);
	else
		io_uring_prep_writev(sqe, fd, request->iov, n, request->offset);
	io_uring_sqe_set_data(sqe, request);
}

static void submit(struct uring *uring)
{
	int r;

	if (!io_uring_sq_ready(&uring->ring))
		return;
	do
		r = io_uring_submit(&uring->ring);
	while (r == -EINTR);
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
		threads_submit(block, request);
		return;
	}
	if (result == -EINTR || result == -EAGAIN) {
		threads_submit(block, request);
		return;
	}
	block_finish(block, request, -result);
}

void uring_reap(struct block *block)
{
	struct uring *uring = block->uring;
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	io_uring_for_each_cqe(&uring->ring, head, cqe)
	{
		complete(block, io_uring_cqe_get_data(cqe), cqe->res);
		n++;
	}
	io_uring_cq_advance(&uring->ring, n);
	uring->in_flight -= n;
}

void uring_kick(struct block *block)
{
	struct uring *uring = block->uring;
	struct block_request *request;

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
			threads_submit(block, request);
			continue;
		}
		prepare(sqe, block->fd, request);
		uring->in_flight++;
	}
	submit(uring);
	uring_reap(block);
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
