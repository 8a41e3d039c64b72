/* SPDX-License-Identifier: BSD-2-Clause */
/* The 9P server: sessions, walks, what files and folders have and are. */
#include "p9_client.h"

#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>

static struct folder folder;
static struct client client;

static int setup(void **state)
{
	(void)state;
	folder = folder_make();
	folder_write(&folder, "hello", "hello, world\n", 13);
	assert_int_equal(mkdirat(folder.fd, "sub", 0755), 0);
	assert_int_equal(mkdirat(folder.fd, "sub/deep", 0755), 0);
	folder_write(&folder, "sub/deep/file", "deep\n", 5);
	assert_int_equal(symlinkat("sub/deep", folder.fd, "link"), 0);
	client_open(&client, folder.path, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	client_close(&client);
	folder_remove(&folder);
	return 0;
}

static void test_version(void **state)
{
	struct client_attr attr;
	char version[16];

	(void)state;
	/* As large as it may be, and smaller. */
	assert_int_equal(client_version(&client, ~0u), 0);
	assert_int_equal(client.msize, P9_MAX_MSIZE);
	assert_int_equal(client_version(&client, 8192), 0);
	assert_int_equal(client.msize, 8192);
	/* All fids are gone. */
	assert_int_equal(client_getattr(&client, CLIENT_ROOT, &attr), EBADF);
	assert_int_equal(client_attach(&client, CLIENT_ROOT, 0), 0);
	assert_int_equal(client_getattr(&client, CLIENT_ROOT, &attr), 0);

	assert_int_equal(client_version(&client, 100), EMSGSIZE);
	assert_int_equal(ask(&client, P9_TVERSION, "4s", 8192u, "9P2000.u"), 0);
	answer(&client, 4);
	answer_string(&client, version, sizeof(version));
	assert_string_equal(version, "unknown");
	/* No session, no requests. */
	assert_int_equal(client_attach(&client, CLIENT_ROOT, 0), EPROTO);
	assert_int_equal(client_version(&client, 8192), 0);
	assert_int_equal(client_attach(&client, CLIENT_ROOT, 0), 0);
}

static void test_attach(void **state)
{
	(void)state;
	assert_int_equal(client_attach(&client, CLIENT_ROOT, 0), EEXIST);
	assert_int_equal(client_attach(&client, 2, 0), 0);
	assert_int_equal(answer_qid(&client).type, P9_QTDIR);
	answer_end(&client);
	assert_int_equal(client_attach(&client, P9_NOFID, 0), EINVAL);
	assert_int_equal(ask(&client, P9_TATTACH, "44ss4", 3u, 2u, "", "", 0u), EBADF);
	assert_int_equal(ask(&client, P9_TATTACH, "44ss4", 3u, P9_NOFID, "", "x", 0u),
			 ENOENT);
	assert_int_equal(ask(&client, P9_TATTACH, "44ss4", 3u, P9_NOFID, "me", "/", 0u),
			 0);
	assert_int_equal(ask(&client, P9_TAUTH, "4ss4", 4u, "me", "/", 0u), EOPNOTSUPP);
}

static void test_walk(void **state)
{
	struct client_qid qid;
	struct stat st;

	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 2, "sub/deep/file"), 0);
	answer_qid(&client);
	answer_qid(&client);
	qid = answer_qid(&client);
	answer_end(&client);
	assert_int_equal(fstatat(folder.fd, "sub/deep/file", &st, 0), 0);
	assert_int_equal(qid.type, P9_QTFILE);
	assert_int_equal(qid.path, st.st_ino);
	assert_int_not_equal(qid.version, 0);

	assert_int_equal(client_walk(&client, CLIENT_ROOT, 2, "sub"), EEXIST);
	assert_int_equal(client_walk(&client, 77, 3, "sub"), EBADF);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 3, "absent"), ENOENT);
	assert_int_equal(client_walk(&client, 2, 3, "x"), ENOTDIR);
	/* A clone, and the same fid for another file. */
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 3, ""), 0);
	answer_end(&client);
	assert_int_equal(client_walk(&client, 3, 3, "sub"), 0);
	assert_int_equal(client_walk(&client, 3, 4, "deep/file"), 0);
	/* A link is a thing by itself. */
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 5, "link"), 0);
	assert_int_equal(answer_qid(&client).type, P9_QTSYMLINK);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 6, "link/file"), ENOENT);
	assert_int_equal(client_clunk(&client, 6), EBADF);
}

static void test_partial_walk(void **state)
{
	(void)state;
	assert_int_equal(ask(&client, P9_TWALK, "442sss", CLIENT_ROOT, 2u, 3u, "sub",
			     "absent", "x"),
			 0);
	assert_int_equal(answer(&client, 2), 1);
	assert_int_equal(answer_qid(&client).type, P9_QTDIR);
	answer_end(&client);
	assert_int_equal(client_clunk(&client, 2), EBADF);
}

static void test_read(void **state)
{
	char text[64];
	uint32_t count = sizeof(text);

	(void)state;
	assert_string_equal(client_contents(&client, "hello"), "hello, world\n");
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 2, "hello"), 0);
	assert_int_equal(client_read(&client, 2, 0, text, &count), EBADF);
	assert_int_equal(client_lopen(&client, 2, 0), 0);
	assert_int_equal(client_lopen(&client, 2, 0), EBUSY);
	count = 5;
	assert_int_equal(client_read(&client, 2, 7, text, &count), 0);
	assert_int_equal(count, 5);
	assert_memory_equal(text, "world", 5);
	assert_int_equal(client_read(&client, 2, 13, text, &count), 0);
	assert_int_equal(count, 0);
	count = 5;
	assert_int_equal(client_read(&client, 2, 1ull << 63, text, &count), EINVAL);
}

static void test_read_in_pieces(void **state)
{
	char *data = malloc(100000), *seen = malloc(100000);
	uint32_t count = 100000;

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		data[i] = (char)(i * 7 + i / 256);
	folder_write(&folder, "large", data, 100000);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 2, "large"), 0);
	assert_int_equal(client_lopen(&client, 2, 0), 0);
	/* The header of the reply ends within a segment. */
	client.segment = 4099;
	assert_int_equal(client_read(&client, 2, 0, seen, &count), 0);
	assert_int_equal(count, 100000);
	assert_memory_equal(data, seen, 100000);
	/* And is cut itself. */
	client.segment = 3;
	count = 150;
	assert_int_equal(client_read(&client, 2, 10, seen, &count), 0);
	assert_int_equal(count, 150);
	assert_memory_equal(data + 10, seen, 150);
	free(data);
	free(seen);
}

static void test_getattr(void **state)
{
	struct client_attr attr;
	struct stat st;

	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 2, "hello"), 0);
	assert_int_equal(client_getattr(&client, 2, &attr), 0);
	assert_int_equal(fstatat(folder.fd, "hello", &st, 0), 0);
	assert_int_equal(attr.valid & 0x7ff, 0x7ff);
	assert_int_equal(attr.qid.path, st.st_ino);
	assert_int_equal(attr.mode, st.st_mode);
	assert_int_equal(attr.uid, st.st_uid);
	assert_int_equal(attr.gid, st.st_gid);
	assert_int_equal(attr.nlink, 1);
	assert_int_equal(attr.size, 13);
	assert_int_equal(attr.blksize, st.st_blksize);
	assert_int_equal(attr.blocks, st.st_blocks);
	assert_int_equal(attr.mtime, st.st_mtim.tv_sec);
	assert_int_equal(attr.mtime_nsec, st.st_mtim.tv_nsec);
	assert_int_equal(attr.ctime_nsec, st.st_ctim.tv_nsec);
	assert_int_equal(attr.atime_nsec, st.st_atim.tv_nsec);
	if (attr.valid & 0x800)
		assert_in_range(attr.btime, st.st_mtim.tv_sec - 60, st.st_mtim.tv_sec);
}

/* With uid=map our user is root in the guest, and root is nobody. */
static void test_mapped_ids(void **state)
{
	struct client mapped = { 0 };
	struct client_attr attr;
	pid_t pid;
	int status;

	(void)state;
	if (geteuid() == 0) {
		/* As another user: root is root in any case. */
		assert_int_equal(fchmod(folder.fd, 0755), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			if (setresgid(65000, 65000, 65000) ||
			    setresuid(65001, 65001, 65001))
				_exit(1);
			client_open_bare(&mapped, folder.path, false,
					 (struct p9_limits){ 10, 64 });
			mapped.share.map_ids = true;
			_exit(client_version(&mapped, 8192) ||
			      client_attach(&mapped, CLIENT_ROOT, 0) ||
			      client_walk(&mapped, CLIENT_ROOT, 2, "hello") ||
			      client_getattr(&mapped, 2, &attr) || attr.uid != 65534 ||
			      attr.gid != 65534);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		return;
	}
	client_open_bare(&mapped, folder.path, true, (struct p9_limits){ 10, 64 });
	mapped.share.map_ids = true;
	assert_int_equal(client_version(&mapped, 8192), 0);
	assert_int_equal(client_attach(&mapped, CLIENT_ROOT, 0), 0);
	assert_int_equal(client_walk(&mapped, CLIENT_ROOT, 2, "hello"), 0);
	assert_int_equal(client_getattr(&mapped, 2, &attr), 0);
	assert_int_equal(attr.uid, 0);
	assert_int_equal(attr.gid, 0);
	/* And back: root may give to root what is ours. */
	assert_int_equal(ask(&mapped, P9_TSETATTR, "4444488888", 2u, 6u, 0u, 0u, 0u,
			     (uint64_t)0, (uint64_t)0, (uint64_t)0, (uint64_t)0,
			     (uint64_t)0),
			 0);
	client_close(&mapped);
}

/* Names of a folder by fid 9, in messages of that size; the number of messages. */
static unsigned list(const char *path, uint32_t count, char *names, size_t size)
{
	uint64_t offset = 0;
	unsigned messages = 0;
	size_t used = 0;

	names[0] = '\0';
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 9, path), 0);
	assert_int_equal(client_lopen(&client, 9, 0), 0);
	do {
		assert_int_equal(ask(&client, P9_TREADDIR, "484", 9u, offset, count), 0);
		assert_int_equal(answer(&client, 4), client.size - 11);
		assert_true(client.size - 11 <= count);
		messages++;
		while (client.at < client.size) {
			char name[256];

			answer_qid(&client);
			offset = answer(&client, 8);
			answer(&client, 1);
			answer_string(&client, name, sizeof(name));
			used += (size_t)snprintf(names + used, size - used, "/%s", name);
			assert_true(used < size);
		}
	} while (client.size > 11);
	assert_int_equal(client_clunk(&client, 9), 0);
	return messages;
}

static void test_readdir(void **state)
{
	char names[256];

	(void)state;
	assert_int_equal(list("", 4096, names, sizeof(names)), 2);
	assert_int_equal(strlen(names), strlen("/./../hello/sub/link"));
	assert_non_null(strstr(names, "/hello"));
	assert_non_null(strstr(names, "/sub"));
	assert_non_null(strstr(names, "/link"));
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 2, "hello"), 0);
	assert_int_equal(client_lopen(&client, 2, 0), 0);
	assert_int_equal(ask(&client, P9_TREADDIR, "484", 2u, (uint64_t)0, 4096u),
			 ENOTDIR);
}

static void test_readlink(void **state)
{
	char target[64];

	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 2, "link"), 0);
	assert_int_equal(ask(&client, P9_TREADLINK, "4", 2u), 0);
	answer_string(&client, target, sizeof(target));
	answer_end(&client);
	assert_string_equal(target, "sub/deep");
	assert_int_equal(ask(&client, P9_TREADLINK, "4", CLIENT_ROOT), EINVAL);
	assert_int_equal(client_lopen(&client, 2, 0), ELOOP);
}

static void test_statfs(void **state)
{
	struct statfs fs;

	(void)state;
	assert_int_equal(ask(&client, P9_TSTATFS, "4", CLIENT_ROOT), 0);
	assert_int_equal(fstatfs(folder.fd, &fs), 0);
	assert_int_equal(answer(&client, 4), 0x01021997);
	assert_int_equal(answer(&client, 4), fs.f_bsize);
	assert_int_equal(answer(&client, 8), fs.f_blocks);
	answer(&client, 8);
	answer(&client, 8);
	assert_int_equal(answer(&client, 8), fs.f_files);
	answer(&client, 8);
	answer(&client, 8);
	assert_int_equal(answer(&client, 4), fs.f_namelen);
	answer_end(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_version, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_partial_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_getattr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mapped_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readdir, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readlink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_statfs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
