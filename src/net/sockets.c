/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets of libslirp.
 *
 * libslirp is made for poll(2): before each wait it tells of every socket what it waits
 * for, and after it asks of every socket what happened. Here they live in an epoll
 * instance, and what libslirp wants is compared with what is registered, so that a busy
 * connection costs no system call but its own.
 *
 * A socket is known by its descriptor, and counted by its kind, since libslirp puts no
 * bound to how many a guest may have. Forwarded TCP ports are set apart: if a
 * connection cannot be accepted for want of descriptors, it would make its port ready for
 * ever. Then nobody is accepted for a moment.
 */
#include <errno.h>
#include <netinet/in.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/loop.h"
#include "net/sockets.h"

#define LISTEN_PAUSE_NS 100000000

struct watch {
	enum flow flow;      /* FLOW_NONE: not one of its descriptors */
	bool listens;        /* a forwarded TCP port */
	uint32_t registered; /* epoll events; 0: not in the epoll instance */
	uint32_t wanted;     /* of this round of sockets_want() */
	uint32_t ready;      /* in this turn */
};

static const struct {
	int slirp;
	uint32_t epoll;
} event_names[] = {
	{ SLIRP_POLL_IN, EPOLLIN },   { SLIRP_POLL_OUT, EPOLLOUT },
	{ SLIRP_POLL_PRI, EPOLLPRI }, { SLIRP_POLL_ERR, EPOLLERR },
	{ SLIRP_POLL_HUP, EPOLLHUP },
};

static uint32_t to_epoll(int slirp_events)
{
	uint32_t events = 0;

	for (unsigned i = 0; i < sizeof(event_names) / sizeof(event_names[0]); i++) {
		if (slirp_events & event_names[i].slirp)
			events |= event_names[i].epoll;
	}
	return events;
}

static int to_slirp(uint32_t epoll_events)
{
	int events = 0;

	for (unsigned i = 0; i < sizeof(event_names) / sizeof(event_names[0]); i++) {
		if (epoll_events & event_names[i].epoll)
			events |= event_names[i].slirp;
	}
	return events;
}

int sockets_init(struct sockets *sockets, struct err *err)
{
	*sockets = (struct sockets){ .poll_fd = epoll_create1(EPOLL_CLOEXEC),
				     .listen_again = LOOP_NEVER };
	if (sockets->poll_fd < 0)
		return err_errno(err, "epoll_create1");
	return 0;
}

void sockets_destroy(struct sockets *sockets)
{
	if (sockets->poll_fd >= 0)
		close(sockets->poll_fd);
	sockets->poll_fd = -1;
	free(sockets->watches);
	sockets->watches = NULL;
}

/* The kind of a socket that libslirp has made. */
static enum flow socket_flow(int fd)
{
	int protocol;
	socklen_t size = sizeof(protocol);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size))
		return FLOW_UDP;
	switch (protocol) {
	case IPPROTO_TCP:
		return FLOW_TCP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return FLOW_ICMP;
	default:
		return FLOW_UDP;
	}
}

static bool watches_grow(struct sockets *sockets, unsigned fd)
{
	const unsigned count = (fd | 63) + 1;
	struct watch *watches;

	if (fd < sockets->nr_watches)
		return true;
	watches = realloc(sockets->watches, count * sizeof(*watches));
	if (!watches)
		return false;
	memset(watches + sockets->nr_watches, 0,
	       (count - sockets->nr_watches) * sizeof(*watches));
	sockets->watches = watches;
	sockets->nr_watches = count;
	return true;
}

/* The entry of a socket, which may be new to us. NULL: no memory. */
static struct watch *watch_of(struct sockets *sockets, int fd)
{
	struct watch *watch;

	if (fd < 0 || !watches_grow(sockets, (unsigned)fd))
		return NULL;
	watch = &sockets->watches[fd];
	if (watch->flow == FLOW_NONE) {
		watch->flow = socket_flow(fd);
		sockets->count[watch->flow]++;
		sockets->nr_made++;
	}
	return watch;
}

void sockets_note(struct sockets *sockets, int fd)
{
	(void)watch_of(sockets, fd);
}

/* That it is closed takes it out of the epoll instance. */
void sockets_forget(struct sockets *sockets, int fd)
{
	if (fd < 0 || (unsigned)fd >= sockets->nr_watches)
		return;
	if (sockets->watches[fd].flow != FLOW_NONE)
		sockets->count[sockets->watches[fd].flow]--;
	sockets->watches[fd] = (struct watch){ 0 };
}

void sockets_find_listeners(struct sockets *sockets)
{
	for (unsigned fd = 0; fd < sockets->nr_watches; fd++) {
		struct watch *watch = &sockets->watches[fd];
		int listens = 0;
		socklen_t size = sizeof(listens);

		if (watch->flow == FLOW_TCP &&
		    getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0)
			watch->listens = listens;
	}
}

void sockets_want_nothing(struct sockets *sockets)
{
	for (unsigned fd = 0; fd < sockets->nr_watches; fd++)
		sockets->watches[fd].wanted = 0;
}

int sockets_want(struct sockets *sockets, int fd, int slirp_events)
{
	struct watch *watch = watch_of(sockets, fd);

	if (!watch)
		return -1;
	watch->wanted = to_epoll(slirp_events);
	return fd;
}

static void sync_watch(const struct sockets *sockets, int fd, struct watch *watch)
{
	struct epoll_event event = { .events = watch->wanted, .data.fd = fd };
	int op = EPOLL_CTL_MOD;

	if (!watch->wanted) /* no events would still bring EPOLLHUP, for ever */
		op = EPOLL_CTL_DEL;
	else if (!watch->registered)
		op = EPOLL_CTL_ADD;
	if (epoll_ctl(sockets->poll_fd, op, fd, &event) && op == EPOLL_CTL_ADD)
		return; /* no kernel memory: the next round tries again */
	watch->registered = watch->wanted;
}

void sockets_watch(struct sockets *sockets)
{
	if (sockets->listen_again != LOOP_NEVER && loop_now() >= sockets->listen_again)
		sockets->listen_again = LOOP_NEVER;
	for (unsigned fd = 0; fd < sockets->nr_watches; fd++) {
		struct watch *watch = &sockets->watches[fd];

		if (watch->listens && sockets->listen_again != LOOP_NEVER)
			watch->wanted = 0;
		if (watch->wanted != watch->registered)
			sync_watch(sockets, (int)fd, watch);
	}
}

int sockets_begin_turn(struct sockets *sockets)
{
	int n = epoll_wait(sockets->poll_fd, sockets->ready, SOCKETS_BATCH, 0);

	sockets->nr_before = sockets->nr_made;
	sockets->nr_ready = n > 0 ? n : 0;
	for (int i = 0; i < sockets->nr_ready; i++) {
		const struct epoll_event *event = &sockets->ready[i];

		sockets->watches[event->data.fd].ready = event->events;
	}
	return n < 0 ? -1 : 0;
}

int sockets_happened(const struct sockets *sockets, int fd)
{
	if (fd < 0 || (unsigned)fd >= sockets->nr_watches)
		return 0;
	return to_slirp(sockets->watches[fd].ready);
}

void sockets_end_turn(struct sockets *sockets)
{
	bool called = false;

	for (int i = 0; i < sockets->nr_ready; i++) {
		struct watch *watch = &sockets->watches[sockets->ready[i].data.fd];

		called |= watch->listens;
		watch->ready = 0;
	}
	sockets->nr_ready = 0;
	/* Somebody is at a forwarded port, and libslirp has got no socket of him. */
	if (called && sockets->nr_made == sockets->nr_before)
		sockets->listen_again = loop_now() + LISTEN_PAUSE_NS;
}
