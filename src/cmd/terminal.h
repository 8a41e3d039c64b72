/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's terminal: raw while a guest runs, restored on every way out. One
 * per process; see terminal.c.
 */
#ifndef TANE_CMD_TERMINAL_H
#define TANE_CMD_TERMINAL_H

/* If stdin is our terminal, make it raw. Harmless otherwise, and when repeated. */
void terminal_make_raw(void);

/*
 * Give it back as it was, if it is still ours. Harmless if it was never raw.
 * Async-signal-safe.
 */
void terminal_restore(void);

#endif
