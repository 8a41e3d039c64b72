/* SPDX-License-Identifier: BSD-2-Clause */
/* Serial ports on the bus, with either chip: the width of accesses, and a slow reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/serial.h"
#include "dev/primecell.h"

#define BASE 0x3f8

/* A VM that has a bus and a serial port, and no more. */
struct bench {
	struct vm_config config;
	struct loop loop;
	struct vm vm;
	struct serial serial;
	char path[32];
	unsigned flood; /* bytes that the guest prints */
};

static void bench_init(struct bench *b, const struct uart_model *model,
		       enum bus_space space)
{
	const struct irq_line irq = { 0 };
	struct err err;

	b->config.serials[0].kind = SERIAL_FILE;
	b->config.serials[0].path = b->path;
	b->vm.config = &b->config;
	b->vm.loop = &b->loop;
	bus_init(&b->vm.bus);
	assert_int_equal(loop_init(&b->loop, &err), 0);
	assert_int_equal(
		serial_init(&b->serial, &b->vm, 0, model, space, BASE, &irq, &err), 0);
}

static void bench_destroy(struct bench *b)
{
	unlink(b->path);
	serial_destroy(&b->serial);
	loop_destroy(&b->loop);
	bus_destroy(&b->vm.bus);
}

/* Output goes to a file. */
static void make_file(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	strcpy(b->path, "/tmp/test_serial-XXXXXX");
	close(mkstemp(b->path));
}

/* Its output must be `text`. */
static void assert_printed(struct bench *b, const char *text)
{
	const struct console_interrupt none = { .fd = -1 };
	char output[64] = { 0 };
	int fd = open(b->path, O_RDONLY);

	assert_true(console_drain(&b->serial.console, &none, -1));
	assert_true(read(fd, output, sizeof(output) - 1) >= 0);
	assert_string_equal(output, text);
	close(fd);
}

static void out(struct bench *b, enum bus_space space, unsigned reg, unsigned size,
		uint64_t value)
{
	bus_access(&b->vm.bus, space, BASE + reg, &value, size, true);
}

/* Bits above `size` show if the bus wrote them. */
static uint64_t in(struct bench *b, enum bus_space space, unsigned reg, unsigned size)
{
	uint64_t value = 0;

	bus_access(&b->vm.bus, space, BASE + reg, &value, size, false);
	return value;
}

static void test_ports_are_cut_into_bytes(void **state)
{
	struct bench b;

	(void)state;
	make_file(&b);
	bench_init(&b, &uart16550_model, BUS_PIO);
	out(&b, BUS_PIO, UART_THR, 1, 'a');
	out(&b, BUS_PIO, UART_THR, 2, UART_IER_ERBFI << 8 | 'b');
	assert_int_equal(in(&b, BUS_PIO, UART_IER, 1), UART_IER_ERBFI);
	out(&b, BUS_PIO, UART_IER, 1, 0);
	assert_int_equal(in(&b, BUS_PIO, UART_LSR, 2), 0xb060); /* LSR and MSR */
	assert_printed(&b, "ab");
	bench_destroy(&b);
}

/* earlycon=uart8250,mmio stores bytes, mmio32 and reg-io-width = <4> words. */
static void test_16550_in_memory_takes_any_width(void **state)
{
	struct bench b;

	(void)state;
	make_file(&b);
	bench_init(&b, &uart16550_model, BUS_MMIO);
	out(&b, BUS_MMIO, UART_IER, 1, UART_IER_ELSI);
	out(&b, BUS_MMIO, UART_LCR, 1, 3);
	out(&b, BUS_MMIO, UART_MCR, 1, UART_MCR_DTR);
	for (unsigned size = 1; size <= 4; size *= 2)
		out(&b, BUS_MMIO, UART_THR, size, 0x01010100 | ('a' + size));
	assert_int_equal(in(&b, BUS_MMIO, UART_IER, 1), UART_IER_ELSI);
	assert_int_equal(in(&b, BUS_MMIO, UART_LCR, 1), 3);
	assert_int_equal(in(&b, BUS_MMIO, UART_MCR, 1), UART_MCR_DTR);
	assert_int_equal(in(&b, BUS_MMIO, UART_MCR, 4), UART_MCR_DTR);
	assert_int_equal(in(&b, BUS_MMIO, UART_LSR, 2), 0x60);
	assert_printed(&b, "bce");
	bench_destroy(&b);
}

static void test_pl011_takes_any_width(void **state)
{
	struct bench b;

	(void)state;
	make_file(&b);
	bench_init(&b, &pl011_model, BUS_MMIO);
	assert_string_equal(bus_name(&b.vm.bus, BUS_MMIO, BASE + PRIMECELL_SIZE - 1),
			    "pl011.0");
	out(&b, BUS_MMIO, PL011_DR, 1, 'a');
	out(&b, BUS_MMIO, PL011_DR, 2, 'b');
	out(&b, BUS_MMIO, PL011_DR, 4, 'c');
	assert_int_equal(in(&b, BUS_MMIO, PRIMECELL_IDS, 1), 0x11);
	assert_int_equal(in(&b, BUS_MMIO, PL011_CR, 2), 0x300);
	assert_int_equal(in(&b, BUS_MMIO, PL011_CR, 4), 0x300);
	out(&b, BUS_MMIO, PL011_CR, 4, PL011_CR_UARTEN);
	serial_reset(&b.serial);
	assert_int_equal(in(&b, BUS_MMIO, PL011_CR, 4), 0x300);
	assert_printed(&b, "abc");
	bench_destroy(&b);
}

#define FLOOD 200000 /* bytes: more than the console and a pipe hold */
#define FULL  (CONSOLE_OUTPUT_SIZE - 4096) /* the last of them makes the console full */

/* A guest that prints without a look at the transmitter. */
static void *print_blindly(void *opaque)
{
	struct bench *b = opaque;

	for (unsigned i = 0; i < b->flood; i++)
		out(b, BUS_MMIO, 0, 1, i % 251);
	return NULL;
}

/* Turn the loop and read, until `n` bytes have come; they must be the next ones. */
static void read_flood(struct bench *b, int fd, unsigned n)
{
	uint8_t piece[4096];
	unsigned got = 0;
	struct err err;

	while (got < n) {
		ssize_t size = read(fd, piece, sizeof(piece));

		for (ssize_t i = 0; i < size; i++)
			assert_int_equal(piece[i], got++ % 251);
		if (size <= 0)
			assert_int_equal(loop_turn(&b->loop, 10, &err), 0);
	}
}

/* Nobody reads until the console is full: the guest waits, and nothing is lost. */
static void flood(const struct uart_model *model, unsigned size, unsigned status,
		  unsigned mask, unsigned when_full)
{
	pthread_t guest;
	struct bench b;
	int fd;

	memset(&b, 0, sizeof(b));
	strcpy(b.path, "/tmp/test_serial-XXXXXX");
	close(mkstemp(b.path));
	unlink(b.path);
	assert_int_equal(mkfifo(b.path, 0600), 0);
	fd = open(b.path, O_RDONLY | O_NONBLOCK);
	vcpu_gate_init(&b.vm.gate);
	b.vm.gate.closed = false;
	bench_init(&b, model, BUS_MMIO);
	b.flood = size;
	assert_int_equal(pthread_create(&guest, NULL, print_blindly, &b), 0);
	while (console_is_writable(&b.serial.console))
		sched_yield();
	assert_int_equal(in(&b, BUS_MMIO, status, 1) & mask, when_full);
	read_flood(&b, fd, size);
	pthread_join(guest, NULL);
	assert_int_equal(in(&b, BUS_MMIO, status, 1) & mask, mask & ~when_full);
	assert_int_equal(b.serial.console.lost, 0);
	close(fd);
	bench_destroy(&b);
	vcpu_gate_destroy(&b.vm.gate);
}

static void test_slow_reader_of_a_16550(void **state)
{
	const unsigned mask = UART_LSR_THRE | UART_LSR_TEMT;

	(void)state;
	flood(&uart16550_model, FLOOD, UART_LSR, mask, 0);
	flood(&uart16550_model, FULL, UART_LSR, mask, 0);
}

static void test_slow_reader_of_a_pl011(void **state)
{
	const unsigned full = PL011_FR_TXFF | PL011_FR_BUSY;

	(void)state;
	flood(&pl011_model, FLOOD, PL011_FR, full | PL011_FR_TXFE, full);
	flood(&pl011_model, FULL, PL011_FR, full | PL011_FR_TXFE, full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports_are_cut_into_bytes),
		cmocka_unit_test(test_16550_in_memory_takes_any_width),
		cmocka_unit_test(test_pl011_takes_any_width),
		cmocka_unit_test(test_slow_reader_of_a_16550),
		cmocka_unit_test(test_slow_reader_of_a_pl011),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
