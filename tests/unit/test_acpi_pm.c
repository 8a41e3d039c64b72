/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI fixed hardware: events, sleep, and the timer against 128-bit arithmetic. */
#include "chip.h"

#include "dev/acpi_pm.h"

#define SECOND INT64_C(1000000000)

struct bench {
	struct acpi_pm pm;
	struct chip_irq irq;
	int64_t now;
	int64_t deadline;
	unsigned armed;
	unsigned power_offs;
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
	assert_true(deadline_ns > bench->now);
}

static void bench_power_off(void *opaque)
{
	struct bench *bench = opaque;

	bench->power_offs++;
}

static const struct acpi_pm_ops bench_ops = {
	.now = bench_now,
	.arm = bench_arm,
	.power_off = bench_power_off,
};

static void bench_init(struct bench *bench, int64_t now)
{
	struct irq_line line = chip_irq_line(&bench->irq);

	memset(bench, 0, sizeof(*bench));
	bench->now = now;
	bench->deadline = INT64_MAX;
	acpi_pm_init(&bench->pm, &bench_ops, &line, bench);
}

static uint64_t in(struct bench *bench, unsigned offset, unsigned size)
{
	return acpi_pm_io.read(&bench->pm, offset, size);
}

static void out(struct bench *bench, unsigned offset, unsigned size, uint64_t value)
{
	acpi_pm_io.write(&bench->pm, offset, size, value);
}

static void run(struct bench *bench, int64_t ns)
{
	int64_t then = bench->now + ns;

	while (bench->deadline <= then) {
		bench->now = bench->deadline;
		bench->deadline = INT64_MAX;
		acpi_pm_tick(&bench->pm);
	}
	bench->now = then;
}

/* How the timer must stand `ns` after its start. */
static uint32_t ticks_after(int64_t ns)
{
	return (uint32_t)((unsigned __int128)ns * 3579545 / 1000000000);
}

/* The first ns at which it stands at `ticks`, not wrapped. */
static int64_t ns_at(uint64_t ticks)
{
	return (int64_t)(((unsigned __int128)ticks * 1000000000 + 3579544) / 3579545);
}

static void test_power_on(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 12345);
	assert_int_equal(in(&b, 0, 4), 0);
	assert_int_equal(in(&b, 4, 2), ACPI_PM_SCI_EN);
	assert_int_equal(in(&b, 6, 2), 0);
	assert_int_equal(in(&b, 8, 4), 0);
	assert_false(b.irq.level);
	assert_int_equal(b.armed, 0);
}

static void test_timer_is_exact(void **state)
{
	static const int64_t starts[] = { 0, 1, 999999999,
					  INT64_C(86400) * 365 * 30 * SECOND };
	uint32_t seed = 3579545;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(starts); i++) {
		struct bench b;
		int64_t base;

		bench_init(&b, starts[i]);
		/* The timer starts at 0 on a tick of its own that began before. */
		base = (int64_t)((unsigned __int128)starts[i] * 3579545 / 1000000000);
		for (unsigned n = 0; n < 1000; n++) {
			uint64_t ticks = (uint64_t)((unsigned __int128)b.now * 3579545 /
						    1000000000);

			assert_int_equal(in(&b, 8, 4),
					 (uint32_t)(ticks - (uint64_t)base));
			b.now += chip_random(&seed) * INT64_C(77);
		}
	}
}

static void test_timer_does_not_overflow(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 0);
	b.now = INT64_MAX; /* 292 years */
	assert_int_equal(in(&b, 8, 4), ticks_after(INT64_MAX));
}

/* All widths at all offsets show the same bytes. */
static void test_widths(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 0);
	out(&b, 2, 2, 0x0721);
	acpi_pm_power_button(&b.pm);
	out(&b, 4, 2, 5 << 10);
	b.now = 300 * SECOND;
	for (unsigned offset = 0; offset < ACPI_PM_NR_PORTS; offset++) {
		for (unsigned size = 1; size <= 4; size *= 2) {
			uint64_t expected = 0;

			if (offset + size > ACPI_PM_NR_PORTS) {
				assert_int_equal((uint8_t)in(&b, offset, size), 0xff);
				out(&b, offset, size, UINT64_MAX);
				continue;
			}
			for (unsigned i = 0; i < size; i++)
				expected |= in(&b, offset + i, 1) << 8 * i;
			assert_int_equal(in(&b, offset, size), expected);
		}
	}
	assert_int_equal(in(&b, 8, 4), ticks_after(300 * SECOND));
	out(&b, 8, 4, 0); /* the timer is read only */
	out(&b, 6, 2, 0xffff);
	assert_int_equal(in(&b, 8, 4), ticks_after(300 * SECOND));
	assert_int_equal(in(&b, 6, 2), 0);
	assert_int_equal(b.power_offs, 0);
}

static void test_enable_register(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 0);
	out(&b, 2, 2, 0xffff);
	assert_int_equal(in(&b, 2, 2), 0x0721); /* TMR, GBL, PWRBTN, SLPBTN, RTC */
	out(&b, 2, 1, 0);
	assert_int_equal(in(&b, 2, 2), 0x0700);
	out(&b, 3, 1, 1);
	assert_int_equal(in(&b, 2, 2), 0x0100);
	assert_int_equal(in(&b, 0, 2), 0);
}

static void test_power_button(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 0);
	acpi_pm_power_button(&b.pm);
	assert_int_equal(in(&b, 0, 2), ACPI_PM_PWRBTN_STS);
	assert_false(b.irq.level); /* nobody wants to know */
	out(&b, 2, 2, ACPI_PM_PWRBTN_STS);
	assert_true(b.irq.level);
	out(&b, 0, 2, 0);
	out(&b, 0, 2, 0xffff & ~ACPI_PM_PWRBTN_STS);
	assert_true(b.irq.level); /* only a 1 in its own place clears it */
	out(&b, 0, 2, ACPI_PM_PWRBTN_STS);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, 0, 2), 0);
	acpi_pm_power_button(&b.pm);
	acpi_pm_power_button(&b.pm);
	assert_int_equal(b.irq.raised, 2);
	out(&b, 1, 1, 1); /* by a byte access */
	assert_false(b.irq.level);
	acpi_pm_power_button(&b.pm);
	out(&b, 0, 4, ACPI_PM_PWRBTN_STS); /* clears and disables in one */
	assert_int_equal(in(&b, 0, 4), 0);
	assert_int_equal(b.irq.redundant, 0);
}

static void test_power_off(void **state)
{
	struct bench b;

	(void)state;
	for (unsigned type = 0; type < 8; type++) {
		bench_init(&b, 0);
		out(&b, 4, 2, type << 10);
		assert_int_equal(b.power_offs, 0);
		assert_int_equal(in(&b, 4, 2), ACPI_PM_SCI_EN | type << 10);
		out(&b, 4, 2, type << 10 | ACPI_PM_SLP_EN);
		assert_int_equal(b.power_offs, type == 5 || type == 0);
		assert_int_equal(in(&b, 4, 2), ACPI_PM_SCI_EN | type << 10);
		/* What is no power off wakes up at once, with no interrupt. */
		assert_int_equal(in(&b, 0, 2), b.power_offs ? 0 : ACPI_PM_WAK_STS);
		out(&b, 0, 2, ACPI_PM_WAK_STS);
		assert_int_equal(in(&b, 0, 2), 0);
		assert_int_equal(b.irq.raised, 0);
	}
	bench_init(&b, 0);
	out(&b, 5, 1, (5 << 10 | ACPI_PM_SLP_EN) >> 8);
	assert_int_equal(b.power_offs, 1);
	out(&b, 4, 1, 0xff); /* the type is still 5, but this byte has no SLP_EN */
	assert_int_equal(b.power_offs, 1);
	out(&b, 2, 4, UINT64_C(5) << 26 | UINT64_C(1) << 29); /* EN and CNT in one */
	assert_int_equal(b.power_offs, 2);
}

static void test_control_register(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 0);
	out(&b, 4, 2, 0xffff & ~ACPI_PM_SLP_EN);
	assert_int_equal(in(&b, 4, 2), ACPI_PM_SCI_EN | ACPI_PM_BM_RLD | ACPI_PM_SLP_TYP);
	out(&b, 4, 2, 0); /* SCI_EN is the hardware's */
	assert_int_equal(in(&b, 4, 2), ACPI_PM_SCI_EN);
}

static void test_timer_status(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 0);
	for (uint64_t half = 1; half <= 5; half++) {
		b.now = ns_at(half << 31) - 1;
		assert_int_equal(in(&b, 0, 2), 0);
		b.now++;
		assert_int_equal(in(&b, 8, 4), (uint32_t)(half << 31));
		assert_int_equal(in(&b, 0, 2), ACPI_PM_TMR_STS);
		assert_int_equal(in(&b, 0, 2), ACPI_PM_TMR_STS);
		out(&b, 0, 2, ACPI_PM_TMR_STS);
		assert_int_equal(in(&b, 0, 2), 0);
	}
	b.now = ns_at(UINT64_C(7) << 31); /* two at once: bit 31 is as it was */
	assert_int_equal(in(&b, 0, 2), ACPI_PM_TMR_STS);
	assert_int_equal(b.armed, 0);
}

static void test_timer_interrupt(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 0);
	out(&b, 2, 2, ACPI_PM_TMR_STS);
	assert_int_equal(b.deadline, ns_at(UINT64_C(1) << 31));
	run(&b, b.deadline - 1);
	b.deadline = INT64_MAX;
	acpi_pm_tick(&b.pm); /* too early: it is asked for again */
	assert_false(b.irq.level);
	assert_int_equal(b.deadline, b.now + 1);
	run(&b, 1);
	assert_true(b.irq.level);
	assert_int_equal(b.deadline, INT64_MAX); /* not again before it is cleared */
	run(&b, 2000 * SECOND);
	assert_int_equal(b.armed, 2);
	out(&b, 0, 2, ACPI_PM_TMR_STS);
	assert_false(b.irq.level);
	assert_int_equal(b.deadline, ns_at(UINT64_C(5) << 31)); /* four went by */
	out(&b, 2, 2, 0);
	assert_int_equal(b.deadline, INT64_MAX);
	acpi_pm_tick(&b.pm); /* one that comes anyway */
	assert_false(b.irq.level);
}

static void test_reset(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 0);
	out(&b, 2, 2, 0xffff);
	out(&b, 4, 2, 5 << 10);
	acpi_pm_power_button(&b.pm);
	b.now = 5 * SECOND;
	acpi_pm_reset(&b.pm);
	assert_false(b.irq.level);
	assert_int_equal(b.deadline, INT64_MAX);
	assert_int_equal(in(&b, 0, 4), 0);
	assert_int_equal(in(&b, 4, 2), ACPI_PM_SCI_EN);
	assert_int_equal(in(&b, 8, 4), ticks_after(5 * SECOND));
}

static void test_without_a_timer(void **state)
{
	const struct acpi_pm_ops ops = { .now = bench_now, .power_off = bench_power_off };
	struct bench b;

	(void)state;
	bench_init(&b, 0);
	acpi_pm_init(&b.pm, &ops, &(struct irq_line){ 0 }, &b);
	out(&b, 2, 2, 0xffff);
	b.now = ns_at(UINT64_C(1) << 31);
	assert_int_equal(in(&b, 0, 2), ACPI_PM_TMR_STS);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;
	uint64_t timer;

	(void)state;
	bench_init(&a, 77);
	out(&a, 2, 2, ACPI_PM_PWRBTN_STS | ACPI_PM_TMR_STS);
	out(&a, 4, 2, 3 << 10);
	acpi_pm_power_button(&a.pm);
	a.now += 601 * SECOND; /* bit 31 has changed, and nobody has looked */
	assert_int_equal(acpi_pm_save(&a.pm, &writer, "chip", &err), 0);
	timer = in(&a, 8, 4);
	bench_init(&b, 4242 * SECOND + 1); /* another host, up for another time */
	assert_int_equal(acpi_pm_load(&b.pm, chip_image(&writer), "chip", &err), 0);
	assert_true(b.irq.level);
	assert_int_equal(in(&b, 8, 4), timer);
	assert_int_equal(in(&b, 0, 2), ACPI_PM_PWRBTN_STS | ACPI_PM_TMR_STS);
	assert_int_equal(in(&b, 2, 4), in(&a, 2, 4));
	/* The timer goes on from there, with its next event in the same place. */
	out(&a, 0, 2, 0xffff);
	out(&b, 0, 2, 0xffff);
	assert_in_range(b.deadline - b.now, a.deadline - a.now - 280,
			a.deadline - a.now + 280);
	run(&b, b.deadline - b.now);
	assert_int_equal(in(&b, 8, 4), 0);
	state_writer_free(&writer);
}

static void test_load_of_other_states(void **state)
{
	static const struct {
		const char *field;
		uint16_t value;
	} bad[] = { { "sts", 0x0002 },
		    { "en", 0x8000 },
		    { "cnt", 0x0000 },
		    { "cnt", 0x2001 },
		    { "cnt", 0xffff } };
	const uint16_t en = ACPI_PM_PWRBTN_STS;
	const uint32_t timer = 0xffffffff;
	struct state_writer writer = { 0 };
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b, 0);
	out(&b, 2, 2, 0x0721);
	acpi_pm_power_button(&b.pm);
	for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
		chip_section(&writer, bad[i].field, &bad[i].value, 2);
		assert_int_equal(acpi_pm_load(&b.pm, chip_image(&writer), "chip", &err),
				 -1);
		assert_int_equal(in(&b, 0, 4), UINT64_C(0x07210100));
		assert_true(b.irq.level);
	}
	chip_section(&writer, "en", &en, 2); /* an older one: no event is pending */
	assert_int_equal(acpi_pm_load(&b.pm, chip_image(&writer), "chip", &err), 0);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, 0, 4), (uint64_t)en << 16);
	chip_section(&writer, "timer", &timer, 4);
	assert_int_equal(acpi_pm_load(&b.pm, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(&b, 8, 4), timer);
	assert_int_equal(in(&b, 0, 2), 0); /* bit 31 is set, but has not changed */
	b.now += 280;                      /* one tick */
	assert_int_equal(in(&b, 8, 4), 0);
	assert_int_equal(in(&b, 0, 2), ACPI_PM_TMR_STS);
	state_writer_free(&writer);
}

/* Whatever the guest does: the SCI is on while an enabled event is there. */
static void test_random_operations(void **state)
{
	uint32_t seed = 6;
	struct bench b;

	(void)state;
	bench_init(&b, 0);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t r = chip_random(&seed);
		unsigned size = 1u << (r >> 4 & 3), offset = r >> 8 & 15;
		uint64_t events;

		switch (r % 8) {
		case 0:
			acpi_pm_power_button(&b.pm);
			break;
		case 1:
			run(&b, (int64_t)r << 8);
			break;
		case 2:
		case 3:
			in(&b, offset, size);
			break;
		default:
			out(&b, offset, size,
			    (uint64_t)chip_random(&seed) << 32 | chip_random(&seed));
			break;
		}
		events = in(&b, 0, 2) & in(&b, 2, 2);
		assert_int_equal(b.irq.level, events != 0);
		assert_int_equal(b.irq.redundant, 0);
	}
	out(&b, 0, 2, 0xffff);
	assert_false(b.irq.level);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_on),
		cmocka_unit_test(test_timer_is_exact),
		cmocka_unit_test(test_timer_does_not_overflow),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_enable_register),
		cmocka_unit_test(test_power_button),
		cmocka_unit_test(test_power_off),
		cmocka_unit_test(test_control_register),
		cmocka_unit_test(test_timer_status),
		cmocka_unit_test(test_timer_interrupt),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_without_a_timer),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_load_of_other_states),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
