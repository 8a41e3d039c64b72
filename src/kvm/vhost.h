/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every vhost ioctl of the program, each a typed function. vhost serves the rings of
 * a virtio device in a thread of the host's kernel; see linux/vhost.h.
 *
 * Functions return 0, or -1 with a message. Order: open, features, memory; for each
 * ring its size, base, addresses and eventfds; then the device's own start.
 * "User address" is an address in our process. Any thread may call them, one at a
 * time for a handle.
 */
#ifndef TANE_KVM_VHOST_H
#define TANE_KVM_VHOST_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define VHOST_NET_DEVICE   "/dev/vhost-net"
#define VHOST_VSOCK_DEVICE "/dev/vhost-vsock"

struct vhost {
	int fd; /* owned; -1: not open */
};

/*
 * Open `path`, one of the devices above, and own it (VHOST_SET_OWNER): its thread
 * works in the memory of this process. The message tells the user what to do.
 */
int vhost_open(struct vhost *vhost, const char *path, struct err *err);
void vhost_close(struct vhost *vhost);

/* Virtio feature bits that vhost can serve, and those that the driver accepted. */
int vhost_get_features(const struct vhost *vhost, uint64_t *features, struct err *err);
int vhost_set_features(const struct vhost *vhost, uint64_t features, struct err *err);

/* Guest memory, as it lies in our process. The whole table at once. */
struct vhost_range {
	uint64_t guest, user, size; /* addresses, and bytes */
};
#define VHOST_MAX_RANGES 64 /* vhost's own default limit */
int vhost_set_memory(const struct vhost *vhost, const struct vhost_range *ranges,
		     unsigned count, struct err *err);

/*
 * A ring that does not run. `base` is the index of the next available entry;
 * reading it gives it back after the device was stopped. Split rings only.
 */
int vhost_set_ring_size(const struct vhost *vhost, unsigned ring, unsigned size,
			struct err *err);
int vhost_set_ring_base(const struct vhost *vhost, unsigned ring, uint16_t base,
			struct err *err);
int vhost_get_ring_base(const struct vhost *vhost, unsigned ring, uint16_t *base,
			struct err *err);

/* User addresses of the descriptor table, the available and the used ring. */
struct vhost_ring_areas {
	uint64_t desc, avail, used;
};
int vhost_set_ring_areas(const struct vhost *vhost, unsigned ring,
			 const struct vhost_ring_areas *areas, struct err *err);

/*
 * Eventfds: `kick` tells vhost of new buffers, `call` the driver of used ones, `error`
 * us of a ring that vhost cannot read. vhost keeps its own reference; -1 takes
 * one away.
 */
int vhost_set_ring_kick(const struct vhost *vhost, unsigned ring, int fd,
			struct err *err);
int vhost_set_ring_call(const struct vhost *vhost, unsigned ring, int fd,
			struct err *err);
int vhost_set_ring_error(const struct vhost *vhost, unsigned ring, int fd,
			 struct err *err);

/*
 * vhost-net: serve `ring` (0 receives, 1 transmits) with the tap `fd`; -1 stops it,
 * and when that returns nothing of the ring is touched any more.
 */
int vhost_net_set_backend(const struct vhost *vhost, unsigned ring, int fd,
			  struct err *err);

/* vhost-vsock: the guest's address, 3 or above. It must be free on this host. */
int vhost_vsock_set_cid(const struct vhost *vhost, uint32_t cid, struct err *err);
/* Both rings at once. After a stop returned, no ring is touched any more. */
int vhost_vsock_set_running(const struct vhost *vhost, bool running, struct err *err);

#endif
