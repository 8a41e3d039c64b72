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

#include "arch/x86_64/layout.h"
#include "arch/x86_64/boot.h"
#include "arch/x86_64/host.h"
#include "arch/x86_64/tables.h"
#include "boot/boot.h"
#include "boot/flat.h"
#include "boot/initrd.h"
#include "util/fd.h"

#define MAX_KERNEL_FILE (4ull << 30)
#define MAX_CMDLINE     LAYOUT_CMDLINE_SIZE

/* Everything that the steps below hand to each other. */
struct boot {
	struct vm *vm;
	const struct tables_config *tables;
	const char *params; /* for a kernel that does not read them */
	struct boot_kernel kernel;
	struct boot_memory map[BOOT_MAP_ROWS];
	unsigned nr_map;
	struct boot_module modules[CONFIG_MAX_INITRDS];
	unsigned nr_modules;
	char cmdline[MAX_CMDLINE];
	uint64_t rsdp_gpa;
};

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

/* Write a structure of ours to its fixed place, which is RAM by the layout. */
static int put(struct boot *boot, uint64_t gpa, const void *data, size_t size,
	       struct err *err)
{
	if (!memory_write(&boot->vm->memory, gpa, data, size))
		return err_set(err, "0x%llx to 0x%llx is not RAM (--mem)",
			       (unsigned long long)gpa, (unsigned long long)(gpa + size));
	return 0;
}

/* A kernel may take any RAM that the map gives it, but for what we put there. */
static int check_segment(const struct boot *boot, const struct boot_segment *segment,
			 struct err *err)
{
	const unsigned long long low = segment->gpa, high = segment->gpa + segment->size;

	if (low < LAYOUT_CMDLINE + LAYOUT_CMDLINE_SIZE)
		return err_set(err,
			       "a segment at 0x%llx to 0x%llx lies where boot data is "
			       "(below 0x%llx)",
			       low, high, LAYOUT_CMDLINE + LAYOUT_CMDLINE_SIZE);
	for (unsigned i = 0; i < boot->nr_map; i++) {
		const struct boot_memory *row = &boot->map[i];

		if (row->type == BOOT_MEMORY_RAM && low >= row->base &&
		    range_within(low - row->base, segment->size, row->size))
			return 0;
	}
	return err_set(
		err,
		"a segment at 0x%llx to 0x%llx is not all RAM: give the guest more "
		"memory (--mem), or link the kernel at 1 MiB or above",
		low, high);
}

/*
 * Move a segment to its place. Its zeros are written only where RAM is not
 * fresh: if the kernel was unpacked in guest memory (`used`), that is anywhere.
 */
static int put_segment(struct boot *boot, const struct boot_segment *segment, bool used,
		       struct err *err)
{
	uint8_t *to;

	if (check_segment(boot, segment, err))
		return -1;
	to = memory_for_write(&boot->vm->memory, segment->gpa,
			      used ? segment->size : segment->data.size);
	if (to != segment->data.data)
		memmove(to, segment->data.data, segment->data.size);
	if (used)
		memset(to + segment->data.size, 0, segment->size - segment->data.size);
	return 0;
}

/* Does a segment's place cover bytes in `room` that a later segment still needs? */
static bool segments_collide(const struct boot *boot)
{
	const struct boot_kernel *kernel = &boot->kernel;

	for (unsigned i = 0; i < kernel->nr_segments; i++) {
		const struct boot_segment *to = &kernel->segments[i];
		const uint8_t *place =
			memory_for_read(&boot->vm->memory, to->gpa, to->size);

		for (unsigned j = i + 1; place && j < kernel->nr_segments; j++) {
			const struct bytes *from = &kernel->segments[j].data;

			if (ranges_overlap((uintptr_t)place, to->size,
					   (uintptr_t)from->data, from->size))
				return true;
		}
	}
	return false;
}

static int put_segments(struct boot *boot, bool used, struct err *err)
{
	for (unsigned i = 0; i < boot->kernel.nr_segments; i++) {
		if (put_segment(boot, &boot->kernel.segments[i], used, err))
			return -1;
	}
	return 0;
}

static int parse_kernel(struct boot *boot, struct bytes file,
			const struct boot_room *room, struct err *err)
{
	const struct vm_config *config = boot->vm->config;

	return boot_kernel_parse(&boot->kernel, file, config->protocol,
				 LAYOUT_LOW_RAM(config->memory), room, err);
}

/*
 * A packed kernel is unpacked in guest memory, where most of it stays; only what
 * lies elsewhere is moved. If moving it in order would destroy some of it, RAM is
 * cleared and the kernel unpacked aside.
 */
static int load_kernel_file(struct boot *boot, struct bytes file, struct err *err)
{
	struct memory *memory = &boot->vm->memory;
	struct boot_room room = { 0 };
	uint64_t gpa, size;

	if (boot_kernel_unpack_hint(file, &gpa, &size)) {
		room.data = memory_for_write(memory, gpa, size);
		room.size = size;
	}
	if (room.data) {
		if (parse_kernel(boot, file, &room, err))
			return -1;
		if (!segments_collide(boot))
			return put_segments(boot, true, err);
		boot_kernel_free(&boot->kernel);
		if (memory_discard(memory, err))
			return -1;
	}
	if (parse_kernel(boot, file, NULL, err))
		return -1;
	return put_segments(boot, false, err);
}

static int load_kernel(struct boot *boot, struct err *err)
{
	struct file_contents file;
	int r;

	if (file_read(&file, boot->vm->config->kernel, MAX_KERNEL_FILE, err))
		return err_prefix(err, "kernel ");
	r = load_kernel_file(boot, file.bytes, err);
	if (r)
		err_prefix(err, "kernel \"%s\": ", boot->vm->config->kernel);
	file_release(&file);
	return r;
}

/* The initrd files of the configuration, opened, and how they will lie together. */
struct initrds {
	int fds[CONFIG_MAX_INITRDS];
	uint64_t sizes[CONFIG_MAX_INITRDS], offsets[CONFIG_MAX_INITRDS];
	uint64_t total;
	unsigned nr;
};

static void close_initrds(struct initrds *initrds)
{
	for (unsigned i = 0; i < initrds->nr; i++)
		close(initrds->fds[i]);
}

static int open_initrds(struct boot *boot, struct initrds *initrds, struct err *err)
{
	const struct vm_config *config = boot->vm->config;

	initrds->nr = 0;
	for (unsigned i = 0; i < config->nr_initrds; i++) {
		initrds->fds[i] =
			fd_open_image(config->initrds[i], &initrds->sizes[i], err);
		if (initrds->fds[i] < 0)
			return err_prefix(err, "initrd \"%s\": ", config->initrds[i]);
		initrds->nr++;
	}
	return initrd_plan(initrds->sizes, initrds->nr, initrds->offsets, &initrds->total,
			   err);
}

static int read_initrds(struct boot *boot, const struct initrds *initrds, uint64_t gpa,
			struct err *err)
{
	struct memory *memory = &boot->vm->memory;

	for (unsigned i = 0; i < initrds->nr; i++) {
		const uint64_t size = initrds->sizes[i];
		void *to = memory_for_write(memory, gpa + initrds->offsets[i], size);

		if (!to)
			return err_set(err, "initrd: its place at 0x%llx is not RAM",
				       (unsigned long long)gpa);
		if (fd_read_at(initrds->fds[i], to, size, 0, err))
			return err_prefix(
				err, "initrd \"%s\": ", boot->vm->config->initrds[i]);
	}
	return 0;
}

/* The guest has no business with the host's folders. */
static const char *basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Multiboot takes them one by one; for the others they are one initrd. */
static void list_modules(struct boot *boot, const struct initrds *initrds, uint64_t gpa)
{
	if (boot->kernel.protocol != BOOT_MULTIBOOT) {
		boot->modules[0] =
			(struct boot_module){ .gpa = gpa, .size = initrds->total };
		boot->nr_modules = 1;
		return;
	}
	for (unsigned i = 0; i < initrds->nr; i++)
		boot->modules[i] = (struct boot_module){
			.gpa = gpa + initrds->offsets[i],
			.size = initrds->sizes[i],
			.cmdline = basename_of(boot->vm->config->initrds[i]),
		};
	boot->nr_modules = initrds->nr;
}

/* The smaller one of two bounds is the one that they did not fit. */
static int initrds_do_not_fit(const struct boot *boot, uint64_t size, struct err *err)
{
	const uint64_t ram = boot->vm->config->memory,
		       last = boot->kernel.initrd_addr_max;
	char text[CONFIG_SIZE_TEXT];

	if (LAYOUT_LOW_RAM(ram) > last)
		return err_set(err,
			       "initrd: %llu bytes do not fit beside the kernel below "
			       "0x%llx, and it takes them nowhere else",
			       (unsigned long long)size, (unsigned long long)last);
	return err_set(
		err,
		"initrd: %llu bytes do not fit beside the kernel in the guest's %s: "
		"give the guest more memory (--mem)",
		(unsigned long long)size, config_size(ram, text));
}

static int place_initrds(struct boot *boot, struct initrds *initrds, struct err *err)
{
	const struct boot_kernel *kernel = &boot->kernel;
	uint64_t gpa;

	/* Multiboot modules begin on pages: offsets of whole pages instead of words. */
	if (kernel->protocol == BOOT_MULTIBOOT) {
		initrds->total = 0;
		for (unsigned i = 0; i < initrds->nr; i++) {
			initrds->offsets[i] = initrds->total;
			initrds->total += align_up(initrds->sizes[i], MEMORY_PAGE_SIZE);
		}
	}
	if (!initrds->total)
		return 0;
	if (!boot_place_high(boot->map, boot->nr_map, initrds->total,
			     kernel->initrd_addr_max, kernel->low, kernel->high, &gpa))
		return initrds_do_not_fit(boot, initrds->total, err);
	if (read_initrds(boot, initrds, gpa, err))
		return -1;
	list_modules(boot, initrds, gpa);
	return 0;
}

static int load_initrds(struct boot *boot, struct err *err)
{
	struct initrds initrds = { .nr = 0 };
	int r = open_initrds(boot, &initrds, err);

	if (!r)
		r = place_initrds(boot, &initrds, err);
	close_initrds(&initrds);
	return r;
}

/* The number of the serial port that is the console, -1: none. */
static int console_port(const struct vm_config *config)
{
	for (int i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (config->serials[i].kind == SERIAL_CONSOLE)
			return i;
	}
	return -1;
}

/* Has the user chosen a console? Linux takes the first one of a kind only. */
static bool names_console(const char *params)
{
	const char *at = params;

	while (at && (at = strstr(at, "console="))) {
		if (at == params || at[-1] == ' ')
			return true;
		at++;
	}
	return false;
}

/* Is `word` one of the words of `params`, which may be NULL? */
static bool has_word(const char *params, const char *word)
{
	const size_t length = strlen(word);

	for (const char *at = params; at && (at = strstr(at, word)); at += length) {
		if ((at == params || at[-1] == ' ') &&
		    (at[length] == ' ' || at[length] == '\0'))
			return true;
	}
	return false;
}

/*
 * The default command line is as small as can be: where to print, and under
 * --no-reboot that a panic ends the VM instead of waiting for nobody. Other
 * kernels than Linux get only what the user says.
 */
static int build_cmdline(struct boot *boot, struct err *err)
{
	const struct vm_config *config = boot->vm->config;
	const bool is_linux = boot->kernel.protocol != BOOT_MULTIBOOT;
	const int port = console_port(config);
	char console[32] = "";
	int n;

	if (is_linux && !names_console(config->params)) {
		if (config_console_is_virtio(config))
			snprintf(console, sizeof(console), "console=hvc0 ");
		else if (port >= 0)
			snprintf(console, sizeof(console), "console=ttyS%d ", port);
	}
	n = snprintf(boot->cmdline, sizeof(boot->cmdline), "%s%s%s%s", console,
		     is_linux && config->no_reboot ? "panic=-1 " : "",
		     config->params ? config->params : "",
		     is_linux && has_word(config->params, "acpi=off") ? boot->params
								      : "");
	if (n < 0 || (size_t)n >= sizeof(boot->cmdline))
		return err_set(err, "--params: %d bytes are more than any kernel takes",
			       n);
	if (n > 0 && boot->cmdline[n - 1] == ' ' && !config->params)
		boot->cmdline[n - 1] = '\0';
	return 0;
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
	    !put(boot, LAYOUT_EBDA, floating, sizeof(floating), err) &&
	    !put(boot, LAYOUT_BDA_EBDA_SEGMENT, ebda_segment, sizeof(ebda_segment), err))
		r = put(boot, LAYOUT_TABLES, area.data, area.used, err);
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
		if (put(boot, LAYOUT_SETUP_DATA, node, sizeof(node), err))
			return -1;
	}
	if (zero_page_build(&page, &boot->kernel, handoff, err))
		return -1;
	cpu_build_page_tables(tables, LAYOUT_PAGE_TABLES);
	entry->mode = boot->kernel.entry_32 ? CPU_PROTECTED : CPU_LONG;
	entry->rsi = LAYOUT_ZERO_PAGE;
	entry->cr3 = LAYOUT_PAGE_TABLES;
	if (put(boot, LAYOUT_ZERO_PAGE, &page, sizeof(page), err) ||
	    put(boot, LAYOUT_PAGE_TABLES, tables, sizeof(tables), err))
		return -1;
	return put(boot, LAYOUT_CMDLINE, boot->cmdline, strlen(boot->cmdline) + 1, err);
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
	if (boot->kernel.protocol == BOOT_PVH) {
		r = pvh_start_info_build(info, LAYOUT_BOOT_INFO_SIZE, LAYOUT_BOOT_INFO,
					 handoff, err);
	} else {
		entry->rax = MULTIBOOT_BOOTLOADER_MAGIC;
		r = multiboot_info_build(info, LAYOUT_BOOT_INFO_SIZE, LAYOUT_BOOT_INFO,
					 handoff, err);
	}
	if (!r)
		r = put(boot, LAYOUT_BOOT_INFO, info, LAYOUT_BOOT_INFO_SIZE, err);
	free(info);
	return r;
}

static int put_handoff(struct boot *boot, struct cpu_entry *entry, struct err *err)
{
	struct boot_handoff handoff = {
		.cmdline = boot->cmdline,
		.cmdline_gpa = LAYOUT_CMDLINE,
		.memory = boot->map,
		.nr_memory = boot->nr_map,
		.modules = boot->modules,
		.nr_modules = boot->nr_modules,
		.rsdp_gpa = boot->rsdp_gpa,
	};
	uint64_t gdt[CPU_GDT_ENTRIES];
	int r;

	*entry = (struct cpu_entry){ .rip = boot->kernel.entry };
	if (boot->kernel.protocol == BOOT_LINUX)
		r = put_linux(boot, &handoff, entry, err);
	else
		r = put_boot_info(boot, &handoff, entry, err);
	if (r)
		return err_prefix(err, "kernel \"%s\": ", boot->vm->config->kernel);
	cpu_build_gdt(gdt, entry->mode);
	return put(boot, LAYOUT_GDT, gdt, sizeof(gdt), err);
}

/*
 * A small kernel runs in any KVM; a 64-bit one of Linux would stand still for ever in
 * some, without a word. After a reset it has been said.
 */
static void warn_of_host(const struct boot *boot)
{
	const char *why;

	if (!boot->kernel.is_64 || boot->vm->stats.first_run_ns)
		return;
	why = host_why_unfit(HOST_CPUINFO, HOST_KVM_PVM);
	if (why)
		fprintf(stderr,
			"tane: warning: %s: stock kernels do not run here; tane-lab "
			"(tests/lab/x86_64) runs them\n",
			why);
}

static int boot_steps(struct boot *boot, struct cpu_entry *entry, struct err *err)
{
	boot->nr_map = boot_memory_map(boot->vm->config->memory, boot->map);
	if (load_kernel(boot, err) || load_initrds(boot, err) ||
	    build_cmdline(boot, err) || load_tables(boot, err))
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
	boot->vm = vm;
	boot->tables = tables;
	boot->params = params;
	r = boot_steps(boot, entry, err);
	boot_kernel_free(&boot->kernel);
	free(boot);
	return r;
}
