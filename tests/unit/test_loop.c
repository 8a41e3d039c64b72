/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop: sources, timers, doorbells, and removal in the middle of a batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <pthread.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/loop.h"

static struct loop loop;
static int calls;

static int setup(void **state)
{
	struct err err;

	(void)state;
	calls = 0;
	return loop_init(&loop, &err);
}

static int teardown(void **state)
{
	(void)state;
	loop_destroy(&loop);
	return 0;
}

static void count_and_quit(void *opaque)
{
	(void)opaque;
	calls++;
	loop_quit(&loop);
}

static void quit_only(void *opaque)
{
	(void)opaque;
	loop_quit(&loop);
}

static void test_timer(void **state)
{
	struct loop_timer timer;
	struct err err;
	const int64_t before = loop_now();

	(void)state;
	assert_int_equal(loop_timer_init(&timer, &loop, count_and_quit, NULL, &err), 0);
	loop_timer_arm(&timer, before + 20000000);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_int_equal(calls, 1);
	assert_true(loop_now() - before >= 20000000);
	/* Long past, even negative: at once. */
	loop_timer_arm(&timer, -5);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_int_equal(calls, 2);
	loop_timer_destroy(&timer, &loop);
}

static void test_disarmed_timer_stays_quiet(void **state)
{
	struct loop_timer never, soon;
	struct err err;

	(void)state;
	assert_int_equal(loop_timer_init(&never, &loop, count_and_quit, NULL, &err), 0);
	assert_int_equal(loop_timer_init(&soon, &loop, count_and_quit, NULL, &err), 0);
	loop_timer_arm(&never, loop_now() + 1000000);
	loop_timer_arm(&never, LOOP_NEVER);
	loop_timer_arm(&soon, loop_now() + 30000000);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_int_equal(calls, 1);
	loop_timer_destroy(&never, &loop);
	loop_timer_destroy(&soon, &loop);
}

static void *ring(void *opaque)
{
	loop_event_signal(opaque);
	return NULL;
}

static void test_event_from_another_thread(void **state)
{
	struct loop_event event;
	pthread_t thread;
	struct err err;

	(void)state;
	assert_int_equal(loop_event_init(&event, &loop, count_and_quit, NULL, &err), 0);
	pthread_create(&thread, NULL, ring, &event);
	assert_int_equal(loop_run(&loop, &err), 0);
	pthread_join(thread, NULL);
	assert_int_equal(calls, 1);
	loop_event_destroy(&event, &loop);
}

/* Two signals in one batch, and the first quits: the other is not forgotten. */
static void test_quit_loses_no_signal(void **state)
{
	struct loop_event events[2];
	struct loop_timer deadline;
	struct err err;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			loop_event_init(&events[i], &loop, count_and_quit, NULL, &err),
			0);
	assert_int_equal(loop_timer_init(&deadline, &loop, quit_only, NULL, &err), 0);
	loop_timer_arm(&deadline, loop_now() + 10000000000);
	for (int i = 0; i < 2; i++)
		loop_event_signal(&events[i]);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_int_equal(calls, 2);
	/* Each later signal is one more, also from the callback's own thread. */
	for (int i = 3; i < 10; i++) {
		loop_event_signal(&events[i % 2]);
		assert_int_equal(loop_run(&loop, &err), 0);
		assert_int_equal(calls, i);
	}
	/* And without a signal there is no call. */
	loop_timer_arm(&deadline, loop_now() + 20000000);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_int_equal(calls, 9);
	for (int i = 0; i < 2; i++)
		loop_event_destroy(&events[i], &loop);
	loop_timer_destroy(&deadline, &loop);
}

/* Two sources are ready in the same batch; the first one called removes the other. */
struct pair {
	struct loop_source mine, *other;
	struct loop_event *done;
};

static void remove_other(void *opaque, uint32_t epoll_events)
{
	struct pair *pair = opaque;
	char byte;

	(void)epoll_events;
	calls++;
	assert_int_equal(read(pair->mine.fd, &byte, 1), 1);
	loop_remove(&loop, pair->other);
	loop_event_signal(pair->done);
}

static void test_removed_source_is_not_called(void **state)
{
	struct pair pairs[2];
	struct loop_event done;
	int fds[2][2];
	struct err err;

	(void)state;
	assert_int_equal(loop_event_init(&done, &loop, count_and_quit, NULL, &err), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(fds[i]), 0);
		pairs[i] = (struct pair){
			.mine = { .fd = fds[i][0],
				  .ready = remove_other,
				  .opaque = &pairs[i] },
			.other = &pairs[1 - i].mine,
			.done = &done,
		};
		assert_int_equal(loop_add(&loop, &pairs[i].mine, EPOLLIN, &err), 0);
		assert_int_equal(write(fds[i][1], "x", 1), 1);
	}
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_int_equal(calls, 2); /* one of the pair, and `done` */
	loop_event_destroy(&done, &loop);
	for (int i = 0; i < 2; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
}

static void test_regular_file_is_refused_with_eperm(void **state)
{
	FILE *file = tmpfile();
	struct loop_source source = { .fd = fileno(file) };
	struct err err;

	(void)state;
	errno = 0;
	assert_int_equal(loop_add(&loop, &source, EPOLLIN, &err), -1);
	assert_int_equal(errno, EPERM);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disarmed_timer_stays_quiet, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_event_from_another_thread, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_quit_loses_no_signal, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_removed_source_is_not_called, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_regular_file_is_refused_with_eperm,
						setup, teardown),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
