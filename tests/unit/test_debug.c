/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breakpoints in guest memory: what the guest and what a debugger sees of them. On x86, as
 * its registers are, for a debugger: their places, widths and what is derived.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/registers.h"
#include "core/vm.h"

#define RAM  0x10000u
#define INT3 0xcc

static struct vm vm;
static const struct vm_config config;
static struct debug debug;

static int setup(void **state)
{
	struct err err;
	uint8_t byte;

	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&debug, 0, sizeof(debug));
	vm.debug = &debug;
	vm.config = &config;
	if (memory_add_ram(&vm.memory, 0, RAM, &err))
		return -1;
	for (unsigned i = 0; i < 256; i++) {
		byte = (uint8_t)i;
		memory_write(&vm.memory, i, &byte, 1);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	memory_destroy(&vm.memory);
	return 0;
}

static uint8_t guest_sees(uint64_t gpa)
{
	uint8_t byte;

	assert_true(memory_read(&vm.memory, gpa, &byte, 1));
	return byte;
}

static uint8_t debugger_sees(uint64_t gpa)
{
	uint8_t byte;

	assert_true(debug_read_memory(&vm, gpa, &byte, 1));
	return byte;
}

static struct debug_break *plant(uint64_t address, uint64_t gpa)
{
	struct debug_break *b = &debug.breaks[debug.nr_breaks];

	*b = (struct debug_break){ .kind = DEBUG_SOFTWARE,
				   .address = address,
				   .length = 1 };
	assert_true(debug_plant(&vm, b, gpa));
	debug.nr_breaks++;
	return b;
}

static void test_debugger_does_not_see_it(void **state)
{
	struct debug_break *b = plant(0x50, 0x50);
	uint8_t bytes[256];

	(void)state;
	assert_int_equal(guest_sees(0x50), INT3);
	assert_int_equal(debugger_sees(0x50), 0x50);
	assert_true(debug_read_memory(&vm, 0, bytes, sizeof(bytes)));
	for (unsigned i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], i);
	debug_uproot(&vm, b);
	assert_int_equal(guest_sees(0x50), 0x50);
	assert_int_equal(debugger_sees(0x50), 0x50);
}

static void test_writes_go_under_it(void **state)
{
	const uint8_t bytes[3] = { 1, 2, 3 };
	struct debug_break *b = plant(0x50, 0x50);

	(void)state;
	assert_true(debug_write_memory(&vm, 0x4f, bytes, sizeof(bytes)));
	assert_int_equal(guest_sees(0x4f), 1);
	assert_int_equal(guest_sees(0x50), INT3);
	assert_int_equal(guest_sees(0x51), 3);
	assert_int_equal(debugger_sees(0x50), 2);
	debug_uproot(&vm, b);
	assert_int_equal(guest_sees(0x50), 2);
}

static void test_guest_wrote_over_it(void **state)
{
	const uint8_t byte = 0x90;
	struct debug_break *b = plant(0x50, 0x50);

	(void)state;
	assert_true(memory_write(&vm.memory, 0x50, &byte, 1));
	debug_uproot(&vm, b);
	assert_int_equal(guest_sees(0x50), 0x90);
}

/* One place at two addresses, taken out in either order. */
static void test_two_at_one_place(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 2; first++) {
		plant(0x50, 0x50);
		plant(0xffffffff80000050, 0x50);
		assert_int_equal(debugger_sees(0x50), 0x50);
		debug_uproot(&vm, &debug.breaks[first]);
		assert_int_equal(guest_sees(0x50), INT3);
		debug_uproot(&vm, &debug.breaks[!first]);
		assert_int_equal(guest_sees(0x50), 0x50);
		debug.nr_breaks = 0;
	}
}

static void test_no_memory_there(void **state)
{
	struct debug_break b = { .kind = DEBUG_SOFTWARE, .address = RAM, .length = 1 };
	uint8_t byte = 0;

	(void)state;
	assert_false(debug_plant(&vm, &b, RAM));
	assert_false(b.in_memory);
	assert_false(debug_read_memory(&vm, RAM, &byte, 1));
	assert_false(debug_write_memory(&vm, UINT64_MAX, &byte, 1));
	b.length = 2; /* no instruction of x86 */
	assert_false(debug_plant(&vm, &b, 0x50));
	assert_int_equal(guest_sees(0x50), 0x50);
}

static void test_find(void **state)
{
	(void)state;
	plant(0x50, 0x50);
	assert_ptr_equal(debug_find(&debug, DEBUG_SOFTWARE, 0x50, 1), &debug.breaks[0]);
	assert_ptr_equal(debug_find(&debug, DEBUG_SOFTWARE, 0x50, UINT64_MAX),
			 &debug.breaks[0]);
	assert_null(debug_find(&debug, DEBUG_SOFTWARE, 0x50, 2));
	assert_null(debug_find(&debug, DEBUG_HARDWARE, 0x50, 1));
	assert_null(debug_find(&debug, DEBUG_SOFTWARE, 0x51, 1));
}

/* Has the CPU room for it? If so it is there. */
static bool add(enum debug_kind kind, uint64_t address, uint64_t length)
{
	const struct debug_break b = { .kind = kind,
				       .address = address,
				       .length = length };

	if (!machine_debug_has_room(&debug, &b))
		return false;
	debug.breaks[debug.nr_breaks++] = b;
	return true;
}

static void test_four_debug_registers(void **state)
{
	(void)state;
	assert_true(add(DEBUG_HARDWARE, 0x1000, 1));
	plant(0x50, 0x50); /* needs none */
	assert_true(add(DEBUG_WRITE, 0x2000, 8));
	assert_true(add(DEBUG_ACCESS, 0x2001, 1));
	assert_false(add(DEBUG_WRITE, 0x2002, 4)); /* two halves */
	assert_true(add(DEBUG_SOFTWARE, 0xffffffff80000000, 1));
	assert_false(add(DEBUG_HARDWARE, 0x1001, 1));
}

static void test_what_does_not_fit(void **state)
{
	(void)state;
	assert_false(add(DEBUG_WRITE, 0x1000, 33));
	assert_false(add(DEBUG_WRITE, 0x1000, UINT64_MAX));
	assert_false(add(DEBUG_WRITE, 0x1000, 0));
	assert_false(add(DEBUG_HARDWARE, 0x8000000000000000, 1)); /* not canonical */
	assert_true(add(DEBUG_WRITE, 0x1000, 32));
	assert_false(add(DEBUG_WRITE, 0x1000, 1));
}

/* -- registers -- */

static struct vcpu_registers registers;

static const struct debug_register *named(const struct debug_layout *layout,
					  const char *name)
{
	const struct debug_register *r;

	for (unsigned i = 0; (r = debug_register(layout, i)); i++) {
		if (strcmp(r->name, name) == 0)
			return r;
	}
	fail_msg("no register \"%s\"", name);
	return NULL;
}

static uint64_t get(const struct debug_layout *layout, const char *name)
{
	uint8_t bytes[DEBUG_REGISTER_BYTES];
	uint64_t value;

	registers_get(&registers, named(layout, name), bytes);
	memcpy(&value, bytes, sizeof(value));
	return value;
}

static void set(const struct debug_layout *layout, const char *name, uint64_t value)
{
	uint8_t bytes[DEBUG_REGISTER_BYTES] = { 0 };

	memcpy(bytes, &value, sizeof(value));
	registers_set(&registers, named(layout, name), bytes);
}

/* gdb knows these by their numbers. */
static void test_numbers(void **state)
{
	static const char *const i386[] = { "eax", "ecx", "edx", "ebx",    "esp", "ebp",
					    "esi", "edi", "eip", "eflags", "cs",  "ss",
					    "ds",  "es",  "fs",  "gs",     "st0" };
	static const char *const amd64[] = { "rax", "rbx", "rcx",    "rdx", "rsi",
					     "rdi", "rbp", "rsp",    "r8",  "r9",
					     "r10", "r11", "r12",    "r13", "r14",
					     "r15", "rip", "eflags", "cs",  "ss",
					     "ds",  "es",  "fs",     "gs",  "st0" };

	(void)state;
	for (unsigned i = 0; i < sizeof(i386) / sizeof(i386[0]); i++)
		assert_string_equal(debug_register(&registers_i386, i)->name, i386[i]);
	for (unsigned i = 0; i < sizeof(amd64) / sizeof(amd64[0]); i++)
		assert_string_equal(debug_register(&registers_amd64, i)->name, amd64[i]);
	assert_null(debug_register(&registers_i386, UINT64_MAX));
	assert_string_equal(debug_register(&registers_i386, 32)->name, "xmm0");
	assert_string_equal(debug_register(&registers_i386, 40)->name, "mxcsr");
	assert_string_equal(debug_register(&registers_amd64, 40)->name, "xmm0");
	assert_string_equal(debug_register(&registers_amd64, 56)->name, "mxcsr");
}

/* Each has its own place, and setting one changes no other. */
static void test_each_by_itself(void **state)
{
	static const struct debug_layout *const layouts[] = { &registers_i386,
							      &registers_amd64 };
	const struct debug_register *r, *other;
	uint8_t zero[DEBUG_REGISTER_BYTES] = { 0 }, bytes[DEBUG_REGISTER_BYTES];

	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		for (unsigned i = 0; (r = debug_register(layouts[n], i)); i++) {
			uint8_t ones[DEBUG_REGISTER_BYTES];

			memset(&registers, 0, sizeof(registers));
			registers.sregs.cr0 = 1;
			memset(ones, 0xff, sizeof(ones));
			assert_true(r->bits / 8u <= DEBUG_REGISTER_BYTES);
			registers_set(&registers, r, ones);
			if (strcmp(r->name, "fiseg") != 0 &&
			    strcmp(r->name, "foseg") != 0)
				assert_true(registers.changed);
			for (unsigned j = 0; (other = debug_register(layouts[n], j));
			     j++) {
				registers_get(&registers, other, bytes);
				if (j != i && strcmp(other->name, "cr0") != 0)
					assert_memory_equal(bytes, zero, sizeof(bytes));
			}
		}
	}
}

static void test_narrow_keeps_the_rest(void **state)
{
	(void)state;
	memset(&registers, 0, sizeof(registers));
	registers.regs.rax = 0x1122334455667788;
	assert_int_equal(get(&registers_i386, "eax"), 0x55667788);
	set(&registers_i386, "eax", 0x99);
	assert_int_equal(registers.regs.rax, 0x1122334400000099);
	assert_int_equal(registers.changed, CHANGED_REGS);
}

static void test_same_value_changes_nothing(void **state)
{
	(void)state;
	memset(&registers, 0, sizeof(registers));
	registers.sregs.cr3 = 0x1000;
	set(&registers_amd64, "cr3", 0x1000);
	assert_int_equal(registers.changed, 0);
	set(&registers_amd64, "cr3", 0x2000);
	assert_int_equal(registers.changed, CHANGED_SREGS);
}

static void test_program_counter_is_linear(void **state)
{
	(void)state;
	memset(&registers, 0, sizeof(registers));
	registers.sregs.cs.base = 0xffff0000;
	registers.regs.rip = 0xfff0;
	registers_derive(&registers);
	assert_int_equal(get(&registers_i386, "eip"), 0xfffffff0);
	set(&registers_i386, "eip", 0xffff1234);
	registers_settle(&registers);
	assert_int_equal(registers.regs.rip, 0x1234);

	/* The base does not count in 64-bit mode. */
	registers.sregs.efer = 1 << 10;
	registers.sregs.cs.l = 1;
	registers.regs.rip = 0xffffffff81000000;
	registers_derive(&registers);
	assert_int_equal(get(&registers_amd64, "rip"), 0xffffffff81000000);
	registers_settle(&registers);
	assert_int_equal(registers.regs.rip, 0xffffffff81000000);
}

static void test_selectors_in_real_mode(void **state)
{
	(void)state;
	memset(&registers, 0, sizeof(registers));
	registers.regs.rip = 0x10;
	registers_derive(&registers);
	set(&registers_i386, "cs", 0x1000);
	assert_int_equal(registers.sregs.cs.base, 0x10000);
	assert_int_equal(get(&registers_i386, "eip"), 0x10010);
	set(&registers_i386, "es", 0xb800);
	assert_int_equal(get(&registers_i386, "es_base"), 0xb8000);
	registers.sregs.cr0 = 1;
	set(&registers_i386, "ds", 0x10);
	assert_int_equal(get(&registers_i386, "ds_base"), 0);
}

/* Two values were pushed: 0 and then 1.0; the rest is empty. */
static void test_tag_word(void **state)
{
	(void)state;
	memset(&registers, 0, sizeof(registers));
	registers.fpu.fsw = 6 << 11;
	registers.fpu.ftwx = 0xc0;
	registers.fpu.fpr[0][7] = 0x80; /* ST0: 1.0 */
	registers.fpu.fpr[0][8] = 0xff;
	registers.fpu.fpr[0][9] = 0x3f;
	registers_derive(&registers);
	assert_int_equal(get(&registers_i386, "ftag"), 0x4fff);
	registers_settle(&registers);
	assert_int_equal(registers.fpu.ftwx, 0xc0);
	set(&registers_i386, "ftag", 0xffff);
	registers_settle(&registers);
	assert_int_equal(registers.fpu.ftwx, 0);
	assert_int_equal(registers.changed, CHANGED_FPU);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_debugger_does_not_see_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_writes_go_under_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guest_wrote_over_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_two_at_one_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
		cmocka_unit_test_setup_teardown(test_four_debug_registers, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_what_does_not_fit, setup, teardown),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_each_by_itself),
		cmocka_unit_test(test_narrow_keeps_the_rest),
		cmocka_unit_test(test_same_value_changes_nothing),
		cmocka_unit_test(test_program_counter_is_linear),
		cmocka_unit_test(test_selectors_in_real_mode),
		cmocka_unit_test(test_tag_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
