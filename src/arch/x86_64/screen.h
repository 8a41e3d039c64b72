/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen of the machine: the VGA, and the way from its registers and the guest's
 * memory to a text screen. A machine has one if it has firmware, or if somebody looks
 * at it (--display, --screen-dump).
 */
#ifndef TANE_ARCH_X86_64_SCREEN_H
#define TANE_ARCH_X86_64_SCREEN_H

#include <pthread.h>

#include "core/text_screen.h"
#include "core/vm.h"
#include "dev/fw_cfg.h"
#include "dev/vga.h"

/* Of the package that FIRMWARE_PACKAGE names. */
#define SCREEN_VGA_BIOS "/usr/share/seabios/vgabios-isavga.bin"

struct screen {
	struct vga vga;
	pthread_mutex_t lock; /* guards the chip */
	bool is_there;
};

/* Does the configuration ask for one? */
bool screen_is_wanted(const struct vm_config *config);

/* Zeroes before; put the chip on the bus. */
int screen_build(struct screen *screen, struct vm *vm, struct err *err);
/* Give firmware the VGA BIOS, by which INT 0x10 prints and sets modes. */
int screen_add_bios(const struct vm_config *config, struct fw_cfg *fw_cfg,
		    struct err *err);
void screen_destroy(struct screen *screen);
void screen_reset(struct screen *screen);

/* What it shows now. Any thread. */
void screen_read(struct screen *screen, const struct memory *memory,
		 struct text_screen *text);

#endif
