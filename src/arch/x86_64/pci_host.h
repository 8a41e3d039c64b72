/* SPDX-License-Identifier: BSD-2-Clause */
/* The PC's side of PCI: windows, ports, ECAM; see pci_host.c. */
#ifndef TANE_ARCH_X86_64_PCI_HOST_H
#define TANE_ARCH_X86_64_PCI_HOST_H

#include "arch/x86_64/chipset.h"
#include "arch/x86_64/tables.h"
#include "core/platform.h"
#include "dev/pci.h"
#include "dev/reset_control.h"

struct pci_host {
	struct pci_bus bus;
	bool made;
	struct reset_control *reset_control; /* shares ports with mechanism 1 */
	pthread_mutex_t *reset_lock;
};

/*
 * Make the bus and put its ports and its ECAM in place. `ram_end` is the end of RAM
 * above 4 GiB, or 4 GiB; the CPU forms addresses of `address_bits`. With a chipset there
 * is firmware, which sets the bus up.
 */
int pci_host_init(struct pci_host *host, struct platform *platform, uint64_t ram_end,
		  unsigned address_bits, const struct irq_line intx[4],
		  struct chipset *chipset, struct reset_control *reset_control,
		  pthread_mutex_t *reset_lock, struct err *err);
void pci_host_destroy(struct pci_host *host);

/* Add what firmware tables have to say about it. */
void pci_host_describe(const struct pci_host *host, struct tables_config *tables);

#endif
