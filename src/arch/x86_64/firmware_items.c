/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What firmware is told by fw_cfg. SeaBIOS (its src/fw/paravirt.c) reads:
 *
 *	etc/e820		where RAM is, and what is reserved
 *	etc/table-loader	how to place etc/acpi/tables and etc/acpi/rsdp
 *	etc/smbios/...		SMBIOS
 *	bootorder		what to try first
 *	pci1af4,1041.rom	the boot ROM of virtio networks
 *	etc/boot-cpus		how many CPUs to wait for; etc/max-cpus is item 0x0f
 *	etc/boot-fail-wait	what to do when nothing boots
 *	etc/sercon-port		the serial port on which INT 10h prints
 *
 * Firmware changes files of tables in its own copies only, so all of it outlives a reset.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/boot_order.h"
#include "arch/x86_64/firmware_items.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/option_rom.h"
#include "arch/x86_64/smbios.h"
#include "core/memory.h"

#define FILE_RSDP   "etc/acpi/rsdp"
#define FILE_TABLES "etc/acpi/tables"
#define FILE_LOADER "etc/table-loader"

#define RSDP_ALIGNMENT   16
#define TABLES_ALIGNMENT 64 /* of the FACS */
#define RSDP_AREA_SIZE   64

#define E820_RAM      1
#define E820_RESERVED 2
#define E820_ROW_SIZE 20
#define E820_MAX_ROWS 4

#define BOOT_FAIL_STAY UINT32_MAX /* say so, and wait for a reset */

static int add_copy(struct fw_cfg *fw, const char *name, const void *data, size_t size,
		    struct err *err)
{
	return fw_cfg_add_file(
		fw, name, &(struct fw_cfg_content){ .data = data, .size = size }, err);
}

static uint8_t *put_row(uint8_t *at, uint64_t base, uint64_t size, uint32_t type)
{
	store_le64(at, base);
	store_le64(at + 8, size);
	store_le32(at + 16, type);
	return at + E820_ROW_SIZE;
}

/* Firmware knows its own places, and those of a PC below 1 MiB. */
static int add_e820(struct fw_cfg *fw, uint64_t ram, struct err *err)
{
	const uint64_t low = LAYOUT_LOW_RAM(ram);
	uint8_t rows[E820_MAX_ROWS * E820_ROW_SIZE], *at = rows;

	at = put_row(at, 0, low, E820_RAM);
	at = put_row(at, LAYOUT_ECAM, LAYOUT_ECAM_SIZE, E820_RESERVED);
	at = put_row(at, LAYOUT_KVM_IDENTITY_MAP, 4ull * MEMORY_PAGE_SIZE, E820_RESERVED);
	if (ram > low)
		at = put_row(at, LAYOUT_HOLE_END, ram - low, E820_RAM);
	return add_copy(fw, "etc/e820", rows, (size_t)(at - rows), err);
}

static int build_acpi(struct tables_area *rsdp, struct tables_area *tables,
		      struct table_loader *loader, const struct tables_config *config,
		      struct err *err)
{
	uint64_t ignored;

	table_loader_allocate(loader, FILE_RSDP, RSDP_ALIGNMENT, TABLE_LOADER_FSEG);
	table_loader_allocate(loader, FILE_TABLES, TABLES_ALIGNMENT, TABLE_LOADER_HIGH);
	if (acpi_build_apart(rsdp, tables, config, &ignored, err))
		return -1;
	if (loader->is_full)
		return err_set(err, "ACPI: more than %d commands place the tables",
			       TABLE_LOADER_MAX_COMMANDS);
	return 0;
}

static int add_acpi(struct fw_cfg *fw, const struct tables_config *config,
		    struct err *err)
{
	struct table_loader *loader = calloc(1, sizeof(*loader));
	uint8_t *data = calloc(1, RSDP_AREA_SIZE + LAYOUT_TABLES_SIZE);
	struct tables_area rsdp = {
		.data = data,
		.size = RSDP_AREA_SIZE,
		.file = FILE_RSDP,
		.loader = loader,
	};
	struct tables_area tables = {
		.data = data + RSDP_AREA_SIZE,
		.size = LAYOUT_TABLES_SIZE,
		.file = FILE_TABLES,
		.loader = loader,
	};
	int r = -1;

	if (!loader || !data)
		err_set(err, "no memory for the ACPI tables");
	else if (!build_acpi(&rsdp, &tables, loader, config, err) &&
		 !add_copy(fw, FILE_RSDP, rsdp.data, rsdp.used, err) &&
		 !add_copy(fw, FILE_TABLES, tables.data, tables.used, err))
		r = add_copy(fw, FILE_LOADER, loader->commands,
			     loader->count * sizeof(loader->commands[0]), err);
	free(loader);
	free(data);
	return r;
}

static int add_smbios(struct fw_cfg *fw, const struct vm_config *vm_config,
		      struct err *err)
{
	const uint64_t ram = vm_config->memory, low = LAYOUT_LOW_RAM(ram);
	const struct smbios_config config = {
		.nr_cpus = vm_config->cpus,
		.low_ram = low,
		.high_ram = ram - low,
		.high_base = LAYOUT_HOLE_END,
	};
	struct smbios smbios;

	smbios_build(&smbios, &config);
	if (add_copy(fw, "etc/smbios/smbios-anchor", smbios.anchor, sizeof(smbios.anchor),
		     err))
		return -1;
	return add_copy(fw, "etc/smbios/smbios-tables", smbios.tables, smbios.size, err);
}

/*
 * The boot menu, for which SeaBIOS would wait 2.5 s, is off, since item 0x0e is 0. When
 * nothing boots, a reset ends a VM that shall not reboot; else there is the screen to
 * look at.
 */
static int add_boot(struct fw_cfg *fw, const struct vm_config *config,
		    const struct pci_bus *bus, struct err *err)
{
	char lines[BOOT_ORDER_SIZE];
	size_t size = boot_order_build(lines, config, bus);

	if (size && add_copy(fw, "bootorder", lines, size, err))
		return -1;
	size = boot_geometry_build(lines, config, bus);
	if (size && add_copy(fw, "bios-geometry", lines, size, err))
		return -1;
	if (fw_cfg_add_number(fw, FW_CFG_BOOT_MENU, 0, 2, err))
		return -1;
	return fw_cfg_add_number_file(fw, "etc/boot-fail-wait",
				      config->no_reboot ? 0 : BOOT_FAIL_STAY, 4, err);
}

/*
 * SeaBIOS runs the file pciVVVV,DDDD.rom once for each function of that vendor and device,
 * and tells it which one. It would cost every boot a while, so it is there for who asks.
 */
static int add_net_rom(struct fw_cfg *fw, const struct vm_config *config, struct err *err)
{
	static const struct option_rom rom = {
		.what = "boot ROM for networks (--boot net)",
		.path = "/usr/lib/ipxe/qemu/pxe-virtio.rom",
		.package = "ipxe-qemu",
		.file = "pci1af4,1041.rom",
	};

	if (!config_boots_from(config, BOOT_FROM_NET))
		return 0;
	return option_rom_add(&rom, fw, err);
}

static int add_cpus(struct fw_cfg *fw, unsigned nr_cpus, struct err *err)
{
	if (fw_cfg_add_number(fw, FW_CFG_NB_CPUS, nr_cpus, 2, err) ||
	    fw_cfg_add_number(fw, FW_CFG_MAX_CPUS, nr_cpus, 2, err) ||
	    fw_cfg_add_number(fw, FW_CFG_IRQ0_OVERRIDE, 1, 1, err))
		return -1;
	return fw_cfg_add_number_file(fw, "etc/boot-cpus", nr_cpus, 2, err);
}

/* What BIOS calls print shows on our terminal if that is COM1's. */
static int add_serial_console(struct fw_cfg *fw, const struct vm_config *config,
			      struct err *err)
{
	static const uint16_t ports[CONFIG_MAX_UARTS][2] = LAYOUT_UARTS;

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (config->serials[i].kind == SERIAL_CONSOLE)
			return fw_cfg_add_number_file(fw, "etc/sercon-port", ports[i][0],
						      2, err);
	}
	return 0;
}

int firmware_items_add(struct fw_cfg *fw, const struct vm_config *config,
		       const struct tables_config *tables, const struct pci_bus *bus,
		       struct err *err)
{
	if (fw_cfg_add_number(fw, FW_CFG_RAM_SIZE, config->memory, 8, err) ||
	    add_cpus(fw, config->cpus, err) || add_e820(fw, config->memory, err) ||
	    add_acpi(fw, tables, err) || add_smbios(fw, config, err) ||
	    add_boot(fw, config, bus, err) || add_net_rom(fw, config, err))
		return -1;
	return add_serial_console(fw, config, err);
}
