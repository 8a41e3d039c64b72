/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two transports of virtio: registers between a driver and a device. One of these
 * functions is called for each device, before vCPUs and loops run. On success
 * virtio_free() also frees the transport; on an error nothing remains of it.
 */
#ifndef TANE_VIRTIO_TRANSPORT_H
#define TANE_VIRTIO_TRANSPORT_H

#include <stdint.h>

#include "core/irq.h"
#include "dev/pci.h"
#include "util/err.h"
#include "virtio/virtio.h"

/* virtio 1.2, 4.1: a function on `bus`, which must outlive the device. */
int virtio_pci_attach(struct virtio *virtio, struct pci_bus *bus, struct err *err);

/* virtio 1.2, 4.2: VIRTIO_MMIO_SIZE bytes of registers at `base`, and an interrupt. */
#define VIRTIO_MMIO_SIZE 0x200u
int virtio_mmio_attach(struct virtio *virtio, uint64_t base, const struct irq_line *irq,
		       struct err *err);

#endif
