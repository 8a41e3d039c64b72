/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A folder with some files, unpacked-KEY. The key is all that changes when a kernel's file
 * does: device, inode, size and both times. A file gets its name when all of it is on the
 * disk, so there is no half of one.
 *
 * Who can write there could give the guest another kernel: the folder and the file must be
 * ours alone.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/kernel_cache.h"
#include "util/err.h"
#include "util/fd.h"

#define PREFIX    "unpacked-"
#define MAX_FILES 4 /* of some 60 MB each */

static bool is_ours_alone(int fd, mode_t type, struct stat *st)
{
	return !fstat(fd, st) && (st->st_mode & S_IFMT) == type &&
	       st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

bool kernel_cache_open(struct kernel_cache *cache, const char *path, int kernel)
{
	struct stat st;

	if (!path || fstat(kernel, &st))
		return false;
	snprintf(cache->name, sizeof(cache->name), PREFIX "%jx-%jx-%jx-%jx.%lx-%jx.%lx",
		 (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, (uintmax_t)st.st_size,
		 (uintmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		 (uintmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	(void)mkdir(path, 0700);
	cache->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cache->folder < 0)
		return false;
	if (is_ours_alone(cache->folder, S_IFDIR, &st))
		return true;
	close(cache->folder);
	return false;
}

void kernel_cache_close(struct kernel_cache *cache)
{
	close(cache->folder);
}

bool kernel_cache_read(const struct kernel_cache *cache, uint8_t *to, size_t size)
{
	int fd = openat(cache->folder, cache->name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct err ignored;
	struct stat st;
	bool ok;

	if (fd < 0)
		return false;
	ok = is_ours_alone(fd, S_IFREG, &st) && (uintmax_t)st.st_size == size &&
	     !fd_read_at(fd, to, size, 0, &ignored);
	close(fd);
	return ok;
}

void kernel_cache_drop(const struct kernel_cache *cache)
{
	(void)unlinkat(cache->folder, cache->name, 0);
}

/* How many files are there, and which of them for longest? */
static unsigned count_files(DIR *dir, char oldest[256])
{
	struct timespec time = { 0 };
	const struct dirent *entry;
	unsigned count = 0;
	struct stat st;

	rewinddir(dir);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (!count++ || st.st_mtim.tv_sec < time.tv_sec ||
		    (st.st_mtim.tv_sec == time.tv_sec &&
		     st.st_mtim.tv_nsec < time.tv_nsec)) {
			time = st.st_mtim;
			snprintf(oldest, 256, "%s", entry->d_name);
		}
	}
	return count;
}

/* Leave room for one more. */
static void make_room(const struct kernel_cache *cache)
{
	int fd = openat(cache->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char oldest[256];

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (count_files(dir, oldest) >= MAX_FILES) {
		if (unlinkat(dirfd(dir), oldest, 0))
			break;
	}
	closedir(dir);
}

static bool write_all(int fd, struct bytes bytes)
{
	for (size_t done = 0; done < bytes.size;) {
		const ssize_t n = write(fd, bytes.data + done, bytes.size - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return !fdatasync(fd);
}

void kernel_cache_write(const struct kernel_cache *cache, struct bytes unpacked)
{
	char name[128];
	bool ok;
	int fd;

	make_room(cache);
	snprintf(name, sizeof(name), "%s.%d", cache->name, getpid());
	fd = openat(cache->folder, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	ok = write_all(fd, unpacked);
	close(fd);
	if (!ok || renameat(cache->folder, name, cache->folder, cache->name))
		(void)unlinkat(cache->folder, name, 0);
}
