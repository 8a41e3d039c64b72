/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of accesses at any time, and any saved state. */
#include "chip.h"

#include "dev/vga.h"

struct bench {
	struct vga vga;
	uint64_t now;
};

static int64_t get_now(void *opaque)
{
	const struct bench *bench = opaque;

	return (int64_t)(bench->now >> 1);
}

static void reload(struct fuzz_input *input, struct bench *bench)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(vga_save(&bench->vga, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	(void)vga_load(&bench->vga, (struct bytes){ writer.data, writer.size }, "u",
		       &err);
	state_writer_free(&writer);
}

/* What the machine's reader of text memory rests on. */
static void check_screen(const struct bench *bench)
{
	struct vga_screen screen;

	vga_get_screen(&bench->vga, &screen);
	if (!screen.is_text) {
		FUZZ_CHECK(screen.width && screen.height);
		return;
	}
	FUZZ_CHECK(screen.base == VGA_TEXT_MONO || screen.base == VGA_TEXT_COLOUR);
	FUZZ_CHECK(screen.cols && screen.cols <= 256 && screen.rows);
	FUZZ_CHECK(screen.rows <= 2048 && screen.pitch <= 1020);
	FUZZ_CHECK(screen.start < VGA_TEXT_SIZE && screen.start % 2 == 0);
	FUZZ_CHECK(!screen.has_cursor ||
		   (screen.cursor_col < screen.cols && screen.cursor_row < screen.rows));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bench bench = { 0 };

	vga_init(&bench.vga, get_now, &bench);
	while (input.size) {
		const unsigned op = (unsigned)fuzz_next(&input, 1);

		if (op == 0)
			vga_reset(&bench.vga);
		else if (op < 8)
			reload(&input, &bench);
		else if (op < 32)
			bench.now += fuzz_next(&input, 4);
		else if (op < 64)
			fuzz_access(&input, &vga_mono_io, &bench.vga, VGA_MONO_NR_PORTS);
		else
			fuzz_access(&input, &vga_io, &bench.vga, VGA_NR_PORTS);
		check_screen(&bench);
	}
	return 0;
}
