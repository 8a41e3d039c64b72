/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An x86 vCPU: how it is made, its state at power-on, and its state on a page
 * for the user when the guest dies.
 *
 * Power-on state is what KVM gave the fresh vCPU: everything that can be read
 * is kept at creation, and a reset writes it back (segments, local APIC, MSRs)
 * or writes the architecture's values (registers, FPU, pending events). What KVM
 * gives no way to set stays: the time stamp counter (it must not jump back) and
 * the low bits of port 0x61. The boot CPU then gets the entry state that its boot protocol asks for:
 *
 *	CPU_LONG       Linux, x86/boot.rst "64-bit boot protocol"
 *	CPU_PROTECTED  PVH (Xen, pvh.rst) and Multiboot 0.6.96, section 3.2
 *	CPU_REAL       a ROM
 *	CPU_POWER_ON   firmware
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/debug.h"
#include "arch/x86_64/layout.h"
#include "core/vm.h"
#include "kvm/kvm_x86.h"

#define CR0_PE       (1ull << 0)
#define CR0_MP       (1ull << 1)
#define CR0_ET       (1ull << 4)
#define CR0_NE       (1ull << 5)
#define CR0_WP       (1ull << 16)
#define CR0_PG       (1ull << 31)
#define CR4_PAE      (1ull << 5)
#define EFER_LME     (1ull << 8)
#define EFER_LMA     (1ull << 10)
#define RFLAGS_FIXED 2ull

#define MSR_IA32_TSC            0x10u
#define MSR_IA32_MISC_ENABLE    0x1a0u
#define MSR_MTRR_PHYS_BASE0     0x200u
#define MSR_MTRR_FIX64K_00000   0x250u
#define MSR_MTRR_FIX16K_80000   0x258u
#define MSR_MTRR_FIX4K_C0000    0x268u
#define MSR_MTRR_DEF_TYPE       0x2ffu
#define MTRR_DEF_TYPE_ENABLED   (1u << 11)
#define MTRR_TYPE_WRITE_BACK    6u
#define MISC_ENABLE_FAST_STRING 1u

/* Linux and Multiboot both want flat segments; the selectors are __BOOT_CS and __BOOT_DS. */
#define SELECTOR_CODE 0x10
#define SELECTOR_DATA 0x18
#define SELECTOR_TSS  0x20

#define PTE_PRESENT 1ull
#define PTE_WRITE   2ull
#define PTE_LARGE   0x80ull

/* What KVM gave the fresh vCPU. */
struct vcpu_arch {
	struct kvm_sregs sregs;
	struct kvm_xsave *xsave;         /* NULL: this KVM has none */
	struct kvm_nested_state *nested; /* NULL: this KVM does not nest */
	struct kvm_lapic_state lapic;
	bool has_lapic;
	bool has_xcrs;
	struct kvm_msrs *msrs;
};

void cpu_build_gdt(uint64_t gdt[CPU_GDT_ENTRIES], enum cpu_mode mode)
{
	memset(gdt, 0, CPU_GDT_ENTRIES * sizeof(gdt[0]));
	/* Base 0, limit 4 GiB; code is 64 bits (L) or 32 bits (D); SDM vol. 3, 3.4.5. */
	gdt[SELECTOR_CODE / 8] =
		mode == CPU_LONG ? 0x00af9b000000ffffull : 0x00cf9b000000ffffull;
	gdt[SELECTOR_DATA / 8] = 0x00cf93000000ffffull;
	gdt[SELECTOR_TSS / 8] = 0x00008b0000000067ull;
}

void cpu_build_page_tables(uint64_t tables[CPU_PAGE_TABLES_SIZE / 8], uint64_t gpa)
{
	uint64_t *pml4 = tables, *pdpt = tables + 512, *pd = tables + 1024;

	memset(tables, 0, CPU_PAGE_TABLES_SIZE);
	pml4[0] = (gpa + 4096) | PTE_PRESENT | PTE_WRITE;
	for (uint64_t i = 0; i < 4; i++)
		pdpt[i] = (gpa + (2 + i) * 4096) | PTE_PRESENT | PTE_WRITE;
	for (uint64_t i = 0; i < 2048; i++)
		pd[i] = i << 21 | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
}

int cpu_model_init(struct cpu_model *model, const struct kvm *kvm, struct err *err)
{
	model->cpuid = kvm_supported_cpuid(kvm, err);
	model->msrs = model->cpuid ? kvm_msr_index_list(kvm, err) : NULL;
	return model->msrs ? 0 : -1;
}

void cpu_model_destroy(struct cpu_model *model)
{
	free(model->cpuid);
	free(model->msrs);
}

static int set_up_cpuid(struct vcpu *vcpu, struct err *err)
{
	struct vm *vm = vcpu->vm;
	const struct cpuid_config config = {
		.cpu = vcpu->index,
		.nr_cpus = vm->config->cpus,
		.tsc_deadline =
			vcpu->arch->has_lapic &&
			kvm_check_extension(&vm->kvm, KVM_CAP_TSC_DEADLINE_TIMER) > 0,
		.tsc_khz = kvm_vcpu_tsc_khz(&vcpu->kvm),
	};
	struct kvm_cpuid2 *cpuid =
		cpuid_build(machine_cpu_model(vm)->cpuid, &config, err);
	int r;

	if (!cpuid)
		return -1;
	r = kvm_vcpu_set_cpuid(&vcpu->kvm, cpuid, err);
	free(cpuid);
	return r;
}

/* Should a reset write this MSR back? */
static bool msr_is_reset(uint32_t index)
{
	/* A time stamp counter that jumps back would upset the other CPUs' clocks. */
	return index != MSR_IA32_TSC;
}

/* What KVM's value of an MSR should have been at power-on. */
static uint64_t msr_power_on(uint32_t index, uint64_t value)
{
	switch (index) {
	case MSR_IA32_MISC_ENABLE:
		return value | MISC_ENABLE_FAST_STRING;
	case MSR_MTRR_DEF_TYPE:
		/* As firmware leaves it: all memory write-back. Linux needs it for PAT. */
		return MTRR_DEF_TYPE_ENABLED | MTRR_TYPE_WRITE_BACK;
	default:
		return value;
	}
}

/* Read the MSRs at `kept`, dropping those that KVM lists but does not let us read. */
static int read_msrs(struct vcpu *vcpu, struct kvm_msrs *kept, struct err *err)
{
	uint32_t good = 0, left = kept->nmsrs;
	struct kvm_msrs *batch = malloc(sizeof(*kept) + left * sizeof(kept->entries[0]));

	if (!batch)
		return err_set(err, "no memory for %u MSRs", left);
	memcpy(batch->entries, kept->entries, left * sizeof(kept->entries[0]));
	kept->nmsrs = 0;
	for (struct kvm_msr_entry *next = batch->entries; left;) {
		int n;

		batch->nmsrs = left;
		memmove(batch->entries, next, left * sizeof(*next));
		n = kvm_vcpu_get_msrs(&vcpu->kvm, batch, err);
		if (n < 0)
			break;
		memcpy(&kept->entries[good], batch->entries, (size_t)n * sizeof(*next));
		good += (uint32_t)n;
		/* KVM stopped at entry n, if it did not read all. */
		next = &batch->entries[n + 1];
		left = (uint32_t)n < left ? left - (uint32_t)n - 1 : 0;
	}
	free(batch);
	kept->nmsrs = good;
	return left ? -1 : 0;
}

/* MSRs that a guest can change and that not every KVM lists: the MTRRs. */
static const struct {
	uint32_t first, last;
} unlisted_msrs[] = {
	{ MSR_MTRR_PHYS_BASE0, MSR_MTRR_PHYS_BASE0 + 15 },
	{ MSR_MTRR_FIX64K_00000, MSR_MTRR_FIX64K_00000 },
	{ MSR_MTRR_FIX16K_80000, MSR_MTRR_FIX16K_80000 + 1 },
	{ MSR_MTRR_FIX4K_C0000, MSR_MTRR_FIX4K_C0000 + 7 },
	{ MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE },
};
#define MAX_UNLISTED_MSRS 32

/* Keep the power-on values of all MSRs that a guest can change. */
static int keep_msrs(struct vcpu *vcpu, struct err *err)
{
	const struct kvm_msr_list *list = machine_cpu_model(vcpu->vm)->msrs;
	struct kvm_msrs *kept =
		calloc(1, sizeof(*kept) + (list->nmsrs + MAX_UNLISTED_MSRS) *
						  sizeof(kept->entries[0]));

	if (!kept)
		return err_set(err, "no memory for the MSRs of vcpu %u", vcpu->index);
	vcpu->arch->msrs = kept;
	for (uint32_t i = 0; i < list->nmsrs; i++) {
		if (msr_is_reset(list->indices[i]))
			kept->entries[kept->nmsrs++].index = list->indices[i];
	}
	for (unsigned i = 0; i < sizeof(unlisted_msrs) / sizeof(unlisted_msrs[0]); i++) {
		for (uint32_t msr = unlisted_msrs[i].first; msr <= unlisted_msrs[i].last;
		     msr++)
			kept->entries[kept->nmsrs++].index = msr;
	}
	if (read_msrs(vcpu, kept, err))
		return -1;
	for (uint32_t i = 0; i < kept->nmsrs; i++)
		kept->entries[i].data =
			msr_power_on(kept->entries[i].index, kept->entries[i].data);
	return 0;
}

/* Both may be missing from this KVM: then there is nothing to put back. */
static int keep_extended_state(struct vcpu *vcpu, struct err *err)
{
	const struct kvm *kvm = &vcpu->vm->kvm;
	struct vcpu_arch *arch = vcpu->arch;
	struct err ignored;

	if (kvm_check_extension(kvm, KVM_CAP_XSAVE) > 0) {
		arch->xsave = calloc(1, sizeof(*arch->xsave));
		if (!arch->xsave)
			return err_set(err, "no memory for vcpu %u", vcpu->index);
		if (kvm_vcpu_get_xsave(&vcpu->kvm, arch->xsave, &ignored)) {
			free(arch->xsave);
			arch->xsave = NULL;
		}
	}
	if (kvm_check_extension(kvm, KVM_CAP_NESTED_STATE) <= 0)
		return 0;
	arch->nested = calloc(1, KVM_NESTED_STATE_MAX);
	if (!arch->nested)
		return err_set(err, "no memory for vcpu %u", vcpu->index);
	arch->nested->size = KVM_NESTED_STATE_MAX;
	if (kvm_vcpu_get_nested(&vcpu->kvm, arch->nested, &ignored)) {
		free(arch->nested);
		arch->nested = NULL;
	}
	return 0;
}

int vcpu_arch_create(struct vcpu *vcpu, struct err *err)
{
	struct vm *vm = vcpu->vm;

	vcpu->arch = calloc(1, sizeof(*vcpu->arch));
	if (!vcpu->arch)
		return err_set(err, "no memory for vcpu %u", vcpu->index);
	vcpu->arch->has_lapic = !vm->halt_ends;
	vcpu->arch->has_xcrs = kvm_check_extension(&vm->kvm, KVM_CAP_XCRS) > 0;
	if (set_up_cpuid(vcpu, err) ||
	    kvm_vcpu_get_sregs(&vcpu->kvm, &vcpu->arch->sregs, err))
		return -1;
	if (vcpu->arch->has_lapic &&
	    kvm_vcpu_get_lapic(&vcpu->kvm, &vcpu->arch->lapic, err))
		return -1;
	return keep_extended_state(vcpu, err) || keep_msrs(vcpu, err) ? -1 : 0;
}

void vcpu_arch_destroy(struct vcpu *vcpu)
{
	if (vcpu->arch) {
		free(vcpu->arch->msrs);
		free(vcpu->arch->nested);
		free(vcpu->arch->xsave);
	}
	free(vcpu->arch);
	vcpu->arch = NULL;
}

/* KVM stops at an MSR that it does not take; go on behind it. */
static int write_msrs(struct vcpu *vcpu, struct err *err)
{
	const struct kvm_msrs *all = vcpu->arch->msrs;
	uint32_t done = 0;
	struct kvm_msrs *rest =
		malloc(sizeof(*all) + all->nmsrs * sizeof(all->entries[0]));

	if (!rest)
		return err_set(err, "no memory for %u MSRs", all->nmsrs);
	while (done < all->nmsrs) {
		int n;

		rest->nmsrs = all->nmsrs - done;
		memcpy(rest->entries, &all->entries[done],
		       rest->nmsrs * sizeof(rest->entries[0]));
		n = kvm_vcpu_set_msrs(&vcpu->kvm, rest, err);
		if (n < 0)
			break;
		done += (uint32_t)n < rest->nmsrs ? (uint32_t)n + 1 : (uint32_t)n;
	}
	free(rest);
	return done < all->nmsrs ? -1 : 0;
}

static int reset_system_state(struct vcpu *vcpu, struct err *err)
{
	const struct kvm_fpu fpu = { .fcw = 0x37f, .mxcsr = 0x1f80 };
	const struct kvm_xcrs xcrs = { .nr_xcrs = 1,
				       .xcrs[0] = { .xcr = 0, .value = 1 } };
	const struct kvm_vcpu_events events = {
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
			 KVM_VCPUEVENT_VALID_SIPI_VECTOR | KVM_VCPUEVENT_VALID_SHADOW,
	};
	const struct kvm_debugregs debugregs = { .dr6 = 0xffff0ff0, .dr7 = 0x400 };
	const struct kvm_mp_state mp_state = {
		.mp_state = vcpu->index == 0 ? KVM_MP_STATE_RUNNABLE
					     : KVM_MP_STATE_UNINITIALIZED,
	};
	const struct kvm_vcpu *kvm = &vcpu->kvm;

	if (kvm_vcpu_set_events(kvm, &events, err) ||
	    kvm_vcpu_set_debugregs(kvm, &debugregs, err) ||
	    kvm_vcpu_set_fpu(kvm, &fpu, err))
		return -1;
	if (vcpu->arch->xsave && kvm_vcpu_set_xsave(kvm, vcpu->arch->xsave, err))
		return -1;
	if (vcpu->arch->has_xcrs && kvm_vcpu_set_xcrs(kvm, &xcrs, err))
		return -1;
	if (write_msrs(vcpu, err))
		return -1;
	if (vcpu->arch->has_lapic && (kvm_vcpu_set_lapic(kvm, &vcpu->arch->lapic, err) ||
				      kvm_vcpu_set_mp_state(kvm, &mp_state, err)))
		return -1;
	return 0;
}

static void enter_flat(struct kvm_sregs *sregs, enum cpu_mode mode)
{
	const bool is_long = mode == CPU_LONG;
	const struct kvm_segment data = {
		.limit = 0xffffffff,
		.selector = SELECTOR_DATA,
		.type = 3,
		.present = 1,
		.s = 1,
		.db = 1,
		.g = 1,
	};

	sregs->cs = data;
	sregs->cs.selector = SELECTOR_CODE;
	sregs->cs.type = 0xb;
	sregs->cs.l = is_long;
	sregs->cs.db = !is_long;
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = (struct kvm_segment){
		.limit = 0x67,
		.selector = SELECTOR_TSS,
		.type = 0xb,
		.present = 1,
	};
	sregs->gdt = (struct kvm_dtable){ .base = LAYOUT_GDT,
					  .limit = CPU_GDT_ENTRIES * 8 - 1 };
	sregs->idt = (struct kvm_dtable){ .base = 0, .limit = 0 };
	sregs->cr0 = CR0_PE | CR0_ET;
	if (is_long) {
		sregs->cr0 |= CR0_PG | CR0_MP | CR0_NE | CR0_WP;
		sregs->cr4 |= CR4_PAE;
		sregs->efer |= EFER_LME | EFER_LMA;
	}
}

static void enter_real(struct kvm_sregs *sregs, uint16_t cs)
{
	sregs->cs.selector = cs;
	sregs->cs.base = (uint64_t)cs << 4;
}

int cpu_reset(struct vcpu *vcpu, const struct cpu_entry *entry, struct err *err)
{
	struct kvm_sregs sregs = vcpu->arch->sregs;
	struct kvm_regs regs = { .rflags = RFLAGS_FIXED, .rip = 0xfff0 };

	if (vcpu->index == 0 && entry->mode != CPU_POWER_ON) {
		regs.rip = entry->rip;
		regs.rax = entry->rax;
		regs.rbx = entry->rbx;
		regs.rsi = entry->rsi;
		if (entry->mode == CPU_REAL) {
			enter_real(&sregs, entry->cs);
		} else {
			enter_flat(&sregs, entry->mode);
			sregs.cr3 = entry->cr3;
		}
	}
	/*
	 * First of all it stops being a hypervisor: KVM would load that one's state
	 * over ours otherwise. sregs hold the APIC base: before the APIC's registers.
	 */
	if ((vcpu->arch->nested &&
	     kvm_vcpu_set_nested(&vcpu->kvm, vcpu->arch->nested, err)) ||
	    kvm_vcpu_set_sregs(&vcpu->kvm, &sregs, err) ||
	    kvm_vcpu_set_regs(&vcpu->kvm, &regs, err) || reset_system_state(vcpu, err))
		return err_prefix(err, "vcpu %u: reset: ", vcpu->index);
	return 0;
}

static void dump_segment(FILE *out, const char *name, const struct kvm_segment *segment)
{
	fprintf(out,
		"  %-3s %04x base %016llx limit %08x type %x s %u dpl %u p %u l %u db %u\n",
		name, segment->selector, segment->base, segment->limit, segment->type,
		segment->s, segment->dpl, segment->present, segment->l, segment->db);
}

static void dump_sregs(FILE *out, const struct kvm_sregs *sregs)
{
	dump_segment(out, "cs", &sregs->cs);
	dump_segment(out, "ds", &sregs->ds);
	dump_segment(out, "es", &sregs->es);
	dump_segment(out, "ss", &sregs->ss);
	dump_segment(out, "fs", &sregs->fs);
	dump_segment(out, "gs", &sregs->gs);
	dump_segment(out, "tr", &sregs->tr);
	fprintf(out, "  gdt base %016llx limit %04x   idt base %016llx limit %04x\n",
		sregs->gdt.base, sregs->gdt.limit, sregs->idt.base, sregs->idt.limit);
	fprintf(out,
		"  cr0 %016llx cr2 %016llx cr3 %016llx\n  cr4 %016llx cr8 %016llx efer %016llx\n",
		sregs->cr0, sregs->cr2, sregs->cr3, sregs->cr4, sregs->cr8, sregs->efer);
}

static void dump_regs(FILE *out, const struct kvm_regs *regs)
{
	fprintf(out, "  rip %016llx rflags %016llx\n", regs->rip, regs->rflags);
	fprintf(out, "  rax %016llx rbx %016llx rcx %016llx rdx %016llx\n", regs->rax,
		regs->rbx, regs->rcx, regs->rdx);
	fprintf(out, "  rsi %016llx rdi %016llx rsp %016llx rbp %016llx\n", regs->rsi,
		regs->rdi, regs->rsp, regs->rbp);
	fprintf(out, "  r8  %016llx r9  %016llx r10 %016llx r11 %016llx\n", regs->r8,
		regs->r9, regs->r10, regs->r11);
	fprintf(out, "  r12 %016llx r13 %016llx r14 %016llx r15 %016llx\n", regs->r12,
		regs->r13, regs->r14, regs->r15);
}

/* The bytes around the instruction pointer, through the guest's page tables. */
static void dump_code(const struct vcpu *vcpu, uint64_t linear, FILE *out)
{
	fprintf(out, "  code");
	for (uint64_t at = linear - 16; at != linear + 16; at++) {
		uint64_t gpa;
		uint8_t byte;

		if (kvm_vcpu_translate(&vcpu->kvm, at, &gpa) &&
		    memory_read(&vcpu->vm->memory, gpa, &byte, 1))
			fprintf(out, at == linear ? " <%02x>" : " %02x", byte);
		else
			fprintf(out, " ??");
	}
	fprintf(out, "\n");
}

void vcpu_arch_dump(const struct vcpu *vcpu, FILE *out)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	uint64_t linear;
	struct err err;

	fprintf(out, "tane: registers of vcpu %u:\n", vcpu->index);
	if (kvm_vcpu_get_regs(&vcpu->kvm, &regs, &err) ||
	    kvm_vcpu_get_sregs(&vcpu->kvm, &sregs, &err)) {
		fprintf(out, "  cannot be read: %s\n", err.text);
		return;
	}
	linear = (sregs.efer & EFER_LMA) ? regs.rip : sregs.cs.base + regs.rip;
	dump_regs(out, &regs);
	dump_sregs(out, &sregs);
	dump_code(vcpu, linear, out);
}

/* `rep ins` and `rep outs` come with a count: the data moves, the port does not. */
static void handle_io(struct vcpu *vcpu, struct kvm_run *run)
{
	const uint16_t port = run->io.port;
	const unsigned size = run->io.size, count = run->io.count;
	const bool is_write = run->io.direction == KVM_EXIT_IO_OUT;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	bus_access_string(&vcpu->vm->bus, port, data, size, count, is_write);
	if (vcpu->vm->config->trace)
		vcpu_trace_io(vcpu, is_write ? "out" : "in", BUS_PIO, port, data, size,
			      count);
}

/*
 * A triple fault: on a PC a chip sees it and resets the machine, and old systems have no
 * other way to do that. Whoever wants no reset wants to know why it came to that.
 */
static void shut_down(struct vcpu *vcpu)
{
	const struct vm_config *config = vcpu->vm->config;

	if (config->firmware && !config->no_reboot)
		vm_end(vcpu->vm, VM_RESET, 0, NULL);
	else
		vcpu_die(vcpu, "triple fault");
}

bool vcpu_arch_exit(struct vcpu *vcpu, struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		vcpu->io_pending = true;
		handle_io(vcpu, run);
		return true;
	case KVM_EXIT_HLT:
		/* With an interrupt controller KVM handles HLT itself. */
		if (vcpu->vm->halt_ends)
			vm_end(vcpu->vm, VM_POWEROFF, 0, NULL);
		return true;
	case KVM_EXIT_DEBUG:
		return debug_handle_exit(vcpu, run);
	case KVM_EXIT_SHUTDOWN:
		shut_down(vcpu);
		return true;
	default:
		return false;
	}
}
