/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL061 as drivers and keys see it; in the end against a model of single lines. */
#include "chip.h"

#include "dev/pl061.h"

#define POWER_KEY 3

struct bench {
	struct pl061 gpio;
	struct chip_irq irq;
};

static void bench_init(struct bench *bench)
{
	struct irq_line line = chip_irq_line(&bench->irq);

	memset(bench, 0, sizeof(*bench));
	pl061_init(&bench->gpio, &line);
}

static uint8_t in(struct bench *bench, unsigned reg)
{
	return chip_in(&pl061_io, &bench->gpio, reg);
}

static void out(struct bench *bench, unsigned reg, unsigned value)
{
	chip_out(&pl061_io, &bench->gpio, reg, value);
}

/* The address of DATA that reaches the lines of `mask`. */
static unsigned data(unsigned mask)
{
	return PL061_DATA + mask * 4;
}

static void test_power_on(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned reg = 0; reg <= PL061_AFSEL; reg += 4)
		assert_int_equal(in(&b, reg), 0);
	pl061_set(&b.gpio, POWER_KEY, true);
	assert_int_equal(in(&b, data(0xff)), 0x08);
	assert_int_equal(b.irq.raised, 0);
}

static void test_identification(void **state)
{
	static const uint8_t ids[] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < ARRAY_LENGTH(ids); i++)
		assert_int_equal(in(&b, PRIMECELL_IDS + 4 * i), ids[i]);
	assert_int_equal(in(&b, 0x424), 0);
}

/* Linux's gpio-keys: both edges, and a look at the line some milliseconds later. */
static void test_power_key(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL061_DIR, 0);
	out(&b, PL061_IE, 0);
	out(&b, PL061_IS, 0);
	out(&b, PL061_IBE, 1 << POWER_KEY);
	out(&b, PL061_IC, 1 << POWER_KEY);
	out(&b, PL061_IE, 1 << POWER_KEY);
	for (unsigned i = 1; i <= 3; i++) {
		pl061_set(&b.gpio, POWER_KEY, true);
		assert_true(b.irq.level);
		assert_int_equal(in(&b, PL061_MIS), 1 << POWER_KEY);
		out(&b, PL061_IC, 1 << POWER_KEY);
		assert_false(b.irq.level);
		assert_int_equal(in(&b, data(1 << POWER_KEY)), 1 << POWER_KEY);
		pl061_set(&b.gpio, POWER_KEY, false);
		assert_true(b.irq.level);
		out(&b, PL061_IC, 1 << POWER_KEY);
		assert_int_equal(in(&b, data(1 << POWER_KEY)), 0);
		assert_int_equal(b.irq.raised, 2 * i);
	}
	pl061_set(&b.gpio, POWER_KEY, false); /* no edge */
	assert_false(b.irq.level);
	assert_int_equal(b.irq.redundant, 0);
}

static void test_edges(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL061_IEV, 0x01); /* line 0 rising, line 1 falling */
	for (unsigned line = 0; line < 2; line++) {
		pl061_set(&b.gpio, line, true);
		assert_int_equal(in(&b, PL061_RIS), line ? 0 : 0x01);
		out(&b, PL061_IC, 0xff);
		pl061_set(&b.gpio, line, false);
		assert_int_equal(in(&b, PL061_RIS), line ? 0x02 : 0);
		out(&b, PL061_IC, 0xff);
	}
	/* What came while it was masked is not lost. */
	pl061_set(&b.gpio, 0, true);
	assert_int_equal(in(&b, PL061_MIS), 0);
	assert_false(b.irq.level);
	out(&b, PL061_IE, 0x01);
	assert_true(b.irq.level);
}

static void test_levels(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL061_IS, 0x03);
	out(&b, PL061_IEV, 0x01); /* line 0 high, line 1 low */
	assert_int_equal(in(&b, PL061_RIS), 0x02);
	pl061_set(&b.gpio, 0, true);
	pl061_set(&b.gpio, 1, true);
	assert_int_equal(in(&b, PL061_RIS), 0x01);
	out(&b, PL061_IE, 0x01);
	out(&b, PL061_IC, 0xff); /* clears edges only */
	assert_true(b.irq.level);
	pl061_set(&b.gpio, 0, false);
	assert_false(b.irq.level);
}

static void test_data_goes_by_its_mask(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL061_DIR, 0xf0);
	pl061_set(&b.gpio, 0, true);
	pl061_set(&b.gpio, 7, true); /* an output: what is outside does not show */
	out(&b, data(0xff), 0x52);
	assert_int_equal(in(&b, data(0xff)), 0x51);
	out(&b, data(0x40), 0x00);
	assert_int_equal(in(&b, data(0xff)), 0x11);
	out(&b, data(0x20), 0xff);
	assert_int_equal(in(&b, data(0xff)), 0x31);
	assert_int_equal(in(&b, data(0x21)), 0x21);
	assert_int_equal(in(&b, data(0x00)), 0);
	out(&b, PL061_DIR, 0);
	assert_int_equal(in(&b, data(0xff)), 0x81);
	out(&b, PL061_DIR, 0xff); /* what was written to inputs was not kept */
	assert_int_equal(in(&b, data(0xff)), 0x30);
}

static void test_outputs_make_no_interrupt(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL061_DIR, 0x01);
	out(&b, PL061_IBE, 0xff);
	out(&b, PL061_IE, 0xff);
	out(&b, data(0x01), 0x01);
	pl061_set(&b.gpio, 0, true);
	out(&b, PL061_IS, 0x01);
	assert_int_equal(in(&b, PL061_RIS), 0);
	assert_int_equal(b.irq.raised, 0);
}

static void test_what_registers_keep(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned reg = PL061_DIR; reg <= PL061_AFSEL; reg += 4) {
		bool kept = reg < PL061_RIS || reg == PL061_AFSEL;

		pl061_io.write(&b.gpio, reg, 4, 0xffffffa5);
		if (reg != PL061_RIS && reg != PL061_MIS)
			assert_int_equal(pl061_io.read(&b.gpio, reg, 4), kept ? 0xa5 : 0);
		assert_int_equal(pl061_io.read(&b.gpio, reg + 1, 1), 0);
		pl061_io.write(&b.gpio, reg + 2, 2, 0);
	}
	assert_int_equal(in(&b, PL061_DIR), 0xa5);
}

static void test_reset(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL061_IBE, 0xff);
	out(&b, PL061_IE, 0xff);
	pl061_set(&b.gpio, POWER_KEY, true);
	assert_true(b.irq.level);
	pl061_reset(&b.gpio);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, PL061_IE), 0);
	assert_int_equal(in(&b, PL061_RIS), 0);
	assert_int_equal(in(&b, data(0xff)), 1 << POWER_KEY); /* still pressed */
}

static void make_busy(struct bench *b)
{
	bench_init(b);
	out(b, PL061_DIR, 0x80);
	out(b, data(0x80), 0x80);
	out(b, PL061_IS, 0x02);
	out(b, PL061_IBE, 0x08);
	out(b, PL061_IEV, 0x11);
	out(b, PL061_IE, 0x08);
	out(b, PL061_AFSEL, 0x40);
	pl061_set(&b->gpio, POWER_KEY, true);
}

static void save(struct bench *b, struct state_writer *writer)
{
	struct err err;

	assert_int_equal(pl061_save(&b->gpio, writer, "chip", &err), 0);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	make_busy(&a);
	save(&a, &writer);
	bench_init(&b);
	assert_int_equal(pl061_load(&b.gpio, chip_image(&writer), "chip", &err), 0);
	state_writer_free(&writer);
	assert_true(b.irq.level);
	for (unsigned reg = PL061_DIR; reg <= PL061_AFSEL; reg += 4)
		assert_int_equal(in(&b, reg), in(&a, reg));
	assert_int_equal(in(&b, data(0xff)), 0x80); /* here the key is not pressed */
	out(&b, PL061_IC, 0xff);
	assert_false(b.irq.level);
}

static void test_load_lowers_the_line(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a);
	save(&a, &writer);
	make_busy(&b);
	assert_true(b.irq.level);
	assert_int_equal(pl061_load(&b.gpio, chip_image(&writer), "chip", &err), 0);
	assert_false(b.irq.level);
	state_writer_free(&writer);
}

static void test_load_of_an_older_state(void **state)
{
	struct state_writer writer = { 0 };
	uint8_t dir = 0x12;
	struct bench b;
	struct err err;

	(void)state;
	make_busy(&b);
	chip_section(&writer, "dir", &dir, 1);
	assert_int_equal(pl061_load(&b.gpio, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(&b, PL061_DIR), 0x12);
	assert_int_equal(in(&b, PL061_IE), 0); /* what was missing has its reset value */
	assert_false(b.irq.level);
	state_writer_free(&writer);
}

/* Every value of its registers is possible, so only what is no state of it is refused. */
static void test_hostile_states_are_refused(void **state)
{
	const uint8_t wide[2] = { 0, 0 };
	struct state_writer writer = { 0 };
	struct pl061_regs before;
	struct bench b;
	struct err err;

	(void)state;
	make_busy(&b);
	before = b.gpio.regs;
	chip_section(&writer, "ie", wide, 2);
	assert_int_equal(pl061_load(&b.gpio, chip_image(&writer), "chip", &err), -1);
	chip_section(&writer, "inputs", wide, 1);
	assert_int_equal(pl061_load(&b.gpio, chip_image(&writer), "chip", &err), -1);
	assert_non_null(strstr(err.text, "chip"));
	assert_memory_equal(&b.gpio.regs, &before, sizeof(before));
	state_writer_free(&writer);
}

/* One line of the eight, as the manual tells of it. */
struct model {
	bool level, output, by_level, both, high, edge;
};

static void model_set(struct model *line, bool level)
{
	bool changed = line->level != level;

	line->level = level;
	if (changed && !line->by_level && !line->output &&
	    (line->both || line->high == level))
		line->edge = true;
}

static bool model_raw(const struct model *line)
{
	if (line->by_level)
		return !line->output && line->level == line->high;
	return line->edge;
}

static void test_random_operations(void **state)
{
	struct model lines[PL061_NR_LINES] = { 0 };
	uint32_t seed = 61;
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t r = chip_random(&seed);
		uint8_t value = (uint8_t)(r >> 8), raw = 0;
		unsigned n = r >> 16 & 7;

		if (r & 1) {
			pl061_set(&b.gpio, n, r >> 8 & 1);
			model_set(&lines[n], r >> 8 & 1);
		} else {
			out(&b, PL061_DIR + (r >> 1 & 7) * 4, value);
		}
		for (n = 0; n < PL061_NR_LINES; n++) {
			lines[n].output = in(&b, PL061_DIR) >> n & 1;
			lines[n].by_level = in(&b, PL061_IS) >> n & 1;
			lines[n].both = in(&b, PL061_IBE) >> n & 1;
			lines[n].high = in(&b, PL061_IEV) >> n & 1;
			if (!(r & 1) && (r >> 1 & 7) == 7 && value >> n & 1)
				lines[n].edge = false; /* IC */
			raw |= (uint8_t)(model_raw(&lines[n]) << n);
		}
		assert_int_equal(in(&b, PL061_RIS), raw);
		assert_int_equal(b.irq.level, (raw & in(&b, PL061_IE)) != 0);
		assert_int_equal(b.irq.redundant, 0);
	}
	assert_true(b.irq.raised > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_on),
		cmocka_unit_test(test_identification),
		cmocka_unit_test(test_power_key),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_data_goes_by_its_mask),
		cmocka_unit_test(test_outputs_make_no_interrupt),
		cmocka_unit_test(test_what_registers_keep),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_load_lowers_the_line),
		cmocka_unit_test(test_load_of_an_older_state),
		cmocka_unit_test(test_hostile_states_are_refused),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
