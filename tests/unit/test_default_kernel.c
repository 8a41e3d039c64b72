/* SPDX-License-Identifier: BSD-2-Clause */
/* Which kernel is booted when none is named, in a scratch tree; and where its modules are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "cmd/default_kernel.h"

static char tree[64], boot[80], sources[80], modules[80], path[4096];
static struct kernel_places places = { boot, sources, modules, "6.1.0-9-amd64" };
static struct err err;

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	assert_int_equal(system(line), 0);
}

static int setup(void **state)
{
	(void)state;
	snprintf(tree, sizeof(tree), "/tmp/test_default_kernel.XXXXXX");
	if (!mkdtemp(tree))
		return -1;
	snprintf(boot, sizeof(boot), "%s/boot", tree);
	snprintf(sources, sizeof(sources), "%s/arch", tree);
	snprintf(modules, sizeof(modules), "%s/modules", tree);
	return mkdir(boot, 0755);
}

static int teardown(void **state)
{
	(void)state;
	run("rm -rf %s", tree);
	return 0;
}

static void assert_found(const char *name)
{
	assert_int_equal(default_kernel(&places, path, sizeof(path), &err), 0);
	assert_string_equal(path + strlen(tree), name);
}

static const char *build_folder(void)
{
	if (strcmp(arch_name, "x86_64") == 0)
		return "x86";
	return strcmp(arch_name, "riscv64") == 0 ? "riscv" : "arm64";
}

static void test_order(void **state)
{
	char name[64];

	(void)state;
	assert_int_equal(default_kernel(&places, path, sizeof(path), &err), -1);
	assert_non_null(
		strstr(err.text, "install a package of one (Debian: linux-image-"));
	assert_non_null(strstr(err.text, "name one (-k FILE)"));
	/* What was built here, then the newest, then what runs. */
	run("mkdir -p %s/%s/boot && cd %s/%s/boot && touch bzImage Image", sources,
	    build_folder(), sources, build_folder());
	snprintf(name, sizeof(name), "/arch/%s/boot/%s", build_folder(),
		 strcmp(arch_name, "x86_64") == 0 ? "bzImage" : "Image");
	assert_found(name);
	run("cd %s && touch initrd.img-7 config-7 System.map-7 vmlinuz", boot);
	assert_found(name);
	run("cd %s && touch vmlinuz-6.1.0-8 vmlinuz-6.1.0-10 vmlinuz-5.19", boot);
	assert_found("/boot/vmlinuz-6.1.0-10");
	run("touch %s/vmlinux-6.12", boot);
	assert_found("/boot/vmlinux-6.12");
	/* Neither a link to one, nor what is kept of one, nor a folder is the newest. */
	run("cd %s && touch vmlinuz-old vmlinuz-6.13.old vmlinuz-6.13~ vmlinuz-7.dpkg-tmp && "
	    "mkdir vmlinuz-8",
	    boot);
	assert_found("/boot/vmlinux-6.12");
	run("touch %s/vmlinuz-6.1.0-9-amd64", boot);
	assert_found("/boot/vmlinuz-6.1.0-9-amd64");
}

/* As nobody, to whom root's files are not open. The tests may run as root. */
static void be_nobody(bool nobody)
{
	if (getuid() == 0)
		assert_int_equal(seteuid(nobody ? 65534 : 0), 0);
}

/* What only root may read is passed over; and if there is no other, told. */
static void test_unreadable(void **state)
{
	(void)state;
	run("chmod 755 %s && cd %s && touch vmlinuz-6.1.0-9-amd64 vmlinuz-7 && chmod 0 *",
	    tree, boot);
	be_nobody(true);
	assert_int_equal(default_kernel(&places, path, sizeof(path), &err), -1);
	assert_non_null(
		strstr(err.text, "vmlinuz-6.1.0-9-amd64\": only root may read it"));
	assert_non_null(strstr(err.text, "sudo chmod a+r"));
	be_nobody(false);
	run("chmod 644 %s/vmlinuz-7", boot);
	be_nobody(true);
	assert_found("/boot/vmlinuz-7");
	be_nobody(false);
}

static void assert_modules(const char *kernel, const char *asked, const char *found)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", tree, kernel);
	assert_int_equal(
		kernel_modules(&places, full, "6.6", asked, path, sizeof(path), &err), 0);
	assert_string_equal(path[0] ? path + strlen(tree) : "", found);
}

static void make_modules(const char *folder)
{
	run("mkdir -p %s/%s && touch %s/%s/modules.dep", tree, folder, tree, folder);
}

static void test_modules(void **state)
{
	char asked[128];

	(void)state;
	assert_modules("k/vmlinuz", NULL, "");
	/* Beside the kernel: a build's, an unpacked package's, a tree of tools/kernel. */
	make_modules("k/root/lib/modules/6.6");
	run("mkdir -p %s/a/boot", tree);
	assert_modules("k/vmlinuz", NULL, "/k/root/lib/modules/6.6");
	make_modules("a/lib/modules/6.6");
	assert_modules("a/boot/vmlinuz", NULL, "/a/boot/../lib/modules/6.6");
	make_modules("k/lib/modules/6.6");
	assert_modules("k/vmlinuz", NULL, "/k/lib/modules/6.6");
	/* The system's are the last; a folder that is asked for is the only one. */
	run("mkdir -p %s/modules/6.6", tree);
	assert_modules("other/vmlinuz", NULL, "");
	make_modules("modules/6.6");
	assert_modules("other/vmlinuz", NULL, "/modules/6.6");
	assert_modules("k/vmlinuz", NULL, "/k/lib/modules/6.6");
	snprintf(asked, sizeof(asked), "%s/a", tree);
	assert_modules("k/vmlinuz", asked, "/a/lib/modules/6.6");
	snprintf(asked, sizeof(asked), "%s/a/lib/modules", tree);
	assert_modules("k/vmlinuz", asked, "/a/lib/modules/6.6");
	snprintf(asked, sizeof(asked), "%s/a/lib/modules/6.6", tree);
	assert_modules("k/vmlinuz", asked, "/a/lib/modules/6.6");
	snprintf(asked, sizeof(asked), "%s/boot", tree);
	assert_int_equal(
		kernel_modules(&places, "k", "6.6", asked, path, sizeof(path), &err), -1);
	assert_non_null(strstr(err.text, "no modules.dep of the kernel 6.6"));
	/* A kernel that does not say what it is. */
	assert_int_equal(kernel_modules(&places, "k", "", NULL, path, sizeof(path), &err),
			 0);
	assert_string_equal(path, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_unreadable),
		TEST(test_modules),
	};

	return cmocka_run_group_tests_name("default_kernel", tests, NULL, NULL);
}
