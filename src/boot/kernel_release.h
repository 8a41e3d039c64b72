/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which release of Linux a kernel image holds, as uname -r says it: its modules are in
 * /lib/modules under that name.
 */
#ifndef TANE_BOOT_KERNEL_RELEASE_H
#define TANE_BOOT_KERNEL_RELEASE_H

#include "util/bytes.h"
#include "util/err.h"

#define KERNEL_RELEASE_SIZE 65 /* of utsname, with the NUL */

/*
 * The release of a bzImage, a vmlinux or an Image, which may be packed. It is fit to be the
 * name of a file. false: none is found, or the file is damaged; boot_kernel_parse() tells.
 */
bool kernel_release(struct bytes file, char release[KERNEL_RELEASE_SIZE]);

/*
 * The same of a file, of which no more is read than it takes; "" if none is found. -1 if it
 * cannot be read.
 */
int kernel_release_of_file(const char *path, char release[KERNEL_RELEASE_SIZE],
			   struct err *err);

#endif
