/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --display text: the screen of the machine in our terminal, and the terminal's keys at
 * the machine's keyboard. All of it is the main thread's; see display.c.
 */
#ifndef TANE_CMD_DISPLAY_H
#define TANE_CMD_DISPLAY_H

#include "cmd/painter.h"
#include "cmd/terminal_keys.h"
#include "core/loop.h"
#include "core/vm.h"

#define DISPLAY_NOTICE_SIZE 160

struct display {
	struct vm *vm;
	struct loop *loop;
	bool is_shown; /* the terminal is raw and ours */
	bool told_keys;

	struct loop_timer frame;
	struct painter painter;
	char notice[DISPLAY_NOTICE_SIZE];
	int64_t notice_until_ns;
	size_t messages_seen; /* bytes of what was said on the standard error */
	int out;
	char *bytes; /* for the terminal, that it has not yet taken */
	size_t size, at;

	struct loop_source in;
	bool is_watched;
	bool escaped; /* the last key was Ctrl-a */
	struct terminal_keys keys;
	struct loop_timer lone_escape; /* what follows Escape would be here by now */
};

/* Is there a terminal that can show it? An error says what to do. */
int display_check(struct err *err);

/* Zeroes before; destroy takes them as well, and whatever an error left. */
int display_init(struct display *display, struct vm *vm, struct err *err);
void display_destroy(struct display *display);

/* The terminal is raw and ours: show the screen there. Harmless when repeated. */
void display_show(struct display *display);
/* It is not, or not for long; terminal_restore() gives it back. */
void display_hide(struct display *display);

#endif
