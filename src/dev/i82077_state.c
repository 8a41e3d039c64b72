/* SPDX-License-Identifier: BSD-2-Clause */
/* 82077AA: what outlives a snapshot, and what a hostile one must not bring in. */
#include "dev/i82077_private.h"

static const struct state_field fields[] = {
	STATE_FIELD(struct i82077_regs, dor),
	STATE_FIELD(struct i82077_regs, tdr),
	STATE_FIELD(struct i82077_regs, dsr),
	STATE_FIELD(struct i82077_regs, specify),
	STATE_FIELD(struct i82077_regs, configure),
	STATE_FIELD(struct i82077_regs, pretrk),
	STATE_FIELD(struct i82077_regs, perpendicular),
	STATE_FIELD(struct i82077_regs, lock),
	STATE_FIELD(struct i82077_regs, eot),
	STATE_FIELD(struct i82077_regs, interrupt),
	STATE_FIELD(struct i82077_regs, sra),
	STATE_FIELD(struct i82077_regs, track),
	STATE_FIELD(struct i82077_regs, changed),
	STATE_FIELD(struct i82077_regs, seek_st0),
	STATE_FIELD(struct i82077_regs, seek_done),
	STATE_FIELD(struct i82077_regs, next_id),
	STATE_FIELD(struct i82077_regs, phase),
	STATE_FIELD(struct i82077_regs, command),
	STATE_FIELD(struct i82077_regs, command_size),
	STATE_FIELD(struct i82077_regs, result),
	STATE_FIELD(struct i82077_regs, result_size),
	STATE_FIELD(struct i82077_regs, result_next),
	STATE_FIELD(struct i82077_regs, head),
	STATE_FIELD(struct i82077_regs, sector),
	STATE_FIELD(struct i82077_regs, run),
	STATE_FIELD(struct i82077_regs, careful),
	STATE_FIELD(struct i82077_regs, last),
	STATE_FIELD(struct i82077_regs, st1),
	STATE_FIELD(struct i82077_regs, st2),
	STATE_FIELD(struct i82077_regs, verify_left),
	STATE_FIELD(struct i82077_regs, data_size),
	STATE_FIELD(struct i82077_regs, data_next),
	STATE_FIELD(struct i82077_regs, data),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int i82077_save(const struct i82077 *fdc, struct state_writer *writer,
		const char *section, struct err *err)
{
	return state_save(writer, section, &layout, &fdc->regs, err);
}

/* Where the chip is in a command. */
static bool phase_valid(const struct i82077 *fdc, const struct i82077_regs *regs)
{
	const bool in_reset = !(regs->dor & DOR_NO_RESET);

	if (in_reset != (regs->phase == I82077_RESET))
		return false;
	switch (regs->phase) {
	case I82077_RESET:
		return regs->command_size == 0 && !regs->interrupt;
	case I82077_COMMAND:
		return !regs->command_size ||
		       regs->command_size < i82077_command_size(regs->command[0]);
	case I82077_RESULT:
		return regs->result_size && regs->result_size <= I82077_MAX_RESULT &&
		       regs->result_next < regs->result_size;
	case I82077_DISK:
	case I82077_DATA:
	case I82077_ENDING:
		return regs->command_size == i82077_command_size(regs->command[0]) &&
		       i82077_transfer_valid(fdc, regs);
	default:
		return false;
	}
}

static bool regs_valid(const struct i82077 *fdc, const struct i82077_regs *regs)
{
	const uint8_t irqs = I82077_IRQ_SENSE | I82077_IRQ_DATA | I82077_IRQ_RESULT;

	for (unsigned i = 0; i < I82077_NR_UNITS; i++) {
		if (!regs->next_id[i] || regs->next_id[i] > I82077_MAX_SECTORS)
			return false;
	}
	return !(regs->tdr & ~3) && !(regs->dsr & ~DSR_KEPT) &&
	       !(regs->configure & ~CONFIG_BITS) &&
	       !(regs->perpendicular & ~PERPENDICULAR_BITS) && regs->lock <= 1 &&
	       !(regs->interrupt & ~irqs) && !(regs->sra & ~SRA_DIR) &&
	       !(regs->changed & ~i82077_drives_mask(fdc)) &&
	       !(regs->seek_done & ~0x0f) && phase_valid(fdc, regs);
}

static int load_regs(const struct i82077 *fdc, struct i82077_regs *regs,
		     struct bytes image, const char *section, struct err *err)
{
	i82077_regs_reset(fdc, regs);
	if (state_load(image, section, &layout, regs, err))
		return -1;
	if (!regs_valid(fdc, regs))
		return state_err_impossible(err, section);
	return 0;
}

int i82077_load(struct i82077 *fdc, struct bytes image, const char *section,
		struct err *err)
{
	struct i82077_regs regs;

	if (load_regs(fdc, &regs, image, section, err))
		return -1;
	if (fdc->regs.phase == I82077_DISK)
		fdc->ops->cancel(fdc->opaque);
	fdc->regs = regs;
	if (regs.phase == I82077_DISK)
		i82077_resume_disk(fdc);
	else if (regs.phase == I82077_DATA || regs.phase == I82077_ENDING)
		i82077_be_patient(fdc);
	i82077_update(fdc);
	irq_set(&fdc->irq, fdc->irq_level);
	return 0;
}
