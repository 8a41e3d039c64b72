/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-9p: one queue; a chain has a message to read and the room for its reply. The
 * specification of virtio has the number 9 for it and no more: configuration space and use
 * of the queue are those of Linux's net/9p/trans_virtio.c.
 *
 * The loop takes messages from the ring and hands them to a pool of threads, where
 * fs/p9.c carries them out, as many at once as there are threads; it gives back what
 * has gathered, with one interrupt. Two kinds of message depend on others and wait for
 * them here:
 *
 *	Tflush		What it names, and has not begun, is dropped: its chain comes back
 *			with no reply in it. What has begun is waited for, so that its reply
 *			(which counts) is in the ring before Rflush, and its buffers and tag
 *			are free when the driver sees that.
 *	Tversion	All fids go, so nothing else may run: it waits for what is in flight,
 *			and what is behind it stays in the ring until it is over.
 *
 * Both wait for older messages only, so nothing waits for itself or in a circle, whatever
 * tags a driver makes up. At most a ring full of messages is in flight.
 *
 * A reset forgets all fids, which closes files and may take its time: a job too.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/pool.h"
#include "fs/p9.h"
#include "util/bytes.h"
#include "virtio/p9.h"

#define VIRTIO_9P_MOUNT_TAG 0 /* feature: the configuration space has a tag */

/* The configuration space: le16 length, then the tag, without a NUL. */
#define CONFIG_TAG 2u

/* Linux's driver never makes a chain of more than 128 descriptors. */
#define QUEUE_SIZE 128u
#define SLOTS      (QUEUE_SIZE + 1)
#define IOVS_SIZE  (sizeof(struct iovec) * QUEUE_SIZE * SLOTS)

/*
 * Linux has a fid for each name that it knows, and a name costs it more memory than us, so
 * this is above what guests need. It is also what we can be made to hold, see fs/p9.h.
 */
#define MAX_FIDS (1u << 19)

/* A message that the driver waits for. */
struct request {
	struct pool_job job;
	struct request *prev, *next; /* in order of arrival; next: also if free */
	struct virtq_chain chain;
	struct p9_header header;
	uint16_t old_tag; /* of a Tflush: what it flushes */
	bool waits;       /* for others; else it is in the pool */
	uint32_t reply;   /* bytes; 0: there is none */
};

struct share {
	struct virtio virtio;
	const struct config_share *config;
	struct p9 *p9;
	struct pool *pool; /* NULL: the host has no threads for us, so the loop works */

	struct request *requests;     /* SLOTS of them ... */
	struct iovec *iovs;           /* ... with QUEUE_SIZE segments each; mapped */
	struct request *free;         /* slots that were in use */
	unsigned fresh;               /* slots from here on never were */
	struct request *first, *last; /* in flight */

	bool held;            /* a Tversion is in flight: leave others in the ring */
	bool stopping;        /* the driver has reset us, and waits */
	struct pool_job wipe; /* forget all fids */
	bool wiped;           /* it is done */
};

static void read_config(void *dev, unsigned offset, void *data, unsigned size)
{
	const struct share *share = dev;
	const char *tag = share->config->tag;
	uint8_t config[CONFIG_TAG + CONFIG_MAX_TAG] = { 0 };

	store_le16(config, (uint16_t)strlen(tag));
	memcpy(config + CONFIG_TAG, tag, strlen(tag));
	memcpy(data, config + offset, size);
}

/* -- requests -- */

static struct request *take_slot(struct share *share)
{
	struct request *request = share->free;
	size_t slot;

	if (request)
		share->free = request->next;
	else if (share->fresh < SLOTS)
		request = &share->requests[share->fresh++];
	else
		return NULL;
	slot = (size_t)(request - share->requests);
	*request = (struct request){
		.chain = { .iov = share->iovs + slot * QUEUE_SIZE,
			   .max_iov = QUEUE_SIZE },
	};
	return request;
}

static void give_slot(struct share *share, struct request *request)
{
	request->next = share->free;
	share->free = request;
}

static void add_in_flight(struct share *share, struct request *request)
{
	request->prev = share->last;
	request->next = NULL;
	if (share->last)
		share->last->next = request;
	else
		share->first = request;
	share->last = request;
}

static void remove_in_flight(struct share *share, const struct request *request)
{
	if (request->prev)
		request->prev->next = request->next;
	else
		share->first = request->next;
	if (request->next)
		request->next->prev = request->prev;
	else
		share->last = request->prev;
}

static struct virtq *ring_of(struct share *share)
{
	return &share->virtio.queues[0].ring;
}

/* It is over: back to the driver, unless that has reset us and wants nothing any more. */
static void finish(struct share *share, struct request *request)
{
	remove_in_flight(share, request);
	if (share->stopping) {
		const struct virtq_chain *chain = &request->chain;

		for (unsigned i = 0; request->reply && i < chain->nr_in; i++)
			memory_mark_written(share->virtio.platform->memory,
					    chain->iov[chain->nr_out + i].iov_base,
					    chain->iov[chain->nr_out + i].iov_len);
	} else {
		virtq_push(ring_of(share), &request->chain, request->reply);
	}
	give_slot(share, request);
}

/* -- carrying out -- */

static struct request *request_of(struct pool_job *job)
{
	return (void *)((char *)job - offsetof(struct request, job));
}

static void serve(struct share *share, struct request *request)
{
	const struct virtq_chain *chain = &request->chain;
	const struct p9_request p9_request = {
		.out = chain->iov,
		.in = chain->iov + chain->nr_out,
		.nr_out = chain->nr_out,
		.nr_in = chain->nr_in,
	};

	request->reply = p9_serve(share->p9, &p9_request);
}

/* On a thread of the pool. */
static void perform(void *opaque, struct pool_job *job)
{
	struct share *share = opaque;

	if (job == &share->wipe)
		p9_reset(share->p9);
	else
		serve(share, request_of(job));
}

/* It has been carried out. */
static void deliver(struct share *share, struct request *request)
{
	if (request->header.type == P9_TVERSION) {
		share->held = false;
		/* What has come in behind it. */
		virtio_kick(&share->virtio, 0);
	}
	if (!request->reply && !share->stopping)
		virtio_fail(&share->virtio,
			    "queue 0: a message without room for its reply");
	finish(share, request);
}

static void submit(struct share *share, struct request *request)
{
	request->waits = false;
	if (share->pool) {
		pool_submit(share->pool, &request->job);
		return;
	}
	serve(share, request);
	deliver(share, request);
}

/* -- order -- */

/* Is anything in flight, older than `flush`, with the tag that it names? */
static bool has_to_wait(const struct request *flush)
{
	for (const struct request *r = flush->prev; r; r = r->prev) {
		if (r->header.tag == flush->old_tag)
			return true;
	}
	return false;
}

/* Here and not in the server, which a driver could make wait by another type meanwhile. */
static void reply_to_flush(struct request *request)
{
	uint8_t reply[P9_HEADER_SIZE];

	store_le32(reply, sizeof(reply));
	reply[4] = P9_TFLUSH + 1;
	store_le16(reply + 5, request->header.tag);
	if (virtq_chain_write(&request->chain, 0, reply, sizeof(reply)) == sizeof(reply))
		request->reply = sizeof(reply);
}

/* Let go what waits no longer: in order of arrival, so that once is enough. */
static void go_on(struct share *share)
{
	struct request *request = share->first, *next;

	for (; request; request = next) {
		next = request->next;
		if (!request->waits)
			continue;
		if (request->header.type == P9_TVERSION) {
			if (request == share->first)
				submit(share, request);
		} else if (!has_to_wait(request)) {
			reply_to_flush(request);
			deliver(share, request);
		}
	}
}

/* Give back what `flush` names and no thread has begun. */
static void drop_flushed(struct share *share, const struct request *flush)
{
	struct request *request = share->first, *next;

	for (; request != flush; request = next) {
		next = request->next;
		if (request->header.tag == flush->old_tag && !request->waits &&
		    pool_withdraw(share->pool, &request->job))
			finish(share, request);
	}
}

static void begin(struct share *share, struct request *request)
{
	uint8_t old_tag[2];

	switch (request->header.type) {
	case P9_TVERSION:
		share->held = true;
		request->waits = true;
		break;
	case P9_TFLUSH:
		/* One that is too short gets its error at once. */
		request->waits =
			virtq_chain_read(&request->chain, P9_HEADER_SIZE, old_tag,
					 sizeof(old_tag)) == sizeof(old_tag);
		if (!request->waits)
			break;
		request->old_tag = load_le16(old_tag);
		drop_flushed(share, request);
		break;
	default:
		break;
	}
	if (!request->waits)
		submit(share, request);
}

/* 1: one request was taken. 0: there is none. -1: no more are to be taken now. */
static int take_one(struct share *share)
{
	struct request *request;
	int r;

	if (share->held)
		return -1;
	request = take_slot(share);
	/* Not 0, for which the caller would ask for kicks and look again, for ever. */
	if (!request)
		return -1;
	r = virtq_pop(ring_of(share), &request->chain);
	if (r <= 0) {
		give_slot(share, request);
		if (r < 0)
			virtio_fail(&share->virtio, "queue 0: %s", ring_of(share)->fault);
		return r;
	}
	if (!p9_header(request->chain.iov, request->chain.nr_out, &request->header)) {
		give_slot(share, request);
		virtio_fail(&share->virtio,
			    "queue 0: a message that is shorter than its header");
		return -1;
	}
	add_in_flight(share, request);
	begin(share, request);
	return 1;
}

static void kick(void *dev, unsigned queue)
{
	struct share *share = dev;
	struct virtq *ring = ring_of(share);
	unsigned budget = QUEUE_SIZE;
	int r;

	do {
		virtq_refuse_kicks(ring);
		do
			r = take_one(share);
		while (r > 0 && --budget);
		go_on(share);
	} while (r == 0 && virtq_want_kicks(ring));
	/* A driver that never stops shall not keep the loop from others. */
	if (r > 0)
		virtio_kick(&share->virtio, queue);
	virtio_publish(&share->virtio, queue);
}

/* -- the end of a reset -- */

static bool is_still(struct share *share)
{
	return !share->first && share->wiped;
}

/* Fids go when nothing runs any more. */
static void wipe(struct share *share)
{
	if (share->pool) {
		pool_submit(share->pool, &share->wipe);
	} else {
		p9_reset(share->p9);
		share->wiped = true;
	}
}

/* On the loop: threads have done something. */
static void finished(void *opaque)
{
	struct share *share = opaque;
	struct pool_job *job = pool_reap(share->pool), *next;

	if (!job)
		return;
	for (; job; job = next) {
		next = job->next;
		if (job == &share->wipe)
			share->wiped = true;
		else
			deliver(share, request_of(job));
	}
	if (!share->stopping) {
		go_on(share);
		virtio_publish(&share->virtio, 0);
	} else if (is_still(share)) {
		share->stopping = false;
		virtio_stopped(&share->virtio);
	} else if (!share->first) {
		wipe(share);
	}
}

static void start(void *dev)
{
	(void)dev;
}

static bool stop(void *dev)
{
	struct share *share = dev;
	struct request *request = share->first, *next;

	share->stopping = true;
	share->held = false;
	share->wiped = false;
	for (; request; request = next) {
		next = request->next;
		if (request->waits || pool_withdraw(share->pool, &request->job))
			finish(share, request);
	}
	if (!share->first)
		wipe(share);
	if (!is_still(share))
		return false;
	share->stopping = false;
	return true;
}

/* -- life -- */

/*
 * Which files the guest has open is not saved: the names behind its fids may be others
 * where it is loaded. A guest that has no fids, having unmounted, goes on with Tversion.
 */
static int save(const void *dev, struct state_writer *writer, struct err *err)
{
	const struct share *share = dev;

	(void)writer;
	if (share->first || p9_count_fids(share->p9))
		return err_set(err,
			       "%s: the guest has mounted \"%s\", and what it has open "
			       "there cannot be saved: have it unmounted first",
			       share->virtio.name, share->config->tag);
	return 0;
}

static void close_all(struct share *share)
{
	/* First: it waits for requests that still use the segments. */
	pool_close(share->pool);
	p9_close(share->p9);
	free(share->requests);
	if (share->iovs)
		munmap(share->iovs, IOVS_SIZE);
	free(share);
}

static void share_free(void *dev)
{
	struct share *share = dev;

	virtio_destroy(&share->virtio);
	close_all(share);
}

static const struct virtio_ops ops = {
	.read_config = read_config,
	.start = start,
	.kick = kick,
	.stop = stop,
	.free = share_free,
	.save = save,
};

static int allocate(struct share *share, struct err *err)
{
	share->requests = calloc(SLOTS, sizeof(*share->requests));
	share->iovs = mmap(NULL, IOVS_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (share->iovs == MAP_FAILED)
		share->iovs = NULL;
	if (!share->requests || !share->iovs)
		return err_set(err, "%s \"%s\": out of memory",
			       config_share_option(share->config), share->config->path);
	return 0;
}

static int init(struct share *share, struct platform *platform, unsigned index,
		unsigned max_descriptors, bool packed, struct err *err)
{
	static const uint16_t sizes[] = { QUEUE_SIZE };
	const struct p9_limits limits = {
		.max_fids = MAX_FIDS,
		.max_descriptors = max_descriptors,
	};
	const struct pool_setup pool = {
		.loop = platform->loop,
		.perform = perform,
		.finished = finished,
		.opaque = share,
	};
	struct virtio_setup setup = {
		.id = VIRTIO_ID_9P,
		.driver_hint = "CONFIG_NET_9P_VIRTIO (module 9pnet_virtio) and "
			       "CONFIG_9P_FS (module 9p)",
		.ops = &ops,
		.dev = share,
		.config_size = CONFIG_TAG + (unsigned)strlen(share->config->tag),
		.offered = VIRTIO_BIT(VIRTIO_9P_MOUNT_TAG),
		.queue_sizes = sizes,
		.nr_queues = 1,
	};
	struct err no_pool;
	char name[32];

	if (allocate(share, err))
		return -1;
	share->p9 = p9_open(share->config, &limits, err);
	if (!share->p9)
		return -1;
	share->pool = pool_open(&pool, &no_pool);
	snprintf(name, sizeof(name), "virtio-9p.%u", index);
	setup.name = name;
	return virtio_init(&share->virtio, platform, &setup, packed, err);
}

struct virtio *virtio_p9_new(struct platform *platform, const struct config_share *config,
			     unsigned index, unsigned max_descriptors, bool packed,
			     struct err *err)
{
	struct share *share = calloc(1, sizeof(*share));

	if (!share) {
		err_set(err, "%s \"%s\": out of memory", config_share_option(config),
			config->path);
		return NULL;
	}
	share->config = config;
	if (init(share, platform, index, max_descriptors, packed, err)) {
		close_all(share);
		return NULL;
	}
	return &share->virtio;
}
