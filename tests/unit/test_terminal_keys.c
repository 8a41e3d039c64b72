/* SPDX-License-Identifier: BSD-2-Clause */
/* What terminals send for a key becomes that key. */
#include "chip.h"

#include "cmd/terminal_keys.h"
#include "dev/keymap.h"

struct bench {
	struct terminal_keys keys;
	char text[512];
};

static void on_key(void *opaque, const char *name)
{
	struct bench *bench = opaque;
	struct key_press press;
	const char *at = name;
	struct err err;

	assert_int_equal(keymap_next(&at, &press, &err), 1); /* a name that is known */
	assert_int_equal(*at, '\0');
	assert_true(strlen(bench->text) + strlen(name) < sizeof(bench->text));
	strcat(bench->text, name);
}

static void bench_init(struct bench *bench)
{
	*bench = (struct bench){ .keys = { .key = on_key, .opaque = bench } };
}

/* All of `bytes` at once, and then silence. */
static const char *keys_of(const char *bytes)
{
	static struct bench bench;

	bench_init(&bench);
	terminal_keys_decode(&bench.keys, (const uint8_t *)bytes, strlen(bytes));
	terminal_keys_flush(&bench.keys);
	return bench.text;
}

static void test_characters(void **state)
{
	(void)state;
	assert_string_equal(keys_of("ls -l > x\r"), "ls -l > x<enter>");
	assert_string_equal(keys_of("a<b"), "a<lt>b");
	assert_string_equal(keys_of("\t\x7f\b"), "<tab><backspace><backspace>");
	assert_string_equal(keys_of("\x03\x1a\x1c"), "<ctrl-c><ctrl-z><ctrl-\\>");
	assert_string_equal(keys_of("sm\xc3\xb8r\xe2\x82\xac!"), "smr!");
}

static void test_ctrl_space(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	terminal_keys_decode(&b.keys, (const uint8_t *)"\0", 1);
	assert_string_equal(b.text, "<ctrl-space>");
}

static void test_sequences(void **state)
{
	(void)state;
	assert_string_equal(keys_of("\x1b[A\x1b[B\x1b[C\x1b[D"),
			    "<up><down><right><left>");
	assert_string_equal(keys_of("\x1bOA\x1bOH\x1b[F"), "<up><home><end>");
	assert_string_equal(keys_of("\x1bOP\x1bOS\x1b[15~\x1b[24~"), "<f1><f4><f5><f12>");
	assert_string_equal(keys_of("\x1b[[A\x1b[[E"), "<f1><f5>");
	assert_string_equal(keys_of("\x1b[2~\x1b[3~\x1b[5~\x1b[6~"),
			    "<ins><del><pgup><pgdn>");
	assert_string_equal(keys_of("\x1b[1;5A\x1b[3;2~\x1b[1;3P"),
			    "<ctrl-up><shift-del><alt-f1>");
	assert_string_equal(keys_of("\x1b[3;7~\x1b[Z"), "<ctrl-alt-del><shift-tab>");
}

static void test_escape_and_alt(void **state)
{
	(void)state;
	assert_string_equal(keys_of("\x1b"), "<esc>");
	assert_string_equal(keys_of("\x1b\x1b"), "<esc><esc>");
	assert_string_equal(keys_of("\x1b\x1b[A"), "<esc><up>");
	assert_string_equal(keys_of("\x1bx\x1bX\x1b\r"), "<alt-x><alt-X><alt-enter>");
	assert_string_equal(keys_of("\x1b<\x1b>>"), "<alt-lt><alt-gt>>");
	assert_string_equal(keys_of("\x1b["), "<alt-[>");
	assert_string_equal(keys_of("\x1b\x03"), "<ctrl-alt-c>");
}

static void test_what_is_no_key(void **state)
{
	(void)state;
	assert_string_equal(keys_of("\x1b[200~a\x1b[?1;2cb\x1b[Xc"), "abc");
	assert_string_equal(keys_of("\x1b[99999999999999999999"), "999999");
	assert_string_equal(keys_of("\x1b[1\x03"), "<ctrl-c>");
	assert_string_equal(keys_of("\x1b[1\x1b[A"), "<up>");
}

/* Each sequence may come in pieces. */
static void test_pieces(void **state)
{
	const char bytes[] = "a\x1b[1;5A\x1bOPb";
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < sizeof(bytes) - 1; i++)
		terminal_keys_decode(&b.keys, (const uint8_t *)bytes + i, 1);
	assert_string_equal(b.text, "a<ctrl-up><f1>b");
	assert_false(terminal_keys_waits(&b.keys));
	terminal_keys_decode(&b.keys, (const uint8_t *)"\x1b", 1);
	assert_true(terminal_keys_waits(&b.keys));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_ctrl_space),
		cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_escape_and_alt),
		cmocka_unit_test(test_what_is_no_key),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
