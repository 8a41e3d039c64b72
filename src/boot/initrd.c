/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several initrds in a row; see initrd.h.
 *
 * A cpio archive has to begin at a multiple of 4 or the kernel does not see it,
 * and it skips zeros between archives. So each file begins aligned.
 */
#include "boot/initrd.h"
#include "util/bytes.h"

#define INITRD_ALIGN 4

int initrd_plan(const uint64_t *sizes, unsigned nr, uint64_t *offsets, uint64_t *total,
		struct err *err)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < nr; i++) {
		uint64_t start = align_up(end, INITRD_ALIGN);

		if (start < end || sizes[i] > UINT64_MAX - start)
			return err_set(err, "the initrds together are too large");
		offsets[i] = start;
		end = start + sizes[i];
	}
	*total = end;
	return 0;
}
