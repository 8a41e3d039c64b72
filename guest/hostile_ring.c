/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_ring: attacks by what lies in the rings (virtio 1.2, 2.7), on each queue.
 *
 * Most are one chain of descriptors: a row of the table below.
 */
#include "hostile.h"

#define N DESC_NEXT
#define W DESC_WRITE
#define I DESC_INDIRECT

struct chain {
	const char *name;
	uint16_t head;
	struct desc desc[3];
	struct desc table[2]; /* at TABLE */
};

static const struct chain chains[] = {
	{ "loop_of_one", 0, { { SCRATCH, 16, N, 0 } }, { { 0 } } },
	{ "loop_of_one_writable", 0, { { SCRATCH, 16, N | W, 0 } }, { { 0 } } },
	{ "loop_of_two", 0, { { SCRATCH, 16, N, 1 }, { SCRATCH, 16, N, 0 } }, { { 0 } } },
	{ "loop_behind_the_start",
	  0,
	  { { SCRATCH, 16, N, 1 }, { SCRATCH, 16, N, 2 }, { SCRATCH, 16, N | W, 1 } },
	  { { 0 } } },
	{ "loop_of_nothing", 0, { { SCRATCH, 0, N, 0 } }, { { 0 } } },
	{ "head_at_size", RING_SIZE, { { SCRATCH, 16, 0, 0 } }, { { 0 } } },
	{ "head_at_limit", 0xffff, { { SCRATCH, 16, 0, 0 } }, { { 0 } } },
	{ "next_at_size", 0, { { SCRATCH, 16, N, RING_SIZE } }, { { 0 } } },
	{ "next_at_limit", 0, { { SCRATCH, 16, N, 0xffff } }, { { 0 } } },
	{ "flags_unknown", 0, { { SCRATCH, 16, 0xfff8, 0 } }, { { 0 } } },
	{ "flags_all", 0, { { TABLE, 16, 0xffff, 0 } }, { { 0 } } },

	{ "indirect_empty", 0, { { TABLE, 0, I, 0 } }, { { SCRATCH, 16, 0, 0 } } },
	{ "indirect_short", 0, { { TABLE, 15, I, 0 } }, { { SCRATCH, 16, 0, 0 } } },
	{ "indirect_uneven", 0, { { TABLE, 17, I, 0 } }, { { SCRATCH, 16, 0, 0 } } },
	{ "indirect_longer_than_the_ring",
	  0,
	  { { TABLE, 16 * (RING_SIZE + 1), I, 0 } },
	  { { SCRATCH, 16, 0, 0 } } },
	{ "indirect_longer_than_2_16",
	  0,
	  { { TABLE, 16 * 0x10001, I, 0 } },
	  { { SCRATCH, 16, 0, 0 } } },
	{ "indirect_of_4_gib",
	  0,
	  { { TABLE, 0xfffffff0, I, 0 } },
	  { { SCRATCH, 16, 0, 0 } } },
	{ "indirect_and_next",
	  0,
	  { { TABLE, 16, I | N, 1 }, { SCRATCH, 16, W, 0 } },
	  { { SCRATCH, 16, 0, 0 } } },
	{ "indirect_and_write",
	  0,
	  { { TABLE, 16, I | W, 0 } },
	  { { SCRATCH, 16, 0, 0 } } },
	{ "indirect_in_indirect", 0, { { TABLE, 32, I, 0 } }, { { TABLE, 16, I, 0 } } },
	{ "indirect_behind_direct",
	  0,
	  { { SCRATCH, 16, N, 1 }, { TABLE, 16, I, 0 } },
	  { { SCRATCH, 16, W, 0 } } },
	{ "indirect_loop_of_one", 0, { { TABLE, 16, I, 0 } }, { { SCRATCH, 16, N, 0 } } },
	{ "indirect_loop_of_two",
	  0,
	  { { TABLE, 32, I, 0 } },
	  { { SCRATCH, 16, N, 1 }, { SCRATCH, 16, N, 0 } } },
	{ "indirect_next_behind_the_table",
	  0,
	  { { TABLE, 16, I, 0 } },
	  { { SCRATCH, 16, N, 1 } } },
	{ "indirect_next_at_limit",
	  0,
	  { { TABLE, 32, I, 0 } },
	  { { SCRATCH, 16, N, 0xffff } } },
	{ "indirect_beyond_ram", 0, { { BEYOND_RAM, 32, I, 0 } }, { { 0 } } },
	{ "indirect_crosses_the_end", 0, { { RAM_END - 16, 32, I, 0 } }, { { 0 } } },
	{ "indirect_in_the_hole", 0, { { DEVICE_HOLE, 32, I, 0 } }, { { 0 } } },
	{ "indirect_in_the_lapic", 0, { { LAPIC, 32, I, 0 } }, { { 0 } } },
	{ "indirect_wraps", 0, { { LAST_ADDRESS - 15, 32, I, 0 } }, { { 0 } } },
	{ "indirect_uneven_address",
	  0,
	  { { TABLE + 1, 16, I, 0 } },
	  { { SCRATCH, 16, 0, 0 } } },

	{ "data_beyond_ram", 0, { { BEYOND_RAM, 16, 0, 0 } }, { { 0 } } },
	{ "data_beyond_ram_writable", 0, { { BEYOND_RAM, 16, W, 0 } }, { { 0 } } },
	{ "data_crosses_the_end", 0, { { RAM_END - 8, 16, 0, 0 } }, { { 0 } } },
	{ "data_crosses_the_end_writable", 0, { { RAM_END - 8, 16, W, 0 } }, { { 0 } } },
	{ "data_at_the_end", 0, { { RAM_END, 1, W, 0 } }, { { 0 } } },
	{ "data_in_the_hole", 0, { { DEVICE_HOLE, 16, 0, 0 } }, { { 0 } } },
	{ "data_in_the_hole_writable", 0, { { DEVICE_HOLE, 512, W, 0 } }, { { 0 } } },
	{ "data_in_the_lapic", 0, { { LAPIC, 512, W, 0 } }, { { 0 } } },
	{ "data_in_the_ioapic", 0, { { IOAPIC, 16, W, 0 } }, { { 0 } } },
	{ "data_at_4_gib", 0, { { 0xfffffff8, 16, W, 0 } }, { { 0 } } },
	{ "data_wraps", 0, { { LAST_ADDRESS - 7, 16, 0, 0 } }, { { 0 } } },
	{ "data_wraps_writable", 0, { { LAST_ADDRESS - 7, 16, W, 0 } }, { { 0 } } },
	{ "data_at_the_last_byte", 0, { { LAST_ADDRESS, 1, W, 0 } }, { { 0 } } },
	{ "data_of_4_gib", 0, { { SCRATCH, 0xffffffff, 0, 0 } }, { { 0 } } },
	{ "data_of_4_gib_writable", 0, { { SCRATCH, 0xffffffff, W, 0 } }, { { 0 } } },
	{ "data_of_all_ram_and_more", 0, { { 0, 0xfffff000, 0, 0 } }, { { 0 } } },
	{ "data_second_piece_is_wild",
	  0,
	  { { SCRATCH, 16, N, 1 }, { BEYOND_RAM, 512, N | W, 2 }, { SCRATCH, 1, W, 0 } },
	  { { 0 } } },
	{ "empty", 0, { { SCRATCH, 0, 0, 0 } }, { { 0 } } },
	{ "empty_writable", 0, { { SCRATCH, 0, W, 0 } }, { { 0 } } },
	{ "empty_nowhere", 0, { { BEYOND_RAM, 0, W, 0 } }, { { 0 } } },
	{ "empty_between",
	  0,
	  { { SCRATCH, 16, N, 1 }, { SCRATCH, 0, N, 2 }, { SCRATCH, 16, W, 0 } },
	  { { 0 } } },
	{ "one_byte", 0, { { SCRATCH, 1, 0, 0 } }, { { 0 } } },
	{ "one_byte_writable", 0, { { SCRATCH, 1, W, 0 } }, { { 0 } } },
	{ "only_readable",
	  0,
	  { { SCRATCH, 16, N, 1 }, { SCRATCH, 512, N, 2 }, { SCRATCH, 1, 0, 0 } },
	  { { 0 } } },
	{ "only_writable",
	  0,
	  { { SCRATCH, 16, N | W, 1 }, { SCRATCH, 512, N | W, 2 }, { SCRATCH, 1, W, 0 } },
	  { { 0 } } },
	{ "readable_behind_writable",
	  0,
	  { { SCRATCH, 16, N, 1 }, { SCRATCH, 512, N | W, 2 }, { SCRATCH, 1, 0, 0 } },
	  { { 0 } } },
	{ "writable_first",
	  0,
	  { { SCRATCH, 512, N | W, 1 }, { SCRATCH, 16, 0, 0 } },
	  { { 0 } } },
};

#undef N
#undef W
#undef I

#define PATTERN 0x5ca7c4edu
#define WORDS   64

/* SCRATCH looks like a request of any device, and like nothing that one would write. */
static void fill_scratch(void)
{
	volatile uint32_t *scratch = (volatile uint32_t *)SCRATCH;

	for (unsigned i = 0; i < WORDS; i++)
		scratch[i] = PATTERN;
}

static bool scratch_is_untouched(void)
{
	const volatile uint32_t *scratch = (const volatile uint32_t *)SCRATCH;

	for (unsigned i = 0; i < WORDS; i++)
		if (scratch[i] != PATTERN)
			return false;
	return true;
}

static bool may_be_written(const struct chain *chain)
{
	for (unsigned i = 0; i < COUNT(chain->desc); i++)
		if (chain->desc[i].flags & DESC_WRITE)
			return true;
	for (unsigned i = 0; i < COUNT(chain->table); i++)
		if (chain->table[i].flags & DESC_WRITE)
			return true;
	return false;
}

static void copy_desc(volatile struct desc *to, const struct desc *from, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		to[i].addr = from[i].addr;
		to[i].len = from[i].len;
		to[i].flags = from[i].flags;
		to[i].next = from[i].next;
	}
}

static void offer_and_settle(struct victim *victim, struct ring *ring, uint16_t head)
{
	ring_offer(ring, head);
	if (victim->kind->poke)
		victim->kind->poke(victim);
	settle(ring);
}

static bool offer_chain(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct chain *chain = arg;

	fill_scratch();
	copy_desc(ring->desc, chain->desc, COUNT(chain->desc));
	copy_desc((volatile struct desc *)TABLE, chain->table, COUNT(chain->table));
	offer_and_settle(victim, ring, chain->head);
	/* What is for the device to read only, it does not write. */
	return may_be_written(chain) || scratch_is_untouched();
}

/* The same without F_INDIRECT_DESC agreed. */
static bool offer_unagreed_indirect(struct victim *victim, struct ring *ring,
				    const void *arg)
{
	static const struct chain chain = {
		"", 0, { { TABLE, 16, DESC_INDIRECT, 0 } }, { { SCRATCH, 16, 0, 0 } }
	};

	(void)arg;
	return victim_start(victim, 0) && offer_chain(victim, ring, &chain);
}

/* Each piece is good; their sum does not fit into 32 bits. */
static bool offer_too_much(struct victim *victim, struct ring *ring, const void *arg)
{
	const uint16_t flags = *(const uint16_t *)arg;

	for (unsigned i = 0; i < RING_SIZE; i++) {
		ring->desc[i].addr = HUGE;
		ring->desc[i].len = HUGE_SIZE;
		ring->desc[i].flags =
			(uint16_t)(flags | (i + 1 < RING_SIZE ? DESC_NEXT : 0));
		ring->desc[i].next = (uint16_t)(i + 1);
	}
	offer_and_settle(victim, ring, 0);
	return true;
}

/* As many descriptors as there are: allowed. */
static bool offer_longest(struct victim *victim, struct ring *ring, const void *arg)
{
	const uint16_t flags = *(const uint16_t *)arg;

	fill_scratch();
	for (unsigned i = 0; i < RING_SIZE; i++) {
		ring->desc[i].addr = SCRATCH + 8 * i;
		ring->desc[i].len = 8;
		ring->desc[i].flags =
			(uint16_t)(flags | (i + 1 < RING_SIZE ? DESC_NEXT : 0));
		ring->desc[i].next = (uint16_t)(i + 1);
	}
	offer_and_settle(victim, ring, 0);
	return flags & DESC_WRITE || scratch_is_untouched();
}

/* avail.idx moves by this many entries at once, all of which are the same head. */
static bool jump(struct victim *victim, struct ring *ring, const void *arg)
{
	const uint16_t by = *(const uint16_t *)arg;

	ring->desc[0].addr = SCRATCH;
	ring->desc[0].len = 64;
	ring->desc[0].flags = DESC_WRITE;
	ring->avail.idx = (uint16_t)(ring->avail.idx + by - 1);
	offer_and_settle(victim, ring, 0);
	return true;
}

/* The device is to write over its own rings. */
static bool write_to_ring(struct victim *victim, struct ring *ring, const void *arg)
{
	const uint32_t offset = *(const uint16_t *)arg;
	struct piece pieces[] = {
		{ (const void *)SCRATCH, 16, false },
		{ (const uint8_t *)ring + offset, 512, true },
		{ (const uint8_t *)ring + offset, 1, true },
	};

	ring_fill(ring, pieces, COUNT(pieces));
	offer_and_settle(victim, ring, 0);
	ring->desc[0].addr = (uint32_t)(const uint8_t *)ring + offset;
	ring->desc[0].len = 512;
	ring->desc[0].flags = DESC_WRITE;
	offer_and_settle(victim, ring, 0);
	return true;
}

static bool notify_much(struct victim *victim, struct ring *ring, const void *arg)
{
	(void)victim;
	(void)arg;
	for (unsigned i = 0; i < 200; i++)
		virtio_notify(ring->virtio, ring->index);
	return true;
}

/* Neither inside the guest's program nor where it works. */
static uint64_t random_address(void)
{
	switch (random_number() % 8) {
	case 0:
		return (uint64_t)random_number() << 32 | random_number();
	case 1:
		return RAM_END - random_number() % 32;
	case 2:
		return LAPIC + random_number() % 4096;
	case 3:
		return TABLE;
	default:
		return SCRATCH + random_number() % 65536;
	}
}

static void randomize(volatile struct desc *desc, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const uint32_t dice = random_number();

		desc[i].addr = random_address();
		desc[i].len = dice % 4 ? dice >> 8 & 1023 : random_number();
		desc[i].flags = (uint16_t)(dice >> 20 & (dice % 8 ? 3 : 7));
		desc[i].next = (uint16_t)(dice % 16 ? i + 1 : dice >> 12);
		/* A legal write may be long: keep it away from the guest. */
		if (desc[i].flags & DESC_WRITE && desc[i].addr < SCRATCH)
			desc[i].addr = SCRATCH;
	}
}

static bool offer_random(struct victim *victim, struct ring *ring, const void *arg)
{
	(void)arg;
	for (unsigned round = 0; round < 40; round++) {
		randomize(ring->desc, RING_SIZE);
		randomize((volatile struct desc *)TABLE, RING_SIZE);
		for (unsigned i = 0; i < 3; i++)
			ring->avail.ring[random_number() % RING_SIZE] =
				(uint16_t)(random_number() % (RING_SIZE + 1));
		offer_and_settle(victim, ring, (uint16_t)(random_number() % RING_SIZE));
		ring->seen = ring->used.idx;
		if (virtio_read(&victim->virtio, DEVICE_STATUS) & STATUS_NEEDS_RESET &&
		    !victim_start(victim, F_INDIRECT_DESC | F_EVENT_IDX))
			return false;
	}
	return true;
}

void attack_rings(struct victim *victim)
{
	static const uint16_t none = 0, writable = DESC_WRITE, over = RING_SIZE + 1,
			      half = 0x8000, back = 0xffff, all = RING_SIZE, desc = 0,
			      avail = 4096, used = 8192;

	for (unsigned i = 0; i < victim->nr_rings; i++) {
		struct ring *ring = &victim->rings[i];

		for (unsigned k = 0; k < COUNT(chains); k++)
			attack(victim, ring, chains[k].name, offer_chain, &chains[k]);
		attack(victim, ring, "indirect_unagreed", offer_unagreed_indirect, 0);
		attack(victim, ring, "sum_overflows", offer_too_much, &none);
		attack(victim, ring, "sum_overflows_writable", offer_too_much, &writable);
		attack(victim, ring, "longest_chain", offer_longest, &none);
		attack(victim, ring, "longest_chain_writable", offer_longest, &writable);
		attack(victim, ring, "same_head_everywhere", jump, &all);
		attack(victim, ring, "avail_one_too_far", jump, &over);
		attack(victim, ring, "avail_half_around", jump, &half);
		attack(victim, ring, "avail_goes_back", jump, &back);
		attack(victim, ring, "data_is_descriptors", write_to_ring, &desc);
		attack(victim, ring, "data_is_avail_ring", write_to_ring, &avail);
		attack(victim, ring, "data_is_used_ring", write_to_ring, &used);
		attack(victim, ring, "notify_much", notify_much, 0);
		attack(victim, ring, "random_chains", offer_random, 0);
	}
}
