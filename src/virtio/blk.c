/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk: requests of the driver become requests of the block layer.
 *
 * A request is a header of 16 bytes and data to read, then data to write and one byte
 * of status. The segments of the driver may cut it anywhere (2.7.4), so it is read as
 * a row of bytes; header and status are taken off the ends, and what is left goes to
 * block.h in place, with no copy.
 *
 *	kick	pop all, check, hand over; one system call for the lot
 *	done	write the status, push; in any order
 *	batch	publish once, for all that was done in a wake-up
 *
 * Each queue has one slot more than its ring has entries, so that there always is one to
 * pop into: what a full ring has to say, if anything, is for the ring to judge. They are
 * reserved and not touched; few are in use at a time, always the same.
 *
 * Durability (5.2.6.2): a driver that took FLUSH, and has not turned the cache off by
 * CONFIG_WCE, has a write acknowledged when the host has taken it, and asks
 * for more by FLUSH. To any other driver a write is acknowledged when it is durable.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "block/block.h"
#include "util/bytes.h"
#include "virtio/blk.h"

/* 5.2.3 */
enum {
	VIRTIO_BLK_F_SEG_MAX = 2,
	VIRTIO_BLK_F_RO = 5,
	VIRTIO_BLK_F_BLK_SIZE = 6,
	VIRTIO_BLK_F_FLUSH = 9,
	VIRTIO_BLK_F_TOPOLOGY = 10,
	VIRTIO_BLK_F_CONFIG_WCE = 11,
	VIRTIO_BLK_F_MQ = 12,
	VIRTIO_BLK_F_DISCARD = 13,
	VIRTIO_BLK_F_WRITE_ZEROES = 14,
};

/* 5.2.4: offsets in struct virtio_blk_config. */
enum {
	CONFIG_CAPACITY = 0,             /* le64, in sectors */
	CONFIG_SEG_MAX = 12,             /* le32 */
	CONFIG_BLK_SIZE = 20,            /* le32 */
	CONFIG_PHYSICAL_BLOCK_EXP = 24,  /* u8 */
	CONFIG_MIN_IO_SIZE = 26,         /* le16, in blocks */
	CONFIG_WRITEBACK = 32,           /* u8 */
	CONFIG_NUM_QUEUES = 34,          /* le16 */
	CONFIG_MAX_DISCARD_SECTORS = 36, /* le32 */
	CONFIG_MAX_DISCARD_SEG = 40,
	CONFIG_DISCARD_SECTOR_ALIGNMENT = 44,
	CONFIG_MAX_WRITE_ZEROES_SECTORS = 48,
	CONFIG_MAX_WRITE_ZEROES_SEG = 52,
	CONFIG_WRITE_ZEROES_MAY_UNMAP = 56, /* u8 */
	CONFIG_SIZE = 60,
};

/* 5.2.6 */
enum {
	VIRTIO_BLK_T_IN = 0,
	VIRTIO_BLK_T_OUT = 1,
	VIRTIO_BLK_T_FLUSH = 4,
	VIRTIO_BLK_T_GET_ID = 8,
	VIRTIO_BLK_T_DISCARD = 11,
	VIRTIO_BLK_T_WRITE_ZEROES = 13,

	VIRTIO_BLK_S_OK = 0,
	VIRTIO_BLK_S_IOERR = 1,
	VIRTIO_BLK_S_UNSUPP = 2,
};

#define SECTOR      512u
#define HEADER_SIZE 16u /* le32 type, le32 reserved, le64 sector */
#define ID_SIZE     20u
#define RANGE_SIZE  16u /* le64 sector, le32 num_sectors, le32 flags */
#define FLAG_UNMAP  1u

#define QUEUE_SIZE 256u
#define SLOTS      (QUEUE_SIZE + 1)
/* The header and the status have a descriptor each. 254 pages and 1 MiB of data. */
#define SEG_MAX (QUEUE_SIZE - 2)

/* A request shall be over in a moment, also where zeroes have to be written. */
#define MAX_DISCARD_SECTORS      (2u << 20)  /* 1 GiB */
#define MAX_WRITE_ZEROES_SECTORS (64u << 11) /* 64 MiB */

struct blk_queue;

/* A request that the driver waits for. */
struct blk_request {
	struct block_request io;
	struct virtq_chain chain;
	struct blk_queue *queue;
	uint8_t *status; /* the last byte that the driver lets us write */
	bool trimmed;    /* the last segment is shorter by that byte than it was */
	bool is_write;   /* it has to be durable, sooner or later */
	uint16_t next;   /* in the list of free slots */
};

#define NO_SLOT   UINT16_MAX
#define IOVS_SIZE (sizeof(struct iovec) * QUEUE_SIZE * SLOTS) /* of a queue */

struct blk_queue {
	struct blk *blk;
	unsigned index;
	struct blk_request *requests; /* SLOTS of them ... */
	struct iovec *iovs;           /* ... with QUEUE_SIZE segments each; mapped */
	uint16_t free;                /* slots that were in use, or NO_SLOT */
	uint16_t fresh;               /* slots from here on never were */
	bool pushed;                  /* since the last publish */
};

struct blk {
	struct virtio virtio;
	const struct config_disk *disk;
	struct block *block;
	struct blk_queue queues[VIRTIO_BLK_MAX_QUEUES];
	unsigned nr_queues;
	unsigned in_flight; /* requests that the block layer has */
	bool stopping;      /* the driver has reset us and waits for those */
	uint8_t writeback;  /* as the driver set it; atomic */
	unsigned warnings;
	uint8_t config[CONFIG_SIZE];
};

/* -- configuration space -- */

/* May a write be acknowledged before it is durable? (5.2.6.2) */
static bool is_writeback(const struct blk *blk)
{
	if (!virtio_has(&blk->virtio, VIRTIO_BLK_F_FLUSH))
		return false;
	return !virtio_has(&blk->virtio, VIRTIO_BLK_F_CONFIG_WCE) ||
	       __atomic_load_n(&blk->writeback, __ATOMIC_RELAXED);
}

static void read_config(void *dev, unsigned offset, void *data, unsigned size)
{
	const struct blk *blk = dev;
	uint8_t config[CONFIG_SIZE];

	memcpy(config, blk->config, sizeof(config));
	config[CONFIG_WRITEBACK] = is_writeback(blk);
	memcpy(data, config + offset, size);
}

static void write_config(void *dev, unsigned offset, const void *data, unsigned size)
{
	struct blk *blk = dev;
	const uint8_t *value = data;

	/* 5.2.5.1: the one field that a driver may write, if CONFIG_WCE was agreed. */
	if (offset == CONFIG_WRITEBACK && size == 1 && *value <= 1 &&
	    virtio_has(&blk->virtio, VIRTIO_BLK_F_CONFIG_WCE))
		__atomic_store_n(&blk->writeback, *value, __ATOMIC_RELAXED);
}

static void build_config(struct blk *blk, const struct block_info *info)
{
	uint32_t ratio = info->physical_block_size / info->logical_block_size;
	uint8_t *config = blk->config;

	store_le64(config + CONFIG_CAPACITY, info->size / SECTOR);
	store_le32(config + CONFIG_SEG_MAX, SEG_MAX);
	store_le32(config + CONFIG_BLK_SIZE, info->logical_block_size);
	config[CONFIG_PHYSICAL_BLOCK_EXP] = (uint8_t)__builtin_ctz(ratio);
	store_le16(config + CONFIG_MIN_IO_SIZE, (uint16_t)ratio);
	store_le16(config + CONFIG_NUM_QUEUES, (uint16_t)blk->nr_queues);
	if (info->can_discard) {
		store_le32(config + CONFIG_MAX_DISCARD_SECTORS, MAX_DISCARD_SECTORS);
		store_le32(config + CONFIG_MAX_DISCARD_SEG, 1);
		store_le32(config + CONFIG_DISCARD_SECTOR_ALIGNMENT,
			   info->discard_granularity / SECTOR);
	}
	if (info->can_write_zeroes) {
		store_le32(config + CONFIG_MAX_WRITE_ZEROES_SECTORS,
			   MAX_WRITE_ZEROES_SECTORS);
		store_le32(config + CONFIG_MAX_WRITE_ZEROES_SEG, 1);
		config[CONFIG_WRITE_ZEROES_MAY_UNMAP] = info->can_discard;
	}
}

static uint64_t offered(const struct blk *blk, const struct block_info *info)
{
	uint64_t bits =
		VIRTIO_BIT(VIRTIO_BLK_F_SEG_MAX) | VIRTIO_BIT(VIRTIO_BLK_F_BLK_SIZE) |
		VIRTIO_BIT(VIRTIO_BLK_F_TOPOLOGY) | VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) |
		VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE);

	if (info->read_only)
		bits |= VIRTIO_BIT(VIRTIO_BLK_F_RO);
	if (blk->nr_queues > 1)
		bits |= VIRTIO_BIT(VIRTIO_BLK_F_MQ);
	if (info->can_discard)
		bits |= VIRTIO_BIT(VIRTIO_BLK_F_DISCARD);
	if (info->can_write_zeroes)
		bits |= VIRTIO_BIT(VIRTIO_BLK_F_WRITE_ZEROES);
	return bits;
}

/* -- slots -- */

static struct blk_request *take_slot(struct blk_queue *queue)
{
	struct blk_request *request;
	uint16_t slot = queue->free;

	if (slot != NO_SLOT) {
		queue->free = queue->requests[slot].next;
	} else if (queue->fresh < SLOTS) {
		slot = queue->fresh++;
	} else {
		return NULL;
	}
	request = &queue->requests[slot];
	*request = (struct blk_request){
		.queue = queue,
		.chain = { .iov = queue->iovs + (size_t)slot * QUEUE_SIZE,
			   .max_iov = QUEUE_SIZE },
	};
	return request;
}

static void give_slot(struct blk_request *request)
{
	struct blk_queue *queue = request->queue;

	request->next = queue->free;
	queue->free = (uint16_t)(request - queue->requests);
}

/* -- the end of a request -- */

static struct virtq *ring_of(const struct blk_queue *queue)
{
	return &queue->blk->virtio.queues[queue->index].ring;
}

/* Answer the driver. It sees it with the next publish(). */
static void answer(struct blk_request *request, uint8_t status)
{
	struct virtq_chain *chain = &request->chain;

	if (request->trimmed)
		chain->iov[chain->nr_out + chain->nr_in - 1].iov_len++;
	*request->status = status;
	/* All of it, though an error may have left data as it was: the status is last. */
	virtq_push(ring_of(request->queue), chain, (uint32_t)chain->in_size);
	request->queue->pushed = true;
	give_slot(request);
}

/* The driver has reset the device: no answer, but the host may have written data. */
static void abandon(struct blk_request *request)
{
	const struct block_request *io = &request->io;

	for (unsigned i = 0; io->op == BLOCK_READ && i < io->nr_iov; i++)
		memory_mark_written(request->queue->blk->virtio.platform->memory,
				    io->iov[i].iov_base, io->iov[i].iov_len);
	give_slot(request);
}

static void publish(struct blk_queue *queue)
{
	if (!queue->pushed)
		return;
	queue->pushed = false;
	virtio_publish(&queue->blk->virtio, queue->index);
}

static void warn(struct blk *blk, const struct block_request *io, int error)
{
	static const char *const names[] = {
		[BLOCK_READ] = "read",
		[BLOCK_WRITE] = "write",
		[BLOCK_FLUSH] = "flush",
		[BLOCK_DISCARD] = "discard",
		[BLOCK_WRITE_ZEROES] = "write of zeroes",
	};

	platform_warn(
		&blk->warnings,
		"disk \"%s\": %s of %llu bytes at %llu: %s; the guest gets an I/O error",
		blk->disk->path, names[io->op], (unsigned long long)io->length,
		(unsigned long long)io->offset, strerror(error));
}

static void done(struct block_request *io, int error)
{
	struct blk_request *request =
		(void *)((char *)io - offsetof(struct blk_request, io));
	struct blk *blk = request->queue->blk;

	if (error)
		warn(blk, io, error);
	if (!error && request->is_write && !blk->stopping && !is_writeback(blk)) {
		request->is_write = false;
		io->op = BLOCK_FLUSH;
		block_submit(blk->block, io);
		return;
	}
	blk->in_flight--;
	if (blk->stopping)
		abandon(request);
	else
		answer(request, error ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
}

/* All that was done in this wake-up has been pushed. */
static void batch(void *opaque)
{
	struct blk *blk = opaque;

	for (unsigned i = 0; i < blk->nr_queues; i++)
		publish(&blk->queues[i]);
	if (blk->stopping && blk->in_flight == 0) {
		blk->stopping = false;
		virtio_stopped(&blk->virtio);
	}
	/* Flushes behind writes. */
	block_kick(blk->block);
}

/* -- the beginning of a request -- */

/*
 * Each returns the status if the request is over, or -1 if the block layer has to do
 * request->io, which it has set up.
 */

/* Is that a part of the disk, in whole blocks? Fills offset and length. */
static bool set_range(struct blk_request *request, uint64_t sector, uint64_t length)
{
	const struct block_info *info = block_info(request->queue->blk->block);
	uint64_t mask = info->logical_block_size - 1;

	/* 5.2.6.1: within the capacity; and a multiple of the block size. */
	if (sector > info->size / SECTOR ||
	    !range_within(sector * SECTOR, length, info->size))
		return false;
	if (((sector * SECTOR) | length) & mask)
		return false;
	request->io.offset = sector * SECTOR;
	request->io.length = length;
	return true;
}

static int begin_read(struct blk_request *request, uint64_t sector)
{
	struct virtq_chain *chain = &request->chain;
	struct iovec *last = &chain->iov[chain->nr_out + chain->nr_in - 1];

	if (!set_range(request, sector, chain->in_size - 1))
		return VIRTIO_BLK_S_IOERR;
	if (request->io.length == 0)
		return VIRTIO_BLK_S_OK;
	request->io.op = BLOCK_READ;
	request->io.iov = chain->iov + chain->nr_out;
	request->io.nr_iov = chain->nr_in;
	if (last->iov_len == 1) {
		request->io.nr_iov--;
	} else {
		last->iov_len--;
		request->trimmed = true;
	}
	return -1;
}

static int begin_write(struct blk_request *request, uint64_t sector)
{
	struct virtq_chain *chain = &request->chain;
	struct iovec *iov = chain->iov;
	size_t skip = HEADER_SIZE;

	/* 5.2.6.2: a device with RO fails writes. */
	if (block_info(request->queue->blk->block)->read_only)
		return VIRTIO_BLK_S_IOERR;
	if (!set_range(request, sector, chain->out_size - HEADER_SIZE))
		return VIRTIO_BLK_S_IOERR;
	if (request->io.length == 0)
		return VIRTIO_BLK_S_OK;
	for (; skip >= iov->iov_len; iov++)
		skip -= iov->iov_len;
	iov->iov_base = (uint8_t *)iov->iov_base + skip;
	iov->iov_len -= skip;
	request->io.op = BLOCK_WRITE;
	request->io.iov = iov;
	request->io.nr_iov = (unsigned)(chain->iov + chain->nr_out - iov);
	request->is_write = true;
	return -1;
}

/* DISCARD and WRITE_ZEROES: one range, as the configuration says. */
static int begin_range(struct blk_request *request, enum block_op op)
{
	const bool is_discard = op == BLOCK_DISCARD;
	const struct blk *blk = request->queue->blk;
	uint32_t sectors, flags;
	uint8_t range[RANGE_SIZE];

	if (!virtio_has(&blk->virtio,
			is_discard ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES))
		return VIRTIO_BLK_S_UNSUPP;
	if (request->chain.out_size != HEADER_SIZE + RANGE_SIZE)
		return VIRTIO_BLK_S_IOERR;
	virtq_chain_read(&request->chain, HEADER_SIZE, range, sizeof(range));
	sectors = load_le32(range + 8);
	flags = load_le32(range + 12);
	/* 5.2.6.2: unmap belongs to zeroes only; unknown flags are refused. */
	if (flags & ~(is_discard ? 0 : FLAG_UNMAP))
		return VIRTIO_BLK_S_UNSUPP;
	if (sectors > (is_discard ? MAX_DISCARD_SECTORS : MAX_WRITE_ZEROES_SECTORS) ||
	    !set_range(request, load_le64(range), (uint64_t)sectors * SECTOR))
		return VIRTIO_BLK_S_IOERR;
	if (sectors == 0)
		return VIRTIO_BLK_S_OK;
	request->io.op = op;
	request->io.may_unmap = flags & FLAG_UNMAP;
	request->is_write = !is_discard;
	return -1;
}

static int get_id(struct blk_request *request)
{
	const char *name = request->queue->blk->disk->id;
	char id[ID_SIZE] = { 0 };

	/* 5.2.6: 20 bytes, with zeroes behind a shorter string. */
	if (request->chain.in_size - 1 < sizeof(id))
		return VIRTIO_BLK_S_IOERR;
	if (name)
		memcpy(id, name, strnlen(name, sizeof(id)));
	virtq_chain_write(&request->chain, 0, id, sizeof(id));
	return VIRTIO_BLK_S_OK;
}

static int begin(struct blk_request *request)
{
	uint8_t header[HEADER_SIZE];
	uint64_t sector;

	if (virtq_chain_read(&request->chain, 0, header, sizeof(header)) !=
	    sizeof(header))
		return VIRTIO_BLK_S_IOERR;
	sector = load_le64(header + 8);
	switch (load_le32(header)) {
	case VIRTIO_BLK_T_IN:
		return begin_read(request, sector);
	case VIRTIO_BLK_T_OUT:
		return begin_write(request, sector);
	case VIRTIO_BLK_T_FLUSH:
		request->io.op = BLOCK_FLUSH;
		return -1;
	case VIRTIO_BLK_T_GET_ID:
		return get_id(request);
	case VIRTIO_BLK_T_DISCARD:
		return begin_range(request, BLOCK_DISCARD);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return begin_range(request, BLOCK_WRITE_ZEROES);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/* 1: one request was taken. 0: there is none. -1: no more will be served. */
static int serve_one(struct blk_queue *queue)
{
	struct blk_request *request = take_slot(queue);
	struct blk *blk = queue->blk;
	struct virtq_chain *chain;
	const struct iovec *last;
	int status;

	/* Not 0, for which the caller would ask for kicks and look again, for ever. */
	if (!request)
		return -1;
	chain = &request->chain;
	status = virtq_pop(ring_of(queue), chain);
	if (status <= 0) {
		give_slot(request);
		if (status < 0)
			virtio_fail(&blk->virtio, "queue %u: %s", queue->index,
				    ring_of(queue)->fault);
		return status;
	}
	if (chain->in_size == 0) {
		give_slot(request);
		virtio_fail(&blk->virtio,
			    "queue %u: a request without room for the status (5.2.6)",
			    queue->index);
		return -1;
	}
	last = &chain->iov[chain->nr_out + chain->nr_in - 1];
	request->status = (uint8_t *)last->iov_base + last->iov_len - 1;
	request->io.done = done;
	status = begin(request);
	if (status >= 0) {
		answer(request, (uint8_t)status);
		return 1;
	}
	blk->in_flight++;
	block_submit(blk->block, &request->io);
	return 1;
}

static void kick(void *dev, unsigned index)
{
	struct blk *blk = dev;
	struct blk_queue *queue = &blk->queues[index];
	struct virtq *ring = ring_of(queue);
	unsigned budget = QUEUE_SIZE;
	int r;

	do {
		virtq_refuse_kicks(ring);
		do
			r = serve_one(queue);
		while (r > 0 && --budget);
	} while (r == 0 && virtq_want_kicks(ring));
	/* A driver that never stops shall not keep the loop from others. */
	if (r > 0)
		virtio_kick(&blk->virtio, index);
	block_kick(blk->block);
	publish(queue);
}

/* -- life -- */

static void start(void *dev)
{
	(void)dev;
}

static bool stop(void *dev)
{
	struct blk *blk = dev;

	__atomic_store_n(&blk->writeback, 1, __ATOMIC_RELAXED);
	blk->stopping = blk->in_flight > 0;
	return !blk->stopping;
}

/* What is saved: all else follows from the configuration and the rings. */
struct saved {
	uint8_t writeback;
};

static const struct state_field saved_fields[] = {
	STATE_FIELD(struct saved, writeback),
};

static const struct state_layout saved_layout = {
	.version = 1,
	.nr_fields = sizeof(saved_fields) / sizeof(saved_fields[0]),
	.fields = saved_fields,
};

#define MAX_SECTION 64

static int save(const void *dev, struct state_writer *writer, struct err *err)
{
	const struct blk *blk = dev;
	const struct saved saved = { .writeback = blk->writeback };
	char name[MAX_SECTION];

	snprintf(name, sizeof(name), "%s.disk", blk->virtio.name);
	if (blk->in_flight)
		return err_set(err, "%s: requests are in flight", blk->virtio.name);
	return state_save(writer, name, &saved_layout, &saved, err);
}

static int load(void *dev, struct bytes image, struct err *err)
{
	struct blk *blk = dev;
	struct saved saved = { .writeback = 1 };
	char name[MAX_SECTION];

	snprintf(name, sizeof(name), "%s.disk", blk->virtio.name);
	if (state_load(image, name, &saved_layout, &saved, err))
		return -1;
	if (saved.writeback > 1)
		return err_set(err, "%s: a cache mode %u does not exist", name,
			       saved.writeback);
	blk->writeback = saved.writeback;
	return 0;
}

static void close_all(struct blk *blk)
{
	/* First: it waits for requests that still use the segments. */
	block_close(blk->block);
	for (unsigned i = 0; i < blk->nr_queues; i++) {
		free(blk->queues[i].requests);
		if (blk->queues[i].iovs)
			munmap(blk->queues[i].iovs, IOVS_SIZE);
	}
	free(blk);
}

static void blk_free(void *dev)
{
	struct blk *blk = dev;

	virtio_destroy(&blk->virtio);
	close_all(blk);
}

static const struct virtio_ops ops = {
	.read_config = read_config,
	.write_config = write_config,
	.start = start,
	.kick = kick,
	.stop = stop,
	.free = blk_free,
	.save = save,
	.load = load,
};

static int init_queue(struct blk *blk, unsigned index, struct err *err)
{
	struct blk_queue *queue = &blk->queues[index];

	blk->nr_queues++;
	*queue = (struct blk_queue){ .blk = blk, .index = index, .free = NO_SLOT };
	queue->requests = calloc(SLOTS, sizeof(struct blk_request));
	queue->iovs = mmap(NULL, IOVS_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (queue->iovs == MAP_FAILED)
		queue->iovs = NULL;
	if (!queue->requests || !queue->iovs)
		return err_set(err, "disk \"%s\": out of memory", blk->disk->path);
	return 0;
}

static int init(struct blk *blk, struct platform *platform, unsigned index, unsigned cpus,
		bool packed, struct err *err)
{
	unsigned nr_queues = blk->disk->queues ? blk->disk->queues : cpus;
	uint16_t sizes[VIRTIO_BLK_MAX_QUEUES];
	struct virtio_setup setup = {
		.id = VIRTIO_ID_BLOCK,
		.driver_hint = "CONFIG_VIRTIO_BLK (module virtio_blk)",
		.ops = &ops,
		.dev = blk,
		.config_size = CONFIG_SIZE,
	};
	char name[32];

	if (nr_queues > VIRTIO_BLK_MAX_QUEUES)
		nr_queues = VIRTIO_BLK_MAX_QUEUES;
	for (unsigned i = 0; i < nr_queues; i++) {
		sizes[i] = QUEUE_SIZE;
		if (init_queue(blk, i, err))
			return -1;
	}
	blk->block = block_open(blk->disk, platform->loop, err);
	if (!blk->block)
		return -1;
	block_on_batch(blk->block, batch, blk);
	build_config(blk, block_info(blk->block));
	snprintf(name, sizeof(name), "virtio-blk.%u", index);
	setup.name = name;
	setup.queue_sizes = sizes;
	setup.nr_queues = nr_queues;
	setup.offered = offered(blk, block_info(blk->block));
	return virtio_init(&blk->virtio, platform, &setup, packed, err);
}

struct virtio *virtio_blk_new(struct platform *platform, const struct config_disk *disk,
			      unsigned index, unsigned cpus, bool packed, struct err *err)
{
	struct blk *blk = calloc(1, sizeof(*blk));

	if (!blk) {
		err_set(err, "disk \"%s\": out of memory", disk->path);
		return NULL;
	}
	blk->disk = disk;
	blk->writeback = 1;
	blk->warnings = PLATFORM_WARNINGS;
	if (init(blk, platform, index, cpus, packed, err)) {
		close_all(blk);
		return NULL;
	}
	return &blk->virtio;
}
