/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818 real-time clock of the PC (Motorola data sheet; Intel PIIX4, 11.2)
 * with 128 bytes of CMOS RAM: index at port 0x70, data at 0x71. The caller holds
 * the device's mutex around every function here; callbacks run with it held and
 * must not call back.
 */
#ifndef TANE_DEV_MC146818_H
#define TANE_DEV_MC146818_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define MC146818_NR_PORTS 2
#define MC146818_RAM_SIZE 128

enum rtc_register {
	RTC_SECONDS = 0x00,
	RTC_SECONDS_ALARM = 0x01,
	RTC_MINUTES = 0x02,
	RTC_MINUTES_ALARM = 0x03,
	RTC_HOURS = 0x04,
	RTC_HOURS_ALARM = 0x05,
	RTC_DAY_OF_WEEK = 0x06, /* 1 is Sunday */
	RTC_DAY_OF_MONTH = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_A = 0x0a,
	RTC_B = 0x0b,
	RTC_C = 0x0c,
	RTC_D = 0x0d,
	RTC_SHUTDOWN_STATUS = 0x0f,
	RTC_FLOPPY_TYPES = 0x10,      /* 7:4 of the first drive, 3:0 of the second */
	RTC_EQUIPMENT = 0x14,         /* as INT 11h tells it */
	RTC_BASE_MEMORY = 0x15,       /* 16 bits, KiB below 1 MiB */
	RTC_EXTENDED_MEMORY = 0x17,   /* 16 bits, KiB above 1 MiB */
	RTC_EXTENDED_MEMORY_2 = 0x30, /* the same, as found by POST */
	RTC_CENTURY = 0x32,
	RTC_MEMORY_ABOVE_16M = 0x34, /* 16 bits, units of 64 KiB, up to 4 GiB */
	RTC_MEMORY_ABOVE_4G = 0x5b,  /* 24 bits, units of 64 KiB */
};

#define RTC_A_UIP 0x80 /* update in progress */
#define RTC_A_DV  0x70 /* divider: 32.768 kHz is 0x20, 0x60 and 0x70 hold it in reset */
#define RTC_A_RS  0x0f /* periodic rate: 0 none, 3 8192 Hz, each next one half of it */

#define RTC_B_SET  0x80
#define RTC_B_PIE  0x40
#define RTC_B_AIE  0x20
#define RTC_B_UIE  0x10
#define RTC_B_SQWE 0x08
#define RTC_B_DM   0x04 /* 1: binary, 0: BCD */
#define RTC_B_24H  0x02
#define RTC_B_DSE  0x01 /* kept, without effect */

#define RTC_C_IRQF 0x80
#define RTC_C_PF   0x40
#define RTC_C_AF   0x20
#define RTC_C_UF   0x10

#define RTC_D_VRT 0x80

#define RTC_EQUIPMENT_FLOPPY 0x01 /* there are any; 7:6: how many, less one */

#define RTC_PM        0x80 /* of the hours in 12-hour mode */
#define RTC_DONT_CARE 0xc0 /* an alarm byte from here on matches always */

struct mc146818_regs {
	uint8_t index;
	uint8_t ram[MC146818_RAM_SIZE]; /* with all registers; C without IRQF */
	/* The instant at which the second that the registers show began; see mc146818.c. */
	int64_t second_ns;
	uint16_t ticks_seen; /* how many of its 32768 ticks PF has been worked out for */
};

struct mc146818_ops {
	/* The time in ns since the Unix epoch, UTC. Not negative; it may jump. */
	int64_t (*now)(void *opaque);
	/*
	 * Call mc146818_tick() once, when now() has reached `deadline_ns`;
	 * replaces the one before, INT64_MAX takes it back. Deadlines come at
	 * most 8192 times a second.
	 */
	void (*arm)(void *opaque, int64_t deadline_ns);
};

struct mc146818 {
	struct mc146818_regs regs;
	const struct mc146818_ops *ops;
	struct irq_line irq;
	void *opaque;
	int64_t armed; /* what arm() was told last */
	bool irq_level;
};

extern const struct io_ops mc146818_io;

/* `ops` must live as long as the chip; `irq` is copied. The clock shows now(). */
void mc146818_init(struct mc146818 *rtc, const struct mc146818_ops *ops,
		   const struct irq_line *irq, void *opaque);

/* The RESET pin: ends interrupts; time and RAM live on by their battery. */
void mc146818_reset(struct mc146818 *rtc);

/* Write the memory size into the RAM. In bytes: all RAM below 4 GiB, and above. */
void mc146818_set_memory(struct mc146818 *rtc, uint64_t below_4g, uint64_t above_4g);

/* Write into the RAM which floppy drives there are: their types, 0 for none. */
void mc146818_set_floppies(struct mc146818 *rtc, uint8_t first, uint8_t second);

/* The time of the last arm() has come, or now() has jumped. Always harmless. */
void mc146818_tick(struct mc146818 *rtc);

int mc146818_save(const struct mc146818 *rtc, struct state_writer *writer,
		  const char *section, struct err *err);
/*
 * On an error nothing has changed. The clock went on by its battery in the
 * meantime: it shows the time that has passed on the host since the snapshot.
 */
int mc146818_load(struct mc146818 *rtc, struct bytes image, const char *section,
		  struct err *err);

#endif
