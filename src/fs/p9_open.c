/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors of nodes, and how they come back. A node can always be opened again from its
 * names, unless it is gone: from the nearest folder above it that has a descriptor, and what
 * comes out must be the same inode. p9->names makes sure that none of these names changes
 * meanwhile by us. By the host it can: then the guest is told ESTALE.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "fs/p9_private.h"

int p9_node_pin_open(struct p9 *p9, struct p9_node *node)
{
	if (node->pins++ == 0)
		p9_cache_remove(p9, node);
	return node->fd;
}

void p9_node_unpin(struct p9 *p9, struct p9_node *node)
{
	int old = -1;

	pthread_mutex_lock(&p9->lock);
	if (--node->pins == 0)
		old = p9_cache_put(p9, node);
	pthread_mutex_unlock(&p9->lock);
	p9_close_fd(old);
}

int p9_node_install(struct p9 *p9, struct p9_node *node, int fd)
{
	pthread_mutex_lock(&p9->lock);
	if (node->fd < 0) {
		node->fd = fd;
		fd = -1;
	}
	p9_close_fd(fd);
	fd = p9_node_pin_open(p9, node);
	pthread_mutex_unlock(&p9->lock);
	return fd;
}

/* A node to open, and from where. */
struct route {
	struct p9_node *base; /* has a descriptor, pinned */
	/* The node, or a folder above it if the path would be too long. */
	struct p9_node *target;
	char path[PATH_MAX]; /* from base to target */
};

/* With p9->lock held. */
static int find_route(struct p9 *p9, struct p9_node *node, struct route *route)
{
	size_t length = 0, at;
	unsigned steps = 0;

	route->base = route->target = node;
	while (route->base->fd < 0) {
		if (route->base->gone || !route->base->parent)
			return ESTALE;
		if (++steps > P9_MAX_STEPS)
			return ENAMETOOLONG;
		length += strlen(route->base->name) + 1;
		route->base = route->base->parent;
	}
	while (length > sizeof(route->path)) {
		length -= strlen(route->target->name) + 1;
		route->target = route->target->parent;
	}
	at = length;
	for (node = route->target; node != route->base; node = node->parent) {
		const size_t n = strlen(node->name);

		/* Each name is followed by a slash, or the end. */
		at -= n + 1;
		memcpy(route->path + at, node->name, n);
		route->path[at + n] = at + n + 1 == length ? '\0' : '/';
	}
	p9_node_pin_open(p9, route->base);
	return 0;
}

/* Follow it. Returns a descriptor of the target, or a negative errno. */
static int follow(struct p9 *p9, struct route *route)
{
	int fd =
		p9_open_beneath(p9, route->base->fd, route->path, O_PATH | O_NOFOLLOW, 0);
	struct statx stx;
	int error;

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return -ESTALE; /* the host has renamed or removed something */
	if (fd < 0)
		return fd;
	error = p9_stat(fd, &stx);
	if (!error && p9_node_is(route->target, &stx))
		return fd;
	close(fd);
	return error ? -error : -ESTALE;
}

/* With p9->names held. Returns what p9_node_pin() does. */
static int open_node(struct p9 *p9, struct p9_node *node)
{
	struct p9_node *reached = NULL;
	struct route route;

	/* Mostly once around: paths longer than PATH_MAX are opened in pieces. */
	for (;;) {
		int fd, error;

		pthread_mutex_lock(&p9->lock);
		error = find_route(p9, node, &route);
		pthread_mutex_unlock(&p9->lock);
		if (reached)
			p9_node_unpin(p9, reached);
		if (error)
			return -error;
		if (route.base == node)
			return node->fd;
		fd = follow(p9, &route);
		p9_node_unpin(p9, route.base);
		if (fd < 0)
			return fd;
		fd = p9_node_install(p9, route.target, fd);
		if (route.target == node)
			return fd;
		reached = route.target;
	}
}

int p9_node_pin(struct p9 *p9, struct p9_node *node)
{
	int fd = -1;

	pthread_mutex_lock(&p9->lock);
	if (node->fd >= 0)
		fd = p9_node_pin_open(p9, node);
	pthread_mutex_unlock(&p9->lock);
	if (fd >= 0)
		return fd;
	pthread_rwlock_rdlock(&p9->names);
	fd = open_node(p9, node);
	pthread_rwlock_unlock(&p9->names);
	return fd;
}
