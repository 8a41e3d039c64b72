/* SPDX-License-Identifier: BSD-2-Clause */
/* How KVM numbers the extensions of RISC-V; see kvm_riscv.h. */
#include "kvm/kvm_riscv.h"

const char *kvm_riscv_isa_ext_name(unsigned number)
{
	/* enum KVM_RISCV_ISA_EXT_ID of asm/kvm.h */
	static const char *const names[] = {
		"a",         "c",      "d",       "f",        "h",           "i",
		"m",         "svpbmt", "sstc",    "svinval",  "zihintpause", "zicbom",
		"zicboz",    "zbb",    "ssaia",   "v",        "svnapot",     "zba",
		"zbs",       "zicntr", "zicsr",   "zifencei", "zihpm",       "smstateen",
		"zicond",    "zbc",    "zbkb",    "zbkc",     "zbkx",        "zknd",
		"zkne",      "zknh",   "zkr",     "zksed",    "zksh",        "zkt",
		"zvbb",      "zvbc",   "zvkb",    "zvkg",     "zvkned",      "zvknha",
		"zvknhb",    "zvksed", "zvksh",   "zvkt",     "zfh",         "zfhmin",
		"zihintntl", "zvfh",   "zvfhmin", "zfa",      "ztso",        "zacas",
		"sscofpmf",  "zimop",  "zca",     "zcb",      "zcd",         "zcf",
		"zcmop",     "zawrs",
	};

	return number < sizeof(names) / sizeof(names[0]) ? names[number] : NULL;
}
