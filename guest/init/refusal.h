/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user has asked for and the guest cannot do: what is said of it. */
#ifndef TANE_GUEST_INIT_REFUSAL_H
#define TANE_GUEST_INIT_REFUSAL_H

#include <stddef.h>

/* A step on the way to the command, and its errno. Plain data, for a pipe. */
struct refusal {
	enum step { FIND_USER, ENTER_FOLDER, EXECUTE, BECOME_USER } step;
	int error;
};

/*
 * The status for the host; not of BECOME_USER, which is the kernel's fault. `subject` is the
 * user, the folder or the command of that step. What is wrong comes in `text`; a subject
 * that is too long is cut, the reason is not.
 */
int refusal_describe(const struct refusal *refusal, const char *subject, char *text,
		     size_t size);

#endif
