/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio over MMIO, register by register, as a guest sees it on the bus. */
#include <linux/virtio_mmio.h>

#include "chip.h"
#include "device_rig.h"
#include "fake_virtio.h"
#include "virtio/transport.h"

#define BASE 0xd0000000u

#define ACK         VIRTIO_STATUS_ACKNOWLEDGE
#define DRIVER      VIRTIO_STATUS_DRIVER
#define FEATURES_OK VIRTIO_STATUS_FEATURES_OK
#define DRIVER_OK   VIRTIO_STATUS_DRIVER_OK
#define LIVE        (ACK | DRIVER | FEATURES_OK | DRIVER_OK)

static struct rig rig;
static struct bus bus;
static struct fake fake;
static struct virtio *virtio;
static struct chip_irq irq;

static int setup(void **state)
{
	const struct irq_line line = chip_irq_line(&irq);
	struct err err;

	(void)state;
	irq = (struct chip_irq){ 0 };
	if (rig_init(&rig))
		return -1;
	bus_init(&bus);
	rig.platform.bus = &bus;
	virtio = rig.virtio = fake_init(&fake, &rig.platform, VIRTIO_ID_RNG, true);
	return virtio ? virtio_mmio_attach(virtio, BASE, &line, &err) : -1;
}

static int teardown(void **state)
{
	(void)state;
	rig_destroy(&rig);
	bus_destroy(&bus);
	return 0;
}

static uint64_t get(unsigned offset, unsigned size)
{
	uint64_t value = 0;

	bus_access(&bus, BUS_MMIO, BASE + offset, &value, size, false);
	return value;
}

static void put(unsigned offset, uint64_t value, unsigned size)
{
	bus_access(&bus, BUS_MMIO, BASE + offset, &value, size, true);
}

static uint32_t read32(unsigned offset)
{
	return (uint32_t)get(offset, 4);
}

static void write32(unsigned offset, uint32_t value)
{
	put(offset, value, 4);
}

/* As a driver brings a device up, queue 0 on a ring of the rig. */
static void drive(void)
{
	struct ring_driver *ring = &rig.rings[0];

	write32(VIRTIO_MMIO_STATUS, ACK);
	write32(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	write32(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write32(VIRTIO_MMIO_DRIVER_FEATURES, 1);
	write32(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK);
	assert_int_equal(read32(VIRTIO_MMIO_STATUS), ACK | DRIVER | FEATURES_OK);
	assert_int_equal(
		ring_driver_init(ring, &rig.memory, RIG_RING(0), RIG_RING_SIZE, 0), 0);
	write32(VIRTIO_MMIO_QUEUE_SEL, 0);
	write32(VIRTIO_MMIO_QUEUE_NUM, RIG_RING_SIZE);
	write32(VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)ring->desc_gpa);
	write32(VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)ring->driver_gpa);
	write32(VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)ring->device_gpa);
	write32(VIRTIO_MMIO_QUEUE_READY, 1);
	write32(VIRTIO_MMIO_STATUS, LIVE);
	rig_settle(&rig);
	assert_int_equal(fake.starts, 1);
}

/* Give back one request: an interrupt. */
static void use_one(void)
{
	struct iovec iov[FAKE_QUEUE_SIZE];
	struct virtq_chain chain = { .iov = iov, .max_iov = FAKE_QUEUE_SIZE };

	rig_post(&rig, 0, 16);
	assert_int_equal(virtq_pop(&virtio->queues[0].ring, &chain), 1);
	virtq_push(&virtio->queues[0].ring, &chain, 0);
	virtio_publish(virtio, 0);
}

static void test_identity(void **state)
{
	(void)state;
	assert_int_equal(read32(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(read32(VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(read32(VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_RNG);
	assert_int_equal(read32(VIRTIO_MMIO_VENDOR_ID), 0x454e4154);
	write32(VIRTIO_MMIO_MAGIC_VALUE, 0);
	write32(VIRTIO_MMIO_DEVICE_ID, 0);
	assert_int_equal(read32(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(read32(VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_RNG);
}

static void test_features(void **state)
{
	(void)state;
	assert_int_equal(read32(VIRTIO_MMIO_DEVICE_FEATURES),
			 1u << FAKE_FEATURE | 1u << VIRTIO_F_INDIRECT_DESC |
				 1u << VIRTIO_F_EVENT_IDX);
	write32(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	assert_int_equal(read32(VIRTIO_MMIO_DEVICE_FEATURES), 1u | 1u << 2);
	write32(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	assert_int_equal(read32(VIRTIO_MMIO_DEVICE_FEATURES), 0);
	/* Write-only registers. */
	write32(VIRTIO_MMIO_DRIVER_FEATURES, 1u << FAKE_FEATURE);
	assert_int_equal(read32(VIRTIO_MMIO_DRIVER_FEATURES), 0);
	assert_true(virtio->features == VIRTIO_BIT(FAKE_FEATURE));
	write32(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 7);
	write32(VIRTIO_MMIO_DRIVER_FEATURES, ~0u);
	assert_true(virtio->features == VIRTIO_BIT(FAKE_FEATURE));
}

static void test_queue_registers(void **state)
{
	const struct virtq_state *queue = &virtio->queues[2].ring.state;

	(void)state;
	assert_int_equal(read32(VIRTIO_MMIO_QUEUE_NUM_MAX), FAKE_QUEUE_SIZE);
	write32(VIRTIO_MMIO_QUEUE_SEL, 2);
	assert_int_equal(read32(VIRTIO_MMIO_QUEUE_NUM_MAX), 16);
	assert_int_equal(read32(VIRTIO_MMIO_QUEUE_READY), 0);
	write32(VIRTIO_MMIO_QUEUE_NUM, 8);
	assert_int_equal(queue->size, 8);
	/* Too large, and none at all. */
	write32(VIRTIO_MMIO_QUEUE_NUM, 17);
	write32(VIRTIO_MMIO_QUEUE_NUM, 0x10008);
	write32(VIRTIO_MMIO_QUEUE_NUM, 0);
	assert_int_equal(queue->size, 8);
	write32(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x11111110);
	write32(VIRTIO_MMIO_QUEUE_DESC_HIGH, 0x1);
	write32(VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x22222220);
	write32(VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0x2);
	write32(VIRTIO_MMIO_QUEUE_USED_LOW, 0x33333330);
	write32(VIRTIO_MMIO_QUEUE_USED_HIGH, 0x3);
	assert_true(queue->desc == 0x111111110ull);
	assert_true(queue->driver == 0x222222220ull);
	assert_true(queue->device == 0x333333330ull);
	write32(VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(read32(VIRTIO_MMIO_QUEUE_READY), 1);
	write32(VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(read32(VIRTIO_MMIO_QUEUE_READY), 0);
}

static void test_queue_that_does_not_exist(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		write32(VIRTIO_MMIO_QUEUE_SEL,
			(unsigned[]){ FAKE_QUEUES, 0x10000, ~0u }[i]);
		assert_int_equal(read32(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		write32(VIRTIO_MMIO_QUEUE_NUM, 4);
		write32(VIRTIO_MMIO_QUEUE_READY, 1);
		write32(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
		assert_int_equal(read32(VIRTIO_MMIO_QUEUE_READY), 0);
	}
	for (unsigned i = 0; i < FAKE_QUEUES; i++) {
		assert_int_equal(virtio->queues[i].ring.state.ready, 0);
		assert_true(virtio->queues[i].ring.state.desc == 0);
	}
}

static void test_queue_cannot_move_while_live(void **state)
{
	(void)state;
	drive();
	write32(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x5000);
	write32(VIRTIO_MMIO_QUEUE_NUM, 4);
	write32(VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(read32(VIRTIO_MMIO_QUEUE_READY), 1);
	assert_int_equal(virtio->queues[0].ring.state.size, RIG_RING_SIZE);
	assert_true(virtio->queues[0].ring.state.desc == RIG_RING(0));
}

static void test_notify(void **state)
{
	(void)state;
	drive();
	write32(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	rig_settle(&rig);
	assert_int_equal(fake.kicks[0], 2);
	write32(VIRTIO_MMIO_QUEUE_NOTIFY, 1); /* not ready */
	write32(VIRTIO_MMIO_QUEUE_NOTIFY, FAKE_QUEUES);
	write32(VIRTIO_MMIO_QUEUE_NOTIFY, 0x10000);
	write32(VIRTIO_MMIO_QUEUE_NOTIFY, ~0u);
	put(VIRTIO_MMIO_QUEUE_NOTIFY, 0, 2); /* not 32 bits */
	rig_settle(&rig);
	assert_int_equal(fake.kicks[0] + fake.kicks[1] + fake.kicks[2], 2);
	assert_int_equal(read32(VIRTIO_MMIO_QUEUE_NOTIFY), 0);
}

static void test_interrupt_is_a_level(void **state)
{
	(void)state;
	drive();
	assert_false(irq.level);
	use_one();
	assert_true(irq.level);
	assert_int_equal(read32(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	/* Reading does not acknowledge. */
	assert_true(irq.level);
	virtio_config_changed(virtio);
	assert_int_equal(read32(VIRTIO_MMIO_INTERRUPT_STATUS),
			 VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
	write32(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_true(irq.level);
	write32(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	assert_false(irq.level);
	assert_int_equal(read32(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	/* Acknowledging what is not there, and all bits. */
	write32(VIRTIO_MMIO_INTERRUPT_ACK, ~0u);
	assert_false(irq.level);
	assert_int_equal(read32(VIRTIO_MMIO_INTERRUPT_ACK), 0);
}

static void test_reset(void **state)
{
	(void)state;
	drive();
	use_one();
	write32(VIRTIO_MMIO_QUEUE_SEL, 2);
	write32(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	write32(VIRTIO_MMIO_STATUS, 0);
	rig_settle(&rig);
	assert_int_equal(read32(VIRTIO_MMIO_STATUS), 0);
	/* 4.2.2.1: no interrupt, no ready queue; the selectors begin anew too. */
	assert_false(irq.level);
	assert_int_equal(read32(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	assert_int_equal(read32(VIRTIO_MMIO_QUEUE_NUM_MAX), FAKE_QUEUE_SIZE);
	assert_int_equal(read32(VIRTIO_MMIO_QUEUE_READY), 0);
	assert_true(read32(VIRTIO_MMIO_DEVICE_FEATURES) & 1u << FAKE_FEATURE);
}

static void test_configuration(void **state)
{
	const uint32_t before = read32(VIRTIO_MMIO_CONFIG_GENERATION);

	(void)state;
	memcpy(fake.config, "\1\2\3\4\5\6\7\10", 8);
	assert_int_equal(get(VIRTIO_MMIO_CONFIG, 1), 0x01);
	assert_int_equal(get(VIRTIO_MMIO_CONFIG + 2, 2), 0x0403);
	assert_int_equal(get(VIRTIO_MMIO_CONFIG + 4, 4), 0x08070605);
	assert_true(get(VIRTIO_MMIO_CONFIG, 8) == 0x0807060504030201ull);
	assert_int_equal(get(VIRTIO_MMIO_CONFIG + 8, 4), 0);
	assert_int_equal(get(VIRTIO_MMIO_SIZE - 4, 4), 0);
	put(VIRTIO_MMIO_CONFIG + 3, 0x55, 1);
	assert_int_equal(fake.config[3], 0x55);
	put(VIRTIO_MMIO_SIZE - 4, 0x55, 4);
	virtio_config_changed(virtio);
	assert_int_not_equal(read32(VIRTIO_MMIO_CONFIG_GENERATION), before);
}

static void test_no_shared_memory(void **state)
{
	(void)state;
	write32(VIRTIO_MMIO_SHM_SEL, 0);
	assert_int_equal(read32(VIRTIO_MMIO_SHM_LEN_LOW), ~0u);
	assert_int_equal(read32(VIRTIO_MMIO_SHM_LEN_HIGH), ~0u);
	assert_int_equal(read32(VIRTIO_MMIO_SHM_BASE_LOW), ~0u);
	assert_int_equal(read32(VIRTIO_MMIO_SHM_BASE_HIGH), ~0u);
}

/* 4.2.2.2: control registers are 32 bits wide and aligned. */
static void test_odd_accesses(void **state)
{
	(void)state;
	assert_int_equal(get(VIRTIO_MMIO_MAGIC_VALUE, 1), 0);
	assert_int_equal(get(VIRTIO_MMIO_MAGIC_VALUE, 2), 0);
	assert_int_equal(get(VIRTIO_MMIO_MAGIC_VALUE, 8), 0);
	assert_int_equal(get(VIRTIO_MMIO_MAGIC_VALUE + 1, 4), 0);
	put(VIRTIO_MMIO_STATUS, ACK, 1);
	put(VIRTIO_MMIO_STATUS, ACK, 8);
	put(VIRTIO_MMIO_STATUS + 2, ACK, 4);
	assert_int_equal(read32(VIRTIO_MMIO_STATUS), 0);
	/* What no register is at, up to the configuration. */
	assert_int_equal(read32(0x018), 0);
	assert_int_equal(read32(0x0c0), 0); /* QueueReset, which is not offered */
	write32(0x0c0, 1);
	write32(0x0f8, ~0u);
	assert_int_equal(read32(0x0c0), 0);
}

/* While requests are in flight a reset is under way, and nothing counts. */
static void test_writes_during_a_reset_are_lost(void **state)
{
	(void)state;
	drive();
	fake.is_busy = true;
	write32(VIRTIO_MMIO_STATUS, 0);
	rig_settle(&rig);
	assert_int_equal(read32(VIRTIO_MMIO_STATUS), LIVE);
	write32(VIRTIO_MMIO_STATUS, ACK);
	write32(VIRTIO_MMIO_QUEUE_SEL, 2);
	write32(VIRTIO_MMIO_DRIVER_FEATURES, ~0u);
	virtio_stopped(virtio);
	assert_int_equal(read32(VIRTIO_MMIO_STATUS), 0);
	assert_int_equal(read32(VIRTIO_MMIO_QUEUE_NUM_MAX), FAKE_QUEUE_SIZE);
	assert_true(virtio->features == 0);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct err err;

	drive();
	use_one();
	write32(VIRTIO_MMIO_QUEUE_SEL, 2);
	assert_int_equal(virtio_save(virtio, &writer, &err), 0);
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	assert_int_equal(virtio_load(virtio, chip_image(&writer), &err), 0);
	rig_settle(&rig);
	assert_int_equal(read32(VIRTIO_MMIO_STATUS), LIVE);
	assert_int_equal(read32(VIRTIO_MMIO_QUEUE_NUM_MAX), 16);
	assert_int_equal(read32(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	assert_true(irq.level);
	assert_int_equal(fake.starts, 1);
	state_writer_free(&writer);
}

static void test_places_do_not_overlap(void **state)
{
	const struct irq_line line = chip_irq_line(&irq);
	struct fake second;
	struct err err;

	(void)state;
	assert_non_null(fake_init(&second, &rig.platform, VIRTIO_ID_RNG, false));
	assert_int_equal(virtio_mmio_attach(&second.virtio, BASE + 0x100, &line, &err),
			 -1);
	assert_non_null(strstr(err.text, "fake"));
	virtio_free(&second.virtio);
	assert_int_equal(second.frees, 1);
	assert_int_equal(read32(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
}

static void test_random_operations(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		const unsigned offset = chip_random(&seed) % VIRTIO_MMIO_SIZE;
		const unsigned size = 1u << chip_random(&seed) % 4;

		if (chip_random(&seed) % 4)
			put(chip_random(&seed) % 8 ? offset & ~3u : offset,
			    chip_random(&seed) % 2 ? chip_random(&seed) % 16
						   : chip_random(&seed),
			    chip_random(&seed) % 8 ? 4 : size);
		else
			get(offset, size);
		if (i % 16 == 0)
			rig_settle(&rig);
		fake.fails = chip_random(&seed) % 64 == 0;
	}
	fake.fails = false;
	write32(VIRTIO_MMIO_STATUS, 0);
	rig_settle(&rig);
	fake.starts = 0;
	drive();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_identity),
		TEST(test_features),
		TEST(test_queue_registers),
		TEST(test_queue_that_does_not_exist),
		TEST(test_queue_cannot_move_while_live),
		TEST(test_notify),
		TEST(test_interrupt_is_a_level),
		TEST(test_reset),
		TEST(test_configuration),
		TEST(test_no_shared_memory),
		TEST(test_odd_accesses),
		TEST(test_writes_during_a_reset_are_lost),
		TEST(test_save_and_load),
		TEST(test_places_do_not_overlap),
		TEST(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
