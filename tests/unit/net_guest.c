/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest on the user network; see net_guest.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net_guest.h"

static const uint8_t guest_mac[6] = { 0x02, 't', 'e', 's', 't', 0 };
const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* -- making frames -- */

void put16(uint8_t *to, unsigned v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
}

void put32(uint8_t *to, uint32_t v)
{
	put16(to, v >> 16);
	put16(to + 2, v & 0xffff);
}

static unsigned get16(const uint8_t *from)
{
	return (unsigned)from[0] << 8 | from[1];
}

static uint32_t get32(const uint8_t *from)
{
	return (uint32_t)get16(from) << 16 | get16(from + 2);
}

uint32_t add_up(uint32_t sum, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	return sum;
}

uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

int send_frame(struct guest *guest, uint8_t *frame, size_t size, const uint8_t *header)
{
	static const uint8_t none[NET_HEADER_SIZE];
	const struct iovec iov[] = {
		{ (void *)(header ? header : none), NET_HEADER_SIZE },
		{ frame, size / 2 }, /* in pieces, as a driver may */
		{ frame + size / 2, size - size / 2 },
	};
	int r = guest->net->ops->send(guest->net, 0, iov, 3);

	guest->net->ops->sent_all(guest->net, 0);
	return r;
}

void ethernet(uint8_t *frame, const uint8_t *to, unsigned type)
{
	memcpy(frame, to, 6);
	memcpy(frame + 6, guest_mac, 6);
	put16(frame + 12, type);
}

size_t ipv4(uint8_t *frame, uint32_t from, uint32_t to, unsigned protocol, size_t size)
{
	uint8_t *ip = frame + 14;

	ethernet(frame, broadcast, 0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(20 + size));
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	put32(ip + 12, from);
	put32(ip + 16, to);
	put16(ip + 10, (uint16_t)~fold(add_up(0, ip, 20)));
	return 34 + size;
}

uint32_t pseudo_header(const uint8_t *frame, unsigned protocol, size_t size)
{
	return add_up((uint32_t)(protocol + size), frame + 26, 8);
}

size_t udp(uint8_t *frame, uint32_t from, uint32_t to, unsigned from_port,
	   unsigned to_port, size_t size)
{
	uint8_t *header = frame + 34;

	put16(header, from_port);
	put16(header + 2, to_port);
	put16(header + 4, (unsigned)(8 + size));
	put16(header + 6, 0);
	return ipv4(frame, from, to, 17, 8 + size);
}

size_t tcp(uint8_t *frame, const struct guest *guest, unsigned flags, const void *data,
	   size_t size)
{
	uint8_t *header = frame + 34;
	size_t whole;

	memset(header, 0, 20);
	put16(header, guest->own_port);
	put16(header + 2, guest->peer_port);
	put32(header + 4, guest->own_next);
	put32(header + 8, guest->peer_next);
	header[12] = 5 << 4;
	header[13] = (uint8_t)flags;
	put16(header + 14, 65535);
	if (size)
		memcpy(header + 20, data, size);
	whole = ipv4(frame, GUEST, guest->peer, 6, 20 + size);
	put16(header + 16, (uint16_t)~fold(add_up(pseudo_header(frame, 6, 20 + size),
						  header, 20 + size)));
	return whole;
}

void send_tcp(struct guest *guest, unsigned flags, const void *data, size_t size)
{
	uint8_t frame[2048];

	send_frame(guest, frame, tcp(frame, guest, flags, data, size), NULL);
	guest->own_next += (uint32_t)size + (flags & (SYN | FIN) ? 1 : 0);
}

void send_arp(struct guest *guest, unsigned operation, uint32_t target)
{
	uint8_t frame[42] = { 0 };

	ethernet(frame, broadcast, 0x0806);
	put16(frame + 14, 1);
	put16(frame + 16, 0x0800);
	frame[18] = 6;
	frame[19] = 4;
	put16(frame + 20, operation);
	memcpy(frame + 22, guest_mac, 6);
	put32(frame + 28, GUEST);
	put32(frame + 38, target);
	send_frame(guest, frame, sizeof(frame), NULL);
}

/* -- taking frames -- */

static void take_tcp(struct guest *guest, const uint8_t *segment, size_t size)
{
	const size_t header = (segment[12] >> 4) * 4u;
	const unsigned flags = segment[13];
	const size_t data = size - header;

	assert_true(size >= header);
	if (flags & RST) {
		guest->was_reset = true;
		return;
	}
	if (flags & SYN) {
		guest->peer_next = get32(segment + 4) + 1;
		guest->peer_port = (uint16_t)get16(segment);
		guest->own_port = (uint16_t)get16(segment + 2);
		guest->established = true;
		if (flags & ACK)
			send_tcp(guest, ACK, NULL, 0);
		else
			send_tcp(guest, SYN | ACK, NULL, 0);
		return;
	}
	if (get32(segment + 4) != guest->peer_next) {
		send_tcp(guest, ACK, NULL, 0); /* old, or too early: say what we have */
		return;
	}
	if (data) {
		assert_true(guest->data_size + data <= guest->data_room);
		memcpy(guest->data + guest->data_size, segment + header, data);
		guest->data_size += data;
		guest->peer_next += (uint32_t)data;
	}
	if (flags & FIN) {
		guest->peer_next++;
		guest->finished = true;
	}
	if (data || (flags & FIN))
		send_tcp(guest, ACK, NULL, 0);
}

/* Options of RFC 2132: 12 host name, 53 message type, 54 server. */
static void take_dhcp(struct guest *guest, const uint8_t *message, size_t size)
{
	guest->offered = get32(message + 16);
	memcpy(guest->bootfile, message + 108, sizeof(guest->bootfile) - 1);
	for (size_t i = 240; i + 1 < size && message[i] != 255;) {
		const uint8_t *value = message + i + 2;
		const uint8_t len = message[i] ? message[i + 1] : 0;

		assert_true(i + 2 + len <= size);
		if (message[i] == 53)
			guest->dhcp_type = value[0];
		if (message[i] == 54)
			guest->server = get32(value);
		if (message[i] == 12)
			snprintf(guest->hostname, sizeof(guest->hostname), "%.*s", len,
				 (const char *)value);
		i += message[i] ? 2u + len : 1;
	}
}

static void take_udp(struct guest *guest, const uint8_t *datagram, size_t size)
{
	if (get16(datagram) == 67) {
		take_dhcp(guest, datagram + 8, size - 8);
		return;
	}
	guest->datagrams++;
	guest->peer_port = (uint16_t)get16(datagram);
	if (size >= 12)
		guest->last_datagram = get32(datagram + 8);
}

static void take_frame(struct guest *guest, const uint8_t *frame, size_t size)
{
	guest->nr_frames++;
	if (get16(frame + 12) == 0x0806) {
		if (get16(frame + 20) == 1 && get32(frame + 38) == GUEST)
			send_arp(guest, 2, get32(frame + 28));
		else
			guest->server = get32(frame + 28);
		return;
	}
	if (get16(frame + 12) != 0x0800)
		return;
	guest->size = size;
	memcpy(guest->frame, frame, size);
	if (frame[23] == 6)
		take_tcp(guest, frame + 34, get16(frame + 16) - 20u);
	else if (frame[23] == 17)
		take_udp(guest, frame + 34, get16(frame + 16) - 20u);
}

static void readable(void *opaque, unsigned queue)
{
	struct guest *guest = opaque;
	uint8_t frame[NET_MAX_FRAME];

	assert_int_equal(queue, 0);
	while (guest->wants) {
		struct iovec iov[2] = { { frame, 20 },
					{ frame + 20, sizeof(frame) - 20 } };
		ssize_t n = guest->net->ops->receive(guest->net, 0, iov, 2);

		if (n == -EAGAIN)
			return;
		assert_true(n > (ssize_t)(NET_HEADER_SIZE + FRAME_HEADER));
		guest->flags_seen |= frame[NET_HDR_FLAGS];
		take_frame(guest, frame + NET_HEADER_SIZE, (size_t)n - NET_HEADER_SIZE);
	}
}

static void writable(void *opaque, unsigned queue)
{
	(void)opaque;
	(void)queue;
	fail_msg("the user network never asks a guest to wait");
}

void want(struct guest *guest, bool wants)
{
	guest->wants = wants;
	guest->net->ops->want_frames(guest->net, 0, wants);
}

struct guest *plug(const struct config_net *config)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	struct err err = { "" };

	assert_non_null(guest);
	assert_int_equal(loop_init(&guest->loop, &err), 0);
	guest->net = net_open_user(config, &guest->loop, &err);
	assert_string_equal(err.text, "");
	assert_non_null(guest->net);
	guest->net->client = (struct net_client){ .readable = readable,
						  .writable = writable,
						  .opaque = guest };
	guest->peer = GATEWAY;
	guest->own_next = 1000;
	guest->data_room = 4 << 20;
	guest->data = malloc(guest->data_room);
	want(guest, true);
	return guest;
}

void unplug(struct guest *guest)
{
	guest->net->ops->close(guest->net);
	loop_destroy(&guest->loop);
	free(guest->data);
	free(guest);
}

void assert_quiet(struct guest *guest)
{
	struct err err;
	unsigned turns = 0;

	for (const int64_t end = loop_now() + 300000000; loop_now() < end; turns++)
		assert_int_equal(loop_turn(&guest->loop, 300, &err), 0);
	assert_true(turns <= 3);
}

void send_dhcp(struct guest *guest, uint8_t type)
{
	uint8_t frame[600] = { 0 };
	uint8_t *message = frame + 42, *option = message + 240;

	message[0] = 1;
	message[1] = 1;
	message[2] = 6;
	put32(message + 4, 0x12345678);
	memcpy(message + 28, guest_mac, 6);
	put32(message + 236, 0x63825363);
	*option++ = 53;
	*option++ = 1;
	*option++ = type;
	if (type == 3) {
		*option++ = 50;
		*option++ = 4;
		put32(option, guest->offered);
		option += 4;
	}
	*option = 255;
	send_frame(guest, frame, udp(frame, 0, 0xffffffff, 68, 67, 300), NULL);
}
