/* SPDX-License-Identifier: BSD-2-Clause */
/* The process around a VM; see process.h. */
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "cmd/process.h"
#include "core/loop.h"

/* The same signal again within this time says nothing new. */
#define SAME_WISH_NS 200000000

int64_t process_start(void)
{
	struct timespec cpu;

	/* Until main() a process does nothing but compute: its CPU time is its age. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	return loop_now() - ((int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec);
}

int process_set_up(const struct vm_config *config, struct err *err)
{
	const pid_t parent = getppid();

	if (config->name)
		prctl(PR_SET_NAME, config->name);
	if (!config->die_with_parent)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGTERM))
		return err_errno(err, "--die-with-parent");
	/* It may have died before we asked to be told. */
	if (getppid() != parent)
		return err_set(err, "--die-with-parent: the parent is gone already");
	return 0;
}

bool process_wish_repeats(struct process_wish *wish, int number)
{
	const int64_t now = loop_now(), since = now - wish->at_ns;
	const bool same = number == wish->number && since < SAME_WISH_NS;

	if (!same) {
		wish->number = number;
		wish->at_ns = now;
	}
	return same;
}
