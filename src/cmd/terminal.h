/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's terminal: raw while a guest runs, restored on every way out. One
 * per process; see terminal.c.
 */
#ifndef TANE_CMD_TERMINAL_H
#define TANE_CMD_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * If stdin is our terminal, make it raw, and return whether it is. Harmless otherwise,
 * and when repeated.
 */
bool terminal_make_raw(void);

/* Is stdin a terminal that another job has now? Then it may become ours later. */
bool terminal_is_anothers(void);

/*
 * Give it back as it was, if it is still ours. Harmless if it was never raw.
 * Async-signal-safe.
 */
void terminal_restore(void);

/* In characters. false: stdout is no terminal, or has no size. */
bool terminal_size(uint16_t *cols, uint16_t *rows);

#endif
