/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a VM.
 *
 *	vm_create()  KVM -> memory and chips (machine_build) -> vCPU threads, parked ->
 *	             what KVM sets up when there are vCPUs (machine_complete)
 *	vm_run()     load -> reset -> open the gate -> loop
 *	             the guest ends: power off, crash ... -> leave the loop
 *	                             reset -> quiet devices, clear memory, load, reset,
 *	                                      open the gate
 *	vm_destroy() the same backwards
 *
 * A reset clears RAM: the guest begins exactly as it did the first time, and
 * what it left behind costs the host nothing. Devices work on while vCPUs are
 * parked: a disk read or a frame for the old guest must not land in the new one.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "gdb/gdb.h"
#include "vmm/lifecycle.h"
#include "vmm/stats.h"

#define PAUSE_TIMEOUT_MS 5000

static int check_cpus(const struct vm *vm, struct err *err)
{
	const unsigned cpus = vm->config->cpus;

	if (cpus > vm->kvm.max_vcpus)
		return err_set(err, "--cpus %u: KVM of this host makes at most %u", cpus,
			       vm->kvm.max_vcpus);
	if (cpus > vm->kvm.recommended_vcpus)
		fprintf(stderr,
			"tane: warning: %u CPUs are more than the %u that KVM recommends on this "
			"host; the guest may be slow\n",
			cpus, vm->kvm.recommended_vcpus);
	return 0;
}

/* The guest's life is over, for now or for good. */
static void on_ended(void *opaque);

static void on_deadline(void *opaque)
{
	struct vm *vm = opaque;

	fprintf(stderr,
		"tane: the guest did not power off within %d seconds: ending it\n",
		VM_SHUTDOWN_SECONDS);
	vm_end(vm, VM_KILLED, (uint32_t)vm->shutdown_signal, NULL);
}

static int build(struct vm *vm, struct err *err)
{
	unsigned long type;

	if (kvm_open(&vm->kvm, KVM_DEVICE, err) || check_cpus(vm, err) ||
	    machine_vm_type(vm, &type, err) ||
	    kvm_vm_create(&vm->kvm, type, &vm->kvm_vm, err) ||
	    loop_event_init(&vm->ended, vm->loop, on_ended, vm, err) ||
	    loop_timer_init(&vm->shutdown_deadline, vm->loop, on_deadline, vm, err) ||
	    machine_build(vm, err))
		return -1;
	if (vcpus_start(vm, err) || machine_complete(vm, err))
		return -1;
	return vm->config->gdb.enabled ? gdb_create(vm, err) : 0;
}

struct vm *vm_create(const struct vm_config *config, struct loop *loop,
		     int64_t started_ns, struct err *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm) {
		err_set(err, "no memory for a VM");
		return NULL;
	}
	vm->config = config;
	vm->loop = loop;
	vm->kvm.fd = vm->kvm_vm.fd = -1;
	vm->ended.source.fd = vm->shutdown_deadline.source.fd = -1;
	vm->stats.started_ns = started_ns;
	pthread_mutex_init(&vm->end_lock, NULL);
	vcpu_gate_init(&vm->gate);
	bus_init(&vm->bus);
	if (build(vm, err)) {
		vm_destroy(vm);
		return NULL;
	}
	return vm;
}

void vm_destroy(struct vm *vm)
{
	if (vm->vcpus)
		vcpus_stop(vm);
	gdb_destroy(vm);
	machine_destroy(vm);
	vcpus_destroy(vm);
	loop_timer_destroy(&vm->shutdown_deadline, vm->loop);
	loop_event_destroy(&vm->ended, vm->loop);
	kvm_vm_close(&vm->kvm_vm);
	kvm_close(&vm->kvm);
	memory_destroy(&vm->memory);
	bus_destroy(&vm->bus);
	vcpu_gate_destroy(&vm->gate);
	pthread_mutex_destroy(&vm->end_lock);
	free(vm->dump);
	free(vm);
}

static int start(struct vm *vm, struct err *err)
{
	if (machine_load(vm, err))
		return -1;
	if (vm->config->stats)
		stats_note_load(vm);
	if (machine_reset(vm, err))
		return -1;
	vm_forget_end(vm);
	if (vm->gdb)
		return gdb_start(vm->gdb, err);
	vcpus_resume(vm);
	return 0;
}

static int reboot(struct vm *vm, struct err *err)
{
	if (vcpus_pause(vm, PAUSE_TIMEOUT_MS, err) || machine_quiet_devices(vm, err) ||
	    memory_discard(&vm->memory, err))
		return -1;
	return start(vm, err);
}

static void on_ended(void *opaque)
{
	struct vm *vm = opaque;
	struct err err;

	if (!vm_has_ended(vm))
		return; /* an event from before a reset */
	if (vm->outcome.end == VM_RESET && !vm->config->no_reboot &&
	    !vm->shutdown_signal) {
		if (!reboot(vm, &err))
			return;
		vm_forget_end(vm);
		vm_end(vm, VM_FAILED, 0, "cannot boot again: %s", err.text);
	}
	if (vm->gdb) {
		if (vm->outcome.end == VM_DIED && gdb_hold_dead(vm->gdb))
			return;
		gdb_ended(vm->gdb);
	}
	loop_quit(vm->loop);
}

int vm_dump_dtb(struct vm *vm, const char *path, struct err *err)
{
	return machine_load(vm, err) || machine_dump_dtb(vm, path, err) ? -1 : 0;
}

int vm_run(struct vm *vm, struct vm_outcome *outcome, struct err *err)
{
	if (start(vm, err) || loop_run(vm->loop, err) ||
	    vcpus_pause(vm, PAUSE_TIMEOUT_MS, err))
		return -1;
	*outcome = vm->outcome;
	return 0;
}

static const char *signal_name(int signal)
{
	switch (signal) {
	case SIGINT:
		return "SIGINT";
	case SIGHUP:
		return "SIGHUP";
	case SIGQUIT:
		return "SIGQUIT";
	default:
		return "SIGTERM";
	}
}

void vm_shut_down(struct vm *vm, int signal)
{
	const bool again = vm->shutdown_signal != 0;

	vm->shutdown_signal = signal;
	if (again || !machine_power_button(vm)) {
		vm_end(vm, VM_KILLED, (uint32_t)signal, NULL);
		return;
	}
	fprintf(stderr,
		"tane: %s: power button pressed; the guest has %d seconds to power off, a "
		"second signal ends it now\n",
		signal_name(signal), VM_SHUTDOWN_SECONDS);
	loop_timer_arm(&vm->shutdown_deadline,
		       loop_now() + VM_SHUTDOWN_SECONDS * 1000000000ll);
}
