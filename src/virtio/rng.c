/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-rng: one queue of empty buffers, which are filled from getrandom(2).
 *
 * A driver could have us make random bytes as fast as it kicks, on the loop that other
 * devices share. So each buffer gets at most MAX_BYTES (5.4.6.2: it need not
 * be full), each kick serves at most MAX_CHAINS of them, and then the loop has its
 * turn for others before it goes on here.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "virtio/rng.h"

#define QUEUE_SIZE 64
#define MAX_CHAINS 16
#define MAX_BYTES  4096u

struct rng {
	struct virtio virtio;
	struct iovec iov[QUEUE_SIZE];
};

static void read_config(void *dev, unsigned offset, void *data, unsigned size)
{
	/* There is none (5.4.4), so nobody calls this. */
	(void)dev;
	(void)offset;
	(void)data;
	(void)size;
}

/* Fill the in-segments; the number of bytes. */
static uint32_t fill(const struct virtq_chain *chain)
{
	const struct iovec *in = chain->iov + chain->nr_out;
	uint32_t written = 0;

	for (unsigned i = 0; i < chain->nr_in && written < MAX_BYTES; i++) {
		const size_t room = MAX_BYTES - written;
		const size_t want = in[i].iov_len < room ? in[i].iov_len : room;
		const ssize_t n = getrandom(in[i].iov_base, want, GRND_NONBLOCK);

		/* Not yet seeded, which is a matter of the host's first seconds. */
		if (n < 0)
			break;
		written += (uint32_t)n;
		if ((size_t)n < want)
			break;
	}
	return written;
}

static void start(void *dev)
{
	(void)dev;
}

static void kick(void *dev, unsigned queue)
{
	struct rng *rng = dev;
	struct virtq *ring = &rng->virtio.queues[queue].ring;
	struct virtq_chain chain = { .iov = rng->iov, .max_iov = QUEUE_SIZE };
	int r = 0;

	for (unsigned i = 0; i < MAX_CHAINS; i++) {
		r = virtq_pop(ring, &chain);
		if (r <= 0)
			break;
		virtq_push(ring, &chain, fill(&chain));
	}
	if (r < 0) {
		virtio_fail(&rng->virtio, "%s", ring->fault);
		return;
	}
	virtio_publish(&rng->virtio, queue);
	if (r > 0 || virtq_want_kicks(ring))
		virtio_kick(&rng->virtio, queue); /* there is more; others come first */
}

static bool stop(void *dev)
{
	(void)dev;
	return true;
}

static void free_rng(void *dev)
{
	struct rng *rng = dev;

	virtio_destroy(&rng->virtio);
	free(rng);
}

static const struct virtio_ops rng_ops = {
	.read_config = read_config,
	.start = start,
	.kick = kick,
	.stop = stop,
	.free = free_rng,
};

struct virtio *virtio_rng_new(struct platform *platform, bool packed, struct err *err)
{
	static const uint16_t sizes[] = { QUEUE_SIZE };
	struct rng *rng = calloc(1, sizeof(*rng));
	const struct virtio_setup setup = {
		.name = "virtio-rng",
		.id = VIRTIO_ID_RNG,
		.driver_hint = "CONFIG_HW_RANDOM_VIRTIO (module virtio-rng)",
		.ops = &rng_ops,
		.dev = rng,
		.queue_sizes = sizes,
		.nr_queues = 1,
	};

	if (!rng) {
		err_set(err, "virtio-rng: no memory");
		return NULL;
	}
	if (virtio_init(&rng->virtio, platform, &setup, packed, err)) {
		free(rng);
		return NULL;
	}
	return &rng->virtio;
}
