/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest may send into the user network: a guard in front of libslirp.
 *
 * libslirp takes frames to its gateway as meant for this host. It can be told not to, but
 * then it also drops the guest's answers to datagrams that came from this host by a
 * forwarded port; and it does not look at fec0::/64, where each address is a gateway.
 * So the guard decides, frame by frame, unless loopback=on.
 */
#ifndef TANE_NET_GUARD_H
#define TANE_NET_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "net/frame.h"

/* Where nodes are in the network: the low bits of their addresses. */
#define GUARD_GATEWAY CONFIG_NODE_GATEWAY
#define GUARD_DNS     CONFIG_NODE_DNS
#define GUARD_GUEST   15u /* the first of the 16 that DHCP gives */

/* Somebody on this host who sent datagrams to a forwarded port. */
struct guard_peer {
	uint16_t host_port, guest_port;
};
#define GUARD_PEERS 64

struct guard {
	uint32_t network, mask; /* IPv4, network order */
	bool loopback;          /* the guest may reach this host's loopback */
	bool forwards_udp;
	bool tftp; /* the gateway has a TFTP server */
	struct guard_peer peers[GUARD_PEERS];
	unsigned next_peer;
	int64_t fragment_bytes; /* that may still pass */
	int64_t fragment_time;
};

/* The prefix of the IPv6 network, 64 bits. */
extern const uint8_t guard_prefix6[16];

/* The IPv4 address (network order) of a node. */
uint32_t guard_address(const struct guard *guard, unsigned node);

/* Set the members up to tftp, then call this. `now` in ns. */
void guard_init(struct guard *guard, int64_t now);

/*
 * May this frame of the guest go to libslirp? `size` is what it would take in memory
 * there, if it is a fragment and kept.
 */
bool guard_allows(struct guard *guard, const struct frame_info *info, size_t size,
		  int64_t now);

/* A frame for the guest passes: it may answer. */
void guard_note(struct guard *guard, struct bytes frame);

#endif
