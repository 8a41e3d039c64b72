/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of an ATA channel.
 *
 * What a driver writes reaches both drives (ATA/ATAPI-6, 7.1), and the selected one
 * answers. A drive that is not there reads zero, Status included, which is how drivers
 * see that. While a drive is busy or has data for or from the driver, what is written to
 * its Command Block is lost, and only a reset gets through.
 *
 * INTRQ is the pending interrupt of the selected drive, unless nIEN is set. Reading
 * Status or writing a command clears it.
 *
 * A reset ends the command that runs. If the medium still works for it, the drive stays
 * busy until that is over: so a driver that sees a drive ready after a reset can rely
 * on nothing of old being written to the medium any more.
 */
#include "dev/ata_private.h"

#define DEVICE_OBSOLETE 0xa0u /* bits that read as one */
#define DIAGNOSTIC_OK   0x01u

static struct ata_drive *selected(struct ata_channel *channel)
{
	return &channel->drives[!!(channel->regs.device & ATA_DEVICE_DEV)];
}

static const struct ata_drive *selected_const(const struct ata_channel *channel)
{
	return &channel->drives[!!(channel->regs.device & ATA_DEVICE_DEV)];
}

/* -- interrupts and the end of commands -- */

void ata_update_intrq(struct ata_channel *channel)
{
	const bool level = selected(channel)->regs.interrupt &&
			   !(channel->regs.control & ATA_CONTROL_NIEN);

	if (level == channel->irq_level)
		return;
	channel->irq_level = level;
	irq_set(&channel->intrq, level);
}

void ata_interrupt(struct ata_channel *channel)
{
	ata_active(channel)->regs.interrupt = 1;
	ata_update_intrq(channel);
}

static bool is_dma(const struct ata_channel *channel)
{
	return channel->regs.transfer == ATA_TRANSFER_DMA_IN ||
	       channel->regs.transfer == ATA_TRANSFER_DMA_OUT;
}

void ata_finish(struct ata_channel *channel, uint8_t status, uint8_t error)
{
	struct ata_drive *drive = ata_active(channel);
	const bool used_dma = is_dma(channel);

	channel->regs.transfer = ATA_TRANSFER_NONE;
	drive->regs.status = (uint8_t)(ATA_STATUS_DRDY | status);
	drive->regs.error = error;
	if (used_dma)
		channel->ops->dma_done(channel->opaque, channel);
	ata_interrupt(channel);
}

void ata_complete(struct ata_channel *channel)
{
	ata_finish(channel, ATA_STATUS_DSC, 0);
}

void ata_fail(struct ata_channel *channel, uint8_t error)
{
	ata_finish(channel, ATA_STATUS_DSC | ATA_STATUS_ERR, error);
}

/* -- resets -- */

/* 9.12: this is how drivers tell disks from CD-ROMs. */
void ata_put_signature(struct ata_drive *drive)
{
	const bool is_cdrom = drive->kind == ATA_CDROM;

	if (drive->kind == ATA_NONE)
		return;
	drive->regs.tf = (struct ata_taskfile){
		.count = 0x01,
		.lba_low = 0x01,
		.lba_mid = is_cdrom ? 0x14 : 0x00,
		.lba_high = is_cdrom ? 0xeb : 0x00,
	};
	drive->regs.error = DIAGNOSTIC_OK;
	/* A CD-ROM is not ready before its first command. */
	drive->regs.status = is_cdrom ? 0 : ATA_STATUS_DRDY | ATA_STATUS_DSC;
	drive->regs.interrupt = 0;
}

void ata_drive_power_on(struct ata_drive *drive)
{
	drive->regs = (struct ata_drive_regs){
		.heads = ATA_HEADS,
		.sectors_per_track = ATA_TRACK,
		.write_cache = 1,
	};
	ata_put_signature(drive);
}

void ata_end_reset(struct ata_channel *channel)
{
	struct ata_channel_regs *regs = &channel->regs;

	if (channel->io_forgone || (regs->control & ATA_CONTROL_SRST))
		return;
	for (unsigned i = 0; i < ATA_DRIVES; i++) {
		if (regs->resetting & 1u << i)
			ata_put_signature(&channel->drives[i]);
	}
	regs->resetting = 0;
	ata_update_intrq(channel);
}

/* `drives`, a bit for each, begin a reset. */
static void begin_reset(struct ata_channel *channel, unsigned drives)
{
	struct ata_channel_regs *regs = &channel->regs;

	regs->resetting |= (uint8_t)drives;
	for (unsigned i = 0; i < ATA_DRIVES; i++) {
		if (!(drives & 1u << i) || channel->drives[i].kind == ATA_NONE)
			continue;
		channel->drives[i].regs.status = ATA_STATUS_BSY;
		channel->drives[i].regs.interrupt = 0;
	}
	if (drives & 1u << regs->active) {
		regs->transfer = ATA_TRANSFER_NONE;
		channel->io_forgone = channel->io_busy;
	}
	ata_update_intrq(channel);
}

void ata_channel_reset(struct ata_channel *channel)
{
	begin_reset(channel, (1u << ATA_DRIVES) - 1);
	if (channel->io_busy)
		return;
	memset(&channel->regs, 0, sizeof(channel->regs));
	for (unsigned i = 0; i < ATA_DRIVES; i++)
		ata_drive_power_on(&channel->drives[i]);
}

/* 8.11: both drives do it, whichever is selected, and drive 0 interrupts. */
static void execute_diagnostic(struct ata_channel *channel)
{
	for (unsigned i = 0; i < ATA_DRIVES; i++)
		ata_put_signature(&channel->drives[i]);
	channel->regs.device = 0;
	channel->regs.active = 0;
	if (channel->drives[0].kind != ATA_NONE)
		ata_interrupt(channel);
}

/* -- registers -- */

static bool is_occupied(const struct ata_drive *drive)
{
	return drive->regs.status & (ATA_STATUS_BSY | ATA_STATUS_DRQ);
}

static void command(struct ata_channel *channel, uint8_t value)
{
	struct ata_drive *drive = selected(channel);

	if (channel->regs.resetting)
		return;
	if (drive->kind == ATA_CDROM && value == ATA_CMD_DEVICE_RESET) {
		begin_reset(channel, 1u << drive->number);
		ata_end_reset(channel);
		return;
	}
	if (is_occupied(drive))
		return;
	drive->regs.interrupt = 0;
	ata_update_intrq(channel);
	if (value == ATA_CMD_EXECUTE_DEVICE_DIAGNOSTIC) {
		execute_diagnostic(channel);
		return;
	}
	if (drive->kind == ATA_NONE)
		return;
	channel->regs.active = (uint8_t)drive->number;
	channel->regs.is_ext = channel->regs.is_packet = 0;
	if (drive->kind == ATA_DISK)
		ata_disk_command(channel, value);
	else
		atapi_command(channel, value);
}

/* A register of 8 bits that remembers. */
static void push(uint8_t *current, uint8_t *previous, uint8_t value)
{
	*previous = *current;
	*current = value;
}

static void write_taskfile(struct ata_taskfile *tf, unsigned offset, uint8_t value)
{
	switch (offset) {
	case ATA_ERROR:
		push(&tf->features, &tf->hob_features, value);
		break;
	case ATA_SECTOR_COUNT:
		push(&tf->count, &tf->hob_count, value);
		break;
	case ATA_LBA_LOW:
		push(&tf->lba_low, &tf->hob_lba_low, value);
		break;
	case ATA_LBA_MID:
		push(&tf->lba_mid, &tf->hob_lba_mid, value);
		break;
	default: /* ATA_LBA_HIGH */
		push(&tf->lba_high, &tf->hob_lba_high, value);
		break;
	}
}

static void write_byte(struct ata_channel *channel, unsigned offset, uint8_t value)
{
	channel->regs.control &= (uint8_t)~ATA_CONTROL_HOB;
	if (offset == ATA_STATUS) {
		command(channel, value);
		return;
	}
	if (channel->regs.resetting || is_occupied(selected(channel)))
		return;
	if (offset == ATA_DEVICE) {
		channel->regs.device = value;
		ata_update_intrq(channel);
		return;
	}
	for (unsigned i = 0; i < ATA_DRIVES; i++)
		write_taskfile(&channel->drives[i].regs.tf, offset, value);
}

static uint8_t read_byte(struct ata_channel *channel, unsigned offset)
{
	const bool hob = channel->regs.control & ATA_CONTROL_HOB;
	struct ata_drive_regs *regs = &selected(channel)->regs;
	const struct ata_taskfile *tf = &regs->tf;

	if (selected(channel)->kind == ATA_NONE)
		return 0;
	switch (offset) {
	case ATA_ERROR:
		return regs->error;
	case ATA_SECTOR_COUNT:
		return hob ? tf->hob_count : tf->count;
	case ATA_LBA_LOW:
		return hob ? tf->hob_lba_low : tf->lba_low;
	case ATA_LBA_MID:
		return hob ? tf->hob_lba_mid : tf->lba_mid;
	case ATA_LBA_HIGH:
		return hob ? tf->hob_lba_high : tf->lba_high;
	case ATA_DEVICE:
		return channel->regs.device | DEVICE_OBSOLETE;
	default: /* ATA_STATUS */
		regs->interrupt = 0;
		ata_update_intrq(channel);
		return regs->status;
	}
}

/* Only the data port is wider than a byte. */
uint64_t ata_read(struct ata_channel *channel, unsigned offset, unsigned size)
{
	uint64_t value = 0;

	if (offset == ATA_DATA) {
		ata_data_in(channel, &value, size, 1);
		return value;
	}
	for (unsigned i = 0; i < size && offset + i < ATA_COMMAND_BLOCK_SIZE; i++)
		value |= (uint64_t)read_byte(channel, offset + i) << 8 * i;
	return value;
}

void ata_write(struct ata_channel *channel, unsigned offset, unsigned size,
	       uint64_t value)
{
	if (offset == ATA_DATA) {
		ata_data_out(channel, &value, size, 1);
		return;
	}
	for (unsigned i = 0; i < size && offset + i < ATA_COMMAND_BLOCK_SIZE; i++)
		write_byte(channel, offset + i, (uint8_t)(value >> 8 * i));
}

uint8_t ata_alternate_status(const struct ata_channel *channel)
{
	return selected_const(channel)->regs.status;
}

void ata_control(struct ata_channel *channel, uint8_t value)
{
	const uint8_t before = channel->regs.control;

	channel->regs.control =
		value & (ATA_CONTROL_HOB | ATA_CONTROL_SRST | ATA_CONTROL_NIEN);
	if (value & ~before & ATA_CONTROL_SRST) {
		channel->regs.device = 0;
		begin_reset(channel, (1u << ATA_DRIVES) - 1);
	}
	ata_update_intrq(channel);
	ata_end_reset(channel);
}

/* -- life -- */

void ata_channel_init(struct ata_channel *channel, const struct ata_ops *ops,
		      const struct irq_line *intrq, void *opaque)
{
	memset(channel, 0, sizeof(*channel));
	channel->ops = ops;
	channel->intrq = *intrq;
	channel->opaque = opaque;
}

void ata_channel_plug(struct ata_channel *channel, unsigned number,
		      const struct ata_identity *identity)
{
	struct ata_drive *drive = &channel->drives[number];

	drive->number = number;
	drive->kind = identity->kind;
	drive->sectors =
		identity->sectors < ATA_MAX_SECTORS ? identity->sectors : ATA_MAX_SECTORS;
	drive->physical_block_size = identity->physical_block_size;
	if (identity->serial)
		strncpy(drive->serial, identity->serial, sizeof(drive->serial) - 1);
	ata_drive_power_on(drive);
}
