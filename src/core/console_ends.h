/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The far ends of a console: our terminal, a new pseudo terminal, a file, nothing. See
 * console_ends.c.
 */
#ifndef TANE_CORE_CONSOLE_ENDS_H
#define TANE_CORE_CONSOLE_ENDS_H

#include "core/config.h"
#include "util/err.h"

struct console_ends {
	int in, out;    /* for console_init(); -1: none */
	unsigned flags; /* console_flags */
	int own;        /* what we opened, -1: nothing */
};

/*
 * Open what `kind` says; `path` is for SERIAL_FILE. `name` is for people, as in "serial
 * port 1", and is in front of messages. -1 with nothing open on an error.
 */
int console_ends_open(struct console_ends *ends, enum serial_kind kind, const char *path,
		      const char *name, struct err *err);

/* Only after the console that uses them was destroyed. */
void console_ends_close(struct console_ends *ends);

#endif
