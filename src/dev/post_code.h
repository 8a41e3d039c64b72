/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POST code port (0x80) and its twin that kernels write to for a delay (0xed):
 * firmware writes the number of the test that it begins, so that a card with
 * two digits shows where it got stuck. The last byte reads back. The caller
 * holds the device's mutex.
 */
#ifndef TANE_DEV_POST_CODE_H
#define TANE_DEV_POST_CODE_H

#include <stdint.h>

#include "core/bus.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

struct post_code_regs {
	uint8_t last;
};

struct post_code {
	struct post_code_regs regs;
};

extern const struct io_ops post_code_io; /* one port */

void post_code_init(struct post_code *post);
void post_code_reset(struct post_code *post);

int post_code_save(const struct post_code *post, struct state_writer *writer,
		   const char *section, struct err *err);
/* On an error nothing has changed. */
int post_code_load(struct post_code *post, struct bytes image, const char *section,
		   struct err *err);

#endif
