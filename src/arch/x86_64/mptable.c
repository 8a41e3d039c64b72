/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MP table (Intel MultiProcessor Specification 1.4, chapter 4), for kernels
 * without ACPI.
 *
 * A floating pointer of 16 bytes lies where kernels look for it (our EBDA) and
 * names the configuration table: a header, then entries sorted by their type.
 * Without the entries of the I/O APIC and of the interrupts, a kernel would
 * see all CPUs and yet lose its timer and its UARTs ("noapic").
 *
 * The interrupts are those of the MADT in acpi.c. There is none for the 8259
 * as input of the I/O APIC: KVM wires the 8259 to LINT0 only, and Linux warns
 * of an entry that the hardware does not bear out.
 */
#include <stdbool.h>
#include <string.h>

#include "arch/x86_64/layout.h"
#include "arch/x86_64/tables.h"

#define PACKED __attribute__((packed))

#define SPEC_REV 4 /* version 1.4 */

/* MP floating pointer structure (4.1). */
struct mp_floating {
	char signature[4];
	uint32_t physical_address_pointer;
	uint8_t length; /* in units of 16 bytes */
	uint8_t spec_rev;
	uint8_t checksum;
	uint8_t feature[5]; /* 0: a table is present. 1, bit 7 clear: no IMCR */
} PACKED;

/* MP configuration table header (4.2). */
struct mp_header {
	char signature[4];
	uint16_t base_table_length;
	uint8_t spec_rev;
	uint8_t checksum;
	char oem_id[8];
	char product_id[12];
	uint32_t oem_table_pointer;
	uint16_t oem_table_size;
	uint16_t entry_count;
	uint32_t local_apic_address;
	uint16_t extended_table_length;
	uint8_t extended_table_checksum;
	uint8_t reserved;
} PACKED;

enum mp_entry_type {
	MP_PROCESSOR = 0,
	MP_BUS = 1,
	MP_IO_APIC = 2,
	MP_IO_INTERRUPT = 3,
	MP_LOCAL_INTERRUPT = 4,
};

/* 4.3.1 */
struct mp_processor {
	uint8_t entry_type;
	uint8_t local_apic_id;
	uint8_t local_apic_version;
	uint8_t cpu_flags;
	uint32_t cpu_signature;
	uint32_t feature_flags;
	uint32_t reserved[2];
} PACKED;

#define LOCAL_APIC_VERSION 0x14
#define CPU_ENABLED        1u
#define CPU_BOOTSTRAP      2u
#define CPU_SIGNATURE      0x600u /* family 6; CPUID tells the truth */
#define CPU_FEATURES       0x301u /* FPU, CX8, APIC: what a kernel for SMP needs */

/* 4.3.2 */
struct mp_bus {
	uint8_t entry_type;
	uint8_t bus_id;
	char bus_type[6];
} PACKED;

#define BUS_PCI 0 /* the same number as PCI has for it (D.1) */
#define BUS_ISA 1

/* 4.3.3 */
struct mp_io_apic {
	uint8_t entry_type;
	uint8_t io_apic_id;
	uint8_t io_apic_version;
	uint8_t io_apic_flags;
	uint32_t io_apic_address;
} PACKED;

#define IO_APIC_VERSION 0x11
#define IO_APIC_ENABLED 1u

/* 4.3.4 and 4.3.5: the destination is an I/O APIC, or a local one. */
struct mp_interrupt {
	uint8_t entry_type;
	uint8_t interrupt_type;
	uint16_t interrupt_flag;
	uint8_t source_bus_id;
	uint8_t source_bus_irq;
	uint8_t destination_apic_id;
	uint8_t destination_apic_intin;
} PACKED;

enum mp_interrupt_type {
	MP_INT = 0,
	MP_NMI = 1,
	MP_EXTINT = 3,
};

#define FLAG_CONFORMS   0x0u /* to the bus: ISA is edge, active high */
#define FLAG_HIGH_LEVEL 0xdu
#define FLAG_LOW_LEVEL  0xfu
#define EVERY_CPU       0xffu

#define MAX_CPUS    255u /* local APIC IDs 0..254 */
#define NR_ISA_IRQS 16u

_Static_assert(sizeof(struct mp_floating) == 16, "MP 1.4, table 4-1");
_Static_assert(sizeof(struct mp_header) == 44, "MP 1.4, table 4-2");
_Static_assert(sizeof(struct mp_processor) == 20, "MP 1.4, table 4-4");
_Static_assert(sizeof(struct mp_interrupt) == 8, "MP 1.4, table 4-10");

/* The table as it grows: its length and entry_count follow what is appended. */
static int append(struct tables_area *area, struct mp_header *header, const void *entry,
		  size_t size, struct err *err)
{
	void *at = tables_take(area, size, 1, "MP table", err);

	if (!at)
		return -1;
	memcpy(at, entry, size);
	header->base_table_length = (uint16_t)(header->base_table_length + size);
	header->entry_count++;
	return 0;
}

static int append_processors(struct tables_area *area, struct mp_header *header,
			     unsigned nr_cpus, struct err *err)
{
	unsigned cpu;

	for (cpu = 0; cpu < nr_cpus && cpu < MAX_CPUS; cpu++) {
		struct mp_processor entry = {
			.entry_type = MP_PROCESSOR,
			.local_apic_id = (uint8_t)cpu,
			.local_apic_version = LOCAL_APIC_VERSION,
			.cpu_flags = CPU_ENABLED | (cpu == 0 ? CPU_BOOTSTRAP : 0),
			.cpu_signature = CPU_SIGNATURE,
			.feature_flags = CPU_FEATURES,
		};

		if (append(area, header, &entry, sizeof(entry), err) < 0)
			return -1;
	}
	return 0;
}

static int append_buses(struct tables_area *area, struct mp_header *header,
			struct err *err)
{
	struct mp_bus pci = {
		.entry_type = MP_BUS,
		.bus_id = BUS_PCI,
		.bus_type = { 'P', 'C', 'I', ' ', ' ', ' ' },
	};
	struct mp_bus isa = {
		.entry_type = MP_BUS,
		.bus_id = BUS_ISA,
		.bus_type = { 'I', 'S', 'A', ' ', ' ', ' ' },
	};

	if (append(area, header, &pci, sizeof(pci), err) < 0)
		return -1;
	return append(area, header, &isa, sizeof(isa), err);
}

static int append_io_apic(struct tables_area *area, struct mp_header *header, uint8_t id,
			  struct err *err)
{
	struct mp_io_apic entry = {
		.entry_type = MP_IO_APIC,
		.io_apic_id = id,
		.io_apic_version = IO_APIC_VERSION,
		.io_apic_flags = IO_APIC_ENABLED,
		.io_apic_address = LAYOUT_IOAPIC,
	};

	return append(area, header, &entry, sizeof(entry), err);
}

static bool is_level(const struct tables_config *config, unsigned irq)
{
	for (unsigned i = 0; i < config->nr_virtio_mmio; i++) {
		if (config->virtio_mmio[i].gsi == irq)
			return true;
	}
	return irq == IRQ_SCI;
}

/* ISA interrupt 2 is where the second 8259 hangs on the first: no device has it. */
static int append_isa_interrupts(struct tables_area *area, struct mp_header *header,
				 const struct tables_config *config, struct err *err)
{
	unsigned irq;

	for (irq = 0; irq < NR_ISA_IRQS; irq++) {
		struct mp_interrupt entry = {
			.entry_type = MP_IO_INTERRUPT,
			.interrupt_type = MP_INT,
			.interrupt_flag =
				is_level(config, irq) ? FLAG_HIGH_LEVEL : FLAG_CONFORMS,
			.source_bus_id = BUS_ISA,
			.source_bus_irq = (uint8_t)irq,
			.destination_apic_id = tables_ioapic_id(config),
			.destination_apic_intin = (uint8_t)(irq ? irq : TABLES_TIMER_PIN),
		};

		if (irq == 2)
			continue;
		if (append(area, header, &entry, sizeof(entry), err) < 0)
			return -1;
	}
	return 0;
}

/* The source is device and pin (D.3); level and active low, as PCI has it. */
static int append_pci_interrupts(struct tables_area *area, struct mp_header *header,
				 const struct tables_config *config, struct err *err)
{
	for (unsigned i = 0; i < config->nr_pci_interrupts; i++) {
		struct mp_interrupt entry = {
			.entry_type = MP_IO_INTERRUPT,
			.interrupt_type = MP_INT,
			.interrupt_flag = FLAG_LOW_LEVEL,
			.source_bus_id = BUS_PCI,
			.source_bus_irq =
				(uint8_t)(config->pci_interrupts[i].device << 2 |
					  config->pci_interrupts[i].pin),
			.destination_apic_id = tables_ioapic_id(config),
			.destination_apic_intin = config->pci_interrupts[i].gsi,
		};

		if (append(area, header, &entry, sizeof(entry), err) < 0)
			return -1;
	}
	return 0;
}

/* The 8259 comes to LINT0 and NMI to LINT1 of every CPU. */
static int append_local_interrupts(struct tables_area *area, struct mp_header *header,
				   struct err *err)
{
	struct mp_interrupt entry = {
		.entry_type = MP_LOCAL_INTERRUPT,
		.interrupt_type = MP_EXTINT,
		.interrupt_flag = FLAG_CONFORMS,
		.source_bus_id = BUS_ISA,
		.destination_apic_id = EVERY_CPU,
		.destination_apic_intin = 0,
	};

	if (append(area, header, &entry, sizeof(entry), err) < 0)
		return -1;
	entry.interrupt_type = MP_NMI;
	entry.destination_apic_intin = 1;
	return append(area, header, &entry, sizeof(entry), err);
}

int mptable_build(struct tables_area *area, const struct tables_config *config,
		  uint8_t floating[16], struct err *err)
{
	struct mp_header *header =
		tables_take(area, sizeof(*header), 16, "MP table", err);
	struct mp_floating pointer = {
		.signature = { '_', 'M', 'P', '_' },
		.length = 1,
		.spec_rev = SPEC_REV,
	};

	if (!header)
		return -1;
	memcpy(header->signature, "PCMP", sizeof(header->signature));
	header->base_table_length = sizeof(*header);
	header->spec_rev = SPEC_REV;
	memcpy(header->oem_id, "TANE    ", sizeof(header->oem_id));
	memcpy(header->product_id, "TANE        ", sizeof(header->product_id));
	header->local_apic_address = LAYOUT_LAPIC;

	if (append_processors(area, header, config->nr_cpus, err) < 0 ||
	    append_buses(area, header, err) < 0 ||
	    append_io_apic(area, header, tables_ioapic_id(config), err) < 0 ||
	    append_isa_interrupts(area, header, config, err) < 0 ||
	    append_pci_interrupts(area, header, config, err) < 0 ||
	    append_local_interrupts(area, header, err) < 0)
		return -1;
	header->checksum = tables_checksum(header, header->base_table_length);

	pointer.physical_address_pointer = tables_gpa(area, header);
	pointer.checksum = tables_checksum(&pointer, sizeof(pointer));
	memcpy(floating, &pointer, sizeof(pointer));
	return 0;
}
