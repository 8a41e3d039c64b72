/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of a queue to vhost and back.
 *
 *	doorbell of KVM -> eventfd -> vhost -> eventfd -> interrupt by KVM
 *
 * so that a request takes no exit to us and no turn of our loop. The eventfd of the
 * doorbell is the queue's own: our loop lets go of it (virtio_take_kick()). The
 * eventfd of the interrupt is the transport's. A transport without one (INTx, MMIO
 * registers that say who interrupted) gets one of ours in between, on the loop.
 *
 * vhost gets addresses of this process, and trusts us with them: so the ring is
 * checked by virtq_start() first, and its areas are asked of core/memory.c again.
 * Addresses in descriptors vhost checks itself, by the table of guest memory; what
 * it cannot read it reports by a third eventfd, and the device is stopped.
 */
#include "util/bytes.h"
#include "virtio/vhost.h"

/* What virtio_init() offers for every device on split rings. */
#define RING_FEATURES                                                          \
	(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) | \
	 VIRTIO_BIT(VIRTIO_F_VERSION_1))

int vhost_check(const struct vhost *vhost, uint64_t *features, struct err *err)
{
	if (vhost_get_features(vhost, features, err))
		return -1;
	if ((*features & RING_FEATURES) != RING_FEATURES)
		return err_set(err,
			       "vhost of this kernel lacks features of virtio 1 (it has "
			       "0x%llx): use a host kernel of 4.12 or newer",
			       (unsigned long long)*features);
	return 0;
}

int vhost_agree(const struct vhost *vhost, const struct virtio *virtio,
		uint64_t device_features, struct err *err)
{
	const struct memory *memory = virtio->platform->memory;
	struct vhost_range ranges[MEMORY_MAX_REGIONS];

	_Static_assert(MEMORY_MAX_REGIONS <= VHOST_MAX_RANGES, "they fit");
	for (unsigned i = 0; i < memory->nr_regions; i++) {
		ranges[i] = (struct vhost_range){
			.guest = memory->regions[i].gpa,
			.user = (uintptr_t)memory->regions[i].hva,
			.size = memory->regions[i].size,
		};
	}
	if (vhost_set_features(vhost,
			       (virtio->features & RING_FEATURES) | device_features, err))
		return -1;
	return vhost_set_memory(vhost, ranges, memory->nr_regions, err);
}

static void on_call(void *opaque)
{
	struct vhost_ring *ring = opaque;
	struct virtio *virtio = ring->virtio;

	if (virtio->transport_ops)
		virtio->transport_ops->interrupt(virtio->transport, (int)ring->queue);
}

static void on_error(void *opaque)
{
	struct vhost_ring *ring = opaque;

	/* The device is stopped then, on this loop. */
	virtio_fail(ring->virtio, "queue %u: vhost cannot read what is in the ring",
		    ring->queue);
}

void vhost_ring_init(struct vhost_ring *ring, struct virtio *virtio,
		     const struct vhost *vhost, unsigned queue, unsigned number)
{
	*ring = (struct vhost_ring){
		.virtio = virtio,
		.vhost = vhost,
		.queue = queue,
		.ring = number,
		.call.source.fd = -1,
		.error.source.fd = -1,
	};
}

/* 2.7: the three areas of a split ring, and their sizes. */
static int find_areas(const struct virtio *virtio, const struct virtq_state *state,
		      struct vhost_ring_areas *areas)
{
	const struct memory *memory = virtio->platform->memory;
	const uint64_t n = state->size;
	const void *desc = memory_for_read(memory, state->desc, 16 * n);
	const void *avail = memory_for_read(memory, state->driver, 6 + 2 * n);
	const void *used = memory_for_read(memory, state->device, 6 + 8 * n);

	if (!desc || !avail || !used)
		return -1;
	*areas = (struct vhost_ring_areas){
		.desc = (uintptr_t)desc,
		.avail = (uintptr_t)avail,
		.used = (uintptr_t)used,
	};
	return 0;
}

static int set_shape(const struct vhost_ring *ring, const struct virtq_state *state,
		     struct err *err)
{
	struct vhost_ring_areas areas;

	if (find_areas(ring->virtio, state, &areas))
		return err_set(err, "queue %u: the ring is not in RAM", ring->queue);
	if (vhost_set_ring_size(ring->vhost, ring->ring, state->size, err) ||
	    vhost_set_ring_base(ring->vhost, ring->ring, state->next_avail, err))
		return -1;
	return vhost_set_ring_areas(ring->vhost, ring->ring, &areas, err);
}

static int interrupt_fd(const struct virtio *virtio, unsigned queue)
{
	return virtio->transport_ops
		       ? virtio->transport_ops->interrupt_fd(virtio->transport, queue)
		       : -1;
}

/*
 * The vector is asked for once: a driver configures all of a queue, its vector among that,
 * before it enables the queue (4.1.4.3.2), and we start after that.
 */
static int set_events(struct vhost_ring *ring, struct err *err)
{
	struct virtio *virtio = ring->virtio;
	int call = interrupt_fd(virtio, ring->queue);

	if (call < 0) {
		if (loop_event_init(&ring->call, virtio->loop, on_call, ring, err))
			return -1;
		call = ring->call.source.fd;
	}
	if (loop_event_init(&ring->error, virtio->loop, on_error, ring, err) ||
	    vhost_set_ring_call(ring->vhost, ring->ring, call, err))
		return -1;
	return vhost_set_ring_error(ring->vhost, ring->ring, ring->error.source.fd, err);
}

/* vhost keeps references to eventfds until they are taken away. */
static void clear_events(struct vhost_ring *ring)
{
	struct err ignored;

	(void)vhost_set_ring_kick(ring->vhost, ring->ring, -1, &ignored);
	(void)vhost_set_ring_call(ring->vhost, ring->ring, -1, &ignored);
	(void)vhost_set_ring_error(ring->vhost, ring->ring, -1, &ignored);
	loop_event_destroy(&ring->call, ring->virtio->loop);
	loop_event_destroy(&ring->error, ring->virtio->loop);
	ring->call.source.fd = ring->error.source.fd = -1;
}

int vhost_ring_start(struct vhost_ring *ring, struct err *err)
{
	struct virtio *virtio = ring->virtio;
	const struct virtq_state *state = &virtio->queues[ring->queue].ring.state;

	if (set_shape(ring, state, err) || set_events(ring, err)) {
		clear_events(ring);
		return -1;
	}
	if (vhost_set_ring_kick(ring->vhost, ring->ring,
				virtio_take_kick(virtio, ring->queue), err)) {
		virtio_give_kick_back(virtio, ring->queue);
		clear_events(ring);
		return -1;
	}
	ring->started = true;
	return 0;
}

void vhost_ring_nudge(const struct vhost_ring *ring)
{
	/* Also what our own loop has read from the eventfd before. */
	if (ring->started)
		loop_event_signal(&ring->virtio->queues[ring->queue].kick);
}

void vhost_ring_stop(struct vhost_ring *ring)
{
	struct virtq_state *state = &ring->virtio->queues[ring->queue].ring.state;
	const struct memory *memory = ring->virtio->platform->memory;
	uint8_t used[2];
	struct err ignored;

	if (!ring->started)
		return;
	ring->started = false;
	/* Where vhost is in the ring: its next_used is the used index of the ring itself. */
	(void)vhost_get_ring_base(ring->vhost, ring->ring, &state->next_avail, &ignored);
	if (memory_read(memory, state->device + 2, used, sizeof(used)))
		state->next_used = load_le16(used);
	clear_events(ring);
	virtio_give_kick_back(ring->virtio, ring->queue);
}
