/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A channel with a disk and a CD-ROM whose media are arrays, and a driver that polls. A
 * request to the medium waits until finish(): so tests see what the guest sees meanwhile.
 */
#ifndef TESTS_UNIT_ATA_TEST_H
#define TESTS_UNIT_ATA_TEST_H

#include "chip.h"

#include <stdlib.h>

#include "dev/ata.h"

#define BSY  ATA_STATUS_BSY
#define DRDY ATA_STATUS_DRDY
#define DSC  ATA_STATUS_DSC
#define DRQ  ATA_STATUS_DRQ
#define ERR  ATA_STATUS_ERR

#define READY (DRDY | DSC)

#define DISK_SECTORS 2048u /* 1 MiB */
#define CD_SECTORS   64u

struct ata_bench {
	struct ata_channel channel;
	struct chip_irq irq;
	uint8_t *media[ATA_DRIVES];
	struct ata_request request;
	bool pending;
	unsigned requests[3]; /* by enum ata_io */
	/* The host adapter. */
	uint8_t *ram;
	uint32_t ram_at, ram_room; /* it is ready for so much */
	unsigned dma_ends;
};

static void bench_submit(void *opaque, struct ata_channel *channel,
			 const struct ata_request *request)
{
	struct ata_bench *b = opaque;

	assert_ptr_equal(channel, &b->channel);
	assert_false(b->pending);
	b->request = *request;
	b->pending = true;
	b->requests[request->op]++;
}

static uint32_t bench_dma(void *opaque, struct ata_channel *channel, void *data,
			  uint32_t length, bool to_memory)
{
	struct ata_bench *b = opaque;
	const uint32_t n = length < b->ram_room ? length : b->ram_room;

	(void)channel;
	if (to_memory)
		memcpy(b->ram + b->ram_at, data, n);
	else
		memcpy(data, b->ram + b->ram_at, n);
	b->ram_at += n;
	b->ram_room -= n;
	return n;
}

static void bench_dma_done(void *opaque, struct ata_channel *channel)
{
	struct ata_bench *b = opaque;

	(void)channel;
	b->dma_ends++;
}

static const struct ata_ops bench_ops = {
	.submit = bench_submit,
	.dma = bench_dma,
	.dma_done = bench_dma_done,
};

static inline struct ata_bench *bench_new_with(uint64_t disk_sectors)
{
	const struct ata_identity disk = {
		.kind = ATA_DISK,
		.sectors = disk_sectors,
		.physical_block_size = 4096,
		.serial = "SERIAL",
	};
	const struct ata_identity cdrom = {
		.kind = ATA_CDROM,
		.sectors = CD_SECTORS,
		.physical_block_size = 2048,
	};
	struct ata_bench *b = calloc(1, sizeof(*b));
	struct irq_line line;

	assert_non_null(b);
	line = chip_irq_line(&b->irq);
	b->media[0] = malloc(DISK_SECTORS * 512);
	b->media[1] = malloc(CD_SECTORS * 2048);
	b->ram = calloc(1, 1 << 20);
	for (unsigned i = 0; i < DISK_SECTORS * 512; i++)
		b->media[0][i] = (uint8_t)(i / 512 * 7 + i);
	for (unsigned i = 0; i < CD_SECTORS * 2048; i++)
		b->media[1][i] = (uint8_t)(i / 2048 * 13 + i);
	ata_channel_init(&b->channel, &bench_ops, &line, b);
	ata_channel_plug(&b->channel, 0, &disk);
	ata_channel_plug(&b->channel, 1, &cdrom);
	return b;
}

static inline struct ata_bench *bench_new(void)
{
	return bench_new_with(DISK_SECTORS);
}

static inline void bench_free(struct ata_bench *b)
{
	assert_int_equal(b->irq.redundant, 0);
	free(b->media[0]);
	free(b->media[1]);
	free(b->ram);
	free(b);
}

/* The medium has done what it was asked for, or says no. */
static inline void finish(struct ata_bench *b, int error)
{
	const struct ata_request *request = &b->request;
	uint8_t *at = b->media[request->drive] + request->offset;

	assert_true(b->pending);
	b->pending = false;
	if (!error && request->op == ATA_IO_READ)
		memcpy(b->channel.regs.buffer, at, request->length);
	if (!error && request->op == ATA_IO_WRITE)
		memcpy(at, b->channel.regs.buffer, request->length);
	ata_io_done(&b->channel, error);
}

static inline void finish_all(struct ata_bench *b)
{
	while (b->pending)
		finish(b, 0);
}

static inline void out(struct ata_bench *b, unsigned offset, unsigned value)
{
	ata_write(&b->channel, offset, 1, value);
}

static inline uint8_t in(struct ata_bench *b, unsigned offset)
{
	return (uint8_t)ata_read(&b->channel, offset, 1);
}

static inline uint8_t status(struct ata_bench *b)
{
	return ata_alternate_status(&b->channel);
}

static inline void select_drive(struct ata_bench *b, unsigned drive)
{
	out(b, ATA_DEVICE, drive ? 0xf0 : 0xe0);
}

/* Registers and a command, with an address of 28 bits. */
static inline void command28(struct ata_bench *b, uint8_t cmd, uint32_t lba,
			     unsigned count)
{
	out(b, ATA_DEVICE, 0xe0 | (lba >> 24));
	out(b, ATA_SECTOR_COUNT, count);
	out(b, ATA_LBA_LOW, lba);
	out(b, ATA_LBA_MID, lba >> 8);
	out(b, ATA_LBA_HIGH, lba >> 16);
	out(b, ATA_STATUS, cmd);
}

static inline void command48(struct ata_bench *b, uint8_t cmd, uint64_t lba,
			     unsigned count)
{
	out(b, ATA_DEVICE, 0xe0);
	out(b, ATA_SECTOR_COUNT, count >> 8);
	out(b, ATA_SECTOR_COUNT, count);
	out(b, ATA_LBA_LOW, (unsigned)(lba >> 24));
	out(b, ATA_LBA_LOW, (unsigned)lba);
	out(b, ATA_LBA_MID, (unsigned)(lba >> 32));
	out(b, ATA_LBA_MID, (unsigned)(lba >> 8));
	out(b, ATA_LBA_HIGH, (unsigned)(lba >> 40));
	out(b, ATA_LBA_HIGH, (unsigned)(lba >> 16));
	out(b, ATA_STATUS, cmd);
}

/* The interrupt is there, and reading Status takes it away. */
static inline void assert_interrupt(struct ata_bench *b, uint8_t expected)
{
	assert_true(b->irq.level);
	assert_int_equal(in(b, ATA_STATUS), expected);
	assert_false(b->irq.level);
}

/* Fetch a DRQ block of `size` bytes by words. */
static inline void fetch(struct ata_bench *b, void *to, unsigned size)
{
	assert_true(status(b) & DRQ);
	ata_data_in(&b->channel, to, 2, (size + 1) / 2);
}

static inline void give(struct ata_bench *b, const void *from, unsigned size)
{
	assert_true(status(b) & DRQ);
	ata_data_out(&b->channel, from, 2, size / 2);
}

#endif
