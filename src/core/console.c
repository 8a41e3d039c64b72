/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A console.
 *
 * Output: vCPU threads put bytes into a bounded ring; the loop writes them out.
 * So no vCPU ever sits in write(2). The first byte in an empty ring arms a timer
 * of a millisecond, which gathers a burst of output into one write. When the
 * ring is nearly full, console_put() says so: the device tells its guest that
 * the transmitter is busy, and a vCPU that writes nevertheless waits. The rest
 * of the ring is headroom for those that were under way. A slow reader thus
 * slows the guest down, and no byte is lost. While the VM is being stopped,
 * vCPUs no longer wait, and each may still complete a string instruction of 1024
 * bytes: many of them can overrun the headroom. That is counted, and told at the
 * end. A reader that is gone (EPIPE) is another matter: from then on output is
 * dropped.
 *
 * A pseudo terminal need not have a user: poll() says so (POLLHUP), but nothing
 * tells when one comes. We keep the newest output for him, drop what is
 * older, and try again ten times a second, as long as there is something to say.
 *
 * Output and pseudo terminals are watched edge-triggered: EPOLLERR and EPOLLHUP
 * come unasked and stay for as long as the reader is away, and would spin.
 *
 * Input: bytes are read only when the device has room and the last ones are
 * delivered, so whatever is pasted waits in the kernel's buffer. Only where
 * Ctrl-a is ours they are read as long as our buffer has room, since a guest that
 * takes no input must not keep us from seeing Ctrl-a x. At the end of input the
 * descriptor is dropped, so that EOF does not spin.
 *
 * On a terminal Ctrl-a is the escape key: x ends the VM, h helps, b sends a
 * break, and Ctrl-a itself passes one Ctrl-a on. The terminal of a command has all its
 * keys; Ctrl-] pressed thrice in a row ends the VM there. While the terminal is another job's
 * (a shell's `&` and `bg`), what is typed is not for us, and reading would stop us.
 * Nothing tells when it is ours again: a shell's `fg` is silent to a job that runs.
 * So we look twice a second, once there was something to read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/console.h"
#include "util/fd.h"

#define HEADROOM       4096u
#define LOW_WATER      (CONSOLE_OUTPUT_SIZE / 2)
#define KEPT_OUTPUT    (LOW_WATER / 2) /* for the next user of a pseudo terminal */
#define FLUSH_DELAY_NS 1000000
#define RETRY_DELAY_NS 100000000
#define AGAIN_DELAY_NS 500000000
#define PTY_DRAIN_MS   1000
#define INPUT_TURNS    64
#define FLUSH_PIECES   32   /* of WRITE_CHUNK bytes at most, in a turn of the loop */
#define ESCAPE_KEY     0x01 /* Ctrl-a */
#define END_KEY        0x04 /* Ctrl-d */
#define BRACKET_KEY    0x1d /* Ctrl-] */
#define BRACKETS       3    /* that quit within this time: */
#define BRACKETS_NS    1000000000

#define WRITE_CHUNK 4096u /* PIPE_BUF: see fd_try_write() */

/* Copy to the ring, which has room for it. With the lock held. */
static void append(struct console *console, const uint8_t *data, size_t n)
{
	const size_t at = (console->head + console->used) % CONSOLE_OUTPUT_SIZE;
	const size_t first = n < CONSOLE_OUTPUT_SIZE - at ? n : CONSOLE_OUTPUT_SIZE - at;

	memcpy(console->output + at, data, first);
	memcpy(console->output, data + first, n - first);
	console->used += n;
}

/* See that what was put on top of `before` bytes gets written. */
static void announce(const struct console *console, size_t before, size_t n)
{
	if (before < LOW_WATER && before + n >= LOW_WATER)
		loop_event_signal(&console->urgent);
	else if (!before && n)
		loop_timer_arm(&console->flush, loop_now() + FLUSH_DELAY_NS);
}

bool console_put(struct console *console, uint8_t byte)
{
	size_t before, n = 0;
	bool room;

	pthread_mutex_lock(&console->lock);
	if (console->broken) {
		pthread_mutex_unlock(&console->lock);
		return true;
	}
	before = console->used;
	if (before < CONSOLE_OUTPUT_SIZE)
		append(console, &byte, n = 1);
	else
		console->lost++;
	room = before + n < CONSOLE_OUTPUT_SIZE - HEADROOM;
	if (!room)
		console->full = true;
	pthread_mutex_unlock(&console->lock);
	announce(console, before, n);
	return room;
}

size_t console_write(struct console *console, const uint8_t *data, size_t n)
{
	const size_t limit = CONSOLE_OUTPUT_SIZE - HEADROOM;
	size_t before;

	pthread_mutex_lock(&console->lock);
	if (console->broken) {
		pthread_mutex_unlock(&console->lock);
		return n;
	}
	before = console->used;
	if (console->full || before >= limit)
		n = 0;
	else if (n > limit - before)
		n = limit - before;
	append(console, data, n);
	if (before + n >= limit)
		console->full = true;
	pthread_mutex_unlock(&console->lock);
	announce(console, before, n);
	return n;
}

bool console_is_writable(struct console *console)
{
	bool room;

	pthread_mutex_lock(&console->lock);
	room = !console->full;
	pthread_mutex_unlock(&console->lock);
	return room;
}

/* Take `n` bytes out of the ring. */
static void consume(struct console *console, size_t n)
{
	bool resumed;

	pthread_mutex_lock(&console->lock);
	console->head = (console->head + n) % CONSOLE_OUTPUT_SIZE;
	console->used -= n;
	resumed = console->full && console->used <= LOW_WATER;
	if (resumed)
		console->full = false;
	pthread_mutex_unlock(&console->lock);
	if (resumed)
		console->ops->writable(console->opaque);
}

/* Nobody reads any more: drop what is there and all that comes. */
static void give_up_output(struct console *console)
{
	size_t used;

	pthread_mutex_lock(&console->lock);
	console->broken = true;
	used = console->used;
	pthread_mutex_unlock(&console->lock);
	consume(console, used);
}

static void tell_end(const struct console *console)
{
	if (console->ops->ended)
		console->ops->ended(console->opaque);
}

/* A pseudo terminal that nobody has open. It would take output all the same. */
static bool is_absent(const struct console *console)
{
	struct pollfd pollfd = { .fd = console->out.fd };

	return console->is_pty && poll(&pollfd, 1, 0) > 0 && (pollfd.revents & POLLHUP);
}

/* Nobody has the pseudo terminal open. */
static void wait_for_user(struct console *console)
{
	size_t used;

	pthread_mutex_lock(&console->lock);
	used = console->used;
	pthread_mutex_unlock(&console->lock);
	/* console_put() rings when LOW_WATER is reached, so it must become less. */
	if (used >= LOW_WATER)
		consume(console, used - KEPT_OUTPUT);
	loop_timer_arm(&console->flush, loop_now() + RETRY_DELAY_NS);
}

/* Say why output is lost from now on, unless that is a command's terminal that is gone. */
static void report_loss(struct console *console, int error)
{
	console->failed = !fd_is_hangup(console->out.fd, error);
	if (console->failed || !console->is_tty)
		fprintf(stderr, "tane: console output is lost from here on: %s\n",
			error == EBADF ? "nothing is open for it" : strerror(error));
}

/* Write one piece. false when nothing more can be written now. */
static bool write_piece(struct console *console)
{
	size_t n;
	ssize_t written;

	/* Only this thread takes bytes out, so `head` and the bytes stay put. */
	pthread_mutex_lock(&console->lock);
	n = console->used;
	pthread_mutex_unlock(&console->lock);
	if (n > CONSOLE_OUTPUT_SIZE - console->head)
		n = CONSOLE_OUTPUT_SIZE - console->head;
	if (n > WRITE_CHUNK)
		n = WRITE_CHUNK;
	if (!n)
		return false;
	console->absent = is_absent(console);
	if (console->absent) {
		wait_for_user(console);
		return false;
	}
	if (console->tap) {
		console->tap->output(console->tap->opaque,
				     console->output + console->head, n);
		consume(console, n);
		return true;
	}
	written = fd_try_write(console->out.fd, console->output + console->head, n);
	if (written < 0 && errno == EINTR)
		return true;
	if (written < 0 && (errno == EAGAIN || (errno == EIO && console->is_pty)))
		return false;
	if (written < 0) {
		report_loss(console, errno);
		give_up_output(console);
		tell_end(console);
		return false;
	}
	consume(console, (size_t)written);
	return true;
}

static bool output_is_empty(struct console *console)
{
	bool empty;

	pthread_mutex_lock(&console->lock);
	empty = console->used == 0;
	pthread_mutex_unlock(&console->lock);
	return empty;
}

static void watch_output(struct console *console, bool watch)
{
	if (!console->out_pollable || (!watch && !console->out_watched))
		return;
	/* Said again, so that it is reported again if it is so already. */
	loop_modify(console->loop, &console->out, EPOLLET | (watch ? EPOLLOUT : 0));
	console->out_watched = watch;
}

static void flush(void *opaque)
{
	struct console *console = opaque;
	unsigned pieces = 0;

	/* A guest that never stops shall not keep the loop from others. */
	while (write_piece(console)) {
		if (++pieces == FLUSH_PIECES) {
			loop_event_signal(&console->urgent);
			break;
		}
	}
	watch_output(console, !output_is_empty(console) && !console->absent);
}

static void output_ready(void *opaque, uint32_t epoll_events)
{
	/* Should the reader be gone (EPOLLERR), then writing will tell. */
	(void)epoll_events;
	flush(opaque);
}

static void print_help(void)
{
	static const char text[] = "\r\n"
				   "Ctrl-a x  end the virtual machine\r\n"
				   "Ctrl-a b  send a break\r\n"
				   "Ctrl-a h  this help\r\n"
				   "Ctrl-a Ctrl-a  send Ctrl-a\r\n";

	fputs(text, stderr);
}

/* The key after Ctrl-a. Returns true if the byte is for the guest after all. */
static bool handle_escape(struct console *console, uint8_t key)
{
	switch (key) {
	case 'x':
		console->ops->quit(console->opaque);
		return false;
	case 'b':
		console->break_pending = true;
		return false;
	case 'h':
	case '?':
		print_help();
		return false;
	default:
		return key == ESCAPE_KEY;
	}
}

/* Take the escape sequences out of console->input, from `from` on. */
static void filter_escapes(struct console *console, size_t from)
{
	size_t kept = from;

	for (size_t i = from; i < console->input_used; i++) {
		uint8_t byte = console->input[i];
		bool pass = true;

		if (console->escaped) {
			console->escaped = false;
			if (byte == 'b')
				console->break_at = kept;
			pass = handle_escape(console, byte);
		} else if (byte == ESCAPE_KEY) {
			console->escaped = true;
			pass = false;
		}
		if (pass)
			console->input[kept++] = byte;
	}
	console->input_used = kept;
}

/* Ctrl-] thrice ends the VM. They are the guest's all the same. */
static void count_brackets(struct console *console, size_t from)
{
	for (size_t i = from; i < console->input_used; i++) {
		if (console->input[i] != BRACKET_KEY) {
			console->brackets = 0;
			continue;
		}
		if (!console->brackets ||
		    loop_now() - console->bracket_ns > BRACKETS_NS) {
			console->brackets = 0;
			console->bracket_ns = loop_now();
		}
		if (++console->brackets == BRACKETS)
			console->ops->quit(console->opaque);
	}
}

static void close_input(struct console *console)
{
	if (console->in_pollable)
		loop_remove(console->loop, &console->in);
	console->in_open = false;
	console->at_end = true;
}

/* May more be read, with what the buffer holds? */
static bool wants_input(const struct console *console)
{
	const size_t left = console->input_used - console->input_at;

	return console->is_terminal ? left < sizeof(console->input) : left == 0;
}

/* Is the terminal another job's, or does another process of ours read its keys? */
static bool is_anothers(const struct console *console)
{
	const pid_t owner = console->is_terminal ? tcgetpgrp(console->in.fd) : -1;
	struct termios settings;

	if (owner >= 0 && owner != getpgrp())
		return true;
	return console->is_shared && !tcgetattr(console->in.fd, &settings) &&
	       !(settings.c_lflag & ICANON);
}

static bool is_hung_up(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (POLLHUP | POLLERR));
}

/* Ctrl-D at a terminal in lines: an end of file for who reads now, and not for ever. */
static bool is_end_of_lines(const struct console *console, ssize_t n)
{
	return n == 0 && console->is_tty && !is_hung_up(console->in.fd);
}

/* Fill the buffer. false if there is nothing (now, or ever again). */
static bool read_input(struct console *console)
{
	const size_t left = console->input_used - console->input_at;
	ssize_t n;

	if (!console->in_open)
		return false;
	console->away = is_anothers(console);
	if (console->away) {
		loop_timer_arm(&console->again, loop_now() + AGAIN_DELAY_NS);
		return false;
	}
	memmove(console->input, console->input + console->input_at, left);
	if (console->break_pending)
		console->break_at -= console->input_at;
	console->input_at = 0;
	console->input_used = left;
	if (console->tap) {
		n = (ssize_t)console->tap->input(console->tap->opaque,
						 console->input + left,
						 sizeof(console->input) - left);
		console->input_used += (size_t)n;
		return n > 0;
	}
	n = fd_try_read(console->in.fd, console->input + left,
			sizeof(console->input) - left);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0 && errno == EIO && console->is_pty)
		return false; /* nobody has it open: a later write there wakes us */
	if (is_end_of_lines(console, n)) {
		console->input[left] = END_KEY;
		n = 1;
	}
	if (n <= 0) {
		close_input(console);
		return false;
	}
	console->input_used = left + (size_t)n;
	if (console->escapes)
		filter_escapes(console, left);
	else if (console->is_terminal)
		count_brackets(console, left);
	return true;
}

static uint32_t input_events(const struct console *console)
{
	return console->is_pty ? EPOLLIN | EPOLLET : EPOLLIN;
}

static void watch_input(struct console *console, bool watch)
{
	if (!console->in_open || !console->in_pollable || watch == console->in_watched)
		return;
	/* Taken out altogether: EPOLLHUP would be reported for an empty mask too. */
	if (watch) {
		struct err ignored;

		if (loop_add(console->loop, &console->in, input_events(console),
			     &ignored))
			return;
	} else {
		loop_remove(console->loop, &console->in);
	}
	console->in_watched = watch;
}

/* Hand over what the device has room for. true when nothing is left then. */
static bool deliver_input(struct console *console)
{
	const size_t end =
		console->break_pending ? console->break_at : console->input_used;
	size_t left = end - console->input_at;
	size_t room, n;

	if (!left && !console->break_pending)
		return true;
	/* Before room() is asked: the device may make room right after it answered. */
	__atomic_store_n(&console->starved, true, __ATOMIC_SEQ_CST);
	room = console->ops->room(console->opaque);
	n = left < room ? left : room;
	if (n)
		console->ops->receive(console->opaque, console->input + console->input_at,
				      n);
	console->input_at += n;
	if (console->input_at < end)
		return false;
	if (console->break_pending) {
		if (!console->ops->send_break(console->opaque))
			return false;
		console->break_pending = false;
		return deliver_input(console); /* what is behind the break */
	}
	__atomic_store_n(&console->starved, false, __ATOMIC_SEQ_CST);
	return true;
}

/* Move input until the source is dry or the device is full, or for long enough. */
static void pump_input(void *opaque)
{
	struct console *console = opaque;
	unsigned turns = 0;

	while (deliver_input(console) || wants_input(console)) {
		if (!read_input(console))
			break;
		if (++turns == INPUT_TURNS) {
			/* /dev/zero, and a guest that takes it all: others wait too. */
			loop_event_signal(&console->wanted);
			break;
		}
	}
	watch_input(console, wants_input(console) && !console->away);
	if (console->at_end && console->input_at == console->input_used) {
		console->at_end = false;
		tell_end(console);
	}
}

static void input_ready(void *opaque, uint32_t epoll_events)
{
	(void)epoll_events;
	pump_input(opaque);
}

void console_want_input(struct console *console)
{
	if (__atomic_load_n(&console->starved, __ATOMIC_SEQ_CST))
		loop_event_signal(&console->wanted);
}

/* Regular files are always ready, and epoll refuses them with EPERM. */
static int watch_if_possible(struct console *console, struct loop_source *source,
			     uint32_t epoll_events, bool *pollable, struct err *err)
{
	struct err refused;

	*pollable = loop_add(console->loop, source, epoll_events, &refused) == 0;
	if (*pollable || errno == EPERM)
		return 0;
	*err = refused;
	return -1;
}

static int open_output(struct console *console, int fd, struct err *err)
{
	console->out.ready = output_ready;
	console->out.opaque = console;
	if (fd < 0) {
		console->broken = true;
		return 0;
	}
	console->out.fd = fd_reopen_nonblocking(fd, O_WRONLY, err);
	if (console->out.fd < 0)
		return -1;
	return watch_if_possible(console, &console->out, EPOLLET, &console->out_pollable,
				 err);
}

static int open_input(struct console *console, int fd, struct err *err)
{
	console->in.ready = input_ready;
	console->in.opaque = console;
	if (fd < 0)
		return 0;
	console->in.fd = fd_reopen_nonblocking(fd, O_RDONLY, err);
	if (console->in.fd < 0)
		return -1;
	console->in_open = true;
	if (watch_if_possible(console, &console->in, input_events(console),
			      &console->in_pollable, err))
		return -1;
	console->in_watched = console->in_pollable;
	if (!console->in_pollable)
		loop_event_signal(&console->wanted); /* a file: begin reading it */
	return 0;
}

int console_init(struct console *console, struct loop *loop, int in_fd, int out_fd,
		 unsigned flags, const struct console_ops *ops, void *opaque,
		 struct err *err)
{
	memset(console, 0, sizeof(*console));
	console->in.fd = console->out.fd = -1;
	console->flush.source.fd = -1;
	console->urgent.source.fd = console->wanted.source.fd = -1;
	console->again.source.fd = -1;
	console->loop = loop;
	console->ops = ops;
	console->opaque = opaque;
	console->escapes = flags & CONSOLE_ESCAPES;
	console->is_tty = flags & CONSOLE_TTY;
	console->is_shared = flags & CONSOLE_SHARED;
	console->is_terminal = console->escapes || console->is_tty;
	console->is_pty = flags & CONSOLE_PTY;
	pthread_mutex_init(&console->lock, NULL);
	if (loop_timer_init(&console->flush, loop, flush, console, err) ||
	    loop_event_init(&console->urgent, loop, flush, console, err) ||
	    loop_event_init(&console->wanted, loop, pump_input, console, err) ||
	    loop_timer_init(&console->again, loop, pump_input, console, err) ||
	    open_output(console, out_fd, err) || open_input(console, in_fd, err))
		return err_prefix(err, "console: ");
	return 0;
}

void console_set_tap(struct console *console, const struct console_tap *tap)
{
	console->tap = tap;
	console->broken = false;
	console->in_open = true;
	console_tap_ready(console);
}

void console_tap_ready(struct console *console)
{
	loop_event_signal(&console->wanted);
}

void console_destroy(struct console *console)
{
	watch_input(console, false);
	if (console->out_pollable)
		loop_remove(console->loop, &console->out);
	if (console->in.fd >= 0)
		close(console->in.fd);
	if (console->out.fd >= 0)
		close(console->out.fd);
	loop_timer_destroy(&console->flush, console->loop);
	loop_timer_destroy(&console->again, console->loop);
	loop_event_destroy(&console->urgent, console->loop);
	loop_event_destroy(&console->wanted, console->loop);
	pthread_mutex_destroy(&console->lock);
}

bool console_wait(const struct console_interrupt *interrupt, int fd, int timeout_ms)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = interrupt->fd, .events = POLLIN },
	};
	int n;

	if (interrupt->over && *interrupt->over)
		return false;
	n = poll(fds, 2, timeout_ms);
	if (n < 0)
		return errno == EINTR;
	return n > 0 && !(fds[1].revents && interrupt->interrupted(interrupt->opaque));
}

bool console_drain(struct console *console, const struct console_interrupt *interrupt,
		   int timeout_ms)
{
	bool done;

	if (console->is_pty && (timeout_ms < 0 || timeout_ms > PTY_DRAIN_MS))
		timeout_ms = PTY_DRAIN_MS;
	while (!output_is_empty(console)) {
		if (write_piece(console) || output_is_empty(console))
			continue;
		if (console->absent ||
		    !console_wait(interrupt, console->out.fd, timeout_ms))
			break;
	}
	done = output_is_empty(console);
	if (interrupt->failed && console->failed)
		*interrupt->failed = true;
	if (!console->absent)
		console->lost += console->used;
	if (console->lost)
		fprintf(stderr, "tane: %" PRIu64 " bytes of console output were lost\n",
			console->lost);
	return done;
}
