/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that is typed: with \n, \r, \t, \e, \\, \xNN and keys by name, as in
 * "root<enter>"; <lt> is the character <. See keys.c for the names.
 */
#ifndef TANE_JUDGE_KEYS_H
#define TANE_JUDGE_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define KEYS_MAX 1024 /* bytes of either form */

struct keys {
	/* What a terminal would send over a serial line; may hold zeroes. */
	uint8_t serial[KEYS_MAX];
	size_t nr_serial;
	char no_serial[24]; /* a key that no terminal has; empty: there is none */
	/* For a keyboard: backslashes are gone, names stay. */
	char typed[KEYS_MAX + 1];
};

int keys_parse(struct keys *keys, const char *text, struct err *err);

#endif
