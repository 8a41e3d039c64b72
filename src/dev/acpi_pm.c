/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI power management block.
 *
 * The timer is a number that is worked out from the time when someone looks:
 * ticks = ns * 3579545 / 10^9, kept in 64 bits, of which the guest sees 32.
 * TMR_STS is due whenever bit 31 changes, which is when the ticks divided by
 * 2^31 change; that is found out at each look, and a host timer is asked for
 * only while the guest wants the interrupt. The SCI is a level: on while a
 * status bit and its enable bit are both set.
 *
 * S5 is the only sleep state. SLP_TYP 0 means it too: small systems that read no
 * DSDT write 0x2000 to this very port, which they learned from QEMU. Any other
 * SLP_TYP wakes up at once (WAK_STS), so that a guest that waits for the end of
 * its sleep goes on.
 */
#include <string.h>

#include "dev/acpi_pm.h"

#define NS_PER_SECOND UINT64_C(1000000000)

#define EVENTS                                                                         \
	(ACPI_PM_TMR_STS | ACPI_PM_GBL_STS | ACPI_PM_PWRBTN_STS | ACPI_PM_SLPBTN_STS | \
	 ACPI_PM_RTC_STS)
#define STS_MASK (EVENTS | ACPI_PM_WAK_STS)
#define CNT_MASK (ACPI_PM_BM_RLD | ACPI_PM_SLP_TYP) /* what a guest can change and keep */

/* Split at the second, the product never leaves 64 bits and nothing is rounded twice. */
static uint64_t ticks_from_ns(uint64_t ns)
{
	return ns / NS_PER_SECOND * ACPI_PM_TIMER_HZ +
	       ns % NS_PER_SECOND * ACPI_PM_TIMER_HZ / NS_PER_SECOND;
}

/* The first ns at which ticks_from_ns() gives `ticks`. */
static uint64_t ns_from_ticks(uint64_t ticks)
{
	uint64_t part = ticks % ACPI_PM_TIMER_HZ * NS_PER_SECOND;

	return ticks / ACPI_PM_TIMER_HZ * NS_PER_SECOND +
	       (part + ACPI_PM_TIMER_HZ - 1) / ACPI_PM_TIMER_HZ;
}

static uint64_t timer_ticks(const struct acpi_pm *pm)
{
	return pm->timer_base + ticks_from_ns((uint64_t)pm->ops->now(pm->opaque));
}

/* Has bit 31 changed since the last look? */
static bool timer_overflowed(const struct acpi_pm *pm)
{
	return timer_ticks(pm) >> 31 != pm->timer_halves;
}

static void look_at_timer(struct acpi_pm *pm)
{
	if (!timer_overflowed(pm))
		return;
	pm->timer_halves = timer_ticks(pm) >> 31;
	pm->regs.sts |= ACPI_PM_TMR_STS;
}

static void arm(struct acpi_pm *pm)
{
	int64_t deadline = INT64_MAX;

	if (!pm->ops->arm)
		return;
	if ((pm->regs.en & ~pm->regs.sts) & ACPI_PM_TMR_STS)
		deadline = (int64_t)ns_from_ticks(((pm->timer_halves + 1) << 31) -
						  pm->timer_base);
	if (deadline == pm->armed)
		return;
	pm->armed = deadline;
	pm->ops->arm(pm->opaque, deadline);
}

static bool sci_wanted(const struct acpi_pm_regs *regs)
{
	return regs->sts & regs->en & EVENTS;
}

/* After each change of the registers. */
static void update(struct acpi_pm *pm)
{
	bool level = sci_wanted(&pm->regs);

	arm(pm);
	if (level == pm->sci_level)
		return;
	pm->sci_level = level;
	irq_set(&pm->sci, level);
}

static uint64_t acpi_pm_read(void *dev, uint64_t offset, unsigned size)
{
	struct acpi_pm *pm = dev;
	uint8_t block[ACPI_PM_NR_PORTS] = { 0 };
	uint64_t value = 0;

	if (!range_within(offset, size, sizeof(block)))
		return UINT64_MAX;
	look_at_timer(pm);
	update(pm);
	store_le16(block + ACPI_PM1_STS, pm->regs.sts);
	store_le16(block + ACPI_PM1_EN, pm->regs.en);
	store_le16(block + ACPI_PM1_CNT, pm->regs.cnt);
	store_le32(block + ACPI_PM_TMR, (uint32_t)timer_ticks(pm));
	memcpy(&value, block + offset, size);
	return value;
}

static void enter_sleep(struct acpi_pm *pm)
{
	unsigned type = (pm->regs.cnt & ACPI_PM_SLP_TYP) >> ACPI_PM_SLP_TYP_SHIFT;

	if (type == ACPI_PM_SLP_TYP_S5 || type == 0)
		pm->ops->power_off(pm->opaque);
	else
		pm->regs.sts |= ACPI_PM_WAK_STS;
}

/* The new value of a register of which the guest wrote one byte. */
static uint16_t set_byte(uint16_t old, unsigned index, uint8_t byte)
{
	uint16_t mask = (uint16_t)(0xff << 8 * index);

	return (uint16_t)((old & ~mask) | byte << 8 * index);
}

static void write_byte(struct acpi_pm *pm, uint64_t offset, uint8_t byte)
{
	struct acpi_pm_regs *regs = &pm->regs;
	uint16_t cnt;

	switch (offset) {
	case ACPI_PM1_STS:
	case ACPI_PM1_STS + 1:
		regs->sts &= (uint16_t)~set_byte(0, offset & 1, byte);
		break;
	case ACPI_PM1_EN:
	case ACPI_PM1_EN + 1:
		regs->en = set_byte(regs->en, offset & 1, byte) & EVENTS;
		break;
	case ACPI_PM1_CNT:
	case ACPI_PM1_CNT + 1:
		cnt = set_byte(regs->cnt, offset & 1, byte);
		regs->cnt = (cnt & CNT_MASK) | ACPI_PM_SCI_EN;
		/* SLP_EN is not kept, so it is set only when its own byte was written. */
		if (cnt & ACPI_PM_SLP_EN)
			enter_sleep(pm);
		break;
	default: /* reserved, and the timer */
		break;
	}
}

static void acpi_pm_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct acpi_pm *pm = dev;

	if (!range_within(offset, size, ACPI_PM_NR_PORTS))
		return;
	look_at_timer(pm);
	for (unsigned i = 0; i < size; i++)
		write_byte(pm, offset + i, (uint8_t)(value >> 8 * i));
	update(pm);
}

const struct io_ops acpi_pm_io = {
	.read = acpi_pm_read,
	.write = acpi_pm_write,
	.max_size = 4,
};

void acpi_pm_power_button(struct acpi_pm *pm)
{
	pm->regs.sts |= ACPI_PM_PWRBTN_STS;
	update(pm);
}

void acpi_pm_tick(struct acpi_pm *pm)
{
	pm->armed = INT64_MAX; /* that one is used up */
	look_at_timer(pm);
	update(pm);
}

static void regs_reset(struct acpi_pm_regs *regs)
{
	*regs = (struct acpi_pm_regs){ .cnt = ACPI_PM_SCI_EN };
}

void acpi_pm_reset(struct acpi_pm *pm)
{
	look_at_timer(pm);
	regs_reset(&pm->regs);
	update(pm);
}

void acpi_pm_init(struct acpi_pm *pm, const struct acpi_pm_ops *ops,
		  const struct irq_line *sci, void *opaque)
{
	*pm = (struct acpi_pm){
		.ops = ops, .sci = *sci, .opaque = opaque, .armed = INT64_MAX
	};
	regs_reset(&pm->regs);
	pm->timer_base -= timer_ticks(pm); /* the timer starts at 0 */
}

static const struct state_field fields[] = {
	STATE_FIELD(struct acpi_pm_regs, sts),
	STATE_FIELD(struct acpi_pm_regs, en),
	STATE_FIELD(struct acpi_pm_regs, cnt),
	STATE_FIELD(struct acpi_pm_regs, timer),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int acpi_pm_save(const struct acpi_pm *pm, struct state_writer *writer,
		 const char *section, struct err *err)
{
	struct acpi_pm_regs regs = pm->regs;

	if (timer_overflowed(pm))
		regs.sts |= ACPI_PM_TMR_STS;
	regs.timer = (uint32_t)timer_ticks(pm);
	return state_save(writer, section, &layout, &regs, err);
}

int acpi_pm_load(struct acpi_pm *pm, struct bytes image, const char *section,
		 struct err *err)
{
	struct acpi_pm_regs regs;

	regs_reset(&regs);
	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (regs.sts & ~STS_MASK || regs.en & ~EVENTS ||
	    (regs.cnt & ~CNT_MASK) != ACPI_PM_SCI_EN)
		return state_err_impossible(err, section);
	pm->regs = regs;
	pm->timer_base += regs.timer - timer_ticks(pm);
	pm->timer_halves = regs.timer >> 31;
	pm->sci_level = sci_wanted(&pm->regs);
	irq_set(&pm->sci, pm->sci_level);
	arm(pm);
	return 0;
}
