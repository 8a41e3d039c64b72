/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads for jobs that wait: all jobs come back, and none runs after its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "core/pool.h"

#define NR_JOBS 1000

struct work {
	struct pool_job job;
	unsigned performed, reaped;
	unsigned order; /* the how-manieth it was to begin */
};

static struct loop loop;
static struct pool *pool;
static struct work works[NR_JOBS];
static unsigned begun, reaped, expected, order[NR_JOBS];
/* Held: jobs that have begun wait for it. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void perform(void *opaque, struct pool_job *job)
{
	struct work *work = (struct work *)job;

	assert_ptr_equal(opaque, works);
	work->order = __atomic_fetch_add(&begun, 1, __ATOMIC_ACQ_REL);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	work->performed++;
}

static void finished(void *opaque)
{
	struct pool_job *job = pool_reap(pool), *next;

	assert_ptr_equal(opaque, works);
	for (; job; job = next) {
		struct work *work = (struct work *)job;

		next = job->next;
		assert_int_equal(work->performed, 1);
		work->reaped++;
		order[reaped++] = (unsigned)(work - works);
	}
	if (reaped == expected)
		loop_quit(&loop);
}

static int setup(void **state)
{
	const struct pool_setup pool_setup = {
		.loop = &loop,
		.perform = perform,
		.finished = finished,
		.opaque = works,
	};
	struct err err;

	(void)state;
	begun = reaped = 0;
	for (unsigned i = 0; i < NR_JOBS; i++)
		works[i] = (struct work){ 0 };
	if (loop_init(&loop, &err))
		return -1;
	pool = pool_open(&pool_setup, &err);
	return pool ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pool_close(pool);
	loop_destroy(&loop);
	return 0;
}

static void run_until(unsigned jobs)
{
	struct err err;

	expected = jobs;
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_int_equal(reaped, jobs);
}

static void wait_for_begun(unsigned jobs)
{
	while (__atomic_load_n(&begun, __ATOMIC_ACQUIRE) < jobs)
		sched_yield();
}

static void test_every_job_comes_back_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NR_JOBS; i++)
		pool_submit(pool, &works[i].job);
	run_until(NR_JOBS);
	for (unsigned i = 0; i < NR_JOBS; i++)
		assert_int_equal(works[i].reaped, 1);
}

static void test_one_after_another(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		pool_submit(pool, &works[i].job);
		run_until(i + 1);
		assert_int_equal(order[i], i);
		assert_int_equal(works[i].order, i);
	}
}

/* Jobs that wait for each other's end need threads of their own. */
static void test_as_many_threads_as_jobs(void **state)
{
	(void)state;
	pthread_mutex_lock(&gate);
	for (unsigned i = 0; i < POOL_MAX_THREADS; i++)
		pool_submit(pool, &works[i].job);
	wait_for_begun(POOL_MAX_THREADS);
	pool_submit(pool, &works[POOL_MAX_THREADS].job);
	assert_null(pool_reap(pool));
	pthread_mutex_unlock(&gate);
	run_until(POOL_MAX_THREADS + 1);
}

static void test_withdraw(void **state)
{
	const unsigned busy = POOL_MAX_THREADS, last = busy + 4;

	(void)state;
	pthread_mutex_lock(&gate);
	for (unsigned i = 0; i < busy; i++)
		pool_submit(pool, &works[i].job);
	wait_for_begun(busy);
	for (unsigned i = busy; i <= last; i++)
		pool_submit(pool, &works[i].job);
	assert_false(pool_withdraw(pool, &works[0].job)); /* has begun */
	assert_true(pool_withdraw(pool, &works[busy].job));
	assert_false(pool_withdraw(pool, &works[busy].job)); /* is not there any more */
	assert_true(pool_withdraw(pool, &works[last].job));
	assert_true(pool_withdraw(pool, &works[busy + 2].job));
	/* What is behind the one that was the last is not lost. */
	pool_submit(pool, &works[last].job);
	pthread_mutex_unlock(&gate);
	run_until(last + 1 - 2);
	assert_int_equal(works[busy].performed + works[busy + 2].performed, 0);
	assert_int_equal(works[last].reaped, 1);
	assert_false(pool_withdraw(pool, &works[last].job)); /* is done */
}

static void test_close_waits_and_drops(void **state)
{
	unsigned performed = 0;

	(void)state;
	for (unsigned i = 0; i < NR_JOBS; i++)
		pool_submit(pool, &works[i].job);
	pool_close(pool);
	pool = NULL;
	for (unsigned i = 0; i < NR_JOBS; i++)
		performed += works[i].performed;
	assert_int_equal(performed, begun);
	assert_int_equal(reaped, 0);
}

static void test_no_descriptors(void **state)
{
	const struct pool_setup pool_setup = { .loop = &loop, .finished = finished };
	struct rlimit old, none;
	struct err err;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_null(pool_open(&pool_setup, &err));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(err.text[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_job_comes_back_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_one_after_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_as_many_threads_as_jobs, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_withdraw, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_waits_and_drops, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_no_descriptors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
