/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-balloon (virtio 1.2, 5.5): memory that the guest gives back to the host. See
 * balloon.c.
 */
#ifndef TANE_VIRTIO_BALLOON_H
#define TANE_VIRTIO_BALLOON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/platform.h"
#include "util/err.h"
#include "virtio/virtio.h"

/*
 * Ask the guest for `size` bytes from the beginning, whole pages of 4 KiB, fewer than
 * 2^32 of them. With `keep_on_oom` it may not take them back when it runs out of
 * memory. NULL with a message on an error. virtio_free() frees it.
 */
struct virtio *virtio_balloon_new(struct platform *platform, uint64_t size,
				  bool keep_on_oom, bool packed, struct err *err);

/* Ask for `size` bytes from now on. Any thread. */
void virtio_balloon_set_size(struct virtio *virtio, uint64_t size);

/* Ask the guest once a second how it uses its memory. Before the loop runs. */
int virtio_balloon_poll_stats(struct virtio *virtio, struct err *err);

/* What the guest gave back, and what it last said of its memory. No vCPU or loop runs. */
void virtio_balloon_print_stats(const struct virtio *virtio, FILE *out);

#endif
