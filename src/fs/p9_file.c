/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening files, and what is in them. Data goes between the host's kernel and the guest's
 * memory with no copy, in one system call.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/p9_private.h"

/* Flags of Tlopen and Tlcreate; the low two bits are O_RDONLY, O_WRONLY and O_RDWR. */
#define P9_DOTL_EXCL  00000200u
#define P9_DOTL_TRUNC 00001000u
#define P9_DOTL_DSYNC 00010000u
#define P9_DOTL_SYNC  04000000u

/*
 * What open(2) is told. O_APPEND is not: a write says where it goes, and one from the
 * guest's page cache goes there, though it uses a fid that some program opened to append.
 * Nor is O_DIRECT: it is about the guest's cache, and the host's wants alignment.
 */
static int open_flags(uint32_t flags)
{
	int result = (int)(flags & O_ACCMODE);

	if (flags & P9_DOTL_TRUNC)
		result |= O_TRUNC;
	if ((flags & P9_DOTL_SYNC) == P9_DOTL_SYNC)
		result |= O_SYNC;
	else if (flags & P9_DOTL_DSYNC)
		result |= O_DSYNC;
	return result;
}

static bool is_for_writing(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

/* May a node of this type be opened like that? */
static int check_open(const struct p9_call *call, const struct p9_node *node, int flags)
{
	const uint32_t type = node->identity.type;

	if (type == S_IFLNK)
		return ELOOP;
	if (type != S_IFREG && type != S_IFDIR)
		return ENXIO;
	if (type == S_IFDIR)
		return is_for_writing(flags) ? EISDIR : 0;
	if (is_for_writing(flags) && (!call->p9->share->writable || node->forbidden))
		return EROFS;
	return node->forbidden ? EACCES : 0;
}

/* `fd` is a descriptor, which is taken over, or a negative errno; it was reserved. */
static int make_file(struct p9 *p9, enum p9_kind kind, int fd, int flags,
		     struct p9_file **file)
{
	*file = fd < 0 ? NULL : p9_file_new(kind, fd);
	if (*file) {
		(*file)->can_write = (flags & O_ACCMODE) != O_RDONLY;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	p9_file_unreserve(p9);
	return fd < 0 ? -fd : ENOMEM;
}

static int open_node(struct p9_call *call, struct p9_use *use, int flags)
{
	const bool is_directory = use->node->identity.type == S_IFDIR;
	struct p9 *p9 = call->p9;
	struct p9_file *file;
	int error = check_open(call, use->node, flags);

	if (!error && use->file)
		error = EBUSY;
	if (!error)
		error = p9_file_reserve(p9);
	if (!error)
		error = make_file(p9, is_directory ? P9_DIRECTORY : P9_FILE,
				  p9_reopen(p9, use->fd, flags), flags, &file);
	if (error)
		return error;
	return p9_fid_set_open(p9, use->fid, p9_node_get(p9, use->node), file);
}

int p9_lopen(struct p9_call *call)
{
	struct statx stx;
	struct p9_use use;
	uint32_t flags;
	int error = p9_use_path(call, &use);

	if (error)
		return error;
	flags = p9_get32(call);
	error = call->error ? call->error : p9_stat(use.fd, &stx);
	if (!error)
		error = open_node(call, &use, open_flags(flags));
	if (!error) {
		p9_put_qid(call, &stx);
		p9_put32(call, 0); /* iounit: as much as fits a message */
	}
	p9_use_end(call, &use);
	return error;
}

/* Bytes of a value of an attribute. */
static int read_value(struct p9_call *call, struct p9_file *file, uint64_t offset,
		      uint32_t count)
{
	const struct p9_request *request = call->request;

	pthread_mutex_lock(&file->lock);
	if (offset > file->size)
		offset = file->size;
	if (count > file->size - offset)
		count = (uint32_t)(file->size - offset);
	call->data_size = (uint32_t)p9_iov_write(
		request->in, request->nr_in, P9_READ_HEADER, file->value + offset, count);
	pthread_mutex_unlock(&file->lock);
	return 0;
}

static int read_file(struct p9_call *call, struct p9_file *file, uint64_t offset,
		     uint32_t count)
{
	const struct p9_request *request = call->request;
	struct iovec iov[P9_MAX_IOV];
	const unsigned nr =
		p9_iov_slice(iov, request->in, request->nr_in, P9_READ_HEADER, count);
	ssize_t n;

	if (offset > INT64_MAX)
		return EINVAL;
	do {
		n = preadv(file->fd, iov, (int)nr, (off_t)offset);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno;
	call->data_size = (uint32_t)n;
	return 0;
}

int p9_get_read(struct p9_call *call, uint64_t *offset, uint32_t *count)
{
	*offset = p9_get64(call);
	*count = p9_get32(call);
	if (call->error)
		return call->error;
	if (call->room < P9_READ_HEADER)
		return EMSGSIZE;
	if (*count > call->room - P9_READ_HEADER)
		*count = call->room - P9_READ_HEADER;
	return 0;
}

int p9_read(struct p9_call *call)
{
	struct p9_use use;
	uint64_t offset;
	uint32_t count;
	int error = p9_use_file(call, &use);

	if (error)
		return error;
	error = p9_get_read(call, &offset, &count);
	if (!error && use.file->kind == P9_FILE)
		error = read_file(call, use.file, offset, count);
	else if (!error && use.file->kind == P9_XATTR_VALUE)
		error = read_value(call, use.file, offset, count);
	else if (!error)
		error = use.file->kind == P9_DIRECTORY ? EISDIR : EBADF;
	if (!error)
		p9_put32(call, call->data_size);
	p9_use_end(call, &use);
	return error;
}

/* What is behind the header of a Twrite, to its place in the file. */
static int write_file(struct p9_call *call, const struct p9_file *file, uint64_t offset,
		      uint32_t *count)
{
	const struct p9_request *request = call->request;
	struct iovec iov[P9_MAX_IOV];
	const unsigned nr =
		p9_iov_slice(iov, request->out, request->nr_out, P9_WRITE_HEADER, *count);
	ssize_t n;

	if (offset > INT64_MAX)
		return EINVAL;
	do {
		n = pwritev(file->fd, iov, (int)nr, (off_t)offset);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno;
	*count = (uint32_t)n;
	return 0;
}

int p9_write(struct p9_call *call)
{
	struct p9_use use;
	uint64_t offset;
	uint32_t count;
	int error = p9_use_file(call, &use);

	if (error)
		return error;
	offset = p9_get64(call);
	count = p9_get32(call);
	error = call->error;
	if (!error && count > call->header.size - P9_WRITE_HEADER)
		error = EBADMSG;
	if (!error && use.file->kind == P9_FILE)
		error = write_file(call, use.file, offset, &count);
	else if (!error && use.file->kind == P9_XATTR_NEW)
		error = p9_xattr_write(call, use.file, offset, &count);
	else if (!error)
		error = EBADF;
	if (!error)
		p9_put32(call, count);
	p9_use_end(call, &use);
	return error;
}

int p9_fsync(struct p9_call *call)
{
	struct p9_use use;
	uint32_t datasync;
	int error = p9_use_file(call, &use);

	if (error)
		return error;
	datasync = p9_get32(call);
	error = call->error;
	if (!error && use.fd < 0)
		error = EBADF;
	/* What others have written is not the guest's to push to their disk. */
	if (!error && call->p9->share->writable &&
	    (datasync ? fdatasync(use.fd) : fsync(use.fd)))
		error = errno;
	p9_use_end(call, &use);
	return error;
}

/* What Tlcreate says. */
struct creation {
	const char *name;
	int flags;
	bool exclusive;
	uint32_t mode, gid;
};

/* Make it and open it: its descriptor and node. */
static int create(struct p9_call *call, const struct p9_use *dir,
		  const struct creation *creation, int *fd, struct p9_node **node,
		  struct statx *stx)
{
	struct p9 *p9 = call->p9;
	int error;

	pthread_rwlock_rdlock(&p9->names);
	*fd = p9_open_beneath(p9, dir->fd, creation->name,
			      creation->flags | O_CREAT | O_EXCL, creation->mode & 07777);
	error = *fd < 0 ? -*fd
			: p9_settle(call, dir, *fd, creation->mode & 07777, creation->gid,
				    stx);
	if (!error)
		error = p9_node_adopt(p9, dir->node, creation->name, *fd, false, stx,
				      node);
	pthread_rwlock_unlock(&p9->names);
	if (error && *fd >= 0)
		close(*fd);
	return error;
}

/* It was there before. */
static int open_existing(struct p9_call *call, const struct p9_use *dir,
			 const struct creation *creation, int *fd, struct p9_node **node,
			 struct statx *stx)
{
	struct p9 *p9 = call->p9;
	int path_fd = -1;
	int error = p9_node_child(p9, dir->node, dir->fd, creation->name, node, stx);

	if (error)
		return error;
	error = check_open(call, *node, creation->flags);
	if (!error && (*node)->identity.type == S_IFDIR)
		error = EISDIR;
	if (!error)
		path_fd = p9_node_pin(p9, *node);
	if (!error && path_fd < 0)
		error = -path_fd;
	if (!error) {
		*fd = p9_reopen(p9, path_fd, creation->flags);
		p9_node_unpin(p9, *node);
		error = *fd < 0 ? -*fd : 0;
	}
	if (error)
		p9_node_put(p9, *node);
	return error;
}

/* The fid of a folder becomes that of a file in it. */
static int create_file(struct p9_call *call, struct p9_use *dir,
		       const struct creation *creation)
{
	struct p9_node *node = NULL;
	struct p9 *p9 = call->p9;
	struct p9_file *file;
	struct statx stx;
	int fd = -1;
	int error = dir->file ? EBUSY : p9_file_reserve(p9);

	if (error)
		return error;
	error = create(call, dir, creation, &fd, &node, &stx);
	if (error == EEXIST && !creation->exclusive)
		error = open_existing(call, dir, creation, &fd, &node, &stx);
	if (error) {
		p9_file_unreserve(p9);
		return error;
	}
	error = make_file(p9, P9_FILE, fd, creation->flags, &file);
	if (error) {
		p9_node_put(p9, node);
		return error;
	}
	error = p9_fid_set_open(p9, dir->fid, node, file);
	if (!error) {
		p9_put_qid(call, &stx);
		p9_put32(call, 0);
	}
	return error;
}

int p9_lcreate(struct p9_call *call)
{
	struct creation creation;
	struct p9_use dir;
	uint32_t flags;
	int error = p9_use_path(call, &dir);

	if (error)
		return error;
	creation.name = p9_get_name(call).text;
	flags = p9_get32(call);
	creation.mode = p9_safe_mode(call->p9, p9_get32(call));
	creation.gid = p9_get32(call);
	creation.flags = open_flags(flags);
	creation.exclusive = flags & P9_DOTL_EXCL;
	error = call->error ? call->error : create_file(call, &dir, &creation);
	p9_use_end(call, &dir);
	return error;
}
