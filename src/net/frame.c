/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be told from a frame by itself; see frame.h. All of it is the guest's:
 * each length is checked before bytes are read, and a frame that does not add up
 * is refused, not repaired.
 */
#include <netinet/in.h>
#include <string.h>

#include "net/frame.h"

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_ARP  0x0806u
#define ETHERTYPE_IPV6 0x86ddu

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u

#define ICMP_ECHO_REQUEST   8u   /* RFC 792 */
#define ICMPV6_ECHO_REQUEST 128u /* RFC 4443 */

/* The feature that allows a kind of segmentation; -1: there is no such kind. */
static int gso_feature(uint8_t type)
{
	switch (type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return VIRTIO_NET_F_HOST_TSO4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return VIRTIO_NET_F_HOST_TSO6;
	case VIRTIO_NET_HDR_GSO_UDP:
		return VIRTIO_NET_F_HOST_UFO;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return VIRTIO_NET_F_HOST_USO;
	default:
		return -1;
	}
}

static bool check_gso(const uint8_t *header, size_t len, uint64_t features)
{
	const uint8_t type = header[NET_HDR_GSO_TYPE] & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	const bool ecn = header[NET_HDR_GSO_TYPE] & VIRTIO_NET_HDR_GSO_ECN;
	const int feature = gso_feature(type);

	if (feature < 0 || !(features & net_bit((unsigned)feature)))
		return false;
	if (ecn && !(features & net_bit(VIRTIO_NET_F_HOST_ECN)))
		return false;
	return (header[NET_HDR_FLAGS] & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	       load_le16(header + NET_HDR_GSO_SIZE) &&
	       load_le16(header + NET_HDR_HDR_LEN) <= len;
}

bool frame_check_header(uint8_t *header, size_t len, uint64_t features)
{
	/* Flags that a driver does not set are not for us (5.1.6.2). */
	header[NET_HDR_FLAGS] &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	store_le16(header + NET_HDR_NUM_BUFFERS, 0);
	if (header[NET_HDR_FLAGS]) {
		const uint32_t at = (uint32_t)load_le16(header + NET_HDR_CSUM_START) +
				    load_le16(header + NET_HDR_CSUM_OFFSET);

		if (!(features & net_bit(VIRTIO_NET_F_CSUM)) ||
		    !range_within(at, sizeof(uint16_t), len))
			return false;
	} else {
		store_le16(header + NET_HDR_CSUM_START, 0);
		store_le16(header + NET_HDR_CSUM_OFFSET, 0);
	}
	if (header[NET_HDR_GSO_TYPE] != VIRTIO_NET_HDR_GSO_NONE)
		return check_gso(header, len, features);
	store_le16(header + NET_HDR_HDR_LEN, 0);
	store_le16(header + NET_HDR_GSO_SIZE, 0);
	return true;
}

/* The Internet checksum (RFC 1071), folded and not inverted. */
static uint16_t checksum(const uint8_t *from, size_t len)
{
	uint64_t sum = 0;

	for (; len >= sizeof(uint32_t); from += sizeof(uint32_t), len -= sizeof(uint32_t))
		sum += load_le32(from);
	if (len >= sizeof(uint16_t)) {
		sum += load_le16(from);
		from += sizeof(uint16_t);
		len -= sizeof(uint16_t);
	}
	if (len)
		sum += *from;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

bool frame_finish_checksum(uint8_t *frame, size_t len, const uint8_t *header)
{
	const size_t start = load_le16(header + NET_HDR_CSUM_START);
	const size_t at = start + load_le16(header + NET_HDR_CSUM_OFFSET);
	uint16_t sum;

	if (!range_within(at, sizeof(sum), len))
		return false;
	sum = (uint16_t)~checksum(frame + start, len - start);
	store_le16(frame + at, sum ? sum : 0xffff); /* 0 means "none" in UDP */
	return true;
}

static uint16_t load_be16(const uint8_t *from)
{
	return (uint16_t)(from[0] << 8 | from[1]);
}

/* ::, ::1, and IPv4 in disguise. */
static bool is_host6(const uint8_t *address)
{
	static const uint8_t zeroes[15];
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return (!memcmp(address, zeroes, sizeof(zeroes)) && address[15] <= 1) ||
	       !memcmp(address, mapped, sizeof(mapped));
}

/* Both TCP and UDP begin with their ports (RFC 768, RFC 9293). */
static void parse_ports(struct frame_info *info, struct bytes payload)
{
	if (payload.size < 4)
		return;
	info->source_port = load_be16(payload.data);
	info->destination_port = load_be16(payload.data + 2);
}

static void parse_payload(struct frame_info *info, struct bytes payload)
{
	const uint8_t syn = 0x02, ack = 0x10;

	info->kind = FRAME_PLAIN;
	switch (info->protocol) {
	case IPPROTO_TCP:
		if (payload.size >= 14 && (payload.data[13] & (syn | ack)) == syn) {
			info->kind = FRAME_TCP_OPEN;
			parse_ports(info, payload);
		}
		break;
	case IPPROTO_UDP:
		info->kind = FRAME_UDP;
		parse_ports(info, payload);
		break;
	case IPPROTO_ICMP:
		if (payload.size && payload.data[0] == ICMP_ECHO_REQUEST)
			info->kind = FRAME_PING;
		break;
	case IPPROTO_ICMPV6:
		if (payload.size && payload.data[0] == ICMPV6_ECHO_REQUEST)
			info->kind = FRAME_PING;
		break;
	default:
		break;
	}
}

static void parse_ipv4(struct frame_info *info, struct bytes packet)
{
	struct bytes payload;
	size_t header;

	if (packet.size < IPV4_HEADER)
		return;
	header = (size_t)(packet.data[0] & 15) * 4;
	if (header < IPV4_HEADER ||
	    !bytes_slice(packet, header, packet.size - header, &payload))
		return;
	if (packet.data[16] == 127 || packet.data[16] == 0)
		return;
	if (!packet.data[9]) /* none; and 0 is how we say ARP */
		return;
	info->protocol = packet.data[9];
	memcpy(info->source, packet.data + 12, 4);
	memcpy(info->destination, packet.data + 16, 4);
	if (load_be16(packet.data + 6) & 0x3fff) /* MF, or not the first one */
		info->kind = FRAME_FRAGMENT;
	else
		parse_payload(info, payload);
}

static void parse_ipv6(struct frame_info *info, struct bytes packet)
{
	struct bytes payload;

	if (!bytes_slice(packet, IPV6_HEADER, packet.size - IPV6_HEADER, &payload) ||
	    is_host6(packet.data + 24))
		return;
	info->is_ipv6 = true;
	info->protocol = packet.data[6];
	memcpy(info->source, packet.data + 8, 16);
	memcpy(info->destination, packet.data + 24, 16);
	parse_payload(info, payload);
}

struct frame_info frame_parse(struct bytes frame)
{
	struct frame_info info = { .kind = FRAME_BAD };
	struct bytes packet;

	if (!bytes_slice(frame, FRAME_HEADER, frame.size - FRAME_HEADER, &packet))
		return info;
	switch (load_be16(frame.data + 12)) {
	case ETHERTYPE_ARP:
		info.kind = FRAME_PLAIN;
		break;
	case ETHERTYPE_IPV4:
		parse_ipv4(&info, packet);
		break;
	case ETHERTYPE_IPV6:
		parse_ipv6(&info, packet);
		break;
	default:
		break;
	}
	return info;
}

size_t frame_gather(uint8_t *to, size_t size, const struct iovec *iov, unsigned nr_iov)
{
	size_t len = 0;

	for (unsigned i = 0; i < nr_iov; i++) {
		if (iov[i].iov_len > size - len)
			return 0;
		memcpy(to + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return len;
}

bool frame_scatter(const struct iovec *iov, unsigned nr_iov, size_t offset,
		   struct bytes from)
{
	for (unsigned i = 0; i < nr_iov && from.size; i++) {
		size_t n = iov[i].iov_len;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		n -= offset;
		if (n > from.size)
			n = from.size;
		memcpy((uint8_t *)iov[i].iov_base + offset, from.data, n);
		from.data += n;
		from.size -= n;
		offset = 0;
	}
	return from.size == 0;
}
