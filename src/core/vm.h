/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live VM: everything hangs off this struct, so that two VMs can live in
 * one process. Who does what, and in which thread:
 *
 *	main thread	builds, runs the loop, pauses, resets, ends
 *	vCPU threads	KVM_RUN and the register functions behind its exits
 *
 * A vCPU that meets the end of the guest's life (power off, reset, a crash)
 * calls vm_end(); the first one to do so decides. The main loop then wakes up
 * and carries it out (vmm/lifecycle.c).
 */
#ifndef TANE_CORE_VM_H
#define TANE_CORE_VM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/config.h"
#include "core/loop.h"
#include "core/memory.h"
#include "core/vcpu.h"
#include "kvm/kvm.h"

/* Why the guest stopped. */
enum vm_end {
	VM_RUNNING,
	VM_POWEROFF,   /* it asked for it (ACPI S5, HLT of a ROM) */
	VM_RESET,      /* it asked for a reset */
	VM_DEBUG_EXIT, /* it wrote to the debug exit port: `value` */
	VM_COMMAND,    /* its command has ended: `value` is the status */
	VM_DIED, /* triple fault, KVM error; `message` and a dump say why; `value`: vCPU */
	VM_FAILED, /* it could go on, but we cannot: `message` says why */
	VM_KILLED, /* the user ended it: `value` is a signal number, or 0 for Ctrl-a x */
};

struct vm_outcome {
	enum vm_end end;
	uint32_t value;
	char message[sizeof(struct err) + 32];
};

/* A milestone that the guest marked, and when (ns since the program began). */
#define VM_MAX_MILESTONES 32
struct vm_milestone {
	uint8_t number;
	int64_t at_ns;
};

struct vm_stats {
	int64_t started_ns;   /* CLOCK_MONOTONIC when the program began */
	int64_t first_run_ns; /* ... when a vCPU first entered the guest; 0: never */
	uint64_t peak_vmm; /* bytes resident outside guest RAM, the most that was seen */
	struct vm_milestone milestones[VM_MAX_MILESTONES];
	unsigned nr_milestones;
};

struct machine; /* of the architecture: chips, boot, firmware tables */
struct gdb;     /* the server for a debugger */

struct vm {
	const struct vm_config *config;
	struct kvm kvm;
	struct kvm_vm kvm_vm;
	struct memory memory;
	struct bus bus;
	struct loop *loop; /* the main loop; not owned */

	struct vcpu *vcpus; /* config->cpus of them */
	unsigned nr_vcpus;  /* that have a thread */
	struct vcpu_gate gate;

	struct machine *machine;
	struct gdb *gdb;     /* NULL: nobody asked for one; owned by vmm/lifecycle.c */
	struct debug *debug; /* ... its breakpoints */
	bool halt_ends;      /* HLT is a power off (no interrupt can come) */

	pthread_mutex_t end_lock; /* guards outcome and stats.milestones */
	struct vm_outcome outcome;
	char *dump; /* of the vCPU that died: registers; valid once all are parked; owned */
	struct loop_event ended; /* tells the main loop that outcome is set */

	int shutdown_signal; /* the user asked for a power off: by which signal, 0: not yet */
	struct loop_timer shutdown_deadline;

	struct vm_stats stats;
};

/*
 * The guest's life ends, from any thread; the first call wins, and gets true (but
 * the user's word wins over a reset). `fmt` is the message for VM_DIED and
 * VM_FAILED, and may be NULL otherwise. No vCPU enters the guest again until
 * vm_forget_end() and vcpus_resume().
 */
bool vm_end(struct vm *vm, enum vm_end end, uint32_t value, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Has vm_end() been called? Any thread. */
bool vm_has_ended(const struct vm *vm);

/* After a reset: the guest lives again. Main thread, vCPUs parked. */
void vm_forget_end(struct vm *vm);

/* The guest marks a milestone (--stats). Any thread; more than fit are dropped. */
void vm_mark_milestone(struct vm *vm, uint8_t number);

#endif
