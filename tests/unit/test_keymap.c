/* SPDX-License-Identifier: BSD-2-Clause */
/* Text becomes the keys that a person would press for it. */
#include "chip.h"

#include <stdio.h>

#include "dev/keymap.h"

/* The events of `text`, as "1e -1e e048": - is up, e0 extended. */
static const char *events_of(const char *text)
{
	static char line[1024];
	static struct err err;
	key_event events[KEYMAP_MAX_EVENTS];
	struct key_press press;
	size_t used = 0;
	int result;

	line[0] = '\0';
	while ((result = keymap_next(&text, &press, &err)) > 0) {
		unsigned n = keymap_events(&press, events);

		assert_true(n <= KEYMAP_MAX_EVENTS);
		for (unsigned i = 0; i < n; i++)
			used += (size_t)snprintf(
				line + used, sizeof(line) - used, "%s%s%s%02x",
				used ? " " : "", events[i] & KEY_RELEASED ? "-" : "",
				events[i] & KEY_EXTENDED ? "e0" : "", events[i] & 0xffu);
	}
	return result ? err.text : line;
}

static void test_characters(void **state)
{
	(void)state;
	assert_string_equal(events_of(""), "");
	assert_string_equal(events_of("a"), "1e -1e");
	assert_string_equal(events_of("A"), "2a 1e -1e -2a");
	assert_string_equal(events_of("ls\n"), "26 -26 1f -1f 1c -1c");
	assert_string_equal(events_of("0)"), "0b -0b 2a 0b -0b -2a");
	assert_string_equal(events_of("\\|"), "2b -2b 2a 2b -2b -2a");
	assert_string_equal(events_of("/?"), "35 -35 2a 35 -35 -2a");
	assert_string_equal(events_of("`~"), "29 -29 2a 29 -29 -2a");
	assert_string_equal(events_of(" \t"), "39 -39 0f -0f");
	assert_string_equal(events_of(">"), "2a 34 -34 -2a");
}

/* Every printable character has a key, and no two the same. */
static void test_all_of_ascii(void **state)
{
	unsigned seen[256] = { 0 };

	(void)state;
	for (char c = ' '; c <= '~'; c++) {
		const char text[2] = { c };
		const char *at = c == '<' ? "<lt>" : text;
		struct key_press press;
		struct err err;

		assert_int_equal(keymap_next(&at, &press, &err), 1);
		assert_int_equal(*at, '\0');
		assert_true(press.key > 0 && press.key < 0x80 && press.modifiers <= 1);
		assert_int_equal(seen[press.key | press.modifiers << 7]++, 0);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(events_of("<enter><esc>"), "1c -1c 01 -01");
	assert_string_equal(events_of("<UP><f1><F12>"), "e048 -e048 3b -3b 58 -58");
	assert_string_equal(events_of("<lt>"), "2a 33 -33 -2a");
	assert_string_equal(events_of("<alt-gt>"), "38 2a 34 -34 -2a -38");
	assert_string_equal(events_of("<ctrl-alt-del>"), "1d 38 e053 -e053 -38 -1d");
	assert_string_equal(events_of("<alt-ctrl-del>"), "1d 38 e053 -e053 -38 -1d");
	assert_string_equal(events_of("<ctrl-c>"), "1d 2e -2e -1d");
	assert_string_equal(events_of("<ctrl-C>"), "1d 2a 2e -2e -2a -1d");
	assert_string_equal(events_of("<ctrl-->"), "1d 0c -0c -1d");
	assert_string_equal(events_of("<alt-f2>"), "38 3c -3c -38");
	assert_string_equal(events_of("<shift-tab>"), "2a 0f -0f -2a");
	assert_string_equal(events_of("<ctrl-alt-shift-super-a>"),
			    "1d 38 2a e05b 1e -1e -e05b -2a -38 -1d");
}

static void test_what_is_no_key(void **state)
{
	(void)state;
	assert_string_equal(events_of("<bar>"), "keys: \"<bar>\" names no key; "
						"the character < itself is <lt>");
	assert_non_null(strstr(events_of("if a < b"), "\"< b\" names no key"));
	assert_non_null(strstr(events_of("<>"), "\"<>\" names no key"));
	assert_non_null(strstr(events_of("<ctrl->"), "names no key"));
	assert_non_null(strstr(events_of("<ctrl-ctrl-ctrl-ctrl-ctrl-ctrl-ctrl-x>"),
			       "names no key"));
	assert_string_equal(events_of("\xc3\xa9"),
			    "keys: no key of a US keyboard types the byte 0xc3");
	assert_non_null(strstr(events_of("\x01"), "the byte 0x01"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_all_of_ascii),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_what_is_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
