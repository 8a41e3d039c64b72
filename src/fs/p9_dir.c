/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Treaddir: entries of a folder, as the host's kernel has them. What an entry is called
 * the place after it (d_off) is what the guest gives to go on there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fs/p9_private.h"
#include "util/bytes.h"

#define ENTRY_HEADER 24u /* qid[13] offset[8] type[1] name[2, and its bytes] */
#define CHUNK        (16u << 10)
/* At least what the longest name takes in getdents64(2). */
#define MIN_CHUNK 512u

static uint8_t qid_type(uint8_t type)
{
	if (type == DT_DIR)
		return P9_QTDIR;
	return type == DT_LNK ? P9_QTSYMLINK : P9_QTFILE;
}

/* Put an entry behind the others, if the guest can have such a name. False: no room. */
static bool put_entry(struct p9_call *call, const struct dirent64 *entry, uint64_t path,
		      uint32_t room)
{
	const struct p9_request *request = call->request;
	const size_t length = strlen(entry->d_name);
	uint8_t bytes[ENTRY_HEADER + P9_NAME_MAX];

	if (length > P9_NAME_MAX)
		return true;
	if (!range_within(call->data_size, ENTRY_HEADER + length, room))
		return false;
	bytes[0] = qid_type(entry->d_type);
	store_le32(bytes + 1, 0); /* its version is not known */
	store_le64(bytes + 5, path);
	store_le64(bytes + 13, (uint64_t)entry->d_off);
	bytes[21] = entry->d_type;
	store_le16(bytes + 22, (uint16_t)length);
	memcpy(bytes + ENTRY_HEADER, entry->d_name, length);
	call->data_size += (uint32_t)p9_iov_write(request->in, request->nr_in,
						  P9_READ_HEADER + call->data_size, bytes,
						  ENTRY_HEADER + length);
	return true;
}

/* A folder that is being read. */
struct reading {
	struct p9_call *call;
	struct p9_file *file;
	const struct p9_node *node;
	uint64_t device; /* of the entries */
	uint32_t room;   /* for entries */
};

/* Where entries of a chunk go, until there is no more room. */
static bool put_chunk(struct reading *reading, const uint8_t *chunk, size_t size)
{
	const struct p9 *p9 = reading->call->p9;

	for (size_t at = 0; at < size;) {
		const struct dirent64 *entry = (const struct dirent64 *)(chunk + at);
		uint64_t inode = entry->d_ino;

		/* What is above the share is not the guest's. */
		if (!reading->node->parent && strcmp(entry->d_name, "..") == 0)
			inode = reading->node->identity.inode;
		if (!put_entry(reading->call, entry,
			       p9_qid_path(p9, reading->device, inode), reading->room))
			return false;
		reading->file->position = (uint64_t)entry->d_off;
		at += entry->d_reclen;
	}
	return true;
}

static int seek(struct p9_file *file, uint64_t position)
{
	if (lseek(file->fd, (off_t)position, SEEK_SET) < 0)
		return errno;
	file->position = position;
	return 0;
}

static int read_entries(struct reading *reading)
{
	_Alignas(struct dirent64) uint8_t chunk[CHUNK];
	struct p9_file *file = reading->file;
	const uint32_t *done = &reading->call->data_size;

	for (;;) {
		/* Entries of ours are up to 7/6 of what the kernel's are. */
		size_t size = (size_t)(reading->room - *done) / 7 * 6;
		ssize_t n;

		if (size > sizeof(chunk))
			size = sizeof(chunk);
		if (size < MIN_CHUNK)
			size = MIN_CHUNK;
		n = getdents64(file->fd, chunk, size);
		if (n < 0)
			return *done ? 0 : errno;
		if (!put_chunk(reading, chunk, (size_t)n)) {
			int error = seek(file, file->position);

			return *done ? error : EINVAL;
		}
		/* One that is not full is mostly the last. */
		if ((size_t)n < size - size / 4 || reading->room - *done < MIN_CHUNK)
			return 0;
	}
}

int p9_readdir(struct p9_call *call)
{
	struct p9_use use;
	uint64_t offset;
	uint32_t count;
	int error = p9_use_file(call, &use);

	if (error)
		return error;
	error = p9_get_read(call, &offset, &count);
	if (!error && use.file->kind != P9_DIRECTORY)
		error = ENOTDIR;
	if (!error) {
		struct reading reading = { call, use.file, use.node,
					   use.node->identity.device, count };

		pthread_mutex_lock(&use.file->lock);
		if (offset != use.file->position)
			error = seek(use.file, offset);
		if (!error)
			error = read_entries(&reading);
		pthread_mutex_unlock(&use.file->lock);
	}
	if (!error)
		p9_put32(call, call->data_size);
	p9_use_end(call, &use);
	return error;
}
