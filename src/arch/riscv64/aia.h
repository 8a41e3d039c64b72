/* SPDX-License-Identifier: BSD-2-Clause */
/* The advanced interrupt architecture of RISC-V, as KVM has it; see aia.c. */
#ifndef TANE_ARCH_RISCV64_AIA_H
#define TANE_ARCH_RISCV64_AIA_H

#include "arch/dt_isa.h"
#include "kvm/kvm.h"

struct aia {
	struct kvm_device device; /* fd -1: there is none */
	uint32_t nr_ids;          /* the highest message number */
	struct kvm_irq_routing_entry pins[DT_NR_IRQS];
};

/* Before the vCPUs, and after them. */
int aia_create(struct aia *aia, struct vm *vm, struct err *err);
int aia_complete(struct aia *aia, struct vm *vm, struct err *err);
void aia_destroy(struct aia *aia);

int aia_reset(const struct aia *aia, const struct vm *vm, struct err *err);

/* nodes.c: how many bits it takes to number `count` harts. */
uint32_t aia_hart_index_bits(unsigned count);

#endif
