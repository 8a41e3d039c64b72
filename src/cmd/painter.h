/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paints text screens on a terminal: from what it shows and what it shall show to the
 * bytes that make the difference. It knows no terminal but ECMA-48's; see painter.c.
 */
#ifndef TANE_CMD_PAINTER_H
#define TANE_CMD_PAINTER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/text_screen.h"

/* What a terminal shows: cells as those of a text screen, and its cursor. */
struct painting {
	uint16_t cells[TEXT_SCREEN_MAX_ROWS * TEXT_SCREEN_MAX_COLS];
	bool blink;
	bool has_cursor;
	unsigned cursor_col, cursor_row;
};

struct painter {
	unsigned cols, rows; /* of the terminal */
	bool is_known;       /* `shown` is what it shows */
	struct painting shown;
	/* Of the bytes under way: where the next character goes, and how it looks. */
	unsigned at_col, at_row;
	int attribute; /* -1: unknown */
};

/* The terminal has this size, and shows nothing that is known. */
void painter_init(struct painter *painter, unsigned cols, unsigned rows);

/*
 * Bring the terminal to show `screen` and, in its last row, `notice` (NULL: none). If it
 * shows that already, nothing is written to `out`.
 */
void painter_paint(struct painter *painter, const struct text_screen *screen,
		   const char *notice, FILE *out);

#endif
