/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the 9P server share; see p9.c for how it works.
 *
 * Functions return 0 or an errno, which is what Rlerror carries, unless they say otherwise.
 */
#ifndef TANE_FS_P9_PRIVATE_H
#define TANE_FS_P9_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fs/p9.h"

/* Messages; Rx is Tx + 1. */
enum {
	P9_TSTATFS = 8,
	P9_TLOPEN = 12,
	P9_TLCREATE = 14,
	P9_TSYMLINK = 16,
	P9_TMKNOD = 18,
	P9_TRENAME = 20,
	P9_TREADLINK = 22,
	P9_TGETATTR = 24,
	P9_TSETATTR = 26,
	P9_TXATTRWALK = 30,
	P9_TXATTRCREATE = 32,
	P9_TREADDIR = 40,
	P9_TFSYNC = 50,
	P9_TLOCK = 52,
	P9_TGETLOCK = 54,
	P9_TLINK = 70,
	P9_TMKDIR = 72,
	P9_TRENAMEAT = 74,
	P9_TUNLINKAT = 76,
	P9_TAUTH = 102,
	P9_TATTACH = 104,
	P9_TWALK = 110,
	P9_TREAD = 116,
	P9_TWRITE = 118,
	P9_TCLUNK = 120,
	P9_TREMOVE = 122,
	P9_TYPES = 128,
};

/* Types of qids. */
#define P9_QTDIR     0x80u
#define P9_QTSYMLINK 0x02u
#define P9_QTFILE    0x00u

/* Of Twrite, in front of its data: size[4] type[1] tag[2] fid[4] offset[8] count[4]. */
#define P9_WRITE_HEADER 23u
/* Of Rread and Rreaddir, likewise: size[4] type[1] tag[2] count[4]. */
#define P9_READ_HEADER 11u

#define P9_NOFID    (~0u)
#define P9_NONUNAME (~0u)

#define P9_NAME_MAX     255u
#define P9_MAX_WELEM    16u
#define P9_MAX_XATTR    65536u     /* as XATTR_SIZE_MAX of Linux */
#define P9_XATTR_BUDGET (8u << 20) /* bytes of all values that are held at one time */
#define P9_MAX_VALUES   1024u      /* how many these are */

/* Folders above one another that have no descriptors: from there nothing is opened. */
#define P9_MAX_STEPS 4096u

/* Ranges that are locked: of one open file, and of all. The host's kernel searches lists. */
#define P9_MAX_RANGES     64u
#define P9_MAX_ALL_RANGES 4096u

/*
 * A hash table of what has a struct p9_link in it. It grows with what it holds, and
 * works, slower, where there is no memory for that.
 */
struct p9_link {
	struct p9_link *next;
	uint64_t hash;
};

struct p9_table {
	struct p9_link **buckets;
	size_t size; /* a power of two */
	size_t count;
};

bool p9_table_init(struct p9_table *table);
void p9_table_destroy(struct p9_table *table);
void p9_table_add(struct p9_table *table, struct p9_link *link, uint64_t hash);
void p9_table_remove(struct p9_table *table, struct p9_link *link);
/* The first with that hash, or the next one after it; NULL: there is none (any more). */
struct p9_link *p9_table_find(const struct p9_table *table, uint64_t hash);
struct p9_link *p9_table_next(const struct p9_link *link);
/* Any, in this bucket or those after it, which begin at 0; NULL: all of these are empty. */
struct p9_link *p9_table_first(const struct p9_table *table, size_t *bucket);
/* Mix all bits of a number into all bits of a hash. */
uint64_t p9_mix(uint64_t value);

/* What says that two descriptors are the same thing. */
struct p9_identity {
	uint64_t device, inode;
	uint32_t type; /* S_IFMT */
};

/* A place in a ring of nodes; see p9_cache.c. */
struct p9_ring {
	struct p9_ring *next, *prev;
};

/*
 * A file, folder or anything else that the guest has walked to. There is one for each
 * name of a thing. Those with the same parent and name are the same node.
 */
struct p9_node {
	struct p9_link link;    /* in p9->nodes, unless it is gone */
	struct p9_node *parent; /* has a reference on it; the root's is NULL */
	char *name;             /* in its parent; the root's is NULL */
	struct p9_identity identity;
	bool gone;      /* it has lost its name: removed, or another thing has it now */
	bool forbidden; /* belongs to the host's kernel, see p9_node.c */

	unsigned refs; /* of fids, requests and children */
	unsigned pins; /* of requests that use `fd` */
	int fd;        /* O_PATH; -1: not open now */
	struct p9_ring ring;
};

/* Descriptors that could be closed, longest unused first to go. */
struct p9_cache {
	struct p9_ring ring;
	unsigned count, max;
};

enum p9_kind {
	P9_FILE,
	P9_DIRECTORY,
	P9_XATTR_VALUE, /* made by Txattrwalk, to be read */
	P9_XATTR_NEW,   /* by Txattrcreate: written, then set by Tclunk */
};

/* What of a file is locked: ranges of bytes in order, none of which touches one like it. */
struct p9_range {
	uint64_t start, last; /* the first and the last byte */
	bool exclusive;
};

struct p9_ranges {
	unsigned nr;
	struct p9_range range[P9_MAX_RANGES + 2]; /* for what one request may add */
};

/* What a fid has been opened as. It lives as long as the fid. */
struct p9_file {
	enum p9_kind kind;
	int fd; /* of a file or directory, else -1 */
	bool can_write;

	pthread_mutex_t lock; /* guards what follows */
	uint64_t position;    /* of a directory: where `fd` stands */
	uint8_t *value;       /* of an attribute */
	size_t size, filled;
	bool counted; /* in p9->nr_values and p9->xattr_bytes */
	char *name;
	uint32_t flags;           /* of Txattrcreate */
	struct p9_ranges *ranges; /* that are locked; NULL: none is */
};

struct p9_fid {
	struct p9_link link; /* in p9->fids */
	uint32_t number;
	uint32_t uid;  /* who attached, as the guest counts users; or P9_NONUNAME */
	unsigned refs; /* of p9->fids and of requests */
	struct p9_node *node;
	struct p9_file *file; /* NULL: not open. Once set it stays */
};

struct p9 {
	const struct config_share *share;
	struct p9_limits limits;
	int proc_fd;       /* /proc/self/fd */
	mode_t umask;      /* ours: bits that the host leaves out of what we create */
	uint32_t uid, gid; /* ours, as the host counts */

	/* Held while names turn into nodes, and for writing while names change. */
	pthread_rwlock_t names;

	pthread_mutex_t lock; /* guards what follows, and is a leaf */
	uint32_t msize;       /* 0: no version has been agreed on */
	struct p9_table fids, nodes;
	struct p9_node *root;
	struct p9_cache named, unnamed; /* of nodes that are, or are not, in `nodes` */
	unsigned nr_nodes;              /* with those that are gone */
	unsigned nr_files, max_files;   /* descriptors of open files */
	size_t xattr_bytes;             /* in values of attributes */
	unsigned nr_values;             /* of attributes */
	unsigned nr_ranges;             /* that are locked */
};

/* A string in a message. It ends with a NUL and has none before. */
struct p9_string {
	const char *text;
	size_t length;
};

/*
 * The message that is being carried out: its fixed fields and strings in our own memory,
 * and the reply as it grows. A message that is too short sets `error`.
 */
#define P9_MESSAGE_SIZE 8192u

struct p9_call {
	struct p9 *p9;
	const struct p9_request *request;
	struct p9_header header;
	uint32_t room; /* for the reply: what `in` has, and msize allows */
	bool changes;  /* the request is one that changes something */

	uint32_t at;     /* of `header.size`: what was read of the message */
	uint32_t copied; /* of it in `message` */
	int error;

	uint32_t reply_size;
	uint32_t data_size; /* of the reply's, already in `in` behind what `reply` has */
	uint8_t *message, *reply; /* P9_MESSAGE_SIZE each */
};

/* p9_wire.c: what a message has next. Zero, or an empty string, after its end. */
uint8_t p9_get8(struct p9_call *call);
uint16_t p9_get16(struct p9_call *call);
uint32_t p9_get32(struct p9_call *call);
uint64_t p9_get64(struct p9_call *call);
struct p9_string p9_get_string(struct p9_call *call);
/* A name in a folder: not empty, no slash, not "." or "..", else call->error is set. */
struct p9_string p9_get_name(struct p9_call *call);
/* The same, or "..". */
struct p9_string p9_get_step(struct p9_call *call);
/* Where Tread and Treaddir want data from, and how much of that fits the reply. */
int p9_get_read(struct p9_call *call, uint64_t *offset, uint32_t *count);

void p9_put8(struct p9_call *call, uint8_t value);
void p9_put16(struct p9_call *call, uint16_t value);
void p9_put32(struct p9_call *call, uint32_t value);
void p9_put64(struct p9_call *call, uint64_t value);
void p9_put_string(struct p9_call *call, const char *text, size_t length);
void p9_put_qid(struct p9_call *call, const struct statx *stx);

/* Bytes [offset, offset + size) of `from`, as far as `to` and `from` reach: how many. */
#define P9_MAX_IOV 1024u
unsigned p9_iov_slice(struct iovec to[P9_MAX_IOV], const struct iovec *from, unsigned nr,
		      uint64_t offset, uint64_t size);
/* Copy out of and into segments; how many bytes there were. */
size_t p9_iov_read(const struct iovec *iov, unsigned nr, uint64_t offset, void *to,
		   size_t size);
size_t p9_iov_write(const struct iovec *iov, unsigned nr, uint64_t offset,
		    const void *from, size_t size);
uint64_t p9_iov_size(const struct iovec *iov, unsigned nr);

/* p9_host.c */
/* What statx(2) says of a descriptor, or of a name in a folder, following nothing. */
int p9_stat(int fd, struct statx *stx);
int p9_stat_at(int dir_fd, const char *name, struct statx *stx);
/* What a descriptor is called in p9->proc_fd, for calls that take no O_PATH. */
#define P9_NUMBER_SIZE 16
const char *p9_number(int fd, char text[P9_NUMBER_SIZE]);
/* All bits of a mode, of what `fd` stands for. */
int p9_chmod(const struct p9 *p9, int fd, uint32_t mode);
/* openat2() inside of `dir`, following nothing. A descriptor or a negative errno. */
int p9_open_beneath(struct p9 *p9, int dir, const char *path, int flags, mode_t mode);
/* Open the file or folder that `fd` (O_PATH) stands for. The same. */
int p9_reopen(struct p9 *p9, int fd, int flags);
/* Is it on a file system that is an interface of the host's kernel? */
bool p9_is_of_kernel(int fd);
void p9_close_fd(int fd); /* -1: there is none */

/* p9_attr.c */
/* Unique among the files of all file systems of the host. */
uint64_t p9_qid_path(const struct p9 *p9, uint64_t device, uint64_t inode);

/*
 * p9_cache.c, with p9->lock held: `node`, which has a descriptor that no request uses, goes in
 * and out. What returns a descriptor leaves it to the caller to close; -1: none.
 */
void p9_cache_init(struct p9_cache *cache, unsigned max);
int p9_cache_put(struct p9 *p9, struct p9_node *node);
void p9_cache_remove(struct p9 *p9, struct p9_node *node); /* if it is in */
/* Close one, as the process has too many. False: there is none. Takes p9->lock. */
bool p9_cache_shrink(struct p9 *p9);

/* p9_node.c, without p9->lock. `fd` is taken over; NULL: no memory, or no such folder. */
struct p9_node *p9_node_new_root(struct p9 *p9, int fd);
/* Each reference, also on those that functions hand out, is given back by p9_node_put(). */
struct p9_node *p9_node_get(struct p9 *p9, struct p9_node *node);
void p9_node_put(struct p9 *p9, struct p9_node *node);
/* Is it what `stx` tells of? */
bool p9_node_is(const struct p9_node *node, const struct statx *stx);
/* One step down from `dir`, or up for "..". */
int p9_node_step(struct p9 *p9, struct p9_node *dir, const char *name,
		 struct p9_node **child, struct statx *stx);
/* The same for a caller that has a descriptor of `dir`; down only. */
int p9_node_child(struct p9 *p9, struct p9_node *dir, int dir_fd, const char *name,
		  struct p9_node **child, struct statx *stx);
/*
 * What a caller knows to be `name` in `dir` becomes a node. `fd` is a descriptor of it, which
 * is taken over if it is O_PATH (`take`). p9->names is held since before that was opened.
 */
int p9_node_adopt(struct p9 *p9, struct p9_node *dir, const char *name, int fd, bool take,
		  const struct statx *stx, struct p9_node **child);
/* The folder that it is in; NULL: it is the root. */
struct p9_node *p9_node_parent(struct p9 *p9, struct p9_node *node);
/* Does that name lead to it on the host? */
bool p9_node_is_at(const struct p9_node *node, int dir_fd, const char *name);
/*
 * For those who hold p9->names for writing: the node that the tree has there, if it has one,
 * pinned, so that it outlives its name. After the host's kernel has done it, the node is
 * told that its name is lost, or which one it has now; `name` is from malloc() and taken over.
 */
struct p9_node *p9_node_hold(struct p9 *p9, struct p9_node *dir, int dir_fd,
			     const char *name);
void p9_node_release(struct p9 *p9, struct p9_node *node);
void p9_node_lost(struct p9 *p9, struct p9_node *node);
void p9_node_move(struct p9 *p9, struct p9_node *node, struct p9_node *dir, char *name);

/* p9_open.c: a descriptor (O_PATH) that stays until p9_node_unpin(); or a negative errno. */
int p9_node_pin(struct p9 *p9, struct p9_node *node);
void p9_node_unpin(struct p9 *p9, struct p9_node *node);
/* The same of a node that has one, with p9->lock held. */
int p9_node_pin_open(struct p9 *p9, struct p9_node *node);
/* The same without that lock; `fd` is the node's now, if it had none, else closed. */
int p9_node_install(struct p9 *p9, struct p9_node *node, int fd);

/* p9_fid.c */
void p9_fid_put(struct p9 *p9, struct p9_fid *fid);
/* Takes the references on node and file over, also when it fails. */
int p9_fid_add(struct p9 *p9, uint32_t number, uint32_t uid, struct p9_node *node,
	       struct p9_file *file);
/* Its number is free again, its reference the caller's; NULL: there is none. */
struct p9_fid *p9_fid_remove(struct p9 *p9, uint32_t number);
/* It is open now, and stands for `node`. Takes both over; EBUSY: it is open already. */
int p9_fid_set_open(struct p9 *p9, struct p9_fid *fid, struct p9_node *node,
		    struct p9_file *file);
void p9_fid_remove_all(struct p9 *p9);

/* Count a descriptor that will be a file's; ENFILE: there are too many. */
int p9_file_reserve(struct p9 *p9);
void p9_file_unreserve(struct p9 *p9);
/* `fd`, if there is one, was reserved and is taken over if this works. NULL: no memory. */
struct p9_file *p9_file_new(enum p9_kind kind, int fd);
void p9_file_free(struct p9 *p9, struct p9_file *file);

/* A fid that a request uses. */
struct p9_use {
	struct p9_fid *fid;
	struct p9_node *node; /* what it stands for */
	struct p9_file *file; /* what it is open as, if it is */
	int fd;               /* see below; -1: none */
	bool pinned;
};

/*
 * Use the fid that the message has next, until p9_use_end(), which does no harm after an
 * error. p9_use_descriptor() adds a descriptor of what it stands for, be it O_PATH or the
 * open one, and says EROFS where nothing can be changed; p9_use_path() does both.
 * p9_use_file() wants the fid to be open.
 */
int p9_use_begin(struct p9_call *call, struct p9_use *use);
int p9_use_descriptor(struct p9_call *call, struct p9_use *use);
int p9_use_path(struct p9_call *call, struct p9_use *use);
int p9_use_file(struct p9_call *call, struct p9_use *use);
void p9_use_end(struct p9_call *call, struct p9_use *use);

/*
 * Requests, by file. Each reads its message and adds to the reply. It must look at
 * call->error when it has read all, before it acts.
 */
int p9_walk(struct p9_call *call); /* p9_walk.c */

int p9_lopen(struct p9_call *call); /* p9_file.c */
int p9_lcreate(struct p9_call *call);
int p9_read(struct p9_call *call);
int p9_write(struct p9_call *call);
int p9_fsync(struct p9_call *call);

int p9_readdir(struct p9_call *call); /* p9_dir.c */

int p9_statfs(struct p9_call *call); /* p9_attr.c */
int p9_getattr(struct p9_call *call);
int p9_setattr(struct p9_call *call);

int p9_xattrwalk(struct p9_call *call); /* p9_xattr.c */
int p9_xattrcreate(struct p9_call *call);
/* Data of a Twrite. `count` becomes what was taken. */
int p9_xattr_write(struct p9_call *call, struct p9_file *file, uint64_t offset,
		   uint32_t *count);
/* The last fid of it goes: set the attribute. */
int p9_xattr_commit(struct p9 *p9, struct p9_node *node, struct p9_file *file);

/*
 * p9_create.c. A mode of what is no folder, without the bits by which others would become us,
 * who run the guest's programs; root is asked to make just that.
 */
uint32_t p9_safe_mode(const struct p9 *p9, uint32_t mode);
int p9_mkdir(struct p9_call *call);
int p9_symlink(struct p9_call *call);
int p9_mknod(struct p9_call *call);
/* What was just made in `dir` gets its owner and mode. `stx` is how it is then. */
int p9_settle(struct p9_call *call, const struct p9_use *dir, int fd, uint32_t mode,
	      uint32_t gid, struct statx *stx);

int p9_readlink(struct p9_call *call); /* p9_name.c */
int p9_link(struct p9_call *call);
int p9_rename(struct p9_call *call);
int p9_renameat(struct p9_call *call);
int p9_unlinkat(struct p9_call *call);
/* Take the name away that `use` was walked to by: the first half of Tremove. */
int p9_unlink(struct p9_call *call, const struct p9_use *use);

int p9_lock(struct p9_call *call); /* p9_lock.c */
int p9_getlock(struct p9_call *call);

#endif
