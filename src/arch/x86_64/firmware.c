/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware of a PC.
 *
 * Its image is a ROM that ends at 4 GiB, where the CPU begins, 16 bytes below the end.
 * The last 128 KiB of it show below 1 MiB as well, where real-mode code can reach them.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "arch/machine.h"
#include "arch/x86_64/firmware.h"
#include "arch/x86_64/firmware_items.h"
#include "arch/x86_64/layout.h"

#define ROM_GRANULE  0x10000ull
#define ROM_MAX_SIZE (8ull << 20)

static int read_image(struct firmware *firmware, const char *path, struct err *err)
{
	struct file_contents *rom = &firmware->rom;

	if (!path && access(FIRMWARE_DEFAULT, F_OK) && errno == ENOENT)
		return err_set(err,
			       "no firmware: %s is not there: install Debian's package "
			       "\"%s\", or name an image (--bios=FILE)",
			       FIRMWARE_DEFAULT, FIRMWARE_PACKAGE);
	if (!path)
		path = FIRMWARE_DEFAULT;
	if (file_read(rom, path, ROM_MAX_SIZE, err))
		return err_prefix(err, "firmware (--bios) ");
	if (!rom->bytes.size || rom->bytes.size % ROM_GRANULE)
		return err_set(
			err,
			"firmware (--bios) \"%s\": %zu bytes: an image for a PC is a "
			"multiple of 64 KiB, such as 128 or 256 KiB",
			path, rom->bytes.size);
	return 0;
}

int firmware_build(struct firmware *firmware, struct vm *vm, uint64_t low_ram,
		   struct err *err)
{
	const struct bytes *rom = &firmware->rom.bytes;

	if (read_image(firmware, vm->config->bios, err))
		return -1;
	if (kvm_vm_set_memory(&vm->kvm_vm, SLOT_ROM, LAYOUT_HOLE_END - rom->size,
			      rom->size, (void *)(uintptr_t)rom->data, KVM_MEM_READONLY,
			      err))
		return err_prefix(err, "firmware (--bios): ");
	return shadow_build(&firmware->shadow, vm, low_ram, *rom, err);
}

bool firmware_read_rom(const struct firmware *firmware, uint64_t gpa, void *to,
		       size_t len)
{
	const struct bytes *rom = &firmware->rom.bytes;
	const uint64_t base = LAYOUT_HOLE_END - rom->size;
	struct bytes part;

	if (gpa < base || !bytes_slice(*rom, gpa - base, len, &part))
		return shadow_read_rom(&firmware->shadow, gpa, to, len);
	memcpy(to, part.data, part.size);
	return true;
}

static const void *for_read(void *opaque, uint64_t gpa, uint64_t len)
{
	const struct vm *vm = opaque;

	return memory_for_read(&vm->memory, gpa, len);
}

static void *for_write(void *opaque, uint64_t gpa, uint64_t len)
{
	const struct vm *vm = opaque;

	return memory_map(&vm->memory, gpa, len);
}

static void written(void *opaque, const void *hva, uint64_t len)
{
	const struct vm *vm = opaque;

	memory_mark_written(&vm->memory, hva, len);
}

static const struct fw_cfg_ops fw_cfg_ops = {
	.for_read = for_read,
	.for_write = for_write,
	.written = written,
};

int firmware_describe(struct firmware *firmware, struct vm *vm,
		      const struct tables_config *tables, const struct pci_bus *bus,
		      struct err *err)
{
	struct fw_cfg *fw_cfg = &firmware->fw_cfg;

	pthread_mutex_init(&firmware->lock, NULL);
	firmware->made = true;
	if (fw_cfg_init(fw_cfg, &fw_cfg_ops, vm, err) ||
	    machine_add_port(vm, PORT_FW_CFG, FW_CFG_NR_PORTS, "fw_cfg", &fw_cfg_io,
			     fw_cfg, &firmware->lock, err) ||
	    machine_add_port(vm, PORT_FW_CFG_DMA, FW_CFG_DMA_NR_PORTS, "fw_cfg-dma",
			     &fw_cfg_dma_io, fw_cfg, &firmware->lock, err))
		return -1;
	if (firmware_kernel_add(&firmware->kernel, fw_cfg, vm, err))
		return -1;
	return firmware_items_add(fw_cfg, vm->config, tables, bus, err);
}

void firmware_reset(struct firmware *firmware)
{
	if (!firmware->made)
		return;
	pthread_mutex_lock(&firmware->lock);
	fw_cfg_reset(&firmware->fw_cfg);
	pthread_mutex_unlock(&firmware->lock);
}

void firmware_destroy(struct firmware *firmware)
{
	if (firmware->made) {
		fw_cfg_destroy(&firmware->fw_cfg);
		firmware_kernel_destroy(&firmware->kernel);
		pthread_mutex_destroy(&firmware->lock);
	}
	file_release(&firmware->rom);
}
