/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files pci*.c share with each other and with nobody else. */
#ifndef TANE_DEV_PCI_PRIVATE_H
#define TANE_DEV_PCI_PRIVATE_H

#include "dev/pci.h"

/* Registers of the configuration space (PCI 3.0, 6.1 and 6.2). */
#define PCI_VENDOR_ID            0x00
#define PCI_DEVICE_ID            0x02
#define PCI_COMMAND              0x04
#define PCI_STATUS               0x06
#define PCI_REVISION_ID          0x08
#define PCI_CLASS_CODE           0x09 /* three bytes */
#define PCI_HEADER_TYPE          0x0e
#define PCI_BAR0                 0x10
#define PCI_SUBSYSTEM_VENDOR_ID  0x2c
#define PCI_SUBSYSTEM_ID         0x2e
#define PCI_CAPABILITIES_POINTER 0x34
#define PCI_INTERRUPT_LINE       0x3c
#define PCI_INTERRUPT_PIN        0x3d
#define PCI_HEADER_END           0x40

#define PCI_COMMAND_IO           0x0001u
#define PCI_COMMAND_MEMORY       0x0002u
#define PCI_COMMAND_BUS_MASTER   0x0004u
#define PCI_COMMAND_INTX_DISABLE 0x0400u

#define PCI_STATUS_INTERRUPT    0x0008u
#define PCI_STATUS_CAPABILITIES 0x0010u

#define PCI_HEADER_MULTI_FUNCTION 0x80u

/* Type bits of a BAR (6.2.5.1). */
#define PCI_BAR_IS_IO        0x1u
#define PCI_BAR_IS_64        0x4u
#define PCI_BAR_PREFETCHABLE 0x8u

/* MSI-X capability (6.8.2). */
#define PCI_CAP_MSIX           0x11
#define PCI_MSIX_CONTROL       2
#define PCI_MSIX_TABLE         4
#define PCI_MSIX_PBA           8
#define PCI_MSIX_CAP_SIZE      12
#define PCI_MSIX_ENABLE        0x8000u
#define PCI_MSIX_FUNCTION_MASK 0x4000u

/* -- pci_config.c: the configuration space of one function -- */

/* `offset` + `size` is inside the space and size is 1, 2 or 4. The bus's lock is held. */
uint32_t pci_config_read(struct pci_function *function, unsigned offset, unsigned size);
void pci_config_write(struct pci_function *function, unsigned offset, unsigned size,
		      uint32_t value);

uint16_t pci_command(const struct pci_function *function);
uint64_t pci_bar_address(const struct pci_function *function, unsigned index);
void pci_bar_set_address(struct pci_function *function, unsigned index, uint64_t address);

/* -- pci.c -- */

/* Decode the BARs as the registers have them now. The bus's lock is held. */
void pci_bus_decode(struct pci_bus *bus);
/* May the function pull its wire? */
void pci_block_intx(struct pci_function *function, bool blocked);

/* -- pci_msix.c: a function without MSI-X is fine for all of them -- */

/* The capability's offset. */
unsigned pci_msix_capability(const struct pci_function *function);
/* Its place on the bus is known: messages say who sends them. */
void pci_msix_plugged(struct pci_function *function);
/* Enable, Function Mask or Bus Master has changed. The bus's lock is held. */
void pci_msix_update(struct pci_function *function);
void pci_msix_reset(struct pci_function *function);
void pci_msix_destroy(struct pci_function *function);
int pci_msix_save(const struct pci_function *function, struct state_writer *writer,
		  struct err *err);
/* In two steps, so that a load is all or nothing; apply frees *state. NULL is none. */
struct pci_msix_state;
int pci_msix_parse(const struct pci_function *function, struct bytes image,
		   struct pci_msix_state **state, struct err *err);
void pci_msix_apply(struct pci_function *function, struct pci_msix_state *state);

#endif
