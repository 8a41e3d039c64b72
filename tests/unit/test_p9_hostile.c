/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 9P server against a guest that sends nonsense, or too much, or all at once, and a host
 * that changes files under it. No descriptor may be left over by any of it.
 */
#include "p9_client.h"

#include <dirent.h>
#include <pthread.h>

#define FID   20u
#define OTHER 21u

static struct folder folder;
static struct client client;
static unsigned descriptors;

static unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void open_with(struct p9_limits limits)
{
	client_open_bare(&client, folder.path, true, limits);
	assert_int_equal(client_version(&client, P9_MAX_MSIZE), 0);
	assert_int_equal(client_attach(&client, CLIENT_ROOT, P9_NONUNAME), 0);
}

static int setup(void **state)
{
	(void)state;
	descriptors = count_descriptors();
	folder = folder_make();
	folder_write(&folder, "hello", "hello", 5);
	assert_int_equal(mkdirat(folder.fd, "sub", 0755), 0);
	folder_write(&folder, "sub/file", "file", 4);
	open_with((struct p9_limits){ 1000, 256 });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	client_close(&client);
	folder_remove(&folder);
	assert_int_equal(count_descriptors(), descriptors);
	return 0;
}

/* The message that was sent last, but for its end. `says` is the size that it claims. */
static int send_part(size_t size, uint32_t says)
{
	store_le32(client.out, says);
	if (client_send(&client, size, client.msize) == 0)
		return -1;
	return client_result(&client, client.out[4]);
}

/* One of each kind that has fields; all of them work as they are, or fail for a reason. */
static void ask_all(unsigned which)
{
	const uint32_t root = CLIENT_ROOT;
	const uint64_t zero = 0;

	switch (which) {
	case 0:
		ask(&client, P9_TWALK, "442ss", root, 90u, 2u, "sub", "file");
		return;
	case 1:
		ask(&client, P9_TATTACH, "44ss4", 91u, P9_NOFID, "root", "", 0u);
		return;
	case 2:
		ask(&client, P9_TLCREATE, "4s444", 92u, "new", 2u, 0644u, 0u);
		return;
	case 3:
		ask(&client, P9_TSETATTR, "4444488888", root, 1u, 0755u, 0u, 0u, zero,
		    zero, zero, zero, zero);
		return;
	case 4:
		ask(&client, P9_TRENAMEAT, "4s4s", root, "hello", root, "hello");
		return;
	case 5:
		ask(&client, P9_TLOCK, "414884s", FID, 0u, 0u, zero, zero, 1u, "me");
		return;
	case 6:
		ask(&client, P9_TWRITE, "48D", FID, zero, "hello", 5u);
		return;
	case 7:
		ask(&client, P9_TXATTRWALK, "44s", root, 93u, "user.none");
		return;
	case 8:
		ask(&client, P9_TMKNOD, "4s4444", root, "hello", 0100644u, 0u, 0u, 0u);
		return;
	case 9:
		ask(&client, P9_TREADDIR, "484", OTHER, zero, 1000u);
		return;
	case 10:
		ask(&client, P9_TGETLOCK, "41884s", FID, 0u, zero, zero, 1u, "me");
		return;
	case 11:
		ask(&client, P9_TXATTRCREATE, "4s84", root, "user.x", zero, 0u);
		return;
	default:
		ask(&client, P9_TUNLINKAT, "4s4", root, "absent", 0u);
	}
}

static void test_short_messages(void **state)
{
	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, "hello"), 0);
	assert_int_equal(client_lopen(&client, FID, 2), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, ""), 0);
	assert_int_equal(client_lopen(&client, OTHER, 0), 0);
	for (unsigned which = 0; which < 13; which++) {
		uint32_t whole;

		ask_all(which);
		whole = load_le32(client.out);
		for (uint32_t size = 0; size < whole; size++) {
			int error = send_part(size, size);

			/* Which fid it is about may be looked at first. */
			if (size < P9_HEADER_SIZE)
				assert_int_equal(error, -1);
			else if (error != EBADF)
				assert_int_equal(error, EBADMSG);
			if (size >= P9_HEADER_SIZE)
				assert_int_equal(send_part(size, whole), EBADMSG);
		}
	}
	assert_string_equal(folder_read(&folder, "hello"), "hello");
	assert_false(folder_has(&folder, "new"));
}

static void test_sizes_that_lie(void **state)
{
	const uint32_t sizes[] = { 0, 6, P9_MAX_MSIZE + 1, 0x7fffffff, 0xffffffff };
	size_t size;

	(void)state;
	ask_all(12);
	size = load_le32(client.out);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(send_part(size, sizes[i]), EBADMSG);
	/* What is behind the message is none of it. */
	assert_int_equal(send_part(size + 100, (uint32_t)size), ENOENT);
	/* A string that claims to be longer than all there is, or than any may be. */
	client.out[11] = client.out[12] = 0xff;
	assert_int_equal(send_part(size, (uint32_t)size), EBADMSG);
	assert_int_equal(send_part(100000, 100000), ENAMETOOLONG);
}

static void test_little_room(void **state)
{
	const size_t size = 19; /* of a Tgetattr */

	(void)state;
	ask(&client, P9_TGETATTR, "48", CLIENT_ROOT, (uint64_t)0);
	assert_int_equal(client.size, 160);
	for (size_t room = 0; room < 160; room++) {
		client_send(&client, size, room);
		if (room < 11)
			assert_int_equal(client.size, 0);
		else
			assert_int_equal(client_result(&client, P9_TGETATTR), EMSGSIZE);
	}
	/* In single bytes it works too, and no byte is touched behind the reply. */
	client.segment = 3;
	client.in[160] = 0x77;
	client_send(&client, size, 190);
	assert_int_equal(client_result(&client, P9_TGETATTR), 0);
	assert_int_equal(client.size, 160);
	assert_int_equal(client.in[160], 0x77);
}

static void test_unknown_types(void **state)
{
	static const uint8_t known[] = { 8,   12,  14,  16,  18,  20,  22,  24, 26, 30,
					 32,  40,  50,  52,  54,  70,  72,  74, 76, 100,
					 102, 104, 108, 110, 116, 118, 120, 122 };

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		int error =
			type == P9_TVERSION ? EBADMSG : ask(&client, (uint8_t)type, "");

		if (memchr(known, (int)type, sizeof(known)))
			assert_true(error == EBADMSG ||
				    (type == P9_TAUTH && error == EOPNOTSUPP));
		else
			assert_int_equal(error, EOPNOTSUPP);
	}
}

static void test_unknown_fids(void **state)
{
	static const uint32_t fids[] = { 0, 2, P9_NOFID, 0x80000000 };
	struct client_attr attr;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(client_walk(&client, fids[i], FID, ""), EBADF);
		assert_int_equal(client_clunk(&client, fids[i]), EBADF);
		assert_int_equal(client_getattr(&client, fids[i], &attr), EBADF);
		assert_int_equal(client_lopen(&client, fids[i], 0), EBADF);
		assert_int_equal(ask(&client, P9_TREMOVE, "4", fids[i]), EBADF);
		assert_int_equal(ask(&client, P9_TLINK, "44s", CLIENT_ROOT, fids[i], "x"),
				 EBADF);
		assert_int_equal(
			ask(&client, P9_TRENAME, "44s", fids[i], CLIENT_ROOT, "x"),
			EBADF);
		assert_int_equal(ask(&client, P9_TRENAMEAT, "4s4s", CLIENT_ROOT, "hello",
				     fids[i], "x"),
				 EBADF);
	}
	assert_int_equal(client_walk(&client, CLIENT_ROOT, P9_NOFID, ""), EINVAL);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, CLIENT_ROOT, "hello"), 0);
}

static void test_too_many_names(void **state)
{
	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID,
				     "sub/../sub/../sub/../sub/../sub/../sub/../sub/../"
				     "sub/.."),
			 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER,
				     "sub/../sub/../sub/../sub/../sub/../sub/../sub/../"
				     "sub/../sub"),
			 EINVAL);
}

static void test_too_many_fids(void **state)
{
	uint32_t n = 0;
	int error;

	(void)state;
	client_close(&client);
	open_with((struct p9_limits){ 10, 64 });
	do {
		error = client_walk(&client, CLIENT_ROOT, 100 + n++, "hello");
	} while (!error && n < 100);
	assert_int_equal(error, ENFILE);
	assert_int_equal(n, 10);
	assert_int_equal(client_attach(&client, 500, 0), ENFILE);
	assert_int_equal(client_clunk(&client, 100), 0);
	assert_int_equal(client_attach(&client, 500, 0), 0);
	/* Nor a tree of folders that nothing but the way to one fid is in. */
	assert_int_equal(client_clunk(&client, 500), 0);
	error = client_walk(&client, CLIENT_ROOT, 500, "");
	for (n = 0; !error && n < 100; n++) {
		ask(&client, P9_TMKDIR, "4s44", 500u, "d", 0755u, 0u);
		error = client_walk(&client, 500, 500, "d");
	}
	assert_int_equal(error, ENFILE);
	assert_true(n <= 20);
}

static void test_more_fids_than_descriptors(void **state)
{
	struct rlimit old, few;
	struct client_attr attr;
	char name[256] = "";
	unsigned opened = 0;

	(void)state;
	client_close(&client);
	open_with((struct p9_limits){ 1000, 100000 });
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		folder_write(&folder, name, name, i % 200);
	}
	few = (struct rlimit){ count_descriptors() + 20, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(client_walk(&client, CLIENT_ROOT, 100 + i, name), 0);
	}
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(client_getattr(&client, 100 + i, &attr), 0);
		assert_int_equal(attr.size, i % 200);
	}
	/* Open files are another matter. */
	while (opened < 300 && client_lopen(&client, 100 + opened, 0) == 0)
		opened++;
	assert_in_range(opened, 10, 24);
	assert_int_equal(client_lopen(&client, 100 + opened, 0), EMFILE);
	assert_int_equal(client_clunk(&client, 100), 0);
	assert_int_equal(client_lopen(&client, 100 + opened, 0), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void test_too_many_open_files(void **state)
{
	unsigned n = 0;
	int error = 0;

	(void)state;
	for (; !error && n < 300; n++) {
		assert_int_equal(client_walk(&client, CLIENT_ROOT, 100 + n, "hello"), 0);
		error = client_lopen(&client, 100 + n, 0);
	}
	assert_int_equal(error, ENFILE);
	assert_int_equal(n - 1, 128); /* half of the 256 */
	assert_int_equal(client_clunk(&client, 100), 0);
	assert_int_equal(client_lopen(&client, 100 + n - 1, 0), 0);
}

/* Fids of files that have lost their names keep descriptors, but not without end. */
static void test_too_many_unlinked(void **state)
{
	struct client_attr attr;
	unsigned alive = 0;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		folder_write(&folder, name, "", 0);
		assert_int_equal(client_walk(&client, CLIENT_ROOT, 100 + i, name), 0);
		assert_int_equal(ask(&client, P9_TUNLINKAT, "4s4", CLIENT_ROOT, name, 0u),
				 0);
	}
	for (unsigned i = 0; i < 200; i++) {
		int error = client_getattr(&client, 100 + i, &attr);

		if (error)
			assert_int_equal(error, ESTALE);
		alive += !error;
	}
	assert_int_equal(alive, 64); /* a quarter of the 256 */
	assert_true(count_descriptors() < descriptors + 256);
}

/* With so few descriptors each use of a fid opens its file anew. */
static void test_host_renames(void **state)
{
	struct client_attr attr;

	(void)state;
	client_close(&client);
	open_with((struct p9_limits){ 1000, 4 });
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, "sub/file"), 0);
	assert_string_equal(client_contents(&client, "hello"), "hello");
	assert_int_equal(renameat(folder.fd, "sub", folder.fd, "away"), 0);
	assert_int_equal(client_getattr(&client, FID, &attr), ESTALE);
	/* Another file at its place is not it. */
	assert_int_equal(mkdirat(folder.fd, "sub", 0755), 0);
	folder_write(&folder, "sub/file", "other", 5);
	assert_int_equal(client_getattr(&client, FID, &attr), ESTALE);
	assert_int_equal(client_lopen(&client, FID, 0), ESTALE);
	assert_string_equal(client_contents(&client, "sub/file"), "other");
	assert_int_equal(unlinkat(folder.fd, "sub/file", 0), 0);
	assert_int_equal(unlinkat(folder.fd, "sub", AT_REMOVEDIR), 0);
	assert_int_equal(renameat(folder.fd, "away", folder.fd, "sub"), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "sub/file"), 0);
	assert_int_equal(client_getattr(&client, OTHER, &attr), 0);
	assert_int_equal(attr.size, 4);
}

/* Paths longer than any that a system call takes. */
static void test_deep_folders(void **state)
{
	struct client_attr attr;
	char name[201];

	(void)state;
	client_close(&client);
	open_with((struct p9_limits){ 1000, 8 });
	memset(name, 'n', 200);
	name[200] = '\0';
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 100, ""), 0);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(
			ask(&client, P9_TMKDIR, "4s44", 100 + i, name, 0700u, getegid()),
			0);
		assert_int_equal(client_walk(&client, 100 + i, 101 + i, name), 0);
	}
	/* One after another, the deepest when all descriptors are elsewhere. */
	for (uint32_t i = 0; i <= 100; i++) {
		assert_int_equal(client_getattr(&client, 200 - i, &attr), 0);
		assert_true(S_ISDIR(attr.mode));
		assert_int_equal(client_getattr(&client, 100 + i, &attr), 0);
	}
	/* By the guest, as no other could. */
	for (uint32_t i = 100; i > 0; i--)
		assert_int_equal(ask(&client, P9_TREMOVE, "4", 100 + i), 0);
	assert_false(folder_has(&folder, name));
}

/* So deep that to find the way takes longer than a request may. */
static void test_too_deep(void **state)
{
	const uint32_t depth = P9_MAX_STEPS + 100;
	struct client_attr attr;
	int fd, up;

	(void)state;
	client_close(&client);
	open_with((struct p9_limits){ 10000, 8 });
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, ""), 0);
	for (uint32_t i = 0; i < depth; i++) {
		assert_int_equal(
			ask(&client, P9_TMKDIR, "4s44", FID, "d", 0700u, getegid()), 0);
		assert_int_equal(client_walk(&client, FID, FID, "d"), 0);
	}
	assert_int_equal(client_getattr(&client, FID, &attr), 0);
	assert_string_equal(client_contents(&client, "hello"), "hello");
	assert_string_equal(client_contents(&client, "sub/file"), "file");
	assert_int_equal(client_getattr(&client, FID, &attr), ENAMETOOLONG);
	assert_int_equal(client_clunk(&client, FID), 0);

	fd = dup(folder.fd);
	for (uint32_t i = 0; i < depth; i++) {
		up = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = up;
	}
	for (uint32_t i = 0; i < depth; i++) {
		up = openat(fd, "..", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = up;
		assert_int_equal(unlinkat(fd, "d", AT_REMOVEDIR), 0);
	}
	close(fd);
}

/* All entries once, whatever fits into a message. */
static void test_readdir_in_pieces(void **state)
{
	static const uint32_t counts[] = { 280, 300, 1000, 4096, 30000 };
	char name[256] = "";
	bool seen[150];

	(void)state;
	for (unsigned i = 0; i < 150; i++) {
		snprintf(name, sizeof(name), "%u-%.*s", i, (int)i,
			 "a name that has a length of its own, so that entries end "
			 "everywhere in a chunk, and in particular at odd places; some "
			 "150 bytes are enough for that to be so.....");
		folder_write(&folder, name, "", 0);
	}
	for (unsigned c = 0; c < 5; c++) {
		uint64_t offset = 0;
		unsigned total = 0;

		memset(seen, 0, sizeof(seen));
		assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, ""), 0);
		assert_int_equal(client_lopen(&client, FID, 0), 0);
		for (;;) {
			assert_int_equal(
				ask(&client, P9_TREADDIR, "484", FID, offset, counts[c]),
				0);
			assert_true(answer(&client, 4) <= counts[c]);
			if (client.at == client.size)
				break;
			while (client.at < client.size) {
				unsigned i;

				answer_qid(&client);
				offset = answer(&client, 8);
				answer(&client, 1);
				answer_string(&client, name, sizeof(name));
				total++;
				if (sscanf(name, "%u-", &i) == 1) {
					assert_false(seen[i]);
					seen[i] = true;
				}
			}
		}
		assert_int_equal(total, 150 + 4);
		assert_int_equal(client_clunk(&client, FID), 0);
	}
	/* So little that no entry fits; and places that never were. */
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, ""), 0);
	assert_int_equal(client_lopen(&client, FID, 0), 0);
	assert_int_equal(ask(&client, P9_TREADDIR, "484", FID, (uint64_t)0, 20u), EINVAL);
	assert_int_equal(ask(&client, P9_TREADDIR, "484", FID, (uint64_t)0, 0u), EINVAL);
	ask(&client, P9_TREADDIR, "484", FID, 1ull << 63, 4096u);
	ask(&client, P9_TREADDIR, "484", FID, 12345ull, 4096u);
	assert_int_equal(ask(&client, P9_TREADDIR, "484", FID, (uint64_t)0, 4096u), 0);
}

static void test_bad_folders(void **state)
{
	const struct p9_limits limits = { 10, 10 };
	struct config_share share = { .path = "/nonexistent" };
	struct err err;

	(void)state;
	assert_null(p9_open(&share, &limits, &err));
	assert_string_equal(err.text,
			    "--share \"/nonexistent\": No such file or directory");
	share.is_root = true;
	share.path = "/etc/passwd";
	assert_null(p9_open(&share, &limits, &err));
	assert_string_equal(err.text, "--root \"/etc/passwd\": Not a directory");
}

static void test_reset(void **state)
{
	struct client_attr attr;

	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, "hello"), 0);
	assert_int_equal(client_lopen(&client, FID, 0), 0);
	p9_reset(client.p9);
	assert_int_equal(client_getattr(&client, CLIENT_ROOT, &attr), EPROTO);
	assert_int_equal(client_version(&client, 8192), 0);
	assert_int_equal(client_getattr(&client, FID, &attr), EBADF);
	assert_int_equal(client_attach(&client, FID, 0), 0);
}

#define THREADS 8
#define ROUNDS  4000

/* One that does anything with a few fids and names, which all of them share. */
static void *mingle(void *opaque)
{
	static const char *const names[] = { "hello", "sub", "a", "b", "sub/file", ".." };
	struct client mine = client;
	unsigned seed = (unsigned)(uintptr_t)opaque;

	mine.out = malloc(P9_MAX_MSIZE);
	mine.in = malloc(P9_MAX_MSIZE);
	for (unsigned i = 0; i < ROUNDS && mine.out && mine.in; i++) {
		const uint32_t fid = CLIENT_ROOT + (uint32_t)rand_r(&seed) % 8;
		const uint32_t newfid = 2 + (uint32_t)rand_r(&seed) % 7;
		const char *name = names[(unsigned)rand_r(&seed) % 6];
		const char *other = names[(unsigned)rand_r(&seed) % 4];
		struct client_attr attr;
		uint32_t count = 16;
		char text[16];

		switch ((unsigned)rand_r(&seed) % 18) {
		case 0:
		case 1:
		case 2:
			client_walk(&mine, fid, newfid, name);
			break;
		case 3:
		case 4:
			client_clunk(&mine, newfid);
			break;
		case 5:
			client_lopen(&mine, newfid, i % 3);
			break;
		case 6:
			client_read(&mine, fid, 0, text, &count);
			break;
		case 7:
			ask(&mine, P9_TWRITE, "48D", newfid, (uint64_t)i, "x", 1u);
			break;
		case 8:
			ask(&mine, P9_TREADDIR, "484", newfid, (uint64_t)0, 500u);
			break;
		case 9:
			ask(&mine, P9_TRENAMEAT, "4s4s", fid, name, fid, other);
			break;
		case 10:
			ask(&mine, P9_TRENAME, "44s", newfid, CLIENT_ROOT, other);
			break;
		case 11:
			ask(&mine, P9_TUNLINKAT, "4s4", CLIENT_ROOT, other, 0u);
			break;
		case 12:
			ask(&mine, P9_TMKDIR, "4s44", fid, other, 0755u, 0u);
			break;
		case 13:
			ask(&mine, P9_TLCREATE, "4s444", newfid, other, 2u, 0644u, 0u);
			break;
		case 14:
			ask(&mine, P9_TLOCK, "414884s", newfid, i % 3, 0u,
			    (uint64_t)i % 50, (uint64_t)1, 1u, "me");
			break;
		case 15:
			ask(&mine, P9_TXATTRWALK, "44s", fid, newfid, "");
			break;
		case 16:
			ask(&mine, P9_TXATTRCREATE, "4s84", newfid, "user.x", (uint64_t)1,
			    0u);
			break;
		default:
			client_getattr(&mine, fid, &attr);
		}
	}
	free(mine.out);
	free(mine.in);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	struct client_attr attr;

	(void)state;
	client_close(&client);
	open_with((struct p9_limits){ 1000, 24 });
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, mingle, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(client_version(&client, 8192), 0);
	/* Nothing is left but the root. */
	assert_int_equal(client.p9->fids.count, 0);
	assert_int_equal(client.p9->nodes.count, 0);
	assert_int_equal(client.p9->nr_nodes, 1);
	assert_int_equal(client.p9->nr_files, 0);
	assert_int_equal(client.p9->xattr_bytes, 0);
	assert_int_equal(client.p9->nr_values, 0);
	assert_int_equal(client.p9->nr_ranges, 0);
	assert_int_equal(client.p9->root->refs, 1);
	assert_int_equal(client.p9->root->pins, 1);
	assert_int_equal(client_attach(&client, CLIENT_ROOT, 0), 0);
	assert_int_equal(client_getattr(&client, CLIENT_ROOT, &attr), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_short_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes_that_lie, setup, teardown),
		cmocka_unit_test_setup_teardown(test_little_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_fids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_fids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_more_fids_than_descriptors, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_too_many_open_files, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_too_many_unlinked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_renames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deep_folders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_deep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readdir_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_folders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
