/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop.
 *
 * One epoll instance; its user data is a pointer to the loop_source. Timers are
 * timerfds and doorbells are eventfds, so that everything is a descriptor and
 * other threads can set them without touching the loop. A doorbell is watched for edges:
 * whoever rings it makes one, so nothing has to be read.
 *
 * epoll hands out events in batches. A callback may remove any source, also one
 * whose event waits in the current batch; loop_remove() takes it out there, so
 * that nothing that was removed is ever called.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/loop.h"

int loop_init(struct loop *loop, struct err *err)
{
	*loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	if (loop->epoll_fd < 0)
		return err_errno(err, "epoll_create1");
	return 0;
}

void loop_destroy(struct loop *loop)
{
	close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

static void deliver(struct loop *loop)
{
	while (loop->next < loop->nr_batch && !loop->quit) {
		const struct epoll_event *event = &loop->batch[loop->next++];
		struct loop_source *source = event->data.ptr;

		if (source)
			source->ready(source->opaque, event->events);
	}
}

int loop_turn(struct loop *loop, int timeout_ms, struct err *err)
{
	/* What a quit left over comes first: an edge would not be told again. */
	if (loop->next == loop->nr_batch) {
		int n = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, timeout_ms);

		if (n < 0 && errno != EINTR)
			return err_errno(err, "epoll_wait");
		loop->nr_batch = n < 0 ? 0 : n;
		loop->next = 0;
	}
	deliver(loop);
	return 0;
}

int loop_run(struct loop *loop, struct err *err)
{
	loop->quit = false;
	while (!loop->quit) {
		if (loop_turn(loop, -1, err))
			return -1;
	}
	return 0;
}

void loop_quit(struct loop *loop)
{
	loop->quit = true;
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t epoll_events,
	     struct err *err)
{
	struct epoll_event event = { .events = epoll_events, .data.ptr = source };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event)) {
		int saved = errno;

		err_errno(err, "epoll_ctl");
		errno = saved;
		return -1;
	}
	return 0;
}

void loop_modify(struct loop *loop, struct loop_source *source, uint32_t epoll_events)
{
	struct epoll_event event = { .events = epoll_events, .data.ptr = source };

	/* It was added before, so this can only fail for want of kernel memory. */
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	for (int i = loop->next; i < loop->nr_batch; i++) {
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
	}
}

static void event_ready(void *opaque, uint32_t epoll_events)
{
	const struct loop_event *event = opaque;

	(void)epoll_events;
	event->fn(event->opaque);
}

int loop_event_watch(struct loop_event *event, struct loop *loop, struct err *err)
{
	/* Each signal is an edge. So the count is of no interest, and nobody reads it. */
	return loop_add(loop, &event->source, EPOLLIN | EPOLLET, err);
}

int loop_event_init(struct loop_event *event, struct loop *loop, void (*fn)(void *opaque),
		    void *opaque, struct err *err)
{
	*event = (struct loop_event){
		.source = { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			    .ready = event_ready,
			    .opaque = event },
		.fn = fn,
		.opaque = opaque,
	};
	if (event->source.fd < 0)
		return err_errno(err, "eventfd");
	return loop_event_watch(event, loop, err);
}

void loop_event_signal(const struct loop_event *event)
{
	uint64_t one = 1;
	ssize_t n = write(event->source.fd, &one, sizeof(one));

	/* It cannot fail before there were 2^64 signals. */
	(void)n;
}

void loop_event_destroy(struct loop_event *event, struct loop *loop)
{
	if (event->source.fd < 0)
		return;
	loop_remove(loop, &event->source);
	close(event->source.fd);
}

/* Empty a timerfd. */
static bool take_count(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

static void timer_ready(void *opaque, uint32_t epoll_events)
{
	struct loop_timer *timer = opaque;

	(void)epoll_events;
	/* A timer that was armed anew meanwhile has nothing to read. */
	if (take_count(timer->source.fd))
		timer->fn(timer->opaque);
}

int loop_timer_init(struct loop_timer *timer, struct loop *loop, void (*fn)(void *opaque),
		    void *opaque, struct err *err)
{
	*timer = (struct loop_timer){
		.source = { .fd = timerfd_create(CLOCK_MONOTONIC,
						 TFD_CLOEXEC | TFD_NONBLOCK),
			    .ready = timer_ready,
			    .opaque = timer },
		.fn = fn,
		.opaque = opaque,
	};
	if (timer->source.fd < 0)
		return err_errno(err, "timerfd_create");
	return loop_add(loop, &timer->source, EPOLLIN, err);
}

void loop_timer_arm(const struct loop_timer *timer, int64_t deadline_ns)
{
	struct itimerspec spec = { 0 };

	if (deadline_ns != LOOP_NEVER) {
		/* Zero would disarm: a deadline that is long past fires at once. */
		int64_t at = deadline_ns > 0 ? deadline_ns : 1;

		spec.it_value.tv_sec = at / 1000000000;
		spec.it_value.tv_nsec = at % 1000000000;
	}
	(void)timerfd_settime(timer->source.fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void loop_timer_destroy(struct loop_timer *timer, struct loop *loop)
{
	if (timer->source.fd < 0)
		return;
	loop_remove(loop, &timer->source);
	close(timer->source.fd);
}

int64_t loop_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
