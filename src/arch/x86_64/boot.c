/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What guest memory holds when the boot CPU begins. In order:
 *
 *	1. the kernel, parsed by src/boot, its segments copied to their places
 *	2. the initrds, read from their files straight into guest memory
 *	3. firmware tables: ACPI and MP, below 1 MiB
 *	4. the hand-off that the kernel's protocol asks for: zero page, PVH start
 *	   info or multiboot information, with the memory map in it
 *	5. descriptors and page tables for the CPU itself
 *
 * RAM reads zero before (fresh, or discarded by a reset), but a kernel that was
 * unpacked in place leaves the rest of its ELF file around it. A reset runs
 * through here again; the files are read anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "arch/loader.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/boot.h"
#include "arch/x86_64/host.h"
#include "arch/x86_64/tables.h"
#include "boot/boot.h"
#include "boot/flat.h"
#include "util/fd.h"

/* Everything that the steps below hand to each other. */
struct boot {
	struct loader loader;
	const struct tables_config *tables;
	const char *params; /* for a kernel that does not read them */
	uint64_t rsdp_gpa;
};

_Static_assert(LOADER_MAX_ROWS >= BOOT_MAP_ROWS, "the memory map fits");
_Static_assert(LOADER_MAX_CMDLINE <= LAYOUT_CMDLINE_SIZE, "the command line fits");

unsigned boot_memory_map(uint64_t ram, struct boot_memory map[BOOT_MAP_ROWS])
{
	const uint64_t low_end = LAYOUT_LOW_RAM(ram);
	unsigned n = 0;

	map[n++] = (struct boot_memory){ 0, LAYOUT_EBDA, BOOT_MEMORY_RAM };
	map[n++] = (struct boot_memory){ LAYOUT_EBDA, LAYOUT_EBDA_SIZE,
					 BOOT_MEMORY_RESERVED };
	map[n++] = (struct boot_memory){ LAYOUT_TABLES, LAYOUT_TABLES_SIZE,
					 BOOT_MEMORY_RESERVED };
	map[n++] = (struct boot_memory){ LAYOUT_HIGH_MEMORY, low_end - LAYOUT_HIGH_MEMORY,
					 BOOT_MEMORY_RAM };
	map[n++] = (struct boot_memory){ LAYOUT_ECAM, LAYOUT_ECAM_SIZE,
					 BOOT_MEMORY_RESERVED };
	map[n++] = (struct boot_memory){ LAYOUT_KVM_IDENTITY_MAP, 4ull * MEMORY_PAGE_SIZE,
					 BOOT_MEMORY_RESERVED };
	if (ram > low_end)
		map[n++] = (struct boot_memory){ LAYOUT_HOLE_END, ram - low_end,
						 BOOT_MEMORY_RAM };
	return n;
}

static int load_tables(struct boot *boot, struct err *err)
{
	struct tables_area area = {
		.data = calloc(1, LAYOUT_TABLES_SIZE),
		.size = LAYOUT_TABLES_SIZE,
		.gpa = LAYOUT_TABLES,
	};
	uint8_t floating[16], ebda_segment[2];
	int r = -1;

	if (!area.data)
		return err_set(err, "no memory for the firmware tables");
	store_le16(ebda_segment, LAYOUT_EBDA >> 4);
	if (!acpi_build(&area, boot->tables, &boot->rsdp_gpa, err) &&
	    !mptable_build(&area, boot->tables, floating, err) &&
	    !loader_put(&boot->loader, LAYOUT_EBDA, floating, sizeof(floating), err) &&
	    !loader_put(&boot->loader, LAYOUT_BDA_EBDA_SEGMENT, ebda_segment,
			sizeof(ebda_segment), err))
		r = loader_put(&boot->loader, LAYOUT_TABLES, area.data, area.used, err);
	free(area.data);
	return r;
}

static int put_linux(struct boot *boot, struct boot_handoff *handoff,
		     struct cpu_entry *entry, struct err *err)
{
	struct boot_params page;
	uint8_t seed[32], node[SETUP_DATA_RNG_SIZE];
	uint64_t tables[CPU_PAGE_TABLES_SIZE / 8];

	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed)) {
		setup_data_rng_build(node, seed);
		handoff->setup_data_gpa = LAYOUT_SETUP_DATA;
		if (loader_put(&boot->loader, LAYOUT_SETUP_DATA, node, sizeof(node), err))
			return -1;
	}
	if (zero_page_build(&page, &boot->loader.kernel, handoff, err))
		return -1;
	cpu_build_page_tables(tables, LAYOUT_PAGE_TABLES);
	entry->mode = boot->loader.kernel.entry_32 ? CPU_PROTECTED : CPU_LONG;
	entry->rsi = LAYOUT_ZERO_PAGE;
	entry->cr3 = LAYOUT_PAGE_TABLES;
	if (loader_put(&boot->loader, LAYOUT_ZERO_PAGE, &page, sizeof(page), err) ||
	    loader_put(&boot->loader, LAYOUT_PAGE_TABLES, tables, sizeof(tables), err))
		return -1;
	return loader_put(&boot->loader, LAYOUT_CMDLINE, boot->loader.cmdline,
			  strlen(boot->loader.cmdline) + 1, err);
}

/* PVH and multiboot: one block of information. */
static int put_boot_info(struct boot *boot, const struct boot_handoff *handoff,
			 struct cpu_entry *entry, struct err *err)
{
	uint8_t *info = calloc(1, LAYOUT_BOOT_INFO_SIZE);
	int r;

	if (!info)
		return err_set(err, "no memory for the boot information");
	entry->mode = CPU_PROTECTED;
	entry->rbx = LAYOUT_BOOT_INFO;
	if (boot->loader.kernel.protocol == BOOT_PVH) {
		r = pvh_start_info_build(info, LAYOUT_BOOT_INFO_SIZE, LAYOUT_BOOT_INFO,
					 handoff, err);
	} else {
		entry->rax = MULTIBOOT_BOOTLOADER_MAGIC;
		r = multiboot_info_build(info, LAYOUT_BOOT_INFO_SIZE, LAYOUT_BOOT_INFO,
					 handoff, err);
	}
	if (!r)
		r = loader_put(&boot->loader, LAYOUT_BOOT_INFO, info,
			       LAYOUT_BOOT_INFO_SIZE, err);
	free(info);
	return r;
}

static int put_handoff(struct boot *boot, struct cpu_entry *entry, struct err *err)
{
	struct boot_handoff handoff = {
		.cmdline = boot->loader.cmdline,
		.cmdline_gpa = LAYOUT_CMDLINE,
		.memory = boot->loader.map,
		.nr_memory = boot->loader.nr_map,
		.modules = boot->loader.modules,
		.nr_modules = boot->loader.nr_modules,
		.rsdp_gpa = boot->rsdp_gpa,
		.has_vga = boot->loader.vm->config->screen,
	};
	uint64_t gdt[CPU_GDT_ENTRIES];
	int r;

	*entry = (struct cpu_entry){ .rip = boot->loader.kernel.entry };
	if (boot->loader.kernel.protocol == BOOT_LINUX)
		r = put_linux(boot, &handoff, entry, err);
	else
		r = put_boot_info(boot, &handoff, entry, err);
	if (r)
		return err_prefix(err,
				  "kernel \"%s\": ", boot->loader.vm->config->kernel);
	cpu_build_gdt(gdt, entry->mode);
	return loader_put(&boot->loader, LAYOUT_GDT, gdt, sizeof(gdt), err);
}

/*
 * A small kernel runs in any KVM; a 64-bit one of Linux would stand still for ever in
 * some, without a word. After a reset it has been said.
 */
static void warn_of_host(const struct boot *boot)
{
	const char *why;

	if (!boot->loader.kernel.is_64 || boot->loader.vm->stats.first_run_ns)
		return;
	why = host_why_unfit(HOST_CPUINFO, HOST_KVM_PVM);
	if (why)
		fprintf(stderr,
			"tane: warning: %s: stock kernels do not run here; tane-lab "
			"(tests/lab/x86_64) runs them\n",
			why);
}

/* Linux that reads no ACPI tables is told of virtio-mmio devices in words. */
static const char *more_params(const struct boot *boot)
{
	return loader_has_word(boot->loader.vm->config->params, "acpi=off") ? boot->params
									    : NULL;
}

static int boot_steps(struct boot *boot, struct cpu_entry *entry, struct err *err)
{
	struct loader *loader = &boot->loader;

	if (loader_load_kernel(loader, err) || loader_load_initrds(loader, err) ||
	    loader_build_cmdline(loader, more_params(boot), err) ||
	    load_tables(boot, err))
		return -1;
	if (put_handoff(boot, entry, err))
		return -1;
	warn_of_host(boot);
	return 0;
}

static int load_rom(struct vm *vm, struct cpu_entry *entry, struct err *err)
{
	const struct vm_config *config = vm->config;
	struct file_contents file;
	struct flat_image image;
	int r;

	if (file_read(&file, config->rom, FLAT_ADDRESS_MAX, err))
		return err_prefix(err, "rom ");
	r = flat_load(&image, file.bytes, config->rom_address, config->memory, err);
	if (!r && !memory_write(&vm->memory, image.segment.gpa, image.segment.data.data,
				image.segment.data.size))
		r = err_set(err, "does not fit into RAM (--mem)");
	file_release(&file);
	if (r)
		return err_prefix(err, "rom \"%s\": ", config->rom);
	*entry = (struct cpu_entry){ .mode = CPU_REAL, .cs = image.cs, .rip = image.ip };
	return 0;
}

int boot_load(struct vm *vm, const struct tables_config *tables, const char *params,
	      struct cpu_entry *entry, struct err *err)
{
	struct boot *boot;
	int r;

	if (vm->config->rom)
		return load_rom(vm, entry, err);
	boot = calloc(1, sizeof(*boot));
	if (!boot)
		return err_set(err, "no memory to load the kernel");
	boot->loader.vm = vm;
	boot->loader.target = (struct boot_target){
		.isa = BOOT_ISA_X86_64,
		.ram_size = LAYOUT_LOW_RAM(vm->config->memory),
	};
	boot->loader.reserved_end = LAYOUT_CMDLINE + LAYOUT_CMDLINE_SIZE;
	boot->loader.nr_map = boot_memory_map(vm->config->memory, boot->loader.map);
	boot->loader.tty = "ttyS";
	boot->tables = tables;
	boot->params = params;
	r = boot_steps(boot, entry, err);
	loader_release(&boot->loader);
	free(boot);
	return r;
}
