/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the ATA model share with each other and with nobody else. */
#ifndef TANE_DEV_ATA_PRIVATE_H
#define TANE_DEV_ATA_PRIVATE_H

#include <string.h>

#include "dev/ata.h"

#define ATA_MAX_MULTIPLE  16u /* sectors; 8 KiB, of which the buffer is a multiple */
#define ATA_HEADS         16u
#define ATA_TRACK         63u    /* sectors */
#define ATA_MAX_CYLINDERS 16383u /* what IDENTIFY DEVICE may say */
#define ATA_PACKET_SIZE   12u

/* Interrupt Reason, which is the Sector Count of a packet command. */
#define ATAPI_REASON_CD 0x01u
#define ATAPI_REASON_IO 0x02u

enum ata_command {
	ATA_CMD_NOP = 0x00,
	ATA_CMD_DEVICE_RESET = 0x08,
	ATA_CMD_RECALIBRATE = 0x10, /* to 0x1f */
	ATA_CMD_READ_SECTORS = 0x20,
	ATA_CMD_READ_SECTORS_NO_RETRY = 0x21,
	ATA_CMD_READ_SECTORS_EXT = 0x24,
	ATA_CMD_READ_DMA_EXT = 0x25,
	ATA_CMD_READ_NATIVE_MAX_ADDRESS_EXT = 0x27,
	ATA_CMD_READ_MULTIPLE_EXT = 0x29,
	ATA_CMD_WRITE_SECTORS = 0x30,
	ATA_CMD_WRITE_SECTORS_NO_RETRY = 0x31,
	ATA_CMD_WRITE_SECTORS_EXT = 0x34,
	ATA_CMD_WRITE_DMA_EXT = 0x35,
	ATA_CMD_WRITE_MULTIPLE_EXT = 0x39,
	ATA_CMD_READ_VERIFY = 0x40,
	ATA_CMD_READ_VERIFY_NO_RETRY = 0x41,
	ATA_CMD_READ_VERIFY_EXT = 0x42,
	ATA_CMD_SEEK = 0x70, /* to 0x7f */
	ATA_CMD_EXECUTE_DEVICE_DIAGNOSTIC = 0x90,
	ATA_CMD_INITIALIZE_DEVICE_PARAMETERS = 0x91,
	ATA_CMD_STANDBY_IMMEDIATE_OLD = 0x94, /* 0x94 to 0x99 as ATA-1 had them */
	ATA_CMD_IDLE_IMMEDIATE_OLD = 0x95,
	ATA_CMD_STANDBY_OLD = 0x96,
	ATA_CMD_IDLE_OLD = 0x97,
	ATA_CMD_CHECK_POWER_MODE_OLD = 0x98,
	ATA_CMD_SLEEP_OLD = 0x99,
	ATA_CMD_PACKET = 0xa0,
	ATA_CMD_IDENTIFY_PACKET_DEVICE = 0xa1,
	ATA_CMD_READ_MULTIPLE = 0xc4,
	ATA_CMD_WRITE_MULTIPLE = 0xc5,
	ATA_CMD_SET_MULTIPLE_MODE = 0xc6,
	ATA_CMD_READ_DMA = 0xc8,
	ATA_CMD_READ_DMA_NO_RETRY = 0xc9,
	ATA_CMD_WRITE_DMA = 0xca,
	ATA_CMD_WRITE_DMA_NO_RETRY = 0xcb,
	ATA_CMD_STANDBY_IMMEDIATE = 0xe0,
	ATA_CMD_IDLE_IMMEDIATE = 0xe1,
	ATA_CMD_STANDBY = 0xe2,
	ATA_CMD_IDLE = 0xe3,
	ATA_CMD_CHECK_POWER_MODE = 0xe5,
	ATA_CMD_SLEEP = 0xe6,
	ATA_CMD_FLUSH_CACHE = 0xe7,
	ATA_CMD_FLUSH_CACHE_EXT = 0xea,
	ATA_CMD_IDENTIFY_DEVICE = 0xec,
	ATA_CMD_SET_FEATURES = 0xef,
	ATA_CMD_READ_NATIVE_MAX_ADDRESS = 0xf8,
};

/* The drive whose command runs. */
static inline struct ata_drive *ata_active(struct ata_channel *channel)
{
	return &channel->drives[channel->regs.active];
}

static inline uint32_t ata_unit(const struct ata_channel *channel)
{
	return channel->drives[channel->regs.active].kind == ATA_CDROM ? ATA_CD_SECTOR
								       : ATA_SECTOR;
}

/* -- ata.c -- */

void ata_interrupt(struct ata_channel *channel);
/* Drive INTRQ as drives, selection and nIEN have it. */
void ata_update_intrq(struct ata_channel *channel);
/* The command is over, with these bits of Status beside DRDY and this Error. */
void ata_finish(struct ata_channel *channel, uint8_t status, uint8_t error);
void ata_complete(struct ata_channel *channel);
void ata_fail(struct ata_channel *channel, uint8_t error);
/* Registers as a drive has them after a reset, and after EXECUTE DEVICE DIAGNOSTIC. */
void ata_put_signature(struct ata_drive *drive);
void ata_drive_power_on(struct ata_drive *drive);
/* The reset of all drives in regs.resetting that nothing holds up ends. */
void ata_end_reset(struct ata_channel *channel);

/* -- ata_transfer.c -- */

/* Begin to move `count` sectors from `lba` on, in DRQ blocks of `block_size` bytes. */
void ata_begin(struct ata_channel *channel, enum ata_transfer transfer, uint64_t lba,
	       uint32_t count, uint32_t block_size);
/* The guest shall fetch the first `length` bytes of the buffer, not 0. */
void ata_reply(struct ata_channel *channel, enum ata_transfer transfer, uint32_t length,
	       uint32_t block_size);
/* Have the guest write `length` bytes into the buffer. */
void ata_await_packet(struct ata_channel *channel);
void ata_flush(struct ata_channel *channel);

/* -- ata_disk.c, ata_identify.c -- */

void ata_disk_command(struct ata_channel *channel, uint8_t command);
/* SET FEATURES, power management and NOP, of disks and CD-ROMs. false: not one of them. */
bool ata_common_command(struct ata_channel *channel, uint8_t command);
/* The medium said no at regs.lba: tell in which sector. */
void ata_disk_io_failed(struct ata_channel *channel);
void ata_identify_disk(const struct ata_drive *drive, uint8_t to[ATA_SECTOR]);
void ata_identify_cdrom(const struct ata_drive *drive, uint8_t to[ATA_SECTOR]);

/* -- atapi.c, atapi_mode.c -- */

void atapi_command(struct ata_channel *channel, uint8_t command);
/* The packet is in the buffer. */
void atapi_packet(struct ata_channel *channel);
void atapi_io_failed(struct ata_channel *channel);

/*
 * Answers that are a table: each fills `to`, of 512 zeroes, and returns its length, or 0
 * if the packet asks for something that there is not.
 */
unsigned atapi_inquiry(const struct ata_drive *drive, const uint8_t *packet, uint8_t *to);
unsigned atapi_mode_sense(const struct ata_drive *drive, const uint8_t *packet,
			  uint8_t *to);
unsigned atapi_get_configuration(const struct ata_drive *drive, const uint8_t *packet,
				 uint8_t *to);
unsigned atapi_read_toc(const struct ata_drive *drive, const uint8_t *packet,
			uint8_t *to);
unsigned atapi_read_disc_information(const struct ata_drive *drive, const uint8_t *packet,
				     uint8_t *to);

/* Fields of packets and their answers are big-endian. */
static inline uint16_t load_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)load_be16(p) << 16 | load_be16(p + 2);
}

static inline void store_be16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void store_be32(uint8_t *p, uint32_t v)
{
	store_be16(p, v >> 16);
	store_be16(p + 2, v & 0xffff);
}

#endif
