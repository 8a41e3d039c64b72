/* SPDX-License-Identifier: BSD-2-Clause */
/* A share, of a small folder that is made anew now and then; messages are mostly sound. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/bytes.h"
#include "virtio/p9.h"
#include "virtio_fuzz.h"

enum {
	TVERSION = 100,
	TATTACH = 104,
	TFLUSH = 108,
	TWALK = 110,
};

static char folder[] = "/tmp/tane-fuzz-virtio-p9-XXXXXX";
static unsigned inputs;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	if (ftw->level > 0)
		(void)remove(path);
	return 0;
}

static void write_file(const char *name, size_t size)
{
	char path[sizeof(folder) + 8];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	FUZZ_CHECK(fd >= 0 && !ftruncate(fd, (off_t)size));
	close(fd);
}

static void remove_folder(void)
{
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	(void)rmdir(folder);
}

/* What inputs leave behind goes with every thousandth of them. */
static void make_folder(void)
{
	char path[sizeof(folder) + 8];

	if (!inputs) {
		FUZZ_CHECK(mkdtemp(folder));
		FUZZ_CHECK(!atexit(remove_folder));
	} else if (inputs % 1000 == 0) {
		(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
	if (inputs++ % 1000)
		return;
	write_file("a", 5000);
	write_file("b", 0);
	(void)snprintf(path, sizeof(path), "%s/d", folder);
	(void)mkdir(path, 0755);
	(void)snprintf(path, sizeof(path), "%s/l", folder);
	(void)symlink("/etc/passwd", path);
	(void)snprintf(path, sizeof(path), "%s/f", folder);
	(void)mkfifo(path, 0600);
}

static struct virtio *make(struct fuzz_virtio *fuzz)
{
	static struct config_share share;
	struct virtio *virtio;
	struct err err;

	make_folder();
	share = (struct config_share){
		.path = folder,
		.tag = "share0",
		.writable = fuzz->variant & 1,
		.map_ids = fuzz->variant & 2,
	};
	virtio = virtio_p9_new(&fuzz->platform, &share, 0, 64, fuzz->packed, &err);
	if (!virtio)
		(void)fprintf(stderr, "%s\n", err.text);
	return virtio;
}

struct message {
	uint8_t bytes[256];
	uint32_t size;
};

static void put(struct message *m, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size && m->size < sizeof(m->bytes); i++)
		m->bytes[m->size++] = (uint8_t)(value >> (8 * i));
	store_le32(m->bytes, m->size);
}

static void put_string(struct message *m, const char *text)
{
	put(m, strlen(text), 2);
	for (; *text; text++)
		put(m, (uint8_t)*text, 1);
}

static struct message begin(unsigned type, unsigned tag)
{
	struct message m = { .size = 0 };

	put(&m, 0, 4);
	put(&m, type, 1);
	put(&m, tag, 2);
	return m;
}

static struct message version(void)
{
	struct message m = begin(TVERSION, 0xffff);

	put(&m, 8192, 4);
	put_string(&m, "9P2000.L");
	return m;
}

static struct message attach(unsigned tag)
{
	struct message m = begin(TATTACH, tag);

	put(&m, 1, 4);
	put(&m, ~0u, 4);
	put_string(&m, "");
	put_string(&m, "");
	put(&m, 0, 4);
	return m;
}

/* A small number mostly, such as there are fids and offsets. */
static uint64_t some_number(struct fuzz_virtio *fuzz)
{
	const unsigned how = fuzz_below(fuzz, 10);

	if (how == 0)
		return fuzz_next(&fuzz->input, 8);
	return how == 1 ? fuzz_next(&fuzz->input, 2) : fuzz_below(fuzz, 5);
}

/* Arguments of any type: numbers and names, in the order of the input. */
static void put_anything(struct fuzz_virtio *fuzz, struct message *m)
{
	static const char *const names[] = { "a",  "b", "d", "l",      "f",  "n",
					     "..", ".", "",  "user.x", "a/b" };
	const unsigned nr = fuzz_below(fuzz, 9);

	put(m, fuzz_below(fuzz, 4), 4);
	for (unsigned i = 0; i < nr; i++) {
		switch (fuzz_below(fuzz, 5)) {
		case 0:
			put_string(m, names[fuzz_below(fuzz, 11)]);
			break;
		case 1:
			put(m, some_number(fuzz), 2);
			break;
		case 2:
			put(m, some_number(fuzz), 8);
			break;
		default:
			put(m, some_number(fuzz), 4);
			break;
		}
	}
}

static struct message walk(struct fuzz_virtio *fuzz, unsigned tag)
{
	static const char *const names[] = { "a", "b", "d", "l", "f", "n" };
	struct message m = begin(TWALK, tag);
	const unsigned nr = fuzz_below(fuzz, 3);

	put(&m, 1, 4);
	put(&m, 1 + fuzz_below(fuzz, 4), 4);
	put(&m, nr, 2);
	for (unsigned i = 0; i < nr; i++)
		put_string(&m, names[fuzz_below(fuzz, 6)]);
	return m;
}

static struct message some_message(struct fuzz_virtio *fuzz)
{
	/* Those that a fuzzer's folder stands: not Tmknod of devices, which root may make. */
	static const uint8_t types[] = { 8,  12, 14,  16,  20,  22,  24, 26,
					 30, 32, 40,  50,  52,  54,  70, 72,
					 74, 76, 102, 116, 118, 120, 122 };
	const unsigned tag = fuzz_below(fuzz, 4), which = fuzz_below(fuzz, 12);
	struct message m;

	switch (which) {
	case 0:
		return version();
	case 1:
		return attach(tag);
	case 2:
	case 3:
		return walk(fuzz, tag);
	case 4:
		m = begin(TFLUSH, tag);
		put(&m, fuzz_below(fuzz, 4), 2);
		return m;
	default:
		m = begin(types[fuzz_below(fuzz, sizeof(types))], tag);
		put_anything(fuzz, &m);
		return m;
	}
}

static unsigned request(struct fuzz_virtio *fuzz, unsigned queue,
			struct ring_segment *segments)
{
	struct message m = some_message(fuzz);
	unsigned nr = 1;

	(void)queue;
	if (fuzz_below(fuzz, 16) == 0)
		store_le32(m.bytes, (uint32_t)some_number(fuzz));
	segments[0] = fuzz_data(fuzz, m.bytes, m.size);
	if (fuzz_below(fuzz, 4) == 0)
		segments[nr++] = fuzz_segment(fuzz, 4096, RING_OUT);
	if (fuzz_below(fuzz, 16))
		segments[nr++] =
			(struct ring_segment){ FUZZ_BUFFERS + 0x8000, 4096, RING_IN };
	if (fuzz_below(fuzz, 4) == 0)
		segments[nr++] = fuzz_segment(fuzz, 4096, RING_IN);
	return nr;
}

/* It has to be answered by this type. */
static void ask(struct fuzz_virtio *fuzz, const struct message *m, uint8_t type)
{
	const struct ring_segment segments[] = {
		{ FUZZ_BUFFERS, m->size, RING_OUT },
		{ FUZZ_BUFFERS + 0x1000, 4096, RING_IN },
	};
	uint8_t seen = 0;

	FUZZ_CHECK(memory_write(fuzz->memory, FUZZ_BUFFERS, m->bytes, m->size));
	FUZZ_CHECK(fuzz_ask(fuzz, 0, segments, 2) >= 7);
	FUZZ_CHECK(memory_read(fuzz->memory, FUZZ_BUFFERS + 0x1000 + 4, &seen, 1));
	FUZZ_CHECK(seen == type);
}

static void check_alive(struct fuzz_virtio *fuzz)
{
	struct message m = version();

	ask(fuzz, &m, TVERSION + 1);
	m = attach(1);
	ask(fuzz, &m, TATTACH + 1);
}

static const struct fuzz_target p9 = { make, request, NULL, NULL, check_alive };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_virtio(&p9, data, size);
}
