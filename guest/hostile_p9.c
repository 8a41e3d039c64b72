/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_p9: attacks on a share. The specification of virtio has no chapter for it; what
 * messages are is 9P2000.L, as in Linux's include/net/9p/9p.h: size[4] type[1] tag[2] and
 * then arguments, little-endian.
 */
#include "hostile.h"

#define HEADER 7
#define NO_FID 0xffffffffu
#define NO_TAG 0xffffu

enum {
	RLERROR = 7,
	TLOPEN = 12,
	TLCREATE = 14,
	TSYMLINK = 16,
	TMKNOD = 18,
	TREADLINK = 22,
	TGETATTR = 24,
	TSETATTR = 26,
	TXATTRWALK = 30,
	TXATTRCREATE = 32,
	TREADDIR = 40,
	TFSYNC = 50,
	TLOCK = 52,
	TLINK = 70,
	TMKDIR = 72,
	TRENAMEAT = 74,
	TUNLINKAT = 76,
	TVERSION = 100,
	TATTACH = 104,
	TFLUSH = 108,
	TWALK = 110,
	TREAD = 116,
	TWRITE = 118,
	TCLUNK = 120,
};

/* Fids of a session: the share's own folder, and what messages make. */
#define ROOT "\1\0\0\0"
#define NEW  "\2\0\0\0"
#define HIGH "\xff\xff\xff\xff"
#define ALL  "\xff\xff\xff\xff\xff\xff\xff\xff"
#define NONE "\0\0\0\0\0\0\0\0"

static uint8_t message[2048], reply[4096];

/* Returns the size. */
static uint32_t make(uint8_t type, uint16_t tag, const char *arguments, uint32_t size)
{
	put32(message, HEADER + size);
	message[4] = type;
	message[5] = (uint8_t)tag;
	message[6] = (uint8_t)(tag >> 8);
	for (uint32_t i = 0; i < size; i++)
		message[HEADER + i] = (uint8_t)arguments[i];
	return HEADER + size;
}

/* Of the reply to a message that was made; 0: none came. */
static uint8_t ask(struct ring *ring, uint32_t size, uint32_t room)
{
	const struct piece pieces[] = {
		{ message, size, false },
		{ reply, room, true },
	};

	*(volatile uint8_t *)&reply[4] = 0;
	return ring_request(ring, pieces, COUNT(pieces)) >= HEADER
		       ? *(volatile uint8_t *)&reply[4]
		       : 0;
}

#define ARGUMENTS(text) (text), sizeof(text) - 1

/* A session with the root as fid 1; what the share has is there. */
bool p9_legal(struct victim *victim)
{
	struct ring *ring = &victim->rings[0];
	uint32_t size = make(TVERSION, NO_TAG,
			     ARGUMENTS("\0\x20\0\0\x8\0"
				       "9P2000.L"));

	if (ask(ring, size, sizeof(reply)) != TVERSION + 1)
		return false;
	size = make(TATTACH, 1, ARGUMENTS(ROOT HIGH "\0\0\0\0\0\0\0\0"));
	if (ask(ring, size, sizeof(reply)) != TATTACH + 1)
		return false;
	size = make(TGETATTR, 1, ARGUMENTS(ROOT "\xff\x07\0\0\0\0\0\0"));
	return ask(ring, size, sizeof(reply)) == TGETATTR + 1;
}

/* One message in a session. What is not an error would be wrong, if `must_fail`. */
struct p9_message {
	const char *name;
	uint8_t type;
	const char *arguments;
	uint32_t size;
	bool must_fail;
};

static const struct p9_message p9_messages[] = {
	{ "version_of_no_size", TVERSION,
	  ARGUMENTS("\0\0\0\0\x8\0"
		    "9P2000.L"),
	  true },
	{ "version_without_end", TVERSION,
	  ARGUMENTS("\0\x20\0\0\xff\xff"
		    "9P"),
	  true },
	{ "version_of_4_gib", TVERSION,
	  ARGUMENTS(HIGH "\x8\0"
			 "9P2000.L"),
	  false },
	{ "version_unknown", TVERSION,
	  ARGUMENTS("\0\x20\0\0\x2\0"
		    "9P"),
	  false },
	{ "attach_again", TATTACH, ARGUMENTS(ROOT HIGH NONE), true },
	{ "attach_no_fid", TATTACH, ARGUMENTS(HIGH HIGH NONE), true },
	{ "attach_elsewhere", TATTACH,
	  ARGUMENTS(NEW HIGH "\0\0\x4\0"
			     "/etc\0\0\0\0"),
	  true },
	{ "walk_to_nothing", TWALK, ARGUMENTS(ROOT NEW "\0\0"), false },
	{ "walk_of_a_stranger", TWALK, ARGUMENTS(HIGH NEW "\0\0"), true },
	{ "walk_65535_names", TWALK, ARGUMENTS(ROOT NEW "\xff\xff"), true },
	{ "walk_17_names", TWALK, ARGUMENTS(ROOT NEW "\x11\0"), true },
	{ "walk_a_name_without_end", TWALK,
	  ARGUMENTS(ROOT NEW "\1\0\xff\xff"
			     "a"),
	  true },
	{ "walk_upwards_twice", TWALK, ARGUMENTS(ROOT NEW "\2\0\2\0..\2\0.."), false },
	{ "walk_upwards_to_etc", TWALK, ARGUMENTS(ROOT NEW "\1\0\x6\0../etc"), true },
	{ "walk_a_slash", TWALK, ARGUMENTS(ROOT NEW "\1\0\4\0/etc"), true },
	{ "walk_a_nul", TWALK, ARGUMENTS(ROOT NEW "\1\0\2\0a\0"), true },
	{ "walk_no_name", TWALK, ARGUMENTS(ROOT NEW "\1\0\0\0"), true },
	{ "walk_on_itself", TWALK, ARGUMENTS(ROOT ROOT "\0\0"), false },
	{ "read_of_a_fid_not_open", TREAD, ARGUMENTS(ROOT NONE "\0\x10\0\0"), true },
	{ "read_of_4_gib", TREAD, ARGUMENTS(ROOT ALL HIGH), true },
	{ "readdir_not_open", TREADDIR, ARGUMENTS(ROOT NONE "\0\x10\0\0"), true },
	{ "readdir_of_4_gib", TREADDIR, ARGUMENTS(ROOT ALL HIGH), true },
	{ "write_not_open", TWRITE, ARGUMENTS(ROOT NONE "\1\0\0\0x"), true },
	{ "write_more_than_there_is", TWRITE, ARGUMENTS(ROOT NONE "\0\x10\0\0x"), true },
	{ "write_of_4_gib", TWRITE, ARGUMENTS(ROOT ALL HIGH "x"), true },
	{ "open_for_writing", TLOPEN, ARGUMENTS(ROOT "\2\0\0\0"), true },
	{ "open_with_all_flags", TLOPEN, ARGUMENTS(ROOT HIGH), true },
	{ "create_and_go_up", TLCREATE,
	  ARGUMENTS(ROOT "\4\0../x"
			 "\2\0\0\0\xff\1\0\0\0\0\0\0"),
	  true },
	{ "create_in_a_stranger", TLCREATE,
	  ARGUMENTS(NEW "\1\0x"
			"\2\0\0\0\xff\1\0\0\0\0\0\0"),
	  true },
	{ "mkdir_dots", TMKDIR, ARGUMENTS(ROOT "\2\0..\xff\1\0\0\0\0\0\0"), true },
	{ "mkdir_a_dot", TMKDIR, ARGUMENTS(ROOT "\1\0.\xff\1\0\0\0\0\0\0"), true },
	{ "mknod_on_a_slash", TMKNOD,
	  ARGUMENTS(ROOT "\3\0a/b\xff\x21\0\0\1\0\0\0\3\0\0\0\0\0\0\0"), true },
	{ "symlink_without_target", TSYMLINK, ARGUMENTS(ROOT "\1\0a\xff\xff"), true },
	{ "readlink_of_a_folder", TREADLINK, ARGUMENTS(ROOT), true },
	{ "link_of_a_folder", TLINK, ARGUMENTS(ROOT ROOT "\1\0a"), true },
	{ "rename_dots", TRENAMEAT, ARGUMENTS(ROOT "\2\0.." ROOT "\1\0a"), true },
	{ "unlink_dots", TUNLINKAT, ARGUMENTS(ROOT "\2\0..\0\2\0\0"), true },
	{ "setattr_all_ones", TSETATTR,
	  ARGUMENTS(ROOT HIGH HIGH HIGH HIGH ALL ALL ALL ALL ALL), true },
	{ "setattr_cut", TSETATTR, ARGUMENTS(ROOT HIGH HIGH), true },
	{ "getattr_cut", TGETATTR, ARGUMENTS(ROOT "\xff"), true },
	{ "xattr_of_no_name", TXATTRWALK, ARGUMENTS(ROOT NEW "\0\0"), false },
	{ "xattr_of_many_exabytes", TXATTRCREATE,
	  ARGUMENTS(ROOT "\6\0user.x" ALL "\0\0\0\0"), true },
	{ "lock_not_open", TLOCK, ARGUMENTS(ROOT "\1\0\0\0\0" ALL ALL "\0\0\0\0\0\0"),
	  true },
	{ "fsync_of_a_stranger", TFSYNC, ARGUMENTS(HIGH "\0\0\0\0"), true },
	{ "clunk_of_a_stranger", TCLUNK, ARGUMENTS(HIGH), true },
	{ "flush_of_itself", TFLUSH, ARGUMENTS("\5\0"), false },
	{ "flush_of_nothing", TFLUSH, ARGUMENTS("\x77\x77"), false },
	{ "flush_cut", TFLUSH, ARGUMENTS("\5"), true },
	{ "flush_of_no_tag", TFLUSH, ARGUMENTS("\xff\xff"), false },
};

/* A reply has to come, be it an error or not. */
static bool p9_offer(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct p9_message *m = arg;
	uint8_t type;

	if (!p9_legal(victim))
		return false;
	type = ask(ring, make(m->type, 5, m->arguments, m->size), sizeof(reply));
	return type && (!m->must_fail || type == RLERROR);
}

/* How long a message says it is, is, and how much room there is for the reply. */
struct p9_size {
	const char *name;
	uint32_t told, size, room;
	bool must_answer; /* by an error */
};

static const struct p9_size p9_sizes[] = {
	{ "size_of_nothing", 0, 19, 4096, true },
	{ "size_less_than_a_header", 6, 19, 4096, true },
	{ "size_of_4_gib", 0xffffffff, 19, 4096, true },
	{ "size_beyond_the_chain", 20, 19, 4096, true },
	{ "size_beyond_the_session", 0x10000, 19, 4096, true },
	{ "header_of_one_byte", 19, 1, 4096, false },
	{ "header_of_6_bytes", 19, 6, 4096, false },
	{ "room_of_one_byte", 19, 19, 1, false },
	{ "room_of_a_header", 19, 19, 7, false },
	{ "room_of_less_than_an_error", 19, 19, 10, false },
	{ "room_of_an_error", 19, 19, 11, true },
};

static bool p9_offer_size(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct p9_size *s = arg;
	const struct piece pieces[] = {
		{ message, s->size, false },
		{ reply, s->room, true },
	};

	if (!p9_legal(victim))
		return false;
	make(TGETATTR, 5, ARGUMENTS(ROOT "\xff\x07\0\0\0\0\0\0"));
	put32(message, s->told);
	if (s->must_answer)
		return ring_request(ring, pieces, 2) == 11 &&
		       *(volatile uint8_t *)&reply[4] == RLERROR;
	ring_fill(ring, pieces, 2);
	ring_offer(ring, 0);
	settle(ring);
	return true;
}

/* Only one half of a chain. */
static bool p9_offer_half(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct piece piece = { message, 19, *(const bool *)arg };

	(void)victim;
	make(TGETATTR, 5, ARGUMENTS(ROOT "\xff\x07\0\0\0\0\0\0"));
	ring_fill(ring, &piece, 1);
	ring_offer(ring, 0);
	settle(ring);
	return true;
}

/* Each type that a byte can be, and no arguments. */
static bool p9_all_types(struct victim *victim, struct ring *ring, const void *arg)
{
	(void)arg;
	for (unsigned type = 0; type < 256; type++) {
		if (type % 64 == 0 && !p9_legal(victim))
			return false;
		if (!ask(ring, make((uint8_t)type, 5, "", 0), sizeof(reply)))
			return false;
	}
	return true;
}

/* Hundreds of megabytes to be written, where a message may have 8 KiB. */
static bool p9_huge(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct piece to_write[] = {
		{ message, HEADER + 16, false },
		{ (const void *)HUGE, HUGE_SIZE, false },
		{ reply, sizeof(reply), true },
	};
	const struct piece to_read[] = {
		{ message, HEADER + 16, false },
		{ (const void *)HUGE, HUGE_SIZE, true },
	};
	const bool writes = *(const bool *)arg;

	if (!p9_legal(victim) ||
	    (!writes && ask(ring, make(TLOPEN, 5, ARGUMENTS(ROOT NONE)), sizeof(reply)) !=
				TLOPEN + 1))
		return false;
	make(writes ? TWRITE : TREADDIR, 5, ARGUMENTS(ROOT NONE HIGH));
	if (writes)
		put32(message, HUGE_SIZE + HEADER + 16);
	return ring_request(ring, writes ? to_write : to_read, writes ? 3 : 2) >= 11;
}

/* Fill the ring with messages of the same tag, which all depend on each other. */
static bool p9_one_tag(struct victim *victim, struct ring *ring, const void *arg)
{
	const uint8_t type = *(const uint8_t *)arg;

	if (!p9_legal(victim))
		return false;
	make(type, 5, ARGUMENTS("\5\0\0\0\0\0\0\0"));
	for (uint16_t i = 0; i + 1 < RING_SIZE; i += 2) {
		ring->desc[i].addr = (uint32_t)message;
		ring->desc[i].len = HEADER + 8;
		ring->desc[i].flags = DESC_NEXT;
		ring->desc[i].next = (uint16_t)(i + 1);
		ring->desc[i + 1].addr = (uint32_t)reply;
		ring->desc[i + 1].len = 64;
		ring->desc[i + 1].flags = DESC_WRITE;
		ring->avail.ring[(ring->avail.idx + i / 2) % RING_SIZE] = i;
	}
	__asm__ volatile("" : : : "memory");
	ring->avail.idx = (uint16_t)(ring->avail.idx + RING_SIZE / 2);
	virtio_notify(ring->virtio, ring->index);
	while (ring->seen != ring->avail.idx)
		if (ring_wait(ring) < 0)
			return false;
	return true;
}

/* As many fids as some thousand messages make. */
static bool p9_many_fids(struct victim *victim, struct ring *ring, const void *arg)
{
	(void)arg;
	if (!p9_legal(victim))
		return false;
	for (uint32_t fid = 2; fid < 1500; fid++) {
		make(TWALK, 5, ARGUMENTS(ROOT NEW "\0\0"));
		put32(message + HEADER + 4, fid);
		if (ask(ring, HEADER + 10, sizeof(reply)) != TWALK + 1)
			return false;
	}
	return true;
}

/* Names of what must not be opened; tests put them there. */
static bool p9_open_special(struct victim *victim, struct ring *ring, const void *arg)
{
	(void)arg;
	if (!p9_legal(victim))
		return false;
	if (ask(ring, make(TWALK, 5, ARGUMENTS(ROOT NEW "\1\0\4\0fifo")),
		sizeof(reply)) != TWALK + 1)
		return false;
	return ask(ring, make(TLOPEN, 5, ARGUMENTS(NEW NONE)), sizeof(reply)) == RLERROR;
}

void p9_attack(struct victim *victim)
{
	static const bool no = false, yes = true;
	static const uint8_t flush = TFLUSH, version = TVERSION, clunk = TCLUNK;

	for (unsigned i = 0; i < COUNT(p9_messages); i++)
		attack(victim, 0, p9_messages[i].name, p9_offer, &p9_messages[i]);
	for (unsigned i = 0; i < COUNT(p9_sizes); i++)
		attack(victim, 0, p9_sizes[i].name, p9_offer_size, &p9_sizes[i]);
	attack(victim, 0, "message_alone", p9_offer_half, &no);
	attack(victim, 0, "room_alone", p9_offer_half, &yes);
	attack(victim, 0, "all_types", p9_all_types, 0);
	attack(victim, 0, "huge_write", p9_huge, &yes);
	attack(victim, 0, "huge_room", p9_huge, &no);
	attack(victim, 0, "flushes_of_each_other", p9_one_tag, &flush);
	attack(victim, 0, "versions_of_one_tag", p9_one_tag, &version);
	attack(victim, 0, "clunks_of_one_tag", p9_one_tag, &clunk);
	attack(victim, 0, "many_fids", p9_many_fids, 0);
	attack(victim, 0, "open_a_fifo", p9_open_special, 0);
}
