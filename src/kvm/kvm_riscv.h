/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The KVM API that only RISC-V has (Documentation/virt/kvm/api.rst, 4.68, and
 * devices/ of Linux); the rules of kvm.h hold here too. Numbers stand here, since headers
 * of the time of Linux 6.1 lack most of them; they are the kernel's ABI.
 */
#ifndef TANE_KVM_KVM_RISCV_H
#define TANE_KVM_KVM_RISCV_H

#include "kvm/kvm.h"

/* Types of registers in an id. */
enum kvm_riscv_reg_type {
	RISCV_REG_CONFIG = 1,
	RISCV_REG_CORE = 2,
	RISCV_REG_CSR = 3,
	RISCV_REG_TIMER = 4,
	RISCV_REG_FP_F = 5,
	RISCV_REG_FP_D = 6,
	RISCV_REG_ISA_EXT = 7,
	RISCV_REG_SBI_EXT = 8,
	RISCV_REG_VECTOR = 9,
	RISCV_REG_SBI_STATE = 10,
};

/* The id of register `number` of a type, 64 bits wide; the type of an id. */
uint64_t kvm_riscv_reg(enum kvm_riscv_reg_type type, unsigned number);
enum kvm_riscv_reg_type kvm_riscv_reg_type(uint64_t id);

/* Of RISCV_REG_CONFIG. */
#define RISCV_CONFIG_ISA               0 /* bit n: the extension of letter n */
#define RISCV_CONFIG_ZICBOM_BLOCK_SIZE 1
#define RISCV_CONFIG_ZICBOZ_BLOCK_SIZE 5
#define RISCV_CONFIG_SATP_MODE         6 /* the widest: 8 Sv39, 9 Sv48, 10 Sv57 */

/* Of RISCV_REG_CORE: x10 is number 10. */
#define RISCV_CORE_PC   0
#define RISCV_CORE_A0   10
#define RISCV_CORE_A1   11
#define RISCV_NR_CORE   32
#define RISCV_CORE_MODE 32 /* 1: S */

/* Of RISCV_REG_CSR, in this order from 0 on. */
#define RISCV_CSR_NAMES                                                                  \
	{                                                                                \
		"sstatus", "sie", "stvec", "sscratch", "sepc", "scause", "stval", "sip", \
			"satp", "scounteren"                                             \
	}

/* Of RISCV_REG_TIMER. */
#define RISCV_TIMER_FREQUENCY 0
#define RISCV_TIMER_TIME      1
#define RISCV_TIMER_COMPARE   2
#define RISCV_TIMER_STATE     3 /* 0: off */

/* Of RISCV_REG_SBI_EXT: 1 hands calls of the debug console extension to us. */
#define RISCV_SBI_EXT_DBCN 9

/* Of RISCV_REG_ISA_EXT. */
#define RISCV_ISA_EXT_SSAIA 14

/* Their names, by number, in lower case. NULL above the last one that is known here. */
const char *kvm_riscv_isa_ext_name(unsigned number);

/* The AIA of KVM: an APLIC, and an IMSIC for each vCPU (devices/ of the API). */
#define RISCV_DEV_TYPE_AIA 11

#define RISCV_AIA_GRP_CONFIG       0
#define RISCV_AIA_CONFIG_MODE      0 /* u32 */
#define RISCV_AIA_CONFIG_IDS       1 /* u32: the highest message number */
#define RISCV_AIA_CONFIG_SRCS      2 /* u32: wired sources */
#define RISCV_AIA_CONFIG_HART_BITS 5 /* u32 */

#define RISCV_AIA_GRP_ADDR          1 /* u64 */
#define RISCV_AIA_ADDR_APLIC        0
#define RISCV_AIA_ADDR_IMSIC(vcpu)  (1ull + (vcpu))
#define RISCV_AIA_GRP_CTRL          2
#define RISCV_AIA_CTRL_INIT         0
#define RISCV_AIA_GRP_APLIC         3 /* u32: the register at this offset */
#define RISCV_AIA_GRP_IMSIC         4 /* u64: the register of this iselect */
#define RISCV_AIA_IMSIC(vcpu, isel) ((uint64_t)(vcpu) << 12 | (isel))
#define RISCV_AIA_APLIC_SIZE        0x4000ull
#define RISCV_AIA_IMSIC_SIZE        0x1000ull

/* Raise or lower the external interrupt of a vCPU, where KVM has no controller. Any thread. */
void kvm_riscv_external_interrupt(const struct kvm_vcpu *vcpu, bool level);

/* How many bits guest physical addresses have. */
unsigned kvm_riscv_gpa_bits(const struct kvm *kvm);

#endif
