/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saved state of an ATA channel: a section for the channel, with the buffer, and one for
 * each drive. What a drive is comes from the configuration.
 *
 * A state in which the chip cannot be is refused: what the transfers rely on, as that a DRQ
 * block lies inside the buffer, is checked here once instead of at each access.
 */
#include <stdio.h>

#include "dev/ata_private.h"

#define MAX_SECTION 64

static const struct state_field channel_fields[] = {
	STATE_FIELD(struct ata_channel_regs, device),
	STATE_FIELD(struct ata_channel_regs, control),
	STATE_FIELD(struct ata_channel_regs, transfer),
	STATE_FIELD(struct ata_channel_regs, active),
	STATE_FIELD(struct ata_channel_regs, resetting),
	STATE_FIELD(struct ata_channel_regs, is_ext),
	STATE_FIELD(struct ata_channel_regs, is_packet),
	STATE_FIELD(struct ata_channel_regs, lba),
	STATE_FIELD(struct ata_channel_regs, left),
	STATE_FIELD(struct ata_channel_regs, fill),
	STATE_FIELD(struct ata_channel_regs, at),
	STATE_FIELD(struct ata_channel_regs, block_end),
	STATE_FIELD(struct ata_channel_regs, block_size),
	STATE_FIELD(struct ata_channel_regs, buffer),
};

static const struct state_layout channel_layout = {
	.version = 1,
	.nr_fields = sizeof(channel_fields) / sizeof(channel_fields[0]),
	.fields = channel_fields,
};

static const struct state_field drive_fields[] = {
	STATE_FIELD(struct ata_drive_regs, tf.features),
	STATE_FIELD(struct ata_drive_regs, tf.count),
	STATE_FIELD(struct ata_drive_regs, tf.lba_low),
	STATE_FIELD(struct ata_drive_regs, tf.lba_mid),
	STATE_FIELD(struct ata_drive_regs, tf.lba_high),
	STATE_FIELD(struct ata_drive_regs, tf.hob_features),
	STATE_FIELD(struct ata_drive_regs, tf.hob_count),
	STATE_FIELD(struct ata_drive_regs, tf.hob_lba_low),
	STATE_FIELD(struct ata_drive_regs, tf.hob_lba_mid),
	STATE_FIELD(struct ata_drive_regs, tf.hob_lba_high),
	STATE_FIELD(struct ata_drive_regs, status),
	STATE_FIELD(struct ata_drive_regs, error),
	STATE_FIELD(struct ata_drive_regs, interrupt),
	STATE_FIELD(struct ata_drive_regs, heads),
	STATE_FIELD(struct ata_drive_regs, sectors_per_track),
	STATE_FIELD(struct ata_drive_regs, multiple),
	STATE_FIELD(struct ata_drive_regs, write_cache),
	STATE_FIELD(struct ata_drive_regs, transfer_mode),
	STATE_FIELD(struct ata_drive_regs, standby),
	STATE_FIELD(struct ata_drive_regs, sense_key),
	STATE_FIELD(struct ata_drive_regs, asc),
	STATE_FIELD(struct ata_drive_regs, ascq),
	STATE_FIELD(struct ata_drive_regs, tray_open),
	STATE_FIELD(struct ata_drive_regs, locked),
	STATE_FIELD(struct ata_drive_regs, unit_attention),
	STATE_FIELD(struct ata_drive_regs, media_event),
};

static const struct state_layout drive_layout = {
	.version = 1,
	.nr_fields = sizeof(drive_fields) / sizeof(drive_fields[0]),
	.fields = drive_fields,
};

static void section_of(char to[MAX_SECTION], const char *name, unsigned drive)
{
	snprintf(to, MAX_SECTION, "%s.%u", name, drive);
}

int ata_channel_save(const struct ata_channel *channel, struct state_writer *writer,
		     const char *name, struct err *err)
{
	char section[MAX_SECTION];

	if (channel->io_busy)
		return err_set(err, "%s: a request is in flight", name);
	if (state_save(writer, name, &channel_layout, &channel->regs, err))
		return -1;
	for (unsigned i = 0; i < ATA_DRIVES; i++) {
		section_of(section, name, i);
		if (state_save(writer, section, &drive_layout, &channel->drives[i].regs,
			       err))
			return -1;
	}
	return 0;
}

static bool is_boolean(uint8_t value)
{
	return value <= 1;
}

/*
 * Busy in a reset, or waiting for the guest in a transfer, or neither: a drive that does not
 * show it would take a second command, or let the other one have one.
 */
static uint8_t occupation(const struct ata_channel_regs *regs, unsigned drive)
{
	if (regs->resetting)
		return ATA_STATUS_BSY;
	return regs->transfer != ATA_TRANSFER_NONE && regs->active == drive
		       ? ATA_STATUS_DRQ
		       : 0;
}

static bool drive_is_possible(const struct ata_drive *drive,
			      const struct ata_drive_regs *regs, uint8_t occupied)
{
	if (drive->kind == ATA_NONE)
		return regs->status == 0 && regs->interrupt == 0;
	return (regs->status & (ATA_STATUS_BSY | ATA_STATUS_DRQ)) == occupied &&
	       is_boolean(regs->interrupt) && is_boolean(regs->write_cache) &&
	       is_boolean(regs->standby) && is_boolean(regs->tray_open) &&
	       is_boolean(regs->locked) && is_boolean(regs->unit_attention) &&
	       regs->heads >= 1 && regs->heads <= ATA_HEADS &&
	       regs->sectors_per_track >= 1 && regs->multiple <= ATA_MAX_MULTIPLE &&
	       !(regs->multiple & (regs->multiple - 1)) && regs->sense_key <= 0xf &&
	       regs->media_event <= 4;
}

/* The position of a transfer that waits for the guest. */
static bool transfer_is_possible(const struct ata_channel *channel,
				 const struct ata_channel_regs *regs)
{
	const struct ata_drive *drive = &channel->drives[regs->active];
	const uint32_t unit = drive->kind == ATA_CDROM ? ATA_CD_SECTOR : ATA_SECTOR;
	const uint32_t room = ATA_BUFFER_SIZE / unit;
	const uint32_t rest = regs->left < room ? regs->left : room;

	if (drive->kind == ATA_NONE ||
	    regs->active != !!(regs->device & ATA_DEVICE_DEV) || !regs->block_size ||
	    regs->fill > ATA_BUFFER_SIZE || regs->at >= regs->fill ||
	    !range_within(regs->lba, regs->left, drive->sectors))
		return false;
	if (regs->is_packet ? drive->kind != ATA_CDROM : 0)
		return false;
	switch (regs->transfer) {
	case ATA_TRANSFER_DMA_IN:
		return true;
	case ATA_TRANSFER_DMA_OUT:
		return drive->kind == ATA_DISK && regs->fill == rest * unit;
	case ATA_TRANSFER_PIO_OUT:
		if (drive->kind != ATA_DISK || regs->fill != rest * unit)
			return false;
		break;
	case ATA_TRANSFER_PACKET:
		if (!regs->is_packet || regs->fill != ATA_PACKET_SIZE || regs->left ||
		    regs->block_end != ATA_PACKET_SIZE)
			return false;
		break;
	case ATA_TRANSFER_PIO_IN:
		break;
	default:
		return false;
	}
	return regs->at < regs->block_end && regs->block_end <= regs->fill;
}

static bool channel_is_possible(const struct ata_channel *channel,
				const struct ata_channel_regs *regs)
{
	const uint8_t control = ATA_CONTROL_HOB | ATA_CONTROL_SRST | ATA_CONTROL_NIEN;

	if ((regs->control & ~control) || regs->active >= ATA_DRIVES ||
	    !is_boolean(regs->is_ext) || !is_boolean(regs->is_packet))
		return false;
	/* A reset is under way only while SRST is set, since no request is in flight. */
	if (regs->resetting != (regs->control & ATA_CONTROL_SRST ? 3 : 0) ||
	    (regs->resetting && regs->transfer != ATA_TRANSFER_NONE))
		return false;
	return regs->transfer == ATA_TRANSFER_NONE || transfer_is_possible(channel, regs);
}

int ata_channel_load(struct ata_channel *channel, struct bytes image, const char *name,
		     struct err *err)
{
	struct ata_channel_regs regs = { 0 };
	struct ata_drive drives[ATA_DRIVES];
	char section[MAX_SECTION];
	bool possible;

	if (channel->io_busy)
		return err_set(err, "%s: a request is in flight", name);
	memcpy(drives, channel->drives, sizeof(drives));
	if (state_load(image, name, &channel_layout, &regs, err))
		return -1;
	possible = channel_is_possible(channel, &regs);
	for (unsigned i = 0; i < ATA_DRIVES; i++) {
		ata_drive_power_on(&drives[i]);
		section_of(section, name, i);
		if (state_load(image, section, &drive_layout, &drives[i].regs, err))
			return -1;
		possible = possible && drive_is_possible(&drives[i], &drives[i].regs,
							 occupation(&regs, i));
	}
	if (!possible)
		return state_err_impossible(err, name);
	channel->regs = regs;
	memcpy(channel->drives, drives, sizeof(drives));
	ata_update_intrq(channel);
	return 0;
}
