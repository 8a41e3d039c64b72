/* SPDX-License-Identifier: BSD-2-Clause */
/* Files in a folder that may be hostile: what is opened, and what is not. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/beneath.h"

/* PATH in the folder, and what there is: a letter in the file, or an errno. */
static const struct {
	const char *path;
	char letter;
	int error;
	int error_of_walk; /* if it is another one: links are not followed at all */
} rows[] = {
	{ "a", 'a', 0, 0 },
	{ "in/b", 'b', 0, 0 },
	{ "./in//./b", 'b', 0, 0 },
	{ "nothing", 0, ENOENT, 0 },
	{ "a/b", 0, ENOTDIR, 0 },
	{ "fifo", 0, EINVAL, 0 },
	{ "in", 0, EINVAL, 0 },
	{ "..", 0, EXDEV, 0 },
	{ "../out/s", 0, EXDEV, 0 },
	{ "in/../../out/s", 0, EXDEV, 0 },
	{ "/etc/passwd", 0, EXDEV, 0 },
	{ "link-out", 0, EXDEV, ELOOP },
	{ "link-absolute", 0, EXDEV, ELOOP },
	{ "folder-out/s", 0, EXDEV, ELOOP },
	{ "loop", 0, ELOOP, 0 },
	{ "in/link-in", 'a', 0, ELOOP },
	{ "folder-in/b", 'b', 0, ELOOP },
};

static const char make_tree[] =
	"set -e; cd %s; mkdir -p f/in out; printf a >f/a; printf b >f/in/b; printf s >out/s\n"
	"mkfifo f/fifo; ln -s ../out/s f/link-out; ln -s $PWD/out/s f/link-absolute\n"
	"ln -s ../out f/folder-out; ln -s loop f/loop; ln -s ../a f/in/link-in\n"
	"ln -s in f/folder-in\n";

struct tree {
	char root[64];
	int folder;
};

static int make(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	char command[1024], folder[80];

	strcpy(tree->root, "/tmp/tane-test-beneath-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	snprintf(command, sizeof(command), make_tree, tree->root);
	assert_int_equal(system(command), 0);
	snprintf(folder, sizeof(folder), "%s/f", tree->root);
	tree->folder = open(folder, O_PATH | O_DIRECTORY);
	*state = tree;
	return tree->folder < 0;
}

static int destroy(void **state)
{
	struct tree *tree = *state;
	char command[80];
	int status;

	close(tree->folder);
	snprintf(command, sizeof(command), "rm -r %s", tree->root);
	status = system(command);
	free(tree);
	return status;
}

static bool has_openat2(void)
{
	const struct open_how how = { .flags = O_PATH };
	const long fd = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));

	if (fd >= 0)
		close((int)fd);
	return fd >= 0;
}

static void assert_letter(const char *path, int fd, char letter)
{
	char found = 0;

	if (read(fd, &found, 1) != 1 || found != letter)
		fail_msg("%s: '%c'", path, found);
	close(fd);
}

static void test_open(void **state)
{
	const struct tree *tree = *state;
	const bool walks = !has_openat2();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int of_walk = walks ? rows[i].error_of_walk : 0;
		const int error = of_walk ? of_walk : rows[i].error;
		struct err err = { "" };
		const int fd = beneath_open(tree->folder, rows[i].path, &err);

		if (error && fd != -error)
			fail_msg("%s: %d %s", rows[i].path, fd, err.text);
		if (error)
			assert_true(err.text[0]);
		else
			assert_letter(rows[i].path, fd, rows[i].letter);
	}
}

/* It only opens: what is no file is told later. */
static void test_walk(void **state)
{
	const struct tree *tree = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int of_walk = rows[i].error_of_walk;
		const int error = of_walk ? of_walk : rows[i].error;
		const int fd = beneath_walk(tree->folder, rows[i].path);

		if (error == EINVAL)
			close(fd);
		else if (error && (fd >= 0 || errno != error))
			fail_msg("%s: %d %s", rows[i].path, fd, strerror(errno));
		else if (!error)
			assert_letter(rows[i].path, fd, rows[i].letter);
	}
}

static void test_read(void **state)
{
	const struct tree *tree = *state;
	struct file_contents file;
	struct err err = { "" };

	assert_int_equal(beneath_read(&file, tree->folder, "in/b", 1, &err), 0);
	assert_int_equal(file.bytes.size, 1);
	assert_int_equal(file.bytes.data[0], 'b');
	file_release(&file);
	assert_int_equal(beneath_read(&file, tree->folder, "in/b", 0, &err), -EIO);
	assert_string_equal(err.text, "1 bytes do not fit: at most 0");
	assert_int_equal(beneath_read(&file, tree->folder, "link-out", 1, &err) < 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, make, destroy);
}
