/* SPDX-License-Identifier: BSD-2-Clause */
/* Debugging an x86 vCPU; most of it is declared in core/debug.h. */
#ifndef TANE_ARCH_X86_64_DEBUG_H
#define TANE_ARCH_X86_64_DEBUG_H

#include "core/vcpu.h"

/* KVM_EXIT_DEBUG. false: nobody debugs this VM. */
bool debug_handle_exit(struct vcpu *vcpu, const struct kvm_run *run);

#endif
