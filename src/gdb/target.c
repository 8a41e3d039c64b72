/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM as gdb's target.
 *
 * Stopped means that the gate is closed and all vCPUs are parked. Registers are read when
 * they stop, by each vCPU's own thread, and all that gdb asks for comes from there. What
 * it changes is written at once, so that it learns what KVM refuses. Memory is found by
 * asking a vCPU for the physical address, page by page.
 *
 * gdb takes all breakpoints out whenever the guest stops and puts them in before it goes
 * on. To get over one it lets a single CPU do one step without them; the others are held
 * meanwhile, parked at an open gate.
 *
 * Two vCPUs can stop at once, and gdb hears of one. The other meets a breakpoint again
 * when it goes on. What would not come again, a step that was done or memory that was
 * touched, is told the next time gdb wants to go on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "gdb/private.h"

#define PAUSE_TIMEOUT_MS 5000

/* We cannot go on with the guest in our hands. */
static bool give_up(struct gdb *gdb, const struct err *err)
{
	vm_end(gdb->vm, VM_FAILED, 0, "gdb: %s", err->text);
	return false;
}

int gdb_target_stop(struct gdb *gdb, struct err *err)
{
	struct vm *vm = gdb->vm;

	if (vcpus_pause(vm, PAUSE_TIMEOUT_MS, err) ||
	    vcpus_call(vm, vcpu_arch_debug_fetch, DEBUG_CALL_TIMEOUT_MS, err))
		return -1;
	gdb->is_stopped = true;
	return 0;
}

/* Would the vCPU not meet it again? */
static bool is_lasting(const struct debug_stop *stop)
{
	return stop->reason == DEBUG_STEPPED ||
	       (stop->reason == DEBUG_BROKE && stop->kind >= DEBUG_WRITE);
}

/* The vCPU that gdb shall hear of: one whose news would be lost, or any that has some. */
static struct vcpu *choose(const struct vm *vm)
{
	struct vcpu *any = NULL;

	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		if (is_lasting(&vcpu->debug.stop))
			return vcpu;
		if (!any && vcpu->debug.stop.reason != DEBUG_NOTHING)
			any = vcpu;
	}
	return any;
}

/* Stop, and tell gdb why; `signal` if no vCPU knows better. */
static void report(struct gdb *gdb, int signal)
{
	struct debug_stop stop = { 0 };
	unsigned cpu = gdb->stub.cpu;
	struct vcpu *vcpu;
	struct err err;

	if (gdb_target_stop(gdb, &err)) {
		give_up(gdb, &err);
		return;
	}
	if (vm_has_ended(gdb->vm))
		return; /* that is the news, and somebody else's */
	vcpu = choose(gdb->vm);
	if (vcpu) {
		signal = GDB_SIGNAL_TRAP;
		stop = vcpu->debug.stop;
		cpu = vcpu->index;
		vcpu->debug.stop.reason = DEBUG_NOTHING;
	}
	gdb_stub_stopped(&gdb->stub, signal, cpu, &stop);
	gdb_server_flush(gdb);
}

void gdb_target_on_stopped(void *opaque)
{
	struct gdb *gdb = opaque;

	if (gdb->stub.state == GDB_RUNNING && choose(gdb->vm) && !vm_has_ended(gdb->vm))
		report(gdb, GDB_SIGNAL_TRAP);
}

static bool target_stop(void *opaque, unsigned *cpu)
{
	struct gdb *gdb = opaque;
	struct err err;

	*cpu = 0;
	gdb->is_waiting = false;
	if (vm_has_ended(gdb->vm))
		return false;
	return !gdb_target_stop(gdb, &err) || give_up(gdb, &err);
}

static void target_interrupt(void *opaque)
{
	struct gdb *gdb = opaque;

	if (!vm_has_ended(gdb->vm))
		report(gdb, GDB_SIGNAL_INT);
}

/* Does a vCPU that is to go on have something to tell first? */
static bool has_news(const struct vm *vm, const uint8_t *actions)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		if (actions[i] != GDB_STAY && is_lasting(&vm->vcpus[i].debug.stop))
			return true;
	}
	return false;
}

/* What gdb need not hear any more. */
static void bury(struct gdb *gdb)
{
	gdb->is_dead = false;
	gdb->was_examined = true;
	loop_event_signal(&gdb->vm->ended);
}

static int go_on(struct gdb *gdb, struct err *err)
{
	struct vm *vm = gdb->vm;

	if (vcpus_call(vm, vcpu_arch_debug_apply, DEBUG_CALL_TIMEOUT_MS, err))
		return -1;
	gdb->is_stopped = false;
	vcpus_resume(vm);
	/* The user may have ended it while it was ours: that closed the gate. */
	if (vm_has_ended(vm))
		vcpus_close_gate(vm);
	return 0;
}

/* What steps compare watched memory with. */
static void note_values(struct gdb *gdb)
{
	for (unsigned i = 0; i < gdb->debug.nr_breaks; i++) {
		struct debug_break *b = &gdb->debug.breaks[i];

		b->value = 0;
		if (b->by_steps && b->length <= sizeof(b->value))
			gdb_vm_ops.read_memory(gdb, gdb->stub.cpu, b->address, &b->value,
					       (size_t)b->length);
	}
}

static bool target_resume(void *opaque, const uint8_t *actions)
{
	struct gdb *gdb = opaque;
	struct vm *vm = gdb->vm;
	struct err err;

	if (gdb->is_dead) {
		bury(gdb);
		return true;
	}
	if (vm_has_ended(vm))
		return true; /* it is told in a moment */
	if (gdb->wants_reset) {
		gdb->wants_reset = false;
		vm_end(vm, VM_RESET, 0, NULL);
		return true;
	}
	if (has_news(vm, actions)) {
		loop_event_signal(&gdb->debug.stopped);
		return true;
	}
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		if (!is_lasting(&vcpu->debug.stop))
			vcpu->debug.stop.reason = DEBUG_NOTHING;
		vcpu->debug.step = actions[i] == GDB_STEP;
		vcpu_hold(vcpu, actions[i] == GDB_STAY);
	}
	note_values(gdb);
	return !go_on(gdb, &err) || give_up(gdb, &err);
}

void gdb_target_forget(struct gdb *gdb)
{
	struct vm *vm = gdb->vm;

	gdb->debug.nr_breaks = 0;
	gdb->wants_reset = false;
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		vm->vcpus[i].debug.step = false;
		vm->vcpus[i].debug.stop.reason = DEBUG_NOTHING;
		vcpu_hold(&vm->vcpus[i], false);
	}
}

void gdb_target_release(struct gdb *gdb)
{
	const bool wants_reset = gdb->wants_reset;
	struct vm *vm = gdb->vm;
	struct err err;

	if (gdb->is_waiting)
		return; /* nobody has spoken to us yet */
	/* Breakpoints can be taken out of what stands still only. */
	if (!gdb->is_stopped && vcpus_pause(vm, PAUSE_TIMEOUT_MS, &err)) {
		give_up(gdb, &err);
		return;
	}
	for (unsigned i = 0; i < gdb->debug.nr_breaks; i++)
		debug_uproot(vm, &gdb->debug.breaks[i]);
	gdb_target_forget(gdb);
	if (gdb->is_dead)
		bury(gdb);
	else if (wants_reset)
		vm_end(vm, VM_RESET, 0, NULL);
	else if (!vm_has_ended(vm) && go_on(gdb, &err))
		give_up(gdb, &err);
}

static void target_detach(void *opaque)
{
	gdb_target_release(opaque);
}

static void target_kill(void *opaque)
{
	struct gdb *gdb = opaque;

	if (gdb->is_dead)
		bury(gdb);
	else
		vm_end(gdb->vm, VM_KILLED, 0, NULL);
}

static unsigned target_nr_cpus(void *opaque)
{
	return ((struct gdb *)opaque)->vm->nr_vcpus;
}

static struct vcpu *vcpu_of(void *opaque, unsigned cpu)
{
	return &((struct gdb *)opaque)->vm->vcpus[cpu];
}

static const struct debug_layout *target_layout(void *opaque, unsigned cpu)
{
	const struct gdb *gdb = opaque;

	return vcpu_arch_debug_layout(vcpu_of(opaque, cpu), gdb->vm->config->gdb.arch);
}

static void target_describe(void *opaque, unsigned cpu, char *to, size_t size)
{
	vcpu_arch_debug_describe(vcpu_of(opaque, cpu), to, size);
}

static void target_get_register(void *opaque, unsigned cpu,
				const struct debug_register *r,
				uint8_t to[DEBUG_REGISTER_BYTES])
{
	vcpu_arch_debug_get(vcpu_of(opaque, cpu), r, to);
}

static void target_set_register(void *opaque, unsigned cpu,
				const struct debug_register *r,
				const uint8_t from[DEBUG_REGISTER_BYTES])
{
	vcpu_arch_debug_set(vcpu_of(opaque, cpu), r, from);
}

static bool target_store_registers(void *opaque, unsigned cpu)
{
	struct vcpu *vcpu = vcpu_of(opaque, cpu);
	struct err err;
	const bool stored =
		!vcpu_call(vcpu, vcpu_arch_debug_store, DEBUG_CALL_TIMEOUT_MS, &err);

	/* What it really is, also where KVM did not take it. */
	return !vcpu_call(vcpu, vcpu_arch_debug_fetch, DEBUG_CALL_TIMEOUT_MS, &err) &&
	       stored;
}

static bool translate(struct vcpu *vcpu, uint64_t address, uint64_t *physical)
{
	struct err err;

	vcpu->debug.address = address;
	if (vcpu_call(vcpu, vcpu_arch_debug_translate, DEBUG_CALL_TIMEOUT_MS, &err))
		return false;
	*physical = vcpu->debug.physical;
	return vcpu->debug.mapped;
}

/* How many bytes from `address` on are on its page, `size` at most. */
static size_t on_page(uint64_t address, size_t size)
{
	const size_t left = MEMORY_PAGE_SIZE - address % MEMORY_PAGE_SIZE;

	return size < left ? size : left;
}

static size_t target_read_memory(void *opaque, unsigned cpu, uint64_t address, void *to,
				 size_t size)
{
	const struct gdb *gdb = opaque;
	size_t done = 0;

	while (done < size) {
		const size_t n = on_page(address + done, size - done);
		uint64_t gpa;

		if (!translate(vcpu_of(opaque, cpu), address + done, &gpa) ||
		    !debug_read_memory(gdb->vm, gpa, (uint8_t *)to + done, n))
			break;
		done += n;
	}
	return done;
}

static bool target_write_memory(void *opaque, unsigned cpu, uint64_t address,
				const void *from, size_t size)
{
	const struct gdb *gdb = opaque;
	size_t done = 0;

	while (done < size) {
		const size_t n = on_page(address + done, size - done);
		uint64_t gpa;

		if (!translate(vcpu_of(opaque, cpu), address + done, &gpa) ||
		    !debug_write_memory(gdb->vm, gpa, (const uint8_t *)from + done, n))
			return false;
		done += n;
	}
	return true;
}

/*
 * An instruction, where the address is mapped: for the CPU that gdb looks at, or for any
 * other, since a kernel may be up on one only.
 */
static bool plant(struct gdb *gdb, unsigned cpu, struct debug_break *b)
{
	uint64_t gpa;

	if (gdb->debug.no_insns)
		return false;
	if (translate(vcpu_of(gdb, cpu), b->address, &gpa))
		return debug_plant(gdb->vm, b, gpa);
	for (unsigned i = 0; i < gdb->vm->nr_vcpus; i++) {
		if (i != cpu && translate(vcpu_of(gdb, i), b->address, &gpa))
			return debug_plant(gdb->vm, b, gpa);
	}
	return false;
}

static bool target_insert(void *opaque, unsigned cpu, enum debug_kind kind,
			  uint64_t address, uint64_t length)
{
	struct gdb *gdb = opaque;
	struct debug *debug = &gdb->debug;
	struct debug_break b = { .kind = kind, .address = address, .length = length };
	uint8_t insn[DEBUG_MAX_INSN];

	if (debug_find(debug, kind, address, length))
		return true;
	if (debug->nr_breaks == DEBUG_MAX_BREAKS ||
	    (kind == DEBUG_SOFTWARE && !machine_debug_insn(length, insn)))
		return false;
	/* Where there is no place for an instruction, a debug register does as well. */
	if ((kind != DEBUG_SOFTWARE || !plant(gdb, cpu, &b)) &&
	    !machine_debug_has_room(debug, &b)) {
		b.by_steps = machine_debug_by_steps(debug, &b);
		if (!b.by_steps)
			return false;
	}
	debug->breaks[debug->nr_breaks++] = b;
	return true;
}

/* One that is not there was taken away by a reset. */
static bool target_remove(void *opaque, enum debug_kind kind, uint64_t address,
			  uint64_t length)
{
	struct gdb *gdb = opaque;
	struct debug *debug = &gdb->debug;
	struct debug_break *b = debug_find(debug, kind, address, length);

	if (b) {
		debug_uproot(gdb->vm, b);
		*b = debug->breaks[--debug->nr_breaks];
	}
	return true;
}

static void say(const struct gdb_printer *printer, const char *text)
{
	printer->print(printer->opaque, text, strlen(text));
}

static void print_registers(struct gdb *gdb, unsigned cpu,
			    const struct gdb_printer *printer)
{
	struct vcpu *vcpu = vcpu_of(gdb, cpu);
	struct err err;

	if (vcpu_call(vcpu, vcpu_dump, DEBUG_CALL_TIMEOUT_MS, &err) || !vcpu->dump)
		say(printer, "the registers cannot be read\n");
	else
		say(printer, vcpu->dump);
	free(vcpu->dump);
	vcpu->dump = NULL;
}

static void target_monitor(void *opaque, unsigned cpu, const char *command,
			   const struct gdb_printer *printer)
{
	struct gdb *gdb = opaque;

	if (strcmp(command, "registers") == 0) {
		print_registers(gdb, cpu, printer);
	} else if (strcmp(command, "reset") == 0) {
		gdb->wants_reset = true;
		say(printer, "\"continue\" resets the guest, and it stops at its first "
			     "instruction\n");
	} else if (strcmp(command, "quit") == 0) {
		say(printer, "the guest is ended\n");
		target_kill(gdb);
	} else {
		if (strcmp(command, "help") != 0)
			say(printer, "no such command\n");
		say(printer,
		    "monitor registers  all of this CPU as KVM has them, and code\n"
		    "monitor reset      the next \"continue\" begins anew\n"
		    "monitor quit       end the guest\n");
	}
}

const struct gdb_target_ops gdb_vm_ops = {
	.stop = target_stop,
	.interrupt = target_interrupt,
	.resume = target_resume,
	.detach = target_detach,
	.kill = target_kill,
	.nr_cpus = target_nr_cpus,
	.layout = target_layout,
	.describe = target_describe,
	.get_register = target_get_register,
	.set_register = target_set_register,
	.store_registers = target_store_registers,
	.read_memory = target_read_memory,
	.write_memory = target_write_memory,
	.insert = target_insert,
	.remove = target_remove,
	.monitor = target_monitor,
};
