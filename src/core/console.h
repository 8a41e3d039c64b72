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
	/* The user asked to end the VM (Ctrl-a x, Ctrl-] thrice). */
	void (*quit)(void *opaque);
	/*
	 * No input comes any more, and the device has taken all; or nobody reads its
	 * output. NULL: it is no matter.
	 */
	void (*ended)(void *opaque);
};

/* What kind of descriptors a console has. */
enum console_flags {
	/* Input is a terminal: Ctrl-a is ours, and another job's is not read. */
	CONSOLE_ESCAPES = 1,
	CONSOLE_PTY = 2, /* our side of a pseudo terminal: users come and go */
	/*
	 * The terminal of a command: all keys are the guest's, but Ctrl-] thrice in a second
	 * quits; another job's is not read; that it is gone is nothing to talk about.
	 */
	CONSOLE_TTY = 4,
	/* ... and others of our job may have it: while it is not in lines, they read it. */
	CONSOLE_SHARED = 8,
};

/*
 * A listener in this process, instead of descriptors. Both run on the loop's thread, no
 * lock held; output also in console_drain().
 */
struct console_tap {
	void (*output)(void *opaque, const uint8_t *data, size_t n);
	/* What is to be typed, at most `size` bytes; 0: nothing now. */
	size_t (*input)(void *opaque, uint8_t *to, size_t size);
	void *opaque;
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
	bool at_end;                   /* it was closed, and the device is to be told */
	const struct console_tap *tap; /* NULL: `in` and `out` */
	struct loop_event wanted;      /* the device has room for input again */
	struct loop_timer again;       /* looks whether the terminal is ours by now */
	bool away;                     /* the terminal is another job's */
	uint8_t input[CONSOLE_INPUT_SIZE];
	size_t input_at, input_used;
	bool starved;      /* input waits for room in the device; atomic */
	bool is_terminal;  /* input is: keys are looked at */
	bool escapes;      /* ... and Ctrl-a is ours */
	bool is_tty;       /* CONSOLE_TTY */
	bool is_shared;    /* CONSOLE_SHARED */
	unsigned brackets; /* Ctrl-] in a row, the first of them then: */
	int64_t bracket_ns;
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
 * Let `tap` listen and type, on a console made with no descriptors; before the guest
 * runs. It lives as long as the console.
 */
void console_set_tap(struct console *console, const struct console_tap *tap);
/* The tap has input again. The loop's thread. */
void console_tap_ready(struct console *console);

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
	/* True once `interrupted` has ended one wait: then nobody waits. NULL: each for itself. */
	const bool *over;
};

/*
 * Wait until more can be written to `fd`, as console_drain() does. false: do not go on.
 */
bool console_wait(const struct console_interrupt *interrupt, int fd, int timeout_ms);

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
