/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware of a PC: its ROM at the top of 4 GiB and the shadow below 1 MiB. See
 * firmware.c.
 */
#ifndef TANE_ARCH_X86_64_FIRMWARE_H
#define TANE_ARCH_X86_64_FIRMWARE_H

#include "arch/x86_64/firmware_kernel.h"
#include "arch/x86_64/shadow.h"
#include "arch/x86_64/tables.h"
#include "core/vm.h"
#include "dev/fw_cfg.h"
#include "dev/pci.h"
#include "util/fd.h"

#define FIRMWARE_DEFAULT "/usr/share/seabios/bios-256k.bin"
#define FIRMWARE_PACKAGE "seabios" /* of Debian */

struct firmware {
	struct file_contents rom;
	struct shadow shadow;
	bool made; /* what follows */
	struct fw_cfg fw_cfg;
	struct firmware_kernel kernel; /* what fw_cfg reads from */
	pthread_mutex_t lock;          /* guards fw_cfg */
};

/*
 * Read the image that the configuration names, and give KVM its memory slots and those of
 * the RAM below the hole, `low_ram` bytes, which is there already.
 */
int firmware_build(struct firmware *firmware, struct vm *vm, uint64_t low_ram,
		   struct err *err);
/* Put fw_cfg in place and fill it, once all devices are there. */
int firmware_describe(struct firmware *firmware, struct vm *vm,
		      const struct tables_config *tables, const struct pci_bus *bus,
		      struct err *err);
/* Read the ROM, at the top of 4 GiB or in the shadow. false: it is not there. */
bool firmware_read_rom(const struct firmware *firmware, uint64_t gpa, void *to,
		       size_t len);
void firmware_reset(struct firmware *firmware);
void firmware_destroy(struct firmware *firmware);

#endif
