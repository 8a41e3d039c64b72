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
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

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

/* A new pseudo terminal; the user is told its name. */
static int open_pty(struct serial *serial, unsigned number, struct err *err)
{
	struct termios raw;
	char name[64];
	int slave;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (master < 0 || grantpt(master) || unlockpt(master) ||
	    ptsname_r(master, name, sizeof(name))) {
		err_errno(err, "cannot make a pseudo terminal");
		if (master >= 0)
			close(master);
		return -1;
	}
	/*
	 * A line that echoed would send the guest its own output. Set from our side
	 * it holds for all who open the other side.
	 */
	if (tcgetattr(master, &raw) == 0) {
		cfmakeraw(&raw);
		(void)tcsetattr(master, TCSANOW, &raw);
	}
	/* From the first close on, our side can tell whether anybody has it open. */
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0) {
		err_errno(err, "%s", name);
		close(master);
		return -1;
	}
	close(slave);
	serial->in_fd = master;
	fprintf(stderr, "tane: serial port %u is %s\n", number + 1, name);
	return 0;
}

/* We were started in the background: reading from the terminal would stop us. */
static bool is_another_jobs_terminal(int fd)
{
	pid_t owner = isatty(fd) ? tcgetpgrp(fd) : -1;

	return owner >= 0 && owner != getpgrp();
}

/* Find the two ends. *in and *out become -1 for none. */
static int open_ends(struct serial *serial, unsigned number, int *in, int *out,
		     struct err *err)
{
	const struct vm_config *config = serial->vm->config;

	*in = *out = -1;
	switch (config->serials[number].kind) {
	case SERIAL_CONSOLE:
		*in = is_another_jobs_terminal(STDIN_FILENO) ? -1 : STDIN_FILENO;
		*out = STDOUT_FILENO;
		return 0;
	case SERIAL_PTY:
		if (open_pty(serial, number, err))
			return -1;
		*in = *out = serial->in_fd;
		return 0;
	case SERIAL_FILE:
		/* O_NONBLOCK: a FIFO that nobody reads must not hang us. */
		serial->out_fd = open(config->serials[number].path,
				      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
					      O_NOCTTY | O_NONBLOCK,
				      0666);
		if (serial->out_fd < 0 && errno == ENXIO)
			return err_set(err,
				       "\"%s\": nobody reads this FIFO: "
				       "start its reader first",
				       config->serials[number].path);
		if (serial->out_fd < 0)
			return err_errno(err, "\"%s\"", config->serials[number].path);
		*out = serial->out_fd;
		return 0;
	default:
		return 0;
	}
}

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
	unsigned flags = 0;
	int in, out;

	serial->vm = vm;
	serial->in_fd = serial->out_fd = -1;
	pthread_mutex_init(&serial->lock, NULL);
	uart16550_init(&serial->uart, &uart_ops, irq, serial);
	if (open_ends(serial, number, &in, &out, err))
		return err_prefix(err, "serial port %u: ", number + 1);
	serial->open = true;
	if (vm->config->serials[number].kind == SERIAL_PTY)
		flags = CONSOLE_PTY;
	else if (in == STDIN_FILENO && isatty(in))
		flags = CONSOLE_ESCAPES;
	if (console_init(&serial->console, vm->loop, in, out, flags, &console_ops, serial,
			 err))
		return -1;
	return bus_add(&vm->bus, space, &range, err);
}

void serial_reset(struct serial *serial)
{
	pthread_mutex_lock(&serial->lock);
	uart16550_reset(&serial->uart);
	pthread_mutex_unlock(&serial->lock);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void serial_destroy(struct serial *serial)
{
	if (!serial->open)
		return;
	console_destroy(&serial->console);
	close_if_open(serial->in_fd);
	close_if_open(serial->out_fd);
	pthread_mutex_destroy(&serial->lock);
}
