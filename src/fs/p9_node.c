/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of nodes: which parent and name a thing has that the guest has walked to.
 *
 * Nodes are made by walking, and found by their parent and name while these lead to the same
 * inode. What the guest renames or removes is followed here (p9_name.c).
 *
 * What the host's kernel shows as files (/proc, /sys and the like) can be looked at but
 * not opened, unless the share itself lies there: /proc/PID/mem of this process is a
 * regular file too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/p9_private.h"

static struct p9_node *node_of(struct p9_link *link)
{
	return (struct p9_node *)((char *)link - offsetof(struct p9_node, link));
}

static struct p9_identity identity_of(const struct statx *stx)
{
	return (struct p9_identity){
		.device = makedev(stx->stx_dev_major, stx->stx_dev_minor),
		.inode = stx->stx_ino,
		.type = stx->stx_mode & S_IFMT,
	};
}

static bool is_same(const struct p9_identity *a, const struct p9_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->type == b->type;
}

bool p9_node_is(const struct p9_node *node, const struct statx *stx)
{
	const struct p9_identity identity = identity_of(stx);

	return is_same(&node->identity, &identity);
}

static uint64_t hash_of(const struct p9_node *dir, const char *name)
{
	uint64_t hash = p9_mix((uintptr_t)dir);
	size_t length = strlen(name);

	while (length) {
		const size_t n = length < 8 ? length : 8;
		uint64_t chunk = 0;

		memcpy(&chunk, name, n);
		hash = p9_mix(hash ^ chunk);
		name += n;
		length -= n;
	}
	return hash;
}

/* With p9->lock held. */
static struct p9_node *find(struct p9 *p9, const struct p9_node *dir, const char *name)
{
	struct p9_link *link = p9_table_find(&p9->nodes, hash_of(dir, name));

	for (; link; link = p9_table_next(link)) {
		struct p9_node *node = node_of(link);

		if (node->parent == dir && strcmp(node->name, name) == 0)
			return node;
	}
	return NULL;
}

/* It has no name any more. With p9->lock held; returns a descriptor to close, or -1. */
static int set_gone(struct p9 *p9, struct p9_node *node)
{
	const bool idle = node->ring.next;

	p9_table_remove(&p9->nodes, &node->link);
	p9_cache_remove(p9, node);
	node->gone = true;
	return idle ? p9_cache_put(p9, node) : -1;
}

static void node_free(struct p9_node *node)
{
	p9_close_fd(node->fd);
	free(node->name);
	free(node);
}

struct p9_node *p9_node_new_root(struct p9 *p9, int fd)
{
	struct p9_node *root = calloc(1, sizeof(*root));
	struct statx stx;

	if (!root)
		return NULL;
	if (p9_stat(fd, &stx)) {
		free(root);
		return NULL;
	}
	root->identity = identity_of(&stx);
	root->refs = 1;
	root->pins = 1; /* for ever */
	root->fd = fd;
	p9->nr_nodes++;
	return root;
}

struct p9_node *p9_node_get(struct p9 *p9, struct p9_node *node)
{
	pthread_mutex_lock(&p9->lock);
	node->refs++;
	pthread_mutex_unlock(&p9->lock);
	return node;
}

void p9_node_put(struct p9 *p9, struct p9_node *node)
{
	struct p9_node *dead = NULL;

	/* The last reference on a node was one on its parent. */
	pthread_mutex_lock(&p9->lock);
	while (node && --node->refs == 0) {
		struct p9_node *parent = node->parent;

		p9_cache_remove(p9, node);
		if (!node->gone && parent)
			p9_table_remove(&p9->nodes, &node->link);
		p9->nr_nodes--;
		node->parent = dead;
		dead = node;
		node = parent;
	}
	pthread_mutex_unlock(&p9->lock);
	/* A close may take long, if it is the end of a large file. */
	while (dead) {
		struct p9_node *next = dead->parent;

		node_free(dead);
		dead = next;
	}
}

static struct p9_node *node_new(struct p9_node *dir, const char *name, int fd,
				const struct statx *stx)
{
	struct p9_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->name = strdup(name);
	if (!node->name) {
		free(node);
		return NULL;
	}
	node->parent = dir;
	node->identity = identity_of(stx);
	node->forbidden = dir->forbidden;
	if (node->identity.device != dir->identity.device)
		node->forbidden |= p9_is_of_kernel(fd);
	node->refs = 1;
	node->fd = -1;
	return node;
}

/* Put a new node into the tree. With p9->lock held. */
static int node_add(struct p9 *p9, struct p9_node *node)
{
	/* Each fid has a node, and so has each folder above; most of these have fids. */
	if (p9->nr_nodes >= 2ull * p9->limits.max_fids)
		return ENFILE;
	node->parent->refs++;
	p9_table_add(&p9->nodes, &node->link, hash_of(node->parent, node->name));
	p9->nr_nodes++;
	return 0;
}

/* The node that has the name already, if it still is the same thing. With p9->lock held. */
static struct p9_node *find_same(struct p9 *p9, const struct p9_node *dir,
				 const char *name, const struct statx *stx)
{
	struct p9_node *node = find(p9, dir, name);

	if (!node || !p9_node_is(node, stx))
		return NULL;
	node->refs++;
	return node;
}

/* Put `fresh` in the place of what had its name, if anything had. The same. */
static int replace(struct p9 *p9, struct p9_node *fresh, int *replaced)
{
	struct p9_node *old = find(p9, fresh->parent, fresh->name);

	if (old)
		*replaced = set_gone(p9, old);
	return node_add(p9, fresh);
}

int p9_node_adopt(struct p9 *p9, struct p9_node *dir, const char *name, int fd, bool take,
		  const struct statx *stx, struct p9_node **child)
{
	struct p9_node *node, *fresh = NULL;
	int replaced = -1, evicted = -1, error = 0;

	pthread_mutex_lock(&p9->lock);
	node = find_same(p9, dir, name, stx);
	if (!node) {
		pthread_mutex_unlock(&p9->lock);
		fresh = node_new(dir, name, fd, stx);
		pthread_mutex_lock(&p9->lock);
		/* Somebody may have been faster. */
		node = find_same(p9, dir, name, stx);
		if (!node)
			error = fresh ? replace(p9, fresh, &replaced) : ENOMEM;
		if (!node && !error) {
			node = fresh;
			fresh = NULL;
		}
	}
	if (node && node->fd < 0 && take) {
		node->fd = fd;
		take = false;
		evicted = p9_cache_put(p9, node);
	}
	pthread_mutex_unlock(&p9->lock);
	if (take)
		p9_close_fd(fd);
	p9_close_fd(replaced);
	p9_close_fd(evicted);
	if (fresh)
		node_free(fresh);
	*child = node;
	return error;
}

static int step_up(struct p9 *p9, struct p9_node *dir, struct p9_node **parent,
		   struct statx *stx)
{
	int fd, error;

	if (dir->identity.type != S_IFDIR)
		return ENOTDIR;
	pthread_mutex_lock(&p9->lock);
	*parent = dir->parent ? dir->parent : dir;
	(*parent)->refs++;
	pthread_mutex_unlock(&p9->lock);
	fd = p9_node_pin(p9, *parent);
	error = fd < 0 ? -fd : p9_stat(fd, stx);
	if (fd >= 0)
		p9_node_unpin(p9, *parent);
	if (error)
		p9_node_put(p9, *parent);
	return error;
}

/*
 * The node that the tree has there, if it has a descriptor and the host's kernel says that it
 * still is there: a look is cheaper than opening it once more.
 */
static struct p9_node *find_known(struct p9 *p9, struct p9_node *dir, int dir_fd,
				  const char *name, struct statx *stx)
{
	struct p9_node *node;

	pthread_mutex_lock(&p9->lock);
	node = find(p9, dir, name);
	if (node && node->fd < 0)
		node = NULL;
	if (node)
		node->refs++;
	pthread_mutex_unlock(&p9->lock);
	if (node && (p9_stat_at(dir_fd, name, stx) || !p9_node_is(node, stx))) {
		p9_node_put(p9, node);
		node = NULL;
	}
	return node;
}

static int open_child(struct p9 *p9, struct p9_node *dir, int dir_fd, const char *name,
		      struct p9_node **child, struct statx *stx)
{
	int fd = p9_open_beneath(p9, dir_fd, name, O_PATH | O_NOFOLLOW, 0);
	int error = fd < 0 ? -fd : p9_stat(fd, stx);

	if (!error)
		return p9_node_adopt(p9, dir, name, fd, true, stx, child);
	p9_close_fd(fd);
	return error;
}

int p9_node_child(struct p9 *p9, struct p9_node *dir, int dir_fd, const char *name,
		  struct p9_node **child, struct statx *stx)
{
	int error = 0;

	pthread_rwlock_rdlock(&p9->names);
	*child = find_known(p9, dir, dir_fd, name, stx);
	if (!*child)
		error = open_child(p9, dir, dir_fd, name, child, stx);
	pthread_rwlock_unlock(&p9->names);
	return error;
}

int p9_node_step(struct p9 *p9, struct p9_node *dir, const char *name,
		 struct p9_node **child, struct statx *stx)
{
	int fd, error;

	if (strcmp(name, "..") == 0)
		return step_up(p9, dir, child, stx);
	fd = p9_node_pin(p9, dir);
	if (fd < 0)
		return -fd;
	error = p9_node_child(p9, dir, fd, name, child, stx);
	p9_node_unpin(p9, dir);
	return error;
}

struct p9_node *p9_node_parent(struct p9 *p9, struct p9_node *node)
{
	struct p9_node *parent;

	pthread_mutex_lock(&p9->lock);
	parent = node->parent;
	if (parent)
		parent->refs++;
	pthread_mutex_unlock(&p9->lock);
	return parent;
}

bool p9_node_is_at(const struct p9_node *node, int dir_fd, const char *name)
{
	struct statx stx;

	return p9_stat_at(dir_fd, name, &stx) == 0 && p9_node_is(node, &stx);
}

void p9_node_lost(struct p9 *p9, struct p9_node *node)
{
	int evicted = -1;

	pthread_mutex_lock(&p9->lock);
	if (!node->gone)
		evicted = set_gone(p9, node);
	pthread_mutex_unlock(&p9->lock);
	p9_close_fd(evicted);
}

struct p9_node *p9_node_hold(struct p9 *p9, struct p9_node *dir, int dir_fd,
			     const char *name)
{
	struct p9_node *node;
	struct statx stx;
	bool open;
	int fd;

	pthread_mutex_lock(&p9->lock);
	node = find(p9, dir, name);
	open = node && node->fd >= 0;
	if (node)
		node->refs++;
	if (open)
		p9_node_pin_open(p9, node);
	pthread_mutex_unlock(&p9->lock);
	if (!node || open)
		return node;
	/* A last chance to have one. If there is none, what is there is another thing. */
	fd = p9_open_beneath(p9, dir_fd, name, O_PATH | O_NOFOLLOW, 0);
	if (fd >= 0 && p9_stat(fd, &stx) == 0 && p9_node_is(node, &stx)) {
		p9_node_install(p9, node, fd);
		return node;
	}
	p9_close_fd(fd);
	p9_node_lost(p9, node);
	p9_node_put(p9, node);
	return NULL;
}

void p9_node_release(struct p9 *p9, struct p9_node *node)
{
	p9_node_unpin(p9, node);
	p9_node_put(p9, node);
}

/* Is `node` a folder above `dir`, or `dir` itself? Too deep to tell is yes. */
static bool is_above(const struct p9_node *node, const struct p9_node *dir)
{
	unsigned steps = 0;

	while (dir && dir != node && steps++ < P9_MAX_STEPS)
		dir = dir->parent;
	return dir;
}

void p9_node_move(struct p9 *p9, struct p9_node *node, struct p9_node *dir, char *name)
{
	struct p9_node *old = NULL;
	int evicted = -1;

	pthread_mutex_lock(&p9->lock);
	if (is_above(node, dir)) {
		/* The host had moved `dir` out of it, and we did not know: no loops here. */
		evicted = set_gone(p9, node);
	} else if (!node->gone) {
		p9_table_remove(&p9->nodes, &node->link);
		old = node->parent;
		node->parent = dir;
		dir->refs++;
		free(node->name);
		node->name = name;
		name = NULL;
		p9_table_add(&p9->nodes, &node->link, hash_of(dir, node->name));
	}
	pthread_mutex_unlock(&p9->lock);
	p9_close_fd(evicted);
	free(name);
	if (old)
		p9_node_put(p9, old);
}
