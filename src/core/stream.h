/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream: a descriptor of the host and one direction, for a device that can wait. Bytes
 * go between the descriptor and the device's own buffers (guest memory) with no copy, ring
 * or delay in between. See stream.c. All on the loop's thread.
 */
#ifndef TANE_CORE_STREAM_H
#define TANE_CORE_STREAM_H

#include <stdbool.h>
#include <sys/uio.h>

#include "core/loop.h"
#include "util/err.h"

enum stream_direction {
	STREAM_IN,
	STREAM_OUT,
};

/* How a descriptor is kept from blocking us. */
enum stream_kind {
	STREAM_PLAIN,    /* it never does, or not for long: O_NONBLOCK, regular files */
	STREAM_SOCKET,   /* MSG_DONTWAIT */
	STREAM_BLOCKING, /* somebody else's pipe: poll(2) first */
};

struct stream {
	struct loop *loop;
	enum stream_direction direction;
	enum stream_kind kind;
	struct loop_source source; /* fd -1: none */
	bool added;                /* to the loop */
	struct loop_event turn;    /* for what epoll does not watch */
	/* Moving goes on: after stream_move() gave 0. */
	void (*ready)(void *opaque);
	void *opaque;
	bool ended;  /* the end of the input, or nobody reads the output */
	int failure; /* an error that is no such end; 0: none */
};

/*
 * `fd` stays the caller's: the stream works on a copy. After an error too,
 * stream_destroy() cleans up.
 */
int stream_init(struct stream *stream, struct loop *loop, int fd,
		enum stream_direction direction, void (*ready)(void *opaque),
		void *opaque, struct err *err);
void stream_destroy(struct stream *stream);

/*
 * Read into, or write from, `nr` segments. How many bytes it were; 0: none now, ready()
 * will be called; -1: none any more.
 */
ssize_t stream_move(struct stream *stream, const struct iovec *iov, unsigned nr);

#endif
