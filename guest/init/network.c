/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network: loopback, and by DHCP whatever looks like an Ethernet card. All cards ask
 * at once; the first one that is told of it gives the default route, and the name servers.
 * There is no renewal: leases last longer than commands, and our own server forgets none.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <unistd.h>

#include "dhcp.h"
#include "private.h"

#define MAX_CARDS   8
#define TRY_MS      500 /* the first one waits so long for an answer, each next twice */
#define MAX_TRIES   3
#define RESOLV_CONF "/etc/resolv.conf"
#define OUR_CONF    "/run/resolv.conf"

struct card {
	char name[IFNAMSIZ];
	int fd; /* -1: it is done */
	struct dhcp_client client;
	struct dhcp_lease offer; /* type DHCP_OFFER: it was taken */
};

struct cards {
	struct card cards[MAX_CARDS];
	unsigned nr, waiting;
	bool has_route, has_names;
};

static struct ifreq request_for(const char *name)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	return request;
}

static bool bring_up(int fd, const char *name)
{
	struct ifreq request = request_for(name);

	if (ioctl(fd, SIOCGIFFLAGS, &request))
		return false;
	request.ifr_flags |= IFF_UP;
	return !ioctl(fd, SIOCSIFFLAGS, &request);
}

static struct sockaddr_in address_of(uint32_t address, unsigned port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = address,
	};
}

/* A socket that sends to and hears of this card only. */
static int open_socket(const char *name)
{
	const struct sockaddr_in any = address_of(INADDR_ANY, DHCP_CLIENT_PORT);
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		  on = 1;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (const struct sockaddr *)&any, sizeof(any))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void send_message(struct card *card)
{
	const struct sockaddr_in all = address_of(INADDR_BROADCAST, DHCP_SERVER_PORT);
	const bool is_offered = card->offer.type == DHCP_OFFER;
	uint8_t message[DHCP_MAX_MESSAGE];
	const size_t size =
		dhcp_write(message, &card->client, is_offered ? &card->offer : NULL);

	/* What is lost is sent again. */
	(void)sendto(card->fd, message, size, 0, (const struct sockaddr *)&all,
		     sizeof(all));
}

static void add_card(struct init *init, struct cards *cards, int fd, const char *name)
{
	struct ifreq request = request_for(name);
	struct card *card = &cards->cards[cards->nr];

	if (cards->nr == MAX_CARDS || ioctl(fd, SIOCGIFHWADDR, &request) ||
	    request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return;
	*card = (struct card){ .fd = -1 };
	strcpy(card->name, request.ifr_name);
	memcpy(card->client.mac, request.ifr_hwaddr.sa_data, DHCP_MAC_SIZE);
	/* Not secret, and may come before there is entropy; the MAC is the same each time. */
	if (getrandom(&card->client.xid, sizeof(card->client.xid), GRND_INSECURE) < 0)
		memcpy(&card->client.xid, card->client.mac + 2, sizeof(card->client.xid));
	if (bring_up(fd, name))
		card->fd = open_socket(name);
	if (card->fd < 0) {
		warn(init, "%s: %m", name);
		return;
	}
	cards->nr++;
	cards->waiting++;
}

static void find_cards(struct init *init, struct cards *cards, int fd)
{
	DIR *folder = opendir("/sys/class/net");
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		add_card(init, cards, fd, entry->d_name);
	if (folder)
		closedir(folder);
}

/* -- what a lease says, carried out -- */

static void set_address(int fd, const struct card *card, unsigned long what,
			uint32_t address)
{
	struct ifreq request = request_for(card->name);
	const struct sockaddr_in in = address_of(address, 0);

	memcpy(&request.ifr_addr, &in, sizeof(in));
	(void)ioctl(fd, what, &request);
}

static bool set_route(int fd, struct card *card, uint32_t router)
{
	const struct sockaddr_in gateway = address_of(router, 0), any = address_of(0, 0);
	struct rtentry route = {
		.rt_flags = RTF_UP | RTF_GATEWAY,
		.rt_dev = card->name,
	};

	memcpy(&route.rt_gateway, &gateway, sizeof(gateway));
	memcpy(&route.rt_dst, &any, sizeof(any));
	memcpy(&route.rt_genmask, &any, sizeof(any));
	return !ioctl(fd, SIOCADDRT, &route);
}

static bool write_conf(const char *path, const struct dhcp_lease *lease)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return false;
	if (lease->domain[0])
		fprintf(file, "search %s\n", lease->domain);
	for (unsigned i = 0; i < lease->nr_names; i++) {
		char text[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, &lease->names[i], text, sizeof(text));
		fprintf(file, "nameserver %s\n", text);
	}
	return !fclose(file);
}

/* Often it is a symlink to a file in /run, which is a new tmpfs. NULL: it is not. */
static char *linked_conf(char target[PATH_MAX])
{
	const ssize_t n = readlink(RESOLV_CONF, target, PATH_MAX - 1);
	char *path, *slash;

	target[n < 0 ? 0 : n] = '\0';
	path = target + (strncmp(target, "../run/", 7) ? 0 : 2);
	if (strncmp(path, "/run/", 5) != 0)
		return NULL;
	slash = strrchr(path, '/');
	*slash = '\0';
	make_folders(path);
	*slash = '/';
	return path;
}

/* Without an overlay the root's own file stays as it is, and ours is mounted over it. */
static void set_resolv_conf(struct init *init, const struct dhcp_lease *lease)
{
	char target[PATH_MAX];
	const char *path = linked_conf(target);
	bool done;

	if (init->config.root == ROOT_OVERLAY) {
		unlink(RESOLV_CONF);
		done = write_conf(RESOLV_CONF, lease);
	} else if (path) {
		done = write_conf(path, lease);
	} else {
		done = write_conf(OUR_CONF, lease) &&
		       !mount(OUR_CONF, RESOLV_CONF, NULL, MS_BIND, NULL);
	}
	if (!done)
		warn(init, "no name servers, as there is no " RESOLV_CONF ": %m");
}

static void apply(struct init *init, struct cards *cards, int fd, struct card *card,
		  const struct dhcp_lease *lease)
{
	struct ifreq request = request_for(card->name);

	set_address(fd, card, SIOCSIFADDR, lease->address);
	if (lease->netmask)
		set_address(fd, card, SIOCSIFNETMASK, lease->netmask);
	request.ifr_mtu = lease->mtu;
	if (lease->mtu)
		(void)ioctl(fd, SIOCSIFMTU, &request);
	if (!cards->has_route && lease->router)
		cards->has_route = set_route(fd, card, lease->router);
	if (!cards->has_names && lease->nr_names) {
		set_resolv_conf(init, lease);
		cards->has_names = true;
	}
}

/* -- DHCP -- */

static void give_up_socket(struct cards *cards, struct card *card)
{
	close(card->fd);
	card->fd = -1;
	cards->waiting--;
}

static void receive(struct init *init, struct cards *cards, int fd, struct card *card)
{
	uint8_t message[DHCP_MAX_MESSAGE];
	const ssize_t n = recv(card->fd, message, sizeof(message), 0);
	struct dhcp_lease lease;

	if (n < 0 || !dhcp_read(message, (size_t)n, &card->client, &lease))
		return;
	switch (lease.type) {
	case DHCP_OFFER:
		if (card->offer.type == DHCP_OFFER)
			return;
		card->offer = lease;
		send_message(card);
		break;
	case DHCP_NAK:
		card->offer = (struct dhcp_lease){ 0 };
		send_message(card);
		break;
	case DHCP_ACK:
		if (card->offer.type != DHCP_OFFER)
			return;
		apply(init, cards, fd, card, &lease);
		give_up_socket(cards, card);
		break;
	default:
		break;
	}
}

/* Take answers until all have theirs, or `timeout` milliseconds have passed. */
static void listen_for(struct init *init, struct cards *cards, int fd, int timeout)
{
	const int64_t deadline = now_ms() + timeout;
	struct pollfd poll_fds[MAX_CARDS];
	int64_t left;

	while (cards->waiting && (left = deadline - now_ms()) > 0) {
		for (unsigned i = 0; i < cards->nr; i++)
			poll_fds[i] = (struct pollfd){ cards->cards[i].fd, POLLIN, 0 };
		if (poll(poll_fds, cards->nr, (int)left) <= 0)
			continue;
		for (unsigned i = 0; i < cards->nr; i++) {
			if (poll_fds[i].revents)
				receive(init, cards, fd, &cards->cards[i]);
		}
	}
}

static void ask_all(struct init *init, struct cards *cards, int fd)
{
	int timeout = TRY_MS;

	for (unsigned i = 0; i < MAX_TRIES && cards->waiting; i++, timeout *= 2) {
		for (unsigned j = 0; j < cards->nr; j++) {
			if (cards->cards[j].fd >= 0)
				send_message(&cards->cards[j]);
		}
		listen_for(init, cards, fd, timeout);
	}
	for (unsigned i = 0; i < cards->nr; i++) {
		if (cards->cards[i].fd < 0)
			continue;
		warn(init, "no DHCP server answers at %s: it has no address",
		     cards->cards[i].name);
		give_up_socket(cards, &cards->cards[i]);
	}
}

void network_start(struct init *init)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *hostname = init->config.hostname;
	struct cards cards = { .nr = 0 };

	if (hostname && sethostname(hostname, strlen(hostname)))
		warn(init, "the host name \"%s\": %m", hostname);
	if (fd < 0)
		return; /* a kernel without IPv4 */
	bring_up(fd, "lo");
	if (init->config.network) {
		find_cards(init, &cards, fd);
		if (!cards.nr)
			warn(init, "the kernel has no driver for the network card: "
				   "CONFIG_VIRTIO_NET (module virtio_net)");
		ask_all(init, &cards, fd);
	}
	close(fd);
}
