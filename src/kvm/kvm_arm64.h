/* SPDX-License-Identifier: BSD-2-Clause */
/* The KVM ioctls that only arm64 has; the rules of kvm.h hold here too. */
#ifndef TANE_KVM_KVM_ARM64_H
#define TANE_KVM_KVM_ARM64_H

#include "kvm/kvm.h"

/* How wide guest physical addresses can be, in bits. */
unsigned kvm_arm_max_ipa_bits(const struct kvm *kvm);

/* The argument of KVM_CREATE_VM for `bits`; 0, which means 40, for a KVM of one width. */
unsigned long kvm_arm_vm_type(const struct kvm *kvm, unsigned bits);

/* The target that suits this host, with no features: what init begins with. */
int kvm_arm_preferred_target(const struct kvm_vm *vm, struct kvm_vcpu_init *init,
			     struct err *err);

/*
 * Give a vCPU its features, or, a second time with the same ones, all registers of the
 * core their values at reset. `feature` is a KVM_ARM_VCPU_... number.
 */
int kvm_arm_vcpu_init(const struct kvm_vcpu *vcpu, const struct kvm_vcpu_init *init,
		      struct err *err);
int kvm_arm_vcpu_finalize(const struct kvm_vcpu *vcpu, int feature, struct err *err);

/*
 * Registers of the core and of the system, 64 bits. `offset` is that in struct kvm_regs;
 * a system register is named by its encoding.
 */
int kvm_arm_get_core(const struct kvm_vcpu *vcpu, size_t offset, uint64_t *value,
		     struct err *err);
int kvm_arm_set_core(const struct kvm_vcpu *vcpu, size_t offset, uint64_t value,
		     struct err *err);
int kvm_arm_get_sysreg(const struct kvm_vcpu *vcpu, uint64_t id, uint64_t *value,
		       struct err *err);

/* Give the vCPU's PMU its interrupt, and switch it on. After the GIC's initialization. */
int kvm_arm_vcpu_init_pmu(const struct kvm_vcpu *vcpu, int intid, struct err *err);

/* Drive shared peripheral interrupt number `spi`, from 0 on. Cannot fail usefully. */
void kvm_arm_irq_line(const struct kvm_vm *vm, uint32_t spi, bool level);

#endif
