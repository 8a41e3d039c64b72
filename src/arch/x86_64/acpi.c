/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables (ACPI 6.3).
 *
 * The RSDP comes first: a kernel that was not told where it is looks for it on
 * each 16th byte from 0xe0000. It names the XSDT, and for old and small kernels
 * the RSDT, which list FADT, MADT and MCFG; the FADT names FACS and DSDT.
 *
 * The tables tell a kernel what is there, and what is not, so that it need not
 * probe: no 8042 and no VGA (but with firmware, or a screen), no GPEs, no SMI (ACPI is always on), no
 * deep sleep, and no PCI if there is only a host bridge.
 *
 * Firmware places them itself: tables_point() and tables_seal() write it a script then.
 * The power button is a fixed feature of the PM1 block and needs no device.
 *
 * CPUs are told by the MADT alone. Objects for 4096 of them in the namespace
 * would not fit the area, cost each boot time, and say nothing more.
 */
#include <stddef.h>
#include <string.h>

#include "arch/x86_64/acpi_private.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/tables.h"
#include "dev/acpi_pm.h"

/* Generic Address Structure (5.2.3.2). */
struct acpi_gas {
	uint8_t address_space_id;
	uint8_t register_bit_width;
	uint8_t register_bit_offset;
	uint8_t access_size;
	uint64_t address;
} PACKED;

#define GAS_SYSTEM_IO    1
#define GAS_BYTE_ACCESS  1
#define GAS_WORD_ACCESS  2
#define GAS_DWORD_ACCESS 3

/* Root System Description Pointer (5.2.5.3). */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes, all that ACPI 1.0 knew */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_address;
	uint32_t length;
	uint64_t xsdt_address;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} PACKED;

#define RSDP_V1_SIZE 20

/* The tables that both root tables list: FADT, MADT and, if there is PCI, MCFG. */
#define ROOT_ENTRIES 3

struct acpi_rsdt {
	struct acpi_header header;
	uint32_t entry[ROOT_ENTRIES];
} PACKED;

struct acpi_xsdt {
	struct acpi_header header;
	uint64_t entry[ROOT_ENTRIES];
} PACKED;

/* Firmware ACPI Control Structure (5.2.10): no header, no checksum. */
struct acpi_facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t firmware_waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_firmware_waking_vector;
	uint8_t version;
	uint8_t reserved0[3];
	uint32_t ospm_flags;
	uint8_t reserved1[24];
} PACKED;

/* Fixed ACPI Description Table (5.2.9). */
struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_ctrl;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable;
	uint8_t acpi_disable;
	uint8_t s4bios_req;
	uint8_t pstate_cnt;
	uint32_t pm1a_evt_blk;
	uint32_t pm1b_evt_blk;
	uint32_t pm1a_cnt_blk;
	uint32_t pm1b_cnt_blk;
	uint32_t pm2_cnt_blk;
	uint32_t pm_tmr_blk;
	uint32_t gpe0_blk;
	uint32_t gpe1_blk;
	uint8_t pm1_evt_len;
	uint8_t pm1_cnt_len;
	uint8_t pm2_cnt_len;
	uint8_t pm_tmr_len;
	uint8_t gpe0_blk_len;
	uint8_t gpe1_blk_len;
	uint8_t gpe1_base;
	uint8_t cst_cnt;
	uint16_t p_lvl2_lat;
	uint16_t p_lvl3_lat;
	uint16_t flush_size;
	uint16_t flush_stride;
	uint8_t duty_offset;
	uint8_t duty_width;
	uint8_t day_alrm;
	uint8_t mon_alrm;
	uint8_t century;
	uint16_t iapc_boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t fadt_minor_version;
	uint64_t x_firmware_ctrl;
	uint64_t x_dsdt;
	struct acpi_gas x_pm1a_evt_blk;
	struct acpi_gas x_pm1b_evt_blk;
	struct acpi_gas x_pm1a_cnt_blk;
	struct acpi_gas x_pm1b_cnt_blk;
	struct acpi_gas x_pm2_cnt_blk;
	struct acpi_gas x_pm_tmr_blk;
	struct acpi_gas x_gpe0_blk;
	struct acpi_gas x_gpe1_blk;
	struct acpi_gas sleep_control_reg;
	struct acpi_gas sleep_status_reg;
	char hypervisor_vendor_identity[8];
} PACKED;

_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 6.3, table 5-27");
_Static_assert(sizeof(struct acpi_facs) == 64, "ACPI 6.3, table 5-40");
_Static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 6.3, table 5-33");

/* Lengths of the registers of the PM block (dev/acpi_pm.h), in bytes. */
#define PM1_EVT_LEN 4u
#define PM1_CNT_LEN 2u
#define PM_TMR_LEN  4u

/* FADT flags (5.2.9). PWR_BUTTON clear means that it is a fixed feature. */
#define WBINVD        (1u << 0)
#define PROC_C1       (1u << 2)
#define SLP_BUTTON    (1u << 5) /* not a fixed feature, and no device: there is none */
#define FIX_RTC       (1u << 6) /* the RTC's alarm does not show in the PM1 block */
#define TMR_VAL_EXT   (1u << 8) /* the PM timer has 32 bits */
#define RESET_REG_SUP (1u << 10)

/* IAPC_BOOT_ARCH (5.2.9.3). Clear: MSI works; there is a CMOS RTC. */
#define LEGACY_DEVICES  (1u << 0)
#define HAS_8042        (1u << 1)
#define VGA_NOT_PRESENT (1u << 2)

#define LATENCY_NO_C2 101u  /* above 100 us: no C2 */
#define LATENCY_NO_C3 1001u /* above 1000 us: no C3 */

#define CMOS_CENTURY 0x32u

#define RESET_VALUE_HARD 6u /* to PORT_RESET_CONTROL: reset the CPU, full reset */

/* Multiple APIC Description Table (5.2.12) and its interrupt controller structures. */
struct acpi_madt {
	struct acpi_header header;
	uint32_t local_apic_address;
	uint32_t flags;
} PACKED;

#define PCAT_COMPAT 1u /* there are two 8259s that must be masked */

enum madt_type {
	MADT_LOCAL_APIC = 0,
	MADT_IO_APIC = 1,
	MADT_INTERRUPT_OVERRIDE = 2,
	MADT_LOCAL_APIC_NMI = 4,
	MADT_LOCAL_X2APIC = 9,
	MADT_LOCAL_X2APIC_NMI = 10,
};

struct madt_local_apic {
	uint8_t type;
	uint8_t length;
	uint8_t acpi_processor_uid;
	uint8_t apic_id;
	uint32_t flags;
} PACKED;

#define CPU_ENABLED 1u

struct madt_io_apic {
	uint8_t type;
	uint8_t length;
	uint8_t io_apic_id;
	uint8_t reserved;
	uint32_t io_apic_address;
	uint32_t gsi_base;
} PACKED;

struct madt_interrupt_override {
	uint8_t type;
	uint8_t length;
	uint8_t bus; /* 0, ISA */
	uint8_t source;
	uint32_t gsi;
	uint16_t flags;
} PACKED;

#define MPS_INTI_CONFORMS   0x0u /* to the bus: ISA is edge, active high */
#define MPS_INTI_HIGH_LEVEL 0xdu

struct madt_local_apic_nmi {
	uint8_t type;
	uint8_t length;
	uint8_t acpi_processor_uid;
	uint16_t flags;
	uint8_t lint;
} PACKED;

#define EVERY_CPU_UID8  0xffu
#define EVERY_CPU_UID32 0xffffffffu

struct madt_local_x2apic {
	uint8_t type;
	uint8_t length;
	uint16_t reserved;
	uint32_t x2apic_id;
	uint32_t flags;
	uint32_t acpi_processor_uid;
} PACKED;

struct madt_local_x2apic_nmi {
	uint8_t type;
	uint8_t length;
	uint16_t flags;
	uint32_t acpi_processor_uid;
	uint8_t lint;
	uint8_t reserved[3];
} PACKED;

/* Where the configuration space of PCI is (PCI Firmware 3.0, 4.1.2). */
struct acpi_mcfg {
	struct acpi_header header;
	uint64_t reserved0;
	uint64_t base_address;
	uint16_t segment_group;
	uint8_t start_bus;
	uint8_t end_bus;
	uint32_t reserved1;
} PACKED;

_Static_assert(sizeof(struct acpi_mcfg) == 60, "PCI Firmware 3.0, tables 4-2 and 4-3");

/* An ID of 255 means all CPUs to a local APIC, so the old entries end before it. */
#define MAX_LOCAL_APICS 255u

void acpi_header_init(struct acpi_header *header, const char *signature, uint8_t revision,
		      size_t length)
{
	memcpy(header->signature, signature, sizeof(header->signature));
	header->length = (uint32_t)length;
	header->revision = revision;
	memcpy(header->oem_id, "TANE  ", sizeof(header->oem_id));
	memcpy(header->oem_table_id, "TANE    ", sizeof(header->oem_table_id));
	header->oem_revision = 1;
	memcpy(header->creator_id, "TANE", sizeof(header->creator_id));
	header->creator_revision = 1;
}

void acpi_header_finish(struct tables_area *area, struct acpi_header *header)
{
	tables_seal(area, &header->checksum, header, header->length);
}

static const struct acpi_facs *build_facs(struct tables_area *area, struct err *err)
{
	struct acpi_facs *table = tables_take(area, sizeof(*table), 64, "ACPI FACS", err);

	if (!table)
		return NULL;
	memcpy(table->signature, "FACS", sizeof(table->signature));
	table->length = sizeof(*table);
	table->version = 2;
	return table;
}

static struct acpi_gas io_register(unsigned port, unsigned length, uint8_t access)
{
	return (struct acpi_gas){
		.address_space_id = GAS_SYSTEM_IO,
		.register_bit_width = (uint8_t)(8 * length),
		.access_size = access,
		.address = port,
	};
}

/* Each block is told twice, in the old fields and the X ones; they have to agree. */
static void describe_pm_block(struct acpi_fadt *fadt)
{
	fadt->pm1a_evt_blk = PORT_ACPI_PM + ACPI_PM1_STS;
	fadt->pm1_evt_len = PM1_EVT_LEN;
	fadt->x_pm1a_evt_blk =
		io_register(PORT_ACPI_PM + ACPI_PM1_STS, PM1_EVT_LEN, GAS_WORD_ACCESS);
	fadt->pm1a_cnt_blk = PORT_ACPI_PM + ACPI_PM1_CNT;
	fadt->pm1_cnt_len = PM1_CNT_LEN;
	fadt->x_pm1a_cnt_blk =
		io_register(PORT_ACPI_PM + ACPI_PM1_CNT, PM1_CNT_LEN, GAS_WORD_ACCESS);
	fadt->pm_tmr_blk = PORT_ACPI_PM + ACPI_PM_TMR;
	fadt->pm_tmr_len = PM_TMR_LEN;
	fadt->x_pm_tmr_blk =
		io_register(PORT_ACPI_PM + ACPI_PM_TMR, PM_TMR_LEN, GAS_DWORD_ACCESS);
}

static const struct acpi_fadt *build_fadt(struct tables_area *area,
					  const struct tables_config *config,
					  const struct acpi_facs *facs,
					  const struct acpi_header *dsdt, struct err *err)
{
	struct acpi_fadt *table = tables_take(area, sizeof(*table), 8, "ACPI FADT", err);

	if (!table)
		return NULL;
	acpi_header_init(&table->header, "FACP", 6, sizeof(*table));
	table->fadt_minor_version = 3;
	/* ACPI 2 to 5 want X_FIRMWARE_CTRL to be 0 when FIRMWARE_CTRL is not. */
	tables_point(area, &table->firmware_ctrl, 4, area, facs);
	tables_point(area, &table->dsdt, 4, area, dsdt);
	tables_point(area, &table->x_dsdt, 8, area, dsdt);
	table->sci_int = IRQ_SCI;
	describe_pm_block(table);
	table->p_lvl2_lat = LATENCY_NO_C2;
	table->p_lvl3_lat = LATENCY_NO_C3;
	table->century = CMOS_CENTURY;
	table->iapc_boot_arch =
		LEGACY_DEVICES |
		(config->has_firmware || config->has_screen ? HAS_8042 : VGA_NOT_PRESENT);
	table->flags =
		WBINVD | PROC_C1 | SLP_BUTTON | FIX_RTC | TMR_VAL_EXT | RESET_REG_SUP;
	table->reset_reg = io_register(PORT_RESET_CONTROL, 1, GAS_BYTE_ACCESS);
	table->reset_value = RESET_VALUE_HARD;
	memcpy(table->hypervisor_vendor_identity, "TANE", 4);
	acpi_header_finish(area, &table->header);
	return table;
}

/* The CPUs that fit an entry of the old kind, then the others. */
static uint8_t *add_cpus(uint8_t *at, unsigned nr_cpus)
{
	unsigned cpu;

	for (cpu = 0; cpu < nr_cpus && cpu < MAX_LOCAL_APICS; cpu++) {
		struct madt_local_apic entry = {
			.type = MADT_LOCAL_APIC,
			.length = sizeof(entry),
			.acpi_processor_uid = (uint8_t)cpu,
			.apic_id = (uint8_t)cpu,
			.flags = CPU_ENABLED,
		};

		memcpy(at, &entry, sizeof(entry));
		at += sizeof(entry);
	}
	for (; cpu < nr_cpus; cpu++) {
		struct madt_local_x2apic entry = {
			.type = MADT_LOCAL_X2APIC,
			.length = sizeof(entry),
			.x2apic_id = cpu,
			.flags = CPU_ENABLED,
			.acpi_processor_uid = cpu,
		};

		memcpy(at, &entry, sizeof(entry));
		at += sizeof(entry);
	}
	return at;
}

static uint8_t *add_interrupt_override(uint8_t *at, uint8_t source, uint32_t gsi,
				       uint16_t flags)
{
	struct madt_interrupt_override entry = {
		.type = MADT_INTERRUPT_OVERRIDE,
		.length = sizeof(entry),
		.source = source,
		.gsi = gsi,
		.flags = flags,
	};

	memcpy(at, &entry, sizeof(entry));
	return at + sizeof(entry);
}

/* NMI comes to LINT1 of every CPU. */
static uint8_t *add_nmis(uint8_t *at, unsigned nr_cpus)
{
	struct madt_local_apic_nmi nmi = {
		.type = MADT_LOCAL_APIC_NMI,
		.length = sizeof(nmi),
		.acpi_processor_uid = EVERY_CPU_UID8,
		.lint = 1,
	};
	struct madt_local_x2apic_nmi x2apic_nmi = {
		.type = MADT_LOCAL_X2APIC_NMI,
		.length = sizeof(x2apic_nmi),
		.acpi_processor_uid = EVERY_CPU_UID32,
		.lint = 1,
	};

	memcpy(at, &nmi, sizeof(nmi));
	at += sizeof(nmi);
	if (nr_cpus > MAX_LOCAL_APICS) {
		memcpy(at, &x2apic_nmi, sizeof(x2apic_nmi));
		at += sizeof(x2apic_nmi);
	}
	return at;
}

static size_t madt_size(unsigned nr_cpus)
{
	size_t size = sizeof(struct acpi_madt) + sizeof(struct madt_io_apic) +
		      2 * sizeof(struct madt_interrupt_override) +
		      sizeof(struct madt_local_apic_nmi);

	if (nr_cpus <= MAX_LOCAL_APICS)
		return size + nr_cpus * sizeof(struct madt_local_apic);
	return size + MAX_LOCAL_APICS * sizeof(struct madt_local_apic) +
	       (size_t)(nr_cpus - MAX_LOCAL_APICS) * sizeof(struct madt_local_x2apic) +
	       sizeof(struct madt_local_x2apic_nmi);
}

static const struct acpi_madt *build_madt(struct tables_area *area,
					  const struct tables_config *config,
					  struct err *err)
{
	size_t size = madt_size(config->nr_cpus);
	struct acpi_madt *table = tables_take(area, size, 8, "ACPI MADT", err);
	struct madt_io_apic io_apic = {
		.type = MADT_IO_APIC,
		.length = sizeof(io_apic),
		.io_apic_id = tables_ioapic_id(config),
		.io_apic_address = LAYOUT_IOAPIC,
		.gsi_base = 0,
	};
	uint8_t *at;

	if (!table) {
		err_prefix(err, "%u CPUs: ", config->nr_cpus);
		return NULL;
	}
	acpi_header_init(&table->header, "APIC", 5, size);
	table->local_apic_address = LAYOUT_LAPIC;
	table->flags = PCAT_COMPAT;

	at = add_cpus((uint8_t *)(table + 1), config->nr_cpus);
	memcpy(at, &io_apic, sizeof(io_apic));
	at += sizeof(io_apic);
	at = add_interrupt_override(at, 0, TABLES_TIMER_PIN, MPS_INTI_CONFORMS);
	at = add_interrupt_override(at, IRQ_SCI, IRQ_SCI, MPS_INTI_HIGH_LEVEL);
	add_nmis(at, config->nr_cpus);
	acpi_header_finish(area, &table->header);
	return table;
}

static const struct acpi_mcfg *build_mcfg(struct tables_area *area, struct err *err)
{
	struct acpi_mcfg *table = tables_take(area, sizeof(*table), 8, "ACPI MCFG", err);

	if (!table)
		return NULL;
	acpi_header_init(&table->header, "MCFG", 1, sizeof(*table));
	table->base_address = LAYOUT_ECAM; /* one segment group, one bus, all 0 */
	acpi_header_finish(area, &table->header);
	return table;
}

/* Both root tables list the same. */
static void add_root(struct tables_area *area, struct acpi_rsdt *rsdt,
		     struct acpi_xsdt *xsdt, unsigned index, const void *table)
{
	tables_point(area, &rsdt->entry[index], sizeof(rsdt->entry[0]), area, table);
	tables_point(area, &xsdt->entry[index], sizeof(xsdt->entry[0]), area, table);
}

static void finish_roots(struct tables_area *area, struct acpi_rsdt *rsdt,
			 struct acpi_xsdt *xsdt, unsigned entries)
{
	acpi_header_init(&rsdt->header, "RSDT", 1,
			 offsetof(struct acpi_rsdt, entry) +
				 entries * sizeof(rsdt->entry[0]));
	acpi_header_finish(area, &rsdt->header);
	acpi_header_init(&xsdt->header, "XSDT", 1,
			 offsetof(struct acpi_xsdt, entry) +
				 entries * sizeof(xsdt->entry[0]));
	acpi_header_finish(area, &xsdt->header);
}

static void fill_rsdp(struct tables_area *rsdp_area, struct acpi_rsdp *rsdp,
		      const struct tables_area *area, const struct acpi_rsdt *rsdt,
		      const struct acpi_xsdt *xsdt)
{
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, "TANE  ", sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	tables_point(rsdp_area, &rsdp->rsdt_address, 4, area, rsdt);
	tables_point(rsdp_area, &rsdp->xsdt_address, 8, area, xsdt);
	tables_seal(rsdp_area, &rsdp->checksum, rsdp, RSDP_V1_SIZE);
	tables_seal(rsdp_area, &rsdp->extended_checksum, rsdp, sizeof(*rsdp));
}

int acpi_build_apart(struct tables_area *rsdp_area, struct tables_area *area,
		     const struct tables_config *config, uint64_t *rsdp_gpa,
		     struct err *err)
{
	struct acpi_rsdp *rsdp;
	struct acpi_rsdt *rsdt;
	struct acpi_xsdt *xsdt;
	const struct acpi_facs *facs;
	const struct acpi_header *dsdt;
	const struct acpi_fadt *fadt;
	const struct acpi_madt *madt;
	const struct acpi_mcfg *mcfg = NULL;

	if (!(rsdp = tables_take(rsdp_area, sizeof(*rsdp), 16, "ACPI RSDP", err)) ||
	    !(rsdt = tables_take(area, sizeof(*rsdt), 8, "ACPI RSDT", err)) ||
	    !(xsdt = tables_take(area, sizeof(*xsdt), 8, "ACPI XSDT", err)) ||
	    !(facs = build_facs(area, err)) ||
	    !(dsdt = acpi_build_dsdt(area, config, err)) ||
	    !(fadt = build_fadt(area, config, facs, dsdt, err)) ||
	    !(madt = build_madt(area, config, err)) ||
	    (config->has_pci && !(mcfg = build_mcfg(area, err))))
		return -1;

	add_root(area, rsdt, xsdt, 0, fadt);
	add_root(area, rsdt, xsdt, 1, madt);
	if (mcfg)
		add_root(area, rsdt, xsdt, 2, mcfg);
	finish_roots(area, rsdt, xsdt, mcfg ? 3 : 2);
	fill_rsdp(rsdp_area, rsdp, area, rsdt, xsdt);
	*rsdp_gpa = tables_gpa(rsdp_area, rsdp);
	return 0;
}

int acpi_build(struct tables_area *area, const struct tables_config *config,
	       uint64_t *rsdp_gpa, struct err *err)
{
	return acpi_build_apart(area, area, config, rsdp_gpa, err);
}
