/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of riscv64 share of a machine: its interrupt controllers. */
#ifndef TANE_ARCH_RISCV64_ISA_H
#define TANE_ARCH_RISCV64_ISA_H

#include <pthread.h>
#include <stdbool.h>

#include "arch/riscv64/aia.h"
#include "dev/plic.h"

struct isa {
	struct aia aia;
	struct plic plic;
	bool has_plic;        /* and no AIA, or the other way round */
	pthread_mutex_t lock; /* guards the PLIC */
};

#endif
