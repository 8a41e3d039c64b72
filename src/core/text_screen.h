/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text screen, as a display or a script looks at it: cells of a character of code page
 * 437 and an attribute, and a cursor. It is a copy: nothing here belongs to the guest.
 */
#ifndef TANE_CORE_TEXT_SCREEN_H
#define TANE_CORE_TEXT_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_SCREEN_MAX_COLS 256u
#define TEXT_SCREEN_MAX_ROWS 100u

/* Room for any screen as text: three bytes a cell at most, line ends, and a NUL. */
#define TEXT_SCREEN_TEXT_SIZE (TEXT_SCREEN_MAX_ROWS * (TEXT_SCREEN_MAX_COLS * 3 + 1) + 1)

struct text_screen {
	unsigned cols, rows;    /* both 0: it is dark, or shows graphics: */
	unsigned width, height; /* in pixels; 0: no graphics */
	bool blink;      /* bit 7 of attributes means blinking, else a bright ground */
	bool has_cursor; /* it is inside the screen */
	unsigned cursor_col, cursor_row;
	/* Row after row; the character in the low byte, the attribute in the high one. */
	uint16_t cells[TEXT_SCREEN_MAX_ROWS * TEXT_SCREEN_MAX_COLS];
};

/* The character of a cell as UTF-8, without a NUL: how many of the bytes (1 to 3). */
size_t text_screen_utf8(uint16_t cell, char to[3]);

/*
 * All rows as UTF-8, each without the blanks at its end and with a line feed. Returns how
 * many bytes that are, without the NUL behind them.
 */
size_t text_screen_text(const struct text_screen *screen, char to[TEXT_SCREEN_TEXT_SIZE]);

#endif
