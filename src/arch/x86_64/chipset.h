/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chips that a PC with firmware has on PCI instead of the generic host bridge: i440FX
 * at 00:00.0, the PIIX's ISA bridge at 00:01.0 and its power management at 00:01.3.
 */
#ifndef TANE_ARCH_X86_64_CHIPSET_H
#define TANE_ARCH_X86_64_CHIPSET_H

#include "arch/wires.h"
#include "dev/i440fx.h"
#include "dev/piix.h"

struct chipset {
	bool made;
	struct i440fx bridge;
	struct piix_isa isa;
	struct piix_pm pm;
	/* A wire of PCI leads to a pin of the I/O APIC and to the ISA bridge. */
	struct chipset_wire {
		struct piix_isa *isa;
		unsigned pirq;
		struct irq_line ioapic;
	} wires[4];
};

/*
 * Make the chips and choose `intx`, the lines for the bus's init. Zeroes before; destroy
 * takes them as well. `set_route` and `opaque` are for i440fx_init().
 */
void chipset_init(struct chipset *chipset, struct wires *wires,
		  void (*set_route)(void *opaque, unsigned segment, unsigned route),
		  void *opaque, struct irq_line intx[4]);
/* The ISA interrupt that firmware leads wire `wire` of the bus to. */
unsigned chipset_isa_irq(unsigned wire);
int chipset_plug(struct chipset *chipset, struct pci_bus *bus, struct err *err);
/* After pci_bus_reset(). */
void chipset_reset(struct chipset *chipset);
void chipset_destroy(struct chipset *chipset);

#endif
