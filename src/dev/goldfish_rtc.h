/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real-time clock of Android's virtual machine, "google,goldfish-rtc", which RISC-V
 * machines use too: nanoseconds since the Unix epoch and one alarm, in registers of 32
 * bits. The caller holds the device's mutex around every function here; callbacks run
 * with it held and must not call back.
 */
#ifndef TANE_DEV_GOLDFISH_RTC_H
#define TANE_DEV_GOLDFISH_RTC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define GOLDFISH_RTC_SIZE 0x1000 /* of the range of its registers */

enum goldfish_rtc_register {
	GOLDFISH_RTC_TIME_LOW = 0x00, /* a read latches TIME_HIGH, a write applies it */
	GOLDFISH_RTC_TIME_HIGH = 0x04,
	GOLDFISH_RTC_ALARM_LOW = 0x08, /* a write arms the alarm */
	GOLDFISH_RTC_ALARM_HIGH = 0x0c,
	GOLDFISH_RTC_IRQ_ENABLED = 0x10,
	GOLDFISH_RTC_CLEAR_ALARM = 0x14,
	GOLDFISH_RTC_ALARM_STATUS = 0x18, /* 1: the alarm is armed */
	GOLDFISH_RTC_CLEAR_INTERRUPT = 0x1c,
};

/* Everything that outlives a snapshot. Flags are bytes, 0 or 1. */
struct goldfish_rtc_regs {
	uint64_t offset; /* of the guest's time to the host's, modulo 2^64 ns */
	uint64_t alarm;
	uint32_t time_high;
	uint8_t alarm_armed, irq_enabled, irq_pending;
};

struct goldfish_rtc_ops {
	/* The time in ns since the Unix epoch, UTC. Not negative; it may jump. */
	int64_t (*now)(void *opaque);
	/*
	 * Call goldfish_rtc_tick() once, when now() has reached `deadline_ns`;
	 * replaces the one before, INT64_MAX takes it back.
	 */
	void (*arm)(void *opaque, int64_t deadline_ns);
};

struct goldfish_rtc {
	struct goldfish_rtc_regs regs;
	const struct goldfish_rtc_ops *ops;
	struct irq_line irq;
	void *opaque;
	int64_t armed; /* what arm() was told last */
	bool irq_level;
};

extern const struct io_ops goldfish_rtc_io;

/* `ops` must live as long as the chip; `irq` is copied. The clock shows now(). */
void goldfish_rtc_init(struct goldfish_rtc *rtc, const struct goldfish_rtc_ops *ops,
		       const struct irq_line *irq, void *opaque);

/* Ends interrupts and the alarm; time lives on. */
void goldfish_rtc_reset(struct goldfish_rtc *rtc);

/* The time of the last arm() has come, or now() has jumped. Always harmless. */
void goldfish_rtc_tick(struct goldfish_rtc *rtc);

int goldfish_rtc_save(const struct goldfish_rtc *rtc, struct state_writer *writer,
		      const char *section, struct err *err);
/*
 * On an error nothing has changed. The clock went on in the meantime: it shows the time
 * that has passed on the host since the snapshot.
 */
int goldfish_rtc_load(struct goldfish_rtc *rtc, struct bytes image, const char *section,
		      struct err *err);

#endif
