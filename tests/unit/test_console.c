/* SPDX-License-Identifier: BSD-2-Clause */
/* The console: no byte is lost, nothing spins, and Ctrl-a does what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/console.h"

static struct loop loop;
static struct console console;
static struct loop_timer limit;
static int in[2], out[2];

/* The device: takes what it has room for. */
static uint8_t received[65536];
static size_t nr_received, room_left, want;
static unsigned breaks, quits, writables, signals, ends;

static size_t room(void *opaque)
{
	(void)opaque;
	return room_left;
}

static void receive(void *opaque, const uint8_t *data, size_t n)
{
	(void)opaque;
	assert_true(n <= room_left && nr_received + n <= sizeof(received));
	memcpy(received + nr_received, data, n);
	nr_received += n;
	room_left -= n;
	if (nr_received >= want)
		loop_quit(&loop);
	else if (!room_left) {
		/* As a UART whose guest has read all. */
		room_left = 16;
		console_want_input(&console);
	}
}

static bool send_break(void *opaque)
{
	(void)opaque;
	if (!room_left)
		return false;
	breaks++;
	return true;
}

static bool chatters;

/* As a guest that goes on at once, and never ends, or nearly. */
static void chatter(void)
{
	static const uint8_t text[1024];

	while (writables < 1000 && console_write(&console, text, sizeof(text)))
		;
}

static void writable(void *opaque)
{
	(void)opaque;
	writables++;
	if (chatters)
		chatter();
}

static void quit(void *opaque)
{
	(void)opaque;
	quits++;
	loop_quit(&loop);
}

static void ended(void *opaque)
{
	(void)opaque;
	/* All that came is the device's by now. */
	assert_int_equal(console.input_at, console.input_used);
	ends++;
}

static const struct console_ops ops = {
	room, receive, send_break, writable, quit, ended
};

static void on_limit(void *opaque)
{
	(void)opaque;
	loop_quit(&loop);
}

/* Run the loop, at most `ms` long. */
static void run(int ms)
{
	struct err err;

	loop_timer_arm(&limit, loop_now() + ms * 1000000ll);
	assert_int_equal(loop_run(&loop, &err), 0);
}

static int open_console(unsigned flags)
{
	struct err err;

	nr_received = breaks = quits = writables = signals = ends = 0;
	chatters = false;
	room_left = 16;
	want = SIZE_MAX;
	return pipe(in) || pipe(out) || loop_init(&loop, &err) ||
	       loop_timer_init(&limit, &loop, on_limit, NULL, &err) ||
	       console_init(&console, &loop, in[0], out[1], flags, &ops, NULL, &err);
}

static int setup(void **state)
{
	(void)state;
	return open_console(0);
}

static int setup_terminal(void **state)
{
	(void)state;
	return open_console(CONSOLE_ESCAPES);
}

static int setup_tty(void **state)
{
	(void)state;
	return open_console(CONSOLE_TTY);
}

static int teardown(void **state)
{
	(void)state;
	console_destroy(&console);
	loop_timer_destroy(&limit, &loop);
	loop_destroy(&loop);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
	return 0;
}

static void send(const char *text)
{
	assert_int_equal(write(in[1], text, strlen(text)), strlen(text));
}

static void test_output(void **state)
{
	char text[16] = "";

	(void)state;
	for (const char *c = "hello"; *c; c++)
		assert_true(console_put(&console, (uint8_t)*c));
	run(50);
	assert_int_equal(read(out[0], text, sizeof(text)), 5);
	assert_string_equal(text, "hello");
}

/* Nobody reads: the ring fills, says so, and everything arrives once somebody does. */
static void test_slow_reader_loses_nothing(void **state)
{
	static uint8_t got[1 << 20];
	size_t put = 0, n = 0;

	(void)state;
	/* The pipe takes 64 KiB, then the ring fills. */
	while (put < sizeof(got)) {
		bool more = console_put(&console, (uint8_t)(put * 7));

		put++;
		if (!more) {
			run(5);
			if (!console_is_writable(&console))
				break;
		}
	}
	assert_true(put < sizeof(got));
	assert_false(console_is_writable(&console));
	/* Bytes that were under way still find room. */
	for (int i = 0; i < 1000; i++)
		console_put(&console, (uint8_t)(put++ * 7));
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	while (n < put) {
		ssize_t r = read(out[0], got + n, sizeof(got) - n);

		if (r > 0)
			n += (size_t)r;
		run(5);
	}
	assert_int_equal(n, put);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(got[i], (uint8_t)(i * 7));
	assert_true(console_is_writable(&console));
	assert_true(writables >= 1);
}

/* A device that can hold output back: what is taken comes out, in order, and no more. */
static void test_write_takes_what_fits(void **state)
{
	static uint8_t text[200001], got[sizeof(text)];
	size_t written = 0, n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 31 + i / 256);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	/* Pieces of an odd size, so that the ring's end falls into one of them. */
	while (written < sizeof(text)) {
		size_t left = sizeof(text) - written;
		size_t taken = console_write(&console, text + written,
					     left < 4099 ? left : 4099);

		written += taken;
		if (taken < 4099 && left)
			break;
	}
	/* Nobody reads: it says no before the ring is full, and goes on saying no. */
	assert_true(written < sizeof(text));
	assert_false(console_is_writable(&console));
	assert_int_equal(console_write(&console, text, 1), 0);
	while (n < sizeof(text)) {
		ssize_t r = read(out[0], got + n, sizeof(got) - n);

		if (r > 0)
			n += (size_t)r;
		run(5);
		written +=
			console_write(&console, text + written, sizeof(text) - written);
	}
	assert_memory_equal(got, text, sizeof(text));
	assert_true(writables >= 1);
	assert_int_equal(console.lost, 0);
}

/* A guest that prints without end, to a reader that takes it all: others get a turn. */
static void test_endless_output_leaves_turns(void **state)
{
	const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct err err;

	(void)state;
	console_destroy(&console);
	assert_int_equal(console_init(&console, &loop, -1, null, 0, &ops, NULL, &err), 0);
	chatters = true;
	chatter();
	assert_int_equal(loop_turn(&loop, 1000, &err), 0);
	assert_in_range(writables, 1, 100);
	/* And the rest is not forgotten. */
	chatters = false;
	for (unsigned i = 0; console.used && i < 1000; i++)
		assert_int_equal(loop_turn(&loop, 1000, &err), 0);
	assert_int_equal(console.used, 0);
	close(null);
}

static void test_reader_gone(void **state)
{
	(void)state;
	close(out[0]);
	for (int i = 0; i < 200000; i++)
		console_put(&console, 'x');
	run(20);
	assert_true(console_put(&console, 'x'));
	assert_true(console_is_writable(&console));
	out[0] = open("/dev/null", O_RDONLY);
}

static void test_input_waits_for_room(void **state)
{
	char text[10001];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 26);
	text[sizeof(text) - 1] = '\0';
	send(text);
	want = sizeof(text) - 1;
	run(5000);
	assert_int_equal(nr_received, sizeof(text) - 1);
	assert_memory_equal(received, text, nr_received);
}

static void test_no_room_no_input(void **state)
{
	(void)state;
	room_left = 0;
	send("abc");
	run(20);
	assert_int_equal(nr_received, 0);
	room_left = 2;
	console_want_input(&console);
	want = 3;
	run(1000);
	assert_memory_equal(received, "abc", 3);
}

/* EOF must neither end the VM nor turn the loop into a busy one. */
static void test_end_of_input(void **state)
{
	struct timespec before, after;

	(void)state;
	send("bye");
	close(in[1]);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	run(200);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	assert_memory_equal(received, "bye", 3);
	assert_int_equal(quits, 0);
	assert_true((after.tv_sec - before.tv_sec) * 1000 +
			    (after.tv_nsec - before.tv_nsec) / 1000000 <
		    50);
	in[1] = open("/dev/null", O_WRONLY);
}

static void test_pipe_has_no_escapes(void **state)
{
	(void)state;
	send("a\001xb");
	want = 4;
	run(1000);
	assert_memory_equal(received, "a\001xb", 4);
	assert_int_equal(quits, 0);
}

static void test_escapes(void **state)
{
	(void)state;
	send("a\001\001b\001bc\001zd");
	want = 5;
	run(1000);
	/* Ctrl-a twice passes one; an unknown key is swallowed with its Ctrl-a. */
	assert_memory_equal(received, "a\001bcd", 5);
	assert_int_equal(breaks, 1);
	send("\001");
	run(20);
	assert_int_equal(quits, 0);
	send("x");
	run(1000);
	assert_int_equal(quits, 1);
}

/* The second one means us. */
static bool interrupted(void *opaque)
{
	char byte;

	(void)opaque;
	assert_int_equal(read(in[0], &byte, 1), 1);
	return ++signals == 2;
}

/* The terminal of a command: Ctrl-a is a key, and so is Ctrl-], which counts. */
static void test_tty(void **state)
{
	(void)state;
	room_left = 100;
	send("\x01x\x1d\x1d.\x1d");
	run(20);
	assert_int_equal(nr_received, 6);
	assert_memory_equal(received, "\x01x\x1d\x1d.\x1d", 6);
	assert_int_equal(quits, 0);
	/* Thrice in a row, across reads, with no room in the device. */
	room_left = 0;
	send("\x1d");
	run(20);
	assert_int_equal(quits, 0);
	send("\x1d");
	run(20);
	assert_int_equal(quits, 1);
}

/* Slowly they are keys. */
static void test_tty_slowly(void **state)
{
	(void)state;
	room_left = 100;
	send("\x1d\x1d");
	run(20);
	console.bracket_ns -= 2000000000;
	send("\x1d\x1d");
	run(20);
	assert_int_equal(quits, 0);
	send("\x1d");
	run(20);
	assert_int_equal(quits, 1);
}

/* A terminal in lines: Ctrl-d is a key there, and its hang-up the end. */
static void test_terminal_in_lines(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct termios settings;
	struct err err;

	(void)state;
	assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	console_destroy(&console);
	assert_int_equal(console_init(&console, &loop, slave, out[1],
				      CONSOLE_TTY | CONSOLE_SHARED, &ops, NULL, &err),
			 0);
	room_left = 100;
	assert_int_equal(write(master, "a\n\x04", 3), 3);
	run(20);
	assert_int_equal(nr_received, 3);
	assert_memory_equal(received, "a\n\x04", 3);
	assert_int_equal(ends, 0);
	/* While another one has it raw, keys are that one's. */
	assert_int_equal(tcgetattr(slave, &settings), 0);
	settings.c_lflag &= ~(tcflag_t)ICANON;
	assert_int_equal(tcsetattr(slave, TCSANOW, &settings), 0);
	assert_int_equal(write(master, "q", 1), 1);
	run(20);
	assert_int_equal(nr_received, 3);
	settings.c_lflag |= ICANON;
	assert_int_equal(tcsetattr(slave, TCSANOW, &settings), 0);
	assert_int_equal(write(master, "\n", 1), 1);
	run(700);
	assert_int_equal(nr_received, 5);
	assert_int_equal(ends, 0);
	close(master);
	run(20);
	assert_int_equal(ends, 1);
	close(slave);
}

/* The device is told of the end once, when it has taken what came before. */
static void test_end_is_told(void **state)
{
	(void)state;
	room_left = 2;
	want = 2;
	send("abcd");
	close(in[1]);
	in[1] = dup(in[0]);
	run(20);
	assert_int_equal(ends, 0);
	want = SIZE_MAX;
	room_left = 16;
	console_want_input(&console);
	run(20);
	assert_int_equal(nr_received, 4);
	assert_int_equal(ends, 1);
	console_want_input(&console);
	run(20);
	assert_int_equal(ends, 1);
}

static void test_drain(void **state)
{
	const struct console_interrupt nothing = { .fd = -1 };
	const struct console_interrupt interrupt = { .fd = in[0],
						     .interrupted = interrupted };
	char text[8192];

	(void)state;
	for (int i = 0; i < 5000; i++)
		console_put(&console, (uint8_t)('a' + i % 26));
	assert_true(console_drain(&console, &nothing, -1));
	assert_int_equal(read(out[0], text, sizeof(text)), 5000);
	/* A reader that takes nothing: the time-out ends it. */
	while (console_put(&console, 'x'))
		;
	(void)console_drain(&console, &nothing, 20);
	/* A signal ends it too, if it is for us. The pipe is full by now. */
	while (console_put(&console, 'x'))
		;
	send("...");
	assert_false(console_drain(&console, &interrupt, -1));
	assert_int_equal(signals, 2);
}

/* More than the ring can hold is counted. */
static void test_overrun_is_counted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CONSOLE_OUTPUT_SIZE + 10; i++)
		console_put(&console, 'x');
	assert_int_equal(console.lost, 10);
}

/* A named FIFO whose reader leaves while there is nothing to say, and another comes. */
static void test_fifo_gets_a_new_reader(void **state)
{
	char name[] = "/tmp/test_console.XXXXXX", text[4096];
	struct console other;
	struct err err;
	size_t put = 0, got = 0;
	int reader, writer;

	(void)state;
	close(mkstemp(name));
	assert_int_equal(unlink(name) || mkfifo(name, 0600), 0);
	reader = open(name, O_RDONLY | O_NONBLOCK);
	writer = open(name, O_WRONLY | O_NONBLOCK);
	assert_int_equal(console_init(&other, &loop, -1, writer, 0, &ops, NULL, &err), 0);
	close(reader);
	run(20);
	reader = open(name, O_RDONLY | O_NONBLOCK);
	for (; console_put(&other, 'x'); put++) {
		if (put % 4096 == 0)
			run(2);
	}
	put++;
	while (got < put) {
		ssize_t n = read(reader, text, sizeof(text));

		if (n > 0)
			got += (size_t)n;
		else
			run(5);
	}
	assert_true(console_is_writable(&other));
	console_destroy(&other);
	close(reader);
	close(writer);
	unlink(name);
}

/* Nobody has it open: the guest goes on, and who comes late gets the newest output. */
static void test_pseudo_terminal_without_a_user(void **state)
{
	const struct console_interrupt nothing = { .fd = -1 };
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	struct timespec before, after;
	struct termios raw;
	struct console other;
	struct err err;
	char text[8192], last = 0;
	int slave;

	(void)state;
	assert_int_equal(grantpt(master) || unlockpt(master) || tcgetattr(master, &raw),
			 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(master, TCSANOW, &raw), 0);
	close(open(ptsname(master), O_RDWR | O_NOCTTY));
	assert_int_equal(console_init(&other, &loop, master, master, CONSOLE_PTY, &ops,
				      NULL, &err),
			 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 300000; i++) {
			if (!console_put(&other, 'x'))
				run(5);
		}
		console_put(&other, 'y');
		run(20);
		assert_true(console_is_writable(&other));
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
		run(300);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
		assert_true((after.tv_sec - before.tv_sec) * 1000 +
				    (after.tv_nsec - before.tv_nsec) / 1000000 <
			    50);
		slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK);
		assert_int_equal(tcgetattr(slave, &raw), 0);
		assert_int_equal(raw.c_lflag & (ECHO | ICANON), 0);
		for (int i = 0; i < 100 && last != 'y'; i++) {
			ssize_t n;

			run(20);
			while ((n = read(slave, text, sizeof(text))) > 0)
				last = text[n - 1];
		}
		assert_int_equal(last, 'y');
		assert_int_equal(write(slave, "hi", 2), 2);
		want = nr_received + 2;
		run(1000);
		assert_memory_equal(received + nr_received - 2, "hi", 2);
		close(slave);
		last = 0;
	}
	/* Open, and never read: that does not hold up our end. */
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	while (console_put(&other, 'z'))
		;
	console_drain(&other, &nothing, -1);
	close(slave);
	console_destroy(&other);
	close(master);
}

/* The device takes nothing, and yet Ctrl-a works. */
static void test_escapes_work_while_input_waits(void **state)
{
	(void)state;
	room_left = 0;
	send("ab\001bc");
	run(20);
	assert_int_equal(breaks, 0);
	send("d\001x");
	run(1000);
	assert_int_equal(quits, 1);
	assert_int_equal(nr_received, 0);
	room_left = 16;
	console_want_input(&console);
	want = 4;
	run(1000);
	assert_int_equal(breaks, 1);
	assert_memory_equal(received, "abcd", 4);
}

static void test_file_as_input(void **state)
{
	FILE *file = tmpfile();
	struct console other;
	struct err err;

	(void)state;
	for (int i = 0; i < 1000; i++)
		fputc('0' + i % 10, file);
	fflush(file);
	rewind(file);
	assert_int_equal(
		console_init(&other, &loop, fileno(file), -1, 0, &ops, NULL, &err), 0);
	/* receive() asks `console`; let the file's console hear it too. */
	want = 16;
	run(1000);
	assert_memory_equal(received, "0123456789012345", 16);
	console_destroy(&other);
	fclose(file);
}

/* -- a listener instead of descriptors -- */

static char heard[CONSOLE_OUTPUT_SIZE + 1];
static size_t nr_heard;
static const char *to_type;

static void hear(void *opaque, const uint8_t *data, size_t n)
{
	assert_ptr_equal(opaque, &console);
	assert_true(n <= sizeof(heard) - 1 - nr_heard);
	memcpy(heard + nr_heard, data, n);
	nr_heard += n;
	heard[nr_heard] = '\0';
	if (strchr(heard, '.'))
		loop_quit(&loop);
}

static size_t type(void *opaque, uint8_t *to, size_t size)
{
	size_t n = strlen(to_type);

	(void)opaque;
	if (n > size)
		n = size;
	memcpy(to, to_type, n);
	to_type += n;
	return n;
}

static const struct console_tap tap = { hear, type, &console };

static int setup_tap(void **state)
{
	struct err err;
	const int failed = setup(state);

	console_destroy(&console);
	nr_heard = 0;
	to_type = "";
	return failed || console_init(&console, &loop, -1, -1, 0, &ops, NULL, &err);
}

static void test_tap_hears(void **state)
{
	(void)state;
	console_set_tap(&console, &tap);
	for (const char *c = "hello."; *c; c++)
		assert_true(console_put(&console, (uint8_t)*c));
	assert_int_equal(nr_heard, 0); /* vCPUs do not run it */
	run(1000);
	assert_string_equal(heard, "hello.");
}

static void test_tap_hears_all_at_the_end(void **state)
{
	const struct console_interrupt never = { .fd = -1 };

	(void)state;
	console_set_tap(&console, &tap);
	for (unsigned i = 0; i < CONSOLE_OUTPUT_SIZE; i++)
		console_put(&console, 'x');
	assert_false(console_is_writable(&console));
	assert_true(console_drain(&console, &never, 0));
	assert_int_equal(nr_heard, CONSOLE_OUTPUT_SIZE);
	assert_int_equal(writables, 1);
}

/* As much as the device has room for; and more when the tap has more. */
static void test_tap_types(void **state)
{
	(void)state;
	want = 20;
	to_type = "01234567890123456789";
	console_set_tap(&console, &tap);
	run(1000);
	assert_int_equal(nr_received, 20);
	to_type = "abc";
	want = 23;
	console_tap_ready(&console);
	run(1000);
	assert_memory_equal(received, "01234567890123456789abc", 23);
}

/* With nobody to listen, what is printed before goes nowhere. */
static void test_no_descriptors(void **state)
{
	(void)state;
	assert_true(console_put(&console, 'x'));
	console_set_tap(&console, &tap);
	assert_true(console_put(&console, '.'));
	run(1000);
	assert_string_equal(heard, ".");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tap_hears, setup_tap, teardown),
		cmocka_unit_test_setup_teardown(test_tap_hears_all_at_the_end, setup_tap,
						teardown),
		cmocka_unit_test_setup_teardown(test_tap_types, setup_tap, teardown),
		cmocka_unit_test_setup_teardown(test_no_descriptors, setup_tap, teardown),
		cmocka_unit_test_setup_teardown(test_output, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_reader_loses_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_write_takes_what_fits, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_endless_output_leaves_turns, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_reader_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_input_waits_for_room, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_no_room_no_input, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_of_input, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipe_has_no_escapes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_escapes, setup_terminal, teardown),
		cmocka_unit_test_setup_teardown(test_tty, setup_tty, teardown),
		cmocka_unit_test_setup_teardown(test_tty_slowly, setup_tty, teardown),
		cmocka_unit_test_setup_teardown(test_terminal_in_lines, setup_tty,
						teardown),
		cmocka_unit_test_setup_teardown(test_end_is_told, setup_tty, teardown),
		cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_as_input, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overrun_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo_gets_a_new_reader, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_pseudo_terminal_without_a_user,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_escapes_work_while_input_waits,
						setup_terminal, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
