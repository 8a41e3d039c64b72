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
 * more we offer MULTIPORT: two queues for control messages, and a pair for each
 * port. The driver says that it is ready, we add the ports, it says of each that
 * it is ready, we tell what it is and that it is open, and it tells when somebody
 * opens it there. What is still to be told is a few bits for each port and not a queue of
 * messages, so a driver that never takes one costs nothing.
 *
 * One port needs no MULTIPORT for another reason too: Linux before 2025 has columns and
 * rows of the control message RESIZE the wrong way round, but not those of the
 * configuration space.
 */
#include <stdlib.h>
#include <string.h>

#include "core/console_ends.h"
#include "util/bytes.h"
#include "virtio/console.h"

/* Feature bits (5.3.3). */
#define VIRTIO_CONSOLE_F_SIZE        0
#define VIRTIO_CONSOLE_F_MULTIPORT   1
#define VIRTIO_CONSOLE_F_EMERG_WRITE 2

/* Queues (5.3.2): those of port 0, control, those of port 1 and on. */
#define QUEUE_CONTROL_RX 2
#define QUEUE_CONTROL_TX 3
#define MAX_QUEUES       (2 * CONFIG_MAX_PORTS + 2)
#define QUEUE_SIZE       64

/* 5.3.4: le16 cols, le16 rows, le32 max_nr_ports, le32 emerg_wr */
#define CONFIG_MAX_NR_PORTS 4
#define CONFIG_EMERG_WR     8
#define CONFIG_SIZE         12

/* Control messages (5.3.6.2): le32 id, le16 event, le16 value. */
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

/* A chain of the transmit queue; Linux makes them of 32 KiB, of 1 MiB by splice(2). */
#define MAX_OUTPUT (4u << 20)

/* What one turn of the loop does before others get theirs: pieces, and messages. */
#define PIECE_SIZE    4096u
#define TURN_PIECES   32u
#define TURN_MESSAGES 32u

#define SYSRQ_KEY 0x0f /* Ctrl-o: what Linux takes for a break on hvc0 */

/* By port. All that the driver told, and what it is still to be told: saved. */
struct console_state {
	uint8_t ready[CONFIG_MAX_PORTS];    /* it knows the port */
	uint8_t open[CONFIG_MAX_PORTS];     /* somebody there has it open */
	uint8_t pending[CONFIG_MAX_PORTS];  /* bits: 1 << event */
	uint32_t tx_done[CONFIG_MAX_PORTS]; /* bytes of the next chain that are out */
};

struct port {
	struct virtio_console *device;
	unsigned number;
	const struct config_port *config;
	struct console_ends ends;
	struct console console;
	bool made;
};

struct virtio_console {
	struct virtio virtio;
	struct console_state state;
	struct port *ports;
	unsigned nr_ports;
	const struct port *terminal; /* the port on our own terminal; NULL: none */
	uint16_t cols, rows;         /* of that terminal; guarded by virtio.lock */
	struct loop_event resized;
	bool running;
	struct iovec iov[QUEUE_SIZE];
};

static bool has_multiport(const struct virtio_console *device)
{
	return virtio_has(&device->virtio, VIRTIO_CONSOLE_F_MULTIPORT);
}

static unsigned rx_queue(unsigned port)
{
	return port ? 2 * port + 2 : 0;
}

static unsigned tx_queue(unsigned port)
{
	return rx_queue(port) + 1;
}

/* Not for the control queues. */
static struct port *port_of_queue(struct virtio_console *device, unsigned queue)
{
	return &device->ports[queue < QUEUE_CONTROL_RX ? 0 : (queue - 2) / 2];
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

/* The next chain of a queue: 1, 0 if there is none, -1 if the driver broke a rule. */
static int next_chain(struct virtio_console *device, unsigned queue,
		      struct virtq_chain *chain)
{
	struct virtq *ring = &device->virtio.queues[queue].ring;
	int r;

	*chain = (struct virtq_chain){ .iov = device->iov, .max_iov = QUEUE_SIZE };
	r = virtq_pop(ring, chain);
	if (r < 0)
		virtio_fail(&device->virtio, "queue %u: %s", queue, ring->fault);
	return r;
}

/* Nothing is left in a queue: ask for kicks, or look again if something has come. */
static void wait_for_kick(struct virtio_console *device, unsigned queue)
{
	if (virtq_want_kicks(&device->virtio.queues[queue].ring))
		virtio_kick(&device->virtio, queue);
}

/* -- output -- */

enum progress {
	NOTHING_LEFT,
	CHAIN_DONE,
	TURN_OVER,
	NO_ROOM,
	BROKEN,
};

/* Move up to *pieces of a chain to the console; *done tells where to go on. */
static enum progress move_output(struct port *port, const struct virtq_chain *chain,
				 uint32_t *done, unsigned *pieces)
{
	uint8_t piece[PIECE_SIZE];

	while (*pieces) {
		size_t size = virtq_chain_read(chain, *done, piece, sizeof(piece));
		size_t n = console_write(&port->console, piece, size);

		*done += (uint32_t)n;
		if (n < size)
			return NO_ROOM;
		/* The driver may have made the chain shorter since *done was counted. */
		if (*done >= chain->out_size)
			return CHAIN_DONE;
		--*pieces;
	}
	return TURN_OVER;
}

/* The next chain, as far as it goes. */
static enum progress move_chain(struct port *port, unsigned *pieces)
{
	struct virtio_console *device = port->device;
	const unsigned queue = tx_queue(port->number);
	struct virtq *ring = &device->virtio.queues[queue].ring;
	uint32_t *done = &device->state.tx_done[port->number];
	struct virtq_chain chain;
	enum progress progress;
	int r = next_chain(device, queue, &chain);

	if (r <= 0)
		return r ? BROKEN : NOTHING_LEFT;
	if (chain.nr_in || chain.out_size > MAX_OUTPUT) {
		virtio_fail(&device->virtio, "queue %u: %s", queue,
			    chain.nr_in ? "output that is to be written to (5.3.6.1)"
					: "too much output at once");
		return BROKEN;
	}
	progress = move_output(port, &chain, done, pieces);
	if (progress == CHAIN_DONE) {
		*done = 0;
		virtq_push(ring, &chain, 0);
	} else {
		virtq_unpop(ring, &chain);
	}
	return progress;
}

static enum progress pump_output(struct port *port)
{
	struct virtio_console *device = port->device;
	const unsigned queue = tx_queue(port->number);
	unsigned pieces = TURN_PIECES;
	enum progress progress;

	do
		progress = move_chain(port, &pieces);
	while (progress == CHAIN_DONE && --pieces);
	virtio_publish(&device->virtio, queue);
	return progress;
}

static void serve_output(struct port *port)
{
	struct virtio_console *device = port->device;
	const unsigned queue = tx_queue(port->number);

	switch (pump_output(port)) {
	case NOTHING_LEFT:
		wait_for_kick(device, queue);
		break;
	case NO_ROOM:
		/* writable() comes. */
		virtq_refuse_kicks(&device->virtio.queues[queue].ring);
		break;
	case CHAIN_DONE:
	case TURN_OVER:
		virtio_kick(&device->virtio, queue);
		break;
	case BROKEN:
		break;
	}
}

/* -- input; what a console asks of its port -- */

static bool takes_input(const struct port *port)
{
	const struct virtio_console *device = port->device;

	if (!device->running)
		return false;
	return has_multiport(device) ? device->state.open[port->number]
				     : port->number == 0;
}

/* How large is the next buffer that the guest has posted? */
static size_t room(void *opaque)
{
	struct port *port = opaque;
	struct virtio_console *device = port->device;
	const unsigned queue = rx_queue(port->number);
	struct virtq *ring = &device->virtio.queues[queue].ring;
	struct virtq_chain chain;
	int r;

	if (!takes_input(port))
		return 0;
	r = next_chain(device, queue, &chain);
	if (r == 0)
		wait_for_kick(device, queue);
	if (r <= 0)
		return 0;
	if (chain.nr_out || !chain.in_size) {
		virtio_fail(&device->virtio,
			    "queue %u: a buffer that cannot take input (5.3.6.1)", queue);
		return 0;
	}
	/* As long as there are buffers there is no need to hear of more. */
	virtq_refuse_kicks(ring);
	virtq_unpop(ring, &chain);
	return chain.in_size;
}

static void receive(void *opaque, const uint8_t *data, size_t n)
{
	struct port *port = opaque;
	struct virtio_console *device = port->device;
	const unsigned queue = rx_queue(port->number);
	struct virtq_chain chain;

	/* It is the chain that room() saw, unless the driver plays tricks: its loss. */
	if (next_chain(device, queue, &chain) <= 0)
		return;
	n = virtq_chain_write(&chain, 0, data, n);
	virtq_push(&device->virtio.queues[queue].ring, &chain, (uint32_t)n);
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
	const struct port *port = opaque;

	/* In a turn of its own: else a guest that never stops would keep the console. */
	virtio_kick(&port->device->virtio, tx_queue(port->number));
}

static void quit(void *opaque)
{
	const struct port *port = opaque;
	const struct platform *platform = port->device->virtio.platform;

	if (platform->quit)
		platform->quit(platform->opaque);
}

static const struct console_ops console_ops = {
	.room = room,
	.receive = receive,
	.send_break = send_break,
	.writable = writable,
	.quit = quit,
};

/* -- control messages -- */

static void set_pending(struct port *port, enum event event)
{
	port->device->state.pending[port->number] |= (uint8_t)(1u << event);
}

/* What follows the header of a message to the driver. Returns its size. */
static size_t add_payload(struct virtio_console *device, const struct port *port,
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
static bool send_message(struct virtio_console *device, const struct port *port,
			 enum event event)
{
	struct virtq *ring = &device->virtio.queues[QUEUE_CONTROL_RX].ring;
	uint8_t message[MESSAGE_SIZE + VIRTIO_CONSOLE_MAX_NAME];
	struct virtq_chain chain;
	size_t size;

	if (next_chain(device, QUEUE_CONTROL_RX, &chain) <= 0)
		return false;
	store_le32(message, port->number);
	store_le16(message + 4, (uint16_t)event);
	store_le16(message + 6, 1);
	size = MESSAGE_SIZE + add_payload(device, port, event, message + MESSAGE_SIZE);
	if (chain.in_size < size) {
		virtio_fail(&device->virtio,
			    "queue %u: no room for a message of %zu bytes",
			    QUEUE_CONTROL_RX, size);
		return false;
	}
	virtq_chain_write(&chain, 0, message, size);
	virtq_push(ring, &chain, (uint32_t)size);
	return true;
}

/* false: the rest has to wait. */
static bool send_pending(struct virtio_console *device, const struct port *port)
{
	/* In this order: a port is told that it is a console before its size. */
	static const enum event order[] = {
		VIRTIO_CONSOLE_PORT_ADD,  VIRTIO_CONSOLE_CONSOLE_PORT,
		VIRTIO_CONSOLE_PORT_NAME, VIRTIO_CONSOLE_PORT_OPEN,
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

static void send_messages(struct virtio_console *device)
{
	bool all = true;

	for (unsigned i = 0; i < device->nr_ports && all; i++)
		all = send_pending(device, &device->ports[i]);
	virtio_publish(&device->virtio, QUEUE_CONTROL_RX);
	if (!all)
		wait_for_kick(device, QUEUE_CONTROL_RX);
}

/* The driver knows the port: tell what it is. */
static void introduce(struct port *port)
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
	struct port *port;

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
		console_want_input(&port->console);
	}
}

/* One message of the driver: 1, 0 if there is none, -1 if it broke a rule. */
static int receive_message(struct virtio_console *device)
{
	uint8_t message[MESSAGE_SIZE];
	struct virtq_chain chain;
	int r = next_chain(device, QUEUE_CONTROL_TX, &chain);

	if (r <= 0)
		return r;
	if (virtq_chain_read(&chain, 0, message, sizeof(message)) < sizeof(message)) {
		virtio_fail(&device->virtio, "a control message of %u bytes (5.3.6.2)",
			    (unsigned)chain.out_size);
		return -1;
	}
	handle_message(device, load_le32(message), load_le16(message + 4),
		       load_le16(message + 6));
	virtq_push(&device->virtio.queues[QUEUE_CONTROL_TX].ring, &chain, 0);
	return 1;
}

static void receive_messages(struct virtio_console *device)
{
	unsigned received = 0;
	int r;

	do
		r = receive_message(device);
	while (r > 0 && ++received < TURN_MESSAGES);
	virtio_publish(&device->virtio, QUEUE_CONTROL_TX);
	if (r > 0)
		virtio_kick(&device->virtio, QUEUE_CONTROL_TX);
	else if (r == 0)
		wait_for_kick(device, QUEUE_CONTROL_TX);
	send_messages(device);
}

/* -- the device -- */

static void kick(void *dev, unsigned queue)
{
	struct virtio_console *device = dev;
	struct port *port;

	if (queue >= QUEUE_CONTROL_RX && !has_multiport(device))
		return;
	if (queue == QUEUE_CONTROL_RX) {
		send_messages(device);
	} else if (queue == QUEUE_CONTROL_TX) {
		receive_messages(device);
	} else {
		port = port_of_queue(device, queue);
		if (queue == tx_queue(port->number))
			serve_output(port);
		else
			console_want_input(&port->console);
	}
}

static void start(void *dev)
{
	struct virtio_console *device = dev;

	device->running = true;
	/* Linux does not look at the size before it has changed. */
	if (device->terminal && !has_multiport(device))
		virtio_config_changed(&device->virtio);
	/* What was open when the state was saved takes input again. */
	for (unsigned i = 0; i < device->nr_ports; i++)
		console_want_input(&device->ports[i].console);
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
	struct virtio_console *device = opaque;
	const struct port *terminal = device->terminal;

	if (!device->running || !has_multiport(device) ||
	    !device->state.ready[terminal->number])
		return;
	set_pending(&device->ports[terminal->number], VIRTIO_CONSOLE_RESIZE);
	send_messages(device);
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

void virtio_console_drain(struct virtio *virtio,
			  const struct console_interrupt *interrupt, int timeout_ms)
{
	struct virtio_console *device = virtio->dev;

	for (unsigned i = 0; i < device->nr_ports; i++) {
		struct port *port = &device->ports[i];
		enum progress progress;

		do
			progress = device->running ? pump_output(port) : NOTHING_LEFT;
		while (console_drain(&port->console, interrupt, timeout_ms) &&
		       progress != NOTHING_LEFT && progress != BROKEN);
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
	struct console_state *state = &device->state;

	if (state_load(image, STATE_SECTION, &state_layout, state, err))
		return -1;
	for (unsigned i = 0; i < CONFIG_MAX_PORTS; i++) {
		/* A name that is to be told must be there. */
		if (i >= device->nr_ports || !device->ports[i].config->name)
			state->pending[i] &= (uint8_t) ~(1u << VIRTIO_CONSOLE_PORT_NAME);
	}
	return 0;
}

/* -- life -- */

static void destroy_ports(struct virtio_console *device)
{
	for (unsigned i = 0; i < device->nr_ports; i++) {
		struct port *port = &device->ports[i];

		if (port->made)
			console_destroy(&port->console);
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

static int open_port(struct port *port, struct err *err)
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
	if (console_ends_open(&port->ends, config->kind, config->path, name, err))
		return -1;
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
	}
	for (unsigned i = 0; i < device->nr_ports; i++) {
		if (open_port(&device->ports[i], err))
			return -1;
	}
	return 0;
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
		sizes[i] = QUEUE_SIZE;
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
