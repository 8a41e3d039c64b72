/* SPDX-License-Identifier: BSD-2-Clause */
/* What a command gets of the process that calls it, and what is told if it does not run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cmd/command_setup.h"

static struct command_setup setup;
static struct vm_config config;

/* Only if nothing else is said: / instead would be another folder to work on. */
static void test_folder_that_is_gone(void **state)
{
	char folder[] = "/tmp/tane-test-command-XXXXXX";
	struct err err = { "" };

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(rmdir(folder), 0);
	config_init(&config);
	config.command.enabled = true;
	config.kernel = "/nonexistent/kernel";
	assert_int_equal(command_set_up(&setup, &config, &err), -1);
	assert_non_null(strstr(err.text, "the current folder (--cwd"));
	command_setup_free(&setup);
	config.command.cwd = "/usr";
	assert_int_equal(command_set_up(&setup, &config, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/kernel"));
	command_setup_free(&setup);
	assert_int_equal(chdir("/"), 0);
}

static void assert_hint(const char *release, const char *modules, const char *expected)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	strcpy(setup.release, release);
	strcpy(setup.modules, modules);
	command_setup_print_hint(&setup, file);
	fclose(file);
	if (expected[0])
		assert_non_null(strstr(text, expected));
	else
		assert_string_equal(text, "");
	free(text);
}

static void test_hint(void **state)
{
	(void)state;
	assert_hint("6.6", "", "in /lib/modules/6.6, or where --modules says\n");
	assert_hint("6.6", "/lib/modules/6.6", "");
	assert_hint("", "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folder_that_is_gone),
		cmocka_unit_test(test_hint),
	};

	return cmocka_run_group_tests_name("command_setup", tests, NULL, NULL);
}
