/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv2 (Arm IHI 0048) with a v2m frame. KVM emulates the distributor and the CPU
 * interfaces, and knows nothing of v2m: the frame's registers are ours (gic_v2m.c), and
 * a message to it becomes what it stands for, an edge on an SPI. So a device's eventfd
 * is routed straight to that SPI, and only a CPU that writes to the frame exits to us.
 */
#include "arch/arm64/isa.h"
#include "arch/arm64/layout.h"
#include "arch/dt_isa.h"
#include "kvm/kvm_arm64.h"

/* Distributor */
#define GICD_CTLR       0x000u
#define GICD_IGROUPR    0x080u
#define GICD_ICENABLER  0x180u
#define GICD_ICPENDR    0x280u
#define GICD_ICACTIVER  0x380u
#define GICD_IPRIORITYR 0x400u
#define GICD_ITARGETSR  0x800u
#define GICD_ICFGR      0xc00u
#define GICD_CPENDSGIR  0xf10u
#define NR_CPENDSGIR    4u

/* CPU interface */
#define GICC_CTLR 0x00u
#define GICC_PMR  0x04u
#define GICC_BPR  0x08u
#define GICC_ABPR 0x1cu
#define GICC_APR0 0xd0u

_Static_assert(GIC_FIRST_SPI + DT_NR_IRQS <= GIC_FIRST_V2M_SPI, "v2m is behind devices");

int gicv2_create(struct gic *gic, struct vm *vm, struct err *err)
{
	const uint64_t dist = LAYOUT_GICD, cpu = LAYOUT_GICC;

	if (kvm_vm_create_device(&vm->kvm_vm, KVM_DEV_TYPE_ARM_VGIC_V2, "GICv2",
				 &gic->device, err) ||
	    kvm_device_set(&gic->device, KVM_DEV_ARM_VGIC_GRP_ADDR,
			   KVM_VGIC_V2_ADDR_TYPE_DIST, &dist, "place of the distributor",
			   err))
		return -1;
	return kvm_device_set(&gic->device, KVM_DEV_ARM_VGIC_GRP_ADDR,
			      KVM_VGIC_V2_ADDR_TYPE_CPU, &cpu,
			      "place of the CPU interface", err);
}

/* A CPU wrote to the frame. On its thread. */
static void on_message(void *opaque, uint32_t intid)
{
	const struct vm *vm = opaque;

	kvm_arm_irq_line(&vm->kvm_vm, intid - GIC_FIRST_SPI, true);
	kvm_arm_irq_line(&vm->kvm_vm, intid - GIC_FIRST_SPI, false);
}

/* Not more SPIs than there are messages: a guest sets up each of them. */
static unsigned nr_v2m_spis(unsigned nr_msis)
{
	const unsigned max = GIC_MAX_INTID + 1 - GIC_FIRST_V2M_SPI;

	return nr_msis < max ? nr_msis : max;
}

static int add_v2m(struct gic *gic, struct vm *vm, unsigned nr_spis, struct err *err)
{
	const struct bus_range range = {
		.base = LAYOUT_V2M,
		.size = GIC_V2M_SIZE,
		.name = "gic-v2m",
		.ops = &gic_v2m_io,
		.dev = &gic->v2m,
	};

	gic_v2m_init(&gic->v2m, GIC_FIRST_V2M_SPI, nr_spis, on_message, vm);
	return bus_add(&vm->bus, BUS_MMIO, &range, err);
}

int gicv2_complete(struct gic *gic, struct vm *vm, unsigned nr_msis, struct err *err)
{
	const unsigned nr_spis = nr_v2m_spis(nr_msis);

	if (nr_spis && add_v2m(gic, vm, nr_spis, err))
		return -1;
	return gic_initialize(gic, (GIC_FIRST_V2M_SPI + nr_spis + 31) / 32 * 32, err);
}

/* -- reset -- */

static const struct gic_registers per_intid[] = {
	{ GICD_IGROUPR, 1, 0 },     { GICD_ICENABLER, 1, ~0u }, { GICD_ICPENDR, 1, ~0u },
	{ GICD_ICACTIVER, 1, ~0u }, { GICD_IPRIORITYR, 8, 0 },  { GICD_ICFGR, 2, 0 },
};

static int set_distributor(const struct gic *gic, uint64_t attr, uint32_t value,
			   struct err *err)
{
	return kvm_device_set(&gic->device, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, attr, &value,
			      "register of the distributor", err);
}

static int reset_intids(const struct gic *gic, uint64_t attr, unsigned first,
			unsigned end, struct err *err)
{
	for (unsigned i = 0; i < sizeof(per_intid) / sizeof(per_intid[0]); i++) {
		if (gic_fill(gic, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, attr, &per_intid[i],
			     first, end, err))
			return -1;
	}
	return 0;
}

static int reset_cpu(const struct gic *gic, uint64_t cpu, struct err *err)
{
	static const uint32_t registers[] = { GICC_CTLR, GICC_PMR, GICC_BPR, GICC_ABPR,
					      GICC_APR0 };
	const uint64_t attr = cpu << KVM_DEV_ARM_VGIC_CPUID_SHIFT;
	const uint32_t zero = 0;

	for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		if (kvm_device_set(&gic->device, KVM_DEV_ARM_VGIC_GRP_CPU_REGS,
				   attr | registers[i], &zero,
				   "register of a CPU interface", err))
			return -1;
	}
	for (unsigned i = 0; i < NR_CPENDSGIR; i++) {
		if (set_distributor(gic, attr | (GICD_CPENDSGIR + 4 * i), ~0u, err))
			return -1;
	}
	return reset_intids(gic, attr, 0, GIC_FIRST_SPI, err);
}

int gicv2_reset(struct gic *gic, const struct vm *vm, struct err *err)
{
	static const struct gic_registers targets = { GICD_ITARGETSR, 8, 0 };
	const unsigned end = (GIC_FIRST_V2M_SPI + gic->v2m.count + 31) / 32 * 32;

	if (set_distributor(gic, GICD_CTLR, 0, err))
		return -1;
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		if (reset_cpu(gic, i, err))
			return -1;
	}
	if (reset_intids(gic, 0, GIC_FIRST_SPI, end, err))
		return -1;
	return gic_fill(gic, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0, &targets, GIC_FIRST_SPI,
			end, err);
}
