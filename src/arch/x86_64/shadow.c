/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAM and ROM below 1 MiB.
 *
 * A segment is one memory slot of KVM, which says what its reads give:
 *
 *	reads go to   writes go to   slot
 *	RAM           RAM            RAM
 *	RAM           PCI            RAM, read-only
 *	PCI           RAM or PCI     ROM, read-only; none where there is no ROM
 *
 * A write to what is read-only, and any access where there is no slot, exits and comes to
 * the range "shadow" of the bus. That knows the routes and carries out all of it right: a
 * write that goes to PCI finds nobody, as nobody can write to the ROM.
 *
 * KVM cannot change a slot's memory in place: it is taken away and made anew. A vCPU
 * that reads or writes the segment in between exits too, and gets what the range "shadow"
 * says, which is right. One that fetches instructions there cannot go on, and the guest
 * dies. It was its own doing: firmware changes its segments while it runs alone, with the
 * other CPUs halted. To stop them for each change would buy nothing.
 *
 * A change takes the vCPU that asked for it some time in the kernel (two grace periods of
 * SRCU), and others that want PCI's configuration space wait for the bus's lock as long.
 * Whoever changes routes in a loop spends its own time; nothing piles up in the host.
 */
#include <string.h>

#include "arch/x86_64/layout.h"
#include "arch/x86_64/shadow.h"

enum shadow_slot {
	SHADOW_NONE,
	SHADOW_ROM,
	SHADOW_RAM,
	SHADOW_RAM_READ_ONLY,
};

#define SHADOW_END LAYOUT_HIGH_MEMORY

/* The byte of ROM that shows at `gpa`, or NULL. */
static const uint8_t *rom_at(const struct shadow *shadow, uint64_t gpa)
{
	const uint64_t base = SHADOW_END - shadow->rom.size;

	return gpa >= base ? shadow->rom.data + (gpa - base) : NULL;
}

static enum shadow_slot slot_for(const struct shadow *shadow, unsigned segment,
				 unsigned route)
{
	switch (route) {
	case I440FX_READ_RAM | I440FX_WRITE_RAM:
		return SHADOW_RAM;
	case I440FX_READ_RAM:
		return SHADOW_RAM_READ_ONLY;
	default:
		return rom_at(shadow, i440fx_segment_base(segment)) ? SHADOW_ROM
								    : SHADOW_NONE;
	}
}

static int set_slot(struct shadow *shadow, unsigned segment, enum shadow_slot slot,
		    struct err *err)
{
	const struct kvm_vm *kvm = &shadow->vm->kvm_vm;
	const uint64_t gpa = i440fx_segment_base(segment);
	const uint64_t size = i440fx_segment_size(segment);
	const unsigned number = SLOT_SEGMENTS + segment;
	const void *hva = slot == SHADOW_ROM
				  ? rom_at(shadow, gpa)
				  : memory_for_read(&shadow->vm->memory, gpa, size);

	if (slot == shadow->slots[segment])
		return 0;
	if (shadow->slots[segment] != SHADOW_NONE &&
	    kvm_vm_set_memory(kvm, number, gpa, 0, NULL, 0, err))
		return -1;
	shadow->slots[segment] = SHADOW_NONE;
	if (slot != SHADOW_NONE &&
	    kvm_vm_set_memory(kvm, number, gpa, size, (void *)(uintptr_t)hva,
			      slot == SHADOW_RAM ? 0 : KVM_MEM_READONLY, err))
		return -1;
	shadow->slots[segment] = (uint8_t)slot;
	return 0;
}

void shadow_set_route(void *opaque, unsigned segment, unsigned route)
{
	struct shadow *shadow = opaque;
	struct err err;

	__atomic_store_n(&shadow->routes[segment], (uint8_t)route, __ATOMIC_RELEASE);
	if (set_slot(shadow, segment, slot_for(shadow, segment, route), &err))
		vm_end(shadow->vm, VM_FAILED, 0, "memory below 1 MiB: %s", err.text);
}

static unsigned route_at(const struct shadow *shadow, uint64_t offset)
{
	const unsigned segment = (unsigned)(offset / I440FX_SEGMENT_SIZE);

	return __atomic_load_n(
		&shadow->routes[segment < I440FX_SEGMENTS ? segment
							  : I440FX_SEGMENTS - 1],
		__ATOMIC_ACQUIRE);
}

bool shadow_read_rom(const struct shadow *shadow, uint64_t gpa, void *to, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const uint64_t at = gpa + i;

		if (at < I440FX_FIRST || at >= SHADOW_END || !rom_at(shadow, at) ||
		    (route_at(shadow, at - I440FX_FIRST) & I440FX_READ_RAM))
			return false;
		((uint8_t *)to)[i] = *rom_at(shadow, at);
	}
	return len > 0;
}

static uint64_t shadow_read(void *dev, uint64_t offset, unsigned size)
{
	const struct shadow *shadow = dev;
	const uint64_t gpa = I440FX_FIRST + offset;
	uint64_t value = UINT64_MAX;

	if (route_at(shadow, offset) & I440FX_READ_RAM)
		(void)memory_read(&shadow->vm->memory, gpa, &value, size);
	else if (rom_at(shadow, gpa))
		memcpy(&value, rom_at(shadow, gpa), size);
	return value;
}

static void shadow_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct shadow *shadow = dev;

	if (route_at(shadow, offset) & I440FX_WRITE_RAM)
		(void)memory_write(&shadow->vm->memory, I440FX_FIRST + offset, &value,
				   size);
}

/* A byte at a time: so no access lies in two segments. */
static const struct io_ops shadow_io = {
	.read = shadow_read,
	.write = shadow_write,
	.max_size = 1,
};

static int add_slots(struct shadow *shadow, uint64_t low_ram, struct err *err)
{
	struct vm *vm = shadow->vm;
	uint8_t *ram = memory_map(&vm->memory, 0, low_ram);

	if (!ram || low_ram <= SHADOW_END)
		return err_set(err, "a PC with firmware needs at least 2 MiB (--mem)");
	if (kvm_vm_set_memory(&vm->kvm_vm, SLOT_LOW_RAM, 0, I440FX_FIRST, ram, 0, err) ||
	    kvm_vm_set_memory(&vm->kvm_vm, SLOT_MIDDLE_RAM, SHADOW_END,
			      low_ram - SHADOW_END, ram + SHADOW_END, 0, err))
		return err_prefix(err, "guest memory (--mem): ");
	for (unsigned i = 0; i < I440FX_SEGMENTS; i++) {
		if (set_slot(shadow, i, slot_for(shadow, i, 0), err))
			return err_prefix(err, "memory below 1 MiB: ");
	}
	return 0;
}

int shadow_build(struct shadow *shadow, struct vm *vm, uint64_t low_ram, struct bytes rom,
		 struct err *err)
{
	const struct bus_range range = {
		.base = I440FX_FIRST,
		.size = SHADOW_END - I440FX_FIRST,
		.name = "shadow",
		.ops = &shadow_io,
		.dev = shadow,
	};
	const uint64_t size =
		rom.size < LAYOUT_ROM_SHADOW_MAX ? rom.size : LAYOUT_ROM_SHADOW_MAX;

	*shadow = (struct shadow){
		.vm = vm,
		.rom = { rom.data + (rom.size - size), size },
	};
	if (add_slots(shadow, low_ram, err))
		return -1;
	return bus_add(&vm->bus, BUS_MMIO, &range, err);
}
