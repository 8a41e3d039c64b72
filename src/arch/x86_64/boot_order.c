/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot order; see boot_order.h. A line is a path as Open Firmware writes it, from the
 * host bridge down: names are free, numbers are where a device is. SeaBIOS makes such
 * paths of what it finds (its src/boot.c), and what is in no line comes last.
 *
 *	/pci@i0cf8/scsi@4		a virtio disk, 00:04.0
 *	/virtio-mmio@00000000e0100000	one on virtio-mmio
 *	/pci@i0cf8/ide@1,1/drive@0/disk@1	channel 0, slave, of 00:01.1
 *	/pci@i0cf8/isa@1/fdc@03f0/floppy@0
 *	/rom@genroms/kernel.bin			the option ROM that boots -k
 *	/pci@i0cf8/ethernet@2		what the boot ROM of 00:02.0 has to offer
 *
 * A disk is a path with cylinders, heads and sectors behind it where a geometry is told.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "arch/ide.h"
#include "arch/x86_64/boot_order.h"
#include "arch/x86_64/firmware_kernel.h"
#include "arch/x86_64/layout.h"

#define VIRTIO_VENDOR    0x1af4
#define VIRTIO_NET_ID    0x1041
#define VIRTIO_BLK_ID    0x1042
#define CONFIG_VENDOR    0
#define CONFIG_DEVICE_ID 2

/* What SeaBIOS takes for a cylinder of a disk that is not large. */
#define HEADS   16
#define SECTORS 63

struct lines {
	char *text;
	size_t size;
	const char *suffix; /* of each line; NULL: none */
};

static void add_line(struct lines *lines, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What does not fit is left out, and tried last. */
static void add_line(struct lines *lines, const char *format, ...)
{
	const size_t room = BOOT_ORDER_SIZE - 1 - lines->size;
	const char *suffix = lines->suffix ? lines->suffix : "";
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(lines->text + lines->size, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n + strlen(suffix) >= room)
		return;
	lines->size += (size_t)n;
	lines->size += (size_t)sprintf(lines->text + lines->size, "%s\n", suffix);
}

/* The last newline becomes a NUL: SeaBIOS takes what follows a newline for a line. */
static size_t finish(const struct lines *lines)
{
	if (lines->size)
		lines->text[lines->size - 1] = '\0';
	return lines->size;
}

static bool is_virtio(const struct pci_function *function, uint16_t id)
{
	return load_le16(function->config + CONFIG_VENDOR) == VIRTIO_VENDOR &&
	       load_le16(function->config + CONFIG_DEVICE_ID) == id;
}

/* Virtio disk `number` has the function of that number among those of its kind. */
static void add_virtio_pci(struct lines *lines, const struct pci_bus *bus,
			   unsigned number)
{
	for (unsigned device = 0; device < PCI_DEVICES; device++) {
		const struct pci_function *function = bus->functions[device][0];

		if (function && is_virtio(function, VIRTIO_BLK_ID) && number-- == 0)
			add_line(lines, "/pci@i0cf8/scsi@%x", device);
	}
}

/* Networks come first, see arch/virtio.c. */
static void add_virtio_mmio(struct lines *lines, const struct vm_config *config,
			    unsigned number)
{
	add_line(lines, "/virtio-mmio@%016llx/disk@0",
		 LAYOUT_VIRTIO_MMIO + (config->nr_nets + number) * LAYOUT_VIRTIO_STRIDE);
}

/* The IDE function is beside the ISA bridge. */
static void add_ide(struct lines *lines, unsigned place)
{
	add_line(lines, "/pci@i0cf8/ide@1,1/drive@%u/disk@%u", place / 2, place % 2);
}

static void add_disk(struct lines *lines, const struct vm_config *config,
		     const struct pci_bus *bus, unsigned index)
{
	unsigned nr_virtio = 0;

	for (unsigned i = 0; i < index; i++)
		nr_virtio += config->disks[i].interface == DISK_VIRTIO;
	if (config->disks[index].interface == DISK_IDE)
		add_ide(lines, ide_place(config, index));
	else if (config->virtio == VIRTIO_PCI)
		add_virtio_pci(lines, bus, nr_virtio);
	else
		add_virtio_mmio(lines, config, nr_virtio);
}

/* As the user has named them. */
static void add_disks(struct lines *lines, const struct vm_config *config,
		      const struct pci_bus *bus, bool cdroms)
{
	for (unsigned i = 0; i < config->nr_disks; i++) {
		if (config->disks[i].cdrom == cdroms)
			add_disk(lines, config, bus, i);
	}
}

static void add_floppies(struct lines *lines, const struct vm_config *config)
{
	for (unsigned drive = 0; drive < config->nr_floppies; drive++)
		add_line(lines, "/pci@i0cf8/isa@1/fdc@03f0/floppy@%u", drive);
}

/* One after the other, as the user has named them. */
static void add_nets(struct lines *lines, const struct pci_bus *bus)
{
	for (unsigned device = 0; device < PCI_DEVICES; device++) {
		const struct pci_function *function = bus->functions[device][0];

		if (function && is_virtio(function, VIRTIO_NET_ID))
			add_line(lines, "/pci@i0cf8/ethernet@%x", device);
	}
}

size_t boot_order_build(char order[BOOT_ORDER_SIZE], const struct vm_config *config,
			const struct pci_bus *bus)
{
	struct lines lines = { .text = order };

	if (config->kernel)
		add_line(&lines, "/rom@" FIRMWARE_KERNEL_ROM);
	for (unsigned i = 0; i < config->nr_boot_order; i++) {
		switch (config->boot_order[i]) {
		case BOOT_FROM_DISK:
			add_disks(&lines, config, bus, false);
			break;
		case BOOT_FROM_CDROM:
			add_disks(&lines, config, bus, true);
			break;
		case BOOT_FROM_FLOPPY:
			add_floppies(&lines, config);
			break;
		case BOOT_FROM_NET:
			add_nets(&lines, bus);
			break;
		default:
			break;
		}
	}
	return finish(&lines);
}

static bool is_smaller_than_a_cylinder(const struct config_disk *disk)
{
	struct stat info;

	return !disk->cdrom && stat(disk->path, &info) == 0 && S_ISREG(info.st_mode) &&
	       info.st_size < HEADS * SECTORS * 512;
}

size_t boot_geometry_build(char geometry[BOOT_ORDER_SIZE], const struct vm_config *config,
			   const struct pci_bus *bus)
{
	struct lines lines = { .text = geometry, .suffix = " 1 16 63" };

	for (unsigned i = 0; i < config->nr_disks; i++) {
		if (is_smaller_than_a_cylinder(&config->disks[i]))
			add_disk(&lines, config, bus, i);
	}
	return finish(&lines);
}
