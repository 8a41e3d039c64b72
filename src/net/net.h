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

#define NET_HEADER_SIZE 12u
#define NET_MAX_FRAME   (65536u + 14 + NET_HEADER_SIZE)

struct net_backend;

/* What the card does for its back end. */
struct net_client {
	/* There are frames to take with net_receive(), on queue pair `queue`. */
	void (*readable)(void *opaque, unsigned queue);
	/* net_send() gave EAGAIN; it may work again. */
	void (*writable)(void *opaque, unsigned queue);
	void *opaque;
};

struct net_info {
	unsigned queues;   /* queue pairs */
	uint64_t offloads; /* VIRTIO_NET_F_* bits that the back end can do */
	bool can_vhost;
	int tap_fds[16]; /* of each queue pair, for vhost; -1: no tap */
	unsigned mtu;    /* 0: unknown */
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
	/* The card has no buffers (false): do not watch, do not spin; frames wait in the host. */
	void (*want_frames)(struct net_backend *backend, unsigned queue, bool wanted);
	/* The driver chose these offloads (VIRTIO_NET_F_GUEST_*), or 0 after a reset. */
	int (*set_offloads)(struct net_backend *backend, uint64_t features,
			    struct err *err);
	/* How many queue pairs are in use. */
	int (*set_queues)(struct net_backend *backend, unsigned pairs, struct err *err);
	void (*close)(struct net_backend *backend);
};

/* The head of each back end's own struct. */
struct net_backend {
	const struct net_backend_ops *ops;
	struct net_info info;
	struct net_client client;
};

struct net_backend *net_open_user(const struct config_net *net, struct loop *loop,
				  struct err *err);
struct net_backend *net_open_tap(const struct config_net *net, unsigned cpus,
				 struct loop *loop, struct err *err);

#endif
