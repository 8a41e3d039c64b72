/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals by a signalfd; see signals.h. */
#include <pthread.h>
#include <sys/signalfd.h>

#include "cmd/signals.h"

/* nohup(1), and a shell that has us in the background, want a signal to reach nobody. */
static void add(sigset_t *set, int number)
{
	struct sigaction action;

	if (!sigaction(number, NULL, &action) && action.sa_handler != SIG_IGN)
		sigaddset(set, number);
}

int signals_watch(struct loop_source *source, struct loop *loop,
		  void (*ready)(void *opaque, uint32_t epoll_events), void *opaque,
		  const int *more, size_t nr, sigset_t *old, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	add(&set, SIGINT);
	add(&set, SIGTERM);
	add(&set, SIGHUP);
	add(&set, SIGQUIT);
	for (size_t i = 0; i < nr; i++)
		add(&set, more[i]);
	if (pthread_sigmask(SIG_BLOCK, &set, old))
		return err_errno(err, "signals");
	*source = (struct loop_source){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = ready,
		.opaque = opaque,
	};
	if (source->fd < 0)
		return err_errno(err, "signalfd");
	return loop_add(loop, source, EPOLLIN, err);
}

void signals_stop(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	/* It is blocked: it acts when it is let in. */
	pthread_kill(pthread_self(), SIGTSTP);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int signals_leave_output_alone(struct err *err)
{
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return err_errno(err, "signals");
	return 0;
}
