/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RISC-V AIA 1.0 in KVM: an APLIC, which takes wires, and an IMSIC for each hart, which
 * takes messages. The APLIC is in MSI mode: what comes in by wire goes on as a message.
 * KVM emulates both, or uses what the host's CPU has for guests.
 *
 * Numbers are fixed before the vCPUs, addresses after them; then KVM is told to begin.
 */
#include "arch/riscv64/aia.h"
#include "arch/riscv64/cpu.h"
#include "arch/riscv64/layout.h"
#include "kvm/kvm_riscv.h"

/* APLIC (AIA 4.5), offsets of registers. */
#define APLIC_DOMAINCFG    0x0000
#define APLIC_SOURCECFG(n) (0x0004 + 4 * ((n)-1))
#define APLIC_IN_CLRIP     0x1d00
#define APLIC_CLRIE        0x1f00
#define APLIC_TARGET(n)    (0x3004 + 4 * ((n)-1))

/* IMSIC (AIA 3.8), values of iselect. Of eip and eie, 64-bit harts have the even ones. */
#define IMSIC_EIDELIVERY  0x70
#define IMSIC_EITHRESHOLD 0x72
#define IMSIC_EIP0        0x80
#define IMSIC_EIE0        0xc0

int aia_create(struct aia *aia, struct vm *vm, struct err *err)
{
	struct platform *platform = &vm->machine->common.platform;

	if (kvm_vm_create_device(&vm->kvm_vm, RISCV_DEV_TYPE_AIA, "AIA", &aia->device,
				 err))
		return -1;
	for (unsigned i = 0; i < DT_NR_IRQS; i++)
		aia->pins[i] = (struct kvm_irq_routing_entry){
			.gsi = i,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip.pin = i,
		};
	return platform_set_pins(platform, aia->pins, DT_NR_IRQS, DT_NR_IRQS, err);
}

static int set_numbers(struct aia *aia, const struct vm *vm, struct err *err)
{
	const uint32_t sources = DT_NR_IRQS, bits = aia_hart_index_bits(vm->config->cpus);

	if (kvm_device_set(&aia->device, RISCV_AIA_GRP_CONFIG, RISCV_AIA_CONFIG_SRCS,
			   &sources, "sources of the APLIC", err) ||
	    kvm_device_set(&aia->device, RISCV_AIA_GRP_CONFIG, RISCV_AIA_CONFIG_HART_BITS,
			   &bits, "hart index bits", err))
		return -1;
	return kvm_device_get(&aia->device, RISCV_AIA_GRP_CONFIG, RISCV_AIA_CONFIG_IDS,
			      &aia->nr_ids, "messages of the IMSIC", err);
}

static int set_addresses(const struct aia *aia, const struct vm *vm, struct err *err)
{
	uint64_t address = LAYOUT_APLIC;

	if (kvm_device_set(&aia->device, RISCV_AIA_GRP_ADDR, RISCV_AIA_ADDR_APLIC,
			   &address, "address of the APLIC", err))
		return -1;
	for (unsigned i = 0; i < vm->config->cpus; i++) {
		address = LAYOUT_IMSIC + i * RISCV_AIA_IMSIC_SIZE;
		if (kvm_device_set(&aia->device, RISCV_AIA_GRP_ADDR,
				   RISCV_AIA_ADDR_IMSIC(i), &address,
				   "address of an IMSIC", err))
			return -1;
	}
	return 0;
}

int aia_complete(struct aia *aia, struct vm *vm, struct err *err)
{
	if (set_numbers(aia, vm, err) || set_addresses(aia, vm, err) ||
	    kvm_device_set(&aia->device, RISCV_AIA_GRP_CTRL, RISCV_AIA_CTRL_INIT, NULL,
			   "the AIA begins", err))
		return -1;
	/* KVM has just made routes of its own. */
	return platform_set_pins(&vm->machine->common.platform, aia->pins, DT_NR_IRQS,
				 DT_NR_IRQS, err);
}

void aia_destroy(struct aia *aia)
{
	kvm_device_close(&aia->device);
}

static int set_aplic(const struct aia *aia, uint64_t offset, uint32_t value,
		     struct err *err)
{
	return kvm_device_set(&aia->device, RISCV_AIA_GRP_APLIC, offset, &value,
			      "a register of the APLIC", err);
}

static int reset_aplic(const struct aia *aia, struct err *err)
{
	if (set_aplic(aia, APLIC_DOMAINCFG, 0, err))
		return -1;
	for (unsigned i = 0; i < (DT_NR_IRQS + 31) / 32; i++) {
		if (set_aplic(aia, APLIC_CLRIE + 4 * i, UINT32_MAX, err) ||
		    set_aplic(aia, APLIC_IN_CLRIP + 4 * i, UINT32_MAX, err))
			return -1;
	}
	for (unsigned i = 1; i < DT_NR_IRQS; i++) {
		if (set_aplic(aia, APLIC_TARGET(i), 0, err) ||
		    set_aplic(aia, APLIC_SOURCECFG(i), 0, err))
			return -1;
	}
	return 0;
}

static int set_imsic(const struct aia *aia, unsigned vcpu, unsigned isel, uint64_t value,
		     struct err *err)
{
	return kvm_device_set(&aia->device, RISCV_AIA_GRP_IMSIC,
			      RISCV_AIA_IMSIC(vcpu, isel), &value,
			      "a register of an IMSIC", err);
}

static int reset_imsic(const struct aia *aia, unsigned vcpu, struct err *err)
{
	if (set_imsic(aia, vcpu, IMSIC_EIDELIVERY, 0, err) ||
	    set_imsic(aia, vcpu, IMSIC_EITHRESHOLD, 0, err))
		return -1;
	for (unsigned i = 0; i < (aia->nr_ids + 1) / 64; i++) {
		if (set_imsic(aia, vcpu, IMSIC_EIE0 + 2 * i, 0, err) ||
		    set_imsic(aia, vcpu, IMSIC_EIP0 + 2 * i, 0, err))
			return -1;
	}
	return 0;
}

int aia_reset(const struct aia *aia, const struct vm *vm, struct err *err)
{
	if (reset_aplic(aia, err))
		return -1;
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		if (reset_imsic(aia, i, err))
			return -1;
	}
	return 0;
}
