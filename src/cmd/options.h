/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `tane run`: from argv to a struct vm_config. */
#ifndef TANE_CMD_OPTIONS_H
#define TANE_CMD_OPTIONS_H

#include <getopt.h>
#include <stdio.h>

#include "core/config.h"
#include "util/err.h"

enum options_result {
	OPTIONS_RUN,
	OPTIONS_HELP,  /* the user asked for help */
	OPTIONS_ERROR, /* *err tells */
};

/* Parse argv (argv[0] is the command's name). The config's strings point into argv. */
enum options_result options_parse(int argc, char **argv, struct vm_config *config,
				  struct err *err);

/* The options of a command that takes those of `tane run` too. */
struct options_more {
	const struct option
		*options; /* at most 32, and an empty one; values from 512 on */
	const char *letters;
	bool stops; /* the first word that is no option ends them; else apply() gets it */
	/* 1: it is not one of these. Option 1 is a word that is none. */
	int (*apply)(void *opaque, int option, char *value, struct err *err);
	void *opaque;
};

/* As options_parse(), without options_check(). */
enum options_result options_parse_more(int argc, char **argv, struct vm_config *config,
				       const struct options_more *more, struct err *err);

/* What is taken for granted, and whether the whole makes sense. */
int options_check(struct vm_config *config, struct err *err);

/* Which word of argv the last error is about, more or less. */
int options_position(void);

void options_print_help(FILE *out);

/* A size: digits and one of B K M G T (either case); without a letter, MiB. */
int options_parse_size(const char *text, uint64_t *bytes, struct err *err);

/*
 * What is at the other end of a port: null, pty, file:PATH, or a PATH with a slash in it
 * (so that a word that was meant otherwise does not make a file). *path is set for files
 * only, and points into `text`. -1, with no message: none of these.
 */
int options_parse_end(const char *text, enum serial_kind *kind, const char **path);

#endif
