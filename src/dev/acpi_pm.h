/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI fixed hardware (ACPI 6.5, 4.8.3): the PM1a event and control registers
 * and the power management timer, in one block of ports:
 *
 *	0  PM1_STS, 16 bits	write 1 to clear
 *	2  PM1_EN, 16 bits
 *	4  PM1_CNT, 16 bits
 *	8  PM_TMR, 32 bits	read only
 *
 * The FADT must say: SMI_CMD, ACPI_ENABLE and ACPI_DISABLE 0 (SCI_EN is always
 * set: there is no legacy mode), PM1_EVT_LEN 4, PM1_CNT_LEN 2, PM_TMR_LEN 4,
 * flag TMR_VAL_EXT (32-bit timer), and the DSDT \_S5 with SLP_TYP
 * ACPI_PM_SLP_TYP_S5. The caller holds the device's mutex; callbacks run with
 * it held and must not call back.
 */
#ifndef TANE_DEV_ACPI_PM_H
#define TANE_DEV_ACPI_PM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define ACPI_PM_NR_PORTS 12

#define ACPI_PM1_STS 0
#define ACPI_PM1_EN  2
#define ACPI_PM1_CNT 4
#define ACPI_PM_TMR  8

/* PM1_STS and, with the same places, PM1_EN */
#define ACPI_PM_TMR_STS    0x0001
#define ACPI_PM_GBL_STS    0x0020
#define ACPI_PM_PWRBTN_STS 0x0100
#define ACPI_PM_SLPBTN_STS 0x0200
#define ACPI_PM_RTC_STS    0x0400
#define ACPI_PM_WAK_STS    0x8000 /* PM1_STS only */

/* PM1_CNT */
#define ACPI_PM_SCI_EN        0x0001
#define ACPI_PM_BM_RLD        0x0002
#define ACPI_PM_SLP_TYP_SHIFT 10
#define ACPI_PM_SLP_TYP       0x1c00
#define ACPI_PM_SLP_EN        0x2000

#define ACPI_PM_SLP_TYP_S5 5
#define ACPI_PM_TIMER_HZ   3579545

struct acpi_pm_regs {
	uint16_t sts, en, cnt;
	uint32_t timer; /* PM_TMR at the time of the snapshot; unused in between */
};

struct acpi_pm_ops {
	/* Monotonic time in ns, not negative. It should stand still in a pause. */
	int64_t (*now)(void *opaque);
	/*
	 * Call acpi_pm_tick() once, when now() has reached `deadline_ns`;
	 * replaces the one before, INT64_MAX takes it back. May be NULL, then
	 * TMR_STS is there for a guest that polls, but raises no interrupt.
	 */
	void (*arm)(void *opaque, int64_t deadline_ns);
	/* The guest went to S5. */
	void (*power_off)(void *opaque);
};

struct acpi_pm {
	struct acpi_pm_regs regs;
	const struct acpi_pm_ops *ops;
	struct irq_line sci;
	void *opaque;
	uint64_t timer_base;   /* ticks of the timer when now() was 0, modulo 2^64 */
	uint64_t timer_halves; /* how often bit 31 had changed at the last look */
	int64_t armed;         /* what arm() was told last */
	bool sci_level;
};

extern const struct io_ops acpi_pm_io;

/* `ops` must live as long as the chip; `sci`, a level-triggered line, is copied. */
void acpi_pm_init(struct acpi_pm *pm, const struct acpi_pm_ops *ops,
		  const struct irq_line *sci, void *opaque);
/* The timer runs on. */
void acpi_pm_reset(struct acpi_pm *pm);

/* Somebody presses the power button. */
void acpi_pm_power_button(struct acpi_pm *pm);
/* The time of the last arm() has come. Harmless at any other time. */
void acpi_pm_tick(struct acpi_pm *pm);

int acpi_pm_save(const struct acpi_pm *pm, struct state_writer *writer,
		 const char *section, struct err *err);
/* On an error nothing has changed. The timer goes on from the saved value. */
int acpi_pm_load(struct acpi_pm *pm, struct bytes image, const char *section,
		 struct err *err);

#endif
