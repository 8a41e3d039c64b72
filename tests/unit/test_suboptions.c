/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of KEY=VALUE: what is taken, and what a user is told who mistypes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/suboptions.h"

static struct {
	bool flag;
	const char *text;
	unsigned number, choice;
	char all[64];
} values;
static struct err err;
static char text[128];
static const char *first;

/* Remember each value, one behind the other. */
static int collect(const char *value, void *to, struct err *error)
{
	if (strcmp(value, "bad") == 0)
		return err_set(error, "\"%s\" is bad", value);
	snprintf((char *)to + strlen(to), sizeof(values.all) - strlen(to), "%s;", value);
	return 0;
}

static int parse(const char *list)
{
	static const char *const names[] = { "red", "green", "blue", NULL };
	const struct suboption table[] = {
		{ .key = "flag", .kind = SUBOPTION_SWITCH, .value = &values.flag },
		{ .key = "text", .kind = SUBOPTION_TEXT, .value = &values.text },
		{ .key = "number",
		  .kind = SUBOPTION_NUMBER,
		  .value = &values.number,
		  .min = 2,
		  .max = 4096 },
		{ .key = "choice",
		  .kind = SUBOPTION_CHOICE,
		  .value = &values.choice,
		  .names = names },
		{ .key = "each",
		  .kind = SUBOPTION_OTHER,
		  .repeatable = true,
		  .value = values.all,
		  .parse = collect },
	};

	memset(&values, 0, sizeof(values));
	memset(&err, 0, sizeof(err));
	first = NULL;
	assert_true((size_t)snprintf(text, sizeof(text), "%s", list) < sizeof(text));
	return suboptions_parse(text, &first, table, 5, &err);
}

static void assert_wrong(const char *list, const char *message)
{
	assert_int_equal(parse(list), -1);
	assert_string_equal(err.text, message);
}

static void test_first(void **state)
{
	(void)state;
	assert_int_equal(parse("alone"), 0);
	assert_string_equal(first, "alone");
	/* It may look like a key. */
	assert_int_equal(parse("text=x,flag"), 0);
	assert_string_equal(first, "text=x");
	assert_true(values.flag);
	assert_null(values.text);
	assert_wrong("", "\"\": something is missing in front");
	assert_int_equal(parse(",flag"), -1);
}

static void test_all_kinds(void **state)
{
	(void)state;
	assert_int_equal(parse("f,flag,text=a=b,number=4096,choice=blue,each=1,each=2"),
			 0);
	assert_true(values.flag);
	assert_string_equal(values.text, "a=b");
	assert_int_equal(values.number, 4096);
	assert_int_equal(values.choice, 2);
	assert_string_equal(values.all, "1;2;");
}

static void test_switch(void **state)
{
	(void)state;
	assert_int_equal(parse("f,flag=on"), 0);
	assert_true(values.flag);
	assert_int_equal(parse("f,flag=off"), 0);
	assert_false(values.flag);
	assert_wrong("f,flag=yes", "flag: \"yes\" is neither on nor off");
	assert_wrong("f,flag=", "flag: \"\" is neither on nor off");
}

static void test_commas(void **state)
{
	(void)state;
	assert_int_equal(parse("a,,b,text=c,,,,d,flag"), 0);
	assert_string_equal(first, "a,b");
	assert_string_equal(values.text, "c,,d");
	assert_true(values.flag);
	assert_int_equal(parse("a,,"), 0);
	assert_string_equal(first, "a,");
	/* Three: one that is meant, and then the end of an item. */
	assert_int_equal(parse("a,,,flag"), 0);
	assert_string_equal(first, "a,");
	assert_true(values.flag);
}

static void test_keys(void **state)
{
	(void)state;
	assert_wrong("f,flagg",
		     "\"flagg\" is none of its keys: flag, text, number, choice "
		     "or each");
	assert_wrong("f,fla=on",
		     "\"fla\" is none of its keys: flag, text, number, choice or "
		     "each");
	assert_wrong("f,",
		     "\"\" is none of its keys: flag, text, number, choice or each");
	assert_wrong("f,flag,flag=off", "flag: given twice");
	assert_wrong("f,text=a,text=a", "text: given twice");
}

static void test_missing_values(void **state)
{
	(void)state;
	assert_wrong("f,text", "text: it needs a value");
	assert_wrong("f,text=", "text: it needs a value");
	assert_wrong("f,number", "number: it needs a value");
	assert_wrong("f,choice=", "choice: it needs a value");
	assert_wrong("f,each", "each: it needs a value");
}

static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(parse("f,number=2"), 0);
	assert_int_equal(parse("f,number=0002"), 0);
	assert_int_equal(values.number, 2);
	assert_wrong("f,number=1", "number: 1 is not between 2 and 4096");
	assert_wrong("f,number=4097", "number: 4097 is not between 2 and 4096");
	assert_wrong("f,number=18446744073709551618",
		     "number: 18446744073709551618 is not between 2 and 4096");
	assert_wrong("f,number=4294967298",
		     "number: 4294967298 is not between 2 and 4096");
	assert_wrong("f,number=-3", "number: \"-3\" is not a number");
	assert_wrong("f,number= 3", "number: \" 3\" is not a number");
	assert_wrong("f,number=3k", "number: \"3k\" is not a number");
	assert_wrong("f,number=0x3", "number: \"0x3\" is not a number");
}

static void test_largest_number(void **state)
{
	unsigned value;

	(void)state;
	assert_int_equal(suboption_number("4294967295", 0, ~0u, &value, &err), 0);
	assert_int_equal(value, 4294967295u);
	assert_int_equal(suboption_number("4294967296", 0, ~0u, &value, &err), -1);
}

static void test_choices(void **state)
{
	(void)state;
	assert_wrong("f,choice=pink", "choice: \"pink\" is not red, green or blue");
	assert_wrong("f,choice=re", "choice: \"re\" is not red, green or blue");
}

static void test_own_parser(void **state)
{
	(void)state;
	assert_wrong("f,each=a,each=bad", "each: \"bad\" is bad");
}

static void test_no_keys_at_all(void **state)
{
	(void)state;
	snprintf(text, sizeof(text), "f,x");
	assert_int_equal(suboptions_parse(text, &first, NULL, 0, &err), -1);
	assert_string_equal(err.text, "nothing may follow: \"x\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_commas),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_missing_values),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_largest_number),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_own_parser),
		cmocka_unit_test(test_no_keys_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
