/* SPDX-License-Identifier: BSD-2-Clause */
/* The real-time clock against a clock of the test's own. */
#include <time.h>

#include "chip.h"

#include "dev/mc146818.h"

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)

/* An RTC on a bench: the host's clock, one timer and the interrupt line. */
struct bench {
	struct mc146818 rtc;
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

static const struct mc146818_ops bench_ops = { .now = bench_now, .arm = bench_arm };

static int64_t utc(int year, int month, int day, int hour, int minute, int second)
{
	struct tm tm = { .tm_year = year - 1900,
			 .tm_mon = month - 1,
			 .tm_mday = day,
			 .tm_hour = hour,
			 .tm_min = minute,
			 .tm_sec = second };

	return timegm(&tm) * SECOND;
}

static void bench_init(struct bench *bench, int64_t now)
{
	struct irq_line line = chip_irq_line(&bench->irq);

	memset(bench, 0, sizeof(*bench));
	bench->now = now;
	bench->deadline = INT64_MAX;
	mc146818_init(&bench->rtc, &bench_ops, &line, bench);
}

static uint8_t in(struct bench *bench, unsigned reg)
{
	chip_out(&mc146818_io, &bench->rtc, 0, reg);
	return chip_in(&mc146818_io, &bench->rtc, 1);
}

static void out(struct bench *bench, unsigned reg, unsigned value)
{
	chip_out(&mc146818_io, &bench->rtc, 0, reg);
	chip_out(&mc146818_io, &bench->rtc, 1, value);
}

/* Let time pass, with the ticks that were asked for. */
static void run_until(struct bench *bench, int64_t then)
{
	while (bench->deadline <= then) {
		bench->now = bench->deadline;
		bench->deadline = INT64_MAX;
		mc146818_tick(&bench->rtc);
	}
	bench->now = then;
}

static void run(struct bench *bench, int64_t ns)
{
	run_until(bench, bench->now + ns);
}

static unsigned bcd(unsigned value)
{
	return value / 10 << 4 | value % 10;
}

/* The guest reads what gmtime() says of the time, in BCD and 24 hours. */
static void assert_shows(struct bench *bench, int64_t time)
{
	time_t seconds = (time_t)(time / SECOND);
	struct tm tm;

	assert_non_null(gmtime_r(&seconds, &tm));
	assert_int_equal(in(bench, RTC_SECONDS), bcd((unsigned)tm.tm_sec));
	assert_int_equal(in(bench, RTC_MINUTES), bcd((unsigned)tm.tm_min));
	assert_int_equal(in(bench, RTC_HOURS), bcd((unsigned)tm.tm_hour));
	assert_int_equal(in(bench, RTC_DAY_OF_MONTH), bcd((unsigned)tm.tm_mday));
	assert_int_equal(in(bench, RTC_MONTH), bcd((unsigned)tm.tm_mon + 1));
	assert_int_equal(in(bench, RTC_YEAR), bcd((unsigned)tm.tm_year % 100));
	assert_int_equal(in(bench, RTC_CENTURY), bcd((unsigned)tm.tm_year / 100 + 19));
	assert_int_equal(in(bench, RTC_DAY_OF_WEEK), tm.tm_wday + 1);
}

/* Write a date and time in BCD and 24 hours, without any ceremony. */
static void write_time(struct bench *bench, unsigned year, unsigned month, unsigned day,
		       unsigned hour, unsigned minute, unsigned second)
{
	out(bench, RTC_CENTURY, bcd(year / 100));
	out(bench, RTC_YEAR, bcd(year % 100));
	out(bench, RTC_MONTH, bcd(month));
	out(bench, RTC_DAY_OF_MONTH, bcd(day));
	out(bench, RTC_HOURS, bcd(hour));
	out(bench, RTC_MINUTES, bcd(minute));
	out(bench, RTC_SECONDS, bcd(second));
}

static void test_power_on(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 7, 9, 13, 5, 59));
	assert_int_equal(in(&b, RTC_A), 0x26);
	assert_int_equal(in(&b, RTC_B), RTC_B_24H);
	assert_int_equal(in(&b, RTC_C), 0);
	assert_int_equal(in(&b, RTC_D), RTC_D_VRT);
	assert_shows(&b, b.now);
	assert_int_equal(in(&b, RTC_HOURS), 0x13);
	assert_int_equal(b.armed, 0); /* nobody wants interrupts, so no timer runs */
	assert_int_equal(b.irq.raised, 0);
}

static void test_formats(void **state)
{
	struct bench b;

	(void)state;
	for (unsigned hour = 0; hour < 24; hour++) {
		unsigned of_half = hour % 12 ? hour % 12 : 12;
		unsigned pm = hour >= 12 ? RTC_PM : 0;

		bench_init(&b, utc(2024, 11, 30, (int)hour, 47, 38));
		assert_int_equal(in(&b, RTC_HOURS), bcd(hour));
		out(&b, RTC_B, 0);
		assert_int_equal(in(&b, RTC_HOURS), bcd(of_half) | pm);
		out(&b, RTC_B, RTC_B_DM);
		assert_int_equal(in(&b, RTC_HOURS), of_half | pm);
		assert_int_equal(in(&b, RTC_SECONDS), 38);
		assert_int_equal(in(&b, RTC_MINUTES), 47);
		assert_int_equal(in(&b, RTC_DAY_OF_MONTH), 30);
		assert_int_equal(in(&b, RTC_MONTH), 11);
		assert_int_equal(in(&b, RTC_YEAR), 24);
		assert_int_equal(in(&b, RTC_CENTURY), 20);
		assert_int_equal(in(&b, RTC_DAY_OF_WEEK), 7);
		out(&b, RTC_B, RTC_B_DM | RTC_B_24H);
		assert_int_equal(in(&b, RTC_HOURS), hour);
		/* It also counts in that format. */
		out(&b, RTC_B, 0);
		run(&b, 3600 * SECOND);
		hour++;
		of_half = hour % 12 ? hour % 12 : 12;
		pm = hour % 24 >= 12 ? RTC_PM : 0;
		assert_int_equal(in(&b, RTC_HOURS), bcd(of_half) | pm);
		hour--;
	}
}

static void test_counts_like_gmtime(void **state)
{
	uint32_t seed = 146818;
	struct bench b;

	(void)state;
	bench_init(&b, utc(1970, 1, 1, 0, 0, 0));
	while (b.now < utc(2200, 1, 1, 0, 0, 0)) {
		assert_shows(&b, b.now);
		b.now += chip_random(&seed) % (40 * 86400) * SECOND + chip_random(&seed);
	}
}

static void test_end_of_each_month(void **state)
{
	static const int years[] = { 1999, 2000, 2023, 2024, 2100 };
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(years); i++) {
		for (int month = 1; month <= 12; month++) {
			int64_t first = utc(years[i], month + 1, 1, 0, 0, 0);

			bench_init(&b, first - 1); /* the last ns before it */
			assert_shows(&b, first - SECOND);
			b.now++;
			assert_shows(&b, first);
			/* And one second at a time, from what the guest wrote. */
			b.now = first - 2 * SECOND;
			assert_shows(&b, b.now);
			b.now += SECOND;
			assert_shows(&b, b.now);
			b.now += SECOND;
			assert_shows(&b, b.now);
		}
	}
}

static void test_leap_years_of_the_guest(void **state)
{
	static const struct {
		unsigned year, last;
	} february[] = { { 1900, 28 }, { 1904, 29 }, { 2000, 29 }, { 2023, 28 },
			 { 2400, 29 }, { 9900, 28 }, { 0, 29 } };
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(february); i++) {
		bench_init(&b, utc(2024, 1, 1, 0, 0, 0));
		write_time(&b, february[i].year, 2, 28, 23, 59, 59);
		b.now += SECOND;
		assert_int_equal(in(&b, RTC_DAY_OF_MONTH),
				 february[i].last == 29 ? 0x29 : 0x01);
		assert_int_equal(in(&b, RTC_MONTH), february[i].last == 29 ? 2 : 3);
		assert_int_equal(in(&b, RTC_YEAR), bcd(february[i].year % 100));
		assert_int_equal(in(&b, RTC_CENTURY), bcd(february[i].year / 100));
	}
}

static void test_end_of_time(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 1, 1, 0, 0, 0));
	write_time(&b, 9999, 12, 31, 23, 59, 59);
	b.now += SECOND;
	assert_int_equal(in(&b, RTC_CENTURY), 0);
	assert_int_equal(in(&b, RTC_YEAR), 0);
	assert_int_equal(in(&b, RTC_MONTH), 1);
	b.now -= SECOND; /* the host's clock may go back */
	assert_int_equal(in(&b, RTC_CENTURY), 0x99);
	assert_int_equal(in(&b, RTC_YEAR), 0x99);
	assert_int_equal(in(&b, RTC_SECONDS), 0x59);
}

/* How Linux sets the clock (mc146818_set_time): the next update comes half a second later. */
static void test_set_as_linux_does(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 5, 5, 5, 5, 5) + 123456789);
	out(&b, RTC_B, in(&b, RTC_B) | RTC_B_SET);
	out(&b, RTC_A, 0x76);
	write_time(&b, 2031, 3, 31, 22, 58, 59);
	b.now += 3 * SECOND;
	out(&b, RTC_B, RTC_B_24H);
	assert_int_equal(in(&b, RTC_SECONDS), 0x59); /* the divider stands still */
	b.now += 3 * SECOND;
	assert_int_equal(in(&b, RTC_SECONDS), 0x59);
	out(&b, RTC_A, 0x26);
	b.now += SECOND / 2 - 1;
	assert_int_equal(in(&b, RTC_SECONDS), 0x59);
	b.now += 1;
	assert_int_equal(in(&b, RTC_SECONDS), 0x00);
	assert_int_equal(in(&b, RTC_MINUTES), 0x59);
	assert_int_equal(in(&b, RTC_HOURS), 0x22);
	b.now += 60 * SECOND;
	assert_int_equal(in(&b, RTC_HOURS), 0x23);
	assert_int_equal(in(&b, RTC_MONTH), 0x03);
	b.now += 3600 * SECOND;
	assert_int_equal(in(&b, RTC_DAY_OF_MONTH), 0x01);
	assert_int_equal(in(&b, RTC_MONTH), 0x04);
	assert_int_equal(in(&b, RTC_CENTURY), 0x20);
	assert_int_equal(in(&b, RTC_YEAR), 0x31);
}

/* SET holds the updates; the divider runs on, so the phase stays. */
static void test_set_bit(void **state)
{
	int64_t start = utc(2024, 5, 5, 5, 5, 5);
	struct bench b;

	(void)state;
	bench_init(&b, start + 700000000);
	out(&b, RTC_B, RTC_B_24H | RTC_B_SET);
	b.now += 10 * SECOND;
	assert_shows(&b, start);
	out(&b, RTC_B, RTC_B_24H);
	assert_shows(&b, start);
	b.now += 299999999;
	assert_shows(&b, start);
	b.now += 1;
	assert_shows(&b, start + SECOND);
	assert_int_equal(in(&b, RTC_C) & RTC_C_UF, RTC_C_UF);
	/* Held for less than a second, and no update missed: nothing is lost. */
	b.now += 100000000;
	out(&b, RTC_B, RTC_B_24H | RTC_B_SET);
	b.now += 800000000;
	out(&b, RTC_B, RTC_B_24H);
	b.now += 100000000;
	assert_shows(&b, start + 2 * SECOND);
}

/* A guest that writes the registers one by one, in any order, without SET. */
static void test_day_31_in_any_order(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 1, 31, 12, 0, 0));
	out(&b, RTC_MONTH, 0x02); /* for a moment it is February 31 */
	out(&b, RTC_DAY_OF_MONTH, 0x15);
	b.now += SECOND;
	assert_int_equal(in(&b, RTC_DAY_OF_MONTH), 0x15);
	assert_int_equal(in(&b, RTC_MONTH), 0x02);
	out(&b, RTC_DAY_OF_MONTH, 0x31);
	out(&b, RTC_MONTH, 0x03);
	b.now += SECOND;
	assert_int_equal(in(&b, RTC_DAY_OF_MONTH), 0x31);
	assert_int_equal(in(&b, RTC_MONTH), 0x03);
	/* A date that does not exist reads back as written, then becomes the nearest. */
	out(&b, RTC_MONTH, 0x04);
	assert_int_equal(in(&b, RTC_DAY_OF_MONTH), 0x31);
	b.now += SECOND;
	assert_int_equal(in(&b, RTC_DAY_OF_MONTH), 0x30);
	assert_int_equal(in(&b, RTC_MONTH), 0x04);
}

/* The weekday is a counter of its own: what the guest wrote, it goes on from. */
static void test_weekday(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 7, 7, 23, 59, 59)); /* a Sunday */
	assert_int_equal(in(&b, RTC_DAY_OF_WEEK), 1);
	out(&b, RTC_DAY_OF_WEEK, 7);
	b.now += SECOND;
	assert_int_equal(in(&b, RTC_DAY_OF_WEEK), 1);
	b.now += 3 * DAY;
	assert_int_equal(in(&b, RTC_DAY_OF_WEEK), 4);
	out(&b, RTC_DAY_OF_WEEK, 0x99); /* no day at all */
	b.now += 3 * DAY;
	assert_int_equal(in(&b, RTC_DAY_OF_WEEK), 0x99);
}

static void test_garbage_becomes_a_date(void **state)
{
	uint32_t seed = 7;
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 7, 7, 0, 0, 0));
	for (unsigned i = 0; i < 20000; i++) {
		static const uint8_t regs[] = { RTC_SECONDS,      RTC_MINUTES, RTC_HOURS,
						RTC_DAY_OF_MONTH, RTC_MONTH,   RTC_YEAR,
						RTC_CENTURY };

		for (unsigned r = 0; r < ARRAY_LENGTH(regs); r++)
			out(&b, regs[r], chip_random(&seed) >> 8);
		out(&b, RTC_B,
		    RTC_B_24H | RTC_B_DM); /* into binary: reads as a date now */
		b.now += SECOND;
		assert_true(in(&b, RTC_SECONDS) <= 59);
		assert_true(in(&b, RTC_MINUTES) <= 59);
		assert_true(in(&b, RTC_HOURS) <= 23);
		assert_in_range(in(&b, RTC_DAY_OF_MONTH), 1, 31);
		assert_in_range(in(&b, RTC_MONTH), 1, 12);
		assert_true(in(&b, RTC_YEAR) <= 99);
		assert_true(in(&b, RTC_CENTURY) <= 99);
		out(&b, RTC_B, chip_random(&seed) & 6);
	}
}

static void test_update_in_progress(void **state)
{
	int64_t start = utc(2024, 5, 5, 5, 5, 5);
	struct bench b;

	(void)state;
	bench_init(&b, start);
	assert_int_equal(in(&b, RTC_A), 0x26);
	b.now = start + SECOND - 3000000;
	assert_int_equal(in(&b, RTC_A), 0x26);
	b.now = start + SECOND - 244000; /* without UIP, 244 us are safe to read */
	assert_int_equal(in(&b, RTC_A), 0x26 | RTC_A_UIP);
	b.now = start + SECOND - 1;
	assert_int_equal(in(&b, RTC_A), 0x26 | RTC_A_UIP);
	b.now = start + SECOND;
	assert_int_equal(in(&b, RTC_A), 0x26);
	out(&b, RTC_A, 0xa6); /* the bit cannot be written */
	assert_int_equal(in(&b, RTC_A), 0x26);
	b.now = start + 2 * SECOND - 1;
	out(&b, RTC_B, RTC_B_24H | RTC_B_SET);
	assert_int_equal(in(&b, RTC_A), 0x26); /* no update is coming */
	out(&b, RTC_B, RTC_B_24H);
	out(&b, RTC_A, 0x66);
	assert_int_equal(in(&b, RTC_A), 0x66);
}

static void test_update_ended_interrupt(void **state)
{
	int64_t start = utc(2024, 5, 5, 5, 5, 5) + 400000000;
	struct bench b;

	(void)state;
	bench_init(&b, start);
	out(&b, RTC_B, RTC_B_24H | RTC_B_UIE);
	assert_int_equal(b.deadline, start + 600000000);
	run(&b, 599999999);
	assert_false(b.irq.level);
	run(&b, 1);
	assert_true(b.irq.level);
	assert_int_equal(b.deadline, INT64_MAX); /* no more until C is read */
	run(&b, 10 * SECOND);
	assert_int_equal(b.irq.raised, 1);
	assert_int_equal(in(&b, RTC_C) & ~RTC_C_PF, RTC_C_IRQF | RTC_C_UF);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, RTC_C), 0);
	for (unsigned i = 2; i <= 5; i++) {
		run(&b, SECOND);
		assert_int_equal(b.irq.raised, i);
		assert_true(in(&b, RTC_C) & RTC_C_UF);
	}
	out(&b, RTC_B, in(&b, RTC_B) | RTC_B_SET); /* SET switches it off */
	assert_int_equal(in(&b, RTC_B), RTC_B_24H | RTC_B_SET);
	assert_int_equal(b.deadline, INT64_MAX);
}

static void test_flags_without_enable(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 5, 5, 23, 59, 59));
	b.now += SECOND; /* midnight, which is the alarm at power-on */
	assert_int_equal(in(&b, RTC_C), RTC_C_PF | RTC_C_AF | RTC_C_UF);
	assert_int_equal(in(&b, RTC_C), 0);
	b.now += SECOND;
	assert_false(b.irq.level);
	out(&b, RTC_B, RTC_B_24H | RTC_B_UIE); /* the flag waits for its enable bit */
	assert_true(b.irq.level);
	out(&b, RTC_B, RTC_B_24H);
	assert_false(b.irq.level);
	assert_int_equal(b.armed, 0);
}

static void set_alarm(struct bench *bench, unsigned hours, unsigned minutes,
		      unsigned seconds)
{
	out(bench, RTC_HOURS_ALARM, hours);
	out(bench, RTC_MINUTES_ALARM, minutes);
	out(bench, RTC_SECONDS_ALARM, seconds);
}

static void test_alarm(void **state)
{
	static const struct {
		uint8_t b, hours, minutes, seconds;
		unsigned first; /* seconds after 12:59:50, 0: never */
		unsigned next;  /* seconds after that */
	} cases[] = {
		{ RTC_B_24H, 0x13, 0x00, 0x05, 15, 86400 },
		{ RTC_B_24H, 0x12, 0x59, 0x50, 86400, 86400 }, /* now: not again today */
		{ RTC_B_24H, 0x12, 0x59, 0x49, 86399, 86400 },
		{ RTC_B_24H, 0xff, 0x00, 0x00, 10, 3600 },
		{ RTC_B_24H, 0xc0, 0xc0, 0x55, 5, 60 },
		{ RTC_B_24H, 0xff, 0xff, 0xff, 1, 1 },
		{ RTC_B_24H, 0x14, 0xff, 0xff, 3610, 1 },
		{ RTC_B_24H, 0xff, 0x59, 0xff, 1, 1 },
		{ RTC_B_24H, 0x24, 0x00, 0x00, 0, 0 },
		{ RTC_B_24H, 0x13, 0x60, 0x00, 0, 0 },
		{ RTC_B_24H, 0xff, 0xff, 0x7f, 0, 0 },
		{ RTC_B_24H, 0xff, 0x0a, 0xff, 0, 0 }, /* not BCD */
		{ RTC_B_24H | RTC_B_DM, 13, 0, 10, 20, 86400 },
		{ 0, 0x01 | RTC_PM, 0x00, 0x00, 10, 86400 },
		{ 0, 0x12, 0x00, 0x00, 11 * 3600 + 10, 86400 }, /* midnight */
		{ RTC_B_DM, 12 | RTC_PM, 59, 51, 1, 86400 },
	};
	int64_t start = utc(2024, 5, 5, 12, 59, 50);

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct bench b;

		bench_init(&b, start);
		out(&b, RTC_B, cases[i].b);
		set_alarm(&b, cases[i].hours, cases[i].minutes, cases[i].seconds);
		out(&b, RTC_B, cases[i].b | RTC_B_AIE);
		if (!cases[i].first) {
			assert_int_equal(b.deadline, INT64_MAX);
			run(&b, 3 * DAY);
			assert_int_equal(in(&b, RTC_C) & RTC_C_AF, 0);
			continue;
		}
		run(&b, cases[i].first * SECOND - 1);
		assert_int_equal(b.irq.raised, 0);
		run(&b, 1);
		assert_int_equal(b.irq.raised, 1);
		assert_int_equal(in(&b, RTC_C) & (RTC_C_IRQF | RTC_C_AF),
				 RTC_C_IRQF | RTC_C_AF);
		run(&b, cases[i].next * SECOND - 1);
		assert_int_equal(b.irq.raised, 1);
		run(&b, 1);
		assert_int_equal(b.irq.raised, 2);
	}
}

/* Nobody looked while the alarm's second went by. */
static void test_alarm_is_not_missed(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 5, 5, 12, 0, 0));
	set_alarm(&b, 0x12, 0x00, 0x30);
	b.now += 29 * SECOND;
	assert_int_equal(in(&b, RTC_C) & RTC_C_AF, 0);
	b.now += 600 * SECOND;
	assert_int_equal(in(&b, RTC_C) & RTC_C_AF, RTC_C_AF);
	b.now += 600 * SECOND;
	assert_int_equal(in(&b, RTC_C) & RTC_C_AF, 0);
}

static void test_periodic_rates(void **state)
{
	static const unsigned hz[16] = { 0,   256, 128, 8192, 4096, 2048, 1024, 512,
					 256, 128, 64,  32,   16,   8,    4,    2 };
	int64_t start = utc(2024, 5, 5, 12, 0, 0);

	(void)state;
	for (unsigned rate = 0; rate < 16; rate++) {
		struct bench b;

		bench_init(&b, start);
		out(&b, RTC_A, 0x20 | rate);
		in(&b, RTC_C);
		out(&b, RTC_B, RTC_B_24H | RTC_B_PIE);
		while (b.deadline <= start + 3 * SECOND) {
			run_until(&b, b.deadline);
			assert_true(b.irq.level);
			assert_int_equal(in(&b, RTC_C) & 0xc0, RTC_C_IRQF | RTC_C_PF);
			assert_false(b.irq.level);
		}
		assert_int_equal(b.irq.raised, 3 * hz[rate]);
	}
}

/* A guest that is late finds one interrupt, not all that it missed. */
static void test_missed_periods_collapse(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 5, 5, 12, 0, 0));
	out(&b, RTC_A, 0x23);
	out(&b, RTC_B, RTC_B_24H | RTC_B_PIE);
	run(&b, 10 * SECOND);
	assert_int_equal(b.irq.raised, 1);
	assert_int_equal(b.armed, 1);
	assert_true(in(&b, RTC_C) & RTC_C_PF);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, RTC_C), 0);
	/* A late tick of the host is one as well. */
	b.now += 5 * SECOND;
	mc146818_tick(&b.rtc);
	assert_int_equal(b.irq.raised, 2);
}

/* The fastest guest there is gets no more than the chip's 8192 ticks a second. */
static void test_no_storm(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 5, 5, 12, 0, 0));
	out(&b, RTC_A, 0x23);
	set_alarm(&b, 0xff, 0xff, 0xff);
	for (unsigned us = 0; us < 1000000; us += 10) {
		out(&b, RTC_B, RTC_B_24H | (us / 10 % 2 ? 0x70 : 0x40));
		in(&b, RTC_C);
		run(&b, 10000);
	}
	assert_in_range(b.irq.raised, 8000, 8192);
}

static void test_divider_reset_stops_all(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 5, 5, 12, 0, 0));
	out(&b, RTC_B, RTC_B_24H | RTC_B_PIE | RTC_B_AIE | RTC_B_UIE);
	out(&b, RTC_A, 0x66);
	in(&b, RTC_C);
	assert_int_equal(b.deadline, INT64_MAX);
	run(&b, 100 * SECOND);
	assert_int_equal(in(&b, RTC_C), 0);
	assert_shows(&b, utc(2024, 5, 5, 12, 0, 0));
	out(&b, RTC_A, 0x26);
	run(&b, SECOND / 1024 + 1);
	assert_int_equal(in(&b, RTC_C), RTC_C_IRQF | RTC_C_PF);
}

static void test_reset_pin(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 5, 5, 12, 0, 0));
	out(&b, RTC_B, 0x7e);
	out(&b, RTC_SHUTDOWN_STATUS, 0x0a);
	run(&b, 2 * SECOND);
	assert_true(b.irq.level);
	mc146818_reset(&b.rtc);
	assert_false(b.irq.level);
	assert_int_equal(b.deadline, INT64_MAX);
	assert_int_equal(in(&b, RTC_B), RTC_B_24H | RTC_B_DM);
	assert_int_equal(in(&b, RTC_C), 0);
	assert_int_equal(in(&b, RTC_SHUTDOWN_STATUS), 0x0a);
	assert_int_equal(in(&b, RTC_SECONDS), 2); /* the time goes on */
}

static void test_ram_and_ports(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 5, 5, 12, 0, 0));
	for (unsigned reg = RTC_D + 1; reg < 128; reg++) {
		if (reg != RTC_CENTURY)
			out(&b, reg, reg ^ 0xa5);
	}
	for (unsigned reg = RTC_D + 1; reg < 128; reg++) {
		if (reg == RTC_CENTURY)
			continue;
		assert_int_equal(in(&b, reg), reg ^ 0xa5);
		assert_int_equal(in(&b, reg | 0x80), reg ^ 0xa5); /* bit 7 masks NMIs */
	}
	out(&b, RTC_C, 0xff);
	out(&b, RTC_D, 0);
	assert_int_equal(in(&b, RTC_C), 0);
	assert_int_equal(in(&b, RTC_D), RTC_D_VRT);
	assert_int_equal(chip_in(&mc146818_io, &b.rtc, 0), 0xff);
}

static unsigned in16(struct bench *bench, unsigned reg)
{
	return in(bench, reg) | in(bench, reg + 1) << 8;
}

static void test_memory_size(void **state)
{
	static const struct {
		uint64_t below, above;
		unsigned kib_above_1m, above_16m, above_4g;
	} sizes[] = {
		{ 0x8000, 0, 0, 0, 0 },
		{ 1 << 20, 0, 0, 0, 0 },
		{ 16 << 20, 0, 15 << 10, 0, 0 },
		{ 64 << 20, 0, 63 << 10, 48 * 16, 0 },
		{ 65 << 20, 0, 0xffff, 49 * 16, 0 },
		{ 512 << 20, 0, 0xffff, 496 * 16, 0 },
		{ 0xc0000000, UINT64_C(2) << 30, 0xffff, 0xbf00, 0x8000 },
		{ 0xffffffff, UINT64_MAX, 0xffff, 0xfeff, 0xffffff },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(sizes); i++) {
		struct bench b;

		bench_init(&b, utc(2024, 5, 5, 12, 0, 0));
		mc146818_set_memory(&b.rtc, sizes[i].below, sizes[i].above);
		assert_int_equal(in16(&b, 0x15), 640);
		assert_int_equal(in16(&b, 0x17), sizes[i].kib_above_1m);
		assert_int_equal(in16(&b, 0x30), sizes[i].kib_above_1m);
		assert_int_equal(in16(&b, 0x34), sizes[i].above_16m);
		assert_int_equal(in16(&b, 0x5b) | in(&b, 0x5d) << 16, sizes[i].above_4g);
		assert_shows(&b, b.now); /* the century lies in between */
	}
}

/* The host's clock is set: the guest's follows, and only forwards raises anything. */
static void test_host_clock_jumps(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 3, 1, 0, 30, 0));
	set_alarm(&b, 0x00, 0x00, 0x00);
	out(&b, RTC_B, RTC_B_24H | RTC_B_UIE | RTC_B_AIE);
	in(&b, RTC_C);
	b.now -= 3600 * SECOND;
	mc146818_tick(&b.rtc);
	assert_shows(&b, b.now);
	assert_int_equal(in(&b, RTC_C), 0);
	assert_int_equal(b.deadline, b.now + SECOND); /* and the timer was set anew */
	b.now += 7200 * SECOND;
	assert_shows(&b, b.now);
	assert_true(b.irq.level);
}

/* The host's timer may come too early; the one after it must be asked for all the same. */
static void test_early_tick(void **state)
{
	int64_t start = utc(2024, 5, 5, 12, 0, 0);
	struct bench b;

	(void)state;
	bench_init(&b, start);
	out(&b, RTC_B, RTC_B_24H | RTC_B_UIE);
	b.now = b.deadline - 1;
	b.deadline = INT64_MAX;
	mc146818_tick(&b.rtc);
	assert_false(b.irq.level);
	assert_int_equal(b.deadline, start + SECOND);
}

static void save(struct bench *bench, struct state_writer *writer)
{
	struct err err;

	assert_int_equal(mc146818_save(&bench->rtc, writer, "chip", &err), 0);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a, utc(2024, 5, 5, 12, 0, 0) + 333333333);
	write_time(&a, 2040, 2, 29, 23, 59, 58);
	out(&a, 0x40, 0x5a);
	out(&a, RTC_A, 0x2a);
	out(&a, RTC_B, RTC_B_24H | RTC_B_PIE | RTC_B_UIE);
	chip_out(&mc146818_io, &a.rtc, 0, 0x40);
	save(&a, &writer);
	bench_init(&b, a.now);
	assert_int_equal(mc146818_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	state_writer_free(&writer);
	assert_int_equal(chip_in(&mc146818_io, &b.rtc, 1),
			 0x5a); /* the index is part of it */
	assert_int_equal(b.deadline, a.deadline);
	for (unsigned i = 0; i < 300; i++) {
		for (unsigned reg = 0; reg < 128; reg++)
			assert_int_equal(in(&a, reg), in(&b, reg));
		assert_int_equal(a.irq.level, b.irq.level);
		run(&a, 77777777);
		run(&b, 77777777);
		assert_int_equal(a.deadline, b.deadline);
	}
}

/* Loaded two days later, the clock has gone on, and it owes one interrupt. */
static void test_time_passes_between_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a, utc(2024, 2, 28, 12, 0, 0));
	out(&a, RTC_B, RTC_B_24H | RTC_B_UIE);
	save(&a, &writer);
	bench_init(&b, a.now + 2 * DAY);
	assert_int_equal(mc146818_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	assert_true(b.irq.level);
	assert_shows(&b, utc(2024, 3, 1, 12, 0, 0));
	assert_true(in(&b, RTC_C) & RTC_C_IRQF);
	assert_int_equal(b.deadline, b.now + SECOND);
	/* On a host whose clock is behind, nothing is owed. */
	bench_init(&b, a.now - DAY);
	assert_int_equal(mc146818_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	assert_false(b.irq.level);
	assert_shows(&b, utc(2024, 2, 27, 12, 0, 0));
	state_writer_free(&writer);
}

static void test_load_of_an_older_state(void **state)
{
	struct state_writer writer = { 0 };
	const uint8_t index = 0x12;
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b, utc(2024, 2, 28, 12, 0, 0));
	out(&b, RTC_B, 0x70);
	run(&b, SECOND);
	chip_section(&writer, "index", &index, sizeof(index));
	assert_int_equal(mc146818_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	assert_false(b.irq.level);
	assert_int_equal(b.deadline, INT64_MAX);
	assert_shows(&b, b.now);
	state_writer_free(&writer);
}

static void test_hostile_states_are_refused(void **state)
{
	static const struct {
		uint8_t reg, value;
	} bad[] = { { RTC_A, 0xa6 }, { RTC_C, 0x80 }, { RTC_C, 0x01 }, { RTC_D, 0 } };
	const uint16_t ticks = 32768;
	const int64_t second = INT64_MIN;
	const uint8_t index = 0x80;
	struct state_writer writer = { 0 };
	uint8_t ram[MC146818_RAM_SIZE];
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b, utc(2024, 2, 28, 12, 0, 0));
	for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
		memcpy(ram, b.rtc.regs.ram, sizeof(ram));
		ram[bad[i].reg] = bad[i].value;
		chip_section(&writer, "ram", ram, sizeof(ram));
		assert_int_equal(mc146818_load(&b.rtc, chip_image(&writer), "chip", &err),
				 -1);
	}
	chip_section(&writer, "index", &index, sizeof(index));
	assert_int_equal(mc146818_load(&b.rtc, chip_image(&writer), "chip", &err), -1);
	chip_section(&writer, "ticks_seen", &ticks, sizeof(ticks));
	assert_int_equal(mc146818_load(&b.rtc, chip_image(&writer), "chip", &err), -1);
	chip_section(&writer, "second_ns", &second, sizeof(second));
	assert_int_equal(mc146818_load(&b.rtc, chip_image(&writer), "chip", &err), -1);
	assert_shows(&b, b.now);
	assert_int_equal(b.irq.redundant, 0);
	state_writer_free(&writer);
}

/* The farthest future that can be written down does no harm. */
static void test_state_from_the_far_future(void **state)
{
	const int64_t second = INT64_MAX;
	struct state_writer writer = { 0 };
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b, utc(2024, 2, 28, 12, 0, 0));
	chip_section(&writer, "second_ns", &second, sizeof(second));
	assert_int_equal(mc146818_load(&b.rtc, chip_image(&writer), "chip", &err), 0);
	out(&b, RTC_B, RTC_B_24H | RTC_B_UIE);
	assert_true(b.deadline <= b.now + SECOND);
	state_writer_free(&writer);
}

/* Whatever the guest does: the line is IRQF, and reading C takes it away. */
static void test_random_operations(void **state)
{
	uint32_t seed = 1;
	struct bench b;

	(void)state;
	bench_init(&b, utc(2024, 2, 28, 12, 0, 0));
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t r = chip_random(&seed);
		unsigned reg = r >> 8 & 15;
		uint8_t c;

		if (r >> 28 == 0)
			reg = r >> 8 & 0xff;
		switch (r % 4) {
		case 0:
			run(&b, r >> 4);
			break;
		case 1:
			b.now += (r >> 8) * INT64_C(1000); /* late: up to 16 s */
			break;
		case 2:
			in(&b, reg);
			break;
		default:
			out(&b, reg, r >> 20);
			break;
		}
		assert_int_equal(b.irq.redundant, 0);
		if (r >> 27)
			continue;
		in(&b, RTC_D); /* brings it to the present */
		c = b.irq.level ? RTC_C_IRQF : 0;
		assert_int_equal(in(&b, RTC_C) & RTC_C_IRQF, c);
		assert_false(b.irq.level);
		assert_true(b.deadline > b.now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_on),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_counts_like_gmtime),
		cmocka_unit_test(test_end_of_each_month),
		cmocka_unit_test(test_leap_years_of_the_guest),
		cmocka_unit_test(test_end_of_time),
		cmocka_unit_test(test_set_as_linux_does),
		cmocka_unit_test(test_set_bit),
		cmocka_unit_test(test_day_31_in_any_order),
		cmocka_unit_test(test_weekday),
		cmocka_unit_test(test_garbage_becomes_a_date),
		cmocka_unit_test(test_update_in_progress),
		cmocka_unit_test(test_update_ended_interrupt),
		cmocka_unit_test(test_flags_without_enable),
		cmocka_unit_test(test_alarm),
		cmocka_unit_test(test_alarm_is_not_missed),
		cmocka_unit_test(test_periodic_rates),
		cmocka_unit_test(test_missed_periods_collapse),
		cmocka_unit_test(test_no_storm),
		cmocka_unit_test(test_divider_reset_stops_all),
		cmocka_unit_test(test_reset_pin),
		cmocka_unit_test(test_ram_and_ports),
		cmocka_unit_test(test_memory_size),
		cmocka_unit_test(test_host_clock_jumps),
		cmocka_unit_test(test_early_tick),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_time_passes_between_save_and_load),
		cmocka_unit_test(test_load_of_an_older_state),
		cmocka_unit_test(test_hostile_states_are_refused),
		cmocka_unit_test(test_state_from_the_far_future),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
