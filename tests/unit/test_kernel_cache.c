/* SPDX-License-Identifier: BSD-2-Clause */
/* The cache of unpacked kernels: what it keeps, what it does not believe, how much it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/kernel_cache.h"

static const uint8_t unpacked[] = "a kernel, unpacked";
#define UNPACKED ((struct bytes){ unpacked, sizeof(unpacked) })

static char top[64], folder[80];
static int kernel;

static int setup(void **state)
{
	char path[96];

	(void)state;
	strcpy(top, "/tmp/tane-test-kernel-cache-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(folder, sizeof(folder), "%s/tane", top);
	snprintf(path, sizeof(path), "%s/vmlinuz", top);
	kernel = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(kernel >= 0);
	return 0;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	close(kernel);
	snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command);
}

static struct kernel_cache open_cache(void)
{
	struct kernel_cache cache;

	assert_true(kernel_cache_open(&cache, folder, kernel));
	return cache;
}

static bool has(const struct kernel_cache *cache)
{
	uint8_t data[sizeof(unpacked)] = { 0 };

	return kernel_cache_read(cache, data, sizeof(data)) &&
	       !memcmp(data, unpacked, sizeof(data));
}

/* Another kernel, as the file system sees it. */
static void change_kernel(void)
{
	static time_t when = 1000;
	const struct timespec times[2] = { { .tv_sec = when }, { .tv_sec = when } };

	when++;
	assert_int_equal(futimens(kernel, times), 0);
}

static unsigned count_files(void)
{
	DIR *dir = opendir(folder);
	unsigned count = 0;

	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void keeps_a_kernel(void **state)
{
	struct kernel_cache cache = open_cache(), again;
	uint8_t data[64];

	(void)state;
	assert_false(has(&cache));
	kernel_cache_write(&cache, UNPACKED);
	assert_true(has(&cache));
	/* Neither a part of it nor more than there is. */
	assert_false(kernel_cache_read(&cache, data, sizeof(unpacked) - 1));
	assert_false(kernel_cache_read(&cache, data, sizeof(unpacked) + 1));
	again = open_cache();
	assert_true(has(&again));
	kernel_cache_drop(&again);
	assert_false(has(&cache));
	kernel_cache_close(&again);
	kernel_cache_close(&cache);
}

static void knows_a_changed_kernel(void **state)
{
	struct kernel_cache cache = open_cache(), changed;

	(void)state;
	kernel_cache_write(&cache, UNPACKED);
	change_kernel();
	changed = open_cache();
	assert_false(has(&changed));
	assert_true(has(&cache));
	kernel_cache_close(&changed);
	kernel_cache_close(&cache);
}

/* Others could write there, or have put something there that is no file of ours. */
static void trusts_what_is_ours_alone(void **state)
{
	struct kernel_cache cache = open_cache();

	(void)state;
	kernel_cache_write(&cache, UNPACKED);
	assert_int_equal(fchmodat(cache.folder, cache.name, 0620, 0), 0);
	assert_false(has(&cache));
	assert_int_equal(fchmodat(cache.folder, cache.name, 0600, 0), 0);
	assert_true(has(&cache));

	assert_int_equal(renameat(cache.folder, cache.name, cache.folder, "real"), 0);
	assert_int_equal(symlinkat("real", cache.folder, cache.name), 0);
	assert_false(has(&cache));
	kernel_cache_drop(&cache);
	assert_int_equal(mkfifoat(cache.folder, cache.name, 0600), 0);
	assert_false(has(&cache));
	kernel_cache_close(&cache);

	assert_int_equal(chmod(folder, 0770), 0);
	assert_false(kernel_cache_open(&cache, folder, kernel));
}

static void does_without_a_folder(void **state)
{
	struct kernel_cache cache;

	(void)state;
	assert_false(kernel_cache_open(&cache, NULL, kernel));
	strcat(folder, "/below");
	assert_false(kernel_cache_open(&cache, folder, kernel));
	assert_false(kernel_cache_open(&cache, "/dev/null", kernel));
}

static void keeps_the_newest(void **state)
{
	struct kernel_cache cache;

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		change_kernel();
		cache = open_cache();
		kernel_cache_write(&cache, UNPACKED);
		assert_true(has(&cache));
		kernel_cache_close(&cache);
	}
	assert_int_equal(count_files(), 4);
}

/* Not the part of it that the disk takes. */
static void keeps_all_or_nothing(void **state)
{
	struct kernel_cache cache = open_cache();
	struct rlimit old, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = sizeof(unpacked) / 2;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	kernel_cache_write(&cache, UNPACKED);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(count_files(), 0);
	kernel_cache_close(&cache);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_a_kernel),
		TEST(knows_a_changed_kernel),
		TEST(trusts_what_is_ours_alone),
		TEST(does_without_a_folder),
		TEST(keeps_the_newest),
		TEST(keeps_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
