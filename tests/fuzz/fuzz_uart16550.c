/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of accesses, input, breaks and full sinks, and any saved state. */
#include "chip.h"

#include "dev/uart16550.h"

struct bench {
	struct uart16550 uart;
	struct fuzz_irq irq;
	bool sink_full;
};

static bool transmit(void *opaque, uint8_t byte)
{
	struct bench *bench = opaque;

	(void)byte;
	return !bench->sink_full;
}

static void drained(void *opaque)
{
	struct bench *bench = opaque;

	FUZZ_CHECK(uart16550_rx_room(&bench->uart) > 0);
}

static const struct uart_ops ops = { .transmit = transmit, .rx_drained = drained };

static void receive(struct fuzz_input *input, struct bench *bench)
{
	size_t room = uart16550_rx_room(&bench->uart);
	size_t size = (size_t)fuzz_next(input, 1) % 32;
	uint8_t data[32] = { 0 };
	size_t taken = uart16550_receive(&bench->uart, data, size);

	FUZZ_CHECK(taken == (size < room ? size : room));
}

static void reload(struct fuzz_input *input, struct bench *bench)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(uart16550_save(&bench->uart, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	bench->irq.loading = true;
	(void)uart16550_load(&bench->uart, (struct bytes){ writer.data, writer.size },
			     "u", &err);
	bench->irq.loading = false;
	state_writer_free(&writer);
}

/* After the last of it, a driver can still bring the chip to rest. */
static void bring_to_rest(struct bench *bench)
{
	uart16550_tx_ready(&bench->uart);
	uart16550_io.write(&bench->uart, UART_LCR, 1, 0);
	for (unsigned i = 0; i < UART16550_FIFO; i++) {
		uart16550_io.read(&bench->uart, UART_RBR, 1);
		uart16550_io.read(&bench->uart, UART_LSR, 1);
	}
	uart16550_io.read(&bench->uart, UART_LSR, 1);
	uart16550_io.read(&bench->uart, UART_MSR, 1);
	uart16550_io.read(&bench->uart, UART_IIR, 1);
	FUZZ_CHECK(!bench->irq.level);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bench bench = { 0 };
	struct irq_line line = { fuzz_irq_set, &bench.irq };

	uart16550_init(&bench.uart, &ops, &line, &bench);
	while (input.size) {
		switch (fuzz_next(&input, 1) % 8) {
		case 0:
			receive(&input, &bench);
			break;
		case 1:
			uart16550_break(&bench.uart);
			break;
		case 2:
			bench.sink_full = !bench.sink_full;
			if (!bench.sink_full)
				uart16550_tx_ready(&bench.uart);
			break;
		case 3:
			reload(&input, &bench);
			break;
		case 4:
			if (fuzz_next(&input, 1) == 0)
				uart16550_reset(&bench.uart);
			break;
		default:
			fuzz_access(&input, &uart16550_io, &bench.uart,
				    UART16550_NR_PORTS);
			break;
		}
		FUZZ_CHECK(uart16550_rx_room(&bench.uart) <= UART16550_FIFO);
	}
	bring_to_rest(&bench);
	return 0;
}
