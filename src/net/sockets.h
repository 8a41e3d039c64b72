/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets of libslirp in an epoll instance, see sockets.c. Private to the user
 * network; all on its loop's thread.
 */
#ifndef TANE_NET_SOCKETS_H
#define TANE_NET_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "util/err.h"

enum flow {
	FLOW_NONE,
	FLOW_TCP,
	FLOW_UDP,
	FLOW_ICMP,
	FLOWS,
};

struct watch;

#define SOCKETS_BATCH 64 /* served in a turn */

struct sockets {
	int poll_fd;           /* readable when one of them is ready */
	struct watch *watches; /* by descriptor */
	unsigned nr_watches;
	unsigned count[FLOWS]; /* how many there are */
	unsigned nr_made;      /* ever */
	int64_t listen_again;  /* LOOP_NEVER, or until then nobody is accepted */

	/* Of the turn under way. */
	struct epoll_event ready[SOCKETS_BATCH];
	int nr_ready;
	unsigned nr_before; /* nr_made when it began */
};

/* -1 with a message. Only poll_fd is needed before, as -1, to destroy what was never made. */
int sockets_init(struct sockets *sockets, struct err *err);
void sockets_destroy(struct sockets *sockets);

/* libslirp has made a socket (which we may know), or is about to close one. */
void sockets_note(struct sockets *sockets, int fd);
void sockets_forget(struct sockets *sockets, int fd);
/* Those that listen now are forwarded ports; there will be no others. */
void sockets_find_listeners(struct sockets *sockets);

/*
 * What libslirp waits for (SLIRP_POLL_*): begin, say it of each socket, and have it
 * watched. sockets_want() returns -1 for want of memory, else the descriptor. Then
 * listen_again says when to do this anew at the latest.
 */
void sockets_want_nothing(struct sockets *sockets);
int sockets_want(struct sockets *sockets, int fd, int slirp_events);
void sockets_watch(struct sockets *sockets);

/*
 * One turn: find out which are ready, have libslirp ask of each what happened
 * (SLIRP_POLL_*), and forget that. -1: nothing could be found out.
 */
int sockets_begin_turn(struct sockets *sockets);
int sockets_happened(const struct sockets *sockets, int fd);
void sockets_end_turn(struct sockets *sockets);

#endif
