/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goldfish real-time clock.
 *
 * Nothing runs in here: the time is the host's plus an offset, so it follows the host's
 * clock when that is set. settle(), in each access and tick, lets the alarm go off when
 * it is due, at once if it was armed too late. A host timer is armed only for an alarm
 * whose interrupt is enabled. The host's clock is read once in each access, or an alarm
 * could become due between two looks.
 *
 * 64-bit values are cut in two. Reading the time, TIME_LOW comes first and latches
 * TIME_HIGH; setting time or alarm, the high half comes first and the low one applies
 * both, or arms. So no half of a value is ever in force.
 */
#include "dev/goldfish_rtc.h"

static int64_t host_now(const struct goldfish_rtc *rtc)
{
	return rtc->ops->now(rtc->opaque);
}

static uint64_t guest_time(const struct goldfish_rtc *rtc, int64_t now)
{
	return (uint64_t)now + rtc->regs.offset;
}

/* When goldfish_rtc_tick() is needed. An alarm that is armed lies ahead. */
static int64_t next_deadline(const struct goldfish_rtc *rtc, int64_t now)
{
	const struct goldfish_rtc_regs *regs = &rtc->regs;
	const uint64_t left = regs->alarm - guest_time(rtc, now);

	if (!regs->alarm_armed || !regs->irq_enabled ||
	    left >= (uint64_t)(INT64_MAX - now))
		return INT64_MAX;
	return now + (int64_t)left;
}

/* Time has passed or something has changed: alarm, line and timer follow. */
static void settle(struct goldfish_rtc *rtc, int64_t now)
{
	struct goldfish_rtc_regs *regs = &rtc->regs;
	int64_t deadline;
	bool level;

	if (regs->alarm_armed && guest_time(rtc, now) >= regs->alarm) {
		regs->alarm_armed = 0;
		regs->irq_pending = 1;
	}
	deadline = next_deadline(rtc, now);
	level = regs->irq_pending & regs->irq_enabled;
	if (deadline != rtc->armed) {
		rtc->armed = deadline;
		rtc->ops->arm(rtc->opaque, deadline);
	}
	if (level != rtc->irq_level) {
		rtc->irq_level = level;
		irq_set(&rtc->irq, level);
	}
}

static uint32_t read_time_low(struct goldfish_rtc *rtc, int64_t now)
{
	const uint64_t time = guest_time(rtc, now);

	rtc->regs.time_high = (uint32_t)(time >> 32);
	return (uint32_t)time;
}

static uint64_t goldfish_rtc_read(void *dev, uint64_t offset, unsigned size)
{
	struct goldfish_rtc *rtc = dev;
	const struct goldfish_rtc_regs *regs = &rtc->regs;
	const int64_t now = host_now(rtc);

	if (size != 4)
		return 0;
	settle(rtc, now);
	switch (offset) {
	case GOLDFISH_RTC_TIME_LOW:
		return read_time_low(rtc, now);
	case GOLDFISH_RTC_TIME_HIGH:
		return regs->time_high;
	case GOLDFISH_RTC_ALARM_LOW:
		return (uint32_t)regs->alarm;
	case GOLDFISH_RTC_ALARM_HIGH:
		return regs->alarm >> 32;
	case GOLDFISH_RTC_IRQ_ENABLED:
		return regs->irq_enabled;
	case GOLDFISH_RTC_ALARM_STATUS:
		return regs->alarm_armed;
	default:
		return 0;
	}
}

static void write_register(struct goldfish_rtc *rtc, uint64_t offset, int64_t now,
			   uint32_t value)
{
	struct goldfish_rtc_regs *regs = &rtc->regs;

	switch (offset) {
	case GOLDFISH_RTC_TIME_LOW:
		regs->offset = ((uint64_t)regs->time_high << 32 | value) - (uint64_t)now;
		break;
	case GOLDFISH_RTC_TIME_HIGH:
		regs->time_high = value;
		break;
	case GOLDFISH_RTC_ALARM_LOW:
		regs->alarm = (regs->alarm >> 32 << 32) | value;
		regs->alarm_armed = 1;
		break;
	case GOLDFISH_RTC_ALARM_HIGH:
		regs->alarm = (uint64_t)value << 32 | (uint32_t)regs->alarm;
		break;
	case GOLDFISH_RTC_IRQ_ENABLED:
		regs->irq_enabled = value & 1;
		break;
	case GOLDFISH_RTC_CLEAR_ALARM:
		regs->alarm_armed = 0;
		break;
	case GOLDFISH_RTC_CLEAR_INTERRUPT:
		regs->irq_pending = 0;
		break;
	default:
		break;
	}
}

static void goldfish_rtc_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct goldfish_rtc *rtc = dev;
	const int64_t now = host_now(rtc);

	if (size != 4)
		return;
	settle(rtc, now);
	write_register(rtc, offset, now, (uint32_t)value);
	settle(rtc, now);
}

const struct io_ops goldfish_rtc_io = {
	.read = goldfish_rtc_read,
	.write = goldfish_rtc_write,
	.max_size = 4,
};

void goldfish_rtc_tick(struct goldfish_rtc *rtc)
{
	rtc->armed = INT64_MAX; /* that one is used up */
	settle(rtc, host_now(rtc));
}

void goldfish_rtc_reset(struct goldfish_rtc *rtc)
{
	rtc->regs = (struct goldfish_rtc_regs){ .offset = rtc->regs.offset };
	settle(rtc, host_now(rtc));
}

void goldfish_rtc_init(struct goldfish_rtc *rtc, const struct goldfish_rtc_ops *ops,
		       const struct irq_line *irq, void *opaque)
{
	*rtc = (struct goldfish_rtc){
		.ops = ops, .irq = *irq, .opaque = opaque, .armed = INT64_MAX
	};
}

static const struct state_field fields[] = {
	STATE_FIELD(struct goldfish_rtc_regs, offset),
	STATE_FIELD(struct goldfish_rtc_regs, alarm),
	STATE_FIELD(struct goldfish_rtc_regs, time_high),
	STATE_FIELD(struct goldfish_rtc_regs, alarm_armed),
	STATE_FIELD(struct goldfish_rtc_regs, irq_enabled),
	STATE_FIELD(struct goldfish_rtc_regs, irq_pending),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int goldfish_rtc_save(const struct goldfish_rtc *rtc, struct state_writer *writer,
		      const char *section, struct err *err)
{
	return state_save(writer, section, &layout, &rtc->regs, err);
}

int goldfish_rtc_load(struct goldfish_rtc *rtc, struct bytes image, const char *section,
		      struct err *err)
{
	struct goldfish_rtc_regs regs = { 0 };

	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (regs.alarm_armed > 1 || regs.irq_enabled > 1 || regs.irq_pending > 1)
		return state_err_impossible(err, section);
	rtc->regs = regs;
	rtc->irq_level = regs.irq_pending & regs.irq_enabled;
	irq_set(&rtc->irq, rtc->irq_level);
	settle(rtc, host_now(rtc));
	return 0;
}
