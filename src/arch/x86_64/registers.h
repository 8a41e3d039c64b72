/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers of an x86 vCPU, as a debugger sees them. See registers.c. */
#ifndef TANE_ARCH_X86_64_REGISTERS_H
#define TANE_ARCH_X86_64_REGISTERS_H

#include "core/debug.h"
#include "kvm/kvm_x86.h"

struct vcpu_registers {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_debugregs debug;
	uint64_t kernel_gs_base;
	uint64_t pc;   /* linear */
	uint64_t zero; /* what KVM does not tell */
	uint32_t ftag; /* the full tag word, which the FPU had before FXSAVE */
	uint32_t mp_state;
	unsigned changed; /* which of the parts above must be stored, CHANGED_... */
};

#define CHANGED_REGS   1u
#define CHANGED_SREGS  2u
#define CHANGED_FPU    4u
#define CHANGED_DEBUG  8u
#define CHANGED_GSBASE 16u

/*
 * How gdb shall see them: 32 bits wide, or 64. Of i8086, which differs by its name alone,
 * gdb makes i386 if told so, but not the other way round.
 */
extern const struct debug_layout registers_i8086, registers_i386, registers_amd64;

/* The linear address of the next instruction, by regs and sregs. */
uint64_t registers_pc(const struct vcpu_registers *r);

/* What is derived from other registers: after these were fetched, before they are stored. */
void registers_derive(struct vcpu_registers *r);
void registers_settle(struct vcpu_registers *r);

void registers_get(const struct vcpu_registers *r, const struct debug_register *which,
		   uint8_t to[DEBUG_REGISTER_BYTES]);
void registers_set(struct vcpu_registers *r, const struct debug_register *which,
		   const uint8_t from[DEBUG_REGISTER_BYTES]);

#endif
