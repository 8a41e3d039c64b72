/* SPDX-License-Identifier: BSD-2-Clause */
/* The 9P server on a share that can be written: what each request changes on the host. */
#include "block_test.h"
#include "p9_client.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define NEW    20u /* fids */
#define OTHER  21u
#define NO_GID P9_NONUNAME

#define O9_RDWR   2u
#define O9_WRONLY 1u
#define O9_EXCL   0200u
#define O9_TRUNC  01000u
#define O9_APPEND 02000u

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
	client_open(&client, folder.path, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	client_close(&client);
	folder_remove(&folder);
	return 0;
}

static struct stat stat_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(folder.fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static int lcreate(uint32_t dir, uint32_t fid, const char *name, uint32_t flags,
		   uint32_t mode)
{
	assert_int_equal(client_walk(&client, dir, fid, ""), 0);
	return ask(&client, P9_TLCREATE, "4s444", fid, name, flags, mode, getegid());
}

static int put(uint32_t fid, uint64_t offset, const char *text)
{
	int error =
		ask(&client, P9_TWRITE, "48D", fid, offset, text, (uint32_t)strlen(text));

	if (!error)
		assert_int_equal(answer(&client, 4), strlen(text));
	return error;
}

static void test_create_and_write(void **state)
{
	char text[32];
	uint32_t count = sizeof(text);

	(void)state;
	assert_int_equal(lcreate(CLIENT_ROOT, NEW, "new", O9_RDWR | O9_EXCL, 0100666), 0);
	assert_int_equal(answer_qid(&client).path, stat_of("new").st_ino);
	answer(&client, 4);
	answer_end(&client);
	/* All bits of the mode, whatever our umask is. */
	assert_int_equal(stat_of("new").st_mode, S_IFREG | 0666);
	assert_int_equal(put(NEW, 0, "0123456789"), 0);
	assert_int_equal(put(NEW, 4, "four"), 0);
	assert_int_equal(client_read(&client, NEW, 2, text, &count), 0);
	assert_int_equal(count, 8);
	assert_memory_equal(text, "23four89", 8);
	assert_string_equal(folder_read(&folder, "new"), "0123four89");
	assert_int_equal(ask(&client, P9_TFSYNC, "44", NEW, 0u), 0);
	assert_int_equal(ask(&client, P9_TFSYNC, "44", NEW, 1u), 0);
	assert_int_equal(ask(&client, P9_TFSYNC, "44", CLIENT_ROOT, 1u), EBADF);

	/* It is there already: an error, or it is opened and cut. */
	assert_int_equal(lcreate(CLIENT_ROOT, OTHER, "new", O9_RDWR | O9_EXCL, 0644),
			 EEXIST);
	assert_int_equal(client_clunk(&client, OTHER), 0);
	assert_int_equal(lcreate(CLIENT_ROOT, OTHER, "new", O9_WRONLY | O9_TRUNC, 0644),
			 0);
	assert_int_equal(stat_of("new").st_size, 0);
	assert_int_equal(ask(&client, P9_TLCREATE, "4s444", OTHER, "x", 0u, 0644u, 0u),
			 EBUSY);
	assert_int_equal(lcreate(CLIENT_ROOT, 30, "sub", 0, 0644), EISDIR);
	assert_int_equal(client_clunk(&client, 30), 0);
}

static void test_write_goes_where_it_says(void **state)
{
	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "hello"), 0);
	assert_int_equal(put(NEW, 0, "x"), EBADF);
	assert_int_equal(client_lopen(&client, NEW, O9_WRONLY | O9_APPEND), 0);
	assert_int_equal(put(NEW, 7, "there"), 0);
	assert_string_equal(folder_read(&folder, "hello"), "hello, there\n");
	assert_int_equal(client_lopen(&client, CLIENT_ROOT, O9_WRONLY), EISDIR);
	/* One that can only be read. */
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "hello"), 0);
	assert_int_equal(client_lopen(&client, OTHER, 0), 0);
	assert_int_equal(put(OTHER, 0, "x"), EBADF);
	assert_string_equal(folder_read(&folder, "hello"), "hello, there\n");
}

static void test_large_writes(void **state)
{
	const uint32_t size = P9_MAX_MSIZE - P9_WRITE_HEADER;
	char *data = malloc(size), *seen = malloc(size);
	uint32_t count = size;
	int fd;

	(void)state;
	for (uint32_t i = 0; i < size; i++)
		data[i] = (char)(i * 31 + i / 4096);
	assert_int_equal(lcreate(CLIENT_ROOT, NEW, "large", O9_RDWR, 0644), 0);
	client.segment = 20011;
	assert_int_equal(ask(&client, P9_TWRITE, "48D", NEW, (uint64_t)5, data, size), 0);
	assert_int_equal(answer(&client, 4), size);
	assert_int_equal(stat_of("large").st_size, size + 5);
	fd = openat(folder.fd, "large", O_RDONLY);
	assert_int_equal(pread(fd, seen, size, 5), size);
	close(fd);
	assert_memory_equal(data, seen, size);
	/* And back, as much as fits. */
	assert_int_equal(client_read(&client, NEW, 5, seen, &count), 0);
	assert_int_equal(count, size);
	assert_memory_equal(data, seen, size);
	/* A count that the message does not have. */
	assert_int_equal(ask(&client, P9_TWRITE, "484", NEW, (uint64_t)0, 1u), EBADMSG);
	assert_int_equal(ask(&client, P9_TWRITE, "484", NEW, 1ull << 63, 0u), EINVAL);
	free(data);
	free(seen);
}

static void test_mkdir(void **state)
{
	(void)state;
	assert_int_equal(
		ask(&client, P9_TMKDIR, "4s44", CLIENT_ROOT, "dir", 040777u, getegid()),
		0);
	assert_int_equal(answer_qid(&client).type, P9_QTDIR);
	answer_end(&client);
	assert_int_equal(stat_of("dir").st_mode, S_IFDIR | 0777);
	assert_int_equal(ask(&client, P9_TMKDIR, "4s44", CLIENT_ROOT, "dir", 0777u, 0u),
			 EEXIST);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "hello"), 0);
	assert_int_equal(ask(&client, P9_TMKDIR, "4s44", NEW, "dir", 0777u, 0u), ENOTDIR);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "dir"), 0);
}

static void test_symlink_and_link(void **state)
{
	char target[64];

	(void)state;
	assert_int_equal(ask(&client, P9_TSYMLINK, "4ss4", CLIENT_ROOT, "to",
			     "/absolute/../x", getegid()),
			 0);
	assert_int_equal(answer_qid(&client).type, P9_QTSYMLINK);
	assert_int_equal(readlinkat(folder.fd, "to", target, sizeof(target)), 14);
	assert_memory_equal(target, "/absolute/../x", 14);

	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "hello"), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "sub"), 0);
	assert_int_equal(ask(&client, P9_TLINK, "44s", OTHER, NEW, "again"), 0);
	answer_end(&client);
	assert_int_equal(stat_of("sub/again").st_ino, stat_of("hello").st_ino);
	assert_int_equal(stat_of("hello").st_nlink, 2);
	/* Of a link: a name for the link itself. */
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW + 5, "to"), 0);
	assert_int_equal(ask(&client, P9_TLINK, "44s", OTHER, NEW + 5, "to2"), 0);
	assert_true(S_ISLNK(stat_of("sub/to2").st_mode));
}

static void test_mknod(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(ask(&client, P9_TMKNOD, "4s4444", CLIENT_ROOT, "fifo",
			     S_IFIFO | 0666u, 0u, 0u, getegid()),
			 0);
	answer_qid(&client);
	answer_end(&client);
	assert_int_equal(stat_of("fifo").st_mode, S_IFIFO | 0666);
	assert_int_equal(ask(&client, P9_TMKNOD, "4s4444", CLIENT_ROOT, "socket",
			     S_IFSOCK | 0600u, 0u, 0u, getegid()),
			 0);
	assert_true(S_ISSOCK(stat_of("socket").st_mode));
	/* Nobody waits for the other end. */
	for (unsigned flags = 0; flags < 3; flags++) {
		assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "fifo"), 0);
		assert_int_equal(client_lopen(&client, NEW, flags), ENXIO);
		assert_int_equal(client_clunk(&client, NEW), 0);
		assert_int_equal(lcreate(CLIENT_ROOT, NEW, "fifo", flags, 0644), ENXIO);
		assert_int_equal(client_clunk(&client, NEW), 0);
	}
	if (geteuid() == 0) {
		struct client_attr attr;

		/* /dev/null, which is harmless if somebody opens it. */
		assert_int_equal(ask(&client, P9_TMKNOD, "4s4444", CLIENT_ROOT, "null",
				     S_IFCHR | 0666u, 1u, 3u, getegid()),
				 0);
		assert_int_equal(stat_of("null").st_rdev, makedev(1, 3));
		assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "null"), 0);
		assert_int_equal(client_getattr(&client, NEW, &attr), 0);
		assert_int_equal(attr.rdev, 0x103);
		fd = openat(folder.fd, "null", O_WRONLY);
		assert_true(fd >= 0 || errno == EACCES); /* a neighbour may, if it may */
		if (fd >= 0)
			close(fd);
		assert_int_equal(client_lopen(&client, NEW, 2), ENXIO);
	}
}

static int unlinkat9(uint32_t dir, const char *name, uint32_t flags)
{
	return ask(&client, P9_TUNLINKAT, "4s4", dir, name, flags);
}

static void test_unlink(void **state)
{
	(void)state;
	assert_int_equal(unlinkat9(CLIENT_ROOT, "hello", 0x200), ENOTDIR);
	assert_int_equal(unlinkat9(CLIENT_ROOT, "hello", 1), EINVAL);
	assert_int_equal(unlinkat9(CLIENT_ROOT, "hello", 0), 0);
	assert_false(folder_has(&folder, "hello"));
	assert_int_equal(unlinkat9(CLIENT_ROOT, "hello", 0), ENOENT);
	assert_int_equal(unlinkat9(CLIENT_ROOT, "sub", 0), EISDIR);
	assert_int_equal(unlinkat9(CLIENT_ROOT, "sub", 0x200), ENOTEMPTY);
	assert_true(folder_has(&folder, "sub"));
}

static void test_remove(void **state)
{
	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "sub/deep/file"), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "sub/deep"), 0);
	/* Not empty; the fid is gone nevertheless. */
	assert_int_equal(ask(&client, P9_TREMOVE, "4", OTHER), ENOTEMPTY);
	assert_int_equal(client_clunk(&client, OTHER), EBADF);
	assert_int_equal(ask(&client, P9_TREMOVE, "4", NEW), 0);
	assert_false(folder_has(&folder, "sub/deep/file"));
	assert_int_equal(client_clunk(&client, NEW), EBADF);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "sub/deep"), 0);
	assert_int_equal(ask(&client, P9_TREMOVE, "4", OTHER), 0);
	assert_false(folder_has(&folder, "sub/deep"));
	assert_int_equal(ask(&client, P9_TREMOVE, "4", CLIENT_ROOT), EBUSY);
}

/* What was walked to before is what its name was taken from, and not what has it now. */
static void test_remove_of_another(void **state)
{
	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "hello"), 0);
	assert_int_equal(renameat(folder.fd, "hello", folder.fd, "old"), 0);
	folder_write(&folder, "hello", "new\n", 4);
	assert_int_equal(ask(&client, P9_TREMOVE, "4", NEW), ESTALE);
	assert_string_equal(folder_read(&folder, "hello"), "new\n");
}

static int setattr(uint32_t fid, uint32_t valid, uint32_t mode, uint64_t size,
		   uint64_t atime, uint64_t mtime)
{
	return ask(&client, P9_TSETATTR, "4444488888", fid, valid, mode, 7u, 8u, size,
		   atime, (uint64_t)111, mtime, (uint64_t)222);
}

static void test_unlinked_while_in_use(void **state)
{
	struct client_attr attr;
	char text[32];
	uint32_t count = sizeof(text);

	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "hello"), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "hello"), 0);
	assert_int_equal(client_lopen(&client, NEW, O9_RDWR), 0);
	assert_int_equal(unlinkat9(CLIENT_ROOT, "hello", 0), 0);
	/* By the open one, and by one that is not. */
	for (uint32_t fid = NEW; fid <= OTHER; fid++) {
		assert_int_equal(client_getattr(&client, fid, &attr), 0);
		assert_int_equal(attr.nlink, 0);
		assert_int_equal(setattr(fid, 0x8, 0, 5 + fid - NEW, 0, 0), 0);
		assert_int_equal(client_getattr(&client, fid, &attr), 0);
		assert_int_equal(attr.size, 5 + fid - NEW);
	}
	assert_int_equal(put(NEW, 0, "HE"), 0);
	assert_int_equal(client_lopen(&client, OTHER, 0), 0);
	assert_int_equal(client_read(&client, OTHER, 0, text, &count), 0);
	assert_int_equal(count, 6);
	assert_memory_equal(text, "HEllo\0", 6);
	/* Its name is free for another one. */
	folder_write(&folder, "hello", "2", 1);
	assert_string_equal(client_contents(&client, "hello"), "2");
}

static void test_setattr(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "hello"), 0);
	assert_int_equal(setattr(NEW, 0x1, 0640, 0, 0, 0), 0);
	assert_int_equal(stat_of("hello").st_mode, S_IFREG | 0640);
	assert_int_equal(setattr(NEW, 0x8, 0, 5, 0, 0), 0);
	assert_string_equal(folder_read(&folder, "hello"), "hello");
	assert_int_equal(setattr(NEW, 0x1b0, 0, 0, 1000, 2000), 0);
	st = stat_of("hello");
	assert_int_equal(st.st_atim.tv_sec, 1000);
	assert_int_equal(st.st_atim.tv_nsec, 111);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_mtim.tv_nsec, 222);
	/* One of them, to now. */
	assert_int_equal(setattr(NEW, 0x20, 0, 0, 0, 0), 0);
	st = stat_of("hello");
	assert_int_equal(st.st_atim.tv_sec, 1000);
	assert_true(st.st_mtim.tv_sec > 1000000);
	assert_int_equal(ask(&client, P9_TSETATTR, "4444488888", NEW, 0x90u, 0u, 0u, 0u,
			     (uint64_t)0, (uint64_t)0, (uint64_t)UTIME_OMIT, (uint64_t)0,
			     (uint64_t)0),
			 EINVAL);
	assert_int_equal(setattr(NEW, 0x8, 0, 1ull << 63, 0, 0), EFBIG);
	assert_int_equal(setattr(CLIENT_ROOT, 0x8, 0, 5, 0, 0), EISDIR);
	/* Of a link, and not of what it leads to. */
	assert_int_equal(symlinkat("hello", folder.fd, "link"), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "link"), 0);
	assert_int_equal(setattr(OTHER, 0x1b0, 0, 0, 3000, 4000), 0);
	assert_int_equal(stat_of("link").st_mtim.tv_sec, 4000);
	assert_int_not_equal(stat_of("hello").st_mtim.tv_sec, 4000);
	assert_int_equal(setattr(OTHER, 0x8, 0, 5, 0, 0), EINVAL);
	assert_int_equal(setattr(OTHER, 0x1, 0600, 0, 0, 0), EOPNOTSUPP);
	assert_int_equal(stat_of("hello").st_mode, S_IFREG | 0640);
}

static void test_owners(void **state)
{
	(void)state;
	if (geteuid()) {
		/* What is not ours to give away. */
		assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "hello"), 0);
		assert_int_equal(setattr(NEW, 0x2, 0, 0, 0, 0), EPERM);
		return;
	}
	assert_int_equal(client_attach(&client, NEW, 1234), 0);
	assert_int_equal(ask(&client, P9_TMKDIR, "4s44", NEW, "dir", 02755u, 4321u), 0);
	assert_int_equal(stat_of("dir").st_uid, 1234);
	assert_int_equal(stat_of("dir").st_gid, 4321);
	assert_int_equal(stat_of("dir").st_mode, S_IFDIR | 02755);
	assert_int_equal(ask(&client, P9_TSYMLINK, "4ss4", NEW, "link", "hello", 4321u),
			 0);
	assert_int_equal(stat_of("link").st_uid, 1234);
	assert_int_equal(stat_of("hello").st_uid, 0);
	assert_int_equal(
		ask(&client, P9_TLCREATE, "4s444", NEW, "file", 1u, 04755u, 4321u), 0);
	assert_int_equal(stat_of("file").st_uid, 1234);
	assert_int_equal(stat_of("file").st_mode, S_IFREG | 04755);
	assert_int_equal(setattr(NEW, 0x6, 0, 0, 0, 0), 0);
	assert_int_equal(stat_of("file").st_uid, 7);
	assert_int_equal(stat_of("file").st_gid, 8);
}

static int renameat9(uint32_t old_dir, const char *old_name, uint32_t new_dir,
		     const char *new_name)
{
	return ask(&client, P9_TRENAMEAT, "4s4s", old_dir, old_name, new_dir, new_name);
}

static void test_rename(void **state)
{
	struct client_attr attr;

	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "hello"), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "sub"), 0);
	assert_int_equal(renameat9(CLIENT_ROOT, "hello", OTHER, "moved"), 0);
	assert_false(folder_has(&folder, "hello"));
	assert_string_equal(folder_read(&folder, "sub/moved"), "hello, world\n");
	assert_int_equal(client_getattr(&client, NEW, &attr), 0);
	/* By its fid, over another file, which a fid has too. */
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 30, "sub/deep/file"), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 31, "sub/deep"), 0);
	assert_int_equal(ask(&client, P9_TRENAME, "44s", NEW, 31u, "file"), 0);
	answer_end(&client);
	assert_string_equal(folder_read(&folder, "sub/deep/file"), "hello, world\n");
	assert_int_equal(client_getattr(&client, 30, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(client_getattr(&client, NEW, &attr), 0);
	assert_int_equal(attr.nlink, 1);

	assert_int_equal(renameat9(CLIENT_ROOT, "sub", 31, "x"), EINVAL);
	assert_int_equal(ask(&client, P9_TRENAME, "44s", CLIENT_ROOT, 31u, "x"), EBUSY);
	assert_int_equal(renameat9(CLIENT_ROOT, "absent", 31, "x"), ENOENT);
	assert_int_equal(renameat9(31, "file", 31, "file"), 0);
	assert_int_equal(client_getattr(&client, NEW, &attr), 0);
}

/* More fids than descriptors below a folder that is renamed: all are found again. */
static void test_rename_above_many(void **state)
{
	struct client_attr attr;
	char path[256] = "";

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "sub/deep/f%u", i);
		folder_write(&folder, path, path, i);
		assert_int_equal(client_walk(&client, CLIENT_ROOT, 100 + i, path), 0);
	}
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "sub/deep"), 0);
	assert_int_equal(renameat9(CLIENT_ROOT, "sub", CLIENT_ROOT, "other"), 0);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(client_getattr(&client, 100 + i, &attr), 0);
		assert_int_equal(attr.size, i);
	}
	assert_int_equal(renameat9(NEW, "f0", CLIENT_ROOT, "up"), 0);
	assert_int_equal(client_walk(&client, 100, 99, ".."), ENOTDIR);
	assert_int_equal(client_walk(&client, NEW, 98, "../deep/f7"), 0);
	assert_int_equal(client_getattr(&client, 98, &attr), 0);
	assert_int_equal(attr.size, 7);
	assert_true(folder_has(&folder, "other/deep/f199"));
}

/* The host takes a folder out of another, and the guest puts that one into it. */
static void test_rename_into_what_was_below(void **state)
{
	struct client_attr attr;

	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "sub"), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "sub/deep"), 0);
	assert_int_equal(renameat(folder.fd, "sub/deep", folder.fd, "top"), 0);
	assert_int_equal(renameat9(CLIENT_ROOT, "sub", OTHER, "sub"), 0);
	assert_true(folder_has(&folder, "top/sub"));
	assert_int_equal(client_getattr(&client, NEW, &attr), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 30, "top/sub"), 0);
	assert_int_equal(client_walk(&client, OTHER, 31, "../../../top/sub/.."), 0);
}

static int xattrcreate(uint32_t fid, const char *name, uint64_t size, uint32_t flags)
{
	assert_int_equal(client_walk(&client, CLIENT_ROOT, fid, "hello"), 0);
	return ask(&client, P9_TXATTRCREATE, "4s84", fid, name, size, flags);
}

static void test_xattr(void **state)
{
	char path[128], value[64];
	uint32_t count = sizeof(value);

	(void)state;
	snprintf(path, sizeof(path), "%s/hello", folder.path);
	if (setxattr(path, "user.probe", "x", 1, 0) && errno == EOPNOTSUPP)
		skip();
	assert_int_equal(xattrcreate(NEW, "user.test", 6, 0), 0);
	assert_int_equal(put(NEW, 0, "abc"), 0);
	assert_int_equal(put(NEW, 3, "defg"), EINVAL);
	assert_int_equal(put(NEW, 0, "def"), EINVAL);
	assert_int_equal(put(NEW, 3, "def"), 0);
	assert_int_equal(getxattr(path, "user.test", value, sizeof(value)), -1);
	assert_int_equal(client_clunk(&client, NEW), 0);
	assert_int_equal(getxattr(path, "user.test", value, sizeof(value)), 6);
	assert_memory_equal(value, "abcdef", 6);

	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "hello"), 0);
	assert_int_equal(ask(&client, P9_TXATTRWALK, "44s", NEW, OTHER, "user.test"), 0);
	assert_int_equal(answer(&client, 8), 6);
	answer_end(&client);
	assert_int_equal(client_read(&client, OTHER, 2, value, &count), 0);
	assert_int_equal(count, 4);
	assert_memory_equal(value, "cdef", 4);
	assert_int_equal(put(OTHER, 0, "x"), EBADF);
	assert_int_equal(client_walk(&client, OTHER, 30, ""), EBADF);
	assert_int_equal(client_clunk(&client, OTHER), 0);
	assert_int_equal(ask(&client, P9_TXATTRWALK, "44s", NEW, OTHER, "user.none"),
			 ENODATA);
	/* The list of names. */
	assert_int_equal(ask(&client, P9_TXATTRWALK, "44s", NEW, OTHER, ""), 0);
	count = sizeof(value);
	assert_int_equal(client_read(&client, OTHER, 0, value, &count), 0);
	assert_non_null(memmem(value, count, "user.test", 10));
	assert_non_null(memmem(value, count, "user.probe", 11));
	assert_int_equal(client_clunk(&client, OTHER), 0);
	assert_int_equal(client_clunk(&client, NEW), 0);

	/* Too little came: nothing is set, and the clunk says so. */
	assert_int_equal(xattrcreate(NEW, "user.short", 6, 0), 0);
	assert_int_equal(put(NEW, 0, "abc"), 0);
	assert_int_equal(client_clunk(&client, NEW), EIO);
	assert_int_equal(getxattr(path, "user.short", value, sizeof(value)), -1);
	assert_int_equal(client_clunk(&client, NEW), EBADF);
	/* One that is there; with no value; removed. */
	assert_int_equal(xattrcreate(NEW, "user.test", 0, XATTR_CREATE), 0);
	assert_int_equal(client_clunk(&client, NEW), EEXIST);
	assert_int_equal(xattrcreate(NEW, "user.test", 0, 0), 0);
	assert_int_equal(client_clunk(&client, NEW), 0);
	assert_int_equal(getxattr(path, "user.test", value, sizeof(value)), 0);
	assert_int_equal(xattrcreate(NEW, "user.test", 0, XATTR_REPLACE), 0);
	assert_int_equal(client_clunk(&client, NEW), 0);
	assert_int_equal(getxattr(path, "user.test", value, sizeof(value)), -1);

	assert_int_equal(xattrcreate(NEW, "user.big", 65537, 0), E2BIG);
	assert_int_equal(client_clunk(&client, NEW), 0);
	assert_int_equal(xattrcreate(NEW, "", 1, 0), EINVAL);
	assert_int_equal(client_clunk(&client, NEW), 0);
	assert_int_equal(xattrcreate(NEW, "user.x", 1, 8), EINVAL);
}

/* Values under construction are bounded together. */
static void test_many_xattrs(void **state)
{
	unsigned n = 0;
	int error = 0;

	(void)state;
	while (!error && n < 500)
		error = xattrcreate(100 + n++, "user.x", P9_MAX_XATTR, 0);
	assert_int_equal(error, ENOSPC);
	assert_int_equal(n, P9_XATTR_BUDGET / P9_MAX_XATTR + 1);
	for (unsigned i = 0; i < n; i++)
		client_clunk(&client, 100 + i);
	assert_int_equal(xattrcreate(100, "user.x", P9_MAX_XATTR, 0), 0);
}

static int lock(uint32_t fid, uint8_t type, uint64_t start, uint64_t length)
{
	int error = ask(&client, P9_TLOCK, "414884s", fid, (uint32_t)type, 1u, start,
			length, 42u, "guest");

	/* What Rlock says, where there is one. */
	return error ? error : (int)answer(&client, 1);
}

static void test_locks(void **state)
{
	struct flock flock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 1
	};
	char id[16];
	int fd = openat(folder.fd, "hello", O_RDWR);

	(void)state;
	for (uint32_t fid = NEW; fid <= OTHER; fid++) {
		assert_int_equal(client_walk(&client, CLIENT_ROOT, fid, "hello"), 0);
		assert_int_equal(client_lopen(&client, fid, O9_RDWR), 0);
	}
	assert_int_equal(lock(NEW, 1, 0, 5), 0);
	assert_int_equal(lock(NEW, 1, 0, 5), 0);
	assert_int_equal(lock(OTHER, 0, 4, 1), 1); /* blocked */
	assert_int_equal(lock(OTHER, 0, 5, 0), 0);
	/* A program of the host sees it, and so does the guest see the host's. */
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &flock), -1);
	assert_int_equal(ask(&client, P9_TGETLOCK, "41884s", OTHER, 1u, (uint64_t)0,
			     (uint64_t)0, 42u, "guest"),
			 0);
	assert_int_equal(answer(&client, 1), 1);
	assert_int_equal(answer(&client, 8), 0);
	assert_int_equal(answer(&client, 8), 5);
	answer(&client, 4);
	answer_string(&client, id, sizeof(id));
	answer_end(&client);
	assert_string_equal(id, "guest");
	assert_int_equal(lock(NEW, 2, 0, 0), 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &flock), 0);
	assert_int_equal(lock(NEW, 1, 0, 5), 1);
	assert_int_equal(lock(NEW, 1, 0, 2), 0);
	/* With its fid it goes. */
	assert_int_equal(client_clunk(&client, NEW), 0);
	flock.l_start = 0;
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &flock), 0);
	close(fd);
	assert_int_equal(ask(&client, P9_TGETLOCK, "41884s", OTHER, 1u, (uint64_t)0,
			     (uint64_t)0, 42u, "guest"),
			 0);
	assert_int_equal(answer(&client, 1), 2); /* there is none */

	assert_int_equal(lock(OTHER, 3, 0, 0), EINVAL);
	assert_int_equal(lock(OTHER, 1, 1ull << 63, 0), EINVAL);
	assert_int_equal(lock(CLIENT_ROOT, 1, 0, 0), EBADF);
	/* An exclusive one on what is open for reading, as flock(2) allows. */
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "sub/deep/file"), 0);
	assert_int_equal(client_lopen(&client, NEW, 0), 0);
	assert_int_equal(lock(NEW, 1, 0, 0), 0);
}

/* Ranges that are locked by all descriptors of this process, as the kernel counts. */
static unsigned count_locks(void)
{
	char line[256], path[64];
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++) {
		FILE *info;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		info = fopen(path, "r");
		while (info && fgets(line, sizeof(line), info))
			n += !strncmp(line, "lock:", 5);
		if (info)
			fclose(info);
	}
	return n;
}

static void test_number_of_locks(void **state)
{
	unsigned seed = 1;
	uint32_t fid;

	(void)state;
	for (fid = NEW; fid <= NEW + 64; fid++) {
		assert_int_equal(client_walk(&client, CLIENT_ROOT, fid, "hello"), 0);
		assert_int_equal(client_lopen(&client, fid, O9_RDWR), 0);
	}
	/* What touches is one, what is apart is not; and there can be so many of them. */
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(lock(NEW, 1, i, 1), 0);
	assert_int_equal(client.p9->nr_ranges, 1);
	for (uint64_t i = 0; i < P9_MAX_RANGES - 1; i++)
		assert_int_equal(lock(NEW, 2, 2 * i + 1, 1), 0);
	assert_int_equal(lock(NEW, 2, 999, 1), 0);
	assert_int_equal(lock(NEW, 2, 501, 1), ENOLCK);
	assert_int_equal(client.p9->nr_ranges, P9_MAX_RANGES);
	assert_int_equal(count_locks(), P9_MAX_RANGES);
	assert_int_equal(lock(NEW, 2, 0, 0), 0);
	assert_int_equal(count_locks(), 0);
	/* We count as the kernel does, whatever overlaps, and whoever has another. */
	assert_int_equal(lock(OTHER, 1, 30, 2), 0);
	for (unsigned i = 0; i < 5000; i++) {
		const uint64_t start = (uint64_t)rand_r(&seed) % 60;
		const uint64_t length = (uint64_t)rand_r(&seed) % 12;
		const int result =
			lock(NEW, (uint8_t)((unsigned)rand_r(&seed) % 3), start, length);

		assert_true(result == 0 || result == 1 || result == ENOLCK);
		if (i % 100 == 0)
			assert_int_equal(client.p9->nr_ranges, count_locks());
	}
	assert_int_equal(client.p9->nr_ranges, count_locks());
	for (fid = NEW; fid <= OTHER; fid++)
		assert_int_equal(lock(fid, 2, 0, 0), 0);
	/* All files together. */
	for (fid = NEW; fid < NEW + 64; fid++) {
		for (uint64_t i = 0; i < P9_MAX_RANGES; i++)
			assert_int_equal(lock(fid, 0, 2 * i, 1), 0);
	}
	assert_int_equal(lock(NEW + 64, 0, 0, 1), ENOLCK);
	assert_int_equal(client_clunk(&client, NEW), 0);
	assert_int_equal(lock(NEW + 64, 0, 0, 1), 0);
	assert_int_equal(client.p9->nr_ranges, count_locks());
}

/* They would keep the host's programs from writing. */
static void test_no_locks_of_readers(void **state)
{
	struct flock flock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(folder.fd, "hello", O_RDWR);

	(void)state;
	client.share.writable = false;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "hello"), 0);
	assert_int_equal(client_lopen(&client, NEW, 0), 0);
	assert_int_equal(lock(NEW, 0, 0, 0), 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &flock), 0);
	assert_int_equal(lock(NEW, 1, 0, 0), 0);
	assert_int_equal(ask(&client, P9_TGETLOCK, "41884s", NEW, 1u, (uint64_t)0,
			     (uint64_t)0, 42u, "guest"),
			 0);
	assert_int_equal(answer(&client, 1), 2);
	close(fd);
}

/* Who reads does not make the host write to its disk; who writes is told how that went. */
static int fsync_in_child(const struct scratch *scratch)
{
	int writable, read_only;

	(void)scratch;
	refuse_syscall(SYS_fsync, EIO);
	writable = ask(&client, P9_TFSYNC, "44", NEW, 0u);
	client.share.writable = false;
	read_only = ask(&client, P9_TFSYNC, "44", NEW, 0u);
	return writable == EIO && read_only == 0 ? 0 : 1;
}

static void test_fsync(void **state)
{
	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "hello"), 0);
	assert_int_equal(client_lopen(&client, NEW, 0), 0);
	assert_int_equal(in_child(fsync_in_child, NULL), 0);
}

/* As somebody who is not root: nobody else shall become us by what the guest makes. */
static int set_ids_in_child(const struct scratch *scratch)
{
	struct client mine;

	(void)scratch;
	if (geteuid() == 0 &&
	    (setresgid(65000, 65000, 65000) || setresuid(65001, 65001, 65001)))
		return 1;
	client_open(&mine, folder.path, true);
	if (client_walk(&mine, CLIENT_ROOT, NEW, "") ||
	    ask(&mine, P9_TLCREATE, "4s444", NEW, "made", 1u, 06755u, getegid()) ||
	    ask(&mine, P9_TMKNOD, "4s4444", CLIENT_ROOT, "node", 0106755u, 0u, 0u,
		getegid()) ||
	    ask(&mine, P9_TMKDIR, "4s44", CLIENT_ROOT, "dir", 02755u, getegid()))
		return 2;
	if (stat_of("made").st_mode != 0100755 || stat_of("node").st_mode != 0100755 ||
	    stat_of("dir").st_mode != 042755)
		return 3;
	if (ask(&mine, P9_TSETATTR, "4444488888", NEW, 1u, 06711u, 0u, 0u, (uint64_t)0,
		(uint64_t)0, (uint64_t)0, (uint64_t)0, (uint64_t)0))
		return 4;
	return stat_of("made").st_mode == 0100711 ? 0 : 5;
}

static void test_set_user_id(void **state)
{
	(void)state;
	assert_int_equal(fchmod(folder.fd, 0777), 0);
	assert_int_equal(in_child(set_ids_in_child, NULL), 0);
}

/* Where the host has no new name of a node, the tree has none that is old. */
static void test_rename_over_another(void **state)
{
	struct client_attr attr;

	(void)state;
	client_close(&client);
	client_open_bare(&client, folder.path, true, (struct p9_limits){ 1000, 4 });
	assert_int_equal(client_version(&client, P9_MAX_MSIZE), 0);
	assert_int_equal(client_attach(&client, CLIENT_ROOT, P9_NONUNAME), 0);
	folder_write(&folder, "a", "a", 1);
	folder_write(&folder, "b", "b", 1);
	folder_write(&folder, "c", "c", 1);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, NEW, "b"), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "a"), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 30, "hello"), 0);
	assert_int_equal(renameat(folder.fd, "c", folder.fd, "b"), 0);
	assert_int_equal(renameat9(CLIENT_ROOT, "a", CLIENT_ROOT, "b"), 0);
	assert_int_equal(client.p9->nodes.count, 2); /* b and hello */
	assert_int_equal(client_getattr(&client, NEW, &attr), ESTALE);
	assert_int_equal(client_getattr(&client, OTHER, &attr), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create_and_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_goes_where_it_says, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_large_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mkdir, setup, teardown),
		cmocka_unit_test_setup_teardown(test_symlink_and_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mknod, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unlink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unlinked_while_in_use, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_setattr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owners, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rename, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rename_above_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rename_into_what_was_below, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_xattr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_xattrs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_number_of_locks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_locks_of_readers, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_fsync, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set_user_id, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rename_over_another, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
