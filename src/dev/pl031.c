/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL031 real-time clock.
 *
 * Nothing runs in here: the counter is worked out from the host's clock when somebody
 * looks, so it follows that clock when it is set. catch_up(), at the start of each
 * access and tick, asks whether the counter has passed the match register since the
 * last look, and sets RIS if so. A clock that was set back passes nothing.
 *
 * A host timer is armed only while the interrupt is enabled and not there yet. The
 * host's clock is read once in each access, or a match could fall between two looks.
 *
 * The counter runs from the start (CR reads 1), as if firmware had set it going: once
 * it runs, a write to CR has no effect before a reset, says the manual.
 */
#include "dev/pl031.h"

#define PART          0x031
#define REVISION      0
#define NS_PER_SECOND INT64_C(1000000000)

/* Whole seconds of ours since the epoch; -1 is possible, in its first second. */
static int64_t whole_seconds(const struct pl031 *rtc, int64_t now)
{
	return (now - (int64_t)rtc->regs.phase_ns + NS_PER_SECOND) / NS_PER_SECOND - 1;
}

static uint32_t counter(const struct pl031 *rtc, int64_t now)
{
	return rtc->regs.offset + (uint32_t)whole_seconds(rtc, now);
}

static int64_t host_now(const struct pl031 *rtc)
{
	return rtc->ops->now(rtc->opaque);
}

/* Has the counter passed the match register? All modulo 2^32, as the chip counts. */
static void catch_up(struct pl031 *rtc, int64_t now)
{
	struct pl031_regs *regs = &rtc->regs;
	const uint32_t value = counter(rtc, now);
	const uint32_t passed =
		value - regs->seen; /* half of all numbers: it went back */

	if (passed && (value == regs->mr || (passed < UINT32_C(1) << 31 &&
					     regs->mr - regs->seen - 1 < passed)))
		regs->ris = 1;
	regs->seen = value;
}

/* When pl031_tick() is needed. */
static int64_t next_deadline(const struct pl031 *rtc, int64_t now)
{
	const struct pl031_regs *regs = &rtc->regs;
	int64_t seconds = whole_seconds(rtc, now);
	uint32_t left = regs->mr - regs->seen;

	/* Equal, and yet no interrupt: it was cleared. The next is 136 years away. */
	if (!regs->imsc || regs->ris || !left)
		return INT64_MAX;
	seconds += left;
	if (seconds >= INT64_MAX / NS_PER_SECOND)
		return INT64_MAX;
	return seconds * NS_PER_SECOND + regs->phase_ns;
}

/* After each change: drive the line and ask for the next tick. */
static void update(struct pl031 *rtc, int64_t now)
{
	bool level = rtc->regs.ris & rtc->regs.imsc;
	int64_t deadline = next_deadline(rtc, now);

	if (deadline != rtc->armed) {
		rtc->armed = deadline;
		rtc->ops->arm(rtc->opaque, deadline);
	}
	if (level != rtc->irq_level) {
		rtc->irq_level = level;
		irq_set(&rtc->irq, level);
	}
}

static uint64_t pl031_read(void *dev, uint64_t offset, unsigned size)
{
	struct pl031 *rtc = dev;
	struct pl031_regs *regs = &rtc->regs;
	const int64_t now = host_now(rtc);

	(void)size;
	if (offset % 4)
		return 0;
	catch_up(rtc, now);
	update(rtc, now);
	switch (offset) {
	case PL031_DR:
		return regs->seen;
	case PL031_MR:
		return regs->mr;
	case PL031_LR:
		return regs->lr;
	case PL031_CR:
		return 1;
	case PL031_IMSC:
		return regs->imsc;
	case PL031_RIS:
		return regs->ris;
	case PL031_MIS:
		return regs->ris & regs->imsc;
	default:
		return primecell_id(PART, REVISION, offset);
	}
}

static void write_mr(struct pl031_regs *regs, uint32_t value)
{
	regs->mr = value;
	if (value == regs->seen)
		regs->ris = 1;
}

/* The second begins now. */
static void write_lr(struct pl031 *rtc, int64_t now, uint32_t value)
{
	struct pl031_regs *regs = &rtc->regs;

	regs->lr = value;
	regs->phase_ns = (uint32_t)(now % NS_PER_SECOND);
	regs->offset = value - (uint32_t)whole_seconds(rtc, now);
	regs->seen = value;
	if (value == regs->mr)
		regs->ris = 1;
}

static void pl031_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct pl031 *rtc = dev;
	const int64_t now = host_now(rtc);

	(void)size;
	if (offset % 4)
		return;
	catch_up(rtc, now);
	switch (offset) {
	case PL031_MR:
		write_mr(&rtc->regs, (uint32_t)value);
		break;
	case PL031_LR:
		write_lr(rtc, now, (uint32_t)value);
		break;
	case PL031_IMSC:
		rtc->regs.imsc = value & 1;
		break;
	case PL031_ICR:
		rtc->regs.ris &= (uint8_t)~value;
		break;
	default: /* the rest is read only, or runs already */
		break;
	}
	update(rtc, now);
}

const struct io_ops pl031_io = {
	.read = pl031_read,
	.write = pl031_write,
	.max_size = 4,
};

void pl031_tick(struct pl031 *rtc)
{
	const int64_t now = host_now(rtc);

	rtc->armed = INT64_MAX; /* that one is used up */
	catch_up(rtc, now);
	update(rtc, now);
}

void pl031_reset(struct pl031 *rtc)
{
	const int64_t now = host_now(rtc);

	catch_up(rtc, now);
	rtc->regs.mr = rtc->regs.lr = 0;
	rtc->regs.imsc = rtc->regs.ris = 0;
	update(rtc, now);
}

void pl031_init(struct pl031 *rtc, const struct pl031_ops *ops,
		const struct irq_line *irq, void *opaque)
{
	*rtc = (struct pl031){
		.ops = ops, .irq = *irq, .opaque = opaque, .armed = INT64_MAX
	};
	rtc->regs.seen = counter(rtc, host_now(rtc));
}

static const struct state_field fields[] = {
	STATE_FIELD(struct pl031_regs, mr),     STATE_FIELD(struct pl031_regs, lr),
	STATE_FIELD(struct pl031_regs, imsc),   STATE_FIELD(struct pl031_regs, ris),
	STATE_FIELD(struct pl031_regs, offset), STATE_FIELD(struct pl031_regs, phase_ns),
	STATE_FIELD(struct pl031_regs, seen),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int pl031_save(const struct pl031 *rtc, struct state_writer *writer, const char *section,
	       struct err *err)
{
	return state_save(writer, section, &layout, &rtc->regs, err);
}

int pl031_load(struct pl031 *rtc, struct bytes image, const char *section,
	       struct err *err)
{
	struct pl031_regs regs = { .seen = rtc->regs.seen };
	int64_t now;

	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (regs.imsc > 1 || regs.ris > 1 || regs.phase_ns >= NS_PER_SECOND)
		return state_err_impossible(err, section);
	rtc->regs = regs;
	now = host_now(rtc);
	catch_up(rtc, now);
	rtc->irq_level = rtc->regs.ris & rtc->regs.imsc;
	irq_set(&rtc->irq, rtc->irq_level);
	update(rtc, now);
	return 0;
}
