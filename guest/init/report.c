/* SPDX-License-Identifier: BSD-2-Clause */
/* What the init says: to the host by the control port, and in the kernel's log. */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "private.h"

#define SEND_MS 5000

#define LOG_PREFIX "<2>tane: init: " /* a kernel that is `quiet` prints it */

/* One line in `to`, with a '\n' at its end, whatever the text has in it. Its length. */
static size_t make_line(char to[INIT_LINE_MAX], const char *prefix, const char *fmt,
			va_list args)
{
	size_t n = (size_t)snprintf(to, INIT_LINE_MAX - 1, "%s", prefix);

	vsnprintf(to + n, INIT_LINE_MAX - 1 - n, fmt, args);
	for (n = 0; to[n]; n++) {
		if (iscntrl((unsigned char)to[n]))
			to[n] = ' ';
	}
	to[n++] = '\n';
	return n;
}

/*
 * The port does not block. It takes nothing before the host has connected it and when it has
 * hung up, which is not to be told apart, nor to be waited for: so we look again for a while.
 */
static bool send(int port, const char *line, size_t size)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	const int64_t deadline = now_ms() + SEND_MS;
	struct pollfd poll_fd = { .fd = port, .events = POLLOUT };

	while (write(port, line, size) < 0) {
		if (now_ms() >= deadline)
			return false;
		if (poll(&poll_fd, 1, SEND_MS) > 0 && !(poll_fd.revents & POLLOUT))
			nanosleep(&moment, NULL);
	}
	return true;
}

/* To a host that does not listen nothing more is said. */
static void tell(struct init *init, const char *line, size_t size)
{
	if (!init->deaf)
		init->deaf = !send(init->control, line, size);
}

void say(struct init *init, const char *fmt, ...)
{
	char line[INIT_LINE_MAX];
	va_list args;

	va_start(args, fmt);
	tell(init, line, make_line(line, "", fmt, args));
	va_end(args);
}

static void report(struct init *init, const char *word, const char *fmt, va_list args)
{
	const int error = errno; /* for a %m, twice */
	char line[INIT_LINE_MAX];
	va_list again;
	size_t size;

	va_copy(again, args);
	size = make_line(line, LOG_PREFIX, fmt, again);
	va_end(again);
	if (write(init->log, line, size) < 0)
		(void)!write(STDERR_FILENO, line + 3, size - 3); /* without the level */
	if (!control_open(init))
		return;
	errno = error;
	tell(init, line, make_line(line, word, fmt, args));
}

void fail(struct init *init, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(init, INIT_SAY_ERROR " ", fmt, args);
	va_end(args);
	power_off();
}

void warn(struct init *init, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(init, INIT_SAY_WARNING " ", fmt, args);
	va_end(args);
}

/* A kernel that knows no way to power off stops at least. */
void power_off(void)
{
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
