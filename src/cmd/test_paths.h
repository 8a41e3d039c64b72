/* SPDX-License-Identifier: BSD-2-Clause */
/* Which tests there are: files, and the *.test files of folders and of those in them. */
#ifndef TANE_CMD_TEST_PATHS_H
#define TANE_CMD_TEST_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

struct test_paths {
	char **paths; /* each owned */
	size_t nr;
};

/*
 * Those that `words` name: a file is taken as it is, a folder must have some. In the order
 * of the words, and by name in a folder. Hidden folders and links to folders are left out.
 */
int test_paths_find(struct test_paths *found, char *const *words, unsigned nr,
		    struct err *err);
void test_paths_free(struct test_paths *paths);

#endif
