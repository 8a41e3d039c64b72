/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening disk images, and the queue in front of the engines (see engine.h).
 *
 * A disk is a regular file or a block device of the host, with the guest's bytes as they
 * are. What looks like an image of another format is refused: a guest that got its
 * raw bytes would destroy it. A guest can make its own raw disk look like that; then
 * "format=raw" opens it, which is the user's decision.
 *
 * An OFD lock on the whole file keeps a second writer out: of this program or of others
 * that lock (QEMU does). Such a lock belongs to the open file, so it also works
 * between two disks of one process, and is gone however we end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/engine.h"
#include "core/platform.h"
#include "util/bytes.h"

#define MIN_BLOCK_SIZE 512u
#define MAX_BLOCK_SIZE 4096u
#define PAGE_SIZE      4096u /* files of the host are kept in such pieces */

/* A lock that is held is asked for so often, with so much time between. */
#define LOCK_TRIES   25
#define LOCK_WAIT_MS 20

/* How other formats begin. */
struct format {
	const char *name, *qemu_img; /* what qemu-img calls it */
	unsigned offset, size;
	const char *magic;
};

static const struct format formats[] = {
	{ "qcow2 image", "qcow2", 0, 4, "QFI\xfb" },
	{ "QED image", "qed", 0, 4, "QED" },
	{ "VMDK image", "vmdk", 0, 4, "KDMV" },
	{ "VMDK image", "vmdk", 0, 4, "COWD" },
	{ "VMDK descriptor", "vmdk", 0, 21, "# Disk DescriptorFile" },
	{ "VHDX image", "vhdx", 0, 8, "vhdxfile" },
	{ "VHD image", "vpc", 0, 8, "conectix" },
	{ "VDI image", "vdi", 64, 4, "\x7f\x10\xda\xbe" },
	{ "Parallels image", "parallels", 0, 16, "WithoutFreeSpace" },
	{ "Parallels image", "parallels", 0, 16, "WithouFreSpacExt" },
	{ "Bochs image", "bochs", 0, 22, "Bochs Virtual HD Image" },
};

static int check_format(const struct block *block, struct err *err)
{
	uint8_t head[128] = { 0 };
	ssize_t n = pread(block->fd, head, sizeof(head), 0);

	if (n < 0)
		return err_errno(err, "cannot read it");
	for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct format *f = &formats[i];

		if (memcmp(head + f->offset, f->magic, f->size) == 0)
			return err_set(err,
				       "it is a %s, and only raw images can be used: "
				       "\"qemu-img convert -f %s -O raw OLD NEW\" makes "
				       "one (if it is raw in spite of how it begins, say "
				       "format=raw)",
				       f->name, f->qemu_img);
	}
	return 0;
}

/* Opened for reading and writing, it says no. Would reading alone do? */
static int explain_open(const char *path, bool read_only, struct err *err)
{
	int saved = errno;
	int fd;

	if (saved == EBUSY)
		return err_set(err,
			       "the host uses this device: it is mounted, or part of "
			       "RAID, LVM or swap; unmount it first");
	if (!read_only && (saved == EACCES || saved == EPERM || saved == EROFS)) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd >= 0) {
			close(fd);
			errno = saved;
			return err_errno(err, "it can only be read (say \"ro\" to have "
					      "a read-only disk)");
		}
	}
	errno = saved;
	return err_errno(err, "cannot open it");
}

static int open_file(struct block *block, const struct config_disk *disk, struct err *err)
{
	int flags = disk->read_only ? O_RDONLY : O_RDWR;
	struct stat st;

	if (stat(disk->path, &st))
		return err_errno(err, "cannot open it");
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, "%s; a disk is a file or a block device",
			       S_ISDIR(st.st_mode) ? "it is a folder"
						   : "it is no regular file");
	/* For a block device: the host itself must not be using it (open(2)). */
	if (S_ISBLK(st.st_mode) && !disk->read_only)
		flags |= O_EXCL;
	/* O_NONBLOCK: the file may have become a FIFO meanwhile, and must not hang us. */
	block->fd = open(disk->path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (block->fd < 0)
		return explain_open(disk->path, disk->read_only, err);
	if (fstat(block->fd, &st))
		return err_errno(err, "cannot open it");
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, "it is no regular file");
	/* From now on it may wait: io_uring takes O_NONBLOCK at its word. */
	if (fcntl(block->fd, F_SETFL, 0))
		return err_errno(err, "cannot open it");
	block->is_device = S_ISBLK(st.st_mode);
	block->info.read_only = disk->read_only;
	return 0;
}

static int try_lock(int fd, short type)
{
	struct flock whole = { .l_type = type, .l_whence = SEEK_SET };
	unsigned tries = LOCK_TRIES;

	while (fcntl(fd, F_OFD_SETLK, &whole)) {
		if ((errno != EAGAIN && errno != EACCES) || --tries == 0)
			return -1;
		/* One that was just killed: the kernel ends what it had in flight. */
		(void)poll(NULL, 0, LOCK_WAIT_MS);
	}
	return 0;
}

static int take_lock(const struct block *block, const char *path, struct err *err)
{
	const bool read_only = block->info.read_only;
	unsigned budget = 2;

	if (try_lock(block->fd, read_only ? F_RDLCK : F_WRLCK) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(err, "another program, or another disk of this one, %s it",
			       read_only ? "writes to" : "uses");
	platform_warn(&budget,
		      "disk \"%s\": its file system has no locks (%s): see that nobody "
		      "else uses it",
		      path, strerror(errno));
	return 0;
}

static bool is_block_size(uint32_t size)
{
	return size >= MIN_BLOCK_SIZE && size <= MAX_BLOCK_SIZE && !(size & (size - 1));
}

/* Logical and physical block size, and the discard unit. */
static int learn_blocks(struct block *block, const struct config_disk *disk,
			struct err *err)
{
	struct device_limits limits = {
		.logical_block_size = MIN_BLOCK_SIZE,
		.physical_block_size = PAGE_SIZE,
		.discard_granularity = PAGE_SIZE,
	};
	struct block_info *info = &block->info;

	if (block->is_device && device_limits(block->fd, &limits, err))
		return -1;
	if (limits.read_only && !info->read_only)
		return err_set(err, "the device is read-only: say \"ro\"");
	info->logical_block_size =
		disk->block_size ? disk->block_size : limits.logical_block_size;
	if (!is_block_size(info->logical_block_size))
		return err_set(err,
			       "blocks of %u bytes: it has to be 512, 1024, 2048 or "
			       "4096 (block-size=)",
			       info->logical_block_size);
	info->physical_block_size = limits.physical_block_size;
	if (info->physical_block_size < info->logical_block_size)
		info->physical_block_size = info->logical_block_size;
	info->discard_granularity = limits.discard_granularity;
	if (info->discard_granularity < info->logical_block_size)
		info->discard_granularity = info->logical_block_size;
	info->can_write_zeroes = !info->read_only;
	info->can_discard = !info->read_only && limits.discard_granularity > 0;
	return 0;
}

static int learn_size(struct block *block, const char *path, struct err *err)
{
	off_t end = lseek(block->fd, 0, SEEK_END);
	unsigned budget = 2;

	if (end < 0)
		return err_errno(err, "cannot learn its size");
	if (end == 0)
		return err_set(err, "it is empty (\"truncate -s 8G FILE\" makes a disk)");
	block->info.size = align_down((uint64_t)end, block->info.logical_block_size);
	if (block->info.size == 0)
		return err_set(err, "its %lld bytes are less than one block of %u",
			       (long long)end, block->info.logical_block_size);
	if (block->info.size != (uint64_t)end)
		platform_warn(
			&budget,
			"disk \"%s\": the last %llu bytes are no whole block of %u, "
			"and left out",
			path, (unsigned long long)((uint64_t)end - block->info.size),
			block->info.logical_block_size);
	return 0;
}

/* Does a read at this alignment work? */
static bool direct_works(const struct block *block, size_t memory, size_t offset)
{
	uint8_t *buffer;
	bool works;

	if (posix_memalign((void **)&buffer, MAX_BLOCK_SIZE, 3 * (size_t)MAX_BLOCK_SIZE))
		return false;
	works = pread(block->fd, buffer + memory, offset, (off_t)offset) >= 0;
	free(buffer);
	return works;
}

/* The alignment that O_DIRECT wants: of buffers, and of places and lengths. */
static uint32_t learn_alignment(struct block *block)
{
	uint32_t align;

#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(block->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    (stx.stx_mask & STATX_DIOALIGN) && stx.stx_dio_offset_align) {
		block->memory_align = stx.stx_dio_mem_align;
		return stx.stx_dio_offset_align;
	}
#endif
	/* Linux before 6.1, or a file system that does not tell: try. */
	for (align = MIN_BLOCK_SIZE; align < MAX_BLOCK_SIZE; align *= 2) {
		if (direct_works(block, align, align))
			break;
	}
	block->memory_align = align;
	return align;
}

static int set_direct(struct block *block, struct err *err)
{
	uint32_t align;

	if (fcntl(block->fd, F_SETFL, O_DIRECT))
		return err_errno(err, "its file system cannot do without the page cache; "
				      "leave \"direct\" out");
	align = learn_alignment(block);
	if (align > block->info.logical_block_size)
		return err_set(err,
			       "\"direct\" needs blocks of %u bytes here: say "
			       "block-size=%u, or leave \"direct\" out",
			       align, align);
	block->direct = true;
	return 0;
}

static int choose_engine(struct block *block, enum block_engine engine, struct err *err)
{
	struct err why;

	if (engine == BLOCK_ENGINE_THREADS)
		return 0;
	block->uring = uring_open(block, &why);
	if (block->uring || engine == BLOCK_ENGINE_AUTO)
		return 0;
	*err = why;
	return err_prefix(err, "aio=io_uring: ");
}

static int open_all(struct block *block, const struct config_disk *disk, struct err *err)
{
	if (open_file(block, disk, err) || take_lock(block, disk->path, err) ||
	    learn_blocks(block, disk, err) || learn_size(block, disk->path, err))
		return -1;
	if (!disk->format_raw && check_format(block, err))
		return -1;
	if (block->info.can_discard && !block->is_device)
		block->info.can_discard = raw_can_discard(block);
	if (disk->direct && set_direct(block, err))
		return -1;
	return choose_engine(block, disk->engine, err);
}

struct block *block_open(const struct config_disk *disk, struct loop *loop,
			 struct err *err)
{
	struct block *block = calloc(1, sizeof(*block));

	if (!block) {
		err_set(err, "%s \"%s\": out of memory", config_disk_kind(disk),
			disk->path);
		return NULL;
	}
	block->fd = -1;
	block->loop = loop;
	block->last = &block->first;
	block->memory_align = 1;
	if (open_all(block, disk, err)) {
		err_prefix(err, "%s \"%s\": ", config_disk_kind(disk), disk->path);
		block_close(block);
		return NULL;
	}
	return block;
}

void block_close(struct block *block)
{
	if (!block)
		return;
	uring_close(block->uring);
	pool_close(block->pool);
	if (block->fd >= 0)
		close(block->fd);
	free(block);
}

const struct block_info *block_info(const struct block *block)
{
	return &block->info;
}

void block_on_batch(struct block *block, void (*fn)(void *opaque), void *opaque)
{
	block->batch = fn;
	block->opaque = opaque;
}

void block_submit(struct block *block, struct block_request *request)
{
	request->next = NULL;
	request->finished = 0;
	*block->last = request;
	block->last = &request->next;
}

struct block_request *block_take(struct block *block)
{
	struct block_request *request = block->first;

	if (request) {
		block->first = request->next;
		if (!block->first)
			block->last = &block->first;
	}
	return request;
}

void block_finish(struct block *block, struct block_request *request, int error)
{
	if (request->op == BLOCK_FLUSH && !block->direct) {
		if (error && !block->lost)
			block->lost = error;
		error = block->lost;
	}
	block->delivered = true;
	request->done(request, error);
}

/* Have engines take what they can. */
static void empty_queue(struct block *block)
{
	struct block_request *request;

	if (block->uring && block->first)
		uring_kick(block);
	while (!block->uring && (request = block_take(block)))
		threads_submit(block, request);
}

void block_run(struct block *block, void (*reap)(struct block *block))
{
	bool again;

	if (block->busy)
		return;
	block->busy = true;
	if (reap)
		reap(block);
	do {
		empty_queue(block);
		again = block->delivered;
		block->delivered = false;
		if (again && block->batch)
			block->batch(block->opaque);
	} while (again && block->first);
	block->busy = false;
}

void block_kick(struct block *block)
{
	block_run(block, NULL);
}
