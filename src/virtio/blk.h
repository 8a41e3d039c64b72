/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-blk (virtio 1.2, 5.2): a disk. See blk.c.
 */
#ifndef TANE_VIRTIO_BLK_H
#define TANE_VIRTIO_BLK_H

#include <stdbool.h>

#include "core/config.h"
#include "core/platform.h"
#include "util/err.h"
#include "virtio/virtio.h"

#define VIRTIO_BLK_MAX_QUEUES 16

/*
 * The disk number `index` ("virtio-blk.N"), with its file opened and locked. `disk` and
 * its strings live as long as the VM. disk->queues, or one per CPU, at most
 * VIRTIO_BLK_MAX_QUEUES. NULL with a message on an error. virtio_free() frees it.
 */
struct virtio *virtio_blk_new(struct platform *platform, const struct config_disk *disk,
			      unsigned index, unsigned cpus, bool packed,
			      struct err *err);

#endif
