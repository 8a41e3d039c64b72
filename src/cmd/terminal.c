/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal.
 *
 * Raw, so that each key reaches the guest at once, Ctrl-C too. Output
 * processing stays on: the guest's CR LF does not mind, and our own messages
 * need it.
 *
 * The terminal belongs to the process, not to a VM, and a signal handler must
 * be able to restore it: so its state is static, and nowhere else is any. A
 * crash of ours, or any signal that ends us and that nobody handles, restores the
 * terminal and then goes on to end us.
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/terminal.h"

static struct termios saved;
static volatile sig_atomic_t is_raw;

static void on_crash(int signal)
{
	terminal_restore();
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

bool terminal_make_raw(void)
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
	raw.c_oflag = saved.c_oflag;
	is_raw = 1;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	return true;
}

void terminal_restore(void)
{
	if (!is_raw)
		return;
	is_raw = 0;
	if (is_ours())
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

bool terminal_size(uint16_t *cols, uint16_t *rows)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row)
		return false;
	*cols = size.ws_col;
	*rows = size.ws_row;
	return true;
}
