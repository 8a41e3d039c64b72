/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages of DHCP (RFC 2131, options of RFC 2132), as a client has them: pure
 * functions over bytes. Addresses are in network order.
 */
#ifndef TANE_GUEST_INIT_DHCP_H
#define TANE_GUEST_INIT_DHCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_CLIENT_PORT 68
#define DHCP_SERVER_PORT 67

#define DHCP_MAX_MESSAGE 1500
#define DHCP_MAC_SIZE    6
#define DHCP_MAX_SERVERS 3 /* of names: what resolv.conf takes */
#define DHCP_MAX_DOMAIN  128

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER = 2,
	DHCP_REQUEST = 3,
	DHCP_ACK = 5,
	DHCP_NAK = 6,
};

/* Whom messages are about. */
struct dhcp_client {
	uint32_t xid;
	uint8_t mac[DHCP_MAC_SIZE];
};

/* What a server says. 0, or "": it does not. */
struct dhcp_lease {
	enum dhcp_type type;
	uint32_t address, netmask, router, server;
	uint32_t names[DHCP_MAX_SERVERS];
	unsigned nr_names;
	uint16_t mtu;
	char domain[DHCP_MAX_DOMAIN]; /* letters, digits, '-', '_', '.' */
};

/*
 * Write a DHCPDISCOVER, or with the offer that is taken a DHCPREQUEST, to be broadcast.
 * Its size.
 */
size_t dhcp_write(uint8_t to[DHCP_MAX_MESSAGE], const struct dhcp_client *client,
		  const struct dhcp_lease *offer);

/* Read what came. false: it is not for us, no message of a server, or malformed. */
bool dhcp_read(const uint8_t *data, size_t size, const struct dhcp_client *client,
	       struct dhcp_lease *lease);

#endif
