/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets of a guest. vhost-vsock has the protocol and the host's side, AF_VSOCK;
 * what is left here is the configuration space and the hand-over of the rings.
 *
 *	queue 0	rx	vhost writes packets for the guest
 *	queue 1	tx	vhost reads packets of the guest
 *	queue 2	event	(5.10.6.7) says that connections were lost by a migration: there
 *			is none, so its buffers stay where they are
 *
 * vhost keeps connections of the host until they are told otherwise, and a guest
 * that was reset tells nobody. So a reset of the device closes vhost, which resets
 * them all, and opens it anew.
 */
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "virtio/vhost.h"
#include "virtio/vsock.h"

enum {
	QUEUE_RX,
	QUEUE_TX,
	QUEUE_EVENT,
	NR_QUEUES,
};
#define NR_RINGS 2 /* those of vhost: rx and tx */

#define QUEUE_SIZE  256
#define CONFIG_SIZE 8 /* 5.10.4: le64 guest_cid */

#define VIRTIO_VSOCK_F_SEQPACKET 1

struct vsock {
	struct virtio virtio;
	struct vhost vhost;
	struct vhost_ring rings[NR_RINGS];
	uint32_t cid;
	bool running;
	struct err lost; /* why vhost could not be opened anew; empty: it is open */
};

static void read_config(void *dev, unsigned offset, void *data, unsigned size)
{
	const struct vsock *vsock = dev;
	uint8_t config[CONFIG_SIZE];

	store_le64(config, vsock->cid);
	memcpy(data, config + offset, size);
}

/* Open vhost and take the address. */
static int open_vhost(struct vsock *vsock, struct err *err)
{
	if (vhost_open(&vsock->vhost, VHOST_VSOCK_DEVICE, err))
		return -1;
	if (vhost_vsock_set_cid(&vsock->vhost, vsock->cid, err)) {
		vhost_close(&vsock->vhost);
		return -1;
	}
	return 0;
}

/* Nothing of the rings is touched any more. */
static void halt(struct vsock *vsock)
{
	struct err ignored;

	if (vsock->running)
		(void)vhost_vsock_set_running(&vsock->vhost, false, &ignored);
	vsock->running = false;
	for (unsigned i = 0; i < NR_RINGS; i++)
		vhost_ring_stop(&vsock->rings[i]);
}

static int run(struct vsock *vsock, struct err *err)
{
	const uint64_t own =
		vsock->virtio.features & VIRTIO_BIT(VIRTIO_VSOCK_F_SEQPACKET);

	if (vsock->vhost.fd < 0)
		return err_set(err, "%s", vsock->lost.text);
	if (vhost_agree(&vsock->vhost, &vsock->virtio, own, err))
		return -1;
	for (unsigned i = 0; i < NR_RINGS; i++) {
		if (vhost_ring_start(&vsock->rings[i], err))
			return -1;
	}
	if (vhost_vsock_set_running(&vsock->vhost, true, err))
		return -1;
	vsock->running = true;
	for (unsigned i = 0; i < NR_RINGS; i++)
		vhost_ring_nudge(&vsock->rings[i]);
	return 0;
}

static void start(void *dev)
{
	struct vsock *vsock = dev;
	const struct virtio_queue *queues = vsock->virtio.queues;
	struct err err;

	/* 3.1.1: the driver sets up its queues before DRIVER_OK. One alone is no use. */
	if (!queues[QUEUE_RX].ring.state.ready || !queues[QUEUE_TX].ring.state.ready)
		return;
	if (run(vsock, &err))
		virtio_fail(&vsock->virtio, "%s", err.text); /* which stops it again */
}

static void kick(void *dev, unsigned queue)
{
	/* vhost hears of rx and tx by itself, and the event queue only takes buffers. */
	(void)dev;
	(void)queue;
}

static bool stop(void *dev)
{
	struct vsock *vsock = dev;

	halt(vsock);
	vhost_close(&vsock->vhost);
	/* Should it fail, the next start() tells why. */
	(void)open_vhost(vsock, &vsock->lost);
	return true;
}

static void vsock_free(void *dev)
{
	struct vsock *vsock = dev;

	halt(vsock);
	virtio_destroy(&vsock->virtio);
	vhost_close(&vsock->vhost);
	free(vsock);
}

static const struct virtio_ops ops = {
	.read_config = read_config,
	.start = start,
	.kick = kick,
	.stop = stop,
	.free = vsock_free,
};

static int init(struct vsock *vsock, struct platform *platform, bool packed,
		struct err *err)
{
	static const uint16_t sizes[NR_QUEUES] = { QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE };
	struct virtio_setup setup = {
		.name = "virtio-vsock",
		.id = VIRTIO_ID_VSOCK,
		.driver_hint =
			"CONFIG_VIRTIO_VSOCKETS (module vmw_vsock_virtio_transport)",
		.ops = &ops,
		.dev = vsock,
		.config_size = CONFIG_SIZE,
		.queue_sizes = sizes,
		.nr_queues = NR_QUEUES,
		.no_packed = true,
	};
	uint64_t features;

	if (open_vhost(vsock, err))
		return -1;
	if (vhost_check(&vsock->vhost, &features, err)) {
		vhost_close(&vsock->vhost);
		return -1;
	}
	setup.offered = features & VIRTIO_BIT(VIRTIO_VSOCK_F_SEQPACKET);
	if (virtio_init(&vsock->virtio, platform, &setup, packed, err)) {
		vhost_close(&vsock->vhost);
		return -1;
	}
	for (unsigned i = 0; i < NR_RINGS; i++)
		vhost_ring_init(&vsock->rings[i], &vsock->virtio, &vsock->vhost, i, i);
	return 0;
}

struct virtio *virtio_vsock_new(struct platform *platform, uint32_t cid, bool packed,
				struct err *err)
{
	struct vsock *vsock = calloc(1, sizeof(*vsock));

	if (!vsock) {
		err_set(err, "vsock: no memory");
		return NULL;
	}
	vsock->cid = cid;
	if (init(vsock, platform, packed, err)) {
		err_prefix(err, "vsock: ");
		free(vsock);
		return NULL;
	}
	return &vsock->virtio;
}
