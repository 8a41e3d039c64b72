/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `tane test` share: test.c, test_run.c, test_suite.c. */
#ifndef TANE_CMD_TEST_H
#define TANE_CMD_TEST_H

#include "core/config.h"
#include "judge/judge.h"
#include "judge/test_file.h"
#include "util/err.h"

/* Exit statuses. Those of timeout(1); and `git bisect run` skips 125. */
#define EXIT_PASSED    0
#define EXIT_FAILED    1
#define EXIT_TIMED_OUT 124
#define EXIT_NOT_RUN   125
#define EXIT_SKIPPED   77 /* as of automake */

#define TEST_MAX_WHY 512

/* One test: a machine, and what is expected of it. */
struct test {
	struct vm_config config;
	struct judge *judge;
	int64_t timeout_ns;
	char timeout[16]; /* as the user wrote it, with a unit */
	bool verbose;
	const char *repeat; /* the command that runs it again */
};

/* The whole command line. */
struct test_options {
	struct test test;
	unsigned jobs;
	const char *junit; /* NULL: none */
	char **paths;      /* files and folders; NULL-terminated, owned */
	unsigned nr_paths;
	const char *given;   /* an option that is not for files; NULL: none */
	bool in_file;        /* it comes from a file: no paths, no jobs */
	struct judge *judge; /* owned */
};

/* test.c: from argv; 0, -1 on an error, 1 if help is wanted. */
int test_parse(int argc, char **argv, struct test_options *options, struct err *err);
void test_options_free(struct test_options *options);

/* What came of a test, for people. */
struct test_result {
	int status;
	int64_t ns;
	char why[TEST_MAX_WHY]; /* empty if it has passed */
};

/* A command of tane as a shell would have to be given it; owned. NULL: no memory. */
char *test_quote(int argc, char *const *argv);

/* test_run.c: run it, and print what came of it to stderr. */
void test_run(struct test *test, struct test_result *result);

/* test_suite.c: run what the files say; the exit status. */
int test_suite(struct test_options *options);

#endif
