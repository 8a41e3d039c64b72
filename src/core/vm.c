/* SPDX-License-Identifier: BSD-2-Clause */
/* What any thread may tell the VM: that it ends, and milestones. See vm.h. */
#include <stdarg.h>
#include <stdio.h>

#include "core/vm.h"

bool vm_end(struct vm *vm, enum vm_end end, uint32_t value, const char *fmt, ...)
{
	va_list ap;
	bool first;

	pthread_mutex_lock(&vm->end_lock);
	first = vm->outcome.end == VM_RUNNING ||
		(vm->outcome.end == VM_RESET && end == VM_KILLED);
	if (first) {
		vm->outcome.value = value;
		vm->outcome.message[0] = '\0';
		if (fmt) {
			va_start(ap, fmt);
			vsnprintf(vm->outcome.message, sizeof(vm->outcome.message), fmt,
				  ap);
			va_end(ap);
		}
		__atomic_store_n(&vm->outcome.end, end, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&vm->end_lock);
	if (first)
		vcpus_close_gate(vm);
	/* The user insists: a debugger may hold a guest that has died. */
	if (first || end == VM_KILLED)
		loop_event_signal(&vm->ended);
	return first;
}

bool vm_has_ended(const struct vm *vm)
{
	return __atomic_load_n(&vm->outcome.end, __ATOMIC_ACQUIRE) != VM_RUNNING;
}

void vm_forget_end(struct vm *vm)
{
	pthread_mutex_lock(&vm->end_lock);
	__atomic_store_n(&vm->outcome.end, VM_RUNNING, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&vm->end_lock);
}

void vm_mark_milestone(struct vm *vm, uint8_t number)
{
	struct vm_stats *stats = &vm->stats;

	pthread_mutex_lock(&vm->end_lock);
	if (stats->nr_milestones < VM_MAX_MILESTONES) {
		stats->milestones[stats->nr_milestones++] = (struct vm_milestone){
			.number = number,
			.at_ns = loop_now() - stats->started_ns,
		};
	}
	pthread_mutex_unlock(&vm->end_lock);
}
