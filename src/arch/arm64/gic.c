/* SPDX-License-Identifier: BSD-2-Clause */
/* What both versions of the GIC share; see gic.h. */
#include "arch/arm64/gic.h"

int gic_initialize(const struct gic *gic, unsigned nr_intids, struct err *err)
{
	const uint32_t count = nr_intids;

	if (kvm_device_set(&gic->device, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &count,
			   "number of interrupts", err))
		return -1;
	return kvm_device_set(&gic->device, KVM_DEV_ARM_VGIC_GRP_CTRL,
			      KVM_DEV_ARM_VGIC_CTRL_INIT, NULL,
			      "initialization of the GIC", err);
}

int gic_fill(const struct gic *gic, uint32_t group, uint64_t attr,
	     const struct gic_registers *registers, unsigned first, unsigned end,
	     struct err *err)
{
	const uint32_t from = first * registers->bits / 8, to = end * registers->bits / 8;

	for (uint32_t at = from; at < to; at += 4) {
		if (kvm_device_set(&gic->device, group, attr | (registers->offset + at),
				   &registers->value, "register of the GIC", err))
			return -1;
	}
	return 0;
}
