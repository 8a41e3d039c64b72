/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Networks through a tap: an interface of the host whose wire is a file descriptor
 * (Documentation/networking/tuntap.rst). Each queue of the tap is a descriptor of
 * its own, and a frame is one readv() or writev(), straight between the kernel and
 * the guest's memory. In front of it is struct virtio_net_hdr, so checksums and
 * segmentation are left to whoever gets the frame in the end.
 *
 * A tap is made, or found by its name (made before by "ip tuntap add"), or comes
 * open from somebody else. One that we make is brought up and goes away with us;
 * addresses, bridges and routes are the user's.
 *
 * While the card wants no frames the descriptor is not watched: they wait in the
 * tap's own queue, and the host sees a slow interface. An interface that somebody
 * deletes would report an error for ever; it is taken out of the loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net.h"

#define TUN_DEVICE "/dev/net/tun"

/* Linux 6.2; older headers lack them. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

_Static_assert(IFNAMSIZ <= NET_NAME_SIZE, "a name of an interface fits");

struct tap_queue {
	struct tap *tap;
	unsigned index;
	int fd;
	struct loop_source source;
	bool attached; /* frames of the interface may come here, and it is in the loop */
	bool wanted;   /* the card takes frames */
	bool blocked;  /* a frame of the card waits for room */
	uint32_t watched;
};

struct tap {
	struct net_backend backend;
	struct loop *loop;
	bool ours;            /* we made it */
	bool multi_queue;     /* IFF_MULTI_QUEUE: queues can be detached */
	bool gone;            /* the interface was deleted */
	unsigned offload_set; /* TUN_F_... that this kernel knows */
	unsigned nr_queues;
	struct tap_queue queues[NET_MAX_QUEUES];
};

static struct tap *to_tap(struct net_backend *backend)
{
	return (struct tap *)backend;
}

/* -- frames -- */

static void watch(struct tap_queue *queue)
{
	const uint32_t events =
		(queue->wanted ? EPOLLIN : 0u) | (queue->blocked ? EPOLLOUT : 0u);

	if (!queue->attached || events == queue->watched)
		return;
	queue->watched = events;
	loop_modify(queue->tap->loop, &queue->source, events);
}

static void leave_loop(struct tap_queue *queue)
{
	if (queue->attached)
		loop_remove(queue->tap->loop, &queue->source);
	queue->attached = false;
}

static void interface_gone(struct tap *tap)
{
	if (tap->gone)
		return;
	tap->gone = true;
	for (unsigned i = 0; i < tap->nr_queues; i++)
		leave_loop(&tap->queues[i]);
	if (tap->backend.client.gone)
		tap->backend.client.gone(tap->backend.client.opaque);
}

static void queue_ready(void *opaque, uint32_t epoll_events)
{
	struct tap_queue *queue = opaque;
	const struct net_client *client = &queue->tap->backend.client;

	if (epoll_events & (EPOLLERR | EPOLLHUP)) {
		interface_gone(queue->tap);
		return;
	}
	if ((epoll_events & EPOLLOUT) && queue->blocked) {
		queue->blocked = false;
		watch(queue);
		client->writable(client->opaque, queue->index);
	}
	if ((epoll_events & EPOLLIN) && queue->wanted)
		client->readable(client->opaque, queue->index);
}

static ssize_t tap_receive(struct net_backend *backend, unsigned index,
			   const struct iovec *iov, unsigned nr_iov)
{
	const struct tap_queue *queue = &to_tap(backend)->queues[index];
	ssize_t n;

	do {
		n = readv(queue->fd, iov, (int)nr_iov);
	} while (n < 0 && errno == EINTR);
	/* Other errors mean that the interface is gone; epoll tells. */
	return n < 0 ? -EAGAIN : n;
}

static int tap_send(struct net_backend *backend, unsigned index, const struct iovec *iov,
		    unsigned nr_iov)
{
	struct tap_queue *queue = &to_tap(backend)->queues[index];
	ssize_t n;

	do {
		n = writev(queue->fd, iov, (int)nr_iov);
	} while (n < 0 && errno == EINTR);
	/*
	 * EIO: the interface is down. EINVAL: a header that the kernel does not like.
	 * EBADFD: it is gone. The frame is lost, as on a wire.
	 */
	if (n >= 0 || errno != EAGAIN || !queue->attached)
		return 0;
	queue->blocked = true;
	watch(queue);
	return -EAGAIN;
}

static void tap_want_frames(struct net_backend *backend, unsigned index, bool wanted)
{
	struct tap_queue *queue = &to_tap(backend)->queues[index];

	queue->wanted = wanted;
	watch(queue);
}

/* -- offloads and queues -- */

static unsigned to_tun_offloads(uint64_t features)
{
	unsigned offloads = 0;

	if (!(features & net_bit(VIRTIO_NET_F_GUEST_CSUM)))
		return 0; /* the others need it (5.1.3.1) */
	offloads |= TUN_F_CSUM;
	if (features & net_bit(VIRTIO_NET_F_GUEST_TSO4))
		offloads |= TUN_F_TSO4;
	if (features & net_bit(VIRTIO_NET_F_GUEST_TSO6))
		offloads |= TUN_F_TSO6;
	/* The kernel takes ECN only with one of those. */
	if ((features & net_bit(VIRTIO_NET_F_GUEST_ECN)) &&
	    (offloads & (TUN_F_TSO4 | TUN_F_TSO6)))
		offloads |= TUN_F_TSO_ECN;
	if (features & net_bit(VIRTIO_NET_F_GUEST_UFO))
		offloads |= TUN_F_UFO;
	if ((features & net_bit(VIRTIO_NET_F_GUEST_USO4)) &&
	    (features & net_bit(VIRTIO_NET_F_GUEST_USO6)))
		offloads |= TUN_F_USO4 | TUN_F_USO6; /* the kernel takes only both */
	return offloads;
}

static int tap_set_offloads(struct net_backend *backend, uint64_t features,
			    struct err *err)
{
	struct tap *tap = to_tap(backend);
	const unsigned offloads = to_tun_offloads(features) & tap->offload_set;

	if (!tap->gone &&
	    ioctl(tap->queues[0].fd, TUNSETOFFLOAD, (unsigned long)offloads))
		return err_errno(err, "tap \"%s\": TUNSETOFFLOAD 0x%x",
				 tap->backend.info.name, offloads);
	return 0;
}

/* The interface spreads frames over attached queues only. */
static int set_attached(struct tap_queue *queue, bool attached, struct err *err)
{
	struct ifreq request = {
		.ifr_flags = attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE,
	};

	if (queue->attached == attached || queue->tap->gone)
		return 0;
	if (!attached)
		leave_loop(queue);
	if (queue->tap->multi_queue && ioctl(queue->fd, TUNSETQUEUE, &request))
		return err_errno(err, "tap \"%s\": queue %u: TUNSETQUEUE",
				 queue->tap->backend.info.name, queue->index);
	if (!attached)
		return 0;
	queue->watched = 0;
	if (loop_add(queue->tap->loop, &queue->source, 0, err))
		return -1;
	queue->attached = true;
	watch(queue);
	return 0;
}

static int tap_set_queues(struct net_backend *backend, unsigned pairs, struct err *err)
{
	struct tap *tap = to_tap(backend);

	for (unsigned i = 0; i < tap->nr_queues; i++) {
		if (set_attached(&tap->queues[i], i < pairs, err))
			return -1;
	}
	return 0;
}

static void tap_close(struct net_backend *backend)
{
	struct tap *tap = to_tap(backend);

	for (unsigned i = 0; i < tap->nr_queues; i++) {
		leave_loop(&tap->queues[i]);
		close(tap->queues[i].fd);
	}
	free(tap);
}

static const struct net_backend_ops tap_ops = {
	.receive = tap_receive,
	.send = tap_send,
	.want_frames = tap_want_frames,
	.set_offloads = tap_set_offloads,
	.set_queues = tap_set_queues,
	.close = tap_close,
};

/* -- opening -- */

/* Why the kernel did not give us the interface, and what to do about it. */
static int explain_tunsetiff(const struct config_net *net, struct err *err)
{
	const char *name = net->ifname ? net->ifname : "tap0";

	switch (errno) {
	case EPERM:
		if (net->ifname && !if_nametoindex(net->ifname))
			return err_set(
				err,
				"tap: there is no interface \"%s\", and making one needs "
				"CAP_NET_ADMIN: let root do \"ip tuntap add dev %s mode "
				"tap user $USER%s\" once",
				name, name, net->queues > 1 ? " multi_queue" : "");
		return err_set(
			err,
			"tap: making an interface needs CAP_NET_ADMIN; without it, "
			"let root do \"ip tuntap add dev %s mode tap user $USER%s\" "
			"once and give ifname=%s",
			name, net->queues > 1 ? " multi_queue" : "", name);
	case EBUSY:
		return err_set(err, "tap \"%s\": somebody else uses it", name);
	case EINVAL:
		return err_set(err,
			       "tap \"%s\": the kernel does not take it for a tap%s; "
			       "\"ip tuntap add dev %s mode tap%s\" makes one",
			       name, net->queues > 1 ? " of several queues" : "", name,
			       net->queues > 1 ? " multi_queue" : "");
	default:
		return err_errno(err, "tap \"%s\": TUNSETIFF", name);
	}
}

static int open_tun(struct err *err)
{
	int fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return err_set(err,
			       "tap: there is no " TUN_DEVICE ": load the module tun "
			       "(CONFIG_TUN), or use -n user");
	if (errno == EACCES || errno == EPERM)
		return err_set(err,
			       "tap: no permission for " TUN_DEVICE ": it is normally "
			       "open to all (mode 666); or use -n user");
	return err_errno(err, "tap: " TUN_DEVICE);
}

/* One more queue of the interface `request` names; its name comes back in it. Or errno. */
static int open_queue(const struct tap *tap, const struct config_net *net,
		      struct ifreq *request, struct err *err)
{
	int fd = open_tun(err);

	if (fd < 0)
		return -1;
	request->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (tap->multi_queue)
		request->ifr_flags |= IFF_MULTI_QUEUE;
	if (ioctl(fd, TUNSETIFF, request)) {
		const int saved = errno;

		explain_tunsetiff(net, err);
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static void add_queue(struct tap *tap, int fd)
{
	struct tap_queue *queue = &tap->queues[tap->nr_queues];

	*queue = (struct tap_queue){
		.tap = tap,
		.index = tap->nr_queues,
		.fd = fd,
		.source = { .fd = fd, .ready = queue_ready, .opaque = queue },
	};
	tap->backend.info.tap_fds[tap->nr_queues++] = fd;
}

/* How many queues the user wants: one for each CPU, unless something else was said. */
static unsigned wanted_queues(const struct config_net *net, unsigned cpus)
{
	unsigned queues = net->queues ? net->queues : cpus;

	return queues > NET_MAX_QUEUES ? NET_MAX_QUEUES : queues;
}

/*
 * The first queue. A tap that is there already was made for one queue or for many, and
 * takes nothing else (EINVAL): what the user did not say is found out by trying.
 */
static int open_first_queue(struct tap *tap, const struct config_net *net, bool multi,
			    struct ifreq *request, struct err *err)
{
	int fd;

	tap->multi_queue = multi;
	fd = open_queue(tap, net, request, err);
	if (fd < 0 && errno == EINVAL && !tap->ours && !multi)
		return open_first_queue(tap, net, true, request, err);
	return fd;
}

static int open_by_name(struct tap *tap, const struct config_net *net, unsigned cpus,
			struct err *err)
{
	unsigned queues = wanted_queues(net, cpus);
	struct ifreq request = { 0 };
	int fd;

	if (net->ifname && strlen(net->ifname) >= IFNAMSIZ)
		return err_set(err, "tap \"%s\": a name has at most %d characters",
			       net->ifname, IFNAMSIZ - 1);
	if (net->ifname)
		memcpy(request.ifr_name, net->ifname, strlen(net->ifname));
	tap->ours = !net->ifname || !if_nametoindex(net->ifname);
	fd = open_first_queue(tap, net, queues > 1 && (tap->ours || net->queues),
			      &request, err);
	if (fd < 0)
		return -1;
	add_queue(tap, fd);
	while (tap->multi_queue && tap->nr_queues < queues) {
		fd = open_queue(tap, net, &request, err);
		if (fd < 0)
			return -1;
		add_queue(tap, fd);
	}
	memcpy(tap->backend.info.name, request.ifr_name, IFNAMSIZ);
	tap->backend.info.name[IFNAMSIZ - 1] = '\0';
	return 0;
}

/* Somebody else opened it; we own a copy of the descriptor. */
static int open_by_fd(struct tap *tap, const struct config_net *net, struct err *err)
{
	struct ifreq request = { 0 };
	int fd = fcntl(net->fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return err_errno(err, "tap: fd=%d", net->fd);
	add_queue(tap, fd);
	if (ioctl(fd, TUNGETIFF, &request))
		return err_errno(err, "tap: fd=%d is no tap", net->fd);
	if (!(request.ifr_flags & IFF_TAP) || !(request.ifr_flags & IFF_NO_PI) ||
	    !(request.ifr_flags & IFF_VNET_HDR))
		return err_set(err,
			       "tap: fd=%d: open it with IFF_TAP, IFF_NO_PI and "
			       "IFF_VNET_HDR",
			       net->fd);
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		return err_errno(err, "tap: fd=%d: O_NONBLOCK", net->fd);
	memcpy(tap->backend.info.name, request.ifr_name, IFNAMSIZ);
	tap->backend.info.name[IFNAMSIZ - 1] = '\0';
	return 0;
}

/* What the kernel can hand over, by trying: there is no other way to ask. */
static void probe_offloads(struct tap *tap)
{
	static const unsigned tries[] = {
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 |
			TUN_F_USO6,
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
		TUN_F_CSUM,
	};
	const int fd = tap->queues[0].fd;

	for (unsigned i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (!ioctl(fd, TUNSETOFFLOAD, (unsigned long)tries[i])) {
			tap->offload_set = tries[i];
			break;
		}
	}
	/* UFO takes the place of USO in old kernels; where both are, USO is the better. */
	if ((tap->offload_set & TUN_F_TSO4) && !(tap->offload_set & TUN_F_USO4) &&
	    !ioctl(fd, TUNSETOFFLOAD, (unsigned long)(tap->offload_set | TUN_F_UFO)))
		tap->offload_set |= TUN_F_UFO;
	(void)ioctl(fd, TUNSETOFFLOAD, 0ul);
}

static uint64_t offered_offloads(unsigned tun)
{
	uint64_t bits = 0;

	if (tun & TUN_F_CSUM)
		bits |= net_bit(VIRTIO_NET_F_CSUM) | net_bit(VIRTIO_NET_F_GUEST_CSUM);
	if (tun & TUN_F_TSO4)
		bits |= net_bit(VIRTIO_NET_F_GUEST_TSO4) |
			net_bit(VIRTIO_NET_F_HOST_TSO4);
	if (tun & TUN_F_TSO6)
		bits |= net_bit(VIRTIO_NET_F_GUEST_TSO6) |
			net_bit(VIRTIO_NET_F_HOST_TSO6);
	if (tun & TUN_F_TSO_ECN)
		bits |= net_bit(VIRTIO_NET_F_GUEST_ECN) | net_bit(VIRTIO_NET_F_HOST_ECN);
	if (tun & TUN_F_UFO)
		bits |= net_bit(VIRTIO_NET_F_GUEST_UFO) | net_bit(VIRTIO_NET_F_HOST_UFO);
	if (tun & TUN_F_USO4)
		bits |= net_bit(VIRTIO_NET_F_GUEST_USO4) |
			net_bit(VIRTIO_NET_F_GUEST_USO6) | net_bit(VIRTIO_NET_F_HOST_USO);
	return bits;
}

static int set_up_queue(const struct tap *tap, int fd, struct err *err)
{
	const int header_size = NET_HEADER_SIZE;
	/*
	 * No limit to frames under way: with one, a neighbour that keeps some of ours
	 * (a stopped sniffer) would stop the guest's network.
	 */
	const int no_limit = INT32_MAX;

	if (ioctl(fd, TUNSETVNETHDRSZ, &header_size))
		return err_errno(err, "tap \"%s\": TUNSETVNETHDRSZ",
				 tap->backend.info.name);
	(void)ioctl(fd, TUNSETSNDBUF, &no_limit);
	return 0;
}

/* Up, and with the MTU that the user wants. Of the interface that we made. */
static int bring_up(const struct tap *tap, unsigned mtu, struct err *err)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result = 0;

	if (fd < 0)
		return err_errno(err, "tap: socket");
	memcpy(request.ifr_name, tap->backend.info.name, IFNAMSIZ);
	request.ifr_mtu = (int)mtu;
	if (mtu && ioctl(fd, SIOCSIFMTU, &request))
		result = err_errno(err, "tap \"%s\": mtu=%u", request.ifr_name, mtu);
	if (!result && ioctl(fd, SIOCGIFFLAGS, &request))
		result = err_errno(err, "tap \"%s\": SIOCGIFFLAGS", request.ifr_name);
	request.ifr_flags |= IFF_UP;
	if (!result && ioctl(fd, SIOCSIFFLAGS, &request))
		result = err_errno(err, "tap \"%s\": bringing it up", request.ifr_name);
	close(fd);
	return result;
}

static unsigned read_mtu(const struct tap *tap)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned mtu = 0;

	if (fd < 0)
		return 0;
	memcpy(request.ifr_name, tap->backend.info.name, IFNAMSIZ);
	if (!ioctl(fd, SIOCGIFMTU, &request) && request.ifr_mtu > 0)
		mtu = (unsigned)request.ifr_mtu;
	close(fd);
	return mtu;
}

/* All but struct tap itself. What was made is released by tap_close(). */
static int tap_init(struct tap *tap, const struct config_net *net, unsigned cpus,
		    struct err *err)
{
	if (net->fd >= 0 ? open_by_fd(tap, net, err) : open_by_name(tap, net, cpus, err))
		return -1;
	for (unsigned i = 0; i < tap->nr_queues; i++) {
		if (set_up_queue(tap, tap->queues[i].fd, err))
			return -1;
	}
	probe_offloads(tap);
	if (tap->ours && bring_up(tap, net->mtu, err))
		return -1;
	/* All queues were attached when they were opened; begin with one. */
	for (unsigned i = 1; i < tap->nr_queues; i++) {
		struct ifreq request = { .ifr_flags = IFF_DETACH_QUEUE };

		if (ioctl(tap->queues[i].fd, TUNSETQUEUE, &request))
			return err_errno(err, "tap \"%s\": TUNSETQUEUE",
					 tap->backend.info.name);
	}
	if (loop_add(tap->loop, &tap->queues[0].source, 0, err))
		return -1;
	tap->queues[0].attached = true;
	return 0;
}

struct net_backend *net_open_tap(const struct config_net *net, unsigned cpus,
				 struct loop *loop, struct err *err)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap) {
		err_errno(err, "tap");
		return NULL;
	}
	tap->backend.ops = &tap_ops;
	tap->loop = loop;
	for (unsigned i = 0; i < NET_MAX_QUEUES; i++)
		tap->backend.info.tap_fds[i] = -1;
	if (tap_init(tap, net, cpus, err)) {
		tap_close(&tap->backend);
		return NULL;
	}
	tap->backend.info.queues = tap->nr_queues;
	tap->backend.info.offloads = offered_offloads(tap->offload_set);
	tap->backend.info.can_vhost = true;
	tap->backend.info.mtu = net->mtu ? net->mtu : read_mtu(tap);
	return &tap->backend;
}
