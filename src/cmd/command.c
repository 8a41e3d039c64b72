/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tane run -- command.
 *
 * This process stands where the command would have stood: its descriptors are the
 * command's (command_setup.c, virtio/console_stream.c), signals are passed on, and the
 * exit status is the command's. Nothing else is printed unless something goes wrong.
 *
 *	before "started"	a signal ends us, the terminal is as it was
 *	then			SIGINT, SIGTERM, SIGHUP,	to the command; SIGINT and
 *				SIGQUIT, SIGUSR1, SIGUSR2	SIGTERM thrice end the VM
 *				SIGTSTP			stop as a job does
 *				SIGCONT			go on, and the command too
 *				SIGWINCH		the size goes to its terminal
 *				the terminal is raw if stdin and stdout are one: Ctrl-C
 *				and Ctrl-Z are keys for the terminal in the guest
 *	"stopped"		we stop too, so that the shell has its prompt
 *	"exit N"		the VM ends, all output is written out, our status is N
 *
 * A guest that ends in another way has died: then its kernel's last words are printed,
 * and the status is 125, as for all else that is not the command's doing.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "arch/arch.h"
#include "boot/initramfs.h"
#include "cmd/cmd.h"
#include "cmd/command.h"
#include "cmd/command_setup.h"
#include "cmd/process.h"
#include "cmd/screen_dump.h"
#include "cmd/signals.h"
#include "cmd/terminal.h"
#include "vmm/command.h"
#include "vmm/lifecycle.h"
#include "vmm/stats.h"

/* After a forced end, a reader that takes nothing for this long is given up. */
#define DRAIN_TIMEOUT_MS 1000

/* SIGINT or SIGTERM so often, with no longer between them, end the VM. */
#define WISHES       3
#define IMPATIENT_NS 3000000000

/* How often we look whether the terminal is ours by now. */
#define TERMINAL_DELAY_NS 500000000

struct session {
	const struct vm_config *config;
	struct command_setup setup;
	struct loop loop;
	struct vm *vm;
	struct loop_source signals;
	struct loop_timer terminal; /* while the terminal is another job's */
	struct loop_timer deadline; /* of --die-with-parent */
	struct loop_event stopped;  /* the guest says so: once in a turn of the loop */
	struct command command;
	struct process_wish wish; /* to end; and how often in a row: */
	unsigned wishes;
	bool over;    /* the guest is: what it still says is heard, and moves nothing */
	bool is_told; /* to write no more output out, by a signal: */
	int told;
};

static void tell_size(struct session *session)
{
	const int fd = session->setup.tty;
	uint16_t cols, rows;

	if (fd >= 0 && terminal_size(fd, &cols, &rows))
		command_resize(&session->command, cols, rows);
}

/*
 * Raw, now or when it is ours; nobody reads keys before the command runs. With a stdout that
 * is no terminal somebody behind it may have ours, a pager for example: then it stays as
 * it is, see CONSOLE_SHARED.
 */
static void take_terminal(void *opaque)
{
	struct session *session = opaque;
	const enum caller_end *streams = session->setup.streams;

	if (session->over || !session->command.is_started)
		return;
	tell_size(session);
	if (streams[STDIN_FILENO] != CALLER_TTY || streams[STDOUT_FILENO] != CALLER_TTY)
		return;
	if (!terminal_make_raw(true) && terminal_is_anothers())
		loop_timer_arm(&session->terminal, loop_now() + TERMINAL_DELAY_NS);
}

static void stop(void)
{
	terminal_restore();
	signals_stop();
}

static void go_on(struct session *session)
{
	take_terminal(session);
	if (session->command.is_started)
		command_signal(&session->command, SIGCONT);
}

/* -- the guest says -- */

static void on_started(void *opaque)
{
	take_terminal(opaque);
}

static void on_stopped(void *opaque)
{
	const struct session *session = opaque;

	/* A guest that says so without end does not keep us from the user's signals. */
	loop_event_signal(&session->stopped);
}

static void stop_with_it(void *opaque)
{
	stop();
	go_on(opaque);
}

static void on_exited(void *opaque, uint8_t status)
{
	const struct session *session = opaque;

	vm_end(session->vm, VM_COMMAND, status, NULL);
}

static const struct command_ops command_ops = {
	.started = on_started,
	.stopped = on_stopped,
	.exited = on_exited,
};

/* -- the user says -- */

/* Is this one SIGINT or SIGTERM too many? */
static bool is_impatient(struct session *session, int number)
{
	const int64_t last_ns = session->wish.at_ns;

	if (number != SIGINT && number != SIGTERM)
		return false;
	if (process_wish_repeats(&session->wish, number))
		return false;
	if (session->wish.at_ns - last_ns > IMPATIENT_NS)
		session->wishes = 0;
	return ++session->wishes == WISHES;
}

static void on_deadline(void *opaque)
{
	const struct session *session = opaque;

	vm_end(session->vm, VM_KILLED, SIGTERM, NULL);
}

/* A signal that the command is to have. */
static void pass_on(struct session *session, int number)
{
	/* That is how the death of the parent is told, once. */
	if (number == SIGTERM && session->config->die_with_parent)
		loop_timer_arm(&session->deadline,
			       loop_now() + VM_SHUTDOWN_SECONDS * 1000000000ll);
	if (!session->command.is_started || is_impatient(session, number))
		vm_end(session->vm, VM_KILLED, (uint32_t)number, NULL);
	else
		command_signal(&session->command, number);
}

static void on_signal(void *opaque, uint32_t epoll_events)
{
	struct session *session = opaque;
	struct signalfd_siginfo info;

	(void)epoll_events;
	if (read(session->signals.fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGWINCH:
		tell_size(session);
		break;
	case SIGTSTP:
		stop_with_it(session);
		break;
	case SIGCONT:
		go_on(session);
		break;
	default:
		pass_on(session, (int)info.ssi_signo);
	}
}

/* While output is written out: a signal that ends us, and then all of that. */
static bool is_told_to_end(void *opaque)
{
	struct session *session = opaque;
	struct signalfd_siginfo info;

	if (read(session->signals.fd, &info, sizeof(info)) != sizeof(info))
		return false;
	switch (info.ssi_signo) {
	case SIGTSTP:
		stop();
		return false;
	case SIGCONT:
	case SIGWINCH:
	case SIGUSR1:
	case SIGUSR2:
		return false;
	default:
		session->told = (int)info.ssi_signo;
		session->is_told = true;
		return true;
	}
}

static int watch_signals(struct session *session, struct err *err)
{
	static const int more[] = { SIGTSTP, SIGCONT, SIGWINCH, SIGUSR1, SIGUSR2 };

	if (signals_leave_output_alone(err))
		return -1;
	return signals_watch(&session->signals, &session->loop, on_signal, session, more,
			     sizeof(more) / sizeof(more[0]), NULL, err);
}

/* -- the end -- */

static void drain(struct session *session, const struct vm_outcome *outcome, bool *lost)
{
	const struct console_interrupt interrupt = {
		.fd = session->signals.fd,
		.interrupted = is_told_to_end,
		.opaque = session,
		.failed = lost,
		.over = &session->is_told,
	};

	machine_drain_consoles(session->vm, &interrupt,
			       outcome->end == VM_KILLED ? DRAIN_TIMEOUT_MS : -1);
}

/* The guest is gone and has not said how the command ended. */
static void explain(const struct session *session, const struct vm_outcome *outcome)
{
	const struct command *command = &session->command;

	command_print_log(command, stderr);
	if (session->vm->dump)
		fputs(session->vm->dump, stderr);
	if (outcome->end == VM_POWEROFF || outcome->end == VM_RESET)
		machine_print_hints(session->vm, stderr);
	if (!command->is_started)
		command_setup_print_hint(&session->setup, stderr);
	if (command->error[0])
		fprintf(stderr, "tane: %s\n", command->error);
	else if (outcome->end == VM_DIED)
		fprintf(stderr, "tane: the guest died: %s\n", outcome->message);
	else
		fprintf(stderr,
			"tane: the guest %s and has not said how the command ended\n",
			outcome->end == VM_RESET ? "reset itself (its kernel panicked?)"
						 : "powered off");
}

static int exit_status(const struct session *session, const struct vm_outcome *outcome,
		       bool lost)
{
	if (session->is_told && lost)
		return EXIT_SIGNAL + session->told;
	/* It may have been said in the last moment, and heard while output was drained. */
	if (session->command.has_exited && outcome->end != VM_KILLED) {
		if (session->command.error[0])
			fprintf(stderr, "tane: %s\n", session->command.error);
		return session->command.status || !lost ? session->command.status
							: EXIT_NO_COMMAND;
	}
	switch (outcome->end) {
	case VM_KILLED:
		return EXIT_SIGNAL + (outcome->value ? (int)outcome->value : SIGKILL);
	case VM_DEBUG_EXIT:
		return (int)((outcome->value << 1 | 1) & 0xff);
	case VM_FAILED:
		fprintf(stderr, "tane: %s\n", outcome->message);
		return EXIT_NO_COMMAND;
	default:
		explain(session, outcome);
		return EXIT_GUEST_DIED;
	}
}

static int serve(struct session *session, struct err *err)
{
	const struct vm_config *config = session->config;
	struct vm_outcome outcome;
	bool lost = false;
	int failed, status;

	if (config->dump_dtb)
		return vm_dump_dtb(session->vm, config->dump_dtb, err) ? EXIT_NO_COMMAND
								       : 0;
	command_attach(&session->command, session->vm);
	failed = vm_run(session->vm, &outcome, err);
	/* Before the drain: nobody reads keys any more, so Ctrl-C must be a signal. */
	session->over = true;
	terminal_restore();
	if (failed)
		return EXIT_NO_COMMAND;
	drain(session, &outcome, &lost);
	status = exit_status(session, &outcome, lost);
	if (config->screen_dump && screen_dump(session->vm, config->screen_dump, err))
		status = status ? status : EXIT_NO_COMMAND;
	if (config->stats)
		stats_print(session->vm, stderr);
	return status;
}

static int run(struct session *session, int64_t started_ns, struct err *err)
{
	int status;

	if (process_set_up(session->config, err) || watch_signals(session, err) ||
	    loop_timer_init(&session->terminal, &session->loop, take_terminal, session,
			    err) ||
	    loop_timer_init(&session->deadline, &session->loop, on_deadline, session,
			    err) ||
	    loop_event_init(&session->stopped, &session->loop, stop_with_it, session,
			    err) ||
	    vcpu_install_kick_signal(err))
		return EXIT_NO_COMMAND;
	session->vm = vm_create(session->config, &session->loop, started_ns, err);
	if (!session->vm)
		return EXIT_NO_COMMAND;
	status = serve(session, err);
	vm_destroy(session->vm);
	return status;
}

/* What the guest's kernel would unpack, for other eyes or for another VMM. */
static int dump_initrd(const struct vm_config *config, struct err *err)
{
	const char *path = config->command.dump_initrd;
	struct cpio archive;
	FILE *file;
	bool failed;

	if (initramfs_build(config, &archive, err))
		return -1;
	file = fopen(path, "we");
	failed = !file || fwrite(archive.data, 1, archive.size, file) != archive.size;
	if (file && fclose(file))
		failed = true;
	cpio_free(&archive);
	return failed ? err_errno(err, "--dump-initrd \"%s\"", path) : 0;
}

static int set_up_and_run(struct session *session, struct vm_config *config,
			  int64_t started_ns, struct err *err)
{
	int status;

	if (command_set_up(&session->setup, config, err))
		return EXIT_NO_COMMAND;
	if (config->command.dump_initrd)
		return dump_initrd(config, err) ? EXIT_NO_COMMAND : 0;
	if (loop_init(&session->loop, err))
		return EXIT_NO_COMMAND;
	status = run(session, started_ns, err);
	loop_event_destroy(&session->stopped, &session->loop);
	loop_timer_destroy(&session->deadline, &session->loop);
	loop_timer_destroy(&session->terminal, &session->loop);
	loop_destroy(&session->loop);
	return status;
}

int run_command(struct vm_config *config, int64_t started_ns, struct err *err)
{
	struct session *session = calloc(1, sizeof(*session));
	int status;

	if (!session) {
		err_set(err, "no memory for a command");
		return EXIT_NO_COMMAND;
	}
	session->config = config;
	session->signals.fd = session->stopped.source.fd = -1;
	session->terminal.source.fd = session->deadline.source.fd = -1;
	command_init(&session->command, config->command.verbose, &command_ops, session);
	status = set_up_and_run(session, config, started_ns, err);
	command_setup_free(&session->setup);
	free(session);
	return status;
}
