/* SPDX-License-Identifier: BSD-2-Clause */
/* A device tree in the making, by libfdt; see fdt.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libfdt.h>

#include "arch/fdt.h"
#include "util/bytes.h"

#define MAX_NAME 64

/* Keep the first error: what comes after it says nothing new. */
static void note(struct fdt_writer *fdt, int error)
{
	if (!fdt->error && error)
		fdt->error = error;
}

int fdt_writer_init(struct fdt_writer *fdt, size_t size, struct err *err)
{
	*fdt = (struct fdt_writer){ .data = calloc(1, size), .size = size };
	if (!fdt->data)
		return err_set(err, "no memory for the device tree");
	note(fdt, fdt_create(fdt->data, (int)size));
	note(fdt, fdt_finish_reservemap(fdt->data));
	fdt_node(fdt, "%s", "");
	return 0;
}

int fdt_writer_finish(struct fdt_writer *fdt, uint8_t **data, size_t *size,
		      struct err *err)
{
	fdt_node_end(fdt);
	note(fdt, fdt_finish(fdt->data));
	if (fdt->error) {
		free(fdt->data);
		return err_set(err, "the device tree: %s", fdt_strerror(fdt->error));
	}
	*data = fdt->data;
	*size = fdt_totalsize(fdt->data);
	return 0;
}

void fdt_node(struct fdt_writer *fdt, const char *fmt, ...)
{
	char name[MAX_NAME];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	note(fdt, fdt_begin_node(fdt->data, name));
}

void fdt_node_end(struct fdt_writer *fdt)
{
	note(fdt, fdt_end_node(fdt->data));
}

void fdt_bytes(struct fdt_writer *fdt, const char *name, const void *data, size_t size)
{
	note(fdt, fdt_property(fdt->data, name, data, (int)size));
}

void fdt_flag(struct fdt_writer *fdt, const char *name)
{
	fdt_bytes(fdt, name, NULL, 0);
}

void fdt_u32(struct fdt_writer *fdt, const char *name, uint32_t value)
{
	note(fdt, fdt_property_u32(fdt->data, name, value));
}

void fdt_u64(struct fdt_writer *fdt, const char *name, uint64_t value)
{
	note(fdt, fdt_property_u64(fdt->data, name, value));
}

void fdt_text(struct fdt_writer *fdt, const char *name, const char *text)
{
	fdt_bytes(fdt, name, text, strlen(text) + 1);
}

void fdt_texts(struct fdt_writer *fdt, const char *name, const char *const *texts,
	       unsigned count)
{
	size_t size = 0;
	void *place;
	uint8_t *at;

	for (unsigned i = 0; i < count; i++)
		size += strlen(texts[i]) + 1;
	note(fdt, fdt_property_placeholder(fdt->data, name, (int)size, &place));
	if (fdt->error)
		return;
	at = place;
	for (unsigned i = 0; i < count; i++) {
		memcpy(at, texts[i], strlen(texts[i]) + 1);
		at += strlen(texts[i]) + 1;
	}
}

void fdt_cells(struct fdt_writer *fdt, const char *name, const uint32_t *cells,
	       unsigned count)
{
	void *place;

	note(fdt, fdt_property_placeholder(fdt->data, name,
					   (int)(count * sizeof(cells[0])), &place));
	if (fdt->error)
		return;
	for (unsigned i = 0; i < count; i++)
		fdt32_st((uint8_t *)place + i * sizeof(cells[0]), cells[i]);
}

void fdt_reg(struct fdt_writer *fdt, const char *name, const uint64_t *pairs,
	     unsigned count)
{
	void *place;

	note(fdt, fdt_property_placeholder(fdt->data, name,
					   (int)(2 * count * sizeof(pairs[0])), &place));
	if (fdt->error)
		return;
	for (unsigned i = 0; i < 2 * count; i++)
		fdt64_st((uint8_t *)place + i * sizeof(pairs[0]), pairs[i]);
}
