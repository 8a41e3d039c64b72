/* SPDX-License-Identifier: BSD-2-Clause */
/* Hash tables of the 9P server; see p9_private.h. */
#include <stdlib.h>

#include "fs/p9_private.h"

#define FIRST_SIZE 64u

uint64_t p9_mix(uint64_t value)
{
	/* The finalizer of MurmurHash3. */
	value ^= value >> 33;
	value *= 0xff51afd7ed558ccdull;
	value ^= value >> 33;
	value *= 0xc4ceb9fe1a85ec53ull;
	return value ^ value >> 33;
}

bool p9_table_init(struct p9_table *table)
{
	*table = (struct p9_table){ .size = FIRST_SIZE };
	table->buckets = calloc(table->size, sizeof(struct p9_link *));
	return table->buckets;
}

void p9_table_destroy(struct p9_table *table)
{
	free(table->buckets);
}

static struct p9_link **bucket_of(const struct p9_table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->size - 1)];
}

static void insert(struct p9_table *table, struct p9_link *link)
{
	struct p9_link **bucket = bucket_of(table, link->hash);

	link->next = *bucket;
	*bucket = link;
}

static void grow(struct p9_table *table)
{
	struct p9_table bigger = { .size = 2 * table->size, .count = table->count };

	bigger.buckets = calloc(bigger.size, sizeof(struct p9_link *));
	if (!bigger.buckets)
		return;
	for (size_t i = 0; i < table->size; i++) {
		struct p9_link *link = table->buckets[i];

		while (link) {
			struct p9_link *next = link->next;

			insert(&bigger, link);
			link = next;
		}
	}
	free(table->buckets);
	*table = bigger;
}

void p9_table_add(struct p9_table *table, struct p9_link *link, uint64_t hash)
{
	if (table->count >= table->size)
		grow(table);
	link->hash = hash;
	insert(table, link);
	table->count++;
}

void p9_table_remove(struct p9_table *table, struct p9_link *link)
{
	struct p9_link **at = bucket_of(table, link->hash);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	table->count--;
}

static struct p9_link *skip_others(struct p9_link *link, uint64_t hash)
{
	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct p9_link *p9_table_find(const struct p9_table *table, uint64_t hash)
{
	return skip_others(*bucket_of(table, hash), hash);
}

struct p9_link *p9_table_next(const struct p9_link *link)
{
	return skip_others(link->next, link->hash);
}

struct p9_link *p9_table_first(const struct p9_table *table, size_t *bucket)
{
	while (*bucket < table->size && !table->buckets[*bucket])
		++*bucket;
	return *bucket < table->size ? table->buckets[*bucket] : NULL;
}
