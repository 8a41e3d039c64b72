/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 16550A UART as a register model (National Semiconductor PC16550D data
 * sheet). The caller holds the device's mutex around every function here; the
 * callbacks run with it held and must not call back into the chip.
 */
#ifndef TANE_DEV_UART16550_H
#define TANE_DEV_UART16550_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "dev/uart.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define UART16550_NR_PORTS 8 /* the size of its I/O range */
#define UART16550_FIFO     16
#define UART16550_POLLS    8 /* so many mean that the guest waits for input */

/* Registers by offset; two or three share one. */
enum uart16550_register {
	UART_RBR = 0, /* read */
	UART_THR = 0, /* write */
	UART_DLL = 0, /* LCR.DLAB set */
	UART_IER = 1,
	UART_DLM = 1, /* LCR.DLAB set */
	UART_IIR = 2, /* read */
	UART_FCR = 2, /* write */
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_MSR = 6,
	UART_SCR = 7,
};

#define UART_IER_ERBFI 0x01 /* received data */
#define UART_IER_ETBEI 0x02 /* THR empty */
#define UART_IER_ELSI  0x04 /* line status */
#define UART_IER_EDSSI 0x08 /* modem status */

#define UART_IIR_NONE         0x01
#define UART_IIR_MODEM        0x00
#define UART_IIR_THR_EMPTY    0x02
#define UART_IIR_RX_DATA      0x04
#define UART_IIR_LINE_STATUS  0x06
#define UART_IIR_RX_TIMEOUT   0x0c
#define UART_IIR_FIFO_ENABLED 0xc0

#define UART_FCR_ENABLE   0x01
#define UART_FCR_RX_RESET 0x02
#define UART_FCR_TX_RESET 0x04
#define UART_FCR_DMA_MODE 0x08
#define UART_FCR_TRIGGER  0xc0 /* 1, 4, 8 or 14 bytes */

#define UART_LCR_DLAB 0x80

#define UART_MCR_DTR  0x01
#define UART_MCR_RTS  0x02
#define UART_MCR_OUT1 0x04
#define UART_MCR_OUT2 0x08
#define UART_MCR_LOOP 0x10

#define UART_LSR_DR         0x01
#define UART_LSR_OE         0x02
#define UART_LSR_PE         0x04
#define UART_LSR_FE         0x08
#define UART_LSR_BI         0x10
#define UART_LSR_THRE       0x20
#define UART_LSR_TEMT       0x40
#define UART_LSR_FIFO_ERROR 0x80

#define UART_MSR_DCTS 0x01
#define UART_MSR_DDSR 0x02
#define UART_MSR_TERI 0x04
#define UART_MSR_DDCD 0x08
#define UART_MSR_CTS  0x10
#define UART_MSR_DSR  0x20
#define UART_MSR_RI   0x40
#define UART_MSR_DCD  0x80

/* Everything that outlives a snapshot. Flags are bytes, 0 or 1. */
struct uart16550_regs {
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t lsr_errors; /* OE, PE, FE, BI until LSR is read */
	uint8_t msr;
	uint8_t rx[UART16550_FIFO];        /* rx[0] is the oldest byte */
	uint8_t rx_errors[UART16550_FIFO]; /* LSR bits that come with it, not yet shown */
	uint8_t rx_count;
	uint8_t thre_pending; /* a THR-empty interrupt waits */
	uint8_t thre_by_iir;  /* the guest acknowledges it by reading IIR */
	uint8_t tx_blocked;   /* THRE and TEMT are withheld */
	uint8_t lsr_polled;   /* the last access was a look at LSR that showed THRE */
	uint8_t lsr_polls;    /* looks in vain, up to UART16550_POLLS; see uart16550.c */
};

struct uart16550 {
	struct uart16550_regs regs;
	const struct uart_ops *ops;
	struct irq_line irq;
	void *opaque;
	bool irq_level;
};

extern const struct io_ops uart16550_io;
extern const struct uart_model uart16550_model;

/* `ops` must live as long as the chip; `irq` is copied. */
void uart16550_init(struct uart16550 *uart, const struct uart_ops *ops,
		    const struct irq_line *irq, void *opaque);

/* The master reset pin. A full sink stays full: it is not part of the chip. */
void uart16550_reset(struct uart16550 *uart);

/*
 * How many bytes uart16550_receive() would take now; 0 in loopback mode, and
 * while the guest does not listen.
 */
size_t uart16550_rx_room(const struct uart16550 *uart);

/* Bytes arrive on the line. Returns how many were taken; the rest is the caller's. */
size_t uart16550_receive(struct uart16550 *uart, const uint8_t *data, size_t size);

/* A break arrives on the line. False if there was no room for it. */
bool uart16550_break(struct uart16550 *uart);

/* The sink that returned false takes bytes again. */
void uart16550_tx_ready(struct uart16550 *uart);

int uart16550_save(const struct uart16550 *uart, struct state_writer *writer,
		   const char *section, struct err *err);
/* On an error nothing has changed. */
int uart16550_load(struct uart16550 *uart, struct bytes image, const char *section,
		   struct err *err);

#endif
