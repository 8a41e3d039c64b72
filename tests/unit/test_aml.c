/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The AML writer: the bytes of each construct by the ACPI specification,
 * lengths at the edges of their encodings, and faults that stick.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "arch/x86_64/aml.h"
#include "util/bytes.h"

/* The length of what was written; the test fails if there was a fault. */
static size_t finished(const struct aml *aml)
{
	struct err err = { "" };
	size_t used = 0;

	if (aml_finish(aml, &used, &err) < 0)
		fail_msg("%s", err.text);
	return used;
}

static void assert_fault(const struct aml *aml, const char *part)
{
	struct err err = { "" };
	size_t used = 12345;

	assert_int_equal(aml_finish(aml, &used, &err), -1);
	assert_int_equal(used, 12345);
	assert_non_null(strstr(err.text, part));
}

#define ASSERT_AML(aml, ...)                                          \
	do {                                                          \
		static const uint8_t want[] = { __VA_ARGS__ };        \
		assert_int_equal(finished(aml), sizeof(want));        \
		assert_memory_equal((aml)->data, want, sizeof(want)); \
	} while (0)

static void test_integers(void **state)
{
	static const struct {
		uint64_t value;
		uint8_t bytes[9];
		size_t size;
	} cases[] = {
		{ 0, { 0x00 }, 1 },
		{ 1, { 0x01 }, 1 },
		{ 2, { 0x0a, 2 }, 2 },
		{ 0xff, { 0x0a, 0xff }, 2 },
		{ 0x100, { 0x0b, 0x00, 0x01 }, 3 },
		{ 0xffff, { 0x0b, 0xff, 0xff }, 3 },
		{ 0x10000, { 0x0c, 0, 0, 1, 0 }, 5 },
		{ 0xffffffff, { 0x0c, 0xff, 0xff, 0xff, 0xff }, 5 },
		{ 0x100000000, { 0x0e, 0, 0, 0, 0, 1, 0, 0, 0 }, 9 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t data[16];
		struct aml aml;

		aml_init(&aml, data, sizeof(data));
		aml_integer(&aml, cases[i].value);
		assert_int_equal(finished(&aml), cases[i].size);
		assert_memory_equal(data, cases[i].bytes, cases[i].size);
	}
}

static void test_strings_and_ids(void **state)
{
	uint8_t data[64];
	struct aml aml;

	(void)state;
	aml_init(&aml, data, sizeof(data));
	aml_string(&aml, "LNRO0005");
	ASSERT_AML(&aml, 0x0d, 'L', 'N', 'R', 'O', '0', '0', '0', '5', 0);

	aml_init(&aml, data, sizeof(data));
	aml_eisaid(&aml, "PNP0501");
	ASSERT_AML(&aml, 0x0c, 0x41, 0xd0, 0x05, 0x01);

	aml_init(&aml, data, sizeof(data));
	aml_eisaid(&aml, "PNP0A08");
	ASSERT_AML(&aml, 0x0c, 0x41, 0xd0, 0x0a, 0x08);
}

static void test_wrong_ids_are_refused(void **state)
{
	static const char *const ids[] = { "",        "PNP050",  "PNP05011", "pnp0501",
					   "PN00501", "PNP050G", "PNP05a1" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		uint8_t data[16];
		struct aml aml;

		aml_init(&aml, data, sizeof(data));
		aml_eisaid(&aml, ids[i]);
		assert_fault(&aml, "EISA ID");
	}
}

static void test_paths(void **state)
{
	uint8_t data[64];
	struct aml aml;

	(void)state;
	aml_init(&aml, data, sizeof(data));
	aml_reference(&aml, "PCI0");
	ASSERT_AML(&aml, 'P', 'C', 'I', '0');

	aml_init(&aml, data, sizeof(data));
	aml_reference(&aml, "\\_SB");
	ASSERT_AML(&aml, '\\', '_', 'S', 'B', '_');

	aml_init(&aml, data, sizeof(data));
	aml_reference(&aml, "^^A.LNKA");
	ASSERT_AML(&aml, '^', '^', 0x2e, 'A', '_', '_', '_', 'L', 'N', 'K', 'A');

	aml_init(&aml, data, sizeof(data));
	aml_reference(&aml, "\\_SB.PCI0.S1");
	ASSERT_AML(&aml, '\\', 0x2f, 3, '_', 'S', 'B', '_', 'P', 'C', 'I', '0', 'S', '1',
		   '_', '_');
}

static void test_wrong_paths_are_refused(void **state)
{
	static const char *const paths[] = { "",     ".",    "TOOLONG", "1ABC", "abc",
					     "A..B", "A.",   ".A",      "\\",   "A\\B",
					     "^\\A", "\\^A", "A B" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		uint8_t data[64];
		struct aml aml;

		aml_init(&aml, data, sizeof(data));
		aml_reference(&aml, paths[i]);
		assert_fault(&aml, "name");
	}
}

static void test_blocks(void **state)
{
	uint8_t data[128];
	struct aml aml;

	(void)state;
	aml_init(&aml, data, sizeof(data));
	aml_scope(&aml, "\\_SB");
	aml_device(&aml, "RTC");
	aml_name(&aml, "_UID");
	aml_integer(&aml, 7);
	aml_end(&aml);
	aml_end(&aml);
	ASSERT_AML(&aml, 0x10, 20, '\\', '_', 'S', 'B', '_', 0x5b, 0x82, 12, 'R', 'T',
		   'C', '_', 0x08, '_', 'U', 'I', 'D', 0x0a, 7);

	aml_init(&aml, data, sizeof(data));
	aml_method(&aml, "_STA", 2);
	aml_return(&aml);
	aml_integer(&aml, 0xf);
	aml_end(&aml);
	ASSERT_AML(&aml, 0x14, 9, '_', 'S', 'T', 'A', 2, 0xa4, 0x0a, 0xf);

	aml_init(&aml, data, sizeof(data));
	aml_name(&aml, "\\_S5");
	aml_package(&aml, 2);
	aml_integer(&aml, 5);
	aml_integer(&aml, 0);
	aml_end(&aml);
	ASSERT_AML(&aml, 0x08, '\\', '_', 'S', '5', '_', 0x12, 5, 2, 0x0a, 5, 0x00);
}

static void test_resources(void **state)
{
	uint8_t data[128];
	struct aml aml;

	(void)state;
	aml_init(&aml, data, sizeof(data));
	aml_resources(&aml);
	aml_io(&aml, 0x3f8, 8);
	aml_irq(&aml, 4);
	aml_end(&aml);
	ASSERT_AML(&aml, 0x11, 16, 0x0a, 13, 0x47, 1, 0xf8, 0x03, 0xf8, 0x03, 1, 8, 0x22,
		   0x10, 0x00, 0x79, 0x00);

	aml_init(&aml, data, sizeof(data));
	aml_resources(&aml);
	aml_memory32(&aml, 0xd0000000, 0x200);
	aml_interrupt(&aml, 0x105, AML_EDGE);
	aml_interrupt(&aml, 16, AML_LEVEL | AML_LOW | AML_SHARED);
	aml_end(&aml);
	ASSERT_AML(&aml, 0x11, 35, 0x0a, 32,                 /* */
		   0x86, 9, 0, 1, 0, 0, 0, 0xd0, 0, 2, 0, 0, /* */
		   0x89, 6, 0, 0x03, 1, 5, 1, 0, 0,          /* */
		   0x89, 6, 0, 0x0d, 1, 16, 0, 0, 0, 0x79, 0);
}

static void test_windows(void **state)
{
	uint8_t data[128];
	struct aml aml;

	(void)state;
	aml_init(&aml, data, sizeof(data));
	aml_resources(&aml);
	aml_window(&aml, AML_BUS_NUMBER, 2, 0, 0xff);
	aml_end(&aml);
	ASSERT_AML(&aml, 0x11, 21, 0x0a, 18, 0x88, 13, 0, 2, 0x0c, 0, 0, 0, 0, 0, 0xff, 0,
		   0, 0, 0, 1, 0x79, 0);

	aml_init(&aml, data, sizeof(data));
	aml_resources(&aml);
	aml_window(&aml, AML_IO, 4, 0x0, 0xffff);
	aml_end(&aml);
	ASSERT_AML(&aml, 0x11, 31, 0x0a, 28, 0x87, 23, 0, 1, 0x0c, 3, 0, 0, 0, 0, 0, 0, 0,
		   0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x79, 0);

	aml_init(&aml, data, sizeof(data));
	aml_resources(&aml);
	aml_window(&aml, AML_MEMORY, 8, 0x100000000, 0x1ffffffff);
	aml_end(&aml);
	ASSERT_AML(&aml, 0x11, 51, 0x0a, 48, 0x8a, 43, 0, 0, 0x0c, 1,          /* */
		   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,             /* */
		   0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* */
		   0, 0, 0, 0, 1, 0, 0, 0, 0x79, 0);
}

static void test_wrong_resources_are_refused(void **state)
{
	static const struct {
		enum aml_space space;
		unsigned width;
		uint64_t first, last;
	} windows[] = {
		{ AML_IO, 2, 0, 0x10000 },            /* end too wide */
		{ AML_IO, 2, 0, 0xffff },             /* length too wide */
		{ AML_MEMORY, 8, 0, UINT64_MAX },     /* length too wide */
		{ AML_IO, 2, 0x100, 0xff },           /* empty */
		{ AML_MEMORY, 2, 0, 0xff },           /* no such descriptor */
		{ AML_MEMORY, 4, 0, 0x100000000ull }, /* end too wide */
		{ AML_IO, 3, 0, 0xff },
		{ AML_IO, 0, 0, 0 },
		{ AML_IO, 16, 0, 0xff },
	};
	uint8_t data[128];
	struct aml aml;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		aml_init(&aml, data, sizeof(data));
		aml_resources(&aml);
		aml_window(&aml, windows[i].space, windows[i].width, windows[i].first,
			   windows[i].last);
		aml_end(&aml);
		assert_fault(&aml, "window");
	}

	aml_init(&aml, data, sizeof(data));
	aml_resources(&aml);
	aml_memory32(&aml, 0xfffff000, 0x1001);
	assert_fault(&aml, "4 GiB");

	aml_init(&aml, data, sizeof(data));
	aml_resources(&aml);
	aml_irq(&aml, 16);
	assert_fault(&aml, "interrupt");

	aml_init(&aml, data, sizeof(data));
	aml_resources(&aml);
	aml_dma(&aml, 4);
	assert_fault(&aml, "DMA channel");

	aml_init(&aml, data, sizeof(data));
	aml_scope(&aml, "\\_SB");
	aml_io(&aml, 0x3f8, 8);
	assert_fault(&aml, "outside of a resource template");
}

/* Decode a PkgLength at `at`; its own size goes to *size. */
static size_t pkg_length(const uint8_t *at, size_t *size)
{
	unsigned more = at[0] >> 6;
	size_t len = more ? at[0] & 0xf : at[0] & 0x3f;
	unsigned i;

	for (i = 1; i <= more; i++)
		len |= (size_t)at[i] << (8 * i - 4);
	*size = more + 1;
	return len;
}

/* A package of strings around each edge where PkgLength takes one byte more. */
static void test_pkg_length_edges(void **state)
{
	static const struct {
		size_t contents; /* bytes behind the PkgLength */
		size_t size;     /* of the PkgLength */
	} cases[] = {
		{ 62, 1 },   { 63, 2 },      { 4093, 2 },
		{ 4094, 3 }, { 0xffffc, 3 }, { 0xffffd, 4 },
	};
	size_t room = 0x110000;
	uint8_t *data = malloc(room);
	char *text = malloc(room);
	size_t i;

	(void)state;
	assert_non_null(data);
	assert_non_null(text);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t characters = cases[i].contents - 3; /* count, prefix, NUL */
		size_t size;
		struct aml aml;

		memset(text, 'x', characters);
		text[characters] = '\0';
		aml_init(&aml, data, room);
		aml_package(&aml, 1);
		aml_string(&aml, text);
		aml_end(&aml);

		assert_int_equal(finished(&aml), 1 + cases[i].size + cases[i].contents);
		assert_int_equal(pkg_length(data + 1, &size),
				 cases[i].size + cases[i].contents);
		assert_int_equal(size, cases[i].size);
		assert_int_equal(data[1 + size], 1);
		assert_int_equal(data[2 + size], 0x0d);
		assert_memory_equal(data + 3 + size, text, characters + 1);
	}
	free(data);
	free(text);
}

/* A long inner block moves its contents; the outer one must still frame it. */
static void test_long_blocks_nest(void **state)
{
	uint8_t data[1024];
	struct aml aml;
	size_t outer, inner, size, used;
	unsigned i;

	(void)state;
	aml_init(&aml, data, sizeof(data));
	aml_scope(&aml, "\\_SB");
	aml_device(&aml, "DEV0");
	aml_name(&aml, "_CRS");
	aml_resources(&aml);
	for (i = 0; i < 40; i++)
		aml_io(&aml, (uint16_t)(0x100 + 8 * i), 8);
	aml_end(&aml);
	aml_end(&aml);
	aml_name(&aml, "LAST");
	aml_integer(&aml, 1);
	aml_end(&aml);

	used = finished(&aml);
	outer = pkg_length(data + 1, &size);
	assert_int_equal(outer, used - 1);
	assert_memory_equal(data + 1 + size, "\\_SB_\x5b\x82", 7);
	inner = pkg_length(data + 8 + size, &size);
	assert_memory_equal(data + 10 + inner, "\x08LAST\x01", 6);
	/* _CRS: Buffer (word 322) { ... } */
	assert_memory_equal(data + 10 + size, "DEV0\x08_CRS\x11", 10);
	assert_int_equal(pkg_length(data + 20 + size, &size), 2 + 3 + 322);
	assert_memory_equal(data + 24, "\x0b\x42\x01\x47\x01\x00\x01", 7);
}

static void describe(struct aml *aml)
{
	aml_scope(aml, "\\_SB");
	aml_device(aml, "COM1");
	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0501");
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_io(aml, 0x3f8, 8);
	aml_irq(aml, 4);
	aml_end(aml);
	aml_name(aml, "_DDN");
	aml_string(aml, "a text that makes this block longer than 63 bytes");
	aml_end(aml);
	aml_end(aml);
}

/* Whatever the room, no byte behind it is touched, and only enough is success. */
static void test_overflow_sticks(void **state)
{
	uint8_t data[256];
	struct aml aml;
	size_t need, room, i;

	(void)state;
	aml_init(&aml, data, sizeof(data));
	describe(&aml);
	need = finished(&aml);

	for (room = 0; room < need; room++) {
		memset(data, 0xee, sizeof(data));
		aml_init(&aml, data, room);
		describe(&aml);
		assert_fault(&aml, "no room");
		for (i = room; i < sizeof(data); i++)
			assert_int_equal(data[i], 0xee);
	}
	memset(data, 0xee, sizeof(data));
	aml_init(&aml, data, need);
	describe(&aml);
	assert_int_equal(finished(&aml), need);
	assert_int_equal(data[need], 0xee);
}

static void test_first_fault_is_told(void **state)
{
	uint8_t data[64];
	struct aml aml;

	(void)state;
	aml_init(&aml, data, sizeof(data));
	aml_device(&aml, "too long");
	aml_eisaid(&aml, "wrong");
	aml_end(&aml);
	assert_fault(&aml, "a name");
}

static void test_unbalanced_blocks_are_refused(void **state)
{
	uint8_t data[256];
	struct aml aml;
	unsigned i;

	(void)state;
	aml_init(&aml, data, sizeof(data));
	aml_end(&aml);
	assert_fault(&aml, "no beginning");

	aml_init(&aml, data, sizeof(data));
	aml_scope(&aml, "\\_SB");
	aml_package(&aml, 0);
	assert_fault(&aml, "2 blocks have no end");

	aml_init(&aml, data, sizeof(data));
	for (i = 0; i < AML_MAX_DEPTH; i++)
		aml_package(&aml, 1);
	for (i = 0; i < AML_MAX_DEPTH; i++)
		aml_end(&aml);
	finished(&aml);

	aml_init(&aml, data, sizeof(data));
	for (i = 0; i < AML_MAX_DEPTH + 1; i++)
		aml_package(&aml, 1);
	for (i = 0; i < AML_MAX_DEPTH + 1; i++)
		aml_end(&aml);
	assert_fault(&aml, "too deep");

	aml_init(&aml, data, sizeof(data));
	aml_method(&aml, "_DSM", 8);
	assert_fault(&aml, "arguments");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_strings_and_ids),
		cmocka_unit_test(test_wrong_ids_are_refused),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_wrong_paths_are_refused),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_wrong_resources_are_refused),
		cmocka_unit_test(test_pkg_length_edges),
		cmocka_unit_test(test_long_blocks_nest),
		cmocka_unit_test(test_overflow_sticks),
		cmocka_unit_test(test_first_fault_is_told),
		cmocka_unit_test(test_unbalanced_blocks_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
