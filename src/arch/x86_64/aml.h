/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A writer of ACPI Machine Language (ACPI 6.3, chapter 20), the byte code of
 * the DSDT. Calls follow the order of the ASL that they stand for:
 *
 *	Device (COM1) {				aml_device(aml, "COM1");
 *	    Name (_HID, EisaId ("PNP0501"))	aml_name(aml, "_HID");
 *						aml_eisaid(aml, "PNP0501");
 *	    Name (_CRS, ResourceTemplate () {	aml_name(aml, "_CRS");
 *						aml_resources(aml);
 *	        IO (Decode16, 0x3f8, ...)	aml_io(aml, 0x3f8, 8);
 *	        IRQNoFlags () {4}		aml_irq(aml, 4);
 *	    })					aml_end(aml);
 *	}					aml_end(aml);
 *
 * What opens a block (scope, device, method, package, resources, if) is closed by
 * aml_end(). No call reports an error: the first fault (no room, a wrong name,
 * an end without a beginning) sticks, turns later calls into nothing and comes
 * out of aml_finish(), so that a description reads without noise.
 */
#ifndef TANE_ARCH_X86_64_AML_H
#define TANE_ARCH_X86_64_AML_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define AML_MAX_DEPTH 16 /* blocks inside blocks */

enum aml_block_kind {
	AML_BLOCK_TERMS,     /* only a PkgLength in front */
	AML_BLOCK_RESOURCES, /* a buffer: PkgLength and size in front, end tag behind */
};

/* The output. `data` belongs to the caller; the rest is private to aml.c. */
struct aml {
	uint8_t *data;
	size_t size;
	size_t used;
	const char *fault; /* why the text is void, or NULL */
	struct {
		enum aml_block_kind kind;
		size_t start; /* offset of the first byte that the PkgLength counts */
	} blocks[AML_MAX_DEPTH];
	unsigned depth;
};

/* Begin to write at `data`; no more than `size` bytes will be touched. */
void aml_init(struct aml *aml, uint8_t *data, size_t size);

/* Is all written and each block closed? Then *used is the length; else -1. */
int aml_finish(const struct aml *aml, size_t *used, struct err *err);

/*
 * Blocks. A path is ASL's: "COM1", "\\_SB", "^PCI0.ISA"; up to 255 segments of
 * one to four of A-Z, 0-9 and _, padded with _ here. A package's elements are
 * written between aml_package() and aml_end(), `count` of them, at most 255.
 */
void aml_scope(struct aml *aml, const char *path);
void aml_device(struct aml *aml, const char *path);
void aml_method(struct aml *aml, const char *path, unsigned nr_args); /* not serialized */
void aml_package(struct aml *aml, uint8_t count);
void aml_resources(struct aml *aml);
void aml_end(struct aml *aml);

/* If (path) {, and Store (ArgN, path), which is a term of its own. */
void aml_if(struct aml *aml, const char *path);
void aml_store_argument(struct aml *aml, unsigned number, const char *path);

/* Name (path, object) and Return (object): the object is what is written next. */
void aml_name(struct aml *aml, const char *path);
void aml_return(struct aml *aml);

/* Objects. A string is ASCII. An EISA ID is three capitals and four hex digits. */
void aml_integer(struct aml *aml, uint64_t value);
void aml_string(struct aml *aml, const char *text);
void aml_eisaid(struct aml *aml, const char *id);
void aml_reference(struct aml *aml, const char *path);
void aml_argument(struct aml *aml, unsigned number); /* of the method, 0 to 6 */

/*
 * Resource descriptors (ACPI 6.3, 6.4), inside aml_resources() only.
 *
 * aml_io(): `size` ports from `base`, 16 bits decoded. aml_irq(): ISA interrupt
 * 0..15, edge, active high, exclusive. aml_dma(): ISA DMA channel 0..3, bytes, no bus
 * master. aml_interrupt(): a GSI, with AML_LEVEL,
 * AML_LOW and AML_SHARED or none of them. aml_memory32(): a fixed range that
 * can be written; it must end at or below 4 GiB.
 */
#define AML_LEVEL  0x0u
#define AML_EDGE   0x2u
#define AML_LOW    0x4u
#define AML_SHARED 0x8u

void aml_io(struct aml *aml, uint16_t base, uint8_t size);
void aml_irq(struct aml *aml, unsigned irq);
void aml_dma(struct aml *aml, unsigned channel);
void aml_interrupt(struct aml *aml, uint32_t gsi, unsigned flags);
void aml_memory32(struct aml *aml, uint32_t base, uint32_t size);

/*
 * A window [first, last] that a bridge hands to its bus: addresses of `width`
 * 2, 4 or 8 bytes (ASL: Word..., DWord..., QWord...; memory takes 4 or 8).
 */
enum aml_space {
	AML_MEMORY = 0,
	AML_IO = 1,
	AML_BUS_NUMBER = 2,
};

void aml_window(struct aml *aml, enum aml_space space, unsigned width, uint64_t first,
		uint64_t last);

#endif
