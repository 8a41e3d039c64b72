/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL061 general purpose I/O.
 *
 * A line is an output, which shows what was written to DATA and goes nowhere here, or
 * an input, which the machine drives by pl061_set(). Interrupts come from inputs: edges
 * are noted when they happen, whether or not the line's interrupt is enabled, and stay
 * until IC clears them; levels are looked at when RIS is worked out. update_irq(), at
 * the end of each change, works out the level of the interrupt from `regs` and the
 * lines alone.
 *
 * An access to DATA reaches only the bits of the mask in its address, so that a driver
 * can change one line without reading the others.
 */
#include "dev/pl061.h"

#define PART     0x061
#define REVISION 0

/* The lines as they are. */
static uint8_t lines(const struct pl061 *gpio)
{
	const struct pl061_regs *regs = &gpio->regs;

	return (uint8_t)((gpio->inputs & ~regs->dir) | (regs->data & regs->dir));
}

/* The raw interrupt status. */
static uint8_t raw_status(const struct pl061 *gpio)
{
	const struct pl061_regs *regs = &gpio->regs;
	const uint8_t active = (uint8_t) ~(gpio->inputs ^ regs->iev);

	return (uint8_t)((regs->edges & ~regs->is) | (active & regs->is & ~regs->dir));
}

static void update_irq(struct pl061 *gpio)
{
	bool level = raw_status(gpio) & gpio->regs.ie;

	if (level == gpio->irq_level)
		return;
	gpio->irq_level = level;
	irq_set(&gpio->irq, level);
}

void pl061_set(struct pl061 *gpio, unsigned line, bool level)
{
	struct pl061_regs *regs = &gpio->regs;
	const uint8_t mask = (uint8_t)(1u << line % PL061_NR_LINES);
	const uint8_t wanted = regs->ibe | (level ? regs->iev : (uint8_t)~regs->iev);

	if (level == !!(gpio->inputs & mask))
		return;
	gpio->inputs ^= mask;
	regs->edges |= (uint8_t)(mask & wanted & ~regs->is & ~regs->dir);
	update_irq(gpio);
}

static uint64_t pl061_read(void *dev, uint64_t offset, unsigned size)
{
	const struct pl061 *gpio = dev;
	const struct pl061_regs *regs = &gpio->regs;

	(void)size;
	if (offset % 4)
		return 0;
	if (offset < PL061_DIR)
		return lines(gpio) & offset >> 2;
	switch (offset) {
	case PL061_DIR:
		return regs->dir;
	case PL061_IS:
		return regs->is;
	case PL061_IBE:
		return regs->ibe;
	case PL061_IEV:
		return regs->iev;
	case PL061_IE:
		return regs->ie;
	case PL061_RIS:
		return raw_status(gpio);
	case PL061_MIS:
		return raw_status(gpio) & regs->ie;
	case PL061_AFSEL:
		return regs->afsel;
	default:
		return primecell_id(PART, REVISION, offset);
	}
}

static void write_register(struct pl061_regs *regs, uint64_t offset, uint8_t value)
{
	switch (offset) {
	case PL061_DIR:
		regs->dir = value;
		break;
	case PL061_IS:
		regs->is = value;
		break;
	case PL061_IBE:
		regs->ibe = value;
		break;
	case PL061_IEV:
		regs->iev = value;
		break;
	case PL061_IE:
		regs->ie = value;
		break;
	case PL061_IC:
		regs->edges &= (uint8_t)~value;
		break;
	case PL061_AFSEL:
		regs->afsel = value;
		break;
	default: /* the rest is read only */
		break;
	}
}

static void pl061_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct pl061 *gpio = dev;
	struct pl061_regs *regs = &gpio->regs;

	(void)size;
	if (offset % 4)
		return;
	if (offset < PL061_DIR) {
		/* Of inputs nothing is kept. */
		const uint8_t mask = (uint8_t)(offset >> 2) & regs->dir;

		regs->data = (uint8_t)((regs->data & ~mask) | (value & mask));
	} else {
		write_register(regs, offset, (uint8_t)value);
	}
	update_irq(gpio);
}

const struct io_ops pl061_io = {
	.read = pl061_read,
	.write = pl061_write,
	.max_size = 4,
};

void pl061_reset(struct pl061 *gpio)
{
	gpio->regs = (struct pl061_regs){ 0 };
	update_irq(gpio);
}

void pl061_init(struct pl061 *gpio, const struct irq_line *irq)
{
	*gpio = (struct pl061){ .irq = *irq };
}

static const struct state_field fields[] = {
	STATE_FIELD(struct pl061_regs, data),  STATE_FIELD(struct pl061_regs, dir),
	STATE_FIELD(struct pl061_regs, is),    STATE_FIELD(struct pl061_regs, ibe),
	STATE_FIELD(struct pl061_regs, iev),   STATE_FIELD(struct pl061_regs, ie),
	STATE_FIELD(struct pl061_regs, afsel), STATE_FIELD(struct pl061_regs, edges),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int pl061_save(const struct pl061 *gpio, struct state_writer *writer, const char *section,
	       struct err *err)
{
	return state_save(writer, section, &layout, &gpio->regs, err);
}

int pl061_load(struct pl061 *gpio, struct bytes image, const char *section,
	       struct err *err)
{
	struct pl061_regs regs = { 0 };

	/* The chip can get into any state: nothing is left to judge. */
	if (state_load(image, section, &layout, &regs, err))
		return -1;
	gpio->regs = regs;
	gpio->irq_level = raw_status(gpio) & gpio->regs.ie;
	irq_set(&gpio->irq, gpio->irq_level);
	return 0;
}
