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
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "net_guest.h"

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

/*
 * Somebody is at a forwarded port, and no descriptor is left for him. He waits, and
 * nobody spins; when there is one again, he is let in.
 */
static void test_no_descriptor_left(void **state)
{
	struct config_net config = forwarding(false);
	struct guest *guest = plug(&config);
	struct rlimit limit, none;
	unsigned turns = 0;
	struct err err;
	int fd = host_connect(SOCK_STREAM, config.forwards[0].host_port), next = dup(fd);

	(void)state;
	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (const int64_t end = loop_now() + 500000000; loop_now() < end; turns++)
		(void)loop_turn(&guest->loop, 500, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_false(guest->established);
	assert_true(turns <= 30);
	turn_until(guest, guest->established);
	close(fd);
	unplug(guest);
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
		cmocka_unit_test(test_port_in_use),
		cmocka_unit_test(test_no_descriptor_left),
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
