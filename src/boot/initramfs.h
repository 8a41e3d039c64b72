/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The initramfs of a guest that runs a command: the init that is in this program
 * (guest/init), its configuration, and the modules of the kernel. guest/init.h says how it
 * looks.
 */
#ifndef TANE_BOOT_INITRAMFS_H
#define TANE_BOOT_INITRAMFS_H

#include "boot/cpio.h"
#include "core/config.h"

/*
 * Make it for this VM, by config->command. The archive is the caller's, to be released by
 * cpio_free(); on an error there is none.
 */
int initramfs_build(const struct vm_config *config, struct cpio *archive,
		    struct err *err);

#endif
