/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_race: attacks by a second CPU, which changes what the device is about to read,
 * or has just checked, while the first one makes requests.
 *
 * The second CPU only writes: two values in turn to each of up to two places, as fast as
 * it can. It halts when the attack is over, and is started anew for the next one.
 */
#include "hostile.h"

#define ICR_LOW     (LAPIC + 0x300)
#define ICR_HIGH    (LAPIC + 0x310)
#define ICR_INIT    0xc4500u /* all but this CPU, assert, INIT */
#define ICR_STARTUP 0xc4600u
#define START_PAGE  0x70u
#define ROUNDS      12
#define PATIENCE    (30 * 3579545u) /* of the PM timer: 30 seconds */

extern const uint8_t second_start[];
extern const uint32_t second_size;
void second_main(void);

struct change {
	uint32_t at, size;
	uint32_t values[2];
};

static struct {
	struct change changes[2];
	unsigned count;
	volatile bool wanted, busy;
} second;

void second_main(void)
{
	second.busy = true;
	for (unsigned turn = 0; second.wanted; turn++)
		for (unsigned i = 0; i < second.count; i++)
			mem_write(second.changes[i].at,
				  second.changes[i].values[turn & 1],
				  second.changes[i].size);
	second.busy = false;
}

static bool wait_until(const volatile bool *flag, bool value)
{
	for (const uint32_t start = inl(PM_TIMER); inl(PM_TIMER) - start < PATIENCE;)
		if (*flag == value)
			return true;
	return false;
}

/* Intel SDM, volume 3, 9.4.4 (one STARTUP is enough for a virtual CPU). */
static bool start_second_cpu(void)
{
	volatile uint8_t *page = (volatile uint8_t *)(START_PAGE << 12);

	for (uint32_t i = 0; i < second_size; i++)
		page[i] = second_start[i];
	mem_write(ICR_HIGH, 0, 4);
	mem_write(ICR_LOW, ICR_INIT, 4);
	for (unsigned i = 0; i < 100; i++)
		inb(POST_CODE);
	mem_write(ICR_LOW, ICR_STARTUP | START_PAGE, 4);
	return wait_until(&second.busy, true);
}

static bool begin_changes(const struct change *changes, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		second.changes[i] = changes[i];
	second.count = count;
	second.wanted = true;
	return start_second_cpu();
}

static void end_changes(void)
{
	second.wanted = false;
	wait_until(&second.busy, false);
}

/* Three pieces for the device to read or to write, as the queue wants it. */
static void fill_table(char shape)
{
	static const uint32_t sizes[] = { 16, 512, 1 };
	volatile struct desc *table = (volatile struct desc *)TABLE;

	for (unsigned i = 0; i < COUNT(sizes); i++) {
		const bool writable = shape == 'w' || (shape != 'r' && i > 0);

		table[i].addr = SCRATCH + 512 * i;
		table[i].len = sizes[i];
		table[i].flags = (uint16_t)((writable ? DESC_WRITE : 0) |
					    (i + 1 < COUNT(sizes) ? DESC_NEXT : 0));
		table[i].next = (uint16_t)(i + 1);
	}
}

/* A request of the usual kind, or one by way of a table. */
static void offer_round(struct victim *victim, struct ring *ring, bool indirect)
{
	if (!indirect) {
		offer_usual(victim, ring, 1);
		return;
	}
	fill_table(victim->kind->queues[ring->index]);
	ring->desc[0].addr = TABLE;
	ring->desc[0].len = 48;
	ring->desc[0].flags = DESC_INDIRECT;
	ring_offer(ring, 0);
}

static bool is_broken(const struct victim *victim)
{
	const uint32_t running = STATUS_DRIVER_OK | STATUS_NEEDS_RESET;

	return (virtio_read(&victim->virtio, DEVICE_STATUS) & running) !=
	       STATUS_DRIVER_OK;
}

/* Requests while the other CPU makes these changes. */
static bool race(struct victim *victim, struct ring *ring, const struct change *changes,
		 unsigned count, bool indirect)
{
	bool good = begin_changes(changes, count);

	for (unsigned round = 0; good && round < ROUNDS; round++) {
		offer_round(victim, ring, indirect);
		if (victim->kind->poke)
			victim->kind->poke(victim);
		settle(ring);
		ring->seen = ring->used.idx;
		if (is_broken(victim)) {
			end_changes();
			good = victim_start(victim, F_INDIRECT_DESC) &&
			       begin_changes(changes, count);
		}
	}
	end_changes();
	return good;
}

/* A field of a descriptor, by its offset. */
struct field {
	const char *name,
		*table_name; /* in the ring; in a table of indirect descriptors */
	uint32_t descriptor, offset, size;
	uint32_t values[2];
};

static const struct field fields[] = {
	{ "race_address", "race_table_address", 0, 0, 4, { SCRATCH, LAPIC } },
	{ "race_address_high", "race_table_address_high", 0, 4, 4, { 0, 0x100 } },
	{ "race_length", "race_table_length", 0, 8, 4, { 16, 0xffffffff } },
	{ "race_flags",
	  "race_table_flags",
	  0,
	  12,
	  2,
	  { DESC_NEXT, DESC_NEXT | DESC_INDIRECT } },
	{ "race_next", "race_table_next", 0, 14, 2, { 1, 0 } },
	{ "race_second_address",
	  "race_table_second_address",
	  1,
	  0,
	  4,
	  { SCRATCH + 512, RAM_END - 4 } },
	{ "race_second_length",
	  "race_table_second_length",
	  1,
	  8,
	  4,
	  { 512, 0x80000000 } },
	{ "race_direction",
	  "race_table_direction",
	  1,
	  12,
	  2,
	  { DESC_NEXT | DESC_WRITE, DESC_NEXT } },
	{ "race_end_of_chain",
	  "race_table_end_of_chain",
	  2,
	  12,
	  2,
	  { DESC_WRITE, DESC_WRITE | DESC_NEXT } },
	{ "race_next_out_of_range",
	  "race_table_next_out_of_range",
	  1,
	  14,
	  2,
	  { 2, 0xffff } },
};

static bool race_field(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct field *field = arg;
	const uint32_t at = (uint32_t)&ring->desc[field->descriptor] + field->offset;
	const struct change change = { at,
				       field->size,
				       { field->values[0], field->values[1] } };

	return race(victim, ring, &change, 1, false);
}

static bool race_table(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct field *field = arg;
	const uint32_t at = TABLE + 16 * field->descriptor + field->offset;
	const struct change change = { at,
				       field->size,
				       { field->values[0], field->values[1] } };

	return race(victim, ring, &change, 1, true);
}

/* The first words of a request: a disk's type and sector. */
static bool race_request(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct change changes[] = { { SCRATCH, 4, { 0, 0x7777 } },
					  { SCRATCH + 12, 4, { 0, 0x80000000 } } };

	(void)arg;
	return race(victim, ring, changes, COUNT(changes), false);
}

static bool race_avail(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct change changes[] = {
		{ (uint32_t)&ring->avail.idx, 2, { 1, 0x4000 } },
		{ (uint32_t)&ring->avail.ring[0], 2, { 0, 0xffff } },
	};

	(void)arg;
	return race(victim, ring, changes, COUNT(changes), false);
}

/* The second CPU resets the device, and starts it with queues that are gone. */
static bool race_reset(struct victim *victim, struct ring *ring, const void *arg)
{
	const uint32_t offset = victim->virtio.is_pci ? 0x14 : 0x70;
	const struct change change = { victim->virtio.regs + offset,
				       victim->virtio.is_pci ? 1u : 4u,
				       { 0, 0xf } };

	(void)arg;
	if (!begin_changes(&change, 1))
		return false;
	for (unsigned round = 0; round < ROUNDS; round++) {
		offer_round(victim, ring, false);
		virtio_enable(ring);
	}
	end_changes();
	return true;
}

static bool race_queue_address(struct victim *victim, struct ring *ring, const void *arg)
{
	const uint32_t offset = victim->virtio.is_pci ? 0x20 : 0x80;
	const struct change change = { victim->virtio.regs + offset,
				       4,
				       { (uint32_t)&ring->desc, LAPIC } };
	bool good = begin_changes(&change, 1);

	(void)arg;
	for (unsigned round = 0; good && round < 20; round++) {
		good = victim_start(victim, 0);
		offer_round(victim, ring, false);
		settle(ring);
	}
	end_changes();
	return good;
}

/* Both notify, all the time. */
static bool race_notify(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct change change = { victim->virtio.notify,
				       victim->virtio.is_pci ? 2u : 4u,
				       { ring->index, 0xffff } };

	(void)arg;
	return race(victim, ring, &change, 1, false);
}

static bool race_config(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct change changes[] = {
		{ victim->virtio.config, 4, { 0, 0xffffffff } },
		{ victim->virtio.config + 4, 4, { 0, 0xffffffff } }
	};

	(void)arg;
	return race(victim, ring, changes, COUNT(changes), false);
}

void attack_with_second_cpu(struct victim *victim)
{
	for (unsigned i = 0; i < victim->nr_rings; i++) {
		struct ring *ring = &victim->rings[i];

		for (unsigned k = 0; k < COUNT(fields); k++)
			attack(victim, ring, fields[k].name, race_field, &fields[k]);
		attack(victim, ring, "race_request", race_request, 0);
		attack(victim, ring, "race_avail", race_avail, 0);
		attack(victim, ring, "race_reset", race_reset, 0);
		attack(victim, ring, "race_queue_address", race_queue_address, 0);
		attack(victim, ring, "race_notify", race_notify, 0);
	}
	for (unsigned k = 0; k < COUNT(fields); k++)
		attack(victim, 0, fields[k].table_name, race_table, &fields[k]);
	attack(victim, 0, "race_config", race_config, 0);
}
