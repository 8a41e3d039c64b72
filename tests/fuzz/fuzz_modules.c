/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as the lists of a kernel's modules, a NUL between them: what is found lies in
 * the folder, and has a name that is a file's in an archive and a word of a record.
 */
#include <stdlib.h>
#include <string.h>

#include "chip.h"

#include "boot/modules.h"

static struct bytes cut(struct bytes *all)
{
	const uint8_t *end = memchr(all->data, 0, all->size);
	const size_t size = end ? (size_t)(end - all->data) : all->size;
	const size_t used = size + (end != NULL);
	const struct bytes part = { all->data, size };

	*all = (struct bytes){ all->data + used, all->size - used };
	return part;
}

static void check(const struct modules *modules, unsigned at)
{
	const struct module *module = &modules->all[at];
	const char *path = module->path;
	const size_t size = strlen(path);

	FUZZ_CHECK(module->name[0] && !strpbrk(module->name, "/.-\n"));
	FUZZ_CHECK(path[0] != '/' && strncmp(path, "../", 3) != 0 &&
		   !strstr(path, "/../"));
	FUZZ_CHECK(size < 3 || strcmp(path + size - 3, "/..") != 0);
	for (size_t i = 0; i < size; i++)
		FUZZ_CHECK(path[i] >= 0x20 && path[i] < 0x7f);
	for (unsigned i = 0; i < at; i++)
		FUZZ_CHECK(strcmp(modules->all[i].name, module->name) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "a", "b", "virtio_pci" };
	struct modules modules = MODULES_NONE;
	struct bytes all = { data, size };
	struct modules_texts texts;
	struct err err = { "" };

	texts.softdep = cut(&all);
	texts.builtin = cut(&all);
	texts.dep = all;
	if (modules_list(&modules, &texts, names, 3, &err)) {
		FUZZ_CHECK(err.text[0]);
		for (const char *c = err.text; *c; c++)
			FUZZ_CHECK(*c >= 0x20 && *c < 0x7f);
	} else {
		FUZZ_CHECK(modules.nr <= MODULES_MAX);
		for (unsigned i = 0; i < modules.nr; i++)
			check(&modules, i);
	}
	modules_free(&modules);
	return 0;
}
