/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory map, descriptors and page tables that the x86-64 machine hands to a kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "arch/x86_64/layout.h"
#include "arch/x86_64/boot.h"

static void check_map(uint64_t ram)
{
	struct boot_memory map[BOOT_MAP_ROWS];
	unsigned n = boot_memory_map(ram, map);
	uint64_t usable = 0, end = 0;

	assert_true(n <= BOOT_MAP_ROWS);
	for (unsigned i = 0; i < n; i++) {
		assert_true(map[i].base >= end); /* sorted, no overlap */
		assert_true(map[i].size > 0);
		end = map[i].base + map[i].size;
		if (map[i].type != BOOT_MEMORY_RAM)
			continue;
		usable += map[i].size;
		assert_true(end <= LAYOUT_HOLE || map[i].base >= LAYOUT_HOLE_END);
		assert_false(ranges_overlap(map[i].base, map[i].size, LAYOUT_EBDA,
					    LAYOUT_HIGH_MEMORY - LAYOUT_EBDA));
	}
	/* All of it but the last 385 KiB below 1 MiB. */
	assert_true(usable == ram - (LAYOUT_HIGH_MEMORY - LAYOUT_EBDA));
}

static void test_memory_map(void **state)
{
	(void)state;
	check_map(2ull << 20);
	check_map(512ull << 20);
	check_map(LAYOUT_HOLE - 4096);
	check_map(LAYOUT_HOLE);
	check_map(LAYOUT_HOLE + 4096);
	check_map(5ull << 30);
	check_map(1ull << 40);
}

static void test_page_tables_map_four_gib(void **state)
{
	uint64_t *tables = calloc(1, CPU_PAGE_TABLES_SIZE);
	const uint64_t gpa = LAYOUT_PAGE_TABLES;

	(void)state;
	assert_non_null(tables);
	cpu_build_page_tables(tables, gpa);
	for (uint64_t address = 0; address < 1ull << 32; address += 0x1ff000) {
		uint64_t pml4e = tables[address >> 39];
		const uint64_t *pdpt = tables + ((pml4e & ~0xfffull) - gpa) / 8;
		uint64_t pdpte = pdpt[address >> 30 & 511];
		const uint64_t *pd = tables + ((pdpte & ~0xfffull) - gpa) / 8;
		uint64_t pde = pd[address >> 21 & 511];

		assert_int_equal(pml4e & 3, 3);
		assert_int_equal(pdpte & 3, 3);
		assert_int_equal(pde & 0x83, 0x83);
		assert_true((pde & ~0x1fffffull) == (address & ~0x1fffffull));
	}
	assert_true(tables[1] == 0 && tables[512 + 4] == 0);
	free(tables);
}

static void test_gdt(void **state)
{
	uint64_t gdt[CPU_GDT_ENTRIES];

	(void)state;
	cpu_build_gdt(gdt, CPU_LONG);
	assert_int_equal(gdt[0], 0);
	assert_true(gdt[2] & 1ull << 53);  /* L */
	assert_false(gdt[2] & 1ull << 54); /* D must be clear with L */
	cpu_build_gdt(gdt, CPU_PROTECTED);
	assert_false(gdt[2] & 1ull << 53);
	assert_true(gdt[2] & 1ull << 54);
	assert_int_equal(gdt[2] >> 40 & 0xff, 0x9b); /* present, ring 0, code, accessed */
	assert_int_equal(gdt[3] >> 40 & 0xff, 0x93); /* present, ring 0, data, accessed */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_map),
		cmocka_unit_test(test_page_tables_map_four_gib),
		cmocka_unit_test(test_gdt),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
