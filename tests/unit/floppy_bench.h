/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A floppy controller with everything around it: images, a DMA channel, a clock, and a
 * host whose requests the test finishes when it likes.
 */
#ifndef TESTS_UNIT_FLOPPY_BENCH_H
#define TESTS_UNIT_FLOPPY_BENCH_H

#include "chip.h"

#include "dev/i82077.h"

#define IMAGE_144 (1440u << 10)

/* MSR */
#define RQM    0x80
#define DIO    0x40
#define NONDMA 0x20
#define BUSY   0x10

struct bench {
	struct i82077 fdc;
	struct chip_irq irq;
	uint8_t images[2][2880u << 10];
	/* The host's request. */
	bool is_pending, is_write;
	unsigned drive, cancelled, requests;
	uint64_t offset;
	size_t size;
	uint8_t data[I82077_MAX_DATA];
	/* The DMA channel. */
	uint8_t memory[65536];
	size_t dma_next, dma_left;
	bool dma_masked;
	int64_t now, deadline;
};

static inline void bench_read(void *opaque, unsigned drive, uint64_t offset, size_t size)
{
	struct bench *b = opaque;

	assert_false(b->is_pending);
	assert_true(size && size <= I82077_MAX_DATA && size % 512 == 0);
	assert_true(offset + size <= b->fdc.drives[drive].medium->size);
	b->is_pending = true;
	b->is_write = false;
	b->drive = drive;
	b->offset = offset;
	b->size = size;
	b->requests++;
}

static inline void bench_write(void *opaque, unsigned drive, uint64_t offset,
			       const void *data, size_t size)
{
	struct bench *b = opaque;

	bench_read(opaque, drive, offset, size);
	assert_false(b->fdc.drives[drive].read_only);
	b->is_write = true;
	memcpy(b->data, data, size);
}

static inline void bench_cancel(void *opaque)
{
	struct bench *b = opaque;

	assert_true(b->is_pending);
	b->is_pending = false;
	b->cancelled++;
}

/* The host is done with its request. */
static inline void bench_finish(struct bench *b, int error)
{
	uint8_t *image = b->images[b->drive] + b->offset;

	assert_true(b->is_pending);
	b->is_pending = false;
	if (!error && b->is_write)
		memcpy(image, b->data, b->size);
	i82077_done(&b->fdc, image, error);
}

/* ... and with all that follow. */
static inline void bench_finish_all(struct bench *b)
{
	while (b->is_pending)
		bench_finish(b, 0);
}

static inline size_t bench_dma(struct bench *b, size_t size, bool *tc)
{
	*tc = false;
	if (b->dma_masked)
		return 0;
	if (size >= b->dma_left) {
		size = b->dma_left;
		*tc = true;
		b->dma_masked = true;
	}
	b->dma_next += size;
	b->dma_left -= size;
	return size;
}

static inline size_t bench_to_memory(void *opaque, const void *data, size_t size,
				     bool *tc)
{
	struct bench *b = opaque;
	uint8_t *to = b->memory + b->dma_next;

	size = bench_dma(b, size, tc);
	memcpy(to, data, size);
	return size;
}

static inline size_t bench_from_memory(void *opaque, void *data, size_t size, bool *tc)
{
	struct bench *b = opaque;
	const uint8_t *from = b->memory + b->dma_next;

	size = bench_dma(b, size, tc);
	memcpy(data, from, size);
	return size;
}

static inline int64_t bench_now(void *opaque)
{
	return ((struct bench *)opaque)->now;
}

static inline void bench_arm(void *opaque, int64_t deadline_ns)
{
	((struct bench *)opaque)->deadline = deadline_ns;
}

/* Let time pass, with all ticks that this brings. */
static inline void bench_pass(struct bench *b, int64_t ns)
{
	const int64_t end = b->now + ns;

	while (b->deadline <= end) {
		b->now = b->deadline > b->now ? b->deadline : b->now;
		b->deadline = INT64_MAX;
		i82077_tick(&b->fdc);
	}
	b->now = end;
}

static const struct i82077_ops bench_ops = {
	.read = bench_read,
	.write = bench_write,
	.cancel = bench_cancel,
	.to_memory = bench_to_memory,
	.from_memory = bench_from_memory,
	.now = bench_now,
	.arm = bench_arm,
};

static inline void bench_init_drives(struct bench *b, uint64_t first, uint64_t second)
{
	struct irq_line line = chip_irq_line(&b->irq);
	const struct i82077_drive drives[2] = {
		{ .medium = i82077_medium_of(first) },
		{ .medium = i82077_medium_of(second) },
	};

	memset(b, 0, sizeof(*b));
	b->deadline = INT64_MAX;
	b->dma_masked = true;
	for (unsigned i = 0; i < 2; i++) {
		for (size_t at = 0; at < sizeof(b->images[i]); at += 2)
			store_le16(b->images[i] + at,
				   (uint16_t)(at / 512 + i * 0x4000 + at % 512 * 7));
	}
	i82077_init(&b->fdc, drives, &bench_ops, &line, b);
}

/* -- what a driver does -- */

static inline void out(struct bench *b, unsigned port, unsigned value)
{
	if (port == 0x3f7)
		chip_out(&i82077_dir_io, &b->fdc, 0, value);
	else
		chip_out(&i82077_io, &b->fdc, port - 0x3f0, value);
}

static inline uint8_t in(struct bench *b, unsigned port)
{
	if (port == 0x3f7)
		return chip_in(&i82077_dir_io, &b->fdc, 0);
	return chip_in(&i82077_io, &b->fdc, port - 0x3f0);
}

/* Write the bytes of a command; between them the chip asks for the next. */
static inline void send(struct bench *b, const uint8_t *bytes, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		assert_int_equal(in(b, 0x3f4) & (RQM | DIO), RQM);
		assert_int_equal(in(b, 0x3f4) & BUSY, i ? BUSY : 0);
		out(b, 0x3f5, bytes[i]);
	}
}

#define SEND(b, ...)                                \
	send((b), (const uint8_t[]){ __VA_ARGS__ }, \
	     sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* Read the result, which has to be this. */
static inline void expect(struct bench *b, const uint8_t *bytes, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		uint8_t byte;

		assert_int_equal(in(b, 0x3f4), RQM | DIO | BUSY);
		byte = in(b, 0x3f5);
		if (byte != bytes[i])
			fail_msg("byte %u of the result is %02x, not %02x", i, byte,
				 bytes[i]);
	}
	assert_int_equal(in(b, 0x3f4), RQM);
}

#define EXPECT(b, ...)                                \
	expect((b), (const uint8_t[]){ __VA_ARGS__ }, \
	       sizeof((const uint8_t[]){ __VA_ARGS__ }))

static inline void set_up_dma(struct bench *b, size_t size)
{
	b->dma_next = 0;
	b->dma_left = size;
	b->dma_masked = false;
}

/* Out of reset, with motors on, 500 kbit/s and DMA or not; both drives at track 0. */
static inline void start(struct bench *b, bool pio)
{
	out(b, 0x3f2, 0x3c);
	assert_true(b->irq.level);
	for (unsigned i = 0; i < 4; i++) {
		SEND(b, 0x08);
		EXPECT(b, (uint8_t)(0xc0 | i), 0);
	}
	assert_false(b->irq.level);
	out(b, 0x3f7, 0);
	SEND(b, 0x03, 0xdf, (uint8_t)(0x02 | pio));
}

static inline void seek(struct bench *b, unsigned unit, unsigned track)
{
	SEND(b, 0x0f, (uint8_t)unit, (uint8_t)track);
	assert_true(b->irq.level);
	SEND(b, 0x08);
	EXPECT(b, (uint8_t)(0x20 | unit), (uint8_t)track);
	assert_false(b->irq.level);
}

static inline const uint8_t *sector(const struct bench *b, unsigned drive, unsigned track,
				    unsigned head, unsigned r)
{
	const struct i82077_medium *m = b->fdc.drives[drive].medium;

	return b->images[drive] + ((track * 2u + head) * m->sectors + r - 1u) * 512u;
}

#endif
