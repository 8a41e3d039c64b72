/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breakpoints in guest memory, and how a vCPU stops at one; see debug.h.
 *
 * A breakpoint instruction stands in RAM, where the guest sees it too; the debugger must
 * not. So its reads go through debug_read_memory(), which shows the original bytes, and
 * its writes through debug_write_memory(), which change those. A guest that has written
 * over an instruction of ours, or was loaded anew, has taken it away itself: then nothing
 * is put back.
 */
#include <string.h>

#include "core/debug.h"
#include "core/vm.h"
#include "util/bytes.h"

const struct debug_register *debug_register(const struct debug_layout *layout,
					    uint64_t number)
{
	for (unsigned i = 0; i < layout->nr_features; i++) {
		const struct debug_feature *feature = &layout->features[i];

		if (number < feature->nr_registers)
			return &feature->registers[number];
		number -= feature->nr_registers;
	}
	return NULL;
}

struct debug_break *debug_find(const struct debug *debug, enum debug_kind kind,
			       uint64_t address, uint64_t length)
{
	for (unsigned i = 0; i < debug->nr_breaks; i++) {
		const struct debug_break *b = &debug->breaks[i];

		if (b->kind == kind && b->address == address &&
		    (length == UINT64_MAX || b->length == length))
			return (struct debug_break *)b;
	}
	return NULL;
}

void debug_stopped(struct vcpu *vcpu, const struct debug_stop *stop)
{
	vcpu->debug.stop = *stop;
	vcpus_close_gate(vcpu->vm);
	loop_event_signal(&vcpu->vm->debug->stopped);
}

/* The bytes that `b` and [gpa, gpa + len) share: their offsets in both, and how many. */
struct overlap {
	size_t in_break, in_range, size;
};

static struct overlap overlap(const struct debug_break *b, uint64_t gpa, size_t len)
{
	uint8_t insn[DEBUG_MAX_INSN];
	const size_t size = b->in_memory ? machine_debug_insn(b->length, insn) : 0;
	struct overlap o = { 0 };

	if (!ranges_overlap(b->physical, size, gpa, len))
		return o;
	if (gpa > b->physical)
		o.in_break = (size_t)(gpa - b->physical);
	else
		o.in_range = (size_t)(b->physical - gpa);
	o.size = size - o.in_break;
	if (o.size > len - o.in_range)
		o.size = len - o.in_range;
	return o;
}

bool debug_read_memory(const struct vm *vm, uint64_t gpa, void *to, size_t len)
{
	if (machine_debug_read_rom(vm, gpa, to, len))
		return true;
	if (!memory_read(&vm->memory, gpa, to, len))
		return false;
	for (unsigned i = 0; vm->debug && i < vm->debug->nr_breaks; i++) {
		const struct debug_break *b = &vm->debug->breaks[i];
		const struct overlap o = overlap(b, gpa, len);

		memcpy((uint8_t *)to + o.in_range, b->original + o.in_break, o.size);
	}
	return true;
}

/* There may be RAM behind it, which is not what the guest reads. */
static bool is_rom(const struct vm *vm, uint64_t gpa)
{
	uint8_t byte;

	return machine_debug_read_rom(vm, gpa, &byte, 1);
}

bool debug_write_memory(struct vm *vm, uint64_t gpa, const void *from, size_t len)
{
	if (is_rom(vm, gpa) || !memory_write(&vm->memory, gpa, from, len))
		return false;
	for (unsigned i = 0; vm->debug && i < vm->debug->nr_breaks; i++) {
		struct debug_break *b = &vm->debug->breaks[i];
		const struct overlap o = overlap(b, gpa, len);
		uint8_t insn[DEBUG_MAX_INSN];

		if (!o.size)
			continue;
		memcpy(b->original + o.in_break, (const uint8_t *)from + o.in_range,
		       o.size);
		memory_write(&vm->memory, b->physical, insn,
			     machine_debug_insn(b->length, insn));
	}
	return true;
}

bool debug_plant(struct vm *vm, struct debug_break *b, uint64_t gpa)
{
	uint8_t insn[DEBUG_MAX_INSN];
	const size_t size = machine_debug_insn(b->length, insn);

	if (!size || is_rom(vm, gpa) || !debug_read_memory(vm, gpa, b->original, size) ||
	    !memory_write(&vm->memory, gpa, insn, size))
		return false;
	b->physical = gpa;
	b->in_memory = true;
	return true;
}

/* Two addresses may be mapped to the same place: is it still needed there? */
static bool is_shared(const struct debug *debug, const struct debug_break *b)
{
	for (unsigned i = 0; i < debug->nr_breaks; i++) {
		const struct debug_break *other = &debug->breaks[i];

		if (other != b && other->in_memory && other->physical == b->physical)
			return true;
	}
	return false;
}

void debug_uproot(struct vm *vm, struct debug_break *b)
{
	uint8_t insn[DEBUG_MAX_INSN], now[DEBUG_MAX_INSN];
	const size_t size = machine_debug_insn(b->length, insn);

	if (b->in_memory && !is_shared(vm->debug, b) &&
	    memory_read(&vm->memory, b->physical, now, size) &&
	    memcmp(now, insn, size) == 0)
		memory_write(&vm->memory, b->physical, b->original, size);
	b->in_memory = false;
}
