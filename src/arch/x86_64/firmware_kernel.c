/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * -k under firmware; see firmware_kernel.h. The items are those of QEMU, and the places
 * those that boot loaders use (Linux, x86/boot.rst, "Sample Boot Configuration"):
 *
 *	0x1_0000	setup code and, at its end, heap and stack: 0xe000 bytes
 *	0x2_0000	command line
 *	0x10_0000	protected-mode code, which unpacks itself
 *	the top		initrds; the ROM lowers them below what BIOS keeps
 *
 * The initrds are read from their files when the ROM asks for them.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/firmware_kernel.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/tables.h"

#define SETUP_ADDRESS   0x10000u
#define SETUP_HEAP_END  0xe000u /* the ROM puts the stack there */
#define SETUP_MIN_HEAP  0x1000u
#define CMDLINE_ADDRESS 0x20000u
#define KERNEL_ADDRESS  0x100000u
#define LOADER_UNKNOWN  0xff

/* What BIOS keeps at the end of RAM; ACPI tables are most of it. */
#define BIOS_RESERVE 0x100000u

#define SETUP_HEADER 0x1f1

/* The option ROM's own structures. */
#define ROM_LENGTH      2 /* in units of 512 bytes */
#define ROM_PNP_POINTER 0x1a
#define PNP_LENGTH      5 /* in paragraphs */
#define PNP_CHECKSUM    9
#define ROM_MAX_SIZE    2048

extern const uint8_t kernel_rom[]; /* kernel_rom.S */

static int add_block(struct fw_cfg *fw, uint16_t data_key, uint16_t size_key,
		     const struct fw_cfg_content *content, struct err *err)
{
	if (fw_cfg_add_number(fw, size_key, content->size, 4, err))
		return -1;
	return fw_cfg_add_item(fw, data_key, content, err);
}

/* What a boot loader fills in; the ROM adds the address of the initrd. */
static void fill_header(struct setup_header *header, uint64_t initrd_size)
{
	header->type_of_loader = LOADER_UNKNOWN;
	header->loadflags |= CAN_USE_HEAP;
	header->heap_end_ptr = SETUP_HEAP_END - 0x200;
	header->cmd_line_ptr = CMDLINE_ADDRESS;
	header->ramdisk_image = 0;
	header->ramdisk_size = (uint32_t)initrd_size;
}

/* Only what a loader fills in is written back: the image may be older than the struct. */
static int add_setup(struct fw_cfg *fw, const struct boot_real_mode *image,
		     uint64_t initrd_size, struct err *err)
{
	struct fw_cfg_content content = { .size = image->setup.size };
	struct setup_header header = image->header;
	uint8_t *copy;
	int r;

	if (image->setup.size > SETUP_HEAP_END - SETUP_MIN_HEAP)
		return err_set(err,
			       "bzImage: its real-mode code takes %zu bytes: more "
			       "than firmware can load",
			       image->setup.size);
	copy = malloc(image->setup.size);
	if (!copy)
		return err_set(err, "no memory for its real-mode code");
	memcpy(copy, image->setup.data, image->setup.size);
	fill_header(&header, initrd_size);
	memcpy(copy + SETUP_HEADER, &header,
	       offsetof(struct setup_header, cmd_line_ptr) + sizeof(header.cmd_line_ptr));
	content.data = copy;
	r = fw_cfg_add_number(fw, FW_CFG_SETUP_ADDR, SETUP_ADDRESS, 4, err);
	if (!r)
		r = add_block(fw, FW_CFG_SETUP_DATA, FW_CFG_SETUP_SIZE, &content, err);
	free(copy);
	return r;
}

static int add_cmdline(struct fw_cfg *fw, const struct boot_real_mode *image,
		       struct vm *vm, struct err *err)
{
	struct loader *loader = calloc(1, sizeof(*loader));
	struct fw_cfg_content content = { 0 };
	int r;

	if (!loader)
		return err_set(err, "no memory for its command line");
	loader->vm = vm;
	loader->kernel.protocol = BOOT_LINUX;
	loader->tty = "ttyS";
	r = loader_build_cmdline(loader, NULL, err);
	content.data = loader->cmdline;
	content.size = strlen(loader->cmdline) + 1;
	if (!r && content.size - 1 > image->cmdline_size)
		r = err_set(err,
			    "the command line has %zu bytes, the kernel takes at most %u",
			    (size_t)content.size - 1, image->cmdline_size);
	if (!r)
		r = fw_cfg_add_number(fw, FW_CFG_CMDLINE_ADDR, CMDLINE_ADDRESS, 4, err);
	if (!r)
		r = add_block(fw, FW_CFG_CMDLINE_DATA, FW_CFG_CMDLINE_SIZE, &content,
			      err);
	free(loader);
	return r;
}

static int add_code(struct fw_cfg *fw, const struct boot_real_mode *image,
		    struct err *err)
{
	const struct fw_cfg_content content = {
		.data = image->code.data,
		.borrowed = true,
		.size = image->code.size,
	};

	if (fw_cfg_add_number(fw, FW_CFG_KERNEL_ADDR, KERNEL_ADDRESS, 4, err))
		return -1;
	return add_block(fw, FW_CFG_KERNEL_DATA, FW_CFG_KERNEL_SIZE, &content, err);
}

/* [offset, offset + len) of all initrds together: pieces of files, and zeros between. */
static bool read_initrds(void *opaque, uint32_t offset, void *to, size_t len)
{
	const struct loader_initrds *initrds = opaque;
	const uint64_t end = (uint64_t)offset + len;
	struct err ignored;

	memset(to, 0, len);
	for (unsigned i = 0; i < initrds->nr; i++) {
		const uint64_t low = initrds->offsets[i], high = low + initrds->sizes[i];
		const uint64_t from = offset > low ? offset : low,
			       until = end < high ? end : high;

		if (from < until &&
		    fd_read_at(initrds->fds[i], (uint8_t *)to + (from - offset),
			       (size_t)(until - from), from - low, &ignored))
			return false;
	}
	return true;
}

static int add_initrds(struct firmware_kernel *kernel, struct fw_cfg *fw,
		       const struct boot_real_mode *image, uint64_t low_ram,
		       struct err *err)
{
	const uint64_t size = kernel->initrds.total;
	const struct fw_cfg_content content = {
		.read = read_initrds,
		.opaque = &kernel->initrds,
		.size = size,
	};
	uint64_t end = low_ram;

	if (end > image->initrd_addr_max)
		end = align_down(image->initrd_addr_max + 1, MEMORY_PAGE_SIZE);
	if (image->high + BIOS_RESERVE + size > end)
		return err_set(
			err,
			"initrd: %llu bytes do not fit beside the kernel: give the "
			"guest more memory (--mem)",
			(unsigned long long)size);
	if (fw_cfg_add_number(fw, FW_CFG_INITRD_ADDR,
			      align_down(end - size, MEMORY_PAGE_SIZE), 4, err))
		return -1;
	return add_block(fw, FW_CFG_INITRD_DATA, FW_CFG_INITRD_SIZE, &content, err);
}

static int add_rom(struct fw_cfg *fw, struct err *err)
{
	const size_t size = kernel_rom[ROM_LENGTH] * 512u;
	uint8_t rom[ROM_MAX_SIZE], *pnp;

	if (size > sizeof(rom))
		return err_set(err, "the option ROM has %zu bytes", size);
	memcpy(rom, kernel_rom, size);
	pnp = rom + load_le16(rom + ROM_PNP_POINTER);
	pnp[PNP_CHECKSUM] = tables_checksum(pnp, pnp[PNP_LENGTH] * 16u);
	rom[size - 1] = tables_checksum(rom, size);
	return fw_cfg_add_file(fw, FIRMWARE_KERNEL_ROM,
			       &(struct fw_cfg_content){ .data = rom, .size = size },
			       err);
}

static int add_image(struct firmware_kernel *kernel, struct fw_cfg *fw, struct vm *vm,
		     struct err *err)
{
	const uint64_t low_ram = LAYOUT_LOW_RAM(vm->config->memory);
	struct boot_real_mode image;

	if (boot_real_mode_parse(&image, kernel->file.bytes, err))
		return -1;
	if (image.high > low_ram)
		return err_set(
			err,
			"bzImage: it needs memory up to 0x%llx: give the guest more "
			"(--mem)",
			(unsigned long long)image.high);
	if (add_setup(fw, &image, kernel->initrds.total, err) ||
	    add_cmdline(fw, &image, vm, err) || add_code(fw, &image, err))
		return -1;
	return add_initrds(kernel, fw, &image, low_ram, err);
}

int firmware_kernel_add(struct firmware_kernel *kernel, struct fw_cfg *fw, struct vm *vm,
			struct err *err)
{
	const char *path = vm->config->kernel;

	if (!path)
		return 0;
	if (file_read(&kernel->file, path, UINT32_MAX, err))
		return err_prefix(err, "kernel ");
	if (loader_open_initrds(vm->config, &kernel->initrds, err))
		return -1;
	if (add_image(kernel, fw, vm, err))
		return err_prefix(err, "kernel \"%s\": ", path);
	return add_rom(fw, err);
}

void firmware_kernel_destroy(struct firmware_kernel *kernel)
{
	file_release(&kernel->file);
	loader_close_initrds(&kernel->initrds);
}
