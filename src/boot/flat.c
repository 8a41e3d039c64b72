/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flat real-mode code; see flat.h.
 *
 * Code below 64 KiB runs with CS 0, so that its labels are plain addresses when
 * it was linked for where it lies. Higher up CS has to take part: CS:IP is then
 * (ADDR >> 4):(ADDR & 15).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "boot/flat.h"

static int parse_address(const char *text, uint64_t *address, struct err *err)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (end == text || *end || errno || strchr(text, '-'))
		return err_set(err, "address \"%s\" is not a number such as 0x7c00",
			       text);
	if (value > FLAT_ADDRESS_MAX)
		return err_set(err,
			       "address %s is out of reach of real mode, the last one is"
			       " 0x%llx",
			       text, FLAT_ADDRESS_MAX);
	*address = value;
	return 0;
}

int flat_parse_spec(const char *spec, struct flat_spec *out, struct err *err)
{
	const char *at = strrchr(spec, '@');

	if (at && strchr(at, '/'))
		at = NULL;
	out->file = spec;
	out->file_length = (int)(at ? (size_t)(at - spec) : strlen(spec));
	out->address = 0;
	if (!out->file_length)
		return err_set(err, "no file name in \"%s\"", spec);
	return at ? parse_address(at + 1, &out->address, err) : 0;
}

int flat_load(struct flat_image *image, struct bytes code, uint64_t address,
	      uint64_t max_size, struct err *err)
{
	if (!code.size)
		return err_set(err, "the file is empty");
	if (address > FLAT_ADDRESS_MAX)
		return err_set(err,
			       "address 0x%" PRIx64 " is out of reach of real mode, the"
			       " last one is 0x%llx",
			       address, FLAT_ADDRESS_MAX);
	if (!range_within(address, code.size, max_size))
		return err_set(err,
			       "%zu bytes at 0x%" PRIx64 " do not fit the guest's memory"
			       " of %" PRIu64 " bytes",
			       code.size, address, max_size);

	image->segment.gpa = address;
	image->segment.size = code.size;
	image->segment.data = code;
	image->cs = address < 0x10000 ? 0 : (uint16_t)(address >> 4);
	image->ip = (uint16_t)(address - (uint64_t)image->cs * 16);
	return 0;
}
