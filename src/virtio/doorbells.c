/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doorbells of a device.
 *
 * They are attached while the driver uses the device and not before: each one costs
 * the kernel a grace period, and a guest that looks at its devices moves their BARs
 * about. A write to a doorbell that is not attached arrives at the transport's
 * register function, so a failure here costs time and nothing else.
 */
#include "virtio/doorbells.h"

/* The doorbell of `queue` at `place`. */
static struct doorbell doorbell(const struct doorbells *bells,
				const struct doorbell_place *place, unsigned queue)
{
	return (struct doorbell){
		.space = place->space,
		.address = place->base + place->stride * queue,
		.size = place->size,
		.match = !place->stride,
		.value = place->stride ? 0 : queue,
		.fd = bells->virtio->queues[queue].kick.source.fd,
	};
}

/* Which queues are ready does not change while the bells are armed. */
static void attach(struct doorbells *bells, const struct doorbell_place *place)
{
	struct virtio *virtio = bells->virtio;
	struct err err;

	for (unsigned i = 0; i < virtio->nr_queues; i++) {
		const struct doorbell bell = doorbell(bells, place, i);

		if (virtio->queues[i].ring.state.ready &&
		    platform_attach_doorbell(virtio->platform, &bell, &err))
			platform_warn(&virtio->warnings,
				      "%s: notifications will be slow: %s", virtio->name,
				      err.text);
	}
}

static void detach(struct doorbells *bells, const struct doorbell_place *place)
{
	struct virtio *virtio = bells->virtio;

	for (unsigned i = 0; i < virtio->nr_queues; i++) {
		const struct doorbell bell = doorbell(bells, place, i);

		if (virtio->queues[i].ring.state.ready)
			platform_detach_doorbell(virtio->platform, &bell);
	}
}

void doorbells_init(struct doorbells *bells, struct virtio *virtio,
		    const struct doorbell_place *places, unsigned nr_places)
{
	*bells = (struct doorbells){ .virtio = virtio, .nr_places = nr_places };
	for (unsigned i = 0; i < nr_places; i++)
		bells->places[i] = places[i];
	pthread_mutex_init(&bells->lock, NULL);
}

void doorbells_destroy(struct doorbells *bells)
{
	doorbells_disarm(bells);
	pthread_mutex_destroy(&bells->lock);
}

void doorbells_arm(struct doorbells *bells)
{
	pthread_mutex_lock(&bells->lock);
	for (unsigned i = 0; i < bells->nr_places && !bells->armed; i++) {
		if (bells->places[i].is_mapped)
			attach(bells, &bells->places[i]);
	}
	bells->armed = true;
	pthread_mutex_unlock(&bells->lock);
}

void doorbells_disarm(struct doorbells *bells)
{
	pthread_mutex_lock(&bells->lock);
	for (unsigned i = 0; i < bells->nr_places && bells->armed; i++) {
		if (bells->places[i].is_mapped)
			detach(bells, &bells->places[i]);
	}
	bells->armed = false;
	pthread_mutex_unlock(&bells->lock);
}

void doorbells_move(struct doorbells *bells, unsigned place, bool is_mapped,
		    uint64_t base)
{
	struct doorbell_place *moved = &bells->places[place];

	pthread_mutex_lock(&bells->lock);
	if (moved->is_mapped && bells->armed)
		detach(bells, moved);
	moved->is_mapped = is_mapped;
	moved->base = base;
	if (moved->is_mapped && bells->armed)
		attach(bells, moved);
	pthread_mutex_unlock(&bells->lock);
}
