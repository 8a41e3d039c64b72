/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New things in folders. They belong to who asked for them if we may give files away, which
 * root may, else to us; and they have all the mode that was asked for, as the guest has
 * applied its own umask.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/p9_private.h"

#define ALL_BITS 07777u
#define SET_IDS  06000u

uint32_t p9_safe_mode(const struct p9 *p9, uint32_t mode)
{
	return p9->uid ? mode & ~SET_IDS : mode;
}

int p9_settle(struct p9_call *call, const struct p9_use *dir, int fd, uint32_t mode,
	      uint32_t gid, struct statx *stx)
{
	const struct p9 *p9 = call->p9;
	const uint32_t uid = dir->fid->uid == P9_NONUNAME ? p9->uid : dir->fid->uid;
	uint32_t missing;
	int error;

	/* Where it does not work it stays ours: root of a user namespace has not all ids. */
	if (p9->uid == 0 && (uid != p9->uid || gid != p9->gid))
		(void)!fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
	error = p9_stat(fd, stx);
	if (error || S_ISLNK(stx->stx_mode))
		return error;
	missing = mode & ~(uint32_t)stx->stx_mode & (p9->umask | SET_IDS);
	if (!missing)
		return 0;
	error = p9_chmod(p9, fd, stx->stx_mode | missing);
	return error ? error : p9_stat(fd, stx);
}

/* Reply with the qid of `name`, which was just made. */
static int finish(struct p9_call *call, const struct p9_use *dir, const char *name,
		  uint32_t mode, uint32_t gid)
{
	struct statx stx;
	int error;
	int fd = p9_open_beneath(call->p9, dir->fd, name, O_PATH | O_NOFOLLOW, 0);

	if (fd < 0)
		return -fd;
	error = p9_settle(call, dir, fd, mode & ALL_BITS, gid, &stx);
	close(fd);
	if (!error)
		p9_put_qid(call, &stx);
	return error;
}

int p9_mkdir(struct p9_call *call)
{
	struct p9_string name;
	uint32_t mode, gid;
	struct p9_use dir;
	int error = p9_use_path(call, &dir);

	if (error)
		return error;
	name = p9_get_name(call);
	mode = p9_get32(call);
	gid = p9_get32(call);
	error = call->error;
	if (!error && mkdirat(dir.fd, name.text, mode & ALL_BITS))
		error = errno;
	if (!error)
		error = finish(call, &dir, name.text, mode, gid);
	p9_use_end(call, &dir);
	return error;
}

int p9_symlink(struct p9_call *call)
{
	struct p9_string name, target;
	struct p9_use dir;
	uint32_t gid;
	int error = p9_use_path(call, &dir);

	if (error)
		return error;
	name = p9_get_name(call);
	target = p9_get_string(call);
	gid = p9_get32(call);
	error = call->error;
	if (!error && symlinkat(target.text, dir.fd, name.text))
		error = errno;
	if (!error)
		error = finish(call, &dir, name.text, 0, gid);
	p9_use_end(call, &dir);
	return error;
}

int p9_mknod(struct p9_call *call)
{
	uint32_t mode, major, minor, gid;
	struct p9_string name;
	struct p9_use dir;
	int error = p9_use_path(call, &dir);

	if (error)
		return error;
	name = p9_get_name(call);
	mode = p9_get32(call);
	major = p9_get32(call);
	minor = p9_get32(call);
	gid = p9_get32(call);
	mode = p9_safe_mode(call->p9, mode);
	error = call->error;
	/* Whether it may be a device is up to the host; nobody here opens it. */
	if (!error && mknodat(dir.fd, name.text, mode, makedev(major, minor)))
		error = errno;
	if (!error)
		error = finish(call, &dir, name.text, mode, gid);
	p9_use_end(call, &dir);
	return error;
}
