/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest sees from 0xc0000 to 1 MiB, in the 13 segments of the i440FX's PAM
 * registers: RAM, or the end of the firmware's ROM. See shadow.c.
 */
#ifndef TANE_ARCH_X86_64_SHADOW_H
#define TANE_ARCH_X86_64_SHADOW_H

#include "core/vm.h"
#include "dev/i440fx.h"
#include "util/bytes.h"

struct shadow {
	struct vm *vm;
	struct bytes rom;                /* the part of it that shows, up to 128 KiB */
	uint8_t routes[I440FX_SEGMENTS]; /* I440FX_READ_RAM, I440FX_WRITE_RAM */
	uint8_t slots[I440FX_SEGMENTS];  /* enum shadow_slot: what KVM has now */
};

/*
 * Give KVM the RAM below the hole, `low_ram` bytes of it, which is there already, with
 * the ROM `rom` shown in it.
 */
int shadow_build(struct shadow *shadow, struct vm *vm, uint64_t low_ram, struct bytes rom,
		 struct err *err);

/* Read what shows there of the ROM. false: not all of it is ROM now. */
bool shadow_read_rom(const struct shadow *shadow, uint64_t gpa, void *to, size_t len);

/* For i440fx_init(): `opaque` is the shadow. If KVM fails, the VM ends. */
void shadow_set_route(void *opaque, unsigned segment, unsigned route);

#endif
