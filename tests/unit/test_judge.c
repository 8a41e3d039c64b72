/* SPDX-License-Identifier: BSD-2-Clause */
/* The judge: what a guest prints, and the verdict that follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "judge/judge.h"

static struct judge *judge;
static struct err err;
static char sent[4096]; /* "PLACE:TEXT;" for each */
static bool cannot_send;

static int type(void *opaque, const struct keys *keys, enum judge_input input,
		enum judge_place place, struct err *error)
{
	const size_t n = strlen(sent);

	assert_ptr_equal(opaque, &judge);
	if (cannot_send)
		return err_set(error, "no port");
	snprintf(sent + n, sizeof(sent) - n, "%d/%d:%s;", (int)place, (int)input,
		 keys->typed);
	return 0;
}

static int64_t now(void *opaque)
{
	(void)opaque;
	return 1500000000;
}

static const struct judge_ops ops = { .type = type, .now = now };

static int setup(void **state)
{
	(void)state;
	judge = judge_new();
	sent[0] = '\0';
	cannot_send = false;
	return !judge;
}

static int teardown(void **state)
{
	(void)state;
	judge_free(judge);
	return 0;
}

static void expect(const char *text)
{
	assert_int_equal(judge_expect(judge, text, &err), 0);
}

static void reject(const char *text)
{
	assert_int_equal(judge_reject(judge, text, &err), 0);
}

static void send(const char *text)
{
	assert_int_equal(judge_send(judge, text, &err), 0);
}

static void start(void)
{
	judge_start(judge, &ops, &judge);
}

static void print_on(enum judge_place place, const char *text)
{
	judge_feed(judge, place, text, strlen(text));
}

static void print(const char *text)
{
	print_on(JUDGE_COM1, text);
}

static void show(const char *text)
{
	judge_show(judge, text, strlen(text));
}

#define assert_verdict(expected) assert_int_equal(judge->verdict, expected)

static void test_one(void **state)
{
	(void)state;
	expect("Hello [A-Z]+");
	start();
	print("Hello ");
	assert_verdict(JUDGE_UNDECIDED);
	print("K");
	assert_verdict(JUDGE_PASSED);
}

static void test_order(void **state)
{
	(void)state;
	expect("one");
	expect("two");
	start();
	print("two\n");
	print("one\n");
	assert_verdict(JUDGE_UNDECIDED);
	print("two");
	assert_verdict(JUDGE_PASSED);
}

static void test_two_in_a_line(void **state)
{
	(void)state;
	expect("a+");
	expect("a+");
	start();
	print("aa b");
	assert_verdict(JUDGE_UNDECIDED);
	print(" a");
	assert_verdict(JUDGE_PASSED);
}

/* Text that came in earlier, but behind the match, counts: chunks mean nothing. */
static void test_all_at_once(void **state)
{
	(void)state;
	expect("one");
	expect("two");
	expect("^three$");
	start();
	print("one two\nthree\n");
	assert_verdict(JUDGE_PASSED);
}

/* Ports have no order among them. */
static void test_two_ports(void **state)
{
	(void)state;
	expect("one");
	expect("two");
	start();
	print_on(JUDGE_DEBUG, "two\n");
	print("one\n");
	assert_verdict(JUDGE_PASSED);
}

static void test_place(void **state)
{
	(void)state;
	expect("@serial2 yes");
	start();
	print("yes\n");
	print_on(JUDGE_DEBUG, "yes\n");
	show("yes\n");
	assert_verdict(JUDGE_UNDECIDED);
	print_on(JUDGE_COM2, "yes");
	assert_verdict(JUDGE_PASSED);
}

static void test_reject(void **state)
{
	(void)state;
	expect("done");
	reject("panic|oops");
	start();
	print("fine\nkernel oops: 1\ndone\n");
	assert_verdict(JUDGE_FAILED);
	assert_string_equal(judge->why, "\"panic|oops\" appeared on serial port 1: "
					"kernel oops: 1");
}

/* What comes after the last line that was expected does not matter. */
static void test_reject_too_late(void **state)
{
	(void)state;
	expect("done");
	reject("oops");
	start();
	print("done\noops\n");
	assert_verdict(JUDGE_PASSED);
}

static void test_dollar_waits(void **state)
{
	(void)state;
	expect("^# $");
	start();
	print("# ");
	assert_verdict(JUDGE_UNDECIDED);
	judge_quiet(judge, JUDGE_COM2);
	assert_verdict(JUDGE_UNDECIDED);
	judge_quiet(judge, JUDGE_COM1);
	assert_verdict(JUDGE_PASSED);
}

static void test_dollar_is_not_fooled(void **state)
{
	(void)state;
	expect("x$");
	start();
	print("ax");
	print("y");
	judge_quiet(judge, JUDGE_COM1);
	assert_verdict(JUDGE_UNDECIDED);
	print("x\r\n");
	assert_verdict(JUDGE_PASSED);
}

static void test_send_in_turn(void **state)
{
	(void)state;
	send("first<enter>");
	expect("login: ");
	send("root\\n");
	send("@keys x");
	expect("Password");
	start();
	assert_string_equal(sent, "7/0:first<enter>;");
	print_on(JUDGE_COM2, "login: ");
	assert_string_equal(sent, "7/0:first<enter>;1/0:root\n;1/7:x;");
	print("Password");
	assert_verdict(JUDGE_PASSED);
}

static void test_answers(void **state)
{
	(void)state;
	expect("end");
	send("after [$] : a");
	send("after [$] : b");
	send("after \"maybe: \": @serial never");
	start();
	print("$ ");
	assert_string_equal(sent, "0/0:a;");
	print("a\n$ ");
	assert_string_equal(sent, "0/0:a;0/0:b;");
	print("b\n$ ");
	print_on(JUDGE_DEBUG, "maybe: ");
	assert_string_equal(sent, "0/0:a;0/0:b;5/1:never;");
	assert_verdict(JUDGE_UNDECIDED);
}

static void test_cannot_send(void **state)
{
	(void)state;
	cannot_send = true;
	expect("a");
	send("x");
	expect("b");
	start();
	print("a\nb\n");
	assert_verdict(JUDGE_FAILED);
	assert_string_equal(judge->why, "cannot send \"x\": no port");
}

static void test_end(void **state)
{
	(void)state;
	expect("bye");
	assert_int_equal(judge_expect_end(judge, "exit=0x10", &err), 0);
	start();
	print("bye\n");
	assert_verdict(JUDGE_UNDECIDED);
	judge_end(judge, JUDGE_END_EXIT, 16, "exited with 16");
	assert_verdict(JUDGE_PASSED);
}

static void test_other_end(void **state)
{
	(void)state;
	assert_int_equal(judge_expect_end(judge, "exit=16", &err), 0);
	start();
	judge_end(judge, JUDGE_END_EXIT, 17, "exited with 17");
	assert_verdict(JUDGE_FAILED);
	assert_string_equal(judge->why, "the guest was to exit with 16, but it exited "
					"with 17");
}

static void test_end_too_early(void **state)
{
	(void)state;
	expect("one");
	expect("two");
	assert_int_equal(judge_expect_end(judge, "poweroff", &err), 0);
	start();
	print("one");
	judge_end(judge, JUDGE_END_POWEROFF, 0, "powered off");
	assert_verdict(JUDGE_FAILED);
	assert_string_equal(judge->why, "the guest powered off before \"two\" appeared");
}

/* The last line need not have an end. */
static void test_end_completes_lines(void **state)
{
	(void)state;
	expect("bye$");
	start();
	print("bye");
	assert_verdict(JUDGE_UNDECIDED);
	judge_end(judge, JUDGE_END_POWEROFF, 0, "powered off");
	assert_verdict(JUDGE_PASSED);
}

static void test_time_out(void **state)
{
	(void)state;
	expect("x");
	start();
	judge_time_out(judge, "3s");
	assert_verdict(JUDGE_TIMED_OUT);
	assert_string_equal(judge->why, "no \"x\" within 3s");
	print("x");
	assert_verdict(JUDGE_TIMED_OUT);
}

static void test_no_end_in_time(void **state)
{
	(void)state;
	assert_int_equal(judge_expect_end(judge, "reset", &err), 0);
	start();
	judge_time_out(judge, "3s");
	assert_string_equal(judge->why, "the guest was to reset, and did not within 3s");
}

static void test_much_output(void **state)
{
	char line[64];

	(void)state;
	expect("line 99999");
	expect("end");
	start();
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(line, sizeof(line), "line %05u and more\n", i);
		print(line);
	}
	assert_verdict(JUDGE_UNDECIDED);
	print("end");
	assert_verdict(JUDGE_PASSED);
}

/* -- the screen -- */

static void test_screen(void **state)
{
	(void)state;
	expect("@screen ^A   B$");
	start();
	show("A   B   \n\n");
	assert_verdict(JUDGE_UNDECIDED); /* the row may be half written */
	show("A   B   \nC\n");
	assert_verdict(JUDGE_PASSED);
}

static void test_screen_stands_still(void **state)
{
	(void)state;
	expect("B$");
	start();
	show("AB\n");
	judge_quiet(judge, JUDGE_SCREEN);
	assert_verdict(JUDGE_PASSED);
}

/* A prompt ends with a blank, which no screen shows. */
static void test_screen_prompt(void **state)
{
	(void)state;
	expect("^login: $");
	send("x");
	expect("root: $");
	start();
	show("login:   \n");
	assert_verdict(JUDGE_UNDECIDED);
	judge_quiet(judge, JUDGE_SCREEN);
	assert_string_equal(sent, "6/0:x;");
	show("login: root:\n");
	judge_quiet(judge, JUDGE_SCREEN);
	assert_verdict(JUDGE_PASSED);
}

/* The same prompt twice, with a scroll in between. */
static void test_screen_scrolls(void **state)
{
	(void)state;
	expect("boot:");
	send("x");
	expect("boot:");
	send("y");
	expect("boot:");
	start();
	show("hello\nboot:\n\n");
	assert_string_equal(sent, "6/0:x;");
	show("hello\nboot: x\nwrong\n");
	assert_string_equal(sent, "6/0:x;");
	show("boot: x\nwrong\nboot:\n");
	assert_string_equal(sent, "6/0:x;6/0:y;");
	show("wrong\nboot: y\nwrong\n");
	assert_verdict(JUDGE_UNDECIDED);
	/* It was cleared. */
	show("new boot:\n\n\n");
	assert_verdict(JUDGE_PASSED);
}

static void test_screen_in_order(void **state)
{
	(void)state;
	expect("two");
	expect("one");
	start();
	show("one\ntwo\n");
	assert_verdict(JUDGE_UNDECIDED);
	show("one\ntwo one\n");
	assert_verdict(JUDGE_PASSED);
}

static void test_huge_screen(void **state)
{
	const size_t size = 2 * JUDGE_SCREEN_SIZE;
	char *text = malloc(size);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', size);
	memcpy(text + size - 4, "end\n", 4);
	expect("end");
	start();
	judge_show(judge, text, size);
	memset(text, 'x', size);
	judge_show(judge, text, size);
	assert_verdict(JUDGE_UNDECIDED);
	free(text);
}

/* -- what is asked for -- */

#define assert_refused(call, message)                     \
	do {                                              \
		assert_int_equal((call), -1);             \
		assert_string_equal(err.text, (message)); \
	} while (0)

static void test_wrong_specs(void **state)
{
	(void)state;
	assert_refused(judge_expect(judge, "", &err), "\"\": it is empty");
	assert_refused(judge_expect(judge, "(", &err),
		       "\"(\" is no extended regular expression: Unmatched ( or \\(");
	assert_refused(judge_expect(judge, "@com1 x", &err),
		       "\"@com1 x\": @ is followed by serial, serial1 to serial4, hvc0, "
		       "debug or screen, and a blank ([@] is the character)");
	assert_refused(judge_send(judge, "", &err), "there is nothing to send");
	assert_refused(judge_send(judge, "after x", &err),
		       "\"after x\" is not: after PATTERN: TEXT");
	assert_refused(judge_send(judge, "after x: ", &err), "there is nothing to send");
	assert_refused(judge_send(judge, "after (: x", &err),
		       "\"(\" is no extended regular expression: Unmatched ( or \\(");
	assert_refused(judge_send(judge, "@screen x", &err),
		       "\"@screen x\": @ is followed by keys, serial, serial1 to serial4 "
		       "or hvc0, and a blank (\\x40 is the character)");
	assert_refused(judge_expect_end(judge, "exit", &err),
		       "\"exit\" is none of poweroff, reset, crash, exit=N");
	assert_refused(judge_expect_end(judge, "exit=-1", &err),
		       "\"exit=-1\" is none of poweroff, reset, crash, exit=N");
	assert_refused(judge_expect_end(judge, "exit=4294967296", &err),
		       "\"exit=4294967296\" is none of poweroff, reset, crash, exit=N");
	assert_false(judge_has_work(judge));
	for (unsigned i = 0; i < JUDGE_MAX_WATCHES; i++)
		reject("x");
	assert_false(judge_has_work(judge));
	assert_refused(judge_expect(judge, "x", &err),
		       "more than 256 of --expect, --reject and --send");
}

static void test_report(void **state)
{
	char text[4096] = "";
	FILE *file = fmemopen(text, sizeof(text), "w");

	(void)state;
	expect("one");
	send("go\\n");
	expect("two");
	start();
	for (unsigned i = 0; i < 50; i++) {
		char line[32];

		snprintf(line, sizeof(line), "%s %u\n", i ? "line" : "one", i);
		print(line);
	}
	print("\x1b[31mred");
	show("A\n\n\n");
	judge_report(judge, file);
	fclose(file);
	assert_non_null(strstr(text, "  seen       1.500 s  \"one\" on serial port 1\n"
				     "  sent       1.500 s  go\\n\n"
				     "  missing             \"two\"\n"
				     "--- serial port 1\nline 31\n"));
	assert_non_null(strstr(text, "line 49\nred\n--- the screen\nA\n"));
	assert_null(strstr(text, "line 30"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_one),
		TEST(test_order),
		TEST(test_two_in_a_line),
		TEST(test_all_at_once),
		TEST(test_two_ports),
		TEST(test_place),
		TEST(test_reject),
		TEST(test_reject_too_late),
		TEST(test_dollar_waits),
		TEST(test_dollar_is_not_fooled),
		TEST(test_send_in_turn),
		TEST(test_answers),
		TEST(test_cannot_send),
		TEST(test_end),
		TEST(test_other_end),
		TEST(test_end_too_early),
		TEST(test_end_completes_lines),
		TEST(test_time_out),
		TEST(test_no_end_in_time),
		TEST(test_much_output),
		TEST(test_screen),
		TEST(test_screen_stands_still),
		TEST(test_screen_prompt),
		TEST(test_screen_scrolls),
		TEST(test_screen_in_order),
		TEST(test_huge_screen),
		TEST(test_wrong_specs),
		TEST(test_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
