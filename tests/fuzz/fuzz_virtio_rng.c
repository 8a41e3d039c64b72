/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy device. */
#include "virtio/rng.h"
#include "virtio_fuzz.h"

static struct virtio *make(struct fuzz_virtio *fuzz)
{
	struct err err;

	return virtio_rng_new(&fuzz->platform, fuzz->packed, &err);
}

static unsigned request(struct fuzz_virtio *fuzz, unsigned queue,
			struct ring_segment *segments)
{
	unsigned nr = 1 + fuzz_below(fuzz, 4);

	(void)queue;
	for (unsigned i = 0; i < nr; i++)
		segments[i] = fuzz_segment(fuzz, 8192, RING_IN);
	return nr;
}

static void check_alive(struct fuzz_virtio *fuzz)
{
	struct ring_segment segment = { FUZZ_BUFFERS, 64, RING_IN };
	uint8_t zero[64] = { 0 }, bytes[64];

	FUZZ_CHECK(memory_write(fuzz->memory, FUZZ_BUFFERS, zero, sizeof(zero)));
	FUZZ_CHECK(fuzz_ask(fuzz, 0, &segment, 1) == 64);
	FUZZ_CHECK(memory_read(fuzz->memory, FUZZ_BUFFERS, bytes, sizeof(bytes)));
	FUZZ_CHECK(memcmp(bytes, zero, sizeof(bytes)));
}

static const struct fuzz_target rng = { make, request, NULL, NULL, check_alive };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_virtio(&rng, data, size);
}
