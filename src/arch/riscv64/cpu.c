/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A RISC-V vCPU: one hart, in S mode.
 *
 * When it is new, the registers that KVM lists for it and a guest can change are read, and
 * a reset writes them back: what the guest left in any of them is gone. The boot hart then gets its entry, the others stay stopped until the guest
 * starts them (SBI HSM).
 *
 * KVM answers SBI calls itself. Two kinds come out to us: the debug console (DBCN), with
 * the legacy console beside it, and resets, as system events.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "arch/dt_isa.h"
#include "arch/riscv64/cpu.h"
#include "core/vm.h"
#include "kvm/kvm_riscv.h"

/* SBI 2.0: extension ids (EID), errors. */
#define SBI_EXT_0_1_CONSOLE_PUTCHAR 0x01
#define SBI_EXT_0_1_CONSOLE_GETCHAR 0x02
#define SBI_EXT_DBCN                0x4442434eul
#define SBI_DBCN_CONSOLE_WRITE      0
#define SBI_DBCN_CONSOLE_READ       1
#define SBI_DBCN_CONSOLE_WRITE_BYTE 2
#define SBI_SUCCESS                 0ul
#define SBI_ERR_NOT_SUPPORTED       (-2ul)
#define SBI_ERR_INVALID_PARAM       (-3ul)

/* The call may write less than it was asked to: it is made again with the rest. */
#define CONSOLE_CHUNK 256u

/* Zkr: the CSR `seed`; OPST is ES16, and 16 bits of entropy below. */
#define CSR_SEED  0x015
#define SEED_ES16 (2ul << 30)

static int get_config(const struct vcpu *vcpu, enum kvm_riscv_reg_type type,
		      unsigned number, uint64_t *value, struct err *err)
{
	return kvm_vcpu_get_reg(&vcpu->kvm, kvm_riscv_reg(type, number), value, err);
}

/* A register that this KVM may not have. */
static uint64_t get_optional(const struct vcpu *vcpu, enum kvm_riscv_reg_type type,
			     unsigned number)
{
	uint64_t value = 0;
	struct err err;

	return get_config(vcpu, type, number, &value, &err) ? 0 : value;
}

static int read_features(struct vcpu *vcpu, struct err *err)
{
	struct cpu_features *features = &vcpu->arch->features;

	if (get_config(vcpu, RISCV_REG_CONFIG, RISCV_CONFIG_ISA, &features->isa, err) ||
	    get_config(vcpu, RISCV_REG_TIMER, RISCV_TIMER_FREQUENCY, &features->timebase,
		       err))
		return -1;
	for (unsigned i = 0; i < 64 && kvm_riscv_isa_ext_name(i); i++) {
		if (kvm_riscv_isa_ext_name(i)[1] &&
		    get_optional(vcpu, RISCV_REG_ISA_EXT, i))
			features->extensions |= 1ull << i;
	}
	features->cbom_block_size =
		get_optional(vcpu, RISCV_REG_CONFIG, RISCV_CONFIG_ZICBOM_BLOCK_SIZE);
	features->cboz_block_size =
		get_optional(vcpu, RISCV_REG_CONFIG, RISCV_CONFIG_ZICBOZ_BLOCK_SIZE);
	features->satp_mode =
		get_optional(vcpu, RISCV_REG_CONFIG, RISCV_CONFIG_SATP_MODE);
	return 0;
}

/*
 * What a guest can change, and a reset therefore has to put back. Of the timer that is the
 * time to compare with, see reset_timer().
 */
static bool is_state(uint64_t id)
{
	switch (kvm_riscv_reg_type(id)) {
	case RISCV_REG_CORE:
	case RISCV_REG_CSR:
	case RISCV_REG_FP_F:
	case RISCV_REG_FP_D:
	case RISCV_REG_VECTOR:
	case RISCV_REG_SBI_STATE:
		return true;
	default:
		return false;
	}
}

static int save_regs(struct vcpu *vcpu, struct err *err)
{
	struct vcpu_arch *arch = vcpu->arch;
	struct kvm_reg_list *list = kvm_vcpu_reg_list(&vcpu->kvm, err);
	int r = 0;

	if (!list)
		return err_prefix(err, "a host kernel of 6.6 or newer is needed: ");
	arch->regs = calloc(list->n + 1, sizeof(arch->regs[0]));
	if (!arch->regs)
		r = err_set(err, "no memory for registers");
	for (uint64_t i = 0; !r && i < list->n; i++) {
		struct saved_reg *reg = &arch->regs[arch->nr_regs];

		if (!is_state(list->reg[i]))
			continue;
		reg->id = list->reg[i];
		if (kvm_reg_size(reg->id) > sizeof(reg->value)) {
			arch->nr_regs++; /* of the vector unit: zero */
			continue;
		}
		/* One that cannot be read, of an extension that is off, has no state. */
		if (!kvm_vcpu_get_reg(&vcpu->kvm, reg->id, &reg->value, err))
			arch->nr_regs++;
	}
	free(list);
	return r;
}

/* Extensions that suit the machine: no AIA where a PLIC is, and the debug console. */
static void choose_extensions(const struct vcpu *vcpu)
{
	const uint64_t on = 1, off = 0;
	struct err err;

	if (!vcpu->vm->machine->has_msi)
		(void)kvm_vcpu_set_reg(
			&vcpu->kvm, kvm_riscv_reg(RISCV_REG_ISA_EXT, RISCV_ISA_EXT_SSAIA),
			&off, &err);
	/* Before Linux 6.8 there is none, and nobody misses it. */
	(void)kvm_vcpu_set_reg(&vcpu->kvm,
			       kvm_riscv_reg(RISCV_REG_SBI_EXT, RISCV_SBI_EXT_DBCN), &on,
			       &err);
}

int vcpu_arch_create(struct vcpu *vcpu, struct err *err)
{
	vcpu->arch = calloc(1, sizeof(*vcpu->arch));
	if (!vcpu->arch)
		return err_set(err, "vcpu %u: no memory", vcpu->index);
	choose_extensions(vcpu);
	if (read_features(vcpu, err) || save_regs(vcpu, err))
		return err_prefix(err, "vcpu %u: ", vcpu->index);
	return 0;
}

void vcpu_arch_destroy(struct vcpu *vcpu)
{
	if (vcpu->arch)
		free(vcpu->arch->regs);
	free(vcpu->arch);
	vcpu->arch = NULL;
}

/* Bytes of the widest register that an id can name: a vector of 2048 bits. */
#define MAX_REG_SIZE 256

static int restore_regs(struct vcpu *vcpu, struct err *err)
{
	static const uint8_t zeros[MAX_REG_SIZE] = { 0 };
	const struct vcpu_arch *arch = vcpu->arch;

	for (unsigned i = 0; i < arch->nr_regs; i++) {
		const struct saved_reg *reg = &arch->regs[i];
		const unsigned size = kvm_reg_size(reg->id);
		const void *value =
			size > sizeof(reg->value) ? (const void *)zeros : &reg->value;

		if (size > MAX_REG_SIZE)
			continue;
		/* Some of the vector unit KVM takes only as they are. */
		if (kvm_vcpu_set_reg(&vcpu->kvm, reg->id, value, err) &&
		    kvm_riscv_reg_type(reg->id) != RISCV_REG_VECTOR)
			return -1;
	}
	return 0;
}

/*
 * No timer interrupt is due for ever. With Sstc the time to compare with is a register of the
 * guest's, and KVM writes it only when the timer is on.
 */
static int reset_timer(struct vcpu *vcpu, struct err *err)
{
	const uint64_t never = UINT64_MAX, on = 1;

	if (kvm_vcpu_set_reg(&vcpu->kvm,
			     kvm_riscv_reg(RISCV_REG_TIMER, RISCV_TIMER_COMPARE), &never,
			     err))
		return -1;
	return kvm_vcpu_set_reg(
		&vcpu->kvm, kvm_riscv_reg(RISCV_REG_TIMER, RISCV_TIMER_STATE), &on, err);
}

/* Linux, Documentation/arch/riscv/boot.rst: a0 is the hart, a1 the device tree. */
static int set_entry(struct vcpu *vcpu, struct err *err)
{
	const struct machine *machine = vcpu->vm->machine;
	const uint64_t hart = vcpu->index;
	const struct {
		unsigned number;
		uint64_t value;
	} regs[] = {
		{ RISCV_CORE_PC, machine->entry },
		{ RISCV_CORE_A0, hart },
		{ RISCV_CORE_A1, machine->fdt_gpa },
	};

	for (unsigned i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
		if (kvm_vcpu_set_reg(&vcpu->kvm,
				     kvm_riscv_reg(RISCV_REG_CORE, regs[i].number),
				     &regs[i].value, err))
			return -1;
	}
	return 0;
}

int isa_vcpu_reset(struct vcpu *vcpu, struct err *err)
{
	const bool is_boot_cpu = vcpu->index == 0;
	const struct kvm_mp_state state = {
		.mp_state = is_boot_cpu ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_STOPPED,
	};

	if (restore_regs(vcpu, err) || reset_timer(vcpu, err) ||
	    (is_boot_cpu && set_entry(vcpu, err)) ||
	    kvm_vcpu_set_mp_state(&vcpu->kvm, &state, err))
		return err_prefix(err, "vcpu %u: reset: ", vcpu->index);
	return 0;
}

/* DBCN: `size` bytes at `gpa`. Returns what a0 gets; *written is a1. */
static unsigned long debug_write(struct vcpu *vcpu, uint64_t size, uint64_t gpa,
				 unsigned long *written)
{
	uint8_t chunk[CONSOLE_CHUNK];
	const size_t n = size < sizeof(chunk) ? size : sizeof(chunk);

	if (!memory_read(&vcpu->vm->memory, gpa, chunk, n))
		return SBI_ERR_INVALID_PARAM;
	for (size_t i = 0; i < n; i++)
		machine_on_output(vcpu->vm, chunk[i]);
	*written = n;
	return SBI_SUCCESS;
}

static void handle_dbcn(struct vcpu *vcpu, struct kvm_run *run)
{
	const unsigned long *args = run->riscv_sbi.args;
	unsigned long value = 0, error = SBI_SUCCESS;

	switch (run->riscv_sbi.function_id) {
	case SBI_DBCN_CONSOLE_WRITE:
		error = args[2] ? SBI_ERR_INVALID_PARAM
				: debug_write(vcpu, args[0], args[1], &value);
		break;
	case SBI_DBCN_CONSOLE_READ:
		break; /* nothing was typed: the serial port has the keys */
	case SBI_DBCN_CONSOLE_WRITE_BYTE:
		machine_on_output(vcpu->vm, (uint8_t)args[0]);
		break;
	default:
		error = SBI_ERR_NOT_SUPPORTED;
	}
	run->riscv_sbi.ret[0] = error;
	run->riscv_sbi.ret[1] = value;
}

static void handle_sbi(struct vcpu *vcpu, struct kvm_run *run)
{
	switch (run->riscv_sbi.extension_id) {
	case SBI_EXT_DBCN:
		handle_dbcn(vcpu, run);
		return;
	case SBI_EXT_0_1_CONSOLE_PUTCHAR:
		machine_on_output(vcpu->vm, (uint8_t)run->riscv_sbi.args[0]);
		run->riscv_sbi.ret[0] = 0;
		return;
	case SBI_EXT_0_1_CONSOLE_GETCHAR:
		run->riscv_sbi.ret[0] = -1ul; /* no key */
		return;
	default:
		run->riscv_sbi.ret[0] = SBI_ERR_NOT_SUPPORTED;
		run->riscv_sbi.ret[1] = 0;
	}
}

/* The only CSR that KVM leaves to us is the entropy source; any other reads zero. */
static void handle_csr(struct kvm_run *run)
{
	uint16_t entropy = 0;

	run->riscv_csr.ret_value = 0;
	if (run->riscv_csr.csr_num == CSR_SEED &&
	    getrandom(&entropy, sizeof(entropy), GRND_NONBLOCK) == sizeof(entropy))
		run->riscv_csr.ret_value = SEED_ES16 | entropy;
}

bool vcpu_arch_exit(struct vcpu *vcpu, struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_RISCV_SBI:
		vcpu->io_pending = true; /* the next KVM_RUN takes the answer */
		handle_sbi(vcpu, run);
		return true;
	case KVM_EXIT_RISCV_CSR:
		vcpu->io_pending = true;
		handle_csr(run);
		return true;
	default:
		return false;
	}
}

static void dump_reg(const struct vcpu *vcpu, enum kvm_riscv_reg_type type,
		     unsigned number, const char *name, const char *end, FILE *out)
{
	fprintf(out, "  %-10s %016llx%s", name,
		(unsigned long long)get_optional(vcpu, type, number), end);
}

void vcpu_arch_dump(const struct vcpu *vcpu, FILE *out)
{
	static const char *const core[RISCV_NR_CORE] = {
		"pc", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
		"a1", "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
		"s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
	};
	static const char *const csrs[] = RISCV_CSR_NAMES;

	fprintf(out, "tane: registers of vcpu %u:\n", vcpu->index);
	for (unsigned i = 0; i < RISCV_NR_CORE; i++)
		dump_reg(vcpu, RISCV_REG_CORE, i, core[i], i % 4 == 3 ? "\n" : "", out);
	for (unsigned i = 0; i < sizeof(csrs) / sizeof(csrs[0]); i++)
		dump_reg(vcpu, RISCV_REG_CSR, i, csrs[i], i % 4 == 3 ? "\n" : "", out);
	fputc('\n', out);
}
