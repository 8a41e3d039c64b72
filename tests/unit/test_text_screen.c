/* SPDX-License-Identifier: BSD-2-Clause */
/* Text screens as UTF-8. */
#include "chip.h"

#include "core/text_screen.h"

static void put(struct text_screen *screen, unsigned row, const char *text)
{
	for (unsigned col = 0; text[col]; col++)
		screen->cells[row * screen->cols + col] = (uint8_t)text[col] | 0x0700;
}

static void test_rows(void **state)
{
	static struct text_screen screen;
	static char text[TEXT_SCREEN_TEXT_SIZE];

	(void)state;
	screen = (struct text_screen){ .cols = 8, .rows = 4 };
	put(&screen, 0, "12345678");
	put(&screen, 1, "  x    ");
	put(&screen, 3, "a\xff\xff \x00"); /* these look like spaces */
	assert_int_equal(text_screen_text(&screen, text), 9 + 4 + 1 + 2);
	assert_string_equal(text, "12345678\n  x\n\na\n");
}

static void test_dark_and_graphics(void **state)
{
	static struct text_screen screen;
	static char text[TEXT_SCREEN_TEXT_SIZE];

	(void)state;
	screen = (struct text_screen){ .width = 640, .height = 480 };
	assert_int_equal(text_screen_text(&screen, text), 0);
	assert_string_equal(text, "");
}

static void test_code_page_437(void **state)
{
	static const struct {
		uint8_t code;
		const char *utf8;
	} cases[] = {
		{ 0x00, " " },      { 0x01, "\u263a" }, { 0x1f, "\u25bc" },
		{ ' ', " " },       { 'A', "A" },       { '~', "~" },
		{ 0x7f, "\u2302" }, { 0x80, "\u00c7" }, { 0x9b, "\u00a2" },
		{ 0xb3, "\u2502" }, { 0xc9, "\u2554" }, { 0xdb, "\u2588" },
		{ 0xe1, "\u00df" }, { 0xe6, "\u00b5" }, { 0xfe, "\u25a0" },
		{ 0xff, " " },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		char to[4] = "";
		const size_t n = text_screen_utf8(cases[i].code | 0x1f00, to);

		assert_int_equal(n, strlen(cases[i].utf8));
		assert_string_equal(to, cases[i].utf8);
	}
}

/* The largest one fits, byte for byte. */
static void test_largest(void **state)
{
	static struct text_screen screen;
	static char text[TEXT_SCREEN_TEXT_SIZE];

	(void)state;
	screen.cols = TEXT_SCREEN_MAX_COLS;
	screen.rows = TEXT_SCREEN_MAX_ROWS;
	memset(screen.cells, 0xdb, sizeof(screen.cells));
	assert_int_equal(text_screen_text(&screen, text), sizeof(text) - 1);
	assert_int_equal(strlen(text), sizeof(text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_dark_and_graphics),
		cmocka_unit_test(test_code_page_437),
		cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
