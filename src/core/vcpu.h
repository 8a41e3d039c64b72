/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs: one thread each, and the gate that stops them (see vcpu.c).
 */
#ifndef TANE_CORE_VCPU_H
#define TANE_CORE_VCPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/bus.h"
#include "core/debug.h"
#include "kvm/kvm.h"
#include "util/err.h"

struct vm;
struct vcpu_arch; /* what the architecture keeps for a vCPU */

struct vcpu {
	struct vm *vm;
	unsigned index;
	struct kvm_vcpu kvm;
	struct vcpu_arch *arch;
	pthread_t thread;
	bool made; /* and set up by the architecture; atomic, set once by its thread */
	bool io_pending; /* KVM still has to finish the last I/O instruction */
	struct err err;  /* why it could not be made, or its work failed */
	bool failed;

	/* Guarded by the gate's lock: a function to run on the parked thread. */
	int (*work)(struct vcpu *vcpu, struct err *err);

	struct vcpu_debug debug;
	char *dump; /* what vcpu_dump() has written; malloc'd */

	uint64_t exits[KVM_EXIT_REASONS]; /* written by its thread only */
	uint64_t kicks;                   /* KVM_RUN that a signal ended */
};

/* The gate in front of KVM_RUN. While it is closed all vCPUs park. */
struct vcpu_gate {
	pthread_mutex_t lock;
	pthread_cond_t opened; /* vCPU threads wait here: for it to open, and for work */
	pthread_cond_t
		progress; /* the main thread waits here: for vCPUs to park and work */
	bool closed;      /* also read without the lock */
	bool quit;        /* parked threads end */
	unsigned parked;
	unsigned working; /* how many have work to do */
};

/*
 * Install the handler of the signal that kicks a vCPU out of KVM_RUN. Signal
 * dispositions are the process's: called once, before any VM starts.
 */
int vcpu_install_kick_signal(struct err *err);

void vcpu_gate_init(struct vcpu_gate *gate);
void vcpu_gate_destroy(struct vcpu_gate *gate);

/*
 * Make the vCPUs, each in its own thread, parked at the closed gate, and set up
 * by the architecture but not yet reset. Main thread.
 */
int vcpus_start(struct vm *vm, struct err *err);

/* End all vCPU threads; they stay parked for good. Main thread; returns when they have. */
void vcpus_stop(struct vm *vm);
/*
 * Release the vCPUs. After vcpus_stop(), and after the machine is gone: until then a device
 * may raise an interrupt, which goes to a vCPU where KVM has no interrupt controller.
 */
void vcpus_destroy(struct vm *vm);

/* Close the gate and kick everybody out of the guest. Any thread, does not wait. */
void vcpus_close_gate(struct vm *vm);

/*
 * Close the gate and wait until all vCPUs are parked; their last I/O instruction
 * is finished then. -1 when one has not come after `timeout_ms`. Main thread.
 */
int vcpus_pause(struct vm *vm, int timeout_ms, struct err *err);

/* Open the gate; vCPUs that a debugger holds stay parked. Main thread. */
void vcpus_resume(struct vm *vm);

/*
 * Run `work` on the threads of all vCPUs, which are parked, at the same time. -1
 * and the error of the first vCPU that has one, or after `timeout_ms`: then a
 * vCPU may still be at it, and all that is left is to end. Main thread.
 */
int vcpus_call(struct vm *vm, int (*work)(struct vcpu *vcpu, struct err *err),
	       int timeout_ms, struct err *err);

/* The same on the thread of one vCPU. */
int vcpu_call(struct vcpu *vcpu, int (*work)(struct vcpu *vcpu, struct err *err),
	      int timeout_ms, struct err *err);

/*
 * The calling vCPU thread waits until `ready` says so or the gate is closed. It
 * must hold no lock. Whoever makes the condition true calls vcpus_wake().
 * `ready` runs under the gate's lock and must be quick.
 */
void vcpu_wait(struct vm *vm, bool (*ready)(void *opaque), void *opaque);
void vcpus_wake(struct vm *vm);

/* A vCPU that is held stays parked at an open gate. All are parked. Main thread. */
void vcpu_hold(struct vcpu *vcpu, bool held);

/* For vcpu_call(): the registers as text in vcpu->dump, which the caller takes. */
int vcpu_dump(struct vcpu *vcpu, struct err *err);

/* Print the exits by reason, all vCPUs together. After vcpus_pause(). */
void vcpus_print_stats(const struct vm *vm, FILE *out);

/*
 * What src/arch/ISA/cpu.c does for a vCPU: on the vCPU's own thread, but for the
 * last one, when that thread has ended.
 */
int vcpu_arch_create(struct vcpu *vcpu, struct err *err);
/* An exit that only this ISA has. false: the ISA does not know it either. */
bool vcpu_arch_exit(struct vcpu *vcpu, struct kvm_run *run);
void vcpu_arch_dump(const struct vcpu *vcpu, FILE *out); /* registers and code */
void vcpu_arch_destroy(struct vcpu *vcpu);

/*
 * For vcpu_arch_exit(): the guest cannot go on. The first one to say so ends the VM and
 * leaves its registers behind, for the main thread to print.
 */
void vcpu_die(struct vcpu *vcpu, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* For --trace: an access that an exit brought, after it was carried out. */
void vcpu_trace_io(const struct vcpu *vcpu, const char *what, enum bus_space space,
		   uint64_t address, const void *data, unsigned size, unsigned count);

#endif
