/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of lines and accesses, and any saved state. */
#include "chip.h"

#include "dev/plic.h"

#define NR_SOURCES  70
#define NR_CONTEXTS 3

struct bench {
	struct plic plic;
	bool external[NR_CONTEXTS];
	bool loading; /* a load drives the outputs whatever they were */
};

static void set_external(void *opaque, unsigned context, bool level)
{
	struct bench *bench = opaque;

	FUZZ_CHECK(context < NR_CONTEXTS);
	FUZZ_CHECK(bench->loading || level != bench->external[context]);
	bench->external[context] = level;
}

/* The map is large and mostly empty: go where something is. */
static uint64_t choose_register(struct fuzz_input *input)
{
	const uint64_t where = fuzz_next(input, 1), n = fuzz_next(input, 1);

	switch (where % 5) {
	case 0:
		return PLIC_PRIORITY + n * 4;
	case 1:
		return PLIC_PENDING + n;
	case 2:
		return PLIC_ENABLE + (where >> 4) * PLIC_ENABLE_STRIDE + n;
	case 3:
		return PLIC_CONTEXT + (where >> 4) * PLIC_CONTEXT_STRIDE + n % 12;
	default: /* anywhere */
		return fuzz_next(input, 3) % (PLIC_SIZE(NR_CONTEXTS) - 4);
	}
}

static void access_register(struct fuzz_input *input, struct bench *bench)
{
	const unsigned how = (unsigned)fuzz_next(input, 1);
	const uint64_t offset = choose_register(input);
	const unsigned size = how & 8 ? 1u << (how >> 1 & 1) : 4;

	if (how & 1)
		plic_io.write(&bench->plic, offset, size, fuzz_next(input, size));
	else
		plic_io.read(&bench->plic, offset, size);
}

/* Join sections that were damaged each by itself. */
static void reload(struct fuzz_input *input, struct bench *bench)
{
	struct state_writer whole = { 0 };
	struct err err;
	size_t end = 0;

	FUZZ_CHECK(plic_save(&bench->plic, &whole, "u", &err) == 0);
	while (end < whole.size) {
		struct state_writer part = { .data = whole.data + end };

		part.size = 16u + load_le16(part.data + 6) + load_le32(part.data + 8);
		fuzz_damage(input, &part);
		end += part.size;
	}
	bench->loading = true;
	(void)plic_load(&bench->plic, (struct bytes){ whole.data, whole.size }, "u",
			&err);
	bench->loading = false;
	state_writer_free(&whole);
}

/* What a hart claims pends no more, and a hart that is called has something to claim. */
static void claim_all(struct bench *bench)
{
	for (unsigned i = 0; i < NR_CONTEXTS; i++) {
		const uint64_t reg = PLIC_CONTEXT + i * PLIC_CONTEXT_STRIDE + PLIC_CLAIM;
		bool called = bench->external[i];
		unsigned claims = 0;

		while (plic_io.read(&bench->plic, reg, 4))
			claims++;
		FUZZ_CHECK(claims <= NR_SOURCES);
		FUZZ_CHECK(claims || !called);
		FUZZ_CHECK(!bench->external[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bench bench = { 0 };
	struct err err;

	FUZZ_CHECK(plic_init(&bench.plic, NR_SOURCES, NR_CONTEXTS, set_external, &bench,
			     &err) == 0);
	while (input.size) {
		const unsigned op = (unsigned)fuzz_next(&input, 1);

		switch (op % 8) {
		case 0:
			if (op >> 3 == 0)
				plic_reset(&bench.plic);
			else if (op >> 3 == 1)
				claim_all(&bench);
			else if (op >> 3 < 6)
				reload(&input, &bench);
			break;
		case 1:
		case 2:
			plic_set(&bench.plic, (unsigned)fuzz_next(&input, 1), op >> 7);
			break;
		default:
			access_register(&input, &bench);
			break;
		}
	}
	claim_all(&bench);
	plic_destroy(&bench.plic);
	return 0;
}
