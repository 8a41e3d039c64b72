/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fids: the guest's numbers for nodes, and what it has opened them as. A fid has a
 * reference for its number and one for each request that uses it, so one that is
 * clunked lives until the last of these is done.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/p9_private.h"

static struct p9_fid *fid_of(struct p9_link *link)
{
	return (struct p9_fid *)((char *)link - offsetof(struct p9_fid, link));
}

/* With p9->lock held. */
static struct p9_fid *find(struct p9 *p9, uint32_t number)
{
	struct p9_link *link = p9_table_find(&p9->fids, p9_mix(number));

	while (link && fid_of(link)->number != number)
		link = p9_table_next(link);
	return link ? fid_of(link) : NULL;
}

static void fid_free(struct p9 *p9, struct p9_fid *fid)
{
	p9_node_put(p9, fid->node);
	p9_file_free(p9, fid->file);
	free(fid);
}

void p9_fid_put(struct p9 *p9, struct p9_fid *fid)
{
	bool last;

	pthread_mutex_lock(&p9->lock);
	last = --fid->refs == 0;
	pthread_mutex_unlock(&p9->lock);
	if (last)
		fid_free(p9, fid);
}

int p9_fid_add(struct p9 *p9, uint32_t number, uint32_t uid, struct p9_node *node,
	       struct p9_file *file)
{
	struct p9_fid *fid = calloc(1, sizeof(*fid));
	int error = 0;

	if (!fid) {
		p9_node_put(p9, node);
		p9_file_free(p9, file);
		return ENOMEM;
	}
	*fid = (struct p9_fid){
		.number = number, .uid = uid, .refs = 1, .node = node, .file = file
	};
	pthread_mutex_lock(&p9->lock);
	if (number == P9_NOFID)
		error = EINVAL;
	else if (find(p9, number))
		error = EEXIST;
	else if (p9->fids.count >= p9->limits.max_fids)
		error = ENFILE;
	else
		p9_table_add(&p9->fids, &fid->link, p9_mix(number));
	pthread_mutex_unlock(&p9->lock);
	if (error)
		fid_free(p9, fid);
	return error;
}

struct p9_fid *p9_fid_remove(struct p9 *p9, uint32_t number)
{
	struct p9_fid *fid;

	pthread_mutex_lock(&p9->lock);
	fid = find(p9, number);
	if (fid)
		p9_table_remove(&p9->fids, &fid->link);
	pthread_mutex_unlock(&p9->lock);
	return fid;
}

int p9_fid_set_open(struct p9 *p9, struct p9_fid *fid, struct p9_node *node,
		    struct p9_file *file)
{
	struct p9_node *old = node;
	bool done = false;

	pthread_mutex_lock(&p9->lock);
	if (!fid->file) {
		old = fid->node;
		fid->node = node;
		fid->file = file;
		done = true;
	}
	pthread_mutex_unlock(&p9->lock);
	p9_node_put(p9, old);
	if (!done)
		p9_file_free(p9, file);
	return done ? 0 : EBUSY;
}

void p9_fid_remove_all(struct p9 *p9)
{
	struct p9_link *link;
	size_t bucket = 0;

	for (;;) {
		pthread_mutex_lock(&p9->lock);
		link = p9_table_first(&p9->fids, &bucket);
		if (link)
			p9_table_remove(&p9->fids, link);
		pthread_mutex_unlock(&p9->lock);
		if (!link)
			return;
		p9_fid_put(p9, fid_of(link));
	}
}

int p9_file_reserve(struct p9 *p9)
{
	int error = 0;

	pthread_mutex_lock(&p9->lock);
	if (p9->nr_files < p9->max_files)
		p9->nr_files++;
	else
		error = ENFILE;
	pthread_mutex_unlock(&p9->lock);
	return error;
}

void p9_file_unreserve(struct p9 *p9)
{
	pthread_mutex_lock(&p9->lock);
	p9->nr_files--;
	pthread_mutex_unlock(&p9->lock);
}

struct p9_file *p9_file_new(enum p9_kind kind, int fd)
{
	struct p9_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->kind = kind;
	file->fd = fd;
	pthread_mutex_init(&file->lock, NULL);
	return file;
}

void p9_file_free(struct p9 *p9, struct p9_file *file)
{
	if (!file)
		return;
	if (file->fd >= 0) {
		close(file->fd);
		p9_file_unreserve(p9);
	}
	if (file->counted || file->ranges) {
		pthread_mutex_lock(&p9->lock);
		p9->nr_values -= file->counted;
		p9->xattr_bytes -= file->size;
		p9->nr_ranges -= file->ranges ? file->ranges->nr : 0;
		pthread_mutex_unlock(&p9->lock);
	}
	pthread_mutex_destroy(&file->lock);
	free(file->ranges);
	free(file->value);
	free(file->name);
	free(file);
}

int p9_use_begin(struct p9_call *call, struct p9_use *use)
{
	const uint32_t number = p9_get32(call);
	struct p9 *p9 = call->p9;

	*use = (struct p9_use){ .fd = -1 };
	if (call->error)
		return call->error;
	pthread_mutex_lock(&p9->lock);
	use->fid = find(p9, number);
	if (use->fid) {
		use->fid->refs++;
		use->node = use->fid->node;
		use->node->refs++;
		use->file = use->fid->file;
	}
	pthread_mutex_unlock(&p9->lock);
	return use->fid ? 0 : EBADF;
}

int p9_use_descriptor(struct p9_call *call, struct p9_use *use)
{
	if (use->file)
		use->fd = use->file->fd;
	else
		use->fd = p9_node_pin(call->p9, use->node);
	if (use->fd < 0)
		return use->file ? EBADF : -use->fd;
	use->pinned = !use->file;
	return call->changes && use->node->forbidden ? EROFS : 0;
}

int p9_use_path(struct p9_call *call, struct p9_use *use)
{
	int error = p9_use_begin(call, use);

	if (!error)
		error = p9_use_descriptor(call, use);
	if (error)
		p9_use_end(call, use);
	return error;
}

int p9_use_file(struct p9_call *call, struct p9_use *use)
{
	int error = p9_use_begin(call, use);

	if (!error && !use->file) {
		p9_use_end(call, use);
		error = EBADF;
	}
	if (!error)
		use->fd = use->file->fd;
	return error;
}

void p9_use_end(struct p9_call *call, struct p9_use *use)
{
	if (use->pinned)
		p9_node_unpin(call->p9, use->node);
	if (use->fid) {
		p9_node_put(call->p9, use->node);
		p9_fid_put(call->p9, use->fid);
	}
	*use = (struct p9_use){ .fd = -1 };
}
