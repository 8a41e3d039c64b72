/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware configuration device as SeaBIOS, Linux and hostile guests use it. */
#include <stdio.h>
#include <stdlib.h>

#include "chip.h"

#include "dev/fw_cfg.h"

#define RAM_SIZE 0x40000u
#define ACCESS   0x100u /* where the tests put the structure of a DMA */

#define READ   0x02u
#define SKIP   0x04u
#define SELECT 0x08u
#define WRITE  0x10u

struct bench {
	struct fw_cfg fw;
	uint8_t ram[RAM_SIZE]; /* from address 0 */
	unsigned fetches;      /* calls of the reader below */
	bool unreadable;
	uint64_t written; /* bytes that were told to be written */
};

static const void *for_read(void *opaque, uint64_t gpa, uint64_t len)
{
	struct bench *bench = opaque;

	return range_within(gpa, len, RAM_SIZE) ? bench->ram + gpa : NULL;
}

static void *for_write(void *opaque, uint64_t gpa, uint64_t len)
{
	return (void *)(uintptr_t)for_read(opaque, gpa, len);
}

static void written(void *opaque, const void *hva, uint64_t len)
{
	struct bench *bench = opaque;

	assert_true(
		range_within((size_t)((const uint8_t *)hva - bench->ram), len, RAM_SIZE));
	bench->written += len;
}

static const struct fw_cfg_ops ops = {
	.for_read = for_read,
	.for_write = for_write,
	.written = written,
};

static struct bench *bench_new(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct err err;

	assert_non_null(bench);
	memset(bench->ram, 0xa5, RAM_SIZE);
	assert_int_equal(fw_cfg_init(&bench->fw, &ops, bench, &err), 0);
	return bench;
}

static void bench_free(struct bench *bench)
{
	fw_cfg_destroy(&bench->fw);
	free(bench);
}

static void add_file(struct bench *bench, const char *name, const char *text)
{
	const struct fw_cfg_content content = { .data = text, .size = strlen(text) };
	struct err err;

	assert_int_equal(fw_cfg_add_file(&bench->fw, name, &content, &err), 0);
}

static void select_key(struct bench *bench, unsigned key)
{
	fw_cfg_io.write(&bench->fw, 0, 2, key);
}

static uint8_t in(struct bench *bench)
{
	return chip_in(&fw_cfg_io, &bench->fw, 1);
}

static uint32_t in_be32(struct bench *bench)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 4; i++)
		value = value << 8 | in(bench);
	return value;
}

static void store_be32(uint8_t *to, uint32_t value)
{
	store_le32(to, __builtin_bswap32(value));
}

/* What the guest finds in the control word. */
static uint32_t dma_from(struct bench *bench, uint64_t access, uint32_t control,
			 uint32_t length, uint64_t address)
{
	uint8_t *at = bench->ram + access;

	store_be32(at, control);
	store_be32(at + 4, length);
	store_be32(at + 8, (uint32_t)(address >> 32));
	store_be32(at + 12, (uint32_t)address);
	fw_cfg_dma_io.write(&bench->fw, 4, 4, __builtin_bswap32((uint32_t)access));
	return __builtin_bswap32(load_le32(at));
}

static uint32_t dma(struct bench *bench, uint32_t control, uint32_t length,
		    uint64_t address)
{
	return dma_from(bench, ACCESS, control, length, address);
}

static void test_signature_and_id(void **state)
{
	struct bench *b = bench_new();
	char signature[5] = "";

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		signature[i] = (char)in(b); /* key 0 is selected at reset */
	assert_string_equal(signature, "QEMU");
	assert_int_equal(in(b), 0); /* behind the end */
	select_key(b, 1);
	assert_int_equal(in_be32(b), 0x03000000); /* both interfaces */
	assert_int_equal(fw_cfg_dma_io.read(&b->fw, 0, 4) & 0xffffffff, 0x554d4551);
	assert_int_equal(fw_cfg_dma_io.read(&b->fw, 4, 4) & 0xffffffff, 0x47464320);
	bench_free(b);
}

/* The key is in the low bits; who asks for writing may still read. */
static void test_selecting(void **state)
{
	struct bench *b = bench_new();
	struct err err;

	(void)state;
	assert_int_equal(
		fw_cfg_add_number(&b->fw, FW_CFG_RAM_SIZE, 0x1122334455667788, 8, &err),
		0);
	assert_int_equal(fw_cfg_add_number(&b->fw, FW_CFG_IRQ0_OVERRIDE, 1, 1, &err), 0);
	select_key(b, 3);
	assert_int_equal(in_be32(b), 0x88776655);
	assert_int_equal(in_be32(b), 0x44332211);
	select_key(b, 0x4003);
	assert_int_equal(in(b), 0x88);
	select_key(b, 0x8002);
	assert_int_equal(in(b), 1);
	assert_int_equal(in(b), 0);
	select_key(b, 0x8003); /* there is none */
	assert_int_equal(in_be32(b), 0);
	select_key(b, 3);
	chip_out(&fw_cfg_io, &b->fw, 0, 0); /* half a selector, and data: nothing */
	chip_out(&fw_cfg_io, &b->fw, 1, 0x99);
	assert_int_equal(chip_in(&fw_cfg_io, &b->fw, 0), 0xff);
	assert_int_equal(in(b), 0x88);
	bench_free(b);
}

static void check_entry(struct bench *b, unsigned size, unsigned key, const char *name)
{
	char text[56];

	assert_int_equal(in_be32(b), size);
	assert_int_equal(in_be32(b), key << 16);
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)in(b);
	assert_string_equal(text, name);
}

/* By name, whatever the order they were added in, and each key leads to its bytes. */
static void test_directory(void **state)
{
	struct bench *b = bench_new();

	(void)state;
	select_key(b, FW_CFG_FILE_DIR);
	assert_int_equal(in_be32(b), 0);
	add_file(b, "etc/e820", "map");
	add_file(b, "vgaroms/x.bin", "rom!");
	add_file(b, "bootorder", "a");
	select_key(b, FW_CFG_FILE_DIR);
	assert_int_equal(in_be32(b), 3);
	check_entry(b, 1, 0x20, "bootorder");
	check_entry(b, 3, 0x21, "etc/e820");
	check_entry(b, 4, 0x22, "vgaroms/x.bin");
	assert_int_equal(in_be32(b), 0);
	select_key(b, 0x21);
	assert_int_equal(in_be32(b), 0x6d617000);
	select_key(b, 0x23);
	assert_int_equal(in(b), 0);

	/* By DMA, a piece that straddles two entries, as in one go. */
	assert_int_equal(dma(b, FW_CFG_FILE_DIR << 16 | SELECT | READ, 196, 0x1000), 0);
	assert_string_equal((char *)b->ram + 0x1000 + 4 + 64 + 8, "etc/e820");
	assert_int_equal(dma(b, FW_CFG_FILE_DIR << 16 | SELECT | SKIP, 60, 0), 0);
	assert_int_equal(dma(b, READ, 80, 0x2000), 0);
	assert_memory_equal(b->ram + 0x2000, b->ram + 0x1000 + 60, 80);
	bench_free(b);
}

static void test_refused_files(void **state)
{
	const struct fw_cfg_content content = { .data = "x", .size = 1 };
	const struct fw_cfg_content huge = { .data = "x", .size = 1ull << 32 };
	struct bench *b = bench_new();
	char name[64];
	struct err err;

	(void)state;
	add_file(b, "a", "1");
	assert_int_equal(fw_cfg_add_file(&b->fw, "a", &content, &err), -1);
	assert_string_equal(err.text, "fw_cfg file \"a\": there is such a file already");
	assert_int_equal(fw_cfg_add_file(&b->fw, "", &content, &err), -1);
	memset(name, 'n', sizeof(name));
	name[56] = '\0';
	assert_int_equal(fw_cfg_add_file(&b->fw, name, &content, &err), -1);
	name[55] = '\0';
	assert_int_equal(fw_cfg_add_file(&b->fw, name, &content, &err), 0);
	assert_int_equal(fw_cfg_add_file(&b->fw, "b", &huge, &err), -1);
	assert_non_null(strstr(err.text, "less than 4G"));
	assert_int_equal(fw_cfg_add_writable_file(&b->fw, "w", 4096, &err), 0);
	assert_int_equal(fw_cfg_add_writable_file(&b->fw, "v", 1, &err), -1);
	for (unsigned i = 3; i < FW_CFG_MAX_FILES; i++) {
		snprintf(name, sizeof(name), "file%u", i);
		assert_int_equal(fw_cfg_add_file(&b->fw, name, &content, &err), 0);
	}
	assert_int_equal(fw_cfg_add_file(&b->fw, "more", &content, &err), -1);
	for (unsigned i = 3; i < FW_CFG_MAX_ITEMS; i++)
		assert_int_equal(
			fw_cfg_add_number(&b->fw, (uint16_t)(0x8000 + i), 1, 1, &err), 0);
	assert_int_equal(fw_cfg_add_number(&b->fw, 0x8100, 1, 1, &err), -1);
	bench_free(b);
}

static void test_dma_reads(void **state)
{
	struct bench *b = bench_new();

	(void)state;
	add_file(b, "f", "0123456789");
	assert_int_equal(dma(b, 0x20 << 16 | SELECT | READ, 4, 0x1000), 0);
	assert_int_equal(b->written, 4 + 4); /* the data and the answer */
	assert_memory_equal(b->ram + 0x0fff,
			    "\xa5"
			    "0123\xa5",
			    6);
	assert_int_equal(dma(b, SKIP, 2, 0), 0);
	assert_int_equal(dma(b, READ, 8, 0x1000), 0); /* four bytes and four zeros */
	assert_memory_equal(b->ram + 0x1000,
			    "6789\0\0\0\0"
			    "\xa5",
			    9);
	assert_int_equal(dma(b, READ, 2, 0x1000), 0); /* all behind the end */
	assert_memory_equal(b->ram + 0x1000,
			    "\0\0"
			    "89",
			    4);
	/* The data port goes on where DMA stopped. */
	assert_int_equal(dma(b, 0x20 << 16 | SELECT | READ, 9, 0x1000), 0);
	assert_int_equal(in(b), '9');
	/* No item: zeros. No command: only the answer. */
	assert_int_equal(dma(b, 0x7f << 16 | SELECT | READ, 2, 0x1000), 0);
	assert_int_equal(load_le16(b->ram + 0x1000), 0);
	assert_int_equal(dma(b, 0x20 << 16 | SELECT, 2, 0x1000), 0);
	assert_int_equal(in(b), '0');
	assert_int_equal(dma(b, 0, ~0u, ~0ull), 0);
	/* Reading wins over writing and skipping. */
	assert_int_equal(dma(b, 0x20 << 16 | SELECT | READ | WRITE | SKIP, 1, 0x1000), 0);
	assert_int_equal(b->ram[0x1000], '0');
	assert_int_equal(in(b), '1');
	bench_free(b);
}

/* An address above 4 GiB: the high half first, and it is forgotten afterwards. */
static void test_dma_address(void **state)
{
	struct bench *b = bench_new();

	(void)state;
	store_be32(b->ram + ACCESS, SKIP);
	fw_cfg_dma_io.write(&b->fw, 0, 4, __builtin_bswap32(1));
	assert_int_equal(load_le32(b->ram + ACCESS), __builtin_bswap32(SKIP));
	fw_cfg_dma_io.write(&b->fw, 4, 4, __builtin_bswap32(ACCESS));
	assert_int_equal(load_le32(b->ram + ACCESS), __builtin_bswap32(SKIP));
	fw_cfg_dma_io.write(&b->fw, 4, 2, 0); /* no width that triggers anything */
	fw_cfg_dma_io.write(&b->fw, 4, 4, __builtin_bswap32(ACCESS));
	assert_int_equal(load_le32(b->ram + ACCESS), 0);
	bench_free(b);
}

/* Where there is no RAM nothing moves, neither bytes nor the offset. */
static void test_dma_outside_ram(void **state)
{
	static const struct {
		uint64_t address;
		uint32_t length;
	} bad[] = {
		{ RAM_SIZE, 1 },   { RAM_SIZE - 4, 5 },   { 0xfee00000, 4 },
		{ UINT64_MAX, 4 }, { UINT64_MAX - 2, 8 }, { 0x8000000000000000, 8 },
	};
	struct bench *b = bench_new();
	uint8_t before[8];
	struct err err;

	(void)state;
	add_file(b, "f", "0123456789");
	assert_int_equal(fw_cfg_add_writable_file(&b->fw, "w", 16, &err), 0);
	memcpy(before, b->ram + RAM_SIZE - 8, 8);
	for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
		assert_int_equal(
			dma(b, 0x20 << 16 | SELECT | READ, bad[i].length, bad[i].address),
			1);
		assert_int_equal(in(b), '0');
		assert_int_equal(dma(b, 0x21 << 16 | SELECT | WRITE, bad[i].length,
				     bad[i].address),
				 1);
		assert_int_equal(in(b), 0);
	}
	assert_memory_equal(b->ram + RAM_SIZE - 8, before, 8);
	/* The structure itself: its last byte is outside. Nobody can be told. */
	fw_cfg_dma_io.write(&b->fw, 4, 4, __builtin_bswap32(RAM_SIZE - 15));
	fw_cfg_dma_io.write(&b->fw, 4, 4, __builtin_bswap32(0xfffffff8));
	assert_memory_equal(b->ram + RAM_SIZE - 8, before, 8);
	assert_int_equal(dma_from(b, RAM_SIZE - 16, READ, 0, 0), 0);
	bench_free(b);
}

/* A guest can ask for 4 GiB in one OUT; what it costs is bounded by the item. */
static void test_dma_is_bounded(void **state)
{
	struct bench *b = bench_new();

	(void)state;
	add_file(b, "f", "0123456789");
	assert_int_equal(dma(b, 0x20 << 16 | SELECT | READ, ~0u, 0), 1);
	assert_int_equal(dma(b, READ, FW_CFG_MAX_PADDING + 11, 0x1000), 1);
	assert_int_equal(b->ram[0x1000], 0xa5);
	assert_int_equal(dma(b, READ, FW_CFG_MAX_PADDING + 10, 0x1000), 0);
	assert_int_equal(b->ram[0x1000 + FW_CFG_MAX_PADDING + 9], 0);
	assert_int_equal(b->ram[0x1000 + FW_CFG_MAX_PADDING + 10], 0xa5);
	/* The offset does not come round. */
	assert_int_equal(dma(b, 0x20 << 16 | SELECT | SKIP, ~0u, 0), 0);
	assert_int_equal(dma(b, SKIP, 5, 0), 0);
	assert_int_equal(in(b), 0);
	assert_int_equal(dma(b, SKIP, ~0u, 0), 0);
	assert_int_equal(in(b), 0);
	assert_int_equal(dma(b, 0x20 << 16 | SELECT | WRITE, ~0u, 0), 1);
	bench_free(b);
}

static void test_writable_files(void **state)
{
	struct bench *b = bench_new();
	struct err err;

	(void)state;
	assert_int_equal(fw_cfg_add_writable_file(&b->fw, "w1", 8, &err), 0);
	assert_int_equal(fw_cfg_add_writable_file(&b->fw, "w2", 8, &err), 0);
	add_file(b, "read-only", "01234567");
	memcpy(b->ram + 0x1000, "abcdefghijkl", 12);
	assert_int_equal(dma(b, 0x21 << 16 | SELECT | WRITE, 8, 0x1000), 0);
	assert_int_equal(dma(b, WRITE, 1, 0x1000), 1); /* it does not grow */
	assert_int_equal(dma(b, 0x22 << 16 | SELECT | WRITE, 9, 0x1000), 1);
	assert_int_equal(dma(b, 0x22 << 16 | SELECT | SKIP, 6, 0x1000), 0);
	assert_int_equal(dma(b, WRITE, 2, 0x1008), 0);
	select_key(b, 0x21);
	assert_int_equal(in_be32(b), 0x61626364);
	select_key(b, 0x22);
	assert_int_equal(in_be32(b), 0);
	assert_int_equal(in_be32(b), 0x0000696a);
	assert_int_equal(dma(b, 0x20 << 16 | SELECT | WRITE, 1, 0x1000), 1);
	assert_int_equal(in(b), '0');
	assert_int_equal(dma(b, 0x99 << 16 | SELECT | WRITE, 1, 0x1000), 1);
	fw_cfg_reset(&b->fw);
	select_key(b, 0x21);
	assert_int_equal(in_be32(b), 0);
	bench_free(b);
}

/* Bytes that are fetched when they are asked for: byte n is n. */
static bool fetch(void *opaque, uint32_t offset, void *to, size_t len)
{
	struct bench *bench = opaque;
	uint8_t *at = to;

	bench->fetches++;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(offset + i);
	return !bench->unreadable;
}

static void test_lazy_items(void **state)
{
	struct bench *b = bench_new();
	const struct fw_cfg_content content = { .read = fetch,
						.opaque = b,
						.size = 0x20000 };
	struct err err;

	(void)state;
	assert_int_equal(fw_cfg_add_item(&b->fw, FW_CFG_INITRD_DATA, &content, &err), 0);
	assert_int_equal(b->fetches, 0);
	assert_int_equal(
		dma(b, FW_CFG_INITRD_DATA << 16 | SELECT | READ, 0x20000, 0x1000), 0);
	assert_int_equal(b->fetches, 1);
	assert_int_equal(b->ram[0x1000 + 0x1fffe], 0xfe);
	assert_int_equal(dma(b, READ, 4, 0x1000), 0); /* the end: nothing to fetch */
	assert_int_equal(b->fetches, 1);
	select_key(b, FW_CFG_INITRD_DATA);
	assert_int_equal(in_be32(b), 0x00010203);
	b->unreadable = true;
	assert_int_equal(in(b), 0);
	b->written = 0;
	assert_int_equal(dma(b, READ, 4, 0x1000), 1);
	assert_int_equal(b->written, 4 + 4); /* who fetched may have written some of it */
	bench_free(b);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct bench *a = bench_new(), *b = bench_new();
	struct err err;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct bench *bench = i ? b : a;

		add_file(bench, "f", "0123456789");
		assert_int_equal(fw_cfg_add_writable_file(&bench->fw, "w", 4, &err), 0);
	}
	memcpy(a->ram + 0x1000, "abcd", 4);
	assert_int_equal(dma(a, 0x21 << 16 | SELECT | WRITE, 4, 0x1000), 0);
	assert_int_equal(dma(a, 0x20 << 16 | SELECT | SKIP, 3, 0), 0);
	fw_cfg_dma_io.write(&a->fw, 0, 4, __builtin_bswap32(1));
	assert_int_equal(fw_cfg_save(&a->fw, &writer, "chip", &err), 0);
	assert_int_equal(fw_cfg_load(&b->fw, chip_image(&writer), "chip", &err), 0);
	state_writer_free(&writer);
	assert_int_equal(in(b), '3');
	store_be32(b->ram + ACCESS, SKIP);
	assert_int_equal(dma(b, SKIP, 1, 0), SKIP); /* the high half is still 1 */
	select_key(b, 0x21);
	assert_int_equal(in_be32(b), 0x61626364);
	bench_free(a);
	bench_free(b);
}

static void test_load_of_an_older_state(void **state)
{
	const uint16_t selector = 0x20;
	struct state_writer writer = { 0 };
	struct bench *b = bench_new();
	struct err err;

	(void)state;
	add_file(b, "f", "0123456789");
	in(b);
	chip_section(&writer, "strange", &selector, 2);
	assert_int_equal(fw_cfg_load(&b->fw, chip_image(&writer), "chip", &err), -1);
	assert_int_equal(in(b), 'E');
	chip_section(&writer, "selector", &selector, 2);
	assert_int_equal(fw_cfg_load(&b->fw, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(b), '0');
	state_writer_free(&writer);
	bench_free(b);
}

/* Nothing but the two areas that a DMA names ever changes. */
static void test_random_operations(void **state)
{
	struct bench *b = bench_new();
	uint32_t seed = 510;
	struct err err;

	(void)state;
	add_file(b, "f", "0123456789");
	assert_int_equal(fw_cfg_add_writable_file(&b->fw, "w", 64, &err), 0);
	for (unsigned i = 0; i < 20000; i++) {
		const uint32_t r = chip_random(&seed), length = chip_random(&seed) % 99;
		const uint64_t at = 0x2000 + chip_random(&seed) % 0x1000;

		switch (r % 4) {
		case 0:
			select_key(b, r >> 8 & 0x1023);
			break;
		case 1:
			in(b);
			break;
		default:
			assert_true(dma(b, (r >> 8 & 0x23) << 16 | (r >> 3 & 0x1e),
					length, at) <= 1);
			break;
		}
	}
	for (uint32_t i = 0; i < RAM_SIZE; i++) {
		if ((i < ACCESS || i >= ACCESS + 16) && (i < 0x2000 || i >= 0x3100))
			assert_int_equal(b->ram[i], 0xa5);
	}
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signature_and_id),
		cmocka_unit_test(test_selecting),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_refused_files),
		cmocka_unit_test(test_dma_reads),
		cmocka_unit_test(test_dma_address),
		cmocka_unit_test(test_dma_outside_ram),
		cmocka_unit_test(test_dma_is_bounded),
		cmocka_unit_test(test_writable_files),
		cmocka_unit_test(test_lazy_items),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_load_of_an_older_state),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
