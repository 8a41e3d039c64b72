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

/* `type` is the argument of KVM_CREATE_VM, 0 unless the architecture says otherwise. */
int kvm_vm_create(const struct kvm *kvm, unsigned long type, struct kvm_vm *vm,
		  struct err *err);
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

/* Switch `capability` of the VM on. */
int kvm_vm_enable_capability(const struct kvm_vm *vm, uint32_t capability,
			     struct err *err);

/*
 * A device that KVM emulates, such as an interrupt controller: KVM_DEV_TYPE_... Its
 * state is attributes in groups. `what` names an attribute for the message.
 */
struct kvm_device {
	int fd; /* owned; -1: none */
};
bool kvm_vm_has_device(const struct kvm_vm *vm, uint32_t type);
int kvm_vm_create_device(const struct kvm_vm *vm, uint32_t type, const char *name,
			 struct kvm_device *device, struct err *err);
void kvm_device_close(struct kvm_device *device);
bool kvm_device_has(const struct kvm_device *device, uint32_t group, uint64_t attr);
int kvm_device_set(const struct kvm_device *device, uint32_t group, uint64_t attr,
		   const void *value, const char *what, struct err *err);
int kvm_device_get(const struct kvm_device *device, uint32_t group, uint64_t attr,
		   void *value, const char *what, struct err *err);

/* Create vCPU `id` and map its shared area. Close with kvm_vcpu_close(). */
int kvm_vcpu_create(const struct kvm *kvm, const struct kvm_vm *vm, unsigned id,
		    struct kvm_vcpu *vcpu, struct err *err);
void kvm_vcpu_close(struct kvm_vcpu *vcpu);

/*
 * A register of the vCPU by its id (KVM_REG_...), of the size that the id says. KVM has
 * these calls on all architectures but x86.
 */
static inline unsigned kvm_reg_size(uint64_t id) /* bytes */
{
	return 1u << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}
int kvm_vcpu_get_reg(const struct kvm_vcpu *vcpu, uint64_t id, void *value,
		     struct err *err);
int kvm_vcpu_set_reg(const struct kvm_vcpu *vcpu, uint64_t id, const void *value,
		     struct err *err);

/* The ids of all registers that the vCPU has; malloc'd, the caller frees. NULL on error. */
struct kvm_reg_list *kvm_vcpu_reg_list(const struct kvm_vcpu *vcpu, struct err *err);

int kvm_vcpu_get_mp_state(const struct kvm_vcpu *vcpu, struct kvm_mp_state *state,
			  struct err *err);
int kvm_vcpu_set_mp_state(const struct kvm_vcpu *vcpu, const struct kvm_mp_state *state,
			  struct err *err);

/* Run the guest until it exits. 0, or -errno: -EINTR and -EAGAIN are no errors. */
int kvm_vcpu_run(const struct kvm_vcpu *vcpu);

/* The name of KVM_EXIT_... number `reason`, in lower case ("io", "hlt"); never NULL. */
const char *kvm_exit_name(uint32_t reason);
#define KVM_EXIT_REASONS 48 /* reasons are below; larger ones are counted as the last */

#endif
