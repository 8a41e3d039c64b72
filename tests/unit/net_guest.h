/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest on the user network, for tests: it sends frames that are made by hand, and keeps
 * account of those that come. Functions assert what they need with cmocka.
 *
 *	struct guest *guest = plug(&config);
 *
 *	put32(frame + 42, 0x70696e67);		a datagram of 4 bytes, behind the headers
 *	send_frame(guest, frame, udp(frame, GUEST, GATEWAY, 2000, 7, 4), NULL);
 *	turn_until(guest, guest->datagrams == 1);
 *	unplug(guest);
 */
#ifndef TESTS_UNIT_NET_GUEST_H
#define TESTS_UNIT_NET_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "net/frame.h"
#include "net/net.h"
#include "util/err.h"

#define GATEWAY     0x0a000202u
#define GUEST       0x0a00020fu
#define PORT        8080 /* of the guest */
#define DEADLINE_NS 20000000000ll

extern const uint8_t broadcast[6];

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
	char hostname[64], bootfile[128];
};

/* Numbers in network order, and the sum of the Internet's checksums. */
void put16(uint8_t *to, unsigned v);
void put32(uint8_t *to, uint32_t v);
uint32_t add_up(uint32_t sum, const uint8_t *data, size_t size);
uint16_t fold(uint32_t sum);

/* Send `size` bytes at `frame`, with `header` in front, or one of zeros. */
int send_frame(struct guest *guest, uint8_t *frame, size_t size, const uint8_t *header);

/* Headers around what is behind them already. Those of IP return the frame's size. */
void ethernet(uint8_t *frame, const uint8_t *to, unsigned type);
/* IPv4 around `size` bytes that are at frame + 34. Returns the frame's size. */
size_t ipv4(uint8_t *frame, uint32_t from, uint32_t to, unsigned protocol, size_t size);
uint32_t pseudo_header(const uint8_t *frame, unsigned protocol, size_t size);
/* The same, with the payload at frame + 42, or copied from `data`. */
size_t udp(uint8_t *frame, uint32_t from, uint32_t to, unsigned from_port,
	   unsigned to_port, size_t size);

#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define ACK 0x10u

size_t tcp(uint8_t *frame, const struct guest *guest, unsigned flags, const void *data,
	   size_t size);

void send_tcp(struct guest *guest, unsigned flags, const void *data, size_t size);
void send_arp(struct guest *guest, unsigned operation, uint32_t target);
/* DHCPDISCOVER (1), or DHCPREQUEST (3) of what was offered. */
void send_dhcp(struct guest *guest, uint8_t type);

/* Take frames, or let them wait. */
void want(struct guest *guest, bool wants);
struct guest *plug(const struct config_net *config);
void unplug(struct guest *guest);

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
void assert_quiet(struct guest *guest);

#endif
