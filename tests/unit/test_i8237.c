/* SPDX-License-Identifier: BSD-2-Clause */
/* The DMA controllers as firmware sets them up and as devices use them. */
#include "chip.h"

#include "dev/i8237.h"

#define MEMORY (1u << 20)

struct bench {
	struct i8237 dma;
	uint8_t memory[MEMORY]; /* from address 0; nothing above */
	unsigned released;
};

static bool copy_from(void *opaque, uint64_t gpa, void *to, size_t size)
{
	struct bench *bench = opaque;

	assert_true(gpa + size <= 1u << 24);
	if (gpa + size > MEMORY)
		return false;
	memcpy(to, bench->memory + gpa, size);
	return true;
}

static bool copy_to(void *opaque, uint64_t gpa, const void *from, size_t size)
{
	struct bench *bench = opaque;

	assert_true(gpa + size <= 1u << 24);
	if (gpa + size > MEMORY)
		return false;
	memcpy(bench->memory + gpa, from, size);
	return true;
}

static void released(void *opaque)
{
	struct bench *bench = opaque;

	bench->released++;
}

static const struct i8237_ops ops = {
	.read = copy_from,
	.write = copy_to,
	.released = released,
};

static void bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	i8237_init(&bench->dma, &ops, bench);
}

static void out1(struct bench *b, unsigned port, unsigned value)
{
	chip_out(&i8237_io_1, &b->dma, port, value);
}

static uint8_t in1(struct bench *b, unsigned port)
{
	return chip_in(&i8237_io_1, &b->dma, port);
}

static unsigned in1_word(struct bench *b, unsigned port)
{
	unsigned low = in1(b, port);

	return low | (unsigned)in1(b, port) << 8;
}

static void set_page(struct bench *b, unsigned port, unsigned value)
{
	chip_out(&i8237_page_io, &b->dma, port - 0x81, value);
}

/* Channel 2, as every driver of floppy disks does it. */
static void set_up(struct bench *b, unsigned mode, unsigned address, unsigned size)
{
	out1(b, 0x0a, 0x06);
	out1(b, 0x0c, 0);
	out1(b, 0x0b, mode | 2);
	out1(b, 0x04, address & 0xff);
	out1(b, 0x04, address >> 8 & 0xff);
	set_page(b, 0x81, address >> 16);
	out1(b, 0x05, (size - 1) & 0xff);
	out1(b, 0x05, (size - 1) >> 8);
	out1(b, 0x0a, 0x02);
}

static void test_power_on(void **state)
{
	static struct bench b;
	bool tc;

	(void)state;
	bench_init(&b);
	assert_int_equal(in1(&b, 0x0f), 0xff);
	/* The cascade is open, as no kernel opens it. */
	assert_int_equal(chip_in(&i8237_io_2, &b.dma, 0x1e), 0xfe);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "x", 1, &tc), 0);
	assert_false(tc);
	assert_int_equal(in1(&b, 0x08), 0);
}

static void test_to_memory(void **state)
{
	static struct bench b;
	uint8_t data[512];
	bool tc;

	(void)state;
	bench_init(&b);
	memset(data, 0x5a, sizeof(data));
	set_up(&b, 0x44, 0x54321, 512);
	assert_int_equal(i8237_to_memory(&b.dma, 2, data, 100, &tc), 100);
	assert_false(tc);
	assert_int_equal(in1(&b, 0x08), 0);
	assert_int_equal(in1_word(&b, 0x04), 0x4321 + 100);
	assert_int_equal(in1_word(&b, 0x05), 511 - 100);
	/* It wants to move more than the channel allows. */
	assert_int_equal(i8237_to_memory(&b.dma, 2, data, 512, &tc), 412);
	assert_true(tc);
	assert_memory_equal(b.memory + 0x54321, data, 512);
	assert_int_equal(b.memory[0x54320] | b.memory[0x54321 + 512], 0);
	assert_int_equal(in1_word(&b, 0x05), 0xffff);
	assert_int_equal(in1(&b, 0x08), 0x04); /* terminal count, until it is read */
	assert_int_equal(in1(&b, 0x08), 0);
	/* And the channel is masked. */
	assert_int_equal(in1(&b, 0x0f), 0xff);
	assert_int_equal(i8237_to_memory(&b.dma, 2, data, 1, &tc), 0);
}

static void test_from_memory(void **state)
{
	static struct bench b;
	uint8_t data[300];
	bool tc;

	(void)state;
	bench_init(&b);
	memcpy(b.memory + 0x1000, "abcdef", 6);
	set_up(&b, 0x48, 0x1000, 6);
	assert_int_equal(i8237_from_memory(&b.dma, 2, data, sizeof(data), &tc), 6);
	assert_true(tc);
	assert_memory_equal(data, "abcdef", 6);
}

static void test_auto_init(void **state)
{
	static struct bench b;
	uint8_t data[8];
	bool tc;

	(void)state;
	bench_init(&b);
	memcpy(b.memory + 0x1000, "abcd", 4);
	set_up(&b, 0x58, 0x1000, 4);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(i8237_from_memory(&b.dma, 2, data, 8, &tc), 4);
		assert_true(tc);
		assert_memory_equal(data, "abcd", 4);
	}
	assert_int_equal(in1_word(&b, 0x04), 0x1000);
	assert_int_equal(in1_word(&b, 0x05), 3);
}

static void test_decrement(void **state)
{
	static struct bench b;
	bool tc;

	(void)state;
	bench_init(&b);
	set_up(&b, 0x64, 0x20001, 4);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "abcd", 4, &tc), 4);
	assert_true(tc);
	assert_memory_equal(b.memory + 0x20000, "ba", 2);
	assert_memory_equal(b.memory + 0x2fffe, "dc", 2); /* not 0x1fffe */
}

static void test_wraps_in_its_page(void **state)
{
	static struct bench b;
	bool tc;

	(void)state;
	bench_init(&b);
	set_up(&b, 0x44, 0x2fffe, 4);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "abcd", 4, &tc), 4);
	assert_true(tc);
	assert_memory_equal(b.memory + 0x2fffe, "ab", 2);
	assert_memory_equal(b.memory + 0x20000, "cd", 2);
	assert_int_equal(b.memory[0x30000], 0);
}

static void test_whole_page(void **state)
{
	static uint8_t data[0x10001];
	static struct bench b;
	bool tc;

	(void)state;
	bench_init(&b);
	memset(data, 1, sizeof(data));
	set_up(&b, 0x44, 0x30010, 0x10000);
	assert_int_equal(i8237_to_memory(&b.dma, 2, data, sizeof(data), &tc), 0x10000);
	assert_true(tc);
	assert_memory_equal(b.memory + 0x30000, data, 0x10000);
	assert_int_equal(b.memory[0x40000], 0);
}

static void test_not_ram(void **state)
{
	static struct bench b;
	uint8_t data[4] = { 0 };
	bool tc;

	(void)state;
	bench_init(&b);
	set_up(&b, 0x48, 0xff0000, 4);
	assert_int_equal(i8237_from_memory(&b.dma, 2, data, 4, &tc), 4);
	assert_true(tc);
	assert_memory_equal(data, "\xff\xff\xff\xff", 4);
	set_up(&b, 0x44, 0xffffff, 4);
	assert_int_equal(i8237_to_memory(&b.dma, 2, data, 4, &tc), 4);
}

/* A verify, or the wrong direction, moves nothing but counts. */
static void test_other_types(void **state)
{
	static struct bench b;
	uint8_t data[4] = { 0 };
	bool tc;

	(void)state;
	bench_init(&b);
	set_up(&b, 0x40, 0x1000, 4);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "abcd", 4, &tc), 4);
	assert_true(tc);
	set_up(&b, 0x48, 0x1000, 4);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "abcd", 4, &tc), 4);
	assert_true(tc);
	assert_memory_equal(b.memory + 0x1000, "\0\0\0\0", 4);
	set_up(&b, 0x44, 0x1000, 4);
	assert_int_equal(i8237_from_memory(&b.dma, 2, data, 4, &tc), 4);
	assert_memory_equal(data, "\xff\xff\xff\xff", 4);
}

static void test_what_stops_a_channel(void **state)
{
	static struct bench b;
	bool tc;

	(void)state;
	bench_init(&b);
	set_up(&b, 0x44, 0x1000, 100);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "a", 1, &tc), 1);
	out1(&b, 0x08, 0x04);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "a", 1, &tc), 0);
	out1(&b, 0x08, 0);
	chip_out(&i8237_io_2, &b.dma, 0x14, 0x04); /* the cascade */
	assert_int_equal(i8237_to_memory(&b.dma, 2, "a", 1, &tc), 0);
	b.released = 0;
	chip_out(&i8237_io_2, &b.dma, 0x14, 0x00);
	assert_int_equal(b.released, 1);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "a", 1, &tc), 1);
	out1(&b, 0x0d, 0); /* master clear */
	assert_int_equal(i8237_to_memory(&b.dma, 2, "a", 1, &tc), 0);
	out1(&b, 0x0e, 0);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "a", 1, &tc), 1);
	out1(&b, 0x0f, 0x0b);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "a", 1, &tc), 1);
	out1(&b, 0x0f, 0x04);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "a", 1, &tc), 0);
	assert_int_equal(b.memory[0x1003], 'a');
	assert_int_equal(b.memory[0x1004], 0);
}

static void test_flip_flop(void **state)
{
	static struct bench b;

	(void)state;
	bench_init(&b);
	out1(&b, 0x00, 0x34);
	out1(&b, 0x00, 0x12);
	assert_int_equal(in1_word(&b, 0x00), 0x1234);
	in1(&b, 0x00); /* the low byte; it is the high one's turn, of any register */
	assert_int_equal(in1(&b, 0x00), 0x12);
	in1(&b, 0x00);
	out1(&b, 0x0c, 0);
	assert_int_equal(in1(&b, 0x00), 0x34);
	/* Each controller has its own. */
	chip_out(&i8237_io_2, &b.dma, 0x04, 0xcd);
	chip_out(&i8237_io_2, &b.dma, 0x05, 0xab); /* the odd port is the same */
	assert_int_equal(in1(&b, 0x00), 0x12);
	assert_int_equal(chip_in(&i8237_io_2, &b.dma, 0x04), 0xcd);
	assert_int_equal(chip_in(&i8237_io_2, &b.dma, 0x04), 0xab);
}

static void test_words(void **state)
{
	static struct bench b;
	bool tc;

	(void)state;
	bench_init(&b);
	chip_out(&i8237_io_2, &b.dma, 0x16, 0x45); /* channel 5, to memory */
	chip_out(&i8237_io_2, &b.dma, 0x18, 0);
	chip_out(&i8237_io_2, &b.dma, 0x04, 0x00);
	chip_out(&i8237_io_2, &b.dma, 0x04, 0x80);
	set_page(&b, 0x8b, 0x03); /* bit 0 has no meaning */
	chip_out(&i8237_io_2, &b.dma, 0x06, 1);
	chip_out(&i8237_io_2, &b.dma, 0x06, 0);
	chip_out(&i8237_io_2, &b.dma, 0x14, 1);
	assert_int_equal(i8237_to_memory(&b.dma, 5, "abcdef", 6, &tc), 4);
	assert_true(tc);
	assert_memory_equal(b.memory + 0x30000, "abcd\0", 5);
	assert_int_equal(chip_in(&i8237_io_2, &b.dma, 0x10), 0x02);
}

static void test_requests_and_pages(void **state)
{
	static struct bench b;

	(void)state;
	bench_init(&b);
	out1(&b, 0x09, 0x05);
	assert_int_equal(in1(&b, 0x08), 0x20);
	out1(&b, 0x09, 0x01);
	assert_int_equal(in1(&b, 0x08), 0);
	for (unsigned i = 0; i < I8237_NR_PAGES; i++)
		set_page(&b, 0x81 + i, 0x40 + i);
	for (unsigned i = 0; i < I8237_NR_PAGES; i++)
		assert_int_equal(chip_in(&i8237_page_io, &b.dma, i), 0x40 + i);
	assert_int_equal(in1(&b, 0x0d), 0);
	assert_int_equal(in1(&b, 0x0b), 0xff); /* write only */
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	static struct bench a, b;
	struct err err;
	bool tc;

	(void)state;
	bench_init(&a);
	set_up(&a, 0x54, 0x54321, 4);
	i8237_to_memory(&a.dma, 2, "ab", 2, &tc);
	in1(&a, 0x04);
	assert_int_equal(i8237_save(&a.dma, &writer, "chip", &err), 0);
	bench_init(&b);
	assert_int_equal(i8237_load(&b.dma, chip_image(&writer), "chip", &err), 0);
	state_writer_free(&writer);
	assert_int_equal(in1(&b, 0x04), 0x43);
	assert_int_equal(in1_word(&b, 0x05), 1);
	assert_int_equal(i8237_to_memory(&b.dma, 2, "cd", 2, &tc), 2);
	assert_true(tc);
	assert_memory_equal(b.memory + 0x54321, "\0\0cd", 4);
	assert_int_equal(in1_word(&b, 0x04), 0x4321); /* by itself, from the base */
	i8237_reset(&b.dma);
	assert_int_equal(in1(&b, 0x0f), 0xff);
}

static void test_hostile_states_are_refused(void **state)
{
	const struct {
		const char *name;
		uint8_t value[8], size;
	} bad[] = {
		{ "mode", { 1 }, 8 },           { "mask", { 0x10 }, 2 },
		{ "terminal", { 0, 0x80 }, 2 }, { "request", { 0xff }, 2 },
		{ "high_byte", { 2 }, 2 },
	};
	struct state_writer writer = { 0 };
	static struct bench b;
	struct err err;

	(void)state;
	bench_init(&b);
	set_page(&b, 0x81, 0x77);
	for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
		chip_section(&writer, bad[i].name, bad[i].value, bad[i].size);
		assert_int_equal(i8237_load(&b.dma, chip_image(&writer), "chip", &err),
				 -1);
		assert_int_equal(chip_in(&i8237_page_io, &b.dma, 0), 0x77);
	}
	state_writer_free(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_on),
		cmocka_unit_test(test_to_memory),
		cmocka_unit_test(test_from_memory),
		cmocka_unit_test(test_auto_init),
		cmocka_unit_test(test_decrement),
		cmocka_unit_test(test_wraps_in_its_page),
		cmocka_unit_test(test_whole_page),
		cmocka_unit_test(test_not_ram),
		cmocka_unit_test(test_other_types),
		cmocka_unit_test(test_what_stops_a_channel),
		cmocka_unit_test(test_flip_flop),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_requests_and_pages),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_hostile_states_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
