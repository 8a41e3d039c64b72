/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables, read as a kernel reads them: from the RSDP on, by the
 * offsets of the specification.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "arch/x86_64/layout.h"
#include "arch/x86_64/tables.h"
#include "util/bytes.h"

static const struct tables_config four_uarts = {
	.nr_cpus = 1,
	.uarts = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } },
	.nr_uarts = 4,
};

struct built {
	struct tables_area area;
	uint64_t rsdp;
};

/* Tables at their place in the machine, in memory that held something else before. */
static struct built build(const struct tables_config *config)
{
	struct built built = { .area = { .size = LAYOUT_TABLES_SIZE,
					 .gpa = LAYOUT_TABLES } };
	struct err err = { "" };

	built.area.data = malloc(LAYOUT_TABLES_SIZE);
	assert_non_null(built.area.data);
	memset(built.area.data, 0xa5, LAYOUT_TABLES_SIZE);
	if (acpi_build(&built.area, config, &built.rsdp, &err) < 0)
		fail_msg("%s", err.text);
	return built;
}

/* Everything that a machine may have at once. */
static const struct tables_config full = {
	.nr_cpus = 300,
	.uarts = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } },
	.nr_uarts = 4,
	.has_pci = true,
	.pci_mem64 = 0x1000000000,
	.pci_mem64_size = 0x1000000000,
	.pci_interrupts = { { 1, 0, 17 }, { 2, 0, 18 }, { 2, 1, 19 }, { 31, 3, 18 } },
	.nr_pci_interrupts = 4,
	.virtio_mmio = { { 0xe0100000, 512, 5 }, { 0xe0101000, 512, 6 } },
	.nr_virtio_mmio = 2,
};

static struct built build_cpus(unsigned nr_cpus)
{
	struct tables_config config = four_uarts;

	config.nr_cpus = nr_cpus;
	return build(&config);
}

static void release(struct built *built)
{
	free(built->area.data);
}

/* What lies at a guest address; [gpa, gpa + size) must be inside the used area. */
static const uint8_t *at_gpa(const struct built *built, uint64_t gpa, size_t size)
{
	assert_true(gpa >= built->area.gpa);
	assert_true(range_within(gpa - built->area.gpa, size, built->area.used));
	return built->area.data + (gpa - built->area.gpa);
}

static uint8_t sum(const uint8_t *bytes, size_t size)
{
	uint8_t total = 0;

	while (size--)
		total = (uint8_t)(total + *bytes++);
	return total;
}

/* A table with a header: signature, length and checksum are checked. */
static const uint8_t *table_at(const struct built *built, uint64_t gpa,
			       const char *signature)
{
	const uint8_t *header = at_gpa(built, gpa, 36);
	uint32_t length = load_le32(header + 4);

	assert_memory_equal(header, signature, 4);
	assert_true(length >= 36);
	assert_int_equal(sum(at_gpa(built, gpa, length), length), 0);
	assert_memory_equal(header + 10, "TANE  ", 6);
	return header;
}

static const uint8_t *root_entry(const struct built *built, const char *signature)
{
	const uint8_t *rsdp = at_gpa(built, built->rsdp, 36);
	const uint8_t *xsdt = table_at(built, load_le64(rsdp + 24), "XSDT");
	size_t count = (load_le32(xsdt + 4) - 36) / 8;
	size_t i;

	for (i = 0; i < count; i++) {
		uint64_t gpa = load_le64(xsdt + 36 + 8 * i);

		if (!memcmp(at_gpa(built, gpa, 4), signature, 4))
			return table_at(built, gpa, signature);
	}
	fail_msg("the XSDT has no %s", signature);
	return NULL;
}

static void test_rsdp(void **state)
{
	struct built built = build(&four_uarts);
	const uint8_t *rsdp = at_gpa(&built, built.rsdp, 36);

	(void)state;
	assert_int_equal(built.rsdp, 0xe0000); /* where a kernel looks first */
	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(rsdp[15], 2);
	assert_int_equal(load_le32(rsdp + 20), 36);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	release(&built);
}

/* The next user of the area may leave its end anywhere: the RSDP must be aligned. */
static void test_rsdp_is_aligned_behind_other_tables(void **state)
{
	static uint8_t data[LAYOUT_TABLES_SIZE];
	struct built built = { .area = { .data = data,
					 .size = sizeof(data),
					 .used = 3,
					 .gpa = LAYOUT_TABLES } };
	struct err err;

	(void)state;
	assert_int_equal(acpi_build(&built.area, &four_uarts, &built.rsdp, &err), 0);
	assert_int_equal(built.rsdp, LAYOUT_TABLES + 16);
	root_entry(&built, "FACP");
	root_entry(&built, "APIC");
	assert_int_equal(data[3], 0);
}

static void test_rsdt_lists_what_the_xsdt_lists(void **state)
{
	const struct tables_config *const configs[] = { &four_uarts, &full };

	(void)state;
	for (unsigned which = 0; which < 2; which++) {
		struct built built = build(configs[which]);
		const uint8_t *rsdp = at_gpa(&built, built.rsdp, 36);
		const uint8_t *rsdt = table_at(&built, load_le32(rsdp + 16), "RSDT");
		const uint8_t *xsdt = table_at(&built, load_le64(rsdp + 24), "XSDT");
		const size_t count = (load_le32(xsdt + 4) - 36) / 8;

		assert_int_equal(count, which ? 3 : 2); /* MCFG only with PCI */
		assert_int_equal(load_le32(rsdt + 4), 36 + 4 * count);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(load_le32(rsdt + 36 + 4 * i),
					 load_le64(xsdt + 36 + 8 * i));
		release(&built);
	}
}

/* A register block told in an old field and in an X field, which must agree. */
static void assert_io_block(const uint8_t *fadt, unsigned old, unsigned length,
			    unsigned x, uint32_t port, unsigned bytes)
{
	assert_int_equal(load_le32(fadt + old), port);
	assert_int_equal(fadt[length], bytes);
	assert_int_equal(fadt[x], 1);             /* system I/O */
	assert_int_equal(fadt[x + 1], 8 * bytes); /* register width in bits */
	assert_int_equal(fadt[x + 2], 0);
	assert_int_equal(load_le64(fadt + x + 4), port);
}

static void test_fadt_pm_block(void **state)
{
	struct built built = build(&four_uarts);
	const uint8_t *fadt = root_entry(&built, "FACP");

	(void)state;
	assert_int_equal(load_le32(fadt + 4), 276);
	assert_int_equal(fadt[8], 6);
	assert_int_equal(load_le16(fadt + 46), 9); /* SCI_INT */
	assert_int_equal(load_le32(fadt + 48), 0); /* SMI_CMD: always ACPI */
	assert_int_equal(fadt[52], 0);
	assert_int_equal(fadt[53], 0);
	assert_io_block(fadt, 56, 88, 148, 0x600, 4); /* PM1a_EVT */
	assert_io_block(fadt, 64, 89, 172, 0x604, 2); /* PM1a_CNT */
	assert_io_block(fadt, 76, 91, 208, 0x608, 4); /* PM_TMR */

	/* No PM1b, PM2, GPE: old field, length, address of the X field. */
	assert_int_equal(
		load_le32(fadt + 60) | load_le32(fadt + 68) | load_le32(fadt + 72), 0);
	assert_int_equal(
		load_le64(fadt + 164) | load_le64(fadt + 188) | load_le64(fadt + 200), 0);
	assert_int_equal(load_le32(fadt + 80) | load_le32(fadt + 84), 0);
	assert_int_equal(load_le64(fadt + 224) | load_le64(fadt + 236), 0);
	assert_int_equal(fadt[90] | fadt[92] | fadt[93], 0);
	release(&built);
}

static void test_fadt_features(void **state)
{
	struct built built = build(&four_uarts);
	const uint8_t *fadt = root_entry(&built, "FACP");
	uint32_t flags = load_le32(fadt + 112);

	(void)state;
	assert_true(flags & 1u << 0);            /* WBINVD */
	assert_false(flags & 1u << 4);           /* the power button is a fixed feature */
	assert_true(flags & 1u << 5);            /* the sleep button is not */
	assert_true(flags & 1u << 8);            /* 32-bit PM timer */
	assert_true(flags & 1u << 10);           /* reset register */
	assert_false(flags & 1u << 20);          /* hardware-reduced */
	assert_true(load_le16(fadt + 96) > 100); /* no C2 */
	assert_true(load_le16(fadt + 98) > 1000); /* no C3 */
	assert_int_equal(fadt[108], 0x32);        /* century */

	/* Legacy devices, no VGA; bit 1 clear: no 8042; bit 5 clear: an RTC. */
	assert_int_equal(load_le16(fadt + 109), 1u << 0 | 1u << 2);

	assert_int_equal(fadt[116], 1);
	assert_int_equal(fadt[117], 8);
	assert_int_equal(load_le64(fadt + 120), 0xcf9);
	assert_int_equal(fadt[128], 6);
	release(&built);
}

static void test_facs(void **state)
{
	struct built built = build(&four_uarts);
	const uint8_t *fadt = root_entry(&built, "FACP");
	uint32_t gpa = load_le32(fadt + 36);
	const uint8_t *facs = at_gpa(&built, gpa, 64);
	unsigned i;

	(void)state;
	assert_int_equal(gpa % 64, 0);
	assert_int_equal(load_le64(fadt + 132),
			 0); /* X_FIRMWARE_CTRL: one place, not two */
	assert_memory_equal(facs, "FACS", 4);
	assert_int_equal(load_le32(facs + 4), 64);
	assert_int_equal(facs[32], 2);
	for (i = 8; i < 32; i++)
		assert_int_equal(facs[i], 0);
	release(&built);
}

/* How often `needle` stands in [hay, hay + size). */
static unsigned occurrences(const uint8_t *hay, size_t size, const void *needle,
			    size_t len)
{
	unsigned count = 0;
	size_t i;

	for (i = 0; i + len <= size; i++)
		count += !memcmp(hay + i, needle, len);
	return count;
}

static void test_dsdt(void **state)
{
	static const uint8_t com1_resources[] = { 0x47, 1,    0xf8, 0x03, 0xf8, 0x03, 1,
						  8,    0x22, 0x10, 0x00, 0x79, 0x00 };
	static const uint8_t com2_resources[] = { 0x47, 1,    0xf8, 0x02, 0xf8, 0x02, 1,
						  8,    0x22, 0x08, 0x00, 0x79, 0x00 };
	static const uint8_t rtc_resources[] = { 0x47, 1,    0x70, 0x00, 0x70, 0x00, 1,
						 2,    0x22, 0x00, 0x01, 0x79, 0x00 };
	static const uint8_t soft_off[] = { 0x08, '\\', '_',  'S', '5', '_', 0x12,
					    7,    4,    0x0a, 5,   0,   0,   0 };
	struct tables_config config = four_uarts;
	unsigned nr_uarts;

	(void)state;
	for (nr_uarts = 0; nr_uarts <= 4; nr_uarts++) {
		struct built built;
		const uint8_t *fadt, *dsdt;
		uint32_t length;

		config.nr_uarts = nr_uarts;
		built = build(&config);
		fadt = root_entry(&built, "FACP");
		assert_int_equal(load_le32(fadt + 40), load_le64(fadt + 140));
		dsdt = table_at(&built, load_le32(fadt + 40), "DSDT");
		length = load_le32(dsdt + 4);
		assert_int_equal(dsdt[8], 2); /* 64-bit integers */
		assert_int_equal(
			occurrences(dsdt, length, "\x08_HID\x0c\x41\xd0\x05\x01", 10),
			nr_uarts);
		assert_int_equal(
			occurrences(dsdt, length, "\x08_HID\x0c\x41\xd0\x0b\x00", 10), 1);
		assert_int_equal(
			occurrences(dsdt, length, com1_resources, sizeof(com1_resources)),
			nr_uarts > 0);
		assert_int_equal(
			occurrences(dsdt, length, com2_resources, sizeof(com2_resources)),
			nr_uarts > 1);
		assert_int_equal(
			occurrences(dsdt, length, rtc_resources, sizeof(rtc_resources)),
			1);
		assert_int_equal(occurrences(dsdt, length, soft_off, sizeof(soft_off)),
				 1);
		release(&built);
	}
}

/* What a walk over the MADT finds. */
struct madt {
	unsigned nr_lapics, nr_x2apics, nr_ioapics, nr_overrides, nr_nmis, nr_x2apic_nmis;
	const uint8_t *ioapic;
	const uint8_t *overrides[2];
};

/* CPU n must come n-th, with UID and APIC ID n, by the entry that can hold n. */
static struct madt walk_madt(const uint8_t *table)
{
	uint32_t length = load_le32(table + 4);
	uint32_t at = 44;
	struct madt madt = { 0 };

	while (at < length) {
		const uint8_t *entry = table + at;

		assert_true(length - at >= 2 && entry[1] <= length - at);
		switch (entry[0]) {
		case 0:
			assert_int_equal(entry[1], 8);
			assert_int_equal(madt.nr_x2apics, 0);
			assert_int_equal(entry[2], madt.nr_lapics);
			assert_int_equal(entry[3], madt.nr_lapics);
			assert_int_equal(load_le32(entry + 4), 1);
			madt.nr_lapics++;
			break;
		case 1:
			assert_int_equal(entry[1], 12);
			madt.ioapic = entry;
			madt.nr_ioapics++;
			break;
		case 2:
			assert_int_equal(entry[1], 10);
			assert_true(madt.nr_overrides < 2);
			madt.overrides[madt.nr_overrides++] = entry;
			break;
		case 4:
			assert_int_equal(entry[1], 6);
			assert_int_equal(entry[2], 0xff); /* every CPU */
			assert_int_equal(entry[5], 1);    /* LINT1 */
			madt.nr_nmis++;
			break;
		case 9:
			assert_int_equal(entry[1], 16);
			assert_int_equal(load_le32(entry + 4), 255 + madt.nr_x2apics);
			assert_int_equal(load_le32(entry + 8), 1);
			assert_int_equal(load_le32(entry + 12), 255 + madt.nr_x2apics);
			madt.nr_x2apics++;
			break;
		case 10:
			assert_int_equal(entry[1], 12);
			assert_int_equal(load_le32(entry + 4), 0xffffffff);
			assert_int_equal(entry[8], 1);
			madt.nr_x2apic_nmis++;
			break;
		default:
			fail_msg("MADT: an entry of type %u", entry[0]);
		}
		at += entry[1];
	}
	assert_int_equal(at, length);
	return madt;
}

static void test_madt_cpus(void **state)
{
	static const struct {
		unsigned cpus, lapics, x2apics, x2apic_nmis, ioapic_id;
	} cases[] = {
		{ 1, 1, 0, 0, 1 },     { 2, 2, 0, 0, 2 },     { 254, 254, 0, 0, 254 },
		{ 255, 255, 0, 0, 0 }, { 256, 255, 1, 1, 0 }, { 4096, 255, 3841, 1, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct built built = build_cpus(cases[i].cpus);
		struct madt madt = walk_madt(root_entry(&built, "APIC"));

		assert_int_equal(madt.nr_lapics, cases[i].lapics);
		assert_int_equal(madt.nr_x2apics, cases[i].x2apics);
		assert_int_equal(madt.nr_nmis, 1);
		assert_int_equal(madt.nr_x2apic_nmis, cases[i].x2apic_nmis);
		assert_int_equal(madt.nr_ioapics, 1);
		assert_int_equal(madt.ioapic[2], cases[i].ioapic_id);
		release(&built);
	}
}

static void test_madt_interrupts(void **state)
{
	struct built built = build_cpus(2);
	const uint8_t *table = root_entry(&built, "APIC");
	struct madt madt = walk_madt(table);

	(void)state;
	assert_int_equal(load_le32(table + 36), 0xfee00000);
	assert_int_equal(load_le32(table + 40), 1); /* PCAT_COMPAT */
	assert_int_equal(load_le32(madt.ioapic + 4), 0xfec00000);
	assert_int_equal(load_le32(madt.ioapic + 8), 0); /* first GSI */

	assert_int_equal(madt.nr_overrides, 2);
	assert_int_equal(madt.overrides[0][3], 0); /* the timer is pin 2 */
	assert_int_equal(load_le32(madt.overrides[0] + 4), 2);
	assert_int_equal(load_le16(madt.overrides[0] + 8), 0);
	assert_int_equal(madt.overrides[1][3], 9); /* SCI: level, active high */
	assert_int_equal(load_le32(madt.overrides[1] + 4), 9);
	assert_int_equal(load_le16(madt.overrides[1] + 8), 0xd);
	release(&built);
}

static void write_file(const char *folder, const char *name, const void *data,
		       size_t size)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* One segment, one bus, at the address that the memory map reserves. */
static void test_mcfg(void **state)
{
	struct built built = build(&full);
	const uint8_t *mcfg = root_entry(&built, "MCFG");

	(void)state;
	assert_int_equal(load_le32(mcfg + 4), 60);
	assert_true(load_le64(mcfg + 44) == LAYOUT_ECAM);
	assert_int_equal(load_le16(mcfg + 52), 0);
	assert_int_equal(mcfg[54], 0);
	assert_int_equal(mcfg[55], 0);
	release(&built);
}

/* The description as ACPICA's disassembler reads it, in one line; to be freed. */
static char *disassemble_dsdt(const struct tables_config *config)
{
	char folder[] = "/tmp/test_acpi.XXXXXX", command[512];
	struct built built = build(config);
	const uint8_t *fadt = root_entry(&built, "FACP");
	const uint8_t *dsdt = table_at(&built, load_le32(fadt + 40), "DSDT");
	char *text = calloc(1, 65536);
	FILE *out;

	assert_non_null(text);
	assert_non_null(mkdtemp(folder));
	write_file(folder, "DSDT.dat", dsdt, load_le32(dsdt + 4));
	snprintf(
		command, sizeof(command),
		"cd %s && iasl -d DSDT.dat >log 2>&1 && sed 's,//.*,,; s,/[*].*[*]/,,' DSDT.dsl | "
		"tr -s ' \\n' ' '; rm -r %s",
		folder, folder);
	out = popen(command, "r");
	assert_non_null(out);
	assert_true(fread(text, 1, 65535, out) > 0);
	assert_int_equal(pclose(out), 0);
	release(&built);
	return text;
}

/* What iasl says of the parts that PCI and virtio-mmio need. */
static void test_pci_and_virtio_mmio(void **state)
{
	static const char *const parts[] = {
		"Device (PCI0) { Name (_HID, EisaId (\"PNP0A08\") ) Name (_CID, EisaId "
		"(\"PNP0A03\") ) Name (_UID, Zero) Name (_BBN, Zero)",
		"Method (_OSC, 4, NotSerialized) { Return (Arg3) }",
		"WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0x0000, "
		"0x0000, 0x0000, 0x0000, 0x0001,",
		"IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08, )",
		"0x1000, 0xFFFF, 0x0000, 0xF000,",
		"0xC0000000, 0xDFFFFFFF, 0x00000000, 0x20000000,",
		"0x0000001000000000, 0x0000001FFFFFFFFF, 0x0000000000000000, "
		"0x0000001000000000,",
		"Name (_PRT, Package (0x04) { Package (0x04) { 0x0001FFFF, Zero, Zero, 0x11 "
		"}, Package (0x04) { 0x0002FFFF, Zero, Zero, 0x12 }, Package (0x04) { "
		"0x0002FFFF, One, Zero, 0x13 }, Package (0x04) { 0x001FFFFF, 0x03, Zero, "
		"0x12 } })",
		"Name (_HID, EisaId (\"PNP0C02\") ) Name (_CRS, ResourceTemplate () { "
		"Memory32Fixed (ReadWrite, 0xE0000000, 0x00100000, ) })",
		"Device (VR00) { Name (_HID, \"LNRO0005\") Name (_UID, Zero)",
		"Device (VR01) { Name (_HID, \"LNRO0005\") Name (_UID, One) Name (_CRS, "
		"ResourceTemplate () { Memory32Fixed (ReadWrite, 0xE0101000, 0x00000200, ) "
		"Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, ) { "
		"0x00000006, } })",
	};
	struct tables_config config = four_uarts;
	char *text;

	(void)state;
	if (system("command -v iasl >/dev/null"))
		skip();
	text = disassemble_dsdt(&full);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!strstr(text, parts[i]))
			fail_msg("no \"%s\" in %s", parts[i], text);
	}
	assert_null(strstr(text, "0x0CF7"));
	free(text);
	config = full;
	config.has_ide = true;
	text = disassemble_dsdt(&config);
	assert_non_null(strstr(text, "0x0000, 0x0CF7, 0x0000, 0x0CF8,"));
	config = four_uarts;
	free(text);
	/* No window above what the CPU can address, no device that is not there. */
	config.has_pci = true;
	text = disassemble_dsdt(&config);
	assert_null(strstr(text, "QWordMemory"));
	assert_null(strstr(text, "LNRO0005"));
	assert_non_null(strstr(text, "Name (_PRT, Package (0x00) {})"));
	free(text);
	/* With firmware, what is asked for by _PIC. */
	config.has_firmware = true;
	config.nr_pci_interrupts = 1;
	config.pci_interrupts[0].device = 2;
	config.pci_interrupts[0].gsi = 18;
	config.pci_interrupts[0].isa = 10;
	text = disassemble_dsdt(&config);
	assert_non_null(strstr(text,
			       "Name (\\APIC, Zero) Method (\\_PIC, 1, NotSerialized) { "
			       "\\APIC = Arg0 }"));
	assert_non_null(
		strstr(text, "Method (_PRT, 0, NotSerialized) { If (\\APIC) { Return "
			     "(Package (0x01) { Package (0x04) { 0x0002FFFF, Zero, Zero, "
			     "0x12 } }) } Return (Package (0x01) { Package (0x04) { "
			     "0x0002FFFF, Zero, Zero, 0x0A } }) }"));
	free(text);
	text = disassemble_dsdt(&four_uarts);
	assert_null(strstr(text, "PCI"));
	assert_null(strstr(text, "ECAM"));
	free(text);
}

static void test_floppy_controller(void **state)
{
	const char part[] =
		"Device (FDC0) { Name (_HID, EisaId (\"PNP0700\")) Name (_CRS, "
		"ResourceTemplate () { IO (Decode16, 0x03F0, 0x03F0, 0x01, 0x06, "
		") IO (Decode16, 0x03F7, 0x03F7, 0x01, 0x01, ) IRQNoFlags () {6} "
		"DMA (Compatibility, NotBusMaster, Transfer8, ) {2} }) }";
	struct tables_config config = four_uarts;
	char *text;

	(void)state;
	if (system("command -v iasl >/dev/null"))
		skip();
	config.has_floppy = true;
	text = disassemble_dsdt(&config);
	if (!strstr(text, part))
		fail_msg("no \"%s\" in %s", part, text);
	free(text);
	text = disassemble_dsdt(&four_uarts);
	assert_null(strstr(text, "FDC0"));
	free(text);
}

/*
 * ACPICA's own compiler: no complaint, neither when it reads the tables nor when
 * it makes them again; what it makes is ours, but for the header; and each
 * resource template is one (what it does not understand becomes a Buffer).
 */
static void test_iasl_understands_all_tables(void **state)
{
	static const char commands[] =
		"cd %s || exit 1; for t in DSDT FACP APIC MCFG; do "
		"iasl -d $t.dat >log 2>&1 && ! grep -E 'Error|Warning|ncorrect' log &&"
		"iasl -we -oa -p again $t.dsl >log 2>&1 && cmp -i 36 $t.dat again.aml &&"
		"! grep 'Buffer (' $t.dsl || { cat log; exit 1; }; done";
	char folder[] = "/tmp/test_acpi.XXXXXX", command[512];
	struct built built;
	const uint8_t *fadt, *madt, *mcfg, *dsdt;
	int status;

	(void)state;
	if (system("command -v iasl >/dev/null"))
		skip();
	built = build(&full);
	fadt = root_entry(&built, "FACP");
	madt = root_entry(&built, "APIC");
	mcfg = root_entry(&built, "MCFG");
	dsdt = table_at(&built, load_le32(fadt + 40), "DSDT");
	assert_non_null(mkdtemp(folder));
	write_file(folder, "DSDT.dat", dsdt, load_le32(dsdt + 4));
	write_file(folder, "FACP.dat", fadt, load_le32(fadt + 4));
	write_file(folder, "APIC.dat", madt, load_le32(madt + 4));
	write_file(folder, "MCFG.dat", mcfg, load_le32(mcfg + 4));
	snprintf(command, sizeof(command), commands, folder);
	status = system(command);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	assert_int_equal(status, 0);
	release(&built);
}

/* All of the largest machine fits, the MP table behind it too. */
static void test_largest_machine_fits(void **state)
{
	struct tables_config config = four_uarts;
	struct built built = build_cpus(4096);
	uint8_t floating[16];
	struct err err = { "" };

	(void)state;
	config.nr_cpus = 4096;
	if (mptable_build(&built.area, &config, floating, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(walk_madt(root_entry(&built, "APIC")).nr_x2apics, 3841);
	release(&built);
}

/* Whatever the room, nothing behind it is touched, and the error names the limit. */
static void test_small_area_is_an_error(void **state)
{
	struct tables_config config = four_uarts;
	uint8_t data[2048];
	struct tables_area area;
	uint64_t rsdp;
	size_t need, size, i;
	struct err err;
	char limit[32];

	(void)state;
	config.nr_cpus = 3;
	area = (struct tables_area){ .data = data,
				     .size = sizeof(data),
				     .gpa = LAYOUT_TABLES };
	assert_int_equal(acpi_build(&area, &config, &rsdp, &err), 0);
	need = area.used;
	for (size = 0; size < need; size++) {
		memset(data, 0xee, sizeof(data));
		area = (struct tables_area){ .data = data,
					     .size = size,
					     .gpa = LAYOUT_TABLES };
		assert_int_equal(acpi_build(&area, &config, &rsdp, &err), -1);
		snprintf(limit, sizeof(limit), "%zu bytes", size);
		assert_non_null(strstr(err.text, limit));
		for (i = size; i < sizeof(data); i++)
			assert_int_equal(data[i], 0xee);
	}
}

static void test_too_many_cpus_is_an_error(void **state)
{
	static uint8_t data[LAYOUT_TABLES_SIZE];
	struct tables_area area = { .data = data,
				    .size = sizeof(data),
				    .gpa = LAYOUT_TABLES };
	struct tables_config config = four_uarts;
	uint64_t rsdp;
	struct err err;

	(void)state;
	config.nr_cpus = 20000;
	assert_int_equal(acpi_build(&area, &config, &rsdp, &err), -1);
	assert_non_null(strstr(err.text, "20000 CPUs"));
	assert_non_null(strstr(err.text, "131072"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsdp),
		cmocka_unit_test(test_rsdp_is_aligned_behind_other_tables),
		cmocka_unit_test(test_rsdt_lists_what_the_xsdt_lists),
		cmocka_unit_test(test_fadt_pm_block),
		cmocka_unit_test(test_fadt_features),
		cmocka_unit_test(test_facs),
		cmocka_unit_test(test_dsdt),
		cmocka_unit_test(test_madt_cpus),
		cmocka_unit_test(test_madt_interrupts),
		cmocka_unit_test(test_mcfg),
		cmocka_unit_test(test_pci_and_virtio_mmio),
		cmocka_unit_test(test_floppy_controller),
		cmocka_unit_test(test_iasl_understands_all_tables),
		cmocka_unit_test(test_largest_machine_fits),
		cmocka_unit_test(test_small_area_is_an_error),
		cmocka_unit_test(test_too_many_cpus_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
