/* SPDX-License-Identifier: BSD-2-Clause */
/* File descriptors and files; see fd.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fd.h"

int fd_open_image(const char *path, uint64_t *size, struct err *err)
{
	struct stat st;
	off_t end;
	/* O_NONBLOCK: a FIFO in place of a file must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_errno(err, "cannot open it");
	if (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) {
		end = lseek(fd, 0, SEEK_END);
		if (end >= 0) {
			*size = (uint64_t)end;
			return fd;
		}
	}
	close(fd);
	return err_set(err, "not a regular file");
}

int fd_read_at(int fd, void *to, size_t size, uint64_t offset, struct err *err)
{
	uint8_t *at = to;

	while (size) {
		ssize_t n = pread(fd, at, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "cannot read it");
		if (n == 0)
			return err_set(err, "it became shorter while it was read");
		at += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int file_read_fd(struct file_contents *file, int fd, uint64_t size, uint64_t max,
		 struct err *err)
{
	void *data;

	if (size > max)
		return err_set(err, "%llu bytes do not fit: at most %llu",
			       (unsigned long long)size, (unsigned long long)max);
	if (size == 0) {
		*file = (struct file_contents){ 0 };
		return 0;
	}
	data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (data == MAP_FAILED)
		return err_errno(err, "no memory for its %llu bytes",
				 (unsigned long long)size);
	(void)madvise(data, size, MADV_HUGEPAGE);
	if (fd_read_at(fd, data, size, 0, err)) {
		munmap(data, size);
		return -1;
	}
	*file = (struct file_contents){ .bytes = { data, size }, .mapped = size };
	return 0;
}

int file_read(struct file_contents *file, const char *path, uint64_t max, struct err *err)
{
	uint64_t size = 0;
	int fd = fd_open_image(path, &size, err);
	int r;

	if (fd < 0)
		return err_prefix(err, "\"%s\": ", path);
	r = file_read_fd(file, fd, size, max, err);
	close(fd);
	return r ? err_prefix(err, "\"%s\": ", path) : 0;
}

void file_release(struct file_contents *file)
{
	if (file->mapped)
		munmap((void *)(uintptr_t)file->bytes.data, file->mapped);
	*file = (struct file_contents){ 0 };
}

static bool is_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_NONBLOCK);
}

/* Is it open for reading, or writing, as in `flags`? */
static bool allows(int fd, int flags)
{
	const int mode = fcntl(fd, F_GETFL) & O_ACCMODE;

	return mode == O_RDWR || mode == (flags & O_ACCMODE);
}

int fd_reopen_nonblocking(int fd, int flags, struct err *err)
{
	struct stat st;
	char path[32];
	int copy = -1;

	if (fstat(fd, &st))
		return err_errno(err, "descriptor %d", fd);
	/*
	 * A pseudo terminal's master cannot be opened anew: it comes as it should be. And
	 * what `fd` may not do, its copy shall not.
	 */
	if (!is_nonblocking(fd) && allows(fd, flags) &&
	    (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		copy = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	}
	if (copy < 0)
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return err_errno(err, "descriptor %d", fd);
	return copy;
}

/* Can a blocking descriptor do this now? Regular files always can. */
static bool is_ready(int fd, short events)
{
	struct pollfd pollfd = { .fd = fd, .events = events };

	return poll(&pollfd, 1, 0) > 0;
}

ssize_t fd_try_read(int fd, void *to, size_t size)
{
	ssize_t n = recv(fd, to, size, MSG_DONTWAIT);

	if (n >= 0 || errno != ENOTSOCK)
		return n;
	if (!is_nonblocking(fd) && !is_ready(fd, POLLIN)) {
		errno = EAGAIN;
		return -1;
	}
	return read(fd, to, size);
}

ssize_t fd_try_write(int fd, const void *from, size_t size)
{
	ssize_t n = send(fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0 || errno != ENOTSOCK)
		return n;
	if (!is_nonblocking(fd) && !is_ready(fd, POLLOUT)) {
		errno = EAGAIN;
		return -1;
	}
	return write(fd, from, size);
}

bool fd_is_hangup(int fd, int error)
{
	struct stat st;

	return error == EPIPE || error == ECONNRESET ||
	       (error == EIO && !fstat(fd, &st) && S_ISCHR(st.st_mode));
}

bool fd_is_same_file(int one, int other)
{
	struct stat a, b;

	return !fstat(one, &a) && !fstat(other, &b) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

int fd_open_standard(struct err *err)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/*
		 * The lowest free number is the one that is missing. Reading finds the end
		 * there, and writing fails as it would have.
		 */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
			return err_errno(err, "/dev/null");
	}
	return 0;
}

void fd_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}
