/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Archives for the initramfs; see cpio.h. An entry is
 *
 *	"070701", 13 numbers of 8 hexadecimal digits, the name with its NUL, the data
 *
 * with zeros behind name and data up to a multiple of 4.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "boot/cpio.h"

#define ALIGN       4u
#define HEADER_SIZE 110u
#define TRAILER     "TRAILER!!!"

/* `size` more bytes, zeros up to the next multiple of ALIGN. NULL with a message. */
static uint8_t *extend(struct cpio *cpio, size_t size, struct err *err)
{
	const size_t end = cpio->size + size, aligned = align_up(end, ALIGN);
	uint8_t *at;

	if (size > CPIO_MAX_SIZE || aligned > CPIO_MAX_SIZE) {
		err_set(err, "initramfs: more than %u MiB", CPIO_MAX_SIZE >> 20);
		return NULL;
	}
	if (aligned > cpio->capacity) {
		const size_t capacity = aligned + aligned / 2;
		uint8_t *data = realloc(cpio->data, capacity);

		if (!data) {
			err_set(err, "initramfs: no memory for %zu bytes", capacity);
			return NULL;
		}
		cpio->data = data;
		cpio->capacity = capacity;
	}
	at = cpio->data + cpio->size;
	memset(cpio->data + end, 0, aligned - end);
	cpio->size = aligned;
	return at;
}

static int add(struct cpio *cpio, const char *name, unsigned mode, struct bytes data,
	       struct err *err)
{
	const size_t name_size = strlen(name) + 1;
	char header[HEADER_SIZE + 1];
	uint8_t *at;

	/* ino, mode, uid, gid, nlink, mtime, filesize, two devices, namesize, check */
	snprintf(header, sizeof(header),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 ++cpio->nr_entries, mode, 0, 0, S_ISDIR(mode) ? 2 : 1, 0,
		 (unsigned)data.size, 0, 0, 0, 0, (unsigned)name_size, 0);
	at = extend(cpio, HEADER_SIZE + name_size, err);
	if (!at)
		return -1;
	memcpy(at, header, HEADER_SIZE);
	memcpy(at + HEADER_SIZE, name, name_size);
	at = extend(cpio, data.size, err);
	if (!at)
		return -1;
	if (data.size)
		memcpy(at, data.data, data.size);
	return 0;
}

int cpio_add_folder(struct cpio *cpio, const char *name, struct err *err)
{
	return add(cpio, name, S_IFDIR | 0755, (struct bytes){ NULL, 0 }, err);
}

int cpio_add_file(struct cpio *cpio, const char *name, unsigned permissions,
		  struct bytes data, struct err *err)
{
	return add(cpio, name, S_IFREG | permissions, data, err);
}

int cpio_finish(struct cpio *cpio, struct err *err)
{
	return add(cpio, TRAILER, 0, (struct bytes){ NULL, 0 }, err);
}

void cpio_free(struct cpio *cpio)
{
	free(cpio->data);
	*cpio = (struct cpio){ 0 };
}
