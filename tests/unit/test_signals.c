/* SPDX-License-Identifier: BSD-2-Clause */
/* Which signals a process that runs machines hears of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "cmd/signals.h"

static struct loop loop;
static struct loop_source source;
static sigset_t old;

static void ready(void *opaque, uint32_t epoll_events)
{
	(void)opaque;
	(void)epoll_events;
}

/* One that is signalled to us, 0: none. */
static int next(void)
{
	struct signalfd_siginfo info;

	return read(source.fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo
								    : 0;
}

static void watch(void)
{
	static const int more[] = { SIGTSTP };
	struct err err;

	assert_int_equal(loop_init(&loop, &err), 0);
	assert_int_equal(signals_watch(&source, &loop, ready, NULL, more, 1, &old, &err),
			 0);
}

static void unwatch(void)
{
	loop_remove(&loop, &source);
	close(source.fd);
	loop_destroy(&loop);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
}

static void test_signals_are_read(void **state)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_DFL);
	watch();
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_int_equal(raise(numbers[i]), 0);
		assert_int_equal(next(), numbers[i]);
	}
	assert_int_equal(next(), 0);
	unwatch();
}

/* As under nohup(1), and in the background of a script. */
static void test_ignored_ones_are_not(void **state)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGTSTP };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_IGN);
	watch();
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_int_equal(raise(numbers[i]), 0);
	assert_int_equal(next(), 0);
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(next(), SIGTERM);
	unwatch();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals_are_read),
		cmocka_unit_test(test_ignored_ones_are_not),
	};

	return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
