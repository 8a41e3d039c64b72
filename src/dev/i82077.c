/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 82077AA floppy disk controller: registers, phases, and commands that move no data (those
 * that do are in i82077_transfer.c, saved states in i82077_state.c).
 *
 * A command has three phases. The bytes of the command go into the FIFO port; execution
 * ends with an interrupt; then the result is read from the same port. MSR says whose turn
 * it is. In here execution has parts of its own:
 *
 *	DISK	the image is read or written by the host, which takes its time
 *	DATA	up to one side of a track of bytes goes to or comes from the guest
 *	ENDING	in PIO mode: so that the interrupt of the result is one by itself
 *
 * Mechanics take no time: heads are where a SEEK sends them when its last byte is written,
 * and motors turn at once. Time matters in one place: a guest that does not take or give
 * its bytes (or has the DMA channel masked) for a while gets an overrun, as it would when
 * the sector passes, but with much more patience.
 *
 * A drive that does not turn, or at a wrong data rate, shows no address marks. The chip
 * would look for them until it is reset; here the command ends with MA.
 */
#include <string.h>

#include "dev/i82077_private.h"

#define PATIENCE_NS INT64_C(250000000)
/* A handler that has taken the last byte looks at MSR once more before it returns. */
#define ENDING_NS INT64_C(5000000)

enum {
	REG_SRA,
	REG_SRB,
	REG_DOR,
	REG_TDR,
	REG_MSR, /* write: DSR */
	REG_FIFO,
};

#define SRA_INT_PENDING 0x80
#define SRA_NO_DRV2     0x40
#define SRA_NOT_TRK0    0x10
#define SRA_HDSEL       0x08
#define SRA_NOT_INDX    0x04
#define SRA_NOT_WP      0x02

#define SRB_ONES 0xc0

#define DOR_DMAGATE 0x08
#define DOR_UNIT    0x03

#define MSR_RQM    0x80
#define MSR_DIO    0x40 /* the guest reads */
#define MSR_NONDMA 0x20
#define MSR_BUSY   0x10

#define DSR_RESET 0x80
#define DSR_RATE  0x03
#define RATE_250  0x02

#define DIR_CHANGED 0x80

#define CONFIG_EFIFO   0x20 /* 1: no FIFO, as after a reset */
#define CONFIG_FIFOTHR 0x0f

#define PERPENDICULAR_OW     0x80
#define PERPENDICULAR_DRIVES 0x3c

#define RELATIVE    0x80 /* of SEEK */
#define RELATIVE_UP 0x40

#define ST3_ONES 0x28
#define ST3_WP   0x40
#define ST3_T0   0x10

#define VERSION_ENHANCED 0x90 /* 82077AA, and 82072A before it */

static const struct i82077_medium media[] = {
	{ .name = "360K",
	  .size = 360 << 10,
	  .tracks = 40,
	  .heads = 2,
	  .sectors = 9,
	  .cmos_type = 1,
	  .rates = 1 << 2 | 1 << 1 }, /* at 300 or 360 turns a minute */
	{ .name = "720K",
	  .size = 720 << 10,
	  .tracks = 80,
	  .heads = 2,
	  .sectors = 9,
	  .cmos_type = 3,
	  .rates = 1 << 2 },
	{ .name = "1.2M",
	  .size = 1200 << 10,
	  .tracks = 80,
	  .heads = 2,
	  .sectors = 15,
	  .cmos_type = 2,
	  .rates = 1 << 0 },
	{ .name = "1.44M",
	  .size = 1440 << 10,
	  .tracks = 80,
	  .heads = 2,
	  .sectors = 18,
	  .cmos_type = 4,
	  .rates = 1 << 0 },
	{ .name = "2.88M",
	  .size = 2880 << 10,
	  .tracks = 80,
	  .heads = 2,
	  .sectors = 36,
	  .cmos_type = 5,
	  .rates = 1 << 3 },
};

const struct i82077_medium *i82077_medium_of(uint64_t size)
{
	for (unsigned i = 0; i < sizeof(media) / sizeof(media[0]); i++) {
		if (media[i].size == size)
			return &media[i];
	}
	return NULL;
}

static const struct i82077_drive *drive_of(const struct i82077 *fdc, unsigned unit)
{
	if (unit >= I82077_NR_DRIVES || !fdc->drives[unit].medium)
		return NULL;
	return &fdc->drives[unit];
}

const struct i82077_medium *i82077_medium(const struct i82077 *fdc)
{
	const struct i82077_regs *regs = &fdc->regs;
	const unsigned unit = i82077_unit(regs);
	const struct i82077_drive *drive = drive_of(fdc, unit);

	if (!drive || !(regs->dor & 0x10u << unit) ||
	    !(drive->medium->rates & 1u << (regs->dsr & DSR_RATE)))
		return NULL;
	return drive->medium;
}

void i82077_update(struct i82077 *fdc)
{
	const struct i82077_regs *regs = &fdc->regs;
	const uint8_t on = DOR_DMAGATE | DOR_NO_RESET;
	const bool level = regs->interrupt && (regs->dor & on) == on;

	if (level != fdc->irq_level) {
		fdc->irq_level = level;
		irq_set(&fdc->irq, level);
	}
	if (regs->phase != I82077_DATA && regs->phase != I82077_ENDING)
		fdc->deadline = INT64_MAX;
	/* A tick that comes too early costs less than a call for each byte. */
	if (fdc->deadline < fdc->armed) {
		fdc->armed = fdc->deadline;
		fdc->ops->arm(fdc->opaque, fdc->deadline);
	}
}

void i82077_be_patient(struct i82077 *fdc)
{
	const int64_t now = fdc->ops->now(fdc->opaque);

	fdc->deadline = now + (fdc->regs.phase == I82077_DATA ? PATIENCE_NS : ENDING_NS);
}

/* -- resets -- */

/* A reset by DOR or DSR keeps SPECIFY and, after LOCK, most of CONFIGURE (5.1 and 6.2). */
static void reset_by_software(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;

	if (regs->phase == I82077_DISK)
		fdc->ops->cancel(fdc->opaque);
	if (regs->lock) {
		regs->configure &= CONFIG_EFIFO | CONFIG_FIFOTHR;
	} else {
		regs->configure = CONFIG_EFIFO;
		regs->pretrk = 0;
	}
	regs->perpendicular &= PERPENDICULAR_DRIVES;
	regs->phase = I82077_RESET;
	regs->interrupt = 0;
	regs->seek_done = 0;
	regs->command_size = 0;
	regs->result_size = 0;
}

/*
 * The end of a reset: polling, which CONFIGURE can turn off only later, finds that the
 * ready lines of all units have changed.
 */
static void come_up(struct i82077_regs *regs)
{
	regs->phase = I82077_COMMAND;
	regs->command_size = 0;
	for (unsigned i = 0; i < I82077_NR_UNITS; i++)
		regs->seek_st0[i] = (uint8_t)(ST0_CHANGED | i);
	regs->seek_done = 0x0f;
	regs->interrupt = I82077_IRQ_SENSE;
}

static void write_dor(struct i82077 *fdc, uint8_t value)
{
	struct i82077_regs *regs = &fdc->regs;
	const uint8_t changed = regs->dor ^ value;

	regs->dor = value;
	if (!(changed & DOR_NO_RESET))
		return;
	if (value & DOR_NO_RESET)
		come_up(regs);
	else
		reset_by_software(fdc);
}

static void write_dsr(struct i82077 *fdc, uint8_t value)
{
	fdc->regs.dsr = value & DSR_KEPT;
	if ((value & DSR_RESET) && fdc->regs.phase != I82077_RESET) {
		reset_by_software(fdc);
		i82077_update(fdc); /* the line falls, so that it can rise */
		come_up(&fdc->regs);
	}
}

/* -- commands -- */

void i82077_result(struct i82077 *fdc, unsigned size, bool irq)
{
	struct i82077_regs *regs = &fdc->regs;

	regs->phase = I82077_RESULT;
	regs->result_size = (uint8_t)size;
	regs->result_next = 0;
	regs->interrupt &= (uint8_t)~I82077_IRQ_DATA;
	if (irq)
		regs->interrupt |= I82077_IRQ_RESULT;
}

static void no_result(struct i82077 *fdc)
{
	fdc->regs.phase = I82077_COMMAND;
	fdc->regs.command_size = 0;
}

static void invalid(struct i82077 *fdc)
{
	fdc->regs.result[0] = ST0_INVALID;
	i82077_result(fdc, 1, false);
}

static void specify(struct i82077 *fdc)
{
	memcpy(fdc->regs.specify, fdc->regs.command + 1, sizeof(fdc->regs.specify));
	no_result(fdc);
}

static void configure(struct i82077 *fdc)
{
	fdc->regs.configure = fdc->regs.command[2] & CONFIG_BITS;
	fdc->regs.pretrk = fdc->regs.command[3];
	no_result(fdc);
}

static void perpendicular_mode(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const uint8_t value = regs->command[1];
	const uint8_t drives = value & PERPENDICULAR_OW ? value : regs->perpendicular;

	regs->perpendicular = (drives & PERPENDICULAR_DRIVES) | (value & 3);
	no_result(fdc);
}

static void lock(struct i82077 *fdc)
{
	fdc->regs.lock = fdc->regs.command[0] >> 7;
	fdc->regs.result[0] = (uint8_t)(fdc->regs.lock << 4);
	i82077_result(fdc, 1, false);
}

static void version(struct i82077 *fdc)
{
	fdc->regs.result[0] = VERSION_ENHANCED;
	i82077_result(fdc, 1, false);
}

static void dump_registers(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	uint8_t *result = regs->result;

	memcpy(result, regs->track, I82077_NR_UNITS);
	result[4] = regs->specify[0];
	result[5] = regs->specify[1];
	result[6] = regs->eot;
	result[7] = (uint8_t)(regs->lock << 7 | regs->perpendicular);
	result[8] = regs->configure;
	result[9] = regs->pretrk;
	i82077_result(fdc, 10, false);
}

static void sense_drive_status(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const unsigned unit = i82077_unit(regs);
	const struct i82077_drive *drive = drive_of(fdc, unit);
	uint8_t st3 = ST3_ONES | (regs->command[1] & 7);

	if (drive && drive->read_only)
		st3 |= ST3_WP;
	if (drive && regs->track[unit] == 0)
		st3 |= ST3_T0;
	regs->result[0] = st3;
	i82077_result(fdc, 1, false);
}

static void sense_interrupt(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	unsigned unit;

	if (!regs->seek_done) {
		invalid(fdc);
		return;
	}
	unit = (unsigned)__builtin_ctz(regs->seek_done);
	regs->seek_done &= (uint8_t) ~(1u << unit);
	regs->result[0] = regs->seek_st0[unit];
	regs->result[1] = regs->track[unit];
	regs->interrupt &= (uint8_t)~I82077_IRQ_SENSE;
	i82077_update(fdc);
	/* One interrupt is for all that a reset has to say, but each seek has its own. */
	for (unsigned i = 0; i < I82077_NR_UNITS; i++) {
		if ((regs->seek_done & 1u << i) && (regs->seek_st0[i] & ST0_SE))
			regs->interrupt |= I82077_IRQ_SENSE;
	}
	i82077_result(fdc, 2, false);
}

void i82077_seek_to(struct i82077 *fdc, unsigned unit, unsigned track)
{
	struct i82077_regs *regs = &fdc->regs;

	if (track == regs->track[unit])
		return;
	if (track > regs->track[unit])
		regs->sra |= SRA_DIR;
	else
		regs->sra &= (uint8_t)~SRA_DIR;
	/* A step pulse with a disk in the drive ends the change. */
	regs->changed &= (uint8_t) ~(1u << unit);
	regs->track[unit] = (uint8_t)track;
}

static void seek_is_done(struct i82077 *fdc, unsigned unit, uint8_t st0)
{
	struct i82077_regs *regs = &fdc->regs;

	regs->seek_st0[unit] = (uint8_t)(st0 | ST0_SE | unit);
	regs->seek_done |= (uint8_t)(1u << unit);
	regs->interrupt |= I82077_IRQ_SENSE;
	no_result(fdc);
}

static void recalibrate(struct i82077 *fdc)
{
	const unsigned unit = i82077_unit(&fdc->regs);

	i82077_seek_to(fdc, unit, 0);
	/* No drive, so the line TRK0 does not come however often it steps. */
	seek_is_done(fdc, unit, drive_of(fdc, unit) ? 0 : ST0_ABNORMAL | ST0_EC);
}

static void seek(struct i82077 *fdc)
{
	const struct i82077_regs *regs = &fdc->regs;
	const unsigned unit = i82077_unit(regs);
	unsigned track = regs->command[2];

	if (regs->command[0] & RELATIVE) {
		if (regs->command[0] & RELATIVE_UP)
			track = regs->track[unit] + track;
		else
			track = regs->track[unit] > track ? regs->track[unit] - track : 0;
	}
	i82077_seek_to(fdc, unit, track > UINT8_MAX ? UINT8_MAX : track);
	seek_is_done(fdc, unit, (uint8_t)(i82077_head(regs) << 2));
}

/*
 * All commands: which bits of the first byte have to be how, and how long it is. SCAN
 * EQUAL and the like compare data in the drive, and nobody ever used them; PARTID is for
 * the 82078: that it is invalid here is how drivers tell the two apart.
 */
static const struct command {
	uint8_t mask, value, size;
	void (*execute)(struct i82077 *fdc);
} commands[] = {
	{ 0x1f, READ_DATA, 9, i82077_begin_transfer },
	{ 0x3f, WRITE_DATA, 9, i82077_begin_transfer },
	{ 0xff, SENSE_INTERRUPT, 1, sense_interrupt },
	{ 0xff, SEEK, 3, seek },
	{ 0xbf, SEEK | RELATIVE, 3, seek },
	{ 0xff, RECALIBRATE, 2, recalibrate },
	{ 0xbf, READ_ID, 2, i82077_read_id },
	{ 0xff, SPECIFY, 3, specify },
	{ 0xff, SENSE_DRIVE_STATUS, 2, sense_drive_status },
	{ 0xbf, FORMAT_TRACK, 6, i82077_begin_format },
	{ 0x1f, READ_DELETED, 9, i82077_begin_transfer },
	{ 0x3f, WRITE_DELETED, 9, i82077_begin_transfer },
	{ 0x9f, READ_TRACK, 9, i82077_begin_transfer },
	{ 0x1f, VERIFY, 9, i82077_begin_transfer },
	{ 0xff, CONFIGURE, 4, configure },
	{ 0xff, VERSION, 1, version },
	{ 0xff, DUMPREG, 1, dump_registers },
	{ 0xff, PERPENDICULAR, 2, perpendicular_mode },
	{ 0x7f, LOCK, 1, lock },
	{ 0x00, 0x00, 1, invalid },
};

static const struct command *find_command(uint8_t first)
{
	const struct command *command = commands;

	while ((first & command->mask) != command->value)
		command++;
	return command;
}

unsigned i82077_command_size(uint8_t first)
{
	return find_command(first)->size;
}

static void write_command(struct i82077 *fdc, uint8_t value)
{
	struct i82077_regs *regs = &fdc->regs;
	const struct command *command;

	regs->command[regs->command_size++] = value;
	command = find_command(regs->command[0]);
	if (regs->command_size < command->size)
		return;
	command->execute(fdc);
}

/* -- the FIFO port -- */

static void write_fifo(struct i82077 *fdc, uint8_t value)
{
	struct i82077_regs *regs = &fdc->regs;

	if (regs->phase == I82077_COMMAND) {
		write_command(fdc, value);
	} else if (regs->phase == I82077_DATA && i82077_is_pio(regs) &&
		   !i82077_is_read(regs)) {
		regs->interrupt &= (uint8_t)~I82077_IRQ_DATA;
		regs->data[regs->data_next++] = value;
		i82077_move(fdc);
	}
}

static uint8_t read_result(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const uint8_t value = regs->result[regs->result_next++];

	regs->interrupt &= (uint8_t)~I82077_IRQ_RESULT;
	if (regs->result_next == regs->result_size)
		no_result(fdc);
	return value;
}

static uint8_t read_fifo(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	uint8_t value;

	if (regs->phase == I82077_RESULT)
		return read_result(fdc);
	if (regs->phase != I82077_DATA || !i82077_is_pio(regs) || !i82077_is_read(regs))
		return 0;
	regs->interrupt &= (uint8_t)~I82077_IRQ_DATA;
	value = regs->data[regs->data_next++];
	i82077_move(fdc);
	return value;
}

/* -- the other registers -- */

static uint8_t read_msr(const struct i82077_regs *regs)
{
	const uint8_t pio = i82077_is_pio(regs) ? MSR_NONDMA : 0;

	switch (regs->phase) {
	case I82077_RESET:
		return 0;
	case I82077_COMMAND:
		return MSR_RQM | (regs->command_size ? MSR_BUSY : 0);
	case I82077_RESULT:
		return MSR_RQM | MSR_DIO | MSR_BUSY;
	case I82077_DATA:
		if (pio)
			return MSR_RQM | pio | MSR_BUSY |
			       (i82077_is_read(regs) ? MSR_DIO : 0);
		return MSR_BUSY;
	default: /* DISK, ENDING */
		return MSR_BUSY | pio;
	}
}

/* As in PS/2 mode; in PC/AT mode nothing would answer at SRA and SRB. */
static uint8_t read_sra(const struct i82077 *fdc)
{
	const struct i82077_regs *regs = &fdc->regs;
	const unsigned unit = regs->dor & DOR_UNIT;
	const struct i82077_drive *drive = drive_of(fdc, unit);
	uint8_t value = regs->sra | SRA_NOT_INDX;

	if (regs->interrupt)
		value |= SRA_INT_PENDING;
	if (regs->head)
		value |= SRA_HDSEL;
	if (!drive_of(fdc, 1))
		value |= SRA_NO_DRV2;
	if (!drive || regs->track[unit])
		value |= SRA_NOT_TRK0;
	if (!drive || !drive->read_only)
		value |= SRA_NOT_WP;
	return value;
}

static uint8_t read_srb(const struct i82077_regs *regs)
{
	return (uint8_t)(SRB_ONES | (regs->dor & 1) << 5 | (regs->dor >> 4 & 3));
}

static uint8_t read_register(struct i82077 *fdc, uint64_t offset)
{
	switch (offset) {
	case REG_SRA:
		return read_sra(fdc);
	case REG_SRB:
		return read_srb(&fdc->regs);
	case REG_DOR:
		return fdc->regs.dor;
	case REG_TDR:
		return fdc->regs.tdr;
	case REG_MSR:
		return read_msr(&fdc->regs);
	default: /* REG_FIFO */
		return read_fifo(fdc);
	}
}

static uint64_t i82077_read(void *dev, uint64_t offset, unsigned size)
{
	struct i82077 *fdc = dev;
	uint8_t value;

	(void)size;
	value = read_register(fdc, offset);
	i82077_update(fdc);
	return value;
}

static void i82077_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct i82077 *fdc = dev;

	(void)size;
	switch (offset) {
	case REG_DOR:
		write_dor(fdc, (uint8_t)value);
		break;
	case REG_TDR:
		fdc->regs.tdr = value & 3;
		break;
	case REG_MSR:
		write_dsr(fdc, (uint8_t)value);
		break;
	case REG_FIFO:
		write_fifo(fdc, (uint8_t)value);
		break;
	default: /* SRA and SRB are read only */
		break;
	}
	i82077_update(fdc);
}

static uint64_t dir_read(void *dev, uint64_t offset, unsigned size)
{
	const struct i82077 *fdc = dev;
	const unsigned unit = fdc->regs.dor & DOR_UNIT;

	(void)offset;
	(void)size;
	/* The other bits are the hard disk's in a PC/AT. */
	return drive_of(fdc, unit) && (fdc->regs.changed & 1u << unit) ? DIR_CHANGED : 0;
}

static void ccr_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct i82077 *fdc = dev;

	(void)offset;
	(void)size;
	fdc->regs.dsr = (uint8_t)((fdc->regs.dsr & ~DSR_RATE) | (value & DSR_RATE));
}

const struct io_ops i82077_io = {
	.read = i82077_read,
	.write = i82077_write,
	.max_size = 1,
};

const struct io_ops i82077_dir_io = {
	.read = dir_read,
	.write = ccr_write,
	.max_size = 1,
};

void i82077_dma_released(struct i82077 *fdc)
{
	if (fdc->regs.phase != I82077_DATA || i82077_is_pio(&fdc->regs))
		return;
	i82077_move(fdc);
	i82077_update(fdc);
}

void i82077_tick(struct i82077 *fdc)
{
	fdc->armed = INT64_MAX; /* that one is used up */
	if (fdc->deadline <= fdc->ops->now(fdc->opaque)) {
		fdc->deadline = INT64_MAX;
		if (fdc->regs.phase == I82077_DATA)
			i82077_overrun(fdc);
		else if (fdc->regs.phase == I82077_ENDING)
			i82077_end(fdc);
	}
	i82077_update(fdc);
}

void i82077_done(struct i82077 *fdc, const void *data, int error)
{
	if (fdc->regs.phase != I82077_DISK)
		return;
	i82077_disk_done(fdc, data, error);
	i82077_update(fdc);
}

/* -- life -- */

uint8_t i82077_drives_mask(const struct i82077 *fdc)
{
	return (uint8_t)((fdc->drives[0].medium != NULL) | (fdc->drives[1].medium != NULL)
								   << 1);
}

void i82077_regs_reset(const struct i82077 *fdc, struct i82077_regs *regs)
{
	*regs = (struct i82077_regs){
		.dsr = RATE_250,
		.configure = CONFIG_EFIFO,
		.changed = i82077_drives_mask(fdc),
		.next_id = { 1, 1, 1, 1 },
	};
}

void i82077_reset(struct i82077 *fdc)
{
	if (fdc->regs.phase == I82077_DISK)
		fdc->ops->cancel(fdc->opaque);
	i82077_regs_reset(fdc, &fdc->regs);
	i82077_update(fdc);
}

void i82077_init(struct i82077 *fdc, const struct i82077_drive drives[I82077_NR_DRIVES],
		 const struct i82077_ops *ops, const struct irq_line *irq, void *opaque)
{
	memset(fdc, 0, sizeof(*fdc));
	memcpy(fdc->drives, drives, sizeof(fdc->drives));
	fdc->ops = ops;
	fdc->irq = *irq;
	fdc->opaque = opaque;
	fdc->deadline = fdc->armed = INT64_MAX;
	i82077_regs_reset(fdc, &fdc->regs);
}
