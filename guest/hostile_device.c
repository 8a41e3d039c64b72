/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_device: what each kind of device does when it is asked politely, and the
 * attacks that only make sense for it: requests whose content is wrong (virtio 1.2, 5).
 */
#include "hostile.h"

/* Memory of legal requests. */
static uint8_t out[2048], in[2048], status;

static uint32_t low(uint64_t value)
{
	return (uint32_t)value;
}

static void put64(uint8_t *at, uint64_t value)
{
	put32(at, low(value));
	put32(at + 4, low(value >> 32));
}

static void zero(uint8_t *at, unsigned size)
{
	for (unsigned i = 0; i < size; i += 4)
		put32(at + i, 0);
}

/* A request of which nothing is expected but that the device survives it. */
static void offer(struct ring *ring, const struct piece *pieces, unsigned count)
{
	ring_fill(ring, pieces, count);
	ring_offer(ring, 0);
	settle(ring);
	ring->seen = ring->used.idx;
}

/* -- disks (5.2) -- */

#define BLK_F_RO           (1ull << 5)
#define BLK_F_FLUSH        (1ull << 9)
#define BLK_F_DISCARD      (1ull << 13)
#define BLK_F_WRITE_ZEROES (1ull << 14)

#define BLK_IN           0
#define BLK_OUT          1
#define BLK_FLUSH        4
#define BLK_GET_ID       8
#define BLK_DISCARD      11
#define BLK_WRITE_ZEROES 13
#define SECTOR           512

#define BLK_CAPACITY 0x00 /* in the configuration space */

static void blk_header(uint32_t type, uint64_t sector)
{
	put32(out, type);
	put32(out + 4, 0);
	put64(out + 8, sector);
}

static bool blk_do(struct ring *ring, uint32_t type, uint64_t sector, void *data,
		   uint32_t size)
{
	const struct piece pieces[] = {
		{ out, 16, false },
		{ data, size, type == BLK_IN },
		{ &status, 1, true },
	};

	blk_header(type, sector);
	*(volatile uint8_t *)&status = 0xee;
	return ring_request(ring, pieces, COUNT(pieces)) >= 0 &&
	       *(volatile uint8_t *)&status == 0;
}

/* What is written to sector 1 is read from there. */
static bool blk_legal(struct victim *victim)
{
	static uint32_t number;
	struct ring *ring = &victim->rings[0];
	uint8_t *data = out + 512;

	if (virtio_features(&victim->virtio) & BLK_F_RO)
		return blk_do(ring, BLK_IN, 1, in, SECTOR);
	for (unsigned i = 0; i < SECTOR; i += 32)
		put32(data + i, ++number);
	zero(in, SECTOR);
	if (!blk_do(ring, BLK_OUT, 1, data, SECTOR) ||
	    !blk_do(ring, BLK_IN, 1, in, SECTOR))
		return false;
	for (unsigned i = 0; i < SECTOR; i += 32)
		if (mem_read((uint32_t)&in[i], 4) != mem_read((uint32_t)&data[i], 4))
			return false;
	return true;
}

struct blk_request {
	const char *name;
	uint32_t type;
	int64_t sector;    /* negative: from the end of the disk */
	uint32_t sizes[3]; /* of header, data, status; 0: no such piece */
	bool data_is_writable, status_is_readable;
	bool must_fail; /* a status of 0 would be wrong */
};

static const struct blk_request blk_requests[] = {
	{ "read_at_the_end", BLK_IN, -1, { 16, 1024, 1 }, true, false, true },
	{ "read_at_2_63", BLK_IN, INT64_MAX, { 16, 512, 1 }, true, false, true },
	{ "read_that_wraps_bytes", BLK_IN, 1ll << 55, { 16, 512, 1 }, true, false, true },
	{ "write_at_the_end", BLK_OUT, -1, { 16, 1024, 1 }, false, false, true },
	{ "write_at_2_63", BLK_OUT, INT64_MAX, { 16, 512, 1 }, false, false, true },
	{ "write_that_wraps_bytes",
	  BLK_OUT,
	  1ll << 55,
	  { 16, 512, 1 },
	  false,
	  false,
	  true },
	{ "read_into_readable", BLK_IN, 0, { 16, 512, 1 }, false, false, false },
	{ "write_from_writable", BLK_OUT, 0, { 16, 512, 1 }, true, false, false },
	{ "read_of_nothing", BLK_IN, 0, { 16, 0, 1 }, true, false, false },
	{ "write_of_nothing", BLK_OUT, 0, { 16, 0, 1 }, false, false, false },
	{ "read_of_half_a_sector", BLK_IN, 0, { 16, 256, 1 }, true, false, true },
	{ "write_of_half_a_sector", BLK_OUT, 0, { 16, 700, 1 }, false, false, true },
	{ "header_too_short", BLK_IN, 0, { 15, 512, 1 }, true, false, false },
	{ "header_of_one_byte", BLK_IN, 0, { 1, 512, 1 }, true, false, false },
	{ "header_alone", BLK_IN, 0, { 16, 0, 0 }, false, false, false },
	{ "no_header", BLK_IN, 0, { 0, 512, 1 }, true, false, false },
	{ "status_readable", BLK_IN, 0, { 16, 512, 1 }, true, true, false },
	{ "no_status", BLK_OUT, 0, { 16, 512, 0 }, false, false, false },
	{ "status_of_a_sector", BLK_IN, 0, { 16, 512, 512 }, true, false, false },
	{ "type_unknown", 0x7777, 0, { 16, 512, 1 }, true, false, true },
	{ "type_all_ones", 0xffffffff, 0, { 16, 512, 1 }, false, false, true },
	{ "flush_with_data", BLK_FLUSH, 5, { 16, 512, 1 }, false, false, false },
	{ "id_too_short", BLK_GET_ID, 0, { 16, 3, 1 }, true, false, false },
	{ "id_too_long", BLK_GET_ID, 0, { 16, 1024, 1 }, true, false, false },
	{ "id_readable", BLK_GET_ID, 0, { 16, 20, 1 }, false, false, true },
	{ "discard_of_no_range", BLK_DISCARD, 0, { 16, 0, 1 }, false, false, false },
	{ "discard_of_half_a_range", BLK_DISCARD, 0, { 16, 8, 1 }, false, false, true },
	{ "zeroes_of_no_range", BLK_WRITE_ZEROES, 0, { 16, 0, 1 }, false, false, false },
	{ "zeroes_into_writable", BLK_WRITE_ZEROES, 0, { 16, 16, 1 }, true, false, true },
};

static uint64_t blk_capacity(const struct victim *victim)
{
	const uint32_t config = victim->virtio.config + BLK_CAPACITY;

	return (uint64_t)mem_read(config + 4, 4) << 32 | mem_read(config, 4);
}

static bool blk_offer(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct blk_request *request = arg;
	const uint64_t sector = request->sector < 0
					? blk_capacity(victim) + (uint64_t)request->sector
					: (uint64_t)request->sector;
	struct piece pieces[3];
	unsigned count = 0;

	blk_header(request->type, sector);
	zero(out + 16, 1024);
	*(volatile uint8_t *)&status = 0xee;
	if (request->sizes[0])
		pieces[count++] = (struct piece){ out, request->sizes[0], false };
	if (request->sizes[1])
		pieces[count++] =
			(struct piece){ request->data_is_writable ? in : out + 16,
					request->sizes[1], request->data_is_writable };
	if (request->sizes[2])
		pieces[count++] =
			(struct piece){ request->sizes[2] > 1 ? in : &status,
					request->sizes[2], !request->status_is_readable };
	offer(ring, pieces, count);
	return !request->must_fail || *(volatile uint8_t *)&status != 0;
}

struct blk_range {
	const char *name;
	uint64_t sector;
	uint32_t count, flags;
};

static const struct blk_range blk_ranges[] = {
	{ "range_behind_the_end", 1ull << 40, 8, 0 },
	{ "range_crosses_the_end", 8, 0xffffffff, 0 },
	{ "range_wraps", LAST_ADDRESS, 2, 0 },
	{ "range_wraps_bytes", 1ull << 55, 1, 0 },
	{ "range_with_unknown_flags", 8, 1, 0xfffffffe },
};

static bool blk_offer_range(struct victim *victim, struct ring *ring, const void *arg)
{
	static const uint32_t types[] = { BLK_DISCARD, BLK_WRITE_ZEROES };
	const struct blk_range *range = arg;

	(void)victim;
	put64(in, range->sector);
	put32(in + 8, range->count);
	put32(in + 12, range->flags);
	for (unsigned i = 0; i < COUNT(types); i++)
		if (blk_do(ring, types[i], 0, in, 16))
			return false;
	return true;
}

/* More ranges than the device allows in one request. */
static bool blk_offer_many_ranges(struct victim *victim, struct ring *ring,
				  const void *arg)
{
	static const uint32_t types[] = { BLK_DISCARD, BLK_WRITE_ZEROES };

	(void)victim;
	(void)arg;
	for (unsigned i = 0; i < COUNT(types); i++) {
		const struct piece pieces[] = {
			{ out, 16, false },
			{ (const void *)HUGE, HUGE_SIZE, false },
			{ &status, 1, true },
		};

		blk_header(types[i], 0);
		*(volatile uint8_t *)&status = 0xee;
		offer(ring, pieces, COUNT(pieces));
		if (*(volatile uint8_t *)&status == 0)
			return false;
	}
	return true;
}

/* A read of hundreds of megabytes, if the disk were that large. */
static bool blk_offer_huge(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct piece pieces[] = {
		{ out, 16, false },
		{ (const void *)HUGE, HUGE_SIZE, *(const uint32_t *)arg == BLK_IN },
		{ &status, 1, true },
	};

	(void)victim;
	blk_header(*(const uint32_t *)arg, 0);
	*(volatile uint8_t *)&status = 0xee;
	offer(ring, pieces, COUNT(pieces));
	return *(volatile uint8_t *)&status != 0;
}

static void blk_attack(struct victim *victim)
{
	static const uint32_t read = BLK_IN, write = BLK_OUT;

	for (unsigned i = 0; i < COUNT(blk_requests); i++)
		attack(victim, 0, blk_requests[i].name, blk_offer, &blk_requests[i]);
	for (unsigned i = 0; i < COUNT(blk_ranges); i++)
		attack(victim, 0, blk_ranges[i].name, blk_offer_range, &blk_ranges[i]);
	attack(victim, 0, "too_many_ranges", blk_offer_many_ranges, 0);
	attack(victim, 0, "huge_read", blk_offer_huge, &read);
	attack(victim, 0, "huge_write", blk_offer_huge, &write);
}

/* -- network (5.1) -- */

#define NET_F_CSUM     (1ull << 0)
#define NET_F_MAC      (1ull << 5)
#define NET_F_HOST_TSO (1ull << 11)
#define NET_F_MRG      (1ull << 15)
#define NET_HEADER     12
#define NET_ARP        60 /* bytes of a frame, without its checksum */
#define NET_RX         0
#define NET_TX         1

/* Who has 10.0.2.2? */
static void net_make_arp(const struct victim *victim)
{
	static const uint8_t request[] = { 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1 };
	static const uint8_t addresses[] = {
		10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2
	};
	uint8_t *frame = out + NET_HEADER;

	zero(out, NET_HEADER + NET_ARP);
	for (unsigned i = 0; i < 6; i++) {
		frame[i] = 0xff;
		frame[6 + i] = (uint8_t)mem_read(victim->virtio.config + i, 1);
		frame[22 + i] = frame[6 + i];
	}
	for (unsigned i = 0; i < sizeof(request); i++)
		frame[12 + i] = request[i];
	for (unsigned i = 0; i < sizeof(addresses); i++)
		frame[28 + i] = addresses[i];
}

static int32_t net_send_arp(struct victim *victim)
{
	const struct piece piece = { out, NET_HEADER + NET_ARP, false };

	net_make_arp(victim);
	return ring_request(&victim->rings[NET_TX], &piece, 1);
}

/* A frame goes out. Whether an answer comes depends on who is there. */
static bool net_legal(struct victim *victim)
{
	const struct piece buffer = { in, sizeof(in), true };

	ring_fill(&victim->rings[NET_RX], &buffer, 1);
	ring_offer(&victim->rings[NET_RX], 0);
	return net_send_arp(victim) >= 0;
}

/* So that an answer comes; not while the last one is still on its way. */
static void net_poke(struct victim *victim)
{
	struct ring *ring = &victim->rings[NET_TX];
	const struct piece piece = { out, NET_HEADER + NET_ARP, false };

	if (ring->avail.idx != ring->used.idx)
		return;
	net_make_arp(victim);
	ring_fill(ring, &piece, 1);
	ring_offer(ring, 0);
}

struct net_frame {
	const char *name;
	uint32_t size; /* with the header */
	/* struct virtio_net_hdr (5.1.6) */
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

static const struct net_frame net_frames[] = {
	{ "frame_of_one_byte", 1, 0, 0, 0, 0, 0, 0, 0 },
	{ "frame_without_end_of_header", NET_HEADER - 1, 0, 0, 0, 0, 0, 0, 0 },
	{ "frame_of_a_header", NET_HEADER, 0, 0, 0, 0, 0, 0, 0 },
	{ "frame_of_a_header_and_a_byte", NET_HEADER + 1, 0, 0, 0, 0, 0, 0, 0 },
	{ "frame_of_half_an_address", NET_HEADER + 7, 0, 0, 0, 0, 0, 0, 0 },
	{ "frame_of_128_kib", 0x20000, 0, 0, 0, 0, 0, 0, 0 },
	{ "frame_of_hundreds_of_mib", HUGE_SIZE, 0, 0, 0, 0, 0, 0, 0 },
	{ "checksum_outside", 100, 1, 0, 0, 0, 0xfff0, 0xfff0, 0 },
	{ "checksum_wraps", 100, 1, 0, 0, 0, 0xffff, 0x0001, 0 },
	{ "checksum_at_the_end", 100, 1, 0, 0, 0, 87, 0, 0 },
	{ "segments_of_nothing", 0x1000, 1, 1, 54, 0, 34, 16, 0 },
	{ "segments_of_one_byte", 0x8000, 1, 1, 54, 1, 34, 16, 0 },
	{ "segments_larger_than_all", 200, 1, 1, 54, 0xffff, 34, 16, 0 },
	{ "segments_with_long_header", 200, 1, 1, 0xffff, 1448, 34, 16, 0 },
	{ "segments_without_checksum", 0x4000, 0, 1, 54, 1448, 0, 0, 0 },
	{ "segments_of_unknown_type", 0x4000, 1, 0x7f, 54, 1448, 34, 16, 0 },
	{ "segments_of_udp", 0x4000, 1, 5, 42, 1400, 34, 6, 0 },
	{ "flags_unknown", 100, 0xfe, 0, 0, 0, 0, 0, 0 },
	{ "many_buffers", 100, 0, 0, 0, 0, 0, 0, 0xffff },
};

static bool net_offer(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct net_frame *frame = arg;
	struct piece pieces[2] = { { out, frame->size, false } };
	unsigned count = 1;

	net_make_arp(victim);
	out[0] = frame->flags;
	out[1] = frame->gso_type;
	put32(out + 2, (uint32_t)frame->gso_size << 16 | frame->hdr_len);
	put32(out + 6, (uint32_t)frame->csum_offset << 16 | frame->csum_start);
	out[10] = (uint8_t)frame->num_buffers;
	out[11] = (uint8_t)(frame->num_buffers >> 8);
	if (frame->size > NET_HEADER + NET_ARP) {
		pieces[0].size = NET_HEADER + NET_ARP;
		pieces[1] = (struct piece){ (const void *)HUGE,
					    frame->size - NET_HEADER - NET_ARP, false };
		count = 2;
	}
	(void)ring;
	offer(&victim->rings[NET_TX], pieces, count);
	return true;
}

/* All room that there can be, each piece of this size. */
static void offer_room(struct ring *ring, uint32_t size)
{
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		ring->desc[i].addr = (uint32_t)in;
		ring->desc[i].len = size;
		ring->desc[i].flags = DESC_WRITE;
		ring_offer(ring, i);
	}
}

/* Answers arrive, and there is too little room for them. */
static bool net_offer_small_room(struct victim *victim, struct ring *ring,
				 const void *arg)
{
	offer_room(&victim->rings[NET_RX], *(const uint32_t *)arg);
	for (unsigned i = 0; i < 8; i++) {
		net_poke(victim);
		settle(ring);
	}
	return true;
}

/* Answers arrive, and there is no room at all. */
static bool net_send_and_never_receive(struct victim *victim, struct ring *ring,
				       const void *arg)
{
	(void)ring;
	(void)arg;
	for (unsigned i = 0; i < 200; i++)
		if (net_send_arp(victim) < 0)
			return false;
	return true;
}

static void net_attack(struct victim *victim)
{
	static const uint32_t tiny = 1, header = NET_HEADER, small = 40;

	for (unsigned i = 0; i < COUNT(net_frames); i++)
		attack(victim, 0, net_frames[i].name, net_offer, &net_frames[i]);
	attack(victim, 0, "room_of_one_byte", net_offer_small_room, &tiny);
	attack(victim, 0, "room_of_a_header", net_offer_small_room, &header);
	attack(victim, 0, "room_of_40_bytes", net_offer_small_room, &small);
	attack(victim, 0, "never_receives", net_send_and_never_receive, 0);
}

/* -- console (5.3) -- */

#define CONSOLE_F_MULTIPORT (1ull << 1)
#define CONSOLE_TX          1
#define CONSOLE_CONTROL_RX  2
#define CONSOLE_CONTROL_TX  3

static bool console_legal(struct victim *victim)
{
	const struct piece piece = { out, 2, false };

	out[0] = '#';
	out[1] = '\n';
	return ring_request(&victim->rings[CONSOLE_TX], &piece, 1) >= 0;
}

struct console_message {
	const char *name;
	uint32_t id;
	uint16_t event, value;
	uint32_t size;
};

static const struct console_message console_messages[] = {
	{ "control_of_no_byte", 0, 0, 1, 1 },
	{ "control_too_short", 0, 0, 1, 7 },
	{ "control_too_long", 0, 3, 1, 1024 },
	{ "control_of_hundreds_of_mib", 0, 3, 1, HUGE_SIZE },
	{ "control_unknown_port", 0x1000, 3, 1, 8 },
	{ "control_port_all_ones", 0xffffffff, 6, 1, 8 },
	{ "control_event_of_the_device", 0, 1, 1, 8 },
	{ "control_event_unknown", 0, 0xffff, 1, 8 },
	{ "control_value_unknown", 0, 6, 0xffff, 8 },
	{ "control_not_ready", 0, 0, 0, 8 },
};

static bool console_offer(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct console_message *message = arg;
	const bool huge = message->size > sizeof(out);
	const struct piece piece = { huge ? (const void *)HUGE : out, message->size,
				     false };

	(void)ring;
	zero(out, 1024);
	put32(out, message->id);
	put32(out + 4, (uint32_t)message->value << 16 | message->event);
	offer(&victim->rings[CONSOLE_CONTROL_TX], &piece, 1);
	return true;
}

/* The device has answers, and nowhere to put them. */
static bool console_ready_and_deaf(struct victim *victim, struct ring *ring,
				   const void *arg)
{
	const struct piece piece = { out, 8, false };

	(void)ring;
	(void)arg;
	put32(out, 0);
	put32(out + 4, 1u << 16); /* DEVICE_READY */
	for (unsigned i = 0; i < 100; i++)
		offer(&victim->rings[CONSOLE_CONTROL_TX], &piece, 1);
	return true;
}

/* Its answers do not fit. */
static bool console_small_room(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct piece ready = { out, 8, false };

	(void)ring;
	(void)arg;
	offer_room(&victim->rings[CONSOLE_CONTROL_RX], 3);
	put32(out, 0);
	put32(out + 4, 1u << 16);
	offer(&victim->rings[CONSOLE_CONTROL_TX], &ready, 1);
	return true;
}

static void console_attack(struct victim *victim)
{
	if (victim->nr_rings <= CONSOLE_CONTROL_TX)
		return;
	for (unsigned i = 0; i < COUNT(console_messages); i++)
		attack(victim, 0, console_messages[i].name, console_offer,
		       &console_messages[i]);
	attack(victim, 0, "ready_and_deaf", console_ready_and_deaf, 0);
	attack(victim, 0, "room_too_small_for_control", console_small_room, 0);
}

/* -- entropy (5.4) -- */

static bool rng_legal(struct victim *victim)
{
	const struct piece piece = { in, 32, true };
	const int32_t length = ring_request(&victim->rings[0], &piece, 1);

	return length > 0 && length <= 32;
}

/* All that the ring can ask for. */
static bool rng_ask_for_much(struct victim *victim, struct ring *ring, const void *arg)
{
	(void)victim;
	(void)arg;
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		ring->desc[i].addr = HUGE;
		ring->desc[i].len = HUGE_SIZE;
		ring->desc[i].flags = DESC_WRITE;
		ring_offer(ring, i);
	}
	settle(ring);
	return true;
}

static void rng_attack(struct victim *victim)
{
	attack(victim, 0, "ask_for_much", rng_ask_for_much, 0);
}

/* -- balloon (5.5) -- */

#define BALLOON_F_STATS (1ull << 1)
#define BALLOON_PAGE    (HUGE >> 12) /* a page that nobody needs */
#define BALLOON_ACTUAL  4            /* in the configuration space */
#define BALLOON_INFLATE 0
#define BALLOON_DEFLATE 1

static bool balloon_legal(struct victim *victim)
{
	const struct piece piece = { out, 4, false };

	put32(out, BALLOON_PAGE);
	return ring_request(&victim->rings[BALLOON_INFLATE], &piece, 1) >= 0 &&
	       ring_request(&victim->rings[BALLOON_DEFLATE], &piece, 1) >= 0;
}

struct balloon_list {
	const char *name;
	uint32_t page, step; /* numbers of pages: the first, and from one to the next */
	uint32_t size;       /* bytes of the list */
};

static const struct balloon_list balloon_lists[] = {
	{ "page_beyond_ram", RAM_END >> 12, 1, 64 },
	{ "page_in_the_hole", DEVICE_HOLE >> 12, 1, 64 },
	{ "page_of_the_lapic", LAPIC >> 12, 0, 4 },
	{ "page_all_ones", 0xffffffff, 0, 4 },
	{ "page_numbers_that_wrap", 0xfffffff8, 1, 64 },
	{ "same_page_again", BALLOON_PAGE, 0, 1024 },
	{ "list_of_one_byte", BALLOON_PAGE, 0, 1 },
	{ "list_uneven", BALLOON_PAGE, 1, 1023 },
	{ "list_backwards", BALLOON_PAGE + 4096, 0xffffffff, 2048 },
};

static bool balloon_offer(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct balloon_list *list = arg;
	const struct piece piece = { out, list->size, false };

	for (unsigned i = 0; i * 4 < list->size; i++)
		put32(out + i * 4ul, list->page + i * list->step);
	(void)ring;
	offer(&victim->rings[BALLOON_INFLATE], &piece, 1);
	offer(&victim->rings[BALLOON_DEFLATE], &piece, 1);
	return true;
}

/* The list is all zeroes: page 0, again and again. */
static bool balloon_offer_huge(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct piece piece = { (const void *)HUGE, 0x1000000, false };

	(void)ring;
	(void)arg;
	offer(&victim->rings[BALLOON_DEFLATE], &piece, 1);
	return true;
}

static bool balloon_write_config(struct victim *victim, struct ring *ring,
				 const void *arg)
{
	(void)ring;
	(void)arg;
	for (uint32_t offset = 0; offset < 16; offset += 4)
		mem_write(victim->virtio.config + offset, 0xffffffff, 4);
	mem_write(victim->virtio.config + BALLOON_ACTUAL, 0, 4);
	return true;
}

static void balloon_attack(struct victim *victim)
{
	for (unsigned i = 0; i < COUNT(balloon_lists); i++)
		attack(victim, 0, balloon_lists[i].name, balloon_offer,
		       &balloon_lists[i]);
	attack(victim, 0, "list_of_4_million", balloon_offer_huge, 0);
	attack(victim, 0, "config_all_ones", balloon_write_config, 0);
}

/* -- sockets (5.10) -- */

#define VSOCK_HEADER 44
#define VSOCK_RX     0
#define VSOCK_TX     1

struct vsock_packet {
	const char *name;
	uint64_t source, target;
	uint32_t source_port, target_port;
	uint32_t length; /* that the header tells */
	uint16_t type, operation;
	uint32_t flags, window, forwarded;
	uint32_t size; /* of the buffer behind the header */
};

#define HOST_CID 2

static void vsock_make(const struct victim *victim, const struct vsock_packet *packet)
{
	const uint32_t config = victim->virtio.config;
	const uint64_t cid =
		(uint64_t)mem_read(config + 4, 4) << 32 | mem_read(config, 4);

	put64(out, packet->source ? packet->source : cid);
	put64(out + 8, packet->target);
	put32(out + 16, packet->source_port);
	put32(out + 20, packet->target_port);
	put32(out + 24, packet->length);
	put32(out + 28, (uint32_t)packet->operation << 16 | packet->type);
	put32(out + 32, packet->flags);
	put32(out + 36, packet->window);
	put32(out + 40, packet->forwarded);
}

static const struct vsock_packet vsock_request = { "", 0, HOST_CID, 1000, 0xfffffff0, 0,
						   1,  1, 0,        4096, 0,          0 };

/* A connection to a port where nobody listens. */
static bool vsock_legal(struct victim *victim)
{
	const struct piece piece = { out, VSOCK_HEADER, false };

	vsock_make(victim, &vsock_request);
	return ring_request(&victim->rings[VSOCK_TX], &piece, 1) >= 0;
}

/* Its answer goes to the queue that waits. */
static void vsock_poke(struct victim *victim)
{
	struct ring *ring = &victim->rings[VSOCK_TX];
	const struct piece piece = { out, VSOCK_HEADER, false };

	if (ring->avail.idx != ring->used.idx)
		return;
	vsock_make(victim, &vsock_request);
	ring_fill(ring, &piece, 1);
	ring_offer(ring, 0);
}

static const struct vsock_packet vsock_packets[] = {
	{ "length_of_4_gib", 0, HOST_CID, 1000, 7, 0xffffffff, 1, 5, 0, 4096, 0, 64 },
	{ "length_beyond_the_buffer", 0, HOST_CID, 1000, 7, 4096, 1, 5, 0, 4096, 0, 64 },
	{ "length_of_nothing", 0, HOST_CID, 1000, 7, 0, 1, 5, 0, 4096, 0, 64 },
	{ "source_is_a_stranger", 77, HOST_CID, 1000, 7, 0, 1, 1, 0, 4096, 0, 0 },
	{ "source_is_the_host", HOST_CID, HOST_CID, 1000, 7, 0, 1, 1, 0, 4096, 0, 0 },
	{ "target_is_a_stranger", 0, 78, 1000, 7, 0, 1, 1, 0, 4096, 0, 0 },
	{ "target_above_32_bits", 0, 1ull << 40, 1000, 7, 0, 1, 1, 0, 4096, 0, 0 },
	{ "target_all_ones", 0, LAST_ADDRESS, 1000, 7, 0, 1, 1, 0, 4096, 0, 0 },
	{ "type_unknown", 0, HOST_CID, 1000, 7, 0, 0xffff, 1, 0, 4096, 0, 0 },
	{ "operation_unknown", 0, HOST_CID, 1000, 7, 0, 1, 0xffff, 0, 4096, 0, 0 },
	{ "operation_zero", 0, HOST_CID, 1000, 7, 0, 1, 0, 0, 4096, 0, 0 },
	{ "data_without_a_connection", 0, HOST_CID, 5, 5, 64, 1, 5, 0, 4096, 0, 64 },
	{ "answer_to_nothing", 0, HOST_CID, 5, 5, 0, 1, 2, 0, 4096, 0, 0 },
	{ "credit_of_4_gib", 0, HOST_CID, 5, 5, 0, 1, 6, 0xffffffff, 0xffffffff, 7, 0 },
};

static bool vsock_offer(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct vsock_packet *packet = arg;
	const struct piece pieces[] = {
		{ out, VSOCK_HEADER, false },
		{ (const void *)SCRATCH, packet->size, false },
	};

	(void)ring;
	vsock_make(victim, packet);
	offer(&victim->rings[VSOCK_TX], pieces, packet->size ? 2 : 1);
	return true;
}

static bool vsock_short_header(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct piece piece = { out, VSOCK_HEADER - 1, false };

	(void)ring;
	(void)arg;
	vsock_make(victim, &vsock_request);
	offer(&victim->rings[VSOCK_TX], &piece, 1);
	return true;
}

/* Every packet has an answer, and nobody takes one. */
static bool vsock_ask_and_never_receive(struct victim *victim, struct ring *ring,
					const void *arg)
{
	const struct piece piece = { out, VSOCK_HEADER, false };

	(void)ring;
	(void)arg;
	vsock_make(victim, &vsock_request);
	for (unsigned i = 0; i < 300; i++)
		offer(&victim->rings[VSOCK_TX], &piece, 1);
	return true;
}

static void vsock_attack(struct victim *victim)
{
	for (unsigned i = 0; i < COUNT(vsock_packets); i++)
		attack(victim, 0, vsock_packets[i].name, vsock_offer, &vsock_packets[i]);
	attack(victim, 0, "header_too_short", vsock_short_header, 0);
	attack(victim, 0, "never_receives", vsock_ask_and_never_receive, 0);
}

/* -- all of them -- */

static const struct kind kinds[] = {
	{ ID_NET, "net", NET_F_CSUM | NET_F_MAC | NET_F_HOST_TSO | NET_F_MRG, "wr",
	  net_legal, net_poke, net_attack },
	{ ID_BLOCK, "blk", BLK_F_RO | BLK_F_FLUSH | BLK_F_DISCARD | BLK_F_WRITE_ZEROES,
	  "b", blk_legal, 0, blk_attack },
	{ ID_CONSOLE, "console", CONSOLE_F_MULTIPORT, "wrwr", console_legal, 0,
	  console_attack },
	{ ID_RNG, "rng", 0, "w", rng_legal, 0, rng_attack },
	{ ID_BALLOON, "balloon", BALLOON_F_STATS, "rrr", balloon_legal, 0,
	  balloon_attack },
	{ ID_9P, "p9", 0, "p", p9_legal, 0, p9_attack },
	{ ID_VSOCK, "vsock", 0, "wrw", vsock_legal, vsock_poke, vsock_attack },
};

const struct kind *kind_of(uint32_t id)
{
	for (unsigned i = 0; i < COUNT(kinds); i++)
		if (kinds[i].id == id)
			return &kinds[i];
	return 0;
}
