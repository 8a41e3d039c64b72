/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A picture of the whole terminal is composed anew each time: the screen, cut to the part
 * around its cursor if the terminal is smaller, black around it, and a notice over the last
 * row. Cells that differ from the last picture are written, by ECMA-48's control
 * sequences: CUP to move (only where the cursor is not there already), SGR for an
 * attribute (only when it changes). So a screen that stands still costs nothing, and a
 * letter costs ten bytes.
 */
#include <string.h>

#include "cmd/painter.h"

#define BLANK       0x0020 /* black on black */
#define NOTICE      0x7000 /* attribute: black on grey */
#define ATTR_BLINK  0x80
#define ATTR_BRIGHT 0x08

void painter_init(struct painter *painter, unsigned cols, unsigned rows)
{
	painter->cols = cols < TEXT_SCREEN_MAX_COLS ? cols : TEXT_SCREEN_MAX_COLS;
	painter->rows = rows < TEXT_SCREEN_MAX_ROWS ? rows : TEXT_SCREEN_MAX_ROWS;
	painter->is_known = false;
	painter->attribute = -1;
}

/* The first of `size` columns or rows that shows, where only `room` do. */
static unsigned view_start(unsigned size, unsigned room, unsigned cursor, bool has_cursor)
{
	if (size <= room || !has_cursor || cursor < room)
		return 0;
	return cursor - room + 1;
}

static void put_text(const struct painter *painter, struct painting *next, unsigned row,
		     uint16_t attribute, const char *text)
{
	uint16_t *cells = next->cells + (size_t)row * painter->cols;

	for (unsigned col = 0; col < painter->cols && *text; col++, text++)
		cells[col] = attribute | (uint8_t)*text;
}

static void put_screen(const struct painter *painter, struct painting *next,
		       const struct text_screen *screen)
{
	const unsigned left = view_start(screen->cols, painter->cols, screen->cursor_col,
					 screen->has_cursor);
	const unsigned top = view_start(screen->rows, painter->rows, screen->cursor_row,
					screen->has_cursor);

	for (unsigned y = 0; y < painter->rows && top + y < screen->rows; y++) {
		for (unsigned x = 0; x < painter->cols && left + x < screen->cols; x++)
			next->cells[y * painter->cols + x] =
				screen->cells[(top + y) * screen->cols + left + x];
	}
	next->has_cursor = screen->has_cursor;
	next->cursor_col = screen->cursor_col - left;
	next->cursor_row = screen->cursor_row - top;
}

static void compose(const struct painter *painter, struct painting *next,
		    const struct text_screen *screen, const char *notice)
{
	char text[64];

	*next = (struct painting){ .blink = screen->blink };
	for (unsigned i = 0; i < painter->cols * painter->rows; i++)
		next->cells[i] = BLANK;
	put_screen(painter, next, screen);
	if (screen->width) {
		snprintf(text, sizeof(text), "graphics mode %ux%u: not shown",
			 screen->width, screen->height);
		put_text(painter, next, 0, 0x0700, text);
	}
	if (notice && painter->rows) {
		const unsigned last = painter->rows - 1;

		for (unsigned col = 0; col < painter->cols; col++)
			next->cells[last * painter->cols + col] = NOTICE | ' ';
		put_text(painter, next, last, NOTICE, notice);
	}
}

static void move_to(struct painter *painter, unsigned col, unsigned row, FILE *out)
{
	if (painter->at_col != col || painter->at_row != row)
		fprintf(out, "\033[%u;%uH", row + 1, col + 1);
	painter->at_col = col;
	painter->at_row = row;
}

/* A PC has blue where ANSI has red: bits 0 and 2 change places. */
static unsigned ansi_colour(unsigned colour)
{
	return (colour & 2) | (colour & 1) << 2 | (colour >> 2 & 1);
}

static void set_attribute(struct painter *painter, uint8_t attribute, bool blink,
			  FILE *out)
{
	const bool high = attribute & ATTR_BLINK;

	if (painter->attribute == attribute)
		return;
	painter->attribute = attribute;
	fprintf(out, "\033[0%s;%u;%um", high && blink ? ";5" : "",
		(attribute & ATTR_BRIGHT ? 90 : 30) + ansi_colour(attribute & 7),
		(high && !blink ? 100 : 40) + ansi_colour(attribute >> 4 & 7));
}

static void put_cell(struct painter *painter, uint16_t cell, bool blink, FILE *out)
{
	char utf8[3] = "";
	const size_t n = text_screen_utf8(cell, utf8);

	set_attribute(painter, (uint8_t)(cell >> 8), blink, out);
	fwrite(utf8, 1, n, out);
	painter->at_col++; /* behind the last column no cell follows in this row */
}

static bool is_same(const struct painter *painter, const struct painting *next)
{
	const struct painting *shown = &painter->shown;

	return painter->is_known && shown->blink == next->blink &&
	       shown->has_cursor == next->has_cursor &&
	       shown->cursor_col == next->cursor_col &&
	       shown->cursor_row == next->cursor_row &&
	       memcmp(shown->cells, next->cells, sizeof(shown->cells)) == 0;
}

void painter_paint(struct painter *painter, const struct text_screen *screen,
		   const char *notice, FILE *out)
{
	struct painting next;
	bool all;

	compose(painter, &next, screen, notice);
	if (is_same(painter, &next))
		return;
	all = !painter->is_known || painter->shown.blink != next.blink;
	if (all)
		painter->attribute = -1;
	fputs("\033[?25l", out);
	/* Where it was left: nowhere, so that the first move is written. */
	painter->at_col = painter->cols;
	for (unsigned row = 0; row < painter->rows; row++) {
		for (unsigned col = 0; col < painter->cols; col++) {
			const unsigned i = row * painter->cols + col;

			if (!all && painter->shown.cells[i] == next.cells[i])
				continue;
			move_to(painter, col, row, out);
			put_cell(painter, next.cells[i], next.blink, out);
		}
	}
	if (next.has_cursor) {
		move_to(painter, next.cursor_col, next.cursor_row, out);
		fputs("\033[?25h", out);
	}
	painter->shown = next;
	painter->is_known = true;
}
