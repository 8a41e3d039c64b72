/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-vsock (virtio 1.2, 5.10): sockets between the guest and the host, served by
 * vhost-vsock of the host's kernel. See vsock.c.
 */
#ifndef TANE_VIRTIO_VSOCK_H
#define TANE_VIRTIO_VSOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/platform.h"
#include "util/err.h"
#include "virtio/virtio.h"

/*
 * `cid` (3 to 0xfffffffe) is the guest's address on this host; it is taken at once, and
 * ours as long as the device lives. NULL with a message on an error: no such
 * device on this host, or the address is in use. virtio_free() frees it.
 */
struct virtio *virtio_vsock_new(struct platform *platform, uint32_t cid, bool packed,
				struct err *err);

#endif
