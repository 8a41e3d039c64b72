/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A serial port: the UART model, the console, and the way between them.
 *
 *	guest OUT -> port_write() -> uart16550 -> transmit() -> console_put()
 *	terminal  -> console -> receive() -> uart16550_receive() -> interrupt
 *
 * The UART's lock is taken here and not by the bus, because of back-pressure:
 * when the console's ring is nearly full the UART withholds THRE, and a guest
 * that writes nevertheless has its vCPU wait in port_write(), after the lock
 * was given back, until the loop has written something out.
 */
#include <stdio.h>

#include "arch/serial.h"

static bool transmit(void *opaque, uint8_t byte)
{
	struct serial *serial = opaque;

	return console_put(&serial->console, byte);
}

static void rx_drained(void *opaque)
{
	struct serial *serial = opaque;

	console_want_input(&serial->console);
}

static const struct uart16550_ops uart_ops = {
	.transmit = transmit,
	.rx_drained = rx_drained,
};

static size_t room(void *opaque)
{
	struct serial *serial = opaque;
	size_t n;

	pthread_mutex_lock(&serial->lock);
	n = uart16550_rx_room(&serial->uart);
	pthread_mutex_unlock(&serial->lock);
	return n;
}

static void receive(void *opaque, const uint8_t *data, size_t n)
{
	struct serial *serial = opaque;

	pthread_mutex_lock(&serial->lock);
	/* It takes all: only the loop adds input, and it asked for the room. */
	(void)uart16550_receive(&serial->uart, data, n);
	pthread_mutex_unlock(&serial->lock);
}

static bool send_break(void *opaque)
{
	struct serial *serial = opaque;
	bool sent;

	pthread_mutex_lock(&serial->lock);
	sent = uart16550_break(&serial->uart);
	pthread_mutex_unlock(&serial->lock);
	return sent;
}

static void writable(void *opaque)
{
	struct serial *serial = opaque;

	pthread_mutex_lock(&serial->lock);
	uart16550_tx_ready(&serial->uart);
	pthread_mutex_unlock(&serial->lock);
	vcpus_wake(serial->vm);
}

static void quit(void *opaque)
{
	struct serial *serial = opaque;

	vm_end(serial->vm, VM_KILLED, 0, NULL);
}

static const struct console_ops console_ops = {
	.room = room,
	.receive = receive,
	.send_break = send_break,
	.writable = writable,
	.quit = quit,
};

static bool is_writable(void *opaque)
{
	return console_is_writable(opaque);
}

static uint64_t port_read(void *dev, uint64_t offset, unsigned size)
{
	struct serial *serial = dev;
	uint64_t value;

	pthread_mutex_lock(&serial->lock);
	value = uart16550_io.read(&serial->uart, offset, size);
	pthread_mutex_unlock(&serial->lock);
	return value;
}

static void port_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct serial *serial = dev;

	pthread_mutex_lock(&serial->lock);
	uart16550_io.write(&serial->uart, offset, size, value);
	pthread_mutex_unlock(&serial->lock);
	if (offset == UART_THR && !console_is_writable(&serial->console))
		vcpu_wait(serial->vm, is_writable, &serial->console);
}

static const struct io_ops port_io = {
	.read = port_read,
	.write = port_write,
	.max_size = 1,
};

int serial_init(struct serial *serial, struct vm *vm, unsigned number,
		enum bus_space space, uint64_t base, const struct irq_line *irq,
		struct err *err)
{
	static const char *const names[CONFIG_MAX_UARTS] = { "uart16550.0", "uart16550.1",
							     "uart16550.2",
							     "uart16550.3" };
	const struct bus_range range = {
		.base = base,
		.size = UART16550_NR_PORTS,
		.name = names[number],
		.ops = &port_io,
		.dev = serial,
	};
	char name[32];

	serial->vm = vm;
	serial->ends.own = -1;
	pthread_mutex_init(&serial->lock, NULL);
	uart16550_init(&serial->uart, &uart_ops, irq, serial);
	snprintf(name, sizeof(name), "serial port %u", number + 1);
	if (console_ends_open(&serial->ends, vm->config->serials[number].kind,
			      vm->config->serials[number].path, name, err))
		return -1;
	serial->open = true;
	if (console_init(&serial->console, vm->loop, serial->ends.in, serial->ends.out,
			 serial->ends.flags, &console_ops, serial, err))
		return -1;
	return bus_add(&vm->bus, space, &range, err);
}

void serial_reset(struct serial *serial)
{
	pthread_mutex_lock(&serial->lock);
	uart16550_reset(&serial->uart);
	pthread_mutex_unlock(&serial->lock);
}

void serial_destroy(struct serial *serial)
{
	if (!serial->open)
		return;
	console_destroy(&serial->console);
	console_ends_close(&serial->ends);
	pthread_mutex_destroy(&serial->lock);
}
