/* SPDX-License-Identifier: BSD-2-Clause */
/* What CPUID tells a guest. A pure function over KVM's answer; see cpuid.c. */
#ifndef TANE_ARCH_X86_64_CPUID_H
#define TANE_ARCH_X86_64_CPUID_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/kvm.h>

#include "util/err.h"

struct cpuid_config {
	unsigned cpu; /* index, which is also the APIC ID */
	unsigned nr_cpus;
	bool tsc_deadline; /* the local APIC has that mode */
	unsigned tsc_khz;  /* 0: not known */
};

/*
 * From what KVM supports to what vCPU `config->cpu` shows. The result is
 * malloc'd and the caller's; NULL on error.
 */
struct kvm_cpuid2 *cpuid_build(const struct kvm_cpuid2 *supported,
			       const struct cpuid_config *config, struct err *err);

/* The entry of a leaf, or NULL. `index` counts only for leaves that have subleaves. */
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *cpuid, uint32_t function,
				    uint32_t index);

#endif
