/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taps, in a network namespace of the test's own, where it has CAP_NET_ADMIN. The other
 * end of the wire is a packet socket on the interface. Without namespaces or
 * /dev/net/tun the tests that need an interface are skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "net/net.h"
#include "util/bytes.h"

#define DEADLINE_NS 10000000000ll
#define ETHERTYPE   0x88b5 /* for experiments (IEEE 802) */

struct card {
	struct loop loop;
	struct net_backend *net;
	unsigned readable, writable, gone;
};

static void on_readable(void *opaque, unsigned queue)
{
	struct card *card = opaque;

	card->readable |= 1u << queue;
}

static void on_writable(void *opaque, unsigned queue)
{
	struct card *card = opaque;

	card->writable |= 1u << queue;
}

static void on_gone(void *opaque)
{
	struct card *card = opaque;

	card->gone++;
}

static bool can_make_taps;

static int enter_namespace(void **state)
{
	int fd;

	(void)state;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) && unshare(CLONE_NEWNET))
		return 0;
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	can_make_taps = fd >= 0;
	if (fd >= 0)
		close(fd);
	/* No router solicitations: the wires are to be silent. */
	fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, "1", 1);
		close(fd);
	}
	return 0;
}

static void needs_taps(void)
{
	if (!can_make_taps) {
		print_message("no namespaces or no /dev/net/tun here\n");
		skip();
	}
}

static struct card *plug(const struct config_net *config, unsigned cpus)
{
	struct card *card = calloc(1, sizeof(*card));
	struct err err = { "" };

	assert_non_null(card);
	assert_int_equal(loop_init(&card->loop, &err), 0);
	card->net = net_open_tap(config, cpus, &card->loop, &err);
	if (!card->net)
		fail_msg("%s", err.text);
	card->net->client = (struct net_client){ .readable = on_readable,
						 .writable = on_writable,
						 .gone = on_gone,
						 .opaque = card };
	return card;
}

static void unplug(struct card *card)
{
	card->net->ops->close(card->net);
	loop_destroy(&card->loop);
	free(card);
}

#define turn_until(card, done)                                                        \
	do {                                                                          \
		const int64_t deadline = loop_now() + DEADLINE_NS;                    \
		struct err turn_err;                                                  \
		while (!(done)) {                                                     \
			assert_true(loop_now() < deadline);                           \
			assert_int_equal(loop_turn(&(card)->loop, 50, &turn_err), 0); \
		}                                                                     \
	} while (0)

/* Nothing is ready: the loop sleeps. */
static void assert_quiet(struct card *card)
{
	const int64_t begin = loop_now();
	struct err err;

	assert_int_equal(loop_turn(&card->loop, 100, &err), 0);
	assert_true(loop_now() - begin > 90000000);
}

static int interface_ioctl(const char *name, unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	assert_true(fd >= 0);
	memcpy(ifr->ifr_name, name, strlen(name) + 1);
	r = ioctl(fd, request, ifr);
	close(fd);
	return r;
}

static bool is_up(const char *name)
{
	struct ifreq ifr = { 0 };

	assert_int_equal(interface_ioctl(name, SIOCGIFFLAGS, &ifr), 0);
	return ifr.ifr_flags & IFF_UP;
}

/* The host's end: it sends and gets frames of ETHERTYPE only. */
static int packet_socket(const char *name)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETHERTYPE),
				       .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			htons(ETHERTYPE));

	assert_true(fd >= 0);
	assert_true(address.sll_ifindex > 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void make_frame(uint8_t frame[64], uint8_t mark)
{
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\2peer", 6);
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
	memset(frame + 14, mark, 50);
}

/* Read frames of a queue until one of ours comes: its mark. -1: there is none. */
static int receive_mark(struct card *card, unsigned queue)
{
	for (;;) {
		uint8_t buffer[2048];
		struct iovec iov[] = { { buffer, 100 }, { buffer + 100, 1948 } };
		ssize_t n = card->net->ops->receive(card->net, queue, iov, 2);

		if (n == -EAGAIN)
			return -1;
		assert_true(n >= (ssize_t)NET_HEADER_SIZE + 14);
		if (buffer[NET_HEADER_SIZE + 12] == ETHERTYPE >> 8 &&
		    buffer[NET_HEADER_SIZE + 13] == (ETHERTYPE & 0xff)) {
			assert_int_equal(n, NET_HEADER_SIZE + 64);
			return buffer[NET_HEADER_SIZE + 14];
		}
	}
}

static int send_mark(struct card *card, unsigned queue, uint8_t mark)
{
	uint8_t header[NET_HEADER_SIZE] = { 0 }, frame[64];
	struct iovec iov[] = { { header, sizeof(header) }, { frame, sizeof(frame) } };

	make_frame(frame, mark);
	return card->net->ops->send(card->net, queue, iov, 2);
}

/* -- tests -- */

static void test_frames_both_ways(void **state)
{
	const struct config_net config = { .ifname = "tane0", .fd = -1 };
	struct card *card;
	uint8_t frame[64], got[64] = { 0 };
	int fd, mark = -1;

	(void)state;
	needs_taps();
	card = plug(&config, 1);
	assert_string_equal(card->net->info.name, "tane0");
	assert_true(is_up("tane0")); /* since it was made for this */
	assert_int_equal(card->net->info.queues, 1);
	assert_int_equal(card->net->info.mtu, 1500);
	assert_true(card->net->info.tap_fds[0] >= 0);
	assert_int_equal(card->net->info.tap_fds[1], -1);
	fd = packet_socket("tane0");

	make_frame(frame, 0x55);
	assert_int_equal(send(fd, frame, sizeof(frame), 0), sizeof(frame));
	/* Not wanted, not watched; but not lost. */
	assert_quiet(card);
	assert_int_equal(card->readable, 0);
	card->net->ops->want_frames(card->net, 0, true);
	turn_until(card, card->readable && (mark = receive_mark(card, 0)) >= 0);
	assert_int_equal(mark, 0x55);

	assert_int_equal(send_mark(card, 0, 0x66), 0);
	turn_until(card, recv(fd, got, sizeof(got), 0) == sizeof(got));
	assert_int_equal(got[20], 0x66);
	close(fd);
	unplug(card);
	assert_int_equal(if_nametoindex("tane0"), 0); /* it went with us */
}

static void test_a_tap_for_many_queues(void **state)
{
	struct config_net config = { .ifname = "given1", .fd = -1 };
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
					  IFF_MULTI_QUEUE };
	struct card *card;
	int fd;

	(void)state;
	needs_taps();
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	memcpy(ifr.ifr_name, "given1", 7);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
	card = plug(&config, 3); /* as many as there are CPUs */
	assert_int_equal(card->net->info.queues, 3);
	unplug(card);
	config.queues = 1;
	card = plug(&config, 3);
	assert_int_equal(card->net->info.queues, 1);
	unplug(card);
	config.queues = 100; /* more than a card can have */
	card = plug(&config, 3);
	assert_int_equal(card->net->info.queues, NET_MAX_QUEUES);
	unplug(card);
}

static void test_a_tap_of_somebody_else(void **state)
{
	struct config_net config = { .ifname = "given0", .fd = -1 };
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct card *card;
	int fd;

	(void)state;
	needs_taps();
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	memcpy(ifr.ifr_name, "given0", 7);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	/* By descriptor, while it is open there; we work on a copy. */
	config.ifname = NULL;
	config.fd = fd;
	card = plug(&config, 4);
	assert_string_equal(card->net->info.name, "given0");
	assert_int_equal(card->net->info.queues, 1);
	assert_false(is_up("given0"));
	assert_int_equal(send_mark(card, 0, 1), 0); /* down: lost, as on a wire */
	unplug(card);
	/* By name, once it is kept. */
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
	config.ifname = "given0";
	config.fd = -1;
	card = plug(&config, 4);
	assert_int_equal(card->net->info.queues, 1);
	assert_false(is_up("given0")); /* its owner decides */
	unplug(card);
	assert_true(if_nametoindex("given0") > 0);
}

static void test_errors(void **state)
{
	struct config_net config = { .ifname = "a_name_of_16_byt", .fd = -1 };
	struct loop loop;
	struct err err;
	struct card *card;
	struct ifreq ifr = { .ifr_flags = IFF_TAP }; /* no IFF_NO_PI, no IFF_VNET_HDR */
	int fd;

	(void)state;
	needs_taps();
	assert_int_equal(loop_init(&loop, &err), 0);
	assert_null(net_open_tap(&config, 1, &loop, &err));
	assert_non_null(strstr(err.text, "at most 15 characters"));
	config.ifname = "lo";
	assert_null(net_open_tap(&config, 1, &loop, &err));
	assert_non_null(strstr(err.text, "\"lo\""));
	assert_non_null(strstr(err.text, "ip tuntap add"));
	config.fd = 0;
	assert_null(net_open_tap(&config, 1, &loop, &err));
	assert_non_null(strstr(err.text, "fd=0"));
	config.fd = 999;
	assert_null(net_open_tap(&config, 1, &loop, &err));
	assert_non_null(strstr(err.text, "fd=999"));

	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	config.fd = fd;
	assert_null(net_open_tap(&config, 1, &loop, &err));
	assert_non_null(strstr(err.text, "IFF_VNET_HDR"));
	close(fd);

	/* One that is in use, and one that has no more than one queue. */
	config = (struct config_net){ .ifname = "single0", .fd = -1 };
	card = plug(&config, 1);
	assert_null(net_open_tap(&config, 1, &loop, &err));
	assert_non_null(strstr(err.text, "single0"));
	config.queues = 2;
	assert_null(net_open_tap(&config, 1, &loop, &err));
	assert_non_null(strstr(err.text, "multi_queue"));
	unplug(card);
	loop_destroy(&loop);
}

/* A user without rights is told how to get a tap. */
static void test_no_rights(void **state)
{
	const struct config_net config = { .ifname = "tane9", .fd = -1 };
	struct loop loop;
	struct err err = { "" };
	int status[2];
	char result;
	pid_t pid;

	(void)state;
	needs_taps();
	assert_int_equal(loop_init(&loop, &err), 0);
	assert_int_equal(pipe(status), 0);
	pid = fork();
	if (!pid) {
		struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3,
							   0 };
		const struct __user_cap_data_struct none[2] = { 0 };
		bool ok = !syscall(SYS_capset, &header, none) &&
			  !net_open_tap(&config, 1, &loop, &err) &&
			  strstr(err.text, "CAP_NET_ADMIN") &&
			  strstr(err.text, "ip tuntap add dev tane9 mode tap user");

		if (!ok)
			print_message("%s\n", err.text);
		(void)!write(status[1], ok ? "y" : "n", 1);
		_exit(0);
	}
	assert_int_equal(read(status[0], &result, 1), 1);
	assert_int_equal(result, 'y');
	close(status[0]);
	close(status[1]);
	loop_destroy(&loop);
}

static void test_mtu(void **state)
{
	const struct config_net config = { .ifname = "tane1", .fd = -1, .mtu = 9000 };
	struct ifreq ifr = { 0 };
	struct card *card;

	(void)state;
	needs_taps();
	card = plug(&config, 1);
	assert_int_equal(card->net->info.mtu, 9000);
	assert_int_equal(interface_ioctl("tane1", SIOCGIFMTU, &ifr), 0);
	assert_int_equal(ifr.ifr_mtu, 9000);
	unplug(card);
}

/* Frames come to attached queues only; a queue may come and go. */
static void test_queues(void **state)
{
	const struct config_net config = { .ifname = "tane2", .fd = -1 };
	struct card *card;
	struct err err;
	int fd;

	(void)state;
	needs_taps();
	card = plug(&config, 4);
	assert_int_equal(card->net->info.queues, 4);
	fd = packet_socket("tane2");
	for (unsigned pairs = 1; pairs <= 4; pairs = pairs == 4 ? 5 : 4) {
		unsigned total = 0;

		assert_int_equal(card->net->ops->set_queues(card->net, pairs, &err), 0);
		for (unsigned q = 0; q < 4; q++)
			card->net->ops->want_frames(card->net, q, true);
		for (unsigned i = 0; i < 64; i++) {
			uint8_t frame[64];

			make_frame(frame, (uint8_t)i);
			frame[11] = (uint8_t)i; /* another flow each time */
			assert_int_equal(send(fd, frame, sizeof(frame), 0), 64);
		}
		for (unsigned q = 0; q < pairs; q++) {
			while (receive_mark(card, q) >= 0)
				total++;
		}
		assert_int_equal(total, 64);
		for (unsigned q = 0; q < pairs; q++)
			assert_int_equal(send_mark(card, q, 7), 0);
		assert_quiet(card);
	}
	assert_int_equal(card->net->ops->set_queues(card->net, 1, &err), 0);
	assert_quiet(card);
	close(fd);
	unplug(card);
}

static void test_offloads(void **state)
{
	const struct config_net config = { .ifname = "tane3", .fd = -1 };
	const uint64_t all =
		net_bit(VIRTIO_NET_F_GUEST_CSUM) | net_bit(VIRTIO_NET_F_GUEST_TSO4) |
		net_bit(VIRTIO_NET_F_GUEST_TSO6) | net_bit(VIRTIO_NET_F_GUEST_ECN);
	struct card *card;
	struct err err;

	(void)state;
	needs_taps();
	card = plug(&config, 1);
	assert_int_equal(card->net->info.offloads & all, all);
	assert_true(card->net->info.offloads & net_bit(VIRTIO_NET_F_CSUM));
	assert_int_equal(card->net->ops->set_offloads(card->net, all, &err), 0);
	assert_int_equal(card->net->ops->set_offloads(card->net, ~0ull, &err), 0);
	/* Each alone, also those that the kernel takes only together, or with CSUM. */
	for (unsigned bit = 0; bit < 64; bit++)
		assert_int_equal(
			card->net->ops->set_offloads(card->net, 1ull << bit, &err), 0);
	for (unsigned bit = 0; bit < 64; bit++)
		assert_int_equal(card->net->ops->set_offloads(
					 card->net,
					 1ull << bit | net_bit(VIRTIO_NET_F_GUEST_CSUM),
					 &err),
				 0);
	assert_int_equal(card->net->ops->set_offloads(card->net, 0, &err), 0);
	unplug(card);
}

/* A header that the kernel does not like costs the frame, nothing else. */
static void test_bad_headers(void **state)
{
	const struct config_net config = { .ifname = "tane4", .fd = -1 };
	struct card *card;
	uint8_t buffer[NET_HEADER_SIZE + 64];
	struct iovec iov = { buffer, sizeof(buffer) };
	int fd;

	(void)state;
	needs_taps();
	card = plug(&config, 1);
	fd = packet_socket("tane4");
	for (unsigned i = 0; i < NET_HEADER_SIZE; i++) {
		memset(buffer, 0, sizeof(buffer));
		make_frame(buffer + NET_HEADER_SIZE, 1);
		buffer[i] = 0xff;
		assert_int_equal(card->net->ops->send(card->net, 0, &iov, 1), 0);
	}
	iov.iov_len = 3;
	assert_int_equal(card->net->ops->send(card->net, 0, &iov, 1), 0);
	while (recv(fd, buffer, sizeof(buffer), 0) > 0)
		;
	assert_int_equal(send_mark(card, 0, 0x77), 0);
	turn_until(card, recv(fd, buffer, sizeof(buffer), 0) == 64);
	assert_int_equal(buffer[20], 0x77);
	close(fd);
	unplug(card);
}

/* What "ip link delete" does (rtnetlink(7)). */
static void delete_interface(const char *name)
{
	const struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} message = {
		.header = { .nlmsg_len = sizeof(message),
			    .nlmsg_type = RTM_DELLINK,
			    .nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_index = (int)if_nametoindex(name) },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_true(fd >= 0);
	assert_int_equal(send(fd, &message, sizeof(message), 0), sizeof(message));
	assert_int_equal(if_nametoindex(name), 0);
	close(fd);
}

/* Somebody deletes the interface: told once, and the loop sleeps. */
static void test_deleted_interface(void **state)
{
	const struct config_net config = { .ifname = "tane5", .fd = -1 };
	struct card *card;
	struct err err;

	(void)state;
	needs_taps();
	card = plug(&config, 2);
	assert_int_equal(card->net->ops->set_queues(card->net, 2, &err), 0);
	card->net->ops->want_frames(card->net, 0, true);
	delete_interface("tane5");
	turn_until(card, card->gone);
	assert_quiet(card);
	assert_int_equal(card->gone, 1);
	assert_int_equal(receive_mark(card, 0), -1);
	assert_int_equal(send_mark(card, 0, 1), 0);
	card->net->ops->want_frames(card->net, 0, false);
	card->net->ops->want_frames(card->net, 0, true);
	assert_int_equal(card->net->ops->set_queues(card->net, 1, &err), 0);
	assert_int_equal(card->net->ops->set_offloads(card->net, 0, &err), 0);
	assert_quiet(card);
	unplug(card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_both_ways),
		cmocka_unit_test(test_a_tap_of_somebody_else),
		cmocka_unit_test(test_a_tap_for_many_queues),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_no_rights),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_offloads),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_deleted_interface),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
