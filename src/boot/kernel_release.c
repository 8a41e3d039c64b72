/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The release of a kernel; see kernel_release.h. A bzImage has it in its setup code, where
 * its header points to (Linux, x86/boot.rst, kernel_version). All others have the text that
 * /proc/version shows somewhere in their data: "Linux version 6.1.0 (...".
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/formats.h"
#include "boot/kernel_release.h"
#include "util/fd.h"

#define BANNER       "Linux version "
#define UNPACKED_MAX ((size_t)1 << 30)

#define SETUP_KERNEL_VERSION \
	0x20e /* of the setup code: le16, where the text is, less 512 */
#define SECTOR 512u

#define MAX_FILE   ((uint64_t)4 << 30) /* no kernel, debug information and all, has more */
#define PIECE_SIZE ((size_t)1 << 20) /* the setup code of a bzImage has 32 KiB at most */
#define OVERLAP    256u              /* more than a banner needs */

/* A release ends with a blank, and is as one would name a folder. */
static bool take(struct bytes at, char release[KERNEL_RELEASE_SIZE])
{
	size_t n = 0;

	while (n < at.size && (isalnum(at.data[n]) || strchr("-_.+~", at.data[n])) &&
	       at.data[n]) {
		if (n == KERNEL_RELEASE_SIZE - 1)
			return false;
		release[n] = (char)at.data[n];
		n++;
	}
	release[n] = '\0';
	/* All begin with a number; the format string of the banner does not. */
	return n < at.size && at.data[n] == ' ' && isdigit((unsigned char)release[0]);
}

static bool search(struct bytes image, char release[KERNEL_RELEASE_SIZE])
{
	const size_t size = strlen(BANNER);

	while (image.size > size) {
		const uint8_t *at = memmem(image.data, image.size, BANNER, size);

		if (!at)
			return false;
		image.size -= (size_t)(at + size - image.data);
		image.data = at + size;
		if (take(image, release))
			return true;
	}
	return false;
}

static bool read_bzimage(struct bytes file, char release[KERNEL_RELEASE_SIZE])
{
	struct bytes pointer, text;
	uint64_t offset;

	if (!bytes_slice(file, SETUP_KERNEL_VERSION, 2, &pointer))
		return false;
	offset = load_le16(pointer.data) + SECTOR;
	return offset > SECTOR && offset < file.size &&
	       bytes_slice(file, offset, file.size - offset, &text) &&
	       take(text, release);
}

static bool search_packed(struct bytes payload, enum decompress_format format,
			  char release[KERNEL_RELEASE_SIZE])
{
	struct err ignored;
	uint8_t *data;
	size_t size;
	bool found;

	if (decompress(format, payload, UNPACKED_MAX, &data, &size, &ignored))
		return false;
	found = search((struct bytes){ data, size }, release);
	decompress_free(data, size);
	return found;
}

bool kernel_release(struct bytes file, char release[KERNEL_RELEASE_SIZE])
{
	enum decompress_format format;
	struct bytes payload;

	if (bzimage_detect(file))
		return read_bzimage(file, release);
	if (image_payload(file, &payload, &format))
		return search_packed(payload, format, release);
	return search(file, release);
}

/* A piece after the other, each with the end of the one before it in front. */
static int search_file(int fd, uint64_t size, uint8_t *piece,
		       char release[KERNEL_RELEASE_SIZE], struct err *err)
{
	for (uint64_t at = 0; at < size; at += PIECE_SIZE - OVERLAP) {
		const size_t n =
			size - at < PIECE_SIZE ? (size_t)(size - at) : PIECE_SIZE;

		if (fd_read_at(fd, piece, n, at, err))
			return -1;
		if (search((struct bytes){ piece, n }, release))
			return 0;
	}
	release[0] = '\0';
	return 0;
}

/* What is packed has to be unpacked as a whole. */
static int search_packed_file(int fd, uint64_t size, char release[KERNEL_RELEASE_SIZE],
			      struct err *err)
{
	struct file_contents file;

	if (file_read_fd(&file, fd, size, MAX_FILE, err))
		return -1;
	if (!kernel_release(file.bytes, release))
		release[0] = '\0';
	file_release(&file);
	return 0;
}

static int read_file(int fd, uint64_t size, uint8_t *piece,
		     char release[KERNEL_RELEASE_SIZE], struct err *err)
{
	const struct bytes head = { piece,
				    size < PIECE_SIZE ? (size_t)size : PIECE_SIZE };

	release[0] = '\0';
	if (size > MAX_FILE)
		return 0;
	if (fd_read_at(fd, piece, head.size, 0, err))
		return -1;
	if (bzimage_detect(head)) {
		if (!read_bzimage(head, release))
			release[0] = '\0';
		return 0;
	}
	if (image_is_packed(head))
		return search_packed_file(fd, size, release, err);
	return search_file(fd, size, piece, release, err);
}

int kernel_release_of_file(const char *path, char release[KERNEL_RELEASE_SIZE],
			   struct err *err)
{
	uint8_t *piece = malloc(PIECE_SIZE);
	uint64_t size;
	int fd, r;

	if (!piece)
		return err_set(err, "no memory");
	fd = fd_open_image(path, &size, err);
	r = fd < 0 ? -1 : read_file(fd, size, piece, release, err);
	if (fd >= 0)
		close(fd);
	free(piece);
	return r ? err_prefix(err, "kernel \"%s\": ", path) : 0;
}
