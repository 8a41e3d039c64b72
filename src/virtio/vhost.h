/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues of a virtio device that vhost serves in the host's kernel (see vhost.c). All
 * functions belong to the device's loop, between start() and stop() of the device.
 *
 *	start	vhost_agree(), vhost_ring_start() for each ring, the device's own
 *		start (VHOST_NET_SET_BACKEND ...), vhost_ring_nudge() for each ring
 *	stop	the device's own stop, vhost_ring_stop() for each ring
 */
#ifndef TANE_VIRTIO_VHOST_H
#define TANE_VIRTIO_VHOST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/loop.h"
#include "kvm/vhost.h"
#include "virtio/virtio.h"

/* One queue and the ring of a vhost handle that serves it. */
struct vhost_ring {
	struct virtio *virtio;
	const struct vhost *vhost;
	unsigned queue;          /* of the device */
	unsigned ring;           /* of vhost */
	struct loop_event call;  /* in between, when the transport has no eventfd */
	struct loop_event error; /* vhost cannot read the ring */
	bool started;
};

/*
 * Does vhost serve rings as we offer them? -1 with a message if not. *features become the
 * feature bits that it knows. May be called before the device is made.
 */
int vhost_check(const struct vhost *vhost, uint64_t *features, struct err *err);

/*
 * Tell vhost of guest memory and of the features: those of the ring that the driver
 * accepted, and `device_features`.
 */
int vhost_agree(const struct vhost *vhost, const struct virtio *virtio,
		uint64_t device_features, struct err *err);

/* Before first use: queue number `queue` of the device is ring `number` of vhost. */
void vhost_ring_init(struct vhost_ring *ring, struct virtio *virtio,
		     const struct vhost *vhost, unsigned queue, unsigned number);

/* Hand the queue over, which virtq_start() has checked. On an error it is ours as before. */
int vhost_ring_start(struct vhost_ring *ring, struct err *err);

/* The device runs now: let vhost look at what the driver made available before. */
void vhost_ring_nudge(const struct vhost_ring *ring);

/*
 * Take the queue back; vhost must not serve it any more. Nothing happens if it was
 * not started.
 */
void vhost_ring_stop(struct vhost_ring *ring);

#endif
