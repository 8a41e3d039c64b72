/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A serial port: the UART, whichever chip it is, the console, and the way between them.
 *
 *	guest write -> port_write() -> chip -> transmit() -> console_put()
 *	terminal -> console -> receive() -> chip -> interrupt
 *
 * The UART's lock is taken here and not by the bus, because of back-pressure:
 * when the console's ring is nearly full the UART says that its transmitter is
 * busy, and a guest that writes nevertheless has its vCPU wait in port_write(),
 * after the lock was given back, until the loop has written something out.
 *
 * In memory an access reaches the one register at its address, however wide it
 * is, as on the buses of SoCs: only ports cut a wide access into bytes.
 */
#include <stdio.h>

#include "arch/serial.h"

static bool transmit(void *opaque, uint8_t byte)
{
	struct serial *serial = opaque;

	serial->sent = true;
	return console_put(&serial->console, byte);
}

static void rx_drained(void *opaque)
{
	struct serial *serial = opaque;

	console_want_input(&serial->console);
}

static const struct uart_ops uart_ops = {
	.transmit = transmit,
	.rx_drained = rx_drained,
};

static size_t room(void *opaque)
{
	struct serial *serial = opaque;
	size_t n;

	pthread_mutex_lock(&serial->lock);
	n = serial->model->rx_room(&serial->chip);
	pthread_mutex_unlock(&serial->lock);
	return n;
}

static void receive(void *opaque, const uint8_t *data, size_t n)
{
	struct serial *serial = opaque;

	pthread_mutex_lock(&serial->lock);
	/* It takes all: only the loop adds input, and it asked for the room. */
	(void)serial->model->receive(&serial->chip, data, n);
	pthread_mutex_unlock(&serial->lock);
}

static bool send_break(void *opaque)
{
	struct serial *serial = opaque;
	bool sent;

	pthread_mutex_lock(&serial->lock);
	sent = serial->model->receive_break(&serial->chip);
	pthread_mutex_unlock(&serial->lock);
	return sent;
}

static void writable(void *opaque)
{
	struct serial *serial = opaque;

	pthread_mutex_lock(&serial->lock);
	serial->model->tx_ready(&serial->chip);
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

static unsigned narrow(const struct serial *serial, unsigned size)
{
	const unsigned max = serial->model->io->max_size;

	return size < max ? size : max;
}

static uint64_t port_read(void *dev, uint64_t offset, unsigned size)
{
	struct serial *serial = dev;
	const unsigned n = narrow(serial, size);
	uint64_t value;

	pthread_mutex_lock(&serial->lock);
	value = serial->model->io->read(&serial->chip, offset, n);
	pthread_mutex_unlock(&serial->lock);
	return value & UINT64_MAX >> (64 - 8 * n);
}

static void port_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct serial *serial = dev;
	const unsigned n = narrow(serial, size);
	bool sent;

	pthread_mutex_lock(&serial->lock);
	serial->sent = false;
	serial->model->io->write(&serial->chip, offset, n,
				 value & UINT64_MAX >> (64 - 8 * n));
	sent = serial->sent;
	pthread_mutex_unlock(&serial->lock);
	if (sent && !console_is_writable(&serial->console))
		vcpu_wait(serial->vm, is_writable, &serial->console);
}

static const struct io_ops port_io[BUS_SPACES] = {
	[BUS_PIO] = { .read = port_read, .write = port_write, .max_size = 1 },
	[BUS_MMIO] = { .read = port_read, .write = port_write, .max_size = 4 },
};

int serial_init(struct serial *serial, struct vm *vm, unsigned number,
		const struct uart_model *model, enum bus_space space, uint64_t base,
		const struct irq_line *irq, struct err *err)
{
	const struct bus_range range = {
		.base = base,
		.size = model->size,
		.name = serial->name,
		.ops = &port_io[space],
		.dev = serial,
	};
	char name[32];

	serial->vm = vm;
	serial->model = model;
	serial->ends.own = -1;
	pthread_mutex_init(&serial->lock, NULL);
	model->init(&serial->chip, &uart_ops, irq, serial);
	snprintf(serial->name, sizeof(serial->name), "%s.%u", model->name, number);
	snprintf(name, sizeof(name), "serial port %u", number + 1);
	if (console_ends_open(&serial->ends,
			      config_end(vm->config, vm->config->serials[number].kind),
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
	serial->model->reset(&serial->chip);
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
