/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's modules. tane found out which and in which order (src/boot/modules.c). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "private.h"

static void load(struct init *init, const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/" INIT_PATH_MODULES "/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(init, "%s: %m", path);
	/* A driver for which there is no device is no error, nor one that is there. */
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST && errno != ENODEV)
		warn(init,
		     "the kernel does not take its module %s: %m; are these modules of "
		     "another kernel?",
		     name);
	close(fd);
	unlink(path);
}

void modules_load(struct init *init)
{
	for (unsigned i = 0; i < init->config.modules.nr; i++)
		load(init, init->config.modules.values[i]);
}
