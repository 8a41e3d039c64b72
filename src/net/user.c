/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network of the guest's own, with no privileges: libslirp ends the guest's
 * connections and makes them again as sockets of this process.
 *
 *	10.0.2.0/24	.2 gateway, .3 DNS, .15 the guest (by DHCP)
 *	fec0::/64	::2 gateway, ::3 DNS, the guest by router advertisement
 *
 * libslirp wants to be asked for its sockets (slirp_pollfds_fill) before each wait,
 * and told what became ready after it (slirp_pollfds_poll). Its sockets live in an
 * epoll instance of their own (sockets.c), which our loop watches as one descriptor, and
 * one turn serves all sockets.
 *
 * Frames for the guest come by send_packet() and wait in a queue (struct backlog) for
 * the card. When more than BACKLOG_HIGH bytes wait, nothing is read from sockets any
 * more, so the senders' TCP windows close and nothing is lost; only what the guest
 * itself goes on provoking can fill the rest, and is then dropped as by any switch.
 *
 * The guest is not trusted: frames have a bounded size, are padded (libslirp reads an
 * ARP packet without looking at its length), and only ARP, IPv4 and IPv6 pass, as
 * guard.c allows. libslirp puts no bound to its sockets: flow_allowed() does.
 *
 * libslirp is also a server of TFTP, if tftp= names a folder: it reads files below that,
 * follows symbolic links, and refuses names with "../" in them. It writes none.
 *
 * A frame may come with an unfinished checksum, and as a TCP segment of up to
 * 64 KiB: libslirp ends the connection, so no one needs to cut it. That makes the way
 * out several times faster.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/backlog.h"
#include "net/frame.h"
#include "net/guard.h"
#include "net/net.h"
#include "net/slirp.h"
#include "net/sockets.h"
#include "util/bytes.h"

#define DEFAULT_MTU 1500u

/* Bytes of frames that wait for the card: stop reading sockets, and begin again. */
#define BACKLOG_HIGH (256u << 10)
#define BACKLOG_LOW  (BACKLOG_HIGH / 2)

#define BUFFER_OVERHEAD 256u /* of libslirp and malloc(), for each frame that it keeps */

/* Sockets of each kind. A TCP socket has two buffers of 128 KiB. */
static const unsigned flow_limit[FLOWS] = {
	[FLOW_TCP] = 384,
	[FLOW_UDP] =
		512, /* many are short: a resolver takes a new one for each question */
	[FLOW_ICMP] = 64,
};

struct user {
	struct net_backend backend;
	struct loop *loop;
	struct slirp_library library;
	Slirp *slirp;
	unsigned mtu;
	struct guard guard;

	struct sockets sockets;
	struct loop_source poll_source;
	bool held;               /* the backlog is full: sockets and timers wait */
	struct loop_timer timer; /* runs turn() */
	int64_t deadline;        /* that it is set to; LOOP_NEVER: it is not */
	unsigned fresh[FLOWS];   /* frames since settle() that may have made one */

	struct backlog backlog;
	bool wanted;        /* by the card */
	bool checksum_done; /* tell the guest that checksums are right */
	uint8_t input[NET_MAX_FRAME];
};

/* A timer that libslirp asked for (router advertisements). */
struct user_timer {
	struct loop_timer timer;
	struct user *user;
	SlirpTimerCb fn;
	void *opaque;
};

static struct user *to_user(struct net_backend *backend)
{
	return (struct user *)backend;
}

/* -- sockets -- */

static void on_register(int fd, void *opaque)
{
	struct user *user = opaque;

	sockets_note(&user->sockets, fd);
}

static void on_unregister(int fd, void *opaque)
{
	struct user *user = opaque;

	sockets_forget(&user->sockets, fd);
}

static int on_add_poll(int fd, int events, void *opaque)
{
	struct user *user = opaque;

	return sockets_want(&user->sockets, fd, events);
}

static int on_get_revents(int index, void *opaque)
{
	const struct user *user = opaque;

	return sockets_happened(&user->sockets, index);
}

/*
 * Let turn() run at `deadline` or earlier: most deadlines are put off again before they
 * come, so a timer that is set already is left alone.
 */
static void arm(struct user *user, int64_t deadline)
{
	if (deadline >= user->deadline)
		return;
	user->deadline = deadline;
	loop_timer_arm(&user->timer, deadline);
}

/* Ask libslirp what it waits for, and wait for that. */
static void settle(struct user *user)
{
	uint32_t timeout_ms = UINT32_MAX;

	sockets_want_nothing(&user->sockets);
	user->library.pollfds_fill(user->slirp, &timeout_ms, on_add_poll, user);
	sockets_watch(&user->sockets);
	memset(user->fresh, 0, sizeof(user->fresh));
	if (user->held)
		return;
	arm(user, user->sockets.listen_again);
	/* libslirp says 1000 when it needs no timer. */
	if (timeout_ms < 1000)
		arm(user, loop_now() + (int64_t)timeout_ms * 1000000);
}

/* Stop reading from sockets while too much waits for the guest; begin again after that. */
static void hold_or_release(struct user *user)
{
	const size_t used = user->backlog.used;
	const bool hold = used > (user->held ? BACKLOG_LOW : BACKLOG_HIGH);

	if (hold == user->held)
		return;
	user->held = hold;
	loop_modify(user->loop, &user->poll_source, hold ? 0 : EPOLLIN);
	settle(user);
}

/* Give the card what waits for it. What it leaves though it wants more, comes soon. */
static void deliver(struct user *user)
{
	if (user->backlog.used && user->wanted) {
		user->backend.client.readable(user->backend.client.opaque, 0);
		if (user->backlog.used && user->wanted)
			arm(user, 0);
	}
	hold_or_release(user);
}

/* One turn of libslirp: sockets that are ready, timers that are due. */
static void turn(struct user *user)
{
	if (!user->held) {
		int failed = sockets_begin_turn(&user->sockets);

		user->library.pollfds_poll(user->slirp, failed, on_get_revents, user);
		sockets_end_turn(&user->sockets);
		settle(user);
	}
	deliver(user);
}

static void timer_fired(void *opaque)
{
	struct user *user = opaque;

	user->deadline = LOOP_NEVER;
	turn(user);
}

static void poll_ready(void *opaque, uint32_t epoll_events)
{
	(void)epoll_events;
	turn(opaque);
}

/* -- the rest of libslirp's callbacks -- */

static ssize_t on_send_packet(const void *frame, size_t len, void *opaque)
{
	struct user *user = opaque;

	guard_note(&user->guard, (struct bytes){ frame, len });
	/* An error would be printed, each time. */
	if (len <= user->mtu + FRAME_HEADER)
		(void)backlog_put(&user->backlog, (struct bytes){ frame, len });
	return (ssize_t)len;
}

static void on_guest_error(const char *message, void *opaque)
{
	(void)message;
	(void)opaque;
}

static int64_t on_clock(void *opaque)
{
	(void)opaque;
	return loop_now();
}

static void user_timer_fired(void *opaque)
{
	struct user_timer *timer = opaque;

	timer->fn(timer->opaque);
	deliver(timer->user);
}

static void *on_timer_new(SlirpTimerCb fn, void *fn_opaque, void *opaque)
{
	struct user *user = opaque;
	struct user_timer *timer = malloc(sizeof(*timer));
	struct err err;

	if (!timer)
		return NULL;
	*timer = (struct user_timer){ .user = user, .fn = fn, .opaque = fn_opaque };
	if (loop_timer_init(&timer->timer, user->loop, user_timer_fired, timer, &err)) {
		free(timer);
		return NULL;
	}
	return timer;
}

static void on_timer_free(void *opaque_timer, void *opaque)
{
	struct user *user = opaque;
	struct user_timer *timer = opaque_timer;

	if (!timer)
		return;
	loop_timer_destroy(&timer->timer, user->loop);
	free(timer);
}

static void on_timer_mod(void *opaque_timer, int64_t expire_ms, void *opaque)
{
	const struct user_timer *timer = opaque_timer;

	(void)opaque;
	if (timer)
		loop_timer_arm(&timer->timer, expire_ms * 1000000);
}

/* A buffer has room again; each caller of libslirp calls settle() anyway. */
static void on_notify(void *opaque)
{
	(void)opaque;
}

static const SlirpCb callbacks = {
	.send_packet = on_send_packet,
	.guest_error = on_guest_error,
	.clock_get_ns = on_clock,
	.timer_new = on_timer_new,
	.timer_free = on_timer_free,
	.timer_mod = on_timer_mod,
	.register_poll_fd = on_register,
	.unregister_poll_fd = on_unregister,
	.notify = on_notify,
};

/* -- frames of the guest -- */

/* May one more socket of this kind come up? Frames for sockets that are there count too. */
static bool flow_allowed(struct user *user, enum flow flow)
{
	if (user->fresh[flow] &&
	    user->sockets.count[flow] + user->fresh[flow] >= flow_limit[flow])
		settle(user); /* now we know how many there really are */
	if (user->sockets.count[flow] >= flow_limit[flow])
		return false;
	user->fresh[flow]++;
	return true;
}

/* What the datagram may begin, of which this is a part: any of them may be the last. */
static bool fragment_allowed(struct user *user, uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return flow_allowed(user, FLOW_TCP);
	case IPPROTO_UDP:
		return flow_allowed(user, FLOW_UDP);
	case IPPROTO_ICMP:
		return flow_allowed(user, FLOW_ICMP);
	default:
		return false;
	}
}

static bool frame_allowed(struct user *user, struct bytes frame)
{
	const struct frame_info info = frame_parse(frame);
	/* libslirp keeps a frame in a buffer for the longest, however short it is. */
	const size_t longest = user->mtu + FRAME_HEADER;
	const size_t size = frame.size > longest ? frame.size : longest;

	if (!guard_allows(&user->guard, &info, size + BUFFER_OVERHEAD, loop_now()))
		return false;
	switch (info.kind) {
	case FRAME_TCP_OPEN:
		return flow_allowed(user, FLOW_TCP);
	case FRAME_UDP:
		return flow_allowed(user, FLOW_UDP);
	case FRAME_FRAGMENT:
		return fragment_allowed(user, info.protocol);
	case FRAME_PING:
		return flow_allowed(user, FLOW_ICMP);
	default:
		return true;
	}
}

static int user_send(struct net_backend *backend, unsigned queue, const struct iovec *iov,
		     unsigned nr_iov)
{
	struct user *user = to_user(backend);
	const uint8_t *header = user->input;
	uint8_t *frame = user->input + NET_HEADER_SIZE;
	size_t len = frame_gather(user->input, sizeof(user->input), iov, nr_iov);
	size_t max = user->mtu + FRAME_HEADER;

	(void)queue;
	if (len < NET_HEADER_SIZE + FRAME_HEADER)
		return 0;
	len -= NET_HEADER_SIZE;
	if (header[NET_HDR_GSO_TYPE] == VIRTIO_NET_HDR_GSO_TCPV4)
		max = FRAME_MAX_IP + FRAME_HEADER;
	else if (header[NET_HDR_GSO_TYPE] != VIRTIO_NET_HDR_GSO_NONE)
		return 0;
	if (len > max)
		return 0;
	if ((header[NET_HDR_FLAGS] & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	    !frame_finish_checksum(frame, len, header))
		return 0;
	if (!frame_allowed(user, (struct bytes){ frame, len }))
		return 0;
	if (len < FRAME_MINIMUM) {
		memset(frame + len, 0, FRAME_MINIMUM - len);
		len = FRAME_MINIMUM;
	}
	user->library.input(user->slirp, frame, (int)len);
	return 0;
}

static void user_sent_all(struct net_backend *backend, unsigned queue)
{
	struct user *user = to_user(backend);

	(void)queue;
	/*
	 * Frames may wait for the answer to an ARP request, which may have been among
	 * those that were sent. "An error" means not to look at sockets.
	 */
	user->library.pollfds_poll(user->slirp, 1, on_get_revents, user);
	settle(user);
	deliver(user);
}

/* -- frames for the guest -- */

static ssize_t user_receive(struct net_backend *backend, unsigned queue,
			    const struct iovec *iov, unsigned nr_iov)
{
	struct user *user = to_user(backend);
	uint8_t header[NET_HEADER_SIZE] = { 0 };
	struct bytes frame;
	ssize_t result = -EMSGSIZE;

	(void)queue;
	if (!user->backlog.used)
		return -EAGAIN;
	frame = backlog_first(&user->backlog);
	if (user->checksum_done)
		header[NET_HDR_FLAGS] = VIRTIO_NET_HDR_F_DATA_VALID;
	store_le16(header + NET_HDR_NUM_BUFFERS, 1);
	if (frame_scatter(iov, nr_iov, 0, (struct bytes){ header, sizeof(header) }) &&
	    frame_scatter(iov, nr_iov, sizeof(header), frame))
		result = (ssize_t)(sizeof(header) + frame.size);
	backlog_drop_first(&user->backlog);
	return result;
}

static void user_want_frames(struct net_backend *backend, unsigned queue, bool wanted)
{
	struct user *user = to_user(backend);

	(void)queue;
	if (user->wanted == wanted)
		return;
	user->wanted = wanted;
	/* Not from here: the card may be in the middle of something. */
	if (wanted && user->backlog.used)
		arm(user, 0);
}

static int user_set_offloads(struct net_backend *backend, uint64_t features,
			     struct err *err)
{
	(void)err;
	to_user(backend)->checksum_done = features & net_bit(VIRTIO_NET_F_GUEST_CSUM);
	return 0;
}

static int user_set_queues(struct net_backend *backend, unsigned pairs, struct err *err)
{
	(void)backend;
	(void)pairs;
	(void)err;
	return 0;
}

static void user_close(struct net_backend *backend)
{
	struct user *user = to_user(backend);

	if (user->slirp)
		user->library.cleanup(user->slirp);
	loop_timer_destroy(&user->timer, user->loop);
	if (user->sockets.poll_fd >= 0)
		loop_remove(user->loop, &user->poll_source);
	sockets_destroy(&user->sockets);
	slirp_library_unload(&user->library);
	backlog_destroy(&user->backlog);
	free(user);
}

static const struct net_backend_ops user_ops = {
	.receive = user_receive,
	.send = user_send,
	.sent_all = user_sent_all,
	.want_frames = user_want_frames,
	.set_offloads = user_set_offloads,
	.set_queues = user_set_queues,
	.close = user_close,
};

/* -- opening -- */

static struct in6_addr address6(uint8_t node)
{
	struct in6_addr address;

	memcpy(&address, guard_prefix6, sizeof(address));
	address.s6_addr[15] = node;
	return address;
}

static int start_slirp(struct user *user, const struct config_net *net, struct err *err)
{
	const unsigned prefix = net->prefix ? net->prefix : CONFIG_DEFAULT_PREFIX;
	struct guard *guard = &user->guard;
	SlirpConfig config = {
		.version = 1,
		.in_enabled = true,
		.in6_enabled = !net->no_ipv6,
		.vprefix_len = 64,
		.vhostname = net->hostname,
		.tftp_path = net->tftp,
		.bootfile = net->bootfile,
		.if_mtu = user->mtu,
		.if_mru = user->mtu,
	};

	guard->network = net->network ? net->network : htonl(CONFIG_DEFAULT_NETWORK);
	guard->mask = htonl(UINT32_MAX << (32 - prefix));
	guard->loopback = net->loopback;
	guard->tftp = net->tftp != NULL;
	for (unsigned i = 0; i < net->nr_forwards; i++)
		guard->forwards_udp |= net->forwards[i].udp;
	guard_init(guard, loop_now());
	config.vnetwork.s_addr = guard->network;
	config.vnetmask.s_addr = guard->mask;
	config.vhost.s_addr = guard_address(guard, GUARD_GATEWAY);
	config.vnameserver.s_addr = guard_address(guard, GUARD_DNS);
	config.vdhcp_start.s_addr = guard_address(guard, GUARD_GUEST);
	config.vprefix_addr6 = address6(0);
	config.vhost6 = address6(GUARD_GATEWAY);
	config.vnameserver6 = address6(GUARD_DNS);
	/* Two guards are better than one, where libslirp's is of use (guard.h). */
	config.disable_host_loopback = !net->loopback && !guard->forwards_udp;

	user->slirp = user->library.new(&config, &callbacks, user);
	if (!user->slirp)
		return err_set(err, "-n user: libslirp does not start");
	return 0;
}

static int add_forward(struct user *user, const struct config_forward *forward,
		       struct err *err)
{
	const struct in_addr host = { .s_addr = forward->host_address };
	const struct in_addr guest = { .s_addr = forward->guest_address };
	char text[INET_ADDRSTRLEN];

	if (!user->library.add_hostfwd(user->slirp, forward->udp, host,
				       forward->host_port, guest, forward->guest_port))
		return 0;
	inet_ntop(AF_INET, &host, text, sizeof(text));
	return err_errno(err, "-n user: hostfwd=%s:%s:%u", forward->udp ? "udp" : "tcp",
			 text, forward->host_port);
}

/* libslirp opens files when they are asked for, and would tell the guest alone. */
static int check_tftp(const char *path, struct err *err)
{
	struct stat info;

	if (!path)
		return 0;
	if (stat(path, &info))
		return err_errno(err, "-n user: tftp=%s", path);
	if (!S_ISDIR(info.st_mode))
		return err_set(err, "-n user: tftp=%s is not a folder", path);
	if (access(path, X_OK))
		return err_errno(err, "-n user: tftp=%s", path);
	return 0;
}

/* All but struct user itself. What was made is released by user_close(). */
static int user_init(struct user *user, const struct config_net *net, struct err *err)
{
	if (check_tftp(net->tftp, err) || slirp_library_load(&user->library, err))
		return -1;
	if (backlog_init(&user->backlog))
		return err_errno(err, "-n user");
	if (loop_timer_init(&user->timer, user->loop, timer_fired, user, err))
		return -1;
	if (sockets_init(&user->sockets, err))
		return err_prefix(err, "-n user: ");
	user->poll_source = (struct loop_source){ .fd = user->sockets.poll_fd,
						  .ready = poll_ready,
						  .opaque = user };
	if (loop_add(user->loop, &user->poll_source, EPOLLIN, err) ||
	    start_slirp(user, net, err))
		return -1;
	for (unsigned i = 0; i < net->nr_forwards; i++) {
		if (add_forward(user, &net->forwards[i], err))
			return -1;
	}
	settle(user);
	sockets_find_listeners(&user->sockets);
	return 0;
}

struct net_backend *net_open_user(const struct config_net *net, struct loop *loop,
				  struct err *err)
{
	struct user *user;

	user = calloc(1, sizeof(*user));
	if (!user) {
		err_errno(err, "-n user");
		return NULL;
	}
	user->backend = (struct net_backend){
		.ops = &user_ops,
		.info = {
			.queues = 1,
			.offloads = net_bit(VIRTIO_NET_F_CSUM) |
				    net_bit(VIRTIO_NET_F_GUEST_CSUM) |
				    net_bit(VIRTIO_NET_F_HOST_TSO4),
			.mtu = net->mtu,
		},
	};
	for (unsigned i = 0; i < NET_MAX_QUEUES; i++)
		user->backend.info.tap_fds[i] = -1;
	user->loop = loop;
	user->mtu = net->mtu ? net->mtu : DEFAULT_MTU;
	user->sockets.poll_fd = -1;
	user->timer.source.fd = -1;
	user->deadline = LOOP_NEVER;
	if (user_init(user, net, err)) {
		user_close(&user->backend);
		return NULL;
	}
	return &user->backend;
}
