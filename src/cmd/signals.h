/* SPDX-License-Identifier: BSD-2-Clause */
/* The signals of a process that runs machines, read by its loop. */
#ifndef TANE_CMD_SIGNALS_H
#define TANE_CMD_SIGNALS_H

#include <signal.h>
#include <stddef.h>

#include "core/loop.h"
#include "util/err.h"

/*
 * Block SIGINT, SIGTERM, SIGHUP, SIGQUIT and the `nr` of `more` in this thread and in those
 * that it makes, and call ready(opaque) when one can be read from source->fd, a signalfd of
 * the caller's. Those that are ignored stay so. *old is the mask of before; NULL: no matter.
 */
int signals_watch(struct loop_source *source, struct loop *loop,
		  void (*ready)(void *opaque, uint32_t epoll_events), void *opaque,
		  const int *more, size_t nr, sigset_t *old, struct err *err);

/*
 * Stop, as SIGTSTP does by default, which an orphaned process group is spared; until
 * SIGCONT. For those that watch SIGTSTP.
 */
void signals_stop(void);

/* Ignore SIGPIPE and SIGXFSZ: a console sees EPIPE and EFBIG itself. */
int signals_leave_output_alone(struct err *err);

#endif
