/* SPDX-License-Identifier: BSD-2-Clause */
/* Kicks and interrupts of virtqueues: who is told, who asked not to be. Both layouts. */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "virtq_test.h"

#define BUFFER 0x200000ull /* guest memory that no ring uses */

/* -- notifications -- */

static void test_kicks(void **state)
{
	struct virtq_fixture *f = *state;

	for (int event_idx = 0; event_idx < 2; event_idx++) {
		virtq_begin(f, 4, event_idx ? EVENT_IDX : 0);
		for (unsigned round = 0; round < 10; round++) {
			/* An idle device is kicked. */
			virtq_add_one(f, BUFFER, 8, RING_OUT);
			assert_true(ring_driver_must_kick(&f->ring));

			/* A busy one is not. */
			virtq_refuse_kicks(&f->queue);
			virtq_add_one(f, BUFFER, 8, RING_OUT);
			assert_false(ring_driver_must_kick(&f->ring));
			virtq_serve(f, 0);
			/* What came while it was busy, no kick will announce. */
			assert_true(virtq_want_kicks(&f->queue));
			virtq_refuse_kicks(&f->queue);
			virtq_serve(f, 0);
			assert_int_equal(virtq_pop_one(f), 0);
			assert_false(virtq_want_kicks(&f->queue));
			while (ring_driver_take(&f->ring, NULL) >= 0)
				;
		}
		/* Refusing is refusing, wherever the device is by then. */
		virtq_add_one(f, BUFFER, 8, RING_OUT);
		assert_true(ring_driver_must_kick(&f->ring));
		virtq_serve(f, 0);
		virtq_refuse_kicks(&f->queue);
		virtq_add_one(f, BUFFER, 8, RING_OUT);
		assert_false(ring_driver_must_kick(&f->ring));
		assert_true(virtq_want_kicks(&f->queue));
		virtq_serve(f, 0);
		assert_false(virtq_want_kicks(&f->queue));
		while (ring_driver_take(&f->ring, NULL) >= 0)
			;
		/* Two at once are one kick; spurious kicks find nothing. */
		virtq_add_one(f, BUFFER, 8, RING_OUT);
		virtq_add_one(f, BUFFER, 8, RING_OUT);
		assert_true(ring_driver_must_kick(&f->ring));
		assert_false(ring_driver_must_kick(&f->ring));
		virtq_serve(f, 0);
		virtq_serve(f, 0);
		assert_int_equal(virtq_pop_one(f), 0);
	}
}

static void test_interrupts(void **state)
{
	struct virtq_fixture *f = *state;

	for (int event_idx = 0; event_idx < 2; event_idx++) {
		virtq_begin(f, 4, event_idx ? EVENT_IDX : 0);
		assert_false(virtq_publish(&f->queue)); /* nothing was pushed */
		for (unsigned round = 0; round < 10; round++) {
			virtq_add_one(f, BUFFER, 8, RING_OUT);
			virtq_add_one(f, BUFFER, 8, RING_OUT);
			ring_driver_want_interrupts(&f->ring, 0);
			assert_true(virtq_serve(f, 0));
			assert_true(ring_driver_take(&f->ring, NULL) >= 0);
			ring_driver_refuse_interrupts(&f->ring);
			assert_false(virtq_serve(f, 0));
			assert_false(virtq_publish(&f->queue));
			assert_true(ring_driver_take(&f->ring, NULL) >= 0);
		}
	}
}

/* EVENT_IDX: an interrupt for the third of three, whatever the batches. */
static void test_interrupt_for_a_later_one(void **state)
{
	struct virtq_fixture *f = *state;

	virtq_begin(f, 8, EVENT_IDX);
	for (unsigned round = 0; round < 20; round++) {
		struct virtq_chain chains[4];

		ring_driver_want_interrupts(&f->ring, 2);
		for (unsigned i = 0; i < 4; i++)
			virtq_add_one(f, BUFFER, 8, RING_OUT);
		assert_false(virtq_serve(f, 0));
		for (unsigned i = 1; i < 4; i++) {
			chains[i] = f->chain;
			assert_int_equal(virtq_pop(&f->queue, &chains[i]), 1);
		}
		if (round & 1) { /* one by one */
			virtq_push(&f->queue, &chains[2], 0);
			assert_false(virtq_publish(&f->queue));
			virtq_push(&f->queue, &chains[3], 0);
			assert_true(virtq_publish(&f->queue));
			virtq_push(&f->queue, &chains[1], 0);
			assert_false(virtq_publish(&f->queue));
		} else { /* all in one go */
			for (unsigned i = 1; i < 4; i++)
				virtq_push(&f->queue, &chains[i], 0);
			assert_true(virtq_publish(&f->queue));
		}
		for (unsigned i = 0; i < 4; i++)
			assert_true(ring_driver_take(&f->ring, NULL) >= 0);
	}
}

/* -- both sides at once -- */

#define REQUESTS 20000u

struct device_thread {
	struct virtq_fixture *f;
	int kick, interrupt; /* eventfds */
	bool stuck;
};

static void ring_bell(int fd)
{
	const uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

/* false: it did not come for ages, so it was lost. */
static bool await_bell(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&pollfd, 1, 60000) > 0 && read(fd, &count, sizeof(count)) > 0;
}

static void *serve_all(void *opaque)
{
	struct device_thread *d = opaque;
	struct virtq_fixture *f = d->f;

	for (unsigned done = 0; done < REQUESTS;) {
		while (virtq_pop_one(f) == 1) {
			virtq_push(&f->queue, &f->chain, 0);
			if (virtq_publish(&f->queue))
				ring_bell(d->interrupt);
			done++;
		}
		if (done < REQUESTS && !virtq_want_kicks(&f->queue) &&
		    !await_bell(d->kick)) {
			d->stuck = true;
			break;
		}
		if (done & 1)
			virtq_refuse_kicks(&f->queue);
	}
	return NULL;
}

/* Take what is there; if nothing is, ask for an interrupt and look again. */
static unsigned take_or_wait(struct device_thread *d)
{
	struct ring_driver *ring = &d->f->ring;
	unsigned taken = 0;

	while (ring_driver_take(ring, NULL) >= 0)
		taken++;
	if (taken)
		return taken;
	ring_driver_want_interrupts(ring, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring_driver_take(ring, NULL) >= 0)
		return 1;
	if (!await_bell(d->interrupt))
		d->stuck = true;
	return 0;
}

/* Rules 3 and 4 of queue.c: nobody sleeps while there is something to do. */
static void test_no_notification_is_lost(void **state)
{
	struct virtq_fixture *f = *state;

	for (int event_idx = 0; event_idx < 2; event_idx++) {
		struct device_thread d = { .f = f,
					   .kick = eventfd(0, EFD_CLOEXEC),
					   .interrupt = eventfd(0, EFD_CLOEXEC) };
		unsigned added = 0, taken = 0;
		pthread_t thread;

		virtq_begin(f, 4, event_idx ? EVENT_IDX : 0);
		assert_int_equal(pthread_create(&thread, NULL, serve_all, &d), 0);
		while (taken < REQUESTS && !d.stuck) {
			while (added < REQUESTS &&
			       virtq_add_one(f, BUFFER, 8, RING_OUT) >= 0) {
				added++;
				if (ring_driver_must_kick(&f->ring))
					ring_bell(d.kick);
			}
			taken += take_or_wait(&d);
		}
		pthread_join(thread, NULL);
		assert_false(d.stuck);
		assert_string_equal(f->queue.fault, "");
		close(d.kick);
		close(d.interrupt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VIRTQ_BOTH(test_kicks),
		VIRTQ_BOTH(test_interrupts),
		VIRTQ_BOTH(test_interrupt_for_a_later_one),
		VIRTQ_BOTH(test_no_notification_is_lost),
	};

	return cmocka_run_group_tests_name("virtq_notify", tests, NULL, NULL);
}
