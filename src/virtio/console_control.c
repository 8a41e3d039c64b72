/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control messages of the virtio console (5.3.6.2), with MULTIPORT.
 *
 * The driver says that it is ready, we add the ports, it says of each that it is ready, we
 * tell what it is and whether our side is open, and it tells when somebody opens it there.
 * What is still to be told is a few bits for each port and not a queue of messages, so a
 * driver that never takes one costs nothing.
 */
#include <string.h>

#include "util/bytes.h"
#include "virtio/console.h"
#include "virtio/console_private.h"

/* le32 id, le16 event, le16 value. */
#define MESSAGE_SIZE 8u
enum event {
	VIRTIO_CONSOLE_DEVICE_READY,
	VIRTIO_CONSOLE_PORT_ADD,
	VIRTIO_CONSOLE_PORT_REMOVE,
	VIRTIO_CONSOLE_PORT_READY,
	VIRTIO_CONSOLE_CONSOLE_PORT,
	VIRTIO_CONSOLE_RESIZE,
	VIRTIO_CONSOLE_PORT_OPEN,
	VIRTIO_CONSOLE_PORT_NAME,
};

/* What one turn of the loop does before others get theirs. */
#define TURN_MESSAGES 32u

static void set_pending(struct console_port *port, enum event event)
{
	port->device->state.pending[port->number] |= (uint8_t)(1u << event);
}

/* What follows the header of a message to the driver. Returns its size. */
static size_t add_payload(struct virtio_console *device, const struct console_port *port,
			  enum event event, uint8_t *payload)
{
	size_t size;

	switch (event) {
	case VIRTIO_CONSOLE_RESIZE:
		pthread_mutex_lock(&device->virtio.lock);
		store_le16(payload, device->cols);
		store_le16(payload + 2, device->rows);
		pthread_mutex_unlock(&device->virtio.lock);
		return 4;
	case VIRTIO_CONSOLE_PORT_NAME:
		size = strlen(port->config->name); /* no NUL (5.3.6.2) */
		memcpy(payload, port->config->name, size);
		return size;
	default:
		return 0;
	}
}

/* false: there is no buffer, or the driver broke a rule. */
static bool send_message(struct virtio_console *device, const struct console_port *port,
			 enum event event)
{
	struct virtq *ring = console_ring(device, CONSOLE_CONTROL_RX);
	uint8_t message[MESSAGE_SIZE + VIRTIO_CONSOLE_MAX_NAME];
	struct virtq_chain chain;
	size_t size;

	if (console_next_chain(device, CONSOLE_CONTROL_RX, 0, &chain) <= 0)
		return false;
	store_le32(message, port->number);
	store_le16(message + 4, (uint16_t)event);
	store_le16(message + 6, event != VIRTIO_CONSOLE_PORT_OPEN || !port->closed);
	size = MESSAGE_SIZE + add_payload(device, port, event, message + MESSAGE_SIZE);
	if (chain.in_size < size) {
		virtio_fail(&device->virtio,
			    "queue %u: no room for a message of %zu bytes",
			    CONSOLE_CONTROL_RX, size);
		return false;
	}
	virtq_chain_write(&chain, 0, message, size);
	virtq_push(ring, &chain, (uint32_t)size);
	return true;
}

/* false: the rest has to wait. */
static bool send_pending(struct virtio_console *device, const struct console_port *port)
{
	/*
	 * In this order: a port is told that it is a console before its size, and that it
	 * is open before its name: Linux gives who finds it by that name, and reads at
	 * once, the end of file of a port that is not.
	 */
	static const enum event order[] = {
		VIRTIO_CONSOLE_PORT_ADD,  VIRTIO_CONSOLE_CONSOLE_PORT,
		VIRTIO_CONSOLE_PORT_OPEN, VIRTIO_CONSOLE_PORT_NAME,
		VIRTIO_CONSOLE_RESIZE,
	};
	uint8_t *pending = &device->state.pending[port->number];

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const uint8_t bit = (uint8_t)(1u << order[i]);

		if (!(*pending & bit))
			continue;
		if (!send_message(device, port, order[i]))
			return false;
		*pending &= (uint8_t)~bit;
	}
	return true;
}

void console_send_messages(struct virtio_console *device)
{
	bool all = true;

	for (unsigned i = 0; i < device->nr_ports && all; i++)
		all = send_pending(device, &device->ports[i]);
	virtio_publish(&device->virtio, CONSOLE_CONTROL_RX);
	if (!all)
		console_wait_for_kick(device, CONSOLE_CONTROL_RX);
}

/* The driver knows the port: tell what it is. */
static void introduce(struct console_port *port)
{
	struct virtio_console *device = port->device;

	device->state.ready[port->number] = true;
	if (port->config->is_console || !port->number)
		set_pending(port, VIRTIO_CONSOLE_CONSOLE_PORT);
	if (port->config->name)
		set_pending(port, VIRTIO_CONSOLE_PORT_NAME);
	set_pending(port, VIRTIO_CONSOLE_PORT_OPEN);
	if (port == device->terminal)
		set_pending(port, VIRTIO_CONSOLE_RESIZE);
}

static void handle_message(struct virtio_console *device, uint32_t id, uint16_t event,
			   uint16_t value)
{
	struct console_port *port;

	if (event == VIRTIO_CONSOLE_DEVICE_READY && value) {
		for (unsigned i = 0; i < device->nr_ports; i++)
			set_pending(&device->ports[i], VIRTIO_CONSOLE_PORT_ADD);
		return;
	}
	/* Ports that do not exist, and messages that say nothing to us. */
	if (id >= device->nr_ports)
		return;
	port = &device->ports[id];
	if (event == VIRTIO_CONSOLE_PORT_READY && value)
		introduce(port);
	if (event == VIRTIO_CONSOLE_PORT_OPEN) {
		device->state.open[id] = value != 0;
		console_serve_input(port);
	}
}

/* One message of the driver: 1, 0 if there is none, -1 if it broke a rule. */
static int receive_message(struct virtio_console *device)
{
	uint8_t message[MESSAGE_SIZE];
	struct virtq_chain chain;
	int r = console_next_chain(device, CONSOLE_CONTROL_TX, 0, &chain);

	if (r <= 0)
		return r;
	if (virtq_chain_read(&chain, 0, message, sizeof(message)) < sizeof(message)) {
		virtio_fail(&device->virtio, "a control message of %u bytes (5.3.6.2)",
			    (unsigned)chain.out_size);
		return -1;
	}
	handle_message(device, load_le32(message), load_le16(message + 4),
		       load_le16(message + 6));
	virtq_push(console_ring(device, CONSOLE_CONTROL_TX), &chain, 0);
	return 1;
}

void console_receive_messages(struct virtio_console *device)
{
	unsigned received = 0;
	int r;

	do
		r = receive_message(device);
	while (r > 0 && ++received < TURN_MESSAGES);
	virtio_publish(&device->virtio, CONSOLE_CONTROL_TX);
	if (r > 0)
		virtio_kick(&device->virtio, CONSOLE_CONTROL_TX);
	else if (r == 0)
		console_wait_for_kick(device, CONSOLE_CONTROL_TX);
	console_send_messages(device);
}

void console_tell_size(struct virtio_console *device)
{
	const struct console_port *terminal = device->terminal;

	if (!device->running || !console_has_multiport(device) ||
	    !device->state.ready[terminal->number])
		return;
	set_pending(&device->ports[terminal->number], VIRTIO_CONSOLE_RESIZE);
	console_send_messages(device);
}

void console_tell_open(struct console_port *port)
{
	struct virtio_console *device = port->device;

	if (!device->running || !console_has_multiport(device) ||
	    !device->state.ready[port->number])
		return;
	set_pending(port, VIRTIO_CONSOLE_PORT_OPEN);
	console_send_messages(device);
}

void console_check_pending(struct virtio_console *device)
{
	for (unsigned i = 0; i < CONFIG_MAX_PORTS; i++) {
		/* A name that is to be told must be there. */
		if (i >= device->nr_ports || !device->ports[i].config->name)
			device->state.pending[i] &=
				(uint8_t) ~(1u << VIRTIO_CONSOLE_PORT_NAME);
	}
}
