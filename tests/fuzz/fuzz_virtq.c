/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtqueue and its driver, both moved by the input: the driver adds chains and takes
 * answers, the device pops, pushes and publishes in any order, and between two steps
 * any bytes of the ring may change.
 *
 * Always: what is popped is RAM, within bounds, and in flight once. As long as the
 * driver keeps the rules: no breach, and each answer is of a chain that was pushed.
 */
#include "../unit/ring_driver.h"
#include "chip.h"

#define LOW_SIZE     0x100000ull
#define HIGH         0x100000000ull
#define HIGH_SIZE    0x10000ull
#define RING         0x1000ull
#define BUFFERS      0x80000ull
#define MAX_SIZE     64u
#define BIT(feature) (1ull << (feature))

struct world {
	struct fuzz_input input;
	struct memory *memory;
	struct ring_driver ring;
	struct virtq queue;
	uint64_t features;
	bool is_honest;

	struct virtq_chain busy[MAX_SIZE]; /* by ID */
	struct iovec iov[MAX_SIZE][MAX_SIZE];
	bool is_busy[MAX_SIZE], is_pushed[MAX_SIZE];
	unsigned nr_busy;
	int last; /* the ID of the last pop, if it can be undone */
};

static unsigned next(struct world *w, unsigned below)
{
	return (unsigned)fuzz_next(&w->input, 1) % below;
}

/* -- the driver -- */

static void fill_segments(struct world *w, struct ring_segment *segments, unsigned nr)
{
	unsigned nr_out = next(w, nr + 1);

	for (unsigned i = 0; i < nr; i++) {
		unsigned where = (unsigned)fuzz_next(&w->input, 2);

		segments[i].gpa = BUFFERS + where * 4;
		segments[i].len = next(w, 200);
		segments[i].direction = i < nr_out ? RING_OUT : RING_IN;
		if (where % 8 == 0)
			segments[i].gpa = HIGH;
	}
}

/* One value of one segment becomes anything. */
static void spoil(struct world *w, struct ring_segment *segment)
{
	w->is_honest = false;
	if (next(w, 2))
		segment->gpa = fuzz_next(&w->input, 8);
	else
		segment->len = (uint32_t)fuzz_next(&w->input, 4);
	segment->direction ^= next(w, 2);
}

static void add(struct world *w)
{
	struct ring_segment segments[MAX_SIZE];
	unsigned how = next(w, 256);
	unsigned nr = 1 + how / 8 % w->ring.size;

	fill_segments(w, segments, nr);
	if (how % 8 == 7)
		spoil(w, &segments[next(w, nr)]);
	if (how & 1 && w->features & BIT(VIRTIO_F_INDIRECT_DESC))
		ring_driver_add_indirect(&w->ring, segments, nr);
	else
		ring_driver_add(&w->ring, segments, nr);
}

static void take(struct world *w)
{
	uint32_t written;
	int id = ring_driver_take(&w->ring, &written);

	if (id < 0 || !w->is_honest)
		return;
	FUZZ_CHECK(id < w->ring.size && w->is_pushed[id]);
	w->is_pushed[id] = false;
}

/* Change some bytes of the ring or of its indirect tables. */
static void corrupt(struct world *w)
{
	uint64_t at = RING + fuzz_next(&w->input, 2) % (w->ring.heap - RING);
	size_t size = 1u << next(w, 4);
	uint64_t value = fuzz_next(&w->input, size);

	w->is_honest = false;
	FUZZ_CHECK(memory_write(w->memory, at, &value, size));
}

/* Small steps of the index that a fuzzer would hardly find among all bytes. */
static void move_avail(struct world *w)
{
	int by = (int)next(w, 256) - 128;

	w->is_honest = false;
	if (w->ring.packed)
		ring_driver_add_packed(&w->ring, BUFFERS, 8, (uint16_t)next(w, 256),
				       next(w, 8));
	else
		ring_driver_add_head(&w->ring, (uint16_t)by);
	if (!w->ring.packed && by & 1)
		w->ring.avail->idx = (uint16_t)(w->ring.avail->idx + by);
}

/* -- the device -- */

static void check_chain(const struct world *w, const struct virtq_chain *chain)
{
	uint64_t out = 0, in = 0;

	FUZZ_CHECK(chain->id < w->ring.size && !w->is_busy[chain->id]);
	FUZZ_CHECK(chain->nr_out + chain->nr_in <= w->ring.size);
	for (unsigned i = 0; i < chain->nr_out + chain->nr_in; i++) {
		uintptr_t base = (uintptr_t)chain->iov[i].iov_base;
		size_t len = chain->iov[i].iov_len;

		FUZZ_CHECK(len && memory_owns(w->memory, base) &&
			   memory_owns(w->memory, base + len - 1));
		*(i < chain->nr_out ? &out : &in) += len;
	}
	FUZZ_CHECK(out == chain->out_size && in == chain->in_size);
	FUZZ_CHECK(out + in <= UINT32_MAX);
}

static void pop(struct world *w)
{
	struct iovec iov[MAX_SIZE];
	struct virtq_chain chain = { .iov = iov, .max_iov = w->ring.size };
	int got = virtq_pop(&w->queue, &chain);

	FUZZ_CHECK((got == -1) == !!w->queue.fault[0]);
	FUZZ_CHECK(got != -1 || !w->is_honest);
	if (got != 1)
		return;
	check_chain(w, &chain);
	memcpy(w->iov[chain.id], iov, sizeof(iov));
	w->busy[chain.id] = chain;
	w->busy[chain.id].iov = w->iov[chain.id];
	w->is_busy[chain.id] = true;
	w->last = chain.id;
	w->nr_busy++;
	FUZZ_CHECK(w->nr_busy <= w->ring.size);
}

static void give_back(struct world *w)
{
	uint8_t data[256];
	unsigned id = next(w, w->ring.size);
	struct virtq_chain *chain = &w->busy[id];
	uint64_t offset = next(w, 256);

	if (!w->is_busy[id])
		return;
	FUZZ_CHECK(virtq_chain_read(chain, offset, data, sizeof(data)) <= sizeof(data));
	/* Into the ring too, where a bad driver put its buffers there. */
	virtq_chain_write(chain, offset, data, sizeof(data));
	virtq_push(&w->queue, chain, next(w, 256));
	w->is_busy[id] = false;
	w->is_pushed[id] = true;
	w->nr_busy--;
	if (w->last == (int)id)
		w->last = -1;
}

static void undo(struct world *w)
{
	if (w->last < 0)
		return;
	virtq_unpop(&w->queue, &w->busy[w->last]);
	w->is_busy[w->last] = false;
	w->nr_busy--;
	w->last = -1;
}

/* What a snapshot does, if nothing is in flight. */
static void save_and_load(struct world *w)
{
	struct virtq_state state;

	virtq_publish(&w->queue);
	if (w->nr_busy || w->queue.fault[0])
		return;
	state = w->queue.state;
	virtq_reset(&w->queue);
	w->queue.state = state;
	FUZZ_CHECK(virtq_start(&w->queue, w->features) == 0);
}

static void step(struct world *w)
{
	bool more;

	switch (next(w, 12)) {
	case 0:
	case 1:
		add(w);
		break;
	case 2:
		take(w);
		break;
	case 3:
		corrupt(w);
		break;
	case 4:
		move_avail(w);
		break;
	case 5:
	case 6:
		pop(w);
		break;
	case 7:
		give_back(w);
		break;
	case 8:
		virtq_publish(&w->queue);
		break;
	case 9:
		more = virtq_want_kicks(&w->queue);
		FUZZ_CHECK(!more || !w->queue.fault[0]);
		break;
	case 10:
		virtq_refuse_kicks(&w->queue);
		undo(w);
		break;
	default:
		save_and_load(w);
	}
}

/* Rounds of the ring that both sides have behind them. */
static void begin_late(struct world *w, uint16_t at)
{
	struct virtq_state *state = &w->queue.state;

	if (w->ring.packed) {
		at %= w->ring.size;
		for (unsigned i = 0; i < at; i++)
			w->ring.packed_desc[i].flags =
				VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED;
	} else {
		w->ring.avail->idx = w->ring.used->idx = at;
		w->ring.kicked_avail = at;
	}
	state->next_avail = state->next_used = at;
	w->ring.next_avail = w->ring.last_used = at;
}

static struct memory *make_memory(void)
{
	static struct memory memory;
	struct err err;

	if (!memory.nr_regions)
		FUZZ_CHECK(!memory_add_ram(&memory, 0, LOW_SIZE, &err) &&
			   !memory_add_ram(&memory, HIGH, HIGH_SIZE, &err));
	memset(memory_for_write(&memory, RING, BUFFERS - RING), 0, BUFFERS - RING);
	return &memory;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct world *w = &world;
	unsigned how, entries;

	memset(w, 0, sizeof(*w));
	w->input = (struct fuzz_input){ data, size };
	w->memory = make_memory();
	w->is_honest = true;
	w->last = -1;
	how = next(w, 256);
	if (how & 1)
		w->features |= BIT(VIRTIO_F_RING_PACKED);
	if (how & 2)
		w->features |= BIT(VIRTIO_F_EVENT_IDX);
	if (how & 4)
		w->features |= BIT(VIRTIO_F_INDIRECT_DESC);
	entries = how & 1 ? 1 + next(w, MAX_SIZE) : 1u << next(w, 7);
	virtq_init(&w->queue, w->memory, MAX_SIZE);
	FUZZ_CHECK(!ring_driver_init(&w->ring, w->memory, RING, (uint16_t)entries,
				     w->features));
	ring_driver_set_up(&w->ring, &w->queue);
	begin_late(w, (uint16_t)fuzz_next(&w->input, 2));
	FUZZ_CHECK(virtq_start(&w->queue, w->features) == 0);

	while (w->input.size)
		step(w);
	virtq_destroy(&w->queue);
	return 0;
}
