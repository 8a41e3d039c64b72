/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GIC, which KVM emulates: version 3 with an ITS, or version 2, to which we add a
 * v2m frame. A host offers the versions that its own GIC can virtualize, mostly one.
 *
 * Devices have shared peripheral interrupts (SPIs), whose INTIDs begin at 32; SPI n is
 * irq n of dt_isa.h. KVM_IRQ_LINE drives them and asks no routing table, so that table
 * has messages only. PPIs, from INTID 16 on, belong to a CPU each.
 */
#ifndef TANE_ARCH_ARM64_GIC_H
#define TANE_ARCH_ARM64_GIC_H

#include "core/config.h"
#include "core/platform.h"
#include "core/vm.h"
#include "dev/gic_v2m.h"
#include "kvm/kvm.h"

#define GIC_FIRST_PPI 16u
#define GIC_FIRST_SPI 32u
#define GIC_MAX_INTID 1019u /* of an SPI */

/* INTIDs of SPIs for v2m begin here, behind those of devices. */
#define GIC_FIRST_V2M_SPI 96u

/* PPIs of the machine, as Arm's base system architecture has them. */
enum gic_ppi {
	PPI_PMU = 7,
	PPI_TIMER_HYPERVISOR = 10,
	PPI_TIMER_VIRTUAL = 11,
	PPI_TIMER_SECURE = 13,
	PPI_TIMER_PHYSICAL = 14,
};

#define GICV2_MAX_CPUS 8u

struct gic {
	enum irqchip kind; /* IRQCHIP_GICV2 or IRQCHIP_GICV3 */
	struct kvm_device device;
	struct kvm_device its; /* GICv3, if there are devices that send messages */
	struct gic_v2m v2m;    /* GICv2, likewise */
	bool used;             /* a guest may have changed it */
};

/* Before the vCPUs: the device and its place. */
int gicv2_create(struct gic *gic, struct vm *vm, struct err *err);
int gicv3_create(struct gic *gic, struct vm *vm, struct err *err);

/* With all vCPUs, and when it is known how many messages there are, 0 or more. */
int gicv2_complete(struct gic *gic, struct vm *vm, unsigned nr_msis, struct err *err);
int gicv3_complete(struct gic *gic, struct vm *vm, unsigned nr_msis, struct err *err);

/* As at power-on. Messages that were pending are forgotten. */
int gicv2_reset(struct gic *gic, const struct vm *vm, struct err *err);
int gicv3_reset(struct gic *gic, const struct vm *vm, struct err *err);

/* For struct platform: how KVM takes a message; see platform.h. `opaque` is the VM. */
bool gicv2_route_msi(void *opaque, const struct msi *msi,
		     struct kvm_irq_routing_entry *route);
bool gicv3_route_msi(void *opaque, const struct msi *msi,
		     struct kvm_irq_routing_entry *route);

/* What both versions have: how many INTIDs there are, then initialization. */
int gic_initialize(const struct gic *gic, unsigned nr_intids, struct err *err);

/*
 * A value for each 32-bit register from `offset` on that tells of INTIDs `first` to
 * `end` - 1, with `bits` for each. `group` and `attr` are KVM's, without the offset.
 */
struct gic_registers {
	uint32_t offset;
	unsigned bits;
	uint32_t value;
};
int gic_fill(const struct gic *gic, uint32_t group, uint64_t attr,
	     const struct gic_registers *registers, unsigned first, unsigned end,
	     struct err *err);

#endif
