/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Option ROMs, which firmware runs before it boots. We have none of our own but the one that
 * boots kernels (firmware_kernel.c): they are files of Debian's packages.
 */
#ifndef TANE_ARCH_X86_64_OPTION_ROM_H
#define TANE_ARCH_X86_64_OPTION_ROM_H

#include "dev/fw_cfg.h"

struct option_rom {
	const char *what; /* it is, for messages */
	const char *path;
	const char *package; /* of Debian */
	const char *file;    /* its name in fw_cfg, by which SeaBIOS knows what to do */
};

/* 0, or -1 with a message that says what to install. */
int option_rom_add(const struct option_rom *rom, struct fw_cfg *fw_cfg, struct err *err);

#endif
