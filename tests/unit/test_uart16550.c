/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550A as a driver sees it: registers, interrupts, both directions of data. */
#include "chip.h"

#include "dev/uart16550.h"

/* A UART on a bench: what it sent, whether the sink is full, who asked for input. */
struct bench {
	struct uart16550 uart;
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
	uart16550_init(&bench->uart, &bench_ops, &line, bench);
}

static uint8_t in(struct bench *bench, unsigned reg)
{
	return chip_in(&uart16550_io, &bench->uart, reg);
}

static void out(struct bench *bench, unsigned reg, unsigned value)
{
	chip_out(&uart16550_io, &bench->uart, reg, value);
}

static void receive(struct bench *bench, const char *text)
{
	size_t size = strlen(text);

	assert_int_equal(uart16550_receive(&bench->uart, (const uint8_t *)text, size),
			 size);
}

/* A guest that polls for input; the last read that it takes opens the line. */
static void listen(struct bench *bench)
{
	for (unsigned i = 0; i <= UART16550_POLLS; i++)
		in(bench, UART_LSR);
	bench->drained = 0;
}

#define LSR_IDLE (UART_LSR_THRE | UART_LSR_TEMT)

static void test_power_on(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(in(&b, UART_IER), 0);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_NONE);
	assert_int_equal(in(&b, UART_LCR), 0);
	assert_int_equal(in(&b, UART_MCR), 0);
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
	assert_int_equal(in(&b, UART_MSR), UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD);
	assert_false(b.irq.level);
}

/* What Linux's 8250 autoconfig() asks, in its order, and what only a 16550A answers. */
static void test_is_detected_as_16550a(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_IER, 0);
	assert_int_equal(in(&b, UART_IER) & 0x0f, 0);
	out(&b, UART_IER, 0x0f);
	assert_int_equal(in(&b, UART_IER) & 0x0f, 0x0f);
	out(&b, UART_IER, 0);

	out(&b, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(in(&b, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	out(&b, UART_MCR, 0);

	out(&b, UART_LCR, 0xbf); /* the enhanced registers of others */
	out(&b, UART_FCR, 0);
	out(&b, UART_LCR, 0);
	out(&b, UART_FCR, UART_FCR_ENABLE);
	assert_int_equal(in(&b, UART_IIR) >> 6, 3);

	out(&b, UART_LCR, UART_LCR_DLAB); /* a 16650 would answer 0 */
	assert_int_not_equal(in(&b, UART_IIR), 0);
	out(&b, UART_LCR, 0xbf);
	assert_int_not_equal(in(&b, UART_IIR), 0);

	out(&b, UART_LCR, 0xe0); /* National's bank 2: its bit 4 follows MCR.LOOP */
	assert_int_equal(in(&b, 2) & UART_MCR_LOOP, 0);
	out(&b, UART_LCR, 0);
	out(&b, UART_MCR, UART_MCR_LOOP);
	out(&b, UART_LCR, 0xe0);
	assert_int_equal(in(&b, 2) & UART_MCR_LOOP, 0);
	out(&b, UART_LCR, 0);
	out(&b, UART_MCR, 0);

	out(&b, UART_LCR, UART_LCR_DLAB); /* a 16750 has 64 bytes and says so in bit 5 */
	out(&b, UART_FCR, UART_FCR_ENABLE | 0x20);
	assert_int_equal(in(&b, UART_IIR) >> 5, 6);
	out(&b, UART_LCR, 0);

	out(&b, UART_IER, 0x40); /* an XScale has a unit enable there */
	assert_int_equal(in(&b, UART_IER), 0);
}

/* size_fifo(): fill it in loopback mode and count what comes out. */
static void test_fifo_has_16_bytes(void **state)
{
	struct bench b;
	unsigned count = 0;

	(void)state;
	bench_init(&b);
	out(&b, UART_FCR, UART_FCR_ENABLE | UART_FCR_RX_RESET | UART_FCR_TX_RESET);
	out(&b, UART_MCR, UART_MCR_LOOP);
	for (unsigned i = 0; i < 256; i++)
		out(&b, UART_THR, i);
	for (; in(&b, UART_LSR) & UART_LSR_DR; count++)
		assert_int_equal(in(&b, UART_RBR), count);
	assert_int_equal(count, 16);
	assert_int_equal(b.nr_sent, 0);
}

static void test_divisor_latch(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_IER, 0x05);
	out(&b, UART_LCR, UART_LCR_DLAB | 3);
	out(&b, UART_DLL, 0x34);
	out(&b, UART_DLM, 0x12);
	assert_int_equal(in(&b, UART_DLL), 0x34);
	assert_int_equal(in(&b, UART_DLM), 0x12);
	out(&b, UART_LCR, 3);
	assert_int_equal(in(&b, UART_IER), 0x05);
	assert_int_equal(b.nr_sent, 0);
	out(&b, UART_LCR, UART_LCR_DLAB);
	assert_int_equal(in(&b, UART_DLL), 0x34);
}

static void test_plain_registers(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned value = 0; value < 256; value++) {
		out(&b, UART_SCR, value);
		out(&b, UART_LCR, value);
		assert_int_equal(in(&b, UART_SCR), value);
		assert_int_equal(in(&b, UART_LCR), value);
		out(&b, UART_LCR, 0);
		out(&b, UART_MCR, value);
		assert_int_equal(in(&b, UART_MCR), value & 0x1f);
		out(&b, UART_IER, value);
		assert_int_equal(in(&b, UART_IER), value & 0x0f);
	}
	assert_int_equal(in(&b, 8), 0xff);
	out(&b, 8, 0x55);
}

static void test_status_registers_are_read_only(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_LSR, 0xff);
	out(&b, UART_MSR, 0xff);
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
	assert_int_equal(in(&b, UART_MSR), UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD);
}

static void test_transmit(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (const char *c = "Hello"; *c; c++) {
		assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
		out(&b, UART_THR, *c);
	}
	assert_int_equal(b.nr_sent, 5);
	assert_memory_equal(b.sent, "Hello", 5);
	assert_int_equal(b.irq.raised, 0);
}

/* Linux's test for a chip that forgets it: enabling must raise it, each time. */
static void test_thre_interrupt_on_enable(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 1; i <= 3; i++) {
		out(&b, UART_IER, UART_IER_ETBEI);
		assert_true(b.irq.level);
		assert_int_equal(b.irq.raised, i);
		assert_int_equal(in(&b, UART_IIR), UART_IIR_THR_EMPTY);
		assert_false(b.irq.level); /* reading IIR took it away */
		assert_int_equal(in(&b, UART_IIR), UART_IIR_NONE);
		out(&b, UART_IER, 0);
	}
	/* Not read, but disabled: gone as well. */
	out(&b, UART_IER, UART_IER_ETBEI);
	out(&b, UART_IER, 0);
	assert_false(b.irq.level);
}

static void test_thre_interrupt_after_each_byte(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_IER, UART_IER_ETBEI);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(in(&b, UART_IIR), UART_IIR_THR_EMPTY);
		assert_false(b.irq.level);
		out(&b, UART_THR, 'x');
		assert_true(b.irq.level);
	}
}

/* An edge-triggered handler that only writes THR must be called again for each byte. */
static void test_thre_edges_without_iir(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_IER, UART_IER_ETBEI);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(b.irq.raised, i + 1);
		out(&b, UART_THR, 'x');
	}
	assert_int_equal(b.irq.redundant, 0);
}

/* One that reads IIR and fills the FIFO gets one edge for the lot. */
static void test_thre_edges_with_iir(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_FCR, UART_FCR_ENABLE);
	out(&b, UART_IER, UART_IER_ETBEI);
	for (unsigned round = 1; round <= 4; round++) {
		assert_int_equal(b.irq.raised, round);
		assert_int_equal(in(&b, UART_IIR) & 0x0f, UART_IIR_THR_EMPTY);
		for (unsigned i = 0; i < 16; i++)
			out(&b, UART_THR, 'x');
		assert_true(b.irq.level);
	}
	assert_int_equal(b.nr_sent, 64);
}

static void test_full_sink_withholds_thre(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_IER, UART_IER_ETBEI);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_THR_EMPTY);
	b.sink_full = true;
	out(&b, UART_THR, 'a');
	assert_int_equal(in(&b, UART_LSR), 0);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_NONE);
	out(&b, UART_THR, 'b'); /* a guest that does not look loses nothing */
	assert_memory_equal(b.sent, "ab", 2);
	out(&b, UART_IER, 0);
	out(&b, UART_IER, UART_IER_ETBEI);
	assert_false(b.irq.level); /* THR is not empty: nothing to announce */

	b.sink_full = false;
	uart16550_tx_ready(&b.uart);
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
	assert_true(b.irq.level);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_THR_EMPTY);
	uart16550_tx_ready(&b.uart); /* a second one means nothing */
	assert_false(b.irq.level);
}

static void test_reset_does_not_empty_the_sink(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.sink_full = true;
	out(&b, UART_THR, 'a');
	uart16550_reset(&b.uart);
	assert_int_equal(in(&b, UART_LSR), 0);
	uart16550_tx_ready(&b.uart);
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
}

static void test_receive_without_fifo(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	listen(&b);
	assert_int_equal(uart16550_rx_room(&b.uart), 1);
	assert_int_equal(uart16550_receive(&b.uart, (const uint8_t *)"xyz", 3), 1);
	assert_int_equal(uart16550_rx_room(&b.uart), 0);
	assert_int_equal(uart16550_receive(&b.uart, (const uint8_t *)"yz", 2), 0);
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE | UART_LSR_DR);
	assert_int_equal(b.drained, 0);
	assert_int_equal(in(&b, UART_RBR), 'x');
	assert_int_equal(b.drained, 1);
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
	assert_int_equal(in(&b, UART_RBR), 'x'); /* nothing new */
	assert_int_equal(b.drained, 1);
}

/* Linux empties the FIFO while it looks for the chip and again when a tty is opened. */
static void test_input_waits_for_a_driver(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_MCR, UART_MCR_DTR | UART_MCR_RTS); /* an early console */
	for (unsigned i = 0; i < 100; i++) {
		in(&b, UART_LSR);
		out(&b, UART_THR, 'x');
	}
	for (unsigned i = 0; i < 20; i++) {
		out(&b, UART_FCR, UART_FCR_ENABLE);
		out(&b, UART_FCR, UART_FCR_ENABLE | UART_FCR_RX_RESET);
		in(&b, UART_LSR);
		in(&b, UART_RBR);
		in(&b, UART_IIR);
		in(&b, UART_MSR);
		in(&b, UART_LSR);
		in(&b, UART_MSR);
		in(&b, UART_LSR);
		out(&b, UART_IER, UART_IER_ETBEI);
		in(&b, UART_LSR);
		in(&b, UART_LSR);
		out(&b, UART_IER, 0x0f); /* which bits are there? */
		in(&b, UART_IER);
		assert_int_equal(uart16550_rx_room(&b.uart), 0);
		out(&b, UART_IER, 0);
		assert_int_equal(uart16550_rx_room(&b.uart), 0);
	}
	assert_int_equal(uart16550_receive(&b.uart, (const uint8_t *)"x", 1), 0);
	assert_false(uart16550_break(&b.uart));
	assert_int_equal(b.drained, 0);
	out(&b, UART_FCR, 0);
	out(&b, UART_MCR, UART_MCR_DTR | UART_MCR_OUT2);
	out(&b, UART_IER, UART_IER_ERBFI | UART_IER_ELSI);
	out(&b, UART_LCR, UART_LCR_DLAB);
	out(&b, UART_DLL, 1);
	out(&b, UART_LCR, 3);
	out(&b, UART_FCR, UART_FCR_ENABLE);
	assert_int_equal(uart16550_rx_room(&b.uart), 0);
	out(&b, UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	assert_int_equal(b.drained, 1);
	assert_int_equal(uart16550_rx_room(&b.uart), 16);
	out(&b, UART_IER, 0);
	assert_int_equal(uart16550_rx_room(&b.uart), 0);
	/* Without OUT2, any use of the line will do. */
	out(&b, UART_MCR, 0);
	out(&b, UART_IER, UART_IER_ERBFI);
	assert_int_equal(uart16550_rx_room(&b.uart), 0);
	in(&b, UART_LSR);
	assert_int_equal(uart16550_rx_room(&b.uart), 16);
}

static void test_input_waits_for_polling(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	/* One look at LSR for THRE, one for DR, and output in between. */
	for (unsigned i = 0; i < UART16550_POLLS; i++) {
		assert_int_equal(uart16550_rx_room(&b.uart), 0);
		in(&b, UART_LSR);
		in(&b, UART_MSR);
		in(&b, UART_LSR);
		out(&b, UART_THR, 'x');
	}
	assert_int_equal(b.drained, 1);
	assert_int_equal(uart16550_rx_room(&b.uart), 1);
	receive(&b, "k");
	assert_int_equal(in(&b, UART_RBR), 'k');
	assert_int_equal(b.drained, 2);
	out(&b, UART_FCR, UART_FCR_ENABLE); /* a driver comes */
	assert_int_equal(uart16550_rx_room(&b.uart), 0);

	/* Waiting for THRE is not waiting for input. */
	b.sink_full = true;
	out(&b, UART_THR, 'x');
	for (unsigned i = 0; i < 100; i++)
		in(&b, UART_LSR);
	uart16550_tx_ready(&b.uart);
	in(&b, UART_LSR);
	assert_int_equal(uart16550_rx_room(&b.uart), 0);
	listen(&b);
	assert_int_equal(uart16550_rx_room(&b.uart), 16);
}

static void test_receive_interrupt_and_trigger(void **state)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	(void)state;
	for (unsigned t = 0; t < ARRAY_LENGTH(levels); t++) {
		struct bench b;

		bench_init(&b);
		out(&b, UART_FCR, UART_FCR_ENABLE | t << 6);
		out(&b, UART_MCR, UART_MCR_RTS | UART_MCR_OUT2);
		out(&b, UART_IER, UART_IER_ERBFI);
		assert_false(b.irq.level);
		for (unsigned n = 1; n <= 16; n++) {
			uint8_t id =
				n >= levels[t] ? UART_IIR_RX_DATA : UART_IIR_RX_TIMEOUT;

			receive(&b, "x");
			assert_true(b.irq.level);
			assert_int_equal(in(&b, UART_IIR), id | UART_IIR_FIFO_ENABLED);
		}
		for (unsigned n = 16; n; n--) {
			assert_true(b.irq.level);
			in(&b, UART_RBR);
		}
		assert_false(b.irq.level);
	}
}

/* 10 kB pasted at once, read by a guest with a rhythm of its own, arrive whole. */
static void test_paste_arrives_whole(void **state)
{
	static uint8_t paste[10000];
	uint32_t seed = 1;
	size_t given = 0, got = 0;
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_FCR, UART_FCR_ENABLE | 0xc0);
	listen(&b);
	for (size_t i = 0; i < sizeof(paste); i++)
		paste[i] = (uint8_t)chip_random(&seed);
	b.drained = 1;
	while (got < sizeof(paste)) {
		unsigned reads = chip_random(&seed) % 24;

		if (b.drained) { /* the source writes only when it is asked to */
			b.drained = 0;
			given += uart16550_receive(&b.uart, paste + given,
						   sizeof(paste) - given);
		}
		for (; reads && (in(&b, UART_LSR) & UART_LSR_DR); reads--)
			assert_int_equal(in(&b, UART_RBR), paste[got++]);
	}
	assert_int_equal(given, sizeof(paste));
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE); /* and no overrun either */
}

static void test_fifo_control(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_MCR, UART_MCR_RTS | UART_MCR_OUT2);
	out(&b, UART_IER, UART_IER_ERBFI);
	out(&b, UART_FCR, UART_FCR_ENABLE);
	receive(&b, "abc");
	b.drained = 0;
	out(&b, UART_FCR, UART_FCR_ENABLE | UART_FCR_TX_RESET);
	assert_true(in(&b, UART_LSR) & UART_LSR_DR);
	out(&b, UART_FCR, UART_FCR_ENABLE | UART_FCR_RX_RESET);
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
	assert_int_equal(b.drained, 1);
	assert_int_equal(uart16550_rx_room(&b.uart), 16);

	receive(&b, "abc");
	out(&b, UART_FCR, UART_FCR_RX_RESET); /* FIFO off: empties it, ignores the rest */
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_NONE);
	assert_int_equal(uart16550_rx_room(&b.uart), 1);

	receive(&b, "a");
	out(&b, UART_FCR, UART_FCR_RX_RESET); /* without the enable bit: no effect */
	assert_int_equal(in(&b, UART_RBR), 'a');
	receive(&b, "a");
	out(&b, UART_FCR, UART_FCR_ENABLE); /* FIFO on: empties it too */
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
}

static void test_overrun_with_fifo(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_FCR, UART_FCR_ENABLE);
	out(&b, UART_MCR, UART_MCR_LOOP);
	for (unsigned i = 0; i < 17; i++)
		out(&b, UART_THR, i);
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE | UART_LSR_DR | UART_LSR_OE);
	assert_int_equal(in(&b, UART_LSR),
			 LSR_IDLE | UART_LSR_DR); /* the read cleared it */
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(in(&b, UART_RBR), i); /* the FIFO keeps the old ones */
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
}

static void test_overrun_without_fifo(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_MCR, UART_MCR_LOOP);
	out(&b, UART_THR, 'a');
	out(&b, UART_THR, 'b');
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE | UART_LSR_DR | UART_LSR_OE);
	assert_int_equal(in(&b, UART_RBR), 'b'); /* RBR has the new one */
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
}

static void test_break(void **state)
{
	const uint8_t error = UART_LSR_BI | UART_LSR_FE;
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_FCR, UART_FCR_ENABLE);
	out(&b, UART_IER, UART_IER_ELSI);
	listen(&b);
	receive(&b, "a");
	assert_true(uart16550_break(&b.uart));
	receive(&b, "c");
	/* Its error shows when it is the oldest byte; before, only that there is one. */
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE | UART_LSR_DR | UART_LSR_FIFO_ERROR);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, UART_RBR), 'a');
	assert_true(b.irq.level);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_LINE_STATUS | UART_IIR_FIFO_ENABLED);
	assert_int_equal(in(&b, UART_LSR),
			 LSR_IDLE | UART_LSR_DR | UART_LSR_FIFO_ERROR | error);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE | UART_LSR_DR);
	assert_int_equal(in(&b, UART_RBR), 0);
	assert_int_equal(in(&b, UART_RBR), 'c');

	out(&b, UART_FCR, 0);
	listen(&b);
	assert_true(uart16550_break(&b.uart));
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE | UART_LSR_DR | error);
	assert_false(uart16550_break(&b.uart)); /* no room: try again later */
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE | UART_LSR_DR);
}

static void test_interrupt_priority(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	listen(&b);
	out(&b, UART_MCR, UART_MCR_LOOP); /* drops CTS, DSR, DCD: modem status */
	out(&b, UART_MCR, 0);
	assert_true(uart16550_break(&b.uart)); /* line status and received data */
	out(&b, UART_IER, 0x0f);               /* THR empty */
	assert_int_equal(in(&b, UART_IIR), UART_IIR_LINE_STATUS);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_LINE_STATUS);
	in(&b, UART_LSR);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_RX_DATA);
	in(&b, UART_RBR);
	/* The reads of IIR so far told of others, so this one is still there. */
	assert_int_equal(in(&b, UART_IIR), UART_IIR_THR_EMPTY);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_MODEM);
	assert_true(b.irq.level);
	in(&b, UART_MSR);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_NONE);
	assert_false(b.irq.level);
	assert_int_equal(b.irq.raised, 1); /* one interrupt all along */
}

static void test_interrupts_need_their_enable_bit(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	listen(&b);
	out(&b, UART_MCR, UART_MCR_LOOP);
	out(&b, UART_MCR, 0);
	assert_true(uart16550_break(&b.uart));
	assert_int_equal(in(&b, UART_IIR), UART_IIR_NONE);
	out(&b, UART_IER, UART_IER_EDSSI);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_MODEM);
	out(&b, UART_IER, UART_IER_ERBFI);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_RX_DATA);
	out(&b, UART_IER, UART_IER_ELSI);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_LINE_STATUS);
	out(&b, UART_IER, 0);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_NONE);
	assert_false(b.irq.level);
}

static void test_loopback_of_data(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_FCR, UART_FCR_ENABLE);
	listen(&b);
	out(&b, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(uart16550_rx_room(&b.uart), 0);
	assert_int_equal(uart16550_receive(&b.uart, (const uint8_t *)"x", 1), 0);
	assert_false(uart16550_break(&b.uart));
	out(&b, UART_THR, 'l');
	assert_int_equal(in(&b, UART_RBR), 'l');
	assert_int_equal(b.nr_sent, 0);
	assert_int_equal(b.drained, 0);
	out(&b, UART_MCR, 0);
	assert_int_equal(b.drained, 1); /* the line is connected again */
	receive(&b, "x");
	assert_int_equal(in(&b, UART_RBR), 'x');
}

static void test_loopback_of_modem_lines(void **state)
{
	static const struct {
		uint8_t out, in, delta;
	} wires[] = {
		{ UART_MCR_RTS, UART_MSR_CTS, UART_MSR_DCTS },
		{ UART_MCR_DTR, UART_MSR_DSR, UART_MSR_DDSR },
		{ UART_MCR_OUT1, UART_MSR_RI, 0 }, /* TERI: trailing edge only */
		{ UART_MCR_OUT2, UART_MSR_DCD, UART_MSR_DDCD },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(wires); i++) {
		uint8_t off = wires[i].delta ? wires[i].delta : UART_MSR_TERI;
		struct bench b;

		bench_init(&b);
		out(&b, UART_MCR, UART_MCR_LOOP);
		in(&b, UART_MSR);
		out(&b, UART_MCR, UART_MCR_LOOP | wires[i].out);
		assert_int_equal(in(&b, UART_MSR), wires[i].in | wires[i].delta);
		assert_int_equal(in(&b, UART_MSR), wires[i].in); /* the read cleared it */
		out(&b, UART_MCR, UART_MCR_LOOP);
		assert_int_equal(in(&b, UART_MSR), off);
		assert_int_equal(in(&b, UART_MSR), 0);
	}
}

static void test_reset(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	out(&b, UART_FCR, UART_FCR_ENABLE);
	out(&b, UART_MCR, UART_MCR_RTS | UART_MCR_OUT2);
	out(&b, UART_IER, 0x0f);
	receive(&b, "abc");
	assert_true(b.irq.level);
	b.drained = 0;
	uart16550_reset(&b.uart);
	assert_false(b.irq.level);
	assert_int_equal(b.drained, 0); /* nobody listens after a reset */
	listen(&b);
	assert_int_equal(in(&b, UART_IER), 0);
	assert_int_equal(in(&b, UART_IIR), UART_IIR_NONE);
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
}

/* Put every part of a UART into some state that differs from power-on. */
static void make_busy(struct bench *b)
{
	bench_init(b);
	out(b, UART_LCR, UART_LCR_DLAB);
	out(b, UART_DLL, 1);
	out(b, UART_DLM, 2);
	out(b, UART_LCR, 3);
	out(b, UART_FCR, UART_FCR_ENABLE | 0x80);
	out(b, UART_SCR, 0x5a);
	listen(b);
	receive(b, "abc");
	assert_true(uart16550_break(&b->uart));
	out(b, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	for (unsigned i = 0; i < 16; i++)
		out(b, UART_THR, '0' + i);
	out(b, UART_IER, 0x0f);
}

static void save(struct bench *b, struct state_writer *writer)
{
	struct err err;

	assert_int_equal(uart16550_save(&b->uart, writer, "chip", &err), 0);
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
	assert_int_equal(uart16550_load(&b.uart, chip_image(&writer), "chip", &err), 0);
	state_writer_free(&writer);
	assert_true(b.irq.level);
	/* Everything the guest can see goes on the same way, errors and priority too. */
	for (unsigned round = 0; round < 24; round++) {
		for (unsigned reg = 0; reg < UART16550_NR_PORTS; reg++)
			assert_int_equal(in(&a, reg), in(&b, reg));
		assert_int_equal(a.irq.level, b.irq.level);
	}
	out(&a, UART_LCR, UART_LCR_DLAB);
	out(&b, UART_LCR, UART_LCR_DLAB);
	assert_int_equal(in(&b, UART_DLL), in(&a, UART_DLL));
	assert_int_equal(in(&b, UART_DLM), in(&a, UART_DLM));
}

/* The saved machine's terminal was slow. This one's is not, and nobody will say so. */
static void test_load_into_another_sink(void **state)
{
	struct state_writer writer = { 0 };
	struct bench a, b;
	struct err err;

	(void)state;
	bench_init(&a);
	out(&a, UART_IER, UART_IER_ETBEI);
	in(&a, UART_IIR);
	a.sink_full = true;
	out(&a, UART_THR, 'x');
	assert_false(a.irq.level);
	save(&a, &writer);
	bench_init(&b);
	assert_int_equal(uart16550_load(&b.uart, chip_image(&writer), "chip", &err), 0);
	assert_true(b.irq.level);
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);

	/* The other way round: the state knows of no trouble, but our sink is full. */
	state_writer_free(&writer);
	save(&b, &writer);
	assert_int_equal(uart16550_load(&a.uart, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(&a, UART_LSR), 0);
	uart16550_tx_ready(&a.uart);
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
	assert_int_equal(uart16550_load(&b.uart, chip_image(&writer), "chip", &err), 0);
	assert_false(b.irq.level);
	assert_int_equal(uart16550_rx_room(&b.uart), 0);
	state_writer_free(&writer);
}

static void test_load_of_an_older_state(void **state)
{
	struct state_writer writer = { 0 };
	uint8_t scr = 0x77;
	struct bench b;
	struct err err;

	(void)state;
	make_busy(&b);
	chip_section(&writer, "scr", &scr, 1);
	assert_int_equal(uart16550_load(&b.uart, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(&b, UART_SCR), 0x77);
	assert_int_equal(in(&b, UART_IER), 0); /* what was missing has its reset value */
	assert_int_equal(in(&b, UART_LSR), LSR_IDLE);
	assert_false(b.irq.level);
	state_writer_free(&writer);
}

static void test_hostile_states_are_refused(void **state)
{
	static const struct {
		const char *field;
		uint8_t value;
	} bad[] = {
		{ "ier", 0x10 },
		{ "mcr", 0x20 },
		{ "fcr", 0x02 },
		{ "fcr", 0x80 },
		{ "rx_count", 2 },
		{ "rx_count", 255 },
		{ "lsr_errors", 0x01 },
		{ "msr", 0x00 },
		{ "thre_pending", 2 },
		{ "thre_by_iir", 255 },
		{ "tx_blocked", 2 },
		{ "lsr_polled", 2 },
		{ "lsr_polls", UART16550_POLLS + 1 },
	};
	const uint8_t errors[UART16550_FIFO] = { [15] = UART_LSR_DR };
	struct state_writer writer = { 0 };
	struct uart16550_regs before;
	struct bench b;
	struct err err;

	(void)state;
	make_busy(&b);
	before = b.uart.regs;
	for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
		chip_section(&writer, bad[i].field, &bad[i].value, 1);
		assert_int_equal(
			uart16550_load(&b.uart, chip_image(&writer), "chip", &err), -1);
		assert_memory_equal(&b.uart.regs, &before, sizeof(before));
	}
	chip_section(&writer, "rx_errors", errors, sizeof(errors));
	assert_int_equal(uart16550_load(&b.uart, chip_image(&writer), "chip", &err), -1);
	assert_non_null(strstr(err.text, "chip"));
	state_writer_free(&writer);
}

/* Whatever the guest does, IIR and the line agree, and all can be acknowledged. */
static void test_random_operations(void **state)
{
	uint32_t seed = 16550;
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t r = chip_random(&seed);
		uint8_t data[20];

		b.sink_full = r >> 30 == 0;
		memset(data, (int)(r >> 8), sizeof(data));
		switch (r % 8) {
		case 0:
			uart16550_receive(&b.uart, data, r >> 16 & 15);
			break;
		case 1:
			uart16550_break(&b.uart);
			break;
		case 2:
			uart16550_tx_ready(&b.uart);
			break;
		case 3:
		case 4:
			in(&b, r >> 16 & 7);
			break;
		default:
			out(&b, r >> 16 & 7, r >> 8);
			break;
		}
		assert_int_equal(b.irq.redundant, 0);
		assert_true(uart16550_rx_room(&b.uart) <= 16);
		if (r >> 24 == 0) {
			bool level = b.irq.level;

			assert_int_equal(level, !(in(&b, UART_IIR) & UART_IIR_NONE));
		}
	}
	uart16550_tx_ready(&b.uart);
	out(&b, UART_LCR, 0);
	for (unsigned i = 0; i < 17; i++) {
		in(&b, UART_LSR);
		in(&b, UART_RBR);
	}
	in(&b, UART_LSR);
	in(&b, UART_IIR);
	in(&b, UART_MSR);
	in(&b, UART_IIR);
	assert_false(b.irq.level);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_on),
		cmocka_unit_test(test_is_detected_as_16550a),
		cmocka_unit_test(test_fifo_has_16_bytes),
		cmocka_unit_test(test_divisor_latch),
		cmocka_unit_test(test_plain_registers),
		cmocka_unit_test(test_status_registers_are_read_only),
		cmocka_unit_test(test_transmit),
		cmocka_unit_test(test_thre_interrupt_on_enable),
		cmocka_unit_test(test_thre_interrupt_after_each_byte),
		cmocka_unit_test(test_thre_edges_without_iir),
		cmocka_unit_test(test_thre_edges_with_iir),
		cmocka_unit_test(test_full_sink_withholds_thre),
		cmocka_unit_test(test_reset_does_not_empty_the_sink),
		cmocka_unit_test(test_receive_without_fifo),
		cmocka_unit_test(test_input_waits_for_a_driver),
		cmocka_unit_test(test_input_waits_for_polling),
		cmocka_unit_test(test_receive_interrupt_and_trigger),
		cmocka_unit_test(test_paste_arrives_whole),
		cmocka_unit_test(test_fifo_control),
		cmocka_unit_test(test_overrun_with_fifo),
		cmocka_unit_test(test_overrun_without_fifo),
		cmocka_unit_test(test_break),
		cmocka_unit_test(test_interrupt_priority),
		cmocka_unit_test(test_interrupts_need_their_enable_bit),
		cmocka_unit_test(test_loopback_of_data),
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
