/* SPDX-License-Identifier: BSD-2-Clause */
/* What a RISC-V vCPU is, as KVM tells; see cpu.c. */
#ifndef TANE_ARCH_RISCV64_CPU_H
#define TANE_ARCH_RISCV64_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/fdt.h"
#include "core/vm.h"

/* Read by the main thread when it writes the device tree; fixed since the vCPU was made. */
struct cpu_features {
	uint64_t isa;        /* bit n: letter n ("a" is 0) */
	uint64_t extensions; /* bit n: kvm_riscv_isa_ext_name(n), of several letters */
	uint64_t timebase;   /* Hz */
	uint64_t cbom_block_size; /* bytes, 0: no Zicbom */
	uint64_t cboz_block_size;
	uint64_t satp_mode; /* 8 Sv39, 9 Sv48, 10 Sv57 */
};

struct saved_reg {
	uint64_t id;
	uint64_t value;
};

struct vcpu_arch {
	struct cpu_features features;
	struct saved_reg *regs; /* as KVM made them; owned */
	unsigned nr_regs;
};

#endif
