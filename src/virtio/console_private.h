/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio console, as its files share it: console.c (life, and ports at a struct
 * console), console_stream.c (ports at a struct stream), console_control.c (control
 * messages). All on the device's loop.
 */
#ifndef TANE_VIRTIO_CONSOLE_PRIVATE_H
#define TANE_VIRTIO_CONSOLE_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/config.h"
#include "core/console.h"
#include "core/console_ends.h"
#include "core/stream.h"
#include "virtio/virtio.h"

/* Feature bits (5.3.3). */
#define VIRTIO_CONSOLE_F_SIZE        0
#define VIRTIO_CONSOLE_F_MULTIPORT   1
#define VIRTIO_CONSOLE_F_EMERG_WRITE 2

/* Queues (5.3.2): those of port 0, control, those of port 1 and on. */
#define CONSOLE_CONTROL_RX 2
#define CONSOLE_CONTROL_TX 3
#define CONSOLE_QUEUE_SIZE 64

/* By port. All that the driver told, and what it is still to be told: saved. */
struct console_state {
	uint8_t ready[CONFIG_MAX_PORTS];    /* it knows the port */
	uint8_t open[CONFIG_MAX_PORTS];     /* somebody there has it open */
	uint8_t pending[CONFIG_MAX_PORTS];  /* bits: 1 << event */
	uint32_t tx_done[CONFIG_MAX_PORTS]; /* bytes of the next chain that are out */
};

struct console_port {
	struct virtio_console *device;
	unsigned number;
	const struct config_port *config;
	struct console_ends ends;
	struct console console;
	bool made;            /* the console */
	struct stream stream; /* instead of it, of SERIAL_STREAM */
	bool closed;          /* our side is: no input comes, or output goes nowhere */
};

struct virtio_console {
	struct virtio virtio;
	struct console_state state;
	struct console_port *ports;
	unsigned nr_ports;
	const struct console_port
		*terminal;   /* the port on our own terminal; NULL: none */
	uint16_t cols, rows; /* of that terminal; guarded by virtio.lock */
	struct loop_event resized;
	bool running;
	/* Of one chain; or of several, while there is room for the longest one more. */
	struct iovec iov[2 * CONSOLE_QUEUE_SIZE];
};

/* How far a queue was served. */
enum console_progress {
	CONSOLE_NOTHING_LEFT,
	CONSOLE_CHAIN_DONE,
	CONSOLE_TURN_OVER,
	CONSOLE_NO_ROOM, /* where it goes to; or nothing comes */
	CONSOLE_BROKEN,  /* the driver broke a rule */
};

static inline bool console_has_multiport(const struct virtio_console *device)
{
	return virtio_has(&device->virtio, VIRTIO_CONSOLE_F_MULTIPORT);
}

static inline unsigned console_rx_queue(unsigned port)
{
	return port ? 2 * port + 2 : 0;
}

static inline unsigned console_tx_queue(unsigned port)
{
	return console_rx_queue(port) + 1;
}

static inline struct virtq *console_ring(struct virtio_console *device, unsigned queue)
{
	return &device->virtio.queues[queue].ring;
}

/* -- console.c -- */

/* The next chain of a queue: 1, 0 if there is none, -1 if the driver broke a rule. */
int console_next_chain(struct virtio_console *device, unsigned queue, unsigned first,
		       struct virtq_chain *chain);
/* The next one of output, or of room for input, which is checked. */
int console_next_output(struct console_port *port, struct virtq_chain *chain);
/* ... its segments from device->iov[first] on, where CONSOLE_QUEUE_SIZE of them fit. */
int console_next_room(struct console_port *port, unsigned first,
		      struct virtq_chain *chain);
/* Nothing is left in a queue: ask for kicks, or look again if something has come. */
void console_wait_for_kick(struct virtio_console *device, unsigned queue);
/* Is it open there? */
bool console_takes_input(const struct console_port *port);
/* After a turn of a port's transmit queue: go on, or wait for what is missing. */
void console_end_turn(struct console_port *port, unsigned queue,
		      enum console_progress progress);
/* Go on with what may have waited for the driver. */
void console_serve_input(struct console_port *port);
/* Our side of a port is at its end: tell the driver. */
void console_close_port(struct console_port *port);

/* -- console_stream.c -- */

int console_stream_open(struct console_port *port, struct err *err);
void console_stream_input(struct console_port *port);
void console_stream_output(struct console_port *port);
void console_stream_drain(struct console_port *port,
			  const struct console_interrupt *interrupt, int timeout_ms);

/* -- console_control.c -- */

/* The driver kicked one of the control queues. */
void console_receive_messages(struct virtio_console *device);
void console_send_messages(struct virtio_console *device);
/* The terminal's size, or the port's own state, is to be told if the driver knows it. */
void console_tell_size(struct virtio_console *device);
void console_tell_open(struct console_port *port);
/* What a saved state says is to be told, but cannot be, is forgotten. */
void console_check_pending(struct virtio_console *device);

#endif
