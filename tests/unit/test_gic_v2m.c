/* SPDX-License-Identifier: BSD-2-Clause */
/* The v2m frame: what a driver reads, and which writes raise an interrupt. */
#include "chip.h"

#include "dev/gic_v2m.h"

#define FIRST 96
#define COUNT 32

struct bench {
	struct gic_v2m v2m;
	unsigned raised;
	uint32_t intid; /* the last one */
};

static void on_raise(void *opaque, uint32_t intid)
{
	struct bench *bench = opaque;

	bench->raised++;
	bench->intid = intid;
}

static void init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	gic_v2m_init(&bench->v2m, FIRST, COUNT, on_raise, bench);
}

/* As Linux reads it: base in bits 25 to 16, count in bits 9 to 0. */
static void test_typer(void **state)
{
	struct bench bench;
	uint64_t typer;

	(void)state;
	init(&bench);
	typer = gic_v2m_io.read(&bench.v2m, 0x008, 4);
	assert_int_equal(typer >> 16 & 0x3ff, FIRST);
	assert_int_equal(typer & 0x3ff, COUNT);
	assert_int_equal(gic_v2m_io.read(&bench.v2m, 0xfcc, 4) & 0xfff, 0x43b);
	assert_int_equal(gic_v2m_io.read(&bench.v2m, 0x040, 4), 0); /* write-only */
}

static void test_messages(void **state)
{
	struct bench bench;

	(void)state;
	init(&bench);
	gic_v2m_io.write(&bench.v2m, GIC_V2M_SETSPI_NS, 4, FIRST);
	assert_int_equal(bench.raised, 1);
	assert_int_equal(bench.intid, FIRST);
	gic_v2m_io.write(&bench.v2m, GIC_V2M_SETSPI_NS, 2, FIRST + COUNT - 1);
	assert_int_equal(bench.raised, 2);
	assert_int_equal(bench.intid, FIRST + COUNT - 1);
}

/* Interrupts of others cannot be raised from here. */
static void test_strangers_raise_nothing(void **state)
{
	static const uint32_t data[] = {
		0, 15, 31, FIRST - 1, FIRST + COUNT, 1023, 0x10000 + FIRST, ~0u
	};
	struct bench bench;

	(void)state;
	init(&bench);
	for (unsigned i = 0; i < ARRAY_LENGTH(data); i++) {
		assert_false(gic_v2m_has(&bench.v2m, data[i]));
		gic_v2m_io.write(&bench.v2m, GIC_V2M_SETSPI_NS, 4, data[i]);
	}
	gic_v2m_io.write(&bench.v2m, GIC_V2M_SETSPI_NS + 4, 4, FIRST);
	gic_v2m_io.write(&bench.v2m, GIC_V2M_SETSPI_NS, 1, FIRST);
	gic_v2m_io.write(&bench.v2m, 0x008, 4, FIRST);
	assert_int_equal(bench.raised, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_typer),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_strangers_raise_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
