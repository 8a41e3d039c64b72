/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a virtqueue looks like in guest memory (virtio 1.2, 2.7 and 2.8). All fields
 * are little-endian, as the host is (util/bytes.h), and naturally aligned, but for
 * indirect tables, which may lie anywhere.
 */
#ifndef TANE_VIRTIO_RING_H
#define TANE_VIRTIO_RING_H

#include <stdint.h>

/* Flags of descriptors (2.7.5, 2.8.1). */
#define VIRTQ_DESC_F_NEXT     (1u << 0)
#define VIRTQ_DESC_F_WRITE    (1u << 1)
#define VIRTQ_DESC_F_INDIRECT (1u << 2)
#define VIRTQ_DESC_F_AVAIL    (1u << 7)  /* packed only */
#define VIRTQ_DESC_F_USED     (1u << 15) /* packed only */

/* Split: the descriptor table (2.7.5), also as an indirect table (2.7.5.3). */
struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* Split: the driver area (2.7.6). Behind ring[] comes used_event. */
struct virtq_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};

#define VIRTQ_AVAIL_F_NO_INTERRUPT 1u

/* Split: the device area (2.7.8). Behind ring[] comes avail_event. */
struct virtq_used_elem {
	uint32_t id;
	uint32_t len;
};

struct virtq_used {
	uint16_t flags;
	uint16_t idx;
	struct virtq_used_elem ring[];
};

#define VIRTQ_USED_F_NO_NOTIFY 1u

/* Packed: the descriptor ring (2.8.13), also as an indirect table (2.8.7). */
struct pvirtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

/* Packed: the driver area and the device area (2.8.14), 4 bytes each. */
struct pvirtq_event_suppress {
	uint16_t desc;  /* offset in the ring, and the wrap counter in bit 15 */
	uint16_t flags; /* bits 1:0 */
};

#define RING_EVENT_FLAGS_ENABLE  0u
#define RING_EVENT_FLAGS_DISABLE 1u
#define RING_EVENT_FLAGS_DESC    2u

_Static_assert(sizeof(struct virtq_desc) == 16, "2.7.5");
_Static_assert(sizeof(struct pvirtq_desc) == 16, "2.8.13");
_Static_assert(sizeof(struct pvirtq_event_suppress) == 4, "2.8.14");

#endif
