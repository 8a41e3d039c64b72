/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of accesses, input, breaks and full sinks, and any saved state. */
#include "chip.h"

#include "dev/pl011.h"
#include "dev/primecell.h"

struct bench {
	struct pl011 uart;
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

	FUZZ_CHECK(pl011_rx_room(&bench->uart) > 0);
}

static const struct uart_ops ops = { .transmit = transmit, .rx_drained = drained };

static void receive(struct fuzz_input *input, struct bench *bench)
{
	size_t room = pl011_rx_room(&bench->uart);
	size_t size = (size_t)fuzz_next(input, 1) % 48;
	uint8_t data[48] = { 0 };
	size_t taken = pl011_receive(&bench->uart, data, size);

	FUZZ_CHECK(taken == (size < room ? size : room));
}

static void reload(struct fuzz_input *input, struct bench *bench)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(pl011_save(&bench->uart, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	bench->irq.loading = true;
	(void)pl011_load(&bench->uart, (struct bytes){ writer.data, writer.size }, "u",
			 &err);
	bench->irq.loading = false;
	state_writer_free(&writer);
}

static void access_register(struct fuzz_input *input, struct bench *bench)
{
	const unsigned how = (unsigned)fuzz_next(input, 1);
	const unsigned size = 1u << (how & 7) % 3;
	uint64_t offset = (how >> 3) * 4;

	if (how >> 3 == 31) /* beside the registers, and those far away */
		offset = fuzz_next(input, 2) % (PRIMECELL_SIZE - size + 1);
	if (fuzz_next(input, 1) & 1)
		pl011_io.write(&bench->uart, offset, size, fuzz_next(input, size));
	else
		pl011_io.read(&bench->uart, offset, size);
}

/* After the last of it, a driver can still bring the chip to rest. */
static void bring_to_rest(struct bench *bench)
{
	pl011_tx_ready(&bench->uart);
	for (unsigned i = 0; i < PL011_FIFO; i++)
		pl011_io.read(&bench->uart, PL011_DR, 4);
	pl011_io.write(&bench->uart, PL011_ICR, 4, 0x7ff);
	FUZZ_CHECK(!bench->irq.level);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bench bench = { 0 };
	struct irq_line line = { fuzz_irq_set, &bench.irq };

	pl011_init(&bench.uart, &ops, &line, &bench);
	while (input.size) {
		switch (fuzz_next(&input, 1) % 8) {
		case 0:
			receive(&input, &bench);
			break;
		case 1:
			pl011_break(&bench.uart);
			break;
		case 2:
			bench.sink_full = !bench.sink_full;
			if (!bench.sink_full)
				pl011_tx_ready(&bench.uart);
			break;
		case 3:
			reload(&input, &bench);
			break;
		case 4:
			if (fuzz_next(&input, 1) == 0)
				pl011_reset(&bench.uart);
			break;
		default:
			access_register(&input, &bench);
			break;
		}
		FUZZ_CHECK(pl011_rx_room(&bench.uart) <= PL011_FIFO);
	}
	bring_to_rest(&bench);
	return 0;
}
