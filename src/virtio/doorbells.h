/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doorbells of a device: addresses where the guest's write signals the eventfd of
 * a queue without an exit to us. A transport tells where they are (the guest may move
 * them) and from when to when they are of use; see doorbells.c.
 */
#ifndef TANE_VIRTIO_DOORBELLS_H
#define TANE_VIRTIO_DOORBELLS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio/virtio.h"

#define DOORBELL_PLACES 2

/* One set of doorbells, one for each queue. */
struct doorbell_place {
	enum bus_space space;
	unsigned size; /* bytes of a write; 0: any */
	uint64_t
		stride; /* from one queue to the next; 0: the value written tells them apart */
	bool is_mapped;
	uint64_t base;
};

struct doorbells {
	struct virtio *virtio;
	pthread_mutex_t lock;
	struct doorbell_place places[DOORBELL_PLACES];
	unsigned nr_places;
	bool armed;
};

/* `places` is copied. */
void doorbells_init(struct doorbells *bells, struct virtio *virtio,
		    const struct doorbell_place *places, unsigned nr_places);
void doorbells_destroy(struct doorbells *bells);

/* Attach those of all ready queues; detach them again. Any thread. */
void doorbells_arm(struct doorbells *bells);
void doorbells_disarm(struct doorbells *bells);

/* The guest moved a place: it is at `base`, or nowhere. Any thread. */
void doorbells_move(struct doorbells *bells, unsigned place, bool is_mapped,
		    uint64_t base);

#endif
