/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended attributes. Txattrwalk makes a fid of a value, or of the list of names, which is
 * read then as a file is. Txattrcreate makes one into a value, which is written as a file
 * is, and set when the fid is clunked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/p9_private.h"

/* Calls on a descriptor want an open one, and we have O_PATH. */
#define PATH_SIZE 32u

static void path_of(char path[PATH_SIZE], int fd)
{
	snprintf(path, PATH_SIZE, "/proc/self/fd/%d", fd);
}

/* A value, or with no name the list of names: its size, or -1. */
static ssize_t get(const char *path, const struct p9_string *name, void *to, size_t size)
{
	return name->length ? getxattr(path, name->text, to, size)
			    : listxattr(path, to, size);
}

/* Memory for a value, within what all of them may have. */
static int allot(struct p9 *p9, struct p9_file *file, size_t size)
{
	bool fits;

	if (size > P9_MAX_XATTR)
		return E2BIG;
	file->value = malloc(size + 1);
	if (!file->value)
		return ENOMEM;
	pthread_mutex_lock(&p9->lock);
	fits = p9->nr_values < P9_MAX_VALUES && p9->xattr_bytes + size <= P9_XATTR_BUDGET;
	if (fits) {
		p9->nr_values++;
		p9->xattr_bytes += size;
		file->size = size;
		file->counted = true;
	}
	pthread_mutex_unlock(&p9->lock);
	return fits ? 0 : ENOSPC;
}

/* It is shorter than was said: changed meanwhile, or an overlayfs that hides some names. */
static void shorten(struct p9 *p9, struct p9_file *file, size_t size)
{
	pthread_mutex_lock(&p9->lock);
	p9->xattr_bytes -= file->size - size;
	file->size = size;
	pthread_mutex_unlock(&p9->lock);
}

static int fetch(struct p9 *p9, struct p9_file *file, int fd,
		 const struct p9_string *name)
{
	char path[PATH_SIZE];
	ssize_t size, n;
	int error;

	path_of(path, fd);
	size = get(path, name, NULL, 0);
	if (size < 0)
		return errno;
	error = allot(p9, file, (size_t)size);
	if (error || size == 0)
		return error;
	n = get(path, name, file->value, (size_t)size);
	if (n < 0)
		return errno;
	if (n < size)
		shorten(p9, file, (size_t)n);
	return 0;
}

int p9_xattrwalk(struct p9_call *call)
{
	struct p9_file *file;
	struct p9_string name;
	struct p9_use use;
	uint32_t newfid;
	int error = p9_use_path(call, &use);

	if (error)
		return error;
	newfid = p9_get32(call);
	name = p9_get_string(call);
	file = p9_file_new(P9_XATTR_VALUE, -1);
	error = call->error;
	if (!file)
		error = ENOMEM;
	else if (!error)
		error = fetch(call->p9, file, use.fd, &name);
	if (!error) {
		p9_put64(call, file->size);
		error = p9_fid_add(call->p9, newfid, use.fid->uid,
				   p9_node_get(call->p9, use.node), file);
	} else {
		p9_file_free(call->p9, file);
	}
	p9_use_end(call, &use);
	return error;
}

int p9_xattrcreate(struct p9_call *call)
{
	struct p9 *p9 = call->p9;
	struct p9_file *file;
	struct p9_string name;
	struct p9_use use;
	uint64_t size;
	uint32_t flags;
	int error = p9_use_path(call, &use);

	if (error)
		return error;
	name = p9_get_string(call);
	size = p9_get64(call);
	flags = p9_get32(call);
	error = call->error;
	if (!error &&
	    (name.length == 0 || (flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE))))
		error = EINVAL;
	if (!error && name.length > P9_NAME_MAX)
		error = ERANGE;
	file = error ? NULL : p9_file_new(P9_XATTR_NEW, -1);
	if (!error && !file)
		error = ENOMEM;
	if (file) {
		file->flags = flags;
		file->name = strdup(name.text);
		error = file->name ? allot(p9, file, size) : ENOMEM;
		if (error)
			p9_file_free(p9, file);
	}
	if (!error)
		error = p9_fid_set_open(p9, use.fid, p9_node_get(p9, use.node), file);
	p9_use_end(call, &use);
	return error;
}

int p9_xattr_write(struct p9_call *call, struct p9_file *file, uint64_t offset,
		   uint32_t *count)
{
	const struct p9_request *request = call->request;
	int error = 0;

	pthread_mutex_lock(&file->lock);
	if (offset != file->filled || *count > file->size - file->filled) {
		error = EINVAL;
	} else {
		*count = (uint32_t)p9_iov_read(request->out, request->nr_out,
					       P9_WRITE_HEADER,
					       file->value + file->filled, *count);
		file->filled += *count;
	}
	pthread_mutex_unlock(&file->lock);
	return error;
}

/* Linux says that it removes one by a value of no bytes which replaces another. */
static int set(const char *path, const struct p9_file *file)
{
	if (file->size == 0 && file->flags == XATTR_REPLACE)
		return removexattr(path, file->name);
	return setxattr(path, file->name, file->value, file->size, (int)file->flags);
}

int p9_xattr_commit(struct p9 *p9, struct p9_node *node, struct p9_file *file)
{
	int fd = p9_node_pin(p9, node);
	char path[PATH_SIZE];
	int error = 0;

	if (fd < 0)
		return -fd;
	path_of(path, fd);
	pthread_mutex_lock(&file->lock);
	if (file->filled < file->size)
		error = EIO; /* not all of it came */
	else if (set(path, file))
		error = errno;
	pthread_mutex_unlock(&file->lock);
	p9_node_unpin(p9, node);
	return error;
}
