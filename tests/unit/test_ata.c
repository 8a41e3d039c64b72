/* SPDX-License-Identifier: BSD-2-Clause */
/* An ATA channel as BIOSes and kernels use it; CD-ROMs are in test_atapi.c. */
#include "ata_test.h"

#include <errno.h>

static uint16_t word(const uint8_t *identify, unsigned index)
{
	return load_le16(identify + 2 * index);
}

static void identify(struct ata_bench *b, uint8_t to[512])
{
	command28(b, 0xec, 0, 0);
	assert_interrupt(b, READY | DRQ);
	fetch(b, to, 512);
	assert_int_equal(status(b), READY);
}

static void assert_error(struct ata_bench *b, uint8_t error)
{
	assert_interrupt(b, READY | ERR);
	assert_int_equal(in(b, ATA_ERROR), error);
}

static void assert_good(struct ata_bench *b)
{
	assert_interrupt(b, READY);
}

static void test_power_on(void **state)
{
	struct ata_bench *b = bench_new();

	(void)state;
	assert_int_equal(status(b), READY);
	assert_int_equal(in(b, ATA_ERROR), 1);
	assert_int_equal(in(b, ATA_SECTOR_COUNT), 1);
	assert_int_equal(in(b, ATA_LBA_LOW), 1);
	assert_int_equal(in(b, ATA_LBA_MID), 0);
	assert_int_equal(in(b, ATA_LBA_HIGH), 0);
	select_drive(b, 1);
	assert_int_equal(status(b), 0);
	assert_int_equal(in(b, ATA_LBA_MID), 0x14);
	assert_int_equal(in(b, ATA_LBA_HIGH), 0xeb);
	bench_free(b);
}

/* How Linux looks for a drive: it writes, and reads back. */
static void test_absent_drive(void **state)
{
	const struct irq_line none = { 0 };
	const struct ata_identity disk = { .kind = ATA_DISK, .sectors = 9 };
	struct ata_channel *channel = calloc(1, sizeof(*channel));

	(void)state;
	ata_channel_init(channel, &bench_ops, &none, NULL);
	assert_true(ata_channel_is_empty(channel));
	ata_channel_plug(channel, 0, &disk);
	assert_false(ata_channel_is_empty(channel));
	ata_write(channel, ATA_DEVICE, 1, 0xb0);
	ata_write(channel, ATA_SECTOR_COUNT, 1, 0x55);
	ata_write(channel, ATA_LBA_LOW, 1, 0xaa);
	for (unsigned i = 1; i < ATA_COMMAND_BLOCK_SIZE; i++)
		assert_int_equal(ata_read(channel, i, 1), 0);
	ata_write(channel, ATA_STATUS, 1, 0xec);
	assert_int_equal(ata_alternate_status(channel), 0);
	ata_write(channel, ATA_DEVICE, 1, 0xa0);
	assert_int_equal(ata_read(channel, ATA_SECTOR_COUNT, 1), 0x55);
	assert_int_equal(ata_alternate_status(channel), READY);
	free(channel);
}

static void test_identify(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t id[512], sum = 0;

	(void)state;
	command28(b, 0x40, 0, 1);
	memset(b->channel.regs.buffer, 0x55, sizeof(b->channel.regs.buffer));
	finish(b, 0);
	identify(b, id);
	/* Nothing of a sector shows where there is nothing to say. */
	for (unsigned i = 107; i < 255; i++)
		assert_int_equal(word(id, i), 0);
	assert_int_equal(word(id, 1), 2); /* 2048 / (16 * 63) */
	assert_int_equal(word(id, 3), 16);
	assert_int_equal(word(id, 6), 63);
	assert_memory_equal(id + 20, "ESIRLA              ", 20);
	assert_memory_equal(id + 54, "atend si k", 10);
	assert_int_equal(word(id, 47) & 0xff, 16);
	assert_int_equal(word(id, 49) & 0x300, 0x300);
	assert_int_equal(word(id, 60) | word(id, 61) << 16, DISK_SECTORS);
	assert_int_equal(word(id, 83) & 0x7400, 0x7400);
	assert_int_equal(word(id, 82) & 0x0021, 0x0020); /* write cache, no SMART */
	assert_int_equal(word(id, 100), DISK_SECTORS);
	assert_int_equal(word(id, 106), 0x6003); /* 8 sectors in a physical one */
	for (unsigned i = 0; i < 512; i++)
		sum += id[i];
	assert_int_equal(sum, 0);
	bench_free(b);

	/* Beyond what CHS and 28 bits can say. */
	b = bench_new_with(1ull << 33);
	identify(b, id);
	assert_int_equal(word(id, 1), 16383);
	assert_int_equal(word(id, 60) | (uint32_t)word(id, 61) << 16, 0x0fffffff);
	assert_int_equal(load_le64(id + 200), 1ull << 33);
	bench_free(b);
	b = bench_new_with(1);
	identify(b, id);
	assert_int_equal(word(id, 1), 1);
	bench_free(b);
}

static void test_read_sectors(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t data[3 * 512];

	(void)state;
	command28(b, 0x20, 100, 3);
	assert_int_equal(status(b), BSY);
	assert_false(b->irq.level);
	/* Nothing can be written meanwhile. */
	out(b, ATA_LBA_LOW, 7);
	out(b, ATA_STATUS, 0xec);
	assert_int_equal(in(b, ATA_LBA_LOW), 100);
	finish(b, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_interrupt(b, READY | DRQ);
		fetch(b, data + 512 * (size_t)i, 512);
	}
	assert_int_equal(status(b), READY);
	assert_false(b->irq.level); /* the last block said all */
	assert_memory_equal(data, b->media[0] + 100 * 512, sizeof(data));
	assert_int_equal(ata_read(&b->channel, ATA_DATA, 2), 0xffff);
	bench_free(b);
}

/* 256 sectors are four buffers; 48-bit addresses count to 65536. */
static void test_long_reads(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t *data = malloc(256 * 512);

	(void)state;
	command28(b, 0x20, 5, 0);
	for (unsigned i = 0; i < 256; i++) {
		finish_all(b);
		fetch(b, data + 512 * (size_t)i, 512);
	}
	assert_int_equal(status(b), READY);
	assert_int_equal(b->requests[ATA_IO_READ], 4);
	assert_memory_equal(data, b->media[0] + 5 * 512, 256 * 512);
	free(data);

	command48(b, 0x24, 0, 0); /* 65536 are more than there are */
	assert_error(b, ATA_ERROR_IDNF);
	command48(b, 0x42, 0, DISK_SECTORS);
	finish_all(b);
	assert_good(b);
	bench_free(b);
	b = bench_new_with(1ull << 33);
	command48(b, 0x24, (1ull << 33) - 1, 1);
	assert_int_equal(b->request.offset, ((1ull << 33) - 1) * 512);
	assert_int_equal(b->request.length, 512);
	bench_free(b);
}

static void test_write_sectors(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t data[2 * 512];

	(void)state;
	memset(data, 0x5a, sizeof(data));
	data[1023] = 0xc3;
	command28(b, 0x30, 9, 2);
	assert_int_equal(status(b), READY | DRQ);
	assert_false(b->irq.level); /* none before the first block */
	give(b, data, 512);
	assert_interrupt(b, READY | DRQ);
	give(b, data + 512, 512);
	assert_int_equal(status(b), BSY);
	finish(b, 0);
	assert_good(b);
	assert_memory_equal(b->media[0] + 9 * 512, data, sizeof(data));
	assert_int_equal(b->requests[ATA_IO_FLUSH], 0);
	bench_free(b);
}

static void test_bursts_and_widths(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t data[4 * 512] = { 0 };

	(void)state;
	/* One string instruction over several blocks, then single accesses of each width. */
	command28(b, 0x20, 0, 4);
	finish(b, 0);
	ata_data_in(&b->channel, data, 4, 384);
	store_le32(data + 1536, (uint32_t)ata_read(&b->channel, ATA_DATA, 4));
	store_le16(data + 1540, (uint16_t)ata_read(&b->channel, ATA_DATA, 2));
	data[1542] = (uint8_t)ata_read(&b->channel, ATA_DATA, 1);
	data[1543] = (uint8_t)ata_read(&b->channel, ATA_DATA, 1);
	ata_data_in(&b->channel, data + 1544, 1, 504);
	assert_int_equal(status(b), READY);
	assert_memory_equal(data, b->media[0], sizeof(data));
	/* More than there is reads all ones. */
	command28(b, 0x20, 0, 1);
	finish(b, 0);
	ata_data_in(&b->channel, data, 2, 258);
	assert_memory_equal(data + 512, "\xff\xff\xff\xff", 4);
	/* A wide access to other registers is several of bytes. */
	ata_write(&b->channel, ATA_SECTOR_COUNT, 4, 0x44332211);
	assert_int_equal(in(b, ATA_LBA_HIGH), 0x44);
	assert_int_equal(ata_read(&b->channel, ATA_SECTOR_COUNT, 2), 0x2211);
	bench_free(b);
}

static void test_multiple(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t data[6 * 512], id[512];

	(void)state;
	command28(b, 0xc4, 0, 6);
	assert_error(b, ATA_ERROR_ABRT); /* not set */
	command28(b, 0xc6, 0, 3);
	assert_error(b, ATA_ERROR_ABRT);
	command28(b, 0xc6, 0, 32);
	assert_error(b, ATA_ERROR_ABRT);
	command28(b, 0xc6, 0, 4);
	assert_good(b);
	identify(b, id);
	assert_int_equal(word(id, 59), 0x104);
	command28(b, 0xc4, 10, 6);
	finish(b, 0);
	assert_interrupt(b, READY | DRQ);
	fetch(b, data, 4 * 512);
	assert_interrupt(b, READY | DRQ);
	fetch(b, data + 4 * 512, 2 * 512); /* what is left */
	assert_int_equal(status(b), READY);
	assert_memory_equal(data, b->media[0] + 10 * 512, sizeof(data));
	command48(b, 0x39, 20, 6);
	give(b, data, 4 * 512);
	assert_interrupt(b, READY | DRQ);
	give(b, data + 4 * 512, 2 * 512);
	finish(b, 0);
	assert_good(b);
	assert_memory_equal(data, b->media[0] + 20 * 512, sizeof(data));
	bench_free(b);
}

static void test_chs(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t data[512];

	(void)state;
	/* Cylinder 1, head 2, sector 3 with 16 heads and 63 sectors. */
	out(b, ATA_DEVICE, 0xa2);
	out(b, ATA_SECTOR_COUNT, 1);
	out(b, ATA_LBA_LOW, 3);
	out(b, ATA_LBA_MID, 1);
	out(b, ATA_LBA_HIGH, 0);
	out(b, ATA_STATUS, 0x20);
	assert_int_equal(b->request.offset / 512, (1 * 16 + 2) * 63 + 2);
	finish(b, EIO); /* and it is told where */
	assert_error(b, ATA_ERROR_UNC);
	assert_int_equal(in(b, ATA_DEVICE) & 0x4f, 2);
	assert_int_equal(in(b, ATA_LBA_LOW), 3);
	assert_int_equal(in(b, ATA_LBA_MID), 1);
	/* There is no sector 0. */
	out(b, ATA_LBA_LOW, 0);
	out(b, ATA_STATUS, 0x20);
	assert_error(b, ATA_ERROR_IDNF);
	/* Another translation: 4 heads, 17 sectors. */
	out(b, ATA_DEVICE, 0xa3);
	out(b, ATA_SECTOR_COUNT, 17);
	out(b, ATA_STATUS, 0x91);
	assert_good(b);
	identify(b, data);
	assert_int_equal(word(data, 55), 4);
	assert_int_equal(word(data, 56), 17);
	assert_int_equal(word(data, 54), DISK_SECTORS / 68);
	out(b, ATA_DEVICE, 0xa3);
	out(b, ATA_SECTOR_COUNT, 1);
	out(b, ATA_LBA_LOW, 17);
	out(b, ATA_STATUS, 0x21);
	finish(b, 0);
	fetch(b, data, 512);
	out(b, ATA_DEVICE, 0xa4);
	out(b, ATA_STATUS, 0x20);
	assert_error(b, ATA_ERROR_IDNF); /* no such head */
	out(b, ATA_SECTOR_COUNT, 0);
	out(b, ATA_STATUS, 0x91);
	assert_error(b, ATA_ERROR_ABRT);
	bench_free(b);
}

static void test_dma(void **state)
{
	struct ata_bench *b = bench_new();

	(void)state;
	command28(b, 0xc8, 3, 100);
	finish(b, 0);
	assert_int_equal(status(b), READY | DRQ); /* it waits for the host adapter */
	assert_int_equal(ata_read(&b->channel, ATA_DATA, 2), 0xffff);
	b->ram_room = 1000;
	ata_dma_ready(&b->channel);
	assert_int_equal(b->ram_at, 1000);
	b->ram_room = 1 << 20;
	ata_dma_ready(&b->channel);
	ata_dma_ready(&b->channel); /* the medium is at it: nothing happens */
	finish(b, 0);
	assert_good(b);
	assert_int_equal(b->dma_ends, 1);
	assert_int_equal(b->ram_at, 100 * 512);
	assert_memory_equal(b->ram, b->media[0] + 3 * 512, 100 * 512);

	b->ram_at = 0;
	command48(b, 0x35, 500, 100);
	assert_int_equal(status(b), BSY);
	finish_all(b);
	assert_good(b);
	assert_int_equal(b->dma_ends, 2);
	assert_memory_equal(b->media[0] + 500 * 512, b->ram, 100 * 512);
	assert_int_equal(b->requests[ATA_IO_WRITE], 2);
	bench_free(b);
}

/* What comes before the sector that failed has been transferred. */
static void test_errors_of_the_medium(void **state)
{
	struct ata_bench *b = bench_new();

	(void)state;
	b->ram_room = 1 << 20;
	command48(b, 0x25, 1000, 100);
	finish(b, 0);
	finish(b, EIO);
	assert_error(b, ATA_ERROR_UNC);
	assert_int_equal(b->dma_ends, 1);
	assert_int_equal(in(b, ATA_LBA_LOW) | in(b, ATA_LBA_MID) << 8, 1064);
	assert_int_equal(b->ram_at, 64 * 512);
	command28(b, 0xca, 7, 1);
	finish(b, ENOSPC);
	assert_error(b, ATA_ERROR_ABRT);
	command28(b, 0xe7, 0, 0);
	finish(b, EIO);
	assert_error(b, ATA_ERROR_ABRT);
	command28(b, 0x40, 0, 1);
	finish(b, EIO);
	assert_error(b, ATA_ERROR_UNC);
	/* The next command is none the worse. */
	command28(b, 0x40, 0, 1);
	finish(b, 0);
	assert_good(b);
	assert_int_equal(in(b, ATA_ERROR), 0);
	bench_free(b);
}

static void test_beyond_the_end(void **state)
{
	static const uint8_t commands[] = { 0x20, 0x30, 0x40, 0xc8, 0xca };
	struct ata_bench *b = bench_new();

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(commands); i++) {
		command28(b, commands[i], DISK_SECTORS - 1, 2);
		assert_error(b, ATA_ERROR_IDNF);
		command28(b, commands[i], 0xfffffff, 0);
		assert_error(b, ATA_ERROR_IDNF);
	}
	command48(b, 0x25, 0xffffffffffff, 0);
	assert_error(b, ATA_ERROR_IDNF);
	command28(b, 0x70, DISK_SECTORS, 0);
	assert_error(b, ATA_ERROR_IDNF);
	command28(b, 0x70, DISK_SECTORS - 1, 0);
	assert_good(b);
	assert_false(b->pending);
	bench_free(b);
}

static void test_write_cache(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t data[512] = { 1 };

	(void)state;
	out(b, ATA_ERROR, 0x82);
	out(b, ATA_STATUS, 0xef);
	assert_int_equal(b->request.op, ATA_IO_FLUSH);
	finish(b, 0);
	assert_good(b);
	command28(b, 0x30, 0, 1);
	give(b, data, 512);
	finish(b, 0);
	assert_int_equal(status(b), BSY); /* until it is durable */
	assert_int_equal(b->request.op, ATA_IO_FLUSH);
	finish(b, 0);
	assert_good(b);
	b->ram_room = 512;
	command28(b, 0xca, 0, 1);
	finish(b, 0);
	finish(b, EIO);
	assert_error(b, ATA_ERROR_ABRT);
	assert_int_equal(b->dma_ends, 1);
	identify(b, data);
	assert_int_equal(word(data, 85) & 0x20, 0);
	out(b, ATA_ERROR, 0x02);
	out(b, ATA_STATUS, 0xef);
	assert_good(b);
	identify(b, data);
	assert_int_equal(word(data, 85) & 0x20, 0x20);
	bench_free(b);
}

static void set_features(struct ata_bench *b, unsigned feature, unsigned count)
{
	out(b, ATA_ERROR, feature);
	out(b, ATA_SECTOR_COUNT, count);
	out(b, ATA_STATUS, 0xef);
}

static void test_set_features(void **state)
{
	static const uint8_t fine[] = { 0x00, 0x01, 0x08, 0x0c, 0x20, 0x22, 0x40, 0x45 };
	static const uint8_t wrong[] = { 0x02, 0x0d, 0x10, 0x23, 0x46, 0xff };
	struct ata_bench *b = bench_new();
	uint8_t id[512];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(fine); i++) {
		set_features(b, 0x03, fine[i]);
		assert_good(b);
	}
	for (unsigned i = 0; i < ARRAY_LENGTH(wrong); i++) {
		set_features(b, 0x03, wrong[i]);
		assert_error(b, ATA_ERROR_ABRT);
	}
	identify(b, id);
	assert_int_equal(word(id, 88) >> 8, 1 << 5);
	set_features(b, 0x03, 0x22);
	assert_good(b);
	identify(b, id);
	assert_int_equal(word(id, 63) >> 8, 1 << 2);
	assert_int_equal(word(id, 88) >> 8, 0);
	set_features(b, 0xaa, 0);
	assert_good(b);
	set_features(b, 0x05, 0x80); /* APM: not there */
	assert_error(b, ATA_ERROR_ABRT);
	bench_free(b);
}

static void test_power_management(void **state)
{
	struct ata_bench *b = bench_new();

	(void)state;
	command28(b, 0xe5, 0, 0);
	assert_good(b);
	assert_int_equal(in(b, ATA_SECTOR_COUNT), 0xff);
	command28(b, 0xe0, 0, 0);
	finish(b, 0); /* what is in the cache is written */
	assert_good(b);
	assert_int_equal(b->requests[ATA_IO_FLUSH], 1);
	command28(b, 0xe5, 0, 0);
	assert_good(b);
	assert_int_equal(in(b, ATA_SECTOR_COUNT), 0);
	command28(b, 0xe1, 0, 0);
	assert_good(b);
	command28(b, 0x98, 0, 0);
	assert_good(b);
	assert_int_equal(in(b, ATA_SECTOR_COUNT), 0xff);
	command28(b, 0xe6, 0, 0);
	finish(b, 0);
	assert_good(b);
	command28(b, 0x40, 0, 1);
	finish(b, 0);
	assert_good(b);
	command28(b, 0xe5, 0, 0);
	assert_good(b);
	assert_int_equal(in(b, ATA_SECTOR_COUNT), 0xff);
	bench_free(b);
}

static void test_other_commands(void **state)
{
	/* NOP, DEVICE RESET, SMART, PACKET, IDENTIFY PACKET DEVICE, SECURITY UNLOCK, none */
	static const uint8_t refused[] = { 0x00, 0x08, 0xb0, 0xa0, 0xa1, 0xf2, 0xfe };
	struct ata_bench *b = bench_new();

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(refused); i++) {
		command28(b, refused[i], 0, 0);
		assert_error(b, ATA_ERROR_ABRT);
	}
	command28(b, 0x10, 0, 0);
	assert_good(b);
	command28(b, 0xf8, 0, 0);
	assert_good(b);
	assert_int_equal(in(b, ATA_LBA_LOW) | in(b, ATA_LBA_MID) << 8, DISK_SECTORS - 1);
	out(b, ATA_DEVICE, 0xa0);
	out(b, ATA_STATUS, 0xf8);
	assert_error(b, ATA_ERROR_ABRT);
	bench_free(b);
	b = bench_new_with(1ull << 40);
	command48(b, 0x27, 0, 0);
	assert_good(b);
	assert_int_equal(in(b, ATA_LBA_LOW), 0xff);
	ata_control(&b->channel, ATA_CONTROL_HOB);
	assert_int_equal(in(b, ATA_LBA_MID), 0xff);
	assert_int_equal(in(b, ATA_LBA_HIGH), 0);
	out(b, ATA_LBA_LOW, 0x12); /* ends HOB */
	assert_int_equal(in(b, ATA_LBA_LOW), 0x12);
	command28(b, 0xf8, 0, 0);
	assert_good(b);
	assert_int_equal(in(b, ATA_DEVICE) & 0xf, 0xf);
	bench_free(b);
}

static void test_nien(void **state)
{
	struct ata_bench *b = bench_new();

	(void)state;
	ata_control(&b->channel, ATA_CONTROL_NIEN);
	command28(b, 0x10, 0, 0);
	assert_false(b->irq.level);
	ata_control(&b->channel, 0);
	assert_true(b->irq.level); /* it is still pending */
	out(b, ATA_DEVICE, 0xf0);
	assert_false(b->irq.level); /* that of the other drive does not show */
	out(b, ATA_DEVICE, 0xe0);
	assert_good(b);
	command28(b, 0x10, 0, 0);
	assert_true(b->irq.level);
	out(b, ATA_STATUS, 0x20); /* so does a command: with LBA 0 and count 0 */
	assert_false(b->irq.level);
	bench_free(b);
}

static void test_diagnostic(void **state)
{
	struct ata_bench *b = bench_new();

	(void)state;
	select_drive(b, 1);
	out(b, ATA_STATUS, 0x90);
	assert_interrupt(b, READY);
	assert_int_equal(in(b, ATA_ERROR), 1);
	assert_int_equal(in(b, ATA_DEVICE) & 0x10, 0);
	assert_int_equal(in(b, ATA_LBA_HIGH), 0);
	select_drive(b, 1);
	assert_int_equal(in(b, ATA_LBA_HIGH), 0xeb);
	bench_free(b);
}

/* A reset ends what runs, but it is not over before the medium is. */
static void test_soft_reset(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t data[512] = { 0 };

	(void)state;
	command28(b, 0x20, 0, 2);
	finish(b, 0);
	ata_control(&b->channel, ATA_CONTROL_SRST);
	assert_int_equal(status(b), BSY);
	assert_false(b->irq.level);
	out(b, ATA_STATUS, 0xec);
	ata_control(&b->channel, 0);
	assert_int_equal(status(b), READY);
	assert_int_equal(in(b, ATA_LBA_LOW), 1);
	assert_int_equal(ata_read(&b->channel, ATA_DATA, 2), 0xffff);

	command28(b, 0x30, 0, 1);
	give(b, data, 512);
	ata_control(&b->channel, ATA_CONTROL_SRST);
	ata_control(&b->channel, 0);
	assert_int_equal(status(b), BSY);
	out(b, ATA_DEVICE, 0xf0);
	assert_int_equal(status(b), BSY);
	out(b, ATA_STATUS, 0xec);
	finish(b, EIO); /* nobody cares any more */
	assert_int_equal(status(b), READY);
	assert_int_equal(in(b, ATA_ERROR), 1);
	assert_false(b->irq.level);
	assert_false(b->pending);
	bench_free(b);
}

static void test_hard_reset(void **state)
{
	struct ata_bench *b = bench_new();

	(void)state;
	command28(b, 0xc6, 0, 8);
	command28(b, 0x20, 0, 1);
	ata_channel_reset(&b->channel);
	assert_true(b->channel.io_busy);
	finish(b, 0);
	ata_channel_reset(&b->channel);
	assert_int_equal(status(b), READY);
	command28(b, 0xc4, 0, 1);
	assert_error(b, ATA_ERROR_ABRT); /* MULTIPLE is off again */
	bench_free(b);
}

/* In the middle of a transfer of each kind. */
static void test_save_and_load(void **state)
{
	static const uint8_t commands[] = { 0x20, 0x30, 0xc8, 0xca };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(commands); i++) {
		struct ata_bench *from = bench_new(), *to = bench_new();
		struct state_writer writer = { 0 }, idle = { 0 };
		uint8_t data[512] = { 0x77 };
		struct err err;

		command28(from, commands[i], 40, 2);
		if (from->pending) {
			assert_int_equal(
				ata_channel_save(&from->channel, &writer, "ide", &err),
				-1);
			assert_non_null(strstr(err.text, "in flight"));
			assert_int_equal(
				ata_channel_save(&to->channel, &idle, "ide", &err), 0);
			assert_int_equal(ata_channel_load(&from->channel,
							  chip_image(&idle), "ide", &err),
					 -1);
			assert_non_null(strstr(err.text, "in flight"));
			state_writer_free(&idle);
			finish(from, 0);
		}
		if (commands[i] == 0x30)
			give(from, data, 512);
		if (commands[i] == 0x20)
			fetch(from, data, 512);
		assert_int_equal(ata_channel_save(&from->channel, &writer, "ide", &err),
				 0);
		assert_int_equal(
			ata_channel_load(&to->channel, chip_image(&writer), "ide", &err),
			0);
		assert_int_equal(to->irq.level, from->irq.level);
		assert_int_equal(status(to), status(from));
		to->ram_room = from->ram_room = 1 << 20;
		ata_dma_ready(&to->channel);
		ata_dma_ready(&from->channel);
		if (commands[i] == 0x20) {
			fetch(to, data, 512);
			assert_memory_equal(data, to->media[0] + 41 * 512, 512);
		} else if (commands[i] == 0x30) {
			give(to, data, 512);
		}
		finish_all(to);
		finish_all(from);
		assert_int_equal(status(to), READY);
		state_writer_free(&writer);
		bench_free(from);
		bench_free(to);
	}
}

static void spoil_at(struct ata_channel *channel)
{
	channel->regs.at = channel->regs.fill;
}

static void spoil_block_end(struct ata_channel *channel)
{
	channel->regs.block_end = ATA_BUFFER_SIZE + 1;
}

static void spoil_fill(struct ata_channel *channel)
{
	channel->regs.fill = ATA_BUFFER_SIZE + 512;
}

static void spoil_block_size(struct ata_channel *channel)
{
	channel->regs.block_size = 0;
}

static void spoil_lba(struct ata_channel *channel)
{
	channel->regs.lba = UINT64_MAX;
	channel->regs.left = 2;
}

static void spoil_transfer(struct ata_channel *channel)
{
	channel->regs.transfer = ATA_TRANSFER_VERIFY;
}

static void spoil_active(struct ata_channel *channel)
{
	channel->regs.active = 2;
}

static void spoil_other_drive(struct ata_channel *channel)
{
	channel->regs.active = 1;
}

static void spoil_resetting(struct ata_channel *channel)
{
	channel->regs.resetting = 1;
}

static void spoil_track(struct ata_channel *channel)
{
	channel->drives[0].regs.sectors_per_track = 0;
}

static void spoil_multiple(struct ata_channel *channel)
{
	channel->drives[0].regs.multiple = 64;
}

static void spoil_interrupt(struct ata_channel *channel)
{
	channel->drives[1].regs.interrupt = 2;
}

static void spoil_status(struct ata_channel *channel)
{
	channel->drives[1].regs.status = BSY;
}

/* Else the guest could select the other drive, and begin a second request. */
static void spoil_drq(struct ata_channel *channel)
{
	channel->drives[0].regs.status = READY;
}

static void spoil_bsy(struct ata_channel *channel)
{
	channel->drives[0].regs.status |= BSY;
}

static void test_hostile_states_are_refused(void **state)
{
	static void (*const spoilers[])(struct ata_channel * channel) = {
		spoil_at,        spoil_block_end, spoil_fill,     spoil_block_size,
		spoil_lba,       spoil_transfer,  spoil_active,   spoil_other_drive,
		spoil_resetting, spoil_track,     spoil_multiple, spoil_interrupt,
		spoil_status,    spoil_drq,       spoil_bsy,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(spoilers); i++) {
		struct ata_bench *from = bench_new(), *to = bench_new();
		struct state_writer writer = { 0 };
		struct err err;

		command28(from, 0x20, 40, 2);
		finish(from, 0);
		spoilers[i](&from->channel);
		assert_int_equal(ata_channel_save(&from->channel, &writer, "ide", &err),
				 0);
		if (!ata_channel_load(&to->channel, chip_image(&writer), "ide", &err))
			fail_msg("state %u was taken", i);
		assert_non_null(strstr(err.text, "impossible register values"));
		assert_int_equal(status(to), READY);
		command28(to, 0x40, 0, 1);
		finish(to, 0);
		assert_good(to);
		state_writer_free(&writer);
		bench_free(from);
		bench_free(to);
	}
}

/* Whatever a driver writes, the line follows, and a reset mends all. */
static void test_random_operations(void **state)
{
	struct ata_bench *b = bench_new();
	uint8_t data[600] = { 0 };
	uint32_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		const uint32_t random = chip_random(&seed);
		const unsigned offset = random >> 8 & 7;

		switch (random & 7) {
		case 0:
			(void)ata_read(&b->channel, offset, 1u << (random >> 11) % 3);
			break;
		case 1:
			ata_control(&b->channel, (uint8_t)(random >> 16));
			break;
		case 2:
			b->ram_at = 0;
			b->ram_room = random >> 16;
			ata_dma_ready(&b->channel);
			break;
		case 3:
			ata_data_in(&b->channel, data, 2, 300);
			break;
		case 4:
			ata_data_out(&b->channel, data, 2, 300);
			break;
		case 5:
			if (b->pending)
				finish(b, random & 0x700 ? 0 : EIO);
			break;
		default:
			ata_write(&b->channel, offset, 1, random >> 16);
			break;
		}
		assert_int_equal(b->irq.level, b->channel.irq_level);
	}
	ata_control(&b->channel, ATA_CONTROL_SRST);
	ata_control(&b->channel, 0);
	finish_all(b);
	assert_int_equal(status(b), READY);
	command28(b, 0x40, 0, 1);
	finish(b, 0);
	assert_good(b);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_on),
		cmocka_unit_test(test_absent_drive),
		cmocka_unit_test(test_identify),
		cmocka_unit_test(test_read_sectors),
		cmocka_unit_test(test_long_reads),
		cmocka_unit_test(test_write_sectors),
		cmocka_unit_test(test_bursts_and_widths),
		cmocka_unit_test(test_multiple),
		cmocka_unit_test(test_chs),
		cmocka_unit_test(test_dma),
		cmocka_unit_test(test_errors_of_the_medium),
		cmocka_unit_test(test_beyond_the_end),
		cmocka_unit_test(test_write_cache),
		cmocka_unit_test(test_set_features),
		cmocka_unit_test(test_power_management),
		cmocka_unit_test(test_other_commands),
		cmocka_unit_test(test_nien),
		cmocka_unit_test(test_diagnostic),
		cmocka_unit_test(test_soft_reset),
		cmocka_unit_test(test_hard_reset),
		cmocka_unit_test(test_random_operations),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_hostile_states_are_refused),
	};

	return cmocka_run_group_tests_name("ata", tests, NULL, NULL);
}
