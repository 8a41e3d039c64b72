/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands of ATA disks (ATA/ATAPI-6, chapter 8).
 *
 * Sectors are addressed in three ways: by 48 bits (EXT commands), by 28 (LBA bit of
 * Device), or by cylinder, head and sector, in a translation that begins as IDENTIFY
 * DEVICE says, with 16 heads and 63 sectors, and that INITIALIZE DEVICE PARAMETERS changes.
 *
 * A write is acknowledged when the host has taken it, and is durable after FLUSH CACHE;
 * that is the drive's write cache. A driver that turns it off has every write
 * acknowledged when it is durable.
 *
 * A medium that cannot be read is UNC; one that cannot be written or flushed is ABRT,
 * since there is no better code. Sectors beyond the end are IDNF.
 */
#include "dev/ata_private.h"

#define LBA28_MAX 0xfffffffull

/* -- addresses -- */

/* What a command does, apart from where. */
struct access {
	enum ata_transfer transfer;
	bool is_ext, is_multiple;
};

static uint64_t lba48(const struct ata_taskfile *tf)
{
	return (uint64_t)tf->hob_lba_high << 40 | (uint64_t)tf->hob_lba_mid << 32 |
	       (uint64_t)tf->hob_lba_low << 24 | (uint64_t)tf->lba_high << 16 |
	       (uint64_t)tf->lba_mid << 8 | tf->lba_low;
}

/* 6.2: cylinder, head and sector. false: there is no such place. */
static bool chs(const struct ata_drive_regs *regs, uint8_t device, uint64_t *lba)
{
	const unsigned cylinder = regs->tf.lba_high << 8 | regs->tf.lba_mid;
	const unsigned head = device & 0xf, sector = regs->tf.lba_low;

	if (sector == 0 || sector > regs->sectors_per_track || head >= regs->heads)
		return false;
	*lba = ((uint64_t)cylinder * regs->heads + head) * regs->sectors_per_track +
	       sector - 1;
	return true;
}

static bool get_address(struct ata_channel *channel, uint64_t *lba)
{
	const struct ata_drive_regs *regs = &ata_active(channel)->regs;
	const uint8_t device = channel->regs.device;

	if (channel->regs.is_ext)
		*lba = lba48(&regs->tf);
	else if (device & ATA_DEVICE_LBA)
		*lba = (lba48(&regs->tf) & 0xffffff) | (uint64_t)(device & 0xf) << 24;
	else
		return chs(regs, device, lba);
	return true;
}

static void put_low(struct ata_channel *channel, unsigned head, unsigned high,
		    unsigned mid, unsigned low)
{
	struct ata_taskfile *tf = &ata_active(channel)->regs.tf;

	tf->lba_low = (uint8_t)low;
	tf->lba_mid = (uint8_t)mid;
	tf->lba_high = (uint8_t)high;
	channel->regs.device = (uint8_t)((channel->regs.device & 0xf0) | head);
}

/* In the way in which the command has addressed. */
static void put_address(struct ata_channel *channel, uint64_t lba)
{
	struct ata_drive_regs *regs = &ata_active(channel)->regs;
	const unsigned low = lba & 0xff, mid = lba >> 8 & 0xff, high = lba >> 16 & 0xff;

	if (channel->regs.is_ext) {
		put_low(channel, channel->regs.device & 0xf, high, mid, low);
		regs->tf.hob_lba_low = (uint8_t)(lba >> 24);
		regs->tf.hob_lba_mid = (uint8_t)(lba >> 32);
		regs->tf.hob_lba_high = (uint8_t)(lba >> 40);
	} else if (channel->regs.device & ATA_DEVICE_LBA) {
		put_low(channel, lba >> 24 & 0xf, high, mid, low);
	} else {
		const uint64_t track = lba / regs->sectors_per_track;
		const unsigned cylinder = (unsigned)(track / regs->heads);

		put_low(channel, (unsigned)(track % regs->heads), cylinder >> 8 & 0xff,
			cylinder & 0xff, (unsigned)(lba % regs->sectors_per_track) + 1);
	}
}

/* Sector Count, where 0 is as much as it can say plus one. */
static uint32_t get_count(const struct ata_channel *channel)
{
	const struct ata_taskfile *tf = &channel->drives[channel->regs.active].regs.tf;

	const uint32_t wide = (uint32_t)tf->hob_count << 8 | tf->count;

	if (channel->regs.is_ext)
		return wide ? wide : 65536;
	return tf->count ? tf->count : 256;
}

/* -- reading and writing -- */

static void move_sectors(struct ata_channel *channel, const struct access *access)
{
	struct ata_drive *drive = ata_active(channel);
	const unsigned per_block = access->is_multiple ? drive->regs.multiple : 1;
	uint32_t count;
	uint64_t lba;

	channel->regs.is_ext = access->is_ext;
	count = get_count(channel);
	drive->regs.standby = 0;
	if (!per_block)
		ata_fail(channel, ATA_ERROR_ABRT);
	else if (!get_address(channel, &lba) || !range_within(lba, count, drive->sectors))
		ata_fail(channel, ATA_ERROR_IDNF);
	else
		ata_begin(channel, access->transfer, lba, count, per_block * ATA_SECTOR);
}

void ata_disk_io_failed(struct ata_channel *channel)
{
	const struct ata_channel_regs *regs = &channel->regs;
	const bool is_read = regs->transfer == ATA_TRANSFER_PIO_IN ||
			     regs->transfer == ATA_TRANSFER_DMA_IN ||
			     regs->transfer == ATA_TRANSFER_VERIFY;

	if (regs->left)
		put_address(channel, regs->lba);
	ata_fail(channel, is_read ? ATA_ERROR_UNC : ATA_ERROR_ABRT);
}

static bool find_access(uint8_t command, struct access *access)
{
	static const struct {
		uint8_t command;
		struct access access;
	} table[] = {
		{ ATA_CMD_READ_SECTORS, { ATA_TRANSFER_PIO_IN, false, false } },
		{ ATA_CMD_READ_SECTORS_NO_RETRY, { ATA_TRANSFER_PIO_IN, false, false } },
		{ ATA_CMD_READ_SECTORS_EXT, { ATA_TRANSFER_PIO_IN, true, false } },
		{ ATA_CMD_READ_MULTIPLE, { ATA_TRANSFER_PIO_IN, false, true } },
		{ ATA_CMD_READ_MULTIPLE_EXT, { ATA_TRANSFER_PIO_IN, true, true } },
		{ ATA_CMD_WRITE_SECTORS, { ATA_TRANSFER_PIO_OUT, false, false } },
		{ ATA_CMD_WRITE_SECTORS_NO_RETRY,
		  { ATA_TRANSFER_PIO_OUT, false, false } },
		{ ATA_CMD_WRITE_SECTORS_EXT, { ATA_TRANSFER_PIO_OUT, true, false } },
		{ ATA_CMD_WRITE_MULTIPLE, { ATA_TRANSFER_PIO_OUT, false, true } },
		{ ATA_CMD_WRITE_MULTIPLE_EXT, { ATA_TRANSFER_PIO_OUT, true, true } },
		{ ATA_CMD_READ_DMA, { ATA_TRANSFER_DMA_IN, false, false } },
		{ ATA_CMD_READ_DMA_NO_RETRY, { ATA_TRANSFER_DMA_IN, false, false } },
		{ ATA_CMD_READ_DMA_EXT, { ATA_TRANSFER_DMA_IN, true, false } },
		{ ATA_CMD_WRITE_DMA, { ATA_TRANSFER_DMA_OUT, false, false } },
		{ ATA_CMD_WRITE_DMA_NO_RETRY, { ATA_TRANSFER_DMA_OUT, false, false } },
		{ ATA_CMD_WRITE_DMA_EXT, { ATA_TRANSFER_DMA_OUT, true, false } },
		{ ATA_CMD_READ_VERIFY, { ATA_TRANSFER_VERIFY, false, false } },
		{ ATA_CMD_READ_VERIFY_NO_RETRY, { ATA_TRANSFER_VERIFY, false, false } },
		{ ATA_CMD_READ_VERIFY_EXT, { ATA_TRANSFER_VERIFY, true, false } },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].command == command) {
			*access = table[i].access;
			return true;
		}
	}
	return false;
}

/* -- what disks and CD-ROMs share -- */

/* 8.46.10: the mode, and its number below it. */
static bool is_transfer_mode(uint8_t mode)
{
	return mode <= 0x01 ||                   /* PIO default */
	       (mode >= 0x08 && mode <= 0x0c) || /* PIO 0 to 4 */
	       (mode >= 0x20 && mode <= 0x22) || /* Multiword DMA 0 to 2 */
	       (mode >= 0x40 && mode <= 0x45);   /* Ultra DMA 0 to 5 */
}

static void set_features(struct ata_channel *channel)
{
	struct ata_drive *drive = ata_active(channel);
	const bool is_disk = drive->kind == ATA_DISK;
	const uint8_t feature = drive->regs.tf.features;

	if (feature == 0x03 && is_transfer_mode(drive->regs.tf.count)) {
		drive->regs.transfer_mode = drive->regs.tf.count;
		ata_complete(channel);
	} else if (feature == 0x02 && is_disk) {
		drive->regs.write_cache = 1;
		ata_complete(channel);
	} else if (feature == 0x82 && is_disk) {
		drive->regs.write_cache = 0;
		ata_flush(channel);
	} else if (feature == 0x55 || feature == 0xaa || feature == 0x66 ||
		   feature == 0xcc) {
		ata_complete(channel); /* look-ahead; what a reset does to features */
	} else {
		ata_fail(channel, ATA_ERROR_ABRT);
	}
}

static void stand_by(struct ata_channel *channel)
{
	ata_active(channel)->regs.standby = 1;
	if (ata_active(channel)->kind == ATA_DISK)
		ata_flush(channel);
	else
		ata_complete(channel);
}

static void wake(struct ata_channel *channel)
{
	ata_active(channel)->regs.standby = 0;
	ata_complete(channel);
}

bool ata_common_command(struct ata_channel *channel, uint8_t command)
{
	struct ata_drive_regs *regs = &ata_active(channel)->regs;

	switch (command) {
	case ATA_CMD_SET_FEATURES:
		set_features(channel);
		return true;
	case ATA_CMD_STANDBY:
	case ATA_CMD_STANDBY_OLD:
	case ATA_CMD_STANDBY_IMMEDIATE:
	case ATA_CMD_STANDBY_IMMEDIATE_OLD:
	case ATA_CMD_SLEEP: /* it wakes by any command, not only by a reset */
	case ATA_CMD_SLEEP_OLD:
		stand_by(channel);
		return true;
	case ATA_CMD_IDLE:
	case ATA_CMD_IDLE_OLD:
	case ATA_CMD_IDLE_IMMEDIATE:
	case ATA_CMD_IDLE_IMMEDIATE_OLD:
		wake(channel);
		return true;
	case ATA_CMD_CHECK_POWER_MODE:
	case ATA_CMD_CHECK_POWER_MODE_OLD:
		regs->tf.count = regs->standby ? 0x00 : 0xff;
		ata_complete(channel);
		return true;
	default:
		return false;
	}
}

/* -- the other commands of disks -- */

static void identify(struct ata_channel *channel)
{
	memset(channel->regs.buffer, 0, ATA_SECTOR);
	ata_identify_disk(ata_active(channel), channel->regs.buffer);
	ata_reply(channel, ATA_TRANSFER_PIO_IN, ATA_SECTOR, ATA_SECTOR);
}

static void initialize_parameters(struct ata_channel *channel)
{
	struct ata_drive_regs *regs = &ata_active(channel)->regs;

	if (!regs->tf.count) {
		ata_fail(channel, ATA_ERROR_ABRT);
		return;
	}
	regs->sectors_per_track = regs->tf.count;
	regs->heads = (uint8_t)((channel->regs.device & 0xf) + 1);
	ata_complete(channel);
}

static void set_multiple(struct ata_channel *channel)
{
	struct ata_drive_regs *regs = &ata_active(channel)->regs;
	const unsigned count = regs->tf.count;

	if (count > ATA_MAX_MULTIPLE || (count & (count - 1))) {
		ata_fail(channel, ATA_ERROR_ABRT);
		return;
	}
	regs->multiple = (uint8_t)count;
	ata_complete(channel);
}

static void read_native_max(struct ata_channel *channel, bool is_ext)
{
	const uint64_t last = ata_active(channel)->sectors - 1;

	channel->regs.is_ext = is_ext;
	if (!is_ext && !(channel->regs.device & ATA_DEVICE_LBA)) {
		ata_fail(channel, ATA_ERROR_ABRT);
		return;
	}
	put_address(channel, is_ext || last < LBA28_MAX ? last : LBA28_MAX);
	ata_complete(channel);
}

static void seek(struct ata_channel *channel)
{
	uint64_t lba;

	if (get_address(channel, &lba) && lba < ata_active(channel)->sectors)
		ata_complete(channel);
	else
		ata_fail(channel, ATA_ERROR_IDNF);
}

void ata_disk_command(struct ata_channel *channel, uint8_t command)
{
	struct access access;

	if (find_access(command, &access)) {
		move_sectors(channel, &access);
		return;
	}
	if (ata_common_command(channel, command))
		return;
	switch (command) {
	case ATA_CMD_IDENTIFY_DEVICE:
		identify(channel);
		return;
	case ATA_CMD_INITIALIZE_DEVICE_PARAMETERS:
		initialize_parameters(channel);
		return;
	case ATA_CMD_SET_MULTIPLE_MODE:
		set_multiple(channel);
		return;
	case ATA_CMD_FLUSH_CACHE:
	case ATA_CMD_FLUSH_CACHE_EXT:
		ata_flush(channel);
		return;
	case ATA_CMD_READ_NATIVE_MAX_ADDRESS:
		read_native_max(channel, false);
		return;
	case ATA_CMD_READ_NATIVE_MAX_ADDRESS_EXT:
		read_native_max(channel, true);
		return;
	case ATA_CMD_RECALIBRATE ... ATA_CMD_RECALIBRATE + 15:
		ata_complete(channel);
		return;
	case ATA_CMD_SEEK ... ATA_CMD_SEEK + 15:
		seek(channel);
		return;
	default: /* NOP among them (8.20) */
		ata_fail(channel, ATA_ERROR_ABRT);
		return;
	}
}
