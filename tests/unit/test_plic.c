/* SPDX-License-Identifier: BSD-2-Clause */
/* The PLIC as lines and harts see it; in the end against a model without any bitmap. */
#include "chip.h"

#include "dev/plic.h"

#define NR_SOURCES  96
#define NR_CONTEXTS 4

/* A PLIC on a bench: what each hart's external interrupt is. */
struct bench {
	struct plic plic;
	bool external[NR_CONTEXTS];
	unsigned calls, redundant;
};

static void bench_external(void *opaque, unsigned context, bool level)
{
	struct bench *bench = opaque;

	assert_true(context < NR_CONTEXTS);
	bench->calls++;
	bench->redundant += level == bench->external[context];
	bench->external[context] = level;
}

static void bench_init(struct bench *bench)
{
	struct err err;

	memset(bench, 0, sizeof(*bench));
	assert_int_equal(plic_init(&bench->plic, NR_SOURCES, NR_CONTEXTS, bench_external,
				   bench, &err),
			 0);
}

static void bench_destroy(struct bench *bench)
{
	plic_destroy(&bench->plic);
}

static uint32_t in(struct bench *bench, uint64_t offset)
{
	return (uint32_t)plic_io.read(&bench->plic, offset, 4);
}

static void out(struct bench *bench, uint64_t offset, uint32_t value)
{
	plic_io.write(&bench->plic, offset, 4, value);
}

static uint64_t context_register(unsigned context, unsigned reg)
{
	return PLIC_CONTEXT + context * PLIC_CONTEXT_STRIDE + reg;
}

static uint64_t enable_register(unsigned context, unsigned word)
{
	return PLIC_ENABLE + context * PLIC_ENABLE_STRIDE + word * 4;
}

static uint32_t claim(struct bench *bench, unsigned context)
{
	return in(bench, context_register(context, PLIC_CLAIM));
}

static void complete(struct bench *bench, unsigned context, uint32_t source)
{
	out(bench, context_register(context, PLIC_CLAIM), source);
}

static void set_priority(struct bench *bench, unsigned source, uint32_t priority)
{
	out(bench, PLIC_PRIORITY + source * 4, priority);
}

static void set_threshold(struct bench *bench, unsigned context, uint32_t threshold)
{
	out(bench, context_register(context, PLIC_THRESHOLD), threshold);
}

static void enable(struct bench *bench, unsigned context, unsigned source, bool on)
{
	const uint64_t reg = enable_register(context, source / 32);
	const uint32_t mask = UINT32_C(1) << source % 32;

	out(bench, reg, on ? in(bench, reg) | mask : in(bench, reg) & ~mask);
}

static bool is_pending(struct bench *bench, unsigned source)
{
	return in(bench, PLIC_PENDING + source / 32 * 4) >> source % 32 & 1;
}

/* As Linux sets up an interrupt. */
static void request(struct bench *bench, unsigned context, unsigned source)
{
	set_priority(bench, source, 1);
	enable(bench, context, source, true);
}

static void test_power_on(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i <= NR_SOURCES; i++)
		assert_int_equal(in(&b, PLIC_PRIORITY + i * 4), 0);
	for (unsigned i = 0; i < NR_CONTEXTS; i++) {
		assert_int_equal(in(&b, context_register(i, PLIC_THRESHOLD)), 0);
		assert_int_equal(in(&b, enable_register(i, 0)), 0);
		assert_int_equal(claim(&b, i), 0);
	}
	plic_set(&b.plic, 5, true); /* priority 0, and nobody has it enabled */
	assert_true(is_pending(&b, 5));
	assert_int_equal(b.calls, 0);
	bench_destroy(&b);
}

static void test_sizes_that_do_not_exist(void **state)
{
	static const struct {
		unsigned nr_sources, nr_contexts;
	} bad[] = { { 0, 1 }, { 1024, 1 }, { 1, 0 }, { 1, PLIC_MAX_CONTEXTS + 1 } };
	struct plic plic;
	struct err err;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
		assert_int_equal(plic_init(&plic, bad[i].nr_sources, bad[i].nr_contexts,
					   bench_external, NULL, &err),
				 -1);
		assert_non_null(strstr(err.text, "PLIC"));
		plic_destroy(&plic);
	}
}

/* The whole way of one interrupt, as Linux's driver goes it. */
static void test_claim_and_complete(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	request(&b, 2, 10);
	plic_set(&b.plic, 10, true);
	assert_true(b.external[2]);
	assert_false(b.external[0] || b.external[1] || b.external[3]);
	assert_int_equal(claim(&b, 2), 10);
	assert_false(b.external[2]);
	assert_false(is_pending(&b, 10));
	assert_int_equal(claim(&b, 2), 0);
	plic_set(&b.plic, 10, false); /* the handler served the device */
	complete(&b, 2, 10);
	assert_false(b.external[2]);
	plic_set(&b.plic, 10, true);
	assert_true(b.external[2]);
	assert_int_equal(b.redundant, 0);
	bench_destroy(&b);
}

static void test_line_that_stays_high_pends_again(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	request(&b, 0, 10);
	plic_set(&b.plic, 10, true);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(claim(&b, 0), 10);
		/* What the line does in between makes no second request. */
		plic_set(&b.plic, 10, false);
		plic_set(&b.plic, 10, true);
		assert_false(is_pending(&b, 10));
		assert_false(b.external[0]);
		complete(&b, 0, 10);
		assert_true(is_pending(&b, 10));
		assert_true(b.external[0]);
	}
	bench_destroy(&b);
}

static void test_request_outlives_its_line(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	request(&b, 0, 10);
	plic_set(&b.plic, 10, true);
	plic_set(&b.plic, 10, false);
	assert_true(b.external[0]);
	assert_int_equal(claim(&b, 0), 10);
	complete(&b, 0, 10);
	assert_false(b.external[0]);
	bench_destroy(&b);
}

static void test_completion_that_is_ignored(void **state)
{
	static const uint32_t others[] = {
		0, 11, NR_SOURCES + 1, 1023, 1024, UINT32_MAX
	};
	struct bench b;

	(void)state;
	bench_init(&b);
	request(&b, 0, 10);
	request(&b, 0, 11);
	plic_set(&b.plic, 10, true);
	assert_int_equal(claim(&b, 0), 10);
	for (unsigned i = 0; i < ARRAY_LENGTH(others); i++)
		complete(&b, 0, others[i]);
	complete(&b, 1, 10); /* not enabled there */
	assert_false(b.external[0]);
	/* Linux enables a source that was disabled meanwhile, only to complete it. */
	enable(&b, 0, 10, false);
	complete(&b, 0, 10);
	assert_false(is_pending(&b, 10));
	enable(&b, 0, 10, true);
	complete(&b, 0, 10);
	assert_true(b.external[0]);
	bench_destroy(&b);
}

/* Affinity may change between a claim and its completion. */
static void test_completion_by_another_hart(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	request(&b, 0, 10);
	plic_set(&b.plic, 10, true);
	assert_int_equal(claim(&b, 0), 10);
	enable(&b, 0, 10, false);
	enable(&b, 1, 10, true);
	complete(&b, 1, 10);
	assert_true(b.external[1]);
	assert_false(b.external[0]);
	bench_destroy(&b);
}

static void test_one_of_two_harts_gets_it(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	request(&b, 0, 10);
	request(&b, 1, 10);
	plic_set(&b.plic, 10, true);
	assert_true(b.external[0] && b.external[1]);
	assert_int_equal(claim(&b, 1), 10);
	assert_false(b.external[0] || b.external[1]);
	assert_int_equal(claim(&b, 0), 0);
	bench_destroy(&b);
}

static void test_order_of_claims(void **state)
{
	static const struct {
		unsigned source, priority;
	} sources[] = { { 64, 3 }, { 1, 1 }, { 31, 7 }, { 96, 7 }, { 32, 7 }, { 2, 1 } };
	static const unsigned order[] = { 31, 32, 96, 64, 1, 2, 0 };
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < ARRAY_LENGTH(sources); i++) {
		set_priority(&b, sources[i].source, sources[i].priority);
		enable(&b, 0, sources[i].source, true);
		plic_set(&b.plic, sources[i].source, true);
	}
	for (unsigned i = 0; i < ARRAY_LENGTH(order); i++)
		assert_int_equal(claim(&b, 0), order[i]);
	assert_false(b.external[0]);
	bench_destroy(&b);
}

static void test_threshold(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	enable(&b, 0, 10, true);
	set_priority(&b, 10, 3);
	plic_set(&b.plic, 10, true);
	for (unsigned threshold = 0; threshold <= 7; threshold++) {
		set_threshold(&b, 0, threshold);
		assert_int_equal(b.external[0], threshold < 3);
	}
	set_priority(&b, 10, 7);
	assert_false(b.external[0]); /* by 7 Linux silences a hart that goes offline */
	set_threshold(&b, 0, 6);
	assert_true(b.external[0]);
	set_threshold(&b, 0, 7);
	assert_int_equal(claim(&b, 0), 10); /* a claim does not look at it */
	bench_destroy(&b);
}

static void test_priority_0_never_interrupts(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	request(&b, 0, 10);
	plic_set(&b.plic, 10, true);
	set_priority(&b, 10, 0); /* this is how Linux masks */
	assert_false(b.external[0]);
	assert_int_equal(claim(&b, 0), 0);
	assert_true(is_pending(&b, 10));
	set_priority(&b, 10, 1);
	assert_true(b.external[0]);
	bench_destroy(&b);
}

static void test_enable_gates(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set_priority(&b, 10, 1);
	plic_set(&b.plic, 10, true);
	enable(&b, 0, 10, true);
	assert_true(b.external[0]);
	enable(&b, 0, 10, false);
	assert_false(b.external[0]);
	assert_int_equal(claim(&b, 0), 0);
	assert_true(is_pending(&b, 10));
	bench_destroy(&b);
}

static void test_what_registers_keep(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 1024; i++) {
		bool exists = i >= 1 && i <= NR_SOURCES;

		set_priority(&b, i, UINT32_MAX);
		assert_int_equal(in(&b, PLIC_PRIORITY + i * 4), exists ? 7 : 0);
	}
	for (unsigned word = 0; word < 32; word++) {
		uint32_t mask = word == 0 ? 0xfffffffe : word < 3 ? UINT32_MAX : 0;

		if (word == 3)
			mask = 1; /* source 96 */
		out(&b, enable_register(1, word), UINT32_MAX);
		assert_int_equal(in(&b, enable_register(1, word)), mask);
		out(&b, PLIC_PENDING + word * 4, UINT32_MAX);
		assert_int_equal(in(&b, PLIC_PENDING + word * 4), 0);
		assert_int_equal(in(&b, enable_register(0, word)), 0);
		assert_int_equal(in(&b, enable_register(2, word)), 0);
	}
	set_threshold(&b, 1, UINT32_MAX);
	assert_int_equal(in(&b, context_register(1, PLIC_THRESHOLD)), 7);
	assert_int_equal(in(&b, context_register(0, PLIC_THRESHOLD)), 0);
	assert_int_equal(b.calls, 0);
	bench_destroy(&b);
}

static void test_accesses_that_reach_nothing(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	request(&b, 0, 10);
	plic_set(&b.plic, 10, true);
	/* Contexts that do not exist, and gaps. */
	out(&b, enable_register(NR_CONTEXTS, 0), UINT32_MAX);
	assert_int_equal(in(&b, enable_register(NR_CONTEXTS, 0)), 0);
	assert_int_equal(claim(&b, NR_CONTEXTS), 0);
	set_threshold(&b, NR_CONTEXTS, 5);
	assert_int_equal(in(&b, PLIC_PENDING + 128), 0);
	assert_int_equal(in(&b, context_register(0, 8)), 0);
	/* Bytes, half words and odd places claim nothing. */
	assert_int_equal(plic_io.read(&b.plic, context_register(0, PLIC_CLAIM), 1), 0);
	assert_int_equal(plic_io.read(&b.plic, context_register(0, PLIC_CLAIM), 2), 0);
	assert_int_equal(plic_io.read(&b.plic, context_register(0, PLIC_CLAIM) + 1, 4),
			 0);
	plic_io.write(&b.plic, PLIC_PRIORITY + 10 * 4, 1, 0);
	plic_io.write(&b.plic, PLIC_PRIORITY + 10 * 4 + 2, 4, 0);
	plic_set(&b.plic, 0, true);
	plic_set(&b.plic, NR_SOURCES + 1, true);
	plic_set(&b.plic, UINT32_MAX, true);
	assert_true(b.external[0]);
	assert_int_equal(claim(&b, 0), 10);
	assert_int_equal(claim(&b, 0), 0);
	bench_destroy(&b);
}

/* All 1023 sources, and the last context that the register map has room for. */
static void test_largest(void **state)
{
	struct bench b = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(plic_init(&b.plic, PLIC_MAX_SOURCES, NR_CONTEXTS, bench_external,
				   &b, &err),
			 0);
	request(&b, 3, 1023);
	plic_set(&b.plic, 1023, true);
	assert_true(b.external[3]);
	assert_int_equal(claim(&b, 3), 1023);
	plic_destroy(&b.plic);
	assert_true(enable_register(PLIC_MAX_CONTEXTS, 0) <= PLIC_CONTEXT);
}

static void test_reset(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	request(&b, 0, 10);
	request(&b, 0, 11);
	request(&b, 0, 12);
	set_threshold(&b, 1, 5);
	plic_set(&b.plic, 10, true);
	assert_int_equal(claim(&b, 0), 10);
	plic_set(&b.plic, 11, true);
	plic_set(&b.plic, 12, true);
	plic_set(&b.plic, 12, false);
	plic_reset(&b.plic);
	assert_false(b.external[0]);
	assert_int_equal(b.redundant, 0);
	assert_int_equal(in(&b, PLIC_PRIORITY + 10 * 4), 0);
	assert_int_equal(in(&b, enable_register(0, 0)), 0);
	assert_int_equal(in(&b, context_register(1, PLIC_THRESHOLD)), 0);
	/* Lines that are high pend again, claims and other requests are forgotten. */
	assert_int_equal(in(&b, PLIC_PENDING), 1u << 10 | 1u << 11);
	request(&b, 0, 11);
	assert_int_equal(claim(&b, 0), 11);
	bench_destroy(&b);
}

static void save(struct bench *b, struct state_writer *writer)
{
	struct err err;

	assert_int_equal(plic_save(&b->plic, writer, "chip", &err), 0);
}

/* One source pends, one is claimed, one waits with priority 0. */
static void make_busy(struct bench *b)
{
	bench_init(b);
	request(b, 1, 10);
	request(b, 1, 40);
	set_priority(b, 40, 6);
	enable(b, 3, 96, true);
	plic_set(&b->plic, 96, true);
	plic_set(&b->plic, 40, true);
	assert_int_equal(claim(b, 1), 40);
	plic_set(&b->plic, 10, true);
	set_threshold(b, 2, 4);
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
	request(&b, 0, 3);
	plic_set(&b.plic, 3, true);
	assert_int_equal(plic_load(&b.plic, chip_image(&writer), "chip", &err), 0);
	state_writer_free(&writer);
	assert_false(b.external[0]);
	assert_true(b.external[1]);
	assert_int_equal(in(&b, context_register(2, PLIC_THRESHOLD)), 4);
	assert_int_equal(claim(&b, 1), 10);
	assert_int_equal(claim(&b, 1), 0);
	complete(&b, 1, 40);
	assert_int_equal(claim(&b, 1), 40); /* its line was high when it was saved */
	set_priority(&b, 96, 1);
	assert_int_equal(claim(&b, 3), 96);
	bench_destroy(&a);
	bench_destroy(&b);
}

/* What a hart was told before is not part of the state: it is told anew. */
static void test_load_drives_every_output(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a);
	save(&a, &writer);
	make_busy(&b);
	b.calls = 0;
	assert_int_equal(plic_load(&b.plic, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(b.calls, NR_CONTEXTS);
	assert_false(b.external[1]);
	state_writer_free(&writer);
	bench_destroy(&a);
	bench_destroy(&b);
}

static void test_state_of_another_machine_is_refused(void **state)
{
	struct state_writer writer = { 0 };
	struct plic other;
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b);
	assert_int_equal(plic_init(&other, NR_SOURCES, 8, bench_external, NULL, &err), 0);
	assert_int_equal(plic_save(&other, &writer, "chip", &err), 0);
	assert_int_equal(plic_load(&b.plic, chip_image(&writer), "chip", &err), -1);
	assert_non_null(strstr(err.text, "8 CPUs"));
	state_writer_free(&writer);
	plic_destroy(&other);
	bench_destroy(&b);
}

/* The state of `b` with one of its registers changed must not load. */
static void assert_refused(struct bench *b, void *reg, size_t size, uint32_t value)
{
	struct state_writer writer = { 0 };
	struct bench target;
	uint32_t kept = 0;
	struct err err;

	memcpy(&kept, reg, size);
	memcpy(reg, &value, size);
	save(b, &writer);
	memcpy(reg, &kept, size);
	bench_init(&target);
	request(&target, 0, 3);
	assert_int_equal(plic_load(&target.plic, chip_image(&writer), "chip", &err), -1);
	assert_non_null(strstr(err.text, "chip"));
	assert_int_equal(target.calls, 0);
	assert_int_equal(in(&target, PLIC_PRIORITY + 3 * 4), 1); /* nothing changed */
	state_writer_free(&writer);
	bench_destroy(&target);
}

static void test_hostile_states_are_refused(void **state)
{
	struct plic_context_regs *context;
	struct plic_regs *regs;
	struct bench b;

	(void)state;
	make_busy(&b);
	regs = &b.plic.regs;
	context = &b.plic.contexts[3].regs;
	assert_refused(&b, &regs->priority[0], 1, 1);
	assert_refused(&b, &regs->priority[5], 1, 8);
	assert_refused(&b, &regs->priority[NR_SOURCES + 1], 1, 1);
	assert_refused(&b, &regs->pending[0], 4, regs->pending[0] | 1);
	assert_refused(&b, &regs->pending[31], 4, 1);
	assert_refused(&b, &regs->pending[1], 4, regs->claimed[1]);
	assert_refused(&b, &regs->claimed[3], 4, 2); /* source 97 */
	assert_refused(&b, &regs->level[0], 4, 1u << 20);
	assert_refused(&b, &regs->level[31], 4, 1);
	assert_refused(&b, &regs->nr_contexts, 4, NR_CONTEXTS + 1);
	assert_refused(&b, &context->threshold, 1, 8);
	assert_refused(&b, &context->enable[0], 4, 1);
	assert_refused(&b, &context->enable[3], 4, 2);
	bench_destroy(&b);
}

/* A section of an older program, without some registers, and none of the contexts. */
static void test_missing_sections_are_refused(void **state)
{
	struct state_writer writer = { 0 };
	uint8_t priority[PLIC_MAX_SOURCES + 1] = { 0 };
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b);
	chip_section(&writer, "priority", priority, sizeof(priority));
	assert_int_equal(plic_load(&b.plic, chip_image(&writer), "chip", &err), -1);
	assert_non_null(strstr(err.text, "chip.0"));
	state_writer_free(&writer);
	bench_destroy(&b);
}

/* The specification once more, without haste. */
struct model {
	bool level[NR_SOURCES + 1], pending[NR_SOURCES + 1], claimed[NR_SOURCES + 1];
	unsigned priority[NR_SOURCES + 1];
	bool enabled[NR_CONTEXTS][NR_SOURCES + 1];
	unsigned threshold[NR_CONTEXTS];
};

static unsigned model_best(const struct model *m, unsigned context)
{
	unsigned best = 0;

	for (unsigned i = 1; i <= NR_SOURCES; i++) {
		if (m->pending[i] && m->enabled[context][i] &&
		    m->priority[i] > (best ? m->priority[best] : 0))
			best = i;
	}
	return best;
}

static void model_gateways(struct model *m)
{
	for (unsigned i = 1; i <= NR_SOURCES; i++)
		m->pending[i] |= m->level[i] && !m->claimed[i];
}

static void assert_agree(struct bench *b, const struct model *m)
{
	for (unsigned i = 1; i <= NR_SOURCES; i++)
		assert_int_equal(is_pending(b, i), m->pending[i]);
	for (unsigned i = 0; i < NR_CONTEXTS; i++) {
		unsigned best = model_best(m, i);

		assert_int_equal(b->external[i],
				 best && m->priority[best] > m->threshold[i]);
	}
}

static void random_operation(struct bench *b, struct model *m, uint32_t r)
{
	/* Few sources, at all ends of words, so that things meet. */
	static const unsigned sources[] = { 1, 2, 31, 32, 33, 64, 95, 96 };
	const unsigned source = sources[r >> 8 & 7], context = r >> 12 & 3;
	const unsigned value = r >> 16 & 7;
	unsigned claimed;

	switch (r % 8) {
	case 0:
		m->priority[source] = value;
		set_priority(b, source, value);
		break;
	case 1:
		m->enabled[context][source] = value & 1;
		enable(b, context, source, value & 1);
		break;
	case 2:
		m->threshold[context] = value;
		set_threshold(b, context, value);
		break;
	case 3:
	case 4:
		claimed = model_best(m, context);
		assert_int_equal(claim(b, context), claimed);
		if (claimed) {
			m->pending[claimed] = false;
			m->claimed[claimed] = true;
		}
		break;
	case 5:
		if (m->enabled[context][source])
			m->claimed[source] = false;
		complete(b, context, source);
		break;
	default:
		m->level[source] = value & 1;
		plic_set(&b->plic, source, value & 1);
		break;
	}
	model_gateways(m);
}

static void test_random_operations(void **state)
{
	struct model model = { 0 };
	uint32_t seed = 1023;
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 100000; i++) {
		random_operation(&b, &model, chip_random(&seed));
		assert_agree(&b, &model);
		assert_int_equal(b.redundant, 0);
	}
	assert_true(b.calls > 1000);
	bench_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_on),
		cmocka_unit_test(test_sizes_that_do_not_exist),
		cmocka_unit_test(test_claim_and_complete),
		cmocka_unit_test(test_line_that_stays_high_pends_again),
		cmocka_unit_test(test_request_outlives_its_line),
		cmocka_unit_test(test_completion_that_is_ignored),
		cmocka_unit_test(test_completion_by_another_hart),
		cmocka_unit_test(test_one_of_two_harts_gets_it),
		cmocka_unit_test(test_order_of_claims),
		cmocka_unit_test(test_threshold),
		cmocka_unit_test(test_priority_0_never_interrupts),
		cmocka_unit_test(test_enable_gates),
		cmocka_unit_test(test_what_registers_keep),
		cmocka_unit_test(test_accesses_that_reach_nothing),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_load_drives_every_output),
		cmocka_unit_test(test_state_of_another_machine_is_refused),
		cmocka_unit_test(test_hostile_states_are_refused),
		cmocka_unit_test(test_missing_sections_are_refused),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
