/* SPDX-License-Identifier: BSD-2-Clause */
/* Results of tests as JUnit XML, which CI systems read. */
#ifndef TANE_JUDGE_JUNIT_H
#define TANE_JUDGE_JUNIT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum junit_result {
	JUNIT_PASSED,
	JUNIT_FAILED,
	JUNIT_TIMED_OUT,
	JUNIT_ERROR, /* it could not be run */
	JUNIT_SKIPPED,
};

struct junit_case {
	const char *name; /* the path of its file */
	enum junit_result result;
	double seconds;
	const char *message; /* in a line; NULL if it has passed */
	const char *output;  /* all that it has printed, any bytes */
	size_t nr_output;
};

void junit_write(FILE *out, const struct junit_case *cases, size_t nr, double seconds);

/* How many of `n` bytes, of which there is one, are a character of XML; 0: none. */
size_t junit_character(const uint8_t *p, size_t n);

/* Bytes as text of XML 1.0: what it has no place for is shown as \xNN. */
void junit_escape(FILE *out, const char *text, size_t n);

#endif
