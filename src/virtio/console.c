/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio console: ports, each a pair of queues on one side and a `struct console`
 * on the other.
 *
 *	guest -> transmit queue -> pump_output() -> console_write() -> terminal, file ...
 *	terminal ... -> console -> room(), receive() -> receive queue -> guest
 *
 * Nothing is lost and nobody waits. Output that the console's ring has no room for
 * stays where it is, in the guest's queue: the chain is not used up, we remember how far
 * we got (tx_done), and go on when the console is writable. Input stays in the
 * console, and then with whoever sends it, until the guest has posted a buffer and, if
 * there are several ports, has opened this one.
 *
 * With one port that has no name there is no more to it (5.3.2: queues 0 and 1). With
 * more we offer MULTIPORT: two queues for control messages (console_control.c), and a pair
 * for each port. Ports of SERIAL_STREAM have no console (console_stream.c).
 *
 * One port needs no MULTIPORT for another reason too: Linux before 2025 has columns and
 * rows of the control message RESIZE the wrong way round, but not those of the
 * configuration space.
 */
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "virtio/console.h"
#include "virtio/console_private.h"

#define MAX_QUEUES (2 * CONFIG_MAX_PORTS + 2)

/* 5.3.4: le16 cols, le16 rows, le32 max_nr_ports, le32 emerg_wr */
#define CONFIG_MAX_NR_PORTS 4
#define CONFIG_EMERG_WR     8
#define CONFIG_SIZE         12

/* A chain of the transmit queue; Linux makes them of 32 KiB, of 1 MiB by splice(2). */
#define MAX_OUTPUT (4u << 20)

/* What one turn of the loop does before others get theirs. */
#define PIECE_SIZE  4096u
#define TURN_PIECES 32u

#define SYSRQ_KEY 0x0f /* Ctrl-o: what Linux takes for a break on hvc0 */

/* Not for the control queues. */
static struct console_port *port_of_queue(struct virtio_console *device, unsigned queue)
{
	return &device->ports[queue < CONSOLE_CONTROL_RX ? 0 : (queue - 2) / 2];
}

/* -- the configuration space, on vCPU threads with the lock held -- */

static void read_config(void *dev, unsigned offset, void *data, unsigned size)
{
	const struct virtio_console *device = dev;
	uint8_t config[CONFIG_SIZE] = { 0 };

	/* 5.3.4: the size is that of port 0. */
	if (device->terminal == device->ports) {
		store_le16(config, device->cols);
		store_le16(config + 2, device->rows);
	}
	store_le32(config + CONFIG_MAX_NR_PORTS, device->nr_ports);
	memcpy(data, config + offset, size);
}

/* 5.3.5.2: a character that is to be seen though no driver may be there yet. */
static void write_config(void *dev, unsigned offset, const void *data, unsigned size)
{
	struct virtio_console *device = dev;

	if (offset == CONFIG_EMERG_WR && size)
		(void)console_put(&device->ports[0].console, *(const uint8_t *)data);
}

/* -- queues -- */

int console_next_chain(struct virtio_console *device, unsigned queue, unsigned first,
		       struct virtq_chain *chain)
{
	struct virtq *ring = console_ring(device, queue);
	int r;

	*chain = (struct virtq_chain){ .iov = device->iov + first,
				       .max_iov = CONSOLE_QUEUE_SIZE };
	r = virtq_pop(ring, chain);
	if (r < 0)
		virtio_fail(&device->virtio, "queue %u: %s", queue, ring->fault);
	return r;
}

void console_wait_for_kick(struct virtio_console *device, unsigned queue)
{
	if (virtq_want_kicks(console_ring(device, queue)))
		virtio_kick(&device->virtio, queue);
}

int console_next_output(struct console_port *port, struct virtq_chain *chain)
{
	struct virtio_console *device = port->device;
	const unsigned queue = console_tx_queue(port->number);
	int r = console_next_chain(device, queue, 0, chain);

	if (r <= 0 || (!chain->nr_in && chain->out_size <= MAX_OUTPUT))
		return r;
	virtio_fail(&device->virtio, "queue %u: %s", queue,
		    chain->nr_in ? "output that is to be written to (5.3.6.1)"
				 : "too much output at once");
	return -1;
}

int console_next_room(struct console_port *port, unsigned first,
		      struct virtq_chain *chain)
{
	struct virtio_console *device = port->device;
	const unsigned queue = console_rx_queue(port->number);
	int r = console_next_chain(device, queue, first, chain);

	if (r <= 0 || (!chain->nr_out && chain->in_size))
		return r;
	virtio_fail(&device->virtio,
		    "queue %u: a buffer that cannot take input (5.3.6.1)", queue);
	return -1;
}

void console_end_turn(struct console_port *port, unsigned queue,
		      enum console_progress progress)
{
	struct virtio_console *device = port->device;

	switch (progress) {
	case CONSOLE_NOTHING_LEFT:
		console_wait_for_kick(device, queue);
		break;
	case CONSOLE_NO_ROOM:
		/* writable() comes. */
		virtq_refuse_kicks(console_ring(device, queue));
		break;
	case CONSOLE_CHAIN_DONE:
	case CONSOLE_TURN_OVER:
		virtio_kick(&device->virtio, queue);
		break;
	case CONSOLE_BROKEN:
		break;
	}
}

/* -- output -- */

/* Move up to *pieces of a chain to the console; *done tells where to go on. */
static enum console_progress move_output(struct console_port *port,
					 const struct virtq_chain *chain, uint32_t *done,
					 unsigned *pieces)
{
	uint8_t piece[PIECE_SIZE];

	while (*pieces) {
		size_t size = virtq_chain_read(chain, *done, piece, sizeof(piece));
		size_t n = console_write(&port->console, piece, size);

		*done += (uint32_t)n;
		if (n < size)
			return CONSOLE_NO_ROOM;
		/* The driver may have made the chain shorter since *done was counted. */
		if (*done >= chain->out_size)
			return CONSOLE_CHAIN_DONE;
		--*pieces;
	}
	return CONSOLE_TURN_OVER;
}

/* The next chain, as far as it goes. */
static enum console_progress move_chain(struct console_port *port, unsigned *pieces)
{
	struct virtio_console *device = port->device;
	const unsigned queue = console_tx_queue(port->number);
	struct virtq *ring = console_ring(device, queue);
	uint32_t *done = &device->state.tx_done[port->number];
	struct virtq_chain chain;
	enum console_progress progress;
	int r = console_next_output(port, &chain);

	if (r <= 0)
		return r ? CONSOLE_BROKEN : CONSOLE_NOTHING_LEFT;
	progress = move_output(port, &chain, done, pieces);
	if (progress == CONSOLE_CHAIN_DONE) {
		*done = 0;
		virtq_push(ring, &chain, 0);
	} else {
		virtq_unpop(ring, &chain);
	}
	return progress;
}

static enum console_progress pump_output(struct console_port *port)
{
	struct virtio_console *device = port->device;
	const unsigned queue = console_tx_queue(port->number);
	unsigned pieces = TURN_PIECES;
	enum console_progress progress;

	do
		progress = move_chain(port, &pieces);
	while (progress == CONSOLE_CHAIN_DONE && --pieces);
	virtio_publish(&device->virtio, queue);
	return progress;
}

static void serve_output(struct console_port *port)
{
	console_end_turn(port, console_tx_queue(port->number), pump_output(port));
}

/* -- input; what a console asks of its port -- */

bool console_takes_input(const struct console_port *port)
{
	const struct virtio_console *device = port->device;

	if (!device->running)
		return false;
	return console_has_multiport(device) ? device->state.open[port->number]
					     : port->number == 0;
}

/* How large is the next buffer that the guest has posted? */
static size_t room(void *opaque)
{
	struct console_port *port = opaque;
	struct virtio_console *device = port->device;
	const unsigned queue = console_rx_queue(port->number);
	struct virtq *ring = console_ring(device, queue);
	struct virtq_chain chain;
	int r;

	if (!console_takes_input(port))
		return 0;
	r = console_next_room(port, 0, &chain);
	if (r == 0)
		console_wait_for_kick(device, queue);
	if (r <= 0)
		return 0;
	/* As long as there are buffers there is no need to hear of more. */
	virtq_refuse_kicks(ring);
	virtq_unpop(ring, &chain);
	return chain.in_size;
}

static void receive(void *opaque, const uint8_t *data, size_t n)
{
	struct console_port *port = opaque;
	struct virtio_console *device = port->device;
	const unsigned queue = console_rx_queue(port->number);
	struct virtq_chain chain;

	/* It is the chain that room() saw, unless the driver plays tricks: its loss. */
	if (console_next_chain(device, queue, 0, &chain) <= 0)
		return;
	n = virtq_chain_write(&chain, 0, data, n);
	virtq_push(console_ring(device, queue), &chain, (uint32_t)n);
	virtio_publish(&device->virtio, queue);
	/* It may be full; what is left goes into the next one. */
	console_want_input(&port->console);
}

static bool send_break(void *opaque)
{
	static const uint8_t key = SYSRQ_KEY;

	if (!room(opaque))
		return false;
	receive(opaque, &key, 1);
	return true;
}

static void writable(void *opaque)
{
	const struct console_port *port = opaque;

	/* In a turn of its own: else a guest that never stops would keep the console. */
	virtio_kick(&port->device->virtio, console_tx_queue(port->number));
}

static void quit(void *opaque)
{
	const struct console_port *port = opaque;
	const struct platform *platform = port->device->virtio.platform;

	if (platform->quit)
		platform->quit(platform->opaque);
}

void console_close_port(struct console_port *port)
{
	if (port->closed)
		return;
	port->closed = true;
	console_tell_open(port);
}

/* Only who has the port as a terminal is told that it is gone; others have it to keep. */
static void ended(void *opaque)
{
	struct console_port *port = opaque;

	if (port->config->kind == SERIAL_TTY)
		console_close_port(port);
}

static const struct console_ops console_ops = {
	.room = room,
	.receive = receive,
	.send_break = send_break,
	.writable = writable,
	.quit = quit,
	.ended = ended,
};

/* -- the device -- */

void console_serve_input(struct console_port *port)
{
	if (port->made)
		console_want_input(&port->console);
	else
		console_stream_input(port);
}

static void kick(void *dev, unsigned queue)
{
	struct virtio_console *device = dev;
	struct console_port *port;

	if (queue >= CONSOLE_CONTROL_RX && !console_has_multiport(device))
		return;
	if (queue == CONSOLE_CONTROL_RX) {
		console_send_messages(device);
	} else if (queue == CONSOLE_CONTROL_TX) {
		console_receive_messages(device);
	} else {
		port = port_of_queue(device, queue);
		if (queue != console_tx_queue(port->number))
			console_serve_input(port);
		else if (port->made)
			serve_output(port);
		else
			console_stream_output(port);
	}
}

static void start(void *dev)
{
	struct virtio_console *device = dev;

	device->running = true;
	/* Linux does not look at the size before it has changed. */
	if (device->terminal && !console_has_multiport(device))
		virtio_config_changed(&device->virtio);
	/* What was open when the state was saved takes input again. */
	for (unsigned i = 0; i < device->nr_ports; i++)
		console_serve_input(&device->ports[i]);
}

static bool stop(void *dev)
{
	struct virtio_console *device = dev;

	device->running = false;
	device->state = (struct console_state){ 0 };
	return true;
}

static void on_resized(void *opaque)
{
	console_tell_size(opaque);
}

void virtio_console_resize(struct virtio *virtio, uint16_t cols, uint16_t rows)
{
	struct virtio_console *device = virtio->dev;
	bool changed;

	if (!device->terminal)
		return;
	pthread_mutex_lock(&virtio->lock);
	changed = device->cols != cols || device->rows != rows;
	device->cols = cols;
	device->rows = rows;
	pthread_mutex_unlock(&virtio->lock);
	if (!changed)
		return;
	virtio_config_changed(virtio);
	loop_event_signal(&device->resized);
}

static void drain(struct console_port *port, const struct console_interrupt *interrupt,
		  int timeout_ms)
{
	enum console_progress progress;

	do
		progress =
			port->device->running ? pump_output(port) : CONSOLE_NOTHING_LEFT;
	while (console_drain(&port->console, interrupt, timeout_ms) &&
	       progress != CONSOLE_NOTHING_LEFT && progress != CONSOLE_BROKEN);
}

void virtio_console_drain(struct virtio *virtio,
			  const struct console_interrupt *interrupt, int timeout_ms)
{
	struct virtio_console *device = virtio->dev;

	for (unsigned i = 0; i < device->nr_ports; i++) {
		if (device->ports[i].made)
			drain(&device->ports[i], interrupt, timeout_ms);
		else
			console_stream_drain(&device->ports[i], interrupt, timeout_ms);
	}
}

/* -- saved state -- */

static const struct state_field state_fields[] = {
	STATE_FIELD(struct console_state, ready),
	STATE_FIELD(struct console_state, open),
	STATE_FIELD(struct console_state, pending),
	STATE_FIELD(struct console_state, tx_done),
};

static const struct state_layout state_layout = {
	.version = 1,
	.nr_fields = sizeof(state_fields) / sizeof(state_fields[0]),
	.fields = state_fields,
};

#define STATE_SECTION "virtio-console.ports"

static int console_save(const void *dev, struct state_writer *writer, struct err *err)
{
	const struct virtio_console *device = dev;

	return state_save(writer, STATE_SECTION, &state_layout, &device->state, err);
}

static int console_load(void *dev, struct bytes image, struct err *err)
{
	struct virtio_console *device = dev;
	if (state_load(image, STATE_SECTION, &state_layout, &device->state, err))
		return -1;
	console_check_pending(device);
	return 0;
}

/* -- life -- */

static void destroy_ports(struct virtio_console *device)
{
	for (unsigned i = 0; i < device->nr_ports; i++) {
		struct console_port *port = &device->ports[i];

		if (port->made)
			console_destroy(&port->console);
		stream_destroy(&port->stream);
		console_ends_close(&port->ends);
	}
	free(device->ports);
}

static void console_free(void *dev)
{
	struct virtio_console *device = dev;

	destroy_ports(device);
	loop_event_destroy(&device->resized, device->virtio.loop);
	virtio_destroy(&device->virtio);
	free(device);
}

static const struct virtio_ops ops = {
	.read_config = read_config,
	.write_config = write_config,
	.start = start,
	.kick = kick,
	.stop = stop,
	.free = console_free,
	.save = console_save,
	.load = console_load,
};

static int open_port(struct console_port *port, const struct vm_config *whole,
		     struct err *err)
{
	const struct config_port *config = port->config;
	char name[32 + VIRTIO_CONSOLE_MAX_NAME];

	if (config->name &&
	    (!config->name[0] || strlen(config->name) > VIRTIO_CONSOLE_MAX_NAME))
		return err_set(
			err,
			"virtio port %u: its name has %zu bytes; 1 to %d are possible",
			port->number, strlen(config->name), VIRTIO_CONSOLE_MAX_NAME);
	if (config->name)
		snprintf(name, sizeof(name), "virtio port %u (%s)", port->number,
			 config->name);
	else
		snprintf(name, sizeof(name), "virtio port %u", port->number);
	if (config->kind == SERIAL_STREAM)
		return console_stream_open(port, err) ? err_prefix(err, "%s: ", name) : 0;
	if (console_ends_open(&port->ends, config_end(whole, config->kind), config->path,
			      name, err))
		return -1;
	if (config->kind == SERIAL_TTY)
		port->ends = (struct console_ends){
			.in = config->in,
			.out = config->out,
			.own = -1,
			.flags = CONSOLE_TTY | (config->is_shared ? CONSOLE_SHARED : 0),
		};
	port->made = true;
	if (console_init(&port->console, port->device->virtio.loop, port->ends.in,
			 port->ends.out, port->ends.flags, &console_ops, port, err))
		return err_prefix(err, "%s: ", name);
	if (config->kind == SERIAL_CONSOLE)
		port->device->terminal = port;
	return 0;
}

static int open_ports(struct virtio_console *device, const struct vm_config *config,
		      struct err *err)
{
	device->ports = calloc(config->nr_ports, sizeof(*device->ports));
	if (!device->ports)
		return err_set(err, "no memory for %u virtio ports", config->nr_ports);
	device->nr_ports = config->nr_ports;
	for (unsigned i = 0; i < device->nr_ports; i++) {
		device->ports[i].device = device;
		device->ports[i].number = i;
		device->ports[i].config = &config->ports[i];
		device->ports[i].ends.own = -1;
		device->ports[i].stream.source.fd = -1;
		device->ports[i].stream.turn.source.fd = -1;
	}
	for (unsigned i = 0; i < device->nr_ports; i++) {
		if (open_port(&device->ports[i], config, err))
			return -1;
	}
	return 0;
}

struct console *virtio_console_port(struct virtio *virtio, const char *name)
{
	struct virtio_console *device = virtio->dev;

	for (unsigned i = 0; i < device->nr_ports; i++) {
		struct console_port *port = &device->ports[i];

		if (port->made && port->config->name &&
		    strcmp(port->config->name, name) == 0)
			return &port->console;
	}
	return NULL;
}

struct console *virtio_console_terminal(struct virtio *virtio)
{
	struct virtio_console *device = virtio->dev;

	return device->terminal ? &device->ports[device->terminal->number].console : NULL;
}

static bool needs_multiport(const struct vm_config *config)
{
	return config->nr_ports > 1 || config->ports[0].name;
}

static bool has_terminal(const struct vm_config *config)
{
	for (unsigned i = 0; i < config->nr_ports; i++) {
		if (config->ports[i].kind == SERIAL_CONSOLE)
			return true;
	}
	return false;
}

static int init(struct virtio_console *device, struct platform *platform,
		const struct vm_config *config, bool packed, struct err *err)
{
	uint16_t sizes[MAX_QUEUES];
	struct virtio_setup setup = {
		.name = "virtio-console",
		.id = VIRTIO_ID_CONSOLE,
		.driver_hint = "CONFIG_VIRTIO_CONSOLE (module virtio_console)",
		.ops = &ops,
		.dev = device,
		.config_size = CONFIG_SIZE,
		.offered = VIRTIO_BIT(VIRTIO_CONSOLE_F_EMERG_WRITE),
		.queue_sizes = sizes,
		.nr_queues = 2,
	};

	for (unsigned i = 0; i < MAX_QUEUES; i++)
		sizes[i] = CONSOLE_QUEUE_SIZE;
	if (needs_multiport(config)) {
		setup.offered |= VIRTIO_BIT(VIRTIO_CONSOLE_F_MULTIPORT);
		setup.nr_queues = 2 * config->nr_ports + 2;
	}
	if (has_terminal(config))
		setup.offered |= VIRTIO_BIT(VIRTIO_CONSOLE_F_SIZE);
	return virtio_init(&device->virtio, platform, &setup, packed, err);
}

struct virtio *virtio_console_new(struct platform *platform,
				  const struct vm_config *config, bool packed,
				  struct err *err)
{
	struct virtio_console *device = calloc(1, sizeof(*device));

	if (!device) {
		err_set(err, "virtio-console: no memory");
		return NULL;
	}
	device->resized.source.fd = -1;
	if (init(device, platform, config, packed, err)) {
		free(device);
		return NULL;
	}
	if (open_ports(device, config, err) ||
	    loop_event_init(&device->resized, platform->loop, on_resized, device, err)) {
		console_free(device);
		return NULL;
	}
	return &device->virtio;
}
