/* SPDX-License-Identifier: BSD-2-Clause */
/* Modules of a kernel, the files; see modules.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/formats.h"
#include "boot/modules.h"
#include "util/beneath.h"

#define MAX_LIST   ((uint64_t)16 << 20)
#define MAX_MODULE ((uint64_t)256 << 20) /* with debug information they are large */

/* One of the lists. The kernel's build makes modules.builtin, depmod(8) the others. */
static int read_list(const struct modules *modules, const char *name, bool is_needed,
		     struct file_contents *file, struct err *err)
{
	const int r = beneath_read(file, modules->fd, name, MAX_LIST, err);

	if (r == -ENOENT && !is_needed)
		*file = (struct file_contents){ 0 };
	else if (r)
		return err_prefix(err, "\"%s/%s\"%s: ", modules->folder, name,
				  is_needed ? ", which depmod makes" : "");
	return 0;
}

static int find(struct modules *modules, const char *const *names, unsigned nr,
		struct err *err)
{
	struct file_contents dep = { 0 }, softdep = { 0 }, builtin = { 0 };
	int r = -1;

	if (!read_list(modules, "modules.dep", true, &dep, err) &&
	    !read_list(modules, "modules.softdep", false, &softdep, err) &&
	    !read_list(modules, "modules.builtin", false, &builtin, err)) {
		const struct modules_texts texts = { dep.bytes, softdep.bytes,
						     builtin.bytes };

		r = modules_list(modules, &texts, names, nr, err);
		if (r)
			err_prefix(err, "modules in \"%s\": ", modules->folder);
	}
	file_release(&dep);
	file_release(&softdep);
	file_release(&builtin);
	return r;
}

int modules_find(struct modules *modules, const char *folder, const char *const *names,
		 unsigned nr, struct err *err)
{
	*modules = MODULES_NONE;
	modules->folder = folder;
	/* The folder itself may be a link: the user named it, or it is the system's. */
	modules->fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (modules->fd < 0)
		return err_errno(err, "modules in \"%s\"", folder);
	if (!find(modules, names, nr, err))
		return 0;
	modules_free(modules);
	return -1;
}

void modules_free(struct modules *modules)
{
	for (unsigned i = 0; i < modules->nr; i++)
		free(modules->all[i].path);
	if (modules->fd >= 0)
		close(modules->fd);
	*modules = MODULES_NONE;
}

static int unpack(struct file_contents *file, struct module_data *data, struct err *err)
{
	const enum decompress_format format = decompress_detect(file->bytes);
	uint8_t *out;
	size_t size;
	int r;

	if (format == DECOMPRESS_UNKNOWN) {
		*data = (struct module_data){ file->bytes, file->mapped };
		return 0;
	}
	r = decompress(format, file->bytes, MAX_MODULE, &out, &size, err);
	file_release(file);
	if (!r)
		*data = (struct module_data){ .bytes = { out, size } };
	return r;
}

/* Nothing else is for a guest, whatever it is that lies there. */
static int check_elf(struct module_data *data, struct err *err)
{
	static const uint8_t magic[] = { 0x7f, 'E', 'L', 'F' };

	if (data->bytes.size >= sizeof(magic) &&
	    !memcmp(data->bytes.data, magic, sizeof(magic)))
		return 0;
	modules_release(data);
	return err_set(err, "not an ELF file, which modules are");
}

int modules_read(const struct modules *modules, const struct module *module,
		 struct module_data *data, struct err *err)
{
	struct file_contents file;

	*data = (struct module_data){ .mapped = 0 };
	if (beneath_read(&file, modules->fd, module->path, MAX_MODULE, err) ||
	    unpack(&file, data, err) || check_elf(data, err))
		return err_prefix(err, "module \"%s/%s\": ", modules->folder,
				  module->path);
	return 0;
}

void modules_release(struct module_data *data)
{
	struct file_contents file = { .bytes = data->bytes, .mapped = data->mapped };

	if (data->mapped)
		file_release(&file);
	else
		decompress_free((uint8_t *)(uintptr_t)data->bytes.data, data->bytes.size);
	*data = (struct module_data){ .mapped = 0 };
}
