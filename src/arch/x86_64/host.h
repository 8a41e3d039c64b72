/* SPDX-License-Identifier: BSD-2-Clause */
/* What kind of KVM the host has; see host.c. */
#ifndef TANE_ARCH_X86_64_HOST_H
#define TANE_ARCH_X86_64_HOST_H

/*
 * Why the KVM of this host would run no stock 64-bit kernel, or NULL if it may. `cpuinfo`
 * and `pvm` are names of files: HOST_CPUINFO and HOST_KVM_PVM.
 */
const char *host_why_unfit(const char *cpuinfo, const char *pvm);

#define HOST_CPUINFO "/proc/cpuinfo"
#define HOST_KVM_PVM "/sys/module/kvm_pvm"

#endif
