/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The balloon. Three ways by which the host gets memory of the guest back:
 *
 *	inflate		the guest takes pages out of use, as many as num_pages asks
 *			for, and tells their numbers; it keeps them until num_pages
 *			becomes less, or until it runs out of memory (DEFLATE_ON_OOM)
 *	reporting	the guest tells ranges that it has free for now, 2 or 4 MiB
 *			each, and waits with using them until we have answered
 *	statistics	one buffer that the guest fills anew each time we return it
 *
 * A page that was given back is simply touched when the guest uses it again, so
 * deflating takes no work, and MUST_TELL_HOST (5.5.3) is not offered: the guest may
 * take pages back first and tell later, which is what saves it when memory runs out.
 *
 * The guest's word costs us nothing to keep: page numbers are copied once, a
 * few at a time, sorted so that neighbours become one call, checked by core/memory.c,
 * and forgotten. Numbers that are not RAM, or that were told before, change
 * nothing but a counter. A chain has a limit, and so has a turn of the loop, so
 * that a guest that never stops telling cannot keep the loop from its other work.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "virtio/balloon.h"

/* Feature bits (5.5.3). */
#define VIRTIO_BALLOON_F_STATS_VQ       1
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM 2
#define VIRTIO_BALLOON_F_REPORTING      5

/*
 * Queues (5.5.2). The reporting queue is number 4. But drivers that number only those
 * queues that they use (Linux before 6.11) expect it where the free page queue would be,
 * number 3, or the statistics queue, number 2, had they not accepted that. So all
 * three serve, by what was agreed.
 */
enum {
	QUEUE_INFLATE,
	QUEUE_DEFLATE,
	QUEUE_STATS,
	QUEUE_FREE_PAGE,
	QUEUE_REPORTING,
	NR_QUEUES,
};

#define QUEUE_SIZE  128 /* Linux reports 32 ranges at once */
#define CONFIG_SIZE 8   /* 5.5.4: le32 num_pages, le32 actual */
#define PAGE_SHIFT  12  /* 5.5.6: always, whatever the pages of guest or host are */

#define MAX_PFNS   4096ull /* of a chain: Linux tells 256 */
#define PFN_CHUNK  256u
#define TURN_LIMIT 8u /* chains served before others get their turn */

/* 5.5.6.3: tags, and what they are called in a report. */
#define NR_STATS          10
#define STATS_INTERVAL_NS 1000000000ll

struct balloon_state {
	uint32_t num_pages; /* that we ask for */
	uint32_t actual;    /* that the driver says it gave */
};

struct balloon {
	struct virtio virtio;
	struct balloon_state state; /* guarded by virtio.lock */
	struct iovec iov[QUEUE_SIZE];

	bool running;

	bool stats_wanted;
	struct loop_timer stats_timer;
	uint64_t stats[NR_STATS];
	bool stats_known[NR_STATS];

	uint32_t most; /* that `actual` ever was: a driver that ends sets it to 0 */
	/* Bytes since the beginning. */
	uint64_t inflated, deflated, reported;
	uint64_t refused; /* page numbers and ranges that are not RAM */
};

static void read_config(void *dev, unsigned offset, void *data, unsigned size)
{
	const struct balloon *balloon = dev;
	uint8_t config[CONFIG_SIZE];

	store_le32(config, balloon->state.num_pages);
	store_le32(config + 4, balloon->state.actual);
	memcpy(data, config + offset, size);
}

/* 5.5.5: the driver writes `actual`, and nothing else. */
static void write_config(void *dev, unsigned offset, const void *data, unsigned size)
{
	struct balloon *balloon = dev;
	uint8_t config[CONFIG_SIZE];

	read_config(dev, 0, config, CONFIG_SIZE);
	memcpy(config + offset, data, size);
	balloon->state.actual = load_le32(config + 4);
	if (balloon->state.actual > balloon->most)
		balloon->most = balloon->state.actual;
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Give back `count` pages from number `pfn` on. */
static void give_back(struct balloon *balloon, uint32_t pfn, uint32_t count)
{
	const struct memory *memory = balloon->virtio.platform->memory;
	const uint64_t gpa = (uint64_t)pfn << PAGE_SHIFT;
	const uint64_t len = (uint64_t)count << PAGE_SHIFT;
	const void *hva = memory_map(memory, gpa, len);

	if (hva) {
		balloon->inflated += memory_give_back(memory, hva, len);
	} else if (count == 1) {
		balloon->refused++;
	} else {
		/* A run over the end of RAM: what of it is RAM? */
		for (uint32_t i = 0; i < count; i++)
			give_back(balloon, pfn + i, 1);
	}
}

/* Pages in any order, told twice or not RAM. Neighbours become one piece. */
static void inflate_some(struct balloon *balloon, uint32_t *pfns, size_t n)
{
	size_t first = 0;

	qsort(pfns, n, sizeof(*pfns), compare);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && pfns[i] - pfns[i - 1] <= 1)
			continue;
		give_back(balloon, pfns[first], pfns[i - 1] - pfns[first] + 1);
		first = i;
	}
}

static void inflate(struct balloon *balloon, const struct virtq_chain *chain)
{
	uint32_t pfns[PFN_CHUNK];

	for (uint64_t at = 0; at < chain->out_size;) {
		size_t size = virtq_chain_read(chain, at, pfns, sizeof(pfns));

		inflate_some(balloon, pfns, size / sizeof(*pfns));
		at += size;
	}
}

static void deflate(struct balloon *balloon, const struct virtq_chain *chain)
{
	balloon->deflated += (chain->out_size / 4) << PAGE_SHIFT;
}

/* 5.5.6.7: the buffers themselves are what is free. */
static void report(struct balloon *balloon, const struct virtq_chain *chain)
{
	const struct memory *memory = balloon->virtio.platform->memory;

	for (unsigned i = 0; i < chain->nr_in; i++) {
		const struct iovec *iov = &chain->iov[chain->nr_out + i];
		uint64_t size = memory_give_back(memory, iov->iov_base, iov->iov_len);

		balloon->reported += size;
		balloon->refused += !size;
	}
}

/*
 * 5.5.6.3: le16 tag and le64 value, packed. The last word on a tag counts. The buffer
 * stays in the ring until we want to know more.
 */
static void read_stats(struct balloon *balloon, const struct virtq_chain *chain)
{
	uint8_t entries[32][10];
	size_t size = virtq_chain_read(chain, 0, entries, sizeof(entries));

	for (size_t i = 0; i < size / sizeof(entries[0]); i++) {
		uint16_t tag = load_le16(entries[i]);

		if (tag >= NR_STATS)
			continue;
		balloon->stats[tag] = load_le64(entries[i] + 2);
		balloon->stats_known[tag] = true;
	}
}

static bool has_stats(const struct balloon *balloon)
{
	return virtio_has(&balloon->virtio, VIRTIO_BALLOON_F_STATS_VQ);
}

/* What a chain of this queue must look like; NULL: all is well. */
static const char *find_fault(unsigned queue, const struct virtq_chain *chain)
{
	if (queue >= QUEUE_STATS)
		return chain->nr_in ? NULL : "a report with nothing in it (5.5.6.7)";
	if (!chain->nr_out)
		return "page numbers that cannot be read (5.5.6)";
	if (chain->out_size > MAX_PFNS * 4)
		return "too many pages at once";
	return NULL;
}

/* The next chain: 1, or 0 if there is none, or -1 if the driver broke a rule. */
static int next_chain(struct balloon *balloon, unsigned queue, struct virtq_chain *chain)
{
	struct virtq *ring = &balloon->virtio.queues[queue].ring;
	int r;

	*chain = (struct virtq_chain){ .iov = balloon->iov, .max_iov = QUEUE_SIZE };
	r = virtq_pop(ring, chain);
	if (r < 0)
		virtio_fail(&balloon->virtio, "queue %u: %s", queue, ring->fault);
	return r;
}

/* Inflating, deflating or reporting: one chain. The same results. */
static int serve_next(struct balloon *balloon, unsigned queue)
{
	struct virtq_chain chain;
	const char *fault;
	int r = next_chain(balloon, queue, &chain);

	if (r <= 0)
		return r;
	fault = find_fault(queue, &chain);
	if (fault) {
		virtio_fail(&balloon->virtio, "queue %u: %s", queue, fault);
		return -1;
	}
	if (queue == QUEUE_INFLATE)
		inflate(balloon, &chain);
	else if (queue == QUEUE_DEFLATE)
		deflate(balloon, &chain);
	else
		report(balloon, &chain);
	virtq_push(&balloon->virtio.queues[queue].ring, &chain, 0);
	return 1;
}

static void serve(struct balloon *balloon, unsigned queue)
{
	unsigned served = 0;
	int r;

	do
		r = serve_next(balloon, queue);
	while (r > 0 && ++served < TURN_LIMIT);
	virtio_publish(&balloon->virtio, queue);
	if (r > 0 || (r == 0 && virtq_want_kicks(&balloon->virtio.queues[queue].ring)))
		virtio_kick(&balloon->virtio, queue); /* the rest, in another turn */
}

/* The guest has filled the statistics buffer. */
static void take_stats(struct balloon *balloon)
{
	struct virtq_chain chain;

	if (!balloon->stats_wanted || next_chain(balloon, QUEUE_STATS, &chain) <= 0)
		return;
	read_stats(balloon, &chain);
	virtq_unpop(&balloon->virtio.queues[QUEUE_STATS].ring, &chain);
	loop_timer_arm(&balloon->stats_timer, loop_now() + STATS_INTERVAL_NS);
}

/* Give the buffer back: the guest fills it anew and kicks. */
static void on_stats_timer(void *opaque)
{
	struct balloon *balloon = opaque;
	struct virtq *ring = &balloon->virtio.queues[QUEUE_STATS].ring;
	struct virtq_chain chain;

	if (!balloon->running || next_chain(balloon, QUEUE_STATS, &chain) <= 0)
		return;
	virtq_push(ring, &chain, 0);
	virtio_publish(&balloon->virtio, QUEUE_STATS);
	if (virtq_want_kicks(ring))
		virtio_kick(&balloon->virtio, QUEUE_STATS);
}

static void kick(void *dev, unsigned queue)
{
	struct balloon *balloon = dev;

	if (queue == QUEUE_STATS && has_stats(balloon))
		take_stats(balloon);
	else if (queue < QUEUE_STATS ||
		 virtio_has(&balloon->virtio, VIRTIO_BALLOON_F_REPORTING))
		serve(balloon, queue);
}

static void start(void *dev)
{
	struct balloon *balloon = dev;

	balloon->running = true;
}

static bool stop(void *dev)
{
	struct balloon *balloon = dev;

	balloon->running = false;
	pthread_mutex_lock(&balloon->virtio.lock);
	balloon->state.actual = 0; /* it forgets what it gave */
	pthread_mutex_unlock(&balloon->virtio.lock);
	return true;
}

static void balloon_free(void *dev)
{
	struct balloon *balloon = dev;

	loop_timer_destroy(&balloon->stats_timer, balloon->virtio.loop);
	virtio_destroy(&balloon->virtio);
	free(balloon);
}

static const struct state_field state_fields[] = {
	STATE_FIELD(struct balloon_state, num_pages),
	STATE_FIELD(struct balloon_state, actual),
};

static const struct state_layout state_layout = {
	.version = 1,
	.nr_fields = sizeof(state_fields) / sizeof(state_fields[0]),
	.fields = state_fields,
};

#define STATE_SECTION "virtio-balloon.sizes"

static int balloon_save(const void *dev, struct state_writer *writer, struct err *err)
{
	const struct balloon *balloon = dev;

	return state_save(writer, STATE_SECTION, &state_layout, &balloon->state, err);
}

static int balloon_load(void *dev, struct bytes image, struct err *err)
{
	struct balloon *balloon = dev;

	/* Any two numbers are fine. */
	return state_load(image, STATE_SECTION, &state_layout, &balloon->state, err);
}

static const struct virtio_ops ops = {
	.read_config = read_config,
	.write_config = write_config,
	.start = start,
	.kick = kick,
	.stop = stop,
	.free = balloon_free,
	.save = balloon_save,
	.load = balloon_load,
};

struct virtio *virtio_balloon_new(struct platform *platform, uint64_t size,
				  bool keep_on_oom, bool packed, struct err *err)
{
	static const uint16_t sizes[NR_QUEUES] = { QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE,
						   QUEUE_SIZE, QUEUE_SIZE };
	struct balloon *balloon = calloc(1, sizeof(*balloon));
	struct virtio_setup setup = {
		.name = "virtio-balloon",
		.id = VIRTIO_ID_BALLOON,
		.driver_hint = "CONFIG_VIRTIO_BALLOON (module virtio_balloon)",
		.ops = &ops,
		.dev = balloon,
		.config_size = CONFIG_SIZE,
		.offered = VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ) |
			   VIRTIO_BIT(VIRTIO_BALLOON_F_REPORTING),
		.queue_sizes = sizes,
		.nr_queues = NR_QUEUES,
	};

	if (!balloon) {
		err_set(err, "balloon: no memory");
		return NULL;
	}
	balloon->stats_timer.source.fd = -1;
	balloon->state.num_pages = (uint32_t)(size >> PAGE_SHIFT);
	if (!keep_on_oom)
		setup.offered |= VIRTIO_BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	if (virtio_init(&balloon->virtio, platform, &setup, packed, err)) {
		err_prefix(err, "balloon: ");
		free(balloon);
		return NULL;
	}
	return &balloon->virtio;
}

void virtio_balloon_set_size(struct virtio *virtio, uint64_t size)
{
	struct balloon *balloon = virtio->dev;

	pthread_mutex_lock(&virtio->lock);
	balloon->state.num_pages = (uint32_t)(size >> PAGE_SHIFT);
	pthread_mutex_unlock(&virtio->lock);
	virtio_config_changed(virtio);
}

int virtio_balloon_poll_stats(struct virtio *virtio, struct err *err)
{
	struct balloon *balloon = virtio->dev;

	if (loop_timer_init(&balloon->stats_timer, virtio->loop, on_stats_timer, balloon,
			    err))
		return err_prefix(err, "balloon: ");
	balloon->stats_wanted = true;
	return 0;
}

void virtio_balloon_print_stats(const struct virtio *virtio, FILE *out)
{
	static const struct {
		const char *name, *unit;
		unsigned shift;
	} tags[NR_STATS] = {
		{ "swapped in", "KiB", 10 },   { "swapped out", "KiB", 10 },
		{ "major faults", "", 0 },     { "minor faults", "", 0 },
		{ "free", "KiB", 10 },         { "total", "KiB", 10 },
		{ "available", "KiB", 10 },    { "caches", "KiB", 10 },
		{ "huge pages given", "", 0 }, { "huge pages refused", "", 0 },
	};
	const struct balloon *balloon = virtio->dev;

	fprintf(out,
		"  balloon                    %" PRIu64 " KiB asked for, held %" PRIu64
		" KiB at most; given back %" PRIu64 " KiB, taken again %" PRIu64
		" KiB, reported free %" PRIu64 " KiB",
		(uint64_t)balloon->state.num_pages << (PAGE_SHIFT - 10),
		(uint64_t)balloon->most << (PAGE_SHIFT - 10), balloon->inflated >> 10,
		balloon->deflated >> 10, balloon->reported >> 10);
	if (balloon->refused)
		fprintf(out, "; %" PRIu64 " pages were not RAM", balloon->refused);
	fputc('\n', out);
	for (unsigned i = 0; i < NR_STATS; i++) {
		if (balloon->stats_known[i])
			fprintf(out, "  guest memory: %-12s %" PRIu64 " %s\n",
				tags[i].name, balloon->stats[i] >> tags[i].shift,
				tags[i].unit);
	}
}
