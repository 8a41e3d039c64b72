/* SPDX-License-Identifier: BSD-2-Clause */
/* A CD-ROM drive, slave of a channel, as drivers use it. */
#include "ata_test.h"

#include <errno.h>

#define CHECK (DRDY | ERR)

/* PACKET, and its 12 bytes; DRQ blocks shall have `limit` bytes at most. */
static void packet(struct ata_bench *b, const uint8_t *bytes, unsigned limit,
		   unsigned features)
{
	select_drive(b, 1);
	out(b, ATA_ERROR, features);
	out(b, ATA_LBA_MID, limit);
	out(b, ATA_LBA_HIGH, limit >> 8);
	out(b, ATA_STATUS, 0xa0);
	assert_int_equal(status(b), DRDY | DRQ);
	assert_int_equal(in(b, ATA_SECTOR_COUNT), 1); /* CD */
	give(b, bytes, 12);
}

#define PACKET(b, limit, ...) packet(b, (const uint8_t[12]){ __VA_ARGS__ }, limit, 0)

static unsigned byte_count(struct ata_bench *b)
{
	return in(b, ATA_LBA_MID) | (unsigned)in(b, ATA_LBA_HIGH) << 8;
}

static void assert_good(struct ata_bench *b)
{
	assert_interrupt(b, DRDY);
	assert_int_equal(in(b, ATA_SECTOR_COUNT), 3); /* IO, CD */
	assert_int_equal(in(b, ATA_ERROR), 0);
}

/* All of an answer in one block; its size. */
static unsigned take_answer(struct ata_bench *b, uint8_t *to)
{
	const unsigned n = byte_count(b);

	assert_interrupt(b, DRDY | DRQ);
	assert_int_equal(in(b, ATA_SECTOR_COUNT), 2); /* IO */
	fetch(b, to, n);
	assert_good(b);
	return n;
}

static void assert_sense(struct ata_bench *b, unsigned key, unsigned asc, unsigned ascq)
{
	uint8_t sense[20];

	assert_interrupt(b, CHECK);
	assert_int_equal(in(b, ATA_ERROR) >> 4, key);
	PACKET(b, 18, 0x03, 0, 0, 0, 18);
	assert_int_equal(take_answer(b, sense), 18);
	assert_int_equal(sense[0], 0x70);
	assert_int_equal(sense[2], key);
	assert_int_equal(sense[12], asc);
	assert_int_equal(sense[13], ascq);
	/* It is told once. */
	PACKET(b, 18, 0x03, 0, 0, 0, 18);
	take_answer(b, sense);
	assert_int_equal(sense[2], 0);
}

static void test_identify(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t id[512];

	(void)state;
	select_drive(b, 1);
	out(b, ATA_STATUS, 0xec);
	assert_interrupt(b, READY | ERR);
	assert_int_equal(in(b, ATA_ERROR), ATA_ERROR_ABRT);
	assert_int_equal(in(b, ATA_LBA_MID), 0x14); /* so that is what it is */
	out(b, ATA_STATUS, 0xa1);
	assert_interrupt(b, DRDY | DRQ);
	fetch(b, id, 512);
	assert_int_equal(load_le16(id), 0x85c0);
	assert_memory_equal(id + 54, "atenC -DOR", 10);
	assert_false(b->irq.level);
	/* Commands of disks. */
	out(b, ATA_STATUS, 0xc8);
	assert_interrupt(b, READY | ERR);
	out(b, ATA_ERROR, 0x82); /* no write cache */
	out(b, ATA_STATUS, 0xef);
	assert_interrupt(b, READY | ERR);
	out(b, ATA_ERROR, 0x03);
	out(b, ATA_SECTOR_COUNT, 0x22);
	out(b, ATA_STATUS, 0xef);
	assert_interrupt(b, READY);
	out(b, ATA_STATUS, 0xe0);
	assert_interrupt(b, READY);
	assert_false(b->pending);
	out(b, ATA_ERROR, 2); /* OVL */
	out(b, ATA_STATUS, 0xa0);
	assert_interrupt(b, READY | ERR);
	bench_free(b);
}

static void test_device_reset(void **state)
{
	struct ata_bench *b = bench_new();

	(void)state;
	PACKET(b, 2048, 0x28, 0, 0, 0, 0, 5, 0, 0, 1);
	assert_int_equal(status(b), BSY);
	out(b, ATA_STATUS, 0x08); /* the one that a busy drive takes */
	assert_int_equal(status(b), BSY);
	finish(b, 0);
	assert_int_equal(status(b), 0);
	assert_false(b->irq.level);
	assert_int_equal(in(b, ATA_LBA_HIGH), 0xeb);
	out(b, ATA_STATUS, 0x08);
	assert_int_equal(status(b), 0);
	bench_free(b);
}

static void test_inquiry(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t answer[64];

	(void)state;
	PACKET(b, 0, 0x12, 0, 0, 0, 96); /* no limit is as long as one may be */
	assert_int_equal(take_answer(b, answer), 36);
	assert_int_equal(answer[0], 5);
	assert_int_equal(answer[1], 0x80);
	assert_memory_equal(answer + 8, "tane    CD-ROM", 14);
	PACKET(b, 96, 0x12, 0, 0, 0, 5); /* an odd length */
	assert_int_equal(take_answer(b, answer), 5);
	PACKET(b, 96, 0x12, 1, 0x80, 0, 96);
	assert_sense(b, 5, 0x24, 0);
	PACKET(b, 96, 0x12);
	assert_good(b); /* nothing was asked for */
	bench_free(b);
}

/* Blocks that are no multiple of an access: what is behind the end of one is nothing. */
static void test_wide_accesses(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t data[5][8];

	(void)state;
	PACKET(b, 6, 0x12, 0, 0, 0, 29);
	ata_data_in(&b->channel, data, 4, 10);
	for (unsigned i = 0; i < 4; i++)
		assert_memory_equal(data[i] + 6, "\0\0", 2);
	assert_memory_equal(data[1] + 2, "tane", 4);
	assert_memory_equal(data[2], "    CD", 6);
	assert_memory_equal(data[3], "-ROM  ", 6);
	assert_memory_equal(data[4], "     \0\0\0", 8); /* the last one is odd */
	assert_int_equal(status(b), DRDY);
	assert_good(b);
	bench_free(b);
}

static void test_read(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t *data = malloc(40 * 2048);
	unsigned n = 0;

	(void)state;
	PACKET(b, 2048, 0x25);
	take_answer(b, data);
	assert_memory_equal(data, "\0\0\0\x3f\0\0\x08\0", 8);

	/* 20 sectors are two buffers, and blocks are cut in the middle of sectors. */
	PACKET(b, 5001, 0x28, 0, 0, 0, 0, 7, 0, 0, 20);
	while (n < 20 * 2048) {
		unsigned size;

		if (b->pending)
			finish(b, 0);
		assert_interrupt(b, DRDY | DRQ);
		size = byte_count(b);
		assert_true(size <= 5000);
		fetch(b, data + n, size);
		n += size;
	}
	assert_good(b);
	assert_int_equal(n, 20 * 2048);
	assert_memory_equal(data, b->media[1] + 7 * 2048, 20 * 2048);

	PACKET(b, 2048, 0xa8, 0, 0, 0, 0, 63, 0, 0, 0, 1);
	finish(b, 0);
	take_answer(b, data);
	assert_memory_equal(data, b->media[1] + 63 * 2048, 2048);
	PACKET(b, 2048, 0xbe, 0, 0, 0, 0, 1, 0, 0, 1, 0x10);
	finish(b, 0);
	take_answer(b, data);
	assert_memory_equal(data, b->media[1] + 2048, 2048);
	PACKET(b, 2048, 0x28, 0, 0, 0, 0, 7, 0, 0, 0);
	assert_good(b);
	PACKET(b, 2048, 0xbe, 0, 0, 0, 0, 1, 0, 0, 1, 0);
	assert_good(b);
	PACKET(b, 2048, 0x2b, 0, 0, 0, 0, 64);
	assert_good(b);
	free(data);
	bench_free(b);
}

static void test_read_errors(void **state)
{
	struct ata_bench *b = bench_new();

	(void)state;
	PACKET(b, 2048, 0x28, 0, 0, 0, 0, 63, 0, 0, 2);
	assert_sense(b, 5, 0x21, 0);
	PACKET(b, 2048, 0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
	assert_sense(b, 5, 0x21, 0);
	PACKET(b, 2048, 0x2b, 0, 0, 0, 1, 64);
	assert_sense(b, 5, 0x21, 0);
	PACKET(b, 2048, 0xbe, 0, 0, 0, 0, 1, 0, 0, 1, 0xf8); /* raw sectors */
	assert_sense(b, 5, 0x24, 0);
	PACKET(b, 2048, 0xbe, 0, 0, 0, 0, 1, 0, 0, 1, 0x10, 1); /* sub-channel */
	assert_sense(b, 5, 0x24, 0);
	PACKET(b, 2048, 0x28, 0, 0, 0, 0, 1, 0, 0, 1);
	finish(b, EIO);
	assert_sense(b, 3, 0x11, 0);
	PACKET(b, 2048, 0x2a, 0, 0, 0, 0, 1, 0, 0, 1); /* WRITE(10) */
	assert_sense(b, 5, 0x20, 0);
	PACKET(b, 2048, 0x00);
	assert_good(b);
	bench_free(b);
}

static void test_dma(void **state)
{
	static const uint8_t read[12] = { 0x28, 0, 0, 0, 0, 2, 0, 0, 30 };
	static const uint8_t inquiry[12] = { 0x12, 0, 0, 0, 36 };
	struct ata_bench *b = bench_new();

	(void)state;
	packet(b, read, 0, 1);
	finish(b, 0);
	b->ram_room = 1 << 20;
	ata_dma_ready(&b->channel);
	finish(b, 0);
	assert_good(b);
	assert_int_equal(b->dma_ends, 1);
	assert_memory_equal(b->ram, b->media[1] + 2 * 2048, 30 * 2048);
	b->ram_at = 0;
	packet(b, inquiry, 0, 1);
	assert_good(b);
	assert_int_equal(b->ram_at, 36);
	packet(b, read, 0, 1);
	finish(b, EIO);
	assert_sense(b, 3, 0x11, 0);
	assert_int_equal(b->dma_ends, 3);
	bench_free(b);
}

static void test_toc(void **state)
{
	static const uint8_t toc[20] = { 0, 18, 1, 1,    0,    0x14, 1, 0, 0, 0,
					 0, 0,  0, 0x14, 0xaa, 0,    0, 0, 0, 64 };
	static const uint8_t msf[20] = { 0, 18, 1, 1,    0,    0x14, 1, 0, 0, 0,
					 2, 0,  0, 0x14, 0xaa, 0,    0, 0, 2, 64 };
	static const uint8_t sessions[12] = { 0, 10, 1, 1, 0, 0x14, 1 };
	struct ata_bench *b = bench_new();
	uint8_t answer[64];

	(void)state;
	PACKET(b, 64, 0x43, 0, 0, 0, 0, 0, 0, 0, 64);
	assert_int_equal(take_answer(b, answer), 20);
	assert_memory_equal(answer, toc, 20);
	PACKET(b, 64, 0x43, 2, 0, 0, 0, 0, 1, 0, 64);
	assert_int_equal(take_answer(b, answer), 20);
	assert_memory_equal(answer, msf, 20);
	PACKET(b, 64, 0x43, 0, 0, 0, 0, 0, 0xaa, 0, 64);
	assert_int_equal(take_answer(b, answer), 12);
	assert_memory_equal(answer + 4, toc + 12, 8);
	PACKET(b, 64, 0x43, 0, 1, 0, 0, 0, 0, 0, 64);
	assert_int_equal(take_answer(b, answer), 12);
	assert_memory_equal(answer, sessions, 12);
	PACKET(b, 64, 0x43, 0, 0, 0, 0, 0, 0, 0, 64, 0x40); /* as before MMC */
	assert_int_equal(take_answer(b, answer), 12);
	PACKET(b, 64, 0x43, 0, 2, 0, 0, 0, 0, 0, 64);
	assert_sense(b, 5, 0x24, 0);
	PACKET(b, 64, 0x43, 0, 0, 0, 0, 0, 2, 0, 64);
	assert_sense(b, 5, 0x24, 0);
	bench_free(b);
}

static void test_mode_sense(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t answer[64];

	(void)state;
	PACKET(b, 64, 0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64);
	assert_int_equal(take_answer(b, answer), 28);
	assert_int_equal(answer[1], 26);
	assert_int_equal(answer[8], 0x2a);
	assert_int_equal(answer[9], 18);
	assert_int_equal(answer[14], 0x29);
	PACKET(b, 64, 0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 64);
	assert_int_equal(take_answer(b, answer), 36);
	assert_int_equal(answer[11], 5);
	PACKET(b, 64, 0x5a, 0, 0x7f, 0, 0, 0, 0, 0, 64); /* what can be changed */
	assert_int_equal(take_answer(b, answer), 36);
	assert_int_equal(answer[11], 0);
	assert_int_equal(answer[16], 0x2a);
	assert_int_equal(answer[22], 0);
	PACKET(b, 64, 0x5a, 0, 0x2a | 0xc0, 0, 0, 0, 0, 0, 64);
	assert_sense(b, 5, 0x24, 0);
	PACKET(b, 64, 0x5a, 0, 0x1c, 0, 0, 0, 0, 0, 64);
	assert_sense(b, 5, 0x24, 0);
	bench_free(b);
}

static void test_get_configuration(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t answer[64];

	(void)state;
	PACKET(b, 64, 0x46, 0, 0, 0, 0, 0, 0, 0, 64);
	assert_int_equal(take_answer(b, answer), 48);
	assert_int_equal(load_le16(answer + 6), 0x0800); /* CD-ROM */
	assert_int_equal(answer[3], 44);
	PACKET(b, 64, 0x46, 2, 0, 3, 0, 0, 0, 0, 64);
	assert_int_equal(take_answer(b, answer), 16);
	assert_int_equal(answer[9], 3);
	PACKET(b, 64, 0x46, 0, 0x10, 0, 0, 0, 0, 0, 64);
	assert_int_equal(take_answer(b, answer), 8);
	PACKET(b, 64, 0x46, 3, 0, 0, 0, 0, 0, 0, 64);
	assert_sense(b, 5, 0x24, 0);
	bench_free(b);
}

static void test_disc_information(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t answer[64];

	(void)state;
	PACKET(b, 64, 0x51, 0, 0, 0, 0, 0, 0, 0, 64);
	assert_int_equal(take_answer(b, answer), 34);
	assert_int_equal(answer[1], 32);
	assert_int_equal(answer[2], 0x0e);
	PACKET(b, 64, 0x51, 1, 0, 0, 0, 0, 0, 0, 64);
	assert_sense(b, 5, 0x24, 0);
	PACKET(b, 64, 0xbb, 0, 0xff, 0xff);
	assert_good(b);
	bench_free(b);
}

/* Locked, unlocked, out and in again. */
static void test_tray(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t answer[64];

	(void)state;
	PACKET(b, 64, 0x1e, 0, 0, 0, 1);
	assert_good(b);
	PACKET(b, 64, 0x1b, 0, 0, 0, 2);
	assert_sense(b, 5, 0x53, 2);
	PACKET(b, 64, 0x1e, 0, 0, 0, 0);
	assert_good(b);
	PACKET(b, 64, 0x1b, 0, 0, 0, 2);
	assert_good(b);
	PACKET(b, 64, 0x00);
	assert_sense(b, 2, 0x3a, 2);
	PACKET(b, 64, 0x28, 0, 0, 0, 0, 0, 0, 0, 1);
	assert_sense(b, 2, 0x3a, 2);
	PACKET(b, 64, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8);
	assert_int_equal(take_answer(b, answer), 8);
	assert_memory_equal(answer, "\0\x06\x04\x10\x03\x01\0\0", 8);
	PACKET(b, 64, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8);
	take_answer(b, answer);
	assert_int_equal(answer[1], 0x10);
	PACKET(b, 64, 0x46, 1, 0, 0, 0, 0, 0, 0, 64);
	assert_int_equal(take_answer(b, answer), 36); /* nothing to read */
	PACKET(b, 64, 0x1b, 0, 0, 0, 3);
	assert_good(b);
	PACKET(b, 64, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8);
	take_answer(b, answer);
	assert_memory_equal(answer + 4, "\x02\x02", 2);
	PACKET(b, 64, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8);
	take_answer(b, answer);
	assert_memory_equal(answer + 4, "\0\x02", 2); /* an event is told once */
	PACKET(b, 64, 0x00);
	assert_sense(b, 6, 0x28, 0);
	PACKET(b, 64, 0x00);
	assert_good(b);
	PACKET(b, 64, 0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8); /* not polled */
	assert_sense(b, 5, 0x24, 0);
	PACKET(b, 64, 0x4a, 1, 0, 0, 0x02, 0, 0, 0, 8); /* of another class */
	assert_int_equal(take_answer(b, answer), 4);
	assert_int_equal(answer[2], 0x80);
	bench_free(b);
}

static void test_save_and_load(void **state)
{
	struct ata_bench *from = bench_new(), *to = bench_new();
	struct state_writer writer = { 0 };
	uint8_t data[2048];
	struct err err;

	(void)state;
	PACKET(from, 64, 0x1e, 0, 0, 0, 1);
	assert_good(from);
	PACKET(from, 1000, 0x28, 0, 0, 0, 0, 9, 0, 0, 1);
	finish(from, 0);
	fetch(from, data, 1000);
	assert_int_equal(ata_channel_save(&from->channel, &writer, "ide", &err), 0);
	assert_int_equal(ata_channel_load(&to->channel, chip_image(&writer), "ide", &err),
			 0);
	assert_interrupt(to, DRDY | DRQ);
	fetch(to, data + 1000, 1000);
	assert_interrupt(to, DRDY | DRQ);
	fetch(to, data + 2000, 48);
	assert_good(to);
	assert_memory_equal(data, to->media[1] + 9 * 2048, 2048);
	PACKET(to, 64, 0x1b, 0, 0, 0, 2);
	assert_sense(to, 5, 0x53, 2);
	state_writer_free(&writer);
	bench_free(from);
	bench_free(to);
}

/* In the middle of a packet, and one that no drive could have got into. */
static void test_hostile_states_are_refused(void **state)
{
	struct ata_bench *from = bench_new(), *to = bench_new();
	struct state_writer writer = { 0 };
	struct err err;

	(void)state;
	select_drive(from, 1);
	out(from, ATA_STATUS, 0xa0);
	from->channel.regs.is_packet = 0;
	assert_int_equal(ata_channel_save(&from->channel, &writer, "ide", &err), 0);
	assert_int_equal(ata_channel_load(&to->channel, chip_image(&writer), "ide", &err),
			 -1);
	state_writer_free(&writer);
	writer = (struct state_writer){ 0 };
	from->channel.regs.is_packet = 1;
	from->channel.drives[1].regs.media_event = 9;
	assert_int_equal(ata_channel_save(&from->channel, &writer, "ide", &err), 0);
	assert_int_equal(ata_channel_load(&to->channel, chip_image(&writer), "ide", &err),
			 -1);
	state_writer_free(&writer);
	bench_free(from);
	bench_free(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identify),
		cmocka_unit_test(test_device_reset),
		cmocka_unit_test(test_inquiry),
		cmocka_unit_test(test_wide_accesses),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_errors),
		cmocka_unit_test(test_dma),
		cmocka_unit_test(test_toc),
		cmocka_unit_test(test_mode_sense),
		cmocka_unit_test(test_get_configuration),
		cmocka_unit_test(test_disc_information),
		cmocka_unit_test(test_tray),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_hostile_states_are_refused),
	};

	return cmocka_run_group_tests_name("atapi", tests, NULL, NULL);
}
