/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saved state; the format is told in state.h.
 *
 * Saving appends header, name and fields to one growing buffer. Loading walks
 * the sections of an image until the name fits, checks the CRC, then walks the
 * fields twice: the first round only judges, the second copies, so that a bad
 * image changes nothing. All walking goes through take(), which cuts bytes off
 * the front of a view and cannot leave it.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/state.h"

#define SECTION_MAGIC       0x43455374u /* "tSEC" */
#define SECTION_HEADER_SIZE 16
#define FIELD_HEADER_SIZE   4

/* CRC-32 as in zlib and Ethernet: reflected 0x04c11db7, four bits at a time. */
static uint32_t crc32_of(struct bytes bytes)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < bytes.size; i++) {
		crc ^= bytes.data[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* Make room for `more` bytes at the end. */
static int reserve(struct state_writer *writer, size_t more, struct err *err)
{
	size_t capacity = writer->capacity ? writer->capacity : 1024;
	uint8_t *data;

	if (more <= writer->capacity - writer->size)
		return 0;
	while (capacity - writer->size < more) {
		if (capacity > SIZE_MAX / 2)
			return err_set(err, "saved state: too large");
		capacity *= 2;
	}
	data = realloc(writer->data, capacity);
	if (!data)
		return err_errno(err, "saved state: no memory for %zu bytes", capacity);
	writer->data = data;
	writer->capacity = capacity;
	return 0;
}

/* Append bytes; reserve() has made room. */
static void put(struct state_writer *writer, const void *data, size_t size)
{
	memcpy(writer->data + writer->size, data, size);
	writer->size += size;
}

static void put_le16(struct state_writer *writer, uint16_t value)
{
	uint8_t raw[2];

	store_le16(raw, value);
	put(writer, raw, sizeof(raw));
}

static size_t payload_size(const struct state_layout *layout)
{
	size_t size = 0;

	for (unsigned i = 0; i < layout->nr_fields; i++)
		size += FIELD_HEADER_SIZE + strlen(layout->fields[i].name) +
			layout->fields[i].size;
	return size;
}

int state_save(struct state_writer *writer, const char *section,
	       const struct state_layout *layout, const void *object, struct err *err)
{
	size_t name_size = strlen(section);
	size_t payload = payload_size(layout);
	uint8_t header[SECTION_HEADER_SIZE];
	struct bytes written;
	size_t start = writer->size;

	if (name_size > UINT16_MAX || payload > UINT32_MAX)
		return err_set(err, "saved state: section \"%.64s\" is too large",
			       section);
	if (reserve(writer, sizeof(header) + name_size + payload, err))
		return -1;

	memset(header, 0, sizeof(header));
	put(writer, header, sizeof(header));
	put(writer, section, name_size);
	for (unsigned i = 0; i < layout->nr_fields; i++) {
		const struct state_field *field = &layout->fields[i];

		put_le16(writer, (uint16_t)strlen(field->name));
		put_le16(writer, field->size);
		put(writer, field->name, strlen(field->name));
		put(writer, (const uint8_t *)object + field->offset, field->size);
	}

	written = (struct bytes){ writer->data + writer->size - payload, payload };
	store_le32(header, SECTION_MAGIC);
	store_le16(header + 4, layout->version);
	store_le16(header + 6, (uint16_t)name_size);
	store_le32(header + 8, (uint32_t)payload);
	store_le32(header + 12, crc32_of(written));
	memcpy(writer->data + start, header, sizeof(header));
	return 0;
}

void state_writer_free(struct state_writer *writer)
{
	free(writer->data);
	*writer = (struct state_writer){ 0 };
}

/* Cut `size` bytes off the front of `view`. */
static bool take(struct bytes *view, size_t size, struct bytes *taken)
{
	if (!bytes_slice(*view, 0, size, taken))
		return false;
	view->data += size;
	view->size -= size;
	return true;
}

static bool bytes_equal_string(struct bytes bytes, const char *string)
{
	return bytes.size == strlen(string) && !memcmp(bytes.data, string, bytes.size);
}

struct section {
	uint16_t version;
	uint32_t crc;
	struct bytes name;
	struct bytes payload;
};

/* Cut the next section off an image. */
static bool next_section(struct bytes *image, struct section *section)
{
	struct bytes header;

	if (!take(image, SECTION_HEADER_SIZE, &header) ||
	    load_le32(header.data) != SECTION_MAGIC)
		return false;
	section->version = load_le16(header.data + 4);
	section->crc = load_le32(header.data + 12);
	return take(image, load_le16(header.data + 6), &section->name) &&
	       take(image, load_le32(header.data + 8), &section->payload);
}

struct field {
	struct bytes name;
	struct bytes value;
};

/* Cut the next field off a payload. */
static bool next_field(struct bytes *payload, struct field *field)
{
	struct bytes header;

	return take(payload, FIELD_HEADER_SIZE, &header) &&
	       take(payload, load_le16(header.data), &field->name) &&
	       take(payload, load_le16(header.data + 2), &field->value);
}

static const struct state_field *find_field(const struct state_layout *layout,
					    struct bytes name)
{
	for (unsigned i = 0; i < layout->nr_fields; i++) {
		if (bytes_equal_string(name, layout->fields[i].name))
			return &layout->fields[i];
	}
	return NULL;
}

/* Is every field of the payload whole, known and of the right size? */
static int check_fields(struct bytes payload, const char *section,
			const struct state_layout *layout, struct err *err)
{
	const struct state_field *known;
	struct field field;

	while (payload.size) {
		if (!next_field(&payload, &field))
			return err_set(err,
				       "saved state: section \"%s\" has a broken field; "
				       "the snapshot is damaged",
				       section);
		known = find_field(layout, field.name);
		if (!known)
			return err_set(err,
				       "saved state: section \"%s\" has an unknown field "
				       "\"%.*s\"; load it with a newer tane",
				       section,
				       (int)(field.name.size < 64 ? field.name.size : 64),
				       (const char *)field.name.data);
		if (known->size != field.value.size)
			return err_set(
				err,
				"saved state: field \"%s\" of section \"%s\" has %zu "
				"bytes, not %u; the snapshot is damaged",
				known->name, section, field.value.size,
				(unsigned)known->size);
	}
	return 0;
}

static int find_section(struct bytes image, const char *name, struct section *section,
			struct err *err)
{
	while (image.size) {
		if (!next_section(&image, section))
			return err_set(err,
				       "saved state: broken before section \"%s\"; "
				       "the snapshot is damaged",
				       name);
		if (bytes_equal_string(section->name, name))
			return 0;
	}
	return err_set(err,
		       "saved state: no section \"%s\"; the snapshot is of another "
		       "machine or damaged",
		       name);
}

int state_load(struct bytes image, const char *section_name,
	       const struct state_layout *layout, void *object, struct err *err)
{
	const struct state_field *known;
	struct section section = { 0 };
	struct bytes payload;
	struct field field;

	if (find_section(image, section_name, &section, err))
		return -1;
	payload = section.payload;
	if (crc32_of(payload) != section.crc)
		return err_set(err,
			       "saved state: section \"%s\" has a wrong checksum; "
			       "the snapshot is damaged",
			       section_name);
	if (section.version > layout->version)
		return err_set(err,
			       "saved state: section \"%s\" has version %u, this tane "
			       "knows up to %u; load it with a newer tane",
			       section_name, (unsigned)section.version,
			       (unsigned)layout->version);
	if (check_fields(payload, section_name, layout, err))
		return -1;

	while (next_field(&payload, &field)) {
		known = find_field(layout, field.name);
		memcpy((uint8_t *)object + known->offset, field.value.data, known->size);
	}
	return 0;
}

int state_err_impossible(struct err *err, const char *section)
{
	return err_set(err,
		       "state of %s: impossible register values; "
		       "the snapshot is damaged, take a new one",
		       section);
}
