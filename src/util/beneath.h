/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of a folder that may be by somebody who would like to read with our rights: a tree
 * that came from elsewhere, or that a guest can write to.
 */
#ifndef TANE_UTIL_BENEATH_H
#define TANE_UTIL_BENEATH_H

#include "util/err.h"
#include "util/fd.h"

/*
 * Open a file for reading that lies in `folder`, and is regular. A path that leads out, by
 * itself or by a link, is refused, and nothing in it makes this wait. The descriptor is the
 * caller's. Else it is a negative errno, with a message that does not name the file.
 */
int beneath_open(int folder, const char *path, struct err *err);

/* The contents of it, as of file_read_fd(). 0, or a negative errno with a message. */
int beneath_read(struct file_contents *file, int folder, const char *path, uint64_t max,
		 struct err *err);

/*
 * What beneath_open() does first where the kernel has no openat2(), which came with Linux
 * 5.6: follow no link at all. A descriptor, or -1 with errno.
 */
int beneath_walk(int folder, const char *path);

#endif
