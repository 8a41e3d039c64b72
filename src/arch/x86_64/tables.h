/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware tables: what the machine is made of, told in the two languages that
 * x86 kernels read, ACPI (acpi.c, with its byte code by aml.c) and the Intel
 * MultiProcessor Specification (mptable.c). Pure functions from a description
 * to bytes; they touch no guest memory.
 */
#ifndef TANE_ARCH_X86_64_TABLES_H
#define TANE_ARCH_X86_64_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/x86_64/table_loader.h"
#include "util/err.h"

#define TABLES_MAX_UARTS          4
#define TABLES_MAX_PCI_INTERRUPTS 128 /* four pins of 32 devices */
#define TABLES_MAX_VIRTIO_MMIO    64

/* The machine as the tables have to describe it. CPU n has APIC ID n. */
struct tables_config {
	unsigned nr_cpus;
	bool has_firmware; /* and the chips that come with it: fw_cfg, 8042, VGA */
	bool has_screen;   /* without firmware too: VGA and 8042 */
	bool has_floppy;   /* a controller of floppy disks */
	struct {
		uint16_t port;
		uint8_t irq;
	} uarts[TABLES_MAX_UARTS];
	unsigned nr_uarts;

	/*
	 * Is there anything on PCI? Else ACPI does not speak of it: a kernel would look
	 * at each place of an empty bus. The other windows are fixed, see layout.h.
	 */
	bool has_pci;
	bool has_ide; /* and its ports of old, which the root bridge has to let through */
	uint64_t pci_mem64, pci_mem64_size; /* size 0: there is none */
	struct {
		uint8_t device;
		uint8_t pin; /* 0..3: INTA# to INTD# */
		uint8_t gsi;
		uint8_t isa; /* with firmware: the interrupt of the PICs that it is led to */
	} pci_interrupts[TABLES_MAX_PCI_INTERRUPTS]; /* by device, then by pin */
	unsigned nr_pci_interrupts;

	struct {
		uint32_t base, size;
		uint8_t gsi;
	} virtio_mmio[TABLES_MAX_VIRTIO_MMIO];
	unsigned nr_virtio_mmio;
};

/*
 * A table area under construction: `data` will lie at guest address `gpa`. Or firmware
 * chooses the place: then it is the fw_cfg file `file`, `gpa` is 0, and `loader` gets the
 * commands that make its addresses and checksums right.
 */
struct tables_area {
	uint8_t *data;
	size_t size;
	size_t used;
	uint64_t gpa;
	const char *file;
	struct table_loader *loader; /* NULL: the place is known */
};

/*
 * The interrupts as both languages tell them: ISA interrupt n is pin n of the
 * one I/O APIC, but the timer, ISA interrupt 0, is pin 2. All are edge
 * triggered and active high, but the SCI and those of virtio-mmio devices are level
 * triggered and active high. Those of PCI are as PCI has them, level and active low.
 */
#define TABLES_TIMER_PIN 2

/*
 * Take `size` bytes, zeroed, at a guest address that is a multiple of
 * `alignment` (a power of two). `what` names them in the error when the area
 * is full; then NULL.
 */
void *tables_take(struct tables_area *area, size_t size, size_t alignment,
		  const char *what, struct err *err);

/* The guest address of `p`, which points into the area. Below 4 GiB. */
uint32_t tables_gpa(const struct tables_area *area, const void *p);

/* The byte that makes the sum of all bytes 0, as both languages want it. */
uint8_t tables_checksum(const void *table, size_t size);

/* Write the address of `target`, in the area `to`, into `size` bytes at `field`. */
void tables_point(struct tables_area *area, void *field, uint8_t size,
		  const struct tables_area *to, const void *target);
/* `size` bytes at `table` are in place: make their checksum, the byte at `checksum`. */
void tables_seal(struct tables_area *area, uint8_t *checksum, const void *table,
		 size_t size);

/* The ID of the I/O APIC: one that no CPU has, or 0 if they have taken all of 0..254. */
uint8_t tables_ioapic_id(const struct tables_config *config);

/*
 * Append the ACPI tables: RSDP (first, 16-byte aligned), RSDT, XSDT,
 * FACS, DSDT, FADT, MADT and, with PCI, MCFG. *rsdp_gpa gets the address of the RSDP.
 */
int acpi_build(struct tables_area *area, const struct tables_config *config,
	       uint64_t *rsdp_gpa, struct err *err);
/* The same with the RSDP in an area of its own, where it is first. */
int acpi_build_apart(struct tables_area *rsdp_area, struct tables_area *area,
		     const struct tables_config *config, uint64_t *rsdp_gpa,
		     struct err *err);

/*
 * Append the MP configuration table (MP 1.4, chapter 4) and write the floating
 * pointer that names it to `floating`. CPUs with an APIC ID above 254 do not
 * exist in this language and are left out.
 */
int mptable_build(struct tables_area *area, const struct tables_config *config,
		  uint8_t floating[16], struct err *err);

#endif
