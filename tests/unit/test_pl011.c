/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 as drivers see it: registers, interrupts, both directions of data. */
#include "chip.h"

#include "dev/pl011.h"
#include "dev/primecell.h"

/* A UART on a bench: what it sent, whether the sink is full, who asked for input. */
struct bench {
	struct pl011 uart;
	struct chip_irq irq;
	uint8_t sent[64];
	size_t nr_sent;
	bool sink_full;
	unsigned drained;
};

static bool bench_transmit(void *opaque, uint8_t byte)
{
	struct bench *bench = opaque;

	bench->sent[bench->nr_sent++ % sizeof(bench->sent)] = byte;
	return !bench->sink_full;
}

static void bench_drained(void *opaque)
{
	struct bench *bench = opaque;

	bench->drained++;
}

static const struct uart_ops bench_ops = {
	.transmit = bench_transmit,
	.rx_drained = bench_drained,
};

static void bench_init(struct bench *bench)
{
	struct irq_line line = chip_irq_line(&bench->irq);

	memset(bench, 0, sizeof(*bench));
	pl011_init(&bench->uart, &bench_ops, &line, bench);
}

static uint32_t in(struct bench *bench, unsigned reg)
{
	return (uint32_t)pl011_io.read(&bench->uart, reg, 4);
}

static void out(struct bench *bench, unsigned reg, uint32_t value)
{
	pl011_io.write(&bench->uart, reg, 4, value);
}

static size_t receive(struct bench *bench, const char *text)
{
	return pl011_receive(&bench->uart, (const uint8_t *)text, strlen(text));
}

#define CR_ON    (PL011_CR_UARTEN | PL011_CR_TXE | PL011_CR_RXE)
#define INT_DATA (PL011_INT_RX | PL011_INT_RT)
#define INT_ALL  0x7ff
#define FR_IDLE \
	(PL011_FR_CTS | PL011_FR_DSR | PL011_FR_DCD | PL011_FR_RXFE | PL011_FR_TXFE)

/* An interrupt driven guest, with FIFOs or without. */
static void listen(struct bench *bench, uint32_t lcr_h)
{
	out(bench, PL011_LCR_H, lcr_h);
	out(bench, PL011_CR, CR_ON);
	out(bench, PL011_IMSC, INT_DATA);
	bench->drained = 0;
}

/* What Linux's amba-pl011 does when a port is opened, and whether it lost something. */
static void linux_probe(struct bench *b)
{
	out(b, PL011_IMSC, 0);
	out(b, PL011_ICR, 0xffff);
}

static void linux_startup(struct bench *b)
{
	uint32_t cr;

	out(b, PL011_ICR, 0x7d0);
	in(b, PL011_IMSC);
	out(b, PL011_IMSC, INT_DATA); /* for a debugger that uses NMIs */
	assert_int_equal(pl011_rx_room(&b->uart), 0);
	out(b, PL011_IMSC, 0);
	out(b, PL011_IFLS, 0x12);
	cr = in(b, PL011_CR) & (PL011_CR_RTS | PL011_CR_DTR);
	out(b, PL011_CR, cr | CR_ON);
	in(b, PL011_FR);
	out(b, PL011_ICR, INT_DATA);
	for (unsigned i = 0; i < 64; i++) {
		if (in(b, PL011_FR) & PL011_FR_RXFE)
			break;
		in(b, PL011_DR);
	}
	assert_int_equal(pl011_rx_room(&b->uart), 0);
	out(b, PL011_IMSC, INT_DATA);
}

static void linux_set_termios(struct bench *b)
{
	uint32_t cr = in(b, PL011_CR);

	out(b, PL011_CR, 0);
	out(b, PL011_FBRD, 4);
	out(b, PL011_IBRD, 39);
	out(b, PL011_LCR_H, 0x60 | PL011_LCR_H_FEN);
	out(b, PL011_CR, cr);
}

/* Its interrupt handler: takes input, writes half a FIFO of `left` bytes. */
static unsigned linux_interrupt(struct bench *b, uint8_t *text, unsigned *left)
{
	uint32_t status = in(b, PL011_RIS) & in(b, PL011_IMSC);
	unsigned got = 0;

	for (unsigned pass = 0; status && pass < 256; pass++) {
		out(b, PL011_ICR, status & ~(uint32_t)(INT_DATA | PL011_INT_TX));
		if (status & INT_DATA) {
			while (!(in(b, PL011_FR) & PL011_FR_RXFE))
				text[got++] = (uint8_t)in(b, PL011_DR);
		}
		if (status & PL011_INT_TX) {
			for (unsigned i = 0; i < 16 && *left; i++, (*left)--)
				out(b, PL011_DR, 'x');
			if (!*left)
				out(b, PL011_IMSC, INT_DATA);
		}
		status = in(b, PL011_RIS) & in(b, PL011_IMSC);
	}
	assert_int_equal(status, 0);
	return got;
}

static void test_power_on(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(in(&b, PL011_FR), FR_IDLE);
	assert_int_equal(in(&b, PL011_CR), 0x300);
	assert_int_equal(in(&b, PL011_IFLS), 0x12);
	for (unsigned reg = PL011_ILPR; reg <= PL011_DMACR; reg += 4) {
		if (reg != PL011_CR && reg != PL011_IFLS)
			assert_int_equal(in(&b, reg), 0);
	}
	assert_int_equal(in(&b, PL011_RSR), 0);
	assert_false(b.irq.level);
}

/* The bus driver of Linux puts eight bytes together and finds a revision with 32 bytes. */
static void test_identification(void **state)
{
	uint32_t periph = 0, cell = 0;
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 4; i++) {
		periph |= in(&b, PRIMECELL_IDS + 4 * i) << 8 * i;
		cell |= in(&b, PRIMECELL_IDS + 16 + 4 * i) << 8 * i;
	}
	assert_int_equal(periph & 0x000fffff, 0x00041011);
	assert_true((periph >> 20 & 15) >= 3);
	assert_int_equal(cell, 0xb105f00d);
}

static void test_what_registers_keep(void **state)
{
	static const struct {
		unsigned reg;
		uint32_t mask;
	} kept[] = {
		{ PL011_ILPR, 0xff },  { PL011_IBRD, 0xffff }, { PL011_FBRD, 0x3f },
		{ PL011_LCR_H, 0xff }, { PL011_CR, 0xff87 },   { PL011_IFLS, 0x3f },
		{ PL011_IMSC, 0x7ff }, { PL011_DMACR, 0x7 },
	};
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < ARRAY_LENGTH(kept); i++) {
		out(&b, kept[i].reg, UINT32_MAX);
		assert_int_equal(in(&b, kept[i].reg), kept[i].mask);
		out(&b, kept[i].reg, 0);
		assert_int_equal(in(&b, kept[i].reg), 0);
	}
	out(&b, PL011_FR, 0);
	out(&b, PL011_RIS, 0x7ff);
	out(&b, PL011_MIS, 0x7ff);
	out(&b, PRIMECELL_IDS, 0);
	assert_int_equal(in(&b, PL011_FR), FR_IDLE);
	assert_int_equal(in(&b, PRIMECELL_IDS), 0x11);
	assert_int_equal(in(&b, 0x10), 0);
	assert_int_equal(in(&b, 0x800), 0);
	assert_int_equal(b.nr_sent, 0);
}

/* Early consoles store bytes, drivers half words, others words. */
static void test_width_of_accesses(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	listen(&b, PL011_LCR_H_FEN);
	assert_int_equal(pl011_io.max_size, 4);
	for (unsigned size = 1; size <= 4; size *= 2) {
		pl011_io.write(&b.uart, PL011_DR, size, 'a' + size);
		assert_int_equal(receive(&b, "z"), 1);
		assert_int_equal(pl011_io.read(&b.uart, PL011_DR, size), 'z');
	}
	assert_int_equal(b.nr_sent, 3);
	assert_memory_equal(b.sent, "bce", 3);
	/* What lies beside a register is nothing. */
	assert_int_equal(receive(&b, "z"), 1);
	assert_int_equal(pl011_io.read(&b.uart, PL011_DR + 1, 1), 0);
	pl011_io.write(&b.uart, PL011_DR + 2, 2, 'x');
	assert_int_equal(b.nr_sent, 3);
	assert_int_equal(in(&b, PL011_DR), 'z');
}

/* earlycon=pl011 enables nothing, and waits for TXFF and BUSY. */
static void test_early_console(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (const char *c = "Booting Linux on physical CPU"; *c; c++) {
		assert_int_equal(in(&b, PL011_FR) & PL011_FR_TXFF, 0);
		pl011_io.write(&b.uart, PL011_DR, 1, (uint8_t)*c);
		assert_int_equal(in(&b, PL011_FR) & PL011_FR_BUSY, 0);
	}
	assert_int_equal(b.nr_sent, 29);
	assert_memory_equal(b.sent, "Booting Linux on physical CPU", 29);
	assert_int_equal(b.irq.raised, 0);
	assert_int_equal(pl011_rx_room(&b.uart), 0); /* it takes no input */
}

static void test_tx_interrupt(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL011_CR, CR_ON);
	out(&b, PL011_IMSC, PL011_INT_TX);
	assert_false(b.irq.level); /* nothing was sent yet */
	out(&b, PL011_DR, 'a');
	assert_true(b.irq.level);
	assert_int_equal(in(&b, PL011_MIS), PL011_INT_TX);
	out(&b, PL011_ICR, PL011_INT_TX);
	assert_false(b.irq.level);
	out(&b, PL011_IMSC, 0);
	out(&b, PL011_DR, 'b');
	assert_false(b.irq.level);
	assert_int_equal(in(&b, PL011_RIS), PL011_INT_TX);
	assert_int_equal(in(&b, PL011_MIS), 0);
	out(&b, PL011_IMSC, PL011_INT_TX);
	assert_true(b.irq.level);
}

static void test_full_sink_looks_like_a_full_fifo(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL011_IMSC, PL011_INT_TX);
	b.sink_full = true;
	out(&b, PL011_DR, 'a');
	assert_int_equal(in(&b, PL011_FR) &
				 (PL011_FR_TXFF | PL011_FR_TXFE | PL011_FR_BUSY),
			 PL011_FR_TXFF | PL011_FR_BUSY);
	assert_false(b.irq.level);
	out(&b, PL011_DR, 'b'); /* a guest that does not look loses nothing */
	assert_memory_equal(b.sent, "ab", 2);
	out(&b, PL011_ICR, PL011_INT_TX); /* of bytes that have not left yet */

	b.sink_full = false;
	pl011_tx_ready(&b.uart);
	assert_int_equal(in(&b, PL011_FR), FR_IDLE);
	assert_true(b.irq.level);
	out(&b, PL011_ICR, PL011_INT_TX);
	pl011_tx_ready(&b.uart); /* a second one means nothing */
	assert_false(b.irq.level);
}

static void test_reset_does_not_empty_the_sink(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.sink_full = true;
	out(&b, PL011_DR, 'a');
	pl011_reset(&b.uart);
	assert_true(in(&b, PL011_FR) & PL011_FR_TXFF);
	pl011_tx_ready(&b.uart);
	assert_int_equal(in(&b, PL011_FR), FR_IDLE);
}

/* Linux throws away what it finds when a port is opened: so there must be nothing. */
static void test_no_input_is_lost_while_linux_starts(void **state)
{
	uint8_t text[64];
	unsigned left = 0;
	struct bench b;

	(void)state;
	bench_init(&b);
	linux_probe(&b);
	linux_set_termios(&b); /* of the console */
	assert_int_equal(receive(&b, "login"), 0);
	linux_startup(&b);
	assert_int_equal(b.drained, 1);
	assert_int_equal(receive(&b, "login"), 5);
	linux_set_termios(&b);
	out(&b, PL011_CR, CR_ON | PL011_CR_DTR | PL011_CR_RTS);
	assert_true(b.irq.level);
	assert_int_equal(linux_interrupt(&b, text, &left), 5);
	assert_memory_equal(text, "login", 5);

	/* Closed, and opened again, with the FIFO off until it has the input. */
	out(&b, PL011_IMSC, 0);
	out(&b, PL011_CR, PL011_CR_UARTEN | PL011_CR_TXE | PL011_CR_DTR | PL011_CR_RTS);
	out(&b, PL011_LCR_H, 0x60);
	assert_int_equal(receive(&b, "root"), 0);
	linux_startup(&b);
	assert_int_equal(receive(&b, "root"), 1);
	linux_set_termios(&b);
	assert_int_equal(receive(&b, "oot"), 3);
	assert_int_equal(linux_interrupt(&b, text, &left), 4);
	assert_memory_equal(text, "root", 4);
}

/* One byte at a time, in any rhythm: each makes an interrupt. */
static void test_single_characters_make_interrupts(void **state)
{
	uint8_t text[64];
	unsigned left = 0;
	struct bench b;

	(void)state;
	bench_init(&b);
	linux_startup(&b);
	linux_set_termios(&b);
	for (unsigned i = 1; i <= 100; i++) {
		assert_int_equal(receive(&b, "k"), 1);
		assert_true(b.irq.level);
		assert_int_equal(b.irq.raised, i);
		assert_int_equal(linux_interrupt(&b, text, &left), 1);
		assert_false(b.irq.level);
	}
}

/* A driver that clears first and reads later, or reads only some, is called again. */
static void test_time_out_stays_while_there_is_input(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	listen(&b, PL011_LCR_H_FEN);
	assert_int_equal(receive(&b, "abc"), 3);
	assert_int_equal(in(&b, PL011_MIS), PL011_INT_RT);
	out(&b, PL011_ICR, INT_ALL);
	assert_true(b.irq.level);
	in(&b, PL011_DR);
	out(&b, PL011_ICR, INT_ALL);
	assert_true(b.irq.level);
	in(&b, PL011_DR);
	in(&b, PL011_DR);
	assert_false(b.irq.level);
}

static void test_rx_interrupt_at_its_level(void **state)
{
	static const uint8_t levels[] = { 4, 8, 16, 24, 28 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(levels); i++) {
		struct bench b;

		bench_init(&b);
		listen(&b, PL011_LCR_H_FEN);
		out(&b, PL011_IFLS, i << 3);
		out(&b, PL011_IMSC, PL011_INT_RX);
		for (unsigned n = 1; n <= 32; n++) {
			assert_int_equal(receive(&b, "x"), 1);
			assert_int_equal(b.irq.level, n >= levels[i]);
		}
		assert_int_equal(receive(&b, "x"), 0);
		assert_true(in(&b, PL011_FR) & PL011_FR_RXFF);
		for (unsigned n = 31; n; n--) {
			in(&b, PL011_DR);
			assert_int_equal(b.irq.level, n >= levels[i]);
		}
	}
}

static void test_rx_interrupt_comes_when_the_level_is_reached(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	listen(&b, PL011_LCR_H_FEN);
	out(&b, PL011_IFLS, 0);
	assert_int_equal(receive(&b, "abcde"), 5);
	assert_int_equal(in(&b, PL011_RIS), INT_DATA);
	out(&b, PL011_ICR, PL011_INT_RX);
	assert_int_equal(in(&b, PL011_RIS), PL011_INT_RT);
	assert_int_equal(receive(&b, "f"), 1); /* it was reached before */
	assert_int_equal(in(&b, PL011_RIS), PL011_INT_RT);
	for (unsigned i = 0; i < 3; i++)
		in(&b, PL011_DR);
	assert_int_equal(receive(&b, "g"), 1);
	assert_int_equal(in(&b, PL011_RIS), INT_DATA);
}

static void test_without_fifo(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	listen(&b, 0);
	out(&b, PL011_IMSC, PL011_INT_RX);
	assert_int_equal(pl011_rx_room(&b.uart), 1);
	assert_int_equal(receive(&b, "xyz"), 1);
	assert_true(b.irq.level);
	assert_int_equal(in(&b, PL011_FR) & (PL011_FR_RXFF | PL011_FR_RXFE),
			 PL011_FR_RXFF);
	assert_int_equal(b.drained, 0);
	assert_int_equal(in(&b, PL011_DR), 'x');
	assert_int_equal(b.drained, 1);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, PL011_DR), 'x'); /* nothing new */
	assert_int_equal(b.drained, 1);
}

static void test_fifo_on_keeps_and_off_empties(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	listen(&b, 0);
	assert_int_equal(receive(&b, "ab"), 1);
	out(&b, PL011_LCR_H, PL011_LCR_H_FEN);
	assert_int_equal(receive(&b, "bc"), 2);
	assert_int_equal(in(&b, PL011_DR), 'a');
	out(&b, PL011_LCR_H, 0);
	assert_true(in(&b, PL011_FR) & PL011_FR_RXFE);
	assert_false(b.irq.level);
	assert_int_equal(b.drained, 1);
}

/* Interrupts and the receiver both off, or either: input waits. */
static void test_input_waits_for_a_driver(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL011_CR, CR_ON);
	assert_int_equal(pl011_rx_room(&b.uart), 0);
	out(&b, PL011_IMSC, INT_ALL & ~INT_DATA);
	assert_int_equal(pl011_rx_room(&b.uart), 0);
	assert_false(pl011_break(&b.uart));
	out(&b, PL011_IMSC, PL011_INT_RT);
	assert_int_equal(pl011_rx_room(&b.uart), 1);
	out(&b, PL011_CR, PL011_CR_UARTEN);
	assert_int_equal(pl011_rx_room(&b.uart), 0);
	out(&b, PL011_CR, PL011_CR_RXE);
	assert_int_equal(pl011_rx_room(&b.uart), 0);
	assert_int_equal(b.drained, 1);
	out(&b, PL011_CR, CR_ON);
	assert_int_equal(b.drained, 2);
}

static void test_input_waits_for_polling(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 1; i < PL011_POLLS; i++)
		in(&b, PL011_FR);
	out(&b, PL011_DR, 'x'); /* it was not waiting */
	for (unsigned i = 0; i < PL011_POLLS; i++) {
		assert_int_equal(pl011_rx_room(&b.uart), 0);
		in(&b, PL011_FR);
	}
	assert_int_equal(b.drained, 1);
	assert_int_equal(receive(&b, "k"), 1);
	assert_int_equal(in(&b, PL011_FR) & PL011_FR_RXFE, 0);
	assert_int_equal(in(&b, PL011_DR), 'k');
	out(&b, PL011_DR, 'k'); /* it echoes, and goes on listening */
	assert_int_equal(receive(&b, "l"), 1);
	assert_int_equal(in(&b, PL011_DR), 'l');
	for (unsigned i = 0; i < 3; i++) { /* a driver comes */
		static const unsigned regs[] = { PL011_LCR_H, PL011_CR, PL011_IMSC };

		out(&b, regs[i], 0);
		assert_int_equal(pl011_rx_room(&b.uart), 0);
		for (unsigned j = 0; j < PL011_POLLS; j++)
			in(&b, PL011_FR);
		assert_int_equal(pl011_rx_room(&b.uart), 1);
	}
	out(&b, PL011_CR, CR_ON);

	/* Waiting for the transmitter is not waiting for input. */
	b.sink_full = true;
	out(&b, PL011_DR, 'x');
	for (unsigned i = 0; i < 100; i++)
		in(&b, PL011_FR);
	pl011_tx_ready(&b.uart);
	in(&b, PL011_FR);
	assert_int_equal(pl011_rx_room(&b.uart), 0);
}

/* 10 kB pasted at once, with output in between, arrive whole. */
static void test_paste_arrives_whole(void **state)
{
	static uint8_t paste[10000], got[10000 + PL011_FIFO];
	unsigned left = 1000, nr_got = 0;
	uint32_t seed = 1;
	size_t given = 0;
	struct bench b;

	(void)state;
	bench_init(&b);
	linux_startup(&b);
	linux_set_termios(&b);
	out(&b, PL011_DR, 'x');
	out(&b, PL011_IMSC, INT_DATA | PL011_INT_TX);
	for (size_t i = 0; i < sizeof(paste); i++)
		paste[i] = (uint8_t)chip_random(&seed);
	b.drained = 1;
	while (nr_got < sizeof(paste)) {
		assert_true(b.drained || b.irq.level); /* or it would stall */
		if (b.drained) { /* the source writes only when it is asked to */
			size_t n = 1 + chip_random(&seed) % 40;

			b.drained = 0;
			if (n > sizeof(paste) - given)
				n = sizeof(paste) - given;
			n = pl011_receive(&b.uart, paste + given, n);
			given += n;
		}
		if (b.irq.level)
			nr_got += linux_interrupt(&b, got + nr_got, &left);
	}
	assert_int_equal(given, sizeof(paste));
	assert_memory_equal(got, paste, sizeof(paste));
	assert_int_equal(left, 0);
	assert_int_equal(b.nr_sent, 1001);
	assert_int_equal(in(&b, PL011_RSR), 0); /* and no overrun either */
}

static void test_break(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	listen(&b, PL011_LCR_H_FEN);
	out(&b, PL011_IMSC, PL011_INT_BE | PL011_INT_RT);
	assert_int_equal(receive(&b, "a"), 1);
	assert_true(pl011_break(&b.uart));
	assert_int_equal(receive(&b, "c"), 1);
	assert_int_equal(in(&b, PL011_MIS), PL011_INT_BE | PL011_INT_RT);
	out(&b, PL011_ICR, PL011_INT_BE | PL011_INT_FE);
	assert_int_equal(in(&b, PL011_RIS), PL011_INT_RT);
	assert_int_equal(in(&b, PL011_DR), 'a');
	assert_int_equal(in(&b, PL011_RSR), 0);
	assert_int_equal(in(&b, PL011_DR), (PL011_RSR_BE | PL011_RSR_FE) << 8);
	assert_int_equal(in(&b, PL011_RSR), PL011_RSR_BE | PL011_RSR_FE);
	assert_int_equal(in(&b, PL011_DR), 'c');
	assert_int_equal(in(&b, PL011_RSR), 0);
}

static void test_loopback_and_overrun(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	listen(&b, PL011_LCR_H_FEN);
	out(&b, PL011_CR, CR_ON | PL011_CR_LBE);
	assert_int_equal(pl011_rx_room(&b.uart), 0);
	assert_int_equal(receive(&b, "x"), 0);
	assert_false(pl011_break(&b.uart));
	for (unsigned i = 0; i < 34; i++)
		out(&b, PL011_DR, i);
	assert_int_equal(b.nr_sent, 0);
	assert_true(in(&b, PL011_RIS) & PL011_INT_OE);
	assert_int_equal(in(&b, PL011_RSR), PL011_RSR_OE);
	out(&b, PL011_RSR, 0xff); /* ECR */
	assert_int_equal(in(&b, PL011_RSR), 0);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(in(&b, PL011_DR), i); /* the FIFO keeps the old ones */
	out(&b, PL011_DR, 'n'); /* and the next one tells of the loss */
	out(&b, PL011_DR, 'o');
	assert_int_equal(in(&b, PL011_DR), PL011_RSR_OE << 8 | 'n');
	assert_int_equal(in(&b, PL011_DR), 'o');
	out(&b, PL011_ICR, PL011_INT_OE);
	assert_int_equal(in(&b, PL011_RIS) & PL011_INT_OE, 0);

	/* Old kernels provoke a TX interrupt like this: it is no input. */
	out(&b, PL011_CR, PL011_CR_UARTEN | PL011_CR_TXE | PL011_CR_LBE);
	out(&b, PL011_ICR, INT_ALL);
	out(&b, PL011_DR, 0);
	assert_int_equal(in(&b, PL011_RIS), PL011_INT_TX);
	assert_true(in(&b, PL011_FR) & PL011_FR_RXFE);
	b.drained = 0;
	out(&b, PL011_CR, CR_ON);
	assert_int_equal(b.drained, 1); /* the line is connected again */
}

static void test_loopback_of_modem_lines(void **state)
{
	static const struct {
		uint32_t out, in, interrupt;
	} wires[] = {
		{ PL011_CR_RTS, PL011_FR_CTS, PL011_INT_CTS },
		{ PL011_CR_DTR, PL011_FR_DSR, PL011_INT_DSR },
		{ PL011_CR_OUT1, PL011_FR_DCD, PL011_INT_DCD },
		{ PL011_CR_OUT2, PL011_FR_RI, PL011_INT_RI },
	};
	const uint32_t lines = PL011_FR_CTS | PL011_FR_DSR | PL011_FR_DCD | PL011_FR_RI;
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, PL011_CR, PL011_CR_LBE);
	assert_int_equal(in(&b, PL011_RIS), 0x00e); /* CTS, DCD and DSR have gone */
	out(&b, PL011_ICR, INT_ALL);
	for (unsigned i = 0; i < ARRAY_LENGTH(wires); i++) {
		out(&b, PL011_CR, PL011_CR_LBE | wires[i].out);
		assert_int_equal(in(&b, PL011_FR) & lines, wires[i].in);
		assert_int_equal(in(&b, PL011_RIS), wires[i].interrupt);
		out(&b, PL011_CR, PL011_CR_LBE);
		out(&b, PL011_ICR, INT_ALL);
	}
	assert_int_equal(in(&b, PL011_RIS), 0);
}

static void test_reset(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	listen(&b, PL011_LCR_H_FEN);
	out(&b, PL011_IBRD, 5);
	assert_int_equal(receive(&b, "abc"), 3);
	assert_true(b.irq.level);
	b.drained = 0;
	pl011_reset(&b.uart);
	assert_false(b.irq.level);
	assert_int_equal(b.drained, 0); /* nobody listens after a reset */
	assert_int_equal(in(&b, PL011_FR), FR_IDLE);
	assert_int_equal(in(&b, PL011_CR), 0x300);
	assert_int_equal(in(&b, PL011_IBRD), 0);
}

/* Put every part of a UART into some state that differs from power-on. */
static void make_busy(struct bench *b)
{
	bench_init(b);
	listen(b, 0x60 | PL011_LCR_H_FEN);
	out(b, PL011_IBRD, 39);
	out(b, PL011_FBRD, 4);
	out(b, PL011_IFLS, 0);
	out(b, PL011_ILPR, 7);
	out(b, PL011_DMACR, 1);
	assert_int_equal(receive(b, "abc"), 3);
	assert_true(pl011_break(&b->uart));
	out(b, PL011_ICR, PL011_INT_RX);
	out(b, PL011_CR, CR_ON | PL011_CR_LBE | PL011_CR_DTR);
	for (unsigned i = 0; i < 32; i++)
		out(b, PL011_DR, '0' + i);
}

static void save(struct bench *b, struct state_writer *writer)
{
	struct err err;

	assert_int_equal(pl011_save(&b->uart, writer, "chip", &err), 0);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	make_busy(&a);
	save(&a, &writer);
	bench_init(&b);
	assert_int_equal(pl011_load(&b.uart, chip_image(&writer), "chip", &err), 0);
	state_writer_free(&writer);
	assert_true(b.irq.level);
	/* Everything the guest can see goes on the same way. */
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned reg = 0; reg <= PL011_DMACR; reg += 4)
			assert_int_equal(in(&a, reg), in(&b, reg));
		assert_int_equal(a.irq.level, b.irq.level);
		if (round == 35) { /* the loss of bytes was not told yet */
			out(&a, PL011_DR, 'n');
			out(&b, PL011_DR, 'n');
		}
	}
}

/* The saved machine's terminal was slow. This one's is not, and nobody will say so. */
static void test_load_into_another_sink(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a);
	out(&a, PL011_IMSC, PL011_INT_TX);
	a.sink_full = true;
	out(&a, PL011_DR, 'x');
	assert_false(a.irq.level);
	save(&a, &writer);
	bench_init(&b);
	assert_int_equal(pl011_load(&b.uart, chip_image(&writer), "chip", &err), 0);
	assert_true(b.irq.level);
	assert_int_equal(in(&b, PL011_FR), FR_IDLE);

	/* The other way round: the state knows of no trouble, but our sink is full. */
	state_writer_free(&writer);
	save(&b, &writer);
	assert_int_equal(pl011_load(&a.uart, chip_image(&writer), "chip", &err), 0);
	assert_true(in(&a, PL011_FR) & PL011_FR_TXFF);
	pl011_tx_ready(&a.uart);
	assert_true(a.irq.level);
	state_writer_free(&writer);
}

static void test_load_lowers_the_line(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a);
	save(&a, &writer);
	make_busy(&b);
	assert_true(b.irq.level);
	assert_int_equal(pl011_load(&b.uart, chip_image(&writer), "chip", &err), 0);
	assert_false(b.irq.level);
	assert_int_equal(pl011_rx_room(&b.uart), 0);
	state_writer_free(&writer);
}

static void test_load_of_an_older_state(void **state)
{
	struct state_writer writer = { 0 };
	uint8_t fbrd = 7;
	struct bench b;
	struct err err;

	(void)state;
	make_busy(&b);
	chip_section(&writer, "fbrd", &fbrd, 1);
	assert_int_equal(pl011_load(&b.uart, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(&b, PL011_FBRD), 7);
	assert_int_equal(in(&b, PL011_CR),
			 0x300); /* what was missing is as after reset */
	assert_int_equal(in(&b, PL011_FR), FR_IDLE);
	assert_false(b.irq.level);
	state_writer_free(&writer);
}

static void test_hostile_states_are_refused(void **state)
{
	static const struct {
		const char *field;
		uint16_t value;
		size_t size;
	} bad[] = {
		{ "cr", 0x0008, 2 },     { "imsc", 0x0800, 2 },
		{ "fbrd", 0x40, 1 },     { "ifls", 0x40, 1 },
		{ "dmacr", 0x08, 1 },    { "rsr", 0x10, 1 },
		{ "latched", 0x010, 2 }, { "latched", 0x040, 2 },
		{ "latched", 0x800, 2 }, { "rx_count", 2, 1 },
		{ "rx_count", 255, 1 },  { "rx_overrun", 2, 1 },
		{ "rx_cleared", 1, 1 },  { "rx_cleared", 2, 1 },
		{ "tx_blocked", 2, 1 },  { "fr_polls", PL011_POLLS + 1, 1 },
	};
	const uint8_t errors[PL011_FIFO] = { [31] = 0x10 };
	struct state_writer writer = { 0 };
	struct pl011_regs before;
	struct bench b;
	struct err err;

	(void)state;
	make_busy(&b);
	before = b.uart.regs;
	for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
		chip_section(&writer, bad[i].field, &bad[i].value, bad[i].size);
		assert_int_equal(pl011_load(&b.uart, chip_image(&writer), "chip", &err),
				 -1);
		assert_memory_equal(&b.uart.regs, &before, sizeof(before));
	}
	chip_section(&writer, "rx_errors", errors, sizeof(errors));
	assert_int_equal(pl011_load(&b.uart, chip_image(&writer), "chip", &err), -1);
	assert_non_null(strstr(err.text, "chip"));
	state_writer_free(&writer);
}

/* Whatever the guest does, MIS and the line agree, and all can be acknowledged. */
static void test_random_operations(void **state)
{
	uint32_t seed = 11;
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t r = chip_random(&seed);
		uint8_t data[40];

		b.sink_full = r >> 30 == 0;
		memset(data, (int)(r >> 8), sizeof(data));
		switch (r % 8) {
		case 0:
			pl011_receive(&b.uart, data, r >> 16 & 31);
			break;
		case 1:
			pl011_break(&b.uart);
			break;
		case 2:
			pl011_tx_ready(&b.uart);
			break;
		case 3:
		case 4:
			in(&b, (r >> 16) % 20 * 4);
			break;
		default:
			out(&b, (r >> 16) % 20 * 4, r >> 3);
			break;
		}
		assert_int_equal(b.irq.redundant, 0);
		assert_true(pl011_rx_room(&b.uart) <= PL011_FIFO);
		assert_int_equal(b.irq.level, in(&b, PL011_MIS) != 0);
	}
	for (unsigned i = 0; i < PL011_FIFO; i++)
		in(&b, PL011_DR);
	out(&b, PL011_ICR, INT_ALL);
	assert_false(b.irq.level);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_on),
		cmocka_unit_test(test_identification),
		cmocka_unit_test(test_what_registers_keep),
		cmocka_unit_test(test_width_of_accesses),
		cmocka_unit_test(test_early_console),
		cmocka_unit_test(test_tx_interrupt),
		cmocka_unit_test(test_full_sink_looks_like_a_full_fifo),
		cmocka_unit_test(test_reset_does_not_empty_the_sink),
		cmocka_unit_test(test_no_input_is_lost_while_linux_starts),
		cmocka_unit_test(test_single_characters_make_interrupts),
		cmocka_unit_test(test_time_out_stays_while_there_is_input),
		cmocka_unit_test(test_rx_interrupt_at_its_level),
		cmocka_unit_test(test_rx_interrupt_comes_when_the_level_is_reached),
		cmocka_unit_test(test_without_fifo),
		cmocka_unit_test(test_fifo_on_keeps_and_off_empties),
		cmocka_unit_test(test_input_waits_for_a_driver),
		cmocka_unit_test(test_input_waits_for_polling),
		cmocka_unit_test(test_paste_arrives_whole),
		cmocka_unit_test(test_break),
		cmocka_unit_test(test_loopback_and_overrun),
		cmocka_unit_test(test_loopback_of_modem_lines),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_load_into_another_sink),
		cmocka_unit_test(test_load_lowers_the_line),
		cmocka_unit_test(test_load_of_an_older_state),
		cmocka_unit_test(test_hostile_states_are_refused),
		cmocka_unit_test(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
