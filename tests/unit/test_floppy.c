/* SPDX-License-Identifier: BSD-2-Clause */
/* Floppy disks on real files, by their ports: DMA, resets in flight, errors of the host. */
#include "block_test.h"
#include "chip.h"

#include "arch/x86_64/floppy.h"
#include "arch/x86_64/layout.h"

#define RAM    (4ull << 20)
#define SIZE   (1440 << 10)
#define BUFFER 0x20000u

static struct vm vm;
static struct vm_config config;
static struct loop loop;
static struct wires wires;
static struct floppy floppy;
static struct scratch file;
static unsigned raised;

static void set_pin(struct vm *of, unsigned number, bool level)
{
	(void)of;
	if (number == IRQ_FLOPPY && level)
		raised++;
}

static void build(bool read_only)
{
	struct err err;

	config.floppies[0] = (struct config_disk){
		.path = file.path,
		.read_only = read_only,
		/* Threads: so that what the page cache has is not there at once. */
		.engine = BLOCK_ENGINE_THREADS,
	};
	config.nr_floppies = 1;
	assert_int_equal(floppy_build(&floppy, &vm, &wires, &err), 0);
}

static int setup(void **state)
{
	struct err err;

	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&floppy, 0, sizeof(floppy));
	raised = 0;
	config_init(&config);
	bus_init(&vm.bus);
	if (loop_init(&loop, &err) || memory_add_ram(&vm.memory, 0, RAM, &err))
		return -1;
	vm.config = &config;
	vm.loop = &loop;
	wires_init(&wires, &vm, set_pin);
	file = scratch_make(SIZE);
	for (unsigned i = 0; i < SIZE / 512; i++) {
		const uint16_t mark = (uint16_t)(i + 1);

		scratch_write(&file, 512 * i, &mark, 2);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	floppy_destroy(&floppy);
	unlink(file.path);
	wires_destroy(&wires);
	loop_destroy(&loop);
	bus_destroy(&vm.bus);
	memory_destroy(&vm.memory);
	return 0;
}

static void out(unsigned port, uint8_t value)
{
	bus_access(&vm.bus, BUS_PIO, port, &value, 1, true);
}

static uint8_t in(unsigned port)
{
	uint8_t value = 0;

	bus_access(&vm.bus, BUS_PIO, port, &value, 1, false);
	return value;
}

/* Out of reset, 500 kbit/s, by DMA; then channel 2 for `size` bytes, to memory or from it. */
static void set_up(bool to_memory, unsigned size)
{
	static const uint8_t specify[] = { 0x03, 0xdf, 0x02 };

	out(0x3f2, 0);
	out(0x3f2, 0x1c);
	out(0x3f5, 0x08); /* SENSE INTERRUPT */
	assert_int_equal(in(0x3f5), 0xc0);
	assert_int_equal(in(0x3f5), 0);
	out(0x3f7, 0);
	for (unsigned i = 0; i < sizeof(specify); i++)
		out(0x3f5, specify[i]);
	out(0x0a, 6);
	out(0x0c, 0);
	out(0x0b, to_memory ? 0x46 : 0x4a);
	out(0x04, BUFFER & 0xff);
	out(0x04, BUFFER >> 8 & 0xff);
	out(0x81, BUFFER >> 16);
	out(0x05, (size - 1) & 0xff);
	out(0x05, (uint8_t)((size - 1) >> 8));
	out(0x0a, 2);
}

/* READ DATA or WRITE DATA from a sector of track 0, head 0 on. */
static void command(uint8_t opcode, uint8_t sector)
{
	const uint8_t bytes[] = { opcode, 0, 0, 0, sector, 2, 18, 0x1b, 0xff };

	for (unsigned i = 0; i < sizeof(bytes); i++)
		out(0x3f5, bytes[i]);
}

/* Let the host work until there is a result, and take it. */
static void finish(uint8_t result[7])
{
	const int64_t deadline = loop_now() + 10000000000;
	struct err err;

	while ((in(0x3f4) & 0xc0) != 0xc0) {
		assert_true(loop_now() < deadline);
		assert_int_equal(loop_turn(&loop, 1000, &err), 0);
	}
	for (unsigned i = 0; i < 7; i++)
		result[i] = in(0x3f5);
	assert_int_equal(in(0x3f4), 0x80);
}

static uint16_t in_ram(unsigned at)
{
	uint16_t value;

	assert_true(memory_read(&vm.memory, BUFFER + at, &value, 2));
	return value;
}

static void test_read(void **state)
{
	uint8_t result[7];
	unsigned before;

	(void)state;
	build(false);
	set_up(true, 1024);
	before = raised;
	command(0x46, 5);
	finish(result);
	assert_memory_equal(result, "\0\0\0\0\0\x07\x02", 7);
	assert_int_equal(in_ram(0), 5);
	assert_int_equal(in_ram(512), 6);
	assert_int_equal(in_ram(1024), 0); /* what was not asked for */
	assert_int_equal(raised, before + 1);
}

static void test_write(void **state)
{
	const uint16_t text = 0xbeef;
	uint8_t result[7];
	uint16_t found;

	(void)state;
	build(false);
	assert_true(memory_write(&vm.memory, BUFFER + 512, &text, 2));
	set_up(false, 1024);
	command(0x45, 9);
	finish(result);
	assert_memory_equal(result, "\0\0\0\0\0\x0b\x02", 7);
	scratch_read(&file, 9 * 512, &found, 2);
	assert_int_equal(found, text);
	scratch_read(&file, 10 * 512, &found, 2);
	assert_int_equal(found, 11);
}

static void test_write_protected(void **state)
{
	uint8_t result[7];

	(void)state;
	build(true);
	set_up(false, 512);
	command(0x45, 1);
	finish(result);
	assert_memory_equal(result, "\x40\x02", 2);
}

/* The file has become shorter since: an error where it ends, and none before. */
static void test_lost_end(void **state)
{
	uint8_t result[7];

	(void)state;
	build(false);
	assert_int_equal(truncate(file.path, 2048), 0);
	set_up(true, 512);
	command(0x46, 9);
	finish(result);
	assert_memory_equal(result, "\x40\x20\x20", 3);
	set_up(true, 512);
	command(0x46, 3);
	finish(result);
	assert_int_equal(result[0], 0);
	assert_int_equal(in_ram(0), 3);
}

static void turn(unsigned times)
{
	struct err err;

	for (unsigned i = 0; i < times; i++)
		assert_int_equal(loop_turn(&loop, 0, &err), 0);
}

/*
 * A reset of the controller or of the machine, before the host has begun, while it is at
 * it, or after that. What the read before has found is nobody's any more.
 */
static void test_reset_in_flight(void **state)
{
	uint8_t result[7];

	(void)state;
	build(false);
	for (unsigned i = 0; i < 200; i++) {
		const uint8_t sector = (uint8_t)(i % 17 + 1);

		set_up(true, 512);
		command(0x46, 18);
		turn(i / 2 % 4);
		if (i & 1)
			floppy_reset(&floppy);
		set_up(true, 512);
		command(0x46, sector);
		finish(result);
		assert_int_equal(result[0], 0);
		assert_int_equal(result[5], sector + 1);
		assert_int_equal(in_ram(0), sector);
	}
	command(0x46, 1); /* and one that is there at the end */
}

/* A write that the host has not begun is not begun any more. */
static void test_reset_before_a_write(void **state)
{
	const uint16_t text = 0xbeef;
	uint8_t result[7];
	uint16_t found;

	(void)state;
	build(false);
	assert_true(memory_write(&vm.memory, BUFFER, &text, 2));
	set_up(false, 512);
	command(0x45, 4);
	assert_int_equal(in(0x3f4) & 0xd0, 0x10); /* the controller has it all */
	out(0x3f2, 0);
	turn(1);
	set_up(true, 512);
	command(0x46, 5);
	finish(result);
	assert_int_equal(in_ram(0), 5);
	scratch_read(&file, 3 * 512, &found, 2);
	assert_int_equal(found, 4);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_write),
		TEST(test_write_protected),
		TEST(test_lost_end),
		TEST(test_reset_in_flight),
		TEST(test_reset_before_a_write),
	};

	return cmocka_run_group_tests_name("floppy", tests, NULL, NULL);
}
