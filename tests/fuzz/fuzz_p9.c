/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 9P server and a guest that sends what the input says: rows of messages which are mostly
 * right, about a few fids and names that come up again and again, and now and then damaged. Its
 * share is a new folder in memory (of $TMPDIR, else /dev/shm) each time; beside it lies
 * a file that must still be the only thing there in the end.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chip.h"
#include "fs/p9_private.h"

#define MAX_MESSAGES 64
#define MSIZE        8192u
#define SECRET       "not the guest's"

struct guest {
	struct fuzz_input input;
	struct p9 *p9;
	uint8_t out[2 * MSIZE], in[2 * MSIZE];
	size_t size; /* of the message */
	uint32_t room;
};

/*
 * Messages by the letters of their fields: f is a fid, n a name, w names of a walk, d data,
 * digits are numbers of so many bytes.
 */
struct kind {
	uint8_t type;
	const char *fields;
};

static const struct kind kinds[] = {
	{ P9_TWALK, "ffw" },      { P9_TWALK, "ffw" },           { P9_TLOPEN, "f4" },
	{ P9_TLOPEN, "f4" },      { P9_TLCREATE, "fn444" },      { P9_TREAD, "f84" },
	{ P9_TWRITE, "f8d" },     { P9_TREADDIR, "f84" },        { P9_TCLUNK, "f" },
	{ P9_TGETATTR, "f8" },    { P9_TSETATTR, "f444488888" }, { P9_TSTATFS, "f" },
	{ P9_TSYMLINK, "fnn4" },  { P9_TREADLINK, "f" },         { P9_TMKDIR, "fn44" },
	{ P9_TMKNOD, "fn4444" },  { P9_TRENAME, "ffn" },         { P9_TRENAMEAT, "fnfn" },
	{ P9_TUNLINKAT, "fn4" },  { P9_TREMOVE, "f" },           { P9_TLINK, "ffn" },
	{ P9_TXATTRWALK, "ffn" }, { P9_TXATTRCREATE, "fn84" },   { P9_TFSYNC, "f4" },
	{ P9_TLOCK, "f14884n" },  { P9_TGETLOCK, "f1884n" },     { P9_TATTACH, "ffnn4" },
	{ P9_TVERSION, "4n" },    { P9_TAUTH, "fnn4" },          { P9_TFLUSH, "2" },
	{ P9_TREAD + 1, "4" },
};
#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const char *const names[] = {
	"file", "dir", "link", "fifo",   "new", "..",        "below",    "up",
	"",     ".",   "a/b",  "user.x", "/",   "../secret", "9P2000.L", "trusted.x",
};

static void put(struct guest *guest, const void *data, size_t size)
{
	if (guest->size + size > sizeof(guest->out))
		return;
	memcpy(guest->out + guest->size, data, size);
	guest->size += size;
}

static void put_number(struct guest *guest, uint64_t value, size_t size)
{
	put(guest, &value, size);
}

/* Mostly small, and what it has to be in the fields that they are for. */
static uint64_t number(struct guest *guest)
{
	static const uint64_t others[] = { 0100644, 040755, 0x200,     1u << 16,
					   ~0u,     ~0ull,  INT64_MAX, MSIZE };
	const unsigned how = (unsigned)fuzz_next(&guest->input, 1);

	if (how < 0xc0)
		return how;
	return how < 0xf8 ? others[how % 8] : fuzz_next(&guest->input, 8);
}

static void put_name(struct guest *guest)
{
	const unsigned how = (unsigned)fuzz_next(&guest->input, 1);
	uint8_t bytes[300];
	size_t size = how - 0xe0;

	if (how < 0xe0) {
		const char *name = names[how % 16];

		put_number(guest, strlen(name), 2);
		put(guest, name, strlen(name));
		return;
	}
	if (how == 0xff)
		size = 256 + guest->input.size % 44;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)fuzz_next(&guest->input, 1);
	put_number(guest, size, 2);
	put(guest, bytes, size);
}

static void put_data(struct guest *guest)
{
	const size_t size = (size_t)(number(guest) % MSIZE);
	static const uint8_t data[MSIZE];

	put_number(guest, size, 4);
	put(guest, data, size);
}

static void put_walk(struct guest *guest)
{
	const unsigned count = (unsigned)fuzz_next(&guest->input, 1) % 18;

	put_number(guest, count, 2);
	for (unsigned i = 0; i < count; i++)
		put_name(guest);
}

static void build(struct guest *guest, const struct kind *kind)
{
	guest->size = P9_HEADER_SIZE;
	for (const char *field = kind->fields; *field; field++) {
		switch (*field) {
		case 'f':
			put_number(guest, fuzz_next(&guest->input, 1) % 16, 4);
			break;
		case 'n':
			put_name(guest);
			break;
		case 'w':
			put_walk(guest);
			break;
		case 'd':
			put_data(guest);
			break;
		default:
			put_number(guest, number(guest), (size_t)(*field - '0'));
		}
	}
	if (kind->type == P9_TATTACH)
		store_le32(guest->out + 11, P9_NOFID);
	store_le32(guest->out, (uint32_t)guest->size);
	guest->out[4] = kind->type;
	store_le16(guest->out + 5, 1);
}

static void damage(struct guest *guest)
{
	const unsigned how = (unsigned)fuzz_next(&guest->input, 1);

	guest->room = MSIZE;
	if (how < 0xe0)
		return;
	if (how & 1)
		guest->out[fuzz_next(&guest->input, 2) % guest->size] =
			(uint8_t)fuzz_next(&guest->input, 1);
	if (how & 2)
		guest->size = fuzz_next(&guest->input, 2) % (guest->size + 1);
	if (how & 4)
		guest->room = (uint32_t)fuzz_next(&guest->input, 1);
}

static unsigned split(struct iovec *iov, unsigned max, uint8_t *data, size_t size,
		      size_t first)
{
	unsigned nr = 0;

	/* The first one is short, and one has no bytes. */
	while (size && nr < max) {
		size_t n = nr == 0 ? first : size;

		if (n > size)
			n = size;
		iov[nr++] = (struct iovec){ data, n };
		data += n;
		size -= n;
	}
	return nr;
}

static void send(struct guest *guest)
{
	const uint8_t type = guest->size > 4 ? guest->out[4] : 0;
	struct iovec out[3], in[3];
	struct p9_request request = { .out = out, .in = in };
	uint32_t size;

	request.nr_out = split(out, 3, guest->out, guest->size,
			       (size_t)fuzz_next(&guest->input, 1) % 40);
	request.nr_in = split(in, 3, guest->in, guest->room,
			      (size_t)fuzz_next(&guest->input, 1) % 40);
	guest->in[guest->room] = 0x5a;
	size = p9_serve(guest->p9, &request);
	FUZZ_CHECK(size <= guest->room && guest->in[guest->room] == 0x5a);
	if (!size) {
		FUZZ_CHECK(guest->size < P9_HEADER_SIZE || guest->room < 11);
		return;
	}
	FUZZ_CHECK(load_le32(guest->in) == size);
	if (guest->in[4] == P9_RLERROR) {
		const uint32_t error = load_le32(guest->in + 7);

		FUZZ_CHECK(size == 11 && error > 0 && error < 4096);
		return;
	}
	FUZZ_CHECK(guest->in[4] == (uint8_t)(type + 1));
}

/* A session with a root, so that what follows has something to walk from. */
static void begin(struct guest *guest)
{
	static const struct kind version = { P9_TVERSION, "" };
	static const struct kind attach = { P9_TATTACH, "" };
	static const char name[] = "\x08\0"
				   "9P2000.L";

	build(guest, &version);
	put_number(guest, MSIZE, 4);
	put(guest, name, 10);
	guest->room = MSIZE;
	store_le32(guest->out, (uint32_t)guest->size);
	send(guest);
	build(guest, &attach);
	put_number(guest, 0, 4);
	put_number(guest, P9_NOFID, 4);
	put_number(guest, 0, 4); /* no names */
	put_number(guest, 1000, 4);
	store_le32(guest->out, (uint32_t)guest->size);
	send(guest);
	FUZZ_CHECK(guest->in[4] == P9_TATTACH + 1);
}

static int allow_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_DNR || type == FTW_D)
		(void)chmod(path, 0700);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

/* The guest may have taken our own rights to any folder; more of them show each time. */
static void remove_tree(const char *path)
{
	for (unsigned i = 0; i < MAX_MESSAGES && !access(path, F_OK); i++) {
		(void)nftw(path, allow_one, 16, FTW_PHYS);
		(void)nftw(path, remove_one, 16, FTW_PHYS | FTW_DEPTH);
	}
}

static void write_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	FUZZ_CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static const char *base_path(void);

static void remove_base(void)
{
	remove_tree(base_path());
}

/* A folder of this process, with the share in it. */
static const char *base_path(void)
{
	static char path[128];
	const char *parent = getenv("TMPDIR");

	if (path[0])
		return path;
	(void)snprintf(path, sizeof(path), "%.90s/tane-fuzz-p9-XXXXXX",
		       parent ? parent : "/dev/shm");
	FUZZ_CHECK(mkdtemp(path) && !atexit(remove_base));
	return path;
}

static void make_tree(char share[160])
{
	int base, dir;

	(void)snprintf(share, 160, "%s/share", base_path());
	base = open(base_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_CHECK(base >= 0);
	write_file(base, "secret", SECRET);
	FUZZ_CHECK(!mkdirat(base, "share", 0755));
	dir = openat(base, "share", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_file(dir, "file", "some text");
	FUZZ_CHECK(!mkdirat(dir, "dir", 0755) && !mkdirat(dir, "dir/below", 0755));
	write_file(dir, "dir/below/file", "more");
	FUZZ_CHECK(!symlinkat("../secret", dir, "link") && !symlinkat("..", dir, "up") &&
		   !mkfifoat(dir, "fifo", 0666));
	close(dir);
	close(base);
}

static void check_outside(void)
{
	char path[160], text[64] = "";
	struct dirent *entry;
	DIR *dir = opendir(base_path());
	unsigned entries = 0;
	int fd;

	FUZZ_CHECK(dir);
	while ((entry = readdir(dir)))
		entries++;
	closedir(dir);
	FUZZ_CHECK(entries == 4);
	(void)snprintf(path, sizeof(path), "%s/secret", base_path());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && read(fd, text, sizeof(text)) == sizeof(SECRET) - 1);
	FUZZ_CHECK(!memcmp(text, SECRET, sizeof(SECRET)));
	close(fd);
}

/* The number that the next descriptor would have: it grows if one is left over. */
static int next_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest guest;
	struct p9_limits limits = { .max_fids = 12 };
	struct config_share share = { 0 };
	char path[160];
	struct err err;
	int next;

	guest.input = (struct fuzz_input){ data, size };
	make_tree(path);
	next = next_descriptor();
	limits.max_descriptors = (unsigned)fuzz_next(&guest.input, 1) % 16 * 4;
	share.path = path;
	share.writable = fuzz_next(&guest.input, 1) % 8;
	guest.p9 = p9_open(&share, &limits, &err);
	FUZZ_CHECK(guest.p9);
	begin(&guest);
	for (unsigned i = 0; i < MAX_MESSAGES && guest.input.size; i++) {
		build(&guest, &kinds[fuzz_next(&guest.input, 1) % NR_KINDS]);
		damage(&guest);
		send(&guest);
	}
	p9_reset(guest.p9);
	FUZZ_CHECK(!guest.p9->fids.count && !guest.p9->nodes.count &&
		   !guest.p9->nr_files && !guest.p9->xattr_bytes);
	p9_close(guest.p9);
	FUZZ_CHECK(next_descriptor() == next);
	check_outside();
	remove_tree(path);
	return 0;
}
