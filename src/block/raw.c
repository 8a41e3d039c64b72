/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request on a raw file or block device, done from its start to its end in the
 * calling thread: what the threads of a pool do, and the reference for uring.c.
 *
 * Short reads and writes are continued; request->finished counts what is done. The
 * end of the file comes only when it shrank behind our back, and is EIO.
 *
 * O_DIRECT wants buffers, lengths and places aligned. The driver of a guest may put
 * its buffers at any byte; then the data goes through a buffer of ours, in pieces.
 *
 * Zeroes: by the file system if it can, else written. Whether it can shows when it
 * is asked; a no is remembered.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "block/engine.h"
#include "util/bytes.h"

#define BOUNCE_SIZE (256u << 10)
#define MAX_IOV     64 /* per system call */

static const uint8_t zeroes[4096] __attribute__((aligned(4096)));

int raw_check(const struct block *block, const struct block_request *request)
{
	uint32_t mask = block->info.logical_block_size - 1;

	if (request->op == BLOCK_FLUSH)
		return 0;
	if (!range_within(request->offset, request->length, block->info.size))
		return EINVAL;
	if ((request->offset | request->length) & mask)
		return EINVAL;
	if (request->op != BLOCK_READ && block->info.read_only)
		return EROFS;
	return 0;
}

bool raw_is_aligned(const struct block *block, const struct block_request *request)
{
	uint64_t memory = 0, length = 0;

	if (!block->direct)
		return true;
	/* The place in the file is right by raw_check(): open() saw to the block size. */
	for (unsigned i = 0; i < request->nr_iov; i++) {
		memory |= (uintptr_t)request->iov[i].iov_base;
		length |= request->iov[i].iov_len;
	}
	return !(memory & (block->memory_align - 1)) &&
	       !(length & (block->info.logical_block_size - 1));
}

/* The segments behind the first `skip` bytes, at most MAX_IOV. */
static int rest_of(const struct block_request *request, uint64_t skip, struct iovec *iov)
{
	int n = 0;

	for (unsigned i = 0; i < request->nr_iov && n < MAX_IOV; i++) {
		const struct iovec *from = &request->iov[i];

		if (skip >= from->iov_len) {
			skip -= from->iov_len;
			continue;
		}
		iov[n++] = (struct iovec){ (uint8_t *)from->iov_base + skip,
					   from->iov_len - skip };
		skip = 0;
	}
	return n;
}

static void copy_iov(const struct block_request *request, uint8_t *buffer, size_t size,
		     bool from_guest)
{
	struct iovec iov[MAX_IOV];
	uint64_t at = request->finished;

	while (size) {
		int n = rest_of(request, at, iov);

		if (n == 0)
			return;
		for (int i = 0; i < n && size; i++) {
			size_t len = iov[i].iov_len < size ? iov[i].iov_len : size;

			if (from_guest)
				memcpy(buffer, iov[i].iov_base, len);
			else
				memcpy(iov[i].iov_base, buffer, len);
			buffer += len;
			size -= len;
			at += len;
		}
	}
}

/* One system call at the place that the request has reached. Bytes, or -errno. */
static ssize_t move(const struct block *block, enum block_op op, uint64_t offset,
		    const struct iovec *iov, int n)
{
	ssize_t moved;

	do {
		if (op == BLOCK_READ)
			moved = preadv(block->fd, iov, n, (off_t)offset);
		else
			moved = pwritev(block->fd, iov, n, (off_t)offset);
	} while (moved < 0 && errno == EINTR);
	if (moved < 0)
		return -errno;
	/* What follows must begin at a block again: do the torn one once more. */
	if (block->direct)
		moved = (ssize_t)align_down((uint64_t)moved,
					    block->info.logical_block_size);
	return moved > 0 ? moved : -EIO;
}

static int bounce(const struct block *block, struct block_request *request)
{
	uint32_t align = block->memory_align > 4096 ? block->memory_align : 4096;
	void *buffer;
	int error = 0;

	if (posix_memalign(&buffer, align, BOUNCE_SIZE))
		return ENOMEM;
	while (!error && request->finished < request->length) {
		uint64_t left = request->length - request->finished;
		struct iovec iov = { buffer, left < BOUNCE_SIZE ? left : BOUNCE_SIZE };
		ssize_t moved;

		if (request->op == BLOCK_WRITE)
			copy_iov(request, buffer, iov.iov_len, true);
		moved = move(block, request->op, request->offset + request->finished,
			     &iov, 1);
		if (moved < 0) {
			error = (int)-moved;
			break;
		}
		if (request->op == BLOCK_READ)
			copy_iov(request, buffer, (size_t)moved, false);
		request->finished += (uint64_t)moved;
	}
	free(buffer);
	return error;
}

static int transfer(const struct block *block, struct block_request *request)
{
	struct iovec iov[MAX_IOV];

	while (request->finished < request->length) {
		int n = rest_of(request, request->finished, iov);
		ssize_t moved;

		/* Going on inside a segment may be below the alignment of memory. */
		if (request->finished &&
		    block->memory_align > block->info.logical_block_size)
			return bounce(block, request);
		moved = move(block, request->op, request->offset + request->finished, iov,
			     n);

		if (moved < 0)
			return (int)-moved;
		request->finished += (uint64_t)moved;
	}
	return 0;
}

static int write_zeroes_out(const struct block *block, struct block_request *request)
{
	struct iovec iov[MAX_IOV];

	while (request->finished < request->length) {
		uint64_t left = request->length - request->finished;
		ssize_t moved;
		int n = 0;

		for (; n < MAX_IOV && left; n++) {
			size_t len = left < sizeof(zeroes) ? left : sizeof(zeroes);

			iov[n] = (struct iovec){ (void *)(uintptr_t)zeroes, len };
			left -= len;
		}
		moved = move(block, BLOCK_WRITE, request->offset + request->finished, iov,
			     n);
		if (moved < 0)
			return (int)-moved;
		request->finished += (uint64_t)moved;
	}
	return 0;
}

/* fallocate(), unless it is known not to work. 0, EOPNOTSUPP or another errno. */
static int allocate(const struct block *block, int mode, uint64_t offset, uint64_t length,
		    bool *unsupported)
{
	int r;

	if (__atomic_load_n(unsupported, __ATOMIC_RELAXED))
		return EOPNOTSUPP;
	do {
		r = fallocate(block->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			      (off_t)length);
	} while (r && errno == EINTR);
	if (r == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return errno;
	__atomic_store_n(unsupported, true, __ATOMIC_RELAXED);
	return EOPNOTSUPP;
}

static int zero(struct block *block, struct block_request *request)
{
	int error = EOPNOTSUPP;

	/* A hole is cheapest, but only where the driver allows to give blocks back. */
	if (request->may_unmap)
		error = allocate(block, FALLOC_FL_PUNCH_HOLE, request->offset,
				 request->length, &block->no_punch);
	if (error == EOPNOTSUPP)
		error = allocate(block, FALLOC_FL_ZERO_RANGE, request->offset,
				 request->length, &block->no_zero_range);
	if (error == EOPNOTSUPP)
		error = write_zeroes_out(block, request);
	return error;
}

static int discard(struct block *block, const struct block_request *request)
{
	int error;

	if (!block->is_device)
		error = allocate(block, FALLOC_FL_PUNCH_HOLE, request->offset,
				 request->length, &block->no_punch);
	else
		error = device_discard(block->fd, request->offset, request->length)
				? errno
				: 0;
	/* It is a hint: a host that cannot follow it has done nothing wrong. */
	return error == EOPNOTSUPP ? 0 : error;
}

static int flush(const struct block *block)
{
	int r;

	do {
		r = fdatasync(block->fd);
	} while (r && errno == EINTR);
	return r ? errno : 0;
}

int raw_perform(struct block *block, struct block_request *request)
{
	int error = raw_check(block, request);

	if (error || (request->op != BLOCK_FLUSH && request->length == 0))
		return error;
	switch (request->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		if (!raw_is_aligned(block, request))
			return bounce(block, request);
		return transfer(block, request);
	case BLOCK_FLUSH:
		return flush(block);
	case BLOCK_DISCARD:
		return discard(block, request);
	case BLOCK_WRITE_ZEROES:
		return zero(block, request);
	}
	return EINVAL;
}

bool raw_can_discard(struct block *block)
{
	const off_t end = lseek(block->fd, 0, SEEK_END);

	if (end < 0)
		return false;
	/* Well behind the end there is nothing to lose. */
	return allocate(block, FALLOC_FL_PUNCH_HOLE,
			align_up((uint64_t)end, 1u << 20) + (1u << 20), 4096,
			&block->no_punch) != EOPNOTSUPP;
}
