/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fsx: random operations on files, a Linux program for guests and hosts alike.
 *
 *	fsx FOLDER LOG SEED COUNT [mmap]
 *
 * It does COUNT operations in FOLDER, which is empty, and writes a line for each to LOG:
 * what it did, what came of it, and a hash of what it read. They depend on SEED alone, so
 * the same on another file system has to give the same log, and the same files. With `mmap`
 * also by shared mappings. Names are few, so that operations meet.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FILES    6
#define MAX_SIZE (300u << 10)
#define PATH     24

static FILE *record;
static uint64_t state;
static int files[FILES]; /* open, or -1 */
static uint8_t buffer[MAX_SIZE];

static uint32_t random_below(uint32_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % n;
}

/* Of FNV-1a. */
static uint32_t hash_of(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

static void tell(long result)
{
	fprintf(record, " = %ld%s%s\n", result, result < 0 ? " " : "",
		result < 0 ? strerrorname_np(errno) : "");
}

/* A name in the folder or in one of two others, which may be there or not. */
static const char *some_path(char path[PATH])
{
	static const char *const folders[] = { "", "", "d0/", "d1/", "d0/d2/" };

	if (random_below(6) == 0)
		snprintf(path, PATH, "%s", random_below(2) ? "d0/d2" : "d1");
	else
		snprintf(path, PATH, "%s%c", folders[random_below(5)],
			 'a' + (char)random_below(6));
	return path;
}

static const char *some_folder(void)
{
	static const char *const folders[] = { "d0", "d1", "d0/d2", "." };

	return folders[random_below(4)];
}

static uint32_t fill(void)
{
	const uint32_t size = 1 + random_below(random_below(4) ? 5000 : 70000);
	const uint32_t seed = random_below(1u << 30);

	for (uint32_t i = 0; i < size; i++)
		buffer[i] = (uint8_t)((i * 2654435761u + seed) >> 11);
	return size;
}

static void do_open(void)
{
	static const int flags[] = {
		O_RDWR | O_CREAT,           O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL,
		O_RDWR | O_CREAT | O_TRUNC, O_RDWR,           O_RDONLY,
		O_RDWR | O_CREAT | O_APPEND
	};
	const uint32_t slot = random_below(FILES), how = random_below(7);
	char path[PATH];

	if (files[slot] >= 0)
		close(files[slot]);
	some_path(path);
	files[slot] = open(path, flags[how] | O_NOFOLLOW, 0640);
	fprintf(record, "open %u %s %u", slot, path, how);
	tell(files[slot] < 0 ? -1 : 0);
}

static void do_close(void)
{
	const uint32_t slot = random_below(FILES);

	fprintf(record, "close %u", slot);
	tell(close(files[slot]));
	files[slot] = -1;
}

static void do_write(void)
{
	const uint32_t slot = random_below(FILES), size = fill();
	const uint32_t at = random_below(MAX_SIZE - size);

	fprintf(record, "write %u %u %u", slot, at, size);
	tell(pwrite(files[slot], buffer, size, at));
}

static void do_append(void)
{
	const uint32_t slot = random_below(FILES), size = fill();

	/* It must not grow for ever. */
	if (lseek(files[slot], 0, SEEK_END) > (off_t)MAX_SIZE) {
		fprintf(record, "no append\n");
		return;
	}
	fprintf(record, "append %u %u", slot, size);
	tell(write(files[slot], buffer, size));
}

static void do_read(void)
{
	const uint32_t slot = random_below(FILES), at = random_below(MAX_SIZE);
	const ssize_t n = pread(files[slot], buffer, 1 + random_below(MAX_SIZE - 1), at);

	fprintf(record, "read %u %u %08x", slot, at,
		hash_of(buffer, n > 0 ? (size_t)n : 0));
	tell(n);
}

static void do_truncate(void)
{
	const uint32_t slot = random_below(FILES), size = random_below(MAX_SIZE);
	char path[PATH];

	if (random_below(2)) {
		fprintf(record, "ftruncate %u %u", slot, size);
		tell(ftruncate(files[slot], size));
	} else {
		fprintf(record, "truncate %s %u", some_path(path), size);
		tell(truncate(path, size));
	}
}

/* Two names. */
static void do_rename(void)
{
	char from[PATH], to[PATH];

	some_path(from);
	some_path(to);
	fprintf(record, "rename %s %s", from, to);
	tell(rename(from, to));
}

static void do_link(void)
{
	char from[PATH], to[PATH];

	some_path(from);
	some_path(to);
	if (random_below(2)) {
		fprintf(record, "link %s %s", from, to);
		tell(link(from, to));
	} else {
		fprintf(record, "symlink %s %s", from, to);
		tell(symlink(from, to));
	}
}

static void do_unlink(void)
{
	char path[PATH];

	fprintf(record, "unlink %s", some_path(path));
	tell(unlink(path));
}

static void do_folder(void)
{
	const char *path = some_folder();

	if (random_below(3)) {
		fprintf(record, "mkdir %s", path);
		tell(mkdir(path, 0755));
	} else {
		fprintf(record, "rmdir %s", path);
		tell(rmdir(path));
	}
}

static void do_readlink(void)
{
	char path[PATH], target[PATH + 1] = "";
	const ssize_t n = readlink(some_path(path), target, PATH);

	fprintf(record, "readlink %s %s", path, target);
	tell(n);
}

static void tell_status(const struct stat *st, int result)
{
	if (result == 0 && S_ISREG(st->st_mode))
		fprintf(record, " size %lld", (long long)st->st_size);
	if (result == 0 && !S_ISDIR(st->st_mode))
		fprintf(record, " links %u", (unsigned)st->st_nlink);
	if (result == 0)
		fprintf(record, " mode %o owner %u:%u", st->st_mode, st->st_uid,
			st->st_gid);
	tell(result);
}

static void do_stat(void)
{
	const uint32_t slot = random_below(FILES);
	struct stat st;
	char path[PATH];
	int result;

	switch (random_below(3)) {
	case 0:
		fprintf(record, "fstat %u", slot);
		result = fstat(files[slot], &st);
		break;
	case 1:
		fprintf(record, "lstat %s", some_path(path));
		result = lstat(path, &st);
		break;
	default:
		fprintf(record, "stat %s", some_path(path));
		result = stat(path, &st);
		break;
	}
	tell_status(&st, result);
}

static void do_change(void)
{
	const uint32_t value = random_below(512), slot = random_below(FILES);
	/* Whole seconds: Linux's 9P client cuts what is below. */
	struct timespec times[2] = { { .tv_sec = 1000000 + value },
				     { .tv_sec = 2000000 + value } };
	struct stat st;
	char path[PATH];
	int result;

	some_path(path);
	switch (random_below(4)) {
	case 0:
		fprintf(record, "chmod %s %o", path, value);
		tell(chmod(path, value));
		break;
	case 1:
		fprintf(record, "fchmod %u %o", slot, value);
		tell(fchmod(files[slot], value));
		break;
	case 2:
		fprintf(record, "chown %s %u", path, value);
		tell(lchown(path, value, value + 1));
		break;
	default:
		result = utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
		fprintf(record, "utimens %s", path);
		if (result == 0 && lstat(path, &st) == 0)
			fprintf(record, " %lld", (long long)st.st_mtim.tv_sec);
		tell(result);
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void do_list(void)
{
	const char *path = some_folder();
	DIR *folder = opendir(path);
	char *names[64];
	unsigned n = 0;
	const struct dirent *entry;

	fprintf(record, "list %s", path);
	while (folder && (entry = readdir(folder)) && n < 64)
		names[n++] = strdup(entry->d_name);
	qsort(names, n, sizeof(names[0]), compare);
	for (unsigned i = 0; i < n; i++) {
		fprintf(record, " %s", names[i]);
		free(names[i]);
	}
	tell(folder ? (long)n : -1);
	if (folder)
		closedir(folder);
}

static void do_sync(void)
{
	const uint32_t slot = random_below(FILES);

	fprintf(record, "fsync %u", slot);
	tell(random_below(2) ? fsync(files[slot]) : fdatasync(files[slot]));
}

static void do_xattr(void)
{
	const char *name = random_below(2) ? "user.one" : "user.two";
	char path[PATH];
	ssize_t n;

	some_path(path);
	switch (random_below(4)) {
	case 0:
		n = fill() % 500;
		fprintf(record, "setxattr %s %s %zd", path, name, n);
		tell(lsetxattr(path, name, buffer, (size_t)n, 0));
		break;
	case 1:
		fprintf(record, "removexattr %s %s", path, name);
		tell(lremovexattr(path, name));
		break;
	default:
		n = lgetxattr(path, name, buffer, sizeof(buffer));
		fprintf(record, "getxattr %s %s %08x", path, name,
			hash_of(buffer, n > 0 ? (size_t)n : 0));
		tell(n);
	}
}

static void do_map(void)
{
	const uint32_t slot = random_below(FILES), size = fill();
	const uint32_t at = random_below(MAX_SIZE - size);
	struct stat st;
	uint8_t *map;

	if (fstat(files[slot], &st) || st.st_size < at + size ||
	    (fcntl(files[slot], F_GETFL) & O_ACCMODE) != O_RDWR) {
		fprintf(record, "no map\n");
		return;
	}
	map = mmap(NULL, at + size, PROT_READ | PROT_WRITE, MAP_SHARED, files[slot], 0);
	fprintf(record, "map %u %u %u", slot, at, size);
	if (map == MAP_FAILED) {
		tell(-1);
		return;
	}
	fprintf(record, " %08x", hash_of(map, at + size));
	memcpy(map + at, buffer, size);
	tell(random_below(2) ? msync(map, at + size, MS_SYNC) : 0);
	munmap(map, at + size);
}

static void (*const operations[])(void) = {
	do_open,     do_open,   do_open, do_close,  do_write,  do_write,  do_write,
	do_append,   do_read,   do_read, do_read,   do_stat,   do_stat,   do_truncate,
	do_truncate, do_rename, do_link, do_unlink, do_unlink, do_folder, do_folder,
	do_readlink, do_change, do_list, do_sync,   do_xattr,
};

#define NR_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

int main(int argc, char **argv)
{
	const bool maps = argc == 6 && strcmp(argv[5], "mmap") == 0;

	if (argc < 5 || !(record = fopen(argv[2], "w")) || chdir(argv[1])) {
		perror("fsx");
		return 2;
	}
	umask(022);
	state = strtoull(argv[3], NULL, 10);
	for (unsigned i = 0; i < FILES; i++)
		files[i] = -1;
	for (unsigned long i = 0, count = strtoul(argv[4], NULL, 10); i < count; i++) {
		const uint32_t which = random_below(NR_OPERATIONS + maps);

		fprintf(record, "%lu ", i);
		if (which < NR_OPERATIONS)
			operations[which]();
		else
			do_map();
	}
	for (unsigned i = 0; i < FILES; i++)
		close(files[i]);
	return fclose(record) ? 1 : 0;
}
