/* SPDX-License-Identifier: BSD-2-Clause */
/* IDE drives on real files, by their ports: with a thread of their own, and without. */
#include "block_test.h"
#include "chip.h"

#include "arch/ide.h"
#include "core/platform.h"

#define RAM  (4ull << 20)
#define SIZE (1 << 20)

static struct vm vm;
static struct vm_config config;
static struct loop loop;
static struct platform platform;
static struct pci_bus pci;
static struct ide *ide;
static struct chip_irq irqs[2];
static struct scratch files[4];

static int setup_with(unsigned io_threads)
{
	const struct pci_window io = { .base = 0xc000, .size = 0x1000 }, none = { 0 };
	const struct irq_line intx[4] = { 0 };
	struct err err;

	memset(&vm, 0, sizeof(vm));
	memset(irqs, 0, sizeof(irqs));
	config_init(&config);
	config.io_threads = io_threads;
	bus_init(&vm.bus);
	platform_init(&platform);
	if (loop_init(&loop, &err) || memory_add_ram(&vm.memory, 0, RAM, &err))
		return -1;
	vm.config = &config;
	vm.loop = platform.loop = &loop;
	platform.bus = &vm.bus;
	platform.memory = &vm.memory;
	ide = NULL;
	for (unsigned i = 0; i < 4; i++) {
		const char mark[2] = { (char)('0' + i) };

		files[i] = scratch_make(SIZE);
		scratch_write(&files[i], 512 * 7, mark, 2);
		config.disks[i] = (struct config_disk){
			.path = files[i].path,
			.interface = DISK_IDE,
		};
	}
	return pci_bus_init(&pci, &platform, &io, &none, &none, intx, &err);
}

static int setup(void **state)
{
	(void)state;
	return setup_with(CONFIG_AUTO_IO_THREADS);
}

static int setup_without_thread(void **state)
{
	(void)state;
	return setup_with(0);
}

static int teardown(void **state)
{
	(void)state;
	assert_true(ide_free(ide));
	for (unsigned i = 0; i < 4; i++)
		unlink(files[i].path);
	pci_bus_destroy(&pci);
	platform_destroy(&platform);
	loop_destroy(&loop);
	bus_destroy(&vm.bus);
	memory_destroy(&vm.memory);
	return 0;
}

static int build(unsigned drives, struct err *err)
{
	const struct irq_line lines[2] = { chip_irq_line(&irqs[0]),
					   chip_irq_line(&irqs[1]) };

	config.nr_disks = drives;
	ide = ide_new(&vm, &pci, lines, err);
	return ide ? 0 : -1;
}

static uint8_t in(unsigned port)
{
	uint8_t value = 0;

	bus_access(&vm.bus, BUS_PIO, port, &value, 1, false);
	return value;
}

static void out(unsigned port, uint8_t value)
{
	bus_access(&vm.bus, BUS_PIO, port, &value, 1, true);
}

static void command(unsigned base, unsigned drive, uint8_t cmd, uint8_t lba)
{
	out(base + 6, (uint8_t)(0xe0 | drive << 4));
	out(base + 2, 1);
	out(base + 3, lba);
	out(base + 4, 0);
	out(base + 5, 0);
	out(base + 7, cmd);
}

/* Until it is not busy. Without a thread, the main loop is what has to turn. */
static uint8_t wait_for(unsigned base)
{
	const int64_t deadline = loop_now() + 10000000000;
	struct err err;

	while (in(base + 0x206) & 0x80) {
		assert_true(loop_now() < deadline);
		if (!config.io_threads)
			assert_int_equal(loop_turn(&loop, 1000, &err), 0);
	}
	return in(base + 7);
}

static void fetch(unsigned base, uint8_t data[512])
{
	bus_access_string(&vm.bus, base, data, 2, 256, false);
}

/* No slave is without a master, and the first CD-ROM is where it always was. */
static void test_order(void **state)
{
	static const char *const cases[][2] = {
		{ "dddd", "0123" }, { "cccc", "2301" }, { "dddc", "0132" },
		{ "cd", "20" },     { "cdcd", "2031" }, { "ccdc", "2301" },
		{ "vdvc", "-0-2" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		const char *kinds = cases[i][0], *places = cases[i][1];

		config.nr_disks = (unsigned)strlen(kinds);
		for (unsigned j = 0; kinds[j]; j++) {
			config.disks[j].cdrom = kinds[j] == 'c';
			config.disks[j].interface =
				kinds[j] == 'v' ? DISK_VIRTIO : DISK_IDE;
		}
		for (unsigned j = 0; kinds[j]; j++) {
			if (kinds[j] != 'v' &&
			    ide_place(&config, j) != (unsigned)(places[j] - '0'))
				fail_msg("%s: drive %u is at %u", kinds, j,
					 ide_place(&config, j));
		}
	}
}

static void test_places(void **state)
{
	static const struct {
		unsigned base, drive, file;
	} places[] = { { 0x1f0, 0, 0 }, { 0x1f0, 1, 1 }, { 0x170, 1, 3 } };
	uint8_t data[512];
	struct err err;

	(void)state;
	config.disks[2].cdrom = true; /* the master of the second channel */
	config.disks[2].read_only = true;
	config.disks[0].id = "ONE";
	assert_int_equal(build(4, &err), 0);
	for (unsigned i = 0; i < ARRAY_LENGTH(places); i++) {
		command(places[i].base, places[i].drive, 0x20, 7);
		assert_int_equal(wait_for(places[i].base), 0x58);
		fetch(places[i].base, data);
		assert_int_equal(data[0], '0' + places[i].file);
	}
	out(0x376, 4);
	out(0x376, 0);
	assert_int_equal(in(0x175), 0xeb); /* master: the CD-ROM */
	command(0x1f0, 0, 0xec, 0);
	fetch(0x1f0, data);
	assert_memory_equal(data + 20, "NO E", 4);
	assert_true(irqs[0].raised >= 3 && irqs[1].raised >= 1);
}

static void test_writes_are_in_the_file(void **state)
{
	uint8_t data[512] = "here it is";
	struct err err;

	(void)state;
	config.disks[1].read_only = true;
	assert_int_equal(build(2, &err), 0);
	command(0x1f0, 0, 0x30, 99);
	bus_access_string(&vm.bus, 0x1f0, data, 4, 128, true);
	assert_int_equal(wait_for(0x1f0), 0x50);
	command(0x1f0, 0, 0xe7, 0);
	assert_int_equal(wait_for(0x1f0), 0x50);
	memset(data, 0, sizeof(data));
	scratch_read(&files[0], 99 * 512, data, 512);
	assert_string_equal((char *)data, "here it is");
	/* What may only be read, can only be read. */
	command(0x1f0, 1, 0x30, 7);
	bus_access_string(&vm.bus, 0x1f0, data, 4, 128, true);
	assert_int_equal(wait_for(0x1f0), 0x51);
	assert_int_equal(in(0x1f1), 0x04);
	command(0x1f0, 1, 0x20, 7);
	assert_int_equal(wait_for(0x1f0), 0x58);
	fetch(0x1f0, data);
	assert_int_equal(data[0], '1');
}

/* More than the buffer holds: the loop goes on by itself. */
static void test_many_sectors(void **state)
{
	uint8_t data[512];
	struct err err;

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		const char mark = (char)(i * 7);

		scratch_write(&files[0], 512 * i, &mark, 1);
	}
	assert_int_equal(build(1, &err), 0);
	/* READ VERIFY needs nothing of the guest between two buffers. */
	command(0x1f0, 0, 0x20, 0);
	assert_int_equal(wait_for(0x1f0), 0x58);
	fetch(0x1f0, data);
	out(0x1f2, 0); /* 256 */
	out(0x1f7, 0x40);
	assert_int_equal(wait_for(0x1f0), 0x50);
	out(0x1f7, 0x20);
	for (unsigned i = 0; i < 256; i++) {
		assert_int_equal(wait_for(0x1f0), 0x58);
		fetch(0x1f0, data);
		assert_int_equal(data[0], (uint8_t)(i * 7));
	}
	assert_int_equal(wait_for(0x1f0), 0x50);
}

/* With a request that was asked for, that is under way, or just done. */
static void test_reset_in_flight(void **state)
{
	uint8_t data[512] = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(build(3, &err), 0);
	for (unsigned i = 0; i < 300; i++) {
		command(0x1f0, i & 1, 0x20, 7);
		command(0x170, 0, 0x30, 8);
		bus_access_string(&vm.bus, 0x170, data, 4, 128, true);
		for (unsigned look = 0; look < i; look++)
			(void)in(0x3f6);
		assert_int_equal(ide_reset(ide, 10000, &err), 0);
		assert_int_equal(in(0x3f6), 0x50);
		assert_false(irqs[0].level || irqs[1].level);
	}
	command(0x1f0, 1, 0x20, 7);
	assert_int_equal(wait_for(0x1f0), 0x58);
	fetch(0x1f0, data);
	assert_int_equal(data[0], '1');
	/* And one that is there at the end: ide_free() waits for it. */
	command(0x1f0, 0, 0x20, 7);
}

/* The file has become shorter since. */
static void test_lost_end(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(build(1, &err), 0);
	assert_int_equal(truncate(files[0].path, 4096), 0);
	command(0x1f0, 0, 0x20, 100);
	assert_int_equal(wait_for(0x1f0), 0x51);
	assert_int_equal(in(0x1f1), 0x40);
	assert_int_equal(in(0x1f3), 100);
	command(0x1f0, 0, 0x20, 7);
	assert_int_equal(wait_for(0x1f0), 0x58);
}

static void test_images_that_will_not_do(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(truncate(files[0].path, 512), 0);
	config.disks[0].cdrom = config.disks[0].read_only = true;
	assert_int_equal(build(1, &err), -1);
	assert_non_null(strstr(err.text, "smaller than a sector, 2048 bytes"));
	config.disks[0] = config.disks[1];
	config.disks[0].block_size = 4096;
	assert_int_equal(build(1, &err), -1);
	assert_non_null(strstr(err.text, "use if=virtio"));
	config.disks[0].path = "/nowhere/at/all";
	assert_int_equal(build(1, &err), -1);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	assert_null(ide);
	assert_int_equal(ide_reset(NULL, 0, &err), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define TEST_BOTH(fn) \
	TEST(fn), cmocka_unit_test_setup_teardown(fn, setup_without_thread, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST_BOTH(test_places),
		TEST_BOTH(test_writes_are_in_the_file),
		TEST_BOTH(test_many_sectors),
		TEST_BOTH(test_reset_in_flight),
		TEST(test_lost_end),
		TEST(test_images_that_will_not_do),
	};

	return cmocka_run_group_tests_name("ide", tests, NULL, NULL);
}
