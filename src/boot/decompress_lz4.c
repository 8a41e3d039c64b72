/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The legacy lz4 frame, which Linux uses for its payload.
 *
 * The frame is its magic, then blocks, each with its packed size in front and
 * unpacking to at most 8 MiB, without any reference to another block. There is
 * no end mark: the frame ends with the input, or at a size that no block can
 * have, which is how the unpacked size looks that Linux puts behind it.
 *
 * Debian's cloud kernel takes this road on the way to its first instruction, and
 * it is short enough for memory bandwidth to matter: so the blocks are unpacked
 * by a few threads, each block to where it belongs if all before it are full.
 * (An odd packer may write shorter ones. They are moved together afterwards.)
 *
 * Specification: lz4, doc/lz4_Frame_format.md, "Legacy frame".
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "boot/formats.h"

#if HAVE_LZ4

#include <lz4.h>

#define BLOCK_SIZE  ((size_t)8 << 20)
#define MAX_BLOCKS  128 /* 1 GiB */
#define MAX_THREADS 4

struct block {
	struct bytes in;
	uint8_t *out;
	size_t room;
	int size; /* unpacked; negative: it does not unpack */
};

struct frame {
	struct block blocks[MAX_BLOCKS];
	unsigned nr_blocks;
	atomic_uint next; /* block that nobody has taken yet */
};

static enum unpack_result find_blocks(struct unpack *u, struct frame *frame)
{
	size_t at = 4; /* behind the magic */
	size_t out = 0;

	while (u->in.size - at > 4) {
		uint32_t packed = load_le32(u->in.data + at);
		struct block *block = &frame->blocks[frame->nr_blocks];

		if (!packed || packed > LZ4_COMPRESSBOUND(BLOCK_SIZE))
			break;
		if (frame->nr_blocks == MAX_BLOCKS || out >= u->limit)
			return UNPACK_TOO_LARGE;
		if (!bytes_slice(u->in, at + 4, packed, &block->in))
			return UNPACK_TRUNCATED;
		block->out = u->out + out;
		block->room = u->limit - out < BLOCK_SIZE ? u->limit - out : BLOCK_SIZE;
		frame->nr_blocks++;
		out += BLOCK_SIZE;
		at += 4 + (size_t)packed;
	}
	return frame->nr_blocks ? UNPACK_DONE : UNPACK_TRUNCATED;
}

static void *unpack_blocks(void *opaque)
{
	struct frame *frame = opaque;
	unsigned i;

	while ((i = atomic_fetch_add(&frame->next, 1)) < frame->nr_blocks) {
		struct block *block = &frame->blocks[i];

		block->size = LZ4_decompress_safe((const char *)block->in.data,
						  (char *)block->out, (int)block->in.size,
						  (int)block->room);
	}
	return NULL;
}

/* As many threads as there are CPUs for us, this one included. */
static unsigned count_threads(const struct frame *frame)
{
	unsigned threads = MAX_THREADS;
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return 1;
	if (threads > (unsigned)CPU_COUNT(&cpus))
		threads = (unsigned)CPU_COUNT(&cpus);
	return threads < frame->nr_blocks ? threads : frame->nr_blocks;
}

static void unpack_in_parallel(struct frame *frame)
{
	pthread_t helpers[MAX_THREADS];
	unsigned threads = count_threads(frame);
	unsigned started = 0;

	/* A thread that does not start leaves more work to the others. */
	while (started + 1 < threads &&
	       !pthread_create(&helpers[started], NULL, unpack_blocks, frame))
		started++;
	unpack_blocks(frame);
	while (started > 0)
		pthread_join(helpers[--started], NULL);
}

enum unpack_result unpack_lz4(struct unpack *u)
{
	struct frame frame = { .nr_blocks = 0 };
	enum unpack_result result = find_blocks(u, &frame);

	if (result != UNPACK_DONE)
		return result;
	unpack_in_parallel(&frame);

	for (unsigned i = 0; i < frame.nr_blocks; i++) {
		const struct block *block = &frame.blocks[i];

		if (block->size < 0)
			return block->room < BLOCK_SIZE ? UNPACK_TOO_LARGE
							: UNPACK_DAMAGED;
		if (block->out != u->out + u->used)
			memmove(u->out + u->used, block->out, (size_t)block->size);
		u->used += (size_t)block->size;
	}
	return UNPACK_DONE;
}

#endif
