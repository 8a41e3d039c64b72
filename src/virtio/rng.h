/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-rng (virtio 1.2, 5.4): random bytes of the host's kernel. See rng.c. */
#ifndef TANE_VIRTIO_RNG_H
#define TANE_VIRTIO_RNG_H

#include <stdbool.h>

#include "core/platform.h"
#include "util/err.h"
#include "virtio/virtio.h"

/* NULL on an error; virtio_free() frees it. */
struct virtio *virtio_rng_new(struct platform *platform, bool packed, struct err *err);

#endif
