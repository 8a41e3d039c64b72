/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MC146818 real-time clock.
 *
 * Nothing runs in here. The time registers hold the bytes of one second, in the
 * guest's format, and second_ns tells when that second began on the host's
 * clock. catch_up(), at the start of each access and tick, finds how many
 * seconds have passed since, moves the registers on by so many, and sets the
 * flags that this would have set. So a time that the guest writes stays as
 * written until the second is over, like on the chip, and the clock follows
 * the host's when that is set, forwards or back.
 *
 * A host timer is armed only for an interrupt that the guest has enabled and
 * whose flag is not set yet; a guest that does not read register C gets no
 * more ticks, and ticks that were missed are one flag.
 *
 * The divider counts 32768 ticks a second; all periodic rates divide that, so
 * their periods are counted from the start of the second.
 */
#include <string.h>

#include "dev/mc146818.h"

#define NS_PER_SECOND       INT64_C(1000000000)
#define SECONDS_PER_DAY     86400
#define TICKS_PER_SECOND    32768
#define UPDATE_CYCLE_NS     2228000   /* UIP: 244 us of warning, 1984 us of update */
#define DIVIDER_START_NS    500000000 /* first update after the divider's reset */
#define INDEX_MASK          0x7f /* bit 7 of port 0x70 masks NMIs, of which there are none */
#define C_FLAGS             (RTC_C_PF | RTC_C_AF | RTC_C_UF)
#define B_INTERRUPTS        (RTC_B_PIE | RTC_B_AIE | RTC_B_UIE) /* where C has its flags */
#define DAYS_TO_1970        INT64_C(719528) /* from year 0 of the Gregorian calendar */
#define DAYS_IN_10000_YEARS INT64_C(3652425)

static const uint8_t month_days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

/* The calendar: days are counted from the first of January of the year 0. */

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	return month_days[month - 1] + (month == 2 && is_leap(year));
}

/* How many days come before the first of January; the year 0 is a leap year. */
static int64_t days_before_year(unsigned year)
{
	return (int64_t)year * 365 + (year + 3) / 4 - (year + 99) / 100 +
	       (year + 399) / 400;
}

static int64_t days_from_date(unsigned year, unsigned month, unsigned day)
{
	int64_t days = days_before_year(year) + day - 1;

	for (unsigned m = 1; m < month; m++)
		days += days_in_month(year, m);
	return days;
}

static void date_from_days(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	unsigned y = (unsigned)(days / 366); /* not later than the real one */
	unsigned m = 1;

	while (days_before_year(y + 1) <= days)
		y++;
	days -= days_before_year(y);
	for (; days >= days_in_month(y, m); m++)
		days -= days_in_month(y, m);
	*year = y;
	*month = m;
	*day = (unsigned)days + 1;
}

/* The format of the registers, which register B chooses. */

static uint8_t encode(const struct mc146818_regs *regs, unsigned value)
{
	if (regs->ram[RTC_B] & RTC_B_DM)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static unsigned decode(const struct mc146818_regs *regs, uint8_t raw)
{
	if (regs->ram[RTC_B] & RTC_B_DM)
		return raw;
	return (raw >> 4) * 10u + (raw & 15);
}

static uint8_t encode_hour(const struct mc146818_regs *regs, unsigned hour)
{
	unsigned of_half_day = hour % 12 ? hour % 12 : 12;

	if (regs->ram[RTC_B] & RTC_B_24H)
		return encode(regs, hour);
	return encode(regs, of_half_day) | (hour >= 12 ? RTC_PM : 0);
}

static unsigned decode_hour(const struct mc146818_regs *regs, uint8_t raw)
{
	if (regs->ram[RTC_B] & RTC_B_24H)
		return decode(regs, raw);
	return decode(regs, raw & (uint8_t)~RTC_PM) % 12 + (raw & RTC_PM ? 12 : 0);
}

static unsigned clamp(unsigned value, unsigned low, unsigned high)
{
	return value < low ? low : value > high ? high : value;
}

/*
 * The time registers as seconds since the year 0. The guest may have written
 * anything: what is no date becomes the nearest one.
 */
static int64_t get_time(const struct mc146818_regs *regs)
{
	const uint8_t *ram = regs->ram;
	unsigned century = clamp(decode(regs, ram[RTC_CENTURY]), 0, 99);
	unsigned year = century * 100 + clamp(decode(regs, ram[RTC_YEAR]), 0, 99);
	unsigned month = clamp(decode(regs, ram[RTC_MONTH]), 1, 12);
	unsigned day =
		clamp(decode(regs, ram[RTC_DAY_OF_MONTH]), 1, days_in_month(year, month));
	unsigned hour = clamp(decode_hour(regs, ram[RTC_HOURS]), 0, 23);
	unsigned minute = clamp(decode(regs, ram[RTC_MINUTES]), 0, 59);
	unsigned second = clamp(decode(regs, ram[RTC_SECONDS]), 0, 59);
	unsigned of_day = hour * 3600 + minute * 60 + second;

	return days_from_date(year, month, day) * SECONDS_PER_DAY + of_day;
}

/* The day of the week is a counter of its own and not touched here. */
static void set_time(struct mc146818_regs *regs, int64_t time)
{
	int64_t days = time / SECONDS_PER_DAY;
	unsigned of_day = (unsigned)(time % SECONDS_PER_DAY);
	unsigned year, month, day;

	date_from_days(days, &year, &month, &day);
	regs->ram[RTC_SECONDS] = encode(regs, of_day % 60);
	regs->ram[RTC_MINUTES] = encode(regs, of_day / 60 % 60);
	regs->ram[RTC_HOURS] = encode_hour(regs, of_day / 3600);
	regs->ram[RTC_DAY_OF_MONTH] = encode(regs, day);
	regs->ram[RTC_MONTH] = encode(regs, month);
	regs->ram[RTC_YEAR] = encode(regs, year % 100);
	regs->ram[RTC_CENTURY] = encode(regs, year / 100);
}

/* Floor division: the remainder is not negative. */
static int64_t modulo(int64_t value, int64_t divisor)
{
	int64_t rest = value % divisor;

	return rest < 0 ? rest + divisor : rest;
}

/* Move the time registers by `seconds`, which may be negative. */
static void advance(struct mc146818_regs *regs, int64_t seconds)
{
	const int64_t cycle = DAYS_IN_10000_YEARS * SECONDS_PER_DAY;
	int64_t old = get_time(regs);
	int64_t new = modulo(old + seconds % cycle, cycle);
	uint8_t weekday =
		regs->ram[RTC_DAY_OF_WEEK]; /* 1 to 7: the same in both formats */
	int64_t days = new / SECONDS_PER_DAY - old / SECONDS_PER_DAY;

	set_time(regs, new);
	if (weekday >= 1 && weekday <= 7)
		regs->ram[RTC_DAY_OF_WEEK] = (uint8_t)(modulo(weekday - 1 + days, 7) + 1);
}

/* The state of the machinery. */

static bool divider_held(const struct mc146818_regs *regs)
{
	return (regs->ram[RTC_A] & 0x60) == 0x60;
}

static bool updates_run(const struct mc146818_regs *regs)
{
	return !divider_held(regs) && !(regs->ram[RTC_B] & RTC_B_SET);
}

/* The period of the periodic interrupt in ticks, 0 for none. */
static unsigned period_ticks(const struct mc146818_regs *regs)
{
	unsigned rate = regs->ram[RTC_A] & RTC_A_RS;

	if (!rate || divider_held(regs))
		return 0;
	/* The first two rates repeat 8 and 9: 256 Hz and 128 Hz. */
	return 1u << ((rate <= 2 ? rate + 7 : rate) - 1);
}

static uint8_t irq_flags(const struct mc146818_regs *regs)
{
	return regs->ram[RTC_C] & regs->ram[RTC_B] & B_INTERRUPTS;
}

static bool alarm_matches(const struct mc146818_regs *regs, enum rtc_register alarm,
			  uint8_t value)
{
	return regs->ram[alarm] >= RTC_DONT_CARE || regs->ram[alarm] == value;
}

/* Is there a time of day that matches the alarm? The guest may have written anything. */
static bool alarm_possible(const struct mc146818_regs *regs)
{
	bool hours = false, minutes = false, seconds = false;

	for (unsigned i = 0; i < 24; i++)
		hours |= alarm_matches(regs, RTC_HOURS_ALARM, encode_hour(regs, i));
	for (unsigned i = 0; i < 60; i++) {
		minutes |= alarm_matches(regs, RTC_MINUTES_ALARM, encode(regs, i));
		seconds |= alarm_matches(regs, RTC_SECONDS_ALARM, encode(regs, i));
	}
	return hours && minutes && seconds;
}

/*
 * How many seconds from now until the registers next match the alarm: 1 to
 * 86400, or 0 if they never do. Hours and minutes that do not match are skipped
 * whole, which leaves some 300 steps at the most.
 */
static unsigned seconds_to_alarm(const struct mc146818_regs *regs)
{
	unsigned start = (unsigned)(get_time(regs) % SECONDS_PER_DAY);
	unsigned ahead = 1;

	if (!alarm_possible(regs))
		return 0;
	for (;;) {
		unsigned at = (start + ahead) % SECONDS_PER_DAY;

		if (!alarm_matches(regs, RTC_HOURS_ALARM, encode_hour(regs, at / 3600)))
			ahead += 3600 - at % 3600;
		else if (!alarm_matches(regs, RTC_MINUTES_ALARM,
					encode(regs, at / 60 % 60)))
			ahead += 60 - at % 60;
		else if (!alarm_matches(regs, RTC_SECONDS_ALARM, encode(regs, at % 60)))
			ahead++;
		else
			return ahead;
	}
}

/* `seconds` updates have taken place. */
static void update_cycles(struct mc146818_regs *regs, int64_t seconds)
{
	unsigned to_alarm = seconds_to_alarm(regs);

	/* When the host's clock is set back, nothing has happened but that. */
	if (seconds > 0) {
		regs->ram[RTC_C] |= RTC_C_UF;
		if (to_alarm && to_alarm <= seconds)
			regs->ram[RTC_C] |= RTC_C_AF;
	}
	advance(regs, seconds);
}

/* Bring registers and flags to the present. */
static void catch_up(struct mc146818 *rtc)
{
	struct mc146818_regs *regs = &rtc->regs;
	int64_t now = rtc->ops->now(rtc->opaque);
	int64_t passed = now - regs->second_ns;
	int64_t phase = modulo(passed, NS_PER_SECOND);
	int64_t seconds = (passed - phase) / NS_PER_SECOND;
	unsigned ticks = (unsigned)(phase * TICKS_PER_SECOND / NS_PER_SECOND);
	unsigned period = period_ticks(regs);

	if (period && (seconds > 0 || ticks / period > regs->ticks_seen / period))
		regs->ram[RTC_C] |= RTC_C_PF;
	if (seconds && updates_run(regs))
		update_cycles(regs, seconds);
	regs->second_ns += seconds * NS_PER_SECOND;
	regs->ticks_seen = (uint16_t)ticks;
}

/* When the next flag will rise whose interrupt is enabled; INT64_MAX for never. */
static int64_t next_deadline(const struct mc146818_regs *regs)
{
	uint8_t wanted = regs->ram[RTC_B] & B_INTERRUPTS & ~regs->ram[RTC_C];
	unsigned period = period_ticks(regs);
	unsigned seconds = 0;

	/* Periods end with the second at the latest, so this is always the first. */
	if ((wanted & RTC_B_PIE) && period) {
		unsigned tick = (regs->ticks_seen / period + 1) * period;

		/* Rounded up: at the deadline the tick must be over. */
		return regs->second_ns +
		       (tick * NS_PER_SECOND + TICKS_PER_SECOND - 1) / TICKS_PER_SECOND;
	}
	if (!updates_run(regs))
		return INT64_MAX;
	if (wanted & RTC_B_UIE)
		seconds = 1;
	else if (wanted & RTC_B_AIE)
		seconds = seconds_to_alarm(regs);
	return seconds ? regs->second_ns + seconds * NS_PER_SECOND : INT64_MAX;
}

/* After each change: drive the line and ask for the next tick. */
static void update(struct mc146818 *rtc)
{
	bool level = irq_flags(&rtc->regs);
	int64_t deadline = next_deadline(&rtc->regs);

	if (deadline != rtc->armed) {
		rtc->armed = deadline;
		rtc->ops->arm(rtc->opaque, deadline);
	}
	if (level != rtc->irq_level) {
		rtc->irq_level = level;
		irq_set(&rtc->irq, level);
	}
}

/* The registers. */

static uint8_t read_a(const struct mc146818 *rtc)
{
	const struct mc146818_regs *regs = &rtc->regs;
	int64_t left = regs->second_ns + NS_PER_SECOND - rtc->ops->now(rtc->opaque);

	if (updates_run(regs) && left <= UPDATE_CYCLE_NS)
		return regs->ram[RTC_A] | RTC_A_UIP;
	return regs->ram[RTC_A];
}

static uint8_t read_c(struct mc146818_regs *regs)
{
	uint8_t value = regs->ram[RTC_C];

	if (irq_flags(regs))
		value |= RTC_C_IRQF;
	regs->ram[RTC_C] = 0;
	return value;
}

static void write_a(struct mc146818 *rtc, uint8_t value)
{
	struct mc146818_regs *regs = &rtc->regs;
	bool was_held = divider_held(regs);

	regs->ram[RTC_A] = value & (uint8_t)~RTC_A_UIP;
	if (was_held && !divider_held(regs)) {
		regs->second_ns = rtc->ops->now(rtc->opaque) - DIVIDER_START_NS;
		regs->ticks_seen = TICKS_PER_SECOND / 2;
	}
}

static void write_b(struct mc146818_regs *regs, uint8_t value)
{
	uint8_t changed = regs->ram[RTC_B] ^ value;
	int64_t time = get_time(regs);

	if (value & RTC_B_SET)
		value &= (uint8_t)~RTC_B_UIE;
	regs->ram[RTC_B] = value;
	/*
	 * The data sheet asks to write the time anew after a change of format.
	 * Where a guest does not (and holds no update), it means the time to
	 * stay the same.
	 */
	if ((changed & (RTC_B_DM | RTC_B_24H)) && updates_run(regs) &&
	    !(changed & RTC_B_SET))
		set_time(regs, time);
}

static uint8_t read_data(struct mc146818 *rtc)
{
	struct mc146818_regs *regs = &rtc->regs;

	switch (regs->index) {
	case RTC_A:
		return read_a(rtc);
	case RTC_C:
		return read_c(regs);
	default:
		return regs->ram[regs->index];
	}
}

static void write_data(struct mc146818 *rtc, uint8_t value)
{
	struct mc146818_regs *regs = &rtc->regs;

	switch (regs->index) {
	case RTC_A:
		write_a(rtc, value);
		break;
	case RTC_B:
		write_b(regs, value);
		break;
	case RTC_C:
	case RTC_D:
		break; /* read only */
	default:
		regs->ram[regs->index] = value;
		break;
	}
}

static uint64_t mc146818_read(void *dev, uint64_t offset, unsigned size)
{
	struct mc146818 *rtc = dev;
	uint8_t value;

	(void)size;
	if (offset != 1)
		return UINT64_MAX; /* the index cannot be read */
	catch_up(rtc);
	value = read_data(rtc);
	update(rtc);
	return value;
}

static void mc146818_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct mc146818 *rtc = dev;

	(void)size;
	if (offset != 1) {
		rtc->regs.index = value & INDEX_MASK;
		return;
	}
	catch_up(rtc);
	write_data(rtc, (uint8_t)value);
	update(rtc);
}

const struct io_ops mc146818_io = {
	.read = mc146818_read,
	.write = mc146818_write,
	.max_size = 1,
};

void mc146818_tick(struct mc146818 *rtc)
{
	rtc->armed = INT64_MAX; /* that one is used up */
	catch_up(rtc);
	update(rtc);
}

static uint16_t saturate16(uint64_t value)
{
	return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

void mc146818_set_memory(struct mc146818 *rtc, uint64_t below_4g, uint64_t above_4g)
{
	const uint64_t kib = 1024, mib = 1024 * kib;
	uint64_t above_1m = below_4g > mib ? below_4g - mib : 0;
	uint64_t above_16m = below_4g > 16 * mib ? below_4g - 16 * mib : 0;
	uint64_t blocks = above_4g / (64 * kib);
	uint8_t *ram = rtc->regs.ram;

	if (blocks > 0xffffff)
		blocks = 0xffffff;
	store_le16(ram + RTC_BASE_MEMORY, 640);
	store_le16(ram + RTC_EXTENDED_MEMORY, saturate16(above_1m / kib));
	store_le16(ram + RTC_EXTENDED_MEMORY_2, saturate16(above_1m / kib));
	store_le16(ram + RTC_MEMORY_ABOVE_16M, saturate16(above_16m / (64 * kib)));
	store_le16(ram + RTC_MEMORY_ABOVE_4G, (uint16_t)blocks);
	ram[RTC_MEMORY_ABOVE_4G + 2] = (uint8_t)(blocks >> 16);
}

void mc146818_set_floppies(struct mc146818 *rtc, uint8_t first, uint8_t second)
{
	uint8_t *ram = rtc->regs.ram;

	ram[RTC_FLOPPY_TYPES] = (uint8_t)(first << 4 | second);
	ram[RTC_EQUIPMENT] &= (uint8_t) ~(0xc0 | RTC_EQUIPMENT_FLOPPY);
	if (first || second)
		ram[RTC_EQUIPMENT] |= RTC_EQUIPMENT_FLOPPY;
	if (first && second)
		ram[RTC_EQUIPMENT] |= 1 << 6;
}

void mc146818_reset(struct mc146818 *rtc)
{
	catch_up(rtc);
	rtc->regs.ram[RTC_B] &= (uint8_t) ~(B_INTERRUPTS | RTC_B_SQWE);
	rtc->regs.ram[RTC_C] = 0;
	update(rtc);
}

/* As a BIOS leaves it, showing the time `now`. */
static void regs_init(struct mc146818_regs *regs, int64_t now)
{
	int64_t seconds = now / NS_PER_SECOND;
	int64_t days = seconds / SECONDS_PER_DAY;

	*regs = (struct mc146818_regs){ .second_ns = seconds * NS_PER_SECOND };
	regs->ram[RTC_A] = 0x26; /* 32.768 kHz, 1024 Hz */
	regs->ram[RTC_B] = RTC_B_24H;
	regs->ram[RTC_D] = RTC_D_VRT;
	/* The first day of 1970 was a Thursday. */
	regs->ram[RTC_DAY_OF_WEEK] = (uint8_t)((days + 4) % 7 + 1);
	set_time(regs, seconds + DAYS_TO_1970 * SECONDS_PER_DAY);
}

void mc146818_init(struct mc146818 *rtc, const struct mc146818_ops *ops,
		   const struct irq_line *irq, void *opaque)
{
	*rtc = (struct mc146818){
		.ops = ops, .irq = *irq, .opaque = opaque, .armed = INT64_MAX
	};
	regs_init(&rtc->regs, ops->now(opaque));
	catch_up(rtc); /* the second has begun; what that sets is cleared */
	rtc->regs.ram[RTC_C] = 0;
}

static const struct state_field fields[] = {
	STATE_FIELD(struct mc146818_regs, index),
	STATE_FIELD(struct mc146818_regs, ram),
	STATE_FIELD(struct mc146818_regs, second_ns),
	STATE_FIELD(struct mc146818_regs, ticks_seen),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int mc146818_save(const struct mc146818 *rtc, struct state_writer *writer,
		  const char *section, struct err *err)
{
	return state_save(writer, section, &layout, &rtc->regs, err);
}

static bool regs_valid(const struct mc146818_regs *regs)
{
	return !(regs->index & ~INDEX_MASK) && !(regs->ram[RTC_A] & RTC_A_UIP) &&
	       !(regs->ram[RTC_C] & ~C_FLAGS) && regs->ram[RTC_D] == RTC_D_VRT &&
	       regs->second_ns >= -NS_PER_SECOND && regs->ticks_seen < TICKS_PER_SECOND;
}

int mc146818_load(struct mc146818 *rtc, struct bytes image, const char *section,
		  struct err *err)
{
	struct mc146818_regs regs;

	regs_init(&regs, rtc->ops->now(rtc->opaque));
	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (!regs_valid(&regs))
		return state_err_impossible(err, section);
	rtc->regs = regs;
	catch_up(rtc);
	rtc->irq_level = irq_flags(&rtc->regs);
	irq_set(&rtc->irq, rtc->irq_level);
	update(rtc);
	return 0;
}
