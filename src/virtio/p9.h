/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-9p: a folder of the host, as a 9P2000.L server on a queue. See p9.c.
 */
#ifndef TANE_VIRTIO_P9_H
#define TANE_VIRTIO_P9_H

#include <stdbool.h>

#include "core/config.h"
#include "core/platform.h"
#include "util/err.h"
#include "virtio/virtio.h"

/*
 * The share number `index` ("virtio-9p.N"), with its folder opened. `share` and its
 * strings live as long as the VM. It takes at most `max_descriptors` of the host. NULL with
 * a message on an error. virtio_free() frees it.
 */
struct virtio *virtio_p9_new(struct platform *platform, const struct config_share *share,
			     unsigned index, unsigned max_descriptors, bool packed,
			     struct err *err);

#endif
