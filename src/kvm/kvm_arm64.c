/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The KVM ioctls that only arm64 has: features and registers of a vCPU, and how
 * interrupts are numbered. The GIC is a KVM device, see kvm_vm_create_device().
 */
#include "kvm/kvm_arm64.h"
#include "kvm/kvm_private.h"

#define DEFAULT_IPA_BITS 40u

/* INTIDs of shared peripheral interrupts begin here (GIC architecture, 2.2.1). */
#define FIRST_SPI 32u

const struct kvm_requirement kvm_arch_requirements[] = {
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" },
	{ KVM_CAP_DEVICE_CTRL, "KVM_CAP_DEVICE_CTRL" },
	{ KVM_CAP_ONE_REG, "KVM_CAP_ONE_REG" },
	{ KVM_CAP_ARM_PSCI_0_2, "KVM_CAP_ARM_PSCI_0_2" },
	{ 0, NULL },
};

unsigned kvm_arm_max_ipa_bits(const struct kvm *kvm)
{
	const int bits = kvm_check_extension(kvm, KVM_CAP_ARM_VM_IPA_SIZE);

	return bits > 0 ? (unsigned)bits : DEFAULT_IPA_BITS;
}

unsigned long kvm_arm_vm_type(const struct kvm *kvm, unsigned bits)
{
	if (kvm_check_extension(kvm, KVM_CAP_ARM_VM_IPA_SIZE) <= 0)
		return 0;
	return KVM_VM_TYPE_ARM_IPA_SIZE(bits);
}

int kvm_arm_preferred_target(const struct kvm_vm *vm, struct kvm_vcpu_init *init,
			     struct err *err)
{
	*init = (struct kvm_vcpu_init){ 0 };
	if (kvm_ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, (uintptr_t)init))
		return err_errno(err, "KVM_ARM_PREFERRED_TARGET");
	return 0;
}

int kvm_arm_vcpu_init(const struct kvm_vcpu *vcpu, const struct kvm_vcpu_init *init,
		      struct err *err)
{
	if (kvm_ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, (uintptr_t)init))
		return err_errno(err, "KVM_ARM_VCPU_INIT: features 0x%x",
				 init->features[0]);
	return 0;
}

int kvm_arm_vcpu_finalize(const struct kvm_vcpu *vcpu, int feature, struct err *err)
{
	if (kvm_ioctl(vcpu->fd, KVM_ARM_VCPU_FINALIZE, (uintptr_t)&feature))
		return err_errno(err, "KVM_ARM_VCPU_FINALIZE: feature %d", feature);
	return 0;
}

/* KVM counts in units of 32 bits. */
static uint64_t core_id(size_t offset)
{
	return KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
	       offset / sizeof(uint32_t);
}

int kvm_arm_get_core(const struct kvm_vcpu *vcpu, size_t offset, uint64_t *value,
		     struct err *err)
{
	return kvm_vcpu_get_reg(vcpu, core_id(offset), value, err);
}

int kvm_arm_set_core(const struct kvm_vcpu *vcpu, size_t offset, uint64_t value,
		     struct err *err)
{
	return kvm_vcpu_set_reg(vcpu, core_id(offset), &value, err);
}

int kvm_arm_get_sysreg(const struct kvm_vcpu *vcpu, uint64_t id, uint64_t *value,
		       struct err *err)
{
	return kvm_vcpu_get_reg(vcpu, id, value, err);
}

/* A vCPU has attributes like a device. */
int kvm_arm_vcpu_init_pmu(const struct kvm_vcpu *vcpu, int intid, struct err *err)
{
	const struct kvm_device device = { .fd = vcpu->fd };

	if (kvm_device_set(&device, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ,
			   &intid, "interrupt of the PMU", err))
		return -1;
	return kvm_device_set(&device, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT,
			      NULL, "initialization of the PMU", err);
}

void kvm_arm_irq_line(const struct kvm_vm *vm, uint32_t spi, bool level)
{
	kvm_vm_irq_line(
		vm, KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | (FIRST_SPI + spi),
		level);
}
