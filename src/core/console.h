/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A console: bytes between a serial or virtio port of the guest and a pair of file
 * descriptors of the host (see console.c for how it never loses one).
 */
#ifndef TANE_CORE_CONSOLE_H
#define TANE_CORE_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/loop.h"
#include "util/err.h"

#define CONSOLE_OUTPUT_SIZE 65536u
#define CONSOLE_INPUT_SIZE  4096u

/* What the console asks of its device. All run on the loop's thread, no lock held. */
struct console_ops {
	/* How many bytes of input the device has room for. */
	size_t (*room)(void *opaque);
	/* Take `n` bytes of input, at most what room() gave. */
	void (*receive)(void *opaque, const uint8_t *data, size_t n);
	/*
	 * The user asked for a break condition (Ctrl-a b). false: there is no room
	 * for it now; it is asked again after console_want_input().
	 */
	bool (*send_break)(void *opaque);
	/* There is room for output again, after console_put() said no. */
	void (*writable)(void *opaque);
	/* The user asked to end the VM (Ctrl-a x). */
	void (*quit)(void *opaque);
};

/* What kind of descriptors a console has. */
enum console_flags {
	/* Input is a terminal: Ctrl-a is ours, and another job's is not read. */
	CONSOLE_ESCAPES = 1,
	CONSOLE_PTY = 2, /* our side of a pseudo terminal: users come and go */
};

struct console {
	struct loop *loop;
	const struct console_ops *ops;
	void *opaque;

	/* Guards the output ring, `full`, `broken` and `lost`. */
	pthread_mutex_t lock;
	uint8_t output[CONSOLE_OUTPUT_SIZE];
	size_t head, used;
	bool full;     /* the device was told so */
	bool broken;   /* nobody reads any more: output is dropped */
	bool failed;   /* an error broke it: not a reader that went away */
	uint64_t lost; /* bytes for which the ring had no room */

	struct loop_source out;
	bool out_watched;         /* waiting for EPOLLOUT */
	bool out_pollable;        /* regular files are not */
	bool is_pty, absent;      /* absent: nobody has the pseudo terminal open */
	struct loop_timer flush;  /* gathers output for a moment */
	struct loop_event urgent; /* output to write now */

	struct loop_source in;
	bool in_open, in_watched, in_pollable;
	struct loop_event wanted; /* the device has room for input again */
	struct loop_timer again;  /* looks whether the terminal is ours by now */
	bool away;                /* the terminal is another job's */
	uint8_t input[CONSOLE_INPUT_SIZE];
	size_t input_at, input_used;
	bool starved;       /* input waits for room in the device; atomic */
	bool escapes;       /* Ctrl-a is ours: input is a terminal */
	bool escaped;       /* the last byte was Ctrl-a */
	bool break_pending; /* a break goes in front of input[break_at] */
	size_t break_at;
};

/*
 * Connect. `in_fd` or `out_fd` may be -1. The descriptors stay the caller's: the
 * console works on copies that do not block. `flags` are console_flags. After an
 * error too, console_destroy() cleans up.
 */
int console_init(struct console *console, struct loop *loop, int in_fd, int out_fd,
		 unsigned flags, const struct console_ops *ops, void *opaque,
		 struct err *err);
void console_destroy(struct console *console);

/*
 * A byte from the guest. Any thread; never blocks. Returns false when the ring
 * is nearly full: the device then stops its guest until writable() is called.
 */
bool console_put(struct console *console, uint8_t byte);

/*
 * As many of `n` bytes as there is room for, for a device that can hold the rest back. It
 * holds it until writable() is called if that is not all, or if
 * console_is_writable() says no afterwards. Any thread; never blocks.
 */
size_t console_write(struct console *console, const uint8_t *data, size_t n);

/* Is there room for output? Any thread. */
bool console_is_writable(struct console *console);

/* The device has room for input again. Any thread. */
void console_want_input(struct console *console);

/* What may end console_drain() before its time, and what its caller learns. */
struct console_interrupt {
	int fd; /* -1: nothing */
	/* `fd` is readable: read from it, and say whether to end. */
	bool (*interrupted)(void *opaque);
	void *opaque;
	/* Set if an error, such as a full disk, cost output at any time. NULL: no matter. */
	bool *failed;
};

/*
 * Write what is left, without the loop and with no vCPU running, until all is
 * out, nobody reads any more, `interrupt` says so, or nothing could be written
 * for `timeout_ms` (-1: wait as long as it takes; but a second at most for a
 * pseudo terminal, whose user may have forgotten it). What is lost is reported.
 * Returns whether all is out.
 */
bool console_drain(struct console *console, const struct console_interrupt *interrupt,
		   int timeout_ms);

#endif
