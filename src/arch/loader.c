/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels and initrds into guest memory; see loader.h.
 *
 * RAM reads zero before (fresh, or discarded by a reset), but a kernel that was unpacked
 * in place leaves the rest of its file around it. A reset runs through here again; the
 * files are read anew.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arch/kernel_cache.h"
#include "arch/loader.h"
#include "boot/initramfs.h"
#include "boot/initrd.h"
#include "util/fd.h"

#define MAX_KERNEL_FILE (4ull << 30)

/* Write a structure of ours to its place. */
int loader_put(const struct loader *loader, uint64_t gpa, const void *data, size_t size,
	       struct err *err)
{
	if (!memory_write(&loader->vm->memory, gpa, data, size))
		return err_set(err, "0x%llx to 0x%llx is not RAM (--mem)",
			       (unsigned long long)gpa, (unsigned long long)(gpa + size));
	return 0;
}

/* A kernel may take any RAM that the map gives it, but for what we put there. */
static int check_segment(const struct loader *loader, const struct boot_segment *segment,
			 struct err *err)
{
	const unsigned long long low = segment->gpa, high = segment->gpa + segment->size;

	if (low < loader->reserved_end)
		return err_set(err,
			       "a segment at 0x%llx to 0x%llx lies where boot data is "
			       "(below 0x%llx)",
			       low, high, (unsigned long long)loader->reserved_end);
	for (unsigned i = 0; i < loader->nr_map; i++) {
		const struct boot_memory *row = &loader->map[i];

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
static int put_segment(struct loader *loader, const struct boot_segment *segment,
		       bool used, struct err *err)
{
	uint8_t *to;

	if (check_segment(loader, segment, err))
		return -1;
	to = memory_for_write(&loader->vm->memory, segment->gpa,
			      used ? segment->size : segment->data.size);
	if (to != segment->data.data)
		memmove(to, segment->data.data, segment->data.size);
	if (used)
		memset(to + segment->data.size, 0, segment->size - segment->data.size);
	return 0;
}

/* Does a segment's place cover bytes in `room` that a later segment still needs? */
static bool segments_collide(const struct loader *loader)
{
	const struct boot_kernel *kernel = &loader->kernel;

	for (unsigned i = 0; i < kernel->nr_segments; i++) {
		const struct boot_segment *to = &kernel->segments[i];
		const uint8_t *place =
			memory_for_read(&loader->vm->memory, to->gpa, to->size);

		for (unsigned j = i + 1; place && j < kernel->nr_segments; j++) {
			const struct bytes *from = &kernel->segments[j].data;

			if (ranges_overlap((uintptr_t)place, to->size,
					   (uintptr_t)from->data, from->size))
				return true;
		}
	}
	return false;
}

static int put_segments(struct loader *loader, bool used, struct err *err)
{
	for (unsigned i = 0; i < loader->kernel.nr_segments; i++) {
		if (put_segment(loader, &loader->kernel.segments[i], used, err))
			return -1;
	}
	return 0;
}

static int parse_kernel(struct loader *loader, struct bytes file,
			const struct boot_room *room, struct err *err)
{
	const struct vm_config *config = loader->vm->config;

	return boot_kernel_parse(&loader->kernel, file, &loader->target, config->protocol,
				 room, err);
}

/* Parse it, unpacked in `room`. What takes long to unpack is kept for the next time. */
static int parse_in_room(struct loader *loader, int fd, struct bytes file,
			 struct boot_room *room, struct err *err)
{
	const char *folder = loader->vm->config->command.cache;
	struct kernel_cache cache;
	int r;

	if (!boot_kernel_unpacks_slowly(file) || !kernel_cache_open(&cache, folder, fd))
		return parse_kernel(loader, file, room, err);
	room->filled = kernel_cache_read(&cache, room->data, room->size);
	r = parse_kernel(loader, file, room, err);
	if (r && room->filled)
		kernel_cache_drop(&cache);
	else if (!r && !room->filled)
		kernel_cache_write(&cache, (struct bytes){ room->data, room->size });
	kernel_cache_close(&cache);
	return r;
}

/*
 * A packed kernel is unpacked in guest memory, where most of it stays; only what
 * lies elsewhere is moved. If moving it in order would destroy some of it, or it does not
 * fit there, RAM is cleared and the kernel unpacked aside.
 */
static int load_kernel_file(struct loader *loader, int fd, struct bytes file,
			    struct err *err)
{
	struct memory *memory = &loader->vm->memory;
	struct boot_room room = { 0 };
	uint64_t gpa, size;

	if (boot_kernel_unpack_hint(file, &loader->target, &gpa, &size)) {
		room.data = memory_for_write(memory, gpa, size);
		room.size = size;
	}
	if (room.data) {
		const bool parsed = !parse_in_room(loader, fd, file, &room, err);

		if (parsed && !segments_collide(loader))
			return put_segments(loader, true, err);
		/* Or the size that the file states is wrong. */
		if (parsed)
			boot_kernel_free(&loader->kernel);
		if (memory_discard(memory, err))
			return -1;
	}
	if (parse_kernel(loader, file, NULL, err))
		return -1;
	return put_segments(loader, false, err);
}

/*
 * A kernel that lies in memory as it lies in its file is read there at once: nobody looks
 * at it twice but to check it. false: it is not of that kind.
 */
static bool room_for_file(const struct loader *loader, int fd, uint64_t size,
			  struct bytes *room)
{
	uint8_t head[BOOT_HEAD_SIZE];
	struct err ignored;
	uint64_t gpa;

	if (size < sizeof(head) || fd_read_at(fd, head, sizeof(head), 0, &ignored) ||
	    !boot_kernel_read_hint((struct bytes){ head, sizeof(head) }, &loader->target,
				   &gpa))
		return false;
	*room = (struct bytes){ memory_for_write(&loader->vm->memory, gpa, size), size };
	return room->data != NULL;
}

static int load_in_place(struct loader *loader, int fd, struct bytes room,
			 struct err *err)
{
	if (fd_read_at(fd, (uint8_t *)(uintptr_t)room.data, room.size, 0, err) ||
	    parse_kernel(loader, room, NULL, err))
		return -1;
	return put_segments(loader, false, err);
}

static int load_kernel_fd(struct loader *loader, int fd, uint64_t size, struct err *err)
{
	struct file_contents file;
	struct bytes room;
	int r;

	if (room_for_file(loader, fd, size, &room))
		return load_in_place(loader, fd, room, err);
	if (file_read_fd(&file, fd, size, MAX_KERNEL_FILE, err))
		return -1;
	r = load_kernel_file(loader, fd, file.bytes, err);
	file_release(&file);
	return r;
}

int loader_load_kernel(struct loader *loader, struct err *err)
{
	const char *path = loader->vm->config->kernel;
	uint64_t size;
	const int fd = fd_open_image(path, &size, err);
	int r = fd < 0 ? -1 : load_kernel_fd(loader, fd, size, err);

	if (fd >= 0)
		close(fd);
	return r ? err_prefix(err, "kernel \"%s\": ", path) : 0;
}

void loader_close_initrds(struct loader_initrds *initrds)
{
	for (unsigned i = 0; i < initrds->nr; i++) {
		if (initrds->fds[i] >= 0)
			close(initrds->fds[i]);
	}
	cpio_free(&initrds->command);
	initrds->nr = 0;
}

/* Of those that boot otherwise, none knows what to do with it. */
static int check_command(const struct loader *loader, struct err *err)
{
	if (!loader->vm->config->command.enabled ||
	    loader->kernel.protocol != BOOT_MULTIBOOT)
		return 0;
	return err_set(
		err,
		"kernel \"%s\": it is a multiboot kernel, and a command needs one of "
		"Linux",
		loader->vm->config->kernel);
}

static int add_command(const struct vm_config *config, struct loader_initrds *initrds,
		       struct err *err)
{
	if (initramfs_build(config, &initrds->command, err))
		return -1;
	initrds->fds[initrds->nr] = -1;
	initrds->sizes[initrds->nr++] = initrds->command.size;
	return 0;
}

int loader_open_initrds(const struct vm_config *config, struct loader_initrds *initrds,
			struct err *err)
{
	*initrds = (struct loader_initrds){ .nr = 0 };
	for (unsigned i = 0; i < config->nr_initrds; i++) {
		initrds->fds[i] =
			fd_open_image(config->initrds[i], &initrds->sizes[i], err);
		if (initrds->fds[i] < 0)
			return err_prefix(err, "initrd \"%s\": ", config->initrds[i]);
		initrds->nr++;
	}
	if (config->command.enabled && add_command(config, initrds, err))
		return -1;
	return initrd_plan(initrds->sizes, initrds->nr, initrds->offsets, &initrds->total,
			   err);
}

static int read_initrds(struct loader *loader, const struct loader_initrds *initrds,
			uint64_t gpa, struct err *err)
{
	struct memory *memory = &loader->vm->memory;

	for (unsigned i = 0; i < initrds->nr; i++) {
		const uint64_t size = initrds->sizes[i];
		void *to = memory_for_write(memory, gpa + initrds->offsets[i], size);

		if (!to)
			return err_set(err, "initrd: its place at 0x%llx is not RAM",
				       (unsigned long long)gpa);
		if (initrds->fds[i] < 0)
			memcpy(to, initrds->command.data, size);
		else if (fd_read_at(initrds->fds[i], to, size, 0, err))
			return err_prefix(
				err, "initrd \"%s\": ", loader->vm->config->initrds[i]);
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
static void list_modules(struct loader *loader, const struct loader_initrds *initrds,
			 uint64_t gpa)
{
	if (loader->kernel.protocol != BOOT_MULTIBOOT) {
		loader->modules[0] =
			(struct boot_module){ .gpa = gpa, .size = initrds->total };
		loader->nr_modules = 1;
		return;
	}
	for (unsigned i = 0; i < initrds->nr; i++)
		loader->modules[i] = (struct boot_module){
			.gpa = gpa + initrds->offsets[i],
			.size = initrds->sizes[i],
			.cmdline = basename_of(loader->vm->config->initrds[i]),
		};
	loader->nr_modules = initrds->nr;
}

/* The smaller one of two bounds is the one that they did not fit. */
static int initrds_do_not_fit(const struct loader *loader, uint64_t size, struct err *err)
{
	const uint64_t ram = loader->vm->config->memory,
		       last = loader->kernel.initrd_addr_max;
	char text[CONFIG_SIZE_TEXT];

	if (loader->target.ram_base + loader->target.ram_size - 1 > last)
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

static int place_initrds(struct loader *loader, struct loader_initrds *initrds,
			 struct err *err)
{
	const struct boot_kernel *kernel = &loader->kernel;
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
	if (!boot_place_high(loader->map, loader->nr_map, initrds->total,
			     kernel->initrd_addr_max, kernel->low, kernel->high, &gpa))
		return initrds_do_not_fit(loader, initrds->total, err);
	if (read_initrds(loader, initrds, gpa, err))
		return -1;
	list_modules(loader, initrds, gpa);
	return 0;
}

int loader_load_initrds(struct loader *loader, struct err *err)
{
	struct loader_initrds initrds;
	int r;

	if (check_command(loader, err))
		return -1;
	r = loader_open_initrds(loader->vm->config, &initrds, err);
	if (!r)
		r = place_initrds(loader, &initrds, err);
	loader_close_initrds(&initrds);
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
bool loader_has_word(const char *params, const char *word)
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
 * With a command only what is wrong is printed, and the kernel does not test its ciphers,
 * which takes stock kernels of Debian a third of their start.
 */
static const char *command_words(const struct config_command *command)
{
	if (!command->enabled)
		return "";
	return command->verbose ? "cryptomgr.notests " : "quiet cryptomgr.notests ";
}

/*
 * The default command line is as small as can be: where to print, under --no-reboot that a
 * panic ends the VM instead of waiting for nobody, and what a command wants. Other kernels
 * than Linux get only what the user says.
 */
int loader_build_cmdline(struct loader *loader, const char *more, struct err *err)
{
	const struct vm_config *config = loader->vm->config;
	const bool is_linux = loader->kernel.protocol != BOOT_MULTIBOOT;
	const int port = console_port(config);
	char console[32] = "";
	int n;

	if (is_linux && !names_console(config->params)) {
		if (config_console_is_virtio(config))
			snprintf(console, sizeof(console), "console=hvc0 ");
		else if (port >= 0)
			snprintf(console, sizeof(console), "console=%s%d ", loader->tty,
				 port);
	}
	n = snprintf(loader->cmdline, sizeof(loader->cmdline), "%s%s%s%s%s", console,
		     is_linux && config->no_reboot ? "panic=-1 " : "",
		     command_words(&config->command),
		     config->params ? config->params : "", is_linux && more ? more : "");
	if (n < 0 || (size_t)n >= sizeof(loader->cmdline))
		return err_set(err, "--params: %d bytes are more than any kernel takes",
			       n);
	if (n > 0 && loader->cmdline[n - 1] == ' ' && !config->params)
		loader->cmdline[n - 1] = '\0';
	return 0;
}

void loader_release(struct loader *loader)
{
	boot_kernel_free(&loader->kernel);
}
