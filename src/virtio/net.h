/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net (virtio 1.2, 5.1): a network card on a back end of src/net, or on
 * vhost-net of the host's kernel. See net.c.
 */
#ifndef TANE_VIRTIO_NET_H
#define TANE_VIRTIO_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/platform.h"
#include "net/net.h"
#include "util/err.h"
#include "virtio/virtio.h"

/*
 * A card on the network that `net` describes; it is opened at once. `index` counts the
 * cards of the machine, `cpus` its CPUs: a tap of ours has a queue pair for each. NULL
 * with a message on an error. virtio_free() frees it.
 */
struct virtio *virtio_net_new(struct platform *platform, const struct config_net *net,
			      unsigned index, unsigned cpus, bool packed,
			      struct err *err);

/* The same on a back end that is open already; it is the card's, also on an error. */
struct virtio *virtio_net_new_on(struct platform *platform, struct net_backend *backend,
				 const struct config_net *net, unsigned index,
				 bool packed, struct err *err);

#endif
