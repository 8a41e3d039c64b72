/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chips of a PC with firmware, and where the interrupts of PCI go.
 *
 * Device 1 has its INTA# on PIRQA#, as on all boards with this chipset: firmware
 * knows that by heart. The bus numbers its wires from device 0 on, so wire n is PIRQ# n - 1.
 * Each wire leads to a pin of the I/O APIC as well, 16 to 19, as without firmware. A
 * system uses the one or the other.
 */
#include "arch/x86_64/chipset.h"
#include "arch/x86_64/layout.h"

#define ISA_DEVICE  1
#define PM_FUNCTION 3

static unsigned pirq_of(unsigned wire)
{
	return (wire + PIIX_PIRQS - ISA_DEVICE) % PIIX_PIRQS;
}

/* It is firmware that writes so to PIRQRC; tables of ours have to agree. */
unsigned chipset_isa_irq(unsigned wire)
{
	static const uint8_t irqs[PIIX_PIRQS] = { 10, 10, 11, 11 };

	return irqs[pirq_of(wire)];
}

static void set_wire(void *opaque, bool level)
{
	const struct chipset_wire *wire = opaque;

	irq_set(&wire->ioapic, level);
	piix_set_pirq(wire->isa, wire->pirq, level);
}

void chipset_init(struct chipset *chipset, struct wires *wires,
		  void (*set_route)(void *opaque, unsigned segment, unsigned route),
		  void *opaque, struct irq_line intx[4])
{
	struct irq_line isa[PIIX_ISA_IRQS] = { 0 };

	for (unsigned i = 0; i < PIIX_ISA_IRQS; i++) {
		if (piix_can_route(i))
			isa[i] = wires_connect(wires, i);
	}
	for (unsigned i = 0; i < 4; i++) {
		chipset->wires[i] = (struct chipset_wire){
			.isa = &chipset->isa,
			.pirq = pirq_of(i),
			.ioapic = wires_connect(wires, IRQ_PCI + i),
		};
		intx[i] = (struct irq_line){ .set = set_wire,
					     .opaque = &chipset->wires[i] };
	}
	i440fx_init(&chipset->bridge, set_route, opaque);
	piix_isa_init(&chipset->isa, isa);
	piix_pm_init(&chipset->pm, PORT_ACPI_PM);
	chipset->made = true;
}

int chipset_plug(struct chipset *chipset, struct pci_bus *bus, struct err *err)
{
	if (pci_bus_plug_at(bus, &chipset->bridge.function, 0, 0, err) ||
	    pci_bus_plug_at(bus, &chipset->isa.function, ISA_DEVICE, 0, err))
		return -1;
	return pci_bus_plug_at(bus, &chipset->pm.function, ISA_DEVICE, PM_FUNCTION, err);
}

void chipset_reset(struct chipset *chipset)
{
	if (!chipset->made)
		return;
	i440fx_reset(&chipset->bridge);
	piix_isa_reset(&chipset->isa);
}

void chipset_destroy(struct chipset *chipset)
{
	if (chipset->made)
		piix_isa_destroy(&chipset->isa);
	chipset->made = false;
}
