/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames looked at before the host gets them; who may reach it; and the backlog. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/backlog.h"
#include "net/frame.h"
#include "net/guard.h"

#define TCP  6
#define UDP  17
#define ICMP 1

/* An IPv4 frame to `to`, with a payload of 20 bytes that begins with these ports. */
static struct bytes make4(uint8_t frame[54], uint8_t protocol, const char *to,
			  uint16_t from_port, uint16_t to_port)
{
	memset(frame, 0, 54);
	frame[12] = 0x08;
	frame[14] = 0x45;
	frame[23] = protocol;
	inet_pton(AF_INET, "10.0.2.15", frame + 26);
	assert_int_equal(inet_pton(AF_INET, to, frame + 30), 1);
	frame[34] = (uint8_t)(from_port >> 8);
	frame[35] = (uint8_t)from_port;
	frame[36] = (uint8_t)(to_port >> 8);
	frame[37] = (uint8_t)to_port;
	if (protocol == TCP)
		frame[47] = 0x02; /* SYN */
	return (struct bytes){ frame, 54 };
}

static struct bytes make6(uint8_t frame[74], uint8_t protocol, const char *to,
			  uint16_t to_port)
{
	memset(frame, 0, 74);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame[14] = 0x60;
	frame[20] = protocol;
	assert_int_equal(inet_pton(AF_INET6, to, frame + 38), 1);
	frame[56] = (uint8_t)(to_port >> 8);
	frame[57] = (uint8_t)to_port;
	if (protocol == TCP)
		frame[67] = 0x02;
	return (struct bytes){ frame, 74 };
}

static void test_kinds(void **state)
{
	uint8_t frame[74];
	struct bytes whole;

	(void)state;
	whole = make4(frame, UDP, "192.0.2.1", 5, 6);
	assert_int_equal(frame_parse(whole).kind, FRAME_UDP);
	assert_int_equal(frame_parse(whole).source_port, 5);
	assert_int_equal(frame_parse(whole).destination_port, 6);
	whole = make4(frame, TCP, "192.0.2.1", 5, 6);
	assert_int_equal(frame_parse(whole).kind, FRAME_TCP_OPEN);
	frame[47] = 0x12; /* SYN and ACK: no new connection */
	assert_int_equal(frame_parse(whole).kind, FRAME_PLAIN);
	whole = make4(frame, ICMP, "192.0.2.1", 0x0800, 0);
	assert_int_equal(frame_parse(whole).kind, FRAME_PING);
	frame[20] = 0x20; /* MF */
	assert_int_equal(frame_parse(whole).kind, FRAME_FRAGMENT);
	frame[20] = 0x40; /* DF */
	assert_int_equal(frame_parse(whole).kind, FRAME_PING);
	frame[21] = 0x01; /* an offset */
	assert_int_equal(frame_parse(whole).kind, FRAME_FRAGMENT);
	whole = make6(frame, TCP, "2001:db8::1", 80);
	assert_int_equal(frame_parse(whole).kind, FRAME_TCP_OPEN);
	whole = make6(frame, 58, "2001:db8::1", 0);
	assert_int_equal(frame_parse(whole).kind, FRAME_PLAIN);
	frame[54] = 128;
	assert_int_equal(frame_parse(whole).kind, FRAME_PING);
	frame[12] = frame[13] = 0x88;
	assert_int_equal(frame_parse(whole).kind, FRAME_BAD);
	frame[12] = 0x08;
	frame[13] = 0x06;
	assert_int_equal(frame_parse(whole).kind, FRAME_PLAIN);
}

/* However a frame is cut, nothing behind its end is read (ASan watches). */
static void test_cut_frames(void **state)
{
	uint8_t frame[74];

	(void)state;
	for (unsigned version = 4; version <= 6; version += 2) {
		struct bytes whole = version == 4 ? make4(frame, TCP, "192.0.2.1", 1, 2)
						  : make6(frame, TCP, "2001:db8::1", 2);

		for (size_t size = 0; size <= whole.size; size++) {
			uint8_t *copy = malloc(size ? size : 1);
			struct frame_info info;

			memcpy(copy, frame, size);
			info = frame_parse((struct bytes){ copy, size });
			if (size < (version == 4 ? 34 : 54))
				assert_int_equal(info.kind, FRAME_BAD);
			free(copy);
		}
	}
	/* Header lengths of IPv4 that cannot be. */
	for (uint8_t words = 0; words < 16; words++) {
		struct bytes whole = make4(frame, UDP, "192.0.2.1", 1, 2);

		frame[14] = 0x40 | words;
		assert_int_equal(frame_parse(whole).kind,
				 words >= 5 && words <= 10 ? FRAME_UDP : FRAME_BAD);
	}
}

static void test_addresses_of_this_host(void **state)
{
	static const char *const bad4[] = { "127.0.0.1", "127.255.255.255", "0.0.0.0",
					    "0.1.2.3" };
	static const char *const bad6[] = { "::", "::1", "::ffff:127.0.0.1",
					    "::ffff:8.8.8.8" };
	uint8_t frame[74];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(frame_parse(make4(frame, TCP, bad4[i], 1, 2)).kind,
				 FRAME_BAD);
		assert_int_equal(frame_parse(make6(frame, TCP, bad6[i], 2)).kind,
				 FRAME_BAD);
	}
	/* Of no protocol, which is not to be taken for ARP, in a fragment least of all. */
	assert_int_equal(frame_parse(make4(frame, 0, "192.0.2.1", 1, 2)).kind, FRAME_BAD);
	assert_int_equal(frame_parse(make4(frame, TCP, "128.0.0.1", 1, 2)).kind,
			 FRAME_TCP_OPEN);
	assert_int_equal(frame_parse(make6(frame, TCP, "::2", 2)).kind, FRAME_TCP_OPEN);
}

static struct guard make_guard(bool loopback)
{
	struct guard guard = { .network = htonl(0x0a000200),
			       .mask = htonl(0xffffff00),
			       .loopback = loopback,
			       .forwards_udp = true };

	guard_init(&guard, 0);
	return guard;
}

static bool allows(struct guard *guard, struct bytes frame)
{
	const struct frame_info info = frame_parse(frame);

	return guard_allows(guard, &info, frame.size, 0);
}

static void test_guard(void **state)
{
	static const struct {
		uint8_t protocol;
		const char *to;
		uint16_t port;
		bool allowed;
	} cases[] = {
		{ TCP, "192.0.2.1", 22, true },
		{ UDP, "192.0.2.1", 22, true },
		{ TCP, "10.0.2.2", 22, false },
		{ UDP, "10.0.2.2", 22, false },
		{ TCP, "10.0.2.3", 22, false },
		{ TCP, "10.0.2.3", 53, true },
		{ UDP, "10.0.2.3", 53, true },
		{ UDP, "10.0.2.2", 53, false },
		{ UDP, "10.0.2.2", 67, true },
		{ UDP, "255.255.255.255", 67, true },
		{ UDP, "255.255.255.255", 9, false },
		{ TCP, "255.255.255.255", 9, false },
		{ TCP, "10.0.2.200", 22, false },
		{ TCP, "10.0.3.2", 22, true },
		{ ICMP, "10.0.2.2", 0, true },
		{ TCP, "fec0::2", 22, false },
		{ UDP, "fec0::2", 22, false },
		{ UDP, "fec0::3", 53, true },
		{ TCP, "fec0::3", 22, false },
		{ TCP, "fec0::1:2:3:4", 22, false },
		{ UDP, "ff02::1", 9, false },
		{ UDP, "ff02::1:2", 547, true },
		{ UDP, "fec0::2", 67, false },
		{ TCP, "2001:db8::1", 22, true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct guard guard = make_guard(false), open = make_guard(true);
		uint8_t frame[74];
		struct bytes whole = strchr(cases[i].to, ':')
					     ? make6(frame, cases[i].protocol,
						     cases[i].to, cases[i].port)
					     : make4(frame, cases[i].protocol,
						     cases[i].to, 1000, cases[i].port);

		if (allows(&guard, whole) != cases[i].allowed)
			fail_msg("protocol %u to %s, port %u", cases[i].protocol,
				 cases[i].to, cases[i].port);
		assert_true(allows(&open, whole));
	}
}

/* Who came by a forwarded port gets answers, from that port, and nobody else does. */
static void test_answers(void **state)
{
	struct guard guard = make_guard(false);
	uint8_t frame[74];
	struct bytes whole;

	(void)state;
	whole = make4(frame, UDP, "10.0.2.15", 40000, 7);
	inet_pton(AF_INET, "10.0.2.2", frame + 26);
	guard_note(&guard, whole);
	assert_true(allows(&guard, make4(frame, UDP, "10.0.2.2", 7, 40000)));
	assert_false(allows(&guard, make4(frame, UDP, "10.0.2.2", 8, 40000)));
	assert_false(allows(&guard, make4(frame, UDP, "10.0.2.2", 7, 40001)));
	assert_false(allows(&guard, make4(frame, TCP, "10.0.2.2", 7, 40000)));
	/* From the Internet: nothing to note. */
	whole = make4(frame, UDP, "10.0.2.15", 50000, 7);
	inet_pton(AF_INET, "192.0.2.1", frame + 26);
	guard_note(&guard, whole);
	assert_false(allows(&guard, make4(frame, UDP, "10.0.2.2", 7, 50000)));
	/* A bounded number of them is remembered: the latest. */
	for (uint16_t port = 1; port <= 1000; port++) {
		whole = make4(frame, UDP, "10.0.2.15", port, 7);
		inet_pton(AF_INET, "10.0.2.2", frame + 26);
		guard_note(&guard, whole);
	}
	assert_true(allows(&guard, make4(frame, UDP, "10.0.2.2", 7, 1000)));
	assert_true(allows(&guard, make4(frame, UDP, "10.0.2.2", 7, 950)));
	assert_false(allows(&guard, make4(frame, UDP, "10.0.2.2", 7, 40000)));
}

/* Fragments pass at a rate that libslirp can be made to hold. */
static void test_fragments(void **state)
{
	struct guard guard = make_guard(false);
	uint8_t frame[74];
	struct bytes whole = make4(frame, UDP, "192.0.2.1", 1, 2);
	const int64_t second = 1000000000;
	unsigned passed = 0;
	struct frame_info info;

	(void)state;
	frame[20] = 0x20;
	info = frame_parse(whole);
	while (guard_allows(&guard, &info, 1500, 0))
		passed++;
	assert_in_range(passed * 1500, 3 << 20, 5 << 20);
	passed = 0;
	for (int64_t now = 0; now < 10 * second; now += second / 1000)
		passed += guard_allows(&guard, &info, 1500, now);
	assert_in_range(passed * 1500, 9 << 20, 11 << 20);
	/* A clock that stands still, or a year that passes. */
	for (unsigned i = 0; i < 10000; i++)
		guard_allows(&guard, &info, 1500, 10 * second);
	passed = 0;
	while (guard_allows(&guard, &info, 1500, 400ll * 86400 * second))
		passed++;
	assert_in_range(passed * 1500, 3 << 20, 5 << 20);
	/* But only a ping may come to the gateway in fragments. */
	whole = make4(frame, UDP, "10.0.2.2", 1, 67);
	frame[20] = 0x20;
	guard = make_guard(false);
	assert_false(allows(&guard, whole));
	frame[23] = ICMP;
	assert_true(allows(&guard, whole));
}

/* The checksum of a packet from RFC 1071's kind of arithmetic, with odd ends. */
static void test_checksum(void **state)
{
	(void)state;
	for (size_t len = 40; len < 80; len++) {
		uint8_t frame[80], header[NET_HEADER_SIZE] = { 0 };
		uint32_t sum = 0;

		for (size_t i = 0; i < len; i++)
			frame[i] = (uint8_t)(i * 37 + 200);
		header[NET_HDR_CSUM_START] = 20;
		header[NET_HDR_CSUM_OFFSET] = 16;
		assert_true(frame_finish_checksum(frame, len, header));
		/* With the old field and the new one in, all ones. */
		for (size_t i = 20; i < len; i++)
			sum += (i - 20) % 2 ? frame[i] : (uint32_t)frame[i] << 8;
		sum += (36 * 37 + 200) % 256 << 8 | (37 * 37 + 200) % 256;
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		assert_int_equal(sum, 0xffff);
		header[NET_HDR_CSUM_OFFSET] = (uint8_t)(len - 20 - 1);
		assert_false(frame_finish_checksum(frame, len, header));
	}
}

static void test_gather_and_scatter(void **state)
{
	uint8_t from[30], to[30], parts[30];

	(void)state;
	for (unsigned i = 0; i < 30; i++)
		from[i] = (uint8_t)i;
	for (unsigned cut = 0; cut <= 30; cut++) {
		const struct iovec in[] = { { from, cut }, { from + cut, 30 - cut } };
		const struct iovec out[] = { { parts, cut }, { parts + cut, 30 - cut } };

		assert_int_equal(frame_gather(to, 30, in, 2), 30);
		assert_memory_equal(to, from, 30);
		assert_int_equal(frame_gather(to, 29, in, 2), 0);
		memset(parts, 0xee, sizeof(parts));
		assert_true(frame_scatter(out, 2, 5, (struct bytes){ from, 25 }));
		assert_memory_equal(parts + 5, from, 25);
		assert_int_equal(parts[4], 0xee);
		assert_false(frame_scatter(out, 2, 6, (struct bytes){ from, 25 }));
	}
}

/* In order, whole, and bounded, also when it has gone round many times. */
static void test_backlog(void **state)
{
	struct backlog log;
	uint8_t *frame = malloc(70000);
	unsigned in = 0, out = 0;
	uint32_t seed = 1;

	(void)state;
	assert_int_equal(backlog_init(&log), 0);
	while (in < 20000) {
		seed = seed * 1664525 + 1013904223;
		if (seed >> 31 || in == out) {
			const size_t size = 60 + (seed >> 8) % 65000;

			store_le32(frame, in);
			memset(frame + 4, (uint8_t)in, size - 4);
			if (backlog_put(&log, (struct bytes){ frame, size }))
				in++;
			assert_true(log.used <= BACKLOG_SIZE);
		}
		if (!(seed >> 30) || log.used > BACKLOG_SIZE - 200000) {
			struct bytes first = backlog_first(&log);

			assert_int_equal(load_le32(first.data), out);
			assert_int_equal(first.data[4], (uint8_t)out);
			assert_int_equal(first.data[first.size - 1], (uint8_t)out);
			backlog_drop_first(&log);
			out++;
		}
	}
	while (backlog_put(&log, (struct bytes){ frame, 65000 }))
		in++;
	assert_true(log.used > BACKLOG_SIZE - 3 * 65000);
	for (; out < in; out++)
		backlog_drop_first(&log);
	assert_int_equal(log.used, 0);
	backlog_destroy(&log);
	free(frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_cut_frames),
		cmocka_unit_test(test_addresses_of_this_host),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_gather_and_scatter),
		cmocka_unit_test(test_backlog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
