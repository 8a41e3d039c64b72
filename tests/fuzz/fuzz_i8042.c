/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of accesses and any saved state; no guest may have to wait for ever. */
#include "chip.h"

#include "dev/i8042.h"

static void reset(void *opaque)
{
	(void)opaque;
}

static void reload(struct fuzz_input *input, struct i8042 *kbc, struct fuzz_irq *irq)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(i8042_save(kbc, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	irq->loading = true;
	(void)i8042_load(kbc, (struct bytes){ writer.data, writer.size }, "u", &err);
	irq->loading = false;
	state_writer_free(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct fuzz_irq irq = { 0 };
	struct irq_line line = { fuzz_irq_set, &irq };
	struct i8042 kbc;

	i8042_init(&kbc, reset, &line, NULL);
	while (input.size) {
		switch (fuzz_next(&input, 1) % 4) {
		case 0:
			reload(&input, &kbc, &irq);
			break;
		case 1:
			fuzz_access(&input, &i8042_data_io, &kbc, 1);
			break;
		default:
			fuzz_access(&input, &i8042_command_io, &kbc, 1);
			break;
		}
		/* IBF never */
		FUZZ_CHECK(!(i8042_command_io.read(&kbc, 0, 1) & 0x02));
	}
	i8042_data_io.read(&kbc, 0, 1);
	FUZZ_CHECK(!(i8042_command_io.read(&kbc, 0, 1) & 0x01)); /* nor OBF */
	FUZZ_CHECK(!irq.level);
	return 0;
}
