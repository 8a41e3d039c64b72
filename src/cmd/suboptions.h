/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of an option that is a list: "FIRST,KEY=VALUE,KEY,...". See suboptions.c.
 */
#ifndef TANE_CMD_SUBOPTIONS_H
#define TANE_CMD_SUBOPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

enum suboption_kind {
	SUBOPTION_SWITCH, /* KEY, KEY=on, KEY=off -> bool */
	SUBOPTION_TEXT,   /* KEY=TEXT, not empty -> const char * */
	SUBOPTION_NUMBER, /* KEY=N, min to max -> unsigned */
	SUBOPTION_CHOICE, /* KEY=NAME, one of names[] -> unsigned, its index */
	SUBOPTION_OTHER,  /* KEY=TEXT -> parse() */
};

struct suboption {
	const char *key;
	enum suboption_kind kind;
	bool repeatable;          /* parse() takes one after another */
	void *value;              /* where it goes; the type depends on the kind */
	unsigned min, max;        /* NUMBER */
	const char *const *names; /* CHOICE; ends with NULL */
	int (*parse)(const char *text, void *value, struct err *err); /* OTHER */
};

#define SUBOPTIONS_MAX 32

/*
 * Parse `text`, which is changed and then holds the strings. What stands before the first
 * comma goes to *first and must not be empty. A comma in a value is written twice.
 * Messages name the key; the caller puts the option in front.
 */
int suboptions_parse(char *text, const char **first, const struct suboption *table,
		     size_t nr, struct err *err);

/* A whole decimal number from min to max, and nothing else. */
int suboption_number(const char *text, unsigned min, unsigned max, unsigned *value,
		     struct err *err);

/* "a, b or c" of names that end with NULL, for messages. */
const char *suboption_list(const char *const *names, char *to, size_t size);

#endif
