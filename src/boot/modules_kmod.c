/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which modules need which, by libkmod, which is loaded for it: it brings libcrypto along,
 * and is asked only when a command runs on a kernel with modules.
 *
 * The order is that of modprobe: before a module come its soft dependencies ("pre"), then
 * what it depends on, each with its own before it; "post" ones come behind. What the host
 * has in /etc/modprobe.d is about the host, and is not read.
 */
#include <dlfcn.h>
#include <libkmod.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/modules.h"

/* The name has the version of the interface in it. */
#define LIBRARY "libkmod.so.2"

/* Without it libkmod finds nothing, and says nothing. */
#define INDEX "modules.dep.bin"

/* Soft dependencies can go round in circles. */
#define MAX_DEPTH 16

/* The functions of libkmod.h that we call, without "kmod_". */
struct library {
	void *handle;
	__typeof__(&kmod_new) new;
	__typeof__(&kmod_unref) unref;
	__typeof__(&kmod_set_log_priority) set_log_priority;
	__typeof__(&kmod_list_next) list_next;
	__typeof__(&kmod_module_new_from_lookup) new_from_lookup;
	__typeof__(&kmod_module_unref) module_unref;
	__typeof__(&kmod_module_unref_list) unref_list;
	__typeof__(&kmod_module_get_module) get_module;
	__typeof__(&kmod_module_get_path) get_path;
	__typeof__(&kmod_module_get_dependencies) get_dependencies;
	__typeof__(&kmod_module_get_softdeps) get_softdeps;
};

struct search {
	struct library kmod;
	struct kmod_ctx *ctx;
	struct modules *modules;
	struct err *err;
};

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	{ "kmod_new", offsetof(struct library, new) },
	{ "kmod_unref", offsetof(struct library, unref) },
	{ "kmod_set_log_priority", offsetof(struct library, set_log_priority) },
	{ "kmod_list_next", offsetof(struct library, list_next) },
	{ "kmod_module_new_from_lookup", offsetof(struct library, new_from_lookup) },
	{ "kmod_module_unref", offsetof(struct library, module_unref) },
	{ "kmod_module_unref_list", offsetof(struct library, unref_list) },
	{ "kmod_module_get_module", offsetof(struct library, get_module) },
	{ "kmod_module_get_path", offsetof(struct library, get_path) },
	{ "kmod_module_get_dependencies", offsetof(struct library, get_dependencies) },
	{ "kmod_module_get_softdeps", offsetof(struct library, get_softdeps) },
};

static int load_library(struct library *library, struct err *err)
{
	*library = (struct library){
		.handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE),
	};
	if (!library->handle)
		return err_set(
			err,
			"%s; install libkmod, which finds the kernel's modules "
			"(Debian: libkmod2), or use a kernel with all drivers built "
			"in",
			dlerror());
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		/* POSIX has dlsym() give functions as pointers to data. */
		void **function = (void **)((char *)library + functions[i].offset);

		*function = dlsym(library->handle, functions[i].name);
		if (!*function) {
			dlclose(library->handle);
			return err_set(err, LIBRARY " has no %s()", functions[i].name);
		}
	}
	return 0;
}

static bool is_listed(const struct modules *modules, const char *path)
{
	for (unsigned i = 0; i < modules->nr; i++) {
		if (!strcmp(modules->paths[i], path))
			return true;
	}
	return false;
}

/* Without a path it is built in. */
static int append(struct search *search, const char *path)
{
	struct modules *modules = search->modules;

	if (!path || is_listed(modules, path))
		return 0;
	if (modules->nr == MODULES_MAX)
		return err_set(search->err, "more than %d modules", MODULES_MAX);
	modules->paths[modules->nr] = strdup(path);
	if (!modules->paths[modules->nr])
		return err_set(search->err, "no memory for the names of modules");
	modules->nr++;
	return 0;
}

static int add_module(struct search *search, struct kmod_module *module, unsigned depth);

/* All of a list, which this gives back. */
static int add_list(struct search *search, struct kmod_list *list, unsigned depth)
{
	const struct library *library = &search->kmod;
	struct kmod_list *at;
	int r = 0;

	for (at = list; at && !r; at = library->list_next(list, at)) {
		struct kmod_module *module = library->get_module(at);

		r = add_module(search, module, depth);
		library->module_unref(module);
	}
	library->unref_list(list);
	return r;
}

static int add_module(struct search *search, struct kmod_module *module, unsigned depth)
{
	const struct library *library = &search->kmod;
	const char *path = library->get_path(module);
	struct kmod_list *before = NULL, *behind = NULL;

	if (depth == MAX_DEPTH || !path || is_listed(search->modules, path))
		return 0;
	(void)library->get_softdeps(module, &before, &behind);
	if (add_list(search, before, depth + 1) ||
	    add_list(search, library->get_dependencies(module), depth + 1) ||
	    append(search, path)) {
		library->unref_list(behind);
		return -1;
	}
	return add_list(search, behind, depth + 1);
}

static int find(struct search *search, const char *folder, const char *const *names,
		unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		struct kmod_list *list = NULL;

		if (search->kmod.new_from_lookup(search->ctx, names[i], &list) < 0)
			return err_set(search->err, "the indexes in %s are damaged",
				       folder);
		if (add_list(search, list, 0))
			return -1;
	}
	return 0;
}

static int check_index(const char *folder, struct err *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/" INDEX, folder) >= (int)sizeof(path))
		return err_set(err, "%s: the path is too long", folder);
	if (access(path, R_OK))
		return err_errno(err, "%s, which depmod makes", path);
	return 0;
}

int modules_close_over(struct modules *modules, const char *folder,
		       const char *const *names, unsigned nr, struct err *err)
{
	static const char *const no_configuration[] = { NULL };
	struct search search = { .modules = modules, .err = err };
	int r;

	if (check_index(folder, err) || load_library(&search.kmod, err))
		return -1;
	search.ctx = search.kmod.new(folder, no_configuration);
	if (search.ctx) {
		/* It would print on our stderr. */
		search.kmod.set_log_priority(search.ctx, 0);
		r = find(&search, folder, names, nr);
		search.kmod.unref(search.ctx);
	} else {
		r = err_set(err, "libkmod does not take %s", folder);
	}
	dlclose(search.kmod.handle);
	return r;
}
