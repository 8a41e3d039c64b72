/* SPDX-License-Identifier: BSD-2-Clause */
/* What is on the screen, from registers and the guest's memory: the window is a ring. */
#include "chip.h"

#include "arch/x86_64/screen.h"

#define RAM   0x100000u
#define CELLS (VGA_TEXT_SIZE / 2)

static struct screen screen;
static struct memory memory;
static struct text_screen text;

static int64_t now(void *opaque)
{
	(void)opaque;
	return 0;
}

/* Cell n of each window is n, with bit 15 in the monochrome one. */
static int setup(void **state)
{
	struct err err;

	(void)state;
	memset(&memory, 0, sizeof(memory));
	if (memory_add_ram(&memory, 0, RAM, &err))
		return -1;
	for (unsigned i = 0; i < CELLS; i++) {
		const uint16_t colour = (uint16_t)i, mono = (uint16_t)(i | 0x8000);

		if (!memory_write(&memory, VGA_TEXT_COLOUR + 2 * i, &colour, 2) ||
		    !memory_write(&memory, VGA_TEXT_MONO + 2 * i, &mono, 2))
			return -1;
	}
	pthread_mutex_init(&screen.lock, NULL);
	screen.is_there = true;
	vga_init(&screen.vga, now, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	screen_destroy(&screen);
	memory_destroy(&memory);
	return 0;
}

static void crtc(unsigned index, unsigned value)
{
	chip_out(&vga_io, &screen.vga, 0x14, index);
	chip_out(&vga_io, &screen.vga, 0x15, value);
}

static void look(unsigned cols, unsigned rows)
{
	screen_read(&screen, &memory, &text);
	assert_int_equal(text.cols, cols);
	assert_int_equal(text.rows, rows);
}

static uint16_t cell(unsigned row, unsigned col)
{
	return text.cells[row * text.cols + col];
}

static void test_mode_3(void **state)
{
	(void)state;
	look(80, 25);
	for (unsigned i = 0; i < 80 * 25; i++)
		assert_int_equal(text.cells[i], i);
}

/* It begins four cells before the end of the window, and goes on at its beginning. */
static void test_wrap(void **state)
{
	(void)state;
	crtc(0x0c, (CELLS - 4) >> 8);
	crtc(0x0d, (CELLS - 4) & 0xff);
	look(80, 25);
	for (unsigned i = 0; i < 80 * 25; i++)
		assert_int_equal(text.cells[i], (CELLS - 4 + i) % CELLS);
	/* What the window has not is the same again. */
	crtc(0x0c, 0xff);
	look(80, 25);
	assert_int_equal(cell(0, 0), CELLS - 4);
}

/* As many and as wide rows as registers can say: more are cut off. */
static void test_largest(void **state)
{
	(void)state;
	crtc(0x11, 0); /* registers 0 to 7 are not protected */
	crtc(0x01, 0xff);
	crtc(0x07, 0xff);
	crtc(0x09, 0x40); /* characters of one line */
	crtc(0x12, 0xff);
	crtc(0x13, 0xff);
	crtc(0x18, 0xff);
	crtc(0x0c, 0x3f);
	crtc(0x0d, 0xff);
	look(256, TEXT_SCREEN_MAX_ROWS);
	assert_int_equal(cell(0, 0), CELLS - 1);
	assert_int_equal(cell(99, 255), (CELLS - 1 + 99 * 510 + 255) % CELLS);
}

static void test_split(void **state)
{
	(void)state;
	crtc(0x0c, 0x10);
	crtc(0x09, 0x0f); /* bit 9 of the line to compare is off, and so is bit 8: */
	crtc(0x11, 0);
	crtc(0x07, 0x0f);
	crtc(0x18, 10 * 16 - 1);
	look(80, 25);
	assert_int_equal(cell(9, 0), 0x1000 + 9 * 80);
	assert_int_equal(cell(10, 0), 0);
	assert_int_equal(cell(11, 1), 81);
}

static void test_other_windows(void **state)
{
	(void)state;
	chip_out(&vga_io, &screen.vga, 0x0e, 6);
	chip_out(&vga_io, &screen.vga, 0x0f, 0x0a);
	look(80, 25);
	assert_int_equal(cell(1, 0), 0x8000 | 80);
	/* Off: nothing shows. */
	chip_out(&vga_io, &screen.vga, 0x04, 1);
	chip_out(&vga_io, &screen.vga, 0x05, 0x20);
	look(0, 0);
}

/* A machine with less memory than it takes is dark. */
static void test_little_memory(void **state)
{
	struct memory little = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(memory_add_ram(&little, 0, 0xbc000, &err), 0);
	screen_read(&screen, &little, &text);
	assert_int_equal(text.cols | text.rows | text.width | text.height, 0);
	memory_destroy(&little);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mode_3), TEST(test_wrap),          TEST(test_largest),
		TEST(test_split),  TEST(test_other_windows), TEST(test_little_memory),
	};

	return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
