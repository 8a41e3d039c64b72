/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's terminal: raw while a guest runs, restored on every way out. One
 * per process; see terminal.c.
 */
#ifndef TANE_CMD_TERMINAL_H
#define TANE_CMD_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * If stdin is our terminal, make it raw, and return whether it is. Harmless otherwise,
 * and when repeated. `output`: what is printed there too, else line ends stay as they are
 * for who does not know that it is raw.
 */
bool terminal_make_raw(bool output);

/* Is stdin a terminal that another job has now? Then it may become ours later. */
bool terminal_is_anothers(void);

/*
 * After terminal_make_raw(): show an empty screen there, black, instead of what the user
 * has, which terminal_restore() brings back. Messages on the standard error wait for that.
 */
void terminal_enter_screen(void);

/*
 * The last of such messages, without its line end and cut to `size`, if there is one
 * behind the first *seen bytes.
 */
bool terminal_last_message(size_t *seen, char *to, size_t size);

/*
 * Give it back as it was, if it is still ours. Harmless if it was never raw.
 * Async-signal-safe.
 */
void terminal_restore(void);

/*
 * What a guest has printed there may have switched off that long lines wrap (DECAWM), as
 * SeaBIOS does: they do again. Harmless if the standard output is no terminal.
 * Async-signal-safe.
 */
void terminal_wrap_lines(void);

/* Of `fd`, in characters. false: it is no terminal, or has no size. */
bool terminal_size(int fd, uint16_t *cols, uint16_t *rows);

#endif
