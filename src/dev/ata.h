/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ATA channel with up to two drives, disks or CD-ROMs (ATA/ATAPI-6, T13/1410D).
 *
 *	ata.c		registers, device selection, interrupts, resets
 *	ata_transfer.c	data: DRQ blocks, DMA, and the medium behind them
 *	ata_disk.c	commands of disks
 *	ata_identify.c	what drives say of themselves
 *	ata_state.c	save and load
 *	atapi.c		packet commands of CD-ROMs (atapi_mode.c: their long answers)
 *
 * One command runs at a time, as on the cable. Its data goes through the buffer, a piece
 * after another: the host moves it between buffer and medium (submit), the guest between
 * buffer and its memory, by the data port or by the host adapter's DMA. While the host
 * is at it the drive is busy (BSY), a reset waits, and so nothing that belongs to the guest
 * is touched behind its back.
 *
 * The caller holds the channel's mutex around every function here; callbacks run with
 * it held and must not call back.
 */
#ifndef TANE_DEV_ATA_H
#define TANE_DEV_ATA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/irq.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define ATA_DRIVES      2
#define ATA_SECTOR      512u
#define ATA_CD_SECTOR   2048u
#define ATA_BUFFER_SIZE 32768u
#define ATA_MAX_SECTORS (1ull << 48) /* what 48-bit addresses reach */

/* Registers of the Command Block, by address; some are others when written. */
enum ata_register {
	ATA_DATA = 0,
	ATA_ERROR = 1, /* written: Features */
	ATA_SECTOR_COUNT = 2,
	ATA_LBA_LOW = 3, /* Sector Number */
	ATA_LBA_MID = 4, /* Cylinder Low */
	ATA_LBA_HIGH = 5,
	ATA_DEVICE = 6,
	ATA_STATUS = 7, /* written: Command */
	ATA_COMMAND_BLOCK_SIZE = 8,
};

#define ATA_STATUS_BSY  0x80u
#define ATA_STATUS_DRDY 0x40u
#define ATA_STATUS_DF   0x20u
#define ATA_STATUS_DSC  0x10u
#define ATA_STATUS_DRQ  0x08u
#define ATA_STATUS_ERR  0x01u /* CHK of a packet command */

#define ATA_ERROR_UNC  0x40u
#define ATA_ERROR_IDNF 0x10u
#define ATA_ERROR_ABRT 0x04u

#define ATA_DEVICE_LBA 0x40u
#define ATA_DEVICE_DEV 0x10u

/* Device Control */
#define ATA_CONTROL_HOB  0x80u
#define ATA_CONTROL_SRST 0x04u
#define ATA_CONTROL_NIEN 0x02u

enum ata_kind {
	ATA_NONE,
	ATA_DISK,
	ATA_CDROM,
};

/* What a drive is, which never changes. Strings are copied. */
struct ata_identity {
	enum ata_kind kind;
	uint64_t sectors;             /* of 512 bytes, or of 2048 for a CD-ROM */
	uint32_t physical_block_size; /* bytes, 512 or more */
	const char *serial;           /* at most 20 bytes; NULL: none */
};

/* Registers that a driver writes. Those of 8 bits remember what they held before. */
struct ata_taskfile {
	uint8_t features, count, lba_low, lba_mid, lba_high;
	uint8_t hob_features, hob_count, hob_lba_low, hob_lba_mid, hob_lba_high;
};

struct ata_drive_regs {
	struct ata_taskfile tf;
	uint8_t status, error;
	uint8_t interrupt;                /* pending */
	uint8_t heads, sectors_per_track; /* of the current translation */
	uint8_t multiple; /* sectors per DRQ block of READ MULTIPLE; 0: off */
	uint8_t write_cache;
	uint8_t transfer_mode; /* as SET FEATURES had it */
	uint8_t standby;

	/* Of a CD-ROM. */
	uint8_t sense_key, asc, ascq;
	uint8_t tray_open, locked, unit_attention;
	uint8_t media_event; /* what GET EVENT STATUS NOTIFICATION will tell */
};

struct ata_drive {
	struct ata_drive_regs regs;
	unsigned number;
	enum ata_kind kind;
	uint64_t sectors;
	uint32_t physical_block_size;
	char serial[21];
};

/* How the data of the command that runs moves. */
enum ata_transfer {
	ATA_TRANSFER_NONE,
	ATA_TRANSFER_PIO_IN,
	ATA_TRANSFER_PIO_OUT,
	ATA_TRANSFER_DMA_IN,
	ATA_TRANSFER_DMA_OUT,
	ATA_TRANSFER_PACKET, /* the 12 bytes of a packet command, to the drive */
	ATA_TRANSFER_VERIFY, /* none: the medium is read for errors only */
	ATA_TRANSFER_FLUSH,
};

struct ata_channel_regs {
	uint8_t device;    /* Device, of both drives */
	uint8_t control;   /* Device Control */
	uint8_t transfer;  /* enum ata_transfer */
	uint8_t active;    /* the drive whose command runs */
	uint8_t resetting; /* a bit for each drive whose reset is under way */
	uint8_t is_ext;    /* the command has a 48-bit address */
	uint8_t is_packet; /* it is PACKET */
	uint64_t lba;      /* of the sectors that the medium has to move next */
	uint32_t left;     /* how many these are */
	uint32_t fill;     /* bytes of the buffer that are in use */
	uint32_t at;       /* of these, how many have moved between guest and buffer */
	uint32_t block_end, block_size; /* the DRQ block; bytes */
	uint8_t buffer[ATA_BUFFER_SIZE];
};

enum ata_io {
	ATA_IO_READ,
	ATA_IO_WRITE,
	ATA_IO_FLUSH,
};

struct ata_request {
	enum ata_io op;
	unsigned drive;
	uint64_t offset; /* bytes */
	uint32_t length;
};

struct ata_channel;

struct ata_ops {
	/*
	 * Have the medium move request->length bytes to or from regs.buffer, and call
	 * ata_io_done() later, from anywhere, but not in here. One at a time.
	 */
	void (*submit)(void *opaque, struct ata_channel *channel,
		       const struct ata_request *request);
	/*
	 * DMA by the host adapter: move up to `length` bytes between `data` and memory.
	 * Returns how many it moved; 0: not now, ata_dma_ready() will come.
	 */
	uint32_t (*dma)(void *opaque, struct ata_channel *channel, void *data,
			uint32_t length, bool to_memory);
	/* The command that used DMA is over. */
	void (*dma_done)(void *opaque, struct ata_channel *channel);
};

struct ata_channel {
	struct ata_channel_regs regs;
	struct ata_drive drives[ATA_DRIVES];
	bool io_busy;    /* the medium has a request */
	bool io_forgone; /* of a command that a reset has ended */
	bool irq_level;
	const struct ata_ops *ops;
	struct irq_line intrq;
	void *opaque;
};

/* No drives yet. `ops` must live as long as the channel; `intrq` is copied. */
void ata_channel_init(struct ata_channel *channel, const struct ata_ops *ops,
		      const struct irq_line *intrq, void *opaque);
/* Before the guest runs. */
void ata_channel_plug(struct ata_channel *channel, unsigned drive,
		      const struct ata_identity *identity);
static inline bool ata_channel_is_empty(const struct ata_channel *channel)
{
	return channel->drives[0].kind == ATA_NONE && channel->drives[1].kind == ATA_NONE;
}

/* RESET-: as after power-on. While the medium has a request, it must come again. */
void ata_channel_reset(struct ata_channel *channel);

uint64_t ata_read(struct ata_channel *channel, unsigned offset, unsigned size);
void ata_write(struct ata_channel *channel, unsigned offset, unsigned size,
	       uint64_t value);
uint8_t ata_alternate_status(const struct ata_channel *channel);
void ata_control(struct ata_channel *channel, uint8_t value);

/* `count` accesses of `size` bytes to the data port. */
void ata_data_in(struct ata_channel *channel, void *data, unsigned size, unsigned count);
void ata_data_out(struct ata_channel *channel, const void *data, unsigned size,
		  unsigned count);

/* The medium has done the last request: 0 or an errno. */
void ata_io_done(struct ata_channel *channel, int error);
/* The host adapter can move data now. */
void ata_dma_ready(struct ata_channel *channel);

/*
 * Sections "NAME", "NAME.0" and "NAME.1". Refuses while the medium has a request. On an
 * error of a load nothing has changed.
 */
int ata_channel_save(const struct ata_channel *channel, struct state_writer *writer,
		     const char *name, struct err *err);
int ata_channel_load(struct ata_channel *channel, struct bytes image, const char *name,
		     struct err *err);

#endif
