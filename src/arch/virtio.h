/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices that the user asked for, on the transport that the user chose. All
 * architectures have them; an architecture only says where the places are.
 */
#ifndef TANE_ARCH_VIRTIO_H
#define TANE_ARCH_VIRTIO_H

#include <stdio.h>

#include "core/console.h"
#include "core/io_thread.h"
#include "core/platform.h"
#include "core/vm.h"
#include "dev/pci.h"
#include "virtio/virtio.h"

#define VIRTIO_MAX_DEVICES (CONFIG_MAX_DISKS + CONFIG_MAX_NETS + CONFIG_MAX_SHARES + 8)

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
	const struct vm_config *config;
	/* That the devices belong to: one in the main loop, then the threads. */
	struct io_thread loops[1 + CONFIG_MAX_IO_THREADS];
	unsigned nr_loops;
};

/*
 * Make all devices of vm->config, and start their loops; `pci` or `places` is NULL for
 * the other transport. The main thread, which also calls all of the following. Device
 * n is at place n. On an error virtio_devices_destroy() still has to be called.
 */
int virtio_devices_build(struct virtio_devices *devices, struct vm *vm,
			 struct platform *platform, struct pci_bus *pci,
			 const struct virtio_mmio_places *places, struct err *err);

/* Power-on state, vCPUs parked. */
int virtio_devices_reset(struct virtio_devices *devices, int timeout_ms, struct err *err);

/*
 * What the guest never drove, and what it lacks for that. For a guest that had the time
 * to look for its devices.
 */
void virtio_devices_print_hints(const struct virtio_devices *devices, FILE *out);

/* The virtio console among them; NULL: there is none. */
struct virtio *virtio_devices_console(const struct virtio_devices *devices);

/*
 * The guest is gone: serve the devices no more, and write out what it has printed; see
 * console_drain(). No vCPU runs.
 */
void virtio_devices_drain(struct virtio_devices *devices,
			  const struct console_interrupt *interrupt, int timeout_ms);

/* What devices have counted, for --stats, when they are served no more. */
void virtio_devices_print_stats(const struct virtio_devices *devices, FILE *out);

/*
 * Waits for requests in flight, ends the threads, frees. No vCPU runs. Zeroes are fine.
 * false: the host did not finish some requests in time; they still use guest memory.
 */
bool virtio_devices_destroy(struct virtio_devices *devices);

/*
 * What tells a Linux kernel that reads no ACPI tables where `count` devices are, to be
 * appended to its command line (" virtio_mmio.device=512@0xd0000000:5 ..."). The number
 * of bytes that it takes, which may be more than `size`.
 */
size_t virtio_mmio_params(const struct virtio_mmio_places *places, unsigned count,
			  char *text, size_t size);

#endif
