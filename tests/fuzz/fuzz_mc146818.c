/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of accesses, times and timers, and any saved state. */
#include "chip.h"

#include "dev/mc146818.h"

struct bench {
	struct mc146818 rtc;
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

static const struct mc146818_ops ops = { .now = now, .arm = arm };

static void reload(struct fuzz_input *input, struct bench *bench)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(mc146818_save(&bench->rtc, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	bench->irq.loading = true;
	(void)mc146818_load(&bench->rtc, (struct bytes){ writer.data, writer.size }, "u",
			    &err);
	bench->irq.loading = false;
	state_writer_free(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bench bench = { .now = INT64_C(1700000000123456789),
			       .deadline = INT64_MAX };
	struct irq_line line = { fuzz_irq_set, &bench.irq };

	mc146818_init(&bench.rtc, &ops, &line, &bench);
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
			if (bench.deadline == INT64_MAX)
				break;
			bench.now = bench.deadline;
			bench.deadline = INT64_MAX;
			mc146818_tick(&bench.rtc);
			break;
		case 3:
			reload(&input, &bench);
			break;
		case 4:
			mc146818_tick(&bench.rtc);
			break;
		case 5:
			if (fuzz_next(&input, 1) == 0)
				mc146818_reset(&bench.rtc);
			break;
		default:
			fuzz_access(&input, &mc146818_io, &bench.rtc, MC146818_NR_PORTS);
			break;
		}
	}
	mc146818_io.write(&bench.rtc, 0, 1, RTC_C);
	mc146818_io.read(&bench.rtc, 1, 1);
	FUZZ_CHECK(!bench.irq.level);
	return 0;
}
