/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules of a kernel, from a small tree that depmod has indexed: object files that export,
 * need and wish for what those of a kernel do.
 */
#include <stdlib.h>
#include <unistd.h>

#include "boot_test.h"

#include "boot/modules.h"

#define RELEASE "1.2.3-test"

/* NAME, what it exports, what it needs, its soft dependencies. */
static const char make_tree[] =
	"set -e; PATH=$PATH:/usr/sbin:/sbin; cd %s; mkdir -p lib/modules/" RELEASE
	"/kernel/fs/built; cd lib/modules/" RELEASE "\n"
	"module() { {\n"
	"  echo '.section .modinfo,\"a\"'; echo \".string \\\"${4:+softdep=$4}\\\"\"\n"
	"  echo '.section __ksymtab_strings,\"a\"'\n"
	"  for s in $2; do echo \".string \\\"$s\\\"\"; done\n"
	"  echo .data; for s in $3; do echo \".8byte $s\"; done\n"
	"  } | cc -c -x assembler -o kernel/$1.ko -; }\n"
	"module base base_fn '' ''\n"
	"module middle middle_fn base_fn ''\n"
	"module top '' 'middle_fn base_fn' ''\n"
	"module soft '' '' ''\n"
	"module late '' '' ''\n"
	"module wishes '' middle_fn 'pre: soft nowhere post: late'\n"
	"module round-a '' '' 'pre: round_b'\n"
	"module round-b '' '' 'pre: round_a'\n"
	"echo kernel/fs/built/built-in.ko >modules.builtin; : >modules.order\n"
	"depmod -b ../../.. " RELEASE " 2>/dev/null\n";

struct tree {
	char root[64], folder[128];
};

static int make(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	char command[4096];

	strcpy(tree->root, "/tmp/tane-test-modules-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	snprintf(tree->folder, sizeof(tree->folder), "%s/lib/modules/" RELEASE,
		 tree->root);
	snprintf(command, sizeof(command), make_tree, tree->root);
	*state = tree;
	return system(command);
}

static int destroy(void **state)
{
	struct tree *tree = *state;
	char command[128];
	int status;

	snprintf(command, sizeof(command), "rm -r %s", tree->root);
	status = system(command);
	free(tree);
	return status;
}

/* The modules that come of `name`, as words. */
static void expect(const struct tree *tree, const char *name, const char *list)
{
	struct modules modules;
	char found[512] = "";
	struct err err = { "" };

	if (modules_find(&modules, tree->folder, &name, 1, &err))
		fail_msg("%s: %s", name, err.text);
	for (unsigned i = 0; i < modules.nr; i++) {
		char word[MODULES_NAME_SIZE];

		modules_name(modules.paths[i], word);
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s",
			 i ? " " : "", word);
	}
	assert_string_equal(found, list);
	modules_free(&modules);
}

static void test_names(void **state)
{
	char name[MODULES_NAME_SIZE];

	(void)state;
	modules_name("/lib/modules/6.1.0/kernel/net/9p/9pnet.ko", name);
	assert_string_equal(name, "9pnet");
	modules_name("virtio-rng.ko.xz", name);
	assert_string_equal(name, "virtio_rng");
	modules_name("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff.ko",
		     name);
	assert_int_equal(strlen(name), MODULES_NAME_SIZE - 1);
}

static void test_order(void **state)
{
	expect(*state, "base", "base");
	expect(*state, "top", "base middle top");
	expect(*state, "wishes", "soft base middle wishes late");
	expect(*state, "round-a", "round_b round_a");
}

/* What is built in needs nothing, and what is nowhere is left for the kernel to tell. */
static void test_left_out(void **state)
{
	expect(*state, "built_in", "");
	expect(*state, "in", "");
	expect(*state, "nowhere", "");
}

static void test_each_once(void **state)
{
	static const char *const names[] = { "middle", "top", "base", "top", "built_in" };
	const struct tree *tree = *state;
	struct modules modules;
	struct err err = { "" };

	assert_int_equal(modules_find(&modules, tree->folder, names, 5, &err), 0);
	assert_int_equal(modules.nr, 3);
	modules_free(&modules);
}

static void test_no_index(void **state)
{
	static const char *const name = "top";
	struct modules modules;
	struct err err = { "" };

	(void)state;
	assert_int_equal(modules_find(&modules, "/tmp", &name, 1, &err), -1);
	assert_non_null(strstr(err.text, "depmod"));
	assert_int_equal(modules.nr, 0);
}

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
}

static void test_read(void **state)
{
	static const uint8_t plain[] = { 0x7f, 'E', 'L', 'F', 1 };
	const struct tree *tree = *state;
	struct module_data data;
	struct err err = { "" };
	char path[160];

	snprintf(path, sizeof(path), "%s/x.ko", tree->root);
	write_file(path, plain, sizeof(plain));
	assert_int_equal(modules_read(path, &data, &err), 0);
	assert_int_equal(data.bytes.size, sizeof(plain));
	assert_memory_equal(data.bytes.data, plain, sizeof(plain));
	modules_release(&data);
}

#if HAVE_ZLIB
static void test_read_packed(void **state)
{
	const struct tree *tree = *state;
	struct module_data data;
	struct err err = { "" };
	char path[160], command[256];

	snprintf(path, sizeof(path), "%s/y.ko.gz", tree->root);
	snprintf(command, sizeof(command), "printf hello | gzip >%s", path);
	assert_int_equal(system(command), 0);
	assert_int_equal(modules_read(path, &data, &err), 0);
	assert_int_equal(data.bytes.size, 5);
	assert_memory_equal(data.bytes.data, "hello", 5);
	modules_release(&data);

	write_file(path, "\x1f\x8b\x08 and no more", 15);
	assert_int_equal(modules_read(path, &data, &err), -1);
	assert_non_null(strstr(err.text, path));
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_no_index),
		cmocka_unit_test(test_read),
#if HAVE_ZLIB
		cmocka_unit_test(test_read_packed),
#endif
	};

	return cmocka_run_group_tests(tests, make, destroy);
}
