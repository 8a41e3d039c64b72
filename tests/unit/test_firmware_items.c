/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What firmware is told of the machine, taken as firmware takes it: files are found in the
 * directory and read by DMA, the script of the table loader is carried out, and what is in
 * memory after that is walked as a kernel walks it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/x86_64/firmware_items.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/smbios.h"
#include "util/bytes.h"

#define RAM_SIZE   0x80000u
#define ACCESS     0x10u
#define SCRATCH    0x1000u
#define RSDP_GPA   0xf5b00u
#define TABLES_GPA 0x1ffe0040u
#define MAX_SCRIPT (64 * 128)

/* A file of tables where the script has put it. */
struct placed {
	char name[56];
	uint64_t gpa;
	uint8_t *data;
	uint32_t size;
};

struct bench {
	struct vm_config config;
	struct tables_config tables;
	struct pci_bus bus;
	struct fw_cfg fw;
	uint8_t ram[RAM_SIZE]; /* of the guest, from 0: where DMA goes */
	struct placed placed[2];
	unsigned nr_placed;
};

static const void *for_read(void *opaque, uint64_t gpa, uint64_t len)
{
	struct bench *bench = opaque;

	return range_within(gpa, len, RAM_SIZE) ? bench->ram + gpa : NULL;
}

static void *for_write(void *opaque, uint64_t gpa, uint64_t len)
{
	return (void *)(uintptr_t)for_read(opaque, gpa, len);
}

static const struct fw_cfg_ops ops = { .for_read = for_read, .for_write = for_write };

static struct bench *bench_new(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	config_init(&bench->config);
	bench->config.firmware = true;
	bench->tables = (struct tables_config){ .nr_cpus = 3,
						.has_firmware = true,
						.has_pci = true,
						.uarts = { { 0x3f8, 4 } },
						.nr_uarts = 1 };
	return bench;
}

static void fill(struct bench *bench)
{
	struct err err = { "" };

	for (unsigned i = 0; i < bench->config.nr_disks; i++) {
		if (!bench->config.disks[i].path)
			bench->config.disks[i].path = "/dev/null"; /* of any size */
	}
	if (fw_cfg_init(&bench->fw, &ops, bench, &err) ||
	    firmware_items_add(&bench->fw, &bench->config, &bench->tables, &bench->bus,
			       &err))
		fail_msg("%s", err.text);
}

static void bench_free(struct bench *bench)
{
	for (unsigned i = 0; i < bench->nr_placed; i++)
		free(bench->placed[i].data);
	fw_cfg_destroy(&bench->fw);
	free(bench);
}

static void dma_read(struct bench *bench, unsigned key, void *to, uint32_t size)
{
	store_le32(bench->ram + ACCESS, __builtin_bswap32(key << 16 | 0x0a));
	store_le32(bench->ram + ACCESS + 4, __builtin_bswap32(size));
	store_le64(bench->ram + ACCESS + 8, __builtin_bswap64(SCRATCH));
	fw_cfg_dma_io.write(&bench->fw, 4, 4, __builtin_bswap32(ACCESS));
	assert_int_equal(load_le32(bench->ram + ACCESS), 0);
	memcpy(to, bench->ram + SCRATCH, size);
}

/* The bytes of a file, to be freed; NULL: there is none of that name. */
static uint8_t *read_file(struct bench *bench, const char *name, uint32_t *size)
{
	uint8_t *dir = malloc(4 + 64 * FW_CFG_MAX_FILES), *data = NULL;
	unsigned count;

	assert_non_null(dir);
	dma_read(bench, FW_CFG_FILE_DIR, dir, 4);
	count = __builtin_bswap32(load_le32(dir));
	dma_read(bench, FW_CFG_FILE_DIR, dir, 4 + 64 * count);
	for (unsigned i = 0; i < count && !data; i++) {
		const uint8_t *entry = dir + 4 + 64 * i;

		if (strcmp((const char *)entry + 8, name))
			continue;
		*size = __builtin_bswap32(load_le32(entry));
		data = malloc(*size);
		assert_non_null(data);
		dma_read(bench, __builtin_bswap16(load_le16(entry + 4)), data, *size);
	}
	free(dir);
	return data;
}

static uint64_t read_number(struct bench *bench, const char *name)
{
	uint8_t bytes[8] = { 0 }, *data;
	uint32_t size;

	data = read_file(bench, name, &size);
	assert_non_null(data);
	assert_true(size <= 8);
	memcpy(bytes, data, size);
	free(data);
	return load_le64(bytes);
}

static struct placed *find_placed(struct bench *bench, const uint8_t *name)
{
	for (unsigned i = 0; i < bench->nr_placed; i++) {
		if (!strcmp(bench->placed[i].name, (const char *)name))
			return &bench->placed[i];
	}
	fail_msg("%s was not allocated", (const char *)name);
	return NULL;
}

static void allocate(struct bench *bench, const uint8_t *argument)
{
	struct placed *placed = &bench->placed[bench->nr_placed++];
	const bool in_fseg = argument[60] == 2;

	assert_true(bench->nr_placed <= 2);
	assert_true(in_fseg || argument[60] == 1);
	memcpy(placed->name, argument, 56);
	placed->gpa = in_fseg ? RSDP_GPA : TABLES_GPA;
	assert_int_equal(placed->gpa % load_le32(argument + 56), 0);
	placed->data = read_file(bench, placed->name, &placed->size);
	assert_non_null(placed->data);
}

static void add_pointer(struct bench *bench, const uint8_t *argument)
{
	const struct placed *in = find_placed(bench, argument),
			    *to = find_placed(bench, argument + 56);
	const uint32_t offset = load_le32(argument + 112);
	const uint8_t size = argument[116];
	uint64_t value = 0;

	assert_true(size == 4 || size == 8);
	assert_true(range_within(offset, size, in->size));
	memcpy(&value, in->data + offset, size);
	assert_true(value < to->size);
	value += to->gpa;
	memcpy(in->data + offset, &value, size);
}

static void add_checksum(struct bench *bench, const uint8_t *argument)
{
	const struct placed *in = find_placed(bench, argument);
	const uint32_t at = load_le32(argument + 56), start = load_le32(argument + 60),
		       length = load_le32(argument + 64);
	uint8_t sum = 0;

	assert_true(range_within(start, length, in->size));
	assert_true(at >= start && at < start + length);
	assert_int_equal(in->data[at], 0); /* some firmware sets, some subtracts */
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + in->data[start + i]);
	in->data[at] = (uint8_t)-sum;
}

static void run_script(struct bench *bench)
{
	uint32_t size;
	uint8_t *script = read_file(bench, "etc/table-loader", &size);

	assert_non_null(script);
	assert_true(size && size % 128 == 0 && size <= MAX_SCRIPT);
	for (uint32_t at = 0; at < size; at += 128) {
		const uint8_t *argument = script + at + 4;

		switch (load_le32(script + at)) {
		case 1:
			allocate(bench, argument);
			break;
		case 2:
			add_pointer(bench, argument);
			break;
		case 3:
			add_checksum(bench, argument);
			break;
		default:
			fail_msg("command %u", load_le32(script + at));
		}
	}
	free(script);
}

static const uint8_t *at_gpa(struct bench *bench, uint64_t gpa, size_t size)
{
	for (unsigned i = 0; i < bench->nr_placed; i++) {
		const struct placed *placed = &bench->placed[i];

		if (gpa >= placed->gpa &&
		    range_within(gpa - placed->gpa, size, placed->size))
			return placed->data + (gpa - placed->gpa);
	}
	fail_msg("nothing at 0x%llx", (unsigned long long)gpa);
	return NULL;
}

static uint8_t sum_of(const uint8_t *bytes, size_t size)
{
	uint8_t sum = 0;

	while (size--)
		sum = (uint8_t)(sum + *bytes++);
	return sum;
}

static const uint8_t *table_at(struct bench *bench, uint64_t gpa, const char *signature)
{
	const uint8_t *header = at_gpa(bench, gpa, 36);
	const uint32_t length = load_le32(header + 4);

	assert_memory_equal(header, signature, 4);
	assert_int_equal(sum_of(at_gpa(bench, gpa, length), length), 0);
	return header;
}

static void test_tables_after_the_script(void **state)
{
	static const char *const signatures[] = { "FACP", "APIC", "MCFG" };
	struct bench *b = bench_new();
	const uint8_t *rsdp, *rsdt, *xsdt, *fadt;

	(void)state;
	fill(b);
	run_script(b);
	rsdp = at_gpa(b, RSDP_GPA, 36);
	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(sum_of(rsdp, 20), 0);
	assert_int_equal(sum_of(rsdp, 36), 0);
	rsdt = table_at(b, load_le32(rsdp + 16), "RSDT");
	xsdt = table_at(b, load_le64(rsdp + 24), "XSDT");
	assert_int_equal(load_le32(rsdt + 4), 36 + 3 * 4);
	assert_int_equal(load_le32(xsdt + 4), 36 + 3 * 8);
	for (unsigned i = 0; i < 3; i++) {
		table_at(b, load_le64(xsdt + 36 + 8 * i), signatures[i]);
		assert_int_equal(load_le64(xsdt + 36 + 8 * i),
				 load_le32(rsdt + 36 + 4 * i));
	}
	fadt = table_at(b, load_le64(xsdt + 36), "FACP");
	table_at(b, load_le32(fadt + 40), "DSDT");
	assert_int_equal(load_le64(fadt + 140), load_le32(fadt + 40));
	assert_memory_equal(at_gpa(b, load_le32(fadt + 36), 64), "FACS", 4);
	assert_int_equal(load_le32(fadt + 36) % 64, 0);
	bench_free(b);
}

/* The largest machine has commands for all of its tables, and they fit. */
static void test_many_cpus(void **state)
{
	struct bench *b = bench_new();

	(void)state;
	b->tables.nr_cpus = b->config.cpus = 4096;
	fill(b);
	run_script(b);
	assert_int_equal(read_number(b, "etc/boot-cpus"), 4096);
	bench_free(b);
}

/* Where the DSDT has `name`, or NULL. */
static const void *find_in_dsdt(struct bench *b, const void *name, size_t size)
{
	const uint8_t *xsdt = at_gpa(b, load_le64(at_gpa(b, RSDP_GPA, 36) + 24), 44);
	const uint8_t *fadt = at_gpa(b, load_le64(xsdt + 36), 276);
	const uint64_t dsdt = load_le32(fadt + 40);
	const uint32_t length = load_le32(at_gpa(b, dsdt, 36) + 4);

	return memmem(at_gpa(b, dsdt, length), length, name, size);
}

/* Firmware looks for the keyboard in the DSDT, and Linux for fw_cfg. */
static void test_chips_that_come_with_firmware(void **state)
{
	static const uint8_t pnp0303[] = { 0x0c, 0x41, 0xd0, 0x03, 0x03 };
	struct bench *b = bench_new();
	const uint8_t *fadt;

	(void)state;
	fill(b);
	run_script(b);
	assert_non_null(find_in_dsdt(b, pnp0303, sizeof(pnp0303)));
	assert_non_null(find_in_dsdt(b, "QEMU0002", 9));
	fadt = at_gpa(
		b, load_le64(at_gpa(b, load_le64(at_gpa(b, RSDP_GPA, 36) + 24), 44) + 36),
		276);
	assert_int_equal(load_le16(fadt + 109), 0x03); /* legacy devices, 8042; a VGA */
	bench_free(b);
}

static void check_row(const uint8_t *row, uint64_t base, uint64_t size, uint32_t type)
{
	assert_int_equal(load_le64(row), base);
	assert_int_equal(load_le64(row + 8), size);
	assert_int_equal(load_le32(row + 16), type);
}

static void test_memory_map(void **state)
{
	struct bench *b = bench_new();
	uint8_t *rows;
	uint32_t size;

	(void)state;
	b->config.memory = 4ull << 30;
	fill(b);
	rows = read_file(b, "etc/e820", &size);
	assert_non_null(rows);
	assert_int_equal(size, 4 * 20);
	check_row(rows, 0, LAYOUT_HOLE, 1);
	check_row(rows + 20, LAYOUT_ECAM, LAYOUT_ECAM_SIZE, 2);
	check_row(rows + 40, LAYOUT_KVM_IDENTITY_MAP, 0x4000, 2);
	check_row(rows + 60, 1ull << 32, 1ull << 30, 1);
	free(rows);
	bench_free(b);

	b = bench_new();
	fill(b);
	rows = read_file(b, "etc/e820", &size);
	assert_int_equal(size, 3 * 20);
	check_row(rows, 0, CONFIG_DEFAULT_MEMORY, 1);
	free(rows);
	bench_free(b);
}

/* A structure's strings end with a second NUL. */
static const uint8_t *next_structure(const uint8_t *at)
{
	for (at += at[1]; at[0] || at[1]; at++)
		;
	return at + 2;
}

static const char *string_of(const uint8_t *structure, unsigned field)
{
	const char *text = (const char *)structure + structure[1];

	for (unsigned n = structure[field]; n > 1; n--)
		text += strlen(text) + 1;
	return text;
}

static void test_smbios(void **state)
{
	static const uint8_t types[] = { 1, 3, 4, 16, 17, 19, 19, 32, 127 };
	struct bench *b = bench_new();
	uint8_t *anchor, *tables;
	const uint8_t *at;
	uint32_t size;

	(void)state;
	b->config.memory = 40ull << 30;
	b->config.cpus = 3;
	fill(b);
	anchor = read_file(b, "etc/smbios/smbios-anchor", &size);
	assert_int_equal(size, 31);
	assert_memory_equal(anchor, "_SM_", 4);
	assert_memory_equal(anchor + 16, "_DMI_", 5);
	tables = read_file(b, "etc/smbios/smbios-tables", &size);
	assert_int_equal(load_le16(anchor + 0x16), size);
	assert_int_equal(load_le16(anchor + 0x1c), sizeof(types));
	at = tables;
	for (unsigned i = 0; i < sizeof(types); i++) {
		const uint8_t *next = next_structure(at);

		assert_int_equal(at[0], types[i]);
		assert_true(next - at <= load_le16(anchor + 8));
		switch (at[0]) {
		case 1:
			assert_string_equal(string_of(at, 4), "tane");
			assert_string_equal(string_of(at, 5), "tane");
			assert_string_equal(string_of(at, 6), TANE_VERSION);
			break;
		case 4:
			assert_int_equal(at[0x23], 3);
			break;
		case 16:
			assert_int_equal(load_le32(at + 7), 40 << 20); /* KiB */
			break;
		case 17:
			assert_int_equal(load_le16(at + 0x0c), 0x7fff);
			assert_int_equal(load_le32(at + 0x1c), 40 << 10); /* MiB */
			assert_string_equal(string_of(at, 0x10), "DIMM 0");
			break;
		}
		at = next;
	}
	assert_ptr_equal(at, tables + size);
	free(anchor);
	free(tables);
	bench_free(b);
}

/* Largest numbers, and the room that is left. */
static void test_smbios_of_a_large_machine(void **state)
{
	const struct smbios_config config = { .nr_cpus = 4096,
					      .low_ram = LAYOUT_HOLE,
					      .high_ram = 8ull << 40,
					      .high_base = LAYOUT_HOLE_END };
	struct smbios smbios;
	const uint8_t *at;

	(void)state;
	smbios_build(&smbios, &config);
	assert_true(smbios.size < SMBIOS_MAX_SIZE / 2);
	for (at = smbios.tables; at[0] != 127; at = next_structure(at)) {
		if (at[0] == 4)
			assert_int_equal(at[0x23], 0); /* unknown */
		if (at[0] == 16) {
			assert_int_equal(load_le32(at + 7), 0x80000000);
			assert_int_equal(load_le64(at + 0x0f),
					 config.low_ram + config.high_ram);
		}
		if (at[0] == 19 && at[2] == 1) {
			assert_int_equal(load_le32(at + 4), UINT32_MAX);
			assert_int_equal(load_le64(at + 0x0f), LAYOUT_HOLE_END);
			assert_int_equal(load_le64(at + 0x17),
					 LAYOUT_HOLE_END + config.high_ram - 1);
		}
	}
}

static void test_numbers(void **state)
{
	struct bench *b = bench_new();
	uint8_t number[2];

	(void)state;
	b->config.cpus = 3;
	fill(b);
	assert_int_equal(read_number(b, "etc/boot-cpus"), 3);
	assert_int_equal(read_number(b, "etc/boot-fail-wait"), UINT32_MAX);
	dma_read(b, FW_CFG_MAX_CPUS, number, 2);
	assert_int_equal(load_le16(number), 3);
	dma_read(b, FW_CFG_BOOT_MENU, number, 2);
	assert_int_equal(load_le16(number), 0);
	bench_free(b);

	b = bench_new();
	b->config.no_reboot = true;
	fill(b);
	assert_int_equal(read_number(b, "etc/boot-fail-wait"), 0);
	bench_free(b);
}

/* Functions of these IDs at 00:02.0, 00:03.0 and so on. */
static void plug(struct bench *bench, struct pci_function *functions, unsigned count,
		 const uint16_t *ids)
{
	for (unsigned i = 0; i < count; i++) {
		memset(&functions[i], 0, sizeof(functions[i]));
		store_le16(functions[i].config, 0x1af4);
		store_le16(functions[i].config + 2, ids[i]);
		bench->bus.functions[2 + i][0] = &functions[i];
	}
}

static void check_bootorder(struct bench *b, const char *lines)
{
	uint32_t size;
	uint8_t *order = read_file(b, "bootorder", &size);

	assert_non_null(order);
	assert_int_equal(order[size - 1], '\0');
	assert_string_equal((char *)order, lines);
	free(order);
}

/* Disks where PCI has them, whatever is between them. */
static void test_boot_order(void **state)
{
	static const uint16_t ids[] = { 0x1041, 0x1042, 0x1044, 0x1042 };
	static struct pci_function functions[4];
	struct bench *b = bench_new();
	uint32_t size;

	(void)state;
	fill(b);
	assert_null(read_file(b, "bootorder", &size));
	bench_free(b);

	b = bench_new();
	plug(b, functions, 4, ids);
	b->config.nr_disks = 2;
	config_boot_from(&b->config, BOOT_FROM_DISK);
	fill(b);
	check_bootorder(b, "/pci@i0cf8/scsi@3\n/pci@i0cf8/scsi@5");
	bench_free(b);
}

/* Disks as they were named, and CD-ROMs at their own turn. */
static void test_boot_order_of_ide(void **state)
{
	static const uint16_t ids[] = { 0x1042 };
	static struct pci_function function;
	struct bench *b = bench_new();

	(void)state;
	plug(b, &function, 1, ids);
	b->config.nr_disks = 5;
	b->config.disks[0] = (struct config_disk){ .interface = DISK_IDE };
	b->config.disks[1] = (struct config_disk){ .interface = DISK_IDE, .cdrom = true };
	b->config.disks[3] = (struct config_disk){ .interface = DISK_IDE };
	b->config.disks[4] = (struct config_disk){ .interface = DISK_IDE };
	config_boot_from(&b->config, BOOT_FROM_CDROM);
	config_boot_from(&b->config, BOOT_FROM_DISK);
	fill(b);
	check_bootorder(b, "/pci@i0cf8/ide@1,1/drive@1/disk@0\n"
			   "/pci@i0cf8/ide@1,1/drive@0/disk@0\n"
			   "/pci@i0cf8/scsi@2\n"
			   "/pci@i0cf8/ide@1,1/drive@0/disk@1\n"
			   "/pci@i0cf8/ide@1,1/drive@1/disk@1");
	bench_free(b);
}

/* A boot sector by itself gets a cylinder; a disk that has one needs no telling. */
static void test_geometry_of_tiny_disks(void **state)
{
	static const uint16_t ids[] = { 0x1042, 0x1042 };
	static struct pci_function functions[2];
	char tiny[] = "/tmp/tane-test-XXXXXX", whole[] = "/tmp/tane-test-XXXXXX";
	const int fds[] = { mkstemp(tiny), mkstemp(whole) };
	struct bench *b = bench_new();
	uint32_t size;
	uint8_t *geometry;

	(void)state;
	assert_int_equal(ftruncate(fds[0], 512), 0);
	assert_int_equal(ftruncate(fds[1], 16 * 63 * 512), 0);
	plug(b, functions, 2, ids);
	b->config.nr_disks = 3;
	b->config.disks[0] = (struct config_disk){ .path = whole };
	b->config.disks[1] = (struct config_disk){ .path = tiny, .interface = DISK_IDE };
	b->config.disks[2] = (struct config_disk){ .path = tiny };
	fill(b);
	geometry = read_file(b, "bios-geometry", &size);
	assert_non_null(geometry);
	assert_int_equal(geometry[size - 1], '\0');
	assert_string_equal((char *)geometry,
			    "/pci@i0cf8/ide@1,1/drive@0/disk@0 1 16 63\n"
			    "/pci@i0cf8/scsi@3 1 16 63");
	free(geometry);
	bench_free(b);
	for (unsigned i = 0; i < 2; i++)
		close(fds[i]);
	unlink(tiny);
	unlink(whole);
}

/* The kernel of -k is first; floppies where the order says. */
static void test_boot_order_of_kernel_and_floppies(void **state)
{
	static const uint16_t ids[] = { 0x1042 };
	static struct pci_function functions[1];
	struct bench *b = bench_new();

	(void)state;
	plug(b, functions, 1, ids);
	b->config.kernel = "bzImage";
	b->config.nr_disks = 1;
	b->config.nr_floppies = 2;
	config_boot_from(&b->config, BOOT_FROM_FLOPPY);
	config_boot_from(&b->config, BOOT_FROM_DISK);
	fill(b);
	check_bootorder(b, "/rom@genroms/kernel.bin\n"
			   "/pci@i0cf8/isa@1/fdc@03f0/floppy@0\n"
			   "/pci@i0cf8/isa@1/fdc@03f0/floppy@1\n"
			   "/pci@i0cf8/scsi@2");
	bench_free(b);
}

static void test_boot_order_of_virtio_mmio(void **state)
{
	struct bench *b = bench_new();

	(void)state;
	b->config.virtio = VIRTIO_MMIO;
	b->config.nr_nets = 1;
	b->config.nr_disks = 2;
	config_boot_from(&b->config, BOOT_FROM_DISK);
	fill(b);
	check_bootorder(b, "/virtio-mmio@00000000e0101000/disk@0\n"
			   "/virtio-mmio@00000000e0102000/disk@0");
	bench_free(b);
}

/* The boot ROM, and the order, if a network is to be booted. */
static void test_network(void **state)
{
	static const uint16_t ids[] = { 0x1041, 0x1041, 0x1042 };
	static struct pci_function functions[3];
	struct bench *b = bench_new();
	uint32_t size;
	uint8_t *rom;

	(void)state;
	plug(b, functions, 3, ids);
	b->config.nr_nets = 2;
	b->config.nr_disks = 1;
	config_boot_from(&b->config, BOOT_FROM_DISK);
	fill(b);
	assert_null(read_file(b, "pci1af4,1041.rom", &size));
	bench_free(b);

	b = bench_new();
	plug(b, functions, 3, ids);
	b->config.nr_nets = 2;
	b->config.nr_disks = 1;
	config_boot_from(&b->config, BOOT_FROM_NET);
	config_boot_from(&b->config, BOOT_FROM_DISK);
	fill(b);
	check_bootorder(b, "/pci@i0cf8/ethernet@2\n"
			   "/pci@i0cf8/ethernet@3\n"
			   "/pci@i0cf8/scsi@4");
	rom = read_file(b, "pci1af4,1041.rom", &size);
	assert_non_null(rom);
	assert_int_equal(load_le16(rom), 0xaa55);
	assert_true(size >= rom[2] * 512u);
	free(rom);
	bench_free(b);
}

/* BIOS calls print on the serial port that is our terminal's, if there is one. */
static void test_serial_console(void **state)
{
	struct bench *b = bench_new();
	uint32_t size;

	(void)state;
	fill(b);
	assert_int_equal(read_number(b, "etc/sercon-port"), 0x3f8);
	bench_free(b);
	b = bench_new();
	b->config.serials[0].kind = SERIAL_NULL;
	b->config.serials[1].kind = SERIAL_CONSOLE;
	fill(b);
	assert_int_equal(read_number(b, "etc/sercon-port"), 0x2f8);
	bench_free(b);
	b = bench_new();
	b->config.serials[0].kind = SERIAL_NULL;
	fill(b);
	assert_null(read_file(b, "etc/sercon-port", &size));
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_after_the_script),
		cmocka_unit_test(test_many_cpus),
		cmocka_unit_test(test_chips_that_come_with_firmware),
		cmocka_unit_test(test_memory_map),
		cmocka_unit_test(test_smbios),
		cmocka_unit_test(test_smbios_of_a_large_machine),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_boot_order),
		cmocka_unit_test(test_boot_order_of_ide),
		cmocka_unit_test(test_geometry_of_tiny_disks),
		cmocka_unit_test(test_boot_order_of_kernel_and_floppies),
		cmocka_unit_test(test_boot_order_of_virtio_mmio),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_serial_console),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
