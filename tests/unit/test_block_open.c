/* SPDX-License-Identifier: BSD-2-Clause */
/* Which files become disks, with which sizes, and who is kept out. */
#include "block_test.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct loop loop;
static struct err err;

static int setup(void **state)
{
	(void)state;
	return loop_init(&loop, &err);
}

static int teardown(void **state)
{
	(void)state;
	loop_destroy(&loop);
	return 0;
}

static struct block *open_with(struct config_disk disk)
{
	return block_open(&disk, &loop, &err);
}

static struct block *open_scratch(const struct scratch *scratch)
{
	return open_with((struct config_disk){ .path = scratch->path });
}

/* It is refused, and the message has the name and these words. */
static void assert_refused(struct config_disk disk, const char *words)
{
	struct block *block = block_open(&disk, &loop, &err);

	assert_null(block);
	assert_non_null(strstr(err.text, disk.path));
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void test_size(void **state)
{
	struct scratch scratch = scratch_make(1 << 20);
	struct block *block = open_scratch(&scratch);

	(void)state;
	assert_non_null(block);
	assert_int_equal(block_info(block)->size, 1 << 20);
	assert_int_equal(block_info(block)->logical_block_size, 512);
	assert_int_equal(block_info(block)->physical_block_size, 4096);
	assert_false(block_info(block)->read_only);
	assert_true(block_info(block)->can_write_zeroes);
	block_close(block);
	unlink(scratch.path);
}

/* Opening must not change a byte, whatever it tries out. */
static void test_opening_changes_nothing(void **state)
{
	static const off_t sizes[] = { 512,           4096,    (1 << 20) - 100,
				       (1 << 20) + 7, 1 << 20, 3 << 20 };
	static char before[3 << 20], after[3 << 20];

	(void)state;
	memset(before, 0x5a, sizeof(before));
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct scratch scratch = scratch_make(0);
		struct block *block;
		struct stat st;

		scratch_write(&scratch, 0, before, (size_t)sizes[i]);
		block = open_scratch(&scratch);
		assert_non_null(block);
		block_close(block);
		scratch_read(&scratch, 0, after, (size_t)sizes[i]);
		assert_memory_equal(before, after, (size_t)sizes[i]);
		assert_int_equal(stat(scratch.path, &st), 0);
		assert_int_equal(st.st_size, sizes[i]);
		unlink(scratch.path);
	}
}

static void test_odd_sizes_are_rounded_down(void **state)
{
	struct scratch scratch = scratch_make(10000);
	struct block *block = open_scratch(&scratch);

	(void)state;
	assert_non_null(block);
	assert_int_equal(block_info(block)->size, 19 * 512);
	block_close(block);
	block = open_with(
		(struct config_disk){ .path = scratch.path, .block_size = 4096 });
	assert_non_null(block);
	assert_int_equal(block_info(block)->size, 8192);
	assert_int_equal(block_info(block)->logical_block_size, 4096);
	block_close(block);
	unlink(scratch.path);
}

static void test_wrong_block_sizes(void **state)
{
	static const unsigned sizes[] = { 1, 256, 511, 513, 3072, 8192, 1u << 31 };
	struct scratch scratch = scratch_make(1 << 20);

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_refused((struct config_disk){ .path = scratch.path,
						     .block_size = sizes[i] },
			       "512, 1024, 2048 or 4096");
	unlink(scratch.path);
}

static void test_files_that_are_no_disks(void **state)
{
	struct scratch empty = scratch_make(0), tiny = scratch_make(511);
	struct scratch name = scratch_make(0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_refused((struct config_disk){ .path = empty.path }, "empty");
	assert_refused((struct config_disk){ .path = tiny.path }, "511 bytes");
	assert_refused((struct config_disk){ .path = "/tmp" }, "folder");
	assert_refused((struct config_disk){ .path = "/tmp", .read_only = true },
		       "folder");
	assert_refused((struct config_disk){ .path = "/dev/zero" }, "no regular file");
	assert_refused((struct config_disk){ .path = "/nowhere/disk" },
		       "No such file or directory");
	unlink(name.path);
	/* A FIFO without a writer: it must not hang us either. */
	assert_int_equal(mkfifo(name.path, 0600), 0);
	assert_refused((struct config_disk){ .path = name.path, .read_only = true },
		       "no regular file");
	unlink(name.path);
	memcpy(address.sun_path, name.path, sizeof(name.path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_refused((struct config_disk){ .path = name.path }, "no regular file");
	close(fd);
	unlink(name.path);
	unlink(empty.path);
	unlink(tiny.path);
}

static int open_unwritable(const struct scratch *scratch)
{
	const struct config_disk disk = { .path = scratch->path };
	const struct config_disk ro = { .path = scratch->path, .read_only = true };
	struct block *block;

	/* Root may write to all files. */
	if (geteuid() == 0 && (setegid(65534) || seteuid(65534)))
		return 1;
	if (block_open(&disk, &loop, &err))
		return 2;
	if (!strstr(err.text, "can only be read (say \"ro\""))
		return 3;
	block = block_open(&ro, &loop, &err);
	if (!block || !block_info(block)->read_only)
		return 4;
	block_close(block);
	return 0;
}

static void test_a_file_that_can_only_be_read(void **state)
{
	struct scratch scratch = scratch_make(1 << 20);

	(void)state;
	assert_int_equal(chmod(scratch.path, 0444), 0);
	assert_int_equal(in_child(open_unwritable, &scratch), 0);
	unlink(scratch.path);
}

static void test_other_formats_are_refused(void **state)
{
	static const struct {
		const char *magic;
		unsigned offset, size;
		const char *words;
	} formats[] = {
		{ "QFI\xfb\0\0\0\3", 0, 8, "convert -f qcow2 -O raw" },
		{ "QED", 0, 4, "convert -f qed " },
		{ "KDMV", 0, 4, "convert -f vmdk " },
		{ "COWD", 0, 4, "VMDK" },
		{ "# Disk DescriptorFile\n", 0, 22, "VMDK" },
		{ "vhdxfile", 0, 8, "convert -f vhdx " },
		{ "conectix", 0, 8, "convert -f vpc " },
		{ "\x7f\x10\xda\xbe", 64, 4, "convert -f vdi " },
		{ "WithoutFreeSpace", 0, 16, "Parallels" },
		{ "WithouFreSpacExt", 0, 16, "Parallels" },
		{ "Bochs Virtual HD Image", 0, 22, "Bochs" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct scratch scratch = scratch_make(1 << 20);
		struct block *block;

		scratch_write(&scratch, formats[i].offset, formats[i].magic,
			      formats[i].size);
		assert_refused((struct config_disk){ .path = scratch.path },
			       formats[i].words);
		assert_refused(
			(struct config_disk){ .path = scratch.path, .read_only = true },
			"format=raw");
		block = open_with(
			(struct config_disk){ .path = scratch.path, .format_raw = true });
		assert_non_null(block);
		block_close(block);
		unlink(scratch.path);
	}
}

static void test_short_files_have_no_format(void **state)
{
	struct scratch scratch = scratch_make(512);
	struct block *block;

	(void)state;
	/* Nearly, and in the wrong place. */
	scratch_write(&scratch, 0, "QFI\xfa", 4);
	scratch_write(&scratch, 100, "QFI\xfb", 4);
	block = open_scratch(&scratch);
	assert_non_null(block);
	block_close(block);
	unlink(scratch.path);
}

static void test_locks(void **state)
{
	struct scratch scratch = scratch_make(1 << 20);
	const struct config_disk rw = { .path = scratch.path };
	const struct config_disk ro = { .path = scratch.path, .read_only = true };
	struct block *first, *second;

	(void)state;
	first = open_with(rw);
	assert_non_null(first);
	assert_refused(rw, "another program, or another disk of this one, uses it");
	assert_refused(ro, "another program, or another disk of this one, writes to it");
	block_close(first);
	/* Readers share it. */
	first = open_with(ro);
	second = open_with(ro);
	assert_non_null(first);
	assert_non_null(second);
	assert_refused(rw, "uses it");
	block_close(first);
	assert_refused(rw, "uses it");
	block_close(second);
	first = open_with(rw);
	assert_non_null(first);
	block_close(first);
	unlink(scratch.path);
}

/* QEMU locks single bytes from 100 on. */
static void test_locks_of_other_programs(void **state)
{
	struct scratch scratch = scratch_make(1 << 20);
	struct flock lock = { .l_type = F_RDLCK, .l_start = 101, .l_len = 1 };
	int fd = open(scratch.path, O_RDWR);

	(void)state;
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	assert_refused((struct config_disk){ .path = scratch.path }, "uses it");
	close(fd);
	unlink(scratch.path);
}

static int open_without_io_uring(const struct scratch *scratch)
{
	struct config_disk disk = { .path = scratch->path };
	struct block *block;

	refuse_syscall(SYS_io_uring_setup, EPERM);
	disk.engine = BLOCK_ENGINE_IO_URING;
	if (block_open(&disk, &loop, &err) || !strstr(err.text, "aio=io_uring"))
		return 1;
	disk.engine = BLOCK_ENGINE_AUTO;
	block = block_open(&disk, &loop, &err);
	if (!block)
		return 2;
	block_close(block);
	return 0;
}

static void test_no_io_uring(void **state)
{
	struct scratch scratch = scratch_make(1 << 20);

	(void)state;
	need_refuse_syscall();
	assert_int_equal(in_child(open_without_io_uring, &scratch), 0);
	unlink(scratch.path);
}

/* With few descriptors opening works or fails, and leaves none behind. */
static int open_with_few_descriptors(const struct scratch *scratch)
{
	const struct config_disk disk = { .path = scratch->path };
	int lowest = dup(0), opened = 0;

	close(lowest);
	for (int n = 0; n < 8; n++) {
		const struct rlimit limit = { (rlim_t)(lowest + n), 64 };
		struct block *block;

		if (setrlimit(RLIMIT_NOFILE, &limit))
			return 1;
		block = block_open(&disk, &loop, &err);
		if (!block && !err.text[0])
			return 2;
		opened += block != NULL;
		block_close(block);
		if (n && (dup(0) != lowest || close(lowest)))
			return 3;
	}
	return opened > 0 && opened < 8 ? 0 : 4;
}

static void test_few_descriptors(void **state)
{
	struct scratch scratch = scratch_make(1 << 20);

	(void)state;
	assert_int_equal(in_child(open_with_few_descriptors, &scratch), 0);
	unlink(scratch.path);
}

static void test_direct(void **state)
{
	struct scratch scratch = scratch_make(1 << 20);
	struct block *block =
		open_with((struct config_disk){ .path = scratch.path, .direct = true });

	(void)state;
	if (!block) {
		/* A file system without it, or with larger blocks, says what to do. */
		assert_non_null(strstr(err.text, "leave \"direct\" out"));
		unlink(scratch.path);
		skip();
	}
	assert_int_equal(block_info(block)->logical_block_size, 512);
	block_close(block);
	unlink(scratch.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_opening_changes_nothing),
		cmocka_unit_test(test_odd_sizes_are_rounded_down),
		cmocka_unit_test(test_wrong_block_sizes),
		cmocka_unit_test(test_files_that_are_no_disks),
		cmocka_unit_test(test_a_file_that_can_only_be_read),
		cmocka_unit_test(test_other_formats_are_refused),
		cmocka_unit_test(test_short_files_have_no_format),
		cmocka_unit_test(test_locks),
		cmocka_unit_test(test_locks_of_other_programs),
		cmocka_unit_test(test_no_io_uring),
		cmocka_unit_test(test_few_descriptors),
		cmocka_unit_test(test_direct),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
