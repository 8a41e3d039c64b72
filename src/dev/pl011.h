/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ARM PrimeCell UART PL011 (DDI 0183, revision r1p5) as a register model. The caller
 * holds the device's mutex around every function here; the callbacks run with it held and
 * must not call back into the chip.
 */
#ifndef TANE_DEV_PL011_H
#define TANE_DEV_PL011_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "dev/uart.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define PL011_FIFO  32
#define PL011_POLLS 8 /* so many mean that the guest waits for input */

enum pl011_register {
	PL011_DR = 0x00,
	PL011_RSR = 0x04, /* ECR when written */
	PL011_FR = 0x18,
	PL011_ILPR = 0x20,
	PL011_IBRD = 0x24,
	PL011_FBRD = 0x28,
	PL011_LCR_H = 0x2c,
	PL011_CR = 0x30,
	PL011_IFLS = 0x34,
	PL011_IMSC = 0x38,
	PL011_RIS = 0x3c,
	PL011_MIS = 0x40,
	PL011_ICR = 0x44,
	PL011_DMACR = 0x48,
};

/* Of RSR, and shifted by 8 of DR. */
#define PL011_RSR_FE 0x1
#define PL011_RSR_PE 0x2
#define PL011_RSR_BE 0x4
#define PL011_RSR_OE 0x8

#define PL011_FR_CTS  0x001
#define PL011_FR_DSR  0x002
#define PL011_FR_DCD  0x004
#define PL011_FR_BUSY 0x008
#define PL011_FR_RXFE 0x010
#define PL011_FR_TXFF 0x020
#define PL011_FR_RXFF 0x040
#define PL011_FR_TXFE 0x080
#define PL011_FR_RI   0x100

#define PL011_LCR_H_FEN 0x10

#define PL011_CR_UARTEN 0x0001
#define PL011_CR_LBE    0x0080
#define PL011_CR_TXE    0x0100
#define PL011_CR_RXE    0x0200
#define PL011_CR_DTR    0x0400
#define PL011_CR_RTS    0x0800
#define PL011_CR_OUT1   0x1000
#define PL011_CR_OUT2   0x2000

/* Of IMSC, RIS, MIS and ICR. */
#define PL011_INT_RI  0x001
#define PL011_INT_CTS 0x002
#define PL011_INT_DCD 0x004
#define PL011_INT_DSR 0x008
#define PL011_INT_RX  0x010
#define PL011_INT_TX  0x020
#define PL011_INT_RT  0x040 /* receive time-out */
#define PL011_INT_FE  0x080
#define PL011_INT_PE  0x100
#define PL011_INT_BE  0x200
#define PL011_INT_OE  0x400

/* Everything that outlives a snapshot. Flags are bytes, 0 or 1. */
struct pl011_regs {
	uint16_t cr, imsc, ibrd;
	uint8_t fbrd, lcr_h, ifls, ilpr, dmacr;
	uint8_t rsr;
	uint16_t latched;              /* the bits of RIS that stay until ICR */
	uint8_t rx[PL011_FIFO];        /* rx[0] is the oldest byte */
	uint8_t rx_errors[PL011_FIFO]; /* RSR bits that come with it */
	uint8_t rx_count;
	uint8_t rx_overrun; /* bytes were lost: the next that is taken says so */
	uint8_t rx_cleared; /* the RX interrupt was cleared with the level still reached */
	uint8_t tx_blocked; /* the transmitter seems full */
	uint8_t fr_polls;   /* looks in vain, up to PL011_POLLS; see pl011.c */
};

struct pl011 {
	struct pl011_regs regs;
	const struct uart_ops *ops;
	struct irq_line irq;
	void *opaque;
	bool irq_level;
};

extern const struct io_ops pl011_io;
extern const struct uart_model pl011_model;

/* `ops` must live as long as the chip; `irq` is UARTINTR and copied. */
void pl011_init(struct pl011 *uart, const struct uart_ops *ops,
		const struct irq_line *irq, void *opaque);

/* A full sink stays full: it is not part of the chip. */
void pl011_reset(struct pl011 *uart);

/*
 * How many bytes pl011_receive() would take now; 0 in loopback mode, and while the
 * guest does not listen.
 */
size_t pl011_rx_room(const struct pl011 *uart);

/* Bytes arrive on the line. Returns how many were taken; the rest is the caller's. */
size_t pl011_receive(struct pl011 *uart, const uint8_t *data, size_t size);

/* A break arrives on the line. False if there was no room for it. */
bool pl011_break(struct pl011 *uart);

/* The sink that returned false takes bytes again. */
void pl011_tx_ready(struct pl011 *uart);

int pl011_save(const struct pl011 *uart, struct state_writer *writer, const char *section,
	       struct err *err);
/* On an error nothing has changed. */
int pl011_load(struct pl011 *uart, struct bytes image, const char *section,
	       struct err *err);

#endif
