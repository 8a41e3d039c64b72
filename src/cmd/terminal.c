/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal.
 *
 * Raw, so that each key reaches the guest at once, Ctrl-C too. Output
 * processing stays on for a console: the guest's CR LF does not mind, and our own messages
 * need it. A command has a terminal in the guest, which does that there, or does not.
 *
 * The terminal belongs to the process, not to a VM, and a signal handler must
 * be able to restore it: so its state is static, and nowhere else is any. A
 * crash of ours, or any signal that ends us and that nobody handles, restores the
 * terminal and then goes on to end us.
 *
 * For a screen it is switched to its other buffer (xterm's mode 1049), which has no
 * history, and back to what the user had there before. A message between would be painted
 * over: while the standard error is the same terminal, it leads to memory instead, and
 * what came is printed when the terminal is given back.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/terminal.h"

static struct termios saved;
static volatile sig_atomic_t is_raw;
static volatile sig_atomic_t has_screen;
static int users_stderr = -1; /* while ours leads to memory */

/* How long a terminal that takes nothing may hold up the end. */
#define LEAVE_TIMEOUT_MS 1000

static void on_crash(int signal)
{
	terminal_restore();
	terminal_wrap_lines();
	/* SA_RESETHAND put the default back. */
	raise(signal);
}

/* Is its default action something else than to end us? */
static bool is_harmless(int signal)
{
	static const int signals[] = { SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP,
				       SIGTTIN, SIGTTOU, SIGURG,  SIGWINCH };

	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (signal == signals[i])
			return true;
	}
	return false;
}

static void catch_crashes(void)
{
	struct sigaction action = { .sa_handler = on_crash,
				    .sa_flags = (int)SA_RESETHAND };
	struct sigaction old;

	for (int i = 1; i <= SIGRTMAX; i++) {
		if (!is_harmless(i) && sigaction(i, NULL, &old) == 0 &&
		    old.sa_handler == SIG_DFL)
			sigaction(i, &action, NULL);
	}
}

/* Changing the terminal of another job would stop us. Async-signal-safe. */
static bool is_ours(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

bool terminal_is_anothers(void)
{
	const pid_t owner = tcgetpgrp(STDIN_FILENO);

	return owner >= 0 && owner != getpgrp();
}

bool terminal_make_raw(bool output)
{
	struct termios raw;

	if (!is_ours())
		return false;
	if (!is_raw) {
		if (tcgetattr(STDIN_FILENO, &saved))
			return false;
		catch_crashes();
	}
	raw = saved;
	cfmakeraw(&raw);
	if (!output)
		raw.c_oflag = saved.c_oflag;
	is_raw = 1;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	return true;
}

/* The standard error leads to memory from now on, if it would spoil the screen. */
static void keep_messages(void)
{
	int memory;

	if (!isatty(STDERR_FILENO))
		return;
	memory = memfd_create("messages", MFD_CLOEXEC);
	if (memory < 0)
		return;
	users_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (users_stderr >= 0)
		(void)dup2(memory, STDERR_FILENO);
	close(memory);
}

/* Print them, and all that follow. Async-signal-safe. */
static void release_messages(void)
{
	char text[512];
	off_t at = 0;
	ssize_t n, ignored;
	int memory;

	if (users_stderr < 0)
		return;
	memory = dup(STDERR_FILENO);
	(void)dup2(users_stderr, STDERR_FILENO);
	close(users_stderr);
	users_stderr = -1;
	while ((n = pread(memory, text, sizeof(text), at)) > 0) {
		ignored = write(STDERR_FILENO, text, (size_t)n);
		(void)ignored;
		at += n;
	}
	close(memory);
}

void terminal_enter_screen(void)
{
	/* The other buffer; no wrap behind the last column; black. */
	static const char enter[] = "\033[?1049h\033[?7l\033[40m\033[2J";
	ssize_t ignored;

	if (has_screen)
		return;
	has_screen = 1;
	ignored = write(STDOUT_FILENO, enter, sizeof(enter) - 1);
	(void)ignored;
	keep_messages();
}

/* Async-signal-safe. */
static void leave_screen(void)
{
	/* CAN first: a sequence may have been cut off in the middle. */
	static const char leave[] = "\030\033[0m\033[?7h\033[?25h\033[?1049l";
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	ssize_t ignored;

	if (!has_screen)
		return;
	has_screen = 0;
	if (is_ours() && poll(&out, 1, LEAVE_TIMEOUT_MS) > 0) {
		ignored = write(STDOUT_FILENO, leave, sizeof(leave) - 1);
		(void)ignored;
	}
	release_messages();
}

void terminal_wrap_lines(void)
{
	/* CAN first, as above. */
	static const char wrap[] = "\030\033[?7h";
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct termios settings;
	ssize_t ignored;

	if (tcgetattr(STDOUT_FILENO, &settings) || poll(&out, 1, LEAVE_TIMEOUT_MS) <= 0)
		return;
	ignored = write(STDOUT_FILENO, wrap, sizeof(wrap) - 1);
	(void)ignored;
}

bool terminal_last_message(size_t *seen, char *to, size_t size)
{
	struct stat st;
	char *end;
	off_t at;
	ssize_t n;

	if (users_stderr < 0 || fstat(STDERR_FILENO, &st) || (size_t)st.st_size <= *seen)
		return false;
	*seen = (size_t)st.st_size;
	at = st.st_size > (off_t)size ? st.st_size - (off_t)size : 0;
	n = pread(STDERR_FILENO, to, size - 1, at);
	if (n <= 0)
		return false;
	to[n] = '\0';
	end = strrchr(to, '\n');
	if (end)
		*end = '\0';
	end = strrchr(to, '\n');
	if (end)
		memmove(to, end + 1, strlen(end + 1) + 1);
	return true;
}

void terminal_restore(void)
{
	leave_screen();
	if (!is_raw)
		return;
	is_raw = 0;
	if (is_ours())
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

bool terminal_size(int fd, uint16_t *cols, uint16_t *rows)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row)
		return false;
	*cols = size.ws_col;
	*rows = size.ws_row;
	return true;
}
