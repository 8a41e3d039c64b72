/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of a folder that may be hostile; see beneath.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/beneath.h"

/* A FIFO, a terminal or a lease in place of a file must not hang us. */
#define FILE_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* openat2() says EAGAIN when it could not be sure because of a rename. */
#define OPEN_TRIES 16

static int close_keeping_errno(int fd)
{
	const int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

/* One name of a path. A link on the way is no folder, and should be told as what it is. */
static int step(int folder, const char *name, bool is_last)
{
	const int flags = is_last ? FILE_FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC;
	const int fd = openat(folder, name, flags | O_NOFOLLOW);
	char target;

	if (fd < 0 && errno == ENOTDIR)
		errno = readlinkat(folder, name, &target, 1) < 0 ? ENOTDIR : ELOOP;
	return fd;
}

int beneath_walk(int folder, const char *path)
{
	char name[NAME_MAX + 1];
	int at = folder;

	if (path[0] == '/') {
		errno = EXDEV;
		return -1;
	}
	for (;;) {
		const size_t n = strcspn(path, "/");
		const size_t gap = strspn(path + n, "/");
		int next = -1;

		if (n <= NAME_MAX) {
			memcpy(name, path, n);
			name[n] = '\0';
			errno = EXDEV;
			if (strcmp(name, "..") != 0)
				next = step(at, name, !path[n + gap]);
		} else {
			errno = ENAMETOOLONG;
		}
		if (at != folder)
			(void)close_keeping_errno(at);
		path += n + gap;
		if (next < 0 || !path[0])
			return next;
		at = next;
	}
}

static int open_file(int folder, const char *path)
{
	const struct open_how how = {
		.flags = FILE_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	for (unsigned tries = 1;; tries++) {
		const long fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno == ENOSYS)
			return beneath_walk(folder, path);
		if ((errno != EAGAIN && errno != EINTR) || tries == OPEN_TRIES)
			return -1;
	}
}

int beneath_open(int folder, const char *path, struct err *err)
{
	const int fd = open_file(folder, path);
	const int error = errno;
	struct stat st;

	if (fd < 0) {
		if (error == EXDEV || error == ELOOP)
			err_set(err,
				"a link or \"..\" in its path leads out of the folder: "
				"put the file itself there");
		else
			err_errno(err, "cannot open it");
		return -error;
	}
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	err_set(err, "not a regular file");
	return -EINVAL;
}

int beneath_read(struct file_contents *file, int folder, const char *path, uint64_t max,
		 struct err *err)
{
	const int fd = beneath_open(folder, path, err);
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		r = err_errno(err, "cannot look at it");
	else
		r = file_read_fd(file, fd, (uint64_t)st.st_size, max, err);
	close(fd);
	return r ? -EIO : 0;
}
