/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of loading that all machines share: kernel and initrds from their files into
 * guest memory, and the command line. Where the rest goes, and what the kernel finds at
 * its entry, is the architecture's.
 */
#ifndef TANE_ARCH_LOADER_H
#define TANE_ARCH_LOADER_H

#include "boot/boot.h"
#include "boot/cpio.h"
#include "core/vm.h"

#define LOADER_MAX_CMDLINE 0x10000u /* with its NUL */
#define LOADER_MAX_ROWS    8
#define LOADER_MAX_INITRDS (CONFIG_MAX_INITRDS + 1) /* with that of a command */

struct loader {
	struct vm *vm;

	/* The caller's: what kernels are for, and where they may go. */
	struct boot_target target;               /* the RAM that holds the kernel */
	uint64_t reserved_end;                   /* what is below is not a kernel's */
	struct boot_memory map[LOADER_MAX_ROWS]; /* of the machine, sorted */
	unsigned nr_map;
	const char *tty; /* what Linux calls serial ports: "ttyS" */

	/* What the calls below find. */
	struct boot_kernel kernel;
	struct boot_module modules[LOADER_MAX_INITRDS];
	unsigned nr_modules;
	char cmdline[LOADER_MAX_CMDLINE];
};

/*
 * The initrd files of the configuration, opened, and how they lie together. What runs a
 * command comes behind them, so that nothing of theirs is in its place.
 */
struct loader_initrds {
	int fds[LOADER_MAX_INITRDS]; /* -1: it is `command` */
	struct cpio command;
	uint64_t sizes[LOADER_MAX_INITRDS], offsets[LOADER_MAX_INITRDS];
	uint64_t total;
	unsigned nr;
};

/* To be closed on an error too. */
int loader_open_initrds(const struct vm_config *config, struct loader_initrds *initrds,
			struct err *err);
void loader_close_initrds(struct loader_initrds *initrds); /* zeroes are fine */

/* Frees what loader_load_kernel() took; zeroes are fine. */
void loader_release(struct loader *loader);

/* Read, parse and unpack the kernel; its segments are in guest memory afterwards. */
int loader_load_kernel(struct loader *loader, struct err *err);

/* Place the initrds, if there are any, as high as the kernel allows. After the kernel. */
int loader_load_initrds(struct loader *loader, struct err *err);

/*
 * The command line: the console, then what the user says, then `more` (NULL: nothing),
 * which begins with a space. After the kernel.
 */
int loader_build_cmdline(struct loader *loader, const char *more, struct err *err);

/* Write a structure of ours to its place. */
int loader_put(const struct loader *loader, uint64_t gpa, const void *data, size_t size,
	       struct err *err);

/* Is `word` one of the words of `params`, which may be NULL? */
bool loader_has_word(const char *params, const char *word);

#endif
