/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debugging: what a debugger wants of the guest, and what the guest met.
 *
 * Between src/gdb/, which speaks to gdb, and src/arch/ISA/debug.c, which speaks to KVM.
 * `struct debug` has the breakpoints of a VM, `struct vcpu_debug` is part of each vCPU.
 * Both change on the main thread while all vCPUs are parked, and vCPUs read them while
 * they run, so there is no lock. What differs: a vCPU that meets a breakpoint writes its
 * `stop`, closes the gate and rings `stopped`.
 */
#ifndef TANE_CORE_DEBUG_H
#define TANE_CORE_DEBUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/loop.h"
#include "util/err.h"

struct vcpu;
struct vm;

#define DEBUG_MAX_BREAKS      256
#define DEBUG_MAX_INSN        4  /* bytes of a breakpoint instruction */
#define DEBUG_REGISTER_BYTES  16 /* the widest register */
#define DEBUG_CALL_TIMEOUT_MS 5000

/* The numbers are those of gdb's Z packets. */
enum debug_kind {
	DEBUG_SOFTWARE, /* an instruction in RAM */
	DEBUG_HARDWARE, /* a debug register, as the next three */
	DEBUG_WRITE,
	DEBUG_READ,
	DEBUG_ACCESS,
	DEBUG_KINDS,
};

struct debug_break {
	enum debug_kind kind;
	uint64_t address; /* as the guest's instructions have it: linear, virtual */
	uint64_t length;  /* bytes that are watched; of code: gdb's kind of instruction */
	bool in_memory;   /* an instruction lies at `physical`, in place of `original` */
	bool by_steps;    /* all CPUs go step by step, and it is looked for after each */
	uint64_t physical;
	uint8_t original[DEBUG_MAX_INSN];
	uint64_t value; /* by_steps, data: what was there when the guest went on */
};

/* What a vCPU met. */
struct debug_stop {
	enum {
		DEBUG_NOTHING,
		DEBUG_STEPPED, /* it has carried out one instruction */
		DEBUG_BROKE,   /* it is at a breakpoint, or behind what touched memory */
	} reason;
	enum debug_kind kind; /* DEBUG_BROKE */
	uint64_t address;     /* ... of the breakpoint */
};

struct debug {
	struct debug_break breaks[DEBUG_MAX_BREAKS];
	unsigned nr_breaks;
	/* What KVM cannot do here: breakpoint instructions, debug registers for each. */
	bool no_insns, no_code_registers, no_data_registers;
	struct loop_event stopped; /* tells the main loop that a vCPU has a stop */
};

struct vcpu_debug {
	bool held;    /* stays parked at an open gate; guarded by the gate's lock */
	bool step;    /* stop after one instruction */
	bool stepped; /* ... or look after each, see debug_break.by_steps */
	struct debug_stop stop;
	struct vcpu_registers *registers; /* as fetched; the architecture's; malloc'd */
	/* vcpu_arch_debug_translate(): a question and its answer. */
	uint64_t address, physical;
	bool mapped;
};

/* A register as gdb shall see it, and where it is in struct vcpu_registers. */
struct debug_register {
	const char *name;
	const char *type; /* of gdb's, or of the feature's `types` */
	uint16_t bits;
	uint16_t offset;
	uint8_t size;  /* there, in bytes; 0: not stored as it is */
	uint8_t which; /* the architecture's own */
};

/* Registers that belong together, as gdb's manual lists them ("Standard Target Features"). */
struct debug_feature {
	const char *name;
	const char *types; /* XML of the types that only it has; NULL: none */
	const struct debug_register *registers;
	unsigned nr_registers;
	bool is_system; /* not saved and restored when gdb calls a function */
};

/* All registers of a vCPU in the order in which they are numbered. */
#define DEBUG_MAX_FEATURES 5
struct debug_layout {
	const char *architecture; /* as gdb calls it */
	struct debug_feature features[DEBUG_MAX_FEATURES];
	unsigned nr_features;
};

/* Register `number` of the layout, or NULL. */
const struct debug_register *debug_register(const struct debug_layout *layout,
					    uint64_t number);

/* The breakpoint of that kind and address, or NULL. `length` ~0: any. */
struct debug_break *debug_find(const struct debug *debug, enum debug_kind kind,
			       uint64_t address, uint64_t length);

/* A vCPU stops here: everybody does. On its own thread. */
void debug_stopped(struct vcpu *vcpu, const struct debug_stop *stop);

/*
 * Read guest memory as it would be without our breakpoint instructions, at a guest
 * physical address. false: it is neither all RAM nor all ROM.
 */
bool debug_read_memory(const struct vm *vm, uint64_t gpa, void *to, size_t len);
/* Write RAM under them: what they stand in place of changes. */
bool debug_write_memory(struct vm *vm, uint64_t gpa, const void *from, size_t len);

/* Put an instruction in place of what is at `gpa`, and take it back. */
bool debug_plant(struct vm *vm, struct debug_break *b, uint64_t gpa);
void debug_uproot(struct vm *vm, struct debug_break *b);

/*
 * What src/arch/ISA/debug.c does. Those with a vCPU and an error run on its own thread,
 * parked.
 */

/* What can this KVM do? Before vCPUs run; sets debug->no_... */
int machine_debug_init(struct vm *vm, struct debug *debug, struct err *err);

/* The breakpoint instruction of the kind that gdb asks for; its length, 0: no such kind. */
size_t machine_debug_insn(uint64_t kind, uint8_t insn[DEBUG_MAX_INSN]);

/* Read memory that is ROM now. false: it is not. */
bool machine_debug_read_rom(const struct vm *vm, uint64_t gpa, void *to, size_t len);

/* Have the debug registers room for one more? */
bool machine_debug_has_room(const struct debug *debug, const struct debug_break *b);
/* Can steps find it, and is there no better way on this KVM? */
bool machine_debug_by_steps(const struct debug *debug, const struct debug_break *b);

/* Read all registers into vcpu->debug.registers. */
int vcpu_arch_debug_fetch(struct vcpu *vcpu, struct err *err);
/* Write those back that vcpu_arch_debug_set() has changed. */
int vcpu_arch_debug_store(struct vcpu *vcpu, struct err *err);
/* Tell KVM of breakpoints and of vcpu->debug.step, before the vCPU runs. */
int vcpu_arch_debug_apply(struct vcpu *vcpu, struct err *err);
/* An access to a device is done, by a vCPU that steps: tell if the step is, too. */
void vcpu_arch_debug_end_step(struct vcpu *vcpu);
/* From vcpu->debug.address to vcpu->debug.physical by the vCPU's page tables. */
int vcpu_arch_debug_translate(struct vcpu *vcpu, struct err *err);

/* Of what was fetched; any thread. */
const struct debug_layout *vcpu_arch_debug_layout(const struct vcpu *vcpu,
						  enum debug_arch arch);
void vcpu_arch_debug_get(const struct vcpu *vcpu, const struct debug_register *r,
			 uint8_t to[DEBUG_REGISTER_BYTES]);
void vcpu_arch_debug_set(struct vcpu *vcpu, const struct debug_register *r,
			 const uint8_t from[DEBUG_REGISTER_BYTES]);
/* What it is doing, for "info threads": "halted", "real mode". */
void vcpu_arch_debug_describe(const struct vcpu *vcpu, char *to, size_t size);

#endif
