/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IDE disks and CD-ROMs of a PC: the chip (dev/piix_ide.h), the images behind it
 * (block/block.h), and the loop between them. See ide.c.
 */
#ifndef TANE_ARCH_IDE_H
#define TANE_ARCH_IDE_H

#include <stdbool.h>

#include "core/irq.h"
#include "core/vm.h"
#include "dev/pci.h"

struct ide;

/*
 * Where config->disks[index], one on IDE, is: 0 and 1 are master and slave of the first
 * channel, 2 and 3 of the second.
 */
unsigned ide_place(const struct vm_config *config, unsigned index);

/*
 * Make the drives that vm->config has, and their controller: function 1 of the PCI device
 * that has the ISA bridge, or function 0 of the next free one. NULL on error. The main
 * thread, which also calls the following.
 */
struct ide *ide_new(struct vm *vm, struct pci_bus *bus, const struct irq_line irqs[2],
		    struct err *err);
/* Power-on state; waits for requests in flight, so no vCPU may run. NULL is fine. */
int ide_reset(struct ide *ide, int timeout_ms, struct err *err);
/* false: the host did not finish some requests in time. NULL is fine. */
bool ide_free(struct ide *ide);

#endif
