/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests through a virtqueue, for tests/bench/ring to count instructions:
 *
 *	bench_ring split|packed SEGMENTS direct|indirect BATCH ROUNDS
 *
 * A round is BATCH requests: the driver adds them, the device pops all, pushes all
 * and publishes once, the driver takes the answers. EVENT_IDX is agreed, and the last
 * segment of each request is written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/ring_driver.h"

#define RING_SIZE    256u
#define MAX_SEGMENTS 16u
#define MAX_BATCH    64u
#define RING         0x10000ull
#define DATA         0x800000ull
#define RAM          (32ull << 20)

struct shape {
	unsigned segments, batch, rounds;
	bool indirect;
};

/* 4 KiB each, none beside another, and all but the first to be written. */
static int add(struct ring_driver *ring, const struct shape *shape, unsigned request)
{
	struct ring_segment segments[MAX_SEGMENTS];

	for (unsigned i = 0; i < shape->segments; i++)
		segments[i] = (struct ring_segment){
			.gpa = DATA + 0x2000ull * (request * MAX_SEGMENTS + i),
			.len = 4096,
			.direction = i || shape->segments == 1 ? RING_IN : RING_OUT,
		};
	return shape->indirect ? ring_driver_add_indirect(ring, segments, shape->segments)
			       : ring_driver_add(ring, segments, shape->segments);
}

/* What a device does with a batch. */
static int serve(struct virtq *queue, struct virtq_chain *chains)
{
	unsigned nr = 0;

	virtq_refuse_kicks(queue);
	while (nr < MAX_BATCH && virtq_pop(queue, &chains[nr]) == 1)
		nr++;
	for (unsigned i = 0; i < nr; i++)
		virtq_push(queue, &chains[i], (uint32_t)chains[i].in_size);
	virtq_publish(queue);
	return virtq_want_kicks(queue) ? -1 : (int)nr;
}

static int run(struct ring_driver *ring, struct virtq *queue, const struct shape *shape)
{
	static struct iovec iov[MAX_BATCH][RING_SIZE];
	struct virtq_chain chains[MAX_BATCH];

	for (unsigned i = 0; i < MAX_BATCH; i++)
		chains[i] = (struct virtq_chain){ .iov = iov[i], .max_iov = RING_SIZE };
	for (unsigned round = 0; round < shape->rounds; round++) {
		for (unsigned i = 0; i < shape->batch; i++)
			if (add(ring, shape, i) < 0)
				return -1;
		if (serve(queue, chains) != (int)shape->batch)
			return -1;
		for (unsigned i = 0; i < shape->batch; i++)
			if (ring_driver_take(ring, NULL) < 0)
				return -1;
		ring_driver_want_interrupts(ring, 0);
	}
	return 0;
}

static int bench(uint64_t features, const struct shape *shape)
{
	static struct ring_driver ring;
	struct memory memory = { 0 };
	struct virtq queue;
	struct err err;

	virtq_init(&queue, &memory, RING_SIZE);
	if (memory_add_ram(&memory, 0, RAM, &err) ||
	    ring_driver_init(&ring, &memory, RING, RING_SIZE, features))
		return -1;
	ring_driver_set_up(&ring, &queue);
	if (virtq_start(&queue, features) || run(&ring, &queue, shape))
		return -1;
	virtq_destroy(&queue);
	memory_destroy(&memory);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t features = 1ull << VIRTIO_F_INDIRECT_DESC | 1ull << VIRTIO_F_EVENT_IDX;
	struct shape shape;

	if (argc != 6) {
		(void)fprintf(stderr,
			      "usage: %s split|packed SEGMENTS direct|indirect "
			      "BATCH ROUNDS\n",
			      argv[0]);
		return 2;
	}
	if (!strcmp(argv[1], "packed"))
		features |= 1ull << VIRTIO_F_RING_PACKED;
	shape = (struct shape){
		.segments = (unsigned)atoi(argv[2]),
		.indirect = !strcmp(argv[3], "indirect"),
		.batch = (unsigned)atoi(argv[4]),
		.rounds = (unsigned)atoi(argv[5]),
	};
	if (shape.segments < 1 || shape.segments > MAX_SEGMENTS || shape.batch < 1 ||
	    shape.batch > MAX_BATCH)
		return 2;
	return bench(features, &shape) ? 1 : 0;
}
