/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ethernet frames of a guest, looked at before the host gets them. Pure functions:
 * no state, no descriptors.
 */
#ifndef TANE_NET_FRAME_H
#define TANE_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "net/net.h"
#include "util/bytes.h"

#define FRAME_HEADER 14u /* two addresses and the type */
/* The shortest frame on a wire, and the longest IP packet. */
#define FRAME_MINIMUM 60u
#define FRAME_MAX_IP  65535u

/*
 * Is the header in front of a frame of `len` bytes one that a driver with these
 * agreed features may send (5.1.6.2)? What means nothing is cleared in it.
 */
bool frame_check_header(uint8_t *header, size_t len, uint64_t features);

/*
 * Do what VIRTIO_NET_HDR_F_NEEDS_CSUM asks for: the field holds the sum of the pseudo
 * header, and gets the whole one. false: header and frame do not match.
 */
bool frame_finish_checksum(uint8_t *frame, size_t len, const uint8_t *header);

/* What a frame is to a network stack of ours. */
enum frame_kind {
	FRAME_BAD,      /* too short, a protocol of no use, or an address of this host */
	FRAME_PLAIN,    /* ARP, or IP that makes no new socket */
	FRAME_FRAGMENT, /* of an IPv4 datagram */
	FRAME_TCP_OPEN, /* a first segment */
	FRAME_UDP,
	FRAME_PING,
};

struct frame_info {
	enum frame_kind kind;
	uint8_t protocol; /* of IP; 0: ARP */
	/* IPv4: the first 4 bytes; not set for ARP. */
	bool is_ipv6;
	uint8_t source[16], destination[16];
	uint16_t source_port, destination_port; /* of UDP and TCP_OPEN, else 0 */
};

/*
 * Look at a frame. One to 127.0.0.0/8, 0.0.0.0/8, ::, ::1 or ::ffff:0:0/96 is FRAME_BAD:
 * a connection that we made for it would end in the host itself.
 */
struct frame_info frame_parse(struct bytes frame);

/* Copy all of iov into `to`: the length, or 0 if it has more than `size` bytes. */
size_t frame_gather(uint8_t *to, size_t size, const struct iovec *iov, unsigned nr_iov);

/* Copy `from` to byte `offset` of iov. false: it does not fit. */
bool frame_scatter(const struct iovec *iov, unsigned nr_iov, size_t offset,
		   struct bytes from);

#endif
