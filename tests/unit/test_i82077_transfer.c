/* SPDX-License-Identifier: BSD-2-Clause */
/* The floppy controller: commands that move data, by DMA and byte by byte. */
#include "floppy_bench.h"

#define PATIENCE 300000000

static void begin(struct bench *b, bool pio)
{
	bench_init_drives(b, IMAGE_144, IMAGE_144);
	start(b, pio);
}

static void test_read_by_dma(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	seek(&b, 0, 3);
	set_up_dma(&b, 512 * 2);
	SEND(&b, 0xe6, 4, 3, 1, 17, 2, 18, 0x1b, 0xff);
	assert_int_equal(in(&b, 0x3f4), BUSY);
	assert_false(b.irq.level);
	assert_true(b.is_pending);
	bench_finish(&b, 0);
	assert_true(b.irq.level);
	/* It stopped behind the last sector of the track. */
	EXPECT(&b, 0x04, 0, 0, 4, 0, 1, 2);
	assert_false(b.irq.level);
	assert_memory_equal(b.memory, sector(&b, 0, 3, 1, 17), 1024);
	assert_int_equal(b.requests, 1);
}

/* In the middle of a run the ID of the next sector is told. */
static void test_read_one_sector(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	set_up_dma(&b, 512);
	SEND(&b, 0xe6, 0, 0, 0, 5, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0, 0, 0, 0, 0, 6, 2);
	assert_memory_equal(b.memory, sector(&b, 0, 0, 0, 5), 512);
	assert_int_equal(b.memory[512], 0);
	/* Less than a sector. */
	set_up_dma(&b, 100);
	SEND(&b, 0x46, 1, 0, 0, 5, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x01, 0, 0, 0, 0, 6, 2);
	assert_memory_equal(b.memory, sector(&b, 1, 0, 0, 5), 100);
}

static void test_multi_track(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	set_up_dma(&b, 512 * 36);
	SEND(&b, 0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x04, 0, 0, 1, 0, 1, 2);
	assert_memory_equal(b.memory, sector(&b, 0, 0, 0, 1), 512 * 36);
	assert_int_equal(b.requests, 2);
	/* Terminal count at the end of the first side: the other side is next. */
	set_up_dma(&b, 512 * 18);
	SEND(&b, 0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x00, 0, 0, 0, 1, 1, 2);
	/* Begun on the second side, there is no other. */
	set_up_dma(&b, 512 * 3);
	SEND(&b, 0xe6, 4, 0, 1, 17, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x44, 0x80, 0, 0, 1, 18, 2);
}

/* Without MT, or with too much to move, EOT ends it with EN. */
static void test_end_of_track(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	set_up_dma(&b, 512 * 20);
	SEND(&b, 0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x40, 0x80, 0, 0, 0, 18, 2);
	assert_int_equal(b.dma_left, 512 * 18);
	/* An EOT behind the last sector: there is no sector 19. */
	set_up_dma(&b, 512 * 20);
	SEND(&b, 0x46, 0, 0, 0, 17, 2, 20, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x40, 0x04, 0, 0, 0, 19, 2);
	/* One before the first sector is not met either. */
	set_up_dma(&b, 512 * 20);
	SEND(&b, 0x46, 0, 0, 0, 17, 2, 16, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x40, 0x04, 0, 0, 0, 19, 2);
}

static void test_sectors_that_are_not_there(void **state)
{
	static const struct {
		uint8_t c, h, r, n, st1, st2;
	} bad[] = {
		{ 1, 0, 1, 2, 0x04, 0x10 },    { 0, 1, 1, 2, 0x04, 0 },
		{ 0, 0, 0, 2, 0x04, 0 },       { 0, 0, 19, 2, 0x04, 0 },
		{ 0, 0, 255, 2, 0x04, 0 },     { 0, 0, 1, 3, 0x04, 0 },
		{ 0xff, 0, 1, 2, 0x04, 0x10 },
	};
	static const uint8_t commands[] = { 0x46, 0x4c, 0x45, 0x49, 0x56 };
	static struct bench b;

	(void)state;
	begin(&b, false);
	for (unsigned c = 0; c < sizeof(commands); c++) {
		for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
			set_up_dma(&b, 512);
			SEND(&b, commands[c], 0, bad[i].c, bad[i].h, bad[i].r, bad[i].n,
			     18, 0x1b, 0xff);
			EXPECT(&b, 0x40, bad[i].st1, bad[i].st2, bad[i].c, bad[i].h,
			       bad[i].r, bad[i].n);
			assert_int_equal(b.requests, 0);
		}
	}
	/* FM, and a wrong data rate. */
	SEND(&b, 0x06, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	EXPECT(&b, 0x40, 0x01, 0, 0, 0, 1, 2);
	out(&b, 0x3f7, 2);
	SEND(&b, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	EXPECT(&b, 0x40, 0x01, 0, 0, 0, 1, 2);
}

static void test_implied_seek(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	SEND(&b, 0x13, 0, 0x57, 0);
	set_up_dma(&b, 512);
	SEND(&b, 0x46, 0, 40, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0, 0, 0, 40, 0, 2, 2);
	assert_memory_equal(b.memory, sector(&b, 0, 40, 0, 1), 512);
	assert_int_equal(in(&b, 0x3f7), 0);
}

static void test_write_by_dma(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	seek(&b, 1, 79);
	for (unsigned i = 0; i < 1024; i++)
		b.memory[i] = (uint8_t)(i * 5 + 1);
	set_up_dma(&b, 1024);
	SEND(&b, 0xc5, 5, 79, 1, 17, 2, 18, 0x1b, 0xff);
	assert_true(b.is_pending && b.is_write);
	assert_false(b.irq.level); /* it is not done before the host has done it */
	bench_finish(&b, 0);
	assert_true(b.irq.level);
	EXPECT(&b, 0x05, 0, 0, 80, 0, 1, 2);
	assert_memory_equal(sector(&b, 1, 79, 1, 17), b.memory, 1024);
}

/* Terminal count in a sector fills its rest with zeroes; WRITE DELETED is the same. */
static void test_write_a_part(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	memset(b.fdc.regs.data, 0x77,
	       sizeof(b.fdc.regs.data)); /* of some transfer before */
	memset(b.memory, 0xee, sizeof(b.memory));
	set_up_dma(&b, 600);
	SEND(&b, 0x49, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0, 0, 0, 0, 0, 3, 2);
	assert_memory_equal(b.images[0], b.memory, 600);
	for (unsigned i = 600; i < 1024; i++)
		assert_int_equal(b.images[0][i], 0);
	assert_int_equal(load_le16(b.images[0] + 1024), 2);
}

static void test_multi_track_write(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	for (unsigned i = 0; i < 36 * 512; i++)
		b.memory[i] = (uint8_t)(i * 3 + i / 512);
	set_up_dma(&b, 36 * 512);
	SEND(&b, 0xc5, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x04, 0, 0, 1, 0, 1, 2);
	assert_memory_equal(b.images[0], b.memory, 36 * 512);
}

static void test_write_protect(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	b.fdc.drives[0].read_only = true;
	set_up_dma(&b, 512);
	SEND(&b, 0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	assert_true(b.irq.level);
	EXPECT(&b, 0x40, 0x02, 0, 0, 0, 1, 2);
	SEND(&b, 0x49, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	EXPECT(&b, 0x40, 0x02, 0, 0, 0, 1, 2);
	SEND(&b, 0x4d, 0, 2, 18, 0x50, 0xf6);
	EXPECT(&b, 0x40, 0x02, 0, 0, 0, 0, 0);
	assert_int_equal(b.requests, 0);
	SEND(&b, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x00, 0, 0, 0, 0, 2, 2);
}

static void test_read_by_pio(void **state)
{
	static struct bench b;
	unsigned raised;

	(void)state;
	begin(&b, true);
	raised = b.irq.raised;
	SEND(&b, 0x46, 0, 0, 0, 2, 2, 3, 0x1b, 0xff);
	assert_int_equal(in(&b, 0x3f4), NONDMA | BUSY);
	assert_false(b.irq.level);
	bench_finish(&b, 0);
	assert_true(b.irq.level);
	for (unsigned i = 0; i < 1024; i++) {
		assert_int_equal(in(&b, 0x3f4), RQM | DIO | NONDMA | BUSY);
		assert_int_equal(in(&b, 0x3f5), sector(&b, 0, 0, 0, 2)[i]);
		assert_false(b.irq.level);
	}
	/* The result has an interrupt of its own, a moment later. */
	assert_int_equal(in(&b, 0x3f4), NONDMA | BUSY);
	assert_int_equal(b.irq.raised, raised + 1);
	bench_pass(&b, PATIENCE);
	assert_true(b.irq.level);
	EXPECT(&b, 0x40, 0x80, 0, 0, 0, 3, 2); /* nobody could say terminal count */
	assert_false(b.irq.level);
}

static void test_write_by_pio(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, true);
	SEND(&b, 0x45, 0, 0, 0, 2, 2, 3, 0x1b, 0xff);
	assert_true(b.irq.level);
	for (unsigned i = 0; i < 1024; i++) {
		assert_int_equal(in(&b, 0x3f4), RQM | NONDMA | BUSY);
		out(&b, 0x3f5, i * 11 & 0xff);
		assert_false(b.irq.level);
	}
	assert_int_equal(in(&b, 0x3f4), NONDMA | BUSY);
	bench_finish(&b, 0);
	assert_true(b.irq.level);
	EXPECT(&b, 0x40, 0x80, 0, 0, 0, 3, 2);
	for (unsigned i = 0; i < 1024; i++)
		assert_int_equal(sector(&b, 0, 0, 0, 2)[i], i * 11 & 0xff);
}

/* Who does not take his bytes gets an overrun; who takes them slowly does not. */
static void test_overrun(void **state)
{
	static struct bench b;
	unsigned raised;

	(void)state;
	begin(&b, true);
	SEND(&b, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish(&b, 0);
	for (unsigned i = 0; i < 600; i++) {
		in(&b, 0x3f5);
		bench_pass(&b, 1000000);
	}
	assert_int_equal(in(&b, 0x3f4), RQM | DIO | NONDMA | BUSY);
	bench_pass(&b, PATIENCE);
	assert_true(b.irq.level);
	EXPECT(&b, 0x40, 0x10, 0, 0, 0, 2, 2);
	/* What was written whole is written. */
	SEND(&b, 0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	for (unsigned i = 0; i < 600; i++)
		out(&b, 0x3f5, 0x77);
	bench_pass(&b, PATIENCE);
	assert_int_equal(b.size, 512);
	bench_finish(&b, 0);
	EXPECT(&b, 0x40, 0x10, 0, 0, 0, 2, 2);
	assert_int_equal(b.images[0][511], 0x77);
	assert_int_not_equal(b.images[0][512], 0x77);
	/* Linux takes one side, and then waits for the interrupt of the result. */
	SEND(&b, 0xc6, 0, 0, 0, 18, 2, 18, 0x1b, 0xff);
	bench_finish(&b, 0);
	for (unsigned i = 0; i < 512; i++)
		in(&b, 0x3f5);
	bench_finish(&b, 0);
	assert_true(b.irq.level);
	raised = b.irq.raised;
	bench_pass(&b, PATIENCE);
	assert_int_equal(b.irq.raised, raised + 1);
	EXPECT(&b, 0x44, 0x10, 0, 0, 1, 1, 2);
	/* And nothing at all. */
	SEND(&b, 0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_pass(&b, PATIENCE);
	assert_false(b.is_pending);
	EXPECT(&b, 0x40, 0x10, 0, 0, 0, 1, 2);
}

/* A DMA channel that is masked makes it wait, and not for ever. */
static void test_masked_channel(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	b.dma_masked = true;
	SEND(&b, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish(&b, 0);
	assert_int_equal(in(&b, 0x3f4), BUSY);
	i82077_dma_released(&b.fdc); /* another channel */
	assert_int_equal(in(&b, 0x3f4), BUSY);
	set_up_dma(&b, 512);
	i82077_dma_released(&b.fdc);
	assert_true(b.irq.level);
	EXPECT(&b, 0, 0, 0, 0, 0, 2, 2);
	assert_memory_equal(b.memory, b.images[0], 512);
	b.dma_masked = true;
	SEND(&b, 0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	for (unsigned i = 0; i < 100; i++) { /* looking at it does not help */
		in(&b, 0x3f4);
		bench_pass(&b, PATIENCE / 100);
	}
	assert_true(b.irq.level);
	EXPECT(&b, 0x40, 0x10, 0, 0, 0, 1, 2);
	i82077_dma_released(&b.fdc);
	i82077_tick(&b.fdc);
	assert_int_equal(in(&b, 0x3f4), RQM);
}

static void test_host_errors(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	/* The run fails, but the sector that the guest wants can be read. */
	set_up_dma(&b, 1024);
	SEND(&b, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish(&b, 5);
	assert_int_equal(b.size, 512);
	bench_finish(&b, 0);
	bench_finish(&b, 0);
	EXPECT(&b, 0, 0, 0, 0, 0, 3, 2);
	assert_memory_equal(b.memory, b.images[0], 1024);
	/* The second cannot. */
	set_up_dma(&b, 1024);
	SEND(&b, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish(&b, 5);
	bench_finish(&b, 0);
	bench_finish(&b, 5);
	EXPECT(&b, 0x40, 0x20, 0x20, 0, 0, 2, 2);
	assert_int_equal(b.dma_left, 512);
	/* No write is done that the host has not done. */
	set_up_dma(&b, 1024);
	SEND(&b, 0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish(&b, 28);
	EXPECT(&b, 0x40, 0x20, 0, 0, 0, 1, 2);
}

static void test_deleted_data(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	/* There is none: the first sector is given, with a mark of control. */
	set_up_dma(&b, 1024);
	SEND(&b, 0x4c, 0, 0, 0, 3, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x00, 0, 0x40, 0, 0, 3, 2);
	assert_int_equal(b.dma_left, 512);
	assert_memory_equal(b.memory, sector(&b, 0, 0, 0, 3), 512);
	/* Or all are skipped. */
	set_up_dma(&b, 1024);
	SEND(&b, 0x6c, 0, 0, 0, 3, 2, 18, 0x1b, 0xff);
	EXPECT(&b, 0x40, 0x80, 0x40, 0, 0, 18, 2);
	assert_int_equal(b.dma_left, 1024);
}

static void test_read_track(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	set_up_dma(&b, 512 * 18);
	SEND(&b, 0x42, 0, 9, 9, 9, 2, 18, 0x1b, 0xff); /* IDs do not count */
	bench_finish_all(&b);
	assert_int_equal(in(&b, 0x3f5), 0);
	assert_memory_equal(b.memory, b.images[0], 512 * 18);
}

static void test_verify(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	SEND(&b, 0x56, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x00, 0, 0, 1, 0, 1, 2);
	SEND(&b, 0xd6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff); /* both sides */
	bench_finish_all(&b);
	EXPECT(&b, 0x04, 0, 0, 1, 0, 1, 2);
	SEND(&b, 0x56, 0x80, 0, 0, 2, 2, 18, 0x1b, 5); /* five sectors */
	assert_int_equal(b.size, 5 * 512);
	bench_finish_all(&b);
	EXPECT(&b, 0x00, 0, 0, 0, 0, 7, 2);
	SEND(&b, 0x56, 0x80, 0, 0, 2, 2, 18, 0x1b, 0); /* 256 are not there */
	bench_finish_all(&b);
	EXPECT(&b, 0x40, 0x80, 0, 0, 0, 18, 2);
	SEND(&b, 0x56, 0, 0, 0, 1, 2, 2, 0x1b, 0xff);
	bench_finish(&b, 5);
	bench_finish(&b, 0);
	bench_finish(&b, 5);
	EXPECT(&b, 0x40, 0x20, 0x20, 0, 0, 2, 2);
	assert_true(b.dma_masked);
}

static void put_ids(struct bench *b, unsigned track, unsigned head)
{
	for (unsigned i = 0; i < 18; i++) {
		uint8_t *id = b->memory + (size_t)i * 4;

		id[0] = (uint8_t)track;
		id[1] = (uint8_t)head;
		id[2] = (uint8_t)(i * 7 % 18 + 1); /* interleaved */
		id[3] = 2;
	}
	set_up_dma(b, (size_t)18 * 4);
}

static void test_format(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	seek(&b, 0, 2);
	put_ids(&b, 2, 1);
	SEND(&b, 0x4d, 4, 2, 18, 0x50, 0xf6);
	bench_finish_all(&b);
	assert_true(b.irq.level);
	EXPECT(&b, 0x04, 0, 0, 0, 0, 0, 0);
	for (unsigned i = 0; i < 18 * 512; i++)
		assert_int_equal(sector(&b, 0, 2, 1, 1)[i], 0xf6);
	assert_int_equal(load_le16(sector(&b, 0, 3, 0, 1)), 3 * 36);
	assert_int_equal(load_le16(sector(&b, 0, 2, 0, 18)), 2 * 36 + 17);
	/* By PIO, too. */
	SEND(&b, 0x03, 0xdf, 0x03);
	SEND(&b, 0x4d, 4, 2, 18, 0x50, 0x11);
	for (unsigned i = 0; i < 18 * 4; i++)
		out(&b, 0x3f5, b.memory[i]);
	bench_finish_all(&b);
	EXPECT(&b, 0x04, 0, 0, 0, 0, 0, 0);
	assert_int_equal(sector(&b, 0, 2, 1, 18)[511], 0x11);
}

/* What an image cannot hold. */
static void test_other_formats(void **state)
{
	static struct bench b;
	static const struct {
		uint8_t at, value;
	} bad[] = { { 0, 3 }, { 1, 0 }, { 2, 0 }, { 2, 19 }, { 6, 1 }, { 3, 3 } };

	(void)state;
	begin(&b, false);
	seek(&b, 0, 2);
	for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
		put_ids(&b, 2, 1);
		b.memory[bad[i].at] = bad[i].value;
		SEND(&b, 0x4d, 4, 2, 18, 0x50, 0xf6);
		EXPECT(&b, 0x44, 0x04, 0, 0, 0, 0, 0);
	}
	put_ids(&b, 2, 1);
	b.dma_left = 17 * 4;
	SEND(&b, 0x4d, 4, 2, 18, 0x50, 0xf6);
	EXPECT(&b, 0x44, 0x04, 0, 0, 0, 0, 0);
	SEND(&b, 0x4d, 4, 2, 9, 0x50, 0xf6);
	EXPECT(&b, 0x44, 0x04, 0, 0, 0, 0, 0);
	SEND(&b, 0x4d, 4, 3, 18, 0x50, 0xf6);
	EXPECT(&b, 0x44, 0x04, 0, 0, 0, 0, 0);
	b.dma_masked = true;
	SEND(&b, 0x4d, 4, 2, 18, 0x50, 0xf6);
	bench_pass(&b, PATIENCE);
	EXPECT(&b, 0x44, 0x10, 0, 0, 0, 0, 0);
	assert_int_equal(b.requests, 0);
}

/* A reset does not wait for the host, and what the host then says is not for us. */
static void test_reset_in_flight(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	set_up_dma(&b, 512);
	SEND(&b, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	assert_true(b.is_pending);
	out(&b, 0x3f4, 0x80);
	assert_int_equal(b.cancelled, 1);
	i82077_done(&b.fdc, b.images[0], 0);
	assert_int_equal(in(&b, 0x3f4), RQM);
	assert_int_equal(b.dma_left, 512);
	SEND(&b, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	out(&b, 0x3f2, 0x38);
	assert_int_equal(b.cancelled, 2);
	out(&b, 0x3f2, 0x3c);
	SEND(&b, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	i82077_reset(&b.fdc);
	assert_int_equal(b.cancelled, 3);
	assert_false(b.irq.level);
	/* In the other phases there is nothing to cancel. */
	start(&b, true);
	SEND(&b, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	bench_finish(&b, 0);
	in(&b, 0x3f5);
	out(&b, 0x3f4, 0x80);
	bench_pass(&b, PATIENCE);
	assert_int_equal(in(&b, 0x3f4), RQM);
	assert_int_equal(b.cancelled, 3);
}

/* The motor may stop between the two sides. */
static void test_motor_stops(void **state)
{
	static struct bench b;

	(void)state;
	begin(&b, false);
	set_up_dma(&b, 512 * 36);
	SEND(&b, 0xc6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	out(&b, 0x3f2, 0x0c);
	bench_finish_all(&b);
	EXPECT(&b, 0x44, 0x01, 0, 0, 1, 1, 2);
}

static void test_smaller_and_larger_media(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, 360u << 10, 2880u << 10);
	start(&b, false);
	out(&b, 0x3f7, 2);
	seek(&b, 0, 39);
	set_up_dma(&b, 512 * 18);
	SEND(&b, 0xc6, 0, 39, 0, 1, 2, 9, 0x2a, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x04, 0, 0, 40, 0, 1, 2);
	assert_memory_equal(b.memory, b.images[0] + (360u << 10) - 18 * 512, 18 * 512);
	out(&b, 0x3f7, 3);
	seek(&b, 1, 79);
	set_up_dma(&b, 512 * 72);
	SEND(&b, 0xc6, 1, 79, 0, 1, 2, 36, 0x1b, 0xff);
	bench_finish_all(&b);
	EXPECT(&b, 0x05, 0, 0, 80, 0, 1, 2);
	assert_memory_equal(b.memory, b.images[1] + (2880u << 10) - 72 * 512, 72 * 512);
}

/* Save in this state, and go on elsewhere. */
static void move_to(struct bench *a, struct bench *b)
{
	struct state_writer writer = { 0 };
	struct err err;

	assert_int_equal(i82077_save(&a->fdc, &writer, "chip", &err), 0);
	begin(b, false);
	assert_int_equal(i82077_load(&b->fdc, chip_image(&writer), "chip", &err), 0);
	state_writer_free(&writer);
}

static void test_save_and_load(void **state)
{
	static struct bench a, b;

	(void)state;
	/* The host is at it: it begins anew. */
	begin(&a, false);
	memset(a.memory, 0x3c, 512);
	set_up_dma(&a, 512);
	SEND(&a, 0x45, 0, 0, 0, 4, 2, 18, 0x1b, 0xff);
	move_to(&a, &b);
	assert_true(b.is_pending && b.is_write);
	bench_finish_all(&b);
	EXPECT(&b, 0, 0, 0, 0, 0, 5, 2);
	assert_memory_equal(sector(&b, 0, 0, 0, 4), a.memory, 512);
	/* Half of a sector has been read. */
	begin(&a, true);
	SEND(&a, 0x46, 0, 0, 0, 4, 2, 4, 0x1b, 0xff);
	bench_finish(&a, 0);
	for (unsigned i = 0; i < 300; i++)
		in(&a, 0x3f5);
	move_to(&a, &b);
	for (unsigned i = 300; i < 512; i++)
		assert_int_equal(in(&b, 0x3f5), sector(&b, 0, 0, 0, 4)[i]);
	/* And now all of it, but the end has not passed. */
	move_to(&b, &a);
	bench_pass(&a, PATIENCE);
	assert_true(a.irq.level);
	EXPECT(&a, 0x40, 0x80, 0, 0, 0, 4, 2);
	/* Nobody comes after a load. */
	begin(&a, true);
	SEND(&a, 0x46, 0, 0, 0, 4, 2, 4, 0x1b, 0xff);
	bench_finish(&a, 0);
	move_to(&a, &b);
	bench_pass(&b, PATIENCE);
	EXPECT(&b, 0x40, 0x10, 0, 0, 0, 4, 2);
}

/* Any change of a byte of such a state is refused or harmless. */
static void test_hostile_states(void **state)
{
	static struct bench a, b;
	uint32_t seed = 82077;
	struct err err;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		struct state_writer writer = { 0 };
		uint8_t *regs = (uint8_t *)&a.fdc.regs;

		begin(&a, i & 1);
		SEND(&a, i & 2 ? 0xc6 : 0xc5, 0, 0, 0, 4, 2, 18, 0x1b, 0xff);
		if (i & 4 && a.is_pending)
			bench_finish(&a, 0);
		for (unsigned n = 0; n < 3; n++) {
			uint32_t r = chip_random(&seed);

			regs[r % offsetof(struct i82077_regs, data)] = (uint8_t)(r >> 16);
		}
		assert_int_equal(i82077_save(&a.fdc, &writer, "chip", &err), 0);
		begin(&b, false);
		if (i82077_load(&b.fdc, chip_image(&writer), "chip", &err) == 0) {
			set_up_dma(&b, 512 * 40);
			i82077_dma_released(&b.fdc);
			bench_finish_all(&b);
			for (unsigned n = 0; n < 20000; n++) {
				in(&b, 0x3f5);
				if (b.is_pending)
					bench_finish(&b, 0);
			}
			bench_pass(&b, PATIENCE);
			bench_finish_all(&b);
		}
		out(&b, 0x3f2, 0);
		out(&b, 0x3f2, 0x3c);
		assert_int_equal(in(&b, 0x3f4), RQM);
		state_writer_free(&writer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_by_dma),
		cmocka_unit_test(test_read_one_sector),
		cmocka_unit_test(test_multi_track),
		cmocka_unit_test(test_end_of_track),
		cmocka_unit_test(test_sectors_that_are_not_there),
		cmocka_unit_test(test_implied_seek),
		cmocka_unit_test(test_write_by_dma),
		cmocka_unit_test(test_write_a_part),
		cmocka_unit_test(test_multi_track_write),
		cmocka_unit_test(test_write_protect),
		cmocka_unit_test(test_read_by_pio),
		cmocka_unit_test(test_write_by_pio),
		cmocka_unit_test(test_overrun),
		cmocka_unit_test(test_masked_channel),
		cmocka_unit_test(test_host_errors),
		cmocka_unit_test(test_deleted_data),
		cmocka_unit_test(test_read_track),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_other_formats),
		cmocka_unit_test(test_reset_in_flight),
		cmocka_unit_test(test_motor_stops),
		cmocka_unit_test(test_smaller_and_larger_media),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_hostile_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
