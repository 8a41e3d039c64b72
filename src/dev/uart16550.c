/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 16550A UART: eight byte registers, a 16-byte receive FIFO and an interrupt.
 *
 * The line is infinitely fast. A byte written to THR leaves at once through
 * ops->transmit(), so the transmit FIFO is always empty; only a sink that asks
 * for a pause makes THRE and TEMT go away until uart16550_tx_ready(). What
 * comes in is shown at once as well: below the trigger level the guest gets a
 * character time-out interrupt without the wait of four character times. Baud
 * rate, word length and parity are kept and have no effect, and OUT2 does not
 * gate the interrupt, since guests written on other virtual machines forget it.
 *
 * A driver that starts empties the FIFO several times, and what was in it is
 * gone. So input is let in only while the guest listens, and waits outside
 * before: it has set ERBFI, or it polls.
 *  - ERBFI counts with RTS and OUT2 (the gate of a PC's interrupt), or from the
 *    next use of the line on, that is of THR, RBR, IIR, LSR or MSR. For drivers
 *    set all of IER for a moment, only to see which bits it has, and Linux
 *    switches the FIFO on after ERBFI, which empties it, and then sets RTS.
 *  - Polling is seen from LSR being read again when it has shown THRE: nothing is
 *    left to wait for but input. A few such reads must come, since drivers look
 *    at LSR for other reasons too. A write to IER or FCR is a driver at work, and
 *    they are counted anew.
 * (RTS alone tells nothing: early consoles set it too.)
 *
 * Every register function changes `regs` and ends in update_irq(), which works
 * out the level of the line from `regs` alone.
 */
#include <string.h>

#include "dev/uart16550.h"

#define IER_MASK 0x0f
#define MCR_MASK 0x1f
#define FCR_KEPT (UART_FCR_ENABLE | UART_FCR_DMA_MODE | UART_FCR_TRIGGER)

#define LSR_RX_ERRORS (UART_LSR_PE | UART_LSR_FE | UART_LSR_BI)
#define LSR_ERRORS    (UART_LSR_OE | LSR_RX_ERRORS)
#define MSR_DELTAS    (UART_MSR_DCTS | UART_MSR_DDSR | UART_MSR_TERI | UART_MSR_DDCD)

/* The modem lines of a terminal that is always there. */
#define MSR_CONNECTED (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)

#define MCR_OPEN (UART_MCR_RTS | UART_MCR_OUT2)

#define DLL_9600 12 /* 115200 / 12 */

static bool fifo_enabled(const struct uart16550_regs *regs)
{
	return regs->fcr & UART_FCR_ENABLE;
}

static size_t rx_depth(const struct uart16550_regs *regs)
{
	return fifo_enabled(regs) ? UART16550_FIFO : 1;
}

static unsigned rx_trigger(const struct uart16550_regs *regs)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return fifo_enabled(regs) ? levels[regs->fcr >> 6] : 1;
}

/* The line is in use: ERBFI was no mere trial of IER. */
static void note_use(struct uart16550_regs *regs)
{
	if (regs->ier & UART_IER_ERBFI)
		regs->lsr_polls = UART16550_POLLS;
}

/* Would the guest notice a byte that comes now? */
static bool is_listening(const struct uart16550_regs *regs)
{
	return regs->lsr_polls == UART16550_POLLS ||
	       ((regs->ier & UART_IER_ERBFI) && (regs->mcr & MCR_OPEN) == MCR_OPEN);
}

static uint8_t line_status(const struct uart16550_regs *regs)
{
	uint8_t lsr = regs->lsr_errors;
	uint8_t hidden = 0;

	if (regs->rx_count)
		lsr |= UART_LSR_DR;
	if (!regs->tx_blocked)
		lsr |= UART_LSR_THRE | UART_LSR_TEMT;
	for (unsigned i = 0; i < regs->rx_count; i++)
		hidden |= regs->rx_errors[i];
	if (fifo_enabled(regs) && ((lsr | hidden) & LSR_RX_ERRORS))
		lsr |= UART_LSR_FIFO_ERROR;
	return lsr;
}

/* The interrupt with the highest priority, in the coding of IIR. */
static uint8_t interrupt_id(const struct uart16550_regs *regs)
{
	if ((regs->ier & UART_IER_ELSI) && regs->lsr_errors)
		return UART_IIR_LINE_STATUS;
	if ((regs->ier & UART_IER_ERBFI) && regs->rx_count)
		return regs->rx_count >= rx_trigger(regs) ? UART_IIR_RX_DATA
							  : UART_IIR_RX_TIMEOUT;
	if ((regs->ier & UART_IER_ETBEI) && regs->thre_pending && !regs->tx_blocked)
		return UART_IIR_THR_EMPTY;
	if ((regs->ier & UART_IER_EDSSI) && (regs->msr & MSR_DELTAS))
		return UART_IIR_MODEM;
	return UART_IIR_NONE;
}

static void update_irq(struct uart16550 *uart)
{
	bool level = interrupt_id(&uart->regs) != UART_IIR_NONE;

	if (level == uart->irq_level)
		return;
	uart->irq_level = level;
	irq_set(&uart->irq, level);
}

/* The errors of a byte show in LSR when it becomes the oldest one. */
static void rx_show_errors(struct uart16550_regs *regs)
{
	if (!regs->rx_count)
		return;
	regs->lsr_errors |= regs->rx_errors[0];
	regs->rx_errors[0] = 0;
}

/* A byte comes out of the shift register, off the line or out of the loop. */
static void rx_push(struct uart16550_regs *regs, uint8_t byte, uint8_t errors)
{
	if (regs->rx_count >= rx_depth(regs)) {
		regs->lsr_errors |= UART_LSR_OE;
		if (fifo_enabled(regs))
			return; /* the new byte is lost; without a FIFO, the old one */
		regs->rx_count = 0;
	}
	regs->rx[regs->rx_count] = byte;
	regs->rx_errors[regs->rx_count] = errors;
	regs->rx_count++;
	rx_show_errors(regs);
}

static uint8_t rx_pop(struct uart16550_regs *regs)
{
	uint8_t byte = regs->rx[0];

	if (!regs->rx_count)
		return byte; /* RBR keeps what it held last */
	regs->rx_count--;
	/* The last byte stays in place, so that an empty RBR still shows it. */
	if (regs->rx_count) {
		memmove(regs->rx, regs->rx + 1, regs->rx_count);
		memmove(regs->rx_errors, regs->rx_errors + 1, regs->rx_count);
	}
	rx_show_errors(regs);
	return byte;
}

/* Tell the source of input if there is all the room again that there was not before. */
static void notify_room(struct uart16550 *uart, bool was_busy)
{
	if (was_busy && uart16550_rx_room(uart) == rx_depth(&uart->regs) &&
	    uart->ops->rx_drained)
		uart->ops->rx_drained(uart->opaque);
}

static bool rx_busy(const struct uart16550 *uart)
{
	return uart16550_rx_room(uart) < rx_depth(&uart->regs);
}

/* What the modem lines are now: the outside's, or MCR's own when looped back. */
static uint8_t modem_lines(const struct uart16550_regs *regs)
{
	uint8_t lines = 0;

	if (!(regs->mcr & UART_MCR_LOOP))
		return MSR_CONNECTED;
	if (regs->mcr & UART_MCR_RTS)
		lines |= UART_MSR_CTS;
	if (regs->mcr & UART_MCR_DTR)
		lines |= UART_MSR_DSR;
	if (regs->mcr & UART_MCR_OUT1)
		lines |= UART_MSR_RI;
	if (regs->mcr & UART_MCR_OUT2)
		lines |= UART_MSR_DCD;
	return lines;
}

static void update_modem(struct uart16550_regs *regs)
{
	uint8_t lines = modem_lines(regs);
	uint8_t changed = (uint8_t)((lines ^ regs->msr) & ~MSR_DELTAS);

	/* Delta bits sit four below their lines; RI counts only when it goes off. */
	if (lines & UART_MSR_RI)
		changed &= (uint8_t)~UART_MSR_RI;
	regs->msr = (uint8_t)(lines | (regs->msr & MSR_DELTAS) | changed >> 4);
}

static uint8_t read_iir(struct uart16550_regs *regs)
{
	uint8_t id = interrupt_id(regs);

	if (id == UART_IIR_THR_EMPTY) {
		regs->thre_pending = 0;
		regs->thre_by_iir = 1;
	}
	return fifo_enabled(regs) ? id | UART_IIR_FIFO_ENABLED : id;
}

static uint8_t read_lsr(struct uart16550_regs *regs)
{
	uint8_t lsr = line_status(regs);

	regs->lsr_errors = 0;
	if (regs->lsr_polled && regs->lsr_polls < UART16550_POLLS)
		regs->lsr_polls++;
	regs->lsr_polled = !regs->tx_blocked;
	return lsr;
}

static uint8_t read_msr(struct uart16550_regs *regs)
{
	uint8_t msr = regs->msr;

	regs->msr &= (uint8_t)~MSR_DELTAS;
	return msr;
}

static uint64_t uart16550_read(void *dev, uint64_t offset, unsigned size)
{
	struct uart16550 *uart = dev;
	struct uart16550_regs *regs = &uart->regs;
	bool dlab = regs->lcr & UART_LCR_DLAB;
	bool was_busy = rx_busy(uart);
	uint8_t value = 0xff;

	(void)size;
	/* BIOS calls give LSR and MSR together: that is polling as well. */
	if (offset != UART_LSR && offset != UART_MSR)
		regs->lsr_polled = 0;
	if ((offset == UART_RBR && !dlab) || offset == UART_IIR || offset == UART_LSR ||
	    offset == UART_MSR)
		note_use(regs);
	switch (offset) {
	case UART_RBR:
		value = dlab ? regs->dll : rx_pop(regs);
		break;
	case UART_IER:
		value = dlab ? regs->dlm : regs->ier;
		break;
	case UART_IIR:
		value = read_iir(regs);
		break;
	case UART_LCR:
		value = regs->lcr;
		break;
	case UART_MCR:
		value = regs->mcr;
		break;
	case UART_LSR:
		value = read_lsr(regs);
		break;
	case UART_MSR:
		value = read_msr(regs);
		break;
	case UART_SCR:
		value = regs->scr;
		break;
	default:
		break;
	}
	update_irq(uart);
	notify_room(uart, was_busy);
	return value;
}

static void write_thr(struct uart16550 *uart, uint8_t byte)
{
	struct uart16550_regs *regs = &uart->regs;

	note_use(regs);
	/*
	 * On the chip the THR-empty interrupt goes away now and comes back when
	 * the byte has left: an edge, which a handler that never reads IIR needs
	 * to be called again. One that does read IIR has its edge from there,
	 * and is spared two changes of the line for each byte.
	 */
	if (!regs->thre_by_iir) {
		regs->thre_pending = 0;
		update_irq(uart);
	}
	if (regs->mcr & UART_MCR_LOOP)
		rx_push(regs, byte, 0);
	else
		regs->tx_blocked = !uart->ops->transmit(uart->opaque, byte);
	regs->thre_pending = 1;
}

static void write_ier(struct uart16550_regs *regs, uint8_t value)
{
	/* Enabling it while THR is empty raises the interrupt; drivers test for this. */
	if ((value & ~regs->ier) & UART_IER_ETBEI) {
		regs->thre_pending = 1;
		regs->thre_by_iir = 0;
	}
	regs->ier = value & IER_MASK;
	regs->lsr_polls = 0;
}

static void write_fcr(struct uart16550_regs *regs, uint8_t value)
{
	bool enable = value & UART_FCR_ENABLE;

	/* Switching the FIFOs on or off empties them. */
	if (enable != fifo_enabled(regs) || (enable && (value & UART_FCR_RX_RESET))) {
		regs->rx_count = 0;
		memset(regs->rx_errors, 0, sizeof(regs->rx_errors));
	}
	regs->fcr = enable ? value & FCR_KEPT : 0;
	regs->lsr_polls = 0;
}

static void uart16550_write(void *dev, uint64_t offset, unsigned size, uint64_t value64)
{
	struct uart16550 *uart = dev;
	struct uart16550_regs *regs = &uart->regs;
	bool dlab = regs->lcr & UART_LCR_DLAB;
	bool was_busy = rx_busy(uart);
	uint8_t value = (uint8_t)value64;

	(void)size;
	regs->lsr_polled = 0;
	switch (offset) {
	case UART_THR:
		if (dlab)
			regs->dll = value;
		else
			write_thr(uart, value);
		break;
	case UART_IER:
		if (dlab)
			regs->dlm = value;
		else
			write_ier(regs, value);
		break;
	case UART_FCR:
		write_fcr(regs, value);
		break;
	case UART_LCR:
		regs->lcr = value;
		break;
	case UART_MCR:
		regs->mcr = value & MCR_MASK;
		update_modem(regs);
		break;
	case UART_SCR:
		regs->scr = value;
		break;
	default: /* LSR and MSR are for the factory's tests */
		break;
	}
	update_irq(uart);
	notify_room(uart, was_busy);
}

const struct io_ops uart16550_io = {
	.read = uart16550_read,
	.write = uart16550_write,
	.max_size = 1,
};

size_t uart16550_rx_room(const struct uart16550 *uart)
{
	const struct uart16550_regs *regs = &uart->regs;

	/* In loopback mode the line is not connected: input waits outside. */
	if ((regs->mcr & UART_MCR_LOOP) || !is_listening(regs))
		return 0;
	return rx_depth(regs) - regs->rx_count;
}

size_t uart16550_receive(struct uart16550 *uart, const uint8_t *data, size_t size)
{
	size_t room = uart16550_rx_room(uart);

	if (size > room)
		size = room;
	for (size_t i = 0; i < size; i++)
		rx_push(&uart->regs, data[i], 0);
	update_irq(uart);
	return size;
}

bool uart16550_break(struct uart16550 *uart)
{
	if (!uart16550_rx_room(uart))
		return false;
	/* A break is a zero byte whose stop bit never came. */
	rx_push(&uart->regs, 0, UART_LSR_BI | UART_LSR_FE);
	update_irq(uart);
	return true;
}

void uart16550_tx_ready(struct uart16550 *uart)
{
	if (!uart->regs.tx_blocked)
		return;
	uart->regs.tx_blocked = 0;
	uart->regs.thre_pending = 1;
	update_irq(uart);
}

static void regs_reset(struct uart16550_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	regs->dll = DLL_9600;
	regs->msr = MSR_CONNECTED;
}

void uart16550_reset(struct uart16550 *uart)
{
	uint8_t tx_blocked = uart->regs.tx_blocked;
	bool was_busy = rx_busy(uart);

	regs_reset(&uart->regs);
	uart->regs.tx_blocked = tx_blocked;
	update_irq(uart);
	notify_room(uart, was_busy);
}

void uart16550_init(struct uart16550 *uart, const struct uart_ops *ops,
		    const struct irq_line *irq, void *opaque)
{
	*uart = (struct uart16550){ .ops = ops, .irq = *irq, .opaque = opaque };
	regs_reset(&uart->regs);
}

static const struct state_field fields[] = {
	STATE_FIELD(struct uart16550_regs, ier),
	STATE_FIELD(struct uart16550_regs, fcr),
	STATE_FIELD(struct uart16550_regs, lcr),
	STATE_FIELD(struct uart16550_regs, mcr),
	STATE_FIELD(struct uart16550_regs, scr),
	STATE_FIELD(struct uart16550_regs, dll),
	STATE_FIELD(struct uart16550_regs, dlm),
	STATE_FIELD(struct uart16550_regs, lsr_errors),
	STATE_FIELD(struct uart16550_regs, msr),
	STATE_FIELD(struct uart16550_regs, rx),
	STATE_FIELD(struct uart16550_regs, rx_errors),
	STATE_FIELD(struct uart16550_regs, rx_count),
	STATE_FIELD(struct uart16550_regs, thre_pending),
	STATE_FIELD(struct uart16550_regs, thre_by_iir),
	STATE_FIELD(struct uart16550_regs, tx_blocked),
	STATE_FIELD(struct uart16550_regs, lsr_polled),
	STATE_FIELD(struct uart16550_regs, lsr_polls),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int uart16550_save(const struct uart16550 *uart, struct state_writer *writer,
		   const char *section, struct err *err)
{
	return state_save(writer, section, &layout, &uart->regs, err);
}

/* Could the chip itself have got into this state? */
static bool regs_valid(const struct uart16550_regs *regs)
{
	if (regs->ier & ~IER_MASK || regs->mcr & ~MCR_MASK)
		return false;
	if (regs->fcr & ~FCR_KEPT || (regs->fcr && !fifo_enabled(regs)))
		return false;
	if (regs->rx_count > rx_depth(regs) || regs->lsr_errors & ~LSR_ERRORS)
		return false;
	for (unsigned i = 0; i < UART16550_FIFO; i++) {
		if (regs->rx_errors[i] & ~LSR_RX_ERRORS)
			return false;
	}
	if ((regs->msr & ~MSR_DELTAS) != modem_lines(regs))
		return false;
	if (regs->lsr_polled > 1 || regs->lsr_polls > UART16550_POLLS)
		return false;
	return regs->thre_pending <= 1 && regs->thre_by_iir <= 1 && regs->tx_blocked <= 1;
}

int uart16550_load(struct uart16550 *uart, struct bytes image, const char *section,
		   struct err *err)
{
	bool sink_full = uart->regs.tx_blocked;
	struct uart16550_regs regs;

	regs_reset(&regs);
	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (!regs_valid(&regs))
		return state_err_impossible(err, section);
	/* The saved machine's sink may have been full; what counts is this one's. */
	regs.tx_blocked = sink_full;
	uart->regs = regs;
	uart->irq_level = interrupt_id(&uart->regs) != UART_IIR_NONE;
	irq_set(&uart->irq, uart->irq_level);
	notify_room(uart, true);
	return 0;
}

/* The same for a port that does not know which chip it has. */

static void model_init(void *uart, const struct uart_ops *ops, const struct irq_line *irq,
		       void *opaque)
{
	uart16550_init(uart, ops, irq, opaque);
}

static void model_reset(void *uart)
{
	uart16550_reset(uart);
}

static size_t model_rx_room(const void *uart)
{
	return uart16550_rx_room(uart);
}

static size_t model_receive(void *uart, const uint8_t *data, size_t size)
{
	return uart16550_receive(uart, data, size);
}

static bool model_receive_break(void *uart)
{
	return uart16550_break(uart);
}

static void model_tx_ready(void *uart)
{
	uart16550_tx_ready(uart);
}

const struct uart_model uart16550_model = {
	.name = "uart16550",
	.size = UART16550_NR_PORTS,
	.io = &uart16550_io,
	.init = model_init,
	.reset = model_reset,
	.rx_room = model_rx_room,
	.receive = model_receive,
	.receive_break = model_receive_break,
	.tx_ready = model_tx_ready,
};
