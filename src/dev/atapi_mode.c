/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The longer answers of a CD-ROM drive (MMC-3, SPC-2): who it is, what it can do, and what
 * its disc is. A disc has one track of data, from its first sector to its last.
 */
#include "dev/ata_private.h"

#define PROFILE_CDROM  0x0008u
#define PROFILE_DVDROM 0x0010u

/* More than this is on no CD: 80 minutes of 75 sectors a second, and some. */
#define CD_MAX_SECTORS 405000u

#define TRACK_DATA 0x14u /* ADR: Q sub-channel has the position; CONTROL: data */
#define LEAD_OUT   0xaau

#define SPEED 5632u /* KB/s, 32x */

#define MODE_CURRENT 0x3fu /* all pages */

unsigned atapi_inquiry(const struct ata_drive *drive, const uint8_t *packet, uint8_t *to)
{
	(void)drive;
	if (packet[1] & 0x01) /* vital product data */
		return 0;
	to[0] = 0x05; /* CD-ROM */
	to[1] = 0x80; /* removable */
	to[3] = 0x21; /* ATAPI, response format */
	to[4] = 31;   /* bytes behind this one */
	memcpy(to + 8, "tane    CD-ROM          1   ", 28);
	return 36;
}

/* -- MODE SENSE(10) -- */

static unsigned error_recovery_page(uint8_t *to)
{
	to[0] = 0x01;
	to[1] = 6;
	to[3] = 5; /* retries */
	return 8;
}

/* MMC-3, 5.5.10. */
static unsigned capabilities_page(const struct ata_drive *drive, uint8_t *to)
{
	to[0] = 0x2a;
	to[1] = 18;
	to[2] = 0x0b; /* reads CD-R, CD-RW, DVD-ROM */
	to[6] = 0x29; /* tray, ejects, locks */
	if (drive->regs.locked)
		to[6] |= 0x02;
	store_be16(to + 8, SPEED);
	store_be16(to + 12, ATA_BUFFER_SIZE / 1024);
	store_be16(to + 14, SPEED);
	return 20;
}

unsigned atapi_mode_sense(const struct ata_drive *drive, const uint8_t *packet,
			  uint8_t *to)
{
	const unsigned control = packet[2] >> 6, page = packet[2] & 0x3f;
	unsigned length = 8;

	if (control == 3) /* saved values: there are none */
		return 0;
	if (page == 0x01 || page == MODE_CURRENT)
		length += error_recovery_page(to + length);
	if (page == 0x2a || page == MODE_CURRENT)
		length += capabilities_page(drive, to + length);
	if (length == 8)
		return 0;
	if (control == 1) { /* what MODE SELECT could change: nothing */
		const unsigned first = to[9] + 2u;

		memset(to + 10, 0, first - 2);
		if (8 + first < length)
			memset(to + 8 + first + 2, 0, length - (8 + first + 2));
	}
	store_be16(to, length - 2);
	to[2] = drive->regs.tray_open ? 0x71 : 0x01; /* medium type */
	return length;
}

/* -- GET CONFIGURATION -- */

static unsigned profile(const struct ata_drive *drive)
{
	if (drive->regs.tray_open)
		return 0;
	return drive->sectors > CD_MAX_SECTORS ? PROFILE_DVDROM : PROFILE_CDROM;
}

/* A feature descriptor (MMC-3, 5.2.2), of which the body has `size` bytes. */
static uint8_t *put_feature(uint8_t *to, unsigned code, unsigned flags, unsigned size)
{
	store_be16(to, code);
	to[2] = (uint8_t)flags;
	to[3] = (uint8_t)size;
	return to + 4;
}

static unsigned put_profiles(const struct ata_drive *drive, uint8_t *to)
{
	uint8_t *body = put_feature(to, 0x0000, 0x03, 8);

	store_be16(body, PROFILE_DVDROM);
	body[2] = profile(drive) == PROFILE_DVDROM;
	store_be16(body + 4, PROFILE_CDROM);
	body[6] = profile(drive) == PROFILE_CDROM;
	return 12;
}

static unsigned put_core(const struct ata_drive *drive, uint8_t *to)
{
	uint8_t *body = put_feature(to, 0x0001, 0x03, 4);

	(void)drive;
	store_be32(body, 2); /* ATAPI */
	return 8;
}

static unsigned put_removable(const struct ata_drive *drive, uint8_t *to)
{
	uint8_t *body = put_feature(to, 0x0003, 0x03, 4);

	(void)drive;
	body[0] = 0x29; /* tray, ejects, locks */
	return 8;
}

static unsigned put_random_readable(const struct ata_drive *drive, uint8_t *to)
{
	uint8_t *body = put_feature(to, 0x0010, !drive->regs.tray_open, 8);

	store_be32(body, ATA_CD_SECTOR);
	store_be16(body + 4, 1); /* sectors at a time */
	return 12;
}

unsigned atapi_get_configuration(const struct ata_drive *drive, const uint8_t *packet,
				 uint8_t *to)
{
	static const struct {
		unsigned code;
		unsigned (*put)(const struct ata_drive *drive, uint8_t *to);
	} features[] = {
		{ 0x0000, put_profiles },
		{ 0x0001, put_core },
		{ 0x0003, put_removable },
		{ 0x0010, put_random_readable },
	};
	const unsigned request = packet[1] & 0x03, start = load_be16(packet + 2);
	unsigned length = 8;

	if (request == 3)
		return 0;
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		const bool is_current =
			features[i].code != 0x0010 || !drive->regs.tray_open;

		if (features[i].code < start || (request == 1 && !is_current) ||
		    (request == 2 && features[i].code != start))
			continue;
		length += features[i].put(drive, to + length);
	}
	store_be32(to, length - 4);
	store_be16(to + 6, profile(drive));
	return length;
}

/* -- the disc -- */

static void put_address(uint8_t *to, uint64_t lba, bool msf)
{
	const uint32_t frame = lba < UINT32_MAX - 150 ? (uint32_t)lba + 150 : UINT32_MAX;

	if (!msf) {
		store_be32(to, lba < UINT32_MAX ? (uint32_t)lba : UINT32_MAX);
		return;
	}
	/* A disc that is longer than minutes can say ends at the last of them. */
	to[1] = (uint8_t)(frame / 75 / 60 < 255 ? frame / 75 / 60 : 255);
	to[2] = (uint8_t)(frame / 75 % 60);
	to[3] = (uint8_t)(frame % 75);
}

static void put_track(uint8_t *to, unsigned number, uint64_t lba, bool msf)
{
	to[1] = TRACK_DATA;
	to[2] = (uint8_t)number;
	put_address(to + 4, lba, msf);
}

/* MMC-3, 6.25: format 0 is the tracks, 1 the sessions. */
unsigned atapi_read_toc(const struct ata_drive *drive, const uint8_t *packet, uint8_t *to)
{
	const bool msf = packet[1] & 0x02;
	/* Drivers of before MMC have the format in the last byte. */
	const unsigned format = packet[2] & 0x0f ? packet[2] & 0x0fu : packet[9] >> 6;
	const unsigned track = packet[6];
	unsigned length = 4;

	if (format > 1 || (format == 0 && track > 1 && track != LEAD_OUT))
		return 0;
	to[2] = to[3] = 1; /* the first and the last */
	if (format == 1 || track <= 1) {
		put_track(to + length, 1, 0, msf);
		length += 8;
	}
	if (format == 0) {
		put_track(to + length, LEAD_OUT, drive->sectors, msf);
		length += 8;
	}
	store_be16(to, length - 2);
	return length;
}

unsigned atapi_read_disc_information(const struct ata_drive *drive, const uint8_t *packet,
				     uint8_t *to)
{
	(void)drive;
	if (packet[1] & 0x07)
		return 0;
	store_be16(to, 32);
	to[2] = 0x0e; /* complete, and so is its last session */
	to[3] = 1;    /* first track */
	to[4] = 1;    /* sessions */
	to[5] = 1;    /* first and last track of the last session */
	to[6] = 1;
	to[7] = 0x20;             /* for any use */
	memset(to + 16, 0xff, 8); /* no session can be added */
	return 34;
}
