/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user network, spoken to as a guest does: with frames made by hand. The host's end
 * are sockets of this process, on its loopback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "net/frame.h"
#include "net/net.h"

#define GATEWAY     0x0a000202u
#define GUEST       0x0a00020fu
#define PORT        8080 /* of the guest */
#define DEADLINE_NS 20000000000ll

static const uint8_t guest_mac[6] = { 0x02, 't', 'e', 's', 't', 0 };
static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* A guest: the frames it got, and one TCP connection. */
struct guest {
	struct loop loop;
	struct net_backend *net;
	bool wants;
	unsigned nr_frames;
	uint8_t frame[NET_MAX_FRAME]; /* the last one that was no ARP */
	size_t size;
	bool flags_seen; /* a header with flags came */

	/* The TCP connection: a server, or a client that began it. */
	uint32_t peer_next, own_next; /* sequence numbers */
	uint16_t peer_port, own_port;
	uint32_t peer;
	bool established, finished, was_reset;
	uint8_t *data; /* what the peer sent */
	size_t data_size, data_room;

	unsigned datagrams;
	uint32_t last_datagram;
	uint32_t offered, server; /* by DHCP */
	uint8_t dhcp_type;
	char hostname[64];
};

/* -- making frames -- */

static void put16(uint8_t *to, unsigned v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
}

static void put32(uint8_t *to, uint32_t v)
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

static uint32_t add_up(uint32_t sum, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static int send_frame(struct guest *guest, uint8_t *frame, size_t size,
		      const uint8_t *header)
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

static void ethernet(uint8_t *frame, const uint8_t *to, unsigned type)
{
	memcpy(frame, to, 6);
	memcpy(frame + 6, guest_mac, 6);
	put16(frame + 12, type);
}

/* IPv4 around `size` bytes that are at frame + 34. Returns the frame's size. */
static size_t ipv4(uint8_t *frame, uint32_t from, uint32_t to, unsigned protocol,
		   size_t size)
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

static uint32_t pseudo_header(const uint8_t *frame, unsigned protocol, size_t size)
{
	return add_up((uint32_t)(protocol + size), frame + 26, 8);
}

static size_t udp(uint8_t *frame, uint32_t from, uint32_t to, unsigned from_port,
		  unsigned to_port, size_t size)
{
	uint8_t *header = frame + 34;

	put16(header, from_port);
	put16(header + 2, to_port);
	put16(header + 4, (unsigned)(8 + size));
	put16(header + 6, 0);
	return ipv4(frame, from, to, 17, 8 + size);
}

#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define ACK 0x10u

static size_t tcp(uint8_t *frame, const struct guest *guest, unsigned flags,
		  const void *data, size_t size)
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

static void send_tcp(struct guest *guest, unsigned flags, const void *data, size_t size)
{
	uint8_t frame[2048];

	send_frame(guest, frame, tcp(frame, guest, flags, data, size), NULL);
	guest->own_next += (uint32_t)size + (flags & (SYN | FIN) ? 1 : 0);
}

static void send_arp(struct guest *guest, unsigned operation, uint32_t target)
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

static void want(struct guest *guest, bool wants)
{
	guest->wants = wants;
	guest->net->ops->want_frames(guest->net, 0, wants);
}

static struct guest *plug(const struct config_net *config)
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

static void unplug(struct guest *guest)
{
	guest->net->ops->close(guest->net);
	loop_destroy(&guest->loop);
	free(guest->data);
	free(guest);
}

/* Turn the loop until `done`, or fail. */
#define turn_until(guest, done)                                                        \
	do {                                                                           \
		const int64_t deadline = loop_now() + DEADLINE_NS;                     \
		struct err turn_err;                                                   \
		while (!(done)) {                                                      \
			assert_true(loop_now() < deadline);                            \
			assert_int_equal(loop_turn(&(guest)->loop, 50, &turn_err), 0); \
		}                                                                      \
	} while (0)

/* Nothing is ready for a while: nobody spins. One timer of libslirp may pass by. */
static void assert_quiet(struct guest *guest)
{
	struct err err;
	unsigned turns = 0;

	for (const int64_t end = loop_now() + 300000000; loop_now() < end; turns++)
		assert_int_equal(loop_turn(&guest->loop, 300, &err), 0);
	assert_true(turns <= 3);
}

/* -- the host's end -- */

static int host_socket(int type, bool listens, uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	if (listens)
		assert_int_equal(listen(fd, 4), 0);
	return fd;
}

/* A port of the host that nobody uses now. */
static uint16_t free_port(int type)
{
	uint16_t port;

	close(host_socket(type, false, &port));
	return port;
}

static int host_connect(int type, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static struct config_net forwarding(bool is_udp)
{
	return (struct config_net){
		.fd = -1,
		.hostname = "seedling",
		.nr_forwards = 1,
		.forwards[0] = { .udp = is_udp,
				 .host_address = htonl(INADDR_LOOPBACK),
				 .host_port =
					 free_port(is_udp ? SOCK_DGRAM : SOCK_STREAM),
				 .guest_port = PORT },
	};
}

/* -- tests -- */

static void test_arp(void **state)
{
	struct config_net config = { .fd = -1 };
	struct guest *guest = plug(&config);

	(void)state;
	send_arp(guest, 1, GATEWAY);
	turn_until(guest, guest->server == GATEWAY);
	send_arp(guest, 1, GATEWAY + 1); /* DNS */
	turn_until(guest, guest->server == GATEWAY + 1);
	unplug(guest);
}

static void send_dhcp(struct guest *guest, uint8_t type)
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

static void test_dhcp(void **state)
{
	struct config_net config = forwarding(false);
	struct guest *guest = plug(&config);

	(void)state;
	send_dhcp(guest, 1);
	turn_until(guest, guest->dhcp_type == 2);
	assert_int_equal(guest->offered, GUEST);
	assert_int_equal(guest->server, GATEWAY);
	send_dhcp(guest, 3);
	turn_until(guest, guest->dhcp_type == 5);
	assert_int_equal(guest->offered, GUEST);
	assert_string_equal(guest->hostname, "seedling");
	unplug(guest);
}

static void test_other_network(void **state)
{
	struct config_net config = { .fd = -1,
				     .network = htonl(0xc0a84040),
				     .prefix = 27 };
	struct guest *guest = plug(&config);

	(void)state;
	send_dhcp(guest, 1);
	turn_until(guest, guest->dhcp_type == 2);
	assert_int_equal(guest->offered, 0xc0a8404f);
	assert_int_equal(guest->server, 0xc0a84042);
	unplug(guest);
}

static void test_refused_configurations(void **state)
{
	struct {
		struct config_net config;
		const char *why;
	} cases[] = {
		{ { .prefix = 28 }, "/28" },
		{ { .prefix = 7 }, "/7" },
		{ { .network = htonl(0x0a000201) }, "bits" },
		{ { .prefix = 8 }, "no network" },
		{ { .network = htonl(0x00010000), .prefix = 16 }, "no network" },
		{ { .network = htonl(0x7f000000), .prefix = 8 }, "no network" },
		{ { .network = htonl(0xe0000000), .prefix = 24 }, "no network" },
		{ { .mtu = 67 }, "mtu=67" },
		{ { .mtu = 65522 }, "mtu=65522" },
	};
	struct loop loop;
	struct err err;

	(void)state;
	assert_int_equal(loop_init(&loop, &err), 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(net_open_user(&cases[i].config, &loop, &err));
		assert_non_null(strstr(err.text, cases[i].why));
	}
	loop_destroy(&loop);
}

static void test_port_in_use(void **state)
{
	struct config_net config = forwarding(false);
	struct loop loop;
	struct err err;
	int fd = host_socket(SOCK_STREAM, true, &config.forwards[0].host_port);

	(void)state;
	assert_int_equal(loop_init(&loop, &err), 0);
	assert_null(net_open_user(&config, &loop, &err));
	assert_non_null(strstr(err.text, "hostfwd=tcp:127.0.0.1:"));
	assert_non_null(strstr(err.text, strerror(EADDRINUSE)));
	close(fd);
	loop_destroy(&loop);
}

static void test_forwarded_echo(void **state)
{
	struct config_net config = forwarding(false);
	struct guest *guest = plug(&config);
	int fd = host_connect(SOCK_STREAM, config.forwards[0].host_port);
	char answer[16];

	(void)state;
	turn_until(guest, guest->established);
	assert_int_equal(guest->own_port, PORT);
	assert_int_equal(write(fd, "hello", 5), 5);
	turn_until(guest, guest->data_size == 5);
	assert_memory_equal(guest->data, "hello", 5);
	send_tcp(guest, ACK, "world", 5);
	turn_until(guest, recv(fd, answer, sizeof(answer), 0) == 5);
	assert_memory_equal(answer, "world", 5);
	close(fd);
	turn_until(guest, guest->finished);
	send_tcp(guest, FIN | ACK, NULL, 0);
	assert_quiet(guest);
	unplug(guest);
}

/* A download while the guest now and then takes nothing: each byte comes, in order. */
static void test_nothing_is_lost_when_the_guest_pauses(void **state)
{
	enum { SIZE = 2 << 20 };
	struct config_net config = forwarding(false);
	struct guest *guest = plug(&config);
	int fd = host_connect(SOCK_STREAM, config.forwards[0].host_port);
	uint32_t *sent = malloc(SIZE);
	size_t written = 0;
	unsigned round = 0;
	struct err err;

	(void)state;
	for (unsigned i = 0; i < SIZE / 4; i++)
		sent[i] = i * 2654435761u;
	for (const int64_t end = loop_now() + DEADLINE_NS; guest->data_size < SIZE;) {
		ssize_t n = written < SIZE
				    ? write(fd, (uint8_t *)sent + written, SIZE - written)
				    : 0;

		assert_true(loop_now() < end);
		if (n > 0)
			written += (size_t)n;
		want(guest, round++ % 3 != 0);
		assert_int_equal(loop_turn(&guest->loop, guest->wants ? 20 : 1, &err), 0);
	}
	assert_memory_equal(guest->data, sent, SIZE);
	free(sent);
	close(fd);
	unplug(guest);
}

/* A flood for a guest that takes nothing: some waits, in order, and nobody spins. */
static void test_flood_is_held_back(void **state)
{
	struct config_net config = forwarding(true);
	struct guest *guest = plug(&config);
	int fd = host_connect(SOCK_DGRAM, config.forwards[0].host_port);
	uint8_t datagram[1400] = { 0 };
	unsigned waited;
	struct err err;

	(void)state;
	/* The first one makes libslirp learn the guest's address. */
	assert_int_equal(send(fd, datagram, sizeof(datagram), 0), sizeof(datagram));
	turn_until(guest, guest->datagrams == 1);
	want(guest, false);
	for (uint32_t i = 1; i <= 2000; i++) {
		put32(datagram, i);
		(void)!send(fd, datagram, sizeof(datagram), 0);
		assert_int_equal(loop_turn(&guest->loop, 0, &err), 0);
	}
	assert_int_equal(guest->datagrams, 1);
	assert_quiet(guest);
	want(guest, true);
	assert_int_equal(loop_turn(&guest->loop, 0, &err), 0);
	waited = guest->datagrams - 1;
	/* 256 KiB, and not the whole flood. */
	assert_in_range(waited, 150, 250);
	assert_int_equal(guest->last_datagram, waited);
	/* And it goes on, with what the host's socket still has. */
	turn_until(guest, guest->last_datagram > waited);
	close(fd);
	unplug(guest);
}

static void test_udp_both_ways(void **state)
{
	struct config_net config = forwarding(true);
	struct guest *guest = plug(&config);
	int fd = host_connect(SOCK_DGRAM, config.forwards[0].host_port);
	uint8_t frame[128];
	char answer[16];

	(void)state;
	assert_int_equal(send(fd, "\1\2\3\4", 4, 0), 4);
	turn_until(guest, guest->datagrams == 1);
	assert_int_equal(guest->last_datagram, 0x01020304);
	put32(frame + 42, 0x706f6e67); /* "pong" */
	send_frame(guest, frame, udp(frame, GUEST, GATEWAY, PORT, guest->peer_port, 4),
		   NULL);
	turn_until(guest, recv(fd, answer, sizeof(answer), 0) == 4);
	assert_memory_equal(answer, "pong", 4);
	close(fd);
	unplug(guest);
}

/* Connect to a server on the host's loopback, by `address`. Was it reached? */
static bool reaches_host(bool loopback, uint32_t address)
{
	struct config_net config = { .fd = -1, .loopback = loopback };
	struct guest *guest = plug(&config);
	int fd = host_socket(SOCK_STREAM, true, &guest->peer_port), got;
	struct err err;

	guest->peer = address;
	guest->own_port = 40000;
	send_arp(guest, 1, GATEWAY);
	send_tcp(guest, SYN, NULL, 0);
	for (const int64_t end = loop_now() + 300000000;
	     loop_now() < end && !guest->established && !guest->was_reset;)
		assert_int_equal(loop_turn(&guest->loop, 50, &err), 0);
	got = accept(fd, NULL, NULL);
	if (got >= 0)
		close(got);
	assert_int_equal(got >= 0, guest->established);
	close(fd);
	unplug(guest);
	return got >= 0;
}

static void test_loopback(void **state)
{
	(void)state;
	assert_true(reaches_host(true, GATEWAY));
	assert_false(reaches_host(false, GATEWAY));
	/* No detour, whatever is configured. */
	assert_false(reaches_host(false, INADDR_LOOPBACK));
	assert_false(reaches_host(false, 0x7f010203));
	assert_false(reaches_host(false, 0));
	assert_false(reaches_host(true, INADDR_LOOPBACK));
}

/* A TCP segment of 60000 bytes, whose checksum is left to us. */
static void test_large_segment(void **state)
{
	enum { SIZE = 60000 };
	struct config_net config = { .fd = -1, .loopback = true };
	struct guest *guest = plug(&config);
	int server = host_socket(SOCK_STREAM, true, &guest->peer_port), fd = -1;
	uint8_t *frame = calloc(1, SIZE + 100), *sent = malloc(SIZE), *got = malloc(SIZE);
	uint8_t header[NET_HEADER_SIZE] = {
		[NET_HDR_FLAGS] = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		[NET_HDR_GSO_TYPE] = VIRTIO_NET_HDR_GSO_TCPV4,
		[NET_HDR_HDR_LEN] = 54,
		[NET_HDR_GSO_SIZE] = 100,
		[NET_HDR_CSUM_START] = 34,
		[NET_HDR_CSUM_OFFSET] = 16,
	};
	size_t size, received = 0;

	(void)state;
	for (unsigned i = 0; i < SIZE; i++)
		sent[i] = (uint8_t)(i * 7 + i / 256);
	guest->own_port = 40000;
	send_arp(guest, 1, GATEWAY);
	send_tcp(guest, SYN, NULL, 0);
	turn_until(guest, guest->established &&
				  (fd = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	size = tcp(frame, guest, ACK, sent, SIZE);
	put16(frame + 50, fold(pseudo_header(frame, 6, 20 + SIZE)));
	assert_int_equal(send_frame(guest, frame, size, header), 0);
	while (received < SIZE) {
		ssize_t n = 0;

		turn_until(guest, (n = recv(fd, got + received, SIZE - received, 0)) > 0);
		received += (size_t)n;
	}
	assert_memory_equal(got, sent, SIZE);
	free(frame);
	free(sent);
	free(got);
	close(fd);
	close(server);
	unplug(guest);
}

/* With GUEST_CSUM agreed, frames say that their checksums are right, and only then. */
static void test_checksum_flag(void **state)
{
	struct config_net config = { .fd = -1 };
	struct guest *guest = plug(&config);
	struct err err;

	(void)state;
	send_arp(guest, 1, GATEWAY);
	turn_until(guest, guest->nr_frames == 1);
	assert_false(guest->flags_seen);
	assert_int_equal(guest->net->ops->set_offloads(
				 guest->net, net_bit(VIRTIO_NET_F_GUEST_CSUM), &err),
			 0);
	send_arp(guest, 1, GATEWAY);
	turn_until(guest, guest->nr_frames == 2);
	assert_true(guest->flags_seen);
	unplug(guest);
}

/* Frames that no honest driver sends. Nothing happens, and the network still works. */
static void test_hostile_frames(void **state)
{
	struct config_net config = { .fd = -1 };
	struct guest *guest = plug(&config);
	uint8_t *frame = calloc(1, NET_MAX_FRAME + 64);
	uint8_t header[NET_HEADER_SIZE] = { 0 };
	struct iovec huge = { frame, NET_MAX_FRAME + 1 }, nothing = { frame, 0 };
	uint32_t seed = 1;

	(void)state;
	for (size_t size = 0; size < 80; size++) { /* cut short, of each kind */
		static const uint16_t types[] = { 0x0800, 0x0806, 0x86dd, 0x88f8 };

		for (unsigned i = 0; i < 4; i++) {
			memset(frame, 0x45, 80);
			put16(frame + 12, types[i]);
			send_frame(guest, frame, size, NULL);
		}
	}
	assert_int_equal(guest->net->ops->send(guest->net, 0, &huge, 1), 0);
	assert_int_equal(guest->net->ops->send(guest->net, 0, &nothing, 1), 0);
	header[NET_HDR_FLAGS] = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	memset(header + NET_HDR_CSUM_START, 0xff, 4);
	send_frame(guest, frame, 100, header);
	header[NET_HDR_GSO_TYPE] = 0x77;
	send_frame(guest, frame, 100, header);
	for (unsigned i = 0; i < 5000; i++) { /* noise behind a good Ethernet header */
		size_t size;

		for (unsigned j = 0; j < 100; j++)
			frame[j] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
		ethernet(frame, broadcast, i % 4 ? 0x0800 : 0x86dd);
		frame[14] = i % 4 ? 0x45 : 0x60;
		put32(frame + 30, GATEWAY); /* and nobody out there hears of it */
		memset(frame + 38, 0, 15);
		size = 14 + (seed >> 16) % 86;
		put16(frame + 16, (unsigned)size - 14);
		send_frame(guest, frame, size, NULL);
	}
	guest->nr_frames = 0;
	guest->server = 0;
	send_arp(guest, 1, GATEWAY);
	turn_until(guest, guest->server == GATEWAY);
	free(frame);
	unplug(guest);
}

/* The lowest descriptor that is free: how many are open. */
static int lowest_free(void)
{
	int fd = dup(0);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

/* However many connections a guest begins, we open a bounded number of sockets. */
static void test_bounded_sockets(void **state)
{
	const int at_first = lowest_free();
	struct config_net config = { .fd = -1, .loopback = true };
	struct guest *guest = plug(&config);
	uint16_t udp_port;
	int server = host_socket(SOCK_STREAM, true, &guest->peer_port);
	int receiver = host_socket(SOCK_DGRAM, false, &udp_port);
	const int before = lowest_free();
	uint8_t frame[64] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		guest->own_port = (uint16_t)(2000 + i);
		send_tcp(guest, SYN, NULL, 0);
		send_frame(guest, frame,
			   udp(frame, GUEST, GATEWAY, 2000 + i, udp_port, 4), NULL);
	}
	assert_in_range(lowest_free() - before, 300, 1000);
	close(server);
	close(receiver);
	unplug(guest);
	assert_int_equal(lowest_free(), at_first);
}

/* The part of `whole` from byte `from` of its payload on, which is its `id`th datagram. */
static void send_fragment(struct guest *guest, const uint8_t *whole, unsigned id,
			  size_t from, size_t size, bool more)
{
	uint8_t frame[256] = { 0 };
	uint8_t *ip = frame + 14;

	memcpy(frame, whole, 34);
	memcpy(frame + 34, whole + 34 + from, size);
	put16(ip + 2, (unsigned)(20 + size));
	put16(ip + 4, id);
	put16(ip + 6, (unsigned)(from / 8) | (more ? 0x2000u : 0));
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~fold(add_up(0, ip, 20)));
	send_frame(guest, frame, 34 + size, NULL);
}

/* Nor does it help to begin them in two fragments each. */
static void test_fragments_make_no_more_sockets(void **state)
{
	const int at_first = lowest_free();
	struct config_net config = { .fd = -1, .loopback = true };
	struct guest *guest = plug(&config);
	int server = host_socket(SOCK_STREAM, true, &guest->peer_port);
	const int before = lowest_free();
	uint8_t frame[64];

	(void)state;
	for (unsigned i = 0; i < 800; i++) {
		guest->own_port = (uint16_t)(2000 + i);
		tcp(frame, guest, SYN, NULL, 0);
		send_fragment(guest, frame, i, 0, 16, true);
		send_fragment(guest, frame, i, 16, 4, false);
	}
	assert_in_range(lowest_free() - before, 100, 400);
	close(server);
	unplug(guest);
	assert_int_equal(lowest_free(), at_first);
}

static size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long size, pages;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &size, &pages), 2);
	fclose(file);
	return pages * 4096;
}

/* Fragments whose rest never comes take a bounded amount of memory, of any protocol. */
static void test_fragments_take_bounded_memory(void **state)
{
	static const uint8_t protocols[] = { 17, 6, 0, 41 };
	struct config_net config = { .fd = -1 };
	struct guest *guest = plug(&config);
	const size_t before = resident();
	uint8_t frame[8192];

	(void)state;
	memset(frame, 0, sizeof(frame));
	for (unsigned i = 0; i < 40000; i++) {
		ipv4(frame, GUEST, 0xc0000201, protocols[i / 500 % 4], 8);
		send_fragment(guest, frame, i / 500, 8 * (i % 500), 8, true);
	}
	assert_in_range(resident() - before, 0, 20 << 20);
	unplug(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_dhcp),
		cmocka_unit_test(test_other_network),
		cmocka_unit_test(test_refused_configurations),
		cmocka_unit_test(test_port_in_use),
		cmocka_unit_test(test_forwarded_echo),
		cmocka_unit_test(test_nothing_is_lost_when_the_guest_pauses),
		cmocka_unit_test(test_flood_is_held_back),
		cmocka_unit_test(test_udp_both_ways),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_large_segment),
		cmocka_unit_test(test_checksum_flag),
		cmocka_unit_test(test_hostile_frames),
		cmocka_unit_test(test_bounded_sockets),
		cmocka_unit_test(test_fragments_make_no_more_sockets),
		cmocka_unit_test(test_fragments_take_bounded_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
