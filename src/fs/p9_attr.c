/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes of files and of their file system; ids and qids. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fs/p9_private.h"

#define NOBODY 65534u

/* `valid` of Rgetattr: what Linux calls P9_STATS_BASIC, and P9_STATS_BTIME. */
#define P9_STATS_BASIC 0x7ffu
#define P9_STATS_BTIME 0x800u

/* `valid` of Tsetattr. */
#define P9_ATTR_MODE      0x001u
#define P9_ATTR_UID       0x002u
#define P9_ATTR_GID       0x004u
#define P9_ATTR_SIZE      0x008u
#define P9_ATTR_ATIME     0x010u
#define P9_ATTR_MTIME     0x020u
#define P9_ATTR_ATIME_SET 0x080u
#define P9_ATTR_MTIME_SET 0x100u

#define NS_PER_S 1000000000u

uint64_t p9_qid_path(const struct p9 *p9, uint64_t device, uint64_t inode)
{
	/*
	 * The share's own file system has its own numbers. Those of another one are moved
	 * to a place that is its own, as far as 64 bits go.
	 */
	if (device == p9->root->identity.device)
		return inode;
	return inode + p9_mix(device - p9->root->identity.device);
}

/*
 * Linux does not cache what has version 0, so it never is; and cached pages of a
 * file are of no use when its version has changed.
 */
static uint32_t qid_version(const struct statx *stx)
{
	const uint32_t version =
		(uint32_t)p9_mix((uint64_t)stx->stx_mtime.tv_sec << 30 ^
				 stx->stx_mtime.tv_nsec ^ stx->stx_size << 8);

	return version ? version : 1;
}

void p9_put_qid(struct p9_call *call, const struct statx *stx)
{
	uint8_t type = P9_QTFILE;

	if (S_ISDIR(stx->stx_mode))
		type = P9_QTDIR;
	else if (S_ISLNK(stx->stx_mode))
		type = P9_QTSYMLINK;
	p9_put8(call, type);
	p9_put32(call, qid_version(stx));
	p9_put64(call,
		 p9_qid_path(call->p9, makedev(stx->stx_dev_major, stx->stx_dev_minor),
			     stx->stx_ino));
}

/* With uid=map we are root in the guest, and root is nobody. */
static uint32_t id_to_guest(const struct p9 *p9, uint32_t id, uint32_t ours)
{
	if (!p9->share->map_ids || ours == 0)
		return id;
	if (id == ours)
		return 0;
	return id == 0 ? NOBODY : id;
}

static uint32_t id_to_host(const struct p9 *p9, uint32_t id, uint32_t ours)
{
	return p9->share->map_ids && id == 0 ? ours : id;
}

static void put_time(struct p9_call *call, const struct statx_timestamp *time)
{
	p9_put64(call, (uint64_t)time->tv_sec);
	p9_put64(call, time->tv_nsec);
}

/* As the kernel packs a device number into 32 bits (new_encode_dev()). */
static uint64_t encode_device(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (uint64_t)major << 8 | (uint64_t)(minor & ~0xffu) << 12;
}

static void put_attributes(struct p9_call *call, const struct statx *stx)
{
	const struct p9 *p9 = call->p9;
	const bool has_btime = stx->stx_mask & STATX_BTIME;
	const struct statx_timestamp none = { 0 };

	p9_put64(call, P9_STATS_BASIC | (has_btime ? P9_STATS_BTIME : 0));
	p9_put_qid(call, stx);
	p9_put32(call, stx->stx_mode);
	p9_put32(call, id_to_guest(p9, stx->stx_uid, p9->uid));
	p9_put32(call, id_to_guest(p9, stx->stx_gid, p9->gid));
	p9_put64(call, stx->stx_nlink);
	p9_put64(call, encode_device(stx->stx_rdev_major, stx->stx_rdev_minor));
	p9_put64(call, stx->stx_size);
	p9_put64(call, stx->stx_blksize);
	p9_put64(call, stx->stx_blocks);
	put_time(call, &stx->stx_atime);
	put_time(call, &stx->stx_mtime);
	put_time(call, &stx->stx_ctime);
	put_time(call, has_btime ? &stx->stx_btime : &none);
	p9_put64(call, 0); /* gen */
	p9_put64(call, 0); /* data_version */
}

int p9_getattr(struct p9_call *call)
{
	struct statx stx;
	struct p9_use use;
	int error = p9_use_path(call, &use);

	if (error)
		return error;
	(void)p9_get64(call); /* which are wanted: they all come at once */
	error = call->error ? call->error : p9_stat(use.fd, &stx);
	if (!error)
		put_attributes(call, &stx);
	p9_use_end(call, &use);
	return error;
}

/* What Tsetattr says. */
struct change {
	uint32_t valid, mode, uid, gid;
	uint64_t size;
	struct timespec times[2]; /* atime, mtime */
};

static int change_size(struct p9 *p9, const struct p9_use *use, uint64_t size)
{
	const bool is_open = use->file && use->file->can_write;
	int fd = use->fd, error = 0;

	if (use->node->identity.type != S_IFREG)
		return use->node->identity.type == S_IFDIR ? EISDIR : EINVAL;
	if (size > INT64_MAX)
		return EFBIG;
	if (!is_open)
		fd = p9_reopen(p9, use->fd, O_WRONLY);
	if (fd < 0)
		return -fd;
	if (ftruncate(fd, (off_t)size))
		error = errno;
	if (!is_open)
		close(fd);
	return error;
}

static int change_owner(struct p9 *p9, int fd, const struct change *change)
{
	const uint32_t uid =
		change->valid & P9_ATTR_UID ? id_to_host(p9, change->uid, p9->uid) : ~0u;
	const uint32_t gid =
		change->valid & P9_ATTR_GID ? id_to_host(p9, change->gid, p9->gid) : ~0u;

	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) ? errno : 0;
}

static int change_mode(const struct p9 *p9, const struct p9_use *use, uint32_t mode)
{
	if (use->node->identity.type != S_IFDIR)
		mode = p9_safe_mode(p9, mode);
	return p9_chmod(p9, use->fd, mode);
}

static int change_times(struct p9 *p9, int fd, const struct change *change)
{
	struct timespec times[2] = { change->times[0], change->times[1] };
	char number[P9_NUMBER_SIZE];

	if (times[0].tv_nsec >= NS_PER_S || times[1].tv_nsec >= NS_PER_S)
		return EINVAL;
	if (!(change->valid & P9_ATTR_ATIME))
		times[0].tv_nsec = UTIME_OMIT;
	else if (!(change->valid & P9_ATTR_ATIME_SET))
		times[0].tv_nsec = UTIME_NOW;
	if (!(change->valid & P9_ATTR_MTIME))
		times[1].tv_nsec = UTIME_OMIT;
	else if (!(change->valid & P9_ATTR_MTIME_SET))
		times[1].tv_nsec = UTIME_NOW;
	return utimensat(p9->proc_fd, p9_number(fd, number), times, 0) ? errno : 0;
}

/*
 * In an order in which none undoes another: a new owner clears bits of the mode, a new size
 * sets times and may need a mode that is about to go.
 */
static int change_all(struct p9 *p9, const struct p9_use *use,
		      const struct change *change)
{
	int error = 0;

	if (change->valid & P9_ATTR_SIZE)
		error = change_size(p9, use, change->size);
	if (!error && (change->valid & (P9_ATTR_UID | P9_ATTR_GID)))
		error = change_owner(p9, use->fd, change);
	if (!error && (change->valid & P9_ATTR_MODE))
		error = change_mode(p9, use, change->mode);
	if (!error && (change->valid & (P9_ATTR_ATIME | P9_ATTR_MTIME)))
		error = change_times(p9, use->fd, change);
	return error;
}

int p9_setattr(struct p9_call *call)
{
	struct change change;
	struct p9_use use;
	int error = p9_use_path(call, &use);

	if (error)
		return error;
	change.valid = p9_get32(call);
	change.mode = p9_get32(call);
	change.uid = p9_get32(call);
	change.gid = p9_get32(call);
	change.size = p9_get64(call);
	for (unsigned i = 0; i < 2; i++) {
		change.times[i].tv_sec = (time_t)p9_get64(call);
		change.times[i].tv_nsec = (long)(p9_get64(call) & INT64_MAX);
	}
	error = call->error ? call->error : change_all(call->p9, &use, &change);
	p9_use_end(call, &use);
	return error;
}

int p9_statfs(struct p9_call *call)
{
	struct statfs fs;
	struct p9_use use;
	int error = p9_use_path(call, &use);

	if (error)
		return error;
	if (fstatfs(use.fd, &fs))
		error = errno;
	p9_use_end(call, &use);
	if (error)
		return error;
	/*
	 * Programs take the type for what they may expect, such as that inotify tells of
	 * each change. So it is what the guest has, and not what the host has.
	 */
	p9_put32(call, V9FS_MAGIC);
	p9_put32(call, (uint32_t)fs.f_bsize);
	p9_put64(call, fs.f_blocks);
	p9_put64(call, fs.f_bfree);
	p9_put64(call, fs.f_bavail);
	p9_put64(call, fs.f_files);
	p9_put64(call, fs.f_ffree);
	p9_put64(call, 0); /* fsid */
	p9_put32(call, (uint32_t)fs.f_namelen);
	return 0;
}
