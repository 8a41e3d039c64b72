/* SPDX-License-Identifier: BSD-2-Clause */
/* What only split rings have: links, heads, indices that run freely, two rings. */
#include "virtq_test.h"

#define BUFFER 0x200000ull

/* Write a descriptor of the ring's table. */
static void set_desc(struct virtq_fixture *f, unsigned i, unsigned flags, unsigned next)
{
	f->ring.desc[i] = (struct virtq_desc){ BUFFER + 64 * i, 8, (uint16_t)flags,
					       (uint16_t)next };
}

/* -- chains -- */

static void test_loops(void **state)
{
	struct virtq_fixture *f = *state;

	/* To itself; to the one before; a long way round. */
	for (unsigned length = 1; length <= 8; length *= 2) {
		virtq_begin(f, 8, 0);
		for (unsigned i = 0; i < length; i++)
			set_desc(f, i, VIRTQ_DESC_F_NEXT, (i + 1) % length);
		ring_driver_add_head(&f->ring, 0);
		virtq_assert_breach(f, "2.7.5.3.1, 2.8.17");
	}
	/* In an indirect table, and with no bytes at all. */
	virtq_begin(f, 8, INDIRECT);
	struct virtq_desc loop[2] = { { BUFFER, 0, VIRTQ_DESC_F_NEXT, 1 },
				      { BUFFER, 0, VIRTQ_DESC_F_NEXT, 0 } };

	memory_write(&f->memory, BUFFER, loop, sizeof(loop));
	f->ring.desc[3] = (struct virtq_desc){ BUFFER, 32, VIRTQ_DESC_F_INDIRECT, 0 };
	ring_driver_add_head(&f->ring, 3);
	virtq_assert_breach(f, "2.7.5.3.1, 2.8.17");
}

static void test_next_out_of_range(void **state)
{
	struct virtq_fixture *f = *state;
	static const uint16_t bad[] = { 8, 9, 255, 0x7fff, 0xffff };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct virtq_desc element = { BUFFER, 8, VIRTQ_DESC_F_NEXT, bad[i] };

		virtq_begin(f, 8, INDIRECT);
		set_desc(f, 0, VIRTQ_DESC_F_NEXT, bad[i]);
		ring_driver_add_head(&f->ring, 0);
		virtq_assert_breach(f, "2.7.5, 2.7.5.3");

		virtq_begin(f, 8, INDIRECT);
		memory_write(&f->memory, BUFFER, &element, sizeof(element));
		f->ring.desc[0] =
			(struct virtq_desc){ BUFFER, 8 * 16, VIRTQ_DESC_F_INDIRECT, 0 };
		ring_driver_add_head(&f->ring, 0);
		virtq_assert_breach(f, "2.7.5, 2.7.5.3");
	}
	/* Without NEXT nobody looks at it. */
	virtq_begin(f, 8, 0);
	set_desc(f, 0, 0, 0xffff);
	ring_driver_add_head(&f->ring, 0);
	assert_int_equal(virtq_pop_one(f), 1);
}

static void test_flags_of_indirect_descriptors(void **state)
{
	struct virtq_fixture *f = *state;
	struct virtq_desc element = { BUFFER, 16, VIRTQ_DESC_F_INDIRECT, 0 };

	/* Nested, and even in itself. */
	virtq_begin(f, 8, INDIRECT);
	memory_write(&f->memory, BUFFER, &element, sizeof(element));
	f->ring.desc[0] = element;
	ring_driver_add_head(&f->ring, 0);
	virtq_assert_breach(f, "2.7.5.3.1");
	assert_non_null(strstr(f->queue.fault, "in an indirect table"));

	virtq_begin(f, 8, INDIRECT);
	f->ring.desc[0] = element;
	f->ring.desc[0].flags |= VIRTQ_DESC_F_NEXT;
	ring_driver_add_head(&f->ring, 0);
	virtq_assert_breach(f, "2.7.5.3.1");
	assert_non_null(strstr(f->queue.fault, "both INDIRECT and NEXT"));
}

/* 2.7.5.3.2: "zero or more normal chained descriptors followed by" an indirect one. */
static void test_direct_then_indirect(void **state)
{
	struct virtq_fixture *f = *state;
	struct virtq_desc table[8] = { { BUFFER + 0x1000, 8, VIRTQ_DESC_F_NEXT, 3 },
				       { 0 },
				       { 0 },
				       { BUFFER + 0x2000, 8, VIRTQ_DESC_F_WRITE, 0 } };

	virtq_begin(f, 8, INDIRECT);
	memory_write(&f->memory, BUFFER + 3, table, sizeof(table));
	set_desc(f, 5, VIRTQ_DESC_F_NEXT, 2);
	set_desc(f, 2, VIRTQ_DESC_F_NEXT, 7);
	f->ring.desc[7] = (struct virtq_desc){ BUFFER + 3, sizeof(table),
					       VIRTQ_DESC_F_INDIRECT, 0 };
	ring_driver_add_head(&f->ring, 5);
	assert_int_equal(virtq_pop_one(f), 1);
	assert_int_equal(f->chain.nr_out, 3);
	assert_int_equal(f->chain.nr_in, 1);
	assert_int_equal(virtq_gpa(f, 0), BUFFER + 64 * 5);
	assert_int_equal(virtq_gpa(f, 1), BUFFER + 64 * 2);
	assert_int_equal(virtq_gpa(f, 2), BUFFER + 0x1000);
	assert_int_equal(virtq_gpa(f, 3), BUFFER + 0x2000);
}

/* Both halves together must not be longer than the queue. */
static void test_direct_and_indirect_too_long(void **state)
{
	struct virtq_fixture *f = *state;
	struct virtq_desc table[8];

	for (unsigned length = 7; length <= 8; length++) {
		virtq_begin(f, 8, INDIRECT);
		for (unsigned i = 0; i < length; i++)
			table[i] = (struct virtq_desc){ BUFFER, 1, VIRTQ_DESC_F_NEXT,
							(uint16_t)(i + 1) };
		table[length - 1].flags = 0;
		memory_write(&f->memory, BUFFER, table, sizeof(table));
		set_desc(f, 0, VIRTQ_DESC_F_NEXT, 1);
		f->ring.desc[1] = (struct virtq_desc){ BUFFER, sizeof(table),
						       VIRTQ_DESC_F_INDIRECT, 0 };
		ring_driver_add_head(&f->ring, 0);
		if (length == 7)
			assert_int_equal(virtq_pop_one(f), 1);
		else
			virtq_assert_breach(f, "2.7.5.3.1, 2.8.17");
	}
}

/* Reserved flags say nothing. */
static void test_reserved_flags(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 8, 0);
	set_desc(f, 0, 0xfff8, 0);
	ring_driver_add_head(&f->ring, 0);
	assert_int_equal(virtq_pop_one(f), 1);
	assert_int_equal(f->chain.nr_out, 1);
}

/* -- heads -- */

static void test_heads(void **state)
{
	struct virtq_fixture *f = *state;
	static const uint16_t bad[] = { 8, 9, 0x100, 0x8000, 0xffff };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		virtq_begin(f, 8, 0);
		ring_driver_add_head(&f->ring, bad[i]);
		virtq_assert_breach(f, "2.7.6)");
	}
	/* Once more while in flight; after it was used it is free. */
	virtq_begin(f, 8, 0);
	set_desc(f, 3, 0, 0);
	ring_driver_add_head(&f->ring, 3);
	assert_int_equal(virtq_pop_one(f), 1);
	virtq_push(&f->queue, &f->chain, 0);
	ring_driver_add_head(&f->ring, 3);
	ring_driver_add_head(&f->ring, 3);
	assert_int_equal(virtq_pop_one(f), 1);
	virtq_assert_breach(f, "2.7.13.1");
}

/* -- the available index -- */

static void test_avail_idx(void **state)
{
	struct virtq_fixture *f = *state;
	static const struct {
		uint16_t popped, pushed, ahead; /* of next_avail */
		bool good;
	} cases[] = {
		{ 0, 0, 8, true },       { 0, 0, 9, false }, { 0, 0, 0x8000, false },
		{ 0, 0, 0xffff, false }, /* went back */
		{ 3, 0, 5, true },       { 3, 0, 6, false }, { 3, 0, 0xffff, false },
		{ 3, 3, 8, true },       { 3, 3, 9, false }, { 8, 0, 1, false },
		{ 8, 1, 1, true },       { 8, 1, 2, false }, { 8, 8, 0xfff8, false },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		virtq_begin(f, 8, 0);
		for (unsigned k = 0; k < 8; k++)
			set_desc(f, k, 0, 0);
		for (unsigned k = 0; k < cases[i].popped; k++) {
			ring_driver_add_head(&f->ring, (uint16_t)k);
			assert_int_equal(virtq_pop_one(f), 1);
			if (k < cases[i].pushed)
				virtq_push(&f->queue, &f->chain, 0);
		}
		virtq_publish(&f->queue);
		f->ring.avail->ring[f->ring.next_avail % 8] = 0;
		f->ring.avail->idx = (uint16_t)(f->ring.next_avail + cases[i].ahead);
		if (cases[i].good && cases[i].pushed == 0 && cases[i].popped)
			f->ring.avail->ring[f->ring.next_avail % 8] = 7;
		if (cases[i].good)
			assert_int_equal(virtq_pop_one(f), 1);
		else
			virtq_assert_breach(f, "2.7.6.1, 2.7.13");
	}
}

/* What was pushed and not published the driver cannot have freed yet. */
static void test_unpublished_chains_are_not_free(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 2, 0);
	for (unsigned i = 0; i < 2; i++) {
		virtq_add_one(f, BUFFER, 8, RING_OUT);
		assert_int_equal(virtq_pop_one(f), 1);
		virtq_push(&f->queue, &f->chain, 0);
	}
	ring_driver_add_head(&f->ring, 0);
	virtq_assert_breach(f, "2.7.6.1, 2.7.13");
}

/* Both indices start anywhere, as after a snapshot, and wrap at 2^16. */
static void test_indices_wrap(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 8, EVENT_IDX);
	virtq_stop(&f->queue);
	f->queue.state.next_avail = f->queue.state.next_used = 65520;
	f->ring.next_avail = f->ring.last_used = f->ring.kicked_avail = 65520;
	f->ring.avail->idx = f->ring.used->idx = 65520;
	assert_int_equal(virtq_start(&f->queue, EVENT_IDX), 0);
	for (unsigned i = 0; i < 40; i++) {
		int id = virtq_add_one(f, BUFFER, 8, RING_IN);

		assert_true(ring_driver_must_kick(&f->ring));
		ring_driver_want_interrupts(&f->ring, 0);
		assert_true(virtq_serve(f, i));
		assert_int_equal(ring_driver_take(&f->ring, NULL), id);
		assert_false(virtq_want_kicks(&f->queue));
	}
	assert_int_equal(f->queue.state.next_avail, (uint16_t)(65520 + 40));
}

/* -- what is in the used ring (2.7.8) -- */

static void test_used_ring(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 4, 0);
	for (unsigned i = 0; i < 6; i++) {
		int id = virtq_add_one(f, BUFFER, 100, RING_IN);

		virtq_serve(f, 10 + i);
		assert_int_equal(f->ring.used->idx, i + 1);
		assert_int_equal(f->ring.used->ring[i % 4].id, id);
		assert_int_equal(f->ring.used->ring[i % 4].len, 10 + i);
		ring_driver_take(&f->ring, NULL);
	}
}

/* -- suppression -- */

/* Without EVENT_IDX the event fields mean nothing, with it the flags (2.7.7, 2.7.10). */
static void test_the_other_mechanism_is_ignored(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 4, 0);
	*ring_driver_used_event(&f->ring) = 1000;
	virtq_add_one(f, BUFFER, 8, RING_OUT);
	assert_true(virtq_serve(f, 0));
	f->ring.avail->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
	*ring_driver_used_event(&f->ring) = 1;
	virtq_add_one(f, BUFFER, 8, RING_OUT);
	assert_false(virtq_serve(f, 0));
	virtq_refuse_kicks(&f->queue);
	assert_int_equal(f->ring.used->flags, VIRTQ_USED_F_NO_NOTIFY);
	virtq_want_kicks(&f->queue);
	assert_int_equal(f->ring.used->flags, 0);

	virtq_begin(f, 4, EVENT_IDX);
	f->ring.avail->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
	*ring_driver_used_event(&f->ring) = 0;
	virtq_add_one(f, BUFFER, 8, RING_OUT);
	assert_true(virtq_serve(f, 0));
	virtq_refuse_kicks(&f->queue);
	assert_int_equal(f->ring.used->flags, 0);
	virtq_want_kicks(&f->queue);
	assert_int_equal(*ring_driver_avail_event(&f->ring), 1);
}

/* An interrupt if, and only if, the entry used_event is among those just written. */
static void test_event_arithmetic(void **state)
{
	struct virtq_fixture *f = *state;
	static const uint16_t starts[] = { 0, 100, 0x7ffd, 65528, 65533, 65535 };

	for (unsigned s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
		for (uint16_t batch = 1; batch <= 8; batch++) {
			for (int event = -12; event <= 12; event++) {
				const uint16_t start = starts[s];

				virtq_begin(f, 8, EVENT_IDX);
				virtq_stop(&f->queue);
				f->queue.state.next_avail = start;
				f->queue.state.next_used = start;
				f->ring.next_avail = f->ring.last_used = start;
				f->ring.avail->idx = f->ring.used->idx = start;
				assert_int_equal(virtq_start(&f->queue, EVENT_IDX), 0);
				*ring_driver_used_event(&f->ring) =
					(uint16_t)(start + event);
				for (unsigned i = 0; i < batch; i++) {
					virtq_add_one(f, BUFFER, 8, RING_OUT);
					assert_int_equal(virtq_pop_one(f), 1);
					virtq_push(&f->queue, &f->chain, 0);
				}
				assert_int_equal(virtq_publish(&f->queue),
						 event >= 0 && event < batch);
			}
		}
	}
}

#define SPLIT_TEST(name) \
	cmocka_unit_test_setup_teardown(name, virtq_setup, virtq_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPLIT_TEST(test_loops),
		SPLIT_TEST(test_next_out_of_range),
		SPLIT_TEST(test_flags_of_indirect_descriptors),
		SPLIT_TEST(test_direct_then_indirect),
		SPLIT_TEST(test_direct_and_indirect_too_long),
		SPLIT_TEST(test_reserved_flags),
		SPLIT_TEST(test_heads),
		SPLIT_TEST(test_avail_idx),
		SPLIT_TEST(test_unpublished_chains_are_not_free),
		SPLIT_TEST(test_indices_wrap),
		SPLIT_TEST(test_used_ring),
		SPLIT_TEST(test_the_other_mechanism_is_ignored),
		SPLIT_TEST(test_event_arithmetic),
	};

	return cmocka_run_group_tests_name("virtq_split", tests, NULL, NULL);
}
