/* SPDX-License-Identifier: BSD-2-Clause */
/* Archives for the initramfs, read back as Linux does it (init/initramfs.c). */
#include <sys/mman.h>
#include <sys/stat.h>

#include "boot_test.h"

#include "boot/cpio.h"

#define HEADER 110u

struct entry {
	const char *name;
	unsigned mode, nlink;
	struct bytes data;
};

/* Number `i` of the 13 of a header. */
static unsigned field(const uint8_t *header, unsigned i)
{
	char digits[9] = "";

	memcpy(digits, header + 6 + (size_t)i * 8, 8);
	return (unsigned)strtoul(digits, NULL, 16);
}

/* The entry at *at, which becomes that of the next one. */
static struct entry next(const struct cpio *cpio, size_t *at)
{
	const uint8_t *header = cpio->data + *at;
	struct entry entry;
	size_t name_size;

	assert_true(range_within(*at, HEADER, cpio->size));
	assert_memory_equal(header, "070701", 6);
	name_size = field(header, 11);
	entry = (struct entry){
		.name = (const char *)header + HEADER,
		.mode = field(header, 1),
		.nlink = field(header, 4),
		.data = { cpio->data + align_up(*at + HEADER + name_size, 4),
			  field(header, 6) },
	};
	assert_int_equal(strlen(entry.name) + 1, name_size);
	*at = align_up((size_t)(entry.data.data - cpio->data) + entry.data.size, 4);
	assert_true(*at <= cpio->size);
	return entry;
}

static void assert_file(const struct entry *entry, const char *name, unsigned permissions,
			const char *text)
{
	assert_string_equal(entry->name, name);
	assert_int_equal(entry->mode, S_IFREG | permissions);
	assert_int_equal(entry->nlink, 1);
	assert_int_equal(entry->data.size, strlen(text));
	assert_memory_equal(entry->data.data, text, strlen(text));
}

static void add_text(struct cpio *cpio, const char *name, unsigned permissions,
		     const char *text)
{
	const struct bytes data = { (const uint8_t *)text, strlen(text) };
	struct err err = { "" };

	assert_int_equal(cpio_add_file(cpio, name, permissions, data, &err), 0);
}

static void files_and_folders(void **state)
{
	struct cpio cpio = { 0 };
	struct err err = { "" };
	struct entry entry;
	size_t at = 0;

	(void)state;
	/* Names and contents of every length modulo 4. */
	add_text(&cpio, "init", 0755, "program");
	assert_int_equal(cpio_add_folder(&cpio, "tane", &err), 0);
	add_text(&cpio, "tane/a", 0600, "");
	add_text(&cpio, "tane/bc", 0644, "12345");
	add_text(&cpio, "tane/def", 0644, "12345678");
	assert_int_equal(cpio_finish(&cpio, &err), 0);
	assert_int_equal(cpio.size % 4, 0);

	entry = next(&cpio, &at);
	assert_file(&entry, "init", 0755, "program");
	entry = next(&cpio, &at);
	assert_string_equal(entry.name, "tane");
	assert_int_equal(entry.mode, S_IFDIR | 0755);
	assert_int_equal(entry.nlink, 2);
	assert_int_equal(entry.data.size, 0);
	entry = next(&cpio, &at);
	assert_file(&entry, "tane/a", 0600, "");
	entry = next(&cpio, &at);
	assert_file(&entry, "tane/bc", 0644, "12345");
	entry = next(&cpio, &at);
	assert_file(&entry, "tane/def", 0644, "12345678");
	entry = next(&cpio, &at);
	assert_string_equal(entry.name, "TRAILER!!!");
	assert_int_equal(at, cpio.size);
	cpio_free(&cpio);
	assert_int_equal(cpio.size, 0);
}

/* No byte of a header or of padding is what the memory had in it before. */
static void is_the_same_each_time(void **state)
{
	struct cpio one = { 0 }, other = { 0 };
	struct err err = { "" };

	(void)state;
	add_text(&one, "a", 0644, "b");
	add_text(&one, "longer", 0644, "and longer");
	assert_int_equal(cpio_finish(&one, &err), 0);
	other.data = malloc(4096);
	assert_non_null(other.data);
	memset(other.data, 0xa5, 4096);
	other.capacity = 4096;
	add_text(&other, "a", 0644, "b");
	add_text(&other, "longer", 0644, "and longer");
	assert_int_equal(cpio_finish(&other, &err), 0);
	assert_int_equal(one.size, other.size);
	assert_memory_equal(one.data, other.data, one.size);
	cpio_free(&one);
	cpio_free(&other);
}

/* Sizes have 32 bits there, and nobody's initramfs is that large. */
static void refuses_too_much(void **state)
{
	const size_t size = (size_t)CPIO_MAX_SIZE + 1;
	struct cpio cpio = { 0 };
	struct err err = { "" };
	uint8_t *data = mmap(NULL, size, PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)state;
	assert_ptr_not_equal(data, MAP_FAILED);
	assert_int_equal(
		cpio_add_file(&cpio, "f", 0644, (struct bytes){ data, size }, &err), -1);
	assert_non_null(strstr(err.text, "more than 1024 MiB"));
	assert_int_equal(cpio_add_file(&cpio, "f", 0644,
				       (struct bytes){ data, SIZE_MAX - 2 }, &err),
			 -1);
	cpio_free(&cpio);
	munmap(data, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_and_folders),
		cmocka_unit_test(is_the_same_each_time),
		cmocka_unit_test(refuses_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
