/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any accesses, answers of the host, DMA channel, time and saved state; no request outside
 * of an image, no write to a protected one, and a reset always helps.
 */
#include "chip.h"

#include "dev/i82077.h"

struct bench {
	struct i82077 fdc;
	struct fuzz_irq irq;
	struct fuzz_input *input;
	bool is_pending;
	int64_t now, deadline;
	uint8_t data[I82077_MAX_DATA];
};

static void want(struct bench *bench, unsigned drive, uint64_t offset, size_t size)
{
	FUZZ_CHECK(!bench->is_pending && drive < I82077_NR_DRIVES);
	FUZZ_CHECK(bench->fdc.drives[drive].medium);
	FUZZ_CHECK(size && size <= I82077_MAX_DATA && !(size % 512) && !(offset % 512));
	FUZZ_CHECK(offset + size <= bench->fdc.drives[drive].medium->size);
	bench->is_pending = true;
}

static void begin_read(void *opaque, unsigned drive, uint64_t offset, size_t size)
{
	want(opaque, drive, offset, size);
}

static void begin_write(void *opaque, unsigned drive, uint64_t offset, const void *data,
			size_t size)
{
	struct bench *bench = opaque;

	want(bench, drive, offset, size);
	FUZZ_CHECK(!bench->fdc.drives[drive].read_only);
	memcpy(bench->data, data, size);
}

static void cancel(void *opaque)
{
	struct bench *bench = opaque;

	FUZZ_CHECK(bench->is_pending);
	bench->is_pending = false;
}

/* What the channel lets through, as the input says. */
static size_t dma(struct bench *bench, size_t size, bool *tc)
{
	const unsigned how = (unsigned)fuzz_next(bench->input, 1);
	const size_t left = fuzz_next(bench->input, 2);

	*tc = (how & 1) && left <= size;
	return how & 2 ? 0 : left < size ? left : size;
}

static size_t to_memory(void *opaque, const void *data, size_t size, bool *tc)
{
	struct bench *bench = opaque;

	FUZZ_CHECK(size && size <= I82077_MAX_DATA);
	memcpy(bench->data, data, size);
	return dma(bench, size, tc);
}

static size_t from_memory(void *opaque, void *data, size_t size, bool *tc)
{
	struct bench *bench = opaque;

	FUZZ_CHECK(size && size <= I82077_MAX_DATA);
	memset(data, 0x5a, size);
	return dma(bench, size, tc);
}

static int64_t now(void *opaque)
{
	return ((struct bench *)opaque)->now;
}

static void arm(void *opaque, int64_t deadline_ns)
{
	((struct bench *)opaque)->deadline = deadline_ns;
}

static const struct i82077_ops ops = {
	.read = begin_read,
	.write = begin_write,
	.cancel = cancel,
	.to_memory = to_memory,
	.from_memory = from_memory,
	.now = now,
	.arm = arm,
};

static void reload(struct fuzz_input *input, struct bench *bench)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(i82077_save(&bench->fdc, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	bench->irq.loading = true;
	(void)i82077_load(&bench->fdc, (struct bytes){ writer.data, writer.size }, "u",
			  &err);
	bench->irq.loading = false;
	state_writer_free(&writer);
}

static void finish(struct bench *bench, int error)
{
	if (!bench->is_pending)
		return;
	bench->is_pending = false;
	i82077_done(&bench->fdc, bench->data, error);
}

static void pass(struct bench *bench, int64_t ns)
{
	bench->now += ns;
	if (bench->deadline > bench->now)
		return;
	bench->deadline = INT64_MAX;
	i82077_tick(&bench->fdc);
}

static void step(struct fuzz_input *input, struct bench *bench)
{
	switch (fuzz_next(input, 1) % 16) {
	case 0:
		reload(input, bench);
		break;
	case 1:
		pass(bench, (int64_t)fuzz_next(input, 4));
		break;
	case 2:
		finish(bench, (int)fuzz_next(input, 1) & 1);
		break;
	case 3:
		i82077_dma_released(&bench->fdc);
		break;
	case 4:
		if (fuzz_next(input, 1) == 0)
			i82077_reset(&bench->fdc);
		break;
	case 5:
		fuzz_access(input, &i82077_dir_io, &bench->fdc, 1);
		break;
	case 6 ... 9: /* the FIFO, most of the time */
		i82077_io.write(&bench->fdc, 5, 1, fuzz_next(input, 1));
		break;
	case 10 ... 11:
		for (unsigned n = (unsigned)fuzz_next(input, 2) % 1030; n; n--)
			i82077_io.read(&bench->fdc, 5, 1);
		break;
	case 12:
		finish(bench, 0);
		break;
	default:
		fuzz_access(input, &i82077_io, &bench->fdc, I82077_NR_PORTS);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t sizes[] = { 360, 720, 1200, 1440, 2880 };
	struct fuzz_input input = { data, size };
	static struct bench bench;
	struct irq_line line = { fuzz_irq_set, &bench.irq };
	const unsigned how = (unsigned)fuzz_next(&input, 1);
	const struct i82077_drive drives[I82077_NR_DRIVES] = {
		{ i82077_medium_of((uint64_t)sizes[how % 5] << 10), how & 0x40 },
		{ how & 0x80 ? i82077_medium_of(1440u << 10) : NULL, how & 0x20 },
	};

	memset(&bench, 0, sizeof(bench));
	bench.input = &input;
	bench.deadline = INT64_MAX;
	i82077_init(&bench.fdc, drives, &ops, &line, &bench);
	i82077_io.write(&bench.fdc, 2, 1, 0x3c);
	while (input.size)
		step(&input, &bench);
	i82077_io.write(&bench.fdc, 2, 1, 0);
	FUZZ_CHECK(!bench.irq.level && !bench.is_pending);
	i82077_io.write(&bench.fdc, 2, 1, 0x0c);
	FUZZ_CHECK(bench.irq.level && i82077_io.read(&bench.fdc, 4, 1) == 0x80);
	return 0;
}
