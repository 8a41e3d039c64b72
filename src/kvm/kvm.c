/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of KVM that all architectures share: opening it, VMs, memory slots,
 * vCPUs. See kvm.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kvm/kvm.h"
#include "kvm/kvm_private.h"

int kvm_ioctl(int fd, unsigned long request, uintptr_t arg)
{
	int r;

	do
		r = ioctl(fd, request, arg);
	while (r < 0 && errno == EINTR);
	return r;
}

/* What to do about a /dev/kvm that does not open. */
static int explain_open_failure(const char *path, struct err *err)
{
	struct stat st;
	const struct group *group;

	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return err_errno(
			err,
			"%s cannot be used (is virtualization enabled in the firmware, "
			"and the module kvm_intel or kvm_amd loaded? on a machine "
			"without it, tane-lab gives a real KVM in emulation)",
			path);
	if (errno != EACCES && errno != EPERM)
		return err_errno(err, "%s", path);
	group = stat(path, &st) == 0 ? getgrgid(st.st_gid) : NULL;
	if (group && (st.st_mode & S_IRGRP) && (st.st_mode & S_IWGRP))
		return err_set(
			err,
			"%s: no permission: join the group \"%s\" (sudo usermod -aG %s "
			"\"$USER\") and log in again",
			path, group->gr_name, group->gr_name);
	return err_set(err,
		       "%s: no permission: its owner is user %u; ask the administrator",
		       path, (unsigned)st.st_uid);
}

int kvm_check_extension(const struct kvm *kvm, int capability)
{
	int r = kvm_ioctl(kvm->fd, KVM_CHECK_EXTENSION, (uintptr_t)capability);

	return r < 0 ? 0 : r;
}

static int check_required(const struct kvm *kvm, struct err *err)
{
	static const struct kvm_requirement common[] = {
		{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
		{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
		  "KVM_CAP_DESTROY_MEMORY_REGION_WORKS" },
		{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
		{ KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE" },
		{ KVM_CAP_IRQFD, "KVM_CAP_IRQFD" },
		{ KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD" },
		{ KVM_CAP_IOEVENTFD_ANY_LENGTH, "KVM_CAP_IOEVENTFD_ANY_LENGTH" },
		{ 0, NULL },
	};
	const struct kvm_requirement *const lists[] = { common, kvm_arch_requirements };

	for (unsigned i = 0; i < 2; i++) {
		for (const struct kvm_requirement *r = lists[i]; r->name; r++) {
			if (kvm_check_extension(kvm, r->capability) <= 0)
				return err_set(
					err,
					"KVM of this kernel lacks %s, which tane needs: "
					"use a host kernel of 4.12 or newer",
					r->name);
		}
	}
	return 0;
}

static int check_system(struct kvm *kvm, const char *path, struct err *err)
{
	int version = kvm_ioctl(kvm->fd, KVM_GET_API_VERSION, 0);
	int size, soft, hard;

	if (version < 0)
		return err_errno(err, "%s is no KVM device: KVM_GET_API_VERSION", path);
	if (version != KVM_API_VERSION)
		return err_set(err, "%s speaks version %d of the KVM API, tane needs %d",
			       path, version, KVM_API_VERSION);
	if (check_required(kvm, err))
		return -1;

	size = kvm_ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		return err_set(
			err,
			"KVM_GET_VCPU_MMAP_SIZE gives %d bytes, expected at least %zu",
			size, sizeof(struct kvm_run));
	kvm->run_size = (size_t)size;

	soft = kvm_check_extension(kvm, KVM_CAP_NR_VCPUS);
	hard = kvm_check_extension(kvm, KVM_CAP_MAX_VCPUS);
	kvm->recommended_vcpus = soft > 0 ? (unsigned)soft : 4; /* api.rst 4.4 */
	kvm->max_vcpus = hard > 0 ? (unsigned)hard : kvm->recommended_vcpus;
	return 0;
}

int kvm_open(struct kvm *kvm, const char *path, struct err *err)
{
	*kvm = (struct kvm){ .fd = open(path, O_RDWR | O_CLOEXEC) };
	if (kvm->fd < 0)
		return explain_open_failure(path, err);
	if (check_system(kvm, path, err)) {
		kvm_close(kvm);
		return -1;
	}
	return 0;
}

void kvm_close(struct kvm *kvm)
{
	if (kvm->fd >= 0)
		close(kvm->fd);
	kvm->fd = -1;
}

int kvm_vm_create(const struct kvm *kvm, unsigned long type, struct kvm_vm *vm,
		  struct err *err)
{
	vm->fd = kvm_ioctl(kvm->fd, KVM_CREATE_VM, type);
	if (vm->fd < 0)
		return err_errno(err, "KVM_CREATE_VM");
	return 0;
}

void kvm_vm_close(struct kvm_vm *vm)
{
	if (vm->fd >= 0)
		close(vm->fd);
	vm->fd = -1;
}

int kvm_vm_set_memory(const struct kvm_vm *vm, unsigned slot, uint64_t gpa, uint64_t size,
		      void *hva, uint32_t flags, struct err *err)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	if (kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&region))
		return err_errno(
			err,
			"KVM_SET_USER_MEMORY_REGION: slot %u, guest memory 0x%llx to 0x%llx",
			slot, (unsigned long long)gpa, (unsigned long long)(gpa + size));
	return 0;
}

void kvm_vm_irq_line(const struct kvm_vm *vm, uint32_t gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	/* It fails only when there is no interrupt controller: the machine made one. */
	(void)kvm_ioctl(vm->fd, KVM_IRQ_LINE, (uintptr_t)&line);
}

int kvm_vm_set_routes(const struct kvm_vm *vm, const struct kvm_irq_routing *table,
		      struct err *err)
{
	if (kvm_ioctl(vm->fd, KVM_SET_GSI_ROUTING, (uintptr_t)table))
		return err_errno(err, "KVM_SET_GSI_ROUTING: %u routes", table->nr);
	return 0;
}

int kvm_vm_attach_irqfd(const struct kvm_vm *vm, uint32_t gsi, int fd, struct err *err)
{
	struct kvm_irqfd irqfd = { .fd = (uint32_t)fd, .gsi = gsi };

	if (kvm_ioctl(vm->fd, KVM_IRQFD, (uintptr_t)&irqfd))
		return err_errno(err, "KVM_IRQFD: interrupt %u", gsi);
	return 0;
}

void kvm_vm_detach_irqfd(const struct kvm_vm *vm, uint32_t gsi, int fd)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = KVM_IRQFD_FLAG_DEASSIGN,
	};

	/* It fails only for what is no eventfd. */
	(void)kvm_ioctl(vm->fd, KVM_IRQFD, (uintptr_t)&irqfd);
}

int kvm_vm_attach_ioeventfd(const struct kvm_vm *vm, const struct kvm_ioeventfd *event,
			    struct err *err)
{
	if (kvm_ioctl(vm->fd, KVM_IOEVENTFD, (uintptr_t)event))
		return err_errno(err, "KVM_IOEVENTFD: %s 0x%llx",
				 event->flags & KVM_IOEVENTFD_FLAG_PIO ? "port"
								       : "address",
				 (unsigned long long)event->addr);
	return 0;
}

void kvm_vm_detach_ioeventfd(const struct kvm_vm *vm, const struct kvm_ioeventfd *event)
{
	struct kvm_ioeventfd detach = *event;

	detach.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	/* It fails only when it was not attached. */
	(void)kvm_ioctl(vm->fd, KVM_IOEVENTFD, (uintptr_t)&detach);
}

int kvm_vm_enable_capability(const struct kvm_vm *vm, uint32_t capability,
			     struct err *err)
{
	const struct kvm_enable_cap enable = { .cap = capability };

	if (kvm_ioctl(vm->fd, KVM_ENABLE_CAP, (uintptr_t)&enable))
		return err_errno(err, "KVM_ENABLE_CAP: capability %u", capability);
	return 0;
}

bool kvm_vm_has_device(const struct kvm_vm *vm, uint32_t type)
{
	struct kvm_create_device create = {
		.type = type,
		.flags = KVM_CREATE_DEVICE_TEST,
	};

	return kvm_ioctl(vm->fd, KVM_CREATE_DEVICE, (uintptr_t)&create) == 0;
}

int kvm_vm_create_device(const struct kvm_vm *vm, uint32_t type, const char *name,
			 struct kvm_device *device, struct err *err)
{
	struct kvm_create_device create = { .type = type };

	device->fd = -1;
	if (kvm_ioctl(vm->fd, KVM_CREATE_DEVICE, (uintptr_t)&create))
		return err_errno(err, "KVM_CREATE_DEVICE: %s", name);
	device->fd = (int)create.fd;
	return 0;
}

void kvm_device_close(struct kvm_device *device)
{
	if (device->fd >= 0)
		close(device->fd);
	device->fd = -1;
}

bool kvm_device_has(const struct kvm_device *device, uint32_t group, uint64_t attr)
{
	const struct kvm_device_attr a = { .group = group, .attr = attr };

	return kvm_ioctl(device->fd, KVM_HAS_DEVICE_ATTR, (uintptr_t)&a) == 0;
}

static int device_attr(const struct kvm_device *device, unsigned long request,
		       const char *name, const struct kvm_device_attr *attr,
		       const char *what, struct err *err)
{
	if (kvm_ioctl(device->fd, request, (uintptr_t)attr))
		return err_errno(err, "%s: %s (group %u, attribute 0x%llx)", name, what,
				 attr->group, (unsigned long long)attr->attr);
	return 0;
}

int kvm_device_set(const struct kvm_device *device, uint32_t group, uint64_t attr,
		   const void *value, const char *what, struct err *err)
{
	const struct kvm_device_attr a = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)value,
	};

	return device_attr(device, KVM_SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR", &a, what,
			   err);
}

int kvm_device_get(const struct kvm_device *device, uint32_t group, uint64_t attr,
		   void *value, const char *what, struct err *err)
{
	const struct kvm_device_attr a = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)value,
	};

	return device_attr(device, KVM_GET_DEVICE_ATTR, "KVM_GET_DEVICE_ATTR", &a, what,
			   err);
}

int kvm_vcpu_create(const struct kvm *kvm, const struct kvm_vm *vm, unsigned id,
		    struct kvm_vcpu *vcpu, struct err *err)
{
	void *run;

	*vcpu = (struct kvm_vcpu){ .fd = kvm_ioctl(vm->fd, KVM_CREATE_VCPU, id) };
	if (vcpu->fd < 0)
		return err_errno(err, "KVM_CREATE_VCPU: vcpu %u", id);
	run = mmap(NULL, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED) {
		err_errno(err, "vcpu %u: mmap of the run area", id);
		kvm_vcpu_close(vcpu);
		return -1;
	}
	vcpu->run = run;
	vcpu->run_size = kvm->run_size;
	return 0;
}

void kvm_vcpu_close(struct kvm_vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->run_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	*vcpu = (struct kvm_vcpu){ .fd = -1 };
}

static int one_reg(const struct kvm_vcpu *vcpu, unsigned long request, const char *name,
		   uint64_t id, const void *value, struct err *err)
{
	const struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	if (kvm_ioctl(vcpu->fd, request, (uintptr_t)&reg))
		return err_errno(err, "%s: register 0x%llx", name,
				 (unsigned long long)id);
	return 0;
}

int kvm_vcpu_get_reg(const struct kvm_vcpu *vcpu, uint64_t id, void *value,
		     struct err *err)
{
	return one_reg(vcpu, KVM_GET_ONE_REG, "KVM_GET_ONE_REG", id, value, err);
}

int kvm_vcpu_set_reg(const struct kvm_vcpu *vcpu, uint64_t id, const void *value,
		     struct err *err)
{
	return one_reg(vcpu, KVM_SET_ONE_REG, "KVM_SET_ONE_REG", id, value, err);
}

struct kvm_reg_list *kvm_vcpu_reg_list(const struct kvm_vcpu *vcpu, struct err *err)
{
	struct kvm_reg_list none = { .n = 0 }, *list;

	/* With no room it fails, with E2BIG, and tells how much it needs. */
	(void)kvm_ioctl(vcpu->fd, KVM_GET_REG_LIST, (uintptr_t)&none);
	list = calloc(1, sizeof(*list) + none.n * sizeof(list->reg[0]));
	if (!list) {
		err_set(err, "no memory for a list of %llu registers",
			(unsigned long long)none.n);
		return NULL;
	}
	list->n = none.n;
	if (kvm_ioctl(vcpu->fd, KVM_GET_REG_LIST, (uintptr_t)list)) {
		err_errno(err, "KVM_GET_REG_LIST");
		free(list);
		return NULL;
	}
	return list;
}

int kvm_vcpu_get_mp_state(const struct kvm_vcpu *vcpu, struct kvm_mp_state *state,
			  struct err *err)
{
	if (kvm_ioctl(vcpu->fd, KVM_GET_MP_STATE, (uintptr_t)state))
		return err_errno(err, "KVM_GET_MP_STATE");
	return 0;
}

int kvm_vcpu_set_mp_state(const struct kvm_vcpu *vcpu, const struct kvm_mp_state *state,
			  struct err *err)
{
	if (kvm_ioctl(vcpu->fd, KVM_SET_MP_STATE, (uintptr_t)state))
		return err_errno(err, "KVM_SET_MP_STATE: %u", state->mp_state);
	return 0;
}

int kvm_vcpu_run(const struct kvm_vcpu *vcpu)
{
	/* Not kvm_ioctl(): a signal must end it, that is how a vCPU is kicked. */
	return ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;
}

const char *kvm_exit_name(uint32_t reason)
{
	static const char *const names[KVM_EXIT_REASONS] = {
		[KVM_EXIT_UNKNOWN] = "unknown",
		[KVM_EXIT_EXCEPTION] = "exception",
		[KVM_EXIT_IO] = "io",
		[KVM_EXIT_HYPERCALL] = "hypercall",
		[KVM_EXIT_DEBUG] = "debug",
		[KVM_EXIT_HLT] = "hlt",
		[KVM_EXIT_MMIO] = "mmio",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "irq-window-open",
		[KVM_EXIT_SHUTDOWN] = "shutdown",
		[KVM_EXIT_FAIL_ENTRY] = "fail-entry",
		[KVM_EXIT_INTR] = "intr",
		[KVM_EXIT_SET_TPR] = "set-tpr",
		[KVM_EXIT_TPR_ACCESS] = "tpr-access",
		[KVM_EXIT_NMI] = "nmi",
		[KVM_EXIT_INTERNAL_ERROR] = "internal-error",
		[KVM_EXIT_SYSTEM_EVENT] = "system-event",
		[KVM_EXIT_IOAPIC_EOI] = "ioapic-eoi",
		[KVM_EXIT_RISCV_SBI] = "riscv-sbi",
		[KVM_EXIT_RISCV_CSR] = "riscv-csr",
		[KVM_EXIT_ARM_NISV] = "arm-nisv",
		[KVM_EXIT_X86_RDMSR] = "rdmsr",
		[KVM_EXIT_X86_WRMSR] = "wrmsr",
		[KVM_EXIT_REASONS - 1] = "other",
	};

	if (reason >= KVM_EXIT_REASONS)
		reason = KVM_EXIT_REASONS - 1;
	return names[reason] ? names[reason] : "other";
}
