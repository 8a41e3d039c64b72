/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The card, as its files share it: net.c (life and configuration), net_rings.c (frames),
 * net_control.c (the control queue), net_vhost.c. All on the device's loop.
 */
#ifndef TANE_VIRTIO_NET_PRIVATE_H
#define TANE_VIRTIO_NET_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "net/net.h"
#include "virtio/vhost.h"
#include "virtio/virtio.h"

/* Feature bits (5.1.3) beside those of the back end in net/net.h. */
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS 2
#define VIRTIO_NET_F_MTU                 3
#define VIRTIO_NET_F_MAC                 5
#define VIRTIO_NET_F_MRG_RXBUF           15
#define VIRTIO_NET_F_STATUS              16
#define VIRTIO_NET_F_CTRL_VQ             17
#define VIRTIO_NET_F_CTRL_RX             18
#define VIRTIO_NET_F_CTRL_RX_EXTRA       20
#define VIRTIO_NET_F_MQ                  22
#define VIRTIO_NET_F_CTRL_MAC_ADDR       23

/* Those that the driver can turn off and on (5.1.6.5.6). */
#define GUEST_OFFLOADS                                                         \
	(net_bit(VIRTIO_NET_F_GUEST_CSUM) | net_bit(VIRTIO_NET_F_GUEST_TSO4) | \
	 net_bit(VIRTIO_NET_F_GUEST_TSO6) | net_bit(VIRTIO_NET_F_GUEST_ECN) |  \
	 net_bit(VIRTIO_NET_F_GUEST_UFO) | net_bit(VIRTIO_NET_F_GUEST_USO4) |  \
	 net_bit(VIRTIO_NET_F_GUEST_USO6))

/* Entries of a queue. All buffers of two frames of 64 KiB fit at the usual 1.5 KiB. */
#define NET_QUEUE_SIZE   256u
#define NET_CONTROL_SIZE 64u

/* readv(2) takes no more. */
#define NET_MAX_IOV 1024u

/* Buffers of the driver that are popped and wait for a frame, oldest first. */
struct net_hand {
	struct virtq_chain chains[NET_QUEUE_SIZE];
	struct iovec
		iov[NET_MAX_IOV];   /* theirs, in a row, and one more for a spare byte */
	unsigned first, count;      /* in chains[] */
	unsigned first_iov, nr_iov; /* in iov[] */
	uint64_t bytes;
};

struct net_card;

/* A queue pair: queues 2 * index (receive) and 2 * index + 1 (transmit). */
struct net_pair {
	struct net_card *card;
	unsigned index;
	bool active;

	struct net_hand hand;
	bool wanted;       /* what the back end was last told */
	uint8_t *bounce;   /* a frame that no buffers were there for; NET_MAX_FRAME */
	size_t bounce_len; /* 0: there is none */

	struct virtq_chain chain; /* being sent */
	struct iovec iov[NET_QUEUE_SIZE + 1];
	unsigned nr_iov;
	uint8_t header[NET_HEADER_SIZE]; /* our copy, checked */
	bool waiting;                    /* the back end had no room for it */

	/* With vhost=on. */
	struct vhost vhost;
	struct vhost_ring rings[2];
	bool vhost_running;
};

/* What a snapshot has to keep beside the rings and features. */
struct net_state {
	uint8_t mac[6];
	uint8_t link_up;
	uint16_t pairs;    /* in use */
	uint64_t offloads; /* VIRTIO_NET_F_GUEST_* in use */
};

struct net_card {
	struct virtio virtio;
	struct net_backend *backend;
	struct net_state state; /* mac and link_up: also read under virtio.lock */
	bool restored;          /* `state` came from a snapshot, start() shall use it */
	unsigned mtu;           /* told to the driver; 0: it is not */
	uint8_t own_mac[6];     /* after a reset */
	bool use_vhost;
	unsigned nr_pairs;
	struct net_pair pairs[];
};

static inline struct virtq *net_ring(struct net_card *card, unsigned queue)
{
	return &card->virtio.queues[queue].ring;
}

/* -- net.c -- */

/* Begin or stop to use pairs. -1: the back end could not, `pairs` did not change. */
int net_set_pairs(struct net_card *card, unsigned pairs);
/* The driver wants these offloads of frames for it. */
int net_set_offloads(struct net_card *card, uint64_t offloads);

/* -- net_rings.c -- */

void net_receive(struct net_pair *pair);
void net_transmit(struct net_pair *pair);
/* Forget what is in hand and under way; the rings are not touched. */
void net_forget(struct net_pair *pair);

/* -- net_control.c -- */

void net_control(struct net_card *card, unsigned queue);

/* -- net_vhost.c -- */

/* Open vhost-net for each pair. */
int net_vhost_open(struct net_card *card, struct err *err);
void net_vhost_init_rings(struct net_card *card);
/* Hand over the rings of all pairs that the driver has set up. */
int net_vhost_start(struct net_card *card, struct err *err);
void net_vhost_stop(struct net_card *card);
void net_vhost_close(struct net_card *card);

#endif
