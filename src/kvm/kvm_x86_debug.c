/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of KVM_SET_GUEST_DEBUG works here? The documentation says all of it, and there is no
 * capability that says less. But KVM's instruction emulator delivers INT3 to the guest and
 * knows no data breakpoints, and it runs all of the guest where there is no hardware that
 * could (kvm_pvm); and an emulated CPU may intercept neither. A debugger must do without
 * what is missing, so a VM of one page tries: in real mode, each to an exit or to HLT.
 */
#include <string.h>
#include <sys/mman.h>

#include "kvm/kvm_x86.h"

#define PAGE    4096u
#define TSS     0xfffbd000u
#define ID_MAP  0xfffbc000u
#define CODE    0x800u
#define HANDLER 0x900u
#define DATA    0xa00u

/* SDM vol. 3, 18.2.4: DR0 for instructions, and for writes of a byte. */
#define DR7_CODE 0x402u
#define DR7_DATA 0x10402u

static const uint8_t code[] = {
	0x90,                         /* nop */
	0xa2, DATA & 0xff, DATA >> 8, /* movb %al, DATA */
	0xcc,                         /* int3 */
	0xf4,                         /* hlt */
};

static bool exits(const struct kvm_vcpu *vcpu, unsigned offset, uint32_t control,
		  uint64_t dr0, uint64_t dr7)
{
	struct kvm_guest_debug debug = { .control = KVM_GUESTDBG_ENABLE | control };
	const struct kvm_regs regs = { .rip = CODE + offset, .rsp = PAGE, .rflags = 2 };
	struct kvm_sregs sregs;
	struct err ignored;

	debug.arch.debugreg[0] = dr0;
	debug.arch.debugreg[7] = dr7;
	if (kvm_vcpu_get_sregs(vcpu, &sregs, &ignored))
		return false;
	sregs.cs.base = sregs.cs.selector = 0;
	return !kvm_vcpu_set_sregs(vcpu, &sregs, &ignored) &&
	       !kvm_vcpu_set_regs(vcpu, &regs, &ignored) &&
	       !kvm_vcpu_set_guest_debug(vcpu, &debug, &ignored) && !kvm_vcpu_run(vcpu) &&
	       vcpu->run->exit_reason == KVM_EXIT_DEBUG;
}

static void try_page(const struct kvm *kvm, const struct kvm_vm *vm, uint8_t *page,
		     struct kvm_x86_debug *works)
{
	struct kvm_vcpu vcpu;
	struct err ignored;

	memcpy(page + CODE, code, sizeof(code));
	page[HANDLER] = 0xf4;
	page[3 * 4] = HANDLER & 0xff; /* vector 3: offset, segment */
	page[3 * 4 + 1] = HANDLER >> 8;
	if (kvm_vm_set_tss(vm, TSS, ID_MAP, &ignored) ||
	    kvm_vm_set_memory(vm, 0, 0, PAGE, page, 0, &ignored) ||
	    kvm_vcpu_create(kvm, vm, 0, &vcpu, &ignored))
		return;
	works->int3 = exits(&vcpu, 4, KVM_GUESTDBG_USE_SW_BP, 0, 0);
	works->code = exits(&vcpu, 0, KVM_GUESTDBG_USE_HW_BP, CODE + 1, DR7_CODE);
	works->data = exits(&vcpu, 1, KVM_GUESTDBG_USE_HW_BP, DATA, DR7_DATA);
	kvm_vcpu_close(&vcpu);
}

void kvm_x86_try_debug(const struct kvm *kvm, struct kvm_x86_debug *works)
{
	struct kvm_vm vm;
	struct err ignored;
	uint8_t *page;

	*works = (struct kvm_x86_debug){ false };
	if (kvm_vm_create(kvm, 0, &vm, &ignored))
		return;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (page != MAP_FAILED)
		try_page(kvm, &vm, page, works);
	kvm_vm_close(&vm);
	if (page != MAP_FAILED)
		munmap(page, PAGE);
}
