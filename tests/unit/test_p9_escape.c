/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 9P server keeps the guest in its folder: attempts to leave it, each beside
 * something allowed that looks alike and works. Beside the share lies a file "secret"; a file
 * of that name within it says "inside".
 */
#include "block_test.h"
#include "p9_client.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/socket.h>

#define FID   20u
#define OTHER 21u

static struct folder outside, share;
static struct client client;

static void open_share(struct p9_limits limits)
{
	client_open_bare(&client, share.path, true, limits);
	assert_int_equal(client_version(&client, P9_MAX_MSIZE), 0);
	assert_int_equal(client_attach(&client, CLIENT_ROOT, P9_NONUNAME), 0);
}

static int make_folders(void **state)
{
	(void)state;
	outside = folder_make();
	folder_write(&outside, "secret", "outside", 7);
	assert_int_equal(mkdirat(outside.fd, "share", 0755), 0);
	snprintf(share.path, sizeof(share.path), "%.48s/share", outside.path);
	share.fd = openat(outside.fd, "share", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(share.fd >= 0);
	folder_write(&share, "hello", "hello", 5);
	assert_int_equal(mkdirat(share.fd, "sub", 0755), 0);
	folder_write(&share, "sub/secret", "inside", 6);
	return 0;
}

static int setup(void **state)
{
	make_folders(state);
	open_share((struct p9_limits){ 1000, 256 });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_string_equal(folder_read(&outside, "secret"), "outside");
	client_close(&client);
	close(share.fd);
	folder_remove(&outside);
	return 0;
}

static void test_dot_dot(void **state)
{
	struct client_qid root, up;

	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, "sub/.."), 0);
	answer_qid(&client);
	root = answer_qid(&client);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, ".."), 0);
	up = answer_qid(&client);
	assert_int_equal(up.path, root.path);
	assert_null(client_contents(&client, "../secret"));
	assert_null(client_contents(&client, "sub/../../secret"));
	assert_null(client_contents(&client, "sub/../../share/sub/secret"));
	assert_string_equal(client_contents(&client, "sub/../../sub/secret"), "inside");
}

/* A folder that the host moves out: what the guest finds above it is still its root. */
static void test_dot_dot_of_what_was_moved_out(void **state)
{
	(void)state;
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, "sub"), 0);
	assert_int_equal(renameat(share.fd, "sub", outside.fd, "sub"), 0);
	assert_int_equal(client_walk(&client, FID, OTHER, "../hello"), 0);
	assert_int_equal(client_walk(&client, FID, 30, "../secret"), ENOENT);
}

/* A name in a folder that leads nowhere but to itself. */
static void check_link(const char *name)
{
	char below[64];

	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, name), 0);
	assert_int_equal(answer_qid(&client).type, P9_QTSYMLINK);
	assert_int_equal(ask(&client, P9_TREADLINK, "4", FID), 0);
	for (unsigned flags = 0; flags < 3; flags++)
		assert_int_equal(client_lopen(&client, FID, flags), ELOOP);
	assert_int_equal(ask(&client, P9_TSETATTR, "4444488888", FID, 8u, 0u, 0u, 0u,
			     (uint64_t)0, (uint64_t)0, (uint64_t)0, (uint64_t)0,
			     (uint64_t)0),
			 EINVAL);
	assert_int_equal(ask(&client, P9_TMKDIR, "4s44", FID, "x", 0777u, 0u), ENOTDIR);
	assert_int_equal(client_clunk(&client, FID), 0);
	snprintf(below, sizeof(below), "%s/secret", name);
	assert_null(client_contents(&client, below));
	/* To create it is not to create what it leads to. */
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, ""), 0);
	assert_int_equal(ask(&client, P9_TLCREATE, "4s444", FID, name, 01001u, 0644u, 0u),
			 ELOOP);
	assert_int_equal(client_clunk(&client, FID), 0);
	/* A second name for it is one for the link. */
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, name), 0);
	assert_int_equal(ask(&client, P9_TLINK, "44s", CLIENT_ROOT, FID, "again"), 0);
	assert_int_equal(client_clunk(&client, FID), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, "again"), 0);
	assert_int_equal(answer_qid(&client).type, P9_QTSYMLINK);
	assert_int_equal(client_clunk(&client, FID), 0);
	assert_int_equal(unlinkat(share.fd, "again", 0), 0);
	assert_string_equal(client_contents(&client, "sub/secret"), "inside");
}

static const char *const targets[] = { "../secret", "..",        "/etc/passwd",    "/",
				       "../absent", "sub/../..", "/proc/self/root" };
#define NR_TARGETS (sizeof(targets) / sizeof(targets[0]))

static void test_links_of_the_host(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NR_TARGETS; i++) {
		assert_int_equal(symlinkat(targets[i], share.fd, "link"), 0);
		check_link("link");
		assert_int_equal(unlinkat(share.fd, "link", 0), 0);
	}
	assert_false(folder_has(&outside, "absent"));
}

static void test_links_of_the_guest(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NR_TARGETS; i++) {
		assert_int_equal(ask(&client, P9_TSYMLINK, "4ss4", CLIENT_ROOT, "link",
				     targets[i], 0u),
				 0);
		check_link("link");
		assert_int_equal(
			ask(&client, P9_TUNLINKAT, "4s4", CLIENT_ROOT, "link", 0u), 0);
	}
	assert_false(folder_has(&outside, "absent"));
}

/* Every request that takes a name, with one that it shall not take. */
static void refuse_name(const char *name, int walk, int other)
{
	const uint32_t root = CLIENT_ROOT;

	assert_int_equal(ask(&client, P9_TWALK, "442s", root, FID, 1u, name), walk);
	assert_int_equal(ask(&client, P9_TLCREATE, "4s444", root, name, 1u, 0644u, 0u),
			 other);
	assert_int_equal(ask(&client, P9_TMKDIR, "4s44", root, name, 0755u, 0u), other);
	assert_int_equal(ask(&client, P9_TSYMLINK, "4ss4", root, name, "x", 0u), other);
	assert_int_equal(
		ask(&client, P9_TMKNOD, "4s4444", root, name, 0100644u, 0u, 0u, 0u),
		other);
	assert_int_equal(ask(&client, P9_TUNLINKAT, "4s4", root, name, 0u), other);
	assert_int_equal(ask(&client, P9_TUNLINKAT, "4s4", root, name, 0x200u), other);
	assert_int_equal(ask(&client, P9_TRENAMEAT, "4s4s", root, name, root, "new"),
			 other);
	assert_int_equal(ask(&client, P9_TRENAMEAT, "4s4s", root, "hello", root, name),
			 other);
	assert_int_equal(client_walk(&client, root, OTHER, "hello"), 0);
	assert_int_equal(ask(&client, P9_TRENAME, "44s", OTHER, root, name), other);
	assert_int_equal(ask(&client, P9_TLINK, "44s", root, OTHER, name), other);
	assert_int_equal(client_clunk(&client, OTHER), 0);
	assert_true(folder_has(&share, "hello"));
}

static void test_names(void **state)
{
	char name[257];

	(void)state;
	refuse_name("../secret", EINVAL, EINVAL);
	refuse_name("sub/secret", EINVAL, EINVAL);
	refuse_name("/", EINVAL, EINVAL);
	refuse_name("hello/", EINVAL, EINVAL);
	refuse_name(".", EINVAL, EINVAL);
	refuse_name("", ENOENT, ENOENT);
	memset(name, 'x', 256);
	name[256] = '\0';
	refuse_name(name, ENAMETOOLONG, ENAMETOOLONG);
	name[255] = '\0';
	assert_int_equal(ask(&client, P9_TMKDIR, "4s44", CLIENT_ROOT, name, 0755u, 0u),
			 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, name), 0);
	assert_true(folder_has(&share, name));
	/* For a walk it is a way, for others no name. */
	assert_int_equal(client_clunk(&client, FID), 0);
	refuse_name("..", 0, EINVAL);
}

/* "hello", a NUL, and more: not what a C string would make of it. */
static void test_name_with_a_nul(void **state)
{
	static const char tail[] = "hello\0x";
	size_t size;

	(void)state;
	assert_int_equal(ask(&client, P9_TUNLINKAT, "4s4", CLIENT_ROOT, "helloXx", 0u),
			 ENOENT);
	size = client.out[0];
	memcpy(client.out + P9_HEADER_SIZE + 6, tail, 7);
	client_send(&client, size, client.msize);
	assert_int_equal(client_result(&client, P9_TUNLINKAT), EINVAL);
	assert_true(folder_has(&share, "hello"));
}

struct swapper {
	pthread_t thread;
	int fd;
	bool stop; /* atomic */
	unsigned long swaps;
};

static void *swap(void *opaque)
{
	struct swapper *swapper = opaque;

	while (!__atomic_load_n(&swapper->stop, __ATOMIC_RELAXED)) {
		if (syscall(SYS_renameat2, swapper->fd, "dir", swapper->fd, "evil", 2u))
			break; /* RENAME_EXCHANGE; another number would be no swap */
		swapper->swaps++;
	}
	return NULL;
}

/*
 * "dir" is a folder of the share in one moment, and a link out of it in the next, while the
 * guest walks, opens and creates there. The few descriptors have the tree opened anew by
 * names each time.
 */
static void test_folder_becomes_a_link(void **state)
{
	struct swapper swapper = { .fd = share.fd };
	unsigned found = 0, missed = 0;
	char name[32];

	(void)state;
	client_close(&client);
	open_share((struct p9_limits){ 1000, 4 });
	assert_int_equal(mkdirat(share.fd, "dir", 0755), 0);
	folder_write(&share, "dir/secret", "inside", 6);
	assert_int_equal(symlinkat(outside.path, share.fd, "evil"), 0);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, 40, "dir/secret"), 0);
	assert_int_equal(pthread_create(&swapper.thread, NULL, swap, &swapper), 0);
	for (unsigned i = 0; i < 20000 || ((!found || !missed) && i < 1000000); i++) {
		const char *text = client_contents(&client, "dir/secret");
		struct client_attr attr;

		if (text)
			assert_string_equal(text, "inside");
		*(text ? &found : &missed) += 1;
		/* One that was found before, whose descriptor is used up. */
		(void)client_contents(&client, "sub/secret");
		if (client_getattr(&client, 40, &attr) == 0)
			assert_int_equal(attr.size, 6);
		if (i % 64 == 0 && client_walk(&client, CLIENT_ROOT, FID, "dir") == 0) {
			snprintf(name, sizeof(name), "new%u", i);
			(void)ask(&client, P9_TLCREATE, "4s444", FID, name, 1u, 0644u,
				  0u);
			assert_false(folder_has(&outside, name));
			client_clunk(&client, FID);
		}
	}
	__atomic_store_n(&swapper.stop, true, __ATOMIC_RELAXED);
	pthread_join(swapper.thread, NULL);
	assert_true(swapper.swaps > 0 && found && missed);
}

/* /proc has links that lead where no name does. */
static void test_magic_links(void **state)
{
	static const char *const links[] = { "root", "cwd", "exe" };
	struct client proc;
	char path[64];

	(void)state;
	client_open(&proc, "/proc/self", false);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(client_walk(&proc, CLIENT_ROOT, FID, links[i]), 0);
		assert_int_equal(answer_qid(&proc).type, P9_QTSYMLINK);
		assert_int_equal(client_lopen(&proc, FID, 0), ELOOP);
		assert_int_equal(client_clunk(&proc, FID), 0);
		snprintf(path, sizeof(path), "%s/etc", links[i]);
		assert_int_equal(client_walk(&proc, CLIENT_ROOT, FID, path), ENOENT);
	}
	snprintf(path, sizeof(path), "fd/%d", outside.fd);
	assert_int_equal(client_walk(&proc, CLIENT_ROOT, FID, path), 0);
	assert_int_equal(client_lopen(&proc, FID, 0), ELOOP);
	assert_int_equal(client_walk(&proc, FID, OTHER, "secret"), ENOTDIR);
	assert_non_null(strstr(client_contents(&proc, "status"), "Name:"));
	assert_string_equal(client_contents(&proc, "attr/../comm"),
			    client_contents(&proc, "comm"));
	client_close(&proc);
}

/* In a share of all that there is, what the kernel shows as files can only be looked at. */
static void test_files_of_the_kernel(void **state)
{
	static const char *const files[] = { "proc/self/mem", "proc/self/environ",
					     "proc/version", "sys/kernel/uevent_seqnum" };
	struct client all;
	struct client_attr attr;
	char path[128];

	(void)state;
	for (unsigned writable = 0; writable < 2; writable++) {
		client_open(&all, "/", writable);
		for (unsigned i = 0; i < 4; i++) {
			/* The guest would follow "self". */
			if (i < 2)
				snprintf(path, sizeof(path), "proc/%d/%s", getpid(),
					 files[i] + strlen("proc/self/"));
			else
				snprintf(path, sizeof(path), "%s", files[i]);
			if (client_walk(&all, CLIENT_ROOT, FID, path))
				continue; /* not on this host */
			assert_int_equal(client_getattr(&all, FID, &attr), 0);
			assert_int_equal(client_lopen(&all, FID, 0), EACCES);
			assert_int_equal(client_lopen(&all, FID, 2), EROFS);
			assert_int_equal(ask(&all, P9_TSETATTR, "4444488888", FID, 1u,
					     attr.mode, 0u, 0u, (uint64_t)0, (uint64_t)0,
					     (uint64_t)0, (uint64_t)0, (uint64_t)0),
					 EROFS);
			assert_int_equal(client_clunk(&all, FID), 0);
		}
		assert_int_equal(client_walk(&all, CLIENT_ROOT, FID, "proc"), 0);
		assert_int_equal(client_lopen(&all, FID, 0), 0);
		assert_int_equal(ask(&all, P9_TREADDIR, "484", FID, (uint64_t)0, 4096u),
				 0);
		assert_true(answer(&all, 4) > 100);
		snprintf(path, sizeof(path), "%s/sub/secret", share.path + 1);
		assert_string_equal(client_contents(&all, path), "inside");
		client_close(&all);
	}
}

/*
 * In a namespace of our own: what is mounted below the kernel's files is none of the
 * guest's either; and a file of an overlay, which can have another device number than its
 * folder, is one as any.
 */
static int mounts_in_child(const struct scratch *scratch)
{
	struct client mine;
	char options[256];

	(void)scratch;
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    chdir(share.path) || mkdir("p", 0755) || mkdir("low", 0755) ||
	    mkdir("high", 0755) || mkdir("all", 0755) ||
	    mount("proc", "p", "proc", 0, NULL) ||
	    mount("none", "p/fs", "tmpfs", 0, NULL) || mkdir("p/fs/d", 0755) ||
	    mount("none", "low", "tmpfs", 0, NULL) ||
	    mount("none", "high", "tmpfs", 0, NULL) || mkdir("high/up", 0755) ||
	    mkdir("high/work", 0755) || mkdir("low/d", 0755))
		return 77;
	snprintf(options, sizeof(options),
		 "lowerdir=low,upperdir=high/up,workdir=high/work,xino=off");
	if (mount("none", "all", "overlay", 0, options))
		return 77;
	client_open(&mine, share.path, true);
	if (client_walk(&mine, CLIENT_ROOT, FID, "p/fs/d") ||
	    ask(&mine, P9_TMKDIR, "4s44", FID, "x", 0755u, 0u) != EROFS)
		return 1;
	if (client_walk(&mine, CLIENT_ROOT, OTHER, "all/d") ||
	    ask(&mine, P9_TLCREATE, "4s444", OTHER, "new", 2u, 0644u, 0u) ||
	    ask(&mine, P9_TWRITE, "48D", OTHER, (uint64_t)0, "text", 4u) ||
	    ask(&mine, P9_TSETATTR, "4444488888", OTHER, 1u, 0600u, 0u, 0u, (uint64_t)0,
		(uint64_t)0, (uint64_t)0, (uint64_t)0, (uint64_t)0))
		return 2;
	return client_contents(&mine, "all/d/new") ? 0 : 3;
}

static void test_mounts(void **state)
{
	int status;

	(void)state;
	status = in_child(mounts_in_child, NULL);
	if (status == 77)
		skip(); /* not root, or not of all of this machine */
	assert_int_equal(status, 0);
}

/* The same number of an inode in two file systems is two qids. */
static void test_two_file_systems(void **state)
{
	static const char *const roots[] = { "proc", "sys", "dev/shm", "dev", "tmp" };
	uint64_t paths[5];
	struct client all;
	struct stat st;

	(void)state;
	client_open(&all, "/", false);
	assert_int_equal(stat("/", &st), 0);
	assert_int_equal(client_walk(&all, CLIENT_ROOT, FID, ".."), 0);
	assert_int_equal(answer_qid(&all).path, st.st_ino);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(client_walk(&all, CLIENT_ROOT, 30 + i, roots[i]), 0);
		if (strchr(roots[i], '/'))
			answer_qid(&all);
		paths[i] = answer_qid(&all).path;
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(paths[k], paths[i]);
	}
	client_close(&all);
}

static void test_hard_links(void **state)
{
	(void)state;
	/* What the host puts there is there, by whichever name it has elsewhere. */
	assert_int_equal(linkat(outside.fd, "secret", share.fd, "name", 0), 0);
	assert_string_equal(client_contents(&client, "name"), "outside");
	assert_int_equal(ask(&client, P9_TUNLINKAT, "4s4", CLIENT_ROOT, "name", 0u), 0);
	assert_true(folder_has(&outside, "secret"));
	/* Folders have no second name. */
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, "sub"), 0);
	assert_int_equal(ask(&client, P9_TLINK, "44s", CLIENT_ROOT, FID, "name"), EPERM);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, OTHER, "hello"), 0);
	assert_int_equal(ask(&client, P9_TLINK, "44s", CLIENT_ROOT, OTHER, "name"), 0);
	assert_string_equal(client_contents(&client, "name"), "hello");
}

static void refuse_special(struct client *who, const char *name)
{
	struct client_attr attr;

	assert_int_equal(client_walk(who, CLIENT_ROOT, FID, name), 0);
	assert_int_equal(client_getattr(who, FID, &attr), 0);
	for (unsigned flags = 0; flags < 3; flags++)
		assert_int_equal(client_lopen(who, FID, flags), ENXIO);
	assert_int_equal(client_lopen(who, FID, 01002), ENXIO);
	assert_int_equal(client_clunk(who, FID), 0);
}

/* Nobody has opened the other end of the FIFO, and nothing waits for that. */
static void test_special_files(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct client dev;
	int listener;

	(void)state;
	assert_int_equal(mkfifoat(share.fd, "fifo", 0666), 0);
	refuse_special(&client, "fifo");
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", share.path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	refuse_special(&client, "socket");
	close(listener);
	assert_int_equal(client_walk(&client, CLIENT_ROOT, FID, "fifo"), 0);
	assert_int_equal(ask(&client, P9_TSETATTR, "4444488888", FID, 8u, 0u, 0u, 0u,
			     (uint64_t)0, (uint64_t)0, (uint64_t)0, (uint64_t)0,
			     (uint64_t)0),
			 EINVAL);
	assert_int_equal(client_clunk(&client, FID), 0);

	client_open(&dev, "/dev", true);
	refuse_special(&dev, "null");
	refuse_special(&dev, "zero");
	refuse_special(&dev, "tty");
	client_close(&dev);
	assert_string_equal(client_contents(&client, "hello"), "hello");
}

/* All that would change something, on a share that cannot be written. */
static void test_read_only(void **state)
{
	const uint32_t root = CLIENT_ROOT, hello = 30, sub = 31, file = 32;
	struct stat before, after;
	struct client ro;

	(void)state;
	client_open(&ro, share.path, false);
	assert_int_equal(client_walk(&ro, root, hello, "hello"), 0);
	assert_int_equal(client_walk(&ro, root, sub, "sub"), 0);
	assert_int_equal(client_walk(&ro, root, file, "sub/secret"), 0);
	assert_int_equal(client_lopen(&ro, file, 0), 0);
	assert_int_equal(fstatat(share.fd, "hello", &before, 0), 0);

	assert_int_equal(client_lopen(&ro, hello, 1), EROFS);
	assert_int_equal(client_lopen(&ro, hello, 2), EROFS);
	assert_int_equal(client_lopen(&ro, hello, 3), EROFS);
	assert_int_equal(client_lopen(&ro, hello, 01000), EROFS);
	assert_int_equal(ask(&ro, P9_TWRITE, "48D", file, (uint64_t)0, "x", 1u), EROFS);
	assert_int_equal(ask(&ro, P9_TLCREATE, "4s444", sub, "x", 0u, 0644u, 0u), EROFS);
	assert_int_equal(ask(&ro, P9_TSYMLINK, "4ss4", sub, "x", "y", 0u), EROFS);
	assert_int_equal(ask(&ro, P9_TMKNOD, "4s4444", sub, "x", 0100644u, 0u, 0u, 0u),
			 EROFS);
	assert_int_equal(ask(&ro, P9_TMKDIR, "4s44", sub, "x", 0755u, 0u), EROFS);
	assert_int_equal(ask(&ro, P9_TLINK, "44s", sub, hello, "x"), EROFS);
	assert_int_equal(ask(&ro, P9_TRENAME, "44s", hello, sub, "x"), EROFS);
	assert_int_equal(ask(&ro, P9_TRENAMEAT, "4s4s", root, "hello", sub, "x"), EROFS);
	assert_int_equal(ask(&ro, P9_TUNLINKAT, "4s4", root, "hello", 0u), EROFS);
	for (uint32_t bit = 1; bit <= 0x100; bit <<= 1)
		assert_int_equal(ask(&ro, P9_TSETATTR, "4444488888", hello, bit, 0600u,
				     0u, 0u, (uint64_t)0, (uint64_t)0, (uint64_t)0,
				     (uint64_t)0, (uint64_t)0),
				 EROFS);
	assert_int_equal(
		ask(&ro, P9_TXATTRCREATE, "4s84", hello, "user.x", (uint64_t)0, 0u),
		EROFS);
	assert_int_equal(ask(&ro, P9_TREMOVE, "4", hello), EROFS);
	assert_int_equal(client_clunk(&ro, hello), EBADF); /* that it did */

	assert_int_equal(fstatat(share.fd, "hello", &after, 0), 0);
	assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
	assert_false(folder_has(&share, "sub/x"));
	assert_string_equal(client_contents(&ro, "sub/secret"), "inside");
	client_close(&ro);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dot_dot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dot_dot_of_what_was_moved_out, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_links_of_the_host, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_of_the_guest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_with_a_nul, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folder_becomes_a_link, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_magic_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_of_the_kernel, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_mounts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_file_systems, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hard_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_special_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
