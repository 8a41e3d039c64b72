/* SPDX-License-Identifier: BSD-2-Clause */
/* libslirp, loaded when it is needed; see slirp.h. */
#include <dlfcn.h>
#include <stddef.h>

#include "net/slirp.h"

/* The name has the version of the interface in it. */
#define LIBRARY "libslirp.so.0"

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	{ "slirp_new", offsetof(struct slirp_library, new) },
	{ "slirp_cleanup", offsetof(struct slirp_library, cleanup) },
	{ "slirp_pollfds_fill", offsetof(struct slirp_library, pollfds_fill) },
	{ "slirp_pollfds_poll", offsetof(struct slirp_library, pollfds_poll) },
	{ "slirp_input", offsetof(struct slirp_library, input) },
	{ "slirp_add_hostfwd", offsetof(struct slirp_library, add_hostfwd) },
};

int slirp_library_load(struct slirp_library *library, struct err *err)
{
	*library = (struct slirp_library){
		.handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE),
	};
	if (!library->handle)
		return err_set(
			err,
			"-n user: %s; install libslirp (Debian: libslirp0), or use "
			"-n tap",
			dlerror());
	for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		/* POSIX has dlsym() give functions as pointers to data. */
		void **function = (void **)((char *)library + functions[i].offset);

		*function = dlsym(library->handle, functions[i].name);
		if (!*function) {
			err_set(err, "-n user: " LIBRARY " has no %s()",
				functions[i].name);
			slirp_library_unload(library);
			return -1;
		}
	}
	return 0;
}

void slirp_library_unload(struct slirp_library *library)
{
	if (library->handle)
		dlclose(library->handle);
	library->handle = NULL;
}
