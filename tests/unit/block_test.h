/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of disks share: scratch files, and kernels that say no to a system call. */
#ifndef TESTS_UNIT_BLOCK_TEST_H
#define TESTS_UNIT_BLOCK_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "block/block.h"

struct scratch {
	char path[64];
};

/* A sparse file of `size` bytes. */
static inline struct scratch scratch_make(off_t size)
{
	struct scratch scratch = { "/tmp/tane-test-disk-XXXXXX" };
	int fd = mkstemp(scratch.path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
	return scratch;
}

static inline void scratch_write(const struct scratch *scratch, off_t offset,
				 const void *data, size_t size)
{
	int fd = open(scratch->path, O_WRONLY);

	assert_int_equal(pwrite(fd, data, size, offset), size);
	close(fd);
}

static inline void scratch_read(const struct scratch *scratch, off_t offset, void *data,
				size_t size)
{
	int fd = open(scratch->path, O_RDONLY);

	assert_int_equal(pread(fd, data, size, offset), size);
	close(fd);
}

/* Blocks of the host's file system that it takes, in bytes. */
static inline uint64_t scratch_taken(const struct scratch *scratch)
{
	struct stat st;
	int fd = open(scratch->path, O_RDONLY);

	/* Delayed allocation shows only what was written out. */
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	return (uint64_t)st.st_blocks * 512;
}

/* From now on this system call of the calling thread, and its children, fails with `error`. */
static inline void refuse_syscall(unsigned number, unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* Not so under qemu-user: a test that needs it is skipped then. */
static inline void need_refuse_syscall(void)
{
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		skip();
}

/* Run `fn` in a child, so that what it does to its process is gone afterwards. */
static inline int in_child(int (*fn)(const struct scratch *scratch),
			   const struct scratch *scratch)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(scratch));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
