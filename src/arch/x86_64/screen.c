/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen.
 *
 * Text is in the guest's RAM, where guests write it without an exit. Whoever wants to see
 * it takes a copy: of the registers first, under the chip's lock, then of the window of
 * 32 KiB behind them, in which offsets wrap. The guest goes on meanwhile; a screen that
 * is half old and half new is as much as a beam would show.
 *
 * SeaBIOS runs every file of fw_cfg in vgaroms/ as an option ROM. So no PCI function has to
 * carry the VGA BIOS: an ISA card is enough, which PCI does not see.
 */
#include <errno.h>
#include <unistd.h>

#include "arch/machine.h"
#include "arch/x86_64/firmware.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/option_rom.h"
#include "arch/x86_64/screen.h"

bool screen_is_wanted(const struct vm_config *config)
{
	return config->firmware || config->screen;
}

int screen_build(struct screen *screen, struct vm *vm, struct err *err)
{
	pthread_mutex_init(&screen->lock, NULL);
	screen->is_there = true;
	vga_init(&screen->vga, machine_monotonic_time, vm);
	if (machine_add_port(vm, PORT_VGA_MONO, VGA_MONO_NR_PORTS, "vga-mono",
			     &vga_mono_io, &screen->vga, &screen->lock, err))
		return -1;
	return machine_add_port(vm, PORT_VGA, VGA_NR_PORTS, "vga", &vga_io, &screen->vga,
				&screen->lock, err);
}

int screen_add_bios(const struct vm_config *config, struct fw_cfg *fw_cfg,
		    struct err *err)
{
	static const struct option_rom rom = {
		.what = "VGA BIOS",
		.path = SCREEN_VGA_BIOS,
		.package = FIRMWARE_PACKAGE,
		.file = "vgaroms/vgabios-isavga.bin",
	};

	/* Who does not look at the screen need not have it: there are serial ports. */
	if (!config->screen && access(rom.path, F_OK) && errno == ENOENT)
		return 0;
	return option_rom_add(&rom, fw_cfg, err);
}

void screen_destroy(struct screen *screen)
{
	if (screen->is_there)
		pthread_mutex_destroy(&screen->lock);
	screen->is_there = false;
}

void screen_reset(struct screen *screen)
{
	if (!screen->is_there)
		return;
	pthread_mutex_lock(&screen->lock);
	vga_reset(&screen->vga);
	pthread_mutex_unlock(&screen->lock);
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static void read_row(const struct vga_screen *from, const uint8_t *window, unsigned row,
		     struct text_screen *to)
{
	uint32_t at = row < from->split_row ? from->start + row * from->pitch
					    : (row - from->split_row) * from->pitch;

	for (unsigned col = 0; col < to->cols; col++, at += 2)
		to->cells[row * to->cols + col] = load_le16(window + at % VGA_TEXT_SIZE);
}

/* A machine may have less memory than it takes to have a screen: that one is dark. */
static void read_text(const struct vga_screen *from, const struct memory *memory,
		      struct text_screen *to)
{
	uint8_t window[VGA_TEXT_SIZE];

	if (!memory_read(memory, from->base, window, sizeof(window)))
		return;
	to->cols = smaller(from->cols, TEXT_SCREEN_MAX_COLS);
	to->rows = smaller(from->rows, TEXT_SCREEN_MAX_ROWS);
	to->blink = from->blink;
	to->has_cursor = from->has_cursor && from->cursor_col < to->cols &&
			 from->cursor_row < to->rows;
	to->cursor_col = from->cursor_col;
	to->cursor_row = from->cursor_row;
	for (unsigned row = 0; row < to->rows; row++)
		read_row(from, window, row, to);
}

void screen_read(struct screen *screen, const struct memory *memory,
		 struct text_screen *text)
{
	struct vga_screen shown;

	pthread_mutex_lock(&screen->lock);
	vga_get_screen(&screen->vga, &shown);
	pthread_mutex_unlock(&screen->lock);
	text->cols = text->rows = 0;
	text->width = text->height = 0;
	text->has_cursor = false;
	if (shown.is_dark)
		return;
	if (shown.is_text) {
		read_text(&shown, memory, text);
	} else {
		text->width = shown.width;
		text->height = shown.height;
	}
}
