/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a VM: made from a configuration, booted, rebooted, ended. All on
 * the main thread.
 */
#ifndef TANE_VMM_LIFECYCLE_H
#define TANE_VMM_LIFECYCLE_H

#include <stdint.h>

#include "core/vm.h"

/*
 * Make a VM: KVM, memory, chips, vCPUs; nothing is loaded yet. `config` has been
 * validated; it and `loop` must outlive the VM. `started_ns` is the time (loop_now())
 * from which milestones count. NULL on error.
 */
struct vm *vm_create(const struct vm_config *config, struct loop *loop,
		     int64_t started_ns, struct err *err);

/* Also after an error of vm_run(). */
void vm_destroy(struct vm *vm);

/*
 * Boot, and serve until the guest's life is over; a reset boots again unless the
 * configuration forbids it. *outcome tells how it ended. -1: an error of ours.
 */
int vm_run(struct vm *vm, struct vm_outcome *outcome, struct err *err);

/*
 * Do all that comes before the guest's first instruction, then write its device tree to
 * `path`. An error where the machine has none.
 */
int vm_dump_dtb(struct vm *vm, const char *path, struct err *err);

/*
 * The user wants it to end: press the power button and set a deadline, after
 * which the VM is killed. The second call, and a machine without a power
 * button, means now. `signal` becomes the value of VM_KILLED.
 */
void vm_shut_down(struct vm *vm, int signal);
#define VM_SHUTDOWN_SECONDS 10

#endif
