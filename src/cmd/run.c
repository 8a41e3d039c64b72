/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tane run: run a virtual machine in the foreground.
 *
 * This is the only place where a VM meets the process around it: signals, the
 * terminal, the exit status. Signals are blocked in all threads and read from a
 * signalfd by the main loop:
 *
 *	SIGINT, SIGTERM,   power button, then a deadline; the second means now
 *	SIGHUP, SIGQUIT
 *	SIGTSTP            give the terminal back, and stop
 *	SIGCONT            we were stopped: take the terminal again
 *	SIGWINCH           tell the console of the guest
 *	SIGPIPE, SIGXFSZ   ignored: the console sees EPIPE and EFBIG itself
 *
 * The terminal is raw only while the guest runs and if it reads from it: else
 * Ctrl-C would reach nobody. While it belongs to another job we leave it alone, and
 * look twice a second whether it is ours: a shell's `fg` sends a job that runs nothing.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "arch/arch.h"
#include "cmd/cmd.h"
#include "cmd/command.h"
#include "cmd/display.h"
#include "cmd/options.h"
#include "cmd/process.h"
#include "cmd/signals.h"
#include "cmd/screen_dump.h"
#include "cmd/terminal.h"
#include "util/fd.h"
#include "vmm/lifecycle.h"
#include "vmm/stats.h"

/* After a forced end, a reader that takes nothing for this long is given up. */
#define DRAIN_TIMEOUT_MS 1000

/* A guest that was ended from outside had a fair chance to use its devices by then. */
#define HINTS_AFTER_NS 10000000000ll

/* How often we look whether the terminal is ours by now. */
#define TERMINAL_DELAY_NS 500000000

struct run {
	struct vm_config config;
	struct loop loop;
	struct vm *vm;
	struct loop_source signals;
	struct display display;
	struct loop_timer terminal; /* while the terminal is another job's */
	bool told_keys;
	struct process_wish wish; /* to end */
};

/* Does a console of this VM read our stdin? */
static bool reads_stdin(const struct vm_config *config)
{
	for (unsigned i = 0; i < CONFIG_MAX_UARTS && !config->rom; i++) {
		if (config->serials[i].kind == SERIAL_CONSOLE)
			return true;
	}
	return config_console_is_virtio(config);
}

/* Make the terminal raw if a console reads it: now, or when it is ours. */
static void take_terminal(void *opaque)
{
	struct run *run = opaque;

	const bool shows = run->config.display != DISPLAY_NONE;

	if (!shows && !reads_stdin(&run->config))
		return;
	if (terminal_make_raw(false)) {
		if (shows) {
			display_show(&run->display);
			return;
		}
		if (!run->told_keys)
			fputs("tane: Ctrl-a x ends, Ctrl-a h helps\n", stderr);
		run->told_keys = true;
	} else if (terminal_is_anothers()) {
		loop_timer_arm(&run->terminal, loop_now() + TERMINAL_DELAY_NS);
	}
}

/* Undo what firmware has said to the terminal that its serial port is at. */
static void wrap_lines(const struct run *run)
{
	if (run->config.firmware && reads_stdin(&run->config))
		terminal_wrap_lines();
}

static void stop(struct run *run)
{
	display_hide(&run->display);
	terminal_restore();
	wrap_lines(run);
	signals_stop();
}

/* A console that knows sizes is told that of our terminal. */
static void tell_size(const struct run *run)
{
	uint16_t cols, rows;

	if (config_console_is_virtio(&run->config) &&
	    terminal_size(STDOUT_FILENO, &cols, &rows))
		machine_resize_console(run->vm, cols, rows);
}

/* The next signal that means us to end; 0: there was none. */
static int next_signal(struct run *run)
{
	struct signalfd_siginfo info;

	if (read(run->signals.fd, &info, sizeof(info)) != sizeof(info) ||
	    info.ssi_signo == SIGCONT)
		return 0;
	if (info.ssi_signo == SIGWINCH) {
		tell_size(run);
		return 0;
	}
	if (info.ssi_signo != SIGTSTP)
		return (int)info.ssi_signo;
	stop(run);
	return 0;
}

static void on_signal(void *opaque, uint32_t epoll_events)
{
	struct run *run = opaque;
	int number = next_signal(run);

	(void)epoll_events;
	if (number && !process_wish_repeats(&run->wish, number))
		vm_shut_down(run->vm, number);
	else if (!number)
		take_terminal(run); /* after a stop; else it is raw already */
}

static bool is_told_to_end(void *opaque)
{
	return next_signal(opaque) != 0;
}

static int watch_signals(struct run *run, struct err *err)
{
	static const int more[] = { SIGTSTP, SIGCONT, SIGWINCH };

	if (signals_leave_output_alone(err))
		return -1;
	return signals_watch(&run->signals, &run->loop, on_signal, run, more,
			     sizeof(more) / sizeof(more[0]), NULL, err);
}

static int exit_status(const struct vm_outcome *outcome, bool lost_output)
{
	switch (outcome->end) {
	case VM_DEBUG_EXIT:
		return (int)((outcome->value << 1 | 1) & 0xff);
	case VM_DIED:
		return EXIT_GUEST_DIED;
	case VM_FAILED:
		return EXIT_OURS;
	case VM_KILLED:
		if (outcome->value)
			return EXIT_SIGNAL + (int)outcome->value;
		break;
	default:
		break;
	}
	/* All went well, but whoever wanted the output has not got it. */
	return lost_output ? EXIT_OURS : 0;
}

/* The guest's last words go out whole, unless somebody insists that we end. */
static void drain(struct run *run, const struct vm_outcome *outcome, bool *lost)
{
	const bool forced = outcome->end == VM_KILLED;
	const struct console_interrupt interrupt = {
		.fd = run->signals.fd,
		.interrupted = is_told_to_end,
		.opaque = run,
		.failed = lost,
	};

	machine_drain_consoles(run->vm, &interrupt, forced ? DRAIN_TIMEOUT_MS : -1);
}

/*
 * Had the guest the time to look for its devices? Not if it crashed, or was ended before
 * it could.
 */
static bool deserves_hints(const struct run *run, const struct vm_outcome *outcome)
{
	const int64_t began = run->vm->stats.first_run_ns;

	if (outcome->end == VM_DIED || outcome->end == VM_FAILED)
		return false;
	return began &&
	       (outcome->end != VM_KILLED || loop_now() - began > HINTS_AFTER_NS);
}

static int serve(struct run *run, struct err *err)
{
	struct vm_outcome outcome;
	bool lost = false;
	int failed;

	if (run->config.dump_dtb)
		return vm_dump_dtb(run->vm, run->config.dump_dtb, err) ? EXIT_OURS : 0;
	if (run->config.display != DISPLAY_NONE &&
	    display_init(&run->display, run->vm, err))
		return EXIT_OURS;
	take_terminal(run);
	tell_size(run);
	failed = vm_run(run->vm, &outcome, err);
	display_hide(&run->display);
	/* Before the drain: nobody reads keys any more, so Ctrl-C must be a signal. */
	terminal_restore();
	if (failed)
		return EXIT_OURS;
	drain(run, &outcome, &lost);
	wrap_lines(run);
	if (run->vm->dump)
		fputs(run->vm->dump, stderr);
	if (outcome.end == VM_DIED)
		fprintf(stderr, "tane: the guest died: %s\n", outcome.message);
	if (outcome.end == VM_FAILED)
		fprintf(stderr, "tane: %s\n", outcome.message);
	if (deserves_hints(run, &outcome))
		machine_print_hints(run->vm, stderr);
	if (run->config.screen_dump && screen_dump(run->vm, run->config.screen_dump, err))
		lost = true;
	if (run->config.stats) {
		/* The guest's last line may have no end. */
		if (fd_is_same_file(STDOUT_FILENO, STDERR_FILENO))
			fputc('\n', stderr);
		stats_print(run->vm, stderr);
	}
	return exit_status(&outcome, lost);
}

static int run_vm(struct run *run, int64_t started_ns, struct err *err)
{
	int status = EXIT_OURS;

	if (loop_init(&run->loop, err))
		return EXIT_OURS;
	if ((run->config.display == DISPLAY_NONE || !display_check(err)) &&
	    !process_set_up(&run->config, err) && !watch_signals(run, err) &&
	    !loop_timer_init(&run->terminal, &run->loop, take_terminal, run, err) &&
	    !vcpu_install_kick_signal(err)) {
		run->vm = vm_create(&run->config, &run->loop, started_ns, err);
		if (run->vm) {
			status = serve(run, err);
			display_destroy(&run->display);
			vm_destroy(run->vm);
		}
	}
	loop_timer_destroy(&run->terminal, &run->loop);
	loop_destroy(&run->loop);
	return status;
}

int cmd_run(int argc, char **argv)
{
	const int64_t started_ns = process_start();
	struct run run = { .signals.fd = -1, .terminal.source.fd = -1 };
	struct err err = { "" };
	int status;

	switch (options_parse(argc, argv, &run.config, &err)) {
	case OPTIONS_HELP:
		options_print_help(stdout);
		return 0;
	case OPTIONS_ERROR:
		fprintf(stderr, "tane: %s\ntane: \"tane run --help\" lists the options\n",
			err.text);
		return EXIT_USAGE;
	case OPTIONS_RUN:
		break;
	}
	status = run.config.command.enabled ? run_command(&run.config, started_ns, &err)
					    : run_vm(&run, started_ns, &err);
	if (err.text[0])
		fprintf(stderr, "tane: %s\n", err.text);
	return status;
}
