/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What riscv64 adds to the machine of dt_machine.c: harts, and one of two interrupt
 * controllers.
 *
 *	AIA	APLIC and IMSICs, KVM's (aia.c): wires and messages
 *	PLIC	ours (dev/plic.c), for a KVM without an AIA: wires only, and an exit for
 *		each interrupt that is claimed and completed
 *
 * Timers and interrupts between harts are the SBI's, which KVM implements.
 */
#include <stdlib.h>

#include "arch/dt_isa.h"
#include "arch/riscv64/isa.h"
#include "arch/riscv64/layout.h"
#include "kvm/kvm_riscv.h"

_Static_assert(LAYOUT_PLIC + PLIC_SIZE(LAYOUT_MAX_CPUS_PLIC) <= LAYOUT_APLIC, "it fits");
_Static_assert(LAYOUT_MAX_CPUS_AIA <= CONFIG_MAX_CPUS, "and so does the other");

const char arch_name[] = "riscv64";
const enum boot_isa isa_kernels = BOOT_ISA_RISCV64;

int isa_validate(const struct vm_config *config, struct err *err)
{
	if (config->irqchip == IRQCHIP_GICV2 || config->irqchip == IRQCHIP_GICV3)
		return err_set(err, "--irqchip: riscv64 has plic and aia");
	if (config->cpus > LAYOUT_MAX_CPUS_AIA)
		return err_set(err, "--cpus %u: a riscv64 guest has at most %d",
			       config->cpus, LAYOUT_MAX_CPUS_AIA);
	if (config->irqchip == IRQCHIP_PLIC && config->cpus > LAYOUT_MAX_CPUS_PLIC)
		return err_set(err, "--cpus %u: the PLIC (--irqchip plic) serves %d",
			       config->cpus, LAYOUT_MAX_CPUS_PLIC);
	return 0;
}

int isa_vm_type(const struct vm *vm, unsigned long *type, struct err *err)
{
	(void)vm;
	(void)err;
	*type = 0;
	return 0;
}

unsigned isa_address_bits(const struct vm *vm)
{
	return kvm_riscv_gpa_bits(&vm->kvm);
}

static void set_external(void *opaque, unsigned context, bool level)
{
	const struct vm *vm = opaque;

	kvm_riscv_external_interrupt(&vm->vcpus[context].kvm, level);
}

static int build_plic(struct vm *vm, struct err *err)
{
	struct isa *isa = vm->machine->isa;
	const unsigned cpus = vm->config->cpus;
	const struct bus_range range = {
		.base = LAYOUT_PLIC,
		.size = PLIC_SIZE(cpus),
		.name = "plic",
		.ops = &plic_io,
		.dev = &isa->plic,
		.lock = &isa->lock,
	};

	if (cpus > LAYOUT_MAX_CPUS_PLIC)
		return err_set(err,
			       "--cpus %u: KVM of this host has no AIA, and the PLIC "
			       "serves %d",
			       cpus, LAYOUT_MAX_CPUS_PLIC);
	isa->has_plic = true;
	if (plic_init(&isa->plic, DT_NR_IRQS - 1, cpus, set_external, vm, err))
		return -1;
	return bus_add(&vm->bus, BUS_MMIO, &range, err);
}

int isa_build(struct vm *vm, struct err *err)
{
	const enum irqchip wish = vm->config->irqchip;
	const bool has_aia = kvm_vm_has_device(&vm->kvm_vm, RISCV_DEV_TYPE_AIA);
	struct isa *isa = calloc(1, sizeof(*isa));

	if (!isa)
		return err_set(err, "no memory for the interrupt controllers");
	vm->machine->isa = isa;
	isa->aia.device.fd = -1;
	pthread_mutex_init(&isa->lock, NULL);
	if (wish == IRQCHIP_AIA && !has_aia)
		return err_set(err,
			       "--irqchip aia: KVM of this host has none (try plic)");
	if (wish == IRQCHIP_PLIC || !has_aia)
		return build_plic(vm, err);
	vm->machine->has_msi = true;
	return aia_create(&isa->aia, vm, err);
}

int isa_complete(struct vm *vm, struct err *err)
{
	if (vm->machine->isa->has_plic)
		return 0;
	return aia_complete(&vm->machine->isa->aia, vm, err);
}

void isa_destroy(struct vm *vm)
{
	struct isa *isa = vm->machine->isa;

	if (!isa)
		return;
	if (isa->has_plic)
		plic_destroy(&isa->plic);
	aia_destroy(&isa->aia);
	pthread_mutex_destroy(&isa->lock);
	free(isa);
	vm->machine->isa = NULL;
}

int isa_reset(struct vm *vm, struct err *err)
{
	struct isa *isa = vm->machine->isa;

	if (!isa->has_plic)
		return aia_reset(&isa->aia, vm, err);
	pthread_mutex_lock(&isa->lock);
	plic_reset(&isa->plic);
	pthread_mutex_unlock(&isa->lock);
	return 0;
}

void isa_set_irq(struct vm *vm, unsigned irq, bool level)
{
	struct isa *isa = vm->machine->isa;

	if (!isa->has_plic) {
		kvm_vm_irq_line(&vm->kvm_vm, irq, level);
		return;
	}
	pthread_mutex_lock(&isa->lock);
	plic_set(&isa->plic, irq, level);
	pthread_mutex_unlock(&isa->lock);
}
