/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loops for devices, so that what moves data does not share the main loop with the
 * console, signals and timers (see io_thread.c). All functions: main thread.
 */
#ifndef TANE_CORE_IO_THREAD_H
#define TANE_CORE_IO_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "core/loop.h"
#include "util/err.h"

struct io_thread {
	struct loop loop;
	struct loop *main_loop;   /* that serves it, NULL: it has a thread */
	struct loop_source inner; /* loop.epoll_fd, as the main loop sees it */
	struct loop_event stop;
	pthread_t thread;
	bool is_made, is_running;
};

/*
 * Make the loop. With `main_loop` there is no thread: the main loop turns this one
 * whenever something in it is ready. Devices are added next, then it is started.
 */
int io_thread_init(struct io_thread *thread, struct loop *main_loop, struct err *err);
/* Begin to serve. `number` is for the name of the thread, "io N". */
int io_thread_start(struct io_thread *thread, unsigned number, struct err *err);
/* Serve no more; returns when the thread is gone. Then devices may be freed. */
void io_thread_stop(struct io_thread *thread);
/* Nothing may be in the loop any more. Fine for one that was never made. */
void io_thread_destroy(struct io_thread *thread);

#endif
