/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * floppy_timeout: a program for a Linux guest that gives its floppy driver more time for a
 * command than the three seconds which it has: without DMA each byte is a few exits, and in
 * an emulated lab an exit takes what a byte takes on metal, ten times over.
 *
 *	floppy_timeout /dev/fd0
 */
#include <fcntl.h>
#include <linux/fd.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define JIFFIES 50000 /* 50 to 500 seconds */

int main(int argc, char **argv)
{
	struct floppy_drive_params params;
	/* Without O_NONBLOCK the driver would read the disk at once. */
	int fd = argc == 2 ? open(argv[1], O_RDWR | O_NONBLOCK) : -1;

	if (fd < 0 || ioctl(fd, FDGETDRVPRM, &params)) {
		perror("floppy_timeout");
		return 1;
	}
	params.timeout = JIFFIES;
	if (ioctl(fd, FDSETDRVPRM, &params)) {
		perror("floppy_timeout");
		return 1;
	}
	return 0;
}
