/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A test in a file, NAME.test: another way to write a command line of `tane test`. See
 * test_file.c for the format.
 */
#ifndef TANE_JUDGE_TEST_FILE_H
#define TANE_JUDGE_TEST_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/bytes.h"
#include "util/err.h"

#define TEST_FILE_SIZE  65536u
#define TEST_FILE_WORDS 512u

struct test_file {
	/* As argv; words[0] is "test". Each points to memory of its own. */
	char *words[TEST_FILE_WORDS + 1];
	unsigned lines[TEST_FILE_WORDS + 1]; /* where it stands */
	unsigned nr_words;
	char *arch; /* the architectures that it is for, with blanks between; NULL: all */
};

/*
 * Parse what the file `path` holds. lookup() tells of environment variables, NULL: not
 * set. On an error the message begins with "PATH:LINE: ", and nothing is left to free.
 */
int test_file_parse(struct test_file *file, const char *path, struct bytes text,
		    const char *(*lookup)(const char *name), struct err *err);
void test_file_free(struct test_file *file);

/* Is it for `arch`? */
bool test_file_suits(const struct test_file *file, const char *arch);

#endif
