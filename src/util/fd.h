/* SPDX-License-Identifier: BSD-2-Clause */
/* File descriptors: whole reads and writes, and the contents of files. */
#ifndef TANE_UTIL_FD_H
#define TANE_UTIL_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/bytes.h"
#include "util/err.h"

/* Open a regular file (or block device) for reading and learn its size. -1 on error. */
int fd_open_image(const char *path, uint64_t *size, struct err *err);

/* Read exactly `size` bytes at `offset`. -1 on an error or an early end of file. */
int fd_read_at(int fd, void *to, size_t size, uint64_t offset, struct err *err);

/* The contents of a file in anonymous memory. */
struct file_contents {
	struct bytes bytes;
	size_t mapped; /* bytes to unmap */
};

/* Read all of `path`, at most `max` bytes; more is an error. Messages name the file. */
int file_read(struct file_contents *file, const char *path, uint64_t max,
	      struct err *err);
/* The same of a file that is open, and has `size` bytes. */
int file_read_fd(struct file_contents *file, int fd, uint64_t size, uint64_t max,
		 struct err *err);
void file_release(struct file_contents *file);

/*
 * A descriptor for the same pipe or terminal that does not block, without
 * changing the blocking mode of `fd`, which others may share: the file is opened
 * anew through /proc. Where that cannot be (sockets, regular files, somebody
 * else's pipe), or need not be, a duplicate. The caller closes it. -1 on error.
 */
int fd_reopen_nonblocking(int fd, int flags, struct err *err);

/*
 * read(2) and write(2) that give EAGAIN instead of waiting, for any descriptor
 * of fd_reopen_nonblocking(). Write at most PIPE_BUF bytes at a time.
 */
ssize_t fd_try_read(int fd, void *to, size_t size);
ssize_t fd_try_write(int fd, const void *from, size_t size);

/*
 * Does `error`, of reading or writing `fd`, say that the other side has ended it, and not
 * that something is wrong? A terminal that hung up says EIO.
 */
bool fd_is_hangup(int fd, int error);

/* Do both lead to the same file, pipe or terminal? */
bool fd_is_same_file(int one, int other);

/*
 * Allow us as many descriptors as the system lets us have. The usual limit, 1024, is for
 * programs that use select(2); a queue of a device takes two.
 */
void fd_raise_limit(void);

/* Make sure that 0, 1 and 2 are open, so that nothing else gets these numbers. */
int fd_open_standard(struct err *err);

#endif
