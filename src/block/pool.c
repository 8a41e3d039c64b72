/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that do requests: all of them where the host has no io_uring, else those
 * that the kernel would make wait or that take more than one system call.
 *
 * A block has a pool from its first such request on, and a pool has as many threads as
 * requests were there at once, at most POOL_THREADS. The loop puts requests into
 * `todo` and threads put them into `done`; both lists are as long as there are
 * requests, which belong to their owners. The first request in `done` rings the loop,
 * which takes all that have gathered by then.
 *
 * If the host has no thread or no descriptor for us, the loop itself does the work:
 * slow, but right.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "block/engine.h"

#define POOL_THREADS    8
#define POOL_STACK_SIZE (256u << 10)

struct list {
	struct block_request *first, **last;
};

struct pool {
	struct block *block;
	struct loop_event event; /* `done` is not empty any more */
	pthread_t threads[POOL_THREADS];
	unsigned nr_threads;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t work;
	struct list todo, done;
	unsigned nr_todo, idle; /* requests that wait, threads that wait */
	bool quit;
};

static void list_init(struct list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_add(struct list *list, struct block_request *request)
{
	request->next = NULL;
	*list->last = request;
	list->last = &request->next;
}

static struct block_request *list_take(struct list *list)
{
	struct block_request *request = list->first;

	if (request) {
		list->first = request->next;
		if (!list->first)
			list->last = &list->first;
	}
	return request;
}

static void *pool_thread(void *opaque)
{
	struct pool *pool = opaque;
	struct block_request *request;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		bool was_empty;

		while (!pool->todo.first && !pool->quit) {
			pool->idle++;
			pthread_cond_wait(&pool->work, &pool->lock);
			pool->idle--;
		}
		request = list_take(&pool->todo);
		if (!request)
			break;
		pool->nr_todo--;
		pthread_mutex_unlock(&pool->lock);

		request->error = raw_perform(pool->block, request);

		pthread_mutex_lock(&pool->lock);
		was_empty = !pool->done.first;
		list_add(&pool->done, request);
		if (was_empty)
			loop_event_signal(&pool->event);
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

static void reap(struct block *block)
{
	struct pool *pool = block->pool;
	struct block_request *request;
	struct list done;

	pthread_mutex_lock(&pool->lock);
	done = pool->done;
	if (!done.first)
		done.last = &done.first;
	list_init(&pool->done);
	pthread_mutex_unlock(&pool->lock);
	while ((request = list_take(&done)))
		block_finish(block, request, request->error);
}

static void event_fn(void *opaque)
{
	struct pool *pool = opaque;

	block_run(pool->block, reap);
}

static struct pool *pool_open(struct block *block)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	struct err err;

	if (!pool)
		return NULL;
	pool->block = block;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	list_init(&pool->todo);
	list_init(&pool->done);
	if (loop_event_init(&pool->event, block->loop, event_fn, pool, &err) ||
	    !add_thread(pool)) {
		pool_close(pool);
		return NULL;
	}
	return pool;
}

void pool_submit(struct block *block, struct block_request *request)
{
	struct pool *pool;

	if (!block->pool)
		block->pool = pool_open(block);
	pool = block->pool;
	if (!pool) {
		block_finish(block, request, raw_perform(block, request));
		return;
	}
	pthread_mutex_lock(&pool->lock);
	list_add(&pool->todo, request);
	pool->nr_todo++;
	if (pool->nr_todo > pool->idle && pool->nr_threads < POOL_THREADS)
		(void)add_thread(pool); /* there is at least one */
	pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->lock);
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
	loop_event_destroy(&pool->event, pool->block->loop);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
