/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A folder of the host as a 9P2000.L server shows it: messages in, replies out. It
 * knows no guest and no ring; names and numbers are those of Linux's
 * include/net/9p/9p.h.
 *
 * Any number of threads may be in p9_serve() at once, also about the same fid: what a
 * request uses stays there until it is done, though another one clunks it. The rest is for
 * one thread, while no request is running. A request may wait for the host's file
 * system, and for nothing else. A thread that serves needs 128 KiB of stack and has all
 * signals blocked (a write beyond RLIMIT_FSIZE raises SIGXFSZ).
 *
 * Which requests are in flight, and so Tflush, is the caller's business.
 */
#ifndef TANE_FS_P9_H
#define TANE_FS_P9_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/config.h"
#include "util/err.h"

#define P9_HEADER_SIZE 7u /* size[4] type[1] tag[2] */
/* The largest message that Tversion agrees to, and the smallest. */
#define P9_MAX_MSIZE ((1u << 20) + 4096)
#define P9_MIN_MSIZE 4096u

/* What a caller that keeps order must know of types; replies have the next number. */
#define P9_RLERROR  7u
#define P9_TVERSION 100u
#define P9_TFLUSH   108u

struct p9;

/* What the guest can make us hold. */
struct p9_limits {
	unsigned max_fids; /* up to 500 bytes of memory each */
	/* Files that the guest has open, and what we keep to find the others fast. */
	unsigned max_descriptors;
};

/*
 * Open the folder of `share`, which must live as long as the server does. NULL with a
 * message that names the folder on error. Close with p9_close().
 */
struct p9 *p9_open(const struct config_share *share, const struct p9_limits *limits,
		   struct err *err);
void p9_close(struct p9 *p9);

/* The driver is new: forget all fids, and wait for Tversion. */
void p9_reset(struct p9 *p9);

/* How many fids the guest has: of what it mounted, what it opened and what it knows. */
size_t p9_count_fids(struct p9 *p9);

/* How a message begins. */
struct p9_header {
	uint32_t size;
	uint8_t type;
	uint16_t tag;
};

/* Read it; false if there are not that many bytes. */
bool p9_header(const struct iovec *out, unsigned nr_out, struct p9_header *header);

/*
 * A message and the room for its reply, in the words of virtio: `out` is what the guest
 * sent, `in` is for us to write. The memory is the guest's and may change under us; data
 * of files goes between it and the host's kernel with no copy.
 */
struct p9_request {
	const struct iovec *out, *in;
	unsigned nr_out, nr_in;
};

/*
 * Carry it out and reply. Returns the size of the reply; 0 if there can be none, as the
 * message is no header long, or `in` has no room for an error.
 */
uint32_t p9_serve(struct p9 *p9, const struct p9_request *request);

#endif
