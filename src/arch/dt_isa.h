/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine that describes itself by a device tree (dt_machine.c), and what an ISA
 * adds to it. A folder of an ISA (riscv64/, arm64/) holds
 *
 *	layout.[ch]	dt_layout: every fixed address
 *	cpu.c		vcpu_arch_...(), isa_vcpu_reset(): registers at power-on, exits
 *	isa.c		the isa_ functions below
 *	and a file for each interrupt controller
 *
 * Interrupt numbers ("irq") are inputs of the interrupt controller, from 1 on: sources of
 * a PLIC or an APLIC, SPIs of a GIC. They are the same on all ISAs, see enum dt_irq.
 *
 * Like machine_...(): main thread, vCPUs parked or not yet made, unless it says otherwise.
 */
#ifndef TANE_ARCH_DT_ISA_H
#define TANE_ARCH_DT_ISA_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/fdt.h"
#include "arch/loader.h"
#include "arch/machine.h"
#include "dev/pci.h"

enum dt_irq {
	DT_IRQ_UART = 1, /* to 4 */
	DT_IRQ_RTC = 5,
	DT_IRQ_GPIO = 6,
	DT_IRQ_PCI = 8,     /* INTA# to INTD# */
	DT_IRQ_VIRTIO = 16, /* one for each virtio-mmio device */
	DT_NR_IRQS = DT_IRQ_VIRTIO + VIRTIO_MAX_DEVICES, /* all are below; < 96 */
};

/* Phandles of the nodes that others refer to. */
enum dt_phandle {
	DT_PHANDLE_IRQ = 1, /* the controller of all irqs */
	DT_PHANDLE_MSI,     /* the one that takes messages; only with machine->has_msi */
	DT_PHANDLE_CLOCK,   /* a fixed clock, of UARTs and primecells */
	DT_PHANDLE_GPIO,
	DT_PHANDLE_TEST,
	DT_PHANDLE_CPU = 0x100,       /* of CPU n: + n; its own interrupt controller: */
	DT_PHANDLE_CPU_INTC = 0x2000, /* + n */
};

/* Which clock Linux has a driver for on this ISA. */
enum dt_rtc_kind {
	DT_RTC_GOLDFISH,
	DT_RTC_PL031,
};

/* Where the chips are that all ISAs have; each has a page of its own. 0: there is none. */
struct dt_layout {
	uint64_t ram; /* begins here, in one piece */
	uint64_t uarts, uart_stride;
	const struct uart_model *uart_model;
	uint32_t uart_clock; /* Hz */
	uint64_t rtc;
	enum dt_rtc_kind rtc_kind;
	uint64_t gpio; /* has the power button */
	uint64_t milestone, test;
	uint64_t virtio_mmio, virtio_stride;
	uint64_t ecam; /* PCI_ECAM_SIZE bytes */
	uint64_t pci_mem32, pci_mem32_size;
};

extern const struct dt_layout dt_layout; /* ISA/layout.c */

struct isa; /* what the ISA keeps for a machine */

struct dt_chips; /* the small ones, see dt_chips.c */

struct machine {
	struct machine_common common;
	struct isa *isa;
	bool has_msi; /* the ISA has a controller for messages; set by isa_build() */
	struct pci_bus pci;
	bool has_pci; /* `pci` is made */
	struct dt_chips *chips;

	/* Where the boot CPU begins: the kernel's entry, and the device tree. */
	uint64_t entry, fdt_gpa;
	uint8_t *fdt;
	size_t fdt_size;
};

/* arch_validate() for this ISA: --irqchip and the number of CPUs it takes. */
int isa_validate(const struct vm_config *config, struct err *err);

/* See machine_vm_type(). */
int isa_vm_type(const struct vm *vm, unsigned long *type, struct err *err);

/*
 * Make vm->machine->isa and the interrupt controllers, in KVM or on the bus. Calls
 * platform_set_pins() if KVM routes interrupts.
 */
int isa_build(struct vm *vm, struct err *err);
/* The same, as far as KVM needs the vCPUs for it. */
int isa_complete(struct vm *vm, struct err *err);
void isa_destroy(struct vm *vm); /* also after an isa_build() that failed */

/* The interrupt controllers as at power-on. */
int isa_reset(struct vm *vm, struct err *err);

/* Drive an input of the controller. Any thread, with the pin's lock held. */
void isa_set_irq(struct vm *vm, unsigned irq, bool level);

/* How many bits physical addresses of the guest have. */
unsigned isa_address_bits(const struct vm *vm);

/*
 * Power-on state of a vCPU, on its own thread. The boot CPU (index 0) begins at
 * machine->entry with machine->fdt_gpa in the register that the boot protocol says; the
 * others wait to be started.
 */
int isa_vcpu_reset(struct vcpu *vcpu, struct err *err);

/*
 * Nodes of the root: /cpus, the timer, PSCI; then the interrupt controllers. The root has no
 * interrupt-parent: a node with interrupts names its own.
 */
void isa_fdt_cpus(struct fdt_writer *fdt, const struct vm *vm);
void isa_fdt_irqchips(struct fdt_writer *fdt, const struct vm *vm);

/*
 * The interrupt specifier of `irq`, level-triggered and active high, as the controller's
 * #interrupt-cells has it. Returns how many cells that are.
 */
#define DT_MAX_IRQ_CELLS 3
unsigned isa_fdt_irq(const struct vm *vm, unsigned irq, uint32_t cells[DT_MAX_IRQ_CELLS]);

/* The properties of the PCI host's node that lead to DT_PHANDLE_MSI: msi-parent, msi-map. */
void isa_fdt_msi(struct fdt_writer *fdt, const struct vm *vm);

/* #address-cells of the interrupt controller's node, as interrupt maps want them. */
extern const unsigned isa_irq_address_cells;

/* What Linux calls UARTs: "ttyS" or "ttyAMA". */
extern const char isa_tty[];

/* Whose kernels. */
extern const enum boot_isa isa_kernels;

/* -- dt_fdt.c -- */

/*
 * Build the device tree of the machine into vm->machine->fdt. `loader` has the command line
 * and where the initrd lies.
 */
int dt_fdt_build(struct vm *vm, const struct loader *loader, struct err *err);

/* Properties of a chip's node: its registers, its interrupt. */
void dt_fdt_reg(struct fdt_writer *fdt, uint64_t base, uint64_t size);
void dt_fdt_irq(struct fdt_writer *fdt, const struct vm *vm, unsigned irq);
/*
 * A PrimeCell of ARM: what kind is in its ID registers, the rest is the same for all.
 * `clock` is the name of the one that the chip counts by; NULL: it has the bus's alone.
 */
void dt_fdt_primecell(struct fdt_writer *fdt, const char *kind, const char *clock);

#endif
