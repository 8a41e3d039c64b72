/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How KVM takes messages of devices. To an ITS they go as messages, and it needs to know
 * who sends. KVM knows nothing of v2m: there a message is the edge on an SPI that it
 * stands for. Whatever else a guest has written into a device's MSI-X table leads
 * nowhere.
 */
#include "arch/arm64/isa.h"
#include "arch/arm64/layout.h"
#include "arch/dt_isa.h"

bool gicv3_route_msi(void *opaque, const struct msi *msi,
		     struct kvm_irq_routing_entry *route)
{
	(void)opaque;
	route->flags = KVM_MSI_VALID_DEVID;
	route->u.msi.devid = msi->requester_id;
	return true;
}

bool gicv2_route_msi(void *opaque, const struct msi *msi,
		     struct kvm_irq_routing_entry *route)
{
	const struct vm *vm = opaque;
	const struct gic_v2m *v2m = &vm->machine->isa->gic.v2m;

	if (msi->address != LAYOUT_V2M + GIC_V2M_SETSPI_NS ||
	    !gic_v2m_has(v2m, msi->data))
		return false;
	*route = (struct kvm_irq_routing_entry){
		.gsi = msi->gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip.pin = msi->data - GIC_FIRST_SPI,
	};
	return true;
}
