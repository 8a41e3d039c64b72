/* SPDX-License-Identifier: BSD-2-Clause */
/* /tane/config of the guest (guest/init.h), made of the configuration and the caller. */
#ifndef TANE_CMD_COMMAND_RECORD_H
#define TANE_CMD_COMMAND_RECORD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/config.h"
#include "util/err.h"

/* What a descriptor of the command is. */
enum caller_end {
	CALLER_NULL, /* it is closed, or /dev/null */
	CALLER_PIPE, /* anything that has bytes and is no terminal */
	CALLER_TTY,
	CALLER_STDOUT, /* of stderr: the very same as stdout */
};

/* What a command gets from the process that calls it. */
struct caller {
	enum caller_end streams[3];
	uint16_t rows, cols; /* of the terminal; 0: none */
	uid_t uid;
	gid_t gid;
	mode_t umask;
	gid_t groups[NGROUPS_MAX];
	unsigned nr_groups;
	char cwd[PATH_MAX];
	char *const *environ;
};

/* Records "key=value", each with its NUL. Zeroes to begin with; owned. */
struct record {
	char *data;
	size_t used, size;
};

int record_build(struct record *record, const struct vm_config *config,
		 const struct caller *caller, struct err *err);
void record_free(struct record *record);

#endif
