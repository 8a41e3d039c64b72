/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client's side of 9P2000.L, for tests: it speaks in messages, and its folders are real
 * ones of the host. Requests return what Rlerror carries, 0 for none.
 */
#ifndef TESTS_UNIT_P9_CLIENT_H
#define TESTS_UNIT_P9_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "fs/p9_private.h"
#include "util/bytes.h"

#define CLIENT_ROOT 1u /* the fid of a client's root */

/* Where tests have their folders, and a share of one of them. */
struct folder {
	char path[64];
	int fd;
};

struct client {
	struct p9 *p9;
	struct config_share share;
	uint32_t msize;
	size_t segment; /* bytes of one segment of a message; 0: it is whole */
	uint8_t *out, *in;
	uint32_t at, size; /* of the reply */
	uint16_t tag;
};

struct client_qid {
	uint8_t type;
	uint32_t version;
	uint64_t path;
};

struct client_attr {
	uint64_t valid;
	struct client_qid qid;
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, blksize, blocks;
	uint64_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec, btime,
		btime_nsec;
	uint64_t gen, data_version;
};

static inline struct folder folder_make_in(const char *parent)
{
	struct folder folder;

	snprintf(folder.path, sizeof(folder.path), "%s/tane-test-p9-XXXXXX", parent);
	assert_non_null(mkdtemp(folder.path));
	folder.fd = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder.fd >= 0);
	return folder;
}

static inline struct folder folder_make(void)
{
	return folder_make_in("/tmp");
}

static inline int folder_remove_one(const char *path, const struct stat *st, int type,
				    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void folder_remove(struct folder *folder)
{
	close(folder->fd);
	nftw(folder->path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static inline void folder_write(const struct folder *folder, const char *name,
				const void *data, size_t size)
{
	int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

/* What a file has, as a string; at most 4095 bytes of it. */
static inline const char *folder_read(const struct folder *folder, const char *name)
{
	static char text[4096];
	int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static inline bool folder_has(const struct folder *folder, const char *name)
{
	return faccessat(folder->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline unsigned client_split(struct iovec *iov, unsigned max, uint8_t *data,
				    size_t size, size_t segment)
{
	unsigned nr = 0;

	if (!segment)
		segment = size;
	while (size && nr < max) {
		size_t n = size < segment || nr == max - 1 ? size : segment;

		iov[nr++] = (struct iovec){ data, n };
		data += n;
		size -= n;
	}
	return nr;
}

/* Send `size` bytes of client->out as they are. Returns the size of the reply. */
static inline uint32_t client_send(struct client *client, size_t size, size_t room)
{
	struct iovec out[64], in[64];
	struct p9_request request = { out, in, 0, 0 };

	request.nr_out = client_split(out, 64, client->out, size, client->segment);
	request.nr_in = client_split(in, 64, client->in, room, client->segment);
	memset(client->in, 0xa5, room < 64 ? room : 64);
	client->size = p9_serve(client->p9, &request);
	client->at = P9_HEADER_SIZE;
	assert_true(client->size <= room);
	return client->size;
}

/* The error of the reply that came, which must be one to `type`. */
static inline int client_result(struct client *client, uint8_t type)
{
	assert_true(client->size >= P9_HEADER_SIZE);
	assert_int_equal(load_le32(client->in), client->size);
	assert_int_equal(load_le16(client->in + 5), client->tag);
	if (client->in[4] == P9_RLERROR) {
		assert_int_equal(client->size, 11);
		assert_int_not_equal(load_le32(client->in + 7), 0);
		return (int)load_le32(client->in + 7);
	}
	assert_int_equal(client->in[4], type + 1);
	return 0;
}

/*
 * The body of a message into client->out by letters: 1, 2, 4 and 8 are numbers of so
 * many bytes, s is a string, D is data: a pointer and a uint32_t, written as count[4]
 * data[count]. Returns the size of the message.
 */
static inline size_t client_build(struct client *client, uint8_t type, const char *fields,
				  va_list ap)
{
	uint8_t *at = client->out + P9_HEADER_SIZE;

	for (; *fields; fields++) {
		if (*fields == 's') {
			const char *text = va_arg(ap, const char *);
			size_t n = strnlen(text, UINT16_MAX);

			store_le16(at, (uint16_t)n);
			memcpy(at + 2, text, n);
			at += 2 + n;
		} else if (*fields == 'D') {
			const void *data = va_arg(ap, const void *);
			uint32_t n = va_arg(ap, uint32_t);

			store_le32(at, n);
			memcpy(at + 4, data, n);
			at += 4 + n;
		} else {
			unsigned n = (unsigned)(*fields - '0');
			uint64_t value =
				n == 8 ? va_arg(ap, uint64_t) : va_arg(ap, uint32_t);

			memcpy(at, &value, n);
			at += n;
		}
	}
	store_le32(client->out, (uint32_t)(at - client->out));
	client->out[4] = type;
	store_le16(client->out + 5, ++client->tag);
	return (size_t)(at - client->out);
}

/* Numbers of 8 bytes have to be uint64_t. */
static inline int ask(struct client *client, uint8_t type, const char *fields, ...)
{
	va_list ap;
	size_t size;

	va_start(ap, fields);
	size = client_build(client, type, fields, ap);
	va_end(ap);
	client_send(client, size, client->msize);
	return client_result(client, type);
}

/* The next number of the reply. */
static inline uint64_t answer(struct client *client, unsigned size)
{
	uint64_t value = 0;

	assert_true(client->at + size <= client->size);
	memcpy(&value, client->in + client->at, size);
	client->at += size;
	return value;
}

static inline struct client_qid answer_qid(struct client *client)
{
	struct client_qid qid;

	qid.type = (uint8_t)answer(client, 1);
	qid.version = (uint32_t)answer(client, 4);
	qid.path = answer(client, 8);
	return qid;
}

static inline void answer_string(struct client *client, char *to, size_t size)
{
	size_t n = answer(client, 2);

	assert_true(n < size && client->at + n <= client->size);
	memcpy(to, client->in + client->at, n);
	to[n] = '\0';
	client->at += (uint32_t)n;
}

/* That was all of it. */
static inline void answer_end(struct client *client)
{
	assert_int_equal(client->at, client->size);
}

static inline int client_version(struct client *client, uint32_t msize)
{
	char version[16];
	int error;

	client->msize = P9_MAX_MSIZE;
	client->tag = 0xfffe; /* NOTAG when it is sent */
	error = ask(client, P9_TVERSION, "4s", msize, "9P2000.L");
	if (error)
		return error;
	client->msize = (uint32_t)answer(client, 4);
	answer_string(client, version, sizeof(version));
	answer_end(client);
	assert_string_equal(version, "9P2000.L");
	return 0;
}

static inline int client_attach(struct client *client, uint32_t fid, uint32_t uid)
{
	return ask(client, P9_TATTACH, "44ss4", fid, P9_NOFID, "", "", uid);
}

/* A server without a session. */
static inline void client_open_bare(struct client *client, const char *path,
				    bool writable, struct p9_limits limits)
{
	struct err err;

	*client = (struct client){
		.share = { .path = path, .writable = writable },
		.msize = P9_MAX_MSIZE,
		.out = malloc(P9_MAX_MSIZE),
		.in = malloc(P9_MAX_MSIZE),
	};
	assert_non_null(client->out);
	assert_non_null(client->in);
	client->p9 = p9_open(&client->share, &limits, &err);
	if (!client->p9)
		print_error("%s\n", err.text);
	assert_non_null(client->p9);
}

static inline void client_open(struct client *client, const char *path, bool writable)
{
	client_open_bare(client, path, writable, (struct p9_limits){ 1000, 256 });
	assert_int_equal(client_version(client, P9_MAX_MSIZE), 0);
	assert_int_equal(client_attach(client, CLIENT_ROOT, P9_NONUNAME), 0);
}

static inline void client_close(struct client *client)
{
	p9_close(client->p9);
	free(client->out);
	free(client->in);
}

/* Walk by a path with slashes, in one message; an empty one clones. */
static inline int client_walk(struct client *client, uint32_t fid, uint32_t newfid,
			      const char *path)
{
	uint8_t *at = client->out + P9_HEADER_SIZE + 10;
	uint16_t names = 0;
	int error;

	while (*path) {
		size_t n = strcspn(path, "/");

		store_le16(at, (uint16_t)n);
		memcpy(at + 2, path, n);
		at += 2 + n;
		names++;
		path += n + (path[n] == '/');
	}
	store_le32(client->out, (uint32_t)(at - client->out));
	client->out[4] = P9_TWALK;
	store_le16(client->out + 5, ++client->tag);
	store_le32(client->out + 7, fid);
	store_le32(client->out + 11, newfid);
	store_le16(client->out + 15, names);
	client_send(client, (size_t)(at - client->out), client->msize);
	error = client_result(client, P9_TWALK);
	if (error)
		return error;
	/* Short of the end is an error to whoever uses this. */
	return answer(client, 2) == names ? 0 : ENOENT;
}

static inline int client_clunk(struct client *client, uint32_t fid)
{
	return ask(client, P9_TCLUNK, "4", fid);
}

static inline int client_lopen(struct client *client, uint32_t fid, uint32_t flags)
{
	return ask(client, P9_TLOPEN, "44", fid, flags);
}

static inline int client_getattr(struct client *client, uint32_t fid,
				 struct client_attr *attr)
{
	int error = ask(client, P9_TGETATTR, "48", fid, (uint64_t)0x3fff);
	uint64_t *numbers = &attr->nlink;

	if (error)
		return error;
	attr->valid = answer(client, 8);
	attr->qid = answer_qid(client);
	attr->mode = (uint32_t)answer(client, 4);
	attr->uid = (uint32_t)answer(client, 4);
	attr->gid = (uint32_t)answer(client, 4);
	for (unsigned i = 0; i < 15; i++)
		numbers[i] = answer(client, 8);
	answer_end(client);
	return 0;
}

/* `count` becomes what was read. */
static inline int client_read(struct client *client, uint32_t fid, uint64_t offset,
			      void *to, uint32_t *count)
{
	int error = ask(client, P9_TREAD, "484", fid, offset, *count);
	uint32_t n;

	if (error)
		return error;
	n = (uint32_t)answer(client, 4);
	assert_true(n <= *count);
	assert_int_equal(client->at + n, client->size);
	memcpy(to, client->in + client->at, n);
	*count = n;
	return 0;
}

/* Walk there, open, read, clunk: what it has, or NULL with errno. */
static inline const char *client_contents(struct client *client, const char *path)
{
	static char text[4096];
	const uint32_t fid = 0xc0ffee;
	uint32_t count = sizeof(text) - 1;

	errno = client_walk(client, CLIENT_ROOT, fid, path);
	if (errno)
		return NULL;
	errno = client_lopen(client, fid, 0);
	if (!errno)
		errno = client_read(client, fid, 0, text, &count);
	text[errno ? 0 : count] = '\0';
	assert_int_equal(client_clunk(client, fid), 0);
	return errno ? NULL : text;
}

#endif
