/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In which order firmware tries what there is to boot from (fw_cfg file "bootorder").
 */
#ifndef TANE_ARCH_X86_64_BOOT_ORDER_H
#define TANE_ARCH_X86_64_BOOT_ORDER_H

#include <stddef.h>

#include "core/config.h"
#include "dev/pci.h"

#define BOOT_ORDER_SIZE 4096

/* Lines of device paths, with a NUL behind them. Their size with the NUL; 0: no line. */
size_t boot_order_build(char order[BOOT_ORDER_SIZE], const struct vm_config *config,
			const struct pci_bus *bus);

/*
 * The same for the geometry of disks (fw_cfg file "bios-geometry"): of those that are
 * smaller than a cylinder, such as a boot sector by itself. SeaBIOS would count no
 * cylinder and read nothing.
 */
size_t boot_geometry_build(char geometry[BOOT_ORDER_SIZE], const struct vm_config *config,
			   const struct pci_bus *bus);

#endif
