/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of lines and accesses, and any saved state. */
#include "chip.h"

#include "dev/pl061.h"

struct bench {
	struct pl061 gpio;
	struct fuzz_irq irq;
};

static void reload(struct fuzz_input *input, struct bench *bench)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(pl061_save(&bench->gpio, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	bench->irq.loading = true;
	(void)pl061_load(&bench->gpio, (struct bytes){ writer.data, writer.size }, "u",
			 &err);
	bench->irq.loading = false;
	state_writer_free(&writer);
}

static void access_register(struct fuzz_input *input, struct bench *bench)
{
	const unsigned how = (unsigned)fuzz_next(input, 1);
	const unsigned size = 1u << (how >> 1 & 3) % 3;
	uint64_t offset = PL061_DIR + (how >> 3) % 9 * 4;

	if (how >> 7) /* data, beside the registers, and those far away */
		offset = fuzz_next(input, 2) % (PRIMECELL_SIZE - size + 1);
	if (how & 1)
		pl061_io.write(&bench->gpio, offset, size, fuzz_next(input, size));
	else
		FUZZ_CHECK(pl061_io.read(&bench->gpio, offset, size) <= 0xff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bench bench = { 0 };
	struct irq_line line = { fuzz_irq_set, &bench.irq };

	pl061_init(&bench.gpio, &line);
	while (input.size) {
		const unsigned op = (unsigned)fuzz_next(&input, 1);

		switch (op % 8) {
		case 0:
			if (op >> 3 == 0)
				pl061_reset(&bench.gpio);
			else
				reload(&input, &bench);
			break;
		case 1:
		case 2:
			pl061_set(&bench.gpio, op >> 4 & 7, op >> 7);
			break;
		default:
			access_register(&input, &bench);
			break;
		}
	}
	/* A driver can bring it to rest. */
	pl061_io.write(&bench.gpio, PL061_IS, 4, 0);
	pl061_io.write(&bench.gpio, PL061_IC, 4, 0xff);
	FUZZ_CHECK(!bench.irq.level);
	return 0;
}
