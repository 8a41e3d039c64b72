/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_packed: attacks by what lies in packed rings (virtio 1.2, 2.8), on each queue of
 * a device that offers them. Afterwards it has to serve a split ring.
 *
 * The ring has RING_SIZE descriptors, in the memory of the split ring's table; the driver's
 * event suppression lies in that of the available ring, the device's in the used ring's.
 * Where an attack begins, all is fresh: both wrap counters are 1, so AVAIL set and USED
 * clear is what makes a descriptor available.
 */
#include "hostile.h"

#define N     DESC_NEXT
#define W     DESC_WRITE
#define I     DESC_INDIRECT
#define AVAIL 0x80
#define USED  0x8000

/* struct pvirtq_desc (2.8.13) */
struct packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

struct packed_chain {
	const char *name;
	struct packed_desc desc[4];
	struct packed_desc table[2]; /* at TABLE */
};

static const struct packed_chain chains[] = {
	{ "packed_next_and_no_more", { { SCRATCH, 16, 0, AVAIL | N } }, { { 0 } } },
	{ "packed_next_of_another_turn",
	  { { SCRATCH, 16, 0, AVAIL | N }, { SCRATCH, 16, 0, USED } },
	  { { 0 } } },
	{ "packed_wrong_turn", { { SCRATCH, 16, 0, USED } }, { { 0 } } },
	{ "packed_used_already", { { SCRATCH, 16, 0, AVAIL | USED } }, { { 0 } } },
	{ "packed_id_at_size", { { SCRATCH, 16, RING_SIZE, AVAIL } }, { { 0 } } },
	{ "packed_id_at_limit", { { SCRATCH, 16, 0xffff, AVAIL | W } }, { { 0 } } },
	{ "packed_same_id",
	  { { SCRATCH, 16, 3, AVAIL | W },
	    { SCRATCH, 16, 3, AVAIL | W },
	    { SCRATCH, 16, 3, AVAIL | W } },
	  { { 0 } } },
	{ "packed_id_only_in_the_first",
	  { { SCRATCH, 16, 5, AVAIL | N }, { SCRATCH, 16, 0xffff, AVAIL | W } },
	  { { 0 } } },
	{ "packed_flags_all", { { TABLE, 16, 0, 0x7fff } }, { { 0 } } },
	{ "packed_indirect_empty", { { TABLE, 0, 0, AVAIL | I } }, { { 0 } } },
	{ "packed_indirect_uneven",
	  { { TABLE, 17, 0, AVAIL | I } },
	  { { SCRATCH, 16, 0, 0 } } },
	{ "packed_indirect_of_4_gib",
	  { { TABLE, 0xfffffff0, 0, AVAIL | I } },
	  { { SCRATCH, 16, 0, 0 } } },
	{ "packed_indirect_longer_than_the_ring",
	  { { TABLE, 16 * (RING_SIZE + 1), 0, AVAIL | I } },
	  { { SCRATCH, 16, 0, 0 } } },
	{ "packed_indirect_in_indirect",
	  { { TABLE, 32, 0, AVAIL | I } },
	  { { TABLE, 16, 0, I } } },
	{ "packed_indirect_and_next",
	  { { TABLE, 16, 0, AVAIL | I | N }, { SCRATCH, 16, 0, AVAIL | W } },
	  { { SCRATCH, 16, 0, 0 } } },
	{ "packed_indirect_beyond_ram", { { BEYOND_RAM, 32, 0, AVAIL | I } }, { { 0 } } },
	{ "packed_indirect_wraps",
	  { { LAST_ADDRESS - 15, 32, 0, AVAIL | I } },
	  { { 0 } } },
	{ "packed_indirect_in_the_lapic", { { LAPIC, 32, 0, AVAIL | I } }, { { 0 } } },
	{ "packed_data_beyond_ram", { { BEYOND_RAM, 16, 0, AVAIL } }, { { 0 } } },
	{ "packed_data_crosses_the_end",
	  { { RAM_END - 8, 16, 0, AVAIL | W } },
	  { { 0 } } },
	{ "packed_data_in_the_lapic", { { LAPIC, 512, 0, AVAIL | W } }, { { 0 } } },
	{ "packed_data_wraps", { { LAST_ADDRESS - 7, 16, 0, AVAIL | W } }, { { 0 } } },
	{ "packed_data_of_4_gib", { { SCRATCH, 0xffffffff, 0, AVAIL } }, { { 0 } } },
	{ "packed_empty", { { SCRATCH, 0, 0, AVAIL } }, { { 0 } } },
	{ "packed_writable_first",
	  { { SCRATCH, 512, 0, AVAIL | N | W }, { SCRATCH, 16, 0, AVAIL } },
	  { { 0 } } },
	{ "packed_usual",
	  { { SCRATCH, 16, 0, AVAIL | N },
	    { SCRATCH + 512, 512, 0, AVAIL | N | W },
	    { SCRATCH + 1024, 1, 0, AVAIL | W } },
	  { { 0 } } },
};

static void copy(volatile struct packed_desc *to, const struct packed_desc *from,
		 unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		to[i].addr = from[i].addr;
		to[i].len = from[i].len;
		to[i].id = from[i].id;
		to[i].flags = from[i].flags;
	}
}

/* All queues with packed rings; they are empty. */
static bool start_packed(struct victim *victim)
{
	if (!virtio_begin(&victim->virtio, victim->kind->features | F_INDIRECT_DESC |
						   F_EVENT_IDX | F_RING_PACKED))
		return false;
	for (unsigned i = 0; i < victim->nr_rings; i++) {
		ring_init(&victim->rings[i], &victim->virtio, (uint16_t)i);
		if (!virtio_enable(&victim->rings[i]))
			return false;
	}
	virtio_go(&victim->virtio);
	return true;
}

static bool offer_chain(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct packed_chain *chain = arg;

	if (!start_packed(victim))
		return false;
	for (unsigned i = 0; i < 32; i += 4)
		mem_write(SCRATCH + i, 0, 4);
	copy((volatile struct packed_desc *)ring->desc, chain->desc, COUNT(chain->desc));
	copy((volatile struct packed_desc *)TABLE, chain->table, COUNT(chain->table));
	virtio_notify(ring->virtio, ring->index);
	settle(ring);
	return true;
}

/* A ring full of descriptors that all go on. */
static bool offer_endless(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct packed_desc desc = { SCRATCH, 8, 0, *(const uint16_t *)arg };

	if (!start_packed(victim))
		return false;
	for (unsigned i = 0; i < RING_SIZE; i++)
		copy((volatile struct packed_desc *)ring->desc + i, &desc, 1);
	virtio_notify(ring->virtio, ring->index);
	settle(ring);
	return true;
}

/* When to interrupt (2.8.14): places that are not there, and flags that are reserved. */
static bool suppress_wildly(struct victim *victim, struct ring *ring, const void *arg)
{
	static const uint32_t wild[] = { 0x0002ffff, 0x00028000, 0x00027fff,
					 0x0003ffff, 0xffffffff, 0x00020010 };

	(void)arg;
	for (unsigned i = 0; i < COUNT(wild); i++) {
		const struct packed_desc desc = { SCRATCH, 16, 0, AVAIL | W };

		if (!start_packed(victim))
			return false;
		mem_write((uint32_t)&ring->avail, wild[i], 4);
		copy((volatile struct packed_desc *)ring->desc, &desc, 1);
		virtio_notify(ring->virtio, ring->index);
		settle(ring);
	}
	return true;
}

static bool offer_random(struct victim *victim, struct ring *ring, const void *arg)
{
	(void)arg;
	for (unsigned round = 0; round < 20; round++) {
		if (!start_packed(victim))
			return false;
		for (unsigned i = 0; i < RING_SIZE; i++) {
			const uint32_t dice = random_number();
			const struct packed_desc desc = {
				dice % 8 ? SCRATCH + dice % 4096 : BEYOND_RAM + dice,
				dice % 16 ? dice >> 8 & 1023 : random_number(),
				(uint16_t)(dice >> 12 & (dice % 32 ? 15 : 31)),
				(uint16_t)((dice >> 20 & 7) |
					   (dice % 4 ? AVAIL : dice & (AVAIL | USED))),
			};

			copy((volatile struct packed_desc *)ring->desc + i, &desc, 1);
		}
		virtio_notify(ring->virtio, ring->index);
		settle(ring);
	}
	return true;
}

void attack_packed(struct victim *victim)
{
	static const uint16_t readable = AVAIL | N, writable = AVAIL | N | W,
			      single = AVAIL | W;

	if (!(virtio_features(&victim->virtio) & F_RING_PACKED))
		return;
	for (unsigned i = 0; i < victim->nr_rings; i++) {
		struct ring *ring = &victim->rings[i];

		for (unsigned k = 0; k < COUNT(chains); k++)
			attack(victim, ring, chains[k].name, offer_chain, &chains[k]);
		attack(victim, ring, "packed_endless", offer_endless, &readable);
		attack(victim, ring, "packed_endless_writable", offer_endless, &writable);
		attack(victim, ring, "packed_same_id_everywhere", offer_endless, &single);
		attack(victim, ring, "packed_wild_suppression", suppress_wildly, 0);
		attack(victim, ring, "packed_random", offer_random, 0);
	}
}
