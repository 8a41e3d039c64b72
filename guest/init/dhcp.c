/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages of DHCP; see dhcp.h.
 *
 *	 0  op, htype, hlen, hops      28  chaddr[16]
 *	 4  xid                        44  sname[64]
 *	 8  secs, flags               108  file[128]
 *	12  ciaddr                    236  99.130.83.99
 *	16  yiaddr                    240  options: code, length, value; 255 ends them
 *	20  siaddr, giaddr
 *
 * Options are not looked for in sname and file (option 52): with the few that we ask for
 * no server needs the room.
 */
#include <string.h>

#include "dhcp.h"

#define OP          0
#define HTYPE       1
#define HLEN        2
#define XID         4
#define FLAGS       10
#define YIADDR      16
#define CHADDR      28
#define COOKIE      236
#define OPTIONS     240
#define MIN_SIZE    300 /* of BOOTP (RFC 1542, 2.1): some servers insist */
#define BOOTREQUEST 1
#define BOOTREPLY   2
#define ETHERNET    1
#define BROADCAST   0x80 /* we have no address by which a reply could reach us */

enum option {
	PAD = 0,
	NETMASK = 1,
	ROUTER = 3,
	NAME_SERVER = 6,
	DOMAIN_NAME = 15,
	INTERFACE_MTU = 26,
	REQUESTED_ADDRESS = 50,
	MESSAGE_TYPE = 53,
	SERVER_IDENTIFIER = 54,
	PARAMETER_LIST = 55,
	END = 255,
};

#define MIN_MTU 576 /* what each host takes (RFC 791); less would be a mischief */

static const uint8_t cookie[] = { 99, 130, 83, 99 };
static const uint8_t parameters[] = { NETMASK, ROUTER, NAME_SERVER, DOMAIN_NAME,
				      INTERFACE_MTU };

static uint8_t *put_option(uint8_t *at, enum option option, const void *value,
			   size_t size)
{
	at[0] = (uint8_t)option;
	at[1] = (uint8_t)size;
	memcpy(at + 2, value, size);
	return at + 2 + size;
}

size_t dhcp_write(uint8_t to[DHCP_MAX_MESSAGE], const struct dhcp_client *client,
		  const struct dhcp_lease *offer)
{
	const uint8_t type = offer ? DHCP_REQUEST : DHCP_DISCOVER;
	uint8_t *at = to + OPTIONS;
	size_t size;

	memset(to, 0, DHCP_MAX_MESSAGE);
	to[OP] = BOOTREQUEST;
	to[HTYPE] = ETHERNET;
	to[HLEN] = DHCP_MAC_SIZE;
	memcpy(to + XID, &client->xid, sizeof(client->xid));
	to[FLAGS] = BROADCAST;
	memcpy(to + CHADDR, client->mac, DHCP_MAC_SIZE);
	memcpy(to + COOKIE, cookie, sizeof(cookie));
	at = put_option(at, MESSAGE_TYPE, &type, 1);
	if (offer) {
		at = put_option(at, REQUESTED_ADDRESS, &offer->address, 4);
		at = put_option(at, SERVER_IDENTIFIER, &offer->server, 4);
	}
	at = put_option(at, PARAMETER_LIST, parameters, sizeof(parameters));
	*at++ = END;
	size = (size_t)(at - to);
	return size < MIN_SIZE ? MIN_SIZE : size;
}

/* The first one of a list of addresses. */
static void take_address(uint32_t *to, const uint8_t *value, size_t size)
{
	if (size >= 4 && size % 4 == 0)
		memcpy(to, value, 4);
}

static void take_names(struct dhcp_lease *lease, const uint8_t *value, size_t size)
{
	lease->nr_names = 0;
	while (size >= 4 && lease->nr_names < DHCP_MAX_SERVERS) {
		memcpy(&lease->names[lease->nr_names++], value, 4);
		value += 4;
		size -= 4;
	}
}

/* It goes into resolv.conf: a line must stay a line. */
static void take_domain(struct dhcp_lease *lease, const uint8_t *value, size_t size)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	while (size && !value[size - 1]) /* some servers send the NUL */
		size--;
	if (size >= sizeof(lease->domain))
		return;
	memcpy(lease->domain, value, size);
	lease->domain[size] = '\0';
	if (strspn(lease->domain, allowed) != size)
		lease->domain[0] = '\0';
}

static void take_option(struct dhcp_lease *lease, enum option option,
			const uint8_t *value, size_t size)
{
	switch (option) {
	case NETMASK:
		take_address(&lease->netmask, value, size);
		break;
	case ROUTER:
		take_address(&lease->router, value, size);
		break;
	case NAME_SERVER:
		take_names(lease, value, size);
		break;
	case DOMAIN_NAME:
		take_domain(lease, value, size);
		break;
	case INTERFACE_MTU:
		if (size == 2 && (value[0] << 8 | value[1]) >= MIN_MTU)
			lease->mtu = (uint16_t)(value[0] << 8 | value[1]);
		break;
	case MESSAGE_TYPE:
		if (size == 1)
			lease->type = value[0];
		break;
	case SERVER_IDENTIFIER:
		take_address(&lease->server, value, size);
		break;
	default:
		break;
	}
}

/* false: they do not end where they should. */
static bool take_options(struct dhcp_lease *lease, const uint8_t *at, const uint8_t *end)
{
	while (at < end && *at != END) {
		if (*at == PAD) {
			at++;
			continue;
		}
		if (end - at < 2 || at[1] > end - at - 2)
			return false;
		take_option(lease, at[0], at + 2, at[1]);
		at += 2 + at[1];
	}
	return at < end;
}

bool dhcp_read(const uint8_t *data, size_t size, const struct dhcp_client *client,
	       struct dhcp_lease *lease)
{
	memset(lease, 0, sizeof(*lease));
	if (size < OPTIONS || data[OP] != BOOTREPLY || data[HTYPE] != ETHERNET ||
	    data[HLEN] != DHCP_MAC_SIZE ||
	    memcmp(data + XID, &client->xid, sizeof(client->xid)) ||
	    memcmp(data + CHADDR, client->mac, DHCP_MAC_SIZE) ||
	    memcmp(data + COOKIE, cookie, sizeof(cookie)))
		return false;
	memcpy(&lease->address, data + YIADDR, sizeof(lease->address));
	if (!take_options(lease, data + OPTIONS, data + size))
		return false;
	switch (lease->type) {
	case DHCP_OFFER:
	case DHCP_ACK:
		return lease->address && lease->server;
	case DHCP_NAK:
		return true;
	default:
		return false;
	}
}
