/* SPDX-License-Identifier: BSD-2-Clause */
/* What is painted on a terminal, held against a small terminal that obeys it. */
#include "chip.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/painter.h"

#define MAX_COLS 140
#define MAX_ROWS 60

/* As much of ECMA-48 as a painter may use; anything else fails. */
struct terminal {
	unsigned cols, rows, col, row;
	char text[MAX_ROWS][MAX_COLS][4];
	char look[MAX_ROWS][MAX_COLS][24]; /* the parameters of the last SGR */
	char sgr[24];
	bool cursor;
};

struct bench {
	struct painter painter;
	struct terminal terminal;
	struct text_screen screen;
	size_t bytes; /* of the last frame */
};

static const char *obey_sequence(struct terminal *t, const char *p)
{
	char parameters[24];
	size_t n = strspn(p, "0123456789;?");

	assert_true(n < sizeof(parameters));
	memcpy(parameters, p, n);
	parameters[n] = '\0';
	switch (p[n]) {
	case 'H':
		assert_int_equal(sscanf(parameters, "%u;%u", &t->row, &t->col), 2);
		t->row--;
		t->col--;
		assert_true(t->row < t->rows && t->col < t->cols);
		break;
	case 'm':
		memcpy(t->sgr, parameters, sizeof(t->sgr));
		break;
	case 'h':
	case 'l':
		assert_string_equal(parameters, "?25");
		t->cursor = p[n] == 'h';
		break;
	default:
		fail_msg("unknown sequence ending in %c", p[n]);
	}
	return p + n + 1;
}

static const char *print_char(struct terminal *t, const char *p)
{
	const unsigned char c = (unsigned char)*p;
	const size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : 3;

	assert_true(c >= 0x20 && c != 0x7f);
	assert_true(t->row < t->rows && t->col < t->cols);
	memcpy(t->text[t->row][t->col], p, n);
	t->text[t->row][t->col][n] = '\0';
	memcpy(t->look[t->row][t->col], t->sgr, sizeof(t->sgr));
	/* No wrap: it sticks to the last column, where a painter must not rely on it. */
	t->col++;
	return p + n;
}

static void obey(struct terminal *t, const char *p)
{
	while (*p)
		p = strncmp(p, "\033[", 2) == 0 ? obey_sequence(t, p + 2)
						: print_char(t, p);
}

static void bench_init(struct bench *bench, unsigned cols, unsigned rows)
{
	memset(bench, 0, sizeof(*bench));
	bench->terminal.cols = cols;
	bench->terminal.rows = rows;
	bench->screen.cols = 80;
	bench->screen.rows = 25;
	for (unsigned i = 0; i < 80 * 25; i++)
		bench->screen.cells[i] = 0x0720;
	painter_init(&bench->painter, cols, rows);
}

static void paint(struct bench *bench, const char *notice)
{
	char *bytes = NULL;
	FILE *out = open_memstream(&bytes, &bench->bytes);

	assert_non_null(out);
	painter_paint(&bench->painter, &bench->screen, notice, out);
	assert_int_equal(fclose(out), 0);
	obey(&bench->terminal, bytes);
	free(bytes);
}

static void put(struct bench *bench, unsigned row, unsigned col, uint8_t attribute,
		const char *text)
{
	uint16_t *cells = bench->screen.cells + row * bench->screen.cols + col;

	while (*text)
		*cells++ = (uint16_t)(attribute << 8 | (uint8_t)*text++);
}

/* The text of a row of the terminal, without the blanks at its end. */
static const char *row_of(struct bench *bench, unsigned row)
{
	static char text[MAX_COLS * 3 + 1];
	size_t n = 0;

	for (unsigned col = 0; col < bench->terminal.cols; col++) {
		const char *c = bench->terminal.text[row][col];

		memcpy(text + n, c, strlen(c));
		n += strlen(c);
	}
	text[n] = '\0';
	while (n && text[n - 1] == ' ')
		text[--n] = '\0';
	return text;
}

static void test_text_and_cursor(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 90, 30);
	put(&b, 0, 0, 0x07, "top left");
	put(&b, 24, 68, 0x07, "bottom right");
	put(&b, 3, 2, 0x07, "\xc9\xcd\xbb");
	b.screen.has_cursor = true;
	b.screen.cursor_col = 8;
	paint(&b, NULL);
	assert_string_equal(row_of(&b, 0), "top left");
	assert_string_equal(row_of(&b, 3), "  \u2554\u2550\u2557");
	assert_non_null(strstr(row_of(&b, 24), "bottom right"));
	assert_string_equal(row_of(&b, 29), "");
	assert_true(b.terminal.cursor);
	assert_int_equal(b.terminal.col, 8);
	assert_int_equal(b.terminal.row, 0);
	b.screen.has_cursor = false;
	paint(&b, NULL);
	assert_false(b.terminal.cursor);
}

static void test_nothing_changed_nothing_painted(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 80, 25);
	paint(&b, NULL);
	assert_true(b.bytes > 2000);
	paint(&b, NULL);
	assert_int_equal(b.bytes, 0);
	put(&b, 5, 5, 0x07, "x");
	paint(&b, NULL);
	assert_in_range(b.bytes, 1, 24);
	assert_string_equal(row_of(&b, 5), "     x");
	/* What the terminal showed is not known any more. */
	painter_init(&b.painter, 80, 25);
	paint(&b, NULL);
	assert_true(b.bytes > 2000);
}

static void test_attributes(void **state)
{
	static const struct {
		uint8_t attribute;
		bool blink;
		const char *sgr;
	} cases[] = {
		{ 0x07, true, "0;37;40" },   { 0x1e, true, "0;93;44" },
		{ 0x4f, true, "0;97;41" },   { 0x21, true, "0;34;42" },
		{ 0x63, true, "0;36;43" },   { 0x08, true, "0;90;40" },
		{ 0x9c, true, "0;5;91;44" }, { 0x9c, false, "0;91;104" },
		{ 0xf0, false, "0;30;107" }, { 0xf0, true, "0;5;30;47" },
	};
	struct bench b;

	(void)state;
	bench_init(&b, 80, 25);
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		b.screen.blink = cases[i].blink;
		put(&b, 1, 1, cases[i].attribute, "x");
		paint(&b, NULL);
		assert_string_equal(b.terminal.look[1][1], cases[i].sgr);
		assert_string_equal(b.terminal.look[2][2], "0;37;40");
	}
}

static void test_small_terminal_follows_the_cursor(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 40, 10);
	put(&b, 0, 0, 0x07, "first");
	put(&b, 24, 70, 0x07, "last");
	b.screen.has_cursor = true;
	paint(&b, NULL);
	assert_string_equal(row_of(&b, 0), "first");
	b.screen.cursor_row = 24;
	b.screen.cursor_col = 74;
	paint(&b, NULL);
	assert_int_equal(b.terminal.row, 9);
	assert_int_equal(b.terminal.col, 39);
	assert_non_null(strstr(row_of(&b, 9), "last"));
	assert_string_equal(row_of(&b, 0), "");
}

static void test_notice(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 40, 10);
	put(&b, 9, 0, 0x07, "below");
	paint(&b, "a notice that is longer than the terminal is wide");
	assert_string_equal(row_of(&b, 9), "a notice that is longer than the termina");
	assert_string_equal(b.terminal.look[9][39], "0;30;47");
	paint(&b, NULL);
	assert_string_equal(row_of(&b, 9), "below");
}

static void test_graphics_and_dark(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 80, 25);
	put(&b, 1, 0, 0x07, "text");
	paint(&b, NULL);
	b.screen = (struct text_screen){ .width = 320, .height = 200 };
	paint(&b, NULL);
	assert_string_equal(row_of(&b, 0), "graphics mode 320x200: not shown");
	assert_string_equal(row_of(&b, 1), "");
	assert_false(b.terminal.cursor);
	b.screen = (struct text_screen){ 0 };
	paint(&b, NULL);
	assert_string_equal(row_of(&b, 0), "");
}

/* Any screen at any size: the terminal shows it, cell by cell. */
static void test_random_screens(void **state)
{
	uint32_t seed = 3;
	struct bench b;

	(void)state;
	bench_init(&b, 80, 25);
	for (unsigned round = 0; round < 200; round++) {
		if (round % 10 == 0) {
			b.terminal.cols = 1 + chip_random(&seed) % (MAX_COLS - 1);
			b.terminal.rows = 1 + chip_random(&seed) % (MAX_ROWS - 1);
			painter_init(&b.painter, b.terminal.cols, b.terminal.rows);
			b.screen.cols = 1 + chip_random(&seed) % 132;
			b.screen.rows = 1 + chip_random(&seed) % 60;
			b.screen.has_cursor = false;
		}
		for (unsigned i = 0; i < 50; i++)
			b.screen.cells[chip_random(&seed) %
				       (b.screen.cols * b.screen.rows)] =
				(uint16_t)chip_random(&seed);
		paint(&b, NULL);
		for (unsigned row = 0; row < b.terminal.rows && row < b.screen.rows;
		     row++) {
			for (unsigned col = 0;
			     col < b.terminal.cols && col < b.screen.cols; col++) {
				char want[4] = "";

				text_screen_utf8(
					b.screen.cells[row * b.screen.cols + col], want);
				assert_string_equal(b.terminal.text[row][col], want);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_and_cursor),
		cmocka_unit_test(test_nothing_changed_nothing_painted),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_small_terminal_follows_the_cursor),
		cmocka_unit_test(test_notice),
		cmocka_unit_test(test_graphics_and_dark),
		cmocka_unit_test(test_random_screens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
