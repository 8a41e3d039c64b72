/* SPDX-License-Identifier: BSD-2-Clause */
/* A tane without libkmod: it cannot be loaded by a static program. */
#include "boot/modules.h"

int modules_close_over(struct modules *modules, const char *folder,
		       const char *const *names, unsigned nr, struct err *err)
{
	(void)modules;
	(void)nr;
	return err_set(err,
		       "the kernel has %s not built in, and this tane was built without "
		       "libkmod, which would find modules in %s: use one with it, or a "
		       "kernel with all drivers built in",
		       names[0], folder);
}
