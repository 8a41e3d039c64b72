/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest may send into the user network; see guard.h. */
#include <arpa/inet.h>
#include <string.h>

#include "net/guard.h"

#define PORT_DNS  53
#define PORT_DHCP 67
#define PORT_TFTP 69

/*
 * Bytes of IP fragments that may pass: at once, and per second. libslirp keeps those
 * whose rest does not come for 30 seconds, however many they are.
 */
#define FRAGMENT_BURST (4 << 20)
#define FRAGMENT_RATE  (1 << 20)

const uint8_t guard_prefix6[16] = { 0xfe, 0xc0 };

uint32_t guard_address(const struct guard *guard, unsigned node)
{
	return htonl(ntohl(guard->network) + node);
}

void guard_init(struct guard *guard, int64_t now)
{
	memset(guard->peers, 0, sizeof(guard->peers));
	guard->next_peer = 0;
	guard->fragment_bytes = FRAGMENT_BURST;
	guard->fragment_time = now;
}

static uint32_t address_in(const uint8_t *from)
{
	uint32_t address;

	memcpy(&address, from, sizeof(address));
	return address;
}

/* Does libslirp take the destination for the gateway, and so for this host? */
static bool is_gateway(const struct guard *guard, const struct frame_info *info)
{
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
	const uint32_t to = address_in(info->destination);

	if (info->is_ipv6)
		return !memcmp(info->destination, guard_prefix6, 8) ||
		       !memcmp(info->destination, all_nodes, sizeof(all_nodes));
	return (to & guard->mask) == guard->network || to == UINT32_MAX;
}

static bool is_dns(const struct guard *guard, const struct frame_info *info)
{
	uint8_t dns6[16];

	if (info->destination_port != PORT_DNS)
		return false;
	if (!info->is_ipv6)
		return address_in(info->destination) == guard_address(guard, GUARD_DNS);
	memcpy(dns6, guard_prefix6, sizeof(dns6));
	dns6[15] = GUARD_DNS;
	return !memcmp(info->destination, dns6, sizeof(dns6));
}

/* libslirp's own server, and no other address, since that port there is this host's. */
static bool is_tftp(const struct guard *guard, const struct frame_info *info)
{
	return guard->tftp && !info->is_ipv6 && info->destination_port == PORT_TFTP &&
	       address_in(info->destination) == guard_address(guard, GUARD_GATEWAY);
}

/* Does the guest answer somebody on this host? */
static bool is_answer(const struct guard *guard, const struct frame_info *info)
{
	if (info->is_ipv6 || !info->destination_port)
		return false;
	for (unsigned i = 0; i < GUARD_PEERS; i++) {
		if (guard->peers[i].host_port == info->destination_port &&
		    guard->peers[i].guest_port == info->source_port)
			return true;
	}
	return false;
}

static bool gateway_allowed(const struct guard *guard, const struct frame_info *info)
{
	switch (info->kind) {
	case FRAME_TCP_OPEN:
		return is_dns(guard, info);
	case FRAME_UDP:
		return is_dns(guard, info) || is_tftp(guard, info) ||
		       is_answer(guard, info) ||
		       (!info->is_ipv6 && info->destination_port == PORT_DHCP);
	case FRAME_FRAGMENT: /* a large ping; what else, only the first one tells */
		return info->protocol == IPPROTO_ICMP;
	default: /* ping, and segments of connections that are there */
		return true;
	}
}

static bool fragment_allowed(struct guard *guard, size_t size, int64_t now)
{
	int64_t ms = (now - guard->fragment_time) / 1000000;

	if (ms > 10000)
		ms = 10000;
	if (ms > 0) {
		guard->fragment_time = now;
		guard->fragment_bytes += ms * FRAGMENT_RATE / 1000;
	}
	if (guard->fragment_bytes > FRAGMENT_BURST)
		guard->fragment_bytes = FRAGMENT_BURST;
	if (guard->fragment_bytes < (int64_t)size)
		return false;
	guard->fragment_bytes -= (int64_t)size;
	return true;
}

bool guard_allows(struct guard *guard, const struct frame_info *info, size_t size,
		  int64_t now)
{
	if (info->kind == FRAME_BAD)
		return false;
	if (!info->protocol && !info->is_ipv6)
		return true; /* ARP */
	if (!guard->loopback && is_gateway(guard, info) && !gateway_allowed(guard, info))
		return false;
	return info->kind != FRAME_FRAGMENT || fragment_allowed(guard, size, now);
}

void guard_note(struct guard *guard, struct bytes frame)
{
	struct guard_peer peer;
	struct frame_info info;

	if (!guard->forwards_udp || guard->loopback)
		return;
	info = frame_parse(frame);
	if (info.kind != FRAME_UDP || info.is_ipv6 ||
	    address_in(info.source) != guard_address(guard, GUARD_GATEWAY))
		return;
	peer = (struct guard_peer){ info.source_port, info.destination_port };
	for (unsigned i = 0; i < GUARD_PEERS; i++) {
		if (guard->peers[i].host_port == peer.host_port &&
		    guard->peers[i].guest_port == peer.guest_port)
			return;
	}
	guard->peers[guard->next_peer++ % GUARD_PEERS] = peer;
}
