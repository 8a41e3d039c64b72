/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of the host's kernel, as the server makes them: confined, and never to wait. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fs/p9_private.h"

/* openat2() says EAGAIN when it could not be sure because of a rename. */
#define OPEN_TRIES 16

static int stat_at(int fd, const char *name, int flags, struct statx *stx)
{
	*stx = (struct statx){ 0 };
	return statx(fd, name, flags, STATX_BASIC_STATS | STATX_BTIME, stx) ? errno : 0;
}

int p9_stat(int fd, struct statx *stx)
{
	return stat_at(fd, "", AT_EMPTY_PATH, stx);
}

int p9_stat_at(int dir_fd, const char *name, struct statx *stx)
{
	return stat_at(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, stx);
}

const char *p9_number(int fd, char text[P9_NUMBER_SIZE])
{
	snprintf(text, P9_NUMBER_SIZE, "%d", fd);
	return text;
}

int p9_chmod(const struct p9 *p9, int fd, uint32_t mode)
{
	char number[P9_NUMBER_SIZE];

	return fchmodat(p9->proc_fd, p9_number(fd, number), mode & 07777, 0) ? errno : 0;
}

int p9_open_beneath(struct p9 *p9, int dir, const char *path, int flags, mode_t mode)
{
	const struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};

	for (unsigned tries = 1;; tries++) {
		const long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno == EMFILE && p9_cache_shrink(p9))
			continue;
		if ((errno != EAGAIN && errno != EINTR) || tries == OPEN_TRIES)
			return -errno;
	}
}

int p9_reopen(struct p9 *p9, int fd, int flags)
{
	char number[P9_NUMBER_SIZE];

	for (;;) {
		/* O_NONBLOCK: no lease of somebody else shall make us wait. */
		const int opened = openat(p9->proc_fd, p9_number(fd, number),
					  flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		if (opened >= 0)
			return opened;
		if (errno != EMFILE || !p9_cache_shrink(p9))
			return -errno;
	}
}

void p9_close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

bool p9_is_of_kernel(int fd)
{
	static const uint64_t magics[] = {
		PROC_SUPER_MAGIC,
		SYSFS_MAGIC,
		DEBUGFS_MAGIC,
		TRACEFS_MAGIC,
		SECURITYFS_MAGIC,
		SELINUX_MAGIC,
		SMACK_MAGIC,
		CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC,
		BPF_FS_MAGIC,
		BINFMTFS_MAGIC,
		PSTOREFS_MAGIC,
		EFIVARFS_MAGIC,
		RDTGROUP_SUPER_MAGIC,
		XENFS_SUPER_MAGIC,
		0x67596969 /* rpc_pipefs */,
		0x6e667364 /* nfsd */,
		0x62656570 /* configfs */,
		0x65735543 /* fusectl */,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return true;
	for (unsigned i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		if ((uint64_t)fs.f_type == magics[i])
			return true;
	}
	return false;
}
