/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 82077AA floppy disk controller (Intel 290166) with up to two drives: ports 0x3f0 to
 * 0x3f5 and 0x3f7 (0x3f6 is the hard disk's), interrupt 6, DMA channel 2. Media are the
 * PC's formats with sectors of 512 bytes. The caller holds the mutex of the chip around
 * every function here; callbacks run with it held and must not call back.
 */
#ifndef TANE_DEV_I82077_H
#define TANE_DEV_I82077_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define I82077_NR_PORTS    6 /* at 0x3f0 */
#define I82077_NR_DRIVES   2
#define I82077_NR_UNITS    4 /* that commands can name */
#define I82077_SECTOR      512u
#define I82077_MAX_SECTORS 36u /* on one side of a track */
#define I82077_MAX_DATA    (I82077_SECTOR * I82077_MAX_SECTORS)
#define I82077_MAX_COMMAND 9
#define I82077_MAX_RESULT  10

/* A medium, which is always in its drive. */
struct i82077_medium {
	uint32_t size; /* of the image, bytes */
	uint8_t tracks, heads, sectors;
	uint8_t cmos_type; /* of the drive for it, as CMOS RAM has it */
	uint8_t rates;     /* bit n: readable with DRATE n */
	const char *name;  /* "1.44M" */
};

/* The medium that has so many bytes, or NULL. */
const struct i82077_medium *i82077_medium_of(uint64_t size);

/* What the controller is doing; see i82077.c. */
enum i82077_phase {
	I82077_RESET,   /* held by DOR */
	I82077_COMMAND, /* takes the bytes of a command */
	I82077_DISK,    /* execution: the host reads or writes the image */
	I82077_DATA,    /* execution: bytes go to or come from the guest */
	I82077_ENDING,  /* execution: the end of a sector passes */
	I82077_RESULT,  /* has bytes of a result */
};

/* Reasons for an interrupt. */
#define I82077_IRQ_SENSE  0x01 /* SENSE INTERRUPT has something to tell */
#define I82077_IRQ_DATA   0x02
#define I82077_IRQ_RESULT 0x04

struct i82077_regs {
	uint8_t dor, tdr, dsr; /* DSR: precompensation and data rate, also that of CCR */
	uint8_t specify[2];    /* SRT and HUT; HLT and ND */
	uint8_t configure;     /* EIS, EFIFO, POLL, FIFOTHR */
	uint8_t pretrk;
	uint8_t perpendicular; /* D3 to D0, GAP, WGATE */
	uint8_t lock;
	uint8_t eot; /* of the last transfer, for DUMPREG */
	uint8_t interrupt;
	uint8_t sra; /* DIR, as the last seek left it */

	/* Of each unit. */
	uint8_t track[I82077_NR_UNITS];
	uint8_t changed; /* bit n: the disk change line is active */
	uint8_t seek_st0[I82077_NR_UNITS];
	uint8_t seek_done; /* bit n: SENSE INTERRUPT has to tell seek_st0[n] */
	uint8_t next_id[I82077_NR_UNITS]; /* the sector that passes next */

	uint8_t phase;
	uint8_t command[I82077_MAX_COMMAND], command_size;
	uint8_t result[I82077_MAX_RESULT], result_size, result_next;

	/* Execution of a command that moves data. */
	uint8_t head, sector; /* the first of the run of sectors in `data` */
	uint8_t run;          /* how many there are */
	uint8_t careful;      /* an error came: one sector at a time */
	uint8_t last;         /* the run is the last: terminal count */
	uint8_t st1, st2;     /* what ENDING will tell */
	uint16_t verify_left; /* sectors, of VERIFY with EC */
	uint16_t data_size, data_next;
	uint8_t data[I82077_MAX_DATA];
};

struct i82077_ops {
	/*
	 * Begin to read sectors from byte `offset` of a drive's image, or to write
	 * `data`, which is copied. Then call i82077_done() once. One at a time.
	 */
	void (*read)(void *opaque, unsigned drive, uint64_t offset, size_t size);
	void (*write)(void *opaque, unsigned drive, uint64_t offset, const void *data,
		      size_t size);
	/* Do not call i82077_done() for the last of them. */
	void (*cancel)(void *opaque);
	/* i8237_to_memory() and i8237_from_memory() on channel 2. */
	size_t (*to_memory)(void *opaque, const void *data, size_t size, bool *tc);
	size_t (*from_memory)(void *opaque, void *data, size_t size, bool *tc);
	/* Any clock in ns that does not go back. */
	int64_t (*now)(void *opaque);
	/* Call i82077_tick() at this time; replaces the one before. INT64_MAX: never. */
	void (*arm)(void *opaque, int64_t deadline_ns);
};

struct i82077_drive {
	const struct i82077_medium *medium; /* NULL: no drive */
	bool read_only;                     /* write protect */
};

struct i82077 {
	struct i82077_regs regs;
	struct i82077_drive drives[I82077_NR_DRIVES];
	const struct i82077_ops *ops;
	struct irq_line irq;
	void *opaque;
	bool irq_level;
	int64_t deadline; /* of the guest, for the next byte, or of ENDING; INT64_MAX: none */
	int64_t armed; /* what arm() was told last */
};

extern const struct io_ops i82077_io;     /* 0x3f0 to 0x3f5 */
extern const struct io_ops i82077_dir_io; /* 0x3f7 */

/* `ops` must live as long as the chip; `irq` and `drives` are copied. */
void i82077_init(struct i82077 *fdc, const struct i82077_drive drives[I82077_NR_DRIVES],
		 const struct i82077_ops *ops, const struct irq_line *irq, void *opaque);
/* The RESET pin. */
void i82077_reset(struct i82077 *fdc);

/* What read() or write() began is over; `data` is what was read; `error` an errno or 0. */
void i82077_done(struct i82077 *fdc, const void *data, int error);
/* The DMA controller may have let channel 2 run. Always harmless. */
void i82077_dma_released(struct i82077 *fdc);
/* The time of the last arm() has come. Always harmless. */
void i82077_tick(struct i82077 *fdc);

int i82077_save(const struct i82077 *fdc, struct state_writer *writer,
		const char *section, struct err *err);
/* On an error nothing has changed. A transfer of the image that was under way begins anew. */
int i82077_load(struct i82077 *fdc, struct bytes image, const char *section,
		struct err *err);

#endif
