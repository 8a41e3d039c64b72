/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saved state: what outlives a snapshot.
 *
 * A saved state is a row of sections. A section has a name ("uart16550.0"), a
 * version, a length and a CRC-32; inside it every field stands with its name
 * and size. So a newer tane reads the state of an older one: a field that is
 * missing keeps the value that the object had before the load (its reset
 * value), a field that nobody knows is refused, since it comes from a newer
 * tane. Images of state are hostile: nothing here trusts a length, and a
 * device must check in its own load routine what it is about to believe.
 *
 * All integers are little-endian. On disk:
 *
 *	section: u32 magic "tSEC", u16 version, u16 name length,
 *		 u32 payload length, u32 CRC-32 of the payload, name, payload
 *	field:	 u16 name length, u16 value length, name, value
 */
#ifndef TANE_UTIL_STATE_H
#define TANE_UTIL_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "util/bytes.h"
#include "util/err.h"

/* One member of a state struct: an integer or an array of bytes. */
struct state_field {
	const char *name;
	uint16_t offset;
	uint16_t size;
};

#define STATE_FIELD(type, member)                                  \
	{                                                          \
		.name = #member, .offset = offsetof(type, member), \
		.size = sizeof(((type *)0)->member)                \
	}

/* How a struct is laid out in a section. */
struct state_layout {
	uint16_t version;
	uint16_t nr_fields;
	const struct state_field *fields;
};

/* A growing buffer that sections are appended to. Zero-initialise it. */
struct state_writer {
	uint8_t *data;
	size_t size;
	size_t capacity;
};

/* Append one section. -1 only when memory runs out. */
int state_save(struct state_writer *writer, const char *section,
	       const struct state_layout *layout, const void *object, struct err *err);

/*
 * For chips whose loaded fields are values that their registers cannot have: say so of
 * `section`. Returns -1.
 */
int state_err_impossible(struct err *err, const char *section);

/*
 * Find `section` in `image`, check it and fill the fields of `object`. On an
 * error nothing of `object` has changed.
 */
int state_load(struct bytes image, const char *section, const struct state_layout *layout,
	       void *object, struct err *err);

/* Give back the writer's buffer and make it empty again. */
void state_writer_free(struct state_writer *writer);

#endif
