/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device that does nothing by itself: it counts what is asked of it, gives
 * requests back when a test says so, and has eight bytes of configuration.
 */
#ifndef TESTS_UNIT_FAKE_VIRTIO_H
#define TESTS_UNIT_FAKE_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "virtio/virtio.h"

#define FAKE_QUEUES      3
#define FAKE_QUEUE_SIZE  64
#define FAKE_CONFIG_SIZE 8
#define FAKE_FEATURE     5 /* that it offers */
#define FAKE_OTHER       40

struct fake {
	struct virtio virtio;
	uint8_t config[FAKE_CONFIG_SIZE];
	unsigned starts, stops, frees;
	unsigned kicks[FAKE_QUEUES];
	bool is_busy;    /* stop() returns false: requests are in flight */
	bool fails;      /* kick() tells the driver that it broke a rule */
	uint64_t agreed; /* features at start() */
};

static inline void fake_read_config(void *dev, unsigned offset, void *data, unsigned size)
{
	memcpy(data, ((struct fake *)dev)->config + offset, size);
}

static inline void fake_write_config(void *dev, unsigned offset, const void *data,
				     unsigned size)
{
	memcpy(((struct fake *)dev)->config + offset, data, size);
}

static inline void fake_start(void *dev)
{
	struct fake *fake = dev;

	fake->starts++;
	fake->agreed = fake->virtio.features;
}

static inline void fake_kick(void *dev, unsigned queue)
{
	struct fake *fake = dev;

	fake->kicks[queue]++;
	if (fake->fails)
		virtio_fail(&fake->virtio, "the test wants it");
}

static inline bool fake_stop(void *dev)
{
	struct fake *fake = dev;

	fake->stops++;
	return !fake->is_busy;
}

static inline void fake_free(void *dev)
{
	struct fake *fake = dev;

	fake->frees++;
	virtio_destroy(&fake->virtio);
}

static const struct virtio_ops fake_ops = {
	.read_config = fake_read_config,
	.write_config = fake_write_config,
	.start = fake_start,
	.kick = fake_kick,
	.stop = fake_stop,
	.free = fake_free,
};

/* The struct is the caller's; virtio_free() gives back what it holds. NULL on an error. */
static inline struct virtio *fake_init(struct fake *fake, struct platform *platform,
				       enum virtio_id id, bool packed)
{
	static const uint16_t sizes[FAKE_QUEUES] = { FAKE_QUEUE_SIZE, FAKE_QUEUE_SIZE,
						     16 };
	const struct virtio_setup setup = {
		.name = "fake",
		.id = id,
		.driver_hint = "CONFIG_FAKE",
		.ops = &fake_ops,
		.dev = fake,
		.config_size = FAKE_CONFIG_SIZE,
		.offered = VIRTIO_BIT(FAKE_FEATURE),
		.queue_sizes = sizes,
		.nr_queues = FAKE_QUEUES,
	};
	struct err err;

	memset(fake, 0, sizeof(*fake));
	return virtio_init(&fake->virtio, platform, &setup, packed, &err) ? NULL
									  : &fake->virtio;
}

#endif
