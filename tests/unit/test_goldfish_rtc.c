/* SPDX-License-Identifier: BSD-2-Clause */
/* The goldfish RTC against a clock of the test's own. */
#include "chip.h"

#include "dev/goldfish_rtc.h"

#define SECOND UINT64_C(1000000000)
#define START  (UINT64_C(1700000000) * SECOND + 123456789)

/* An RTC on a bench: the host's clock, one timer and the interrupt line. */
struct bench {
	struct goldfish_rtc rtc;
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

static const struct goldfish_rtc_ops bench_ops = { .now = bench_now, .arm = bench_arm };

static void bench_init(struct bench *bench)
{
	struct irq_line line = chip_irq_line(&bench->irq);

	memset(bench, 0, sizeof(*bench));
	bench->now = (int64_t)START;
	bench->deadline = INT64_MAX;
	goldfish_rtc_init(&bench->rtc, &bench_ops, &line, bench);
}

static uint32_t in(struct bench *bench, unsigned reg)
{
	return (uint32_t)goldfish_rtc_io.read(&bench->rtc, reg, 4);
}

static void out(struct bench *bench, unsigned reg, uint32_t value)
{
	goldfish_rtc_io.write(&bench->rtc, reg, 4, value);
}

/* In the order that the registers want, as Linux has it. */
static uint64_t read_time(struct bench *bench)
{
	const uint64_t low = in(bench, GOLDFISH_RTC_TIME_LOW);

	return (uint64_t)in(bench, GOLDFISH_RTC_TIME_HIGH) << 32 | low;
}

static void set_time(struct bench *bench, uint64_t time)
{
	out(bench, GOLDFISH_RTC_TIME_HIGH, (uint32_t)(time >> 32));
	out(bench, GOLDFISH_RTC_TIME_LOW, (uint32_t)time);
}

static void set_alarm(struct bench *bench, uint64_t time)
{
	out(bench, GOLDFISH_RTC_ALARM_HIGH, (uint32_t)(time >> 32));
	out(bench, GOLDFISH_RTC_ALARM_LOW, (uint32_t)time);
	out(bench, GOLDFISH_RTC_IRQ_ENABLED, 1);
}

/* Let time pass, with the ticks that were asked for. */
static void run(struct bench *bench, uint64_t ns)
{
	const int64_t then = bench->now + (int64_t)ns;

	while (bench->deadline <= then) {
		bench->now = bench->deadline;
		bench->deadline = INT64_MAX;
		goldfish_rtc_tick(&bench->rtc);
	}
	bench->now = then;
}

static void test_shows_the_hosts_time(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_true(read_time(&b) == START);
	run(&b, 5 * SECOND);
	assert_true(read_time(&b) == START + 5 * SECOND);
	b.now -= (int64_t)(3600 * SECOND); /* the host's clock is set */
	assert_true(read_time(&b) == START - 3595 * SECOND);
	assert_int_equal(b.armed, 0);
	assert_false(b.irq.level);
}

/* Both halves are of one moment, however long the guest takes. */
static void test_low_latches_high(void **state)
{
	uint32_t low, high;
	struct bench b;

	(void)state;
	bench_init(&b);
	b.now = INT64_C(0x5ffffffff);
	low = in(&b, GOLDFISH_RTC_TIME_LOW);
	run(&b, 1);
	high = in(&b, GOLDFISH_RTC_TIME_HIGH);
	assert_int_equal(low, 0xffffffff);
	assert_int_equal(high, 5);
	assert_int_equal(in(&b, GOLDFISH_RTC_TIME_LOW), 0);
	assert_int_equal(in(&b, GOLDFISH_RTC_TIME_HIGH), 6);
}

static void test_set_the_time(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set_time(&b, 1000 * SECOND);
	run(&b, 7);
	assert_true(read_time(&b) == 1000 * SECOND + 7);
	set_time(&b, UINT64_MAX);
	assert_true(read_time(&b) == UINT64_MAX);
}

/* With half of a new time an alarm that lies between must not go off. */
static void test_set_the_time_in_halves(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set_time(&b, UINT64_C(0x1fffffff0));
	set_alarm(&b, UINT64_C(0x280000000));
	set_time(&b, UINT64_C(0x200000001));
	assert_false(b.irq.level);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_STATUS), 1);
}

static void test_alarm(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set_alarm(&b, START + 10 * SECOND);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_STATUS), 1);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_LOW), (uint32_t)(START + 10 * SECOND));
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_HIGH), (START + 10 * SECOND) >> 32);
	run(&b, 10 * SECOND - 1);
	assert_false(b.irq.level);
	run(&b, 1);
	assert_true(b.irq.level);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_STATUS), 0);
	out(&b, GOLDFISH_RTC_CLEAR_INTERRUPT, 1);
	assert_false(b.irq.level);
	run(&b, 100 * SECOND);
	assert_int_equal(b.irq.raised, 1);
	assert_int_equal(b.irq.redundant, 0);
}

static void test_alarm_that_is_cleared(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set_alarm(&b, START + 10 * SECOND);
	out(&b, GOLDFISH_RTC_CLEAR_ALARM, 1);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_STATUS), 0);
	assert_int_equal(b.deadline, INT64_MAX);
	run(&b, 100 * SECOND);
	assert_false(b.irq.level);
}

static void test_alarm_in_the_past(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set_alarm(&b, START);
	assert_true(b.irq.level);
	assert_int_equal(b.armed, 0);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_STATUS), 0);
}

static void test_alarm_without_interrupt(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set_alarm(&b, START + 10 * SECOND);
	out(&b, GOLDFISH_RTC_IRQ_ENABLED, 0);
	assert_int_equal(b.deadline, INT64_MAX); /* nobody waits */
	run(&b, 11 * SECOND);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_STATUS), 0);
	assert_false(b.irq.level);
	out(&b, GOLDFISH_RTC_IRQ_ENABLED, 0xffffffff);
	assert_int_equal(in(&b, GOLDFISH_RTC_IRQ_ENABLED), 1);
	assert_true(b.irq.level);
}

static void test_alarm_follows_the_clock(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set_alarm(&b, START + 100 * SECOND);
	b.now -= (int64_t)(50 * SECOND); /* the host's clock is set back */
	goldfish_rtc_tick(&b.rtc);
	assert_false(b.irq.level);
	assert_int_equal(b.deadline, START + 100 * SECOND);
	set_time(&b, START + 90 * SECOND); /* and the guest's forward */
	assert_int_equal(b.deadline, b.now + (int64_t)(10 * SECOND));
	set_time(&b, START + 100 * SECOND);
	assert_true(b.irq.level);
	/* One that lies beyond all that the host's clock can show has no timer. */
	set_alarm(&b, UINT64_MAX);
	assert_int_equal(b.deadline, INT64_MAX);
}

static void test_accesses_that_reach_nothing(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(goldfish_rtc_io.read(&b.rtc, GOLDFISH_RTC_TIME_LOW, 2), 0);
	goldfish_rtc_io.write(&b.rtc, GOLDFISH_RTC_IRQ_ENABLED, 1, 1);
	assert_int_equal(in(&b, GOLDFISH_RTC_IRQ_ENABLED), 0);
	assert_int_equal(in(&b, GOLDFISH_RTC_TIME_HIGH), 0); /* nothing was latched */
	assert_int_equal(in(&b, GOLDFISH_RTC_CLEAR_INTERRUPT), 0);
	assert_int_equal(in(&b, 0x20), 0);
	assert_int_equal(in(&b, 2), 0);
	out(&b, GOLDFISH_RTC_ALARM_STATUS, 1);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_STATUS), 0);
	out(&b, 0x20, 1);
	assert_true(read_time(&b) == START);
}

static void test_reset(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set_time(&b, 1000 * SECOND);
	set_alarm(&b, 1000 * SECOND);
	set_alarm(&b, 1010 * SECOND);
	assert_true(b.irq.level);
	goldfish_rtc_reset(&b.rtc);
	assert_false(b.irq.level);
	assert_int_equal(b.deadline, INT64_MAX);
	assert_int_equal(in(&b, GOLDFISH_RTC_IRQ_ENABLED), 0);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_STATUS), 0);
	assert_true(read_time(&b) == 1000 * SECOND); /* its battery */
}

static void save(struct bench *b, struct state_writer *writer)
{
	struct err err;

	assert_int_equal(goldfish_rtc_save(&b->rtc, writer, "chip", &err), 0);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a);
	set_time(&a, 1000 * SECOND);
	set_alarm(&a, 1010 * SECOND);
	in(&a, GOLDFISH_RTC_TIME_LOW);
	save(&a, &writer);
	bench_init(&b);
	b.now += (int64_t)(5 * SECOND);
	assert_int_equal(goldfish_rtc_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(&b, GOLDFISH_RTC_TIME_HIGH), 1000 * SECOND >> 32);
	assert_true(read_time(&b) == 1005 * SECOND);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_STATUS), 1);
	assert_int_equal(b.deadline, a.deadline);
	run(&b, 5 * SECOND);
	assert_true(b.irq.level);

	/* What was due in between is due now. */
	bench_init(&b);
	b.now += (int64_t)(100 * SECOND);
	assert_int_equal(goldfish_rtc_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	assert_true(b.irq.level);
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
	set_alarm(&b, START);
	assert_true(b.irq.level);
	assert_int_equal(goldfish_rtc_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	assert_false(b.irq.level);
	state_writer_free(&writer);
}

static void test_load_of_an_older_state(void **state)
{
	struct state_writer writer = { 0 };
	uint64_t alarm = START;
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b);
	out(&b, GOLDFISH_RTC_IRQ_ENABLED, 1);
	chip_section(&writer, "alarm", &alarm, sizeof(alarm));
	assert_int_equal(goldfish_rtc_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_LOW), (uint32_t)START);
	assert_int_equal(in(&b, GOLDFISH_RTC_IRQ_ENABLED), 0);
	assert_int_equal(in(&b, GOLDFISH_RTC_ALARM_STATUS), 0);
	assert_true(read_time(&b) == START);
	state_writer_free(&writer);
}

static void test_hostile_states_are_refused(void **state)
{
	static const char *const flags[] = { "alarm_armed", "irq_enabled",
					     "irq_pending" };
	struct state_writer writer = { 0 };
	struct goldfish_rtc_regs before;
	const uint8_t two = 2;
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b);
	set_time(&b, 1000 * SECOND);
	before = b.rtc.regs;
	for (unsigned i = 0; i < ARRAY_LENGTH(flags); i++) {
		chip_section(&writer, flags[i], &two, 1);
		assert_int_equal(
			goldfish_rtc_load(&b.rtc, chip_image(&writer), "chip", &err), -1);
		assert_non_null(strstr(err.text, "chip"));
		assert_memory_equal(&b.rtc.regs, &before, sizeof(before));
	}
	state_writer_free(&writer);
}

/* Whatever the guest and the clock do, an alarm that is armed and due goes off. */
static void test_random_operations(void **state)
{
	uint32_t seed = 1;
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t r = chip_random(&seed);

		switch (r % 6) {
		case 0:
			run(&b, r >> 2);
			break;
		case 1:
			set_alarm(&b, read_time(&b) + (r >> 4));
			break;
		case 2:
			set_time(&b, read_time(&b) + (r >> 3) - (UINT32_C(1) << 28));
			break;
		case 3:
			in(&b, r >> 3 & 0x1c);
			break;
		case 4: /* anything but the high halves, which would take us far away */
			out(&b, (r >> 4 & 3) * 4 + GOLDFISH_RTC_IRQ_ENABLED, r >> 8);
			break;
		default:
			goldfish_rtc_tick(&b.rtc);
			break;
		}
		assert_int_equal(b.irq.redundant, 0);
		/* An alarm that lies ahead has its timer, if its interrupt is enabled. */
		if (in(&b, GOLDFISH_RTC_ALARM_STATUS) && in(&b, GOLDFISH_RTC_IRQ_ENABLED))
			assert_true(b.deadline <= b.now + (INT64_C(1) << 32));
		else
			assert_int_equal(b.deadline, INT64_MAX);
	}
	assert_true(b.irq.raised > 1000);
	out(&b, GOLDFISH_RTC_CLEAR_INTERRUPT, 1);
	assert_false(b.irq.level);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shows_the_hosts_time),
		cmocka_unit_test(test_low_latches_high),
		cmocka_unit_test(test_set_the_time),
		cmocka_unit_test(test_set_the_time_in_halves),
		cmocka_unit_test(test_alarm),
		cmocka_unit_test(test_alarm_that_is_cleared),
		cmocka_unit_test(test_alarm_in_the_past),
		cmocka_unit_test(test_alarm_without_interrupt),
		cmocka_unit_test(test_alarm_follows_the_clock),
		cmocka_unit_test(test_accesses_that_reach_nothing),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_load_lowers_the_line),
		cmocka_unit_test(test_load_of_an_older_state),
		cmocka_unit_test(test_hostile_states_are_refused),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
