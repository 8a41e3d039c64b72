/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of ranges of files: the guest's fid has them on the host by its open file (OFD
 * locks), so they work between guests, and with programs of the host that lock by
 * fcntl(2). Between its own programs the guest keeps order itself.
 *
 * Nobody waits here: the guest asks again after a while. How many ranges it can have is
 * bounded, as the host's kernel has them in lists. A share that is not writable has no
 * locks on the host at all: they would keep its programs from writing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "fs/p9_private.h"

/* Types, as fcntl(2) has them on x86, and what Rlock says. */
#define P9_LOCK_TYPE_RDLCK 0u
#define P9_LOCK_TYPE_WRLCK 1u
#define P9_LOCK_TYPE_UNLCK 2u
#define P9_LOCK_SUCCESS    0u
#define P9_LOCK_BLOCKED    1u

struct lock {
	uint8_t type;
	uint64_t start, length; /* 0: up to the end */
	uint32_t proc_id;
	struct p9_string client_id;
};

static void get_owner(struct p9_call *call, struct lock *lock)
{
	lock->start = p9_get64(call);
	lock->length = p9_get64(call);
	lock->proc_id = p9_get32(call);
	lock->client_id = p9_get_string(call);
}

/* As the host has it. */
static int to_host(const struct p9_use *use, const struct lock *lock, struct flock *flock)
{
	*flock = (struct flock){ .l_whence = SEEK_SET };
	if (use->file->kind != P9_FILE && use->file->kind != P9_DIRECTORY)
		return EBADF;
	if (lock->start > INT64_MAX || lock->length > INT64_MAX ||
	    lock->length > INT64_MAX - lock->start)
		return EINVAL;
	flock->l_start = (off_t)lock->start;
	flock->l_len = (off_t)lock->length;
	switch (lock->type) {
	case P9_LOCK_TYPE_RDLCK:
		flock->l_type = F_RDLCK;
		return 0;
	case P9_LOCK_TYPE_WRLCK:
		/*
		 * flock(2) locks what is open for reading too. The host then has a shared
		 * lock: it keeps writers out, but not another guest that does the same.
		 */
		flock->l_type = use->file->can_write ? F_WRLCK : F_RDLCK;
		return 0;
	case P9_LOCK_TYPE_UNLCK:
		flock->l_type = F_UNLCK;
		return 0;
	default:
		return EINVAL;
	}
}

static void append(struct p9_ranges *ranges, struct p9_range range)
{
	struct p9_range *before = ranges->nr ? &ranges->range[ranges->nr - 1] : NULL;

	if (before && before->exclusive == range.exclusive &&
	    before->last + 1 == range.start)
		before->last = range.last;
	else
		ranges->range[ranges->nr++] = range;
}

/* What is locked when `lock` is set, or taken away if `type` says so. */
static struct p9_ranges change(const struct p9_ranges *old, struct p9_range lock,
			       int type)
{
	struct p9_ranges result = { 0 };
	bool done = type == F_UNLCK;

	for (unsigned i = 0; i < old->nr; i++) {
		struct p9_range range = old->range[i], head = range;

		if (range.start < lock.start) {
			if (head.last >= lock.start)
				head.last = lock.start - 1;
			append(&result, head);
		}
		if (range.last <= lock.last)
			continue;
		/* What is behind it, and so are all others. */
		if (!done)
			append(&result, lock);
		done = true;
		if (range.start <= lock.last)
			range.start = lock.last + 1;
		append(&result, range);
	}
	if (!done)
		append(&result, lock);
	return result;
}

static bool reserve(struct p9 *p9, unsigned more)
{
	bool fits;

	pthread_mutex_lock(&p9->lock);
	fits = p9->nr_ranges + more <= P9_MAX_ALL_RANGES;
	if (fits)
		p9->nr_ranges += more;
	pthread_mutex_unlock(&p9->lock);
	return fits;
}

static void unreserve(struct p9 *p9, unsigned less)
{
	pthread_mutex_lock(&p9->lock);
	p9->nr_ranges -= less;
	pthread_mutex_unlock(&p9->lock);
}

/* Lock on the host what is `range` to us, and count it. With file->lock held. */
static int set_range(struct p9 *p9, struct p9_file *file, const struct p9_range *range,
		     struct flock *flock)
{
	struct p9_ranges ranges = change(file->ranges, *range, flock->l_type);
	const unsigned before = file->ranges->nr;
	const unsigned more = ranges.nr > before ? ranges.nr - before : 0;

	if (more && (ranges.nr > P9_MAX_RANGES || !reserve(p9, more)))
		return ENOLCK;
	if (fcntl(file->fd, F_OFD_SETLK, flock)) {
		const int error = errno == EACCES ? EAGAIN : errno;

		unreserve(p9, more);
		return error;
	}
	unreserve(p9, before + more - ranges.nr);
	*file->ranges = ranges;
	return 0;
}

/* EAGAIN: somebody else has it. */
static int set_lock(struct p9 *p9, struct p9_file *file, struct flock *flock)
{
	struct p9_range range = { .start = (uint64_t)flock->l_start,
				  .last = INT64_MAX,
				  .exclusive = flock->l_type == F_WRLCK };
	int error = ENOMEM;

	if (flock->l_len)
		range.last = range.start + (uint64_t)flock->l_len - 1;
	pthread_mutex_lock(&file->lock);
	if (!file->ranges)
		file->ranges = calloc(1, sizeof(*file->ranges));
	if (file->ranges)
		error = set_range(p9, file, &range, flock);
	/* No more of these than there are locked ranges. */
	if (file->ranges && !file->ranges->nr) {
		free(file->ranges);
		file->ranges = NULL;
	}
	pthread_mutex_unlock(&file->lock);
	return error;
}

int p9_lock(struct p9_call *call)
{
	struct flock flock;
	struct p9_use use;
	struct lock lock;
	int error = p9_use_file(call, &use);

	if (error)
		return error;
	lock.type = p9_get8(call);
	(void)p9_get32(call); /* flags: whether it would wait */
	get_owner(call, &lock);
	error = call->error ? call->error : to_host(&use, &lock, &flock);
	if (!error && call->p9->share->writable)
		error = set_lock(call->p9, use.file, &flock);
	if (!error || error == EAGAIN) {
		p9_put8(call, error ? P9_LOCK_BLOCKED : P9_LOCK_SUCCESS);
		error = 0;
	}
	p9_use_end(call, &use);
	return error;
}

int p9_getlock(struct p9_call *call)
{
	struct flock flock;
	struct p9_use use;
	struct lock lock;
	int error = p9_use_file(call, &use);

	if (error)
		return error;
	lock.type = p9_get8(call);
	get_owner(call, &lock);
	error = call->error ? call->error : to_host(&use, &lock, &flock);
	if (!error && flock.l_type == F_UNLCK)
		error = EINVAL;
	if (!error && !call->p9->share->writable)
		flock.l_type = F_UNLCK;
	else if (!error && fcntl(use.fd, F_OFD_GETLK, &flock))
		error = errno;
	if (!error && flock.l_type != F_UNLCK) {
		lock.type = P9_LOCK_TYPE_WRLCK;
		if (flock.l_type == F_RDLCK)
			lock.type = P9_LOCK_TYPE_RDLCK;
		lock.start = (uint64_t)flock.l_start;
		lock.length = (uint64_t)flock.l_len;
		lock.proc_id = 0; /* nobody that the guest knows */
	} else {
		lock.type = P9_LOCK_TYPE_UNLCK;
	}
	if (!error) {
		p9_put8(call, lock.type);
		p9_put64(call, lock.start);
		p9_put64(call, lock.length);
		p9_put32(call, lock.proc_id);
		p9_put_string(call, lock.client_id.text, lock.client_id.length);
	}
	p9_use_end(call, &use);
	return error;
}
