/* SPDX-License-Identifier: BSD-2-Clause */
/* Which kernel to boot when none is named, and where a kernel's modules are. */
#ifndef TANE_CMD_DEFAULT_KERNEL_H
#define TANE_CMD_DEFAULT_KERNEL_H

#include <stddef.h>

#include "util/err.h"

/* Where to look; tests have places of their own. */
struct kernel_places {
	const char *boot;    /* "/boot" */
	const char *sources; /* "arch": of a kernel's sources, in the current folder */
	const char *modules; /* "/lib/modules" */
	const char *release; /* of the kernel that runs here */
};

/*
 * The kernel that runs here, else the newest in /boot, else one that was built in this
 * folder. An error says what to do.
 */
int default_kernel(const struct kernel_places *places, char *path, size_t size,
		   struct err *err);

/*
 * The folder with the modules of `kernel`, whose release is `release` (empty: unknown).
 * `asked` is what the user says, or NULL. 0 with an empty path: there is none.
 */
int kernel_modules(const struct kernel_places *places, const char *kernel,
		   const char *release, const char *asked, char *path, size_t size,
		   struct err *err);

#endif
