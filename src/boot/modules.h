/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules of a kernel: which files of its /lib/modules/RELEASE have to be loaded, in which
 * order, so that the kernel has some drivers. Unlike the rest of src/boot this opens files.
 *
 * The folder may be anybody's: it came with a tree from elsewhere, or a guest can write to
 * it. So no file outside of it is read, and whatever its lists say is bounded.
 */
#ifndef TANE_BOOT_MODULES_H
#define TANE_BOOT_MODULES_H

#include "util/bytes.h"
#include "util/err.h"

#define MODULES_MAX       128
#define MODULES_NAME_SIZE 56 /* Linux has no longer ones (MODULE_NAME_LEN) */

struct module {
	char name[MODULES_NAME_SIZE]; /* "virtio_net" of "kernel/.../virtio-net.ko.xz" */
	char *path;                   /* in the folder; owned */
};

struct modules {
	const char *folder; /* for messages */
	int fd;             /* of the folder, or -1 */
	unsigned nr;
	struct module all[MODULES_MAX]; /* in the order of their loading */
};

#define MODULES_NONE ((struct modules){ .fd = -1 })

/*
 * The modules of `names` in `folder`, which has to stay, and all that they need. What is
 * built into the kernel, and what is not there, is left out: a kernel that lacks it will
 * tell. -1 with an empty list if the folder cannot be understood.
 */
int modules_find(struct modules *modules, const char *folder, const char *const *names,
		 unsigned nr, struct err *err);
void modules_free(struct modules *modules);

/* A module as the kernel takes it: unpacked. */
struct module_data {
	struct bytes bytes;
	size_t mapped; /* bytes to unmap of the file; 0: it was unpacked */
};

int modules_read(const struct modules *modules, const struct module *module,
		 struct module_data *data, struct err *err);
void modules_release(struct module_data *data);

/* -- modules_list.c, which opens nothing -- */

/* The contents of the files of these names, "modules.dep" and so on. */
struct modules_texts {
	struct bytes dep, softdep, builtin;
};

/* What modules_find() does with them. On an error the list is to be freed, too. */
int modules_list(struct modules *modules, const struct modules_texts *texts,
		 const char *const *names, unsigned nr, struct err *err);

#endif
