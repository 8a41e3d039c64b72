/* SPDX-License-Identifier: BSD-2-Clause */
/* From the configuration to virtio devices: order, places, loops, and hints at the end. */
#include <fcntl.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "arch/virtio.h"
#include "chip.h"
#include "virtio/transport.h"

#define BASE   0xd0000000u
#define STRIDE 0x1000u
#define RAM    (4ull << 20)

static struct vm vm;
static struct vm_config config;
static struct loop loop;
static struct bus bus;
static struct platform platform;
static struct virtio_mmio_places places;
static struct virtio_devices devices;
static char image[] = "/tmp/tane-test-devices-XXXXXX";

static int make_image(void **state)
{
	const int fd = mkstemp(image);

	(void)state;
	if (fd < 0 || ftruncate(fd, 1 << 20))
		return -1;
	return close(fd);
}

static int remove_image(void **state)
{
	(void)state;
	return unlink(image);
}

static int setup(void **state)
{
	struct err err;

	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&devices, 0, sizeof(devices));
	config_init(&config);
	config.kernel = "k";
	config.virtio = VIRTIO_MMIO;
	bus_init(&bus);
	platform_init(&platform);
	if (loop_init(&loop, &err) || memory_add_ram(&vm.memory, 0, RAM, &err))
		return -1;
	vm.config = &config;
	vm.loop = platform.loop = &loop;
	platform.bus = &bus;
	platform.memory = &vm.memory;
	places = (struct virtio_mmio_places){ .base = BASE,
					      .stride = STRIDE,
					      .count = VIRTIO_MAX_DEVICES };
	for (unsigned i = 0; i < VIRTIO_MAX_DEVICES; i++)
		places.gsis[i] = 5 + i;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	virtio_devices_destroy(&devices);
	platform_destroy(&platform);
	loop_destroy(&loop);
	bus_destroy(&bus);
	memory_destroy(&vm.memory);
	return 0;
}

static int build(struct err *err)
{
	return virtio_devices_build(&devices, &vm, &platform, NULL, &places, err);
}

static void add_disks(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		config.disks[i] =
			(struct config_disk){ .path = image, .read_only = true };
	config.nr_disks = count;
}

static void add_shares(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		config.shares[i] = (struct config_share){ .path = "/tmp", .tag = "t" };
	config.nr_shares = count;
}

static uint32_t read32(unsigned place, unsigned offset)
{
	uint32_t value = 0;

	bus_access(&bus, BUS_MMIO, BASE + place * STRIDE + offset, &value, 4, false);
	return value;
}

static void write32(unsigned place, unsigned offset, uint32_t value)
{
	bus_access(&bus, BUS_MMIO, BASE + place * STRIDE + offset, &value, 4, true);
}

/* As a driver that finds the device; it sets up no queue. */
static void drive(unsigned place)
{
	write32(place, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write32(place, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	write32(place, VIRTIO_MMIO_STATUS, 0xb);
	write32(place, VIRTIO_MMIO_STATUS, 0xf);
	assert_int_equal(read32(place, VIRTIO_MMIO_STATUS), 0xf);
}

static void assert_hints(const char *expected)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	virtio_devices_print_hints(&devices, out);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void test_no_devices(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(build(&err), 0);
	assert_int_equal(devices.count, 0);
	assert_int_equal(devices.nr_loops, 0);
	assert_hints("");
	assert_int_equal(virtio_devices_reset(&devices, 1000, &err), 0);
}

/* The order is a promise: names of devices in guests depend on it. */
static void test_order(void **state)
{
	static const unsigned ids[] = { VIRTIO_ID_BLOCK,   VIRTIO_ID_BLOCK,
					VIRTIO_ID_CONSOLE, VIRTIO_ID_RNG,
					VIRTIO_ID_BALLOON, VIRTIO_ID_9P,
					VIRTIO_ID_9P };
	struct err err;

	(void)state;
	config.balloon = config.rng = true;
	config.ports[0] = (struct config_port){ .kind = SERIAL_NULL, .is_console = true };
	config.nr_ports = 1;
	add_shares(2);
	add_disks(2);
	if (build(&err))
		fail_msg("%s", err.text);
	assert_int_equal(devices.count, ARRAY_LENGTH(ids));
	for (unsigned i = 0; i < ARRAY_LENGTH(ids); i++)
		assert_int_equal(read32(i, VIRTIO_MMIO_DEVICE_ID), ids[i]);
	assert_string_equal(devices.devices[1]->name, "virtio-blk.1");
	assert_string_equal(devices.devices[6]->name, "virtio-9p.1");
	assert_int_equal(read32(ARRAY_LENGTH(ids), VIRTIO_MMIO_MAGIC_VALUE), ~0u);
	/* The platform's loop is the main loop again. */
	assert_ptr_equal(platform.loop, &loop);
}

static void test_threads_take_turns(void **state)
{
	struct err err;

	(void)state;
	config.io_threads = 2;
	config.rng = true;
	add_disks(3);
	assert_int_equal(build(&err), 0);
	assert_true(devices.devices[0]->loop->threaded);
	assert_true(devices.devices[1]->loop->threaded);
	assert_ptr_not_equal(devices.devices[0]->loop, devices.devices[1]->loop);
	assert_ptr_equal(devices.devices[0]->loop, devices.devices[2]->loop);
	/* What moves little has no thread. */
	assert_false(devices.devices[3]->loop->threaded);
	for (unsigned i = 0; i < 4; i++)
		drive(i);
	assert_int_equal(virtio_devices_reset(&devices, 20000, &err), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(read32(i, VIRTIO_MMIO_STATUS), 0);
}

static void test_threads_by_default(void **state)
{
	struct err err;

	(void)state;
	config.rng = true;
	assert_int_equal(build(&err), 0);
	assert_int_equal(devices.nr_loops, 1);
	virtio_devices_destroy(&devices);
	add_shares(1);
	assert_int_equal(build(&err), 0);
	assert_int_equal(devices.nr_loops, 2);
	virtio_devices_destroy(&devices);
	config.nr_shares = 0;
	add_disks(2);
	assert_int_equal(build(&err), 0);
	assert_int_equal(devices.nr_loops, 2);
	assert_ptr_equal(devices.devices[0]->loop, devices.devices[1]->loop);
	assert_true(devices.devices[0]->loop->threaded);
	virtio_devices_destroy(&devices);
	config.io_threads = 0;
	assert_int_equal(build(&err), 0);
	assert_int_equal(devices.nr_loops, 1);
	assert_false(devices.devices[0]->loop->threaded);
	/* The main loop serves them then. */
	drive(0);
	assert_int_equal(loop_turn(&loop, 0, &err), 0);
	assert_true(devices.devices[0]->started);
	assert_int_equal(virtio_devices_reset(&devices, 20000, &err), 0);
	assert_int_equal(read32(0, VIRTIO_MMIO_STATUS), 0);
}

static bool never_stops(void *dev)
{
	(void)dev;
	return false;
}

/* The host never finishes a request: its device and guest memory must stay. */
static void test_request_without_end(void **state)
{
	struct virtio_ops stuck_ops;
	struct virtio *stuck;
	struct err err;

	(void)state;
	config.rng = true;
	config.io_threads = 0;
	assert_int_equal(build(&err), 0);
	stuck = devices.devices[0];
	stuck_ops = *stuck->ops;
	stuck_ops.stop = never_stops;
	stuck->ops = &stuck_ops;
	drive(0);
	assert_int_equal(loop_turn(&loop, 0, &err), 0);
	assert_true(stuck->started);
	assert_false(virtio_devices_destroy(&devices));
	virtio_free(stuck);
}

static void test_no_room(void **state)
{
	struct err err;

	(void)state;
	config.rng = true;
	add_disks(2);
	places.count = 2;
	assert_int_equal(build(&err), -1);
	assert_non_null(strstr(err.text, "room for 2"));
	/* What was made before is given back by the destructor. */
	assert_int_equal(devices.count, 2);
}

static void test_missing_file(void **state)
{
	struct err err;

	(void)state;
	add_disks(2);
	config.disks[1].path = "/nowhere/at/all";
	assert_int_equal(build(&err), -1);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
}

static void test_hints(void **state)
{
	struct err err;

	(void)state;
	config.rng = true;
	add_disks(3);
	assert_int_equal(build(&err), 0);
	assert_hints(
		"tane: the guest has used no virtio device: it needs CONFIG_VIRTIO_MMIO "
		"(module virtio_mmio), without ACPI also "
		"CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES, and for each device:\n"
		"tane: the guest has not used virtio-blk.0 and 2 more: it needs "
		"CONFIG_VIRTIO_BLK (module virtio_blk)\n"
		"tane: the guest has not used virtio-rng: it needs "
		"CONFIG_HW_RANDOM_VIRTIO (module virtio-rng)\n");
	/* The driver of the transport has seen it, and there is none for the device. */
	write32(3, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE);
	assert_hints("tane: the guest has not used virtio-blk.0 and 2 more: it needs "
		     "CONFIG_VIRTIO_BLK (module virtio_blk)\n"
		     "tane: the guest has not used virtio-rng: it needs "
		     "CONFIG_HW_RANDOM_VIRTIO (module virtio-rng)\n");
	drive(3);
	assert_hints("tane: the guest has not used virtio-blk.0 and 2 more: it needs "
		     "CONFIG_VIRTIO_BLK (module virtio_blk)\n");
	/* It has the driver, and does not want the other disks. */
	drive(1);
	assert_hints("");
}

static void test_params_for_kernels_without_acpi(void **state)
{
	static const char expected[] = " virtio_mmio.device=512@0xd0000000:5"
				       " virtio_mmio.device=512@0xd0001000:6";
	char text[128];

	(void)state;
	assert_int_equal(virtio_mmio_params(&places, 2, text, sizeof(text)),
			 strlen(expected));
	assert_string_equal(text, expected);
	/* Too little room: cut, and told. */
	assert_int_equal(virtio_mmio_params(&places, 2, text, 10), strlen(expected));
	assert_int_equal(strlen(text), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_no_devices),
		TEST(test_order),
		TEST(test_threads_take_turns),
		TEST(test_threads_by_default),
		TEST(test_request_without_end),
		TEST(test_no_room),
		TEST(test_missing_file),
		TEST(test_hints),
		TEST(test_params_for_kernels_without_acpi),
	};

	return cmocka_run_group_tests(tests, make_image, remove_image);
}
