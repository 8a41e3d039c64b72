/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv3 with ITS (Arm IHI 0069). A distributor for SPIs, a redistributor for each CPU's
 * own interrupts, and system registers in the CPU. Messages go to the ITS, which needs
 * to know who sends: the requester ID of a PCI function is its DeviceID.
 *
 * KVM has no reset for all of that, only for the ITS. So registers are written as they
 * were at power-on. KVM gives user space its own meaning for some: a write of ISPENDR
 * sets what is pending, ones and zeroes.
 */
#include "arch/arm64/cpu.h"
#include "arch/arm64/gic.h"
#include "arch/arm64/layout.h"
#include "arch/dt_isa.h"

/* Distributor */
#define GICD_CTLR       0x0000u
#define GICD_IGROUPR    0x0080u
#define GICD_ICENABLER  0x0180u
#define GICD_ISPENDR    0x0200u
#define GICD_ICACTIVER  0x0380u
#define GICD_IPRIORITYR 0x0400u
#define GICD_ICFGR      0x0c00u
#define GICD_IROUTER    0x6000u

/* Redistributor: RD_base, and SGI_base behind it */
#define GICR_CTLR      0x0000u
#define GICR_PROPBASER 0x0070u
#define GICR_PENDBASER 0x0078u
#define SGI_BASE       0x10000u

#define ICC_SYSREG(op0, op1, crn, crm, op2) \
	((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define ICC_PMR_EL1       ICC_SYSREG(3, 0, 4, 6, 0)
#define ICC_BPR0_EL1      ICC_SYSREG(3, 0, 12, 8, 3)
#define ICC_AP0R0_EL1     ICC_SYSREG(3, 0, 12, 8, 4)
#define ICC_AP1R0_EL1     ICC_SYSREG(3, 0, 12, 9, 0)
#define ICC_BPR1_EL1      ICC_SYSREG(3, 0, 12, 12, 3)
#define ICC_CTLR_EL1      ICC_SYSREG(3, 0, 12, 12, 4)
#define ICC_IGRPEN0_EL1   ICC_SYSREG(3, 0, 12, 12, 6)
#define ICC_IGRPEN1_EL1   ICC_SYSREG(3, 0, 12, 12, 7)
#define ICC_CTLR_WRITABLE 3u /* CBPR, EOImode */
#define ICC_CTLR_PRI_BITS 8u /* shift: the number of priority bits, less one */

/* INTIDs that the distributor has: all devices, in KVM's steps of 32. */
#define NR_INTIDS ((GIC_FIRST_SPI + DT_NR_IRQS + 31u) / 32 * 32)

int gicv3_create(struct gic *gic, struct vm *vm, struct err *err)
{
	const uint64_t dist = LAYOUT_GICD, redist = LAYOUT_GICR;

	if (kvm_vm_create_device(&vm->kvm_vm, KVM_DEV_TYPE_ARM_VGIC_V3, "GICv3",
				 &gic->device, err) ||
	    kvm_device_set(&gic->device, KVM_DEV_ARM_VGIC_GRP_ADDR,
			   KVM_VGIC_V3_ADDR_TYPE_DIST, &dist, "place of the distributor",
			   err))
		return -1;
	return kvm_device_set(&gic->device, KVM_DEV_ARM_VGIC_GRP_ADDR,
			      KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist,
			      "place of the redistributors", err);
}

static int create_its(struct gic *gic, struct vm *vm, struct err *err)
{
	const uint64_t base = LAYOUT_ITS;

	if (kvm_vm_create_device(&vm->kvm_vm, KVM_DEV_TYPE_ARM_VGIC_ITS, "ITS", &gic->its,
				 err) ||
	    kvm_device_set(&gic->its, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE,
			   &base, "place of the ITS", err))
		return -1;
	return kvm_device_set(&gic->its, KVM_DEV_ARM_VGIC_GRP_CTRL,
			      KVM_DEV_ARM_VGIC_CTRL_INIT, NULL,
			      "initialization of the ITS", err);
}

int gicv3_complete(struct gic *gic, struct vm *vm, unsigned nr_msis, struct err *err)
{
	if (gic_initialize(gic, NR_INTIDS, err))
		return -1;
	return nr_msis ? create_its(gic, vm, err) : 0;
}

/* -- reset -- */

/* Of SPIs, and in a redistributor's second frame of a CPU's own interrupts. */
static const struct gic_registers per_intid[] = {
	{ GICD_IGROUPR, 1, ~0u },   { GICD_ICENABLER, 1, ~0u }, { GICD_ISPENDR, 1, 0 },
	{ GICD_ICACTIVER, 1, ~0u }, { GICD_IPRIORITYR, 8, 0 },  { GICD_ICFGR, 2, 0 },
};

static int reset_distributor(const struct gic *gic, struct err *err)
{
	static const struct gic_registers routes = { GICD_IROUTER, 64, 0 };
	const uint32_t group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS, disabled = 0;

	if (kvm_device_set(&gic->device, group, GICD_CTLR, &disabled, "GICD_CTLR", err))
		return -1;
	for (unsigned i = 0; i < sizeof(per_intid) / sizeof(per_intid[0]); i++) {
		if (gic_fill(gic, group, 0, &per_intid[i], GIC_FIRST_SPI, NR_INTIDS, err))
			return -1;
	}
	return gic_fill(gic, group, 0, &routes, GIC_FIRST_SPI, NR_INTIDS, err);
}

/* GICR_CTLR is first: with its EnableLPIs set, the tables' registers cannot change. */
static int reset_redistributor(const struct gic *gic, uint64_t attr, struct err *err)
{
	static const uint32_t registers[] = { GICR_CTLR, GICR_PROPBASER,
					      GICR_PROPBASER + 4, GICR_PENDBASER,
					      GICR_PENDBASER + 4 };
	const uint32_t group = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, zero = 0;

	for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		if (kvm_device_set(&gic->device, group, attr | registers[i], &zero,
				   "register of a redistributor", err))
			return -1;
	}
	for (unsigned i = 0; i < sizeof(per_intid) / sizeof(per_intid[0]); i++) {
		if (gic_fill(gic, group, attr | SGI_BASE, &per_intid[i], 0, GIC_FIRST_SPI,
			     err))
			return -1;
	}
	return 0;
}

static int set_icc(const struct gic *gic, uint64_t attr, uint64_t value, struct err *err)
{
	return kvm_device_set(&gic->device, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, attr,
			      &value, "register of a CPU interface", err);
}

/* AP0R<n> and AP1R<n>: as many as priority groups need, 32 to a register. */
static int reset_active_priorities(const struct gic *gic, uint64_t attr, uint64_t ctlr,
				   struct err *err)
{
	const unsigned bits = (ctlr >> ICC_CTLR_PRI_BITS & 7) + 1;
	const unsigned count = bits > 5 ? 1u << (bits - 5) : 1;

	for (unsigned i = 0; i < count; i++) {
		if (set_icc(gic, attr | (ICC_AP0R0_EL1 + i), 0, err) ||
		    set_icc(gic, attr | (ICC_AP1R0_EL1 + i), 0, err))
			return -1;
	}
	return 0;
}

static int reset_cpu_interface(const struct gic *gic, uint64_t attr, struct err *err)
{
	static const uint32_t zeroes[] = { ICC_IGRPEN0_EL1, ICC_IGRPEN1_EL1, ICC_PMR_EL1,
					   ICC_BPR0_EL1, ICC_BPR1_EL1 };
	uint64_t ctlr;

	/* The rest of ICC_CTLR_EL1 says what the host can do, and must stay. */
	if (kvm_device_get(&gic->device, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
			   attr | ICC_CTLR_EL1, &ctlr, "ICC_CTLR_EL1", err) ||
	    set_icc(gic, attr | ICC_CTLR_EL1, ctlr & ~(uint64_t)ICC_CTLR_WRITABLE, err))
		return -1;
	for (unsigned i = 0; i < sizeof(zeroes) / sizeof(zeroes[0]); i++) {
		if (set_icc(gic, attr | zeroes[i], 0, err))
			return -1;
	}
	return reset_active_priorities(gic, attr, ctlr, err);
}

/* KVM names a CPU by the four affinity fields, packed into 32 bits. */
static uint64_t cpu_attr(const struct vcpu *vcpu)
{
	const uint64_t mpidr = vcpu->arch->mpidr;

	return ((mpidr >> 32 & 0xff) << 24 | (mpidr & 0xffffff))
	       << KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT;
}

int gicv3_reset(struct gic *gic, const struct vm *vm, struct err *err)
{
	/* The ITS first: it would look into tables that are gone. */
	if (gic->its.fd >= 0 &&
	    kvm_device_has(&gic->its, KVM_DEV_ARM_VGIC_GRP_CTRL,
			   KVM_DEV_ARM_ITS_CTRL_RESET) &&
	    kvm_device_set(&gic->its, KVM_DEV_ARM_VGIC_GRP_CTRL,
			   KVM_DEV_ARM_ITS_CTRL_RESET, NULL, "reset of the ITS", err))
		return -1;
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		const uint64_t attr = cpu_attr(&vm->vcpus[i]);

		if (reset_redistributor(gic, attr, err) ||
		    reset_cpu_interface(gic, attr, err))
			return -1;
	}
	return reset_distributor(gic, err);
}
