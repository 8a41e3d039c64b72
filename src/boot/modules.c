/* SPDX-License-Identifier: BSD-2-Clause */
/* Modules of a kernel; see modules.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "boot/formats.h"
#include "boot/modules.h"
#include "util/fd.h"

#define BUILTIN          "modules.builtin" /* a line per module, such as kernel/fs/ext4/ext4.ko */
#define MAX_BUILTIN_FILE ((uint64_t)16 << 20)
#define MAX_MODULE       ((uint64_t)256 << 20) /* with debug information they are large */

static const char *basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The kernel makes no difference between '-' and '_'. */
static char plain(char c)
{
	return c == '-' ? '_' : c;
}

void modules_name(const char *path, char name[MODULES_NAME_SIZE])
{
	const char *at = basename_of(path);
	size_t n = 0;

	while (at[n] && at[n] != '.' && n < MODULES_NAME_SIZE - 1) {
		name[n] = plain(at[n]);
		n++;
	}
	name[n] = '\0';
}

/* Does a line of modules.builtin end with "/NAME.ko"? */
static bool line_has_name(struct bytes line, const char *name)
{
	const size_t size = strlen(name);
	const uint8_t *at;

	if (line.size < size + 4 || memcmp(line.data + line.size - 3, ".ko", 3) != 0)
		return false;
	at = line.data + line.size - 3 - size;
	for (size_t i = 0; i < size; i++) {
		if (plain((char)at[i]) != name[i])
			return false;
	}
	return at[-1] == '/';
}

static bool is_built_in(struct bytes list, const char *name)
{
	while (list.size) {
		const uint8_t *end = memchr(list.data, '\n', list.size);
		const size_t size = end ? (size_t)(end - list.data) : list.size;

		if (line_has_name((struct bytes){ list.data, size }, name))
			return true;
		list.data += size + (end != NULL);
		list.size -= size + (end != NULL);
	}
	return false;
}

/* A folder without that list may be complete nevertheless. */
static void read_builtin(const char *folder, struct file_contents *file)
{
	char path[PATH_MAX];
	struct err ignored;

	*file = (struct file_contents){ .mapped = 0 };
	if (snprintf(path, sizeof(path), "%s/" BUILTIN, folder) < (int)sizeof(path))
		(void)file_read(file, path, MAX_BUILTIN_FILE, &ignored);
}

int modules_find(struct modules *modules, const char *folder, const char *const *names,
		 unsigned nr, struct err *err)
{
	const char *wanted[MODULES_MAX];
	struct file_contents builtin;
	unsigned nr_wanted = 0;
	int r = 0;

	*modules = (struct modules){ .nr = 0 };
	read_builtin(folder, &builtin);
	for (unsigned i = 0; i < nr && i < MODULES_MAX; i++) {
		if (!is_built_in(builtin.bytes, names[i]))
			wanted[nr_wanted++] = names[i];
	}
	file_release(&builtin);
	if (nr_wanted)
		r = modules_close_over(modules, folder, wanted, nr_wanted, err);
	if (r)
		modules_free(modules);
	return r;
}

void modules_free(struct modules *modules)
{
	for (unsigned i = 0; i < modules->nr; i++)
		free(modules->paths[i]);
	modules->nr = 0;
}

static int unpack(struct file_contents *file, enum decompress_format format,
		  struct module_data *data, struct err *err)
{
	uint8_t *out;
	size_t size;
	int r = decompress(format, file->bytes, MAX_MODULE, &out, &size, err);

	file_release(file);
	if (!r)
		*data = (struct module_data){ .bytes = { out, size } };
	return r;
}

int modules_read(const char *path, struct module_data *data, struct err *err)
{
	enum decompress_format format;
	struct file_contents file;

	*data = (struct module_data){ .mapped = 0 };
	if (file_read(&file, path, MAX_MODULE, err))
		return -1;
	format = decompress_detect(file.bytes);
	if (format != DECOMPRESS_UNKNOWN)
		return unpack(&file, format, data, err)
			       ? err_prefix(err, "module \"%s\": ", path)
			       : 0;
	*data = (struct module_data){ .bytes = file.bytes, .mapped = file.mapped };
	return 0;
}

void modules_release(struct module_data *data)
{
	struct file_contents file = { .bytes = data->bytes, .mapped = data->mapped };

	if (data->mapped)
		file_release(&file);
	else
		decompress_free((uint8_t *)(uintptr_t)data->bytes.data, data->bytes.size);
}
