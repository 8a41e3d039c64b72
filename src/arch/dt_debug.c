/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debugging is there on x86-64 only: --gdb is refused where the machine has a device tree,
 * and nothing else of core/debug.h is called.
 */
#include <string.h>

#include "core/debug.h"
#include "core/vm.h"

int machine_debug_init(struct vm *vm, struct debug *debug, struct err *err)
{
	(void)vm;
	(void)debug;
	return err_set(err, "--gdb: only guests of x86-64 can be debugged");
}

size_t machine_debug_insn(uint64_t kind, uint8_t insn[DEBUG_MAX_INSN])
{
	(void)kind;
	(void)insn;
	return 0;
}

bool machine_debug_read_rom(const struct vm *vm, uint64_t gpa, void *to, size_t len)
{
	(void)vm;
	(void)gpa;
	(void)to;
	(void)len;
	return false;
}

bool machine_debug_has_room(const struct debug *debug, const struct debug_break *b)
{
	(void)debug;
	(void)b;
	return false;
}

bool machine_debug_by_steps(const struct debug *debug, const struct debug_break *b)
{
	(void)debug;
	(void)b;
	return false;
}

int vcpu_arch_debug_fetch(struct vcpu *vcpu, struct err *err)
{
	return machine_debug_init(vcpu->vm, NULL, err);
}

int vcpu_arch_debug_store(struct vcpu *vcpu, struct err *err)
{
	return machine_debug_init(vcpu->vm, NULL, err);
}

int vcpu_arch_debug_apply(struct vcpu *vcpu, struct err *err)
{
	return machine_debug_init(vcpu->vm, NULL, err);
}

void vcpu_arch_debug_end_step(struct vcpu *vcpu)
{
	(void)vcpu;
}

int vcpu_arch_debug_translate(struct vcpu *vcpu, struct err *err)
{
	return machine_debug_init(vcpu->vm, NULL, err);
}

const struct debug_layout *vcpu_arch_debug_layout(const struct vcpu *vcpu,
						  enum debug_arch arch)
{
	static const struct debug_layout none = { .architecture = "" };

	(void)vcpu;
	(void)arch;
	return &none;
}

void vcpu_arch_debug_get(const struct vcpu *vcpu, const struct debug_register *r,
			 uint8_t to[DEBUG_REGISTER_BYTES])
{
	(void)vcpu;
	(void)r;
	memset(to, 0, DEBUG_REGISTER_BYTES);
}

void vcpu_arch_debug_set(struct vcpu *vcpu, const struct debug_register *r,
			 const uint8_t from[DEBUG_REGISTER_BYTES])
{
	(void)vcpu;
	(void)r;
	(void)from;
}

void vcpu_arch_debug_describe(const struct vcpu *vcpu, char *to, size_t size)
{
	(void)vcpu;
	if (size)
		*to = '\0';
}
