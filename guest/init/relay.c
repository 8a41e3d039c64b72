/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While the command runs: bytes between its streams and the ports, messages of the host,
 * deaths of processes.
 *
 * A pump has one buffer. It reads when that is empty and waits for room when it is not, so
 * who reads slowly slows who writes, on both sides, and no byte is lost. When one end goes
 * away so does the other: the end of the host's stdin becomes the end of the command's, and
 * a port that the host has closed becomes a pipe that nobody reads, SIGPIPE.
 *
 * A port can be closed by the host at any time; that is POLLHUP, as for a pipe.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

/* How long processes that the command left behind may go on to print. */
#define GRACE_MS 500

enum { POLL_CONTROL, POLL_CHILDREN, POLL_PUMPS, POLL_FDS = POLL_PUMPS + 2 * PUMPS };

struct relay {
	struct init *init;
	int children;     /* signalfd */
	int status;       /* of the command, once it is dead (init->command is 0) */
	int64_t deadline; /* then: how long we wait for others */
	bool killed;      /* no longer */
	struct pollfd fds[POLL_FDS];
};

/* -- pumps -- */

static void pump_close(struct pump *pump)
{
	if (pump->from >= 0)
		close(pump->from);
	if (pump->to >= 0)
		close(pump->to);
	pump->from = pump->to = -1;
	pump->used = 0;
}

/* No more comes; what is there is still written. */
static void end_input(struct pump *pump)
{
	close(pump->from);
	pump->from = -1;
	if (!pump->used)
		pump_close(pump);
}

/* Fill the buffer as far as there is something: a port gives a page at a time. */
static void pump_read(struct pump *pump)
{
	pump->at = 0;
	while (pump->used < sizeof(pump->data)) {
		const ssize_t n = read(pump->from, pump->data + pump->used,
				       sizeof(pump->data) - pump->used);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* A terminal that nobody has open any more says EIO. */
		if (n <= 0) {
			end_input(pump);
			return;
		}
		pump->used += (size_t)n;
	}
}

static void pump_write(struct pump *pump)
{
	while (pump->used) {
		const ssize_t n = write(pump->to, pump->data + pump->at, pump->used);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			pump_close(pump);
			return;
		}
		pump->at += (size_t)n;
		pump->used -= (size_t)n;
	}
	if (pump->from < 0)
		pump_close(pump);
}

/* What it waits for: `from` if it has nothing, `to` always, since that may go away. */
static void pump_prepare(const struct pump *pump, struct pollfd *fds)
{
	fds[0] = (struct pollfd){ pump->used ? -1 : pump->from, POLLIN, 0 };
	fds[1] = (struct pollfd){ pump->to, pump->used ? POLLOUT : 0, 0 };
}

static void pump_serve(struct pump *pump, const struct pollfd *fds)
{
	if (fds[1].revents & (POLLHUP | POLLERR)) {
		pump_close(pump);
		return;
	}
	if (fds[0].revents)
		pump_read(pump);
	if (pump->used)
		pump_write(pump);
}

/* Is there output to come, or output that has come? */
static bool has_output(const struct init *init)
{
	return init->pumps[PUMP_STDOUT].to >= 0 || init->pumps[PUMP_STDERR].to >= 0 ||
	       init->pumps[PUMP_TTY_OUT].to >= 0;
}

static bool holds_output(const struct init *init)
{
	return init->pumps[PUMP_STDOUT].used || init->pumps[PUMP_STDERR].used ||
	       init->pumps[PUMP_TTY_OUT].used;
}

static void close_slave(struct init *init)
{
	if (init->slave >= 0)
		close(init->slave);
	init->slave = -1;
}

/* The terminal of the host is gone. The session's leader, we, would be told, nobody else. */
static void hang_up(struct init *init)
{
	pump_close(&init->pumps[PUMP_TTY_IN]);
	pump_close(&init->pumps[PUMP_TTY_OUT]);
	close_slave(init);
	close(init->tty);
	init->tty = -1;
	if (init->command) {
		kill(-init->command, SIGHUP);
		kill(-init->command, SIGCONT);
	}
}

/* -- the host -- */

static void obey(struct init *init, const char *line)
{
	struct winsize size = { 0 };
	int number;

	if (sscanf(line, INIT_SAY_SIZE " %hu %hu", &size.ws_row, &size.ws_col) == 2) {
		if (init->tty >= 0)
			ioctl(init->tty, TIOCSWINSZ, &size);
	} else if (sscanf(line, INIT_SAY_SIGNAL " %d", &number) == 1) {
		if (init->command)
			kill(-init->command, number);
	}
}

static void take_byte(struct init *init, char byte)
{
	if (byte != '\n') {
		if (init->line_used < sizeof(init->line) - 1)
			init->line[init->line_used++] = byte;
		else
			init->line_is_long = true;
		return;
	}
	init->line[init->line_used] = '\0';
	if (!init->line_is_long)
		obey(init, init->line);
	init->line_used = 0;
	init->line_is_long = false;
}

static void serve_control(struct relay *relay)
{
	char text[INIT_LINE_MAX];
	const ssize_t n = read(relay->init->control, text, sizeof(text));

	/* A host that does not listen any more: the command shall end in order. */
	if (n == 0)
		relay->fds[POLL_CONTROL].fd = -1;
	for (ssize_t i = 0; i < n; i++)
		take_byte(relay->init, text[i]);
}

/* -- processes -- */

static void command_changed(struct relay *relay, int status)
{
	struct init *init = relay->init;

	if (WIFSTOPPED(status)) {
		say(init, INIT_SAY_STOPPED);
		return;
	}
	relay->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	relay->deadline = now_ms() + GRACE_MS;
	init->command = 0;
	close_slave(init);
	pump_close(&init->pumps[PUMP_STDIN]);
	pump_close(&init->pumps[PUMP_TTY_IN]);
}

/* The command, and whatever has lost its parent. */
static void serve_children(struct relay *relay)
{
	struct signalfd_siginfo ignored;
	int status;
	pid_t pid;

	(void)!read(relay->children, &ignored, sizeof(ignored));
	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid == relay->init->command)
			command_changed(relay, status);
	}
}

static void prepare(struct relay *relay)
{
	for (unsigned i = 0; i < PUMPS; i++)
		pump_prepare(&relay->init->pumps[i], relay->fds + POLL_PUMPS + 2 * i);
}

static void serve_pumps(struct relay *relay)
{
	struct init *init = relay->init;
	const struct pollfd *fds = relay->fds + POLL_PUMPS;

	if (fds[2 * PUMP_TTY_OUT + 1].revents & (POLLHUP | POLLERR))
		hang_up(init);
	for (unsigned i = 0; i < PUMPS; i++)
		pump_serve(&init->pumps[i], fds + 2 * i);
}

/*
 * The command is dead. Is that all? Others may hold its pipes: they have a moment to come
 * to their end, and what they have printed then is still taken.
 */
static bool is_done(struct relay *relay, bool idle)
{
	if (relay->init->command)
		return false;
	if (!has_output(relay->init))
		return true;
	if (!relay->killed && now_ms() >= relay->deadline) {
		kill(-1, SIGKILL);
		relay->killed = true;
		return false;
	}
	/* Who does not even die by that keeps a pipe open, and has nothing to say. */
	return relay->killed && idle && !holds_output(relay->init);
}

int relay(struct init *init)
{
	struct relay relay = { .init = init };
	sigset_t children;
	int n;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	relay.children = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	if (relay.children < 0)
		fail(init, "signalfd: %m; the kernel needs CONFIG_SIGNALFD");
	relay.fds[POLL_CONTROL] = (struct pollfd){ init->control, POLLIN, 0 };
	relay.fds[POLL_CHILDREN] = (struct pollfd){ relay.children, POLLIN, 0 };
	do {
		prepare(&relay);
		n = poll(relay.fds, POLL_FDS, init->command ? -1 : GRACE_MS);
		serve_pumps(&relay);
		if (relay.fds[POLL_CONTROL].revents)
			serve_control(&relay);
		if (relay.fds[POLL_CHILDREN].revents)
			serve_children(&relay);
	} while (!is_done(&relay, n == 0));
	return relay.status;
}
