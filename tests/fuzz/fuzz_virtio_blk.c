/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk, on 1 MiB of memory that is a file to the host; both engines. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "virtio/blk.h"
#include "virtio_fuzz.h"

#define DISK_SIZE (1u << 20)
#define SECTOR    512u

enum {
	T_IN = 0,
	T_OUT = 1,
	T_FLUSH = 4,
	T_GET_ID = 8,
	T_DISCARD = 11,
	T_WRITE_ZEROES = 13,
};

static const char *disk_path(void)
{
	static char path[64];
	int fd;

	if (!path[0]) {
		fd = memfd_create("disk", 0);
		FUZZ_CHECK(fd >= 0 && !ftruncate(fd, DISK_SIZE));
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	return path;
}

/* From bits of the input; they live as long as the disk. */
static struct virtio *make(struct fuzz_virtio *fuzz)
{
	static struct config_disk disk;
	struct virtio *virtio;
	struct err err;

	disk = (struct config_disk){
		.path = disk_path(),
		.id = "a disk",
		.format_raw = true,
		.queues = 1 + fuzz->variant % 2,
		.block_size = fuzz->variant & 2 ? 4096 : 512,
		.read_only = (fuzz->variant & 0x1c) == 0x1c,
		.engine = fuzz->variant & 0x20 ? BLOCK_ENGINE_THREADS : BLOCK_ENGINE_AUTO,
	};
	virtio = virtio_blk_new(&fuzz->platform, &disk, 0, 1, fuzz->packed, &err);
	if (!virtio)
		(void)fprintf(stderr, "%s\n", err.text);
	return virtio;
}

static struct ring_segment header(struct fuzz_virtio *fuzz, uint32_t type,
				  uint64_t sector)
{
	uint8_t bytes[16] = { 0 };

	store_le32(bytes, type);
	store_le64(bytes + 8, sector);
	return fuzz_data(fuzz, bytes, sizeof(bytes));
}

/* Data of whole sectors, mostly. */
static unsigned add_data(struct fuzz_virtio *fuzz, struct ring_segment *segments,
			 enum ring_direction direction)
{
	unsigned nr = fuzz_below(fuzz, 5);

	for (unsigned i = 0; i < nr; i++) {
		segments[i] = fuzz_segment(fuzz, 16 * SECTOR, direction);
		if (segments[i].len % 8)
			segments[i].len &= ~(SECTOR - 1);
	}
	return nr;
}

static unsigned add_range(struct fuzz_virtio *fuzz, struct ring_segment *segments)
{
	uint8_t range[16] = { 0 };

	store_le64(range, fuzz_next(&fuzz->input, 2));
	store_le32(range + 8, (uint32_t)fuzz_next(&fuzz->input, 1));
	store_le32(range + 12, fuzz_below(fuzz, 3));
	segments[0] = fuzz_data(fuzz, range, sizeof(range));
	return 1;
}

static unsigned request(struct fuzz_virtio *fuzz, unsigned queue,
			struct ring_segment *segments)
{
	static const uint32_t types[] = { T_IN,    T_OUT,    T_IN,      T_OUT,
					  T_FLUSH, T_GET_ID, T_DISCARD, T_WRITE_ZEROES,
					  T_IN,    T_OUT,    T_IN,      99 };
	uint32_t type = types[fuzz_below(fuzz, 12)];
	unsigned nr = 1;

	(void)queue;
	segments[0] = header(fuzz, type, fuzz_next(&fuzz->input, 2) % 2100);
	if (type == T_IN || type == T_OUT)
		nr += add_data(fuzz, segments + nr, type == T_IN ? RING_IN : RING_OUT);
	else if (type == T_DISCARD || type == T_WRITE_ZEROES)
		nr += add_range(fuzz, segments + nr);
	else if (type == T_GET_ID)
		segments[nr++] = fuzz_segment(fuzz, 40, RING_IN);
	segments[nr++] = (struct ring_segment){ FUZZ_BUFFERS, 1, RING_IN };
	return nr;
}

/* Write a block and read it back; a read-only disk shall say no. */
static void check_alive(struct fuzz_virtio *fuzz)
{
	const uint64_t at = FUZZ_BUFFERS, data = at + 0x1000, back = at + 0x3000;
	const bool read_only = fuzz->virtio->offered & VIRTIO_BIT(5);
	uint8_t head[16] = { T_OUT, [8] = 8 }, status = 0xff;
	uint8_t bytes[4096], seen[4096];
	struct ring_segment segments[3] = { { at, 16, RING_OUT },
					    { data, 4096, RING_OUT },
					    { at + 16, 1, RING_IN } };

	memset(bytes, 0x5a, sizeof(bytes));
	FUZZ_CHECK(memory_write(fuzz->memory, at, head, 16) &&
		   memory_write(fuzz->memory, data, bytes, 4096));
	fuzz_ask(fuzz, 0, segments, 3);
	FUZZ_CHECK(memory_read(fuzz->memory, at + 16, &status, 1));
	FUZZ_CHECK(status == read_only);

	head[0] = T_IN;
	segments[1] = (struct ring_segment){ back, 4096, RING_IN };
	FUZZ_CHECK(memory_write(fuzz->memory, at, head, 16));
	FUZZ_CHECK(fuzz_ask(fuzz, 0, segments, 3) == 4097);
	FUZZ_CHECK(memory_read(fuzz->memory, at + 16, &status, 1) && status == 0);
	FUZZ_CHECK(memory_read(fuzz->memory, back, seen, 4096));
	FUZZ_CHECK(read_only || !memcmp(seen, bytes, 4096));
}

static const struct fuzz_target blk = { make, request, NULL, NULL, check_alive };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_virtio(&blk, data, size);
}
