/* SPDX-License-Identifier: BSD-2-Clause */
/* What other programs say of a device tree, where they are: dtc, and dt-validate. */
#ifndef TANE_TESTS_DTB_CHECK_H
#define TANE_TESTS_DTB_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `command` with the tree's file as its last argument prints nothing. */
static inline void assert_content(const char *program, const char *command,
				  const void *tree, size_t size)
{
	char path[] = "/tmp/tane-test-XXXXXX.dtb", text[512], said[1024] = "";
	FILE *out;
	int fd;

	snprintf(text, sizeof(text), "command -v %s >/dev/null", program);
	if (system(text) != 0)
		return;
	fd = mkstemps(path, (int)strlen(".dtb"));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, tree, size), size);
	close(fd);
	snprintf(text, sizeof(text), command, path);
	out = popen(text, "r");
	assert_non_null(out);
	said[fread(said, 1, sizeof(said) - 1, out)] = '\0';
	pclose(out);
	unlink(path);
	assert_string_equal(said, "");
}

static inline void assert_dtc_is_content(const void *tree, size_t size)
{
	assert_content("dtc", "dtc -I dtb -O dts -o /dev/null %s 2>&1", tree, size);
}

/* Against the core schemas. Those of Debian 12 do not know the list of ISA extensions. */
static inline void assert_schemas_are_content(const void *tree, size_t size)
{
	assert_content("dt-validate",
		       "dt-validate %s 2>&1 | grep -v -e riscv,isa-extensions "
		       "-e 'From schema'",
		       tree, size);
}

#endif
