/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only block devices can be asked and told: the ioctls of linux/fs.h, and the
 * limits of their queue, which the kernel shows in sysfs only.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "block/engine.h"

/* A number in the queue folder of a device; a partition's is that of its disk. */
static uint32_t queue_limit(dev_t device, const char *name)
{
	static const char *const folders[] = { "queue", "../queue" };
	char path[128], text[32];

	for (unsigned i = 0; i < 2; i++) {
		ssize_t n;
		int fd;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(device),
			 minor(device), folders[i], name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		if (n <= 0)
			return 0;
		text[n] = '\0';
		return (uint32_t)strtoul(text, NULL, 10);
	}
	return 0;
}

int device_limits(int fd, struct device_limits *limits, struct err *err)
{
	int read_only = 0, logical = 0;
	unsigned physical = 0;
	struct stat st;

	if (fstat(fd, &st) || ioctl(fd, BLKROGET, &read_only) ||
	    ioctl(fd, BLKSSZGET, &logical) || ioctl(fd, BLKPBSZGET, &physical))
		return err_errno(err, "cannot ask the device for its block size");
	*limits = (struct device_limits){
		.logical_block_size = (uint32_t)logical,
		.physical_block_size = physical,
		.discard_granularity = queue_limit(st.st_rdev, "discard_granularity"),
		.read_only = read_only,
	};
	return 0;
}

int device_discard(int fd, uint64_t offset, uint64_t length)
{
	uint64_t range[2] = { offset, length };

	return ioctl(fd, BLKDISCARD, range);
}
