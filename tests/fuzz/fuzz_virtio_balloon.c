/* SPDX-License-Identifier: BSD-2-Clause */
/* The balloon, which takes away the memory that everything lies in. */
#include "virtio/balloon.h"
#include "virtio_fuzz.h"

#define QUEUE_INFLATE 0u
#define QUEUE_DEFLATE 1u
#define QUEUE_STATS   2u

static struct virtio *make(struct fuzz_virtio *fuzz)
{
	struct err err;
	struct virtio *virtio = virtio_balloon_new(&fuzz->platform, 1 << 20,
						   fuzz->variant & 1, fuzz->packed, &err);

	if (virtio && fuzz->variant & 2)
		FUZZ_CHECK(!virtio_balloon_poll_stats(virtio, &err));
	return virtio;
}

static unsigned add_pfns(struct fuzz_virtio *fuzz, struct ring_segment *segments)
{
	uint32_t pfns[64];
	unsigned nr = 1 + fuzz_below(fuzz, 64);
	uint32_t pfn = (uint32_t)fuzz_next(&fuzz->input, 2) % 600;

	for (unsigned i = 0; i < nr; i++) {
		unsigned how = fuzz_below(fuzz, 256);

		pfn += how % 4;
		pfns[i] = how < 250 ? pfn : (uint32_t)fuzz_next(&fuzz->input, 4);
	}
	segments[0] = fuzz_data(fuzz, pfns, 4 * nr);
	return 1;
}

static unsigned add_stats(struct fuzz_virtio *fuzz, struct ring_segment *segments)
{
	uint8_t stats[100];
	unsigned nr = fuzz_below(fuzz, 10);

	for (unsigned i = 0; i < nr; i++) {
		store_le16(stats + 10 * i, (uint16_t)fuzz_below(fuzz, 12));
		store_le64(stats + 10 * i + 2, fuzz_next(&fuzz->input, 8));
	}
	segments[0] = fuzz_data(fuzz, stats, 10 * nr + fuzz_below(fuzz, 4));
	return 1;
}

static unsigned request(struct fuzz_virtio *fuzz, unsigned queue,
			struct ring_segment *segments)
{
	unsigned nr;

	if (queue <= QUEUE_DEFLATE)
		return add_pfns(fuzz, segments);
	if (queue == QUEUE_STATS && fuzz_below(fuzz, 4))
		return add_stats(fuzz, segments);
	nr = 1 + fuzz_below(fuzz, 8);
	for (unsigned i = 0; i < nr; i++)
		segments[i] = fuzz_segment(fuzz, 0xffff, RING_IN);
	return nr;
}

static void outside(struct fuzz_virtio *fuzz)
{
	virtio_balloon_set_size(fuzz->virtio, fuzz_next(&fuzz->input, 4));
}

static void check_alive(struct fuzz_virtio *fuzz)
{
	const uint64_t page = FUZZ_BUFFERS + 0x5000;
	const uint32_t pfn = (uint32_t)(page >> 12);
	struct ring_segment segment = { FUZZ_BUFFERS, 4, RING_OUT };
	uint8_t byte = 0x5a;

	FUZZ_CHECK(memory_write(fuzz->memory, FUZZ_BUFFERS, &pfn, 4) &&
		   memory_write(fuzz->memory, page, &byte, 1));
	fuzz_ask(fuzz, QUEUE_INFLATE, &segment, 1);
	FUZZ_CHECK(memory_read(fuzz->memory, page, &byte, 1) && byte == 0);
	fuzz_ask(fuzz, QUEUE_DEFLATE, &segment, 1);
}

static const struct fuzz_target balloon = { make, request, outside, NULL, check_alive };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_virtio(&balloon, data, size);
}
