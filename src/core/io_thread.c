/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loops for devices.
 *
 * A device belongs to one loop for life. That loop either has a thread of its own, or it
 * is nested in the main loop: an epoll instance is a descriptor too, readable when
 * one of its own is. Nested, not shared, because a reset of the machine, which runs
 * on the main loop, waits until the devices have stopped: it turns their loop
 * meanwhile, and must not be handed signals and keys in the middle.
 */
#include <stdio.h>

#include "core/io_thread.h"

static void on_stop(void *opaque)
{
	struct io_thread *thread = opaque;

	loop_quit(&thread->loop);
}

static void on_inner(void *opaque, uint32_t epoll_events)
{
	struct io_thread *thread = opaque;
	struct err err;

	(void)epoll_events;
	/* epoll_wait of a good descriptor fails for no reason that could be mended. */
	(void)loop_turn(&thread->loop, 0, &err);
}

static void *run(void *opaque)
{
	struct io_thread *thread = opaque;
	struct err err;

	if (loop_run(&thread->loop, &err))
		fprintf(stderr, "tane: warning: devices have stopped: %s\n", err.text);
	return NULL;
}

int io_thread_init(struct io_thread *thread, struct loop *main_loop, struct err *err)
{
	*thread = (struct io_thread){ .main_loop = main_loop };
	thread->stop.source.fd = -1;
	if (loop_init(&thread->loop, err))
		return -1;
	thread->is_made = true;
	thread->loop.threaded = !main_loop;
	thread->inner = (struct loop_source){
		.fd = thread->loop.epoll_fd,
		.ready = on_inner,
		.opaque = thread,
	};
	return loop_event_init(&thread->stop, &thread->loop, on_stop, thread, err);
}

int io_thread_start(struct io_thread *thread, unsigned number, struct err *err)
{
	char name[16];

	if (thread->main_loop) {
		if (loop_add(thread->main_loop, &thread->inner, EPOLLIN, err))
			return -1;
	} else {
		if (pthread_create(&thread->thread, NULL, run, thread))
			return err_set(err, "cannot make a thread for devices "
					    "(--io-threads)");
		snprintf(name, sizeof(name), "io %u", number);
		pthread_setname_np(thread->thread, name);
	}
	thread->is_running = true;
	return 0;
}

void io_thread_stop(struct io_thread *thread)
{
	if (!thread->is_running)
		return;
	thread->is_running = false;
	if (thread->main_loop) {
		loop_remove(thread->main_loop, &thread->inner);
		return;
	}
	loop_event_signal(&thread->stop);
	pthread_join(thread->thread, NULL);
	/* From now on the main thread may turn it. */
	thread->loop.threaded = false;
	thread->loop.quit = false;
}

void io_thread_destroy(struct io_thread *thread)
{
	io_thread_stop(thread);
	if (!thread->is_made)
		return;
	loop_event_destroy(&thread->stop, &thread->loop);
	loop_destroy(&thread->loop);
	thread->is_made = false;
}
