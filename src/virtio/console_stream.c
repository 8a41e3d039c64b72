/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports of the virtio console that are a pipe, file or socket of the host, in one
 * direction: the descriptor is read and written straight from and to guest memory.
 *
 *	guest -> transmit queue -> stream_move() -> descriptor
 *	descriptor -> stream_move() -> receive queue -> guest
 *
 * A chain that has not gone out whole stays in the queue, and state.tx_done tells how far
 * it got. At the end of the input, and when nobody reads the output, the driver is
 * told that our side of the port is closed; behind the last byte, since that is in the
 * receive queue by then. What the guest sends to a closed port is dropped.
 */
#include <stdio.h>
#include <string.h>

#include "virtio/console_private.h"

/* What one turn of the loop moves before others get theirs. */
#define TURN_BYTES (1u << 20)

/* The segments from byte `from` on. They are the device's, and so may change. */
static struct iovec *skip(struct iovec *iov, unsigned *nr, uint64_t from)
{
	while (*nr && from >= iov->iov_len) {
		from -= iov->iov_len;
		iov++;
		--*nr;
	}
	if (*nr) {
		iov->iov_base = (uint8_t *)iov->iov_base + from;
		iov->iov_len -= from;
	}
	return iov;
}

/* -- output -- */

/* Bytes of a chain from *done on: how many went out, or were dropped. */
static uint32_t move_out(struct console_port *port, const struct virtq_chain *chain,
			 uint32_t done)
{
	unsigned nr = chain->nr_out;
	struct iovec *iov = skip(chain->iov, &nr, done);
	ssize_t n = -1;

	if (port->config->out >= 0)
		n = nr ? stream_move(&port->stream, iov, nr) : 0;
	if (n >= 0)
		return (uint32_t)n;
	console_close_port(port);
	return (uint32_t)chain->out_size - done;
}

static enum console_progress serve_chain(struct console_port *port, uint64_t *budget)
{
	struct virtio_console *device = port->device;
	struct virtq *ring = console_ring(device, console_tx_queue(port->number));
	uint32_t *done = &device->state.tx_done[port->number];
	struct virtq_chain chain;
	uint32_t n = 0;
	int r = console_next_output(port, &chain);

	if (r <= 0)
		return r ? CONSOLE_BROKEN : CONSOLE_NOTHING_LEFT;
	/* The driver may have made the chain shorter since *done was counted. */
	if (*done < chain.out_size)
		n = move_out(port, &chain, *done);
	*done += n;
	*budget -= n < *budget ? n : *budget;
	if (*done >= chain.out_size) {
		*done = 0;
		virtq_push(ring, &chain, 0);
		return CONSOLE_CHAIN_DONE;
	}
	virtq_unpop(ring, &chain);
	return n ? CONSOLE_TURN_OVER : CONSOLE_NO_ROOM;
}

static enum console_progress pump(struct console_port *port)
{
	enum console_progress progress;
	uint64_t budget = TURN_BYTES;

	do
		progress = serve_chain(port, &budget);
	while ((progress == CONSOLE_CHAIN_DONE || progress == CONSOLE_TURN_OVER) &&
	       budget);
	virtio_publish(&port->device->virtio, console_tx_queue(port->number));
	return progress;
}

void console_stream_output(struct console_port *port)
{
	console_end_turn(port, console_tx_queue(port->number), pump(port));
}

/* What is left after a drain, that is worth a word: bytes, or an error of any time. */
static void report(const struct console_port *port, bool is_left,
		   const struct console_interrupt *interrupt)
{
	const int failure = port->stream.failure;

	if (!is_left && !failure)
		return;
	fprintf(stderr, "tane: %s: %s\n", port->config->title,
		failure ? strerror(failure) : "output was lost");
	if (interrupt->failed)
		*interrupt->failed = true;
}

void console_stream_drain(struct console_port *port,
			  const struct console_interrupt *interrupt, int timeout_ms)
{
	enum console_progress progress = CONSOLE_NOTHING_LEFT;

	if (port->config->out >= 0 && port->device->running) {
		do
			progress = pump(port);
		while (progress == CONSOLE_CHAIN_DONE || progress == CONSOLE_TURN_OVER ||
		       (progress == CONSOLE_NO_ROOM &&
			console_wait(interrupt, port->stream.source.fd, timeout_ms)));
	}
	report(port, progress == CONSOLE_NO_ROOM, interrupt);
}

/* -- input -- */

/* Buffers of the guest, in the order in which they are filled. */
struct buffers {
	struct virtq_chain chains[CONSOLE_QUEUE_SIZE];
	unsigned nr, nr_iov;
};

/* As many as there are: Linux makes them of a page, and has 64. As console_next_chain(). */
static int take_buffers(struct console_port *port, struct buffers *buffers)
{
	int r = 1;

	while (r > 0 && buffers->nr < CONSOLE_QUEUE_SIZE &&
	       buffers->nr_iov <= CONSOLE_QUEUE_SIZE) {
		struct virtq_chain *chain = &buffers->chains[buffers->nr];

		r = console_next_room(port, buffers->nr_iov, chain);
		if (r > 0) {
			buffers->nr++;
			buffers->nr_iov += chain->nr_in;
		}
	}
	return r < 0 ? -1 : buffers->nr > 0;
}

/* Give those back that got some of `n` bytes, and take the others as they were. */
static void give_buffers(struct virtq *ring, const struct buffers *buffers, uint64_t n)
{
	unsigned filled = 0;

	while (filled < buffers->nr && n) {
		const struct virtq_chain *chain = &buffers->chains[filled++];
		const uint64_t part = n < chain->in_size ? n : chain->in_size;

		virtq_push(ring, chain, (uint32_t)part);
		n -= part;
	}
	for (unsigned i = buffers->nr; i > filled; i--)
		virtq_unpop(ring, &buffers->chains[i - 1]);
}

/*
 * All buffers at once: whoever writes into a pipe that is full is woken by each read(2),
 * which had better be a long one.
 */
static enum console_progress fill(struct console_port *port, uint64_t *budget)
{
	struct virtio_console *device = port->device;
	struct virtq *ring = console_ring(device, console_rx_queue(port->number));
	struct buffers buffers;
	ssize_t n;
	int r;

	buffers.nr = buffers.nr_iov = 0;
	r = take_buffers(port, &buffers);
	if (r <= 0)
		return r ? CONSOLE_BROKEN : CONSOLE_NOTHING_LEFT;
	n = stream_move(&port->stream, device->iov, buffers.nr_iov);
	give_buffers(ring, &buffers, n > 0 ? (uint64_t)n : 0);
	if (n < 0) {
		/* What came before is to be seen before the end is. */
		virtio_publish(&device->virtio, console_rx_queue(port->number));
		console_close_port(port);
	}
	if (n <= 0)
		return CONSOLE_NO_ROOM;
	*budget -= (uint64_t)n < *budget ? (uint64_t)n : *budget;
	return CONSOLE_CHAIN_DONE;
}

void console_stream_input(struct console_port *port)
{
	const unsigned queue = console_rx_queue(port->number);
	enum console_progress progress = CONSOLE_NO_ROOM;
	uint64_t budget = TURN_BYTES;

	if (port->config->in < 0 || port->closed || !console_takes_input(port))
		return;
	do
		progress = fill(port, &budget);
	while (progress == CONSOLE_CHAIN_DONE && budget);
	virtio_publish(&port->device->virtio, queue);
	console_end_turn(port, queue, progress);
}

/* -- life -- */

static void ready(void *opaque)
{
	struct console_port *port = opaque;

	if (!port->device->running)
		return;
	if (port->config->in >= 0)
		console_stream_input(port);
	else
		console_stream_output(port);
}

int console_stream_open(struct console_port *port, struct err *err)
{
	const struct config_port *config = port->config;
	const bool in = config->in >= 0;

	return stream_init(&port->stream, port->device->virtio.loop,
			   in ? config->in : config->out, in ? STREAM_IN : STREAM_OUT,
			   ready, port, err);
}
