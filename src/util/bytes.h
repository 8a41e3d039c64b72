/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes: unaligned little-endian loads and stores, and a checked view of a
 * piece of memory. Every parser of foreign data (images, snapshots, tables)
 * reads through these, so that no offset or length is used unchecked.
 */
#ifndef TANE_UTIL_BYTES_H
#define TANE_UTIL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A read-only view. It owns nothing. */
struct bytes {
	const uint8_t *data;
	size_t size;
};

/* Does [offset, offset + len) lie inside a thing of `size` bytes? Safe from overflow. */
static inline bool range_within(uint64_t offset, uint64_t len, uint64_t size)
{
	return offset <= size && len <= size - offset;
}

/* Do the ranges [a, a + a_len) and [b, b + b_len) share a byte? The ends must not wrap. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a_len && b_len && a < b + b_len && b < a + a_len;
}

/* `part` becomes [offset, offset + len) of `whole`; false if that is not all inside. */
static inline bool bytes_slice(struct bytes whole, uint64_t offset, uint64_t len,
			       struct bytes *part)
{
	if (!range_within(offset, len, whole.size))
		return false;
	part->data = whole.data + offset;
	part->size = (size_t)len;
	return true;
}

static inline uint16_t load_le16(const void *p)
{
	uint16_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load_le32(const void *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t load_le64(const void *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline void store_le16(void *p, uint16_t v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void store_le32(void *p, uint32_t v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void store_le64(void *p, uint64_t v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "tane runs on little-endian hosts");

/* Round to a power of two. align_up() wraps for values near the top: check before. */
static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

static inline uint64_t align_down(uint64_t value, uint64_t alignment)
{
	return value & ~(alignment - 1);
}

#endif
