/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 82077AA: the commands that move data.
 *
 * The sectors of one side of a track, from the one that the command names to its EOT, are a
 * run. A run passes through regs->data in one piece: from the image (DISK), then to the
 * guest (DATA), or the other way. The guest ends a command by terminal count of its DMA
 * channel, so more may be read than it takes; behind EOT the other side follows, if the
 * command has MT, or the command ends with EN. Where the host cannot read a run, its sectors
 * are tried one by one, since the guest may not want the bad one.
 *
 * An image holds the sectors of its format and nothing else: IDs are those of the place,
 * data marks are not deleted ones, and a FORMAT TRACK must ask for just that. WRITE
 * DELETED writes the data and the mark is lost; READ DELETED finds none.
 */
#include <string.h>

#include "dev/i82077_private.h"

#define SIZE_512 2 /* N of an ID */

/* Of the command's bytes. */
enum {
	BYTE_C = 2,
	BYTE_H,
	BYTE_R,
	BYTE_N,
	BYTE_EOT,
	BYTE_GPL,
	BYTE_DTL, /* with VERIFY also SC */

	BYTE_FORMAT_N = 2,
	BYTE_FORMAT_SC,
	BYTE_FORMAT_GPL,
	BYTE_FORMAT_D,
};

#define ID_SIZE 4

static bool is_format(const struct i82077_regs *regs)
{
	return i82077_opcode(regs) == FORMAT_TRACK;
}

static bool is_verify(const struct i82077_regs *regs)
{
	return i82077_opcode(regs) == VERIFY;
}

/* -- the end of a command -- */

/*
 * The ID that comes next, as the result tells it: after terminal count behind EOT it is the
 * first sector, of the other side with MT, and of the next track if there is no other side
 * left. Without terminal count (EN) it is the last sector, and one that was not found is
 * that one.
 */
static void set_id(const struct i82077_regs *regs, uint8_t *result, uint8_t st1)
{
	const bool mt = regs->command[0] & MT;
	const bool is_end = regs->sector == (uint8_t)(regs->command[BYTE_EOT] + 1);

	result[0] = regs->command[BYTE_C];
	result[1] = regs->command[BYTE_H];
	result[2] = st1 & ST1_EN ? regs->command[BYTE_EOT] : regs->sector;
	result[3] = regs->command[BYTE_N];
	if (mt && regs->head != i82077_head(regs))
		result[1] ^= 1; /* it has changed sides already */
	if (!is_end || (st1 & (ST1_EN | ST1_ND | ST1_NW | ST1_MA)))
		return;
	result[2] = 1;
	if (!mt || regs->head)
		result[0]++;
	if (mt)
		result[1] ^= 1;
}

static void set_result(struct i82077 *fdc, uint8_t st1, uint8_t st2)
{
	struct i82077_regs *regs = &fdc->regs;

	regs->result[0] =
		(uint8_t)((st1 ? ST0_ABNORMAL : 0) | regs->head << 2 | i82077_unit(regs));
	regs->result[1] = st1;
	regs->result[2] = st2;
	if (is_format(regs)) /* no meaning, says the data sheet */
		memset(regs->result + 3, 0, ID_SIZE);
	else
		set_id(regs, regs->result + 3, st1);
	i82077_result(fdc, 7, true);
}

/* Over, well or not. */
static void finish(struct i82077 *fdc, uint8_t st1, uint8_t st2)
{
	struct i82077_regs *regs = &fdc->regs;

	if (regs->phase == I82077_DATA && i82077_is_pio(regs)) {
		regs->phase = I82077_ENDING;
		regs->interrupt &= (uint8_t)~I82077_IRQ_DATA;
		regs->st1 = st1;
		regs->st2 = st2;
		i82077_be_patient(fdc);
		return;
	}
	set_result(fdc, st1, st2);
}

void i82077_end(struct i82077 *fdc)
{
	set_result(fdc, fdc->regs.st1, fdc->regs.st2);
}

/* -- the image -- */

static uint64_t offset_of(const struct i82077_medium *medium, unsigned track,
			  unsigned head, unsigned sector)
{
	return ((uint64_t)(track * medium->heads + head) * medium->sectors + sector - 1) *
	       I82077_SECTOR;
}

/* Begin to move the run between `data` and the image. */
static void begin_disk(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const unsigned unit = i82077_unit(regs);
	const uint64_t offset = offset_of(fdc->drives[unit].medium, regs->track[unit],
					  regs->head, regs->sector);
	const size_t size = (size_t)regs->run * I82077_SECTOR;

	regs->phase = I82077_DISK;
	regs->interrupt &= (uint8_t)~I82077_IRQ_DATA;
	if (i82077_is_read(regs) || is_verify(regs))
		fdc->ops->read(fdc->opaque, unit, offset, size);
	else
		fdc->ops->write(fdc->opaque, unit, offset, regs->data, size);
}

void i82077_resume_disk(struct i82077 *fdc)
{
	begin_disk(fdc);
}

/* -- runs -- */

/* Wait for the guest to take or give `size` bytes. */
static void begin_data(struct i82077 *fdc, size_t size)
{
	struct i82077_regs *regs = &fdc->regs;

	regs->phase = I82077_DATA;
	regs->data_size = (uint16_t)size;
	regs->data_next = 0;
	if (i82077_is_pio(regs))
		regs->interrupt |= I82077_IRQ_DATA;
	i82077_be_patient(fdc);
	if (!i82077_is_pio(regs))
		i82077_move(fdc);
}

/* How many sectors follow on this side, up to EOT; 0: the next one is not there. */
static unsigned run_length(const struct i82077_regs *regs,
			   const struct i82077_medium *medium)
{
	unsigned end = regs->command[BYTE_EOT], length;

	if (!regs->sector || regs->sector > medium->sectors)
		return 0;
	/* EOT is compared after each sector: one that lies before the first is not met. */
	if (end < regs->sector || end > medium->sectors)
		end = medium->sectors;
	length = end - regs->sector + 1u;
	if (is_verify(regs) && (regs->command[1] & VERIFY_EC) &&
	    length > regs->verify_left)
		length = regs->verify_left;
	/* A sector with the wrong kind of mark is the last. */
	if (regs->careful || i82077_opcode(regs) == READ_DELETED)
		length = 1;
	return length;
}

static void begin_run(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const struct i82077_medium *medium = i82077_medium(fdc);

	/* The guest may have stopped the motor meanwhile. */
	if (!medium) {
		finish(fdc, ST1_MA, 0);
		return;
	}
	regs->run = (uint8_t)run_length(regs, medium);
	if (!regs->run)
		finish(fdc, ST1_ND, 0);
	else if (i82077_is_read(regs) || is_verify(regs))
		begin_disk(fdc);
	else
		begin_data(fdc, (size_t)regs->run * I82077_SECTOR);
}

/* `sectors` of the run are through. */
static void advance(struct i82077_regs *regs, unsigned sectors)
{
	regs->sector = (uint8_t)(regs->sector + sectors);
	regs->verify_left = (uint16_t)(regs->verify_left - sectors);
}

/* The run is through, and the guest has not said that this is all. */
static void next_run(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const bool counts = is_verify(regs) && (regs->command[1] & VERIFY_EC);

	if (counts && !regs->verify_left) {
		finish(fdc, 0, 0);
	} else if (regs->sector != (uint8_t)(regs->command[BYTE_EOT] + 1)) {
		begin_run(fdc);
	} else if ((regs->command[0] & MT) && regs->head == 0) {
		regs->head = 1;
		regs->sector = 1;
		begin_run(fdc);
	} else {
		/* VERIFY has no terminal count, so this is its end. */
		finish(fdc, is_verify(regs) && !counts ? 0 : ST1_EN, 0);
	}
}

/* -- between chip and guest -- */

/* Sectors that are wholly or partly in the first `size` bytes of the run. */
static unsigned sectors_in(size_t size)
{
	return (unsigned)((size + I82077_SECTOR - 1) / I82077_SECTOR);
}

/* What was read is with the guest, or as much of it as it wanted. */
static void given(struct i82077 *fdc, bool tc)
{
	struct i82077_regs *regs = &fdc->regs;

	if (i82077_opcode(regs) == READ_DELETED) {
		finish(fdc, 0, ST2_CM);
		return;
	}
	advance(regs, sectors_in(regs->data_next));
	if (tc)
		finish(fdc, 0, 0);
	else
		next_run(fdc);
}

/* The IDs of FORMAT TRACK: just the sectors of this side, each once, in any order? */
static bool ids_fit(const struct i82077_regs *regs, const struct i82077_medium *medium)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < medium->sectors; i++) {
		const uint8_t *id = regs->data + (size_t)i * ID_SIZE;

		if (id[0] != regs->track[i82077_unit(regs)] || id[1] != regs->head ||
		    !id[2] || id[2] > medium->sectors || id[3] != SIZE_512)
			return false;
		seen |= UINT64_C(1) << id[2];
	}
	return __builtin_popcountll(seen) == medium->sectors;
}

static void write_format(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const struct i82077_medium *medium = i82077_medium(fdc);

	if (!medium || regs->data_next < medium->sectors * ID_SIZE ||
	    !ids_fit(regs, medium)) {
		finish(fdc, ST1_ND, 0);
		return;
	}
	regs->sector = 1;
	regs->run = medium->sectors;
	regs->last = 1;
	memset(regs->data, regs->command[BYTE_FORMAT_D], sizeof(regs->data));
	begin_disk(fdc);
}

/* What the guest wants to have written is here: all of the run, or up to `tc`. */
static void taken(struct i82077 *fdc, bool tc)
{
	struct i82077_regs *regs = &fdc->regs;
	const unsigned sectors = sectors_in(regs->data_next);

	if (is_format(regs)) {
		write_format(fdc);
		return;
	}
	if (!sectors) {
		finish(fdc, 0, 0);
		return;
	}
	/* The rest of a sector is filled with zeroes. */
	memset(regs->data + regs->data_next, 0,
	       (size_t)sectors * I82077_SECTOR - regs->data_next);
	regs->run = (uint8_t)sectors;
	regs->last = tc;
	begin_disk(fdc);
}

/* Ask the DMA channel. */
static bool move_by_dma(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const size_t left = (size_t)(regs->data_size - regs->data_next);
	uint8_t *at = regs->data + regs->data_next;
	bool tc = false;
	size_t moved;

	if (i82077_is_read(regs))
		moved = fdc->ops->to_memory(fdc->opaque, at, left, &tc);
	else
		moved = fdc->ops->from_memory(fdc->opaque, at, left, &tc);
	if (moved)
		i82077_be_patient(fdc);
	regs->data_next = (uint16_t)(regs->data_next + moved);
	return tc;
}

void i82077_move(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	bool tc = false;

	if (i82077_is_pio(regs))
		i82077_be_patient(fdc);
	else
		tc = move_by_dma(fdc);
	if (!tc && regs->data_next < regs->data_size)
		return;
	if (i82077_is_read(regs))
		given(fdc, tc);
	else
		taken(fdc, tc);
}

/*
 * The guest does not go on. What it has read, it has; of what it wanted to write, whole
 * sectors are written, and the one in which it stopped is not.
 */
void i82077_overrun(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;

	/* The interrupt of the data, if nobody has heard it: the result's is another edge. */
	regs->interrupt &= (uint8_t)~I82077_IRQ_DATA;
	i82077_update(fdc);
	regs->st1 = ST1_OR;
	if (i82077_is_read(regs)) {
		advance(regs, regs->data_next / I82077_SECTOR);
		set_result(fdc, ST1_OR, 0);
	} else if (is_format(regs) || regs->data_next < I82077_SECTOR) {
		set_result(fdc, ST1_OR, 0);
	} else {
		regs->run = (uint8_t)(regs->data_next / I82077_SECTOR);
		regs->last = 1;
		begin_disk(fdc);
	}
}

/* -- what the host has done -- */

static void disk_failed(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const bool is_write = !i82077_is_read(regs) && !is_verify(regs);

	if (is_write) { /* as if the ID could not be read */
		finish(fdc, ST1_DE, 0);
	} else if (regs->run == 1) {
		finish(fdc, ST1_DE, ST2_DD);
	} else {
		regs->careful = 1;
		begin_run(fdc);
	}
}

void i82077_disk_done(struct i82077 *fdc, const void *data, int error)
{
	struct i82077_regs *regs = &fdc->regs;
	const size_t size = (size_t)regs->run * I82077_SECTOR;

	if (error) {
		disk_failed(fdc);
	} else if (i82077_is_read(regs)) {
		memcpy(regs->data, data, size);
		begin_data(fdc, size);
	} else {
		advance(regs, regs->run);
		if (regs->last)
			finish(fdc, regs->st1, 0);
		else
			next_run(fdc);
	}
}

/* -- the beginning of a command -- */

static bool is_write_protected(const struct i82077 *fdc)
{
	const enum opcode opcode = i82077_opcode(&fdc->regs);
	const bool writes =
		opcode == WRITE_DATA || opcode == WRITE_DELETED || opcode == FORMAT_TRACK;

	return writes && fdc->drives[i82077_unit(&fdc->regs)].read_only;
}

/*
 * Is there a track with marks under the head? Also what all commands here begin with. If
 * not, the command is over.
 */
static const struct i82077_medium *find_marks(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const struct i82077_medium *medium = i82077_medium(fdc);

	regs->head = (uint8_t)i82077_head(regs);
	regs->careful = regs->last = regs->st1 = regs->st2 = 0;
	if (medium && (regs->command[0] & MFM) &&
	    regs->track[i82077_unit(regs)] < medium->tracks)
		return medium;
	set_result(fdc, ST1_MA, 0);
	return NULL;
}

/* Do C, H and N of the command fit the IDs of the track? R is for begin_run(). */
static bool find_id(struct i82077 *fdc)
{
	const struct i82077_regs *regs = &fdc->regs;

	/* Its sectors come in the order of the disk, whatever their IDs are. */
	if (i82077_opcode(regs) == READ_TRACK)
		return true;
	if (regs->command[BYTE_C] != regs->track[i82077_unit(regs)]) {
		set_result(fdc, ST1_ND, ST2_WC);
		return false;
	}
	if (regs->command[BYTE_H] != regs->head || regs->command[BYTE_N] != SIZE_512) {
		set_result(fdc, ST1_ND, 0);
		return false;
	}
	return true;
}

void i82077_begin_transfer(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const enum opcode opcode = i82077_opcode(regs);

	if (regs->configure & CONFIG_EIS)
		i82077_seek_to(fdc, i82077_unit(regs), regs->command[BYTE_C]);
	regs->eot = regs->command[BYTE_EOT];
	regs->sector = opcode == READ_TRACK ? 1 : regs->command[BYTE_R];
	regs->verify_left = regs->command[BYTE_DTL] ? regs->command[BYTE_DTL] : 256;
	if (!find_marks(fdc))
		return;
	if (is_write_protected(fdc)) {
		set_result(fdc, ST1_NW, 0);
		return;
	}
	if (!find_id(fdc))
		return;
	/* With SK, READ DELETED skips all that is not deleted, up to EOT. */
	if (opcode == READ_DELETED && (regs->command[0] & SK)) {
		regs->sector = (uint8_t)(regs->command[BYTE_EOT] + 1);
		set_result(fdc, ST1_EN, ST2_CM);
		return;
	}
	begin_run(fdc);
}

void i82077_begin_format(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const struct i82077_medium *medium = find_marks(fdc);

	if (!medium)
		return;
	regs->eot = regs->command[BYTE_FORMAT_SC];
	if (is_write_protected(fdc))
		set_result(fdc, ST1_NW, 0);
	else if (regs->command[BYTE_FORMAT_SC] != medium->sectors ||
		 regs->command[BYTE_FORMAT_N] != SIZE_512)
		set_result(fdc, ST1_ND, 0);
	else
		begin_data(fdc, (size_t)medium->sectors * ID_SIZE);
}

void i82077_read_id(struct i82077 *fdc)
{
	struct i82077_regs *regs = &fdc->regs;
	const unsigned unit = i82077_unit(regs);
	const struct i82077_medium *medium;

	/* For the result, which is to have nothing of the last command. */
	memset(regs->command + 2, 0, sizeof(regs->command) - 2);
	regs->command[BYTE_EOT] = UINT8_MAX;
	regs->sector = 0;
	medium = find_marks(fdc);
	if (!medium)
		return;
	if (regs->next_id[unit] > medium->sectors)
		regs->next_id[unit] = 1;
	regs->command[BYTE_C] = regs->track[unit];
	regs->command[BYTE_H] = regs->head;
	regs->command[BYTE_N] = SIZE_512;
	regs->sector = regs->next_id[unit];
	regs->next_id[unit] = (uint8_t)(regs->sector % medium->sectors + 1);
	set_result(fdc, 0, 0);
}

/* -- saved states -- */

/* Is the run a part of the side of a track, and has it come as far as it says? */
static bool run_valid(const struct i82077_regs *regs, const struct i82077_medium *medium)
{
	const unsigned end = (unsigned)regs->sector + regs->run;
	const size_t size = (size_t)regs->run * I82077_SECTOR;

	if (regs->track[i82077_unit(regs)] >= medium->tracks || regs->head > 1)
		return false;
	if (regs->phase == I82077_ENDING)
		return true;
	if (is_format(regs) && regs->phase == I82077_DATA)
		return regs->data_size == medium->sectors * ID_SIZE &&
		       regs->data_next < regs->data_size;
	if (!regs->sector || !regs->run || end > medium->sectors + 1u)
		return false;
	return regs->phase == I82077_DISK ||
	       (regs->data_size == size && regs->data_next < size);
}

bool i82077_transfer_valid(const struct i82077 *fdc, const struct i82077_regs *regs)
{
	const unsigned unit = i82077_unit(regs);

	switch (i82077_opcode(regs)) {
	case READ_TRACK:
	case READ_DATA:
	case READ_DELETED:
	case WRITE_DATA:
	case WRITE_DELETED:
	case FORMAT_TRACK:
		break;
	case VERIFY: /* the guest gets nothing */
		if (regs->phase != I82077_DISK)
			return false;
		break;
	default:
		return false;
	}
	if (unit >= I82077_NR_DRIVES || !fdc->drives[unit].medium)
		return false;
	if (fdc->drives[unit].read_only && !i82077_is_read(regs) && !is_verify(regs))
		return false;
	return run_valid(regs, fdc->drives[unit].medium);
}
