/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI Machine Language: see aml.h for how it is used.
 *
 * Bytes are appended to a buffer of the caller. The one difficulty of AML is
 * PkgLength: it stands in front of what it counts, counts itself, and takes one
 * to four bytes by its value. So the opening of a block only remembers where it
 * began, and aml_end() moves the contents up by the bytes that turned out to be
 * needed and puts the length before them. An outer block starts in front of
 * that place, so its own start stays right.
 *
 * All writes pass append() or insert(); they alone know the size of the buffer.
 */
#include <stdbool.h>
#include <string.h>

#include "arch/x86_64/aml.h"
#include "util/bytes.h"

/* Opcodes and prefixes, ACPI 6.3, 20.2. */
enum {
	AML_ZERO_OP = 0x00,
	AML_ONE_OP = 0x01,
	AML_NAME_OP = 0x08,
	AML_BYTE_PREFIX = 0x0a,
	AML_WORD_PREFIX = 0x0b,
	AML_DWORD_PREFIX = 0x0c,
	AML_STRING_PREFIX = 0x0d,
	AML_QWORD_PREFIX = 0x0e,
	AML_SCOPE_OP = 0x10,
	AML_BUFFER_OP = 0x11,
	AML_PACKAGE_OP = 0x12,
	AML_METHOD_OP = 0x14,
	AML_DUAL_NAME_PREFIX = 0x2e,
	AML_MULTI_NAME_PREFIX = 0x2f,
	AML_EXT_OP_PREFIX = 0x5b,
	AML_ARG0_OP = 0x68,
	AML_DEVICE_OP = 0x82, /* after AML_EXT_OP_PREFIX */
	AML_STORE_OP = 0x70,
	AML_IF_OP = 0xa0,
	AML_RETURN_OP = 0xa4,
};

/* Tags of resource descriptors: a small one holds its length in bits 0..2. */
enum {
	RESOURCE_IRQ = 0x22,
	RESOURCE_DMA = 0x2a,
	RESOURCE_IO = 0x47,
	RESOURCE_END = 0x79,
	RESOURCE_MEMORY32_FIXED = 0x86,
	RESOURCE_DWORD_SPACE = 0x87,
	RESOURCE_WORD_SPACE = 0x88,
	RESOURCE_EXTENDED_IRQ = 0x89,
	RESOURCE_QWORD_SPACE = 0x8a,
};

static const char no_room[] = "no room is left in the area of the firmware tables";

static void fail(struct aml *aml, const char *why)
{
	if (!aml->fault)
		aml->fault = why;
}

static void append(struct aml *aml, const void *bytes, size_t len)
{
	if (aml->fault)
		return;
	if (!range_within(aml->used, len, aml->size)) {
		fail(aml, no_room);
		return;
	}
	memcpy(aml->data + aml->used, bytes, len);
	aml->used += len;
}

/* Put bytes at `where`, which is at or before the end; what is there moves up. */
static void insert(struct aml *aml, size_t where, const void *bytes, size_t len)
{
	if (aml->fault)
		return;
	if (!range_within(aml->used, len, aml->size)) {
		fail(aml, no_room);
		return;
	}
	memmove(aml->data + where + len, aml->data + where, aml->used - where);
	memcpy(aml->data + where, bytes, len);
	aml->used += len;
}

static void append_u8(struct aml *aml, uint8_t value)
{
	append(aml, &value, sizeof(value));
}

static void append_u16(struct aml *aml, uint16_t value)
{
	append(aml, &value, sizeof(value));
}

static void append_u32(struct aml *aml, uint32_t value)
{
	append(aml, &value, sizeof(value));
}

/* An integer of 1, 2, 4 or 8 bytes. */
static void append_sized(struct aml *aml, uint64_t value, unsigned width)
{
	append(aml, &value, width);
}

void aml_init(struct aml *aml, uint8_t *data, size_t size)
{
	*aml = (struct aml){ .data = data, .size = size };
}

int aml_finish(const struct aml *aml, size_t *used, struct err *err)
{
	if (aml->fault)
		return err_set(err, "AML: %s", aml->fault);
	if (aml->depth)
		return err_set(err, "AML: %u blocks have no end", aml->depth);
	*used = aml->used;
	return 0;
}

static bool is_lead_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_char(char c)
{
	return is_lead_name_char(c) || (c >= '0' && c <= '9');
}

/* The length of the name segment that `text` begins with; 0 if there is none. */
static size_t segment_length(const char *text)
{
	size_t len = 0;

	if (!is_lead_name_char(text[0]))
		return 0;
	while (is_name_char(text[len]))
		len++;
	return len <= 4 ? len : 0;
}

/* How many segments `text` has, dots between them; 0 if that is not what it is. */
static unsigned count_segments(const char *text)
{
	unsigned count = 0;

	for (;;) {
		size_t len = segment_length(text);

		if (!len)
			return 0;
		count++;
		text += len;
		if (*text == '\0')
			return count;
		if (*text++ != '.')
			return 0;
	}
}

/* NameString (20.2.2): root or parent prefixes, a count, segments of four bytes. */
static void append_path(struct aml *aml, const char *path)
{
	unsigned count;

	if (*path == '\\') {
		append_u8(aml, (uint8_t)*path++);
	} else {
		while (*path == '^')
			append_u8(aml, (uint8_t)*path++);
	}

	count = count_segments(path);
	if (count == 0 || count > 255) {
		fail(aml, "a name is not made of segments of one to four characters");
		return;
	}
	if (count == 2) {
		append_u8(aml, AML_DUAL_NAME_PREFIX);
	} else if (count > 2) {
		append_u8(aml, AML_MULTI_NAME_PREFIX);
		append_u8(aml, (uint8_t)count);
	}
	while (count--) {
		char segment[] = { '_', '_', '_', '_' };
		size_t len = segment_length(path);

		memcpy(segment, path, len);
		append(aml, segment, sizeof(segment));
		path += len + 1;
	}
}

static void open_block(struct aml *aml, enum aml_block_kind kind)
{
	if (aml->fault)
		return;
	if (aml->depth == AML_MAX_DEPTH) {
		fail(aml, "blocks are nested too deep");
		return;
	}
	aml->blocks[aml->depth].kind = kind;
	aml->blocks[aml->depth].start = aml->used;
	aml->depth++;
}

/* PkgLength (20.2.4) before `start`, for all bytes from there to the end. */
static void insert_pkg_length(struct aml *aml, size_t start)
{
	size_t len = aml->used - start;
	uint8_t bytes[4];
	unsigned more; /* bytes that follow the lead byte */
	unsigned i;

	/* It counts itself. Six bits fit in one byte; else four, and eight for each more. */
	if (len + 1 < 1u << 6)
		more = 0;
	else if (len + 2 < 1u << 12)
		more = 1;
	else if (len + 3 < 1u << 20)
		more = 2;
	else if (len + 4 < 1u << 28)
		more = 3;
	else {
		fail(aml, "a block is longer than a PkgLength can tell");
		return;
	}
	len += 1 + more;
	if (!more) {
		bytes[0] = (uint8_t)len;
	} else {
		bytes[0] = (uint8_t)(more << 6 | (len & 0xf));
		for (i = 1; i <= more; i++)
			bytes[i] = (uint8_t)(len >> (8 * i - 4));
	}
	insert(aml, start, bytes, 1 + more);
}

/* BufferSize, a term, before `start`: the smallest encoding of what follows it. */
static void insert_buffer_size(struct aml *aml, size_t start)
{
	size_t len = aml->used - start;
	uint8_t bytes[5];

	if (len <= UINT8_MAX) {
		bytes[0] = AML_BYTE_PREFIX;
		bytes[1] = (uint8_t)len;
		insert(aml, start, bytes, 2);
	} else if (len <= UINT16_MAX) {
		bytes[0] = AML_WORD_PREFIX;
		store_le16(bytes + 1, (uint16_t)len);
		insert(aml, start, bytes, 3);
	} else {
		bytes[0] = AML_DWORD_PREFIX;
		store_le32(bytes + 1, (uint32_t)len);
		insert(aml, start, bytes, 5);
	}
}

void aml_end(struct aml *aml)
{
	size_t start;

	if (aml->fault)
		return;
	if (aml->depth == 0) {
		fail(aml, "an end has no beginning");
		return;
	}
	aml->depth--;
	start = aml->blocks[aml->depth].start;
	if (aml->blocks[aml->depth].kind == AML_BLOCK_RESOURCES) {
		append_u8(aml, RESOURCE_END);
		append_u8(aml, 0); /* a checksum of 0 is taken as right */
		insert_buffer_size(aml, start);
	}
	insert_pkg_length(aml, start);
}

void aml_scope(struct aml *aml, const char *path)
{
	append_u8(aml, AML_SCOPE_OP);
	open_block(aml, AML_BLOCK_TERMS);
	append_path(aml, path);
}

void aml_device(struct aml *aml, const char *path)
{
	append_u8(aml, AML_EXT_OP_PREFIX);
	append_u8(aml, AML_DEVICE_OP);
	open_block(aml, AML_BLOCK_TERMS);
	append_path(aml, path);
}

void aml_method(struct aml *aml, const char *path, unsigned nr_args)
{
	if (nr_args > 7) {
		fail(aml, "a method has more than seven arguments");
		return;
	}
	append_u8(aml, AML_METHOD_OP);
	open_block(aml, AML_BLOCK_TERMS);
	append_path(aml, path);
	append_u8(aml, (uint8_t)nr_args);
}

void aml_if(struct aml *aml, const char *path)
{
	append_u8(aml, AML_IF_OP);
	open_block(aml, AML_BLOCK_TERMS);
	append_path(aml, path);
}

void aml_store_argument(struct aml *aml, unsigned number, const char *path)
{
	append_u8(aml, AML_STORE_OP);
	aml_argument(aml, number);
	append_path(aml, path);
}

void aml_package(struct aml *aml, uint8_t count)
{
	append_u8(aml, AML_PACKAGE_OP);
	open_block(aml, AML_BLOCK_TERMS);
	append_u8(aml, count);
}

void aml_resources(struct aml *aml)
{
	append_u8(aml, AML_BUFFER_OP);
	open_block(aml, AML_BLOCK_RESOURCES);
}

void aml_name(struct aml *aml, const char *path)
{
	append_u8(aml, AML_NAME_OP);
	append_path(aml, path);
}

void aml_return(struct aml *aml)
{
	append_u8(aml, AML_RETURN_OP);
}

void aml_integer(struct aml *aml, uint64_t value)
{
	if (value <= 1) {
		append_u8(aml, value ? AML_ONE_OP : AML_ZERO_OP);
	} else if (value <= UINT8_MAX) {
		append_u8(aml, AML_BYTE_PREFIX);
		append_sized(aml, value, 1);
	} else if (value <= UINT16_MAX) {
		append_u8(aml, AML_WORD_PREFIX);
		append_sized(aml, value, 2);
	} else if (value <= UINT32_MAX) {
		append_u8(aml, AML_DWORD_PREFIX);
		append_sized(aml, value, 4);
	} else {
		append_u8(aml, AML_QWORD_PREFIX);
		append_sized(aml, value, 8);
	}
}

void aml_string(struct aml *aml, const char *text)
{
	const char *c;

	for (c = text; *c; c++) {
		if ((unsigned char)*c > 0x7f) {
			fail(aml, "a string is not ASCII");
			return;
		}
	}
	append_u8(aml, AML_STRING_PREFIX);
	append(aml, text, strlen(text) + 1);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* EISAID() (19.6.36): letters in five bits each, digits in four, big-endian. */
void aml_eisaid(struct aml *aml, const char *id)
{
	uint32_t value = 0;
	unsigned i;

	if (strlen(id) != 7)
		goto wrong;
	for (i = 0; i < 3; i++) {
		if (id[i] < 'A' || id[i] > 'Z')
			goto wrong;
		value = value << 5 | (uint32_t)(id[i] - 'A' + 1);
	}
	for (i = 3; i < 7; i++) {
		int digit = hex_digit(id[i]);

		if (digit < 0)
			goto wrong;
		value = value << 4 | (uint32_t)digit;
	}
	append_u8(aml, AML_DWORD_PREFIX);
	append_u32(aml, __builtin_bswap32(value));
	return;
wrong:
	fail(aml, "an EISA ID is not three capitals and four hexadecimal digits");
}

void aml_reference(struct aml *aml, const char *path)
{
	append_path(aml, path);
}

void aml_argument(struct aml *aml, unsigned number)
{
	if (number > 6) {
		fail(aml, "a method has arguments 0 to 6");
		return;
	}
	append_u8(aml, (uint8_t)(AML_ARG0_OP + number));
}

/* A descriptor begins: is it where it may be? */
static void open_descriptor(struct aml *aml, uint8_t tag)
{
	if (aml->fault)
		return;
	if (!aml->depth || aml->blocks[aml->depth - 1].kind != AML_BLOCK_RESOURCES) {
		fail(aml, "a resource stands outside of a resource template");
		return;
	}
	append_u8(aml, tag);
}

void aml_io(struct aml *aml, uint16_t base, uint8_t size)
{
	open_descriptor(aml, RESOURCE_IO);
	append_u8(aml, 1);     /* decodes 16 bits */
	append_u16(aml, base); /* lowest base */
	append_u16(aml, base); /* highest base */
	append_u8(aml, 1);     /* alignment */
	append_u8(aml, size);
}

void aml_irq(struct aml *aml, unsigned irq)
{
	if (irq > 15) {
		fail(aml, "an ISA interrupt is above 15");
		return;
	}
	open_descriptor(aml, RESOURCE_IRQ);
	append_u16(aml, (uint16_t)(1u << irq));
}

void aml_dma(struct aml *aml, unsigned channel)
{
	if (channel > 3) {
		fail(aml, "a DMA channel for bytes is above 3");
		return;
	}
	open_descriptor(aml, RESOURCE_DMA);
	append_u8(aml, (uint8_t)(1u << channel));
	append_u8(aml, 0);
}

void aml_interrupt(struct aml *aml, uint32_t gsi, unsigned flags)
{
	open_descriptor(aml, RESOURCE_EXTENDED_IRQ);
	append_u16(aml, 6);
	append_u8(aml, (uint8_t)(flags | 1)); /* the device consumes it */
	append_u8(aml, 1);
	append_u32(aml, gsi);
}

void aml_memory32(struct aml *aml, uint32_t base, uint32_t size)
{
	if (!range_within(base, size, 1ull << 32)) {
		fail(aml, "a fixed range of memory ends above 4 GiB");
		return;
	}
	open_descriptor(aml, RESOURCE_MEMORY32_FIXED);
	append_u16(aml, 9);
	append_u8(aml, 1); /* read and write */
	append_u32(aml, base);
	append_u32(aml, size);
}

void aml_window(struct aml *aml, enum aml_space space, unsigned width, uint64_t first,
		uint64_t last)
{
	static const uint8_t type_flags[] = {
		[AML_MEMORY] = 1, /* read and write, not cacheable */
		[AML_IO] = 3,     /* the whole range, no ISA holes */
		[AML_BUS_NUMBER] = 0,
	};
	uint8_t tag = width == 2   ? RESOURCE_WORD_SPACE
		      : width == 4 ? RESOURCE_DWORD_SPACE
				   : RESOURCE_QWORD_SPACE;
	uint64_t largest;

	if (width != 4 && width != 8 && (width != 2 || space == AML_MEMORY)) {
		fail(aml, "a window has no such width");
		return;
	}
	largest = UINT64_MAX >> (64 - 8 * width);
	if (first > last || last > largest || last - first == largest) {
		fail(aml, "a window is empty or does not fit its width");
		return;
	}
	open_descriptor(aml, tag);
	append_u16(aml, (uint16_t)(3 + 5 * width));
	append_u8(aml, (uint8_t)space);
	append_u8(aml, 0x0c); /* minimum and maximum are fixed; produced for the bus */
	append_u8(aml, type_flags[space]);
	append_sized(aml, 0, width); /* granularity */
	append_sized(aml, first, width);
	append_sized(aml, last, width);
	append_sized(aml, 0, width); /* translation */
	append_sized(aml, last - first + 1, width);
}
