/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of accesses, times and timers, and any saved state. */
#include "chip.h"

#include "dev/pl031.h"

struct bench {
	struct pl031 rtc;
	struct fuzz_irq irq;
	int64_t now;
	int64_t deadline;
};

static int64_t now(void *opaque)
{
	struct bench *bench = opaque;

	return bench->now;
}

static void arm(void *opaque, int64_t deadline_ns)
{
	struct bench *bench = opaque;

	FUZZ_CHECK(deadline_ns > bench->now);
	bench->deadline = deadline_ns;
}

static const struct pl031_ops ops = { .now = now, .arm = arm };

static void reload(struct fuzz_input *input, struct bench *bench)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(pl031_save(&bench->rtc, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	bench->irq.loading = true;
	(void)pl031_load(&bench->rtc, (struct bytes){ writer.data, writer.size }, "u",
			 &err);
	bench->irq.loading = false;
	state_writer_free(&writer);
}

static void access_register(struct fuzz_input *input, struct bench *bench)
{
	const unsigned how = (unsigned)fuzz_next(input, 1);
	const unsigned size = 1u << (how >> 6) % 3;
	uint64_t offset = how >> 1 & 0x1c;

	if (how >> 6 == 3) /* beside the registers, and those far away */
		offset = fuzz_next(input, 2) % (PRIMECELL_SIZE - size + 1);
	if (how & 1)
		pl031_io.write(&bench->rtc, offset, size, fuzz_next(input, size));
	else
		pl031_io.read(&bench->rtc, offset, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bench bench = { .now = INT64_C(1700000000123456789),
			       .deadline = INT64_MAX };
	struct irq_line line = { fuzz_irq_set, &bench.irq };

	pl031_init(&bench.rtc, &ops, &line, &bench);
	while (input.size) {
		switch (fuzz_next(&input, 1) % 8) {
		case 0: /* up to four seconds */
			bench.now += (int64_t)fuzz_next(&input, 4);
			break;
		case 1: /* anywhere the clock can be, also back */
			if (fuzz_next(&input, 1) == 0)
				bench.now = (int64_t)(fuzz_next(&input, 8) >> 2);
			break;
		case 2:
			if (bench.deadline == INT64_MAX || bench.deadline < bench.now)
				break;
			bench.now = bench.deadline;
			bench.deadline = INT64_MAX;
			pl031_tick(&bench.rtc);
			FUZZ_CHECK(bench.irq.level); /* a timer is never in vain */
			break;
		case 3:
			reload(&input, &bench);
			break;
		case 4: /* the clock was set: the timer counts as used up */
			bench.deadline = INT64_MAX;
			pl031_tick(&bench.rtc);
			break;
		case 5:
			if (fuzz_next(&input, 1) == 0)
				pl031_reset(&bench.rtc);
			break;
		default:
			access_register(&input, &bench);
			break;
		}
	}
	pl031_io.write(&bench.rtc, PL031_ICR, 4, 1);
	FUZZ_CHECK(!bench.irq.level);
	return 0;
}
