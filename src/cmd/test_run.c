/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One test: a VM in this process, and the judge at its ends.
 *
 *	guest -> console -> tap -> judge_feed()		what it prints
 *	guest's RAM -> poll of the screen -> judge_show()
 *	judge -> type() -> queue -> tap -> console	what is typed at it
 *
 * The consoles lead to the judge instead of descriptors (console_set_tap()), and all of it
 * runs on the main loop. When the verdict is known the VM is ended by force: nobody is
 * interested in what it would do next.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "arch/arch.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/screen_dump.h"
#include "cmd/signals.h"
#include "cmd/test.h"
#include "vmm/lifecycle.h"
#include "vmm/stats.h"

#define QUIET_NS  100000000 /* a line that stands for so long is a prompt */
#define SCREEN_NS 20000000  /* how often the screen is looked at */

struct run;

/* A port of the guest: the judge's ear, and what is to be typed there. */
struct ear {
	struct run *run;
	enum judge_place place;
	struct console *console; /* NULL: there is no such port */
	struct console_tap tap;
	const struct keys *queue[JUDGE_MAX_WATCHES];
	unsigned head, tail;
	size_t typed; /* of queue[head] */
};

struct run {
	struct test *test;
	struct judge *judge;
	struct loop loop;
	struct vm *vm;
	struct loop_source signals;
	struct loop_timer deadline, quiet, poll;
	struct ear ears[JUDGE_NR_PORTS];
	int64_t heard_ns[JUDGE_NR_PLACES]; /* when something came last; 0: it is quiet */
	int64_t started_ns, ends_ns;
	int signal; /* that ended us; 0: none */
	struct text_screen screens[2];
	unsigned shown; /* which of them was shown last */
	char text[TEXT_SCREEN_TEXT_SIZE];
};

static void end_if_decided(struct run *run)
{
	if (run->judge->verdict)
		vm_end(run->vm, VM_KILLED, 0, NULL);
}

/* Something came: look again when it will have been quiet for a while. */
static void heard(struct run *run, enum judge_place place)
{
	run->heard_ns[place] = loop_now();
	loop_timer_arm(&run->quiet, run->heard_ns[place] + QUIET_NS);
	end_if_decided(run);
}

static void on_quiet(void *opaque)
{
	struct run *run = opaque;
	int64_t next = LOOP_NEVER;

	for (enum judge_place place = 0; place < JUDGE_NR_PLACES; place++) {
		const int64_t due = run->heard_ns[place] + QUIET_NS;

		if (!run->heard_ns[place])
			continue;
		if (due <= loop_now()) {
			run->heard_ns[place] = 0;
			judge_quiet(run->judge, place);
		} else if (due < next) {
			next = due;
		}
	}
	loop_timer_arm(&run->quiet, next);
	end_if_decided(run);
}

static void on_deadline(void *opaque);

/* -- ports -- */

static void on_output(void *opaque, const uint8_t *data, size_t n)
{
	struct ear *ear = opaque;

	if (ear->run->test->verbose) {
		fwrite(data, 1, n, stdout);
		fflush(stdout);
	}
	/* A costly pattern and a guest that prints on and on keep the loop from its timers. */
	if (!ear->run->judge->verdict && loop_now() > ear->run->ends_ns)
		on_deadline(ear->run);
	judge_feed(ear->run->judge, ear->place, data, n);
	heard(ear->run, ear->place);
}

static size_t on_input(void *opaque, uint8_t *to, size_t size)
{
	struct ear *ear = opaque;
	size_t n = 0;

	while (n < size && ear->head < ear->tail) {
		const struct keys *keys = ear->queue[ear->head];

		if (ear->typed == keys->nr_serial) {
			ear->head++;
			ear->typed = 0;
			continue;
		}
		to[n++] = keys->serial[ear->typed++];
	}
	return n;
}

static void open_ears(struct run *run)
{
	_Static_assert((int)JUDGE_DEBUG == (int)MACHINE_DEBUG &&
			       (int)JUDGE_NR_PORTS == (int)MACHINE_NR_PORTS,
		       "places of the judge are ports of the machine");

	for (enum judge_place place = 0; place < JUDGE_NR_PORTS; place++) {
		struct ear *ear = &run->ears[place];

		ear->run = run;
		ear->place = place;
		ear->tap = (struct console_tap){ on_output, on_input, ear };
		ear->console = machine_console(run->vm, (enum machine_port)place);
		if (ear->console)
			console_set_tap(ear->console, &ear->tap);
	}
}

/* -- what is typed -- */

static int type_serial(struct ear *ear, const struct keys *keys, struct err *err)
{
	if (!ear->console || ear->place == JUDGE_DEBUG)
		return err_set(err, "there is no %s to send to",
			       ear->console ? "serial port"
					    : judge_place_name(ear->place));
	if (keys->no_serial[0])
		return err_set(err, "a serial line has no key %s (@keys is the keyboard)",
			       keys->no_serial);
	ear->queue[ear->tail++] = keys;
	console_tap_ready(ear->console);
	return 0;
}

/* The first port that can be typed at. */
static struct ear *first_serial(struct run *run)
{
	enum judge_place place = 0;

	while (place < JUDGE_DEBUG && !run->ears[place].console)
		place++;
	return &run->ears[place];
}

static int type(void *opaque, const struct keys *keys, enum judge_input input,
		enum judge_place place, struct err *err)
{
	struct run *run = opaque;
	struct text_screen *screen = &run->screens[!run->shown];
	bool on_keyboard = input == JUDGE_TO_KEYBOARD;

	if (input == JUDGE_TO_MATCH && (place == JUDGE_SCREEN || place == JUDGE_DEBUG))
		on_keyboard = machine_screen(run->vm, screen);
	if (on_keyboard)
		return machine_send_keys(run->vm, keys->typed, err);
	if (input >= JUDGE_TO_COM1 && input <= JUDGE_TO_HVC0)
		place = (enum judge_place)(input - JUDGE_TO_COM1);
	if (place >= JUDGE_DEBUG)
		return type_serial(first_serial(run), keys, err);
	return type_serial(&run->ears[place], keys, err);
}

static int64_t now(void *opaque)
{
	const struct run *run = opaque;

	return loop_now() - run->started_ns;
}

static const struct judge_ops ops = { .type = type, .now = now };

/* -- the screen -- */

static bool is_same_screen(const struct text_screen *a, const struct text_screen *b)
{
	return a->cols == b->cols && a->rows == b->rows &&
	       memcmp(a->cells, b->cells, a->cols * a->rows * sizeof(a->cells[0])) == 0;
}

static void look_at_screen(struct run *run)
{
	struct text_screen *screen = &run->screens[!run->shown];

	if (!machine_screen(run->vm, screen) ||
	    is_same_screen(screen, &run->screens[run->shown]))
		return;
	run->shown = !run->shown;
	judge_show(run->judge, run->text, text_screen_text(screen, run->text));
	heard(run, JUDGE_SCREEN);
}

static void on_poll(void *opaque)
{
	struct run *run = opaque;

	look_at_screen(run);
	loop_timer_arm(&run->poll, loop_now() + SCREEN_NS);
}

/* -- the end -- */

static void on_deadline(void *opaque)
{
	struct run *run = opaque;

	look_at_screen(run);
	judge_time_out(run->judge, run->test->timeout);
	end_if_decided(run);
}

static void on_signal(void *opaque, uint32_t epoll_events)
{
	struct run *run = opaque;
	struct signalfd_siginfo info;

	(void)epoll_events;
	if (read(run->signals.fd, &info, sizeof(info)) != sizeof(info))
		return;
	run->signal = (int)info.ssi_signo;
	vm_end(run->vm, VM_KILLED, info.ssi_signo, NULL);
}

static void judge_outcome(struct run *run, const struct vm_outcome *outcome)
{
	char how[sizeof(outcome->message) + 32];

	switch (outcome->end) {
	case VM_POWEROFF:
		judge_end(run->judge, JUDGE_END_POWEROFF, 0, "powered off");
		break;
	case VM_RESET:
		judge_end(run->judge, JUDGE_END_RESET, 0, "was reset");
		break;
	case VM_DEBUG_EXIT:
		snprintf(how, sizeof(how), "exited with %" PRIu32, outcome->value);
		judge_end(run->judge, JUDGE_END_EXIT, outcome->value, how);
		break;
	case VM_DIED:
		snprintf(how, sizeof(how), "crashed (%s)", outcome->message);
		judge_end(run->judge, JUDGE_END_CRASH, 0, how);
		break;
	default:
		break;
	}
}

static bool is_never(void *opaque)
{
	(void)opaque;
	return false;
}

/* 0 when there is a verdict, or a signal. */
static int serve(struct run *run, struct err *err)
{
	const struct console_interrupt never = { .fd = -1, .interrupted = is_never };
	struct vm_outcome outcome;

	open_ears(run);
	judge_start(run->judge, &ops, run);
	end_if_decided(run);
	if (machine_screen(run->vm, &run->screens[1]))
		loop_timer_arm(&run->poll, loop_now() + SCREEN_NS);
	memset(&run->screens[run->shown], 0, sizeof(run->screens[0]));
	run->ends_ns = loop_now() + run->test->timeout_ns;
	loop_timer_arm(&run->deadline, run->ends_ns);
	if (vm_run(run->vm, &outcome, err))
		return -1;
	machine_drain_consoles(run->vm, &never, 0);
	look_at_screen(run);
	if (outcome.end == VM_FAILED)
		return err_set(err, "%s", outcome.message);
	judge_outcome(run, &outcome);
	if (run->test->config.screen_dump)
		return screen_dump(run->vm, run->test->config.screen_dump, err);
	return 0;
}

static int init(struct run *run, struct err *err)
{
	if (signals_leave_output_alone(err) ||
	    signals_watch(&run->signals, &run->loop, on_signal, run, NULL, 0, NULL,
			  err) ||
	    loop_timer_init(&run->deadline, &run->loop, on_deadline, run, err) ||
	    loop_timer_init(&run->quiet, &run->loop, on_quiet, run, err) ||
	    loop_timer_init(&run->poll, &run->loop, on_poll, run, err) ||
	    vcpu_install_kick_signal(err))
		return -1;
	run->vm = vm_create(&run->test->config, &run->loop, run->started_ns, err);
	return run->vm ? 0 : -1;
}

static void print_failure(const struct run *run)
{
	judge_report(run->judge, stderr);
	if (run->vm->dump)
		fprintf(stderr, "--- registers\n%s", run->vm->dump);
	fprintf(stderr, "to repeat: %s\n", run->test->repeat);
}

/* Tell, on stderr, and in *result for those who make lists. */
static void report(const struct run *run, struct test_result *result)
{
	const double seconds = (double)result->ns / 1e9;

	if (run->signal) {
		result->status = EXIT_SIGNAL + run->signal;
		snprintf(result->why, sizeof(result->why), "ended by signal %d",
			 run->signal);
		fprintf(stderr, "tane: %s\n", result->why);
		return;
	}
	if (run->judge->verdict == JUDGE_PASSED) {
		result->status = EXIT_PASSED;
		fprintf(stderr, "tane: passed in %.3f s\n", seconds);
		return;
	}
	result->status =
		run->judge->verdict == JUDGE_TIMED_OUT ? EXIT_TIMED_OUT : EXIT_FAILED;
	snprintf(result->why, sizeof(result->why), "%.*s", TEST_MAX_WHY - 1,
		 run->judge->why);
	fprintf(stderr, "tane: failed after %.3f s: %s\n", seconds, result->why);
	print_failure(run);
}

static void not_run(const struct err *err, struct test_result *result)
{
	result->status = EXIT_NOT_RUN;
	snprintf(result->why, sizeof(result->why), "%s", err->text);
	fprintf(stderr, "tane: %s\n", err->text);
}

void test_run(struct test *test, struct test_result *result)
{
	struct run *run = calloc(1, sizeof(*run));
	struct err err = { "no memory" };
	int r = -1;

	if (!run || loop_init(&run->loop, &err)) {
		not_run(&err, result);
		free(run);
		return;
	}
	run->test = test;
	run->judge = test->judge;
	run->started_ns = loop_now();
	run->signals.fd = -1;
	run->deadline.source.fd = run->quiet.source.fd = run->poll.source.fd = -1;
	if (!init(run, &err))
		r = serve(run, &err);
	result->ns = loop_now() - run->started_ns;
	if (r)
		not_run(&err, result);
	else
		report(run, result);
	if (run->vm)
		vm_destroy(run->vm);
	loop_timer_destroy(&run->poll, &run->loop);
	loop_timer_destroy(&run->quiet, &run->loop);
	loop_timer_destroy(&run->deadline, &run->loop);
	loop_destroy(&run->loop);
	if (run->signals.fd >= 0)
		close(run->signals.fd);
	free(run);
}
