/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debugging an x86 vCPU by KVM_SET_GUEST_DEBUG (core/debug.h says for whom).
 *
 * Breakpoints are INT3 where their address is mapped. Where it is not yet, as in a kernel
 * that has not set its page tables up, or where KVM does not tell of INT3, they take one
 * of the four debug registers, which compare linear addresses. While we use those the
 * guest's own are without effect: KVM keeps their values and loads ours.
 *
 * Where KVM can do neither (kvm_x86_try_debug()) all CPUs go step by step, and after each
 * we look whether it is one of those instructions, or memory has changed. A handler of an
 * interrupt is not stepped through: the CPU takes TF away when it enters one.
 *
 * An INT3 that is not ours is the guest's own, and so is a #DB that neither a step nor a
 * register of ours accounts for: the guest gets it.
 *
 * gdb knows no segments. So the program counter that it gets is linear: the base of CS is
 * in it, as it is in the addresses of breakpoints. That is what makes a ROM at f000:fff0
 * debuggable. All other registers are what they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/debug.h"
#include "arch/x86_64/registers.h"
#include "core/vm.h"
#include "kvm/kvm_x86.h"

#define CR0_PE             (1ull << 0)
#define EFER_LMA           (1ull << 10)
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define VECTOR_DB 1
#define VECTOR_BP 3

#define NR_SLOTS 4 /* DR0 to DR3 */

/* SDM vol. 3, 18.2 */
#define DR6_HITS         0xfull
#define DR7_FIXED        0x400ull
#define DR7_GLOBAL(n)    (2ull << (n)*2)
#define DR7_RW_LEN(n, v) ((uint64_t)(v) << (16 + (n)*4))

/* What one debug register watches: at most 8 bytes, aligned to their number. */
struct slot {
	const struct debug_break *owner;
	uint64_t address;
	unsigned length;
};

/* R/W and LEN of DR7. Data cannot be watched for reads alone. */
static unsigned rw_len(const struct slot *slot)
{
	static const uint8_t lengths[9] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
	unsigned rw = 0;

	if (slot->owner->kind == DEBUG_WRITE)
		rw = 1;
	else if (slot->owner->kind == DEBUG_READ || slot->owner->kind == DEBUG_ACCESS)
		rw = 3;
	return rw ? lengths[slot->length] << 2 | rw : 0;
}

/* Cut `b` into pieces that a register can watch. Returns how many, or NR_SLOTS + 1. */
static unsigned cut(const struct debug_break *b, struct slot *slots, unsigned room)
{
	uint64_t at = b->address, left = b->length;
	unsigned n = 0;

	if (b->kind == DEBUG_SOFTWARE || b->kind == DEBUG_HARDWARE)
		left = 1;
	for (; left && n < room; n++) {
		unsigned length = 8;

		while (length > left || at % length)
			length /= 2;
		slots[n] = (struct slot){ b, at, length };
		at += length;
		left -= length;
	}
	return left ? NR_SLOTS + 1 : n;
}

/* What the debug registers shall hold. */
static unsigned fill_slots(const struct debug *debug, struct slot slots[NR_SLOTS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < debug->nr_breaks; i++) {
		if (!debug->breaks[i].in_memory && !debug->breaks[i].by_steps)
			n += cut(&debug->breaks[i], slots + n, NR_SLOTS - n);
	}
	return n;
}

/* Does the CPU have such an address? With five levels of page tables 57 bits count. */
static bool is_canonical(uint64_t address)
{
	const int64_t top = (int64_t)address >> 56;

	return top == 0 || top == -1;
}

static bool is_code(const struct debug_break *b)
{
	return b->kind == DEBUG_SOFTWARE || b->kind == DEBUG_HARDWARE;
}

bool machine_debug_has_room(const struct debug *debug, const struct debug_break *b)
{
	struct slot slots[NR_SLOTS];
	const unsigned used = fill_slots(debug, slots);

	if (is_code(b) ? debug->no_code_registers : debug->no_data_registers)
		return false;
	return is_canonical(b->address) && b->length &&
	       used + cut(b, slots + used, NR_SLOTS - used) <= NR_SLOTS;
}

bool machine_debug_by_steps(const struct debug *debug, const struct debug_break *b)
{
	switch (b->kind) {
	case DEBUG_SOFTWARE:
		return debug->no_insns;
	case DEBUG_HARDWARE:
		return debug->no_code_registers;
	case DEBUG_WRITE:
		return debug->no_data_registers && b->length <= sizeof(b->value);
	default:
		return false;
	}
}

size_t machine_debug_insn(uint64_t kind, uint8_t insn[DEBUG_MAX_INSN])
{
	insn[0] = 0xcc;
	return kind == 1 ? 1 : 0;
}

int machine_debug_init(struct vm *vm, struct debug *debug, struct err *err)
{
	struct kvm_x86_debug works;

	if (kvm_check_extension(&vm->kvm, KVM_CAP_SET_GUEST_DEBUG) <= 0)
		return err_set(err, "--gdb: this KVM cannot debug a guest "
				    "(KVM_CAP_SET_GUEST_DEBUG)");
	kvm_x86_try_debug(&vm->kvm, &works);
	debug->no_insns = !works.int3;
	debug->no_code_registers = !works.code;
	debug->no_data_registers = !works.data;
	return 0;
}

static struct kvm_guest_debug wanted(const struct vcpu *vcpu)
{
	const struct debug *debug = vcpu->vm->debug;
	struct kvm_guest_debug want = { 0 };
	struct slot slots[NR_SLOTS];
	const unsigned n = fill_slots(debug, slots);

	for (unsigned i = 0; i < debug->nr_breaks; i++) {
		if (debug->breaks[i].in_memory)
			want.control |= KVM_GUESTDBG_USE_SW_BP;
		if (debug->breaks[i].by_steps)
			want.control |= KVM_GUESTDBG_SINGLESTEP;
	}
	for (unsigned i = 0; i < n; i++) {
		want.control |= KVM_GUESTDBG_USE_HW_BP;
		want.arch.debugreg[i] = slots[i].address;
		want.arch.debugreg[7] |=
			DR7_FIXED | DR7_GLOBAL(i) | DR7_RW_LEN(i, rw_len(&slots[i]));
	}
	if (vcpu->debug.step)
		want.control |=
			KVM_GUESTDBG_SINGLESTEP |
			(kvm_guest_debug_flags(&vcpu->vm->kvm) & KVM_GUESTDBG_BLOCKIRQ);
	if (want.control)
		want.control |= KVM_GUESTDBG_ENABLE;
	return want;
}

int vcpu_arch_debug_apply(struct vcpu *vcpu, struct err *err)
{
	const struct kvm_guest_debug want = wanted(vcpu);

	vcpu->debug.stepped = want.control & KVM_GUESTDBG_SINGLESTEP;
	return kvm_vcpu_set_guest_debug(&vcpu->kvm, &want, err);
}

/* The exception was not for us. */
static void pass_on(struct vcpu *vcpu, uint32_t exception, uint64_t dr6)
{
	struct kvm_guest_debug want = wanted(vcpu);
	struct kvm_debugregs registers;
	struct err err;

	want.control |=
		exception == VECTOR_BP ? KVM_GUESTDBG_INJECT_BP : KVM_GUESTDBG_INJECT_DB;
	if (exception == VECTOR_DB &&
	    !kvm_vcpu_get_debugregs(&vcpu->kvm, &registers, &err)) {
		registers.dr6 = dr6;
		kvm_vcpu_set_debugregs(&vcpu->kvm, &registers, &err);
	}
	if (kvm_vcpu_set_guest_debug(&vcpu->kvm, &want, &err))
		vcpu_die(vcpu, "its own exception %u does not go back to it: %s",
			 exception, err.text);
}

/*
 * Is the INT3 at `pc` ours? By its place in memory: the guest may have the page mapped
 * at two addresses.
 */
static bool is_ours(const struct vcpu *vcpu, uint64_t pc)
{
	const struct debug *debug = vcpu->vm->debug;
	uint64_t physical;

	if (!kvm_vcpu_translate(&vcpu->kvm, pc, &physical))
		return false;
	for (unsigned i = 0; i < debug->nr_breaks; i++) {
		if (debug->breaks[i].in_memory && debug->breaks[i].physical == physical)
			return true;
	}
	return false;
}

/* Which breakpoint do the low bits of DR6 mean? */
static const struct debug_break *find_hit(const struct debug *debug, uint64_t dr6)
{
	struct slot slots[NR_SLOTS];
	const unsigned n = fill_slots(debug, slots);

	for (unsigned i = 0; i < n; i++) {
		if (dr6 & 1ull << i)
			return slots[i].owner;
	}
	return NULL;
}

static bool read_value(const struct vcpu *vcpu, const struct debug_break *b,
		       uint64_t *value)
{
	uint64_t physical;

	*value = 0;
	return kvm_vcpu_translate(&vcpu->kvm, b->address, &physical) &&
	       debug_read_memory(vcpu->vm, physical, value, (size_t)b->length);
}

/* Has the memory that `b` watches another value than when the guest went on? */
static bool has_changed(const struct vcpu *vcpu, const struct debug_break *b)
{
	uint64_t value;

	return read_value(vcpu, b, &value) && value != b->value;
}

/* The breakpoint by steps that the vCPU has met, now at `pc`; or NULL. */
static const struct debug_break *find_by_steps(const struct vcpu *vcpu, uint64_t pc)
{
	const struct debug *debug = vcpu->vm->debug;

	for (unsigned i = 0; i < debug->nr_breaks; i++) {
		const struct debug_break *b = &debug->breaks[i];

		if (b->by_steps && (is_code(b) ? b->address == pc : has_changed(vcpu, b)))
			return b;
	}
	return NULL;
}

static struct debug_stop stop_at(const struct debug_break *b)
{
	return (struct debug_stop){ DEBUG_BROKE, b->kind, b->address };
}

/* A #DB: by a debug register, or by a step. */
static struct debug_stop judge(const struct vcpu *vcpu, uint64_t pc, uint64_t dr6)
{
	const struct debug_break *hit = find_hit(vcpu->vm->debug, dr6 & DR6_HITS);

	if (!hit && vcpu->debug.stepped)
		hit = find_by_steps(vcpu, pc);
	if (hit)
		return stop_at(hit);
	return (struct debug_stop){
		.reason = vcpu->debug.step ? DEBUG_STEPPED : DEBUG_NOTHING,
	};
}

bool debug_handle_exit(struct vcpu *vcpu, const struct kvm_run *run)
{
	const struct kvm_debug_exit_arch *exit = &run->debug.arch;
	struct debug_stop stop = { DEBUG_BROKE, DEBUG_SOFTWARE, exit->pc };
	struct err err;
	bool is_own;

	if (!vcpu->vm->debug)
		return false;
	if (exit->exception == VECTOR_BP) {
		is_own = !is_ours(vcpu, exit->pc);
	} else {
		stop = judge(vcpu, exit->pc, exit->dr6);
		is_own = stop.reason == DEBUG_NOTHING && !vcpu->debug.stepped;
	}
	if (is_own)
		pass_on(vcpu, exit->exception, exit->dr6);
	else if (stop.reason != DEBUG_NOTHING)
		debug_stopped(vcpu, &stop);
	else if (vcpu_arch_debug_apply(vcpu, &err)) /* what KVM emulates clears TF */
		vcpu_die(vcpu, "it does not step: %s", err.text);
	return true;
}

void vcpu_arch_debug_end_step(struct vcpu *vcpu)
{
	struct vcpu_registers now;
	struct debug_stop stop;
	struct err ignored;

	if (kvm_vcpu_get_regs(&vcpu->kvm, &now.regs, &ignored) ||
	    kvm_vcpu_get_sregs(&vcpu->kvm, &now.sregs, &ignored))
		return;
	stop = judge(vcpu, registers_pc(&now), 0);
	/* A string instruction has not moved on before its last round. */
	if (stop.reason == DEBUG_BROKE ||
	    (stop.reason == DEBUG_STEPPED &&
	     now.regs.rip != vcpu->debug.registers->regs.rip))
		debug_stopped(vcpu, &stop);
}

int vcpu_arch_debug_translate(struct vcpu *vcpu, struct err *err)
{
	(void)err;
	vcpu->debug.mapped = kvm_vcpu_translate(&vcpu->kvm, vcpu->debug.address,
						&vcpu->debug.physical);
	return 0;
}

static int fetch_msr(struct vcpu *vcpu, uint64_t *value)
{
	union {
		struct kvm_msrs msrs;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} one = { .msrs.nmsrs = 1 };
	struct err ignored;

	one.msrs.entries[0].index = MSR_KERNEL_GS_BASE;
	if (kvm_vcpu_get_msrs(&vcpu->kvm, &one.msrs, &ignored) != 1)
		return -1;
	*value = one.msrs.entries[0].data;
	return 0;
}

static int store_msr(const struct vcpu *vcpu, uint64_t value, struct err *err)
{
	union {
		struct kvm_msrs msrs;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} one = { .msrs.nmsrs = 1 };

	one.msrs.entries[0].index = MSR_KERNEL_GS_BASE;
	one.msrs.entries[0].data = value;
	if (kvm_vcpu_set_msrs(&vcpu->kvm, &one.msrs, err) != 1)
		return err_set(err, "KVM does not take this KERNEL_GS_BASE");
	return 0;
}

int vcpu_arch_debug_fetch(struct vcpu *vcpu, struct err *err)
{
	const struct kvm_vcpu *kvm = &vcpu->kvm;
	struct vcpu_registers *r = vcpu->debug.registers;
	struct kvm_mp_state state;

	if (!r)
		r = vcpu->debug.registers = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, "no memory for the registers of vcpu %u",
			       vcpu->index);
	if (kvm_vcpu_get_regs(kvm, &r->regs, err) ||
	    kvm_vcpu_get_sregs(kvm, &r->sregs, err) ||
	    kvm_vcpu_get_fpu(kvm, &r->fpu, err) ||
	    kvm_vcpu_get_debugregs(kvm, &r->debug, err) ||
	    kvm_vcpu_get_mp_state(kvm, &state, err))
		return -1;
	r->mp_state = state.mp_state;
	if (fetch_msr(vcpu, &r->kernel_gs_base))
		r->kernel_gs_base = 0;
	registers_derive(r);
	return 0;
}

/* A CPU that was told to go on elsewhere does not sleep on. */
static int wake(struct vcpu *vcpu, struct err *err)
{
	const struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };

	if (vcpu->debug.registers->mp_state != KVM_MP_STATE_HALTED)
		return 0;
	vcpu->debug.registers->mp_state = KVM_MP_STATE_RUNNABLE;
	return kvm_vcpu_set_mp_state(&vcpu->kvm, &runnable, err);
}

int vcpu_arch_debug_store(struct vcpu *vcpu, struct err *err)
{
	struct vcpu_registers *r = vcpu->debug.registers;
	const struct kvm_vcpu *kvm = &vcpu->kvm;
	const unsigned changed = r->changed;

	r->changed = 0;
	registers_settle(r);
	/* A new base of CS leaves the program counter where it is: both. */
	if ((changed & CHANGED_SREGS) && kvm_vcpu_set_sregs(kvm, &r->sregs, err))
		return -1;
	if ((changed & (CHANGED_REGS | CHANGED_SREGS)) &&
	    (kvm_vcpu_set_regs(kvm, &r->regs, err) || wake(vcpu, err)))
		return -1;
	if ((changed & CHANGED_FPU) && kvm_vcpu_set_fpu(kvm, &r->fpu, err))
		return -1;
	if ((changed & CHANGED_DEBUG) && kvm_vcpu_set_debugregs(kvm, &r->debug, err))
		return -1;
	return (changed & CHANGED_GSBASE) ? store_msr(vcpu, r->kernel_gs_base, err) : 0;
}

const struct debug_layout *vcpu_arch_debug_layout(const struct vcpu *vcpu,
						  enum debug_arch arch)
{
	const struct kvm_sregs *sregs = &vcpu->debug.registers->sregs;

	switch (arch) {
	case DEBUG_ARCH_I8086:
		return &registers_i8086;
	case DEBUG_ARCH_I386:
		return &registers_i386;
	case DEBUG_ARCH_X86_64:
		return &registers_amd64;
	default:
		if (sregs->efer & EFER_LMA)
			return &registers_amd64;
		return sregs->cr0 & CR0_PE ? &registers_i386 : &registers_i8086;
	}
}

void vcpu_arch_debug_get(const struct vcpu *vcpu, const struct debug_register *r,
			 uint8_t to[DEBUG_REGISTER_BYTES])
{
	registers_get(vcpu->debug.registers, r, to);
}

void vcpu_arch_debug_set(struct vcpu *vcpu, const struct debug_register *r,
			 const uint8_t from[DEBUG_REGISTER_BYTES])
{
	registers_set(vcpu->debug.registers, r, from);
}

void vcpu_arch_debug_describe(const struct vcpu *vcpu, char *to, size_t size)
{
	const struct vcpu_registers *r = vcpu->debug.registers;
	const char *mode = "real mode", *state = "";

	if (r->sregs.efer & EFER_LMA)
		mode = r->sregs.cs.l ? "long mode" : "compatibility mode";
	else if (r->sregs.cr0 & CR0_PE)
		mode = "protected mode";
	if (r->mp_state == KVM_MP_STATE_HALTED)
		state = ", halted";
	else if (r->mp_state != KVM_MP_STATE_RUNNABLE)
		state = ", waits for its start";
	snprintf(to, size, "%s%s", mode, state);
}
