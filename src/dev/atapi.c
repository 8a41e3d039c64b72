/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CD-ROM drive: the PACKET command (ATA/ATAPI-6, 8.23) and what is in the packets
 * (MMC-3, SPC-2).
 *
 * The driver writes PACKET, then 12 bytes by the data port, then fetches what they ask
 * for: in DRQ blocks as long as it has set in Byte Count, or by DMA. A packet that
 * fails ends with CHK and the sense key in Error; REQUEST SENSE tells more.
 *
 * The disc is there from the beginning, so there is no UNIT ATTENTION after power-on,
 * for which a boot loader would have to wait. The tray opens, unless it is locked, and comes
 * back with the same disc.
 */
#include "dev/ata_private.h"

enum packet_command {
	TEST_UNIT_READY = 0x00,
	REQUEST_SENSE = 0x03,
	INQUIRY = 0x12,
	START_STOP_UNIT = 0x1b,
	PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1e,
	READ_CAPACITY = 0x25,
	READ_10 = 0x28,
	SEEK_10 = 0x2b,
	READ_TOC = 0x43,
	GET_CONFIGURATION = 0x46,
	GET_EVENT_STATUS_NOTIFICATION = 0x4a,
	READ_DISC_INFORMATION = 0x51,
	MODE_SENSE_10 = 0x5a,
	READ_12 = 0xa8,
	SET_CD_SPEED = 0xbb,
	MECHANISM_STATUS = 0xbd,
	READ_CD = 0xbe,
};

/* Sense key, additional sense code and qualifier. */
struct sense {
	uint8_t key, asc, ascq;
};

static const struct sense no_sense = { 0x0, 0x00, 0x00 };
static const struct sense tray_open = { 0x2, 0x3a, 0x02 };
static const struct sense unrecovered_read_error = { 0x3, 0x11, 0x00 };
static const struct sense invalid_command = { 0x5, 0x20, 0x00 };
static const struct sense address_out_of_range = { 0x5, 0x21, 0x00 };
static const struct sense invalid_field = { 0x5, 0x24, 0x00 };
static const struct sense removal_prevented = { 0x5, 0x53, 0x02 };
static const struct sense medium_may_have_changed = { 0x6, 0x28, 0x00 };

/* Bits of PACKET's Features. */
#define FEATURE_DMA 0x01u
#define FEATURE_OVL 0x02u

#define BYTE_COUNT_MAX 0xfffeu

#define EVENT_NEW_MEDIA     2
#define EVENT_MEDIA_REMOVAL 3

/* -- the end of a packet command -- */

static void set_sense(struct ata_drive *drive, const struct sense *sense)
{
	drive->regs.sense_key = sense->key;
	drive->regs.asc = sense->asc;
	drive->regs.ascq = sense->ascq;
}

static void good(struct ata_channel *channel)
{
	ata_active(channel)->regs.tf.count = ATAPI_REASON_IO | ATAPI_REASON_CD;
	ata_finish(channel, 0, 0);
}

static void check_condition(struct ata_channel *channel, const struct sense *sense)
{
	set_sense(ata_active(channel), sense);
	ata_active(channel)->regs.tf.count = ATAPI_REASON_IO | ATAPI_REASON_CD;
	ata_finish(channel, ATA_STATUS_ERR, (uint8_t)(sense->key << 4 | ATA_ERROR_ABRT));
}

void atapi_io_failed(struct ata_channel *channel)
{
	check_condition(channel, &unrecovered_read_error);
}

static enum ata_transfer direction(const struct ata_channel *channel)
{
	const struct ata_drive *drive = &channel->drives[channel->regs.active];

	return drive->regs.tf.features & FEATURE_DMA ? ATA_TRANSFER_DMA_IN
						     : ATA_TRANSFER_PIO_IN;
}

/* How long DRQ blocks may be: even, but for the last one. */
static uint32_t byte_count(const struct ata_channel *channel)
{
	const struct ata_taskfile *tf = &channel->drives[channel->regs.active].regs.tf;
	const uint32_t limit = (uint32_t)(tf->lba_high << 8 | tf->lba_mid) & ~1u;

	return limit ? limit : BYTE_COUNT_MAX;
}

/* The buffer holds `length` bytes, of which the driver wants no more than `allocated`. */
static void answer(struct ata_channel *channel, uint32_t length, uint32_t allocated)
{
	if (length > allocated)
		length = allocated;
	if (length)
		ata_reply(channel, direction(channel), length, byte_count(channel));
	else
		good(channel);
}

static uint8_t *empty_buffer(struct ata_channel *channel)
{
	memset(channel->regs.buffer, 0, ATA_SECTOR);
	return channel->regs.buffer;
}

/* -- commands -- */

static void test_unit_ready(struct ata_channel *channel, const uint8_t *packet)
{
	(void)packet;
	good(channel);
}

static void request_sense(struct ata_channel *channel, const uint8_t *packet)
{
	struct ata_drive *drive = ata_active(channel);
	uint8_t *to = empty_buffer(channel);

	to[0] = 0x70; /* current errors, fixed format */
	to[2] = drive->regs.sense_key;
	to[7] = 10; /* bytes behind this one */
	to[12] = drive->regs.asc;
	to[13] = drive->regs.ascq;
	set_sense(drive, &no_sense);
	answer(channel, 18, packet[4]);
}

static void start_stop_unit(struct ata_channel *channel, const uint8_t *packet)
{
	struct ata_drive_regs *regs = &ata_active(channel)->regs;
	const bool moves_tray = packet[4] & 0x02, start = packet[4] & 0x01;

	if (moves_tray && !start && regs->locked) {
		check_condition(channel, &removal_prevented);
		return;
	}
	if (moves_tray && !start && !regs->tray_open) {
		regs->tray_open = 1;
		regs->media_event = EVENT_MEDIA_REMOVAL;
	} else if (moves_tray && start && regs->tray_open) {
		regs->tray_open = 0;
		regs->unit_attention = 1;
		regs->media_event = EVENT_NEW_MEDIA;
	}
	good(channel);
}

static void prevent_allow(struct ata_channel *channel, const uint8_t *packet)
{
	ata_active(channel)->regs.locked = packet[4] & 0x01;
	good(channel);
}

static void read_capacity(struct ata_channel *channel, const uint8_t *packet)
{
	const uint64_t last = ata_active(channel)->sectors - 1;
	uint8_t *to = empty_buffer(channel);

	(void)packet;
	store_be32(to, last < UINT32_MAX ? (uint32_t)last : UINT32_MAX);
	store_be32(to + 4, ATA_CD_SECTOR);
	answer(channel, 8, 8);
}

static void read_sectors(struct ata_channel *channel, uint32_t lba, uint32_t count)
{
	if (!range_within(lba, count, ata_active(channel)->sectors))
		check_condition(channel, &address_out_of_range);
	else if (count == 0)
		good(channel);
	else
		ata_begin(channel, direction(channel), lba, count, byte_count(channel));
}

static void read_10(struct ata_channel *channel, const uint8_t *packet)
{
	read_sectors(channel, load_be32(packet + 2), load_be16(packet + 7));
}

static void read_12(struct ata_channel *channel, const uint8_t *packet)
{
	read_sectors(channel, load_be32(packet + 2), load_be32(packet + 6));
}

/* User data of sectors, which is all that an image has. */
static void read_cd(struct ata_channel *channel, const uint8_t *packet)
{
	const uint32_t count = (uint32_t)packet[6] << 16 | load_be16(packet + 7);
	const unsigned parts = packet[9] & 0xf8, subchannel = packet[10] & 0x07;

	if (parts == 0)
		good(channel);
	else if (parts != 0x10 || subchannel)
		check_condition(channel, &invalid_field);
	else
		read_sectors(channel, load_be32(packet + 2), count);
}

static void seek_10(struct ata_channel *channel, const uint8_t *packet)
{
	read_sectors(channel, load_be32(packet + 2), 0);
}

/* MMC-3, 6.7: polled only, and of the media only. */
static void get_event_status(struct ata_channel *channel, const uint8_t *packet)
{
	struct ata_drive_regs *regs = &ata_active(channel)->regs;
	uint8_t *to;

	if (!(packet[1] & 0x01)) {
		check_condition(channel, &invalid_field);
		return;
	}
	to = empty_buffer(channel);
	to[2] = 0x80; /* no such class */
	to[3] = 0x10;
	store_be16(to, 2);
	if (packet[4] & 0x10) {
		store_be16(to, 6);
		to[2] = 4;
		to[4] = regs->media_event;
		to[5] = regs->tray_open ? 0x01 : 0x02;
		regs->media_event = 0;
	}
	answer(channel, load_be16(to) + 2u, load_be16(packet + 7));
}

static void mechanism_status(struct ata_channel *channel, const uint8_t *packet)
{
	uint8_t *to = empty_buffer(channel);

	to[1] = ata_active(channel)->regs.tray_open ? 0x10 : 0;
	answer(channel, 8, load_be16(packet + 8));
}

/* The length that a driver allocates is at the same place in these. */
static void answer_table(struct ata_channel *channel, const uint8_t *packet,
			 unsigned (*fill)(const struct ata_drive *drive,
					  const uint8_t *packet, uint8_t *to))
{
	const unsigned length = fill(ata_active(channel), packet, empty_buffer(channel));

	if (length)
		answer(channel, length, load_be16(packet + 7));
	else
		check_condition(channel, &invalid_field);
}

static void inquiry(struct ata_channel *channel, const uint8_t *packet)
{
	const unsigned length =
		atapi_inquiry(ata_active(channel), packet, empty_buffer(channel));

	if (length)
		answer(channel, length, load_be16(packet + 3));
	else
		check_condition(channel, &invalid_field);
}

static void mode_sense(struct ata_channel *channel, const uint8_t *packet)
{
	answer_table(channel, packet, atapi_mode_sense);
}

static void get_configuration(struct ata_channel *channel, const uint8_t *packet)
{
	answer_table(channel, packet, atapi_get_configuration);
}

static void read_toc(struct ata_channel *channel, const uint8_t *packet)
{
	answer_table(channel, packet, atapi_read_toc);
}

static void read_disc_information(struct ata_channel *channel, const uint8_t *packet)
{
	answer_table(channel, packet, atapi_read_disc_information);
}

struct packet_entry {
	uint8_t command;
	bool needs_disc;
	bool ignores_attention; /* works in spite of a UNIT ATTENTION (SPC-2, 5.9.5) */
	void (*run)(struct ata_channel *channel, const uint8_t *packet);
};

static const struct packet_entry entries[] = {
	{ TEST_UNIT_READY, true, false, test_unit_ready },
	{ REQUEST_SENSE, false, true, request_sense },
	{ INQUIRY, false, true, inquiry },
	{ START_STOP_UNIT, false, true, start_stop_unit },
	{ PREVENT_ALLOW_MEDIUM_REMOVAL, false, true, prevent_allow },
	{ READ_CAPACITY, true, false, read_capacity },
	{ READ_10, true, false, read_10 },
	{ SEEK_10, true, false, seek_10 },
	{ READ_TOC, true, false, read_toc },
	{ GET_CONFIGURATION, false, true, get_configuration },
	{ GET_EVENT_STATUS_NOTIFICATION, false, true, get_event_status },
	{ READ_DISC_INFORMATION, true, false, read_disc_information },
	{ MODE_SENSE_10, false, false, mode_sense },
	{ READ_12, true, false, read_12 },
	{ SET_CD_SPEED, false, false, test_unit_ready },
	{ MECHANISM_STATUS, false, false, mechanism_status },
	{ READ_CD, true, false, read_cd },
};

static const struct packet_entry *find_entry(uint8_t command)
{
	for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		if (entries[i].command == command)
			return &entries[i];
	}
	return NULL;
}

void atapi_packet(struct ata_channel *channel)
{
	struct ata_drive_regs *regs = &ata_active(channel)->regs;
	const struct packet_entry *entry;
	uint8_t packet[ATA_PACKET_SIZE];

	memcpy(packet, channel->regs.buffer, sizeof(packet));
	channel->regs.transfer = ATA_TRANSFER_NONE;
	entry = find_entry(packet[0]);
	if (packet[0] != REQUEST_SENSE)
		set_sense(ata_active(channel), &no_sense);
	if (!entry) {
		check_condition(channel, &invalid_command);
	} else if (regs->unit_attention && !entry->ignores_attention) {
		regs->unit_attention = 0;
		check_condition(channel, &medium_may_have_changed);
	} else if (regs->tray_open && entry->needs_disc) {
		check_condition(channel, &tray_open);
	} else {
		entry->run(channel, packet);
	}
}

/* -- commands of ATA -- */

static void begin_packet(struct ata_channel *channel)
{
	if (ata_active(channel)->regs.tf.features & FEATURE_OVL) {
		ata_fail(channel, ATA_ERROR_ABRT);
		return;
	}
	channel->regs.is_packet = 1;
	ata_active(channel)->regs.standby = 0;
	ata_await_packet(channel);
}

static void identify(struct ata_channel *channel)
{
	ata_identify_cdrom(ata_active(channel), empty_buffer(channel));
	ata_reply(channel, ATA_TRANSFER_PIO_IN, ATA_SECTOR, ATA_SECTOR);
}

void atapi_command(struct ata_channel *channel, uint8_t command)
{
	if (ata_common_command(channel, command))
		return;
	switch (command) {
	case ATA_CMD_PACKET:
		begin_packet(channel);
		return;
	case ATA_CMD_IDENTIFY_PACKET_DEVICE:
		identify(channel);
		return;
	case ATA_CMD_IDENTIFY_DEVICE: /* 8.15.5: it shows what it is, and aborts */
	case ATA_CMD_READ_SECTORS:
		ata_put_signature(ata_active(channel));
		ata_fail(channel, ATA_ERROR_ABRT);
		return;
	default:
		ata_fail(channel, ATA_ERROR_ABRT);
		return;
	}
}
