/* SPDX-License-Identifier: BSD-2-Clause */
/* What only RISC-V has of KVM; see kvm_riscv.h. */
#include "kvm/kvm_private.h"
#include "kvm/kvm_riscv.h"

#define CAP_VM_GPA_BITS 178

#define TYPE_SHIFT 24

/* A guest physical address has at least what Sv39x4 gives it. */
#define MIN_GPA_BITS 41

const struct kvm_requirement kvm_arch_requirements[] = {
	{ KVM_CAP_ONE_REG, "KVM_CAP_ONE_REG" },
	{ KVM_CAP_DEVICE_CTRL, "KVM_CAP_DEVICE_CTRL" },
	{ 0, NULL },
};

uint64_t kvm_riscv_reg(enum kvm_riscv_reg_type type, unsigned number)
{
	return KVM_REG_RISCV | KVM_REG_SIZE_U64 | (uint64_t)type << TYPE_SHIFT | number;
}

enum kvm_riscv_reg_type kvm_riscv_reg_type(uint64_t id)
{
	return (enum kvm_riscv_reg_type)(id >> TYPE_SHIFT & 0xff);
}

void kvm_riscv_external_interrupt(const struct kvm_vcpu *vcpu, bool level)
{
	const struct kvm_interrupt interrupt = {
		.irq = (uint32_t)(level ? KVM_INTERRUPT_SET : KVM_INTERRUPT_UNSET),
	};

	/* It fails for no value that it gets here. */
	(void)kvm_ioctl(vcpu->fd, KVM_INTERRUPT, (uintptr_t)&interrupt);
}

unsigned kvm_riscv_gpa_bits(const struct kvm *kvm)
{
	const int bits = kvm_check_extension(kvm, CAP_VM_GPA_BITS);

	return bits >= MIN_GPA_BITS && bits < 64 ? (unsigned)bits : MIN_GPA_BITS;
}
