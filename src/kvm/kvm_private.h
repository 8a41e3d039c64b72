/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of src/kvm share with each other and with nobody else. */
#ifndef TANE_KVM_KVM_PRIVATE_H
#define TANE_KVM_KVM_PRIVATE_H

#include <stdint.h>

/* A capability without which the program does not start; name NULL ends a list. */
struct kvm_requirement {
	int capability;
	const char *name;
};

/* Of the architecture that this build is for. */
extern const struct kvm_requirement kvm_arch_requirements[];

/* ioctl(2) that goes on after a signal; -1 and errno otherwise. */
int kvm_ioctl(int fd, unsigned long request, uintptr_t arg);

#endif
