/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Networks of the host, as a network card sees them: Ethernet frames in and out. A
 * back end (user.c by libslirp, tap.c) knows no guest and no ring. All on one
 * thread, the loop's, but for opening, which is before the loop runs.
 *
 * Each frame has a struct virtio_net_hdr of NET_HEADER_SIZE bytes in front
 * (virtio 1.2, 5.1.6; with num_buffers), which is all zeroes where the back end
 * offers no offloads.
 */
#ifndef TANE_NET_NET_H
#define TANE_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/config.h"
#include "core/loop.h"
#include "util/err.h"

/* Feature bits that are about offloads (5.1.3; USO: virtio 1.3). */
#define VIRTIO_NET_F_CSUM       0
#define VIRTIO_NET_F_GUEST_CSUM 1
#define VIRTIO_NET_F_GUEST_TSO4 7
#define VIRTIO_NET_F_GUEST_TSO6 8
#define VIRTIO_NET_F_GUEST_ECN  9
#define VIRTIO_NET_F_GUEST_UFO  10
#define VIRTIO_NET_F_HOST_TSO4  11
#define VIRTIO_NET_F_HOST_TSO6  12
#define VIRTIO_NET_F_HOST_ECN   13
#define VIRTIO_NET_F_HOST_UFO   14
#define VIRTIO_NET_F_GUEST_USO4 54
#define VIRTIO_NET_F_GUEST_USO6 55
#define VIRTIO_NET_F_HOST_USO   56

/* struct virtio_net_hdr (5.1.6): byte offsets of its fields, and their values. */
#define NET_HDR_FLAGS       0
#define NET_HDR_GSO_TYPE    1
#define NET_HDR_HDR_LEN     2
#define NET_HDR_GSO_SIZE    4
#define NET_HDR_CSUM_START  6
#define NET_HDR_CSUM_OFFSET 8
#define NET_HDR_NUM_BUFFERS 10

#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1u
#define VIRTIO_NET_HDR_F_DATA_VALID 2u

#define VIRTIO_NET_HDR_GSO_NONE   0u
#define VIRTIO_NET_HDR_GSO_TCPV4  1u
#define VIRTIO_NET_HDR_GSO_UDP    3u
#define VIRTIO_NET_HDR_GSO_TCPV6  4u
#define VIRTIO_NET_HDR_GSO_UDP_L4 5u
#define VIRTIO_NET_HDR_GSO_ECN    0x80u

#define NET_HEADER_SIZE 12u
#define NET_MAX_FRAME   (65536u + 14 + NET_HEADER_SIZE)

struct net_backend;

/* What the card does for its back end. Set before the loop runs. */
struct net_client {
	/*
	 * There are frames to take with receive(), on queue pair `queue`. The card takes
	 * as many as it likes; it is called again while some are left and it wants them.
	 */
	void (*readable)(void *opaque, unsigned queue);
	/* send() gave EAGAIN; it may work again. */
	void (*writable)(void *opaque, unsigned queue);
	/* The network is gone for good (somebody deleted the tap): no carrier. May be NULL. */
	void (*gone)(void *opaque);
	void *opaque;
};

#define NET_MAX_QUEUES 16
#define NET_NAME_SIZE  16

struct net_info {
	unsigned queues;   /* queue pairs */
	uint64_t offloads; /* VIRTIO_NET_F_* bits that the back end can do */
	bool can_vhost;
	int tap_fds[NET_MAX_QUEUES]; /* of each queue pair, for vhost; -1: no tap */
	unsigned mtu;                /* 0: unknown */
	char name[NET_NAME_SIZE];    /* of the host's interface; empty: there is none */
};

struct net_backend_ops {
	/*
	 * Take one frame with its header into `iov`. Its length, or -EAGAIN when there is
	 * none now; then client->readable() will tell. A frame that does not fit is dropped
	 * (-EMSGSIZE), so offer NET_MAX_FRAME bytes or what the driver's buffers have.
	 */
	ssize_t (*receive)(struct net_backend *backend, unsigned queue,
			   const struct iovec *iov, unsigned nr_iov);
	/* 0, or -EAGAIN: keep the frame until client->writable(). Bad frames are dropped: 0. */
	int (*send)(struct net_backend *backend, unsigned queue, const struct iovec *iov,
		    unsigned nr_iov);
	/* That was all for now. It may call client->readable(). NULL: no need to tell. */
	void (*sent_all)(struct net_backend *backend, unsigned queue);
	/*
	 * The card has no buffers (false): do not watch, do not spin; frames wait in the
	 * host. Nothing is wanted at first.
	 */
	void (*want_frames)(struct net_backend *backend, unsigned queue, bool wanted);
	/* The driver chose these offloads (VIRTIO_NET_F_GUEST_*), or 0 after a reset. */
	int (*set_offloads)(struct net_backend *backend, uint64_t features,
			    struct err *err);
	/* How many queue pairs are in use; one at first. */
	int (*set_queues)(struct net_backend *backend, unsigned pairs, struct err *err);
	void (*close)(struct net_backend *backend);
};

/* The head of each back end's own struct. */
struct net_backend {
	const struct net_backend_ops *ops;
	struct net_info info;
	struct net_client client;
};

static inline uint64_t net_bit(unsigned feature)
{
	return 1ull << feature;
}

/* NULL with a message on error. Close with backend->ops->close(). */
struct net_backend *net_open_user(const struct config_net *net, struct loop *loop,
				  struct err *err);
struct net_backend *net_open_tap(const struct config_net *net, unsigned cpus,
				 struct loop *loop, struct err *err);

#endif
