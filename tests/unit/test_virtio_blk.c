/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The disk as its driver sees it: each request, cut in any way, and what no honest
 * driver would send. fdatasync() is ours here: it counts, waits and fails as told.
 */
#include "block_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "device_rig.h"
#include "util/bytes.h"
#include "virtio/blk.h"

#define F_SEG_MAX      VIRTIO_BIT(2)
#define F_RO           VIRTIO_BIT(5)
#define F_BLK_SIZE     VIRTIO_BIT(6)
#define F_FLUSH        VIRTIO_BIT(9)
#define F_TOPOLOGY     VIRTIO_BIT(10)
#define F_CONFIG_WCE   VIRTIO_BIT(11)
#define F_MQ           VIRTIO_BIT(12)
#define F_DISCARD      VIRTIO_BIT(13)
#define F_WRITE_ZEROES VIRTIO_BIT(14)
#define F_PACKED       VIRTIO_BIT(VIRTIO_F_RING_PACKED)
#define F_INDIRECT     VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)
#define F_EVENT_IDX    VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define F_USUAL        (F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_DISCARD | F_WRITE_ZEROES)

enum { T_IN, T_OUT, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK, S_IOERR, S_UNSUPP, S_NONE = 0xee };

#define DISK_SIZE (1u << 20)
#define SECTORS   (DISK_SIZE / 512)

static struct rig rig;
static struct scratch scratch;
static struct config_disk disk;
static uint8_t contents[DISK_SIZE];

/* -- the host's fdatasync() -- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned calls;
	bool hold; /* they wait */
	int error; /* they fail */
} sync_ctl = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

int fdatasync(int fd)
{
	int error;

	(void)fd;
	pthread_mutex_lock(&sync_ctl.lock);
	sync_ctl.calls++;
	while (sync_ctl.hold)
		pthread_cond_wait(&sync_ctl.change, &sync_ctl.lock);
	error = sync_ctl.error;
	pthread_mutex_unlock(&sync_ctl.lock);
	errno = error;
	return error ? -1 : 0;
}

static void hold_syncs(bool hold)
{
	pthread_mutex_lock(&sync_ctl.lock);
	sync_ctl.hold = hold;
	pthread_cond_broadcast(&sync_ctl.change);
	pthread_mutex_unlock(&sync_ctl.lock);
}

static unsigned syncs(void)
{
	unsigned calls;

	pthread_mutex_lock(&sync_ctl.lock);
	calls = sync_ctl.calls;
	pthread_mutex_unlock(&sync_ctl.lock);
	return calls;
}

static void fail_syncs(int error)
{
	pthread_mutex_lock(&sync_ctl.lock);
	sync_ctl.error = error;
	pthread_mutex_unlock(&sync_ctl.lock);
}

/* -- a disk with known contents, and its driver -- */

static void fill(uint8_t *data, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)((i * 167 + (i >> 9) * 31 + seed) % 251 + 1);
}

static int setup(void **state)
{
	(void)state;
	fill(contents, sizeof(contents), 1);
	scratch = scratch_make(0);
	scratch_write(&scratch, 0, contents, sizeof(contents));
	disk = (struct config_disk){ .path = scratch.path,
				     .engine = BLOCK_ENGINE_THREADS };
	sync_ctl.calls = 0;
	sync_ctl.error = 0;
	return rig_init(&rig);
}

static int teardown(void **state)
{
	(void)state;
	rig_destroy(&rig);
	unlink(scratch.path);
	return 0;
}

static void attach(unsigned cpus)
{
	struct err err;
	struct virtio *virtio = virtio_blk_new(&rig.platform, &disk, 0, cpus, true, &err);

	if (!virtio)
		fail_msg("%s", err.text);
	rig_attach(&rig, virtio);
}

/* Both loop_now() and the segments of a test come from one thread. */
static unsigned random_below(unsigned n)
{
	static uint32_t seed = 12345;

	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

struct request {
	unsigned queue;
	int id;
	uint64_t in; /* where the driver lets the device write */
	uint32_t in_size;
	uint32_t written;
};

static uint8_t status_of(const struct request *request)
{
	uint8_t status;

	assert_true(
		memory_read(&rig.memory, request->in + request->in_size - 1, &status, 1));
	return status;
}

/*
 * Cut [gpa, gpa + size) into `pieces` segments of random lengths. The ring has room
 * for few, so the last takes what is left.
 */
static unsigned cut(struct ring_segment *segments, uint64_t gpa, uint32_t size,
		    unsigned pieces, enum ring_direction direction)
{
	unsigned n = 0;

	for (; pieces > 1 && size > 1; pieces--) {
		uint32_t len = 1 + random_below(size < 40 ? size - 1 : 40);

		segments[n++] = (struct ring_segment){ gpa, len, direction };
		gpa += len;
		size -= len;
	}
	if (size)
		segments[n++] = (struct ring_segment){ gpa, size, direction };
	return n;
}

/* A chain with these bytes to read and so many to write, cut somehow; not yet kicked. */
static struct request add_chain(unsigned queue, const void *out, uint32_t out_size,
				uint32_t in_size, unsigned pieces, bool indirect)
{
	struct ring_driver *ring = &rig.rings[queue];
	struct request request = { .queue = queue, .in_size = in_size };
	struct ring_segment segments[32];
	unsigned n = 0;

	if (out_size)
		n = cut(segments, ring_driver_buffer(ring, out, out_size), out_size,
			pieces, RING_OUT);
	if (in_size) {
		request.in = ring_driver_buffer(ring, NULL, in_size);
		memory_write(&rig.memory, request.in + in_size - 1, &(uint8_t){ S_NONE },
			     1);
		n += cut(segments + n, request.in, in_size, pieces, RING_IN);
	}
	request.id = indirect ? ring_driver_add_indirect(ring, segments, n)
			      : ring_driver_add(ring, segments, n);
	assert_int_not_equal(request.id, -1);
	return request;
}

static struct request add(unsigned queue, uint32_t type, uint64_t sector,
			  const void *data, uint32_t out_size, uint32_t in_size)
{
	static uint8_t out[16 + DISK_SIZE];

	store_le32(out, type);
	store_le32(out + 4, 0);
	store_le64(out + 8, sector);
	if (out_size)
		memcpy(out + 16, data, out_size);
	return add_chain(queue, out, 16 + out_size, in_size + 1, 1, false);
}

static void wait_for(struct request *request)
{
	rig_wait_until(&rig, ring_driver_take(&rig.rings[request->queue],
					      &request->written) == request->id);
}

/* One request from its start to its end: its status. */
static uint8_t finish(struct request *request)
{
	virtio_kick(rig.virtio, request->queue);
	wait_for(request);
	assert_int_equal(request->written, request->in_size);
	return status_of(request);
}

static uint8_t run(uint32_t type, uint64_t sector, const void *data, uint32_t out_size,
		   uint32_t in_size)
{
	struct request request = add(0, type, sector, data, out_size, in_size);
	uint8_t status = finish(&request);

	assert_false(rig_is_broken(&rig));
	return status;
}

static void assert_file_unchanged(void)
{
	static uint8_t now[DISK_SIZE];

	scratch_read(&scratch, 0, now, sizeof(now));
	assert_memory_equal(now, contents, sizeof(now));
}

/* -- what it says of itself -- */

static void test_configuration(void **state)
{
	(void)state;
	disk.queues = 3;
	attach(1);
	assert_int_equal(rig_config(&rig, 0, 8), SECTORS);
	assert_int_equal(rig_config(&rig, 12, 4), 254);
	assert_int_equal(rig_config(&rig, 20, 4), 512);
	assert_int_equal(rig_config(&rig, 24, 1), 3); /* 4096 / 512 = 2^3 */
	assert_int_equal(rig_config(&rig, 26, 2), 8);
	assert_int_equal(rig_config(&rig, 34, 2), 3);
	assert_int_equal(rig.virtio->offered & 0xffffff,
			 F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY | F_CONFIG_WCE |
				 F_MQ | (rig.virtio->offered & F_DISCARD) |
				 F_WRITE_ZEROES);
	if (rig.virtio->offered & F_DISCARD) {
		assert_true(rig_config(&rig, 36, 4) > 0);
		assert_int_equal(rig_config(&rig, 40, 4), 1);
		assert_true(rig_config(&rig, 44, 4) >= 1);
		assert_int_equal(rig_config(&rig, 56, 1), 1);
	}
	assert_true(rig_config(&rig, 48, 4) > 0);
	assert_int_equal(rig_config(&rig, 52, 4), 1);
	/* Behind the end, and over it. */
	assert_int_equal(rig_config(&rig, 60, 8), 0);
	assert_int_equal(rig_config(&rig, 59, 8), 0);
	assert_int_equal(rig_config(&rig, 0xffffffff, 4), 0);
}

static void test_large_blocks(void **state)
{
	(void)state;
	disk.block_size = 4096;
	attach(1);
	rig_drive(&rig, F_USUAL);
	assert_int_equal(rig_config(&rig, 0, 8), SECTORS); /* always in 512 bytes */
	assert_int_equal(rig_config(&rig, 20, 4), 4096);
	assert_int_equal(rig_config(&rig, 24, 1), 0);
	assert_int_equal(run(T_IN, 8, NULL, 0, 4096), S_OK);
	assert_int_equal(run(T_IN, 8, NULL, 0, 512), S_IOERR);
	assert_int_equal(run(T_IN, 1, NULL, 0, 4096), S_IOERR);
	assert_int_equal(run(T_OUT, 7, contents, 4096, 0), S_IOERR);
	assert_file_unchanged();
}

static void test_queues(void **state)
{
	(void)state;
	attach(100);
	assert_int_equal(rig.virtio->nr_queues, VIRTIO_BLK_MAX_QUEUES);
	assert_int_equal(rig_config(&rig, 34, 2), VIRTIO_BLK_MAX_QUEUES);
	rig_drive(&rig, F_USUAL | F_MQ);
	for (unsigned i = 0; i < VIRTIO_BLK_MAX_QUEUES; i++) {
		struct request request = add(i, T_IN, i, NULL, 0, 512);
		uint8_t data[512];

		assert_int_equal(finish(&request), S_OK);
		assert_true(memory_read(&rig.memory, request.in, data, 512));
		assert_memory_equal(data, contents + 512ul * i, 512);
		assert_int_equal(rig.interrupts[i], 1);
	}
}

/* -- requests, cut in any way -- */

static void read_and_write_as(uint64_t features, bool indirect)
{
	static uint8_t out[16 + 4096], in[4097], now[4096];

	rig_drive(&rig, features);
	for (unsigned i = 0; i < 300; i++) {
		uint64_t sector = random_below(SECTORS - 8);
		uint32_t size = 512 * (1 + random_below(8));
		unsigned pieces = 1 + random_below(8);
		struct request request;

		/* Buffers at any byte. */
		rig.rings[0].heap += random_below(64);
		memset(out, 0, 16);
		store_le64(out + 8, sector);
		if (random_below(2)) {
			out[0] = T_OUT;
			fill(out + 16, size, i);
			request = add_chain(0, out, 16 + size, 1, pieces, indirect);
			assert_int_equal(finish(&request), S_OK);
			memcpy(contents + sector * 512, out + 16, size);
			scratch_read(&scratch, (off_t)(sector * 512), now, size);
			assert_memory_equal(now, out + 16, size);
		} else {
			out[0] = T_IN;
			request = add_chain(0, out, 16, size + 1, pieces, indirect);
			assert_int_equal(finish(&request), S_OK);
			assert_true(memory_read(&rig.memory, request.in, in, size + 1));
			assert_memory_equal(in, contents + sector * 512, size);
		}
	}
	assert_false(rig_is_broken(&rig));
	assert_file_unchanged();
}

static void test_split(void **state)
{
	(void)state;
	attach(1);
	read_and_write_as(F_USUAL, false);
}

static void test_split_indirect(void **state)
{
	(void)state;
	attach(1);
	read_and_write_as(F_USUAL | F_INDIRECT | F_EVENT_IDX, true);
}

static void test_packed(void **state)
{
	(void)state;
	attach(1);
	read_and_write_as(F_USUAL | F_PACKED, false);
}

static void test_packed_indirect(void **state)
{
	(void)state;
	attach(1);
	read_and_write_as(F_USUAL | F_PACKED | F_INDIRECT | F_EVENT_IDX, true);
}

static void test_io_uring(void **state)
{
	(void)state;
	disk.engine = BLOCK_ENGINE_AUTO;
	attach(1);
	read_and_write_as(F_USUAL | F_INDIRECT, true);
}

static void test_direct(void **state)
{
	struct err err;
	struct virtio *virtio;

	(void)state;
	disk.engine = BLOCK_ENGINE_AUTO;
	disk.direct = true;
	virtio = virtio_blk_new(&rig.platform, &disk, 0, 1, true, &err);
	if (!virtio) {
		assert_non_null(strstr(err.text, "direct"));
		disk.direct = false;
		attach(1);
		skip();
	}
	rig_attach(&rig, virtio);
	read_and_write_as(F_USUAL | F_INDIRECT, true);
}

/* Eight requests and one kick, and the page cache has all of it: one interrupt. */
static void test_a_batch_is_one_interrupt(void **state)
{
	const uint8_t out[16] = { T_IN };
	struct request requests[8];
	struct virtio *virtio;
	struct err err;

	(void)state;
	disk.engine = BLOCK_ENGINE_IO_URING;
	virtio = virtio_blk_new(&rig.platform, &disk, 0, 1, true, &err);
	if (!virtio) {
		assert_non_null(strstr(err.text, "io_uring"));
		disk.engine = BLOCK_ENGINE_THREADS;
		attach(1);
		skip();
	}
	rig_attach(&rig, virtio);
	rig_drive(&rig, F_USUAL | F_INDIRECT);
	for (unsigned i = 0; i < 8; i++)
		requests[i] = add_chain(0, out, sizeof(out), 513, 1, true);
	virtio_kick(rig.virtio, 0);
	for (unsigned i = 0; i < 8; i++)
		rig_wait_until(&rig, ring_driver_take(&rig.rings[0], NULL) != -1);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(status_of(&requests[i]), S_OK);
	assert_int_equal(rig.interrupts[0], 1);
}

static void test_nothing_to_move(void **state)
{
	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	assert_int_equal(run(T_IN, 0, NULL, 0, 0), S_OK);
	assert_int_equal(run(T_OUT, SECTORS, NULL, 0, 0), S_OK);
	assert_int_equal(run(T_OUT, SECTORS + 1, NULL, 0, 0), S_IOERR);
	assert_file_unchanged();
}

static void assert_id(const char *id, const char *expected)
{
	struct request request;
	char text[21] = { 0 };

	disk.id = id;
	request = add(0, T_GET_ID, 0, NULL, 0, 20);
	memory_write(&rig.memory, request.in, "xxxxxxxxxxxxxxxxxxxx", 20);
	assert_int_equal(finish(&request), S_OK);
	memory_read(&rig.memory, request.in, text, 20);
	assert_memory_equal(text, expected, 20);
}

static void test_get_id(void **state)
{
	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	assert_id("root", "root\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
	assert_id("exactly-twenty-bytes", "exactly-twenty-bytes");
	assert_id(NULL, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
	assert_int_equal(run(T_GET_ID, 0, NULL, 0, 19), S_IOERR);
	assert_int_equal(run(T_GET_ID, 0, NULL, 0, 0), S_IOERR);
}

/* -- what is refused -- */

static void test_unknown_types(void **state)
{
	static const uint32_t types[] = { 2,  3,          5,          9,         14,
					  16, 0x80000000, 0x80000001, 0xffffffff };

	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_int_equal(run(types[i], 0, contents, 512, 0), S_UNSUPP);
		assert_int_equal(run(types[i], 0, NULL, 0, 512), S_UNSUPP);
	}
	assert_file_unchanged();
}

static void test_bad_places(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t size;
	} bad[] = {
		{ SECTORS, 512 },
		{ SECTORS - 1, 1024 },
		{ UINT64_MAX, 512 },
		{ UINT64_MAX - 1, 1024 },
		{ 1ull << 55, 512 },
		{ (1ull << 55) + 1, 512 },
		{ UINT64_MAX / 512, 512 },
		{ UINT64_MAX / 512 + 1, 512 },
		{ 1ull << 63, 512 },
		{ 0, 1 },
		{ 0, 511 },
		{ 0, 513 },
		{ 0, 1023 },
	};
	static uint8_t junk[1024];

	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(run(T_IN, bad[i].sector, NULL, 0, bad[i].size), S_IOERR);
		assert_int_equal(run(T_OUT, bad[i].sector, junk, bad[i].size, 0),
				 S_IOERR);
	}
	assert_file_unchanged();
	assert_int_equal(run(T_IN, SECTORS - 1, NULL, 0, 512), S_OK);
}

static void test_short_headers(void **state)
{
	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	for (uint32_t size = 0; size < 16; size++) {
		uint8_t out[16] = { T_OUT };
		struct request request = add_chain(0, out, size, 1, 3, false);

		assert_int_equal(finish(&request), S_IOERR);
		request = add_chain(0, out, size, 513, 1, false);
		assert_int_equal(finish(&request), S_IOERR);
	}
	assert_false(rig_is_broken(&rig));
	assert_file_unchanged();
}

static void test_no_room_for_the_status(void **state)
{
	uint8_t out[528] = { T_OUT };

	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	add_chain(0, out, sizeof(out), 0, 1, false);
	rig_kick(&rig, 0);
	assert_true(rig_is_broken(&rig));
	assert_int_equal(rig.config_interrupts, 1);
	assert_file_unchanged();
	/* Nothing is served now; after a reset all is well. */
	add(0, T_IN, 0, NULL, 0, 512);
	rig_kick(&rig, 0);
	assert_int_equal(ring_driver_take(&rig.rings[0], NULL), -1);
	rig_reset(&rig);
	rig_drive(&rig, F_USUAL);
	assert_int_equal(run(T_IN, 0, NULL, 0, 512), S_OK);
}

static void test_broken_ring(void **state)
{
	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	ring_driver_add_head(&rig.rings[0], 60000);
	rig_kick(&rig, 0);
	assert_true(rig_is_broken(&rig));
	rig_reset(&rig);
	rig_drive(&rig, F_USUAL);
	assert_int_equal(run(T_IN, 0, NULL, 0, 512), S_OK);
}

static void test_read_only(void **state)
{
	uint8_t range[16] = { 0, [8] = 1 };

	(void)state;
	disk.read_only = true;
	attach(1);
	assert_true(rig.virtio->offered & F_RO);
	assert_false(rig.virtio->offered & (F_DISCARD | F_WRITE_ZEROES));
	rig_drive(&rig, F_RO | F_FLUSH);
	assert_int_equal(run(T_OUT, 0, range, 16, 0), S_IOERR);
	assert_int_equal(run(T_OUT, 0, contents + 512, 512, 0), S_IOERR);
	assert_int_equal(run(T_DISCARD, 0, range, 16, 0), S_UNSUPP);
	assert_int_equal(run(T_WRITE_ZEROES, 0, range, 16, 0), S_UNSUPP);
	assert_int_equal(run(T_FLUSH, 0, NULL, 0, 0), S_OK);
	assert_int_equal(run(T_IN, 0, NULL, 0, 512), S_OK);
	assert_file_unchanged();
}

/* -- ranges -- */

static uint8_t run_range(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	uint8_t range[16];

	store_le64(range, sector);
	store_le32(range + 8, sectors);
	store_le32(range + 12, flags);
	return run(type, 0, range, sizeof(range), 0);
}

static void test_zeroes(void **state)
{
	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	assert_int_equal(run_range(T_WRITE_ZEROES, 3, 5, 0), S_OK);
	memset(contents + 3 * 512, 0, 5 * 512);
	assert_file_unchanged();
	assert_int_equal(run_range(T_WRITE_ZEROES, SECTORS - 16, 16, 1), S_OK);
	memset(contents + DISK_SIZE - 8192, 0, 8192);
	assert_file_unchanged();
	assert_int_equal(run_range(T_WRITE_ZEROES, 100, 0, 0), S_OK);
	/* Flags that do not exist, ranges that are not there, too much at once. */
	assert_int_equal(run_range(T_WRITE_ZEROES, 0, 1, 2), S_UNSUPP);
	assert_int_equal(run_range(T_WRITE_ZEROES, 0, 1, 0xffffffff), S_UNSUPP);
	assert_int_equal(run_range(T_WRITE_ZEROES, SECTORS, 1, 0), S_IOERR);
	assert_int_equal(run_range(T_WRITE_ZEROES, 0, SECTORS + 1, 0), S_IOERR);
	assert_int_equal(run_range(T_WRITE_ZEROES, UINT64_MAX, 2, 0), S_IOERR);
	assert_int_equal(run_range(T_WRITE_ZEROES, 1ull << 55, 1, 0), S_IOERR);
	assert_int_equal(run_range(T_WRITE_ZEROES, 0, 0xffffffff, 1), S_IOERR);
	assert_file_unchanged();
}

static void test_discard(void **state)
{
	(void)state;
	attach(1);
	if (!(rig.virtio->offered & F_DISCARD))
		skip();
	rig_drive(&rig, F_USUAL);
	assert_int_equal(run_range(T_DISCARD, 8, 8, 1), S_UNSUPP);
	assert_int_equal(run_range(T_DISCARD, SECTORS - 1, 2, 0), S_IOERR);
	assert_int_equal(run_range(T_DISCARD, 0, 0xffffffff, 0), S_IOERR);
	assert_file_unchanged();
	assert_int_equal(run_range(T_DISCARD, 0, SECTORS, 0), S_OK);
	assert_int_equal(scratch_taken(&scratch), 0);
}

static void test_ranges_of_wrong_sizes(void **state)
{
	uint8_t ranges[48] = { 0, [8] = 1, [24] = 1, [40] = 1 };

	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	for (uint32_t size = 0; size <= sizeof(ranges); size++) {
		if (size == 16)
			continue;
		assert_int_equal(run(T_WRITE_ZEROES, 0, ranges, size, 0), S_IOERR);
	}
	assert_file_unchanged();
}

static void test_ranges_that_were_not_agreed(void **state)
{
	(void)state;
	attach(1);
	rig_drive(&rig, F_FLUSH);
	assert_int_equal(run_range(T_DISCARD, 0, 8, 0), S_UNSUPP);
	assert_int_equal(run_range(T_WRITE_ZEROES, 0, 8, 0), S_UNSUPP);
	assert_file_unchanged();
}

/* -- durability -- */

static void test_flush(void **state)
{
	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	assert_int_equal(run(T_OUT, 0, contents, 512, 0), S_OK);
	assert_int_equal(syncs(), 0);
	assert_int_equal(run(T_FLUSH, 0, NULL, 0, 0), S_OK);
	assert_int_equal(syncs(), 1);
}

/*
 * The kernel tells once that it could not write, to whoever asks first, and then takes
 * what it lost for clean. To a driver that asks again nothing is durable any more.
 */
static void test_a_flush_that_failed(void **state)
{
	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	assert_int_equal(run(T_OUT, 0, contents, 512, 0), S_OK);
	fail_syncs(EIO);
	assert_int_equal(run(T_FLUSH, 0, NULL, 0, 0), S_IOERR);
	fail_syncs(0);
	assert_int_equal(run(T_FLUSH, 0, NULL, 0, 0), S_IOERR);
	assert_int_equal(run(T_IN, 0, NULL, 0, 512), S_OK);
	rig_reset(&rig);
	rig_drive(&rig, 0);
	assert_int_equal(run(T_OUT, 0, contents, 512, 0), S_IOERR);
}

/* 5.2.6.2: a driver without FLUSH cannot ask, so each write is durable. */
static void test_write_through_without_flush(void **state)
{
	struct request request;

	(void)state;
	attach(1);
	rig_drive(&rig, F_WRITE_ZEROES);
	assert_int_equal(run(T_OUT, 0, contents, 512, 0), S_OK);
	assert_int_equal(syncs(), 1);
	assert_int_equal(run_range(T_WRITE_ZEROES, 0, 0, 0), S_OK);
	assert_int_equal(run(T_IN, 0, NULL, 0, 512), S_OK);
	assert_int_equal(syncs(), 1);
	/* Not acknowledged before it is. */
	hold_syncs(true);
	request = add(0, T_OUT, 1, contents + 512, 512, 0);
	virtio_kick(rig.virtio, 0);
	rig_wait_until(&rig, syncs() == 2);
	rig_settle(&rig);
	assert_int_equal(ring_driver_take(&rig.rings[0], NULL), -1);
	assert_int_equal(status_of(&request), S_NONE);
	hold_syncs(false);
	wait_for(&request);
	assert_int_equal(status_of(&request), S_OK);
	fail_syncs(EIO);
	assert_int_equal(run(T_OUT, 0, contents, 512, 0), S_IOERR);
	assert_int_equal(run_range(T_WRITE_ZEROES, 0, 1, 0), S_IOERR);
	assert_int_equal(syncs(), 4);
}

static void set_writeback(uint8_t value)
{
	virtio_write_config(rig.virtio, 32, &value, 1);
}

static void test_cache_mode(void **state)
{
	(void)state;
	attach(1);
	rig_drive(&rig, F_FLUSH | F_CONFIG_WCE);
	assert_int_equal(rig_config(&rig, 32, 1), 1);
	set_writeback(0);
	assert_int_equal(rig_config(&rig, 32, 1), 0);
	assert_int_equal(run(T_OUT, 0, contents, 512, 0), S_OK);
	assert_int_equal(syncs(), 1);
	set_writeback(7);
	assert_int_equal(rig_config(&rig, 32, 1), 0);
	set_writeback(1);
	assert_int_equal(run(T_OUT, 0, contents, 512, 0), S_OK);
	assert_int_equal(syncs(), 1);
	set_writeback(0);
	rig_reset(&rig);
	rig_drive(&rig, F_FLUSH);
	/* Not agreed: neither asked nor obeyed. */
	set_writeback(0);
	assert_int_equal(run(T_OUT, 0, contents, 512, 0), S_OK);
	assert_int_equal(syncs(), 1);
	rig_reset(&rig);
	/* 5.2.5.2: CONFIG_WCE without FLUSH begins as write-through. */
	rig_drive(&rig, F_CONFIG_WCE);
	assert_int_equal(rig_config(&rig, 32, 1), 0);
	assert_int_equal(run(T_OUT, 0, contents, 512, 0), S_OK);
	assert_int_equal(syncs(), 2);
}

/* -- in flight -- */

static void test_out_of_order(void **state)
{
	struct request flush, read;

	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	hold_syncs(true);
	flush = add(0, T_FLUSH, 0, NULL, 0, 0);
	virtio_kick(rig.virtio, 0);
	rig_wait_until(&rig, syncs() == 1);
	read = add(0, T_IN, 0, NULL, 0, 512);
	virtio_kick(rig.virtio, 0);
	wait_for(&read);
	assert_int_equal(status_of(&read), S_OK);
	assert_int_equal(status_of(&flush), S_NONE);
	hold_syncs(false);
	wait_for(&flush);
	assert_int_equal(status_of(&flush), S_OK);
}

static void test_reset_in_flight(void **state)
{
	struct request flush, write;
	const struct ring_driver *ring = &rig.rings[0];
	uint16_t used;

	(void)state;
	attach(1);
	rig_drive(&rig, 0);
	hold_syncs(true);
	flush = add(0, T_FLUSH, 0, NULL, 0, 0);
	write = add(0, T_OUT, 0, contents, 512, 0);
	virtio_kick(rig.virtio, 0);
	rig_wait_until(&rig, syncs() == 2);
	used = ring->used->idx;
	virtio_set_status(rig.virtio, 0);
	rig_settle(&rig);
	/* Not reset while the host may still touch the driver's memory. */
	assert_int_not_equal(rig.virtio->status, 0);
	hold_syncs(false);
	rig_wait_until(&rig, rig.virtio->status == 0);
	assert_int_equal(status_of(&flush), S_NONE);
	assert_int_equal(status_of(&write), S_NONE);
	assert_int_equal(ring->used->idx, used);
	rig_drive(&rig, F_USUAL);
	assert_int_equal(run(T_IN, 0, NULL, 0, 512), S_OK);
	/* And again, with all slots that there are. */
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < RIG_RING_SIZE / 3; i++)
			add(0, round % 2 ? T_IN : T_FLUSH, i, NULL, 0, 512);
		virtio_kick(rig.virtio, 0);
		rig_settle(&rig);
		virtio_set_status(rig.virtio, 0);
		rig_wait_until(&rig, rig.virtio->status == 0);
		rig_drive(&rig, F_USUAL);
	}
	assert_int_equal(run(T_IN, 0, NULL, 0, 512), S_OK);
}

/*
 * All entries of the largest ring are in flight, and the driver says that there is one
 * more. That breaks the ring; above all we do not wait for it in a circle, where nothing
 * that is in flight could ever end.
 */
static void more_than_the_ring_as(uint64_t features)
{
	struct ring_driver *ring = &rig.rings[0];
	const uint8_t out[16] = { T_FLUSH };
	unsigned queue_size;

	disk.queues = 1;
	attach(1);
	queue_size = rig.virtio->queues[0].ring.max_size;
	rig_drive_ring(&rig, F_USUAL | F_INDIRECT | features, (uint16_t)queue_size);
	hold_syncs(true);
	for (unsigned i = 0; i < queue_size; i++)
		add_chain(0, out, 16, 1, 1, true);
	virtio_kick(rig.virtio, 0);
	rig_wait_until(&rig, rig.virtio->queues[0].ring.in_flight == queue_size);
	assert_false(rig_is_broken(&rig));
	if (features & F_PACKED)
		ring_driver_add_packed(ring, ring->heap, 512, 0, 0);
	else
		ring_driver_add_head(ring, 0);
	alarm(20);
	virtio_kick(rig.virtio, 0);
	rig_wait_until(&rig, rig_is_broken(&rig));
	alarm(0);
	hold_syncs(false);
	virtio_set_status(rig.virtio, 0);
	rig_wait_until(&rig, rig.virtio->status == 0);
}

static void test_more_than_the_ring(void **state)
{
	(void)state;
	more_than_the_ring_as(0);
}

static void test_more_than_the_packed_ring(void **state)
{
	(void)state;
	more_than_the_ring_as(F_PACKED);
}

/* The VM ends in the middle of it. */
static void test_end_in_flight(void **state)
{
	(void)state;
	attach(1);
	rig_drive(&rig, 0);
	for (unsigned i = 0; i < 5; i++)
		add(0, T_OUT, i, contents + 512ul * i, 512, 0);
	virtio_kick(rig.virtio, 0);
	rig_settle(&rig);
}

/* More rings full of requests than there are slots, so that all are used again. */
static void test_many_requests(void **state)
{
	(void)state;
	attach(1);
	rig_drive(&rig, F_USUAL);
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(run(i % 3 ? T_IN : T_GET_ID, i % SECTORS, NULL, 0, 512),
				 S_OK);
}

/* -- the host -- */

static int write_beyond_the_limit(const struct scratch *unused)
{
	const struct rlimit limit = { 64 << 10, 64 << 10 };

	(void)unused;
	attach(1);
	rig_drive(&rig, F_USUAL);
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit))
		return 1;
	for (unsigned i = 0; i < 20; i++) {
		if (run(T_OUT, 256, contents, 512, 0) != S_IOERR)
			return 2;
	}
	return run(T_OUT, 0, contents, 512, 0) == S_OK ? 0 : 3;
}

static void test_errors_of_the_host(void **state)
{
	(void)state;
	assert_int_equal(in_child(write_beyond_the_limit, NULL), 0);
	attach(1);
	rig_drive(&rig, F_USUAL);
	assert_int_equal(truncate(scratch.path, 512), 0);
	assert_int_equal(run(T_IN, 0, NULL, 0, 512), S_OK);
	assert_int_equal(run(T_IN, 1, NULL, 0, 512), S_IOERR);
	assert_int_equal(run(T_IN, 0, NULL, 0, 1024), S_IOERR);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct err err;

	(void)state;
	attach(1);
	rig_drive(&rig, F_FLUSH | F_CONFIG_WCE);
	set_writeback(0);
	assert_int_equal(virtio_save(rig.virtio, &writer, &err), 0);
	set_writeback(1);
	assert_int_equal(
		virtio_load(rig.virtio, (struct bytes){ writer.data, writer.size }, &err),
		0);
	assert_int_equal(rig_config(&rig, 32, 1), 0);
	state_writer_free(&writer);
}

static void test_a_disk_that_is_none(void **state)
{
	struct err err;

	(void)state;
	disk.path = "/nowhere/disk";
	assert_null(virtio_blk_new(&rig.platform, &disk, 0, 1, false, &err));
	assert_non_null(strstr(err.text, "\"/nowhere/disk\""));
	disk.path = scratch.path;
	attach(1);
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_configuration),
		RIG_TEST(test_large_blocks),
		RIG_TEST(test_queues),
		RIG_TEST(test_split),
		RIG_TEST(test_split_indirect),
		RIG_TEST(test_packed),
		RIG_TEST(test_packed_indirect),
		RIG_TEST(test_io_uring),
		RIG_TEST(test_direct),
		RIG_TEST(test_a_batch_is_one_interrupt),
		RIG_TEST(test_nothing_to_move),
		RIG_TEST(test_get_id),
		RIG_TEST(test_unknown_types),
		RIG_TEST(test_bad_places),
		RIG_TEST(test_short_headers),
		RIG_TEST(test_no_room_for_the_status),
		RIG_TEST(test_broken_ring),
		RIG_TEST(test_read_only),
		RIG_TEST(test_zeroes),
		RIG_TEST(test_discard),
		RIG_TEST(test_ranges_of_wrong_sizes),
		RIG_TEST(test_ranges_that_were_not_agreed),
		RIG_TEST(test_flush),
		RIG_TEST(test_a_flush_that_failed),
		RIG_TEST(test_write_through_without_flush),
		RIG_TEST(test_cache_mode),
		RIG_TEST(test_out_of_order),
		RIG_TEST(test_reset_in_flight),
		RIG_TEST(test_end_in_flight),
		RIG_TEST(test_more_than_the_ring),
		RIG_TEST(test_more_than_the_packed_ring),
		RIG_TEST(test_many_requests),
		RIG_TEST(test_errors_of_the_host),
		RIG_TEST(test_save_and_load),
		RIG_TEST(test_a_disk_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
