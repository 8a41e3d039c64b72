/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data of a command on its way between the medium, the buffer and the guest.
 *
 *	in:	fill() -> ata_io_done() -> DRQ blocks or DMA until the buffer is empty,
 *		and again while sectors are left
 *	out:	DRQ blocks or DMA until the buffer is full -> drain() -> ata_io_done(),
 *		and again; at last a flush if the drive has no write cache
 *
 * `lba` and `left` tell what the medium has not done yet, so when it fails they say
 * where: all before that has been transferred.
 *
 * Nothing here loops longer than the buffer is: each step ends with a request to the
 * medium, or with the guest's turn.
 */
#include "dev/ata_private.h"

static void set_status(struct ata_channel *channel, uint8_t bits)
{
	struct ata_drive *drive = ata_active(channel);

	drive->regs.status = (uint8_t)(ATA_STATUS_DRDY | bits);
	if (drive->kind == ATA_DISK)
		drive->regs.status |= ATA_STATUS_DSC;
}

/* Sectors that the medium moves next. */
static uint32_t chunk(const struct ata_channel *channel)
{
	const uint32_t room = ATA_BUFFER_SIZE / ata_unit(channel);

	return channel->regs.left < room ? channel->regs.left : room;
}

static void submit(struct ata_channel *channel, enum ata_io op)
{
	const uint32_t unit = ata_unit(channel);
	const struct ata_request request = {
		.op = op,
		.drive = channel->regs.active,
		.offset = op == ATA_IO_FLUSH ? 0 : channel->regs.lba * unit,
		.length = op == ATA_IO_FLUSH ? 0 : chunk(channel) * unit,
	};

	ata_active(channel)->regs.status = ATA_STATUS_BSY;
	channel->io_busy = true;
	channel->ops->submit(channel->opaque, channel, &request);
}

/* The guest's turn: a DRQ block begins. */
static void next_block(struct ata_channel *channel, bool interrupt)
{
	struct ata_channel_regs *regs = &channel->regs;
	struct ata_drive *drive = ata_active(channel);
	const uint32_t length = regs->fill - regs->at;

	regs->block_end =
		regs->at + (length < regs->block_size ? length : regs->block_size);
	set_status(channel, ATA_STATUS_DRQ);
	if (regs->is_packet && regs->transfer == ATA_TRANSFER_PIO_IN) {
		/* How much there is (8.23.4). */
		drive->regs.tf.count = ATAPI_REASON_IO;
		drive->regs.tf.lba_mid = (uint8_t)(regs->block_end - regs->at);
		drive->regs.tf.lba_high = (uint8_t)((regs->block_end - regs->at) >> 8);
	}
	if (interrupt)
		ata_interrupt(channel);
}

static void complete(struct ata_channel *channel)
{
	struct ata_drive *drive = ata_active(channel);

	if (channel->regs.is_packet) {
		drive->regs.tf.count = ATAPI_REASON_IO | ATAPI_REASON_CD;
		ata_finish(channel, 0, 0);
		return;
	}
	ata_complete(channel);
}

/* All sectors are on the medium, or in the host's cache for it. */
static void complete_write(struct ata_channel *channel)
{
	if (ata_active(channel)->regs.write_cache) {
		complete(channel);
		return;
	}
	/* It keeps its kind of transfer, so that the host adapter hears of the end. */
	submit(channel, ATA_IO_FLUSH);
}

/* The buffer is empty: the guest has it all. */
static void emptied(struct ata_channel *channel)
{
	struct ata_channel_regs *regs = &channel->regs;

	if (regs->left) {
		submit(channel, ATA_IO_READ);
	} else if (regs->transfer == ATA_TRANSFER_PIO_IN && !regs->is_packet) {
		/* No interrupt: that of the last block said all (9.5). */
		regs->transfer = ATA_TRANSFER_NONE;
		set_status(channel, 0);
		ata_active(channel)->regs.error = 0;
	} else {
		complete(channel);
	}
}

/* Let the host adapter move what it can. */
static void pump(struct ata_channel *channel)
{
	struct ata_channel_regs *regs = &channel->regs;
	const bool in = regs->transfer == ATA_TRANSFER_DMA_IN;

	set_status(channel, ATA_STATUS_DRQ);
	while (regs->at < regs->fill) {
		const uint32_t n = channel->ops->dma(channel->opaque, channel,
						     regs->buffer + regs->at,
						     regs->fill - regs->at, in);

		if (n == 0)
			return;
		regs->at += n;
	}
	if (in)
		emptied(channel);
	else
		submit(channel, ATA_IO_WRITE);
}

/* The buffer holds data for the guest. */
static void deliver(struct ata_channel *channel)
{
	channel->regs.at = 0;
	if (channel->regs.transfer == ATA_TRANSFER_DMA_IN)
		pump(channel);
	else
		next_block(channel, true);
}

/* The buffer takes data from the guest. */
static void collect(struct ata_channel *channel, bool interrupt)
{
	channel->regs.at = 0;
	channel->regs.fill = chunk(channel) * ata_unit(channel);
	if (channel->regs.transfer == ATA_TRANSFER_DMA_OUT)
		pump(channel);
	else
		next_block(channel, interrupt);
}

void ata_begin(struct ata_channel *channel, enum ata_transfer transfer, uint64_t lba,
	       uint32_t count, uint32_t block_size)
{
	struct ata_channel_regs *regs = &channel->regs;

	regs->transfer = (uint8_t)transfer;
	regs->lba = lba;
	regs->left = count;
	regs->fill = regs->at = regs->block_end = 0;
	regs->block_size = block_size;
	if (transfer == ATA_TRANSFER_PIO_OUT || transfer == ATA_TRANSFER_DMA_OUT)
		collect(channel, false);
	else
		submit(channel, ATA_IO_READ);
}

void ata_reply(struct ata_channel *channel, enum ata_transfer transfer, uint32_t length,
	       uint32_t block_size)
{
	struct ata_channel_regs *regs = &channel->regs;

	regs->transfer = (uint8_t)transfer;
	regs->lba = regs->left = 0;
	regs->fill = length;
	regs->block_size = block_size;
	deliver(channel);
}

void ata_await_packet(struct ata_channel *channel)
{
	struct ata_channel_regs *regs = &channel->regs;

	regs->transfer = ATA_TRANSFER_PACKET;
	regs->lba = regs->left = 0;
	regs->at = 0;
	regs->fill = regs->block_size = ATA_PACKET_SIZE;
	ata_active(channel)->regs.tf.count = ATAPI_REASON_CD;
	next_block(channel, false);
}

void ata_flush(struct ata_channel *channel)
{
	channel->regs.transfer = ATA_TRANSFER_FLUSH;
	channel->regs.left = 0;
	submit(channel, ATA_IO_FLUSH);
}

/* -- from outside -- */

static void failed(struct ata_channel *channel)
{
	if (channel->regs.is_packet)
		atapi_io_failed(channel);
	else
		ata_disk_io_failed(channel);
}

/* The medium has read or written a chunk. */
static void moved(struct ata_channel *channel)
{
	struct ata_channel_regs *regs = &channel->regs;
	const uint32_t n = chunk(channel);

	regs->lba += n;
	regs->left -= n;
	switch (regs->transfer) {
	case ATA_TRANSFER_PIO_IN:
	case ATA_TRANSFER_DMA_IN:
		regs->fill = n * ata_unit(channel);
		deliver(channel);
		return;
	case ATA_TRANSFER_VERIFY:
		if (regs->left)
			submit(channel, ATA_IO_READ);
		else
			complete(channel);
		return;
	default:
		if (regs->left)
			collect(channel, true);
		else
			complete_write(channel);
		return;
	}
}

void ata_io_done(struct ata_channel *channel, int error)
{
	channel->io_busy = false;
	if (channel->io_forgone) {
		channel->io_forgone = false;
		ata_end_reset(channel);
	} else if (error) {
		failed(channel);
	} else if (channel->regs.left == 0) {
		complete(channel); /* it was a flush */
	} else {
		moved(channel);
	}
}

void ata_dma_ready(struct ata_channel *channel)
{
	if (channel->io_busy || (channel->regs.transfer != ATA_TRANSFER_DMA_IN &&
				 channel->regs.transfer != ATA_TRANSFER_DMA_OUT))
		return;
	pump(channel);
}

/* Is there a DRQ block for the data port? */
static bool can_move(const struct ata_channel *channel, bool in)
{
	const struct ata_channel_regs *regs = &channel->regs;
	const bool fits = in ? regs->transfer == ATA_TRANSFER_PIO_IN
			     : regs->transfer == ATA_TRANSFER_PIO_OUT ||
					  regs->transfer == ATA_TRANSFER_PACKET;

	return fits && !channel->io_busy;
}

/* How much of `size` bytes the DRQ block has. */
static uint32_t part_of_block(const struct ata_channel *channel, size_t size)
{
	const uint32_t left = channel->regs.block_end - channel->regs.at;

	return size < left ? (uint32_t)size : left;
}

/* What an access moves beyond the end of a block is neither data nor the next block. */
static size_t padding(size_t moved_bytes, unsigned size)
{
	return (size - moved_bytes % size) % size;
}

void ata_data_in(struct ata_channel *channel, void *data, unsigned size, unsigned count)
{
	struct ata_channel_regs *regs = &channel->regs;
	size_t left = (size_t)size * count;
	uint8_t *to = data;

	while (left && can_move(channel, true)) {
		const uint32_t n = part_of_block(channel, left);
		const size_t pad = padding(n, size);

		memcpy(to, regs->buffer + regs->at, n);
		memset(to + n, 0, pad);
		to += n + pad;
		left -= n + pad;
		regs->at += n;
		if (regs->at < regs->block_end)
			continue;
		if (regs->at < regs->fill)
			next_block(channel, true);
		else
			emptied(channel);
	}
	memset(to, 0xff, left);
}

void ata_data_out(struct ata_channel *channel, const void *data, unsigned size,
		  unsigned count)
{
	struct ata_channel_regs *regs = &channel->regs;
	size_t left = (size_t)size * count;
	const uint8_t *from = data;

	while (left && can_move(channel, false)) {
		const uint32_t n = part_of_block(channel, left);

		memcpy(regs->buffer + regs->at, from, n);
		from += n + padding(n, size);
		left -= n + padding(n, size);
		regs->at += n;
		if (regs->at < regs->block_end)
			continue;
		if (regs->transfer == ATA_TRANSFER_PACKET)
			atapi_packet(channel);
		else if (regs->at < regs->fill)
			next_block(channel, true);
		else
			submit(channel, ATA_IO_WRITE);
	}
}
