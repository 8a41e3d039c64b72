/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL031 against a clock of the test's own. */
#include "chip.h"

#include "dev/pl031.h"

#define SECOND INT64_C(1000000000)
#define START  INT64_C(1700000000)

/* An RTC on a bench: the host's clock, one timer and the interrupt line. */
struct bench {
	struct pl031 rtc;
	struct chip_irq irq;
	int64_t now;
	int64_t deadline;
	unsigned armed; /* how often a timer was asked for */
};

static int64_t bench_now(void *opaque)
{
	struct bench *bench = opaque;

	return bench->now;
}

static void bench_arm(void *opaque, int64_t deadline_ns)
{
	struct bench *bench = opaque;

	bench->deadline = deadline_ns;
	if (deadline_ns == INT64_MAX)
		return;
	bench->armed++;
	assert_true(deadline_ns > bench->now); /* never a timer that is due at once */
}

static const struct pl031_ops bench_ops = { .now = bench_now, .arm = bench_arm };

static void bench_init(struct bench *bench)
{
	struct irq_line line = chip_irq_line(&bench->irq);

	memset(bench, 0, sizeof(*bench));
	bench->now = START * SECOND;
	bench->deadline = INT64_MAX;
	pl031_init(&bench->rtc, &bench_ops, &line, bench);
}

static uint32_t in(struct bench *bench, unsigned reg)
{
	return (uint32_t)pl031_io.read(&bench->rtc, reg, 4);
}

static void out(struct bench *bench, unsigned reg, uint32_t value)
{
	pl031_io.write(&bench->rtc, reg, 4, value);
}

/* Let time pass, with the ticks that were asked for. */
static void run(struct bench *bench, int64_t ns)
{
	const int64_t then = bench->now + ns;

	while (bench->deadline <= then) {
		bench->now = bench->deadline;
		bench->deadline = INT64_MAX;
		pl031_tick(&bench->rtc);
	}
	bench->now = then;
}

static void test_shows_the_hosts_time(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(in(&b, PL031_DR), START);
	run(&b, SECOND - 1);
	assert_int_equal(in(&b, PL031_DR), START);
	run(&b, 1);
	assert_int_equal(in(&b, PL031_DR), START + 1);
	b.now += 86400 * SECOND; /* the host's clock is set */
	assert_int_equal(in(&b, PL031_DR), START + 86401);
	b.now -= 2 * 86400 * SECOND;
	assert_int_equal(in(&b, PL031_DR), START - 86399);
	assert_int_equal(in(&b, PL031_CR), 1);
	assert_int_equal(b.armed, 0); /* nobody waits */
	assert_int_equal(in(&b, PL031_RIS), 0);
}

static void test_identification(void **state)
{
	static const uint8_t ids[] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < ARRAY_LENGTH(ids); i++)
		assert_int_equal(in(&b, PRIMECELL_IDS + 4 * i), ids[i]);
	assert_int_equal(in(&b, 0x20), 0);
	assert_int_equal(in(&b, PRIMECELL_IDS - 4), 0);
}

static void test_set_the_time(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	run(&b, SECOND / 2);
	out(&b, PL031_LR, 1000);
	assert_int_equal(in(&b, PL031_DR), 1000);
	assert_int_equal(in(&b, PL031_LR), 1000);
	run(&b, SECOND - 1); /* the second began with the write */
	assert_int_equal(in(&b, PL031_DR), 1000);
	run(&b, 1);
	assert_int_equal(in(&b, PL031_DR), 1001);
	assert_int_equal(in(&b, PL031_LR), 1000);
	out(&b, PL031_LR, UINT32_MAX);
	run(&b, SECOND);
	assert_int_equal(in(&b, PL031_DR), 0);
}

/* As Linux sets an alarm and serves its interrupt. */
static void test_alarm(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	run(&b, SECOND / 4);
	out(&b, PL031_MR, START + 10);
	out(&b, PL031_ICR, 1);
	out(&b, PL031_IMSC, 1);
	assert_int_equal(b.deadline, (START + 10) * SECOND);
	run(&b, 10 * SECOND - SECOND / 4 - 1);
	assert_false(b.irq.level);
	run(&b, 1);
	assert_true(b.irq.level);
	assert_int_equal(b.deadline, INT64_MAX);
	assert_int_equal(in(&b, PL031_MIS), 1);
	out(&b, PL031_ICR, 1);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, PL031_RIS), 0);
	run(&b, 100 * SECOND);
	assert_int_equal(b.irq.raised, 1);
	assert_int_equal(b.irq.redundant, 0);
}

static void test_match_without_interrupt(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL031_MR, START + 10);
	run(&b, 9 * SECOND);
	assert_int_equal(in(&b, PL031_RIS), 0);
	run(&b, 3 * SECOND); /* passed between two looks */
	assert_int_equal(in(&b, PL031_RIS), 1);
	assert_int_equal(in(&b, PL031_MIS), 0);
	assert_int_equal(b.armed, 0);
	out(&b, PL031_IMSC, 1);
	assert_true(b.irq.level);
	out(&b, PL031_IMSC, 0);
	assert_false(b.irq.level);
}

static void test_match_at_once(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL031_IMSC, 1);
	out(&b, PL031_MR, START);
	assert_true(b.irq.level);
	out(&b, PL031_ICR, 1);
	assert_false(b.irq.level);
	out(&b, PL031_LR, START);
	assert_true(b.irq.level);
}

static void test_clock_that_jumps(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL031_MR, START + 100);
	out(&b, PL031_IMSC, 1);
	b.now -= 50 * SECOND; /* back: nothing has passed, and the timer is set anew */
	pl031_tick(&b.rtc);
	assert_false(b.irq.level);
	assert_int_equal(b.deadline, (START + 100) * SECOND);
	b.now += 1000 * SECOND; /* forward, over it */
	pl031_tick(&b.rtc);
	assert_true(b.irq.level);
}

/* The alarm is cleared and set for later; the time is set in between. */
static void test_alarm_follows_the_time_that_is_set(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL031_MR, 500);
	out(&b, PL031_IMSC, 1);
	out(&b, PL031_LR, 400);
	assert_int_equal(b.deadline, (START + 100) * SECOND);
	out(&b, PL031_IMSC, 0);
	assert_int_equal(b.deadline, INT64_MAX);
}

static void test_accesses_beside_registers(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(pl031_io.read(&b.rtc, PL031_DR + 2, 2), 0);
	pl031_io.write(&b.rtc, PL031_LR + 2, 2, 1);
	out(&b, PL031_DR, 5);
	out(&b, PL031_CR, 0); /* once it runs, it runs */
	assert_int_equal(in(&b, PL031_DR), START);
	assert_int_equal(pl031_io.read(&b.rtc, PRIMECELL_IDS, 1), 0x31);
}

static void test_reset(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL031_LR, 1000);
	out(&b, PL031_MR, 1000);
	out(&b, PL031_IMSC, 1);
	assert_true(b.irq.level);
	pl031_reset(&b.rtc);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, PL031_IMSC), 0);
	assert_int_equal(in(&b, PL031_RIS), 0);
	assert_int_equal(in(&b, PL031_DR), 1000); /* its battery */
}

static void save(struct bench *b, struct state_writer *writer)
{
	struct err err;

	assert_int_equal(pl031_save(&b->rtc, writer, "chip", &err), 0);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a);
	run(&a, SECOND / 2);
	out(&a, PL031_LR, 1000);
	out(&a, PL031_MR, 1010);
	out(&a, PL031_IMSC, 1);
	save(&a, &writer);
	bench_init(&b);
	b.now += 5 * SECOND;
	assert_int_equal(pl031_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(&b, PL031_DR), 1004); /* 4.5 seconds later */
	assert_int_equal(in(&b, PL031_LR), 1000);
	assert_false(b.irq.level);
	assert_int_equal(b.deadline, a.deadline);
	run(&b, 6 * SECOND);
	assert_true(b.irq.level);

	/* What was due in between is due now. */
	bench_init(&b);
	b.now += 100 * SECOND;
	assert_int_equal(pl031_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	assert_true(b.irq.level);
	assert_int_equal(in(&b, PL031_DR), 1099);
	state_writer_free(&writer);
}

static void test_load_lowers_the_line(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a);
	save(&a, &writer);
	bench_init(&b);
	out(&b, PL031_IMSC, 1);
	out(&b, PL031_MR, START);
	assert_true(b.irq.level);
	assert_int_equal(pl031_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	assert_false(b.irq.level);
	state_writer_free(&writer);
}

static void test_load_of_an_older_state(void **state)
{
	struct state_writer writer = { 0 };
	uint32_t mr = 77;
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b);
	out(&b, PL031_IMSC, 1);
	chip_section(&writer, "mr", &mr, sizeof(mr));
	assert_int_equal(pl031_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(&b, PL031_MR), 77);
	assert_int_equal(in(&b, PL031_IMSC),
			 0); /* what was missing has its reset value */
	assert_int_equal(in(&b, PL031_DR), START);
	assert_int_equal(in(&b, PL031_RIS), 0);
	state_writer_free(&writer);
}

static void test_hostile_states_are_refused(void **state)
{
	static const struct {
		const char *field;
		uint32_t value;
		size_t size;
	} bad[] = {
		{ "imsc", 2, 1 },
		{ "ris", 255, 1 },
		{ "phase_ns", 1000000000, 4 },
		{ "phase_ns", UINT32_MAX, 4 },
	};
	struct state_writer writer = { 0 };
	struct pl031_regs before;
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b);
	out(&b, PL031_LR, 1000);
	before = b.rtc.regs;
	for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
		chip_section(&writer, bad[i].field, &bad[i].value, bad[i].size);
		assert_int_equal(pl031_load(&b.rtc, chip_image(&writer), "chip", &err),
				 -1);
		assert_non_null(strstr(err.text, "chip"));
		assert_memory_equal(&b.rtc.regs, &before, sizeof(before));
	}
	state_writer_free(&writer);
}

/* Whatever the guest and the clock do, MIS and the line agree, and no match is missed. */
static void test_random_operations(void **state)
{
	static const unsigned written[] = { PL031_MR, PL031_LR, PL031_IMSC, PL031_ICR };
	uint32_t seed = 31;
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t r = chip_random(&seed);

		switch (r % 4) {
		case 0:
			run(&b, r >> 2);
			break;
		case 1: /* near to what the counter shows, mostly */
			out(&b, written[r >> 2 & 3],
			    r >> 31 ? r : in(&b, PL031_DR) + (r >> 8 & 3));
			break;
		case 2:
			in(&b, r >> 2 & 0x1c);
			break;
		default:
			if (r >> 29 == 0)
				b.now = START * SECOND + (r >> 2);
			b.deadline = INT64_MAX;
			pl031_tick(&b.rtc);
			break;
		}
		assert_int_equal(b.irq.redundant, 0);
		assert_int_equal(b.irq.level, in(&b, PL031_MIS));
		/* An alarm that lies ahead has its timer. */
		if (in(&b, PL031_IMSC) && !b.irq.level &&
		    in(&b, PL031_MR) != in(&b, PL031_DR))
			assert_true(b.deadline <= b.now + SECOND * (INT64_C(1) << 32));
		else
			assert_int_equal(b.deadline, INT64_MAX);
	}
	assert_true(b.irq.raised > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shows_the_hosts_time),
		cmocka_unit_test(test_identification),
		cmocka_unit_test(test_set_the_time),
		cmocka_unit_test(test_alarm),
		cmocka_unit_test(test_match_without_interrupt),
		cmocka_unit_test(test_match_at_once),
		cmocka_unit_test(test_clock_that_jumps),
		cmocka_unit_test(test_alarm_follows_the_time_that_is_set),
		cmocka_unit_test(test_accesses_beside_registers),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_load_lowers_the_line),
		cmocka_unit_test(test_load_of_an_older_state),
		cmocka_unit_test(test_hostile_states_are_refused),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
