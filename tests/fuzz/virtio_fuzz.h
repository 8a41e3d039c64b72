/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device driven by the input of a fuzzer, through a transport or past it: no
 * KVM, no guest. The driver is mostly honest: rings are set up well and requests are what
 * the device's target makes of them. Between two steps it may change any byte of a ring,
 * add chains of junk, write any register, reset, or go on with a saved state.
 *
 * Always: nothing crashes, the loop comes to rest, a reset ends, and after it the device
 * serves a good request.
 */
#ifndef TESTS_FUZZ_VIRTIO_FUZZ_H
#define TESTS_FUZZ_VIRTIO_FUZZ_H

#include "../unit/ring_driver.h"
#include "chip.h"
#include "virtio/virtio.h"

#define FUZZ_LOW_SIZE     0x200000ull
#define FUZZ_HIGH         0x100000000ull
#define FUZZ_HIGH_SIZE    0x10000ull
#define FUZZ_RINGS        0x10000ull
#define FUZZ_RING_STRIDE  0x4000ull
#define FUZZ_BUFFERS      0x100000ull
#define FUZZ_MAX_QUEUES   40u
#define FUZZ_MAX_SEGMENTS 16u

struct fuzz_target;

struct fuzz_virtio {
	const struct fuzz_target *target;
	struct fuzz_input input;
	struct memory *memory;
	struct bus bus;
	struct loop loop;
	struct platform platform;
	struct virtio *virtio;
	bool packed;
	bool has_transport;
	unsigned variant; /* of the device, for make() */
	struct ring_driver rings[FUZZ_MAX_QUEUES];
	unsigned interrupts;
};

/* What is special about a device. */
struct fuzz_target {
	/* A device with what is behind it; never NULL. */
	struct virtio *(*make)(struct fuzz_virtio *fuzz);
	/* Segments for a request on a queue, and what is in them. Returns how many. */
	unsigned (*request)(struct fuzz_virtio *fuzz, unsigned queue,
			    struct ring_segment *segments);
	/* Something happens outside. May be NULL. */
	void (*outside)(struct fuzz_virtio *fuzz);
	/* The outside is as it should be again. May be NULL. */
	void (*calm_down)(struct fuzz_virtio *fuzz);
	/* Freshly driven: it has to work. */
	void (*check_alive)(struct fuzz_virtio *fuzz);
};

/* One input. */
int fuzz_virtio(const struct fuzz_target *target, const uint8_t *data, size_t size);

/* The next byte of the input, reduced to 0 .. below - 1. */
unsigned fuzz_below(struct fuzz_virtio *fuzz, unsigned below);

/* A segment somewhere in the buffers, of the input's choice. */
struct ring_segment fuzz_segment(struct fuzz_virtio *fuzz, uint32_t max_len,
				 enum ring_direction direction);
/* A segment with these bytes. */
struct ring_segment fuzz_data(struct fuzz_virtio *fuzz, const void *data, uint32_t size);

/* For check_alive(): a request that is answered in some seconds; bytes written. */
uint32_t fuzz_ask(struct fuzz_virtio *fuzz, unsigned queue,
		  const struct ring_segment *segments, unsigned nr_segments);

/* Turn the loop until it rests. */
void fuzz_settle(struct fuzz_virtio *fuzz);

#endif
