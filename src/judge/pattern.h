/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pattern that is looked for in lines of text: a POSIX extended regular expression, as
 * of grep -E. See pattern.c for what is refused, and why.
 */
#ifndef TANE_JUDGE_PATTERN_H
#define TANE_JUDGE_PATTERN_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

struct pattern {
	char *text; /* owned; NULL: there is no pattern */
	regex_t regex;
	size_t searched; /* bytes since it was compiled */
};

int pattern_init(struct pattern *pattern, const char *text, struct err *err);
/* Zeroes are fine. */
void pattern_destroy(struct pattern *pattern);

/*
 * Look for it in line[from..length), a line without its end. If `open`, more of the line
 * may come: $ does not match at its end. *end is where the match ends. A NUL is anywhere
 * behind the line.
 */
bool pattern_find(struct pattern *pattern, const char *line, size_t from, size_t length,
		  bool open, size_t *end);

#endif
