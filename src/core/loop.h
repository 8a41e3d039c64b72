/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop: one thread, epoll, and callbacks (see loop.c).
 *
 * Sources, timers and events are embedded in their owners, which must remove
 * them before they go away. An event or timer with descriptor -1 was never made,
 * and destroying it does nothing. Unless stated otherwise a function belongs to the
 * loop's own thread, or to the time before loop_run().
 */
#ifndef TANE_CORE_LOOP_H
#define TANE_CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "util/err.h"

#define LOOP_BATCH 16

struct loop {
	int epoll_fd;
	bool quit;
	bool threaded; /* a thread of its own runs it (core/io_thread.h) */
	struct epoll_event batch[LOOP_BATCH]; /* being delivered; see loop_remove() */
	int nr_batch, next;                   /* next: the first that was not delivered */
};

/* A file descriptor and what to call when it is ready. It owns no descriptor. */
struct loop_source {
	int fd;
	void (*ready)(void *opaque, uint32_t epoll_events);
	void *opaque;
};

int loop_init(struct loop *loop, struct err *err);
void loop_destroy(struct loop *loop);

/* Deliver until loop_quit() is called by a callback. */
int loop_run(struct loop *loop, struct err *err);
void loop_quit(struct loop *loop);

/*
 * Wait at most `timeout_ms` (-1: for ever) and deliver what is ready. For a loop that
 * is inside another, and for its thread while it waits for one thing.
 */
int loop_turn(struct loop *loop, int timeout_ms, struct err *err);

/*
 * Watch source->fd for `epoll_events` (EPOLLIN, EPOLLOUT, or 0 for errors only).
 * EPERM means that the file is always ready and cannot be watched (a regular
 * file): then -1 with errno EPERM.
 */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t epoll_events,
	     struct err *err);
void loop_modify(struct loop *loop, struct loop_source *source, uint32_t epoll_events);

/* After this no callback of the source runs any more. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* A doorbell: signal it from any thread, and the loop calls `fn` once or more. */
struct loop_event {
	struct loop_source source;
	void (*fn)(void *opaque);
	void *opaque;
};

int loop_event_init(struct loop_event *event, struct loop *loop, void (*fn)(void *opaque),
		    void *opaque, struct err *err);
/* After loop_remove(loop, &event->source); it may call `fn` once for signals of old. */
int loop_event_watch(struct loop_event *event, struct loop *loop, struct err *err);
void loop_event_signal(const struct loop_event *event); /* any thread */
void loop_event_destroy(struct loop_event *event, struct loop *loop);

/* A timer that calls `fn` once when its deadline has passed. */
struct loop_timer {
	struct loop_source source;
	void (*fn)(void *opaque);
	void *opaque;
};

#define LOOP_NEVER INT64_MAX

int loop_timer_init(struct loop_timer *timer, struct loop *loop, void (*fn)(void *opaque),
		    void *opaque, struct err *err);
/* Set the deadline in ns of CLOCK_MONOTONIC; LOOP_NEVER disarms. Any thread. */
void loop_timer_arm(const struct loop_timer *timer, int64_t deadline_ns);
void loop_timer_destroy(struct loop_timer *timer, struct loop *loop);

/* CLOCK_MONOTONIC in nanoseconds. Any thread. */
int64_t loop_now(void);

#endif
