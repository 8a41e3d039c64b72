/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An arm64 vCPU: its features, its state at power-on, and its state on a page for the
 * user when the guest dies.
 *
 * KVM_ARM_VCPU_INIT makes all registers of the core as they are at reset: EL1 with its
 * own stack pointer, interrupts masked, MMU and caches off, and the timers stopped. Each
 * reset of the machine does that again. The boot CPU then gets what Linux wants
 * (arm64/booting.rst): x0 is the device tree. The others are powered off until PSCI's
 * CPU_ON, which KVM handles, as it does all of PSCI but power off and reset.
 *
 * The guest has the features of the host that KVM can give it: the PMU, SVE, pointer
 * authentication.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include "arch/arm64/cpu.h"
#include "arch/arm64/translate.h"
#include "arch/dt_isa.h"
#include "kvm/kvm_arm64.h"

#define SYSREG_MPIDR_EL1 ARM64_SYS_REG(3, 0, 0, 0, 5)

#define CORE(register) offsetof(struct kvm_regs, register)
#define CORE_X(n)      (CORE(regs.regs) + (n) * sizeof(uint64_t))

static bool has(const struct vcpu *vcpu, int capability)
{
	return kvm_check_extension(&vcpu->vm->kvm, capability) > 0;
}

static uint32_t choose_features(const struct vcpu *vcpu)
{
	uint32_t features = 1u << KVM_ARM_VCPU_PSCI_0_2;

	if (vcpu->index > 0)
		features |= 1u << KVM_ARM_VCPU_POWER_OFF;
	if (has(vcpu, KVM_CAP_ARM_PMU_V3))
		features |= 1u << KVM_ARM_VCPU_PMU_V3;
	if (has(vcpu, KVM_CAP_ARM_SVE))
		features |= 1u << KVM_ARM_VCPU_SVE;
	/* KVM takes both or none. */
	if (has(vcpu, KVM_CAP_ARM_PTRAUTH_ADDRESS) &&
	    has(vcpu, KVM_CAP_ARM_PTRAUTH_GENERIC))
		features |= 1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS |
			    1u << KVM_ARM_VCPU_PTRAUTH_GENERIC;
	return features;
}

static int init(const struct vcpu *vcpu, struct err *err)
{
	const struct kvm_vcpu_init request = {
		.target = vcpu->arch->target,
		.features[0] = vcpu->arch->features,
	};

	return kvm_arm_vcpu_init(&vcpu->kvm, &request, err);
}

int vcpu_arch_create(struct vcpu *vcpu, struct err *err)
{
	struct kvm_vcpu_init preferred;
	struct vcpu_arch *arch = vcpu->arch = calloc(1, sizeof(*arch));

	if (!arch)
		return err_set(err, "no memory for vcpu %u", vcpu->index);
	if (kvm_arm_preferred_target(&vcpu->vm->kvm_vm, &preferred, err))
		return -1;
	arch->target = preferred.target;
	arch->features = choose_features(vcpu);
	if (init(vcpu, err))
		return err_prefix(err, "vcpu %u: ", vcpu->index);
	if ((arch->features & 1u << KVM_ARM_VCPU_SVE) &&
	    kvm_arm_vcpu_finalize(&vcpu->kvm, KVM_ARM_VCPU_SVE, err))
		return err_prefix(err, "vcpu %u: ", vcpu->index);
	return kvm_arm_get_sysreg(&vcpu->kvm, SYSREG_MPIDR_EL1, &arch->mpidr, err);
}

void vcpu_arch_destroy(struct vcpu *vcpu)
{
	free(vcpu->arch);
	vcpu->arch = NULL;
}

int isa_vcpu_reset(struct vcpu *vcpu, struct err *err)
{
	const struct machine *machine = vcpu->vm->machine;

	if (init(vcpu, err))
		return err_prefix(err, "vcpu %u: reset: ", vcpu->index);
	if (vcpu->index > 0)
		return 0;
	if (kvm_arm_set_core(&vcpu->kvm, CORE(regs.pc), machine->entry, err) ||
	    kvm_arm_set_core(&vcpu->kvm, CORE_X(0), machine->fdt_gpa, err))
		return err_prefix(err, "vcpu %u: reset: ", vcpu->index);
	return 0;
}

bool vcpu_arch_exit(struct vcpu *vcpu, struct kvm_run *run)
{
	if (run->exit_reason != KVM_EXIT_ARM_NISV)
		return false;
	/* The CPU tells no details of pairs, vectors, atomics and writeback. */
	vcpu_die(vcpu,
		 "an instruction that KVM cannot carry out accessed 0x%llx, where no RAM "
		 "is (ISS 0x%llx): devices take plain loads and stores of one register",
		 run->arm_nisv.fault_ipa, run->arm_nisv.esr_iss);
	return true;
}

/* -- the dump -- */

/* Those of the MMU are first, see read_mmu(). */
static const struct {
	const char *name;
	uint64_t id;
} sysregs[] = {
	{ "sctlr", ARM64_SYS_REG(3, 0, 1, 0, 0) },
	{ "tcr", ARM64_SYS_REG(3, 0, 2, 0, 2) },
	{ "ttbr0", ARM64_SYS_REG(3, 0, 2, 0, 0) },
	{ "ttbr1", ARM64_SYS_REG(3, 0, 2, 0, 1) },
	{ "mair", ARM64_SYS_REG(3, 0, 10, 2, 0) },
	{ "vbar", ARM64_SYS_REG(3, 0, 12, 0, 0) },
	{ "esr", ARM64_SYS_REG(3, 0, 5, 2, 0) },
	{ "far", ARM64_SYS_REG(3, 0, 6, 0, 0) },
};

static void dump_core(const struct vcpu *vcpu, const char *name, size_t offset,
		      const char *after, FILE *out)
{
	struct err err;
	uint64_t value;

	if (kvm_arm_get_core(&vcpu->kvm, offset, &value, &err))
		fprintf(out, " %-6s ????????????????%s", name, after);
	else
		fprintf(out, " %-6s %016" PRIx64 "%s", name, value, after);
}

static void dump_sysregs(const struct vcpu *vcpu, FILE *out)
{
	struct err err;
	uint64_t value;

	for (unsigned i = 0; i < sizeof(sysregs) / sizeof(sysregs[0]); i++) {
		if (kvm_arm_get_sysreg(&vcpu->kvm, sysregs[i].id, &value, &err))
			value = 0;
		fprintf(out, " %-6s %016" PRIx64 "%s", sysregs[i].name, value,
			i % 4 == 3 ? "\n" : "");
	}
}

static bool read_mmu(const struct vcpu *vcpu, struct arm64_mmu *mmu)
{
	uint64_t *const registers[] = { &mmu->sctlr, &mmu->tcr, &mmu->ttbr0,
					&mmu->ttbr1 };
	struct err err;

	for (unsigned i = 0; i < 4; i++) {
		if (kvm_arm_get_sysreg(&vcpu->kvm, sysregs[i].id, registers[i], &err))
			return false;
	}
	return true;
}

/* The instructions around pc, through the guest's translation tables. */
static void dump_code(const struct vcpu *vcpu, FILE *out)
{
	const struct memory *memory = &vcpu->vm->memory;
	struct arm64_mmu mmu;
	uint64_t pc, physical;
	uint32_t word;
	struct err err;

	if (!read_mmu(vcpu, &mmu) ||
	    kvm_arm_get_core(&vcpu->kvm, CORE(regs.pc), &pc, &err))
		return;
	fprintf(out, " code  ");
	for (uint64_t at = pc - 12; at != pc + 16; at += sizeof(word)) {
		if (arm64_translate(&mmu, memory, at, &physical) &&
		    memory_read(memory, physical, &word, sizeof(word)))
			fprintf(out, at == pc ? " <%08x>" : " %08x", word);
		else
			fprintf(out, " ????????");
	}
	fprintf(out, "\n");
}

void vcpu_arch_dump(const struct vcpu *vcpu, FILE *out)
{
	char name[8];

	fprintf(out, "tane: registers of vcpu %u:\n", vcpu->index);
	dump_core(vcpu, "pc", CORE(regs.pc), "", out);
	dump_core(vcpu, "pstate", CORE(regs.pstate), "\n", out);
	for (unsigned i = 0; i < 31; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		dump_core(vcpu, name, CORE_X(i), i % 4 == 3 ? "\n" : "", out);
	}
	dump_core(vcpu, "sp_el0", CORE(regs.sp), "\n", out);
	dump_core(vcpu, "sp", CORE(sp_el1), "", out);
	dump_core(vcpu, "elr", CORE(elr_el1), "", out);
	dump_core(vcpu, "spsr", CORE(spsr[KVM_SPSR_EL1]), "\n", out);
	dump_sysregs(vcpu, out);
	dump_code(vcpu, out);
}
