/* SPDX-License-Identifier: BSD-2-Clause */
/* Between i82077.c, registers and phases, and i82077_transfer.c, commands with data. */
#ifndef TANE_DEV_I82077_PRIVATE_H
#define TANE_DEV_I82077_PRIVATE_H

#include "dev/i82077.h"

/* Bits of the first byte of a command, and the commands without them. */
#define MT         0x80
#define MFM        0x40
#define SK         0x20
#define OPCODE     0x1f
#define VERIFY_EC  0x80 /* in the second byte */
#define CONFIG_EIS 0x40

/* Of registers: what both registers and saved states look at. */
#define DOR_NO_RESET       0x04
#define DSR_KEPT           0x1f
#define CONFIG_BITS        0x7f
#define PERPENDICULAR_BITS 0x3f
#define SRA_DIR            0x01

enum opcode {
	READ_TRACK = 0x02,
	SPECIFY = 0x03,
	SENSE_DRIVE_STATUS = 0x04,
	WRITE_DATA = 0x05,
	READ_DATA = 0x06,
	RECALIBRATE = 0x07,
	SENSE_INTERRUPT = 0x08,
	WRITE_DELETED = 0x09,
	READ_ID = 0x0a,
	READ_DELETED = 0x0c,
	FORMAT_TRACK = 0x0d,
	DUMPREG = 0x0e,
	SEEK = 0x0f,
	VERSION = 0x10,
	PERPENDICULAR = 0x12,
	CONFIGURE = 0x13,
	LOCK = 0x14,
	VERIFY = 0x16,
};

/* 5.1: status register 0; 7:6 is the interrupt code. */
#define ST0_ABNORMAL 0x40
#define ST0_INVALID  0x80
#define ST0_CHANGED  0xc0
#define ST0_SE       0x20 /* seek end */
#define ST0_EC       0x10 /* equipment check */

#define ST1_EN 0x80 /* end of cylinder */
#define ST1_DE 0x20 /* data error */
#define ST1_OR 0x10 /* overrun, underrun */
#define ST1_ND 0x04 /* no data */
#define ST1_NW 0x02 /* not writable */
#define ST1_MA 0x01 /* missing address mark */

#define ST2_CM 0x40 /* control mark */
#define ST2_DD 0x20 /* data error in data field */
#define ST2_WC 0x10 /* wrong cylinder */

/* Unit and head of the command. */
static inline unsigned i82077_unit(const struct i82077_regs *regs)
{
	return regs->command[1] & 3;
}

static inline unsigned i82077_head(const struct i82077_regs *regs)
{
	return regs->command[1] >> 2 & 1;
}

static inline enum opcode i82077_opcode(const struct i82077_regs *regs)
{
	return regs->command[0] & OPCODE;
}

/* ND of SPECIFY: bytes pass through the FIFO port. */
static inline bool i82077_is_pio(const struct i82077_regs *regs)
{
	return regs->specify[1] & 1;
}

/* Does the command give data to the guest? The others of those with data take some. */
static inline bool i82077_is_read(const struct i82077_regs *regs)
{
	const enum opcode opcode = i82077_opcode(regs);

	return opcode == READ_DATA || opcode == READ_DELETED || opcode == READ_TRACK;
}

/* Which drives there are, as bits. */
uint8_t i82077_drives_mask(const struct i82077 *fdc);
/* As after the RESET pin. */
void i82077_regs_reset(const struct i82077 *fdc, struct i82077_regs *regs);
/* After each change: drive the line, and ask for the next tick. */
void i82077_update(struct i82077 *fdc);
/* How many bytes a command has that begins with this one. */
unsigned i82077_command_size(uint8_t first);

/* The medium of the command's unit, if it turns; or NULL. */
const struct i82077_medium *i82077_medium(const struct i82077 *fdc);

void i82077_seek_to(struct i82077 *fdc, unsigned unit, unsigned track);

/* In DATA and ENDING, after each byte: the time for the next one begins anew. */
void i82077_be_patient(struct i82077 *fdc);

/* Enter the result phase with so many bytes in regs->result; `irq` announces them. */
void i82077_result(struct i82077 *fdc, unsigned size, bool irq);

/* -- i82077_transfer.c -- */

/* All bytes of such a command have come. */
void i82077_begin_transfer(struct i82077 *fdc);
void i82077_begin_format(struct i82077 *fdc);
void i82077_read_id(struct i82077 *fdc);
/* What the phase DATA waited for may be there: a byte in PIO mode, the channel in DMA. */
void i82077_move(struct i82077 *fdc);
/* In DISK: what the host did is done. */
void i82077_disk_done(struct i82077 *fdc, const void *data, int error);
/* The end of the last sector has passed: results. */
void i82077_end(struct i82077 *fdc);
/* The guest was too slow. */
void i82077_overrun(struct i82077 *fdc);
/* Begin anew what the host did when the state was saved. */
void i82077_resume_disk(struct i82077 *fdc);
/* Could the chip have got into this state, as far as transfers go? */
bool i82077_transfer_valid(const struct i82077 *fdc, const struct i82077_regs *regs);

#endif
