/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that wait for a card: a ring of records in one piece of memory, each a length
 * and then the bytes, at multiples of 4. It takes BACKLOG_SIZE bytes and no more, and
 * uses few of its pages as long as it is emptied often.
 */
#ifndef TANE_NET_BACKLOG_H
#define TANE_NET_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/bytes.h"

#define BACKLOG_SIZE (4u << 20)

struct backlog {
	uint8_t *data;     /* owned */
	size_t head, tail; /* the oldest record, and where the next one goes */
	size_t used;       /* bytes between them; 0: it is empty */
	bool wrapped;      /* tail is below head */
};

/* -1: no memory. */
int backlog_init(struct backlog *log);
void backlog_destroy(struct backlog *log);

/* Append a frame; false, and nothing done, when there is no room. */
bool backlog_put(struct backlog *log, struct bytes frame);
/* The oldest frame, and its end. There must be one. */
struct bytes backlog_first(struct backlog *log);
void backlog_drop_first(struct backlog *log);

#endif
