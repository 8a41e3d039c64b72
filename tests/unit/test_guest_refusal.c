/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest's init says of a command that does not run, and with which status. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "guest/init.h"
#include "guest/init/refusal.h"

static void test_texts(void **state)
{
	static const struct {
		struct refusal refusal;
		const char *subject, *text;
		int status;
	} cases[] = {
		{ { FIND_USER, 0 }, "me", "--user \"me\": there is no such user", 125 },
		{ { ENTER_FOLDER, ENOENT },
		  "/nope",
		  "--cwd \"/nope\": No such file or directory",
		  125 },
		{ { EXECUTE, ENOENT }, "nope", "command \"nope\": not found", 127 },
		{ { EXECUTE, ENOENT },
		  "./x",
		  "command \"./x\": No such file or directory",
		  127 },
		{ { EXECUTE, EACCES }, "./x", "command \"./x\": Permission denied", 126 },
		{ { EXECUTE, EACCES }, "x", "command \"x\": Permission denied", 126 },
		{ { EXECUTE, ENOENT }, "", "command \"\": not found", 127 },
	};
	char text[INIT_LINE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(refusal_describe(&cases[i].refusal, cases[i].subject,
						  text, sizeof(text)),
				 cases[i].status);
		assert_string_equal(text, cases[i].text);
	}
}

/* A name as long as one can be does not hide what is wrong with it. */
static void test_long_subject(void **state)
{
	static const struct refusal refusal = { ENTER_FOLDER, ENAMETOOLONG };
	char subject[5000], text[INIT_LINE_MAX];

	(void)state;
	memset(subject, 'x', sizeof(subject));
	subject[sizeof(subject) - 1] = '\0';
	refusal_describe(&refusal, subject, text, sizeof(text));
	assert_non_null(strstr(text, "xxx...\": File name too long"));
	assert_true(strlen(INIT_SAY_ERROR " \n") + strlen(text) < INIT_LINE_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_long_subject),
	};

	return cmocka_run_group_tests_name("guest_refusal", tests, NULL, NULL);
}
