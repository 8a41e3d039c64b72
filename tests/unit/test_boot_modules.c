/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules of a kernel: by lists as depmod writes them and as nobody would who means well,
 * and in folders from which links lead to files that are no guest's business.
 */
#include <stdlib.h>
#include <unistd.h>

#include "boot_test.h"

#include "boot/modules.h"

/* -- the lists -- */

static struct bytes text_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* The modules that come of `name`, as words, or the message. */
static void expect(const struct modules_texts *texts, const char *name,
		   const char *expected)
{
	struct modules modules = MODULES_NONE;
	struct err err = { "" };
	char found[2048] = "";

	if (modules_list(&modules, texts, &name, 1, &err))
		snprintf(found, sizeof(found), "%s", err.text);
	for (unsigned i = 0; i < modules.nr && !err.text[0]; i++)
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s",
			 i ? " " : "", modules.all[i].name);
	modules_free(&modules);
	assert_string_equal(found, expected);
}

static void expect_of_dep(const char *dep, const char *name, const char *expected)
{
	const struct modules_texts texts = { .dep = text_of(dep) };

	expect(&texts, name, expected);
}

static void test_names(void **state)
{
	static const char dep[] = "kernel/net/9p/9pnet.ko:\n"
				  "kernel/virtio-rng.ko.xz: kernel/a_b-c.ko.zst\n"
				  "kernel/a_b-c.ko.zst:";
	char long_dep[256];

	(void)state;
	expect_of_dep(dep, "9pnet", "9pnet");
	expect_of_dep(dep, "virtio_rng", "a_b_c virtio_rng");
	expect_of_dep(dep, "virtio-rng", "a_b_c virtio_rng");
	/* Linux has none whose name is that long. */
	snprintf(long_dep, sizeof(long_dep), "a.ko: %056d.ko\n%056d.ko:\n", 0, 0);
	expect_of_dep(long_dep, "a", "modules.dep: what a needs cannot be a module");
}

/* Those that all need come first, as depmod lists them last. */
static void test_order(void **state)
{
	static const char dep[] = "kernel/base.ko:\n"
				  "kernel/middle.ko: kernel/base.ko\n"
				  "\n# a comment: it is not depmod's\n"
				  "extra/top.ko: kernel/other.ko kernel/middle.ko "
				  "kernel/base.ko\n"
				  "kernel/other.ko:\n";

	(void)state;
	expect_of_dep(dep, "base", "base");
	expect_of_dep(dep, "top", "base middle other top");
	/* Whoever wrote it may have left out what follows by itself. */
	expect_of_dep("a.ko: b.ko\r\nb.ko: c.ko\r\nc.ko:\r\n", "a", "c b a");
}

static void test_soft(void **state)
{
	const struct modules_texts texts = {
		.dep = text_of("x/wishes.ko: x/need.ko\nx/need.ko:\nx/soft-one.ko:\n"
			       "x/soft_two.ko: x/of_two.ko\nx/of_two.ko:\nx/late.ko:\n"
			       "x/round-a.ko:\nx/round-b.ko:\nx/last.ko:\n"),
		.softdep = text_of(
			"# Soft dependencies extracted from modules themselves.\n"
			"softdep wishes pre: soft-one nowhere crypto-crc32c post: late\n"
			"softdep round_a pre: round_b\n"
			"softdep wishes post: last pre: soft_two\n"
			"softdep wishes late\n"
			"softdep\nsoftdep \nsoftdeps wishes pre: round_a\n"
			"softdep round_b pre: round_a post: round_b\n"
			"softdep need pre: wishes\n"),
	};

	(void)state;
	expect(&texts, "wishes", "soft_one of_two soft_two need wishes late last");
	expect(&texts, "round_a", "round_b round_a");
	expect(&texts, "round_b", "round_a round_b");
}

/* What is built in needs nothing, and what is nowhere is left for the kernel to tell. */
static void test_left_out(void **state)
{
	const struct modules_texts texts = {
		.dep = text_of("a.ko: kernel/built-in.ko kernel/old.ko\n"
			       "kernel/old.ko: kernel/gone.ko\n"),
		.builtin = text_of("kernel/built-in.ko\nkernel/old.ko\n"),
	};

	(void)state;
	expect(&texts, "built_in", "");
	expect(&texts, "in", "");
	expect(&texts, "nowhere", "");
	expect(&texts, "old", "");
	expect(&texts, "a", "a");
	expect_of_dep("", "a", "");
}

static void test_each_once(void **state)
{
	static const char *const names[] = { "b", "a", "c", "a", "nowhere" };
	const struct modules_texts texts = { .dep = text_of(
						     "a.ko: b.ko c.ko\nb.ko: c.ko\n"
						     "c.ko:\nb.ko: d.ko\n") };
	struct modules modules = MODULES_NONE;
	struct err err = { "" };

	(void)state;
	assert_int_equal(modules_list(&modules, &texts, names, 5, &err), 0);
	assert_int_equal(modules.nr, 3);
	assert_string_equal(modules.all[0].path, "c.ko");
	assert_string_equal(modules.all[2].path, "a.ko");
	modules_free(&modules);
	assert_int_equal(modules.nr, 0);
}

static void test_hostile_paths(void **state)
{
	(void)state;
	expect_of_dep("/home/u/a.ko:\n", "a",
		      "modules.dep has \"/home/u/a.ko\", which is not in the folder");
	expect_of_dep("../a.ko:\n", "a",
		      "modules.dep has \"../a.ko\", which is not in the folder");
	expect_of_dep(
		"kernel/../../a.ko:\n", "a",
		"modules.dep has \"kernel/../../a.ko\", which is not in the folder");
	expect_of_dep("a.ko: b.ko\n../b.ko:\n", "a",
		      "modules.dep has \"../b.ko\", which is not in the folder");
	expect_of_dep("\x1b[2J/a.ko:\n", "a",
		      "modules.dep has a path that is too long or does not print");
	/* Only those that are needed matter; and dots alone lead nowhere else. */
	expect_of_dep("../a.ko:\n.../b..c/./b.ko:\n", "b", "b");
}

static void test_damaged(void **state)
{
	(void)state;
	expect_of_dep("a.ko: b.ko\n", "a", "modules.dep: a needs b, which is not there");
	expect_of_dep("a.ko: b.ko \x1b.ko\nb.ko:\n", "a",
		      "modules.dep: what a needs cannot be a module");
	expect_of_dep("\xb0\x07\xf4\x57 and so on", "a",
		      "modules.dep is not as depmod makes it");
	expect_of_dep("a.ko: a.ko\n", "a", "a");
	expect_of_dep("a.ko: b.ko\nb.ko: c.ko\nc.ko: a.ko\n", "a", "c b a");
}

/* Each needs the next one. */
static char *make_chain(unsigned nr)
{
	char *text = malloc((size_t)nr * 24), *at = text;

	assert_non_null(text);
	for (unsigned i = 0; i + 1 < nr; i++)
		at += sprintf(at, "m%u.ko: m%u.ko\n", i, i + 1);
	sprintf(at, "m%u.ko:\n", nr - 1);
	return text;
}

static void test_too_many(void **state)
{
	static const char *const name = "m0";
	struct modules modules = MODULES_NONE;
	struct err err = { "" };
	char *chain = make_chain(MODULES_MAX);
	struct modules_texts texts = { .dep = text_of(chain) };

	(void)state;
	assert_int_equal(modules_list(&modules, &texts, &name, 1, &err), 0);
	assert_int_equal(modules.nr, MODULES_MAX);
	modules_free(&modules);
	free(chain);

	chain = make_chain(60000);
	expect_of_dep(chain, name, "more than 128 modules are needed");
	free(chain);
}

/* As much as is read at most, of whatever would take long if it took more than a look. */
static void test_large(void **state)
{
	static const char *const parts[] = { "\n", "a.ko\n", "a.ko:\n", "x" };
	char *text = malloc(16 * MIB + 1);

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const size_t n = strlen(parts[i]);
		struct modules_texts texts = { .dep = { (uint8_t *)text,
							16 * MIB / n * n } };
		struct modules modules = MODULES_NONE;
		static const char *const name = "a";
		struct err err = { "" };

		for (size_t at = 0; at < texts.dep.size; at += n)
			memcpy(text + at, parts[i], n);
		assert_int_equal(modules_list(&modules, &texts, &name, 1, &err), -1);
		modules_free(&modules);
	}
	/* One module that needs itself, millions of times. */
	for (size_t at = 0; at < 16 * MIB; at++)
		text[at] = at % 2 ? 'a' : ' ';
	text[16 * MIB] = '\0';
	text[0] = 'a';
	text[1] = ':';
	expect_of_dep(text, "a", "a");
	free(text);
}

/* -- the files -- */

struct tree {
	char root[64], folder[128];
};

static int run(const struct tree *tree, const char *script)
{
	char command[1024];

	snprintf(command, sizeof(command), "set -e; cd %s; %s", tree->root, script);
	return system(command);
}

static int make(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	strcpy(tree->root, "/tmp/tane-test-modules-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	snprintf(tree->folder, sizeof(tree->folder), "%s/m", tree->root);
	*state = tree;
	return run(tree, "mkdir -p m/kernel; printf 'kernel/a.ko:\\n' >m/modules.dep;"
			 "printf '\\177ELF and more' >m/kernel/a.ko;"
			 "printf '\\177ELF of somebody' >secret.ko");
}

static int destroy(void **state)
{
	struct tree *tree = *state;
	const int status = run(tree, "rm -r $PWD");

	free(tree);
	return status;
}

/* Find module a and read it: its contents, or the end of the message. */
static void expect_file(const struct tree *tree, const char *folder, const char *expected)
{
	static const char *const name = "a";
	const size_t size = strlen(expected);
	struct module_data data;
	struct modules modules;
	struct err err = { "" };

	if (modules_find(&modules, folder, &name, 1, &err) ||
	    modules_read(&modules, &modules.all[0], &data, &err)) {
		assert_non_null(strstr(err.text, tree->root));
		assert_true(strlen(err.text) >= size);
		assert_string_equal(err.text + strlen(err.text) - size, expected);
	} else {
		assert_int_equal(modules.nr, 1);
		assert_int_equal(data.bytes.size, size);
		assert_memory_equal(data.bytes.data, expected, size);
		modules_release(&data);
	}
	modules_free(&modules);
	assert_int_equal(modules.fd, -1);
}

/* The same after a change to the tree. */
static void expect_after(void **state, const char *script, const char *expected)
{
	const struct tree *tree = *state;

	assert_int_equal(run(tree, script), 0);
	expect_file(tree, tree->folder, expected);
}

#define ELSEWHERE "leads out of the folder: put the file itself there"

static void test_read(void **state)
{
	expect_after(state, ":", "\177ELF and more");
	expect_after(state, ": >m/kernel/a.ko", "not an ELF file, which modules are");
	expect_after(state, "echo no module >m/kernel/a.ko",
		     "not an ELF file, which modules are");
	expect_after(state, "rm m/kernel/a.ko",
		     "m/kernel/a.ko\": cannot open it: No such "
		     "file or directory");
	expect_after(state, "truncate -s 257M m/kernel/a.ko",
		     "269484032 bytes do not fit: at most 268435456");
}

#if HAVE_ZLIB
static void test_read_packed(void **state)
{
	expect_after(state,
		     "echo kernel/a.ko.gz: >m/modules.dep;"
		     "gzip <m/kernel/a.ko >m/kernel/a.ko.gz",
		     "\177ELF and more");
	expect_after(state, "echo no module | gzip >m/kernel/a.ko.gz",
		     "not an ELF file, which modules are");
	expect_after(state, "truncate -s 12 m/kernel/a.ko.gz",
		     "the gzip payload is truncated");
}
#endif

/* A folder by a link is the user's own way to name it. */
static void test_folder_by_link(void **state)
{
	const struct tree *tree = *state;
	char path[160];

	assert_int_equal(run(tree, "ln -s m link"), 0);
	snprintf(path, sizeof(path), "%s/link", tree->root);
	expect_file(tree, path, "\177ELF and more");
}

static void test_links_out(void **state)
{
	expect_after(state, "ln -sf ../../secret.ko m/kernel/a.ko", ELSEWHERE);
	expect_after(state, "ln -sf $PWD/secret.ko m/kernel/a.ko", ELSEWHERE);
	expect_after(state, "ln -sf /proc/self/exe m/kernel/a.ko", ELSEWHERE);
	expect_after(state,
		     "rm -r m/kernel; mkdir out; cp secret.ko out/a.ko;"
		     "ln -s ../out m/kernel",
		     ELSEWHERE);
}

static void test_lists_out(void **state)
{
	expect_after(state, "cp m/modules.dep x; ln -s ../x m/modules.softdep",
		     ELSEWHERE);
	expect_after(state, "rm m/modules.softdep; ln -s ../x m/modules.builtin",
		     ELSEWHERE);
	expect_after(state, "rm m/modules.builtin; ln -sf ../x m/modules.dep", ELSEWHERE);
}

/* Nothing waits for whoever would write. */
static void test_no_file(void **state)
{
	expect_after(state, "rm m/kernel/a.ko; mkfifo m/kernel/a.ko",
		     "not a regular file");
	expect_after(state, "rm m/kernel/a.ko; mkdir m/kernel/a.ko",
		     "not a regular file");
	expect_after(state, "rm m/modules.dep; mkfifo m/modules.dep",
		     "not a regular file");
	expect_after(state, "rm m/modules.dep; truncate -s 17M m/modules.dep",
		     "17825792 bytes do not fit: at most 16777216");
	expect_after(
		state, "rm m/modules.dep",
		"m/modules.dep\", which depmod makes: cannot open it: No such file or "
		"directory");
	expect_after(state, "rm -r m", "m\": No such file or directory");
}

#define FILES(test) cmocka_unit_test_setup_teardown(test, make, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_soft),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_hostile_paths),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_large),
		FILES(test_read),
#if HAVE_ZLIB
		FILES(test_read_packed),
#endif
		FILES(test_folder_by_link),
		FILES(test_links_out),
		FILES(test_lists_out),
		FILES(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
