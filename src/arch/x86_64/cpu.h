/* SPDX-License-Identifier: BSD-2-Clause */
/* The state in which an x86 CPU begins, and how a vCPU gets there. */
#ifndef TANE_ARCH_X86_64_CPU_H
#define TANE_ARCH_X86_64_CPU_H

#include <stdint.h>

#include "core/vcpu.h"

enum cpu_mode {
	CPU_POWER_ON,  /* real mode at f000:fff0, which is 16 bytes below 4 GiB */
	CPU_REAL,      /* 16 bits, CS as given, other segments at 0 */
	CPU_PROTECTED, /* 32 bits, flat segments, paging off */
	CPU_LONG,      /* 64 bits, identity mapped by the tables at `cr3` */
};

/* How the boot CPU begins. Addresses are guest physical. */
struct cpu_entry {
	enum cpu_mode mode;
	uint64_t rip;
	uint16_t cs; /* CPU_REAL: selector; its base is cs * 16 */
	uint64_t rax, rbx, rsi;
	uint64_t cr3; /* CPU_LONG */
};

/* The descriptors that a CPU in protected or long mode finds at LAYOUT_GDT. */
#define CPU_GDT_ENTRIES 6ul
void cpu_build_gdt(uint64_t gdt[CPU_GDT_ENTRIES], enum cpu_mode mode);

/* Identity map of the first 4 GiB in 2 MiB pages: PML4, PDPT and four directories. */
#define CPU_PAGE_TABLES_SIZE (6 * 4096ul)
void cpu_build_page_tables(uint64_t tables[CPU_PAGE_TABLES_SIZE / 8], uint64_t gpa);

/* What is the same for all vCPUs of a VM, asked of KVM once. */
struct cpu_model {
	struct kvm_cpuid2 *cpuid;  /* KVM_GET_SUPPORTED_CPUID */
	struct kvm_msr_list *msrs; /* KVM_GET_MSR_INDEX_LIST */
};

int cpu_model_init(struct cpu_model *model, const struct kvm *kvm, struct err *err);
void cpu_model_destroy(struct cpu_model *model);

/* Of this VM; machine.c holds it. Before the vCPUs are made it is there. */
const struct cpu_model *machine_cpu_model(const struct vm *vm);

/*
 * Power-on state; the boot CPU (index 0) then gets what its machine's entry
 * says, the others wait for their start-up interrupt. On the vCPU's own thread.
 */
int cpu_reset(struct vcpu *vcpu, const struct cpu_entry *entry, struct err *err);

#endif
