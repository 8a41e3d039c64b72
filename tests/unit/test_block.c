/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to disks, by both engines: what is read, what is in the file, which errors. */
#include "block_test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

static struct loop loop;
static struct err err;

/* What each test runs with. */
static enum block_engine engine;
static struct block *block;
static struct scratch scratch;

static unsigned nr_done, nr_batches;

struct job {
	struct block_request request;
	struct iovec iov;
	bool done;
	int error;
};

static void on_batch(void *opaque)
{
	(void)opaque;
	nr_batches++;
}

static void on_done(struct block_request *request, int error)
{
	struct job *job = (struct job *)request;

	assert_false(job->done);
	job->done = true;
	job->error = error;
	nr_done++;
}

static void open_scratch(off_t size, struct config_disk disk)
{
	scratch = scratch_make(size);
	disk.path = scratch.path;
	disk.engine = engine;
	block = block_open(&disk, &loop, &err);
	if (!block)
		return;
	block_on_batch(block, on_batch, NULL);
	nr_done = 0;
	nr_batches = 0;
}

static void close_scratch(void)
{
	block_close(block);
	block = NULL;
	unlink(scratch.path);
}

static int setup(void **state)
{
	engine = *(enum block_engine *)*state;
	return loop_init(&loop, &err);
}

static int teardown(void **state)
{
	(void)state;
	loop_destroy(&loop);
	return 0;
}

static void wait_for(unsigned count)
{
	const int64_t deadline = loop_now() + 30000000000;

	while (nr_done < count) {
		assert_true(loop_now() < deadline);
		assert_int_equal(loop_turn(&loop, 1000, &err), 0);
	}
}

static void submit(struct job *job, enum block_op op, uint64_t offset, void *data,
		   size_t length)
{
	*job = (struct job){
		.request = { .op = op,
			     .offset = offset,
			     .length = length,
			     .done = on_done },
		.iov = { data, length },
	};
	if (data) {
		job->request.iov = &job->iov;
		job->request.nr_iov = 1;
	}
	block_submit(block, &job->request);
}

/* One request from its start to its end; its error. */
static int run(enum block_op op, uint64_t offset, void *data, size_t length)
{
	unsigned before = nr_done;
	struct job job;

	submit(&job, op, offset, data, length);
	assert_false(job.done);
	block_kick(block);
	wait_for(before + 1);
	return job.error;
}

static void fill(uint8_t *data, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)((i * 167 + (i >> 9) * 31 + seed) % 251 + 1);
}

static bool is_zero(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i])
			return false;
	}
	return true;
}

static void test_write_and_read(void **state)
{
	static uint8_t out[64 << 10], in[64 << 10];

	(void)state;
	open_scratch(1 << 20, (struct config_disk){ 0 });
	fill(out, sizeof(out), 1);
	assert_int_equal(run(BLOCK_WRITE, 512, out, sizeof(out)), 0);
	scratch_read(&scratch, 512, in, sizeof(in));
	assert_memory_equal(out, in, sizeof(in));
	memset(in, 0, sizeof(in));
	assert_int_equal(run(BLOCK_READ, 512, in, sizeof(in)), 0);
	assert_memory_equal(out, in, sizeof(in));
	assert_int_equal(run(BLOCK_FLUSH, 0, NULL, 0), 0);
	/* Up to the very end. */
	assert_int_equal(run(BLOCK_WRITE, (1 << 20) - 512, out, 512), 0);
	assert_int_equal(run(BLOCK_READ, (1 << 20) - 512, in, 512), 0);
	assert_memory_equal(out, in, 512);
	close_scratch();
}

/* Data in more segments than one system call takes, of all sizes. */
static void test_many_segments(void **state)
{
	enum { SEGMENTS = 2500 };
	static uint8_t out[SEGMENTS * 100], in[SEGMENTS * 100];
	static struct iovec iov[SEGMENTS];
	struct iovec before[3];
	size_t length = 0, size = 0;
	struct job job = { 0 };

	(void)state;
	open_scratch(1 << 20, (struct config_disk){ 0 });
	for (unsigned i = 0; i < SEGMENTS; i++) {
		iov[i] = (struct iovec){ out + length, i % 100 };
		length += i % 100;
	}
	size = length / 512 * 512;
	for (unsigned i = SEGMENTS, over = (unsigned)(length - size); over;) {
		size_t cut = iov[--i].iov_len < over ? iov[i].iov_len : over;

		iov[i].iov_len -= cut;
		over -= (unsigned)cut;
	}
	fill(out, sizeof(out), 2);
	memcpy(before, iov, sizeof(before));
	job.request = (struct block_request){ .op = BLOCK_WRITE,
					      .length = size,
					      .iov = iov,
					      .nr_iov = SEGMENTS,
					      .done = on_done };
	block_submit(block, &job.request);
	block_kick(block);
	wait_for(1);
	assert_int_equal(job.error, 0);
	assert_memory_equal(before, iov, sizeof(before));
	scratch_read(&scratch, 0, in, size);
	assert_memory_equal(out, in, size);
	for (unsigned i = 0; i < SEGMENTS; i++)
		iov[i].iov_base = in + ((uint8_t *)iov[i].iov_base - out);
	memset(in, 0, sizeof(in));
	job.done = false;
	job.request.op = BLOCK_READ;
	block_submit(block, &job.request);
	block_kick(block);
	wait_for(2);
	assert_int_equal(job.error, 0);
	assert_memory_equal(out, in, size);
	close_scratch();
}

/* More than the rings of io_uring hold, in one kick; nothing starts before it. */
static void test_many_requests(void **state)
{
	enum { REQUESTS = 3000 };
	static struct job jobs[REQUESTS];
	static uint8_t out[REQUESTS][512], in[REQUESTS][512];

	(void)state;
	open_scratch(REQUESTS * 512, (struct config_disk){ 0 });
	fill(out[0], sizeof(out), 3);
	for (unsigned i = 0; i < REQUESTS; i++)
		submit(&jobs[i], BLOCK_WRITE, i * 512, out[i], 512);
	assert_int_equal(nr_done, 0);
	assert_int_equal(scratch_taken(&scratch), 0);
	block_kick(block);
	wait_for(REQUESTS);
	for (unsigned i = 0; i < REQUESTS; i++)
		assert_int_equal(jobs[i].error, 0);
	for (unsigned i = 0; i < REQUESTS; i++)
		submit(&jobs[i], BLOCK_READ, i * 512, in[i], 512);
	block_kick(block);
	wait_for(2 * REQUESTS);
	assert_memory_equal(out, in, sizeof(out));
	/* Completions come in batches, or what is the batch for? */
	assert_true(nr_batches > 0 && nr_batches < 2 * REQUESTS);
	close_scratch();
}

/* done() that goes on by itself: a thousand times, without getting deeper. */
static struct {
	struct job job;
	unsigned left;
	uint8_t data[512];
} chain;

static void chain_done(struct block_request *request, int error)
{
	assert_int_equal(error, 0);
	nr_done++;
	if (--chain.left == 0)
		return;
	block_submit(block, request);
	block_kick(block);
}

static void test_done_submits(void **state)
{
	(void)state;
	open_scratch(1 << 20, (struct config_disk){ 0 });
	chain.left = 1000;
	submit(&chain.job, BLOCK_READ, 0, chain.data, 512);
	chain.job.request.done = chain_done;
	block_kick(block);
	wait_for(1000);
	chain.left = 50;
	submit(&chain.job, BLOCK_FLUSH, 0, NULL, 0);
	chain.job.request.done = chain_done;
	block_kick(block);
	wait_for(1050);
	close_scratch();
}

static void test_bad_ranges(void **state)
{
	static const struct {
		uint64_t offset, length;
	} bad[] = {
		{ 1 << 20, 512 },
		{ (1 << 20) - 512, 1024 },
		{ UINT64_MAX - 511, 512 },
		{ UINT64_MAX, 1 },
		{ 0, (1 << 20) + 512 },
		{ 512, 1 << 20 },
		{ 1, 512 },
		{ 0, 511 },
		{ INT64_MAX, 512 },
	};
	static const enum block_op ops[] = { BLOCK_READ, BLOCK_WRITE, BLOCK_DISCARD,
					     BLOCK_WRITE_ZEROES };
	static uint8_t data[(1 << 20) + 512];
	struct stat st;

	(void)state;
	open_scratch(1 << 20, (struct config_disk){ 0 });
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (unsigned j = 0; j < 4; j++)
			assert_int_equal(run(ops[j], bad[i].offset, data, bad[i].length),
					 EINVAL);
	}
	assert_int_equal(stat(scratch.path, &st), 0);
	assert_int_equal(st.st_size, 1 << 20);
	assert_int_equal(st.st_blocks, 0);
	close_scratch();
}

static void test_nothing_to_do(void **state)
{
	(void)state;
	open_scratch(1 << 20, (struct config_disk){ 0 });
	assert_int_equal(run(BLOCK_READ, 0, NULL, 0), 0);
	assert_int_equal(run(BLOCK_WRITE, 1 << 20, NULL, 0), 0);
	assert_int_equal(run(BLOCK_DISCARD, 0, NULL, 0), 0);
	assert_int_equal(run(BLOCK_WRITE_ZEROES, 0, NULL, 0), 0);
	block_kick(block);
	close_scratch();
}

static void test_read_only(void **state)
{
	static uint8_t data[512];

	(void)state;
	open_scratch(1 << 20, (struct config_disk){ .read_only = true });
	assert_true(block_info(block)->read_only);
	assert_false(block_info(block)->can_discard);
	assert_false(block_info(block)->can_write_zeroes);
	assert_int_equal(run(BLOCK_READ, 0, data, 512), 0);
	assert_int_equal(run(BLOCK_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(run(BLOCK_WRITE, 0, data, 512), EROFS);
	assert_int_equal(run(BLOCK_DISCARD, 0, NULL, 512), EROFS);
	assert_int_equal(run(BLOCK_WRITE_ZEROES, 0, NULL, 512), EROFS);
	close_scratch();
}

static void test_zeroes_and_discard(void **state)
{
	static uint8_t data[1 << 20];
	uint64_t full;

	(void)state;
	open_scratch(1 << 20, (struct config_disk){ 0 });
	fill(data, sizeof(data), 4);
	assert_int_equal(run(BLOCK_WRITE, 0, data, sizeof(data)), 0);
	full = scratch_taken(&scratch);
	assert_true(full >= 1 << 20);

	/* Not a multiple of the file system's blocks, and no byte beside it. */
	assert_int_equal(run(BLOCK_WRITE_ZEROES, 512, NULL, 300 << 10), 0);
	scratch_read(&scratch, 0, data, sizeof(data));
	assert_true(is_zero(data + 512, 300 << 10));
	assert_true(data[511] && data[512 + (300 << 10)]);
	/* Nobody allowed to give blocks back. */
	assert_true(scratch_taken(&scratch) >= 1 << 20);

	if (block_info(block)->can_discard) {
		struct job job;

		submit(&job, BLOCK_WRITE_ZEROES, 512 << 10, NULL, 256 << 10);
		job.request.may_unmap = true;
		block_kick(block);
		wait_for(nr_done + 1);
		assert_int_equal(job.error, 0);
		scratch_read(&scratch, 0, data, sizeof(data));
		assert_true(is_zero(data + (512 << 10), 256 << 10));
		assert_true(scratch_taken(&scratch) <= full - (256 << 10));
		assert_int_equal(run(BLOCK_DISCARD, 0, NULL, 1 << 20), 0);
		assert_int_equal(scratch_taken(&scratch), 0);
	}
	close_scratch();
}

/* A file system that can neither punch nor zero: zeroes are written. */
static int zero_without_fallocate(const struct scratch *unused)
{
	static uint8_t data[1 << 20];

	(void)unused;
	refuse_syscall(SYS_fallocate, EOPNOTSUPP);
	open_scratch(1 << 20, (struct config_disk){ 0 });
	fill(data, sizeof(data), 5);
	if (block_info(block)->can_discard || !block_info(block)->can_write_zeroes ||
	    run(BLOCK_WRITE, 0, data, sizeof(data)) ||
	    run(BLOCK_WRITE_ZEROES, 1024, NULL, (1 << 20) - 1536) ||
	    run(BLOCK_DISCARD, 0, NULL, 512))
		return 1;
	scratch_read(&scratch, 0, data, sizeof(data));
	if (!is_zero(data + 1024, (1 << 20) - 1536) || !data[1023] ||
	    !data[(1 << 20) - 512])
		return 2;
	close_scratch();
	return 0;
}

static void test_zeroes_without_fallocate(void **state)
{
	(void)state;
	need_refuse_syscall();
	assert_int_equal(in_child(zero_without_fallocate, NULL), 0);
}

/* The error numbers of the host pass through; this one is that of a full disk, here. */
static int write_beyond_the_limit(const struct scratch *unused)
{
	const struct rlimit limit = { 64 << 10, 64 << 10 };
	static uint8_t data[64 << 10];

	(void)unused;
	open_scratch(1 << 20, (struct config_disk){ 0 });
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit))
		return 1;
	if (run(BLOCK_WRITE, 128 << 10, data, 4096) != EFBIG)
		return 2;
	/* Half of it fits: that is not a success. */
	if (run(BLOCK_WRITE, 32 << 10, data, 64 << 10) != EFBIG)
		return 3;
	if (run(BLOCK_WRITE, 0, data, 4096) || run(BLOCK_READ, 0, data, 4096))
		return 4;
	close_scratch();
	return 0;
}

static void test_full(void **state)
{
	(void)state;
	assert_int_equal(in_child(write_beyond_the_limit, NULL), 0);
}

static void test_file_that_shrank(void **state)
{
	static uint8_t data[8192];

	(void)state;
	open_scratch(1 << 20, (struct config_disk){ 0 });
	assert_int_equal(truncate(scratch.path, 4096), 0);
	assert_int_equal(run(BLOCK_READ, 0, data, 4096), 0);
	assert_int_equal(run(BLOCK_READ, 0, data, 8192), EIO);
	assert_int_equal(run(BLOCK_READ, 8192, data, 512), EIO);
	close_scratch();
}

static void test_more_than_2_tib(void **state)
{
	const uint64_t size = 3ull << 40;
	uint8_t out[512], in[512];

	(void)state;
	open_scratch((off_t)size, (struct config_disk){ 0 });
	assert_non_null(block);
	assert_int_equal(block_info(block)->size, size);
	fill(out, 512, 6);
	assert_int_equal(run(BLOCK_WRITE, size - 512, out, 512), 0);
	assert_int_equal(run(BLOCK_READ, size - 512, in, 512), 0);
	assert_memory_equal(out, in, 512);
	/* Not where 32 bits of sectors would have put it. */
	assert_int_equal(run(BLOCK_READ, (size - 512) % (2ull << 40), in, 512), 0);
	assert_true(is_zero(in, 512));
	close_scratch();
}

/* Buffers at odd addresses, cut at odd lengths, past the page cache. */
static void test_direct(void **state)
{
	static uint8_t out[512 << 10], in[512 << 10] __attribute__((aligned(4096)));
	const size_t cuts[] = { 1, 511, 3, 4096, 100000, 512, 65536 };
	const size_t length = 300 << 10;
	struct iovec iov[8];
	struct job job = { 0 };
	uint8_t *at = out + 1;
	size_t left = length;

	(void)state;
	open_scratch(1 << 20, (struct config_disk){ .direct = true });
	if (!block) {
		unlink(scratch.path);
		skip();
	}
	fill(out, sizeof(out), 7);
	for (unsigned i = 0; i < 8; i++) {
		iov[i] = (struct iovec){ at, i < 7 ? cuts[i] : left };
		at += iov[i].iov_len;
		left -= iov[i].iov_len;
	}
	job.request = (struct block_request){ .op = BLOCK_WRITE,
					      .offset = 512,
					      .length = length,
					      .iov = iov,
					      .nr_iov = 8,
					      .done = on_done };
	block_submit(block, &job.request);
	block_kick(block);
	wait_for(1);
	assert_int_equal(job.error, 0);
	scratch_read(&scratch, 512, in, length);
	assert_memory_equal(out + 1, in, length);
	/* Aligned, and then to where it was not. */
	memset(in, 0, sizeof(in));
	assert_int_equal(run(BLOCK_READ, 512, in, length), 0);
	assert_memory_equal(out + 1, in, length);
	memset(out, 0, sizeof(out));
	job.done = false;
	job.request.op = BLOCK_READ;
	block_submit(block, &job.request);
	block_kick(block);
	wait_for(3);
	assert_int_equal(job.error, 0);
	assert_memory_equal(out + 1, in, length);
	assert_true(out[0] == 0 && out[1 + length] == 0);
	/* Zeroes and flushes do not mind. */
	assert_int_equal(run(BLOCK_WRITE_ZEROES, 512, NULL, length), 0);
	assert_int_equal(run(BLOCK_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(run(BLOCK_READ, 512, in, length), 0);
	assert_true(is_zero(in, length));
	/* A file whose end is no longer at a block. */
	assert_int_equal(truncate(scratch.path, 1000), 0);
	assert_int_equal(run(BLOCK_READ, 0, in, 512), 0);
	assert_int_equal(run(BLOCK_READ, 0, in, 1024), EIO);
	close_scratch();
}

/* The guest is killed in the middle of I/O: its memory goes away next. */
static void test_close_in_flight(void **state)
{
	enum { REQUESTS = 200 };
	static struct job jobs[REQUESTS];
	uint8_t *data = malloc(REQUESTS * 4096);

	(void)state;
	memset(data, 1, REQUESTS * 4096);
	open_scratch(REQUESTS * 4096, (struct config_disk){ 0 });
	for (unsigned i = 0; i < REQUESTS; i++)
		submit(&jobs[i], i % 2 ? BLOCK_READ : BLOCK_WRITE, i * 4096ull,
		       data + i * 4096ull, 4096);
	block_kick(block);
	close_scratch();
	free(data);
	/* Nobody is called any more. */
	assert_int_equal(loop_turn(&loop, 0, &err), 0);
}

/* The host has no threads for us: slow, but it works. */
static int work_without_threads(const struct scratch *unused)
{
	static uint8_t data[4096];
	struct job jobs[20];

	(void)unused;
	open_scratch(1 << 20, (struct config_disk){ 0 });
	refuse_syscall(SYS_clone3, EAGAIN);
	refuse_syscall(SYS_clone, EAGAIN);
	for (unsigned i = 0; i < 20; i++)
		submit(&jobs[i], BLOCK_WRITE_ZEROES, i * 4096ull, NULL, 4096);
	block_kick(block);
	wait_for(20);
	if (run(BLOCK_WRITE, 0, data, 4096) || run(BLOCK_READ, 0, data, 4096))
		return 1;
	close_scratch();
	return 0;
}

static void test_no_threads(void **state)
{
	(void)state;
	need_refuse_syscall();
	assert_int_equal(in_child(work_without_threads, NULL), 0);
}

/* The loop may run on another thread than the one that opened the disk. */
static void *io_thread(void *opaque)
{
	static uint8_t data[4096];

	(void)opaque;
	if (run(BLOCK_WRITE, 0, data, 4096) || run(BLOCK_FLUSH, 0, NULL, 0))
		return NULL;
	return data;
}

static void test_loop_on_another_thread(void **state)
{
	pthread_t thread;
	void *result;

	(void)state;
	open_scratch(1 << 20, (struct config_disk){ 0 });
	assert_int_equal(pthread_create(&thread, NULL, io_thread, NULL), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_non_null(result);
	close_scratch();
}

#define ENGINE_TEST(f, engine)                                  \
	{                                                       \
#f " " #engine, (f), setup, teardown, &(engine) \
	}

#define BOTH(f) ENGINE_TEST(f, io_uring), ENGINE_TEST(f, threads)

static bool have_io_uring(void)
{
	struct scratch file = scratch_make(512);
	const struct config_disk disk = { .path = file.path,
					  .engine = BLOCK_ENGINE_IO_URING };
	struct block *probe;

	loop_init(&loop, &err);
	probe = block_open(&disk, &loop, &err);
	block_close(probe);
	loop_destroy(&loop);
	unlink(file.path);
	return probe;
}

int main(void)
{
	static enum block_engine io_uring = BLOCK_ENGINE_IO_URING;
	static enum block_engine threads = BLOCK_ENGINE_THREADS;
	const struct CMUnitTest tests[] = {
		BOTH(test_write_and_read),
		BOTH(test_many_segments),
		BOTH(test_many_requests),
		BOTH(test_done_submits),
		BOTH(test_bad_ranges),
		BOTH(test_nothing_to_do),
		BOTH(test_read_only),
		BOTH(test_zeroes_and_discard),
		BOTH(test_zeroes_without_fallocate),
		BOTH(test_full),
		BOTH(test_file_that_shrank),
		BOTH(test_more_than_2_tib),
		BOTH(test_direct),
		BOTH(test_close_in_flight),
		BOTH(test_no_threads),
		BOTH(test_loop_on_another_thread),
	};

	if (!have_io_uring()) {
		printf("no io_uring here (%s): threads do the tests of it too\n",
		       err.text);
		io_uring = BLOCK_ENGINE_THREADS;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
