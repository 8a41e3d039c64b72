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

static enum frame_kind classify_tcp(struct bytes segment)
{
	const uint8_t syn = 0x02, ack = 0x10;

	if (segment.size >= 14 && (segment.data[13] & (syn | ack)) == syn)
		return FRAME_TCP_OPEN;
	return FRAME_PLAIN;
}

static enum frame_kind classify_ping(struct bytes message, uint8_t request)
{
	return message.size && message.data[0] == request ? FRAME_PING : FRAME_PLAIN;
}

static enum frame_kind classify_ipv4(struct bytes packet)
{
	struct bytes payload;
	size_t header;

	if (packet.size < IPV4_HEADER)
		return FRAME_BAD;
	header = (packet.data[0] & 15u) * 4u;
	if (header < IPV4_HEADER || header > packet.size || packet.data[16] == 127 ||
	    packet.data[16] == 0)
		return FRAME_BAD;
	if (load_be16(packet.data + 6) & 0x3fff) /* MF, or not the first one */
		return FRAME_FRAGMENT;
	bytes_slice(packet, header, packet.size - header, &payload);
	switch (packet.data[9]) {
	case IPPROTO_TCP:
		return classify_tcp(payload);
	case IPPROTO_UDP:
		return FRAME_UDP;
	case IPPROTO_ICMP:
		return classify_ping(payload, ICMP_ECHO_REQUEST);
	default:
		return FRAME_PLAIN;
	}
}

static enum frame_kind classify_ipv6(struct bytes packet)
{
	struct bytes payload;

	if (packet.size < IPV6_HEADER || is_host6(packet.data + 24))
		return FRAME_BAD;
	bytes_slice(packet, IPV6_HEADER, packet.size - IPV6_HEADER, &payload);
	switch (packet.data[6]) {
	case IPPROTO_TCP:
		return classify_tcp(payload);
	case IPPROTO_UDP:
		return FRAME_UDP;
	case IPPROTO_ICMPV6:
		return classify_ping(payload, ICMPV6_ECHO_REQUEST);
	default:
		return FRAME_PLAIN;
	}
}

enum frame_kind frame_classify(struct bytes frame)
{
	struct bytes packet;

	if (!bytes_slice(frame, FRAME_HEADER, frame.size - FRAME_HEADER, &packet))
		return FRAME_BAD;
	switch (load_be16(frame.data + 12)) {
	case ETHERTYPE_ARP:
		return FRAME_PLAIN;
	case ETHERTYPE_IPV4:
		return classify_ipv4(packet);
	case ETHERTYPE_IPV6:
		return classify_ipv6(packet);
	default:
		return FRAME_BAD;
	}
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
