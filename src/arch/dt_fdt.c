/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree of the machine: what dt_machine.c built, in the words of the
 * Devicetree Specification 0.4 and of Linux's bindings. The ISA adds its own nodes.
 *
 * Every chip's node is named after its address. All their interrupts are inputs of one
 * controller. It is not the root's interrupt-parent: the controllers of harts would
 * inherit that, and wait for what waits for them.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "arch/dt_chips.h"
#include "arch/dt_isa.h"
#include "dev/pl011.h"
#include "dev/primecell.h"
#include "virtio/transport.h"

/* A hart with all extensions takes 1 KiB; all the rest fits into the other part. */
#define TREE_SIZE(cpus) (0x10000 + (size_t)(cpus)*2048)

#define UART_SIZE      0x100 /* as much as bindings say; the chip has less */
#define INTX_WIRES     4
#define MAP_ENTRY_MAX  (3 + 1 + 1 + 2 + DT_MAX_IRQ_CELLS)
#define RANGE_CELLS    7
#define SPACE_MEMORY32 0x02000000u /* PCI Bus Binding 2.1, 2.2.1.1: phys.hi */
#define SPACE_MEMORY64 0x43000000u /* and prefetchable, or Linux thinks it too large */

static uint32_t high(uint64_t value)
{
	return (uint32_t)(value >> 32);
}

static uint32_t low(uint64_t value)
{
	return (uint32_t)value;
}

void dt_fdt_reg(struct fdt_writer *fdt, uint64_t base, uint64_t size)
{
	const uint64_t pair[] = { base, size };

	fdt_reg(fdt, "reg", pair, 1);
}

void dt_fdt_irq(struct fdt_writer *fdt, const struct vm *vm, unsigned irq)
{
	uint32_t cells[DT_MAX_IRQ_CELLS];
	const unsigned count = isa_fdt_irq(vm, irq, cells);

	fdt_u32(fdt, "interrupt-parent", DT_PHANDLE_IRQ);
	fdt_cells(fdt, "interrupts", cells, count);
}

/* One cell if that is enough, as older schemas want it; kernels take both. */
static void put_address(struct fdt_writer *fdt, const char *name, uint64_t address)
{
	if (address <= UINT32_MAX)
		fdt_u32(fdt, name, (uint32_t)address);
	else
		fdt_u64(fdt, name, address);
}

/* What the kernel finds of us, and entropy that nobody else has. */
static void put_chosen(struct fdt_writer *fdt, const struct vm *vm,
		       const struct loader *loader)
{
	uint8_t seed[40];

	fdt_node(fdt, "chosen");
	fdt_text(fdt, "bootargs", loader->cmdline);
	if (vm->config->serials[0].kind != SERIAL_ABSENT)
		fdt_text(fdt, "stdout-path", "serial0:115200n8");
	if (loader->nr_modules) {
		put_address(fdt, "linux,initrd-start", loader->modules[0].gpa);
		put_address(fdt, "linux,initrd-end",
			    loader->modules[0].gpa + loader->modules[0].size);
	}
	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed)) {
		fdt_bytes(fdt, "kaslr-seed", seed, 8);
		fdt_bytes(fdt, "rng-seed", seed + 8, sizeof(seed) - 8);
	}
	fdt_node_end(fdt);
}

static void put_aliases(struct fdt_writer *fdt, const struct vm *vm)
{
	char name[16], path[32];

	fdt_node(fdt, "aliases");
	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (vm->config->serials[i].kind == SERIAL_ABSENT)
			continue;
		snprintf(name, sizeof(name), "serial%u", i);
		snprintf(path, sizeof(path), "/serial@%llx",
			 (unsigned long long)(dt_layout.uarts +
					      i * dt_layout.uart_stride));
		fdt_text(fdt, name, path);
	}
	fdt_node_end(fdt);
}

static void put_memory(struct fdt_writer *fdt, const struct vm *vm)
{
	fdt_node(fdt, "memory@%llx", (unsigned long long)dt_layout.ram);
	fdt_text(fdt, "device_type", "memory");
	dt_fdt_reg(fdt, dt_layout.ram, vm->config->memory);
	fdt_node_end(fdt);
}

/* A clock that ticks: PrimeCells want to know of theirs. */
static void put_clock(struct fdt_writer *fdt)
{
	fdt_node(fdt, "clock");
	fdt_text(fdt, "compatible", "fixed-clock");
	fdt_u32(fdt, "#clock-cells", 0);
	fdt_u32(fdt, "clock-frequency", dt_layout.uart_clock);
	fdt_u32(fdt, "phandle", DT_PHANDLE_CLOCK);
	fdt_node_end(fdt);
}

void dt_fdt_primecell(struct fdt_writer *fdt, const char *kind, const char *clock)
{
	const char *const compatible[] = { kind, "arm,primecell" };
	const char *const names[] = { clock, "apb_pclk" };
	const uint32_t clocks[] = { DT_PHANDLE_CLOCK, DT_PHANDLE_CLOCK };
	const unsigned first = clock ? 0 : 1; /* the bus's clock alone */

	fdt_texts(fdt, "compatible", compatible, 2);
	fdt_cells(fdt, "clocks", clocks + first, 2 - first);
	fdt_texts(fdt, "clock-names", names + first, 2 - first);
}

static void put_uart(struct fdt_writer *fdt, const struct vm *vm, unsigned number)
{
	const uint64_t base = dt_layout.uarts + number * dt_layout.uart_stride;
	const bool is_pl011 = dt_layout.uart_model == &pl011_model;

	fdt_node(fdt, "serial@%llx", (unsigned long long)base);
	dt_fdt_reg(fdt, base, is_pl011 ? PRIMECELL_SIZE : UART_SIZE);
	dt_fdt_irq(fdt, vm, DT_IRQ_UART + number);
	if (is_pl011) {
		dt_fdt_primecell(fdt, "arm,pl011", "uartclk");
	} else {
		fdt_text(fdt, "compatible", "ns16550a");
		fdt_u32(fdt, "clock-frequency", dt_layout.uart_clock);
	}
	fdt_node_end(fdt);
}

static void put_uarts(struct fdt_writer *fdt, const struct vm *vm)
{
	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (vm->config->serials[i].kind != SERIAL_ABSENT)
			put_uart(fdt, vm, i);
	}
}

static void put_virtio_mmio(struct fdt_writer *fdt, const struct vm *vm)
{
	const struct machine_common *common = machine_common(vm);

	for (unsigned i = 0; i < common->virtio.count; i++) {
		const uint64_t base = dt_layout.virtio_mmio + i * dt_layout.virtio_stride;

		fdt_node(fdt, "virtio@%llx", (unsigned long long)base);
		fdt_text(fdt, "compatible", "virtio,mmio");
		dt_fdt_reg(fdt, base, VIRTIO_MMIO_SIZE);
		dt_fdt_irq(fdt, vm, DT_IRQ_VIRTIO + i);
		fdt_flag(fdt, "dma-coherent");
		fdt_node_end(fdt);
	}
}

static unsigned put_range(uint32_t *cells, uint32_t space,
			  const struct pci_window *window)
{
	const uint32_t range[RANGE_CELLS] = {
		space,
		high(window->base),
		low(window->base),
		high(window->base),
		low(window->base),
		high(window->size),
		low(window->size),
	};

	if (!window->size)
		return 0;
	memcpy(cells, range, sizeof(range));
	return RANGE_CELLS;
}

/*
 * Which irq INTA# to INTD# of a device leads to: the wires turn by one from device to
 * device, so four devices tell of all (interrupt-map-mask leaves two bits of the number).
 */
static void put_interrupt_map(struct fdt_writer *fdt, const struct vm *vm)
{
	const uint32_t mask[] = { 3 << 11, 0, 0, 7 };
	uint32_t cells[INTX_WIRES * INTX_WIRES * MAP_ENTRY_MAX];
	unsigned n = 0;

	for (unsigned device = 0; device < INTX_WIRES; device++) {
		for (unsigned pin = 0; pin < INTX_WIRES; pin++) {
			const unsigned wire = (pci_intx_pin(device) + pin) % INTX_WIRES;

			cells[n++] = device << 11; /* phys.hi, mid, low */
			cells[n++] = 0;
			cells[n++] = 0;
			cells[n++] = pin + 1;
			cells[n++] = DT_PHANDLE_IRQ;
			for (unsigned i = 0; i < isa_irq_address_cells; i++)
				cells[n++] = 0;
			n += isa_fdt_irq(vm, DT_IRQ_PCI + wire, &cells[n]);
		}
	}
	fdt_cells(fdt, "interrupt-map", cells, n);
	fdt_cells(fdt, "interrupt-map-mask", mask, 4);
}

static void put_pci(struct fdt_writer *fdt, const struct vm *vm)
{
	const struct machine *machine = vm->machine;
	const uint32_t buses[] = { 0, 0 };
	uint32_t ranges[2 * RANGE_CELLS];
	unsigned n = 0;

	fdt_node(fdt, "pcie@%llx", (unsigned long long)dt_layout.ecam);
	fdt_text(fdt, "compatible", "pci-host-ecam-generic");
	fdt_text(fdt, "device_type", "pci");
	dt_fdt_reg(fdt, dt_layout.ecam, PCI_ECAM_SIZE);
	fdt_u32(fdt, "#address-cells", 3);
	fdt_u32(fdt, "#size-cells", 2);
	fdt_u32(fdt, "#interrupt-cells", 1);
	fdt_cells(fdt, "bus-range", buses, 2);
	fdt_u32(fdt, "linux,pci-domain", 0);
	fdt_flag(fdt, "dma-coherent");
	n += put_range(&ranges[n], SPACE_MEMORY32, &machine->pci.mem32);
	n += put_range(&ranges[n], SPACE_MEMORY64, &machine->pci.mem64);
	fdt_cells(fdt, "ranges", ranges, n);
	put_interrupt_map(fdt, vm);
	if (machine->has_msi)
		isa_fdt_msi(fdt, vm);
	fdt_node_end(fdt);
}

static void put_nodes(struct fdt_writer *fdt, const struct vm *vm,
		      const struct loader *loader)
{
	fdt_u32(fdt, "#address-cells", 2);
	fdt_u32(fdt, "#size-cells", 2);
	fdt_text(fdt, "compatible", "linux,dummy-virt");
	fdt_text(fdt, "model", "tane");
	put_chosen(fdt, vm, loader);
	put_aliases(fdt, vm);
	put_memory(fdt, vm);
	isa_fdt_cpus(fdt, vm);
	isa_fdt_irqchips(fdt, vm);
	if (dt_layout.uart_model == &pl011_model)
		put_clock(fdt);
	put_uarts(fdt, vm);
	dt_chips_fdt(fdt, vm);
	if (vm->config->virtio == VIRTIO_MMIO)
		put_virtio_mmio(fdt, vm);
	/* A kernel would look at each place of an empty bus. */
	if (vm->machine->has_pci && machine_common(vm)->virtio.count)
		put_pci(fdt, vm);
}

int dt_fdt_build(struct vm *vm, const struct loader *loader, struct err *err)
{
	struct machine *machine = vm->machine;
	struct fdt_writer fdt;

	if (fdt_writer_init(&fdt, TREE_SIZE(vm->config->cpus) + LOADER_MAX_CMDLINE, err))
		return -1;
	put_nodes(&fdt, vm, loader);
	return fdt_writer_finish(&fdt, &machine->fdt, &machine->fdt_size, err);
}
