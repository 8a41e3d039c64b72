/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a host's KVM runs stock kernels, by /proc/cpuinfo and the module kvm_pvm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/x86_64/host.h"

#define NO_MODULE "/nonexistent/kvm_pvm"

static char path[] = "/tmp/tane-cpuinfo-XXXXXX";

/* What is said of a host with this /proc/cpuinfo. */
static const char *why(const char *cpuinfo, const char *module)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(cpuinfo, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return host_why_unfit(path, module);
}

static void test_flags(void **state)
{
	(void)state;
	assert_null(why("processor\t: 0\nflags\t\t: fpu vmx ssse3\nbugs\t\t: x\n",
			NO_MODULE));
	assert_null(why("flags\t\t: fpu svm\n", NO_MODULE));
	assert_null(why("flags\t\t: svm fpu", NO_MODULE));
	assert_null(why("flags\t\t: fpu svm", NO_MODULE));
	assert_non_null(why("flags\t\t: fpu ssse3\n", NO_MODULE));
	/* Parts of other words, and other lines. */
	assert_non_null(
		why("flags\t\t: fpu svm_lock xsvm\nvmx flags\t: vmx svm\n", NO_MODULE));
	assert_non_null(why("model name\t: svm vmx\nflags\t\t: fpu\n", NO_MODULE));
}

static void test_module(void **state)
{
	(void)state;
	assert_non_null(why("flags\t\t: fpu vmx\n", "/tmp"));
	assert_null(why("flags\t\t: fpu vmx\n", NO_MODULE));
}

static void test_nothing_is_known(void **state)
{
	(void)state;
	assert_null(host_why_unfit("/nonexistent/cpuinfo", NO_MODULE));
	assert_null(why("", NO_MODULE));
	assert_null(why("processor\t: 0\n", NO_MODULE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_module),
		cmocka_unit_test(test_nothing_is_known),
	};
	int fd = mkstemp(path);
	int failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
