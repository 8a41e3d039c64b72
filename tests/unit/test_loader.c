/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels from their files into guest memory: read to their place, unpacked there, or
 * unpacked aside where the file lies about its size. The guest is one of riscv64, on
 * any host: nothing here enters it.
 */
#include <unistd.h>

#include "arch/loader.h"
#include "boot_test.h"
#include "util/fd.h"

#define RAM      0x80000000ull
#define RAM_SIZE (16 * MIB)
#define PLACE    (RAM + 2 * MIB) /* of an Image with the usual text_offset */

struct rig {
	char path[64];
	struct vm_config config;
	struct vm vm;
	struct loader loader;
};

/* A guest whose kernel is a file with the bytes of `image`, which is freed. */
static struct rig *rig_new(struct image *image)
{
	struct rig *rig = test_calloc(1, sizeof(*rig));
	struct err err;
	int fd;

	strcpy(rig->path, "/tmp/tane-test-loader-XXXXXX");
	fd = mkstemp(rig->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, image->data, image->size), image->size);
	close(fd);
	image_free(image);
	rig->config.kernel = rig->path;
	rig->vm.config = &rig->config;
	assert_int_equal(memory_add_ram(&rig->vm.memory, RAM, RAM_SIZE, &err), 0);
	rig->loader.vm = &rig->vm;
	rig->loader.target = (struct boot_target){ BOOT_ISA_RISCV64, RAM, RAM_SIZE };
	rig->loader.reserved_end = RAM;
	rig->loader.map[0] = (struct boot_memory){ RAM, RAM_SIZE, BOOT_MEMORY_RAM };
	rig->loader.nr_map = 1;
	return rig;
}

static void rig_free(struct rig *rig)
{
	loader_release(&rig->loader);
	memory_destroy(&rig->vm.memory);
	unlink(rig->path);
	test_free(rig);
}

/* The kernel is at its place, and nothing of it or of its file anywhere else. */
static void assert_loaded(struct rig *rig)
{
	struct image plain = linux_image(BOOT_ISA_RISCV64);
	const uint8_t *ram;
	struct err err = { "" };

	if (loader_load_kernel(&rig->loader, &err))
		fail_msg("refused: %s", err.text);
	assert_int_equal(rig->loader.kernel.entry, PLACE);
	ram = memory_for_read(&rig->vm.memory, RAM, RAM_SIZE);
	assert_memory_equal(ram + (PLACE - RAM), plain.data, plain.size);
	for (uint64_t i = 0; i < RAM_SIZE; i++) {
		if (ram[i] && (i < PLACE - RAM || i >= PLACE - RAM + plain.size))
			fail_msg("0x%02x at 0x%llx", ram[i],
				 (unsigned long long)(RAM + i));
	}
	image_free(&plain);
	rig_free(rig);
}

static void test_plain(void **state)
{
	struct image image = linux_image(BOOT_ISA_RISCV64);
	struct rig *rig = rig_new(&image);

	(void)state;
	assert_loaded(rig);
}

/* The header's word is taken for where it goes, but it is checked afterwards. */
static void test_plain_of_another_kind(void **state)
{
	struct image image = linux_image(BOOT_ISA_ARM64);
	struct rig *rig = rig_new(&image);
	struct err err = { "" };

	(void)state;
	assert_int_equal(loader_load_kernel(&rig->loader, &err), -1);
	assert_non_null(strstr(err.text, "arm64"));
	rig_free(rig);
}

static void test_no_room(void **state)
{
	struct image image = linux_image(BOOT_ISA_RISCV64);
	struct rig *rig;
	struct err err = { "" };

	(void)state;
	store_le64(image.data + IMAGE_TEXT_OFFSET, RAM_SIZE - 2 * MIB);
	store_le64(image.data + IMAGE_IMAGE_SIZE, 4 * MIB);
	rig = rig_new(&image);
	assert_int_equal(loader_load_kernel(&rig->loader, &err), -1);
	if (!strstr(err.text, "--mem"))
		fail_msg("%s", err.text);
	rig_free(rig);
}

static void test_packed(void **state)
{
	struct image plain, image;
	static const uint32_t sizes[] = {
		0,          /* unknown */
		1 << 20,    /* more than it is */
		1u << 30,   /* more than there is RAM */
		UINT32_MAX, /* more than any kernel */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		plain = linux_image(BOOT_ISA_RISCV64);
		image = zboot_of(BOOT_ISA_RISCV64, &plain);
		store_le32(image.data + ZBOOT_PAYLOAD + load_le32(image.data + 12),
			   sizes[i]);
		assert_loaded(rig_new(&image));
	}
}

/* A guest with a kernel that is loaded, and a command. */
static struct rig *rig_with_command(void)
{
	static const char record[] = "arg=true";
	struct image image = linux_image(BOOT_ISA_RISCV64);
	struct rig *rig = rig_new(&image);
	struct err err = { "" };

	rig->config.command.enabled = true;
	rig->config.command.record =
		(struct bytes){ (const uint8_t *)record, sizeof(record) };
	assert_int_equal(loader_load_kernel(&rig->loader, &err), 0);
	return rig;
}

/* What runs a command lies behind the user's initrds, so that its /init is the one. */
static void test_initrd_of_a_command(void **state)
{
	struct rig *rig = rig_with_command();
	struct err err = { "" };
	const uint8_t *start, *at;
	uint64_t size;

	(void)state;
	rig->config.initrds[0] = rig->path;
	rig->config.nr_initrds = 1;
	if (loader_load_initrds(&rig->loader, &err))
		fail_msg("%s", err.text);
	assert_int_equal(rig->loader.nr_modules, 1);
	size = rig->loader.modules[0].size;
	start = memory_for_read(&rig->vm.memory, rig->loader.modules[0].gpa, size);
	assert_non_null(start);
	/* The file is an Image here. */
	assert_memory_equal(start + 56, "RSC\5", 4);
	at = memmem(start, size, "070701", 6);
	assert_non_null(at);
	assert_string_equal((const char *)at + 110, "init");
	assert_non_null(memmem(at, (size_t)(start + size - at), "arg=true", 9));
	rig_free(rig);
}

/* Such a kernel has modules one by one, with names. */
static void test_multiboot_runs_no_command(void **state)
{
	struct rig *rig = rig_with_command();
	struct err err = { "" };

	(void)state;
	rig->loader.kernel.protocol = BOOT_MULTIBOOT;
	assert_int_equal(loader_load_initrds(&rig->loader, &err), -1);
	assert_non_null(strstr(err.text, "multiboot"));
	rig_free(rig);
}

static void test_words_for_a_command(void **state)
{
	struct rig *rig = rig_with_command();
	struct err err = { "" };

	(void)state;
	rig->loader.tty = "ttyS";
	rig->config.params = "mine";
	assert_int_equal(loader_build_cmdline(&rig->loader, NULL, &err), 0);
	assert_string_equal(rig->loader.cmdline, "quiet cryptomgr.notests mine");
	rig->config.command.verbose = true;
	assert_int_equal(loader_build_cmdline(&rig->loader, NULL, &err), 0);
	assert_string_equal(rig->loader.cmdline, "cryptomgr.notests mine");
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_plain_of_another_kind),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_initrd_of_a_command),
		cmocka_unit_test(test_multiboot_runs_no_command),
		cmocka_unit_test(test_words_for_a_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
