/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that do jobs which wait, so that a loop need not.
 *
 * The owner's loop puts jobs into `todo`, threads take them from there and put them into
 * `done`; both lists are as long as there are jobs, which belong to the owner. The first
 * job in `done` rings the loop, which takes all that have gathered by then. Who is woken
 * wants the lock at once, so it is let go before.
 *
 * There are as many threads as jobs were there at once, at most POOL_MAX_THREADS; the first of
 * them from the beginning, so that every job finds one. They stay until the end.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "core/pool.h"

struct list {
	struct pool_job *first, **last;
};

struct pool {
	struct pool_setup setup;
	struct loop_event event; /* `done` is not empty any more */
	pthread_t threads[POOL_MAX_THREADS];
	unsigned nr_threads;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t work;
	struct list todo, done;
	unsigned nr_todo, idle; /* jobs that wait, threads that wait */
	bool quit;
};

static void list_init(struct list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_add(struct list *list, struct pool_job *job)
{
	job->next = NULL;
	*list->last = job;
	list->last = &job->next;
}

static struct pool_job *list_take(struct list *list)
{
	struct pool_job *job = list->first;

	if (job) {
		list->first = job->next;
		if (!list->first)
			list->last = &list->first;
	}
	return job;
}

/* Is it there? Then it is no more. */
static bool list_remove(struct list *list, const struct pool_job *job)
{
	struct pool_job **at = &list->first;

	while (*at && *at != job)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = job->next;
	if (list->last == &job->next)
		list->last = at;
	return true;
}

static void *pool_thread(void *opaque)
{
	struct pool *pool = opaque;
	struct pool_job *job;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		bool was_empty;

		while (!pool->todo.first && !pool->quit) {
			pool->idle++;
			pthread_cond_wait(&pool->work, &pool->lock);
			pool->idle--;
		}
		job = list_take(&pool->todo);
		if (!job)
			break;
		pool->nr_todo--;
		pthread_mutex_unlock(&pool->lock);

		pool->setup.perform(pool->setup.opaque, job);

		pthread_mutex_lock(&pool->lock);
		was_empty = !pool->done.first;
		list_add(&pool->done, job);
		pthread_mutex_unlock(&pool->lock);
		if (was_empty)
			loop_event_signal(&pool->event);
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Signals are none of its business: those of a vCPU's kick, nor SIGXFSZ. */
static bool add_thread(struct pool *pool)
{
	pthread_t *thread = &pool->threads[pool->nr_threads];
	pthread_attr_t attributes;
	sigset_t all;
	bool ok;

	if (pthread_attr_init(&attributes))
		return false;
	sigfillset(&all);
	ok = pthread_attr_setstacksize(&attributes, POOL_STACK_SIZE) == 0 &&
	     pthread_attr_setsigmask_np(&attributes, &all) == 0 &&
	     pthread_create(thread, &attributes, pool_thread, pool) == 0;
	pthread_attr_destroy(&attributes);
	if (ok)
		pool->nr_threads++;
	return ok;
}

struct pool *pool_open(const struct pool_setup *setup, struct err *err)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool) {
		err_set(err, "no memory for a pool of threads");
		return NULL;
	}
	pool->setup = *setup;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	list_init(&pool->todo);
	list_init(&pool->done);
	pool->event.source.fd = -1;
	if (loop_event_init(&pool->event, setup->loop, setup->finished, setup->opaque,
			    err)) {
		pool_close(pool);
		return NULL;
	}
	if (!add_thread(pool)) {
		err_set(err, "cannot make a thread");
		pool_close(pool);
		return NULL;
	}
	return pool;
}

void pool_submit(struct pool *pool, struct pool_job *job)
{
	pthread_mutex_lock(&pool->lock);
	list_add(&pool->todo, job);
	pool->nr_todo++;
	if (pool->nr_todo > pool->idle && pool->nr_threads < POOL_MAX_THREADS)
		(void)add_thread(pool); /* there is at least one */
	pthread_mutex_unlock(&pool->lock);
	pthread_cond_signal(&pool->work);
}

bool pool_withdraw(struct pool *pool, struct pool_job *job)
{
	bool found;

	pthread_mutex_lock(&pool->lock);
	found = list_remove(&pool->todo, job);
	pool->nr_todo -= found;
	pthread_mutex_unlock(&pool->lock);
	return found;
}

struct pool_job *pool_reap(struct pool *pool)
{
	struct pool_job *done;

	pthread_mutex_lock(&pool->lock);
	done = pool->done.first;
	list_init(&pool->done);
	pthread_mutex_unlock(&pool->lock);
	return done;
}

void pool_close(struct pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->quit = true;
	list_init(&pool->todo);
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->nr_threads; i++)
		pthread_join(pool->threads[i], NULL);
	loop_event_destroy(&pool->event, pool->setup.loop);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
