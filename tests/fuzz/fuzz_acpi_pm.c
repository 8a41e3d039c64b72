/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of accesses, times and buttons, and any saved state. */
#include "chip.h"

#include "dev/acpi_pm.h"

struct bench {
	struct acpi_pm pm;
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

static void power_off(void *opaque)
{
	(void)opaque;
}

static const struct acpi_pm_ops ops = { .now = now, .arm = arm, .power_off = power_off };

static void reload(struct fuzz_input *input, struct bench *bench)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(acpi_pm_save(&bench->pm, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	bench->irq.loading = true;
	(void)acpi_pm_load(&bench->pm, (struct bytes){ writer.data, writer.size }, "u",
			   &err);
	bench->irq.loading = false;
	state_writer_free(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bench bench = { .deadline = INT64_MAX };
	struct irq_line line = { fuzz_irq_set, &bench.irq };

	bench.now = (int64_t)(fuzz_next(&input, 8) >> 2);
	acpi_pm_init(&bench.pm, &ops, &line, &bench);
	while (input.size) {
		switch (fuzz_next(&input, 1) % 8) {
		case 0: /* up to twenty minutes: two changes of bit 31 */
			bench.now += (int64_t)fuzz_next(&input, 4) << 8;
			break;
		case 1:
			acpi_pm_power_button(&bench.pm);
			break;
		case 2:
			if (bench.deadline == INT64_MAX)
				break;
			bench.now = bench.deadline;
			bench.deadline = INT64_MAX;
			acpi_pm_tick(&bench.pm);
			break;
		case 3:
			reload(&input, &bench);
			break;
		case 4:
			if (fuzz_next(&input, 1) == 0)
				acpi_pm_reset(&bench.pm);
			break;
		default:
			fuzz_access(&input, &acpi_pm_io, &bench.pm, ACPI_PM_NR_PORTS);
			break;
		}
	}
	acpi_pm_io.write(&bench.pm, ACPI_PM1_STS, 2, UINT16_MAX);
	FUZZ_CHECK(!bench.irq.level);
	return 0;
}
