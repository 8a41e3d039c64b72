/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_registers: attacks by the registers that both transports have (virtio 1.2, 2.1,
 * 3.1, 4.1.4.3, 4.2.2): how a queue is set up, the order of steps, sizes and places of
 * accesses, notifications, resets.
 */
#include "hostile.h"

/* Below 0x1000 lie the common registers on PCI; MMIO has 0x200 with the configuration. */
#define PCI_REGS_SIZE  0x40
#define MMIO_REGS_SIZE 0x200
#define CONFIG_SIZE    0x100

/* -- a queue that is set up wrongly -- */

struct setup {
	const char *name;
	uint32_t size;
	uint64_t desc, driver, device; /* 0: the right ones */
};

#define NULL_PAGE 0x1000 /* stands for address 0, which is RAM */

static const struct setup setups[] = {
	{ "size_0", 0, 0, 0, 0 },
	{ "size_3", 3, 0, 0, 0 },
	{ "size_15", 15, 0, 0, 0 },
	{ "size_17", 17, 0, 0, 0 },
	{ "size_1", 1, 0, 0, 0 },
	{ "size_2048", 2048, 0, 0, 0 },
	{ "size_32768", 0x8000, 0, 0, 0 },
	{ "size_65535", 0xffff, 0, 0, 0 },
	{ "size_65536", 0x10000, 0, 0, 0 },
	{ "size_all_ones", 0xffffffff, 0, 0, 0 },
	{ "desc_beyond_ram", RING_SIZE, BEYOND_RAM, 0, 0 },
	{ "driver_beyond_ram", RING_SIZE, 0, BEYOND_RAM, 0 },
	{ "device_beyond_ram", RING_SIZE, 0, 0, BEYOND_RAM },
	{ "desc_in_the_hole", RING_SIZE, DEVICE_HOLE, 0, 0 },
	{ "driver_in_the_hole", RING_SIZE, 0, DEVICE_HOLE, 0 },
	{ "device_in_the_hole", RING_SIZE, 0, 0, DEVICE_HOLE },
	{ "desc_in_the_lapic", RING_SIZE, LAPIC, 0, 0 },
	{ "driver_in_the_lapic", RING_SIZE, 0, LAPIC, 0 },
	{ "device_in_the_lapic", RING_SIZE, 0, 0, LAPIC },
	{ "desc_crosses_the_end", RING_SIZE, RAM_END - 16, 0, 0 },
	{ "driver_crosses_the_end", RING_SIZE, 0, RAM_END - 4, 0 },
	{ "device_crosses_the_end", RING_SIZE, 0, 0, RAM_END - 4 },
	{ "desc_wraps", RING_SIZE, LAST_ADDRESS - 15, 0, 0 },
	{ "driver_wraps", RING_SIZE, 0, LAST_ADDRESS - 1, 0 },
	{ "device_wraps", RING_SIZE, 0, 0, LAST_ADDRESS - 3 },
	{ "desc_at_the_last_byte", RING_SIZE, LAST_ADDRESS, 0, 0 },
	{ "driver_at_the_last_byte", RING_SIZE, 0, LAST_ADDRESS, 0 },
	{ "device_at_the_last_byte", RING_SIZE, 0, 0, LAST_ADDRESS },
	{ "desc_uneven", RING_SIZE, SCRATCH + 1, 0, 0 },
	{ "driver_uneven", RING_SIZE, 0, SCRATCH + 1, 0 },
	{ "device_uneven", RING_SIZE, 0, 0, SCRATCH + 2 },
	{ "all_at_one_place", RING_SIZE, SCRATCH, SCRATCH, SCRATCH },
	{ "all_at_the_first_page", RING_SIZE, NULL_PAGE, NULL_PAGE, NULL_PAGE },
};

/* As virtio_enable(), with other numbers. */
static void enable_wrongly(const struct ring *ring, const struct setup *setup)
{
	const struct virtio *virtio = ring->virtio;
	const uint64_t desc = setup->desc ? setup->desc : (uint32_t)&ring->desc;
	const uint64_t driver = setup->driver ? setup->driver : (uint32_t)&ring->avail;
	const uint64_t device = setup->device ? setup->device : (uint32_t)&ring->used;

	virtio_write(virtio, QUEUE_SELECT, ring->index);
	virtio_write(virtio, QUEUE_SIZE, setup->size);
	virtio_write(virtio, QUEUE_DESC_LOW, (uint32_t)desc);
	virtio_write(virtio, QUEUE_DESC_HIGH, (uint32_t)(desc >> 32));
	virtio_write(virtio, QUEUE_DRIVER_LOW, (uint32_t)driver);
	virtio_write(virtio, QUEUE_DRIVER_HIGH, (uint32_t)(driver >> 32));
	virtio_write(virtio, QUEUE_DEVICE_LOW, (uint32_t)device);
	virtio_write(virtio, QUEUE_DEVICE_HIGH, (uint32_t)(device >> 32));
	virtio_write(virtio, QUEUE_ENABLE, 1);
}

static bool set_up_wrongly(struct victim *victim, struct ring *ring, const void *arg)
{
	if (!virtio_begin(&victim->virtio, F_INDIRECT_DESC))
		return false;
	/* Memory that wrong rings lead to: nothing is available there. */
	for (uint32_t at = SCRATCH; at < SCRATCH + 4096; at += 4)
		mem_write(at, 0, 4);
	ring_init(ring, &victim->virtio, ring->index);
	enable_wrongly(ring, arg);
	virtio_go(&victim->virtio);
	offer_usual(victim, ring, 1);
	settle(ring);
	return true;
}

/* All numbers change below a running queue; it is disabled and enabled. */
static bool set_up_while_running(struct victim *victim, struct ring *ring,
				 const void *arg)
{
	static const struct setup wild = { "", 7, BEYOND_RAM, LAST_ADDRESS, LAPIC };

	(void)arg;
	enable_wrongly(ring, &wild);
	offer_usual(victim, ring, 1);
	settle(ring);
	virtio_write(ring->virtio, QUEUE_SELECT, ring->index);
	virtio_write(ring->virtio, QUEUE_ENABLE, 0);
	offer_usual(victim, ring, 1);
	settle(ring);
	virtio_write(ring->virtio, QUEUE_ENABLE, 1);
	offer_usual(victim, ring, 1);
	settle(ring);
	return true;
}

/* What has no queue reads as a size of 0 (4.1.4.3.1, 4.2.2.1), and cannot be enabled. */
static bool set_up_unknown_queues(struct victim *victim, struct ring *ring,
				  const void *arg)
{
	static const uint32_t queues[] = { 40, 0x100, 0x3ff, 0x7fff, 0xffff };
	const struct virtio *virtio = &victim->virtio;
	bool good = true;

	(void)arg;
	if (!virtio_begin(virtio, 0))
		return false;
	for (unsigned i = 0; i < COUNT(queues); i++) {
		struct ring stranger = { .virtio = virtio, .index = (uint16_t)queues[i] };
		const struct setup setup = { "", RING_SIZE, SCRATCH, SCRATCH, SCRATCH };

		virtio_write(virtio, QUEUE_SELECT, queues[i]);
		good &= virtio_read(virtio, QUEUE_SIZE_MAX) == 0;
		enable_wrongly(&stranger, &setup);
		good &= virtio_read(virtio, QUEUE_ENABLE) == 0;
	}
	virtio_go(virtio);
	for (unsigned i = 0; i < COUNT(queues); i++)
		virtio_notify(virtio, (uint16_t)queues[i]);
	settle(ring);
	return good;
}

/* -- the order of steps -- */

struct steps {
	const char *name;
	uint8_t status[6]; /* written one after the other, up to the first 0 */
};

static const struct steps step_rows[] = {
	{ "driver_ok_alone", { STATUS_DRIVER_OK } },
	{ "features_ok_alone", { STATUS_FEATURES_OK } },
	{ "driver_ok_without_features_ok", { 1, 3, 7 } },
	{ "all_at_once", { 0xf } },
	{ "all_bits", { 0xff } },
	{ "needs_reset", { 1, 3, 0xb, 0x4f } },
	{ "failed", { 1, 3, 0xb, 0x8f } },
	{ "failed_and_on", { 1, 3, 0x83, 0xf } },
	{ "unknown_bits", { 1, 3, 0xb, 0x3f } },
	{ "back_and_forth", { 1, 3, 0xb, 0xf, 3, 0xf } },
	{ "driver_ok_again", { 1, 3, 0xb, 0xf, 0xf, 0xf } },
};

static bool step_wrongly(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct steps *steps = arg;
	const struct virtio *virtio = &victim->virtio;

	if (!virtio_reset(virtio))
		return false;
	ring_init(ring, virtio, ring->index);
	virtio_enable(ring);
	for (unsigned i = 0; i < COUNT(steps->status) && steps->status[i]; i++)
		virtio_write(virtio, DEVICE_STATUS, steps->status[i]);
	offer_usual(victim, ring, 1);
	settle(ring);
	return true;
}

static bool start_without_queues(struct victim *victim, struct ring *ring,
				 const void *arg)
{
	(void)arg;
	if (!virtio_begin(&victim->virtio, 0))
		return false;
	virtio_go(&victim->virtio);
	for (unsigned i = 0; i < victim->nr_rings; i++)
		virtio_notify(&victim->virtio, (uint16_t)i);
	settle(ring);
	return true;
}

/* Features that were not offered, or too late. */
static bool accept_everything(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct virtio *virtio = &victim->virtio;
	const bool late = *(const bool *)arg;

	if (!late && !virtio_reset(virtio))
		return false;
	for (uint32_t select = 0; select < 4; select++) {
		virtio_write(virtio, DRIVER_FEATURE_SELECT, select);
		virtio_write(virtio, DRIVER_FEATURE, 0xffffffff);
	}
	virtio_write(virtio, DRIVER_FEATURE_SELECT, 0xffffffff);
	virtio_write(virtio, DRIVER_FEATURE, 0xffffffff);
	virtio_write(virtio, DEVICE_STATUS, 0xb);
	virtio_enable(ring);
	virtio_go(virtio);
	offer_usual(victim, ring, 1);
	settle(ring);
	return true;
}

/* A driver of before virtio 1: no F_VERSION_1. The device may refuse it (6.1). */
static bool accept_nothing(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct virtio *virtio = &victim->virtio;

	(void)arg;
	if (!virtio_reset(virtio))
		return false;
	virtio_write(virtio, DEVICE_STATUS, 0xb);
	virtio_enable(ring);
	virtio_go(virtio);
	offer_usual(victim, ring, 1);
	settle(ring);
	return true;
}

/* Beyond the feature bits there are none. */
static bool select_unknown_features(struct victim *victim, struct ring *ring,
				    const void *arg)
{
	static const uint32_t selects[] = { 4, 0x10, 0x80000000, 0xffffffff };
	bool good = true;

	(void)ring;
	(void)arg;
	for (unsigned i = 0; i < COUNT(selects); i++) {
		virtio_write(&victim->virtio, DEVICE_FEATURE_SELECT, selects[i]);
		good &= virtio_read(&victim->virtio, DEVICE_FEATURE) == 0;
	}
	return good;
}

/* -- accesses of all sizes everywhere -- */

static uint32_t regs_size(const struct victim *victim)
{
	return victim->virtio.is_pci ? PCI_REGS_SIZE : MMIO_REGS_SIZE;
}

static bool read_everywhere(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct virtio *virtio = &victim->virtio;

	(void)ring;
	(void)arg;
	for (unsigned size = 1; size <= 4; size *= 2) {
		for (uint32_t at = 0; at < regs_size(victim); at++)
			mem_read(virtio->regs + at, size);
		for (uint32_t at = 0; at < CONFIG_SIZE; at++)
			mem_read(virtio->config + at, size);
	}
	return true;
}

static bool write_everywhere(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct virtio *virtio = &victim->virtio;
	const uint32_t value = *(const uint32_t *)arg;

	(void)ring;
	for (unsigned size = 1; size <= 4; size *= 2) {
		for (uint32_t at = 0; at < regs_size(victim); at++)
			mem_write(virtio->regs + at, value, size);
		for (uint32_t at = 0; at < CONFIG_SIZE; at += size)
			mem_write(virtio->config + at, value, size);
	}
	return true;
}

static bool write_random(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct virtio *virtio = &victim->virtio;

	(void)ring;
	(void)arg;
	for (unsigned i = 0; i < 400; i++)
		mem_write(virtio->regs + random_number() % regs_size(victim),
			  random_number(), 1u << random_number() % 3);
	return true;
}

/* Behind the device's configuration; on MMIO, behind the device. */
static bool configure_far_away(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct virtio *virtio = &victim->virtio;

	(void)ring;
	(void)arg;
	for (uint32_t offset = 0x40; offset <= 0x1000; offset *= 2) {
		const uint32_t at = virtio->config + offset - 2;

		if (!virtio->is_pci && offset > 0x100)
			break; /* there begins the next device */
		mem_read(at, 4);
		mem_write(at, 0xffffffff, 4);
	}
	return true;
}

/* -- notifications -- */

static bool notify_unknown(struct victim *victim, struct ring *ring, const void *arg)
{
	static const uint32_t values[] = { 5,      64,         0x7fff,
					   0xffff, 0x10000,    0x80000000,
					   ~0u,    0xfffffffe, 0x00010001 };
	const struct virtio *virtio = &victim->virtio;

	(void)ring;
	(void)arg;
	for (unsigned i = 0; i < COUNT(values); i++)
		for (unsigned size = 1; size <= 4; size *= 2)
			mem_write(virtio->notify, values[i], size);
	return true;
}

/* The notification area of PCI, up to the end of its page. */
static bool notify_everywhere(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct virtio *virtio = &victim->virtio;

	(void)ring;
	(void)arg;
	if (!virtio->is_pci)
		return true;
	for (uint32_t at = 0; at < 0x200; at++)
		mem_write(virtio->notify + at, random_number(), 1u << at % 3);
	return true;
}

static bool notify_too_early(struct victim *victim, struct ring *ring, const void *arg)
{
	(void)arg;
	if (!virtio_reset(&victim->virtio))
		return false;
	for (unsigned i = 0; i < 50; i++)
		virtio_notify(&victim->virtio, ring->index);
	if (!virtio_begin(&victim->virtio, 0))
		return false;
	for (unsigned i = 0; i < 50; i++)
		virtio_notify(&victim->virtio, ring->index);
	ring_init(ring, &victim->virtio, ring->index);
	virtio_enable(ring);
	for (unsigned i = 0; i < 50; i++)
		virtio_notify(&victim->virtio, ring->index);
	return true;
}

/* -- resets -- */

static bool reset_often(struct victim *victim, struct ring *ring, const void *arg)
{
	(void)ring;
	(void)arg;
	for (unsigned i = 0; i < 30; i++)
		if (!victim_start(victim, 0))
			return false;
	for (unsigned i = 0; i < 100; i++)
		if (!virtio_reset(&victim->virtio))
			return false;
	return true;
}

/* Some requests of the kind that the device serves are there, and it has just begun. */
static bool reset_in_the_middle(struct victim *victim, struct ring *ring, const void *arg)
{
	(void)arg;
	for (unsigned round = 0; round < 40; round++) {
		offer_usual(victim, ring, 1 + round % 5);
		if (!victim_start(victim, 0))
			return false;
		/* Nothing of what was offered before the reset may arrive behind it. */
		if (ring->used.idx)
			return false;
	}
	return true;
}

void attack_registers(struct victim *victim)
{
	static const uint32_t zeroes = 0, ones = 0xffffffff, a5 = 0xa5a5a5a5;
	static const bool early = false, late = true;

	for (unsigned i = 0; i < victim->nr_rings; i++) {
		struct ring *ring = &victim->rings[i];

		for (unsigned k = 0; k < COUNT(setups); k++)
			attack(victim, ring, setups[k].name, set_up_wrongly, &setups[k]);
		attack(victim, ring, "set_up_while_running", set_up_while_running, 0);
		attack(victim, ring, "notify_too_early", notify_too_early, 0);
		attack(victim, ring, "reset_in_the_middle", reset_in_the_middle, 0);
	}
	for (unsigned i = 0; i < COUNT(step_rows); i++)
		attack(victim, 0, step_rows[i].name, step_wrongly, &step_rows[i]);
	attack(victim, 0, "set_up_unknown_queues", set_up_unknown_queues, 0);
	attack(victim, 0, "start_without_queues", start_without_queues, 0);
	attack(victim, 0, "accept_everything", accept_everything, &early);
	attack(victim, 0, "accept_everything_late", accept_everything, &late);
	attack(victim, 0, "accept_nothing", accept_nothing, 0);
	attack(victim, 0, "select_unknown_features", select_unknown_features, 0);
	attack(victim, 0, "read_everywhere", read_everywhere, 0);
	attack(victim, 0, "write_zeroes_everywhere", write_everywhere, &zeroes);
	attack(victim, 0, "write_ones_everywhere", write_everywhere, &ones);
	attack(victim, 0, "write_a5_everywhere", write_everywhere, &a5);
	attack(victim, 0, "write_random", write_random, 0);
	attack(victim, 0, "configure_far_away", configure_far_away, 0);
	attack(victim, 0, "notify_unknown", notify_unknown, 0);
	attack(victim, 0, "notify_everywhere", notify_everywhere, 0);
	attack(victim, 0, "reset_often", reset_often, 0);
}
