/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of messages: fields of a request, fields of a reply, and pieces of the
 * guest's memory. Numbers are little-endian, strings have a length of two bytes.
 */
#include <errno.h>
#include <string.h>

#include "fs/p9_private.h"
#include "util/bytes.h"

/* The next `size` bytes of the message; NULL with an error if it is not that long. */
static uint8_t *take(struct p9_call *call, uint32_t size)
{
	uint8_t *at = call->message + call->at;

	if (call->error)
		return NULL;
	if (!range_within(call->at, size, call->header.size)) {
		call->error = EBADMSG;
		return NULL;
	}
	/* It is in the message, but further than any string of a sane one reaches. */
	if (!range_within(call->at, size, call->copied)) {
		call->error = ENAMETOOLONG;
		return NULL;
	}
	call->at += size;
	return at;
}

uint8_t p9_get8(struct p9_call *call)
{
	const uint8_t *at = take(call, 1);

	return at ? *at : 0;
}

uint16_t p9_get16(struct p9_call *call)
{
	const uint8_t *at = take(call, 2);

	return at ? load_le16(at) : 0;
}

uint32_t p9_get32(struct p9_call *call)
{
	const uint8_t *at = take(call, 4);

	return at ? load_le32(at) : 0;
}

uint64_t p9_get64(struct p9_call *call)
{
	const uint8_t *at = take(call, 8);

	return at ? load_le64(at) : 0;
}

struct p9_string p9_get_string(struct p9_call *call)
{
	const uint16_t length = p9_get16(call);
	char *text = (char *)take(call, length);

	if (!text)
		return (struct p9_string){ "", 0 };
	if (memchr(text, '\0', length)) {
		call->error = EINVAL;
		return (struct p9_string){ "", 0 };
	}
	/* Down by a byte, over its length, so that there is room for a NUL. */
	memmove(text - 1, text, length);
	text[-1 + length] = '\0';
	return (struct p9_string){ text - 1, length };
}

struct p9_string p9_get_step(struct p9_call *call)
{
	struct p9_string name = p9_get_string(call);

	if (call->error)
		return name;
	if (name.length > P9_NAME_MAX)
		call->error = ENAMETOOLONG;
	else if (name.length == 0)
		call->error = ENOENT;
	else if (strchr(name.text, '/') || strcmp(name.text, ".") == 0)
		call->error = EINVAL;
	return name;
}

struct p9_string p9_get_name(struct p9_call *call)
{
	struct p9_string name = p9_get_step(call);

	if (strcmp(name.text, "..") == 0)
		call->error = EINVAL;
	return name;
}

/* Room in the reply. What does not fit is an error, which replaces the reply. */
static uint8_t *add(struct p9_call *call, size_t size)
{
	uint8_t *at = call->reply + call->reply_size;

	if (!range_within(call->reply_size, size, P9_MESSAGE_SIZE)) {
		call->error = EMSGSIZE;
		return NULL;
	}
	call->reply_size += (uint32_t)size;
	return at;
}

void p9_put8(struct p9_call *call, uint8_t value)
{
	uint8_t *at = add(call, 1);

	if (at)
		*at = value;
}

void p9_put16(struct p9_call *call, uint16_t value)
{
	uint8_t *at = add(call, 2);

	if (at)
		store_le16(at, value);
}

void p9_put32(struct p9_call *call, uint32_t value)
{
	uint8_t *at = add(call, 4);

	if (at)
		store_le32(at, value);
}

void p9_put64(struct p9_call *call, uint64_t value)
{
	uint8_t *at = add(call, 8);

	if (at)
		store_le64(at, value);
}

void p9_put_string(struct p9_call *call, const char *text, size_t length)
{
	uint8_t *at;

	p9_put16(call, (uint16_t)length);
	at = add(call, length);
	if (at)
		memcpy(at, text, length);
}

/* Where the bytes are in segments that [offset, offset + size) of them all has. */
struct cursor {
	const struct iovec *iov;
	unsigned nr;
	uint64_t offset; /* in what is left of them */
	uint64_t size;
};

/* The next piece; false: the segments end here, or there is nothing left to do. */
static bool next_piece(struct cursor *cursor, struct iovec *piece)
{
	uint64_t length;

	while (cursor->nr && cursor->offset >= cursor->iov->iov_len) {
		cursor->offset -= cursor->iov->iov_len;
		cursor->iov++;
		cursor->nr--;
	}
	if (!cursor->nr || !cursor->size)
		return false;
	length = cursor->iov->iov_len - cursor->offset;
	if (length > cursor->size)
		length = cursor->size;
	piece->iov_base = (uint8_t *)cursor->iov->iov_base + cursor->offset;
	piece->iov_len = (size_t)length;
	cursor->offset += length;
	cursor->size -= length;
	return true;
}

unsigned p9_iov_slice(struct iovec to[P9_MAX_IOV], const struct iovec *from, unsigned nr,
		      uint64_t offset, uint64_t size)
{
	struct cursor cursor = { from, nr, offset, size };
	unsigned n = 0;

	while (n < P9_MAX_IOV && next_piece(&cursor, &to[n]))
		n++;
	return n;
}

size_t p9_iov_read(const struct iovec *iov, unsigned nr, uint64_t offset, void *to,
		   size_t size)
{
	struct cursor cursor = { iov, nr, offset, size };
	struct iovec piece;
	size_t done = 0;

	while (next_piece(&cursor, &piece)) {
		memcpy((uint8_t *)to + done, piece.iov_base, piece.iov_len);
		done += piece.iov_len;
	}
	return done;
}

size_t p9_iov_write(const struct iovec *iov, unsigned nr, uint64_t offset,
		    const void *from, size_t size)
{
	struct cursor cursor = { iov, nr, offset, size };
	struct iovec piece;
	size_t done = 0;

	while (next_piece(&cursor, &piece)) {
		memcpy(piece.iov_base, (const uint8_t *)from + done, piece.iov_len);
		done += piece.iov_len;
	}
	return done;
}

uint64_t p9_iov_size(const struct iovec *iov, unsigned nr)
{
	uint64_t size = 0;

	for (unsigned i = 0; i < nr; i++)
		size += iov[i].iov_len;
	return size;
}
