/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What riscv64 has in the device tree, by Linux's bindings: harts (riscv/cpus.yaml,
 * extensions.yaml), and the AIA or the PLIC. Needs no KVM.
 *
 * Which ISA harts have is told twice: as one string for older kernels, and as a list.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/dt_isa.h"
#include "arch/riscv64/cpu.h"
#include "arch/riscv64/isa.h"
#include "arch/riscv64/layout.h"
#include "kvm/kvm_riscv.h"

#define IRQ_S_EXT \
	9 /* supervisor external interrupt, an input of a hart's own controller */

#define MAX_EXTENSIONS 96
#define MAX_ISA_TEXT   1024

const unsigned isa_irq_address_cells = 0;

/* Letters in the order in which the ISA manual wants them (volume I, 36.11). */
static const char letters[] = "imafdqlcbkjtpvh";

struct isa_names {
	char single[sizeof(letters)][2];
	const char *names[MAX_EXTENSIONS];
	unsigned nr;
	char text[MAX_ISA_TEXT]; /* "rv64imafdc_zba_..." */
};

static void collect(const struct cpu_features *features, struct isa_names *isa)
{
	size_t used = (size_t)snprintf(isa->text, sizeof(isa->text), "rv64");

	isa->nr = 0;
	for (unsigned i = 0; letters[i]; i++) {
		if (!(features->isa >> (letters[i] - 'a') & 1))
			continue;
		isa->single[i][0] = letters[i];
		isa->single[i][1] = '\0';
		isa->names[isa->nr++] = isa->single[i];
		isa->text[used++] = letters[i];
	}
	isa->text[used] = '\0';
	for (unsigned i = 0; i < 64; i++) {
		if (!(features->extensions >> i & 1))
			continue;
		isa->names[isa->nr++] = kvm_riscv_isa_ext_name(i);
		used += (size_t)snprintf(isa->text + used, sizeof(isa->text) - used,
					 "_%s", kvm_riscv_isa_ext_name(i));
	}
}

static const char *mmu_type(const struct cpu_features *features)
{
	switch (features->satp_mode) {
	case 9:
		return "riscv,sv48";
	case 10:
		return "riscv,sv57";
	default:
		return "riscv,sv39";
	}
}

static void put_block_sizes(struct fdt_writer *fdt, const struct cpu_features *features)
{
	if (features->cbom_block_size)
		fdt_u32(fdt, "riscv,cbom-block-size",
			(uint32_t)features->cbom_block_size);
	if (features->cboz_block_size)
		fdt_u32(fdt, "riscv,cboz-block-size",
			(uint32_t)features->cboz_block_size);
}

static void put_hart(struct fdt_writer *fdt, const struct vcpu *vcpu)
{
	const struct cpu_features *features = &vcpu->arch->features;
	struct isa_names isa;

	collect(features, &isa);
	fdt_node(fdt, "cpu@%x", vcpu->index);
	fdt_text(fdt, "device_type", "cpu");
	fdt_u32(fdt, "reg", vcpu->index);
	fdt_text(fdt, "compatible", "riscv");
	fdt_text(fdt, "status", "okay");
	fdt_text(fdt, "riscv,isa", isa.text);
	fdt_text(fdt, "riscv,isa-base", "rv64i");
	fdt_texts(fdt, "riscv,isa-extensions", isa.names, isa.nr);
	fdt_text(fdt, "mmu-type", mmu_type(features));
	put_block_sizes(fdt, features);
	fdt_u32(fdt, "phandle", DT_PHANDLE_CPU + vcpu->index);

	fdt_node(fdt, "interrupt-controller");
	fdt_text(fdt, "compatible", "riscv,cpu-intc");
	fdt_flag(fdt, "interrupt-controller");
	fdt_u32(fdt, "#interrupt-cells", 1);
	fdt_u32(fdt, "#address-cells", 0);
	fdt_u32(fdt, "phandle", DT_PHANDLE_CPU_INTC + vcpu->index);
	fdt_node_end(fdt);
	fdt_node_end(fdt);
}

void isa_fdt_cpus(struct fdt_writer *fdt, const struct vm *vm)
{
	fdt_node(fdt, "cpus");
	fdt_u32(fdt, "#address-cells", 1);
	fdt_u32(fdt, "#size-cells", 0);
	fdt_u32(fdt, "timebase-frequency",
		(uint32_t)vm->vcpus[0].arch->features.timebase);
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		put_hart(fdt, &vm->vcpus[i]);
	fdt_node_end(fdt);
}

/* The wires to the external interrupts of all harts, in order. */
static void put_harts_inputs(struct fdt_writer *fdt, const struct vm *vm)
{
	uint32_t cells[2 * CONFIG_MAX_CPUS];

	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		cells[2 * i] = DT_PHANDLE_CPU_INTC + i;
		cells[2 * i + 1] = IRQ_S_EXT;
	}
	fdt_cells(fdt, "interrupts-extended", cells, 2 * vm->nr_vcpus);
}

uint32_t aia_hart_index_bits(unsigned count)
{
	uint32_t bits = 0;

	while (1u << bits < count)
		bits++;
	return bits;
}

static void put_imsics(const struct aia *aia, struct fdt_writer *fdt, const struct vm *vm)
{
	const unsigned cpus = vm->config->cpus;
	const uint64_t reg[] = { LAYOUT_IMSIC, cpus * RISCV_AIA_IMSIC_SIZE };

	fdt_node(fdt, "interrupt-controller@%llx", LAYOUT_IMSIC);
	fdt_text(fdt, "compatible", "riscv,imsics");
	fdt_reg(fdt, "reg", reg, 1);
	fdt_flag(fdt, "interrupt-controller");
	fdt_u32(fdt, "#interrupt-cells", 0);
	fdt_u32(fdt, "#address-cells", 0);
	fdt_flag(fdt, "msi-controller");
	fdt_u32(fdt, "#msi-cells", 0);
	put_harts_inputs(fdt, vm);
	fdt_u32(fdt, "riscv,num-ids", aia->nr_ids);
	if (cpus > 1)
		fdt_u32(fdt, "riscv,hart-index-bits", aia_hart_index_bits(cpus));
	fdt_u32(fdt, "phandle", DT_PHANDLE_MSI);
	fdt_node_end(fdt);
}

static void put_aia(const struct aia *aia, struct fdt_writer *fdt, const struct vm *vm)
{
	const uint64_t reg[] = { LAYOUT_APLIC, RISCV_AIA_APLIC_SIZE };

	put_imsics(aia, fdt, vm);
	fdt_node(fdt, "interrupt-controller@%llx", LAYOUT_APLIC);
	fdt_text(fdt, "compatible", "riscv,aplic");
	fdt_reg(fdt, "reg", reg, 1);
	fdt_flag(fdt, "interrupt-controller");
	fdt_u32(fdt, "#interrupt-cells", 2);
	fdt_u32(fdt, "#address-cells", 0);
	fdt_u32(fdt, "riscv,num-sources", DT_NR_IRQS);
	fdt_u32(fdt, "msi-parent", DT_PHANDLE_MSI);
	fdt_u32(fdt, "phandle", DT_PHANDLE_IRQ);
	fdt_node_end(fdt);
}

static void put_plic(struct fdt_writer *fdt, const struct vm *vm)
{
	static const char *const compatible[] = { "sifive,plic-1.0.0", "riscv,plic0" };
	const uint64_t reg[] = { LAYOUT_PLIC, PLIC_SIZE(vm->config->cpus) };

	fdt_node(fdt, "interrupt-controller@%llx", LAYOUT_PLIC);
	fdt_texts(fdt, "compatible", compatible, 2);
	fdt_reg(fdt, "reg", reg, 1);
	fdt_flag(fdt, "interrupt-controller");
	fdt_u32(fdt, "#interrupt-cells", 1);
	fdt_u32(fdt, "#address-cells", 0);
	put_harts_inputs(fdt, vm);
	fdt_u32(fdt, "riscv,ndev", DT_NR_IRQS - 1);
	fdt_u32(fdt, "phandle", DT_PHANDLE_IRQ);
	fdt_node_end(fdt);
}

void isa_fdt_irqchips(struct fdt_writer *fdt, const struct vm *vm)
{
	if (vm->machine->isa->has_plic)
		put_plic(fdt, vm);
	else
		put_aia(&vm->machine->isa->aia, fdt, vm);
}

unsigned isa_fdt_irq(const struct vm *vm, unsigned irq, uint32_t cells[DT_MAX_IRQ_CELLS])
{
	cells[0] = irq;
	cells[1] = 4; /* IRQ_TYPE_LEVEL_HIGH */
	return vm->machine->isa->has_plic ? 1 : 2;
}

void isa_fdt_msi(struct fdt_writer *fdt, const struct vm *vm)
{
	(void)vm;
	fdt_u32(fdt, "msi-parent", DT_PHANDLE_MSI);
}
