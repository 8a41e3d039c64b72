/* SPDX-License-Identifier: BSD-2-Clause */
/* What only packed rings have: rounds and wrap counters, buffer IDs, answers in place. */
#include "virtq_test.h"

#define BUFFER 0x200000ull
#define AVAIL  VIRTQ_DESC_F_AVAIL
#define USED   VIRTQ_DESC_F_USED
#define NEXT   VIRTQ_DESC_F_NEXT

static uint64_t packed_layout = PACKED;

static int setup(void **state)
{
	*state = &packed_layout;
	return virtq_setup(state);
}

/* -- what is available (2.8.1) -- */

static void test_availability(void **state)
{
	struct virtq_fixture *f = *state;

	for (unsigned wrap = 0; wrap < 2; wrap++) {
		for (unsigned flags = 0; flags < 4; flags++) {
			bool avail = flags & 1, used = flags & 2;

			virtq_begin(f, 4, 0);
			virtq_stop(&f->queue);
			f->queue.state.avail_wrap = f->queue.state.used_wrap =
				(uint8_t)wrap;
			assert_int_equal(virtq_start(&f->queue, PACKED), 0);
			f->ring.packed_desc[0] = (struct pvirtq_desc){
				BUFFER, 8, 0,
				(uint16_t)((avail ? AVAIL : 0) | (used ? USED : 0))
			};
			assert_int_equal(virtq_pop_one(f), avail == wrap && used != wrap);
		}
	}
}

/* Rounds of rings of any size, chains of all lengths lie across the end. */
static void test_rounds(void **state)
{
	struct virtq_fixture *f = *state;
	struct ring_segment segments[7];

	for (unsigned i = 0; i < 7; i++)
		segments[i] = (struct ring_segment){ BUFFER + 64 * i, 8, RING_IN };
	for (uint16_t size = 1; size <= 7; size++) {
		virtq_begin(f, size, EVENT_IDX);
		for (unsigned i = 0; i < 200; i++) {
			unsigned n = 1 + i % size;
			int id = ring_driver_add(&f->ring, segments, n);
			uint32_t written = 0;

			assert_true(ring_driver_must_kick(&f->ring));
			ring_driver_want_interrupts(&f->ring, 0);
			assert_int_equal(virtq_pop_one(f), 1);
			assert_int_equal(f->chain.nr_in, n);
			virtq_push(&f->queue, &f->chain, i % 9);
			assert_true(virtq_publish(&f->queue));
			assert_int_equal(ring_driver_take(&f->ring, &written), id);
			assert_int_equal(written, i % 9 < 8 * n ? i % 9 : 8 * n);
			assert_int_equal(virtq_pop_one(f), 0);
			assert_false(virtq_want_kicks(&f->queue));
		}
	}
}

/* -- chains -- */

/* 2.8.6: AVAIL and USED are right in all descriptors of a chain. */
static void test_chain_goes_on_where_nothing_is_available(void **state)
{
	struct virtq_fixture *f = *state;
	static const unsigned bad[] = { 0, USED, AVAIL | USED };

	for (unsigned i = 0; i < 3; i++) {
		virtq_begin(f, 4, 0);
		f->ring.packed_desc[1] =
			(struct pvirtq_desc){ BUFFER, 8, 0, (uint16_t)bad[i] };
		f->ring.packed_desc[0] =
			(struct pvirtq_desc){ BUFFER, 8, 0, AVAIL | NEXT };
		virtq_assert_breach(f, "2.8.6");
	}
	/* Across the end the wrap counter turns. */
	virtq_begin(f, 2, 0);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 0, 0);
	virtq_serve(f, 0);
	f->ring.packed_desc[0] = (struct pvirtq_desc){ BUFFER, 8, 0, AVAIL };
	f->ring.packed_desc[1] = (struct pvirtq_desc){ BUFFER, 8, 0, AVAIL | NEXT };
	virtq_assert_breach(f, "2.8.6");
}

/* A chain that never ends comes round to itself. */
static void test_chain_longer_than_the_ring(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 4, 0);
	for (unsigned i = 0; i < 4; i++)
		ring_driver_add_packed(&f->ring, BUFFER, 8, 0, NEXT);
	virtq_assert_breach(f, "2.8.16, 2.8.17");
	/* The same with no bytes to count. */
	virtq_begin(f, 4, 0);
	for (unsigned i = 0; i < 4; i++)
		ring_driver_add_packed(&f->ring, BUFFER, 0, 0, NEXT);
	virtq_assert_breach(f, "2.8.16, 2.8.17");
}

/* 2.8.16: what the device has not used the driver must not make available again. */
static void test_descriptors_in_flight_are_not_free(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 4, 0);
	for (unsigned i = 0; i < 4; i++) {
		ring_driver_add_packed(&f->ring, BUFFER, 8, (uint16_t)i, 0);
		assert_int_equal(virtq_pop_one(f), 1);
	}
	assert_int_equal(virtq_pop_one(f), 0);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 0, 0);
	virtq_assert_breach(f, "2.8.16, 2.8.17");

	/* One is used, but the chain wants two. */
	virtq_begin(f, 4, 0);
	for (unsigned i = 0; i < 4; i++) {
		ring_driver_add_packed(&f->ring, BUFFER, 8, (uint16_t)i, 0);
		assert_int_equal(virtq_pop_one(f), 1);
	}
	virtq_push(&f->queue, &f->chain, 0);
	virtq_publish(&f->queue);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 3, NEXT);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 3, 0);
	virtq_assert_breach(f, "2.8.16, 2.8.17");

	/* Used, but not published: the driver cannot know. */
	virtq_begin(f, 1, 0);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 0, 0);
	assert_int_equal(virtq_pop_one(f), 1);
	virtq_push(&f->queue, &f->chain, 0);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 0, 0);
	virtq_assert_breach(f, "2.8.16, 2.8.17");
}

/* -- buffer IDs -- */

static void test_buffer_ids(void **state)
{
	struct virtq_fixture *f = *state;
	static const uint16_t bad[] = { 4, 5, 0x8000, 0xffff };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		virtq_begin(f, 4, 0);
		ring_driver_add_packed(&f->ring, BUFFER, 8, bad[i], 0);
		virtq_assert_breach(f, "2.8.22");
	}
	virtq_begin(f, 4, 0);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 2, 0);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 2, 0);
	assert_int_equal(virtq_pop_one(f), 1);
	virtq_assert_breach(f, "2.8.21.1");

	/* It stands in the last descriptor; in the others it may be anything (2.8.6). */
	virtq_begin(f, 4, 0);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 0xffff, NEXT);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 0xabcd, NEXT);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 3, 0);
	virtq_serve(f, 0);
	assert_int_equal(f->ring.packed_desc[0].id, 3);
}

/* -- indirect -- */

static void test_indirect_in_a_chain(void **state)
{
	struct virtq_fixture *f = *state;
	const struct pvirtq_desc element = { BUFFER, 8, 0, 0 };

	virtq_begin(f, 4, INDIRECT);
	memory_write(&f->memory, BUFFER, &element, 16);
	ring_driver_add_packed(&f->ring, BUFFER, 16, 0, VIRTQ_DESC_F_INDIRECT | NEXT);
	ring_driver_add_packed(&f->ring, BUFFER, 16, 0, 0);
	virtq_assert_breach(f, "2.8.19");

	virtq_begin(f, 4, INDIRECT);
	ring_driver_add_packed(&f->ring, BUFFER, 16, 0, NEXT);
	ring_driver_add_packed(&f->ring, BUFFER, 16, 0, VIRTQ_DESC_F_INDIRECT);
	virtq_assert_breach(f, "2.8.19");
}

/* 2.8.7: all flags but WRITE, and the ID, are "reserved and ignored by the device". */
static void test_flags_in_a_table(void **state)
{
	struct virtq_fixture *f = *state;
	const struct pvirtq_desc table[2] = {
		{ BUFFER + 64, 8, 0xffff, (uint16_t)~VIRTQ_DESC_F_WRITE },
		{ BUFFER + 128, 8, 0xffff, 0xffff },
	};

	virtq_begin(f, 4, INDIRECT);
	memory_write(&f->memory, BUFFER, table, sizeof(table));
	ring_driver_add_packed(&f->ring, BUFFER, sizeof(table), 1, VIRTQ_DESC_F_INDIRECT);
	assert_int_equal(virtq_pop_one(f), 1);
	assert_int_equal(f->chain.nr_out, 1);
	assert_int_equal(f->chain.nr_in, 1);
	assert_int_equal(virtq_gpa(f, 1), BUFFER + 128);
	virtq_push(&f->queue, &f->chain, 8);
	virtq_publish(&f->queue);
	assert_int_equal(ring_driver_take(&f->ring, NULL), 1);
}

/* -- answers -- */

/* They come in their own order, from where the last one ended, and skip. */
static void test_answers_in_the_ring(void **state)
{
	struct virtq_fixture *f = *state;
	struct virtq_chain a = f->chain, b = f->chain;
	struct iovec iov[2][4];

	virtq_begin(f, 4, 0);
	a.iov = iov[0];
	b.iov = iov[1];
	ring_driver_add_packed(&f->ring, BUFFER, 8, 1, NEXT);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 1, VIRTQ_DESC_F_WRITE);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 2, VIRTQ_DESC_F_WRITE);
	assert_int_equal(virtq_pop(&f->queue, &a), 1);
	assert_int_equal(virtq_pop(&f->queue, &b), 1);

	virtq_push(&f->queue, &b, 5);
	virtq_push(&f->queue, &a, 0);
	/* The first is held back, so the driver sees neither. */
	assert_int_equal(f->ring.packed_desc[0].flags, AVAIL | NEXT);
	virtq_publish(&f->queue);
	assert_int_equal(f->ring.packed_desc[0].id, 2);
	assert_int_equal(f->ring.packed_desc[0].len, 5);
	assert_int_equal(f->ring.packed_desc[0].flags, AVAIL | USED | VIRTQ_DESC_F_WRITE);
	/* b took one descriptor, so a's answer is in the second; nothing written. */
	assert_int_equal(f->ring.packed_desc[1].id, 1);
	assert_int_equal(f->ring.packed_desc[1].flags, AVAIL | USED);
	assert_int_equal(f->queue.state.next_used, 3);

	/* In the second round USED and AVAIL are 0. */
	ring_driver_add_packed(&f->ring, BUFFER, 8, 1, 0);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 2, VIRTQ_DESC_F_WRITE);
	virtq_serve(f, 0);
	virtq_serve(f, 3);
	assert_int_equal(f->ring.packed_desc[3].flags, AVAIL | USED);
	assert_int_equal(f->ring.packed_desc[0].flags, VIRTQ_DESC_F_WRITE);
	assert_int_equal(f->queue.state.used_wrap, 0);
}

/* The flags of a head are read once; what they become afterwards does not matter. */
static void test_unpop_and_change(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 4, 0);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 0, NEXT);
	ring_driver_add_packed(&f->ring, BUFFER, 8, 0, 0);
	assert_int_equal(virtq_pop_one(f), 1);
	virtq_unpop(&f->queue, &f->chain);
	/* A driver that takes it back gets away with it: nobody looks at it yet. */
	f->ring.packed_desc[0].flags = 0;
	assert_int_equal(virtq_pop_one(f), 0);
	/* A chain in flight keeps its shape, whatever its descriptors become. */
	f->ring.packed_desc[0].flags = AVAIL | NEXT;
	assert_int_equal(virtq_pop_one(f), 1);
	f->ring.packed_desc[1] = (struct pvirtq_desc){ LOW_SIZE, 8, 99, NEXT };
	virtq_push(&f->queue, &f->chain, 0);
	virtq_publish(&f->queue);
	assert_int_equal(f->ring.packed_desc[0].id, 0);
	assert_int_equal(f->queue.state.next_used, 2);
}

/* -- suppression (2.8.10, 2.8.14) -- */

static void set_driver_event(struct virtq_fixture *f, unsigned desc, unsigned flags)
{
	*f->ring.driver_event =
		(struct pvirtq_event_suppress){ (uint16_t)desc, (uint16_t)flags };
}

static void test_event_flags(void **state)
{
	struct virtq_fixture *f = *state;
	static const struct {
		unsigned desc, flags;
		bool with, without; /* EVENT_IDX */
	} cases[] = {
		{ 0x8000, RING_EVENT_FLAGS_ENABLE, true, true },
		{ 0x8000, RING_EVENT_FLAGS_DISABLE, false, false },
		{ 0x8000, RING_EVENT_FLAGS_DESC, true, true },
		{ 0x8001, RING_EVENT_FLAGS_DESC, false, true },
		/* No sense in them: better one too many. */
		{ 0x8000, 3, true, true },
		{ 0x8004, RING_EVENT_FLAGS_DESC, true, true },
		{ 0xffff, RING_EVENT_FLAGS_DESC, true, true },
		/* Reserved bits say nothing. */
		{ 0x8000, 0xfffc | RING_EVENT_FLAGS_DISABLE, false, false },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int event_idx = 0; event_idx < 2; event_idx++) {
			virtq_begin(f, 4, event_idx ? EVENT_IDX : 0);
			set_driver_event(f, cases[i].desc, cases[i].flags);
			virtq_add_one(f, BUFFER, 8, RING_OUT);
			assert_int_equal(virtq_serve(f, 0),
					 event_idx ? cases[i].with : cases[i].without);
		}
	}
}

/* Every batch, from every position of two rounds, and every event: 5 is an odd size. */
static void test_event_arithmetic(void **state)
{
	struct virtq_fixture *f = *state;

	for (unsigned start = 0; start < 10; start++) {
		for (unsigned batch = 1; batch <= 5; batch++) {
			for (unsigned event = 0; event < 10; event++) {
				unsigned ahead = (event + 10 - start) % 10;

				virtq_begin(f, 5, EVENT_IDX);
				set_driver_event(f, 0, RING_EVENT_FLAGS_DISABLE);
				for (unsigned i = 0; i < start; i++) {
					virtq_add_one(f, BUFFER, 8, RING_OUT);
					virtq_serve(f, 0);
					ring_driver_take(&f->ring, NULL);
				}
				set_driver_event(f, event % 5 | (event < 5) << 15,
						 RING_EVENT_FLAGS_DESC);
				for (unsigned i = 0; i < batch; i++) {
					virtq_add_one(f, BUFFER, 8, RING_OUT);
					assert_int_equal(virtq_pop_one(f), 1);
					virtq_push(&f->queue, &f->chain, 0);
				}
				assert_int_equal(virtq_publish(&f->queue), ahead < batch);
			}
		}
	}
}

/* What the device writes for the driver. */
static void test_device_event(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 4, 0);
	assert_int_equal(f->ring.device_event->flags, RING_EVENT_FLAGS_ENABLE);
	virtq_refuse_kicks(&f->queue);
	assert_int_equal(f->ring.device_event->flags, RING_EVENT_FLAGS_DISABLE);
	virtq_want_kicks(&f->queue);
	assert_int_equal(f->ring.device_event->flags, RING_EVENT_FLAGS_ENABLE);

	virtq_begin(f, 4, EVENT_IDX);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(f->ring.device_event->flags, RING_EVENT_FLAGS_DESC);
		assert_int_equal(f->ring.device_event->desc, i % 4 | (i < 4) << 15);
		virtq_refuse_kicks(&f->queue);
		assert_int_equal(f->ring.device_event->flags, RING_EVENT_FLAGS_DISABLE);
		virtq_add_one(f, BUFFER, 8, RING_OUT);
		virtq_serve(f, 0);
		ring_driver_take(&f->ring, NULL);
		virtq_want_kicks(&f->queue);
	}
}

#define PACKED_TEST(name) cmocka_unit_test_setup_teardown(name, setup, virtq_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACKED_TEST(test_availability),
		PACKED_TEST(test_rounds),
		PACKED_TEST(test_chain_goes_on_where_nothing_is_available),
		PACKED_TEST(test_chain_longer_than_the_ring),
		PACKED_TEST(test_descriptors_in_flight_are_not_free),
		PACKED_TEST(test_buffer_ids),
		PACKED_TEST(test_indirect_in_a_chain),
		PACKED_TEST(test_flags_in_a_table),
		PACKED_TEST(test_answers_in_the_ring),
		PACKED_TEST(test_unpop_and_change),
		PACKED_TEST(test_event_flags),
		PACKED_TEST(test_event_arithmetic),
		PACKED_TEST(test_device_event),
	};

	return cmocka_run_group_tests_name("virtq_packed", tests, NULL, NULL);
}
