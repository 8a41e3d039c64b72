/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files: work on many small files, in a guest. No process is made for any of them, so that
 * it is the file system that takes the time.
 *
 * Usage: files create|list|stat|read|unlink FOLDER COUNT
 *
 * The files are in 16 folders below FOLDER, which `create` makes and `unlink` removes.
 *	create	open a new file, write 100 bytes, close it
 *	list	read the folders
 *	stat	ask for a file's status by its path
 *	read	open a file, read it to its end, close it
 *	unlink	remove a file
 * and all of it is with the host at the end. Says how many files there were and how many
 * microseconds it took.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDERS 16
#define SIZE    100

static void make_file(const char *path)
{
	static const char data[SIZE];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd < 0 || write(fd, data, SIZE) != SIZE || close(fd))
		err(1, "create %s", path);
}

static void stat_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) || st.st_size != SIZE)
		err(1, "stat %s", path);
}

static void read_file(const char *path)
{
	char data[4096];
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, data, sizeof(data)) != SIZE ||
	    read(fd, data, sizeof(data)) || close(fd))
		err(1, "read %s", path);
}

static void unlink_file(const char *path)
{
	if (unlink(path))
		err(1, "unlink %s", path);
}

static unsigned list_folder(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	unsigned count = 0;

	if (!dir)
		err(1, "%s", path);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static const struct {
	const char *name;
	void (*do_file)(const char *path);
} jobs[] = {
	{ "create", make_file }, { "list", NULL },          { "stat", stat_file },
	{ "read", read_file },   { "unlink", unlink_file },
};

/* What the guest has only in its cache goes to the host. */
static void write_back(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY);

	if (fd < 0 || syncfs(fd) || close(fd))
		err(1, "sync %s", path);
}

/* One folder of them, with `count` files. */
static unsigned work(unsigned job, const char *folder, unsigned count)
{
	char path[256];

	if (!jobs[job].do_file)
		return list_folder(folder);
	for (unsigned i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/file-%04u.c", folder, i);
		jobs[job].do_file(path);
	}
	return count;
}

int main(int argc, char **argv)
{
	unsigned job = 0, done = 0;
	struct timespec begin, end;

	if (argc != 4)
		errx(2, "usage: files JOB FOLDER COUNT");
	while (strcmp(argv[1], jobs[job].name))
		if (++job == sizeof(jobs) / sizeof(jobs[0]))
			errx(2, "no such job: %s", argv[1]);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (unsigned i = 0; i < FOLDERS; i++) {
		char folder[128];

		snprintf(folder, sizeof(folder), "%s/folder-%02u", argv[2], i);
		if (jobs[job].do_file == make_file && mkdir(folder, 0755))
			err(1, "%s", folder);
		done += work(job, folder, (unsigned)atoi(argv[3]) / FOLDERS);
		if (jobs[job].do_file == unlink_file && rmdir(folder))
			err(1, "%s", folder);
	}
	write_back(argv[2]);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("files %u us %.0f\n", done,
	       (double)(end.tv_sec - begin.tv_sec) * 1e6 +
		       (double)(end.tv_nsec - begin.tv_nsec) / 1e3);
	return 0;
}
