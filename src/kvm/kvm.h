/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every KVM ioctl of the program, each a typed function.
 *
 * Three handles mirror KVM's three kinds of file descriptor: the system, a VM
 * and a vCPU. They own their descriptors. What only x86 has is in kvm_x86.h.
 *
 * Functions return 0, or -1 with a message, unless they say otherwise. A vCPU's
 * functions may be called from that vCPU's thread only (KVM holds the vCPU's
 * mutex while it runs, and moving a vCPU between threads is slow); the others
 * from any thread. See Documentation/virt/kvm/api.rst of Linux.
 */
#ifndef TANE_KVM_KVM_H
#define TANE_KVM_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kvm.h>

#include "util/err.h"

struct kvm {
	int fd;
	size_t run_size;            /* of the area shared with a vCPU, in bytes */
	unsigned max_vcpus;         /* KVM creates no more */
	unsigned recommended_vcpus; /* KVM advises no more: the host's CPUs */
};

struct kvm_vm {
	int fd;
};

struct kvm_vcpu {
	int fd;
	struct kvm_run *run; /* shared with KVM, `run_size` bytes */
	size_t run_size;
};

/*
 * Open `path` (normally KVM_DEVICE), check the API version and every capability
 * that the program cannot do without. The message tells the user what to do.
 */
#define KVM_DEVICE "/dev/kvm"

/* KVM_SET_USER_MEMORY_REGION takes no more: 2^31 - 1 pages. */
#define KVM_MAX_SLOT_SIZE (((1ull << 31) - 1) << 12)
int kvm_open(struct kvm *kvm, const char *path, struct err *err);
void kvm_close(struct kvm *kvm);

/* The value of a capability of the system, 0 if KVM lacks it. */
int kvm_check_extension(const struct kvm *kvm, int capability);

int kvm_vm_create(const struct kvm *kvm, struct kvm_vm *vm, struct err *err);
void kvm_vm_close(struct kvm_vm *vm);

/* Give the guest a piece of our address space. `size` 0 takes the slot away. */
int kvm_vm_set_memory(const struct kvm_vm *vm, unsigned slot, uint64_t gpa, uint64_t size,
		      void *hva, uint32_t flags, struct err *err);

/* Drive pin `gsi` of the in-kernel interrupt controller. Cannot fail usefully. */
void kvm_vm_irq_line(const struct kvm_vm *vm, uint32_t gsi, bool level);

/*
 * The whole routing table: what each GSI leads to, pins and messages. `table` says
 * how many entries follow. Fails for what KVM takes for no message address.
 */
int kvm_vm_set_routes(const struct kvm_vm *vm, const struct kvm_irq_routing *table,
		      struct err *err);

/*
 * While attached, a signal of the eventfd `fd` raises edge `gsi`; if it was signalled
 * before, at once. Detaching waits until one that is under way has arrived.
 */
int kvm_vm_attach_irqfd(const struct kvm_vm *vm, uint32_t gsi, int fd, struct err *err);
void kvm_vm_detach_irqfd(const struct kvm_vm *vm, uint32_t gsi, int fd);

/*
 * While attached, a write of the guest signals event->fd and does not exit:
 * KVM_IOEVENTFD_FLAG_PIO for ports, _DATAMATCH for one value only, len 0 for any
 * size. The same struct detaches.
 */
int kvm_vm_attach_ioeventfd(const struct kvm_vm *vm, const struct kvm_ioeventfd *event,
			    struct err *err);
void kvm_vm_detach_ioeventfd(const struct kvm_vm *vm, const struct kvm_ioeventfd *event);

/* Create vCPU `id` and map its shared area. Close with kvm_vcpu_close(). */
int kvm_vcpu_create(const struct kvm *kvm, const struct kvm_vm *vm, unsigned id,
		    struct kvm_vcpu *vcpu, struct err *err);
void kvm_vcpu_close(struct kvm_vcpu *vcpu);

/* Run the guest until it exits. 0, or -errno: -EINTR and -EAGAIN are no errors. */
int kvm_vcpu_run(const struct kvm_vcpu *vcpu);

/* The name of KVM_EXIT_... number `reason`, in lower case ("io", "hlt"); never NULL. */
const char *kvm_exit_name(uint32_t reason);
#define KVM_EXIT_REASONS 48 /* reasons are below; larger ones are counted as the last */

#endif
