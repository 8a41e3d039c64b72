/* SPDX-License-Identifier: BSD-2-Clause */
/* The KVM ioctls that only x86 has; the rules of kvm.h hold here too. */
#ifndef TANE_KVM_KVM_X86_H
#define TANE_KVM_KVM_X86_H

#include "kvm/kvm.h"

/* KVM wants three pages for a TSS and one for an identity map (Intel, real mode). */
int kvm_vm_set_tss(const struct kvm_vm *vm, uint64_t tss_gpa, uint64_t identity_map_gpa,
		   struct err *err);

/* The two 8259 PICs, the IOAPIC and, for each vCPU made later, a local APIC. */
int kvm_vm_create_irqchip(const struct kvm_vm *vm, struct err *err);

/*
 * The entries that wire GSIs to the controllers' pins as ISA does: n to pin n of PIC
 * and IOAPIC, but GSI 0, the timer, to pin 2 of the IOAPIC. KVM's own default has
 * it on pin 0, where no operating system looks for it. Returns how many they are.
 */
#define KVM_X86_MAX_PIN_ROUTES (16 + KVM_IOAPIC_NUM_PINS)
unsigned kvm_x86_pin_routes(struct kvm_irq_routing_entry routes[KVM_X86_MAX_PIN_ROUTES]);

/* The 8254 PIT, and port 0x61 with timer 2's gate and output (KVM_PIT_SPEAKER_DUMMY). */
int kvm_vm_create_pit(const struct kvm_vm *vm, struct err *err);

/* `chip` is KVM_IRQCHIP_PIC_MASTER, _PIC_SLAVE or _IOAPIC. */
int kvm_vm_get_irqchip(const struct kvm_vm *vm, uint32_t chip, struct kvm_irqchip *state,
		       struct err *err);
int kvm_vm_set_irqchip(const struct kvm_vm *vm, const struct kvm_irqchip *state,
		       struct err *err);
int kvm_vm_get_pit(const struct kvm_vm *vm, struct kvm_pit_state2 *state,
		   struct err *err);
int kvm_vm_set_pit(const struct kvm_vm *vm, const struct kvm_pit_state2 *state,
		   struct err *err);

/* Let local APICs use 32-bit IDs. Needed above 255 CPUs; -1 if KVM cannot. */
int kvm_vm_enable_x2apic_ids(const struct kvm_vm *vm, struct err *err);

/* The CPUID that KVM can give a guest; malloc'd, the caller frees. NULL on error. */
struct kvm_cpuid2 *kvm_supported_cpuid(const struct kvm *kvm, struct err *err);
int kvm_vcpu_set_cpuid(const struct kvm_vcpu *vcpu, const struct kvm_cpuid2 *cpuid,
		       struct err *err);

/* The indices of the MSRs that KVM keeps for a vCPU; malloc'd, the caller frees. */
struct kvm_msr_list *kvm_msr_index_list(const struct kvm *kvm, struct err *err);

/* Read or write as many of `msrs` as KVM takes, in order. Returns that number or -1. */
int kvm_vcpu_get_msrs(const struct kvm_vcpu *vcpu, struct kvm_msrs *msrs,
		      struct err *err);
int kvm_vcpu_set_msrs(const struct kvm_vcpu *vcpu, const struct kvm_msrs *msrs,
		      struct err *err);

int kvm_vcpu_get_regs(const struct kvm_vcpu *vcpu, struct kvm_regs *regs,
		      struct err *err);
int kvm_vcpu_set_regs(const struct kvm_vcpu *vcpu, const struct kvm_regs *regs,
		      struct err *err);
int kvm_vcpu_get_sregs(const struct kvm_vcpu *vcpu, struct kvm_sregs *sregs,
		       struct err *err);
int kvm_vcpu_set_sregs(const struct kvm_vcpu *vcpu, const struct kvm_sregs *sregs,
		       struct err *err);
int kvm_vcpu_get_fpu(const struct kvm_vcpu *vcpu, struct kvm_fpu *fpu, struct err *err);
int kvm_vcpu_set_fpu(const struct kvm_vcpu *vcpu, const struct kvm_fpu *fpu,
		     struct err *err);
int kvm_vcpu_get_xsave(const struct kvm_vcpu *vcpu, struct kvm_xsave *xsave,
		       struct err *err);
int kvm_vcpu_set_xsave(const struct kvm_vcpu *vcpu, const struct kvm_xsave *xsave,
		       struct err *err);
int kvm_vcpu_get_xcrs(const struct kvm_vcpu *vcpu, struct kvm_xcrs *xcrs,
		      struct err *err);
int kvm_vcpu_set_xcrs(const struct kvm_vcpu *vcpu, const struct kvm_xcrs *xcrs,
		      struct err *err);
int kvm_vcpu_get_lapic(const struct kvm_vcpu *vcpu, struct kvm_lapic_state *lapic,
		       struct err *err);
int kvm_vcpu_set_lapic(const struct kvm_vcpu *vcpu, const struct kvm_lapic_state *lapic,
		       struct err *err);
int kvm_vcpu_get_events(const struct kvm_vcpu *vcpu, struct kvm_vcpu_events *events,
			struct err *err);
int kvm_vcpu_set_events(const struct kvm_vcpu *vcpu, const struct kvm_vcpu_events *events,
			struct err *err);
int kvm_vcpu_get_debugregs(const struct kvm_vcpu *vcpu, struct kvm_debugregs *regs,
			   struct err *err);
int kvm_vcpu_set_debugregs(const struct kvm_vcpu *vcpu, const struct kvm_debugregs *regs,
			   struct err *err);

/*
 * What makes the vCPU exit with KVM_EXIT_DEBUG: KVM_GUESTDBG_... in `control`. With
 * KVM_GUESTDBG_INJECT_DB or _BP the guest gets that exception as well.
 */
int kvm_vcpu_set_guest_debug(const struct kvm_vcpu *vcpu,
			     const struct kvm_guest_debug *debug, struct err *err);

/* KVM_GUESTDBG_... that this KVM knows; 0 if it does not tell. */
uint32_t kvm_guest_debug_flags(const struct kvm *kvm);

/*
 * What of it really works, found out by a VM of one page; false also where that cannot be
 * made. Single steps always do.
 */
struct kvm_x86_debug {
	bool int3; /* KVM_GUESTDBG_USE_SW_BP */
	bool code; /* KVM_GUESTDBG_USE_HW_BP for instructions */
	bool data; /* ... for data */
};
void kvm_x86_try_debug(const struct kvm *kvm, struct kvm_x86_debug *works);

/*
 * What a guest that is a hypervisor itself has set up. `state` has room for
 * KVM_NESTED_STATE_MAX bytes and its `size` says so.
 */
#define KVM_NESTED_STATE_MAX 16384u
int kvm_vcpu_get_nested(const struct kvm_vcpu *vcpu, struct kvm_nested_state *state,
			struct err *err);
int kvm_vcpu_set_nested(const struct kvm_vcpu *vcpu, const struct kvm_nested_state *state,
			struct err *err);

/* Frequency of the guest's time stamp counter in kHz, 0 if KVM does not tell. */
unsigned kvm_vcpu_tsc_khz(const struct kvm_vcpu *vcpu);

/* Guest virtual to guest physical address by the vCPU's page tables. */
bool kvm_vcpu_translate(const struct kvm_vcpu *vcpu, uint64_t virtual,
			uint64_t *physical);

#endif
