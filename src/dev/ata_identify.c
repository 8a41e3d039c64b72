/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What drives answer to IDENTIFY DEVICE (ATA/ATAPI-6, 8.15) and IDENTIFY PACKET DEVICE
 * (8.16): 256 words. Only what is true for every host is said; the host adapter limits
 * the transfer modes further, as its driver knows.
 */
#include "dev/ata_private.h"

#define MODEL_DISK  "tane disk"
#define MODEL_CDROM "tane CD-ROM"
#define FIRMWARE    "1"

#define IDENTIFY_SIGNATURE 0xa5u /* a checksum follows */

#define LBA28_SECTORS 0xfffffffull

/* Words of which more than one function writes. */
enum {
	WORD_MULTIWORD_DMA = 63,
	WORD_ULTRA_DMA = 88,
};

static void put(uint8_t *to, unsigned word, unsigned value)
{
	store_le16(to + 2 * word, (uint16_t)value);
}

/* Two characters in each word, the first one in its high byte; blanks behind. */
static void put_text(uint8_t *to, unsigned word, unsigned words, const char *text)
{
	for (unsigned i = 0; i < 2 * words; i++)
		to[2 * word + (i ^ 1)] = (uint8_t)(*text ? *text++ : ' ');
}

static void put_number(uint8_t *to, unsigned word, unsigned words, uint64_t value)
{
	for (unsigned i = 0; i < words; i++, value >>= 16)
		put(to, word + i, value & 0xffff);
}

static unsigned cylinders(uint64_t sectors, unsigned heads, unsigned track, unsigned most)
{
	const uint64_t n = sectors / (heads * track);

	/* A disk of a few sectors has one cylinder, if not all of it. */
	return n == 0 ? 1 : n > most ? most : (unsigned)n;
}

static void put_strings(const struct ata_drive *drive, uint8_t *to)
{
	put_text(to, 10, 10, drive->serial[0] ? drive->serial : "0");
	put_text(to, 23, 4, FIRMWARE);
	put_text(to, 27, 20, drive->kind == ATA_CDROM ? MODEL_CDROM : MODEL_DISK);
}

/* Words 1 to 6 and 54 to 58: the translation to begin with, and the present one. */
static void put_geometry(const struct ata_drive *drive, uint8_t *to)
{
	const struct ata_drive_regs *regs = &drive->regs;
	const unsigned current =
		cylinders(drive->sectors, regs->heads, regs->sectors_per_track, 65535);

	put(to, 1, cylinders(drive->sectors, ATA_HEADS, ATA_TRACK, ATA_MAX_CYLINDERS));
	put(to, 3, ATA_HEADS);
	put(to, 6, ATA_TRACK);
	put(to, 54, current);
	put(to, 55, regs->heads);
	put(to, 56, regs->sectors_per_track);
	put_number(to, 57, 2, (uint64_t)current * regs->heads * regs->sectors_per_track);
}

/* Modes 0 to N, and in the high byte the one that SET FEATURES has chosen. */
static void put_dma_modes(const struct ata_drive *drive, uint8_t *to)
{
	const unsigned mode = drive->regs.transfer_mode;

	put(to, WORD_MULTIWORD_DMA,
	    0x07 | ((mode & 0xf8) == 0x20 ? 0x100u << (mode & 7) : 0));
	put(to, 64, 0x03); /* PIO 3 and 4 */
	for (unsigned word = 65; word <= 68; word++)
		put(to, word, 120); /* ns of a cycle */
	put(to, WORD_ULTRA_DMA,
	    0x3f | ((mode & 0xf8) == 0x40 ? 0x100u << (mode & 7) : 0));
}

/* Words 82 to 87: feature sets that there are, and those that are on. */
static void put_features(const struct ata_drive *drive, uint8_t *to)
{
	const bool is_disk = drive->kind == ATA_DISK;
	/* NOP, power management; write cache of a disk, PACKET of a CD-ROM */
	const unsigned sets = 0x4008 | (is_disk ? 0x0020 : 0x0210);
	/* FLUSH CACHE EXT, FLUSH CACHE, 48-bit addresses */
	const unsigned more = is_disk ? 0x3400 : 0;

	put(to, 80, 0x0070); /* ATA/ATAPI-4 to 6 */
	put(to, 82, sets);
	put(to, 83, 0x4000 | more);
	put(to, 84, 0x4000);
	put(to, 85, is_disk && !drive->regs.write_cache ? sets & ~0x0020u : sets);
	put(to, 86, more);
	put(to, 87, 0x4000);
	/* 80-conductor cable; a reset went well */
	put(to, 93, drive->number ? 0x6100 : 0x6001);
}

/* Word 106 (ATA-7): how many logical sectors a physical one has. */
static void put_sector_sizes(const struct ata_drive *drive, uint8_t *to)
{
	const uint32_t ratio = drive->physical_block_size / ATA_SECTOR;

	if (ratio > 1)
		put(to, 106, 0x6000 | (unsigned)__builtin_ctz(ratio));
}

static void put_checksum(uint8_t *to)
{
	unsigned sum = IDENTIFY_SIGNATURE;

	for (unsigned i = 0; i < ATA_SECTOR - 2; i++)
		sum += to[i];
	to[ATA_SECTOR - 2] = IDENTIFY_SIGNATURE;
	to[ATA_SECTOR - 1] = (uint8_t)(0x100 - (sum & 0xff));
}

void ata_identify_disk(const struct ata_drive *drive, uint8_t to[ATA_SECTOR])
{
	const uint64_t lba28 =
		drive->sectors < LBA28_SECTORS ? drive->sectors : LBA28_SECTORS;

	put(to, 0, 0x0040); /* not removable */
	put_geometry(drive, to);
	put_strings(drive, to);
	put(to, 47, 0x8000 | ATA_MAX_MULTIPLE);
	put(to, 49, 0x0f00); /* IORDY and its control, LBA, DMA */
	put(to, 50, 0x4000);
	put(to, 51, 0x0200);
	put(to, 53, 0x0007); /* words 54 to 58, 64 to 70, and 88 are valid */
	put(to, 59, drive->regs.multiple ? 0x0100 | drive->regs.multiple : 0);
	put_number(to, 60, 2, lba28);
	put_dma_modes(drive, to);
	put_features(drive, to);
	put_number(to, 100, 4, drive->sectors);
	put_sector_sizes(drive, to);
	put_checksum(to);
}

void ata_identify_cdrom(const struct ata_drive *drive, uint8_t to[ATA_SECTOR])
{
	/* Packet device, CD-ROM, removable, DRQ within 50 us, packets of 12 bytes. */
	put(to, 0, 0x85c0);
	put_strings(drive, to);
	put(to, 49, 0x0f00);
	put(to, 53, 0x0006);
	put_dma_modes(drive, to);
	put_features(drive, to);
	put_checksum(to);
}
