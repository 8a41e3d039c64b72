/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What arm64 adds to the device-tree machine: how wide addresses are, which GIC, and
 * when KVM sets up what.
 *
 *	isa_vm_type	the width of guest physical addresses, before the VM
 *	isa_build	the GIC's device and its place, before the vCPUs
 *	isa_complete	how many interrupts it has, its initialization, the ITS, the
 *			PMUs: when there are vCPUs and it is known what sends messages
 */
#include <stdlib.h>

#include "arch/arm64/cpu.h"
#include "arch/arm64/isa.h"
#include "arch/arm64/layout.h"
#include "arch/arch.h"
#include "arch/dt_isa.h"
#include "arch/machine.h"
#include "kvm/kvm_arm64.h"

#define PMU_TIMEOUT_MS 10000
#define MAX_IPA_BITS   52u /* of the architecture */

const char arch_name[] = "arm64";
const char isa_tty[] = "ttyAMA";
const unsigned isa_irq_address_cells = 2;
const enum boot_isa isa_kernels = BOOT_ISA_ARM64;

int isa_validate(const struct vm_config *config, struct err *err)
{
	switch (config->irqchip) {
	case IRQCHIP_AUTO:
	case IRQCHIP_GICV2:
	case IRQCHIP_GICV3:
		break;
	default:
		return err_set(err, "--irqchip: arm64 has auto, gicv2 and gicv3");
	}
	if (config->irqchip == IRQCHIP_GICV2 && config->cpus > GICV2_MAX_CPUS)
		return err_set(err,
			       "--cpus %u: a GICv2 takes at most %u; try --irqchip gicv3",
			       config->cpus, GICV2_MAX_CPUS);
	if (config->cpus > LAYOUT_GICR_MAX_CPUS)
		return err_set(err, "--cpus %u: a GICv3 takes at most %u here",
			       config->cpus, LAYOUT_GICR_MAX_CPUS);
	return 0;
}

/* -- addresses -- */

static unsigned ipa_bits(const struct vm *vm)
{
	const uint64_t ram_end = dt_layout.ram + vm->config->memory;
	const struct pci_window window = machine_high_window(ram_end, MAX_IPA_BITS);

	return isa_choose_ipa_bits(ram_end, window.base + window.size,
				   kvm_arm_max_ipa_bits(&vm->kvm));
}

int isa_vm_type(const struct vm *vm, unsigned long *type, struct err *err)
{
	const unsigned bits = ipa_bits(vm);
	char size[CONFIG_SIZE_TEXT];

	if (!bits)
		return err_set(
			err,
			"--mem %s is more than KVM of this host can address: guest "
			"physical addresses have %u bits",
			config_size(vm->config->memory, size),
			kvm_arm_max_ipa_bits(&vm->kvm));
	*type = kvm_arm_vm_type(&vm->kvm, bits);
	return 0;
}

unsigned isa_address_bits(const struct vm *vm)
{
	return ipa_bits(vm);
}

/* -- the GIC -- */

/* The best that the host can virtualize, or what the user wants. */
static int choose_gic(struct vm *vm, struct err *err)
{
	const bool has_v3 = kvm_vm_has_device(&vm->kvm_vm, KVM_DEV_TYPE_ARM_VGIC_V3);
	const bool has_v2 = kvm_vm_has_device(&vm->kvm_vm, KVM_DEV_TYPE_ARM_VGIC_V2);
	const unsigned cpus = vm->config->cpus;
	enum irqchip *kind = &vm->machine->isa->gic.kind;

	*kind = vm->config->irqchip;
	if (*kind == IRQCHIP_AUTO)
		*kind = has_v3 ? IRQCHIP_GICV3 : IRQCHIP_GICV2;
	if (*kind == IRQCHIP_GICV3 && !has_v3)
		return err_set(
			err,
			"--irqchip gicv3: the GIC of this host cannot give a guest a "
			"GICv3: try gicv2");
	if (*kind == IRQCHIP_GICV2 && !has_v2)
		return err_set(err, "--irqchip gicv2: the GIC of this host cannot give a "
				    "guest a GICv2: try gicv3");
	if (*kind == IRQCHIP_GICV2 && cpus > GICV2_MAX_CPUS)
		return err_set(err,
			       "--cpus %u: this host offers a GICv2 only, which takes at "
			       "most %u",
			       cpus, GICV2_MAX_CPUS);
	return 0;
}

int isa_build(struct vm *vm, struct err *err)
{
	struct platform *platform = &machine_common(vm)->platform;
	struct isa *isa = calloc(1, sizeof(*isa));

	if (!isa)
		return err_set(err, "no memory for the machine");
	vm->machine->isa = isa;
	isa->gic.device.fd = isa->gic.its.fd = -1;
	isa->has_pmu = kvm_check_extension(&vm->kvm, KVM_CAP_ARM_PMU_V3) > 0;
	vm->machine->has_msi = true;
	if (kvm_check_extension(&vm->kvm, KVM_CAP_ARM_NISV_TO_USER) > 0 &&
	    kvm_vm_enable_capability(&vm->kvm_vm, KVM_CAP_ARM_NISV_TO_USER, err))
		return -1;
	if (choose_gic(vm, err))
		return -1;
	if (isa->gic.kind == IRQCHIP_GICV2) {
		platform->route_msi = gicv2_route_msi;
		return gicv2_create(&isa->gic, vm, err);
	}
	platform->route_msi = gicv3_route_msi;
	return gicv3_create(&isa->gic, vm, err);
}

static int init_pmu(struct vcpu *vcpu, struct err *err)
{
	return kvm_arm_vcpu_init_pmu(&vcpu->kvm, GIC_FIRST_PPI + PPI_PMU, err);
}

int isa_complete(struct vm *vm, struct err *err)
{
	struct isa *isa = vm->machine->isa;
	const unsigned nr_msis = machine_common(vm)->platform.nr_msis;
	int r;

	vm->machine->has_msi = nr_msis > 0;
	if (isa->gic.kind == IRQCHIP_GICV2)
		r = gicv2_complete(&isa->gic, vm, nr_msis, err);
	else
		r = gicv3_complete(&isa->gic, vm, nr_msis, err);
	if (r)
		return -1;
	return isa->has_pmu ? vcpus_call(vm, init_pmu, PMU_TIMEOUT_MS, err) : 0;
}

void isa_destroy(struct vm *vm)
{
	struct isa *isa = vm->machine->isa;

	if (!isa)
		return;
	kvm_device_close(&isa->gic.its);
	kvm_device_close(&isa->gic.device);
	free(isa);
	vm->machine->isa = NULL;
}

/* The first reset finds a GIC that KVM has just made. */
int isa_reset(struct vm *vm, struct err *err)
{
	struct gic *gic = &vm->machine->isa->gic;

	if (!gic->used) {
		gic->used = true;
		return 0;
	}
	return gic->kind == IRQCHIP_GICV2 ? gicv2_reset(gic, vm, err)
					  : gicv3_reset(gic, vm, err);
}

void isa_set_irq(struct vm *vm, unsigned irq, bool level)
{
	kvm_arm_irq_line(&vm->kvm_vm, irq, level);
}
