/* SPDX-License-Identifier: BSD-2-Clause */
/* The control port of a command: what is heard of a guest, and what it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/command.h"

static struct command command;
static unsigned starts, stops, exits;

static void on_started(void *opaque)
{
	assert_ptr_equal(opaque, &command);
	starts++;
}

static void on_stopped(void *opaque)
{
	(void)opaque;
	stops++;
}

static void on_exited(void *opaque, uint8_t status)
{
	(void)opaque;
	assert_int_equal(status, command.status);
	exits++;
}

static const struct command_ops ops = { on_started, on_stopped, on_exited };

static int setup(void **state)
{
	(void)state;
	starts = stops = exits = 0;
	command_init(&command, false, &ops, &command);
	return 0;
}

static void hear(const char *text)
{
	command_hear(&command, (const uint8_t *)text, strlen(text));
}

static void test_life(void **state)
{
	(void)state;
	hear("ready\nstar");
	assert_int_equal(starts, 0);
	hear("ted\nstopped\ncontinued\nstopped\n");
	assert_int_equal(starts, 1);
	assert_int_equal(stops, 2);
	hear("exit 42\n");
	assert_int_equal(exits, 1);
	assert_true(command.has_exited);
	assert_int_equal(command.status, 42);
	/* It has said all. */
	hear("exit 0\nstopped\nerror late\n");
	assert_int_equal(exits, 1);
	assert_int_equal(stops, 2);
	assert_int_equal(command.status, 42);
	assert_string_equal(command.error, "");
}

/* Whatever is not said exactly so is not said. */
static void test_nonsense(void **state)
{
	static const char *const lines[] = {
		"exit",      "exit ",       "exit 256", "exit -1",  "exit 1 ",
		"exit 007",  "exit 1x",     "exit 0x1", "exit  1",  "exit1",
		" exit 1",   "EXIT 1",      "exit 1\r", "exit 999", "exit 4294967296",
		"started ",  "started 1",   " started", "start",    "stopped",
		"continued", "startedexit", "signal 9", "",         "\x01\x02\xff",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		hear(lines[i]);
		hear("\n");
	}
	command_hear(&command, (const uint8_t *)"exit 1\0\n", 8);
	command_hear(&command, (const uint8_t *)"\0exit 1\n", 8);
	assert_int_equal(starts + stops + exits, 0);
	hear("started\nstarted\n");
	assert_int_equal(starts, 1);
}

static void test_long_lines(void **state)
{
	char line[INIT_LINE_MAX + 1];

	(void)state;
	/* The longest that is heard has INIT_LINE_MAX bytes with its end. */
	memset(line, 'x', sizeof(line));
	memcpy(line, "error ", 6);
	line[INIT_LINE_MAX - 1] = '\0';
	hear(line);
	hear("\n");
	assert_int_equal(strlen(command.error), INIT_LINE_MAX - 7);
	setup(state);
	line[INIT_LINE_MAX - 1] = 'x';
	line[INIT_LINE_MAX] = '\0';
	hear(line);
	hear("\n");
	assert_string_equal(command.error, "");
	/* Without an end it costs nothing, and its rest is no line of its own. */
	for (unsigned i = 0; i < 10000; i++)
		hear("exit 7 exit 7 exit 7 ");
	hear("exit 7\n");
	assert_int_equal(exits, 0);
	hear("exit 7\n");
	assert_int_equal(exits, 1);
}

static void check_error(const char *said, const char *printed)
{
	void *nothing = NULL;

	setup(&nothing);
	hear("error ");
	hear(said);
	hear("\n");
	assert_string_equal(command.error, printed);
}

/* A terminal is not the guest's to play with. */
static void test_errors_are_printable(void **state)
{
	(void)state;
	check_error("no such file", "no such file");
	check_error("\x1b]0;title\x07", "?]0;title?");
	check_error("b\xc3\xa4r", "b\xc3\xa4r");
	check_error("\xc2\x9b"
		    "1m",
		    "??1m");
	check_error("\x9b"
		    "1m",
		    "?1m");
	/* Of two to four bytes, and none in another form than the shortest. */
	check_error("\xe2\x82\xac \xf0\x9f\x8c\xb1", "\xe2\x82\xac \xf0\x9f\x8c\xb1");
	check_error("\xe0\x82\x9b;", "???;");
	check_error("\xc1\x9b;", "??;");
	check_error("\xf0\x80\x82\x9b;", "????;");
	check_error("\xed\xa0\x80;", "???;");
	check_error("\xf4\x90\x80\x80\xff;", "?????;");
	check_error("\xc3\x28\x9b \xe2\x82", "?(? ??");
	check_error("\xe2\x80\xae txt.exe", "??? txt.exe");
	check_error("\xe2\x81\xa6;", "???;");
	check_error("a\rb\tc\x7f", "a?b?c?");
	/* The first one tells why. */
	hear("error another\n");
	assert_string_equal(command.error, "a?b?c?");
}

static void assert_says(const char *text)
{
	char line[INIT_LINE_MAX];
	const size_t n = command_say(&command, line, sizeof(line));

	assert_int_equal(n, strlen(text));
	assert_memory_equal(line, text, n);
}

/* However often it is told, a guest that does not listen costs nothing. */
static void test_what_it_is_told(void **state)
{
	(void)state;
	assert_says("");
	for (unsigned i = 0; i < 1000; i++) {
		command_resize(&command, (uint16_t)(80 + i % 2), 25);
		command_signal(&command, 15);
		command_signal(&command, 2);
	}
	command_signal(&command, 0);
	command_signal(&command, 32);
	command_signal(&command, -1);
	assert_says("size 25 81\n");
	assert_says("signal 2\n");
	assert_says("signal 15\n");
	assert_says("");
	command_resize(&command, 81, 25);
	assert_says("");
	command_resize(&command, 132, 50);
	assert_says("size 50 132\n");
}

static char *printed_log(void)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	command_print_log(&command, file);
	fclose(file);
	return text;
}

static void say_as_kernel(const char *text)
{
	command.kernel_tap.output(&command, (const uint8_t *)text, strlen(text));
}

static void test_kernel_log(void **state)
{
	char *text = printed_log();
	char line[64];

	(void)state;
	assert_string_equal(text, "");
	free(text);
	say_as_kernel("Kernel panic\r\n\x1b[2J\rend");
	text = printed_log();
	assert_string_equal(text, "tane: the last that the guest's kernel has said:\n"
				  "| Kernel panic\n| ?[2Jend\n");
	free(text);
	/* Of a flood the end. */
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), "line %u\n", i);
		say_as_kernel(line);
	}
	text = printed_log();
	assert_true(strlen(text) < 2 * COMMAND_LOG_SIZE);
	assert_non_null(strstr(text, "\n| line 4998\n| line 4999\n"));
	assert_null(strstr(text, "Kernel panic"));
	free(text);
}

/* Of what the init has told the kernel knows nothing; of a death later on it may. */
static void test_kernel_log_of_what_is_told(void **state)
{
	char *text;

	(void)state;
	say_as_kernel("Run /init as init process\n");
	hear("error the kernel has no 9P\n");
	text = printed_log();
	assert_string_equal(text, "");
	free(text);
	setup(state);
	hear("started\nerror of nobody\n");
	say_as_kernel("Kernel panic\n");
	text = printed_log();
	assert_non_null(strstr(text, "| Kernel panic\n"));
	free(text);
}

/* Nobody reads what it says: the guest and its signals are served nevertheless. */
static void test_verbose_waits_for_nobody(void **state)
{
	static char text[4096];
	const int old = dup(STDERR_FILENO);
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	command_init(&command, true, &ops, &command);
	say_as_kernel("one\r\n");
	for (unsigned i = 0; i < 100; i++) {
		memset(text, 'x', sizeof(text) - 1);
		say_as_kernel(text);
	}
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	assert_true(read(ends[0], text, sizeof(text)) > 8);
	assert_memory_equal(text, "| one\n| xxx", 11);
	close(old);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_life, setup),
		cmocka_unit_test_setup(test_nonsense, setup),
		cmocka_unit_test_setup(test_long_lines, setup),
		cmocka_unit_test_setup(test_errors_are_printable, setup),
		cmocka_unit_test_setup(test_what_it_is_told, setup),
		cmocka_unit_test_setup(test_kernel_log, setup),
		cmocka_unit_test_setup(test_kernel_log_of_what_is_told, setup),
		cmocka_unit_test_setup(test_verbose_waits_for_nobody, setup),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
