/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtqueues, what holds for both layouts: each test runs with a ring of either. */
#include <pthread.h>

#include "util/state.h"
#include "virtq_test.h"

#define BUFFER 0x200000ull /* guest memory that no ring uses */

/* -- requests and answers -- */

static void test_request_and_answer(void **state)
{
	struct virtq_fixture *f = *state;

	for (int indirect = 0; indirect < 2; indirect++) {
		uint64_t out, in, status;
		uint32_t written = 0;
		char data[8] = { 0 };
		int id;

		virtq_begin(f, 8, INDIRECT);
		assert_int_equal(virtq_pop_one(f), 0);
		out = ring_driver_buffer(&f->ring, "request", 8);
		in = ring_driver_buffer(&f->ring, NULL, 512);
		status = ring_driver_buffer(&f->ring, NULL, 1);
		struct ring_segment segments[] = { { out, 8, RING_OUT },
						   { in, 512, RING_IN },
						   { status, 1, RING_IN } };
		id = indirect ? ring_driver_add_indirect(&f->ring, segments, 3)
			      : ring_driver_add(&f->ring, segments, 3);
		assert_true(id >= 0);

		assert_int_equal(virtq_pop_one(f), 1);
		assert_int_equal(f->chain.nr_out, 1);
		assert_int_equal(f->chain.nr_in, 2);
		assert_int_equal(f->chain.out_size, 8);
		assert_int_equal(f->chain.in_size, 513);
		assert_int_equal(virtq_gpa(f, 0), out);
		assert_int_equal(virtq_gpa(f, 1), in);
		assert_int_equal(virtq_gpa(f, 2), status);
		assert_int_equal(virtq_chain_read(&f->chain, 0, data, 8), 8);
		assert_string_equal(data, "request");
		assert_int_equal(virtq_chain_write(&f->chain, 510, "abc", 3), 3);

		/* Not seen before it is published. */
		virtq_push(&f->queue, &f->chain, 513);
		assert_int_equal(ring_driver_take(&f->ring, &written), -1);
		virtq_publish(&f->queue);
		assert_int_equal(virtq_pop_one(f), 0);
		assert_int_equal(ring_driver_take(&f->ring, &written), id);
		assert_int_equal(written, 513);
		assert_int_equal(ring_driver_take(&f->ring, &written), -1);
		assert_true(memory_read(&f->memory, in + 510, data, 2));
		assert_memory_equal(data, "ab", 2);
		assert_true(memory_read(&f->memory, status, data, 1));
		assert_int_equal(data[0], 'c');
	}
}

/* No more was written than there is room. */
static void test_written_is_clamped(void **state)
{
	struct virtq_fixture *f = *state;
	uint32_t written = 0;

	virtq_begin(f, 4, 0);
	virtq_add_one(f, BUFFER, 100, RING_IN);
	virtq_serve(f, UINT32_MAX);
	assert_true(ring_driver_take(&f->ring, &written) >= 0);
	assert_int_equal(written, 100);
	virtq_add_one(f, BUFFER, 100, RING_OUT);
	virtq_serve(f, 1);
	assert_true(ring_driver_take(&f->ring, &written) >= 0);
	assert_int_equal(written, 0);
}

static void test_copy_over_segments(void **state)
{
	struct virtq_fixture *f = *state;
	struct ring_segment segments[] = {
		{ BUFFER, 3, RING_OUT },       { BUFFER + 100, 2, RING_OUT },
		{ BUFFER + 200, 4, RING_OUT }, { BUFFER + 300, 1, RING_IN },
		{ BUFFER + 400, 2, RING_IN },
	};
	char data[10] = { 0 };

	virtq_begin(f, 8, 0);
	memory_write(&f->memory, BUFFER, "abc", 3);
	memory_write(&f->memory, BUFFER + 100, "de", 2);
	memory_write(&f->memory, BUFFER + 200, "fghi", 4);
	ring_driver_add(&f->ring, segments, 5);
	assert_int_equal(virtq_pop_one(f), 1);
	assert_int_equal(virtq_chain_read(&f->chain, 0, data, 10), 9);
	assert_memory_equal(data, "abcdefghi", 9);
	assert_int_equal(virtq_chain_read(&f->chain, 2, data, 4), 4);
	assert_memory_equal(data, "cdef", 4);
	assert_int_equal(virtq_chain_read(&f->chain, 3, data, 2), 2);
	assert_memory_equal(data, "de", 2);
	assert_int_equal(virtq_chain_read(&f->chain, 9, data, 1), 0);
	assert_int_equal(virtq_chain_read(&f->chain, UINT64_MAX, data, 1), 0);
	assert_int_equal(virtq_chain_write(&f->chain, 0, "XYZ!", 4), 3);
	assert_int_equal(virtq_chain_write(&f->chain, 3, "?", 1), 0);
	memory_read(&f->memory, BUFFER + 300, data, 1);
	memory_read(&f->memory, BUFFER + 400, data + 1, 3);
	assert_memory_equal(data, "XYZ", 4);
}

/* Many rounds of the ring, chains of any length, answers in any order. */
static void test_out_of_order(void **state)
{
	struct virtq_fixture *f = *state;
	static const uint16_t sizes[] = { 1, 2, 8, 64 };
	uint32_t seed = 1;

	for (unsigned s = 0; s < 4; s++) {
		struct virtq_chain busy[64];
		struct iovec iov[64][8];
		uint64_t tags[64] = { 0 }; /* by ID: what is in its first segment */
		unsigned nr_busy = 0, answered = 0;
		uint64_t tag = 1;

		virtq_begin(f, sizes[s], INDIRECT | EVENT_IDX);
		for (unsigned step = 0; step < 4000; step++) {
			unsigned what = (seed = seed * 1103515245 + 12345) >> 16;
			unsigned n = 1 + what / 8 % (sizes[s] < 5 ? sizes[s] : 5);
			struct ring_segment segments[5];
			uint64_t gpa = BUFFER + tag % 1024 * 64;
			int id;

			switch (what % 4) {
			case 0: /* the driver adds one */
				for (unsigned i = 0; i < n; i++)
					segments[i] =
						(struct ring_segment){ gpa + 8 * i, 8,
								       RING_OUT };
				id = what & 4 ? ring_driver_add(&f->ring, segments, n)
					      : ring_driver_add_indirect(&f->ring,
									 segments, n);
				if (id < 0)
					break;
				memory_write(&f->memory, gpa, &tag, 8);
				tags[id] = tag++;
				break;
			case 1: /* the device takes one */
				busy[nr_busy].iov = iov[nr_busy];
				busy[nr_busy].max_iov = 8;
				if (virtq_pop(&f->queue, &busy[nr_busy]) == 1)
					nr_busy++;
				break;
			case 2: /* and gives any back */
				if (!nr_busy) {
					virtq_publish(&f->queue);
					break;
				}
				n = what / 4 % nr_busy;
				uint64_t seen;

				virtq_chain_read(&busy[n], 0, &seen, 8);
				assert_int_equal(seen, tags[busy[n].id]);
				virtq_push(&f->queue, &busy[n], 0);
				nr_busy--;
				memcpy(iov[n], iov[nr_busy], sizeof(iov[n]));
				busy[n] = busy[nr_busy];
				busy[n].iov = iov[n];
				if (what & 0x100)
					virtq_publish(&f->queue);
				break;
			default: /* the driver looks */
				id = ring_driver_take(&f->ring, NULL);
				if (id < 0)
					break;
				assert_true(id < sizes[s] && tags[id]);
				tags[id] = 0;
				answered++;
			}
			assert_string_equal(f->queue.fault, "");
		}
		assert_true(answered > 100);
	}
}

static void test_unpop(void **state)
{
	struct virtq_fixture *f = *state;
	int ids[4];

	virtq_begin(f, 4, 0);
	/* Three rounds, so that the undone ones lie across the end of the ring. */
	for (unsigned round = 0; round < 3; round++) {
		struct virtq_chain a = f->chain, b = f->chain, c = f->chain;
		struct iovec iov[3][4];

		a.iov = iov[0];
		b.iov = iov[1];
		c.iov = iov[2];
		for (unsigned i = 0; i < 3; i++)
			ids[i] = virtq_add_one(f, BUFFER + 64 * i, 8 + i, RING_IN);
		assert_int_equal(virtq_pop(&f->queue, &a), 1);
		assert_int_equal(virtq_pop(&f->queue, &b), 1);
		assert_int_equal(virtq_pop(&f->queue, &c), 1);
		/* The first is answered meanwhile, the others come again. */
		virtq_push(&f->queue, &a, 8);
		virtq_unpop(&f->queue, &c);
		virtq_unpop(&f->queue, &b);
		virtq_publish(&f->queue);
		assert_int_equal(ring_driver_take(&f->ring, NULL), ids[0]);
		for (unsigned i = 1; i < 3; i++) {
			assert_int_equal(virtq_pop_one(f), 1);
			assert_int_equal(f->chain.in_size, 8 + i);
			virtq_push(&f->queue, &f->chain, 1);
		}
		assert_int_equal(virtq_pop_one(f), 0);
		virtq_publish(&f->queue);
		assert_int_equal(ring_driver_take(&f->ring, NULL), ids[1]);
		assert_int_equal(ring_driver_take(&f->ring, NULL), ids[2]);
	}
}

/* What was popped before the queue stopped reaches nobody, and harms nobody. */
static void test_stop_with_chains_in_flight(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 4, 0);
	virtq_add_one(f, BUFFER, 8, RING_IN);
	assert_int_equal(virtq_pop_one(f), 1);
	virtq_stop(&f->queue);
	virtq_push(&f->queue, &f->chain, 8);
	assert_false(virtq_publish(&f->queue));
	assert_false(virtq_want_kicks(&f->queue));
	virtq_refuse_kicks(&f->queue);
	assert_int_equal(virtq_pop_one(f), 0);
	assert_int_equal(ring_driver_take(&f->ring, NULL), -1);
	/* A new ring does not know the old chain either. */
	virtq_begin(f, 4, 0);
	virtq_push(&f->queue, &f->chain, 8);
	assert_false(virtq_publish(&f->queue));
	assert_int_equal(ring_driver_take(&f->ring, NULL), -1);
}

/* -- what virtq_start() refuses -- */

static void assert_refused(struct virtq_fixture *f, const char *why)
{
	assert_int_equal(virtq_start(&f->queue, f->layout), -1);
	if (!strstr(f->queue.fault, why))
		fail_msg("\"%s\" does not name %s", f->queue.fault, why);
	assert_int_equal(virtq_pop_one(f), -1);
}

static void test_sizes(void **state)
{
	struct virtq_fixture *f = *state;
	static const uint16_t bad[] = { 0, VIRTQ_MAX_SIZE + 1, 2048, 0x8000, 0xffff };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		virtq_begin(f, 4, 0);
		f->queue.state.size = bad[i];
		assert_refused(f, "it may have 1 to 1024");
	}
	/* 2.7: "always a power of 2". 2.8.10.1: "does not have to be". */
	virtq_begin(f, 4, 0);
	f->queue.state.size = 3;
	if (f->layout == SPLIT)
		assert_refused(f, "2.7)");
	else
		assert_int_equal(virtq_start(&f->queue, f->layout), 0);
}

/* Areas that are misaligned, or leave RAM with their last byte. */
static void test_areas(void **state)
{
	struct virtq_fixture *f = *state;
	const bool split = f->layout == SPLIT;
	const unsigned alignment[3] = { 16, split ? 2 : 4, 4 };
	const unsigned bytes[3] = { 16 * 4, split ? 6 + 2 * 4 : 4,
				    split ? 6 + 8 * 4 : 4 };

	for (unsigned area = 0; area < 3; area++) {
		uint64_t good = LOW_SIZE - bytes[area];
		const struct {
			uint64_t gpa;
			bool good;
		} cases[] = {
			{ good - good % alignment[area], true },
			{ good - good % alignment[area] + alignment[area], false },
			{ RING + alignment[area], true },
			{ RING + alignment[area] / 2, false },
			{ RING + 1, false },
			{ LOW_SIZE, false },
			{ HIGH - alignment[area], false },
			{ HIGH, true },
			{ 0, true },
			{ UINT64_MAX - 15, false },
			{ UINT64_MAX - alignment[area] + 1, false },
			{ 1ull << 63, false },
		};

		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			virtq_begin(f, 4, 0);
			virtq_stop(&f->queue);
			uint64_t *at = area == 0   ? &f->queue.state.desc
				       : area == 1 ? &f->queue.state.driver
						   : &f->queue.state.device;

			*at = cases[i].gpa;
			if (cases[i].good)
				assert_int_equal(virtq_start(&f->queue, f->layout), 0);
			else
				assert_refused(f, split ? "2.7)" : "2.8.10.1)");
		}
	}
}

/* -- breaches by segments -- */

static void test_addresses(void **state)
{
	struct virtq_fixture *f = *state;
	static const struct {
		uint64_t gpa;
		uint32_t len;
		bool good;
	} cases[] = {
		{ 0, 1, true },
		{ 0, LOW_SIZE, true },
		{ LOW_SIZE - 1, 1, true },
		{ HIGH, HIGH_SIZE, true },
		{ HIGH + HIGH_SIZE - 1, 1, true },
		{ 0, LOW_SIZE + 1, false },
		{ LOW_SIZE - 1, 2, false },
		{ LOW_SIZE, 1, false },   /* the hole */
		{ 0xfee00000, 4, false }, /* devices */
		{ 0, UINT32_MAX, false },
		{ HIGH - 1, 2, false },
		{ HIGH - 1, 1, false },
		{ HIGH, HIGH_SIZE + 1, false },
		{ HIGH + HIGH_SIZE, 1, false },
		{ UINT64_MAX, 1, false },
		{ UINT64_MAX, 2, false }, /* wraps */
		{ UINT64_MAX - 0xfff, 0x2000, false },
		{ 1ull << 63, 16, false },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int direction = RING_OUT; direction <= RING_IN; direction++) {
			virtq_begin(f, 4, 0);
			virtq_add_one(f, cases[i].gpa, cases[i].len, direction);
			if (cases[i].good)
				assert_int_equal(virtq_pop_one(f), 1);
			else
				virtq_assert_breach(f, "2.7.5");
		}
	}
}

/* A bad segment behind good ones: the device gets nothing of the chain. */
static void test_late_bad_segment(void **state)
{
	struct virtq_fixture *f = *state;
	struct ring_segment segments[] = { { BUFFER, 8, RING_OUT },
					   { BUFFER, 8, RING_IN },
					   { LOW_SIZE, 8, RING_IN } };

	virtq_begin(f, 8, INDIRECT);
	ring_driver_add(&f->ring, segments, 3);
	virtq_assert_breach(f, "not RAM");
	virtq_begin(f, 8, INDIRECT);
	ring_driver_add_indirect(&f->ring, segments, 3);
	virtq_assert_breach(f, "not RAM");
}

static void test_read_behind_write(void **state)
{
	struct virtq_fixture *f = *state;
	struct ring_segment segments[] = { { BUFFER, 8, RING_OUT },
					   { BUFFER, 8, RING_IN },
					   { BUFFER, 8, RING_OUT } };

	virtq_begin(f, 8, INDIRECT);
	ring_driver_add(&f->ring, segments, 3);
	virtq_assert_breach(f, "2.7.4.2, 2.8.17");
	virtq_begin(f, 8, INDIRECT);
	ring_driver_add_indirect(&f->ring, segments + 1, 2);
	virtq_assert_breach(f, "2.7.4.2, 2.8.17");
}

/* They are not forbidden: they count, and devices do not see them. */
static void test_empty_segments(void **state)
{
	struct virtq_fixture *f = *state;
	struct ring_segment segments[9] = { { UINT64_MAX, 0, RING_OUT },
					    { BUFFER, 8, RING_OUT },
					    { 0, 0, RING_IN },
					    { BUFFER + 8, 8, RING_OUT },
					    { LOW_SIZE, 0, RING_IN } };

	virtq_begin(f, 8, INDIRECT);
	ring_driver_add(&f->ring, segments, 5);
	assert_int_equal(virtq_pop_one(f), 1);
	assert_int_equal(f->chain.nr_out, 2);
	assert_int_equal(f->chain.nr_in, 0);
	assert_int_equal(f->chain.out_size, 16);
	assert_int_equal(virtq_gpa(f, 1), BUFFER + 8);
	virtq_push(&f->queue, &f->chain, 0);

	/* A request without a byte is one. */
	virtq_add_one(f, 0, 0, RING_OUT);
	assert_int_equal(virtq_pop_one(f), 1);
	assert_int_equal(f->chain.nr_out + f->chain.nr_in, 0);
	virtq_push(&f->queue, &f->chain, 0);

	/* But no way to go on for ever. */
	virtq_begin(f, 8, INDIRECT);
	int id = virtq_add_one(f, BUFFER, 16 * 9, RING_OUT);
	void *table = memory_for_write(&f->memory, BUFFER, 16 * 9);

	memset(table, 0, 16 * 9);
	if (f->layout == SPLIT) {
		for (unsigned i = 0; i < 8; i++)
			((struct virtq_desc *)table)[i] =
				(struct virtq_desc){ .flags = VIRTQ_DESC_F_NEXT,
						     .next = (uint16_t)(i + 1) };
		f->ring.desc[id].flags |= VIRTQ_DESC_F_INDIRECT;
	} else {
		f->ring.packed_desc[0].flags |= VIRTQ_DESC_F_INDIRECT;
	}
	virtq_assert_breach(f, "2.7.5.3.1, 2.8.17");
}

static void test_total_length(void **state)
{
	struct virtq_fixture *f = *state;
	struct ring_segment segments[64];

	/* 64 times 64 MiB are 2^32: one byte too many. */
	for (unsigned i = 0; i < 64; i++)
		segments[i] =
			(struct ring_segment){ 0, LOW_SIZE, i < 32 ? RING_OUT : RING_IN };
	segments[63].len--;
	virtq_begin(f, 64, 0);
	ring_driver_add(&f->ring, segments, 64);
	assert_int_equal(virtq_pop_one(f), 1);
	assert_int_equal(f->chain.out_size + f->chain.in_size, UINT32_MAX);

	segments[63].len++;
	virtq_begin(f, 64, 0);
	ring_driver_add(&f->ring, segments, 64);
	virtq_assert_breach(f, "2.7.5.2, 2.8.4");
}

static void test_longest_chain(void **state)
{
	struct virtq_fixture *f = *state;
	struct ring_segment segments[8];

	for (unsigned i = 0; i < 8; i++)
		segments[i] = (struct ring_segment){ BUFFER + i, 1, RING_OUT };
	for (int indirect = 0; indirect < 2; indirect++) {
		virtq_begin(f, 8, INDIRECT);
		if (indirect)
			ring_driver_add_indirect(&f->ring, segments, 8);
		else
			ring_driver_add(&f->ring, segments, 8);
		assert_int_equal(virtq_pop_one(f), 1);
		assert_int_equal(f->chain.nr_out, 8);

		/* The device may take fewer (2.7.4.1). */
		virtq_unpop(&f->queue, &f->chain);
		f->chain.max_iov = 7;
		virtq_assert_breach(f, "2.7.4.1, 2.8.18");
		f->chain.max_iov = VIRTQ_MAX_SIZE;
	}
}

/* -- indirect tables -- */

/* A descriptor that refers to a table of `len` bytes at `gpa`. */
static void add_table(struct virtq_fixture *f, uint64_t gpa, uint32_t len, unsigned flags)
{
	flags |= VIRTQ_DESC_F_INDIRECT;
	if (f->layout == PACKED) {
		ring_driver_add_packed(&f->ring, gpa, len, 0, flags);
		return;
	}
	f->ring.desc[0] = (struct virtq_desc){ gpa, len, (uint16_t)flags, 0 };
	ring_driver_add_head(&f->ring, 0);
}

static void test_indirect_tables(void **state)
{
	struct virtq_fixture *f = *state;
	static const struct {
		uint64_t gpa;
		uint32_t len;
		const char *why;
	} cases[] = {
		{ BUFFER, 16, NULL },
		{ BUFFER + 1, 16, NULL }, /* may lie anywhere */
		{ LOW_SIZE - 16, 16, NULL },
		{ BUFFER, 0, "2.7.5.3, 2.8.7" },
		{ BUFFER, 1, "2.7.5.3, 2.8.7" },
		{ BUFFER, 15, "2.7.5.3, 2.8.7" },
		{ BUFFER, 17, "2.7.5.3, 2.8.7" },
		{ BUFFER, UINT32_MAX, "2.7.5.3, 2.8.7" },
		{ LOW_SIZE - 15, 16, "which is not RAM" },
		{ LOW_SIZE, 16, "which is not RAM" },
		{ 0, UINT32_MAX - 15, "which is not RAM" },
		{ UINT64_MAX - 15, 16, "which is not RAM" },
		{ UINT64_MAX - 15, 32, "which is not RAM" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		virtq_begin(f, 8, INDIRECT);
		add_table(f, cases[i].gpa, cases[i].len, 0);
		if (cases[i].why)
			virtq_assert_breach(f, cases[i].why);
		else
			assert_int_equal(virtq_pop_one(f), 1);
	}
	virtq_begin(f, 8, 0);
	add_table(f, BUFFER, 16, 0);
	virtq_assert_breach(f, "2.7.5.3.1, 2.8.19");
}

/* 2.7.5.3.2, 2.8.7: WRITE is to be ignored in the descriptor that refers to a table. */
static void test_write_flag_of_a_table(void **state)
{
	struct virtq_fixture *f = *state;
	struct virtq_desc element = { .addr = BUFFER + 64, .len = 8 };

	virtq_begin(f, 8, INDIRECT);
	memory_write(&f->memory, BUFFER, &element, sizeof(element));
	add_table(f, BUFFER, 16, VIRTQ_DESC_F_WRITE);
	assert_int_equal(virtq_pop_one(f), 1);
	assert_int_equal(f->chain.nr_out, 1);
	assert_int_equal(f->chain.nr_in, 0);
}

static void test_table_longer_than_the_queue(void **state)
{
	struct virtq_fixture *f = *state;
	struct virtq_desc elements[9];

	for (unsigned i = 0; i < 9; i++) {
		elements[i] = (struct virtq_desc){ .addr = BUFFER + 64, .len = 8 };
		if (f->layout == SPLIT && i < 8) {
			elements[i].flags = VIRTQ_DESC_F_NEXT;
			elements[i].next = (uint16_t)(i + 1);
		}
	}
	virtq_begin(f, 8, INDIRECT);
	memory_write(&f->memory, BUFFER, elements, sizeof(elements));
	add_table(f, BUFFER, sizeof(elements), 0);
	virtq_assert_breach(f, "2.7.5.3.1, 2.8.17");
	/* Split: only what is linked counts. */
	if (f->layout == SPLIT) {
		elements[7].flags = 0;
		memory_write(&f->memory, BUFFER, elements, sizeof(elements));
		virtq_begin(f, 8, INDIRECT);
		add_table(f, BUFFER, sizeof(elements), 0);
		assert_int_equal(virtq_pop_one(f), 1);
		assert_int_equal(f->chain.nr_out, 8);
	}
}

/* -- what was written is marked (promise 2) -- */

static bool take_dirty(struct virtq_fixture *f, uint64_t gpa)
{
	return memory_take_dirty(&f->memory, 0, gpa / 4096);
}

static void clear_dirty(struct virtq_fixture *f)
{
	for (uint64_t page = 0; page < 0x400000 / 4096; page++)
		memory_take_dirty(&f->memory, 0, page);
}

static void test_marks(void **state)
{
	struct virtq_fixture *f = *state;
	struct ring_segment segments[] = { { BUFFER, 8, RING_OUT },
					   { BUFFER + 0x1000, 0x1000, RING_IN },
					   { BUFFER + 0x3000, 0x2000, RING_IN } };

	virtq_begin(f, 8, 0);
	ring_driver_add(&f->ring, segments, 3);
	clear_dirty(f);

	assert_int_equal(virtq_pop_one(f), 1);
	for (uint64_t gpa = 0; gpa < 0x400000; gpa += 4096)
		assert_false(take_dirty(f, gpa));
	virtq_push(&f->queue, &f->chain, 0x1001);
	virtq_publish(&f->queue);
	assert_false(take_dirty(f, BUFFER));
	assert_true(take_dirty(f, BUFFER + 0x1000));
	assert_false(take_dirty(f, BUFFER + 0x2000));
	assert_true(take_dirty(f, BUFFER + 0x3000));
	assert_false(take_dirty(f, BUFFER + 0x4000)); /* nothing was written there */
	/* And what the ring itself was answered with. */
	assert_true(take_dirty(f, f->layout == SPLIT ? f->ring.device_gpa
						     : f->ring.desc_gpa));
	virtq_refuse_kicks(&f->queue);
	assert_true(take_dirty(f, f->ring.device_gpa));
	virtq_want_kicks(&f->queue);
	assert_true(take_dirty(f, f->ring.device_gpa));

	/* Written is written, also when the queue has stopped. */
	virtq_add_one(f, BUFFER, 8, RING_IN);
	clear_dirty(f);
	assert_int_equal(virtq_pop_one(f), 1);
	virtq_stop(&f->queue);
	virtq_push(&f->queue, &f->chain, 8);
	assert_true(take_dirty(f, BUFFER));
}

/* Answers in the ring of 1024, 16 KiB or 8 KiB long, across its end. */
static void test_marks_across_the_end(void **state)
{
	struct virtq_fixture *f = *state;
	uint64_t ring, size;

	virtq_begin(f, 1024, 0);
	for (unsigned i = 0; i < 1020; i++) {
		virtq_add_one(f, BUFFER, 8, RING_OUT);
		virtq_serve(f, 0);
		assert_true(ring_driver_take(&f->ring, NULL) >= 0);
	}
	clear_dirty(f);
	for (unsigned i = 0; i < 8; i++) {
		virtq_add_one(f, BUFFER, 8, RING_OUT);
		assert_int_equal(virtq_pop_one(f), 1);
		virtq_push(&f->queue, &f->chain, 0);
	}
	virtq_publish(&f->queue);
	ring = f->layout == SPLIT ? f->ring.device_gpa : f->ring.desc_gpa;
	size = f->layout == SPLIT ? 6 + 8 * 1024 : 16 * 1024;
	assert_true(take_dirty(f, ring));
	assert_true(take_dirty(f, ring + size - 1));
	assert_false(take_dirty(f, ring + size + 4096));
}

/* -- saved state -- */

static void save_and_load(struct virtq_fixture *f, uint64_t features)
{
	struct state_writer writer = { 0 };
	struct err err;

	assert_int_equal(
		state_save(&writer, "queue", &virtq_state_layout, &f->queue.state, &err),
		0);
	virtq_destroy(&f->queue);
	virtq_init(&f->queue, &f->memory, VIRTQ_MAX_SIZE);
	assert_int_equal(state_load((struct bytes){ writer.data, writer.size }, "queue",
				    &virtq_state_layout, &f->queue.state, &err),
			 0);
	state_writer_free(&writer);
	assert_int_equal(virtq_start(&f->queue, f->layout | features), 0);
}

static void test_save_and_load(void **state)
{
	struct virtq_fixture *f = *state;
	struct ring_segment segments[] = { { BUFFER, 8, RING_OUT },
					   { BUFFER + 64, 8, RING_IN },
					   { BUFFER + 128, 8, RING_IN } };

	virtq_begin(f, 4, EVENT_IDX);
	/* Between any two steps of the driver, over some rounds. */
	for (unsigned i = 0; i < 50; i++) {
		uint32_t written = 0;
		int id = ring_driver_add(&f->ring, segments, 1 + i % 3);

		save_and_load(f, EVENT_IDX);
		ring_driver_want_interrupts(&f->ring, 0);
		assert_true(virtq_serve(f, i % 3 ? 8 : 0));
		save_and_load(f, EVENT_IDX);
		assert_int_equal(virtq_pop_one(f), 0);
		assert_int_equal(ring_driver_take(&f->ring, &written), id);
		assert_int_equal(written, i % 3 ? 8 : 0);
	}
	/* After the load the driver is asked for kicks again. */
	virtq_refuse_kicks(&f->queue);
	save_and_load(f, EVENT_IDX);
	virtq_add_one(f, BUFFER, 8, RING_OUT);
	assert_true(ring_driver_must_kick(&f->ring));
}

static void test_hostile_states_are_refused(void **state)
{
	struct virtq_fixture *f = *state;
	const struct virtq_state fresh = { 0 };

	for (unsigned i = 0; i < 6; i++) {
		virtq_begin(f, 4, 0);
		struct virtq_state *s = &f->queue.state;

		virtq_stop(&f->queue);
		switch (i) {
		case 0: /* requests in flight would never be answered */
			s->next_avail = 1;
			break;
		case 1:
			s->next_used = 1;
			break;
		case 2:
			*s = fresh;
			break;
		case 3:
			s->avail_wrap = 0;
			break;
		case 4:
			s->avail_wrap = s->used_wrap = 2;
			break;
		case 5:
			s->next_avail = s->next_used = 4;
			break;
		}
		/* Split rings have no wrap counter, and indices that run freely. */
		if (f->layout == SPLIT && i >= 3)
			assert_int_equal(virtq_start(&f->queue, f->layout), 0);
		else
			assert_int_equal(virtq_start(&f->queue, f->layout), -1);
	}
}

static void test_reset_forgets(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 4, 0);
	virtq_add_one(f, LOW_SIZE, 8, RING_OUT);
	assert_int_equal(virtq_pop_one(f), -1);
	virtq_reset(&f->queue);
	assert_string_equal(f->queue.fault, "");
	assert_int_equal(f->queue.state.size, VIRTQ_MAX_SIZE);
	assert_int_equal(f->queue.state.ready, 0);
	assert_int_equal(f->queue.state.desc, 0);
	assert_int_equal(virtq_pop_one(f), 0);
	virtq_begin(f, 4, 0);
	virtq_add_one(f, BUFFER, 8, RING_OUT);
	virtq_serve(f, 0);
}

/* -- a driver that changes what it has handed over -- */

struct meddler {
	uint64_t *words;
	unsigned nr;
	uint64_t a, b;
	bool stop;
};

static void *meddle(void *opaque)
{
	struct meddler *m = opaque;
	uint32_t seed = 1;

	while (!__atomic_load_n(&m->stop, __ATOMIC_RELAXED)) {
		seed = seed * 1103515245 + 12345;
		__atomic_store_n(&m->words[(seed >> 8) % m->nr], seed >> 31 ? m->a : m->b,
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Addresses of a chain flip between RAM and the hole. What is popped is RAM. */
static void test_addresses_that_change(void **state)
{
	struct virtq_fixture *f = *state;
	struct ring_segment segments[4];
	struct meddler m = { .nr = 2 * 4, .a = BUFFER, .b = LOW_SIZE };
	unsigned good = 0, bad = 0;
	pthread_t thread;

	/* The meddler writes addresses only: even words of a table at BUFFER + 4096. */
	for (unsigned i = 0; i < 4; i++)
		segments[i] = (struct ring_segment){ BUFFER, 8, RING_IN };
	virtq_begin(f, 4, INDIRECT);
	ring_driver_add_indirect(&f->ring, segments, 4);
	struct {
		uint64_t addr, rest;
	} *table = memory_for_write(&f->memory, f->ring.tables[0], 64);
	uint64_t rest[4];

	for (unsigned i = 0; i < 4; i++)
		rest[i] = table[i].rest;
	m.words = (uint64_t *)table;
	assert_int_equal(pthread_create(&thread, NULL, meddle, &m), 0);
	for (unsigned i = 0; i < 30000; i++) {
		/* Lengths and flags get addresses for values too; put them right. */
		for (unsigned k = 0; k < 4; k++)
			__atomic_store_n(&table[k].rest, rest[k], __ATOMIC_RELAXED);
		if (virtq_pop_one(f) == 1) {
			for (unsigned k = 0; k < f->chain.nr_out + f->chain.nr_in; k++)
				assert_true(memory_owns(&f->memory,
							(uintptr_t)f->iov[k].iov_base));
			virtq_unpop(&f->queue, &f->chain);
			good++;
		} else {
			struct virtq_state old = f->queue.state;

			assert_true(f->queue.fault[0]);
			virtq_reset(&f->queue);
			f->queue.state = old;
			assert_int_equal(virtq_start(&f->queue, f->layout | INDIRECT), 0);
			bad++;
		}
	}
	__atomic_store_n(&m.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(good + bad, 30000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VIRTQ_BOTH(test_request_and_answer),
		VIRTQ_BOTH(test_written_is_clamped),
		VIRTQ_BOTH(test_copy_over_segments),
		VIRTQ_BOTH(test_out_of_order),
		VIRTQ_BOTH(test_unpop),
		VIRTQ_BOTH(test_stop_with_chains_in_flight),
		VIRTQ_BOTH(test_sizes),
		VIRTQ_BOTH(test_areas),
		VIRTQ_BOTH(test_addresses),
		VIRTQ_BOTH(test_late_bad_segment),
		VIRTQ_BOTH(test_read_behind_write),
		VIRTQ_BOTH(test_empty_segments),
		VIRTQ_BOTH(test_total_length),
		VIRTQ_BOTH(test_longest_chain),
		VIRTQ_BOTH(test_indirect_tables),
		VIRTQ_BOTH(test_write_flag_of_a_table),
		VIRTQ_BOTH(test_table_longer_than_the_queue),
		VIRTQ_BOTH(test_marks),
		VIRTQ_BOTH(test_marks_across_the_end),
		VIRTQ_BOTH(test_save_and_load),
		VIRTQ_BOTH(test_hostile_states_are_refused),
		VIRTQ_BOTH(test_reset_forgets),
		VIRTQ_BOTH(test_addresses_that_change),
	};

	return cmocka_run_group_tests_name("virtq", tests, NULL, NULL);
}
