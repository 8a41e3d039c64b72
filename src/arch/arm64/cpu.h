/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU of arm64; see cpu.c. */
#ifndef TANE_ARCH_ARM64_CPU_H
#define TANE_ARCH_ARM64_CPU_H

#include <stdint.h>

#include "core/vcpu.h"

struct vcpu_arch {
	uint64_t mpidr;    /* MPIDR_EL1: KVM makes it from the index */
	uint32_t target;   /* of KVM_ARM_VCPU_INIT, */
	uint32_t features; /* likewise */
};

/* The affinity fields of MPIDR_EL1. */
#define MPIDR_AFFINITY 0xff00ffffffull

#endif
