/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command that a guest runs, as its VM sees it: the control port between us and the
 * guest's init (guest/init.h), and the last that the kernel has said on COM1. All on the
 * main thread. See command.c.
 */
#ifndef TANE_VMM_COMMAND_H
#define TANE_VMM_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/console.h"
#include "core/vm.h"
#include "guest/init.h"

#define COMMAND_LOG_SIZE     16384u
#define COMMAND_MAX_WARNINGS 16u

struct command_ops {
	void (*started)(void *opaque); /* the command runs */
	void (*stopped)(void *opaque); /* a signal stopped it */
	void (*exited)(void *opaque, uint8_t status);
};

struct command {
	const struct command_ops *ops;
	void *opaque;
	bool verbose; /* what the kernel prints goes to our stderr at once */
	bool in_line; /* verbose: behind the beginning of one */

	struct console *control; /* NULL: not attached */
	struct console_tap control_tap, kernel_tap;

	/* What we have heard. */
	char line[INIT_LINE_MAX];
	size_t line_used; /* INIT_LINE_MAX: it is too long, and dropped */
	bool is_started, has_exited;
	uint8_t status;            /* has_exited */
	char error[INIT_LINE_MAX]; /* printable; empty: none */
	unsigned warnings;

	/* What we are to say. */
	bool size_is_new;
	uint16_t rows, cols;
	uint32_t signals; /* bits: 1 << number */

	char log[COMMAND_LOG_SIZE];
	uint64_t logged; /* bytes, of which the last are in `log` */
};

void command_init(struct command *command, bool verbose, const struct command_ops *ops,
		  void *opaque);

/* Listen at the VM's ports. After vm_create(), before vm_run(). */
void command_attach(struct command *command, struct vm *vm);

/* The terminal has this size now. */
void command_resize(struct command *command, uint16_t cols, uint16_t rows);
/* Send the command a signal, 1 to 31. */
void command_signal(struct command *command, int number);

/* Print what the kernel has said last, unless the init has told why nothing runs. */
void command_print_log(const struct command *command, FILE *out);

/* Bytes from the guest's control port, and the next for it: for tests. */
void command_hear(struct command *command, const uint8_t *data, size_t n);
size_t command_say(struct command *command, char *to, size_t size);

#endif
