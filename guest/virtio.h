/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio: a small virtio 1 driver for guests without paging, which polls: on PCI
 * (configuration mechanism 1) and on MMIO, with split rings of RING_SIZE entries.
 *
 *	virtio_find()		what devices there are
 *	virtio_begin()		reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK
 *	ring_init(), virtio_enable()	for each queue
 *	virtio_go()		DRIVER_OK
 *	ring_request()		one request and its end
 *
 * Registers have one name on both transports: virtio_read(), virtio_write(). BARs
 * above 4 GiB are moved below, where this guest can reach them.
 */
#ifndef TANE_GUEST_VIRTIO_H
#define TANE_GUEST_VIRTIO_H

#include "guest.h"

/* Device status (virtio 1.2, 2.1). */
#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8
#define STATUS_NEEDS_RESET 64
#define STATUS_FAILED      128

/* Device IDs (5). */
#define ID_NET     1
#define ID_BLOCK   2
#define ID_CONSOLE 3
#define ID_RNG     4
#define ID_BALLOON 5
#define ID_9P      9
#define ID_VSOCK   19

#define F_INDIRECT_DESC (1ull << 28)
#define F_EVENT_IDX     (1ull << 29)
#define F_VERSION_1     (1ull << 32)
#define F_RING_PACKED   (1ull << 34)

#define DESC_NEXT     1
#define DESC_WRITE    2
#define DESC_INDIRECT 4

#define NO_VECTOR   0xffff
#define RING_SIZE   16 /* every device offers at least this much */
#define MAX_DEVICES 32

/* Registers of both transports (4.1.4.3, 4.2.2). */
enum reg {
	DEVICE_FEATURE_SELECT,
	DEVICE_FEATURE,
	DRIVER_FEATURE_SELECT,
	DRIVER_FEATURE,
	QUEUE_SELECT,
	QUEUE_SIZE_MAX,
	QUEUE_SIZE,
	QUEUE_ENABLE,
	QUEUE_DESC_LOW,
	QUEUE_DESC_HIGH,
	QUEUE_DRIVER_LOW,
	QUEUE_DRIVER_HIGH,
	QUEUE_DEVICE_LOW,
	QUEUE_DEVICE_HIGH,
	DEVICE_STATUS,
	CONFIG_GENERATION,
	NR_REGS
};

struct virtio {
	uint32_t id;
	bool is_pci;
	uint32_t regs;   /* common configuration, or the MMIO device's first register */
	uint32_t config; /* device configuration */
	uint32_t notify; /* PCI: the notification area */
	uint32_t notify_multiplier;
	uint32_t isr;

	/* PCI only. */
	uint8_t slot;
	uint8_t msix;    /* offset of the MSI-X capability, 0: none */
	uint8_t pci_cfg; /* offset of the PCI_CFG capability, 0: none */
	uint8_t bar_of_regs;
	uint32_t msix_table;
	uint32_t msix_vectors;
};

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct avail {
	uint16_t flags, idx, ring[RING_SIZE], used_event;
};

struct used {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[RING_SIZE];
	uint16_t avail_event;
};

/* A split ring (2.7), page by page so that all alignments are right. */
struct ring {
	volatile struct desc desc[RING_SIZE] __attribute__((aligned(4096)));
	volatile struct avail avail __attribute__((aligned(4096)));
	volatile struct used used __attribute__((aligned(4096)));
	const struct virtio *virtio;
	uint16_t index;
	uint16_t seen; /* used.idx that ring_wait() has seen */
};

/* One piece of memory of a request. */
struct piece {
	const volatile void *at;
	uint32_t size;
	bool writable; /* for the device */
};

/* Registers by address; the barrier keeps the compiler from moving ring accesses. */
static inline uint32_t mem_read(uint32_t at, unsigned size)
{
	uint32_t value;

	__asm__ volatile("" : : : "memory");
	if (size == 1)
		value = *(volatile uint8_t *)at;
	else if (size == 2)
		value = *(volatile uint16_t *)at;
	else
		value = *(volatile uint32_t *)at;
	return value;
}

static inline void mem_write(uint32_t at, uint32_t value, unsigned size)
{
	__asm__ volatile("" : : : "memory");
	if (size == 1)
		*(volatile uint8_t *)at = (uint8_t)value;
	else if (size == 2)
		*(volatile uint16_t *)at = (uint16_t)value;
	else
		*(volatile uint32_t *)at = value;
}

/* The configuration space of function 0 of device `slot` on bus 0. */
uint32_t pci_read(uint8_t slot, uint32_t offset, unsigned size);
void pci_write(uint8_t slot, uint32_t offset, uint32_t value, unsigned size);

/* All devices on PCI, and behind them those of `mmio_count` places from `mmio_base` on. */
unsigned virtio_find(struct virtio found[MAX_DEVICES], uint32_t mmio_base,
		     uint32_t mmio_stride, uint32_t mmio_count);

uint32_t virtio_read(const struct virtio *virtio, enum reg reg);
void virtio_write(const struct virtio *virtio, enum reg reg, uint32_t value);

/* Features that the device offers. */
uint64_t virtio_features(const struct virtio *virtio);

/* Status 0, and wait until the device says it is done. False: not within 30 seconds. */
bool virtio_reset(const struct virtio *virtio);

/* Reset and agree on those of `wanted` that are offered. */
bool virtio_begin(const struct virtio *virtio, uint64_t wanted);
void virtio_go(const struct virtio *virtio);

void virtio_notify(const struct virtio *virtio, uint16_t queue);

/* Clear a ring, for a queue of the device. */
void ring_init(struct ring *ring, const struct virtio *virtio, uint16_t index);

/* Tell the device where the ring is, and enable the queue. False: it has none. */
bool virtio_enable(struct ring *ring);

/* Descriptors 0 and up for these pieces. */
void ring_fill(struct ring *ring, const struct piece *pieces, unsigned count);

/* Make `head` available, and notify. */
void ring_offer(struct ring *ring, uint16_t head);

/* The next used element: its length, or -1 if none came within 30 seconds. */
int32_t ring_wait(struct ring *ring);

/* The three above. One request at a time. */
int32_t ring_request(struct ring *ring, const struct piece *pieces, unsigned count);

#endif
