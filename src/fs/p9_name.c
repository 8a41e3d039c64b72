/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names in folders: what links say, more names, other names and none. While a name
 * changes nobody else turns names into nodes, so the tree follows the host's.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/p9_private.h"

#define P9_DOTL_AT_REMOVEDIR 0x200u

/* A folder and a name in it. */
struct place {
	struct p9_node *dir;
	int fd; /* of `dir` */
	const char *name;
};

int p9_readlink(struct p9_call *call)
{
	char target[PATH_MAX];
	ssize_t n = -1;
	struct p9_use use;
	int error = p9_use_path(call, &use);

	if (error)
		return error;
	if (use.node->identity.type != S_IFLNK)
		error = EINVAL;
	else
		n = readlinkat(use.fd, "", target, sizeof(target));
	if (!error && n < 0)
		error = errno;
	if (!error)
		p9_put_string(call, target, (size_t)n);
	p9_use_end(call, &use);
	return error;
}

int p9_link(struct p9_call *call)
{
	struct p9_use dir, use;
	struct p9_string name;
	char number[P9_NUMBER_SIZE];
	int error = p9_use_path(call, &dir);

	if (error)
		return error;
	error = p9_use_path(call, &use);
	if (!error) {
		name = p9_get_name(call);
		error = call->error;
		if (!error && linkat(call->p9->proc_fd, p9_number(use.fd, number), dir.fd,
				     name.text, AT_SYMLINK_FOLLOW))
			error = errno;
		p9_use_end(call, &use);
	}
	p9_use_end(call, &dir);
	return error;
}

/* With p9->names held for writing. */
static int unlink_place(struct p9 *p9, const struct place *place, int flags)
{
	struct p9_node *node = p9_node_hold(p9, place->dir, place->fd, place->name);
	int error = 0;

	if (unlinkat(place->fd, place->name, flags))
		error = errno;
	else if (node)
		p9_node_lost(p9, node);
	if (node)
		p9_node_release(p9, node);
	return error;
}

int p9_unlinkat(struct p9_call *call)
{
	struct p9 *p9 = call->p9;
	struct p9_string name;
	struct p9_use dir;
	uint32_t flags;
	int error = p9_use_path(call, &dir);

	if (error)
		return error;
	name = p9_get_name(call);
	flags = p9_get32(call);
	error = call->error;
	if (!error && (flags & ~P9_DOTL_AT_REMOVEDIR))
		error = EINVAL;
	if (!error) {
		const struct place place = { dir.node, dir.fd, name.text };

		pthread_rwlock_wrlock(&p9->names);
		error = unlink_place(p9, &place, flags ? AT_REMOVEDIR : 0);
		pthread_rwlock_unlock(&p9->names);
	}
	p9_use_end(call, &dir);
	return error;
}

/* With p9->names held for writing. */
static int rename_place(struct p9 *p9, const struct place *from, const struct place *to)
{
	struct p9_node *moved, *replaced;
	char *name = strdup(to->name);
	int error = 0;

	if (!name)
		return ENOMEM;
	moved = p9_node_hold(p9, from->dir, from->fd, from->name);
	replaced = p9_node_hold(p9, to->dir, to->fd, to->name);
	if (renameat(from->fd, from->name, to->fd, to->name))
		error = errno;
	if (!error && moved != replaced) {
		if (replaced)
			p9_node_lost(p9, replaced);
		if (moved) {
			p9_node_move(p9, moved, to->dir, name);
			name = NULL;
		}
	}
	if (moved)
		p9_node_release(p9, moved);
	if (replaced)
		p9_node_release(p9, replaced);
	free(name);
	return error;
}

int p9_renameat(struct p9_call *call)
{
	struct p9_string old_name, new_name = { "", 0 };
	struct p9_use old_dir, new_dir;
	struct p9 *p9 = call->p9;
	int error = p9_use_path(call, &old_dir);

	if (error)
		return error;
	old_name = p9_get_name(call);
	error = p9_use_path(call, &new_dir);
	if (!error) {
		new_name = p9_get_name(call);
		error = call->error;
	}
	if (!error) {
		const struct place from = { old_dir.node, old_dir.fd, old_name.text };
		const struct place to = { new_dir.node, new_dir.fd, new_name.text };

		pthread_rwlock_wrlock(&p9->names);
		error = rename_place(p9, &from, &to);
		pthread_rwlock_unlock(&p9->names);
	}
	p9_use_end(call, &new_dir);
	p9_use_end(call, &old_dir);
	return error;
}

/*
 * Where a node is, with p9->names held for writing from then on, so that it stays. End with
 * leave(), unless there is an error: it has no name, or that is another thing's by now.
 */
static int find_place(struct p9 *p9, struct p9_node *node, struct place *place)
{
	struct p9_node *dir = p9_node_parent(p9, node);
	int fd, error = 0;

	if (!dir)
		return EBUSY; /* the root */
	fd = p9_node_pin(p9, dir);
	if (fd < 0) {
		p9_node_put(p9, dir);
		return -fd;
	}
	pthread_rwlock_wrlock(&p9->names);
	*place = (struct place){ dir, fd, node->name };
	if (node->gone || node->parent != dir || !p9_node_is_at(node, fd, node->name))
		error = ESTALE;
	if (error) {
		pthread_rwlock_unlock(&p9->names);
		p9_node_unpin(p9, dir);
		p9_node_put(p9, dir);
	}
	return error;
}

static void leave(struct p9 *p9, const struct place *place)
{
	pthread_rwlock_unlock(&p9->names);
	p9_node_unpin(p9, place->dir);
	p9_node_put(p9, place->dir);
}

int p9_rename(struct p9_call *call)
{
	struct p9_string name = { "", 0 };
	struct place from = { NULL, -1, "" };
	struct p9_use use, dir;
	int error = p9_use_path(call, &use);

	if (error)
		return error;
	error = p9_use_path(call, &dir);
	if (!error) {
		name = p9_get_name(call);
		error = call->error;
	}
	if (!error)
		error = find_place(call->p9, use.node, &from);
	if (!error) {
		const struct place to = { dir.node, dir.fd, name.text };

		error = rename_place(call->p9, &from, &to);
		leave(call->p9, &from);
	}
	p9_use_end(call, &dir);
	p9_use_end(call, &use);
	return error;
}

int p9_unlink(struct p9_call *call, const struct p9_use *use)
{
	const bool is_directory = use->node->identity.type == S_IFDIR;
	struct place place = { NULL, -1, "" };
	int error = find_place(call->p9, use->node, &place);

	if (error)
		return error;
	error = unlink_place(call->p9, &place, is_directory ? AT_REMOVEDIR : 0);
	leave(call->p9, &place);
	return error;
}
