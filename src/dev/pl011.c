/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL011 UART: word-spaced registers, two FIFOs of 32 bytes and an interrupt.
 *
 * The line is infinitely fast, as that of uart16550.c. A byte written to DR leaves at
 * once through ops->transmit(), so the transmit FIFO is always empty; only a sink that
 * asks for a pause makes it look full (TXFF, BUSY) until pl011_tx_ready(). Bytes leave
 * whether or not UARTEN and TXE are set, since early consoles set neither.
 *
 * The raw interrupts:
 *  - TX comes when bytes have left, and stays until it is cleared. While the
 *    transmitter seems full it is hidden: Linux writes half a FIFO for each.
 *  - RX comes when the FIFO fills up to its level, and goes when it falls below. Cleared
 *    earlier, it does not come again before the FIFO has fallen below.
 *  - RT, the receive time-out, is there as long as the FIFO is not empty: the 32 bit
 *    periods that it waits for take no time here. Clearing it does not help. So no byte
 *    below RX's level, and none behind an RX that was cleared too early, is ever stuck.
 *  - Errors and modem lines are latched until they are cleared.
 *
 * Input waits outside until the guest listens, for drivers that start throw away what
 * they find. A guest listens when UARTEN and RXE are set and RX or RT are not masked,
 * which Linux does after it has emptied the FIFO; or when it polls, which shows in
 * looks at FR in a row that had nothing to tell, neither input nor that the transmitter
 * is busy. A write to CR, LCR_H or IMSC is a driver at work, and they are counted anew.
 * Switching the FIFO on keeps the byte that is there (switching it off empties it):
 * Linux does it when it listens already.
 *
 * Every register function changes `regs` and ends in update_irq(), which works out the
 * level of the line from `regs` alone.
 */
#include <string.h>

#include "dev/pl011.h"
#include "dev/primecell.h"

#define PART     0x011
#define REVISION 3 /* from here on the FIFOs have 32 bytes */

#define CR_MASK    0xff87
#define CR_RESET   (PL011_CR_TXE | PL011_CR_RXE)
#define FBRD_MASK  0x3f
#define IFLS_MASK  0x3f
#define IFLS_RESET 0x12 /* both at half a FIFO */
#define IMSC_MASK  0x7ff
#define DMACR_MASK 0x7
#define RSR_MASK   0xf

#define INT_MODEM  (PL011_INT_RI | PL011_INT_CTS | PL011_INT_DCD | PL011_INT_DSR)
#define INT_ERRORS (PL011_INT_FE | PL011_INT_PE | PL011_INT_BE | PL011_INT_OE)

/* The modem lines of a terminal that is always there. */
#define FR_MODEM     (PL011_FR_CTS | PL011_FR_DSR | PL011_FR_DCD | PL011_FR_RI)
#define FR_CONNECTED (PL011_FR_CTS | PL011_FR_DSR | PL011_FR_DCD)

static bool fifo_enabled(const struct pl011_regs *regs)
{
	return regs->lcr_h & PL011_LCR_H_FEN;
}

static size_t rx_depth(const struct pl011_regs *regs)
{
	return fifo_enabled(regs) ? PL011_FIFO : 1;
}

static unsigned rx_level(const struct pl011_regs *regs)
{
	/* 1/8, 1/4, 1/2, 3/4, 7/8; the rest is reserved. */
	static const uint8_t levels[] = { 4, 8, 16, 24, 28, 28, 28, 28 };

	return fifo_enabled(regs) ? levels[regs->ifls >> 3] : 1;
}

static bool receiver_on(const struct pl011_regs *regs)
{
	return (regs->cr & PL011_CR_UARTEN) && (regs->cr & PL011_CR_RXE);
}

/* Would the guest notice a byte that comes now? */
static bool is_listening(const struct pl011_regs *regs)
{
	return regs->fr_polls == PL011_POLLS ||
	       (receiver_on(regs) && (regs->imsc & (PL011_INT_RX | PL011_INT_RT)));
}

/* The raw interrupt status. */
static uint16_t raw_status(const struct pl011_regs *regs)
{
	uint16_t ris = regs->latched;

	if (regs->tx_blocked)
		ris &= (uint16_t)~PL011_INT_TX;
	if (regs->rx_count)
		ris |= PL011_INT_RT;
	if (regs->rx_count >= rx_level(regs) && !regs->rx_cleared)
		ris |= PL011_INT_RX;
	return ris;
}

static void update_irq(struct pl011 *uart)
{
	bool level = raw_status(&uart->regs) & uart->regs.imsc;

	if (level == uart->irq_level)
		return;
	uart->irq_level = level;
	irq_set(&uart->irq, level);
}

/* The FIFO has lost bytes or has another level. */
static void rx_settle(struct pl011_regs *regs)
{
	if (regs->rx_count < rx_level(regs))
		regs->rx_cleared = 0;
}

/* A byte comes out of the shift register, off the line or out of the loop. */
static void rx_push(struct pl011_regs *regs, uint8_t byte, uint8_t errors)
{
	if (regs->rx_count >= rx_depth(regs)) {
		regs->rx_overrun = 1;
		regs->rsr |= PL011_RSR_OE;
		regs->latched |= PL011_INT_OE;
		return;
	}
	if (errors & PL011_RSR_BE)
		regs->latched |= PL011_INT_BE;
	if (errors & PL011_RSR_FE)
		regs->latched |= PL011_INT_FE;
	if (regs->rx_overrun)
		errors |= PL011_RSR_OE;
	regs->rx_overrun = 0;
	regs->rx[regs->rx_count] = byte;
	regs->rx_errors[regs->rx_count] = errors;
	regs->rx_count++;
}

static void rx_flush(struct pl011_regs *regs)
{
	regs->rx_count = 0;
	regs->rx_overrun = 0;
	rx_settle(regs);
}

static uint16_t read_dr(struct pl011_regs *regs)
{
	const uint16_t value = (uint16_t)(regs->rx[0] | regs->rx_errors[0] << 8);

	if (!regs->rx_count)
		return value; /* DR keeps what it held last */
	regs->rsr = (uint8_t)((regs->rsr & PL011_RSR_OE) | regs->rx_errors[0]);
	regs->rx_count--;
	/* The last byte stays in place, so that an empty DR still shows it. */
	if (regs->rx_count) {
		memmove(regs->rx, regs->rx + 1, regs->rx_count);
		memmove(regs->rx_errors, regs->rx_errors + 1, regs->rx_count);
	}
	rx_settle(regs);
	return value;
}

static bool rx_busy(const struct pl011 *uart)
{
	return pl011_rx_room(uart) < rx_depth(&uart->regs);
}

/* Tell the source of input if there is all the room again that there was not before. */
static void notify_room(struct pl011 *uart, bool was_busy)
{
	if (was_busy && !rx_busy(uart) && uart->ops->rx_drained)
		uart->ops->rx_drained(uart->opaque);
}

/* What the modem lines are now: the outside's, or CR's own when looped back. */
static uint16_t modem_lines(const struct pl011_regs *regs)
{
	uint16_t lines = 0;

	if (!(regs->cr & PL011_CR_LBE))
		return FR_CONNECTED;
	if (regs->cr & PL011_CR_RTS)
		lines |= PL011_FR_CTS;
	if (regs->cr & PL011_CR_DTR)
		lines |= PL011_FR_DSR;
	if (regs->cr & PL011_CR_OUT1)
		lines |= PL011_FR_DCD;
	if (regs->cr & PL011_CR_OUT2)
		lines |= PL011_FR_RI;
	return lines;
}

static uint16_t flags(const struct pl011_regs *regs)
{
	uint16_t fr = modem_lines(regs);

	if (!regs->rx_count)
		fr |= PL011_FR_RXFE;
	if (regs->rx_count == rx_depth(regs))
		fr |= PL011_FR_RXFF;
	return fr | (regs->tx_blocked ? PL011_FR_TXFF | PL011_FR_BUSY : PL011_FR_TXFE);
}

static uint16_t read_fr(struct pl011_regs *regs)
{
	if (regs->fr_polls < PL011_POLLS)
		regs->fr_polls =
			regs->tx_blocked || regs->rx_count ? 0 : regs->fr_polls + 1;
	return flags(regs);
}

static uint16_t read_register(struct pl011_regs *regs, uint64_t offset)
{
	switch (offset) {
	case PL011_DR:
		return read_dr(regs);
	case PL011_RSR:
		return regs->rsr;
	case PL011_FR:
		return read_fr(regs);
	case PL011_ILPR:
		return regs->ilpr;
	case PL011_IBRD:
		return regs->ibrd;
	case PL011_FBRD:
		return regs->fbrd;
	case PL011_LCR_H:
		return regs->lcr_h;
	case PL011_CR:
		return regs->cr;
	case PL011_IFLS:
		return regs->ifls;
	case PL011_IMSC:
		return regs->imsc;
	case PL011_RIS:
		return raw_status(regs);
	case PL011_MIS:
		return raw_status(regs) & regs->imsc;
	case PL011_DMACR:
		return regs->dmacr;
	default:
		return primecell_id(PART, REVISION, offset);
	}
}

/* Only looks at FR in a row count, until they are enough. */
static void note_access(struct pl011_regs *regs, uint64_t offset)
{
	if (offset != PL011_FR && regs->fr_polls < PL011_POLLS)
		regs->fr_polls = 0;
}

static uint64_t pl011_read(void *dev, uint64_t offset, unsigned size)
{
	struct pl011 *uart = dev;
	bool was_busy = rx_busy(uart);
	uint64_t value;

	(void)size;
	if (offset % 4)
		return 0;
	note_access(&uart->regs, offset);
	value = read_register(&uart->regs, offset);
	update_irq(uart);
	notify_room(uart, was_busy);
	return value;
}

static void write_dr(struct pl011 *uart, uint8_t byte)
{
	struct pl011_regs *regs = &uart->regs;

	if (!(regs->cr & PL011_CR_LBE))
		regs->tx_blocked = !uart->ops->transmit(uart->opaque, byte);
	else if (receiver_on(regs))
		rx_push(regs, byte, 0);
	regs->latched |= PL011_INT_TX;
}

static void write_cr(struct pl011_regs *regs, uint16_t value)
{
	/* Which interrupt tells of a change of which line. */
	static const struct {
		uint16_t line, interrupt;
	} lines[] = {
		{ PL011_FR_RI, PL011_INT_RI },
		{ PL011_FR_CTS, PL011_INT_CTS },
		{ PL011_FR_DCD, PL011_INT_DCD },
		{ PL011_FR_DSR, PL011_INT_DSR },
	};
	const uint16_t before = modem_lines(regs);

	regs->cr = value & CR_MASK;
	regs->fr_polls = 0;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if ((before ^ modem_lines(regs)) & lines[i].line)
			regs->latched |= lines[i].interrupt;
	}
}

static void write_lcr_h(struct pl011_regs *regs, uint8_t value)
{
	bool was_enabled = fifo_enabled(regs);

	regs->lcr_h = value;
	regs->fr_polls = 0;
	if (was_enabled && !fifo_enabled(regs))
		rx_flush(regs);
	rx_settle(regs);
}

static void write_icr(struct pl011_regs *regs, uint16_t value)
{
	regs->latched &= (uint16_t)~value;
	if ((value & PL011_INT_RX) && regs->rx_count >= rx_level(regs))
		regs->rx_cleared = 1;
}

static void write_register(struct pl011 *uart, uint64_t offset, uint16_t value)
{
	struct pl011_regs *regs = &uart->regs;

	switch (offset) {
	case PL011_DR:
		write_dr(uart, (uint8_t)value);
		break;
	case PL011_RSR: /* ECR: any value clears */
		regs->rsr = 0;
		break;
	case PL011_ILPR:
		regs->ilpr = (uint8_t)value;
		break;
	case PL011_IBRD:
		regs->ibrd = value;
		break;
	case PL011_FBRD:
		regs->fbrd = value & FBRD_MASK;
		break;
	case PL011_LCR_H:
		write_lcr_h(regs, (uint8_t)value);
		break;
	case PL011_CR:
		write_cr(regs, value);
		break;
	case PL011_IFLS:
		regs->ifls = value & IFLS_MASK;
		rx_settle(regs);
		break;
	case PL011_IMSC:
		regs->imsc = value & IMSC_MASK;
		regs->fr_polls = 0;
		break;
	case PL011_ICR:
		write_icr(regs, value);
		break;
	case PL011_DMACR:
		regs->dmacr = value & DMACR_MASK;
		break;
	default: /* the rest is read only */
		break;
	}
}

static void pl011_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct pl011 *uart = dev;
	bool was_busy = rx_busy(uart);

	(void)size;
	if (offset % 4)
		return;
	note_access(&uart->regs, offset);
	write_register(uart, offset, (uint16_t)value);
	update_irq(uart);
	notify_room(uart, was_busy);
}

const struct io_ops pl011_io = {
	.read = pl011_read,
	.write = pl011_write,
	.max_size = 4,
};

size_t pl011_rx_room(const struct pl011 *uart)
{
	const struct pl011_regs *regs = &uart->regs;

	/* In loopback mode the line is not connected: input waits outside. */
	if ((regs->cr & PL011_CR_LBE) || !is_listening(regs))
		return 0;
	return rx_depth(regs) - regs->rx_count;
}

size_t pl011_receive(struct pl011 *uart, const uint8_t *data, size_t size)
{
	size_t room = pl011_rx_room(uart);

	if (size > room)
		size = room;
	for (size_t i = 0; i < size; i++)
		rx_push(&uart->regs, data[i], 0);
	update_irq(uart);
	return size;
}

bool pl011_break(struct pl011 *uart)
{
	if (!pl011_rx_room(uart))
		return false;
	/* A break is a zero byte whose stop bit never came. */
	rx_push(&uart->regs, 0, PL011_RSR_BE | PL011_RSR_FE);
	update_irq(uart);
	return true;
}

void pl011_tx_ready(struct pl011 *uart)
{
	if (!uart->regs.tx_blocked)
		return;
	uart->regs.tx_blocked = 0;
	uart->regs.latched |= PL011_INT_TX;
	update_irq(uart);
}

static void regs_reset(struct pl011_regs *regs)
{
	*regs = (struct pl011_regs){ .cr = CR_RESET, .ifls = IFLS_RESET };
}

void pl011_reset(struct pl011 *uart)
{
	uint8_t tx_blocked = uart->regs.tx_blocked;

	/* Nobody listens then: there is no room to tell of. */
	regs_reset(&uart->regs);
	uart->regs.tx_blocked = tx_blocked;
	update_irq(uart);
}

void pl011_init(struct pl011 *uart, const struct uart_ops *ops,
		const struct irq_line *irq, void *opaque)
{
	*uart = (struct pl011){ .ops = ops, .irq = *irq, .opaque = opaque };
	regs_reset(&uart->regs);
}

static const struct state_field fields[] = {
	STATE_FIELD(struct pl011_regs, cr),
	STATE_FIELD(struct pl011_regs, imsc),
	STATE_FIELD(struct pl011_regs, ibrd),
	STATE_FIELD(struct pl011_regs, fbrd),
	STATE_FIELD(struct pl011_regs, lcr_h),
	STATE_FIELD(struct pl011_regs, ifls),
	STATE_FIELD(struct pl011_regs, ilpr),
	STATE_FIELD(struct pl011_regs, dmacr),
	STATE_FIELD(struct pl011_regs, rsr),
	STATE_FIELD(struct pl011_regs, latched),
	STATE_FIELD(struct pl011_regs, rx),
	STATE_FIELD(struct pl011_regs, rx_errors),
	STATE_FIELD(struct pl011_regs, rx_count),
	STATE_FIELD(struct pl011_regs, rx_overrun),
	STATE_FIELD(struct pl011_regs, rx_cleared),
	STATE_FIELD(struct pl011_regs, tx_blocked),
	STATE_FIELD(struct pl011_regs, fr_polls),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int pl011_save(const struct pl011 *uart, struct state_writer *writer, const char *section,
	       struct err *err)
{
	return state_save(writer, section, &layout, &uart->regs, err);
}

/* Could the chip itself have got into this state? */
static bool regs_valid(const struct pl011_regs *regs)
{
	if (regs->cr & ~CR_MASK || regs->imsc & ~IMSC_MASK || regs->fbrd & ~FBRD_MASK)
		return false;
	if (regs->ifls & ~IFLS_MASK || regs->dmacr & ~DMACR_MASK || regs->rsr & ~RSR_MASK)
		return false;
	if (regs->latched & ~(INT_MODEM | INT_ERRORS | PL011_INT_TX))
		return false;
	if (regs->rx_count > rx_depth(regs) || regs->fr_polls > PL011_POLLS)
		return false;
	for (unsigned i = 0; i < PL011_FIFO; i++) {
		if (regs->rx_errors[i] & ~RSR_MASK)
			return false;
	}
	if (regs->rx_cleared && regs->rx_count < rx_level(regs))
		return false;
	return regs->rx_overrun <= 1 && regs->rx_cleared <= 1 && regs->tx_blocked <= 1;
}

int pl011_load(struct pl011 *uart, struct bytes image, const char *section,
	       struct err *err)
{
	bool sink_full = uart->regs.tx_blocked;
	struct pl011_regs regs;

	regs_reset(&regs);
	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (!regs_valid(&regs))
		return state_err_impossible(err, section);
	/* The saved machine's sink may have been full; what counts is this one's. */
	regs.tx_blocked = sink_full;
	uart->regs = regs;
	uart->irq_level = raw_status(&uart->regs) & uart->regs.imsc;
	irq_set(&uart->irq, uart->irq_level);
	notify_room(uart, true);
	return 0;
}

/* The same for a port that does not know which chip it has. */

static void model_init(void *uart, const struct uart_ops *ops, const struct irq_line *irq,
		       void *opaque)
{
	pl011_init(uart, ops, irq, opaque);
}

static void model_reset(void *uart)
{
	pl011_reset(uart);
}

static size_t model_rx_room(const void *uart)
{
	return pl011_rx_room(uart);
}

static size_t model_receive(void *uart, const uint8_t *data, size_t size)
{
	return pl011_receive(uart, data, size);
}

static bool model_receive_break(void *uart)
{
	return pl011_break(uart);
}

static void model_tx_ready(void *uart)
{
	pl011_tx_ready(uart);
}

const struct uart_model pl011_model = {
	.name = "pl011",
	.size = PRIMECELL_SIZE,
	.io = &pl011_io,
	.init = model_init,
	.reset = model_reset,
	.rx_room = model_rx_room,
	.receive = model_receive,
	.receive_break = model_receive_break,
	.tx_ready = model_tx_ready,
};
