/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The init of `tane run -- command`: the order of things.
 *
 * The drivers come first, as the virtio console and the host introduce ports to each other
 * while the file systems are mounted. What fails before the control port is there waits for
 * it, and is in the kernel's log in any case.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

#define FINISH_MS 5000

/* Nothing else shall get these numbers: the command's streams go there. */
static void open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/*
 * The host ends the VM now, or hangs up. We do not end it under its hands: kernels since
 * 6.15 reset the devices first, with all that is in their queues.
 */
void finish(struct init *init, int status)
{
	struct pollfd poll_fd = { .fd = init->control };

	say(init, INIT_SAY_EXIT " %d", status);
	poll(&poll_fd, 1, FINISH_MS);
	power_off();
}

/*
 * For the kernel a process group is an orphan, which SIGTSTP does not stop, if its only parent
 * is PID 1. So a child of ours leads the session: it does all the rest, orphans come to it, and
 * we wait for its end, which is a power off unless somebody in the guest kills it.
 */
static void leave_to_child(struct init *init)
{
	const pid_t child = fork();

	if (child < 0)
		fail(init, "no process for the session: %m");
	if (child == 0) {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		return;
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	power_off();
}

int main(void)
{
	static struct init init; /* its pumps are large */
	sigset_t all;
	int status;

	init.log = init.control = init.tty = init.slave = -1;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	mount_early(&init);
	open_standard();
	config_read(&init);
	modules_load(&init);
	mount_root(&init);
	network_start(&init);
	if (!control_open(&init))
		fail(&init,
		     "there is no virtio console with a port \"" INIT_PORT_CONTROL
		     "\": the kernel needs CONFIG_VIRTIO_CONSOLE (module virtio_console)");
	leave_to_child(&init);
	command_start(&init);
	status = relay(&init);
	sync();
	finish(&init, status);
}
