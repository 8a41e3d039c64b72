/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is at the other end of a serial port or of a port of the virtio console. All
 * of them come in four kinds, and no kind may hang us: a FIFO without a reader is
 * refused, a pseudo terminal knows whether anybody has it open, and a terminal is not
 * read while it belongs to another job (the console sees to both, see console.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "core/console.h"
#include "core/console_ends.h"

/* A new pseudo terminal; the user is told its name. Our side of it, or -1. */
static int open_pty(const char *port, struct err *err)
{
	struct termios raw;
	char name[64];
	int slave;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (master < 0 || grantpt(master) || unlockpt(master) ||
	    ptsname_r(master, name, sizeof(name))) {
		err_errno(err, "cannot make a pseudo terminal");
		if (master >= 0)
			close(master);
		return -1;
	}
	/*
	 * A line that echoed would send the guest its own output. Set from our side
	 * it holds for all who open the other side.
	 */
	if (tcgetattr(master, &raw) == 0) {
		cfmakeraw(&raw);
		(void)tcsetattr(master, TCSANOW, &raw);
	}
	/* From the first close on, our side can tell whether anybody has it open. */
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0) {
		err_errno(err, "%s", name);
		close(master);
		return -1;
	}
	close(slave);
	fprintf(stderr, "tane: %s is %s\n", port, name);
	return master;
}

/* O_NONBLOCK: a FIFO that nobody reads must not hang us. */
static int open_file(const char *path, struct err *err)
{
	int fd = open(path,
		      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		      0666);

	if (fd < 0 && errno == ENXIO)
		return err_set(err,
			       "\"%s\": nobody reads this FIFO: start its reader first",
			       path);
	if (fd < 0)
		return err_errno(err, "\"%s\"", path);
	return fd;
}

static int open_ends(struct console_ends *ends, enum serial_kind kind, const char *path,
		     const char *name, struct err *err)
{
	switch (kind) {
	case SERIAL_CONSOLE:
		ends->in = STDIN_FILENO;
		ends->out = STDOUT_FILENO;
		if (isatty(ends->in))
			ends->flags = CONSOLE_ESCAPES;
		return 0;
	case SERIAL_PTY:
		ends->in = ends->out = ends->own = open_pty(name, err);
		ends->flags = CONSOLE_PTY;
		return ends->own < 0 ? -1 : 0;
	case SERIAL_FILE:
		ends->out = ends->own = open_file(path, err);
		return ends->own < 0 ? -1 : 0;
	default:
		return 0;
	}
}

int console_ends_open(struct console_ends *ends, enum serial_kind kind, const char *path,
		      const char *name, struct err *err)
{
	*ends = (struct console_ends){ .in = -1, .out = -1, .own = -1 };
	if (open_ends(ends, kind, path, name, err))
		return err_prefix(err, "%s: ", name);
	return 0;
}

void console_ends_close(struct console_ends *ends)
{
	if (ends->own >= 0)
		close(ends->own);
	ends->own = -1;
}
