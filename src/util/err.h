/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors travel up with a message.
 *
 * A function that can fail takes a `struct err *` as its last argument and
 * returns -1 (or NULL) after it filled it. Each floor may put its own context
 * in front ("kernel "x": ..."); only main() prints the text and ends the
 * process. A message names the thing, what is wrong and what to do about it.
 * It carries no final newline and no "tane:" prefix.
 */
#ifndef TANE_UTIL_ERR_H
#define TANE_UTIL_ERR_H

struct err {
	char text[512];
};

/* Set the message. Always returns -1, so that `return err_set(...)` reads well. */
int err_set(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As err_set(), followed by ": " and the text of errno. */
int err_errno(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Put context in front of the message that is there already. Always returns -1. */
int err_prefix(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
