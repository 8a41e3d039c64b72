/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that wait for a card; see backlog.h. */
#include <stdlib.h>
#include <string.h>

#include "net/backlog.h"

#define LENGTH_SIZE sizeof(uint32_t)
/* A length that says: go on at offset 0. */
#define END UINT32_MAX

int backlog_init(struct backlog *log)
{
	*log = (struct backlog){ .data = malloc(BACKLOG_SIZE) };
	return log->data ? 0 : -1;
}

void backlog_destroy(struct backlog *log)
{
	free(log->data);
	log->data = NULL;
}

static size_t record_size(size_t len)
{
	return align_up(LENGTH_SIZE + len, LENGTH_SIZE);
}

/* Where a record of `size` bytes fits, or NULL. Room for END stays free at the top. */
static uint8_t *reserve(struct backlog *log, size_t size)
{
	const size_t limit = log->wrapped ? log->head : BACKLOG_SIZE - LENGTH_SIZE;

	if (size <= limit - log->tail)
		return log->data + log->tail;
	if (log->wrapped || size > log->head)
		return NULL;
	store_le32(log->data + log->tail, END);
	log->wrapped = true;
	log->tail = 0;
	return log->data;
}

bool backlog_put(struct backlog *log, struct bytes frame)
{
	const size_t size = record_size(frame.size);
	uint8_t *record = reserve(log, size);

	if (!record)
		return false;
	store_le32(record, (uint32_t)frame.size);
	memcpy(record + LENGTH_SIZE, frame.data, frame.size);
	log->tail += size;
	log->used += size;
	return true;
}

struct bytes backlog_first(struct backlog *log)
{
	uint32_t len = load_le32(log->data + log->head);

	if (len == END) {
		log->head = 0;
		log->wrapped = false;
		len = load_le32(log->data);
	}
	return (struct bytes){ log->data + log->head + LENGTH_SIZE, len };
}

void backlog_drop_first(struct backlog *log)
{
	const size_t size = record_size(backlog_first(log).size);

	log->head += size;
	log->used -= size;
	if (!log->used) /* stay in pages that are in memory already */
		*log = (struct backlog){ .data = log->data };
}
