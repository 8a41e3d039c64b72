/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices that the user asked for, on the transport that the user chose. All
 * architectures have them; an architecture only says where the places are.
 */
#ifndef TANE_ARCH_VIRTIO_H
#define TANE_ARCH_VIRTIO_H

#include "core/platform.h"
#include "core/vm.h"
#include "dev/pci.h"
#include "virtio/virtio.h"

#define VIRTIO_MAX_DEVICES (CONFIG_MAX_DISKS + CONFIG_MAX_NETS + 8)

/* Where virtio-mmio devices go: 512 bytes of registers and an interrupt each. */
struct virtio_mmio_places {
	uint64_t base, stride;
	unsigned count; /* places */
	struct irq_line irqs[VIRTIO_MAX_DEVICES];
	unsigned gsis[VIRTIO_MAX_DEVICES]; /* for vhost, and the firmware tables */
};

struct virtio_devices {
	struct virtio *devices[VIRTIO_MAX_DEVICES];
	unsigned count;
};

/* Make all devices of vm->config; `pci` or `places` is NULL for the other transport. */
int virtio_devices_build(struct virtio_devices *devices, struct vm *vm,
			 struct platform *platform, struct pci_bus *pci,
			 const struct virtio_mmio_places *places, struct err *err);
int virtio_devices_reset(struct virtio_devices *devices, int timeout_ms, struct err *err);
/* What the guest never drove, and what it lacks for that. */
void virtio_devices_print_hints(const struct virtio_devices *devices, FILE *out);
void virtio_devices_destroy(struct virtio_devices *devices);

#endif
