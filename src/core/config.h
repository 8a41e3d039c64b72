/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VM shall be: plain data, apart from the live VM. Every way in (command
 * line now, JSON and snapshots later) fills this struct, then config_validate()
 * checks it, then the machine is built from it. Strings belong to the caller
 * and live as long as the VM.
 */
#ifndef TANE_CORE_CONFIG_H
#define TANE_CORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define CONFIG_MAX_INITRDS 16
#define CONFIG_MAX_UARTS   4
#define CONFIG_MAX_CPUS    4096 /* what the firmware tables can describe */

#define CONFIG_DEFAULT_MEMORY (512ull << 20)

/* How the kernel is entered. */
enum boot_protocol {
	BOOT_AUTO,      /* take what the image offers */
	BOOT_LINUX,     /* 64-bit entry, RSI = zero page (Linux, x86/boot.rst) */
	BOOT_PVH,       /* 32-bit entry, EBX = hvm_start_info (Xen, pvh.rst) */
	BOOT_MULTIBOOT, /* 32-bit entry, EAX = magic, EBX = information (Multiboot 0.6.96) */
};

/* What is at the other end of a serial port. */
enum serial_kind {
	SERIAL_ABSENT,  /* there is no such port: it reads all ones */
	SERIAL_CONSOLE, /* our stdin and stdout */
	SERIAL_NULL,    /* output is dropped */
	SERIAL_PTY,     /* a new pseudo terminal */
	SERIAL_FILE,    /* output is appended to a file, FIFO or device */
};

struct vm_config {
	const char *name; /* NULL: none */
	uint64_t memory;  /* bytes */
	unsigned cpus;

	/* Exactly one of these two. */
	const char *kernel;
	const char *rom; /* flat real-mode code */
	uint64_t rom_address;

	enum boot_protocol protocol;
	const char *initrds[CONFIG_MAX_INITRDS];
	unsigned nr_initrds;
	const char *params; /* appended to the default command line; NULL: none */

	struct {
		enum serial_kind kind;
		const char *path;    /* SERIAL_FILE */
	} serials[CONFIG_MAX_UARTS]; /* COM1 to COM4 */

	bool debug_exit; /* the port 0xf4 ends the VM */
	bool no_reboot;  /* a reset of the guest ends the VM */
	bool stats;
	bool trace;
	bool die_with_parent;
};

/* The defaults of every way in. */
void config_init(struct vm_config *config);

/* Does it make sense, apart from what only the host can tell? */
int config_validate(const struct vm_config *config, struct err *err);

#endif
