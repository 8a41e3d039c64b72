/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VGA as text modes need it: all registers of the standard adapter, ports 0x3b0 to
 * 0x3bb and 0x3c0 to 0x3df, and what they say about the screen. Its memory, 0xa0000 to
 * 0xbffff, is RAM of the guest, which the machine reads by what vga_get_screen() says.
 * The caller holds the device's mutex around every function here; the callback runs with
 * it held and must not call back.
 */
#ifndef TANE_DEV_VGA_H
#define TANE_DEV_VGA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define VGA_MONO_NR_PORTS 0x0c /* from 0x3b0; 0x3bc is a parallel port's */
#define VGA_NR_PORTS      0x20 /* from 0x3c0 */

/* The registers of the standard VGA that stand behind an index. */
#define VGA_NR_SEQ   5
#define VGA_NR_CRTC  25
#define VGA_NR_GFX   9
#define VGA_NR_ATTR  21
#define VGA_DAC_SIZE (3 * 256)

/* Where text lies, and how much: what the CPU sees of it. */
#define VGA_TEXT_MONO   0xb0000u
#define VGA_TEXT_COLOUR 0xb8000u
#define VGA_TEXT_SIZE   0x8000u

/* Everything that outlives a snapshot. */
struct vga_regs {
	uint8_t misc;    /* miscellaneous output */
	uint8_t feature; /* feature control */
	uint8_t enable;  /* video subsystem enable */
	uint8_t seq_index, seq[VGA_NR_SEQ];
	uint8_t crtc_index, crtc[VGA_NR_CRTC];
	uint8_t gfx_index, gfx[VGA_NR_GFX];
	uint8_t attr_index;   /* with bit 5: the screen is on */
	uint8_t attr_is_data; /* 1: the next write to 0x3c0 is data */
	uint8_t attr[VGA_NR_ATTR];
	uint8_t dac_mask;
	uint8_t dac_index;     /* of the colour that is read or written */
	uint8_t dac_component; /* 0 to 2: red, green, blue */
	uint8_t dac_state;     /* 3: reading, 0: writing */
	uint8_t dac_latch[2];  /* red and green, until blue is written */
	uint8_t dac[VGA_DAC_SIZE];
	uint8_t line_shown; /* the last status read said that the beam shows something */
};

struct vga {
	struct vga_regs regs;
	int64_t (*now)(void *opaque);
	void *opaque;
};

/* What the registers say about the screen. */
struct vga_screen {
	bool is_dark;           /* off: nothing shows, whatever else is here */
	bool is_text;           /* else graphics */
	unsigned width, height; /* of graphics, in pixels */

	/* Text: 1 to 256 columns, 1 to 2048 rows. */
	unsigned cols, rows;
	uint32_t base;      /* VGA_TEXT_MONO or VGA_TEXT_COLOUR; the window is a ring */
	uint32_t start;     /* offset of the first cell in it, less than VGA_TEXT_SIZE */
	uint32_t pitch;     /* bytes from a row to the next */
	unsigned split_row; /* from this row on, cells begin anew at offset 0 */
	bool blink;         /* bit 7 of attributes means blinking, not a bright ground */
	bool has_cursor;    /* and it is inside the screen */
	unsigned cursor_col, cursor_row;
};

extern const struct io_ops vga_mono_io; /* VGA_MONO_NR_PORTS at 0x3b0 */
extern const struct io_ops vga_io;      /* VGA_NR_PORTS at 0x3c0 */

/* `now` is nanoseconds of any clock that does not go back: retraces follow it. */
void vga_init(struct vga *vga, int64_t (*now)(void *opaque), void *opaque);

/* Text of 80x25 in colour, as a BIOS leaves it: a kernel need not set a mode to print. */
void vga_reset(struct vga *vga);

void vga_get_screen(const struct vga *vga, struct vga_screen *screen);

int vga_save(const struct vga *vga, struct state_writer *writer, const char *section,
	     struct err *err);
/* On an error nothing has changed. */
int vga_load(struct vga *vga, struct bytes image, const char *section, struct err *err);

#endif
