/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules of a kernel: which files of its /lib/modules/RELEASE have to be loaded, in which
 * order, so that the kernel has some drivers. Unlike the rest of src/boot this opens files;
 * they are the user's, as the kernel is.
 */
#ifndef TANE_BOOT_MODULES_H
#define TANE_BOOT_MODULES_H

#include "util/bytes.h"
#include "util/err.h"

#define MODULES_MAX       128
#define MODULES_NAME_SIZE 56 /* Linux has no longer ones (MODULE_NAME_LEN) */

/* Zeroes are an empty list. */
struct modules {
	char *paths[MODULES_MAX]; /* of files, in the order of their loading; owned */
	unsigned nr;
};

/*
 * The modules of `names` in `folder`, and all that they need. What is built into the kernel,
 * and what is not there, is left out: a kernel that lacks it will tell. -1 with an empty
 * list if the folder cannot be understood.
 */
int modules_find(struct modules *modules, const char *folder, const char *const *names,
		 unsigned nr, struct err *err);
void modules_free(struct modules *modules);

/* The name of the module in a file: "9pnet" of "/lib/modules/6.1.0/kernel/9pnet.ko.xz". */
void modules_name(const char *path, char name[MODULES_NAME_SIZE]);

/* A module as the kernel takes it: unpacked. */
struct module_data {
	struct bytes bytes;
	size_t mapped; /* bytes to unmap of the file; 0: it was unpacked */
};

int modules_read(const char *path, struct module_data *data, struct err *err);
void modules_release(struct module_data *data);

/*
 * The part of modules_find() that knows module trees: modules_kmod.c, or modules_absent.c
 * in a tane that cannot load libkmod. None of the names is built in.
 */
int modules_close_over(struct modules *modules, const char *folder,
		       const char *const *names, unsigned nr, struct err *err);

#endif
