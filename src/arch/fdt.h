/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flattened device tree (Devicetree Specification 0.4, chapter 5) in the making: what
 * libfdt's sequential calls do, with the first error kept, so that a row of calls is
 * checked once, in fdt_writer_finish(). Cells are big-endian as the format has them.
 */
#ifndef TANE_ARCH_FDT_H
#define TANE_ARCH_FDT_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct fdt_writer {
	uint8_t *data; /* owned; hand-over by fdt_writer_finish() */
	size_t size;
	int error; /* the first of libfdt's, 0: none */
};

/* Begin a tree of at most `size` bytes, at its root node. */
int fdt_writer_init(struct fdt_writer *fdt, size_t size, struct err *err);
/*
 * End the root node. On success *data (malloc'd) and *size are the tree and the caller
 * frees it; on an error nothing remains.
 */
int fdt_writer_finish(struct fdt_writer *fdt, uint8_t **data, size_t *size,
		      struct err *err);

/* `fmt` makes the name: "cpu@%x". */
void fdt_node(struct fdt_writer *fdt, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void fdt_node_end(struct fdt_writer *fdt);

void fdt_flag(struct fdt_writer *fdt, const char *name); /* a property with no value */
void fdt_u32(struct fdt_writer *fdt, const char *name, uint32_t value);
void fdt_u64(struct fdt_writer *fdt, const char *name, uint64_t value);
void fdt_text(struct fdt_writer *fdt, const char *name, const char *text);
/* A list of strings: `count` of them, as one property. */
void fdt_texts(struct fdt_writer *fdt, const char *name, const char *const *texts,
	       unsigned count);
void fdt_bytes(struct fdt_writer *fdt, const char *name, const void *data, size_t size);
void fdt_cells(struct fdt_writer *fdt, const char *name, const uint32_t *cells,
	       unsigned count);
/* reg = <base size>, two cells each: `count` pairs of base and size. */
void fdt_reg(struct fdt_writer *fdt, const char *name, const uint64_t *pairs,
	     unsigned count);

#endif
