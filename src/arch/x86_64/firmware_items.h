/* SPDX-License-Identifier: BSD-2-Clause */
/* What firmware learns of the machine by fw_cfg; see firmware_items.c. */
#ifndef TANE_ARCH_X86_64_FIRMWARE_ITEMS_H
#define TANE_ARCH_X86_64_FIRMWARE_ITEMS_H

#include "arch/x86_64/tables.h"
#include "core/config.h"
#include "dev/fw_cfg.h"
#include "dev/pci.h"

/* All that the configuration and `tables` have to tell; `bus` has what can be booted. */
int firmware_items_add(struct fw_cfg *fw, const struct vm_config *config,
		       const struct tables_config *tables, const struct pci_bus *bus,
		       struct err *err);

#endif
