/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all machines have, whatever their chips are: an interrupt controller with wires to
 * it, serial ports, virtio devices, and the way out of the guest's life. Each machine's
 * struct begins with this, so that machine.c can serve them all.
 */
#ifndef TANE_ARCH_MACHINE_H
#define TANE_ARCH_MACHINE_H

#include "arch/arch.h"
#include "arch/ide.h"
#include "arch/serial.h"
#include "arch/virtio.h"
#include "arch/wires.h"
#include "core/platform.h"
#include "dev/pci.h"

#define MACHINE_RESET_TIMEOUT_MS 10000

struct machine_common {
	struct platform platform;
	struct wires wires;
	struct serial serials[CONFIG_MAX_UARTS];
	struct virtio_devices virtio;
	struct ide *ide; /* NULL: no IDE drives */
	struct virtio_mmio_places virtio_places;
	/* Where what is no serial port prints: COM1's console, or the one here: */
	struct console *output;
	struct console own_output;
	bool has_own_output;
};

/* Of any machine: it comes first in its struct. */
struct machine_common *machine_common(const struct vm *vm);

/*
 * The platform, and wires that `set` leads to the controller. Zeroes before; destroy
 * takes them as well.
 */
void machine_common_init(struct vm *vm,
			 void (*set)(struct vm *vm, unsigned number, bool level));
void machine_common_destroy(struct vm *vm);

/* The next region of RAM, and KVM's slot for it. */
int machine_add_ram(struct vm *vm, uint64_t gpa, uint64_t size, struct err *err);

/* Claim ports for a chip; `lock` is held around its register functions, or NULL. */
int machine_add_port(struct vm *vm, uint64_t base, uint64_t size, const char *name,
		     const struct io_ops *ops, void *dev, pthread_mutex_t *lock,
		     struct err *err);

/*
 * Choose `output`: the serial port that is our terminal's, or a console for output only;
 * COM1, or nothing, where the terminal shows the screen.
 */
int machine_build_output(struct vm *vm, struct err *err);

/*
 * The window for large BARs: MACHINE_PCI_MEM64_SIZE bytes above RAM, aligned to that;
 * empty if the CPU, with `address_bits`, cannot form such addresses.
 */
#define MACHINE_PCI_MEM64_SIZE 0x1000000000ull
struct pci_window machine_high_window(uint64_t ram_end, unsigned address_bits);

void machine_reset_serials(struct vm *vm);

/* Callbacks of chips; `opaque` is the VM. */
void machine_on_reset(void *opaque);
void machine_on_power_off(void *opaque);
void machine_on_debug_exit(void *opaque, uint32_t value);
void machine_on_milestone(void *opaque, uint8_t number);
/* Print a byte on `output`; a vCPU waits until there is room. */
void machine_on_output(void *opaque, uint8_t byte);
/* Nanoseconds since 1970 and since the host's start. */
int64_t machine_real_time(void *opaque);
int64_t machine_monotonic_time(void *opaque);

#endif
