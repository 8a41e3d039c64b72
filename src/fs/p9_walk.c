/* SPDX-License-Identifier: BSD-2-Clause */
/* Twalk: from a fid to another one, by names. */
#include <errno.h>
#include <string.h>

#include "fs/p9_private.h"
#include "util/bytes.h"

/*
 * Where the message's names lead from `node`, which becomes that; the caller has a
 * reference on it before and after. `walked` counts the steps that worked.
 */
static int walk(struct p9_call *call, struct p9_node **node, unsigned names,
		unsigned *walked)
{
	struct p9 *p9 = call->p9;
	struct p9_node *next;
	struct statx stx;
	int error = 0;

	for (*walked = 0; *walked < names && !error; ++*walked) {
		const struct p9_string name = p9_get_step(call);

		if (call->error)
			return call->error;
		error = p9_node_step(p9, *node, name.text, &next, &stx);
		if (error)
			break;
		p9_node_put(p9, *node);
		*node = next;
		p9_put_qid(call, &stx);
	}
	return error;
}

/* newfid = fid: the fid stands for something else now. */
static int replace(struct p9_call *call, struct p9_fid *fid, struct p9_node *node)
{
	struct p9 *p9 = call->p9;
	struct p9_node *old = node;
	int error = 0;

	pthread_mutex_lock(&p9->lock);
	if (fid->file) {
		error = EBUSY;
	} else {
		old = fid->node;
		fid->node = node;
	}
	pthread_mutex_unlock(&p9->lock);
	p9_node_put(p9, old);
	return error;
}

int p9_walk(struct p9_call *call)
{
	struct p9_node *node;
	struct p9_use use;
	uint32_t newfid;
	unsigned names, walked = 0;
	int error = p9_use_begin(call, &use);

	if (error)
		return error;
	newfid = p9_get32(call);
	names = p9_get16(call);
	if (names > P9_MAX_WELEM)
		call->error = EINVAL;
	if (call->error || (use.file && use.file->fd < 0)) {
		p9_use_end(call, &use);
		return call->error ? call->error : EBADF;
	}
	p9_put16(call, 0);
	node = p9_node_get(call->p9, use.node);
	error = walk(call, &node, names, &walked);
	/* Some steps are a reply, though newfid is not made; none is an error. */
	store_le16(call->reply + P9_HEADER_SIZE, (uint16_t)walked);
	if (walked < names) {
		p9_node_put(call->p9, node);
		error = walked ? 0 : error;
	} else if (newfid == use.fid->number) {
		error = replace(call, use.fid, node);
	} else {
		error = p9_fid_add(call->p9, newfid, use.fid->uid, node, NULL);
	}
	p9_use_end(call, &use);
	return error;
}
