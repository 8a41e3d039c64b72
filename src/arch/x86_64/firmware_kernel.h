/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * -k under firmware: a bzImage and its initrds as items of fw_cfg, and the option ROM
 * that boots them. See firmware_kernel.c and kernel_rom.S.
 */
#ifndef TANE_ARCH_X86_64_FIRMWARE_KERNEL_H
#define TANE_ARCH_X86_64_FIRMWARE_KERNEL_H

#include "arch/loader.h"
#include "core/vm.h"
#include "dev/fw_cfg.h"
#include "util/fd.h"

#define FIRMWARE_KERNEL_ROM "genroms/kernel.bin"

/* What lives as long as fw_cfg: the items read from it. */
struct firmware_kernel {
	struct file_contents file;
	struct loader_initrds initrds;
};

/* Does nothing if there is no kernel. */
int firmware_kernel_add(struct firmware_kernel *kernel, struct fw_cfg *fw, struct vm *vm,
			struct err *err);
void firmware_kernel_destroy(struct firmware_kernel *kernel); /* zeroes are fine */

#endif
