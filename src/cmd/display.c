/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen in a terminal.
 *
 * Thirty times a second the screen is looked at, which costs a copy of 32 KiB, and what
 * has changed is painted (painter.c). The terminal gets it without blocking us: bytes
 * that it does not take wait, and no new picture is made before they are gone, so a slow
 * terminal shows fewer of them.
 *
 * Keys are decoded (terminal_keys.c) and typed on the machine's keyboard. Ctrl-a is ours,
 * as on a serial console. What we have to say goes into the last row of the terminal,
 * over the screen, for some seconds; what is said on the standard error meanwhile too,
 * and the user finds it there when the terminal is given back (terminal.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "cmd/display.h"
#include "cmd/terminal.h"
#include "util/fd.h"

#define FRAME_NS       33333333
#define NOTICE_NS      5000000000ll
#define LONE_ESCAPE_NS 50000000
#define ESCAPE_KEY     0x01 /* Ctrl-a */

#define HELP "Ctrl-a x ends, Ctrl-a d types Ctrl-Alt-Del, Ctrl-a Ctrl-a types Ctrl-a"

int display_check(struct err *err)
{
	static const char *const names[] = { "input", "output" };

	for (int fd = 0; fd < 2; fd++) {
		if (!isatty(fd))
			return err_set(err,
				       "--display text: the standard %s is no terminal "
				       "(--screen-dump FILE needs none)",
				       names[fd]);
	}
	return 0;
}

static void set_notice(struct display *display, const char *text)
{
	snprintf(display->notice, sizeof(display->notice), " %.*s",
		 DISPLAY_NOTICE_SIZE - 2, text);
	display->notice_until_ns = loop_now() + NOTICE_NS;
}

static void clear_notice(struct display *display)
{
	display->notice[0] = '\0';
}

/* The last line that was said on the standard error since we looked. */
static void notice_messages(struct display *display)
{
	char line[DISPLAY_NOTICE_SIZE];

	if (terminal_last_message(&display->messages_seen, line, sizeof(line)))
		set_notice(display, line);
	if (display->notice[0] && loop_now() > display->notice_until_ns)
		clear_notice(display);
}

/* Where the terminal does not tell its size, it is what terminals always had. */
static void look_at_size(struct display *display)
{
	uint16_t cols = 80, rows = 24;

	(void)terminal_size(STDOUT_FILENO, &cols, &rows);
	if (cols != display->painter.cols || rows != display->painter.rows)
		painter_init(&display->painter, cols, rows);
}

/* Is all of it out? */
static bool write_bytes(struct display *display)
{
	while (display->at < display->size) {
		const size_t left = display->size - display->at;
		const ssize_t n = fd_try_write(display->out, display->bytes + display->at,
					       left < PIPE_BUF ? left : PIPE_BUF);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			display->at = display->size; /* a hangup; SIGHUP tells */
		if (n < 0)
			break;
		display->at += (size_t)n;
	}
	return display->at == display->size;
}

static void forget_bytes(struct display *display)
{
	free(display->bytes);
	display->bytes = NULL;
	display->size = display->at = 0;
}

static void paint(struct display *display)
{
	struct text_screen screen = { 0 };
	FILE *out;

	forget_bytes(display);
	out = open_memstream(&display->bytes, &display->size);
	if (!out)
		return;
	(void)machine_screen(display->vm, &screen);
	painter_paint(&display->painter, &screen,
		      display->notice[0] ? display->notice : NULL, out);
	if (fclose(out)) { /* no memory: begin anew next time */
		forget_bytes(display);
		display->painter.is_known = false;
	}
}

static void on_frame(void *opaque)
{
	struct display *display = opaque;

	if (!display->is_shown)
		return;
	if (write_bytes(display)) {
		look_at_size(display);
		notice_messages(display);
		paint(display);
		(void)write_bytes(display);
	}
	loop_timer_arm(&display->frame, loop_now() + FRAME_NS);
}

static void on_key(void *opaque, const char *name)
{
	struct display *display = opaque;
	struct err err;

	if (machine_send_keys(display->vm, name, &err))
		set_notice(display, err.text);
}

static void on_lone_escape(void *opaque)
{
	struct display *display = opaque;

	terminal_keys_flush(&display->keys);
}

/* The key after Ctrl-a. */
static void on_escaped(struct display *display, uint8_t key)
{
	switch (key) {
	case 'x':
		vm_end(display->vm, VM_KILLED, 0, NULL);
		break;
	case 'd':
		on_key(display, "<ctrl-alt-del>");
		break;
	case 'h':
	case '?':
		set_notice(display, HELP);
		break;
	case ESCAPE_KEY:
		terminal_keys_decode(&display->keys, &key, 1);
		break;
	default:
		break;
	}
}

static void on_bytes(struct display *display, const uint8_t *bytes, size_t n)
{
	clear_notice(display);
	for (size_t i = 0; i < n; i++) {
		if (display->escaped) {
			display->escaped = false;
			on_escaped(display, bytes[i]);
		} else if (bytes[i] == ESCAPE_KEY) {
			display->escaped = true;
		} else {
			terminal_keys_decode(&display->keys, bytes + i, 1);
		}
	}
	if (terminal_keys_waits(&display->keys))
		loop_timer_arm(&display->lone_escape, loop_now() + LONE_ESCAPE_NS);
}

static void watch_input(struct display *display, bool watch)
{
	struct err ignored;

	if (watch == display->is_watched)
		return;
	if (watch && loop_add(display->loop, &display->in, EPOLLIN, &ignored))
		return;
	if (!watch)
		loop_remove(display->loop, &display->in);
	display->is_watched = watch;
}

static void on_input(void *opaque, uint32_t epoll_events)
{
	struct display *display = opaque;
	uint8_t bytes[256];
	const ssize_t n = fd_try_read(display->in.fd, bytes, sizeof(bytes));

	(void)epoll_events;
	if (n > 0)
		on_bytes(display, bytes, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		watch_input(display, false);
}

int display_init(struct display *display, struct vm *vm, struct err *err)
{
	memset(display, 0, sizeof(*display));
	display->frame.source.fd = display->lone_escape.source.fd = -1;
	display->out = -1;
	display->vm = vm;
	display->loop = vm->loop;
	display->in =
		(struct loop_source){ .fd = -1, .ready = on_input, .opaque = display };
	display->keys.key = on_key;
	display->keys.opaque = display;
	display->in.fd = fd_reopen_nonblocking(STDIN_FILENO, O_RDONLY, err);
	if (display->in.fd < 0)
		return err_prefix(err, "--display text: ");
	display->out = fd_reopen_nonblocking(STDOUT_FILENO, O_WRONLY, err);
	if (display->out < 0 ||
	    loop_timer_init(&display->frame, display->loop, on_frame, display, err) ||
	    loop_timer_init(&display->lone_escape, display->loop, on_lone_escape, display,
			    err))
		return err_prefix(err, "--display text: ");
	return 0;
}

void display_show(struct display *display)
{
	if (display->is_shown)
		return;
	terminal_enter_screen();
	display->is_shown = true;
	display->messages_seen = 0;
	painter_init(&display->painter, 0, 0);
	if (!display->told_keys)
		set_notice(display, "Ctrl-a x ends, Ctrl-a h helps");
	display->told_keys = true;
	watch_input(display, true);
	loop_timer_arm(&display->frame, loop_now());
}

void display_hide(struct display *display)
{
	if (!display->is_shown)
		return;
	display->is_shown = false;
	watch_input(display, false);
	forget_bytes(display);
}

void display_destroy(struct display *display)
{
	if (!display->vm)
		return;
	display_hide(display);
	loop_timer_destroy(&display->frame, display->loop);
	loop_timer_destroy(&display->lone_escape, display->loop);
	if (display->in.fd >= 0)
		close(display->in.fd);
	if (display->out >= 0)
		close(display->out);
}
