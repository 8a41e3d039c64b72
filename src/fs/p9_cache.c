/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors of nodes. Linux keeps a fid for each file that it has in its cache of
 * names, more than a process may have descriptors, so a node keeps its own only for a
 * while: what no request uses stands in a ring, and the longest unused is closed when
 * there are too many. Who needs it again opens it by its names (p9_open.c).
 *
 * What has lost its name could not be opened again. It stands in a ring of its own,
 * so that those with names do not push it out.
 *
 * All but p9_cache_shrink() with p9->lock held.
 */
#include "fs/p9_private.h"

static struct p9_node *node_of(struct p9_ring *ring)
{
	return (struct p9_node *)((char *)ring - offsetof(struct p9_node, ring));
}

static struct p9_cache *cache_of(struct p9 *p9, const struct p9_node *node)
{
	return node->gone ? &p9->unnamed : &p9->named;
}

void p9_cache_init(struct p9_cache *cache, unsigned max)
{
	cache->ring.next = cache->ring.prev = &cache->ring;
	cache->count = 0;
	cache->max = max;
}

void p9_cache_remove(struct p9 *p9, struct p9_node *node)
{
	struct p9_ring *ring = &node->ring;

	if (!ring->next)
		return;
	ring->next->prev = ring->prev;
	ring->prev->next = ring->next;
	ring->next = ring->prev = NULL;
	cache_of(p9, node)->count--;
}

/* If there are more than `max`, the last one has to go: its descriptor, or -1. */
static int evict(struct p9 *p9, struct p9_cache *cache, unsigned max)
{
	struct p9_node *node;
	int fd;

	if (cache->count <= max)
		return -1;
	node = node_of(cache->ring.prev);
	p9_cache_remove(p9, node);
	fd = node->fd;
	node->fd = -1;
	return fd;
}

int p9_cache_put(struct p9 *p9, struct p9_node *node)
{
	struct p9_cache *cache = cache_of(p9, node);
	struct p9_ring *ring = &node->ring;

	ring->next = cache->ring.next;
	ring->prev = &cache->ring;
	ring->next->prev = ring;
	cache->ring.next = ring;
	cache->count++;
	return evict(p9, cache, cache->max);
}

bool p9_cache_shrink(struct p9 *p9)
{
	int fd;

	pthread_mutex_lock(&p9->lock);
	fd = evict(p9, &p9->named, 0);
	pthread_mutex_unlock(&p9->lock);
	p9_close_fd(fd);
	return fd >= 0;
}
