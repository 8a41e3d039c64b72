/* SPDX-License-Identifier: BSD-2-Clause */
/* The VGA as BIOSes and drivers of text consoles use it. */
#include "chip.h"

#include "dev/vga.h"

/* Ports from 0x3c0 on; those of the CRTC as a colour adapter has them. */
enum port {
	ATTR = 0x00,
	ATTR_DATA = 0x01,
	MISC_WRITE = 0x02,
	SEQ = 0x04,
	DAC_MASK = 0x06,
	DAC_READ = 0x07,
	DAC_WRITE = 0x08,
	DAC_DATA = 0x09,
	FEATURE_READ = 0x0a,
	MISC_READ = 0x0c,
	GFX = 0x0e,
	CRTC = 0x14,
	STATUS1 = 0x1a,
};
#define MONO_CRTC    0x04 /* from 0x3b0 on */
#define MONO_STATUS1 0x0a

#define LINE_NS  31778ll
#define FRAME_NS (449 * LINE_NS)

struct bench {
	struct vga vga;
	int64_t now;
};

static int64_t get_now(void *opaque)
{
	const struct bench *bench = opaque;

	return bench->now;
}

static void bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	vga_init(&bench->vga, get_now, bench);
}

static uint8_t in(struct bench *bench, unsigned port)
{
	return chip_in(&vga_io, &bench->vga, port);
}

static void out(struct bench *bench, unsigned port, unsigned value)
{
	chip_out(&vga_io, &bench->vga, port, value);
}

/* A register behind an index, whose data is at the next port. */
static void set(struct bench *bench, unsigned port, unsigned index, unsigned value)
{
	out(bench, port, index);
	out(bench, port + 1, value);
}

static uint8_t get(struct bench *bench, unsigned port, unsigned index)
{
	out(bench, port, index);
	return in(bench, port + 1);
}

static void set_attr(struct bench *bench, unsigned index, unsigned value)
{
	in(bench, STATUS1);
	out(bench, ATTR, index);
	out(bench, ATTR, value);
	out(bench, ATTR, 0x20);
}

static struct vga_screen screen(const struct bench *bench)
{
	struct vga_screen shown;

	vga_get_screen(&bench->vga, &shown);
	return shown;
}

static void test_power_on(void **state)
{
	struct vga_screen shown;
	struct bench b;

	(void)state;
	bench_init(&b);
	shown = screen(&b);
	assert_false(shown.is_dark);
	assert_true(shown.is_text);
	assert_int_equal(shown.cols, 80);
	assert_int_equal(shown.rows, 25);
	assert_int_equal(shown.base, 0xb8000);
	assert_int_equal(shown.start, 0);
	assert_int_equal(shown.pitch, 160);
	assert_true(shown.split_row >= 25);
	assert_true(shown.blink);
	assert_true(shown.has_cursor);
	assert_int_equal(shown.cursor_col, 0);
	assert_int_equal(shown.cursor_row, 0);
}

static void test_registers_read_back(void **state)
{
	static const struct {
		unsigned port, index, written, read;
	} cases[] = {
		{ SEQ, 0, 0xff, 0x03 },     { SEQ, 2, 0x0f, 0x0f },
		{ SEQ, 4, 0xff, 0x0e },     { GFX, 1, 0xff, 0x0f },
		{ GFX, 5, 0x10, 0x10 },     { GFX, 6, 0xff, 0x0f },
		{ GFX, 8, 0xa5, 0xa5 },     { CRTC, 0x0c, 0x12, 0x12 },
		{ CRTC, 0x0a, 0xff, 0x3f }, { CRTC, 0x18, 0x77, 0x77 },
		{ SEQ, 7, 0xff, 0 }, /* there is no such register */
		{ GFX, 9, 0xff, 0 },        { CRTC, 0x19, 0, 0xff },
		{ CRTC, 0xff, 0, 0xff },
	};
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		set(&b, cases[i].port, cases[i].index, cases[i].written);
		assert_int_equal(get(&b, cases[i].port, cases[i].index), cases[i].read);
	}
	out(&b, MISC_WRITE, 0xe3);
	assert_int_equal(in(&b, MISC_READ), 0xe3);
	out(&b, STATUS1, 0x03);
	assert_int_equal(in(&b, FEATURE_READ), 0x03);
	out(&b, DAC_MASK, 0x3c);
	assert_int_equal(in(&b, DAC_MASK), 0x3c);
	out(&b, SEQ, 0xff);
	assert_int_equal(in(&b, SEQ), 7);
}

/* A reset of the flip-flop by a status read, then index and data in turn. */
static void test_attribute_flip_flop(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, ATTR, 0x11); /* whatever came before */
	in(&b, STATUS1);
	out(&b, ATTR, 0x05);
	out(&b, ATTR, 0xff);
	assert_int_equal(in(&b, ATTR_DATA), 0x3f);
	out(&b, ATTR, 0x13 | 0x20);
	assert_int_equal(in(&b, ATTR), 0x33);
	out(&b, ATTR, 0x08);
	assert_int_equal(in(&b, ATTR_DATA), 0x08);
	in(&b, STATUS1);
	out(&b, ATTR, 0x1f); /* no such register: neither read nor written */
	out(&b, ATTR, 0x3f);
	assert_int_equal(in(&b, ATTR_DATA), 0);
}

static void test_dac(void **state)
{
	static const uint8_t colours[] = { 1, 2, 3, 0x3f, 0x20, 0x3f };
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, DAC_WRITE, 254);
	assert_int_equal(in(&b, DAC_READ), 0);
	for (unsigned i = 0; i < 6; i++)
		out(&b, DAC_DATA, colours[i] | 0xc0);
	assert_int_equal(in(&b, DAC_WRITE), 0); /* it wrapped */
	out(&b, DAC_DATA, 9);
	out(&b, DAC_DATA, 9); /* not yet a colour */
	out(&b, DAC_READ, 254);
	assert_int_equal(in(&b, DAC_READ), 3);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(in(&b, DAC_DATA), colours[i]);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(in(&b, DAC_DATA), 0); /* colour 0 is still black */
}

static void test_write_protect(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set(&b, CRTC, 0x11, 0x8e);
	for (unsigned i = 0; i < 7; i++) {
		const uint8_t old = get(&b, CRTC, i);

		set(&b, CRTC, i, ~old);
		assert_int_equal(get(&b, CRTC, i), old);
	}
	set(&b, CRTC, 0x07, 0x1f);
	set(&b, CRTC, 0x07, 0xe0); /* bit 4, of the line compare, is not protected */
	assert_int_equal(get(&b, CRTC, 0x07), 0x0f);
	set(&b, CRTC, 0x08, 0x05);
	assert_int_equal(get(&b, CRTC, 0x08), 0x05);
	set(&b, CRTC, 0x11, 0x0e);
	set(&b, CRTC, 0x00, 0x2d);
	assert_int_equal(get(&b, CRTC, 0x00), 0x2d);
}

/* The CRTC is at one of two places; the other one is empty. */
static void test_mono_and_colour(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set(&b, CRTC, 0x0f, 0x21);
	chip_out(&vga_mono_io, &b.vga, MONO_CRTC, 0x0e);
	assert_int_equal(chip_in(&vga_mono_io, &b.vga, MONO_CRTC), 0xff);
	assert_int_equal(in(&b, CRTC), 0x0f);

	out(&b, MISC_WRITE, 0x66);
	assert_int_equal(in(&b, CRTC), 0xff);
	assert_int_equal(in(&b, CRTC + 1), 0xff);
	assert_int_equal(in(&b, STATUS1), 0xff);
	assert_int_equal(chip_in(&vga_mono_io, &b.vga, MONO_CRTC), 0x0f);
	assert_int_equal(chip_in(&vga_mono_io, &b.vga, MONO_CRTC + 1), 0x21);
	chip_out(&vga_mono_io, &b.vga, MONO_CRTC + 1, 0x43);
	assert_int_equal(chip_in(&vga_mono_io, &b.vga, MONO_CRTC + 1), 0x43);
	set(&b, GFX, 6, 0x0a); /* mode 7: memory at 0xb0000 */
	assert_int_equal(screen(&b).base, 0xb0000);
	/* The flip-flop is reset at the place where the status is. */
	out(&b, ATTR, 0x10);
	chip_in(&vga_mono_io, &b.vga, MONO_STATUS1);
	out(&b, ATTR, 0x30);
	assert_int_equal(in(&b, ATTR), 0x30);
	/* What is not there. */
	assert_int_equal(chip_in(&vga_mono_io, &b.vga, 0), 0xff);
	assert_int_equal(in(&b, 0x0b), 0xff);
	assert_int_equal(in(&b, 0x1f), 0xff);
}

/* Loops that wait for the beam end, and frames pass at 70 a second. */
static void test_retraces(void **state)
{
	unsigned retraces = 0, shown = 0, changes = 0;
	bool was = false, was_shown = false;
	struct bench b;

	(void)state;
	bench_init(&b);
	for (b.now = 0; b.now < 1000000000; b.now += LINE_NS * 7 / 3) {
		const uint8_t status = in(&b, STATUS1);
		const bool retrace = status & 0x08, is_shown = !(status & 0x01);

		retraces += retrace && !was;
		assert_false(retrace && is_shown);
		changes += is_shown != was_shown;
		shown += is_shown;
		was = retrace;
		was_shown = is_shown;
	}
	assert_in_range(retraces, 69, 71);
	assert_in_range(shown, 5000, 7000);
	assert_true(changes > 10000);
}

struct mode {
	uint8_t misc, seq1, gfx6, attr_mode;
	uint8_t h_end, overflow, scan, v_end, offset, crtc_mode;
};

static void set_mode(struct bench *bench, const struct mode *mode)
{
	set(bench, CRTC, 0x11, 0x0e);
	set(bench, SEQ, 1, mode->seq1);
	set(bench, GFX, 6, mode->gfx6);
	set_attr(bench, 0x10, mode->attr_mode);
	set(bench, CRTC, 0x01, mode->h_end);
	set(bench, CRTC, 0x07, mode->overflow);
	set(bench, CRTC, 0x09, mode->scan);
	set(bench, CRTC, 0x12, mode->v_end);
	set(bench, CRTC, 0x13, mode->offset);
	set(bench, CRTC, 0x17, mode->crtc_mode);
}

static void test_text_modes(void **state)
{
	static const struct {
		struct mode mode;
		unsigned cols, rows, pitch;
	} cases[] = {
		/* 40x25, 80x25; 200 lines doubled; 80x50, 80x28; 132x60 of some adapters */
		{ { 0x67, 0x08, 0x0e, 0x0c, 0x27, 0x1f, 0x4f, 0x8f, 0x14, 0xa3 },
		  40,
		  25,
		  80 },
		{ { 0x67, 0x00, 0x0e, 0x0c, 0x4f, 0x1f, 0x4f, 0x8f, 0x28, 0xa3 },
		  80,
		  25,
		  160 },
		{ { 0x63, 0x01, 0x0e, 0x08, 0x4f, 0x1f, 0xc7, 0x8f, 0x28, 0xa3 },
		  80,
		  25,
		  160 },
		{ { 0x67, 0x00, 0x0e, 0x0c, 0x4f, 0x1f, 0x47, 0x8f, 0x28, 0xa3 },
		  80,
		  50,
		  160 },
		{ { 0x67, 0x00, 0x0e, 0x0c, 0x4f, 0x1f, 0x4d, 0x8f, 0x28, 0xa3 },
		  80,
		  28,
		  160 },
		{ { 0xe3, 0x01, 0x0e, 0x0c, 0x83, 0x3e, 0x47, 0xdf, 0x42, 0xa3 },
		  132,
		  60,
		  264 },
		/* 200 lines, each shown twice by the vertical counter */
		{ { 0x67, 0x00, 0x0e, 0x0c, 0x4f, 0x1d, 0x4f, 0xc7, 0x28, 0xa7 },
		  80,
		  25,
		  160 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct vga_screen shown;
		struct bench b;

		bench_init(&b);
		set_mode(&b, &cases[i].mode);
		shown = screen(&b);
		assert_true(shown.is_text);
		assert_int_equal(shown.cols, cases[i].cols);
		assert_int_equal(shown.rows, cases[i].rows);
		assert_int_equal(shown.pitch, cases[i].pitch);
	}
}

static void test_graphics_modes(void **state)
{
	static const struct {
		struct mode mode;
		unsigned width, height;
	} cases[] = {
		/* modes 0x13, 0x12, 0x10, 0x0d, 6, 4 */
		{ { 0x63, 0x01, 0x05, 0x41, 0x4f, 0x1f, 0x41, 0x8f, 0x28, 0xa3 },
		  320,
		  200 },
		{ { 0xe3, 0x01, 0x05, 0x01, 0x4f, 0x3e, 0x40, 0xdf, 0x28, 0xe3 },
		  640,
		  480 },
		{ { 0xa3, 0x01, 0x05, 0x01, 0x4f, 0x1f, 0x40, 0x5d, 0x28, 0xe3 },
		  640,
		  350 },
		{ { 0x63, 0x09, 0x05, 0x01, 0x27, 0x1f, 0xc0, 0x8f, 0x14, 0xe3 },
		  320,
		  200 },
		{ { 0x63, 0x01, 0x0d, 0x01, 0x4f, 0x1f, 0xc1, 0x8f, 0x28, 0xc2 },
		  640,
		  200 },
		{ { 0x63, 0x09, 0x0f, 0x01, 0x27, 0x1f, 0xc1, 0x8f, 0x14, 0xa2 },
		  320,
		  200 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct vga_screen shown;
		struct bench b;

		bench_init(&b);
		set_mode(&b, &cases[i].mode);
		shown = screen(&b);
		assert_false(shown.is_text);
		assert_int_equal(shown.width, cases[i].width);
		assert_int_equal(shown.height, cases[i].height);
	}
}

static void test_dark(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set(&b, SEQ, 1, 0x20);
	assert_true(screen(&b).is_dark);
	set(&b, SEQ, 1, 0x00);
	assert_false(screen(&b).is_dark);
	in(&b, STATUS1);
	out(&b, ATTR, 0x00); /* the palette is the CPU's */
	assert_true(screen(&b).is_dark);
	in(&b, STATUS1);
	out(&b, ATTR, 0x20);
	assert_false(screen(&b).is_dark);
}

/* As BIOSes and Linux do; the window of text memory is elsewhere meanwhile. */
static void test_font_load_keeps_the_text(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned map = 0; map < 2; map++) {
		set(&b, GFX, 6, map << 2);
		assert_true(screen(&b).is_text);
		assert_int_equal(screen(&b).base, 0xb8000);
	}
	out(&b, MISC_WRITE, 0x66);
	assert_int_equal(screen(&b).base, 0xb0000);
}

static void test_start_and_split(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	set(&b, CRTC, 0x0c, 0x07); /* page 1 */
	set(&b, CRTC, 0x0d, 0xd0);
	assert_int_equal(screen(&b).start, 4000);
	set(&b, CRTC, 0x0c, 0x47); /* beyond the window it begins anew */
	assert_int_equal(screen(&b).start, 4000);
	/* A status line of the last row: it is at the begin of memory. */
	set(&b, CRTC, 0x11, 0x0e);
	set(&b, CRTC, 0x18, (383 & 0xff));
	set(&b, CRTC, 0x07, 0x1f);
	set(&b, CRTC, 0x09, 0x0f);
	assert_int_equal(screen(&b).split_row, 24);
}

static void place_cursor(struct bench *bench, unsigned cell)
{
	set(bench, CRTC, 0x0e, cell >> 8);
	set(bench, CRTC, 0x0f, cell & 0xff);
}

static void test_cursor(void **state)
{
	struct vga_screen shown;
	struct bench b;

	(void)state;
	bench_init(&b);
	place_cursor(&b, 24 * 80 + 79);
	shown = screen(&b);
	assert_true(shown.has_cursor);
	assert_int_equal(shown.cursor_row, 24);
	assert_int_equal(shown.cursor_col, 79);
	place_cursor(&b, 25 * 80);
	assert_false(screen(&b).has_cursor);
	/* It counts from the start of memory, not of the screen. */
	set(&b, CRTC, 0x0d, 80);
	shown = screen(&b);
	assert_true(shown.has_cursor);
	assert_int_equal(shown.cursor_row, 24);
	assert_int_equal(shown.cursor_col, 0);
	place_cursor(&b, 0);
	assert_false(screen(&b).has_cursor);
	set(&b, CRTC, 0x0d, 0);
	assert_true(screen(&b).has_cursor);

	set(&b, CRTC, 0x0a, 0x20);
	assert_false(screen(&b).has_cursor);
	set(&b, CRTC, 0x0a, 0x0e);
	set(&b, CRTC, 0x0b, 0x0d); /* the first line is below the last */
	assert_false(screen(&b).has_cursor);
	set(&b, CRTC, 0x0a, 0x1e); /* and this one is below the character */
	set(&b, CRTC, 0x0b, 0x1f);
	assert_false(screen(&b).has_cursor);
	set(&b, CRTC, 0x0a, 0x00);
	set(&b, CRTC, 0x0b, 0x0f);
	assert_true(screen(&b).has_cursor);
	set(&b, CRTC, 0x13, 0); /* each row is the first one */
	place_cursor(&b, 79);
	assert_true(screen(&b).has_cursor);
}

static void test_reset(void **state)
{
	struct bench b, fresh;

	(void)state;
	bench_init(&b);
	bench_init(&fresh);
	set(&b, CRTC, 0x0c, 0x07);
	out(&b, MISC_WRITE, 0);
	out(&b, DAC_WRITE, 1);
	out(&b, DAC_DATA, 1);
	vga_reset(&b.vga);
	assert_memory_equal(&b.vga.regs, &fresh.vga.regs, sizeof(b.vga.regs));
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct bench one, two;
	uint32_t seed = 1;
	struct err err;

	(void)state;
	bench_init(&one);
	bench_init(&two);
	for (unsigned i = 0; i < 5000; i++)
		out(&one, chip_random(&seed) % VGA_NR_PORTS, chip_random(&seed) >> 8);
	assert_int_equal(vga_save(&one.vga, &writer, "chip", &err), 0);
	assert_int_equal(vga_load(&two.vga, chip_image(&writer), "chip", &err), 0);
	assert_memory_equal(&one.vga.regs, &two.vga.regs, sizeof(one.vga.regs));
	state_writer_free(&writer);
}

static void test_hostile_states_are_refused(void **state)
{
	static const struct {
		const char *field;
		uint8_t value;
	} cases[] = {
		{ "enable", 2 },        { "seq_index", 8 },     { "gfx_index", 16 },
		{ "attr_index", 0x40 }, { "attr_is_data", 2 },  { "dac_component", 3 },
		{ "dac_state", 1 },     { "line_shown", 0xff },
	};
	struct state_writer writer = { 0 };
	struct bench b, fresh;
	uint8_t crtc[VGA_NR_CRTC] = { [0x14] = 0x80 };
	uint8_t dac[VGA_DAC_SIZE] = { [767] = 0x40 };
	struct err err;

	(void)state;
	bench_init(&b);
	bench_init(&fresh);
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		chip_section(&writer, cases[i].field, &cases[i].value, 1);
		assert_int_equal(vga_load(&b.vga, chip_image(&writer), "chip", &err), -1);
		assert_non_null(strstr(err.text, "damaged"));
	}
	chip_section(&writer, "crtc", crtc, sizeof(crtc));
	assert_int_equal(vga_load(&b.vga, chip_image(&writer), "chip", &err), -1);
	chip_section(&writer, "dac", dac, sizeof(dac));
	assert_int_equal(vga_load(&b.vga, chip_image(&writer), "chip", &err), -1);
	assert_memory_equal(&b.vga.regs, &fresh.vga.regs, sizeof(b.vga.regs));
	state_writer_free(&writer);
}

/* Whatever is written, the screen stays within bounds, and the state can be loaded. */
static void test_random_operations(void **state)
{
	struct bench b;
	uint32_t seed = 7;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 200000; i++) {
		const uint32_t what = chip_random(&seed);
		const struct io_ops *io = what & 1 ? &vga_io : &vga_mono_io;
		const unsigned ports = what & 1 ? VGA_NR_PORTS : VGA_MONO_NR_PORTS;
		struct vga_screen shown;

		b.now += what >> 8 & 0xffff;
		if (what & 2)
			chip_in(io, &b.vga, (what >> 2) % ports);
		else
			chip_out(io, &b.vga, (what >> 2) % ports, what >> 16);
		shown = screen(&b);
		if (shown.is_text) {
			assert_in_range(shown.cols, 1, 256);
			assert_in_range(shown.rows, 1, 2048);
			assert_in_range(shown.start, 0, VGA_TEXT_SIZE - 2);
			assert_in_range(shown.pitch, 0, 1020);
			assert_true(!shown.has_cursor || shown.cursor_row < shown.rows);
			assert_true(!shown.has_cursor || shown.cursor_col < shown.cols);
		} else {
			assert_in_range(shown.width, 4, 2048);
			assert_in_range(shown.height, 1, 2048);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_on),
		cmocka_unit_test(test_registers_read_back),
		cmocka_unit_test(test_attribute_flip_flop),
		cmocka_unit_test(test_dac),
		cmocka_unit_test(test_write_protect),
		cmocka_unit_test(test_mono_and_colour),
		cmocka_unit_test(test_retraces),
		cmocka_unit_test(test_text_modes),
		cmocka_unit_test(test_graphics_modes),
		cmocka_unit_test(test_dark),
		cmocka_unit_test(test_font_load_keeps_the_text),
		cmocka_unit_test(test_start_and_split),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_hostile_states_are_refused),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
