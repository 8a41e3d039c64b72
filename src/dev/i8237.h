/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two 8237A DMA controllers of a PC/AT with their page registers (Intel 8237A data
 * sheet; PIIX3, 3.1). Channels 0 to 3 move bytes, 5 to 7 words; 4 is the cascade, through
 * which the first controller reaches the bus. The caller holds the mutex of the chip
 * around every function here; callbacks run with it held.
 */
#ifndef TANE_DEV_I8237_H
#define TANE_DEV_I8237_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bus.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define I8237_NR_CHANNELS 8
#define I8237_NR_PORTS_1  16 /* at 0x00 */
#define I8237_NR_PORTS_2  32 /* at 0xc0, every second one */
#define I8237_NR_PAGES    15 /* at 0x81; 0x80, which is one too, shows POST codes */

/* Indexed by channel, or, where there are two, by controller. */
struct i8237_regs {
	uint16_t base_address[I8237_NR_CHANNELS], base_count[I8237_NR_CHANNELS];
	uint16_t address[I8237_NR_CHANNELS], count[I8237_NR_CHANNELS];
	uint8_t mode[I8237_NR_CHANNELS]; /* bits 7:2 of the mode register */
	uint8_t page[I8237_NR_PAGES];
	uint8_t command[2];
	uint8_t mask[2];      /* bit 0 to 3: the channel is off */
	uint8_t request[2];   /* by software */
	uint8_t terminal[2];  /* bits 3:0 of the status: terminal count was reached */
	uint8_t high_byte[2]; /* the flip-flop: the next byte is the high one */
};

struct i8237_ops {
	/* Copy from or to guest memory, below 16 MiB. false: that is not all RAM. */
	bool (*read)(void *opaque, uint64_t gpa, void *to, size_t size);
	bool (*write)(void *opaque, uint64_t gpa, const void *from, size_t size);
	/* The guest may have let a channel run: a device that waits for one tries again. */
	void (*released)(void *opaque);
};

struct i8237 {
	struct i8237_regs regs;
	const struct i8237_ops *ops;
	void *opaque;
};

extern const struct io_ops i8237_io_1, i8237_io_2, i8237_page_io;

/* `ops` must live as long as the chip. */
void i8237_init(struct i8237 *dma, const struct i8237_ops *ops, void *opaque);
/* As a BIOS leaves it: all masked but the cascade. */
void i8237_reset(struct i8237 *dma);

/*
 * A device on `channel` asks to move `size` bytes from `data` to memory, or from memory to
 * `data`. Returns how many were moved: all, or those up to terminal count, when *tc is
 * set, or none, since the channel is off. What is not RAM reads ones and swallows writes.
 */
size_t i8237_to_memory(struct i8237 *dma, unsigned channel, const void *data, size_t size,
		       bool *tc);
size_t i8237_from_memory(struct i8237 *dma, unsigned channel, void *data, size_t size,
			 bool *tc);

int i8237_save(const struct i8237 *dma, struct state_writer *writer, const char *section,
	       struct err *err);
/* On an error nothing has changed. */
int i8237_load(struct i8237 *dma, struct bytes image, const char *section,
	       struct err *err);

#endif
