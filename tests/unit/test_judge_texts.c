/* SPDX-License-Identifier: BSD-2-Clause */
/* What the judge makes of texts: a guest's, a user's, and those of JUnit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "judge/junit.h"
#include "judge/keys.h"
#include "judge/pattern.h"
#include "judge/test_file.h"
#include "judge/transcript.h"

static struct err err;

/* -- patterns -- */

static bool finds(const char *regex, const char *line, bool open)
{
	struct pattern pattern;
	size_t end = 0;
	bool found;

	assert_int_equal(pattern_init(&pattern, regex, &err), 0);
	found = pattern_find(&pattern, line, 0, strlen(line), open, &end);
	assert_true(end <= strlen(line));
	pattern_destroy(&pattern);
	return found;
}

static void test_pattern(void **state)
{
	(void)state;
	assert_true(finds("^a.c$", "abc", false));
	assert_false(finds("^a.c$", "abc", true));
	assert_true(finds("c|x", "abc", true));
	assert_true(finds("(ab){2}[[:digit:]]{3,}", "xababx abab123", true));
	assert_true(finds("[]x]{16} [^]]{16}\\{", "xxxxxxxxxxxxxxx] yyyyyyyyyyyyyyyy{",
			  true));
	assert_true(finds("\xc3\xa4", "B\xc3\xa4r", true));
}

static void test_pattern_from(void **state)
{
	struct pattern pattern;
	size_t end;

	(void)state;
	assert_int_equal(pattern_init(&pattern, "^a|b", &err), 0);
	assert_true(pattern_find(&pattern, "aab", 0, 3, true, &end));
	assert_int_equal(end, 1);
	/* The middle of a line is not its beginning. */
	assert_true(pattern_find(&pattern, "aab", 1, 3, true, &end));
	assert_int_equal(end, 3);
	assert_false(pattern_find(&pattern, "aab", 3, 3, false, &end));
	pattern_destroy(&pattern);
}

/* It is compiled anew now and then, and finds the same. */
static void test_pattern_in_much_text(void **state)
{
	struct pattern pattern;
	char line[1000 + 1];
	size_t end;

	(void)state;
	memset(line, 'a', 1000);
	line[1000] = '\0';
	assert_int_equal(pattern_init(&pattern, "(a|b)*b(a|b){6}c", &err), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_false(pattern_find(&pattern, line, 0, 1000, true, &end));
	memcpy(line + 500, "baaaaaac", 8);
	assert_true(pattern_find(&pattern, line, 0, 1000, true, &end));
	assert_int_equal(end, 508);
	pattern_destroy(&pattern);
}

static void test_refused_patterns(void **state)
{
	static const char *const refused[] = {
		"",
		"(",
		"[a",
		"a{2",
		"*\\1(a)",
		"(a)\\1",
		"a{5000}",
		"((a{100}){100}){100}",
		"((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+",
		"x{99999999999999999999}",
		"(((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))))))",
	};
	struct pattern pattern;
	char *longest = calloc(1, 1026);

	(void)state;
	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (!pattern_init(&pattern, refused[i], &err))
			fail_msg("\"%s\" is taken", refused[i]);
	}
	memset(longest, 'a', 1025);
	assert_int_equal(pattern_init(&pattern, longest, &err), -1);
	longest[1024] = '\0';
	assert_int_equal(pattern_init(&pattern, longest, &err), 0);
	pattern_destroy(&pattern);
	free(longest);
}

/* -- transcripts -- */

static struct transcript transcript;

static const char *shown(const char *text, size_t n)
{
	memset(&transcript, 0, sizeof(transcript));
	for (size_t i = 0; i < n; i++)
		transcript_put(&transcript, (uint8_t)text[i]);
	transcript.text[transcript.used] = '\0';
	return transcript.text;
}

#define assert_shown(text, expected) \
	assert_string_equal(shown(text, sizeof(text) - 1), expected)

static void test_lines(void **state)
{
	(void)state;
	assert_shown("a\nb\r\nc\r\r\nd", "a\nb\nc\nd");
	assert_shown("10%\r20%\r30%\n", "10%\n20%\n30%\n");
	assert_shown("a\tb\0c\x01\x7f", "a\tbc");
	assert_shown("ls\b \bx\b\b\b\by", "y");
	assert_shown("\xc3\xa4\xff", "\xc3\xa4\xff");
	assert_shown("\xe2\x82\xac\b\bx", "x");
}

/* C1, as UTF-8 and as bytes: for many a terminal \x9b is ESC [. */
static void test_high_control_characters(void **state)
{
	(void)state;
	assert_shown("a\xc2\x9b"
		     "1mb\xc2\x80\xc2\x9f\xc2\xa0"
		     "c",
		     "a1mb\xc2\xa0"
		     "c");
	assert_shown("a\x9b"
		     "1mb\x80\x9f\xa0",
		     "a1mb\xa0");
	assert_shown("\xe2\x9b\x9b\xf0\x9f\x98\x80\x9b", "\xe2\x9b\x9b\xf0\x9f\x98\x80");
	/* Ways round. */
	assert_shown("\xc2\xe2\b\x9b", "\xc2");
	assert_shown("\xc2\x1b[m\x9b", "");
	assert_shown("\xe2\r\x9b\n", "\xe2\n\n");
	assert_shown("\xe2\x01x\x9b", "\xe2x");
}

static void test_escape_sequences(void **state)
{
	(void)state;
	assert_shown("\x1b[1;31mred\x1b[0m text", "red text");
	assert_shown("a\x1b]0;title\ab\x1b]0;title\x1b\\c", "abc");
	assert_shown("a\x1b(Bb\x1b=c\x1b\x1b[Kd", "abcd");
	assert_shown("a\x1b[2Jb\x1b[Ac", "a\nb\nc");
	assert_shown("\x1b[1;1HOne\x1b[1;10H two\x1b[2;1HThree\x1b[H",
		     "One two\nThree\n");
	assert_shown("a\x1b[\nb", "ab"); /* no sequence after all */
	assert_shown("a\x1b[12345678901234567890123456789Hb", "a\nb");
	assert_shown("a\x1b", "a");
}

static void test_long_lines_are_cut(void **state)
{
	size_t line = 0;

	(void)state;
	memset(&transcript, 0, sizeof(transcript));
	for (unsigned i = 0; i < 1000000; i++) {
		const bool ended = transcript_put(&transcript, 'x');

		line = ended ? 0 : line + 1;
		assert_true(line < TRANSCRIPT_LINE);
		assert_true(transcript.used <= TRANSCRIPT_SIZE);
	}
	assert_true(transcript_end(&transcript) > 1000000);
	assert_true(transcript.used >= TRANSCRIPT_SIZE / 2 - TRANSCRIPT_LINE);
}

/* -- keys -- */

static struct keys keys;

static void assert_keys(const char *text, const char *serial, size_t n, const char *typed)
{
	if (keys_parse(&keys, text, &err))
		fail_msg("%s: %s", text, err.text);
	assert_int_equal(keys.nr_serial, n);
	assert_memory_equal(keys.serial, serial, n);
	assert_string_equal(keys.typed, typed);
}

static void test_keys(void **state)
{
	(void)state;
	assert_keys("root\\n", "root\n", 5, "root\n");
	assert_keys("a\\r\\t\\e\\\\", "a\r\t\x1b\\", 5, "a\n\t<esc>\\");
	assert_keys("\\x41\\x0a\\x00b", "A\n\0b", 4, "A\nb");
	assert_keys("<Enter><up><F12><lt>", "\r\x1b[A\x1b[24~<", 10,
		    "<Enter><up><F12><lt>");
	assert_keys("<ctrl-c><ctrl-D><alt-x>", "\x03\x04\x1bx", 4,
		    "<ctrl-c><ctrl-D><alt-x>");
	assert_string_equal(keys.no_serial, "");
	assert_keys("a > b", "a > b", 5, "a > b");
	assert_keys("<ctrl-alt-del>x", "x", 1, "<ctrl-alt-del>x");
	assert_string_equal(keys.no_serial, "<ctrl-alt-del>");
}

static void test_wrong_keys(void **state)
{
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{ "", "there is nothing to send" },
		{ "a\\", "\"\\\" is none of \\n \\r \\t \\e \\\\ \\xNN" },
		{ "\\q", "\"\\q\" is none of \\n \\r \\t \\e \\\\ \\xNN" },
		{ "\\x4", "\"\\x4\": \\x needs two hexadecimal digits" },
		{ "\\xg0", "\"\\xg0\": \\x needs two hexadecimal digits" },
		{ "a < b", "\"< b\": a key is <name>, and the character < is <lt>" },
		{ "<>", "\"<>\": a key is <name>, and the character < is <lt>" },
	};
	char *longest = calloc(1, KEYS_MAX + 2);

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(keys_parse(&keys, wrong[i].text, &err), -1);
		assert_string_equal(err.text, wrong[i].why);
	}
	memset(longest, 'a', KEYS_MAX + 1);
	assert_int_equal(keys_parse(&keys, longest, &err), -1);
	longest[KEYS_MAX] = '\0';
	assert_int_equal(keys_parse(&keys, longest, &err), 0);
	free(longest);
}

/* -- test files -- */

static struct test_file file;

static const char *lookup(const char *name)
{
	return strcmp(name, "DIR") == 0 ? "/a b" : NULL;
}

static int parse(const char *text)
{
	const struct bytes bytes = { (const uint8_t *)text, strlen(text) };

	return test_file_parse(&file, "x.test", bytes, lookup, &err);
}

static void assert_words(const char *text, ...)
{
	unsigned n = 1;
	va_list ap;

	if (parse(text))
		fail_msg("%s", err.text);
	assert_string_equal(file.words[0], "test");
	va_start(ap, text);
	for (const char *word; (word = va_arg(ap, const char *)); n++) {
		assert_true(n < file.nr_words);
		assert_string_equal(file.words[n], word);
	}
	va_end(ap);
	assert_int_equal(file.nr_words, n);
	test_file_free(&file);
}

static void test_file_words(void **state)
{
	(void)state;
	assert_words("run:  -k  a\\ b 'c d'\"e\\\"$f\"g ''\n", "-k", "a b", "c de\"$fg",
		     "", NULL);
	assert_words("run: ${DIR}/x \"${DIR}\" '${DIR}' $DIR", "/a b/x", "/a b", "${DIR}",
		     "$DIR", NULL);
	assert_words("run: -p 'x'y\"z\"\nrun: -m 1\n", "-p", "xyz", "-m", "1", NULL);
	assert_words("  expect:\t a: b # c \r\n\n#x\nexpect-end: exit=1",
		     "--expect=a: b # c", "--expect-end=exit=1", NULL);
	assert_words("expect: \"a \"\nreject: \"\"\nsend: \"a\"\n", "--expect=a ",
		     "--reject=", "--send=\"a\"", NULL);
	assert_words("", NULL);
}

static void test_file_lines(void **state)
{
	(void)state;
	assert_int_equal(parse("# one\nrun: a b\n\nexpect: x"), 0);
	assert_int_equal(file.nr_words, 4);
	assert_int_equal(file.lines[1], 2);
	assert_int_equal(file.lines[2], 2);
	assert_int_equal(file.lines[3], 4);
	test_file_free(&file);
}

static void test_file_arch(void **state)
{
	(void)state;
	assert_int_equal(parse("expect: x"), 0);
	assert_true(test_file_suits(&file, "arm64"));
	test_file_free(&file);
	assert_int_equal(parse("arch: x86_64 \t arm64"), 0);
	assert_true(test_file_suits(&file, "arm64"));
	assert_true(test_file_suits(&file, "x86_64"));
	assert_false(test_file_suits(&file, "x86"));
	assert_false(test_file_suits(&file, "riscv64"));
	test_file_free(&file);
}

static void test_wrong_files(void **state)
{
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{ "\nx", "x.test:2: \"x\" is no \"KEY: VALUE\"" },
		{ "run:", "x.test:1: nothing stands after \"run:\"" },
		{ "expect:   \n", "x.test:1: nothing stands after \"expect:\"" },
		{ "Run: x", "x.test:1: \"Run\" is none of run, expect, reject, send, "
			    "expect-end, timeout, arch" },
		{ "run: 'a", "x.test:1: a ' is not closed" },
		{ "run: \"a\\\"", "x.test:1: a \" is not closed" },
		{ "run: ${X", "x.test:1: \"${X\" is no ${NAME}" },
		{ "run: ${}", "x.test:1: \"${}\" is no ${NAME}" },
		{ "run: ${X}", "x.test:1: the environment variable X is not set" },
		{ "arch: a\narch: b", "x.test:2: arch: given twice" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse(wrong[i].text), -1);
		assert_string_equal(err.text, wrong[i].why);
	}
}

static void test_many_words(void **state)
{
	char *text = calloc(1, 3 * TEST_FILE_WORDS + 8);

	(void)state;
	memcpy(text, "run:", 4);
	for (unsigned i = 0; i < TEST_FILE_WORDS; i++)
		memcpy(text + 4 + 2 * i, " a", 2);
	assert_int_equal(parse(text), -1);
	assert_string_equal(err.text, "x.test:1: more than 512 words");
	free(text);
}

/* -- JUnit -- */

static const char *escaped(const char *text, size_t n)
{
	static char to[256];
	FILE *out = fmemopen(to, sizeof(to), "w");

	junit_escape(out, text, n);
	fclose(out);
	return to;
}

#define assert_escaped(text, expected) \
	assert_string_equal(escaped(text, sizeof(text) - 1), expected)

static void test_junit_escape(void **state)
{
	(void)state;
	assert_escaped("a<b>&\"'\n\t", "a&#60;b&#62;&#38;&#34;&#39;&#10;&#9;");
	assert_escaped("\0\x01\x1b", "\\x00\\x01\\x1b");
	assert_escaped("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		       "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_escaped("\xff\xc3", "\\xff\\xc3");
	assert_escaped("\xc0\x80\xe0\x80\x80",
		       "\\xc0\\x80\\xe0\\x80\\x80");       /* overlong */
	assert_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
	assert_escaped("\xef\xbf\xbe\xef\xbf\xbd",
		       "\\xef\\xbf\\xbe\xef\xbf\xbd");              /* U+FFFE */
	assert_escaped("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
}

static void test_junit(void **state)
{
	const struct junit_case cases[] = {
		{ "a/b.test", JUNIT_PASSED, 0.5, "", NULL, 0 },
		{ "c.test", JUNIT_TIMED_OUT, 1, "w<y", "x\n", 2 },
	};
	char text[2048];
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	junit_write(out, cases, 2, 1.25);
	fclose(out);
	assert_string_equal(
		text,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" "
		"time=\"1.250\">\n"
		"  <testsuite name=\"tane\" tests=\"2\" failures=\"1\" errors=\"0\" "
		"skipped=\"0\" time=\"1.250\">\n"
		"    <testcase classname=\"a\" name=\"b.test\" time=\"0.500\">\n"
		"    </testcase>\n"
		"    <testcase classname=\"tane\" name=\"c.test\" time=\"1.000\">\n"
		"      <failure message=\"w&#60;y\" type=\"timeout\">x\n</failure>\n"
		"    </testcase>\n"
		"  </testsuite>\n"
		"</testsuites>\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pattern),
		cmocka_unit_test(test_pattern_from),
		cmocka_unit_test(test_pattern_in_much_text),
		cmocka_unit_test(test_refused_patterns),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_high_control_characters),
		cmocka_unit_test(test_escape_sequences),
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_wrong_keys),
		cmocka_unit_test(test_file_words),
		cmocka_unit_test(test_file_lines),
		cmocka_unit_test(test_file_arch),
		cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_many_words),
		cmocka_unit_test(test_junit_escape),
		cmocka_unit_test(test_junit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
