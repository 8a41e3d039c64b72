/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The area that PVH and multiboot kernels find their information in: one buffer,
 * filled from its beginning. Each piece is 8-byte aligned, which satisfies every
 * structure of both protocols, and its address fits 32 bits.
 */
#include <string.h>

#include "boot/formats.h"

void *boot_area_take(struct boot_area *area, size_t size, uint32_t *gpa, struct err *err)
{
	uint64_t end = align_up((uint64_t)area->used + size, 8);
	uint8_t *piece;

	if (end > area->size || end > UINT32_MAX - area->gpa) {
		err_set(err,
			"the boot information (command line, %zu bytes and more) does"
			" not fit its %zu bytes: shorten the command line",
			(size_t)end, area->size);
		return NULL;
	}
	piece = area->data + area->used;
	memset(piece, 0, size);
	*gpa = (uint32_t)(area->gpa + area->used);
	area->used = (size_t)end;
	return piece;
}

int boot_area_string(struct boot_area *area, const char *text, uint32_t *gpa,
		     struct err *err)
{
	const char *from = text ? text : "";
	size_t size = strlen(from) + 1;
	char *copy = boot_area_take(area, size, gpa, err);

	if (!copy)
		return -1;
	memcpy(copy, from, size);
	return 0;
}
