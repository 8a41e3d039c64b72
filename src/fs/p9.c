/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 9P2000.L server: a folder opened, requests handed to those who carry them out, and
 * the session (Tversion, Tattach, Tclunk).
 *
 * A fid (p9_fid.c) is the guest's number for a node (p9_node.c), which is a name in a
 * folder, and so on up to the share's own folder, the root. Nodes have descriptors
 * (O_PATH) while they are used and some time after (p9_cache.c). What a fid has been
 * opened as, a struct p9_file, has its own.
 *
 * The guest cannot leave the folder. Each step of a walk is an openat2() of one name in
 * a folder that we have a descriptor of, which follows no link of any kind, or for what
 * we know a statx() that follows none either; ".." is looked up in our tree and not on the
 * host. Links are the guest's to resolve, in its own tree. Only regular files and folders
 * are opened, by the descriptor that we know them by, never by name: nothing is opened that
 * could wait for somebody, or would do something to a device.
 *
 * Who may do what is up to the host's kernel, which sees us, and to the guest's, which sees
 * its users. A share that is not writable is so here, in serve(): EROFS.
 *
 * Locks, in this order: `lock` of a struct p9_file (one reader of a folder, one writer of
 * an attribute), `names`, `lock` of struct p9. The last is a leaf and held for moments, never
 * around a system call but close(2). `names` is held around those by which names turn into
 * nodes, and for writing by those which change names (p9_name.c), so that the tree is what
 * the host's kernel has, as far as we alone change it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/p9_private.h"
#include "util/bytes.h"

static const char version[] = "9P2000.L";

bool p9_header(const struct iovec *out, unsigned nr_out, struct p9_header *header)
{
	uint8_t bytes[P9_HEADER_SIZE];

	if (p9_iov_read(out, nr_out, 0, bytes, sizeof(bytes)) < sizeof(bytes))
		return false;
	*header = (struct p9_header){
		.size = load_le32(bytes),
		.type = bytes[4],
		.tag = load_le16(bytes + 5),
	};
	return true;
}

/* A new session, whatever it is called: all fids are gone. */
static int do_version(struct p9_call *call)
{
	uint32_t msize = p9_get32(call);
	const struct p9_string wanted = p9_get_string(call);
	const bool known = strcmp(wanted.text, version) == 0;
	const char *answer = known ? version : "unknown";
	struct p9 *p9 = call->p9;

	if (call->error)
		return call->error;
	if (msize < P9_MIN_MSIZE)
		return EMSGSIZE;
	if (msize > P9_MAX_MSIZE)
		msize = P9_MAX_MSIZE;
	p9_fid_remove_all(p9);
	pthread_mutex_lock(&p9->lock);
	p9->msize = known ? msize : 0;
	pthread_mutex_unlock(&p9->lock);
	p9_put32(call, msize);
	p9_put_string(call, answer, strlen(answer));
	return 0;
}

static int do_auth(struct p9_call *call)
{
	(void)call;
	return EOPNOTSUPP; /* there is nothing to prove */
}

static int do_attach(struct p9_call *call)
{
	const uint32_t number = p9_get32(call), afid = p9_get32(call);
	const struct p9_string user = p9_get_string(call);
	const struct p9_string tree = p9_get_string(call);
	const uint32_t uid = p9_get32(call);
	struct p9 *p9 = call->p9;
	struct statx stx;
	int error;

	(void)user; /* 9P2000.L counts users */
	if (call->error)
		return call->error;
	if (afid != P9_NOFID)
		return EBADF;
	if (tree.length && strcmp(tree.text, "/") != 0)
		return ENOENT; /* there is one tree */
	error = p9_stat(p9->root->fd, &stx);
	if (!error)
		error = p9_fid_add(p9, number, uid, p9_node_get(p9, p9->root), NULL);
	if (!error)
		p9_put_qid(call, &stx);
	return error;
}

/* The caller sees to it that what is flushed is done. */
static int do_flush(struct p9_call *call)
{
	(void)p9_get16(call);
	return call->error;
}

/* What the fid stands for is let go, and what it was for is done. */
static int clunk(struct p9 *p9, uint32_t number)
{
	struct p9_fid *fid = p9_fid_remove(p9, number);
	const struct p9_file *file;
	int error = 0;

	if (!fid)
		return EBADF;
	pthread_mutex_lock(&p9->lock);
	file = fid->file;
	pthread_mutex_unlock(&p9->lock);
	if (file && file->kind == P9_XATTR_NEW)
		error = p9_xattr_commit(p9, fid->node, fid->file);
	p9_fid_put(p9, fid);
	return error;
}

static int do_clunk(struct p9_call *call)
{
	const uint32_t number = p9_get32(call);

	return call->error ? call->error : clunk(call->p9, number);
}

/* The fid is gone also when what it stands for is not. */
static int do_remove(struct p9_call *call)
{
	uint32_t number;
	struct p9_use use;
	int error = p9_use_begin(call, &use);

	if (error)
		return error;
	number = use.fid->number;
	call->changes = true;
	error = call->p9->share->writable ? p9_use_descriptor(call, &use) : EROFS;
	if (!error)
		error = p9_unlink(call, &use);
	p9_use_end(call, &use);
	(void)clunk(call->p9, number);
	return error;
}

struct handler {
	int (*serve)(struct p9_call *call);
	bool changes; /* never on a share that is not writable */
};

static const struct handler handlers[P9_TYPES] = {
	[P9_TSTATFS] = { p9_statfs, false },
	[P9_TLOPEN] = { p9_lopen, false }, /* for writing it is refused there */
	[P9_TLCREATE] = { p9_lcreate, true },
	[P9_TSYMLINK] = { p9_symlink, true },
	[P9_TMKNOD] = { p9_mknod, true },
	[P9_TRENAME] = { p9_rename, true },
	[P9_TREADLINK] = { p9_readlink, false },
	[P9_TGETATTR] = { p9_getattr, false },
	[P9_TSETATTR] = { p9_setattr, true },
	[P9_TXATTRWALK] = { p9_xattrwalk, false },
	[P9_TXATTRCREATE] = { p9_xattrcreate, true },
	[P9_TREADDIR] = { p9_readdir, false },
	[P9_TFSYNC] = { p9_fsync, false },
	[P9_TLOCK] = { p9_lock, false },
	[P9_TGETLOCK] = { p9_getlock, false },
	[P9_TLINK] = { p9_link, true },
	[P9_TMKDIR] = { p9_mkdir, true },
	[P9_TRENAMEAT] = { p9_renameat, true },
	[P9_TUNLINKAT] = { p9_unlinkat, true },
	[P9_TVERSION] = { do_version, false },
	[P9_TAUTH] = { do_auth, false },
	[P9_TATTACH] = { do_attach, false },
	[P9_TFLUSH] = { do_flush, false },
	[P9_TWALK] = { p9_walk, false },
	[P9_TREAD] = { p9_read, false },
	[P9_TWRITE] = { p9_write, true },
	[P9_TCLUNK] = { do_clunk, false },
	[P9_TREMOVE] = { do_remove, false }, /* it clunks in any case */
};

static int serve(struct p9_call *call)
{
	const unsigned type = call->header.type;
	const struct handler *handler = &handlers[type % P9_TYPES];

	if (type >= P9_TYPES || !handler->serve)
		return EOPNOTSUPP;
	if (call->room < P9_HEADER_SIZE + sizeof(uint32_t))
		return EMSGSIZE;
	if (handler->changes && !call->p9->share->writable)
		return EROFS;
	call->changes = handler->changes;
	return handler->serve(call);
}

/* Copy the message, but for what a Twrite carries. */
static int receive(struct p9_call *call)
{
	const struct p9_request *request = call->request;
	struct p9 *p9 = call->p9;
	uint32_t msize, size = call->header.size;
	uint64_t room = p9_iov_size(request->in, request->nr_in);

	pthread_mutex_lock(&p9->lock);
	msize = p9->msize;
	pthread_mutex_unlock(&p9->lock);
	if (!msize && call->header.type != P9_TVERSION)
		return EPROTO;
	if (!msize)
		msize = P9_MIN_MSIZE;
	call->room = room < msize ? (uint32_t)room : msize;
	if (size < P9_HEADER_SIZE || size > msize ||
	    size > p9_iov_size(request->out, request->nr_out))
		return EBADMSG;
	call->at = P9_HEADER_SIZE;
	call->copied = size < P9_MESSAGE_SIZE ? size : P9_MESSAGE_SIZE;
	if (call->header.type == P9_TWRITE && call->copied > P9_WRITE_HEADER)
		call->copied = P9_WRITE_HEADER;
	p9_iov_read(request->out, request->nr_out, 0, call->message, call->copied);
	return 0;
}

static uint32_t send_reply(struct p9_call *call, int error)
{
	const struct p9_request *request = call->request;
	uint8_t type = (uint8_t)(call->header.type + 1);
	uint32_t size = call->reply_size + call->data_size;

	if (!error && size > call->room)
		error = EMSGSIZE;
	if (error) {
		type = P9_RLERROR;
		store_le32(call->reply + P9_HEADER_SIZE, (uint32_t)error);
		size = call->reply_size = P9_HEADER_SIZE + sizeof(uint32_t);
	}
	store_le32(call->reply, size);
	call->reply[4] = type;
	store_le16(call->reply + 5, call->header.tag);
	if (p9_iov_write(request->in, request->nr_in, 0, call->reply, call->reply_size) <
	    call->reply_size)
		return 0;
	return size;
}

uint32_t p9_serve(struct p9 *p9, const struct p9_request *request)
{
	uint8_t message[P9_MESSAGE_SIZE], reply[P9_MESSAGE_SIZE];
	struct p9_call call = {
		.p9 = p9,
		.request = request,
		.message = message,
		.reply = reply,
		.reply_size = P9_HEADER_SIZE,
	};
	int error;

	if (!p9_header(request->out, request->nr_out, &call.header))
		return 0;
	error = receive(&call);
	if (!error)
		error = serve(&call);
	return send_reply(&call, error ? error : call.error);
}

/* What open(2) leaves out of the modes of files that we make. */
static int learn_umask(mode_t *mask, struct err *err)
{
	static const char key[] = "\nUmask:\t";
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	char text[512];
	ssize_t n;
	char *at;

	if (fd < 0)
		return err_errno(err, "/proc/self/status");
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, key);
	if (!at)
		return err_set(err,
			       "/proc/self/status has no umask: this kernel is too old");
	*mask = (mode_t)strtoul(at + sizeof(key) - 1, NULL, 8);
	return 0;
}

static int open_root(struct p9 *p9, struct err *err)
{
	int fd = open(p9->share->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int inside;

	if (fd < 0)
		return err_set(err, "%s", strerror(errno));
	inside = p9_open_beneath(p9, fd, ".", O_PATH, 0);
	if (inside >= 0)
		p9->root = p9_node_new_root(p9, inside);
	close(fd);
	if (inside == -ENOSYS)
		return err_set(err, "this kernel has no openat2(), which came with Linux "
				    "5.6: the guest could not be kept inside");
	errno = -inside;
	if (inside < 0)
		return err_set(err, "%s", strerror(errno));
	return p9->root ? 0 : err_set(err, "out of memory");
}

static int open_all(struct p9 *p9, struct err *err)
{
	p9->proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p9->proc_fd < 0)
		return err_errno(err, "/proc/self/fd");
	if (learn_umask(&p9->umask, err))
		return -1;
	if (!p9_table_init(&p9->fids) || !p9_table_init(&p9->nodes))
		return err_set(err, "out of memory");
	return open_root(p9, err);
}

static void init_locks(struct p9 *p9)
{
	pthread_rwlockattr_t attributes;

	/* A stream of walks shall not keep a rename waiting. */
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes,
				      PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&p9->names, &attributes);
	pthread_rwlockattr_destroy(&attributes);
	pthread_mutex_init(&p9->lock, NULL);
}

struct p9 *p9_open(const struct config_share *share, const struct p9_limits *limits,
		   struct err *err)
{
	struct p9 *p9 = calloc(1, sizeof(*p9));

	if (!p9) {
		err_set(err, "%s \"%s\": out of memory", config_share_option(share),
			share->path);
		return NULL;
	}
	p9->share = share;
	p9->limits = *limits;
	p9->proc_fd = -1;
	p9->uid = geteuid();
	p9->gid = getegid();
	p9->max_files = limits->max_descriptors / 2;
	p9_cache_init(&p9->named, limits->max_descriptors / 4);
	p9_cache_init(&p9->unnamed, limits->max_descriptors / 4);
	init_locks(p9);
	if (open_all(p9, err)) {
		err_prefix(err, "%s \"%s\": ", config_share_option(share), share->path);
		p9_close(p9);
		return NULL;
	}
	return p9;
}

void p9_reset(struct p9 *p9)
{
	p9_fid_remove_all(p9);
	p9->msize = 0;
}

size_t p9_count_fids(struct p9 *p9)
{
	size_t count;

	pthread_mutex_lock(&p9->lock);
	count = p9->fids.count;
	pthread_mutex_unlock(&p9->lock);
	return count;
}

void p9_close(struct p9 *p9)
{
	if (!p9)
		return;
	if (p9->root) {
		p9_fid_remove_all(p9);
		p9_node_put(p9, p9->root);
	}
	p9_table_destroy(&p9->fids);
	p9_table_destroy(&p9->nodes);
	if (p9->proc_fd >= 0)
		close(p9->proc_fd);
	pthread_rwlock_destroy(&p9->names);
	pthread_mutex_destroy(&p9->lock);
	free(p9);
}
