/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arm64 part of the device tree: CPUs, PSCI, timer, PMU and GIC. Bindings are those
 * of Linux, Documentation/devicetree/bindings: arm/cpus.yaml, arm/psci.yaml,
 * arm/pmu.yaml, timer/arm,arch_timer.yaml, interrupt-controller/arm,gic.yaml and
 * arm,gic-v3.yaml, pci/pci-msi.txt.
 */
#include "arch/arm64/cpu.h"
#include "arch/arm64/isa.h"
#include "arch/arm64/layout.h"
#include "arch/dt_isa.h"

/* An interrupt specifier: kind, number, flags. */
#define GIC_CELLS  3
#define GIC_SPI    0u
#define GIC_PPI    1u
#define LEVEL_HIGH 4u

static const struct gic *gic_of(const struct vm *vm)
{
	return &vm->machine->isa->gic;
}

/* GICv2 wants to know which CPUs have the PPI: a bit for each. */
static uint32_t ppi_flags(const struct vm *vm)
{
	if (gic_of(vm)->kind != IRQCHIP_GICV2)
		return LEVEL_HIGH;
	return ((1u << vm->config->cpus) - 1) << 8 | LEVEL_HIGH;
}

static void fdt_cpu(struct fdt_writer *fdt, const struct vm *vm, unsigned index)
{
	const uint64_t affinity = vm->vcpus[index].arch->mpidr & MPIDR_AFFINITY;

	fdt_node(fdt, "cpu@%llx", (unsigned long long)affinity);
	fdt_text(fdt, "device_type", "cpu");
	fdt_text(fdt, "compatible", "arm,armv8");
	fdt_u64(fdt, "reg", affinity);
	fdt_text(fdt, "enable-method", "psci");
	fdt_u32(fdt, "phandle", DT_PHANDLE_CPU + index);
	fdt_node_end(fdt);
}

static void fdt_psci(struct fdt_writer *fdt)
{
	static const char *const compatible[] = { "arm,psci-1.0", "arm,psci-0.2" };

	fdt_node(fdt, "psci");
	fdt_texts(fdt, "compatible", compatible, 2);
	fdt_text(fdt, "method", "hvc");
	fdt_node_end(fdt);
}

/* Its counter never stops, and KVM wakes a CPU that waits for it. */
static void fdt_timer(struct fdt_writer *fdt, const struct vm *vm)
{
	const uint32_t flags = ppi_flags(vm);
	const uint32_t interrupts[] = {
		GIC_PPI, PPI_TIMER_SECURE,  flags, GIC_PPI, PPI_TIMER_PHYSICAL,   flags,
		GIC_PPI, PPI_TIMER_VIRTUAL, flags, GIC_PPI, PPI_TIMER_HYPERVISOR, flags,
	};

	fdt_node(fdt, "timer");
	fdt_text(fdt, "compatible", "arm,armv8-timer");
	fdt_u32(fdt, "interrupt-parent", DT_PHANDLE_IRQ);
	fdt_cells(fdt, "interrupts", interrupts, 4 * GIC_CELLS);
	fdt_flag(fdt, "always-on");
	fdt_node_end(fdt);
}

static void fdt_pmu(struct fdt_writer *fdt, const struct vm *vm)
{
	const uint32_t interrupt[] = { GIC_PPI, PPI_PMU, ppi_flags(vm) };

	fdt_node(fdt, "pmu");
	fdt_text(fdt, "compatible", "arm,armv8-pmuv3");
	fdt_u32(fdt, "interrupt-parent", DT_PHANDLE_IRQ);
	fdt_cells(fdt, "interrupts", interrupt, GIC_CELLS);
	fdt_node_end(fdt);
}

void isa_fdt_cpus(struct fdt_writer *fdt, const struct vm *vm)
{
	fdt_node(fdt, "cpus");
	fdt_u32(fdt, "#address-cells", 2);
	fdt_u32(fdt, "#size-cells", 0);
	for (unsigned i = 0; i < vm->config->cpus; i++)
		fdt_cpu(fdt, vm, i);
	fdt_node_end(fdt);
	fdt_psci(fdt);
	fdt_timer(fdt, vm);
	if (vm->machine->isa->has_pmu)
		fdt_pmu(fdt, vm);
}

/* What a controller has, and what its child that takes messages needs. */
static void begin_controller(struct fdt_writer *fdt)
{
	fdt_node(fdt, "interrupt-controller@%llx", LAYOUT_GICD);
	fdt_u32(fdt, "phandle", DT_PHANDLE_IRQ);
	fdt_flag(fdt, "interrupt-controller");
	fdt_u32(fdt, "#interrupt-cells", GIC_CELLS);
	fdt_u32(fdt, "#address-cells", 2);
	fdt_u32(fdt, "#size-cells", 2);
	fdt_flag(fdt, "ranges");
}

static void fdt_gicv3(struct fdt_writer *fdt, const struct vm *vm)
{
	const uint64_t reg[] = { LAYOUT_GICD, LAYOUT_GICD_SIZE, LAYOUT_GICR,
				 vm->config->cpus * LAYOUT_GICR_SIZE };
	const uint64_t its[] = { LAYOUT_ITS, LAYOUT_ITS_SIZE };

	begin_controller(fdt);
	fdt_text(fdt, "compatible", "arm,gic-v3");
	fdt_reg(fdt, "reg", reg, 2);
	if (vm->machine->has_msi) {
		fdt_node(fdt, "msi-controller@%llx", LAYOUT_ITS);
		fdt_text(fdt, "compatible", "arm,gic-v3-its");
		fdt_u32(fdt, "phandle", DT_PHANDLE_MSI);
		fdt_reg(fdt, "reg", its, 1);
		fdt_flag(fdt, "msi-controller");
		fdt_u32(fdt, "#msi-cells", 1);
		fdt_node_end(fdt);
	}
	fdt_node_end(fdt);
}

static void fdt_gicv2(struct fdt_writer *fdt, const struct vm *vm)
{
	const uint64_t reg[] = { LAYOUT_GICD, LAYOUT_GICV2_GICD_SIZE, LAYOUT_GICC,
				 LAYOUT_GICC_SIZE };
	const uint64_t v2m[] = { LAYOUT_V2M, GIC_V2M_SIZE };

	begin_controller(fdt);
	fdt_text(fdt, "compatible", "arm,gic-400");
	fdt_reg(fdt, "reg", reg, 2);
	if (vm->machine->has_msi) {
		fdt_node(fdt, "v2m@%llx", LAYOUT_V2M);
		fdt_text(fdt, "compatible", "arm,gic-v2m-frame");
		fdt_u32(fdt, "phandle", DT_PHANDLE_MSI);
		fdt_reg(fdt, "reg", v2m, 1);
		fdt_flag(fdt, "msi-controller");
		fdt_node_end(fdt);
	}
	fdt_node_end(fdt);
}

void isa_fdt_irqchips(struct fdt_writer *fdt, const struct vm *vm)
{
	if (gic_of(vm)->kind == IRQCHIP_GICV2)
		fdt_gicv2(fdt, vm);
	else
		fdt_gicv3(fdt, vm);
}

unsigned isa_fdt_irq(const struct vm *vm, unsigned irq, uint32_t cells[DT_MAX_IRQ_CELLS])
{
	(void)vm;
	cells[0] = GIC_SPI;
	cells[1] = irq;
	cells[2] = LEVEL_HIGH;
	return GIC_CELLS;
}

/* The ITS knows senders by their requester ID, all of one bus; v2m does not care. */
void isa_fdt_msi(struct fdt_writer *fdt, const struct vm *vm)
{
	const uint32_t all[] = { 0, DT_PHANDLE_MSI, 0, 0x10000 };

	if (gic_of(vm)->kind == IRQCHIP_GICV2)
		fdt_u32(fdt, "msi-parent", DT_PHANDLE_MSI);
	else
		fdt_cells(fdt, "msi-map", all, 4);
}
