/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The KVM ioctls that only x86 has: interrupt controllers, PIT, CPUID and the
 * registers of a vCPU. See kvm_x86.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "kvm/kvm_private.h"
#include "kvm/kvm_x86.h"

const struct kvm_requirement kvm_arch_requirements[] = {
	{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" },
	{ KVM_CAP_PIT2, "KVM_CAP_PIT2" },
	{ KVM_CAP_PIT_STATE2, "KVM_CAP_PIT_STATE2" },
	{ KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS" },
	{ KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS" },
	{ 0, NULL },
};

/* Most of this file: one ioctl, one struct, one message. */
static int call(int fd, unsigned long request, const void *arg, const char *name,
		struct err *err)
{
	if (kvm_ioctl(fd, request, (uintptr_t)arg) < 0)
		return err_errno(err, "%s", name);
	return 0;
}

#define CALL(fd, request, arg, err) call(fd, request, arg, #request, err)

int kvm_vm_set_tss(const struct kvm_vm *vm, uint64_t tss_gpa, uint64_t identity_map_gpa,
		   struct err *err)
{
	if (CALL(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map_gpa, err))
		return -1;
	return CALL(vm->fd, KVM_SET_TSS_ADDR, (const void *)(uintptr_t)tss_gpa, err);
}

int kvm_vm_create_irqchip(const struct kvm_vm *vm, struct err *err)
{
	return CALL(vm->fd, KVM_CREATE_IRQCHIP, NULL, err);
}

/* One GSI on one pin of one controller. */
static struct kvm_irq_routing_entry wire(uint32_t gsi, uint32_t chip, uint32_t pin)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

unsigned kvm_x86_pin_routes(struct kvm_irq_routing_entry routes[KVM_X86_MAX_PIN_ROUTES])
{
	unsigned n = 0;

	for (uint32_t gsi = 0; gsi < KVM_IOAPIC_NUM_PINS; gsi++) {
		if (gsi == 2) /* the second PIC hangs there, and the timer has the pin */
			continue;
		if (gsi < 8)
			routes[n++] = wire(gsi, KVM_IRQCHIP_PIC_MASTER, gsi);
		else if (gsi < 16)
			routes[n++] = wire(gsi, KVM_IRQCHIP_PIC_SLAVE, gsi - 8);
		routes[n++] = wire(gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi);
	}
	return n;
}

int kvm_vm_create_pit(const struct kvm_vm *vm, struct err *err)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };

	return CALL(vm->fd, KVM_CREATE_PIT2, &config, err);
}

int kvm_vm_get_irqchip(const struct kvm_vm *vm, uint32_t chip, struct kvm_irqchip *state,
		       struct err *err)
{
	*state = (struct kvm_irqchip){ .chip_id = chip };
	return CALL(vm->fd, KVM_GET_IRQCHIP, state, err);
}

int kvm_vm_set_irqchip(const struct kvm_vm *vm, const struct kvm_irqchip *state,
		       struct err *err)
{
	return CALL(vm->fd, KVM_SET_IRQCHIP, state, err);
}

int kvm_vm_get_pit(const struct kvm_vm *vm, struct kvm_pit_state2 *state, struct err *err)
{
	return CALL(vm->fd, KVM_GET_PIT2, state, err);
}

int kvm_vm_set_pit(const struct kvm_vm *vm, const struct kvm_pit_state2 *state,
		   struct err *err)
{
	return CALL(vm->fd, KVM_SET_PIT2, state, err);
}

int kvm_vm_enable_x2apic_ids(const struct kvm_vm *vm, struct err *err)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X2APIC_API,
		.args[0] = KVM_X2APIC_API_USE_32BIT_IDS |
			   KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK,
	};

	return CALL(vm->fd, KVM_ENABLE_CAP, &cap, err);
}

/*
 * KVM_GET_SUPPORTED_CPUID and KVM_GET_MSR_INDEX_LIST answer E2BIG until the
 * caller's array is large enough, so both are asked with a growing one.
 */
struct kvm_cpuid2 *kvm_supported_cpuid(const struct kvm *kvm, struct err *err)
{
	for (unsigned n = 128; n <= 4096; n *= 2) {
		struct kvm_cpuid2 *cpuid =
			calloc(1, sizeof(*cpuid) + n * sizeof(cpuid->entries[0]));

		if (!cpuid)
			break;
		cpuid->nent = n;
		if (kvm_ioctl(kvm->fd, KVM_GET_SUPPORTED_CPUID, (uintptr_t)cpuid) == 0)
			return cpuid;
		free(cpuid);
		if (errno != E2BIG)
			break;
	}
	err_errno(err, "KVM_GET_SUPPORTED_CPUID");
	return NULL;
}

int kvm_vcpu_set_cpuid(const struct kvm_vcpu *vcpu, const struct kvm_cpuid2 *cpuid,
		       struct err *err)
{
	return CALL(vcpu->fd, KVM_SET_CPUID2, cpuid, err);
}

struct kvm_msr_list *kvm_msr_index_list(const struct kvm *kvm, struct err *err)
{
	for (unsigned n = 256; n <= 8192; n *= 2) {
		struct kvm_msr_list *list =
			calloc(1, sizeof(*list) + n * sizeof(list->indices[0]));

		if (!list)
			break;
		list->nmsrs = n;
		if (kvm_ioctl(kvm->fd, KVM_GET_MSR_INDEX_LIST, (uintptr_t)list) == 0)
			return list;
		free(list);
		if (errno != E2BIG)
			break;
	}
	err_errno(err, "KVM_GET_MSR_INDEX_LIST");
	return NULL;
}

int kvm_vcpu_get_msrs(const struct kvm_vcpu *vcpu, struct kvm_msrs *msrs, struct err *err)
{
	int n = kvm_ioctl(vcpu->fd, KVM_GET_MSRS, (uintptr_t)msrs);

	return n < 0 ? err_errno(err, "KVM_GET_MSRS") : n;
}

int kvm_vcpu_set_msrs(const struct kvm_vcpu *vcpu, const struct kvm_msrs *msrs,
		      struct err *err)
{
	int n = kvm_ioctl(vcpu->fd, KVM_SET_MSRS, (uintptr_t)msrs);

	return n < 0 ? err_errno(err, "KVM_SET_MSRS") : n;
}

int kvm_vcpu_get_regs(const struct kvm_vcpu *vcpu, struct kvm_regs *regs, struct err *err)
{
	return CALL(vcpu->fd, KVM_GET_REGS, regs, err);
}

int kvm_vcpu_set_regs(const struct kvm_vcpu *vcpu, const struct kvm_regs *regs,
		      struct err *err)
{
	return CALL(vcpu->fd, KVM_SET_REGS, regs, err);
}

int kvm_vcpu_get_sregs(const struct kvm_vcpu *vcpu, struct kvm_sregs *sregs,
		       struct err *err)
{
	return CALL(vcpu->fd, KVM_GET_SREGS, sregs, err);
}

int kvm_vcpu_set_sregs(const struct kvm_vcpu *vcpu, const struct kvm_sregs *sregs,
		       struct err *err)
{
	return CALL(vcpu->fd, KVM_SET_SREGS, sregs, err);
}

int kvm_vcpu_get_fpu(const struct kvm_vcpu *vcpu, struct kvm_fpu *fpu, struct err *err)
{
	return CALL(vcpu->fd, KVM_GET_FPU, fpu, err);
}

int kvm_vcpu_set_fpu(const struct kvm_vcpu *vcpu, const struct kvm_fpu *fpu,
		     struct err *err)
{
	return CALL(vcpu->fd, KVM_SET_FPU, fpu, err);
}

int kvm_vcpu_get_xcrs(const struct kvm_vcpu *vcpu, struct kvm_xcrs *xcrs, struct err *err)
{
	return CALL(vcpu->fd, KVM_GET_XCRS, xcrs, err);
}

int kvm_vcpu_set_xcrs(const struct kvm_vcpu *vcpu, const struct kvm_xcrs *xcrs,
		      struct err *err)
{
	return CALL(vcpu->fd, KVM_SET_XCRS, xcrs, err);
}

int kvm_vcpu_get_lapic(const struct kvm_vcpu *vcpu, struct kvm_lapic_state *lapic,
		       struct err *err)
{
	return CALL(vcpu->fd, KVM_GET_LAPIC, lapic, err);
}

int kvm_vcpu_set_lapic(const struct kvm_vcpu *vcpu, const struct kvm_lapic_state *lapic,
		       struct err *err)
{
	return CALL(vcpu->fd, KVM_SET_LAPIC, lapic, err);
}

int kvm_vcpu_get_events(const struct kvm_vcpu *vcpu, struct kvm_vcpu_events *events,
			struct err *err)
{
	return CALL(vcpu->fd, KVM_GET_VCPU_EVENTS, events, err);
}

int kvm_vcpu_set_events(const struct kvm_vcpu *vcpu, const struct kvm_vcpu_events *events,
			struct err *err)
{
	return CALL(vcpu->fd, KVM_SET_VCPU_EVENTS, events, err);
}

int kvm_vcpu_get_debugregs(const struct kvm_vcpu *vcpu, struct kvm_debugregs *regs,
			   struct err *err)
{
	return CALL(vcpu->fd, KVM_GET_DEBUGREGS, regs, err);
}

int kvm_vcpu_set_debugregs(const struct kvm_vcpu *vcpu, const struct kvm_debugregs *regs,
			   struct err *err)
{
	return CALL(vcpu->fd, KVM_SET_DEBUGREGS, regs, err);
}

int kvm_vcpu_get_xsave(const struct kvm_vcpu *vcpu, struct kvm_xsave *xsave,
		       struct err *err)
{
	return CALL(vcpu->fd, KVM_GET_XSAVE, xsave, err);
}

int kvm_vcpu_set_xsave(const struct kvm_vcpu *vcpu, const struct kvm_xsave *xsave,
		       struct err *err)
{
	return CALL(vcpu->fd, KVM_SET_XSAVE, xsave, err);
}

int kvm_vcpu_set_guest_debug(const struct kvm_vcpu *vcpu,
			     const struct kvm_guest_debug *debug, struct err *err)
{
	return CALL(vcpu->fd, KVM_SET_GUEST_DEBUG, debug, err);
}

uint32_t kvm_guest_debug_flags(const struct kvm *kvm)
{
	return (uint32_t)kvm_check_extension(kvm, KVM_CAP_SET_GUEST_DEBUG2);
}

int kvm_vcpu_get_nested(const struct kvm_vcpu *vcpu, struct kvm_nested_state *state,
			struct err *err)
{
	return CALL(vcpu->fd, KVM_GET_NESTED_STATE, state, err);
}

int kvm_vcpu_set_nested(const struct kvm_vcpu *vcpu, const struct kvm_nested_state *state,
			struct err *err)
{
	return CALL(vcpu->fd, KVM_SET_NESTED_STATE, state, err);
}

unsigned kvm_vcpu_tsc_khz(const struct kvm_vcpu *vcpu)
{
	int khz = kvm_ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);

	return khz > 0 ? (unsigned)khz : 0;
}

bool kvm_vcpu_translate(const struct kvm_vcpu *vcpu, uint64_t virtual, uint64_t *physical)
{
	struct kvm_translation translation = { .linear_address = virtual };

	if (kvm_ioctl(vcpu->fd, KVM_TRANSLATE, (uintptr_t)&translation) ||
	    !translation.valid)
		return false;
	*physical = translation.physical_address;
	return true;
}
