/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs: a thread that runs the guest, and what happens when KVM gives up.
 *
 * The exit path: KVM_RUN returns, handle_exit() switches on the reason, and I/O
 * goes to the bus, which calls a device. Nothing slow happens on this thread.
 *
 * The gate stops vCPUs. Whoever wants them out of the guest closes it and kicks
 * each thread. A kick sets `immediate_exit` in the area shared with KVM and
 * then sends a signal. The signal ends a KVM_RUN that is under way; a KVM_RUN
 * that is about to start sees immediate_exit and returns at once. So a kick
 * between our check of the gate and the ioctl is not lost. The thread clears
 * immediate_exit first and looks at the gate second: a kick that it wipes out
 * closed the gate before, and it will see that.
 *
 * A thread that parks first lets KVM finish the I/O instruction that brought
 * it here (KVM writes the result of an IN only on the next KVM_RUN), so that
 * registers can be read and set. While it is parked it runs work that the main
 * thread hands it, since every vCPU ioctl belongs to the vCPU's thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/vcpu.h"
#include "core/vm.h"

/* An I/O instruction with a repeat prefix exits many times until it is done. */
#define MAX_COMPLETIONS 4096

static int kick_signal(void)
{
	return SIGRTMIN;
}

static void on_kick(int signal)
{
	(void)signal; /* its only purpose is to make KVM_RUN return EINTR */
}

int vcpu_install_kick_signal(struct err *err)
{
	struct sigaction action = { .sa_handler = on_kick };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, kick_signal());
	/* Whoever started us may have blocked it, and our threads would inherit that. */
	if (sigaction(kick_signal(), &action, NULL) ||
	    pthread_sigmask(SIG_UNBLOCK, &set, NULL))
		return err_errno(err, "the signal that stops vCPUs");
	return 0;
}

void vcpu_gate_init(struct vcpu_gate *gate)
{
	pthread_condattr_t attr;

	*gate = (struct vcpu_gate){ .closed = true };
	pthread_mutex_init(&gate->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&gate->opened, NULL);
	pthread_cond_init(&gate->progress, &attr);
	pthread_condattr_destroy(&attr);
}

void vcpu_gate_destroy(struct vcpu_gate *gate)
{
	pthread_cond_destroy(&gate->opened);
	pthread_cond_destroy(&gate->progress);
	pthread_mutex_destroy(&gate->lock);
}

static bool gate_is_closed(const struct vcpu_gate *gate)
{
	return __atomic_load_n(&gate->closed, __ATOMIC_SEQ_CST);
}

/* The registers as text, malloc'd; NULL without memory for it. */
static char *dump(const struct vcpu *vcpu)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	vcpu_arch_dump(vcpu, out);
	fclose(out);
	return text;
}

/*
 * The guest cannot go on. Only the vCPU whose word ends the VM leaves its state
 * behind; the main thread prints it, since writing may block.
 */
void vcpu_die(struct vcpu *vcpu, const char *fmt, ...)
{
	char message[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (vm_end(vcpu->vm, VM_DIED, vcpu->index, "vcpu %u: %s", vcpu->index, message))
		vcpu->vm->dump = dump(vcpu);
}

void vcpu_trace_io(const struct vcpu *vcpu, const char *what, enum bus_space space,
		   uint64_t address, const void *data, unsigned size, unsigned count)
{
	uint64_t value = 0;

	memcpy(&value, data, size < sizeof(value) ? size : sizeof(value));
	fprintf(stderr,
		"trace: vcpu %u: %s 0x%" PRIx64 " size %u count %u value 0x%" PRIx64
		" (%s)\n",
		vcpu->index, what, address, size, count, value,
		bus_name(&vcpu->vm->bus, space, address));
}

/* I/O is traced by its handler, which knows the data. */
static void trace_exit(const struct vcpu *vcpu)
{
	const uint32_t reason = vcpu->kvm.run->exit_reason;

	if (vcpu->vm->config->trace && reason != KVM_EXIT_IO && reason != KVM_EXIT_MMIO)
		fprintf(stderr, "trace: vcpu %u: exit %s\n", vcpu->index,
			kvm_exit_name(reason));
}

static void handle_mmio(struct vcpu *vcpu, struct kvm_run *run)
{
	bus_access(&vcpu->vm->bus, BUS_MMIO, run->mmio.phys_addr, run->mmio.data,
		   run->mmio.len, run->mmio.is_write);
	if (vcpu->vm->config->trace)
		vcpu_trace_io(vcpu, run->mmio.is_write ? "mmio write" : "mmio read",
			      BUS_MMIO, run->mmio.phys_addr, run->mmio.data,
			      run->mmio.len, 1);
}

static void handle_system_event(struct vcpu *vcpu, const struct kvm_run *run)
{
	switch (run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_end(vcpu->vm, VM_POWEROFF, 0, NULL);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		vm_end(vcpu->vm, VM_RESET, 0, NULL);
		break;
	default:
		vcpu_die(vcpu, "KVM reports system event %u", run->system_event.type);
	}
}

static void handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	const uint32_t reason = run->exit_reason;

	vcpu->exits[reason < KVM_EXIT_REASONS ? reason : KVM_EXIT_REASONS - 1]++;
	vcpu->io_pending = false;
	switch (reason) {
	case KVM_EXIT_MMIO:
		vcpu->io_pending = true;
		handle_mmio(vcpu, run);
		return;
	case KVM_EXIT_INTR:
		return;
	case KVM_EXIT_SYSTEM_EVENT:
		handle_system_event(vcpu, run);
		return;
	case KVM_EXIT_FAIL_ENTRY:
		vcpu_die(vcpu,
			 "the CPU refused to enter the guest: hardware reason 0x%llx",
			 run->fail_entry.hardware_entry_failure_reason);
		return;
	case KVM_EXIT_INTERNAL_ERROR:
		vcpu_die(vcpu, "KVM internal error, suberror %u%s",
			 run->internal.suberror,
			 run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION
				 ? " (it cannot emulate an instruction; a KVM without "
				   "hardware virtualization runs no stock kernels, "
				   "tane-lab does)"
				 : "");
		return;
	default:
		if (!vcpu_arch_exit(vcpu, run))
			vcpu_die(vcpu, "unexpected exit %u (%s)", reason,
				 kvm_exit_name(reason));
	}
}

/* Enter the guest once. */
static void run_once(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	int r = kvm_vcpu_run(&vcpu->kvm);

	if (r == 0) {
		trace_exit(vcpu);
		handle_exit(vcpu);
	} else if (r == -EINTR) {
		vcpu->kicks++;
		vcpu->io_pending = false;
		__atomic_store_n(&run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	} else if (r != -EAGAIN) {
		/* EAGAIN: a CPU that waited for its start-up signal was woken. */
		vcpu_die(vcpu, "KVM_RUN: %s", strerror(-r));
	}
}

/* Let KVM finish the I/O instruction whose data we have just given it. */
static void complete_io(struct vcpu *vcpu)
{
	for (unsigned i = 0; vcpu->io_pending && i < MAX_COMPLETIONS; i++) {
		__atomic_store_n(&vcpu->kvm.run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		run_once(vcpu);
	}
	vcpu->io_pending = false;
}

/*
 * KVM forgets to tell of a step that was an access to a device when its emulator carried
 * that out. So let it finish, and see.
 */
static void end_step(struct vcpu *vcpu)
{
	complete_io(vcpu);
	if (vcpu->debug.stop.reason == DEBUG_NOTHING)
		vcpu_arch_debug_end_step(vcpu);
}

static void run_work(struct vcpu *vcpu)
{
	struct vcpu_gate *gate = &vcpu->vm->gate;

	pthread_mutex_unlock(&gate->lock);
	vcpu->failed = vcpu->work(vcpu, &vcpu->err) != 0;
	pthread_mutex_lock(&gate->lock);
	vcpu->work = NULL;
	gate->working--;
	pthread_cond_signal(&gate->progress);
}

/* Wait at the gate. false: the thread shall end. */
static bool park(struct vcpu *vcpu)
{
	struct vcpu_gate *gate = &vcpu->vm->gate;
	bool go_on;

	complete_io(vcpu);
	pthread_mutex_lock(&gate->lock);
	gate->parked++;
	pthread_cond_signal(&gate->progress);
	while ((gate->closed || vcpu->debug.held) && !gate->quit) {
		if (vcpu->work)
			run_work(vcpu);
		else
			pthread_cond_wait(&gate->opened, &gate->lock);
	}
	gate->parked--;
	go_on = !gate->quit;
	pthread_mutex_unlock(&gate->lock);
	return go_on;
}

static void note_first_run(struct vcpu *vcpu)
{
	struct vm_stats *stats = &vcpu->vm->stats;

	if (vcpu->index == 0 && !stats->first_run_ns)
		stats->first_run_ns = loop_now();
}

static void *vcpu_main(void *opaque)
{
	struct vcpu *vcpu = opaque;
	struct vm *vm = vcpu->vm;
	char name[16];

	snprintf(name, sizeof(name), "vcpu %u", vcpu->index);
	pthread_setname_np(pthread_self(), name);
	vcpu->failed = vcpu_arch_create(vcpu, &vcpu->err) != 0;
	__atomic_store_n(&vcpu->made, !vcpu->failed, __ATOMIC_RELEASE);
	while (park(vcpu)) {
		note_first_run(vcpu);
		while (!gate_is_closed(&vm->gate)) {
			run_once(vcpu);
			if (vcpu->debug.stepped && vcpu->io_pending)
				end_step(vcpu);
		}
	}
	return NULL;
}

static int spawn(struct vm *vm, unsigned index, struct err *err)
{
	struct vcpu *vcpu = &vm->vcpus[index];
	int r;

	vcpu->vm = vm;
	vcpu->index = index;
	/*
	 * Here, one after the other: KVM counts vCPUs as they come, and some interrupt
	 * controllers (a GICv2, the AIA) know them by that number.
	 */
	if (kvm_vcpu_create(&vm->kvm, &vm->kvm_vm, index, &vcpu->kvm, err))
		return -1;
	r = pthread_create(&vcpu->thread, NULL, vcpu_main, vcpu);
	if (r) {
		kvm_vcpu_close(&vcpu->kvm);
		errno = r;
		return err_errno(err, "vcpu %u: cannot start its thread", index);
	}
	vm->nr_vcpus++;
	return 0;
}

/* The error of the first vCPU that failed, of `count` from `first` on. */
static int first_failure(const struct vm *vm, unsigned first, unsigned count,
			 struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		if (vm->vcpus[first + i].failed) {
			*err = vm->vcpus[first + i].err;
			return -1;
		}
	}
	return 0;
}

int vcpus_start(struct vm *vm, struct err *err)
{
	const unsigned n = vm->config->cpus;

	vm->vcpus = calloc(n, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return err_set(err, "no memory for %u vCPUs", n);
	for (unsigned i = 0; i < n; i++) {
		if (spawn(vm, i, err))
			return -1;
	}
	if (vcpus_pause(vm, 10000 + 100 * (int)n, err))
		return -1;
	return first_failure(vm, 0, n, err);
}

void vcpus_stop(struct vm *vm)
{
	vcpus_close_gate(vm);
	pthread_mutex_lock(&vm->gate.lock);
	vm->gate.quit = true;
	pthread_cond_broadcast(&vm->gate.opened);
	pthread_mutex_unlock(&vm->gate.lock);
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		pthread_join(vm->vcpus[i].thread, NULL);
}

void vcpus_destroy(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		vcpu_arch_destroy(&vm->vcpus[i]);
		free(vm->vcpus[i].debug.registers);
		kvm_vcpu_close(&vm->vcpus[i].kvm);
	}
	free(vm->vcpus);
	vm->vcpus = NULL;
	vm->nr_vcpus = 0;
}

static void kick(struct vcpu *vcpu)
{
	/* A vCPU that is not made yet has not run either: it will see the gate. */
	if (!__atomic_load_n(&vcpu->made, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&vcpu->kvm.run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, kick_signal());
}

void vcpus_close_gate(struct vm *vm)
{
	struct vcpu_gate *gate = &vm->gate;

	pthread_mutex_lock(&gate->lock);
	__atomic_store_n(&gate->closed, true, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&gate->opened);
	/* Under the lock: threads that were told to end may be gone when it is given back. */
	for (unsigned i = 0; i < vm->nr_vcpus && !gate->quit; i++)
		kick(&vm->vcpus[i]);
	pthread_mutex_unlock(&gate->lock);
}

static struct timespec deadline_after(int timeout_ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += timeout_ms / 1000;
	at.tv_nsec += (timeout_ms % 1000) * 1000000L;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	return at;
}

int vcpus_pause(struct vm *vm, int timeout_ms, struct err *err)
{
	struct vcpu_gate *gate = &vm->gate;
	const struct timespec deadline = deadline_after(timeout_ms);
	unsigned missing;
	int r = 0;

	vcpus_close_gate(vm);
	pthread_mutex_lock(&gate->lock);
	while (gate->parked < vm->nr_vcpus && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&gate->progress, &gate->lock, &deadline);
	missing = vm->nr_vcpus - gate->parked;
	pthread_mutex_unlock(&gate->lock);
	if (missing)
		return err_set(err, "%u of %u vCPUs did not stop within %d ms", missing,
			       vm->nr_vcpus, timeout_ms);
	return 0;
}

void vcpus_resume(struct vm *vm)
{
	struct vcpu_gate *gate = &vm->gate;

	pthread_mutex_lock(&gate->lock);
	__atomic_store_n(&gate->closed, false, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&gate->opened);
	pthread_mutex_unlock(&gate->lock);
}

/* Run `work` on `count` vCPUs, from `first` on. */
static int call(struct vm *vm, unsigned first, unsigned count,
		int (*work)(struct vcpu *vcpu, struct err *err), int timeout_ms,
		struct err *err)
{
	struct vcpu_gate *gate = &vm->gate;
	const struct timespec deadline = deadline_after(timeout_ms);
	unsigned working;
	int r = 0;

	pthread_mutex_lock(&gate->lock);
	for (unsigned i = 0; i < count; i++)
		vm->vcpus[first + i].work = work;
	gate->working = count;
	pthread_cond_broadcast(&gate->opened);
	while (gate->working && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&gate->progress, &gate->lock, &deadline);
	working = gate->working;
	pthread_mutex_unlock(&gate->lock);
	if (working)
		return err_set(err, "%u of %u vCPUs did not answer within %d ms", working,
			       count, timeout_ms);
	return first_failure(vm, first, count, err);
}

int vcpus_call(struct vm *vm, int (*work)(struct vcpu *vcpu, struct err *err),
	       int timeout_ms, struct err *err)
{
	return call(vm, 0, vm->nr_vcpus, work, timeout_ms, err);
}

int vcpu_call(struct vcpu *vcpu, int (*work)(struct vcpu *vcpu, struct err *err),
	      int timeout_ms, struct err *err)
{
	return call(vcpu->vm, vcpu->index, 1, work, timeout_ms, err);
}

void vcpu_hold(struct vcpu *vcpu, bool held)
{
	pthread_mutex_lock(&vcpu->vm->gate.lock);
	vcpu->debug.held = held;
	pthread_mutex_unlock(&vcpu->vm->gate.lock);
}

int vcpu_dump(struct vcpu *vcpu, struct err *err)
{
	vcpu->dump = dump(vcpu);
	return vcpu->dump ? 0 : err_set(err, "no memory for the registers");
}

void vcpu_wait(struct vm *vm, bool (*ready)(void *opaque), void *opaque)
{
	struct vcpu_gate *gate = &vm->gate;

	pthread_mutex_lock(&gate->lock);
	while (!gate->closed && !ready(opaque))
		pthread_cond_wait(&gate->opened, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

void vcpus_wake(struct vm *vm)
{
	pthread_mutex_lock(&vm->gate.lock);
	pthread_cond_broadcast(&vm->gate.opened);
	pthread_mutex_unlock(&vm->gate.lock);
}

void vcpus_print_stats(const struct vm *vm, FILE *out)
{
	uint64_t total = 0, kicks = 0;

	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		kicks += vm->vcpus[i].kicks;
	for (uint32_t reason = 0; reason < KVM_EXIT_REASONS; reason++) {
		uint64_t n = 0;

		for (unsigned i = 0; i < vm->nr_vcpus; i++)
			n += vm->vcpus[i].exits[reason];
		if (n)
			fprintf(out, "  exit %-18s %" PRIu64 "\n", kvm_exit_name(reason),
				n);
		total += n;
	}
	fprintf(out, "  exits in all            %" PRIu64 " (and %" PRIu64 " kicks)\n",
		total, kicks);
}
