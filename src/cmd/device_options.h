/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `tane run` that add devices. See device_options.c. */
#ifndef TANE_CMD_DEVICE_OPTIONS_H
#define TANE_CMD_DEVICE_OPTIONS_H

#include <stdio.h>

#include "core/config.h"
#include "util/err.h"

/*
 * Each takes the value of one option, which is changed and then holds the strings of the
 * configuration. Messages begin with the option's name.
 */
int device_option_disk(char *text, struct vm_config *config, struct err *err);
int device_option_floppy(char *text, struct vm_config *config, struct err *err);
/* Disks and CD-ROMs share the table. */
int device_option_cdrom(const char *path, struct vm_config *config, struct err *err);
int device_option_net(char *text, struct vm_config *config, struct err *err);
int device_option_share(char *text, struct vm_config *config, struct err *err);
int device_option_port(char *text, struct vm_config *config, struct err *err);
int device_option_balloon(char *text, struct vm_config *config, struct err *err);
int device_option_vsock(char *text, struct vm_config *config, struct err *err);
int device_option_virtio(char *text, struct vm_config *config, struct err *err);
int device_option_io_threads(char *text, struct vm_config *config, struct err *err);

/* What is behind hvc0: SERIAL_CONSOLE, or SERIAL_NULL for nothing. */
void device_option_hvc0(struct vm_config *config, enum serial_kind kind);

void device_options_print_help(FILE *out);

#endif
