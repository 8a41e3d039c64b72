/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames and headers of a guest on their way to the host, and the backlog on the way back:
 * nothing is read behind a frame's end, and what passes is what was promised.
 */
#include <stdlib.h>
#include <string.h>

#include "chip.h"

#include "net/backlog.h"
#include "net/frame.h"
#include "net/guard.h"

/* A header that passes keeps the promises that tap.c relies on. */
static void check_header(const uint8_t *header, size_t len, uint64_t features)
{
	const unsigned flags = header[NET_HDR_FLAGS], type = header[NET_HDR_GSO_TYPE];

	FUZZ_CHECK(!(flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM));
	if (flags) {
		FUZZ_CHECK(features & net_bit(VIRTIO_NET_F_CSUM));
		FUZZ_CHECK(load_le16(header + NET_HDR_CSUM_START) +
				   load_le16(header + NET_HDR_CSUM_OFFSET) + 2u <=
			   len);
	}
	FUZZ_CHECK(load_le16(header + NET_HDR_HDR_LEN) <= len);
	if (type) {
		FUZZ_CHECK(flags && load_le16(header + NET_HDR_GSO_SIZE));
		FUZZ_CHECK(features & (net_bit(VIRTIO_NET_F_HOST_TSO4) |
				       net_bit(VIRTIO_NET_F_HOST_TSO6) |
				       net_bit(VIRTIO_NET_F_HOST_UFO) |
				       net_bit(VIRTIO_NET_F_HOST_USO)));
	}
}

/* What the guard lets through does not go to this host's loopback. */
static void check_guard(struct bytes frame, uint64_t features)
{
	struct guard guard = { .network = 0x0002000a, .mask = 0x00ffffff };
	const struct frame_info info = frame_parse(frame);

	guard.forwards_udp = features & 1;
	guard_init(&guard, 0);
	guard_note(&guard, frame);
	if (!guard_allows(&guard, &info, frame.size, 1000000))
		return;
	FUZZ_CHECK(info.kind != FRAME_BAD);
	if (info.protocol && !info.is_ipv6)
		FUZZ_CHECK(info.destination[0] != 127 && info.destination[0] != 0);
	if (info.kind == FRAME_TCP_OPEN && !info.is_ipv6 &&
	    !memcmp(info.destination, "\x0a\0\2\2", 4))
		FUZZ_CHECK(false); /* a connection to the gateway */
}

static void check_checksum(struct bytes frame, const uint8_t *header)
{
	uint8_t *copy = malloc(frame.size ? frame.size : 1);

	FUZZ_CHECK(copy);
	memcpy(copy, frame.data, frame.size);
	(void)frame_finish_checksum(copy, frame.size, header);
	free(copy);
}

/* Frames come out as they went in. Each byte of the input is a size, times 300. */
static void check_backlog(struct bytes input)
{
	struct backlog log;
	size_t in = 0, out = 0, sizes[256];
	uint8_t *frame = malloc(256 * 300);

	FUZZ_CHECK(frame && !backlog_init(&log));
	memset(frame, 0x5a, 256 * 300);
	for (size_t i = 0; i < input.size; i++) {
		const size_t size = input.data[i] * 300u;

		if (input.data[i] % 3 && in - out < 256 &&
		    backlog_put(&log, (struct bytes){ frame, size }))
			sizes[in++ % 256] = size;
		else if (out < in) {
			FUZZ_CHECK(backlog_first(&log).size == sizes[out++ % 256]);
			backlog_drop_first(&log);
		}
		FUZZ_CHECK((log.used == 0) == (in == out));
	}
	backlog_destroy(&log);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t header[NET_HEADER_SIZE];
	struct bytes frame;
	uint64_t features;

	if (size < sizeof(features) + sizeof(header))
		return 0;
	features = load_le64(data);
	memcpy(header, data + sizeof(features), sizeof(header));
	frame.data = data + sizeof(features) + sizeof(header);
	frame.size = size - sizeof(features) - sizeof(header);
	check_checksum(frame, header);
	if (frame_check_header(header, frame.size, features))
		check_header(header, frame.size, features);
	check_guard(frame, features);
	if (features & 2)
		check_backlog(frame);
	return 0;
}
